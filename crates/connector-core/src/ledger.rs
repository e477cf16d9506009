//! The ledger: what a run was asked, what became of each slice, and what it published.

pub(crate) mod read;

use std::borrow::Cow;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use auth_core::error::Report;
use auth_core::{Account, Mask, Meter};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use crate::connector::About;
use crate::exit::Exit;
use crate::rows::{Published, Whole, digested, whole_file};
use crate::slice::{Outcome, Told, add};

/// The version of the ledger's form. It changes when a field changes its meaning or goes.
pub const LEDGER_VERSION: u32 = 1;

/// One run.
#[derive(Debug, Serialize)]
pub struct Ledger {
    /// The program.
    pub connector: &'static str,
    /// Its version.
    pub version: &'static str,
    /// [`LEDGER_VERSION`]
    pub ledger_version: u32,
    /// `complete`, `partial`, `failed`, `interrupted`.
    pub outcome: &'static str,
    /// The process's exit code.
    pub exit_code: u8,
    /// Why nothing was collected, where signing in or listing failed.
    pub cause: Option<Report>,
    /// RFC 3339, UTC.
    pub started: String,
    /// RFC 3339, UTC.
    pub finished: String,
    /// Seconds.
    pub duration_seconds: f64,
    /// What was given; secrets as `***`.
    pub parameters: Map<String, Json>,
    /// Whose the session was that the run began with.
    pub identity: Option<Identity>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Every known account, by id.
    pub accounts: Vec<Account>,
    /// Every slice, by account and region.
    pub slices: Vec<SliceEntry>,
    /// Sums.
    pub totals: Map<String, Json>,
    /// What was published.
    pub outputs: Vec<Published>,
    /// When the run began that this one went on with, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<String>,
    /// The part of the run that this was, `3/8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Of what has been merged: the SHA-256 of the shards' ledgers, by index, in hex.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
    /// What `--resume` goes on with, where something is missing, and what `merge` takes of a shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl Ledger {
    /// That of a run in which nothing has happened yet.
    pub(crate) fn new(about: &About) -> Self {
        Ledger {
            connector: about.name,
            version: about.version,
            ledger_version: LEDGER_VERSION,
            outcome: "",
            exit_code: 0,
            cause: None,
            started: String::new(),
            finished: String::new(),
            duration_seconds: 0.0,
            parameters: Map::new(),
            identity: None,
            warnings: Vec::new(),
            accounts: Vec::new(),
            slices: Vec::new(),
            totals: Map::new(),
            outputs: Vec::new(),
            resumed: None,
            shard: None,
            merged: Vec::new(),
            state: None,
        }
    }
}

/// Whose session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The account.
    pub account: String,
    /// The ARN.
    pub arn: String,
}

/// One slice. All of them stay in memory until the end of a run, so what few of them have is boxed.
#[derive(Clone, Debug, Serialize)]
pub struct SliceEntry {
    /// The account.
    pub account_id: String,
    /// The region; `null` for what concerns the account as a whole.
    pub region: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was skipped.
    pub reason: Option<String>,
    /// Rows that are in the output.
    pub rows: u64,
    /// Seconds.
    pub duration_seconds: f64,
    /// HTTP requests to the service, retries included.
    pub calls: u64,
    /// Those that were retries.
    pub retries: u64,
    /// Seconds between the tries of calls, and of waiting for AWS to take more.
    pub waiting_seconds: f64,
    /// What the connector tells of the slice.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Json>,
    /// Numbers of the connector that are summed over all slices.
    #[serde(flatten)]
    pub sums: Map<String, Json>,
    /// What the user should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it failed.
    pub cause: Option<Box<Report>>,
    /// When it was collected, RFC 3339 in UTC, where an earlier process of the same run has done it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collected: Option<String>,
    /// Rows of an earlier run that stand in for those that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<Box<Stale>>,
}

/// Rows of an earlier run in the place of a slice that has failed, or of all slices of an account that has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stale {
    /// Rows that are in the output.
    pub rows: u64,
    /// The regions that they are of.
    pub regions: Vec<String>,
    /// When the oldest of them were collected, RFC 3339 in UTC.
    pub collected: String,
    /// Seconds from then to this run's end of collecting.
    pub age_seconds: f64,
}

impl SliceEntry {
    /// With what the connector has told.
    pub fn telling(mut self, told: Told) -> Self {
        self.details = told.details;
        self.sums = told.sums;
        self.warnings = told.warnings;
        self
    }

    /// Without secrets in what others have said.
    pub(crate) fn hide_secrets(&mut self, mask: &Mask) {
        let texts = self.warnings.iter_mut().chain(&mut self.reason);
        texts.for_each(|text| hide(mask, text));
        self.details.values_mut().for_each(|value| hide_in(mask, value));
        if let Some(cause) = &mut self.cause {
            hide_in_report(mask, cause);
        }
    }

    /// With what was counted.
    pub fn metered(&mut self, meter: &Meter) {
        self.calls = meter.requests();
        self.retries = meter.retries();
        self.waiting_seconds = meter.waited().as_secs_f64();
    }

    /// An entry without rows, calls or cause.
    pub fn new(account: &Account, region: Option<&str>, outcome: Outcome) -> Self {
        SliceEntry {
            account_id: account.id.to_string(),
            region: region.map(str::to_owned),
            outcome,
            reason: None,
            rows: 0,
            duration_seconds: 0.0,
            calls: 0,
            retries: 0,
            waiting_seconds: 0.0,
            details: Map::new(),
            sums: Map::new(),
            warnings: Vec::new(),
            cause: None,
            collected: None,
            stale: None,
        }
    }
}

impl Ledger {
    /// Ends the ledger: order, sums and outcome.
    pub fn finish(&mut self, exit: Exit) {
        self.outcome = exit.outcome();
        self.exit_code = exit.code();
        self.accounts.sort_by(|a, b| a.id.cmp(&b.id));
        self.slices
            .sort_by(|a, b| (&a.account_id, &a.region).cmp(&(&b.account_id, &b.region)));
        self.totals.clear();
        let mut sum = |name: &str, count: u64| self.totals.insert(name.to_owned(), count.into());
        sum("accounts", self.accounts.len() as u64);
        sum("slices", self.slices.len() as u64);
        sum("rows", self.slices.iter().map(|slice| slice.rows).sum());
        sum("calls", self.slices.iter().map(|slice| slice.calls).sum());
        sum("retries", self.slices.iter().map(|slice| slice.retries).sum());
        let stale = self.slices.iter().filter_map(|slice| slice.stale.as_ref());
        let stale: u64 = stale.map(|stale| stale.rows).sum();
        if stale > 0 {
            sum("stale_rows", stale);
        }
        for slice in &self.slices {
            for (name, amount) in &slice.sums {
                add(&mut self.totals, name, amount);
            }
        }
        let mut sum = |name: &str, count: u64| self.totals.insert(name.to_owned(), count.into());
        for outcome in Outcome::ALL {
            sum(
                outcome.name(),
                self.slices.iter().filter(|slice| slice.outcome == outcome).count() as u64,
            );
        }
    }

    /// Hides secrets in all that others have said, and in what was given under a wrong name.
    pub(crate) fn hide_secrets(&mut self, mask: &Mask) {
        self.warnings.iter_mut().for_each(|text| hide(mask, text));
        self.parameters.values_mut().for_each(|value| hide_in(mask, value));
        self.slices.iter_mut().for_each(|slice| slice.hide_secrets(mask));
        if let Some(cause) = &mut self.cause {
            hide_in_report(mask, cause);
        }
    }

    /// Writes the ledger beside its place; `workspace` as in [`whole_file`]. With the SHA-256 of its bytes, in hex.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn write_beside(&self, path: &Path, workspace: Option<&Path>) -> std::io::Result<(Whole, String)> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let mut sha256 = String::new();
        let whole = whole_file(path, workspace, |file| {
            (_, sha256) = digested(file, &AtomicBool::new(false), |file| {
                serde_json::to_writer_pretty(&mut *file, self)?;
                file.write_all(b"\n")
            })?;
            Ok(())
        })?;
        Ok((whole, sha256))
    }
}

fn hide(mask: &Mask, text: &mut String) {
    if let Cow::Owned(hidden) = mask.hide(text) {
        *text = hidden;
    }
}

fn hide_in(mask: &Mask, value: &mut Json) {
    match value {
        Json::String(text) => hide(mask, text),
        Json::Array(items) => items.iter_mut().for_each(|item| hide_in(mask, item)),
        Json::Object(fields) => fields.values_mut().for_each(|field| hide_in(mask, field)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn hide_in_report(mask: &Mask, report: &mut Report) {
    let Report {
        service: _,
        operation: _,
        code,
        message,
        request_id,
        http_status: _,
        hop,
        hint,
    } = report;
    let texts = [code, request_id, hop, hint].into_iter().flatten();
    texts.chain([message]).for_each(|text| hide(mask, text));
}

/// RFC 3339 in UTC, always to the millisecond: texts are in the order of their times.
pub fn timestamp(time: SystemTime) -> String {
    const FORM: StaticFormatDescription =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(time).format(FORM).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn texts_are_in_the_order_of_times() {
        let at = |ms| timestamp(SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
        assert_eq!(at(1_800_000_000_230), "2027-01-15T08:00:00.230Z");
        assert!(at(230) < at(231) && at(999) < at(1000));
    }
}
