//! The object beside a result, `<id>.csv.metadata`: the columns in protobuf, as Athena's drivers read them.
//! The fields are those that `io.burt.athena` reads; AWS documents none.

use super::result::{Column, ResultSet};
use super::types::Type;

/// The bytes of the companion of a result. `update` is the kind of a write: `INSERT`, `CREATE TABLE`, …
pub(super) fn companion(id: &str, update: Option<&str>, result: &ResultSet) -> Vec<u8> {
    let mut out = Vec::new();
    push_text(&mut out, 1, id);
    if let Some(update) = update {
        push_text(&mut out, 2, update);
        push_number(
            &mut out,
            3,
            u64::try_from(result.update_count.unwrap_or(0)).unwrap_or(0),
        );
    }
    for column in &result.columns {
        let inner = of_column(column);
        push_tag(&mut out, 4, 2);
        push_varint(&mut out, inner.len() as u64);
        out.extend(inner);
    }
    out
}

fn of_column(column: &Column) -> Vec<u8> {
    let mut out = Vec::new();
    push_text(&mut out, 1, "hive");
    push_text(&mut out, 4, &column.name);
    push_text(&mut out, 5, &column.name);
    push_text(&mut out, 6, &column.type_name());
    let unsized_type = matches!(
        column.of,
        Type::Boolean | Type::IntervalDay | Type::IntervalYear | Type::Date
    );
    let bare = column.api.is_some() || column.of.is_nested() || matches!(column.of, Type::Json | Type::Other(_));
    let (precision, scale) = column.of.api_size();
    if !bare && !unsized_type {
        push_number(&mut out, 7, precision.unsigned_abs());
    }
    if !bare && (!unsized_type || column.of == Type::Date) {
        push_number(&mut out, 8, scale.unsigned_abs());
    }
    // Whether it may be NULL is unknown.
    push_number(&mut out, 9, 3);
    if !bare {
        push_number(&mut out, 10, u64::from(column.of.is_text()));
    }
    out
}

fn push_text(out: &mut Vec<u8>, field: u64, text: &str) {
    push_tag(out, field, 2);
    push_varint(out, text.len() as u64);
    out.extend(text.as_bytes());
}

fn push_number(out: &mut Vec<u8>, field: u64, number: u64) {
    push_tag(out, field, 0);
    push_varint(out, number);
}

fn push_tag(out: &mut Vec<u8>, field: u64, wire: u64) {
    push_varint(out, field << 3 | wire);
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_companion_of_an_insert_has_the_bytes_that_aws_writes() {
        let bytes = companion("20260920_092743_00042_abcde", Some("INSERT"), &ResultSet::written(1));
        assert_eq!(bytes.len(), 75);
        let tail: Vec<u8> = [
            &[0x12, 6][..],
            b"INSERT",
            &[0x18, 1, 0x22, 0x22, 0x0a, 4],
            b"hive",
            &[0x22, 4],
            b"rows",
            &[0x2a, 4],
            b"rows",
            &[0x32, 6],
            b"bigint",
            &[0x38, 19, 0x40, 0, 0x48, 3, 0x50, 0],
        ]
        .concat();
        assert_eq!(&bytes[29..], tail);
    }
}
