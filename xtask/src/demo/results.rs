//! What a run has left, read back: the rows, and the ledger that explains what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value as Json;

use super::{show, simulator};
use crate::words::count;

/// Account, region, instance.
pub(super) type Key = (String, String, String);

/// Account and region; the region is empty for an account as a whole.
type Place<'a> = (&'a str, &'a str);

/// The columns that are shown.
const SHOWN: [&str; 7] = [
    "account_id",
    "account_name",
    "region",
    "instance_id",
    "name",
    "state",
    "instance_type",
];
/// The fields that are shown of a row in JSON.
const SHOWN_FIELDS: [&str; 9] = [
    "account_id",
    "organizational_unit_path",
    "region",
    "instance_id",
    "launch_time",
    "cpu_core_count",
    "ebs_optimized",
    "security_groups",
    "tags",
];

/// The rows of a file.
pub(super) struct Rows {
    pub(super) count: u64,
    pub(super) keys: BTreeSet<Key>,
    columns: usize,
    /// The first rows, as objects.
    first: Vec<Json>,
}

impl Rows {
    /// Reads CSV or JSON, whichever the file's ending says.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let context = || format!("cannot read {}", path.display());
        let rows: Vec<Json> = if path.extension().is_some_and(|ending| ending == "json") {
            serde_json::from_str(&fs::read_to_string(path).with_context(context)?).with_context(context)?
        } else {
            let mut reader = csv::Reader::from_path(path).with_context(context)?;
            let names = reader.headers().with_context(context)?.clone();
            let row = |record: csv::StringRecord| {
                names
                    .iter()
                    .zip(&record)
                    .map(|(name, cell)| (name.to_owned(), Json::from(cell)))
                    .collect()
            };
            reader
                .records()
                .map(|record| record.map(row))
                .collect::<Result<_, _>>()
                .with_context(context)?
        };
        let keys = rows.iter().map(|row| {
            let [account, region, instance] =
                ["account_id", "region", "instance_id"].map(|name| row[name].as_str().unwrap_or_default().to_owned());
            (account, region, instance)
        });
        let rows_of_their_own: BTreeSet<_> = keys.collect();
        ensure!(
            rows_of_their_own.len() == rows.len(),
            "{}: a row stands there twice",
            path.display()
        );
        Ok(Rows {
            count: rows.len() as u64,
            keys: rows_of_their_own,
            columns: rows.first().and_then(Json::as_object).map_or(0, serde_json::Map::len),
            first: rows.into_iter().take(10).collect(),
        })
    }

    /// Some columns of the first rows.
    pub(super) fn show_first(&self, rows: usize) {
        let cell = |row: &Json, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let shown = self
            .first
            .iter()
            .take(rows)
            .map(|row| SHOWN.map(|name| cell(row, name)).to_vec());
        show::table(&SHOWN, shown);
        println!(
            "  … and {} more rows, {} more columns",
            count(self.count.saturating_sub(rows as u64)),
            self.columns.saturating_sub(SHOWN.len())
        );
    }

    /// Some fields of the first row.
    pub(super) fn show_fields(&self) {
        if let Some(row) = self.first.first() {
            let shown = SHOWN_FIELDS.iter().map(|&name| (name.to_owned(), row[name].clone()));
            show::members(&Json::Object(shown.collect()));
            println!(
                "  … and {} more fields",
                self.columns.saturating_sub(SHOWN_FIELDS.len())
            );
        }
    }
}

/// The ledger of a run.
pub(super) struct Ledger {
    pub(super) path: PathBuf,
    json: Json,
}

impl Ledger {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let context = || format!("cannot read {}", path.display());
        let text = fs::read_to_string(path).with_context(context)?;
        Ok(Ledger {
            path: path.to_owned(),
            json: serde_json::from_str(&text).with_context(context)?,
        })
    }

    /// Rows, as the ledger counts them.
    pub(super) fn rows(&self) -> u64 {
        self.json["totals"]["rows"].as_u64().unwrap_or_default()
    }

    /// Slices of which nothing was collected.
    fn missing(&self) -> impl Iterator<Item = &Json> {
        let slices = self.json["slices"].as_array().into_iter().flatten();
        slices.filter(|slice| !matches!(slice["outcome"].as_str(), Some("complete" | "empty")))
    }

    /// Fails unless these accounts are missing, and beside them only the region that is not enabled everywhere.
    pub(super) fn expect(&self, accounts: &[(&str, &str)]) -> Result<()> {
        let mut found = BTreeSet::new();
        let mut not_enabled = 0;
        for slice in self.missing() {
            let text = |name: &str| slice[name].as_str().unwrap_or_default();
            if (text("outcome"), text("region")) == ("skipped", simulator::OPT_IN_REGION) {
                not_enabled += 1;
            } else {
                found.insert((text("outcome"), text("account_id")));
            }
        }
        if found != accounts.iter().copied().collect() || not_enabled == 0 {
            bail!("the ledger says that {found:?} are missing; expected were {accounts:?} and a region");
        }
        Ok(())
    }

    /// What is missing, why, and what to do about it.
    pub(super) fn explain(&self) {
        let mut causes: BTreeMap<(bool, Vec<String>), Vec<Place<'_>>> = BTreeMap::new();
        for slice in self.missing() {
            let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
            let (outcome, cause) = (text(&slice["outcome"]), &slice["cause"]);
            let lines = if cause.is_object() {
                let call = format!("{} {}", text(&cause["service"]), text(&cause["operation"]));
                vec![
                    format!("{outcome}: {call} was answered with {}", text(&cause["code"])),
                    format!("→ {}", text(&cause["hint"])),
                ]
            } else {
                vec![format!("{outcome}: {}", text(&slice["reason"]))]
            };
            let place = |name: &str| slice[name].as_str().unwrap_or_default();
            let skipped = outcome == "skipped";
            causes
                .entry((skipped, lines))
                .or_default()
                .push((place("account_id"), place("region")));
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by(|((skipped, _), places), ((also, _), others)| (skipped, places).cmp(&(also, others)));
        let named: Vec<_> = causes
            .into_iter()
            .map(|((_, lines), places)| (self.place(&places), lines))
            .collect();
        let width = named
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or_default();
        for (name, lines) in named {
            show::entry(&name, width, &lines);
        }
    }

    /// One account with its name, or how many.
    fn place(&self, places: &[Place<'_>]) -> String {
        let accounts: BTreeSet<_> = places.iter().map(|(account, _)| *account).collect();
        let regions: BTreeSet<_> = places
            .iter()
            .map(|(_, region)| *region)
            .filter(|region| !region.is_empty())
            .collect();
        let who = match accounts.first() {
            Some(account) if accounts.len() == 1 => format!("{account} {}", self.name(account)),
            _ => format!("{} accounts", accounts.len()),
        };
        match regions.first() {
            None => who,
            Some(region) if regions.len() == 1 => format!("{who}, {region}"),
            Some(_) => format!("{who}, {} regions", regions.len()),
        }
    }

    fn name(&self, id: &str) -> &str {
        let accounts = self.json["accounts"].as_array().into_iter().flatten();
        let account = accounts.into_iter().find(|account| account["id"] == id);
        account.and_then(|account| account["name"].as_str()).unwrap_or_default()
    }
}
