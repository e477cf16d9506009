//! A certificate authority of ones own, and a certificate by it for loopback and for names below `test.invalid`.

use std::path::PathBuf;
use std::process::Command;

use crate::environment;

/// Files in PEM, in a folder of their own.
pub struct Certificates {
    /// The authority's certificate: what a bundle holds.
    pub authority: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    _folder: tempfile::TempDir,
}

impl Certificates {
    /// Lets `tests/python/certificate.py` make them.
    pub fn new() -> Certificates {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [authority, certificate, key] =
            ["authority.pem", "certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        let mut command = Command::new(environment::python());
        command.arg("-B").arg(environment::script("python/certificate.py"));
        let made = command.args([&authority, &certificate, &key]).status();
        assert!(made.expect("python runs").success(), "certificates can be made");
        Certificates {
            authority,
            certificate,
            key,
            _folder: folder,
        }
    }

    /// The bundle that trusts the authority.
    pub fn bundle(&self) -> &str {
        self.authority.to_str().expect("a path in UTF-8")
    }
}

impl Default for Certificates {
    fn default() -> Certificates {
        Certificates::new()
    }
}
