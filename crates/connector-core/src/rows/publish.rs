//! Rows into their final place: a file appears under its name only when it is whole.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use tempfile::{NamedTempFile, TempPath};

use super::digest::{digested, interrupted};
use super::encode::Format;
use super::parquet::ParquetSink;
use super::spool::{Ready, RowSource, SpooledTable, about};
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

/// Writes `output` beside its place, or into `workspace`, or to standard output, until `stop` is set. With `in_place`, rows that
/// are the output where they wait are not written: their file gets a second name.
///
/// # Errors
/// Whatever the disk or the pipe says, with the path; what was at the path before is untouched in any case.
pub(crate) fn write_beside(
    output: &Output,
    format: Format,
    source: &dyn RowSource,
    workspace: Option<&Path>,
    in_place: bool,
    stdout: &mut (dyn Write + Send),
    stop: &AtomicBool,
) -> io::Result<Written> {
    let Some(path) = &output.path else {
        let published = write(stdout, "-".to_owned(), format, output, source, stop);
        let published = published.map_err(|error| about("the rows cannot be written to standard output", &error))?;
        return Ok(Written { published, file: None });
    };
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
        let place = Place::find(path, workspace)?;
        let name = path.display().to_string();
        if in_place && let Some(linked) = Linked::new(&place, format, output, source) {
            if stop.load(Ordering::Relaxed) {
                return Err(interrupted());
            }
            let published = linked.published(name, format, output);
            return Ok((published, place.whole(linked.file, linked.temporary)?));
        }
        let mut temporary = place.file()?;
        let published = write(temporary.as_file_mut(), name, format, output, source, stop)?;
        let (file, temporary) = temporary.into_parts();
        Ok((published, place.whole(&file, temporary)?))
    });
    let (published, whole) =
        written.map_err(|error| about(&format!("the rows cannot be written to {}", path.display()), &error))?;
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
    let place = Place::find(path, workspace)?;
    let mut temporary = place.file()?;
    content(temporary.as_file_mut())?;
    let (file, temporary) = temporary.into_parts();
    place.whole(&file, temporary)
}

/// Where a file is to stand, and where it is made.
struct Place {
    /// No symbolic link.
    target: PathBuf,
    /// What stands there.
    previous: Option<Metadata>,
    /// On the same disk.
    workspace: PathBuf,
}

impl Place {
    fn find(path: &Path, workspace: Option<&Path>) -> io::Result<Self> {
        let target = end_of_links(path)?;
        let previous = std::fs::metadata(&target).ok();
        // A device or a pipe would be gone, and a file stand in its place.
        if previous.as_ref().is_some_and(|previous| !previous.is_file()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        let directory = directory_of(&target);
        let workspace = workspace.filter(|workspace| on_the_same_disk(workspace, directory));
        Ok(Place {
            workspace: workspace.unwrap_or(directory).to_owned(),
            target,
            previous,
        })
    }

    /// An empty file.
    fn file(&self) -> io::Result<NamedTempFile> {
        partial().tempfile_in(&self.workspace)
    }

    /// A second name of a file.
    fn name_of(&self, path: &Path) -> io::Result<TempPath> {
        let named = partial().make_in(&self.workspace, |name| std::fs::hard_link(path, name))?;
        Ok(named.into_temp_path())
    }

    /// A file that is replaced keeps its owner, group and mode. Where this user may not give it away, that is told.
    fn keep_owner(&self, file: &File) -> io::Result<()> {
        let Some(previous) = &self.previous else { return Ok(()) };
        let now = file.metadata()?;
        let other_owner = (now.uid() != previous.uid()).then_some(previous.uid());
        let other_group = (now.gid() != previous.gid()).then_some(previous.gid());
        if (other_owner, other_group) != (None, None)
            && let Err(error) = fchown(file, other_owner, other_group)
        {
            tracing::warn!(
                "{} belonged to user {} and group {}, and belongs to user {} and group {} now: {error}",
                self.target.display(),
                previous.uid(),
                previous.gid(),
                now.uid(),
                now.gid()
            );
        }
        file.set_permissions(previous.permissions())
    }

    /// The file has all its content.
    fn whole(self, file: &File, temporary: TempPath) -> io::Result<Whole> {
        self.keep_owner(file)?;
        file.sync_all()?;
        Ok(Whole {
            temporary,
            target: self.target,
        })
    }
}

/// Makes files that are being written, under the umask: rows and ledger are not secret by themselves.
pub(crate) fn partial() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(".connector-")
        .suffix(PARTIAL)
        .permissions(Permissions::from_mode(0o666));
    builder
}

/// A file of rows that is the output, under a second name.
struct Linked<'a> {
    ready: &'a Ready,
    file: &'a File,
    temporary: TempPath,
}

impl<'a> Linked<'a> {
    /// `None`: the rows are to be copied. Other rows are in the file too, or the disk has no second names.
    fn new(place: &Place, format: Format, output: &'a Output, source: &'a dyn RowSource) -> Option<Self> {
        let [table] = &*output.tables else { return None };
        let ready = table.ready.as_deref()?;
        let (path, file) = source.file_of(ready)?;
        // A run that goes on with this one writes to the file.
        let stays_writable = place
            .previous
            .as_ref()
            .is_none_or(|previous| previous.mode() & 0o600 == 0o600);
        if ready.head != format.head(&output.columns) || !stays_writable {
            return None;
        }
        let temporary = place.name_of(path).inspect_err(|error| {
            tracing::debug!(%error, "the rows are copied to the output");
        });
        let temporary = temporary.ok()?;
        // Somebody may have put another file there.
        is_of(file, &temporary).then_some(Linked { ready, file, temporary })
    }

    fn published(&self, path: String, format: Format, output: &Output) -> Published {
        Published {
            path,
            format: format.name(),
            rows: rows_of(output),
            bytes: self.ready.bytes,
            sha256: self.ready.sha256.clone(),
        }
    }
}

/// Whether this is a name of the file.
fn is_of(file: &File, path: &Path) -> bool {
    let id = |found: io::Result<Metadata>| found.map(|found| (found.dev(), found.ino())).ok();
    let file = id(file.metadata());
    file.is_some() && file == id(std::fs::symlink_metadata(path))
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
    let disk = |path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    disk(one).is_some() && disk(one) == disk(other)
}

fn rows_of(output: &Output) -> u64 {
    output.tables.iter().map(|table| table.rows).sum()
}

fn write<W: Write + Send>(
    sink: W,
    path: String,
    format: Format,
    output: &Output,
    source: &dyn RowSource,
    stop: &AtomicBool,
) -> io::Result<Published> {
    let rows = rows_of(output);
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
