//! Queries whose accounts machines share: where the columns come with the results, only all shards together tell which of
//! them fit.

use std::collections::BTreeMap;

use aws_sim::{Canned, Sim};
use serde_json::{Value as Json, json};

use crate::fleet::*;
use crate::harness::{Outcome, Run, start};

/// Of two shards, the first has members 1, 2 and 7.
const MEMBERS: usize = 9;
/// The results of these have other columns.
const OTHERS: [usize; 3] = [1, 2, 3];

/// In the first shard most results have the other columns, among all they do not.
fn sim() -> Sim {
    let mut estate = estate(MEMBERS);
    for number in OTHERS {
        let other = Canned::new(&[("name", "varchar"), ("bytes", "varchar")]).row(&[Some("x"), Some("y")]);
        estate.athena().canned_in(&member(number), QUERY, other);
    }
    start(estate)
}

fn shards(sim: &Sim, output: &str) -> Vec<Outcome> {
    let shard = |index| {
        run(sim, MEMBERS)
            .params(json!({"shard": format!("{index}/2")}))
            .output(output)
            .run()
    };
    (0..2).map(shard).collect()
}

fn merge<'a>(sim: &'a Sim, shards: &[Outcome], output: &str) -> Run<'a> {
    let run = Run::bare(sim).typed().verb("merge").output(output);
    let path = run.path(output).display().to_string();
    let run = run.flag("--output").flag(&path);
    let ledgers = shards.iter().map(Outcome::ledger_path);
    ledgers.fold(run, |run, ledger| run.flag(ledger.to_str().unwrap()))
}

/// What the ledger says of each slice, but for times and ids.
fn slices(outcome: &Outcome) -> BTreeMap<String, Json> {
    let ledger = outcome.ledger();
    let slices = ledger["slices"].as_array().unwrap().iter();
    let told = slices.map(|slice| {
        let account = slice["account_id"].as_str().unwrap().to_owned();
        let names = [
            "region",
            "outcome",
            "reason",
            "rows",
            "cause",
            "queries",
            "scanned_bytes",
            "cost",
        ];
        let told = names.map(|name| (name, slice[name].clone()));
        (account, json!(told))
    });
    told.collect()
}

#[test]
fn what_does_not_fit_is_what_does_not_fit_in_one_run() {
    for output in ["rows.csv", "rows.json", "rows.jsonl", "rows.parquet"] {
        let sim = sim();
        let one = run(&sim, MEMBERS).output(output).expect(3);
        let shards = shards(&sim, output);
        for shard in &shards {
            shard.expect(3);
        }
        // Beside the first two, the seventh does not fit; beside all, it does.
        assert_eq!(slice(&shards[0], 7)["outcome"], "failed");
        assert_eq!(slice(&shards[0], 1)["outcome"], "complete");
        let queries = sim.queries().len();
        let merged = merge(&sim, &shards, output).expect(3);
        assert_eq!(sim.queries().len(), queries, "nothing is asked for");
        assert_eq!(merged.output_bytes(), one.output_bytes(), "{output}");
        assert_eq!(slices(&merged), slices(&one));
        let totals = |outcome: &Outcome| {
            let totals = outcome.ledger()["totals"].clone();
            ["rows", "complete", "failed", "slices", "queries", "scanned_bytes"].map(|name| totals[name].clone())
        };
        assert_eq!(totals(&merged), totals(&one));
        for number in OTHERS {
            assert_eq!(slice(&merged, number)["outcome"], "failed");
        }
        assert_eq!(slice(&merged, 7)["rows"], 2);
    }
}

/// A file for each account: everything fits, and the shards are complete.
#[test]
fn files_of_accounts_fit_one_by_one() {
    let sim = sim();
    let output = "{accountId}-{statement}.csv";
    let one = run(&sim, MEMBERS).output(output).expect(0);
    let shards = shards(&sim, output);
    for shard in &shards {
        shard.expect(0);
    }
    let merged = merge(&sim, &shards, output).expect(0);
    let digests = |outcome: &Outcome| -> Vec<Json> {
        let ledger = outcome.ledger();
        let outputs = ledger["outputs"].as_array().unwrap().iter();
        outputs.map(|output| output["sha256"].clone()).collect()
    };
    assert_eq!(digests(&merged).len(), MEMBERS);
    assert_eq!(digests(&merged), digests(&one));
    assert_eq!(slices(&merged), slices(&one));
}

/// A slice that does not fit is collected anew where its shard is resumed, and is not lost where it is not.
#[test]
fn a_resumed_shard_is_merged_as_it_is_then() {
    let sim = sim();
    let one = run(&sim, MEMBERS).expect(3);
    let mut shards = shards(&sim, "rows.json");
    let queries = sim.queries().len();
    let first = shards.remove(0);
    let first = run(&sim, MEMBERS)
        .params(json!({"shard": "0/2"}))
        .after(first)
        .flag("--resume")
        .run();
    first.expect(3);
    assert_eq!(sim.queries().len(), queries + 1, "that of the seventh");
    shards.insert(0, first);
    let merged = merge(&sim, &shards, "rows.json").expect(3);
    assert_eq!(merged.output_bytes(), one.output_bytes());
    // Another text is another run.
    let other = json!({"shard": "0/2", "query": "select 1 as n"});
    shards[0] = run(&sim, MEMBERS).params(other).output("rows.json").expect(0);
    merge(&sim, &shards, "rows.json")
        .expect(2)
        .says(&["shard 1/2", "their parameters differ in query"]);
}
