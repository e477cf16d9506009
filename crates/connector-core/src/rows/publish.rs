//! Rows into their final place: a file appears under its name only when it is whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::encode::{Format, LEADING};
use super::spool::{Spool, SpooledSlice};

/// What was published.
#[derive(Clone, Debug, Serialize)]
pub struct Published {
    /// The file, or `-`.
    pub path: String,
    /// The format.
    pub format: &'static str,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of all bytes, in hex.
    pub sha256: String,
}

/// Writes the slices, in order, to `path`: beside it first, then in its place.
///
/// # Errors
/// Whatever the disk says; what was at `path` before is untouched then.
pub fn publish_file<'a>(
    path: &Path,
    format: Format,
    columns: impl Iterator<Item = &'a str>,
    spool: &Spool,
    slices: &[&SpooledSlice],
) -> io::Result<Published> {
    let mut published = None;
    replace_file(path, |file| {
        published = Some(write(
            BufWriter::new(file),
            path.display().to_string(),
            format,
            columns,
            spool,
            slices,
        )?);
        Ok(())
    })?;
    published.ok_or_else(|| io::Error::other("nothing was written"))
}

/// Writes the slices, in order, to standard output.
///
/// # Errors
/// Whatever the pipe says.
pub fn publish_stdout<'a>(
    stdout: &mut dyn Write,
    format: Format,
    columns: impl Iterator<Item = &'a str>,
    spool: &Spool,
    slices: &[&SpooledSlice],
) -> io::Result<Published> {
    write(BufWriter::new(stdout), "-".to_owned(), format, columns, spool, slices)
}

/// Gives `path` new content, whole or not at all. A symbolic link stays one: what it points at is replaced.
///
/// # Errors
/// Whatever the disk says; what was at `path` before is untouched then.
pub fn replace_file(path: &Path, content: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".connector-").suffix(".partial");
    let mut temporary: NamedTempFile = builder.tempfile_in(directory)?;
    content(temporary.as_file_mut())?;
    let file = temporary.as_file();
    match std::fs::metadata(&target) {
        Ok(previous) => file.set_permissions(previous.permissions())?,
        Err(_) => set_default_permissions(file)?,
    }
    file.sync_all()?;
    temporary.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

/// Temporary files are for their owner alone; rows and ledger are not secret.
fn set_default_permissions(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

fn write<'a, W: Write>(
    sink: W,
    path: String,
    format: Format,
    columns: impl Iterator<Item = &'a str>,
    spool: &Spool,
    slices: &[&SpooledSlice],
) -> io::Result<Published> {
    let mut sink = Digesting {
        sink,
        digest: Sha256::new(),
        bytes: 0,
    };
    sink.write_all(&format.head(LEADING.iter().map(|(name, ..)| *name).chain(columns)))?;
    let mut rows = 0;
    for slice in slices {
        for row in spool.rows(slice) {
            let row = row?;
            let front = if rows == 0 { format.front_of_first() } else { 0 };
            sink.write_all(&row[front..])?;
            rows += 1;
        }
    }
    sink.write_all(format.tail(rows))?;
    sink.flush()?;
    let Digesting { digest, bytes, .. } = sink;
    let sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Published {
        path,
        format: format.name(),
        rows,
        bytes,
        sha256,
    })
}

struct Digesting<W> {
    sink: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.write_all(buffer)?;
        Ok(buffer.len())
    }

    fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
        self.sink.write_all(buffer)?;
        self.digest.update(buffer);
        self.bytes += buffer.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
