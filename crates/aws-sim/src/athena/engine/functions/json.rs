//! Functions of JSON. Paths are `$.a.b[0]` and `$["a"]`.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};
use serde_json::Value as Json;

use super::{add_strict, text};
use crate::athena::engine::errors::Failed;

/// What is at a path.
fn at<'a>(json: &'a Json, path: &str) -> Option<&'a Json> {
    let mut here = json;
    let mut rest = path.trim().strip_prefix('$')?;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (key, after) = inside.split_once(']')?;
            let name = key.trim_matches(['"', '\'']);
            here = match key.parse::<usize>() {
                Ok(index) => here.get(index)?,
                Err(_) => here.get(name)?,
            };
            rest = after;
        } else {
            let inside = rest.strip_prefix('.')?;
            let end = inside.find(['.', '[']).unwrap_or(inside.len());
            here = here.get(&inside[..end])?;
            rest = &inside[end..];
        }
    }
    Some(here)
}

pub(super) fn register(connection: &Connection) -> Result<()> {
    add_strict(connection, "tr_json_extract", 2, |context| {
        let Ok(json) = serde_json::from_str::<Json>(&text(context, 0)) else {
            return Ok(Value::Null);
        };
        Ok(at(&json, &text(context, 1)).map_or(Value::Null, |found| Value::Text(found.to_string())))
    })?;
    add_strict(connection, "tr_json_extract_scalar", 2, |context| {
        let Ok(json) = serde_json::from_str::<Json>(&text(context, 0)) else {
            return Ok(Value::Null);
        };
        Ok(match at(&json, &text(context, 1)) {
            Some(Json::String(text)) => Value::Text(text.clone()),
            Some(scalar @ (Json::Number(_) | Json::Bool(_))) => Value::Text(scalar.to_string()),
            _ => Value::Null,
        })
    })?;
    add_strict(connection, "tr_json_parse", 1, |context| {
        let written = text(context, 0);
        let json: Json = serde_json::from_str(&written).map_err(|_| {
            Failed::new(
                "INVALID_FUNCTION_ARGUMENT",
                format!("Cannot convert value to JSON: '{written}'"),
            )
        })?;
        Ok(Value::Text(json.to_string()))
    })?;
    add_strict(connection, "tr_json_format", 1, |context| {
        Ok(Value::Text(text(context, 0)))
    })?;
    add_strict(connection, "tr_json_size", -1, |context| {
        if matches!(context.get_raw(0), ValueRef::Null) {
            return Ok(Value::Null);
        }
        let json: Json = serde_json::from_str(&text(context, 0)).unwrap_or(Json::Null);
        let found = if context.len() > 1 {
            at(&json, &text(context, 1))
        } else {
            Some(&json)
        };
        Ok(match found {
            Some(Json::Array(values)) => Value::Integer(i64::try_from(values.len()).unwrap_or(0)),
            Some(Json::Object(members)) => Value::Integer(i64::try_from(members.len()).unwrap_or(0)),
            Some(_) if context.len() > 1 => Value::Integer(0),
            _ => Value::Null,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let json = serde_json::json!({"a": {"b": [1, {"c d": "x"}]}});
        assert_eq!(at(&json, "$.a.b[0]"), Some(&Json::from(1)));
        assert_eq!(at(&json, "$.a.b[1][\"c d\"]"), Some(&Json::from("x")));
        assert_eq!(at(&json, "$"), Some(&json));
        assert_eq!(at(&json, "$.x"), None);
        assert_eq!(at(&json, "a"), None);
    }
}
