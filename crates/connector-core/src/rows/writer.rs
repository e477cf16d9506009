//! Takes the rows of one slice, encodes each at once, and keeps memory bounded: rows that grow too large are spilled
//! piece by piece, sorted where the table has a key.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use auth_core::Account;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::buffer::{Row, RowBuffer};
use super::digest;
use super::encode::{Format, Formulas};
use super::form::{Form, Forms};
use super::key::identity;
use super::leading;
use super::ready::Readying;
use super::spool::{Run, Spool, SpooledTable};
use crate::slice::{Facts, SliceError};
use crate::table::{Column, Heading};

/// A slice's rows beyond this many bytes are spilled; rows that are not sorted, from the smaller one on.
const LARGEST_BUFFER: usize = 4 * 1024 * 1024;
const LARGEST_UNSORTED: usize = 512 * 1024;
/// All slices' rows in memory beyond this many bytes: then a slice spills from [`SMALLEST_SPILL`] on.
const TOTAL_BUFFER: usize = 8 * 1024 * 1024;
const SMALLEST_SPILL: usize = 64 * 1024;
/// Rows of a slice whose keys are remembered, as 8 bytes each, when they are spilled.
const MOST_REMEMBERED: u64 = 1 << 20;

/// What all slices of a run share.
#[derive(Clone)]
pub(crate) struct Rows {
    pub(crate) format: Format,
    formulas: Formulas,
    /// The leading columns.
    pub(crate) leading: Arc<[Heading]>,
    pub(crate) spool: Arc<Spool>,
    /// Whether the spool's file may become the output.
    in_place: bool,
    buffered: Arc<AtomicUsize>,
    /// Places for temporary files.
    scratch: Arc<Semaphore>,
    forms: Forms,
}

impl Rows {
    pub(crate) fn new(format: Format, leading: &[String], spool: Arc<Spool>) -> Self {
        Rows {
            format,
            formulas: Formulas::Kept,
            leading: leading::headings(leading).into(),
            spool,
            in_place: false,
            buffered: Arc::default(),
            scratch: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            forms: Forms::default(),
        }
    }

    /// With so many temporary files of slices at a time, where there may not be any number.
    pub(crate) fn scratch_files(mut self, most: Option<usize>) -> Self {
        if let Some(most) = most {
            self.scratch = Arc::new(Semaphore::new(most));
        }
        self
    }

    /// With a spool whose file may become the output.
    pub(crate) fn in_place(mut self, in_place: bool) -> Self {
        self.in_place = in_place;
        self
    }

    /// With formulas in CSV.
    pub(crate) fn formulas(mut self, formulas: Formulas) -> Self {
        self.formulas = formulas;
        self
    }

    /// The form of a table with the columns that `is` recognizes and `columns` makes.
    fn form(&self, is: impl Fn(&[Heading]) -> bool, columns: impl FnOnce() -> Vec<Heading>) -> Arc<Form> {
        let new = || Form::new(self.format, self.formulas, &self.leading, columns());
        self.forms.of(is, new)
    }

    /// `now` as in `collected_at`.
    pub(crate) fn of_slice(&self, account: &Account, region: &str, now: &str, facts: &Facts) -> SliceRows {
        let value = |column: &Heading| leading::value(&column.name, account, region, now).map(str::to_owned);
        SliceRows {
            rows: self.clone(),
            leading: self.leading.iter().map(value).collect(),
            facts: facts.clone(),
            tables: Vec::new(),
            answer: 0,
        }
    }
}

/// The rows of one slice: one table, or one for every statement that gives rows.
pub struct SliceRows {
    rows: Rows,
    leading: Vec<Option<String>>,
    facts: Facts,
    tables: Vec<(u32, RowWriter)>,
    /// The number of the answer that the next rows are of.
    answer: u32,
}

impl SliceRows {
    /// Rows of a slice that belongs to no run, without leading columns: for tests and measurements of connectors.
    ///
    /// # Errors
    /// A directory that cannot be written to.
    pub fn alone(format: Format, directory: &Path) -> io::Result<Self> {
        Ok(SliceRows {
            rows: Rows::new(format, &[], Arc::new(Spool::new(directory)?)),
            leading: Vec::new(),
            facts: Facts::default(),
            tables: Vec::new(),
            answer: 0,
        })
    }

    /// The format that rows are encoded in.
    pub fn format(&self) -> Format {
        self.rows.format
    }

    /// Rows that follow are of another answer, such as the next page. Pages of a listing that changes meanwhile may overlap: a
    /// row whose key came in an earlier answer takes that row's place, and is counted. In one answer no key is there twice.
    pub fn next_answer(&mut self) {
        self.answer += 1;
        for (_, table) in &mut self.tables {
            table.buffer.answer = self.answer;
        }
    }

    /// Adds a row to the slice's only table.
    ///
    /// # Errors
    /// Rows that cannot be kept on disk.
    pub fn push<R>(&mut self, columns: &[Column<R>], record: &R) -> Result<(), SliceError> {
        if self.tables.is_empty() {
            let is = |given: &[Heading]| {
                let mut pairs = given.iter().zip(columns);
                given.len() == columns.len() && pairs.all(|(heading, column)| column.is(heading))
            };
            let form = self.rows.form(is, || columns.iter().map(Column::heading).collect());
            self.begin_with(1, form);
        }
        let Some((_, table)) = self.tables.first_mut() else {
            return Err(SliceError::Local("there is no table".to_owned()));
        };
        table.push(|row| {
            for column in columns {
                row.cell(&(column.value)(record));
            }
            Ok(())
        })
    }

    /// Begins table `number`, anew where it has rows already. Without key columns its rows keep their order.
    pub fn begin(&mut self, number: u32, columns: Vec<Heading>) -> &mut RowWriter {
        let form = self.rows.form(|given| given == columns, || columns.clone());
        self.begin_with(number, form)
    }

    fn begin_with(&mut self, number: u32, form: Arc<Form>) -> &mut RowWriter {
        for (from, to) in &form.renamed {
            self.facts.warn(format!(
                "a second column is named `{from}`: it is `{to}` in the output; name columns in the query, or leave \
                 leading columns out with leading_columns"
            ));
        }
        self.tables.retain(|(other, _)| *other != number);
        let mut writer = RowWriter::new(&self.rows, &self.leading, form);
        writer.buffer.answer = self.answer;
        let at = self.tables.partition_point(|(other, _)| *other < number);
        self.tables.insert(at, (number, writer));
        &mut self.tables[at].1
    }

    /// Table `number`, which has been begun.
    ///
    /// # Errors
    /// One that has not.
    pub fn table(&mut self, number: u32) -> Result<&mut RowWriter, SliceError> {
        let table = self.tables.iter_mut().find(|(other, _)| *other == number);
        let none = || SliceError::Local(format!("table {number} has not been begun"));
        table.map(|(_, table)| table).ok_or_else(none)
    }

    /// Room on the disk that the output will be on.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            spool: Arc::clone(&self.rows.spool),
            places: Arc::clone(&self.rows.scratch),
        }
    }

    /// Rows so far.
    pub fn len(&self) -> u64 {
        self.tables.iter().map(|(_, table)| table.written()).sum()
    }

    /// Whether there are no rows so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the slice's rows. How many of them others have replaced, the ledger has as `replaced_rows`.
    ///
    /// # Errors
    /// Rows that cannot be kept on disk, and a table whose key does not tell its rows apart.
    pub(crate) fn finish(self) -> Result<Vec<SpooledTable>, SliceError> {
        // `collect` would keep the room that the writers had, for as long as there are slices.
        let mut finished = Vec::with_capacity(self.tables.len());
        for (number, table) in self.tables {
            let (table, replaced) = table.finish(number)?;
            if replaced > 0 {
                self.facts.add("replaced_rows", replaced);
            }
            finished.push(table);
        }
        Ok(finished)
    }
}

/// Temporary files of a slice.
#[derive(Clone, Debug)]
pub struct Scratch {
    spool: Arc<Spool>,
    places: Arc<Semaphore>,
}

impl Scratch {
    /// Waits until there may be one more temporary file: a process may have so many open. Whoever needs several takes them
    /// in the order in which they are done with.
    pub async fn place(&self) -> ScratchPlace {
        ScratchPlace {
            spool: Arc::clone(&self.spool),
            // Never closed.
            _place: Arc::clone(&self.places).acquire_owned().await.ok(),
        }
    }
}

/// Leave for one temporary file, until it is dropped.
#[derive(Debug)]
pub struct ScratchPlace {
    spool: Arc<Spool>,
    _place: Option<OwnedSemaphorePermit>,
}

impl ScratchPlace {
    /// An unnamed file, gone when it is closed.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn file(&self) -> io::Result<File> {
        self.spool.scratch()
    }

    /// Appends to the file.
    ///
    /// # Errors
    /// Whatever the disk says, with where that is.
    pub fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes).map_err(|error| self.spool.unkept(&error))
    }
}

/// The rows of one table of one slice.
pub struct RowWriter {
    /// Rows that have not been kept.
    buffer: RowBuffer,
    spool: Arc<Spool>,
    buffered: Arc<AtomicUsize>,
    runs: Vec<Run>,
    /// Rows that have been kept.
    kept: u64,
    /// Rows whose place others have taken.
    replaced: u64,
    /// Hashes of the keys of spilled rows: where no two are the same, no row of one run takes the place of another's.
    spilled: Vec<u64>,
    hasher: RandomState,
    /// The leading columns, where the spool's file may become the output.
    in_place: Option<(Format, Arc<[Heading]>)>,
    /// As long as all that is kept are its rows.
    ready: Option<Readying>,
}

impl RowWriter {
    fn new(rows: &Rows, leading: &[Option<String>], form: Arc<Form>) -> Self {
        let in_place = rows.in_place && !form.sorted && rows.format.is_head_and_rows();
        RowWriter {
            buffer: RowBuffer::new(form, leading),
            spool: Arc::clone(&rows.spool),
            buffered: Arc::clone(&rows.buffered),
            runs: Vec::new(),
            kept: 0,
            replaced: 0,
            spilled: Vec::new(),
            hasher: RandomState::new(),
            in_place: in_place.then(|| (rows.format, Arc::clone(&rows.leading))),
            ready: None,
        }
    }

    /// Rows so far.
    fn written(&self) -> u64 {
        self.kept + self.buffer.count
    }

    /// Adds a row, made by `fill`, cell by cell.
    ///
    /// # Errors
    /// What `fill` says, and rows that cannot be kept on disk; the row is not there then.
    pub fn push(&mut self, fill: impl FnOnce(&mut Row<'_>) -> Result<(), SliceError>) -> Result<(), SliceError> {
        let before = self.buffer.text.len();
        self.buffer.push(fill)?;
        self.has_grown(before)
    }

    /// An empty buffer for rows that are made elsewhere, to be [appended](RowWriter::append).
    pub fn another(&mut self) -> RowBuffer {
        self.buffer.another()
    }

    /// Adds rows that were made in a buffer of this writer.
    ///
    /// # Errors
    /// Rows that cannot be kept on disk.
    pub fn append(&mut self, rows: RowBuffer) -> Result<(), SliceError> {
        let before = self.buffer.text.len();
        self.buffer.append(rows);
        self.has_grown(before)
    }

    fn has_grown(&mut self, before: usize) -> Result<(), SliceError> {
        let length = self.buffer.text.len();
        let grown = length - before;
        let total = self.buffered.fetch_add(grown, Ordering::Relaxed) + grown;
        let largest = match (self.form().sorted, &self.ready) {
            (true, _) => LARGEST_BUFFER,
            (false, None) => LARGEST_UNSORTED,
            // There are several buffers then.
            (false, Some(_)) => digest::BUFFER,
        };
        if length > largest {
            self.get_ready()?;
            self.spill()?;
        } else if total > TOTAL_BUFFER && length > SMALLEST_SPILL {
            self.spill()?;
        }
        Ok(())
    }

    fn form(&self) -> &Arc<Form> {
        self.buffer.form()
    }

    /// Many rows, and the first that are kept, may be those of the only table.
    fn get_ready(&mut self) -> Result<(), SliceError> {
        if let Some((format, leading)) = self.in_place.take() {
            let columns: Vec<_> = leading.iter().chain(&*self.form().columns).cloned().collect();
            self.ready = Readying::begin(&self.spool, format.head(&columns))?;
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<(), SliceError> {
        if self.buffer.text.is_empty() {
            return Ok(());
        }
        let sorted = self.form().sorted;
        let run = if sorted {
            self.replaced += self.buffer.sort()?;
            if self.written() <= MOST_REMEMBERED {
                let keys = self.buffer.in_order();
                let keys = keys.map(|(key, _)| self.hasher.hash_one(identity(key.as_bytes())));
                self.spilled.extend(keys);
            }
            self.spool.append_sorted(self.buffer.in_order())?
        } else {
            self.spool.append(&self.buffer.text)?
        };
        self.runs.push(run);
        self.kept += self.buffer.count;
        self.release();
        let mut next = self.buffer.another();
        std::mem::swap(&mut next, &mut self.buffer);
        // Sorted rows leave no room behind: many slices wait with an empty buffer, and it should be a small one.
        if !sorted {
            let mut text = next.text;
            self.buffer.text = match self.ready.take() {
                None => {
                    text.clear();
                    text
                }
                Some(mut ready) => {
                    let room = ready.follow(&run, text);
                    self.ready = room.is_some().then_some(ready);
                    room.unwrap_or_default()
                }
            };
        }
        Ok(())
    }

    fn release(&self) {
        self.buffered.fetch_sub(self.buffer.text.len(), Ordering::Relaxed);
    }

    /// The table, and how many rows others have replaced.
    fn finish(mut self, number: u32) -> Result<(SpooledTable, u64), SliceError> {
        // Most slices never spilled: their rows are all here, and once they are in order nobody asks for keys any more.
        let sorted = self.form().sorted;
        let in_order = !sorted || self.runs.is_empty();
        if sorted && in_order {
            self.replaced += self.buffer.sort()?;
            let rows = self.buffer.in_order().map(|(_, row)| row);
            self.runs.extend(self.spool.append_rows(rows)?);
        } else {
            self.spill()?;
        }
        let mut runs = std::mem::take(&mut self.runs);
        runs.shrink_to_fit();
        let rows = if in_order || self.no_key_is_twice() {
            self.written()
        } else {
            self.spool.count_sorted(&runs)?
        };
        let replaced = self.replaced + self.written() - rows;
        let ready = self.ready.take().map(Readying::finish).transpose();
        let ready = ready.map_err(|error| self.spool.unkept(&error))?.flatten();
        let table = SpooledTable {
            number,
            columns: Arc::clone(&self.form().columns),
            runs,
            sorted: !in_order,
            rows,
            spool: 0,
            ready: ready.map(Arc::new),
        };
        Ok((table, replaced))
    }

    /// Whether the rows of all runs surely have keys of their own. Counting them costs reading all of them once more.
    fn no_key_is_twice(&mut self) -> bool {
        let all = self.spilled.len() as u64 == self.written();
        self.spilled.sort_unstable();
        all && self.spilled.windows(2).all(|pair| pair[0] != pair[1])
    }
}

impl Drop for RowWriter {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use itertools::iproduct;

    use super::super::spool::RowSource as _;
    use super::*;
    use crate::table::{Kind, Value};

    fn push(writer: &mut RowWriter, key: &str, number: usize) {
        let number = i64::try_from(number).unwrap();
        let cells = |row: &mut Row<'_>| {
            row.cell(&Value::Text(key.into()));
            row.cell(&Value::Integer(number));
            Ok(())
        };
        writer.push(cells).unwrap();
    }

    fn columns(name: &str) -> Vec<Heading> {
        vec![Heading::new(name, Kind::Text), Heading::new("b", Kind::Integer)]
    }

    /// A run may have a hundred thousand slices.
    #[test]
    fn what_a_slice_leaves_has_no_more_room_than_it_needs() {
        for tables in 1..4 {
            let mut slice = SliceRows::alone(Format::Csv, &std::env::temp_dir()).unwrap();
            for number in 1..=tables {
                let row = |row: &mut Row<'_>| {
                    row.cell(&Value::Text("a".into()));
                    row.cell(&Value::Integer(1));
                    Ok(())
                };
                slice.begin(number, columns("a")).push(row).unwrap();
            }
            let left = slice.finish().unwrap();
            assert_eq!(left.capacity(), left.len());
            assert!(left.iter().all(|table| table.runs.capacity() == table.runs.len()));
            assert!(left.iter().all(|table| Arc::ptr_eq(&table.columns, &left[0].columns)));
        }
    }

    /// Rows of a slice that never spilled need no keys; whether it spilled or not is not to be seen.
    #[test]
    fn rows_are_in_the_order_of_their_keys_and_the_last_of_each_stays() {
        let spool = Arc::new(Spool::new(&std::env::temp_dir()).unwrap());
        let rows = Rows::new(Format::Csv, &[], Arc::clone(&spool));
        let mut columns = columns("a");
        columns[0].key = true;
        let repeated = (["c", "a", "b", "a"], "a,3\nb,2\nc,0\n");
        let distinct = (["c", "a", "b", "d"], "a,1\nb,2\nc,0\nd,3\n");
        let spilled = [&[][..], &[1], &[0, 2, 4]];
        for ((keys, expected), spills) in iproduct!([repeated, distinct], spilled) {
            let form = rows.form(|given| given == columns, || columns.clone());
            let mut writer = RowWriter::new(&rows, &[], form);
            for (number, key) in keys.into_iter().enumerate() {
                if spills.contains(&number) {
                    writer.spill().unwrap();
                }
                writer.buffer.answer = u32::try_from(number).unwrap();
                push(&mut writer, key, number);
            }
            let (table, replaced) = writer.finish(1).unwrap();
            assert_eq!(replaced, keys.len() as u64 - table.rows, "{spills:?}");
            let count = expected.lines().count() as u64;
            assert_eq!((table.rows, table.sorted), (count, table.runs.len() > 1), "{spills:?}");
            let mut read = Vec::new();
            let mut take = |piece: &[u8]| {
                read.extend_from_slice(piece);
                Ok(())
            };
            spool.read(&table, &mut take).unwrap();
            assert_eq!(String::from_utf8(read).unwrap(), expected, "{spills:?}");
        }
    }

    /// Also where the slice's rows spilled between the two.
    #[test]
    fn a_key_that_is_twice_in_one_answer_is_a_defect() {
        let mut columns = columns("a");
        columns[0].key = true;
        for spills in [&[][..], &[1], &[1, 2]] {
            let mut slice = SliceRows::alone(Format::Csv, &std::env::temp_dir()).unwrap();
            slice.next_answer();
            let writer = slice.begin(1, columns.clone());
            for (number, key) in ["a", "b", "a"].into_iter().enumerate() {
                if spills.contains(&number) {
                    writer.spill().unwrap();
                }
                push(writer, key, number);
            }
            let error = slice.finish().unwrap_err().to_string();
            assert!(error.contains("the same key, `a`"), "{spills:?} {error}");
        }
    }

    #[test]
    fn rows_that_were_replaced_are_counted() {
        let mut columns = columns("a");
        columns[0].key = true;
        for spills in [&[][..], &[2], &[1, 2, 3]] {
            let mut slice = SliceRows::alone(Format::Csv, &std::env::temp_dir()).unwrap();
            slice.begin(1, columns.clone());
            for (number, page) in [&["a", "b"][..], &["b", "c"], &["a", "b", "d"]].into_iter().enumerate() {
                slice.next_answer();
                let writer = slice.table(1).unwrap();
                if spills.contains(&number) {
                    writer.spill().unwrap();
                }
                page.iter().for_each(|key| push(writer, key, number));
            }
            let facts = slice.facts.clone();
            let tables = slice.finish().unwrap();
            assert_eq!(
                (tables[0].rows, &facts.told().sums["replaced_rows"]),
                (4, &3.into()),
                "{spills:?}"
            );
        }
    }
}
