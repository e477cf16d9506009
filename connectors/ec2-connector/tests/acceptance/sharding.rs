//! Machines share the accounts of a run, and `merge` joins what they have collected: what comes out is what one run would
//! have given, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_sim::{Action, Estate, Fault, Sim};
use serde_json::{Value as Json, json};

use crate::harness::{Outcome, Run, start, without_times};
use crate::world::*;

const SHARDS: u32 = 8;

/// One of the eight, on a machine of its own.
fn shard(sim: &Sim, index: u32) -> Run<'_> {
    Run::organization(sim).params(json!({"shard": format!("{index}/{SHARDS}")}))
}

/// All of them side by side; `change` is what they have in common.
fn shards<'a>(sim: &'a Sim, change: impl Fn(Run<'a>) -> Run<'a>) -> Vec<Outcome> {
    let running: Vec<_> = (0..SHARDS).map(|index| change(shard(sim, index)).start()).collect();
    running.into_iter().map(|running| running.finish()).collect()
}

/// The same shards once more, in the directories of before.
fn again<'a>(sim: &'a Sim, before: Vec<Outcome>, change: impl Fn(Run<'a>) -> Run<'a>) -> Vec<Outcome> {
    let runs = before.into_iter().zip(0..);
    let runs = runs.map(|(outcome, index)| change(shard(sim, index).after(outcome)).run());
    runs.collect()
}

fn ledgers(shards: &[Outcome]) -> Vec<PathBuf> {
    shards.iter().map(Outcome::ledger_path).collect()
}

/// As a person types it: no parameter file.
fn merge<'a>(sim: &'a Sim, ledgers: &[PathBuf], name: &str) -> Run<'a> {
    merging(Run::bare(sim), ledgers, name)
}

fn merging<'a>(run: Run<'a>, ledgers: &[PathBuf], name: &str) -> Run<'a> {
    let run = run.typed().verb("merge").output(name);
    let output = run.path(name).display().to_string();
    let run = run.flag("--output").flag(&output);
    ledgers
        .iter()
        .fold(run, |run, ledger| run.flag(ledger.to_str().unwrap()))
}

fn states(shards: &[Outcome]) -> Vec<bool> {
    let state = |ledger: PathBuf| PathBuf::from(ledger.to_str().unwrap().replace(".run.json", ".state"));
    ledgers(shards)
        .into_iter()
        .map(|ledger| state(ledger).exists())
        .collect()
}

/// A ledger without what differs between any two runs.
fn timeless(mut ledger: Json) -> Json {
    const DIFFER: [&str; 8] = [
        "started",
        "finished",
        "duration_seconds",
        "waiting_seconds",
        "age_seconds",
        "request_id",
        "path",
        "collected",
    ];
    fn strip(json: &mut Json) {
        if let Some(object) = json.as_object_mut() {
            object.retain(|name, _| !DIFFER.contains(&name.as_str()));
        }
        match json {
            Json::Object(object) => object.values_mut().for_each(strip),
            Json::Array(array) => array.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut ledger);
    ledger["parameters"].as_object_mut().unwrap().remove("output");
    ledger.as_object_mut().unwrap().remove("state");
    ledger.as_object_mut().unwrap().remove("merged");
    ledger
}

/// All files that were published, by name.
fn published(outcome: &Outcome) -> BTreeMap<String, Vec<u8>> {
    let ledger = outcome.ledger();
    let outputs = ledger["outputs"].as_array().unwrap().iter();
    let files = outputs.map(|output| {
        let path = Path::new(output["path"].as_str().unwrap());
        (
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            fs::read(path).unwrap(),
        )
    });
    files.collect()
}

#[track_caller]
fn assert_same(merged: &Outcome, one: &Outcome) {
    assert_eq!(published(merged), published(one));
    assert_eq!(timeless(merged.ledger()), timeless(one.ledger()));
}

/// The same of rows that have the time of their collection.
#[track_caller]
fn assert_same_but_for_times(merged: &Outcome, one: &Outcome) {
    let rows = |outcome: &Outcome| -> Vec<_> {
        let files = published(outcome).into_iter();
        files.map(|(name, bytes)| (name, without_times(&bytes))).collect()
    };
    assert_eq!(rows(merged), rows(one));
    let ledger = |outcome: &Outcome| {
        let mut ledger = timeless(outcome.ledger());
        ledger["outputs"][0]["sha256"].take();
        ledger
    };
    assert_eq!(ledger(merged), ledger(one));
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
fn eight_machines_give_what_one_does() {
    let mut estate = estate();
    estate.change_account(C, |account| account.instances(FRANKFURT, 300));
    let sim = start(estate);
    let excluded = json!({"exclude_accounts": [E, "999999999999"], "page_size": 100});
    for name in [
        "rows.csv",
        "rows.json",
        "rows.jsonl",
        "rows.parquet",
        "{accountId}-{region}.csv",
    ] {
        let one = Run::organization(&sim).params(excluded.clone()).output(name).expect(0);
        let calls = sim.calls_of("ec2:DescribeInstances").len();
        sim.forget_calls();
        let shards = shards(&sim, |run| run.params(excluded.clone()).output(name));
        for shard in &shards {
            shard.expect(0);
        }
        assert_eq!(
            sim.calls_of("ec2:DescribeInstances").len(),
            calls,
            "each slice once: {name}"
        );
        sim.forget_calls();
        let merged = merge(&sim, &ledgers(&shards), name).expect(0);
        assert_same(&merged, &one);
        assert_eq!(states(&shards), [false; 8], "what is merged is gone");
        assert_eq!(
            merged.ledger()["parameters"]["output"],
            json!(merged_path(&merged, name))
        );
        assert!(merged.ledger()["parameters"]["shard"].is_null());
        merged.says(&["complete after"]);
        let again = merge(&sim, &ledgers(&shards), name).expect(2);
        again.says(&["its rows are not there", "--keep-shards"]);
    }
}

fn merged_path(outcome: &Outcome, name: &str) -> PathBuf {
    outcome.ledger_path().with_file_name(name)
}

#[test]
fn a_shard_has_its_accounts_and_no_others() {
    let sim = start(estate());
    let shards = shards(&sim, |run| run);
    let mut seen = BTreeSet::new();
    for (shard, index) in shards.iter().zip(0_u32..) {
        shard.expect(0);
        let ledger = shard.ledger();
        assert_eq!(ledger["shard"], format!("{index}/8"));
        assert_eq!(ledger["state"], json!(shard.state()), "it waits to be merged");
        let accounts: BTreeSet<String> = shard.outcomes().into_keys().map(|(account, _)| account).collect();
        assert_eq!(ledger["accounts"].as_array().unwrap().len(), accounts.len());
        for account in accounts {
            assert!(seen.insert(account), "in two shards");
        }
    }
    assert_eq!(seen, ALL.map(str::to_owned).into());
    // As the vectors beside the code have it.
    assert_eq!(shards[2].accounts(), [A.to_owned()].into());
    let none = shards
        .iter()
        .filter(|shard| shard.ledger()["accounts"] == json!([]))
        .count();
    assert!(none > 0);
    for verb in ["accounts", "check"] {
        let mut named = BTreeSet::new();
        for index in 0..SHARDS {
            let outcome = shard(&sim, index)
                .verb(verb)
                .params(json!({"format": "json"}))
                .expect(0);
            let rows = outcome.json();
            named.extend(
                rows.as_array()
                    .unwrap()
                    .iter()
                    .map(|row| row["account_id"].as_str().unwrap().to_owned()),
            );
        }
        assert_eq!(named, seen, "{verb}");
    }
    let plan = shard(&sim, 2).verb("plan").expect(0);
    assert!(
        plan.stdout.contains("shard: 2/8") && plan.stdout.contains(A) && !plan.stdout.contains(B),
        "{}",
        plan.stdout
    );
}

#[test]
fn a_job_says_which_shard_it_is() {
    let sim = start(estate());
    let run = |shard: &str, output: &str| {
        let run = Run::organization(&sim);
        let output = run.path(output);
        run.params(json!({"shard": shard, "output": output}))
    };
    let kubernetes = run("auto/8", "rows-{shard}.json").variable("JOB_COMPLETION_INDEX", "2");
    let output = kubernetes.path("rows-2.json");
    let state = kubernetes.path("rows-2.json.state");
    let outcome = kubernetes.expect(0);
    outcome.says(&["shard 2/8 has 1 of 6 accounts"]);
    assert!(output.is_file() && state.is_dir());
    let batch = run("auto", "rows.json")
        .variable("AWS_BATCH_JOB_ARRAY_INDEX", "2")
        .variable("AWS_BATCH_JOB_ARRAY_SIZE", "8")
        .expect(0);
    assert_eq!(batch.ledger()["shard"], "2/8");
    // Nobody has asked for shards: a run as ever.
    let ordinary = Run::organization(&sim).variable("JOB_COMPLETION_INDEX", "2").expect(0);
    ordinary.says(&["JOB_COMPLETION_INDEX is set, and shard is not"]);
    assert_eq!(ordinary.accounts().len(), 6);
    assert!(ordinary.ledger()["shard"].is_null());
    sim.forget_calls();
    for (params, why) in [
        (
            json!({"shard": "8/8"}),
            "shards are counted from 0, the last one is 7/8",
        ),
        (json!({"shard": "0/0"}), "at least 1"),
        (json!({"shard": "three"}), "is not i/n"),
        (
            json!({"shard": "auto/8"}),
            "neither AWS_BATCH_JOB_ARRAY_INDEX nor JOB_COMPLETION_INDEX is set",
        ),
        (json!({"shard": "1/8", "output": "-"}), "name a file with output"),
        (
            json!({"output": "rows-{shard}.csv"}),
            "{shard} has a meaning with shard only",
        ),
    ] {
        Run::organization(&sim).params(params).expect(2).says(&[why]);
    }
    assert_eq!(sim.calls().len(), 0);
}

/// Failures are in the merged ledger with their causes, and can be made good.
#[test]
fn partial_shards_make_a_partial_whole() {
    let sim = start(estate());
    let complete = Run::organization(&sim).output("rows.parquet").expect(0);
    denied_in_frankfurt(&sim);
    closed(&sim, D);
    let one = Run::organization(&sim).output("rows.parquet").expect(3);
    let before = shards(&sim, |run| run.output("rows.parquet"));
    let codes: BTreeSet<i32> = before.iter().map(|shard| shard.code).collect();
    assert_eq!(codes, [0, 3].into());
    let merged = merge(&sim, &ledgers(&before), "rows.parquet").expect(3);
    assert_same(&merged, &one);
    assert!(merged.slice(B, Some(FRANKFURT))["cause"]["code"] == "UnauthorizedOperation");
    merged.says(&["PARTIAL"]);
    assert_eq!(states(&before), [true; 8], "what is missing may still come");
    sim.faults().clear();
    sim.forget_calls();
    let after = again(&sim, before, |run| run.flag("--resume"));
    for shard in &after {
        shard.expect(0);
    }
    assert_eq!(sim.calls_of("ec2:DescribeInstances").len(), 4, "what was missing");
    let merged = merge(&sim, &ledgers(&after), "rows.parquet")
        .flag("--keep-shards")
        .expect(0);
    assert_same(&merged, &complete);
    assert_eq!(states(&after), [true; 8]);
    let merged = merge(&sim, &ledgers(&after), "rows.parquet").expect(0);
    assert_same(&merged, &complete);
    assert_eq!(states(&after), [false; 8]);
}

#[test]
fn a_shard_or_all_of_them_may_have_failed() {
    let sim = start(estate());
    closed(&sim, A);
    let one = Run::organization(&sim).output("rows.csv").expect(3);
    let some = shards(&sim, |run| run.output("rows.csv"));
    some[2].expect(4);
    let merged = merge(&sim, &ledgers(&some), "rows.csv").expect(3);
    assert_same(&merged, &one);
    sim.faults()
        .add(Fault::on("ec2:DescribeInstances").error(403, "UnauthorizedOperation", "not now"));
    let one = Run::organization(&sim).output("rows.csv").expect(4);
    let all = shards(&sim, |run| run.output("rows.csv"));
    let merged = merge(&sim, &ledgers(&all), "rows.csv")
        .file("rows.csv", "previous")
        .expect(4);
    assert_eq!(timeless(merged.ledger()), timeless(one.ledger()));
    assert_eq!(merged.output_bytes(), b"previous");
}

#[test]
fn last_good_rows_are_those_of_each_shard() {
    let sim = start(estate());
    let keeping = json!({"keep_last_good": true});
    let first = Run::organization(&sim)
        .params(keeping.clone())
        .output("rows.csv")
        .expect(0);
    let before = shards(&sim, |run| run.params(keeping.clone()).output("rows.csv"));
    let merged = merge(&sim, &ledgers(&before), "rows.csv").expect(0);
    assert_same_but_for_times(&merged, &first);
    assert_eq!(states(&before), [true; 8], "for the next run");
    denied_in_frankfurt(&sim);
    // The only account of its shard.
    closed(&sim, A);
    let one = Run::organization(&sim).params(keeping.clone()).after(first).run();
    one.expect(3);
    let after = again(&sim, before, |run| run.params(keeping.clone()));
    after[2].expect(4);
    let merged = merge(&sim, &ledgers(&after), "rows.csv").expect(3);
    assert_same_but_for_times(&merged, &one);
    assert_eq!(merged.ledger()["totals"]["stale_rows"], 13);
    assert_eq!(merged.slice(A, None)["stale"]["regions"], json!(REGIONS));
}

/// Each is told of with what to do; nothing is written and nothing is lost.
#[test]
fn what_is_not_one_of_each_is_refused() {
    let sim = start(estate());
    let all = shards(&sim, |run| run.output("rows.csv"));
    let paths = ledgers(&all);
    let other = |index: u32, more: Json| shard(&sim, index).output("rows.csv").params(more).expect(0);
    let narrow = other(2, json!({"regions": [FRANKFURT]}));
    let of_six = other(0, json!({"shard": "1/6"}));
    let json = shard(&sim, 2).output("rows.json").expect(0);
    let unsharded = Run::organization(&sim).output("rows.csv").expect(0);
    let empty = Run::bare(&sim).file("no.json", "[]");
    let no_ledger = empty.path("no.json");
    let elsewhere = |change: &dyn Fn(&str) -> String| {
        let run = Run::bare(&sim);
        let path = run.path("changed.run.json");
        let text = fs::read_to_string(&paths[2]).unwrap();
        (run.file("changed.run.json", &change(&text)), path)
    };
    let (_version, version) = elsewhere(&|text| text.replacen("\"version\": \"", "\"version\": \"9", 1));
    let (_athena, athena) = elsewhere(&|text| text.replacen("ec2-connector", "athena-connector", 1));
    let (_changed, changed) = elsewhere(&|text| text.replacen("\"rows\": 4", "\"rows\": 5", 1));
    let with = |index: usize, path: &Path| {
        let mut paths = paths.clone();
        paths[index] = path.to_owned();
        paths
    };
    let two = [0, 1, 2, 3, 4, 6].map(|index| paths[index].clone()).to_vec();
    let twice = [&paths[..], &paths[3..4]].concat();
    for (paths, said) in [
        (
            two,
            &["shard 5/8, and 1 more is missing", "run it with --shard 5/8"][..],
        ),
        (twice, &["shard 3/8 is there twice", "give one of them"]),
        (
            with(2, &of_six.ledger_path()),
            &["shard 1/6", "the same number behind the /"],
        ),
        (
            with(2, &narrow.ledger_path()),
            &["shard 2/8", "their parameters differ in regions"],
        ),
        (with(2, &json.ledger_path()), &["their parameters differ in format"]),
        (with(2, &unsharded.ledger_path()), &["of a run without --shard"]),
        (with(2, &no_ledger), &["it is no ledger of a run"]),
        (with(2, Path::new("/nowhere/ledger")), &["cannot be read"]),
        (
            with(2, &version),
            &["version 9", "merge with the version that has collected"],
        ),
        (
            with(2, &athena),
            &["it is a ledger of athena-connector, this is ec2-connector"],
        ),
        (
            with(2, &changed),
            &["it is not the ledger that the run in", "has written"],
        ),
    ] {
        let outcome = merge(&sim, &paths, "all.csv").expect(2);
        outcome.says(said);
        assert_eq!(outcome.leftovers(), [""; 0], "{said:?}");
        assert!(!outcome.has_output() && !outcome.has_ledger());
    }
    for (name, flags, said) in [
        ("all.json", &[][..], "the shards' rows are csv, and the name says json"),
        ("rows-{shard}.csv", &[], "{shard} has no meaning with merge"),
        ("nowhere/all.csv", &[], "does not exist"),
        ("all.csv", &["--ledger", paths[1].to_str().unwrap()], "is a shard's"),
    ] {
        let run = merge(&sim, &paths, name);
        flags
            .iter()
            .fold(run, |run, flag| run.flag(flag))
            .expect(2)
            .says(&[said]);
    }
    let own = Run::bare(&sim).typed().verb("merge").flag("--output").flag(
        all[3]
            .ledger_path()
            .with_extension("")
            .with_extension("")
            .to_str()
            .unwrap(),
    );
    let own = paths.iter().fold(own, |run, path| run.flag(path.to_str().unwrap()));
    own.expect(2).says(&["output is that of shard 3/8"]);
    assert_eq!(states(&all), [true; 8], "nothing is lost");
    merge(&sim, &paths, "all.csv").expect(0);
}

#[test]
fn damage_is_seen_and_runs_at_work_are_waited_for() {
    let sim = start(estate());
    let all = shards(&sim, |run| run.output("rows.csv"));
    let paths = ledgers(&all);
    let state = all[2].state();
    for (file, said) in [("rows", "is damaged"), ("journal", "is damaged")] {
        let whole = fs::read(state.join(file)).unwrap();
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(state.join(file), bytes).unwrap();
        merge(&sim, &paths, "all.csv")
            .expect(2)
            .says(&["shard 2/8", said, "run this shard again"]);
        fs::write(state.join(file), whole).unwrap();
    }
    // A second run of the shard is at work where the first one has left its rows.
    let hang = Fault::on("ec2:DescribeInstances").account(A).region(FRANKFURT);
    sim.faults().add(hang.then(Action::Hang));
    sim.forget_calls();
    let mut all = all;
    let third = all.remove(2);
    let at_work = shard(&sim, 2)
        .after(third)
        .start()
        .wait_for(|sim| sim.calls_of("ec2:DescribeInstances").len() == 3);
    merge(&sim, &paths, "all.csv")
        .expect(6)
        .says(&["shard 2/8", "is still at work", "wait for it to end"]);
    let killed = at_work.signal("KILL").finish();
    merge(&sim, &paths, "all.csv")
        .expect(2)
        .says(&["shard 2/8", "has not come to its end", "--resume"]);
    sim.faults().clear();
    let resumed = shard(&sim, 2).after(killed).flag("--resume").run();
    resumed.expect(0);
    let merged = merge(&sim, &paths, "all.csv").expect(0);
    let one = Run::organization(&sim).output("all.csv").expect(0);
    assert_eq!(published(&merged), published(&one));
}

/// One directory that all machines see, and one name for all: what one shard has is not given up by the next.
#[test]
fn shards_do_not_overwrite_one_another() {
    let sim = start(estate());
    let first = shard(&sim, 1).output("rows.csv").expect(0);
    let second = shard(&sim, 2).after(first).run();
    second
        .expect(2)
        .says(&["has what shard 1/8 has collected, which is not merged", "{shard}"]);
    // The same shard may be run again.
    shard(&sim, 1).after(second).run().expect(0);
}

/// As files that were fetched from the machines.
#[test]
fn shards_may_be_copied_to_where_they_are_merged() {
    let sim = start(estate());
    let all = shards(&sim, |run| run.output("rows.csv"));
    let there = Run::bare(&sim);
    let mut paths = Vec::new();
    for (shard, index) in all.iter().zip(0..) {
        let directory = there.path(&format!("machine-{index}"));
        fs::create_dir(&directory).unwrap();
        fs::rename(shard.state(), directory.join("rows.csv.state")).unwrap();
        paths.push(directory.join("ledger.json"));
        fs::rename(shard.ledger_path(), &paths[index]).unwrap();
    }
    let merged = merge(&sim, &paths, "all.csv").expect(0);
    let one = Run::organization(&sim).output("all.csv").expect(0);
    assert_same(&merged, &one);
}

#[test]
fn a_merge_that_is_killed_or_interrupted_loses_nothing() {
    // Few accounts: what a run leaves is searched for the secrets of all sessions.
    let sim = start(Estate::scale(2, 2, 1500, Duration::ZERO));
    let expected = Run::organization(&sim).output("all.json").expect(0).output_bytes();
    let all = shards(&sim, |run| run.output("rows.json"));
    let paths = ledgers(&all);
    let begin = Instant::now();
    let running = merge(&sim, &paths, "all.json").flag("--keep-shards").start();
    let ledger = running.path("all.json.run.json");
    let running = running.wait_for(|_| ledger.exists());
    let mut after = begin.elapsed();
    let merged = running.finish();
    assert_eq!(merged.expect(0).output_bytes(), expected);
    // Around the end of a merge, however long one takes: who comes too late comes earlier next time.
    let (mut killed, mut interrupted) = (0, 0);
    while killed < 3 || interrupted < 3 {
        let run = merge(&sim, &paths, "all.json")
            .flag("--keep-shards")
            .file("all.json", "previous");
        let running = run.start();
        let outcome = if killed <= interrupted {
            running.kill_after(after)
        } else {
            std::thread::sleep(after);
            running.signal("TERM").finish()
        };
        match outcome.code {
            0 => {}
            143 => interrupted += 1,
            _ => killed += 1,
        }
        assert!([0, -1, 143].contains(&outcome.code), "{}", outcome.code);
        let output = outcome.output_bytes();
        assert!(output == b"previous" || output == expected, "{after:?}: half-written");
        assert!(outcome.code != 143 || output == b"previous", "{after:?}");
        after = after.mul_f64(if outcome.code == 0 { 0.6 } else { 1.2 });
        // In the same place, with all that was left there.
        let merged = merging(Run::bare(&sim).after(outcome), &paths, "all.json")
            .flag("--keep-shards")
            .run();
        assert_eq!(merged.expect(0).output_bytes(), expected);
        assert_eq!(merged.leftovers(), [""; 0]);
    }
    merge(&sim, &paths, "all.json").expect(0);
    assert_eq!(states(&all), [false; 8]);
}

/// As `kill -9` leaves it between two files that are removed: the next try ends what was begun, and says so.
#[test]
fn a_merge_that_was_killed_while_it_removed_the_shards_is_done() {
    let sim = start(estate());
    let all = shards(&sim, |run| run.output("rows.csv"));
    let paths = ledgers(&all);
    let merged = merge(&sim, &paths, "all.csv").flag("--keep-shards").expect(0);
    let rows = merged.output_bytes();
    let ledger = merged.ledger();
    assert_eq!(ledger["merged"].as_array().unwrap().len(), 8);
    fs::remove_dir_all(all[0].state()).unwrap();
    fs::remove_file(all[1].state().join("journal")).unwrap();
    // Elsewhere nothing says that it is done.
    merge(&sim, &paths, "all.csv")
        .expect(2)
        .says(&["shard 0/8", "its rows are not there", "--keep-shards"]);
    let again = merging(Run::bare(&sim).after(merged), &paths, "all.csv").run();
    again.expect(0).says(&["these shards were merged before"]);
    assert_eq!(states(&all), [false; 8]);
    assert_eq!(again.output_bytes(), rows);
    assert_eq!(again.ledger(), ledger);
    assert_eq!(again.leftovers(), [""; 0]);
    // Nor where the rows are not what was published.
    merging(Run::bare(&sim).after(again).file("all.csv", "other"), &paths, "all.csv")
        .expect(2)
        .says(&["its rows are not there"]);
}

/// What was merged is not taken for what is to be.
#[test]
fn shards_that_were_run_anew_are_merged_anew() {
    let sim = start(estate());
    let before = shards(&sim, |run| run.output("rows.csv"));
    let merged = merge(&sim, &ledgers(&before), "all.csv")
        .flag("--keep-shards")
        .expect(0);
    let mut after = again(&sim, before, |run| run);
    fs::remove_dir_all(after[0].state()).unwrap();
    let refused = merging(Run::bare(&sim).after(merged), &ledgers(&after), "all.csv").run();
    refused.expect(2).says(&["shard 0/8", "its rows are not there"]);
    assert_eq!(states(&after)[1..], [true; 7]);
    let first = after.remove(0);
    after.insert(0, shard(&sim, 0).after(first).run());
    merging(Run::bare(&sim).after(refused), &ledgers(&after), "all.csv")
        .expect(0)
        .says(&["complete after"]);
}

/// What is removed when all is merged is no place for what is merged.
#[test]
fn nothing_is_merged_into_what_a_shard_has_left() {
    let sim = start(estate());
    let all = shards(&sim, |run| run.output("rows.csv"));
    let paths = ledgers(&all);
    let state = all[3].state();
    for (output, ledger) in [
        (state.join("all.csv"), None),
        (all[0].state().join("deeper/all.csv"), None),
    ]
    .into_iter()
    .chain([(
        all[1].ledger_path().with_file_name("all.csv"),
        Some(state.join("run.json")),
    )]) {
        let run = Run::bare(&sim)
            .typed()
            .verb("merge")
            .flag("--output")
            .flag(output.to_str().unwrap());
        let run = ledger
            .iter()
            .fold(run, |run, ledger| run.flag("--ledger").flag(ledger.to_str().unwrap()));
        let run = paths.iter().fold(run, |run, path| run.flag(path.to_str().unwrap()));
        let refused = run.run();
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(!output.exists());
    }
    assert_eq!(states(&all), [true; 8]);
    merge(&sim, &paths, "all.csv").expect(0);
}

/// A pipe in the place of a ledger is refused, and not waited for.
#[test]
fn a_pipe_is_no_ledger() {
    let sim = start(estate());
    let all = shards(&sim, |run| run.output("rows.csv"));
    let mut paths = ledgers(&all);
    let pipe = paths[2].with_file_name("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    paths[2] = pipe;
    merge(&sim, &paths, "all.csv")
        .expect(2)
        .says(&["pipe: it is not a file"]);
}

#[test]
fn shards_of_different_days_are_merged_only_by_who_asks_for_that() {
    let sim = start(estate());
    let mut all = shards(&sim, |run| run.output("rows.csv"));
    let late = all.remove(2);
    all.insert(2, shard(&sim, 2).after(late).clock_ahead(73 * 3600).inside());
    let paths = ledgers(&all);
    let refused = merge(&sim, &paths, "all.csv").expect(2);
    refused.says(&["the shards were collected up to 73 hours apart", "--allow-mixed"]);
    assert_eq!(states(&all), [true; 8]);
    let merged = merge(&sim, &paths, "all.csv").flag("--allow-mixed").expect(0);
    let warnings = merged.ledger()["warnings"].to_string();
    assert!(warnings.contains("up to 73 hours apart"), "{warnings}");
}

/// Beside a ledger may lie what another run has left; the ledger says where its own is.
#[test]
fn what_a_shard_has_left_is_found_where_its_ledger_says() {
    let sim = start(estate());
    let all = shards(&sim, |run| run.output("rows.csv"));
    let other = shard(&sim, 5).output("rows.csv").expect(0);
    let moved = other.ledger_path().with_file_name("moved");
    fs::create_dir(&moved).unwrap();
    // The ledger of shard 2 beside the state of shard 5.
    let beside = moved.join("rows.csv.run.json");
    fs::copy(all[2].ledger_path(), &beside).unwrap();
    fs::rename(other.state(), moved.join("rows.csv.state")).unwrap();
    let mut paths = ledgers(&all);
    paths[2] = beside;
    merge(&sim, &paths, "all.csv").expect(0);
}
