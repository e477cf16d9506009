//! Fan-out: accounts are reached, their regions resolved, and every slice collected, each with its own outcome. One
//! that fails takes no other down.

mod order;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use auth_core::error::Report;
use auth_core::regions::{self, NOT_ENABLED, Regions};
use auth_core::sts::Caller;
use auth_core::{Account, AccountAccess, AccountList, AuthError, Authenticator, AwsError, Host, accounts};
use tokio::sync::{OnceCell, Semaphore, SetOnce};
use tokio::task::{JoinError, JoinSet};

use self::order::Order;
use crate::connector::Collector;
use crate::ledger::{SliceEntry, timestamp};
use crate::rows::{Rows, SliceRows, SpooledTable};
use crate::settings::Settings;
use crate::slice::{Facts, Outcome, Slice, SliceError};
use crate::state::{self, AccountRegions};
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
    resolved: bool,
    accounts: Vec<Account>,
    warnings: Vec<String>,
    entries: Vec<(SliceEntry, Vec<SpooledTable>)>,
    /// Slices that have begun and not ended, with when.
    at_work: HashMap<(String, String), (SystemTime, Slice)>,
    /// Slices that have failed because the disk took no more.
    unkept: Vec<(String, String)>,
}

/// Why a run came to its end before all was collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutShort {
    /// By a signal.
    Interrupted,
    /// By its deadline.
    Deadline(Duration),
    /// By the disk, which takes no more.
    Disk,
}

impl CutShort {
    fn outcome(self) -> Outcome {
        match self {
            CutShort::Interrupted | CutShort::Disk => Outcome::Failed,
            CutShort::Deadline(_) => Outcome::TimedOut,
        }
    }

    fn report(self) -> Report {
        let (message, hint) = match self {
            CutShort::Interrupted => ("the run was interrupted before this was complete".to_owned(), None),
            CutShort::Deadline(limit) => (
                format!(
                    "the run came to its deadline of {} s before this was complete",
                    limit.as_secs()
                ),
                Some("collect the rest with --resume, or raise run_timeout".to_owned()),
            ),
            CutShort::Disk => (
                "the run ended before this was complete: nothing more could be kept on the disk".to_owned(),
                None,
            ),
        };
        Report {
            message,
            hint,
            ..Report::default()
        }
    }
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
    pub slices: Vec<(SliceEntry, Vec<SpooledTable>)>,
}

impl Journal {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends what has not ended: nothing that was to be collected is missing from the ledger. What ran at AWS was stopped, so
    /// the next try is another one.
    pub fn cut_short(&self, why: CutShort, now: SystemTime, kept: &state::State) {
        self.with(|state| {
            for (account, region) in state.unkept.drain(..) {
                kept.failed(&account, &region);
            }
            for (_, (start, slice)) in state.at_work.drain() {
                kept.failed(slice.account.id.as_str(), slice.region());
                let mut entry = SliceEntry::new(&slice.account, Some(slice.region()), why.outcome());
                entry.duration_seconds = now.duration_since(start).unwrap_or_default().as_secs_f64();
                entry.metered(slice.access.meter());
                entry.cause = Some(why.report().into());
                state.entries.push((entry.telling(slice.facts.told()), Vec::new()));
            }
            let begun: HashSet<String> = state
                .entries
                .iter()
                .map(|(entry, _)| entry.account_id.clone())
                .collect();
            for account in state
                .accounts
                .iter()
                .filter(|account| !begun.contains(account.id.as_str()))
            {
                let mut entry = SliceEntry::new(account, None, why.outcome());
                entry.cause = Some(why.report().into());
                state.entries.push((entry, Vec::new()));
            }
        });
    }

    /// What was told of a slice that has ended already, after its end.
    fn tell(&self, slice: &Slice) {
        let warnings = slice.facts.told().warnings;
        if warnings.is_empty() {
            return;
        }
        self.with(|state| {
            let of_slice = |(entry, _): &&mut (SliceEntry, Vec<SpooledTable>)| {
                entry.account_id == slice.account.id.as_str() && entry.region.as_deref() == Some(slice.region())
            };
            // It is one of the last.
            if let Some((entry, _)) = state.entries.iter_mut().rev().find(of_slice) {
                entry.warnings = warnings;
            }
        });
    }

    /// Whether the accounts are known.
    pub fn is_resolved(&self) -> bool {
        self.with(|state| state.resolved)
    }

    /// The account that the run signed in to.
    pub fn caller(&self) -> Option<String> {
        self.with(|state| state.caller.as_ref().map(|caller| caller.account.to_string()))
    }

    /// Takes everything out, in order.
    pub fn take(&self) -> Collected {
        let State {
            caller,
            resolved: _,
            accounts,
            warnings,
            mut entries,
            at_work: _,
            unkept: _,
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

/// Signs in and resolves the accounts, those of the shard where there is one.
///
/// # Errors
/// There is nothing to collect from.
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
    let mut list = accounts::resolve(&settings.auth, master.as_ref()).await?;
    let all = match settings.shard {
        Some(shard) => {
            let all = shard.narrow(&mut list);
            tracing::info!("shard {shard} has {} of {all} accounts", list.accounts.len());
            all
        }
        None => list.accounts.len(),
    };
    journal.with(|state| {
        state.resolved = true;
        state.warnings.extend(list.warnings.iter().cloned());
        // Of a shard that is nothing to talk about.
        if all == 0 {
            state.warnings.push("no account is left to collect".to_owned());
        }
        state.accounts.extend(list.accounts.iter().cloned());
        for skipped in &list.skipped {
            state.accounts.push(skipped.account.clone());
            let mut entry = SliceEntry::new(&skipped.account, None, Outcome::Skipped);
            entry.reason = Some(skipped.reason.clone());
            state.entries.push((entry, Vec::new()));
        }
    });
    Ok(list)
}

/// Collects every account of `list` into the table's spool. Dropped, it stops all that is at work.
pub(crate) async fn collect<C: Collector>(run: &Arc<Run<C>>, list: AccountList) {
    let mut accounts = list.accounts;
    run.order.accounts(&mut accounts);
    let mut accounts = accounts.into_iter().map(Arc::new);
    let mut at_work = JoinSet::new();
    let mut names = HashMap::new();
    loop {
        // More than calls at a time: those that are asked to slow down must not keep the others waiting. Not all at
        // once: each has a session.
        while at_work.len() < run.slices_at_once {
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
                    run.done(defect(&account, None, &error), Vec::new());
                }
            }
        }
    }
}

/// A task that has panicked: its slice must not be missing from the ledger.
fn defect(account: &Account, region: Option<&str>, error: &JoinError) -> SliceEntry {
    let mut entry = SliceEntry::new(account, region, Outcome::Failed);
    let report = Report {
        message: format!("a defect of the program: {error}"),
        ..Report::default()
    };
    entry.cause = Some(report.into());
    entry
}

/// What every slice of a run needs.
pub(crate) struct Run<C: Collector> {
    collector: C,
    order: Order,
    settings: Arc<Settings>,
    rows: Rows,
    state: Arc<state::State>,
    host: Host,
    slices_at_once: usize,
    slice_timeout: Option<Duration>,
    authenticator: Authenticator,
    progress: Arc<Progress>,
    journal: Arc<Journal>,
    places: Semaphore,
    /// Why nothing can be kept any more.
    unkept: SetOnce<String>,
}

/// What the slices of an account share.
struct Reached {
    account: Arc<Account>,
    access: AccountAccess,
    /// Every region with whether it is enabled, once somebody has had to ask.
    enabled: OnceCell<Vec<(String, bool)>>,
}

impl<C: Collector> Run<C> {
    pub(crate) fn new(
        collector: C,
        settings: Arc<Settings>,
        rows: Rows,
        state: Arc<state::State>,
        host: Host,
        progress: Arc<Progress>,
        journal: Arc<Journal>,
    ) -> Self {
        let authenticator = Authenticator::new(host.clone(), settings.auth.clone());
        let slice_timeout = settings.slice_timeout;
        let slices_at_once = settings
            .slices_at_once
            .unwrap_or(settings.max_concurrency + WAITING_SLICES);
        Run {
            collector,
            order: Order::of_ledger(settings.ledger.as_deref()),
            settings,
            rows,
            state,
            host,
            slices_at_once,
            slice_timeout,
            authenticator,
            progress,
            journal,
            places: Semaphore::new(slices_at_once),
            unkept: SetOnce::new(),
        }
    }

    /// Stops what still runs at AWS.
    pub(crate) async fn stop(&self) {
        self.collector.stop().await;
    }

    /// Waits until nothing can be kept any more, and says why. What is collected from then on would be collected in vain.
    pub(crate) async fn unkept(&self) -> String {
        self.unkept.wait().await.clone()
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

    fn done(&self, entry: SliceEntry, tables: Vec<SpooledTable>) {
        self.progress.slice_done(&entry);
        self.journal.with(|state| {
            if let Some(region) = &entry.region {
                state.at_work.remove(&(entry.account_id.clone(), region.clone()));
            }
            state.entries.push((entry, tables));
        });
    }

    async fn collect_account(self: Arc<Self>, account: Arc<Account>) {
        let start = self.now();
        if let Some((regions, slices)) = self.state.whole_account(&account) {
            self.progress
                .account_resolved(regions.collect.len() + regions.skipped.len());
            for (region, reason) in &regions.skipped {
                self.skip(&account, region, reason);
            }
            slices.into_iter().for_each(|(entry, tables)| self.done(entry, tables));
            return;
        }
        let (access, found) = match self.reach(&account).await {
            Ok(reached) => reached,
            Err(error) => {
                for (entry, tables) in self.state.slices_of(&account) {
                    self.done(entry, tables);
                }
                let mut entry = SliceEntry::new(&account, None, error.outcome());
                entry.duration_seconds = self.since(start);
                entry.cause = Some(error.report().into());
                self.progress.account_resolved(0);
                self.done(entry, Vec::new());
                return;
            }
        };
        self.progress
            .account_resolved(found.collect.len() + found.skipped.len());
        for (region, reason) in &found.skipped {
            self.skip(&account, region, reason);
        }
        match found.fallback {
            Some(denial) => self.done(regions_unknown(&account, denial), Vec::new()),
            None => self.state.regions(AccountRegions {
                account: account.id.to_string(),
                collect: found.collect.clone(),
                skipped: found
                    .skipped
                    .iter()
                    .map(|(region, why)| (region.clone(), (*why).to_owned()))
                    .collect(),
            }),
        }
        let reached = Arc::new(Reached {
            account,
            access,
            enabled: OnceCell::new(),
        });
        let mut slices = JoinSet::new();
        let mut regions = HashMap::new();
        let mut in_order = found.collect;
        self.order.regions(&reached.account, &mut in_order);
        for region in in_order {
            if let Some((entry, tables)) = self.state.restored(&reached.account, &region) {
                self.done(entry, tables);
                continue;
            }
            let (run, reached) = (Arc::clone(&self), Arc::clone(&reached));
            let slice = Slice {
                account: Arc::clone(&reached.account),
                access: reached.access.in_region(&region),
                facts: Facts::default(),
                attempt: self.state.attempt(reached.account.id.as_str(), &region).into(),
                steps: self.state.steps(reached.account.id.as_str(), &region),
            };
            let key = (slice.account.id.to_string(), region.clone());
            let begun = (self.now(), slice.clone());
            self.journal.with(|state| state.at_work.insert(key, begun));
            let task = slices.spawn(async move {
                // Closed never: the semaphore lives as long as the run.
                let _place = run.places.acquire().await;
                run.collect_slice(&reached, slice).await;
            });
            regions.insert(task.id(), region);
        }
        while let Some(ended) = slices.join_next_with_id().await {
            let Err(error) = ended else { continue };
            let region = regions.get(&error.id()).map(String::as_str);
            self.done(defect(&reached.account, region, &error), Vec::new());
        }
    }

    async fn reach(&self, account: &Account) -> Result<(AccountAccess, Regions), SliceError> {
        let access = self.authenticator.reach(account).await.map_err(SliceError::Auth)?;
        let found = regions::resolve(&access, &self.settings.auth.regions).await?;
        Ok((access, found))
    }

    fn skip(&self, account: &Account, region: &str, reason: &str) {
        let mut entry = SliceEntry::new(account, Some(region), Outcome::Skipped);
        entry.reason = Some(reason.to_owned());
        self.done(entry, Vec::new());
    }

    /// The slice's rows, before its deadline.
    async fn rows_of(&self, slice: &Slice, rows: &mut SliceRows) -> Result<(), SliceError> {
        let collecting = self.collector.collect(slice, rows);
        let Some(limit) = self.slice_timeout else {
            return collecting.await;
        };
        match self.host.until(self.now() + limit, collecting).await {
            Some(collected) => collected,
            None => {
                self.collector.abandon(slice).await;
                Err(SliceError::Work(
                    Outcome::TimedOut,
                    Box::new(Report {
                        message: format!("the slice was not complete after {} s", limit.as_secs()),
                        hint: Some("raise slice_timeout; with -v the log tells what AWS was slow at".to_owned()),
                        ..Report::default()
                    }),
                ))
            }
        }
    }

    async fn collect_slice(&self, reached: &Reached, slice: Slice) {
        let start = self.now();
        let region = slice.region();
        let mut rows = self
            .rows
            .of_slice(&slice.account, region, &timestamp(start), &slice.facts);
        let collected = match self.rows_of(&slice, &mut rows).await {
            Ok(()) => rows.finish(),
            Err(error) => Err(error),
        };
        let mut entry = SliceEntry::new(&slice.account, Some(region), Outcome::Complete);
        let (mut spooled, mut unkept) = (Vec::new(), None);
        match collected {
            Ok(tables) => {
                entry.rows = tables.iter().map(|table| table.rows).sum();
                if entry.rows == 0 {
                    entry.outcome = Outcome::Empty;
                }
                spooled = tables;
            }
            Err(error) if reached.refuses_region(&error, region).await => {
                entry.outcome = Outcome::Skipped;
                entry.reason = Some(NOT_ENABLED.to_owned());
            }
            Err(error) => {
                if let SliceError::Disk(why) = &error {
                    unkept = Some(why.clone());
                }
                entry.outcome = error.outcome();
                entry.cause = Some(error.report().into());
            }
        }
        entry.metered(slice.access.meter());
        entry.duration_seconds = self.since(start);
        if self.conclude(entry.telling(slice.facts.told()), spooled, unkept) {
            self.collector.concluded(&slice).await;
            self.journal.tell(&slice);
        }
    }

    /// Keeps what has become of a slice, and notes it, in one step: a run that is cut short meanwhile finds the slice at work
    /// or ended, and does not take one that is kept for one that has failed. `unkept`: why its rows could not be kept. Whether
    /// it is kept.
    fn conclude(&self, mut entry: SliceEntry, mut tables: Vec<SpooledTable>, mut unkept: Option<String>) -> bool {
        let key = (entry.account_id.clone(), entry.region.clone().unwrap_or_default());
        let concluded = self.journal.with(|journal| {
            journal.at_work.remove(&key)?;
            if unkept.is_some() {
                // There may be no room for that line either, before some is made.
            } else if entry.outcome.is_failure() {
                self.state.failed(&key.0, &key.1);
            } else if let Err(error) = self.state.commit(&entry, &tables, &timestamp(self.now())) {
                let error = SliceError::from(error);
                unkept = Some(error.to_string());
                entry.outcome = error.outcome();
                entry.rows = 0;
                entry.cause = Some(error.report().into());
                tables.clear();
            }
            if unkept.is_some() {
                journal.unkept.push(key);
            }
            journal.entries.push((entry.clone(), tables));
            Some(entry)
        });
        let kept = concluded.is_some() && unkept.is_none();
        if let Some(entry) = concluded {
            self.progress.slice_done(&entry);
        }
        if let Some(why) = unkept {
            // The first is told.
            let _ = self.unkept.set(why);
        }
        kept
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
    entry.cause = Some(report.into());
    entry
}

/// Whether these are AWS's words for wrong credentials, or for a region that is not enabled.
pub(crate) fn may_refuse_region(error: &SliceError) -> bool {
    let SliceError::Aws(error) = error else {
        return false;
    };
    let refused = [
        "AuthFailure",
        "OptInRequired",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
    ];
    error.code.as_deref().is_some_and(|code| refused.contains(&code))
}

impl Reached {
    /// AWS refuses the credentials of an account in a region that is not enabled there, in the words for wrong ones.
    /// Asked only then: where no regions were configured it is known.
    async fn refuses_region(&self, error: &SliceError, region: &str) -> bool {
        if !may_refuse_region(error) {
            return false;
        }
        let ask = || regions::enabled(&self.access, self.access.home_region());
        let known = self.enabled.get_or_try_init(ask).await;
        known.is_ok_and(|known| known.iter().any(|(name, enabled)| name == region && !enabled))
    }
}
