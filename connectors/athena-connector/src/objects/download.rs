//! A whole object in order, while parallel ranges are read ahead.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth_core::Host;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::range::{Answer, Range, Source};
use super::{Location, ObjectError, Reader};

/// The first range: most results are no larger, and need one request.
const FIRST: u64 = 1024 * 1024;
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html>
const RANGE: u64 = 4 * 1024 * 1024;
/// Ranges of one object that are on their way at a time.
const AT_ONCE: usize = 5;

/// An object that is being read.
#[derive(Debug)]
pub(crate) struct Download {
    source: Source,
    size: u64,
    read: u64,
    /// A range that is read here, while it comes: the first one, and any that there is no room to read ahead.
    here: Option<Range>,
    ahead: Ahead,
    /// A range that was read ahead.
    at_work: Option<Chunks>,
    /// Dropped, it ends what reads ahead.
    driver: JoinSet<()>,
}

type Chunks = mpsc::UnboundedReceiver<Result<Chunk, ObjectError>>;

/// What is read ahead, in order.
#[derive(Debug)]
struct Ahead {
    /// Where the next range begins. Whoever takes one holds this until it is in its place.
    next: Arc<Mutex<u64>>,
    ranges: mpsc::UnboundedReceiver<Chunks>,
}

/// Some bytes of an object; the room that they take is free again when they are dropped.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    room: Option<OwnedSemaphorePermit>,
}

impl Chunk {
    /// Splits the first `length` bytes off.
    pub(crate) fn split_to(&mut self, length: usize) -> Self {
        Chunk {
            bytes: self.bytes.split_to(length),
            room: self.room.as_mut().and_then(|room| room.split(length / 1024)),
        }
    }
}

impl Download {
    /// Opens an object.
    ///
    /// # Errors
    /// One that is not there, may not be read, or is not what S3 says of it.
    pub(crate) async fn open(reader: &Reader, host: &Host, location: &Location) -> Result<Self, ObjectError> {
        let mut source = Source {
            reader: reader.clone(),
            host: host.clone(),
            location: location.clone(),
            opened: None,
        };
        let (sender, ranges) = mpsc::unbounded_channel();
        let next = Arc::default();
        let download = |source, size, here| Download {
            source,
            size,
            read: 0,
            here,
            ahead: Ahead {
                next: Arc::clone(&next),
                ranges,
            },
            at_work: None,
            driver: JoinSet::new(),
        };
        let Some(Answer { end, body, object }) = source.get(0, FIRST).await? else {
            return Ok(download(source, 0, None));
        };
        let size = object.size;
        source.opened = Some(object);
        // Who answers a range as if it were the whole says that the object ends with it: whether it does, the byte behind it tells.
        if size == FIRST && source.get(FIRST, FIRST + 1).await?.is_some() {
            return Err(source.faulty("it goes on behind its end"));
        }
        *lock(&next) = end;
        let first = Range::new(source.clone(), 0, end, Some(body));
        let mut download = download(source.clone(), size, Some(first));
        if end < size {
            let room = Arc::clone(&reader.objects.0.room);
            download.driver.spawn(drive(source, next, size, room, sender));
        }
        Ok(download)
    }

    /// Bytes of the whole object.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes in order; `None` behind the last of them all.
    ///
    /// # Errors
    /// An object that cannot be read to its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Chunk>, ObjectError> {
        loop {
            if let Some(range) = &mut self.here {
                if let Some(bytes) = range.next().await? {
                    self.read += bytes.len() as u64;
                    return Ok(Some(Chunk { bytes, room: None }));
                }
                self.here = None;
            }
            if let Some(range) = &mut self.at_work
                && let Some(chunk) = range.recv().await
            {
                let chunk = chunk?;
                self.read += chunk.bytes.len() as u64;
                return Ok(Some(chunk));
            }
            self.at_work = None;
            if !self.turn_to_next() {
                if self.read == self.size {
                    return Ok(None);
                }
                let why = format!("{} of {} bytes were read", self.read, self.size);
                return Err(self.source.faulty(why));
            }
        }
    }

    /// The next range: read ahead, or to be read here, so that a download goes on while others have all the room.
    /// `false` behind the last.
    fn turn_to_next(&mut self) -> bool {
        let mut next = lock(&self.ahead.next);
        if let Ok(range) = self.ahead.ranges.try_recv() {
            self.at_work = Some(range);
            return true;
        }
        if *next >= self.size {
            return false;
        }
        let end = (*next + RANGE).min(self.size);
        self.here = Some(Range::new(self.source.clone(), *next, end, None));
        *next = end;
        true
    }
}

fn lock(next: &Mutex<u64>) -> MutexGuard<'_, u64> {
    next.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads ranges ahead, while there is room.
async fn drive(
    source: Source,
    next: Arc<Mutex<u64>>,
    size: u64,
    room: Arc<Semaphore>,
    ordered: mpsc::UnboundedSender<Chunks>,
) {
    let mut ranges = JoinSet::new();
    loop {
        // The semaphore is never closed.
        let Ok(mut room) = Arc::clone(&room).acquire_many_owned(kib(RANGE)).await else {
            return;
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        let range = {
            let mut next = lock(&next);
            let (from, end) = (*next, (*next + RANGE).min(size));
            if from >= size {
                break;
            }
            if ordered.send(receiver).is_err() {
                return;
            }
            *next = end;
            Range::new(source.clone(), from, end, None)
        };
        drop(room.split(usize::try_from(kib(RANGE) - kib(range.length())).unwrap_or_default()));
        ranges.spawn(read(range, room, sender));
        while ranges.len() >= AT_ONCE {
            ranges.join_next().await;
        }
    }
    while ranges.join_next().await.is_some() {}
}

async fn read(
    mut range: Range,
    mut room: OwnedSemaphorePermit,
    sender: mpsc::UnboundedSender<Result<Chunk, ObjectError>>,
) {
    let mut loose = 0;
    loop {
        let chunk = match range.next().await {
            Ok(None) => return,
            Ok(Some(bytes)) => {
                // Whole KiB go with their bytes, the rest with the range.
                loose += bytes.len() as u64;
                let whole = u32::try_from(loose / 1024).unwrap_or_default();
                loose %= 1024;
                let room = room.split(usize::try_from(whole).unwrap_or_default());
                Ok(Chunk { bytes, room })
            }
            Err(error) => Err(error),
        };
        let failed = chunk.is_err();
        if sender.send(chunk).is_err() || failed {
            return;
        }
    }
}

fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}
