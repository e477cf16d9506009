//! The project's own commands, run as `cargo xtask <command>`. Every command is declared here and lives in its own module.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer reads it in a terminal"
)]

mod bench;
mod demo;
mod docs;
mod environment;
#[cfg(test)]
mod examples;
mod faults;
mod fuzz;
#[cfg(test)]
mod rules;
mod simulator;
mod steps;
mod test;
mod words;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Collect the EC2 instances of a simulated organization, and show what a user sees
    Demo(demo::Options),
    /// Formatting, lints and all tests; sets up by itself what they need
    Test(test::Options),
    /// Write the generated pages below docs/reference, or check them
    Docs(docs::Options),
    /// Try what becomes of runs in which calls go wrong: every operation with every fault
    Faults(faults::Options),
    /// Measure the programs beside what people use today, and write docs/benchmarks.md
    Bench(bench::Options),
    /// Give anything to what parses, and see that it holds; needs a nightly toolchain
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Docs(options) => docs::run(&options),
        Command::Faults(options) => faults::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
