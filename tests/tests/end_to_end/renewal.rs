//! Sessions that end in mid-run, at a server that gives sessions of seconds only, says so in their expiry, and refuses
//! them afterwards.

use std::collections::BTreeSet;

use end_to_end::connector::Connector;
use end_to_end::servers::{Ministack, OidcProvider, Request};
use serde_json::json;

const REGIONS: [&str; 12] = [
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];

/// Sessions of 8 s, and 0.9 s for each of twelve slices in a row: the run outlives a session or two.
fn short_sessions() -> Ministack {
    Ministack::start(&["--longest-session", "8", "--delay", "DescribeInstances=0.9"]).unwrap()
}

fn assumed(ministack: &Ministack, action: &str) -> Vec<Request> {
    ministack
        .journal()
        .requests()
        .into_iter()
        .filter(|request| request.action == action)
        .collect()
}

#[test]
fn a_run_outlives_the_sessions_of_its_role_chain() {
    let ministack = short_sessions();
    let made = ministack.seed(json!({
        "master": "500000000001",
        "user": ["sts:AssumeRole"],
        "members": ["Hub", "Target"],
        "roles": [
            { "account": "Hub", "name": "hub", "trusts": ["user"], "allow": ["sts:AssumeRole"] },
            { "account": "Target", "name": "inventory", "trusts": ["Hub/hub"], "allow": ["ec2:Describe*"] },
        ],
        "instances": REGIONS.map(|region| json!({ "account": "Target", "region": region, "count": 1 })),
    }));
    let id = |name: &str| made["accounts"][name].as_str().unwrap();
    let hub = format!("arn:aws:iam::{}:role/hub", id("Hub"));
    let outcome = Connector::run()
        .at_ministack(&ministack, &made)
        .parameter(
            "sub_account_assume_role_arn_chain",
            json!([hub, "arn:aws:iam::{accountId}:role/inventory"]),
        )
        .parameter("accounts", json!([id("Target")]))
        .parameter("regions", json!(REGIONS))
        .flag("--max-concurrency", "1")
        .finish();
    outcome.expect_exit(0);
    assert_eq!(outcome.rows().len(), REGIONS.len(), "every slice is there");
    let renewals = assumed(&ministack, "AssumeRole").len();
    assert!(renewals >= 4, "sessions were renewed: {renewals} AssumeRole calls");
    assert!(
        renewals <= 12,
        "sessions are used until they are about to end: {renewals} AssumeRole calls"
    );
}

#[test]
fn a_hop_that_all_accounts_share_is_renewed_between_accounts() {
    let ministack = short_sessions();
    let members: Vec<_> = (1..=12).map(|number| format!("Member {number}")).collect();
    let hub = json!({ "account": "Hub", "name": "hub", "trusts": ["user"], "allow": ["sts:AssumeRole"] });
    let roles = members.iter().map(
        |member| json!({ "account": member, "name": "inventory", "trusts": ["Hub/hub"], "allow": ["ec2:Describe*"] }),
    );
    let made = ministack.seed(json!({
        "master": "500000000004",
        "user": ["sts:AssumeRole"],
        "members": std::iter::once("Hub").chain(members.iter().map(String::as_str)).collect::<Vec<_>>(),
        "roles": std::iter::once(hub).chain(roles).collect::<Vec<_>>(),
        "instances": members.iter().map(|member| json!({ "account": member, "region": "eu-central-1", "count": 1 })).collect::<Vec<_>>(),
    }));
    let hub = format!("arn:aws:iam::{}:role/hub", made["accounts"]["Hub"].as_str().unwrap());
    let outcome = Connector::run()
        .at_ministack(&ministack, &made)
        .parameter(
            "sub_account_assume_role_arn_chain",
            json!([hub, "arn:aws:iam::{accountId}:role/inventory"]),
        )
        .parameter(
            "accounts",
            members
                .iter()
                .map(|member| made["accounts"][member].clone())
                .collect::<Vec<_>>(),
        )
        .parameter("regions", json!(["eu-central-1"]))
        .flag("--max-concurrency", "1")
        .finish();
    outcome.expect_exit(0);
    assert_eq!(outcome.rows().len(), members.len());
    let hops = assumed(&ministack, "AssumeRole");
    let shared = hops.iter().filter(|hop| hop.parameter("RoleArn") == hub).count();
    assert!(
        (2..=4).contains(&shared),
        "the shared hop was taken {shared} times in two lifetimes of a session"
    );
    // Accounts are reached some ahead of their turn, and sessions of seconds may end before it comes.
    let own = hops.len() - shared;
    assert!(
        (members.len()..=2 * members.len()).contains(&own),
        "{own} hops to {} accounts",
        members.len()
    );
}

#[test]
fn a_web_identity_is_renewed_with_a_new_token() {
    let (ministack, provider) = (short_sessions(), OidcProvider::shared());
    let made = ministack.seed(json!({
        "master": "500000000002",
        "roles": [{
            "account": "master",
            "name": "hub",
            "web_identity": { "issuer": provider.issuer(), "audience": "urn:aws:renewal" },
            "allow": ["ec2:Describe*"],
        }],
        "instances": REGIONS.map(|region| json!({ "account": "master", "region": region, "count": 1 })),
    }));
    let outcome = Connector::run()
        .at_ministack(&ministack, &made)
        .by_oidc(provider, "arn:aws:iam::500000000002:role/hub")
        .parameter("OidcTokenParameters", json!({ "resource": "urn:aws:renewal" }))
        .parameter("regions", json!(REGIONS))
        .flag("--max-concurrency", "1")
        .finish();
    outcome.expect_exit(0);
    assert_eq!(outcome.rows().len(), REGIONS.len(), "every slice is there");
    let sessions = assumed(&ministack, "AssumeRoleWithWebIdentity");
    assert!(sessions.len() >= 2, "the session was renewed");
    let tokens = provider.requests_with("resource", "urn:aws:renewal");
    assert!(
        tokens.len() >= sessions.len(),
        "a new token for every renewal: {} for {}",
        tokens.len(),
        sessions.len()
    );
    let used: BTreeSet<_> = sessions
        .iter()
        .map(|session| session.parameter("WebIdentityToken"))
        .collect();
    assert!(!used.contains(""), "every session has its token");
    assert_eq!(used.len(), sessions.len(), "no token was used twice");
}

#[test]
fn initial_credentials_that_end_in_mid_run_fail_what_is_left_and_only_that() {
    let ministack = Ministack::start(&["--delay", "DescribeInstances=0.7"]).unwrap();
    let made = ministack.seed(json!({
        "master": "500000000003",
        "user": ["ec2:Describe*"],
        "session_seconds": 4,
        "instances": REGIONS.map(|region| json!({ "account": "master", "region": region, "count": 1 })),
    }));
    let temporary = &made["temporary"];
    let outcome = Connector::run()
        .at_ministack(&ministack, temporary)
        .parameter("session_token", temporary["session_token"].clone())
        .parameter("regions", json!(REGIONS))
        .flag("--max-concurrency", "1")
        .finish();
    outcome.expect_exit(3).expect_said(&["expired"]);
    let rows = outcome.rows().len();
    assert!(
        (1..REGIONS.len()).contains(&rows),
        "{rows} slices were done before the end"
    );
    let outcomes = outcome.outcomes("500000000003");
    assert!(
        outcomes.contains("complete") && outcomes.contains("credentials") && outcomes.len() == 2,
        "{outcomes:?}"
    );
}
