//! Fan-out: accounts are reached, their regions resolved, and every slice collected, each with its own outcome. One
//! that fails takes no other down.

mod journal;
mod order;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_core::error::Report;
use auth_core::regions::{self, NOT_ENABLED, Regions};
use auth_core::{Account, AccountAccess, AccountList, AuthError, Authenticator, AwsError, Host, Partition, accounts};
use futures::FutureExt as _;
use tokio::sync::{OnceCell, RwLock, Semaphore, SetOnce};
use tokio::task::{JoinError, JoinSet};

pub use self::journal::{Collected, CutShort, Journal};
use self::order::Order;
use crate::connector::Collector;
use crate::ledger::{SliceEntry, timestamp};
use crate::rows::{Rows, SliceRows, SpooledTable};
use crate::settings::Settings;
use crate::slice::{Facts, Outcome, Slice, SliceError};
use crate::state::{self, AccountRegions, Restored};
use crate::terminal::Progress;

/// Slices at work beyond those whose request is in flight: they wait to try again, or for a page to be written.
const WAITING_SLICES: usize = 32;

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

/// Collects every account of `list` into the table's spool. Dropped, it cancels all that is at work; [`Run::ended`] waits
/// until that has ended.
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
            let task = at_work.spawn(run.task(Arc::clone(run).collect_account(Arc::clone(&account))));
            names.insert(task.id(), account);
        }
        match at_work.join_next_with_id().await {
            None => return,
            Some(Ok((id, ()))) => {
                names.remove(&id);
            }
            Some(Err(error)) => {
                if let Some(account) = names.remove(&error.id()) {
                    run.defect(&account, None, &error);
                }
            }
        }
    }
}

/// A slice whose task has panicked.
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
    /// Every task of the fan-out reads it; whoever may write knows that all have ended.
    tasks: Arc<RwLock<()>>,
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
            tasks: Arc::default(),
            places: Semaphore::new(slices_at_once),
            unkept: SetOnce::new(),
        }
    }

    pub(crate) fn collector(&self) -> &C {
        &self.collector
    }

    /// Waits until no task of the fan-out is at work any more: one that is cancelled may be under way on another thread.
    pub(crate) async fn ended(&self) {
        drop(self.tasks.write().await);
    }

    /// `work`, to be waited for by [`ended`](Self::ended).
    fn task<W: Future<Output = ()>>(&self, work: W) -> impl Future<Output = ()> + use<C, W> {
        let at_work = Arc::clone(&self.tasks).try_read_owned();
        async move {
            // Nothing begins when the end is waited for.
            if let Ok(_at_work) = at_work {
                work.await;
            }
        }
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

    /// Notes in one step what is known of an account: slices that have ended, its regions, and slices that begin. A run
    /// that is cut short finds an account as a whole or not at all. Whether the run goes on.
    fn note(&self, ended: Vec<Restored>, regions: Option<AccountRegions>, begin: &[Slice]) -> bool {
        let now = self.now();
        let mut ended = ended;
        ended
            .iter_mut()
            .for_each(|(entry, _)| entry.hide_secrets(self.host.mask()));
        let told: Vec<SliceEntry> = ended.iter().map(|(entry, _)| entry.clone()).collect();
        let noted = self.journal.with(|journal| {
            if journal.closed {
                return false;
            }
            if let Some(regions) = regions {
                self.state.regions(regions);
            }
            journal.entries.extend(ended);
            let begun = begin.iter().map(|slice| (key(slice), (now, slice.clone())));
            journal.at_work.extend(begun);
            true
        });
        if noted {
            told.iter().for_each(|entry| self.progress.slice_done(entry));
        }
        noted
    }

    /// A task has panicked: its slices must not be missing from the ledger. Without a region, that of the account.
    fn defect(&self, account: &Account, region: Option<&str>, error: &JoinError) {
        let entries = self.journal.with(|journal| {
            if journal.closed {
                return Vec::new();
            }
            let hit = |(id, place): &(String, String)| {
                id == account.id.as_str() && region.is_none_or(|region| region == place)
            };
            let regions = journal.at_work.extract_if(|key, _| hit(key));
            let mut entries: Vec<SliceEntry> = regions
                .map(|((_, region), _)| defect(account, Some(&region), error))
                .collect();
            if entries.is_empty() {
                entries.push(defect(account, region, error));
            }
            journal
                .entries
                .extend(entries.iter().cloned().map(|entry| (entry, Vec::new())));
            entries
        });
        entries.iter().for_each(|entry| self.progress.slice_done(entry));
    }

    async fn collect_account(self: Arc<Self>, account: Arc<Account>) {
        let start = self.now();
        let skipped = |region: &str, reason: &str| {
            let mut entry = SliceEntry::new(&account, Some(region), Outcome::Skipped);
            entry.reason = Some(reason.to_owned());
            (entry, Vec::new())
        };
        if let Some((regions, slices)) = self.state.whole_account(&account) {
            self.progress
                .account_resolved(regions.collect.len() + regions.skipped.len());
            let skipped = regions.skipped.iter().map(|(region, reason)| skipped(region, reason));
            self.note(skipped.chain(slices).collect(), None, &[]);
            return;
        }
        let (access, found) = match self.reach(&account).await {
            Ok(reached) => reached,
            Err(error) => {
                let mut entry = SliceEntry::new(&account, None, error.outcome());
                entry.duration_seconds = self.since(start);
                entry.cause = Some(error.report().into());
                let mut known = self.state.slices_of(&account);
                known.push((entry, Vec::new()));
                self.progress.account_resolved(0);
                self.note(known, None, &[]);
                return;
            }
        };
        self.progress
            .account_resolved(found.collect.len() + found.skipped.len());
        let mut known: Vec<Restored> = found
            .skipped
            .iter()
            .map(|(region, reason)| skipped(region, reason))
            .collect();
        let regions = match found.fallback {
            Some(denial) => {
                known.push((regions_unknown(&account, denial), Vec::new()));
                None
            }
            None => Some(AccountRegions {
                account: account.id.to_string(),
                collect: found.collect.clone(),
                skipped: found
                    .skipped
                    .iter()
                    .map(|(region, why)| (region.clone(), (*why).to_owned()))
                    .collect(),
            }),
        };
        let mut in_order = found.collect;
        self.order.regions(&account, &mut in_order);
        let mut begin = Vec::new();
        for region in in_order {
            match self.state.restored(&account, &region) {
                Some(restored) => known.push(restored),
                None => begin.push(Slice {
                    account: Arc::clone(&account),
                    access: access.in_region(&region),
                    facts: Facts::default(),
                    attempt: self.state.attempt(account.id.as_str(), &region).into(),
                    steps: self.state.steps(account.id.as_str(), &region),
                }),
            }
        }
        if !self.note(known, regions, &begin) {
            return;
        }
        let reached = Arc::new(Reached {
            account,
            access,
            enabled: OnceCell::new(),
        });
        let mut slices = JoinSet::new();
        let mut begun = HashMap::new();
        for slice in begin {
            let (run, reached, kept) = (Arc::clone(&self), Arc::clone(&reached), slice.clone());
            let task = slices.spawn(self.task(async move {
                // Closed never: the semaphore lives as long as the run.
                let _place = run.places.acquire().await;
                run.collect_slice(&reached, slice).await;
            }));
            begun.insert(task.id(), kept);
        }
        while let Some(ended) = slices.join_next_with_id().await {
            match ended {
                Ok((id, ())) => drop(begun.remove(&id)),
                Err(error) => {
                    let slice = begun.remove(&error.id());
                    if let Some(slice) = &slice {
                        contained("abandon", self.collector.abandon(slice)).await;
                    }
                    self.defect(&reached.account, slice.as_ref().map(Slice::region), &error);
                }
            }
        }
    }

    async fn reach(&self, account: &Account) -> Result<(AccountAccess, Regions), SliceError> {
        let access = self.authenticator.reach(account).await.map_err(SliceError::Auth)?;
        let found = regions::resolve(&access, &self.settings.auth.regions).await?;
        Ok((access, found))
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
                contained("abandon", self.collector.abandon(slice)).await;
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
                entry.cause = Some(report_of(&error, region).into());
            }
        }
        entry.metered(slice.access.meter());
        entry.duration_seconds = self.since(start);
        if self.conclude(entry.telling(slice.facts.told()), spooled, unkept) {
            contained("conclude", self.collector.concluded(&slice)).await;
            self.journal.tell(&slice);
        }
    }

    /// Keeps what has become of a slice, and notes it, in one step: a run that is cut short meanwhile finds the slice at work
    /// or ended, and does not take one that is kept for one that has failed. `unkept`: why its rows could not be kept. Whether
    /// it is kept.
    fn conclude(&self, mut entry: SliceEntry, mut tables: Vec<SpooledTable>, mut unkept: Option<String>) -> bool {
        entry.hide_secrets(self.host.mask());
        let key = (entry.account_id.clone(), entry.region.clone().unwrap_or_default());
        let now = timestamp(self.now());
        let concluded = self.journal.with(|journal| {
            // What is whole is kept to the last moment.
            if journal.closed && (entry.outcome.is_failure() || unkept.is_some()) {
                return None;
            }
            journal.at_work.remove(&key)?;
            if unkept.is_some() {
                // There may be no room for that line either, before some is made.
            } else if entry.outcome.is_failure() {
                self.state.failed(&key.0, &key.1);
            } else if let Err(error) = self.state.commit(&entry, &tables, &now) {
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

/// Work whose panic costs nobody but itself. It was told of by then; `None` if it has panicked.
pub(crate) async fn contained<T>(what: &str, work: impl Future<Output = T>) -> Option<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.inspect_err(|_| tracing::error!("{what} has ended in a defect of the program"))
        .ok()
}

/// A slice's account and region.
fn key(slice: &Slice) -> (String, String) {
    (slice.account.id.to_string(), slice.region().to_owned())
}

/// The cause of a slice, as the ledger keeps it. A region that does not answer may not be one.
pub(crate) fn report_of(error: &SliceError, region: &str) -> Report {
    let mut report = error.report();
    if matches!(error.outcome(), Outcome::Unreachable | Outcome::TimedOut)
        && !Partition::known_regions().any(|known| known == region)
    {
        let alike = |known: &&str| strsim::jaro_winkler(known, region);
        let nearest = Partition::known_regions().max_by(|a, b| alike(a).total_cmp(&alike(b)));
        let meant = nearest
            .map(|nearest| format!(": did you mean {nearest}?"))
            .unwrap_or_default();
        let unknown = format!("{region} is no region that this version knows{meant}");
        report.hint = Some(match report.hint {
            Some(hint) => format!("{unknown} Otherwise {hint}"),
            None => unknown,
        });
    }
    report
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
