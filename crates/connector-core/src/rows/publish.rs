//! Rows into their final place: a file appears under its name only when it is whole.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use super::digest::digested;
use super::encode::Format;
use super::parquet::ParquetSink;
use super::spool::{RowSource, SpooledTable};
use crate::table::Heading;

/// The end of the names of files that are being written.
pub(crate) const PARTIAL: &str = ".partial";

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

/// One file, or standard output: the tables that it consists of, in order.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// `None`: standard output.
    pub(crate) path: Option<PathBuf>,
    /// All columns.
    pub(crate) columns: Vec<Heading>,
    /// Whose rows.
    pub(crate) tables: Vec<SpooledTable>,
}

/// Writes `output` beside its place first, or into `workspace`, then into it.
///
/// # Errors
/// Whatever the disk or the pipe says; what was at the path before is untouched then.
pub(crate) fn publish(
    output: &Output,
    format: Format,
    source: &dyn RowSource,
    workspace: Option<&Path>,
    stdout: &mut (dyn Write + Send),
) -> io::Result<Published> {
    let Some(path) = &output.path else {
        return write(stdout, "-".to_owned(), format, output, source);
    };
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut published = None;
    let replaced = replace_file(path, workspace, |file| {
        published = Some(write(file, path.display().to_string(), format, output, source)?);
        Ok(())
    });
    replaced.map_err(|error| {
        let what = format!("the rows cannot be written to {}: {error}", path.display());
        io::Error::new(error.kind(), what)
    })?;
    published.ok_or_else(|| io::Error::other("nothing was written"))
}

/// Gives `path` new content, whole or not at all. A symbolic link stays one: what it points at is replaced. What is being
/// written stands in `workspace`, where that is on the same disk, else beside the file.
///
/// # Errors
/// Whatever the disk says; what was at `path` before is untouched then.
pub fn replace_file(
    path: &Path,
    workspace: Option<&Path>,
    content: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let workspace = workspace.filter(|workspace| on_the_same_disk(workspace, directory));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".connector-").suffix(PARTIAL);
    let mut temporary: NamedTempFile = builder.tempfile_in(workspace.unwrap_or(directory))?;
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

fn on_the_same_disk(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let disk = |path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    disk(one).is_some() && disk(one) == disk(other)
}

/// Temporary files are for their owner alone; rows and ledger are not secret.
fn set_default_permissions(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

fn write<W: Write + Send>(
    sink: W,
    path: String,
    format: Format,
    output: &Output,
    source: &dyn RowSource,
) -> io::Result<Published> {
    let rows = output.tables.iter().map(|table| table.rows).sum();
    let (bytes, sha256) = digested(sink, |sink| {
        if format == Format::Parquet {
            let mut parquet = ParquetSink::new(sink, &output.columns)?;
            for table in &output.tables {
                source.read(table, &mut |piece| parquet.write(piece))?;
            }
            return parquet.finish().map(drop);
        }
        sink.write_all(&format.head(&output.columns))?;
        let mut front = format.front_of_first();
        for table in &output.tables {
            source.read(table, &mut |piece| {
                sink.write_all(&piece[front.min(piece.len())..])?;
                front = front.saturating_sub(piece.len());
                Ok(())
            })?;
        }
        sink.write_all(format.tail(rows))
    })?;
    Ok(Published {
        path,
        format: format.name(),
        rows,
        bytes,
        sha256,
    })
}
