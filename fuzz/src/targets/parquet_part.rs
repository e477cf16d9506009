//! Parquet parts.

use std::panic::PanicHookInfo;
use std::sync::Once;

use serde::de::IgnoredAny;

use crate::results::parquet::Part;
use crate::table::{Kind, Value};

/// Rows that are looked at. A file of a few bytes may have billions of the same.
const MOST_ROWS: u64 = 10_000;

/// A file.
pub fn parquet_part(data: &[u8]) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(tell)));
    let Ok(part) = Part::open(bytes::Bytes::copy_from_slice(data)) else {
        return;
    };
    let columns = part.columns().to_vec();
    let (says, mut seen) = (part.rows(), 0);
    let mut scratch = String::from("of the cell before");
    for rows in part {
        let Ok(rows) = rows else { return };
        for row in rows.iter() {
            seen += 1;
            assert_eq!(row.cells().len(), columns.len());
            for (cell, column) in row.cells().zip(&columns) {
                let text = cell.text(&mut scratch).map(str::to_owned);
                let mut json = String::new();
                cell.json(&mut json);
                assert!(serde_json::from_str::<IgnoredAny>(&json).is_ok(), "{json}");
                assert_eq!(cell.is_null(), text.is_none());
                let value = cell.value(&mut scratch);
                match (&text, column.kind()) {
                    (None, _) => assert_eq!((value, json.as_str()), (Value::Null, "null")),
                    (Some(_), Kind::Nested) => assert_eq!(value, Value::Nested(json.into())),
                    // The same cell as of the same text that came another way.
                    (Some(text), _) => assert_eq!(column.athena_type.value(text), Ok(value)),
                }
            }
            if seen == MOST_ROWS {
                return;
            }
        }
    }
    assert_eq!(seen, says);
}

/// Panics of the parquet crate are caught and told as damage, but libFuzzer's own hook ends the process at any. What nobody
/// catches still ends it.
fn tell(panic: &PanicHookInfo<'_>) {
    if panic.location().is_some_and(|place| place.file().contains("targets")) {
        eprintln!("{panic}");
    }
}
