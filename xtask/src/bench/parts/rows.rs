//! Many instances of one account and region: what a row costs, beside what the SDK costs by itself.

use anyhow::Result;
use serde_json::json;

use super::{Estate, REGION, ROLE, comparison, line, path};
use crate::bench::results::Section;
use crate::bench::turns::{self, Delivers, Place, Side};
use crate::bench::{Bench, write};
use crate::simulator::Simulator;

/// The account of the simulator's that has the instances.
const ACCOUNT: &str = "300000000001";
const COLUMNS: &str = "instance_id,instance_type,state";
/// boto3 is slow, and does a tenth of the work.
const PART: u64 = 10;

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let of = |instances| Estate {
        accounts: 1,
        regions: 1,
        instances,
        latency: 0,
    };
    let instances = if bench.quick { 5_000 } else { 200_000 };
    let (all, part) = (of(instances), of(instances / PART));
    let title = format!("one account and region, {}", all.title());
    let title = title.replacen("1 accounts × 1 regions, ", "", 1);
    let mut compared = comparison(bench, "instances", title, &all.arguments());
    let mut simulator = bench.simulator(&all.arguments())?;
    let environment = profile(bench, &simulator)?;
    let floor = line(&bench.program("bare-instances"), "", &[]);
    let floor = Side::of_others("SDK for Rust, rows dropped", floor, Delivers::Count, bench.runs);
    let floor = floor.with_note("a bare loop over DescribeInstances");
    let sides = [connector(bench, &simulator)?, through(floor, &environment)];
    turns::take(bench, &mut compared, Some(&mut simulator), &sides);
    drop(simulator);
    let mut simulator = bench.simulator(&part.arguments())?;
    let environment = profile(bench, &simulator)?;
    let output = bench.file("boto3.csv");
    let words = line(
        &bench.peer("python"),
        "xtask/peers/boto3_instances.py",
        &[&output.display().to_string()],
    );
    let delivers = Delivers::Rows {
        columns: COLUMNS,
        place: Place::File(output),
    };
    let script = Side::of_others("boto3", words, delivers, bench.runs.min(3)).times(PART as f64);
    let script = script.with_note(format!("15 columns; measured with a {PART}th, times {PART}"));
    turns::take(
        bench,
        &mut compared,
        Some(&mut simulator),
        &[through(script, &environment)],
    );
    let mut section = Section::of_today();
    section.comparisons.push(compared);
    Ok(section)
}

fn connector(bench: &Bench, simulator: &Simulator) -> Result<Side> {
    let parameters = json!({
        "sub_account_assume_role_arn_chain": [ROLE],
        "accounts": [ACCOUNT],
        "regions": [REGION],
    });
    let parameters = bench.parameters("rows.json", simulator, parameters)?;
    let output = path(bench, "rows.csv");
    let words = line(
        &bench.program("ec2-connector"),
        &format!("run --params {parameters} --output {output}"),
        &[],
    );
    let delivers = Delivers::Rows {
        columns: COLUMNS,
        place: Place::File(bench.file("rows.csv")),
    };
    Ok(Side::of_ours("ec2-connector", words, delivers, bench.runs).with_note("all columns, CSV"))
}

/// A profile that assumes the account's role: every SDK knows those.
fn profile(bench: &Bench, simulator: &Simulator) -> Result<[(&'static str, String); 4]> {
    let path = bench.file("aws-config");
    let role = ROLE.replace("{accountId}", ACCOUNT);
    let text = format!(
        "[profile user]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
         [profile member]\nrole_arn = {role}\nsource_profile = user\n",
        simulator.fact("access_key_id"),
        simulator.fact("secret_access_key")
    );
    write(&path, &text)?;
    Ok([
        ("AWS_CONFIG_FILE", path.display().to_string()),
        ("AWS_PROFILE", "member".to_owned()),
        // Keys in the environment would go before the profile.
        ("AWS_ACCESS_KEY_ID", String::new()),
        ("AWS_SECRET_ACCESS_KEY", String::new()),
    ])
}

fn through(side: Side, environment: &[(&'static str, String); 4]) -> Side {
    let add = |side: Side, (name, value): &(&'static str, String)| side.with_environment(name, value);
    environment.iter().fold(side, add)
}
