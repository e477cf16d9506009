//! Queries are found soon after they have ended, and yet asked for seldom.

use std::time::{Duration, SystemTime};

use aws_sim::{Call, Canned, QueryRule, Sim};
use serde_json::{Value as Json, json};

use crate::fleet::*;
use crate::harness::{some, start_still};

const SECOND: Duration = Duration::from_secs(1);

/// Calls that ask for the state of queries.
fn polls(sim: &Sim) -> Vec<Call> {
    let mut polls = sim.calls_of("athena:GetQueryExecution");
    polls.extend(sim.calls_of("athena:BatchGetQueryExecution"));
    polls
}

fn passed(sim: &Sim, start: SystemTime) -> Duration {
    sim.clock().now().duration_since(start).unwrap()
}

/// Who asks at once and then each second asks six times for a query of five seconds: 240 times for forty. One call for
/// each is the least, as they are in forty accounts.
#[test]
fn forty_accounts_cost_little_more_than_one_call_each_and_no_more_time_than_one() {
    let mut estate = estate(40);
    estate.athena().rule(QueryRule::any().run(5 * SECOND));
    let sim = start_still(estate);
    let start = sim.clock().now();
    let outcome = run(&sim, 40).by_events().inside();
    outcome.expect(0);
    assert_whole(&outcome, 1..=40);
    let lasted = passed(&sim, start);
    assert!(lasted < 6 * SECOND, "{lasted:?}");
    let calls = polls(&sim).len();
    assert!(calls <= 240 / 5, "{calls} calls");
}

/// Some take a little longer than the one that was asked often.
#[test]
fn queries_that_take_about_as_long_cost_one_call_each() {
    let mut estate = estate(30);
    estate.athena().rule(QueryRule::any().run(20 * SECOND));
    for number in 1..=30 {
        let run = 20 * SECOND + Duration::from_millis(30 * number as u64);
        estate.athena().rule(QueryRule::any().account(&member(number)).run(run));
    }
    let sim = start_still(estate);
    let start = sim.clock().now();
    let outcome = run(&sim, 30).by_events().inside();
    outcome.expect(0);
    assert_whole(&outcome, 1..=30);
    let lasted = passed(&sim, start);
    assert!(lasted <= 23 * SECOND, "{lasted:?}");
    // Who waits for the scout asks once by itself after ten seconds.
    let calls = polls(&sim).len();
    assert!(calls <= 30 * 21 / 5, "{calls} calls");
}

#[test]
fn statements_side_by_side_share_their_calls() {
    let mut estate = estate(1);
    let athena = estate.athena().aws_quotas();
    athena.rule(QueryRule::any().run(5 * SECOND));
    let texts: Vec<String> = (0..60).map(|number| format!("select {number} as n")).collect();
    for (number, text) in texts.iter().enumerate() {
        let number = number.to_string();
        athena.canned(text, Canned::new(&[("n", "bigint")]).row(&[Some(&number)]));
    }
    let sim = start_still(estate);
    let start = sim.clock().now();
    let outcome = run(&sim, 1)
        .params(json!({"query": texts.join(";"), "max_active_queries": 60}))
        .output("rows-{statement}.json")
        .by_events()
        .inside();
    outcome.expect(0);
    assert_eq!(slice(&outcome, 1)["rows"], 60);
    let lasted = passed(&sim, start);
    assert!(lasted < 7 * SECOND, "{lasted:?}");
    assert_eq!(sim.count("athena:GetQueryExecution"), 0);
    let batches = sim.calls_of("athena:BatchGetQueryExecution");
    let sizes: Vec<usize> = batches
        .iter()
        .map(|call| {
            let ids: Json = serde_json::from_str(call.parameter("QueryExecutionIds").unwrap()).unwrap();
            ids.as_array().unwrap().len()
        })
        .collect();
    assert!(
        some(sizes.clone()).iter().all(|size| (1..=50).contains(size)),
        "{sizes:?}"
    );
    // Two calls tell of all sixty.
    assert!(sizes.len() <= 14, "{} calls", sizes.len());
    assert!(
        sim.calls().iter().all(|call| call.status == 200),
        "nobody was throttled"
    );
}

/// One of two batches fails each time: what it would have told is asked for again, and nothing is lost.
#[test]
fn a_batch_that_fails_is_asked_for_again() {
    let mut estate = estate(1);
    estate
        .athena()
        .rule(QueryRule::any().run(30 * SECOND))
        .canned("select 1", Canned::new(&[("n", "bigint")]).row(&[Some("1")]))
        .canned("select 2", Canned::new(&[("n", "bigint")]).row(&[Some("2")]));
    let sim = start_still(estate);
    let fault = aws_sim::Fault::on("athena:BatchGetQueryExecution").every(2);
    let fault = fault.error(400, "InvalidRequestException", "not now");
    sim.faults().add(fault);
    let outcome = run(&sim, 1)
        .params(json!({"query": "select 1; select 2"}))
        .output("rows-{statement}.json")
        .by_events()
        .inside();
    outcome.expect(0);
    assert_eq!(slice(&outcome, 1)["rows"], 2);
}

/// A state that cannot be learned at all ends the slice, and the query with it.
#[test]
fn a_query_whose_state_stays_unknown_is_stopped() {
    let mut estate = estate(2);
    estate.athena().rule(QueryRule::any().run(HOUR));
    let sim = start_still(estate);
    let fault = aws_sim::Fault::on("athena:GetQueryExecution").account(&member(1));
    sim.faults()
        .add(fault.error(400, "AccessDeniedException", "you may not look"));
    let outcome = run(&sim, 2).by_events().inside();
    outcome.expect(3);
    assert_whole(&outcome, [2]);
    let slice = slice(&outcome, 1);
    assert_eq!(slice["outcome"], "denied", "{slice}");
    assert_eq!(slice["cause"]["message"], "you may not look");
    assert_eq!(sim.count("athena:StopQueryExecution"), 1);
    assert_eq!(sim.running_queries().len(), 0);
}

#[test]
fn the_pauses_grow_from_a_tenth_of_a_second_to_seconds() {
    let mut estate = estate(1);
    estate.athena().rule(QueryRule::any().run(60 * SECOND));
    let sim = start_still(estate);
    run(&sim, 1).by_events().inside().expect(0);
    let started = sim.calls_of("athena:StartQueryExecution")[0].at;
    let times = polls(&sim);
    let times = times.iter().map(|call| call.at.duration_since(started).unwrap());
    let times: Vec<Duration> = std::iter::once(Duration::ZERO).chain(times).collect();
    let pauses: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses[0], Duration::from_millis(100));
    assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]), "{pauses:?}");
    assert_eq!(pauses[pauses.len() - 1], 2 * SECOND);
    assert!(pauses.len() <= 36, "{} calls in a minute", pauses.len());
}

/// In whichever order: the short ones first, the long ones first, and one after the other.
#[test]
fn queries_of_very_different_lengths_are_found_in_time_that_fits_each() {
    let lengths = [0.3, 1.0, 5.0, 30.0, 120.0, 900.0, 7200.0];
    for turned in [false, true] {
        let mut estate = estate(lengths.len());
        let mut lengths = lengths;
        if turned {
            lengths.reverse();
        }
        for (at, length) in lengths.iter().enumerate() {
            let rule = QueryRule::any().account(&member(at + 1));
            estate.athena().rule(rule.run(Duration::from_secs_f64(*length)));
        }
        let sim = start_still(estate);
        let outcome = run(&sim, lengths.len()).by_events().inside();
        outcome.expect(0);
        for (at, length) in lengths.iter().enumerate() {
            let number = at + 1;
            let found = slice(&outcome, number)["duration_seconds"].as_f64().unwrap();
            let late = found - length;
            // At most a quarter, half a minute of a long one; who waits for others that take longer: ten seconds.
            let most = (length / 4.0).clamp(10.0, 31.0);
            assert!((0.0..=most).contains(&late), "{length} s: found after {found} s");
            let account = member(number);
            let calls = polls(&sim);
            let calls = calls.iter().filter(|call| call.account.as_ref() == Some(&account));
            let calls = calls.count() as f64;
            assert!(calls <= 18.0 + length / 6.0, "{length} s: {calls} calls");
        }
    }
}
