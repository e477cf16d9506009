//! Where the rows of finished slices wait for their turn: one unnamed temporary file, which is gone with the process.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use itertools::Itertools as _;

/// Sorted rows that stand one after another in the spool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    offset: u64,
    length: u64,
}

/// The rows of one slice.
#[derive(Clone, Debug, Default)]
pub struct SpooledSlice {
    pub(super) runs: Vec<Run>,
    /// Whether rows of several runs are merged by key, or follow one another.
    pub(super) sorted: bool,
    /// How many rows.
    pub rows: u64,
}

/// The temporary file.
#[derive(Debug)]
pub struct Spool {
    file: Arc<File>,
    end: Mutex<u64>,
}

impl Spool {
    /// An unnamed file in `directory`: on the disk where the output will be, not in a `/tmp` that may be memory.
    ///
    /// # Errors
    /// A directory that cannot be written to.
    pub fn new(directory: &Path) -> io::Result<Self> {
        Ok(Spool {
            file: Arc::new(tempfile::tempfile_in(directory)?),
            end: Mutex::new(0),
        })
    }

    /// Keeps rows with their keys: `<key> \x1e <length of the row> \n <row>`, for all.
    pub(super) fn append<'a>(&self, rows: impl Iterator<Item = (&'a str, &'a str)>) -> io::Result<Run> {
        let mut bytes = Vec::new();
        for (key, row) in rows {
            writeln!(bytes, "{}\u{1e}{}", escaped(key), row.len())?;
            bytes.extend_from_slice(row.as_bytes());
        }
        let length = bytes.len() as u64;
        // The place is taken first: slices write side by side.
        let offset = {
            let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
            let offset = *end;
            *end += length;
            offset
        };
        self.file.write_all_at(&bytes, offset)?;
        Ok(Run { offset, length })
    }

    /// The rows of a slice in their order.
    pub(super) fn rows(&self, slice: &SpooledSlice) -> Box<dyn Iterator<Item = io::Result<Vec<u8>>>> {
        let readers: Vec<_> = slice
            .runs
            .iter()
            .map(|run| RunReader::new(Arc::clone(&self.file), *run))
            .collect();
        if slice.sorted && readers.len() > 1 {
            let merged = readers.into_iter().kmerge_by(|a, b| match (a, b) {
                (Ok(a), Ok(b)) => a.0 <= b.0,
                // An error comes first: nothing is to be published then.
                (Err(_), _) => true,
                (_, Err(_)) => false,
            });
            Box::new(merged.map(|row| row.map(|(_, bytes)| bytes)))
        } else {
            Box::new(readers.into_iter().flatten().map(|row| row.map(|(_, bytes)| bytes)))
        }
    }
}

fn escaped(key: &str) -> String {
    key.replace(['\n', '\u{1e}'], " ")
}

/// Reads one run from the shared file, at its own position.
struct RunReader {
    reader: BufReader<io::Take<At>>,
}

struct At {
    file: Arc<File>,
    position: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl RunReader {
    fn new(file: Arc<File>, run: Run) -> Self {
        let at = At {
            file,
            position: run.offset,
        };
        RunReader {
            reader: BufReader::with_capacity(64 * 1024, at.take(run.length)),
        }
    }

    fn read_row(&mut self) -> io::Result<Option<(String, Vec<u8>)>> {
        let mut head = String::new();
        if self.reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        let torn = || io::Error::new(io::ErrorKind::InvalidData, "the temporary file of the rows is damaged");
        let (key, length) = head.trim_end_matches('\n').rsplit_once('\u{1e}').ok_or_else(torn)?;
        let mut row = vec![0; length.parse().map_err(|_| torn())?];
        self.reader.read_exact(&mut row)?;
        Ok(Some((key.to_owned(), row)))
    }
}

impl Iterator for RunReader {
    type Item = io::Result<(String, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_row().transpose()
    }
}
