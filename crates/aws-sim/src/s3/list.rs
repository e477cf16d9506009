//! ListObjectsV2: keys by their bytes, in pages. <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>

use super::S3Call;
use super::store::Entry;
use super::words::{XML, not_implemented};
use crate::failure::Failure;
use crate::http::Answer;
use crate::sigv4::encode_path;
use crate::xml::Xml;

/// The most entries of a page, whatever is asked for.
const PAGE: usize = 1000;

pub(super) const PARAMETERS: [&str; 8] = [
    "list-type",
    "prefix",
    "delimiter",
    "max-keys",
    "continuation-token",
    "start-after",
    "encoding-type",
    "fetch-owner",
];

pub(super) fn call(call: &S3Call<'_>) -> Result<Answer, Failure> {
    let query = |name| call.target.query(name);
    if query("list-type") != Some("2") {
        return Err(invalid("list-type", "Invalid List Type specified in Request"));
    }
    if query("fetch-owner").is_some_and(|owner| owner != "false") {
        return Err(not_implemented("fetch-owner"));
    }
    let encoded = match query("encoding-type") {
        None => false,
        Some("url") => true,
        Some(_) => return Err(invalid("encoding-type", "Invalid Encoding Method specified in Request")),
    };
    let max_keys = match query("max-keys").map(str::parse::<u32>) {
        None => PAGE,
        Some(Ok(count)) => PAGE.min(count as usize),
        Some(Err(_)) => {
            let message = "Argument maxKeys must be an integer between 0 and 2147483647";
            return Err(invalid("maxKeys", message));
        }
    };
    let bucket = &call.target.bucket;
    let (prefix, delimiter) = (query("prefix").unwrap_or_default(), query("delimiter"));
    let binding = format!("ListObjectsV2 {bucket} {} {prefix}", delimiter.unwrap_or_default());
    let resumed = match query("continuation-token") {
        None => None,
        Some(token) => Some(call.world.tokens.open_text(&binding, token).ok_or_else(|| {
            let message = "The continuation token provided is incorrect";
            invalid("continuation-token", message)
        })?),
    };
    let after = resumed.as_deref().or(query("start-after")).unwrap_or_default();
    let (entries, more) = call.world.s3.page(bucket, prefix, delimiter, after, max_keys);
    let next = entries
        .last()
        .filter(|_| more)
        .map(|last| call.world.tokens.seal_text(&binding, last.name()));

    let name = |xml: &mut Xml, tag: &str, name: &str| {
        if encoded {
            xml.plain(tag, &encode_path(name.bytes()));
        } else {
            xml.text(tag, name);
        }
    };
    let mut xml = Xml::with_capacity(600 + 300 * entries.len());
    xml.markup("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    xml.text("Name", bucket);
    name(&mut xml, "Prefix", prefix);
    if let Some(delimiter) = delimiter {
        name(&mut xml, "Delimiter", delimiter);
    }
    for (tag, parameter) in [
        ("ContinuationToken", "continuation-token"),
        ("EncodingType", "encoding-type"),
    ] {
        if let Some(value) = query(parameter) {
            xml.text(tag, value);
        }
    }
    if let Some(start) = query("start-after") {
        name(&mut xml, "StartAfter", start);
    }
    if let Some(next) = &next {
        xml.text("NextContinuationToken", next);
    }
    xml.number("KeyCount", entries.len() as u64);
    xml.number("MaxKeys", max_keys as u64);
    xml.flag("IsTruncated", more);
    for entry in &entries {
        match entry {
            Entry::Object(key, object) => xml.element("Contents", |xml| {
                name(xml, "Key", key);
                xml.time("LastModified", object.modified);
                xml.text("ETag", &object.etag);
                xml.number("Size", object.body.len() as u64);
                xml.plain("StorageClass", "STANDARD");
            }),
            Entry::Prefix(prefix) => xml.element("CommonPrefixes", |xml| name(xml, "Prefix", prefix)),
        }
    }
    xml.close("ListBucketResult");
    Ok(Answer::new(200, XML, xml.finish()))
}

fn invalid(argument: &str, message: &str) -> Failure {
    Failure::new(400, "InvalidArgument", message).with_detail("ArgumentName", argument)
}
