//! Writes and takes the digest of what is written, side by side: SHA-256 costs about as much as all else about a row that
//! comes from CSV.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use sha2::{Digest as _, Sha256};

/// Bytes that are written at a time.
const BUFFER: usize = 256 * 1024;
/// Buffers that wait to be digested.
const WAITING: usize = 4;

/// Lets `write` write to `sink`, by way of a buffer, until `stop` is set; the number of bytes and their SHA-256 in hex.
///
/// # Errors
/// What `write` or `sink` says, and that it was to stop.
pub(crate) fn digested<W: Write + Send>(
    sink: W,
    stop: &AtomicBool,
    write: impl FnOnce(&mut Digesting<'_, W>) -> io::Result<()>,
) -> io::Result<(u64, String)> {
    std::thread::scope(|scope| {
        let (to_digest, waiting) = sync_channel::<Vec<u8>>(WAITING);
        let (done, free) = channel();
        let digest = scope.spawn(move || {
            let mut digest = Sha256::new();
            for mut piece in waiting {
                digest.update(&piece);
                piece.clear();
                // Nobody takes it any more when all has been written.
                let _ = done.send(piece);
            }
            digest.finalize()
        });
        let mut sink = Digesting {
            sink,
            stop,
            buffer: Vec::with_capacity(BUFFER),
            bytes: 0,
            to_digest,
            free,
        };
        write(&mut sink)?;
        sink.flush()?;
        let Digesting { bytes, to_digest, .. } = sink;
        drop(to_digest);
        let digest = digest.join().map_err(|_| ended())?;
        Ok((bytes, hex(&digest)))
    })
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    to_digest: SyncSender<Vec<u8>>,
    /// Buffers that have been digested.
    free: Receiver<Vec<u8>>,
}

impl<W: Write> Digesting<'_, W> {
    fn pass_on(&mut self) -> io::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("interrupted"));
        }
        self.sink.write_all(&self.buffer)?;
        self.bytes += self.buffer.len() as u64;
        let next = self.free.try_recv().unwrap_or_else(|_| Vec::with_capacity(BUFFER));
        let full = std::mem::replace(&mut self.buffer, next);
        self.to_digest.send(full).map_err(|_| ended())
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
