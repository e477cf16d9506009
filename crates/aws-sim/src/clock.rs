//! The simulator's clock: everything that AWS or the identity provider would judge by time is judged by this one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that tests can move. Clones share the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None`: the machine's time, plus what was advanced.
    start: Option<SystemTime>,
    /// Where it runs so many times as fast as the machine's: since when.
    fast: Option<(u32, Instant)>,
    advanced_nanos: AtomicU64,
}

impl Clock {
    /// Follows the machine's clock. [`Clock::advance`] adds to it.
    #[must_use]
    pub fn real() -> Self {
        Self::from(None)
    }

    /// Stands still at `start` until it is advanced.
    #[must_use]
    pub fn manual(start: SystemTime) -> Self {
        Self::from(Some(start))
    }

    /// Begins with the machine's time, and runs `times` as fast.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulator's clock is made from the machine's"
    )]
    pub fn fast(times: u32) -> Self {
        Self(Arc::new(Inner {
            start: Some(SystemTime::now()),
            fast: Some((times, Instant::now())),
            advanced_nanos: AtomicU64::new(0),
        }))
    }

    fn from(start: Option<SystemTime>) -> Self {
        Self(Arc::new(Inner {
            start,
            fast: None,
            advanced_nanos: AtomicU64::new(0),
        }))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.0.advanced_nanos.fetch_add(nanos, Ordering::SeqCst);
    }

    /// The time now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the simulator asks the machine"
    )]
    pub fn now(&self) -> SystemTime {
        let base = self.0.start.unwrap_or_else(SystemTime::now);
        let ahead = self.0.fast.map(|(times, since)| since.elapsed() * times);
        base + ahead.unwrap_or_default() + Duration::from_nanos(self.0.advanced_nanos.load(Ordering::SeqCst))
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub fn unix(&self) -> i64 {
        unix(self.now())
    }
}

/// Whole seconds since 1970; times before that are 0.
pub(crate) fn unix(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_clones_follow() {
        let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_000));
        let other = clock.clone();
        assert_eq!(clock.unix(), 1_000);
        other.advance(Duration::from_secs(3 * 3600));
        assert_eq!(clock.unix(), 1_000 + 3 * 3600);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "compared with the machine's own")]
    fn a_fast_clock_runs_so_many_times_as_fast() {
        let (clock, start) = (Clock::fast(1000), Instant::now());
        let before = clock.now();
        while start.elapsed() < Duration::from_millis(20) {
            std::thread::yield_now();
        }
        assert!(clock.now().duration_since(before).unwrap_or_default() >= Duration::from_secs(19));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "compared with the machine's own")]
    fn a_real_clock_can_run_ahead() {
        let clock = Clock::real();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.now() >= SystemTime::now() + Duration::from_secs(3590));
    }
}
