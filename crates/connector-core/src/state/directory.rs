//! The directory of a state: who holds it, and what is removed of it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::{JOURNAL, ROOM, ROWS, StateError};
use crate::rows::PARTIAL;

/// Locks the directory, which is made where it is not there.
pub(super) fn locked(directory: &Path) -> Result<File, StateError> {
    use std::os::unix::fs::MetadataExt as _;
    let io = |error| StateError::Io(directory.to_owned(), error);
    loop {
        std::fs::create_dir_all(directory).map_err(io)?;
        let lock = match File::open(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened.map_err(io)?,
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse(directory.to_owned())),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        // The run that held it may have removed it, and a third one made it anew.
        let held = lock.metadata().map_err(io)?;
        match std::fs::metadata(directory) {
            Ok(now) if (now.dev(), now.ino()) == (held.dev(), held.ino()) => return Ok(lock),
            _ => {}
        }
    }
}

/// A directory beside the output of a merge, where files are written before they are whole. It is locked, as that of a run
/// is. What an unfinished run has left in it stays.
pub(crate) struct Workspace {
    directory: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Workspace {
    pub(crate) fn open(directory: &Path) -> Result<Self, StateError> {
        let lock = locked(directory)?;
        remove_partial(directory).map_err(|error| StateError::Io(directory.to_owned(), error))?;
        Ok(Workspace {
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // It is empty unless somebody else has something there.
        let _ = std::fs::remove_dir(&self.directory);
    }
}

/// What a process was writing when it was killed.
pub(super) fn remove_partial(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(PARTIAL) {
            remove_file(&path)?;
        }
    }
    Ok(())
}

/// Removes what a run has left that could not begin; one that had begun stays, to be gone on with.
pub(super) fn remove_unbegun(directory: &Path) {
    let journal = std::fs::metadata(directory.join(JOURNAL));
    if journal.is_ok_and(|journal| journal.len() > 0) {
        return;
    }
    if let Err(error) = remove_run(directory) {
        tracing::debug!(%error, "what could not begin cannot be removed");
    }
}

/// Removes the run's own files, and the directory where it is empty then.
pub(super) fn remove_run(directory: &Path) -> io::Result<()> {
    // The journal first: rows without it are nothing.
    remove_file(&directory.join(JOURNAL))?;
    remove_file(&directory.join(ROWS))?;
    remove_file(&directory.join(ROOM))?;
    // What others have put there is theirs.
    match std::fs::remove_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => removed,
    }
}

/// Removes a file that may be gone already.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
