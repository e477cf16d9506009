//! OIDC: a token from a certified identity provider, traded at ministack, which checks issuer and audience against the
//! role's trust policy, or at moto, which shows what was asked.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;

use end_to_end::connector::{Connector, Outcome};
use end_to_end::process::free_port;
use end_to_end::servers::{Ministack, Moto, OidcProvider, Request};
use serde_json::{Value, json};

use super::{ONE_HOP, boto3, expect_rows};

const REGION: &str = "eu-central-1";

/// A master account with a role that trusts the provider for `audience`, and two instances.
fn seeded(ministack: &Ministack, master: &str, audience: &str) -> Value {
    ministack.seed(json!({
        "master": master,
        "roles": [{
            "account": "master",
            "name": "hub",
            "web_identity": { "issuer": OidcProvider::shared().issuer(), "audience": audience },
            "allow": ["ec2:Describe*"],
        }],
        "instances": [{ "account": "master", "region": REGION, "count": 2 }],
    }))
}

fn run(ministack: &Ministack, master: &str, made: &Value) -> Connector {
    Connector::run()
        .at_ministack(ministack, made)
        .by_oidc(OidcProvider::shared(), &format!("arn:aws:iam::{master}:role/hub"))
        .parameter("regions", json!([REGION]))
}

fn calls(outcome: &Outcome, moto: &Moto, action: &str) -> Vec<Request> {
    outcome
        .requests(moto.journal())
        .into_iter()
        .filter(|request| request.action == action)
        .collect()
}

#[test]
fn a_client_that_proves_itself_in_the_header_gets_a_token_that_the_trust_policy_accepts() {
    let (ministack, provider) = (Ministack::shared(), OidcProvider::shared());
    let audience = "urn:aws:basic";
    let made = seeded(ministack, "600000000001", audience);
    let outcome = run(ministack, "600000000001", &made)
        .parameter("OidcTokenParameters", json!({ "resource": audience }))
        .parameter("OidcScope", "inventory audit")
        .finish();
    outcome.expect_exit(0);
    assert_eq!(outcome.rows().len(), 2);
    let asked = provider.requests_with("resource", audience);
    assert_eq!(asked.len(), 1, "one token for the run");
    assert_eq!(asked[0].secret_in, "header");
    assert_eq!(asked[0].claims["scope"], "inventory audit");
    assert_eq!(asked[0].claims["aud"], audience);
    assert!(
        asked[0].parameters.get("audience").is_none(),
        "no audience unless one is set"
    );
}

#[test]
fn a_client_that_proves_itself_in_the_form_gets_one_too() {
    let (ministack, provider) = (Ministack::shared(), OidcProvider::shared());
    let audience = "urn:aws:post";
    let made = seeded(ministack, "600000000002", audience);
    let outcome = run(ministack, "600000000002", &made)
        .parameter("ClientId", OidcProvider::POST)
        .parameter("ClientSecret", OidcProvider::POST_SECRET)
        .parameter("OidcClientAuthentication", "client_secret_post")
        .parameter("OidcTokenParameters", json!({ "resource": audience }))
        .finish();
    outcome.expect_exit(0);
    assert_eq!(outcome.rows().len(), 2);
    let asked = provider.requests_with("resource", audience);
    assert_eq!((asked.len(), asked[0].secret_in.as_str()), (1, "body"));
    assert!(asked[0].parameters.get("scope").is_none(), "no scope unless one is set");
}

#[test]
fn the_audience_parameter_is_sent_as_such() {
    let (ministack, provider) = (Ministack::shared(), OidcProvider::shared());
    let audience = "urn:aws:audience-parameter";
    let made = seeded(ministack, "600000000003", audience);
    let outcome = run(ministack, "600000000003", &made)
        .parameter("OidcAudience", audience)
        .finish();
    outcome.expect_exit(0);
    assert_eq!(outcome.rows().len(), 2);
    assert_eq!(provider.requests_with("audience", audience).len(), 1);
}

#[test]
fn a_wrong_audience_is_explained_by_what_is_in_the_token() {
    let ministack = Ministack::shared();
    let made = seeded(ministack, "600000000004", "urn:aws:the-right-one");
    let outcome = run(ministack, "600000000004", &made)
        .parameter("OidcTokenParameters", json!({ "resource": "urn:aws:the-wrong-one" }))
        .finish();
    let issuer = OidcProvider::shared().issuer();
    outcome.expect_exit(4).expect_said(&[
        "AccessDenied",
        "aud \"urn:aws:the-wrong-one\"",
        &issuer,
        "RS256",
        "trust policy",
    ]);
}

#[test]
fn an_opaque_token_is_said_to_be_one_and_never_sent_to_aws() {
    let ministack = Ministack::shared();
    let made = seeded(ministack, "600000000005", "urn:aws:any");
    let outcome = run(ministack, "600000000005", &made)
        .parameter("role_session_name", "opaque-token")
        .finish();
    outcome.expect_exit(4).expect_said(&["opaque", "JWT"]);
    assert!(outcome.requests(ministack.journal()).is_empty());
}

#[test]
fn a_wrong_client_secret_is_said_to_be_one() {
    let ministack = Ministack::shared();
    let made = seeded(ministack, "600000000006", "urn:aws:any");
    let outcome = run(ministack, "600000000006", &made)
        .parameter("ClientSecret", "not the secret %/+")
        .finish();
    outcome
        .expect_exit(4)
        .expect_said(&["401", "invalid_client", "ClientSecret"]);
    assert!(!outcome.has_published());
}

#[test]
fn an_identity_provider_that_is_down_is_said_to_be_so() {
    let ministack = Ministack::shared();
    let made = seeded(ministack, "600000000007", "urn:aws:any");
    let url = format!("http://127.0.0.1:{}/token", free_port());
    let outcome = run(ministack, "600000000007", &made)
        .parameter("IdpUrl", url.clone())
        .finish();
    outcome.expect_exit(4).expect_said(&[&url, "refused"]);
}

#[test]
fn an_identity_provider_that_answers_with_a_web_page_is_said_to_do_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/login", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let page = "<html>Please log in</html>";
            let length = page.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close");
            let _ = connection.write_all(format!("{head}\r\n\r\n{page}").as_bytes());
        }
    });
    let ministack = Ministack::shared();
    let made = seeded(ministack, "600000000008", "urn:aws:any");
    let outcome = run(ministack, "600000000008", &made).parameter("IdpUrl", url).finish();
    outcome.expect_exit(4).expect_said(&["text/html", "IdpUrl"]);
}

#[test]
fn the_identity_providers_url_leads_to_no_other_place() {
    let ministack = Ministack::shared();
    let made = seeded(ministack, "600000000009", "urn:aws:any");
    let outcome = run(ministack, "600000000009", &made)
        .parameter("IdpUrl", "http://idp.example.com/token")
        .finish();
    outcome.expect_exit(2).expect_said(&["IdpUrl", "https"]);
}

#[test]
fn an_organization_is_collected_from_the_web_identity_as_from_access_keys() {
    let (moto, provider) = (Moto::shared(), OidcProvider::shared());
    let audience = "urn:aws:organization";
    let outcome = Connector::run()
        .at_moto(moto)
        .by_oidc(provider, &format!("arn:aws:iam::{}:role/hub", moto.estate.master))
        .parameter("OidcTokenParameters", json!({ "resource": audience }))
        .parameter("SessionDuration", 1234)
        .parameter("assume_external_id", "for-the-chains-only")
        .parameter("sub_account_assume_role_arn_chain", json!([ONE_HOP]))
        .parameter("regions", json!(moto.estate.regions))
        .finish();
    outcome.expect_exit(0);
    expect_rows(&outcome, &boto3(moto, json!({})));
    let web_identity = calls(&outcome, moto, "AssumeRoleWithWebIdentity");
    assert_eq!(web_identity.len(), 1);
    assert_eq!(web_identity[0].parameter("DurationSeconds"), "1234");
    assert_eq!(
        web_identity[0].parameter("RoleArn"),
        format!("arn:aws:iam::{}:role/hub", moto.estate.master)
    );
    assert_eq!(
        web_identity[0].parameter("ExternalId"),
        "",
        "the external ID is none of a web identity's"
    );
    let chain = calls(&outcome, moto, "AssumeRole");
    assert!(!chain.is_empty());
    for hop in chain {
        assert_eq!(hop.parameter("ExternalId"), "for-the-chains-only");
        assert_ne!(
            hop.parameter("DurationSeconds"),
            "1234",
            "the duration is the web identity's only"
        );
        assert!(
            !hop.session.is_empty(),
            "the web identity's session is what every chain starts from"
        );
    }
}

#[test]
fn explicit_accounts_and_a_master_chain_start_from_the_web_identity_too() {
    let (moto, provider) = (Moto::shared(), OidcProvider::shared());
    let signed_in = || {
        Connector::run()
            .at_moto(moto)
            .by_oidc(
                provider,
                &format!("arn:aws:iam::{}:role/hub", moto.estate.account("Security Tooling")),
            )
            .parameter("OidcTokenParameters", json!({ "resource": "urn:aws:chains" }))
            .parameter("regions", json!(moto.estate.regions))
    };
    // Neither: the account of the web identity's own role.
    let own = signed_in().finish();
    own.expect_exit(0);
    assert_eq!(
        own.accounts(),
        BTreeSet::from([moto.estate.account("Security Tooling").to_owned()])
    );

    let target = format!("arn:aws:iam::{}:role/target", moto.estate.account("Shop"));
    let chain = signed_in()
        .parameter("master_assume_role_arn_chain", json!([target]))
        .finish();
    chain.expect_exit(0);
    assert_eq!(
        chain.accounts(),
        BTreeSet::from([moto.estate.account("Shop").to_owned()])
    );

    let listed = signed_in()
        .parameter("sub_account_assume_role_arn_chain", json!([ONE_HOP]))
        .parameter("accounts", json!([moto.estate.account("Data Lake")]))
        .finish();
    listed.expect_exit(0);
    assert_eq!(
        listed.accounts(),
        BTreeSet::from([moto.estate.account("Data Lake").to_owned()])
    );
}

#[test]
fn parameters_of_the_other_method_are_ignored_with_a_warning() {
    let (moto, provider) = (Moto::shared(), OidcProvider::shared());
    let keys = Connector::run().at_moto(moto);
    let (key, secret) = (keys.value("access_key_id"), keys.value("secret_access_key"));
    let outcome = keys
        .by_oidc(
            provider,
            &format!("arn:aws:iam::{}:role/hub", moto.estate.account("Build")),
        )
        .parameter("OidcTokenParameters", json!({ "resource": "urn:aws:both" }))
        .parameter("access_key_id", key.clone())
        .parameter("secret_access_key", secret)
        .parameter("regions", json!(moto.estate.regions))
        .finish();
    outcome.expect_exit(0).expect_said(&["access_key_id", "ignored"]);
    assert_eq!(
        outcome.accounts(),
        BTreeSet::from([moto.estate.account("Build").to_owned()])
    );
    let asked = outcome.requests(moto.journal());
    assert!(!asked.is_empty() && asked.iter().all(|request| request.access_key_id != key));
}
