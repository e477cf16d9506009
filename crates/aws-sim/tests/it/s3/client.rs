//! A client of S3: signs as S3 wants it (the path is encoded once, the hash of the body is a header), and reads bytes.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, UNIX_EPOCH};

use aws_sim::Sim;

use crate::client::{Keys, basic, hex, mac, sha256};

/// A request before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    /// As it is sent.
    pub(crate) path: String,
    /// Pairs in the order in which they are sorted when encoded.
    pub(crate) query: Vec<(&'a str, String)>,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) region: &'a str,
    /// What `x-amz-content-sha256` says instead of the hash of the body; an empty text leaves it out.
    pub(crate) payload: Option<&'a str>,
    pub(crate) skew: i64,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(method: &'a str, bucket: &str, key: &str) -> Self {
        let slash = if key.is_empty() { "" } else { "/" };
        Self {
            method,
            path: format!("/{bucket}{slash}{}", encoded(key, "/")),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            region: "eu-central-1",
            payload: None,
            skew: 0,
        }
    }

    pub(crate) fn query(mut self, name: &'a str, value: &str) -> Self {
        self.query.push((name, value.to_owned()));
        self.query.sort();
        self
    }

    pub(crate) fn header(mut self, name: &'a str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn region(mut self, region: &'a str) -> Self {
        self.region = region;
        self
    }

    pub(crate) fn send(&self, sim: &Sim, keys: &Keys) -> Got {
        self.try_send(sim, keys).unwrap()
    }

    /// Over a connection of its own; an answer that is shorter than it promised is an error.
    pub(crate) fn try_send(&self, sim: &Sim, keys: &Keys) -> io::Result<Got> {
        let mut stream = self.open(sim, keys)?;
        let got = read_answer(&mut stream, self.method)?;
        match got.broken {
            None => Ok(got),
            Some(kind) => Err(kind.into()),
        }
    }

    /// Sends the request and leaves the answer to the caller.
    pub(crate) fn open(&self, sim: &Sim, keys: &Keys) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(sim.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(&self.head(sim, keys))?;
        stream.write_all(&self.body)?;
        Ok(stream)
    }

    fn head(&self, sim: &Sim, keys: &Keys) -> Vec<u8> {
        let now = sim.clock().now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + self.skew;
        let stamp = basic(now);
        let payload = self.payload.map_or_else(|| hex(&sha256(&self.body)), str::to_owned);
        let mut headers = BTreeMap::from([
            ("host".to_owned(), sim.address().to_string()),
            ("x-amz-date".to_owned(), stamp.clone()),
        ]);
        if !payload.is_empty() {
            headers.insert("x-amz-content-sha256".to_owned(), payload.clone());
        }
        if let Some(token) = &keys.token {
            headers.insert("x-amz-security-token".to_owned(), token.clone());
        }
        headers.extend(
            self.headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let names = headers.keys().cloned().collect::<Vec<_>>().join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let pairs = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value, "")));
        let query = pairs.collect::<Vec<_>>().join("&");
        let canonical = format!("{}\n{}\n{query}\n{lines}\n{names}\n{payload}", self.method, self.path);
        let scope = format!("{}/{}/s3/aws4_request", &stamp[..8], self.region);
        let hashed = hex(&sha256(canonical.as_bytes()));
        let mut key = format!("AWS4{}", keys.secret).into_bytes();
        for part in [&stamp[..8], self.region, "s3", "aws4_request"] {
            key = mac(&key, part);
        }
        let signature = hex(&mac(&key, &format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}")));
        let mark = if query.is_empty() { "" } else { "?" };
        let mut head = format!(
            "{} {}{mark}{query} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential={}/{scope}, SignedHeaders={names}, Signature={signature}\r\n",
            self.method,
            self.path,
            self.body.len(),
            keys.id
        );
        for (name, value) in &headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// An answer, or as much of it as came.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// How it broke off.
    pub(crate) broken: Option<io::ErrorKind>,
}

impl Got {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The texts of all elements of this name.
    pub(crate) fn all(&self, tag: &str) -> Vec<&str> {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let parts = self.text().split(open.as_str()).skip(1).collect::<Vec<_>>();
        parts
            .into_iter()
            .map(|part| &part[..part.find(&close).unwrap()])
            .collect()
    }

    pub(crate) fn tag(&self, tag: &str) -> &str {
        self.all(tag)
            .first()
            .copied()
            .unwrap_or_else(|| panic!("no {tag} in {}", self.text()))
    }

    pub(crate) fn error(&self) -> (u16, &str) {
        (self.status, self.tag("Code"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }
}

/// Reads to the end of the connection.
pub(crate) fn read_answer(stream: &mut TcpStream, method: &str) -> io::Result<Got> {
    let mut answer = Vec::new();
    let mut broken = stream.read_to_end(&mut answer).err().map(|error| error.kind());
    let at = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(at) = at else {
        return Err(broken.unwrap_or(io::ErrorKind::UnexpectedEof).into());
    };
    let body = answer.split_off(at + 4);
    let head = String::from_utf8(answer).map_err(io::Error::other)?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .unwrap();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let promised = headers.get("content-length").map(|length| length.parse().unwrap());
    if broken.is_none() && method != "HEAD" && promised.is_some_and(|length: usize| length != body.len()) {
        broken = Some(io::ErrorKind::UnexpectedEof);
    }
    Ok(Got {
        status,
        headers,
        body,
        broken,
    })
}

/// Percent-encoded, but for unreserved characters and those to be kept.
pub(crate) fn encoded(text: &str, keep: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            byte if keep.contains(char::from(byte)) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
