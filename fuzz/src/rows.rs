//! Cells on their way into each output format.

#[path = "../../crates/connector-core/src/rows/calendar.rs"]
mod calendar;
#[path = "../../crates/connector-core/src/rows/encode.rs"]
mod encode;
#[path = "../../crates/connector-core/src/rows/key.rs"]
mod key;
#[path = "../../crates/connector-core/src/rows/parquet.rs"]
mod parquet;
#[path = "../../crates/connector-core/src/rows/spool.rs"]
mod spool;

pub use encode::{CsvField, Format, Formulas};
pub use spool::{Run, Spool, SpooledTable};

use crate::table::{Heading, Kind, Value};

/// A row with this one cell, in a text format.
pub(crate) fn encoded(format: Format, heading: &Heading, value: &Value<'_>) -> Vec<u8> {
    let encoder = encode::Encoder::new(format, &[], std::slice::from_ref(heading), Formulas::Kept);
    let mut row = encoder.front(&[]);
    encoder.cell(&mut row, 0, value);
    encoder.end(&mut row, 0);
    row
}

/// Whether a Parquet file takes the cell; `check` says so before the file is written, and must be right.
pub(crate) fn in_parquet(kind: Kind, value: &Value<'_>) -> bool {
    let headings = [Heading::new("c", kind)];
    let encoder = encode::Encoder::new(Format::Parquet, &[], &headings, Formulas::Kept);
    let checked = encoder.check(kind, value);
    let mut sink = parquet::ParquetSink::new(Vec::new(), &headings).expect("a file of one column");
    let row = encoded(Format::Parquet, &headings[0], value);
    let (front, back) = row.split_at(row.len() / 2);
    let written = sink
        .write(front)
        .and_then(|()| sink.write(back))
        .and_then(|()| sink.finish());
    assert_eq!(checked.is_ok(), written.is_ok(), "{checked:?} {kind:?} {value:?}");
    checked.is_ok()
}
