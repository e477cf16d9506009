//! Rows as a Parquet file, in the encodings that Athena's writer has: timestamps as INT96, decimals as fixed bytes, names
//! in small letters, every field optional.

use std::sync::Arc;

use ::parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use ::parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type, Int96, Int96Type,
};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::types::{Type as Node, TypePtr};
use bytes::Bytes;

use super::read;
use super::result::Column;
use super::types::Type;
use super::value::{Value, scaled};

/// Rows of a row group.
const GROUP: usize = 50_000;

/// A leaf of the schema with all that is in it.
#[derive(Default)]
struct Leaf {
    values: Vec<Primitive>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

enum Primitive {
    Boolean(bool),
    Int32(i32),
    Int64(i64),
    Int96(Int96),
    Float(f32),
    Double(f64),
    Bytes(Vec<u8>),
    Fixed(Vec<u8>),
}

/// How a type is kept in a leaf.
fn physical(of: &Type) -> Option<(Physical, ConvertedType)> {
    Some(match of {
        Type::Boolean => (Physical::BOOLEAN, ConvertedType::NONE),
        Type::Tinyint => (Physical::INT32, ConvertedType::INT_8),
        Type::Smallint => (Physical::INT32, ConvertedType::INT_16),
        Type::Integer => (Physical::INT32, ConvertedType::NONE),
        Type::Bigint => (Physical::INT64, ConvertedType::NONE),
        Type::Real => (Physical::FLOAT, ConvertedType::NONE),
        Type::Double => (Physical::DOUBLE, ConvertedType::NONE),
        Type::Decimal(..) => (Physical::FIXED_LEN_BYTE_ARRAY, ConvertedType::DECIMAL),
        Type::Varchar(_) | Type::Char(_) => (Physical::BYTE_ARRAY, ConvertedType::UTF8),
        Type::Varbinary => (Physical::BYTE_ARRAY, ConvertedType::NONE),
        Type::Date => (Physical::INT32, ConvertedType::DATE),
        Type::Timestamp => (Physical::INT96, ConvertedType::NONE),
        _ => return None,
    })
}

/// The first type in a type that Parquet files of Athena have no place for.
pub(super) fn unsupported(of: &Type) -> Option<&Type> {
    match of {
        Type::Array(inner) => unsupported(inner),
        Type::Map(key, value) => unsupported(key).or_else(|| unsupported(value)),
        Type::Row(fields) => {
            let unnamed = fields.iter().any(|(name, _)| name.is_none());
            if unnamed {
                Some(of)
            } else {
                fields.iter().find_map(|(_, of)| unsupported(of))
            }
        }
        scalar => physical(scalar).is_none().then_some(scalar),
    }
}

/// The bytes that a decimal of so many digits takes.
fn decimal_bytes(precision: u8) -> i32 {
    let bits = f64::from(precision) * std::f64::consts::LOG2_10 + 1.0;
    (bits / 8.0).ceil() as i32
}

fn node(name: &str, of: &Type, repetition: Repetition) -> Result<TypePtr> {
    let group = |fields: Vec<TypePtr>, kind: ConvertedType| {
        let builder = Node::group_type_builder(name).with_repetition(repetition);
        builder
            .with_converted_type(kind)
            .with_fields(fields)
            .build()
            .map(Arc::new)
    };
    let repeated = |name: &str, fields: Vec<TypePtr>| {
        let builder = Node::group_type_builder(name).with_repetition(Repetition::REPEATED);
        builder.with_fields(fields).build().map(Arc::new)
    };
    match of {
        Type::Array(inner) => {
            let element = node("element", inner, Repetition::OPTIONAL)?;
            group(vec![repeated("list", vec![element])?], ConvertedType::LIST)
        }
        Type::Map(key, value) => {
            let entry = vec![
                node("key", key, Repetition::REQUIRED)?,
                node("value", value, Repetition::OPTIONAL)?,
            ];
            group(vec![repeated("key_value", entry)?], ConvertedType::MAP)
        }
        Type::Row(fields) => {
            let fields = fields.iter().map(|(name, of)| {
                let name = name.clone().unwrap_or_default().to_lowercase();
                node(&name, of, Repetition::OPTIONAL)
            });
            group(fields.collect::<Result<_>>()?, ConvertedType::NONE)
        }
        scalar => {
            let (kind, converted) = physical(scalar).ok_or_else(|| ParquetError::NYI(scalar.to_string()))?;
            let builder = Node::primitive_type_builder(name, kind).with_repetition(repetition);
            let builder = builder.with_converted_type(converted);
            let builder = match scalar {
                Type::Decimal(precision, scale) => builder
                    .with_length(decimal_bytes(*precision))
                    .with_precision((*precision).into())
                    .with_scale((*scale).into()),
                _ => builder,
            };
            builder.build().map(Arc::new)
        }
    }
}

/// How many leaves a type has.
fn leaves(of: &Type) -> usize {
    match of {
        Type::Array(inner) => leaves(inner),
        Type::Map(key, value) => leaves(key) + leaves(value),
        Type::Row(fields) => fields.iter().map(|(_, of)| leaves(of)).sum(),
        _ => 1,
    }
}

/// Where a value stands among the levels of its leaves.
#[derive(Clone, Copy)]
struct Level {
    /// What is defined so far.
    definition: i16,
    /// At which list this value goes on.
    repetition: i16,
    /// How many lists are around it.
    depth: i16,
}

/// Puts a value that may be NULL into its leaves; a key of a map may not be.
fn shred(of: &Type, value: &Value, level: Level, required: bool, out: &mut [Leaf]) -> Result<()> {
    let nothing = |out: &mut [Leaf], definition: i16| {
        for leaf in out {
            leaf.definitions.push(definition);
            leaf.repetitions.push(level.repetition);
        }
    };
    if matches!(value, Value::Null) {
        nothing(out, level.definition);
        return Ok(());
    }
    let here = level.definition + i16::from(!required);
    let inside = |at: usize| Level {
        definition: here + 1,
        repetition: if at == 0 { level.repetition } else { level.depth + 1 },
        depth: level.depth + 1,
    };
    match (of, value) {
        (Type::Array(_) | Type::Map(..), Value::List(values)) if values.is_empty() => nothing(out, here),
        (Type::Map(..), Value::Map(entries)) if entries.is_empty() => nothing(out, here),
        (Type::Array(inner), Value::List(values)) => {
            for (at, value) in values.iter().enumerate() {
                shred(inner, value, inside(at), false, out)?;
            }
        }
        (Type::Map(key_type, value_type), Value::Map(entries)) => {
            let keys = leaves(key_type);
            for (at, (key, value)) in entries.iter().enumerate() {
                shred(key_type, key, inside(at), true, &mut out[..keys])?;
                shred(value_type, value, inside(at), false, &mut out[keys..])?;
            }
        }
        (Type::Row(fields), Value::Row(values)) => {
            let mut rest = out;
            for ((_, of), value) in fields.iter().zip(values) {
                let (own, after) = rest.split_at_mut(leaves(of));
                let level = Level {
                    definition: here,
                    ..level
                };
                shred(of, value, level, false, own)?;
                rest = after;
            }
        }
        _ => {
            let wrong = || ParquetError::General(format!("no {of}: {value:?}"));
            out[0].values.push(primitive(of, value).ok_or_else(wrong)?);
            nothing(out, here);
        }
    }
    Ok(())
}

fn primitive(of: &Type, value: &Value) -> Option<Primitive> {
    Some(match (of, value) {
        (Type::Boolean, Value::Boolean(value)) => Primitive::Boolean(*value),
        (Type::Bigint, Value::Integer(number)) => Primitive::Int64(*number),
        (Type::Tinyint | Type::Smallint | Type::Integer, Value::Integer(number)) => {
            Primitive::Int32(i32::try_from(*number).ok()?)
        }
        (Type::Real, Value::Double(number)) => Primitive::Float(*number as f32),
        (Type::Double, Value::Double(number)) => Primitive::Double(*number),
        (Type::Real, Value::Integer(number)) => Primitive::Float(*number as f32),
        (Type::Double, Value::Integer(number)) => Primitive::Double(*number as f64),
        (Type::Decimal(precision, scale), value) => {
            let unscaled = scaled(&value.text(of)?, *scale)?;
            let width = usize::try_from(decimal_bytes(*precision)).ok()?;
            let bytes = unscaled.to_be_bytes();
            let mut fixed = vec![if unscaled < 0 { 0xff } else { 0 }; width.saturating_sub(bytes.len())];
            fixed.extend_from_slice(&bytes[bytes.len().saturating_sub(width)..]);
            Primitive::Fixed(fixed)
        }
        (Type::Varchar(_) | Type::Char(_), Value::Text(text)) => Primitive::Bytes(text.clone().into_bytes()),
        (Type::Varbinary, Value::Bytes(bytes)) => Primitive::Bytes(bytes.clone()),
        (Type::Date, Value::Text(text)) => Primitive::Int32(days(text)?),
        (Type::Timestamp, Value::Text(text)) => Primitive::Int96(int96(text)?),
        _ => return None,
    })
}

/// Days since 1970.
fn days(text: &str) -> Option<i32> {
    const EPOCH: i32 = 2_440_588;
    let (year, month, day) = read::calendar(text)?;
    let date = time::Date::from_calendar_date(year, time::Month::try_from(month).ok()?, day).ok()?;
    Some(date.to_julian_day() - EPOCH)
}

/// The nanosecond of the day and the Julian day.
fn int96(text: &str) -> Option<Int96> {
    let (date, clock) = text.split_once(' ')?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = whole.split(':').map(|part| part.parse::<u64>().ok());
    let seconds = parts.next()?? * 3600 + parts.next()?? * 60 + parts.next()??;
    let nanos = seconds * 1_000_000_000 + format!("{fraction:0<9}").get(..9)?.parse::<u64>().ok()?;
    let mut found = Int96::new();
    found.set_data(
        nanos as u32,
        (nanos >> 32) as u32,
        u32::try_from(days(date)? + 2_440_588).ok()?,
    );
    Some(found)
}

/// A file with these rows.
pub(super) fn file(
    columns: &[Column],
    rows: impl Iterator<Item = Result<Vec<Value>>>,
    compression: Compression,
) -> Result<Bytes> {
    let fields = columns
        .iter()
        .map(|column| node(&column.name.to_lowercase(), &column.of, Repetition::OPTIONAL));
    let schema = Node::group_type_builder("hive_schema")
        .with_fields(fields.collect::<Result<_>>()?)
        .build()?;
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let counts: Vec<usize> = columns.iter().map(|column| leaves(&column.of)).collect();
    let start = Level {
        definition: 0,
        repetition: 0,
        depth: 0,
    };
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let mut all: Vec<Leaf> = (0..counts.iter().sum()).map(|_| Leaf::default()).collect();
        for row in rows.by_ref().take(GROUP) {
            let row = row?;
            let mut rest = all.as_mut_slice();
            for ((value, column), count) in row.iter().zip(columns).zip(&counts) {
                let (own, after) = rest.split_at_mut(*count);
                shred(&column.of, value, start, false, own)?;
                rest = after;
            }
        }
        let mut group = writer.next_row_group()?;
        for leaf in all {
            write_leaf(&mut group, leaf)?;
        }
        group.close()?;
    }
    writer.into_inner().map(Bytes::from)
}

fn write_leaf(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, mut leaf: Leaf) -> Result<()> {
    macro_rules! typed {
        ($kind:ty, $variant:ident, $make:expr) => {{
            let values = std::mem::take(&mut leaf.values);
            let values = values.into_iter().filter_map(|value| match value {
                Primitive::$variant(value) => Some($make(value)),
                _ => None,
            });
            write_typed::<$kind>(group, &values.collect::<Vec<_>>(), &leaf)
        }};
    }
    match leaf.values.first() {
        Some(Primitive::Boolean(_)) => typed!(BoolType, Boolean, |value| value),
        Some(Primitive::Int32(_)) => typed!(Int32Type, Int32, |value| value),
        Some(Primitive::Int64(_)) => typed!(Int64Type, Int64, |value| value),
        Some(Primitive::Int96(_)) => typed!(Int96Type, Int96, |value| value),
        Some(Primitive::Float(_)) => typed!(FloatType, Float, |value| value),
        Some(Primitive::Double(_)) => typed!(DoubleType, Double, |value| value),
        Some(Primitive::Bytes(_)) => typed!(ByteArrayType, Bytes, ByteArray::from),
        Some(Primitive::Fixed(_)) => typed!(FixedLenByteArrayType, Fixed, |bytes: Vec<u8>| {
            FixedLenByteArray::from(ByteArray::from(bytes))
        }),
        None => write_empty(group, &leaf),
    }
}

fn write_typed<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    leaf: &Leaf,
) -> Result<()> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("more leaves than columns".to_owned()));
    };
    column
        .typed::<T>()
        .write_batch(values, Some(&leaf.definitions), Some(&leaf.repetitions))?;
    column.close()
}

/// A leaf without a value, whatever its type is.
fn write_empty(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, leaf: &Leaf) -> Result<()> {
    use ::parquet::column::writer::ColumnWriter;
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("more leaves than columns".to_owned()));
    };
    let (definitions, repetitions) = (Some(leaf.definitions.as_slice()), Some(leaf.repetitions.as_slice()));
    match column.untyped() {
        ColumnWriter::BoolColumnWriter(writer) => writer.write_batch(&[], definitions, repetitions)?,
        ColumnWriter::Int32ColumnWriter(writer) => writer.write_batch(&[], definitions, repetitions)?,
        ColumnWriter::Int64ColumnWriter(writer) => writer.write_batch(&[], definitions, repetitions)?,
        ColumnWriter::Int96ColumnWriter(writer) => writer.write_batch(&[], definitions, repetitions)?,
        ColumnWriter::FloatColumnWriter(writer) => writer.write_batch(&[], definitions, repetitions)?,
        ColumnWriter::DoubleColumnWriter(writer) => writer.write_batch(&[], definitions, repetitions)?,
        ColumnWriter::ByteArrayColumnWriter(writer) => writer.write_batch(&[], definitions, repetitions)?,
        ColumnWriter::FixedLenByteArrayColumnWriter(writer) => writer.write_batch(&[], definitions, repetitions)?,
    };
    column.close()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_comes_back() {
        let cases = [
            ("boolean", json!(true), "true"),
            ("tinyint", json!(-1), "-1"),
            ("integer", json!(7), "7"),
            ("bigint", json!(9_007_199_254_740_993_i64), "9007199254740993"),
            ("double", json!(1.5), "1.5"),
            ("real", json!(0.5), "0.5"),
            (
                "decimal(38,2)",
                json!("-12345678901234567890.12"),
                "-12345678901234567890.12",
            ),
            ("decimal(5,2)", json!("1.5"), "1.50"),
            ("varchar", json!("ä\"b"), "\"ä\"b\""),
            ("date", json!("2024-02-29"), "2024-02-29"),
            (
                "timestamp",
                json!("2024-02-29 01:02:03.500"),
                "2024-02-29 01:02:03.500 +00:00",
            ),
            (
                "array(array(integer))",
                json!([[1, null], [], null]),
                "[[1, null], [], null]",
            ),
            (
                "map(varchar, array(bigint))",
                json!({"a": [1], "b": null}),
                "{\"a\" -> [1], \"b\" -> null}",
            ),
            (
                "row(x integer, y row(z varchar, w array(row(q double))))",
                json!({"x": 1, "y": {"z": null, "w": [{"q": 2.5}, null]}}),
                "{x: 1, y: {z: null, w: [{q: 2.5}, null]}}",
            ),
        ];
        for (of, json, expected) in cases {
            let column = Column::new("C", Type::parse(of).unwrap());
            let value = Value::from_json(&column.of, &json).unwrap();
            let rows = [vec![value], vec![Value::Null]];
            let bytes = file(
                std::slice::from_ref(&column),
                rows.into_iter().map(Ok),
                Compression::SNAPPY,
            )
            .unwrap();
            let reader = SerializedFileReader::new(bytes).unwrap();
            let found: Vec<String> = reader
                .get_row_iter(None)
                .unwrap()
                .map(|row| row.unwrap().to_string())
                .collect();
            assert_eq!(found, [format!("{{c: {expected}}}"), "{c: null}".to_owned()], "{of}");
        }
    }

    #[test]
    fn types_without_a_place() {
        for (of, first) in [
            ("array(time)", Some("time(3)")),
            ("row(a timestamp with time zone)", Some("timestamp(3) with time zone")),
            ("json", Some("json")),
            ("row(integer)", Some("row(integer)")),
            ("map(varchar, date)", None),
        ] {
            let of = Type::parse(of).unwrap();
            assert_eq!(unsupported(&of).map(ToString::to_string).as_deref(), first);
        }
    }
}
