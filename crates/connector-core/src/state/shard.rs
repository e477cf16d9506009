//! What the run of a shard has left, as it is merged: locked, checked, and bound to its ledger.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use super::directory::opened_directory;
use super::lines::{Appender, Committed, Header, Line, Place};
use super::{
    ANOTHER_WORK, Earlier, JOURNAL, LastGood, ROWS, ReadError, SHARD, STATE_VERSION, found, last, place, remove_run,
    remove_unbegun, stands_in,
};
use crate::ledger::SliceEntry;
use crate::rows::{Spool, SpooledTable};

/// Why a shard cannot be merged. It stays as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShardError {
    /// A run holds it.
    #[error("its run is still at work, it holds {0}: wait for it to end")]
    AtWork(PathBuf),
    /// There is no state.
    #[error(
        "its rows are not there: {0} is missing. Copy it to its ledger, or run the shard again; shards that have been merged \
         are gone, unless it was with --keep-shards"
    )]
    Gone(PathBuf),
    /// What was written is not what is there.
    #[error("{0} is damaged: {1}; run this shard again")]
    Damaged(PathBuf, String),
    /// The run was killed, or another one has begun since.
    #[error("the run in {0} has not come to its end since this ledger was written: go on with it with --resume")]
    Unfinished(PathBuf),
    /// The ledger of another run, or one that somebody has changed.
    #[error("it is not the ledger that the run in {0} has written: give that one, or go on with the run with --resume")]
    OtherLedger(PathBuf),
    /// The disk.
    #[error("{0} cannot be used: {1}")]
    Io(PathBuf, io::Error),
}

/// What the run of a shard has left. No run goes on with it as long as this lives.
#[derive(Debug)]
pub(crate) struct ShardState {
    directory: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    header: Header,
    earlier: Earlier,
    /// Bytes of the journal.
    length: u64,
    spool: Spool,
}

impl ShardState {
    /// Takes the directory, whose run has ended with the ledger of this SHA-256.
    ///
    /// # Errors
    /// Each that is not whole, or in use.
    pub(crate) fn open(directory: &Path, ledger: &str) -> Result<Self, ShardError> {
        let io = |error| ShardError::Io(directory.to_owned(), error);
        let damaged = |why: String| ShardError::Damaged(directory.to_owned(), why);
        let lock = held(directory)?;
        let found = match found(&directory.join(JOURNAL)) {
            Ok(Some(found)) => found,
            Ok(None) => return Err(ShardError::Unfinished(directory.to_owned())),
            Err(ReadError::Io(error)) => return Err(missing(directory, error)),
            Err(error @ ReadError::Damaged(..)) => return Err(damaged(error.to_string())),
        };
        if found.header.state_version != STATE_VERSION {
            return Err(damaged(format!("it has the form {}", found.header.state_version)));
        }
        match &found.earlier.ended {
            None => return Err(ShardError::Unfinished(directory.to_owned())),
            Some(ended) if ended != ledger => return Err(ShardError::OtherLedger(directory.to_owned())),
            Some(_) => {}
        }
        let rows = match File::open(directory.join(ROWS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("its rows are missing".to_owned()));
            }
            opened => opened.map_err(io)?,
        };
        let spool = Spool::in_file_as_it_is(rows, directory).map_err(io)?;
        let Earlier {
            slices, stale, misfits, ..
        } = &found.earlier;
        for (_, tables) in slices.values().chain(stale.values()).chain(misfits.values()) {
            for table in tables {
                spool.check(table).map_err(|error| damaged(error.to_string()))?;
            }
        }
        Ok(ShardState {
            directory: directory.to_owned(),
            _lock: lock,
            header: found.header,
            earlier: found.earlier,
            length: found.length,
            spool,
        })
    }

    /// The shard that the run was.
    pub(crate) fn shard(&self) -> Option<&str> {
        self.header.parameters.get(SHARD)?.as_str()
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The parameters that shape the rows.
    pub(crate) fn parameters(&self) -> &Map<String, Json> {
        &self.header.parameters
    }

    /// The account that the run signed in to.
    pub(crate) fn caller(&self) -> Option<&str> {
        self.earlier.caller.as_deref()
    }

    /// Where the rows are.
    pub(crate) fn spool(&self) -> &Spool {
        &self.spool
    }

    /// In words, why the two are not shards of one run.
    pub(crate) fn differs(&self, other: &ShardState) -> Option<String> {
        let (own, others) = (&self.header.parameters, &other.header.parameters);
        let mut names: Vec<&str> = own.keys().chain(others.keys()).map(String::as_str).collect();
        names.retain(|name| *name != SHARD && own.get(*name) != others.get(*name));
        names.sort_unstable();
        names.dedup();
        match names.is_empty() {
            false => Some(format!("their parameters differ in {}", names.join(", "))),
            true => (self.header.work != other.header.work).then(|| ANOTHER_WORK.to_owned()),
        }
    }

    /// The rows of a slice, as spool number `spool`; `None` where it has none. A slice that did not fit beside the others of
    /// its shard is what it was before.
    ///
    /// # Errors
    /// A slice that is complete, and is not there.
    pub(crate) fn rows_of(
        &self,
        entry: &mut SliceEntry,
        spool: usize,
    ) -> Result<Option<Vec<SpooledTable>>, ShardError> {
        let place = place(&entry.account_id, entry.region.as_deref().unwrap_or_default());
        let misfit: Option<&Kept> = self.earlier.misfits.get(&place).filter(|_| entry.outcome.is_failure());
        if let Some((committed, _)) = misfit {
            entry.outcome = committed.outcome;
            entry.rows = committed.rows;
            entry.cause = None;
        }
        if !entry.outcome.is_collected() {
            return Ok(None);
        }
        let kept = misfit.or_else(|| self.earlier.slices.get(&place));
        let missing = || format!("the rows of {} {} are missing", place.account, place.region);
        let (_, tables) = kept.ok_or_else(|| ShardError::Damaged(self.directory.clone(), missing()))?;
        Ok(Some(numbered(tables, spool)))
    }

    /// The rows that stand in for a slice that has failed, as [`super::State::last_good`] has them.
    pub(crate) fn last_good(&self, failed: &SliceEntry, known: impl Fn(&str) -> bool, spool: usize) -> Vec<LastGood> {
        let stale: &HashMap<Place, Kept> = &self.earlier.stale;
        let mut kept: Vec<LastGood> = stale
            .iter()
            .filter(|(place, _)| stands_in(place, failed, &known))
            .map(|(place, (committed, tables))| {
                (
                    place.region.clone(),
                    committed.collected.clone(),
                    numbered(tables, spool),
                )
            })
            .collect();
        kept.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        kept
    }

    /// The shard has been merged, and is not needed any more.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn remove(&self) -> io::Result<()> {
        last::remove(&self.directory)?;
        remove_run(&self.directory)
    }

    /// The shard has been merged, and stays: for the next run, or to be merged again.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn mark_merged(&self) -> io::Result<()> {
        if self.earlier.merged {
            return Ok(());
        }
        let journal = OpenOptions::new().write(true).open(self.directory.join(JOURNAL))?;
        Appender::new(journal, self.length)?.append(&[Line::Merged])
    }
}

/// Takes the lock of a directory that is there.
fn held(directory: &Path) -> Result<File, ShardError> {
    let lock = opened_directory(directory).map_err(|error| missing(directory, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ShardError::AtWork(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(ShardError::Io(directory.to_owned(), error)),
    }
}

fn missing(directory: &Path, error: io::Error) -> ShardError {
    match error.kind() {
        io::ErrorKind::NotFound => ShardError::Gone(directory.to_owned()),
        _ => ShardError::Io(directory.to_owned(), error),
    }
}

/// Removes what a merge has left that was killed while it removed the shard.
///
/// # Errors
/// A run that is at work there, and whatever the disk says.
pub(crate) fn remove_rest(directory: &Path) -> Result<(), ShardError> {
    match held(directory) {
        Ok(_lock) => {
            remove_unbegun(directory);
            Ok(())
        }
        Err(ShardError::Gone(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A slice that is kept.
type Kept = (Committed, Vec<SpooledTable>);

fn numbered(tables: &[SpooledTable], spool: usize) -> Vec<SpooledTable> {
    let numbered = |table: &SpooledTable| SpooledTable { spool, ..table.clone() };
    tables.iter().map(numbered).collect()
}
