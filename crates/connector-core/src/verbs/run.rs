//! `run`: collects, and publishes rows and ledger.

use std::future::Future;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::Context;
use crate::collect::{Journal, Run, collect, resolve};
use crate::connector::Connector;
use crate::exit::Exit;
use crate::ledger::{Identity, LEDGER_VERSION, Ledger, timestamp};
use crate::rows::{Published, Spool, SpooledSlice, Table, publish_file, publish_stdout};
use crate::settings::Destination;
use crate::terminal::{Progress, summary};

/// `interrupt` ends the run when it is ready.
pub(crate) async fn run<C: Connector>(
    connector: &C,
    context: &Context<'_>,
    stdout: &mut (dyn Write + Send),
    interrupt: impl Future<Output = Exit>,
) -> io::Result<Exit> {
    let settings = context.settings;
    let about = connector.about();
    let started = context.host.time().now();
    let mut ledger = Ledger {
        connector: about.name,
        version: about.version,
        ledger_version: LEDGER_VERSION,
        outcome: "",
        exit_code: 0,
        cause: None,
        started: timestamp(started),
        finished: String::new(),
        duration_seconds: 0.0,
        parameters: context.values.redacted(),
        identity: None,
        warnings: settings.warnings.clone(),
        accounts: Vec::new(),
        slices: Vec::new(),
        totals: serde_json::Map::new(),
        outputs: Vec::new(),
    };
    let spool = Arc::new(Spool::new(&spool_directory(&settings.output))?);
    let table = Arc::new(Table::new(
        settings.format,
        connector.columns(),
        about.order,
        Arc::clone(&spool),
    ));
    let progress = Arc::new(Progress::new(context.terminal));
    let journal = Arc::new(Journal::default());
    let run = Arc::new(Run::new(
        connector.clone(),
        Arc::clone(context.values),
        Arc::clone(settings),
        Arc::clone(&table),
        context.host.clone(),
        Arc::clone(&progress),
        Arc::clone(&journal),
    ));
    let collecting = async {
        let list = resolve(run.authenticator(), settings, &journal).await?;
        progress.accounts_known(list.accounts.len(), list.skipped.len());
        collect(&run, list).await;
        Ok(())
    };
    let mut ended = tokio::select! {
        biased;
        exit = interrupt => Err(exit),
        result = collecting => Ok(result),
    };
    progress.finish();

    let collected = journal.take();
    ledger.identity = collected.caller.map(|caller| Identity {
        account: caller.account.to_string(),
        arn: caller.arn,
    });
    ledger.warnings.extend(collected.warnings);
    ledger.accounts = collected.accounts;
    let (entries, spooled): (Vec<_>, Vec<_>) = collected.slices.into_iter().unzip();
    ledger.slices = entries;
    for warning in &ledger.warnings {
        tracing::warn!("{warning}");
    }
    if let Ok(Err(error)) = &mut ended {
        let error: &auth_core::AuthError = error;
        ledger.cause = Some(error.report());
    }
    let exit = match &ended {
        Err(exit) => *exit,
        Ok(Err(_)) => Exit::Failed,
        Ok(Ok(())) => Exit::of(ledger.slices.iter().map(|slice| slice.outcome)),
    };
    if matches!(exit, Exit::Complete | Exit::Partial) {
        let slices: Vec<&SpooledSlice> = spooled.iter().flatten().collect();
        let columns = connector.columns().iter().map(|column| column.name);
        match publish(&settings.output, stdout, &table, columns, &spool, &slices) {
            Ok(published) => ledger.outputs.push(published),
            // The reader has seen enough. That is no failure, but neither does it make a partial run a complete one.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error),
        }
    }
    let finished = context.host.time().now();
    ledger.finished = timestamp(finished);
    ledger.duration_seconds = finished.duration_since(started).unwrap_or_default().as_secs_f64();
    ledger.finish(exit);
    if let Some(path) = &settings.ledger {
        ledger.save(path)?;
    }
    tell(context, &ledger, exit);
    Ok(exit)
}

fn publish<'a, R>(
    output: &Destination,
    stdout: &mut (dyn Write + Send),
    table: &Table<R>,
    columns: impl Iterator<Item = &'a str>,
    spool: &Spool,
    slices: &[&SpooledSlice],
) -> io::Result<Published> {
    match output {
        Destination::File(path) => publish_file(path, table.format, columns, spool, slices).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("the rows cannot be written to {}: {error}", path.display()),
            )
        }),
        Destination::Stdout => publish_stdout(stdout, table.format, columns, spool, slices),
    }
}

fn tell(context: &Context<'_>, ledger: &Ledger, exit: Exit) {
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
            exit,
            context.settings.ledger.as_deref(),
            terminal.width(),
        ));
    }
}

fn spool_directory(output: &Destination) -> std::path::PathBuf {
    match output {
        Destination::File(path) => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            parent.unwrap_or(Path::new(".")).to_owned()
        }
        Destination::Stdout => std::env::temp_dir(),
    }
}
