//! Where parameters come from, and in which forms: the same run each time, seen by its rows.

use std::collections::BTreeSet;

use end_to_end::connector::{Connector, Outcome};
use end_to_end::servers::{Ministack, Moto};
use serde_json::{Value, json};

use super::ONE_HOP;

/// Text of a parameter file for two accounts, given the connector that has the credentials.
type File = fn(&Connector, &[&str]) -> String;

#[track_caller]
fn expect_accounts(outcome: &Outcome, names: &[&str]) {
    outcome.expect_exit(0);
    let moto = Moto::shared();
    let expected: BTreeSet<_> = names.iter().map(|name| moto.estate.account(name).to_owned()).collect();
    assert_eq!(outcome.accounts(), expected);
}

#[test]
fn a_parameter_file_is_json_toml_or_yaml() {
    let moto = Moto::shared();
    let (build, shop) = (moto.estate.account("Build"), moto.estate.account("Shop"));
    let forms: [(&str, File); 3] = [
        ("hub.json", |c, accounts| {
            json!({
                "AuthenticationMethod": "Access Key & Secret Key",
                "access_key_id": c.value("access_key_id"),
                "secret_access_key": c.value("secret_access_key"),
                "sub_account_assume_role_arn_chain": [ONE_HOP],
                "accounts": accounts,
                "regions": ["eu-central-1", "us-east-1"],
            })
            .to_string()
        }),
        ("hub.toml", |c, accounts| {
            format!(
                "# a comment\naccess_key_id = '{}'\nsecret_access_key = '{}'\nsub_account_assume_role_arn_chain = ['{ONE_HOP}']\n\
                 accounts = {accounts:?}\nregions = ['eu-central-1', 'us-east-1']\n",
                c.value("access_key_id"),
                c.value("secret_access_key"),
            )
        }),
        ("hub.yaml", |c, accounts| {
            format!(
                "# a comment\naccess_key_id: {}\nsecret_access_key: '{}'\nsub_account_assume_role_arn_chain:\n  - '{ONE_HOP}'\n\
                 accounts: {accounts:?}\nregions: [eu-central-1, us-east-1]\n",
                c.value("access_key_id"),
                c.value("secret_access_key"),
            )
        }),
    ];
    let mut texts = BTreeSet::new();
    for (name, text) in forms {
        let connector = Connector::run().at_moto(moto);
        let text = text(&connector, &[build, shop]);
        let outcome = connector.parameter_file(name, &text).finish();
        expect_accounts(&outcome, &["Build", "Shop"]);
        texts.insert(outcome.text().to_owned());
    }
    assert_eq!(texts.len(), 1, "the same rows from every form");
}

#[test]
fn the_environment_wins_over_the_file_and_a_flag_over_both() {
    let moto = Moto::shared();
    let [build, shop, lake] = ["Build", "Shop", "Data Lake"].map(|name| moto.estate.account(name));
    let run = || {
        Connector::run()
            .at_moto(moto)
            .parameter("sub_account_assume_role_arn_chain", json!([ONE_HOP]))
            .parameter("accounts", json!([build]))
            .parameter("regions", json!(moto.estate.regions))
    };
    expect_accounts(&run().finish(), &["Build"]);
    let by_environment = || run().env("CONNECTOR_ACCOUNTS", shop);
    expect_accounts(&by_environment().finish(), &["Shop"]);
    expect_accounts(
        &by_environment().flag("--accounts", &format!("{lake},{build}")).finish(),
        &["Data Lake", "Build"],
    );
}

#[test]
fn a_run_needs_no_parameter_file() {
    let moto = Moto::shared();
    let connector = Connector::run().at_moto(moto);
    let (key, secret) = (connector.value("access_key_id"), connector.value("secret_access_key"));
    let outcome = ["access_key_id", "secret_access_key", "role_session_name"]
        .into_iter()
        .fold(connector, Connector::without)
        .env("CONNECTOR_SECRET_ACCESS_KEY", &secret)
        .flag("--access-key-id", &key)
        .flag("--sub-account-assume-role-arn-chain", ONE_HOP)
        .flag("--accounts", moto.estate.account("Build"))
        .flag("--regions", "eu-central-1,us-east-1")
        .finish();
    expect_accounts(&outcome, &["Build"]);
}

#[test]
fn null_an_empty_text_and_an_absent_key_mean_the_same() {
    let moto = Moto::shared();
    let optional = [
        "session_token",
        "master_assume_role_arn_chain",
        "assume_external_id",
        "sub_account_assume_role_arn_chain",
        "accounts",
        "ClientId",
        "ClientSecret",
        "IdpUrl",
        "RoleArn",
        "SessionDuration",
        "OidcScope",
        "OidcAudience",
        "OidcClientAuthentication",
        "OidcTokenParameters",
        "organizational_units",
        "exclude_accounts",
        "exclude_regions",
        "sts_region",
        "source_identity",
        "AuthenticationMethod",
    ];
    let mut texts = BTreeSet::new();
    for nothing in [Some(Value::Null), Some(json!("")), None] {
        let mut connector = Connector::run()
            .at_moto(moto)
            .parameter("regions", json!(moto.estate.regions));
        for name in optional {
            if let Some(nothing) = &nothing {
                connector = connector.parameter(name, nothing.clone());
            }
        }
        let outcome = connector.finish();
        expect_accounts(&outcome, &["master"]);
        texts.insert(outcome.text().to_owned());
    }
    assert_eq!(texts.len(), 1);
}

#[test]
fn a_chain_is_an_array_or_a_text_and_has_the_hubs_other_names() {
    let moto = Moto::shared();
    let hub = format!("arn:aws:iam::{}:role/hub,1", moto.estate.account("Security Tooling"));
    let chains = [
        ("sub_account_assume_role_arn_chain", json!([hub, ONE_HOP])),
        ("sub_account_assume_role_arn_chain", json!(format!("{hub} {ONE_HOP}"))),
        ("sub_account_assume_role_arn_chain", json!(format!("{hub};{ONE_HOP}"))),
        ("sub_account_assume_role_arn_chain", json!(format!("{hub}, {ONE_HOP}"))),
        ("sub_account_assume_role_arn_chain", json!(format!("{hub},{ONE_HOP}"))),
        ("subAccountAssumeRoleArnChain", json!([hub, ONE_HOP])),
        ("SubAccountAssumeRoleArnChain", json!(format!("{hub}\n{ONE_HOP}\n"))),
    ];
    for (name, chain) in chains {
        let outcome = Connector::run()
            .at_moto(moto)
            .parameter(name, chain.clone())
            .parameter("accounts", json!([moto.estate.account("Build")]))
            .parameter("regions", json!(moto.estate.regions))
            .finish();
        expect_accounts(&outcome, &["Build"]);
        let roles: Vec<_> = outcome
            .requests(moto.journal())
            .iter()
            .filter(|request| request.action == "AssumeRole")
            .map(|request| request.parameter("RoleArn").to_owned())
            .collect();
        let entry = ONE_HOP.replace("{accountId}", moto.estate.account("Build"));
        assert_eq!(roles, [hub.clone(), entry], "{name} = {chain}");
    }
    for name in [
        "masterAccountAssumeRoleArnChain",
        "masterAssumeRoleArnChain",
        "MasterAssumeRoleArnChain",
    ] {
        let role = format!("arn:aws:iam::{}:role/target", moto.estate.account("Shop"));
        let outcome = Connector::run()
            .at_moto(moto)
            .parameter(name, role)
            .parameter("regions", json!(moto.estate.regions))
            .finish();
        expect_accounts(&outcome, &["Shop"]);
    }
}

#[test]
fn a_secret_comes_from_the_environment_a_file_or_a_command_and_is_the_right_one() {
    // At a server that checks signatures, so that a secret with a line end too many would be refused.
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({
        "master": "700000000001",
        "user": ["ec2:*"],
        "instances": [{ "account": "master", "region": "eu-central-1", "count": 1 }],
    }));
    let secret = made["secret_access_key"].as_str().unwrap();
    let run = || {
        Connector::run()
            .at_ministack(ministack, &made)
            .without("secret_access_key")
            .parameter("regions", json!(["eu-central-1"]))
    };
    let by_file = run();
    let file = by_file.file("secret", &format!("{secret}\n"));
    let file = file.to_str().unwrap();
    let sources = [
        run().env("CONNECTOR_SECRET_ACCESS_KEY", secret),
        by_file.parameter("secret_access_key_file", file),
        run().flag("--secret-access-key-file", file),
        run().parameter("secret_access_key_command", format!("cat '{file}'")),
    ];
    // The file lives in the folder of the second run, which is finished first so that it is still there.
    let mut outcomes = Vec::new();
    for connector in sources {
        let outcome = connector.finish();
        outcome.expect_exit(0);
        assert_eq!(outcome.rows().len(), 1);
        outcomes.push(outcome);
    }
}

#[test]
fn the_default_chain_takes_what_every_aws_tool_takes() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({
        "master": "700000000002",
        "user": ["ec2:*"],
        "instances": [{ "account": "master", "region": "eu-central-1", "count": 1 }],
    }));
    let (key, secret) = (
        made["access_key_id"].as_str().unwrap(),
        made["secret_access_key"].as_str().unwrap(),
    );
    let run = || {
        Connector::run()
            .env("AWS_ENDPOINT_URL", &ministack.url())
            .issued_in(ministack.issued())
            .secret(secret)
            .parameter("AuthenticationMethod", "AWS Default Chain")
            .parameter("regions", json!(["eu-central-1"]))
    };
    let by_environment = run().env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", secret);
    let by_profile = run().env("AWS_PROFILE", "inventory");
    std::fs::create_dir_all(by_profile.home().join(".aws")).unwrap();
    let profile = format!("[inventory]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
    std::fs::write(by_profile.home().join(".aws/credentials"), profile).unwrap();
    for connector in [by_environment, by_profile] {
        let outcome = connector.finish();
        outcome.expect_exit(0);
        assert_eq!(outcome.rows().len(), 1);
    }
    run().finish().expect_exit(4).expect_said(&["default"]);
}
