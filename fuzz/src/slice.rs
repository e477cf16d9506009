//! How a slice ended, and what it does once.

#[path = "../../crates/connector-core/src/slice/outcome.rs"]
mod outcome;
#[path = "../../crates/connector-core/src/slice/steps.rs"]
mod steps;

pub use outcome::Outcome;
pub use steps::Step;

/// What a slice fails of here.
#[derive(Debug)]
pub enum SliceError {
    /// What came cannot be made into rows.
    Local(String),
    /// Rows cannot be kept on the disk.
    Disk(String),
}

impl From<std::io::Error> for SliceError {
    fn from(error: std::io::Error) -> Self {
        SliceError::Disk(error.to_string())
    }
}
