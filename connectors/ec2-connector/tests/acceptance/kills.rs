//! A process that is killed at any moment leaves whole files, and a run that goes on with it gives what it would have given.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Outcome, Run, start, without_times};
use crate::world::*;

/// Kills at one simulated AWS: the harness looks for every secret that it has ever given out.
const KILLS_A_ROUND: u32 = 24;

/// `KILLS=300` for more.
fn kills() -> u32 {
    std::env::var("KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(KILLS_A_ROUND)
}

/// Of the estate: six accounts in three regions.
const SLICES: usize = 18;

fn slices(journal: &Path) -> usize {
    let journal = fs::read_to_string(journal).unwrap_or_default();
    journal.matches("{\"Slice\":").count()
}

/// How far a run had come, by what it has left.
fn stage(outcome: &Outcome) -> &'static str {
    if outcome.code == 0 {
        return "7 had ended";
    }
    let state = outcome.state();
    let Ok(journal) = fs::read_to_string(state.join("journal")) else {
        return if outcome.has_ledger() {
            "6 tidying up"
        } else {
            "0 before there was anything"
        };
    };
    let names = fs::read_dir(&state).into_iter().flatten().flatten();
    let publishing = names
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().ends_with(".partial"));
    let slices = slices(&state.join("journal"));
    if outcome.output_bytes() != b"previous" {
        return "5 published";
    }
    match (publishing, slices) {
        (true, _) => "4 publishing",
        (false, SLICES) => "3 all collected",
        (false, 0) if !journal.contains("{\"Caller\":") => "1 signing in",
        (false, 0) => "1 signed in, no slice yet",
        (false, _) => "2 collecting",
    }
}

/// What was seen.
#[derive(Default)]
struct Seen {
    killed: u32,
    stages: BTreeMap<&'static str, u32>,
}

#[test]
fn killed_at_any_moment_a_run_is_whole_after_it_is_resumed() {
    let mut seen = Seen::default();
    let numbers: Vec<u32> = (1..=kills()).collect();
    for round in numbers.chunks(KILLS_A_ROUND as usize) {
        kill_each(round, &mut seen);
    }
    let Seen { killed, stages } = seen;
    // For whoever asks with --nocapture.
    #[allow(clippy::print_stderr)]
    {
        eprintln!("{killed} of {} were killed in mid-run: {stages:?}", kills());
    }
    assert!(killed > kills() / 2, "most were killed: {stages:?}");
    assert!(stages.len() > 2, "at several stages: {stages:?}");
}

/// A kill for each number, which says at which moment.
fn kill_each(numbers: &[u32], seen: &mut Seen) {
    let mut estate = estate();
    estate.change_account(C, |account| account.instances(FRANKFURT, 300));
    estate.latency(Duration::from_millis(3));
    let sim = start(estate);
    // Small pages and one call at a time make many moments.
    let run = |format: &str| {
        let more = json!({"page_size": 50, "max_concurrency": 4, "keep_last_good": format == "csv"});
        Run::organization(&sim).params(more).output(&format!("rows.{format}"))
    };
    for (at, format) in ["csv", "json", "parquet"].into_iter().enumerate() {
        sim.forget_calls();
        let expected = without_times(&run(format).expect(0).output_bytes());
        let calls = sim.count("*");
        for number in numbers.iter().skip(at).step_by(3) {
            // By the calls that it has made, so that a slow machine changes nothing; behind the last one, by what is on the
            // disk. The golden ratio spreads the moments evenly, however many there are.
            let part = (f64::from(*number) * 0.618_033_988_75).fract();
            let moment = (part * (calls + calls / 4) as f64) as usize;
            sim.forget_calls();
            let running = run(format).file(&format!("rows.{format}"), "previous").start();
            let output = running.path(&format!("rows.{format}"));
            let journal = running.path(&format!("rows.{format}.state/journal"));
            let outcome = running.kill_when(|sim| match moment.checked_sub(calls) {
                None => sim.count("*") > moment,
                Some(after) if after < calls / 8 => slices(&journal) == SLICES,
                Some(_) => fs::read(&output).unwrap() != b"previous",
            });
            let output = outcome.output_bytes();
            assert!(
                output == b"previous" || without_times(&output) == expected,
                "{format} {part}: half-written"
            );
            seen.killed += u32::from(outcome.code != 0);
            *seen.stages.entry(stage(&outcome)).or_default() += 1;
            let outcome = run(format).after(outcome).flag("--resume").run();
            outcome.expect(0);
            assert_eq!(without_times(&outcome.output_bytes()), expected, "{format} {part}");
            let leftovers = outcome.leftovers();
            let state = outcome.state().display().to_string();
            let kept = if format == "csv" { vec![state] } else { Vec::new() };
            assert_eq!(leftovers, kept, "{format} {part}");
        }
    }
}
