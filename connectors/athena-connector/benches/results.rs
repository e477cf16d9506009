//! `cargo bench -p athena-connector`: a result file into rows, piece by piece of the way.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;

use athena_connector::results::csv::CsvParser;
use athena_connector::results::types::AthenaType;
use athena_connector::results::{FileError, Record};
use connector_core::SliceRows;
use connector_core::rows::Format;
use connector_core::table::{Heading, Value};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const COLUMNS: [(&str, &str); 8] = [
    ("id", "bigint"),
    ("name", "varchar"),
    ("amount", "decimal(12,2)"),
    ("ratio", "double"),
    ("at", "timestamp"),
    ("active", "boolean"),
    ("note", "varchar"),
    ("text", "varchar"),
];
const ROWS: usize = 20_000;
/// As much as a connection gives at a time.
const PIECE: usize = 16 * 1024;

/// As Athena writes: every value quoted, NULL nothing at all, an empty text `""`.
fn file() -> Vec<u8> {
    let mut text = COLUMNS.map(|(name, _)| format!("\"{name}\"")).join(",") + "\n";
    for row in 0..ROWS {
        let note = ["", "\"\"", "\"paid, with thanks\"", "\"paid, with thanks\""][row % 4];
        let day = row % 28 + 1;
        writeln!(
            text,
            "\"{row}\",\"customer number {row:08} of the north\",\"{row}.{:02}\",\"0.{row:09}\",\"2026-11-{day:02} \
             03:04:05.{:03}\",\"{}\",{note},\"{row:016x} lorem ipsum, consectetur \"\"adipiscing\"\" elit {row:016x}\"",
            row % 100,
            row % 1000,
            row % 2 == 0
        )
        .unwrap();
    }
    text.into_bytes()
}

fn types() -> Vec<AthenaType> {
    COLUMNS.iter().map(|(_, name)| AthenaType::of(name, 0, 0)).collect()
}

fn read(parser: CsvParser, file: &[u8], mut each: impl FnMut(&Record<'_>)) {
    let mut parser = parser;
    let mut each = |record: &Record<'_>| {
        each(record);
        Ok::<_, FileError>(())
    };
    for piece in file.chunks(PIECE) {
        parser.feed(piece, &mut each).unwrap();
    }
    parser.finish(&mut each).unwrap();
}

fn benches(criterion: &mut Criterion) {
    let file = file();
    let types = types();
    let mut group = criterion.benchmark_group("result file");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("to records", |bencher| {
        bencher.iter(|| {
            read(CsvParser::default(), &file, |record| {
                for field in record.fields() {
                    black_box(field);
                }
            });
        });
    });
    group.bench_function("to values", |bencher| {
        bencher.iter(|| {
            read(CsvParser::default(), &file, |record| {
                for (kind, text) in types.iter().zip(record.fields()) {
                    black_box(text.map(|text| kind.value(text).unwrap()));
                }
            });
        });
    });
    let headings = || {
        let names = COLUMNS.iter().map(|(name, _)| *name).zip(&types);
        names.map(|(name, kind)| Heading::new(name, kind.kind())).collect()
    };
    group.bench_function("to rows of CSV", |bencher| {
        bencher.iter(|| {
            let mut rows = SliceRows::alone(Format::Csv, &std::env::temp_dir()).unwrap();
            let table = rows.begin(1, headings());
            read(CsvParser::default().as_written(), &file, |record| {
                let row = |row: &mut connector_core::rows::Row<'_>| {
                    record.as_written().for_each(|field| row.csv_field(field));
                    Ok(())
                };
                table.push(row).unwrap();
            });
            rows.len()
        });
    });
    for format in [Format::Jsonl, Format::Parquet] {
        group.bench_function(format!("to rows of {}", format.name()), |bencher| {
            bencher.iter(|| {
                let mut rows = SliceRows::alone(format, &std::env::temp_dir()).unwrap();
                let table = rows.begin(1, headings());
                read(CsvParser::default(), &file, |record| {
                    let row = |row: &mut connector_core::rows::Row<'_>| {
                        for (kind, text) in types.iter().zip(record.fields()) {
                            let value = text.map_or(Value::Null, |text| kind.value(text).unwrap());
                            row.cell(&value);
                        }
                        Ok(())
                    };
                    table.push(row).unwrap();
                });
                rows.len()
            });
        });
    }
    group.finish();
}

criterion_group!(results, benches);
criterion_main!(results);
