//! At most so many HTTP requests in flight, and at most so many bytes of answers in memory, over all accounts and
//! services.
//!
//! Bound here and not around a slice: a slice that waits to be allowed to try again holds no place. Answers that are read
//! while they come, such as objects of S3, hold their place until their last byte; whoever reads them bounds the memory.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

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

use crate::tunnel;

/// Bytes of answers that may be in memory at once, in KiB. An answer counts until it has been parsed.
const ANSWERS_KIB: u32 = 12 * 1024;
/// Answers that are larger do not come from AWS, which gives its answers in pages; in bytes.
const LARGEST_ANSWER: usize = 128 * 1024 * 1024;
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

/// What all clients of a host share.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    places: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

impl Limit {
    pub(crate) fn new(requests: usize) -> Self {
        Limit {
            places: Arc::new(Semaphore::new(requests)),
            answers: Arc::new(Semaphore::new(ANSWERS_KIB as usize)),
        }
    }

    /// `client` within the limit, and the turns for its requests.
    pub(crate) fn client(&self, client: SharedHttpClient, reading: Reading) -> (SharedHttpClient, Turns) {
        let turns = Turns {
            places: Arc::clone(&self.places),
            taken: Arc::default(),
        };
        let limited = LimitedClient {
            turns: turns.clone(),
            answers: Arc::clone(&self.answers),
            reading,
            client,
        };
        (SharedHttpClient::new(limited), turns)
    }
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
    answers: Arc<Semaphore>,
    reading: Reading,
    client: SharedHttpClient,
}

impl HttpClient for LimitedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(LimitedConnector {
            turns: self.turns.clone(),
            answers: Arc::clone(&self.answers),
            reading: self.reading,
            connector: self.client.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct LimitedConnector {
    turns: Turns,
    answers: Arc<Semaphore>,
    reading: Reading,
    connector: SharedHttpConnector,
}

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (turns, answers) = (self.turns.clone(), Arc::clone(&self.answers));
        let (connector, reading) = (self.connector.clone(), self.reading);
        HttpConnectorFuture::new(async move {
            let closed = |error: AcquireError| ConnectorError::other(error.into(), None);
            // The connection is in use until the answer is read to its end, so the place is too.
            let place = turns.begin().await.map_err(closed)?;
            let mut response = connector.call(request).await.map_err(tunnel::marked)?;
            if reading == Reading::Streamed && response.status().is_success() {
                let body = std::mem::replace(response.body_mut(), SdkBody::taken());
                *response.body_mut() = SdkBody::from_body_1_x(Streamed { body, _place: place });
                return Ok(response);
            }
            let room = answers.acquire_many_owned(kib(&response)).await.map_err(closed)?;
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            let answer = Answer {
                bytes: whole(body, LARGEST_ANSWER).await?,
                _room: room,
            };
            *response.body_mut() = SdkBody::from(Bytes::from_owner(answer));
            Ok(response)
        })
    }
}

/// An answer that is read while it comes; its place is free again when it has been read or let go.
struct Streamed {
    body: SdkBody,
    _place: OwnedSemaphorePermit,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
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
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// All of `body`, where it has at most `most` bytes.
async fn whole(mut body: SdkBody, most: usize) -> Result<Vec<u8>, ConnectorError> {
    let mut bytes = Vec::with_capacity(
        body.content_length()
            .map_or(0, |told| usize::try_from(told).unwrap_or(most).min(most)),
    );
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(ConnectorError::io)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > most {
            let why = format!("the answer has more than {most} bytes, which AWS never sends");
            return Err(ConnectorError::user(why.into()));
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
    use super::*;

    #[tokio::test]
    async fn an_answer_is_taken_whole_and_no_larger_than_it_may_be() {
        assert_eq!(whole(SdkBody::from("0123456789"), 10).await.unwrap(), b"0123456789");
        assert_eq!(whole(SdkBody::empty(), 10).await.unwrap(), b"");
        let error = whole(SdkBody::from("0123456789"), 9).await.unwrap_err();
        assert!(format!("{error:?}").contains("more than 9 bytes"), "{error:?}");
    }
}
