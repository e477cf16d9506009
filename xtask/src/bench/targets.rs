//! What the programs are meant to reach, each held against what was measured.

use super::page::{mebibytes, seconds};
use super::results::{Comparison, Results, Row};

const MIB: f64 = 1_048_576.0;

/// What is meant to be reached, and the number.
pub(super) struct Target {
    pub(super) part: &'static str,
    pub(super) text: String,
    pub(super) number: String,
    pub(super) met: bool,
}

/// All targets of which there are measurements.
pub(super) fn of(results: &Results) -> Vec<Target> {
    let all = [
        inventory(results),
        rows(results),
        fetch(results),
        fan_out(results),
        start(results),
    ];
    all.into_iter().flatten().flatten().collect()
}

/// Prints them.
pub(super) fn print(results: &Results) {
    println!("== targets");
    for target in of(results) {
        let verdict = if target.met { "met    " } else { "NOT MET" };
        println!("   {verdict} {:<10} {}: {}", target.part, target.text, target.number);
    }
    println!();
}

/// A figure that may be no larger.
fn at_most(part: &'static str, text: impl Into<String>, figure: f64, limit: f64, number: String) -> Target {
    Target {
        part,
        text: text.into(),
        number,
        met: figure <= limit,
    }
}

fn ours(comparison: &Comparison) -> Option<&Row> {
    comparison.rows.iter().find(|row| row.ours)
}

/// How many times one's figure another's is, in words.
fn times(other: f64, own: f64) -> String {
    format!("{:.1}×", other / own)
}

fn inventory(results: &Results) -> Vec<Option<Target>> {
    const PART: &str = "inventory";
    let [small, large, full] = ["small", "large", "full"].map(|key| results.comparison(PART, key));
    let cpu_beside = |peer: &str, limit: f64| {
        let small = small?;
        let (own, other) = (ours(small)?.cpu()?, small.row(peer)?.cpu()?);
        let text = format!("CPU at most 1/{limit} of {peer}'s");
        Some(at_most(PART, text, own, other / limit, format!("1/{:.0}", other / own)))
    };
    let wall = |comparison: Option<&Comparison>| {
        let comparison = comparison?;
        let (wall, bound) = (ours(comparison)?.wall()?, comparison.bound?.seconds());
        let number = format!("{:.2}, {} of {}", wall / bound, seconds(wall), seconds(bound));
        let text = format!("wall at most 1.15 × bound, {}", comparison.title);
        Some(at_most(PART, text, wall, 1.15 * bound, number))
    };
    let memory = |comparison: Option<&Comparison>, limit: f64| {
        let comparison = comparison?;
        let memory = ours(comparison)?.memory()?;
        let text = format!("peak memory at most {limit} MiB, {}", comparison.title);
        Some(at_most(PART, text, memory, limit * MIB, mebibytes(memory)))
    };
    let growth = || {
        let (large, full) = (ours(large?)?.memory()?, ours(full?)?.memory()?);
        let text = "peak memory of five times the instances, at most 1.1 times";
        Some(at_most(
            PART,
            text,
            full,
            1.1 * large,
            format!("{:.2} times", full / large),
        ))
    };
    vec![
        cpu_beside("boto3, 64 threads", 40.0),
        cpu_beside("Cloud Custodian, c7n-org", 250.0),
        wall(small),
        wall(large),
        memory(small, 64.0),
        memory(large, 128.0),
        growth(),
    ]
}

fn rows(results: &Results) -> Vec<Option<Target>> {
    const PART: &str = "rows";
    let cpu = || {
        let comparison = results.comparison(PART, "instances")?;
        let (own, floor) = (
            ours(comparison)?.cpu()?,
            comparison.row("SDK for Rust, rows dropped")?.cpu()?,
        );
        let text = "CPU at most 1.25 × that of the SDK by itself";
        Some(at_most(PART, text, own, 1.25 * floor, format!("{:.2} ×", own / floor)))
    };
    vec![cpu()]
}

fn fetch(results: &Results) -> Vec<Option<Target>> {
    const PART: &str = "fetch";
    let large = results.comparison(PART, "large");
    let csv = || large?.row("athena-connector → CSV");
    let speed = || {
        let speed = large?.bytes? as f64 / 1e6 / csv()?.cpu()?;
        let text = "to CSV, at least 300 MB per second of CPU";
        Some(at_most(PART, text, 300.0, speed, format!("{speed:.0} MB")))
    };
    let download = |key: &str, over: &str| {
        let comparison = results.comparison(PART, key)?;
        let wall = |program: &str| comparison.row(program)?.wall();
        let (own, plain) = (wall("athena-connector → CSV")?, wall("plain download, bytes dropped")?);
        let text = format!("wall at most 1.5 × that of the plain download{over}");
        Some(at_most(PART, text, own, 1.5 * plain, format!("{:.1} ×", own / plain)))
    };
    let peers = || large.map(|large| large.rows.iter().filter(|row| is_peer(row)));
    let fastest = || {
        let others = peers()?.filter_map(|row| Some((row.wall()?, row)));
        others
            .min_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, row)| row)
    };
    let wall = || {
        let (own, other) = (csv()?.wall()?, fastest()?.wall()?);
        let text = format!("wall at most 1/20 of the fastest peer's ({})", fastest()?.program);
        Some(at_most(PART, text, own, other / 20.0, format!("1/{:.1}", other / own)))
    };
    let memory = || {
        let (own, other) = (csv()?.memory()?, fastest()?.memory()?);
        let text = format!("memory at most 1/10 of its ({})", fastest()?.program);
        Some(at_most(PART, text, own, other / 10.0, format!("1/{:.1}", other / own)))
    };
    let jsonl = || {
        let (json, csv) = (large?.row("athena-connector → JSONL")?.cpu()?, csv()?.cpu()?);
        let text = "CPU to JSONL at most twice that to CSV";
        Some(at_most(PART, text, json, 2.0 * csv, times(json, csv)))
    };
    let as_s3 = ", 20 ms of latency and 90 MB a second over each connection";
    vec![
        speed(),
        download("large", ""),
        download("paced", as_s3),
        wall(),
        memory(),
        jsonl(),
    ]
}

/// PyAthena and awswrangler: those who deliver the rows, and not in Parquet.
fn is_peer(row: &Row) -> bool {
    let names = ["PyAthena", "awswrangler"];
    names.iter().any(|name| row.program.starts_with(name)) && !row.program.contains("Parquet")
}

fn fan_out(results: &Results) -> Vec<Option<Target>> {
    const PART: &str = "fan-out";
    let polls = || {
        let comparison = results.comparison(PART, "queries")?;
        let calls = |row: &Row| row.calls(&["athena:GetQueryExecution", "athena:BatchGetQueryExecution"]);
        let own = calls(ours(comparison)?)?;
        let other = calls(comparison.rows.iter().find(|row| !row.ours)?)?;
        let text = "calls that ask for the state of queries, at most 1/5 of PyAthena's";
        let number = format!("{own:.0} of {other:.0}");
        Some(at_most(PART, text, own, other / 5.0, number))
    };
    vec![polls()]
}

fn start(results: &Results) -> Vec<Option<Target>> {
    const PART: &str = "start";
    /// Of two round trips of 20 ms, and what else there is.
    const PLAN: f64 = 2.0 * 0.020 + 0.010;
    let programs = results.comparison(PART, "programs");
    let plans = results.comparison(PART, "plan-20");
    let of = |connector: &'static str| {
        let version = || {
            let wall = programs?.row(&format!("{connector} --version"))?.wall()?;
            let text = format!("{connector} --version in less than 5 ms");
            Some(at_most(PART, text, wall, 0.005, seconds(wall)))
        };
        let plan = || {
            let row = plans?.row(&format!("{connector} plan"))?;
            let (wall, calls) = (row.wall()?, row.calls(&[""])?);
            let text = format!("{connector} plan of one account in less than 2 round trips of 20 ms + 10 ms");
            Some(at_most(
                PART,
                text,
                wall,
                PLAN,
                format!("{}, {calls:.0} calls", seconds(wall)),
            ))
        };
        let size = || {
            let bytes = *results.sections.get(PART)?.sizes.get(connector)? as f64;
            let text = format!("{connector} smaller than 30 MB");
            Some(at_most(PART, text, bytes, 30e6, format!("{:.1} MB", bytes / 1e6)))
        };
        [version(), plan(), size()]
    };
    ["ec2-connector", "athena-connector"].into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::{Bound, Run, Section};

    fn row(program: &str, ours: bool, wall: f64, cpu: f64, mebibytes: u64) -> Row {
        Row {
            program: program.to_owned(),
            ours,
            factor: 1.0,
            runs: vec![Run {
                wall,
                cpu,
                memory: mebibytes << 20,
                memory_at_most: false,
                simulator_cpu: None,
                calls: [("athena:GetQueryExecution".to_owned(), cpu as u64)].into(),
            }],
            ..Row::default()
        }
    }

    fn results(part: &str, comparison: Comparison) -> Results {
        let section = Section {
            comparisons: vec![comparison],
            ..Section::default()
        };
        Results {
            sections: [(part.to_owned(), section)].into(),
        }
    }

    fn verdicts(results: &Results) -> Vec<(String, bool)> {
        of(results)
            .into_iter()
            .map(|target| (target.number, target.met))
            .collect()
    }

    #[test]
    fn what_was_not_measured_has_no_verdict() {
        assert!(of(&Results::default()).is_empty());
    }

    #[test]
    fn an_inventory_is_held_against_peers_bound_and_memory() {
        let comparison = |own: Row| Comparison {
            key: "small".to_owned(),
            bound: Some(Bound { path: 1.0, calls: 0.5 }),
            rows: vec![own, row("boto3, 64 threads", false, 20.0, 40.0, 100)],
            ..Comparison::default()
        };
        let good = results("inventory", comparison(row("ec2-connector", true, 1.15, 1.0, 64)));
        let found: Vec<_> = verdicts(&good).into_iter().map(|(_, met)| met).collect();
        assert_eq!(found, [true, true, true]);
        let bad = results("inventory", comparison(row("ec2-connector", true, 1.16, 1.1, 65)));
        let found: Vec<_> = verdicts(&bad).into_iter().map(|(_, met)| met).collect();
        assert_eq!(found, [false, false, false]);
    }

    #[test]
    fn a_fetch_is_held_against_the_fastest_peer() {
        let comparison = Comparison {
            key: "large".to_owned(),
            bytes: Some(1_000_000_000),
            rows: vec![
                row("athena-connector → CSV", true, 1.0, 4.0, 10),
                row("athena-connector → JSONL", true, 1.0, 8.0, 10),
                row("plain download, bytes dropped", false, 0.5, 0.1, 5),
                row("PyAthena, pandas", false, 30.0, 30.0, 3000),
                row("awswrangler", false, 19.0, 30.0, 99),
            ],
            ..Comparison::default()
        };
        let found = verdicts(&results("fetch", comparison));
        let expected = [
            ("250 MB", false),
            ("2.0 ×", false),
            ("1/19.0", false),
            ("1/9.9", false),
            ("2.0×", true),
        ];
        assert_eq!(found, expected.map(|(number, met)| (number.to_owned(), met)));
    }

    #[test]
    fn polls_are_counted() {
        let comparison = Comparison {
            key: "queries".to_owned(),
            rows: vec![
                row("athena-connector", true, 6.0, 200.0, 1),
                row("PyAthena", false, 6.0, 1000.0, 1),
            ],
            ..Comparison::default()
        };
        assert_eq!(
            verdicts(&results("fan-out", comparison)),
            [("200 of 1000".to_owned(), true)]
        );
    }
}
