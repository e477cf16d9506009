//! The directory of a state: who holds it, and what is removed of it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{JOURNAL, ROOM, ROWS, StateError};
use crate::rows::{PARTIAL, directory_of, end_of_links, partial};

/// Locks the directory, which is made where it is not there: for this user alone, and never what another one has put there.
pub(super) fn locked(directory: &Path) -> Result<File, StateError> {
    let io = |error| StateError::Io(directory.to_owned(), error);
    loop {
        if let Some(parent) = directory.parent() {
            std::fs::create_dir_all(parent).map_err(io)?;
        }
        match DirBuilder::new().mode(PRIVATE).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
            _ => {}
        }
        let lock = match opened_directory(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if matches!(error.raw_os_error(), Some(code) if code == LOOP || code == NOT_DIRECTORY) => {
                return Err(StateError::NotOurs(
                    directory.to_owned(),
                    "it is no directory, or a link".to_owned(),
                ));
            }
            opened => opened.map_err(io)?,
        };
        own(directory, &lock)?;
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

/// For its owner alone.
const PRIVATE: u32 = 0o700;
const LOOP: i32 = Errno::LOOP.raw_os_error();
const NOT_DIRECTORY: i32 = Errno::NOTDIR.raw_os_error();

/// Opens a directory, and nothing that a link leads to.
pub(super) fn opened_directory(directory: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(directory, flags, Mode::empty())?.into())
}

/// Opens a file of the directory, and nothing that a link leads to.
pub(super) fn opened_file(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let no_links = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    options.custom_flags(no_links).open(path)
}

/// Checks that the directory is this user's own, and closes it to all others.
///
/// # Errors
/// Whose it is.
pub(super) fn own(directory: &Path, opened: &File) -> Result<(), StateError> {
    let io = |error| StateError::Io(directory.to_owned(), error);
    let found = opened.metadata().map_err(io)?;
    // Some file systems have another owner for all that this user makes, as with NFS's `all_squash`.
    let made_here = || tempfile::tempfile_in(directory_of(directory)).and_then(|file| file.metadata());
    let is_own =
        found.uid() == rustix::process::geteuid().as_raw() || made_here().is_ok_and(|made| made.uid() == found.uid());
    if !is_own {
        let owner = format!("it belongs to {}", name_of(found.uid()));
        return Err(StateError::NotOurs(directory.to_owned(), owner));
    }
    // Not all of them have modes.
    if found.mode() & 0o777 != PRIVATE
        && let Err(error) = opened.set_permissions(Permissions::from_mode(PRIVATE))
    {
        tracing::debug!(%error, "others may read {}", directory.display());
    }
    Ok(())
}

/// The name of a user of this machine, or the number.
pub(crate) fn name_of(uid: u32) -> String {
    // https://man7.org/linux/man-pages/man5/passwd.5.html
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut users = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let number = uid.to_string();
    let found = users.find(|user| user.get(2) == Some(&number.as_str()));
    found.map_or(format!("the user {number}"), |user| user[0].to_owned())
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

/// The lock of a ledger that is not that of the state in `own`: runs that share a ledger share no output.
///
/// # Errors
/// Another run that writes there.
pub(crate) fn ledger_lock(ledger: &Path, own: Option<&Path>) -> Result<Option<Workspace>, StateError> {
    let ledger = end_of_links(ledger).unwrap_or_else(|_| ledger.to_owned());
    let name = ledger.file_name().unwrap_or_default().to_string_lossy();
    // That of an output's own ledger is that of the output.
    let name = format!("{}.state", name.strip_suffix(".run.json").unwrap_or(&name));
    let directory = ledger.with_file_name(name);
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if let Some(own) = own
        && (own == directory || (real(own).is_some() && real(own) == real(&directory)))
    {
        return Ok(None);
    }
    // One whose directory is to be made has no other run yet.
    if !directory_of(&ledger).is_dir() {
        return Ok(None);
    }
    Workspace::open(&directory).map(Some)
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

/// Opens the rows of a run that is gone on with, or else makes them anew. A run that was killed when its rows had become the
/// output has left a file with two names: what stands under the other one is not written to.
pub(super) fn opened_rows(directory: &Path, resumed: bool) -> io::Result<File> {
    let path = directory.join(ROWS);
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    if !resumed {
        remove_file(&path)?;
        return opened_file(&path, options.create_new(true));
    }
    match std::fs::symlink_metadata(&path) {
        Ok(rows) if rows.is_file() && rows.nlink() > 1 => own_copy(directory, &path, &rows.permissions()),
        _ => opened_file(&path, options.create(true)),
    }
}

fn own_copy(directory: &Path, path: &Path, permissions: &Permissions) -> io::Result<File> {
    let mut own = partial().tempfile_in(directory)?;
    io::copy(&mut File::open(path)?, own.as_file_mut())?;
    // The output may have been made read-only since.
    own.as_file()
        .set_permissions(Permissions::from_mode(permissions.mode() | 0o600))?;
    own.as_file().sync_all()?;
    own.persist(path).map_err(|error| error.error)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::os::unix::fs::FileExt as _;

    use auth_core::{Account, AccountId};
    use serde_json::Map;
    use tempfile::TempDir;

    use super::super::{Identity, Intent, State};
    use super::*;
    use crate::ledger::SliceEntry;
    use crate::rows::{Format, Rows, SpooledTable};
    use crate::slice::{Facts, Outcome};
    use crate::table::{Column, Value};

    fn opened(directory: &Path, resume: bool) -> State {
        let identity = Identity {
            connector: "connector",
            version: "1",
            parameters: Map::new(),
            beside_a_slice: Vec::new(),
            work: String::new(),
        };
        let intent = Intent {
            resume,
            keep_last_good: false,
            forget_last_good: false,
        };
        State::open(directory, &identity, intent, "now".to_owned()).unwrap()
    }

    /// A slice with one row.
    fn collect(state: &State, account: &str, row: &str) {
        let account = Account::unnamed(AccountId::parse(account).unwrap(), false);
        let rows = Rows::new(Format::Jsonl, &[], state.spool().clone());
        let mut slice = rows.of_slice(&account, "r", "now", &Facts::default());
        let column = Column::text("n", "", |row: &String| Value::text(Some(row)));
        slice.push(&[column], &row.to_owned()).unwrap();
        let tables = slice.finish().unwrap();
        let entry = SliceEntry::new(&account, Some("r"), Outcome::Complete);
        state.commit(&entry, &tables, "now").unwrap();
    }

    fn restored(state: &State, account: &str) -> Option<Vec<SpooledTable>> {
        let slices = &state.earlier.slices;
        let (_, (_, tables)) = slices.iter().find(|(place, _)| place.account == account)?;
        Some(tables.clone())
    }

    const FIRST: &str = "000000000001";
    const SECOND: &str = "000000000002";

    /// What a run leaves that is killed when its rows have become the output.
    fn killed_when_published() -> (TempDir, PathBuf, PathBuf) {
        let directory = TempDir::new().unwrap();
        let (state, output) = (directory.path().join("rows.state"), directory.path().join("rows"));
        collect(&opened(&state, false), FIRST, "1");
        fs::hard_link(state.join(ROWS), &output).unwrap();
        (directory, state, output)
    }

    fn inode(path: &Path) -> u64 {
        fs::metadata(path).unwrap().ino()
    }

    #[test]
    fn a_run_that_begins_anew_leaves_the_output_of_one_that_was_killed() {
        for left in [&[JOURNAL, ROWS, ROOM][..], &[ROWS]] {
            let (_directory, state, output) = killed_when_published();
            for name in [JOURNAL, ROOM].iter().filter(|name| !left.contains(name)) {
                fs::remove_file(state.join(name)).unwrap();
            }
            let inode_before = inode(&output);
            // With --resume too, where there is nothing to go on with.
            let run = opened(&state, left.len() == 1);
            assert_eq!(fs::metadata(state.join(ROWS)).unwrap().len(), 0);
            collect(&run, FIRST, "another");
            run.clean_up().unwrap();
            assert_eq!(fs::read(&output).unwrap(), b"{\"n\":\"1\"}\n");
            assert_eq!(inode(&output), inode_before);
            assert!(!state.exists());
        }
    }

    #[test]
    fn a_run_that_is_gone_on_with_leaves_its_own_output() {
        for mode in [0o644, 0o400] {
            let (_directory, state, output) = killed_when_published();
            fs::set_permissions(&output, Permissions::from_mode(mode)).unwrap();
            let run = opened(&state, true);
            assert!(restored(&run, FIRST).is_some(), "{mode:o}");
            collect(&run, SECOND, "2");
            let rows = File::options().write(true).open(state.join(ROWS)).unwrap();
            rows.write_all_at(b"?", 0).unwrap();
            assert_eq!(fs::read(&output).unwrap(), b"{\"n\":\"1\"}\n", "{mode:o}");
            assert_eq!(fs::read(state.join(ROWS)).unwrap(), b"?\"n\":\"1\"}\n{\"n\":\"2\"}\n");
            let modes = [&output, &state.join(ROWS)].map(|path| fs::metadata(path).unwrap().mode() & 0o7777);
            assert_eq!(modes, [mode, mode | 0o600]);
            assert_ne!(inode(&output), inode(&state.join(ROWS)));
        }
    }

    /// It is gone on with where it stands; what was being put into its place is not.
    #[test]
    fn rows_of_no_other_name_are_not_copied() {
        let (_directory, state, output) = killed_when_published();
        fs::rename(&output, state.join(format!(".connector-x{PARTIAL}"))).unwrap();
        let before = inode(&state.join(ROWS));
        let run = opened(&state, true);
        assert_eq!(inode(&state.join(ROWS)), before);
        assert_eq!(restored(&run, FIRST).map(|tables| tables.len()), Some(1));
        assert_eq!(fs::read_dir(&state).unwrap().count(), 3);
    }
}
