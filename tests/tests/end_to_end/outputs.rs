//! Files: they appear when they are whole, and an earlier one stays when a run fails or is interrupted.

use end_to_end::connector::Connector;
use end_to_end::process::until;
use end_to_end::rows;
use end_to_end::servers::{Ministack, Moto};
use serde_json::json;

use super::{boto3, organization};

#[test]
fn rows_can_go_to_standard_output_with_nothing_else_in_it() {
    let moto = Moto::shared();
    let expected = boto3(moto, json!({}));
    let outcome = organization(moto).format("jsonl").to_stdout().finish();
    outcome.expect_exit(0);
    rows::assert_equal(&expected, &rows::from_jsonl(&outcome.stdout));

    // CSV is the default format, standard output the default place.
    let plain = Connector::verb("run")
        .at_moto(moto)
        .parameter("sub_account_assume_role_arn_chain", json!([super::ONE_HOP]))
        .parameter("regions", json!(moto.estate.regions))
        .finish();
    plain.expect_exit(0);
    rows::assert_csv_equal(&expected, &rows::from_csv(&plain.stdout));
}

#[test]
fn a_ledger_goes_where_it_is_told() {
    let moto = Moto::shared();
    let connector = organization(moto);
    let ledger = connector.home().join("ledger.json");
    let outcome = connector
        .to_stdout()
        .flag("--ledger", ledger.to_str().unwrap())
        .finish();
    outcome.expect_exit(0);
    let ledger: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(ledger).unwrap()).unwrap();
    assert_eq!(ledger["outcome"], "complete");
    assert_eq!(ledger["ledger_version"], 1);
    assert_eq!(ledger["connector"], "ec2-connector");
    assert_eq!(ledger["parameters"]["secret_access_key"], "***");
    assert!(ledger["version"].is_string() && ledger["started"].is_string() && ledger["finished"].is_string());
}

#[test]
fn a_failed_run_leaves_the_previous_output() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({ "master": "200000000001" }));
    let outcome = Connector::run()
        .at_ministack(ministack, &made)
        .parameter("secret_access_key", "this-is-not-the-secret")
        .with_previous_output("as it was\n")
        .finish();
    outcome.expect_exit(4);
    assert_eq!(outcome.text(), "as it was\n");
}

#[test]
fn an_interrupted_run_leaves_the_previous_output_and_says_so() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let ministack = Ministack::start(&["--delay", "DescribeInstances=30"]).unwrap();
        let made = ministack.seed(json!({ "master": "200000000002", "user": ["ec2:*"] }));
        let started = Connector::run()
            .at_ministack(&ministack, &made)
            .parameter("regions", json!(["eu-central-1", "eu-west-1"]))
            .with_previous_output("as it was\n")
            .start();
        until("the run asks for instances", || {
            ministack
                .journal()
                .requests()
                .into_iter()
                .find(|request| request.action == "DescribeInstances")
        });
        started.signal(signal);
        let outcome = started.finish();
        outcome.expect_exit(code).expect_said(&["interrupt"]);
        assert_eq!(outcome.text(), "as it was\n", "after {signal}");
    }
}

#[test]
fn an_interrupted_run_leaves_nothing_where_nothing_was() {
    let ministack = Ministack::start(&["--delay", "DescribeInstances=30"]).unwrap();
    let made = ministack.seed(json!({ "master": "200000000003", "user": ["ec2:*"] }));
    let started = Connector::run()
        .at_ministack(&ministack, &made)
        .parameter("regions", json!(["eu-central-1"]))
        .start();
    until("the run asks for instances", || {
        ministack
            .journal()
            .requests()
            .into_iter()
            .find(|request| request.action == "DescribeInstances")
    });
    started.signal("INT");
    let outcome = started.finish();
    outcome.expect_exit(130);
    assert!(!outcome.has_published(), "nothing half-written is left in place");
}

#[test]
fn no_more_requests_are_under_way_than_allowed() {
    let most = |allowed: u32| {
        let ministack = Ministack::start(&["--delay", "DescribeInstances=0.2"]).unwrap();
        let made = ministack.seed(json!({ "master": "200000000004", "user": ["ec2:*"] }));
        let regions = [
            "eu-central-1",
            "eu-west-1",
            "eu-west-2",
            "us-east-1",
            "us-east-2",
            "us-west-2",
        ];
        let outcome = Connector::run()
            .at_ministack(&ministack, &made)
            .parameter("regions", json!(regions))
            .flag("--max-concurrency", &allowed.to_string())
            .finish();
        outcome.expect_exit(0);
        ministack
            .journal()
            .requests()
            .iter()
            .map(|request| request.under_way)
            .max()
            .unwrap()
    };
    assert_eq!(most(1), 1);
    let with_three = most(3);
    assert!((2..=3).contains(&with_three), "{with_three} at a time with 3 allowed");
}

#[test]
fn a_slice_that_waits_for_its_turn_is_asked_once_and_does_not_fail() {
    // Eight answers of a second, one after another: the last waits longer than the SDK's grace for stalled requests.
    let ministack = Ministack::start(&["--delay", "DescribeInstances=1"]).unwrap();
    let made = ministack.seed(json!({ "master": "200000000005", "user": ["ec2:*"] }));
    let regions = [
        "ca-central-1",
        "eu-central-1",
        "eu-west-1",
        "eu-west-2",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-2",
    ];
    let outcome = Connector::run()
        .at_ministack(&ministack, &made)
        .parameter("regions", json!(regions))
        .flag("--max-concurrency", "1")
        .finish();
    outcome.expect_exit(0);
    for slice in outcome.slices("200000000005") {
        assert_eq!((&slice["calls"], &slice["retries"]), (&json!(1), &json!(0)), "{slice}");
    }
}
