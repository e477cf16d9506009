//! A process that is killed at any moment leaves whole files, and a run that goes on with it gives what it would have given.
//! What ran at AWS is found again: no query runs twice, none is left running.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_sim::{Canned, QueryRule};
use serde_json::json;

use crate::fleet::*;
use crate::harness::{Outcome, start};

const MEMBERS: usize = 6;

/// `KILLS=100` for more.
fn kills() -> u32 {
    let kills = std::env::var("KILLS").ok();
    kills.and_then(|kills| kills.parse().ok()).unwrap_or(6)
}

fn slices(journal: &Path) -> usize {
    let journal = fs::read_to_string(journal).unwrap_or_default();
    journal.matches("{\"Slice\":").count()
}

/// How far a run had come, by what it has left.
fn stage(outcome: &Outcome, queries: usize) -> &'static str {
    if outcome.code == 0 {
        return "6 had ended";
    }
    match (slices(&outcome.state().join("journal")), queries) {
        _ if outcome.output_bytes() != b"previous" => "5 published",
        (MEMBERS, _) => "4 all collected",
        (0, 0) => "0 no query yet",
        (0, 1..MEMBERS) => "1 starting queries",
        (0, _) => "2 queries at work",
        _ => "3 collecting",
    }
}

#[test]
fn killed_at_any_moment_a_run_is_whole_after_it_is_resumed() {
    let mut estate = estate(MEMBERS);
    estate.latency(Duration::from_millis(3));
    estate.athena().canned(QUERY, wide(30_000));
    for number in 1..=MEMBERS {
        let time = Duration::from_millis(60 * number as u64);
        let rule = QueryRule::any().account(&member(number));
        estate.athena().rule(rule.run(time).unload_parts(3));
    }
    let sim = start(estate);
    // Few calls at a time make many moments.
    let fresh = |fetch: &str| {
        let more = json!({"max_concurrency": 4, "fetch": fetch});
        run(&sim, MEMBERS).params(more).output("rows.csv")
    };
    let mut stages: BTreeMap<&str, u32> = BTreeMap::new();
    let mut killed = 0;
    for (at, fetch) in ["s3", "unload"].into_iter().enumerate() {
        sim.forget_calls();
        let expected = fresh(fetch).expect(0).output_bytes();
        let calls = sim.count("*");
        for number in 0..kills() / 2 {
            // By the calls that it has made, so that a slow machine changes nothing; behind the last one, by what is on the
            // disk. The golden ratio spreads the moments evenly, however many there are.
            let part = (f64::from(number + 1) * 0.618_033_988_75 + at as f64 / 2.0).fract();
            let moment = (part * (calls + 4) as f64) as usize;
            let before = sim.queries().len();
            sim.forget_calls();
            let running = fresh(fetch).file("rows.csv", "previous").start();
            let (output, journal) = (running.path("rows.csv"), running.path("rows.csv.state/journal"));
            let outcome = running.kill_when(|sim| match moment.saturating_sub(calls) {
                0 => sim.count("*") > moment,
                1 => slices(&journal) == MEMBERS,
                _ => fs::read(&output).unwrap() != b"previous",
            });
            let output = outcome.output_bytes();
            assert!(
                output == b"previous" || output == expected,
                "{fetch} {part}: half-written"
            );
            let stage = stage(&outcome, sim.queries().len() - before);
            *stages.entry(stage).or_default() += 1;
            let ended = outcome.code == 0;
            killed += u32::from(!ended);
            let published = !ended && !outcome.state().join("journal").exists() && output == expected;
            let outcome = fresh(fetch).after(outcome).flag("--resume").run();
            outcome.expect(0);
            assert!(outcome.output_bytes() == expected, "{fetch} {part} {stage}");
            assert_eq!(outcome.leftovers(), [""; 0], "{fetch} {part} {stage}");
            // Whoever has ended, and has nothing left to go on with, is a run of its own once more.
            let runs = if ended || published { 2 } else { 1 };
            let started = sim.queries().len() - before;
            assert_eq!(started, runs * MEMBERS, "{fetch} {part} {stage}: each query once");
            assert_eq!(sim.running_queries().len(), 0, "{fetch} {part} {stage}");
        }
    }
    // For whoever asks with --nocapture.
    #[allow(clippy::print_stderr)]
    {
        eprintln!("{killed} of {} were killed in mid-run: {stages:?}", kills());
    }
    assert!(killed > kills() / 2, "most were killed: {stages:?}");
    assert!(stages.len() > 1, "at several stages: {stages:?}");
}

/// However often the process is killed and resumed, each account has one INSERT for each run, and the SELECT behind it has its
/// rows.
#[test]
fn killed_at_any_moment_a_write_runs_once() {
    const INSERT: &str = "insert into log select * from files";
    let mut estate = estate(MEMBERS);
    estate.latency(Duration::from_millis(3));
    estate
        .athena()
        .canned(INSERT, Canned::update_count(3))
        .canned(QUERY, wide(30_000));
    for number in 1..=MEMBERS {
        let time = Duration::from_millis(40 * number as u64);
        estate
            .athena()
            .rule(QueryRule::any().account(&member(number)).run(time));
    }
    let sim = start(estate);
    let fresh = || {
        let more = json!({"max_concurrency": 4, "fetch": "s3", "query": format!("{INSERT}; {QUERY}")});
        run(&sim, MEMBERS).params(more).output("rows.csv")
    };
    let expected = fresh().expect(0).output_bytes();
    let calls = sim.count("*");
    let mut killed = [0, 0];
    for number in 0..kills() {
        let moment = |turn: u32| {
            let part = (f64::from(3 * number + turn) * 0.618_033_988_75).fract();
            (part * (calls + 4) as f64) as usize
        };
        let inserts = || {
            let queries = sim.queries().into_iter().filter(|query| query.text == INSERT);
            queries.map(|query| query.account).collect::<Vec<_>>()
        };
        let before = inserts().len();
        sim.forget_calls();
        let running = fresh().file("rows.csv", "previous").start();
        let mut outcome = running.kill_when(|sim| sim.count("*") > moment(0));
        for turn in 1..3 {
            let begun = !inserts()[before..].is_empty();
            let unfinished = outcome.state().join("journal").exists();
            if begun && !unfinished {
                break;
            }
            killed[usize::from(turn == 2)] += 1;
            sim.forget_calls();
            let running = fresh().after(outcome).flag("--resume").start();
            outcome = running.kill_when(|sim| turn == 1 && sim.count("*") > moment(1));
        }
        // The last one ran to its end, or there was nothing left to do: then nothing is done.
        if outcome.code != 0 {
            let unfinished = outcome.state().join("journal").exists();
            outcome = fresh().after(outcome).flag("--resume").run();
            outcome.expect(if unfinished { 0 } else { 2 });
        }
        assert!(outcome.output_bytes() == expected, "{number}");
        let mut accounts = inserts()[before..].to_vec();
        accounts.sort();
        let each: Vec<String> = (1..=MEMBERS).map(member).collect();
        assert_eq!(accounts, each, "{number}: each once");
        assert_eq!(sim.running_queries().len(), 0, "{number}");
    }
    #[allow(clippy::print_stderr)]
    {
        eprintln!("{killed:?} of {} were killed once and twice", kills());
    }
    assert!(killed[0] > kills() / 2, "most were killed: {killed:?}");
}

/// What Athena wrote goes only when the rows are kept: whoever goes on with the run finds the same queries again, and may need
/// their results.
#[test]
fn killed_while_results_are_deleted_a_run_needs_none_of_them() {
    let mut estate = estate(MEMBERS);
    estate.latency(Duration::from_millis(3));
    estate.athena().canned(QUERY, wide(30_000));
    let sim = start(estate);
    for fetch in ["s3", "api", "unload"] {
        let fresh = || {
            let more = json!({"max_concurrency": 4, "fetch": fetch, "keep_results": false});
            run(&sim, MEMBERS).params(more).output("rows.csv")
        };
        let expected = fresh().expect(0).output_bytes();
        let mut in_time = 0;
        for deleted in [1, 2, MEMBERS] {
            sim.forget_calls();
            let before = sim.queries().len();
            let killed = fresh().start().kill_when(|sim| sim.count("s3:DeleteObject") >= deleted);
            // One that has nothing left to go on with is a run of its own once more.
            let runs = if killed.state().join("journal").exists() { 1 } else { 2 };
            in_time += u32::from(runs == 1);
            let outcome = fresh().after(killed).flag("--resume").run();
            outcome.expect(0);
            assert!(outcome.output_bytes() == expected, "{fetch} {deleted}");
            let started = sim.queries().len() - before;
            assert_eq!(started, runs * MEMBERS, "{fetch} {deleted}: each query once");
        }
        assert!(in_time > 0, "{fetch}: none was killed in time");
    }
}
