//! Rows as Apache Parquet: cells wait in the spool in a compact form, and become columns when the file is written.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};

use super::calendar;
use super::encode::LENGTH;
use crate::table::{Heading, Kind, Value};

/// Rows and bytes that become columns at a time.
const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// A row group is written when it holds this many bytes.
const ROW_GROUP_BYTES: usize = 24 * 1024 * 1024;

/// A cell that waits. How a text is to be read, the column's type says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Cell<'a> {
    Null,
    Text(&'a str),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Timestamp(i64, u32),
    Binary(&'a [u8]),
}

impl<'a> Cell<'a> {
    pub(super) fn of(value: &'a Value<'_>) -> Self {
        match value {
            Value::Null => Cell::Null,
            Value::Text(text) => Cell::Text(text),
            Value::Literal(text) => Cell::Text(text),
            Value::Nested(text) => Cell::Text(text),
            Value::Integer(number) => Cell::Integer(*number),
            Value::Number(number) => Cell::Number(*number),
            Value::Boolean(truth) => Cell::Boolean(*truth),
            Value::Timestamp(seconds, nanos) => Cell::Timestamp(*seconds, *nanos),
            Value::Binary { bytes, .. } => Cell::Binary(bytes),
        }
    }

    pub(super) fn write(&self, row: &mut Vec<u8>) {
        // Into memory: it does not fail.
        drop(postcard::to_io(self, row));
    }

    /// Says why a column of this kind cannot hold the cell. Asked when the row is made: a slice with such a cell fails, and
    /// does not take the file of all down. A wider column, that other slices may ask for, holds what this one does.
    pub(super) fn check(self, kind: Kind) -> Result<(), String> {
        let fits = match kind {
            _ if self == Cell::Null => true,
            Kind::Text | Kind::Nested => self.text().is_some(),
            Kind::Integer => self.integer().is_some(),
            Kind::Number => self.number().is_some(),
            Kind::Decimal(precision, scale) => self.decimal(precision, scale).is_some(),
            Kind::Boolean => self.truth().is_some(),
            Kind::Date => self.days().is_some(),
            Kind::LocalTimestamp | Kind::Timestamp => self.micros().is_some(),
            Kind::Binary => self.bytes().is_some(),
        };
        fits.then_some(()).ok_or_else(|| self.unfit(kind))
    }

    fn unfit(self, kind: Kind) -> String {
        let wanted = match kind {
            Kind::Text | Kind::Nested => "text",
            Kind::Integer => "a whole number of 64 bits",
            Kind::Number => "a number",
            Kind::Decimal(..) => "a decimal number of the column's precision",
            Kind::Boolean => "true or false",
            Kind::Date => "a date that days in 32 bits hold",
            Kind::LocalTimestamp | Kind::Timestamp => "a timestamp of whole microseconds that 64 bits hold",
            Kind::Binary => "bytes",
        };
        let shown: String = match self {
            Cell::Text(text) => text.chars().take(60).collect(),
            other => format!("{other:?}"),
        };
        format!("`{shown}` is not {wanted}")
    }

    fn text(self) -> Option<&'a str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    fn integer(self) -> Option<i64> {
        match self {
            Cell::Integer(number) => Some(number),
            Cell::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Cell::Number(number) => Some(number),
            Cell::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn decimal(self, precision: u8, scale: i8) -> Option<i128> {
        decimal(self.text()?, precision, scale)
    }

    fn truth(self) -> Option<bool> {
        match self {
            Cell::Boolean(truth) => Some(truth),
            Cell::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Since 1970.
    fn days(self) -> Option<i32> {
        i32::try_from(calendar::days(self.text()?)?).ok()
    }

    /// Since 1970; finer digits must be zero.
    fn micros(self) -> Option<i64> {
        match self {
            Cell::Timestamp(seconds, nanos) if nanos % 1000 == 0 => {
                seconds.checked_mul(1_000_000)?.checked_add(i64::from(nanos / 1000))
            }
            Cell::Text(text) => calendar::micros(text),
            _ => None,
        }
    }

    fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Cell::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Writes one file.
pub(super) struct ParquetSink<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    columns: Vec<(Heading, Column)>,
    /// Bytes of a row that is not whole yet.
    rest: Vec<u8>,
    rows: usize,
    bytes: usize,
}

impl<W: Write + Send> ParquetSink<W> {
    pub(super) fn new(sink: W, headings: &[Heading]) -> io::Result<Self> {
        let field = |heading: &Heading| Field::new(&heading.name, data_type(heading.kind), !heading.key);
        let schema = Arc::new(Schema::new(headings.iter().map(field).collect::<Vec<_>>()));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        Ok(ParquetSink {
            writer: ArrowWriter::try_new(sink, Arc::clone(&schema), Some(properties)).map_err(io::Error::other)?,
            columns: headings
                .iter()
                .map(|heading| (heading.clone(), Column::new(heading.kind)))
                .collect(),
            schema,
            rest: Vec::new(),
            rows: 0,
            bytes: 0,
        })
    }

    /// Takes rows, in pieces that may end anywhere.
    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.rest.is_empty() {
            let used = self.rows_of(piece)?;
            self.rest.extend_from_slice(&piece[used..]);
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(piece);
        let used = self.rows_of(&rest)?;
        rest.drain(..used);
        self.rest = rest;
        Ok(())
    }

    /// Takes the whole rows that `bytes` begins with, and says how many bytes that were.
    fn rows_of(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut used = 0;
        while let Some((length, cells)) = bytes[used..].split_first_chunk::<LENGTH>() {
            let length = u32::from_le_bytes(*length) as usize;
            let Some(cells) = cells.get(..length) else { break };
            self.row(cells)?;
            used += LENGTH + length;
        }
        Ok(used)
    }

    fn row(&mut self, mut cells: &[u8]) -> io::Result<()> {
        self.bytes += cells.len();
        for (heading, column) in &mut self.columns {
            let (cell, rest): (Cell<'_>, _) = postcard::take_from_bytes(cells).map_err(io::Error::other)?;
            cells = rest;
            if !column.push(cell) {
                let why = format!("column {}: {}", heading.name, cell.unfit(heading.kind));
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        }
        self.rows += 1;
        if self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            self.batch()?;
        }
        Ok(())
    }

    fn batch(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let arrays = self.columns.iter_mut().map(|(_, column)| column.finish()).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(io::Error::other)?;
        if self.writer.in_progress_size() > ROW_GROUP_BYTES {
            self.writer.flush().map_err(io::Error::other)?;
        }
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.batch()?;
        self.writer.into_inner().map_err(io::Error::other)
    }
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text | Kind::Nested => DataType::Utf8,
        Kind::Integer => DataType::Int64,
        Kind::Number => DataType::Float64,
        Kind::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
        Kind::Boolean => DataType::Boolean,
        Kind::Date => DataType::Date32,
        Kind::LocalTimestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Binary => DataType::Binary,
    }
}

enum Column {
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Decimal(u8, i8, Decimal128Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Binary(BinaryBuilder),
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text | Kind::Nested => Column::Text(StringBuilder::new()),
            Kind::Integer => Column::Integer(Int64Builder::new()),
            Kind::Number => Column::Number(Float64Builder::new()),
            Kind::Decimal(precision, scale) => Column::Decimal(
                precision,
                scale,
                Decimal128Builder::new().with_data_type(data_type(kind)),
            ),
            Kind::Boolean => Column::Boolean(BooleanBuilder::new()),
            Kind::Date => Column::Date(Date32Builder::new()),
            Kind::LocalTimestamp | Kind::Timestamp => {
                Column::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(data_type(kind)))
            }
            Kind::Binary => Column::Binary(BinaryBuilder::new()),
        }
    }

    /// Whether the column holds the cell.
    fn push(&mut self, cell: Cell<'_>) -> bool {
        macro_rules! append {
            ($column:expr, $value:expr) => {{
                let value = $value;
                $column.append_option(value);
                value.is_some()
            }};
        }
        let held = match self {
            Column::Text(column) => append!(column, cell.text()),
            Column::Integer(column) => append!(column, cell.integer()),
            Column::Number(column) => append!(column, cell.number()),
            Column::Decimal(precision, scale, column) => append!(column, cell.decimal(*precision, *scale)),
            Column::Boolean(column) => append!(column, cell.truth()),
            Column::Date(column) => append!(column, cell.days()),
            Column::Timestamp(column) => append!(column, cell.micros()),
            Column::Binary(column) => append!(column, cell.bytes()),
        };
        held || cell == Cell::Null
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Text(column) => Arc::new(column.finish()),
            Column::Integer(column) => Arc::new(column.finish()),
            Column::Number(column) => Arc::new(column.finish()),
            Column::Decimal(.., column) => Arc::new(column.finish()),
            Column::Boolean(column) => Arc::new(column.finish()),
            Column::Date(column) => Arc::new(column.finish()),
            Column::Timestamp(column) => Arc::new(column.finish()),
            Column::Binary(column) => Arc::new(column.finish()),
        }
    }
}

/// The digits of `-12.30`, at most `precision`, with `scale` of them behind the point.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::try_from(scale).ok()?;
    let is_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if digits.is_empty() || !is_digits(whole) || !is_digits(fraction) || fraction.len() > scale {
        return None;
    }
    let unscaled: i128 = format!("{whole}{fraction:0<scale$}").parse().ok()?;
    let fits = unscaled < 10_i128.checked_pow(precision.into())?;
    fits.then_some(if negative { -unscaled } else { unscaled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_fits_its_column_or_says_why_not() {
        for (cell, kind, why) in [
            (Cell::Null, Kind::Date, None),
            (Cell::Text("x"), Kind::Nested, None),
            (Cell::Text("9223372036854775807"), Kind::Integer, None),
            (Cell::Text("9223372036854775808"), Kind::Integer, Some("64 bits")),
            (Cell::Text("NaN"), Kind::Number, None),
            (Cell::Text("12.30"), Kind::Decimal(4, 2), None),
            (
                Cell::Text("12.30"),
                Kind::Decimal(4, 0),
                Some("`12.30` is not a decimal number of the column's precision"),
            ),
            (Cell::Text("yes"), Kind::Boolean, Some("true or false")),
            (Cell::Text("2001-08-22"), Kind::Date, None),
            (Cell::Text("+12001-08-22"), Kind::Date, None),
            (
                Cell::Text("+5881580-07-12"),
                Kind::Date,
                Some("`+5881580-07-12` is not a date that days in 32 bits hold"),
            ),
            (
                Cell::Text("-290308-12-21 19:59:05.224191"),
                Kind::LocalTimestamp,
                Some("64 bits hold"),
            ),
            (Cell::Text("2001-08-22 03:04:05.321000"), Kind::LocalTimestamp, None),
            (
                Cell::Text("2001-08-22 03:04:05.3210001"),
                Kind::LocalTimestamp,
                Some("whole microseconds"),
            ),
            (Cell::Timestamp(1, 1000), Kind::Timestamp, None),
            (Cell::Timestamp(1, 1), Kind::Timestamp, Some("whole microseconds")),
            (Cell::Binary(b"x"), Kind::Binary, None),
            (Cell::Text("x"), Kind::Binary, Some("bytes")),
        ] {
            match (cell.check(kind), why) {
                (Ok(()), None) => {}
                (Err(found), Some(why)) => assert!(found.contains(why), "{found}"),
                (found, _) => panic!("{cell:?} in {kind:?}: {found:?}"),
            }
            let mut column = Column::new(kind);
            assert_eq!(column.push(cell), why.is_none(), "{cell:?} in {kind:?}");
        }
    }

    #[test]
    fn decimals_keep_every_digit_or_are_refused() {
        for (text, scale, digits) in [
            ("12.3", 2, Some(1230)),
            ("-0.01", 2, Some(-1)),
            ("5", 0, Some(5)),
            (".5", 1, Some(5)),
            ("1.234", 2, None),
            ("1e3", 2, None),
            ("", 2, None),
            (
                "12345678901234567890123456789012345678",
                0,
                Some(12_345_678_901_234_567_890_123_456_789_012_345_678),
            ),
        ] {
            assert_eq!(decimal(text, 38, scale), digits, "{text}");
        }
        assert_eq!(decimal("99.9", 3, 1), Some(999));
        assert_eq!(decimal("100.0", 3, 1), None);
    }
}
