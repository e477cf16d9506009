//! Whatever layout is chosen, it can be written: rows of random types are laid out, written as Parquet and read back.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use auth_core::{Account, AccountId};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::rows::{Rows, Spool, write_beside};
use crate::slice::Facts;
use crate::table::Value;

/// A column's kind in one account, and its cells: texts, as a query gives them. `None` is NULL.
type Cells = (Kind, Vec<Option<String>>);

fn decimal() -> impl Strategy<Value = Kind> {
    (1_u8..=38).prop_flat_map(|precision| {
        let scales = 0..=precision.cast_signed();
        scales.prop_map(move |scale| Kind::Decimal(precision, scale))
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    let others = prop::sample::select(vec![
        Kind::Text,
        Kind::Integer,
        Kind::Number,
        Kind::Boolean,
        Kind::Date,
        Kind::LocalTimestamp,
        Kind::Binary,
        Kind::Nested,
    ]);
    prop_oneof![4 => decimal(), 1 => others]
}

/// A text of a kind, as long as it may be. Its canonical form: what was written is compared with what is read.
fn cell(kind: Kind) -> BoxedStrategy<String> {
    match kind {
        Kind::Text | Kind::Nested | Kind::Binary | Kind::Timestamp => "[a-z]{0,5}".boxed(),
        Kind::Integer => any::<i64>().prop_map(|number| number.to_string()).boxed(),
        Kind::Number => (-1000_i32..1000).prop_map(|number| number.to_string()).boxed(),
        Kind::Boolean => any::<bool>().prop_map(|truth| truth.to_string()).boxed(),
        Kind::Date => (1..29_u8).prop_map(|day| format!("2024-02-{day:02}")).boxed(),
        Kind::LocalTimestamp => (0..60_u8).prop_map(|s| format!("2024-02-01 03:04:{s:02}.5")).boxed(),
        Kind::Decimal(precision, scale) => {
            let digits = format!("(9{{{precision}}}|[0-9]{{{precision}}})");
            let digits = prop::string::string_regex(&digits).unwrap();
            let text = move |(digits, minus): (String, bool)| written(&digits, scale, minus);
            (digits, any::<bool>()).prop_map(text).boxed()
        }
    }
}

/// `12345` with two digits behind the point: `123.45`.
fn written(digits: &str, scale: i8, minus: bool) -> String {
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale.unsigned_abs()));
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{whole}{point}{fraction}", if minus { "-" } else { "" })
}

/// One account: the columns `a` and `b`, or only `a`.
fn account() -> impl Strategy<Value = Vec<Cells>> {
    let column = || {
        kind().prop_flat_map(|kind| {
            let cells = prop::collection::vec(prop::option::weighted(0.8, cell(kind)), 2);
            (Just(kind), cells)
        })
    };
    prop_oneof![
        1 => prop::collection::vec(column(), 1),
        9 => prop::collection::vec(column(), 2)
    ]
}

fn value(kind: Kind, cell: Option<&String>) -> Value<'_> {
    match (kind, cell) {
        (_, None) => Value::Null,
        (Kind::Binary, Some(text)) => Value::Binary {
            text: text.as_str().into(),
            bytes: text.as_bytes().to_vec(),
        },
        (_, Some(text)) => Value::Text(text.as_str().into()),
    }
}

/// A cell that was read, and the one that was written, in a form in which they are equal.
fn pair(column: &ArrayRef, at: usize, kind: Kind, cell: &str) -> (String, String) {
    match kind {
        Kind::Decimal(..) => {
            let scale = column.as_primitive::<Decimal128Type>().scale();
            let (whole, fraction) = cell.split_once('.').unwrap_or((cell, ""));
            let unscaled = format!("{whole}{fraction:0<width$}", width = usize::from(scale.unsigned_abs()));
            let unscaled: i128 = unscaled.parse().unwrap();
            let read = column.as_primitive::<Decimal128Type>().value(at);
            (read.to_string(), unscaled.to_string())
        }
        Kind::Integer => (
            column.as_primitive::<Int64Type>().value(at).to_string(),
            cell.to_owned(),
        ),
        Kind::Number => (
            column.as_primitive::<Float64Type>().value(at).to_string(),
            cell.to_owned(),
        ),
        Kind::Boolean => (column.as_boolean().value(at).to_string(), cell.to_owned()),
        Kind::Date => {
            let day: i32 = cell[8..].parse().unwrap();
            // 2024-01-31
            let read = column.as_primitive::<Date32Type>().value(at) - 19_753;
            (read.to_string(), day.to_string())
        }
        Kind::LocalTimestamp | Kind::Timestamp => {
            let second: i64 = cell[17..19].parse().unwrap();
            // 2024-02-01 03:04:00.5
            let read = column.as_primitive::<TimestampMicrosecondType>().value(at) - 1_706_756_640_500_000;
            (read.to_string(), (second * 1_000_000).to_string())
        }
        Kind::Binary => {
            let read = column.as_binary::<i32>().value(at).to_vec();
            (String::from_utf8(read).unwrap(), cell.to_owned())
        }
        Kind::Text | Kind::Nested => (column.as_string::<i32>().value(at).to_owned(), cell.to_owned()),
    }
}

/// The columns of all rows of a file, in one piece for each batch.
fn read(path: &Path) -> Vec<Vec<ArrayRef>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batches = reader.build().unwrap();
    batches.map(|batch| batch.unwrap().columns().to_vec()).collect()
}

fn ended(accounts: &[Vec<Cells>], rows: &Rows) -> Vec<Ended> {
    let slice = |(number, columns): (usize, &Vec<Cells>)| {
        let account = Account::unnamed(AccountId::parse(&format!("{number:012}")).unwrap(), false);
        let mut slice = rows.of_slice(&account, "r", "now", &Facts::default());
        let names = ["a", "b"];
        let headings = columns
            .iter()
            .zip(names)
            .map(|((kind, _), name)| Heading::new(name, *kind));
        let table = slice.begin(1, headings.collect());
        for row in 0..2 {
            let fill = |cells: &mut crate::rows::Row<'_>| {
                columns
                    .iter()
                    .for_each(|(kind, all)| cells.cell(&value(*kind, all[row].as_ref())));
                Ok(())
            };
            table.push(fill).unwrap();
        }
        Ended {
            account: account.id.to_string(),
            region: "r".to_owned(),
            stale: false,
            tables: slice.finish().unwrap(),
        }
    };
    accounts.iter().enumerate().map(slice).collect()
}

proptest! {
    #[test]
    fn what_fits_is_written_and_read_back(accounts in prop::collection::vec(account(), 1..7)) {
        let directory = TempDir::new().unwrap();
        let spool = Arc::new(Spool::new(directory.path()).unwrap());
        let rows = Rows::new(Format::Parquet, &["account_id".to_owned()], Arc::clone(&spool));
        let slices = ended(&accounts, &rows);
        let path = OutputPath(directory.path().join("rows.parquet"));
        let (outputs, misfits) = layout(Some(&path), Format::Parquet, &rows.leading, None, &slices);
        prop_assert_eq!(outputs.len(), 1);
        let (stop, mut sink) = (AtomicBool::new(false), std::io::sink());
        let written = write_beside(&outputs[0], Format::Parquet, &*spool, None, false, &mut sink, &stop);
        written.unwrap().file.unwrap().put().unwrap();
        let left_out: Vec<usize> = misfits.iter().map(|misfit| misfit.slice).collect();
        let mut expected = accounts.iter().enumerate().filter(|(number, _)| !left_out.contains(number));
        let mut read = read(&path.0).into_iter().flat_map(|batch| {
            let rows = batch[0].len();
            (0..rows).map(move |at| (batch.clone(), at))
        });
        let all = expected.all(|(number, columns)| (0..2).all(|row| {
            let (batch, at) = read.next().unwrap();
            let account = batch[0].as_string::<i32>().value(at) == format!("{number:012}");
            account && columns.iter().zip(&batch[1..]).all(|((kind, cells), column)| match &cells[row] {
                None => column.is_null(at),
                Some(cell) => {
                    let (read, written) = pair(column, at, *kind, cell);
                    column.is_valid(at) && read == written
                }
            })
        }));
        prop_assert!(all && read.next().is_none(), "{:?}", accounts);
        // Nobody is left out without a reason: alone with the first that fits, most would have been written.
        prop_assert!(misfits.len() < accounts.len());
    }
}
