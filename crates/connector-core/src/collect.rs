//! Fan-out: accounts are reached, their regions resolved, and every slice collected, each with its own outcome. One
//! that fails takes no other down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use auth_core::error::Report;
use auth_core::regions::{self, NOT_ENABLED, Regions};
use auth_core::sts::Caller;
use auth_core::{Account, AccountAccess, AccountList, AuthError, Authenticator, AwsError, Host, accounts};
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::{JoinError, JoinSet};

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

/// Collects every account of `list` into the table's spool. Dropped, it stops all that is at work.
pub(crate) async fn collect<C: Connector>(run: &Arc<Run<C>>, list: AccountList) {
    let mut accounts = list.accounts.into_iter().map(Arc::new);
    let mut at_work = JoinSet::new();
    let mut names = HashMap::new();
    loop {
        // More than calls at a time: those that are asked to slow down must not keep the others waiting. Not all at
        // once: each has a session.
        while at_work.len() < run.settings.max_concurrency + WAITING_SLICES {
            let Some(account) = accounts.next() else { break };
            let task = at_work.spawn(Arc::clone(run).collect_account(Arc::clone(&account)));
            names.insert(task.id(), account);
        }
        match at_work.join_next_with_id().await {
            None => return,
            Some(Ok((id, ()))) => {
                names.remove(&id);
            }
            Some(Err(error)) => {
                if let Some(account) = names.remove(&error.id()) {
                    run.done(defect(&account, None, &error), None);
                }
            }
        }
    }
}

/// A task that has panicked: its slice must not be missing from the ledger.
fn defect(account: &Account, region: Option<&str>, error: &JoinError) -> SliceEntry {
    let mut entry = SliceEntry::new(account, region, Outcome::Failed);
    entry.cause = Some(Report {
        message: format!("a defect of the program: {error}"),
        ..Report::default()
    });
    entry
}

/// What every slice of a run needs.
pub(crate) struct Run<C: Connector> {
    connector: C,
    values: Arc<Values>,
    settings: Arc<Settings>,
    table: Arc<Table<C::Record>>,
    host: Host,
    authenticator: Authenticator,
    progress: Arc<Progress>,
    journal: Arc<Journal>,
    places: Semaphore,
}

/// What the slices of an account share.
struct Reached {
    account: Arc<Account>,
    access: AccountAccess,
    /// Every region with whether it is enabled, once somebody has had to ask.
    enabled: OnceCell<Vec<(String, bool)>>,
}

impl<C: Connector> Run<C> {
    pub(crate) fn new(
        connector: C,
        values: Arc<Values>,
        settings: Arc<Settings>,
        table: Arc<Table<C::Record>>,
        host: Host,
        progress: Arc<Progress>,
        journal: Arc<Journal>,
    ) -> Self {
        let authenticator = Authenticator::new(host.clone(), settings.auth.clone());
        let places = Semaphore::new(settings.max_concurrency + WAITING_SLICES);
        Run {
            connector,
            values,
            settings,
            table,
            host,
            authenticator,
            progress,
            journal,
            places,
        }
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    fn now(&self) -> SystemTime {
        self.host.time().now()
    }

    fn since(&self, start: SystemTime) -> f64 {
        let elapsed: Duration = self.now().duration_since(start).unwrap_or_default();
        elapsed.as_secs_f64()
    }

    fn done(&self, entry: SliceEntry, spooled: Option<SpooledSlice>) {
        self.progress.slice_done(&entry);
        self.journal.with(|state| state.entries.push((entry, spooled)));
    }

    async fn collect_account(self: Arc<Self>, account: Arc<Account>) {
        let start = self.now();
        let (access, found) = match self.reach(&account).await {
            Ok(reached) => reached,
            Err(error) => {
                let mut entry = SliceEntry::new(&account, None, error.outcome());
                entry.duration_seconds = self.since(start);
                entry.cause = Some(error.report());
                self.progress.account_resolved(0);
                self.done(entry, None);
                return;
            }
        };
        self.progress
            .account_resolved(found.collect.len() + found.skipped.len());
        for (region, reason) in &found.skipped {
            let mut entry = SliceEntry::new(&account, Some(region), Outcome::Skipped);
            entry.reason = Some((*reason).to_owned());
            self.done(entry, None);
        }
        if let Some(denial) = found.fallback {
            self.done(regions_unknown(&account, denial), None);
        }
        let reached = Arc::new(Reached {
            account,
            access,
            enabled: OnceCell::new(),
        });
        let mut slices = JoinSet::new();
        let mut regions = HashMap::new();
        for region in found.collect {
            let (run, reached) = (Arc::clone(&self), Arc::clone(&reached));
            let name = region.clone();
            let task = slices.spawn(async move {
                // Closed never: the semaphore lives as long as the run.
                let _place = run.places.acquire().await;
                run.collect_slice(&reached, &region).await;
            });
            regions.insert(task.id(), name);
        }
        while let Some(ended) = slices.join_next_with_id().await {
            let Err(error) = ended else { continue };
            let region = regions.get(&error.id()).map(String::as_str);
            self.done(defect(&reached.account, region, &error), None);
        }
    }

    async fn reach(&self, account: &Account) -> Result<(AccountAccess, Regions), SliceError> {
        let access = self.authenticator.reach(account).await.map_err(SliceError::Auth)?;
        let found = regions::resolve(&access, &self.settings.auth.regions).await?;
        Ok((access, found))
    }

    async fn collect_slice(&self, reached: &Reached, region: &str) {
        let start = self.now();
        let slice = Slice {
            account: Arc::clone(&reached.account),
            access: reached.access.in_region(region),
        };
        let mut rows = self.table.writer(&slice.account, region);
        let collected = match self.connector.collect(&slice, &self.values, &mut rows).await {
            Ok(()) => rows.finish(),
            Err(error) => Err(error),
        };
        let mut entry = SliceEntry::new(&slice.account, Some(region), Outcome::Complete);
        let mut spooled = None;
        match collected {
            Ok(slice) if slice.rows == 0 => entry.outcome = Outcome::Empty,
            Ok(slice) => {
                entry.rows = slice.rows;
                spooled = Some(slice);
            }
            Err(error) if reached.refuses_region(&error, region).await => {
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
        entry.duration_seconds = self.since(start);
        self.done(entry, spooled);
    }
}

/// The default regions are collected, but nobody knows whether they are all: that is not a complete account.
fn regions_unknown(account: &Account, denial: AwsError) -> SliceEntry {
    let error = SliceError::Aws(denial);
    let mut report = error.report();
    report.message = format!(
        "the account's regions cannot be listed, the default regions were taken: {}",
        report.message
    );
    report.hint = Some("allow ec2:DescribeRegions, or name the regions in `regions`".to_owned());
    let mut entry = SliceEntry::new(account, None, error.outcome());
    entry.cause = Some(report);
    entry
}

impl Reached {
    /// AWS refuses the credentials of an account in a region that is not enabled there, in the words for wrong ones.
    /// Asked only then: where no regions were configured it is known.
    async fn refuses_region(&self, error: &SliceError, region: &str) -> bool {
        let SliceError::Aws(error) = error else {
            return false;
        };
        let refused = [
            "AuthFailure",
            "OptInRequired",
            "UnrecognizedClientException",
            "InvalidClientTokenId",
        ];
        if !error.code.as_deref().is_some_and(|code| refused.contains(&code)) {
            return false;
        }
        let ask = || regions::enabled(&self.access, self.access.home_region());
        let known = self.enabled.get_or_try_init(ask).await;
        known.is_ok_and(|known| known.iter().any(|(name, enabled)| name == region && !enabled))
    }
}
