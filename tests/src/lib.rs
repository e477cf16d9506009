//! The harness of the end-to-end cases: it runs the built binaries as processes, against servers that this project did
//! not write, and compares what they publish with what boto3 says.
//!
//! `cargo xtask test` sets up Python and Node; the cases stand in `tests/end_to_end/`.

pub mod certificates;
pub mod connector;
pub mod environment;
pub mod oracle;
pub mod process;
pub mod rows;
pub mod secrets;
pub mod servers;
