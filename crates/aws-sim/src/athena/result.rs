//! The result of a statement in memory: columns and rows, whatever they come from.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::types::Type;
use super::value::Value;
use crate::estate::{Canned, CannedRows};

/// A column of a result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) of: Type,
    /// The type as the API names it, where it is none of a query: `string` of SHOW and DESCRIBE.
    pub(crate) api: Option<&'static str>,
}

impl Column {
    pub(crate) fn new(name: impl Into<String>, of: Type) -> Self {
        Self {
            name: name.into(),
            of,
            api: None,
        }
    }

    /// A column of SHOW or DESCRIBE.
    pub(crate) fn string(name: &str) -> Self {
        Self {
            api: Some("string"),
            ..Self::new(name, super::types::TEXT)
        }
    }

    /// The name of the type in the API.
    pub(crate) fn type_name(&self) -> String {
        self.api.map_or_else(|| self.of.api_name(), str::to_owned)
    }

    /// The column in `ResultSetMetadata`.
    pub(crate) fn info(&self) -> Json {
        let (precision, scale) = match self.api {
            Some(_) => (0, 0),
            None => self.of.api_size(),
        };
        json!({
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type_name(),
            "Precision": precision,
            "Scale": scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.api.is_none() && self.of.is_text(),
        })
    }
}

/// So many rows tell how long the others are.
const SAMPLE: u64 = 1000;

/// The rows of a result.
#[derive(Clone, Debug)]
pub(crate) enum Rows {
    Values(Arc<Vec<Vec<Value>>>),
    /// Each row is one text, though there may be several columns.
    Lines(Vec<String>),
    Canned(Arc<Canned>),
}

/// A result.
#[derive(Clone, Debug)]
pub(crate) struct ResultSet {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Rows,
    /// The count of a write.
    pub(crate) update_count: Option<i64>,
}

impl ResultSet {
    pub(crate) fn new(columns: Vec<Column>, rows: Vec<Vec<Value>>) -> Self {
        Self {
            columns,
            rows: Rows::Values(Arc::new(rows)),
            update_count: None,
        }
    }

    pub(crate) fn lines(columns: Vec<Column>, lines: Vec<String>) -> Self {
        Self {
            columns,
            rows: Rows::Lines(lines),
            update_count: None,
        }
    }

    /// The result of a write: the one column that Athena names, and no rows.
    pub(crate) fn written(count: i64) -> Self {
        Self {
            update_count: Some(count),
            ..Self::new(vec![Column::new("rows", Type::Bigint)], Vec::new())
        }
    }

    /// The result of DDL: nothing.
    pub(crate) fn nothing() -> Self {
        Self::new(Vec::new(), Vec::new())
    }

    pub(crate) fn canned(canned: &Arc<Canned>) -> Self {
        if let Some(count) = canned.update_count {
            return Self::written(count);
        }
        let columns = canned.columns.iter();
        Self {
            columns: columns
                .map(|column| Column::new(&column.name, column.of.clone()))
                .collect(),
            rows: Rows::Canned(Arc::clone(canned)),
            update_count: None,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match &self.rows {
            Rows::Values(rows) => rows.len() as u64,
            Rows::Lines(lines) => lines.len() as u64,
            Rows::Canned(canned) => match &canned.rows {
                CannedRows::Given(rows) => rows.len() as u64,
                CannedRows::Generated(rows, _) => *rows,
            },
        }
    }

    /// The texts of a row; `None` is NULL.
    pub(crate) fn texts(&self, row: u64) -> Vec<Option<String>> {
        let at = usize::try_from(row).unwrap_or(usize::MAX);
        match &self.rows {
            Rows::Values(rows) => {
                let cells = rows[at].iter().zip(&self.columns);
                cells.map(|(value, column)| value.text(&column.of)).collect()
            }
            Rows::Lines(lines) => vec![Some(lines[at].clone())],
            Rows::Canned(canned) => match &canned.rows {
                CannedRows::Given(rows) => rows[at].texts.clone(),
                CannedRows::Generated(_, cell) => {
                    let text = |column| {
                        let mut text = String::new();
                        cell(row, column, &mut text).then_some(text)
                    };
                    (0..self.columns.len()).map(text).collect()
                }
            },
        }
    }

    /// The values of a row; an error names a column whose canned texts are no values.
    pub(crate) fn values(&self, row: u64) -> Result<Vec<Value>, String> {
        let at = usize::try_from(row).unwrap_or(usize::MAX);
        if let Rows::Values(rows) = &self.rows {
            return Ok(rows[at].clone());
        }
        if let Rows::Canned(canned) = &self.rows
            && let CannedRows::Given(rows) = &canned.rows
            && let Some(values) = &rows[at].values
        {
            return Ok(values.clone());
        }
        let cells = self.texts(row).into_iter().zip(&self.columns);
        let value = |(text, column): (Option<String>, &Column)| match text {
            None => Ok(Value::Null),
            Some(text) => Value::from_text(&column.of, &text).ok_or_else(|| column.name.clone()),
        };
        cells.map(value).collect()
    }

    /// The object of a SELECT: every field that is not NULL in quotes.
    pub(crate) fn csv(&self) -> Bytes {
        let Rows::Canned(canned) = &self.rows else {
            return self.write_csv();
        };
        // All accounts share the bytes of a large result.
        canned.csv.get_or_init(|| self.write_csv()).clone()
    }

    fn write_csv(&self) -> Bytes {
        let mut out = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            push_field(&mut out, at, Some(&column.name));
        }
        out.push(b'\n');
        if let Rows::Canned(canned) = &self.rows
            && let CannedRows::Generated(rows, cell) = &canned.rows
        {
            let mut text = String::new();
            for row in 0..*rows {
                if row == SAMPLE {
                    // A large result is not to be copied again and again while it grows.
                    let each = out.len() / SAMPLE as usize + 1;
                    out.reserve(usize::try_from(*rows).unwrap_or(0).saturating_mul(each));
                }
                for column in 0..self.columns.len() {
                    text.clear();
                    let given = cell(row, column, &mut text);
                    push_field(&mut out, column, given.then_some(&text));
                }
                out.push(b'\n');
            }
            return out.into();
        }
        for row in 0..self.len() {
            for (at, text) in self.texts(row).iter().enumerate() {
                push_field(&mut out, at, text.as_deref());
            }
            out.push(b'\n');
        }
        out.into()
    }

    /// The object of SHOW, DESCRIBE and the like: tabs between fields, line breaks between rows.
    pub(crate) fn plain_text(&self, header: bool) -> Bytes {
        let mut lines = Vec::new();
        if header {
            lines.push(
                self.columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect::<Vec<_>>()
                    .join("\t"),
            );
        }
        for row in 0..self.len() {
            let texts: Vec<String> = self.texts(row).into_iter().map(Option::unwrap_or_default).collect();
            lines.push(texts.join("\t"));
        }
        lines.join("\n").into()
    }
}

fn push_field(out: &mut Vec<u8>, at: usize, text: Option<&str>) {
    if at > 0 {
        out.push(b',');
    }
    let Some(text) = text else { return };
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(quote) = rest.iter().position(|byte| *byte == b'"') {
        out.extend_from_slice(&rest[..=quote]);
        out.push(b'"');
        rest = &rest[quote + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_quoted_and_null_is_nothing() {
        let columns = vec![
            Column::new("a\"b", Type::Bigint),
            Column::new("c", super::super::types::TEXT),
        ];
        let text = |text: &str| Value::Text(text.to_owned());
        let rows = vec![
            vec![Value::Integer(1), text("x \"y\"\nz")],
            vec![Value::Null, text("")],
            vec![Value::Null, Value::Null],
        ];
        let result = ResultSet::new(columns, rows);
        assert_eq!(result.csv(), "\"a\"\"b\",\"c\"\n\"1\",\"x \"\"y\"\"\nz\"\n,\"\"\n,\n");
        let one = ResultSet::new(vec![Column::new("n", Type::Bigint)], vec![vec![Value::Null]]);
        assert_eq!(one.csv(), "\"n\"\n\n");
    }

    #[test]
    fn a_generated_result_is_built_once() {
        let canned = Arc::new(Canned::generated(
            &[("n", "bigint"), ("s", "varchar")],
            3,
            |row, column, text| {
                text.push_str(&row.to_string());
                column == 0 || row != 1
            },
        ));
        let first = ResultSet::canned(&canned).csv();
        assert_eq!(first, "\"n\",\"s\"\n\"0\",\"0\"\n\"1\",\n\"2\",\"2\"\n");
        assert_eq!(first.as_ptr(), ResultSet::canned(&canned).csv().as_ptr());
    }
}
