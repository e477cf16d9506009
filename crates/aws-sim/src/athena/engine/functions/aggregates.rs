//! Aggregates that SQLite has not.

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};
use serde_json::Value as Json;

use super::{number, text, whole};
use crate::athena::engine::values;
use crate::athena::types::Type;

/// Standard deviations and variances: value, whether squared, whether of the whole population.
struct Spread;

#[derive(Default)]
struct Seen {
    values: Vec<f64>,
    squared: bool,
    population: bool,
}

impl Aggregate<Seen, Option<f64>> for Spread {
    fn init(&self, _: &mut Context<'_>) -> Result<Seen> {
        Ok(Seen::default())
    }

    fn step(&self, context: &mut Context<'_>, seen: &mut Seen) -> Result<()> {
        if context.get_raw(0) != ValueRef::Null {
            seen.values.push(number(context, 0));
        }
        (seen.squared, seen.population) = (whole(context, 1) == 1, whole(context, 2) == 1);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, seen: Option<Seen>) -> Result<Option<f64>> {
        let seen = seen.unwrap_or_default();
        let count = seen.values.len() as f64;
        let degrees = if seen.population { count } else { count - 1.0 };
        if degrees <= 0.0 {
            return Ok(None);
        }
        let mean = seen.values.iter().sum::<f64>() / count;
        let variance = seen.values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / degrees;
        Ok(Some(if seen.squared { variance } else { variance.sqrt() }))
    }
}

/// The value at a share of the sorted values.
struct Percentile;

impl Aggregate<(Vec<f64>, f64, bool), Option<Value>> for Percentile {
    fn init(&self, _: &mut Context<'_>) -> Result<(Vec<f64>, f64, bool)> {
        Ok((Vec::new(), 0.5, true))
    }

    fn step(&self, context: &mut Context<'_>, (values, share, whole): &mut (Vec<f64>, f64, bool)) -> Result<()> {
        match context.get_raw(0) {
            ValueRef::Null => return Ok(()),
            ValueRef::Integer(_) => {}
            _ => *whole = false,
        }
        values.push(number(context, 0));
        *share = number(context, 1);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, seen: Option<(Vec<f64>, f64, bool)>) -> Result<Option<Value>> {
        let Some((mut values, share, whole)) = seen.filter(|(values, ..)| !values.is_empty()) else {
            return Ok(None);
        };
        values.sort_by(f64::total_cmp);
        let at = ((values.len() - 1) as f64 * share.clamp(0.0, 1.0)).round() as usize;
        let found = values[at];
        Ok(Some(if whole {
            Value::Integer(found as i64)
        } else {
            Value::Real(found)
        }))
    }
}

/// `min_by` and `max_by`.
struct By {
    greatest: bool,
}

impl Aggregate<Option<(Value, Value)>, Option<Value>> for By {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<(Value, Value)>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, best: &mut Option<(Value, Value)>) -> Result<()> {
        let (value, key): (Value, Value) = (context.get(0)?, context.get(1)?);
        if key == Value::Null {
            return Ok(());
        }
        let better = best.as_ref().is_none_or(|(_, own)| match less(own, &key) {
            true => self.greatest,
            false => !self.greatest && less(&key, own),
        });
        if better {
            *best = Some((value, key));
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, best: Option<Option<(Value, Value)>>) -> Result<Option<Value>> {
        Ok(best.flatten().map(|(value, _)| value))
    }
}

fn less(first: &Value, second: &Value) -> bool {
    let real = |value: &Value| match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        _ => None,
    };
    match (first, second) {
        (Value::Integer(first), Value::Integer(second)) => first < second,
        (Value::Text(first), Value::Text(second)) => first < second,
        (Value::Blob(first), Value::Blob(second)) => first < second,
        _ => real(first) < real(second),
    }
}

/// `array_agg` (type, value) and `map_agg` (type, key, value).
struct Collect {
    pairs: bool,
}

impl Aggregate<Vec<Json>, Option<String>> for Collect {
    fn init(&self, _: &mut Context<'_>) -> Result<Vec<Json>> {
        Ok(Vec::new())
    }

    fn step(&self, context: &mut Context<'_>, values: &mut Vec<Json>) -> Result<()> {
        let of = Type::parse(&text(context, 0)).unwrap_or(Type::Unknown);
        let json = |of: &Type, at: usize| values::from_sql(of, context.get_raw(at)).to_json(of);
        match (&of, self.pairs) {
            (Type::Map(key, value), true) => values.push(Json::Array(vec![json(key, 1), json(value, 2)])),
            _ => values.push(json(&of, 1)),
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, values: Option<Vec<Json>>) -> Result<Option<String>> {
        Ok(values
            .filter(|values| !values.is_empty())
            .map(|values| Json::Array(values).to_string()))
    }
}

pub(super) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_aggregate_function("tr_spread", 3, flags, Spread)?;
    connection.create_aggregate_function("tr_percentile", 2, flags, Percentile)?;
    connection.create_aggregate_function("tr_min_by", 2, flags, By { greatest: false })?;
    connection.create_aggregate_function("tr_max_by", 2, flags, By { greatest: true })?;
    connection.create_aggregate_function("tr_array_agg", 2, flags, Collect { pairs: false })?;
    connection.create_aggregate_function("tr_map_agg", 3, flags, Collect { pairs: true })
}
