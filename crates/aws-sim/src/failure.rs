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
    /// Further members of a JSON error, as `Reason`.
    pub(crate) reason: Option<&'static str>,
}

impl Failure {
    pub(crate) fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            reason: None,
        }
    }

    pub(crate) fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }
}
