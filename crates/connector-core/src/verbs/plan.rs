//! `plan`: the slices, calls and permissions of a run. Makes only the calls that the listing needs.

use std::io::{self, Write};

use auth_core::Authenticator;
use auth_core::settings::{Method, Scope};

use super::iam_policy::permissions;
use super::{Context, tell};
use crate::collect::{Journal, resolve};
use crate::connector::Connector;
use crate::exit::Exit;
use crate::terminal::{Terminal, harmless, table};

pub(crate) async fn plan<C: Connector>(
    connector: &C,
    context: &Context<'_>,
    stdout: &mut (dyn Write + Send),
) -> io::Result<Exit> {
    let auth = &context.settings.auth;
    let authenticator = Authenticator::new(context.host.clone(), auth.clone());
    let list = match resolve(&authenticator, context.settings, &Journal::default()).await {
        Ok(list) => list,
        Err(error) => return Ok(tell(context.terminal, &error)),
    };
    let mut included: Vec<&str> = auth.regions.include.iter().map(String::as_str).collect();
    included.retain(|region| !auth.regions.exclude.iter().any(|excluded| excluded == region));
    included.sort_unstable();
    included.dedup();
    let regions = if auth.regions.include.is_empty() {
        "every region that is enabled in the account (one DescribeRegions)".to_owned()
    } else {
        included.join(", ")
    };
    let rows = list.accounts.iter().map(|account| {
        let name = account.name.clone().unwrap_or_default();
        vec![
            account.id.to_string(),
            name,
            regions.clone(),
            connector.about().calls.to_owned(),
        ]
    });
    let width = Terminal::table_width();
    stdout.write_all(
        table(
            width,
            &["account_id", "account_name", "regions", "calls per region"],
            rows,
        )
        .as_bytes(),
    )?;
    for skipped in &list.skipped {
        writeln!(
            stdout,
            " {} is skipped: {}",
            skipped.account.id,
            harmless(&skipped.reason)
        )?;
    }

    let accounts = list.accounts.len();
    let shared = auth
        .scope
        .sub_account_chain()
        .unwrap_or_default()
        .iter()
        .take_while(|role| !role.has_placeholder());
    let (shared, hops) = (shared.count(), auth.scope.sub_account_chain().unwrap_or_default().len());
    let sub_accounts = list.accounts.iter().filter(|account| !account.master).count();
    let assumed = auth.master_chain.len() + if sub_accounts > 0 { shared } else { 0 } + sub_accounts * (hops - shared);
    writeln!(stdout, "\ncalls of a run, renewals and retries apart:")?;
    if matches!(auth.method, Method::WebIdentity(_)) {
        writeln!(stdout, "  1 token request, 1 AssumeRoleWithWebIdentity")?;
    }
    writeln!(stdout, "  {assumed} AssumeRole, {} GetCallerIdentity", accounts + 1)?;
    if matches!(auth.scope, Scope::Organization { .. }) {
        writeln!(
            stdout,
            "  2 of AWS Organizations per organizational unit, and 1 for the root"
        )?;
    }
    if auth.regions.include.is_empty() {
        writeln!(stdout, "  {accounts} DescribeRegions")?;
    } else {
        writeln!(
            stdout,
            "  {} slices: {}",
            accounts * included.len(),
            connector.about().calls
        )?;
    }
    writeln!(stdout, "\npermissions (the iam-policy verb prints them as policies):")?;
    for (who, actions) in permissions(connector.about(), auth) {
        if !actions.is_empty() {
            writeln!(stdout, "  {who}: {}", actions.join(", "))?;
        }
    }
    stdout.flush()?;
    Ok(Exit::Complete)
}
