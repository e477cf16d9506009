//! Errors in Athena's words: a name, a place, a sentence.

use sqlparser::tokenizer::Span;

use crate::estate::QueryError;

/// Why a statement failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed(pub(crate) String);

impl Failed {
    pub(super) fn new(name: &str, message: impl AsRef<str>) -> Self {
        Self(format!("{name}: {}", message.as_ref()))
    }

    /// What Athena could do and the simulator cannot.
    pub(super) fn not_simulated(what: &str) -> Self {
        Self::new(
            "NOT_SUPPORTED",
            format!("aws-sim does not simulate {what}; give a canned result"),
        )
    }
}

/// `line 1:8: `, and nothing where no place is known.
pub(super) fn at(span: Span) -> String {
    place(span.start.line, span.start.column)
}

pub(super) fn place(line: u64, column: u64) -> String {
    if line == 0 {
        String::new()
    } else {
        format!("line {line}:{column}: ")
    }
}

/// An error with the number that Athena's catalog has for its name.
/// <https://docs.aws.amazon.com/athena/latest/ug/error-reference.html>
pub(crate) fn error(message: &str) -> QueryError {
    let name = message.split(':').next().unwrap_or_default();
    let kind = match name {
        "TABLE_NOT_FOUND" | "SCHEMA_NOT_FOUND" => 1301,
        "COLUMN_NOT_FOUND" | "CATALOG_NOT_FOUND" => 1006,
        "TYPE_MISMATCH" => 1002,
        "FUNCTION_NOT_FOUND" => 1303,
        "DIVISION_BY_ZERO" => 1001,
        "INVALID_CAST_ARGUMENT" => 1100,
        "TABLE_ALREADY_EXISTS" => 1110,
        "NOT_SUPPORTED" => 1200,
        _ => 1000,
    };
    QueryError::user(kind, message)
}

impl From<Failed> for QueryError {
    fn from(failed: Failed) -> Self {
        error(&failed.0)
    }
}

impl From<rusqlite::Error> for Failed {
    /// Functions of the simulator speak Athena's words already; what SQLite itself finds is told as it says it.
    fn from(found: rusqlite::Error) -> Self {
        let message = match &found {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
            rusqlite::Error::UserFunctionError(inner) => inner.to_string(),
            other => other.to_string(),
        };
        let named = message.split_once(": ").is_some_and(|(name, _)| {
            name.len() > 3 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        });
        if named {
            return Self(message);
        }
        if message.contains("integer overflow") {
            return Self::new("NUMERIC_VALUE_OUT_OF_RANGE", "bigint addition overflow");
        }
        if message.contains("misuse of aggregate") {
            return Self::new("EXPRESSION_NOT_SCALAR", message);
        }
        Self::new("GENERIC_INTERNAL_ERROR", message)
    }
}

/// An error inside of a function that SQLite calls.
pub(super) fn inside(failed: Failed) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(failed.0.into())
}
