//! What is judged before a query is there.

use std::time::Duration;

use aws_sim::{QueryRule, Quota};
use serde_json::json;

use super::*;

fn error(sim: &Sim, keys: &Keys, change: impl Fn(&mut Value)) -> (String, String) {
    let mut input = json!({
        "QueryString": "select 1",
        "ClientRequestToken": token("t"),
        "ResultConfiguration": {"OutputLocation": OUTPUT},
    });
    change(&mut input);
    let reply = ask(sim, keys, "StartQueryExecution", &input);
    assert_eq!(reply.status, 400, "{}", reply.body);
    let (_, code, message) = reply.error();
    (code, message)
}

#[tokio::test]
async fn a_token_starts_a_query_once() {
    let (estate, keys) = estate();
    let sim = started(estate).await;
    let input = json!({
        "QueryString": "select 1",
        "ClientRequestToken": token("once"),
        "ResultConfiguration": {"OutputLocation": OUTPUT},
        "ExecutionParameters": ["1"],
    });
    let first = start_with(&sim, &keys, &input);
    let mut other = input.clone();
    // AWS does not compare these two.
    other["ExecutionParameters"] = json!(["2"]);
    other["WorkGroup"] = "primary".into();
    assert_eq!(start_with(&sim, &keys, &other), first);
    assert_eq!(sim.queries().len(), 1);
    assert_eq!(sim.count("athena:StartQueryExecution"), 2);
    for (member, value) in [
        ("QueryString", json!("select 2")),
        ("QueryExecutionContext", json!({"Database": "default"})),
        ("QueryExecutionContext", json!({"Catalog": "AwsDataCatalog"})),
        ("ResultConfiguration", json!({"OutputLocation": "s3://results/other/"})),
    ] {
        let mut other = input.clone();
        other[member] = value;
        let reply = ask(&sim, &keys, "StartQueryExecution", &other);
        assert_eq!(reply.error().2, "Idempotent parameters do not match", "{member}");
        assert_eq!(reply.json()["AthenaErrorCode"], "IDEMPOTENT_PARAMETER_MISMATCH");
    }
    // The same token in another region or account is another one.
    let analyst = client::assume(&sim, &keys, &format!("arn:aws:iam::{MEMBER}:role/analyst"));
    assert_ne!(start_with(&sim, &analyst, &input), first);
    let elsewhere = client::athena(&sim, &keys, "us-east-1", "StartQueryExecution", &input.to_string());
    assert_ne!(elsewhere.json()["QueryExecutionId"], first.as_str());
    assert_eq!(sim.queries().len(), 3);
}

#[tokio::test]
async fn lengths_and_forms() {
    let (estate, keys) = estate();
    let sim = started(estate).await;
    let cases = [
        ("ClientRequestToken", json!(null), "clientRequestToken is null or empty"),
        (
            "ClientRequestToken",
            json!("x".repeat(31)),
            "1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: Member must have length greater than or equal to 32",
        ),
        (
            "ClientRequestToken",
            json!("x".repeat(129)),
            "1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: Member must have length less than or equal to 128",
        ),
        (
            "ClientRequestToken",
            json!("é".repeat(65)),
            "clientRequestToken exceeds maximum allowed length 128",
        ),
        (
            "QueryString",
            json!(format!("select '{}'", "é".repeat(131_072))),
            "queryString exceeds maximum allowed length 262144",
        ),
        (
            "QueryString",
            json!("x".repeat(262_145)),
            "1 validation error detected: Value at 'queryString' failed to satisfy constraint: Member must have length less than or equal to 262144",
        ),
        (
            "QueryString",
            json!(null),
            "1 validation error detected: Value null at 'queryString' failed to satisfy constraint: Member must not be null",
        ),
        (
            "ResultConfiguration",
            json!({"OutputLocation": "results"}),
            "outputLocation is not a valid S3 path.",
        ),
        (
            "ResultConfiguration",
            json!({"OutputLocation": "s3://"}),
            "outputLocation is not a valid S3 path.",
        ),
        (
            "ResultConfiguration",
            json!({}),
            "No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.",
        ),
        (
            "ResultConfiguration",
            json!({"OutputLocation": "s3://nowhere/"}),
            "Unable to verify/create output bucket nowhere",
        ),
        ("WorkGroup", json!("none"), "WorkGroup is not found."),
    ];
    for (member, value, message) in cases {
        let found = error(&sim, &keys, |input| input[member] = value.clone());
        assert_eq!(
            found,
            ("InvalidRequestException".to_owned(), message.to_owned()),
            "{member}"
        );
    }
    let wrong_type = error(&sim, &keys, |input| input["QueryString"] = json!(1));
    assert_eq!(
        wrong_type,
        (
            "SerializationException".to_owned(),
            "NUMBER_VALUE can not be converted to a String".to_owned()
        )
    );
    assert!(sim.queries().is_empty());
    let at_most = format!("select '{}'", "x".repeat(262_144 - 9));
    start(&sim, &keys, &at_most);
}

#[tokio::test]
async fn a_text_that_is_no_statement_makes_no_query() {
    let (estate, keys) = estate();
    let sim = started(estate).await;
    for text in ["SELEC 1", "select 1 form t x", "select * from", "select 'a"] {
        let (code, message) = error(&sim, &keys, |input| input["QueryString"] = text.into());
        assert_eq!(code, "InvalidRequestException", "{text}: {message}");
    }
    let (_, message) = error(&sim, &keys, |input| input["QueryString"] = "SELEC 1".into());
    assert!(
        message.starts_with("line 1:1: mismatched input 'SELEC'. Expecting: 'ALTER', 'ANALYZE',"),
        "{message}"
    );
    let (_, message) = error(&sim, &keys, |input| input["QueryString"] = "describe nothing".into());
    assert!(message.starts_with("Entity Not Found"), "{message}");
    // The token is still free.
    assert!(sim.queries().is_empty());
    start_with(
        &sim,
        &keys,
        &json!({"QueryString": "select 1", "ClientRequestToken": token("t"), "ResultConfiguration": {"OutputLocation": OUTPUT}}),
    );
}

#[tokio::test]
async fn who_may_start_and_where() {
    let (estate, keys) = estate();
    let sim = started(estate).await;
    let blind = client::assume(&sim, &keys, &format!("arn:aws:iam::{MEMBER}:role/blind"));
    let (code, message) = error(&sim, &blind, |_| {});
    assert_eq!(code, "AccessDeniedException");
    assert!(message.contains("is not authorized to perform: athena:StartQueryExecution on resource: arn:aws:athena:eu-central-1:222233334444:workgroup/primary because no identity-based policy allows"), "{message}");
    let reply = client::athena(&sim, &keys, "ap-east-1", "ListWorkGroups", "{}");
    assert_eq!(reply.code(), "UnrecognizedClientException");
    assert_eq!(
        ask(&sim, &keys, "CreateWorkGroup", &json!({})).code(),
        "UnknownOperationException"
    );
}

#[tokio::test]
async fn limits_of_calls_and_of_active_queries() {
    let (mut estate, keys) = estate();
    let quota = |burst| Quota { burst, per_second: 1.0 };
    estate
        .athena()
        .quota("StartQueryExecution", quota(3.0))
        .quota("GetQueryExecution", quota(1.0))
        .active_limit(Some(2))
        .rule(QueryRule::any().run(Duration::from_secs(10)));
    let sim = started(estate).await;
    let first = start(&sim, &keys, "select 1");
    start(&sim, &keys, "select 2");
    let third = json!({"QueryString": "select 3", "ClientRequestToken": token("3"), "ResultConfiguration": {"OutputLocation": OUTPUT}});
    let reply = ask(&sim, &keys, "StartQueryExecution", &third);
    assert_eq!(reply.code(), "TooManyRequestsException");
    assert_eq!(reply.json()["Reason"], "CONCURRENT_QUERY_LIMIT_EXCEEDED");
    let reply = ask(&sim, &keys, "StartQueryExecution", &third);
    assert_eq!(
        reply.error(),
        (400, "TooManyRequestsException".to_owned(), "Rate exceeded".to_owned())
    );
    assert!(reply.json().get("Reason").is_none());
    assert_eq!(execution(&sim, &keys, &first)["Status"]["State"], "RUNNING");
    let reply = ask(&sim, &keys, "GetQueryExecution", &json!({"QueryExecutionId": first}));
    assert_eq!(
        reply.error(),
        (400, "ThrottlingException".to_owned(), "Rate exceeded".to_owned())
    );
    sim.clock().advance(Duration::from_secs(10));
    start_with(&sim, &keys, &third);
}
