//! S3's way to refuse a signature, and its errors on the wire.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

use super::access::denied;
use crate::chance;
use crate::credentials::{Refusal, S3_SKEW, UNSIGNED_PAYLOAD};
use crate::failure::Failure;
use crate::http::{Answer, Request};
use crate::sigv4::Authorization;
use crate::stamp;
use crate::xml::Xml;

pub(super) const XML: &str = "application/xml";

const WRONG_SIGNATURE: &str = "The request signature we calculated does not match the signature you provided. Check \
                               your key and signing method.";

/// A refused signature in the words of S3.
pub(crate) fn refuse(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::NoAuthorization => denied(),
        Refusal::Malformed(message) => {
            let message = format!("The authorization header is malformed; {message}");
            Failure::new(400, "AuthorizationHeaderMalformed", message)
        }
        Refusal::UnknownKey => Failure::new(
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        Refusal::WrongSessionToken => Failure::new(
            400,
            "InvalidToken",
            "The provided token is malformed or otherwise invalid.",
        ),
        Refusal::Expired => Failure::new(400, "ExpiredToken", "The provided token has expired."),
        Refusal::WrongSignature => Failure::new(403, "SignatureDoesNotMatch", WRONG_SIGNATURE),
        Refusal::WrongDigest(computed) => {
            let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
            Failure::new(400, "XAmzContentSHA256Mismatch", message).with_detail("S3ComputedContentSHA256", computed)
        }
        Refusal::Skewed(_) => {
            let message = "The difference between the request time and the current time is too large.";
            Failure::new(403, "RequestTimeTooSkewed", message)
        }
    }
}

/// The same with what S3 says of the request. A session's key without its token is a key that S3 does not know.
pub(crate) fn refuse_request(refusal: Refusal, request: &Request, authorization: &Authorization, now: i64) -> Failure {
    let token = request.header("x-amz-security-token");
    let refusal = match refusal {
        Refusal::WrongSessionToken if token.is_none() => Refusal::UnknownKey,
        other => other,
    };
    let failure = refuse(refusal);
    match failure.code.as_ref() {
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" => {
            failure.with_detail("AWSAccessKeyId", &authorization.access_key_id)
        }
        "RequestTimeTooSkewed" => failure
            .with_detail("RequestTime", request.header("x-amz-date").unwrap_or_default())
            .with_detail("ServerTime", stamp::iso(now))
            .with_detail("MaxAllowedSkewMilliseconds", S3_SKEW.as_millis().to_string()),
        _ => failure,
    }
}

/// S3 wants to know what the body is before it looks at the signature.
pub(crate) fn check_payload(request: &Request) -> Result<(), Failure> {
    match request.header("x-amz-content-sha256") {
        None => {
            let message = "Missing required header for this request: x-amz-content-sha256";
            Err(Failure::new(400, "InvalidRequest", message))
        }
        Some(UNSIGNED_PAYLOAD) => Ok(()),
        Some(hash) if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(()),
        Some(form) if form.starts_with("STREAMING-") => Err(not_implemented("x-amz-content-sha256")),
        Some(other) => {
            let message = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value.";
            let failure = Failure::new(400, "InvalidArgument", message);
            Err(failure
                .with_detail("ArgumentName", "x-amz-content-sha256")
                .with_detail("ArgumentValue", other))
        }
    }
}

/// What S3 has and the simulator has not is refused, never ignored.
pub(crate) fn not_implemented(what: &str) -> Failure {
    let message = "A header or query you provided implies functionality that is not implemented";
    Failure::new(501, "NotImplemented", message).with_detail("Header", what)
}

/// An error on the wire.
pub(crate) fn error(failure: &Failure, request_id: &str) -> Answer {
    let mut xml = Xml::with_capacity(512);
    xml.markup("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.element("Error", |xml| {
        xml.text("Code", &failure.code);
        xml.text("Message", &failure.message);
        for (name, value) in &failure.details {
            xml.text(name, value);
        }
        xml.text("RequestId", request_id);
        xml.text("HostId", &host_id(request_id));
    });
    let mut answer = Answer::new(failure.status, XML, xml.finish());
    answer.headers.clone_from(&failure.headers);
    answer
}

/// The headers that every answer of S3 has.
pub(crate) fn identified(answer: Answer, request_id: &str) -> Answer {
    answer
        .with_header("x-amz-request-id", request_id)
        .with_header("x-amz-id-2", host_id(request_id))
        .with_header("server", "AmazonS3")
}

fn host_id(request_id: &str) -> String {
    let letters = chance::letters(chance::of_text(0, request_id), 75, chance::BASE64);
    format!("{letters}=")
}
