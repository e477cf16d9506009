//! DeleteObjects: up to 1000 keys at once, each with an outcome of its own.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>

use super::S3Call;
use super::access::authorize;
use super::words::{XML, not_implemented};
use crate::failure::Failure;
use crate::http::Answer;
use crate::xml::{Xml, unescape};

/// The most keys of a call.
const MOST: usize = 1000;

pub(super) fn call(call: &S3Call<'_>) -> Result<Answer, Failure> {
    let checked = call.request.headers.keys().map(hyper::header::HeaderName::as_str);
    if !checked
        .into_iter()
        .any(|name| name == "content-md5" || name.starts_with("x-amz-checksum-"))
    {
        let message = "Missing required header for this request: Content-MD5";
        return Err(Failure::new(400, "InvalidRequest", message));
    }
    let (keys, quiet) = read(&call.request.body)?;
    let mut xml = Xml::with_capacity(200 + 100 * keys.len());
    xml.markup(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
    );
    for key in &keys {
        let allowed = authorize(call.world, call.caller, "s3:DeleteObject", &call.target.bucket, key);
        match allowed {
            Ok(()) => {
                call.world.s3.delete(&call.target.bucket, key);
                if !quiet {
                    xml.element("Deleted", |xml| xml.text("Key", key));
                }
            }
            Err(failure) => xml.element("Error", |xml| {
                xml.text("Key", key);
                xml.text("Code", &failure.code);
                xml.text("Message", &failure.message);
            }),
        }
    }
    xml.close("DeleteResult");
    Ok(Answer::new(200, XML, xml.finish()))
}

/// The keys, and whether only failures are to be told.
fn read(body: &[u8]) -> Result<(Vec<String>, bool), Failure> {
    let malformed = || {
        let message = "The XML you provided was not well-formed or did not validate against our published schema";
        Failure::new(400, "MalformedXML", message)
    };
    let text = std::str::from_utf8(body).map_err(|_| malformed())?;
    if !text.contains("<Delete") || !text.trim_end().ends_with("</Delete>") {
        return Err(malformed());
    }
    if text.contains("<VersionId>") || text.contains("<ETag>") {
        return Err(not_implemented("VersionId"));
    }
    let mut keys = Vec::new();
    for object in text.split("<Object>").skip(1) {
        let (_, rest) = object.split_once("<Key>").ok_or_else(malformed)?;
        let (key, _) = rest.split_once("</Key>").ok_or_else(malformed)?;
        keys.push(unescape(key).ok_or_else(malformed)?);
    }
    if keys.is_empty() || keys.len() > MOST {
        return Err(malformed());
    }
    Ok((keys, text.contains("<Quiet>true</Quiet>")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_unescaped_and_counted() {
        let body = "<?xml version=\"1.0\"?>\n<Delete xmlns=\"x\"><Object><Key>a &amp; b</Key></Object>\
                    <Object><Key>c&#10;</Key></Object><Quiet>true</Quiet></Delete>";
        assert_eq!(
            read(body.as_bytes()).unwrap(),
            (vec!["a & b".to_owned(), "c\n".to_owned()], true)
        );
        let many = |count: usize| format!("<Delete>{}</Delete>", "<Object><Key>k</Key></Object>".repeat(count));
        assert_eq!(read(many(1000).as_bytes()).unwrap().0.len(), 1000);
        let object = "<Object><Key>k</Key><VersionId>1</VersionId></Object>";
        assert_eq!(
            read(format!("<Delete>{object}</Delete>").as_bytes()).unwrap_err().code,
            "NotImplemented"
        );
        for broken in [
            String::new(),
            many(0),
            many(1001),
            "<Delete><Object><Key>k</Key></Object>".to_owned(),
            "<Delete><Object></Object></Delete>".to_owned(),
            "<Delete><Object><Key>&nbsp;</Key></Object></Delete>".to_owned(),
        ] {
            assert_eq!(
                read(broken.as_bytes()).unwrap_err().code,
                "MalformedXML",
                "{broken:.80}"
            );
        }
    }
}
