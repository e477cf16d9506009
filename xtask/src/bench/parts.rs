//! The parts, each in a module of its own: what the work is, and who does it.

mod fan_out;
mod fetch;
mod inventory;
mod rows;
mod start;

use anyhow::Result;

use super::results::{Comparison, Section};
use super::{Bench, Part};
use crate::words::count;

/// The first of the simulator's regions, where buckets and single accounts are.
pub(super) const REGION: &str = "eu-central-1";
/// The role of every account of the simulated organization.
const ROLE: &str = "arn:aws:iam::{accountId}:role/inventory";
/// Requests that the connectors have in flight by default.
const CONCURRENCY: u64 = 64;

/// Measures a part.
pub(super) fn measure(bench: &Bench, part: Part) -> Result<Section> {
    match part {
        Part::Inventory => inventory::measure(bench),
        Part::Rows => rows::measure(bench),
        Part::Fetch => fetch::measure(bench),
        Part::FanOut => fan_out::measure(bench),
        Part::Start => start::measure(bench),
    }
}

/// An organization of the simulator's.
#[derive(Clone, Copy, Debug)]
struct Estate {
    accounts: u64,
    regions: u64,
    instances: u64,
    /// Milliseconds that each call takes.
    latency: u64,
}

impl Estate {
    fn arguments(self) -> Vec<String> {
        words(&format!(
            "--estate scale --accounts {} --regions {} --instances {} --latency-ms {}",
            self.accounts, self.regions, self.instances, self.latency
        ))
    }

    fn title(self) -> String {
        let latency = match self.latency {
            0 => "no latency".to_owned(),
            latency => format!("{latency} ms of latency"),
        };
        format!(
            "{} accounts × {} regions, {} instances, {latency}",
            count(self.accounts),
            self.regions,
            count(self.instances)
        )
    }
}

/// A comparison without rows yet.
fn comparison(bench: &Bench, key: &str, title: String, simulator: &[String]) -> Comparison {
    Comparison {
        key: key.to_owned(),
        title,
        simulator: bench.simulator_line(simulator),
        ..Comparison::default()
    }
}

/// Words that have no blanks in them.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A command line: the program, words without blanks, and words as they are.
fn line(program: &std::path::Path, text: &str, exact: &[&str]) -> Vec<String> {
    let program = [program.display().to_string()].into_iter();
    let exact = exact.iter().map(|&word| word.to_owned());
    program.chain(words(text)).chain(exact).collect()
}

/// The path of a file of the runs, as a word.
fn path(bench: &Bench, name: &str) -> String {
    bench.file(name).display().to_string()
}
