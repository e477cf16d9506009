//! A query is started once, whatever becomes of the answer.

use std::collections::BTreeSet;

use aws_sim::{Action, Canned, Fault, Sim};
use serde_json::json;

use crate::fleet::*;
use crate::harness::{Outcome, start};

/// Of all calls that start something.
fn tokens(sim: &Sim) -> Vec<String> {
    let calls = sim.calls_of("athena:StartQueryExecution");
    calls
        .iter()
        .map(|call| call.parameter("ClientRequestToken").unwrap().to_owned())
        .collect()
}

/// The query ran once, under one token, and all its rows are there.
fn assert_ran_once(sim: &Sim, outcome: &Outcome, starts: usize) {
    assert_whole(outcome, [1]);
    assert_eq!(sim.queries().len(), 1, "{:?}", sim.queries());
    let tokens = tokens(sim);
    assert_eq!(tokens.len(), starts);
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), 1, "{tokens:?}");
    let told = queries(outcome, 1);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["id"], json!(ids(sim, 1)[0]));
}

#[test]
fn an_answer_that_is_lost_does_not_run_the_query_twice() {
    let starts = || Fault::on("athena:StartQueryExecution");
    let gateway = "<html><body>Bad Gateway</body></html>".to_owned();
    let gateway = Action::Body {
        status: 502,
        content_type: "text/html",
        body: gateway,
    };
    for (faults, calls) in [
        (vec![starts().first(1).then(Action::LoseAnswer)], 2),
        (vec![starts().first(3).then(Action::LoseAnswer)], 4),
        (vec![starts().first(1).then(Action::Reset)], 2),
        (vec![starts().first(1).then(Action::Truncate)], 2),
        (vec![starts().first(1).error(500, "InternalServerException", "")], 2),
        (
            vec![
                starts().first(1).then(Action::Reset),
                starts().first(1).then(Action::LoseAnswer),
                starts().first(1).then(Action::Throttle),
                starts().first(1).then(gateway),
                starts().first(1).then(Action::LoseAnswer),
            ],
            6,
        ),
    ] {
        let sim = start(estate(1));
        let told = format!("{faults:?}");
        for fault in faults {
            sim.faults().add(fault);
        }
        let outcome = run(&sim, 1).inside();
        outcome.expect(0);
        assert_ran_once(&sim, &outcome, calls);
        assert_eq!(slice(&outcome, 1)["retries"], calls - 1, "{told}");
    }
}

#[test]
fn the_program_itself_survives_a_lost_answer() {
    let sim = start(estate(1));
    sim.faults().add(
        Fault::on("athena:StartQueryExecution")
            .first(1)
            .then(Action::LoseAnswer),
    );
    let outcome = run(&sim, 1).expect(0);
    assert_ran_once(&sim, &outcome, 2);
}

#[test]
fn a_write_whose_answer_is_lost_is_not_done_twice() {
    let insert = "insert into t select * from files";
    let mut estate = estate(1);
    estate.athena().canned(insert, Canned::update_count(3));
    let sim = start(estate);
    sim.faults().add(
        Fault::on("athena:StartQueryExecution")
            .first(2)
            .then(Action::LoseAnswer),
    );
    let outcome = run(&sim, 1).params(json!({"query": insert})).inside();
    outcome.expect(0);
    assert_eq!(sim.queries().len(), 1);
    assert_eq!(queries(&outcome, 1)[0]["update_count"], 3);
}

/// A token that stayed the same from run to run would show the old result again.
#[test]
fn each_run_slice_and_statement_has_a_token_of_its_own() {
    let mut estate = estate(2);
    estate
        .athena()
        .canned("select 1", Canned::new(&[("n", "bigint")]).row(&[Some("1")]));
    let sim = start(estate);
    for _ in 0..2 {
        let run = run(&sim, 2).params(json!({
            "query": "select 1; select 1",
            "regions": [FRANKFURT, "us-east-1"],
        }));
        run.output("rows-{statement}.json").inside().expect(0);
    }
    let tokens = tokens(&sim);
    assert_eq!(tokens.len(), 2 * 2 * 2 * 2);
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), tokens.len(), "{tokens:?}");
    assert_eq!(sim.queries().len(), tokens.len());
    // https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
    assert!(tokens.iter().all(|token| (32..=128).contains(&token.len())));
}

/// AWS has taken the query, and all tries to hear so have failed.
#[test]
fn a_start_that_stays_unanswered_says_what_may_be_running() {
    let sim = start(estate(2));
    sim.faults().add(
        Fault::on("athena:StartQueryExecution")
            .account(&member(1))
            .then(Action::LoseAnswer),
    );
    let outcome = run(&sim, 2).inside();
    outcome.expect(3);
    assert_whole(&outcome, [2]);
    let slice = slice(&outcome, 1);
    assert_eq!(slice["outcome"], "unreachable", "{slice}");
    assert_eq!(slice["cause"]["operation"], "StartQueryExecution");
    let account = member(1);
    let query = sim
        .queries()
        .into_iter()
        .find(|query| query.account == account)
        .unwrap();
    let hint = slice["cause"]["hint"].as_str().unwrap();
    assert!(hint.contains(&query.token), "{hint}");
}
