//! How a slice ended.

#[path = "../../crates/connector-core/src/slice/outcome.rs"]
mod outcome;

pub use outcome::Outcome;
