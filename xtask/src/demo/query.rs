//! An analyst's path: one query in all accounts, over the inventory that has just been collected, into one CSV and one JSON.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};

use super::simulator;
use super::{Collected, Demo, PARTIAL, connector, expect_exit, show, show_parameters};
use crate::words::count;

/// The files that it leaves.
pub(super) const CSV: &str = "types.csv";
pub(super) const JSON: &str = "types.json";

const QUERY: &str =
    "select instance_type, count(*) as instances from inventory group by instance_type order by 2 desc, 1";

/// Shows and checks.
pub(super) fn show(demo: &Demo, inventory: &Collected) -> Result<()> {
    show::heading("By Athena: one query in all accounts, over the inventory");
    show::text(
        "The simulated AWS again, this time with the inventory as a table of Athena. Every account sees its own rows in it:",
    );
    let table = format!("inventory={}", inventory.path.display());
    let simulator = simulator::start(&demo.folder, &[table])?;
    let path = demo.folder.join("analyst.json");
    let fact = |name: &str| simulator.facts[name].clone();
    let parameters = json!({
        "access_key_id": fact("access_key_id"),
        "secret_access_key": fact("secret_access_key"),
        "sub_account_assume_role_arn_chain": [fact("sub_account_role")],
        "regions": ["eu-central-1"],
        "workgroup": fact("athena")["workgroup"],
        "database": "default",
    });
    fs::write(&path, format!("{parameters:#}\n")).with_context(|| format!("cannot write {}", path.display()))?;
    show_parameters(&path)?;
    for output in [CSV, JSON] {
        let file = show::path(&demo.folder.join(output));
        let arguments = [
            "run",
            "--params",
            &show::path(&path),
            "--query",
            QUERY,
            "--output",
            &file,
        ];
        let status = connector("athena-connector", &simulator, &arguments).status();
        expect_exit("run", status.context("cannot start athena-connector")?.code(), PARTIAL)?;
    }
    let read = |name: &str| fs::read_to_string(demo.folder.join(name)).with_context(|| format!("cannot read {name}"));
    let rows: Vec<Json> = serde_json::from_str(&read(JSON)?)?;
    let counted: u64 = rows.iter().filter_map(|row| row["instances"].as_u64()).sum();
    let collected = inventory.rows.keys.len() as u64;
    ensure!(
        counted == collected,
        "the query counts {counted} instances, but the inventory has {collected}"
    );
    let csv = read(CSV)?;
    ensure!(
        csv.lines().count() == rows.len() + 1,
        "CSV and JSON have different numbers of rows"
    );
    let ledger: Json = serde_json::from_str(&read(&format!("{JSON}.run.json"))?)?;
    let slices = ledger["slices"].as_array().cloned().unwrap_or_default();
    let failed: Vec<&str> = slices
        .iter()
        .filter(|slice| slice["cause"].is_object())
        .filter_map(|slice| slice["account_id"].as_str())
        .collect();
    ensure!(
        failed == [simulator::WITHOUT_ROLE.account],
        "other accounts failed: {failed:?}"
    );
    show::text(&format!("The first rows of {}:", show::path(&demo.folder.join(CSV))));
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut lines = csv.lines();
    let head = cells(lines.next().unwrap_or_default());
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    show::table(&head, lines.take(5).map(cells));
    show::text(&format!(
        "{} rows; the counts add up to the {} instances of the inventory. The account that cannot be reached is missing, and \
         the ledger says so, with the id, the scanned bytes and the cost of every query.",
        rows.len(),
        count(collected)
    ));
    Ok(())
}
