//! What Athena writes and answers, read without loss: result files, types, texts of values, Parquet parts.
//!
//! Pure: bytes in, rows or a clear error out. Nothing here calls AWS, and nothing here trusts what it reads.

mod calendar;
pub mod csv;
mod fault;
mod java;
pub mod parquet;
mod record;
pub mod text;
pub mod types;

pub use fault::{Fault, FileError};
pub use record::Record;
