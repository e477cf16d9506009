//! The program among other programs: signals, pipes, log collectors.

use aws_sim::{Action, Estate, Fault, Sim};
use serde_json::{Value as Json, json};

use crate::harness::{Run, expected, start};
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
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
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

/// Both may be there before the first is seen, or the second comes while what runs at AWS is stopped.
#[test]
fn a_second_signal_changes_nothing_but_the_haste() {
    let sim = hanging();
    let outcome = Run::organization(&sim)
        .file("rows.json", "previous")
        .start()
        .wait_for(all_but_one)
        .signal("INT")
        .signal("INT")
        .finish();
    outcome.expect(130).says(&["INTERRUPTED"]).does_not_say(&["panicked"]);
    assert_eq!(outcome.output_bytes(), b"previous");
    assert_eq!(outcome.leftovers(), [""; 0]);
    assert_eq!(outcome.ledger()["outcome"], "interrupted");
    sim.faults().clear();
    let outcome = Run::organization(&sim).after(outcome).flag("--resume").run();
    outcome.expect(0);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
}

/// `nohup` has the signal ignored before the program begins.
#[test]
fn a_run_that_is_to_outlive_its_terminal_does() {
    let sim = start(estate());
    let slow = Action::Delay(std::time::Duration::from_millis(800));
    sim.faults().add(Fault::on("ec2:DescribeInstances").first(1).then(slow));
    let outcome = Run::organization(&sim)
        .under("trap '' HUP")
        .start()
        .wait_for(|sim| sim.count("ec2:DescribeInstances") > 0)
        .signal("HUP")
        .finish();
    outcome.expect(0).does_not_say(&["INTERRUPTED"]);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
}

/// Standard error goes with the terminal.
#[test]
fn a_run_that_nobody_hears_goes_on() {
    let sim = start(one_account());
    for shell in ["exec 2>&-", "exec 2>/dev/full"] {
        let outcome = Run::keys(&sim).under(shell).expect(0);
        assert_eq!((outcome.rows().len(), outcome.stderr.as_str()), (6, ""));
    }
}

/// A large file is being written when the signal comes. The process is held for a moment, so that it has not done so before.
#[test]
fn a_signal_while_rows_are_published_leaves_the_previous_output() {
    let mut estate = one_account();
    estate.change_account(MASTER, |account| account.instances(FRANKFURT, 2500));
    let sim = start(estate);
    for format in ["csv", "parquet"] {
        let name = format!("rows.{format}");
        let run = || Run::keys(&sim).output(&name);
        let whole = run().expect(0).output_bytes();
        let running = run().file(&name, "previous").start();
        let state = running.path(&format!("{name}.state"));
        let is_publishing = || {
            let names = std::fs::read_dir(&state).into_iter().flatten().flatten();
            names
                .into_iter()
                .any(|entry| entry.file_name().to_string_lossy().ends_with(".partial"))
        };
        let outcome = running
            .wait_for(|_| is_publishing())
            .signal("STOP")
            .signal("TERM")
            .signal("CONT")
            .finish();
        outcome.expect(143).says(&["INTERRUPTED", "nothing was published"]);
        assert_eq!(outcome.output_bytes(), b"previous", "{format}");
        assert_eq!(outcome.ledger()["outputs"], json!([]));
        let left: Vec<_> = std::fs::read_dir(outcome.state())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(
            left.iter().all(|name| !name.to_string_lossy().ends_with(".partial")),
            "{left:?}"
        );
        sim.forget_calls();
        let outcome = run().after(outcome).flag("--resume").run();
        outcome.expect(0);
        assert_eq!(sim.count("ec2:DescribeInstances"), 0, "all of it was kept");
        assert!(outcome.output_bytes() == whole, "{format}");
    }
}

/// A reader that neither reads nor goes does not hold up the end.
#[test]
fn a_signal_while_nobody_reads_standard_output_ends_the_run() {
    use std::io::Read as _;
    let mut estate = one_account();
    // More than a pipe holds.
    estate.change_account(MASTER, |account| account.instances(FRANKFURT, 400));
    let sim = start(estate);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = Run::keys(&sim).params(json!({"output": "-"}));
        let fifo = run.path("fifo");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let running = run.under("exec >fifo").start();
        let mut reader = std::fs::File::open(&fifo).unwrap();
        reader.read_exact(&mut [0; 1000]).unwrap();
        let outcome = running.signal(signal).finish();
        outcome.expect(code).says(&["INTERRUPTED"]);
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
fn a_reader_that_has_seen_enough_ends_a_run_as_any_program() {
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
        outcome.expect(141).does_not_say(&["error", "panicked", "Broken pipe"]);
    }
    for verb in ["schema", "spec"] {
        let outcome = Run::keys(&sim).verb(verb).start().read_and_close(10).finish();
        // What a pipe holds is written before anybody closes it.
        assert!([0, 141].contains(&outcome.code), "{}", outcome.code);
        outcome.does_not_say(&["error", "panicked", "Broken pipe"]);
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
    let ledger = run.path("named.failed.json");
    let named = run.path("named.json");
    let outcome = run
        .params(json!({"output": "-", "ledger": named}))
        .start()
        .read_and_close(1000)
        .finish();
    outcome
        .expect(141)
        .says(&[
            "INTERRUPTED",
            "the reader of standard output has gone before it had all rows",
        ])
        .does_not_say(&["panicked", "Broken pipe"]);
    let ledger: serde_json::Value = serde_json::from_slice(&std::fs::read(&ledger).unwrap()).unwrap();
    assert_eq!(ledger["outcome"], "interrupted");
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
    assert_eq!(last["level"], "WARN");
    assert_eq!(last["totals"]["denied"], 3, "an object: {last}");
    let first = &lines[0];
    assert_eq!(
        (&first["message"], &first["connector"]),
        (&json!("run started"), &json!("ec2-connector"))
    );
    assert!(
        first["run"].as_str().is_some_and(|run| !run.is_empty()) && first["output"].is_string(),
        "{first}"
    );
    let mut failed = lines.iter().filter(|line| line["message"] == "slice failed");
    let failed = failed.next().unwrap();
    assert_eq!((&failed["account"], &failed["outcome"]), (&json!(A), &json!("denied")));
    assert!(
        failed["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("ec2:DescribeInstances")),
        "{failed}"
    );
    // A failure of an account as a whole is of no region.
    sim.faults().add(
        Fault::on("sts:AssumeRole")
            .parameter("RoleArn", &role(B, "inventory"))
            .error(403, "AccessDenied", "no"),
    );
    let outcome = Run::organization(&sim).flag("--log-format=json").expect(3);
    let of_b = outcome
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap());
    let of_b: Vec<Json> = of_b.filter(|line| line["account"] == B).collect();
    assert_eq!(of_b.len(), 1);
    assert!(
        of_b[0].as_object().unwrap().contains_key("region") && of_b[0]["region"].is_null(),
        "{}",
        of_b[0]
    );
    sim.faults().clear();
    // What is refused is a line of JSON too, wherever it is found.
    for refused in [
        Run::keys(&sim)
            .flag("--log-format=json")
            .params(json!({"regions": ["nowhere"]})),
        Run::keys(&sim).flag("--log-format=json").flag("--no-such-flag"),
    ] {
        let refused = refused.expect(2);
        let line: Json = serde_json::from_str(refused.stderr.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&line["level"], &line["exit_code"]),
            (&json!("ERROR"), &json!(2)),
            "{line}"
        );
    }
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
    // One line says that something is missing.
    sim.faults().add(
        Fault::on("ec2:DescribeInstances")
            .region(VIRGINIA)
            .error(403, "UnauthorizedOperation", "no"),
    );
    let partial = Run::keys(&sim).flag("--quiet").expect(3);
    let lines: Vec<&str> = partial
        .stderr
        .lines()
        .filter(|line| line.starts_with("PARTIAL after"))
        .collect();
    assert_eq!(lines.len(), 1, "{}", partial.stderr);
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
