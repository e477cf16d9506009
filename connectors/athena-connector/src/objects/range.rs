//! One range of an object as a stream that mends itself: cut off, it goes on where it was.

use std::time::Duration;

use auth_core::host::AsyncSleep as _;
use auth_core::{AwsError, ErrorKind, Host};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::{Location, Reader, is_empty_object, is_replaced};

/// Times that the body of one range may be cut off. Each request beyond has retries of its own.
const MOST_CUTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// An object as it was when it was opened.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) reader: Reader,
    pub(super) host: Host,
    pub(super) location: Location,
    /// The object must not become another one while it is read.
    pub(super) etag: Option<String>,
}

/// The bytes from `next` on, up to `end`.
#[derive(Debug)]
pub(super) struct Range {
    source: Source,
    next: u64,
    /// The first byte that does not belong to it.
    end: u64,
    body: Option<ByteStream>,
    cuts: u32,
}

impl Source {
    /// Asks for the bytes from `from` up to `end`. `None`: there is nothing at `from`.
    pub(super) async fn get(&self, from: u64, end: u64) -> Result<Option<GetObjectOutput>, AwsError> {
        let Location { bucket, key } = &self.location;
        loop {
            let request = self.reader.client(bucket).get_object().bucket(bucket).key(key);
            let request = request
                .range(format!("bytes={from}-{}", end.saturating_sub(1)))
                .set_if_match(self.etag.clone())
                .set_expected_bucket_owner(self.reader.bucket_owner.clone());
            match request.send().await {
                Ok(output) => return Ok(Some(output)),
                Err(error) if self.reader.learns_region(bucket, &error) => {}
                Err(error) if is_empty_object(&error) => return Ok(None),
                Err(error) if is_replaced(&error) => {
                    return Err(self.broken(
                        "another object has taken its place while it was read: nobody but Athena should write under \
                         output_location",
                    ));
                }
                Err(error) => return Err(AwsError::of("s3", "GetObject")(error)),
            }
        }
    }

    fn broken(&self, why: impl Into<String>) -> AwsError {
        let Location { bucket, key } = &self.location;
        AwsError::answer("s3", "GetObject", format!("s3://{bucket}/{key}: {}", why.into()))
    }
}

impl Range {
    pub(super) fn new(source: Source, from: u64, end: u64, body: Option<ByteStream>) -> Self {
        Range {
            source,
            next: from,
            end,
            body,
            cuts: 0,
        }
    }

    /// Bytes that are still to come.
    pub(super) fn length(&self) -> u64 {
        self.end - self.next
    }

    /// The next bytes; `None` behind the last.
    ///
    /// # Errors
    /// An object that is gone, has changed, or cannot be read to the end of the range.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, AwsError> {
        while self.next < self.end {
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    let output = self.source.get(self.next, self.end).await?;
                    let output = output.ok_or_else(|| self.source.broken("it has become shorter"))?;
                    self.body.insert(output.body)
                }
            };
            let why = match body.next().await {
                Some(Ok(bytes)) if bytes.is_empty() => continue,
                Some(Ok(bytes)) if bytes.len() as u64 > self.end - self.next => {
                    return Err(self.source.broken("S3 has sent more bytes than were asked for"));
                }
                Some(Ok(bytes)) => {
                    self.next += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Some(Err(error)) => error.to_string(),
                None => "the answer ended too early".to_owned(),
            };
            self.body = None;
            self.cuts += 1;
            if self.cuts > MOST_CUTS {
                let message = format!("{} bytes before the end of a range: {why}", self.end - self.next);
                return Err(AwsError {
                    kind: ErrorKind::Unreachable,
                    ..self.source.broken(message)
                });
            }
            tracing::debug!(why, at = self.next, "an object is read on from where it was cut off");
            self.source
                .host
                .sleep()
                .sleep(FIRST_PAUSE * 2_u32.pow(self.cuts.min(6)))
                .await;
        }
        Ok(None)
    }
}
