//! HTTP/1.1 on loopback: accepts, counts and serves connections.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::gateway;
use crate::http::{Answer, Delivery, Request};
use crate::stamp;
use crate::world::World;

/// Accepts connections for as long as the task lives.
pub(crate) async fn run(listener: TcpListener, world: Arc<World>) {
    loop {
        // Out of descriptors, or a client that left at once: the next one may have more luck.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let reset = Arc::new(AtomicBool::new(false));
        // Counted here and not in the task, which may begin after the next connection has come and gone.
        let stream = Counted::new(stream, Arc::clone(&world), Arc::clone(&reset));
        tokio::spawn(connection(stream, Arc::clone(&world), reset));
    }
}

async fn connection(stream: Counted, world: Arc<World>, reset: Arc<AtomicBool>) {
    let service = service_fn(|request| exchange(Arc::clone(&world), request, Arc::clone(&reset)));
    // A connection that breaks is the client's affair.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// One request and its answer. An error closes the connection without one.
async fn exchange(
    world: Arc<World>,
    request: hyper::Request<Incoming>,
    reset: Arc<AtomicBool>,
) -> Result<hyper::Response<AnswerBody>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    let answered_at = world.clock.clone();
    match gateway::serve(&world, request).await {
        Delivery::Whole(answer) => response(answer, false, answered_at.unix()),
        Delivery::Truncated(answer) => response(answer, true, answered_at.unix()),
        Delivery::Reset => {
            reset.store(true, Ordering::Relaxed);
            Err(io::Error::other("reset on purpose"))
        }
    }
}

fn response(answer: Answer, truncated: bool, now: i64) -> Result<hyper::Response<AnswerBody>, io::Error> {
    let mut bytes = Bytes::from(answer.body);
    let length = bytes.len();
    if truncated {
        bytes.truncate(length / 2);
    }
    let mut builder = hyper::Response::builder()
        .status(answer.status)
        .header(CONTENT_TYPE, answer.content_type)
        .header(CONTENT_LENGTH, HeaderValue::from(length))
        .header(DATE, stamp::http_date(now));
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(AnswerBody {
            bytes: Some(bytes),
            length,
            broken: truncated,
            flushed: false,
        })
        .map_err(io::Error::other)
}

/// The whole body, or a part of it and then an error.
struct AnswerBody {
    bytes: Option<Bytes>,
    length: usize,
    broken: bool,
    flushed: bool,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if !self.broken {
            return Poll::Ready(None);
        }
        if !self.flushed {
            // The part so far is written out before the connection breaks.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("truncated on purpose"))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.broken
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}

/// A connection that is counted while it is open, and can be reset instead of closed.
struct Counted {
    stream: TcpStream,
    world: Arc<World>,
    reset: Arc<AtomicBool>,
}

impl Counted {
    fn new(stream: TcpStream, world: Arc<World>, reset: Arc<AtomicBool>) -> Self {
        // Answers are written whole; waiting for more would only add latency.
        let _ = stream.set_nodelay(true);
        world.record.opened();
        Self { stream, world, reset }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // Without this the close would be an orderly one.
            let _ = self.stream.set_zero_linger();
        }
        self.world.record.closed();
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
