//! `cargo xtask fuzz`: gives what parses anything to read, by libFuzzer. The targets are in `fuzz/`, which is no part of the
//! workspace: its own README says how it is made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::steps::Steps;
use crate::workspace;

/// From the root.
pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";
/// Coverage and sanitizers are options of a nightly compiler only.
const TOOLCHAIN: &str = "nightly";
/// <https://crates.io/crates/cargo-fuzz>
const CARGO_FUZZ: &str = "0.13.2";

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// The target; all of them, one after another, where none is named
    target: Option<String>,

    /// How long each is run; 0 runs what is known only
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Runs the targets, and stops at the first that finds something.
pub(crate) fn run(options: &Options) -> Result<()> {
    let all = targets()?;
    let chosen: Vec<&String> = match &options.target {
        Some(name) if !all.contains(name) => bail!("there is no target {name}; there are {}", all.join(", ")),
        Some(name) => vec![name],
        None => all.iter().collect(),
    };
    let mut steps = Steps::default();
    let cargo_fuzz = workspace::target().join("tools/bin/cargo-fuzz");
    if !cargo_fuzz.exists() {
        steps.command(&mut install())?;
    }
    let outcome = chosen
        .into_iter()
        .try_for_each(|name| steps.command(&mut fuzzing(&cargo_fuzz, name, options.seconds)?));
    steps.summary();
    outcome
        .context("what was found stands above, and the input in fuzz/artifacts: fuzz/README.md says what to do with it")
}

/// Runs all seeds once, with the toolchain of the workspace and without a sanitizer.
pub(crate) fn seeds() -> Command {
    let mut command = Command::new("cargo");
    command
        .args([
            "test",
            "--quiet",
            "--locked",
            "--no-default-features",
            "--manifest-path",
            MANIFEST,
        ])
        .arg("--target-dir")
        .arg(workspace::target().join("fuzz-seeds"))
        .current_dir(workspace::root());
    command
}

/// The targets' names, in order.
fn targets() -> Result<Vec<String>> {
    let folder = workspace::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for file in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        if let Some(name) = file?.path().file_stem() {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn install() -> Command {
    let mut command = nightly("cargo".into());
    command
        .args(["install", "--locked", "cargo-fuzz", "--version", CARGO_FUZZ, "--root"])
        .arg(workspace::target().join("tools"));
    command
}

/// New inputs that reach other code are kept in `fuzz/corpus`, which is not committed.
fn fuzzing(cargo_fuzz: &Path, name: &str, seconds: u32) -> Result<Command> {
    let fuzz = workspace::root().join("fuzz");
    let corpus = fuzz.join("corpus").join(name);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    let mut command = nightly(cargo_fuzz.to_owned());
    command
        .args(["run", "--fuzz-dir"])
        .arg(&fuzz)
        .arg("--target-dir")
        .arg(workspace::target().join("fuzz"))
        .arg(name)
        .arg(corpus)
        .arg(fuzz.join("seeds").join(name))
        .args(["--", "-rss_limit_mb=2048", "-timeout=20", "-print_final_stats=1"]);
    match seconds {
        // libFuzzer takes 0 seconds for no end.
        0 => command.arg("-runs=0"),
        seconds => command.arg(format!("-max_total_time={seconds}")),
    };
    let dictionary = fuzz.join("dictionaries").join(format!("{name}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    Ok(command)
}

fn nightly(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    // `cargo xtask` has set both for the toolchain of the workspace.
    command
        .env("RUSTUP_TOOLCHAIN", TOOLCHAIN)
        .env_remove("CARGO")
        .current_dir(workspace::root());
    command
}
