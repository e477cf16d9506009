//! What becomes of a run when a call goes wrong: every operation with every fault, declared in one table and tried, run by
//! run, against the simulated AWS.

#![allow(
    clippy::unwrap_used,
    reason = "a cell that cannot be tried at all has failed, and says so"
)]

mod cell;
mod estate;
mod matrix;
mod page;

pub use cell::{Cell, Verdict, cells, some_cells, try_all};
pub use page::page;
