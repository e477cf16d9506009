//! `cargo xtask test`: formatting, lints, build and all tests, with what they need set up first.

use std::process::Command;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::steps::Steps;
use crate::workspace;
use crate::{docs, environment, fuzz};

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Run these steps only (may be given several times)
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,

    /// Run the tests whose name contains one of these, and neither formatting nor lints
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,

    /// Passed on to the test programs, after `--` (e.g. `-- --nocapture`)
    #[arg(last = true)]
    passed_on: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Make the Python and Node environments, and find age
    Setup,
    /// cargo fmt --check
    Fmt,
    /// cargo clippy, warnings are errors
    Clippy,
    /// cargo build of the binaries
    Build,
    /// cargo xtask docs --check
    Docs,
    /// The seeds of all fuzz targets
    Seeds,
    /// cargo test
    Test,
}

impl Options {
    fn wants(&self, step: Step) -> bool {
        match (self.only.is_empty(), self.filters.is_empty()) {
            (true, true) => true,
            (true, false) => matches!(step, Step::Setup | Step::Build | Step::Test),
            // Tests without their environment or with an old binary would say nothing.
            (false, _) => {
                self.only.contains(&step) || (self.tests() && matches!(step, Step::Setup | Step::Build | Step::Test))
            }
        }
    }

    fn tests(&self) -> bool {
        self.only.contains(&Step::Test)
    }
}

/// Runs the wanted steps and stops at the first that fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    let outcome = run_steps(options, &mut steps);
    steps.summary();
    if outcome.is_ok() {
        println!("\nAll is well.");
    }
    outcome
}

fn run_steps(options: &Options, steps: &mut Steps) -> Result<()> {
    let environment = match options.wants(Step::Setup) {
        true => Some(steps.run(
            "set up Python, Node and age for the end-to-end tests",
            environment::set_up,
        )?),
        false => None,
    };
    if options.wants(Step::Fmt) {
        steps.command(&mut cargo(&["fmt", "--all", "--check"]))?;
        steps.command(&mut cargo(&["fmt", "--manifest-path", fuzz::MANIFEST, "--check"]))?;
    }
    if options.wants(Step::Clippy) {
        steps.command(&mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))?;
    }
    if options.wants(Step::Build) {
        steps.command(&mut cargo(&["build", "--workspace", "--bins"]))?;
    }
    if options.wants(Step::Docs) {
        steps.run("generated pages are up to date", docs::check)?;
    }
    if options.wants(Step::Seeds) {
        steps.command(&mut fuzz::seeds())?;
    }
    if options.wants(Step::Test) {
        let mut command = cargo(&["test", "--workspace"]);
        if !options.filters.is_empty() || !options.passed_on.is_empty() {
            command.arg("--").args(&options.filters).args(&options.passed_on);
        }
        if let Some(environment) = &environment {
            command.env("END_TO_END_PYTHON", &environment.python);
            command.env("END_TO_END_NODE", &environment.node);
            command.env("END_TO_END_NODE_MODULES", &environment.node_modules);
            command.env("END_TO_END_AGE", &environment.age);
        }
        steps.command(&mut command)?;
        // Each benchmark once, so that they keep working. They do not know what is passed on to tests.
        if options.filters.is_empty() && options.passed_on.is_empty() {
            steps.command(&mut cargo(&["test", "--workspace", "--bench", "*"]))?;
        }
    }
    Ok(())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(workspace::root());
    command
}
