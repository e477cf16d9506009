//! `cargo xtask faults`: the matrix of operations and faults, every cell tried and held against what is declared.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use clap::Args;

use crate::{steps, workspace};

/// Which cells.
#[derive(Args)]
pub(crate) struct Options {
    /// Try only the cells whose names contain all of these, such as `hang` and `ec2:`
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

/// Builds what is tried, and tries it.
pub(crate) fn run(options: &Options) -> Result<()> {
    // The whole workspace, as in `cargo xtask test`: a part of it would be built with other features, and thus anew.
    let mut build = Command::new("cargo");
    build
        .args(["build", "--quiet", "--workspace", "--bins"])
        .current_dir(workspace::root());
    steps::to_end(&mut build)?;
    let mut matrix = Command::new(workspace::binary("fault-matrix"));
    // What the runs themselves say is in the verdicts, as far as it matters.
    matrix.arg("try").args(&options.words).stderr(Stdio::null());
    if steps::to_end(&mut matrix).is_err() {
        bail!("a cell is not as crates/fault-matrix/src/matrix.rs declares it, or there is none with these words");
    }
    Ok(())
}
