//! What can be wrong with a result file, and where.

/// A result file that does not follow Athena's grammar. Nothing was skipped: all records before `record` were handed
/// out, and none after it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("result file, record {record}, byte {offset}: {fault}")]
pub struct FileError {
    /// Bytes of the file before the fault.
    pub offset: u64,
    /// The record with the fault. In a CSV file 0 is the header, in a text file the first line.
    pub record: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a result file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A CSV file of 0 bytes. Athena writes a header even for no rows.
    #[error("the file is empty, it has no header")]
    NoHeader,
    /// The header is another one than that of the result's columns.
    #[error("the header is not that of the result: it has {found}, Athena's metadata {expected}")]
    OtherHeader {
        /// What stands in the header, where the two differ.
        found: String,
        /// What the metadata has there.
        expected: String,
    },
    /// A field of the header is NULL. Athena quotes names, the empty name too.
    #[error("a column of the header has no quoted name")]
    UnnamedColumn,
    /// A field that is neither quoted nor nothing at all.
    #[error("a field begins without a quote; Athena quotes every value but NULL")]
    Unquoted,
    /// A closing quote that no field or record ends with.
    #[error("a closing quote is followed by neither a comma nor a line break; Athena doubles quotes inside values")]
    AfterQuote,
    /// The record ends before the last column.
    #[error("the record has {found} fields, the header {expected}")]
    FewFields {
        /// Columns of the header.
        expected: usize,
        /// Fields of the record.
        found: usize,
    },
    /// The record goes on behind the last column.
    #[error("the record has more fields than the header, which has {expected}")]
    ManyFields {
        /// Columns of the header.
        expected: usize,
    },
    /// The file ends inside quotes.
    #[error("the file ends inside a quoted field; is it whole?")]
    Unterminated,
    /// Bytes that are not UTF-8, outside of a column's value.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The same in a column's value.
    #[error("{}", not_utf8(.column))]
    ColumnNotUtf8 {
        /// The column's name.
        column: String,
    },
    /// A record that does not fit into the memory that it may take.
    #[error("the record is larger than {limit} bytes")]
    TooLarge {
        /// The bound in bytes.
        limit: usize,
    },
    /// The reader was used again after an error, or after the end.
    #[error("the reading had already ended")]
    Ended,
}

/// What is wrong with a column, and what helps.
/// <https://trino.io/docs/current/functions/string.html#unicode-functions>
pub(super) fn not_utf8(column: &str) -> String {
    format!(
        "column `{column}` has a text that is not UTF-8: `from_utf8(to_utf8(x))` in the query puts U+FFFD in place of what is none, and \
         `to_hex(to_utf8(x))` keeps the bytes"
    )
}
