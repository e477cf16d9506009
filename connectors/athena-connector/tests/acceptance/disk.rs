//! A disk that takes no more, and few open files: where queries run and parts of UNLOAD are loaded, that is more than for an
//! inventory.

use std::fs;
use std::time::Duration;

use aws_sim::{QueryRule, QueryState, Sim};
use serde_json::{Value as Json, json};

use crate::fleet::*;
use crate::harness::{Disk, Run, in_a_namespace, start};

/// Bytes of each member's result.
const RESULT: u64 = 600_000;

fn on<'a>(sim: &'a Sim, disk: &Disk, fetch: &str) -> Run<'a> {
    run(sim, 3).params(json!({"output": disk.path("rows.csv"), "fetch": fetch}))
}

/// The first member's query is still running when the rows of the others fill the disk: it is stopped, and runs anew later.
#[test]
fn a_full_disk_stops_what_runs_and_the_rest_is_collected_later() {
    in_a_namespace(
        "disk::a_full_disk_stops_what_runs_and_the_rest_is_collected_later",
        || {
            let slow = Duration::from_secs(4);
            for fetch in ["unload", "s3"] {
                let mut estate = estate(3);
                estate.athena().canned(QUERY, wide(RESULT));
                let rest = QueryRule::any().run(Duration::from_millis(1500));
                estate.athena().rule(rest.unload_parts(3));
                estate
                    .athena()
                    .rule(QueryRule::any().account(&member(1)).run(slow).unload_parts(3));
                let sim = start(estate);
                let expected = run(&sim, 3).output("rows.csv").params(json!({"fetch": fetch}));
                let expected = expected.expect(0).output_bytes();
                let before = ids(&sim, 1).len();
                for kib in [100, 300, 800] {
                    let disk = Disk::new(&format!("size={kib}k"));
                    fs::write(disk.path("rows.csv"), "previous").unwrap();
                    let started = ids(&sim, 1).len();
                    let outcome = on(&sim, &disk, fetch).run();
                    outcome.expect(4);
                    let error = outcome.final_error();
                    assert!(error.contains("No space left on device"), "{error}");
                    assert!(
                        error.contains(&disk.path("rows.csv.state").display().to_string()),
                        "{error}"
                    );
                    assert_eq!(outcome.output_bytes(), b"previous");
                    assert_eq!(
                        sim.running_queries().len(),
                        0,
                        "{fetch} {kib}: {:?}",
                        sim.running_queries()
                    );
                    let of_first = sim.queries().into_iter().filter(|query| query.account == member(1));
                    let last = of_first.last().unwrap();
                    assert_eq!(last.state, QueryState::Cancelled, "{fetch} {kib}");
                    disk.remount("size=64m");
                    let outcome = on(&sim, &disk, fetch).flag("--resume").run();
                    outcome.expect(0);
                    assert!(outcome.output_bytes() == expected, "{fetch} {kib}");
                    assert_eq!(ids(&sim, 1).len(), started + 2, "one that was stopped, and one more");
                    assert_eq!(disk.names(), ["rows.csv", "rows.csv.run.json"]);
                }
                assert_eq!(ids(&sim, 1).len(), before + 6);
            }
        },
    );
}

/// Each slice loads several parts at once into files of their own.
#[test]
fn parts_and_connections_fit_into_64_open_files() {
    let mut estate = estate(12);
    estate.latency(Duration::from_millis(20));
    estate
        .athena()
        .canned(QUERY, wide(20_000))
        .rule(QueryRule::any().unload_parts(6));
    let sim = start(estate);
    let run = |fetch: &str| run(&sim, 12).params(json!({"fetch": fetch}));
    for fetch in ["unload", "s3"] {
        let limited = run(fetch).under("ulimit -n 64").run();
        limited.expect(0).does_not_say(&["Too many open files"]);
        limited.says(&["max_concurrency is 20 instead of 64"]);
        let totals: Json = limited.ledger()["totals"].clone();
        assert_eq!((&totals["complete"], &totals["failed"]), (&json!(12), &json!(0)));
        assert!(limited.output_bytes() == run(fetch).expect(0).output_bytes(), "{fetch}");
    }
}
