//! The rows of the run before: what stands in for slices that fail.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::lines::Committed;
use super::{Earlier, Found, Identity, Intent, JOURNAL, Place, ROWS, ReadError, StateError, differs, found, is_good};
use crate::rows::{Spool, SpooledTable};

const LAST_JOURNAL: &str = "last-journal";
const LAST_ROWS: &str = "last-rows";

/// Slices of earlier runs, each as it was when it was last complete.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) spool: Spool,
    pub(super) slices: HashMap<Place, (Committed, Vec<SpooledTable>)>,
}

impl Last {
    /// # Errors
    /// Rows that cannot stand in, and whatever the disk says.
    pub(super) fn open(directory: &Path, identity: &Identity) -> Result<Self, StateError> {
        let io = |error| StateError::Io(directory.to_owned(), error);
        let Some(found) = kept(directory, identity)? else {
            // What an unfinished run has kept for itself is in its own journal.
            let spool = tempfile::tempfile_in(directory).and_then(|file| Spool::in_file(file, directory, 0));
            return Ok(Last {
                spool: spool.map_err(io)?,
                slices: HashMap::new(),
            });
        };
        let lost =
            |error: io::Error| StateError::Kept(directory.to_owned(), format!("{LAST_ROWS} is damaged, {error}"));
        let rows = File::open(directory.join(LAST_ROWS)).map_err(lost)?;
        let spool = Spool::in_file_as_it_is(rows, directory).map_err(io)?;
        let Earlier { slices, mut stale, .. } = found.earlier;
        stale.extend(slices);
        stale.retain(|_, (committed, _)| is_good(committed));
        for (_, tables) in stale.values() {
            for table in tables {
                spool.check(table).map_err(lost)?;
            }
        }
        Ok(Last { spool, slices: stale })
    }
}

/// The journal of rows that can stand in; `None`: there are none.
///
/// # Errors
/// Rows that cannot, and whatever the disk says.
fn kept(directory: &Path, identity: &Identity) -> Result<Option<Found>, StateError> {
    let journal = directory.join(LAST_JOURNAL);
    let io = |error| StateError::Io(directory.to_owned(), error);
    if !journal.try_exists().map_err(io)? {
        return Ok(None);
    }
    let found = found(&journal).map_err(|error| damaged(directory, error))?;
    if let Some(found) = &found {
        can_stand_in(directory, found, identity)?;
    }
    Ok(found)
}

fn can_stand_in(directory: &Path, found: &Found, identity: &Identity) -> Result<(), StateError> {
    match differs(&found.header, identity, &identity.beside_a_slice) {
        Some(why) => Err(StateError::Kept(directory.to_owned(), why)),
        None => Ok(()),
    }
}

fn damaged(directory: &Path, error: ReadError) -> StateError {
    match error {
        ReadError::Io(error) => StateError::Io(directory.to_owned(), error),
        damage @ ReadError::Damaged(..) => {
            StateError::Kept(directory.to_owned(), format!("they are damaged, {damage}"))
        }
    }
}

/// A new run begins: what was published before becomes the last one, what was not is given up.
///
/// # Errors
/// Kept rows that cannot stand in, before anything is changed; and whatever the disk says.
pub(super) fn succeed(
    directory: &Path,
    found: Result<Option<Found>, ReadError>,
    identity: &Identity,
    intent: Intent,
) -> Result<(), StateError> {
    let io = |error| StateError::Io(directory.to_owned(), error);
    if !intent.keep_last_good {
        remove(directory).map_err(io)?;
    } else if !intent.forget_last_good {
        let last = kept(directory, identity)?;
        match found {
            Ok(Some(found)) if found.earlier.published => {
                can_stand_in(directory, &found, identity)?;
                return become_last(directory).map_err(io);
            }
            // It may be that of rows that are kept.
            Err(error) if last.is_none() => return Err(damaged(directory, error)),
            _ => {}
        }
    }
    if let Ok(Some(found)) = &found
        && !found.earlier.published
        && !found.earlier.slices.is_empty()
    {
        tracing::warn!(
            "an unfinished run of {} with {} complete slices is given up; --resume would have gone on with it",
            found.header.started,
            found.earlier.slices.len()
        );
    }
    super::remove_file(&directory.join(JOURNAL)).map_err(io)
}

/// The rows first: a journal without its rows would be damage.
fn become_last(directory: &Path) -> io::Result<()> {
    super::remove_file(&directory.join(LAST_JOURNAL))?;
    fs::rename(directory.join(ROWS), directory.join(LAST_ROWS))?;
    fs::rename(directory.join(JOURNAL), directory.join(LAST_JOURNAL))
}

/// Undoes a half of [`succeed`]: the process ended between the two files.
pub(super) fn mend(directory: &Path) -> io::Result<()> {
    let there = |name: &str| directory.join(name).try_exists();
    if there(JOURNAL)? && !there(ROWS)? && there(LAST_ROWS)? && !there(LAST_JOURNAL)? {
        fs::rename(directory.join(LAST_ROWS), directory.join(ROWS))?;
    }
    Ok(())
}

/// What stood in is in the run's own rows, or not wanted any more.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    super::remove_file(&directory.join(LAST_JOURNAL))?;
    super::remove_file(&directory.join(LAST_ROWS))
}
