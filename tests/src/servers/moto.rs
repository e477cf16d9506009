//! moto: an organization whose accounts are kept apart, with pages that are as small as one asks for.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{Journal, Served};
use crate::certificates::Certificates;
use crate::environment;
use crate::oracle;

/// What `tests/python/seed_moto.py` has made.
#[derive(Debug)]
pub struct Estate {
    /// The id of the management account.
    pub master: String,
    /// Ids of all accounts by name, the closed one and the management account (`master`) included.
    pub accounts: HashMap<String, String>,
    /// The id of the account that is suspended.
    pub closed: String,
    /// Ids of organizational units by path; `/Root` is the root's.
    pub units: HashMap<String, String>,
    /// The regions that have instances.
    pub regions: Vec<String>,
}

impl Estate {
    /// The id of an account by its name.
    pub fn account(&self, name: &str) -> &str {
        self.accounts
            .get(name)
            .unwrap_or_else(|| panic!("the estate has no account {name}"))
    }

    /// The id of an organizational unit by its path.
    pub fn unit(&self, path: &str) -> &str {
        self.units
            .get(path)
            .unwrap_or_else(|| panic!("the estate has no organizational unit {path}"))
    }
}

/// A running moto with the estate.
pub struct Moto {
    served: Served,
    /// The estate in it.
    pub estate: Estate,
    /// The bundle that its certificate needs.
    bundle: Option<String>,
}

impl Moto {
    /// The moto that all cases share. They only read from it.
    pub fn shared() -> &'static Moto {
        static MOTO: OnceLock<Result<Moto, String>> = OnceLock::new();
        MOTO.get_or_init(Moto::start)
            .as_ref()
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn start() -> Result<Moto, String> {
        let served = Served::start(&["moto"], &variables(), "/moto-api/")?;
        let made = oracle::python("seed_moto.py", &json!({ "endpoint": served.url() }))?;
        Ok(Moto {
            served,
            estate: estate(&made),
            bundle: None,
        })
    }

    /// An empty moto behind TLS.
    pub fn with_certificate(certificates: &Certificates) -> Result<Moto, String> {
        let path = |path: &Path| path.to_str().map(str::to_owned).ok_or("a path in UTF-8".to_owned());
        let (certificate, key) = (path(&certificates.certificate)?, path(&certificates.key)?);
        let arguments = ["moto", "--certificate", &certificate, "--key", &key];
        let served = Served::start(&arguments, &variables(), "")?;
        Ok(Moto {
            served,
            estate: estate(&Value::Null),
            bundle: Some(certificates.bundle().to_owned()),
        })
    }

    /// Makes calls in the accounts that they name, and returns their answers. Whoever fills accounts takes some that are
    /// not in the estate, and that no other case takes.
    pub fn call(&self, calls: Vec<Value>) -> Vec<Value> {
        oracle::calls(
            json!({
                "endpoint": self.url(),
                "ca_bundle": self.bundle,
                "access_key_id": "AKIASEEDSEEDSEEDSEED",
                "secret_access_key": "seed",
                "role": "arn:aws:iam::{accountId}:role/seed",
            }),
            calls,
        )
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.served.port
    }

    /// The endpoint of every service.
    pub fn url(&self) -> String {
        let url = self.served.url();
        match self.bundle {
            Some(_) => url.replace("http:", "https:"),
            None => url,
        }
    }

    /// What it was asked.
    pub fn journal(&self) -> &Journal {
        &self.served.journal
    }

    /// The file of the secrets that it has given out.
    pub fn issued(&self) -> &Path {
        &self.served.issued
    }
}

fn variables() -> [(&'static str, String); 2] {
    [
        (
            "MOTO_AMIS_PATH",
            environment::script("python/amis.json").display().to_string(),
        ),
        // Else the first label of any host name is a bucket.
        ("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true".to_owned()),
    ]
}

fn estate(made: &Value) -> Estate {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let by_name = |value: &Value| {
        value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, id)| (name.clone(), text(id)))
            .collect::<HashMap<_, _>>()
    };
    Estate {
        master: text(&made["master"]),
        accounts: by_name(&made["accounts"]),
        closed: text(&made["closed"]),
        units: by_name(&made["units"]),
        regions: made["regions"].as_array().into_iter().flatten().map(text).collect(),
    }
}
