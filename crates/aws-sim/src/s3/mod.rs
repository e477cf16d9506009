//! S3: objects in buckets. <https://docs.aws.amazon.com/AmazonS3/latest/API/>

mod access;
mod address;
mod delete_objects;
mod list;
mod objects;
mod range;
pub(crate) mod store;
mod words;

pub(crate) use access::authorize;
pub(crate) use address::Target;
pub(crate) use words::{check_payload, error, identified, not_implemented, refuse, refuse_request};

use crate::credentials::Identity;
use crate::estate::Bucket;
use crate::failure::Failure;
use crate::http::{Answer, Request};
use crate::record::Call;
use crate::world::World;
use crate::xml::Xml;

/// A call of S3, and what it is about.
pub(crate) struct S3Call<'a> {
    pub(crate) world: &'a World,
    pub(crate) caller: &'a Identity,
    pub(crate) region: &'a str,
    pub(crate) request: &'a Request,
    pub(crate) target: &'a Target,
}

/// What runs an operation.
type Run = fn(&S3Call<'_>) -> Result<Answer, Failure>;

/// An operation of S3 on behalf of a caller.
pub(crate) fn call(call: &S3Call<'_>) -> Result<Answer, Failure> {
    let operation = call.target.operation.as_str();
    let (action, known, run): (&str, &[&str], Run) = match operation {
        "GetObject" | "HeadObject" => ("s3:GetObject", &[], objects::get),
        "PutObject" => ("s3:PutObject", &[], objects::put),
        "DeleteObject" => ("s3:DeleteObject", &[], objects::delete),
        // Allowed or not key by key.
        "DeleteObjects" => ("", &["delete"], delete_objects::call),
        "ListObjectsV2" => ("s3:ListBucket", &list::PARAMETERS, list::call),
        "HeadBucket" => ("s3:ListBucket", &[], |_| Ok(Answer::empty(200))),
        "GetBucketLocation" => ("s3:GetBucketLocation", &["location"], location),
        other => return Err(words::not_implemented(other)),
    };
    if let Some(unknown) = call.target.unknown(known) {
        return Err(words::not_implemented(unknown));
    }
    let bucket = call.world.s3.find(&call.target.bucket)?;
    let answer = permit(call, bucket, action).and_then(|()| run(call));
    if operation != "HeadBucket" {
        return answer;
    }
    // HeadBucket tells everyone where the bucket is.
    match answer {
        Ok(answer) => Ok(answer.with_header("x-amz-bucket-region", &bucket.region)),
        Err(mut failure) => {
            failure.headers.retain(|(name, _)| *name != "x-amz-bucket-region");
            Err(failure.with_header("x-amz-bucket-region", &bucket.region))
        }
    }
}

/// The right region, the owner that the caller expects, and the permission.
fn permit(call: &S3Call<'_>, bucket: &Bucket, action: &str) -> Result<(), Failure> {
    // Every bucket's location can be asked in us-east-1.
    let anywhere = call.target.operation == "GetBucketLocation" && call.region == "us-east-1";
    if !anywhere {
        access::check_region(bucket, call.region, call.target.virtual_host)?;
    }
    access::check_owner(bucket, call.request.header("x-amz-expected-bucket-owner"))?;
    if action.is_empty() {
        return Ok(());
    }
    authorize(call.world, call.caller, action, &bucket.name, &call.target.key)
}

/// us-east-1 has no name here, for it was the first.
fn location(call: &S3Call<'_>) -> Result<Answer, Failure> {
    let region = &call.world.s3.find(&call.target.bucket)?.region;
    let mut xml = Xml::with_capacity(256);
    xml.markup("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
    if region == "us-east-1" {
        xml.markup("/>");
    } else {
        xml.markup(">");
        xml.markup(region);
        xml.close("LocationConstraint");
    }
    Ok(Answer::new(200, words::XML, xml.finish()))
}

/// Notes what a call is about, by the names of S3's API.
pub(crate) fn note(target: &Target, request: &Request, call: &mut Call) {
    let mut note = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            call.parameters.insert(name.to_owned(), value.to_owned());
        }
    };
    note("Bucket", Some(&target.bucket));
    note("Key", Some(&target.key));
    for (name, header) in [
        ("Range", "range"),
        ("IfMatch", "if-match"),
        ("ExpectedBucketOwner", "x-amz-expected-bucket-owner"),
    ] {
        note(name, request.header(header));
    }
    for (name, parameter) in [
        ("Prefix", "prefix"),
        ("Delimiter", "delimiter"),
        ("MaxKeys", "max-keys"),
        ("StartAfter", "start-after"),
    ] {
        note(name, target.query(parameter));
    }
}
