//! Types of Athena, texts of values, and the cells that become of them.

use serde_json::Value as Json;

use crate::results::types::AthenaType;
use crate::rows::{Format, encoded, in_parquet};
use crate::table::{Heading, Kind, Value};

/// Precision, scale, the type's name on a line, the value's text.
pub fn athena_types(data: &[u8]) {
    let &[precision, scale, ref rest @ ..] = data else {
        return;
    };
    let rest = String::from_utf8_lossy(rest);
    let (name, text) = rest.split_once('\n').unwrap_or((&rest, ""));
    let athena_type = AthenaType::of(name, i32::from(precision.cast_signed()), i32::from(scale.cast_signed()));
    let kind = athena_type.kind();
    if let AthenaType::Decimal(precision, scale) = athena_type {
        assert!((1..=38).contains(&precision) && scale <= precision);
    } else if athena_type != AthenaType::Other {
        assert_eq!(AthenaType::of(athena_type.name(), 0, 0), athena_type);
    }
    let value = match athena_type.value(text) {
        Ok(value) => value,
        Err(error) => {
            assert!(text.starts_with(&error.excerpt) && error.excerpt.chars().count() <= 80);
            assert_eq!(error.athena_type, athena_type.name());
            return;
        }
    };
    let heading = Heading::new("c", kind);
    // A reader of CSV, which did not write it, finds the text again.
    let line = encoded(Format::Csv, &heading, &value);
    let mut csv = csv::ReaderBuilder::new();
    let mut csv = csv
        .has_headers(false)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(&line[..]);
    let records: Vec<_> = csv.records().collect::<Result<_, _>>().expect("CSV");
    assert_eq!(records.len(), 1, "{line:?}");
    assert_eq!(records[0].len(), 1);
    match &value {
        // White space between the tokens of JSON is no part of the value.
        Value::Nested(json) => assert_eq!(records[0][0], *json),
        _ => assert_eq!(records[0][0], *text),
    }
    let line = encoded(Format::Jsonl, &heading, &value);
    assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
    match serde_json::from_slice::<Json>(&line) {
        Ok(row) => of_kind(&row["c"], kind, text),
        // The grammar of JSON bounds neither numbers nor nesting, and has escapes that are no characters.
        Err(error) => {
            let message = error.to_string();
            let known = [
                "number out of range",
                "recursion limit",
                "surrogate",
                "hex escape",
                "unicode code point",
            ];
            assert!(
                kind == Kind::Nested && known.iter().any(|known| message.contains(known)),
                "{message}"
            );
        }
    }
    let taken = in_parquet(kind, &value);
    // What Parquet does not take of what is well-formed: decimals, dates and timestamps beyond its types.
    let narrow = matches!(kind, Kind::Decimal(..) | Kind::Date | Kind::LocalTimestamp);
    assert!(taken || narrow, "{kind:?} {value:?}");
}

/// Whether JSON has the value in the form of its kind.
fn of_kind(json: &Json, kind: Kind, text: &str) {
    let fits = match kind {
        Kind::Integer => json.as_i64().is_some_and(|number| number.to_string() == text),
        Kind::Number => json.is_number() || matches!(json.as_str(), Some("NaN" | "Infinity" | "-Infinity")),
        Kind::Boolean => json.as_bool().is_some_and(|truth| truth.to_string() == text),
        Kind::Text | Kind::Decimal(..) | Kind::Date | Kind::LocalTimestamp | Kind::Timestamp => {
            json.as_str() == Some(text)
        }
        Kind::Binary => json.is_string(),
        Kind::Nested => true,
    };
    assert!(fits, "{kind:?} {json} {text:?}");
}
