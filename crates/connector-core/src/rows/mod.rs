//! The way of the rows: encoded as they come, sorted within their slice, kept in a spool, published in order.

mod buffer;
mod calendar;
mod digest;
mod encode;
mod form;
mod key;
mod layout;
mod leading;
mod parquet;
mod publish;
mod ready;
mod spool;
mod writeback;
mod writer;

pub use buffer::{Row, RowBuffer};
pub use encode::{CsvField, Format, Formulas};
pub use leading::LEADING as LEADING_COLUMNS;
pub use publish::Published;
pub use spool::{Run, Spool, SpooledTable};
pub use writer::{RowWriter, Scratch, ScratchPlace, SliceRows};

pub(crate) use digest::{digested, hex};
pub(crate) use encode::defused;
pub use layout::OutputPath;
pub(crate) use layout::{Ended, PLACEHOLDERS, layout};
pub(crate) use leading::COLLECTED_AT;
pub(crate) use leading::headings as leading_headings;
pub(crate) use publish::{Output, PARTIAL, Whole, directory_of, end_of_links, partial, whole_file, write_beside};
pub(crate) use spool::{RowSource, about};
pub(crate) use writer::Rows;
