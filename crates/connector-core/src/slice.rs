//! The unit of work: one account in one region; and what became of it.

mod outcome;
mod steps;

use std::sync::{Arc, Mutex, PoisonError};

use auth_core::error::Report;
use auth_core::{Account, AuthError, AwsError, ErrorKind, RegionalAccess};
use serde_json::{Map, Value as Json};

pub use self::outcome::Outcome;
pub use self::steps::{CHANGES, Step, Steps};

/// One account in one region, reached and ready.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The account.
    pub account: Arc<Account>,
    /// Client configuration for the account in this region.
    pub access: RegionalAccess,
    /// What the ledger is to say of the slice.
    pub facts: Facts,
    /// Tells this try at the slice from all others, of other runs too: for tokens that make a call do its work once. A run
    /// that goes on with one that was killed has the same for what had neither succeeded nor failed. Letters, digits and -.
    pub attempt: Arc<str>,
    /// What the slice does once, whatever fails after it and however often it is tried.
    pub steps: Steps,
}

/// What a connector tells the ledger of a slice, also of one that fails or is interrupted.
#[derive(Clone, Debug, Default)]
pub struct Facts(Arc<Mutex<Told>>);

/// All that was told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// By name.
    pub details: Map<String, Json>,
    /// Numbers that are summed over all slices.
    pub sums: Map<String, Json>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl Facts {
    fn with<T>(&self, change: impl FnOnce(&mut Told) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says something, in place of what was said under that name before.
    pub fn set(&self, name: &str, value: impl Into<Json>) {
        let value = value.into();
        self.with(|told| told.details.insert(name.to_owned(), value));
    }

    /// Adds to a number that is summed over all slices.
    pub fn add(&self, name: &str, amount: impl Into<Json>) {
        let amount = amount.into();
        self.with(|told| add(&mut told.sums, name, &amount));
    }

    /// Something the user should know.
    pub fn warn(&self, warning: impl Into<String>) {
        let warning = warning.into();
        self.with(|told| {
            if !told.warnings.contains(&warning) {
                told.warnings.push(warning);
            }
        });
    }

    /// All that was told so far.
    pub fn told(&self) -> Told {
        self.with(|told| told.clone())
    }
}

/// Whole numbers stay whole.
pub(crate) fn add(sums: &mut Map<String, Json>, name: &str, amount: &Json) {
    let sum = sums.entry(name).or_insert(Json::from(0));
    *sum = match (sum.as_u64(), amount.as_u64()) {
        (Some(a), Some(b)) => Json::from(a.saturating_add(b)),
        _ => Json::from(sum.as_f64().unwrap_or_default() + amount.as_f64().unwrap_or_default()),
    };
}

impl Slice {
    /// The region's name.
    pub fn region(&self) -> &str {
        self.access.region()
    }
}

/// Why a slice could not be collected.
#[derive(Clone, Debug)]
pub enum SliceError {
    /// A call failed.
    Aws(AwsError),
    /// The account could not be reached.
    Auth(AuthError),
    /// What AWS reports of the work itself, such as a query that failed.
    Work(Outcome, Box<Report>),
    /// What came cannot be made into rows.
    Local(String),
    /// Rows cannot be kept on the disk: it is full, say. That ends the run, which could keep nothing else either.
    Disk(String),
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
            SliceError::Work(outcome, _) => *outcome,
            SliceError::Local(_) | SliceError::Disk(_) => Outcome::Failed,
        }
    }

    /// The cause as the ledger keeps it.
    pub fn report(&self) -> Report {
        match self {
            SliceError::Aws(error) => error.report(),
            SliceError::Auth(error) => error.report(),
            SliceError::Work(_, report) => (**report).clone(),
            SliceError::Local(message) | SliceError::Disk(message) => Report {
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
            SliceError::Work(_, report) => f.write_str(&report.message),
            SliceError::Local(message) | SliceError::Disk(message) => f.write_str(message),
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
        SliceError::Disk(error.to_string())
    }
}
