//! How each service writes errors and answers: four envelopes, and different codes for the same refusal.

use crate::credentials::Refusal;
use crate::failure::Failure;
use crate::http::Answer;
use crate::s3;
use crate::world::World;
use crate::xml::Xml;

/// The services of AWS that are simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Sts,
    Organizations,
    Ec2,
    Athena,
    S3,
}

const XML: &str = "text/xml";
const EC2_XML: &str = "text/xml;charset=UTF-8";
const JSON: &str = "application/x-amz-json-1.1";
const INVALID_TOKEN: &str = "The security token included in the request is invalid.";
const EXPIRED_TOKEN: &str = "The security token included in the request is expired";
const WRONG_SIGNATURE: &str = "The request signature we calculated does not match the signature you provided. Check \
                               your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const EC2_REFUSED: &str = "AWS was not able to validate the provided access credentials";

impl Service {
    /// By the name in the scope of a signature.
    pub(crate) fn from_scope(name: &str) -> Option<Self> {
        match name {
            "sts" => Some(Self::Sts),
            "organizations" => Some(Self::Organizations),
            "ec2" => Some(Self::Ec2),
            "athena" => Some(Self::Athena),
            "s3" => Some(Self::S3),
            _ => None,
        }
    }

    /// The name in policies and in the record.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Organizations => "organizations",
            Self::Ec2 => "ec2",
            Self::Athena => "athena",
            Self::S3 => "s3",
        }
    }

    /// What stands before the operation in `x-amz-target`, in services that speak JSON.
    pub(crate) fn target_prefix(self) -> Option<&'static str> {
        match self {
            Self::Organizations => Some("AWSOrganizationsV20161128."),
            Self::Athena => Some("AmazonAthena."),
            Self::Sts | Self::Ec2 | Self::S3 => None,
        }
    }

    /// A refused signature in the words of this service.
    pub(crate) fn refuse(self, refusal: Refusal) -> Failure {
        match self {
            Self::Sts => match refusal {
                Refusal::NoAuthorization => Failure::new(
                    403,
                    "MissingAuthenticationToken",
                    "Request is missing Authentication Token",
                ),
                Refusal::Malformed(message) => Failure::new(400, "IncompleteSignature", message),
                Refusal::UnknownKey | Refusal::WrongSessionToken => {
                    Failure::new(403, "InvalidClientTokenId", INVALID_TOKEN)
                }
                Refusal::Expired => Failure::new(403, "ExpiredToken", EXPIRED_TOKEN),
                Refusal::WrongSignature | Refusal::WrongDigest(_) => {
                    Failure::new(403, "SignatureDoesNotMatch", WRONG_SIGNATURE)
                }
                Refusal::Skewed(message) => Failure::new(403, "SignatureDoesNotMatch", message),
            },
            Self::Organizations | Self::Athena => match refusal {
                Refusal::NoAuthorization => Failure::new(
                    400,
                    "MissingAuthenticationTokenException",
                    "Missing Authentication Token",
                ),
                Refusal::Malformed(message) => Failure::new(400, "IncompleteSignatureException", message),
                Refusal::UnknownKey | Refusal::WrongSessionToken => {
                    Failure::new(400, "UnrecognizedClientException", INVALID_TOKEN)
                }
                Refusal::Expired => Failure::new(400, "ExpiredTokenException", EXPIRED_TOKEN),
                Refusal::WrongSignature | Refusal::WrongDigest(_) => {
                    Failure::new(400, "InvalidSignatureException", WRONG_SIGNATURE)
                }
                Refusal::Skewed(message) => Failure::new(400, "InvalidSignatureException", message),
            },
            Self::Ec2 => match refusal {
                Refusal::NoAuthorization => Failure::new(
                    400,
                    "MissingAuthenticationToken",
                    "Request is missing Authentication Token",
                ),
                Refusal::Malformed(message) => Failure::new(400, "IncompleteSignature", message),
                Refusal::UnknownKey
                | Refusal::WrongSessionToken
                | Refusal::WrongSignature
                | Refusal::WrongDigest(_) => ec2_auth_failure(),
                Refusal::Expired | Refusal::Skewed(_) => Failure::new(400, "RequestExpired", "Request has expired."),
            },
            Self::S3 => s3::refuse(refusal),
        }
    }

    /// The throttling error of this service.
    pub(crate) fn throttled(self) -> Failure {
        match self {
            Self::Sts => Failure::new(400, "Throttling", "Rate exceeded"),
            Self::Organizations => Failure::new(
                400,
                "TooManyRequestsException",
                "You have sent too many requests in too short a period of time. Try again later.",
            ),
            Self::Ec2 => Failure::new(503, "RequestLimitExceeded", "Request limit exceeded."),
            Self::Athena => Failure::new(400, "ThrottlingException", "Rate exceeded"),
            Self::S3 => Failure::new(503, "SlowDown", "Please reduce your request rate."),
        }
    }

    /// An operation that the service does not have, or the simulator not.
    pub(crate) fn no_such_operation(self, operation: &str) -> Failure {
        match self {
            Self::S3 => s3::not_implemented(operation),
            Self::Sts => Failure::new(
                400,
                "InvalidAction",
                format!("Could not find operation {operation} for version 2011-06-15"),
            ),
            Self::Organizations | Self::Athena => Failure::new(400, "UnknownOperationException", ""),
            Self::Ec2 => Failure::new(
                400,
                "InvalidAction",
                format!("The action {operation} is not valid for this web service."),
            ),
        }
    }

    /// An identifier of a request in the form of this service.
    pub(crate) fn request_id(self, world: &World) -> String {
        let id = world.request_id();
        if self != Self::S3 {
            return id;
        }
        let digits = id.chars().rev().filter(char::is_ascii_hexdigit);
        digits.take(16).map(|digit| digit.to_ascii_uppercase()).collect()
    }

    /// An error on the wire.
    pub(crate) fn error(self, failure: &Failure, request_id: &str) -> Answer {
        let answer = match self {
            Self::Sts => Answer::new(failure.status, XML, sts_error(failure, request_id)),
            Self::Ec2 => Answer::new(failure.status, EC2_XML, ec2_error(failure, request_id)),
            Self::Organizations | Self::Athena => Answer::new(failure.status, JSON, json_error(failure)),
            Self::S3 => s3::error(failure, request_id),
        };
        self.identified(answer, request_id)
    }

    /// A result on the wire, of services that answer with a document.
    pub(crate) fn success(self, body: String, request_id: &str) -> Answer {
        let content_type = match self {
            Self::Sts | Self::S3 => XML,
            Self::Ec2 => EC2_XML,
            Self::Organizations | Self::Athena => JSON,
        };
        self.identified(Answer::new(200, content_type, body), request_id)
    }

    /// An answer with the headers that name the request.
    pub(crate) fn identified(self, answer: Answer, request_id: &str) -> Answer {
        match self {
            Self::S3 => s3::identified(answer, request_id),
            _ => answer.with_header("x-amzn-requestid", request_id),
        }
    }
}

/// EC2's answer to credentials that it does not take, in regions that are not enabled too.
pub(crate) fn ec2_auth_failure() -> Failure {
    Failure::new(401, "AuthFailure", EC2_REFUSED)
}

fn sts_error(failure: &Failure, request_id: &str) -> String {
    let mut xml = Xml::with_capacity(512);
    xml.markup("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n");
    xml.element("Error", |xml| {
        xml.plain("Type", if failure.status >= 500 { "Receiver" } else { "Sender" });
        xml.text("Code", &failure.code);
        xml.text("Message", &failure.message);
    });
    xml.text("RequestId", request_id);
    xml.markup("</ErrorResponse>\n");
    xml.finish()
}

fn ec2_error(failure: &Failure, request_id: &str) -> String {
    let mut xml = Xml::with_capacity(512);
    xml.markup("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>");
    xml.text("Code", &failure.code);
    xml.text("Message", &failure.message);
    xml.markup("</Error></Errors>");
    xml.text("RequestID", request_id);
    xml.close("Response");
    xml.finish()
}

/// Errors that a service models call their text `Message`, those of the protocol `message`.
fn json_error(failure: &Failure) -> String {
    const OF_THE_PROTOCOL: [&str; 8] = [
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "ExpiredTokenException",
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
        "SerializationException",
        "ThrottlingException",
        "UnknownOperationException",
    ];
    let member = if OF_THE_PROTOCOL.contains(&failure.code.as_ref()) {
        "message"
    } else {
        "Message"
    };
    let mut error = serde_json::Map::new();
    error.insert("__type".to_owned(), failure.code.as_ref().into());
    error.insert(member.to_owned(), failure.message.as_str().into());
    for (name, value) in &failure.details {
        error.insert((*name).to_owned(), value.as_str().into());
    }
    serde_json::Value::Object(error).to_string()
}
