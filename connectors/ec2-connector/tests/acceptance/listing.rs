//! The accounts of an organization and the regions of an account, as AWS tells them on a bad day.

use aws_sim::facts::default_regions;
use aws_sim::{AccountState, Action, Estate, Fault, Pages, Quota, Region, Scp};
use serde_json::{Value as Json, json};

use crate::harness::{Run, expected, start, start_still};
use crate::world::*;

#[test]
fn empty_pages_do_not_end_a_listing() {
    for (empty_every, empty_in_a_row) in [(Some(1), 1), (Some(2), 3)] {
        let mut estate = estate();
        estate.pages(Pages {
            organizations: 1,
            empty_every,
            empty_in_a_row,
            ..Pages::default()
        });
        let sim = start(estate);
        let outcome = Run::organization(&sim).params(json!({"page_size": 5})).expect(0);
        assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
        let units = Run::organization(&sim)
            .params(json!({"organizational_units": [PRODUCTION]}))
            .expect(0);
        assert_eq!(units.found(), expected(&sim, [B, C], &REGIONS));
    }
}

#[test]
fn a_listing_that_is_asked_to_slow_down_goes_on() {
    let mut estate = estate();
    estate.organizations_quota(Some(Quota {
        burst: 3.0,
        per_second: 4.0,
    }));
    let sim = start(estate);
    let outcome = Run::organization(&sim).expect(0);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
    let refused = sim
        .calls_of("organizations:*")
        .into_iter()
        .filter(|call| call.error.as_deref() == Some("TooManyRequestsException"));
    assert!(refused.count() > 0, "the quota was too large to be met");
}

/// Two calls for each unit, twice, and none for an account: 500 accounts would meet the quota.
#[test]
fn no_call_is_made_for_each_account() {
    let sim = start(estate());
    Run::organization(&sim).expect(0);
    assert_eq!(sim.count("organizations:ListRoots"), 1);
    assert_eq!(sim.count("organizations:ListAccountsForParent"), 10);
    assert_eq!(sim.count("organizations:ListOrganizationalUnitsForParent"), 10);
    assert_eq!(sim.count("organizations:*"), 21);
}

#[test]
fn accounts_that_are_not_active_are_skipped_with_their_state() {
    let mut estate = estate();
    estate
        .change_account(A, |account| account.state(AccountState::Suspended))
        // The older Status says SUSPENDED of a closed account and ACTIVE of one that is not yet.
        .change_account(B, |account| account.state(AccountState::Closed))
        .change_account(C, |account| account.state(AccountState::PendingActivation))
        .change_account(D, |account| account.state(AccountState::PendingClosure));
    let sim = start(estate);
    let outcome = Run::organization(&sim).expect(0);
    assert_eq!(outcome.found(), expected(&sim, [MASTER, E], &REGIONS));
    for (account, state) in [
        (A, "SUSPENDED"),
        (B, "CLOSED"),
        (C, "PENDING_ACTIVATION"),
        (D, "PENDING_CLOSURE"),
    ] {
        let slice = outcome.slice(account, None);
        assert_eq!(
            (&slice["outcome"], &slice["reason"]),
            (&json!("skipped"), &json!(format!("the account's state is {state}")))
        );
    }
    assert_eq!(sim.count("sts:AssumeRole"), 1, "they are not even tried");
}

#[test]
fn status_is_taken_where_there_is_no_state() {
    let mut estate = estate();
    estate
        .change_account(A, |account| account.state(AccountState::Suspended).without_state())
        .change_account(B, |account| account.without_state())
        .change_account(D, |account| account.state(AccountState::PendingClosure).without_state());
    let sim = start(estate);
    let outcome = Run::organization(&sim).expect(0);
    assert_eq!(outcome.found(), expected(&sim, [MASTER, B, C, E], &REGIONS));
    assert_eq!(outcome.slice(A, None)["reason"], "the account's state is SUSPENDED");
    assert_eq!(
        outcome.slice(D, None)["reason"],
        "the account's state is PENDING_CLOSURE"
    );
}

fn body(json: &Json) -> Action {
    Action::Body {
        status: 200,
        content_type: "application/x-amz-json-1.1",
        body: json.to_string(),
    }
}

#[test]
fn a_state_that_nobody_knows_is_reported_as_it_is() {
    let sim = start(estate());
    let accounts = json!({"Accounts": [
        {"Id": D, "Name": "security", "Status": "ACTIVE", "State": "HIBERNATING"},
        {"Id": "200000000099", "Name": "nameless"},
    ]});
    sim.faults().add(
        Fault::on("organizations:ListAccountsForParent")
            .parameter("ParentId", SECURITY)
            .then(body(&accounts)),
    );
    let outcome = Run::organization(&sim).expect(0);
    assert_eq!(outcome.found(), expected(&sim, [MASTER, A, B, C, E], &REGIONS));
    assert_eq!(outcome.slice(D, None)["reason"], "the account's state is HIBERNATING");
    assert_eq!(
        outcome.slice("200000000099", None)["reason"],
        "the account's state is UNKNOWN"
    );
}

#[test]
fn the_master_account_is_collected_also_where_its_state_is_another_or_no_unit_names_it() {
    let sim = start(estate());
    let accounts = json!({"Accounts": [{"Id": E, "Name": "sandbox", "Status": "ACTIVE", "State": "ACTIVE"}]});
    let root = sim.estate().root_id();
    sim.faults().add(
        Fault::on("organizations:ListAccountsForParent")
            .parameter("ParentId", &root)
            .then(body(&accounts)),
    );
    let outcome = Run::organization(&sim).expect(0);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
}

#[test]
fn a_page_that_names_itself_as_the_next_is_no_end_of_a_listing() {
    for (call, answer) in [
        (
            "organizations:ListAccountsForParent",
            json!({"Accounts": [], "NextToken": "again"}),
        ),
        (
            "organizations:ListOrganizationalUnitsForParent",
            json!({"OrganizationalUnits": [], "NextToken": "again"}),
        ),
        ("organizations:ListRoots", json!({"Roots": [], "NextToken": "again"})),
    ] {
        let sim = start(estate());
        sim.faults().add(Fault::on(call).then(body(&answer)));
        let outcome = Run::organization(&sim).expect(4);
        outcome.says(&["a page names itself as the next page; the rest is missing"]);
        assert!(!outcome.has_output());
    }
}

#[test]
fn a_page_that_names_itself_as_the_next_fails_its_slice() {
    let sim = start(estate());
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
               <DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
               <reservationSet/><nextToken>again</nextToken></DescribeInstancesResponse>";
    let again = Action::Body {
        status: 200,
        content_type: "text/xml;charset=UTF-8",
        body: xml.to_owned(),
    };
    sim.faults().add(
        Fault::on("ec2:DescribeInstances")
            .account(B)
            .region(FRANKFURT)
            .then(again),
    );
    let outcome = Run::organization(&sim).expect(3);
    let slice = outcome.slice(B, Some(FRANKFURT));
    assert_eq!(slice["outcome"], "failed", "{slice}");
    assert!(
        slice["cause"]["message"]
            .as_str()
            .unwrap()
            .contains("a page names itself as the next page"),
        "{slice}"
    );
    let mut wanted = expected(&sim, ALL, &REGIONS);
    wanted.remove(&(B.to_owned(), FRANKFURT.to_owned()));
    assert_eq!(outcome.found(), wanted);
}

#[test]
fn a_later_page_that_fails_takes_the_earlier_ones_out() {
    let sim = start(estate());
    let fault = Fault::on("ec2:DescribeInstances").account(B).region(FRANKFURT);
    // The first page passes, the second does not.
    sim.faults()
        .add(fault.every(2).error(403, "UnauthorizedOperation", "no longer"));
    let outcome = Run::organization(&sim).params(json!({"page_size": 5})).expect(3);
    let slice = outcome.slice(B, Some(FRANKFURT));
    assert_eq!(
        (&slice["outcome"], &slice["rows"], &slice["calls"]),
        (&json!("denied"), &json!(0), &json!(2))
    );
    let mut wanted = expected(&sim, ALL, &REGIONS);
    wanted.remove(&(B.to_owned(), FRANKFURT.to_owned()));
    assert_eq!(outcome.found(), wanted, "no half a slice");
}

/// All regions that every account has, and one that has to be enabled.
fn worldwide() -> Estate {
    let mut estate = estate();
    let regions = default_regions().into_iter().map(Region::new);
    estate.regions(regions.chain([Region::opt_in(HONG_KONG)]));
    estate
}

#[test]
fn an_account_that_does_not_tell_its_regions_is_collected_in_those_that_all_have() {
    let mut estate = worldwide();
    estate.change_account(B, |account| {
        account.change_role("inventory", |role| role.deny("ec2:DescribeRegions"))
    });
    let sim = start(estate);
    let outcome = Run::organization(&sim).expect(3);
    assert_eq!(outcome.found(), expected(&sim, ALL, &default_regions()));
    for region in default_regions() {
        assert!(matches!(
            outcome.slice(B, Some(region))["outcome"].as_str(),
            Some("complete" | "empty")
        ));
    }
    let slice = outcome.slice(B, None);
    let cause = &slice["cause"];
    assert_eq!(
        (&slice["outcome"], &cause["operation"], &cause["code"]),
        (
            &json!("denied"),
            &json!("DescribeRegions"),
            &json!("UnauthorizedOperation")
        )
    );
    assert!(
        cause["message"]
            .as_str()
            .unwrap()
            .starts_with("the account's regions cannot be listed, the default regions were taken: ")
    );
    assert_eq!(
        cause["hint"],
        "allow ec2:DescribeRegions, or name the regions in `regions`"
    );
    let configured = Run::organization(&sim)
        .params(json!({"regions": [FRANKFURT, VIRGINIA]}))
        .expect(0);
    assert_eq!(
        configured.found(),
        expected(&sim, ALL, &REGIONS),
        "named regions need no DescribeRegions"
    );
}

#[test]
fn regions_are_asked_for_elsewhere_where_a_policy_blocks_us_east_1() {
    let mut estate = estate();
    let only_there = || Scp::deny("ec2:*").in_regions(&[VIRGINIA]);
    estate
        .change_account(A, |account| account.scp(only_there()))
        // Only to DescribeRegions: nothing is missing from the rows then.
        .change_account(B, |account| {
            account.scp(Scp::deny("ec2:DescribeRegions").in_regions(&[VIRGINIA]).encoded())
        });
    let sim = start(estate);
    let outcome = Run::organization(&sim).expect(3);
    let asked = |account: &str| -> Vec<_> {
        let calls = sim
            .calls_of("ec2:DescribeRegions")
            .into_iter()
            .filter(|call| call.account.as_deref() == Some(account));
        calls.filter_map(|call| call.region).collect()
    };
    assert_eq!(
        (asked(A), asked(B), asked(C)),
        (
            vec![VIRGINIA.to_owned(), IRELAND.to_owned()],
            vec![VIRGINIA.to_owned(), IRELAND.to_owned()],
            vec![VIRGINIA.to_owned()]
        )
    );
    let mut wanted = expected(&sim, ALL, &REGIONS);
    wanted.remove(&(A.to_owned(), VIRGINIA.to_owned()));
    assert_eq!(outcome.found(), wanted);
    let slice = outcome.slice(A, Some(VIRGINIA));
    assert_eq!(slice["outcome"], "denied");
    assert!(
        slice["cause"]["hint"]
            .as_str()
            .unwrap()
            .contains("a service control policy of the organization denies")
    );
    assert_eq!(
        outcome
            .outcomes()
            .values()
            .filter(|outcome| *outcome == "denied")
            .count(),
        1
    );
}

#[test]
fn a_region_that_nobody_knows_is_an_error_and_not_a_skipped_one() {
    let sim = start(estate());
    let outcome = Run::keys(&sim)
        .params(json!({"regions": [FRANKFURT, "eu-nowhere-9"]}))
        .expect(3);
    let slice = outcome.slice(MASTER, Some("eu-nowhere-9"));
    assert_eq!(slice["outcome"], "credentials", "{slice}");
    assert!(
        slice["cause"]["hint"].as_str().unwrap().contains("exclude_regions"),
        "{slice}"
    );
    assert_eq!(outcome.slice(MASTER, Some(FRANKFURT))["outcome"], "complete");
}

#[test]
fn an_account_whose_regions_cannot_be_asked_for_is_a_failed_one() {
    let sim = start_still(estate());
    sim.faults().add(Fault::on("ec2:DescribeRegions").account(C));
    let outcome = Run::organization(&sim).inside();
    outcome.expect(3);
    let slice = outcome.slice(C, None);
    assert_eq!(
        (&slice["outcome"], &slice["cause"]["operation"]),
        (&json!("throttled"), &json!("DescribeRegions"))
    );
    assert_eq!(outcome.found(), expected(&sim, [MASTER, A, B, D, E], &REGIONS));
}
