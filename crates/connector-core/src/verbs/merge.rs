//! `merge`: joins what the runs of all shards have left into what one run would have given.

mod shards;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use auth_core::Host;
use futures::{Stream, StreamExt as _};
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::shards::{Shards, read};
use super::publishing::{Target, is_of_a_stale_misfit, publish_all, stand_in, tell, told};
use crate::connector::{About, Columns, Connector};
use crate::exit::Exit;
use crate::ledger::{LEDGER_VERSION, Ledger, timestamp};
use crate::parameters::catalog::{KEEP_LAST_GOOD, LEDGER, OUTPUT, SHARD};
use crate::rows::{Ended, Format, OutputPath, leading_headings};
use crate::settings::{ledger_of, state_of, unwritable};
use crate::shard::SHARD_PLACEHOLDER;
use crate::state::{StateError, Workspace};
use crate::table::Heading;
use crate::terminal::{Terminal, harmless};

/// What is to be merged, and where to.
#[derive(Clone, Debug)]
pub(crate) struct Merge {
    /// Where the rows go.
    output: OutputPath,
    /// Where the ledger goes, if it was named.
    ledger: Option<PathBuf>,
    /// Whether what the shards have left stays.
    keep_shards: bool,
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
            shards,
        })
    }

    fn ledger_path(&self) -> PathBuf {
        self.ledger.clone().unwrap_or_else(|| ledger_of(&self.output))
    }
}

/// Why nothing was merged. All shards stay as they are.
pub(super) enum Refusal {
    /// What was given cannot be merged.
    Wrong(String),
    /// The disk.
    Disk(String),
    /// By a signal.
    Interrupted,
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Io(..) => Refusal::Disk(error.to_string()),
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
    interrupts: impl Stream<Item = Exit>,
) -> io::Result<Exit> {
    let mut interrupts = std::pin::pin!(interrupts);
    let about = connector.about();
    let fixed = match connector.columns() {
        Columns::Fixed(columns) => Some(columns),
        Columns::OfTheResult(_) => None,
    };
    let stopped = Arc::new(AtomicBool::new(false));
    let ledger_path = merge.ledger_path();
    let working = {
        let (host, stopped) = (host.clone(), Arc::clone(&stopped));
        let now = move || host.time().now();
        tokio::task::spawn_blocking(move || merged(about, fixed.as_deref(), &merge, &now, &stopped))
    };
    let mut working = std::pin::pin!(working);
    let mut interrupted = None;
    let ended = loop {
        tokio::select! {
            biased;
            Some(exit) = interrupts.next(), if interrupted.is_none() => {
                interrupted = Some(exit);
                stopped.store(true, Ordering::Relaxed);
            }
            ended = &mut working => break ended.map_err(io::Error::other)?,
        }
    };
    let refuse = |why: &str, exit: Exit| {
        terminal.print(&format!("error: {}\n", harmless(why)));
        exit
    };
    Ok(match ended {
        Ok((ledger, exit)) => {
            let closing = connector.closing(&ledger.totals);
            tell(terminal, &ledger, closing, exit, Some(&ledger_path));
            exit
        }
        Err(Refusal::Wrong(why)) => refuse(&why, Exit::Usage),
        Err(Refusal::Disk(why)) => refuse(&why, Exit::Failed),
        Err(Refusal::Interrupted) => interrupted.unwrap_or(Exit::Interrupted),
    })
}

fn merged(
    about: &About,
    fixed: Option<&[Heading]>,
    merge: &Merge,
    now: &dyn Fn() -> SystemTime,
    stopped: &AtomicBool,
) -> Result<(Ledger, Exit), Refusal> {
    let ledger_path = merge.ledger_path();
    let mut shards = read(about, &merge.shards)?;
    if let Some(shard) = shards.with_state(&state_of(&merge.output)) {
        return Err(Refusal::Wrong(format!(
            "output is that of shard {shard}: give the merged rows another name"
        )));
    }
    check_paths(merge, &ledger_path)?;
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
    let leading = leading_headings(&shards.leading());
    let (mut ledger, mut tables) = joined(about, merge, &mut shards)?;
    let mut exit = Exit::of(ledger.slices.iter().map(|slice| slice.outcome));
    if exit == Exit::Partial {
        let stand = |entry: &_, known: &dyn Fn(&str) -> bool| Ok(shards.last_good(entry, known));
        let stood = stand_in(stand, &mut ledger, &mut tables, now());
        stood.map_err(|error| Refusal::Disk(error.to_string()))?;
    }
    let target = Target {
        path: Some(&merge.output),
        leading: &leading,
        fixed,
        format,
        workspace: Some(workspace.directory()),
        source: &shards.rows(stopped),
        again: "merge again",
    };
    exit = publish_all(&target, &mut ledger, &tables, exit, |_| {}, &mut io::sink());
    // Interrupted when all is written, it ends in order.
    if stopped.load(Ordering::Relaxed) && ledger.cause.is_some() {
        return Err(Refusal::Interrupted);
    }
    let finished = now();
    ledger.finished = timestamp(finished);
    let started = OffsetDateTime::parse(&ledger.started, &Rfc3339).map(SystemTime::from);
    let took = started.ok().and_then(|started| finished.duration_since(started).ok());
    ledger.duration_seconds = took.unwrap_or_default().as_secs_f64();
    ledger.finish(exit);
    let saved = ledger.save(&ledger_path, Some(workspace.directory()));
    saved.map_err(|error| {
        Refusal::Disk(format!(
            "the ledger cannot be written to {}: {error}; nothing is lost: merge again",
            ledger_path.display()
        ))
    })?;
    // What is missing may still be collected, and everything merged again.
    if exit == Exit::Complete {
        shards.merged(merge.keep_shards);
    } else {
        tracing::info!(
            "what the shards have collected stays: run those that are not complete again with --resume, and merge again"
        );
    }
    Ok((ledger, exit))
}

fn check_paths(merge: &Merge, ledger: &Path) -> Result<(), Refusal> {
    let wrong = |name: &str, why: String| Refusal::Wrong(format!("{name}: {why}"));
    if let Some(why) = unwritable(&merge.output.of_all(), &merge.output.directory()) {
        return Err(wrong(OUTPUT.name, why));
    }
    if let Some(path) = &merge.ledger {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(why) = unwritable(path, parent.unwrap_or(Path::new("."))) {
            return Err(wrong(LEDGER.name, why));
        }
    }
    if *ledger == merge.output.of_all() {
        let why = "ledger and output name the same file: give the ledger another name";
        return Err(Refusal::Wrong(why.to_owned()));
    }
    let real = |path: &Path| fs::canonicalize(path).ok();
    if real(ledger).is_some() && merge.shards.iter().any(|shard| real(shard) == real(ledger)) {
        let why = format!("{} is a shard's: give the merged ledger another name", ledger.display());
        return Err(wrong(LEDGER.name, why));
    }
    Ok(())
}

/// The ledgers of all shards in one, and the rows of all slices that were collected, in order.
fn joined(about: &About, merge: &Merge, shards: &mut Shards) -> Result<(Ledger, Vec<Ended>), Refusal> {
    let mut ledger = Ledger {
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
        state: None,
    };
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
