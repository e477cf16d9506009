//! Tables with rows that a query can read.

use std::fmt;
use std::sync::Arc;

use super::Scope;
use crate::athena::types::{TEXT, Type};
use crate::athena::value::Value;

/// Why rows are no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError(String);

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TableError {}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableColumn {
    pub(crate) name: String,
    pub(crate) of: Type,
    pub(crate) comment: String,
    pub(crate) partition: bool,
}

/// A table, in every account and region unless it says otherwise.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) name: String,
    pub(crate) database: String,
    pub(crate) scope: Scope,
    pub(crate) columns: Vec<TableColumn>,
    pub(crate) rows: Arc<Vec<Vec<Value>>>,
    /// The column that says which account a row belongs to.
    pub(crate) split: Option<usize>,
}

impl Table {
    /// A table of the database `default` without columns.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_lowercase(),
            database: "default".to_owned(),
            scope: Scope::default(),
            columns: Vec::new(),
            rows: Arc::default(),
            split: None,
        }
    }

    /// A table out of a CSV with a header: an empty field that is not quoted is NULL, `""` is the empty text. Types are
    /// the narrowest of boolean, bigint, double, date, timestamp and varchar that take all values.
    ///
    /// # Errors
    /// When the text is no CSV, or a row has more or fewer fields than the header.
    pub fn from_csv(name: &str, csv: &str) -> Result<Self, TableError> {
        let mut records = read_csv(csv)?.into_iter();
        let header = records.next().ok_or_else(|| TableError("no header".to_owned()))?;
        let rows: Vec<Vec<Option<String>>> = records.collect();
        for (at, row) in rows.iter().enumerate() {
            if row.len() != header.len() {
                let (found, wanted) = (row.len(), header.len());
                return Err(TableError(format!(
                    "row {}: {found} fields, header has {wanted}",
                    at + 1
                )));
            }
        }
        let mut table = Self::new(name);
        for (at, name) in header.iter().enumerate() {
            let of = inferred(rows.iter().filter_map(|row| row[at].as_deref()));
            let name = name.clone().unwrap_or_else(|| format!("_c{at}"));
            table.columns.push(TableColumn::new(&name, of));
        }
        let read = |row: &Vec<Option<String>>| {
            let cells = row.iter().zip(&table.columns);
            let value = |(text, column): (&Option<String>, &TableColumn)| match text {
                None => Value::Null,
                Some(text) => Value::from_text(&column.of, text).unwrap_or(Value::Null),
            };
            cells.map(value).collect()
        };
        table.rows = Arc::new(rows.iter().map(read).collect());
        Ok(table)
    }

    /// The same with given types for some columns; the others are inferred.
    ///
    /// # Errors
    /// As [`Table::from_csv`]; and when there is no such column or type, or a value is not of the type.
    pub fn from_csv_with(name: &str, csv: &str, types: &[(&str, &str)]) -> Result<Self, TableError> {
        let mut table = Self::from_csv(name, csv)?;
        let records = read_csv(csv)?;
        for (column, of) in types {
            let at = table
                .columns
                .iter()
                .position(|known| known.name == column.to_lowercase())
                .ok_or_else(|| TableError(format!("no column {column}")))?;
            let of = Type::parse(of).ok_or_else(|| TableError(format!("Athena has no type {of}")))?;
            let rows = Arc::make_mut(&mut table.rows);
            for (row, record) in rows.iter_mut().zip(&records[1..]) {
                row[at] = match &record[at] {
                    None => Value::Null,
                    Some(text) => Value::from_text(&of, text)
                        .ok_or_else(|| TableError(format!("{column}: '{text}' is no {of}")))?,
                };
            }
            table.columns[at].of = of;
        }
        Ok(table)
    }

    /// The database (`default`).
    #[must_use]
    pub fn database(mut self, database: &str) -> Self {
        self.database = database.to_lowercase();
        self
    }

    /// Only in this account.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        self.scope.account = Some(account.to_owned());
        self
    }

    /// Only in this region.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        self.scope.region = Some(region.to_owned());
        self
    }

    /// Adds a column with a type as DDL or a query spells it. Add columns before rows.
    ///
    /// # Panics
    /// When Athena has no such type.
    #[must_use]
    pub fn column(mut self, name: &str, of: &str) -> Self {
        let Some(of) = Type::parse(of) else {
            panic!("Athena has no type {of}");
        };
        self.columns.push(TableColumn::new(name, of));
        self
    }

    /// Adds a column that the table is partitioned by.
    ///
    /// # Panics
    /// When Athena has no such type.
    #[must_use]
    pub fn partition(self, name: &str, of: &str) -> Self {
        let mut table = self.column(name, of);
        if let Some(last) = table.columns.last_mut() {
            last.partition = true;
        }
        table
    }

    /// Gives the last column a comment.
    #[must_use]
    pub fn comment(mut self, comment: &str) -> Self {
        if let Some(last) = self.columns.last_mut() {
            comment.clone_into(&mut last.comment);
        }
        self
    }

    /// Adds a row by texts; nested values as JSON, binary as hex.
    ///
    /// # Panics
    /// When a text is not of its column's type, or there are not as many as columns.
    #[must_use]
    pub fn row(mut self, texts: &[Option<&str>]) -> Self {
        assert_eq!(texts.len(), self.columns.len(), "one text for each column");
        let cells = texts.iter().zip(&self.columns);
        let row = cells.map(|(text, column)| match text {
            None => Value::Null,
            Some(text) => match Value::from_text(&column.of, text) {
                Some(value) => value,
                None => panic!("{}: '{text}' is no {}", column.name, column.of),
            },
        });
        let row = row.collect();
        Arc::make_mut(&mut self.rows).push(row);
        self
    }

    /// Every account sees the rows whose value in this column is its id; the column stays. Without such a column the
    /// table is as before.
    #[must_use]
    pub fn split_by_account(mut self, column: &str) -> Self {
        self.split = self
            .columns
            .iter()
            .position(|known| known.name == column.to_lowercase());
        self
    }

    /// The rows that an account sees.
    pub(crate) fn rows_of<'a>(&'a self, account: &'a str) -> impl Iterator<Item = &'a Vec<Value>> + 'a {
        let own = move |row: &&Vec<Value>| {
            let Some(split) = self.split else { return true };
            row[split].text(&self.columns[split].of).as_deref() == Some(account)
        };
        self.rows.iter().filter(own)
    }
}

impl TableColumn {
    fn new(name: &str, of: Type) -> Self {
        Self {
            name: name.to_lowercase(),
            of,
            comment: String::new(),
            partition: false,
        }
    }
}

/// The narrowest type that takes all values.
fn inferred<'a>(values: impl Iterator<Item = &'a str> + Clone) -> Type {
    if values.clone().next().is_none() {
        return TEXT;
    }
    let plain = |of: &Type, text: &str| match of {
        // Account ids and the like are no numbers: they would lose their zeros.
        Type::Bigint => {
            text == "0"
                || !text.trim_start_matches('-').starts_with('0')
                    && Value::from_text(of, text).is_some()
                    && text.len() != 12
        }
        Type::Double => text.contains('.') && Value::from_text(of, text).is_some(),
        Type::Boolean => matches!(text, "true" | "false"),
        Type::Timestamp => text.len() >= 19 && Value::from_text(of, text).is_some(),
        _ => text.len() == 10 && Value::from_text(of, text).is_some(),
    };
    [Type::Boolean, Type::Bigint, Type::Double, Type::Date, Type::Timestamp]
        .into_iter()
        .find(|of| values.clone().all(|text| plain(of, text)))
        .unwrap_or(TEXT)
}

/// The records of a CSV; `None` is a field that is empty and not quoted.
fn read_csv(text: &str) -> Result<Vec<Vec<Option<String>>>, TableError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut records, mut record) = (Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let field = if let Some(quoted) = rest.strip_prefix('"') {
            let (field, after) = quoted_field(quoted).ok_or_else(|| TableError("a quote is not closed".to_owned()))?;
            rest = after;
            Some(field)
        } else {
            let end = rest.find([',', '\n', '\r']).unwrap_or(rest.len());
            let (field, after) = rest.split_at(end);
            rest = after;
            (!field.is_empty()).then(|| field.to_owned())
        };
        record.push(field);
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
            if rest.is_empty() {
                record.push(None);
            } else {
                continue;
            }
        }
        let after = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r']));
        match after {
            Some(after) => rest = after,
            None if rest.is_empty() => {}
            None => return Err(TableError("text behind a closing quote".to_owned())),
        }
        records.push(std::mem::take(&mut record));
    }
    Ok(records)
}

/// The text up to the closing quote, and what follows.
fn quoted_field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_csv_with_every_difficulty() {
        let csv = "id,Account,Note,At,Day,Ok,X\n\
                   1,000123456789,\"a \"\"b\"\"\nc\",2024-01-01 00:00:00,2024-01-01,true,1.5\n\
                   2,,\"\",,2024-01-02,false,-2.0\r\n\
                   ,x,,2024-01-01 00:00:01.5,,,\n";
        let table = Table::from_csv("T", csv).unwrap();
        let types: Vec<String> = table
            .columns
            .iter()
            .map(|column| format!("{} {}", column.name, column.of))
            .collect();
        assert_eq!(
            types,
            [
                "id bigint",
                "account varchar",
                "note varchar",
                "at timestamp(3)",
                "day date",
                "ok boolean",
                "x double"
            ]
        );
        assert_eq!(table.rows[0][2], Value::Text("a \"b\"\nc".to_owned()));
        assert_eq!(
            (&table.rows[1][1], &table.rows[1][2]),
            (&Value::Null, &Value::Text(String::new()))
        );
        assert_eq!(table.rows[2][0], Value::Null);
        assert_eq!(table.rows.len(), 3);
    }

    #[test]
    fn given_types_and_errors() {
        let csv = "a,b\n1,2\n";
        let table = Table::from_csv_with("t", csv, &[("B", "decimal(5,2)")]).unwrap();
        assert_eq!(table.rows[0][1], Value::Text("2.00".to_owned()));
        for (csv, types) in [
            ("a,b\n1\n", &[][..]),
            ("a\n\"1\n", &[]),
            ("a\n\"1\"x\n", &[]),
            ("", &[]),
            (csv, &[("c", "bigint")]),
            (csv, &[("a", "wrong")]),
            (csv, &[("a", "date")]),
        ] {
            assert!(Table::from_csv_with("t", csv, types).is_err(), "{csv}");
        }
    }

    #[test]
    fn rows_of_one_account() {
        let csv = "account_id,n\n111122223333,1\n222233334444,2\n";
        let table = Table::from_csv("t", csv).unwrap().split_by_account("account_id");
        assert_eq!(table.rows_of("222233334444").count(), 1);
        assert_eq!(table.rows_of("333344445555").count(), 0);
    }
}
