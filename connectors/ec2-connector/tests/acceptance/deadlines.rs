//! No call, no slice and no run takes longer than it may, and what hangs holds up nothing else.

use std::time::{Duration, Instant};

use aws_sim::{Action, Fault, Sim};
use serde_json::json;

use crate::harness::{Outcome, Run, start};
use crate::world::*;

fn hanging_in_b() -> Sim {
    let sim = start(estate());
    let slice = Fault::on("ec2:DescribeInstances").account(B).region(FRANKFURT);
    sim.faults().add(slice.then(Action::Hang));
    sim
}

/// All but one slice is whole, and that one says which limit it came to.
fn assert_all_but_one(outcome: &Outcome, said: &str) {
    outcome.expect(3);
    let slice = outcome.slice(B, Some(FRANKFURT));
    assert_eq!(slice["outcome"], "timed-out", "{slice}");
    let cause = &slice["cause"];
    assert!(cause["message"].as_str().unwrap().contains(said), "{cause}");
    assert!(cause["hint"].is_string(), "{cause}");
    assert_eq!(outcome.rows().len(), 22);
    let complete = |outcome: &&String| *outcome == "complete" || *outcome == "empty";
    assert_eq!(outcome.outcomes().values().filter(complete).count(), 17);
}

#[test]
fn each_limit_ends_what_hangs_and_nothing_else() {
    for (limit, said) in [
        ("call_timeout", "no answer within the time limit"),
        ("slice_timeout", "the slice was not complete after 3 s"),
        ("run_timeout", "the run came to its deadline of 3 s"),
    ] {
        let sim = hanging_in_b();
        let start = Instant::now();
        let outcome = Run::organization(&sim).params(json!({limit: 3})).run();
        let took = start.elapsed();
        assert_all_but_one(&outcome, said);
        assert!(
            took < Duration::from_secs(3 + 2 + 5),
            "{limit}: {took:?}, on a busy machine"
        );
        assert_eq!(outcome.ledger()["outcome"], "partial");
    }
}

#[test]
fn what_a_deadline_has_left_is_collected_later() {
    let sim = hanging_in_b();
    let outcome = Run::organization(&sim).params(json!({"run_timeout": 3})).run();
    assert_all_but_one(&outcome, "deadline");
    sim.faults().clear();
    sim.forget_calls();
    // Another deadline is no other run.
    let outcome = Run::organization(&sim).after(outcome).flag("--resume").run();
    outcome.expect(0);
    let asked = sim.calls_of("ec2:DescribeInstances");
    assert_eq!(asked.iter().filter(|call| call.status == 200).count(), 1);
    assert_eq!(outcome.output_bytes(), Run::organization(&sim).expect(0).output_bytes());
}

#[test]
fn a_run_that_hangs_at_the_listing_ends_too() {
    let sim = start(estate());
    sim.faults()
        .add(Fault::on("organizations:ListRoots").then(Action::Hang));
    let outcome = Run::organization(&sim)
        .params(json!({"run_timeout": 2}))
        .file("rows.json", "previous")
        .run();
    outcome
        .expect(4)
        .says(&["the run came to its deadline of 2 s before the accounts were known"]);
    assert_eq!(outcome.output_bytes(), b"previous");
}

#[test]
fn there_are_limits_by_default() {
    let sim = start(estate());
    let page = Run::bare(&sim).verb("spec").expect(0).json();
    for (name, default) in [("call_timeout", json!(180)), ("run_timeout", json!(43_200))] {
        assert_eq!(page["properties"][name]["default"], default, "{name}");
    }
}
