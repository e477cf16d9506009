//! What the end-to-end tests need beside Rust: a Python environment with the servers moto and ministack and with boto3,
//! a Node folder with an identity provider, and the tool age. They are made below the target folder, from the pins in
//! `tests/`, and are made again only when those change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{steps, workspace};

/// The oldest Python that the pinned packages run on.
const PYTHON: (u32, u32) = (3, 11);
/// The oldest Node that the pinned packages run on.
const NODE: (u32, u32) = (20, 0);

/// What the tests find by environment variables.
pub(crate) struct Environment {
    /// The interpreter that has the packages.
    pub(crate) python: PathBuf,
    /// The interpreter of `node`.
    pub(crate) node: PathBuf,
    /// The folder that holds the packages.
    pub(crate) node_modules: PathBuf,
    /// The folder that holds `age` and `age-keygen`.
    pub(crate) age: PathBuf,
}

/// Makes all of them, or says what is missing on this machine.
pub(crate) fn set_up() -> Result<Environment> {
    // Both are looked for before either is made, so that one answer names all that is missing.
    let (python, node) = match (find_python(), find_node()) {
        (Ok(python), Ok(node)) => (python, node),
        (Err(missing), Ok(_)) | (Ok(_), Err(missing)) => return Err(missing),
        (Err(python), Err(node)) => bail!("{python:#}\n{node:#}"),
    };
    let home = workspace::target().join("test-env");
    Ok(Environment {
        python: make_python(
            &python,
            &home.join("python"),
            &workspace::root().join("tests/python"),
            &["requirements.txt", "constraints.txt"],
        )?,
        node_modules: make_node(&node, &home.join("node"))?,
        node: node.program,
        age: find_age(&home.join("age"))?,
    })
}

/// The Python environment of the programs that benchmarks compare with; the folder of its programs.
pub(crate) fn set_up_peers() -> Result<PathBuf> {
    let (home, pins) = (
        workspace::target().join("bench/peers"),
        workspace::root().join("xtask/peers"),
    );
    let interpreter = make_python(&find_python()?, &home, &pins, &["requirements.txt"])?;
    let folder = interpreter.parent().context("the interpreter lies in no folder")?;
    Ok(folder.to_owned())
}

/// The tool age, which the connectors' encrypted secrets are tried against: that of the machine, else Debian's package,
/// unpacked into `home`.
fn find_age(home: &Path) -> Result<PathBuf> {
    let folders = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let unpacked = home.join("usr/bin");
    let known = folders.into_iter().flatten().chain([unpacked.clone()]);
    let has_both = |folder: &PathBuf| ["age", "age-keygen"].iter().all(|tool| folder.join(tool).is_file());
    if let Some(folder) = known.into_iter().find(has_both) {
        println!("   {}: up to date", folder.join("age").display());
        return Ok(folder);
    }
    println!("   {}: being made", home.display());
    let missing = "`age` is missing: install it (Debian, Ubuntu: `apt-get install age`, macOS: `brew install age`) so that \
                   `age` and `age-keygen` are on the PATH";
    unpack_age(home).context(missing)?;
    Ok(unpacked)
}

/// Without being root: the list of packages is kept below `home`, where the machine has none.
fn unpack_age(home: &Path) -> Result<()> {
    let (lists, cache) = (home.join("lists"), home.join("cache"));
    for folder in [&lists.join("partial"), &cache.join("archives/partial")] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let apt_get = |own_lists: bool, arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        if own_lists {
            command.arg("-o").arg(format!("Dir::State::lists={}", lists.display()));
            command.arg("-o").arg(format!("Dir::Cache={}", cache.display()));
        }
        quietly(command.arg("-qq").args(arguments).current_dir(home))
    };
    if apt_get(false, &["download", "age"]).is_err() {
        apt_get(true, &["update"])?;
        apt_get(true, &["download", "age"])?;
    }
    let files = fs::read_dir(home)?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = files
        .into_iter()
        .find(|path| path.extension().is_some_and(|ending| ending == "deb"));
    let package = package.context("apt-get has downloaded nothing")?;
    quietly(Command::new("dpkg-deb").arg("-x").arg(package).arg(home))
}

struct Interpreter {
    program: PathBuf,
    version: String,
}

fn find_python() -> Result<Interpreter> {
    let wanted = format!("Python {}.{} or newer", PYTHON.0, PYTHON.1);
    let mend = "install it (Debian, Ubuntu: `apt-get install python3 python3-venv`) so that `python3` is on the PATH";
    let mut unfit = Vec::new();
    for program in ["python3", "python"] {
        let script = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.executable)";
        let Some(answer) = output_of(Command::new(program).args(["-c", script])) else {
            continue;
        };
        let (version, path) = answer.split_once(' ').unwrap_or((&answer, program));
        if !at_least(version, PYTHON) {
            unfit.push(format!("`{program}` is {version}"));
        } else if output_of(Command::new(path).args(["-c", "import venv, ensurepip"])).is_none() {
            bail!(
                "`{program}` lacks the modules venv and ensurepip: install them (Debian: `apt-get install python3-venv`)"
            );
        } else {
            return Ok(Interpreter {
                program: path.into(),
                version: version.to_owned(),
            });
        }
    }
    if unfit.is_empty() {
        bail!("{wanted} is missing: {mend}")
    } else {
        bail!("{}, {wanted} is needed: {mend}", unfit.join(", "))
    }
}

fn find_node() -> Result<Interpreter> {
    let wanted = format!("Node.js {} or newer with npm", NODE.0);
    let mend = "install them (Debian, Ubuntu: `apt-get install nodejs npm`) so that `node` and `npm` are on the PATH";
    let Some(version) = output_of(Command::new("node").arg("--version")) else {
        bail!("{wanted} is missing: {mend}")
    };
    if !at_least(version.trim_start_matches('v'), NODE) {
        bail!("`node` is {version}, {wanted} is needed: {mend}");
    }
    if output_of(Command::new("npm").arg("--version")).is_none() {
        bail!("`npm` is missing beside `node`: {mend}");
    }
    let path = output_of(Command::new("node").args(["-p", "process.execPath"])).unwrap_or_else(|| "node".to_owned());
    Ok(Interpreter {
        program: path.into(),
        version,
    })
}

/// What is to be installed stands in the first of these files; another one pins what that brings.
fn make_python(python: &Interpreter, home: &Path, pins: &Path, files: &[&str]) -> Result<PathBuf> {
    let files: Vec<_> = files.iter().map(|name| pins.join(name)).collect();
    let interpreter = home.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let paths: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    once(home, python, &paths, || {
        quietly(Command::new(&python.program).args(["-m", "venv"]).arg(home))?;
        let mut install = Command::new(&interpreter);
        install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ]);
        for (file, option) in files.iter().zip(["--requirement", "--constraint"]) {
            install.arg(option).arg(file);
        }
        quietly(&mut install)
    })?;
    Ok(interpreter)
}

fn make_node(node: &Interpreter, home: &Path) -> Result<PathBuf> {
    let pins = workspace::root().join("tests/node");
    let files = ["package.json", "package-lock.json", ".npmrc"].map(|name| pins.join(name));
    once(home, node, &files.each_ref().map(PathBuf::as_path), || {
        fs::create_dir_all(home)?;
        for file in &files {
            fs::copy(file, home.join(file.file_name().unwrap_or_default()))?;
        }
        quietly(
            Command::new("npm")
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(home),
        )
    })?;
    Ok(home.join("node_modules"))
}

/// Runs `make` in a fresh folder, unless its stamp says that it was made from exactly these files by this interpreter.
fn once(home: &Path, interpreter: &Interpreter, files: &[&Path], make: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut stamp = format!("{} {}\n", interpreter.program.display(), interpreter.version);
    for file in files {
        stamp += &fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let stamp_file = home.join("made-from");
    if fs::read_to_string(&stamp_file).is_ok_and(|before| before == stamp) {
        println!("   {}: up to date", home.display());
        return Ok(());
    }
    println!("   {}: being made", home.display());
    if home.exists() {
        fs::remove_dir_all(home).with_context(|| format!("cannot empty {}", home.display()))?;
    }
    make()?;
    // Written last: a folder that was left half-made has no stamp.
    fs::write(&stamp_file, stamp).with_context(|| format!("cannot write {}", stamp_file.display()))
}

/// Runs a command; its output is shown only when it fails.
fn quietly(command: &mut Command) -> Result<()> {
    let line = steps::command_line(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        bail!("`{line}` failed ({})\n{}\n{}", output.status, out.trim(), err.trim());
    }
    Ok(())
}

/// The trimmed stdout of a command that succeeds.
fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn at_least(version: &str, oldest: (u32, u32)) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= oldest
}

#[cfg(test)]
mod tests {
    use super::at_least;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(at_least("3.11.0", (3, 11)));
        assert!(at_least("3.9", (3, 9)));
        assert!(at_least("24.1.0", (20, 0)));
        assert!(!at_least("3.9.18", (3, 11)));
        assert!(!at_least("nonsense", (3, 11)));
    }
}
