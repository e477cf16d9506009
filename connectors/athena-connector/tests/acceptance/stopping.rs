//! Interrupted, too slow, or failed beside others: nothing is left running at AWS, and nothing half-written here.

use std::time::{Duration, Instant};

use aws_sim::{Action, Canned, Fault, QueryError, QueryRule, QueryState, Sim};
use serde_json::json;

use crate::fleet::*;
use crate::harness::{Outcome, Run, start, start_still};

/// The answer to a start comes letter by letter, and so does a result. The queries themselves run at once.
fn slow_start(number: usize) -> Fault {
    let fault = Fault::on("athena:StartQueryExecution").account(&member(number));
    fault.then(Action::Slow(40))
}

fn slow_result(number: usize) -> Fault {
    let fault = Fault::on("s3:GetObject").account(&member(number));
    fault.then(Action::Slow(100_000))
}

fn at_work(sim: &Sim, call: &str, number: usize) -> bool {
    let account = member(number);
    sim.calls_of(call)
        .iter()
        .any(|call| call.account.as_ref() == Some(&account))
}

/// Interrupts a run when `when` holds, and looks at what is left.
fn interrupted(sim: &Sim, run: Run<'_>, when: impl Fn(&Sim) -> bool, signal: &str) -> Outcome {
    let outcome = run
        .file("rows.json", "previous")
        .start()
        .wait_for(when)
        .signal(signal)
        .finish();
    let code = if signal == "INT" { 130 } else { 143 };
    outcome.expect(code).says(&["INTERRUPTED"]).does_not_say(&["panicked"]);
    assert_eq!(sim.running_queries().len(), 0, "{:?}", sim.running_queries());
    assert_eq!(outcome.output_bytes(), b"previous");
    assert_eq!(outcome.leftovers(), [""; 0], "no half-written files");
    let ledger = outcome.ledger();
    assert_eq!(
        (&ledger["outcome"], &ledger["exit_code"], &ledger["outputs"]),
        (&json!("interrupted"), &json!(code), &json!([]))
    );
    outcome
}

/// The ledger has every query of a member, and says that each was stopped.
fn assert_stopped(sim: &Sim, outcome: &Outcome, number: usize) {
    let told = queries(outcome, number);
    let ids: Vec<_> = told
        .iter()
        .map(|query| query["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, crate::fleet::ids(sim, number), "member {number}");
    for query in told {
        assert_eq!(
            (&query["stopped"], &query["state"]),
            (&json!(true), &json!("CANCELLED"))
        );
    }
}

#[test]
fn a_signal_while_a_query_is_being_started() {
    for signal in ["INT", "TERM"] {
        let mut estate = estate(1);
        estate.athena().rule(QueryRule::any().run(HOUR));
        let sim = start(estate);
        sim.faults().add(slow_start(1));
        // AWS has taken the query, and nobody here knows its id yet.
        let outcome = interrupted(&sim, run(&sim, 1), |sim| sim.running_queries().len() == 1, signal);
        assert_stopped(&sim, &outcome, 1);
        assert_eq!(sim.queries()[0].state, QueryState::Cancelled);
        assert_eq!(slice(&outcome, 1)["outcome"], "failed");
    }
}

#[test]
fn a_signal_while_a_query_is_queued_or_running() {
    for (rule, state) in [
        (QueryRule::any().queue(HOUR), QueryState::Queued),
        (QueryRule::any().run(HOUR), QueryState::Running),
    ] {
        for signal in ["INT", "TERM"] {
            let mut estate = estate(1);
            estate.athena().rule(rule.clone());
            let sim = start(estate);
            let when = |sim: &Sim| {
                sim.count("athena:GetQueryExecution") > 0
                    && sim.running_queries().iter().all(|query| query.state == state)
            };
            let outcome = interrupted(&sim, run(&sim, 1), when, signal);
            assert_stopped(&sim, &outcome, 1);
            let slice = slice(&outcome, 1);
            assert_eq!(
                (&slice["outcome"], &slice["cause"]["message"]),
                (
                    &json!("failed"),
                    &json!("the run was interrupted before this was complete")
                )
            );
        }
    }
}

#[test]
fn a_signal_while_rows_are_fetched() {
    for signal in ["INT", "TERM"] {
        let mut estate = estate(1);
        estate.athena().canned(QUERY, wide(2_000_000));
        let sim = start(estate);
        sim.faults().add(slow_result(1));
        let outcome = interrupted(&sim, run(&sim, 1), |sim| at_work(sim, "s3:GetObject", 1), signal);
        assert_eq!(sim.count("athena:StopQueryExecution"), 0, "it has ended by itself");
        let queries = queries(&outcome, 1);
        assert_eq!(
            (&queries[0]["id"], &queries[0]["state"]),
            (&json!(ids(&sim, 1)[0]), &json!("SUCCEEDED"))
        );
        assert_eq!(slice(&outcome, 1)["rows"], 0);
    }
}

#[test]
fn a_signal_while_accounts_are_at_every_stage() {
    let mut estate = estate(40);
    estate
        .athena()
        .canned_in(&member(5), QUERY, wide(2_000_000))
        .rule(QueryRule::any().run(HOUR))
        .rule(QueryRule::any().account(&member(1)).run(std::time::Duration::ZERO))
        .rule(QueryRule::any().account(&member(2)).queue(HOUR))
        .rule(QueryRule::any().account(&member(5)).run(std::time::Duration::ZERO));
    let sim = start(estate);
    sim.faults().add(slow_start(4));
    sim.faults().add(slow_result(5));
    // This one has not even signed in.
    let hang = Fault::on("sts:AssumeRole").parameter("RoleArn", &format!("arn:aws:iam::{}:role/inventory", member(6)));
    sim.faults().add(hang.then(Action::Hang));
    let when = |sim: &Sim| sim.running_queries().len() == 37 && at_work(sim, "s3:GetObject", 5);
    let outcome = interrupted(&sim, run(&sim, 40), when, "INT");
    for number in (2..=40).filter(|number| ![5, 6].contains(number)) {
        assert_stopped(&sim, &outcome, number);
    }
    // One more where a query has ended and nobody has asked yet.
    assert!((37..=39).contains(&sim.count("athena:StopQueryExecution")));
    let outcomes = outcome.outcomes();
    assert_eq!(outcomes.len(), 40, "every account has its entry");
    assert_eq!(outcomes[&(member(6), "-".to_owned())], "failed");
    let failed = outcomes.values().filter(|outcome| *outcome == "failed").count();
    assert!(failed >= 39, "{outcomes:?}");
}

#[test]
fn a_second_signal_ends_the_run_at_once() {
    let mut estate = estate(1);
    estate.athena().rule(QueryRule::any().run(HOUR));
    let sim = start(estate);
    sim.faults()
        .add(Fault::on("athena:StopQueryExecution").then(Action::Hang));
    let outcome = run(&sim, 1)
        .file("rows.json", "previous")
        .start()
        .wait_for(|sim| sim.count("athena:GetQueryExecution") > 0)
        .signal("INT")
        .wait_for(|sim| sim.count("athena:StopQueryExecution") > 0)
        .signal("INT")
        .finish();
    outcome
        .expect(130)
        .says(&["interrupted again", "what runs at AWS may not have been stopped"]);
    // The call was made once, and not given up after a limit of its own.
    assert_eq!(sim.count("athena:StopQueryExecution"), 1);
    assert_eq!(outcome.output_bytes(), b"previous");
    let queries = queries(&outcome, 1);
    assert_eq!(queries[0]["id"], json!(ids(&sim, 1)[0]), "so that a person can stop it");
    assert_ne!(queries[0]["stopped"], json!(true));
}

/// However few requests may be in flight, and however slow AWS is with it.
#[test]
fn many_queries_are_stopped_in_time() {
    let mut estate = estate(64);
    estate.athena().rule(QueryRule::any().run(HOUR));
    let sim = start(estate);
    let slow = Fault::on("athena:StopQueryExecution").then(Action::Delay(Duration::from_secs(1)));
    sim.faults().add(slow);
    let running = run(&sim, 64)
        .params(json!({"max_concurrency": 2}))
        .file("rows.json", "previous")
        .start()
        .wait_for(|sim| sim.running_queries().len() == 64);
    let start = Instant::now();
    let outcome = running.signal("TERM").finish();
    let took = start.elapsed();
    outcome.expect(143);
    assert_eq!(sim.running_queries().len(), 0);
    assert!(took < Duration::from_secs(25), "{took:?}");
    (1..=64).for_each(|number| assert_stopped(&sim, &outcome, number));
    assert_eq!(outcome.ledger()["warnings"], json!([]));
}

/// AWS has taken a query, and does not say so: what it has said so of is stopped at once, and that one is named.
#[test]
fn a_start_that_is_answered_late_holds_up_no_stop() {
    let mut estate = estate(4);
    estate.athena().rule(QueryRule::any().run(HOUR));
    let sim = start(estate);
    let late = Fault::on("athena:StartQueryExecution").account(&member(4));
    sim.faults().add(late.then(Action::HangAfter(0)));
    let running = run(&sim, 4)
        .params(json!({"max_concurrency": 2}))
        .start()
        .wait_for(|sim| sim.running_queries().len() == 4 && sim.count("athena:GetQueryExecution") >= 3);
    let (start, asked) = (Instant::now(), sim.count("athena:GetQueryExecution"));
    // What they have cost is asked for when all are stopped.
    let stopped = |sim: &Sim| sim.running_queries().len() == 1 && sim.count("athena:GetQueryExecution") >= asked + 3;
    let running = running.signal("TERM").wait_for(stopped);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let outcome = running.signal("TERM").finish();
    outcome.expect(143);
    (1..=3).for_each(|number| assert_eq!(queries(&outcome, number)[0]["stopped"], json!(true)));
    let left = sim.running_queries().remove(0);
    assert_eq!(left.account, member(4));
    outcome.says(&[&left.token, "AWS may be running a query", &member(4)]);
    let warnings = outcome.ledger()["warnings"].as_array().cloned().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].as_str().unwrap().contains(&left.token), "{warnings:?}");
    assert_eq!(queries(&outcome, 4)[0]["client_request_token"], json!(left.token));
}

/// The answer comes while others are stopped, and the query is stopped too.
#[test]
fn a_start_that_is_answered_late_is_stopped_when_it_is() {
    let mut estate = estate(3);
    estate.athena().rule(QueryRule::any().run(HOUR));
    let sim = start(estate);
    let late = Fault::on("athena:StartQueryExecution").account(&member(3)).first(1);
    sim.faults().add(late.then(Action::HangAfter(0)));
    // A try is given up after a third of that.
    let outcome = run(&sim, 3)
        .params(json!({"max_concurrency": 2, "call_timeout": 9}))
        .start()
        .wait_for(|sim| sim.running_queries().len() == 3 && sim.count("athena:GetQueryExecution") >= 2)
        .signal("TERM")
        .finish();
    outcome.expect(143);
    assert_eq!((sim.queries().len(), sim.running_queries().len()), (3, 0));
    (1..=3).for_each(|number| assert_stopped(&sim, &outcome, number));
    assert_eq!(outcome.ledger()["warnings"], json!([]));
}

/// With few requests in flight, most starts wait for their turn. None is sent when the run is to end.
#[test]
fn what_was_not_started_is_not_started_to_be_stopped() {
    let mut estate = estate(20);
    estate.athena().rule(QueryRule::any().run(HOUR));
    let sim = start(estate);
    let slow = Fault::on("athena:StartQueryExecution").then(Action::Delay(Duration::from_millis(500)));
    sim.faults().add(slow);
    let running = run(&sim, 20)
        .params(json!({"max_concurrency": 2}))
        .start()
        .wait_for(|sim| sim.count("athena:StartQueryExecution") >= 2);
    let outcome = running.signal("TERM").finish();
    outcome.expect(143);
    // Those that were on their way, and as many again while the signal was.
    assert!(sim.queries().len() <= 6, "{} were started", sim.queries().len());
    assert_eq!(sim.running_queries().len(), 0);
    assert_eq!(outcome.ledger()["warnings"], json!([]));
}

/// Stopped when a limit was passed, and AWS did not let it: at the end of the run it is tried once more, and named.
#[test]
fn a_query_that_could_not_be_stopped_during_the_run_is_named_at_its_end() {
    for (denials, left) in [(1, 0), (100, 1)] {
        let mut estate = estate(2);
        estate.athena().rule(QueryRule::any().account(&member(1)).run(HOUR));
        let sim = start(estate);
        let denied = Fault::on("athena:StopQueryExecution").first(denials);
        sim.faults().add(denied.error(400, "AccessDeniedException", "not you"));
        let outcome = run(&sim, 2).params(json!({"timeout": 2})).expect(3);
        assert_eq!(slice(&outcome, 1)["outcome"], "timed-out");
        assert_eq!(sim.running_queries().len(), left);
        let warnings = outcome.ledger()["warnings"].as_array().cloned().unwrap();
        assert_eq!(warnings.len(), left, "{warnings:?}");
        if left == 1 {
            let id = &ids(&sim, 1)[0];
            assert!(warnings[0].as_str().unwrap().contains(id), "{warnings:?}");
            outcome.says(&[&format!(
                "query {id} of account {} in {FRANKFURT} may still be running",
                member(1)
            )]);
        }
    }
}

#[test]
fn a_query_that_may_not_be_stopped_is_named() {
    let mut estate = estate(2);
    estate.athena().rule(QueryRule::any().run(HOUR));
    let sim = start(estate);
    let denied = Fault::on("athena:StopQueryExecution").account(&member(1));
    sim.faults().add(denied.error(400, "AccessDeniedException", "not you"));
    let outcome = run(&sim, 2)
        .start()
        .wait_for(|sim| sim.running_queries().len() == 2 && sim.count("athena:GetQueryExecution") >= 2)
        .signal("TERM")
        .finish();
    let id = &ids(&sim, 1)[0];
    outcome
        .expect(143)
        .says(&[id, "could not be stopped and may still be running"]);
    assert_eq!(queries(&outcome, 1)[0]["stopped"], json!(false));
    assert_stopped(&sim, &outcome, 2);
    assert_eq!(sim.running_queries().len(), 1);
}

#[test]
fn the_timeout_stops_a_query_at_every_stage() {
    let mut estate = estate(5);
    let at_once = |number| QueryRule::any().account(&member(number)).run(std::time::Duration::ZERO);
    estate
        .athena()
        .canned_in(&member(4), QUERY, wide(2_000_000))
        .rule(QueryRule::any().run(HOUR))
        .rule(QueryRule::any().account(&member(1)).queue(HOUR))
        .rule(at_once(4))
        .rule(at_once(5));
    let sim = start(estate);
    sim.faults().add(slow_start(3));
    sim.faults().add(slow_result(4));
    // The fifth must be done within it, on a busy machine too.
    let outcome = run(&sim, 5).params(json!({"timeout": 6})).expect(3);
    assert_eq!(sim.running_queries().len(), 0);
    assert_whole(&outcome, [5]);
    for number in 1..=4 {
        let slice = slice(&outcome, number);
        assert_eq!(slice["outcome"], "timed-out", "{slice}");
        let cause = &slice["cause"];
        let said = cause["message"].as_str().unwrap();
        assert!(said.starts_with("not done after 6 s"), "{said}");
        assert!(cause["hint"].as_str().unwrap().contains("raise timeout"), "{cause}");
        if number == 4 {
            assert!(said.contains("its rows were being fetched"), "{said}");
        } else {
            let id = &ids(&sim, number)[0];
            assert!(said.contains(&format!("query {id} was stopped")), "{said}");
            assert_stopped(&sim, &outcome, number);
        }
    }
    assert_eq!(outcome.rows().len(), 2, "nothing of what was cut short");
    assert_eq!(outcome.leftovers(), [""; 0]);
}

/// The account may have no more queries than one, and somebody else has it.
#[test]
fn the_timeout_ends_the_wait_for_a_place() {
    let mut estate = estate(1);
    estate.athena().active_limit(Some(0));
    let sim = start_still(estate);
    let outcome = run(&sim, 1).params(json!({"timeout": 600})).by_events().inside();
    outcome.expect(4);
    assert_eq!(sim.queries().len(), 0);
}

#[test]
fn a_statement_that_fails_stops_those_beside_it() {
    let mut estate = estate(2);
    let one = || Canned::new(&[("n", "bigint")]).row(&[Some("1")]);
    estate
        .athena()
        .canned("select 1", one())
        .canned("select 2", one())
        .canned("select 3", one())
        .rule(QueryRule::any().account(&member(1)).run(HOUR))
        .rule(
            QueryRule::any()
                .account(&member(1))
                .containing("select 2")
                .run(std::time::Duration::ZERO)
                .fail(QueryError::user(
                    1002,
                    "TABLE_NOT_FOUND: line 1:15: Table 'a.b.c' does not exist",
                )),
        );
    let sim = start(estate);
    sim.faults().add(slow_start(1));
    let outcome = run(&sim, 2)
        .params(json!({"query": "select 1; select 2; select 3"}))
        .output("rows-{statement}.json")
        .expect(3);
    assert_eq!(sim.running_queries().len(), 0);
    let states: Vec<_> = sim
        .queries()
        .into_iter()
        .filter(|query| query.account == member(1))
        .map(|query| (query.text, query.state))
        .collect();
    for (text, state) in &states {
        let expected = if text == "select 2" {
            QueryState::Failed
        } else {
            QueryState::Cancelled
        };
        assert_eq!(*state, expected, "{text}");
    }
    let slice = slice(&outcome, 1);
    assert!(
        slice["cause"]["message"].as_str().unwrap().contains("TABLE_NOT_FOUND"),
        "{slice}"
    );
    assert_eq!(self::slice(&outcome, 2)["outcome"], "complete");
}
