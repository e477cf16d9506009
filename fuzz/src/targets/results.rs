//! Result files of Athena, and the manifest that leads to the others.

use super::pieces;
use crate::objects::Location;
use crate::results::csv::{CsvParser, Cutter};
use crate::results::text::TextRows;
use crate::results::{FileError, Record};
use crate::rows::CsvField;
use crate::table::Value;

type Row = Vec<Option<String>>;

/// What came out: the header, the rows, and how it ended.
type Outcome = (Option<Vec<String>>, Vec<Row>, Option<FileError>);

fn row_of(record: &Record<'_>) -> Row {
    record.fields().map(|field| field.map(str::to_owned)).collect()
}

/// Way of cutting, largest record (0: the usual one), file.
pub fn result_csv(data: &[u8]) {
    let &[way, limit, ref bytes @ ..] = data else { return };
    let parser = || match limit {
        0 => CsvParser::default(),
        u8::MAX => CsvParser::with_largest_record(usize::MAX),
        limit => CsvParser::with_largest_record(limit.into()),
    };
    let whole = csv_rows(parser(), &[bytes]);
    assert_eq!(csv_rows(parser(), &pieces(bytes, way)), whole);
    assert_eq!(csv_rows(parser().as_written(), &pieces(bytes, way)), whole);
    assert_eq!(csv_rows_in_parts(parser(), &pieces(bytes, way), way.into()), whole);
    let (header, rows, error) = whole;
    let written = written(header.as_deref(), &rows);
    match error {
        // The grammar has one form for each table; only the last line break may be missing.
        None => assert!(written == bytes || written.strip_suffix(b"\n") == Some(bytes)),
        Some(error) => {
            // Everything before the record with the fault was handed out.
            assert!(bytes.starts_with(&written));
            assert!((written.len()..=bytes.len()).contains(&usize::try_from(error.offset).expect("64 bits")));
            assert_eq!(error.record, header.map_or(0, |_| rows.len() as u64 + 1));
        }
    }
}

fn csv_rows(mut parser: CsvParser, pieces: &[&[u8]]) -> Outcome {
    let mut rows: Vec<Row> = Vec::new();
    let mut each = |record: &Record<'_>| {
        rows.push(record.as_written().map(text_of).collect());
        Ok(())
    };
    let fed = pieces.iter().try_for_each(|piece| parser.feed(piece, &mut each));
    let ended = fed.and_then(|()| parser.finish(&mut each));
    assert_eq!(parser.records(), rows.len() as u64);
    let header = parser.header().map(<[String]>::to_vec);
    assert!(
        rows.iter()
            .all(|row| header.as_ref().is_some_and(|header| header.len() == row.len()))
    );
    (header, rows, ended.err())
}

/// In parts of at least so many bytes, each read by itself.
fn csv_rows_in_parts(mut first: CsvParser, pieces: &[&[u8]], least: usize) -> Outcome {
    let (mut cutter, mut part, mut offset) = (Cutter::default(), Vec::new(), 0);
    let mut rows: Vec<Row> = Vec::new();
    let last = pieces.len();
    for (index, piece) in pieces.iter().chain([&&[][..]]).enumerate() {
        let cut = cutter.cut(piece, least, first.limit());
        let (front, back) = piece.split_at(cut.unwrap_or(piece.len()));
        part.extend_from_slice(front);
        if cut.is_none() && index < last {
            continue;
        }
        let before = rows.len() as u64;
        let mut each = |record: &Record<'_>| {
            rows.push(row_of(record));
            Ok::<_, FileError>(())
        };
        let mut own = first.of_part(offset);
        let parser = own.as_mut().unwrap_or(&mut first);
        let ended = parser.feed(&part, &mut each);
        let ended = ended.and_then(|()| parser.finish(&mut each));
        if let Err(error) = ended {
            let record = error.record + before;
            let header = first.header().map(<[String]>::to_vec);
            return (header, rows, Some(FileError { record, ..error }));
        }
        offset += part.len() as u64;
        part = back.to_vec();
    }
    (first.header().map(<[String]>::to_vec), rows, None)
}

fn text_of(field: CsvField<'_>) -> Option<String> {
    match field.value() {
        Value::Null => None,
        Value::Text(text) => Some(text.into_owned()),
        other => panic!("{other:?}"),
    }
}

/// As Athena writes.
fn written(header: Option<&[String]>, rows: &[Row]) -> Vec<u8> {
    let names = header.map(|names| names.iter().cloned().map(Some).collect());
    let mut text = String::new();
    for row in names.iter().chain(rows) {
        for (index, field) in row.iter().enumerate() {
            text.push_str(if index > 0 { "," } else { "" });
            if let Some(field) = field {
                text.push('"');
                text.push_str(&field.replace('"', "\"\""));
                text.push('"');
            }
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// Way of cutting, number of columns, file.
pub fn result_text(data: &[u8]) {
    let &[way, columns, ref bytes @ ..] = data else { return };
    let columns = usize::from(columns % 8);
    let (rows, error) = text_rows(columns, &[bytes]);
    assert_eq!(text_rows(columns, &pieces(bytes, way)), (rows.clone(), error.clone()));
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(invalid) => {
            let error = error.expect("a fault");
            assert_eq!(error.offset, invalid.valid_up_to() as u64);
            let lines = bytes[..invalid.valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            assert_eq!((error.record, rows.len()), (lines as u64, lines));
            return;
        }
    };
    assert_eq!(error, None);
    let lines: Vec<&str> = text.split('\n').filter(|_| !text.is_empty()).collect();
    assert_eq!(rows.len(), lines.len());
    for (row, line) in rows.iter().zip(&lines) {
        assert_eq!(row.len(), columns.max(1));
        let joined = row.iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\t");
        // Nothing is lost but padding, and of one column not even that.
        assert_eq!(joined.replace(' ', ""), line.replace(' ', ""));
        assert!(columns > 1 || joined == *line);
    }
    let (mut reader, mut answered) = (TextRows::new(columns), Vec::new());
    for line in lines {
        let each = |record: &Record<'_>| {
            answered.push(row_of(record));
            Ok::<_, FileError>(())
        };
        reader.row(line.split('\t').map(Some), each).expect("text");
    }
    assert_eq!(answered, rows);
}

fn text_rows(columns: usize, pieces: &[&[u8]]) -> (Vec<Row>, Option<FileError>) {
    let (mut reader, mut rows) = (TextRows::new(columns), Vec::new());
    let mut each = |record: &Record<'_>| {
        rows.push(row_of(record));
        Ok(())
    };
    let fed = pieces.iter().try_for_each(|piece| reader.feed(piece, &mut each));
    let ended = fed.and_then(|()| reader.finish(&mut each));
    (rows, ended.err())
}

/// A manifest.
pub fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        assert!(crate::fetch::addresses(data.to_vec()).is_err());
        return;
    };
    let says_something = |line: &&str| line.trim().chars().any(|c| c != '"');
    let said: Vec<&str> = text.split('\n').filter(says_something).collect();
    let Ok(addresses) = crate::fetch::addresses(data.to_vec()) else {
        let once: std::collections::HashSet<&str> = said.iter().map(|line| line.trim().trim_matches('"')).collect();
        assert!(once.len() < said.len(), "a part is named twice");
        return;
    };
    assert_eq!(addresses.len(), said.len());
    for address in &addresses {
        assert!(!address.is_empty() && !address.contains('\n') && text.contains(address.as_str()));
        if let Some(Location { bucket, key }) = Location::parse(address) {
            assert_eq!(format!("s3://{bucket}/{key}"), *address);
            assert!(!bucket.is_empty() && !bucket.contains('/') && !key.is_empty());
        }
    }
}
