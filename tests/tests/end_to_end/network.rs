//! Endpoints, certificates and proxies mean what they mean to the AWS CLI.

use end_to_end::certificates::Certificates;
use end_to_end::connector::{Connector, Outcome};
use end_to_end::process::free_port;
use end_to_end::servers::Moto;
use serde_json::json;

#[track_caller]
fn expect_master(outcome: &Outcome) {
    outcome.expect_exit(0);
    assert!(!outcome.rows().is_empty());
}

fn nowhere() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

#[test]
fn an_endpoint_of_one_service_wins_over_the_endpoint_of_all() {
    let moto = Moto::shared();
    let services = [
        "AWS_ENDPOINT_URL_STS",
        "AWS_ENDPOINT_URL_EC2",
        "AWS_ENDPOINT_URL_ORGANIZATIONS",
    ];
    let run = Connector::run()
        .at_moto(moto)
        .env("AWS_ENDPOINT_URL", &nowhere())
        .parameter("sub_account_assume_role_arn_chain", json!([super::ONE_HOP]))
        .parameter("organizational_units", json!([moto.estate.unit("/Root/Sandbox")]))
        .parameter("regions", json!(["eu-central-1"]));
    expect_master(
        &services
            .iter()
            .fold(run, |run, service| run.env(service, &moto.url()))
            .finish(),
    );
}

#[test]
fn an_endpoint_that_nothing_listens_at_is_said_to_be_unreachable() {
    let endpoint = nowhere();
    let outcome = Connector::run()
        .at_moto(Moto::shared())
        .env("AWS_ENDPOINT_URL", &endpoint)
        .parameter("regions", json!(["eu-central-1"]))
        .finish();
    outcome.expect_exit(4).expect_said(&["refused"]);
}

#[test]
fn a_certificate_of_ones_own_needs_its_bundle() {
    let certificates = Certificates::new();
    let moto = Moto::with_certificate(&certificates).unwrap();
    let run = || {
        Connector::run()
            .at_moto(&moto)
            .env("AWS_ENDPOINT_URL", &format!("https://localhost:{}", moto.port()))
            .parameter("regions", json!(["eu-central-1"]))
    };
    // All at once: a failed connection is tried again for some time.
    let right = run().env("AWS_CA_BUNDLE", certificates.bundle()).start();
    let none = run().start();
    let missing = run().env("AWS_CA_BUNDLE", "/nowhere/bundle.pem").start();
    right.finish().expect_exit(0);
    none.finish()
        .expect_exit(4)
        .expect_said(&["certificate", "AWS_CA_BUNDLE"]);
    let missing = missing.finish();
    missing.expect_said(&["/nowhere/bundle.pem"]);
    assert_ne!(missing.exit_code, Some(0));
}

#[test]
fn requests_go_through_a_proxy_unless_no_proxy_says_otherwise() {
    // moto answers requests in the form that a proxy gets them, so it can stand for one: the endpoint itself is a name
    // that does not exist.
    let moto = Moto::shared();
    let run = || {
        Connector::run()
            .at_moto(moto)
            .parameter("regions", json!(["eu-central-1"]))
            .parameter("allow_insecure_endpoints", true)
    };
    let endpoint = "http://aws.invalid";
    expect_master(
        &run()
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("HTTP_PROXY", &moto.url())
            .finish(),
    );
    expect_master(
        &run()
            .env("HTTP_PROXY", &nowhere())
            .env("NO_PROXY", "127.0.0.1")
            .finish(),
    );
}

#[test]
fn the_environments_region_is_the_one_of_sts_unless_a_parameter_names_another() {
    let moto = Moto::shared();
    let region_of_sts = |run: Connector| {
        let outcome = run
            .env("AWS_REGION", "ap-south-1")
            .parameter("regions", json!(["eu-central-1"]))
            .finish();
        expect_master(&outcome);
        let requests = outcome.requests(moto.journal());
        let mut regions: Vec<_> = requests
            .into_iter()
            .filter(|request| request.service == "sts")
            .map(|r| r.region)
            .collect();
        regions.dedup();
        regions
    };
    assert_eq!(region_of_sts(Connector::run().at_moto(moto)), ["ap-south-1"]);
    let named = Connector::run().at_moto(moto).parameter("sts_region", "eu-west-3");
    assert_eq!(region_of_sts(named), ["eu-west-3"]);
}
