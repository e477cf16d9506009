//! The CSV file that a SELECT leaves in S3, read as its bytes come.
//!
//! The grammar is Athena's own, and narrower than RFC 4180:
//!
//! - the first record is the header; its names are quoted, and may be empty or repeat;
//! - every value is quoted, numbers too; quotes inside are doubled; commas and line breaks inside are plain;
//! - NULL is nothing at all, an empty text is `""`; so a NULL in a result of one column is a blank line;
//! - records end in `\n`. `\r\n` is not accepted: Athena does not write it, and a `\r` that stands outside quotes tells
//!   of a file that something else has been at. The last record may end with the file.
//!
//! What does not follow it is an error with its place, never a guess: a reader that goes on after a quote that was not
//! doubled makes wrong rows. Whether the file is whole cannot be seen from inside unless it ends within quotes; that is
//! for whoever knows the object's length.
//!
//! AWS: <https://docs.aws.amazon.com/athena/latest/ug/querying.html>

mod cutter;

use std::sync::Arc;

use memchr::memchr;

pub use self::cutter::Cutter;
use super::record::Field;
use super::{Fault, FileError, Record};

/// The largest record, in bytes, unless [`CsvParser::with_largest_record`] says otherwise. Athena's own limit for a row is
/// 32 MB of data (<https://docs.aws.amazon.com/athena/latest/ug/other-notable-limitations.html>); binary values take three
/// characters a byte.
pub const LARGEST_RECORD: usize = 128 << 20;
/// The largest header in bytes. Only the header's own length bounds the number of columns.
const LARGEST_HEADER: usize = 16 << 20;
/// Buffers above this many bytes are given back after the record that needed them.
const KEPT: usize = 1 << 20;

/// Takes a result file in chunks that are cut anywhere, and hands out its records. Holds no more than the record that is
/// not whole yet; allocates nothing per record.
///
/// ```
/// use athena_connector::results::{FileError, csv::CsvParser};
///
/// let mut rows = Vec::new();
/// let mut parser = CsvParser::default();
/// for chunk in [&b"\"id\",\"note\"\n\"1\",\"say \""[..], b"\"hi\"\"\"\n\"2\",\n"] {
///     parser.feed(chunk, |record| {
///         rows.push((record.field(0).map(str::to_owned), record.field(1).map(str::to_owned)));
///         Ok::<_, FileError>(())
///     })?;
/// }
/// parser.finish(|_| Ok::<_, FileError>(()))?;
/// assert_eq!(parser.header().unwrap(), ["id", "note"]);
/// assert_eq!(rows[0], (Some("1".into()), Some("say \"hi\"".into())));
/// assert_eq!(rows[1], (Some("2".into()), None));
/// # Ok::<_, FileError>(())
/// ```
#[derive(Debug)]
pub struct CsvParser {
    header: Option<Arc<[String]>>,
    /// What the header must be, where that is known.
    expected: Option<Vec<String>>,
    largest_record: usize,
    /// Whether records keep their quotes doubled.
    as_written: bool,
    /// The bytes of a record whose end has not come yet.
    pending: Vec<u8>,
    scan: Scan,
    /// Texts of the record's fields that had doubled quotes.
    aside: String,
    /// Bytes before the record at hand.
    offset: u64,
    /// Records before the record at hand, the header among them.
    number: u64,
    ended: bool,
}

impl Default for CsvParser {
    fn default() -> Self {
        Self::with_largest_record(LARGEST_RECORD)
    }
}

impl CsvParser {
    /// A parser at the beginning of a file, whose records take at most this many bytes.
    pub fn with_largest_record(bytes: usize) -> Self {
        CsvParser {
            header: None,
            expected: None,
            largest_record: bytes,
            as_written: false,
            pending: Vec::new(),
            scan: Scan::default(),
            aside: String::new(),
            offset: 0,
            number: 0,
            ended: false,
        }
    }

    /// The same, for a file whose header must name these columns. Case is no difference: Trino knows none.
    pub fn with_columns(mut self, names: Vec<String>) -> Self {
        self.expected = Some(names);
        self
    }

    /// The same, for who takes the fields of its records by [`Record::as_written`] only: quotes stay doubled, which saves
    /// two copies of every text that has some where CSV is made of CSV.
    pub fn as_written(mut self) -> Self {
        self.as_written = true;
        self
    }

    /// A parser for a part of the same file that begins with a record, `offset` bytes from the beginning; `None` before this one
    /// has read the header. It counts records from there.
    pub fn of_part(&self, offset: u64) -> Option<Self> {
        let header = Arc::clone(self.header.as_ref()?);
        Some(CsvParser {
            header: Some(header),
            as_written: self.as_written,
            offset,
            number: 1,
            ..Self::with_largest_record(self.largest_record)
        })
    }

    /// Bytes of the record that is not whole yet.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The columns' names, as soon as the header has been read.
    pub fn header(&self) -> Option<&[String]> {
        self.header.as_deref()
    }

    /// Records handed out up to now; the header does not count.
    pub fn records(&self) -> u64 {
        self.number.saturating_sub(1)
    }

    /// Takes the file's next bytes, and calls `each` with every record that they complete.
    ///
    /// # Errors
    ///
    /// A [`FileError`] where the file leaves the grammar, or what `each` returns. After either the parser is of no use:
    /// it answers [`Fault::Ended`].
    pub fn feed<E: From<FileError>>(
        &mut self,
        mut chunk: &[u8],
        mut each: impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.check_not_ended()?;
        self.ended = true;
        while !self.pending.is_empty() && !chunk.is_empty() {
            chunk = self.complete_pending(chunk, &mut each)?;
        }
        while !chunk.is_empty() {
            self.scan.reset();
            let Some(length) = self.scan_record(chunk)? else {
                self.pending.extend_from_slice(chunk);
                break;
            };
            let (record, rest) = chunk.split_at(length);
            self.emit(record, &mut each)?;
            chunk = rest;
        }
        self.ended = false;
        Ok(())
    }

    /// Says that the file is over, and calls `each` with a last record that had no line break.
    ///
    /// # Errors
    ///
    /// As [`CsvParser::feed`]; also where the file has no header or ends inside quotes.
    pub fn finish<E: From<FileError>>(&mut self, mut each: impl FnMut(&Record<'_>) -> Result<(), E>) -> Result<(), E> {
        self.check_not_ended()?;
        self.ended = true;
        if self.pending.is_empty() {
            return match self.header {
                Some(_) => Ok(()),
                None => Err(self.error(0, Fault::NoHeader).into()),
            };
        }
        let record = std::mem::take(&mut self.pending);
        let columns = self.columns();
        self.scan
            .end(record.len(), columns)
            .map_err(|(at, fault)| self.error(at, fault))?;
        self.emit(&record, &mut each)
    }

    /// Moves bytes of the chunk to the pending record, up to its next line break, and hands the record out if that is
    /// its end. Returns the bytes that are left.
    fn complete_pending<'c, E: From<FileError>>(
        &mut self,
        chunk: &'c [u8],
        each: &mut impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<&'c [u8], E> {
        // One byte more than the limit shows that the record is larger.
        let room = self.limit().saturating_add(1).saturating_sub(self.pending.len());
        let line = memchr(b'\n', chunk).map_or(chunk.len(), |at| at + 1);
        let (taken, rest) = chunk.split_at(line.min(room));
        self.pending.extend_from_slice(taken);
        let mut record = std::mem::take(&mut self.pending);
        if self.scan_record(&record)?.is_some() {
            self.emit(&record, each)?;
            record.clear();
            if record.capacity() > KEPT {
                record = Vec::new();
            }
        }
        self.pending = record;
        Ok(rest)
    }

    /// The length of the record that `bytes` begin with, its line break included; `None` if its end is not among them.
    fn scan_record(&mut self, bytes: &[u8]) -> Result<Option<usize>, FileError> {
        let (limit, columns) = (self.limit(), self.columns());
        let within = &bytes[..bytes.len().min(limit)];
        match self.scan.run(within, columns) {
            Ok(None) if bytes.len() > limit => Err(self.error(limit, Fault::TooLarge { limit })),
            Ok(length) => Ok(length),
            Err((at, fault)) => Err(self.error(at, fault)),
        }
    }

    /// Hands out the record that has been scanned: `bytes` are all of it.
    fn emit<E: From<FileError>>(
        &mut self,
        bytes: &[u8],
        each: &mut impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let text = std::str::from_utf8(bytes).map_err(|error| self.not_utf8(error.valid_up_to()))?;
        if self.scan.doubled && !(self.as_written && self.header.is_some()) {
            undouble(text, &mut self.scan.fields, &mut self.aside);
        }
        let record = Record::new(text, &self.aside, &self.scan.fields);
        if self.header.is_some() {
            each(&record)?;
        } else {
            let header: Arc<[String]> = record.fields().flatten().map(str::to_owned).collect();
            if let Some(fault) = self
                .expected
                .take()
                .and_then(|expected| other_header(&header, &expected))
            {
                return Err(self.error(0, fault).into());
            }
            self.header = Some(header);
        }
        if self.aside.capacity() > KEPT {
            self.aside = String::new();
        }
        self.offset += bytes.len() as u64;
        self.number += 1;
        Ok(())
    }

    /// The largest that the next record may be, in bytes.
    pub fn limit(&self) -> usize {
        match self.header {
            Some(_) => self.largest_record,
            None => self.largest_record.min(LARGEST_HEADER),
        }
    }

    /// How many fields a record has; `None` before the header has said it.
    fn columns(&self) -> Option<usize> {
        self.header.as_ref().map(|header| header.len())
    }

    fn check_not_ended(&self) -> Result<(), FileError> {
        if self.ended {
            return Err(self.error(0, Fault::Ended));
        }
        Ok(())
    }

    /// Bytes of the record at hand, which has been scanned, are not UTF-8.
    #[cold]
    fn not_utf8(&self, at: usize) -> FileError {
        let is_there = |field: &Field| matches!(*field, Field::Plain(from, to) | Field::Doubled(from, to) if (from..to).contains(&at));
        let number = self.scan.fields.iter().position(is_there);
        let name = number.and_then(|number| self.header()?.get(number));
        let fault = name.map_or(Fault::NotUtf8, |name| Fault::ColumnNotUtf8 { column: name.clone() });
        self.error(at, fault)
    }

    #[cold]
    fn error(&self, at: usize, fault: Fault) -> FileError {
        FileError {
            offset: self.offset + at as u64,
            record: self.number,
            fault,
        }
    }
}

fn other_header(found: &[String], expected: &[String]) -> Option<Fault> {
    if found.len() != expected.len() {
        let count = |names: &[String]| format!("{} columns", names.len());
        let (found, expected) = (count(found), count(expected));
        return Some(Fault::OtherHeader { found, expected });
    }
    let mut pairs = found.iter().zip(expected).enumerate();
    let (at, (found, expected)) = pairs.find(|(_, (found, expected))| !found.eq_ignore_ascii_case(expected))?;
    Some(Fault::OtherHeader {
        found: format!("`{found}` as column {}", at + 1),
        expected: format!("`{expected}`"),
    })
}

/// Writes fields that have doubled quotes aside, with single ones.
fn undouble(text: &str, fields: &mut [Field], aside: &mut String) {
    aside.clear();
    for field in fields {
        let Field::Doubled(from, to) = *field else { continue };
        let (start, mut rest) = (aside.len(), &text[from..to]);
        while let Some(at) = memchr(b'"', rest.as_bytes()) {
            // The scan has seen that a second quote stands behind the first.
            aside.push_str(&rest[..=at]);
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        aside.push_str(rest);
        *field = Field::Aside(start, aside.len());
    }
}

/// Where in the grammar a record has been cut.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Before the first byte of a field.
    #[default]
    FieldStart,
    /// Between the quotes of a field.
    Quoted,
    /// Behind a quote that closes the field, or is the first of two.
    QuoteSeen,
}

/// Finds the fields of one record. It can be stopped after any byte, and goes on where it was: a record that comes in many
/// chunks is looked at once.
#[derive(Debug, Default)]
struct Scan {
    state: State,
    /// Bytes of the record that have been looked at.
    at: usize,
    /// Where the text of the field at hand begins.
    start: usize,
    /// Whether the field at hand has doubled quotes.
    field_doubled: bool,
    /// Whether any field has.
    doubled: bool,
    fields: Vec<Field>,
}

impl Scan {
    fn reset(&mut self) {
        self.state = State::FieldStart;
        self.at = 0;
        self.field_doubled = false;
        self.doubled = false;
        self.fields.clear();
    }

    /// Goes on through the record's bytes, which begin with those of earlier calls. Returns the record's length with its
    /// line break, or `None` if it goes on behind `bytes`. An error comes with its place in the record.
    fn run(&mut self, bytes: &[u8], columns: Option<usize>) -> Result<Option<usize>, (usize, Fault)> {
        let mut at = self.at;
        let end = loop {
            match self.state {
                State::FieldStart => {
                    let Some(byte) = bytes.get(at) else { break None };
                    match byte {
                        b'"' => {
                            at += 1;
                            self.start = at;
                            self.state = State::Quoted;
                        }
                        b',' => {
                            self.push(at, Field::Null, columns)?;
                            at += 1;
                        }
                        b'\n' => {
                            self.push(at, Field::Null, columns)?;
                            break Some(at + 1);
                        }
                        _ => return Err((at, Fault::Unquoted)),
                    }
                }
                State::Quoted => match memchr(b'"', &bytes[at..]) {
                    Some(quote) => {
                        at += quote + 1;
                        self.state = State::QuoteSeen;
                    }
                    None => {
                        at = bytes.len();
                        break None;
                    }
                },
                State::QuoteSeen => {
                    let Some(byte) = bytes.get(at) else { break None };
                    match byte {
                        b',' => {
                            self.push_text(at - 1, columns)?;
                            at += 1;
                            self.state = State::FieldStart;
                        }
                        b'\n' => {
                            self.push_text(at - 1, columns)?;
                            break Some(at + 1);
                        }
                        b'"' => {
                            self.field_doubled = true;
                            at += 1;
                            self.state = State::Quoted;
                        }
                        _ => return Err((at, Fault::AfterQuote)),
                    }
                }
            }
        };
        self.at = at;
        match (end, columns) {
            (Some(length), Some(expected)) => self.check_count(length - 1, expected).map(|()| end),
            _ => Ok(end),
        }
    }

    /// The record ends with the file, without a line break.
    fn end(&mut self, length: usize, columns: Option<usize>) -> Result<(), (usize, Fault)> {
        match self.state {
            State::FieldStart => self.push(length, Field::Null, columns)?,
            State::QuoteSeen => self.push_text(length - 1, columns)?,
            State::Quoted => return Err((length, Fault::Unterminated)),
        }
        match columns {
            Some(expected) => self.check_count(length, expected),
            None => Ok(()),
        }
    }

    fn check_count(&self, at: usize, expected: usize) -> Result<(), (usize, Fault)> {
        match self.fields.len() {
            found if found == expected => Ok(()),
            found => Err((at, Fault::FewFields { expected, found })),
        }
    }

    fn push_text(&mut self, end: usize, columns: Option<usize>) -> Result<(), (usize, Fault)> {
        let field = if self.field_doubled {
            self.field_doubled = false;
            self.doubled = true;
            Field::Doubled(self.start, end)
        } else {
            Field::Plain(self.start, end)
        };
        self.push(end + 1, field, columns)
    }

    fn push(&mut self, at: usize, field: Field, columns: Option<usize>) -> Result<(), (usize, Fault)> {
        // At once, not at the record's end: else a file of commas would take memory many times its size.
        match columns {
            Some(expected) if self.fields.len() == expected => return Err((at, Fault::ManyFields { expected })),
            None if matches!(field, Field::Null) => return Err((at, Fault::UnnamedColumn)),
            _ => self.fields.push(field),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
