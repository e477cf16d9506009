//! The verbs beside `run`: data on standard output, all else on standard error.

use end_to_end::connector::Connector;
use end_to_end::servers::{Ministack, Moto};
use serde_json::{Value, json};

use super::{ONE_HOP, organization};

fn at_moto(verb: &str) -> Connector {
    let moto = Moto::shared();
    Connector::verb(verb)
        .at_moto(moto)
        .parameter("sub_account_assume_role_arn_chain", json!([ONE_HOP]))
        .parameter("regions", json!(moto.estate.regions))
}

#[test]
fn accounts_prints_every_account_with_the_way_to_it() {
    let moto = Moto::shared();
    let outcome = at_moto("accounts").finish();
    outcome.expect_exit(0);
    for (name, id) in &moto.estate.accounts {
        assert!(outcome.stdout.contains(id.as_str()), "{name} {id}:\n{}", outcome.stdout);
    }
    assert!(
        outcome.stdout.contains("/Root/Engineering/Platform/Edge & Cache"),
        "{}",
        outcome.stdout
    );
    let way = ONE_HOP.replace("{accountId}", moto.estate.account("Build"));
    assert!(
        outcome.stdout.contains(&way),
        "the way to an account:\n{}",
        outcome.stdout
    );
    let asked = outcome.requests(moto.journal());
    assert!(asked.iter().all(|request| request.action != "DescribeInstances"));
}

#[test]
fn plan_prints_every_slice_and_makes_only_the_calls_of_the_listing() {
    let moto = Moto::shared();
    let outcome = at_moto("plan").finish();
    outcome.expect_exit(0);
    for word in [
        "ec2:DescribeInstances",
        "sts:AssumeRole",
        "eu-central-1",
        moto.estate.account("Build"),
    ] {
        assert!(outcome.stdout.contains(word), "{word}:\n{}", outcome.stdout);
    }
    for request in outcome.requests(moto.journal()) {
        assert!(
            ["sts", "organizations"].contains(&request.service.as_str()),
            "{request:?}"
        );
        assert_ne!(request.action, "AssumeRole", "the listing needs no role here");
    }
}

#[test]
fn check_says_for_each_account_whether_it_works_and_what_to_change() {
    let ministack = Ministack::shared();
    let made = ministack.seed(json!({
        "master": "800000000001",
        "user": ["sts:AssumeRole", "organizations:*", "ec2:Describe*"],
        "members": ["Good", "Bad"],
        "roles": [{ "account": "Good", "name": "inventory", "trusts": ["user"], "allow": ["ec2:Describe*"] }],
    }));
    let check = |accounts: Value| {
        Connector::verb("check")
            .at_ministack(ministack, &made)
            .parameter("sub_account_assume_role_arn_chain", json!([ONE_HOP]))
            .parameter("accounts", accounts)
            .parameter("regions", json!(["eu-central-1"]))
            .finish()
    };
    let (good, bad) = (
        made["accounts"]["Good"].as_str().unwrap(),
        made["accounts"]["Bad"].as_str().unwrap(),
    );
    let fine = check(json!([good]));
    fine.expect_exit(0);
    assert!(fine.stdout.contains(good));

    let mixed = check(json!([good, bad]));
    mixed.expect_exit(3);
    let said = format!("{}{}", mixed.stdout, mixed.stderr);
    for word in [good, bad, &ONE_HOP.replace("{accountId}", bad), "AccessDenied", "trust"] {
        assert!(said.contains(word), "{word}:\n{said}");
    }
    check(json!([bad])).expect_exit(4);
}

#[test]
fn spec_is_a_schema_of_every_parameter() {
    let outcome = Connector::verb("spec").finish();
    outcome.expect_exit(0);
    let schema: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    for name in [
        "AuthenticationMethod",
        "access_key_id",
        "secret_access_key",
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
        "regions",
        "exclude_regions",
        "sts_region",
        "role_session_name",
        "source_identity",
        "output",
        "format",
        "ledger",
        "max_concurrency",
        "page_size",
    ] {
        let property = properties
            .get(name)
            .unwrap_or_else(|| panic!("the schema lacks {name}"));
        assert!(
            property["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{name} is described"
        );
    }
}

#[test]
fn schema_describes_the_columns_of_the_output() {
    let moto = Moto::shared();
    let outcome = Connector::verb("schema").finish();
    outcome.expect_exit(0);
    let published = organization(moto)
        .parameter("regions", json!(["eu-central-1"]))
        .finish();
    for column in published.rows()[0].keys() {
        assert!(
            outcome.stdout.contains(column.as_str()),
            "the schema lacks {column}:\n{}",
            outcome.stdout
        );
    }
}

#[test]
fn iam_policy_prints_policies_that_are_json() {
    let outcome = at_moto("iam-policy").without("regions").finish();
    outcome.expect_exit(0);
    let policies: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let text = policies.to_string();
    for word in [
        "2012-10-17",
        "sts:AssumeRole",
        "ec2:DescribeInstances",
        "ec2:DescribeRegions",
        "organizations:List",
    ] {
        assert!(text.contains(word), "{word}:\n{}", outcome.stdout);
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (flag, word) in [("--help", "iam-policy"), ("--version", env!("CARGO_PKG_VERSION"))] {
        let outcome = Connector::verb(flag).finish();
        outcome.expect_exit(0);
        assert!(outcome.stdout.contains(word), "{}", outcome.stdout);
    }
}

#[test]
fn a_log_collector_gets_json_lines() {
    let outcome = organization(Moto::shared()).flag("--log-format", "json").finish();
    outcome.expect_exit(0);
    for line in outcome.stderr.lines() {
        serde_json::from_str::<serde_json::Map<String, Value>>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(!outcome.stderr.is_empty());
}
