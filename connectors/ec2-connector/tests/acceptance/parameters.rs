//! Every parameter does what it says: each case fails when its parameter is ignored.

use std::collections::BTreeSet;

use aws_sim::{Account, AccountState, Estate, Role};
use serde_json::json;

use crate::harness::{DEFAULT_CHAIN, Run, collected_with, expected, parameters, set, some, start};
use crate::world::*;

#[test]
fn access_keys_are_the_default_method() {
    let sim = start(estate());
    for method in [None, Some("Access Key & Secret Key"), Some("")] {
        sim.forget_calls();
        let mut run = Run::keys(&sim);
        if let Some(method) = method {
            run = run.params(json!({ "AuthenticationMethod": method }));
        }
        let outcome = run.expect(0);
        assert_eq!(outcome.found(), expected(&sim, [MASTER], &REGIONS));
        let key = sim.estate().access_key(MASTER, Estate::USER).unwrap();
        for call in some(collected_with(&sim)) {
            assert_eq!(call.access_key_id.as_deref(), Some(key.access_key_id.as_str()));
        }
        assert_eq!(sim.count("idp:*"), 0);
        assert_eq!(outcome.ledger()["identity"]["account"], MASTER);
        outcome.does_not_say(&["ignored"]);
    }
}

#[test]
fn each_of_two_keys_signs_its_own_run() {
    let mut estate = estate();
    let other = estate.user(A, "other");
    let sim = start(estate);
    let outcome = Run::keys(&sim)
        .params(json!({"access_key_id": other.access_key_id, "secret_access_key": other.secret_access_key}))
        .expect(0);
    assert_eq!(outcome.accounts(), set([A]));
}

#[test]
fn the_other_methods_parameters_are_ignored_with_a_warning() {
    let sim = start(estate());
    let outcome = Run::keys(&sim)
        .params(json!({"ClientId": "x", "ClientSecret": "not-to-be-used", "IdpUrl": "no url", "RoleArn": "no ARN"}))
        .params(json!({"SessionDuration": 900, "OidcScope": "s", "OidcAudience": "a"}))
        .params(json!({"OidcClientAuthentication": "client_secret_post", "OidcTokenParameters": {"x": "y"}}))
        .expect(0);
    let warning = "AuthenticationMethod is `Access Key & Secret Key`: ClientId, ClientSecret, IdpUrl, RoleArn, \
                   SessionDuration, OidcScope, OidcAudience, OidcClientAuthentication, OidcTokenParameters ignored";
    outcome.says(&[warning]);
    assert_eq!(outcome.ledger()["warnings"], json!([warning]));
    assert_eq!(sim.count("idp:*"), 0);

    let outcome = Run::oidc(&sim)
        .params(json!({"access_key_id": "AKIAWRONG", "secret_access_key": "not-to-be-used", "session_token": "unused"}))
        .expect(0);
    outcome.says(&[
        "AuthenticationMethod is `Web Identity Federation (OIDC)`: access_key_id, secret_access_key, session_token ignored",
    ]);
    assert_eq!(outcome.found(), expected(&sim, [MASTER], &REGIONS));

    let key = sim.estate().access_key(MASTER, Estate::USER).unwrap();
    let outcome = Run::keys(&sim)
        .params(json!({"AuthenticationMethod": DEFAULT_CHAIN, "access_key_id": "AKIAWRONG", "ClientId": "x"}))
        .variable("AWS_ACCESS_KEY_ID", &key.access_key_id)
        .variable("AWS_SECRET_ACCESS_KEY", &key.secret_access_key)
        .expect(0);
    outcome.says(&["AuthenticationMethod is `AWS Default Chain`: access_key_id, secret_access_key, ClientId ignored"]);
}

#[test]
fn the_default_chain_takes_the_environment_and_the_profile() {
    let mut estate = estate();
    let other = estate.user(A, "other");
    let sim = start(estate);
    let key = sim.estate().access_key(MASTER, Estate::USER).unwrap();
    let run = || Run::bare(&sim).params(json!({ "AuthenticationMethod": DEFAULT_CHAIN }));
    let from_environment = run()
        .variable("AWS_ACCESS_KEY_ID", &key.access_key_id)
        .variable("AWS_SECRET_ACCESS_KEY", &key.secret_access_key)
        .expect(0);
    assert_eq!(from_environment.accounts(), set([MASTER]));
    let file = format!(
        "[other]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        other.access_key_id, other.secret_access_key
    );
    let from_profile = run()
        .file(".aws/credentials", &file)
        .file(".aws/config", "[profile other]\nregion = eu-west-1\n")
        .variable("AWS_PROFILE", "other")
        .expect(0);
    assert_eq!(from_profile.accounts(), set([A]));
    let regions: BTreeSet<_> = sim
        .calls_of("sts:*")
        .into_iter()
        .filter_map(|call| call.region)
        .collect();
    assert!(
        regions.contains("eu-west-1"),
        "the profile's region is STS's: {regions:?}"
    );
    let nothing = run().expect(4);
    nothing.says(&[
        "the AWS default credential chain",
        "set AWS_PROFILE or the AWS_* variables",
    ]);
}

#[test]
fn temporary_keys_need_their_session_token_and_use_it() {
    let sim = start(estate());
    let session = sim
        .user_session(MASTER, Estate::USER, std::time::Duration::from_secs(3600))
        .unwrap();
    let run = || {
        Run::keys(&sim).params(json!({
            "access_key_id": session.access_key_id,
            "secret_access_key": session.secret_access_key,
        }))
    };
    let outcome = run().params(json!({"session_token": session.session_token})).expect(0);
    assert_eq!(outcome.found(), expected(&sim, [MASTER], &REGIONS));
    let chained = run()
        .params(json!({"session_token": session.session_token, "master_assume_role_arn_chain": [role(MASTER, "hub")]}))
        .expect(0);
    assert_eq!(chained.found(), expected(&sim, [MASTER], &REGIONS));
    sim.forget_calls();
    run().expect(2).says(&["session_token is missing", "ASIA"]);
    assert_eq!(sim.calls().len(), 0);
}

/// Two roles, one behind the other, and the last one in another account.
fn chain_of_two() -> Estate {
    let mut estate = estate();
    estate.change_account(MASTER, |account| {
        account.role(Role::new("first").trusting(&root_of(MASTER)))
    });
    estate.change_account(D, |account| {
        account.role(Role::new("second").trusting(&role(MASTER, "first")))
    });
    estate
}

#[test]
fn the_master_chain_is_walked_hop_by_hop() {
    let sim = start(chain_of_two());
    let one = Run::keys(&sim)
        .params(json!({"master_assume_role_arn_chain": [role(MASTER, "first")]}))
        .expect(0);
    assert_eq!(one.found(), expected(&sim, [MASTER], &REGIONS));
    assert!(
        some(collected_with(&sim))
            .iter()
            .all(|call| call.caller.as_ref().unwrap().contains(":assumed-role/first/"))
    );
    sim.forget_calls();
    let chain = [role(MASTER, "first"), role(D, "second")];
    let two = Run::keys(&sim)
        .params(json!({ "master_assume_role_arn_chain": chain }))
        .expect(0);
    assert_eq!(two.found(), expected(&sim, [D], &REGIONS));
    assert_eq!(parameters(&sim.calls_of("sts:AssumeRole"), "RoleArn"), chain);
    assert!(
        two.ledger()["identity"]["arn"]
            .as_str()
            .unwrap()
            .contains(":assumed-role/second/")
    );
    assert_eq!(sim.count("organizations:*"), 0);
    // Without the first hop the second role trusts nobody who asks.
    Run::keys(&sim)
        .params(json!({"master_assume_role_arn_chain": [role(D, "second")]}))
        .expect(4);
}

#[test]
fn chains_are_arrays_or_one_text_and_have_aliases() {
    let sim = start(chain_of_two());
    let (first, second) = (role(MASTER, "first"), role(D, "second"));
    for chain in [
        json!([first, second]),
        json!(format!("{first} {second}")),
        json!(format!("{first},{second}")),
        json!(format!("{first} , {second}")),
        json!(format!("{first};{second}")),
        json!(format!("{first}\n{second}\n")),
    ] {
        let outcome = Run::keys(&sim)
            .params(json!({ "master_assume_role_arn_chain": chain }))
            .expect(0);
        assert_eq!(outcome.accounts(), set([D]), "{chain}");
    }
    for name in [
        "masterAccountAssumeRoleArnChain",
        "MasterAssumeRoleArnChain",
        "masterAssumeRoleArnChain",
    ] {
        let outcome = Run::keys(&sim).params(json!({ name: [first, second] })).expect(0);
        assert_eq!(outcome.accounts(), set([D]), "{name}");
    }
    for name in ["subAccountAssumeRoleArnChain", "SubAccountAssumeRoleArnChain"] {
        let outcome = Run::keys(&sim)
            .params(json!({ name: [Estate::SUB_ACCOUNT_ROLE] }))
            .expect(0);
        assert_eq!(outcome.accounts(), set(ALL), "{name}");
    }
}

#[test]
fn a_comma_in_a_roles_name_separates_nothing() {
    let mut estate = estate();
    estate.change_account(MASTER, |account| {
        account.role(Role::new("a,b").trusting(&root_of(MASTER)))
    });
    let sim = start(estate);
    Run::keys(&sim)
        .params(json!({"master_assume_role_arn_chain": role(MASTER, "a,b")}))
        .expect(0);
    assert_eq!(
        parameters(&sim.calls_of("sts:AssumeRole"), "RoleArn"),
        [role(MASTER, "a,b")]
    );
}

#[test]
fn the_external_id_goes_with_every_assume_role_and_with_no_web_identity() {
    let mut estate = estate();
    let asking = |name: &str| Role::new(name).trusting(&root_of(MASTER)).external_id("from-the-hub/1");
    estate.change_account(MASTER, |account| account.role(asking("reader")).role(asking("entry")));
    for member in MEMBERS {
        estate.change_account(member, |account| account.role(asking("strict")));
    }
    let sim = start(estate);
    let chains = json!({
        "master_assume_role_arn_chain": [role(MASTER, "reader"), role(MASTER, "reader")],
        "sub_account_assume_role_arn_chain": [role(MASTER, "entry"), role("{accountId}", "strict")],
    });
    for oidc in [false, true] {
        sim.forget_calls();
        let start = if oidc { Run::oidc(&sim) } else { Run::keys(&sim) };
        let outcome = start
            .params(chains.clone())
            .params(json!({"assume_external_id": "from-the-hub/1"}))
            .expect(0);
        assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
        let hops = sim.calls_of("sts:AssumeRole");
        assert_eq!(hops.len(), 2 + 1 + 5);
        assert!(parameters(&hops, "ExternalId").iter().all(|id| *id == "from-the-hub/1"));
        let web_identities = sim.calls_of("sts:AssumeRoleWithWebIdentity");
        assert_eq!(web_identities.len(), usize::from(oidc));
        assert!(web_identities.iter().all(|call| call.parameter("ExternalId").is_none()));
    }
    Run::keys(&sim).params(chains).expect(4);
}

#[test]
fn the_placeholder_may_stand_in_some_arns_only_and_in_names() {
    let mut estate = estate();
    estate.change_account(MASTER, |account| {
        let mut account = account;
        for member in MEMBERS {
            let back = Role::new(&format!("back-{member}")).trusting(&role(member, "inventory"));
            account = account.role(back);
        }
        account
    });
    for member in MEMBERS {
        estate.change_account(member, |account| {
            account.role(Role::new("last").trusting(&role(MASTER, &format!("back-{member}"))))
        });
    }
    let sim = start(estate);
    let outcome = Run::keys(&sim)
        .params(json!({"sub_account_assume_role_arn_chain": [
            role(MASTER, "hub"),
            role("{accountId}", "inventory"),
            role(MASTER, "back-{accountId}"),
            role("{accountId}", "last"),
        ]}))
        .expect(0);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
    assert!(
        parameters(&sim.calls_of("sts:AssumeRole"), "RoleArn").contains(&role(MASTER, &format!("back-{C}")).as_str())
    );
}

#[test]
fn without_a_sub_account_chain_there_is_the_master_account_only() {
    let sim = start(estate());
    for nothing in [
        None,
        Some(json!(null)),
        Some(json!("")),
        Some(json!([])),
        Some(json!([null])),
    ] {
        let mut run = Run::keys(&sim);
        if let Some(nothing) = &nothing {
            run = run.params(json!({ "sub_account_assume_role_arn_chain": nothing }));
        }
        let outcome = run.expect(0);
        assert_eq!(outcome.found(), expected(&sim, [MASTER], &REGIONS), "{nothing:?}");
    }
    assert_eq!(sim.count("organizations:*"), 0);
    let all = Run::organization(&sim).expect(0);
    assert_eq!(all.found(), expected(&sim, ALL, &REGIONS));
    let names: BTreeSet<_> = all
        .rows()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (
                text("account_id"),
                text("account_name"),
                text("organizational_unit_path"),
            )
        })
        .collect();
    let named = |id: &str, name: &str, path: &str| (id.to_owned(), name.to_owned(), path.to_owned());
    let wanted = [
        named(MASTER, "management", "/Root"),
        named(A, "workloads", "/Root/Workloads"),
        named(B, "production", "/Root/Workloads/Production"),
        named(C, "shop", "/Root/Workloads/Production/Shop"),
        named(D, "security", "/Root/Security"),
        named(E, "sandbox", "/Root"),
    ];
    assert_eq!(names, BTreeSet::from(wanted));
}

#[test]
fn the_listing_is_read_with_the_last_session_of_the_master_chain() {
    let mut estate = chain_of_two();
    estate.delegated_administrator(D);
    let sim = start(estate);
    let outcome = Run::organization(&sim)
        .params(json!({"master_assume_role_arn_chain": [role(MASTER, "first"), role(D, "second")]}))
        .expect(3);
    for call in some(sim.calls_of("organizations:*")) {
        assert!(call.caller.unwrap().contains(":assumed-role/second/"));
    }
    // The session is of D: that one is reached by the chain, the management account like every other.
    assert_eq!(outcome.accounts(), set(MEMBERS));
    assert_eq!(outcome.slice(MASTER, None)["outcome"], "credentials");
}

#[test]
fn explicit_accounts_are_collected_in_every_state_and_no_other() {
    let mut estate = estate();
    estate.change_account(A, |account| account.state(AccountState::PendingClosure));
    estate.change_account(C, |account| account.state(AccountState::Suspended));
    let outside = Account::new("300000000001").instances(FRANKFURT, 2).role(inventory());
    estate.account_outside(outside);
    let sim = start(estate);
    let outcome = Run::organization(&sim)
        .params(json!({"accounts": ["300000000001", B, A, A]}))
        .expect(0);
    assert_eq!(outcome.found(), expected(&sim, [A, B, "300000000001"], &REGIONS));
    assert_eq!(sim.count("organizations:*"), 0);
    assert_eq!(sim.count("sts:AssumeRole"), 3);
    // AWS refuses a suspended account; that it was tried is the point.
    sim.forget_calls();
    let outcome = Run::organization(&sim).params(json!({"accounts": [C, B]})).expect(3);
    assert_eq!(outcome.slice(C, None)["outcome"], "credentials");
    assert!(parameters(&sim.calls_of("sts:AssumeRole"), "RoleArn").contains(&role(C, "inventory").as_str()));
}

#[test]
fn organizational_units_are_meant_with_all_below_them() {
    let sim = start(estate());
    for (units, accounts) in [
        (json!([WORKLOADS]), vec![A, B, C]),
        (json!([SHOP]), vec![C]),
        (json!([SHOP, SECURITY]), vec![C, D]),
        // Inside of one another, in both orders, and one twice.
        (json!([WORKLOADS, PRODUCTION]), vec![A, B, C]),
        (json!([SHOP, PRODUCTION, SHOP]), vec![B, C]),
        (json!([sim.estate().root_id()]), ALL.to_vec()),
        (json!(format!("{SHOP}, {SECURITY}")), vec![C, D]),
        // By path.
        (json!(["/Root/Workloads"]), vec![A, B, C]),
        (json!(["/Root/Workloads/Production/Shop/"]), vec![C]),
        (json!("/Root/Workloads/Production/Shop, /Root/Security"), vec![C, D]),
        (json!([SHOP, "/Root/Security"]), vec![C, D]),
        (json!("/Root"), ALL.to_vec()),
    ] {
        sim.forget_calls();
        let outcome = Run::organization(&sim)
            .params(json!({ "organizational_units": units }))
            .expect(0);
        assert_eq!(
            outcome.found(),
            expected(&sim, accounts.iter().copied(), &REGIONS),
            "{units}"
        );
        let paths: BTreeSet<_> = outcome
            .rows()
            .iter()
            .map(|row| row["organizational_unit_path"].to_string())
            .collect();
        if accounts.contains(&C) {
            assert!(
                paths.contains("\"/Root/Workloads/Production/Shop\""),
                "{units}: {paths:?}"
            );
        }
        let listed = sim.calls_of("organizations:ListAccountsForParent");
        let mut parents = parameters(&listed, "ParentId");
        let all = parents.len();
        parents.sort_unstable();
        parents.dedup();
        assert_eq!(
            2 * parents.len(),
            all,
            "{units}: each of two walks lists each unit once"
        );
    }
    let wrong = Run::organization(&sim)
        .params(json!({"organizational_units": ["ou-sim1-nowhere1"]}))
        .expect(4);
    wrong.says(&["organizational_units names a unit that does not exist in this organization"]);
    for (path, said) in [
        (
            "/Root/Workload",
            "organizational_units: there is no unit /Root/Workload; there are /Root/Security, /Root/Workloads",
        ),
        (
            "/Root/Workloads/Production/Shop/Deeper",
            "there is no unit /Root/Workloads/Production/Shop/Deeper",
        ),
        ("/root", "there is no unit /root; there are /Root"),
    ] {
        let wrong = Run::organization(&sim)
            .params(json!({ "organizational_units": [path] }))
            .expect(4);
        wrong.says(&[said]);
    }
}

#[test]
fn excluded_accounts_are_left_out_and_named() {
    let sim = start(estate());
    let outcome = Run::organization(&sim)
        .params(json!({"exclude_accounts": [B, MASTER, "999999999999"]}))
        .expect(0);
    assert_eq!(outcome.accounts(), set([A, C, D, E]));
    for account in [B, MASTER] {
        let slice = outcome.slice(account, None);
        assert_eq!(
            (&slice["outcome"], &slice["reason"]),
            (&json!("skipped"), &json!("named in exclude_accounts"))
        );
    }
    outcome.says(&["exclude_accounts names 999999999999, which is not among the listed accounts"]);
    assert!(!parameters(&sim.calls_of("sts:AssumeRole"), "RoleArn").contains(&role(B, "inventory").as_str()));
}

#[test]
fn regions_are_the_configured_ones_or_all_that_are_enabled() {
    let sim = start(estate());
    let asked = || {
        sim.calls_of("ec2:DescribeInstances")
            .into_iter()
            .filter_map(|call| call.region)
            .collect::<BTreeSet<_>>()
    };
    let outcome = Run::keys(&sim).params(json!({"regions": []})).expect(0);
    assert_eq!(outcome.regions(), set([FRANKFURT, VIRGINIA]));
    assert_eq!(asked(), set(REGIONS));
    assert_eq!(outcome.slice(MASTER, Some(IRELAND))["outcome"], "empty");
    assert_eq!(sim.count("ec2:DescribeRegions"), 1);
    sim.forget_calls();
    let outcome = Run::keys(&sim)
        .params(json!({"regions": [VIRGINIA, IRELAND, VIRGINIA]}))
        .expect(0);
    assert_eq!(outcome.regions(), set([VIRGINIA]));
    assert_eq!(asked(), set([VIRGINIA, IRELAND]));
    assert_eq!(sim.count("ec2:DescribeInstances"), 2);
    assert_eq!(sim.count("ec2:DescribeRegions"), 0);
    sim.forget_calls();
    let outcome = Run::keys(&sim)
        .params(json!({"exclude_regions": [VIRGINIA, "sa-east-1"]}))
        .expect(0);
    assert_eq!(asked(), set([FRANKFURT, IRELAND]));
    let skipped = outcome.slice(MASTER, Some(VIRGINIA));
    assert_eq!(
        (&skipped["outcome"], &skipped["reason"]),
        (&json!("skipped"), &json!("named in exclude_regions"))
    );
    sim.forget_calls();
    Run::keys(&sim)
        .params(json!({"regions": [VIRGINIA, IRELAND], "exclude_regions": [VIRGINIA]}))
        .expect(0);
    assert_eq!(asked(), set([IRELAND]));
}

#[test]
fn sts_is_asked_in_its_region() {
    let sim = start(estate());
    let asked = || {
        sim.calls_of("sts:*")
            .into_iter()
            .filter_map(|call| call.region)
            .collect::<BTreeSet<_>>()
    };
    let run = || Run::organization(&sim);
    run()
        .params(json!({"sts_region": IRELAND}))
        .variable("AWS_REGION", FRANKFURT)
        .expect(0);
    assert_eq!(asked(), set([IRELAND]));
    sim.forget_calls();
    run().variable("AWS_REGION", FRANKFURT).expect(0);
    assert_eq!(asked(), set([FRANKFURT]));
    sim.forget_calls();
    run().expect(0);
    assert_eq!(asked(), set([VIRGINIA]));
}

#[test]
fn role_sessions_are_named() {
    let sim = start(estate());
    for (given, sent) in [(json!(null), "ec2-connector"), (json!("data.hub@1"), "data.hub@1")] {
        sim.forget_calls();
        Run::oidc(&sim)
            .params(json!({"role_session_name": given, "master_assume_role_arn_chain": [role(MASTER, "hub")]}))
            .expect(0);
        assert_eq!(
            parameters(&sim.calls_of("sts:AssumeRole*"), "RoleSessionName"),
            [sent, sent]
        );
    }
}

#[test]
fn the_source_identity_is_set_with_the_first_role() {
    let sim = start(estate());
    let chain = json!({"master_assume_role_arn_chain": [role(MASTER, "hub"), role(MASTER, "organization-reader")]});
    Run::keys(&sim)
        .params(chain.clone())
        .params(json!({"source_identity": "ann@example.com"}))
        .expect(0);
    assert_eq!(
        parameters(&sim.calls_of("sts:AssumeRole"), "SourceIdentity"),
        ["ann@example.com", "-"]
    );
    sim.forget_calls();
    Run::keys(&sim).params(chain).expect(0);
    assert_eq!(
        parameters(&sim.calls_of("sts:AssumeRole"), "SourceIdentity"),
        ["-", "-"]
    );
}

#[test]
fn pages_have_the_size_that_is_asked_for() {
    let sim = start(estate());
    let outcome = Run::organization(&sim)
        .params(json!({"listing_page_size": 1, "page_size": 5}))
        .expect(0);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
    for call in some(sim.calls_of("organizations:List*")) {
        assert_eq!(call.parameter("MaxResults"), Some("1"), "{}", call.name());
    }
    assert!(
        parameters(&some(collected_with(&sim)), "MaxResults")
            .iter()
            .all(|size| *size == "5")
    );
    assert!(
        collected_with(&sim).len() > 18,
        "B has nine instances in Frankfurt: at least two pages"
    );
    sim.forget_calls();
    Run::organization(&sim).expect(0);
    assert!(
        parameters(&some(sim.calls_of("organizations:List*")), "MaxResults")
            .iter()
            .all(|size| *size == "-")
    );
    assert!(
        parameters(&some(collected_with(&sim)), "MaxResults")
            .iter()
            .all(|size| *size == "1000")
    );
}

#[test]
fn output_format_and_ledger_go_where_they_are_told() {
    let sim = start(one_account());
    let csv = Run::keys(&sim).output("rows").expect(0);
    assert!(csv.output_bytes().starts_with(b"account_id,account_name,"));
    assert!(csv.has_ledger(), "beside the output: rows.run.json");
    assert_eq!(csv.leftovers(), [""; 0]);
    for (name, format, first) in [
        ("rows.csv", None, "account_id,"),
        ("rows.json", None, "["),
        ("rows.jsonl", None, "{"),
        ("rows.JSONL", None, "{"),
        ("rows.txt", Some("json"), "["),
        ("rows.csv", Some("jsonl"), "{"),
        ("rows.json", Some("csv"), "account_id,"),
    ] {
        let outcome = Run::keys(&sim)
            .output(name)
            .params(json!({ "format": format }))
            .expect(0);
        assert!(
            outcome.output_bytes().starts_with(first.as_bytes()),
            "{name} {format:?}"
        );
        assert_eq!(outcome.stdout, "");
    }
    for stdout in [json!("-"), json!(null)] {
        let outcome = Run::keys(&sim)
            .params(json!({"output": stdout, "format": "jsonl"}))
            .expect(0);
        assert_eq!(outcome.stdout.lines().count(), 6);
        assert_eq!(outcome.leftovers(), [""; 0], "no ledger with standard output");
    }
    let run = Run::keys(&sim);
    let ledger = run.path("elsewhere.json");
    let outcome = run.params(json!({"output": "-", "ledger": ledger})).expect(0);
    assert_eq!(outcome.ledger()["outputs"][0]["path"], "-");
    assert!(outcome.stdout.starts_with("account_id,"), "csv is the default");
}

#[test]
fn no_more_connections_than_allowed() {
    let mut estate = estate();
    estate.latency(std::time::Duration::from_millis(10));
    for (most, at_least) in [(1, 1), (3, 2)] {
        let sim = start(estate.clone());
        let outcome = Run::organization(&sim)
            .params(json!({ "max_concurrency": most }))
            .expect(0);
        assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
        let connections = sim.connections();
        assert!((at_least..=most).contains(&connections.peak), "{most}: {connections:?}");
    }
    let sim = start(estate);
    Run::organization(&sim).expect(0);
    assert!(sim.connections().peak > 3, "{:?}", sim.connections());
}

#[test]
fn parameters_come_from_file_environment_and_flags() {
    let sim = start(one_account());
    let key = sim.estate().access_key(MASTER, Estate::USER).unwrap();
    let run = || {
        Run::keys(&sim)
            .without("secret_access_key")
            .secret(&key.secret_access_key)
    };
    let outcome = run()
        .params(json!({"role_session_name": "file", "source_identity": "file", "assume_external_id": "file"}))
        .params(json!({"master_assume_role_arn_chain": [role(MASTER, "hub")]}))
        .variable("CONNECTOR_SECRET_ACCESS_KEY", &key.secret_access_key)
        .variable("CONNECTOR_SOURCE_IDENTITY", "environment")
        .variable("CONNECTOR_ASSUME_EXTERNAL_ID", "environment")
        .flag("--assume-external-id=flag")
        .expect(0);
    let hop = &sim.calls_of("sts:AssumeRole")[0];
    let sent = |name: &str| hop.parameter(name).unwrap_or_default();
    assert_eq!(
        (sent("RoleSessionName"), sent("SourceIdentity"), sent("ExternalId")),
        ("file", "environment", "flag")
    );
    assert_eq!(outcome.ledger()["parameters"]["secret_access_key"], "***");
    run()
        .file("secrets/key", &format!("{}\n", key.secret_access_key))
        .params(json!({"secret_access_key_file": "secrets/key"}))
        .expect(0);
    run()
        .file("secrets/key", &key.secret_access_key)
        .flag("--secret-access-key-command=cat secrets/key")
        .expect(0);
}
