//! Puts on the disk what has been kept in a file, while more comes: when all is there, little is left to wait for. The system
//! by itself begins after half a minute, or when much of the memory waits to be written.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Bytes after which what has been written is put on the disk.
const EVERY: u64 = 64 * 1024 * 1024;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Writeback {
    path: PathBuf,
    /// Bytes since it was last put on the disk.
    written: u64,
    /// From the first [`EVERY`] bytes on.
    thread: Option<(SyncSender<()>, JoinHandle<io::Result<()>>)>,
}

impl Writeback {
    /// Of the file at `path`.
    pub(super) fn new(path: PathBuf) -> Self {
        Writeback {
            path,
            written: 0,
            thread: None,
        }
    }

    /// So many more bytes have been written. Waits for nothing.
    pub(super) fn written(&mut self, bytes: u64) {
        self.written += bytes;
        if self.written < EVERY {
            return;
        }
        self.written = 0;
        if self.thread.is_none() {
            self.thread = started(&self.path);
        }
        if let Some((due, _)) = &self.thread {
            // While the last ones are still on their way, these go with the next.
            let _ = due.try_send(());
        }
    }

    /// Nothing more is written. What has come last may not be on the disk.
    ///
    /// # Errors
    /// What did not reach the disk: who asks next may not be told once more.
    pub(super) fn finish(self) -> io::Result<()> {
        let Some((due, thread)) = self.thread else {
            return Ok(());
        };
        drop(due);
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("it is not known what reached the disk")))
    }
}

/// `None`: all is left for the end.
fn started(path: &PathBuf) -> Option<(SyncSender<()>, JoinHandle<io::Result<()>>)> {
    let file = File::open(path).ok()?;
    let (due, dues) = sync_channel(1);
    let put = move || dues.into_iter().try_for_each(|()| file.sync_data());
    let thread = std::thread::Builder::new().name("writeback".to_owned()).spawn(put);
    Some((due, thread.ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn much_is_put_on_the_disk_on_the_way() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writeback = Writeback::new(file.path().to_owned());
        writeback.written(EVERY - 1);
        assert!(writeback.thread.is_none());
        for _ in 0..5 {
            writeback.written(EVERY);
            assert!(writeback.thread.is_some());
        }
        writeback.finish().unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_does_not_reach_the_disk_is_told_at_the_end() {
        use std::os::fd::AsRawFd as _;
        // A pipe is nothing that can be put on a disk.
        let directory = tempfile::tempdir().unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        let link = directory.path().join("pipe");
        std::os::unix::fs::symlink(format!("/proc/self/fd/{}", reader.as_raw_fd()), &link).unwrap();
        let mut writeback = Writeback::new(link);
        writeback.written(EVERY);
        assert!(writeback.finish().is_err());
    }

    #[test]
    fn without_a_file_all_is_left_for_the_end() {
        let mut writeback = Writeback::new(PathBuf::from("/nowhere/rows"));
        writeback.written(EVERY);
        assert!(writeback.thread.is_none());
        writeback.finish().unwrap();
    }
}
