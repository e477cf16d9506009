//! Where things are: the binaries under test, the interpreters with their packages, this package's own scripts.

use std::env;
use std::path::{Path, PathBuf};

/// A connector's binary, such as `ec2-connector`: what `EC2_CONNECTOR_BIN` names, or the one that cargo has built beside
/// the test program.
pub fn connector(name: &str) -> PathBuf {
    let built = || build_folder().join(format!("{name}{}", env::consts::EXE_SUFFIX));
    let variable = format!("{}_BIN", name.replace('-', "_").to_uppercase());
    existing(
        from_environment(&variable).unwrap_or_else(built),
        "cargo build --workspace --bins",
    )
}

/// The Python interpreter that has moto, ministack, boto3 and PyAthena.
pub fn python() -> PathBuf {
    let name = if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    };
    let made = || build_folder().join("../test-env/python").join(name);
    existing(
        from_environment("END_TO_END_PYTHON").unwrap_or_else(made),
        "cargo xtask test",
    )
}

/// The Node interpreter.
pub fn node() -> PathBuf {
    from_environment("END_TO_END_NODE").unwrap_or_else(|| "node".into())
}

/// The folder of the Node packages.
pub fn node_modules() -> PathBuf {
    let made = || build_folder().join("../test-env/node/node_modules");
    existing(
        from_environment("END_TO_END_NODE_MODULES").unwrap_or_else(made),
        "cargo xtask test",
    )
}

/// One of the programs of the tool age: `age`, `age-keygen`.
pub fn age(program: &str) -> PathBuf {
    let made = || build_folder().join("../test-env/age/usr/bin");
    let folders = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let on_the_path = || {
        folders
            .into_iter()
            .flatten()
            .find(|folder| folder.join(program).is_file())
    };
    let folder = from_environment("END_TO_END_AGE").or_else(on_the_path);
    existing(folder.unwrap_or_else(made).join(program), "cargo xtask test")
}

/// A script or a data file of this package.
pub fn script(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The folder of the built binaries, such as `target/debug`: the test program itself lies in its `deps`.
fn build_folder() -> PathBuf {
    let program = env::current_exe().expect("the test program has a path");
    let deps = program
        .ancestors()
        .find(|folder| folder.ends_with("deps"))
        .expect("cargo builds test programs in `deps`");
    deps.parent().expect("`deps` has a parent").to_path_buf()
}

fn from_environment(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn existing(path: PathBuf, maker: &str) -> PathBuf {
    assert!(path.exists(), "{} is not there: `{maker}` makes it", path.display());
    path
}
