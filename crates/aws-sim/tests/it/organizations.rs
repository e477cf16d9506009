//! The tree of units and accounts, page by page.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use aws_sim::{Account, AccountState, Clock, Estate, Pages, Quota, Role, Sim};
use serde_json::{Value, json};

use super::client::{self, Keys, MANAGEMENT, Signing, organizations};

const DELEGATED: &str = "200000000002";

fn estate(pages: Pages) -> (Estate, [Keys; 4]) {
    let mut estate = Estate::new(Account::new(MANAGEMENT));
    let outer = estate.unit(estate.root_id(), "Outer");
    let inner = estate.unit(outer.clone(), "Inner");
    for number in 1..=7 {
        let id = format!("2{number:011}");
        let account = Account::new(&id).name(&format!("member {number}"));
        let account = if number == 3 {
            account.state(AccountState::PendingClosure).invited(1_700_000_000)
        } else {
            account
        };
        estate.account(if number <= 2 { outer.clone() } else { inner.clone() }, account);
    }
    estate.account_outside(Account::new("999999999999"));
    estate.delegated_administrator(DELEGATED).pages(pages);
    let keys = [MANAGEMENT, DELEGATED, "200000000005", "999999999999"].map(|id| estate.user(id, "ann").into());
    (estate, keys)
}

async fn started(pages: Pages) -> (Sim, [Keys; 4]) {
    let (estate, keys) = estate(pages);
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    (Sim::start(estate, clock).await.unwrap(), keys)
}

/// All entries of a listing, and its number of pages.
fn list(sim: &Sim, keys: &Keys, operation: &str, member: &str, mut input: Value) -> (Vec<Value>, usize) {
    let (mut entries, mut pages) = (Vec::new(), 0);
    loop {
        let page = organizations(sim, keys, operation, &input.to_string());
        assert_eq!(page.status, 200, "{}", page.body);
        let page = page.json();
        pages += 1;
        entries.extend(page[member].as_array().unwrap().clone());
        match page.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => return (entries, pages),
        }
    }
}

#[tokio::test]
async fn the_tree_from_the_top_has_every_account_once() {
    for (empty_every, size) in [(None, 2), (Some(1), 3), (Some(2), 1)] {
        let (sim, [keys, ..]) = started(Pages {
            organizations: size,
            empty_every,
            ..Pages::default()
        })
        .await;
        let (roots, _) = list(&sim, &keys, "ListRoots", "Roots", json!({}));
        let mut parents = vec![roots[0]["Id"].clone()];
        let mut ids = BTreeSet::new();
        while let Some(parent) = parents.pop() {
            let of = json!({"ParentId": parent});
            let (units, _) = list(
                &sim,
                &keys,
                "ListOrganizationalUnitsForParent",
                "OrganizationalUnits",
                of.clone(),
            );
            parents.extend(units.iter().map(|unit| unit["Id"].clone()));
            for account in list(&sim, &keys, "ListAccountsForParent", "Accounts", of).0 {
                assert!(ids.insert(account["Id"].as_str().unwrap().to_owned()));
            }
        }
        assert_eq!(ids.len(), 8);
        assert!(!ids.contains("999999999999"));
        let (flat, pages) = list(&sim, &keys, "ListAccounts", "Accounts", json!({}));
        assert_eq!(
            flat.iter()
                .map(|account| account["Id"].as_str().unwrap().to_owned())
                .collect::<BTreeSet<_>>(),
            ids
        );
        assert!(pages >= 8_usize.div_ceil(size));
    }
}

#[tokio::test]
async fn the_first_page_may_be_empty_and_go_on() {
    let (sim, [keys, ..]) = started(Pages {
        empty_every: Some(1),
        ..Pages::default()
    })
    .await;
    let page = organizations(&sim, &keys, "ListAccounts", "{}").json();
    assert_eq!(page["Accounts"], json!([]));
    assert!(page["NextToken"].is_string());
}

#[tokio::test]
async fn max_results_and_tokens() {
    let (sim, [keys, delegated, ..]) = started(Pages::default()).await;
    let ask = |keys: &Keys, operation: &str, input: Value| organizations(&sim, keys, operation, &input.to_string());
    let page = ask(&keys, "ListAccounts", json!({"MaxResults": 3})).json();
    assert_eq!(page["Accounts"].as_array().unwrap().len(), 3);
    let token = page["NextToken"].as_str().unwrap();
    assert_eq!(
        ask(&keys, "ListAccounts", json!({"NextToken": token})).json()["Accounts"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    let foreign = [
        ask(&keys, "ListRoots", json!({"NextToken": token})),
        ask(&delegated, "ListAccounts", json!({"NextToken": token})),
        ask(&keys, "ListAccounts", json!({"NextToken": "forged"})),
        ask(&keys, "ListAccounts", json!({"MaxResults": 21})),
        ask(&keys, "ListAccounts", json!({"MaxResults": 0})),
    ];
    let reasons = foreign.map(|reply| {
        assert_eq!(reply.code(), "InvalidInputException");
        reply.json()["Reason"].as_str().unwrap().to_owned()
    });
    let token = "INVALID_NEXT_TOKEN";
    assert_eq!(
        reasons,
        [token, token, token, "MAX_VALUE_EXCEEDED", "MIN_VALUE_EXCEEDED"]
    );
}

#[tokio::test]
async fn who_may_ask() {
    let (sim, [keys, delegated, member, outsider]) = started(Pages::default()).await;
    let code = |keys: &Keys, operation: &str| organizations(&sim, keys, operation, "{}").error();
    let denied = "You don't have permissions to access this resource.";
    for keys in [&keys, &delegated] {
        assert_eq!(organizations(&sim, keys, "ListAccounts", "{}").status, 200);
    }
    assert_eq!(
        code(&member, "ListAccounts"),
        (400, "AccessDeniedException".to_owned(), denied.to_owned())
    );
    assert_eq!(organizations(&sim, &member, "DescribeOrganization", "{}").status, 200);
    assert_eq!(
        code(&outsider, "DescribeOrganization").1,
        "AWSOrganizationsNotInUseException"
    );

    let mut alone = Estate::standalone(Account::new(MANAGEMENT));
    let keys: Keys = alone.user(MANAGEMENT, "ann").into();
    let sim = Sim::start(alone, Clock::real()).await.unwrap();
    assert_eq!(
        organizations(&sim, &keys, "ListAccounts", "{}").code(),
        "AWSOrganizationsNotInUseException"
    );
}

#[tokio::test]
async fn a_role_without_the_permission() {
    let role = Role::new("blind").trusting(MANAGEMENT).deny("organizations:List*");
    let mut estate = Estate::new(Account::new(MANAGEMENT).role(role));
    let keys: Keys = estate.user(MANAGEMENT, "ann").into();
    let sim = Sim::start(estate, Clock::real()).await.unwrap();
    let blind = client::assume(&sim, &keys, &format!("arn:aws:iam::{MANAGEMENT}:role/blind"));
    let (status, code, message) = organizations(&sim, &blind, "ListAccounts", "{}").error();
    assert_eq!((status, code.as_str()), (400, "AccessDeniedException"));
    assert!(message.contains("because no identity-based policy allows the organizations:ListAccounts action"));
    assert_eq!(organizations(&sim, &blind, "DescribeOrganization", "{}").status, 200);
}

#[tokio::test]
async fn one_thing_at_a_time() {
    let (sim, [keys, ..]) = started(Pages::default()).await;
    let ask = |operation: &str, input: Value| organizations(&sim, &keys, operation, &input.to_string());
    let account = ask("DescribeAccount", json!({"AccountId": "200000000003"})).json()["Account"].clone();
    assert_eq!(
        (&account["State"], &account["Status"]),
        (&json!("PENDING_CLOSURE"), &json!("PENDING_CLOSURE"))
    );
    assert_eq!(
        (&account["JoinedMethod"], &account["Name"]),
        (&json!("INVITED"), &json!("member 3"))
    );
    let parents = ask("ListParents", json!({"ChildId": "200000000003"})).json();
    let unit = &parents["Parents"][0];
    assert_eq!(unit["Type"], "ORGANIZATIONAL_UNIT");
    let described = ask(
        "DescribeOrganizationalUnit",
        json!({"OrganizationalUnitId": unit["Id"]}),
    )
    .json();
    assert_eq!(described["OrganizationalUnit"]["Name"], "Inner");
    let organization = ask("DescribeOrganization", json!({})).json()["Organization"].clone();
    assert_eq!(organization["MasterAccountId"], MANAGEMENT);

    let unknown = [
        (
            "ListAccountsForParent",
            json!({"ParentId": "ou-none-00000000"}),
            "ParentNotFoundException",
        ),
        (
            "ListOrganizationalUnitsForParent",
            json!({"ParentId": "r-none"}),
            "ParentNotFoundException",
        ),
        (
            "ListAccountsForParent",
            json!({"ParentId": "x"}),
            "InvalidInputException",
        ),
        ("ListAccountsForParent", json!({}), "InvalidInputException"),
        (
            "DescribeAccount",
            json!({"AccountId": "888888888888"}),
            "AccountNotFoundException",
        ),
        (
            "DescribeOrganizationalUnit",
            json!({"OrganizationalUnitId": "ou-x"}),
            "OrganizationalUnitNotFoundException",
        ),
        (
            "ListParents",
            json!({"ChildId": "888888888888"}),
            "ChildNotFoundException",
        ),
        ("InviteAccountToOrganization", json!({}), "UnknownOperationException"),
    ];
    for (operation, input, code) in unknown {
        assert_eq!(ask(operation, input).code(), code, "{operation}");
    }
}

#[tokio::test]
async fn a_quota_that_fills_with_the_simulators_clock() {
    let (mut estate, [keys, ..]) = estate(Pages::default());
    estate.organizations_quota(Some(Quota {
        burst: 2.0,
        per_second: 1.0,
    }));
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let sim = Sim::start(estate, clock).await.unwrap();
    let ask = || organizations(&sim, &keys, "ListRoots", "{}").status;
    assert_eq!([ask(), ask(), ask()], [200, 200, 400]);
    assert_eq!(
        organizations(&sim, &keys, "ListRoots", "{}").code(),
        "TooManyRequestsException"
    );
    sim.clock().advance(Duration::from_secs(1));
    assert_eq!([ask(), ask()], [200, 400]);
}

#[tokio::test]
async fn the_region_is_us_east_1() {
    let (sim, [keys, ..]) = started(Pages::default()).await;
    let how = Signing::default();
    let reply = client::signed(&sim, &keys, "organizations", "eu-west-1", Some("ListRoots"), "{}", &how).unwrap();
    assert_eq!(reply.code(), "InvalidSignatureException");
    assert!(
        reply
            .error()
            .2
            .contains("Credential should be scoped to a valid region")
    );
}
