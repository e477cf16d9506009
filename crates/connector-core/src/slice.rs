//! The unit of work: one account in one region; and what became of it.

use std::sync::Arc;

use auth_core::error::Report;
use auth_core::{Account, AuthError, AwsError, ErrorKind, RegionalAccess};
use serde::Serialize;

/// One account in one region, reached and ready.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The account.
    pub account: Arc<Account>,
    /// Client configuration for the account in this region.
    pub access: RegionalAccess,
}

impl Slice {
    /// The region's name.
    pub fn region(&self) -> &str {
        self.access.region()
    }
}

/// How a slice ended. Every slice of the plan has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All its rows are there.
    Complete,
    /// Complete, and there are no rows.
    Empty,
    /// Not meant to be collected: a suspended account, a region that is not enabled, an exclusion.
    Skipped,
    /// A policy says no.
    Denied,
    /// AWS asked to slow down until all retries were used up.
    Throttled,
    /// No answer in time.
    TimedOut,
    /// No connection.
    Unreachable,
    /// The account could not be signed in to.
    Credentials,
    /// Anything else.
    Failed,
}

impl Outcome {
    /// All of them, in the order of the summary.
    pub const ALL: [Outcome; 9] = [
        Outcome::Complete,
        Outcome::Empty,
        Outcome::Skipped,
        Outcome::Denied,
        Outcome::Throttled,
        Outcome::TimedOut,
        Outcome::Unreachable,
        Outcome::Credentials,
        Outcome::Failed,
    ];

    /// The name in the ledger and the summary.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Empty => "empty",
            Outcome::Skipped => "skipped",
            Outcome::Denied => "denied",
            Outcome::Throttled => "throttled",
            Outcome::TimedOut => "timed-out",
            Outcome::Unreachable => "unreachable",
            Outcome::Credentials => "credentials",
            Outcome::Failed => "failed",
        }
    }

    /// Whether something is missing from the rows.
    pub fn is_failure(self) -> bool {
        !matches!(self, Outcome::Complete | Outcome::Empty | Outcome::Skipped)
    }

    /// Whether the slice was collected.
    pub fn is_collected(self) -> bool {
        matches!(self, Outcome::Complete | Outcome::Empty)
    }
}

/// Why a slice could not be collected.
#[derive(Clone, Debug)]
pub enum SliceError {
    /// A call failed.
    Aws(AwsError),
    /// The account could not be reached.
    Auth(AuthError),
    /// The machine: a full disk, say.
    Local(String),
}

impl SliceError {
    /// The outcome that the slice ends with.
    pub fn outcome(&self) -> Outcome {
        match self {
            SliceError::Aws(error) => match error.kind {
                ErrorKind::Denied => Outcome::Denied,
                ErrorKind::Throttled => Outcome::Throttled,
                ErrorKind::TimedOut => Outcome::TimedOut,
                ErrorKind::Unreachable => Outcome::Unreachable,
                ErrorKind::Credentials => Outcome::Credentials,
                ErrorKind::Other => Outcome::Failed,
            },
            SliceError::Auth(_) => Outcome::Credentials,
            SliceError::Local(_) => Outcome::Failed,
        }
    }

    /// The cause as the ledger keeps it.
    pub fn report(&self) -> Report {
        match self {
            SliceError::Aws(error) => error.report(),
            SliceError::Auth(error) => error.report(),
            SliceError::Local(message) => Report {
                message: message.clone(),
                ..Report::default()
            },
        }
    }
}

impl std::fmt::Display for SliceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SliceError::Aws(error) => error.fmt(f),
            SliceError::Auth(error) => error.fmt(f),
            SliceError::Local(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for SliceError {}

impl From<AwsError> for SliceError {
    fn from(error: AwsError) -> Self {
        SliceError::Aws(error)
    }
}

impl From<std::io::Error> for SliceError {
    fn from(error: std::io::Error) -> Self {
        SliceError::Local(format!("rows cannot be kept on disk: {error}"))
    }
}
