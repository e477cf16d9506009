//! What is compared with what: rows, ids, calls and ledgers of runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aws_sim::{Call, Sim};
use serde_json::Value as Json;

/// The bytes without times as `collected_at` has them, RFC 3339 in UTC to the millisecond: they differ from run to run.
pub fn without_times(bytes: &[u8]) -> Vec<u8> {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";
    let is_time = |found: &[u8]| {
        let fits = |(byte, form): (&u8, &u8)| {
            if *form == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == form
            }
        };
        found.len() == FORM.len() && found.iter().zip(FORM).all(fits)
    };
    let (mut rest, mut kept) = (bytes, Vec::new());
    while let Some(first) = rest.first() {
        let skipped = if is_time(&rest[..rest.len().min(FORM.len())]) {
            FORM.len()
        } else {
            1
        };
        if skipped == 1 {
            kept.push(*first);
        }
        rest = &rest[skipped..];
    }
    kept
}

/// Where the ledger goes of a run that publishes nothing.
pub fn failed_of(ledger: &Path) -> PathBuf {
    let name = ledger.file_name().unwrap_or_default().to_str().unwrap();
    let failed = match name.strip_suffix(".run.json") {
        Some(front) => format!("{front}.failed.run.json"),
        None => match name.rsplit_once('.') {
            Some((front, ending)) => format!("{front}.failed.{ending}"),
            None => format!("{name}.failed"),
        },
    };
    ledger.with_file_name(failed)
}

/// Instance ids by account and region.
pub type Found = BTreeMap<(String, String), Vec<String>>;

/// What the simulator has in these accounts and regions, in the order of the output.
pub fn expected<'x>(sim: &Sim, accounts: impl IntoIterator<Item = &'x str>, regions: &[&str]) -> Found {
    let mut found = Found::new();
    for account in accounts {
        for region in regions {
            let mut ids = sim.expected_ids(account, region);
            ids.sort();
            if !ids.is_empty() {
                found.insert((account.to_owned(), (*region).to_owned()), ids);
            }
        }
    }
    found
}

/// Rows of a JSON or JSONL text.
pub fn rows(text: &str, path: &Path) -> Vec<Json> {
    if path.extension().is_some_and(|ending| ending == "jsonl") {
        return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    }
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// All of them, of which there must be some: a statement about none holds always.
pub fn some<T>(all: Vec<T>) -> Vec<T> {
    assert!(!all.is_empty(), "there is none to look at");
    all
}

/// Parameters of a call, `-` where there is none.
pub fn parameters<'c>(calls: &'c [Call], name: &str) -> Vec<&'c str> {
    calls.iter().map(|call| call.parameter(name).unwrap_or("-")).collect()
}

/// Texts as a set, to compare what was found with.
pub fn set<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    texts.into_iter().map(str::to_owned).collect()
}
