//! Takes the records of one slice, encodes each at once, and keeps memory bounded: a slice that grows too large is
//! sorted and spilled piece by piece.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use auth_core::Account;

use super::encode::{self, Format};
use super::spool::{Run, Spool, SpooledSlice};
use crate::connector::Order;
use crate::slice::SliceError;
use crate::table::{Column, Value};

/// A slice's rows beyond this many bytes are spilled.
const LARGEST_BUFFER: usize = 4 * 1024 * 1024;
/// All slices' rows in memory beyond this many bytes: then a slice spills from [`SMALLEST_SPILL`] on.
const TOTAL_BUFFER: usize = 8 * 1024 * 1024;
const SMALLEST_SPILL: usize = 64 * 1024;

/// What all slices of a run share.
pub(crate) struct Table<R: 'static> {
    pub(crate) format: Format,
    pub(crate) columns: &'static [Column<R>],
    pub(crate) order: Order,
    pub(crate) spool: Arc<Spool>,
    buffered: Arc<AtomicUsize>,
}

impl<R> Table<R> {
    pub(crate) fn new(format: Format, columns: &'static [Column<R>], order: Order, spool: Arc<Spool>) -> Self {
        Table {
            format,
            columns,
            order,
            spool,
            buffered: Arc::default(),
        }
    }

    pub(crate) fn writer(&self, account: &Account, region: &str) -> RowWriter<R> {
        RowWriter {
            format: self.format,
            columns: self.columns,
            order: self.order,
            spool: Arc::clone(&self.spool),
            buffered: Arc::clone(&self.buffered),
            leading: encode::leading(self.format, account, region),
            text: String::new(),
            rows: Vec::new(),
            runs: Vec::new(),
            written: 0,
        }
    }
}

/// The rows of one slice.
pub struct RowWriter<R: 'static> {
    format: Format,
    columns: &'static [Column<R>],
    order: Order,
    spool: Arc<Spool>,
    buffered: Arc<AtomicUsize>,
    leading: String,
    /// Rows one after another, encoded.
    text: String,
    /// Key and place in `text` of each.
    rows: Vec<(String, usize, usize)>,
    runs: Vec<Run>,
    written: u64,
}

impl<R> RowWriter<R> {
    /// Adds a row.
    ///
    /// # Errors
    /// Rows that cannot be kept on disk.
    pub fn push(&mut self, record: &R) -> Result<(), SliceError> {
        let start = self.text.len();
        self.text.push_str(&self.leading);
        encode::record(self.format, &mut self.text, self.columns, record);
        let key = match self.order {
            Order::ByKey => key(self.columns, record),
            Order::AsGiven => String::new(),
        };
        let grown = self.text.len() - start;
        self.rows.push((key, start, self.text.len()));
        self.written += 1;
        let total = self.buffered.fetch_add(grown, Ordering::Relaxed) + grown;
        if self.text.len() > LARGEST_BUFFER || (total > TOTAL_BUFFER && self.text.len() > SMALLEST_SPILL) {
            self.spill()?;
        }
        Ok(())
    }

    /// Rows so far.
    pub fn len(&self) -> u64 {
        self.written
    }

    /// Whether there are no rows so far.
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    fn spill(&mut self) -> Result<(), SliceError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        // Ties keep the order in which they came, so equal estates give equal rows as far as AWS lets them.
        self.rows.sort_by(|a, b| a.0.cmp(&b.0));
        let rows = self
            .rows
            .iter()
            .map(|(key, start, end)| (key.as_str(), &self.text[*start..*end]));
        self.runs.push(self.spool.append(rows)?);
        self.release();
        // Not cleared: many slices wait with an empty buffer, and it should be a small one.
        self.rows = Vec::new();
        self.text = String::new();
        Ok(())
    }

    fn release(&self) {
        self.buffered.fetch_sub(self.text.len(), Ordering::Relaxed);
    }

    pub(crate) fn finish(mut self) -> Result<SpooledSlice, SliceError> {
        self.spill()?;
        Ok(SpooledSlice {
            runs: std::mem::take(&mut self.runs),
            sorted: self.order == Order::ByKey,
            rows: self.written,
        })
    }
}

impl<R> Drop for RowWriter<R> {
    fn drop(&mut self) {
        self.release();
    }
}

fn key<R>(columns: &[Column<R>], record: &R) -> String {
    let mut key = String::new();
    for column in columns.iter().filter(|column| column.key) {
        match (column.value)(record) {
            Value::Text(text) => key.push_str(&text),
            Value::Integer(number) => key.push_str(&format!("{:020}", i128::from(number) - i128::from(i64::MIN))),
            other => key.push_str(&format!("{other:?}")),
        }
        key.push('\0');
    }
    key
}
