//! A run that ended early is gone on with: what was complete is taken over, the rest is collected, and the result is that of
//! a run that was never cut short.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use aws_sim::{Action, Estate, Fault, Sim};
use serde_json::{Value as Json, json};

use crate::harness::{Outcome, Run, start};
use crate::world::*;

const FORMATS: [&str; 4] = ["csv", "json", "jsonl", "parquet"];

/// What a run gives that nothing happens to.
fn whole(sim: &Sim, format: &str) -> Vec<u8> {
    let outcome = Run::organization(sim).output(&format!("rows.{format}")).expect(0);
    assert_eq!(outcome.leftovers(), [""; 0], "a complete run leaves nothing");
    outcome.output_bytes()
}

fn slice_of_b() -> Fault {
    Fault::on("ec2:DescribeInstances").account(B).region(FRANKFURT)
}

/// All slices but one have been answered, and that one is being waited for.
fn all_but_one(sim: &Sim) -> bool {
    let calls = sim.calls_of("ec2:DescribeInstances");
    calls.len() == 18 && calls.iter().filter(|call| call.status == 200).count() == 17
}

/// Ended by a signal when all slices but one are complete.
fn ended_by(sim: &Sim, signal: &str, format: &str) -> Outcome {
    sim.faults().add(slice_of_b().then(Action::Hang));
    let running = Run::organization(sim).output(&format!("rows.{format}")).start();
    let journal = running.path(&format!("rows.{format}.state/journal"));
    // Whole lines: what is being written when the process is killed does not count for the one that goes on.
    let slices = || {
        let journal = fs::read_to_string(&journal).unwrap_or_default();
        let lines = journal.split_inclusive('\n');
        let is_slice = |line: &&str| line.contains("{\"Slice\":") && line.ends_with('\n');
        lines.filter(is_slice).count()
    };
    let outcome = running
        .wait_for(|sim| all_but_one(sim) && slices() == 17)
        .signal(signal)
        .finish();
    sim.faults().clear();
    sim.forget_calls();
    outcome
}

/// Calls of the run that goes on; that of the one before may still be hanging.
fn answered(sim: &Sim) -> usize {
    let calls = sim.calls_of("ec2:DescribeInstances");
    calls.iter().filter(|call| call.status == 200).count()
}

fn resumed(sim: &Sim, outcome: Outcome) -> Outcome {
    Run::organization(sim).after(outcome).flag("--resume").run()
}

#[test]
fn what_was_complete_is_not_collected_again() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129), ("KILL", -1)] {
        for format in FORMATS {
            let sim = start(estate());
            let expected = whole(&sim, format);
            sim.forget_calls();
            let outcome = ended_by(&sim, signal, format);
            outcome.expect(code);
            assert_eq!(outcome.ledger_path().exists(), signal != "KILL");
            let outcome = resumed(&sim, outcome);
            outcome.expect(0);
            assert_eq!(outcome.output_bytes(), expected, "{signal} {format}");
            assert_eq!(answered(&sim), 1);
            assert_eq!(sim.count("sts:AssumeRole"), 1, "no account is reached for nothing");
            assert_eq!(outcome.leftovers(), [""; 0]);
            let ledger = outcome.ledger();
            assert!(ledger["resumed"].is_string() && ledger["state"].is_null(), "{ledger}");
            let taken_over = |slice: &&Json| slice["collected"].is_string();
            let slices = ledger["slices"].as_array().unwrap();
            assert_eq!(slices.iter().filter(taken_over).count(), 17);
            assert_eq!(ledger["totals"]["rows"], ledger["outputs"][0]["rows"]);
        }
    }
}

#[test]
fn a_partial_run_is_made_whole() {
    let sim = start(estate());
    let expected = whole(&sim, "json");
    sim.faults()
        .add(slice_of_b().error(403, "UnauthorizedOperation", "not now"));
    sim.faults().add(
        Fault::on("sts:AssumeRole")
            .parameter("RoleArn", &role(D, "inventory"))
            .error(403, "AccessDenied", "not now"),
    );
    let outcome = Run::organization(&sim).expect(3);
    let ledger = outcome.ledger();
    assert_eq!(ledger["state"], json!(outcome.state()));
    assert_eq!(outcome.leftovers(), [""; 0]);
    let partial = outcome.output_bytes();
    // The same again changes nothing, and asks for nothing but what is missing.
    sim.forget_calls();
    let outcome = resumed(&sim, outcome);
    outcome.expect(3);
    assert_eq!(outcome.output_bytes(), partial);
    assert_eq!(sim.calls_of("ec2:DescribeInstances").len(), 1);
    sim.faults().clear();
    // By the name of the ledger too.
    let ledger = outcome.ledger_path();
    let outcome = Run::organization(&sim)
        .after(outcome)
        .flag("--resume")
        .flag(ledger.to_str().unwrap())
        .run();
    outcome.expect(0);
    assert_eq!(outcome.output_bytes(), expected);
    assert_eq!(outcome.leftovers(), [""; 0]);
}

#[test]
fn there_may_be_nothing_to_go_on_with() {
    let sim = start(estate());
    let expected = whole(&sim, "csv");
    let outcome = Run::organization(&sim).output("rows.csv").flag("--resume").expect(0);
    assert_eq!(outcome.output_bytes(), expected);
    assert!(outcome.ledger()["resumed"].is_null());
    let ledger = outcome.ledger_path();
    let by = |ledger: &str, said: &str| {
        let outcome = Run::organization(&sim).flag("--resume").flag(ledger).expect(2);
        outcome.says(&[ledger, said]);
        assert_eq!(outcome.leftovers(), [""; 0]);
    };
    by(
        ledger.to_str().unwrap(),
        "its run is complete: there is nothing left to collect",
    );
    by("/nowhere/ledger.json", "No such file");
    by("/dev/null", "it is no ledger");
    let stdout = Run::organization(&sim)
        .params(json!({"output": "-"}))
        .flag("--resume")
        .expect(2);
    stdout.says(&["--resume", "name a file with output"]);
}

#[test]
fn another_run_is_not_gone_on_with() {
    let sim = start(estate());
    let mut outcome = ended_by(&sim, "KILL", "csv");
    for (more, named) in [
        (json!({"format": "json"}), "format"),
        (json!({"regions": [FRANKFURT]}), "regions"),
        (json!({"exclude_accounts": [A]}), "exclude_accounts"),
        (json!({"leading_columns": ["account_id"]}), "leading_columns"),
        (json!({"assume_external_id": "else"}), "assume_external_id"),
    ] {
        outcome = Run::organization(&sim)
            .after(outcome)
            .params(more)
            .flag("--resume")
            .run();
        let said = format!("its parameters differ in {named}; run without --resume");
        outcome.expect(2).says(&[&said]);
        assert_eq!(sim.calls().len(), 0, "nothing was attempted");
    }
    // What does not shape the rows may change: secrets are renewed, runs are told to be slower.
    let more = json!({"max_concurrency": 2, "page_size": 5, "role_session_name": "else", "call_timeout": 100});
    let outcome = Run::organization(&sim)
        .after(outcome)
        .params(more)
        .flag("--resume")
        .run();
    outcome.expect(0);
    assert_eq!(outcome.output_bytes(), whole(&sim, "csv"));
}

#[test]
fn another_organization_is_not_gone_on_with() {
    let sim = start(estate());
    let outcome = ended_by(&sim, "KILL", "json");
    let elsewhere = start(estate());
    elsewhere
        .faults()
        .add(Fault::on("sts:GetCallerIdentity").then(Action::Body {
            status: 200,
            content_type: "text/xml",
            body: CALLER.to_owned(),
        }));
    let outcome = Run::organization(&elsewhere).after(outcome).flag("--resume").run();
    outcome.expect(2).says(&[&format!(
        "it had signed in to account {MASTER}, this one has to 999999999999"
    )]);
}

const CALLER: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                      <Arn>arn:aws:iam::999999999999:user/x</Arn><UserId>X</UserId><Account>999999999999</Account>\
                      </GetCallerIdentityResult></GetCallerIdentityResponse>";

#[test]
fn damage_is_seen() {
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damage: [(&str, Damage); 5] = [
        ("rows", |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        }),
        ("rows", |bytes| bytes[..bytes.len() - 1].to_vec()),
        ("rows", |_| Vec::new()),
        ("journal", |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        }),
        ("journal", |bytes| [b"{}\n", &bytes[..]].concat()),
    ];
    for (file, damage) in damage {
        let sim = start(estate());
        let outcome = ended_by(&sim, "KILL", "json");
        let path = outcome.state().join(file);
        fs::write(&path, damage(fs::read(&path).unwrap())).unwrap();
        let outcome = resumed(&sim, outcome);
        outcome
            .expect(2)
            .says(&["is damaged", "run without --resume to start from the beginning"]);
        assert_eq!(sim.calls().len(), 0);
        let outcome = Run::organization(&sim).after(outcome).run();
        outcome.expect(0);
        assert_eq!(outcome.output_bytes(), whole(&sim, "json"), "{file}");
        assert_eq!(outcome.leftovers(), [""; 0]);
    }
}

/// The process ended while it wrote a line: that line is not there, the others are.
#[test]
fn a_line_that_was_being_written_is_left_out() {
    let sim = start(estate());
    let expected = whole(&sim, "json");
    sim.forget_calls();
    let outcome = ended_by(&sim, "KILL", "json");
    let journal = outcome.state().join("journal");
    let text = fs::read(&journal).unwrap();
    fs::write(&journal, &text[..text.len() - 10]).unwrap();
    let outcome = resumed(&sim, outcome);
    outcome.expect(0);
    assert_eq!(outcome.output_bytes(), expected);
    assert_eq!(answered(&sim), 2);
}

#[test]
fn two_runs_at_once_do_not_share_an_output() {
    let sim = start(estate());
    sim.faults().add(slice_of_b().then(Action::Hang));
    let first = Run::organization(&sim).start().wait_for(all_but_one);
    let output = first.path("rows.json");
    for more in [&[][..], &["--resume"]] {
        let second = Run::organization(&sim).params(json!({"output": output}));
        let second = more.iter().fold(second, |run, flag| run.flag(flag)).expect(6);
        second.says(&["another run is at work on this output", "rows.json.state"]);
    }
    let first = first.signal("KILL").finish();
    sim.faults().clear();
    // A lock goes with its process.
    let outcome = Run::organization(&sim).after(first).run();
    outcome.expect(0).says(&[
        "an unfinished run of",
        "is given up; --resume would have gone on with it",
    ]);
}

#[test]
fn a_run_that_has_nothing_leaves_nothing() {
    let sim = start(estate());
    let wrong = json!({"access_key_id": "AKIAIOSFODNN7EXAMPLE"});
    let outcome = Run::organization(&sim).params(wrong).expect(4);
    assert_eq!(outcome.leftovers(), [""; 0]);
    assert!(!outcome.state().exists());
}

/// Accounts that wait behind slow ones when the run's time is over keep what an earlier process has collected of them.
#[test]
fn what_was_complete_stays_in_a_resumed_run_that_is_cut_short() {
    const ACCOUNTS: usize = 60;
    // More than are at work at once.
    const SLOW: usize = 40;
    let sim = start(Estate::scale(ACCOUNTS, 3, 360, Duration::ZERO));
    let ids: Vec<String> = (1..=ACCOUNTS).map(|number| format!("3{number:011}")).collect();
    let of_slow = || {
        ids[..SLOW]
            .iter()
            .map(|id| Fault::on("ec2:DescribeInstances").account(id))
    };
    let run = || {
        Run::keys(&sim).params(json!({
            "sub_account_assume_role_arn_chain": [Estate::SUB_ACCOUNT_ROLE],
            "accounts": ids,
            "max_concurrency": 4,
        }))
    };
    for fault in of_slow() {
        sim.faults().add(fault.error(403, "UnauthorizedOperation", "no"));
    }
    let partial = run().expect(3);
    let rows = partial.rows().len();
    assert_eq!(partial.accounts().len(), ACCOUNTS - SLOW);
    sim.faults().clear();
    for fault in of_slow() {
        sim.faults().add(fault.then(Action::Hang));
    }
    let cut = run()
        .params(json!({"run_timeout": 3}))
        .after(partial)
        .flag("--resume")
        .run();
    cut.expect(3);
    assert_eq!((cut.accounts().len(), cut.rows().len()), (ACCOUNTS - SLOW, rows));
    let known: BTreeSet<String> = cut.outcomes().into_keys().map(|(account, _)| account).collect();
    assert_eq!(known.len(), ACCOUNTS, "no account is missing");
}
