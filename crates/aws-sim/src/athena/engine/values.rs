//! Values between Athena's types and SQLite's storage classes: truth is 0 and 1, dates and times are texts, nested values
//! are JSON, decimals of up to 15 digits are numbers and longer ones texts.

use rusqlite::types::{Value as Sql, ValueRef};

use super::functions::interval_text;
use crate::athena::types::Type;
use crate::athena::value::Value;

/// A value out of SQLite.
pub(super) fn from_sql(of: &Type, value: ValueRef<'_>) -> Value {
    match (of, value) {
        (_, ValueRef::Null) => Value::Null,
        (Type::Boolean, ValueRef::Integer(number)) => Value::Boolean(number != 0),
        (Type::Decimal(..), ValueRef::Real(number)) => {
            let text = Value::Double(number).text(of).unwrap_or_default();
            Value::Text(text)
        }
        (Type::Decimal(..), ValueRef::Integer(number)) => {
            Value::Text(Value::Integer(number).text(of).unwrap_or_default())
        }
        (Type::Real | Type::Double, ValueRef::Integer(number)) => Value::Double(number as f64),
        (_, ValueRef::Integer(number)) => Value::Integer(number),
        (of, ValueRef::Real(number)) if of.is_integral() => Value::Integer(number as i64),
        (_, ValueRef::Real(number)) => Value::Double(number),
        (Type::Varbinary, ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => Value::Bytes(bytes.to_vec()),
        (_, ValueRef::Blob(bytes)) => Value::Bytes(bytes.to_vec()),
        (of, ValueRef::Text(bytes)) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            match of {
                Type::Array(_) | Type::Map(..) | Type::Row(_) => {
                    let json = serde_json::from_str(&text).ok();
                    json.and_then(|json| Value::from_json(of, &json)).unwrap_or(Value::Null)
                }
                Type::Real | Type::Double => Value::from_text(of, &text).unwrap_or(Value::Null),
                Type::IntervalDay | Type::IntervalYear => Value::Text(interval_text(&text)),
                _ => Value::Text(text),
            }
        }
    }
}

/// A value into SQLite.
pub(super) fn to_sql(of: &Type, value: &Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Boolean(value) => Sql::Integer((*value).into()),
        Value::Integer(number) => match of {
            Type::Real | Type::Double => Sql::Real(*number as f64),
            _ => Sql::Integer(*number),
        },
        // SQLite takes what is no number for NULL.
        Value::Double(number) if number.is_nan() => Sql::Text("NaN".to_owned()),
        Value::Double(number) => Sql::Real(*number),
        Value::Text(text) => match of {
            Type::Decimal(..) if text.bytes().filter(u8::is_ascii_digit).count() <= 15 => {
                text.parse().map_or_else(|_| Sql::Text(text.clone()), Sql::Real)
            }
            _ => Sql::Text(text.clone()),
        },
        Value::Bytes(bytes) => Sql::Blob(bytes.clone()),
        nested => Sql::Text(nested.to_json(of).to_string()),
    }
}
