//! The grammar as tables of cases, and its properties: any table comes back, any bytes give rows or an error, wherever
//! they are cut.
#![allow(clippy::unwrap_used)]

use connector_core::rows::CsvField;
use connector_core::table::Value;
use proptest::prelude::*;

use super::*;

type Row = Vec<Option<String>>;

/// What came out: the header, the rows, and how it ended.
#[derive(Clone, Debug, Default, PartialEq)]
struct Outcome {
    header: Option<Vec<String>>,
    rows: Vec<Row>,
    error: Option<FileError>,
}

fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    read_with(CsvParser::default(), chunks)
}

fn read_with<'a>(mut parser: CsvParser, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut rows = Vec::new();
    let mut each = |record: &Record<'_>| {
        let row: Row = record.fields().map(|field| field.map(str::to_owned)).collect();
        assert_eq!(record.len(), row.len());
        assert!(!record.is_empty());
        assert!((0..row.len()).all(|index| record.field(index) == row[index].as_deref()));
        assert_eq!(record.field(row.len()), None);
        rows.push(row);
        Ok(())
    };
    let mut ended = Ok(());
    for chunk in chunks {
        ended = ended.and_then(|()| parser.feed(chunk, &mut each));
    }
    let ended = ended.and_then(|()| parser.finish(&mut each));
    assert_eq!(parser.records(), rows.len() as u64);
    Outcome {
        header: parser.header().map(<[String]>::to_vec),
        rows,
        error: ended.err(),
    }
}

/// By the fields as they stand in the file.
fn read_as_written<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut parser = CsvParser::default().as_written();
    let mut rows = Vec::new();
    let mut each = |record: &Record<'_>| {
        let text = |field: CsvField<'_>| match field.value() {
            Value::Null => None,
            Value::Text(text) => Some(text.into_owned()),
            other => panic!("{other:?}"),
        };
        rows.push(record.as_written().map(text).collect());
        Ok(())
    };
    let mut ended = Ok(());
    for chunk in chunks {
        ended = ended.and_then(|()| parser.feed(chunk, &mut each));
    }
    let ended = ended.and_then(|()| parser.finish(&mut each));
    Outcome {
        header: parser.header().map(<[String]>::to_vec),
        rows,
        error: ended.err(),
    }
}

/// In parts of at least so many bytes, each read by itself.
fn read_in_parts<'a>(mut first: CsvParser, chunks: impl IntoIterator<Item = &'a [u8]>, least: usize) -> Outcome {
    let (mut cutter, mut part, mut offset) = (Cutter::default(), Vec::new(), 0);
    let mut outcome = Outcome::default();
    let first_limit = first.limit();
    let mut read = |part: &[u8]| {
        let before = outcome.rows.len() as u64;
        let mut each = |record: &Record<'_>| {
            let fields = record.fields().map(|field| field.map(str::to_owned));
            outcome.rows.push(fields.collect());
            Ok::<_, FileError>(())
        };
        let mut own = first.of_part(offset);
        let parser = own.as_mut().unwrap_or(&mut first);
        let ended = parser.feed(part, &mut each);
        let ended = ended.and_then(|()| parser.finish(&mut each));
        offset += part.len() as u64;
        outcome.header = first.header().map(<[String]>::to_vec);
        if let Err(error) = ended {
            let record = error.record + before;
            outcome.error = Some(FileError { record, ..error });
        }
        (outcome.error.is_none(), first.limit())
    };
    let (mut goes_on, mut largest) = (true, first_limit);
    for chunk in chunks {
        if !goes_on {
            break;
        }
        let cut = cutter.cut(chunk, least, largest);
        let (front, back) = chunk.split_at(cut.unwrap_or(chunk.len()));
        part.extend_from_slice(front);
        if cut.is_some() {
            (goes_on, largest) = read(&part);
            part = back.to_vec();
        }
    }
    if goes_on {
        read(&part);
    }
    outcome
}

/// The outcome, which is the same whole, byte by byte, and cut in two anywhere.
fn read_every_way(bytes: &[u8]) -> Outcome {
    let whole = read([bytes]);
    assert_eq!(read_as_written([bytes]), whole, "as written: {}", bytes.escape_ascii());
    assert_eq!(read(bytes.chunks(1)), whole, "byte by byte: {}", bytes.escape_ascii());
    for least in [1, 5] {
        let parts = read_in_parts(CsvParser::default(), bytes.chunks(1), least);
        assert_eq!(parts, whole, "in parts of {least}: {}", bytes.escape_ascii());
    }
    for at in 0..=bytes.len() {
        let (before, behind) = bytes.split_at(at);
        assert_eq!(read([before, behind]), whole, "cut at {at}: {}", bytes.escape_ascii());
    }
    whole
}

/// As Athena writes.
fn written(header: &[String], rows: &[Row]) -> Vec<u8> {
    let mut text = String::new();
    let mut write = |fields: Vec<Option<&str>>| {
        for (index, field) in fields.into_iter().enumerate() {
            text.push_str(if index > 0 { "," } else { "" });
            if let Some(field) = field {
                text.push('"');
                text.push_str(&field.replace('"', "\"\""));
                text.push('"');
            }
        }
        text.push('\n');
    };
    write(header.iter().map(|name| Some(name.as_str())).collect());
    for row in rows {
        write(row.iter().map(Option::as_deref).collect());
    }
    text.into_bytes()
}

fn row(fields: &[Option<&str>]) -> Row {
    fields.iter().map(|field| field.map(str::to_owned)).collect()
}

#[test]
fn grammar() {
    const A: Option<&str> = Some("a");
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a [Option<&'a str>]]);
    let cases: &[Case<'_>] = &[
        // The header alone: no rows. With and without the last line break.
        ("\"a\"\n", &["a"], &[]),
        ("\"a\"", &["a"], &[]),
        ("\"a\",\"b\"", &["a", "b"], &[]),
        // Names repeat, are empty, need quoting.
        ("\"_col0\",\"_col0\",\"\"\n", &["_col0", "_col0", ""], &[]),
        ("\"say \"\"x\"\",\ny\"\n\"a\"\n", &["say \"x\",\ny"], &[&[A]]),
        // Numbers are quoted too.
        (
            "\"n\",\"m\"\n\"1\",\"-2.5\"\n",
            &["n", "m"],
            &[&[Some("1"), Some("-2.5")]],
        ),
        // NULL is nothing at all, an empty text is not.
        (
            "\"x\",\"y\"\n,\"\"\n\"\",\n,\n",
            &["x", "y"],
            &[&[None, Some("")], &[Some(""), None], &[None, None]],
        ),
        // A NULL in a result of one column is a blank line.
        (
            "\"x\"\n\n\"\"\n\n\n\"a\"\n",
            &["x"],
            &[&[None], &[Some("")], &[None], &[None], &[A]],
        ),
        ("\"x\"\n\n", &["x"], &[&[None]]),
        // Quotes, commas, line breaks inside.
        (
            "\"x\",\"y\"\n\"a,\"\"b\"\"\n\",\"\"\"\"\n\"\"\"\"\"\",\",\"\"\r\n\n\"\n",
            &["x", "y"],
            &[&[Some("a,\"b\"\n"), Some("\"")], &[Some("\"\""), Some(",\"\r\n\n")]],
        ),
        // The last record may end with the file, in each place that a record can end.
        ("\"x\",\"y\"\n\"a\",\"a\"", &["x", "y"], &[&[A, A]]),
        ("\"x\",\"y\"\n\"a\",", &["x", "y"], &[&[A, None]]),
        ("\"x\",\"y\"\n,", &["x", "y"], &[&[None, None]]),
        ("\"x\"\n\"\"\"\"", &["x"], &[&[Some("\"")]]),
        // Characters of 2, 3 and 4 bytes, and NUL.
        (
            "\"\u{e4}\"\n\"\u{20ac}\"\n\"\u{1f4a7}\u{0}\"\n",
            &["\u{e4}"],
            &[&[Some("\u{20ac}")], &[Some("\u{1f4a7}\u{0}")]],
        ),
    ];
    for (text, header, rows) in cases {
        let expected = Outcome {
            header: Some(header.iter().map(|name| (*name).to_owned()).collect()),
            rows: rows.iter().map(|fields| row(fields)).collect(),
            error: None,
        };
        assert_eq!(read_every_way(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn faults_with_their_place() {
    let few = |expected, found| Fault::FewFields { expected, found };
    let many = |expected| Fault::ManyFields { expected };
    let not_utf8 = |column: &str| Fault::ColumnNotUtf8 { column: column.into() };
    for (bytes, rows, offset, record, fault) in [
        (&b""[..], 0, 0, 0, Fault::NoHeader),
        // A header that is none.
        (b"\n", 0, 0, 0, Fault::UnnamedColumn),
        (b"\"a\",\n", 0, 4, 0, Fault::UnnamedColumn),
        (b"\"a\",", 0, 4, 0, Fault::UnnamedColumn),
        (b"id,name\n1,x\n", 0, 0, 0, Fault::Unquoted),
        (b"\xef\xbb\xbf\"a\"\n", 0, 0, 0, Fault::Unquoted),
        // Unquoted fields.
        (b"\"a\"\n\"x\"\n1\n", 1, 8, 2, Fault::Unquoted),
        (b"\"a\",\"b\"\n\"x\",NULL\n", 0, 12, 1, Fault::Unquoted),
        (b"\"a\"\n \"x\"\n", 0, 4, 1, Fault::Unquoted),
        (b"\"a\"\n\r\n", 0, 4, 1, Fault::Unquoted),
        // Something behind a closing quote: a quote that was not doubled, and line ends that are not Athena's.
        (b"\"a\"\n\"x\"\n\"say \"hi\"\"\n", 1, 14, 2, Fault::AfterQuote),
        (b"\"a\"\n\"x\" \n", 0, 7, 1, Fault::AfterQuote),
        (b"\"a\"\r\n\"x\"\r\n", 0, 3, 0, Fault::AfterQuote),
        // Another number of fields than the header.
        (b"\"a\"\n\"x\"\n\"x\",\"y\"\n", 1, 15, 2, many(1)),
        (b"\"a\"\n,\n", 0, 5, 1, many(1)),
        (b"\"a\",\"b\"\n\"x\"\n", 0, 11, 1, few(2, 1)),
        (b"\"a\",\"b\"\n\"x\"", 0, 11, 1, few(2, 1)),
        (b"\"a\",\"b\"\n\n", 0, 8, 1, few(2, 1)),
        // Cut off.
        (b"\"a\"\n\"x\"\n\"y", 1, 10, 2, Fault::Unterminated),
        (b"\"a\"\n\"", 0, 5, 1, Fault::Unterminated),
        (b"\"a", 0, 2, 0, Fault::Unterminated),
        // Not UTF-8: a lone byte, a character that the quote cuts off, a surrogate.
        (b"\"a\"\n\"x\"\n\"y\xff\"\n", 1, 10, 2, not_utf8("a")),
        (b"\"a\"\n\"\xe2\x82\"\n", 0, 5, 1, not_utf8("a")),
        (b"\"a\"\n\"\xed\xa0\x80\"\n", 0, 5, 1, not_utf8("a")),
        (b"\"a\",\"b\",\"c\"\n\"x\",\"\"\"y\xff\",\n", 0, 20, 1, not_utf8("b")),
        (b"\"\xff\"\n", 0, 1, 0, Fault::NotUtf8),
    ] {
        let outcome = read_every_way(bytes);
        let error = FileError { offset, record, fault };
        assert_eq!(outcome.error, Some(error), "{}", bytes.escape_ascii());
        assert_eq!(outcome.rows.len(), rows, "{}", bytes.escape_ascii());
    }
}

#[test]
fn messages_say_what_and_where() {
    let error = read([&b"\"a\",\"b\"\n\"x\"\n"[..]]).error.unwrap();
    assert_eq!(
        error.to_string(),
        "result file, record 1, byte 11: the record has 1 fields, the header 2"
    );
}

#[test]
fn a_record_has_a_bound() {
    // Header of 4 bytes, records of 6 bytes with their line breaks.
    let fitting = b"\"a\"\n\"xyz\"\n\"xyz\"\n\"wxyz\"";
    let larger = b"\"a\"\n\"xyz\"\n\"xyz\"\n\"vwxyz\"";
    for (bytes, rows, error) in [
        (&fitting[..], 3, None),
        (&larger[..], 2, Some((16 + 6, 3, Fault::TooLarge { limit: 6 }))),
        // The bound goes before a fault that lies behind it.
        (b"\"a\"\n\"wxyz\"?", 0, Some((4 + 6, 1, Fault::TooLarge { limit: 6 }))),
        (b"\"wxyz\"\n", 0, Some((6, 0, Fault::TooLarge { limit: 6 }))),
    ] {
        let expected = error.map(|(offset, record, fault)| FileError { offset, record, fault });
        for size in 1..=bytes.len() {
            let outcome = read_with(CsvParser::with_largest_record(6), bytes.chunks(size));
            assert_eq!(
                (outcome.rows.len(), outcome.error),
                (rows, expected.clone()),
                "{} by {size}",
                bytes.escape_ascii()
            );
        }
    }
}

#[test]
fn no_bound_is_a_bound_too() {
    let bytes = b"\"a\",\"b\"\n\"xyz\",\n";
    let outcome = read_with(CsvParser::with_largest_record(usize::MAX), bytes.chunks(2));
    assert_eq!((outcome.rows, outcome.error), (vec![row(&[Some("xyz"), None])], None));
}

#[test]
fn a_large_field_is_whole_and_its_memory_given_back() {
    let large = "ab\"c\n".repeat(2 << 20);
    let rows = [row(&[Some(&large)]), row(&[Some("small")])];
    let bytes = written(&["x".into()], &rows);
    let mut parser = CsvParser::default();
    let mut read = Vec::new();
    let mut each = |record: &Record<'_>| {
        read.push(record.field(0).map(str::to_owned));
        Ok::<_, FileError>(())
    };
    for chunk in bytes.chunks(8 << 10) {
        parser.feed(chunk, &mut each).unwrap();
    }
    assert!(parser.pending.capacity() <= KEPT, "{}", parser.pending.capacity());
    assert!(parser.aside.capacity() <= KEPT, "{}", parser.aside.capacity());
    parser.finish(&mut each).unwrap();
    assert!(read == [Some(large), Some("small".to_owned())]);
}

#[test]
fn a_header_of_commas_takes_no_memory() {
    let mut parser = CsvParser::default();
    let error = parser
        .feed(&vec![b','; 1 << 20], |_| Ok::<_, FileError>(()))
        .unwrap_err();
    assert_eq!(error.fault, Fault::UnnamedColumn);
    assert!(parser.scan.fields.capacity() < 16);
}

#[test]
fn nothing_is_read_after_an_error_or_the_end() {
    #[derive(Debug, PartialEq)]
    enum Stop {
        File(Fault),
        Enough,
    }
    impl From<FileError> for Stop {
        fn from(error: FileError) -> Self {
            Stop::File(error.fault)
        }
    }
    let ended = Err(Stop::File(Fault::Ended));
    let none = |_: &Record<'_>| -> Result<(), Stop> { panic!("a record") };

    // The caller's own error comes through, and ends the reading: which records it has seen is not known any more.
    let mut parser = CsvParser::default();
    let mut seen = 0;
    let stopped = parser.feed(b"\"a\"\n\"1\"\n\"2\"\n\"3\"\n", |_| {
        seen += 1;
        if seen == 2 { Err(Stop::Enough) } else { Ok(()) }
    });
    assert_eq!((stopped, seen), (Err(Stop::Enough), 2));
    assert_eq!(parser.feed(b"\"4\"\n", none), ended);
    assert_eq!(parser.finish(none), ended);

    let mut parser = CsvParser::default();
    assert_eq!(parser.feed(b"x", none), Err(Stop::File(Fault::Unquoted)));
    assert_eq!(parser.finish(none), ended);

    let mut parser = CsvParser::default();
    parser.feed(b"\"a\"\n", none).unwrap();
    parser.finish(none).unwrap();
    assert_eq!(parser.feed(b"\"1\"\n", none), ended);
    assert_eq!(parser.finish(none), ended);
}

/// The grammar once more, byte by byte and without any care for speed or memory: rows, and whether it ended well.
fn reference(bytes: &[u8]) -> (Vec<Row>, bool) {
    let (mut rows, mut at) = (Vec::<Row>::new(), 0);
    while at < bytes.len() {
        let mut fields: Row = Vec::new();
        loop {
            if bytes.get(at) != Some(&b'"') {
                fields.push(None);
            } else {
                let mut text = Vec::new();
                at += 1;
                loop {
                    match (bytes.get(at), bytes.get(at + 1)) {
                        (Some(b'"'), Some(b'"')) => {
                            text.push(b'"');
                            at += 2;
                        }
                        (Some(b'"'), _) => {
                            at += 1;
                            break;
                        }
                        (Some(byte), _) => {
                            text.push(*byte);
                            at += 1;
                        }
                        (None, _) => return (rows, false),
                    }
                }
                match String::from_utf8(text) {
                    Ok(text) => fields.push(Some(text)),
                    Err(_) => return (rows, false),
                }
            }
            at += 1;
            match bytes.get(at - 1) {
                Some(b',') => {}
                Some(b'\n') | None => break,
                Some(_) => return (rows, false),
            }
        }
        let fits = match rows.first() {
            Some(header) => header.len() == fields.len(),
            None => fields.iter().all(Option::is_some),
        };
        if !fits {
            return (rows, false);
        }
        rows.push(fields);
    }
    let ended_well = !rows.is_empty();
    (rows, ended_well)
}

/// Line breaks outside quotes, and one for what stands behind the last.
fn count_of_records(bytes: &[u8]) -> usize {
    let mut quoted = false;
    let mut count = usize::from(!bytes.is_empty() && !bytes.ends_with(b"\n"));
    for byte in bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// Cuts at these places, which may lie beyond the end and repeat.
fn cut<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut chunks = Vec::new();
    let mut from = 0;
    for at in places.into_iter().chain([bytes.len()]) {
        chunks.push(&bytes[from..at]);
        from = at;
    }
    chunks
}

fn texts() -> impl Strategy<Value = String> {
    "(\\PC|[\",\n\r\t\"\"\u{0}]){0,12}"
}

fn tables() -> impl Strategy<Value = (Vec<String>, Vec<Row>)> {
    (1usize..6).prop_flat_map(|columns| {
        (
            prop::collection::vec(texts(), columns),
            prop::collection::vec(prop::collection::vec(prop::option::of(texts()), columns), 0..8),
        )
    })
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_table_comes_back(
        (header, rows) in tables(),
        places in places(),
        last_break: bool,
        least in 0usize..60,
    ) {
        let mut bytes = written(&header, &rows);
        // Without its line break a NULL of one column would be nothing.
        if !last_break && rows.last().is_none_or(|row| row.len() > 1 || row[0].is_some()) {
            bytes.pop();
        }
        let outcome = read(cut(&bytes, &places));
        prop_assert_eq!(&read_in_parts(CsvParser::default(), cut(&bytes, &places), least), &outcome);
        prop_assert_eq!(outcome, Outcome { header: Some(header), rows, error: None });
    }

    /// The csv crate, which did not write it, reads the same texts; it does not know NULL, nor blank lines.
    #[test]
    fn the_csv_crate_agrees((header, rows) in tables()) {
        let bytes = written(&header, &rows);
        let outcome = read([&bytes[..]]);
        let mut reader = csv::ReaderBuilder::new().from_reader(&bytes[..]);
        let theirs: Vec<Vec<String>> =
            reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        let ours: Vec<Vec<String>> = outcome.rows.into_iter()
            .filter(|row| row.len() > 1 || row[0].is_some())
            .map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    /// Bytes that are nearly a file: no panic, no row more or less, and the same wherever they are cut.
    #[test]
    fn any_bytes_give_rows_or_an_error(
        bytes in prop::collection::vec(
            prop::sample::select(&b"\"\"\"\"\",,,\n\n\nab\r\xc3\xa4\xff"[..]), 0..40),
        header: bool,
        places in places(),
        least in 0usize..20,
    ) {
        let mut file = if header { b"\"a\",\"b\"\n".to_vec() } else { Vec::new() };
        file.extend(bytes);
        let outcome = read([&file[..]]);
        prop_assert_eq!(&read(cut(&file, &places)), &outcome);
        prop_assert_eq!(&read_in_parts(CsvParser::default(), cut(&file, &places), least), &outcome);
        let (mut rows, ended_well) = reference(&file);
        prop_assert_eq!(outcome.error.is_none(), ended_well);
        prop_assert_eq!(outcome.header.is_some(), !rows.is_empty());
        prop_assert_eq!(&outcome.rows[..], rows.get(1..).unwrap_or_default());
        if ended_well {
            prop_assert_eq!(rows.drain(..).count(), count_of_records(&file));
        }
    }

    /// A record may be so large and no larger, in a part as in the whole.
    #[test]
    fn a_bound_holds_in_parts(
        (header, rows) in tables(),
        places in places(),
        least in 0usize..60,
        largest in 1usize..60,
    ) {
        let bytes = written(&header, &rows);
        let parser = || CsvParser::with_largest_record(largest);
        let whole = read_with(parser(), [&bytes[..]]);
        prop_assert_eq!(read_in_parts(parser(), cut(&bytes, &places), least), whole);
    }

    #[test]
    fn any_bytes_at_all(bytes: Vec<u8>, places in places(), least in 0usize..20) {
        prop_assert_eq!(read(cut(&bytes, &places)), read([&bytes[..]]));
        prop_assert_eq!(read_in_parts(CsvParser::default(), cut(&bytes, &places), least), read([&bytes[..]]));
    }
}
