//! A whole object in order, while parallel ranges are read ahead.

use std::sync::Arc;

use auth_core::{AwsError, Host};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::range::{Range, Source};
use super::{Location, Reader};

/// The first range: most results are no larger, and need one request.
const FIRST: u64 = 1024 * 1024;
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html>
const RANGE: u64 = 4 * 1024 * 1024;

/// An object that is being read.
#[derive(Debug)]
pub(crate) struct Download {
    size: u64,
    read: u64,
    first: Option<Range>,
    ahead: mpsc::UnboundedReceiver<Ahead>,
    at_work: Option<Ahead>,
    /// Dropped, it ends what reads ahead.
    driver: JoinSet<()>,
}

type Ahead = mpsc::UnboundedReceiver<Result<Chunk, AwsError>>;

/// Some bytes of an object; the room that they take is free again when they are dropped.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Download {
    /// Opens an object.
    ///
    /// # Errors
    /// One that is not there or may not be read.
    pub(crate) async fn open(reader: &Reader, host: &Host, location: &Location) -> Result<Self, AwsError> {
        let mut source = Source {
            reader: reader.clone(),
            host: host.clone(),
            location: location.clone(),
            etag: None,
        };
        let (sender, ahead) = mpsc::unbounded_channel();
        let mut download = Download {
            size: 0,
            read: 0,
            first: None,
            ahead,
            at_work: None,
            driver: JoinSet::new(),
        };
        let Some(output) = source.get(0, FIRST).await? else {
            return Ok(download);
        };
        let length = output.content_length().unwrap_or_default().unsigned_abs();
        // `bytes 0-1048575/5000000`; a server that knows no ranges sends the whole.
        let total = output
            .content_range()
            .and_then(|range| range.rsplit('/').next()?.parse().ok());
        source.etag = output.e_tag().map(str::to_owned);
        download.size = total.unwrap_or(length);
        let end = if total.is_some() {
            FIRST.min(download.size)
        } else {
            length
        };
        download.first = Some(Range::new(source.clone(), 0, end, Some(output.body)));
        if end < download.size {
            let room = Arc::clone(&reader.objects.0.room);
            download.driver.spawn(drive(source, end, download.size, room, sender));
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
    pub(crate) async fn next(&mut self) -> Result<Option<Chunk>, AwsError> {
        if let Some(first) = &mut self.first {
            if let Some(bytes) = first.next().await? {
                self.read += bytes.len() as u64;
                return Ok(Some(Chunk { bytes, _room: None }));
            }
            self.first = None;
        }
        loop {
            if let Some(range) = &mut self.at_work
                && let Some(chunk) = range.recv().await
            {
                let chunk = chunk?;
                self.read += chunk.bytes.len() as u64;
                return Ok(Some(chunk));
            }
            self.at_work = self.ahead.recv().await;
            if self.at_work.is_none() {
                if self.read == self.size {
                    return Ok(None);
                }
                let why = format!("{} of {} bytes were read", self.read, self.size);
                return Err(AwsError::answer("s3", "GetObject", why));
            }
        }
    }
}

/// Reads ranges ahead. Room is taken in the order of the ranges, so the one that is needed next always has its own.
async fn drive(source: Source, from: u64, size: u64, room: Arc<Semaphore>, ordered: mpsc::UnboundedSender<Ahead>) {
    let mut ranges = JoinSet::new();
    let mut next = from;
    while next < size {
        let end = (next + RANGE).min(size);
        // The semaphore is never closed.
        let Ok(room) = Arc::clone(&room).acquire_many_owned(kib(end - next)).await else {
            return;
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        if ordered.send(receiver).is_err() {
            return;
        }
        ranges.spawn(read(Range::new(source.clone(), next, end, None), room, sender));
        while ranges.try_join_next().is_some() {}
        next = end;
    }
    drop(ordered);
    while ranges.join_next().await.is_some() {}
}

async fn read(
    mut range: Range,
    mut room: OwnedSemaphorePermit,
    sender: mpsc::UnboundedSender<Result<Chunk, AwsError>>,
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
                Ok(Chunk { bytes, _room: room })
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
