//! The end of `run` and `merge`, but for writing: rows of earlier runs stand in for what has failed, what does not fit is taken
//! out, and what has come of it is told.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use auth_core::error::Report;
use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::Level;

use crate::exit::Exit;
use crate::ledger::{Ledger, SliceEntry, Stale};
use crate::rows::{Ended, Format, Output, OutputPath, layout};
use crate::slice::Outcome;
use crate::state::LastGood;
use crate::table::Heading;
use crate::terminal::{LogFormat, Terminal, last_line, summary};

/// What a warning of stale rows that do not fit begins with.
const STALE_MISFIT: &str = "the last good rows of ";

/// What the output is like.
pub(super) struct Shape<'a> {
    /// `None`: standard output.
    pub(super) path: Option<&'a OutputPath>,
    pub(super) format: Format,
    /// The leading columns.
    pub(super) leading: &'a [Heading],
    /// The columns behind them, where they are always the same.
    pub(super) fixed: Option<&'a [Heading]>,
}

/// Lays out the rows of `slices`, which stand in order. A slice that does not fit becomes a failure in the ledger, and `misfit`
/// is told of it; `exit` is then what it is without the slice.
pub(super) fn laid_out(
    shape: &Shape<'_>,
    ledger: &mut Ledger,
    slices: &[Ended],
    exit: &mut Exit,
    misfit: impl Fn(&Ended),
) -> Vec<Output> {
    let (outputs, misfits) = layout(shape.path, shape.format, shape.leading, shape.fixed, slices);
    for found in misfits {
        let slice = &slices[found.slice];
        if !slice.stale {
            misfit(slice);
        }
        let several = shape.path.is_some_and(OutputPath::is_several);
        does_not_fit(ledger, slice, found.why, several);
        if *exit == Exit::Complete {
            *exit = Exit::of(ledger.slices.iter().map(|slice| slice.outcome));
        }
    }
    for warning in &ledger.warnings {
        tracing::warn!("{warning}");
    }
    outputs
}

/// Puts the last good rows in the place of what has failed.
pub(super) fn stand_in(
    mut last_good: impl FnMut(&SliceEntry, &dyn Fn(&str) -> bool) -> io::Result<Vec<LastGood>>,
    ledger: &mut Ledger,
    tables: &mut Vec<Ended>,
    now: SystemTime,
) -> io::Result<()> {
    let regions = ledger
        .slices
        .iter()
        .filter_map(|slice| Some((slice.account_id.clone(), slice.region.clone()?)));
    let known: HashSet<(String, String)> = regions.collect();
    for entry in ledger.slices.iter_mut().filter(|entry| entry.outcome.is_failure()) {
        let account = entry.account_id.clone();
        let kept = last_good(entry, &|region| known.contains(&(account.clone(), region.to_owned())))?;
        let Some(oldest) = kept.iter().map(|(_, collected, _)| collected).min() else {
            continue;
        };
        let since = OffsetDateTime::parse(oldest, &Rfc3339)
            .map(SystemTime::from)
            .unwrap_or(now);
        let stale = Stale {
            rows: kept
                .iter()
                .flat_map(|(.., tables)| tables)
                .map(|table| table.rows)
                .sum(),
            regions: kept.iter().map(|(region, ..)| region.clone()).collect(),
            collected: oldest.clone(),
            age_seconds: now.duration_since(since).unwrap_or_default().as_secs_f64(),
        };
        entry.stale = Some(stale.into());
        tables.extend(kept.into_iter().map(|(region, _, tables)| Ended {
            account: account.clone(),
            region,
            stale: true,
            tables,
        }));
    }
    tables.sort_by(|a, b| (&a.account, &a.region).cmp(&(&b.account, &b.region)));
    Ok(())
}

/// Takes a slice whose columns do not fit out of what the ledger says is in the output.
fn does_not_fit(ledger: &mut Ledger, slice: &Ended, why: String, several: bool) {
    let mut entries = ledger
        .slices
        .iter_mut()
        .filter(|entry| entry.account_id == slice.account);
    if slice.stale {
        let place = format!("{} {}", slice.account, slice.region);
        let stale = entries.filter_map(|entry| entry.stale.as_mut());
        for stale in stale.filter(|stale| stale.regions.contains(&slice.region)) {
            stale.regions.retain(|region| *region != slice.region);
            stale.rows -= slice.tables.iter().map(|table| table.rows).sum::<u64>();
        }
        ledger
            .warnings
            .push(format!("{STALE_MISFIT}{place} do not fit into the output: {why}"));
        return;
    }
    let Some(entry) = entries.find(|entry| entry.region.as_ref() == Some(&slice.region)) else {
        return;
    };
    let hint = if several {
        "name and cast the columns in the query so that all results are alike"
    } else {
        "name and cast the columns in the query so that all results are alike, or write a file for each account with \
         {accountId} in output"
    };
    entry.outcome = Outcome::Failed;
    entry.rows = 0;
    let report = Report {
        message: format!("the rows do not fit into the output: {why}"),
        hint: Some(hint.to_owned()),
        ..Report::default()
    };
    entry.cause = Some(report.into());
}

/// The warnings of slices, with how many slices they are of.
pub(super) fn told(slices: &[SliceEntry]) -> Vec<String> {
    let mut told: Vec<(&str, usize)> = Vec::new();
    for warning in slices.iter().flat_map(|entry| &entry.warnings) {
        match told.iter_mut().find(|(known, _)| known == warning) {
            Some((_, count)) => *count += 1,
            None => told.push((warning, 1)),
        }
    }
    let told = told.into_iter().map(|(warning, count)| match count {
        1 => warning.to_owned(),
        count => format!("{warning} (in {count} slices)"),
    });
    told.collect()
}

/// Whether a warning says that stale rows do not fit beside the others: beside more others that is to be seen anew.
pub(super) fn is_of_a_stale_misfit(warning: &str) -> bool {
    warning.starts_with(STALE_MISFIT)
}

/// The end, for a person or a log collector.
pub(super) fn tell(
    terminal: &Terminal,
    ledger: &Ledger,
    ledger_path: Option<&Path>,
    closing: Option<String>,
    exit: Exit,
) {
    if terminal.format == LogFormat::Json {
        let level = match exit {
            Exit::Complete => Level::INFO,
            Exit::Partial => Level::WARN,
            _ => Level::ERROR,
        };
        if terminal.quiet && exit == Exit::Complete {
            return;
        }
        let cause = ledger.cause.as_ref();
        let fields = [
            ("outcome", ledger.outcome.into()),
            ("exit_code", exit.code().into()),
            ("totals", Json::Object(ledger.totals.clone())),
            ("duration_seconds", ledger.duration_seconds.into()),
            (
                "outputs",
                ledger
                    .outputs
                    .iter()
                    .map(|output| Json::from(output.path.as_str()))
                    .collect(),
            ),
            ("ledger", ledger_path.map(|path| path.display().to_string()).into()),
            ("cause", cause.map(|cause| cause.message.as_str()).into()),
            ("hint", cause.and_then(|cause| cause.hint.as_deref()).into()),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        terminal.event(level, "run finished", fields.into_iter().collect());
    } else if terminal.quiet && !matches!(exit, Exit::Complete | Exit::Failed) {
        terminal.print(&last_line(ledger, exit));
    } else if !terminal.quiet || exit == Exit::Failed {
        terminal.print(&summary(
            ledger,
            closing.as_deref(),
            exit,
            ledger_path,
            terminal.width(),
        ));
    }
}
