//! The commands: one module each.

mod accounts;
mod check;
mod ending;
mod iam_policy;
mod merge;
mod plan;
mod publishing;
mod run;
mod schema;
pub(crate) mod secret;

pub use schema::reference as table_reference;
pub(crate) use {
    accounts::accounts, check::check, iam_policy::iam_policy, merge::Merge, merge::merge, plan::plan, run::Before,
    run::Resume, run::run, schema::schema,
};

use std::io::{self, Write};
use std::sync::Arc;

use auth_core::{AuthError, Host};
use serde::Serialize;

use crate::exit::Exit;
use crate::parameters::Values;
use crate::parameters::catalog::FORMAT;
use crate::rows::{Format, Formulas, defused};
use crate::settings::Settings;
use crate::terminal::{Terminal, table};

/// What a verb has at hand.
pub(crate) struct Context<'a> {
    pub(crate) values: &'a Arc<Values>,
    pub(crate) settings: &'a Arc<Settings>,
    pub(crate) host: &'a Host,
    pub(crate) terminal: &'a Terminal,
}

/// Tells why signing in or listing failed.
fn tell(terminal: &Terminal, error: &AuthError) -> Exit {
    terminal.error(&error.to_string(), error.hint().as_deref(), Exit::Failed.code());
    Exit::Failed
}

/// Rows of a listing on standard output: a table, or what `format` says.
fn print<T: Serialize>(
    stdout: &mut dyn Write,
    context: &Context<'_>,
    head: &[&str],
    rows: &[T],
    cells: impl Fn(&T) -> Vec<String>,
) -> io::Result<()> {
    let cells = |row: &T| -> Vec<String> {
        let cells = cells(row).into_iter();
        cells
            .map(|cell| context.terminal.mask.hide(&cell).into_owned())
            .collect()
    };
    let given = context.values.has(&FORMAT).then_some(context.settings.format);
    match given {
        None | Some(Format::Parquet) => {
            stdout.write_all(table(Terminal::table_width(), head, rows.iter().map(cells)).as_bytes())?
        }
        Some(Format::Csv) => {
            let mut writer = csv::Writer::from_writer(&mut *stdout);
            writer.write_record(head)?;
            for row in rows {
                let defused = |cell: String| match context.settings.formulas {
                    Formulas::Defused => defused(&cell, true).into_owned(),
                    Formulas::Kept => cell,
                };
                writer.write_record(cells(row).into_iter().map(defused))?;
            }
            writer.flush()?;
        }
        Some(Format::Json) => {
            let text = serde_json::to_string_pretty(rows)?;
            writeln!(stdout, "{}", context.terminal.mask.hide(&text))?;
        }
        Some(Format::Jsonl) => {
            for row in rows {
                let text = serde_json::to_string(row)?;
                writeln!(stdout, "{}", context.terminal.mask.hide(&text))?;
            }
        }
    }
    stdout.flush()
}
