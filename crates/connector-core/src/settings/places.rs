//! Where files of a run go, and whether they can come to stand there: better told now than after an hour of collecting.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::rows::{OutputPath, directory_of, end_of_links};
use crate::state::name_of;

/// `<output>.state`
///
/// Beside what a link leads to: a run by one name of a file and a run by another have one state, and one lock.
pub(crate) fn state_of(output: &OutputPath) -> PathBuf {
    let file = output.of_all();
    beside(&end_of_links(&file).unwrap_or(file), ".state")
}

/// `<output>.run.json`
pub(crate) fn ledger_of(output: &OutputPath) -> PathBuf {
    beside(&output.of_all(), ".run.json")
}

/// Where the ledger of a run goes that publishes nothing, so that the one at `ledger` stays beside its rows:
/// `rows.csv.failed.run.json` beside `rows.csv.run.json`, `last.failed.json` beside `last.json`.
pub(crate) fn failed_of(ledger: &Path) -> PathBuf {
    let name = Path::new(ledger.file_name().unwrap_or_default());
    let (Some(stem), ending) = (name.file_stem(), name.extension()) else {
        return ledger.with_file_name("failed");
    };
    let of_a_run = Path::new(stem).extension().is_some_and(|middle| middle == "run") && ending.is_some();
    let front = if of_a_run {
        Path::new(stem).file_stem().unwrap_or(stem)
    } else {
        stem
    };
    let mut failed = front.to_owned();
    failed.push(if of_a_run { ".failed.run" } else { ".failed" });
    if let Some(ending) = ending {
        failed.push(".");
        failed.push(ending);
    }
    ledger.with_file_name(failed)
}

/// The ledger of the last run of those that write to `ledger`: a later run that publishes removes that of a failed one.
pub(crate) fn last_of(ledger: &Path) -> PathBuf {
    let failed = failed_of(ledger);
    if failed.is_file() { failed } else { ledger.to_owned() }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Whether a file can come to stand at `path`, which is in `directory` or in one that will be made there. `instead` says what
/// else may be named.
///
/// # Errors
/// In words, why not.
pub(crate) fn writable(path: &Path, directory: &Path, instead: &str) -> Result<(), String> {
    replaceable(path, instead)?;
    takes_files(directory, "")
}

/// Whether a file may come into the place of what is there, at the end of links.
///
/// # Errors
/// In words, why not.
pub(crate) fn replaceable(path: &Path, instead: &str) -> Result<(), String> {
    let shown = path.display();
    if path.is_dir() {
        return Err(format!("{shown} is a directory; name a file"));
    }
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(format!(
                "{shown} is no regular file, and cannot be replaced by one: {instead}"
            ));
        }
        Err(error) if matches!(error.kind(), ErrorKind::InvalidFilename | ErrorKind::InvalidInput) => {
            return Err(format!(
                "a file cannot be called {shown}: {error}; give it a shorter name"
            ));
        }
        _ => {}
    }
    match end_of_links(path) {
        Ok(end) => {
            if let Some(why) = held_in_place(&end) {
                return Err(format!("{shown} cannot be replaced when all is collected: {why}"));
            }
            if end == path {
                return Ok(());
            }
            takes_files(directory_of(&end), &format!(", where the link {shown} leads"))
        }
        Err(error) => Err(format!("the link {shown} leads nowhere: {error}; mend or remove it")),
    }
}

/// Why the file at `path` cannot be replaced by another one, although files can be made beside it.
fn held_in_place(path: &Path) -> Option<String> {
    let found = std::fs::symlink_metadata(path).ok()?;
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
        // https://man7.org/linux/man-pages/man2/statx.2.html
        let attributes = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty()).ok();
        let attributes = attributes.map_or(StatxAttributes::empty(), |found| found.stx_attributes);
        if attributes.contains(StatxAttributes::MOUNT_ROOT) {
            return Some("it is mounted there by itself, as into a container: mount its directory instead".to_owned());
        }
        if attributes.intersects(StatxAttributes::IMMUTABLE | StatxAttributes::APPEND) {
            return Some("it is immutable or append-only: chattr -i -a".to_owned());
        }
    }
    let directory = std::fs::metadata(directory_of(path)).ok()?;
    let user = rustix::process::geteuid().as_raw();
    let is_sticky = directory.mode() & 0o1000 != 0;
    (is_sticky && user != 0 && user != found.uid() && user != directory.uid()).then(|| {
        format!(
            "it belongs to {}, and in this directory only the owner of a file may replace it",
            name_of(found.uid())
        )
    })
}

/// Whether files can be made in a directory. `through` says what has led there.
fn takes_files(directory: &Path, through: &str) -> Result<(), String> {
    let shown = directory.display();
    if !directory.is_dir() {
        let comma = if through.is_empty() { "" } else { "," };
        return Err(format!(
            "the directory {shown}{through}{comma} does not exist; create it"
        ));
    }
    match tempfile::tempfile_in(directory) {
        Ok(_) => Ok(()),
        // Not a matter of parameters; the run itself will say so.
        Err(error) if is_full(&error) => Ok(()),
        Err(error) => Err(format!(
            "nothing can be written in {shown}{through}: {}; let this user write there, or name another place",
            error.to_string().split(" at path").next().unwrap_or_default()
        )),
    }
}

/// Whether the directory of the state of `output` is there, or can be made.
///
/// # Errors
/// In words, why not.
pub(crate) fn has_room_for_state(output: &OutputPath) -> Result<(), String> {
    let state = state_of(output);
    if let Err(error) = std::fs::symlink_metadata(&state)
        && error.kind() == ErrorKind::InvalidFilename
    {
        let state = state.display();
        return Err(format!(
            "nothing can be kept in {state}: {error}; give the output a shorter name"
        ));
    }
    if std::fs::symlink_metadata(&state).is_ok() && !state.is_dir() {
        let state = state.display();
        return Err(format!(
            "{state} is in the way, where the run keeps what it has: move it, or name another output"
        ));
    }
    Ok(())
}

/// Whether the disk, or what this user may have of it, is used up.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Whether two paths lead to one file, which may not be there yet.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let end = end_of_links(path).unwrap_or_else(|_| path.to_owned());
        let directory = std::fs::canonicalize(directory_of(&end)).ok()?;
        Some(directory.join(end.file_name()?))
    };
    one == other || (place(one).is_some() && place(one) == place(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_of_a_failed_run_stands_beside_the_last() {
        for (ledger, failed) in [
            ("out/rows.csv.run.json", "out/rows.csv.failed.run.json"),
            ("rows.run.json", "rows.failed.run.json"),
            ("run.json", "run.failed.json"),
            ("/data/last.json", "/data/last.failed.json"),
            ("last", "last.failed"),
            (".last", ".last.failed"),
            ("rows.failed.run.json", "rows.failed.failed.run.json"),
        ] {
            assert_eq!(failed_of(Path::new(ledger)), Path::new(failed), "{ledger}");
        }
    }
}
