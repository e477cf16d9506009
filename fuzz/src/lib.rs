//! What parses, taken from the sources of the workspace by path, and what must hold of it whatever it reads.
//!
//! The modules stand where their own `use` lines look for them; this crate is `auth-core` and `connector-core` to them.
#![allow(
    dead_code,
    unused_imports,
    reason = "the modules are whole, and not all of each is fuzzed"
)]

extern crate self as auth_core;
extern crate self as connector_core;

#[path = "../../crates/auth-core/src/arn.rs"]
pub mod arn;
mod fetch;
#[path = "../../crates/auth-core/src/file.rs"]
pub mod file;
pub mod host;
#[path = "../../crates/auth-core/src/jwt.rs"]
pub mod jwt;
#[path = "../../crates/auth-core/src/mask.rs"]
pub mod mask;
mod objects;
#[path = "../../crates/connector-core/src/parameters/mod.rs"]
pub mod parameters;
#[path = "../../connectors/athena-connector/src/results/mod.rs"]
pub mod results;
mod rows;
mod slice;
mod state;
#[path = "../../connectors/athena-connector/src/statement/mod.rs"]
pub mod statement;
#[path = "../../crates/connector-core/src/table.rs"]
pub mod table;
pub mod targets;

pub use mask::Mask;
