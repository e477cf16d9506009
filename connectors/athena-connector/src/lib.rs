//! Athena queries over many accounts, exported exactly.

pub mod results;
