//! A slice that fails may keep the rows that it had when it was last complete: a failed account does not look like deleted
//! instances.

use aws_sim::{Fault, Sim};
use serde_json::{Value as Json, json};

use crate::harness::{Outcome, Run, start};
use crate::world::*;

/// The next of a row of scheduled runs: in the same directory, with the same parameters.
fn next(sim: &Sim, before: Outcome) -> Run<'_> {
    keeping(sim).after(before)
}

fn keeping(sim: &Sim) -> Run<'_> {
    Run::organization(sim).params(json!({"keep_last_good": true}))
}

fn denied_in_frankfurt(sim: &Sim) {
    let denial = Fault::on("ec2:DescribeInstances").account(B).region(FRANKFURT);
    sim.faults().add(denial.error(403, "UnauthorizedOperation", "not now"));
}

fn closed(sim: &Sim, account: &str) {
    let hop = Fault::on("sts:AssumeRole").parameter("RoleArn", &role(account, "inventory"));
    sim.faults().add(hop.error(403, "AccessDenied", "not now"));
}

#[test]
fn a_slice_that_fails_keeps_its_rows_for_as_long_as_it_fails() {
    for format in ["json", "csv", "parquet"] {
        let sim = start(estate());
        let mut outcome = keeping(&sim).output(&format!("rows.{format}")).expect(0);
        let whole = outcome.output_bytes();
        let first = outcome.ledger()["finished"].clone();
        denied_in_frankfurt(&sim);
        for _ in 0..3 {
            outcome = next(&sim, outcome).run();
            outcome.expect(3);
            assert_eq!(outcome.output_bytes(), whole);
            let slice = outcome.slice(B, Some(FRANKFURT));
            assert_eq!((&slice["outcome"], &slice["rows"]), (&json!("denied"), &json!(0)));
            let stale = &slice["stale"];
            assert_eq!((&stale["rows"], &stale["regions"]), (&json!(9), &json!([FRANKFURT])));
            assert!(stale["collected"].as_str() <= first.as_str(), "{stale}");
            assert!(stale["age_seconds"].as_f64() > Some(0.0), "{stale}");
            let totals = outcome.ledger()["totals"].clone();
            assert_eq!(totals["stale_rows"], 9);
            assert_eq!(totals["rows"], 22, "what this run has collected");
            outcome.says(&["9 rows of earlier runs stand in for what is missing"]);
        }
        sim.faults().clear();
        outcome = next(&sim, outcome).run();
        outcome.expect(0);
        assert_eq!(outcome.output_bytes(), whole);
        assert!(outcome.slice(B, Some(FRANKFURT))["stale"].is_null());
    }
}

#[test]
fn an_account_that_cannot_be_reached_keeps_all_its_rows() {
    let sim = start(estate());
    let outcome = keeping(&sim).expect(0);
    let whole = outcome.output_bytes();
    closed(&sim, B);
    let outcome = next(&sim, outcome).run();
    outcome.expect(3);
    assert_eq!(outcome.output_bytes(), whole);
    let stale = &outcome.slice(B, None)["stale"];
    assert_eq!((&stale["rows"], &stale["regions"]), (&json!(10), &json!(REGIONS)));
}

#[test]
fn stale_rows_are_made_fresh_by_a_resumed_run() {
    let sim = start(estate());
    let outcome = keeping(&sim).expect(0);
    let whole = outcome.output_bytes();
    denied_in_frankfurt(&sim);
    closed(&sim, D);
    let outcome = next(&sim, outcome).run();
    outcome.expect(3);
    assert_eq!(outcome.output_bytes(), whole);
    // Still denied: the rows stay, and nothing else is asked for.
    sim.forget_calls();
    let outcome = next(&sim, outcome).flag("--resume").run();
    outcome.expect(3);
    assert_eq!(outcome.output_bytes(), whole);
    assert_eq!(sim.calls_of("ec2:DescribeInstances").len(), 1);
    assert_eq!(outcome.ledger()["totals"]["stale_rows"], 11);
    sim.faults().clear();
    let outcome = next(&sim, outcome).flag("--resume").run();
    outcome.expect(0);
    assert_eq!(outcome.output_bytes(), whole);
    assert!(outcome.ledger()["totals"]["stale_rows"].is_null());
}

/// What is gone is gone: rows are kept for what failed, not for what is no more.
#[test]
fn accounts_that_are_left_out_lose_their_rows() {
    let sim = start(estate());
    let outcome = keeping(&sim).expect(0);
    denied_in_frankfurt(&sim);
    let only = json!({"organizational_units": [WORKLOADS]});
    let outcome = next(&sim, outcome).params(only).run();
    outcome.expect(3).says(&[
        "the rows of the run before cannot stand in",
        "its parameters differ in organizational_units",
    ]);
    assert!(!outcome.accounts().contains(D));
    let frankfurt = (B.to_owned(), FRANKFURT.to_owned());
    assert!(
        !outcome.found().contains_key(&frankfurt),
        "collected by other parameters"
    );
}

#[test]
fn where_nothing_could_be_collected_the_previous_output_stays() {
    let sim = start(estate());
    let outcome = keeping(&sim).expect(0);
    let whole = outcome.output_bytes();
    let denial = Fault::on("ec2:DescribeInstances");
    sim.faults().add(denial.error(403, "UnauthorizedOperation", "not now"));
    let outcome = next(&sim, outcome).run();
    outcome.expect(4);
    assert_eq!(outcome.output_bytes(), whole);
    // What was good before is still good.
    sim.faults().clear();
    denied_in_frankfurt(&sim);
    let outcome = next(&sim, outcome).run();
    outcome.expect(3);
    assert_eq!(outcome.output_bytes(), whole);
}

#[test]
fn a_row_says_when_it_was_collected_where_it_is_asked() {
    let sim = start(estate());
    let with_time = json!({"leading_columns": ["account_id", "region", "collected_at"]});
    let outcome = keeping(&sim).params(with_time.clone()).expect(0);
    denied_in_frankfurt(&sim);
    let outcome = next(&sim, outcome).params(with_time).run();
    outcome.expect(3);
    let started = outcome.ledger()["started"].as_str().unwrap().to_owned();
    for row in outcome.rows() {
        let stale = row["account_id"] == B && row["region"] == FRANKFURT;
        let collected = row["collected_at"].as_str().unwrap();
        assert_eq!(collected < started.as_str(), stale, "{row}");
    }
}

#[test]
fn without_it_nothing_is_kept() {
    let sim = start(estate());
    let outcome = Run::organization(&sim).expect(0);
    denied_in_frankfurt(&sim);
    let outcome = Run::organization(&sim).after(outcome).run();
    outcome.expect(3);
    assert_eq!(outcome.rows().len(), 22);
    assert_eq!(outcome.slice(B, Some(FRANKFURT))["stale"], Json::Null);
    let stdout = keeping(&sim).params(json!({"output": "-"})).expect(2);
    stdout.says(&["keep_last_good needs a file"]);
}
