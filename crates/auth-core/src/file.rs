//! Files that are read whole, whatever they are: a device without an end and a pipe that nobody writes to are named like files.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

/// Why a file could not be read. The path is the caller's to tell.
#[derive(Debug)]
pub enum Unread {
    /// What the system says.
    System(io::Error),
    /// It has more bytes than it may have.
    TooLarge(u64),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::System(error) => write!(f, "cannot be read: {error}"),
            Unread::TooLarge(most) => write!(f, "has more than {most} bytes, which is too much for what it is"),
        }
    }
}

impl std::error::Error for Unread {}

/// All of a file that has at most `most` bytes. It is read on a thread of its own: dropped, this does not wait any more for a file
/// that nothing comes from, such as a pipe.
///
/// # Errors
/// See [`Unread`].
pub async fn whole(path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || whole_now(&path, most));
    read.await
        .unwrap_or_else(|defect| Err(Unread::System(io::Error::other(defect))))
}

/// The same on this thread.
///
/// # Errors
/// See [`Unread`].
pub fn whole_now(path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(Unread::System)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(Unread::System)?;
    match bytes.len() as u64 > most {
        true => Err(Unread::TooLarge(most)),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_file_without_an_end_is_refused() {
        let error = whole(Path::new("/dev/zero"), 1000).await.unwrap_err();
        assert!(matches!(error, Unread::TooLarge(1000)), "{error}");
        assert!(whole(Path::new("/dev/null"), 0).await.unwrap().is_empty());
        let error = whole(Path::new("/nowhere"), 9).await.unwrap_err();
        assert!(matches!(error, Unread::System(_)), "{error}");
    }
}
