//! `run`: collects, and publishes rows and ledger.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use auth_core::AuthError;
use auth_core::error::Report;
use auth_core::host::AsyncSleep as _;
use futures::{Stream, StreamExt as _};

use super::Context;
use crate::collect::{Collected, Journal, Run, collect, resolve};
use crate::connector::{Columns, Connector};
use crate::exit::Exit;
use crate::ledger::{Identity, LEDGER_VERSION, Ledger, SliceEntry, timestamp};
use crate::rows::{Ended, Rows, Spool, SpooledTable, layout, publish};
use crate::settings::{Destination, Settings};
use crate::slice::Outcome;
use crate::terminal::{Progress, summary};

/// What runs at AWS must have been stopped within this time when a run is interrupted.
const STOP_TIME: Duration = Duration::from_secs(30);

/// The first of `interrupts` ends the run in order, a second one at once.
pub(crate) async fn run<C: Connector>(
    connector: &C,
    collector: C::Collector,
    context: &Context<'_>,
    stdout: &mut (dyn Write + Send),
    interrupts: impl Stream<Item = Exit>,
) -> io::Result<Exit> {
    let mut interrupts = std::pin::pin!(interrupts);
    let settings = context.settings;
    let mut ledger = opened(connector, context);
    let started = context.host.time().now();
    ledger.started = timestamp(started);
    let spool = Arc::new(Spool::new(&spool_directory(&settings.output))?);
    let rows = Rows::new(settings.format, &settings.leading, Arc::clone(&spool)).formulas(settings.formulas);
    let progress = Arc::new(Progress::new(context.terminal));
    let journal = Arc::new(Journal::default());
    let run = Arc::new(Run::new(
        collector,
        Arc::clone(settings),
        rows.clone(),
        context.host.clone(),
        connector.about().slices_at_once,
        Arc::clone(&progress),
        Arc::clone(&journal),
    ));
    let collecting = async {
        let list = resolve(run.authenticator(), settings, &journal).await?;
        progress.accounts_known(list.accounts.len(), list.skipped.len());
        collect(&run, list).await;
        Ok::<_, AuthError>(())
    };
    let ended = tokio::select! {
        biased;
        Some(exit) = interrupts.next() => Err(exit),
        result = collecting => Ok(result),
    };
    // Outside of what was cut short.
    tokio::select! {
        () = run.stop() => {}
        Some(_) = interrupts.next() => tracing::warn!("interrupted again: what runs at AWS may not have been stopped"),
        () = context.host.sleep().sleep(STOP_TIME) => tracing::warn!("AWS has not confirmed in time that everything was stopped"),
    }
    // Nothing is asked any more; what is left takes as long as its reader does.
    settings.auth.forget_secrets();
    drop(run);
    context.host.close().await;
    if ended.is_err() {
        journal.interrupt(context.host.time().now());
    }
    progress.finish();

    let (tables, warnings) = take(&journal, &mut ledger);
    let (outputs, misfits) = {
        let fixed = match connector.columns() {
            Columns::Fixed(columns) => Some(columns),
            Columns::OfTheResult(_) => None,
        };
        layout(settings.output.path(), &rows.leading, fixed.as_deref(), &tables)
    };
    for misfit in misfits {
        misfits_are_failures(&mut ledger.slices, &tables[misfit.slice], misfit.why, settings);
    }
    ledger.warnings.extend(warnings);
    for warning in &ledger.warnings {
        tracing::warn!("{warning}");
    }
    let exit = match &ended {
        Err(exit) => *exit,
        Ok(Err(error)) => {
            ledger.cause = Some(error.report());
            Exit::Failed
        }
        Ok(Ok(())) => Exit::of(ledger.slices.iter().map(|slice| slice.outcome)),
    };
    if matches!(exit, Exit::Complete | Exit::Partial) {
        for output in &outputs {
            match publish(output, settings.format, &spool, stdout) {
                Ok(published) => ledger.outputs.push(published),
                // The reader has seen enough. That is no failure, but neither does it make a partial run a complete one.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                Err(error) => return Err(error),
            }
        }
    }
    let finished = context.host.time().now();
    ledger.finished = timestamp(finished);
    ledger.duration_seconds = finished.duration_since(started).unwrap_or_default().as_secs_f64();
    ledger.finish(exit);
    if let Some(path) = &settings.ledger {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        ledger.save(path)?;
    }
    tell(context, &ledger, connector.closing(&ledger.totals), exit);
    Ok(exit)
}

fn opened<C: Connector>(connector: &C, context: &Context<'_>) -> Ledger {
    let about = connector.about();
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
        parameters: context.values.redacted(),
        identity: None,
        warnings: context.settings.warnings.clone(),
        accounts: Vec::new(),
        slices: Vec::new(),
        totals: serde_json::Map::new(),
        outputs: Vec::new(),
    }
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
    let mut told: Vec<(String, usize)> = Vec::new();
    for (entry, spooled) in slices {
        for warning in &entry.warnings {
            match told.iter_mut().find(|(known, _)| known == warning) {
                Some((_, count)) => *count += 1,
                None => told.push((warning.clone(), 1)),
            }
        }
        tables.extend(collected(&entry, spooled));
        ledger.slices.push(entry);
    }
    let told = told.into_iter().map(|(warning, count)| match count {
        1 => warning,
        count => format!("{warning} (in {count} slices)"),
    });
    (tables, told.collect())
}

fn collected(entry: &SliceEntry, tables: Vec<SpooledTable>) -> Option<Ended> {
    entry.outcome.is_collected().then(|| Ended {
        account: entry.account_id.clone(),
        region: entry.region.clone().unwrap_or_default(),
        tables,
    })
}

fn misfits_are_failures(entries: &mut [SliceEntry], slice: &Ended, why: String, settings: &Settings) {
    let of_the_slice =
        |entry: &&mut SliceEntry| entry.account_id == slice.account && entry.region.as_ref() == Some(&slice.region);
    let Some(entry) = entries.iter_mut().find(of_the_slice) else {
        return;
    };
    let several = settings.output.path().is_some_and(|path| path.is_several());
    let hint = if several {
        "name and cast the columns in the query so that all results are alike"
    } else {
        "name and cast the columns in the query so that all results are alike, or write a file for each account with \
         {accountId} in output"
    };
    entry.outcome = Outcome::Failed;
    entry.rows = 0;
    entry.cause = Some(Report {
        message: format!("the rows do not fit into the output: {why}"),
        hint: Some(hint.to_owned()),
        ..Report::default()
    });
}

fn tell(context: &Context<'_>, ledger: &Ledger, closing: Option<String>, exit: Exit) {
    let terminal = context.terminal;
    if terminal.format == crate::terminal::LogFormat::Json {
        let totals = serde_json::Value::Object(ledger.totals.clone());
        let cause = ledger
            .cause
            .as_ref()
            .map(|cause| cause.message.as_str())
            .unwrap_or_default();
        let hint = ledger
            .cause
            .as_ref()
            .and_then(|cause| cause.hint.as_deref())
            .unwrap_or_default();
        tracing::info!(outcome = ledger.outcome, exit_code = exit.code(), %totals, cause, hint, "run finished");
    } else if !terminal.quiet || exit == Exit::Failed {
        terminal.print(&summary(
            ledger,
            closing.as_deref(),
            exit,
            context.settings.ledger.as_deref(),
            terminal.width(),
        ));
    }
}

fn spool_directory(output: &Destination) -> std::path::PathBuf {
    match output.path() {
        Some(path) => path.directory(),
        None => std::env::temp_dir(),
    }
}
