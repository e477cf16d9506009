//! Ledgers that were written, as merging needs them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use auth_core::error::Report;
use auth_core::{Account, AccountId};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value as Json};

use super::{Identity, SliceEntry, Stale};
use crate::exit::Exit;
use crate::parameters::catalog::OUTPUT;
use crate::slice::Outcome;

/// Names of services and operations that are kept; a program has some dozens.
const MOST_NAMES: usize = 1000;

/// What is read first: whether the rest can be.
#[derive(Debug, Deserialize)]
pub(crate) struct Kind {
    pub(crate) connector: String,
    pub(crate) version: String,
    pub(crate) ledger_version: u32,
    pub(crate) shard: Option<String>,
}

/// A ledger.
#[derive(Debug, Deserialize)]
pub(crate) struct Written {
    pub(crate) outcome: String,
    pub(crate) cause: Option<ReportForm>,
    pub(crate) started: String,
    pub(crate) parameters: Map<String, Json>,
    pub(crate) identity: Option<Identity>,
    pub(crate) warnings: Vec<String>,
    pub(crate) accounts: Vec<AccountForm>,
    pub(crate) slices: Vec<SliceForm>,
    pub(crate) state: Option<String>,
}

/// The ledger of a merge, as far as it says whether that is done.
#[derive(Debug, Deserialize)]
pub(crate) struct Merged {
    outcome: String,
    parameters: Map<String, Json>,
    merged: Vec<String>,
    outputs: Vec<PublishedForm>,
}

/// A [`Published`](crate::rows::Published).
#[derive(Debug, Deserialize)]
struct PublishedForm {
    path: PathBuf,
    bytes: u64,
}

impl Merged {
    /// Whether all of the shards whose ledgers have these digests went into `output`.
    pub(crate) fn is_of(&self, digests: &[String], output: &str) -> bool {
        self.outcome == Exit::Complete.outcome()
            && self.merged == digests
            && self.parameters.get(OUTPUT.name).and_then(Json::as_str) == Some(output)
    }

    /// Whether its files are there, as large as they were.
    pub(crate) fn is_published(&self) -> bool {
        let mut files = self.outputs.iter();
        files.all(|file| std::fs::metadata(&file.path).is_ok_and(|found| found.len() == file.bytes))
    }
}

/// An [`Account`].
#[derive(Debug, Deserialize)]
pub(crate) struct AccountForm {
    id: String,
    name: Option<String>,
    organizational_unit_id: Option<String>,
    organizational_unit_path: Option<String>,
    state: Option<String>,
    master: bool,
}

impl AccountForm {
    /// # Errors
    /// An id that is none.
    pub(crate) fn account(self) -> Result<Account, String> {
        Ok(Account {
            id: AccountId::parse(&self.id)?,
            name: self.name,
            organizational_unit_id: self.organizational_unit_id,
            organizational_unit_path: self.organizational_unit_path,
            state: self.state,
            master: self.master,
        })
    }
}

/// A [`SliceEntry`].
#[derive(Debug, Deserialize)]
pub(crate) struct SliceForm {
    account_id: String,
    region: Option<String>,
    outcome: Outcome,
    reason: Option<String>,
    rows: u64,
    duration_seconds: f64,
    calls: u64,
    retries: u64,
    waiting_seconds: f64,
    #[serde(default)]
    details: Map<String, Json>,
    #[serde(default)]
    warnings: Vec<String>,
    cause: Option<ReportForm>,
    collected: Option<String>,
    stale: Option<Stale>,
    /// All that has no field of its own.
    #[serde(flatten)]
    sums: Map<String, Json>,
}

impl SliceForm {
    pub(crate) fn entry(self) -> SliceEntry {
        SliceEntry {
            account_id: self.account_id,
            region: self.region,
            outcome: self.outcome,
            reason: self.reason,
            rows: self.rows,
            duration_seconds: self.duration_seconds,
            calls: self.calls,
            retries: self.retries,
            waiting_seconds: self.waiting_seconds,
            details: self.details,
            sums: self.sums,
            warnings: self.warnings,
            cause: self.cause.map(|form| form.report().into()),
            collected: self.collected,
            stale: self.stale.map(Into::into),
        }
    }
}

/// A [`Report`].
#[derive(Debug, Deserialize)]
pub(crate) struct ReportForm {
    service: Option<Name>,
    operation: Option<Name>,
    code: Option<String>,
    pub(crate) message: String,
    request_id: Option<String>,
    http_status: Option<u16>,
    hop: Option<String>,
    hint: Option<String>,
}

impl ReportForm {
    pub(crate) fn report(self) -> Report {
        Report {
            service: self.service.map(|name| name.0),
            operation: self.operation.map(|name| name.0),
            code: self.code,
            message: self.message,
            request_id: self.request_id,
            http_status: self.http_status,
            hop: self.hop,
            hint: self.hint,
        }
    }
}

/// The name of a service or an operation: a constant where it was written. Each is kept once, as long as the process lives.
#[derive(Debug)]
struct Name(&'static str);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let name = String::deserialize(from)?;
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name.as_str()) {
            return Ok(Name(known));
        }
        if names.len() == MOST_NAMES {
            return Err(de::Error::custom("there are too many names of services and operations"));
        }
        let kept: &'static str = name.leak();
        names.insert(kept);
        Ok(Name(kept))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    /// What was written is what is read, in every field.
    #[test]
    fn a_slice_is_what_it_was() {
        let account = Account {
            name: Some("shop".to_owned()),
            organizational_unit_id: Some("ou-1".to_owned()),
            state: Some("ACTIVE".to_owned()),
            ..Account::unnamed(AccountId::parse("200000000001").unwrap(), false)
        };
        let written = serde_json::to_value(&account).unwrap();
        let read: AccountForm = serde_json::from_value(written).unwrap();
        assert_eq!(read.account().unwrap(), account);
        let mut entry = SliceEntry::new(&account, Some("eu-west-1"), Outcome::TimedOut);
        entry.rows = 3;
        entry.reason = Some("why".to_owned());
        entry.duration_seconds = 0.25;
        (entry.calls, entry.retries, entry.waiting_seconds) = (7, 2, 1.5);
        entry.details.insert("queries".to_owned(), json!([{"id": "q"}]));
        entry.sums.insert("cost".to_owned(), json!(0.00005));
        entry.sums.insert("scanned_bytes".to_owned(), json!(10));
        entry.warnings.push("careful".to_owned());
        entry.collected = Some("2027-01-15T08:00:00.000Z".to_owned());
        entry.cause = Some(Box::new(Report {
            service: Some("ec2"),
            operation: Some("DescribeInstances"),
            code: Some("Code".to_owned()),
            message: "no".to_owned(),
            request_id: Some("id".to_owned()),
            http_status: Some(403),
            hop: Some("hop".to_owned()),
            hint: Some("hint".to_owned()),
        }));
        entry.stale = Some(Box::new(Stale {
            rows: 9,
            regions: vec!["eu-west-1".to_owned()],
            collected: "2027-01-15T08:00:00.000Z".to_owned(),
            age_seconds: 60.25,
        }));
        let text = serde_json::to_string(&entry).unwrap();
        let read: SliceForm = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read.entry()).unwrap(), text);
        let plain = SliceEntry::new(&account, None, Outcome::Empty);
        let text = serde_json::to_string(&plain).unwrap();
        let read: SliceForm = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read.entry()).unwrap(), text);
    }
}
