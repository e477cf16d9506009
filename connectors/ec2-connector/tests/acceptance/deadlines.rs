//! No call, no slice and no run takes longer than it may, and what hangs holds up nothing else.

use std::time::{Duration, Instant};

use aws_sim::{Action, Fault, Sim};
use serde_json::json;

use crate::harness::{Cut, Outcome, Run, start};
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

/// A call that AWS answers with an error until its time is over: the answer is the cause, wherever the call is made.
#[test]
fn a_call_that_runs_out_of_time_tells_what_aws_last_said() {
    for (call, action, outcome, code, said) in [
        (
            "ec2:DescribeInstances",
            Action::Throttle,
            "throttled",
            "RequestLimitExceeded",
            "Request limit exceeded",
        ),
        (
            "ec2:DescribeInstances",
            Action::ThrottleFor(100),
            "throttled",
            "RequestLimitExceeded",
            "Request limit exceeded",
        ),
        (
            "ec2:DescribeRegions",
            Action::Throttle,
            "throttled",
            "RequestLimitExceeded",
            "Request limit exceeded",
        ),
        (
            "sts:GetCallerIdentity",
            Action::Throttle,
            "credentials",
            "Throttling",
            "Rate exceeded",
        ),
        (
            "ec2:DescribeInstances",
            Action::Error {
                status: 500,
                code: "InternalError".to_owned(),
                message: "An internal error has occurred".to_owned(),
            },
            "failed",
            "InternalError",
            "An internal error has occurred",
        ),
    ] {
        let sim = start(estate());
        sim.faults().add(Fault::on(call).account(B).then(action.clone()));
        let run = Run::organization(&sim).params(json!({"call_timeout": 3, "exclude_accounts": [A, C, D, E]}));
        let ended = run.run();
        ended.expect(3);
        let failed: Vec<_> = ended.ledger()["slices"].as_array().unwrap().clone();
        let failed: Vec<_> = failed.into_iter().filter(|slice| slice["cause"].is_object()).collect();
        assert!(!failed.is_empty(), "{call} {action:?}");
        for slice in failed {
            let cause = &slice["cause"];
            assert_eq!(
                (&slice["outcome"], &cause["code"]),
                (&json!(outcome), &json!(code)),
                "{call} {action:?}: {slice}"
            );
            assert!(cause["message"].as_str().unwrap().contains(said), "{call}: {cause}");
            assert!(
                cause["request_id"].is_string() && cause["http_status"].is_number(),
                "{call}: {cause}"
            );
        }
    }
}

#[test]
fn a_listing_that_runs_out_of_time_tells_what_aws_last_said() {
    let sim = start(estate());
    sim.faults().add(Fault::on("organizations:ListRoots"));
    let outcome = Run::organization(&sim).params(json!({"call_timeout": 3})).expect(4);
    let ledger = outcome.ledger();
    assert_eq!(
        ledger["cause"]["code"], "TooManyRequestsException",
        "{}",
        ledger["cause"]
    );
}

/// Each account has an entry for each of its regions, or one for the account as a whole, and what was cut short says by
/// what.
fn assert_no_account_is_missing(outcome: &Outcome, cut: Cut, number: usize) {
    let outcomes = outcome.outcomes();
    let told = format!("{cut:?} at look {number}: exit {}, {outcomes:?}", outcome.code);
    let regions = [FRANKFURT, IRELAND, VIRGINIA, HONG_KONG];
    for account in CUT {
        let entry = |region: &str| outcomes.get(&(account.to_owned(), region.to_owned()));
        let whole = entry("-").is_some();
        let known = regions.iter().filter(|region| entry(region).is_some()).count();
        assert!(known == if whole { 0 } else { regions.len() }, "{account}: {told}");
    }
    let failed = outcomes
        .values()
        .any(|outcome| outcome == "failed" || outcome == "timed-out");
    match cut {
        Cut::Signal => assert_eq!(outcome.code, 130, "{told}"),
        Cut::Deadline => assert_eq!(outcome.code == 0, !failed, "{told}"),
    }
    let ledger = outcome.ledger();
    for slice in ledger["slices"].as_array().unwrap() {
        let by = match (slice["outcome"].as_str().unwrap(), cut) {
            ("complete" | "empty" | "skipped", _) => continue,
            (_, Cut::Signal) => "the run was interrupted",
            (_, Cut::Deadline) => "the run came to its deadline",
        };
        let cause = slice["cause"]["message"].as_str().unwrap();
        assert!(cause.starts_with(by), "{told}: {slice}");
    }
}

const CUT: [&str; 2] = [MASTER, B];

/// The moments are those at which a task looks at the clock, which is between any two steps: before and behind each
/// request, and when a slice begins and ends.
fn cut_at_every_moment(cut: Cut) {
    let sim = start(estate());
    let mut cuts = 0;
    for number in 1.. {
        let run = Run::organization(&sim).params(json!({
            "exclude_accounts": [A, C, D, E],
            "exclude_regions": [IRELAND, VIRGINIA],
        }));
        let (outcome, came) = run.cut_at(number, cut);
        if !came {
            outcome.expect(0);
            break;
        }
        if outcome.ledger()["accounts"].as_array().unwrap().len() == ALL.len() {
            assert_no_account_is_missing(&outcome, cut, number);
            cuts += 1;
        }
    }
    assert!(cuts > 50, "{cuts} moments with known accounts");
}

#[test]
fn no_account_leaves_the_ledger_whenever_a_run_is_interrupted() {
    cut_at_every_moment(Cut::Signal);
}

#[test]
fn no_account_leaves_the_ledger_whenever_a_deadline_comes() {
    cut_at_every_moment(Cut::Deadline);
}
