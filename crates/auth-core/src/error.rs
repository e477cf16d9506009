//! Errors that a person can act on: what failed, for which account, at which hop, in AWS's own words.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use serde::Serialize;

use crate::answer::NotOfAws;
use crate::arn::AccountId;
use crate::hint;
use crate::last::{Said, element};
use crate::oidc::TokenError;
use crate::session::Signer;

/// What the caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A policy says no; trying again changes nothing.
    Denied,
    /// AWS asked to slow down, and went on asking after all retries.
    Throttled,
    /// No answer in time, retries included.
    TimedOut,
    /// No connection: name, route, proxy, TLS.
    Unreachable,
    /// The credentials are refused, or could not be had.
    Credentials,
    /// Anything else.
    Other,
}

/// A failed call to AWS, after the retries.
#[derive(Clone, Debug)]
pub struct AwsError {
    /// The service's name as in IAM actions: `sts`, `organizations`, `ec2`.
    pub service: &'static str,
    /// The operation: `AssumeRole`.
    pub operation: &'static str,
    /// What can be done about it.
    pub kind: ErrorKind,
    /// AWS's error code, where AWS answered.
    pub code: Option<String>,
    /// AWS's message, or why there was no answer.
    pub message: String,
    /// What AWS support asks for.
    pub request_id: Option<String>,
    /// The HTTP status of the last answer.
    pub http_status: Option<u16>,
    /// Why there were no credentials for the call, where that is the reason.
    pub credentials: Option<AuthError>,
    /// Whose credentials have signed the call, where AWS has refused it.
    pub signer: Option<Signer>,
}

impl AwsError {
    /// For `map_err`: turns the SDK's error of `operation` into ours.
    pub fn of<E>(service: &'static str, operation: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> AwsError
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    {
        move |error| Self::from_sdk(service, operation, &error)
    }

    fn from_sdk<E>(service: &'static str, operation: &'static str, error: &SdkError<E, HttpResponse>) -> AwsError
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    {
        if let Some(said) = find_in_chain::<Said>(error) {
            return Self::unfinished(service, operation, said.clone());
        }
        let not_of_aws = find_in_chain::<NotOfAws>(error).map(|found| found.status);
        let http_status = error.raw_response().map(|response| response.status().as_u16());
        let http_status = http_status.or(not_of_aws);
        let credentials = find_in_chain::<AuthError>(error).cloned();
        let code = error.code().map(str::to_owned);
        let message = match (error.message(), error) {
            (Some(message), _) => message.to_owned(),
            (None, SdkError::TimeoutError(_)) => "no answer within the time limit".to_owned(),
            (None, SdkError::ResponseError(_)) => {
                format!("the answer could not be read: {}", innermost(error))
            }
            (None, SdkError::ServiceError(_)) if code.is_none() => no_answer_of_aws(http_status.unwrap_or_default()),
            _ => innermost(error),
        };
        let kind = match error {
            _ if credentials.is_some() => ErrorKind::Credentials,
            SdkError::TimeoutError(_) => ErrorKind::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => ErrorKind::TimedOut,
            _ if not_of_aws.is_some() => ErrorKind::Other,
            SdkError::DispatchFailure(_) => ErrorKind::Unreachable,
            _ => kind_of(code.as_deref(), http_status),
        };
        AwsError {
            service,
            operation,
            kind,
            code,
            message,
            request_id: error
                .request_id()
                .map(str::to_owned)
                .or_else(|| request_id_in_body(error)),
            http_status,
            credentials,
            signer: error.raw_response().and_then(|response| response.extension().copied()),
        }
    }

    /// A call whose time was over while AWS asked to come back later: its last answer is the cause.
    fn unfinished(service: &'static str, operation: &'static str, said: Said) -> Self {
        let strange = || no_answer_of_aws(said.status);
        AwsError {
            service,
            operation,
            kind: kind_of(said.code.as_deref(), Some(said.status)),
            message: said
                .message
                .unwrap_or_else(|| said.code.clone().unwrap_or_else(strange)),
            code: said.code,
            request_id: said.request_id,
            http_status: Some(said.status),
            credentials: None,
            signer: None,
        }
    }

    /// A failure that AWS did not report as an error, such as an answer that lacks what it must have.
    pub fn answer(service: &'static str, operation: &'static str, message: impl Into<String>) -> Self {
        AwsError {
            service,
            operation,
            kind: ErrorKind::Other,
            code: None,
            message: message.into(),
            request_id: None,
            http_status: None,
            credentials: None,
            signer: None,
        }
    }

    /// An answer without a member that the service always gives. In AWS's models most members are optional, so the SDK has
    /// nothing against it; but a list that is not there is not an empty one.
    pub fn missing(service: &'static str, operation: &'static str, member: &str) -> Self {
        Self::answer(service, operation, format!("the answer has no {member}"))
    }

    /// Whether the denial comes from a service control policy rather than from the identity's own.
    pub fn is_scp_denial(&self) -> bool {
        self.kind == ErrorKind::Denied && self.message.contains("service control policy")
    }

    /// Whether another try may go better, some time later.
    fn may_pass(&self) -> bool {
        match &self.credentials {
            Some(deeper) => deeper.may_pass(),
            None => {
                matches!(
                    self.kind,
                    ErrorKind::Throttled | ErrorKind::TimedOut | ErrorKind::Unreachable
                ) || self.http_status.is_some_and(|status| status >= 500)
            }
        }
    }

    /// `ec2:DescribeInstances`
    pub fn action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    /// The error as the ledger keeps it.
    pub fn report(&self) -> Report {
        if let Some(auth) = &self.credentials {
            return auth.report();
        }
        Report {
            service: Some(self.service),
            operation: Some(self.operation),
            code: self.code.clone(),
            message: self.message.clone(),
            request_id: self.request_id.clone(),
            http_status: self.http_status,
            hop: None,
            hint: hint::for_call(self),
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(auth) = &self.credentials {
            return auth.fmt(f);
        }
        write!(f, "{}: ", self.action())?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl StdError for AwsError {}

/// A step of signing in or reaching an account that failed.
///
/// Cheap to clone: all who wait for one session share its error.
#[derive(Clone, Debug)]
pub struct AuthError(Arc<Failure>);

#[derive(Debug)]
struct Failure {
    step: Step,
    cause: Cause,
}

/// The step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Loading the credentials of the default chain.
    DefaultChain,
    /// The request to the identity provider.
    Token {
        /// The token endpoint.
        url: String,
    },
    /// Trading the token for a role's session.
    WebIdentity {
        /// The role.
        role_arn: String,
    },
    /// A hop of a role chain.
    Role {
        /// Whose turn it was, from 1.
        number: usize,
        /// The chain's length.
        of: usize,
        /// The role.
        role_arn: String,
        /// Whether an external ID was sent.
        external_id: bool,
    },
    /// Asking which account the session is of.
    Identity,
    /// Listing the accounts.
    Listing,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::DefaultChain => f.write_str("the AWS default credential chain"),
            Step::Token { url } => write!(f, "the identity provider at {url}"),
            Step::WebIdentity { role_arn } => write!(f, "AssumeRoleWithWebIdentity of {role_arn}"),
            Step::Role {
                number, of, role_arn, ..
            } => write!(f, "hop {number} of {of}, AssumeRole of {role_arn}"),
            Step::Identity => f.write_str("the identity check"),
            Step::Listing => f.write_str("the account listing"),
        }
    }
}

/// Why the step failed.
#[derive(Clone, Debug)]
pub enum Cause {
    /// AWS said so, or did not answer.
    Aws(AwsError),
    /// The identity provider said so, or did not answer.
    Token(TokenError),
    /// AWS refused the token; what can be read in it.
    RefusedToken(AwsError, String),
    /// The session is of another account than the one that was meant.
    WrongAccount {
        /// The one that was meant.
        expected: AccountId,
        /// What GetCallerIdentity says.
        found: String,
    },
    /// Nothing was asked: what is there cannot work.
    Invalid(String),
}

impl AuthError {
    /// A failure of `step`.
    pub fn new(step: Step, cause: Cause) -> Self {
        AuthError(Arc::new(Failure { step, cause }))
    }

    /// The step that failed.
    pub fn step(&self) -> &Step {
        &self.0.step
    }

    /// Why.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// The failed call, where it was one.
    pub fn aws(&self) -> Option<&AwsError> {
        match self.cause() {
            Cause::Aws(error) | Cause::RefusedToken(error, _) => Some(error),
            _ => None,
        }
    }

    /// Whether another try may go better, some time later: nobody has refused anything.
    pub(crate) fn may_pass(&self) -> bool {
        match (self.step(), self.cause()) {
            (_, Cause::Aws(error) | Cause::RefusedToken(error, _)) => error.may_pass(),
            (_, Cause::Token(error)) => error.may_pass(),
            // Its links do not tell a failure from a refusal.
            (Step::DefaultChain, Cause::Invalid(_)) => true,
            (_, Cause::Invalid(_) | Cause::WrongAccount { .. }) => false,
        }
    }

    /// What to change, where the cause is a known one.
    pub fn hint(&self) -> Option<String> {
        hint::for_step(self)
    }

    /// The error as the ledger keeps it.
    pub fn report(&self) -> Report {
        // The step whose own credentials were missing is not the one to mend.
        if let Some(deeper) = self.aws().and_then(|error| error.credentials.as_ref()) {
            return deeper.report();
        }
        let aws = self.aws();
        Report {
            service: aws.map(|error| error.service),
            operation: aws.map(|error| error.operation),
            code: aws.and_then(|error| error.code.clone()),
            message: self.cause().to_string(),
            request_id: aws.and_then(|error| error.request_id.clone()),
            http_status: aws.and_then(|error| error.http_status),
            hop: Some(self.step().to_string()),
            hint: self.hint(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Where AWS has not answered, the message says nothing of the call.
            Cause::Aws(error) if error.code.is_none() => write!(f, "{}: {}", error.action(), error.message),
            Cause::Aws(error) => f.write_str(&error.message),
            Cause::Token(error) => error.fmt(f),
            Cause::RefusedToken(error, token) => write!(f, "{} ({token})", error.message),
            Cause::WrongAccount { expected, found } => {
                write!(f, "the session is of account {found}, but {expected} was meant")
            }
            Cause::Invalid(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(deeper) = self.aws().and_then(|error| error.credentials.as_ref()) {
            return deeper.fmt(f);
        }
        write!(f, "{}: ", self.step())?;
        if let Some(code) = self.aws().and_then(|error| error.code.as_ref()) {
            write!(f, "{code}: ")?;
        }
        write!(f, "{}", self.cause())?;
        if let Some(id) = self.aws().and_then(|error| error.request_id.as_ref()) {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl StdError for AuthError {}

/// An error as the ledger and the `check` verb show it. Nothing in it is secret.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `sts`, `ec2` …
    pub service: Option<&'static str>,
    /// `AssumeRole` …
    pub operation: Option<&'static str>,
    /// AWS's error code.
    pub code: Option<String>,
    /// AWS's message, or why there was no answer.
    pub message: String,
    /// AWS's request id.
    pub request_id: Option<String>,
    /// The HTTP status of the last answer.
    pub http_status: Option<u16>,
    /// The step of signing in that failed.
    pub hop: Option<String>,
    /// What to change.
    pub hint: Option<String>,
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>, and EC2's own.
const THROTTLING: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
    "UnauthorizedAccess",
];

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>,
/// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
const CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

fn kind_of(code: Option<&str>, http_status: Option<u16>) -> ErrorKind {
    match (code, http_status) {
        (Some(code), _) if THROTTLING.contains(&code) => ErrorKind::Throttled,
        (Some(code), _) if DENIED.contains(&code) => ErrorKind::Denied,
        (Some(code), _) if CREDENTIALS.contains(&code) => ErrorKind::Credentials,
        (None, Some(429)) => ErrorKind::Throttled,
        (None, Some(403)) => ErrorKind::Denied,
        (None, Some(502..=504)) => ErrorKind::Unreachable,
        _ => ErrorKind::Other,
    }
}

fn no_answer_of_aws(status: u16) -> String {
    format!("the answer (HTTP {status}) is not one that AWS gives")
}

/// EC2 and STS repeat the request id in the body, and some who imitate them give it nowhere else.
fn request_id_in_body<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    let body = std::str::from_utf8(error.raw_response()?.body().bytes()?).ok()?;
    ["RequestID", "RequestId"]
        .into_iter()
        .find_map(|name| element(body, name))
}

pub(crate) fn chain_of<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn StdError + 'static)| error.source())
}

fn find_in_chain<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain_of(error).find_map(|error| error.downcast_ref())
}

/// The last error of the chain says it best: the ones around it say "dispatch failure" and "other".
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let texts = chain_of(error).map(ToString::to_string);
    let texts: Vec<String> = texts.filter(|text| text != "other").collect();
    let tail = &texts[texts.len().saturating_sub(2)..];
    match tail {
        [before, last] if before != last && !before.contains(last.as_str()) => format!("{before}: {last}"),
        [before, _] => before.clone(),
        _ => tail.concat(),
    }
}

/// All errors of the chain, but those that repeat what is below them.
pub(crate) fn whole(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in chain_of(error).map(ToString::to_string) {
        match texts.last_mut() {
            Some(last) if last.contains(&text) => {}
            Some(last) if text.contains(last.as_str()) => *last = text,
            _ => texts.push(text),
        }
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_before_the_status_does() {
        for (code, status, kind) in [
            (Some("RequestLimitExceeded"), Some(503), ErrorKind::Throttled),
            (Some("TooManyRequestsException"), Some(400), ErrorKind::Throttled),
            (Some("UnauthorizedOperation"), Some(403), ErrorKind::Denied),
            (Some("AuthFailure"), Some(401), ErrorKind::Credentials),
            (Some("ExpiredToken"), Some(403), ErrorKind::Credentials),
            (Some("InternalError"), Some(500), ErrorKind::Other),
            (None, Some(429), ErrorKind::Throttled),
            (None, Some(403), ErrorKind::Denied),
            (None, Some(502), ErrorKind::Unreachable),
            (None, None, ErrorKind::Other),
        ] {
            assert_eq!(kind_of(code, status), kind, "{code:?} {status:?}");
        }
    }
}
