//! A disk that takes no more, at each kind of write: what was there stays, what runs at AWS is stopped, the message names path
//! and cause, and `--resume` makes the run whole once there is room.

use std::collections::BTreeSet;
use std::fs;

use aws_sim::{Canned, QueryRule, QueryState, Sim};
use serde_json::json;

use crate::fleet::*;
use crate::harness::{Disk, Outcome, Run, in_a_namespace, start};

const MEMBERS: usize = 3;
/// Bytes of each member's result that is kept as one piece.
const SMALL: u64 = 200_000;
/// Of one that is kept piece by piece while it is fetched.
const LARGE: u64 = 5_000_000;

/// A result of about so many bytes that Parquet makes no smaller.
fn varied(bytes: u64) -> Canned {
    Canned::generated(&[("text", "varchar")], bytes / 1010, |row, _, text| {
        let mut state = row;
        text.extend((0..1000).map(|_| {
            // Knuth's generator: its upper bits are as good as random.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + ((state >> 33) % 26) as u8)
        }));
        true
    })
}

/// Members whose results are all alike; with `slow`, the first one's first query does not end by itself.
fn sim(bytes: u64, slow: bool) -> Sim {
    let mut estate = estate(MEMBERS);
    let athena = estate.athena().canned(QUERY, varied(bytes));
    athena.rule(QueryRule::any().unload_parts(3));
    if slow {
        athena.rule(QueryRule::any().account(&member(1)).run_first(1, HOUR));
    }
    start(estate)
}

fn on<'a>(sim: &'a Sim, disk: &Disk, fetch: &str) -> Run<'a> {
    run(sim, MEMBERS).params(json!({"output": disk.path("rows.csv"), "fetch": fetch}))
}

fn expected(bytes: u64, fetch: &str) -> Vec<u8> {
    let sim = sim(bytes, false);
    let run = run(&sim, MEMBERS).output("rows.csv").params(json!({"fetch": fetch}));
    run.expect(0).output_bytes()
}

fn with_previous(kib: u64) -> Disk {
    let disk = Disk::new(&format!("size={kib}k"));
    fs::write(disk.path("rows.csv"), "previous").unwrap();
    disk
}

/// Which write has found the disk full; everything else about it is as it should be.
fn failed(outcome: &Outcome, disk: &Disk, sim: &Sim) -> &'static str {
    outcome.expect(4);
    let error = outcome.final_error();
    assert!(error.contains("No space left on device"), "{error}");
    let writes = [
        ("rows cannot be kept in", "rows"),
        ("the rows cannot be written to", "output"),
        ("the journal in", "journal"),
        ("the ledger cannot be written to", "ledger"),
        (".state cannot be used", "state"),
    ];
    let kind = writes.iter().find(|(words, _)| error.contains(words));
    let (_, kind) = kind.unwrap_or_else(|| panic!("{error}"));
    let place = disk.directory().display().to_string();
    assert!(error.contains(&place), "{kind}: {error}");
    assert_eq!(outcome.output_bytes(), b"previous", "{kind}");
    assert!(
        disk.names().iter().all(|name| !name.ends_with(".partial")),
        "{:?}",
        disk.names()
    );
    assert_eq!(sim.running_queries().len(), 0, "{kind}");
    kind
}

fn resumed(sim: &Sim, disk: &Disk, fetch: &str, expected: &[u8], about: &str) {
    disk.remount("size=64m");
    let outcome = on(sim, disk, fetch).flag("--resume").run();
    outcome.expect(0);
    assert!(outcome.output_bytes() == expected, "{fetch} {about}");
    assert_eq!(disk.names(), ["rows.csv", "rows.csv.run.json"], "{fetch} {about}");
    assert_eq!(sim.running_queries().len(), 0, "{fetch} {about}");
}

#[test]
fn every_kind_of_write_finds_the_disk_full() {
    in_a_namespace("disk::every_kind_of_write_finds_the_disk_full", || {
        for fetch in ["unload", "s3"] {
            let expected = expected(SMALL, fetch);
            let mut seen = BTreeSet::new();
            for kib in (40..).step_by(300) {
                let (sim, disk) = (sim(SMALL, false), with_previous(kib));
                let outcome = on(&sim, &disk, fetch).run();
                if outcome.code == 0 {
                    assert!(outcome.output_bytes() == expected, "{fetch} {kib}");
                    break;
                }
                let kind = failed(&outcome, &disk, &sim);
                seen.insert(kind);
                resumed(&sim, &disk, fetch, &expected, kind);
            }
            // Parts take room for as long as they are read.
            let kinds: &[&str] = if fetch == "s3" {
                &["state", "rows", "output"]
            } else {
                &["state", "rows"]
            };
            assert!(kinds.iter().all(|kind| seen.contains(kind)), "{fetch}: {seen:?}");
        }
    });
}

/// The first member's query is still running when the results of the others fill the disk.
#[test]
fn a_full_disk_stops_what_runs() {
    in_a_namespace("disk::a_full_disk_stops_what_runs", || {
        // Beside what a run holds from the beginning there is less room than for a part of an UNLOAD, and less than for the
        // first piece of a result.
        for (fetch, bytes, kib) in [("unload", SMALL, 110), ("s3", LARGE, 2000)] {
            let expected = expected(bytes, fetch);
            let (sim, disk) = (sim(bytes, true), with_previous(kib));
            let outcome = on(&sim, &disk, fetch).run();
            assert_eq!(failed(&outcome, &disk, &sim), "rows");
            let first = member(1);
            let of_first = || sim.queries().into_iter().filter(|query| query.account == first);
            let states: Vec<QueryState> = of_first().map(|query| query.state).collect();
            assert_eq!(states, [QueryState::Cancelled], "{fetch}");
            assert_eq!(queries(&outcome, 1)[0]["stopped"], json!(true));
            resumed(&sim, &disk, fetch, &expected, "rows");
            let states: Vec<QueryState> = of_first().map(|query| query.state).collect();
            assert_eq!(states, [QueryState::Cancelled, QueryState::Succeeded], "{fetch}");
        }
    });
}
