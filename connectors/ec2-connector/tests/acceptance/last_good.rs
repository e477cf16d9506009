//! A slice that fails may keep the rows that it had when it was last complete: a failed account does not look like deleted
//! instances.

use aws_sim::{Fault, Sim};
use serde_json::{Value as Json, json};

use crate::harness::{Outcome, Run, start, start_still};
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

/// The rows without the time of their collection.
fn timeless(outcome: &Outcome) -> Vec<Json> {
    let mut rows = outcome.rows();
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("collected_at").unwrap();
    }
    rows
}

#[test]
fn a_slice_that_fails_keeps_its_rows_for_as_long_as_it_fails() {
    let sim = start(estate());
    let mut outcome = keeping(&sim).expect(0);
    let whole = timeless(&outcome);
    let first = outcome.ledger()["finished"].clone();
    denied_in_frankfurt(&sim);
    for _ in 0..3 {
        outcome = next(&sim, outcome).run();
        outcome.expect(3);
        assert_eq!(timeless(&outcome), whole);
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
    assert_eq!(timeless(&outcome), whole);
    assert!(outcome.slice(B, Some(FRANKFURT))["stale"].is_null());
}

/// On a clock that stands still the times are the same too.
#[test]
fn kept_rows_are_the_same_bytes_in_every_format() {
    for format in ["json", "csv", "parquet"] {
        let sim = start_still(estate());
        let outcome = keeping(&sim).output(&format!("rows.{format}")).inside();
        let whole = outcome.expect(0).output_bytes();
        denied_in_frankfurt(&sim);
        let outcome = next(&sim, outcome).inside();
        assert_eq!(outcome.expect(3).output_bytes(), whole, "{format}");
    }
}

#[test]
fn an_account_that_cannot_be_reached_keeps_all_its_rows() {
    let sim = start(estate());
    let outcome = keeping(&sim).expect(0);
    let whole = timeless(&outcome);
    closed(&sim, B);
    let outcome = next(&sim, outcome).run();
    outcome.expect(3);
    assert_eq!(timeless(&outcome), whole);
    let stale = &outcome.slice(B, None)["stale"];
    assert_eq!((&stale["rows"], &stale["regions"]), (&json!(10), &json!(REGIONS)));
}

#[test]
fn stale_rows_are_made_fresh_by_a_resumed_run() {
    let sim = start(estate());
    let outcome = keeping(&sim).expect(0);
    let whole = timeless(&outcome);
    denied_in_frankfurt(&sim);
    closed(&sim, D);
    let outcome = next(&sim, outcome).run();
    outcome.expect(3);
    assert_eq!(timeless(&outcome), whole);
    // Still denied: the rows stay, and nothing else is asked for.
    sim.forget_calls();
    let outcome = next(&sim, outcome).flag("--resume").run();
    outcome.expect(3);
    assert_eq!(timeless(&outcome), whole);
    assert_eq!(sim.calls_of("ec2:DescribeInstances").len(), 1);
    assert_eq!(outcome.ledger()["totals"]["stale_rows"], 11);
    sim.faults().clear();
    let outcome = next(&sim, outcome).flag("--resume").run();
    outcome.expect(0);
    assert_eq!(timeless(&outcome), whole);
    assert!(outcome.ledger()["totals"]["stale_rows"].is_null());
}

/// What is gone is gone: rows are kept for what failed, not for what is no more. Which accounts there are does not change the
/// rows of those that stay.
#[test]
fn accounts_and_regions_that_are_left_out_lose_their_rows() {
    let sim = start(estate());
    let outcome = keeping(&sim).expect(0);
    let before = outcome.found();
    denied_in_frankfurt(&sim);
    let only = json!({"organizational_units": [WORKLOADS]});
    let outcome = next(&sim, outcome).params(only).run();
    outcome.expect(3);
    assert!(!outcome.accounts().contains(D));
    let frankfurt = (B.to_owned(), FRANKFURT.to_owned());
    assert_eq!(outcome.found()[&frankfurt], before[&frankfurt]);
    // The regions of an account that cannot be reached are not known: those that are not asked for stay out all the same.
    closed(&sim, B);
    let only = json!({"organizational_units": [WORKLOADS], "exclude_regions": [FRANKFURT]});
    let outcome = next(&sim, outcome).params(only).run();
    outcome.expect(3);
    assert_eq!(outcome.slice(B, None)["stale"]["regions"], json!([IRELAND, VIRGINIA]));
    assert!(!outcome.regions().contains(FRANKFURT));
}

/// How an account is reached is not what its rows are: a misspelt role is a failure like others.
#[test]
fn a_misspelt_role_leaves_the_rows_of_the_accounts_that_it_does_not_reach() {
    let sim = start(estate());
    let mut outcome = keeping(&sim).expect(0);
    let whole = timeless(&outcome);
    for more in [
        json!({"sub_account_assume_role_arn_chain": ["arn:aws:iam::{accountId}:role/inventroy"]}),
        json!({"sub_account_assume_role_arn_chain": ["arn:aws:iam::{accountId}:role/inventroy"],
            "assume_external_id": "else", "max_concurrency": 2, "call_timeout": 100, "role_session_name": "else"}),
    ] {
        outcome = next(&sim, outcome).params(more).run();
        outcome.expect(3);
        assert_eq!(outcome.ledger()["totals"]["rows"], 6, "the master account's");
        assert_eq!(timeless(&outcome), whole);
    }
}

/// Where the rows would have another form, nothing is collected and nothing published before somebody has said so.
#[test]
fn rows_of_another_form_are_not_dropped_in_silence() {
    let sim = start(estate());
    let mut outcome = keeping(&sim).expect(0);
    let whole = outcome.output_bytes();
    denied_in_frankfurt(&sim);
    for (more, named) in [
        (json!({"format": "csv"}), "format"),
        (json!({"csv_safe": true}), "csv_safe"),
        (json!({"leading_columns": ["region"]}), "leading_columns"),
    ] {
        sim.forget_calls();
        for unfinished in [false, true] {
            outcome = next(&sim, outcome).params(more.clone()).run();
            outcome.expect(2).says(&[
                "has the rows of the last good run, and they cannot stand in for slices that fail",
                &format!("its parameters differ in {named}"),
                "give them up with --forget-last-good",
            ]);
            assert_eq!(sim.calls().len(), 0, "nothing was attempted");
            assert_eq!(outcome.output_bytes(), whole);
            if !unfinished {
                // The rows are those of the run before the last then.
                let denial = Fault::on("ec2:DescribeInstances");
                let all = sim.faults().add(denial.error(403, "UnauthorizedOperation", "not now"));
                outcome = next(&sim, outcome).run();
                outcome.expect(4);
                sim.faults().remove(all);
                sim.forget_calls();
            }
        }
    }
    outcome = next(&sim, outcome).run();
    outcome.expect(3);
    assert_eq!(
        outcome.ledger()["totals"]["stale_rows"],
        9,
        "they were kept all the time"
    );
    let csv = json!({"format": "csv"});
    outcome = next(&sim, outcome).params(csv.clone()).flag("--forget-last-good").run();
    outcome.expect(3);
    assert_eq!(outcome.slice(B, Some(FRANKFURT))["stale"], Json::Null);
    outcome = next(&sim, outcome).params(csv).run();
    outcome.expect(3);
}

/// Whatever the damage is: it is told, and there is a way on.
#[test]
fn damaged_rows_are_not_dropped_in_silence() {
    for (name, unfinished) in [
        ("journal", false),
        ("rows", false),
        ("last-journal", true),
        ("last-rows", true),
    ] {
        let sim = start(estate());
        let mut outcome = keeping(&sim).expect(0);
        let denial = Fault::on("ec2:DescribeInstances");
        if unfinished {
            sim.faults().add(denial.error(403, "UnauthorizedOperation", "not now"));
            outcome = next(&sim, outcome).run();
            outcome.expect(4);
            sim.faults().clear();
        }
        let path = outcome.state().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        sim.forget_calls();
        for _ in 0..2 {
            outcome = next(&sim, outcome).run();
            outcome
                .expect(2)
                .says(&["damaged", "give them up with --forget-last-good"]);
            assert_eq!(sim.calls().len(), 0, "nothing was attempted: {name}");
        }
        outcome = next(&sim, outcome).flag("--forget-last-good").run();
        outcome.expect(0);
        next(&sim, outcome).expect(0);
    }
}

#[test]
fn where_nothing_could_be_collected_the_previous_output_stays() {
    let sim = start(estate());
    let outcome = keeping(&sim).expect(0);
    let (whole, rows) = (outcome.output_bytes(), timeless(&outcome));
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
    assert_eq!(timeless(&outcome), rows);
}

/// Without being asked, whichever leading columns are: an old row must not look like a new one.
#[test]
fn a_row_says_when_it_was_collected() {
    for leading in [
        Json::Null,
        json!(["account_id", "region"]),
        json!(["collected_at", "region", "account_id"]),
    ] {
        let sim = start(estate());
        let chosen = json!({"leading_columns": leading});
        let outcome = keeping(&sim).params(chosen.clone()).expect(0);
        denied_in_frankfurt(&sim);
        let outcome = next(&sim, outcome).params(chosen).run();
        outcome.expect(3);
        let started = outcome.ledger()["started"].as_str().unwrap().to_owned();
        for row in outcome.rows() {
            let stale = row["account_id"] == B && row["region"] == FRANKFURT;
            let collected = row["collected_at"].as_str().unwrap();
            assert_eq!(collected < started.as_str(), stale, "{row}");
        }
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
    assert!(outcome.rows()[0].get("collected_at").is_none());
    assert_eq!(outcome.slice(B, Some(FRANKFURT))["stale"], Json::Null);
    let stdout = keeping(&sim).params(json!({"output": "-"})).expect(2);
    stdout.says(&["keep_last_good needs a file"]);
}
