//! Few open files: where parts of UNLOAD are loaded, those are more than connections.

use std::time::Duration;

use aws_sim::QueryRule;
use serde_json::{Value as Json, json};

use crate::fleet::*;
use crate::harness::start;

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
