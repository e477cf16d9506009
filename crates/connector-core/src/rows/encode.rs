//! Cells as CSV (RFC 4180), JSON text, or the form that waits to become Parquet.

use std::borrow::Cow;
use std::io::Write as _;

use base64::Engine as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::parquet::Cell;
use crate::table::{Heading, Kind, Value};

/// The format of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with a header, `\n` line ends.
    Csv,
    /// One array, an object a line.
    Json,
    /// An object a line.
    Jsonl,
    /// Apache Parquet, compressed with Snappy; nested values are JSON text.
    Parquet,
}

impl Format {
    /// `csv`, `json`, `jsonl` or `parquet`, also as a file's ending.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "json" => Some(Format::Json),
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            "parquet" => Some(Format::Parquet),
            _ => None,
        }
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
            Format::Parquet => "parquet",
        }
    }

    /// What stands before the first row of a text format.
    pub(super) fn head(self, columns: &[Heading]) -> Vec<u8> {
        let mut head = Vec::new();
        match self {
            Format::Csv => {
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        head.push(b',');
                    }
                    csv_text(&mut head, &column.name);
                }
                head.push(b'\n');
            }
            Format::Json => head.push(b'['),
            Format::Jsonl | Format::Parquet => {}
        }
        head
    }

    /// What stands behind the last row of a text format.
    pub(super) fn tail(self, rows: u64) -> &'static [u8] {
        match self {
            Format::Json if rows > 0 => b"\n]\n",
            Format::Json => b"]\n",
            Format::Csv | Format::Jsonl | Format::Parquet => b"",
        }
    }

    /// Whether a file is a head and then the rows as they are encoded, and nothing else.
    pub(super) fn is_head_and_rows(self) -> bool {
        matches!(self, Format::Csv | Format::Jsonl)
    }

    /// Bytes at the front of the very first row that are left out: rows of a JSON array begin with `,\n`.
    pub(super) fn front_of_first(self) -> usize {
        match self {
            Format::Json => 1,
            Format::Csv | Format::Jsonl | Format::Parquet => 0,
        }
    }
}

/// Encodes the rows of one table.
#[derive(Debug)]
pub(super) struct Encoder {
    format: Format,
    /// What stands before each cell, those of the leading columns first.
    before: Vec<Vec<u8>>,
    /// With formulas defused: whether each cell is of a type that a number cannot stand in. Empty: they are not.
    texts: Vec<bool>,
    /// How many columns are leading ones.
    leading: usize,
}

impl Encoder {
    /// `leading` are the columns whose cells are the same in all rows of a slice.
    pub(super) fn new(format: Format, leading: &[Heading], columns: &[Heading], formulas: Formulas) -> Self {
        let all = || leading.iter().chain(columns);
        let defuses = formulas == Formulas::Defused && format == Format::Csv;
        let names = all().map(|column| column.name.as_str()).enumerate();
        Encoder {
            format,
            before: names.map(|(index, name)| before(format, index, name)).collect(),
            texts: all()
                .filter(|_| defuses)
                .map(|column| column.kind == Kind::Text)
                .collect(),
            leading: leading.len(),
        }
    }

    /// What every row of a slice begins with: the leading cells, which are texts.
    pub(super) fn front(&self, leading: &[Option<String>]) -> Vec<u8> {
        let mut front = match self.format {
            Format::Csv => Vec::new(),
            Format::Json => b",\n{".to_vec(),
            Format::Jsonl => b"{".to_vec(),
            Format::Parquet => vec![0; LENGTH],
        };
        for (index, text) in leading.iter().enumerate() {
            self.any_cell(&mut front, index, &Value::text(text.as_deref()));
        }
        front
    }

    /// The cell of column `index` behind the leading ones.
    pub(super) fn cell(&self, row: &mut Vec<u8>, index: usize, value: &Value<'_>) {
        self.any_cell(row, self.leading + index, value);
    }

    fn any_cell(&self, row: &mut Vec<u8>, index: usize, value: &Value<'_>) {
        if let Some(before) = self.before.get(index) {
            row.extend_from_slice(before);
        }
        match self.format {
            Format::Csv => match (value, self.texts.get(index)) {
                (Value::Text(text), Some(is_text)) => csv_text(row, &defused(text, *is_text)),
                (Value::Nested(json), Some(_)) => csv_text(row, &defused(json, false)),
                _ => csv_cell(row, value),
            },
            Format::Json | Format::Jsonl => json_cell(row, value),
            Format::Parquet => Cell::of(value).write(row),
        }
    }

    /// The cell of column `index`, where it comes from CSV.
    #[inline]
    pub(super) fn csv_field(&self, row: &mut Vec<u8>, index: usize, field: CsvField<'_>) {
        if self.format != Format::Csv || !self.texts.is_empty() {
            return self.cell(row, index, &field.value());
        }
        match self.before.get(self.leading + index).map(Vec::as_slice) {
            None | Some([]) => {}
            Some([comma]) => row.push(*comma),
            Some(before) => row.extend_from_slice(before),
        }
        match field {
            CsvField::Null => {}
            CsvField::Plain(text) | CsvField::Text(text) => csv_text(row, text),
            CsvField::Doubled(text) => {
                row.push(b'"');
                row.extend_from_slice(text.as_bytes());
                row.push(b'"');
            }
        }
    }

    /// Whether columns have types that a cell may not fit, see [`Encoder::check`].
    pub(super) fn is_typed(&self) -> bool {
        self.format == Format::Parquet
    }

    /// Whether a column of this kind can hold the cell; says why not. Only Parquet's columns have types.
    pub(super) fn check(&self, kind: Kind, value: &Value<'_>) -> Result<(), String> {
        match self.format {
            Format::Csv | Format::Json | Format::Jsonl => Ok(()),
            Format::Parquet => Cell::of(value).check(kind),
        }
    }

    /// Ends the row that begins at `start`.
    pub(super) fn end(&self, row: &mut Vec<u8>, start: usize) {
        match self.format {
            Format::Csv => row.push(b'\n'),
            Format::Json => row.push(b'}'),
            Format::Jsonl => row.extend_from_slice(b"}\n"),
            Format::Parquet => {
                let length = u32::try_from(row.len() - start - LENGTH).unwrap_or(u32::MAX);
                row[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
            }
        }
    }
}

/// A field of a CSV record, as it stands there between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvField<'a> {
    /// NULL: not even quotes.
    Null,
    /// Text without a quote in it.
    Plain(&'a str),
    /// Text whose quotes are doubled; there is one at least.
    Doubled(&'a str),
    /// Text as it is, whatever it has.
    Text(&'a str),
}

impl<'a> CsvField<'a> {
    /// As the value that it stands for.
    pub fn value(self) -> Value<'a> {
        match self {
            CsvField::Null => Value::Null,
            CsvField::Plain(text) | CsvField::Text(text) => Value::Text(Cow::Borrowed(text)),
            CsvField::Doubled(text) => Value::Text(Cow::Owned(text.replace("\"\"", "\""))),
        }
    }
}

/// What becomes of cells of CSV that a spreadsheet would take for a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formulas {
    /// They stay exactly what they are.
    Kept,
    /// They are texts: an apostrophe stands before them.
    Defused,
}

/// `text` with an apostrophe before it where a spreadsheet would take it for a formula:
/// <https://owasp.org/www-community/attacks/CSV_Injection>. A number is one only in a column of texts: `-1` is harmless,
/// but nobody can tell it from the beginning of more.
///
/// Spreadsheets take the full-width forms of the signs for the signs, and pass over blanks and byte order marks before them.
pub(crate) fn defused(text: &str, is_text: bool) -> Cow<'_, str> {
    const SIGNS: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    let passed_over =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}');
    let is_formula = text.starts_with(['\t', '\r', '\n']) || text.trim_start_matches(passed_over).starts_with(SIGNS);
    if is_formula && (is_text || text.parse::<f64>().is_err()) {
        return Cow::Owned(format!("'{text}"));
    }
    Cow::Borrowed(text)
}

/// Rows that wait to become Parquet begin with the length of their cells.
pub(super) const LENGTH: usize = size_of::<u32>();

fn before(format: Format, index: usize, name: &str) -> Vec<u8> {
    let comma: &[u8] = if index > 0 { b"," } else { b"" };
    match format {
        Format::Csv => comma.to_vec(),
        Format::Parquet => Vec::new(),
        Format::Json | Format::Jsonl => {
            let mut before = comma.to_vec();
            json_text(&mut before, name);
            before.push(b':');
            before
        }
    }
}

/// Not by the csv crate: its writer cannot tell NULL, an empty field, from an empty text, `""`.
fn csv_cell(out: &mut Vec<u8>, cell: &Value<'_>) {
    match cell {
        Value::Null => {}
        Value::Text(value) => csv_text(out, value),
        Value::Nested(json) => csv_text(out, json),
        Value::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
        Value::Binary { text, .. } => csv_text(out, text),
        // Writing into memory does not fail.
        Value::Integer(number) => drop(write!(out, "{number}")),
        Value::Number(number) => drop(write!(out, "{number}")),
        Value::Boolean(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::Timestamp(seconds, nanos) => timestamp(out, *seconds, *nanos),
    }
}

fn csv_text(out: &mut Vec<u8>, value: &str) {
    let bytes = value.as_bytes();
    if !bytes.is_empty() && !needs_quotes(bytes) {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Whether a reader would take a byte of these for the end of a cell. Most texts are short: this is done before a search for
/// four bytes is set up.
fn needs_quotes(bytes: &[u8]) -> bool {
    const SPECIAL: [bool; 256] = {
        let mut special = [false; 256];
        special[b'"' as usize] = true;
        special[b',' as usize] = true;
        special[b'\n' as usize] = true;
        special[b'\r' as usize] = true;
        special
    };
    // Chunks of a known length, and no early end within one: that becomes vector instructions.
    let special = |byte: u8| (byte == b'"') | (byte == b',') | (byte == b'\n') | (byte == b'\r');
    let (chunks, rest) = bytes.as_chunks::<16>();
    let in_chunk = |chunk: &[u8; 16]| chunk.iter().fold(0, |found, byte| found | u8::from(special(*byte))) != 0;
    chunks.iter().any(in_chunk) || rest.iter().any(|byte| SPECIAL[usize::from(*byte)])
}

fn json_cell(out: &mut Vec<u8>, cell: &Value<'_>) {
    match cell {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Text(value) => json_text(out, value),
        Value::Nested(json) => out.extend_from_slice(json.as_bytes()),
        Value::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
        Value::Binary { bytes, .. } => {
            out.push(b'"');
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        Value::Integer(number) => drop(write!(out, "{number}")),
        Value::Number(number) if number.is_finite() => drop(write!(out, "{number:?}")),
        Value::Number(_) => out.extend_from_slice(b"null"),
        Value::Boolean(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::Timestamp(seconds, nanos) => {
            out.push(b'"');
            timestamp(out, *seconds, *nanos);
            out.push(b'"');
        }
    }
}

fn json_text(out: &mut Vec<u8>, value: &str) {
    // Into memory, and text is always valid JSON.
    drop(serde_json::to_writer(out, value));
}

fn timestamp(out: &mut Vec<u8>, seconds: i64, nanos: u32) {
    let start = out.len();
    let nanos_since_epoch = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos_since_epoch).ok();
    if time.is_none_or(|time| time.format_into(out, &Rfc3339).is_err()) {
        // Past the year 9999 RFC 3339 has no form; the seconds are at least right.
        out.truncate(start);
        drop(write!(out, "{seconds}"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn csv(cell: &Value<'_>) -> String {
        let mut text = Vec::new();
        csv_cell(&mut text, cell);
        String::from_utf8(text).unwrap()
    }

    fn json(cell: &Value<'_>) -> String {
        let mut text = Vec::new();
        json_cell(&mut text, cell);
        String::from_utf8(text).unwrap()
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

    #[test]
    fn formulas_become_texts_and_numbers_stay_numbers() {
        let columns = [
            Heading::new("a", Kind::Text),
            Heading::new("b", Kind::Decimal(5, 2)),
            Heading::new("c", Kind::Integer),
            Heading::new("d", Kind::Nested),
            Heading::new("e", Kind::Date),
        ];
        let leading = ["account_name", "region"].map(|name| Heading::new(name, Kind::Text));
        let row = |formulas, cells: [Value<'_>; 5]| {
            let encoder = Encoder::new(Format::Csv, &leading, &columns, formulas);
            let mut row = encoder.front(&[Some("@name".to_owned()), None]);
            for (index, cell) in cells.iter().enumerate() {
                encoder.cell(&mut row, index, cell);
            }
            String::from_utf8(row).unwrap()
        };
        let cells = || {
            let nested = Value::Nested("-1+cmd".into());
            [
                text("=1+1"),
                text("-1.50"),
                Value::Integer(-5),
                nested,
                text("-0044-03-15"),
            ]
        };
        assert_eq!(row(Formulas::Kept, cells()), "@name,,=1+1,-1.50,-5,-1+cmd,-0044-03-15");
        assert_eq!(
            row(Formulas::Defused, cells()),
            "'@name,,'=1+1,-1.50,-5,'-1+cmd,'-0044-03-15"
        );
        for (given, written) in [
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("\ta", "'\ta"),
            ("\ra", "\"'\ra\""),
            ("\na", "\"'\na\""),
            (" =a", "' =a"),
            ("\u{feff}=a", "'\u{feff}=a"),
            ("\u{a0}\u{200b}@a", "'\u{a0}\u{200b}@a"),
            ("\u{ff1d}a", "'\u{ff1d}a"),
            ("\u{ff0b}1", "'\u{ff0b}1"),
            ("\u{ff0d}1", "'\u{ff0d}1"),
            (" \u{ff20}a", "' \u{ff20}a"),
            (" a", " a"),
            ("a=", "a="),
            ("'=a", "'=a"),
            ("", "\"\""),
        ] {
            let cells = [text(given), Value::Null, Value::Null, Value::Null, Value::Null];
            assert_eq!(
                row(Formulas::Defused, cells),
                format!("'@name,,{written},,,,"),
                "{given:?}"
            );
        }
        // Whoever sends a text for a number has to send a number.
        let cells = [
            Value::Null,
            text("-1+1"),
            text("=1"),
            text("-Infinity"),
            text("-1.0E22"),
        ];
        assert_eq!(row(Formulas::Defused, cells), "'@name,,,'-1+1,'=1,-Infinity,-1.0E22");
    }

    proptest::proptest! {
        /// The csv and serde_json crates, which did not write it, read back what was written.
        #[test]
        fn any_text_survives(values in proptest::collection::vec("(\\PC|[\"\r\n,;]){0,20}", 1..5)) {
            let mut row = Vec::new();
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    row.push(b',');
                }
                csv_text(&mut row, value);
                proptest::prop_assert_eq!(&serde_json::from_str::<String>(&json(&text(value))).unwrap(), value);
                for formulas in [Formulas::Kept, Formulas::Defused] {
                    let encoder = Encoder::new(Format::Csv, &[], &[Heading::new("a", Kind::Text)], formulas);
                    let (mut from_value, mut from_csv) = (Vec::new(), Vec::new());
                    encoder.cell(&mut from_value, 0, &text(value));
                    let doubled = value.replace('"', "\"\"");
                    let field = match value.contains('"') {
                        true => CsvField::Doubled(&doubled),
                        false => CsvField::Plain(value),
                    };
                    encoder.csv_field(&mut from_csv, 0, field);
                    proptest::prop_assert_eq!(from_csv, from_value);
                }
            }
            row.push(b'\n');
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&row[..]);
            let read: Vec<String> = reader.records().next().unwrap().unwrap().iter().map(str::to_owned).collect();
            proptest::prop_assert_eq!(read, values);
        }
    }
}
