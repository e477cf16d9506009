//! Sleeps on a clock that stands still while anything goes on, and moves to the end of the next sleep when nothing does:
//! hours of a run pass in the time that its calls take, and always in the same order.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use auth_core::host::AsyncSleep;
use aws_sim::Clock;
use aws_smithy_async::rt::sleep::Sleep;
use tokio::runtime::{Builder, Runtime};

use crate::is_limit;

/// Of a call with all its tries: the pauses between them are a part of it, so it does not tell that a request is on its
/// way.
const OPERATION_LIMIT: Duration = Duration::from_secs(180);

/// The sleeps of one run. Clones share them.
#[derive(Clone, Debug)]
pub struct Events(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    sleepers: BTreeMap<(SystemTime, u64), Option<Waker>>,
    /// Limits of requests that are on their way.
    requests: usize,
}

impl Events {
    /// Moves `clock`, which must be a manual one.
    pub fn new(clock: &Clock) -> Self {
        Events(Arc::new(Shared {
            clock: clock.clone(),
            state: Mutex::default(),
        }))
    }

    /// A runtime of one thread that moves the clock whenever the thread has nothing to do.
    pub fn runtime(&self) -> Runtime {
        let events = self.clone();
        Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || events.move_on())
            .build()
            .unwrap()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock to the end of the next sleep, unless a request is on its way: what it will answer is not known
    /// yet.
    fn move_on(&self) {
        let wakers: Vec<Waker> = {
            let mut state = self.state();
            let Some(((until, _), _)) = state.sleepers.first_key_value().filter(|_| state.requests == 0) else {
                return;
            };
            let until = *until;
            if let Ok(ahead) = until.duration_since(self.0.clock.now()) {
                self.0.clock.advance(ahead);
            }
            let over = state.sleepers.range_mut(..=(until, u64::MAX));
            over.filter_map(|(_, waker)| waker.take()).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl AsyncSleep for Events {
    fn sleep(&self, duration: Duration) -> Sleep {
        if is_limit(duration) {
            let request = (duration != OPERATION_LIMIT).then(|| Request::new(self));
            let real = tokio::time::sleep(duration);
            return Sleep::new(async move {
                let _request = request;
                real.await;
            });
        }
        let mut state = self.state();
        state.next += 1;
        let key = (self.0.clock.now() + duration, state.next);
        state.sleepers.insert(key, None);
        Sleep::new(Sleeper {
            events: self.clone(),
            key,
        })
    }
}

/// A sleep on the clock.
struct Sleeper {
    events: Events,
    key: (SystemTime, u64),
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.events.0.clock.now() >= self.key.0 {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        self.events.state().sleepers.insert(self.key, Some(waker));
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.events.state().sleepers.remove(&self.key);
    }
}

/// A request that is on its way.
struct Request(Events);

impl Request {
    fn new(events: &Events) -> Self {
        events.state().requests += 1;
        Request(events.clone())
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.state().requests -= 1;
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const REQUEST_LIMIT: Duration = Duration::from_secs(30);

    fn events() -> (Events, Clock) {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + HOUR);
        (Events::new(&clock), clock)
    }

    fn passed(clock: &Clock) -> Duration {
        clock.now().duration_since(SystemTime::UNIX_EPOCH + HOUR).unwrap()
    }

    #[test]
    fn sleeps_end_in_order_and_at_their_time() {
        let (events, clock) = events();
        let ended = Mutex::new(Vec::new());
        events.runtime().block_on(async {
            let sleep = async |minutes: u32| {
                events.sleep(HOUR / 60 * minutes).await;
                ended.lock().unwrap().push((minutes, passed(&clock) / 60));
            };
            let twice = async {
                sleep(10).await;
                sleep(45).await;
            };
            join(join(sleep(90), sleep(30)), twice).await;
        });
        let seconds = |minutes| Duration::from_secs(minutes);
        assert_eq!(
            ended.into_inner().unwrap(),
            [
                (10, seconds(10)),
                (30, seconds(30)),
                (45, seconds(55)),
                (90, seconds(90))
            ]
        );
    }

    #[test]
    fn a_sleep_that_is_given_up_moves_nothing() {
        let (events, clock) = events();
        events.runtime().block_on(async {
            drop(events.sleep(HOUR));
            tokio::select! {
                () = events.sleep(HOUR / 2) => {}
                () = events.sleep(2 * HOUR) => unreachable!(),
            }
            events.sleep(HOUR / 4).await;
        });
        assert_eq!(passed(&clock), HOUR * 3 / 4);
    }

    #[test]
    fn the_clock_stands_still_while_a_request_is_on_its_way() {
        let (events, clock) = events();
        events.runtime().block_on(async {
            let request = async {
                let limit = events.sleep(REQUEST_LIMIT);
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert_eq!(passed(&clock), Duration::ZERO);
                drop(limit);
            };
            join(request, events.sleep(HOUR)).await;
        });
        assert_eq!(passed(&clock), HOUR);
    }

    #[test]
    fn the_limit_of_a_call_with_all_its_tries_does_not_hold_the_clock() {
        let (events, clock) = events();
        events.runtime().block_on(async {
            let _limit = events.sleep(OPERATION_LIMIT);
            events.sleep(HOUR).await;
        });
        assert_eq!(passed(&clock), HOUR);
    }

    #[test]
    fn tasks_beside_the_first_are_waited_for() {
        let (events, clock) = events();
        events.runtime().block_on(async {
            let (beside, time) = (events.clone(), clock.clone());
            let task = tokio::spawn(async move {
                beside.sleep(HOUR).await;
                passed(&time)
            });
            assert_eq!(task.await.unwrap(), HOUR);
        });
    }
}
