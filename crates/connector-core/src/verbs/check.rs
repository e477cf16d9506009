//! `check`: walks every hop of every account and says for each whether it works. Collects nothing.

use std::io::{self, Write};

use auth_core::error::Report;
use auth_core::{Account, Authenticator, regions};
use futures::stream::{self, StreamExt as _};
use serde::Serialize;

use super::{Context, print, tell};
use crate::collect::{Journal, resolve};
use crate::exit::Exit;
use crate::slice::{Outcome, SliceError};

/// What became of one account.
#[derive(Serialize)]
struct Row {
    account_id: String,
    account_name: Option<String>,
    outcome: Outcome,
    caller_arn: Option<String>,
    regions: Vec<String>,
    cause: Option<Report>,
    reason: Option<String>,
}

impl Row {
    fn of(account: &Account, outcome: Outcome) -> Self {
        Row {
            account_id: account.id.to_string(),
            account_name: account.name.clone(),
            outcome,
            caller_arn: None,
            regions: Vec::new(),
            cause: None,
            reason: None,
        }
    }
}

pub(crate) async fn check(context: &Context<'_>, stdout: &mut (dyn Write + Send)) -> io::Result<Exit> {
    let authenticator = Authenticator::new(context.host.clone(), context.settings.auth.clone());
    let list = match resolve(&authenticator, context.settings, &Journal::default()).await {
        Ok(list) => list,
        Err(error) => return Ok(tell(context.terminal, &error)),
    };
    let mut rows: Vec<Row> = stream::iter(list.accounts)
        .map(|account| check_account(context, &authenticator, account))
        .buffer_unordered(context.settings.max_concurrency)
        .collect()
        .await;
    for skipped in &list.skipped {
        let mut row = Row::of(&skipped.account, Outcome::Skipped);
        row.reason = Some(skipped.reason.clone());
        rows.push(row);
    }
    rows.sort_by(|a, b| a.account_id.cmp(&b.account_id));
    print(
        stdout,
        context,
        &["account_id", "account_name", "outcome", "what"],
        &rows,
        |row| {
            let what = match (&row.cause, &row.reason) {
                (Some(cause), _) => {
                    let hop = cause.hop.as_ref().map(|hop| format!("{hop}: ")).unwrap_or_default();
                    let code = cause.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
                    let hint = cause.hint.as_ref().map(|hint| format!(" → {hint}")).unwrap_or_default();
                    format!("{hop}{code}{}{hint}", cause.message)
                }
                (None, Some(reason)) => reason.clone(),
                (None, None) => {
                    let arn = row.caller_arn.as_deref().unwrap_or_default();
                    format!("{arn}, {} regions", row.regions.len())
                }
            };
            vec![
                row.account_id.clone(),
                row.account_name.clone().unwrap_or_default(),
                if row.outcome == Outcome::Complete {
                    "works".to_owned()
                } else {
                    row.outcome.name().to_owned()
                },
                what,
            ]
        },
    )?;
    Ok(Exit::of(rows.iter().map(|row| row.outcome)))
}

async fn check_account(context: &Context<'_>, authenticator: &Authenticator, account: Account) -> Row {
    let mut row = Row::of(&account, Outcome::Complete);
    let failed = |mut row: Row, error: SliceError| {
        row.outcome = error.outcome();
        row.cause = Some(error.report());
        row
    };
    let access = match authenticator.reach(&account).await {
        Ok(access) => access,
        Err(error) => return failed(row, SliceError::Auth(error)),
    };
    row.caller_arn = Some(access.caller().arn.clone());
    match regions::resolve(&access, &context.settings.auth.regions).await {
        Ok(found) => {
            row.regions = found.collect;
            match found.fallback {
                Some(denial) => failed(row, SliceError::Aws(denial)),
                None => row,
            }
        }
        Err(error) => failed(row, SliceError::Aws(error)),
    }
}
