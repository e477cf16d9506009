//! An error as AWS words it. The protocol of the service decides how it is written on the wire.

use std::borrow::Cow;

/// An error that a service answers with.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The HTTP status.
    pub(crate) status: u16,
    /// AWS's code, as `AccessDenied`.
    pub(crate) code: Cow<'static, str>,
    /// AWS's message.
    pub(crate) message: String,
    /// Further members of the error, as `Reason` in JSON or `BucketName` in S3's XML.
    pub(crate) details: Vec<(&'static str, String)>,
    /// Further headers of the answer.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Failure {
    pub(crate) fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn with_reason(self, reason: &str) -> Self {
        self.with_detail("Reason", reason)
    }

    pub(crate) fn with_detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
