//! How many files a process may have open: connections are files too.

use std::time::Duration;

use aws_sim::{Estate, Sim};
use serde_json::json;

use crate::harness::{Outcome, Run, expected, start};
use crate::world::*;

/// So many slices that 64 requests are in flight all the time.
fn busy() -> Sim {
    start(Estate::scale(50, 3, 300, Duration::from_millis(60)))
}

fn run(sim: &Sim, limit: &str) -> Outcome {
    let outcome = Run::organization(sim)
        .params(json!({"page_size": 5}))
        .under(limit)
        .run();
    outcome.expect(0).does_not_say(&["Too many open files"]);
    let totals = &outcome.ledger()["totals"];
    assert_eq!((&totals["failed"], &totals["rows"]), (&json!(0), &json!(300)));
    outcome
}

/// The default of `max_concurrency` is 64 requests in flight.
#[test]
fn a_run_fits_into_64_open_files_and_says_what_that_costs() {
    let sim = busy();
    let outcome = run(&sim, "ulimit -n 64");
    outcome.says(&[
        "max_concurrency is 20 instead of 64: this process may have 64 files open",
        "raise the limit",
    ]);
    let warnings = outcome.ledger()["warnings"].to_string();
    assert!(warnings.contains("instead of 64"), "{warnings}");
    let peak = sim.connections().peak;
    assert!((10..=20).contains(&peak), "{peak} connections");
}

#[test]
fn a_soft_limit_is_raised_to_the_hard_one() {
    let sim = busy();
    let outcome = run(&sim, "ulimit -Sn 64");
    outcome.does_not_say(&["instead of"]);
    let peak = sim.connections().peak;
    assert!(
        (40..=64).contains(&peak),
        "{peak} connections: 64 files would not have been enough"
    );
}

/// Few as they are, they suffice for rows that are sorted on the disk in many pieces.
#[test]
fn many_sorted_pieces_need_no_file_each() {
    let mut estate = estate();
    for account in ALL {
        estate.change_account(account, |account| {
            account.instances(FRANKFURT, 600).instances(IRELAND, 300)
        });
    }
    let sim = start(estate);
    let outcome = Run::organization(&sim).under("ulimit -n 40").expect(0);
    outcome.says(&["max_concurrency is 8 instead of 64"]);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
}
