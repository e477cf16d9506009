//! Published rows, read back from each format, and their comparison with what the oracle says.

use std::fmt::Write;

use serde_json::{Map, Value};

/// One row: columns in their order.
pub type Row = Map<String, Value>;

/// Reads one JSON array of objects.
pub fn from_json(text: &str) -> Vec<Row> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("the output is no JSON array of rows: {error}\n{text}"))
}

/// Reads one JSON object a line. Every line ends, and none is empty.
pub fn from_jsonl(text: &str) -> Vec<Row> {
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line of a JSONL output ends"
    );
    let row = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON row: {error}\n{line}"));
    text.lines().map(row).collect()
}

/// A CSV output: its header, and its records with NULL (an unquoted empty field) apart from an empty text.
#[derive(Debug, PartialEq)]
pub struct Csv {
    /// The names of the columns.
    pub header: Vec<String>,
    /// A cell for each column.
    pub records: Vec<Vec<Option<String>>>,
}

/// Reads RFC 4180: fields separated by commas, records by CRLF or LF, quotes doubled inside quoted fields.
pub fn from_csv(text: &str) -> Csv {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (field, after) = csv_field(rest);
        record.push(field);
        rest = match after.strip_prefix(',') {
            Some(next) => next,
            None => {
                let next = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n'));
                records.push(std::mem::take(&mut record));
                next.unwrap_or_else(|| panic!("a field is followed by neither a comma nor a line end: {after:.80}"))
            }
        };
    }
    assert!(record.is_empty(), "the last record of a CSV output ends");
    assert!(!records.is_empty(), "a CSV output has a header");
    let header = records
        .remove(0)
        .into_iter()
        .map(|name| name.expect("a column has a name"))
        .collect::<Vec<_>>();
    for record in &records {
        assert_eq!(
            record.len(),
            header.len(),
            "a record has as many fields as the header: {record:?}"
        );
    }
    Csv { header, records }
}

fn csv_field(text: &str) -> (Option<String>, &str) {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([',', '\r', '\n']).unwrap_or(text.len());
        assert!(
            !text[..end].contains('"'),
            "an unquoted field has a quote: {:.80}",
            text
        );
        return ((end > 0).then(|| text[..end].to_owned()), &text[end..]);
    };
    let mut field = String::new();
    loop {
        let end = rest
            .find('"')
            .unwrap_or_else(|| panic!("a quoted field does not end: {rest:.80}"));
        field += &rest[..end];
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return (Some(field), rest),
        }
    }
}

/// Panics with the first difference unless a CSV output has exactly these cells behind this header.
pub fn assert_texts_equal(header: &[String], expected: &[Vec<Option<String>>], published: &Csv) {
    assert_eq!(header, published.header, "the header");
    for (number, (expected, record)) in expected.iter().zip(&published.records).enumerate() {
        assert_eq!(expected, record, "row {number}: what the oracle says, and the output");
    }
    assert_eq!(
        expected.len(),
        published.records.len(),
        "rows of the oracle, and of the output"
    );
}

/// Panics with the first differences, named by account, region, instance and column, unless both have the same rows in
/// the same order.
pub fn assert_equal(expected: &[Row], published: &[Row]) {
    assert_same_rows(
        expected,
        published.len(),
        |index, column| published[index].get(column).cloned(),
        equal,
    );
    let columns = |row: &Row| row.len();
    if let (Some(expected), Some(published)) = (expected.first(), published.first()) {
        let unknown: Vec<_> = published
            .keys()
            .filter(|column| !expected.contains_key(*column))
            .collect();
        assert!(
            unknown.is_empty(),
            "the oracle does not know these columns: {unknown:?}"
        );
        assert_eq!(
            columns(expected),
            columns(published),
            "every column is there, in a row of JSON too"
        );
    }
}

/// Like [`assert_equal`], for CSV.
pub fn assert_csv_equal(expected: &[Row], published: &Csv) {
    let cell = |index: usize, column: &str| {
        let position = published.header.iter().position(|name| name == column)?;
        Some(
            published.records[index][position]
                .clone()
                .map_or(Value::Null, Value::String),
        )
    };
    assert_same_rows(expected, published.records.len(), cell, |expected, cell| {
        match (expected, cell) {
            (Value::Null, Value::Null) => true,
            (Value::String(text), Value::String(cell)) => text == cell,
            (Value::Bool(truth), Value::String(cell)) => cell == if *truth { "true" } else { "false" },
            (Value::Number(number), Value::String(cell)) => *cell == format!("{number}"),
            (Value::Array(_) | Value::Object(_), Value::String(cell)) => {
                serde_json::from_str::<Value>(cell).is_ok_and(|cell| cell == *expected)
            }
            _ => false,
        }
    });
    if let Some(first) = expected.first() {
        let unknown: Vec<_> = published
            .header
            .iter()
            .filter(|column| !first.contains_key(*column))
            .collect();
        assert!(
            unknown.is_empty(),
            "the oracle does not know these columns: {unknown:?}"
        );
    }
}

fn equal(expected: &Value, published: &Value) -> bool {
    expected == published
}

fn assert_same_rows(
    expected: &[Row],
    count: usize,
    cell: impl Fn(usize, &str) -> Option<Value>,
    same: impl Fn(&Value, &Value) -> bool,
) {
    let mut differences = String::new();
    let mut number = 0;
    for (index, row) in expected.iter().enumerate().take(count) {
        for (column, value) in row {
            let published = cell(index, column);
            if published.as_ref().is_some_and(|published| same(value, published)) {
                continue;
            }
            number += 1;
            if number <= 20 {
                let published = published.map_or("no such column".to_owned(), |value| value.to_string());
                let _ = writeln!(
                    differences,
                    "{} {column}\n  oracle: {value}\n  output: {published}",
                    key(row)
                );
            }
        }
    }
    assert!(
        number == 0,
        "{number} cells differ from what the oracle says (the first are):\n{differences}"
    );
    assert_eq!(count, expected.len(), "rows of the output, and of the oracle");
}

fn key(row: &Row) -> String {
    let part = |column: &str| row.get(column).and_then(Value::as_str).unwrap_or("-").to_owned();
    format!("[{} {} {}]", part("account_id"), part("region"), part("instance_id"))
}

#[cfg(test)]
mod tests {
    use super::from_csv;

    #[test]
    fn csv_tells_null_from_empty_and_keeps_line_breaks() {
        let csv = from_csv("a,b,c\r\n,\"\",\"x \"\"y\"\",\nz\"\r\n1,2,3\r\n");
        assert_eq!(csv.header, ["a", "b", "c"]);
        assert_eq!(
            csv.records[0],
            [None, Some(String::new()), Some("x \"y\",\nz".to_owned())]
        );
        assert_eq!(csv.records[1], ["1", "2", "3"].map(|cell| Some(cell.to_owned())));
    }
}
