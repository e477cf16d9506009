//! Publishing, of a run and of what is merged. All files are written beside their places first, the ledger too, and then put there: a disk that is
//! full, or a signal, leaves everything as it was.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{Stream, StreamExt as _};

use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::rows::{Format, Output, Published, RowSource, Whole, about, write_beside};
use crate::settings::places::failed_of;

/// What is to be written.
pub(super) struct Publishing {
    pub(super) outputs: Vec<Output>,
    pub(super) format: Format,
    /// Where the rows wait.
    pub(super) source: Arc<dyn RowSource + Send + Sync>,
    /// Where files are written before they are whole.
    pub(super) workspace: Option<PathBuf>,
    /// Whether the file that rows wait in may become the output: nothing goes on with it then.
    pub(super) in_place: bool,
}

/// How the writing has ended. Nothing is in its place yet.
pub(super) enum Written {
    /// All of it stands beside its place, or has gone to standard output.
    Whole(Vec<(Published, Option<Whole>)>),
    /// The reader of standard output has seen enough.
    ReaderGone,
    /// The disk or the pipe takes no more.
    Failed(io::Error),
    /// A signal came first.
    Interrupted(Exit),
}

impl Publishing {
    /// Writes until `stop` is set.
    ///
    /// # Errors
    /// What could not be written, with its path; nothing is left beside the places then.
    pub(super) fn write(
        self,
        stdout: &mut (dyn Write + Send),
        stop: &AtomicBool,
    ) -> io::Result<Vec<(Published, Option<Whole>)>> {
        let (workspace, outputs) = (self.workspace.as_deref(), self.outputs.iter());
        let written = outputs.map(|output| {
            let written = write_beside(
                output,
                self.format,
                &*self.source,
                workspace,
                self.in_place,
                stdout,
                stop,
            )?;
            Ok((written.published, written.file))
        });
        written.collect()
    }

    /// Writes on a thread of its own: a signal is heard meanwhile, also while nobody reads standard output.
    pub(super) async fn written(
        self,
        mut stdout: Box<dyn Write + Send>,
        interrupts: &mut (impl Stream<Item = Exit> + Unpin),
    ) -> Written {
        let to_files = self.outputs.iter().all(|output| output.path.is_some());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut writing = tokio::task::spawn_blocking(move || self.write(&mut *stdout, &stopped));
        let interrupted = tokio::select! {
            biased;
            written = &mut writing => return written.into(),
            Some(exit) = interrupts.next() => exit,
        };
        stop.store(true, Ordering::Relaxed);
        // Files that are half-written are removed. A pipe that nobody reads is not waited for.
        if to_files {
            let _ = writing.await;
        }
        Written::Interrupted(interrupted)
    }
}

impl From<Result<io::Result<Vec<(Published, Option<Whole>)>>, tokio::task::JoinError>> for Written {
    fn from(written: Result<io::Result<Vec<(Published, Option<Whole>)>>, tokio::task::JoinError>) -> Self {
        match written {
            Ok(Ok(written)) => Written::Whole(written),
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Written::ReaderGone,
            Ok(Err(error)) => Written::Failed(error),
            Err(defect) => Written::Failed(io::Error::other(defect)),
        }
    }
}

/// Where the ledger goes, by the place that is meant for it. One of a run that has published nothing leaves it to that of the
/// rows that are still there.
pub(super) fn place(ledger: &Path, something_published: bool) -> PathBuf {
    match something_published {
        true => ledger.to_owned(),
        false => failed_of(ledger),
    }
}

/// Puts files and ledger into their places. What is there then stands in the ledger's `outputs`, in the order of `written`.
/// Gives the SHA-256 of the ledger's bytes, in hex, where it has a place.
///
/// # Errors
/// What could not be written or put, with its path. Where it is the ledger that cannot be written, no file is put either.
pub(super) fn put(
    ledger: &mut Ledger,
    written: Vec<(Published, Option<Whole>)>,
    path: Option<&Path>,
    workspace: Option<&Path>,
) -> io::Result<Option<String>> {
    let (published, files): (Vec<_>, Vec<_>) = written.into_iter().unzip();
    ledger.outputs = published;
    let prepared = match path {
        Some(path) => match beside(ledger, path, workspace) {
            Ok(prepared) => Some((path, prepared)),
            Err(error) => {
                // Rows that have gone to standard output are there.
                ledger.outputs.retain(|output| output.path == "-");
                return Err(error);
            }
        },
        None => None,
    };
    for (at, file) in files.into_iter().enumerate() {
        let Some(file) = file else { continue };
        if let Err(error) = file.put() {
            let what = format!("the rows cannot be written to {}", ledger.outputs[at].path);
            ledger.outputs.truncate(at);
            return Err(about(&what, &error));
        }
    }
    match prepared {
        Some((path, (prepared, sha256))) => {
            put_prepared(prepared, path)?;
            Ok(Some(sha256))
        }
        None => Ok(None),
    }
}

/// Writes the ledger alone, and gives its SHA-256 as [`put`] does.
///
/// # Errors
/// Whatever the disk says, with the path.
pub(super) fn put_ledger(ledger: &Ledger, path: Option<&Path>, workspace: Option<&Path>) -> io::Result<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    let (prepared, sha256) = beside(ledger, path, workspace)?;
    put_prepared(prepared, path)?;
    Ok(Some(sha256))
}

/// Puts a ledger into its place. That of an earlier run that has published nothing goes first: it is always the later one of the
/// two.
fn put_prepared(prepared: Whole, path: &Path) -> io::Result<()> {
    let removed = match std::fs::remove_file(failed_of(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    removed
        .and_then(|()| prepared.put())
        .map_err(|error| unwritten(path, &error))
}

fn beside(ledger: &Ledger, path: &Path, workspace: Option<&Path>) -> io::Result<(Whole, String)> {
    ledger
        .write_beside(path, workspace)
        .map_err(|error| unwritten(path, &error))
}

fn unwritten(path: &Path, error: &io::Error) -> io::Error {
    about(&format!("the ledger cannot be written to {}", path.display()), error)
}
