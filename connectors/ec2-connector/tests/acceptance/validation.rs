//! Wrong parameters: exit code 2, a message that names the parameter and what to change, and not a single call.

use aws_sim::{Estate, Sim};
use serde_json::{Value as Json, json};

use crate::harness::{Run, start};
use crate::world::*;

/// What is changed in the parameters of a run that would succeed (null takes one away), and what the message must say.
type Case = (Json, &'static [&'static str]);

const SUB: &str = Estate::SUB_ACCOUNT_ROLE;

fn refuse<'a>(sim: &'a Sim, prepare: impl Fn() -> Run<'a>, cases: &[Case]) {
    prepare().expect(0);
    let mut wrong = Vec::new();
    for (changes, texts) in cases {
        sim.forget_calls();
        let mut run = prepare();
        for (name, value) in changes.as_object().unwrap() {
            run = if value.is_null() {
                run.without(name)
            } else {
                run.params(json!({ name: value }))
            };
        }
        let outcome = run.run();
        let said = outcome.stderr.clone();
        let missing: Vec<_> = texts.iter().filter(|text| !said.contains(**text)).collect();
        let calls = sim.calls().len();
        let left = outcome.has_output() || outcome.has_ledger() || !outcome.leftovers().is_empty();
        if outcome.code != 2 || !missing.is_empty() || calls > 0 || left || !outcome.stdout.is_empty() {
            let code = outcome.code;
            wrong.push(format!(
                "{changes}: exit code {code}, {calls} calls, left {left}, lacks {missing:?}:\n{}",
                outcome.told()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn access_keys() {
    let sim = start(one_account());
    refuse(
        &sim,
        || Run::keys(&sim),
        &[
            (
                json!({"access_key_id": null}),
                &[
                    "access_key_id is missing: AuthenticationMethod `Access Key & Secret Key` needs it",
                    "CONNECTOR_ACCESS_KEY_ID in the environment",
                    "--access-key-id",
                ],
            ),
            (json!({"access_key_id": ""}), &["access_key_id is missing"]),
            (
                json!({"secret_access_key": null}),
                &[
                    "secret_access_key is missing",
                    "secret_access_key_file or secret_access_key_command",
                ],
            ),
            (
                json!({"access_key_id": null, "secret_access_key": null}),
                &["access_key_id is missing", "secret_access_key is missing"],
            ),
            (
                json!({"access_key_id": "ASIAIOSFODNN7EXAMPLE"}),
                &["session_token is missing: access_key_id begins with ASIA"],
            ),
            (
                json!({"access_key_id": 5}),
                &["access_key_id (in ", "`5` is not text; put it in quotes"],
            ),
            (
                json!({"secret_access_key": 12345678}),
                &["secret_access_key (in ", "the value is not text"],
            ),
            (
                json!({"AuthenticationMethod": "OIDC"}),
                &[
                    "AuthenticationMethod",
                    "one of `Access Key & Secret Key`, `Web Identity Federation (OIDC)`, `AWS Default Chain`",
                ],
            ),
            (
                json!({"secret_access_key_file": "/nowhere"}),
                &["secret_access_key: the file /nowhere cannot be read"],
            ),
            (
                json!({"secret_access_key_command": "exit 3"}),
                &["secret_access_key: the command failed with exit status: 3"],
            ),
        ],
    );
}

#[test]
fn web_identity() {
    let sim = start(one_account());
    refuse(
        &sim,
        || Run::oidc(&sim),
        &[
            (
                json!({"ClientId": null}),
                &["ClientId is missing: AuthenticationMethod `Web Identity Federation (OIDC)` needs it"],
            ),
            (
                json!({"ClientSecret": null}),
                &["ClientSecret is missing", "ClientSecretFile or ClientSecretCommand"],
            ),
            (json!({"IdpUrl": null}), &["IdpUrl is missing", "--idp-url"]),
            (json!({"RoleArn": null}), &["RoleArn is missing", "CONNECTOR_ROLE_ARN"]),
            (
                json!({"ClientId": null, "ClientSecret": "", "IdpUrl": null, "RoleArn": ""}),
                &[
                    "ClientId is missing",
                    "ClientSecret is missing",
                    "IdpUrl is missing",
                    "RoleArn is missing",
                ],
            ),
            (json!({"IdpUrl": "idp.example.com/token"}), &["IdpUrl: not a URL"]),
            (
                json!({"IdpUrl": "http://idp.example.com/token"}),
                &["IdpUrl: ", "unencrypted: use https"],
            ),
            (
                json!({"IdpUrl": "ftp://idp.example.com/token"}),
                &["IdpUrl: `ftp` is not a scheme", "use https"],
            ),
            (
                json!({"IdpUrl": "https://me:hush-hush@idp.example.com/token"}),
                &["IdpUrl: credentials do not belong into the URL: use ClientId and ClientSecret"],
            ),
            (
                json!({"IdpUrl": "https://idp.example.com/token#x"}),
                &["IdpUrl: ", "fragment", "remove it"],
            ),
            (
                json!({"RoleArn": "inventory"}),
                &["RoleArn: `inventory` is not a role ARN: it has the form arn:aws:iam::"],
            ),
            (
                json!({"RoleArn": "arn:aws:iam::1:role/x"}),
                &["RoleArn: ", "exactly 12 digits"],
            ),
            (
                json!({"RoleArn": "arn:aws:iam::111122223333:user/x"}),
                &["RoleArn: ", "its last part begins with role/"],
            ),
            (
                json!({"RoleArn": "arn:aws:iam::{accountId}:role/x"}),
                &["RoleArn: {accountId} has a meaning in sub_account_assume_role_arn_chain only"],
            ),
            (
                json!({"SessionDuration": 899}),
                &["SessionDuration", "a whole number from 900 to 43200"],
            ),
            (
                json!({"SessionDuration": 43_201}),
                &["SessionDuration", "a whole number from 900 to 43200"],
            ),
            (
                json!({"SessionDuration": "an hour"}),
                &["SessionDuration", "a whole number from 900 to 43200"],
            ),
            (
                json!({"OidcClientAuthentication": "private_key_jwt"}),
                &[
                    "OidcClientAuthentication",
                    "one of `client_secret_basic`, `client_secret_post`",
                ],
            ),
            (
                json!({"OidcTokenParameters": ["a"]}),
                &["OidcTokenParameters", "is not an object of texts"],
            ),
            (
                json!({"OidcTokenParameters": {"a": {}}}),
                &["OidcTokenParameters", "is not an object of texts"],
            ),
            (
                json!({"OidcScope": ["a"]}),
                &["OidcScope", "is not text; put it in quotes"],
            ),
        ],
    );
}

#[test]
fn chains_and_roles() {
    let sim = start(one_account());
    refuse(
        &sim,
        || Run::keys(&sim),
        &[
            (
                json!({"master_assume_role_arn_chain": ["hub"]}),
                &[
                    "master_assume_role_arn_chain: `hub` is not a role ARN: it has the form arn:aws:iam::123456789012:role/name",
                ],
            ),
            (
                json!({"master_assume_role_arn_chain": [SUB]}),
                &[
                    "master_assume_role_arn_chain contains {accountId}",
                    "write the master account's id",
                ],
            ),
            (
                json!({"master_assume_role_arn_chain": {"a": "b"}}),
                &["master_assume_role_arn_chain", "is not a list of texts"],
            ),
            (
                json!({"sub_account_assume_role_arn_chain": ["arn:aws:iam::{account}:role/x"]}),
                &[
                    "sub_account_assume_role_arn_chain: ",
                    "its account is {accountId} or has exactly 12 digits",
                ],
            ),
            (
                json!({"sub_account_assume_role_arn_chain": ["arn:aws:iam::{accountId}:role/{accountID}"]}),
                &["sub_account_assume_role_arn_chain: ", "cannot contain '{'"],
            ),
            (
                json!({"sub_account_assume_role_arn_chain": ["arn:aws:iam::111122223333:role/hub"]}),
                &[
                    "sub_account_assume_role_arn_chain contains no {accountId}",
                    "write {accountId} in place of the account's id",
                ],
            ),
            (
                json!({"assume_external_id": "x"}),
                &["assume_external_id: `x` must have 2 to 1224 characters"],
            ),
            (
                json!({"assume_external_id": "with blanks"}),
                &["assume_external_id: ", "letters, digits and _+=,.@:/-"],
            ),
            (
                json!({"role_session_name": "x"}),
                &["role_session_name: `x` must have 2 to 64 characters"],
            ),
            (
                json!({"role_session_name": "with blanks"}),
                &["role_session_name: ", "letters, digits and _=,.@-"],
            ),
            (json!({"role_session_name": "é-connector"}), &["role_session_name: "]),
            (
                json!({"source_identity": "a/b"}),
                &["source_identity: ", "letters, digits and _=,.@-"],
            ),
            (
                json!({"role_session_duration": 3601}),
                &["role_session_duration", "to 3600"],
            ),
            (
                json!({"role_session_duration": 0}),
                &["role_session_duration", "to 3600"],
            ),
            (
                json!({"sts_region": "europe"}),
                &["sts_region: `europe` is not the name of a region, such as eu-west-1"],
            ),
        ],
    );
}

#[test]
fn accounts_and_regions() {
    let sim = start(one_account());
    refuse(
        &sim,
        || Run::keys(&sim),
        &[
            (
                json!({"accounts": [A]}),
                &[
                    "sub_account_assume_role_arn_chain is missing: `accounts` needs it",
                    "set it, or remove `accounts`",
                ],
            ),
            (
                json!({"accounts": [A], "sub_account_assume_role_arn_chain": [SUB], "master_assume_role_arn_chain": [role(MASTER, "hub")]}),
                &[
                    "master_assume_role_arn_chain is set together with `accounts`",
                    "remove it and put its roles in front of sub_account_assume_role_arn_chain",
                ],
            ),
            (
                json!({"accounts": ["12345"], "sub_account_assume_role_arn_chain": [SUB]}),
                &["accounts: `12345` is not an account id: an account id has exactly 12 digits"],
            ),
            (
                json!({"accounts": [12_345_678_901_u64], "sub_account_assume_role_arn_chain": [SUB]}),
                &[
                    "accounts",
                    "12345678901 stands without quotes; write it as text, \"012345678901\"",
                ],
            ),
            (
                json!({"accounts": [A, B], "sub_account_assume_role_arn_chain": [role(A, "inventory")]}),
                &["sub_account_assume_role_arn_chain contains no {accountId}"],
            ),
            (
                json!({"accounts": [A], "exclude_accounts": [B], "sub_account_assume_role_arn_chain": [SUB]}),
                &["exclude_accounts is set together with `accounts`", "remove one"],
            ),
            (
                json!({"accounts": [A], "organizational_units": [SHOP], "sub_account_assume_role_arn_chain": [SUB]}),
                &["organizational_units is set together with `accounts`", "remove one"],
            ),
            (
                json!({"accounts": [A], "listing_page_size": 5, "sub_account_assume_role_arn_chain": [SUB]}),
                &["listing_page_size is set together with `accounts`", "remove one"],
            ),
            (
                json!({"exclude_accounts": [A]}),
                &[
                    "exclude_accounts has a meaning with the account listing only: set sub_account_assume_role_arn_chain",
                ],
            ),
            (
                json!({"organizational_units": [SHOP]}),
                &[
                    "organizational_units has a meaning with the account listing only: set sub_account_assume_role_arn_chain",
                ],
            ),
            (
                json!({"listing_page_size": 5}),
                &[
                    "listing_page_size has a meaning with the account listing only: set sub_account_assume_role_arn_chain",
                ],
            ),
            (
                json!({"exclude_accounts": ["x"], "sub_account_assume_role_arn_chain": [SUB]}),
                &["exclude_accounts: `x` is not an account id"],
            ),
            (
                json!({"organizational_units": ["Workloads"], "sub_account_assume_role_arn_chain": [SUB]}),
                &[
                    "organizational_units: `Workloads` is neither the id of an organizational unit (ou-…) or a root (r-…) nor a path",
                ],
            ),
            (
                json!({"listing_page_size": 21, "sub_account_assume_role_arn_chain": [SUB]}),
                &["listing_page_size", "a whole number from 1 to 20"],
            ),
            (
                json!({"regions": ["frankfurt"]}),
                &["regions: `frankfurt` is not the name of a region, such as eu-west-1"],
            ),
            (
                json!({"regions": ["eu-west-1a"]}),
                &["regions: `eu-west-1a` is not the name of a region"],
            ),
            (json!({"regions": [5]}), &["regions", "stands without quotes"]),
            (
                json!({"exclude_regions": ["all"]}),
                &["exclude_regions: `all` is not the name of a region"],
            ),
        ],
    );
}

#[test]
fn output_and_run() {
    let sim = start(one_account());
    refuse(
        &sim,
        || Run::keys(&sim),
        &[
            (json!({"format": "xml"}), &["format", "one of `csv`, `json`, `jsonl`"]),
            (
                json!({"output": "/nowhere/rows.csv"}),
                &["output: the directory /nowhere does not exist; create it"],
            ),
            (json!({"output": "/tmp"}), &["output: /tmp is a directory; name a file"]),
            (
                json!({"ledger": "/nowhere/run.json"}),
                &["ledger: the directory /nowhere does not exist; create it"],
            ),
            (
                json!({"output": "same.json", "ledger": "same.json"}),
                &["ledger and output name the same file"],
            ),
            (
                json!({"max_concurrency": 0}),
                &["max_concurrency", "a whole number from 1 to 1000"],
            ),
            (
                json!({"max_concurrency": 1001}),
                &["max_concurrency", "a whole number from 1 to 1000"],
            ),
            (json!({"page_size": 4}), &["page_size", "a whole number from 5 to 1000"]),
            (
                json!({"page_size": 1001}),
                &["page_size", "a whole number from 5 to 1000"],
            ),
            (
                json!({"page_size": 5.5}),
                &["page_size", "a whole number from 5 to 1000"],
            ),
            (
                json!({"acces_key": "x"}),
                &["unknown parameter `acces_key`", "did you mean `access_key_id`?"],
            ),
            (
                json!({"RoleARN": "x"}),
                &["unknown parameter `RoleARN`", "did you mean `RoleArn`?"],
            ),
            (
                json!({"region": FRANKFURT}),
                &["unknown parameter `region`", "did you mean `regions`?"],
            ),
            (
                json!({"zzz": 1}),
                &["unknown parameter `zzz`", "the `spec` verb lists all parameters"],
            ),
            (
                json!({"masterAssumeRoleArnChain": [role(MASTER, "hub")], "master_assume_role_arn_chain": [role(MASTER, "hub")]}),
                &["master_assume_role_arn_chain is given twice", "keep one"],
            ),
            // Everything that is wrong is told at once.
            (
                json!({"format": "xml", "page_size": 1, "zzz": 1}),
                &["format", "page_size", "unknown parameter `zzz`"],
            ),
            (
                json!({"sts_region": "x", "role_session_name": "x", "exclude_accounts": ["x"]}),
                &["sts_region: ", "role_session_name: ", "exclude_accounts"],
            ),
        ],
    );
}

#[test]
fn secrets_are_not_taken_from_the_command_line() {
    let sim = start(one_account());
    for (flag, name, file) in [
        ("--secret-access-key", "secret_access_key", "--secret-access-key-file"),
        ("--session-token", "session_token", "--session-token-file"),
        ("--client-secret", "ClientSecret", "--client-secret-file"),
    ] {
        for form in [format!("{flag}=hush-hush"), flag.to_owned()] {
            let outcome = Run::keys(&sim).secret("hush-hush").flag(&form).expect(2);
            outcome.says(&[
                &format!("{name} is not taken from the command line"),
                "in the environment",
                file,
            ]);
        }
    }
    assert_eq!(sim.calls().len(), 0);
}

#[test]
fn sources_that_cannot_be_read() {
    let sim = start(one_account());
    let bare = || Run::bare(&sim).verb("run");
    bare().flag("--params=nowhere.json").expect(2);
    Run::keys(&sim)
        .variable("CONNECTOR_ROLE_ARM", "x")
        .expect(2)
        .says(&["CONNECTOR_ROLE_ARM", "did you mean `RoleArn`?"]);
    Run::keys(&sim)
        .variable("AWS_CA_BUNDLE", "/nowhere.pem")
        .expect(2)
        .says(&["AWS_CA_BUNDLE: /nowhere.pem cannot be read"]);
    Run::keys(&sim)
        .file("ca.pem", "no certificate")
        .variable("AWS_CA_BUNDLE", "ca.pem")
        .expect(2)
        .says(&["AWS_CA_BUNDLE: ca.pem has no certificate in it"]);
    Run::keys(&sim)
        .flag("--no-such-flag=1")
        .expect(2)
        .says(&["--no-such-flag"]);
    for verb in ["check", "accounts", "plan", "iam-policy"] {
        Run::bare(&sim).verb(verb).expect(2).says(&["access_key_id is missing"]);
    }
    assert_eq!(sim.calls().len(), 0);
}

#[test]
fn what_is_given_twice_or_without_quotes_is_refused() {
    let sim = start(one_account());
    let run = || Run::bare(&sim);
    run()
        .parameter_file("params.json", r#"{"regions": ["a"], "regions": ["b"]}"#)
        .expect(2)
        .says(&["params.json: line 1, column 36: a name is given twice; keep one"]);
    let yaml = "access_key_id: x\nsecret_access_key: y\nsub_account_assume_role_arn_chain: \
                arn:aws:iam::{accountId}:role/r\naccounts: [012345678901]\n";
    run().parameter_file("params.yaml", yaml).expect(2).says(&[
        "accounts (in ",
        "012345678901 stands without quotes, and is read as the number",
        "write \"012345678901\"",
    ]);
    Run::oidc(&sim)
        .params(json!({"OidcAudience": "a", "OidcTokenParameters": {"audience": "b", "grant_type": "password"}}))
        .expect(2)
        .says(&[
            "OidcTokenParameters has `audience`, which is OidcAudience too: keep one",
            "OidcTokenParameters has `grant_type`, which is always client_credentials",
        ]);
    assert_eq!(sim.calls().len(), 0);
}
