//! Ends a run at a chosen moment: when one of its tasks looks at the clock for the n-th time. The task is held there until
//! the run has seen that it has to end, as if another thread were faster.

use std::ffi::OsString;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, SystemTime};

use auth_core::Host;
use auth_core::host::{AsyncSleep, SharedTimeSource, TimeSource};
use aws_sim::Clock;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, Sleep};
use connector_core::Invocation;
use connector_core::exit::Exit;
use connector_core::terminal::Terminal;
use futures::Stream;

use crate::{Collected, Hardly, Outcome, Program, Run};

/// A run may take longer than this, and nothing else.
const RUN: Duration = Duration::from_secs(10_000);

/// What ends the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A signal.
    Signal,
    /// `run_timeout`.
    Deadline,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not yet.
    Before,
    /// A task is held.
    Held,
    /// The run has seen that it has to end.
    Seen,
    /// The task goes on.
    After,
}

#[derive(Clone, Debug)]
struct Moment(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    cut: Cut,
    /// The thread that polls the run itself. It is never held.
    main: ThreadId,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Looks until a task is held.
    left: usize,
    stage: Stage,
    wakers: Vec<Waker>,
}

impl Moment {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn come_to(&self, state: &mut State, stage: Stage) {
        state.stage = stage;
        state.wakers.drain(..).for_each(Waker::wake);
        self.0.changed.notify_all();
    }
}

impl TimeSource for Moment {
    fn now(&self) -> SystemTime {
        let now = self.0.clock.now();
        let mut state = self.state();
        if thread::current().id() == self.0.main {
            match (state.stage, self.0.cut) {
                (Stage::Held, Cut::Deadline) => self.come_to(&mut state, Stage::Seen),
                (Stage::Seen, _) => self.come_to(&mut state, Stage::After),
                _ => {}
            }
            let over = state.stage != Stage::Before && self.0.cut == Cut::Deadline;
            return if over { now + 100 * RUN } else { now };
        }
        if state.stage == Stage::Before {
            state.left = state.left.saturating_sub(1);
            if state.left == 0 {
                self.come_to(&mut state, Stage::Held);
                let held = |state: &mut State| state.stage != Stage::After;
                drop(self.0.changed.wait_while(state, held).unwrap());
            }
        }
        now
    }
}

/// The sleep until the run's deadline is over when the moment has come.
impl AsyncSleep for Moment {
    fn sleep(&self, duration: Duration) -> Sleep {
        if duration < RUN || self.0.cut != Cut::Deadline {
            return Hardly.sleep(duration);
        }
        let moment = self.clone();
        Sleep::new(std::future::poll_fn(move |cx| {
            let mut state = moment.state();
            if state.stage != Stage::Before {
                return Poll::Ready(());
            }
            state.wakers.push(cx.waker().clone());
            Poll::Pending
        }))
    }
}

/// The signals of the run.
impl Stream for Moment {
    type Item = Exit;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Exit>> {
        let mut state = self.state();
        match (state.stage, self.0.cut) {
            (Stage::Held, Cut::Signal) => {
                self.come_to(&mut state, Stage::Seen);
                return Poll::Ready(Some(Exit::Interrupted));
            }
            (Stage::Seen, _) => self.come_to(&mut state, Stage::After),
            _ => {}
        }
        state.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}

impl<P: Program> Run<'_, P> {
    /// In this process, on several threads, ended at the `number`-th look of its tasks at the clock. Whether it came to
    /// that.
    pub fn cut_at(self, number: usize, cut: Cut) -> (Outcome, bool) {
        let moment = Moment(Arc::new(Shared {
            clock: self.sim.clock().clone(),
            cut,
            main: thread::current().id(),
            state: Mutex::new(State {
                left: number,
                stage: Stage::Before,
                wakers: Vec::new(),
            }),
            changed: Condvar::new(),
        }));
        let arguments = std::iter::once(P::NAME.to_owned()).chain(self.arguments());
        let arguments: Vec<OsString> = arguments.map(OsString::from).collect();
        let stdout = Collected::default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let exit = runtime.block_on(async {
            let time = SharedTimeSource::new(moment.clone());
            let sleep = SharedAsyncSleep::new(moment.clone());
            let host = Host::for_endpoint(self.sim.endpoint(), self.region(), time, sleep)
                .await
                .unwrap();
            let invocation = Invocation {
                arguments,
                environment: self.environment.clone(),
                host: Some(host),
                stdout: Box::new(stdout.clone()),
                terminal: Some(Terminal::silent()),
                open_files: None,
                interrupts: Box::pin(moment.clone()),
            };
            connector_core::run(&P::connector(), invocation).await
        });
        let cut = moment.state().stage != Stage::Before;
        let stdout = stdout.0.lock().unwrap().clone();
        (Outcome::new(self, i32::from(exit.code()), stdout, Vec::new()), cut)
    }
}
