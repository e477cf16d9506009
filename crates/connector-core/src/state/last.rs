//! The rows of the run before: what stands in for slices that fail.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::lines::Committed;
use super::{Earlier, Found, Identity, Intent, JOURNAL, Place, ROWS, StateError, damaged, differs, found, is_good};
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
    /// `None`: there is none, or it was collected otherwise.
    pub(super) fn open(directory: &Path, identity: &Identity) -> Result<Option<Self>, StateError> {
        let io = |error| StateError::Io(directory.to_owned(), error);
        let journal = directory.join(LAST_JOURNAL);
        if !journal.try_exists().map_err(io)? {
            // What an unfinished run has kept for itself is in its own journal.
            let spool = tempfile::tempfile_in(directory).and_then(|file| Spool::in_file(file, directory, 0));
            return Ok(Some(Last {
                spool: spool.map_err(io)?,
                slices: HashMap::new(),
            }));
        }
        let found = found(&journal).map_err(|error| damaged(directory, error))?;
        let Some(found) = found else { return Ok(None) };
        if let Some(why) = differs(&found.header, identity) {
            cannot_stand_in(&why);
            return Ok(None);
        }
        let rows = File::open(directory.join(LAST_ROWS)).map_err(io)?;
        let spool = Spool::in_file_as_it_is(rows, directory).map_err(io)?;
        let Earlier { slices, mut stale, .. } = found.earlier;
        stale.extend(slices);
        stale.retain(|_, (committed, _)| is_good(committed));
        for (_, tables) in stale.values() {
            for table in tables {
                let checked = spool.check(table);
                checked.map_err(|error| StateError::Damaged(directory.join(LAST_ROWS), error.to_string()))?;
            }
        }
        Ok(Some(Last { spool, slices: stale }))
    }
}

/// A new run begins: what was published before becomes the last one, what was not is given up.
pub(super) fn succeed(
    directory: &Path,
    found: Option<&Option<Found>>,
    identity: &Identity,
    intent: Intent,
) -> io::Result<()> {
    let found = found.and_then(Option::as_ref);
    if !intent.keep_last_good {
        remove(directory)?;
    } else if let Some(found) = found.filter(|found| found.earlier.published) {
        if let Some(why) = differs(&found.header, identity) {
            cannot_stand_in(&why);
            remove(directory)?;
            return super::remove_file(&directory.join(JOURNAL));
        }
        // The rows first: a journal without its rows would be damage.
        super::remove_file(&directory.join(LAST_JOURNAL))?;
        fs::rename(directory.join(ROWS), directory.join(LAST_ROWS))?;
        return fs::rename(directory.join(JOURNAL), directory.join(LAST_JOURNAL));
    }
    if let Some(found) = found.filter(|found| !found.earlier.published && !found.earlier.slices.is_empty()) {
        tracing::warn!(
            "an unfinished run of {} with {} complete slices is given up; --resume would have gone on with it",
            found.header.started,
            found.earlier.slices.len()
        );
    }
    super::remove_file(&directory.join(JOURNAL))
}

fn cannot_stand_in(why: &str) {
    tracing::warn!("the rows of the run before cannot stand in for slices that fail: {why}");
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
