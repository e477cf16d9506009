//! Token buckets on the simulator's clock.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use crate::estate::Quota;
use crate::locked;

/// One bucket per key.
#[derive(Default)]
pub(crate) struct Buckets(Mutex<HashMap<String, (f64, SystemTime)>>);

impl Buckets {
    /// Takes one call out of a bucket; false when it is empty.
    pub(crate) fn take(&self, key: String, quota: Quota, now: SystemTime) -> bool {
        let mut buckets = locked(&self.0);
        let (level, filled) = buckets.entry(key).or_insert((quota.burst, now));
        let passed = now.duration_since(*filled).unwrap_or(Duration::ZERO).as_secs_f64();
        *level = (*level + passed * quota.per_second).min(quota.burst);
        *filled = now;
        let enough = *level >= 1.0;
        if enough {
            *level -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_with_time() {
        let (buckets, quota) = (
            Buckets::default(),
            Quota {
                burst: 2.0,
                per_second: 0.5,
            },
        );
        let start = SystemTime::UNIX_EPOCH;
        let take = |key: &str, seconds| buckets.take(key.to_owned(), quota, start + Duration::from_secs(seconds));
        assert_eq!([take("a", 0), take("a", 0), take("a", 0)], [true, true, false]);
        assert!(take("b", 0), "another key has a bucket of its own");
        assert!(!take("a", 1));
        assert!(take("a", 2));
    }
}
