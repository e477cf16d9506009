//! Where an object is.

/// An object's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl Location {
    /// Reads `s3://bucket/key`.
    pub(crate) fn parse(address: &str) -> Option<Self> {
        let (bucket, key) = address.strip_prefix("s3://")?.split_once('/')?;
        (!bucket.is_empty() && !key.is_empty()).then(|| Location {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

/// The bucket of `s3://bucket/prefix/`.
pub(crate) fn bucket_of(address: &str) -> Option<&str> {
    let bucket = address.strip_prefix("s3://")?.split('/').next()?;
    (!bucket.is_empty()).then_some(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (address, expected) in [
            ("s3://b/k", Some(("b", "k"))),
            ("s3://b/p/k.csv", Some(("b", "p/k.csv"))),
            ("s3://b/", None),
            ("s3://b", None),
            ("s3:///k", None),
            ("https://b/k", None),
        ] {
            let expected = expected.map(|(bucket, key)| Location {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            });
            assert_eq!(Location::parse(address), expected, "{address}");
        }
    }
}
