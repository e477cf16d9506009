//! `CAST` and `TRY_CAST`.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Result};
use serde_json::Value as Json;

use super::{add, text, whole};
use crate::athena::engine::errors::Failed;
use crate::athena::engine::values;
use crate::athena::types::Type;
use crate::athena::value::Value;

pub(super) fn register(connection: &Connection) -> Result<()> {
    // Value, its type, the type to be, whether an error is NULL.
    add(connection, "tr_cast", 4, |context| {
        let from = Type::parse(&text(context, 1)).unwrap_or(Type::Unknown);
        let to = Type::parse(&text(context, 2)).unwrap_or(Type::Unknown);
        let value = values::from_sql(&from, context.get_raw(0));
        match cast(&value, &from, &to) {
            Ok(value) => Ok(values::to_sql(&to, &value)),
            Err(_) if whole(context, 3) == 1 => Ok(Sql::Null),
            Err(failed) => Err(failed),
        }
    })
}

/// The name of a type in the message of a failed cast.
fn upper(of: &Type) -> String {
    match of {
        Type::Integer => "INT".to_owned(),
        other => other.to_string().split('(').next().unwrap_or_default().to_uppercase(),
    }
}

fn cast(value: &Value, from: &Type, to: &Type) -> std::result::Result<Value, Failed> {
    let shown = || value.text(from).unwrap_or_default();
    let wrong = || {
        let (shown, to) = (shown(), upper(to));
        let quoted = if from.is_text() { format!("'{shown}'") } else { shown };
        Failed::new("INVALID_CAST_ARGUMENT", format!("Cannot cast {quoted} to {to}"))
    };
    let out_of_range = || {
        Failed::new(
            "INVALID_CAST_ARGUMENT",
            format!("Out of range for {}: {}", upper(to).to_lowercase(), shown()),
        )
    };
    if matches!(value, Value::Null) {
        return Ok(Value::Null);
    }
    Ok(match to {
        Type::Varchar(limit) => {
            let text = match (from, value) {
                (Type::Json, Value::Text(json)) => match serde_json::from_str(json) {
                    Ok(Json::String(text)) => text,
                    _ => json.clone(),
                },
                _ => shown(),
            };
            let most = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
            Value::Text(text.chars().take(most).collect())
        }
        Type::Char(length) => {
            let length = usize::try_from(*length).unwrap_or(0);
            let cut: String = shown().chars().take(length).collect();
            Value::Text(format!("{cut:<length$}"))
        }
        Type::Json => Value::Text(json_of(value, from).to_string()),
        Type::Boolean if from.is_numeric() => Value::Boolean(shown().parse::<f64>().is_ok_and(|number| number != 0.0)),
        Type::Boolean => Value::from_text(to, &shown()).ok_or_else(wrong)?,
        _ if to.is_integral() => {
            let whole = match (from, value) {
                (Type::Boolean, Value::Boolean(value)) => i64::from(*value),
                (_, Value::Integer(whole)) => *whole,
                (_, Value::Double(number)) if number.is_finite() && number.abs() < 9.3e18 => number.round() as i64,
                (Type::Decimal(..), Value::Text(_)) => {
                    let rounded = value.text(&Type::Decimal(38, 0)).unwrap_or_default();
                    rounded.parse().map_err(|_| out_of_range())?
                }
                (_, Value::Text(text)) => text.trim().parse().map_err(|_| wrong())?,
                _ => return Err(wrong()),
            };
            Value::from_text(to, &whole.to_string()).ok_or_else(out_of_range)?
        }
        Type::Real | Type::Double => match value {
            Value::Boolean(value) => Value::Double(f64::from(u8::from(*value))),
            Value::Integer(whole) => Value::Double(*whole as f64),
            Value::Double(number) => Value::Double(*number),
            _ => Value::from_text(to, &shown()).ok_or_else(wrong)?,
        },
        Type::Decimal(..) => {
            let text = match value {
                Value::Boolean(value) => u8::from(*value).to_string(),
                Value::Double(number) => format!("{number}"),
                _ => shown(),
            };
            Value::from_text(to, &text).ok_or_else(wrong)?
        }
        Type::Date => {
            let text = shown();
            let day = if from.is_text() {
                text.as_str()
            } else {
                text.get(..10).unwrap_or(&text)
            };
            Value::from_text(to, day.trim()).ok_or_else(wrong)?
        }
        Type::Timestamp => {
            let text = shown();
            // The zone is dropped, the time of the day stays.
            let mut parts = text.trim().splitn(3, ' ');
            let plain: Vec<&str> = parts.by_ref().take(2).collect();
            Value::from_text(to, &millis(&plain.join(" "))).ok_or_else(wrong)?
        }
        Type::TimestampTz => {
            let text = shown();
            let mut parts = text.trim().splitn(3, ' ');
            let plain: Vec<&str> = parts.by_ref().take(2).collect();
            let zone = parts.next().unwrap_or("UTC").to_owned();
            let plain = Value::from_text(&Type::Timestamp, &millis(&plain.join(" "))).ok_or_else(wrong)?;
            Value::Text(format!("{} {zone}", plain.text(&Type::Timestamp).unwrap_or_default()))
        }
        Type::Varbinary if from.is_text() => Value::Bytes(shown().into_bytes()),
        _ if to.is_nested() => {
            let json = match (from, value) {
                (Type::Json, Value::Text(text)) => serde_json::from_str(text).map_err(|_| wrong())?,
                _ => value.to_json(from),
            };
            Value::from_json(to, &json).ok_or_else(wrong)?
        }
        _ => value.clone(),
    })
}

/// A timestamp with three digits behind the point, which is what a cast to TIMESTAMP gives.
fn millis(text: &str) -> String {
    let (rest, fraction) = text.split_once('.').unwrap_or((text, ""));
    let rest = if rest.len() == 10 {
        format!("{rest} 00:00:00")
    } else {
        rest.to_owned()
    };
    format!("{rest}.{:0<3}", &fraction[..fraction.len().min(3)])
}

/// A value as the JSON that a cast to JSON gives: rows are objects.
fn json_of(value: &Value, of: &Type) -> Json {
    match (value, of) {
        (Value::Null, _) => Json::Null,
        (Value::Boolean(value), _) => (*value).into(),
        (Value::Integer(value), Type::Boolean) => (*value != 0).into(),
        (Value::Integer(value), _) => (*value).into(),
        (Value::Double(number), _) => serde_json::Number::from_f64(*number).map_or(Json::Null, Json::Number),
        (Value::List(values), Type::Array(inner)) => values.iter().map(|value| json_of(value, inner)).collect(),
        (Value::Map(entries), Type::Map(key, inner)) => {
            let entries = entries
                .iter()
                .map(|(name, value)| (name.text(key).unwrap_or_default(), json_of(value, inner)));
            Json::Object(entries.collect())
        }
        (Value::Row(values), Type::Row(fields)) => {
            let fields = values.iter().zip(fields);
            let named = fields.map(|(value, (name, inner))| (name.clone().unwrap_or_default(), json_of(value, inner)));
            Json::Object(named.collect())
        }
        (Value::Text(text), Type::Json) => serde_json::from_str(text).unwrap_or(Json::Null),
        (Value::Text(text), Type::Decimal(..)) => serde_json::from_str(text).unwrap_or(Json::Null),
        (other, of) => other.text(of).map_or(Json::Null, Json::String),
    }
}
