//! What every connector shares, in the order in which a run meets it.
//!
//! [`cli`] reads the command line; [`parameters`] and [`settings`] say what is meant, [`shard`] which part of it is this machine's; [`collect`] fans out over the
//! [`slice`]s and gives each to the [`connector`]; [`table`] and [`rows`] turn records into files; [`state`] is what a run
//! that ends early leaves to the next; [`ledger`] says what became of each slice; [`verbs`] are the commands; [`terminal`] is what a person or a log collector sees.

pub mod cli;
pub mod collect;
pub mod connector;
mod descriptors;
pub mod exit;
pub mod ledger;
mod memory;
pub mod parameters;
pub mod rows;
pub mod settings;
pub mod shard;
pub mod slice;
pub mod state;
pub mod table;
pub mod terminal;
pub mod verbs;

pub use cli::{Invocation, main, run};
pub use connector::{About, Collector, Columns, Connector, DefaultRegions, Page, Permission};
pub use exit::Exit;
pub use rows::SliceRows;
pub use slice::{Slice, SliceError};
