//! The body of an answer on its way: in frames that share the bytes, at a pace, up to where it breaks off.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::http::{After, Break, Manner};
use crate::locked;

/// Large enough that a system call moves much, small enough that one connection does not starve the others.
const FRAME: usize = 256 << 10;

/// What a body and its connection tell each other.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The connection is to be reset when it is dropped.
    reset: AtomicBool,
    /// How often everything was handed to the system.
    flushes: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
}

impl Line {
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    /// Everything that was written has been handed to the system.
    pub(crate) fn flushed(&self) {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        if let Some(waker) = locked(&self.waiting).take() {
            waker.wake();
        }
    }
}

/// The whole body, or a part of it and then a break.
pub(crate) struct AnswerBody {
    rest: Bytes,
    /// What was promised and is not sent.
    withheld: usize,
    ends: Option<Break>,
    /// The number of flushes when the last frame had been taken.
    flushes: Option<usize>,
    pace: Option<Pace>,
    line: Arc<Line>,
}

impl AnswerBody {
    pub(crate) fn new(mut body: Bytes, manner: Manner, line: Arc<Line>) -> Self {
        let length = body.len();
        let (until, ends) = match manner.broken {
            None => (length, None),
            Some((After::Half, how)) => (length / 2, Some(how)),
            Some((After::Bytes(bytes), how)) => (usize::try_from(bytes).unwrap_or(usize::MAX), Some(how)),
        };
        body.truncate(until);
        Self {
            withheld: length - body.len(),
            ends: ends.filter(|_| until < length),
            rest: body,
            flushes: None,
            pace: manner.bytes_per_second.map(Pace::new),
            line,
        }
    }

    /// Breaks off as soon as everything before has left: a client must be able to rely on what it was sent.
    fn poll_break(&mut self, how: Break, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let now = self.line.flushes.load(Ordering::Relaxed);
        if *self.flushes.get_or_insert(now) == now {
            *locked(&self.line.waiting) = Some(context.waker().clone());
            return Poll::Pending;
        }
        match how {
            // Nobody wakes this task any more but the connection, when the client gives up.
            Break::Hang => return Poll::Pending,
            Break::Reset => self.line.reset(),
            Break::Close => {}
        }
        Poll::Ready(Some(Err(io::Error::other("broken off on purpose"))))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.rest.is_empty() {
            return match self.ends {
                None => Poll::Ready(None),
                Some(how) => self.poll_break(how, context),
            };
        }
        let size = match &mut self.pace {
            None => FRAME,
            Some(pace) => match pace.poll_due(context) {
                Poll::Ready(size) => size,
                Poll::Pending => return Poll::Pending,
            },
        };
        let size = size.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.ends.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.rest.len() + self.withheld) as u64)
    }
}

/// Frames that are due one after another.
struct Pace {
    frame: usize,
    every: Duration,
    due: Pin<Box<Sleep>>,
}

impl Pace {
    #[expect(
        clippy::disallowed_methods,
        reason = "a pace is real time: it is what a caller waits for"
    )]
    fn new(bytes_per_second: u64) -> Self {
        let rate = bytes_per_second.max(1);
        let frame = (rate / 50).clamp(1, FRAME as u64);
        let every = Duration::from_secs_f64(frame as f64 / rate as f64);
        Self {
            frame: frame as usize,
            every,
            due: Box::pin(tokio::time::sleep_until(Instant::now() + every)),
        }
    }

    /// The size of the next frame, once it is due.
    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        std::task::ready!(self.due.as_mut().poll(context));
        // From when it was due, not from now: lateness is made up for.
        let next = self.due.deadline() + self.every;
        self.due.as_mut().reset(next);
        Poll::Ready(self.frame)
    }
}
