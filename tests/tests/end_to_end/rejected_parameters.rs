//! Parameters that cannot be meant: exit code 2, a message that names the parameter and what to change, and no request.

use end_to_end::connector::Connector;
use end_to_end::servers::{Moto, Nobody, OidcProvider};
use serde_json::{Value, json};

use super::ONE_HOP;

const ROLE: &str = "arn:aws:iam::111111111111:role/inventory";

/// What is put into the parameters of a run that would succeed (null leaves it out), and what the message has to say.
type Case = (Value, &'static [&'static str]);

fn access_keys() -> Vec<Case> {
    vec![
        (json!({ "access_key_id": null }), &["access_key_id"]),
        (json!({ "secret_access_key": null }), &["secret_access_key"]),
        (json!({ "access_key_id": "" }), &["access_key_id"]),
        (
            json!({ "AuthenticationMethod": "Kerberos" }),
            &["AuthenticationMethod", "Web Identity Federation (OIDC)"],
        ),
        (
            json!({ "accounts": ["111111111111"] }),
            &["accounts", "sub_account_assume_role_arn_chain"],
        ),
        (
            json!({ "accounts": ["111111111111"], "sub_account_assume_role_arn_chain": [ONE_HOP], "master_assume_role_arn_chain": [ROLE] }),
            &["accounts", "master_assume_role_arn_chain"],
        ),
        (
            json!({ "accounts": ["12345"], "sub_account_assume_role_arn_chain": [ONE_HOP] }),
            &["accounts", "12345", "12"],
        ),
        (
            json!({ "exclude_accounts": ["x"], "sub_account_assume_role_arn_chain": [ONE_HOP] }),
            &["exclude_accounts"],
        ),
        (
            json!({ "master_assume_role_arn_chain": ["inventory"] }),
            &["master_assume_role_arn_chain", "inventory"],
        ),
        (
            json!({ "master_assume_role_arn_chain": [ONE_HOP] }),
            &["master_assume_role_arn_chain", "{accountId}"],
        ),
        (
            json!({ "sub_account_assume_role_arn_chain": ["arn:aws:iam::{account}:role/x"] }),
            &["sub_account_assume_role_arn_chain", "{account"],
        ),
        (
            json!({ "sub_account_assume_role_arn_chain": [ROLE] }),
            &["sub_account_assume_role_arn_chain", "{accountId}"],
        ),
        (
            json!({ "assume_external_id": "x", "master_assume_role_arn_chain": [ROLE] }),
            &["assume_external_id"],
        ),
        (json!({ "role_session_name": "no blanks" }), &["role_session_name"]),
        (
            json!({ "source_identity": "no blanks", "master_assume_role_arn_chain": [ROLE] }),
            &["source_identity"],
        ),
        (json!({ "acces_key_id": "AKIA" }), &["acces_key_id", "access_key_id"]),
        (json!({ "page_size": 4 }), &["page_size"]),
        (json!({ "page_size": 1001 }), &["page_size"]),
        (json!({ "page_size": "many" }), &["page_size"]),
        (json!({ "max_concurrency": 0 }), &["max_concurrency"]),
        (json!({ "format": "xml" }), &["format", "csv"]),
        (json!({ "regions": [5] }), &["regions"]),
    ]
}

fn web_identity() -> Vec<Case> {
    vec![
        (json!({ "ClientId": null }), &["ClientId"]),
        (json!({ "ClientSecret": null }), &["ClientSecret"]),
        (json!({ "IdpUrl": null }), &["IdpUrl"]),
        (json!({ "RoleArn": null }), &["RoleArn"]),
        (json!({ "RoleArn": "hub" }), &["RoleArn"]),
        (json!({ "IdpUrl": "not a url" }), &["IdpUrl"]),
        (
            json!({ "IdpUrl": "http://idp.example.com/token" }),
            &["IdpUrl", "https"],
        ),
        (json!({ "SessionDuration": 899 }), &["SessionDuration", "900"]),
        (json!({ "SessionDuration": 43201 }), &["SessionDuration", "43200"]),
        (
            json!({ "OidcClientAuthentication": "tls" }),
            &["OidcClientAuthentication", "client_secret_post"],
        ),
    ]
}

/// A run for which AWS and the identity provider are at a place that must not be asked.
fn at(nobody: &Nobody) -> Connector {
    Connector::run()
        .at_moto(Moto::shared())
        .env("AWS_ENDPOINT_URL", &nobody.url())
}

fn reject(prepare: impl Fn(&Nobody) -> Connector, cases: &[Case]) {
    let nobody = Nobody::start();
    let mut wrong = Vec::new();
    for (parameters, words) in cases {
        let mut connector = prepare(&nobody);
        for (name, value) in parameters.as_object().unwrap() {
            connector = connector.without(name);
            if !value.is_null() {
                connector = connector.parameter(name, value.clone());
            }
        }
        let outcome = connector.finish();
        let said = outcome.messages().to_lowercase();
        let missing: Vec<_> = words
            .iter()
            .filter(|word| !said.contains(&word.to_lowercase()))
            .collect();
        let asked = nobody.connections();
        if outcome.exit_code != Some(2) || !missing.is_empty() || asked > 0 || outcome.has_published() {
            let (code, stderr) = (outcome.exit_code, outcome.messages());
            wrong.push(format!(
                "{parameters}\n  exit {code:?}, does not say {missing:?}, {asked} requests:\n{stderr}\n"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn with_access_keys() {
    reject(at, &access_keys());
}

#[test]
fn with_a_web_identity() {
    reject(
        |nobody| {
            at(nobody)
                .by_oidc(OidcProvider::shared(), ROLE)
                .parameter("IdpUrl", format!("{}/token", nobody.url()))
        },
        &web_identity(),
    );
}

#[test]
fn secrets_on_the_command_line() {
    for (flag, name) in [
        ("--secret-access-key", "secret_access_key"),
        ("--session-token", "session_token"),
        ("--client-secret", "ClientSecret"),
    ] {
        let nobody = Nobody::start();
        let outcome = at(&nobody)
            .flag(flag, "hush-on-the-line")
            .secret("hush-on-the-line")
            .finish();
        outcome
            .expect_exit(2)
            .expect_said(&["command line", "environment", "file"]);
        assert_eq!(nobody.connections(), 0, "{name}");
    }
}

#[test]
fn unknown_flags_and_missing_files() {
    let run = || Connector::run().at_moto(Moto::shared());
    run()
        .flag("--acess-key-id", "x")
        .finish()
        .expect_exit(2)
        .expect_said(&["--acess-key-id", "--access-key-id"]);
    run()
        .flag("--format", "xml")
        .finish()
        .expect_exit(2)
        .expect_said(&["xml", "csv"]);
    run()
        .parameter_file("broken.json", "{ not json")
        .finish()
        .expect_exit(2)
        .expect_said(&["broken.json"]);
    Connector::run()
        .flag("--params", "nowhere.json")
        .finish()
        .expect_exit(2)
        .expect_said(&["nowhere.json"]);
}
