//! Queries that fail, wait for a place, or scan too much: what is started again and what never is, and what is said.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sim::{Canned, Estate, QueryError, QueryRule, QueryState, Sim, Table};
use serde_json::{Value as Json, json};

use crate::harness::*;
use crate::reading::fetched;
use crate::world::*;

const INSERT: &str = "insert into log select 1";

fn estate_with(rule: QueryRule) -> Estate {
    let mut estate = estate();
    estate
        .athena()
        .table(Table::new("log").column("n", "integer"))
        .canned("select n", Canned::new(&[("n", "bigint")]).row(&[Some("1")]))
        .prepared_statement("primary", "p", "select 1 as n")
        .rule(rule);
    estate
}

/// On a clock that moves from one event to the next.
fn by_events(sim: &Sim, query: &str, params: Json) -> Outcome {
    let run = run(sim, query).params(params);
    let run = if query.is_empty() { run.without("query") } else { run };
    run.by_events().inside()
}

/// What cannot be done twice is started again, up to three times; what writes only where its commit was lost.
#[test]
fn what_is_started_again_and_how_often() {
    let internal = || QueryError::retryable(401, "GENERIC_INTERNAL_ERROR: Error opening Hive split");
    let named = |message: &str| QueryError::user(1000, message);
    let lost = QueryError::iceberg_commit;
    let none = json!({});
    for (query, params, error, failing, starts) in [
        ("select n", none.clone(), internal(), 1, 2),
        ("select n", none.clone(), internal(), 2, 3),
        ("select n", none.clone(), internal(), 3, 3),
        ("select n", none.clone(), QueryError::exhausted(), 1, 2),
        ("select n", json!({"fetch": "unload"}), internal(), 2, 3),
        ("show tables", none.clone(), internal(), 2, 3),
        // FAILED without a word of trying again is final.
        (
            "select n",
            none.clone(),
            named("TABLE_NOT_FOUND: line 1:15: Table 'a.b.c' does not exist"),
            1,
            1,
        ),
        (INSERT, none.clone(), internal(), 1, 1),
        (INSERT, none.clone(), QueryError::exhausted(), 1, 1),
        (INSERT, none.clone(), lost(), 1, 2),
        (INSERT, none.clone(), lost(), 2, 3),
        (INSERT, none.clone(), lost(), 3, 3),
        ("create table x as select 1 as a", none.clone(), internal(), 1, 1),
        // Nobody knows what it does.
        ("", json!({"prepared_statement": "p"}), internal(), 1, 1),
    ] {
        let sim = start_still(estate_with(QueryRule::any().fail_first(failing, error.clone())));
        let outcome = by_events(&sim, query, params);
        let succeeds = failing < starts;
        outcome.expect(if succeeds { 0 } else { 4 });
        let queries = sim.queries();
        assert_eq!(queries.len(), starts as usize, "{query}: {} {failing}", error.message);
        let tokens: BTreeSet<_> = queries.iter().map(|query| query.token.clone()).collect();
        assert_eq!(tokens.len(), queries.len(), "a token would show the failure again");
        let texts: BTreeSet<_> = queries.iter().map(|query| query.text.clone()).collect();
        let unloads = texts.iter().any(|text| text.starts_with("UNLOAD"));
        assert_eq!(
            texts.len(),
            if unloads { queries.len() } else { 1 },
            "each UNLOAD has a target of its own"
        );
        // All starts stand in the ledger.
        let told = self::queries(&outcome);
        let ids: Vec<_> = told.iter().map(|query| query["id"].as_str().unwrap()).collect();
        assert_eq!(ids, queries.iter().map(|query| query.id.as_str()).collect::<Vec<_>>());
        let failed = told.iter().filter(|query| query["state"] == "FAILED").count();
        assert_eq!(failed, failing.min(starts) as usize);
        if !succeeds {
            assert!(cause(&outcome).0.contains(&error.message), "{:?}", cause(&outcome));
        }
    }
}

/// A write that lost its commit wrote nothing: its rows are there once.
#[test]
fn a_write_that_is_started_again_writes_once() {
    let rule = QueryRule::any()
        .containing("insert")
        .fail_first(2, QueryError::iceberg_commit());
    let sim = start_still(estate_with(rule));
    let outcome = by_events(&sim, &format!("{INSERT}; select count(*) as n from log"), json!({}));
    outcome.expect(0);
    assert_eq!(outcome.rows()[0]["n"], 1);
    assert_eq!(sim.queries().len(), 4);
}

/// As many queries are active as the account may have: those that find no place wait for one, under the same token.
#[test]
fn queries_wait_for_a_place() {
    // Longer than the tries of one call.
    const SECONDS: u64 = 250;
    let mut estate = estate_with(QueryRule::any().run(Duration::from_secs(SECONDS)));
    estate.athena().active_limit(Some(1));
    let sim = start_still(estate);
    let query = "select 1 as n; select 2 as n; select 3 as n";
    let outcome = run(&sim, query).output("rows-{statement}.json").by_events().inside();
    outcome.expect(0);
    assert_eq!(slice(&outcome)["rows"], 3);
    let mut starts: Vec<_> = sim.queries().into_iter().map(|query| query.started).collect();
    starts.sort();
    for pair in starts.windows(2) {
        let apart = pair[1].duration_since(pair[0]).unwrap().as_secs();
        assert!((SECONDS..SECONDS + 60).contains(&apart), "{apart} s");
    }
    let calls = sim.calls_of("athena:StartQueryExecution");
    let refused = calls
        .iter()
        .filter(|call| call.error.as_deref() == Some("TooManyRequestsException"));
    assert!(refused.count() >= 2);
    let tokens: BTreeSet<_> = calls
        .iter()
        .map(|call| call.parameter("ClientRequestToken").unwrap())
        .collect();
    assert_eq!(tokens.len(), 3);
    assert_eq!(outcome.ledger()["totals"]["queries"], 3);
}

/// No more than it says are ever active in an account and region, and no fewer where there is work.
#[test]
fn max_active_queries_holds() {
    let query: String = (1..=7).map(|n| format!("select {n} as n; ")).collect();
    for (most, limit, refused) in [(3, 3, false), (3, 2, true), (1, 1, false), (2, 1, true), (7, 7, false)] {
        let mut estate = estate_with(QueryRule::any().run(Duration::from_secs(4)));
        estate.athena().active_limit(Some(limit));
        let sim = start_still(estate);
        let run = run(&sim, &query).output("rows-{statement}.json");
        let outcome = run.params(json!({"max_active_queries": most})).by_events().inside();
        outcome.expect(0);
        assert_eq!(sim.queries().len(), 7);
        let calls = sim.calls_of("athena:StartQueryExecution");
        assert_eq!(
            calls.iter().any(|call| call.error.is_some()),
            refused,
            "{most} where {limit} may be"
        );
    }
}

#[test]
fn a_query_that_scans_too_much_is_stopped_and_its_cost_told() {
    const GIB: u64 = 1 << 30;
    let sim = start_still(estate_with(
        QueryRule::any().run(Duration::from_secs(100)).scanned(10 * GIB),
    ));
    let outcome = by_events(
        &sim,
        "select n",
        json!({"max_scanned_bytes": GIB, "price_per_tb": 1024}),
    );
    outcome.expect(4);
    assert_eq!(slice(&outcome)["outcome"], "failed");
    assert_eq!(sim.queries()[0].state, QueryState::Cancelled);
    assert_eq!(sim.count("athena:StopQueryExecution"), 1);
    let query = &queries(&outcome)[0];
    assert_eq!(
        (&query["state"], &query["stopped"]),
        (&json!("CANCELLED"), &json!(true))
    );
    // It scans 10 GiB in 100 s, and is looked at every two seconds.
    let scanned = query["scanned_bytes"].as_u64().unwrap();
    assert!((GIB..GIB + GIB / 2).contains(&scanned), "{scanned}");
    // At a dollar for a gibibyte.
    let cost = query["cost"].as_f64().unwrap();
    assert!((cost - scanned as f64 / GIB as f64).abs() < 0.01, "{cost}");
    assert_eq!(outcome.ledger()["totals"]["cost"], query["cost"]);
    let (message, hint) = cause(&outcome);
    assert!(
        message.contains("was stopped: it had scanned") && message.contains("may scan 1073741824"),
        "{message}"
    );
    assert!(hint.contains("what was scanned is billed"), "{hint}");
    // One that ends below the limit is left alone.
    let sim = start_still(estate_with(QueryRule::any().run(Duration::from_secs(10)).scanned(GIB)));
    by_events(&sim, "select n", json!({"max_scanned_bytes": GIB})).expect(0);
    assert_eq!(sim.count("athena:StopQueryExecution"), 0);
}

/// AWS's own words, and what to do about them.
#[test]
fn reasons_of_failures_have_outcomes_and_hints() {
    for (reason, outcome, code, advice) in [
        (
            "TABLE_NOT_FOUND: line 1:15: Table 'a.b.c' does not exist",
            "failed",
            "TABLE_NOT_FOUND",
            "check database and catalog",
        ),
        (
            "SCHEMA_NOT_FOUND: line 1:15: Schema 'b' does not exist",
            "failed",
            "SCHEMA_NOT_FOUND",
            "check database and catalog",
        ),
        (
            "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved",
            "failed",
            "COLUMN_NOT_FOUND",
            "compare with DESCRIBE",
        ),
        (
            "SYNTAX_ERROR: line 1:8: mismatched input",
            "failed",
            "SYNTAX_ERROR",
            "line and column",
        ),
        (
            "HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists",
            "failed",
            "HIVE_PATH_ALREADY_EXISTS",
            "an empty prefix",
        ),
        (
            "EXCEEDED_LOCAL_MEMORY_LIMIT: Query exceeded per-node memory limit",
            "failed",
            "EXCEEDED_LOCAL_MEMORY_LIMIT",
            "fewer columns",
        ),
        (
            "Query exhausted resources at this scale factor",
            "failed",
            "",
            "filter by partition",
        ),
        (
            "Access denied when writing output to url: s3://b/k.csv",
            "denied",
            "",
            "s3:PutObject on the bucket of output_location",
        ),
        (
            "PERMISSION_DENIED: Access Denied (Service: Amazon S3; Status Code: 403)",
            "denied",
            "PERMISSION_DENIED",
            "s3:GetObject and s3:ListBucket",
        ),
        (
            "Insufficient Lake Formation permission(s) on orders",
            "denied",
            "",
            "Lake Formation",
        ),
        (
            "HIVE_CURSOR_ERROR: Please reduce your request rate. (Error Code: SlowDown)",
            "throttled",
            "HIVE_CURSOR_ERROR",
            "",
        ),
        (
            "GENERIC_INTERNAL_ERROR: nobody knows",
            "failed",
            "GENERIC_INTERNAL_ERROR",
            "",
        ),
    ] {
        let sim = start(estate_with(QueryRule::any().fail(QueryError::user(1, reason))));
        let run = run(&sim, "select n").inside();
        run.expect(4);
        let slice = slice(&run);
        assert_eq!(slice["outcome"], outcome, "{reason}");
        assert_eq!(slice["cause"]["code"].as_str().unwrap_or_default(), code, "{reason}");
        let (message, hint) = cause(&run);
        assert!(message.ends_with(reason), "{message}");
        assert!(message.contains(&sim.queries()[0].id), "{message}");
        assert!(
            hint.contains(advice) && hint.is_empty() == advice.is_empty(),
            "{reason}: {hint}"
        );
        assert_eq!(queries(&run)[0]["reason"], reason);
    }
}

/// What AWS does not even take has hints too: a table to describe that is not there, a text that is no statement.
#[test]
fn what_is_not_taken_has_a_hint() {
    let sim = start(estate_with(QueryRule::any()));
    for (query, params, words, advice) in [
        (
            "describe nothing",
            json!({}),
            "Entity Not Found",
            "check database and catalog",
        ),
        (
            "show columns in nothing",
            json!({}),
            "Entity Not Found",
            "check database and catalog",
        ),
        (
            "describe log",
            json!({"database": "elsewhere"}),
            "Entity Not Found",
            "check database and catalog",
        ),
        (
            "select n form log x",
            json!({}),
            "line 1:15: mismatched input",
            "line and column",
        ),
        (
            "select n",
            json!({"output_location": "s3://nowhere/"}),
            "Unable to verify/create output bucket nowhere",
            "s3:GetBucketLocation",
        ),
    ] {
        let outcome = run(&sim, query).params(params).inside();
        outcome.expect(4);
        let slice = slice(&outcome);
        assert_eq!(slice["outcome"], "failed", "{query}");
        assert_eq!(slice["cause"]["operation"], "StartQueryExecution", "{query}");
        let (message, hint) = cause(&outcome);
        assert!(message.contains(words), "{query}: {message}");
        assert!(hint.contains(advice), "{query}: {hint}");
    }
    assert_eq!(sim.queries().len(), 0);
    // Those that AWS takes, and that fail then.
    for query in [
        "show create table nothing",
        "show tables in nothing",
        "select n from nothing",
    ] {
        let outcome = run(&sim, query).inside();
        outcome.expect(4);
        let (_, hint) = cause(&outcome);
        assert!(hint.contains("check database and catalog"), "{query}: {hint}");
    }
    fetched(run(&sim, "describe log"), "auto");
}
