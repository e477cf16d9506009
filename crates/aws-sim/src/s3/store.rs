//! The objects themselves. A body is never copied: whoever asks gets a handle on the same bytes.

use std::collections::BTreeMap;
use std::ops::Bound::{Included, Unbounded};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::access::{access_denied, no_such_bucket};
use crate::clock::Clock;
use crate::estate::{Bucket, Verdict};
use crate::failure::Failure;
use crate::locked;
use crate::sigv4::sha256_hex;

/// What S3 calls content of which nobody has said what it is.
pub(super) const OCTETS: &str = "binary/octet-stream";

/// Bodies above this size are not read for their entity tag.
const HASHED: usize = 1 << 20;

/// An object at rest.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) body: Bytes,
    pub(crate) content_type: String,
    /// With its quotes.
    pub(crate) etag: String,
    /// Seconds since 1970, by the simulator's clock.
    pub(crate) modified: i64,
}

/// What a listing shows.
pub(crate) enum Entry {
    Object(String, Arc<Object>),
    Prefix(String),
}

impl Entry {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Object(name, _) | Self::Prefix(name) => name,
        }
    }
}

/// All buckets. They are those of the estate for as long as the simulator runs; their objects come and go.
pub(crate) struct Store {
    buckets: BTreeMap<String, Kept>,
    clock: Clock,
    serial: AtomicU64,
}

struct Kept {
    bucket: Bucket,
    objects: Mutex<BTreeMap<String, Arc<Object>>>,
}

impl Store {
    pub(crate) fn new(buckets: &[Bucket], clock: Clock) -> Self {
        let empty = |bucket: &Bucket| Kept {
            bucket: bucket.clone(),
            objects: Mutex::default(),
        };
        let store = Self {
            buckets: buckets
                .iter()
                .map(|bucket| (bucket.name.clone(), empty(bucket)))
                .collect(),
            clock,
            serial: AtomicU64::new(1),
        };
        for bucket in buckets {
            for (key, body) in &bucket.objects {
                // The bucket is there: it has just been added.
                let _ = store.put(&bucket.name, key, body.clone());
            }
        }
        store
    }

    pub(crate) fn bucket(&self, name: &str) -> Option<&Bucket> {
        self.buckets.get(name).map(|kept| &kept.bucket)
    }

    /// The same; S3's `NoSuchBucket` where there is none.
    pub(crate) fn find(&self, name: &str) -> Result<&Bucket, Failure> {
        self.bucket(name).ok_or_else(|| no_such_bucket(name))
    }

    /// Puts an object in place of whatever has that key.
    pub(crate) fn put(&self, bucket: &str, key: &str, body: Bytes) -> Result<(), Failure> {
        self.put_as(bucket, key, body, OCTETS).map(drop)
    }

    /// The same with a content type.
    pub(crate) fn put_as(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        content_type: &str,
    ) -> Result<Arc<Object>, Failure> {
        let kept = self.buckets.get(bucket).ok_or_else(|| no_such_bucket(bucket))?;
        let object = Arc::new(Object {
            etag: self.etag(&body),
            body,
            content_type: content_type.to_owned(),
            modified: self.clock.unix(),
        });
        locked(&kept.objects).insert(key.to_owned(), Arc::clone(&object));
        Ok(object)
    }

    /// The bytes of an object.
    pub(crate) fn get(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.object(bucket, key).map(|object| object.body.clone())
    }

    pub(crate) fn object(&self, bucket: &str, key: &str) -> Option<Arc<Object>> {
        locked(&self.buckets.get(bucket)?.objects).get(key).cloned()
    }

    /// The keys that begin with a prefix, sorted by their bytes.
    pub(crate) fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let Some(kept) = self.buckets.get(bucket) else {
            return Vec::new();
        };
        let objects = locked(&kept.objects);
        let from_there = objects.range::<str, _>((Included(prefix), Unbounded));
        let keys = from_there.map(|(key, _)| key).take_while(|key| key.starts_with(prefix));
        keys.cloned().collect()
    }

    /// The first `most` entries after a name, and whether there are more. Keys that have the delimiter after the prefix are
    /// one entry as far as to the delimiter.
    pub(crate) fn page(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        after: &str,
        most: usize,
    ) -> (Vec<Entry>, bool) {
        let mut entries: Vec<Entry> = Vec::new();
        let Some(kept) = self.buckets.get(bucket).filter(|_| most > 0) else {
            return (entries, false);
        };
        let objects = locked(&kept.objects);
        for (key, object) in objects.range::<str, _>((Included(prefix.max(after)), Unbounded)) {
            let Some(rest) = key.strip_prefix(prefix) else {
                break;
            };
            let common = delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + prefix.len() + delimiter.len()));
            let name = common.map_or(key.as_str(), |end| &key[..end]);
            let listed = name == after || entries.last().is_some_and(|last| last.name() == name);
            if listed {
                continue;
            }
            if entries.len() == most {
                return (entries, true);
            }
            entries.push(match common {
                Some(_) => Entry::Prefix(name.to_owned()),
                None => Entry::Object(key.clone(), Arc::clone(object)),
            });
        }
        (entries, false)
    }

    /// Takes an object away; false when there was none.
    pub(crate) fn delete(&self, bucket: &str, key: &str) -> bool {
        self.buckets
            .get(bucket)
            .is_some_and(|kept| locked(&kept.objects).remove(key).is_some())
    }

    /// Whether the bucket is there and its policy lets an account do something with a key (or, with an empty key, with
    /// the bucket).
    #[allow(dead_code, reason = "for services that write for an account")]
    pub(crate) fn authorize(&self, caller_account: &str, action: &str, bucket: &str, key: &str) -> Result<(), Failure> {
        let found = self.find(bucket)?;
        let why = match found.judge(caller_account, action) {
            Verdict::Allowed => return Ok(()),
            Verdict::NotAllowed => format!("because no resource-based policy allows the {action} action"),
            Verdict::Denied => "with an explicit deny in a resource-based policy".to_owned(),
        };
        Err(access_denied(
            &format!("arn:aws:iam::{caller_account}:root"),
            action,
            bucket,
            key,
            &why,
        ))
    }

    /// A tag of the content, and of nothing but the content where reading it is cheap. Like those of objects that are
    /// encrypted by KMS or were uploaded in parts, it is no MD5.
    fn etag(&self, body: &Bytes) -> String {
        if body.len() <= HASHED {
            return format!("\"{}\"", &sha256_hex(body)[..32]);
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let parts = body.len().div_ceil(8 << 20);
        format!(
            "\"{:016x}{serial:016x}-{parts}\"",
            crate::chance::mix(body.len() as u64)
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn store() -> Store {
        Store::new(&[Bucket::new("b").owner("1")], Clock::real())
    }

    #[test]
    fn bodies_are_shared_and_keys_are_sorted() {
        let store = store();
        let body = Bytes::from(vec![7; 3 << 20]);
        for key in ["b/2", "a/1", "b/1", "b0", "b/10"] {
            store.put("b", key, body.clone()).unwrap();
        }
        assert_eq!(store.get("b", "a/1").unwrap().as_ptr(), body.as_ptr());
        assert_eq!(store.keys("b", "b/"), ["b/1", "b/10", "b/2"]);
        assert_eq!(store.keys("b", "").len(), 5);
        assert!(store.delete("b", "b/1") && !store.delete("b", "b/1"));
        assert_eq!(store.put("c", "k", body).unwrap_err().code, "NoSuchBucket");
    }

    #[test]
    fn pages_of_keys_and_of_common_prefixes() {
        let store = store();
        for key in ["a", "b/1", "b/2", "b/c/3", "c/1", "d"] {
            store.put("b", key, Bytes::new()).unwrap();
        }
        let names = |prefix: &str, delimiter: Option<&str>, after: &str, most: usize| {
            let (entries, more) = store.page("b", prefix, delimiter, after, most);
            let names: Vec<String> = entries.iter().map(|entry| entry.name().to_owned()).collect();
            (names.join(" "), more)
        };
        let is = |text: &str, more| (text.to_owned(), more);
        assert_eq!(names("", None, "", 10), is("a b/1 b/2 b/c/3 c/1 d", false));
        assert_eq!(names("", None, "b/1", 2), is("b/2 b/c/3", true));
        assert_eq!(names("", None, "c/1", 1), is("d", false));
        assert_eq!(names("", Some("/"), "", 2), is("a b/", true));
        assert_eq!(names("", Some("/"), "b/", 2), is("c/ d", false));
        assert_eq!(names("b/", Some("/"), "", 9), is("b/1 b/2 b/c/", false));
        assert_eq!(names("b/", None, "a", 1), is("b/1", true));
        assert_eq!(names("", None, "", 0), is("", false));
        assert_eq!(names("z", None, "", 5), is("", false));
    }

    #[test]
    fn another_content_has_another_tag() {
        let store = store();
        for size in [10, HASHED + 1] {
            let tag = |byte: u8| {
                store
                    .put_as("b", "k", Bytes::from(vec![byte; size]), OCTETS)
                    .unwrap()
                    .etag
                    .clone()
            };
            assert_ne!(tag(1), tag(2), "{size}");
        }
    }

    #[test]
    fn another_account_is_told_what_is_missing() {
        let failure = store().authorize("2", "s3:GetObject", "b", "k").unwrap_err();
        assert_eq!(
            failure.message,
            "User: arn:aws:iam::2:root is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k\" \
             because no resource-based policy allows the s3:GetObject action"
        );
        assert!(store().authorize("1", "s3:ListBucket", "b", "").is_ok());
    }
}
