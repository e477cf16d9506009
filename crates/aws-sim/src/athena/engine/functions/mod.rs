//! Functions of Athena that SQLite has not, or not so.

mod aggregates;
mod arrays;
mod cast;
mod json;
mod numbers;
mod texts;
mod times;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};

pub(super) use times::interval_text;

use super::errors::{Failed, inside};

/// Names that are functions at Athena, to tell a wrong name from wrong arguments.
pub(super) const KNOWN: [&str; 24] = [
    "lower",
    "upper",
    "length",
    "substr",
    "concat",
    "map",
    "element_at",
    "map_keys",
    "map_values",
    "array_min",
    "array_max",
    "coalesce",
    "greatest",
    "least",
    "if",
    "date_trunc",
    "date_add",
    "date_diff",
    "json_extract",
    "split",
    "replace",
    "date",
    "row",
    "mod",
];

/// A function of a fixed number of arguments, or of any (-1), that always gives the same for the same.
fn add<F>(connection: &Connection, name: &str, arguments: i32, function: F) -> Result<()>
where
    F: Fn(&Context<'_>) -> std::result::Result<rusqlite::types::Value, Failed>
        + Send
        + Sync
        + std::panic::UnwindSafe
        + 'static,
{
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function(name, arguments, flags, move |context| function(context).map_err(inside))
}

/// The same for functions that give NULL where one argument is NULL.
fn add_strict<F>(connection: &Connection, name: &str, arguments: i32, function: F) -> Result<()>
where
    F: Fn(&Context<'_>) -> std::result::Result<rusqlite::types::Value, Failed>
        + Send
        + Sync
        + std::panic::UnwindSafe
        + 'static,
{
    add(connection, name, arguments, move |context| {
        if (0..context.len()).any(|at| context.get_raw(at) == ValueRef::Null) {
            return Ok(rusqlite::types::Value::Null);
        }
        function(context)
    })
}

/// An argument as text, whatever it is.
fn text(context: &Context<'_>, at: usize) -> String {
    match context.get_raw(at) {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// An argument as a number.
fn number(context: &Context<'_>, at: usize) -> f64 {
    match context.get_raw(at) {
        ValueRef::Integer(number) => number as f64,
        ValueRef::Real(number) => number,
        _ => text(context, at).trim().parse().unwrap_or(f64::NAN),
    }
}

/// An argument as a whole number.
fn whole(context: &Context<'_>, at: usize) -> i64 {
    match context.get_raw(at) {
        ValueRef::Integer(number) => number,
        ValueRef::Real(number) => number as i64,
        _ => text(context, at).trim().parse().unwrap_or(0),
    }
}

/// Makes all of them known to a connection.
pub(super) fn register(connection: &Connection) -> Result<()> {
    texts::register(connection)?;
    numbers::register(connection)?;
    times::register(connection)?;
    json::register(connection)?;
    arrays::register(connection)?;
    cast::register(connection)?;
    aggregates::register(connection)
}
