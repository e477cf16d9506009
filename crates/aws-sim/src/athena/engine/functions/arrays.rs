//! Functions of arrays, maps and rows, which the engine keeps as JSON: a map as a list of pairs, a row as a list.

use rusqlite::functions::Context;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};
use serde_json::Value as Json;

use super::{add, add_strict, text, whole};
use crate::athena::engine::errors::Failed;
use crate::athena::engine::values;
use crate::athena::types::Type;

fn elements(context: &Context<'_>, at: usize) -> Vec<Json> {
    match serde_json::from_str(&text(context, at)) {
        Ok(Json::Array(values)) => values,
        _ => Vec::new(),
    }
}

fn kept(values: Vec<Json>) -> Value {
    Value::Text(Json::Array(values).to_string())
}

/// An element as a value of SQLite.
fn scalar(json: Option<&Json>) -> Value {
    match json {
        None | Some(Json::Null) => Value::Null,
        Some(Json::Bool(value)) => Value::Integer((*value).into()),
        Some(Json::Number(number)) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        Some(Json::String(text)) => Value::Text(text.clone()),
        Some(nested) => Value::Text(nested.to_string()),
    }
}

/// An argument as an element may look: numbers as such or as texts, for doubles are kept as texts.
fn same(element: &Json, value: ValueRef<'_>) -> bool {
    match (scalar(Some(element)), value) {
        (Value::Integer(first), ValueRef::Integer(second)) => first == second,
        (Value::Text(first), ValueRef::Text(second)) => first.as_bytes() == second,
        (Value::Text(first), ValueRef::Real(second)) => first.parse() == Ok(second),
        (Value::Text(first), ValueRef::Integer(second)) => first.parse() == Ok(second as f64),
        (Value::Integer(first), ValueRef::Real(second)) => first as f64 == second,
        _ => false,
    }
}

/// How elements are sorted: numbers by size, texts by their characters, NULL last.
fn order(first: &Json, second: &Json) -> std::cmp::Ordering {
    let number = |json: &Json| match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.parse().ok(),
        _ => None,
    };
    match (first.is_null(), second.is_null()) {
        (false, false) => {}
        (first, second) => return first.cmp(&second),
    }
    match (number(first), number(second)) {
        (Some(first), Some(second)) => first.total_cmp(&second),
        _ => scalar_text(first).cmp(&scalar_text(second)),
    }
}

fn scalar_text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// `tr_array(type, …)` and `tr_row(type, …)`.
fn collected(context: &Context<'_>) -> std::result::Result<Value, Failed> {
    let of = Type::parse(&text(context, 0)).unwrap_or(Type::Unknown);
    let each = (1..context.len()).map(|at| {
        let of = match &of {
            Type::Row(fields) => fields.get(at - 1).map_or(&Type::Unknown, |(_, of)| of),
            other => other,
        };
        values::from_sql(of, context.get_raw(at)).to_json(of)
    });
    Ok(kept(each.collect()))
}

pub(super) fn register(connection: &Connection) -> Result<()> {
    add(connection, "tr_row", -1, collected)?;
    add(connection, "tr_array", -1, |context| {
        let of = Type::parse(&text(context, 0)).unwrap_or(Type::Unknown);
        let each = (1..context.len()).map(|at| values::from_sql(&of, context.get_raw(at)).to_json(&of));
        Ok(kept(each.collect()))
    })?;
    add_strict(connection, "tr_map", 2, |context| {
        let (keys, values) = (elements(context, 0), elements(context, 1));
        if keys.len() != values.len() {
            return Err(Failed::new(
                "INVALID_FUNCTION_ARGUMENT",
                "Key and value arrays must be the same length",
            ));
        }
        let mut pairs: Vec<(Json, Json)> = keys.into_iter().zip(values).collect();
        pairs.sort_by(|first, second| order(&first.0, &second.0));
        if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Failed::new(
                "INVALID_FUNCTION_ARGUMENT",
                "Duplicate map keys are not allowed",
            ));
        }
        Ok(kept(
            pairs
                .into_iter()
                .map(|(key, value)| Json::Array(vec![key, value]))
                .collect(),
        ))
    })?;
    add_strict(connection, "tr_cardinality", 1, |context| {
        Ok(Value::Integer(i64::try_from(elements(context, 0).len()).unwrap_or(0)))
    })?;
    register_access(connection)?;
    add_strict(connection, "tr_array_join", -1, |context| {
        let null = (context.len() > 2).then(|| text(context, 2));
        let each = elements(context, 0).into_iter().filter_map(|value| match value {
            Json::Null => null.clone(),
            other => Some(scalar_text(&other)),
        });
        Ok(Value::Text(each.collect::<Vec<_>>().join(&text(context, 1))))
    })?;
    add_strict(connection, "tr_distinct", 1, |context| {
        let mut found: Vec<Json> = Vec::new();
        for value in elements(context, 0) {
            if !found.contains(&value) {
                found.push(value);
            }
        }
        Ok(kept(found))
    })?;
    add_strict(connection, "tr_array_sort", 1, |context| {
        let mut found = elements(context, 0);
        found.sort_by(order);
        Ok(kept(found))
    })?;
    add_strict(connection, "tr_array_reverse", 1, |context| {
        Ok(kept(elements(context, 0).into_iter().rev().collect()))
    })?;
    add_strict(connection, "tr_array_concat", -1, |context| {
        let all = (0..context.len()).flat_map(|at| match serde_json::from_str(&text(context, at)) {
            Ok(Json::Array(values)) => values,
            _ => vec![Json::from(text(context, at))],
        });
        Ok(kept(all.collect()))
    })?;
    for (name, greatest) in [("tr_array_min", false), ("tr_array_max", true)] {
        add_strict(connection, name, 1, move |context| {
            let mut found = elements(context, 0);
            found.sort_by(order);
            let one = if greatest { found.last() } else { found.first() };
            Ok(if found.iter().any(Json::is_null) {
                Value::Null
            } else {
                scalar(one)
            })
        })?;
    }
    add_strict(connection, "tr_slice", 3, |context| {
        let start = usize::try_from(whole(context, 1) - 1).unwrap_or(0);
        let count = usize::try_from(whole(context, 2)).unwrap_or(0);
        Ok(kept(elements(context, 0).into_iter().skip(start).take(count).collect()))
    })?;
    add_strict(connection, "tr_sequence", -1, |context| {
        let (start, end) = (whole(context, 0), whole(context, 1));
        let step = if context.len() > 2 {
            whole(context, 2)
        } else if end < start {
            -1
        } else {
            1
        };
        if step == 0 || (end - start) / step > 10_000 {
            return Err(Failed::new(
                "INVALID_FUNCTION_ARGUMENT",
                "result of sequence function must not have more than 10000 entries",
            ));
        }
        let (mut found, mut here) = (Vec::new(), start);
        while (step > 0 && here <= end) || (step < 0 && here >= end) {
            found.push(here.into());
            here += step;
        }
        Ok(kept(found))
    })
}

fn register_access(connection: &Connection) -> Result<()> {
    // An array by position from 1, or from the end; a map by key. A missing element is an error of `a[i]` only.
    for (name, strict) in [("tr_element_at", false), ("tr_subscript", true)] {
        add_strict(connection, name, 2, move |context| {
            let all = elements(context, 0);
            let wanted = context.get_raw(1);
            let pair = |json: &Json| matches!(json, Json::Array(pair) if pair.len() == 2);
            if !all.is_empty() && all.iter().all(pair) {
                let by_key = all.iter().find(|entry| same(&entry[0], wanted));
                if let Some(entry) = by_key {
                    return Ok(scalar(entry.get(1)));
                }
                if matches!(wanted, ValueRef::Text(_)) {
                    let message = format!("Key not present in map: {}", text(context, 1));
                    return if strict {
                        Err(Failed::new("INVALID_FUNCTION_ARGUMENT", message))
                    } else {
                        Ok(Value::Null)
                    };
                }
            }
            let index = whole(context, 1);
            let length = i64::try_from(all.len()).unwrap_or(0);
            let at = if index < 0 && !strict {
                length + index
            } else {
                index - 1
            };
            match usize::try_from(at).ok().and_then(|at| all.get(at)) {
                Some(value) => Ok(scalar(Some(value))),
                None if strict => Err(Failed::new(
                    "INVALID_FUNCTION_ARGUMENT",
                    "Array subscript out of bounds",
                )),
                None => Ok(Value::Null),
            }
        })?;
    }
    add_strict(connection, "tr_contains", 2, |context| {
        let found = elements(context, 0)
            .iter()
            .any(|element| same(element, context.get_raw(1)));
        Ok(Value::Integer(found.into()))
    })?;
    add_strict(connection, "tr_array_position", 2, |context| {
        let found = elements(context, 0)
            .iter()
            .position(|element| same(element, context.get_raw(1)));
        Ok(Value::Integer(found.map_or(0, |at| i64::try_from(at).unwrap_or(0) + 1)))
    })?;
    for (name, side) in [("tr_map_keys", 0), ("tr_map_values", 1)] {
        add_strict(connection, name, 1, move |context| {
            let sides = elements(context, 0);
            Ok(kept(
                sides.iter().filter_map(|entry| entry.get(side).cloned()).collect(),
            ))
        })?;
    }
    Ok(())
}
