//! What a request is about: the bucket, the key and the operation, by host, path, method and query.

use percent_encoding::percent_decode_str;

use crate::http::{Request, form_fields};

/// A request as S3 reads it. Fields are named as in S3's API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    /// `GetObject`, …; for operations that are not simulated the method and what the query asks for.
    pub(crate) operation: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// The bucket stands in the host's name and not in the path.
    pub(crate) virtual_host: bool,
    query: Vec<(String, String)>,
}

impl Target {
    /// `None` when the path is no text.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let path = percent_decode_str(request.path.strip_prefix('/').unwrap_or(&request.path))
            .decode_utf8()
            .ok()?;
        let of_host = request.header("host").and_then(bucket_of_host);
        let (bucket, key) = match of_host {
            Some(bucket) => (bucket, path.as_ref()),
            None => path.split_once('/').unwrap_or((&path, "")),
        };
        let query = form_fields(&request.query);
        Some(Self {
            operation: operation(&request.method, bucket, key, &query),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            virtual_host: of_host.is_some(),
            query,
        })
    }

    /// A parameter of the query; one that is sent empty counts as absent.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The first parameter of the query that is none of those known.
    pub(crate) fn unknown(&self, known: &[&str]) -> Option<&str> {
        let mut names = self.query.iter().map(|(name, _)| name.as_str());
        names.find(|name| *name != "x-id" && !known.contains(name))
    }
}

fn operation(method: &str, bucket: &str, key: &str, query: &[(String, String)]) -> String {
    let asks = |name: &str| query.iter().any(|(known, _)| known == name);
    let named = match (method, bucket.is_empty(), key.is_empty()) {
        ("GET", false, false) => "GetObject",
        ("HEAD", false, false) => "HeadObject",
        ("PUT", false, false) => "PutObject",
        ("DELETE", false, false) => "DeleteObject",
        ("HEAD", false, true) => "HeadBucket",
        ("GET", false, true) if asks("location") => "GetBucketLocation",
        ("GET", false, true) if asks("list-type") => "ListObjectsV2",
        ("POST", false, true) if asks("delete") => "DeleteObjects",
        _ => "",
    };
    // What a query names without a value is a resource of its own, as `?acl`; so are the parts of an upload.
    const OWN: [&str; 3] = ["uploadId", "attributes", "select"];
    let resource = query.iter().find(|(name, value)| {
        let plain = value.is_empty() && !matches!(name.as_str(), "location" | "delete" | "prefix" | "delimiter");
        (plain && name.chars().all(|c| c.is_ascii_lowercase())) || OWN.contains(&name.as_str())
    });
    match resource {
        None if !named.is_empty() => named.to_owned(),
        None => method.to_owned(),
        Some((name, _)) => format!("{method}?{name}"),
    }
}

/// The bucket of `bucket.s3.eu-central-1.amazonaws.com`, of the older `bucket.s3-eu-central-1.amazonaws.com`, and of
/// `bucket.localhost`.
fn bucket_of_host(host: &str) -> Option<&str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if let Some(bucket) = name.strip_suffix(".localhost") {
        return Some(bucket.strip_suffix(".s3").unwrap_or(bucket)).filter(|bucket| *bucket != "s3");
    }
    let name = name.strip_suffix(".amazonaws.com")?;
    let at = name.rfind(".s3.").or_else(|| name.rfind(".s3-"));
    at.map(|at| &name[..at]).or_else(|| name.strip_suffix(".s3"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn target(method: &str, host: &'static str, path: &str, query: &str) -> Target {
        let mut headers = hyper::HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: bytes::Bytes::new(),
        };
        Target::of(&request).unwrap()
    }

    #[test]
    fn bucket_and_key_from_the_path_or_the_host() {
        let cases = [
            ("127.0.0.1:80", "/b/a/k%20%C3%BC%2b+", "b", "a/k ü++"),
            ("127.0.0.1:80", "/b", "b", ""),
            ("127.0.0.1:80", "/b/", "b", ""),
            ("127.0.0.1:80", "/b//k", "b", "/k"),
            ("127.0.0.1:80", "/", "", ""),
            ("s3.eu-west-1.amazonaws.com", "/b/k", "b", "k"),
            ("my.bucket.s3.eu-west-1.amazonaws.com", "/a/k", "my.bucket", "a/k"),
            ("b.s3-us-west-2.amazonaws.com", "/k", "b", "k"),
            ("b.s3.amazonaws.com", "/", "b", ""),
            ("b.localhost:4566", "/k", "b", "k"),
            ("b.s3.localhost", "/k", "b", "k"),
            ("localhost:4566", "/b/k", "b", "k"),
        ];
        for (host, path, bucket, key) in cases {
            let found = target("GET", host, path, "");
            assert_eq!(
                (found.bucket.as_str(), found.key.as_str()),
                (bucket, key),
                "{host}{path}"
            );
        }
    }

    #[test]
    fn the_operation_by_method_and_query() {
        let cases = [
            ("GET", "/b/k", "x-id=GetObject", "GetObject"),
            ("GET", "/b/k", "acl", "GET?acl"),
            ("GET", "/b/k", "attributes=", "GET?attributes"),
            ("PUT", "/b/k", "partNumber=1&uploadId=u", "PUT?uploadId"),
            ("POST", "/b/k", "uploads", "POST?uploads"),
            ("HEAD", "/b", "", "HeadBucket"),
            ("GET", "/b", "location", "GetBucketLocation"),
            (
                "GET",
                "/b",
                "list-type=2&prefix=&delimiter=&encoding-type=url",
                "ListObjectsV2",
            ),
            ("GET", "/b", "", "GET"),
            ("GET", "/b", "versions", "GET?versions"),
            ("GET", "/", "", "GET"),
            ("POST", "/b", "delete=", "DeleteObjects"),
            ("DELETE", "/b/k", "", "DeleteObject"),
            ("DELETE", "/b", "", "DELETE"),
        ];
        for (method, path, query, operation) in cases {
            assert_eq!(
                target(method, "h", path, query).operation,
                operation,
                "{method} {path}?{query}"
            );
        }
    }
}
