//! What a run leaves on the disk until all of it is published: the rows of every complete slice, and a journal that says
//! which they are. A run that ends early, by whatever cause, can be gone on with.
//!
//! A directory beside the output, `<output>.state`, has `journal` and `rows`; with rows that are kept for slices that fail
//! later, `last-journal` and `last-rows` are those of the run before. It is locked while a run is at work. `rows` may become the
//! output, and has two names then until the state is removed.

mod directory;
mod earlier;
mod last;
mod lines;
mod of_ledger;
mod shard;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth_core::Account;
use serde_json::{Map, Value as Json};

pub(crate) use self::directory::{Workspace, ledger_lock, name_of};
use self::directory::{locked, opened_file, opened_rows, remove_file, remove_partial, remove_run, remove_unbegun};
use self::earlier::{Earlier, Found, found};
use self::last::Last;
pub use self::lines::{AccountRegions, Place};
use self::lines::{Appender, Committed, Line, ReadError, SavedHeading, SavedTable};
pub(crate) use self::of_ledger::directory_of;
pub(crate) use self::shard::{ShardError, ShardState, remove_rest};
use crate::ledger::SliceEntry;
use crate::rows::{Spool, SpooledTable, about};
use crate::slice::{Outcome, Step, Steps};
use crate::table::Heading;

/// The version of the state's form. Another one is not read.
const STATE_VERSION: u32 = 1;

const JOURNAL: &str = "journal";
const ROWS: &str = "rows";
/// Bytes that are given back when the disk is full, so that what failed and what was stopped can still be written down: who
/// goes on with the run must not take a query for its own that was stopped.
const ROOM: &str = "room";
const ROOM_BYTES: usize = 64 * 1024;

/// Why a state cannot be used. Nothing was attempted.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another run is at work on the same output.
    #[error(
        "another run is at work on this output or ledger: it holds {0}; wait for it, or give this run another output and ledger"
    )]
    InUse(PathBuf),
    /// What stands there is somebody else's.
    #[error("{0} is where this run would keep what it has, and {1}: remove it, or give this run another output")]
    NotOurs(PathBuf, String),
    /// What was written is not what is there.
    #[error("{0} is damaged: {1}; run without --resume to start from the beginning")]
    Damaged(PathBuf, String),
    /// The unfinished run is another one.
    #[error("the unfinished run in {0} is another one: {1}; run without --resume to start from the beginning")]
    Different(PathBuf, String),
    /// Rows that were kept for slices that fail, and are of another form.
    #[error(
        "{0} has the rows of the last good run, and they cannot stand in for slices that fail: {1}. Nothing was attempted. \
         Run as before, or give them up with --forget-last-good"
    )]
    Kept(PathBuf, String),
    /// Another shard's, which nobody has merged.
    #[error(
        "{0} has what shard {1} has collected, which is not merged: give each shard an output of its own, as with {{shard}} in \
         output, or remove {0}"
    )]
    Unmerged(PathBuf, String),
    /// The last run is complete, and changed something.
    #[error(
        "there is nothing to resume: the last run of this output is complete, by its ledger {0}, and it changed something that \
         --resume does not do twice; run without --resume to start a new run"
    )]
    Complete(PathBuf),
    /// What a ledger says cannot be gone on with.
    #[error("{0} cannot be gone on with: {1}")]
    Ledger(PathBuf, String),
    /// The disk.
    #[error("{0} cannot be used: {1}")]
    Io(PathBuf, io::Error),
}

/// What a run is of; the same again can go on with it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The program.
    pub connector: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The parameters that shape the rows or the run; no secret.
    pub parameters: Map<String, Json>,
    /// Those of them that leave the rows of a slice as they are.
    pub beside_a_slice: Vec<&'static str>,
    /// What the connector knows of the work beyond its parameters.
    pub work: String,
}

/// The parameter of [`Identity`] that says which shard a run is.
pub(crate) const SHARD: &str = "shard";

impl Identity {
    fn shard(&self) -> Option<String> {
        self.parameters.get(SHARD)?.as_str().map(str::to_owned)
    }
}

impl Found {
    /// The shard whose run this was, while it has something that nobody has merged.
    fn unmerged(&self) -> Option<String> {
        let earlier = &self.earlier;
        let kept = !earlier.slices.is_empty() || !earlier.misfits.is_empty() || !earlier.steps.is_empty();
        let something = earlier.ended.is_some() || kept;
        let shard = self.header.parameters.get(SHARD)?.as_str()?;
        (something && !earlier.merged).then(|| shard.to_owned())
    }
}

/// What is to become of what is there.
#[derive(Clone, Copy, Debug)]
pub struct Intent {
    /// Go on with an unfinished run.
    pub resume: bool,
    /// Keep rows of slices that fail later.
    pub keep_last_good: bool,
    /// Give up the rows that were kept so far.
    pub forget_last_good: bool,
}

/// The state of one run.
#[derive(Debug)]
pub struct State {
    /// `None`: nothing is kept, the output is a stream.
    disk: Option<Disk>,
    run: String,
    spool: Arc<Spool>,
    earlier: Earlier,
}

#[derive(Debug)]
struct Disk {
    directory: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    journal: Mutex<Journal>,
    /// Whether the journal has a slice that is complete, or a step that must not be done twice.
    has_something: AtomicBool,
    last: Option<Last>,
}

#[derive(Debug)]
struct Journal {
    appender: Appender,
    /// Those that are in the journal, by number.
    columns: Vec<Arc<[Heading]>>,
}

impl State {
    /// Nothing is kept beyond the process: `spool` is an unnamed file.
    pub fn none(spool: Spool) -> Self {
        State {
            disk: None,
            run: new_run(),
            spool: Arc::new(spool),
            earlier: Earlier::default(),
        }
    }

    /// Takes the directory for this run, and what is in it.
    ///
    /// # Errors
    /// Another run that is at work; with `resume`, a state that is damaged or another run's.
    pub fn open(directory: &Path, identity: &Identity, intent: Intent, now: String) -> Result<Self, StateError> {
        let lock = locked(directory)?;
        State::open_locked(directory, lock, identity, intent, now).inspect_err(|error| {
            if matches!(error, StateError::Io(..)) {
                remove_unbegun(directory);
            }
        })
    }

    fn open_locked(
        directory: &Path,
        lock: File,
        identity: &Identity,
        intent: Intent,
        now: String,
    ) -> Result<Self, StateError> {
        let io = |error| StateError::Io(directory.to_owned(), error);
        last::mend(directory).map_err(io)?;
        if intent.forget_last_good {
            last::remove(directory).map_err(io)?;
        }
        remove_partial(directory).map_err(io)?;
        let journal = directory.join(JOURNAL);
        let found = match journal.try_exists().map_err(io)? {
            true => Some(found(&journal)),
            false => None,
        };
        let resumed = match found {
            Some(found) if intent.resume => {
                let found = found.map_err(|error| damaged(directory, error))?;
                found.of(identity, directory)?
            }
            Some(found) => {
                if let Ok(Some(found)) = &found
                    && let Some(other) = found
                        .unmerged()
                        .filter(|shard| Some(shard) != identity.shard().as_ref())
                {
                    return Err(StateError::Unmerged(directory.to_owned(), other));
                }
                last::succeed(directory, found, identity, intent)?;
                None
            }
            None => None,
        };
        let last = match intent.keep_last_good {
            true => Some(Last::open(directory, identity)?),
            false => None,
        };
        let rows = opened_rows(directory, resumed.is_some()).map_err(io)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(resumed.is_none());
        let file = opened_file(&directory.join(JOURNAL), &mut options).map_err(io)?;
        let (run, earlier, length, journal_length) = match resumed {
            Some(resumed) => (resumed.header.run, resumed.earlier, resumed.rows_end, resumed.length),
            None => (new_run(), Earlier::default(), 0, 0),
        };
        let spool = Spool::in_file(rows, directory, length).map_err(io)?;
        let spool = spool.at(directory.join(ROWS));
        for (_, tables) in earlier.slices.values().chain(earlier.stale.values()) {
            for table in tables {
                let checked = spool.check(table);
                checked.map_err(|error| StateError::Damaged(directory.join(ROWS), error.to_string()))?;
            }
        }
        let mut appender = Appender::new(file, journal_length).map_err(io)?;
        // Before the first line: a run that has one has begun.
        let mut room = OpenOptions::new();
        let room = opened_file(&directory.join(ROOM), room.write(true).create(true).truncate(true));
        room.and_then(|mut room| room.write_all(&[0; ROOM_BYTES])).map_err(io)?;
        if journal_length == 0 {
            appender
                .append(&[Line::Run(lines::Header {
                    state_version: STATE_VERSION,
                    connector: identity.connector.to_owned(),
                    version: identity.version.to_owned(),
                    run: run.clone(),
                    started: now,
                    parameters: identity.parameters.clone(),
                    work: identity.work.clone(),
                })])
                .map_err(io)?;
        }
        let columns = earlier.columns.clone();
        Ok(State {
            disk: Some(Disk {
                directory: directory.to_owned(),
                _lock: lock,
                journal: Mutex::new(Journal { appender, columns }),
                has_something: AtomicBool::new(!earlier.slices.is_empty() || !earlier.steps.is_empty()),
                last,
            }),
            run,
            spool: Arc::new(spool),
            earlier,
        })
    }

    /// Where rows are kept.
    pub(crate) fn spool(&self) -> &Arc<Spool> {
        &self.spool
    }

    /// The run's name, which no other run has.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// When the run began that this one goes on with, RFC 3339 in UTC.
    pub fn resumed(&self) -> Option<&str> {
        self.earlier.started.as_deref()
    }

    /// How many slices of that run are complete.
    pub(crate) fn complete(&self) -> usize {
        self.earlier.slices.len()
    }

    /// Where it is.
    pub fn directory(&self) -> Option<&Path> {
        self.disk.as_ref().map(|disk| disk.directory.as_path())
    }

    fn append(&self, lines: &[Line]) -> io::Result<()> {
        match &self.disk {
            Some(disk) => disk.journal().appender.append(lines),
            None => Ok(()),
        }
    }

    /// The disk is full: gives back what was held for the last lines of the journal.
    pub(crate) fn make_room(&self) {
        if let Some(directory) = self.directory()
            && let Err(error) = remove_file(&directory.join(ROOM))
        {
            tracing::debug!(%error, "no room can be made");
        }
    }

    /// Says who signed in.
    ///
    /// # Errors
    /// An unfinished run of another account.
    pub(crate) fn signed_in(&self, account: &str) -> Result<(), StateError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        match &self.earlier.caller {
            Some(earlier) if earlier != account => Err(StateError::Different(
                disk.directory.clone(),
                format!("it had signed in to account {earlier}, this one has to {account}"),
            )),
            Some(_) => Ok(()),
            None => {
                let line = Line::Caller(account.to_owned());
                self.append(&[line])
                    .map_err(|error| StateError::Io(disk.directory.clone(), error))
            }
        }
    }

    /// The account's regions and all its slices, where every one of them is complete.
    pub(crate) fn whole_account(&self, account: &Account) -> Option<(&AccountRegions, Vec<Restored>)> {
        let regions = self.earlier.regions.get(account.id.as_str())?;
        let slices: Option<Vec<Restored>> = regions
            .collect
            .iter()
            .map(|region| self.restored(account, region))
            .collect();
        Some((regions, slices?))
    }

    /// The account's slices that are complete.
    pub(crate) fn slices_of(&self, account: &Account) -> Vec<Restored> {
        let places = self.earlier.slices.keys();
        let of_the_account = places.filter(|place| account.id.as_str() == place.account);
        of_the_account
            .filter_map(|place| self.restored(account, &place.region))
            .collect()
    }

    /// A slice that is complete.
    pub(crate) fn restored(&self, account: &Account, region: &str) -> Option<Restored> {
        let place = place(account.id.as_str(), region);
        let (committed, tables) = self.earlier.slices.get(&place)?;
        Some((entry(account, committed), tables.clone()))
    }

    /// Keeps the regions of an account. Where that cannot be written, they are asked for once more.
    pub(crate) fn regions(&self, regions: AccountRegions) {
        if let Err(error) = self.append(&[Line::Regions(regions)]) {
            tracing::debug!(%error, "the regions of an account are not kept");
        }
    }

    /// What tells this try at a slice from all others. It is the same in the process that goes on with a run that was
    /// killed: what was started at AWS is found again, and not started twice.
    pub(crate) fn attempt(&self, account: &str, region: &str) -> String {
        let failures = self.earlier.failures.get(&place(account, region)).copied();
        format!("{}-{account}-{region}-{}", self.run, failures.unwrap_or_default() + 1)
    }

    /// What a slice has done that it does once.
    pub(crate) fn steps(self: &Arc<Self>, account: &str, region: &str) -> Steps {
        let place = place(account, region);
        let known = self.earlier.steps.get(&place).cloned().unwrap_or_default();
        let name = format!("{}-{account}-{region}", self.run);
        let state = Arc::clone(self);
        let keep = move |number: u32, step: &Step| {
            state.append(&[Line::Step(place.clone(), number, step.clone())])?;
            state.has_more();
            Ok(())
        };
        Steps::new(&name, known, Arc::new(keep))
    }

    /// The slices of the run that this one resumes that are not complete but have steps behind them which are not done again,
    /// in order.
    pub(crate) fn begun(&self) -> Vec<(&Place, &BTreeMap<u32, Step>)> {
        let earlier = &self.earlier;
        let mut begun: Vec<_> = earlier
            .steps
            .iter()
            .filter(|(place, _)| !earlier.slices.contains_key(place))
            .collect();
        begun.sort_by_key(|(place, _)| (&place.account, &place.region));
        begun
    }

    /// Keeps a slice that is complete, as one piece.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn commit(&self, entry: &SliceEntry, tables: &[SpooledTable], collected: &str) -> io::Result<()> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let Some(committed) = committed(entry, collected) else {
            return Ok(());
        };
        let kept = disk.journal().keep(committed, tables, Line::Slice);
        let what = || format!("the journal in {} cannot be written", disk.directory.display());
        kept.map_err(|error| about(&what(), &error))?;
        self.has_more();
        Ok(())
    }

    fn has_more(&self) {
        if let Some(disk) = &self.disk {
            disk.has_something.store(true, Ordering::Relaxed);
        }
    }

    /// Whether there is something to resume with.
    pub(crate) fn has_something(&self) -> bool {
        self.disk
            .as_ref()
            .is_some_and(|disk| disk.has_something.load(Ordering::Relaxed))
    }

    /// The run has nothing to leave behind.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn clean_up(&self) -> io::Result<()> {
        self.disk.as_ref().map_or(Ok(()), |disk| remove_run(&disk.directory))
    }

    /// A slice that has failed.
    pub(crate) fn failed(&self, account: &str, region: &str) {
        if let Err(error) = self.append(&[Line::Failed(place(account, region))]) {
            tracing::debug!(%error, "a slice's failure is not kept");
        }
    }

    /// A slice that does not fit beside the others. The rows of a shard's stay for the merge, where there are more others.
    pub(crate) fn misfit(&self, account: &str, region: &str, of_a_shard: bool) {
        if !of_a_shard {
            return self.failed(account, region);
        }
        if let Err(error) = self.append(&[Line::Misfit(place(account, region))]) {
            tracing::debug!(%error, "a slice's failure is not kept");
        }
    }

    /// The run of a shard has come to its end, and its ledger has this SHA-256, in hex.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn ended(&self, ledger: String) -> io::Result<()> {
        // It is a last line too: without it all that was collected could not be merged.
        self.make_room();
        self.append(&[Line::Ended(ledger)])
    }

    /// The rows of the last run in which the slices were complete that `failed` stands for: the one, or with no region
    /// all of the account that are not in `known`. They are in this run's spool.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn last_good(&self, failed: &SliceEntry, known: impl Fn(&str) -> bool) -> io::Result<Vec<LastGood>> {
        let Some(disk) = self.disk.as_ref() else {
            return Ok(Vec::new());
        };
        let Some(last) = &disk.last else { return Ok(Vec::new()) };
        let wanted = |place: &&Place| stands_in(place, failed, &known);
        let mut places: Vec<&Place> = last
            .slices
            .keys()
            .chain(self.earlier.stale.keys())
            .filter(wanted)
            .collect();
        places.sort_by(|a, b| a.region.cmp(&b.region));
        places.dedup();
        let mut kept = Vec::new();
        for place in places {
            let (committed, tables) = match self.earlier.stale.get(place) {
                Some((committed, tables)) => (committed, tables.clone()),
                None => {
                    let Some((committed, tables)) = last.slices.get(place) else {
                        continue;
                    };
                    let adopted: io::Result<Vec<_>> = tables
                        .iter()
                        .map(|table| self.spool.adopt(&last.spool, table))
                        .collect();
                    let tables = adopted?;
                    disk.journal().keep(committed.clone(), &tables, Line::Stale)?;
                    (committed, tables)
                }
            };
            kept.push((place.region.clone(), committed.collected.clone(), tables));
        }
        Ok(kept)
    }

    /// Everything is published. What is kept: all of it while something is missing, or for later runs; else nothing.
    ///
    /// # Errors
    /// Whatever the disk says; the output is whole all the same.
    pub(crate) fn published(&self, complete: bool, keep_last_good: bool) -> io::Result<()> {
        let Some(disk) = &self.disk else { return Ok(()) };
        if complete && !keep_last_good {
            last::remove(&disk.directory)?;
            return remove_run(&disk.directory);
        }
        // Rows and ledger may have taken all that was free.
        self.make_room();
        self.append(&[Line::Published])?;
        last::remove(&disk.directory)
    }
}

/// Rows that stand in for a slice that has failed: the region, when they were collected, and what they are.
pub(crate) type LastGood = (String, String, Vec<SpooledTable>);

/// Whether rows of `place` stand in for `failed`: the slice itself, or with no region all of the account that are not
/// `known`.
fn stands_in(place: &Place, failed: &SliceEntry, known: impl Fn(&str) -> bool) -> bool {
    place.account == failed.account_id
        && match &failed.region {
            Some(region) => place.region == *region,
            None => !known(&place.region),
        }
}

/// A slice of an earlier process.
pub(crate) type Restored = (SliceEntry, Vec<SpooledTable>);

impl Disk {
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    fn keep(
        &mut self,
        mut committed: Committed,
        tables: &[SpooledTable],
        line: impl FnOnce(Committed) -> Line,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        let before = self.columns.len();
        committed.tables.clear();
        for table in tables {
            let known = self.columns.iter().position(|columns| *columns == table.columns);
            let columns = known.unwrap_or_else(|| {
                lines.push(Line::Columns(table.columns.iter().map(SavedHeading::of).collect()));
                self.columns.push(Arc::clone(&table.columns));
                self.columns.len() - 1
            });
            committed.tables.push(SavedTable {
                number: table.number,
                columns,
                sorted: table.sorted,
                rows: table.rows,
                runs: table.runs.clone(),
            });
        }
        lines.push(line(committed));
        self.appender
            .append(&lines)
            .inspect_err(|_| self.columns.truncate(before))
    }
}

fn new_run() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn place(account: &str, region: &str) -> Place {
    Place {
        account: account.to_owned(),
        region: region.to_owned(),
    }
}

fn damaged(directory: &Path, error: ReadError) -> StateError {
    match error {
        ReadError::Io(error) => StateError::Io(directory.to_owned(), error),
        damage @ ReadError::Damaged(..) => StateError::Damaged(directory.to_owned(), damage.to_string()),
    }
}

/// In words, why a state is not of this run, but for parameters that do not matter.
fn differs(header: &lines::Header, identity: &Identity, but: &[&str]) -> Option<String> {
    if header.connector != identity.connector {
        return Some(format!("it is {}'s", header.connector));
    }
    if (header.state_version, header.version.as_str()) != (STATE_VERSION, identity.version) {
        return Some(format!(
            "version {} has written it, this is version {}",
            header.version, identity.version
        ));
    }
    let names = header.parameters.keys().chain(identity.parameters.keys());
    let mut names: Vec<&str> = names
        .filter(|name| header.parameters.get(*name) != identity.parameters.get(*name))
        .map(String::as_str)
        .filter(|name| !but.contains(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    if !names.is_empty() {
        return Some(format!("its parameters differ in {}", names.join(", ")));
    }
    (header.work != identity.work).then(|| ANOTHER_WORK.to_owned())
}

const ANOTHER_WORK: &str = "what was to be run was another text";

trait OfThisRun {
    fn of(self, identity: &Identity, directory: &Path) -> Result<Option<Found>, StateError>;
}

impl OfThisRun for Option<Found> {
    /// The same, where it is this run's.
    fn of(self, identity: &Identity, directory: &Path) -> Result<Option<Found>, StateError> {
        match self.as_ref().and_then(|found| differs(&found.header, identity, &[])) {
            Some(why) => Err(StateError::Different(directory.to_owned(), why)),
            None => Ok(self),
        }
    }
}

/// What is kept of a slice that need not be collected again.
fn committed(entry: &SliceEntry, collected: &str) -> Option<Committed> {
    let region = entry.region.as_deref()?;
    (!entry.outcome.is_failure()).then(|| Committed {
        place: place(&entry.account_id, region),
        outcome: entry.outcome,
        rows: entry.rows,
        collected: collected.to_owned(),
        duration_seconds: entry.duration_seconds,
        calls: entry.calls,
        retries: entry.retries,
        waiting_seconds: entry.waiting_seconds,
        details: entry.details.clone(),
        sums: entry.sums.clone(),
        warnings: entry.warnings.clone(),
        reason: entry.reason.clone(),
        tables: Vec::new(),
    })
}

fn entry(account: &Account, committed: &Committed) -> SliceEntry {
    let mut entry = SliceEntry::new(account, Some(&committed.place.region), committed.outcome);
    entry.rows = committed.rows;
    entry.collected = Some(committed.collected.clone());
    entry.duration_seconds = committed.duration_seconds;
    entry.calls = committed.calls;
    entry.retries = committed.retries;
    entry.waiting_seconds = committed.waiting_seconds;
    entry.details = committed.details.clone();
    entry.sums = committed.sums.clone();
    entry.warnings = committed.warnings.clone();
    entry.reason = committed.reason.clone();
    entry
}

/// Whether there is something to go on with.
pub fn is_there(directory: &Path) -> bool {
    directory.join(JOURNAL).exists()
}

/// The slices of a run that has ended are good; those of one that was skipped have no rows.
fn is_good(committed: &Committed) -> bool {
    matches!(committed.outcome, Outcome::Complete | Outcome::Empty)
}
