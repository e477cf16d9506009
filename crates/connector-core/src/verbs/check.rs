//! `check`: walks every hop of every account, tries the connector's own call in each region, and says for each account
//! whether it works. Collects nothing.

use std::io::{self, Write};
use std::sync::Arc;

use auth_core::error::Report;
use auth_core::regions::NOT_ENABLED;
use auth_core::{Account, AccountAccess, Authenticator, regions};
use futures::stream::{self, StreamExt as _};
use serde::Serialize;

use super::{Context, print, tell};
use crate::collect::{Journal, may_refuse_region, report_of, resolve};
use crate::connector::Collector;
use crate::exit::Exit;
use crate::slice::{Facts, Outcome, Slice, SliceError, Steps};
use crate::terminal::Progress;

/// Regions of one account that are tried at once.
const REGIONS_AT_ONCE: usize = 8;

/// What became of one account.
#[derive(Serialize)]
struct Row {
    account_id: String,
    account_name: Option<String>,
    outcome: Outcome,
    caller_arn: Option<String>,
    /// Those that work.
    regions: Vec<String>,
    /// Where the cause was met; nothing where it concerns the whole account.
    region: Option<String>,
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
            region: None,
            cause: None,
            reason: None,
        }
    }
}

pub(crate) async fn check<C: Collector>(
    collector: &C,
    context: &Context<'_>,
    failures_only: bool,
    stdout: &mut (dyn Write + Send),
) -> io::Result<Exit> {
    let progress = Arc::new(Progress::new(context.terminal));
    let _heartbeat = progress.heartbeat();
    let authenticator = Authenticator::new(context.host.clone(), context.settings.auth.clone());
    let list = match resolve(&authenticator, context.settings, &Journal::default()).await {
        Ok(list) => list,
        Err(error) => {
            progress.finish();
            return Ok(tell(context.terminal, &error));
        }
    };
    progress.accounts_known(list.accounts.len(), list.skipped.len());
    let mut rows: Vec<Row> = stream::iter(list.accounts)
        .map(|account| async {
            let row = check_account(collector, context, &authenticator, account).await;
            progress.account_checked(row.outcome.is_failure());
            row
        })
        .buffer_unordered(context.settings.max_concurrency)
        .collect()
        .await;
    progress.finish();
    for skipped in &list.skipped {
        let mut row = Row::of(&skipped.account, Outcome::Skipped);
        row.reason = Some(skipped.reason.clone());
        rows.push(row);
    }
    rows.sort_by(|a, b| a.account_id.cmp(&b.account_id));
    let exit = Exit::of(rows.iter().map(|row| row.outcome));
    if failures_only {
        rows.retain(|row| row.outcome.is_failure());
    }
    print(
        stdout,
        context,
        &["account_id", "account_name", "outcome", "what"],
        &rows,
        |row| {
            let what = match (&row.cause, &row.reason) {
                (Some(cause), _) => {
                    let region = row
                        .region
                        .as_ref()
                        .map(|region| format!("{region}: "))
                        .unwrap_or_default();
                    let hop = cause.hop.as_ref().map(|hop| format!("{hop}: ")).unwrap_or_default();
                    let code = cause.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
                    let hint = cause.hint.as_ref().map(|hint| format!(" → {hint}")).unwrap_or_default();
                    format!("{region}{hop}{code}{}{hint}", cause.message)
                }
                (None, Some(reason)) => reason.clone(),
                (None, None) => {
                    let arn = row.caller_arn.as_deref().unwrap_or_default();
                    match &row.regions[..] {
                        [region] => format!("{arn}, {region}"),
                        regions => format!("{arn}, {} regions", regions.len()),
                    }
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
    Ok(exit)
}

async fn check_account<C: Collector>(
    collector: &C,
    context: &Context<'_>,
    authenticator: &Authenticator,
    account: Account,
) -> Row {
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
        Ok(found) => match found.fallback {
            Some(denial) => {
                row.regions = found.collect;
                failed(row, SliceError::Aws(denial))
            }
            None => check_regions(collector, row, Arc::new(account), &access, found.collect).await,
        },
        Err(error) => failed(row, SliceError::Aws(error)),
    }
}

/// Tries the connector's own call in each region. The first that fails is told; a region that is not enabled is none.
async fn check_regions<C: Collector>(
    collector: &C,
    mut row: Row,
    account: Arc<Account>,
    access: &AccountAccess,
    regions: Vec<String>,
) -> Row {
    let probe = async |region: String| {
        let slice = Slice {
            account: Arc::clone(&account),
            access: access.in_region(&region),
            facts: Facts::default(),
            attempt: "check".into(),
            steps: Steps::default(),
        };
        let probed = collector.probe(&slice).await;
        (region, probed)
    };
    let probed: Vec<_> = stream::iter(regions)
        .map(probe)
        .buffered(REGIONS_AT_ONCE)
        .collect()
        .await;
    let mut enabled = None;
    for (region, result) in probed {
        let Err(error) = result else {
            row.regions.push(region);
            continue;
        };
        if may_refuse_region(&error) {
            if enabled.is_none() {
                enabled = regions::enabled(access, access.home_region()).await.ok();
            }
            if enabled
                .iter()
                .flatten()
                .any(|(name, enabled)| *name == region && !enabled)
            {
                continue;
            }
        }
        if row.cause.is_none() {
            row.outcome = error.outcome();
            row.cause = Some(report_of(&error, &region));
            row.region = Some(region);
        }
    }
    if row.cause.is_none() && row.regions.is_empty() {
        row.outcome = Outcome::Skipped;
        row.reason = Some(NOT_ENABLED.to_owned());
    }
    row
}
