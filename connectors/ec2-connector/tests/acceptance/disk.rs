//! A disk that takes no more, at every write in turn: what was there stays, the message names path and cause, and
//! `--resume` makes the run whole once there is room.

use std::collections::BTreeMap;
use std::fs;

use aws_sim::Sim;
use serde_json::{Value as Json, json};

use crate::harness::{Disk, Outcome, Run, in_a_namespace, start, without_times};
use crate::world::*;

const FORMATS: [&str; 4] = ["csv", "json", "jsonl", "parquet"];
/// Bytes that a disk in memory is given out in.
const PAGE: usize = 4096;
/// What the previous run has left, a page each.
const PREVIOUS: usize = 2;

/// The words for each kind of write.
const WRITES: [(&str, &str); 6] = [
    ("the journal in", "journal"),
    ("rows cannot be kept in", "rows"),
    ("the rows cannot be written to", "output"),
    ("the ledger cannot be written to", "ledger"),
    (".state cannot be used", "state"),
    ("cannot be used", "directory"),
];

fn run<'a>(sim: &'a Sim, disk: &Disk, format: &str) -> Run<'a> {
    Run::keys(sim).params(json!({"output": disk.path(&format!("rows.{format}"))}))
}

/// A disk with the files of a previous run.
fn with_previous(options: &str, format: &str) -> Disk {
    let disk = Disk::new(options);
    fs::write(disk.path(&format!("rows.{format}")), "previous").unwrap();
    fs::write(disk.path(&format!("rows.{format}.run.json")), "previous ledger").unwrap();
    disk
}

/// Which write has failed; everything else about it is as it should be.
fn failed(outcome: &Outcome, disk: &Disk, format: &str) -> &'static str {
    outcome.expect(4);
    let error = outcome.final_error();
    let (words, kind) = WRITES
        .iter()
        .find(|(words, _)| error.contains(words))
        .unwrap_or_else(|| panic!("{error}"));
    assert!(error.contains("No space left on device"), "{words}: {error}");
    assert!(
        error.contains(&disk.directory().display().to_string()),
        "{words}: {error}"
    );
    assert_eq!(outcome.output_bytes(), b"previous", "{kind}");
    assert_eq!(
        fs::read(outcome.last_ledger_path()).unwrap(),
        b"previous ledger",
        "{kind}"
    );
    // One that says what has happened, or none.
    let text = outcome.ledger_text();
    if outcome.ledger_path() != outcome.last_ledger_path() {
        let ledger: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&ledger["exit_code"], &ledger["outputs"]),
            (&json!(4), &json!([])),
            "{kind}"
        );
        let cause = ledger["cause"]["message"].as_str().unwrap();
        assert!(cause.contains("No space left on device"), "{kind}: {cause}");
        if kind == &"output" {
            let slices = ledger["slices"].as_array().unwrap();
            assert!(
                !slices.is_empty() && slices.iter().all(|slice| slice["outcome"] == "complete"),
                "{ledger}"
            );
        }
    }
    if matches!(*kind, "output" | "ledger") {
        // What was complete is told, with or without a ledger.
        outcome.says(&[
            "complete",
            "exit code 4; nothing was published, what was collected is kept",
        ]);
        assert!(error.contains("run again with --resume"), "{error}");
    }
    let own = format!("rows.{format}");
    for name in disk.names() {
        assert!(name.starts_with(&own) && !name.ends_with(".partial"), "{kind}: {name}");
        assert!(
            *kind != "state" || !name.contains(".state"),
            "nothing has begun: {name}"
        );
    }
    kind
}

/// Runs on ever larger disks until one is large enough; which writes have failed, and how often.
fn sweep(
    sim: &Sim,
    format: &str,
    expected: &[u8],
    sizes: impl Iterator<Item = String>,
    more: &Json,
) -> BTreeMap<&'static str, usize> {
    let mut seen = BTreeMap::new();
    for options in sizes {
        let disk = with_previous(&options, format);
        let outcome = run(sim, &disk, format).params(more.clone()).run();
        if outcome.code == 0 {
            assert_eq!(outcome.output_bytes(), expected, "{format} {options}");
            return seen;
        }
        let kind = failed(&outcome, &disk, format);
        *seen.entry(kind).or_default() += 1;
        disk.remount("size=256m,nr_inodes=1000");
        let outcome = run(sim, &disk, format).params(more.clone()).flag("--resume").run();
        outcome.expect(0);
        assert_eq!(outcome.output_bytes(), expected, "{format} {options} {kind}");
        assert_eq!(outcome.ledger()["outcome"], "complete");
        let files = [format!("rows.{format}"), format!("rows.{format}.run.json")];
        assert_eq!(disk.names(), files, "{options} {kind}");
    }
    panic!("no disk was large enough: {seen:?}");
}

fn expected(sim: &Sim, format: &str, more: &Json) -> Vec<u8> {
    let run = Run::keys(sim).output(&format!("rows.{format}")).params(more.clone());
    run.expect(0).output_bytes()
}

#[test]
fn every_write_in_turn_finds_the_disk_full() {
    in_a_namespace("disk::every_write_in_turn_finds_the_disk_full", || {
        let sim = start(one_account());
        // One slice: rows and journal are written one after the other, never side by side.
        let one = json!({"regions": [FRANKFURT]});
        for format in FORMATS {
            let expected = expected(&sim, format, &one);
            // Most of what the state needs is held in one piece; from there on every page counts.
            let pages = [0, 1, 8].into_iter().chain(15..200);
            let sizes = pages.map(|pages| format!("size={}", (PREVIOUS + pages) * PAGE));
            let seen = sweep(&sim, format, &expected, sizes, &one);
            let kinds: Vec<_> = seen.keys().copied().collect();
            let all = ["directory", "journal", "ledger", "output", "rows", "state"];
            assert_eq!(kinds, all, "{format}: {seen:?}");
        }
    });
}

/// The same where it is not bytes but files that there may be no more of.
#[test]
fn every_new_file_in_turn_is_one_too_many() {
    in_a_namespace("disk::every_new_file_in_turn_is_one_too_many", || {
        let sim = start(one_account());
        let expected = expected(&sim, "csv", &json!({}));
        // The disk's root is one, and so are the two files of the previous run.
        let sizes = (3..20).map(|files| format!("size=64m,nr_inodes={files}"));
        let seen = sweep(&sim, "csv", &expected, sizes, &json!({}));
        let kinds: Vec<_> = seen.keys().copied().collect();
        assert_eq!(kinds, ["directory", "ledger", "output", "state"], "{seen:?}");
        assert!(seen["state"] >= 3, "{seen:?}");
    });
}

/// A slice that is sorted on the disk, piece by piece.
#[test]
fn a_disk_that_is_full_while_rows_are_sorted_on_it() {
    in_a_namespace("disk::a_disk_that_is_full_while_rows_are_sorted_on_it", || {
        let mut estate = one_account();
        estate.change_account(MASTER, |account| account.instances(FRANKFURT, 1600));
        let sim = start(estate);
        let expected = expected(&sim, "jsonl", &json!({}));
        assert!(
            expected.len() > 4 * 1024 * 1024,
            "more than one piece: {}",
            expected.len()
        );
        let sizes = (0..40).map(|step| format!("size={}k", 1024 + step * 2560));
        let seen = sweep(&sim, "jsonl", &expected, sizes, &json!({}));
        assert!(seen["rows"] >= 1 && seen["output"] >= 1, "{seen:?}");
    });
}

/// With rows of an earlier run that stand in for those that fail, there are more writes: they are copied.
#[test]
fn the_last_good_rows_outlive_a_full_disk() {
    in_a_namespace("disk::the_last_good_rows_outlive_a_full_disk", || {
        let sim = start(one_account());
        let keep = json!({"keep_last_good": true});
        let disk = Disk::new("size=64m");
        let good = without_times(&run(&sim, &disk, "csv").params(keep.clone()).expect(0).output_bytes());
        let used = fs::read_dir(disk.directory()).unwrap().count();
        assert_eq!(used, 3, "rows, ledger and state");
        let virginia = aws_sim::Fault::on("ec2:DescribeInstances").region(VIRGINIA);
        sim.faults()
            .add(virginia.error(403, "UnauthorizedOperation", "not now"));
        let partial = run(&sim, &disk, "csv").params(keep.clone()).expect(3).output_bytes();
        assert_eq!(without_times(&partial), good, "the rows of before stand in");
        // Nothing is left but what the files of the last run have.
        fs::write(disk.path("others"), vec![1; 63 * 1024 * 1024]).unwrap();
        let filled = fs::metadata(disk.path("others")).unwrap().len();
        let mut codes = Vec::new();
        for pages in 0..60 {
            let free = 256 * 1024_u64 + pages * PAGE as u64 * 4;
            let other = fs::OpenOptions::new().write(true).open(disk.path("others")).unwrap();
            other.set_len(filled).unwrap();
            disk.remount("size=64m");
            disk.remount(&format!("size={}", used_bytes(&disk) + free));
            let outcome = run(&sim, &disk, "csv").params(keep.clone()).run();
            assert!([3, 4].contains(&outcome.code), "{}", outcome.told());
            assert_eq!(without_times(&outcome.output_bytes()), good, "{free}");
            codes.push(outcome.code);
            if outcome.code == 3 {
                break;
            }
        }
        assert_eq!(codes.last(), Some(&3), "{codes:?}");
    });
}

fn used_bytes(disk: &Disk) -> u64 {
    let output = std::process::Command::new("df")
        .args(["--output=used", "-B1"])
        .arg(disk.directory())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().last().unwrap().trim().parse().unwrap()
}

/// What cannot be brought to the disk is found out by fsync on some file systems.
#[test]
fn what_does_not_reach_the_disk_is_not_published() {
    let sim = start(one_account());
    let directory = tempfile::TempDir::new().unwrap();
    let shim = directory.path().join("failing.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/acceptance/failing_fsync.c");
    let cc = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&shim)
        .arg(source)
        .status()
        .unwrap();
    assert!(cc.success());
    for (number, what) in [
        ("1", "the rows cannot be written to"),
        ("2", "the ledger cannot be written to"),
    ] {
        let failing = Run::keys(&sim)
            .file("rows.json", "previous")
            .file("rows.json.run.json", "previous ledger")
            .variable("LD_PRELOAD", shim.to_str().unwrap())
            .variable("FAILING_FSYNC", number);
        let outcome = failing.run();
        outcome.expect(4);
        let error = outcome.final_error();
        assert!(error.contains(what) && error.contains("rows.json"), "{error}");
        assert!(
            error.contains("Input/output error") && error.contains("--resume"),
            "{error}"
        );
        assert_eq!(outcome.output_bytes(), b"previous");
        assert_eq!(outcome.ledger()["exit_code"], 4);
        assert_eq!(outcome.leftovers(), [""; 0]);
        sim.forget_calls();
        let outcome = Run::keys(&sim).after(outcome).flag("--resume").run();
        outcome.expect(0);
        assert_eq!(sim.count("ec2:DescribeInstances"), 0, "all of it was kept");
        assert_eq!(outcome.rows().len(), 6);
    }
}
