//! Large results of one query, from the result object to a file.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::{REGION, comparison, line, path, words};
use crate::bench::Bench;
use crate::bench::results::{Comparison, Row, Section};
use crate::bench::turns::{self, Delivers, Place, Side};
use crate::simulator::Simulator;
use crate::words::count;

const QUERY: &str = "select * from large";
const COLUMNS: &str = "id,name,amount,ratio,at,active,note,text";
/// The cursors of PyAthena that read the result object, and what they are called on the page.
const CURSORS: [(&str, &str); 3] = [
    ("pandas", "PyAthena, pandas"),
    ("arrow", "PyAthena, Arrow"),
    ("polars", "PyAthena, Polars"),
];
/// As S3 answers over a network: about 85 to 90 MB a second for each request.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-design-patterns.html>
const AS_S3: &str = "--latency-ms 20 --s3-pace 90";
/// For a peer at the large result.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let [small, large] = if bench.quick {
        [5_000, 50_000]
    } else {
        [500_000, 5_000_000]
    };
    let mut section = Section::of_today();
    let first = of_size(bench, "small", small, "", |simulator| {
        let mut sides = ours(bench, simulator)?;
        sides.push(floor(bench, simulator, bench.runs));
        let runs = bench.runs.min(3);
        sides.push(by_pages(bench, simulator).within(LIMIT));
        for (cursor, name) in CURSORS {
            sides.push(py_athena(bench, simulator, cursor, name, "csv", runs));
        }
        sides.push(wrangler(bench, simulator, "csv", runs));
        sides.push(py_athena(
            bench,
            simulator,
            "arrow",
            "PyAthena, Arrow → Parquet",
            "parquet",
            runs,
        ));
        sides.push(wrangler(bench, simulator, "parquet", runs));
        Ok(sides)
    })?;
    let by_pages = first.row("PyAthena, default cursor").cloned();
    section.comparisons.push(first);
    let mut second = of_size(bench, "large", large, "", |simulator| {
        let mut sides = ours(bench, simulator)?;
        sides.push(floor(bench, simulator, bench.runs));
        for (cursor, name) in CURSORS {
            sides.push(py_athena(bench, simulator, cursor, name, "csv", 1).within(LIMIT));
        }
        sides.push(wrangler(bench, simulator, "csv", 1).within(LIMIT));
        Ok(sides)
    })?;
    let factor = large as f64 / small as f64;
    second.rows.extend(by_pages.map(|row| Row {
        factor,
        delivers: None,
        note: format!("measured with {} rows, times {factor}", count(small)),
        ..row
    }));
    section.comparisons.push(second);
    section
        .comparisons
        .push(of_size(bench, "paced", large, AS_S3, |simulator| {
            let mut sides = ours(bench, simulator)?;
            sides.truncate(1);
            sides.push(floor(bench, simulator, bench.runs));
            Ok(sides)
        })?);
    clear(bench)?;
    Ok(section)
}

fn of_size(
    bench: &Bench,
    key: &str,
    rows: u64,
    network: &str,
    sides: impl FnOnce(&Simulator) -> Result<Vec<Side>>,
) -> Result<Comparison> {
    let arguments = words(&format!(
        "--estate scale --accounts 1 --regions 1 --instances 0 --large-rows {rows} {network}"
    ));
    let mut simulator = bench.simulator(&arguments)?;
    let bytes = warm(bench, &simulator)?;
    let how = match network {
        "" => "no latency",
        _ => "20 ms of latency, 90 MB a second over each connection",
    };
    let title = format!("{} rows of 8 columns, {:.0} MB, {how}", count(rows), bytes as f64 / 1e6);
    let mut compared = comparison(bench, key, title, &arguments);
    compared.bytes = Some(bytes);
    let sides = sides(&simulator)?;
    turns::take(bench, &mut compared, Some(&mut simulator), &sides);
    Ok(compared)
}

/// The simulator makes the object when the query runs first, and keeps it: that is no part of what is measured. The number of its
/// bytes.
fn warm(bench: &Bench, simulator: &Simulator) -> Result<u64> {
    let words = floor(bench, simulator, 1).words;
    let output = bench.command(&words, Some(simulator)).output();
    let output = output.context("cannot start bare-download")?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    text.parse()
        .with_context(|| format!("no result: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn ours(bench: &Bench, simulator: &Simulator) -> Result<Vec<Side>> {
    let parameters = json!({
        "query": QUERY,
        "workgroup": workgroup(simulator),
        "regions": [REGION],
        "fetch": "s3",
    });
    let parameters = bench.parameters("fetch.json", simulator, parameters)?;
    let sides = [("CSV", "csv"), ("JSONL", "jsonl"), ("Parquet", "parquet")].map(|(format, ending)| {
        let name = format!("ours.{ending}");
        let text = format!("run --params {parameters} --output {}", path(bench, &name));
        let words = line(&bench.program("athena-connector"), &text, &[]);
        let delivers = delivers(bench, &name);
        Side::of_ours(format!("athena-connector → {format}"), words, delivers, bench.runs)
    });
    Ok(sides.into())
}

fn workgroup(simulator: &Simulator) -> &str {
    simulator.facts["athena"]["workgroup"].as_str().unwrap_or_default()
}

fn floor(bench: &Bench, simulator: &Simulator, runs: usize) -> Side {
    let words = line(&bench.program("bare-download"), "", &[QUERY, workgroup(simulator)]);
    Side::of_others("plain download, bytes dropped", words, Delivers::Nothing, runs)
        .with_note("5 ranges of 4 MiB at a time")
}

fn by_pages(bench: &Bench, simulator: &Simulator) -> Side {
    py_athena(bench, simulator, "default", "PyAthena, default cursor", "csv", 1).with_note("pages of GetQueryResults")
}

fn py_athena(bench: &Bench, simulator: &Simulator, cursor: &str, name: &str, ending: &str, runs: usize) -> Side {
    let file = format!("pyathena-{cursor}.{ending}");
    let text = format!(
        "xtask/peers/pyathena_fetch.py --cursor {cursor} --workgroup {} --output {} --query",
        workgroup(simulator),
        path(bench, &file)
    );
    let words = line(&bench.peer("python"), &text, &[QUERY]);
    Side::of_others(name, words, delivers(bench, &file), runs)
}

fn wrangler(bench: &Bench, simulator: &Simulator, ending: &str, runs: usize) -> Side {
    let file = format!("awswrangler.{ending}");
    let account = simulator.facts["organization"]["management_account"].as_str();
    let bucket = simulator.facts["athena"]["results_bucket"].as_str().unwrap_or_default();
    let bucket = bucket.replace("{accountId}", account.unwrap_or_default());
    let text = format!(
        "xtask/peers/awswrangler_fetch.py --workgroup {} --bucket {bucket} --output {} --query",
        workgroup(simulator),
        path(bench, &file)
    );
    let words = line(&bench.peer("python"), &text, &[QUERY]);
    let name = match ending {
        "parquet" => "awswrangler → Parquet",
        _ => "awswrangler",
    };
    Side::of_others(name, words, delivers(bench, &file), runs)
}

/// Rows in a file of this name.
fn delivers(bench: &Bench, name: &str) -> Delivers {
    let path = bench.file(name);
    let place = match name.ends_with(".parquet") {
        true => Place::Behind {
            place: path,
            // Who writes Parquet does not read it back.
            reader: line(&bench.peer("python"), "xtask/peers/parquet_cells.py", &[]),
        },
        false => Place::File(path),
    };
    Delivers::Rows {
        columns: COLUMNS,
        place,
    }
}

/// Files of a gigabyte are not left behind.
fn clear(bench: &Bench) -> Result<()> {
    for entry in fs::read_dir(bench.file("."))? {
        let path = entry?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("csv" | "jsonl" | "parquet")) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
