//! A query and its states, all by the simulator's clock.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;

use super::result::ResultSet;
use super::statement::{Form, Statement};
use super::workgroups::Placement;
use crate::credentials::Identity;
use crate::estate::{Measured, QueryError};

/// The state of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum QueryState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl QueryState {
    /// As the API writes it: `SUCCEEDED`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// A query as tests see it.
#[derive(Clone, Debug)]
pub struct QueryView {
    /// `QueryExecutionId`.
    pub id: String,
    /// The account it runs in.
    pub account: String,
    /// The region it runs in.
    pub region: String,
    /// The workgroup it runs in.
    pub workgroup: String,
    /// The statement.
    pub text: String,
    /// Its state by the simulator's clock.
    pub state: QueryState,
    /// When it was started.
    pub started: SystemTime,
    /// `ClientRequestToken`.
    pub token: String,
    /// `StateChangeReason`.
    pub reason: Option<String>,
    /// The result object, wherever there is one: `s3://bucket/key`.
    pub output: Option<String>,
}

/// How a query ended.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) at: SystemTime,
    pub(super) state: QueryState,
    pub(super) reason: Option<String>,
    pub(super) error: Option<QueryError>,
    pub(super) result: Option<Arc<ResultSet>>,
    pub(super) manifest: Option<String>,
    /// What the manifest names.
    pub(super) parts: Vec<String>,
    pub(super) scanned: u64,
}

/// A query.
pub(super) struct Query {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) caller: Arc<Identity>,
    pub(super) text: String,
    pub(super) statement: Statement,
    pub(super) workgroup: String,
    pub(super) engine: String,
    pub(super) catalog: Option<String>,
    pub(super) database: Option<String>,
    pub(super) parameters: Vec<String>,
    pub(super) token: String,
    pub(super) placement: Placement,
    pub(super) reuse: Option<Json>,
    /// The result of an earlier query that this one shows.
    pub(super) reused: Option<Arc<ResultSet>>,
    /// What the real service answered, in place of what the simulator would.
    pub(super) measured: Option<Arc<Measured>>,
    pub(super) submitted: SystemTime,
    pub(super) queue: Duration,
    pub(super) run: Duration,
    /// The bytes that it scans when it runs to its end.
    pub(super) scans: u64,
    pub(super) cutoff: Option<u64>,
    /// What the estate has decided about its end.
    pub(super) fails: Option<QueryError>,
    pub(super) end: Option<End>,
}

impl Query {
    /// When it ends, if nobody stops it.
    pub(super) fn due(&self) -> SystemTime {
        let over = self.cutoff.filter(|cutoff| self.scans > *cutoff);
        let run = match over {
            None => self.run,
            Some(cutoff) => self.run.mul_f64(cutoff as f64 / self.scans as f64),
        };
        self.submitted + self.queue + run
    }

    pub(super) fn state(&self, now: SystemTime) -> QueryState {
        match &self.end {
            Some(end) => end.state,
            None if now < self.submitted + self.queue => QueryState::Queued,
            None => QueryState::Running,
        }
    }

    /// The name of its result below the output location.
    pub(super) fn result_name(&self) -> String {
        match &self.measured {
            Some(measured) => measured.name(&self.id),
            None => self.statement.form().name(&self.id),
        }
    }

    /// Whether an object of that name is written.
    pub(super) fn has_object(&self) -> bool {
        match &self.measured {
            Some(measured) => measured.object.is_some(),
            None => matches!(self.statement.form(), Form::Csv | Form::Text),
        }
    }

    /// The full address of its result.
    pub(super) fn output(&self) -> Option<String> {
        let location = self.placement.location.as_deref()?;
        Some(format!("{location}{}", self.result_name()))
    }

    /// The bytes scanned so far.
    pub(super) fn scanned(&self, now: SystemTime) -> u64 {
        if let Some(end) = &self.end {
            return end.scanned;
        }
        let running = now.duration_since(self.submitted + self.queue).unwrap_or_default();
        if self.run.is_zero() {
            return 0;
        }
        let part = running.as_secs_f64() / self.run.as_secs_f64();
        (self.scans as f64 * part.min(1.0)) as u64
    }

    pub(super) fn view(&self, now: SystemTime) -> QueryView {
        QueryView {
            id: self.id.clone(),
            account: self.account.clone(),
            region: self.region.clone(),
            workgroup: self.workgroup.clone(),
            text: self.text.clone(),
            state: self.state(now),
            started: self.submitted,
            token: self.token.clone(),
            reason: self.end.as_ref().and_then(|end| end.reason.clone()),
            output: self.output(),
        }
    }
}
