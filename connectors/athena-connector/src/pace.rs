//! When to ask for a query's state: seldom, and yet soon after it has ended.
//!
//! The same statement runs in many accounts and takes about as long in each. One query of them, the scout, is asked
//! often; when it has ended, the others are asked a moment after they should have ended too. Each query costs one call
//! then, and the scout a few more. One that takes much longer or shorter than the others is found all the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The first gap between two calls.
const FIRST: Duration = Duration::from_millis(100);
/// The gap of a scout grows up to this while the query is young.
const SCOUT: Duration = Duration::from_secs(2);
/// Nobody waits longer. Not half a minute: a simulated clock takes a sleep of exactly that for the limit of a request.
const LONGEST: Duration = Duration::from_secs(29);
/// The first gap of a query that waits for the scout.
const PATIENT: Duration = Duration::from_secs(10);
/// What should have ended is asked for at once, though not in a busy loop.
const SOON: Duration = Duration::from_millis(20);
/// A query may take this part longer than the last one before it is asked for: most of them need no second call then.
const MARGIN: u32 = 16;

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
    /// How long to wait before the next call, for a query that was started `elapsed` ago and last heard of when it was
    /// `heard` old, if ever.
    pub(crate) fn gap(&self, elapsed: Duration, heard: Option<Duration>) -> Duration {
        let statements = self.pace.statements();
        let known = statements.get(&self.statement);
        let scout = known.is_none_or(|known| known.waiting.first() == Some(&self.number));
        gap(elapsed, heard, known.and_then(|known| known.took), scout)
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

fn gap(elapsed: Duration, heard: Option<Duration>, expected: Option<Duration>, scout: bool) -> Duration {
    let patient = (elapsed / 2).clamp(PATIENT, LONGEST);
    let due = expected.map(|expected| expected + expected / MARGIN);
    match due {
        Some(due) if heard.is_none_or(|heard| heard < due) => due.saturating_sub(elapsed).max(SOON).min(patient),
        // It takes longer than the last one: found when it has taken a quarter more.
        Some(_) => (elapsed / 4).clamp(FIRST, LONGEST),
        // 0.1, 0.3, 0.7, 1.5, 3.1, 5.1 s …; after a minute, a thirtieth of the time.
        None if scout => (elapsed + FIRST).min(SCOUT).max(elapsed / 30).min(LONGEST),
        None => patient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many calls are made until a query of `length` is seen to have ended, and how late that is, in seconds.
    fn calls(length: f64, expected: Option<f64>, scout: bool) -> (usize, f64) {
        let (mut elapsed, mut heard, mut count) = (Duration::ZERO, None, 0);
        let length = Duration::from_secs_f64(length);
        let expected = expected.map(Duration::from_secs_f64);
        loop {
            elapsed += gap(elapsed, heard, expected, scout);
            heard = Some(elapsed);
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
        for length in [5.0, 5.3] {
            let (count, late) = calls(length, Some(5.0), false);
            assert!(count == 1 && late < 0.32, "{length} s: {count} calls, {late} s late");
        }
        let (count, late) = calls(5.5, Some(5.0), false);
        assert!(count == 2 && late < 1.2, "{count} calls, {late} s late");
        // The scout was seen to have ended a little late, and so is over what is expected of the others.
        let five = Duration::from_secs(5);
        let seen = Duration::from_millis(5500);
        assert_eq!(gap(seen, None, Some(five), false), SOON);
    }

    #[test]
    fn one_that_is_unlike_the_others_is_found_all_the_same() {
        for (length, expected, most_calls, most_late) in [
            (1.0, 5.0, 1, 4.4),
            (1.0, 900.0, 1, 9.0),
            // At 10, 20, 30, 45, 67.5, 96.5 and 125.5 s.
            (100.0, 900.0, 7, 30.0),
            (100.0, 1.0, 24, 25.0),
            // Six before it is due, then at 106.25 and 132.8 s, then every 29 s.
            (900.0, 100.0, 35, 30.0),
        ] {
            let (count, late) = calls(length, Some(expected), false);
            assert!(
                count <= most_calls && late <= most_late,
                "{length} s instead of {expected} s: {count} calls, {late} s late"
            );
        }
    }

    #[test]
    fn who_waits_for_the_scout_asks_by_itself_all_the_same() {
        let (count, late) = calls(3600.0, None, false);
        assert!(count <= 130 && late <= 30.0, "{count} calls, {late} s late");
    }

    #[test]
    fn the_next_one_becomes_the_scout() {
        let zero = Duration::ZERO;
        let pace = Pace::default();
        let (first, second) = (pace.begin(1), pace.begin(1));
        assert_eq!(first.gap(zero, None), FIRST);
        assert_eq!(second.gap(zero, None), PATIENT);
        assert_eq!(
            pace.begin(2).gap(zero, None),
            FIRST,
            "another statement has a scout of its own"
        );
        drop(first);
        assert_eq!(second.gap(zero, None), FIRST);
        second.took(Duration::from_secs(8));
        assert_eq!(
            pace.begin(1).gap(Duration::from_secs(3), None),
            Duration::from_millis(5500)
        );
    }
}
