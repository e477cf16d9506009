//! The layouts in which a part's values are asked for, and the types of its columns.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use parquet::basic::Type as Physical;
use parquet::schema::types::SchemaDescriptor;

use super::{PartColumn, PartError};
use crate::results::types::AthenaType;

/// How to read a part.
pub(super) struct Layout {
    pub(super) columns: Vec<PartColumn>,
    /// Texts and bytes as views into the pages, so that a large value that repeats is there once; INT96 timestamps as
    /// microseconds, which reach from year -290308 to 294247.
    pub(super) micros: SchemaRef,
    /// The same with INT96 timestamps as nanoseconds, which reach from 1677 to 2262 and overflow beyond.
    pub(super) nanos: SchemaRef,
    /// The columns that have INT96 timestamps, at the top or further down.
    pub(super) int96_columns: Vec<usize>,
}

/// `inferred` is what the parquet crate makes of the part's own schema.
///
/// # Errors
///
/// [`PartError::Unsupported`].
pub(super) fn layout(parquet: &SchemaDescriptor, inferred: &Schema) -> Result<Layout, PartError> {
    let mut leaves = Leaves {
        int96: parquet
            .columns()
            .iter()
            .map(|leaf| leaf.physical_type() == Physical::INT96)
            .collect(),
        next: 0,
        seen: false,
    };
    let (mut columns, mut micros, mut nanos, mut int96_columns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, field) in inferred.fields().iter().enumerate() {
        let athena_type = athena_type(field.data_type()).ok_or_else(|| PartError::Unsupported {
            column: field.name().clone(),
            parquet_type: field.data_type().to_string(),
        })?;
        columns.push(PartColumn {
            name: field.name().clone(),
            athena_type,
        });
        let first = leaves.next;
        leaves.seen = false;
        micros.push(leaves.field(field, TimeUnit::Microsecond));
        if leaves.seen {
            int96_columns.push(index);
        }
        leaves.next = first;
        nanos.push(leaves.field(field, TimeUnit::Nanosecond));
    }
    let schema = |fields: Vec<FieldRef>| Arc::new(Schema::new_with_metadata(fields, inferred.metadata().clone()));
    Ok(Layout {
        columns,
        micros: schema(micros),
        nanos: schema(nanos),
        int96_columns,
    })
}

/// The type that a column had in Athena; `None` where no type of Athena has this form.
fn athena_type(data_type: &DataType) -> Option<AthenaType> {
    Some(match data_type {
        DataType::Boolean => AthenaType::Boolean,
        DataType::Int8 => AthenaType::TinyInt,
        DataType::Int16 => AthenaType::SmallInt,
        DataType::Int32 => AthenaType::Integer,
        DataType::Int64 => AthenaType::BigInt,
        DataType::Float32 => AthenaType::Real,
        DataType::Float64 => AthenaType::Double,
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            AthenaType::of("decimal", i32::from(*precision), i32::from(*scale))
        }
        DataType::Utf8 => AthenaType::Varchar,
        DataType::Binary => AthenaType::Varbinary,
        DataType::Date32 => AthenaType::Date,
        // UNLOAD refuses timestamps with a zone. Where the file says UTC, it is a form in which older writers put
        // timestamps that have none.
        DataType::Timestamp(..) => AthenaType::Timestamp,
        DataType::List(item) => athena_type(item.data_type()).map(|_| AthenaType::Array)?,
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 && all_known(fields) => AthenaType::Map,
            _ => return None,
        },
        DataType::Struct(fields) if all_known(fields) => AthenaType::Row,
        _ => return None,
    })
}

fn all_known(fields: &Fields) -> bool {
    fields.iter().all(|field| athena_type(field.data_type()).is_some())
}

/// Walks through the leaves of all columns, which Parquet and Arrow have in the same order.
struct Leaves {
    /// Which leaves are INT96.
    int96: Vec<bool>,
    next: usize,
    /// Whether one has been met.
    seen: bool,
}

impl Leaves {
    fn field(&mut self, field: &FieldRef, unit: TimeUnit) -> FieldRef {
        let data_type = self.data_type(field.data_type(), unit);
        Arc::new(Field::clone(field).with_data_type(data_type))
    }

    /// The type in which a value is asked for; INT96 timestamps in this unit.
    fn data_type(&mut self, data_type: &DataType, unit: TimeUnit) -> DataType {
        match data_type {
            DataType::List(item) => DataType::List(self.field(item, unit)),
            DataType::Map(entries, sorted) => DataType::Map(self.field(entries, unit), *sorted),
            DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| self.field(field, unit)).collect()),
            leaf => {
                let is_int96 = self.int96.get(self.next).copied().unwrap_or_default();
                self.next += 1;
                self.seen |= is_int96;
                match leaf {
                    DataType::Utf8 => DataType::Utf8View,
                    DataType::Binary => DataType::BinaryView,
                    DataType::Timestamp(_, zone) if is_int96 => DataType::Timestamp(unit, zone.clone()),
                    other => other.clone(),
                }
            }
        }
    }
}
