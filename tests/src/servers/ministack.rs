//! ministack with authentication on: it checks signatures, trust policies, external ids, permissions and expiry.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{Journal, Served};
use crate::oracle;

/// The account of the root user's configured key, which nothing uses.
const MASTER: &str = "111122223333";
/// The secret of the root user of every account; its access key is the account's id. Only seeds use it.
const ROOT_SECRET: &str = "root-secret-of-the-test-server";

/// A running ministack.
pub struct Ministack {
    served: Served,
}

impl Ministack {
    /// The ministack that most cases share; each has accounts of its own in it.
    pub fn shared() -> &'static Ministack {
        static MINISTACK: OnceLock<Result<Ministack, String>> = OnceLock::new();
        MINISTACK
            .get_or_init(|| Ministack::start(&[]))
            .as_ref()
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// One with further arguments of `tests/python/serve.py`, such as `--delay` and `--longest-session`.
    pub fn start(arguments: &[&str]) -> Result<Ministack, String> {
        let mut all = vec!["ministack"];
        all.extend(arguments);
        // Without IOT_MTLS_ENABLED=0 it would listen on a public address.
        let variables = [
            ("BIND_HOST", "127.0.0.1"),
            ("IOT_MTLS_ENABLED", "0"),
            ("SFTP_ENABLED", "0"),
            ("AUTH", "true"),
            // Its other engine does not run the SQL.
            ("ATHENA_ENGINE", "duckdb"),
            ("AWS_ACCESS_KEY_ID", "ROOTROOTROOTROOTROOT"),
            ("AWS_SECRET_ACCESS_KEY", ROOT_SECRET),
            ("MINISTACK_ACCOUNT_ID", MASTER),
        ];
        let variables = variables.map(|(name, value)| (name, value.to_owned()));
        Ok(Ministack {
            served: Served::start(&all, &variables, "/_ministack/health")?,
        })
    }

    /// Lets `tests/python/seed_ministack.py` make what `wish` names, and returns what it made.
    pub fn seed(&self, mut wish: Value) -> Value {
        wish["endpoint"] = self.url().into();
        wish["root_secret"] = ROOT_SECRET.into();
        oracle::python("seed_ministack.py", &wish).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Makes calls as the root user of the accounts that they name, and returns their answers.
    pub fn call(&self, calls: Vec<Value>) -> Vec<Value> {
        oracle::calls(
            json!({ "endpoint": self.url(), "secret_access_key": ROOT_SECRET }),
            calls,
        )
    }

    /// The endpoint of every service.
    pub fn url(&self) -> String {
        self.served.url()
    }

    /// What it was asked.
    pub fn journal(&self) -> &Journal {
        &self.served.journal
    }

    /// The file of the secrets that it has given out.
    pub fn issued(&self) -> &Path {
        &self.served.issued
    }

    /// Its own log.
    pub fn log(&self) -> String {
        self.served.process.log()
    }
}
