//! Where things are: the workspace's root and its target folder.

use std::env;
use std::path::{Path, PathBuf};

/// The folder with the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the root.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A program of the workspace, as `cargo build` leaves it.
pub(crate) fn binary(name: &str) -> PathBuf {
    target()
        .join("debug")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// A program of the workspace, as `cargo build --release` leaves it.
pub(crate) fn release(name: &str) -> PathBuf {
    target()
        .join("release")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// A path as it is written in the root; as it is, when it lies elsewhere.
pub(crate) fn relative(path: &Path) -> &Path {
    path.strip_prefix(root()).unwrap_or(path)
}
