//! Three hours of run with sessions of fifteen minutes.
//!
//! Every region has hundreds of empty pages. Each time that all slices have asked for another page the clock is moved by
//! a minute, so a call that is under way meets at most one move, whatever the machine is busy with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sim::{Estate, Fault, Pages, Region, Role, Sim};
use serde_json::json;

use crate::harness::{Outcome, Run, expected, parameters, some, start_still};
use crate::world::*;

const ROUND: Duration = Duration::from_secs(60);
const THREE_HOURS: Duration = Duration::from_secs(3 * 3600);
/// Rounds of a region before its instances come.
const EMPTY_PAGES: u8 = 240;
const LIFETIME: Duration = Duration::from_secs(900);
/// A fifth of the lifetime, and up to a twentieth more: sessions are renewed so long before their end, at the earliest.
const EARLIEST: Duration = Duration::from_secs(180 + 45);

/// Regions with some instances in each of the accounts, behind so many empty pages.
fn with_regions(estate: &mut Estate, count: usize, accounts: &[&str], empty_in_a_row: u8) -> Vec<&'static str> {
    let regions = aws_sim::facts::default_regions()[..count].to_vec();
    estate.regions(regions.iter().copied().chain([VIRGINIA]).map(Region::new));
    let pages = Pages {
        empty_every: Some(1),
        empty_in_a_row,
        ..Pages::default()
    };
    estate.ec2_quota(None).pages(pages);
    for account in accounts {
        estate.change_account(account, |account| {
            regions
                .iter()
                .fold(account, |account, region| account.instances(region, 4))
        });
    }
    regions
}

/// Runs while the clock goes on, until so many slices have ended.
fn run(sim: &Sim, run: Run<'_>, slices: usize) -> Outcome {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seen = 0;
            loop {
                let mut asked = BTreeSet::new();
                while asked.len() < slices {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    let calls = sim.calls_after(seen);
                    seen += calls.len();
                    let pages = calls.into_iter().filter(|call| call.operation == "DescribeInstances");
                    asked.extend(pages.map(|call| (call.account, call.region)));
                    std::thread::sleep(Duration::from_micros(100));
                }
                sim.clock().advance(ROUND);
            }
        });
        let outcome = run.inside();
        ended.store(true, Ordering::SeqCst);
        outcome
    })
}

/// Runs for three hours and expects every row to be there.
fn three_hours(sim: &Sim, prepared: Run<'_>, accounts: &[&str], regions: &[&str]) -> Duration {
    let start = sim.clock().now();
    let outcome = run(
        sim,
        prepared.params(json!({ "regions": regions })),
        accounts.len() * regions.len(),
    );
    outcome.expect(0);
    let lasted = sim.clock().now().duration_since(start).unwrap();
    assert!(lasted >= THREE_HOURS, "the run lasted {lasted:?}");
    assert_eq!(outcome.found(), expected(sim, accounts.iter().copied(), regions));
    let refused: Vec<_> = sim
        .calls()
        .into_iter()
        .filter(|call| call.status != 200)
        .map(|call| (call.name(), call.error))
        .collect();
    assert_eq!(refused, [], "no call was made with credentials that had expired");
    assert!(outcome.ledger()["duration_seconds"].as_f64().unwrap() >= THREE_HOURS.as_secs_f64());
    lasted
}

/// Each role was assumed once in each lifetime: never twice, never too late.
///
/// The session of a hop in the middle is needed only when that of the next one is renewed: it may be over by then.
fn assert_renewed_once_per_lifetime(sim: &Sim, lasted: Duration, operation: &str, middle: &[String]) {
    let mut times: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for call in sim.calls_of(operation) {
        times
            .entry(call.parameter("RoleArn").unwrap().to_owned())
            .or_default()
            .push(call.at);
    }
    assert!(!times.is_empty(), "{operation} was never called");
    for (role, times) in times {
        let in_the_middle = middle.contains(&role);
        for pair in times.windows(2) {
            let apart = pair[1].duration_since(pair[0]).unwrap();
            assert!(apart >= LIFETIME - EARLIEST, "{role} was assumed again after {apart:?}");
            assert!(
                apart < LIFETIME || in_the_middle,
                "{role} was assumed again after {apart:?}: too late"
            );
        }
        let longest = if in_the_middle { 2 * LIFETIME } else { LIFETIME };
        let fewest = lasted.as_secs() / longest.as_secs();
        let most = lasted.as_secs() / (LIFETIME - EARLIEST).as_secs() + 1;
        assert!(
            (fewest..=most).contains(&(times.len() as u64)),
            "{role} was assumed {} times",
            times.len()
        );
    }
}

#[test]
fn a_role_chain_whose_session_many_slices_share() {
    let mut estate = estate();
    let regions = with_regions(&mut estate, 12, &[MASTER], EMPTY_PAGES);
    estate.change_account(MASTER, |account| {
        account.role(Role::new("last").trusting(&role(MASTER, "hub")))
    });
    let sim = start_still(estate);
    let run = Run::keys(&sim).params(json!({
        "master_assume_role_arn_chain": [role(MASTER, "hub"), role(MASTER, "last")],
        "role_session_duration": 900,
    }));
    let lasted = three_hours(&sim, run, &[MASTER], &regions);
    assert_renewed_once_per_lifetime(&sim, lasted, "sts:AssumeRole", &[role(MASTER, "hub")]);
}

#[test]
fn a_first_hop_that_all_accounts_share() {
    let mut estate = estate();
    let accounts = [A, B, C, D];
    let regions = with_regions(&mut estate, 3, &accounts, EMPTY_PAGES);
    let sim = start_still(estate);
    let run = Run::keys(&sim).params(json!({
        "sub_account_assume_role_arn_chain": [role(MASTER, "hub"), role("{accountId}", "inventory")],
        "accounts": accounts,
        "role_session_duration": 900,
    }));
    let lasted = three_hours(&sim, run, &accounts, &regions);
    assert_renewed_once_per_lifetime(&sim, lasted, "sts:AssumeRole", &[role(MASTER, "hub")]);
    let calls = sim.calls_of("sts:AssumeRole");
    let roles: BTreeSet<_> = parameters(&calls, "RoleArn").into_iter().collect();
    assert_eq!(roles.len(), 1 + accounts.len());
}

#[test]
fn a_web_identity_with_a_new_token_each_time() {
    let mut estate = estate();
    let regions = with_regions(&mut estate, 12, &[MASTER], EMPTY_PAGES);
    let sim = start_still(estate);
    let run = Run::oidc(&sim).params(json!({"SessionDuration": 900}));
    let lasted = three_hours(&sim, run, &[MASTER], &regions);
    assert_renewed_once_per_lifetime(&sim, lasted, "sts:AssumeRoleWithWebIdentity", &[]);
    let (tokens, sessions) = (sim.count("idp:Token"), sim.count("sts:AssumeRoleWithWebIdentity"));
    assert_eq!(
        tokens, sessions,
        "a token lives five minutes: each renewal needs a new one"
    );
}

#[test]
fn a_chain_that_starts_from_a_web_identity() {
    let mut estate = estate();
    let regions = with_regions(&mut estate, 6, &[MASTER], EMPTY_PAGES);
    let sim = start_still(estate);
    let run = Run::oidc(&sim).params(json!({
        "SessionDuration": 3600,
        "master_assume_role_arn_chain": [role(MASTER, "hub")],
        "role_session_duration": 900,
    }));
    let lasted = three_hours(&sim, run, &[MASTER], &regions);
    assert_renewed_once_per_lifetime(&sim, lasted, "sts:AssumeRole", &[]);
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
    let regions = with_regions(&mut estate, 6, &[MASTER], 60);
    let sim = start_still(estate);
    // The first succeeds; of the renewals, every second one fails.
    let denied = sim.faults().add(
        Fault::on("sts:AssumeRole")
            .every(2)
            .error(403, "AccessDenied", "not now"),
    );
    let prepared = Run::keys(&sim)
        .params(json!({"master_assume_role_arn_chain": [role(MASTER, "hub")], "role_session_duration": 900}))
        .params(json!({ "regions": regions }));
    let outcome = run(&sim, prepared, regions.len());
    outcome.expect(0);
    assert!(sim.faults().acted(denied) >= 3);
    assert_eq!(outcome.found(), expected(&sim, [MASTER], &regions));
    assert!(some(sim.calls_of("ec2:*")).iter().all(|call| call.status == 200));
    // Between a failed renewal and the next there is a pause.
    let calls = sim.calls_of("sts:AssumeRole");
    let after_failures = calls.windows(2).filter(|pair| pair[0].status != 200);
    for pair in some(after_failures.collect()) {
        let apart = pair[1].at.duration_since(pair[0].at).unwrap();
        assert!(apart >= Duration::from_secs(30), "tried again after {apart:?}");
    }
}

#[test]
fn a_renewal_that_fails_for_good_ends_what_is_left_and_only_that() {
    let mut estate = estate();
    let regions = with_regions(&mut estate, 3, &[A, B], 30);
    let sim = start_still(estate);
    let inventory = role(A, "inventory");
    let prepared =
        Run::organization(&sim).params(json!({"accounts": [A, B], "role_session_duration": 900, "regions": regions}));
    // A's role is taken away once A has been reached.
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            let reached = || {
                sim.calls_of("ec2:*")
                    .iter()
                    .any(|call| call.account.as_deref() == Some(A))
            };
            while !reached() {
                std::thread::yield_now();
            }
            let fault = Fault::on("sts:AssumeRole").parameter("RoleArn", &inventory);
            sim.faults().add(fault.error(403, "AccessDenied", "no longer"));
        });
        run(&sim, prepared, 2 * regions.len())
    });
    outcome.expect(3);
    assert_eq!(outcome.found(), expected(&sim, [B], &regions));
    let mut hops = BTreeSet::new();
    for region in &regions {
        let slice = outcome.slice(A, Some(region));
        assert_eq!(slice["outcome"], "credentials", "{slice}");
        hops.insert(slice["cause"]["hop"].as_str().map(str::to_owned));
    }
    // A call that was signed in the last minute may arrive too late; none is made after that.
    assert!(
        hops.contains(&Some(format!("hop 1 of 1, AssumeRole of {inventory}"))),
        "{hops:?}"
    );
    let late = sim
        .calls()
        .into_iter()
        .filter(|call| call.error.as_deref() == Some("RequestExpired"));
    assert!(late.count() < regions.len());
}

/// With one call at a time, the last of many waits longer than AWS takes a signature, and than a session lives.
#[test]
fn a_call_that_waits_for_its_turn_is_signed_when_that_comes() {
    let mut estate = estate();
    let regions = with_regions(&mut estate, 17, &[MASTER], 2);
    estate.tick("ec2:DescribeInstances", Duration::from_secs(70));
    let sim = start_still(estate);
    let prepared = Run::keys(&sim)
        .params(json!({"master_assume_role_arn_chain": [role(MASTER, "hub")], "role_session_duration": 900}))
        .params(json!({"regions": regions, "max_concurrency": 1}));
    let outcome = prepared.inside();
    outcome.expect(0);
    assert_eq!(outcome.found(), expected(&sim, [MASTER], &regions));
    assert!(some(sim.calls()).iter().all(|call| call.status == 200));
}
