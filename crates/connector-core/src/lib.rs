//! What every connector shares.

pub mod table;
