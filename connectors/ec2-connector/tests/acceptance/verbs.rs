//! The other verbs: what they print, and what they do not do.

use std::collections::BTreeSet;

use aws_sim::facts::default_regions;
use aws_sim::{AccountState, Estate, Fault, Region, Role, Sim};
use serde_json::{Value as Json, json};

use crate::harness::{Run, start};
use crate::world::*;

fn chains() -> Json {
    json!({
        "master_assume_role_arn_chain": [role(MASTER, "organization-reader")],
        "sub_account_assume_role_arn_chain": [role(MASTER, "hub"), role("{accountId}", "inventory")],
    })
}

#[test]
fn accounts_are_printed_with_the_way_to_reach_each() {
    let mut estate = estate();
    estate.change_account(D, |account| account.state(AccountState::Suspended));
    let sim = start(estate);
    let run = || {
        Run::keys(&sim)
            .verb("accounts")
            .params(chains())
            .params(json!({"exclude_accounts": [E]}))
    };
    let listed = run().params(json!({"format": "json"})).expect(0);
    let rows = listed.json();
    let ids: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["account_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ALL);
    assert_eq!(
        rows[3],
        json!({
            "account_id": C,
            "account_name": "shop",
            "organizational_unit_id": SHOP,
            "organizational_unit_path": "/Root/Workloads/Production/Shop",
            "state": "ACTIVE",
            "master": false,
            "collected": true,
            "reason": null,
            "chain": [role(MASTER, "hub"), role(C, "inventory")],
        })
    );
    assert_eq!(
        (&rows[0]["master"], &rows[0]["chain"]),
        (&json!(true), &json!([role(MASTER, "organization-reader")]))
    );
    assert_eq!(
        (&rows[4]["collected"], &rows[4]["reason"]),
        (&json!(false), &json!("the account's state is SUSPENDED"))
    );
    assert_eq!(
        (&rows[5]["collected"], &rows[5]["reason"]),
        (&json!(false), &json!("named in exclude_accounts"))
    );
    let table = run().expect(0).stdout;
    for text in [
        C,
        "/Root/Workloads/Production/Shop",
        "named in exclude_accounts",
        "role/hub →",
    ] {
        assert!(table.contains(text), "{text} is not in:\n{table}");
    }
    let csv = run().params(json!({"format": "csv"})).expect(0).stdout;
    assert_eq!(csv.lines().count(), 7);
    let jsonl = run().params(json!({"format": "jsonl"})).expect(0).stdout;
    assert_eq!(jsonl.lines().count(), 6);
    assert_eq!(sim.count("ec2:*"), 0);
    assert!(!listed.has_output() && !listed.has_ledger());
    let explicit = Run::organization(&sim)
        .verb("accounts")
        .params(json!({"accounts": [B, A], "format": "json"}))
        .expect(0);
    let ids: Vec<_> = explicit
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["account_id"].clone())
        .collect();
    assert_eq!(ids, [A, B]);
}

fn checked<'j>(rows: &'j Json, account: &str) -> &'j Json {
    rows.as_array()
        .unwrap()
        .iter()
        .find(|row| row["account_id"] == account)
        .unwrap()
}

#[test]
fn check_walks_every_hop_and_names_the_one_that_fails() {
    let mut estate = estate();
    estate
        .regions(default_regions().into_iter().map(Region::new))
        .change_account(C, |account| account.change_role("inventory", |_| Role::new("another")))
        .change_account(A, |account| {
            account.change_role("inventory", |role| role.deny("ec2:DescribeRegions"))
        })
        .change_account(E, |account| {
            account.change_role("inventory", |role| role.deny("ec2:DescribeInstances"))
        })
        .change_account(D, |account| account.state(AccountState::Suspended));
    let sim = start(estate);
    let run = || Run::keys(&sim).verb("check").params(chains());
    let outcome = run().params(json!({"format": "json"})).expect(3);
    let rows = outcome.json();
    let failed = checked(&rows, C);
    assert_eq!(failed["outcome"], "credentials");
    let cause = &failed["cause"];
    assert_eq!(
        cause["hop"],
        format!("hop 2 of 2, AssumeRole of {}", role(C, "inventory"))
    );
    assert_eq!(cause["code"], "AccessDenied");
    assert!(
        cause["message"]
            .as_str()
            .unwrap()
            .contains("is not authorized to perform: sts:AssumeRole")
    );
    assert!(
        cause["hint"]
            .as_str()
            .unwrap()
            .contains(&format!("check that {} exists", role(C, "inventory")))
    );
    let works = checked(&rows, B);
    assert_eq!((&works["outcome"], &works["cause"]), (&json!("complete"), &Json::Null));
    assert_eq!(
        works["caller_arn"],
        format!("arn:aws:sts::{B}:assumed-role/inventory/ec2-connector")
    );
    assert_eq!(works["regions"], json!(default_regions()));
    let denied = checked(&rows, A);
    assert_eq!(
        (&denied["outcome"], &denied["cause"]["operation"]),
        (&json!("denied"), &json!("DescribeRegions"))
    );
    // Reached, and yet of no use: the connector's own call says so.
    let useless = checked(&rows, E);
    assert_eq!(
        (&useless["outcome"], &useless["cause"]["operation"], &useless["regions"]),
        (&json!("denied"), &json!("DescribeInstances"), &json!([]))
    );
    assert_eq!(useless["region"], default_regions()[0]);
    assert!(
        useless["cause"]["hint"]
            .as_str()
            .unwrap()
            .contains("allow ec2:DescribeInstances in the policy of the role")
    );
    assert_eq!(
        (&checked(&rows, D)["outcome"], &checked(&rows, D)["reason"]),
        (&json!("skipped"), &json!("the account's state is SUSPENDED"))
    );
    let probes = sim.calls_of("ec2:DescribeInstances");
    assert!(
        probes.iter().all(|call| call.parameter("MaxResults") == Some("5")),
        "it collects nothing"
    );
    let of_b = probes.iter().filter(|call| call.account.as_deref() == Some(B));
    assert_eq!(of_b.count(), default_regions().len(), "each region once");
    assert!(!outcome.has_output() && !outcome.has_ledger());
    let table = run().expect(3).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(table.contains("hop 2 of 2, AssumeRole of"), "{table}");
    Run::keys(&sim).verb("check").expect(0);
    Run::organization(&sim)
        .verb("check")
        .params(json!({"accounts": [C]}))
        .expect(4);
    let wrong = Run::keys(&sim)
        .verb("check")
        .params(json!({"access_key_id": "AKIAIOSFODNN7EXAMPLE"}))
        .expect(4);
    wrong.says(&[
        "error: the identity check: InvalidClientTokenId",
        "hint: the access key id is unknown",
    ]);
}

#[test]
fn plan_prints_what_a_run_would_do_and_makes_the_listings_calls_only() {
    let sim = start(estate());
    let run = || Run::keys(&sim).verb("plan").params(chains());
    let outcome = run().params(json!({"exclude_accounts": [E]})).expect(0);
    let made: BTreeSet<_> = sim.counts().into_keys().collect();
    let wanted = [
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListRoots",
        "sts:AssumeRole",
        "sts:GetCallerIdentity",
    ];
    assert_eq!(made, BTreeSet::from(wanted.map(str::to_owned)));
    assert_eq!(sim.count("sts:AssumeRole"), 1, "the master chain");
    let text = outcome.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "200000000005 is skipped: named in exclude_accounts",
        "every region that is enabled in the account",
        "DescribeRegions",
        "6 GetCallerIdentity",
        "1 DescribeInstances per page_size instances",
        "6 AssumeRole",
        "5 DescribeRegions",
        "initial credentials: sts:AssumeRole",
        "organizations:ListAccountsForParent",
        "each account's last role: ec2:DescribeInstances, ec2:DescribeRegions",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{}", outcome.stdout);
    }
    for account in ALL {
        assert!(text.contains(account));
    }
    // What it promises is what a run does.
    sim.forget_calls();
    Run::keys(&sim)
        .params(chains())
        .params(json!({"exclude_accounts": [E]}))
        .expect(0);
    let made = ["sts:AssumeRole", "sts:GetCallerIdentity", "ec2:DescribeRegions"].map(|call| sim.count(call));
    assert_eq!(made, [6, 6, 5]);
    let configured = run().params(json!({"regions": [FRANKFURT, IRELAND]})).expect(0).stdout;
    assert!(
        configured.contains("eu-central-1, eu-west-1") && configured.contains("12 slices"),
        "{configured}"
    );
    assert!(!outcome.has_output() && !outcome.has_ledger());
}

#[test]
fn spec_is_a_schema_that_names_every_parameter() {
    let sim = start(one_account());
    let spec = Run::bare(&sim).verb("spec").expect(0).json();
    assert_eq!(spec["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(
        (&spec["type"], &spec["additionalProperties"]),
        (&json!("object"), &json!(false))
    );
    let properties = spec["properties"].as_object().unwrap();
    for name in [
        "AuthenticationMethod",
        "access_key_id",
        "secret_access_key",
        "secret_access_key_file",
        "secret_access_key_command",
        "session_token",
        "master_assume_role_arn_chain",
        "masterAccountAssumeRoleArnChain",
        "masterAssumeRoleArnChain",
        "assume_external_id",
        "sub_account_assume_role_arn_chain",
        "subAccountAssumeRoleArnChain",
        "accounts",
        "ClientId",
        "ClientSecret",
        "ClientSecretFile",
        "ClientSecretCommand",
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
        "role_session_duration",
        "source_identity",
        "listing_page_size",
        "page_size",
        "output",
        "format",
        "ledger",
        "max_concurrency",
        "allow_insecure_endpoints",
        "csv_safe",
        "secret_identity_file",
    ] {
        let property = properties.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        let reference = property.get("$ref").and_then(Json::as_str);
        let target = reference.map_or(property, |reference| {
            let path = reference.strip_prefix('#').unwrap();
            spec.pointer(path)
                .unwrap_or_else(|| panic!("{reference} leads nowhere"))
        });
        assert!(target["description"].as_str().unwrap().len() > 10, "{name}");
        assert!(target.get("type").is_some() || target.get("enum").is_some(), "{name}");
    }
    let of = |name: &str| &properties[name];
    assert_eq!(
        (
            &of("SessionDuration")["minimum"],
            &of("SessionDuration")["maximum"],
            &of("SessionDuration")["default"]
        ),
        (&json!(900), &json!(43_200), &json!(3600))
    );
    for secret in ["secret_access_key", "session_token", "ClientSecret", "secret_identity"] {
        assert_eq!(of(secret)["writeOnly"], true, "{secret}");
    }
    let methods = of("AuthenticationMethod")["enum"].as_array().unwrap();
    assert!(
        methods.contains(&json!("Access Key & Secret Key"))
            && methods.contains(&json!("Web Identity Federation (OIDC)"))
    );
    // Every flag of the help is a parameter of the schema, and the other way round.
    let help = Run::bare(&sim).verb("run").flag("--help").run();
    for (name, property) in properties {
        if property.get("$ref").is_none() && property.get("writeOnly").is_none() {
            let mut flag = String::new();
            for c in name.chars() {
                if c.is_ascii_uppercase() && !flag.is_empty() {
                    flag.push('-');
                }
                flag.push(if c == '_' { '-' } else { c.to_ascii_lowercase() });
            }
            assert!(
                help.stdout.contains(&format!("--{flag} ")),
                "--{flag} is not in the help"
            );
        }
    }
}

/// The actions of all statements of a policy.
fn actions(policy: &Json) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap();
    statements
        .iter()
        .inspect(|statement| assert_eq!(statement["Effect"], "Allow"))
        .flat_map(|statement| statement["Action"].as_array().unwrap().clone())
        .map(|action| action.as_str().unwrap().to_owned())
        .collect()
}

/// What the callers whose ARN contains `who` have called, but for what needs no permission.
fn called(sim: &Sim, who: &str) -> BTreeSet<String> {
    let calls = sim
        .calls()
        .into_iter()
        .filter(|call| call.caller.as_ref().is_some_and(|caller| caller.contains(who)));
    calls
        .map(|call| call.name())
        .filter(|name| name != "sts:GetCallerIdentity")
        .collect()
}

#[test]
fn iam_policy_allows_what_a_run_calls_and_nothing_else() {
    let mut estate = estate();
    estate.change_account(MASTER, |account| {
        account.change_role("organization-reader", |role| role.external_id("hub-1"))
    });
    let sim = start(estate);
    for units in [json!(null), json!([WORKLOADS])] {
        let params = || {
            let mut params = chains();
            params["assume_external_id"] = json!("hub-1");
            params["organizational_units"] = units.clone();
            params
        };
        sim.forget_calls();
        let policies = Run::keys(&sim).verb("iam-policy").params(params()).expect(0).json();
        assert_eq!(sim.calls().len(), 0);
        Run::keys(&sim).params(params()).expect(0);
        for (entry, who) in [
            ("initial credentials", format!(":user/{}", Estate::USER)),
            (
                &role(MASTER, "organization-reader"),
                ":assumed-role/organization-reader/".to_owned(),
            ),
            (&role(MASTER, "hub"), ":assumed-role/hub/".to_owned()),
            (&role("{accountId}", "inventory"), ":assumed-role/inventory/".to_owned()),
        ] {
            let mut needed = called(&sim, &who);
            if entry.ends_with("organization-reader") && units != json!(null) {
                // The master account lies in none of the units; where it does, its instances are read with this role.
                needed.extend(["ec2:DescribeInstances", "ec2:DescribeRegions"].map(str::to_owned));
            }
            assert_eq!(actions(&policies[entry]["policy"]), needed, "{entry}");
            assert_eq!(policies[entry]["policy"]["Version"], "2012-10-17");
        }
        let inventory = &policies[role("{accountId}", "inventory")];
        let trust = &inventory["trust_policy"]["Statement"][0];
        assert_eq!(
            (&trust["Action"], &trust["Principal"]["AWS"]),
            (&json!("sts:AssumeRole"), &json!(role(MASTER, "hub")))
        );
        assert_eq!(trust["Condition"]["StringEquals"]["sts:ExternalId"], "hub-1");
        let hub = &policies[role(MASTER, "hub")]["policy"]["Statement"][0];
        assert_eq!(hub["Resource"], json!([role("*", "inventory")]));
        let initial = &policies["initial credentials"]["policy"]["Statement"][0];
        assert_eq!(
            initial["Resource"],
            json!([role(MASTER, "organization-reader"), role(MASTER, "hub")])
        );
    }
    let simple = Run::keys(&sim)
        .verb("iam-policy")
        .params(json!({"regions": [FRANKFURT]}))
        .expect(0)
        .json();
    assert_eq!(
        actions(&simple["initial credentials"]["policy"]),
        BTreeSet::from(["ec2:DescribeInstances".to_owned()])
    );
    let oidc = Run::oidc(&sim)
        .verb("iam-policy")
        .params(json!({"OidcAudience": "sts.amazonaws.com"}))
        .expect(0)
        .json();
    let trust = &oidc[Estate::OIDC_ROLE]["trust_policy"]["Statement"][0];
    assert_eq!(trust["Action"], "sts:AssumeRoleWithWebIdentity");
    assert!(
        trust["Principal"]["Federated"]
            .as_str()
            .unwrap()
            .starts_with(&format!("arn:aws:iam::{MASTER}:oidc-provider/"))
    );
}

/// A role that stands in both chains needs what each of them asks of it.
#[test]
fn a_role_of_both_chains_has_one_policy() {
    let sim = start(estate());
    let (hub, reader, inventory) = (
        role(MASTER, "hub"),
        role(MASTER, "reader"),
        role("{accountId}", "inventory"),
    );
    let policies = Run::keys(&sim)
        .verb("iam-policy")
        .params(json!({
            "master_assume_role_arn_chain": [hub, reader],
            "sub_account_assume_role_arn_chain": [hub, inventory],
            "source_identity": "hub-run",
            "assume_external_id": "hub-1",
        }))
        .expect(0)
        .json();
    assert_eq!(policies.as_object().unwrap().len(), 4);
    let hops = &policies[&hub]["policy"]["Statement"][0];
    assert_eq!(hops["Action"], json!(["sts:AssumeRole", "sts:SetSourceIdentity"]));
    assert_eq!(hops["Resource"], json!([reader, role("*", "inventory")]));
    // At every hop, in permissions and in trust.
    let initial = &policies["initial credentials"]["policy"]["Statement"][0];
    assert_eq!(initial["Action"], json!(["sts:AssumeRole", "sts:SetSourceIdentity"]));
    assert_eq!(initial["Resource"], json!([hub]));
    for role in [&hub, &reader, &inventory] {
        let trust = policies[role]["trust_policy"]["Statement"].as_array().unwrap();
        let actions: Vec<_> = trust.iter().map(|statement| &statement["Action"]).collect();
        assert_eq!(actions, ["sts:AssumeRole", "sts:SetSourceIdentity"], "{role}");
        assert_eq!(trust[0]["Condition"]["StringEquals"]["sts:ExternalId"], "hub-1");
    }
    assert_eq!(
        actions(&policies[&reader]["policy"]),
        BTreeSet::from(
            [
                "ec2:DescribeInstances",
                "ec2:DescribeRegions",
                "organizations:ListAccountsForParent",
                "organizations:ListOrganizationalUnitsForParent",
                "organizations:ListRoots",
            ]
            .map(str::to_owned)
        )
    );
    // The hub ends both chains here, and does all of it.
    let one = Run::keys(&sim)
        .verb("iam-policy")
        .params(json!({
            "master_assume_role_arn_chain": [hub],
            "sub_account_assume_role_arn_chain": [hub, inventory],
        }))
        .expect(0)
        .json();
    let all = actions(&one[&hub]["policy"]);
    for action in ["sts:AssumeRole", "organizations:ListRoots", "ec2:DescribeInstances"] {
        assert!(all.contains(action), "{action} is not in {all:?}");
    }
}

#[test]
fn check_lists_failures_alone_where_that_is_wished() {
    let sim = start(estate());
    sim.faults().add(
        Fault::on("ec2:DescribeInstances")
            .account(B)
            .error(403, "UnauthorizedOperation", "no"),
    );
    let all = Run::organization(&sim)
        .verb("check")
        .params(json!({"format": "json"}))
        .expect(3)
        .json();
    assert_eq!(all.as_array().unwrap().len(), ALL.len());
    let failed = Run::organization(&sim)
        .verb("check")
        .flag("--failures-only")
        .params(json!({"format": "json"}))
        .expect(3)
        .json();
    let ids: Vec<_> = failed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["account_id"].clone())
        .collect();
    assert_eq!(ids, [B]);
}

#[test]
fn help_and_version_are_data() {
    let sim = start(one_account());
    let help = Run::bare(&sim).verb("run").flag("--help").run();
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("--master-assume-role-arn-chain"));
    assert!(
        !help.stdout.contains("--secret-access-key <"),
        "a secret is never a flag"
    );
}
