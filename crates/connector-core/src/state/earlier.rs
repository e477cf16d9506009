//! What an earlier process has left, as its journal says it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::lines::{self, AccountRegions, Committed, Line, Place, ReadError, SavedHeading, SavedTable};
use crate::rows::SpooledTable;
use crate::slice::Step;
use crate::table::Heading;

/// What an earlier process has left.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    pub(super) started: Option<String>,
    pub(super) caller: Option<String>,
    pub(super) regions: HashMap<String, AccountRegions>,
    pub(super) slices: HashMap<Place, (Committed, Vec<SpooledTable>)>,
    pub(super) failures: HashMap<Place, u32>,
    /// Of slices, complete or not.
    pub(super) steps: HashMap<Place, BTreeMap<u32, Step>>,
    pub(super) stale: HashMap<Place, (Committed, Vec<SpooledTable>)>,
    /// Complete slices that did not fit beside the others of their shard. For a resumed run they have failed.
    pub(super) misfits: HashMap<Place, (Committed, Vec<SpooledTable>)>,
    pub(super) columns: Vec<Arc<[Heading]>>,
    pub(super) published: bool,
    /// The digest of the ledger that a shard's run has ended with.
    pub(super) ended: Option<String>,
    pub(super) merged: bool,
}

/// A journal that was read.
pub(super) struct Found {
    pub(super) header: lines::Header,
    pub(super) earlier: Earlier,
    /// Bytes of the journal that are whole.
    pub(super) length: u64,
    /// Bytes of the rows that belong to slices.
    pub(super) rows_end: u64,
}

/// `None`: nothing was written before the process ended.
pub(super) fn found(journal: &Path) -> Result<Option<Found>, ReadError> {
    of_lines(lines::read(journal)?, &journal.display().to_string())
}

/// The same of lines that were read, and how many bytes they are.
pub(super) fn of_lines((lines, length): (Vec<Line>, u64), journal: &str) -> Result<Option<Found>, ReadError> {
    let damaged = |number: usize| ReadError::Damaged(number + 1, journal.to_owned());
    let mut lines = lines.into_iter().enumerate();
    let header = match lines.next() {
        None => return Ok(None),
        Some((_, Line::Run(header))) => header,
        Some((number, _)) => return Err(damaged(number)),
    };
    let mut earlier = Earlier {
        started: Some(header.started.clone()),
        ..Earlier::default()
    };
    for (number, line) in lines {
        earlier.take(line).ok_or_else(|| damaged(number))?;
    }
    let all = earlier.slices.values().chain(earlier.stale.values());
    let all = all.chain(earlier.misfits.values());
    let tables = all.flat_map(|(_, tables)| tables);
    let rows_end = tables.map(SpooledTable::end).max().unwrap_or_default();
    Ok(Some(Found {
        header,
        earlier,
        length,
        rows_end,
    }))
}

impl Earlier {
    /// `None`: the line cannot stand there.
    fn take(&mut self, line: Line) -> Option<()> {
        if matches!(
            line,
            Line::Slice(_) | Line::Step(..) | Line::Failed(_) | Line::Stale(_) | Line::Misfit(_)
        ) {
            // A run that goes on has not ended.
            self.ended = None;
            self.merged = false;
        }
        match line {
            Line::Run(_) => return None,
            Line::Caller(account) => self.caller = Some(account),
            Line::Regions(regions) => {
                self.regions.insert(regions.account.clone(), regions);
            }
            Line::Columns(columns) => {
                let columns = columns.into_iter().map(SavedHeading::heading);
                self.columns.push(columns.collect());
            }
            Line::Slice(committed) => {
                let tables = self.tables(&committed)?;
                self.stale.remove(&committed.place);
                self.misfits.remove(&committed.place);
                self.slices.insert(committed.place.clone(), (committed, tables));
            }
            Line::Step(place, number, step) => {
                self.steps.entry(place).or_default().insert(number, step);
            }
            Line::Failed(place) => {
                self.slices.remove(&place);
                self.misfits.remove(&place);
                *self.failures.entry(place).or_default() += 1;
            }
            Line::Misfit(place) => {
                let slice = self.slices.remove(&place)?;
                self.misfits.insert(place.clone(), slice);
                *self.failures.entry(place).or_default() += 1;
            }
            Line::Stale(committed) => {
                let tables = self.tables(&committed)?;
                self.stale.insert(committed.place.clone(), (committed, tables));
            }
            Line::Published => self.published = true,
            Line::Ended(ledger) => self.ended = Some(ledger),
            Line::Merged => self.merged = true,
        }
        Some(())
    }

    fn tables(&self, committed: &Committed) -> Option<Vec<SpooledTable>> {
        let table = |saved: &SavedTable| {
            Some(SpooledTable {
                number: saved.number,
                columns: Arc::clone(self.columns.get(saved.columns)?),
                runs: saved.runs.clone(),
                sorted: saved.sorted,
                rows: saved.rows,
                spool: 0,
                ready: None,
            })
        };
        committed.tables.iter().map(table).collect()
    }
}
