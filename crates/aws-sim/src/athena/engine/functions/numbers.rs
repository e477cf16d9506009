//! Division as Athena does it, and rounding.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::{add_strict, number, whole};
use crate::athena::engine::errors::Failed;

fn by_zero() -> Failed {
    Failed::new("DIVISION_BY_ZERO", "Division by zero")
}

pub(super) fn register(connection: &Connection) -> Result<()> {
    // Dividend, divisor, whether both are whole, whether an error is NULL.
    add_strict(connection, "tr_divide", 4, |context| {
        if number(context, 1) == 0.0 {
            return if whole(context, 3) == 1 {
                Ok(Value::Null)
            } else {
                Err(by_zero())
            };
        }
        if whole(context, 2) == 1 {
            return Ok(Value::Integer(whole(context, 0).wrapping_div(whole(context, 1))));
        }
        Ok(Value::Real(number(context, 0) / number(context, 1)))
    })?;
    add_strict(connection, "tr_float_divide", 2, |context| {
        let quotient = number(context, 0) / number(context, 1);
        // SQLite takes what is no number for NULL.
        Ok(if quotient.is_nan() {
            Value::Text("NaN".to_owned())
        } else {
            Value::Real(quotient)
        })
    })?;
    add_strict(connection, "tr_modulo", 3, |context| {
        if number(context, 1) == 0.0 {
            return if whole(context, 2) == 1 {
                Ok(Value::Null)
            } else {
                Err(by_zero())
            };
        }
        match (context.get_raw(0), context.get_raw(1)) {
            (ValueRef::Integer(first), ValueRef::Integer(second)) => Ok(Value::Integer(first.wrapping_rem(second))),
            _ => Ok(Value::Real(number(context, 0) % number(context, 1))),
        }
    })?;
    for (name, digits) in [("tr_round", true), ("tr_truncate", false)] {
        add_strict(connection, name, -1, move |context| {
            let places = if context.len() > 1 { whole(context, 1) } else { 0 };
            if let ValueRef::Integer(number) = context.get_raw(0)
                && places >= 0
            {
                return Ok(Value::Integer(number));
            }
            let power = 10_f64.powi(i32::try_from(places.clamp(-300, 300)).unwrap_or(0));
            let scaled = number(context, 0) * power;
            let rounded = if digits { scaled.round() } else { scaled.trunc() };
            Ok(match context.get_raw(0) {
                ValueRef::Integer(_) => Value::Integer((rounded / power) as i64),
                _ => Value::Real(rounded / power),
            })
        })?;
    }
    Ok(())
}
