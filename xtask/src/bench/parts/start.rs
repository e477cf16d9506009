//! How quickly the programs are there, and how large they are.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use super::{Estate, REGION, comparison, line};
use crate::bench::Bench;
use crate::bench::results::{Comparison, Section};
use crate::bench::turns::{self, Delivers, Side};

const CONNECTORS: [&str; 2] = ["ec2-connector", "athena-connector"];
/// Milliseconds of latency with which `plan` is tried.
const LATENCIES: [u64; 2] = [0, 20];

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::of_today();
    // A few milliseconds each: more of them, for a median that stands.
    let runs = bench.runs * 4;
    let mut sides = Vec::new();
    for connector in CONNECTORS {
        for argument in ["--version", "spec"] {
            let words = line(&bench.program(connector), argument, &[]);
            let name = format!("{connector} {argument}");
            sides.push(Side::of_ours(name, words, Delivers::Nothing, runs));
        }
    }
    let runs_of_others = bench.runs;
    let cli = line(&bench.peer("aws"), "--version", &[]);
    sides.push(Side::of_others("aws --version", cli, Delivers::Nothing, runs_of_others));
    let import = line(&bench.peer("python"), "-c", &["import boto3"]);
    sides.push(Side::of_others(
        "python -c 'import boto3'",
        import,
        Delivers::Nothing,
        runs_of_others,
    ));
    let mut programs = Comparison {
        key: "programs".to_owned(),
        title: "without a call".to_owned(),
        ..Comparison::default()
    };
    turns::take(bench, &mut programs, None, &sides);
    section.comparisons.push(programs);
    for latency in LATENCIES {
        section.comparisons.push(plan(bench, latency, runs)?);
    }
    for connector in CONNECTORS {
        let path = bench.program(connector);
        let file = fs::metadata(&path).with_context(|| format!("{} is not there", path.display()))?;
        section.sizes.insert(connector.to_owned(), file.len());
    }
    Ok(section)
}

/// `plan` of one account, which has to sign in.
fn plan(bench: &Bench, latency: u64, runs: usize) -> Result<Comparison> {
    let estate = Estate {
        accounts: 0,
        regions: 1,
        instances: 0,
        latency,
    };
    let title = match latency {
        0 => "plan of one account, no latency".to_owned(),
        latency => format!("plan of one account, {latency} ms of latency"),
    };
    let mut compared = comparison(bench, &format!("plan-{latency}"), title, &estate.arguments());
    let mut simulator = bench.simulator(&estate.arguments())?;
    let parameters = json!({"regions": [REGION], "query": "select 1"});
    let queries = bench.parameters("plan-queries.json", &simulator, parameters)?;
    let inventory = bench.parameters("plan.json", &simulator, json!({"regions": [REGION]}))?;
    let sides = CONNECTORS.map(|connector| {
        let parameters = if connector == "ec2-connector" {
            &inventory
        } else {
            &queries
        };
        let words = line(&bench.program(connector), &format!("plan --params {parameters}"), &[]);
        Side::of_ours(format!("{connector} plan"), words, Delivers::Nothing, runs)
    });
    turns::take(bench, &mut compared, Some(&mut simulator), &sides);
    Ok(compared)
}
