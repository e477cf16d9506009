//! One object: got, whole or in part, looked at, put, deleted.

use std::sync::Arc;

use super::S3Call;
use super::access::authorize;
use super::range::{Wanted, wanted};
use super::store::{OCTETS, Object};
use super::words::not_implemented;
use crate::failure::Failure;
use crate::http::Answer;
use crate::stamp;

/// The longest key, in bytes.
const LONGEST_KEY: usize = 1024;

/// Keys of encryption that the client keeps.
const OF_THE_CLIENT: &str = "x-amz-server-side-encryption-customer-";

/// GetObject and HeadObject: for a HEAD, the server leaves the body out.
pub(super) fn get(call: &S3Call<'_>) -> Result<Answer, Failure> {
    call.refuse_headers(&["if-modified-since", "if-unmodified-since", "if-range", OF_THE_CLIENT])?;
    let object = find(call)?;
    if unmet(call.request.header("if-match"), |tag| tag == "*" || tag == object.etag) {
        return Err(precondition_failed("If-Match"));
    }
    let seen = |tag: &str| tag == "*" || tag == object.etag;
    if call
        .request
        .header("if-none-match")
        .is_some_and(|tags| tags.split(',').any(|tag| seen(tag.trim())))
    {
        return Ok(Answer::empty(304).with_header("etag", &object.etag));
    }
    let length = object.body.len();
    let requested = call.request.header("range");
    let answer = match wanted(requested, length) {
        Wanted::Whole => Answer::new(200, object.content_type.clone(), object.body.clone()),
        Wanted::Part(range) => {
            let content_range = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            Answer::new(206, object.content_type.clone(), object.body.slice(range))
                .with_header("content-range", content_range)
        }
        Wanted::Unsatisfiable => {
            let failure = Failure::new(416, "InvalidRange", "The requested range is not satisfiable");
            return Err(failure
                .with_detail("RangeRequested", requested.unwrap_or_default())
                .with_detail("ActualObjectSize", length.to_string())
                .with_header("content-range", format!("bytes */{length}")));
        }
    };
    Ok(answer
        .with_header("accept-ranges", "bytes")
        .with_header("etag", &object.etag)
        .with_header("last-modified", stamp::http_date(object.modified))
        .with_header("x-amz-server-side-encryption", "AES256"))
}

/// The object of a call; who may not list the bucket is not told that there is none.
fn find(call: &S3Call<'_>) -> Result<Arc<Object>, Failure> {
    let (bucket, key) = (&call.target.bucket, &call.target.key);
    if let Some(object) = call.world.s3.object(bucket, key) {
        return Ok(object);
    }
    authorize(call.world, call.caller, "s3:ListBucket", bucket, "")?;
    Err(Failure::new(404, "NoSuchKey", "The specified key does not exist.").with_detail("Key", key))
}

fn unmet(tags: Option<&str>, holds: impl Fn(&str) -> bool) -> bool {
    tags.is_some_and(|tags| !tags.split(',').any(|tag| holds(tag.trim())))
}

fn precondition_failed(condition: &str) -> Failure {
    let message = "At least one of the pre-conditions you specified did not hold";
    Failure::new(412, "PreconditionFailed", message).with_detail("Condition", condition)
}

pub(super) fn put(call: &S3Call<'_>) -> Result<Answer, Failure> {
    call.refuse_headers(&[
        "if-match",
        "if-none-match",
        "x-amz-copy-source",
        "content-encoding",
        "x-amz-meta-",
        OF_THE_CLIENT,
    ])?;
    let key = &call.target.key;
    if key.len() > LONGEST_KEY {
        return Err(Failure::new(400, "KeyTooLongError", "Your key is too long")
            .with_detail("Size", key.len().to_string())
            .with_detail("MaxSizeAllowed", LONGEST_KEY.to_string()));
    }
    let content_type = call.request.header("content-type").unwrap_or(OCTETS);
    let body = call.request.body.clone();
    let object = call.world.s3.put_as(&call.target.bucket, key, body, content_type)?;
    Ok(Answer::empty(200)
        .with_header("etag", &object.etag)
        .with_header("x-amz-server-side-encryption", "AES256"))
}

/// It is no error to delete what is not there.
pub(super) fn delete(call: &S3Call<'_>) -> Result<Answer, Failure> {
    call.refuse_headers(&["if-match"])?;
    call.world.s3.delete(&call.target.bucket, &call.target.key);
    Ok(Answer::empty(204))
}

impl S3Call<'_> {
    /// Headers that would change what the call does, and that are not simulated. A name that ends in `-` stands for all
    /// that begin with it.
    fn refuse_headers(&self, names: &[&str]) -> Result<(), Failure> {
        let refused = |sent: &str| {
            let named = |name: &&str| sent == *name || (name.ends_with('-') && sent.starts_with(name));
            names.iter().any(named)
        };
        match self.request.headers.keys().find(|name| refused(name.as_str())) {
            Some(name) => Err(not_implemented(name.as_str())),
            None => Ok(()),
        }
    }
}
