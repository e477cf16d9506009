//! Initial credentials that are right, wrong or expired, at a server that checks signatures and tokens.

use std::collections::BTreeSet;

use end_to_end::connector::Connector;
use end_to_end::servers::Ministack;
use serde_json::json;

const REGION: &str = "eu-central-1";

fn master_only(ministack: &Ministack, made: &serde_json::Value) -> Connector {
    Connector::run()
        .at_ministack(ministack, made)
        .parameter("regions", json!([REGION]))
}

#[test]
fn a_signed_run_is_accepted_and_its_rows_equal_what_boto3_says() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({
        "master": "300000000001",
        "user": ["ec2:*"],
        "instances": [{ "account": "master", "region": REGION, "count": 3 }],
    }));
    let outcome = master_only(ministack, &made).finish();
    outcome.expect_exit(0);
    let expected = end_to_end::oracle::inventory(&json!({
        "endpoint": ministack.url(),
        "access_key_id": made["access_key_id"],
        "secret_access_key": made["secret_access_key"],
        "regions": [REGION],
    }));
    assert_eq!(expected.len(), 3);
    super::expect_rows(&outcome, &expected);
}

#[test]
fn a_wrong_secret_is_said_to_be_one() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({ "master": "300000000002", "user": ["ec2:*"] }));
    let outcome = master_only(ministack, &made)
        .parameter("secret_access_key", "this-is-not-the-secret")
        .finish();
    outcome
        .expect_exit(4)
        .expect_said(&["SignatureDoesNotMatch", "secret_access_key"]);
    assert!(!outcome.has_published());
}

#[test]
fn an_unknown_access_key_is_said_to_be_one() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({ "master": "300000000003" }));
    let outcome = master_only(ministack, &made)
        .parameter("access_key_id", "AKIANOBODYKNOWSTHIS0")
        .finish();
    outcome
        .expect_exit(4)
        .expect_said(&["InvalidClientTokenId", "access_key_id"]);
}

#[test]
fn temporary_credentials_need_their_session_token() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({
        "master": "300000000004",
        "user": ["ec2:*"],
        "session_seconds": 3600,
        "instances": [{ "account": "master", "region": REGION, "count": 1 }],
    }));
    let temporary = &made["temporary"];
    let with = master_only(ministack, temporary)
        .parameter("session_token", temporary["session_token"].clone())
        .finish();
    with.expect_exit(0);
    assert_eq!(with.rows().len(), 1);

    let without = master_only(ministack, temporary).finish();
    without.expect_exit(2).expect_said(&["session_token", "ASIA"]);
}

#[test]
fn an_expired_session_token_is_said_to_be_one() {
    // One of its own: it forgets an ended session when it gives out the next, to whichever test that is.
    let ministack = Ministack::start(&[]).unwrap();
    // It had ended before it began.
    let made = ministack.seed(json!({
        "master": "300000000005",
        "user": ["ec2:*"],
        "session_seconds": -1,
        "instances": [{ "account": "master", "region": REGION, "count": 1 }],
    }));
    let temporary = &made["temporary"];
    let outcome = master_only(&ministack, temporary)
        .parameter("session_token", temporary["session_token"].clone())
        .finish();
    outcome
        .expect_exit(4)
        .expect_said(&["ExpiredToken", "new temporary credentials"]);
}

#[test]
fn each_role_of_a_chain_is_assumed_with_the_session_of_the_one_before() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({
        "master": "300000000006",
        "user": ["sts:AssumeRole"],
        "members": ["Hub", "Target"],
        "roles": [
            { "account": "Hub", "name": "hub", "trusts": ["user"], "allow": ["sts:AssumeRole"] },
            { "account": "Target", "name": "inventory", "trusts": ["Hub/hub"], "allow": ["ec2:Describe*"] },
        ],
        "instances": [{ "account": "Target", "region": REGION, "count": 2 }],
    }));
    let (hub, target) = (
        made["accounts"]["Hub"].as_str().unwrap(),
        made["accounts"]["Target"].as_str().unwrap(),
    );
    let (hub, inventory) = (
        format!("arn:aws:iam::{hub}:role/hub"),
        format!("arn:aws:iam::{target}:role/inventory"),
    );

    let both = master_only(ministack, &made)
        .parameter("master_assume_role_arn_chain", json!([hub, inventory]))
        .finish();
    both.expect_exit(0);
    assert_eq!(both.accounts(), BTreeSet::from([target.to_owned()]));
    assert_eq!(both.rows().len(), 2);

    // The target does not trust the user: without the first hop the second is refused, and said to be the one.
    let one = master_only(ministack, &made)
        .parameter("master_assume_role_arn_chain", json!([inventory]))
        .finish();
    one.expect_exit(4).expect_said(&["AccessDenied", &inventory, "trust"]);

    // The same as a sub-account chain.
    let chain = json!([hub, "arn:aws:iam::{accountId}:role/inventory"]);
    let listed = master_only(ministack, &made)
        .parameter("sub_account_assume_role_arn_chain", chain)
        .parameter("accounts", json!([target]))
        .finish();
    listed.expect_exit(0);
    assert_eq!(listed.rows().len(), 2);
}

#[test]
fn the_external_id_has_to_be_the_right_one() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({
        "master": "300000000007",
        "user": ["sts:AssumeRole"],
        "roles": [{ "account": "master", "name": "inventory", "trusts": ["user"], "external_id": "right/one:1", "allow": ["ec2:Describe*"] }],
        "instances": [{ "account": "master", "region": REGION, "count": 1 }],
    }));
    let role = "arn:aws:iam::300000000007:role/inventory";
    let run = || master_only(ministack, &made).parameter("master_assume_role_arn_chain", json!([role]));

    let right = run().parameter("assume_external_id", "right/one:1").finish();
    right.expect_exit(0);
    assert_eq!(right.rows().len(), 1);

    let wrong = run().parameter("assume_external_id", "another").finish();
    wrong
        .expect_exit(4)
        .expect_said(&["AccessDenied", role, "assume_external_id"]);

    let absent = run().finish();
    absent
        .expect_exit(4)
        .expect_said(&["AccessDenied", role, "assume_external_id"]);
}
