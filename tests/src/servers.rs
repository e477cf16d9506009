//! The servers that nobody here wrote, each started once and shared by all cases of the test program.

mod journal;
mod ministack;
mod model;
mod moto;
mod nobody;
mod oidc_provider;
mod proxy;

use std::path::{Path, PathBuf};
use std::process::Command;

pub use journal::{Journal, Request};
pub use ministack::Ministack;
pub use model::Model;
pub use moto::{Estate, Moto};
pub use nobody::Nobody;
pub use oidc_provider::{OidcProvider, TokenRequest};
pub use proxy::Proxy;

use crate::environment;
use crate::process::{self, Server};

/// How often a server is tried on another port, should the first have been taken between choice and start.
const TRIES: usize = 3;

/// A server run by `tests/python/serve.py`, with its journal and its list of issued secrets.
struct Served {
    process: Server,
    port: u16,
    journal: Journal,
    issued: PathBuf,
    // Dropped last: the process writes into it.
    _folder: tempfile::TempDir,
}

impl Served {
    /// Starts `serve.py` with these arguments, and with `environment` as the only one of the variables that servers read.
    fn start(arguments: &[&str], environment: &[(&str, String)], ready: &str) -> Result<Served, String> {
        let mut last = String::new();
        for _ in 0..TRIES {
            let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
            let port = process::free_port();
            let (journal, issued) = (folder.path().join("journal"), folder.path().join("issued"));
            let mut command = Command::new(environment::python());
            command
                .arg("-B")
                .arg(environment::script("python/serve.py"))
                .args(arguments);
            command
                .args(["--port", &port.to_string(), "--journal"])
                .arg(&journal)
                .arg("--issued")
                .arg(&issued);
            clean(&mut command, folder.path());
            command.env("GATEWAY_PORT", port.to_string());
            command.envs(environment.iter().map(|(name, value)| (name, value)));
            match Server::start(command, &folder.path().join("log"), port, ready) {
                Ok(process) => {
                    return Ok(Served {
                        process,
                        port,
                        journal: Journal::new(journal),
                        issued,
                        _folder: folder,
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Leaves a process only what it needs to run, so that no AWS or proxy configuration of this machine gets in.
pub(crate) fn clean(command: &mut Command, home: &Path) {
    command.env_clear();
    for name in ["PATH", "LD_LIBRARY_PATH", "SYSTEMROOT"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("HOME", home).env("USERPROFILE", home).env("TMPDIR", home);
}
