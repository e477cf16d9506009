//! A process that is killed at any moment leaves whole files, and a run that goes on with it gives what it would have given.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Run, start};
use crate::world::*;

/// `KILLS=300` for more.
fn kills() -> u32 {
    std::env::var("KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(24)
}

#[test]
fn killed_at_any_moment_a_run_is_whole_after_it_is_resumed() {
    let mut estate = estate();
    estate.change_account(C, |account| account.instances(FRANKFURT, 300));
    estate.latency(Duration::from_millis(3));
    let sim = start(estate);
    // Small pages and one call at a time make many moments.
    let run = |format: &str| {
        let more = json!({"page_size": 50, "max_concurrency": 4, "keep_last_good": format == "csv"});
        Run::organization(&sim).params(more).output(&format!("rows.{format}"))
    };
    let mut killed = [0, 0];
    for (at, format) in ["csv", "json", "parquet"].into_iter().enumerate() {
        let begin = Instant::now();
        let expected = run(format).expect(0).output_bytes();
        let took = begin.elapsed();
        for number in 0..kills() / 3 {
            // The golden ratio spreads the moments evenly, however many there are.
            let part = (f64::from(number + 1) * 0.618_033_988_75 + at as f64 / 3.0).fract();
            let running = run(format).file(&format!("rows.{format}"), "previous").start();
            let outcome = running.kill_after(took.mul_f64(part * 1.1));
            let output = outcome.output_bytes();
            assert!(
                output == b"previous" || output == expected,
                "{format} {part}: half-written"
            );
            killed[usize::from(outcome.code != 0)] += 1;
            let outcome = run(format).after(outcome).flag("--resume").run();
            outcome.expect(0);
            assert_eq!(outcome.output_bytes(), expected, "{format} {part}");
            let leftovers = outcome.leftovers();
            let state = outcome.state().display().to_string();
            let kept = if format == "csv" { vec![state] } else { Vec::new() };
            assert_eq!(leftovers, kept, "{format} {part}");
        }
    }
    assert!(killed[1] > kills() / 2, "most were killed: {killed:?}");
}
