//! Which types go together.

use crate::athena::types::{TEXT, Type};

/// The type that takes the values of both; `None` when there is none.
pub(super) fn common(first: &Type, second: &Type) -> Option<Type> {
    use Type::{
        Bigint, Char, Date, Decimal, Double, Integer, Real, Smallint, Timestamp, TimestampTz, Tinyint, Unknown, Varchar,
    };
    Some(match (first, second) {
        (first, second) if first == second => first.clone(),
        (Unknown, other) | (other, Unknown) => other.clone(),
        (Varchar(Some(first)), Varchar(Some(second))) => Varchar(Some(*first.max(second))),
        (Varchar(_) | Char(_), Varchar(_) | Char(_)) => TEXT,
        (first, second) if first.is_integral() && second.is_integral() => {
            let order = [Tinyint, Smallint, Integer, Bigint];
            let rank = |of: &Type| order.iter().position(|known| known == of).unwrap_or(3);
            order[rank(first).max(rank(second))].clone()
        }
        (Double, other) | (other, Double) if other.is_numeric() => Double,
        (Real, other) | (other, Real) if other.is_numeric() => Real,
        (Decimal(p1, s1), Decimal(p2, s2)) => {
            let scale = *s1.max(s2);
            Decimal((p1 - s1).max(p2 - s2).saturating_add(scale).min(38), scale)
        }
        (Decimal(precision, scale), other) | (other, Decimal(precision, scale)) if other.is_integral() => {
            let digits = match other {
                Tinyint => 3,
                Smallint => 5,
                Integer => 10,
                _ => 19,
            };
            Decimal((precision - scale).max(digits).saturating_add(*scale).min(38), *scale)
        }
        (Date, Timestamp) | (Timestamp, Date) => Timestamp,
        (Date | Timestamp, TimestampTz) | (TimestampTz, Date | Timestamp) => TimestampTz,
        (Type::Array(first), Type::Array(second)) => Type::Array(Box::new(common(first, second)?)),
        (Type::Map(k1, v1), Type::Map(k2, v2)) => Type::Map(Box::new(common(k1, k2)?), Box::new(common(v1, v2)?)),
        (Type::Row(first), Type::Row(second)) if first.len() == second.len() => {
            let fields = first.iter().zip(second);
            let fields = fields.map(|((name, first), (_, second))| Some((name.clone(), common(first, second)?)));
            Type::Row(fields.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// The type of `first op second` for numbers.
pub(super) fn arithmetic(op: char, first: &Type, second: &Type) -> Option<Type> {
    if !(first.is_numeric() || *first == Type::Unknown) || !(second.is_numeric() || *second == Type::Unknown) {
        return None;
    }
    let both = common(first, second)?;
    let (Type::Decimal(p1, s1), Type::Decimal(p2, s2)) = (as_decimal(first, &both), as_decimal(second, &both)) else {
        return Some(both);
    };
    let (precision, scale) = match op {
        '*' => (p1 + p2, s1 + s2),
        '/' => (p1 + s2 + s2.saturating_sub(s1), s1.max(s2)),
        '%' => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
        _ => ((p1 - s1).max(p2 - s2) + s1.max(s2) + 1, s1.max(s2)),
    };
    Some(Type::Decimal(precision.min(38), scale.min(38)))
}

/// A type as decimal where the common type is one.
fn as_decimal(of: &Type, both: &Type) -> Type {
    match (of, both) {
        (Type::Decimal(..), _) => of.clone(),
        (_, Type::Decimal(..)) => match of {
            Type::Tinyint => Type::Decimal(3, 0),
            Type::Smallint => Type::Decimal(5, 0),
            Type::Integer => Type::Decimal(10, 0),
            _ => Type::Decimal(19, 0),
        },
        _ => both.clone(),
    }
}
