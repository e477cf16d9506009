//! The records of a large object, parsed on several cores: in blocks that end where a record ends, whose rows are put together in
//! the order of the object.

use std::collections::VecDeque;
use std::panic::resume_unwind;

use connector_core::SliceError;
use connector_core::rows::{RowBuffer, RowWriter};
use tokio::task::{JoinHandle, spawn_blocking};

use super::s3::Cells;
use crate::objects::{Chunk, Download, ObjectError, Objects};
use crate::results::csv::{CsvParser, Cutter};
use crate::results::{FileError, Record};

/// Bytes of a block at least.
const BLOCK: usize = 1024 * 1024;

/// Parses the object's records on so many cores.
pub(super) async fn side_by_side(
    object: &mut Download,
    objects: &Objects,
    parser: CsvParser,
    cells: &Cells,
    cores: usize,
    table: &mut RowWriter,
) -> Result<(), ObjectError> {
    let mut blocks = Blocks {
        parser,
        cells,
        cores,
        table,
        offset: 0,
        records: 0,
        at_work: VecDeque::new(),
    };
    let (mut cutter, mut block) = (Cutter::default(), Vec::new());
    let mut large = None;
    while let Some(mut chunk) = object.next().await? {
        let waiting: usize = block.iter().map(|chunk: &Chunk| chunk.bytes.len()).sum();
        objects.large(waiting, &mut large).await;
        // The header stands in the first, which is read before all others.
        let least = blocks.parser.header().map_or(1, |_| BLOCK);
        if let Some(end) = cutter.cut(&chunk.bytes, least, blocks.parser.limit()) {
            block.push(chunk.split_to(end));
            blocks.begin(std::mem::take(&mut block)).await?;
        }
        if !chunk.bytes.is_empty() {
            block.push(chunk);
        }
    }
    blocks.end(block).await
}

/// The blocks of an object.
struct Blocks<'a> {
    /// Reads the first one, and the last.
    parser: CsvParser,
    cells: &'a Cells,
    cores: usize,
    table: &'a mut RowWriter,
    /// Where the next one begins.
    offset: u64,
    /// Records whose rows are in the table.
    records: u64,
    /// Those that are being parsed, in their order.
    at_work: VecDeque<JoinHandle<Parsed>>,
}

/// What has become of a block.
struct Parsed {
    rows: RowBuffer,
    records: u64,
    ended: Result<(), Broken>,
}

/// Why a block was not read to its end.
enum Broken {
    /// The record's number is that in the block.
    File(FileError),
    Row(SliceError),
}

impl Broken {
    /// Where so many records of the object stand before the block.
    fn behind(self, records: u64) -> ObjectError {
        match self {
            Broken::Row(error) => error.into(),
            Broken::File(error) => {
                let record = error.record + records;
                FileError { record, ..error }.into()
            }
        }
    }
}

impl From<FileError> for Broken {
    fn from(error: FileError) -> Self {
        Broken::File(error)
    }
}

impl From<SliceError> for Broken {
    fn from(error: SliceError) -> Self {
        Broken::Row(error)
    }
}

impl Blocks<'_> {
    /// Has a block parsed. The first one is before this returns.
    async fn begin(&mut self, block: Vec<Chunk>) -> Result<(), ObjectError> {
        let length: usize = block.iter().map(|chunk| chunk.bytes.len()).sum();
        let part = self.parser.of_part(self.offset);
        self.offset += length as u64;
        let Some(mut parser) = part else {
            return self.here(&block);
        };
        while self.at_work.len() >= self.cores {
            self.take().await?;
        }
        let (mut rows, cells) = (self.table.another(), self.cells.clone());
        self.at_work.push_back(spawn_blocking(move || {
            let each = |record: &Record<'_>| rows.push(|row| cells.fill(row, record)).map_err(Broken::from);
            let ended = read(&mut parser, &block, each);
            let records = parser.records();
            Parsed { rows, records, ended }
        }));
        Ok(())
    }

    fn here(&mut self, block: &[Chunk]) -> Result<(), ObjectError> {
        let each = |record: &Record<'_>| {
            self.table
                .push(|row| self.cells.fill(row, record))
                .map_err(ObjectError::from)
        };
        read(&mut self.parser, block, each)?;
        self.records = self.parser.records();
        Ok(())
    }

    /// Waits for the first of those at work, and adds its rows.
    async fn take(&mut self) -> Result<(), ObjectError> {
        let Some(first) = self.at_work.pop_front() else {
            return Ok(());
        };
        let parsed = match first.await {
            Ok(parsed) => parsed,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(error) => return Err(SliceError::Local(error.to_string()).into()),
        };
        parsed.ended.map_err(|broken| broken.behind(self.records))?;
        self.records += parsed.records;
        self.table.append(parsed.rows)?;
        Ok(())
    }

    /// What stands behind the last cut is the rest of the object.
    async fn end(mut self, rest: Vec<Chunk>) -> Result<(), ObjectError> {
        while !self.at_work.is_empty() {
            self.take().await?;
        }
        let before = self.records;
        let each = |record: &Record<'_>| {
            self.table
                .push(|row| self.cells.fill(row, record))
                .map_err(Broken::from)
        };
        let mut last = self.parser.of_part(self.offset).unwrap_or(self.parser);
        let read = read(&mut last, &rest, each);
        read.map_err(|broken| broken.behind(before))
    }
}

/// Reads a block to its end, where a record ends too: of one that did not, nothing is lost in silence.
fn read<E: From<FileError>>(
    parser: &mut CsvParser,
    block: &[Chunk],
    mut each: impl FnMut(&Record<'_>) -> Result<(), E>,
) -> Result<(), E> {
    block
        .iter()
        .try_for_each(|chunk| parser.feed(&chunk.bytes, &mut each))?;
    parser.finish(&mut each)
}
