//! The shards that are merged: their ledgers and what their runs have left, one of each and all of one run.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use auth_core::Account;
use auth_core::file::whole_now;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Refusal, keeps_last_good};
use crate::connector::About;
use crate::ledger::read::{AccountForm, Kind, SliceForm, Written};
use crate::ledger::{LEDGER_VERSION, SliceEntry};
use crate::rows::{Format, RowSource, SpooledTable, hex};
use crate::settings::places::last_of;
use crate::shard::Shard;
use crate::state::{LastGood, ShardError, ShardState, is_there, remove_rest};

/// A ledger has some 500 bytes for each slice, more with their warnings.
const LARGEST_LEDGER: u64 = 4 * 1024 * 1024 * 1024;

/// One shard.
pub(super) struct Merged {
    shard: Shard,
    path: PathBuf,
    /// Its number among those that are merged.
    number: usize,
    pub(super) ledger: Written,
    state: ShardState,
    keep_last_good: bool,
}

/// All of them, by index.
pub(super) struct Shards(Vec<Merged>);

/// The ledgers of all shards, each with its path and its SHA-256.
pub(super) struct Given(BTreeMap<Shard, (PathBuf, Written, String)>);

/// Reads the ledgers.
///
/// # Errors
/// Whatever is not one of each shard.
pub(super) fn given(about: &About, ledgers: &[PathBuf]) -> Result<Given, Refusal> {
    let mut found: BTreeMap<Shard, (PathBuf, Written, String)> = BTreeMap::new();
    // Where a shard has published nothing, its ledger is taken instead of the one before. Both may be named.
    let both = |path: &&PathBuf| last_of(path) != **path && ledgers.contains(&last_of(path));
    for path in ledgers.iter().filter(|path| !both(path)).map(|path| last_of(path)) {
        let (shard, ledger, digest) = read_ledger(about, &path)?;
        if let Some((other, first)) = found.iter().map(|(shard, (path, ..))| (shard, path)).next()
            && other.count != shard.count
        {
            return Err(Refusal::Wrong(format!(
                "{} is of shard {other}, {} of shard {shard}: the shards of one run have the same number behind the /",
                first.display(),
                path.display()
            )));
        }
        if let Some((first, ..)) = found.get(&shard) {
            return Err(Refusal::Wrong(format!(
                "shard {shard} is there twice, in {} and {}: give one of them",
                first.display(),
                path.display()
            )));
        }
        found.insert(shard, (path, ledger, digest));
    }
    let count = found.keys().next().map_or(0, |shard| shard.count);
    let all = (0..count).map(|index| Shard { index, count });
    let missing: Vec<Shard> = all.filter(|shard| !found.contains_key(shard)).collect();
    if let [first, others @ ..] = &missing[..] {
        let more = match others.len() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        return Err(Refusal::Wrong(format!(
            "shard {first}{more} is missing: give its ledger too, which is <output>.failed.run.json if the shard has published \
             nothing, or run it with --shard {first}"
        )));
    }
    Ok(Given(found))
}

impl Given {
    /// The SHA-256 of each, by index, in hex.
    pub(super) fn digests(&self) -> Vec<String> {
        self.0.values().map(|(.., digest)| digest.clone()).collect()
    }

    /// Whether there is a shard that has left nothing, or nothing any more.
    pub(super) fn has_gone(&self) -> bool {
        let mut all = self.0.values();
        all.any(|(path, ledger, _)| !is_there(&directory(path, ledger)))
    }

    /// Takes what the runs have left.
    ///
    /// # Errors
    /// Whatever is not of one run, or not whole.
    pub(super) fn open(self) -> Result<Shards, Refusal> {
        let mut shards: Vec<Merged> = Vec::new();
        for (number, (shard, (path, ledger, digest))) in self.0.into_iter().enumerate() {
            let state = opened(&path, &ledger, &digest).map_err(|error| refused(shard, &path, error))?;
            let wrong = |why: String| Refusal::Wrong(named(shard, &path, &why));
            if state.shard() != Some(shard.to_string().as_str()) {
                return Err(wrong("what its run has left is another shard's".to_owned()));
            }
            if let Some(first) = shards.first() {
                let apart = |why: String| {
                    let first = first.shard;
                    wrong(format!(
                        "it and shard {first} are not of one run: {why}; run the one that is wrong again"
                    ))
                };
                if let Some(why) = first.state.differs(&state) {
                    return Err(apart(why));
                }
                if let (Some(one), Some(other)) = (first.state.caller(), state.caller())
                    && one != other
                {
                    return Err(apart(format!("they had signed in to accounts {other} and {one}")));
                }
            }
            shards.push(Merged {
                shard,
                path,
                number,
                keep_last_good: keeps_last_good(&ledger.parameters),
                ledger,
                state,
            });
        }
        Ok(Shards(shards))
    }

    /// All of it was merged before: what is still there of the shards goes, as with [`Shards::merged`].
    pub(super) fn clean_up(self, keep: bool) {
        for (shard, (path, ledger, digest)) in self.0 {
            let directory = directory(&path, &ledger);
            let done = match is_there(&directory) {
                true => ShardState::open(&directory, &digest).and_then(|state| {
                    let done = done_with(&state, keep || keeps_last_good(&ledger.parameters));
                    done.map_err(|error| ShardError::Io(directory.clone(), error))
                }),
                false => remove_rest(&directory),
            };
            if let Err(error) = done {
                not_cleaned_up(shard, &path, &error);
            }
        }
    }
}

/// What a shard has left goes, or stays for later runs.
fn done_with(state: &ShardState, keep: bool) -> io::Result<()> {
    match keep {
        true => state.mark_merged(),
        false => state.remove(),
    }
}

fn not_cleaned_up(shard: Shard, path: &Path, error: &dyn std::error::Error) {
    let why = format!("what it has left could not be cleaned up: {error}");
    tracing::warn!("{}", named(shard, path, &why));
}

fn named(shard: Shard, path: &Path, why: &str) -> String {
    format!("shard {shard} ({}): {why}", path.display())
}

fn refused(shard: Shard, path: &Path, error: ShardError) -> Refusal {
    let why = named(shard, path, &error.to_string());
    match error {
        ShardError::Io(..) => Refusal::Disk(why),
        ShardError::AtWork(_) => Refusal::InUse(why),
        _ => Refusal::Wrong(why),
    }
}

/// The ledger of a shard whose run has come to its end, and its SHA-256.
fn read_ledger(about: &About, path: &Path) -> Result<(Shard, Written, String), Refusal> {
    let wrong = |why: String| Refusal::Wrong(format!("{}: {why}", path.display()));
    // Nothing may ever come from a pipe.
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(wrong("it is not a file: give the ledger of a shard".to_owned())),
        _ => {}
    }
    let bytes = whole_now(path, LARGEST_LEDGER).map_err(|error| wrong(format!("the ledger {error}")))?;
    let no_ledger = |error: serde_json::Error| wrong(format!("it is no ledger of a run: {error}"));
    let kind: Kind = serde_json::from_slice(&bytes).map_err(no_ledger)?;
    if kind.connector != about.name {
        return Err(wrong(format!(
            "it is a ledger of {}, this is {}",
            kind.connector, about.name
        )));
    }
    if (kind.version.as_str(), kind.ledger_version) != (about.version, LEDGER_VERSION) {
        return Err(wrong(format!(
            "version {} has written it, this is version {}: merge with the version that has collected",
            kind.version, about.version
        )));
    }
    let shard = kind.shard.as_deref().and_then(Shard::parse_shown);
    let Some(shard) = shard else {
        return Err(wrong(
            "it is of a run without --shard: there is nothing to merge".to_owned(),
        ));
    };
    let ledger: Written = serde_json::from_slice(&bytes).map_err(no_ledger)?;
    let wrong = |why: String| Refusal::Wrong(named(shard, path, &why));
    if ledger.outcome == "interrupted" {
        return Err(wrong("its run was interrupted: go on with it with --resume".to_owned()));
    }
    if let Some(cause) = &ledger.cause {
        return Err(wrong(format!(
            "its run has failed: {}; run it again with --resume",
            cause.message
        )));
    }
    let digest = hex(&Sha256::digest(&bytes));
    Ok((shard, ledger, digest))
}

/// What a run has left stands beside its ledger, also where both were copied, or where the ledger says. What is beside it may
/// also be of another run: its journal says so.
fn opened(path: &Path, ledger: &Written, digest: &str) -> Result<ShardState, ShardError> {
    let (beside, said) = directories(path, ledger);
    match beside {
        None => ShardState::open(&said, digest),
        Some(beside) => ShardState::open(&beside, digest).or_else(|error| match is_there(&said) && said != beside {
            true => ShardState::open(&said, digest).map_err(|_| error),
            false => Err(error),
        }),
    }
}

/// What stands beside the ledger, if anything does, and where the ledger says.
fn directories(path: &Path, ledger: &Written) -> (Option<PathBuf>, PathBuf) {
    let said = PathBuf::from(ledger.state.clone().unwrap_or_default());
    let beside = said.file_name().map(|name| path.with_file_name(name));
    (beside.filter(|beside| beside.is_dir()), said)
}

fn directory(path: &Path, ledger: &Written) -> PathBuf {
    let (beside, said) = directories(path, ledger);
    beside.unwrap_or(said)
}

impl Shards {
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Merged> {
        self.0.iter_mut()
    }

    /// The shard that has left what it has in `directory`.
    pub(super) fn with_state(&self, directory: &Path) -> Option<Shard> {
        let real = fs::canonicalize(directory).ok()?;
        let mut shards = self.0.iter();
        let found = shards.find(|shard| fs::canonicalize(shard.state.directory()).is_ok_and(|own| own == real));
        found.map(|shard| shard.shard)
    }

    /// The shard that `directory` is inside of, which need not be there yet.
    pub(super) fn with_inside(&self, directory: &Path) -> Option<Shard> {
        let there = directory.ancestors().find_map(|place| {
            let place = if place.as_os_str().is_empty() {
                Path::new(".")
            } else {
                place
            };
            fs::canonicalize(place).ok()
        })?;
        let mut shards = self.0.iter();
        let found =
            shards.find(|shard| fs::canonicalize(shard.state.directory()).is_ok_and(|own| there.starts_with(own)));
        found.map(|shard| shard.shard)
    }

    /// The time between the beginnings of the first and the last run.
    pub(super) fn apart(&self) -> Option<Duration> {
        let started = self
            .0
            .iter()
            .map(|shard| OffsetDateTime::parse(&shard.ledger.started, &Rfc3339));
        let started: Vec<OffsetDateTime> = started.collect::<Result<_, _>>().ok()?;
        (*started.iter().max()? - *started.iter().min()?).try_into().ok()
    }

    fn parameter(&self, name: &str) -> Option<&Json> {
        self.0.first()?.state.parameters().get(name)
    }

    /// As which the rows were encoded.
    pub(super) fn format(&self) -> Result<Format, Refusal> {
        let format = self.parameter("format").and_then(Json::as_str).and_then(Format::named);
        format.ok_or_else(|| Refusal::Wrong("the shards do not say which format their rows have".to_owned()))
    }

    /// The leading columns, by name.
    pub(super) fn leading(&self) -> Vec<String> {
        let names = self.parameter("leading_columns").and_then(Json::as_array);
        let names = names.into_iter().flatten().filter_map(Json::as_str);
        names.map(str::to_owned).collect()
    }

    /// The rows that stand in for a slice that has failed.
    pub(super) fn last_good(&self, failed: &SliceEntry, known: &dyn Fn(&str) -> bool) -> Vec<LastGood> {
        let keeping = self
            .0
            .iter()
            .filter(|shard| shard.keep_last_good && shard.shard.has(&failed.account_id));
        keeping
            .flat_map(|shard| shard.state.last_good(failed, known, shard.number))
            .collect()
    }

    /// All of it is published. What the shards have left goes, or stays for later runs.
    pub(super) fn merged(&self, keep: bool) {
        for shard in &self.0 {
            if let Err(error) = done_with(&shard.state, keep || shard.keep_last_good) {
                not_cleaned_up(shard.shard, &shard.path, &error);
            }
        }
    }
}

impl Merged {
    pub(super) fn take_slices(&mut self) -> Vec<SliceEntry> {
        let slices = std::mem::take(&mut self.ledger.slices);
        slices.into_iter().map(SliceForm::entry).collect()
    }

    pub(super) fn take_accounts(&mut self) -> Result<Vec<Account>, Refusal> {
        let accounts = std::mem::take(&mut self.ledger.accounts).into_iter();
        let accounts: Result<_, String> = accounts.map(AccountForm::account).collect();
        accounts.map_err(|why| Refusal::Wrong(named(self.shard, &self.path, &why)))
    }

    /// The rows of a slice; what the ledger says of it may change.
    pub(super) fn rows_of(&self, entry: &mut SliceEntry) -> Result<Option<Vec<SpooledTable>>, Refusal> {
        let rows = self.state.rows_of(entry, self.number);
        rows.map_err(|error| refused(self.shard, &self.path, error))
    }
}

impl RowSource for Shards {
    fn read(&self, table: &SpooledTable, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let shard = self.0.get(table.spool);
        let shard = shard.ok_or_else(|| io::Error::other("there is no such shard"))?;
        shard.state.spool().read(table, take)
    }
}
