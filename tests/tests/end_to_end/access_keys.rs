//! Access keys, role chains and the choice of accounts and regions, over moto's organization. moto keeps accounts
//! apart: rows of an account show that its role was assumed.

use std::collections::BTreeSet;

use end_to_end::connector::{Connector, Outcome};
use end_to_end::rows;
use end_to_end::servers::{Moto, Request};
use serde_json::json;

use super::{ONE_HOP, boto3, expect_rows, organization};

/// The requests of a run for one operation.
fn calls(outcome: &Outcome, moto: &Moto, action: &str) -> Vec<Request> {
    outcome
        .requests(moto.journal())
        .into_iter()
        .filter(|request| request.action == action)
        .collect()
}

#[test]
fn an_organization_equals_what_boto3_says_in_every_format() {
    let moto = Moto::shared();
    let expected = boto3(moto, json!({}));
    let run = || {
        organization(moto)
            .parameter("page_size", 5)
            .parameter("listing_page_size", 2)
    };
    let run_in = |format: &str| {
        let outcome = run().format(format).finish();
        outcome.expect_exit(0);
        outcome
    };

    let json = run_in("json");
    expect_rows(&json, &expected);
    let accounts = moto.estate.accounts.len();
    assert!(
        json.accounts().len() >= 12,
        "rows of at least 12 accounts, of {accounts}"
    );
    let (jsonl, csv) = (run_in("jsonl"), run_in("csv"));
    rows::assert_equal(&expected, &jsonl.jsonl());
    rows::assert_csv_equal(&expected, &csv.csv());
    let columns: Vec<_> = json.rows()[0].keys().cloned().collect();
    assert_eq!(
        csv.csv().header,
        columns,
        "the columns stand in one order in every format"
    );
    assert_eq!(
        &columns[..4],
        ["account_id", "account_name", "organizational_unit_path", "region"]
    );

    // The same estate gives the same bytes.
    for (first, format) in [(&json, "json"), (&jsonl, "jsonl"), (&csv, "csv")] {
        assert_eq!(
            first.text(),
            run_in(format).text(),
            "two runs in {format} are byte-identical"
        );
    }

    // Small pages were asked for, and followed to their end.
    let pages = calls(&json, moto, "DescribeInstances");
    assert!(
        pages.iter().all(|page| page.parameter("MaxResults") == "5"),
        "every page asks for 5: {pages:?}"
    );
    assert!(
        pages.iter().any(|page| !page.parameter("NextToken").is_empty()),
        "a slice has a second page"
    );
    for listing in ["ListAccountsForParent", "ListOrganizationalUnitsForParent"] {
        let pages = calls(&json, moto, listing);
        assert!(!pages.is_empty(), "{listing}");
        for page in pages {
            assert_eq!(page.parameters["MaxResults"], 2, "{listing} asks for 2 a page");
        }
    }

    // The closed account is in the ledger as skipped, with its state, and was left alone.
    let closed = &moto.estate.closed;
    assert_eq!(json.outcomes(closed), BTreeSet::from(["skipped".to_owned()]));
    assert!(
        json.slices(closed)[0]["reason"]
            .as_str()
            .unwrap()
            .to_uppercase()
            .contains("SUSPENDED")
    );
    let assumed = calls(&json, moto, "AssumeRole");
    assert!(
        !assumed.is_empty()
            && assumed
                .iter()
                .all(|call| !call.parameter("RoleArn").contains(closed.as_str()))
    );
    let ledger = json.ledger();
    let listed = ledger["accounts"].as_array().unwrap();
    assert_eq!(
        listed.len(),
        accounts,
        "the ledger has every account of the organization"
    );
    let of = |id: &str| listed.iter().find(|account| account["id"] == *id).unwrap();
    assert_eq!(of(closed)["state"], "SUSPENDED");
    assert_eq!(of(&moto.estate.master)["master"], true);
    let deep = of(moto.estate.account("Edge Zürich"));
    assert_eq!(deep["name"], "Edge Zürich");
    assert_eq!(
        deep["organizational_unit_path"],
        "/Root/Engineering/Platform/Edge & Cache"
    );
    assert_eq!(ledger["identity"]["account"], moto.estate.master.as_str());
}

#[test]
fn organizational_units_are_taken_with_all_below_them_and_accounts_can_be_left_out() {
    let moto = Moto::shared();
    let units = json!([moto.estate.unit("/Root/Engineering"), moto.estate.unit("/Root/Sandbox")]);
    let without = json!([moto.estate.account("Data Lake"), moto.estate.account("sandbox-3")]);
    let outcome = organization(moto)
        .parameter("organizational_units", units.clone())
        .parameter("exclude_accounts", without.clone())
        .finish();
    outcome.expect_exit(0);
    expect_rows(
        &outcome,
        &boto3(moto, json!({ "units": units, "exclude_accounts": without })),
    );
    let accounts = outcome.accounts();
    assert!(
        accounts.contains(moto.estate.account("Edge Zürich")),
        "units are taken recursively"
    );
    for name in ["Shop", "Security Tooling", "Data Lake", "sandbox-3"] {
        assert!(!accounts.contains(moto.estate.account(name)), "{name} is not meant");
    }
}

#[test]
fn excluded_accounts_are_named_in_the_ledger() {
    let moto = Moto::shared();
    let shop = moto.estate.account("Shop");
    let outcome = organization(moto).parameter("exclude_accounts", json!([shop])).finish();
    outcome.expect_exit(0);
    expect_rows(&outcome, &boto3(moto, json!({ "exclude_accounts": [shop] })));
    assert_eq!(outcome.outcomes(shop), BTreeSet::from(["skipped".to_owned()]));
}

#[test]
fn exactly_the_listed_accounts_are_taken_in_every_state_and_without_organizations() {
    let moto = Moto::shared();
    let accounts = json!([
        moto.estate.account("Platform Production"),
        moto.estate.closed,
        moto.estate.account("Shop")
    ]);
    let outcome = organization(moto).parameter("accounts", accounts.clone()).finish();
    outcome.expect_exit(0);
    expect_rows(&outcome, &boto3(moto, json!({ "accounts": accounts })));
    assert!(
        outcome.accounts().contains(&moto.estate.closed),
        "the user has named it"
    );
    let asked = outcome.requests(moto.journal());
    assert!(
        !asked.is_empty() && asked.iter().all(|request| request.service != "organizations"),
        "nobody asked Organizations: {asked:?}"
    );
}

#[test]
fn without_a_chain_to_sub_accounts_it_is_the_master_account_only() {
    let moto = Moto::shared();
    let outcome = organization(moto).without("sub_account_assume_role_arn_chain").finish();
    outcome.expect_exit(0);
    expect_rows(&outcome, &boto3(moto, json!({ "chain": [] })));
    assert_eq!(outcome.accounts(), BTreeSet::from([moto.estate.master.clone()]));
    assert!(
        calls(&outcome, moto, "AssumeRole").is_empty(),
        "no role is assumed without a chain"
    );
}

#[test]
fn the_last_session_of_the_master_chain_makes_the_calls() {
    let moto = Moto::shared();
    let role = |account: &str| format!("arn:aws:iam::{}:role/hop", moto.estate.account(account));
    let chain = json!([role("Build"), role("Data Lake")]);
    let outcome = Connector::run()
        .at_moto(moto)
        .parameter("master_assume_role_arn_chain", chain.clone())
        .parameter("regions", json!(moto.estate.regions))
        .finish();
    outcome.expect_exit(0);
    expect_rows(&outcome, &boto3(moto, json!({ "chain": [], "master_chain": chain })));
    assert_eq!(
        outcome.accounts(),
        BTreeSet::from([moto.estate.account("Data Lake").to_owned()])
    );
    let hops = calls(&outcome, moto, "AssumeRole");
    let roles: Vec<_> = hops.iter().map(|hop| hop.parameter("RoleArn").to_owned()).collect();
    assert_eq!(json!(roles), chain, "one hop after the other, each once");
    assert!(hops[0].session.is_empty(), "the first with the initial credentials");
    assert!(!hops[1].session.is_empty(), "the second with the first one's session");
}

#[test]
fn with_the_listing_on_the_master_chain_serves_the_master_account_and_the_listing_only() {
    let moto = Moto::shared();
    let reader = format!("arn:aws:iam::{}:role/reader", moto.estate.master);
    let outcome = organization(moto)
        .parameter("master_assume_role_arn_chain", json!([reader]))
        .finish();
    outcome.expect_exit(0);
    expect_rows(&outcome, &boto3(moto, json!({ "master_chain": [reader] })));
    let requests = outcome.requests(moto.journal());
    let listing: Vec<_> = requests
        .iter()
        .filter(|request| request.service == "organizations")
        .collect();
    assert!(
        !listing.is_empty() && listing.iter().all(|request| !request.session.is_empty()),
        "read with the role"
    );
    let hops = calls(&outcome, moto, "AssumeRole");
    assert!(
        hops.iter().all(|hop| hop.session.is_empty()),
        "sub-accounts are reached from the initial credentials"
    );
    let to_master = hops
        .iter()
        .filter(|hop| hop.parameter("RoleArn").contains(&moto.estate.master))
        .count();
    assert_eq!(
        to_master, 1,
        "the master account is reached once, through its own chain"
    );
}

#[test]
fn a_first_hop_that_all_accounts_share_is_taken_once() {
    let moto = Moto::shared();
    let hub = format!("arn:aws:iam::{}:role/hub", moto.estate.account("Security Tooling"));
    let outcome = organization(moto)
        .parameter("sub_account_assume_role_arn_chain", json!([hub, ONE_HOP]))
        .finish();
    outcome.expect_exit(0);
    expect_rows(&outcome, &boto3(moto, json!({ "chain": [hub, ONE_HOP] })));
    let hops = calls(&outcome, moto, "AssumeRole");
    // All but the master account and the closed one.
    let reached = moto.estate.accounts.len() - 2;
    assert_eq!(hops.len(), 1 + reached, "1 + N AssumeRole calls");
    assert_eq!(hops.iter().filter(|hop| hop.parameter("RoleArn") == hub).count(), 1);
    let onward = hops.iter().filter(|hop| hop.parameter("RoleArn") != hub);
    assert!(
        onward.into_iter().all(|hop| !hop.session.is_empty()),
        "the second hop is taken with the first one's session"
    );
}

#[test]
fn every_enabled_region_is_asked_unless_regions_are_named_or_left_out() {
    let moto = Moto::shared();
    let master_only = |moto| Connector::run().at_moto(moto);
    let all = master_only(moto).finish();
    all.expect_exit(0);
    expect_rows(&all, &boto3(moto, json!({ "chain": [], "regions": [] })));
    assert!(
        all.slices(&moto.estate.master).len() > 30,
        "moto has more than 30 regions, with and without instances"
    );

    let left_out = json!(["us-east-1", "eu-west-1"]);
    let some = master_only(moto)
        .parameter("exclude_regions", left_out.clone())
        .finish();
    some.expect_exit(0);
    expect_rows(
        &some,
        &boto3(moto, json!({ "chain": [], "regions": [], "exclude_regions": left_out })),
    );
    assert!(!some.regions().contains("us-east-1"));

    let named = master_only(moto).parameter("regions", json!(["us-east-1"])).finish();
    named.expect_exit(0);
    expect_rows(&named, &boto3(moto, json!({ "chain": [], "regions": ["us-east-1"] })));
    assert_eq!(named.slices(&moto.estate.master).len(), 1);
}

#[test]
fn what_goes_with_assume_role_is_what_the_parameters_say() {
    let moto = Moto::shared();
    let hub = format!("arn:aws:iam::{}:role/hub", moto.estate.account("Security Tooling"));
    let outcome = organization(moto)
        .parameter("sub_account_assume_role_arn_chain", json!([hub, ONE_HOP]))
        .parameter("accounts", json!([moto.estate.account("Build")]))
        .parameter("assume_external_id", "external:id/1")
        .parameter("role_session_name", "inventory@test,1")
        .parameter("source_identity", "data-hub")
        .parameter("sts_region", "ap-southeast-2")
        .finish();
    outcome.expect_exit(0);
    let hops = calls(&outcome, moto, "AssumeRole");
    assert_eq!(hops.len(), 2);
    for hop in &hops {
        assert_eq!(hop.parameter("ExternalId"), "external:id/1");
        assert_eq!(hop.parameter("RoleSessionName"), "inventory@test,1");
        assert_eq!(hop.region, "ap-southeast-2");
        let seconds: u32 = hop.parameter("DurationSeconds").parse().unwrap_or(3600);
        assert!(seconds <= 3600, "a chained session lasts at most 3600 s");
    }
    assert_eq!(hops[0].parameter("SourceIdentity"), "data-hub");
    let identity = calls(&outcome, moto, "GetCallerIdentity");
    assert!(
        !identity.is_empty() && identity.iter().all(|call| call.region == "ap-southeast-2"),
        "every call to STS goes there"
    );
}
