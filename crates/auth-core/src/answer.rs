//! What an answer tells beside its content: how long to wait, what time it is at AWS, that the session has ended before
//! its time, or that it does not come from AWS at all. The SDK heeds some of that; this is the rest.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::retry::ErrorKind;

use crate::session::Session;

/// Clocks that differ by more: AWS refuses signatures from five minutes on, the SDK corrects them from four on.
const SKEWED: u64 = 240;
/// What a clock says that was set once, in seconds since 1970: the years 2000 to 2199. A service with another one has none, and
/// the SDK cannot sign for what such an answer would make of the time.
const PLAUSIBLE: std::ops::Range<i64> = 946_684_800..7_258_118_400;
/// Calls of one client that are made again because AWS did not like their date or their session.
const MOST_AGAIN: u32 = 4;

/// The difference between AWS's clock and this machine's, as the last answer tells it. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skew(Arc<Differences>);

#[derive(Debug, Default)]
struct Differences {
    /// Seconds that AWS is ahead; 0 unless it matters.
    last: AtomicI64,
    /// The first that mattered.
    first: AtomicI64,
}

impl Skew {
    /// Seconds that AWS was ahead when that was first seen; `None` while the clocks agree.
    pub(crate) fn seen(&self) -> Option<i64> {
        Some(self.0.first.load(Ordering::Relaxed)).filter(|seconds| *seconds != 0)
    }

    /// A time of AWS on this machine's clock.
    pub(crate) fn here(&self, at_aws: SystemTime) -> SystemTime {
        let ahead = self.0.last.load(Ordering::Relaxed);
        let by = Duration::from_secs(ahead.unsigned_abs());
        let here = if ahead > 0 {
            at_aws.checked_sub(by)
        } else {
            at_aws.checked_add(by)
        };
        here.unwrap_or(at_aws)
    }

    /// Takes the date from an answer where it says nothing of AWS's clock: the SDK corrects its own clock by that too.
    fn learn(&self, response: &mut HttpResponse, now: SystemTime) {
        let date = response.headers().get("date").and_then(http_date).and_then(seconds);
        let date = date.filter(|date| PLAUSIBLE.contains(date));
        // An answer from a cache has the date of when it was made.
        let (Some(date), None) = (date, response.headers().get("age")) else {
            response.headers_mut().remove("date");
            return;
        };
        let Some(now) = seconds(now) else { return };
        let ahead = date - now;
        let matters = ahead.unsigned_abs() > SKEWED;
        self.0.last.store(if matters { ahead } else { 0 }, Ordering::Relaxed);
        if matters {
            let _ = self
                .0
                .first
                .compare_exchange(0, ahead, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn is_known(&self) -> bool {
        self.0.last.load(Ordering::Relaxed) != 0
    }
}

/// Looks at the answers of one client.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    time: SharedTimeSource,
    /// `None`: they do not come from AWS.
    aws: Option<Aws>,
}

#[derive(Clone, Debug)]
struct Aws {
    skew: Skew,
    /// With which calls are signed.
    session: Option<Arc<Session>>,
    again: Arc<AtomicU32>,
}

impl Reader {
    /// For answers of AWS, to calls that are signed with `session`.
    pub(crate) fn of_aws(time: SharedTimeSource, skew: Skew, session: Option<Arc<Session>>) -> Self {
        let again = Arc::default();
        Reader {
            time,
            aws: Some(Aws { skew, session, again }),
        }
    }

    /// For answers of anybody else.
    pub(crate) fn of_others(time: SharedTimeSource) -> Self {
        Reader { time, aws: None }
    }

    /// Looks at the head of an answer.
    pub(crate) fn head(&self, response: &mut HttpResponse) {
        let now = self.time.now();
        if let Some(aws) = &self.aws {
            aws.skew.learn(response, now);
        }
        wait_as_told(response, now);
    }

    /// Looks at an answer that has been read to its end. `signed` is the key id of the request.
    ///
    /// # Errors
    /// An answer that is worth another try, although the SDK would not make it.
    pub(crate) fn whole(&self, response: &mut HttpResponse, signed: Option<&str>) -> Result<(), ConnectorError> {
        let (Some(aws), Some(body)) = (&self.aws, response.body().bytes()) else {
            return Ok(());
        };
        if response.status().is_success() {
            let status = response.status().as_u16();
            return match is_of_aws(body) {
                Ok(()) => Ok(()),
                Err(cut) => Err(ConnectorError::io(NotOfAws { status, cut }.into())),
            };
        }
        if !matches!(response.status().as_u16(), 400 | 401 | 403) {
            return Ok(());
        }
        let complaint = Complaint::of(body);
        if let Some(session) = &aws.session {
            response.add_extension(session.signer());
        }
        let Some(complaint) = complaint else {
            return Ok(());
        };
        let may = aws.again.fetch_add(1, Ordering::Relaxed) < MOST_AGAIN;
        match (complaint, &aws.session) {
            _ if !may => Ok(()),
            // The SDK has learned the time from this answer, and has retries for statuses, but not for this code.
            (Complaint::Both, _) if aws.skew.is_known() => {
                if let Ok(status) = 500.try_into() {
                    *response.status_mut() = status;
                }
                Ok(())
            }
            (Complaint::Expired | Complaint::Both, Some(session)) if session.refused(signed.unwrap_or_default()) => {
                Err(again("AWS has ended the session before its time"))
            }
            (Complaint::Unknown, Some(session)) if session.is_new(signed.unwrap_or_default()) => {
                Err(again("AWS does not know a session yet that it has just given"))
            }
            // The clocks agree: it was under way for too long.
            (Complaint::Date, _) if !aws.skew.is_known() => Err(again("AWS has refused the date of the signature")),
            _ => Ok(()),
        }
    }
}

/// The key id that a request is signed with.
pub(crate) fn key_id(request: &HttpRequest) -> Option<String> {
    let (_, credential) = request.headers().get("authorization")?.split_once("Credential=")?;
    Some(credential.split('/').next()?.to_owned())
}

fn again(why: &'static str) -> ConnectorError {
    tracing::debug!(why, "trying again");
    ConnectorError::other(why.into(), Some(ErrorKind::ServerError))
}

/// What AWS does not like of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Complaint {
    /// The session has ended.
    Expired,
    /// The date is too far from AWS's own.
    Date,
    /// EC2 says either of them with one word.
    Both,
    /// Nobody has this key. EC2's own word for that, `AuthFailure`, is not among them: it says the same of a region that is not
    /// enabled.
    Unknown,
}

impl Complaint {
    /// By the words of <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html> and
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>. An answer that is longer is no error.
    fn of(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(&body[..body.len().min(4096)]).ok()?;
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["<Code>RequestExpired<"]) {
            Some(Self::Both)
        } else if says(&[
            "<Code>ExpiredToken<",
            "\"ExpiredTokenException\"",
            "#ExpiredTokenException\"",
        ]) {
            Some(Self::Expired)
        } else if says(&[
            "Signature expired",
            "Signature not yet current",
            "<Code>RequestTimeTooSkewed<",
        ]) {
            Some(Self::Date)
        } else if says(&[
            "<Code>InvalidClientTokenId<",
            "<Code>InvalidAccessKeyId<",
            "\"UnrecognizedClientException\"",
            "#UnrecognizedClientException\"",
        ]) {
            Some(Self::Unknown)
        } else {
            None
        }
    }
}

/// Checks that a body may be XML or JSON of AWS, and whole. One of a service may be empty; a web page, or nothing of either,
/// comes from something in between, and the next try may get through.
///
/// # Errors
/// Whether it is XML of AWS that ends too early.
fn is_of_aws(body: &[u8]) -> Result<(), bool> {
    let body = body.trim_ascii();
    match body {
        [] => Ok(()),
        [b'<', .., b'>'] => {
            let start = body[..body.len().min(64)].to_ascii_lowercase();
            let is_page = [&b"<!doctype html"[..], b"<html"]
                .iter()
                .any(|page| start.starts_with(page));
            match is_page {
                true => Err(false),
                false if is_closed(body) => Ok(()),
                false => Err(true),
            }
        }
        [b'{', .., b'}'] => serde_json::from_slice::<serde::de::IgnoredAny>(body)
            .map(|_| ())
            .map_err(|_| false),
        _ => Err(false),
    }
}

/// Whether the last tag of an XML document closes its first one. The SDK takes a document that ends too early for one that
/// has no more to say, and a list in it for a whole one.
fn is_closed(document: &[u8]) -> bool {
    let mut root = document;
    if root.starts_with(b"<?") {
        let end = root.iter().position(|byte| *byte == b'>').unwrap_or_default();
        root = root[end + 1..].trim_ascii_start();
    }
    let Some(end) = root.iter().position(|byte| *byte == b'>') else {
        return false;
    };
    let is_end_of_name = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    let name = root[1..].split(is_end_of_name).next().unwrap_or_default();
    if end + 1 == root.len() {
        return root.ends_with(b"/>");
    }
    let last = root.strip_suffix(b">").and_then(|rest| rest.strip_suffix(name));
    last.is_some_and(|rest| rest.ends_with(b"</"))
}

/// Whether a success is an object of S3, whose content may be anything.
///
/// # Errors
/// One that is not: every object has an entity tag.
pub(crate) fn is_an_object(response: &HttpResponse) -> Result<(), ConnectorError> {
    if response.headers().get("etag").is_some() {
        return Ok(());
    }
    let status = response.status().as_u16();
    Err(ConnectorError::io(NotOfAws { status, cut: false }.into()))
}

/// A success that is none.
#[derive(Debug)]
pub(crate) struct NotOfAws {
    /// The HTTP status.
    pub(crate) status: u16,
    /// It is AWS's own, but ends too early.
    pub(crate) cut: bool,
}

impl fmt::Display for NotOfAws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.cut {
            "ends too early"
        } else {
            "is not one that AWS gives"
        };
        write!(f, "the answer (HTTP {}) {what}", self.status)
    }
}

impl std::error::Error for NotOfAws {}

/// The SDK waits as `x-amz-retry-after` tells, in milliseconds, and knows nothing of HTTP's own header.
/// <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>
fn wait_as_told(response: &mut HttpResponse, now: SystemTime) {
    let headers = response.headers();
    if response.status().is_success() || headers.get(MILLISECONDS).is_some() {
        return;
    }
    let told = headers.get("retry-after").and_then(|told| {
        let seconds = told.trim().parse().ok().map(Duration::from_secs);
        seconds.or_else(|| http_date(told)?.duration_since(now).ok())
    });
    if let Some(wait) = told {
        response
            .headers_mut()
            .insert(MILLISECONDS, wait.as_millis().to_string());
    }
}

/// What [`Reader::head`] leaves.
pub(crate) const MILLISECONDS: &str = "x-amz-retry-after";

fn http_date(text: &str) -> Option<SystemTime> {
    SystemTime::try_from(DateTime::from_str(text, Format::HttpDate).ok()?).ok()
}

fn seconds(at: SystemTime) -> Option<i64> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_smithy_async::time::StaticTimeSource;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    /// Mon, 06 Nov 2023 08:49:37 GMT
    const NOW: u64 = 1_699_260_577;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn reader(skew: &Skew) -> Reader {
        Reader::of_aws(
            SharedTimeSource::new(StaticTimeSource::new(at(NOW))),
            skew.clone(),
            None,
        )
    }

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
    }

    #[test]
    fn the_pause_that_is_told_in_seconds_or_as_a_date_is_told_to_the_sdk() {
        for (status, told, own, milliseconds) in [
            (503, Some("3"), None, Some("3000")),
            (429, Some("Mon, 06 Nov 2023 08:49:47 GMT"), None, Some("10000")),
            (429, Some("Mon, 06 Nov 2023 08:49:07 GMT"), None, None),
            (429, Some("soon"), None, None),
            (503, Some("3"), Some("200"), Some("200")),
            (200, Some("3"), None, None),
            (503, None, None, None),
        ] {
            let mut response = answer(status, "");
            for (name, value) in [("retry-after", told), ("x-amz-retry-after", own)] {
                if let Some(value) = value {
                    response.headers_mut().insert(name, value);
                }
            }
            reader(&Skew::default()).head(&mut response);
            assert_eq!(
                response.headers().get("x-amz-retry-after"),
                milliseconds,
                "{status} {told:?}"
            );
        }
    }

    #[test]
    fn clocks_that_differ_by_minutes_are_seen_and_times_of_aws_put_right() {
        for (date, age, ahead, here) in [
            ("Mon, 06 Nov 2023 08:49:37 GMT", None, None, 0),
            ("Mon, 06 Nov 2023 08:53:37 GMT", None, None, 0),
            ("Mon, 06 Nov 2023 08:59:37 GMT", None, Some(600), -600),
            ("Mon, 06 Nov 2023 08:39:37 GMT", None, Some(-600), 600),
            ("Mon, 06 Nov 2023 08:39:37 GMT", Some("600"), None, 0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", None, None, 0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None, None, 0),
            ("yesterday", None, None, 0),
        ] {
            let skew = Skew::default();
            let mut response = answer(200, "");
            response.headers_mut().insert("date", date);
            if let Some(age) = age {
                response.headers_mut().insert("age", age);
            }
            reader(&skew).head(&mut response);
            assert_eq!(skew.seen(), ahead, "{date}");
            // The SDK gets no date that it should not learn from.
            let kept = age.is_none() && date.contains("2023");
            assert_eq!(response.headers().get("date").is_some(), kept, "{date}");
            let expected = at(NOW.checked_add_signed(here).unwrap());
            assert_eq!(skew.here(at(NOW)), expected, "{date}");
        }
    }

    #[test]
    fn what_does_not_come_from_aws_is_told_apart() {
        for (body, of_aws) in [
            ("", true),
            ("{\"a\":[1,2]}", true),
            ("{\"a\":[1,2}", false),
            ("{\"a\":", false),
            ("<?xml version=\"1.0\"?>\n<A/>\n", true),
            ("<AssumeRoleResponse></AssumeRoleResponse>", true),
            ("<AssumeRole", false),
            ("<A b=\"1\"><B/><C>x</C></A>", true),
            ("<A b=\"1\"/>", true),
            // Cut behind a tag. What is inside is never read.
            ("<?xml version=\"1.0\"?>", false),
            ("<A><B>", false),
            ("<A><B/>", false),
            ("<A><B>x</B>", false),
            ("<A><B>x</B></C>", false),
            ("<A/><B>", false),
            ("<!DOCTYPE html><html></html>", false),
            ("\n<HTML></HTML>", false),
            ("Bad Gateway", false),
        ] {
            let whole = reader(&Skew::default()).whole(&mut answer(200, body), None);
            assert_eq!(whole.is_ok(), of_aws, "{body}");
        }
        let others = Reader::of_others(SharedTimeSource::new(StaticTimeSource::new(at(NOW))));
        assert!(others.whole(&mut answer(200, "<html></html>"), None).is_ok());
    }

    #[test]
    fn an_object_has_an_entity_tag() {
        let mut response = answer(206, "<html></html>");
        assert!(is_an_object(&response).is_err());
        response.headers_mut().insert("etag", "\"1\"");
        assert!(is_an_object(&response).is_ok());
    }

    #[test]
    fn what_aws_does_not_like_of_a_signature() {
        for (body, complaint) in [
            ("<Error><Code>ExpiredToken</Code></Error>", Some(Complaint::Expired)),
            ("{\"__type\":\"ExpiredTokenException\"}", Some(Complaint::Expired)),
            (
                "{\"__type\":\"com.amazon.coral.service#ExpiredTokenException\"}",
                Some(Complaint::Expired),
            ),
            (
                "<Code>SignatureDoesNotMatch</Code><Message>Signature expired: 2",
                Some(Complaint::Date),
            ),
            (
                "<Code>SignatureDoesNotMatch</Code><Message>The request signature we",
                None,
            ),
            ("<Code>RequestTimeTooSkewed</Code>", Some(Complaint::Date)),
            ("<Code>RequestExpired</Code>", Some(Complaint::Both)),
            ("<Code>InvalidClientTokenId</Code>", Some(Complaint::Unknown)),
            ("{\"__type\":\"UnrecognizedClientException\"}", Some(Complaint::Unknown)),
            ("<Code>AuthFailure</Code>", None),
            ("<Code>AccessDenied</Code>", None),
        ] {
            assert_eq!(Complaint::of(body.as_bytes()), complaint, "{body}");
        }
    }

    #[test]
    fn a_date_that_is_refused_is_tried_again_some_times() {
        let reader = reader(&Skew::default());
        let refused = "<Code>RequestTimeTooSkewed</Code>";
        let tries = (0..10).filter(|_| reader.whole(&mut answer(403, refused), None).is_err());
        assert_eq!(tries.count(), 4);
    }

    #[test]
    fn the_key_id_is_that_of_the_signature() {
        let mut request = HttpRequest::empty();
        assert_eq!(key_id(&request), None);
        request.headers_mut().insert(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=5d",
        );
        assert_eq!(key_id(&request).as_deref(), Some("AKIDEXAMPLE"));
    }
}
