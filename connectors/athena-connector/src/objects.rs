//! Objects in S3: found in the region of their bucket, read by parallel ranges within a bound on memory, deleted.

mod download;
mod fault;
mod location;
mod range;

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use auth_core::{AwsError, LastAnswer, RegionalAccess};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use download::{Chunk, Download};
pub(crate) use fault::ObjectError;
pub(crate) use location::{Location, bucket_of};

/// KiB that all downloads of a run may have read ahead: what is on its way, and what waits to be made into rows meanwhile. What a
/// download needs next needs none of it.
const AHEAD_KIB: usize = 32 * 1024;

/// Bytes of a record that are in memory for each object.
const LARGE_RECORD: usize = 4 * 1024 * 1024;

/// Bytes of an object that more than one core reads.
const WORTH_CORES: u64 = 4 * 1024 * 1024;

/// What all downloads of a run share.
#[derive(Clone, Debug)]
pub(crate) struct Objects(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    room: Arc<Semaphore>,
    /// One for each core.
    cores: Arc<Semaphore>,
    /// The place of the one record that may be large.
    large: Arc<Semaphore>,
    /// Buckets that are not in the region of their query.
    regions: Mutex<HashMap<String, String>>,
}

impl Default for Objects {
    fn default() -> Self {
        Objects(Arc::new(Shared {
            room: Arc::new(Semaphore::new(AHEAD_KIB)),
            cores: Arc::new(Semaphore::new(available_parallelism().map_or(1, NonZero::get))),
            large: Arc::new(Semaphore::new(1)),
            regions: Mutex::default(),
        }))
    }
}

impl Objects {
    /// Waits for the place of a large record, where so many bytes of one are in memory: one object at a time has such records.
    pub(crate) async fn large(&self, bytes: usize, place: &mut Option<OwnedSemaphorePermit>) {
        if bytes > LARGE_RECORD && place.is_none() {
            // Never closed.
            *place = Arc::clone(&self.0.large).acquire_owned().await.ok();
        }
    }

    /// The cores that no other object is read on, for one of so many bytes; `None` where it is read faster without, or there are no
    /// two of them.
    pub(crate) fn cores(&self, size: u64) -> Option<OwnedSemaphorePermit> {
        if size < WORTH_CORES {
            return None;
        }
        let free = u32::try_from(self.0.cores.available_permits()).ok();
        let free = free.filter(|free| *free > 1)?;
        Arc::clone(&self.0.cores).try_acquire_many_owned(free).ok()
    }
}

/// Who reads and what the bucket must be.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) objects: Objects,
    pub(crate) access: RegionalAccess,
    pub(crate) bucket_owner: Option<String>,
}

impl Reader {
    /// A client for the region that the bucket is known to be in, or that of the query.
    fn client(&self, bucket: &str) -> Client {
        let known = self
            .objects
            .0
            .regions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(bucket)
            .cloned();
        let region = known.unwrap_or_else(|| self.access.region().to_owned());
        let config = self.access.streaming_config(&region);
        // Behind an endpoint of one's own, and with dots in its name, a bucket is no host name.
        let path_style = config.endpoint_url().is_some() || bucket.contains('.');
        let config = Builder::from(&config)
            .retry_partition(self.access.retry_partition())
            .interceptor(LastAnswer)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(path_style);
        Client::from_conf(config.build())
    }

    /// Whether the answer says that the bucket is in another region than was thought; it is known then.
    fn learns_region<E: ProvideErrorMetadata>(&self, bucket: &str, error: &SdkError<E>) -> bool {
        let Some(response) = error.raw_response() else {
            return false;
        };
        if !matches!(response.status().as_u16(), 301 | 307 | 400) {
            return false;
        }
        let header = response.headers().get("x-amz-bucket-region").map(str::to_owned);
        let body = response.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
        let named = body.split_once("<Region>").and_then(|(_, rest)| rest.split_once('<'));
        let Some(region) = header.or_else(|| named.map(|(region, _)| region.to_owned())) else {
            return false;
        };
        tracing::debug!(bucket, region, "the bucket is in another region");
        let mut regions = self.objects.0.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.insert(bucket.to_owned(), region.clone()).as_ref() != Some(&region)
    }

    /// Asks for the region of a bucket: whether it is there, and may be used, as Athena asks too.
    pub(crate) async fn try_bucket(&self, bucket: &str) -> Result<(), AwsError> {
        loop {
            let request = self.client(bucket).get_bucket_location().bucket(bucket);
            match request
                .set_expected_bucket_owner(self.bucket_owner.clone())
                .send()
                .await
            {
                Ok(_) => return Ok(()),
                Err(error) if self.learns_region(bucket, &error) => {}
                Err(error) => return Err(AwsError::of("s3", "GetBucketLocation")(error)),
            }
        }
    }

    /// Deletes an object; one that is not there is no failure.
    pub(crate) async fn delete(&self, location: &Location) -> Result<(), AwsError> {
        loop {
            let request = self.client(&location.bucket).delete_object();
            let request = request.bucket(&location.bucket).key(&location.key);
            match request
                .set_expected_bucket_owner(self.bucket_owner.clone())
                .send()
                .await
            {
                Ok(_) => return Ok(()),
                Err(error) if self.learns_region(&location.bucket, &error) => {}
                Err(error) => return Err(AwsError::of("s3", "DeleteObject")(error)),
            }
        }
    }
}

/// Whether S3 has no such object, or does not say so because the caller may not list the bucket.
pub(crate) fn is_missing(error: &AwsError) -> bool {
    matches!(error.code.as_deref(), Some("NoSuchKey" | "NoSuchBucket" | "NotFound")) || error.http_status == Some(404)
}

/// Whether an error says that the range begins behind the end of the object.
fn is_behind_the_end<E>(error: &SdkError<E>) -> bool {
    has_status(error, 416)
}

/// Whether an error says that the object is not the one that was opened.
fn is_replaced<E>(error: &SdkError<E>) -> bool {
    has_status(error, 412)
}

fn has_status<E>(error: &SdkError<E>, status: u16) -> bool {
    error
        .raw_response()
        .is_some_and(|response| response.status().as_u16() == status)
}
