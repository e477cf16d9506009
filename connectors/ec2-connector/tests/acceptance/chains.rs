//! Roles are assumed once where they are the same for all accounts, and the master account is reached once.

use std::collections::BTreeMap;

use aws_sim::{Role, Sim};
use serde_json::json;

use crate::harness::{Run, expected, parameters, some, start};
use crate::world::*;

/// How often each role was assumed.
fn assumed(sim: &Sim) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for arn in parameters(&sim.calls_of("sts:AssumeRole"), "RoleArn") {
        *counts.entry(arn.to_owned()).or_default() += 1;
    }
    counts
}

/// Where each role was assumed exactly once.
fn once_each(arns: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    arns.into_iter().map(|arn| (arn, 1)).collect()
}

fn members() -> impl Iterator<Item = String> {
    MEMBERS.iter().map(|member| role(member, "inventory"))
}

#[test]
fn a_shared_first_hop_is_walked_once_and_the_master_account_is_not_reached_again() {
    let mut estate = estate();
    // Through the chain the management account could be reached a second time.
    estate.change_account(MASTER, |account| account.role(inventory()));
    for member in MEMBERS {
        estate.change_account(member, |account| {
            account.change_role("inventory", |_| Role::new("inventory").trusting(&role(MASTER, "hub")))
        });
    }
    let sim = start(estate);
    for accounts in [false, true] {
        sim.forget_calls();
        let mut run = Run::keys(&sim).params(
            json!({"sub_account_assume_role_arn_chain": [role(MASTER, "hub"), role("{accountId}", "inventory")]}),
        );
        if accounts {
            run = run.params(json!({ "accounts": MEMBERS }));
        }
        let outcome = run.expect(0);
        let of = if accounts { &MEMBERS[..] } else { &ALL[..] };
        assert_eq!(outcome.found(), expected(&sim, of.iter().copied(), &REGIONS));
        assert_eq!(sim.count("sts:AssumeRole"), 1 + MEMBERS.len());
        assert_eq!(assumed(&sim), once_each(members().chain([role(MASTER, "hub")])));
        let mut places: Vec<_> = sim
            .calls_of("ec2:DescribeInstances")
            .into_iter()
            .map(|call| (call.account, call.region))
            .collect();
        places.sort();
        assert_eq!(places.len(), of.len() * REGIONS.len());
        places.dedup();
        assert_eq!(places.len(), of.len() * REGIONS.len(), "every account and region once");
        if !accounts {
            let user = sim
                .calls_of("ec2:*")
                .into_iter()
                .filter(|call| call.account.as_deref() == Some(MASTER));
            assert!(
                some(user.collect::<Vec<_>>())
                    .into_iter()
                    .all(|call| call.caller.unwrap().contains(":user/")),
                "not with a role's session"
            );
        }
    }
}

#[test]
fn with_a_master_chain_the_counts_add_up() {
    let mut estate = estate();
    estate.change_account(MASTER, |account| {
        account.role(Role::new("second").trusting(&role(MASTER, "hub")))
    });
    let sim = start(estate);
    let (hub, reader, second) = (
        role(MASTER, "hub"),
        role(MASTER, "organization-reader"),
        role(MASTER, "second"),
    );
    let inventory = role("{accountId}", "inventory");
    for (master, sub, shared) in [
        // Two chains that have nothing in common.
        (vec![&reader], vec![&hub, &inventory], vec![&reader, &hub]),
        // The same first hop in both.
        (vec![&hub], vec![&hub, &inventory], vec![&hub]),
        // Two shared hops, the first of them also the master chain's.
        (vec![&hub], vec![&hub, &second, &inventory], vec![&hub, &second]),
        (
            vec![&hub, &second],
            vec![&hub, &second, &inventory],
            vec![&hub, &second],
        ),
        // Nothing shared.
        (vec![], vec![&inventory], vec![]),
    ] {
        sim.forget_calls();
        let outcome = Run::keys(&sim)
            .params(json!({"master_assume_role_arn_chain": master, "sub_account_assume_role_arn_chain": sub}))
            .expect(0);
        assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
        let wanted = once_each(members().chain(shared.into_iter().cloned()));
        assert_eq!(assumed(&sim), wanted, "{master:?} {sub:?}");
    }
}

#[test]
fn a_shared_hop_that_fails_is_tried_once_and_named_in_every_account() {
    let sim = start(estate());
    let outcome = Run::keys(&sim)
        .params(
            json!({"sub_account_assume_role_arn_chain": [role(MASTER, "missing"), role("{accountId}", "inventory")]}),
        )
        .expect(3);
    assert_eq!(outcome.found(), expected(&sim, [MASTER], &REGIONS));
    assert_eq!(sim.count("sts:AssumeRole"), 1);
    for member in MEMBERS {
        let slice = outcome.slice(member, None);
        assert_eq!(slice["outcome"], "credentials");
        assert_eq!(
            slice["cause"]["hop"],
            format!("hop 1 of 2, AssumeRole of {}", role(MASTER, "missing"))
        );
        assert_eq!(slice["cause"]["code"], "AccessDenied");
    }
}

#[test]
fn a_session_of_another_account_is_not_taken_for_the_one_that_was_meant() {
    let sim = start(estate());
    // The one case in which an ARN without {accountId} passes the checks of the parameters.
    let outcome = Run::keys(&sim)
        .params(json!({"accounts": [A], "sub_account_assume_role_arn_chain": [role(B, "inventory")]}))
        .expect(4);
    outcome.says(&[
        &format!("the session is of account {B}, but"),
        "the role is in another account than its slice: put {accountId} into the last ARN of \
         sub_account_assume_role_arn_chain",
    ]);
    assert_eq!(outcome.slice(A, None)["outcome"], "credentials");
    assert_eq!(sim.count("ec2:*"), 0, "nothing was asked with the wrong session");
    assert!(!outcome.has_output());
    // The same with a last hop that leads back, for all accounts.
    let mut back = estate();
    back.change_account(MASTER, |account| {
        MEMBERS.iter().fold(account, |account, member| {
            account.role(Role::new(&format!("back-{member}")).trusting(&root_of(member)))
        })
    });
    let sim = start(back);
    let outcome = Run::keys(&sim)
        .params(json!({"sub_account_assume_role_arn_chain": [role("{accountId}", "inventory"), role(MASTER, "back-{accountId}")]}))
        .expect(3);
    assert_eq!(
        outcome.found(),
        expected(&sim, [MASTER], &REGIONS),
        "the master's rows once, not six times"
    );
}

#[test]
fn the_right_account_may_be_named_by_a_fixed_arn() {
    let sim = start(estate());
    let outcome = Run::keys(&sim)
        .params(json!({"accounts": [B], "sub_account_assume_role_arn_chain": [role(B, "inventory")]}))
        .expect(0);
    assert_eq!(outcome.found(), expected(&sim, [B], &REGIONS));
}
