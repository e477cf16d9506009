//! Writes and takes the digest of what is written, side by side: SHA-256 costs about as much as all else about a row that
//! comes from CSV.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};

/// Bytes that are written, or digested, at a time.
pub(super) const BUFFER: usize = 256 * 1024;
/// Buffers that wait to be digested.
const WAITING: usize = 4;

/// Takes the SHA-256 of pieces, on a thread of its own. Dropped, the thread ends.
#[derive(Debug)]
pub(super) struct DigestThread {
    to_digest: SyncSender<Vec<u8>>,
    /// Buffers that have been digested.
    free: Receiver<Vec<u8>>,
    thread: JoinHandle<String>,
}

impl DigestThread {
    /// So many pieces wait at most.
    ///
    /// # Errors
    /// No thread is to be had.
    pub(super) fn start(waiting: usize) -> io::Result<Self> {
        let (to_digest, pieces) = sync_channel::<Vec<u8>>(waiting);
        let (done, free) = channel();
        let digest = move || {
            let mut digest = Sha256::new();
            for mut piece in pieces {
                digest.update(&piece);
                piece.clear();
                // Nobody takes it any more when all has been written.
                let _ = done.send(piece);
            }
            hex(&digest.finalize())
        };
        Ok(DigestThread {
            to_digest,
            free,
            thread: std::thread::Builder::new().name("digest".to_owned()).spawn(digest)?,
        })
    }

    /// Takes the next piece, and gives an empty buffer for the one behind it.
    ///
    /// # Errors
    /// The thread has ended.
    pub(super) fn take(&self, piece: Vec<u8>) -> io::Result<Vec<u8>> {
        self.to_digest.send(piece).map_err(|_| ended())?;
        Ok(self.free.try_recv().unwrap_or_default())
    }

    /// The SHA-256 of all pieces, in hex.
    ///
    /// # Errors
    /// The thread has ended.
    pub(super) fn finish(self) -> io::Result<String> {
        drop(self.to_digest);
        self.thread.join().map_err(|_| ended())
    }
}

/// Lets `write` write to `sink`, by way of a buffer, until `stop` is set; the number of bytes and their SHA-256 in hex.
///
/// # Errors
/// What `write` or `sink` says, and that it was to stop.
pub(crate) fn digested<W: Write>(
    sink: W,
    stop: &AtomicBool,
    write: impl FnOnce(&mut Digesting<'_, W>) -> io::Result<()>,
) -> io::Result<(u64, String)> {
    let mut sink = Digesting {
        sink,
        stop,
        buffer: Vec::with_capacity(BUFFER),
        bytes: 0,
        digest: DigestThread::start(WAITING)?,
    };
    write(&mut sink)?;
    sink.flush()?;
    Ok((sink.bytes, sink.digest.finish()?))
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// It was to stop.
pub(super) fn interrupted() -> io::Error {
    io::Error::other("interrupted")
}

fn ended() -> io::Error {
    io::Error::other("the digest was not finished")
}

/// What [`digested`] gives to be written to.
pub(crate) struct Digesting<'a, W> {
    sink: W,
    stop: &'a AtomicBool,
    buffer: Vec<u8>,
    bytes: u64,
    digest: DigestThread,
}

impl<W: Write> Digesting<'_, W> {
    fn pass_on(&mut self) -> io::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(interrupted());
        }
        self.sink.write_all(&self.buffer)?;
        self.bytes += self.buffer.len() as u64;
        self.buffer = self.digest.take(std::mem::take(&mut self.buffer))?;
        self.buffer.reserve_exact(BUFFER);
        Ok(())
    }
}

impl<W: Write> Write for Digesting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BUFFER - self.buffer.len();
        let taken = &bytes[..bytes.len().min(room)];
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() == BUFFER {
            self.pass_on()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.pass_on()?;
        }
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(pieces: &[&[u8]]) -> (Vec<u8>, u64, String) {
        let mut sink = Vec::new();
        let written = digested(&mut sink, &AtomicBool::default(), |sink| {
            for piece in pieces {
                sink.write_all(piece)?;
            }
            Ok(())
        });
        let (bytes, digest) = written.unwrap();
        (sink, bytes, digest)
    }

    #[test]
    fn what_is_written_is_what_is_digested() {
        // FIPS 180-4, its examples: <https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values>
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(of(&[]), (Vec::new(), 0, empty.to_owned()));
        assert_eq!(of(&[b"a", b"", b"bc"]), (b"abc".to_vec(), 3, abc.to_owned()));
        let many = vec![b'a'; 1_000_000];
        for size in [1_000_000, BUFFER, BUFFER - 1, BUFFER + 1, 77_777] {
            let pieces: Vec<&[u8]> = many.chunks(size).collect();
            assert_eq!(of(&pieces), (many.clone(), 1_000_000, million.to_owned()), "{size}");
        }
    }

    #[test]
    fn its_thread_ends_when_nobody_wants_the_digest() {
        let DigestThread {
            to_digest,
            free,
            thread,
        } = DigestThread::start(2).unwrap();
        for piece in [b"a", b"b"] {
            to_digest.send(piece.to_vec()).unwrap();
        }
        drop((to_digest, free));
        let ab = "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603";
        assert_eq!(thread.join().unwrap(), ab);
    }

    #[test]
    fn buffers_come_back_empty() {
        let digest = DigestThread::start(0).unwrap();
        let mut grown = Vec::with_capacity(12345);
        grown.extend_from_slice(b"a");
        // The first is digested when the thread takes the second, if not before.
        let buffers = [digest.take(grown).unwrap(), digest.take(b"b".to_vec()).unwrap()];
        assert!(buffers.iter().all(Vec::is_empty));
        assert!(buffers.iter().any(|buffer| buffer.capacity() == 12345));
    }

    /// A disk that is full after so many bytes.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_the_sink_says_ends_the_writing() {
        for room in [0, BUFFER, 3 * BUFFER] {
            let written = digested(Full(room), &AtomicBool::default(), |sink| {
                sink.write_all(&vec![0; 3 * BUFFER + 1])
            });
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::StorageFull, "{room}");
        }
        let failed = digested(Vec::new(), &AtomicBool::default(), |_| {
            Err(io::ErrorKind::InvalidData.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::InvalidData);
        let stopped = digested(Vec::new(), &AtomicBool::new(true), |sink| sink.write_all(b"a"));
        assert_eq!(stopped.unwrap_err().to_string(), "interrupted");
    }
}
