//! Functions of texts and of binary.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use regex_lite::Regex;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::{add, add_strict, text, whole};
use crate::athena::engine::errors::Failed;

fn invalid(message: impl AsRef<str>) -> Failed {
    Failed::new("INVALID_FUNCTION_ARGUMENT", message)
}

fn pattern(text: &str) -> std::result::Result<Regex, Failed> {
    Regex::new(text).map_err(|error| invalid(format!("Invalid regular expression: {error}")))
}

fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.to_vec(),
        _ => Vec::new(),
    }
}

/// A list of texts as the engine keeps arrays.
fn list(texts: impl Iterator<Item = Option<String>>) -> Value {
    let texts: Vec<serde_json::Value> = texts.map(serde_json::Value::from).collect();
    Value::Text(serde_json::Value::Array(texts).to_string())
}

/// `count` characters from the place `start`, counted from 1, or from the end where it is negative.
fn substring(text: &str, start: i64, count: Option<i64>) -> String {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let first = if start < 0 { length + start } else { start - 1 };
    if start == 0 || first < 0 || first >= length {
        return String::new();
    }
    let most = usize::try_from(count.unwrap_or(length).max(0)).unwrap_or(0);
    text.chars()
        .skip(usize::try_from(first).unwrap_or(0))
        .take(most)
        .collect()
}

/// A text with `fill` before it (or behind it) up to a length, cut where it is longer.
fn padded(text: &str, length: i64, fill: &str, before: bool) -> String {
    let wanted = usize::try_from(length.max(0)).unwrap_or(0);
    let own = text.chars().count();
    if own >= wanted || fill.is_empty() {
        return text.chars().take(wanted).collect();
    }
    let padding: String = fill.chars().cycle().take(wanted - own).collect();
    if before {
        padding + text
    } else {
        format!("{text}{padding}")
    }
}

pub(super) fn register(connection: &Connection) -> Result<()> {
    add_strict(connection, "tr_lower", 1, |context| {
        Ok(Value::Text(text(context, 0).to_lowercase()))
    })?;
    add_strict(connection, "tr_upper", 1, |context| {
        Ok(Value::Text(text(context, 0).to_uppercase()))
    })?;
    add_strict(connection, "tr_reverse", 1, |context| {
        Ok(Value::Text(text(context, 0).chars().rev().collect()))
    })?;
    add_strict(connection, "tr_substr", -1, |context| {
        let count = (context.len() > 2).then(|| whole(context, 2));
        Ok(Value::Text(substring(&text(context, 0), whole(context, 1), count)))
    })?;
    add_strict(connection, "tr_strpos", 2, |context| {
        let (all, part) = (text(context, 0), text(context, 1));
        let found = all.find(&part).map_or(0, |at| all[..at].chars().count() + 1);
        Ok(Value::Integer(i64::try_from(found).unwrap_or(0)))
    })?;
    add_strict(connection, "tr_codepoint", 1, |context| {
        let first = text(context, 0).chars().next().map_or(0, u32::from);
        Ok(Value::Integer(first.into()))
    })?;
    add_strict(connection, "tr_chr", 1, |context| {
        let point = u32::try_from(whole(context, 0)).ok().and_then(char::from_u32);
        let point = point.ok_or_else(|| invalid(format!("Not a valid Unicode code point: {}", whole(context, 0))))?;
        Ok(Value::Text(point.to_string()))
    })?;
    add_strict(connection, "tr_starts_with", 2, |context| {
        Ok(Value::Integer(text(context, 0).starts_with(&text(context, 1)).into()))
    })?;
    add_strict(connection, "tr_split", -1, |context| {
        let (all, by) = (text(context, 0), text(context, 1));
        let limit = if context.len() > 2 {
            usize::try_from(whole(context, 2)).unwrap_or(1)
        } else {
            usize::MAX
        };
        Ok(list(all.splitn(limit, by.as_str()).map(|part| Some(part.to_owned()))))
    })?;
    add_strict(connection, "tr_split_part", 3, |context| {
        let at = usize::try_from(whole(context, 2)).ok().and_then(|at| at.checked_sub(1));
        let at = at.ok_or_else(|| invalid("Index must be greater than zero"))?;
        let part = text(context, 0).split(&text(context, 1)).nth(at).map(str::to_owned);
        Ok(part.map_or(Value::Null, Value::Text))
    })?;
    for (name, before) in [("tr_lpad", true), ("tr_rpad", false)] {
        add_strict(connection, name, 3, move |context| {
            Ok(Value::Text(padded(
                &text(context, 0),
                whole(context, 1),
                &text(context, 2),
                before,
            )))
        })?;
    }
    register_patterns(connection)?;
    add_strict(connection, "tr_url_encode", 1, |context| {
        Ok(Value::Text(
            utf8_percent_encode(&text(context, 0), NON_ALPHANUMERIC).to_string(),
        ))
    })?;
    add_strict(connection, "tr_url_decode", 1, |context| {
        Ok(Value::Text(
            percent_decode_str(&text(context, 0).replace('+', " "))
                .decode_utf8_lossy()
                .into_owned(),
        ))
    })?;
    add_strict(connection, "tr_to_utf8", 1, |context| {
        Ok(Value::Blob(bytes(context.get_raw(0))))
    })?;
    add_strict(connection, "tr_from_utf8", 1, |context| {
        Ok(Value::Text(
            String::from_utf8_lossy(&bytes(context.get_raw(0))).into_owned(),
        ))
    })?;
    add_strict(connection, "tr_to_hex", 1, |context| {
        Ok(Value::Text(
            bytes(context.get_raw(0))
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect(),
        ))
    })?;
    add_strict(connection, "tr_from_hex", 1, |context| {
        let digits = text(context, 0);
        let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        let found: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(pair).collect();
        found
            .map(Value::Blob)
            .ok_or_else(|| invalid(format!("Invalid hex: {digits}")))
    })?;
    add_strict(connection, "tr_to_base64", 1, |context| {
        Ok(Value::Text(STANDARD.encode(bytes(context.get_raw(0)))))
    })?;
    add_strict(connection, "tr_from_base64", 1, |context| {
        STANDARD
            .decode(text(context, 0))
            .map(Value::Blob)
            .map_err(|error| invalid(error.to_string()))
    })?;
    add_strict(connection, "tr_sha256", 1, |context| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes(context.get_raw(0)));
        Ok(Value::Blob(digest.as_ref().to_vec()))
    })?;
    add(connection, "tr_uuid", 0, |_| {
        Ok(Value::Text("12151fd2-7586-41e9-8f9e-2a86e4085a59".to_owned()))
    })
}

fn register_patterns(connection: &Connection) -> Result<()> {
    add_strict(connection, "tr_regexp_like", 2, |context| {
        Ok(Value::Integer(
            pattern(&text(context, 1))?.is_match(&text(context, 0)).into(),
        ))
    })?;
    add_strict(connection, "tr_regexp_extract", -1, |context| {
        let group = if context.len() > 2 {
            usize::try_from(whole(context, 2)).unwrap_or(0)
        } else {
            0
        };
        let all = text(context, 0);
        let found = pattern(&text(context, 1))?
            .captures(&all)
            .and_then(|found| found.get(group).map(|part| part.as_str().to_owned()));
        Ok(found.map_or(Value::Null, Value::Text))
    })?;
    add_strict(connection, "tr_regexp_extract_all", -1, |context| {
        let group = if context.len() > 2 {
            usize::try_from(whole(context, 2)).unwrap_or(0)
        } else {
            0
        };
        let (all, pattern) = (text(context, 0), pattern(&text(context, 1))?);
        let found = pattern.captures_iter(&all);
        Ok(list(
            found.map(|found| found.get(group).map(|part| part.as_str().to_owned())),
        ))
    })?;
    add_strict(connection, "tr_regexp_replace", -1, |context| {
        let by = if context.len() > 2 {
            text(context, 2)
        } else {
            String::new()
        };
        Ok(Value::Text(
            pattern(&text(context, 1))?
                .replace_all(&text(context, 0), by.as_str())
                .into_owned(),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_from_one() {
        assert_eq!(substring("äbc", 1, Some(2)), "äb");
        assert_eq!(substring("äbc", -2, None), "bc");
        assert_eq!(substring("äbc", 0, None), "");
        assert_eq!(substring("äbc", 4, None), "");
        assert_eq!(padded("7", 3, "0", true), "007");
        assert_eq!(padded("abcd", 3, "0", true), "abc");
        assert_eq!(padded("a", 4, "xy", false), "axyx");
    }
}
