//! Keys of rows that are sorted: what tells the rows of a table apart, and the answer that a row came in.

use crate::slice::SliceError;

/// What a key ends with: the number of the answer that its row came in, as so many hex digits. Rows with the same key are in
/// the order of their answers.
pub(super) const ANSWER: usize = 8;

/// Two rows of one answer have the same key: it does not tell the rows of its table apart.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "two rows of one answer have the same key, `{0}`, and one would replace the other: this is a defect of the program, \
     please report it"
)]
pub(super) struct NotUnique(String);

impl From<NotUnique> for SliceError {
    fn from(error: NotUnique) -> Self {
        SliceError::Local(error.to_string())
    }
}

/// The key without its answer.
pub(super) fn identity(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(ANSWER)]
}

/// Whether the row of `next` takes the place of that of `key`, which stands before it: pages of a listing that changes
/// meanwhile may overlap.
///
/// # Errors
/// Both are of one answer.
pub(super) fn replaces(next: &[u8], key: &[u8]) -> Result<bool, NotUnique> {
    if identity(next) != identity(key) {
        return Ok(false);
    }
    if next == key {
        let shown = String::from_utf8_lossy(identity(key))
            .trim_end_matches('\0')
            .replace('\0', ", ");
        return Err(NotUnique(shown));
    }
    Ok(true)
}
