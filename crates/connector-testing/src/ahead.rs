//! A machine's clock that is wrong.

use std::time::{Duration, SystemTime};

use auth_core::host::TimeSource;
use aws_sim::Clock;

/// So many seconds ahead of the simulator's clock, or behind it.
#[derive(Debug)]
pub(crate) struct Ahead(pub(crate) Clock, pub(crate) i64);

impl TimeSource for Ahead {
    fn now(&self) -> SystemTime {
        let by = Duration::from_secs(self.1.unsigned_abs());
        match self.1 {
            0.. => self.0.now() + by,
            _ => self.0.now() - by,
        }
    }
}
