//! Three hours of run on a clock that every DescribeInstances moves, with sessions of fifteen minutes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sim::{Account, Estate, Fault, Pages, Region, Role, Sim};
use serde_json::json;

use crate::harness::{Run, expected, parameters, start_still};
use crate::world::*;

const THREE_HOURS: Duration = Duration::from_secs(3 * 3600);
const LIFETIME: Duration = Duration::from_secs(900);
/// A fifth of the lifetime, and up to a twentieth more: sessions are renewed so long before their end, at the earliest.
const EARLIEST: Duration = Duration::from_secs(180 + 45);

/// Regions with so many instances each that pages of five make `hours` of run, at `tick` a page.
fn filled(account: Account, regions: &[String], instances: u32) -> Account {
    regions
        .iter()
        .fold(account, |account, region| account.instances(region, instances))
}

fn names(count: usize) -> Vec<String> {
    auth_core::regions::DEFAULT_REGIONS[..count]
        .iter()
        .map(|name| (*name).to_owned())
        .collect()
}

/// While one call is under way each other slice makes one too, and moves the clock. A renewal takes as many calls as the
/// chain has hops, or token and session: so many rounds must stay below the margin.
fn with_regions(estate: &mut Estate, regions: &[String], tick: Duration) {
    estate.regions(
        regions
            .iter()
            .map(|name| Region::new(name))
            .chain([Region::new(VIRGINIA)]),
    );
    // Every second page is empty: a cheap way to spend time.
    let pages = Pages {
        empty_every: Some(1),
        ..Pages::default()
    };
    estate.ec2_quota(None).pages(pages).tick("ec2:DescribeInstances", tick);
}

/// Runs in fifteen-minute sessions and expects every row to be there.
fn collect(sim: &Sim, run: Run<'_>, accounts: &[&str], regions: &[String]) {
    let start = sim.clock().now();
    let outcome = run.params(json!({"regions": regions, "page_size": 5})).inside();
    outcome.expect(0);
    let lasted = sim.clock().now().duration_since(start).unwrap();
    assert!(lasted >= THREE_HOURS, "the run lasted {lasted:?}");
    let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
    assert_eq!(outcome.found(), expected(sim, accounts.iter().copied(), &regions));
    let refused: Vec<_> = sim
        .calls()
        .into_iter()
        .filter(|call| call.status != 200)
        .map(|call| (call.name(), call.error))
        .collect();
    assert_eq!(refused, [], "no call was made with credentials that had expired");
    let ledger = outcome.ledger();
    assert!(ledger["duration_seconds"].as_f64().unwrap() >= THREE_HOURS.as_secs_f64());
}

/// Each role was assumed once in each lifetime: never twice, never too late.
///
/// The session of a hop in the middle is needed only when that of the next one is renewed: it may be over by then.
fn assert_renewed_once_per_lifetime(sim: &Sim, operation: &str, middle: &[String]) {
    let mut times: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for call in sim.calls_of(operation) {
        times
            .entry(call.parameter("RoleArn").unwrap().to_owned())
            .or_default()
            .push(call.at);
    }
    for (role, times) in times {
        for pair in times.windows(2) {
            let apart = pair[1].duration_since(pair[0]).unwrap();
            assert!(apart >= LIFETIME - EARLIEST, "{role} was assumed again after {apart:?}");
            assert!(
                apart < LIFETIME,
                "{role} was assumed again after {apart:?}, when its session was over"
            );
        }
        let fewest = usize::try_from(THREE_HOURS.as_secs() / LIFETIME.as_secs()).unwrap();
        let most = usize::try_from(THREE_HOURS.as_secs() / (LIFETIME - EARLIEST).as_secs()).unwrap() + 2;
        assert!(
            (fewest..=most).contains(&times.len()),
            "{role} was assumed {} times",
            times.len()
        );
    }
}

#[test]
fn a_role_chain_whose_session_many_slices_share() {
    let mut estate = estate();
    let regions = names(9);
    with_regions(&mut estate, &regions, Duration::from_secs(6));
    estate.change_account(MASTER, |account| {
        let account = account.role(Role::new("last").trusting(&role(MASTER, "hub")));
        filled(account, &regions, 540)
    });
    let sim = start_still(estate);
    let run = Run::keys(&sim).params(json!({
        "master_assume_role_arn_chain": [role(MASTER, "hub"), role(MASTER, "last")],
        "role_session_duration": 900,
    }));
    collect(&sim, run, &[MASTER], &regions);
    assert_renewed_once_per_lifetime(&sim, "sts:AssumeRole", &[role(MASTER, "hub")]);
}

#[test]
fn a_first_hop_that_all_accounts_share() {
    let mut estate = estate();
    let regions = names(2);
    with_regions(&mut estate, &regions, Duration::from_secs(6));
    for member in [A, B, C, D] {
        estate.change_account(member, |account| filled(account, &regions, 600));
    }
    let sim = start_still(estate);
    let run = Run::keys(&sim).params(json!({
        "sub_account_assume_role_arn_chain": [role(MASTER, "hub"), role("{accountId}", "inventory")],
        "accounts": [A, B, C, D],
        "role_session_duration": 900,
    }));
    collect(&sim, run, &[A, B, C, D], &regions);
    assert_renewed_once_per_lifetime(&sim, "sts:AssumeRole", &[role(MASTER, "hub")]);
    let roles: BTreeSet<_> = parameters(&sim.calls_of("sts:AssumeRole"), "RoleArn")
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(roles.len(), 5);
}

#[test]
fn a_web_identity_with_a_new_token_each_time() {
    let mut estate = estate();
    let regions = names(9);
    with_regions(&mut estate, &regions, Duration::from_secs(6));
    estate.change_account(MASTER, |account| filled(account, &regions, 540));
    let sim = start_still(estate);
    let run = Run::oidc(&sim).params(json!({"SessionDuration": 900}));
    collect(&sim, run, &[MASTER], &regions);
    assert_renewed_once_per_lifetime(&sim, "sts:AssumeRoleWithWebIdentity", &[]);
    let (tokens, sessions) = (sim.count("idp:Token"), sim.count("sts:AssumeRoleWithWebIdentity"));
    assert_eq!(
        tokens, sessions,
        "a token lives five minutes: each renewal needs a new one"
    );
}

#[test]
fn a_chain_that_starts_from_a_web_identity() {
    let mut estate = estate();
    let regions = names(9);
    with_regions(&mut estate, &regions, Duration::from_secs(6));
    estate.change_account(MASTER, |account| filled(account, &regions, 540));
    let sim = start_still(estate);
    let run = Run::oidc(&sim).params(json!({
        "SessionDuration": 3600,
        "master_assume_role_arn_chain": [role(MASTER, "hub")],
        "role_session_duration": 900,
    }));
    collect(&sim, run, &[MASTER], &regions);
    assert_renewed_once_per_lifetime(&sim, "sts:AssumeRole", &[]);
    let web_identities = sim.count("sts:AssumeRoleWithWebIdentity");
    assert!(
        (3..=5).contains(&web_identities),
        "three hours in sessions of one: {web_identities}"
    );
    assert_eq!(sim.count("idp:Token"), web_identities);
}

#[test]
fn a_renewal_that_fails_while_the_old_session_is_valid_stops_nothing() {
    let mut estate = estate();
    let regions = names(6);
    with_regions(&mut estate, &regions, Duration::from_secs(10));
    estate.change_account(MASTER, |account| filled(account, &regions, 200));
    let sim = start_still(estate);
    // The first succeeds; of the renewals, every second one fails first.
    let denied = sim.faults().add(
        Fault::on("sts:AssumeRole")
            .every(2)
            .error(403, "AccessDenied", "not now"),
    );
    let outcome = Run::keys(&sim)
        .params(json!({"master_assume_role_arn_chain": [role(MASTER, "hub")], "role_session_duration": 900}))
        .params(json!({"regions": regions, "page_size": 5}))
        .inside();
    outcome.expect(0);
    assert!(sim.faults().acted(denied) >= 2);
    let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
    assert_eq!(outcome.found(), expected(&sim, [MASTER], &regions));
    assert!(sim.calls_of("ec2:*").iter().all(|call| call.status == 200));
    // Between a failed renewal and the next there is a pause.
    let calls = sim.calls_of("sts:AssumeRole");
    for pair in calls.windows(2).filter(|pair| pair[0].status != 200) {
        let apart = pair[1].at.duration_since(pair[0].at).unwrap();
        assert!(apart >= Duration::from_secs(30), "tried again after {apart:?}");
    }
}

#[test]
fn a_renewal_that_fails_for_good_ends_what_is_left_and_only_that() {
    let mut estate = estate();
    let regions = names(4);
    with_regions(&mut estate, &regions, Duration::from_secs(8));
    for member in [A, B] {
        estate.change_account(member, |account| filled(account, &regions, 120));
    }
    let sim = start_still(estate);
    let inventory = role(A, "inventory");
    // A's role is taken away once the run is under way: when A has been reached.
    let run = Run::organization(&sim)
        .params(json!({"accounts": [A, B], "role_session_duration": 900, "regions": regions, "page_size": 5}));
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while sim.count("ec2:DescribeInstances") == 0 {
                std::thread::yield_now();
            }
            let fault = Fault::on("sts:AssumeRole").parameter("RoleArn", &inventory);
            sim.faults().add(fault.error(403, "AccessDenied", "no longer"));
        });
        run.inside()
    });
    outcome.expect(3);
    let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
    assert_eq!(outcome.found(), expected(&sim, [B], &regions));
    for region in regions {
        let slice = outcome.slice(A, Some(region));
        assert_eq!(slice["outcome"], "credentials");
        assert_eq!(
            slice["cause"]["hop"],
            format!("hop 1 of 1, AssumeRole of {inventory}"),
            "{slice}"
        );
        assert_eq!(slice["cause"]["message"], "no longer");
    }
    let expired = sim
        .calls()
        .into_iter()
        .filter(|call| matches!(call.error.as_deref(), Some("ExpiredToken" | "RequestExpired")));
    assert_eq!(expired.count(), 0, "expired credentials are not sent");
}
