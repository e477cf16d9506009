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
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let rows = list.accounts.iter().map(|account| {
        vec![
            account.id.to_string(),
            text(&account.name),
            text(&account.organizational_unit_path),
        ]
    });
    let head = ["account_id", "account_name", "organizational_unit_path"];
    stdout.write_all(table(Terminal::table_width(), &head, rows).as_bytes())?;
    for skipped in &list.skipped {
        writeln!(
            stdout,
            " {} is skipped: {}",
            skipped.account.id,
            harmless(&skipped.reason)
        )?;
    }

    if let Some(shard) = context.settings.shard {
        writeln!(
            stdout,
            "\nshard: {shard}; the accounts of the other shards are not listed here"
        )?;
    }
    let accounts = list.accounts.len();
    if auth.regions.include.is_empty() {
        writeln!(stdout, "\nregions: every region that is enabled in the account")?;
    } else {
        writeln!(stdout, "\nregions: {}", included.join(", "))?;
    }
    writeln!(stdout, "calls per region: {}", connector.about().calls)?;
    let chain = auth.scope.sub_account_chain().unwrap_or_default();
    let shared = chain.iter().take_while(|role| !role.has_placeholder()).count();
    let sub_accounts = list.accounts.iter().filter(|account| !account.master).count();
    let shared_hops = if sub_accounts > 0 { shared } else { 0 };
    let assumed = auth.master_chain.len() + shared_hops + sub_accounts * (chain.len() - shared);
    writeln!(stdout, "\ncalls of a run, renewals and retries apart:")?;
    if matches!(auth.method, Method::WebIdentity(_)) {
        writeln!(stdout, "  1 token request, 1 AssumeRoleWithWebIdentity")?;
    }
    writeln!(stdout, "  {assumed} AssumeRole, {} GetCallerIdentity", accounts + 1)?;
    if matches!(auth.scope, Scope::Organization { .. }) {
        writeln!(
            stdout,
            "  4 of AWS Organizations per organizational unit, in two listings that must agree, and 1 for the root"
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
    for (who, actions) in permissions(&connector.actions(context.values), auth) {
        if !actions.is_empty() {
            writeln!(stdout, "  {who}: {}", actions.join(", "))?;
        }
    }
    stdout.flush()?;
    Ok(Exit::Complete)
}
