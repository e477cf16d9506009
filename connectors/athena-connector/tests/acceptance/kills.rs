//! A process that is killed at any moment leaves whole files, and a run that goes on with it gives what it would have given,
//! with each query run once or found again.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use aws_sim::QueryRule;
use serde_json::json;

use crate::fleet::*;
use crate::harness::{Outcome, start};

/// `KILLS=100` for more.
fn kills() -> u32 {
    let kills = std::env::var("KILLS").ok();
    kills.and_then(|kills| kills.parse().ok()).unwrap_or(8)
}

/// How far a run had come, by what it has left.
fn stage(outcome: &Outcome) -> &'static str {
    if outcome.code == 0 {
        return "4 had ended";
    }
    let journal = fs::read_to_string(outcome.state().join("journal")).unwrap_or_default();
    match journal.matches("{\"Slice\":").count() {
        _ if outcome.output_bytes() != b"previous" => "3 published",
        0 => "0 no slice yet",
        6 => "2 all collected",
        _ => "1 collecting",
    }
}

#[test]
fn killed_at_any_moment_a_run_is_whole_after_it_is_resumed() {
    let mut estate = estate(6);
    estate.latency(Duration::from_millis(3));
    estate.athena().canned(QUERY, wide(300_000));
    for number in 1..=6 {
        let time = Duration::from_millis(100 * number as u64);
        estate
            .athena()
            .rule(QueryRule::any().account(&member(number)).run(time));
    }
    let sim = start(estate);
    let fresh = || run(&sim, 6).params(json!({"max_concurrency": 4})).output("rows.csv");
    let begin = Instant::now();
    let expected = fresh().expect(0).output_bytes();
    let took = begin.elapsed();
    let mut stages: BTreeMap<&str, u32> = BTreeMap::new();
    for number in 0..kills() {
        // The golden ratio spreads the moments evenly, however many there are.
        let part = (f64::from(number + 1) * 0.618_033_988_75).fract();
        let before = sim.queries().len();
        let killed = fresh()
            .file("rows.csv", "previous")
            .start()
            .kill_after(took.mul_f64(part));
        let output = killed.output_bytes();
        assert!(output == b"previous" || output == expected, "{part}: half-written");
        let stage = stage(&killed);
        *stages.entry(stage).or_default() += 1;
        let outcome = fresh().after(killed).flag("--resume").run();
        outcome.expect(0);
        assert!(outcome.output_bytes() == expected, "{part} {stage}");
        assert_eq!(outcome.leftovers(), [""; 0], "{part}");
        let started = sim.queries().len() - before;
        // Whoever has ended and is run once more has queries of its own.
        let most = if stage == "4 had ended" { 12 } else { 6 };
        assert!(started <= most, "{part} {stage}: {started} queries for six slices");
        assert_eq!(sim.running_queries().len(), 0);
    }
    // For whoever asks with --nocapture.
    #[allow(clippy::print_stderr)]
    {
        eprintln!("{} were to be killed: {stages:?}", kills());
    }
    assert!(stages.contains_key("0 no slice yet") && stages.len() > 1, "{stages:?}");
}
