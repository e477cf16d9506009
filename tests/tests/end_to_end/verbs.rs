//! The verbs beside `run`: data on standard output, all else on standard error.

use end_to_end::connector::Connector;
use end_to_end::oracle;
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
    assert!(!asked.is_empty(), "the listing was asked for");
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
fn the_schema_of_the_parameters_takes_what_a_run_takes_and_nothing_else() {
    let schema: Value = serde_json::from_str(&Connector::verb("spec").finish().stdout).unwrap();
    let role = "arn:aws:iam::111111111111:role/a";
    let wrong = oracle::python(
        "check_schema.py",
        &json!({
            "schema": schema,
            "valid": [
                {},
                { "access_key_id": "AKIA", "secret_access_key": "x", "session_token": null, "accounts": "", "page_size": 5 },
                { "master_assume_role_arn_chain": [role], "sub_account_assume_role_arn_chain": format!("{role} {ONE_HOP}") },
                { "AuthenticationMethod": "Web Identity Federation (OIDC)", "SessionDuration": 43200, "accounts": ["111111111111"] },
                { "OidcTokenParameters": { "resource": "urn:x" }, "OidcClientAuthentication": "client_secret_post" },
                { "masterAccountAssumeRoleArnChain": [role] },
            ],
            "invalid": [
                { "access_key": "AKIA" },
                { "AuthenticationMethod": "Kerberos" },
                { "SessionDuration": 899 },
                { "page_size": 4 },
                { "accounts": [5] },
                { "OidcClientAuthentication": "tls" },
                [],
            ],
        }),
    );
    assert_eq!(wrong.unwrap(), json!([]));
}

#[test]
fn the_output_is_what_the_schema_says() {
    let outcome = Connector::verb("schema").finish();
    outcome.expect_exit(0);
    let schema: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let columns = schema["columns"].as_array().unwrap();
    let published = organization(Moto::shared()).finish().rows();
    let names: Vec<_> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(
        published[0].keys().collect::<Vec<_>>(),
        names,
        "the columns, in their order"
    );

    let key: Vec<_> = columns
        .iter()
        .filter(|column| column["key"] == true)
        .map(|column| &column["name"])
        .collect();
    assert_eq!(key, ["account_id", "region", "instance_id"]);
    let keys: Vec<_> = published
        .iter()
        .map(|row| {
            key.iter()
                .map(|name| row[name.as_str().unwrap()].as_str().unwrap())
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(
        keys.is_sorted_by(|a, b| a < b),
        "rows are ordered by their key, and no key is there twice"
    );

    for row in &published {
        for column in columns {
            let (name, value) = (column["name"].as_str().unwrap(), &row[column["name"].as_str().unwrap()]);
            let right = match (value, column["type"].as_str().unwrap()) {
                (Value::Null, _) => column["nullable"] == true,
                (Value::String(_), "text") | (Value::Bool(_), "boolean") => true,
                (Value::String(time), "timestamp") => is_utc(time),
                (Value::Number(number), "integer") => number.is_i64(),
                (Value::Number(_), "number") => true,
                (Value::Array(_) | Value::Object(_), "nested") => true,
                _ => false,
            };
            assert!(right, "{name} is {value}, and should be {column}");
        }
    }
}

/// Whether a text is a time in RFC 3339 and UTC, such as `2024-02-03T04:05:06Z` or with a fraction of the second.
fn is_utc(text: &str) -> bool {
    let form: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let Some(rest) = form.strip_prefix("0000-00-00T00:00:00") else {
        return false;
    };
    let fraction = rest
        .strip_prefix('.')
        .map_or(rest, |digits| digits.trim_start_matches('0'));
    fraction == "Z"
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
