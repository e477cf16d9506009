//! `merge`: joins what the runs of all shards have left into what one run would have given.

mod shards;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use auth_core::Host;
use auth_core::error::Report;
use auth_core::host::{machine_sleep, within};
use futures::{Stream, StreamExt as _};
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::shards::{Shards, given};
use super::ending::{Shape, is_of_a_stale_misfit, laid_out, stand_in, tell, told};
use super::publishing::{Publishing, place, put, put_ledger};
use crate::connector::{About, Columns, Connector};
use crate::exit::Exit;
use crate::ledger::read::Merged;
use crate::ledger::{Ledger, timestamp};
use crate::parameters::catalog::{KEEP_LAST_GOOD, LEDGER, OUTPUT, SHARD};
use crate::rows::{Ended, Format, OutputPath, directory_of, leading_headings};
use crate::settings::places::{failed_of, has_room_for_state, is_same, ledger_of, replaceable, state_of, writable};
use crate::shard::SHARD_PLACEHOLDER;
use crate::state::{StateError, Workspace, ledger_lock};
use crate::table::Heading;
use crate::terminal::Terminal;

/// A merge whose time is over ends within this time: what it is at is one file.
const LAST_STEP: Duration = Duration::from_secs(10);
/// Shards of one run begin within this time of each other.
const ONE_RUN: Duration = Duration::from_secs(24 * 3600);

/// What is to be merged, and where to.
#[derive(Clone, Debug)]
pub(crate) struct Merge {
    /// Where the rows go.
    output: OutputPath,
    /// Where the ledger goes, if it was named.
    ledger: Option<PathBuf>,
    /// Whether what the shards have left stays.
    keep_shards: bool,
    /// Whether the shards may have been collected at different times.
    allow_mixed: bool,
    /// The shards' ledgers.
    shards: Vec<PathBuf>,
}

impl Merge {
    /// # Errors
    /// In words, what is wrong.
    pub(crate) fn new(
        output: &str,
        ledger: Option<&str>,
        keep_shards: bool,
        allow_mixed: bool,
        shards: Vec<PathBuf>,
    ) -> Result<Self, String> {
        if output == "-" {
            return Err("output: merge writes a file, because the shards are removed then: name one".to_owned());
        }
        for (name, path) in [(OUTPUT.name, Some(output)), (LEDGER.name, ledger)] {
            if path.is_some_and(|path| path.contains(SHARD_PLACEHOLDER)) {
                return Err(format!(
                    "{name}: {SHARD_PLACEHOLDER} has no meaning with merge, which joins all shards"
                ));
            }
        }
        Ok(Merge {
            output: OutputPath(PathBuf::from(output)),
            ledger: ledger.map(PathBuf::from),
            keep_shards,
            allow_mixed,
            shards,
        })
    }

    fn ledger_path(&self) -> PathBuf {
        self.ledger.clone().unwrap_or_else(|| ledger_of(&self.output))
    }
}

/// What a merge has come to.
enum Done {
    /// The ledger says what, and stands at `is_put`, where it could be written.
    Now {
        ledger: Box<Ledger>,
        exit: Exit,
        is_put: Option<PathBuf>,
    },
    /// The same shards were merged to the same place before, and all of it is there. The ledger of that merge.
    Before(PathBuf),
}

/// Why nothing was merged. All shards stay as they are.
pub(super) enum Refusal {
    /// What was given cannot be merged.
    Wrong(String),
    /// A run is at work there.
    InUse(String),
    /// The disk.
    Disk(String),
    /// By a signal.
    Interrupted,
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Io(..) => Refusal::Disk(error.to_string()),
            StateError::InUse(_) => Refusal::InUse(error.to_string()),
            _ => Refusal::Wrong(error.to_string()),
        }
    }
}

/// The first of `interrupts` ends it in order.
pub(crate) async fn merge<C: Connector>(
    connector: &C,
    merge: Merge,
    host: &Host,
    terminal: &Terminal,
    limit: Duration,
    interrupts: impl Stream<Item = Exit>,
) -> io::Result<Exit> {
    let mut interrupts = std::pin::pin!(interrupts);
    let about = connector.about();
    let fixed = match connector.columns() {
        Columns::Fixed(columns) => Some(columns),
        Columns::OfTheResult(_) => None,
    };
    let stopped = Arc::new(AtomicBool::new(false));
    let working = {
        let (host, stopped) = (host.clone(), Arc::clone(&stopped));
        let now = move || host.time().now();
        tokio::task::spawn_blocking(move || merged(about, fixed.as_deref(), &merge, &now, &stopped))
    };
    let mut working = std::pin::pin!(working);
    let refuse = |why: &str, exit: Exit| {
        terminal.error(why, None, exit.code());
        exit
    };
    let mut interrupted = None;
    let mut late = std::pin::pin!(machine_sleep(limit));
    let ended = loop {
        tokio::select! {
            biased;
            Some(exit) = interrupts.next(), if interrupted.is_none() => {
                interrupted = Some(exit);
                stopped.store(true, Ordering::Relaxed);
            }
            ended = &mut working => break ended.map_err(io::Error::other)?,
            () = &mut late => {
                // Nothing is in its place yet, or all of it in a moment.
                stopped.store(true, Ordering::Relaxed);
                match within(LAST_STEP, &mut working).await {
                    Some(ended) => break ended.map_err(io::Error::other)?,
                    None => break Err(Refusal::Interrupted),
                }
            }
        }
    };
    Ok(match ended {
        Ok(Done::Now { ledger, exit, is_put }) => {
            let closing = connector.closing(&ledger.totals);
            tell(terminal, &ledger, is_put.as_deref(), closing, exit);
            exit
        }
        Ok(Done::Before(ledger_path)) => {
            tracing::info!(
                "these shards were merged before, {} is the ledger: what was left of them is cleaned up",
                ledger_path.display()
            );
            Exit::Complete
        }
        Err(Refusal::Wrong(why)) => refuse(&why, Exit::Usage),
        Err(Refusal::InUse(why)) => refuse(&why, Exit::InUse),
        Err(Refusal::Disk(why)) => refuse(&why, Exit::Failed),
        Err(Refusal::Interrupted) => match interrupted {
            Some(exit) => exit,
            None => refuse(
                &format!(
                    "run_timeout: {} s were over before all was merged; nothing was published",
                    limit.as_secs()
                ),
                Exit::Failed,
            ),
        },
    })
}

fn merged(
    about: &About,
    fixed: Option<&[Heading]>,
    merge: &Merge,
    now: &dyn Fn() -> SystemTime,
    stopped: &AtomicBool,
) -> Result<Done, Refusal> {
    let ledger_path = merge.ledger_path();
    let given = given(about, &merge.shards)?;
    let digests = given.digests();
    if given.has_gone() && was_merged(merge, &ledger_path, &digests) {
        // A merge was killed while it removed what the shards have left.
        let _workspace = Workspace::open(&state_of(&merge.output))?;
        given.clean_up(merge.keep_shards);
        return Ok(Done::Before(ledger_path));
    }
    let mut shards = given.open()?;
    if let Some(shard) = shards.with_state(&state_of(&merge.output)) {
        return Err(Refusal::Wrong(format!(
            "output is that of shard {shard}: give the merged rows another name"
        )));
    }
    check_paths(merge, &ledger_path)?;
    for (name, path) in [
        (OUTPUT.name, merge.output.directory()),
        (LEDGER.name, directory_of(&ledger_path).to_owned()),
    ] {
        if let Some(shard) = shards.with_inside(&path) {
            return Err(Refusal::Wrong(format!(
                "{name}: {} is inside of what shard {shard} has left, which is removed when all is merged: name another place",
                path.display()
            )));
        }
    }
    let apart = shards.apart().filter(|apart| *apart > ONE_RUN);
    if let Some(apart) = apart.filter(|_| !merge.allow_mixed) {
        return Err(Refusal::Wrong(format!(
            "{}: run the older shards again, or join them all the same with --allow-mixed",
            told_apart(apart)
        )));
    }
    let format = shards.format()?;
    let ending = merge.output.0.extension().and_then(|ending| ending.to_str());
    if let Some(named) = ending.and_then(Format::named).filter(|named| *named != format) {
        return Err(Refusal::Wrong(format!(
            "output: the shards' rows are {}, and the name says {}: give the file another ending",
            format.name(),
            named.name()
        )));
    }
    // Locked, so that no run publishes there meanwhile.
    let workspace = Workspace::open(&state_of(&merge.output))?;
    let _ledger = ledger_lock(&ledger_path, Some(workspace.directory()))?;
    let leading = leading_headings(&shards.leading());
    let (mut ledger, mut tables) = joined(about, merge, &mut shards)?;
    ledger.merged = digests;
    ledger.warnings.extend(apart.map(told_apart));
    let shards = Arc::new(shards);
    let mut exit = Exit::of(ledger.slices.iter().map(|slice| slice.outcome));
    if exit == Exit::Partial {
        let stand = |entry: &_, known: &dyn Fn(&str) -> bool| Ok(shards.last_good(entry, known));
        let stood = stand_in(stand, &mut ledger, &mut tables, now());
        stood.map_err(|error| Refusal::Disk(error.to_string()))?;
    }
    let shape = Shape {
        path: Some(&merge.output),
        format,
        leading: &leading,
        fixed,
    };
    let outputs = laid_out(&shape, &mut ledger, &tables, &mut exit, |_| {});
    let directory = Some(workspace.directory());
    let mut written = Vec::new();
    if matches!(exit, Exit::Complete | Exit::Partial) {
        let publishing = Publishing {
            outputs,
            format,
            source: Arc::<Shards>::clone(&shards),
            workspace: directory.map(Path::to_owned),
            in_place: false,
        };
        match publishing.write(&mut io::sink(), stopped) {
            Ok(whole) => written = whole,
            Err(error) => {
                ledger.cause = Some(unwritten(&error));
                exit = Exit::Failed;
            }
        }
    }
    // Nothing is in its place yet. From here on it ends in order.
    if stopped.load(Ordering::Relaxed) {
        return Err(Refusal::Interrupted);
    }
    let finished = now();
    ledger.finished = timestamp(finished);
    let started = OffsetDateTime::parse(&ledger.started, &Rfc3339).map(SystemTime::from);
    let took = started.ok().and_then(|started| finished.duration_since(started).ok());
    ledger.duration_seconds = took.unwrap_or_default().as_secs_f64();
    ledger.finish(exit);
    let mut placed = place(&ledger_path, matches!(exit, Exit::Complete | Exit::Partial));
    let mut put = put(&mut ledger, written, Some(&placed), directory);
    if let Err(error) = &put {
        if matches!(exit, Exit::Complete | Exit::Partial) {
            exit = Exit::Failed;
        }
        // The first cause is what to mend.
        match &ledger.cause {
            None => ledger.cause = Some(unwritten(error)),
            Some(_) => tracing::error!("{error}"),
        }
        ledger.finish(exit);
        placed = place(&ledger_path, !ledger.outputs.is_empty());
        put = put_ledger(&ledger, Some(&placed), directory);
    }
    // What is missing may still be collected, and everything merged again.
    if exit == Exit::Complete {
        shards.merged(merge.keep_shards);
    } else {
        tracing::info!(
            "what the shards have collected stays: run those that are not complete again with --resume, and merge again"
        );
    }
    Ok(Done::Now {
        ledger: Box::new(ledger),
        exit,
        is_put: put.is_ok().then_some(placed),
    })
}

fn told_apart(apart: Duration) -> String {
    let hours = apart.as_secs() / 3600;
    format!("the shards were collected up to {hours} hours apart, so their rows are not of one time")
}

/// Whether the ledger says that shards with ledgers of these digests were merged, completely and into the same output, and what
/// it names is there.
fn was_merged(merge: &Merge, ledger: &Path, digests: &[String]) -> bool {
    let bytes = std::fs::read(ledger).unwrap_or_default();
    let output = merge.output.0.display().to_string();
    serde_json::from_slice(&bytes).is_ok_and(|ledger: Merged| ledger.is_of(digests, &output) && ledger.is_published())
}

/// The disk does not take what is to be written.
fn unwritten(error: &io::Error) -> Report {
    Report {
        message: error.to_string(),
        hint: Some("nothing is lost: make room or mend the path, then merge again".to_owned()),
        ..Report::default()
    }
}

fn check_paths(merge: &Merge, ledger: &Path) -> Result<(), Refusal> {
    const INSTEAD: &str = "name a file";
    let wrong = |name: &'static str| move |why: String| Refusal::Wrong(format!("{name}: {why}"));
    let output = merge.output.of_all();
    writable(&output, &merge.output.directory(), INSTEAD).map_err(wrong(OUTPUT.name))?;
    has_room_for_state(&merge.output).map_err(wrong(OUTPUT.name))?;
    let tried = match &merge.ledger {
        Some(path) => writable(path, directory_of(path), INSTEAD),
        // Its directory may have placeholders in it, and is made then; it is the output's otherwise.
        None => replaceable(ledger, INSTEAD),
    };
    let failed = failed_of(ledger);
    let tried = tried.and_then(|()| replaceable(&failed, INSTEAD));
    tried.map_err(wrong(LEDGER.name))?;
    if is_same(ledger, &output) || is_same(&failed, &output) {
        let why = "ledger and output name the same file: give the ledger another name";
        return Err(Refusal::Wrong(why.to_owned()));
    }
    for (name, path) in [(OUTPUT.name, &*output), (LEDGER.name, ledger), (LEDGER.name, &failed)] {
        if merge.shards.iter().any(|shard| is_same(shard, path)) {
            let why = format!(
                "{} is a shard's ledger: give what is merged another name",
                path.display()
            );
            return Err(wrong(name)(why));
        }
    }
    Ok(())
}

/// The ledgers of all shards in one, and the rows of all slices that were collected, in order.
fn joined(about: &About, merge: &Merge, shards: &mut Shards) -> Result<(Ledger, Vec<Ended>), Refusal> {
    let mut ledger = Ledger::new(about);
    let mut tables = Vec::new();
    let mut warned = HashSet::new();
    for shard in shards.iter_mut() {
        let slices = shard.take_slices();
        let of_slices = told(&slices);
        let written = &mut shard.ledger;
        let mut own = std::mem::take(&mut written.warnings);
        own.retain(|warning| !of_slices.contains(warning) && !is_of_a_stale_misfit(warning));
        ledger
            .warnings
            .extend(own.into_iter().filter(|warning| warned.insert(warning.clone())));
        if ledger.started.is_empty() || written.started < ledger.started {
            ledger.started.clone_from(&written.started);
        }
        if ledger.identity.is_none() {
            ledger.identity.clone_from(&written.identity);
            ledger.parameters = std::mem::take(&mut written.parameters);
        }
        ledger.accounts.extend(shard.take_accounts()?);
        for mut entry in slices {
            if let Some(rows) = shard.rows_of(&mut entry)? {
                tables.push(Ended {
                    account: entry.account_id.clone(),
                    region: entry.region.clone().unwrap_or_default(),
                    stale: false,
                    tables: rows,
                });
            }
            // It does not stand in for anything any more, or is put there anew.
            entry.stale = None;
            ledger.slices.push(entry);
        }
    }
    ledger
        .slices
        .sort_by(|a, b| (&a.account_id, &a.region).cmp(&(&b.account_id, &b.region)));
    tables.sort_by(|a, b| (&a.account, &a.region).cmp(&(&b.account, &b.region)));
    // As one run would have said it.
    ledger.parameters.shift_remove(SHARD.name);
    ledger.parameters.shift_remove(LEDGER.name);
    let text = |path: &Path| Json::from(path.display().to_string());
    ledger.parameters.insert(OUTPUT.name.to_owned(), text(&merge.output.0));
    if let Some(path) = &merge.ledger {
        ledger.parameters.insert(LEDGER.name.to_owned(), text(path));
    }
    ledger.warnings.extend(told(&ledger.slices));
    Ok((ledger, tables))
}

/// Whether slices that fail were to keep their rows.
fn keeps_last_good(parameters: &Map<String, Json>) -> bool {
    parameters.get(KEEP_LAST_GOOD.name).and_then(Json::as_bool) == Some(true)
}
