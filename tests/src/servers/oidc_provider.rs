//! oidc-provider: an identity provider that is certified for what it does, here for client credentials.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::{TRIES, clean};
use crate::certificates::Certificates;
use crate::environment;
use crate::process::{self, Server};

/// One token request.
#[derive(Debug)]
pub struct TokenRequest {
    /// Where the client secret was: `header`, `body` or `nowhere`.
    pub secret_in: String,
    /// The form, without the secret.
    pub parameters: Value,
    /// The HTTP status of the answer.
    pub status: u64,
    /// The claims of the access token; null for an opaque one and for an error.
    pub claims: Value,
}

/// A running identity provider. `tests/node/provider.mjs` says which clients it knows.
pub struct OidcProvider {
    origin: String,
    port: u16,
    journal: PathBuf,
    issued: PathBuf,
    _process: Server,
    // Dropped last: the process writes into it.
    _folder: tempfile::TempDir,
}

impl OidcProvider {
    /// The id of the client that authenticates with the `Authorization` header.
    pub const BASIC: &str = "inventory:basic";
    /// Its secret: most of its characters have to be encoded in a form.
    pub const BASIC_SECRET: &str = "basic-s3cret/+=:% &x";
    /// The id of the client that authenticates in the form.
    pub const POST: &str = "inventory-post";
    /// Its secret.
    pub const POST_SECRET: &str = "post-s3cret/+=:% &x";

    /// The provider that all cases share.
    pub fn shared() -> &'static OidcProvider {
        static PROVIDER: OnceLock<Result<OidcProvider, String>> = OnceLock::new();
        PROVIDER
            .get_or_init(|| OidcProvider::start("http://127.0.0.1", None))
            .as_ref()
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// A provider of this name, behind TLS.
    pub fn with_certificate(host: &str, certificates: &Certificates) -> Result<OidcProvider, String> {
        OidcProvider::start(&format!("https://{host}"), Some(certificates))
    }

    fn start(origin: &str, certificates: Option<&Certificates>) -> Result<OidcProvider, String> {
        let mut last = String::new();
        for _ in 0..TRIES {
            let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
            let (journal, issued) = (folder.path().join("journal"), folder.path().join("issued"));
            let port = process::free_port();
            let mut command = Command::new(environment::node());
            command
                .arg(environment::script("node/provider.mjs"))
                .arg(environment::node_modules());
            let origin = format!("{origin}:{port}");
            command.arg(port.to_string()).arg(&journal).arg(&issued).arg(&origin);
            let mut ready = "/.well-known/openid-configuration";
            if let Some(certificates) = certificates {
                command.args([&certificates.certificate, &certificates.key]);
                ready = "";
            }
            clean(&mut command, folder.path());
            match Server::start(command, &folder.path().join("log"), port, ready) {
                Ok(process) => {
                    return Ok(OidcProvider {
                        origin,
                        port,
                        journal,
                        issued,
                        _process: process,
                        _folder: folder,
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The token endpoint.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.origin)
    }

    /// The issuer as IAM names it: without its scheme.
    pub fn issuer(&self) -> String {
        self.origin.split("//").last().unwrap_or_default().to_owned()
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The token requests of a case, known by a form field that it adds.
    pub fn requests_with(&self, field: &str, value: &str) -> Vec<TokenRequest> {
        let text = fs::read_to_string(&self.journal).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter(|line| line["parameters"][field] == value)
            .map(|line| request(&line))
            .collect()
    }

    /// The file of the tokens that it has given out.
    pub fn issued(&self) -> &Path {
        &self.issued
    }
}

fn request(line: &Value) -> TokenRequest {
    TokenRequest {
        secret_in: line["secret_in"].as_str().unwrap_or_default().to_owned(),
        parameters: line["parameters"].clone(),
        status: line["status"].as_u64().unwrap_or_default(),
        claims: line["claims"].clone(),
    }
}
