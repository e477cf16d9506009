//! What a person at a terminal or a log collector sees. All of it goes to standard error: standard output is for data.

mod foreign;
mod log;
mod progress;
mod summary;
mod table;

pub use foreign::{Screen, harmless};
pub use log::{LogFormat, Terminal};
pub use progress::Progress;
pub use summary::{last_line, summary};
pub use table::table;
