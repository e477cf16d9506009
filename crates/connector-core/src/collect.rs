//! Fan-out: accounts are reached, their regions resolved, and every slice collected, each with its own outcome. One
//! that fails takes no other down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use auth_core::regions::{self, NOT_ENABLED, Regions};
use auth_core::sts::Caller;
use auth_core::{Account, AccountAccess, AccountList, AuthError, Authenticator, Host, accounts};
use futures::stream::{self, FuturesUnordered, StreamExt as _};
use tokio::sync::{OnceCell, Semaphore};

use crate::connector::Connector;
use crate::ledger::SliceEntry;
use crate::parameters::Values;
use crate::rows::{SpooledSlice, Table};
use crate::settings::Settings;
use crate::slice::{Outcome, Slice, SliceError};
use crate::terminal::Progress;

/// Slices at work beyond those whose request is in flight: they wait to try again, or for a page to be written.
const WAITING_SLICES: usize = 32;

/// What is known so far; what is left of an interrupted run.
#[derive(Default)]
pub struct Journal {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    caller: Option<Caller>,
    accounts: Vec<Account>,
    warnings: Vec<String>,
    entries: Vec<(SliceEntry, Option<SpooledSlice>)>,
}

/// The journal's content.
#[derive(Default)]
pub struct Collected {
    /// Whose session the run began with.
    pub caller: Option<Caller>,
    /// Every known account.
    pub accounts: Vec<Account>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Every slice that has ended, by account and region, with its rows.
    pub slices: Vec<(SliceEntry, Option<SpooledSlice>)>,
}

impl Journal {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes everything out, in order.
    pub fn take(&self) -> Collected {
        let State {
            caller,
            accounts,
            warnings,
            mut entries,
        } = self.with(std::mem::take);
        entries.sort_by(|(a, _), (b, _)| (&a.account_id, &a.region).cmp(&(&b.account_id, &b.region)));
        Collected {
            caller,
            accounts,
            warnings,
            slices: entries,
        }
    }
}

/// Signs in and resolves the accounts.
///
/// # Errors
/// Signing in or the listing failed: there is nothing to collect from.
pub async fn resolve(
    authenticator: &Authenticator,
    settings: &Settings,
    journal: &Journal,
) -> Result<AccountList, AuthError> {
    let (master, caller) = match settings.auth.scope {
        auth_core::settings::Scope::Listed { .. } => (None, authenticator.initial_identity().await?),
        _ => {
            let master = authenticator.master().await?;
            let caller = master.caller().clone();
            (Some(master), caller)
        }
    };
    journal.with(|state| state.caller = Some(caller));
    let list = accounts::resolve(&settings.auth, master.as_ref()).await?;
    journal.with(|state| {
        state.warnings.extend(list.warnings.iter().cloned());
        if list.accounts.is_empty() {
            state.warnings.push("no account is left to collect".to_owned());
        }
        state.accounts.extend(list.accounts.iter().cloned());
        for skipped in &list.skipped {
            state.accounts.push(skipped.account.clone());
            let mut entry = SliceEntry::new(&skipped.account, None, Outcome::Skipped);
            entry.reason = Some(skipped.reason.clone());
            state.entries.push((entry, None));
        }
    });
    Ok(list)
}

/// Collects every account of `list` into `table`'s spool.
pub(crate) async fn collect<C: Connector>(
    run: &Run<'_, C>,
    authenticator: &Authenticator,
    list: AccountList,
    journal: &Journal,
) {
    let places = Semaphore::new(run.settings.max_concurrency + WAITING_SLICES);
    stream::iter(list.accounts)
        .map(|account| collect_account(run, authenticator, account, &places, journal))
        .buffer_unordered(run.settings.max_concurrency)
        .collect::<()>()
        .await;
}

/// What every slice of a run needs.
pub(crate) struct Run<'a, C: Connector> {
    pub(crate) connector: &'a C,
    pub(crate) values: &'a Values,
    pub(crate) settings: &'a Settings,
    pub(crate) table: &'a Table<C::Record>,
    pub(crate) host: &'a Host,
    pub(crate) progress: &'a Progress,
}

impl<C: Connector> Run<'_, C> {
    fn now(&self) -> SystemTime {
        self.host.time().now()
    }

    fn since(&self, start: SystemTime) -> f64 {
        let elapsed: Duration = self.now().duration_since(start).unwrap_or_default();
        elapsed.as_secs_f64()
    }

    fn done(&self, journal: &Journal, entry: SliceEntry, spooled: Option<SpooledSlice>) {
        self.progress.slice_done(&entry);
        journal.with(|state| state.entries.push((entry, spooled)));
    }
}

async fn collect_account<C: Connector>(
    run: &Run<'_, C>,
    authenticator: &Authenticator,
    account: Account,
    places: &Semaphore,
    journal: &Journal,
) {
    let start = run.now();
    let (access, found) = match reach(run, authenticator, &account).await {
        Ok(reached) => reached,
        Err(error) => {
            let mut entry = SliceEntry::new(&account, None, error.outcome());
            entry.duration_seconds = run.since(start);
            entry.cause = Some(error.report());
            run.progress.account_resolved(0);
            run.done(journal, entry, None);
            return;
        }
    };
    run.progress.account_resolved(found.collect.len());
    for (region, reason) in &found.skipped {
        let mut entry = SliceEntry::new(&account, Some(region), Outcome::Skipped);
        entry.reason = Some((*reason).to_owned());
        run.done(journal, entry, None);
    }
    if let Some(denial) = found.fallback {
        // The default regions are collected, but nobody knows whether they are all: that is not a complete account.
        let error = SliceError::Aws(denial);
        let mut entry = SliceEntry::new(&account, None, error.outcome());
        let mut report = error.report();
        report.message = format!(
            "the account's regions cannot be listed, the default regions were taken: {}",
            report.message
        );
        report.hint = Some("allow ec2:DescribeRegions, or name the regions in `regions`".to_owned());
        entry.cause = Some(report);
        run.done(journal, entry, None);
    }
    let account = Arc::new(account);
    let enabled = OnceCell::new();
    found
        .collect
        .iter()
        .map(|region| async {
            // Closed never: the semaphore lives as long as the run.
            let _place = places.acquire().await;
            collect_slice(run, &account, &access, region, &enabled, journal).await;
        })
        .collect::<FuturesUnordered<_>>()
        .collect::<()>()
        .await;
}

async fn reach<C: Connector>(
    run: &Run<'_, C>,
    authenticator: &Authenticator,
    account: &Account,
) -> Result<(AccountAccess, Regions), SliceError> {
    let access = authenticator.reach(account).await.map_err(SliceError::Auth)?;
    let found = regions::resolve(&access, &run.settings.auth.regions).await?;
    Ok((access, found))
}

async fn collect_slice<C: Connector>(
    run: &Run<'_, C>,
    account: &Arc<Account>,
    access: &AccountAccess,
    region: &str,
    enabled: &OnceCell<Vec<(String, bool)>>,
    journal: &Journal,
) {
    let start = run.now();
    let slice = Slice {
        account: Arc::clone(account),
        access: access.in_region(region),
    };
    let mut rows = run.table.writer(account, region);
    let collected = match run.connector.collect(&slice, run.values, &mut rows).await {
        Ok(()) => rows.finish(),
        Err(error) => Err(error),
    };
    let mut entry = SliceEntry::new(account, Some(region), Outcome::Complete);
    let mut spooled = None;
    match collected {
        Ok(slice) if slice.rows == 0 => entry.outcome = Outcome::Empty,
        Ok(slice) => {
            entry.rows = slice.rows;
            spooled = Some(slice);
        }
        Err(error) if is_not_enabled(&error, access, region, enabled).await => {
            entry.outcome = Outcome::Skipped;
            entry.reason = Some(NOT_ENABLED.to_owned());
        }
        Err(error) => {
            entry.outcome = error.outcome();
            entry.cause = Some(error.report());
        }
    }
    entry.calls = slice.access.meter().requests();
    entry.retries = slice.access.meter().retries();
    entry.duration_seconds = run.since(start);
    run.done(journal, entry, spooled);
}

/// AWS refuses the credentials of an account in a region that is not enabled there, in the words for wrong ones. Asked
/// only where regions were configured: otherwise it is known.
async fn is_not_enabled(
    error: &SliceError,
    access: &AccountAccess,
    region: &str,
    enabled: &OnceCell<Vec<(String, bool)>>,
) -> bool {
    let SliceError::Aws(error) = error else { return false };
    let refused = [
        "AuthFailure",
        "OptInRequired",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
    ];
    if !error.code.as_deref().is_some_and(|code| refused.contains(&code)) {
        return false;
    }
    let known = enabled
        .get_or_try_init(|| regions::enabled(access, access.home_region()))
        .await;
    known.is_ok_and(|known| known.iter().any(|(name, enabled)| name == region && !enabled))
}
