//! `run`: collects, and publishes rows and ledger.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use auth_core::AuthError;
use auth_core::error::Report;
use auth_core::host::AsyncSleep as _;
use futures::{Stream, StreamExt as _};
use serde_json::Value as Json;
use tracing::Level;

use super::Context;
use super::ending::{Shape, laid_out, stand_in, tell, told};
use super::publishing::{Publishing, Written, place, put, put_ledger};
use crate::collect::{Collected, CutShort, Journal, Run, collect, contained, resolve};
use crate::connector::{Collector as _, Columns, Connector, DefaultRegions, parameters_of};
use crate::exit::Exit;
use crate::ledger::{Identity, Ledger, SliceEntry, timestamp};
use crate::parameters::Bearing;
use crate::rows::{Ended, Rows, Spool, SpooledTable, about, directory_of};
use crate::settings::Settings;
use crate::settings::places::last_of;
use crate::slice::CHANGES;
use crate::state::{self, State, StateError, ledger_lock};
use crate::terminal::{LogFormat, Progress};

/// The ledger of a small run has about so many bytes.
const ROOM_FOR_LEDGER: usize = 4096;
/// What runs at AWS must have been stopped within this time at the end of a run, and so much more for each of it.
const STOP_TIME: Duration = Duration::from_secs(30);
const STOP_TIME_OF_EACH: Duration = Duration::from_secs(1);

/// The unfinished run that a run is to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// That of the same output, if there is one.
    OfTheOutput,
    /// That of a ledger.
    Of(PathBuf),
}

/// What is to become of what earlier runs have left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    /// The unfinished run that this one goes on with.
    pub(crate) resume: Option<Resume>,
    /// Whether rows that were kept for slices that fail are given up.
    pub(crate) forget_last_good: bool,
}

/// Why nothing was collected.
enum Early {
    /// Signing in or the listing failed.
    Auth(AuthError),
    /// What an unfinished run has left is not this run's.
    State(StateError),
    /// Nothing more can be kept.
    Unkept(String),
    /// Signing in or the listing has panicked.
    Defect,
}

/// The first of `interrupts` ends the run in order, a second one at once.
pub(crate) async fn run<C: Connector>(
    connector: &C,
    collector: C::Collector,
    context: &Context<'_>,
    before: &Before,
    stdout: Box<dyn Write + Send>,
    interrupts: impl Stream<Item = Exit>,
) -> io::Result<Exit> {
    let mut interrupts = std::pin::pin!(interrupts);
    let settings = context.settings;
    let started = context.host.time().now();
    if let Err(error) = room_for_ledger(settings) {
        return Ok(refuse(context, &error));
    }
    // Before the state: what is there of an unfinished run must not go when this one may not run.
    let own = settings.state.as_deref();
    let _ledger = match settings.ledger.as_deref().map(|path| ledger_lock(path, own)) {
        None => None,
        Some(Ok(lock)) => lock,
        Some(Err(error)) => return Ok(refuse(context, &error)),
    };
    let state = match opened_state(connector, &collector, context, before, timestamp(started)) {
        Ok(state) => Arc::new(state),
        Err(error) => return Ok(refuse(context, &error)),
    };
    let mut ledger = opened(connector, context);
    ledger.started = timestamp(started);
    ledger.resumed = state.resumed().map(str::to_owned);
    let spool = Arc::clone(state.spool());
    // All that is kept of a complete run is its output, but for what later runs or the merge take.
    let in_place = !settings.keep_last_good && settings.shard.is_none();
    let rows = Rows::new(settings.format, &settings.leading, Arc::clone(&spool))
        .formulas(settings.formulas)
        .in_place(in_place)
        .scratch_files(settings.scratch_files);
    tell_start(connector.about().name, context, &state);
    let progress = Arc::new(Progress::new(context.terminal));
    let heartbeat = progress.heartbeat();
    let journal = Arc::new(Journal::default());
    let run = Arc::new(Run::new(
        collector,
        Arc::clone(settings),
        rows.clone(),
        Arc::clone(&state),
        context.host.clone(),
        Arc::clone(&progress),
        Arc::clone(&journal),
    ));
    let collecting = async {
        let list = contained("listing", resolve(run.authenticator(), settings, &journal)).await;
        let list = list.ok_or(Early::Defect)?.map_err(Early::Auth)?;
        if let Some(account) = journal.caller() {
            state.signed_in(&account).map_err(Early::State)?;
        }
        progress.accounts_known(list.accounts.len(), list.skipped.len());
        tokio::select! {
            biased;
            why = run.unkept() => Err(Early::Unkept(why)),
            () = collect(&run, list) => Ok(()),
        }
    };
    let collecting = context.host.until(started + settings.run_timeout, collecting);
    let mut ended = tokio::select! {
        biased;
        Some(exit) = interrupts.next() => Err(exit),
        result = collecting => Ok(result),
    };
    let cut = match &ended {
        Err(_) => Some(CutShort::Interrupted),
        Ok(None) => Some(CutShort::Deadline(settings.run_timeout)),
        Ok(Some(Err(Early::Unkept(_)))) => Some(CutShort::Disk),
        Ok(Some(_)) => None,
    };
    if cut.is_some() {
        journal.close();
    }
    let many = u32::try_from(run.collector().running()).unwrap_or(u32::MAX);
    let stop_time = STOP_TIME.saturating_add(STOP_TIME_OF_EACH.saturating_mul(many));
    // Outside of what was cut short. What runs at AWS is not kept waiting for a task that is under way here.
    let stopping = async { tokio::join!(contained("stopping", run.collector().stop()), run.ended()) };
    tokio::select! {
        _ = stopping => {}
        Some(exit) = interrupts.next() => {
            tracing::warn!("interrupted again: what runs at AWS may not have been stopped");
            ended = ended.and(Err(exit));
        }
        () = context.host.sleep().sleep(stop_time) => tracing::warn!("AWS has not confirmed in time that everything was stopped"),
    }
    ledger.warnings.extend(run.collector().left_running());
    // Nothing is asked any more; what is left takes as long as its reader does.
    settings.auth.forget_secrets();
    drop(run);
    context.host.close().await;
    let now = context.host.time().now();
    if cut == Some(CutShort::Disk) {
        state.make_room();
    }
    if let Some(why) = cut {
        if matches!(why, CutShort::Deadline(_)) && !journal.is_resolved() {
            ledger.cause = Some(too_late(settings.run_timeout));
        }
        journal.cut_short(why, now, &state);
    }
    drop(heartbeat);
    progress.finish();

    let (mut tables, warnings) = take(&journal, &mut ledger);
    ledger.warnings.extend(warnings);
    ledger.warnings.extend(context.host.aws_is_ahead().map(clock_is_wrong));
    let mut exit = match &ended {
        Err(exit) => *exit,
        Ok(Some(Err(Early::State(StateError::Io(directory, error))))) => {
            ledger.cause = Some(unwritten(&about(&directory.display().to_string(), error), &state));
            Exit::Failed
        }
        Ok(Some(Err(Early::State(error)))) => {
            return Ok(refuse(context, error));
        }
        Ok(Some(Err(Early::Unkept(why)))) => {
            ledger.cause = Some(unwritten(why, &state));
            Exit::Failed
        }
        Ok(Some(Err(Early::Defect))) => {
            ledger.cause = Some(Report {
                message: "a defect of the program: signing in or listing the accounts has panicked".to_owned(),
                ..Report::default()
            });
            Exit::Failed
        }
        Ok(Some(Err(Early::Auth(error)))) => {
            ledger.cause = Some(error.report());
            Exit::Failed
        }
        Ok(None) if ledger.cause.is_some() => Exit::Failed,
        Ok(Some(Ok(())) | None) => Exit::of(ledger.slices.iter().map(|slice| slice.outcome)),
    };
    // Of a shard where everything has failed too: among all shards it is a part.
    let failed = exit == Exit::Failed && ledger.cause.is_none() && settings.shard.is_some();
    if (exit == Exit::Partial || failed)
        && settings.keep_last_good
        && let Err(error) = stand_in(
            |entry, known| state.last_good(entry, |region| known(region) || is_left_out(settings, region)),
            &mut ledger,
            &mut tables,
            now,
        )
    {
        state.make_room();
        ledger.cause = Some(unwritten(&error, &state));
        exit = Exit::Failed;
    }
    let fixed = match connector.columns() {
        Columns::Fixed(columns) => Some(columns),
        Columns::OfTheResult(_) => None,
    };
    let shape = Shape {
        path: settings.output.path(),
        format: settings.format,
        leading: &rows.leading,
        fixed: fixed.as_deref(),
    };
    let misfit = |slice: &Ended| state.misfit(&slice.account, &slice.region, settings.shard.is_some());
    let outputs = laid_out(&shape, &mut ledger, &tables, &mut exit, misfit);
    let mut written = Vec::new();
    if matches!(exit, Exit::Complete | Exit::Partial) {
        let publishing = Publishing {
            outputs,
            format: settings.format,
            source: spool,
            workspace: state.directory().map(Path::to_owned),
            in_place: in_place && exit == Exit::Complete,
        };
        match publishing.written(stdout, &mut interrupts).await {
            Written::Whole(whole) => written = whole,
            Written::ReaderGone => exit = Exit::ReaderGone,
            Written::Failed(error) => {
                ledger.cause = Some(unwritten(&error, &state));
                exit = Exit::Failed;
            }
            Written::Interrupted(interrupted) => exit = interrupted,
        }
    }
    let finished = context.host.time().now();
    ledger.finished = timestamp(finished);
    ledger.duration_seconds = finished.duration_since(started).unwrap_or_default().as_secs_f64();
    let something = state.has_something();
    let directory = state.directory();
    let end = |ledger: &mut Ledger, exit: Exit| {
        ledger.hide_secrets(context.host.mask());
        ledger.finish(exit);
        let kept = to_be_merged(settings, ledger, exit) || (exit != Exit::Complete && something);
        ledger.state = directory
            .filter(|_| kept)
            .map(|directory| directory.display().to_string());
    };
    end(&mut ledger, exit);
    let ledger_place = |something| settings.ledger.as_deref().map(|path| place(path, something));
    let mut ledger_path = ledger_place(matches!(exit, Exit::Complete | Exit::Partial));
    let mut put = put(&mut ledger, written, ledger_path.as_deref(), directory);
    if let Err(error) = &put {
        if matches!(exit, Exit::Complete | Exit::Partial) {
            exit = Exit::Failed;
        }
        // The first cause is what to mend.
        let unwritten = unwritten(error, &state);
        match &ledger.cause {
            None => ledger.cause = Some(unwritten),
            Some(_) => tracing::error!("{}", unwritten.message),
        }
        end(&mut ledger, exit);
        state.make_room();
        // A small ledger may find the room that large rows have not, and one of a failed run has to say so.
        ledger_path = ledger_place(!ledger.outputs.is_empty());
        put = put_ledger(&ledger, ledger_path.as_deref(), directory);
    }
    let to_be_merged = to_be_merged(settings, &ledger, exit);
    let cleaned = match exit {
        Exit::Complete | Exit::Partial => {
            state.published(exit == Exit::Complete, settings.keep_last_good || to_be_merged)
        }
        _ if something || to_be_merged => Ok(()),
        _ => state.clean_up(),
    };
    let cleaned = match &put {
        Ok(Some(ledger)) if to_be_merged => cleaned.and_then(|()| state.ended(ledger.clone())),
        _ => cleaned,
    };
    if let Err(error) = cleaned {
        tracing::warn!("what is kept beside the output could not be cleaned up: {error}");
    }
    let ledger_path = ledger_path.filter(|_| put.is_ok());
    let closing = connector.closing(&ledger.totals);
    tell(context.terminal, &ledger, ledger_path.as_deref(), closing, exit);
    Ok(exit)
}

/// The beginning, for a log collector.
fn tell_start(connector: &str, context: &Context<'_>, state: &State) {
    if context.terminal.format != LogFormat::Json || context.terminal.quiet {
        return;
    }
    let settings = context.settings;
    let shown = |path: &Path| Json::from(path.display().to_string());
    let output = settings.output.path().map_or("-".into(), |path| shown(&path.0));
    let fields = [
        ("connector", connector.into()),
        ("run", state.run().into()),
        ("output", output),
        ("ledger", settings.ledger.as_deref().map_or(Json::Null, shown)),
        ("shard", settings.shard.map(|shard| shard.to_string()).into()),
        ("resumed", state.resumed().into()),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    context
        .terminal
        .event(Level::INFO, "run started", fields.into_iter().collect());
}

/// Whether a region is not to be collected.
fn is_left_out(settings: &Settings, region: &str) -> bool {
    let regions = &settings.auth.regions;
    let is = |name: &String| name == region;
    regions.exclude.iter().any(is) || !(regions.include.is_empty() || regions.include.iter().any(is))
}

/// Whether what a shard leaves is taken by the merge, be it nothing.
fn to_be_merged(settings: &Settings, ledger: &Ledger, exit: Exit) -> bool {
    settings.shard.is_some() && ledger.cause.is_none() && matches!(exit, Exit::Complete | Exit::Partial | Exit::Failed)
}

/// What an earlier run has left, or a new state.
fn opened_state<C: Connector>(
    connector: &C,
    collector: &C::Collector,
    context: &Context<'_>,
    before: &Before,
    now: String,
) -> Result<State, StateError> {
    let settings = context.settings;
    let Some(own) = &settings.state else {
        let directory = std::env::temp_dir();
        return match Spool::new(&directory) {
            Ok(spool) => Ok(State::none(spool)),
            Err(error) => Err(StateError::Io(directory, error)),
        };
    };
    let about = connector.about();
    let declared = parameters_of(connector);
    let mut parameters = context.values.shaping(&declared);
    parameters.insert("format".to_owned(), settings.format.name().into());
    parameters.insert("leading_columns".to_owned(), settings.leading.clone().into());
    if let Some(shard) = settings.shard {
        parameters.insert(state::SHARD.to_owned(), shard.to_string().into());
    }
    if about.regions == DefaultRegions::Home {
        parameters.insert("regions".to_owned(), settings.auth.regions.include.clone().into());
    }
    let identity = state::Identity {
        connector: about.name,
        version: about.version,
        parameters,
        beside_a_slice: declared
            .iter()
            .filter(|parameter| parameter.bearing == Bearing::Run)
            .map(|parameter| parameter.name)
            .collect(),
        work: collector.work(),
    };
    let intent = state::Intent {
        resume: before.resume.is_some(),
        keep_last_good: settings.keep_last_good,
        forget_last_good: before.forget_last_good,
    };
    let directory = match &before.resume {
        Some(Resume::Of(ledger)) => state_of(ledger)?,
        _ => own.clone(),
    };
    if intent.resume && !state::is_there(&directory) {
        let last = settings.ledger.as_deref().map(last_of);
        if let Some(ledger) = last.filter(|ledger| changed_something(ledger)) {
            return Err(StateError::Complete(ledger));
        }
        tracing::info!("no unfinished run found for this output; collecting everything");
    }
    let state = State::open(&directory, &identity, intent, now)?;
    if let Some(started) = state.resumed() {
        let kept = state.complete();
        tracing::info!("resuming the run of {started}: {kept} slices are complete and kept, the others are collected");
    }
    for (place, steps) in state.begun() {
        for line in collector.resuming(steps) {
            tracing::info!("resume {} {}: {line}", place.account, place.region);
        }
    }
    Ok(state)
}

/// Whether this is the ledger of a complete run that changed something at AWS: what would run again is no rest of it.
fn changed_something(ledger: &Path) -> bool {
    let ledger = std::fs::read(ledger).ok();
    let ledger = ledger.and_then(|ledger| serde_json::from_slice::<Json>(&ledger).ok());
    let Some(ledger) = ledger else { return false };
    let changes = ledger["totals"][CHANGES].as_u64().unwrap_or_default();
    ledger["outcome"] == "complete" && changes > 0
}

/// Where the run of a ledger has left what it has, or the one after it that has published nothing.
fn state_of(ledger: &Path) -> Result<PathBuf, StateError> {
    let ledger = &*last_of(ledger);
    let unusable = |why: String| StateError::Ledger(ledger.to_owned(), why);
    let text = std::fs::read(ledger).map_err(|error| unusable(error.to_string()))?;
    let state = state::directory_of(&text).map_err(unusable)?;
    match state::is_there(&state) {
        true => Ok(state),
        false => Err(unusable(format!(
            "what its run has left in {} is gone",
            state.display()
        ))),
    }
}

/// Nothing was attempted.
fn refuse(context: &Context<'_>, error: &StateError) -> Exit {
    let exit = match error {
        StateError::Io(..) => Exit::Failed,
        StateError::InUse(_) => Exit::InUse,
        _ => Exit::Usage,
    };
    context.terminal.error(&error.to_string(), None, exit.code());
    exit
}

fn too_late(limit: Duration) -> Report {
    Report {
        message: format!(
            "the run came to its deadline of {} s before the accounts were known",
            limit.as_secs()
        ),
        hint: Some("raise run_timeout; with -v the log tells what AWS was slow at".to_owned()),
        ..Report::default()
    }
}

fn unwritten(why: &impl ToString, state: &State) -> Report {
    let hint = match state.has_something() {
        true => "nothing is lost: make room or mend the path, then run again with --resume",
        false => "make room or mend the path, then run again",
    };
    Report {
        message: why.to_string(),
        hint: Some(hint.to_owned()),
        ..Report::default()
    }
}

/// Told before anything is collected, where the ledger has a disk of its own.
fn room_for_ledger(settings: &Settings) -> Result<(), StateError> {
    let Some(path) = &settings.ledger else { return Ok(()) };
    let directory = directory_of(path);
    if !directory.is_dir() {
        return Ok(());
    }
    let write = |mut file: std::fs::File| file.write_all(&[0; ROOM_FOR_LEDGER]);
    let written = tempfile::tempfile_in(directory).and_then(write);
    written.map_err(|error| StateError::Io(directory.to_owned(), error))
}

fn opened<C: Connector>(connector: &C, context: &Context<'_>) -> Ledger {
    Ledger {
        parameters: context.values.redacted(),
        warnings: context.settings.warnings.clone(),
        shard: context.settings.shard.map(|shard| shard.to_string()),
        ..Ledger::new(connector.about())
    }
}

fn clock_is_wrong(aws_is_ahead: i64) -> String {
    let by = match aws_is_ahead.unsigned_abs() {
        seconds @ ..7200 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3600),
    };
    let how = if aws_is_ahead > 0 { "behind" } else { "ahead of" };
    format!(
        "the clock of this machine is {by} {how} that of AWS; requests are signed by that of AWS: set the clock right"
    )
}

/// Moves what is in the journal into the ledger; the tables of collected slices, and warnings of slices with how many
/// slices they are of.
fn take(journal: &Journal, ledger: &mut Ledger) -> (Vec<Ended>, Vec<String>) {
    let Collected {
        caller,
        accounts,
        warnings,
        slices,
    } = journal.take();
    ledger.identity = caller.map(|caller| Identity {
        account: caller.account.to_string(),
        arn: caller.arn,
    });
    ledger.warnings.extend(warnings);
    ledger.accounts = accounts;
    let mut tables = Vec::new();
    for (entry, spooled) in slices {
        tables.extend(collected(&entry, spooled));
        ledger.slices.push(entry);
    }
    let told = told(&ledger.slices);
    (tables, told)
}

fn collected(entry: &SliceEntry, tables: Vec<SpooledTable>) -> Option<Ended> {
    entry.outcome.is_collected().then(|| Ended {
        account: entry.account_id.clone(),
        region: entry.region.clone().unwrap_or_default(),
        stale: false,
        tables,
    })
}
