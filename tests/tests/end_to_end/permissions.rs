//! Denials in AWS's own words, over an organization whose accounts differ in what they allow. One account's failure
//! is its own.

use std::collections::BTreeSet;

use end_to_end::connector::{Connector, Outcome};
use end_to_end::servers::Ministack;
use serde_json::{Value, json};

const REGIONS: [&str; 2] = ["eu-central-1", "us-east-1"];

fn role(account: &str, deny: &[&str]) -> Value {
    json!({ "account": account, "name": "inventory", "trusts": ["user"], "external_id": "hub-1", "allow": ["ec2:Describe*"], "deny": deny })
}

fn instances(account: &str) -> Value {
    json!({ "account": account, "region": REGIONS[0], "count": 2 })
}

fn organization(ministack: &Ministack, made: &Value) -> Connector {
    Connector::run()
        .at_ministack(ministack, made)
        .parameter(
            "sub_account_assume_role_arn_chain",
            json!(["arn:aws:iam::{accountId}:role/inventory"]),
        )
        .parameter("assume_external_id", "hub-1")
        .parameter("regions", json!(REGIONS))
}

fn only(outcome: &Outcome, account: &str) -> (String, Value) {
    let outcomes = outcome.outcomes(account);
    assert_eq!(outcomes.len(), 1, "all slices of the account end alike: {outcomes:?}");
    (
        outcomes.first().unwrap().clone(),
        outcome.slices(account)[0]["cause"].clone(),
    )
}

#[test]
fn failures_of_some_accounts_leave_the_others_whole() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({
        "master": "400000000001",
        "user": ["sts:AssumeRole", "organizations:*", "ec2:Describe*"],
        "members": ["Good", "Also Good", "Empty", "Denies", "No Role", "Closed"],
        "closed": ["Closed"],
        "roles": [role("Good", &[]), role("Also Good", &[]), role("Empty", &[]), role("Denies", &["ec2:DescribeInstances"])],
        "instances": [instances("Good"), instances("Also Good"), instances("master"), instances("Denies")],
    }));
    let id = |name: &str| made["accounts"][name].as_str().unwrap().to_owned();
    let outcome = organization(ministack, &made).finish();
    outcome.expect_exit(3);

    assert_eq!(
        outcome.accounts(),
        BTreeSet::from([id("master"), id("Good"), id("Also Good")]),
        "all other rows are there"
    );
    assert_eq!(outcome.rows().len(), 6);
    assert_eq!(
        outcome.outcomes(&id("Good")),
        BTreeSet::from(["complete".to_owned(), "empty".to_owned()])
    );
    assert_eq!(only(&outcome, &id("Empty")).0, "empty");
    assert_eq!(only(&outcome, &id("Closed")).0, "skipped");

    let (denied, cause) = only(&outcome, &id("Denies"));
    assert_eq!(denied, "denied");
    assert_eq!(
        (&cause["service"], &cause["operation"]),
        (&json!("ec2"), &json!("DescribeInstances"))
    );
    assert_eq!(
        (&cause["code"], &cause["http_status"]),
        (&json!("UnauthorizedOperation"), &json!(403))
    );
    assert!(
        cause["message"]
            .as_str()
            .unwrap()
            .contains("with an explicit deny in an identity-based policy")
    );
    assert!(
        cause["request_id"].as_str().is_some_and(|id| !id.is_empty()),
        "AWS's request id: {cause}"
    );

    let (missing, cause) = only(&outcome, &id("No Role"));
    assert_eq!(missing, "credentials");
    assert_eq!(
        (&cause["operation"], &cause["code"]),
        (&json!("AssumeRole"), &json!("AccessDenied"))
    );
    let hop = cause["hop"].as_str().unwrap();
    assert!(
        hop.contains(&format!("arn:aws:iam::{}:role/inventory", id("No Role"))),
        "the hop is named: {hop}"
    );
    assert!(
        cause["hint"].as_str().is_some_and(|hint| hint.contains("trust")),
        "what to change is said: {cause}"
    );

    outcome.expect_said(&[&id("Denies"), &id("No Role"), "denied"]);
}

#[test]
fn when_no_slice_succeeds_nothing_is_collected() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({ "master": "400000000002", "user": ["ec2:DescribeRegions"] }));
    let outcome = Connector::run()
        .at_ministack(ministack, &made)
        .parameter("regions", json!(REGIONS))
        .finish();
    outcome.expect_exit(4).expect_said(&["ec2:DescribeInstances"]);
    assert!(!outcome.has_published());
    assert_eq!(only(&outcome, "400000000002").0, "denied");
}

#[test]
fn a_listing_that_is_denied_ends_the_run() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({ "master": "400000000003", "user": ["sts:AssumeRole", "ec2:Describe*"] }));
    let outcome = organization(ministack, &made).finish();
    outcome
        .expect_exit(4)
        .expect_said(&["organizations:List", "AccessDenied"]);
    assert!(!outcome.has_published());
}

#[test]
fn denied_describe_regions_falls_back_on_the_named_regions_or_says_what_to_do() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({
        "master": "400000000004",
        "user": ["ec2:DescribeInstances"],
        "instances": [instances("master")],
    }));
    let named = Connector::run()
        .at_ministack(ministack, &made)
        .parameter("regions", json!(REGIONS))
        .finish();
    named.expect_exit(0);
    assert_eq!(named.rows().len(), 2);

    // Whether all of the account's regions are among the default ones nobody can say: the rows are there, but the run is
    // no more than partial.
    let unnamed = Connector::run().at_ministack(ministack, &made).finish();
    unnamed
        .expect_exit(3)
        .expect_said(&["ec2:DescribeRegions", "`regions`", "default regions"]);
    assert_eq!(unnamed.rows().len(), 2);
}
