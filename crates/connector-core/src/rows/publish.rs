//! Rows into their final place: a file appears under its name only when it is whole.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use tempfile::{NamedTempFile, TempPath};

use super::digest::digested;
use super::encode::Format;
use super::parquet::ParquetSink;
use super::spool::{RowSource, SpooledTable, about};
use crate::table::Heading;

/// More symbolic links than this, one behind another, lead round in a circle: what Linux says too.
const MOST_LINKS: usize = 40;

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

/// What stands beside its place, whole.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) published: Published,
    /// `None`: the rows went to standard output.
    pub(crate) file: Option<Whole>,
}

/// Writes `output` beside its place, or into `workspace`, or to standard output, until `stop` is set.
///
/// # Errors
/// Whatever the disk or the pipe says, with the path; what was at the path before is untouched in any case.
pub(crate) fn write_beside(
    output: &Output,
    format: Format,
    source: &dyn RowSource,
    workspace: Option<&Path>,
    stdout: &mut (dyn Write + Send),
    stop: &AtomicBool,
) -> io::Result<Written> {
    let Some(path) = &output.path else {
        let published = write(stdout, "-".to_owned(), format, output, source, stop);
        let published = published.map_err(|error| about("the rows cannot be written to standard output", &error))?;
        return Ok(Written { published, file: None });
    };
    let mut published = None;
    let whole = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
        whole_file(path, workspace, |file| {
            published = Some(write(file, path.display().to_string(), format, output, source, stop)?);
            Ok(())
        })
    });
    let whole = whole.map_err(|error| about(&format!("the rows cannot be written to {}", path.display()), &error))?;
    let published = published.ok_or_else(|| io::Error::other("nothing was written"))?;
    Ok(Written {
        published,
        file: Some(whole),
    })
}

/// A file that is whole and not yet in its place. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Whole {
    temporary: TempPath,
    target: PathBuf,
}

impl Whole {
    /// Puts the file into its place, in one step.
    ///
    /// # Errors
    /// Whatever the disk says; what was there before is untouched then.
    pub(crate) fn put(self) -> io::Result<()> {
        self.temporary.persist(&self.target).map_err(|error| error.error)
    }
}

/// Makes new content for `path`. A symbolic link stays one: what it points at is replaced. What is being written stands in
/// `workspace`, where that is on the same disk, else beside the file.
///
/// # Errors
/// Whatever the disk says.
pub(crate) fn whole_file(
    path: &Path,
    workspace: Option<&Path>,
    content: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<Whole> {
    let target = end_of_links(path)?;
    let previous = std::fs::metadata(&target).ok();
    // A device or a pipe would be gone, and a file stand in its place.
    if previous.as_ref().is_some_and(|previous| !previous.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let directory = directory_of(&target);
    let workspace = workspace.filter(|workspace| on_the_same_disk(workspace, directory));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".connector-").suffix(PARTIAL);
    let mut temporary: NamedTempFile = builder.tempfile_in(workspace.unwrap_or(directory))?;
    content(temporary.as_file_mut())?;
    let file = temporary.as_file();
    match previous {
        Some(previous) => file.set_permissions(previous.permissions())?,
        None => set_default_permissions(file)?,
    }
    file.sync_all()?;
    Ok(Whole {
        temporary: temporary.into_temp_path(),
        target,
    })
}

/// Where symbolic links at `path` lead, whether there is something or not.
///
/// # Errors
/// Links that lead round in a circle, and those that cannot be read.
pub(crate) fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut end = path.to_owned();
    for _ in 0..MOST_LINKS {
        match std::fs::symlink_metadata(&end) {
            Ok(found) if found.is_symlink() => {
                let to = std::fs::read_link(&end)?;
                end = directory_of(&end).join(to);
            }
            _ => return Ok(end),
        }
    }
    Err(io::Error::other("symbolic links lead round in a circle"))
}

/// The directory that a file is in.
pub(crate) fn directory_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
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
    stop: &AtomicBool,
) -> io::Result<Published> {
    let rows = output.tables.iter().map(|table| table.rows).sum();
    let (bytes, sha256) = digested(sink, stop, |sink| {
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
