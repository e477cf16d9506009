//! The renderings of each type, layouts that other writers choose, damaged files, and agreement with the cells that are
//! made of texts.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use arrow_array::builder::{
    BinaryBuilder, Int32Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder,
};
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, IntervalDayTimeArray, LargeListArray, LargeStringArray, ListArray,
    StringArray, StringViewArray, StructArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt8Array,
};
use arrow_schema::{DataType, Field};
use connector_core::table::Value;
use parquet::arrow::ArrowWriter;
use parquet::basic::Encoding;
use parquet::data_type::{Int96, Int96Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn file(batch: &RecordBatch, properties: WriterProperties) -> Bytes {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

fn part(columns: Vec<(&str, ArrayRef)>) -> Part {
    Part::open(file(&batch(columns), WriterProperties::default())).unwrap()
}

/// Text and JSON of each cell, by columns.
fn rendered(part: Part) -> Vec<Vec<(Option<String>, String)>> {
    let mut columns = vec![Vec::new(); part.columns().len()];
    let types: Vec<_> = part.columns().to_vec();
    let mut scratch = String::from("of the cell before");
    for rows in part {
        for row in rows.unwrap().iter() {
            assert_eq!(row.cells().len(), types.len());
            for ((cell, column), expected) in row.cells().zip(&mut columns).zip(&types) {
                let text = cell.text(&mut scratch).map(str::to_owned);
                let mut json = String::new();
                cell.json(&mut json);
                assert_eq!(cell.is_null(), text.is_none());
                let value = cell.value(&mut scratch);
                match (&text, expected.kind()) {
                    (None, _) => assert_eq!(value, Value::Null),
                    (Some(_), Kind::Nested) => assert_eq!(value, Value::Nested(json.as_str().into())),
                    // The same cell as of the same text that came another way.
                    (Some(text), _) => assert_eq!(expected.athena_type.value(text), Ok(value)),
                }
                serde_json::from_str::<serde_json::Value>(&json).unwrap();
                column.push((text, json));
            }
        }
    }
    columns
}

fn expect(array: ArrayRef, athena_type: AthenaType, cells: &[(&str, &str)]) {
    let part = part(vec![("c", array)]);
    let name = "c".to_owned();
    assert_eq!(part.columns(), [PartColumn { name, athena_type }]);
    let expected: Vec<_> = cells
        .iter()
        .map(|(text, json)| ((*text != "NULL").then(|| (*text).to_owned()), (*json).to_owned()))
        .collect();
    assert_eq!(rendered(part), [expected], "{athena_type:?}");
}

#[test]
fn scalars() {
    expect(
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        AthenaType::Boolean,
        &[("true", "true"), ("NULL", "null"), ("false", "false")],
    );
    expect(
        Arc::new(Int8Array::from(vec![-128])),
        AthenaType::TinyInt,
        &[("-128", "-128")],
    );
    expect(
        Arc::new(Int16Array::from(vec![32767])),
        AthenaType::SmallInt,
        &[("32767", "32767")],
    );
    expect(Arc::new(Int32Array::from(vec![0])), AthenaType::Integer, &[("0", "0")]);
    expect(
        Arc::new(Int64Array::from(vec![i64::MIN, 9_007_199_254_740_993])),
        AthenaType::BigInt,
        &[
            ("-9223372036854775808", "-9223372036854775808"),
            ("9007199254740993", "9007199254740993"),
        ],
    );
    expect(
        Arc::new(Float32Array::from(vec![0.1, f32::NAN])),
        AthenaType::Real,
        &[("0.1", "0.1"), ("NaN", "\"NaN\"")],
    );
    expect(
        Arc::new(Float64Array::from(vec![
            1e22,
            1e-5,
            123.456,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ])),
        AthenaType::Double,
        &[
            ("1.0E22", "1.0E22"),
            ("1.0E-5", "1.0E-5"),
            ("123.456", "123.456"),
            ("-0.0", "-0.0"),
            ("Infinity", "\"Infinity\""),
            ("-Infinity", "\"-Infinity\""),
        ],
    );
    expect(
        Arc::new(StringArray::from(vec![Some(""), None, Some("say \"\u{e4}\"\n\u{1}")])),
        AthenaType::Varchar,
        &[
            ("", "\"\""),
            ("NULL", "null"),
            ("say \"\u{e4}\"\n\u{1}", "\"say \\\"\u{e4}\\\"\\n\\u0001\""),
        ],
    );
    expect(
        Arc::new(Date32Array::from(vec![0, 11_556, 2_932_896, -719_162])),
        AthenaType::Date,
        &[
            ("1970-01-01", "\"1970-01-01\""),
            ("2001-08-22", "\"2001-08-22\""),
            ("9999-12-31", "\"9999-12-31\""),
            ("0001-01-01", "\"0001-01-01\""),
        ],
    );
    expect(
        Arc::new(BinaryArray::from(vec![&b"\x00\x00\x01"[..], b"", b"\xff\x0a"])),
        AthenaType::Varbinary,
        &[("00 00 01", "\"AAAB\""), ("", "\"\""), ("ff 0a", "\"/wo=\"")],
    );
}

#[test]
fn decimals_with_their_scale() {
    let decimals = |precision, scale, numbers: &[i128]| -> ArrayRef {
        let array = Decimal128Array::from(numbers.to_vec());
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    };
    // As INT32, INT64 and bytes of fixed length.
    expect(
        decimals(5, 2, &[0, 1, -1, 10, 100, -12345]),
        AthenaType::Decimal(5, 2),
        &[
            ("0.00", "\"0.00\""),
            ("0.01", "\"0.01\""),
            ("-0.01", "\"-0.01\""),
            ("0.10", "\"0.10\""),
            ("1.00", "\"1.00\""),
            ("-123.45", "\"-123.45\""),
        ],
    );
    expect(decimals(18, 0, &[-7]), AthenaType::Decimal(18, 0), &[("-7", "\"-7\"")]);
    let nines = format!("-0.{}", "9".repeat(38));
    expect(
        decimals(38, 38, &[-(10i128.pow(38) - 1)]),
        AthenaType::Decimal(38, 38),
        &[(&nines, &format!("\"{nines}\""))],
    );
    // In more bytes than needed.
    let wide = Decimal256Array::from_iter_values([(-5i64).into()])
        .with_precision_and_scale(40, 3)
        .unwrap();
    expect(Arc::new(wide), AthenaType::Other, &[("-0.005", "\"-0.005\"")]);
}

#[test]
fn timestamps_of_any_unit() {
    let second = 998_449_445;
    let expected = [
        ("2001-08-22 03:04:05.321", "\"2001-08-22 03:04:05.321\""),
        ("1969-12-31 23:59:59.999", "\"1969-12-31 23:59:59.999\""),
        ("NULL", "null"),
    ];
    let millis = vec![Some(second * 1_000 + 321), Some(-1), None];
    let scaled = |by: i64| Vec::from_iter(millis.iter().map(|one| one.map(|one| one * by)));
    let utc = TimestampMillisecondArray::from(millis.clone()).with_timezone("UTC");
    // As many digits as the unit has: Athena prints those that a timestamp is declared with, zeros too.
    for (array, zeros) in [
        (
            Arc::new(TimestampMillisecondArray::from(millis.clone())) as ArrayRef,
            "",
        ),
        (Arc::new(utc), ""),
        (Arc::new(TimestampMicrosecondArray::from(scaled(1_000))), "000"),
        (Arc::new(TimestampNanosecondArray::from(scaled(1_000_000))), "000000"),
    ] {
        let longer = |text: &str| {
            text.replace("321", &format!("321{zeros}"))
                .replace("999", &format!("999{zeros}"))
        };
        let expected = expected.map(|(text, json)| (longer(text), longer(json)));
        let expected = expected.each_ref().map(|(text, json)| (text.as_str(), json.as_str()));
        expect(array, AthenaType::Timestamp, &expected);
    }
    expect(
        Arc::new(TimestampMicrosecondArray::from(vec![
            253_402_300_799_999_999,
            -62_135_596_800_000_000,
        ])),
        AthenaType::Timestamp,
        &[
            ("9999-12-31 23:59:59.999999", "\"9999-12-31 23:59:59.999999\""),
            ("0001-01-01 00:00:00.000000", "\"0001-01-01 00:00:00.000000\""),
        ],
    );
    expect(
        Arc::new(TimestampNanosecondArray::from(vec![1, -1])),
        AthenaType::Timestamp,
        &[
            ("1970-01-01 00:00:00.000000001", "\"1970-01-01 00:00:00.000000001\""),
            ("1969-12-31 23:59:59.999999999", "\"1969-12-31 23:59:59.999999999\""),
        ],
    );
}

/// A file with a column `t` of INT96 timestamps (Julian day and nanoseconds of the day; `None` is NULL), and a list of
/// each with itself, in the list form that Hive writes.
fn int96_file(days: &[Option<(u32, u64)>]) -> Bytes {
    let schema = parse_message_type(
        "message hive_schema {
            optional int32 n;
            optional int96 t;
            optional group l (LIST) { repeated group bag { optional int96 array_element; } }
        }",
    );
    let int96 = |(day, nanos): (u32, u64)| {
        let mut value = Int96::new();
        value.set_data(nanos as u32, (nanos >> 32) as u32, day);
        value
    };
    let values: Vec<_> = days.iter().flatten().copied().map(int96).collect();
    let levels: Vec<_> = days.iter().map(|day| i16::from(day.is_some())).collect();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(schema.unwrap()), Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();

    let mut column = group.next_column().unwrap().unwrap();
    let numbers: Vec<i32> = (0..).take(days.len()).collect();
    let all = vec![1; days.len()];
    column
        .typed::<parquet::data_type::Int32Type>()
        .write_batch(&numbers, Some(&all), None)
        .unwrap();
    column.close().unwrap();

    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int96Type>()
        .write_batch(&values, Some(&levels), None)
        .unwrap();
    column.close().unwrap();

    let mut column = group.next_column().unwrap().unwrap();
    let twice: Vec<_> = values.iter().flat_map(|value| [*value, *value]).collect();
    let levels: Vec<_> = levels.iter().flat_map(|level| [level + 2; 2]).collect();
    let repetition: Vec<_> = days.iter().flat_map(|_| [0, 1]).collect();
    column
        .typed::<Int96Type>()
        .write_batch(&twice, Some(&levels), Some(&repetition))
        .unwrap();
    column.close().unwrap();

    group.close().unwrap();
    writer.close().unwrap();
    bytes.into()
}

const DAY: u64 = 86_400_000_000_000;

#[test]
fn int96_timestamps_of_all_years() {
    let days = [
        (2_440_588, 0, "1970-01-01 00:00:00.000"),
        (2_440_587, DAY - 1, "1969-12-31 23:59:59.999999999"),
        (2_452_144, 11_045_321_000_000, "2001-08-22 03:04:05.321"),
        // Beyond what 64 bits of nanoseconds hold, on both sides, and with nanoseconds.
        (5_373_484, DAY - 1_000_000, "9999-12-31 23:59:59.999"),
        (5_373_484, DAY - 1, "9999-12-31 23:59:59.999999999"),
        (1_721_426, 1_000, "0001-01-01 00:00:00.000001"),
        (2_000_000, 123_456_789, "0763-09-18 00:00:00.123456789"),
    ];
    let mut values: Vec<_> = days.iter().map(|(day, nanos, _)| Some((*day, *nanos))).collect();
    values.insert(3, None);
    let mut texts: Vec<_> = days.iter().map(|(.., text)| Some((*text).to_owned())).collect();
    texts.insert(3, None);

    let part = Part::open(int96_file(&values)).unwrap();
    let types: Vec<_> = part.columns().iter().map(|column| column.athena_type).collect();
    assert_eq!(types, [AthenaType::Integer, AthenaType::Timestamp, AthenaType::Array]);
    let columns = rendered(part);
    let of_column: Vec<_> = columns[1].iter().map(|(text, _)| text.clone()).collect();
    assert_eq!(of_column, texts);
    for ((in_list, json), text) in columns[2].iter().zip(&texts) {
        let (text, quoted) = match text {
            Some(text) => (text.clone(), format!("\"{text}\"")),
            None => ("null".to_owned(), "null".to_owned()),
        };
        assert_eq!(in_list.as_deref().unwrap(), format!("[{text}, {text}]"));
        assert_eq!(*json, format!("[{quoted},{quoted}]"));
    }
}

#[test]
fn nested_values() {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a"), Some("b, c"), None]);
    lists.append_value(Vec::<Option<&str>>::new());
    lists.append_null();
    expect(
        Arc::new(lists.finish()),
        AthenaType::Array,
        &[
            ("[a, b, c, null]", "[\"a\",\"b, c\",null]"),
            ("[]", "[]"),
            ("NULL", "null"),
        ],
    );

    let mut maps = MapBuilder::new(None, Int32Builder::new(), StringBuilder::new());
    maps.keys().append_slice(&[1, 3]);
    maps.values().append_value("2");
    maps.values().append_null();
    maps.append(true).unwrap();
    maps.append(true).unwrap();
    maps.append(false).unwrap();
    expect(
        Arc::new(maps.finish()),
        AthenaType::Map,
        &[
            ("{1=2, 3=null}", "{\"1\":\"2\",\"3\":null}"),
            ("{}", "{}"),
            ("NULL", "null"),
        ],
    );

    let array = |array: ArrayRef, name: &str| (Arc::new(Field::new(name, array.data_type().clone(), true)), array);
    let doubles = ListArray::from_iter_primitive::<Float64Type, _, _>([Some([Some(1e7), Some(f64::NAN)]), None]);
    let rows = StructArray::from(vec![
        array(Arc::new(Int64Array::from(vec![Some(1), None])), "a"),
        array(Arc::new(StringArray::from(vec![Some("\"x\""), Some("")])), "b \"c\""),
        array(
            Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\x00\xff"), None])),
            "bytes",
        ),
        array(Arc::new(doubles), "doubles"),
        array(Arc::new(Date32Array::from(vec![Some(0), None])), "day"),
    ]);
    let fields = rows.fields().clone();
    expect(
        Arc::new(rows.clone()),
        AthenaType::Row,
        &[
            (
                "{a=1, b \"c\"=\"x\", bytes=00 ff, doubles=[1.0E7, NaN], day=1970-01-01}",
                "{\"a\":1,\"b \\\"c\\\"\":\"\\\"x\\\"\",\"bytes\":\"AP8=\",\"doubles\":[1.0E7,\"NaN\"],\"day\":\"1970-01-01\"}",
            ),
            (
                "{a=null, b \"c\"=, bytes=null, doubles=null, day=null}",
                "{\"a\":null,\"b \\\"c\\\"\":\"\",\"bytes\":null,\"doubles\":null,\"day\":null}",
            ),
        ],
    );

    // Rows in arrays: two arrays, of no row and of both.
    let item = Arc::new(Field::new("element", DataType::Struct(fields), true));
    let nested = ListArray::try_new(
        item,
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![]), Some(vec![Some(0), Some(0)])])
            .offsets()
            .clone(),
        Arc::new(rows.slice(0, 2)),
        None,
    );
    let columns = rendered(part(vec![("c", Arc::new(nested.unwrap()))]));
    assert_eq!(columns[0][0].0.as_deref(), Some("[]"));
    assert!(columns[0][1].1.starts_with("[{\"a\":1,"), "{}", columns[0][1].1);
    assert!(columns[0][1].1.ends_with(",\"day\":null}]"), "{}", columns[0][1].1);
}

/// Writers that embed an Arrow schema may have wanted other arrays; what comes out is the same.
#[test]
fn layouts_of_other_writers() {
    let texts = vec![Some("a"), None, Some("a"), Some("")];
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    texts.iter().for_each(|text| dictionary.append_option(*text));
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(texts.clone())),
        Arc::new(LargeStringArray::from(texts.clone())),
        Arc::new(StringViewArray::from(texts)),
        Arc::new(dictionary.finish()),
    ];
    for array in arrays {
        expect(
            array,
            AthenaType::Varchar,
            &[("a", "\"a\""), ("NULL", "null"), ("a", "\"a\""), ("", "\"\"")],
        );
    }
    let list = LargeListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1), None])]);
    expect(Arc::new(list), AthenaType::Array, &[("[1, null]", "[1,null]")]);
}

#[test]
fn types_that_unload_does_not_write() {
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(UInt8Array::from(vec![1])),
        Arc::new(Time64MicrosecondArray::from(vec![1])),
        Arc::new(IntervalDayTimeArray::from(vec![
            arrow_array::types::IntervalDayTimeType::make_value(1, 1),
        ])),
        Arc::new(ListArray::from_iter_primitive::<arrow_array::types::UInt16Type, _, _>(
            [Some([Some(1)])],
        )),
    ];
    for array in arrays {
        let bytes = file(
            &batch(vec![("good", array.clone()), ("c", array.clone())]),
            WriterProperties::default(),
        );
        let Err(error) = Part::open(bytes) else {
            panic!("{} was read", array.data_type())
        };
        assert!(
            matches!(&error, PartError::Unsupported { column, .. } if column == "good"),
            "{error}"
        );
    }
}

/// A file with several groups and batches, and every form of column.
fn mixed(rows: usize, group: usize) -> Bytes {
    let numbers = 0..rows as i64;
    let mut binaries = BinaryBuilder::new();
    let mut lists = ListBuilder::new(Int32Builder::new());
    for number in numbers.clone() {
        binaries.append_value(number.to_be_bytes());
        lists.append_value([Some(number as i32), None]);
    }
    let texts = numbers
        .clone()
        .map(|number| (number % 3 != 0).then(|| format!("text {}", number % 7)));
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group))
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let batch = batch(vec![
        ("n", Arc::new(Int64Array::from_iter_values(numbers.clone()))),
        ("t", Arc::new(StringArray::from_iter(texts))),
        (
            "d",
            Arc::new(Float64Array::from_iter_values(
                numbers.map(|number| number as f64 / 8.0),
            )),
        ),
        ("b", Arc::new(binaries.finish())),
        ("l", Arc::new(lists.finish())),
    ]);
    file(&batch, properties)
}

#[test]
fn all_rows_in_order_over_groups_and_batches() {
    let (rows, per_group) = (10_000, 3_000);
    let part = Part::open(mixed(rows, per_group)).unwrap();
    assert_eq!(part.rows(), rows as u64);
    let columns = rendered(part);
    for (index, (text, _)) in columns[0].iter().enumerate() {
        assert_eq!(text.as_deref(), Some(index.to_string().as_str()));
    }
    assert!(columns.iter().all(|column| column.len() == rows));
    assert_eq!(columns[1][10_000 - 1].0, None);
    assert_eq!(columns[4][5].0.as_deref(), Some("[5, null]"));

    // No row at all.
    let mut empty = part_of_no_rows();
    assert_eq!((empty.rows(), empty.columns().len()), (0, 1));
    assert!(empty.next().is_none());
}

fn part_of_no_rows() -> Part {
    part(vec![("c", Arc::new(StringArray::from(Vec::<&str>::new())))])
}

/// A text of 1 MB in each of 64 rows: not all in one batch, and a repeated one is in memory once.
#[test]
fn batches_of_large_values_are_small() {
    let text = |index: usize| format!("{index} ").repeat(1 << 19);
    let different = StringArray::from_iter_values((0..64).map(text));
    let bytes = file(
        &batch(vec![("c", Arc::new(different))]),
        WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_data_page_size_limit(1 << 20)
            .build(),
    );
    let sizes: Vec<_> = Part::open(bytes).unwrap().map(|rows| rows.unwrap().len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 64);
    assert!(sizes.iter().all(|size| *size <= 8), "{sizes:?}");

    let repeated = StringArray::from_iter_values((0..4_000).map(|_| "x".repeat(1 << 18)));
    let properties = WriterProperties::builder()
        .set_dictionary_page_size_limit(8 << 20)
        .build();
    let bytes = file(&batch(vec![("c", Arc::new(repeated))]), properties);
    let mut part = Part::open(bytes).unwrap();
    let batch = part.batches.next().unwrap().unwrap();
    assert_eq!(batch.num_rows(), 4_000);
    assert!(
        batch.get_array_memory_size() < 8 << 20,
        "{}",
        batch.get_array_memory_size()
    );
}

/// How many rows come, or that an error does. A part that ends well has the rows that it announces.
fn count(bytes: Bytes) -> Option<u64> {
    let part = Part::open(bytes).ok()?;
    let announced = part.rows();
    let mut scratch = String::new();
    let mut found = 0;
    for rows in part {
        for row in rows.ok()?.iter() {
            found += 1;
            for cell in row.cells() {
                cell.text(&mut scratch);
                cell.value(&mut scratch);
            }
        }
    }
    assert_eq!(found, announced);
    Some(found)
}

#[test]
fn a_cut_file_is_an_error() {
    let whole = mixed(20, 8);
    assert_eq!(count(whole.clone()), Some(20));
    for length in 0..whole.len() {
        assert_eq!(count(whole.slice(..length)), None, "{length} of {} bytes", whole.len());
    }
}

/// Any byte changed: rows or an error. (Values may be others: the pages have no checksums that are checked.)
#[test]
fn a_garbled_file_does_no_harm() {
    for whole in [
        mixed(20, 8),
        int96_file(&[Some((2_440_588, 5)), None, Some((5_373_484, DAY - 1))]),
    ] {
        for at in 0..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = whole.to_vec();
                bytes[at] ^= change;
                count(bytes.into());
            }
        }
    }
}

/// In both versions of pages, with levels and without.
#[test]
fn texts_by_their_lengths_are_no_more_than_the_page_has() {
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let written = |texts: Vec<Option<&str>>, encoding| {
            let properties = WriterProperties::builder()
                .set_writer_version(version)
                .set_dictionary_enabled(false)
                .set_encoding(encoding);
            file(
                &batch(vec![("t", Arc::new(StringArray::from(texts)))]),
                properties.build(),
            )
        };
        let lengths = |texts: Vec<Option<&str>>| written(texts, Encoding::DELTA_LENGTH_BYTE_ARRAY);
        let good = lengths(vec![Some("a"), None, Some("bc")]);
        assert_eq!(count(good.clone()), Some(3));
        // A block of 128 lengths in 4 parts, and 2 of them.
        let head = [0x80, 1, 4, 2];
        let at = good.windows(4).position(|bytes| bytes == head).unwrap();
        let mut bad = good.to_vec();
        bad[at + 3] = 4;
        let prefixed = written(vec![Some("a")], Encoding::DELTA_BYTE_ARRAY);
        for (part, cause) in [
            (Bytes::from(bad), "counts other texts"),
            (prefixed, "DELTA_BYTE_ARRAY, which UNLOAD"),
        ] {
            let error = Part::open(part).unwrap().find_map(Result::err).unwrap();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains(cause), "{source}");
        }
    }
}

#[test]
fn an_error_ends_the_part_and_names_its_cause() {
    let Err(error) = Part::open(Bytes::from_static(b"\"a\"\n\"1\"\n")) else {
        panic!("read")
    };
    assert_eq!(error.to_string(), "a Parquet part cannot be read");
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .to_string()
            .contains("Invalid Parquet file"),
        "{error:?}"
    );

    // The file says one row more than its groups have.
    let mut part = part_of_no_rows();
    part.expected_rows = 1;
    assert!(matches!(
        part.next(),
        Some(Err(PartError::Rows { expected: 1, found: 0 }))
    ));
    assert!(part.next().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Each cell's text is what the value's own type says, and the cell is the one that the text makes.
    #[test]
    fn cells_of_any_values(
        rows in prop::collection::vec(
            (any::<Option<i64>>(), any::<Option<u64>>(), "\\PC{0,5}", any::<Vec<u8>>(), -99_999i128..100_000), 1..20),
    ) {
        let doubles = |row: &(_, Option<u64>, _, _, _)| row.1.map(f64::from_bits);
        let decimals = Decimal128Array::from_iter_values(rows.iter().map(|row| row.4));
        let columns = rendered(part(vec![
            ("n", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0)))),
            ("f", Arc::new(Float64Array::from_iter(rows.iter().map(doubles)))),
            ("t", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.2)))),
            ("b", Arc::new(BinaryArray::from_iter_values(rows.iter().map(|row| &row.3)))),
            ("d", Arc::new(decimals.with_precision_and_scale(5, 2).unwrap())),
        ]));
        for (index, (number, _, text, bytes, decimal)) in rows.iter().enumerate() {
            let cells: Vec<_> = columns.iter().map(|column| &column[index]).collect();
            prop_assert_eq!(&cells[0].0, &number.map(|number| number.to_string()));
            if let (Some(double), Some(text)) = (doubles(&rows[index]), &cells[1].0) {
                let text = text.replace("Infinity", "inf");
                prop_assert!(text.parse::<f64>().unwrap().to_bits() == double.to_bits() || double.is_nan());
            }
            prop_assert_eq!(cells[2].0.as_ref(), Some(text));
            prop_assert_eq!(&serde_json::from_str::<String>(&cells[2].1).unwrap(), text);
            let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(cells[3].0.as_ref(), Some(&hex));
            let Ok(Value::Binary { text, bytes: of_text }) = AthenaType::Varbinary.value(&hex) else { panic!("{hex}") };
            prop_assert_eq!((text, &of_text), (Cow::Borrowed(hex.as_str()), bytes));
            let sign = if *decimal < 0 { "-" } else { "" };
            let cents = decimal.unsigned_abs();
            prop_assert_eq!(cells[4].0.clone(), Some(format!("{sign}{}.{:02}", cents / 100, cents % 100)));
        }
    }

    /// INT96 in any year that Athena has, and the same again from a list.
    #[test]
    fn any_int96(days in prop::collection::vec(prop::option::of((1_721_426u32..5_373_485, 0..DAY)), 1..10)) {
        let columns = rendered(Part::open(int96_file(&days)).unwrap());
        for (index, day) in days.iter().enumerate() {
            let text = day.map(|(day, nanos)| {
                let mut text = String::new();
                let seconds = (i64::from(day) - 2_440_588) * 86_400 + (nanos / 1_000_000_000) as i64;
                crate::results::calendar::timestamp(&mut text, seconds, (nanos % 1_000_000_000) as u32, 3);
                text
            });
            prop_assert_eq!(&columns[1][index].0, &text);
            let twice = text.as_deref().unwrap_or("null");
            prop_assert_eq!(columns[2][index].0.clone(), Some(format!("[{twice}, {twice}]")));
        }
    }
}
