//! All instances of an organization: what `ec2-connector run` is for, and what people write scripts for.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::{CONCURRENCY, Estate, ROLE, comparison, line, path};
use crate::bench::results::{Bound, Comparison, Row, Section};
use crate::bench::turns::{self, Delivers, Place, Side};
use crate::bench::{Bench, write};
use crate::simulator::Simulator;

const COLUMNS: &str = "account_id,region,instance_id,instance_type,state";
/// Accounts per organizational unit of the simulator's, and per page of AWS Organizations.
const ACCOUNTS_PER_UNIT: u64 = 100;
const ACCOUNTS_PER_PAGE: u64 = 20;
const INSTANCES_PER_PAGE: u64 = 1000;
/// Calls that wait for one another before there is a page of instances: who are we; the root and its units; AssumeRole,
/// GetCallerIdentity and DescribeRegions of an account.
const CALLS_IN_A_ROW: u64 = 1 + 2 + 3;
/// More is reckoned from the smaller organization, unless all is wanted.
const LONGEST_PEER: f64 = 240.0;

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let estate = |accounts, regions, instances, latency| Estate {
        accounts,
        regions,
        instances,
        latency,
    };
    let [small, few, large, full] = match bench.quick {
        false => [
            estate(100, 10, 20_000, 20),
            estate(5, 10, 1_000, 20),
            estate(1_000, 17, 200_000, 30),
            estate(1_000, 17, 1_000_000, 30),
        ],
        true => [
            estate(6, 3, 360, 20),
            estate(2, 3, 120, 20),
            estate(40, 5, 4_000, 30),
            estate(40, 5, 20_000, 30),
        ],
    };
    let mut section = Section::of_today();
    let first = of_small(bench, small, few)?;
    let script = first.row("boto3, 64 threads").cloned();
    section.comparisons.push(first);
    section.comparisons.push(of_large(bench, small, large, script)?);
    let mut fuller = compared(bench, "full", full);
    let mut simulator = bench.simulator(&full.arguments())?;
    let ours = connector(bench, &simulator, 1)?;
    turns::take(bench, &mut fuller, Some(&mut simulator), &[ours]);
    section.comparisons.push(fuller);
    Ok(section)
}

fn compared(bench: &Bench, key: &str, estate: Estate) -> Comparison {
    comparison(bench, key, estate.title(), &estate.arguments())
}

/// Everybody, at the size that most can do.
fn of_small(bench: &Bench, small: Estate, few: Estate) -> Result<Comparison> {
    let mut all = compared(bench, "small", small);
    let mut simulator = bench.simulator(&small.arguments())?;
    let sides = [
        connector(bench, &simulator, bench.runs)?,
        boto3(bench, bench.runs.min(2)),
        custodian(bench, small, &simulator)?,
    ];
    turns::take(bench, &mut all, Some(&mut simulator), &sides);
    all.bound = bound(small, &all);
    drop(simulator);
    // The command line starts a process for each call. Its work is a part of that of the others.
    let mut simulator = bench.simulator(&few.arguments())?;
    let mut smaller = compared(bench, "few", few);
    let ours = connector(bench, &simulator, 1)?;
    turns::take(bench, &mut smaller, Some(&mut simulator), &[ours, command_line(bench)]);
    let factor = small.accounts as f64 / few.accounts as f64;
    all.rows
        .extend(smaller.rows.into_iter().filter(|row| !row.ours).map(|row| Row {
            factor,
            delivers: None,
            note: format!(
                "8 accounts at a time; measured with {} accounts, times {factor}",
                few.accounts
            ),
            ..row
        }));
    Ok(all)
}

/// Ours, and the script where it ends in time.
fn of_large(bench: &Bench, small: Estate, large: Estate, script: Option<Row>) -> Result<Comparison> {
    let mut all = compared(bench, "large", large);
    let mut simulator = bench.simulator(&large.arguments())?;
    let mut sides = vec![connector(bench, &simulator, bench.runs.min(3))?];
    let factor = (large.accounts * large.regions) as f64 / (small.accounts * small.regions) as f64;
    let reckoned = script.as_ref().and_then(Row::wall).map(|wall| wall * factor);
    let too_long = reckoned.is_some_and(|wall| wall > LONGEST_PEER) && !bench.full;
    if !too_long {
        sides.push(boto3(bench, 1));
    }
    turns::take(bench, &mut all, Some(&mut simulator), &sides);
    if let Some(script) = script.filter(|_| too_long) {
        all.rows.push(Row {
            factor,
            delivers: None,
            note: format!("measured with {} × {}, times {factor}", small.accounts, small.regions),
            ..script
        });
    }
    all.bound = bound(large, &all);
    Ok(all)
}

fn rows_in(name: &str, bench: &Bench) -> Delivers {
    Delivers::Rows {
        columns: COLUMNS,
        place: Place::File(bench.file(name)),
    }
}

fn connector(bench: &Bench, simulator: &Simulator, runs: usize) -> Result<Side> {
    let chain = json!({"sub_account_assume_role_arn_chain": [ROLE]});
    let parameters = bench.parameters("inventory.json", simulator, chain)?;
    let output = path(bench, "instances.csv");
    let text = format!("run --params {parameters} --output {output}");
    let words = line(&bench.program("ec2-connector"), &text, &[]);
    let side = Side::of_ours("ec2-connector", words, rows_in("instances.csv", bench), runs);
    Ok(side.with_note("all columns, ledger"))
}

fn boto3(bench: &Bench, runs: usize) -> Side {
    let output = path(bench, "boto3.csv");
    let text = format!("xtask/peers/boto3_inventory.py --output {output} --role");
    let words = line(&bench.peer("python"), &text, &[ROLE]);
    Side::of_others("boto3, 64 threads", words, rows_in("boto3.csv", bench), runs).with_note("18 columns")
}

/// Cloud Custodian finds its accounts in a file, and wants to be told the regions.
fn custodian(bench: &Bench, estate: Estate, simulator: &Simulator) -> Result<Side> {
    let mut accounts = "accounts:\n".to_owned();
    for number in 1..=estate.accounts {
        let id = format!("3{number:011}");
        let role = ROLE.replace("{accountId}", &id);
        accounts += &format!("- {{account_id: '{id}', name: '{id}', role: '{role}'}}\n");
    }
    let (accounts_file, policies) = (bench.file("accounts.yml"), bench.file("policies.yml"));
    write(&accounts_file, &accounts)?;
    write(&policies, "policies:\n- {name: instances, resource: aws.ec2}\n")?;
    let regions = simulator.facts["organization"]["regions"].as_array();
    let regions = regions.into_iter().flatten().filter_map(serde_json::Value::as_str);
    let regions: String = regions.map(|region| format!(" -r {region}")).collect();
    let folder = path(bench, "custodian");
    let text = format!(
        "run -c {} -u {} -s {folder} --cache-period 0{regions}",
        accounts_file.display(),
        policies.display()
    );
    let words = line(&bench.peer("c7n-org"), &text, &[]);
    let delivers = Delivers::Rows {
        columns: COLUMNS,
        place: Place::Behind {
            place: bench.file("custodian"),
            reader: line(&bench.peer("python"), "xtask/peers/custodian_rows.py", &[]),
        },
    };
    Ok(Side::of_others("Cloud Custodian, c7n-org", words, delivers, 1).with_note("JSON of AWS, a file a region"))
}

fn command_line(bench: &Bench) -> Side {
    let words = line(
        "bash".as_ref(),
        "xtask/peers/aws_cli_inventory.sh",
        &[ROLE, &path(bench, "aws-cli")],
    );
    let delivers = Delivers::Rows {
        columns: COLUMNS,
        place: Place::Folder(bench.file("aws-cli")),
    };
    Side::of_others("AWS CLI, xargs -P 8", words, delivers, 1).within(Duration::from_secs(300))
}

/// By the latency of the simulator and the calls that were counted there.
fn bound(estate: Estate, comparison: &Comparison) -> Option<Bound> {
    let calls = comparison.row("ec2-connector")?.calls(&[""])?;
    Some(bound_of(estate, calls))
}

fn bound_of(estate: Estate, calls: f64) -> Bound {
    let latency = estate.latency as f64 / 1000.0;
    let in_a_slice = estate.instances.div_ceil((estate.accounts * estate.regions).max(1));
    let pages = estate
        .accounts
        .min(ACCOUNTS_PER_UNIT)
        .div_ceil(ACCOUNTS_PER_PAGE)
        .max(1);
    let pages = pages + in_a_slice.div_ceil(INSTANCES_PER_PAGE).max(1);
    Bound {
        path: (CALLS_IN_A_ROW + pages) as f64 * latency,
        calls: calls * latency / CONCURRENCY as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_the_longer_of_path_and_calls() {
        let estate = Estate {
            accounts: 250,
            regions: 4,
            instances: 2_500_000,
            latency: 20,
        };
        // 6 calls, 5 pages of accounts, 3 pages of instances.
        let bound = bound_of(estate, 6400.0);
        assert!((bound.path - 0.28).abs() < 1e-9 && (bound.calls - 2.0).abs() < 1e-9);
        assert_eq!(bound.seconds(), bound.calls);
        assert_eq!(bound_of(estate, 10.0).seconds(), bound.path);
    }
}
