//! One range of an object as a stream that mends itself: cut off, it goes on where it was.

use std::time::Duration;

use auth_core::host::AsyncSleep as _;
use auth_core::{AwsError, ErrorKind, Host};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::{Location, ObjectError, Reader, is_behind_the_end, is_replaced};

/// Times that the body of one range may be cut off. Each request beyond has retries of its own.
const MOST_CUTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// An object as it was when it was opened.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) reader: Reader,
    pub(super) host: Host,
    pub(super) location: Location,
    /// `None` until it is opened.
    pub(super) opened: Option<Opened>,
}

/// What every answer must say again: the object must not become another one while it is read.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    /// An answer without one is not taken for S3's.
    pub(super) etag: Option<String>,
    pub(super) size: u64,
}

/// An answer that has the bytes that were asked for.
#[derive(Debug)]
pub(super) struct Answer {
    /// The first byte that does not belong to it.
    pub(super) end: u64,
    pub(super) body: ByteStream,
    pub(super) object: Opened,
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
    ///
    /// # Errors
    /// A call that failed; an answer that is of another range or of another object.
    pub(super) async fn get(&self, from: u64, end: u64) -> Result<Option<Answer>, ObjectError> {
        let Location { bucket, key } = &self.location;
        loop {
            let request = self.reader.client(bucket).get_object().bucket(bucket).key(key);
            let request = request
                .range(format!("bytes={from}-{}", end.saturating_sub(1)))
                .set_if_match(self.opened.as_ref().and_then(|opened| opened.etag.clone()))
                .set_expected_bucket_owner(self.reader.bucket_owner.clone());
            match request.send().await {
                Ok(output) => return self.checked(output, from, end).map(Some),
                Err(error) if self.reader.learns_region(bucket, &error) => {}
                Err(error) if is_behind_the_end(&error) => return Ok(None),
                Err(error) if is_replaced(&error) => return Err(self.faulty(REPLACED)),
                Err(error) => return Err(AwsError::of("s3", "GetObject")(error).into()),
            }
        }
    }

    /// The answer, if it has the bytes that were asked for, of the object that was opened.
    fn checked(&self, output: GetObjectOutput, from: u64, end: u64) -> Result<Answer, ObjectError> {
        let (answered, size) = match output.content_range() {
            Some(text) => {
                let (range, size) = content_range(text)
                    .ok_or_else(|| self.faulty(format!("S3 answers with the range `{text}`, which names no place")))?;
                if range != (from..end.min(size)) {
                    let asked = format!("bytes {from}-{} were asked for", end.saturating_sub(1));
                    return Err(self.faulty(format!("{asked}, and S3 has sent `{text}`")));
                }
                (range, size)
            }
            None => self.whole(&output, from, end)?,
        };
        let object = Opened {
            etag: output.e_tag().map(str::to_owned),
            size,
        };
        if let Some(opened) = &self.opened {
            if object.size != opened.size {
                return Err(self.faulty(format!("S3 has said that it has {} bytes, and now {size}", opened.size)));
            }
            if object.etag != opened.etag {
                return Err(self.faulty(REPLACED));
            }
        }
        Ok(Answer {
            end: answered.end,
            body: output.body,
            object,
        })
    }

    /// A server that knows no ranges sends the whole. An answer without its range, and as long as the one that was asked for, may
    /// be a part.
    fn whole(&self, output: &GetObjectOutput, from: u64, end: u64) -> Result<(std::ops::Range<u64>, u64), ObjectError> {
        let length = output.content_length().and_then(|length| u64::try_from(length).ok());
        let known = self.opened.as_ref().map(|opened| opened.size);
        match length {
            Some(length) if from == 0 && (length != end || known == Some(length)) => Ok((0..length, length)),
            _ => Err(self.faulty("S3 has not said which of its bytes it sends")),
        }
    }

    pub(super) fn faulty(&self, why: impl std::fmt::Display) -> ObjectError {
        let Location { bucket, key } = &self.location;
        ObjectError::Faulty(format!("s3://{bucket}/{key}: {why}"))
    }
}

const REPLACED: &str = "another object has taken its place while it was read";

/// The bytes and the size of `bytes 0-1048575/5000000`. A size of `*` is none.
/// <https://www.rfc-editor.org/rfc/rfc9110#name-content-range>
fn content_range(text: &str) -> Option<(std::ops::Range<u64>, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let end = last.parse::<u64>().ok()?.checked_add(1)?;
    Some((first.parse().ok()?..end, size.parse().ok()?))
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
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ObjectError> {
        while self.next < self.end {
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    let answer = self.source.get(self.next, self.end).await?;
                    let answer = answer.ok_or_else(|| self.source.faulty("it has become shorter"))?;
                    self.body.insert(answer.body)
                }
            };
            let why = match body.next().await {
                Some(Ok(bytes)) if bytes.is_empty() => continue,
                Some(Ok(bytes)) if bytes.len() as u64 > self.end - self.next => {
                    return Err(self.source.faulty("S3 has sent more bytes than were asked for"));
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
                let Location { bucket, key } = &self.source.location;
                let left = self.end - self.next;
                let message = format!("s3://{bucket}/{key}: {left} bytes before the end of a range: {why}");
                let error = AwsError {
                    kind: ErrorKind::Unreachable,
                    ..AwsError::answer("s3", "GetObject", message)
                };
                return Err(error.into());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_names_bytes_and_a_size_or_nothing() {
        for (text, expected) in [
            ("bytes 0-1048575/5000000", Some((0..1_048_576, 5_000_000))),
            ("bytes 5-5/6", Some((5..6, 6))),
            ("bytes 0-1048575/*", None),
            ("bytes */5000000", None),
            ("bytes 0-18446744073709551615/1", None),
            ("0-1/2", None),
            ("items 0-1/2", None),
            ("bytes 0/2", None),
            ("", None),
        ] {
            assert_eq!(content_range(text), expected, "{text}");
        }
    }
}
