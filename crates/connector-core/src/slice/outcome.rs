//! How a slice ended.

use serde::{Deserialize, Serialize};

/// How a slice ended. Every slice of the plan has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
