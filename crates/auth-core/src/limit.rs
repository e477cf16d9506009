//! At most so many HTTP requests in flight, and at most so many bytes of answers in memory, over all accounts and
//! services.
//!
//! Bound here and not around a slice: a slice that waits to be allowed to try again holds no place. Answers that are read
//! while they come, such as objects of S3, hold their place until their last byte; whoever reads them bounds the memory.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::answer::{Reader, is_an_object, key_id};
use crate::host::READ_TIMEOUT;
use crate::tunnel;

/// Bytes of answers that may be in memory at once, in KiB. An answer counts until it has been parsed.
const ANSWERS_KIB: u32 = 12 * 1024;
/// Answers that are larger do not come from AWS, which gives its answers in pages; in bytes. One at a time may outgrow the room
/// that it has.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// The same for urgent requests, which have no room.
const LARGEST_URGENT: usize = 1024 * 1024;
/// Bytes of an answer that must come within the limit; the last of them may be fewer.
const PIECE: usize = 64 * 1024;
/// What an answer counts that does not tell its length (EC2's are chunked): a page of 400 instances is about this.
const UNTOLD_KIB: u32 = 2 * 1024;

/// How a client's answers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Into memory, within the room for answers.
    Whole,
    /// While they come.
    Streamed,
}

/// Which places a client's requests take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Those of the limit.
    Ordinary,
    /// Places of their own, for requests that must not wait for others. Their answers are small, and take no room.
    Urgent,
}

/// Urgent requests in flight, beside all others.
pub const URGENT_REQUESTS: usize = 8;

/// What all clients of a host share.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    places: Arc<Semaphore>,
    urgent: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    /// The place of the one answer that may outgrow its room.
    large: Arc<Semaphore>,
}

impl Limit {
    pub(crate) fn new(requests: usize) -> Self {
        Limit {
            places: Arc::new(Semaphore::new(requests)),
            urgent: Arc::new(Semaphore::new(URGENT_REQUESTS)),
            answers: Arc::new(Semaphore::new(ANSWERS_KIB as usize)),
            large: Arc::new(Semaphore::new(1)),
        }
    }

    /// `client` within the limit, and the turns for its requests. `reader` looks at its answers.
    pub(crate) fn client(
        &self,
        client: SharedHttpClient,
        lane: Lane,
        reading: Reading,
        reader: Reader,
    ) -> (SharedHttpClient, Turns) {
        let (places, room) = match lane {
            Lane::Ordinary => {
                let room = Room {
                    answers: Arc::clone(&self.answers),
                    large: Arc::clone(&self.large),
                };
                (&self.places, Some(room))
            }
            Lane::Urgent => (&self.urgent, None),
        };
        let turns = Turns {
            places: Arc::clone(places),
            taken: Arc::default(),
        };
        let limited = LimitedClient {
            turns: turns.clone(),
            room,
            reading,
            reader,
            client,
        };
        (SharedHttpClient::new(limited), turns)
    }
}

/// Room for answers in memory.
#[derive(Clone, Debug)]
struct Room {
    answers: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// Places that requests of one client have taken before they are signed: a request that is signed first and waits then
/// arrives with an old signature, or with a session that has expired meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    places: Arc<Semaphore>,
    taken: Arc<Mutex<Vec<OwnedSemaphorePermit>>>,
}

impl Turns {
    /// Waits for a place. To be called last before a request is signed.
    pub(crate) async fn wait(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.places).acquire_owned().await
    }

    /// Gives the place to the next request of the client.
    pub(crate) fn keep(&self, place: OwnedSemaphorePermit) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(place);
    }

    /// A place that was taken; a request that is not signed waits for one now.
    async fn begin(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match taken {
            Some(place) => Ok(place),
            None => self.wait().await,
        }
    }
}

#[derive(Debug)]
struct LimitedClient {
    turns: Turns,
    room: Option<Room>,
    reading: Reading,
    reader: Reader,
    client: SharedHttpClient,
}

impl HttpClient for LimitedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(LimitedConnector {
            turns: self.turns.clone(),
            room: self.room.clone(),
            reading: self.reading,
            reader: self.reader.clone(),
            stall: Stall {
                sleep: components.sleep_impl(),
                limit: settings.read_timeout().unwrap_or(READ_TIMEOUT),
            },
            connector: self.client.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct LimitedConnector {
    turns: Turns,
    room: Option<Room>,
    reading: Reading,
    reader: Reader,
    stall: Stall,
    connector: SharedHttpConnector,
}

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (turns, room) = (self.turns.clone(), self.room.clone());
        let (connector, reading) = (self.connector.clone(), self.reading);
        let (reader, stall) = (self.reader.clone(), self.stall.clone());
        HttpConnectorFuture::new(async move {
            let closed = |error: AcquireError| ConnectorError::other(error.into(), None);
            // The connection is in use until the answer is read to its end, so the place is too.
            let place = turns.begin().await.map_err(closed)?;
            let signed = key_id(&request);
            let of_an_object = request.headers().get("range").is_some();
            let mut response = connector.call(request).await.map_err(tunnel::marked)?;
            reader.head(&mut response);
            if reading == Reading::Streamed && response.status().is_success() {
                if of_an_object {
                    is_an_object(&response)?;
                }
                let body = std::mem::replace(response.body_mut(), SdkBody::taken());
                let watch = Watch::new(stall);
                *response.body_mut() = SdkBody::from_body_1_x(Streamed {
                    body,
                    watch,
                    _place: place,
                });
                return Ok(response);
            }
            let kib = kib(&response);
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            let watch = Watch::new(stall);
            let answer = match room {
                Some(Room { answers, large }) => {
                    let taken = answers.acquire_many_owned(kib).await.map_err(closed)?;
                    let mut grown = Grown {
                        within: kib as usize * 1024,
                        large,
                        taken: None,
                    };
                    let bytes = whole(body, LARGEST_ANSWER, Some(&mut grown), watch).await?;
                    Answer {
                        bytes,
                        _room: Some((taken, grown.taken)),
                    }
                }
                None => Answer {
                    bytes: whole(body, LARGEST_URGENT, None, watch).await?,
                    _room: None,
                },
            };
            *response.body_mut() = SdkBody::from(Bytes::from_owner(answer));
            reader.whole(&mut response, signed.as_deref())?;
            Ok(response)
        })
    }
}

/// How long an answer may stand still, or nearly so.
#[derive(Clone, Debug)]
struct Stall {
    /// Without one nothing is limited.
    sleep: Option<SharedAsyncSleep>,
    /// That for the first byte is that for the others too.
    limit: Duration,
}

/// Watches that a body goes on: each [`PIECE`] of it must come within the limit. The SDK has the like only for bodies that
/// it reads itself, and only for those that stand quite still.
struct Watch {
    stall: Stall,
    /// From when something was waited for in vain.
    timer: Option<Sleep>,
    /// Bytes since then.
    bytes: usize,
}

impl Watch {
    fn new(stall: Stall) -> Self {
        Watch {
            stall,
            timer: None,
            bytes: 0,
        }
    }

    /// The next frame of `body`; an error when it does not go on.
    fn poll(
        &mut self,
        body: &mut SdkBody,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, aws_smithy_types::body::Error>>> {
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            self.bytes += data.map_or(0, Bytes::len);
            if self.bytes >= PIECE {
                self.timer = None;
            }
            return Poll::Ready(frame);
        }
        let Some(sleep) = &self.stall.sleep else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| {
            self.bytes = 0;
            sleep.sleep(self.stall.limit)
        });
        if Pin::new(timer).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let stalled = Stalled {
            bytes: self.bytes,
            limit: self.stall.limit,
        };
        Poll::Ready(Some(Err(stalled.into())))
    }
}

/// A body that does not go on.
#[derive(Debug)]
struct Stalled {
    bytes: usize,
    limit: Duration,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, seconds) = (self.bytes, self.limit.as_secs_f64());
        write!(f, "the answer has stopped: {bytes} bytes within {seconds} s")
    }
}

impl std::error::Error for Stalled {}

/// An answer that is read while it comes; its place is free again when it has been read or let go.
struct Streamed {
    body: SdkBody,
    watch: Watch,
    _place: OwnedSemaphorePermit,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Streamed { body, watch, .. } = &mut *self;
        watch.poll(body, cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.body)
    }
}

/// An answer in memory; the room that it takes is free again when the last one who reads it lets go.
struct Answer {
    bytes: Vec<u8>,
    _room: Option<(OwnedSemaphorePermit, Option<OwnedSemaphorePermit>)>,
}

/// An answer that may turn out larger than the room that it has taken.
struct Grown {
    /// Bytes of that room.
    within: usize,
    large: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Grown {
    /// Waits for the place of a large answer, where so many bytes need it.
    async fn to(&mut self, bytes: usize) -> Result<(), ConnectorError> {
        if bytes > self.within && self.taken.is_none() {
            let taken = Arc::clone(&self.large).acquire_owned().await;
            self.taken = Some(taken.map_err(|error| ConnectorError::other(error.into(), None))?);
        }
        Ok(())
    }
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// All of `body`, where it has at most `most` bytes.
async fn whole(
    mut body: SdkBody,
    most: usize,
    mut grown: Option<&mut Grown>,
    mut watch: Watch,
) -> Result<Vec<u8>, ConnectorError> {
    let mut bytes = Vec::with_capacity(
        body.content_length()
            .map_or(0, |told| usize::try_from(told).unwrap_or(most).min(most)),
    );
    while let Some(frame) = std::future::poll_fn(|cx| watch.poll(&mut body, cx)).await {
        let broken = |error: aws_smithy_types::body::Error| match error.is::<Stalled>() {
            true => ConnectorError::timeout(error),
            false => ConnectorError::io(error),
        };
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > most {
            let why = format!("the answer has more than {most} bytes, which AWS never sends");
            return Err(ConnectorError::user(why.into()));
        }
        if let Some(grown) = &mut grown {
            grown.to(bytes.len() + data.len()).await?;
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn kib(response: &HttpResponse) -> u32 {
    let told = response
        .headers()
        .get("content-length")
        .and_then(|length| length.parse::<u64>().ok());
    let kib = told.map_or(UNTOLD_KIB, |length| {
        u32::try_from(length / 1024 + 1).unwrap_or(u32::MAX)
    });
    // One that is larger than all the room there is waits until it is alone.
    kib.min(ANSWERS_KIB)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_smithy_async::rt::sleep::AsyncSleep;

    use super::*;

    /// A clock on which the limit is over at once.
    #[derive(Debug)]
    struct AtOnce;

    impl AsyncSleep for AtOnce {
        fn sleep(&self, _: Duration) -> Sleep {
            Sleep::new(std::future::ready(()))
        }
    }

    fn watch(sleep: Option<SharedAsyncSleep>) -> Watch {
        Watch::new(Stall {
            sleep,
            limit: Duration::from_secs(30),
        })
    }

    /// So many frames of so many bytes, a pause before each of the first ones, and nothing more.
    struct Frames {
        frames: usize,
        bytes: usize,
        pauses: usize,
    }

    impl Body for Frames {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if self.pauses > 0 {
                self.pauses -= 1;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.frames == 0 {
                return Poll::Ready(None);
            }
            self.frames -= 1;
            Poll::Ready(Some(Ok(Frame::data(vec![7; self.bytes].into()))))
        }
    }

    #[tokio::test]
    async fn an_answer_that_stands_still_is_given_up_as_late() {
        let frames = |pauses| {
            SdkBody::from_body_1_x(Frames {
                frames: 3,
                bytes: 100,
                pauses,
            })
        };
        let at_once = || Some(SharedAsyncSleep::new(AtOnce));
        let late = whole(frames(1), 1000, None, watch(at_once())).await.unwrap_err();
        assert!(late.is_timeout(), "{late:?}");
        assert_eq!(whole(frames(0), 1000, None, watch(at_once())).await.unwrap().len(), 300);
        assert_eq!(whole(frames(1), 1000, None, watch(None)).await.unwrap().len(), 300);
    }

    #[tokio::test]
    async fn an_answer_is_taken_whole_and_no_larger_than_it_may_be() {
        assert_eq!(
            whole(SdkBody::from("0123456789"), 10, None, watch(None)).await.unwrap(),
            b"0123456789"
        );
        assert_eq!(whole(SdkBody::empty(), 10, None, watch(None)).await.unwrap(), b"");
        let error = whole(SdkBody::from("0123456789"), 9, None, watch(None))
            .await
            .unwrap_err();
        assert!(format!("{error:?}").contains("more than 9 bytes"), "{error:?}");
    }

    #[tokio::test]
    async fn one_answer_at_a_time_outgrows_its_room() {
        let large = Arc::new(Semaphore::new(1));
        let grown = || Grown {
            within: 150,
            large: Arc::clone(&large),
            taken: None,
        };
        let body = |frames| {
            SdkBody::from_body_1_x(Frames {
                frames,
                bytes: 100,
                pauses: 0,
            })
        };
        let (mut first, mut second, mut small) = (grown(), grown(), grown());
        whole(body(3), 1000, Some(&mut first), watch(None)).await.unwrap();
        // One that stays within its room needs no place, and another large one waits for it.
        whole(body(1), 1000, Some(&mut small), watch(None)).await.unwrap();
        let mut waiting = std::pin::pin!(whole(body(3), 1000, Some(&mut second), watch(None)));
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(first);
        assert_eq!(waiting.await.unwrap().len(), 300);
    }
}
