//! Writes the seeds of the target `parquet_part`: small files with each type and each encoding that UNLOAD may write.
//! `cargo run --example parquet_seeds` in this folder.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{Int32Type, Int96, Int96Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

fn main() {
    let plain = || WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None);
    let text: ArrayRef = Arc::new(StringArray::from(vec![
        Some("a"),
        None,
        Some("a"),
        Some("say \"\u{e4}\"\n"),
    ]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(0), None, Some(7)]));
    let two = || vec![("s", Arc::clone(&text)), ("n", Arc::clone(&numbers))];
    save("plain", two(), plain().set_dictionary_enabled(false));
    save("dictionary", two(), plain());
    save("snappy", two(), plain().set_compression(Compression::SNAPPY));
    save(
        "second_version",
        two(),
        plain()
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_dictionary_enabled(false),
    );
    save(
        "delta_texts",
        two(),
        plain()
            .set_dictionary_enabled(false)
            .set_column_encoding("s".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY),
    );
    save("row_groups", two(), plain().set_max_row_group_row_count(Some(2)));
    save("statistics", two(), WriterProperties::builder());
    save("scalars", scalars(), plain());
    save("decimals", decimals(), plain());
    save("times", times(), plain());
    save("nested", nested(), plain());
    save(
        "no_rows",
        vec![("n", Arc::new(Int32Array::from(Vec::<i32>::new())) as ArrayRef)],
        plain(),
    );
    write("int96", &int96());
}

fn write(name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/parquet_part");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(name), bytes).expect("a file");
}

fn save(name: &str, columns: Vec<(&str, ArrayRef)>, properties: WriterPropertiesBuilder) {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let mut bytes = Vec::new();
    // Hive writes no Arrow schema.
    let options = parquet::arrow::arrow_writer::ArrowWriterOptions::new()
        .with_properties(properties.build())
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options).expect("a file");
    writer.write(&batch).expect("rows");
    writer.close().expect("an end");
    write(name, &bytes);
}

fn scalars() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("i8", Arc::new(Int8Array::from(vec![-128, 127]))),
        ("i16", Arc::new(Int16Array::from(vec![-32768, 5]))),
        ("i32", Arc::new(Int32Array::from(vec![i32::MIN, 0]))),
        ("f32", Arc::new(Float32Array::from(vec![0.1, f32::NAN]))),
        ("f64", Arc::new(Float64Array::from(vec![4.9e-324, f64::NEG_INFINITY]))),
        ("bin", Arc::new(BinaryArray::from_vec(vec![b"\x00\xff", b""]))),
    ]
}

fn decimals() -> Vec<(&'static str, ArrayRef)> {
    let narrow = Decimal128Array::from(vec![Some(-5), None, Some(123_456)]);
    let wide = Decimal128Array::from(vec![Some(-5), None, Some(10_i128.pow(37))]);
    let wider = Decimal256Array::from(vec![None, Some(1.into()), Some((-7).into())]);
    vec![
        ("d9", Arc::new(narrow.with_precision_and_scale(9, 2).expect("it fits"))),
        ("d38", Arc::new(wide.with_precision_and_scale(38, 38).expect("it fits"))),
        ("d76", Arc::new(wider.with_precision_and_scale(76, 3).expect("it fits"))),
    ]
}

fn times() -> Vec<(&'static str, ArrayRef)> {
    vec![
        (
            "d",
            Arc::new(Date32Array::from(vec![Some(i32::MIN), Some(11_556), None])),
        ),
        (
            "ms",
            Arc::new(TimestampMillisecondArray::from(vec![i64::MAX, 998_449_445_321, -1])),
        ),
        ("us", Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN, 1, -1]))),
        ("ns", Arc::new(TimestampNanosecondArray::from(vec![i64::MIN, 1, -1]))),
    ]
}

fn nested() -> Vec<(&'static str, ArrayRef)> {
    let mut lists = ListBuilder::new(ListBuilder::new(Int32Builder::new()));
    lists.values().append_value([Some(1), None]);
    lists.values().append_null();
    lists.append(true);
    lists.append(false);
    lists.append(true);
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    maps.keys().append_value("k");
    maps.values().append_value(1);
    maps.append(true).expect("as many keys as values");
    maps.append(false).expect("as many keys as values");
    maps.append(true).expect("as many keys as values");
    let rows = StructArray::from(vec![
        (
            Arc::new(Field::new("a", DataType::Int32, true)),
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("b", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![None, Some("x"), Some("")])) as ArrayRef,
        ),
    ]);
    vec![
        ("l", Arc::new(lists.finish())),
        ("m", Arc::new(maps.finish())),
        ("r", Arc::new(rows)),
    ]
}

/// The form in which Hive writes timestamps: alone, and in a list.
fn int96() -> Vec<u8> {
    let schema = parse_message_type(
        "message hive_schema {
            optional int32 n;
            optional int96 t;
            optional group l (LIST) { repeated group bag { optional int96 array_element; } }
        }",
    );
    let day = |day: u32, nanos: u64| {
        let mut value = Int96::new();
        value.set_data(nanos as u32, (nanos >> 32) as u32, day);
        value
    };
    let days = [day(2_440_588, 5), day(5_373_484, 86_399_999_999_999)];
    let mut bytes = Vec::new();
    let schema = Arc::new(schema.expect("a schema"));
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).expect("a file");
    let mut group = writer.next_row_group().expect("a group");
    let mut column = group.next_column().expect("a column").expect("the first");
    column
        .typed::<Int32Type>()
        .write_batch(&[1, 2], Some(&[1, 1]), None)
        .expect("values");
    column.close().expect("an end");
    let mut column = group.next_column().expect("a column").expect("the second");
    column
        .typed::<Int96Type>()
        .write_batch(&days, Some(&[1, 1]), None)
        .expect("values");
    column.close().expect("an end");
    let mut column = group.next_column().expect("a column").expect("the third");
    column
        .typed::<Int96Type>()
        .write_batch(&days, Some(&[3, 3]), Some(&[0, 0]))
        .expect("values");
    column.close().expect("an end");
    group.close().expect("an end");
    writer.close().expect("an end");
    bytes
}
