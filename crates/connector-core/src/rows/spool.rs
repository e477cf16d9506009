//! Where the rows of finished slices wait for their turn: one file, which a run that ends early leaves to the next.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use itertools::Itertools as _;
use serde::{Deserialize, Serialize};

use super::key::{identity, replaces};
use crate::slice::SliceError;
use crate::table::Heading;

/// Bytes that are read or written at a time.
const BUFFER: usize = 64 * 1024;
/// Bytes that all runs of a slice together are read at a time: a slice may have thousands of runs.
const MERGE_BUFFERS: usize = 4 * 1024 * 1024;

/// The same error, behind what could not be done.
pub(crate) fn about(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Rows that stand one after another in the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    offset: u64,
    length: u64,
    /// Of its bytes.
    crc32: u32,
}

/// The rows of one table of one slice.
#[derive(Clone, Debug)]
pub struct SpooledTable {
    /// Which of the slice's tables.
    pub number: u32,
    /// Its columns, behind the leading ones.
    pub columns: Arc<[Heading]>,
    pub(crate) runs: Vec<Run>,
    /// Whether rows have keys and those of several runs are merged by them, or stand as they are.
    pub(crate) sorted: bool,
    /// How many rows.
    pub rows: u64,
    /// Which spool they are in, where several are read at once; else 0.
    pub(crate) spool: usize,
    /// What the spool's file consists of, where these rows were the only ones when the last of them was kept.
    pub(crate) ready: Option<Arc<Ready>>,
}

impl Run {
    /// Where its first byte stands.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }
}

/// What the spool's file consists of, where it is the output: a head, and the rows of one table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(super) head: Vec<u8>,
    /// Of the head and all rows.
    pub(super) bytes: u64,
    /// Of the same, in hex.
    pub(super) sha256: String,
}

impl SpooledTable {
    /// Where its last byte stands in the spool.
    pub(crate) fn end(&self) -> u64 {
        let ends = self.runs.iter().map(|run| run.offset.saturating_add(run.length));
        ends.max().unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn empty(number: u32, columns: Arc<[Heading]>) -> Self {
        SpooledTable {
            number,
            columns,
            runs: Vec::new(),
            sorted: false,
            rows: 0,
            spool: 0,
            ready: None,
        }
    }
}

/// Where rows are read from when they are published.
pub(crate) trait RowSource {
    /// Gives the rows of a table, in their order, to `take`: in pieces that may end within a row.
    fn read(&self, table: &SpooledTable, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>;

    /// The file that is what `ready` says and nothing else, and its path; where there is one.
    fn file_of(&self, _ready: &Ready) -> Option<(&Path, &File)> {
        None
    }
}

/// The temporary file.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    file: Arc<File>,
    /// `None`: the file has no name.
    path: Option<PathBuf>,
    end: Mutex<u64>,
}

impl Spool {
    /// An unnamed file in `directory`: on the disk where the output will be, not in a `/tmp` that may be memory.
    ///
    /// # Errors
    /// A directory that cannot be written to.
    pub fn new(directory: &Path) -> io::Result<Self> {
        Spool::in_file(tempfile::tempfile_in(directory)?, directory, 0)
    }

    /// `file` keeps its first `length` bytes.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn in_file(file: File, directory: &Path, length: u64) -> io::Result<Self> {
        // Not made longer where it is too short: that is damage, and to be seen.
        if file.metadata()?.len() > length {
            file.set_len(length)?;
        }
        Spool::in_file_as_it_is(file, directory)
    }

    /// `file` keeps all its bytes.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn in_file_as_it_is(file: File, directory: &Path) -> io::Result<Self> {
        let end = Mutex::new(file.metadata()?.len());
        Ok(Spool {
            directory: directory.to_owned(),
            file: Arc::new(file),
            path: None,
            end,
        })
    }

    /// The file stands at `path`.
    pub(crate) fn at(mut self, path: PathBuf) -> Self {
        self.path = Some(path);
        self
    }

    /// Whether the rows of a table are what was written.
    ///
    /// # Errors
    /// Rows that are not, and whatever the disk says.
    pub(crate) fn check(&self, table: &SpooledTable) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        for run in &table.runs {
            let mut hasher = crc32fast::Hasher::new();
            let mut length = 0;
            self.pieces(run, &mut buffer, &mut |piece| {
                hasher.update(piece);
                length += piece.len() as u64;
                Ok(())
            })?;
            if (length, hasher.finalize()) != (run.length, run.crc32) {
                let why = format!("{} bytes at {} are not what was written", run.length, run.offset);
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        }
        Ok(())
    }

    /// Copies a table of another spool.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn adopt(&self, other: &Spool, table: &SpooledTable) -> io::Result<SpooledTable> {
        let mut buffer = vec![0; BUFFER];
        let mut adopted = table.clone();
        for run in &mut adopted.runs {
            let mut at = At::new(&self.file, self.take(run.length));
            let mut keep = |piece: &[u8]| at.write_all(piece).map_err(|error| self.unkept(&error));
            other.pieces(run, &mut buffer, &mut keep)?;
            run.offset = at.position - run.length;
        }
        Ok(adopted)
    }

    fn pieces(&self, run: &Run, buffer: &mut [u8], take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut at = At::new(&self.file, run.offset).take(run.length);
        loop {
            match at.read(buffer)? {
                0 => return Ok(()),
                read => take(&buffer[..read])?,
            }
        }
    }

    /// Another unnamed file on the same disk.
    pub(super) fn scratch(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.directory).map_err(|error| self.unkept(&error))
    }

    /// An error of the disk with where it is.
    pub(super) fn unkept(&self, error: &io::Error) -> io::Error {
        about(&format!("rows cannot be kept in {}", self.directory.display()), error)
    }

    /// The place is taken before it is written: slices write side by side.
    fn take(&self, length: u64) -> u64 {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = *end;
        *end += length;
        offset
    }

    /// Keeps `head` at the very front, and gives the file's path; nothing where anything has been kept before, or where the file
    /// has no name.
    pub(super) fn keep_first(&self, head: &[u8]) -> io::Result<Option<PathBuf>> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        {
            let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
            if *end > 0 {
                return Ok(None);
            }
            *end = head.len() as u64;
        }
        let written = self.file.write_all_at(head, 0);
        written.map_err(|error| self.unkept(&error))?;
        Ok(Some(path.clone()))
    }

    /// Keeps rows as they are.
    pub(super) fn append(&self, rows: &[u8]) -> io::Result<Run> {
        let length = rows.len() as u64;
        let offset = self.take(length);
        let written = self.file.write_all_at(rows, offset);
        written.map_err(|error| self.unkept(&error))?;
        let crc32 = crc32fast::hash(rows);
        Ok(Run { offset, length, crc32 })
    }

    /// Keeps rows one after another; nothing where there are none.
    pub(super) fn append_rows<'a>(&self, mut rows: impl Iterator<Item = &'a [u8]> + Clone) -> io::Result<Option<Run>> {
        let length = rows.clone().map(|row| row.len() as u64).sum();
        if length == 0 {
            return Ok(None);
        }
        self.keep(length, |take| rows.try_for_each(take)).map(Some)
    }

    /// Keeps rows with their keys: `<length of the key> <length of the row>\n<key><row>`, for all.
    pub(super) fn append_sorted<'a>(&self, rows: impl Iterator<Item = (&'a str, &'a [u8])> + Clone) -> io::Result<Run> {
        let length = rows
            .clone()
            .map(|(key, row)| (head(key, row).len() + key.len() + row.len()) as u64)
            .sum();
        self.keep(length, |take| {
            for (key, row) in rows {
                for piece in [head(key, row).as_bytes(), key.as_bytes(), row] {
                    take(piece)?;
                }
            }
            Ok(())
        })
    }

    /// Keeps pieces of `length` bytes in all, which `give` gives one after another.
    fn keep(
        &self,
        length: u64,
        give: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<Run> {
        let offset = self.take(length);
        let mut writer = BufWriter::with_capacity(BUFFER, At::new(&self.file, offset));
        let mut hasher = crc32fast::Hasher::new();
        let given = give(&mut |piece| {
            hasher.update(piece);
            writer.write_all(piece)
        });
        let kept = given.and_then(|()| writer.flush());
        kept.map_err(|error| self.unkept(&error))?;
        let crc32 = hasher.finalize();
        Ok(Run { offset, length, crc32 })
    }

    /// How many rows [`RowSource::read`] gives of these runs.
    ///
    /// # Errors
    /// Rows of one answer with the same key, and whatever the disk says.
    pub(super) fn count_sorted(&self, runs: &[Run]) -> Result<u64, SliceError> {
        let (mut count, mut last): (u64, Option<Vec<u8>>) = (0, None);
        for row in self.keyed_rows(runs) {
            let (key, _) = row.map_err(|error| self.unkept(&error))?;
            match &last {
                Some(last) if replaces(&key, last)? => {}
                _ => count += 1,
            }
            last = Some(key);
        }
        Ok(count)
    }

    /// All rows, in the order of their keys and answers.
    fn keyed_rows(&self, runs: &[Run]) -> Box<dyn Iterator<Item = KeyedRow>> {
        let buffer = (MERGE_BUFFERS / runs.len().max(1)).clamp(256, BUFFER);
        let readers: Vec<_> = runs
            .iter()
            .map(|run| RunReader::new(&self.file, *run, buffer))
            .collect();
        if readers.len() > 1 {
            // Rows with the same key keep the order of their runs.
            let numbered = readers
                .into_iter()
                .enumerate()
                .map(|(number, rows)| rows.map(move |row| (row, number)));
            let rows = numbered.kmerge_by(|(a, a_run), (b, b_run)| match (a, b) {
                (Ok(a), Ok(b)) => (&a.0, a_run) <= (&b.0, b_run),
                // An error comes first: nothing is to be published then.
                (a, _) => a.is_err(),
            });
            Box::new(rows.map(|(row, _)| row))
        } else {
            Box::new(readers.into_iter().flatten())
        }
    }
}

impl RowSource for Spool {
    fn read(&self, table: &SpooledTable, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if table.sorted {
            for row in last_of_each_key(self.keyed_rows(&table.runs)) {
                take(&row?)?;
            }
            return Ok(());
        }
        let mut buffer = vec![0; BUFFER];
        table
            .runs
            .iter()
            .try_for_each(|run| self.pieces(run, &mut buffer, take))
    }

    fn file_of(&self, ready: &Ready) -> Option<(&Path, &File)> {
        let path = self.path.as_deref()?;
        let end = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.file.metadata().ok()?;
        // One that has another name already is somebody else's too.
        let alone = (end, file.len(), file.nlink()) == (ready.bytes, ready.bytes, 1);
        alone.then_some((path, &*self.file))
    }
}

type KeyedRow = io::Result<(Vec<u8>, Vec<u8>)>;

fn last_of_each_key(rows: impl Iterator<Item = KeyedRow>) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    let rows = rows.coalesce(|a, b| match (&a, &b) {
        (Ok((key, _)), Ok((next, _))) if identity(key) == identity(next) => Ok(b),
        _ => Err((a, b)),
    });
    rows.map_ok(|(_, bytes)| bytes)
}

fn head(key: &str, row: &[u8]) -> String {
    format!("{} {}\n", key.len(), row.len())
}

/// Reads one run.
struct RunReader {
    reader: BufReader<io::Take<At>>,
}

/// The shared file at a position of one's own.
struct At {
    file: Arc<File>,
    position: u64,
}

impl At {
    fn new(file: &Arc<File>, position: u64) -> Self {
        At {
            file: Arc::clone(file),
            position,
        }
    }
}

impl Write for At {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(buffer, self.position)?;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl RunReader {
    fn new(file: &Arc<File>, run: Run, buffer: usize) -> Self {
        let at = At::new(file, run.offset);
        RunReader {
            reader: BufReader::with_capacity(buffer, at.take(run.length)),
        }
    }

    fn read_row(&mut self) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let mut head = String::new();
        if self.reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        let torn = || io::Error::new(io::ErrorKind::InvalidData, "the temporary file of the rows is damaged");
        let (key, row) = head.trim_end().split_once(' ').ok_or_else(torn)?;
        let mut exactly = |length: &str| {
            let mut bytes = vec![0; length.parse().map_err(|_| torn())?];
            self.reader.read_exact(&mut bytes)?;
            Ok::<_, io::Error>(bytes)
        };
        Ok(Some((exactly(key)?, exactly(row)?)))
    }
}

impl Iterator for RunReader {
    type Item = io::Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_row().transpose()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rows(spool: &Spool, runs: Vec<Run>) -> Vec<String> {
        let table = SpooledTable {
            number: 1,
            columns: Arc::new([]),
            runs,
            sorted: true,
            rows: 0,
            spool: 0,
            ready: None,
        };
        let mut rows = Vec::new();
        let mut take = |row: &[u8]| {
            rows.push(String::from_utf8(row.to_vec()).unwrap());
            Ok(())
        };
        spool.read(&table, &mut take).unwrap();
        rows
    }

    /// A key of an answer.
    fn key(key: &str, answer: usize) -> String {
        format!("{key}\0{answer:08x}")
    }

    #[test]
    fn sorted_runs_are_merged_by_key() {
        let spool = Spool::new(&std::env::temp_dir()).unwrap();
        let run = |rows: &[(&str, usize, &str)]| {
            let keys: Vec<String> = rows.iter().map(|(name, answer, _)| key(name, *answer)).collect();
            let rows = keys
                .iter()
                .zip(rows)
                .map(|(key, (.., row))| (key.as_str(), row.as_bytes()));
            spool.append_sorted(rows).unwrap()
        };
        let other = run(&[("x", 0, "not of this slice")]);
        let first = run(&[("a", 0, "1\n"), ("c", 0, "3\n"), ("c", 1, "3b\n")]);
        let second = run(&[("b", 1, "2\n"), ("c", 2, "3c\n"), ("d", 2, "4\n")]);
        assert_eq!(rows(&spool, vec![first]), ["1\n", "3b\n"], "the last of each key");
        assert_eq!(spool.count_sorted(&[first, second]).unwrap(), 4);
        let merged = rows(&spool, vec![first, second]);
        assert_eq!(merged, ["1\n", "2\n", "3c\n", "4\n"]);
        let again = run(&[("c", 2, "3d\n")]);
        let error = spool.count_sorted(&[first, second, again]).unwrap_err().to_string();
        assert!(error.contains("the same key, `c`"), "{error}");
        assert_eq!(rows(&spool, vec![other]), ["not of this slice"]);
    }

    #[test]
    fn other_runs_stand_as_they_are() {
        let spool = Spool::new(&std::env::temp_dir()).unwrap();
        let (first, second) = (vec![b'1'; 3 * BUFFER / 2], b"2".to_vec());
        let runs = vec![spool.append(&second).unwrap(), spool.append(&first).unwrap()];
        let table = SpooledTable {
            number: 1,
            columns: Arc::new([]),
            runs,
            sorted: false,
            rows: 0,
            spool: 0,
            ready: None,
        };
        let mut read = Vec::new();
        let mut take = |piece: &[u8]| {
            read.extend_from_slice(piece);
            Ok(())
        };
        spool.read(&table, &mut take).unwrap();
        assert_eq!(read, [second, first].concat());
    }

    proptest::proptest! {
        #[test]
        fn any_rows_come_back_sorted(mut all in proptest::collection::vec(("[a-c\u{e9}\n\u{1e}]{0,3}", "(\\PC|\n){0,30}"), 0..40), cut in 0_usize..40) {
            let spool = Spool::new(&std::env::temp_dir()).unwrap();
            for (answer, (name, _)) in all.iter_mut().enumerate() {
                *name = key(name, answer);
            }
            let unique: std::collections::HashSet<&[u8]> = all.iter().map(|(key, _)| identity(key.as_bytes())).collect();
            let count = unique.len() as u64;
            let cut = cut.min(all.len());
            let (left, right) = all.split_at_mut(cut);
            left.sort();
            right.sort();
            let pairs = |rows: &[(String, String)]| rows.to_vec();
            let runs: Vec<Run> = [pairs(left), pairs(right)]
                .iter()
                .map(|rows| spool.append_sorted(rows.iter().map(|(key, row)| (key.as_str(), row.as_bytes()))).unwrap())
                .collect();
            proptest::prop_assert_eq!(spool.count_sorted(&runs).unwrap(), count);
            let mut expected = all.clone();
            expected.sort();
            let last = expected.into_iter().map(|(key, row)| (identity(key.as_bytes()).to_vec(), row));
            let last: std::collections::BTreeMap<Vec<u8>, String> = last.collect();
            let expected: Vec<String> = last.into_values().collect();
            proptest::prop_assert_eq!(rows(&spool, runs), expected);
        }
    }
}
