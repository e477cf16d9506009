//! What a run has written, read back by crates that did not write it, or by the letter where NULL and '' differ.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value as Json, json};

use crate::harness::{Outcome, Run};

pub const FORMATS: [&str; 4] = ["csv", "json", "jsonl", "parquet"];
pub const FETCHES: [&str; 4] = ["s3", "api", "unload", "auto"];

/// Rows as they stand in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub columns: Vec<String>,
    /// Of Parquet: the type of each column.
    pub types: Vec<DataType>,
    /// Cells: in CSV and for texts, texts; dates of Parquet are days, timestamps microseconds, binary is hex.
    pub rows: Vec<Vec<Json>>,
}

impl Table {
    /// Reads the output of a run.
    pub fn of(outcome: &Outcome, format: &str) -> Self {
        Self::read(outcome.output_bytes(), format)
    }

    pub fn read(bytes: Vec<u8>, format: &str) -> Self {
        match format {
            "csv" => csv(std::str::from_utf8(&bytes).unwrap()),
            "parquet" => parquet(bytes),
            "jsonl" => {
                let text = String::from_utf8(bytes).unwrap();
                assert!(text.is_empty() || text.ends_with('\n'));
                // Not `lines()`, which would hide a \r.
                objects(
                    text.split_terminator('\n')
                        .map(|line| serde_json::from_str(line).unwrap()),
                )
            }
            _ => objects(serde_json::from_slice::<Vec<Json>>(&bytes).unwrap().into_iter()),
        }
    }
}

/// The files that a run has written, by their names.
pub fn files(outcome: &Outcome) -> BTreeMap<String, Table> {
    let ledger = outcome.ledger();
    let paths = ledger["outputs"].as_array().unwrap().iter();
    paths
        .map(|output| {
            let path = Path::new(output["path"].as_str().unwrap());
            let format = output["format"].as_str().unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            (name.to_owned(), Table::read(fs::read(path).unwrap(), format))
        })
        .collect()
}

/// Runs to the end in this process, by one way of fetching and without leading columns, and reads the JSON that came.
pub fn fetched(run: Run<'_>, fetch: &str) -> (Outcome, Table) {
    let run = run.params(json!({"fetch": fetch, "leading_columns": "none", "format": "json"}));
    let outcome = run.inside();
    outcome.expect(0);
    let table = Table::of(&outcome, "json");
    (outcome, table)
}

/// Rows of texts.
pub fn rows<const N: usize>(rows: &[[&str; N]]) -> Vec<Vec<Json>> {
    rows.iter()
        .map(|row| row.iter().map(|cell| json!(cell)).collect())
        .collect()
}

fn objects(rows: impl Iterator<Item = Json>) -> Table {
    let mut columns = Vec::new();
    let rows = rows.map(|row| {
        let Json::Object(row) = row else {
            panic!("{row} is no object");
        };
        let names: Vec<String> = row.keys().cloned().collect();
        if columns.is_empty() {
            columns.clone_from(&names);
        }
        assert_eq!(columns, names, "all rows have the same columns");
        row.into_iter().map(|(_, cell)| cell).collect()
    });
    let rows = rows.collect();
    Table {
        columns,
        types: Vec::new(),
        rows,
    }
}

/// RFC 4180; NULL is a field without quotes that is empty.
fn csv(text: &str) -> Table {
    let mut records: Vec<Vec<Json>> = Vec::new();
    let mut record = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let field = if let Some(mut quoted) = rest.strip_prefix('"') {
            let mut value = String::new();
            loop {
                let (part, after) = quoted.split_once('"').expect("a quote is not closed");
                value.push_str(part);
                match after.strip_prefix('"') {
                    Some(after) => {
                        value.push('"');
                        quoted = after;
                    }
                    None => {
                        rest = after;
                        break;
                    }
                }
            }
            json!(value)
        } else {
            let at = rest.find([',', '\n']).expect("the last line is not ended");
            let (value, after) = rest.split_at(at);
            assert!(!value.contains(['"', '\r']), "{value:?} needs quotes");
            rest = after;
            if value.is_empty() { Json::Null } else { json!(value) }
        };
        record.push(field);
        assert!(rest.starts_with([',', '\n']), "text behind a closing quote");
        if rest.starts_with('\n') {
            records.push(std::mem::take(&mut record));
        }
        rest = &rest[1..];
    }
    assert!(record.is_empty(), "the last line is not ended");
    let mut records = records.into_iter();
    let columns = records.next().expect("there is a header").into_iter();
    let columns: Vec<String> = columns.map(|name| name.as_str().unwrap().to_owned()).collect();
    let rows: Vec<Vec<Json>> = records.collect();
    assert!(rows.iter().all(|row| row.len() == columns.len()), "ragged");
    Table {
        columns,
        types: Vec::new(),
        rows,
    }
}

fn parquet(bytes: Vec<u8>) -> Table {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let fields = reader.schema().fields().clone();
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|column| cell(column, row)).collect());
        }
    }
    Table {
        columns: fields.iter().map(|field| field.name().clone()).collect(),
        types: fields.iter().map(|field| field.data_type().clone()).collect(),
        rows,
    }
}

fn cell(column: &ArrayRef, row: usize) -> Json {
    if column.is_null(row) {
        return Json::Null;
    }
    match column.data_type() {
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => {
            let number = column.as_primitive::<Float64Type>().value(row);
            // JSON has no form for these.
            if number.is_finite() {
                json!(number)
            } else {
                json!(format!("{number:?}"))
            }
        }
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Decimal128(..) => json!(column.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Date32 => json!(column.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            json!(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Binary => {
            let bytes = column.as_binary::<i32>().value(row).iter();
            json!(bytes.map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        other => panic!("{other:?} is not read here"),
    }
}
