//! Values out of texts and out of JSON, by their type.

use serde_json::Value as Json;

use super::types::Type;
use super::value::{Value, scaled};

impl Value {
    /// A value from the text that a result would have for it; nested values from JSON. `None` when it is no such value.
    pub(crate) fn from_text(of: &Type, text: &str) -> Option<Self> {
        let trimmed = text.trim();
        Some(match of {
            Type::Boolean => match trimmed.to_ascii_lowercase().as_str() {
                "true" | "t" | "1" => Self::Boolean(true),
                "false" | "f" | "0" => Self::Boolean(false),
                _ => return None,
            },
            Type::Tinyint => Self::Integer(trimmed.parse::<i8>().ok()?.into()),
            Type::Smallint => Self::Integer(trimmed.parse::<i16>().ok()?.into()),
            Type::Integer => Self::Integer(trimmed.parse::<i32>().ok()?.into()),
            Type::Bigint => Self::Integer(trimmed.parse().ok()?),
            Type::Real | Type::Double => Self::Double(double(trimmed)?),
            Type::Decimal(precision, scale) => {
                let unscaled = scaled(trimmed, *scale)?;
                let limit = 10_i128.checked_pow(u32::from(*precision))?;
                if unscaled.abs() >= limit {
                    return None;
                }
                Self::Text(Self::Text(trimmed.to_owned()).text(of)?)
            }
            Type::Varbinary => Self::Bytes(bytes(trimmed)?),
            Type::Date => Self::Text(date(trimmed)?),
            Type::Timestamp => Self::Text(timestamp(trimmed)?),
            Type::Json => Self::Text(serde_json::from_str::<Json>(trimmed).ok()?.to_string()),
            Type::Array(_) | Type::Map(..) | Type::Row(_) => {
                return Self::from_json(of, &serde_json::from_str(trimmed).ok()?);
            }
            Type::Char(length) => {
                let width = usize::try_from(*length).ok()?;
                Self::Text(format!("{text:<width$}"))
            }
            _ => Self::Text(text.to_owned()),
        })
    }

    /// A value from JSON: an array is a list, or a row by position, or a map as pairs; an object is a row by name or a
    /// map with keys of text. `None` when it is no such value.
    pub(crate) fn from_json(of: &Type, json: &Json) -> Option<Self> {
        Some(match (of, json) {
            (_, Json::Null) => Self::Null,
            (Type::Array(inner), Json::Array(values)) => {
                let each = values.iter().map(|value| Self::from_json(inner, value));
                Self::List(each.collect::<Option<_>>()?)
            }
            (Type::Map(key, value), Json::Object(entries)) => {
                let each = entries
                    .iter()
                    .map(|(name, json)| Some((Self::from_text(key, name)?, Self::from_json(value, json)?)));
                Self::Map(each.collect::<Option<_>>()?)
            }
            (Type::Map(key, value), Json::Array(pairs)) => {
                let each = pairs.iter().map(|pair| {
                    let (first, second) = (pair.get(0)?, pair.get(1)?);
                    Some((Self::from_json(key, first)?, Self::from_json(value, second)?))
                });
                Self::Map(each.collect::<Option<_>>()?)
            }
            (Type::Row(fields), Json::Object(entries)) => {
                let each = fields.iter().map(|(name, inner)| match name {
                    Some(name) => Self::from_json(inner, entries.get(name).unwrap_or(&Json::Null)),
                    None => None,
                });
                Self::Row(each.collect::<Option<_>>()?)
            }
            (Type::Row(fields), Json::Array(values)) if fields.len() == values.len() => {
                let each = fields
                    .iter()
                    .zip(values)
                    .map(|((_, inner), value)| Self::from_json(inner, value));
                Self::Row(each.collect::<Option<_>>()?)
            }
            (Type::Array(_) | Type::Map(..) | Type::Row(_), _) => return None,
            (Type::Json, json) => Self::Text(json.to_string()),
            (_, Json::String(text)) => return Self::from_text(of, text),
            (Type::Unknown, Json::Number(number)) => match number.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => Self::Double(number.as_f64()?),
            },
            (_, json) => return Self::from_text(of, &json.to_string()),
        })
    }

    /// The value as JSON, in the form that [`Value::from_json`] reads without loss.
    pub(crate) fn to_json(&self, of: &Type) -> Json {
        match (self, of) {
            (Self::Null, _) => Json::Null,
            (Self::List(values), Type::Array(inner)) => values.iter().map(|value| value.to_json(inner)).collect(),
            (Self::Map(entries), Type::Map(key, value)) => entries
                .iter()
                .map(|(first, second)| Json::Array(vec![first.to_json(key), second.to_json(value)]))
                .collect(),
            (Self::Row(values), Type::Row(fields)) => {
                let each = values.iter().zip(fields);
                each.map(|(value, (_, inner))| value.to_json(inner)).collect()
            }
            (Self::Integer(value), _) => (*value).into(),
            (Self::Boolean(value), _) => (*value).into(),
            (other, _) => other.text(of).map_or(Json::Null, Json::String),
        }
    }
}

fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // Rust would also take `inf`, `nan` and `infinity`.
        _ if text.contains(|c: char| c.is_alphabetic() && !matches!(c, 'e' | 'E')) => None,
        _ => text.parse().ok(),
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if !digits.is_ascii() || digits.len() % 2 == 1 {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

/// `2024-02-29` for what is a date.
pub(crate) fn date(text: &str) -> Option<String> {
    let (year, month, day) = calendar(text)?;
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// Year, month and day of a date that there is.
pub(crate) fn calendar(text: &str) -> Option<(i32, u8, u8)> {
    let mut parts = text.trim().splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |part: &str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    if ![year, month, day].into_iter().all(plain) {
        return None;
    }
    let (year, month, day) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let month_of = time::Month::try_from(month).ok()?;
    time::Date::from_calendar_date(year, month_of, day).ok()?;
    Some((year, month, day))
}

/// `2024-02-29 01:02:03.500` for what is a timestamp, with as many digits behind the point as it has.
pub(crate) fn timestamp(text: &str) -> Option<String> {
    let text = text.trim();
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, clock_time(time.trim())?),
        None => (text, "00:00:00".to_owned()),
    };
    Some(format!("{} {time}", date(day)?))
}

/// `01:02:03.500` for what is a time of day.
pub(crate) fn clock_time(text: &str) -> Option<String> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock
        .split(':')
        .map(|part| part.parse::<u8>().ok().filter(|_| part.len() <= 2));
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    let whole = fraction.len() <= 12 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if hour > 23 || minute > 59 || second > 59 || !whole || parts.next().is_some() {
        return None;
    }
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{hour:02}:{minute:02}:{second:02}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn through(of: &str, text: &str) -> Option<String> {
        let of = Type::parse(of).unwrap();
        Value::from_text(&of, text)?.text(&of)
    }

    #[test]
    fn texts_that_are_values_and_texts_that_are_not() {
        let good = [
            ("bigint", " 42 ", "42"),
            ("double", "1e22", "1.0E22"),
            ("double", "-Infinity", "-Infinity"),
            ("decimal(5,2)", "1.5", "1.50"),
            ("varbinary", "00 01ff", "00 01 ff"),
            ("date", "2024-2-29", "2024-02-29"),
            ("timestamp", "2024-02-29T01:02", "2024-02-29 01:02:00"),
            ("timestamp", "2024-02-29 01:02:03.123456", "2024-02-29 01:02:03.123456"),
            (
                "array(row(a integer, b varchar))",
                r#"[{"b":"x","a":1},[2,null]]"#,
                "[{a=1, b=x}, {a=2, b=null}]",
            ),
            ("map(integer, double)", r#"{"1":2}"#, "{1=2.0}"),
            ("char(3)", "a", "a  "),
        ];
        for (of, text, expected) in good {
            assert_eq!(through(of, text).unwrap(), expected, "{of} {text}");
        }
        let bad = [
            ("integer", "2147483648"),
            ("tinyint", "128"),
            ("double", "nan"),
            ("decimal(3,2)", "10"),
            ("date", "2023-02-29"),
            ("timestamp", "2024-01-01 25:00"),
            ("boolean", "yes"),
            ("array(integer)", "{}"),
        ];
        for (of, text) in bad {
            assert_eq!(through(of, text), None, "{of} {text}");
        }
    }

    #[test]
    fn nested_values_survive_their_json() {
        let of = Type::parse("map(varchar, array(row(d decimal(38,2), v varbinary)))").unwrap();
        let row = Value::Row(vec![
            Value::Text("12345678901234567890.12".to_owned()),
            Value::Bytes(vec![1]),
        ]);
        let value = Value::Map(vec![(Value::Text("k".to_owned()), Value::List(vec![row, Value::Null]))]);
        assert_eq!(Value::from_json(&of, &value.to_json(&of)).unwrap(), value);
    }
}
