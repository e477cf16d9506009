//! A run that publishes nothing leaves rows and ledger of the last one that did; its own ledger stands beside them.

use std::fs;

use aws_sim::{Fault, Sim};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::harness::{Run, failed_of, start};
use crate::world::*;

fn nobody_is_let_in(sim: &Sim) {
    let denial = Fault::on("ec2:DescribeInstances");
    sim.faults().add(denial.error(403, "UnauthorizedOperation", "not now"));
}

#[test]
fn the_last_ledger_stays_beside_the_last_rows() {
    for (output, ledger, failed) in [
        ("rows.json", None, "rows.json.failed.run.json"),
        ("{accountId}.json", None, "all.json.failed.run.json"),
        ("rows.json", Some("last.json"), "last.failed.json"),
        ("rows.json", Some("last"), "last.failed"),
    ] {
        let sim = start(estate());
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name);
        let mut places = json!({"output": path(output)});
        if let Some(ledger) = ledger {
            places["ledger"] = json!(path(ledger));
        }
        let run = || Run::organization(&sim).params(places.clone());
        let names = || {
            let entries = fs::read_dir(directory.path()).unwrap();
            let mut names: Vec<_> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        // There is no last one yet.
        nobody_is_let_in(&sim);
        run().expect(4);
        assert_eq!(names(), [failed]);
        sim.faults().clear();
        let first = run().expect(0);
        let (whole, ledger) = (names(), first.ledger_text());
        assert!(!whole.contains(&failed.to_owned()), "{whole:?}");
        nobody_is_let_in(&sim);
        for _ in 0..2 {
            let outcome = run().expect(4);
            assert_eq!(fs::read_to_string(outcome.last_ledger_path()).unwrap(), ledger);
            assert_eq!(outcome.ledger_path(), path(failed));
            assert_eq!(outcome.ledger()["exit_code"], 4);
            outcome.says(&[&format!("ledger  {}", path(failed).display())]);
            let mut expected = whole.clone();
            expected.push(failed.to_owned());
            expected.sort();
            assert_eq!(names(), expected);
        }
        // Signing in fails too.
        sim.faults()
            .add(Fault::on("sts:GetCallerIdentity").error(403, "InvalidClientTokenId", "no"));
        let outcome = run().expect(4);
        assert_eq!(fs::read_to_string(outcome.last_ledger_path()).unwrap(), ledger);
        assert!(outcome.ledger()["cause"].is_object());
        sim.faults().clear();
        run().expect(0);
        assert_eq!(names(), whole);
    }
}

/// A partial run publishes: its ledger is that of the rows that are there then.
#[test]
fn a_partial_run_has_the_last_ledger() {
    let sim = start(estate());
    let outcome = Run::organization(&sim).expect(0);
    nobody_is_let_in(&sim);
    let outcome = Run::organization(&sim).after(outcome).run();
    outcome.expect(4);
    sim.faults().clear();
    let denial = Fault::on("ec2:DescribeInstances").account(B);
    sim.faults().add(denial.error(403, "UnauthorizedOperation", "not now"));
    let outcome = Run::organization(&sim).after(outcome).run();
    outcome.expect(3);
    assert_eq!(outcome.ledger_path(), outcome.last_ledger_path());
    assert_eq!(outcome.leftovers(), [""; 0]);
}

/// Whichever of the two ledgers is named: what is unfinished is the run that came last.
#[test]
fn a_failed_run_is_resumed_by_either_ledger() {
    for named in ["rows.json.run.json", "rows.json.failed.run.json"] {
        let sim = start(estate());
        let outcome = Run::organization(&sim).expect(0);
        let whole = outcome.output_bytes();
        let hanging = Fault::on("ec2:DescribeInstances").account(B).region(FRANKFURT);
        sim.faults().add(hanging.then(aws_sim::Action::Hang));
        sim.forget_calls();
        let running = Run::organization(&sim).after(outcome).start();
        // An answer that was sent is not yet kept.
        let journal = running.path("rows.json.state/journal");
        let kept = || {
            fs::read_to_string(&journal)
                .unwrap_or_default()
                .matches("{\"Slice\":")
                .count()
        };
        let outcome = running.wait_for(|_| kept() == 17).signal("TERM").finish();
        outcome.expect(143);
        let state = outcome.ledger()["state"].clone();
        assert_eq!(state, json!(outcome.state()));
        sim.faults().clear();
        sim.forget_calls();
        let run = Run::organization(&sim).after(outcome);
        let ledger = run.path(named);
        let outcome = run.flag("--resume").flag(ledger.to_str().unwrap()).run();
        outcome.expect(0);
        assert_eq!(outcome.output_bytes(), whole);
        assert_eq!(sim.calls_of("ec2:DescribeInstances").len(), 1);
        assert_eq!(outcome.leftovers(), [""; 0]);
    }
}

/// Rows on standard output are gone when the run has ended; the ledger has a place all the same.
#[test]
fn with_standard_output_too() {
    let sim = start(estate());
    let directory = TempDir::new().unwrap();
    let ledger = directory.path().join("last.run.json");
    let run = || Run::organization(&sim).params(json!({"output": "-", "ledger": ledger}));
    run().expect(0);
    let last = fs::read(&ledger).unwrap();
    nobody_is_let_in(&sim);
    run().expect(4);
    assert_eq!(fs::read(&ledger).unwrap(), last);
    let failed: Json = serde_json::from_slice(&fs::read(failed_of(&ledger)).unwrap()).unwrap();
    assert_eq!((&failed["exit_code"], &failed["outputs"]), (&json!(4), &json!([])));
}

/// Its ledger is what the merge takes, wherever it stands and whichever is named.
#[test]
fn a_shard_that_publishes_nothing_is_merged_by_either_ledger() {
    let sim = start(estate());
    let directory = TempDir::new().unwrap();
    let path = |name: String| directory.path().join(name);
    let shard = |index: usize| {
        let output = path(format!("rows-{index}.json"));
        Run::organization(&sim).params(json!({"output": output, "shard": format!("{index}/2")}))
    };
    let denied = (0..2)
        .find(|index| shard(*index).verb("accounts").expect(0).stdout.contains(B))
        .unwrap();
    for index in 0..2 {
        shard(index).expect(0);
    }
    let last = fs::read(path(format!("rows-{denied}.json.run.json"))).unwrap();
    // A new run of it, for which nothing is kept.
    fs::remove_dir_all(path(format!("rows-{denied}.json.state"))).unwrap();
    nobody_is_let_in(&sim);
    let outcome = shard(denied).expect(4);
    assert_eq!(fs::read(outcome.last_ledger_path()).unwrap(), last);
    let merge = |ledgers: &[String]| {
        let output = path("all.json".to_owned());
        let run = Run::bare(&sim).verb("merge").typed().params(json!({"output": output}));
        let run = run.flag("--output").flag(output.to_str().unwrap());
        ledgers
            .iter()
            .fold(run, |run, name| run.flag(path(name.clone()).to_str().unwrap()))
    };
    let good = format!("rows-{}.json.run.json", 1 - denied);
    let (before, own) = (
        format!("rows-{denied}.json.run.json"),
        format!("rows-{denied}.json.failed.run.json"),
    );
    for ledgers in [
        &[good.clone(), before.clone()][..],
        &[good.clone(), own.clone()],
        &[own, good, before],
    ] {
        let outcome = merge(ledgers).expect(3);
        assert_eq!(outcome.slice(B, Some(FRANKFURT))["outcome"], "denied");
    }
}
