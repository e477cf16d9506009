//! Cells as CSV (RFC 4180) and JSON text.

use std::fmt::Write as _;

use auth_core::Account;
use base64::Engine as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::table::{Column, Value};

/// The format of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with a header, `\n` line ends.
    Csv,
    /// One array, an object a line.
    Json,
    /// An object a line.
    Jsonl,
}

impl Format {
    /// `csv`, `json` or `jsonl`, also as a file's ending.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "json" => Some(Format::Json),
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            _ => None,
        }
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
        }
    }

    /// What stands before the first row.
    pub(super) fn head<'a>(self, columns: impl Iterator<Item = &'a str>) -> Vec<u8> {
        match self {
            Format::Csv => {
                let mut head = columns.collect::<Vec<_>>().join(",");
                head.push('\n');
                head.into_bytes()
            }
            Format::Json => b"[".to_vec(),
            Format::Jsonl => Vec::new(),
        }
    }

    /// What stands behind the last row.
    pub(super) fn tail(self, rows: u64) -> &'static [u8] {
        match self {
            Format::Json if rows > 0 => b"\n]\n",
            Format::Json => b"]\n",
            Format::Csv | Format::Jsonl => b"",
        }
    }

    /// Bytes at the front of the very first row that are left out: rows of a JSON array begin with `,\n`.
    pub(super) fn front_of_first(self) -> usize {
        match self {
            Format::Json => 1,
            Format::Csv | Format::Jsonl => 0,
        }
    }
}

/// The columns that every table begins with.
pub const LEADING: [(&str, bool, &str); 4] = [
    ("account_id", true, "The account that the row was collected in."),
    (
        "account_name",
        false,
        "The account's name in AWS Organizations; NULL where the organization was not listed.",
    ),
    (
        "organizational_unit_path",
        false,
        "Names of the organizational units from the root down; NULL where the organization was not listed.",
    ),
    ("region", true, "The region that the row was collected in."),
];

/// The part of a row that is the same for all rows of a slice.
pub(super) fn leading(format: Format, account: &Account, region: &str) -> String {
    let cells = [
        Value::text(Some(account.id.as_str())),
        Value::text(account.name.as_deref()),
        Value::text(account.organizational_unit_path.as_deref()),
        Value::text(Some(region)),
    ];
    let mut text = String::new();
    if format == Format::Json {
        text.push_str(",\n");
    }
    if format != Format::Csv {
        text.push('{');
    }
    for (index, (cell, (name, ..))) in cells.iter().zip(LEADING).enumerate() {
        if index > 0 {
            text.push(',');
        }
        match format {
            Format::Csv => csv_cell(&mut text, cell),
            Format::Json | Format::Jsonl => json_cell(&mut text, name, cell),
        }
    }
    text
}

/// The record's own cells, and the end of the row.
pub(super) fn record<R>(format: Format, text: &mut String, columns: &[Column<R>], record: &R) {
    for column in columns {
        let cell = (column.value)(record);
        text.push(',');
        match format {
            Format::Csv => csv_cell(text, &cell),
            Format::Json | Format::Jsonl => json_cell(text, column.name, &cell),
        }
    }
    match format {
        Format::Csv => text.push('\n'),
        Format::Json => text.push('}'),
        Format::Jsonl => text.push_str("}\n"),
    }
}

/// Not by the csv crate: its writer cannot tell NULL, an empty field, from an empty text, `""`.
fn csv_cell(text: &mut String, cell: &Value<'_>) {
    match cell {
        Value::Null => {}
        Value::Text(value) => csv_text(text, value),
        Value::Nested(json) => csv_text(text, json),
        Value::Literal(literal) => text.push_str(literal),
        Value::Binary { text: shown, .. } => csv_text(text, shown),
        Value::Integer(number) => {
            let _ = write!(text, "{number}");
        }
        Value::Number(number) => {
            let _ = write!(text, "{number}");
        }
        Value::Boolean(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Timestamp(seconds, nanos) => timestamp(text, *seconds, *nanos),
    }
}

fn csv_text(text: &mut String, value: &str) {
    if !value.is_empty() && !value.contains(['"', ',', '\n', '\r']) {
        text.push_str(value);
        return;
    }
    text.push('"');
    let mut rest = value;
    while let Some(at) = rest.find('"') {
        text.push_str(&rest[..=at]);
        text.push('"');
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
    text.push('"');
}

fn json_cell(text: &mut String, name: &str, cell: &Value<'_>) {
    // Column names are snake_case: nothing to escape.
    text.push('"');
    text.push_str(name);
    text.push_str("\":");
    match cell {
        Value::Null => text.push_str("null"),
        Value::Text(value) => json_text(text, value),
        Value::Nested(json) => text.push_str(json),
        Value::Literal(literal) => text.push_str(literal),
        Value::Binary { bytes, .. } => {
            text.push('"');
            base64::engine::general_purpose::STANDARD.encode_string(bytes, text);
            text.push('"');
        }
        Value::Integer(number) => {
            let _ = write!(text, "{number}");
        }
        Value::Number(number) if number.is_finite() => {
            let _ = write!(text, "{number:?}");
        }
        Value::Number(_) => text.push_str("null"),
        Value::Boolean(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Timestamp(seconds, nanos) => {
            text.push('"');
            timestamp(text, *seconds, *nanos);
            text.push('"');
        }
    }
}

fn json_text(text: &mut String, value: &str) {
    match serde_json::to_string(value) {
        Ok(quoted) => text.push_str(&quoted),
        Err(_) => text.push_str("null"),
    }
}

fn timestamp(text: &mut String, seconds: i64, nanos: u32) {
    let nanos_since_epoch = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let formatted = OffsetDateTime::from_unix_timestamp_nanos(nanos_since_epoch)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok());
    match formatted {
        Some(formatted) => text.push_str(&formatted),
        // Past the year 9999 RFC 3339 has no form; the seconds are at least right.
        None => {
            let _ = write!(text, "{seconds}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::borrow::Cow;

    use super::*;

    fn csv(cell: &Value<'_>) -> String {
        let mut text = String::new();
        csv_cell(&mut text, cell);
        text
    }

    fn json(cell: &Value<'_>) -> String {
        let mut text = String::new();
        json_cell(&mut text, "c", cell);
        text.strip_prefix("\"c\":").unwrap().to_owned()
    }

    fn text(value: &str) -> Value<'_> {
        Value::Text(Cow::Borrowed(value))
    }

    #[test]
    fn cells_in_both_formats() {
        for (cell, in_csv, in_json) in [
            (Value::Null, "", "null"),
            (text(""), "\"\"", "\"\""),
            (text("a b"), "a b", "\"a b\""),
            (text("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"", "\"a,\\\"b\\\"\\n\""),
            (text("\u{1b}[31m\u{e9}"), "\u{1b}[31m\u{e9}", "\"\\u001b[31m\u{e9}\""),
            (Value::Literal("1.0E22"), "1.0E22", "1.0E22"),
            (
                Value::Binary {
                    text: "00 ff".into(),
                    bytes: vec![0, 255],
                },
                "00 ff",
                "\"AP8=\"",
            ),
            (Value::Integer(i64::MIN), "-9223372036854775808", "-9223372036854775808"),
            (Value::Number(0.1), "0.1", "0.1"),
            (Value::Number(f64::NAN), "NaN", "null"),
            (Value::Boolean(true), "true", "true"),
            (
                Value::Timestamp(1_700_000_000, 0),
                "2023-11-14T22:13:20Z",
                "\"2023-11-14T22:13:20Z\"",
            ),
            (
                Value::Timestamp(0, 5_000_000),
                "1970-01-01T00:00:00.005Z",
                "\"1970-01-01T00:00:00.005Z\"",
            ),
            (
                Value::Nested("[{\"a\":1}]".into()),
                "\"[{\"\"a\"\":1}]\"",
                "[{\"a\":1}]",
            ),
        ] {
            assert_eq!(csv(&cell), in_csv, "{cell:?}");
            assert_eq!(json(&cell), in_json, "{cell:?}");
        }
    }

    proptest::proptest! {
        /// The csv and serde_json crates, which did not write it, read back what was written.
        #[test]
        fn any_text_survives(values in proptest::collection::vec("(\\PC|[\"\r\n,;]){0,20}", 1..5)) {
            let mut row = String::new();
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    row.push(',');
                }
                csv_text(&mut row, value);
                proptest::prop_assert_eq!(&serde_json::from_str::<String>(&json(&text(value))).unwrap(), value);
            }
            row.push('\n');
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
            let read: Vec<String> = reader.records().next().unwrap().unwrap().iter().map(str::to_owned).collect();
            proptest::prop_assert_eq!(read, values);
        }
    }
}
