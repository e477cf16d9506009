//! States, statistics, stopping, failures.

use std::time::Duration;

use aws_sim::{Canned, QueryError, QueryRule, QueryState};
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_query_goes_by_the_clock() {
    let (mut estate, keys) = estate();
    let slow = QueryRule::any()
        .queue(Duration::from_secs(2))
        .run(Duration::from_secs(10))
        .scanned(1_000_000);
    estate.athena().table(orders()).rule(slow);
    let sim = started(estate).await;
    let id = start(&sim, &keys, "select count(*) as n from orders;");
    let queued = execution(&sim, &keys, &id);
    assert_eq!(
        (state(&queued), &queued["Statistics"]["DataScannedInBytes"]),
        ("QUEUED", &json!(0))
    );
    assert_eq!(queued["Status"]["SubmissionDateTime"], json!(1_800_000_000.0));
    assert!(queued["Status"].get("CompletionDateTime").is_none());
    let reply = ask(&sim, &keys, "GetQueryResults", &json!({"QueryExecutionId": id}));
    assert_eq!(reply.error().2, "Query has not yet finished. Current state: QUEUED");
    sim.clock().advance(Duration::from_millis(7_000));
    let running = execution(&sim, &keys, &id);
    assert_eq!(
        (state(&running), &running["Statistics"]["DataScannedInBytes"]),
        ("RUNNING", &json!(500_000))
    );
    assert_eq!(running["Statistics"]["QueryQueueTimeInMillis"], 2_000);
    assert!(sim.object("results", &format!("out/{id}.csv")).is_none());
    assert_eq!(sim.running_queries().len(), 1);
    sim.clock().advance(Duration::from_millis(5_500));
    let done = execution(&sim, &keys, &id);
    assert_eq!(state(&done), "SUCCEEDED");
    assert_eq!(done["Status"]["CompletionDateTime"], json!(1_800_000_012.0));
    let statistics = &done["Statistics"];
    assert_eq!(statistics["TotalExecutionTimeInMillis"], 12_000);
    assert_eq!(statistics["DataScannedInBytes"], 1_000_000);
    let part = |name: &str| statistics[name].as_u64().unwrap();
    assert_eq!(
        part("QueryQueueTimeInMillis") + part("EngineExecutionTimeInMillis") + part("ServiceProcessingTimeInMillis"),
        12_000
    );
    assert!(part("QueryPlanningTimeInMillis") > 0);
    assert_eq!(statistics["ResultReuseInformation"]["ReusedPreviousResult"], false);
    assert_eq!(
        (&done["Query"], &done["StatementType"], &done["SubstatementType"]),
        (
            &json!("select count(*) as n from orders"),
            &json!("DML"),
            &json!("SELECT")
        )
    );
    assert_eq!(
        done["ResultConfiguration"]["OutputLocation"],
        format!("{OUTPUT}{id}.csv")
    );
    assert_eq!(
        (&done["WorkGroup"], &done["EngineVersion"]["EffectiveEngineVersion"]),
        (&json!("primary"), &json!("Athena engine version 3"))
    );
    assert_eq!(object(&sim, &format!("{OUTPUT}{id}.csv")), "\"n\"\n\"3\"\n");
    let view = &sim.queries()[0];
    assert_eq!(
        (view.state, view.token.as_str(), view.account.as_str()),
        (
            QueryState::Succeeded,
            token("select count(*) as n from orders;").as_str(),
            MANAGEMENT
        )
    );
}

#[tokio::test]
async fn stopping_cancels_at_once_and_only_what_runs() {
    let (mut estate, keys) = estate();
    estate
        .athena()
        .table(orders())
        .rule(QueryRule::any().containing("INSERT").run(Duration::from_secs(10)));
    let sim = started(estate).await;
    let id = start(&sim, &keys, "insert into orders (id) values (4)");
    sim.clock().advance(Duration::from_secs(5));
    assert_eq!(
        ask(&sim, &keys, "StopQueryExecution", &json!({"QueryExecutionId": id})).status,
        200
    );
    let stopped = execution(&sim, &keys, &id);
    assert_eq!(
        (state(&stopped), &stopped["Status"]["StateChangeReason"]),
        ("CANCELLED", &json!("Query cancelled by user"))
    );
    sim.clock().advance(Duration::from_secs(50));
    assert_eq!(
        ask(&sim, &keys, "StopQueryExecution", &json!({"QueryExecutionId": id})).status,
        200
    );
    assert_eq!(execution(&sim, &keys, &id), stopped);
    let results = ask(&sim, &keys, "GetQueryResults", &json!({"QueryExecutionId": id}));
    assert_eq!(
        (results.error().2.as_str(), &results.json()["AthenaErrorCode"]),
        ("Could not find results", &json!("RESULT_NOT_FOUND"))
    );
    // What was stopped has written nothing.
    assert_eq!(csv(&sim, &keys, "select count(*) as n from orders"), "\"n\"\n\"3\"\n");
    assert_eq!(object_count(&sim, &id), 0);
    let unknown = ask(&sim, &keys, "StopQueryExecution", &json!({"QueryExecutionId": "x"}));
    assert_eq!(unknown.error().2, "QueryExecution x was not found");
}

fn object_count(sim: &Sim, id: &str) -> usize {
    sim.object_keys("results", "")
        .iter()
        .filter(|key| key.contains(id))
        .count()
}

#[tokio::test]
async fn many_at_once() {
    let (estate, keys) = estate();
    let sim = started(estate).await;
    let ids: Vec<String> = (0..3).map(|n| start(&sim, &keys, &format!("select {n}"))).collect();
    let mut asked = ids.clone();
    asked.push("gone".to_owned());
    let reply = ask(
        &sim,
        &keys,
        "BatchGetQueryExecution",
        &json!({"QueryExecutionIds": asked}),
    )
    .json();
    assert_eq!(reply["QueryExecutions"].as_array().unwrap().len(), 3);
    assert_eq!(reply["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"], "gone");
    for (count, bound) in [(0, "greater than or equal to 1"), (51, "less than or equal to 50")] {
        let reply = ask(
            &sim,
            &keys,
            "BatchGetQueryExecution",
            &json!({"QueryExecutionIds": vec!["x"; count]}),
        );
        assert!(reply.error().2.ends_with(bound), "{}", reply.body);
    }
    let listed = ask(&sim, &keys, "ListQueryExecutions", &json!({"MaxResults": 2})).json();
    assert_eq!(listed["QueryExecutionIds"], json!([ids[2], ids[1]]));
    assert!(listed["NextToken"].is_string());
    // Another account knows nothing of them.
    let analyst = client::assume(&sim, &keys, &format!("arn:aws:iam::{MEMBER}:role/analyst"));
    assert_eq!(
        ask(
            &sim,
            &analyst,
            "GetQueryExecution",
            &json!({"QueryExecutionId": ids[0]})
        )
        .code(),
        "InvalidRequestException"
    );
}

#[tokio::test]
async fn failures_of_the_estate_and_of_the_statement() {
    let (mut estate, keys) = estate();
    estate
        .athena()
        .rule(
            QueryRule::any()
                .containing("flaky")
                .fail_first(2, QueryError::exhausted()),
        )
        .rule(QueryRule::any().containing("lost").fail(QueryError::iceberg_commit()))
        .canned("select * from flaky", Canned::new(&[("n", "bigint")]).row(&[Some("1")]));
    let sim = started(estate).await;
    let again = |n: usize| {
        let input = json!({"QueryString": "select * from flaky", "ClientRequestToken": token(&n.to_string()), "ResultConfiguration": {"OutputLocation": OUTPUT}});
        let id = start_with(&sim, &keys, &input);
        execution(&sim, &keys, &id)["Status"].clone()
    };
    for n in 0..2 {
        assert_eq!(
            again(n)["AthenaError"],
            json!({"ErrorCategory": 1, "ErrorType": 1, "Retryable": true, "ErrorMessage": "Query exhausted resources at this scale factor"})
        );
    }
    assert_eq!(again(2)["State"], "SUCCEEDED");
    assert!(failure(&sim, &keys, "insert into lost select 1").starts_with("ICEBERG_COMMIT_ERROR: "));
    let id = start(&sim, &keys, "select * from nothing");
    let status = execution(&sim, &keys, &id)["Status"].clone();
    assert_eq!(
        status["StateChangeReason"],
        "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.default.nothing' does not exist"
    );
    assert_eq!(
        (
            &status["AthenaError"]["ErrorCategory"],
            &status["AthenaError"]["ErrorType"]
        ),
        (&json!(2), &json!(1301))
    );
    let reply = ask(&sim, &keys, "GetQueryResults", &json!({"QueryExecutionId": id}));
    assert_eq!(
        reply.error().2,
        "Query did not finish successfully. Final query state: FAILED"
    );
    assert_eq!(object_count(&sim, &id), 0);
}

#[tokio::test]
async fn a_result_is_written_with_the_callers_permission() {
    let (estate, keys) = estate();
    let sim = started(estate).await;
    let role = |name: &str| client::assume(&sim, &keys, &format!("arn:aws:iam::{MEMBER}:role/{name}"));
    let writeless = role("writeless");
    let reason = failure(&sim, &writeless, "select 1");
    assert!(
        reason.starts_with("Access denied when writing output to url: s3://results/out/"),
        "{reason}"
    );
    let readless = role("readless");
    let id = start(&sim, &readless, "select 1");
    assert_eq!(state(&execution(&sim, &readless, &id)), "SUCCEEDED");
    let reply = ask(&sim, &readless, "GetQueryResults", &json!({"QueryExecutionId": id}));
    assert_eq!(reply.code(), "AccessDeniedException");
    let owner = json!({"QueryString": "select 1", "ClientRequestToken": token("owner"), "ResultConfiguration": {"OutputLocation": OUTPUT, "ExpectedBucketOwner": MEMBER}});
    let id = start_with(&sim, &keys, &owner);
    assert_eq!(state(&execution(&sim, &keys, &id)), "FAILED");
}

#[tokio::test]
async fn a_result_is_shown_again() {
    let (mut estate, keys) = estate();
    estate
        .athena()
        .table(orders())
        .rule(QueryRule::any().run(Duration::from_secs(5)));
    let sim = started(estate).await;
    let input = |n: u32, minutes: u32| {
        json!({
            "QueryString": "select name from orders",
            "ClientRequestToken": token(&n.to_string()),
            "ResultConfiguration": {"OutputLocation": OUTPUT},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": true, "MaxAgeInMinutes": minutes}},
        })
    };
    let first = start_with(&sim, &keys, &input(1, 60));
    assert_eq!(state(&execution(&sim, &keys, &first)), "RUNNING");
    sim.clock().advance(Duration::from_secs(5 + 600));
    execution(&sim, &keys, &first);
    let again = start_with(&sim, &keys, &input(2, 10));
    let shown = execution(&sim, &keys, &again);
    assert_eq!(state(&shown), "SUCCEEDED");
    assert_eq!(
        (
            &shown["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"],
            &shown["Statistics"]["DataScannedInBytes"]
        ),
        (&json!(true), &json!(0))
    );
    assert_eq!(
        object(&sim, &format!("{OUTPUT}{again}.csv")),
        object(&sim, &format!("{OUTPUT}{first}.csv"))
    );
    sim.clock().advance(Duration::from_secs(1));
    let fresh = start_with(&sim, &keys, &input(3, 9));
    assert_eq!(state(&execution(&sim, &keys, &fresh)), "RUNNING");
}
