//! A run of queries that ended early is gone on with: what runs at AWS is found again, and nothing runs twice.

use std::time::Duration;

use aws_sim::{Action, Canned, Fault, QueryError, QueryRule, QueryState, Sim};
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

const INSERT: &str = "insert into t select * from files";

/// Starts of the INSERT, by the tokens: one token is one query.
fn inserts(sim: &Sim) -> Vec<String> {
    let queries = sim.queries();
    let inserts = queries.into_iter().filter(|query| query.text == INSERT);
    inserts.map(|query| query.account).collect()
}

/// A count that cannot be read is worth a warning. <https://github.com/awslabs/amazon-s3-find-and-forget/issues/290>,
/// <https://github.com/DyfanJones/noctua/issues/104>
#[test]
fn a_write_whose_count_cannot_be_read_is_complete() {
    const DENIED: &str = "You do not seem to have access to the S3 location of your query results. Please confirm your \
                          account has access to the S3 location where your query results are saved and try again.";
    for (status, code, message) in [
        (400, "InvalidRequestException", DENIED),
        (400, "InvalidRequestException", "Could not find results"),
        (
            400,
            "AccessDeniedException",
            "User: x is not authorized to perform: athena:GetQueryResults",
        ),
    ] {
        for fetch in ["auto", "s3", "api"] {
            let mut estate = estate(3);
            estate.athena().canned(INSERT, Canned::update_count(3));
            let sim = start(estate);
            let fault = Fault::on("athena:GetQueryResults").account(&member(2));
            sim.faults().add(fault.error(status, code, message));
            let more = json!({"query": INSERT, "fetch": fetch});
            let outcome = run(&sim, 3).params(more.clone()).expect(0);
            let slice = slice(&outcome, 2);
            assert_eq!(
                (&slice["outcome"], &slice["cause"]),
                (&json!("empty"), &json!(null)),
                "{slice}"
            );
            assert_eq!(slice["details"]["queries"][0]["update_count"], json!(null), "{slice}");
            let warning = slice["warnings"][0].as_str().unwrap_or_default();
            assert!(
                warning.contains("statement 1 has succeeded") && warning.contains(message),
                "{warning}"
            );
            assert_eq!(queries(&outcome, 1)[0]["update_count"], 3);
            assert_eq!(outcome.ledger()["totals"]["changes"], 3);
            // Complete: nothing of it is done again.
            let again = run(&sim, 3).params(more).after(outcome).flag("--resume").run();
            again.expect(2).says(&["nothing to resume", "run without --resume"]);
            assert_eq!(inserts(&sim).len(), 3);
        }
    }
}

/// Whatever fails behind it, a write that has succeeded is not started again: also where no slice at all is complete.
#[test]
fn a_write_before_a_statement_that_fails_runs_once() {
    for (count, failing, code) in [(3, 2, 3), (1, 1, 4)] {
        let mut estate = estate(count);
        estate.athena().canned(INSERT, Canned::update_count(3));
        let sim = start(estate);
        let select = Fault::on("athena:StartQueryExecution").account(&member(failing));
        let select = select.parameter("QueryString", QUERY);
        sim.faults()
            .add(select.error(400, "InvalidRequestException", "SYNTAX_ERROR: line 1:8: not now"));
        let more = json!({"query": format!("{INSERT}; {QUERY}"), "output_location": "s3://results/{accountId}/x/"});
        let mut outcome = run(&sim, count).params(more.clone()).expect(code);
        let place = format!("resume {} {FRANKFURT}", member(failing));
        for _ in 0..2 {
            outcome = run(&sim, count)
                .params(more.clone())
                .after(outcome)
                .flag("--resume")
                .run();
            outcome.expect(code).says(&[
                &format!("{place}: statement 1 (INSERT) has succeeded as "),
                &format!("{place}: statement 2 (SELECT) runs"),
            ]);
        }
        sim.faults().clear();
        let outcome = run(&sim, count).params(more).after(outcome).flag("--resume").run();
        outcome.expect(0);
        assert_whole(&outcome, 1..=count);
        let queries = queries(&outcome, failing);
        assert_eq!(queries[0]["update_count"], 3, "{queries:?}");
        let mut accounts = inserts(&sim);
        accounts.sort();
        assert_eq!(accounts, (1..=count).map(member).collect::<Vec<_>>());
    }
}

/// Its answer is lost, its state is not to be had, its time is up, the run is interrupted: it is looked up before it is
/// started again.
#[test]
fn a_write_of_which_nothing_is_known_is_looked_up_first() {
    let lost = |call: &str| Fault::on(call).account(&member(1)).then(Action::LoseAnswer);
    let denied = Fault::on("athena:GetQueryExecution").account(&member(1));
    let denied = denied.error(
        400,
        "AccessDeniedException",
        "not authorized to perform: athena:GetQueryExecution",
    );
    for (fault, more, what) in [
        (
            lost("athena:StartQueryExecution"),
            json!({"call_timeout": 4}),
            "the answer to its start is lost",
        ),
        (denied, json!({}), "its state is not to be had"),
    ] {
        // With a slice that is complete beside it, and as the only one.
        for members in [2, 1] {
            let mut estate = estate(2);
            estate.athena().canned(INSERT, Canned::update_count(3));
            let sim = start(estate);
            sim.faults().add(fault.clone());
            let mut parameters = json!({"query": INSERT});
            parameters
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let outcome = run(&sim, members).params(parameters.clone()).run();
            outcome.expect(if members == 1 { 4 } else { 3 });
            assert_eq!(inserts(&sim).len(), members, "{what}");
            sim.faults().clear();
            let outcome = run(&sim, members)
                .params(parameters)
                .after(outcome)
                .flag("--resume")
                .run();
            outcome.expect(0);
            assert_eq!(inserts(&sim).len(), members, "{what}: {:?}", sim.queries());
            assert_eq!(queries(&outcome, 1)[0]["update_count"], 3, "{what}");
        }
    }
}

/// It was stopped while its start was on the way: nobody had its id, and the same token finds it.
#[test]
fn a_write_that_was_stopped_while_it_was_started_runs_anew() {
    let mut estate = estate(1);
    estate
        .athena()
        .canned(INSERT, Canned::update_count(3))
        .rule(QueryRule::any().run_first(1, HOUR));
    let sim = start(estate);
    let slow = Fault::on("athena:StartQueryExecution").then(Action::Delay(Duration::from_secs(2)));
    sim.faults().add(slow);
    let more = json!({"query": INSERT});
    let running = run(&sim, 1).params(more.clone()).start();
    let outcome = running
        .wait_for(|sim| sim.count("athena:StartQueryExecution") > 0 || !sim.queries().is_empty())
        .signal("INT")
        .finish();
    outcome.expect(130);
    assert_eq!(sim.running_queries().len(), 0);
    sim.faults().clear();
    let outcome = run(&sim, 1).params(more).after(outcome).flag("--resume").run();
    outcome.expect(0);
    assert_eq!(queries(&outcome, 1).last().unwrap()["update_count"], 3);
    let ended: Vec<_> = sim.queries().into_iter().map(|query| query.state).collect();
    assert_eq!(
        ended.iter().filter(|state| **state == QueryState::Succeeded).count(),
        1,
        "{ended:?}"
    );
}

/// EXPLAIN ANALYZE does what it runs.
#[test]
fn a_complete_explain_analyze_of_a_write_is_not_resumed() {
    const ANALYZE: &str = "explain analyze insert into t select * from files";
    let mut estate = estate(1);
    let plan = Canned::new(&[("Query Plan", "varchar")]).row(&[Some("Fragment 0")]);
    estate.athena().canned(ANALYZE, plan);
    let sim = start(estate);
    let more = json!({"query": ANALYZE});
    let outcome = run(&sim, 1).params(more.clone()).expect(0);
    assert_eq!(outcome.ledger()["totals"]["changes"], 1);
    let again = run(&sim, 1).params(more).after(outcome).flag("--resume").run();
    again.expect(2).says(&["nothing to resume"]);
    assert_eq!(sim.queries().len(), 1);
}

/// A write that was stopped or has failed has no effect, so the next try is another query.
#[test]
fn a_write_that_failed_runs_anew_once_it_is_resumed() {
    let mut estate = estate(2);
    let failing = QueryRule::any().account(&member(1));
    estate
        .athena()
        .canned(INSERT, Canned::update_count(3))
        .rule(failing.fail_first(1, QueryError::user(1000, "GENERIC_USER_ERROR: no")));
    let sim = start(estate);
    let more = json!({"query": INSERT});
    let outcome = run(&sim, 2).params(more.clone()).expect(3);
    assert_eq!(inserts(&sim).len(), 2);
    let outcome = run(&sim, 2).params(more).after(outcome).flag("--resume").run();
    outcome
        .expect(0)
        .says(&["statement 1 (INSERT) has failed and runs again"]);
    assert_eq!(inserts(&sim).len(), 3);
    assert_eq!(outcome.ledger()["totals"]["changes"], 2);
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
