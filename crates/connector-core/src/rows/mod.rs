//! The way of the rows: encoded as they come, sorted within their slice, kept in a spool, published in order.

mod encode;
mod publish;
mod spool;
mod writer;

pub use encode::{Format, LEADING as LEADING_COLUMNS};
pub use publish::{Published, publish_file, publish_stdout, replace_file};
pub use spool::{Spool, SpooledSlice};
pub use writer::RowWriter;

pub(crate) use writer::Table;
