//! The program among other programs: signals, pipes, log collectors.

use aws_sim::{Action, Estate, Fault, Sim};
use serde_json::{Value as Json, json};

use crate::harness::{Run, start};
use crate::world::*;

/// Hangs at one slice of B when all else can be done.
fn hanging() -> Sim {
    let sim = start(estate());
    sim.faults().add(
        Fault::on("ec2:DescribeInstances")
            .account(B)
            .region(FRANKFURT)
            .then(Action::Hang),
    );
    sim
}

/// All slices but one have been answered, and that one is being waited for.
fn all_but_one(sim: &Sim) -> bool {
    let calls = sim.calls_of("ec2:DescribeInstances");
    calls.len() == 18 && calls.iter().filter(|call| call.status == 200).count() == 17
}

#[test]
fn a_signal_ends_the_run_and_leaves_the_previous_output() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let sim = hanging();
        let outcome = Run::organization(&sim)
            .file("rows.json", "previous")
            .start()
            .wait_for(all_but_one)
            .signal(signal)
            .finish();
        outcome.expect(code).says(&["INTERRUPTED"]);
        assert_eq!(outcome.output_bytes(), b"previous");
        assert_eq!(outcome.leftovers(), [""; 0], "no temporary files");
        let ledger = outcome.ledger();
        assert_eq!(
            (&ledger["outcome"], &ledger["exit_code"]),
            (&json!("interrupted"), &json!(code))
        );
        assert_eq!(ledger["outputs"], json!([]));
        assert_eq!(ledger["accounts"].as_array().unwrap().len(), 6);
    }
}

#[test]
fn a_signal_during_the_listing_or_another_verb_ends_that() {
    for verb in ["run", "check", "accounts", "plan"] {
        let sim = start(estate());
        sim.faults()
            .add(Fault::on("organizations:ListRoots").then(Action::Hang));
        let outcome = Run::organization(&sim)
            .verb(verb)
            .file("rows.json", "previous")
            .start()
            .wait_for(|sim| sim.count("organizations:ListRoots") == 1)
            .signal("INT")
            .finish();
        outcome.expect(130);
        assert_eq!(outcome.output_bytes(), b"previous");
        assert_eq!(outcome.leftovers(), [""; 0]);
        assert_eq!(outcome.has_ledger(), verb == "run");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut estate = one_account();
    // More than a pipe holds.
    estate.change_account(MASTER, |account| account.instances(FRANKFURT, 400));
    let sim = start(estate);
    for format in ["csv", "json", "jsonl"] {
        let outcome = Run::keys(&sim)
            .params(json!({"output": "-", "format": format}))
            .start()
            .read_and_close(1000)
            .finish();
        outcome.expect(0).does_not_say(&["error", "panicked", "Broken pipe"]);
    }
    for verb in ["schema", "spec"] {
        let outcome = Run::keys(&sim).verb(verb).start().read_and_close(10).finish();
        outcome.expect(0).does_not_say(&["error", "panicked", "Broken pipe"]);
    }
}

#[test]
fn a_reader_that_has_seen_enough_does_not_make_a_partial_run_complete() {
    let mut estate = one_account();
    estate.change_account(MASTER, |account| account.instances(FRANKFURT, 400));
    let sim = start(estate);
    let denial = Fault::on("ec2:DescribeInstances").region(VIRGINIA);
    sim.faults().add(denial.error(403, "UnauthorizedOperation", "not here"));
    let run = Run::keys(&sim);
    let ledger = run.path("named.json");
    let outcome = run
        .params(json!({"output": "-", "ledger": ledger}))
        .start()
        .read_and_close(1000)
        .finish();
    outcome
        .expect(3)
        .says(&["PARTIAL"])
        .does_not_say(&["panicked", "Broken pipe"]);
    let ledger: serde_json::Value = serde_json::from_slice(&std::fs::read(&ledger).unwrap()).unwrap();
    assert_eq!(ledger["outcome"], "partial");
    assert_eq!(
        ledger["outputs"].as_array().map(Vec::len),
        Some(0),
        "nothing was published whole"
    );
}

#[test]
fn standard_output_carries_rows_and_nothing_else() {
    let sim = start(one_account());
    let outcome = Run::keys(&sim)
        .params(json!({"output": "-", "format": "json"}))
        .expect(0);
    assert_eq!(outcome.json().as_array().unwrap().len(), 6);
    assert!(outcome.stderr.contains("complete"));
    let to_file = Run::keys(&sim).expect(0);
    assert_eq!(to_file.stdout, "");
}

#[test]
fn a_log_collector_gets_a_json_object_on_every_line() {
    let mut estate = estate();
    estate.change_account(A, |account| {
        account.change_role("inventory", |role| role.deny("ec2:DescribeInstances"))
    });
    let sim = start(estate);
    let outcome = Run::organization(&sim).flag("--log-format=json").expect(3);
    let lines: Vec<Json> = outcome
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["message"], &last["outcome"], &last["exit_code"]),
        (&json!("run finished"), &json!("partial"), &json!(3))
    );
    let failed = lines
        .iter()
        .any(|line| line["message"] == "slice failed" && line["account"] == A);
    assert!(failed);
    let wrong = Run::keys(&sim)
        .flag("--log-format=json")
        .params(json!({"secret_access_key": "wrong/secret+wrong/secret+wrong/secret+w"}))
        .expect(4);
    let last: Json = serde_json::from_str(wrong.stderr.lines().last().unwrap()).unwrap();
    assert!(
        last["cause"]
            .as_str()
            .unwrap()
            .contains("The request signature we calculated does not match")
    );
    assert!(
        last["hint"]
            .as_str()
            .unwrap()
            .contains("secret_access_key does not belong to access_key_id")
    );
}

#[test]
fn quiet_means_nothing_but_errors() {
    let sim = start(one_account());
    let outcome = Run::keys(&sim).flag("--quiet").expect(0);
    assert_eq!(outcome.stderr, "");
    Run::keys(&sim)
        .flag("--quiet")
        .params(json!({"access_key_id": "AKIAIOSFODNN7EXAMPLE"}))
        .expect(4)
        .says(&["error: "]);
}

#[test]
fn the_client_is_shared_by_all_accounts_and_services() {
    let sim = start(Estate::scale(30, 3, 90, std::time::Duration::ZERO));
    Run::organization(&sim).params(json!({"max_concurrency": 4})).expect(0);
    assert!(sim.calls().len() > 180);
    let connections = sim.connections();
    assert!(connections.peak <= 4, "{connections:?}");
    assert!(connections.accepted <= 8, "connections are kept: {connections:?}");
}
