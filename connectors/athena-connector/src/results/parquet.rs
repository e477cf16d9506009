//! The Parquet parts that UNLOAD writes, read from local files as rows of cells.
//!
//! A cell has two renderings: the very text that Athena's CSV has for the value, and typed JSON, in which arrays, maps and
//! rows are exact. A scalar is the same cell as [`AthenaType::value`] makes of the text, so a row does not tell how it was
//! fetched. Some things do not survive UNLOAD: the padding of `char(n)`; the type's name where several have one form
//! (`varchar(10)` and `string` are both [`AthenaType::Varchar`]); the precision of a timestamp, of which a file has 3, 6 or 9
//! digits, and INT96 tells not even that. One thing survives only here: bytes inside nested values, for which the CSV has `[B@…`.
//!
//! Memory holds one batch of rows: about [`BATCH_BYTES`] or one row, and the pages that these rows are in. Codecs are those
//! that the `parquet` crate was built with; UNLOAD is to be told one of them.
//!
//! AWS: <https://docs.aws.amazon.com/athena/latest/ug/unload.html>

mod cell;
mod compact;
mod definitions;
mod footer;
mod pages;
mod schema;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use bytes::Bytes;
use connector_core::table::Kind;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};

use self::cell::Column;
pub use self::cell::{Cell, Row, Rows};
use self::pages::Pages;
use super::types::AthenaType;

/// What the rows of a batch take, in bytes of values that are not compressed, on average.
const BATCH_BYTES: u64 = 4 << 20;
/// The most rows of a batch.
const BATCH_ROWS: u64 = 4096;

/// A part that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartError {
    /// The file is damaged, cut off, or no Parquet at all.
    #[error("a Parquet part cannot be read")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file has another number of rows than it says.
    #[error("a Parquet part says that it has {expected} rows, and has {found}")]
    Rows {
        /// By the file's metadata.
        expected: u64,
        /// Read.
        found: u64,
    },
    /// A column whose type UNLOAD does not write.
    #[error("column {column:?} of a Parquet part has type {parquet_type}, which UNLOAD does not write")]
    Unsupported {
        /// The column's name.
        column: String,
        /// Its type in Arrow's words.
        parquet_type: String,
    },
}

impl PartError {
    fn damaged(message: impl Into<String>) -> Self {
        PartError::Damaged(message.into().into())
    }
}

impl From<ParquetError> for PartError {
    fn from(error: ParquetError) -> Self {
        PartError::Damaged(error.into())
    }
}

impl From<ArrowError> for PartError {
    fn from(error: ArrowError) -> Self {
        PartError::Damaged(error.into())
    }
}

/// A column of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartColumn {
    /// Its name, as UNLOAD wrote it.
    pub name: String,
    /// Its type, as far as Parquet knows it.
    pub athena_type: AthenaType,
}

impl PartColumn {
    /// The kind of [`Cell::value`]: unlike in text, arrays, maps and rows are nested.
    pub fn kind(&self) -> Kind {
        self.athena_type.kind_in_parquet()
    }
}

/// One part, open for reading. An iterator of batches of rows, in the file's order; it ends after an error.
///
/// ```no_run
/// # use athena_connector::results::parquet::{Part, PartError};
/// # fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let part = Part::open(std::fs::File::open("part-0")?)?;
/// let mut scratch = String::new();
/// for rows in part {
///     for row in rows?.iter() {
///         for cell in row.cells() {
///             println!("{:?}", cell.text(&mut scratch));
///         }
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Part {
    columns: Vec<PartColumn>,
    batches: ParquetRecordBatchReader,
    /// The columns that have INT96 timestamps once more, as nanoseconds that may have overflowed; see [`cell`].
    nanos: Option<Nanos>,
    expected_rows: u64,
    read_rows: u64,
    ended: bool,
}

/// A second reader, for the columns with these numbers.
struct Nanos {
    columns: Vec<usize>,
    batches: ParquetRecordBatchReader,
}

impl Part {
    /// Opens a part: a file, or bytes in memory.
    ///
    /// # Errors
    ///
    /// [`PartError`].
    pub fn open<T: ChunkReader + 'static>(source: T) -> Result<Self, PartError> {
        guarded(|| Self::open_unguarded(Shared(Arc::new(source))))
    }

    fn open_unguarded<T: ChunkReader + 'static>(source: Shared<T>) -> Result<Self, PartError> {
        footer::check(&source)?;
        // The Arrow schema that some writers embed could ask for any layout of the values. Ours is to be one.
        let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&source, plain)?;
        let layout = schema::layout(metadata.parquet_schema(), metadata.schema())?;
        let metadata = metadata.metadata();
        let expected_rows = u64::try_from(metadata.file_metadata().num_rows())
            .map_err(|_| PartError::damaged("a negative number of rows"))?;
        let batch_rows = batch_rows(metadata);
        let parquet = metadata.file_metadata().schema_descr();
        let pages = Pages {
            source: Arc::new(source),
            metadata: Arc::clone(metadata),
        };
        let reader = |schema: &SchemaRef, mask| {
            let levels = parquet_to_arrow_field_levels(parquet, mask, Some(schema.fields()))?;
            ParquetRecordBatchReader::try_new_with_row_groups(&levels, &pages, batch_rows, None)
        };
        let nanos = match layout.int96_columns {
            columns if columns.is_empty() => None,
            columns => {
                let mask = ProjectionMask::roots(parquet, columns.iter().copied());
                let batches = reader(&layout.nanos, mask)?;
                Some(Nanos { columns, batches })
            }
        };
        Ok(Part {
            columns: layout.columns,
            batches: reader(&layout.micros, ProjectionMask::all())?,
            nanos,
            expected_rows,
            read_rows: 0,
            ended: false,
        })
    }

    /// The columns.
    pub fn columns(&self) -> &[PartColumn] {
        &self.columns
    }

    /// The columns with timestamps, at the top or further down, that do not tell their precision.
    pub fn without_precision(&self) -> impl Iterator<Item = &str> {
        let columns = self.nanos.iter().flat_map(|nanos| &nanos.columns);
        columns.filter_map(|column| Some(self.columns.get(*column)?.name.as_str()))
    }

    /// The number of rows, as the file says.
    pub fn rows(&self) -> u64 {
        self.expected_rows
    }

    fn next_rows(&mut self) -> Result<Option<Rows>, PartError> {
        let batch = guarded(|| Ok(self.batches.next().transpose()?))?;
        let Some(batch) = batch else {
            let (expected, found) = (self.expected_rows, self.read_rows);
            return if found == expected {
                Ok(None)
            } else {
                Err(PartError::Rows { expected, found })
            };
        };
        self.read_rows += batch.num_rows() as u64;
        let nanos = match &mut self.nanos {
            Some(Nanos { batches, .. }) => match guarded(|| Ok(batches.next().transpose()?))? {
                Some(nanos) if nanos.num_rows() == batch.num_rows() => Some(nanos),
                _ => return Err(PartError::damaged("the columns have different numbers of rows")),
            },
            None => None,
        };
        self.rows_of(&batch, nanos.as_ref()).map(Some)
    }

    fn rows_of(&self, batch: &RecordBatch, nanos: Option<&RecordBatch>) -> Result<Rows, PartError> {
        let int96_columns = self.nanos.as_ref().map_or(&[][..], |nanos| &nanos.columns);
        let columns = batch.columns().iter().enumerate().map(|(index, array)| {
            let place = int96_columns.iter().position(|column| *column == index);
            let twin = place.and_then(|place| nanos?.columns().get(place));
            Column::of(array, twin).ok_or_else(|| PartError::Unsupported {
                column: self
                    .columns
                    .get(index)
                    .map(|column| column.name.clone())
                    .unwrap_or_default(),
                parquet_type: array.data_type().to_string(),
            })
        });
        Ok(Rows::new(columns.collect::<Result<_, _>>()?, batch.num_rows()))
    }
}

impl Iterator for Part {
    type Item = Result<Rows, PartError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let rows = self.next_rows().transpose();
        self.ended = !matches!(rows, Some(Ok(_)));
        rows
    }
}

/// The `parquet` crate is sure of many things about a file that damage can change, and panics where they do not hold. What
/// panicked is dropped after the error, so nobody sees it half changed.
fn guarded<T>(read: impl FnOnce() -> Result<T, PartError>) -> Result<T, PartError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(PartError::damaged(
            message.unwrap_or("its contents contradict each other"),
        ))
    })
}

/// How many rows make a batch, by the group with the largest ones.
fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let largest = metadata.row_groups().iter().map(|group| {
        let rows = u64::try_from(group.num_rows()).unwrap_or(0).max(1);
        u64::try_from(group.total_byte_size()).unwrap_or(0) / rows
    });
    let rows = BATCH_BYTES / largest.max().unwrap_or(0).max(1);
    usize::try_from(rows.clamp(1, BATCH_ROWS)).unwrap_or(1)
}

/// A source that two readers read. They read in turns, and each read says where it begins.
struct Shared<T>(Arc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<T: ChunkReader> Length for Shared<T> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl<T: ChunkReader> ChunkReader for Shared<T> {
    type T = T::T;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        self.0.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // Before anybody makes room for a length that damage has made terabytes.
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.len()) {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {start} lie beyond the end"
            )));
        }
        self.0.get_bytes(start, length)
    }
}

#[cfg(test)]
mod tests;
