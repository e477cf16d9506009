//! AWS Signature Version 4, from the server's side: read the `Authorization` header, rebuild the canonical request,
//! compare. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use aws_lc_rs::{digest, hmac};
use hyper::HeaderMap;

use crate::http::Request;
use crate::xml::push_hex;

/// What the `Authorization` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) access_key_id: String,
    pub(crate) date: String,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) signed_headers: Vec<String>,
    pub(crate) signature: String,
}

/// The credential scope's last part.
const TERMINATOR: &str = "aws4_request";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

impl Authorization {
    /// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let fields = header.strip_prefix(ALGORITHM)?.trim();
        let field = |name: &str| {
            fields
                .split(',')
                .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let mut scope = field("Credential")?.split('/');
        let mut part = || scope.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let (access_key_id, date, region, service) = (part()?, part()?, part()?, part()?);
        if part()? != TERMINATOR || part().is_some() {
            return None;
        }
        Some(Self {
            access_key_id,
            date,
            region,
            service,
            signed_headers: field("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: field("Signature")?.to_owned(),
        })
    }

    /// Whether a header is covered by the signature.
    pub(crate) fn covers(&self, header: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed == header)
    }

    /// The signature that this request should carry. `stamp` is the value of `x-amz-date`.
    pub(crate) fn expected(&self, request: &Request, secret: &str, stamp: &str) -> String {
        let canonical = self.canonical_request(request);
        let scope = format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service);
        let to_sign = format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
        let key = signing_key(secret, &self.date, &self.region, &self.service);
        hex(hmac(key, to_sign.as_bytes()).as_ref())
    }

    fn canonical_request(&self, request: &Request) -> String {
        let mut out = String::with_capacity(512);
        out.push_str(&request.method);
        out.push('\n');
        out.push_str(&canonical_path(&request.path, self.service == "s3"));
        out.push('\n');
        out.push_str(&canonical_query(&request.query));
        out.push('\n');
        for name in &self.signed_headers {
            out.push_str(name);
            out.push(':');
            out.push_str(&canonical_header(&request.headers, name));
            out.push('\n');
        }
        out.push('\n');
        out.push_str(&self.signed_headers.join(";"));
        out.push('\n');
        out.push_str(&payload_hash(request));
        out
    }
}

/// What the client announced (whether the body keeps the promise is another question), else the hash of the body.
fn payload_hash(request: &Request) -> String {
    match request.header("x-amz-content-sha256") {
        Some(announced) => announced.to_owned(),
        None => sha256_hex(&request.body),
    }
}

/// Every service but S3 encodes the path twice.
fn canonical_path(path: &str, once: bool) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    if once {
        return encode_path(percent_encoding::percent_decode_str(path));
    }
    encode_path(path.bytes())
}

/// Encodes everything but slashes.
pub(crate) fn encode_path(bytes: impl IntoIterator<Item = u8>) -> String {
    let mut out = String::new();
    for byte in bytes {
        if byte == b'/' {
            out.push('/');
        } else {
            push_encoded(&mut out, byte);
        }
    }
    out
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (recode(name), recode(value))
        })
        .collect();
    pairs.sort();
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&")
}

fn recode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    percent_encoding::percent_decode_str(text).for_each(|byte| push_encoded(&mut out, byte));
    out
}

fn push_encoded(out: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        out.push(char::from(byte));
    } else {
        out.push('%');
        push_hex_upper(out, byte);
    }
}

fn push_hex_upper(out: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 0xf] {
        out.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
    }
}

/// Values trimmed, runs of blanks made one, several headers of one name joined by commas.
fn canonical_header(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().map(|value| {
        String::from_utf8_lossy(value.as_bytes())
            .split_ascii_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    });
    values.collect::<Vec<_>>().join(",")
}

fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> hmac::Tag {
    let start = hmac(format!("AWS4{secret}").as_bytes(), date.as_bytes());
    [region, service, TERMINATOR]
        .iter()
        .fold(start, |key, part| hmac(key.as_ref(), part.as_bytes()))
}

fn hmac(key: impl AsRef<[u8]>, data: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), data)
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(data: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, data).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push_hex(&mut out, u64::from(*byte), 2);
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn request(method: &str, query: &str, headers: &[(&'static str, &'static str)], body: &'static str) -> Request {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Request {
            method: method.to_owned(),
            path: "/".to_owned(),
            query: query.to_owned(),
            headers: map,
            body: body.as_bytes().into(),
        }
    }

    fn signed(scope: &str, headers: &str) -> Authorization {
        let header = format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={headers}, Signature=00");
        Authorization::parse(&header).unwrap()
    }

    /// The example of AWS's General Reference: IAM's ListUsers.
    #[test]
    fn the_published_example_of_iam() {
        let request = request(
            "GET",
            "Action=ListUsers&Version=2010-05-08",
            &[
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("host", "iam.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            "",
        );
        let auth = signed("20150830/us-east-1/iam/aws4_request", "content-type;host;x-amz-date");
        assert_eq!(
            auth.expected(&request, SECRET, "20150830T123600Z"),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    /// `get-vanilla` and `get-vanilla-query-order-key-case` of the signature test suite.
    #[test]
    fn the_published_test_suite() {
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        let auth = signed("20150830/us-east-1/service/aws4_request", "host;x-amz-date");
        assert_eq!(
            auth.expected(&request("GET", "", &headers, ""), SECRET, "20150830T123600Z"),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(
            auth.expected(
                &request("GET", "Param2=value2&Param1=value1", &headers, ""),
                SECRET,
                "20150830T123600Z"
            ),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
    }

    #[test]
    fn the_header_is_read_with_and_without_blanks() {
        let tight = "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-west-1/ec2/aws4_request,SignedHeaders=host,Signature=a";
        let auth = Authorization::parse(tight).unwrap();
        assert_eq!(
            (auth.region.as_str(), auth.service.as_str(), auth.signature.as_str()),
            ("eu-west-1", "ec2", "a")
        );
        assert!(auth.covers("host") && !auth.covers("x-amz-date"));
        for broken in [
            "",
            "Bearer x",
            "AWS4-HMAC-SHA256 Credential=AK/1/2/3/4, SignedHeaders=host, Signature=a",
        ] {
            assert_eq!(Authorization::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn an_unsigned_payload_is_taken_at_its_word() {
        let with = |body| request("POST", "", &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")], body);
        let auth = signed("20150830/us-east-1/service/aws4_request", "x-amz-content-sha256");
        assert_eq!(
            auth.expected(&with("a"), SECRET, "x"),
            auth.expected(&with("b"), SECRET, "x")
        );
    }
}
