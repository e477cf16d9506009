//! HTTP/1.1 on loopback: accepts, counts and serves connections.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::body::{AnswerBody, Line};
use crate::gateway;
use crate::http::{Answer, Delivery, Manner, Request};
use crate::stamp;
use crate::world::World;

/// Accepts connections for as long as the task lives.
pub(crate) async fn run(mut listener: TcpListener, world: Arc<World>) {
    let address = listener.local_addr();
    loop {
        let accepted = tokio::select! {
            biased;
            () = world.down.begun() => {
                drop(listener);
                world.down.over().await;
                // The port was ours a moment ago; should another program have it now, all calls fail, as they should.
                let Ok(again) = listen_again(&address).await else { return };
                listener = again;
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        // Out of descriptors, or a client that left at once: the next one may have more luck.
        let Ok((stream, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let line = Arc::new(Line::default());
        // Counted here and not in the task, which may begin after the next connection has come and gone.
        let stream = Counted::new(stream, Arc::clone(&world), Arc::clone(&line));
        tokio::spawn(connection(stream, Arc::clone(&world), line));
    }
}

async fn listen_again(address: &io::Result<SocketAddr>) -> io::Result<TcpListener> {
    let address = address.as_ref().map_err(|error| io::Error::from(error.kind()))?;
    TcpListener::bind(address).await
}

async fn connection(stream: Counted, world: Arc<World>, line: Arc<Line>) {
    let service = service_fn(|request| exchange(Arc::clone(&world), request, Arc::clone(&line)));
    // A connection that breaks is the client's affair.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// One request and its answer. An error closes the connection without one.
async fn exchange(
    world: Arc<World>,
    request: hyper::Request<Incoming>,
    line: Arc<Line>,
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
    let clock = world.clock.clone();
    match gateway::serve(&world, request).await {
        Delivery::Answer(answer, manner) => response(answer, manner, clock.unix(), line),
        Delivery::Reset => {
            line.reset();
            Err(io::Error::other("reset on purpose"))
        }
    }
}

fn response(
    answer: Answer,
    manner: Manner,
    now: i64,
    line: Arc<Line>,
) -> Result<hyper::Response<AnswerBody>, io::Error> {
    let mut builder = hyper::Response::builder()
        .status(answer.status)
        .header(DATE, stamp::http_date(now));
    if !answer.content_type.is_empty() {
        builder = builder.header(CONTENT_TYPE, answer.content_type.as_ref());
    }
    // These two statuses have no body, not even one of length 0.
    if !matches!(answer.status, 204 | 304) {
        builder = builder.header(CONTENT_LENGTH, HeaderValue::from(answer.body.len()));
    }
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(AnswerBody::new(answer.body, manner, line))
        .map_err(io::Error::other)
}

/// A connection that is counted while it is open, and can be reset instead of closed.
struct Counted {
    stream: TcpStream,
    world: Arc<World>,
    line: Arc<Line>,
}

impl Counted {
    fn new(stream: TcpStream, world: Arc<World>, line: Arc<Line>) -> Self {
        // Answers are written whole; waiting for more would only add latency.
        let _ = stream.set_nodelay(true);
        world.record.opened();
        Self { stream, world, line }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.line.is_reset() {
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
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            self.line.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
