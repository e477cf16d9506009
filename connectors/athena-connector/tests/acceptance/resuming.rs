//! A run of queries that ended early is gone on with: what runs at AWS is found again, and nothing runs twice.

use std::time::Duration;

use aws_sim::{Canned, Fault, QueryRule, Sim};
use serde_json::json;

use crate::fleet::*;
use crate::harness::{start, start_still};

fn states(sim: &Sim, number: usize) -> usize {
    let account = member(number);
    let calls = sim.calls_of("athena:GetQueryExecution");
    calls
        .iter()
        .filter(|call| call.account.as_ref() == Some(&account))
        .count()
}

#[test]
fn a_query_that_runs_when_the_process_is_killed_is_found_again() {
    let insert = "insert into t select * from files";
    for (query, rows) in [(QUERY, true), (insert, false)] {
        let mut estate = estate(3);
        estate
            .athena()
            .canned(insert, Canned::update_count(3))
            .rule(QueryRule::any().account(&member(1)).run(Duration::from_secs(6)));
        let sim = start(estate);
        let more = json!({"query": query});
        let killed = run(&sim, 3)
            .params(more.clone())
            .start()
            .wait_for(|sim| states(sim, 1) > 0 && sim.queries().len() == 3)
            .kill_after(Duration::ZERO);
        killed.expect(-1);
        let outcome = run(&sim, 3).params(more).after(killed).flag("--resume").run();
        outcome.expect(0);
        assert_eq!(sim.queries().len(), 3, "each ran once: {:?}", sim.queries());
        assert_eq!(sim.running_queries().len(), 0);
        if rows {
            assert_whole(&outcome, 1..=3);
        } else {
            assert_eq!(queries(&outcome, 1)[0]["update_count"], 3);
        }
    }
}

/// What was stopped is no result: the next try is another query.
#[test]
fn a_query_that_was_stopped_runs_anew() {
    let mut estate = estate(2);
    let seconds = Duration::from_secs(4);
    estate.athena().rule(QueryRule::any().account(&member(1)).run(seconds));
    let sim = start(estate);
    let interrupted = run(&sim, 2)
        .start()
        .wait_for(|sim| states(sim, 1) > 1)
        .signal("INT")
        .finish();
    interrupted.expect(130);
    assert_eq!(sim.running_queries().len(), 0);
    let outcome = run(&sim, 2).after(interrupted).flag("--resume").run();
    outcome.expect(0);
    assert_whole(&outcome, 1..=2);
    assert_eq!(ids(&sim, 1).len(), 2, "the first was stopped");
}

#[test]
fn a_query_that_failed_runs_anew_and_the_others_do_not() {
    let sim = start(estate(3));
    sim.faults()
        .add(Fault::on("athena:StartQueryExecution").account(&member(2)).error(
            400,
            "InvalidRequestException",
            "not now",
        ));
    let partial = run(&sim, 3).expect(3);
    sim.faults().clear();
    let outcome = run(&sim, 3).after(partial).flag("--resume").run();
    outcome.expect(0);
    assert_whole(&outcome, 1..=3);
    assert_eq!(sim.queries().len(), 3);
}

#[test]
fn another_query_is_not_gone_on_with() {
    let sim = start(estate(2));
    sim.faults()
        .add(Fault::on("athena:StartQueryExecution").account(&member(2)).error(
            400,
            "InvalidRequestException",
            "not now",
        ));
    // In a file of the same name.
    let by_file = || run(&sim, 2).without("query").params(json!({"query_file": "query.sql"}));
    let partial = by_file().file("query.sql", QUERY).expect(3);
    let other = by_file().after(partial).file("query.sql", "select 1");
    let outcome = other.flag("--resume").run();
    outcome.expect(2).says(&["what was to be run was another text"]);
}

/// A slice's time is up: its query is stopped, the others go on.
#[test]
fn the_slice_s_deadline_stops_its_query() {
    let mut estate = estate(3);
    estate
        .athena()
        .rule(QueryRule::any().account(&member(1)).run(HOUR))
        .rule(QueryRule::any().account(&member(2)).run(HOUR / 10));
    let sim = start_still(estate);
    let limit = json!({"slice_timeout": 1000, "run_timeout": 10_000});
    let outcome = run(&sim, 3).params(limit).by_events().inside();
    outcome.expect(3);
    assert_whole(&outcome, [2, 3]);
    let slice = slice(&outcome, 1);
    assert_eq!(slice["outcome"], "timed-out");
    assert_eq!(slice["cause"]["message"], "the slice was not complete after 1000 s");
    assert_eq!(sim.running_queries().len(), 0);
    assert_eq!(queries(&outcome, 1)[0]["stopped"], true);
}

#[test]
fn the_run_s_deadline_stops_all_queries_and_publishes_the_rest() {
    let mut estate = estate(3);
    estate.athena().rule(QueryRule::any().account(&member(1)).run(HOUR));
    let sim = start_still(estate);
    let outcome = run(&sim, 3).params(json!({"run_timeout": 1000})).by_events().inside();
    outcome.expect(3);
    assert_whole(&outcome, [2, 3]);
    assert_eq!(sim.running_queries().len(), 0);
    let slice = slice(&outcome, 1);
    assert_eq!(slice["outcome"], "timed-out");
    assert_eq!(slice["details"]["queries"][0]["stopped"], true, "{slice}");
}
