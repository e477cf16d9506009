//! When to ask for a query's state: seldom, and yet soon after it has ended.
//!
//! The same statement runs in many accounts and takes about as long in each. One query of them, the scout, is asked
//! often; when it has ended, the others are asked a moment after they should have ended too. Each query costs one call
//! then, and the scout a few more. One that takes much longer or shorter than the others is found all the same.
//!
//! Accounts lend each other what they know and nothing else: a query is asked for at ages of its own, whatever is heard of
//! others meanwhile; a scout whose calls are held up gives that office to the next; and no single duration, but the middle
//! of several, is what the others are expected to take.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The first gap between two calls.
const FIRST: Duration = Duration::from_millis(100);
/// The gap of a scout grows up to this while the query is young.
const SCOUT: Duration = Duration::from_secs(2);
/// The gap of one that takes longer than expected grows up to this while the query is young.
const OVERDUE: Duration = Duration::from_millis(1500);
/// Nobody waits longer. Not half a minute: a simulated clock takes a sleep of exactly that for the limit of a request.
const LONGEST: Duration = Duration::from_secs(29);
/// The gap of a query that waits for the scout, while the query is young.
const PATIENT: Duration = Duration::from_secs(10);
/// From this age on a query that waits for the scout is asked for by itself each time it is a tenth older.
const GROWN: Duration = Duration::from_secs(30);
/// What should have ended is asked for at once, though not in a busy loop.
const SOON: Duration = Duration::from_millis(20);
/// A query may take this part longer than expected before it is asked for: most of them need no second call then.
const MARGIN: u32 = 16;
/// Durations of so many queries are remembered.
const REMEMBERED: usize = 5;
/// A scout that waits longer for an answer is none: its calls are refused and tried again, or not answered at all.
pub(crate) const HELD_UP: Duration = Duration::from_secs(1);

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
    /// How long the last ones took that have ended.
    took: VecDeque<Duration>,
    next: u64,
    /// Those that are at work; the first is the scout. One whose calls are held up goes behind the others.
    waiting: VecDeque<u64>,
}

impl Statement {
    /// The middle of what the last ones took: one that is unlike the others does not change it.
    fn expected(&self) -> Option<Duration> {
        let mut took: Vec<Duration> = self.took.iter().copied().collect();
        took.sort_unstable();
        took.get(took.len().saturating_sub(1) / 2).copied()
    }
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
        known.waiting.push_back(known.next);
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
    /// How long to wait before the next call, for a query that was started `elapsed` ago and last asked for when it was
    /// `asked` old, if ever. At most `most` lies between two calls.
    pub(crate) fn gap(&self, elapsed: Duration, asked: Option<Duration>, most: Duration) -> Duration {
        let statements = self.pace.statements();
        let known = statements.get(&self.statement);
        let scout = known.is_none_or(|known| known.waiting.front() == Some(&self.number));
        let next = next(asked, known.and_then(Statement::expected), scout);
        next.min(asked.unwrap_or_default() + most)
            .saturating_sub(elapsed)
            .max(SOON)
    }

    /// The query has succeeded, after `took`.
    pub(crate) fn took(&self, took: Duration) {
        if let Some(known) = self.pace.statements().get_mut(&self.statement) {
            known.took.truncate(REMEMBERED - 1);
            known.took.push_front(took);
        }
    }

    /// The query's calls are held up: what others wait for must come from another one.
    pub(crate) fn held_up(&self) {
        if let Some(known) = self.pace.statements().get_mut(&self.statement) {
            known.waiting.retain(|number| *number != self.number);
            known.waiting.push_back(self.number);
        }
        self.pace.0.news.notify_waiters();
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

/// The age at which to ask for a query that was last asked for when it was `asked` old. It hangs on nothing that goes by:
/// whoever looks again because there are news does not begin to wait anew.
fn next(asked: Option<Duration>, expected: Option<Duration>, scout: bool) -> Duration {
    let last = asked.unwrap_or_default();
    let by_itself = last
        + if last < GROWN {
            PATIENT
        } else {
            (last / 10).min(LONGEST)
        };
    match expected.map(|expected| expected + expected / MARGIN) {
        Some(due) if last < due => due.min(by_itself),
        // It takes longer than the others: twice as far behind them each time, later when it is a tenth older.
        Some(due) => {
            let behind = last - due + (due / 8).max(FIRST);
            last + behind.min(OVERDUE).max(last / 10).min(LONGEST)
        }
        None if scout => scouted(last),
        None => by_itself,
    }
}

/// The age at which a scout is asked that was last asked when it was `last` old: 0.1, 0.3, 0.7, 1.5, 3.1, 5.1 s …; after a
/// minute, a thirtieth of the age more. The ages are the same for all, so it does not matter who is the scout.
fn scouted(last: Duration) -> Duration {
    let mut age = FIRST;
    while age <= last {
        age += (age + FIRST).min(SCOUT).max(age / 30).min(LONGEST);
    }
    age
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// How many calls are made until a query of `length` is seen to have ended, and how late that is, in seconds.
    fn calls(length: f64, expected: Option<f64>, scout: bool) -> (usize, f64) {
        let (mut asked, mut count) = (None, 0);
        let (length, expected) = (seconds(length), expected.map(seconds));
        loop {
            let age = next(asked, expected, scout);
            assert!(asked.is_none_or(|asked| asked + SOON <= age), "{asked:?} {age:?}");
            asked = Some(age);
            count += 1;
            if age >= length {
                return (count, (age - length).as_secs_f64());
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
        assert!(count == 2 && late < 0.5, "{count} calls, {late} s late");
        // The scout was seen to have ended a little late, and so is over what is expected of the others.
        let pace = Pace::default();
        let (scout, other) = (pace.begin(1), pace.begin(1));
        scout.took(seconds(5.0));
        assert_eq!(other.gap(seconds(5.5), None, LONGEST), SOON);
    }

    #[test]
    fn one_that_is_unlike_the_others_is_found_all_the_same() {
        for (length, expected, most_calls, most_late) in [
            (1.0, 5.0, 1, 4.4),
            (1.0, 900.0, 1, 9.0),
            // At 10, 20, 30, 33, 36.3 s …
            (100.0, 900.0, 16, 10.0),
            (100.0, 1.0, 34, 10.0),
            (900.0, 100.0, 50, 29.0),
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
        assert!(count <= 145 && late <= 29.0, "{count} calls, {late} s late");
    }

    /// Then it does not matter to anybody what others take, who is the scout, or whether there is one.
    #[test]
    fn from_half_a_minute_on_all_are_found_within_a_tenth() {
        for length in [30.0, 31.0, 37.5, 60.0, 61.7, 100.0, 250.0] {
            let others = [0.1, 1.0, 10.0, 25.0, 33.0, 59.0, 240.0, 3600.0];
            for expected in others.map(Some).into_iter().chain([None]) {
                for scout in [false, true] {
                    let (_, late) = calls(length, expected, scout);
                    assert!(
                        late <= length / 10.0 + 1e-6,
                        "{length} s, others {expected:?}: {late} s late"
                    );
                }
            }
        }
    }

    #[test]
    fn the_next_one_becomes_the_scout() {
        let zero = Duration::ZERO;
        let pace = Pace::default();
        let (first, second) = (pace.begin(1), pace.begin(1));
        assert_eq!(first.gap(zero, None, LONGEST), FIRST);
        assert_eq!(second.gap(zero, None, LONGEST), PATIENT);
        assert_eq!(
            pace.begin(2).gap(zero, None, LONGEST),
            FIRST,
            "another statement has a scout of its own"
        );
        drop(first);
        assert_eq!(second.gap(zero, None, LONGEST), FIRST);
        second.took(seconds(8.0));
        assert_eq!(pace.begin(1).gap(seconds(3.0), None, LONGEST), seconds(5.5));
    }

    #[test]
    fn a_scout_that_is_held_up_gives_its_office_to_the_next() {
        let pace = Pace::default();
        let (first, second, third) = (pace.begin(1), pace.begin(1), pace.begin(1));
        first.held_up();
        // What the first has missed is made up for, and then everything is as if the second had always been the scout.
        assert_eq!(second.gap(seconds(1.2), None, LONGEST), SOON);
        assert_eq!(second.gap(seconds(1.2), Some(seconds(1.2)), LONGEST), seconds(0.3));
        assert_eq!(first.gap(seconds(1.2), None, LONGEST), seconds(8.8));
        second.held_up();
        assert_eq!(third.gap(seconds(2.5), Some(seconds(2.5)), LONGEST), seconds(0.6));
    }

    #[test]
    fn what_is_heard_of_others_makes_nobody_wait_longer() {
        let pace = Pace::default();
        let (_scout, waiting) = (pace.begin(1), pace.begin(1));
        for tenths in 0..100 {
            let now = Duration::from_millis(100 * tenths);
            // Somebody else comes and goes, as it happens with a thousand accounts.
            drop(pace.begin(1));
            assert_eq!(now + waiting.gap(now, None, LONGEST), PATIENT);
        }
    }

    #[test]
    fn one_that_is_unlike_the_others_teaches_them_nothing() {
        let pace = Pace::default();
        let (_scout, turn) = (pace.begin(1), pace.begin(1));
        for took in [5.0, 5.0, 600.0] {
            turn.took(seconds(took));
        }
        assert_eq!(turn.gap(Duration::ZERO, None, LONGEST), seconds(5.3125));
        for _ in 0..REMEMBERED {
            turn.took(seconds(8.0));
        }
        assert_eq!(
            turn.gap(Duration::ZERO, None, LONGEST),
            seconds(8.5),
            "the old is forgotten"
        );
        assert_eq!(turn.gap(seconds(4.0), Some(seconds(3.0)), seconds(2.0)), seconds(1.0));
    }
}
