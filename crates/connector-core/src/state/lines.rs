//! The journal's form: one JSON text a line, each behind its checksum. A line that was being written when the process ended
//! is recognised and left out; anything else that does not check is damage.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::slice::{Outcome, Step};
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
    /// How far a step of a slice has come that must not be done twice, by its number.
    Step(Place, u32, Step),
    /// A slice that has failed: the next try is another one.
    Failed(Place),
    /// A slice whose rows are those of an earlier run.
    Stale(Committed),
    /// A slice that is complete, and does not fit beside the others of its shard: beside those of all shards it may.
    Misfit(Place),
    /// All of it has been published.
    Published,
    /// The run of a shard has come to its end; the SHA-256 of its ledger, in hex.
    Ended(String),
    /// The shard has been merged.
    Merged,
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
    read_from(BufReader::new(File::open(path)?), &path.display().to_string())
}

/// The same of a journal with this name, for messages.
pub(super) fn read_from(mut journal: impl BufRead, name: &str) -> Result<(Vec<Line>, u64), ReadError> {
    let (mut lines, mut length) = (Vec::new(), 0);
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = (&mut journal).take(LONGEST_LINE as u64).read_until(b'\n', &mut text)?;
        let damaged = || ReadError::Damaged(lines.len() + 1, name.to_owned());
        if text.pop_if(|end| *end == b'\n').is_none() {
            return if read == LONGEST_LINE {
                Err(damaged())
            } else {
                Ok((lines, length))
            };
        }
        let line = decoded(&text).ok_or_else(damaged)?;
        lines.push(line);
        length += read as u64;
    }
}

fn decoded(text: &[u8]) -> Option<Line> {
    let (checksum, json) = text.split_at_checked(9)?;
    if checksum != format!("{:08x} ", crc32fast::hash(json)).as_bytes() {
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

    fn journal(places: &[(String, String)]) -> (Vec<Line>, Vec<u8>) {
        let line = |(account, region): &(String, String)| {
            Line::Failed(Place {
                account: account.clone(),
                region: region.clone(),
            })
        };
        let lines: Vec<Line> = places.iter().map(line).collect();
        let bytes = lines.iter().flat_map(|line| encoded(line).unwrap()).collect();
        (lines, bytes)
    }

    /// `<checksum> <JSON>`, by hand: the CRC-32 of zlib.
    #[test]
    fn a_line_is_its_checksum_and_json() {
        assert_eq!(encoded(&Line::Published).unwrap(), b"9d79fb92 \"Published\"\n");
        let (lines, length) = read_from(&b"9d79fb92 \"Published\"\n9d79fb92 \"Publ"[..], "j").unwrap();
        assert_eq!((lines, length), (vec![Line::Published], 21));
        for damaged in [
            &b"9d79fb93 \"Published\"\n"[..],
            b"9d79fb92\"Published\"\n",
            b"9D79FB92 \"Published\"\n",
            b"\n",
            b"\"Published\"\n",
        ] {
            let error = read_from(damaged, "j").unwrap_err();
            assert_eq!(error.to_string(), "line 1 of j is not what was written");
        }
    }

    proptest! {
        /// However it is cut off, the lines that are whole are there, and no half of one.
        #[test]
        fn a_journal_that_is_cut_off_has_its_whole_lines(
            places in prop::collection::vec(("[0-9]{12}", "\\PC{0,20}"), 0..6),
            cut: prop::sample::Index,
        ) {
            let (lines, bytes) = journal(&places);
            let at = cut.index(bytes.len() + 1);
            let (read, length) = read_from(&bytes[..at], "j").unwrap();
            let whole = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(&read[..], &lines[..whole]);
            prop_assert_eq!(length, bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end as u64 + 1));
        }

        /// A byte that has changed is damage; in the last line it may be the line's end that is gone.
        #[test]
        fn a_changed_byte_is_seen(
            places in prop::collection::vec(("[0-9]{12}", "[a-z]{1,9}"), 1..4),
            place: prop::sample::Index,
            change in 1u8..,
        ) {
            let (lines, mut bytes) = journal(&places);
            let at = place.index(bytes.len());
            bytes[at] ^= change;
            match read_from(&bytes[..], "j") {
                Err(error) => prop_assert!(matches!(error, ReadError::Damaged(..))),
                Ok((read, _)) => prop_assert!(at + 1 == bytes.len() && read[..] == lines[..lines.len() - 1]),
            }
        }

        #[test]
        fn any_bytes_are_lines_or_damage(bytes: Vec<u8>) {
            let whole = bytes.contains(&b'\n');
            prop_assert_eq!(read_from(&bytes[..], "j").is_err(), whole);
        }
    }

    #[test]
    fn half_a_line_is_written_over() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let first = [Line::Caller("1".to_owned())];
        let torn = [encoded(&first[0]).unwrap(), b"00000000 {\"Ca".to_vec()].concat();
        std::fs::write(file.path(), torn).unwrap();
        let (_, length) = read(file.path()).unwrap();
        let mut appender = Appender::new(file.reopen().unwrap(), length).unwrap();
        appender.append(&[Line::Published]).unwrap();
        let (lines, _) = read(file.path()).unwrap();
        assert_eq!(lines, [first[0].clone(), Line::Published]);
    }
}
