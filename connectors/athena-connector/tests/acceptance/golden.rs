//! Files and answers that this project did not write, read as their own readers read them: see `tests/golden`.

use std::fs;
use std::path::{Path, PathBuf};

use athena_connector::results::csv::CsvParser;
use athena_connector::results::parquet::Part;
use athena_connector::results::text::TextRows;
use athena_connector::results::types::AthenaType;
use athena_connector::results::{FileError, Record};
use serde_json::Value as Json;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// What is refused, in words, and never read as something else: UNLOAD writes none of it.
const REFUSED: [(&str, &str); 7] = [
    (
        "null_list",
        "Unsupported { column: \"emptylist\", parquet_type: \"List(Null)\" }",
    ),
    (
        "delta_encoding_optional_column",
        "encoding DELTA_BYTE_ARRAY, which UNLOAD does not write",
    ),
    (
        "pyarrow_delta_byte_array",
        "encoding DELTA_BYTE_ARRAY, which UNLOAD does not write",
    ),
    ("delta_length_byte_array", "Disabled feature at compile time: zstd"),
    ("page_v2_empty_compressed", "Disabled feature at compile time: zstd"),
    // A build of parquet-mr of its own: field 15 of its columns is a list, and the format's is a number.
    ("dict-page-offset-zero", "its footer is not one"),
    // The footer says that there are no rows.
    ("repeated_no_annotation", "Rows { expected: 0, found: 6 }"),
];

fn rows(path: &Path) -> Result<Vec<Json>, String> {
    let mut rows = Vec::new();
    for batch in Part::open(fs::File::open(path).unwrap()).map_err(|error| format!("{error:?}"))? {
        for row in batch.map_err(|error| format!("{error:?}"))?.iter() {
            let cells = row.cells().map(|cell| {
                let mut json = String::new();
                cell.json(&mut json);
                serde_json::from_str::<Json>(&json).unwrap()
            });
            rows.push(cells.collect());
        }
    }
    Ok(rows)
}

#[test]
fn parquet_of_other_writers_is_read_as_its_own_readers_read_it() {
    let (mut read, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(folder("parquet")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "parquet") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let found = rows(&path);
        read += 1;
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            assert!(
                found.as_ref().is_err_and(|error| error.contains(why)),
                "{name}: {found:?}"
            );
            continue;
        }
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let expected = fs::read_to_string(folder("parquet").join(format!("{name}.jsonl"))).unwrap();
        let expected: Vec<Json> = expected
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut pairs = found.iter().zip(&expected).enumerate();
        if let Some((at, (found, expected))) = pairs.find(|(_, (found, expected))| found != expected) {
            wrong.push(format!("{name}: row {at} is {found}, and not {expected}"));
        }
        if found.len() != expected.len() {
            wrong.push(format!("{name} has {} rows, and not {}", found.len(), expected.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(read, 34);
}

#[derive(serde::Deserialize)]
struct Answer {
    columns: Vec<(String, String)>,
    header: bool,
    rows: Vec<Vec<Option<String>>>,
    object: String,
    substatement: String,
}

type Rows = Vec<Vec<Option<String>>>;

fn fields(record: &Record<'_>) -> Vec<Option<String>> {
    record.fields().map(|field| field.map(str::to_owned)).collect()
}

fn lines_of_object(columns: usize, pieces: &[&[u8]]) -> Rows {
    let (mut reader, mut rows) = (TextRows::new(columns), Vec::new());
    let mut each = |record: &Record<'_>| -> Result<(), FileError> {
        rows.push(fields(record));
        Ok(())
    };
    for piece in pieces {
        reader.feed(piece, &mut each).unwrap();
    }
    reader.finish(&mut each).unwrap();
    rows
}

fn lines_of_api(columns: usize, answer: &Rows) -> Rows {
    let (mut reader, mut rows) = (TextRows::new(columns), Vec::new());
    let mut each = |record: &Record<'_>| -> Result<(), FileError> {
        rows.push(fields(record));
        Ok(())
    };
    for row in answer {
        reader.row(row.iter().map(Option::as_deref), &mut each).unwrap();
    }
    reader.finish(&mut each).unwrap();
    rows
}

fn records_of_object(columns: &[(String, String)], pieces: &[&[u8]]) -> Rows {
    let names = columns.iter().map(|(name, _)| name.clone()).collect();
    let (mut parser, mut rows) = (CsvParser::default().with_columns(names), Vec::new());
    let mut each = |record: &Record<'_>| -> Result<(), FileError> {
        rows.push(fields(record));
        Ok(())
    };
    for piece in pieces {
        parser.feed(piece, &mut each).unwrap();
    }
    parser.finish(&mut each).unwrap();
    rows
}

/// The object has the rows of the API, for every kind of statement, wherever its bytes are cut.
#[test]
fn measured_answers_are_the_same_rows_by_both_ways() {
    let mut read = 0;
    for entry in fs::read_dir(folder("statements")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let answer: Answer = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let object = answer.object.as_bytes();
        let is_table = matches!(answer.substatement.as_str(), "SELECT" | "SHOW_FUNCTIONS");
        for cut in 0..=object.len() {
            let pieces = [&object[..cut], &object[cut..]];
            if is_table {
                assert_eq!(
                    records_of_object(&answer.columns, &pieces),
                    answer.rows[1..],
                    "{name} at {cut}"
                );
                continue;
            }
            let found = lines_of_object(answer.columns.len(), &pieces);
            assert_eq!(
                found,
                lines_of_api(answer.columns.len(), &answer.rows),
                "{name} at {cut}"
            );
            assert_eq!(found.len(), answer.rows.len(), "{name} at {cut}");
        }
        // The header is a row of both, or of neither.
        if answer.header {
            let names = answer.columns.iter().map(|(name, _)| Some(name.clone()));
            assert_eq!(answer.rows[0], names.collect::<Vec<_>>(), "{name}");
        }
        for row in answer.rows.iter().skip(1).filter(|_| is_table) {
            for ((_, of), text) in answer.columns.iter().zip(row) {
                let of = AthenaType::of(of, 0, 0);
                assert!(
                    text.as_deref().is_none_or(|text| of.value(text).is_ok()),
                    "{name}: {of:?} {text:?}"
                );
            }
        }
        read += 1;
    }
    assert_eq!(read, 19);
}

/// A row of DESCRIBE is one datum, and three cells without the spaces that it is padded with.
#[test]
fn a_measured_description_has_its_cells() {
    let answer = fs::read(folder("statements").join("describe_hive.json")).unwrap();
    let answer: Answer = serde_json::from_slice(&answer).unwrap();
    let rows = lines_of_api(3, &answer.rows);
    let cells = |texts: [&str; 3]| texts.map(|text| Some(text.to_owned())).to_vec();
    assert_eq!(rows, [cells(["n", "int", "a"]), cells(["m", "int", ""])]);
}
