//! An HTTP proxy, for names that only it knows.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{TRIES, clean};
use crate::environment;
use crate::process::{self, Server};

/// A running proxy.py. Names that end in `.test.invalid` are loopback to it, and nothing to anyone else.
pub struct Proxy {
    port: u16,
    journal: PathBuf,
    _process: Server,
    // Dropped last: the process writes into it.
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// A proxy that lets everybody through, or those who give this `user:password`.
    pub fn start(authentication: Option<&str>) -> Proxy {
        match authentication {
            Some(pair) => Proxy::with(&["--basic-auth", pair]),
            None => Proxy::with(&[]),
        }
    }

    /// A proxy that answers 503 to so many requests first.
    pub fn busy(requests: u32) -> Proxy {
        Proxy::with(&["--busy", &requests.to_string()])
    }

    fn with(arguments: &[&str]) -> Proxy {
        let mut last = String::new();
        for _ in 0..TRIES {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let journal = folder.path().join("journal");
            let port = process::free_port();
            let mut command = Command::new(environment::python());
            command
                .arg("-B")
                .arg(environment::script("python/proxy_server.py"))
                .arg(port.to_string())
                .arg(&journal)
                .args(arguments);
            clean(&mut command, folder.path());
            match Server::start(command, &folder.path().join("log"), port, "") {
                Ok(process) => {
                    return Proxy {
                        port,
                        journal,
                        _process: process,
                        _folder: folder,
                    };
                }
                Err(error) => last = error,
            }
        }
        panic!("{last}");
    }

    /// Its address on loopback, as a proxy variable has it; `authentication` is empty or `user:password@`.
    pub fn url(&self, authentication: &str) -> String {
        format!("http://{authentication}127.0.0.1:{}", self.port)
    }

    /// What it has let through: method, host and port, each as often as it was asked for.
    pub fn passed(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.journal).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
