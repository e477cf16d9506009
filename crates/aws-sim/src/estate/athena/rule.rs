//! How long queries take, how much they read, and how they fail.

use std::time::Duration;

use super::Scope;

/// How a query fails: what stands in `StateChangeReason` and in `AthenaError`.
/// <https://docs.aws.amazon.com/athena/latest/ug/error-reference.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// `StateChangeReason`, and `ErrorMessage` too.
    pub message: String,
    /// 1 system, 2 user, 3 other.
    pub category: u8,
    /// 0–9999, see Athena's error catalog.
    pub kind: u16,
    /// Whether Athena says that another try may succeed.
    pub retryable: bool,
}

impl QueryError {
    /// An error of the user, as `SYNTAX_ERROR: line 1:8: Column 'x' cannot be resolved`.
    #[must_use]
    pub fn user(kind: u16, message: &str) -> Self {
        Self {
            message: message.to_owned(),
            category: 2,
            kind,
            retryable: false,
        }
    }

    /// An error of the system that may pass.
    #[must_use]
    pub fn retryable(kind: u16, message: &str) -> Self {
        Self {
            message: message.to_owned(),
            category: 1,
            kind,
            retryable: true,
        }
    }

    /// Too little capacity in a region: retryable.
    #[must_use]
    pub fn exhausted() -> Self {
        Self::retryable(1, "Query exhausted resources at this scale factor")
    }

    /// A write to an Iceberg table lost against another one. Athena does not call it retryable, but it wrote nothing.
    #[must_use]
    pub fn iceberg_commit() -> Self {
        Self {
            message: "ICEBERG_COMMIT_ERROR: Failed to commit Iceberg update to table: default.t".to_owned(),
            category: 2,
            kind: 233,
            retryable: false,
        }
    }
}

/// What holds for some queries. Later rules win over earlier ones, each for what it says.
///
/// ```
/// use aws_sim::{QueryError, QueryRule};
/// use std::time::Duration;
///
/// let slow = QueryRule::any().queue(Duration::from_secs(1)).run(Duration::from_secs(5));
/// let flaky = QueryRule::any().account("222233334444").containing("orders").fail_first(2, QueryError::exhausted());
/// ```
#[derive(Clone, Debug, Default)]
pub struct QueryRule {
    pub(crate) scope: Scope,
    pub(crate) workgroup: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) queue: Option<Duration>,
    pub(crate) run: Option<Duration>,
    /// How long, and how many starts it holds for.
    pub(crate) run_first: Option<(Duration, u32)>,
    pub(crate) scanned: Option<u64>,
    /// The error, and how many starts it strikes.
    pub(crate) fail: Option<(QueryError, u32)>,
    pub(crate) foreign_manifest: Option<String>,
    pub(crate) unload_parts: Option<usize>,
}

impl QueryRule {
    /// A rule for every query.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Only in this account.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        self.scope.account = Some(account.to_owned());
        self
    }

    /// Only in this region.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.scope.region = Some(region.to_owned());
        self
    }

    /// Only in this workgroup.
    #[must_use]
    pub fn workgroup(mut self, workgroup: &str) -> Self {
        self.workgroup = Some(workgroup.to_owned());
        self
    }

    /// Only statements that contain this text, in whatever case.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.text = Some(text.to_lowercase());
        self
    }

    /// So long is a query QUEUED (by default not at all).
    #[must_use]
    pub fn queue(mut self, duration: Duration) -> Self {
        self.queue = Some(duration);
        self
    }

    /// So long is a query RUNNING (by default not at all: it is finished when it is first asked for).
    #[must_use]
    pub fn run(mut self, duration: Duration) -> Self {
        self.run = Some(duration);
        self
    }

    /// So long are the first `starts` queries RUNNING; those that come later as the other rules say.
    #[must_use]
    pub fn run_first(mut self, starts: u32, duration: Duration) -> Self {
        self.run_first = Some((duration, starts));
        self
    }

    /// So many bytes does a query scan (by default the size of the tables it names).
    #[must_use]
    pub fn scanned(mut self, bytes: u64) -> Self {
        self.scanned = Some(bytes);
        self
    }

    /// Every query fails so.
    #[must_use]
    pub fn fail(self, error: QueryError) -> Self {
        self.fail_first(u32::MAX, error)
    }

    /// The first `starts` queries fail so. Those that are stopped count too.
    #[must_use]
    pub fn fail_first(mut self, starts: u32, error: QueryError) -> Self {
        self.fail = Some((error, starts));
        self
    }

    /// The manifest of an UNLOAD names one more part, in this bucket.
    #[must_use]
    pub fn foreign_bucket_in_manifest(mut self, bucket: &str) -> Self {
        self.foreign_manifest = Some(bucket.to_owned());
        self
    }

    /// An UNLOAD writes so many parts (3), less where there are fewer rows.
    #[must_use]
    pub fn unload_parts(mut self, parts: usize) -> Self {
        self.unload_parts = Some(parts.max(1));
        self
    }

    pub(crate) fn matches(&self, account: &str, region: &str, workgroup: &str, text: &str) -> bool {
        self.scope.covers(account, region)
            && self.workgroup.as_deref().is_none_or(|named| named == workgroup)
            && self
                .text
                .as_deref()
                .is_none_or(|part| text.to_lowercase().contains(part))
    }
}
