//! The `.txt` files that DDL, SHOW, DESCRIBE and EXPLAIN leave in S3, and the rows that GetQueryResults gives for the same
//! statements. Both are read as lines, so they agree.
//!
//! A text file has no header and no quoting. How many columns a line has is only in the metadata of GetQueryResults, and
//! GetQueryResults itself may answer with one cell that has tabs inside. So a row of the API is taken for the line that the
//! file has for it: its cells, joined by tabs. Then:
//!
//! - one column: the line as it is, tabs and spaces too (SHOW COLUMNS pads its names, and a reader of the API sees that);
//! - several columns: the line is split at its tabs, and each cell loses the spaces at its end that DESCRIBE pads it with;
//! - a line with fewer tabs, such as `# Partition Information`: the cells that are missing are NULL;
//! - a line with more tabs: the last cell keeps the rest, with its tabs. Nothing is lost;
//! - an empty cell is an empty text: the file has no form for NULL. A NULL of the API is an empty text too.
//!
//! Lines are joined with `\n`, as Athena joins the rows of the API: one that ends the file has an empty line behind it, such as the
//! last of EXPLAIN. A file of no bytes has no line. A `\r` belongs to the line.
//!
//! AWS: <https://docs.aws.amazon.com/athena/latest/ug/querying.html>

use memchr::memchr;

use super::record::Field;
use super::{Fault, FileError, Record};

/// The largest line in bytes.
pub const LARGEST_LINE: usize = 64 << 20;

/// Rows of a utility statement, from the chunks of its file ([`TextRows::feed`]) or from the rows of the API
/// ([`TextRows::row`]).
///
/// ```
/// use athena_connector::results::{FileError, text::TextRows};
///
/// let mut rows = TextRows::new(3);
/// rows.feed(b"id                  \tint                 \t", |record| {
///     unreachable!("the line has not ended")
/// })?;
/// rows.finish(|record| {
///     assert_eq!(record.fields().collect::<Vec<_>>(), [Some("id"), Some("int"), Some("")]);
///     Ok::<_, FileError>(())
/// })?;
/// # Ok::<_, FileError>(())
/// ```
#[derive(Debug)]
pub struct TextRows {
    columns: usize,
    /// The bytes of a line whose end has not come yet.
    pending: Vec<u8>,
    /// Whether there is such a line: behind a line break there is one, though it may be empty.
    begun: bool,
    /// Whether an empty last line is no row.
    trims: bool,
    /// Whether an empty line waits for another one behind it.
    held: bool,
    fields: Vec<Field>,
    /// Bytes before the line at hand.
    offset: u64,
    /// Lines before the line at hand.
    number: u64,
    ended: bool,
}

impl TextRows {
    /// Rows of this many columns; without metadata (0) there is one.
    pub fn new(columns: usize) -> Self {
        TextRows {
            columns: columns.max(1),
            pending: Vec::new(),
            begun: false,
            trims: false,
            held: false,
            fields: Vec::new(),
            offset: 0,
            number: 0,
            ended: false,
        }
    }

    /// Takes an empty last line for the end of the line before it. Objects of MSCK REPAIR TABLE were seen with a line break at
    /// their end and without one (`docs/dev/measurements/statements.md` of <https://github.com/aoyagikouhei/athena-local>).
    #[must_use]
    pub fn without_an_empty_end(mut self) -> Self {
        self.trims = true;
        self
    }

    /// Records handed out up to now.
    pub fn records(&self) -> u64 {
        self.number
    }

    /// Takes the file's next bytes, cut anywhere, and calls `each` with every line that they complete.
    ///
    /// # Errors
    ///
    /// A [`FileError`] where a line is not UTF-8 or larger than [`LARGEST_LINE`], or what `each` returns. After either the
    /// reader answers [`Fault::Ended`].
    pub fn feed<E: From<FileError>>(
        &mut self,
        mut chunk: &[u8],
        mut each: impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.begin()?;
        self.begun |= !chunk.is_empty();
        while let Some(end) = memchr(b'\n', chunk) {
            let (line, rest) = (&chunk[..end], &chunk[end + 1..]);
            self.check_size(line.len())?;
            if self.pending.is_empty() {
                self.emit(line, &mut each)?;
            } else {
                let mut whole = std::mem::take(&mut self.pending);
                whole.extend_from_slice(line);
                self.emit(&whole, &mut each)?;
            }
            self.offset += 1;
            chunk = rest;
        }
        self.check_size(chunk.len())?;
        self.pending.extend_from_slice(chunk);
        self.ended = false;
        Ok(())
    }

    /// Says that the file is over, and calls `each` with its last line.
    ///
    /// # Errors
    ///
    /// As [`TextRows::feed`].
    pub fn finish<E: From<FileError>>(&mut self, mut each: impl FnMut(&Record<'_>) -> Result<(), E>) -> Result<(), E> {
        self.begin()?;
        let line = std::mem::take(&mut self.pending);
        if !std::mem::take(&mut self.begun) {
            return Ok(());
        }
        self.emit(&line, &mut each)
    }

    /// Takes a row of GetQueryResults, and calls `each` with what the file has for it: more than one record where a cell
    /// has line breaks.
    ///
    /// # Errors
    ///
    /// As [`TextRows::feed`].
    pub fn row<'c, E: From<FileError>>(
        &mut self,
        cells: impl IntoIterator<Item = Option<&'c str>>,
        each: impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut line = String::new();
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                line.push('\t');
            }
            line.push_str(cell.unwrap_or_default());
        }
        line.push('\n');
        self.feed(line.as_bytes(), each)?;
        self.begun = false;
        Ok(())
    }

    fn emit<E: From<FileError>>(
        &mut self,
        line: &[u8],
        each: &mut impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if std::mem::take(&mut self.held) {
            self.record("", each)?;
        }
        if self.trims && line.is_empty() {
            self.held = true;
            return Ok(());
        }
        let text = std::str::from_utf8(line).map_err(|error| self.error(error.valid_up_to(), Fault::NotUtf8))?;
        self.record(text, each)?;
        self.offset += line.len() as u64;
        Ok(())
    }

    fn record<E: From<FileError>>(
        &mut self,
        text: &str,
        each: &mut impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.split(text);
        each(&Record::new(text, "", &self.fields))?;
        self.number += 1;
        Ok(())
    }

    fn split(&mut self, line: &str) {
        self.fields.clear();
        if self.columns == 1 {
            self.fields.push(Field::Plain(0, line.len()));
            return;
        }
        let mut start = 0;
        for cell in line.splitn(self.columns, '\t') {
            self.fields
                .push(Field::Plain(start, start + cell.trim_end_matches(' ').len()));
            start += cell.len() + 1;
        }
        self.fields.resize(self.columns, Field::Null);
    }

    /// Whether the line at hand may go on for this many bytes.
    fn check_size(&self, more: usize) -> Result<(), FileError> {
        if self.pending.len() + more > LARGEST_LINE {
            return Err(self.error(LARGEST_LINE, Fault::TooLarge { limit: LARGEST_LINE }));
        }
        Ok(())
    }

    /// Until the call has gone well, the reading counts as ended.
    fn begin(&mut self) -> Result<(), FileError> {
        if self.ended {
            return Err(self.error(0, Fault::Ended));
        }
        self.ended = true;
        Ok(())
    }

    fn error(&self, at: usize, fault: Fault) -> FileError {
        FileError {
            offset: self.offset + at as u64,
            record: self.number,
            fault,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    type Row = Vec<Option<String>>;

    fn collect(rows: &mut Vec<Row>) -> impl FnMut(&Record<'_>) -> Result<(), FileError> {
        |record| {
            rows.push(record.fields().map(|field| field.map(str::to_owned)).collect());
            Ok(())
        }
    }

    fn of_file<'a>(columns: usize, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Row>, Option<FileError>) {
        let (mut reader, mut rows) = (TextRows::new(columns), Vec::new());
        let mut ended = Ok(());
        for chunk in chunks {
            ended = ended.and_then(|()| reader.feed(chunk, collect(&mut rows)));
        }
        let ended = ended.and_then(|()| reader.finish(collect(&mut rows)));
        assert_eq!(reader.records(), rows.len() as u64);
        (rows, ended.err())
    }

    fn of_api(columns: usize, answer: &[Vec<Option<&str>>]) -> Vec<Row> {
        let (mut reader, mut rows) = (TextRows::new(columns), Vec::new());
        for row in answer {
            reader.row(row.iter().copied(), collect(&mut rows)).unwrap();
        }
        rows
    }

    fn row(fields: &[Option<&str>]) -> Row {
        fields.iter().map(|field| field.map(str::to_owned)).collect()
    }

    #[test]
    fn lines_by_columns() {
        type Case<'a> = (usize, &'a str, &'a [&'a [Option<&'a str>]]);
        let cases: &[Case<'_>] = &[
            (1, "", &[]),
            // DROP TABLE of an Iceberg table: two empty rows.
            (1, "\n", &[&[Some("")], &[Some("")]]),
            // SHOW TABLES; the end of EXPLAIN.
            (1, "a\nb", &[&[Some("a")], &[Some("b")]]),
            (1, "a\n\n", &[&[Some("a")], &[Some("")], &[Some("")]]),
            // SHOW COLUMNS, SHOW CREATE TABLE, EXPLAIN: one column, as it is.
            (1, "number_of_rows      ", &[&[Some("number_of_rows      ")]]),
            (
                1,
                "  `id`\tint,\r\n\n)",
                &[&[Some("  `id`\tint,\r")], &[Some("")], &[Some(")")]],
            ),
            (0, "a\tb", &[&[Some("a\tb")]]),
            // DESCRIBE of a table with partitions.
            (
                3,
                "id                  \tint                 \tthe key             \n\
                 name                \tstring              \t                    \n\
                 \t \t \n\
                 # Partition Information\t \t \n\
                 # col_name            \tdata_type           \tcomment             ",
                &[
                    &[Some("id"), Some("int"), Some("the key")],
                    &[Some("name"), Some("string"), Some("")],
                    &[Some(""), Some(""), Some("")],
                    &[Some("# Partition Information"), Some(""), Some("")],
                    &[Some("# col_name"), Some("data_type"), Some("comment")],
                ],
            ),
            // Short lines and long ones. Spaces at the front stay.
            (
                3,
                "a\n\na\t b",
                &[
                    &[Some("a"), None, None],
                    &[Some(""), None, None],
                    &[Some("a"), Some(" b"), None],
                ],
            ),
            (
                2,
                "key\tvalue\twith \t\ttabs  ",
                &[&[Some("key"), Some("value\twith \t\ttabs")]],
            ),
            (2, "\u{e4}\t\u{1f4a7}", &[&[Some("\u{e4}"), Some("\u{1f4a7}")]]),
        ];
        for (columns, text, expected) in cases {
            let expected: Vec<Row> = expected.iter().map(|fields| row(fields)).collect();
            for size in 1..=text.len().max(1) {
                let read = of_file(*columns, text.as_bytes().chunks(size));
                assert_eq!(read, (expected.clone(), None), "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn rows_of_the_api_are_those_of_the_file() {
        for (columns, answer, file) in [
            // One cell with tabs inside, cells of their own, a mixture.
            (3, vec![vec![Some("id   \tint  \t ")]], "id   \tint  \t "),
            (3, vec![vec![Some("id"), Some("int"), Some("")]], "id\tint\t"),
            (3, vec![vec![Some("id"), Some("int"), None]], "id\tint\t"),
            (3, vec![vec![Some("id\tint"), Some("x")]], "id\tint\tx"),
            (
                3,
                vec![vec![Some("# Partition Information")], vec![]],
                "# Partition Information\n",
            ),
            (
                1,
                vec![vec![Some("Fragment 0\n  - Output\n")]],
                "Fragment 0\n  - Output\n",
            ),
            (1, vec![vec![None], vec![Some("a\tb ")]], "\na\tb "),
        ] {
            let (rows, error) = of_file(columns, [file.as_bytes()]);
            assert_eq!((of_api(columns, &answer), None), (rows, error), "{answer:?}");
        }
    }

    #[test]
    fn an_empty_end_may_be_none() {
        for (text, expected) in [
            ("", vec![]),
            ("\n", vec![""]),
            ("a\n", vec!["a"]),
            ("a", vec!["a"]),
            ("a\n\nb\n\n", vec!["a", "", "b", ""]),
        ] {
            for size in 1..=text.len().max(1) {
                let (mut reader, mut rows) = (TextRows::new(1).without_an_empty_end(), Vec::new());
                for chunk in text.as_bytes().chunks(size) {
                    reader.feed(chunk, collect(&mut rows)).unwrap();
                }
                reader.finish(collect(&mut rows)).unwrap();
                let expected: Vec<Row> = expected.iter().map(|line| row(&[Some(line)])).collect();
                assert_eq!(rows, expected, "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn faults_with_their_place() {
        let (rows, error) = of_file(2, [&b"a\tb\nc\xc3"[..], b"\n"]);
        let (offset, record, fault) = (5, 1, Fault::NotUtf8);
        assert_eq!((rows.len(), error), (1, Some(FileError { offset, record, fault })));

        let mut reader = TextRows::new(1);
        let piece = vec![b'x'; LARGEST_LINE / 2];
        let none = |_: &Record<'_>| -> Result<(), FileError> { panic!("a record") };
        reader.feed(&piece, none).unwrap();
        reader.feed(&piece, none).unwrap();
        let fault = Fault::TooLarge { limit: LARGEST_LINE };
        assert_eq!(reader.feed(b"x", none).unwrap_err().fault, fault);
        assert_eq!(reader.feed(b"\n", none).unwrap_err().fault, Fault::Ended);
        assert_eq!(reader.finish(none).unwrap_err().fault, Fault::Ended);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// As many rows as lines, each with its columns, and no text lost but the padding.
        #[test]
        fn nothing_is_lost(text in "([a-z\u{e4} \t\t\n]|\\PC){0,40}", columns in 1usize..5, cut: prop::sample::Index) {
            let at = cut.index(text.len() + 1);
            let (rows, error) = of_file(columns, [&text.as_bytes()[..at], &text.as_bytes()[at..]]);
            prop_assert_eq!(error, None);
            let lines: Vec<_> = text.split('\n').filter(|_| !text.is_empty()).collect();
            prop_assert_eq!(rows.len(), lines.len());
            for (row, line) in rows.iter().zip(text.split('\n')) {
                prop_assert_eq!(row.len(), columns);
                let joined = row.iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\t");
                let significant = |text: &str| text.replace(' ', "");
                prop_assert_eq!(significant(&joined), significant(line));
                if columns == 1 {
                    prop_assert_eq!(&joined, line);
                }
            }
            // The same statement by the API: a row a line, its cells together or apart.
            let whole: Vec<_> = lines.iter().map(|line| vec![Some(*line)]).collect();
            let apart: Vec<_> = lines.iter().map(|line| line.split('\t').map(Some).collect()).collect();
            prop_assert_eq!(&of_api(columns, &whole), &rows);
            prop_assert_eq!(&of_api(columns, &apart), &rows);
        }

        #[test]
        fn any_bytes_give_rows_or_an_error(bytes: Vec<u8>, columns in 0usize..4, cut: prop::sample::Index) {
            let at = cut.index(bytes.len() + 1);
            let (rows, error) = of_file(columns, [&bytes[..]]);
            prop_assert_eq!(error.is_none(), std::str::from_utf8(&bytes).is_ok());
            prop_assert_eq!(of_file(columns, [&bytes[..at], &bytes[at..]]), (rows, error));
        }
    }
}
