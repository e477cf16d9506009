//! When to ask for a query's state: seldom, and yet soon after it has ended.
//!
//! The same statement runs in many accounts and takes about as long in each. One query of them, the scout, is asked
//! often; when it has ended, the others are asked at the moment when they should end too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The first gap between two calls.
const FIRST: Duration = Duration::from_millis(100);
/// The gap of a scout grows up to this while the query is young.
const SCOUT: Duration = Duration::from_secs(2);
/// Nobody waits longer.
const LONGEST: Duration = Duration::from_secs(30);
/// The first gap of a query that waits for the scout.
const PATIENT: Duration = Duration::from_secs(10);

/// What is known of the durations of the statements of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    statements: Mutex<HashMap<u32, Statement>>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Statement {
    /// How long the last one took that has ended.
    took: Option<Duration>,
    next: u64,
    /// Those that are at work; the first is the scout.
    waiting: Vec<u64>,
}

/// One query that is waited for.
#[derive(Debug)]
pub(crate) struct Turn {
    pace: Pace,
    statement: u32,
    number: u64,
}

impl Pace {
    fn statements(&self) -> MutexGuard<'_, HashMap<u32, Statement>> {
        self.0.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A query of the statement has been started.
    pub(crate) fn begin(&self, statement: u32) -> Turn {
        let mut statements = self.statements();
        let known = statements.entry(statement).or_default();
        known.next += 1;
        known.waiting.push(known.next);
        Turn {
            pace: self.clone(),
            statement,
            number: known.next,
        }
    }

    /// Something has been learned.
    pub(crate) fn news(&self) -> Notified<'_> {
        self.0.news.notified()
    }
}

impl Turn {
    /// How long to wait before the next call, for a query that was started `elapsed` ago.
    pub(crate) fn gap(&self, elapsed: Duration) -> Duration {
        let statements = self.pace.statements();
        let known = statements.get(&self.statement);
        let scout = known.is_none_or(|known| known.waiting.first() == Some(&self.number));
        gap(elapsed, known.and_then(|known| known.took), scout)
    }

    /// The query has succeeded, after `took`.
    pub(crate) fn took(&self, took: Duration) {
        if let Some(known) = self.pace.statements().get_mut(&self.statement) {
            known.took = Some(took);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(known) = self.pace.statements().get_mut(&self.statement) {
            known.waiting.retain(|number| *number != self.number);
        }
        self.pace.0.news.notify_waiters();
    }
}

fn gap(elapsed: Duration, expected: Option<Duration>, scout: bool) -> Duration {
    match expected {
        Some(expected) if elapsed < expected => (expected - elapsed).max(Duration::from_millis(20)),
        // It takes longer than the last one: an eighth of the time more.
        Some(_) => (elapsed / 8).clamp(FIRST, LONGEST),
        // 0.1, 0.3, 0.7, 1.5, 3.5 s …; after a minute, a thirtieth of the time.
        None if scout => (elapsed + FIRST).min(SCOUT).max(elapsed / 30).min(LONGEST),
        None => (elapsed / 2).clamp(PATIENT, LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When calls are made, and how many, until a query of `length` is seen to have ended.
    fn calls(length: f64, expected: Option<f64>, scout: bool) -> (usize, f64) {
        let (mut elapsed, mut count) = (Duration::ZERO, 0);
        let length = Duration::from_secs_f64(length);
        let expected = expected.map(Duration::from_secs_f64);
        loop {
            elapsed += gap(elapsed, expected, scout);
            count += 1;
            if elapsed >= length {
                return (count, (elapsed - length).as_secs_f64());
            }
        }
    }

    #[test]
    fn a_scout_is_asked_often_at_first_and_seldom_later() {
        for (length, most_calls, most_late) in [
            (0.05, 1, 0.1),
            (1.0, 4, 0.6),
            (5.0, 6, 2.0),
            (60.0, 36, 2.1),
            (3600.0, 220, 30.0),
        ] {
            let (count, late) = calls(length, None, true);
            assert!(
                count <= most_calls && late <= most_late,
                "{length} s: {count} calls, {late} s late"
            );
        }
    }

    #[test]
    fn who_knows_how_long_it_takes_asks_once() {
        assert_eq!(calls(5.0, Some(5.0), false), (1, 0.0));
        let (count, late) = calls(5.5, Some(5.0), false);
        assert!(count == 2 && late < 0.2, "{count} calls, {late} s late");
        let (count, late) = calls(1.0, Some(5.0), false);
        assert!(count == 1 && late <= 4.0, "{count} calls, {late} s late");
    }

    #[test]
    fn who_waits_for_the_scout_asks_by_itself_all_the_same() {
        let (count, late) = calls(3600.0, None, false);
        assert!(count <= 130 && late <= 30.0, "{count} calls, {late} s late");
    }

    #[test]
    fn the_next_one_becomes_the_scout() {
        let pace = Pace::default();
        let (first, second) = (pace.begin(1), pace.begin(1));
        assert_eq!(first.gap(Duration::ZERO), FIRST);
        assert_eq!(second.gap(Duration::ZERO), PATIENT);
        assert_eq!(
            pace.begin(2).gap(Duration::ZERO),
            FIRST,
            "another statement has a scout of its own"
        );
        drop(first);
        assert_eq!(second.gap(Duration::ZERO), FIRST);
        second.took(Duration::from_secs(7));
        assert_eq!(pace.begin(1).gap(Duration::from_secs(3)), Duration::from_secs(4));
    }
}
