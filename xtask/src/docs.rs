//! `cargo xtask docs`: the pages below `docs/reference` that the programs write themselves, from the declarations in the
//! code. They are committed, so that they can be read without a build; `--check` finds those that have fallen behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{steps, workspace};

/// What to do.
#[derive(Args)]
pub(crate) struct Options {
    /// Write nothing, and fail where a page is not what the code says
    #[arg(long)]
    check: bool,
}

/// A page: its name below `docs/reference`, the program that prints it, and the arguments with which it does.
type Page = (&'static str, &'static str, &'static [&'static str]);

const PAGES: [Page; 7] = [
    ("ec2-parameters.md", "ec2-connector", &["reference", "parameters"]),
    ("ec2-parameters.schema.json", "ec2-connector", &["spec"]),
    ("ec2-instances.md", "ec2-connector", &["reference", "table"]),
    ("athena-parameters.md", "athena-connector", &["reference", "parameters"]),
    ("athena-parameters.schema.json", "athena-connector", &["spec"]),
    ("athena-statements.md", "athena-connector", &["reference", "statements"]),
    ("faults.md", "fault-matrix", &["page"]),
];

/// Writes the pages, or checks them.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.check {
        return check();
    }
    for (path, text) in pages()? {
        let relative = workspace::relative(&path);
        if read(&path).is_some_and(|before| before == text) {
            println!("{} is up to date", relative.display());
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{} is written", relative.display());
    }
    Ok(())
}

/// Fails where a committed page is not what the code says.
pub(crate) fn check() -> Result<()> {
    let behind: Vec<String> = pages()?
        .into_iter()
        .filter(|(path, text)| read(path).is_none_or(|before| before != *text))
        .map(|(path, _)| workspace::relative(&path).display().to_string())
        .collect();
    if !behind.is_empty() {
        bail!(
            "not what the code says: {}\nrun `cargo xtask docs` and commit what it writes",
            behind.join(", ")
        );
    }
    println!("   {} pages, all as the code says", PAGES.len());
    Ok(())
}

/// A page's path, and what should stand there.
fn pages() -> Result<Vec<(PathBuf, String)>> {
    // The whole workspace, as in `cargo xtask test`: a part of it would be built with other features, and thus anew.
    let mut build = Command::new("cargo");
    build
        .args(["build", "--quiet", "--workspace", "--bins"])
        .current_dir(workspace::root());
    steps::to_end(&mut build)?;
    PAGES.into_iter().map(page).collect()
}

fn page((name, program, arguments): Page) -> Result<(PathBuf, String)> {
    let mut command = Command::new(workspace::binary(program));
    let output = command
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let line = steps::command_line(&command);
    let output = output.with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({})", output.status);
    }
    let mut text = String::from_utf8(output.stdout).with_context(|| format!("`{line}` does not print UTF-8"))?;
    if name.ends_with(".md") {
        text.insert_str(
            0,
            "<!-- Written by `cargo xtask docs`: change the code, not this page. -->\n\n",
        );
    }
    Ok((workspace::root().join("docs/reference").join(name), text))
}

/// The page as it is; a checkout may have turned line ends around.
fn read(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.replace("\r\n", "\n"))
}
