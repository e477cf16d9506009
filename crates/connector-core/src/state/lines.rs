//! The journal's form: one JSON text a line, each behind its checksum. A line that was being written when the process ended
//! is recognised and left out; anything else that does not check is damage.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;

use auth_core::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::slice::Outcome;
use crate::table::Heading;

/// The longest line that is read. One slice is one line; what a connector tells of it is a part of it.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// What a run writes down as it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Line {
    /// The first line.
    Run(Header),
    /// The account that the run signed in to.
    Caller(String),
    /// The regions of an account, as they were resolved.
    Regions(AccountRegions),
    /// Columns that tables have; they are numbered from 0, in order.
    Columns(Vec<SavedHeading>),
    /// A slice that is complete.
    Slice(Committed),
    /// A slice that has failed: the next try is another one.
    Failed(Place),
    /// A slice whose rows are those of an earlier run.
    Stale(Committed),
    /// All of it has been published.
    Published,
}

/// What a run is of. Only the same can go on with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// The version of this form.
    pub state_version: u32,
    /// The program.
    pub connector: String,
    /// Its version.
    pub version: String,
    /// The run's own id.
    pub run: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// The parameters that shape the rows.
    pub parameters: Map<String, Json>,
    /// What the connector knows of the work beyond its parameters.
    pub work: String,
}

/// One account in one region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
}

/// Where an account is collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRegions {
    /// The account.
    pub account: String,
    /// Regions that are collected.
    pub collect: Vec<String>,
    /// Regions that are not, with why.
    pub skipped: Vec<(String, String)>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedHeading {
    name: String,
    kind: crate::table::Kind,
    key: bool,
}

impl SavedHeading {
    pub(super) fn of(heading: &Heading) -> Self {
        SavedHeading {
            name: heading.name.clone(),
            kind: heading.kind,
            key: heading.key,
        }
    }

    pub(super) fn heading(self) -> Heading {
        Heading {
            key: self.key,
            ..Heading::new(self.name, self.kind)
        }
    }
}

/// A slice that is complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Committed {
    pub(super) place: Place,
    pub(super) outcome: Outcome,
    pub(super) rows: u64,
    /// RFC 3339, UTC: when it was complete.
    pub(super) collected: String,
    pub(super) duration_seconds: f64,
    pub(super) calls: u64,
    pub(super) retries: u64,
    pub(super) waiting_seconds: f64,
    pub(super) details: Map<String, Json>,
    pub(super) sums: Map<String, Json>,
    pub(super) warnings: Vec<String>,
    pub(super) reason: Option<String>,
    pub(super) tables: Vec<SavedTable>,
}

/// A table of a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedTable {
    pub(super) number: u32,
    /// Which columns.
    pub(super) columns: usize,
    pub(super) sorted: bool,
    pub(super) rows: u64,
    pub(super) runs: Vec<crate::rows::Run>,
}

/// An account as far as it stands in leading columns.
pub(super) fn is(account: &Account, place: &Place) -> bool {
    account.id.as_str() == place.account
}

/// `<checksum> <JSON>\n`
pub(super) fn encoded(line: &Line) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(line)?;
    let mut text = format!("{:08x} ", crc32fast::hash(&json)).into_bytes();
    text.extend_from_slice(&json);
    text.push(b'\n');
    Ok(text)
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what was written.
    #[error("line {0} of {1} is not what was written")]
    Damaged(usize, String),
}

/// All whole lines, and how many bytes they are. A last line without its end was being written when the process ended.
pub(super) fn read(path: &Path) -> Result<(Vec<Line>, u64), ReadError> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut lines, mut length) = (Vec::new(), 0);
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = io::Read::take(&mut reader, LONGEST_LINE as u64).read_until(b'\n', &mut text)?;
        if text.pop_if(|end| *end == b'\n').is_none() {
            if read == LONGEST_LINE {
                return Err(ReadError::Damaged(lines.len() + 1, path.display().to_string()));
            }
            return Ok((lines, length));
        }
        let line = decoded(&text).ok_or_else(|| ReadError::Damaged(lines.len() + 1, path.display().to_string()))?;
        lines.push(line);
        length += read as u64;
    }
}

fn decoded(text: &[u8]) -> Option<Line> {
    let (checksum, json) = text.split_at_checked(9)?;
    let checksum = std::str::from_utf8(checksum).ok()?.strip_suffix(' ')?;
    let checksum = u32::from_str_radix(checksum, 16).ok()?;
    if crc32fast::hash(json) != checksum {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// Appends whole lines.
#[derive(Debug)]
pub(super) struct Appender {
    file: File,
    length: u64,
}

impl Appender {
    /// `file` keeps its first `length` bytes.
    pub(super) fn new(file: File, length: u64) -> io::Result<Self> {
        file.set_len(length)?;
        Ok(Appender { file, length })
    }

    /// All of `lines`, or none.
    pub(super) fn append(&mut self, lines: &[Line]) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        let mut text = Vec::new();
        for line in lines {
            text.write_all(&encoded(line)?)?;
        }
        // At a position: half a line that a full disk has left is written over by the next.
        self.file.write_all_at(&text, self.length).inspect_err(|_| {
            let _ = self.file.set_len(self.length);
        })?;
        self.length += text.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn place(account: &str) -> Place {
        Place {
            account: account.to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn written(lines: &[Line]) -> Vec<u8> {
        lines.iter().flat_map(|line| encoded(line).unwrap()).collect()
    }

    fn read_bytes(bytes: &[u8]) -> Result<(Vec<Line>, u64), ReadError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path())
    }

    fn any_line() -> impl Strategy<Value = Line> {
        prop_oneof![
            "\\PC{0,20}".prop_map(Line::Caller),
            "\\PC{0,20}".prop_map(|account| Line::Failed(place(&account))),
            Just(Line::Published),
        ]
    }

    proptest! {
        /// Wherever the process ends: the lines before are there, the one that was being written is not.
        #[test]
        fn lines_that_were_cut_off_anywhere(lines in proptest::collection::vec(any_line(), 0..8), cut in 0.0_f64..=1.0) {
            let whole = written(&lines);
            let cut = (whole.len() as f64 * cut) as usize;
            let (found, length) = read_bytes(&whole[..cut]).unwrap();
            prop_assert_eq!(&found[..], &lines[..found.len()]);
            prop_assert_eq!(written(&found).len() as u64, length);
            let next = lines.get(found.len()).map(|line| encoded(line).unwrap().len());
            prop_assert!(next.is_none_or(|next| cut < length as usize + next), "a whole line is missing");
        }

        #[test]
        fn one_bit_is_damage(lines in proptest::collection::vec(any_line(), 1..4), at in any::<proptest::sample::Index>(), bit in 0_u8..8) {
            let mut bytes = written(&lines);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            // All lines can never come back as they were.
            if let Ok((found, _)) = read_bytes(&bytes) {
                prop_assert!(found.len() < lines.len(), "{found:?}");
            }
        }

        #[test]
        fn any_bytes_are_lines_or_damage(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
            match read_bytes(&bytes) {
                Ok((lines, length)) => {
                    prop_assert_eq!(lines.len(), newlines);
                    prop_assert!(length <= bytes.len() as u64);
                }
                Err(ReadError::Damaged(line, _)) => prop_assert!((1..=newlines).contains(&line)),
                Err(ReadError::Io(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn half_a_line_is_written_over() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let first = [Line::Caller("1".to_owned())];
        let torn = [written(&first), b"00000000 {\"Ca".to_vec()].concat();
        std::fs::write(file.path(), torn).unwrap();
        let (_, length) = read(file.path()).unwrap();
        let mut appender = Appender::new(file.reopen().unwrap(), length).unwrap();
        appender.append(&[Line::Published]).unwrap();
        let (lines, _) = read(file.path()).unwrap();
        assert_eq!(lines, [first[0].clone(), Line::Published]);
    }
}
