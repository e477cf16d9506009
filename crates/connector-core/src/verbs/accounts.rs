//! `accounts`: prints the resolved accounts with the way to reach each.

use std::io::{self, Write};

use auth_core::{Account, Authenticator};
use serde::Serialize;

use super::{Context, print, tell};
use crate::collect::{Journal, resolve};
use crate::exit::Exit;

/// One account of the listing.
#[derive(Serialize)]
struct Row {
    account_id: String,
    account_name: Option<String>,
    organizational_unit_id: Option<String>,
    organizational_unit_path: Option<String>,
    state: Option<String>,
    master: bool,
    collected: bool,
    reason: Option<String>,
    chain: Vec<String>,
}

pub(crate) async fn accounts(context: &Context<'_>, stdout: &mut (dyn Write + Send)) -> io::Result<Exit> {
    let authenticator = Authenticator::new(context.host.clone(), context.settings.auth.clone());
    let list = match resolve(&authenticator, context.settings, &Journal::default()).await {
        Ok(list) => list,
        Err(error) => return Ok(tell(context.terminal, &error)),
    };
    for warning in &list.warnings {
        tracing::warn!("{warning}");
    }
    let row = |account: &Account, reason: Option<String>| Row {
        account_id: account.id.to_string(),
        account_name: account.name.clone(),
        organizational_unit_id: account.organizational_unit_id.clone(),
        organizational_unit_path: account.organizational_unit_path.clone(),
        state: account.state.clone(),
        master: account.master,
        collected: reason.is_none(),
        chain: if reason.is_some() {
            Vec::new()
        } else {
            let hops = authenticator.hops_to(Some(account)).unwrap_or_default();
            hops.into_iter().map(|hop| hop.role_arn).collect()
        },
        reason,
    };
    let mut rows: Vec<Row> = list.accounts.iter().map(|account| row(account, None)).collect();
    rows.extend(
        list.skipped
            .iter()
            .map(|skipped| row(&skipped.account, Some(skipped.reason.clone()))),
    );
    rows.sort_by(|a, b| a.account_id.cmp(&b.account_id));
    let head = [
        "account_id",
        "account_name",
        "organizational_unit_id",
        "organizational_unit_path",
        "state",
        "reached",
    ];
    print(stdout, context, &head, &rows, |row| {
        let reached = match (&row.reason, row.chain.is_empty()) {
            (Some(reason), _) => format!("skipped: {reason}"),
            (None, true) => "with the initial credentials".to_owned(),
            (None, false) => row.chain.join(" → "),
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            row.account_id.clone(),
            text(&row.account_name),
            text(&row.organizational_unit_id),
            text(&row.organizational_unit_path),
            text(&row.state),
            reached,
        ]
    })?;
    Ok(Exit::Complete)
}
