//! A small HTTP client that signs: written after AWS's description, not after the simulator's code.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::{digest, hmac};
use aws_sim::{AccessKey, Sim};

pub(crate) const MANAGEMENT: &str = "111122223333";
pub(crate) const MEMBER: &str = "222233334444";

#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

impl From<AccessKey> for Keys {
    fn from(key: AccessKey) -> Self {
        Self {
            id: key.access_key_id,
            secret: key.secret_access_key,
            token: None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Reply {
    /// The texts of all elements of this name.
    pub(crate) fn all(&self, tag: &str) -> Vec<String> {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let texts = self
            .body
            .split(&open)
            .skip(1)
            .filter_map(|rest| rest.split(&close).next());
        texts.map(str::to_owned).collect()
    }

    pub(crate) fn tag(&self, tag: &str) -> Option<String> {
        self.all(tag).into_iter().next()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Status, code and message of an error, in whichever protocol.
    pub(crate) fn error(&self) -> (u16, String, String) {
        if self.body.starts_with('{') {
            let json = self.json();
            let message = json
                .get("Message")
                .or_else(|| json.get("message"))
                .and_then(|text| text.as_str());
            return (
                self.status,
                json["__type"].as_str().unwrap_or_default().to_owned(),
                message.unwrap_or("").to_owned(),
            );
        }
        (
            self.status,
            self.tag("Code").unwrap_or_default(),
            self.tag("Message").unwrap_or_default(),
        )
    }

    pub(crate) fn code(&self) -> String {
        self.error().1
    }

    /// The credentials of an STS answer.
    pub(crate) fn keys(&self) -> Keys {
        let tag = |name| self.tag(name).unwrap_or_else(|| panic!("no {name} in {}", self.body));
        Keys {
            id: tag("AccessKeyId"),
            secret: tag("SecretAccessKey"),
            token: Some(tag("SessionToken")),
        }
    }
}

/// What can be wrong with a request on purpose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signing {
    pub(crate) skew: i64,
    pub(crate) leave_out: Option<&'static str>,
    pub(crate) body_sent_instead: Option<&'static str>,
    pub(crate) unsigned_payload: bool,
}

pub(crate) fn sts(sim: &Sim, keys: &Keys, form: &str) -> Reply {
    aws(sim, keys, "sts", "eu-central-1", &format!("{form}&Version=2011-06-15"))
}

pub(crate) fn ec2(sim: &Sim, keys: &Keys, region: &str, form: &str) -> Reply {
    aws(sim, keys, "ec2", region, &format!("{form}&Version=2016-11-15"))
}

/// An operation of Organizations with its input as JSON.
pub(crate) fn organizations(sim: &Sim, keys: &Keys, operation: &str, input: &str) -> Reply {
    let signing = Signing::default();
    signed(
        sim,
        keys,
        "organizations",
        "us-east-1",
        Some(operation),
        input,
        &signing,
    )
    .unwrap()
}

pub(crate) fn aws(sim: &Sim, keys: &Keys, service: &str, region: &str, form: &str) -> Reply {
    signed(sim, keys, service, region, None, form, &Signing::default()).unwrap()
}

/// A role's session.
pub(crate) fn assume(sim: &Sim, keys: &Keys, role: &str) -> Keys {
    sts(
        sim,
        keys,
        &format!("Action=AssumeRole&RoleSessionName=it&RoleArn={role}"),
    )
    .keys()
}

pub(crate) fn signed(
    sim: &Sim,
    keys: &Keys,
    service: &str,
    region: &str,
    target: Option<&str>,
    body: &str,
    how: &Signing,
) -> io::Result<Reply> {
    let now = sim.clock().now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + how.skew;
    let stamp = basic(now);
    let mut headers = BTreeMap::from([
        ("host".to_owned(), sim.address().to_string()),
        ("x-amz-date".to_owned(), stamp.clone()),
        (
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        ),
    ]);
    if let Some(operation) = target {
        let prefix = if service == "athena" {
            "AmazonAthena"
        } else {
            "AWSOrganizationsV20161128"
        };
        headers.insert("x-amz-target".to_owned(), format!("{prefix}.{operation}"));
        headers.insert("content-type".to_owned(), "application/x-amz-json-1.1".to_owned());
    }
    if let Some(token) = &keys.token {
        headers.insert("x-amz-security-token".to_owned(), token.clone());
    }
    let mut payload = hex(&sha256(body.as_bytes()));
    if how.unsigned_payload {
        payload = "UNSIGNED-PAYLOAD".to_owned();
        headers.insert("x-amz-content-sha256".to_owned(), payload.clone());
    }
    let covered: Vec<_> = headers
        .iter()
        .filter(|(name, _)| Some(name.as_str()) != how.leave_out)
        .collect();
    let names = covered
        .iter()
        .map(|(name, _)| name.as_str())
        .collect::<Vec<_>>()
        .join(";");
    let lines: String = covered
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let canonical = format!("POST\n/\n\n{lines}\n{names}\n{payload}");
    let scope = format!("{}/{region}/{service}/aws4_request", &stamp[..8]);
    let hashed = hex(&sha256(canonical.as_bytes()));
    let mut key = format!("AWS4{}", keys.secret).into_bytes();
    for part in [&stamp[..8], region, service, "aws4_request"] {
        key = mac(&key, part);
    }
    let signature = hex(&mac(&key, &format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}")));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        keys.id
    );
    headers.insert("authorization".to_owned(), authorization);
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    send(sim, "POST", "/", &headers, how.body_sent_instead.unwrap_or(body))
}

/// One request over a connection of its own.
pub(crate) fn send(sim: &Sim, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(sim.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    if !headers.iter().any(|(name, _)| *name == "host") {
        request.push_str(&format!("host: {}\r\n", sim.address()));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer).map_err(io::Error::other)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .unwrap();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    if headers
        .get("content-length")
        .is_some_and(|length| length.parse() != Ok(body.len()))
    {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Reply {
        status,
        headers,
        body: body.to_owned(),
    })
}

pub(crate) fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn basic(unix: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(unix).unwrap();
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    format!(
        "{year:04}{:02}{day:02}T{hour:02}{minute:02}{second:02}Z",
        u8::from(month)
    )
}

/// An operation of Athena with its input as JSON.
pub(crate) fn athena(sim: &Sim, keys: &Keys, region: &str, operation: &str, input: &str) -> Reply {
    signed(sim, keys, "athena", region, Some(operation), input, &Signing::default()).unwrap()
}
