//! What a server was asked, in its own words.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// One request to an AWS server.
#[derive(Clone, Debug)]
pub struct Request {
    /// The operation, such as `AssumeRole`.
    pub action: String,
    /// The service that the request was signed for; empty for an unsigned request.
    pub service: String,
    /// The region that the request was signed for; empty for an unsigned request.
    pub region: String,
    /// The access key that signed it; empty for an unsigned request.
    pub access_key_id: String,
    /// The `RoleSessionName` of the session that signed it; empty where no role had been assumed.
    pub session: String,
    /// Parameters by name, as the protocol of the service spells them.
    pub parameters: Value,
    /// How many requests were under way when this one came in, itself included.
    pub under_way: u64,
}

impl Request {
    /// A parameter that is a text, or an empty text.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The journal of a server.
pub struct Journal {
    file: PathBuf,
}

impl Journal {
    pub(super) fn new(file: PathBuf) -> Journal {
        Journal { file }
    }

    /// All requests so far, in the order in which they came in.
    pub fn requests(&self) -> Vec<Request> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        // The last line may still be being written.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(|line: Value| request(&line))
            .collect()
    }

    /// The requests that belong to a case: signed by its access key, or made for or in sessions of its name. A case that
    /// has neither has none.
    pub fn of(&self, access_key_id: &str, session: &str) -> Vec<Request> {
        let is = |found: &str, wanted: &str| !wanted.is_empty() && found == wanted;
        let belongs = |request: &Request| {
            is(&request.access_key_id, access_key_id)
                || is(&request.session, session)
                || is(request.parameter("RoleSessionName"), session)
        };
        self.requests().into_iter().filter(belongs).collect()
    }
}

fn request(line: &Value) -> Request {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    Request {
        action: text("action"),
        service: text("service"),
        region: text("region"),
        access_key_id: text("access_key_id"),
        session: text("session"),
        parameters: line["parameters"].clone(),
        under_way: line["under_way"].as_u64().unwrap_or_default(),
    }
}
