//! One query in many accounts: who waits for many queries, and how often they ask.

use anyhow::Result;
use serde_json::json;

use super::{Estate, REGION, ROLE, comparison, line, path};
use crate::bench::Bench;
use crate::bench::results::Section;
use crate::bench::turns::{self, Delivers, Place, Side};
use crate::simulator::Simulator;
use crate::words::count;

const QUERY: &str = "select 1 as n, 'a text' as t";
const COLUMNS: &str = "account_id,n,t";

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let (accounts, milliseconds) = if bench.quick { (10, 1_000) } else { (200, 5_000) };
    let estate = Estate {
        accounts,
        regions: 1,
        instances: 0,
        latency: 20,
    };
    let mut arguments = estate.arguments();
    arguments.extend(["--query-ms".to_owned(), milliseconds.to_string()]);
    let title = format!(
        "{} accounts, a query of {} s in each, {} ms of latency",
        count(accounts),
        milliseconds / 1_000,
        estate.latency
    );
    let mut compared = comparison(bench, "queries", title, &arguments);
    let mut simulator = bench.simulator(&arguments)?;
    let runs = bench.runs.min(3);
    let sides = [connector(bench, &simulator, runs)?, threads(bench, &simulator, runs)];
    turns::take(bench, &mut compared, Some(&mut simulator), &sides);
    let mut section = Section::of_today();
    section.comparisons.push(compared);
    Ok(section)
}

fn delivers(bench: &Bench, name: &str) -> Delivers {
    Delivers::Rows {
        columns: COLUMNS,
        place: Place::File(bench.file(name)),
    }
}

fn connector(bench: &Bench, simulator: &Simulator, runs: usize) -> Result<Side> {
    let parameters = json!({
        "sub_account_assume_role_arn_chain": [ROLE],
        "regions": [REGION],
        "query": QUERY,
        "workgroup": simulator.facts["athena"]["workgroup"],
    });
    let parameters = bench.parameters("fan-out.json", simulator, parameters)?;
    let text = format!("run --params {parameters} --output {}", path(bench, "fan-out.csv"));
    let words = line(&bench.program("athena-connector"), &text, &[]);
    Ok(Side::of_ours(
        "athena-connector",
        words,
        delivers(bench, "fan-out.csv"),
        runs,
    ))
}

fn threads(bench: &Bench, simulator: &Simulator, runs: usize) -> Side {
    let text = format!(
        "xtask/peers/pyathena_fan_out.py --workgroup {} --output {} --query",
        simulator.facts["athena"]["workgroup"].as_str().unwrap_or_default(),
        path(bench, "pyathena.csv")
    );
    let words = line(&bench.peer("python"), &text, &[QUERY, "--role", ROLE]);
    Side::of_others(
        "PyAthena, a thread an account",
        words,
        delivers(bench, "pyathena.csv"),
        runs,
    )
}
