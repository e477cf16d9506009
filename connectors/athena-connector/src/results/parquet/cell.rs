//! Values of Arrow arrays as Athena's text and as JSON.
//!
//! INT96, the form in which UNLOAD writes timestamps, has a day and the nanoseconds of that day, and does not fit into 64
//! bits: as nanoseconds the end of year 9999, a common value, would come out as 1816. So such a column is read twice, as
//! microseconds and as nanoseconds. Where the nanoseconds have overflowed they still are right modulo 2⁶⁴, and what they
//! are more than the microseconds is what lies below one.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray, StringViewArray, StructArray,
};
use arrow_schema::{DataType, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use connector_core::table::Value;

use crate::results::{calendar, java};

/// A batch of rows.
pub struct Rows {
    columns: Vec<Column>,
    len: usize,
}

impl Rows {
    pub(super) fn new(columns: Vec<Column>, len: usize) -> Self {
        Rows { columns, len }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rows in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len).map(|index| Row {
            columns: &self.columns,
            index,
        })
    }
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [Column],
    index: usize,
}

impl<'a> Row<'a> {
    /// The cells in the order of the columns.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = Cell<'a>> + use<'a> {
        let index = self.index;
        self.columns.iter().map(move |column| Cell { column, index })
    }
}

/// One cell.
#[derive(Clone, Copy)]
pub struct Cell<'a> {
    column: &'a Column,
    index: usize,
}

impl<'a> Cell<'a> {
    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        self.column.array.is_null(self.index)
    }

    /// The text that Athena's CSV has for the value, but for what [`Part`](super::Part) names; `None` is NULL. It is in the file's page or is written to `scratch`,
    /// over what was there.
    pub fn text<'s>(&self, scratch: &'s mut String) -> Option<&'s str>
    where
        'a: 's,
    {
        if self.is_null() {
            return None;
        }
        if let Values::Text(texts) = &self.column.values {
            return Some(texts.value(self.index));
        }
        scratch.clear();
        self.column.text(self.index, scratch);
        Some(scratch)
    }

    /// The cell as [`AthenaType::value`](crate::results::types::AthenaType::value) makes it of the text; but arrays, maps
    /// and rows are JSON.
    pub fn value<'s>(&self, scratch: &'s mut String) -> Value<'s>
    where
        'a: 's,
    {
        match &self.column.values {
            _ if self.is_null() => return Value::Null,
            Values::List(..) | Values::Map(..) | Values::Row(..) => {
                let mut json = String::new();
                self.json(&mut json);
                return Value::Nested(json.into());
            }
            _ => {}
        }
        let index = self.index;
        let text = self.text(scratch).unwrap_or_default();
        match &self.column.values {
            Values::Binary(binaries) => Value::Binary {
                text: Cow::Borrowed(text),
                bytes: binaries.value(index).to_vec(),
            },
            values if values.is_literal(index) => Value::Literal(text),
            _ => Value::Text(Cow::Borrowed(text)),
        }
    }

    /// Appends the value as JSON. Maps are objects with the text of their keys; rows are objects by the names of their
    /// fields.
    pub fn json(&self, out: &mut String) {
        self.column.json(self.index, out);
    }
}

/// The values of a column, or of one level of a nested column, in a batch.
pub(super) struct Column {
    array: ArrayRef,
    values: Values,
}

enum Values {
    Boolean(BooleanArray),
    TinyInt(Int8Array),
    SmallInt(Int16Array),
    Integer(Int32Array),
    BigInt(Int64Array),
    Real(Float32Array),
    Double(Float64Array),
    Decimal(Decimal128Array),
    WideDecimal(Decimal256Array),
    Date(Date32Array),
    Timestamp(Timestamps),
    Text(StringViewArray),
    Binary(BinaryViewArray),
    List(ListArray, Box<Column>),
    Map(MapArray, Box<[Column; 2]>),
    Row(StructArray, Vec<Column>),
}

struct Timestamps {
    ticks: Int64Array,
    ticks_per_second: i64,
    /// Digits behind the point at least: those of the file's unit. INT96 has none.
    digits: u8,
    /// The same points in time in nanoseconds, which may have overflowed.
    nanos: Option<Int64Array>,
}

impl Timestamps {
    /// Seconds since 1970-01-01 and nanoseconds within the second.
    fn at(&self, index: usize) -> (i64, u32) {
        let ticks = self.ticks.value(index);
        let nanos_per_tick = 1_000_000_000 / self.ticks_per_second;
        let below = self.nanos.as_ref().map_or(0, |nanos| {
            nanos.value(index).wrapping_sub(ticks.wrapping_mul(nanos_per_tick))
        });
        let nanos = ticks.rem_euclid(self.ticks_per_second) * nanos_per_tick + below.clamp(0, nanos_per_tick - 1);
        (
            ticks.div_euclid(self.ticks_per_second),
            u32::try_from(nanos).unwrap_or_default(),
        )
    }
}

impl Column {
    /// The values of an array in the layout that was asked for; `nanos` are those of its twin, where it has one. `None`
    /// if the array is not of that layout.
    pub(super) fn of(array: &ArrayRef, nanos: Option<&ArrayRef>) -> Option<Self> {
        let values = match array.data_type() {
            DataType::Boolean => Values::Boolean(array.as_boolean().clone()),
            DataType::Int8 => Values::TinyInt(array.as_primitive::<Int8Type>().clone()),
            DataType::Int16 => Values::SmallInt(array.as_primitive::<Int16Type>().clone()),
            DataType::Int32 => Values::Integer(array.as_primitive::<Int32Type>().clone()),
            DataType::Int64 => Values::BigInt(array.as_primitive::<Int64Type>().clone()),
            DataType::Float32 => Values::Real(array.as_primitive::<Float32Type>().clone()),
            DataType::Float64 => Values::Double(array.as_primitive::<Float64Type>().clone()),
            DataType::Decimal128(..) => Values::Decimal(array.as_primitive::<Decimal128Type>().clone()),
            DataType::Decimal256(..) => Values::WideDecimal(array.as_primitive::<Decimal256Type>().clone()),
            DataType::Date32 => Values::Date(array.as_primitive::<Date32Type>().clone()),
            DataType::Timestamp(unit, _) => {
                let (ticks, ticks_per_second) = ticks(array, *unit);
                let nanos = match unit {
                    TimeUnit::Microsecond => {
                        nanos.and_then(|nanos| nanos.as_primitive_opt::<TimestampNanosecondType>())
                    }
                    _ => None,
                };
                let digits = match unit {
                    TimeUnit::Nanosecond => 9,
                    TimeUnit::Microsecond if nanos.is_none() => 6,
                    _ => 3,
                };
                Values::Timestamp(Timestamps {
                    ticks,
                    ticks_per_second,
                    digits,
                    nanos: nanos.map(|nanos| nanos.reinterpret_cast::<Int64Type>()),
                })
            }
            DataType::Utf8View => Values::Text(array.as_string_view().clone()),
            DataType::BinaryView => Values::Binary(array.as_binary_view().clone()),
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let nanos = nanos
                    .and_then(|nanos| nanos.as_list_opt::<i32>())
                    .map(ListArray::values);
                Values::List(list.clone(), Box::new(Column::of(list.values(), nanos)?))
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let nanos = nanos.and_then(|nanos| nanos.as_map_opt());
                let keys = Column::of(map.keys(), nanos.map(MapArray::keys))?;
                let values = Column::of(map.values(), nanos.map(MapArray::values))?;
                Values::Map(map.clone(), Box::new([keys, values]))
            }
            DataType::Struct(_) => {
                let row = array.as_struct();
                let nanos = nanos.and_then(|nanos| nanos.as_struct_opt());
                let fields = row
                    .columns()
                    .iter()
                    .enumerate()
                    .map(|(index, field)| Column::of(field, nanos.and_then(|nanos| nanos.columns().get(index))));
                Values::Row(row.clone(), fields.collect::<Option<_>>()?)
            }
            _ => return None,
        };
        Some(Column {
            array: array.clone(),
            values,
        })
    }

    /// Appends the text of a value; inside of a nested value NULL is `null`.
    fn text(&self, index: usize, out: &mut String) {
        if self.array.is_null(index) {
            out.push_str("null");
            return;
        }
        match &self.values {
            Values::Text(values) => out.push_str(values.value(index)),
            Values::Binary(values) => hex(out, values.value(index)),
            Values::List(list, items) => {
                out.push('[');
                separated(out, ", ", range(list.value_offsets(), index), |out, item| {
                    items.text(item, out)
                });
                out.push(']');
            }
            Values::Map(map, entries) => {
                let [keys, values] = &**entries;
                out.push('{');
                separated(out, ", ", range(map.value_offsets(), index), |out, entry| {
                    keys.text(entry, out);
                    out.push('=');
                    values.text(entry, out);
                });
                out.push('}');
            }
            Values::Row(row, columns) => {
                out.push('{');
                separated(out, ", ", row.fields().iter().zip(columns), |out, (field, column)| {
                    out.push_str(field.name());
                    out.push('=');
                    column.text(index, out);
                });
                out.push('}');
            }
            scalar => scalar.text(index, out),
        }
    }

    /// Appends a value as JSON.
    fn json(&self, index: usize, out: &mut String) {
        if self.array.is_null(index) {
            out.push_str("null");
            return;
        }
        match &self.values {
            Values::Text(values) => json_text(out, values.value(index)),
            Values::Binary(values) => {
                out.push('"');
                BASE64.encode_string(values.value(index), out);
                out.push('"');
            }
            Values::List(list, items) => {
                out.push('[');
                separated(out, ",", range(list.value_offsets(), index), |out, item| {
                    items.json(item, out)
                });
                out.push(']');
            }
            Values::Map(map, entries) => {
                let [keys, values] = &**entries;
                let mut key = String::new();
                out.push('{');
                separated(out, ",", range(map.value_offsets(), index), |out, entry| {
                    key.clear();
                    keys.text(entry, &mut key);
                    json_text(out, &key);
                    out.push(':');
                    values.json(entry, out);
                });
                out.push('}');
            }
            Values::Row(row, columns) => {
                out.push('{');
                separated(out, ",", row.fields().iter().zip(columns), |out, (field, column)| {
                    json_text(out, field.name());
                    out.push(':');
                    column.json(index, out);
                });
                out.push('}');
            }
            scalar if scalar.is_literal(index) => scalar.text(index, out),
            // Numbers, dates and times: nothing to escape.
            scalar => {
                out.push('"');
                scalar.text(index, out);
                out.push('"');
            }
        }
    }
}

impl Values {
    /// Whether JSON has the value's text without quotes.
    fn is_literal(&self, index: usize) -> bool {
        match self {
            Values::Boolean(_) | Values::TinyInt(_) | Values::SmallInt(_) | Values::Integer(_) | Values::BigInt(_) => {
                true
            }
            Values::Real(values) => values.value(index).is_finite(),
            Values::Double(values) => values.value(index).is_finite(),
            _ => false,
        }
    }

    /// Appends the text of a scalar that is not NULL.
    fn text(&self, index: usize, out: &mut String) {
        let _ = match self {
            Values::Boolean(values) => write!(out, "{}", values.value(index)),
            Values::TinyInt(values) => write!(out, "{}", values.value(index)),
            Values::SmallInt(values) => write!(out, "{}", values.value(index)),
            Values::Integer(values) => write!(out, "{}", values.value(index)),
            Values::BigInt(values) => write!(out, "{}", values.value(index)),
            Values::Decimal(values) => point(out, values.value(index), values.scale()),
            Values::WideDecimal(values) => point(out, values.value(index), values.scale()),
            Values::Real(values) => {
                java::real(out, values.value(index));
                Ok(())
            }
            Values::Double(values) => {
                java::double(out, values.value(index));
                Ok(())
            }
            Values::Date(values) => {
                calendar::date(out, i64::from(values.value(index)));
                Ok(())
            }
            Values::Timestamp(values) => {
                let (seconds, nanos) = values.at(index);
                calendar::timestamp(out, seconds, nanos, values.digits);
                Ok(())
            }
            Values::Text(_) | Values::Binary(_) | Values::List(..) | Values::Map(..) | Values::Row(..) => Ok(()),
        };
    }
}

fn ticks(array: &ArrayRef, unit: TimeUnit) -> (Int64Array, i64) {
    match unit {
        TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().reinterpret_cast(), 1),
        TimeUnit::Millisecond => (
            array.as_primitive::<TimestampMillisecondType>().reinterpret_cast(),
            1_000,
        ),
        TimeUnit::Microsecond => (
            array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast(),
            1_000_000,
        ),
        TimeUnit::Nanosecond => (
            array.as_primitive::<TimestampNanosecondType>().reinterpret_cast(),
            1_000_000_000,
        ),
    }
}

/// The elements of a list, by the offsets of all lists.
fn range(offsets: &[i32], index: usize) -> std::ops::Range<usize> {
    let at = |place: usize| {
        offsets
            .get(place)
            .and_then(|offset| usize::try_from(*offset).ok())
            .unwrap_or_default()
    };
    at(index)..at(index + 1)
}

fn separated<T>(
    out: &mut String,
    separator: &str,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        write(out, item);
    }
}

/// A decimal without its point, which is set before the last digits.
fn point(out: &mut String, unscaled: impl std::fmt::Display, scale: i8) -> std::fmt::Result {
    let start = out.len();
    write!(out, "{unscaled}")?;
    let scale = usize::try_from(scale).unwrap_or_default();
    if scale > 0 {
        let digits = start + usize::from(out[start..].starts_with('-'));
        let missing = (scale + 1).saturating_sub(out.len() - digits);
        out.insert_str(digits, &"0".repeat(missing));
        out.insert(out.len() - scale, '.');
    }
    Ok(())
}

/// `00 0f ff`.
fn hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    separated(out, " ", bytes, |out, byte| {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(DIGITS[usize::from(digit)]));
        }
    });
}

fn json_text(out: &mut String, text: &str) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(Appended(out), text);
}

/// A text that serde_json writes to, without another text in between.
struct Appended<'a>(&'a mut String);

impl io::Write for Appended<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        self.0.push_str(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
