//! What fails takes nothing else with it, and is named with its cause.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use auth_core::host::AsyncSleep;
use aws_sim::{Account, Action, Estate, Fault, Role, Scp, Sim};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, Sleep};
use serde_json::{Value as Json, json};

use crate::harness::{Found, Impatient, Outcome, Run, expected, is_far, is_limit, start, start_still};
use crate::world::*;

fn without(found: Found, accounts: &[&str]) -> Found {
    found
        .into_iter()
        .filter(|((account, _), _)| !accounts.contains(&account.as_str()))
        .collect()
}

fn has_cause(slice: &Json, outcome: &str, code: &str, message: &str, hint: &str) {
    assert_eq!(slice["outcome"], outcome, "{slice}");
    let cause = &slice["cause"];
    assert_eq!(cause["code"], code, "{slice}");
    for (name, text) in [("message", message), ("hint", hint)] {
        assert!(cause[name].as_str().unwrap().contains(text), "{name}: {slice}");
    }
    assert!(cause["request_id"].as_str().unwrap().len() > 30, "{slice}");
    assert_eq!(slice["rows"], 0);
}

/// A is denied, D is throttled, E lacks the role, and B alone has enabled a region.
fn troubled() -> Estate {
    let mut estate = estate();
    estate
        .change_account(A, |account| {
            account.change_role("inventory", |role| role.deny("ec2:DescribeInstances"))
        })
        .change_account(B, |account| account.opt_in(HONG_KONG).instances(HONG_KONG, 2))
        .change_account(E, |account| account.change_role("inventory", |_| Role::new("another")));
    estate
}

fn assert_troubles(outcome: &Outcome, sim: &Sim) {
    let mut all = expected(sim, ALL, &[FRANKFURT, IRELAND, VIRGINIA, HONG_KONG]);
    all = without(all, &[A, D, E]);
    assert!(all.contains_key(&(B.to_owned(), HONG_KONG.to_owned())));
    assert_eq!(outcome.found(), all, "all other rows are there");
    for region in REGIONS {
        has_cause(
            &outcome.slice(A, Some(region)),
            "denied",
            "UnauthorizedOperation",
            "no identity-based policy allows the ec2:DescribeInstances action",
            "allow ec2:DescribeInstances in the policy of the role",
        );
        let slice = outcome.slice(D, Some(region));
        has_cause(
            &slice,
            "throttled",
            "RequestLimitExceeded",
            "Request limit exceeded.",
            "AWS still refused after all retries",
        );
        assert_eq!((&slice["calls"], &slice["retries"]), (&json!(8), &json!(7)));
    }
    let missing = outcome.slice(E, None);
    has_cause(
        &missing,
        "credentials",
        "AccessDenied",
        "sts:AssumeRole",
        &format!("check that {} exists", role(E, "inventory")),
    );
    assert_eq!(
        missing["cause"]["hop"],
        format!("hop 1 of 1, AssumeRole of {}", role(E, "inventory"))
    );
    for account in [MASTER, A, C, D] {
        let slice = outcome.slice(account, Some(HONG_KONG));
        assert_eq!(
            (&slice["outcome"], &slice["reason"]),
            (&json!("skipped"), &json!("the region is not enabled in this account")),
            "{account}"
        );
    }
    assert_eq!(outcome.slice(B, Some(HONG_KONG))["outcome"], "complete");
    assert_eq!(outcome.slice(C, Some(IRELAND))["outcome"], "empty");
    let ledger = outcome.ledger();
    assert_eq!(
        (&ledger["outcome"], &ledger["exit_code"]),
        (&json!("partial"), &json!(3))
    );
    let totals = &ledger["totals"];
    let total = |name: &str| totals[name].as_u64().unwrap();
    assert_eq!(
        (
            total("denied"),
            total("throttled"),
            total("credentials"),
            total("skipped")
        ),
        (3, 3, 1, 4)
    );
    assert_eq!((total("complete"), total("empty"), total("failed")), (2 + 3 + 2, 3, 0));
    assert_eq!(total("rows"), outcome.rows().len() as u64);
    assert_eq!(total("slices"), outcome.outcomes().len() as u64);
}

#[test]
fn denied_disabled_throttled_and_missing_with_the_enabled_regions() {
    let sim = start_still(troubled());
    sim.faults().add(Fault::on("ec2:DescribeInstances").account(D));
    let outcome = Run::organization(&sim).inside();
    outcome.expect(3);
    assert_troubles(&outcome, &sim);
}

#[test]
fn denied_disabled_throttled_and_missing_with_configured_regions() {
    let sim = start_still(troubled());
    sim.faults()
        .add(Fault::on("ec2:DescribeInstances").account(D).region(FRANKFURT));
    sim.faults()
        .add(Fault::on("ec2:DescribeInstances").account(D).region(IRELAND));
    sim.faults()
        .add(Fault::on("ec2:DescribeInstances").account(D).region(VIRGINIA));
    let outcome = Run::organization(&sim)
        .params(json!({"regions": [HONG_KONG, IRELAND, VIRGINIA, FRANKFURT]}))
        .inside();
    outcome.expect(3);
    assert_troubles(&outcome, &sim);
}

/// The same as a person sees it.
#[test]
fn the_summary_groups_what_failed_by_its_cause() {
    let sim = start(troubled());
    let outcome = Run::organization(&sim).expect(3);
    outcome.says(&[
        &format!("denied: {A} {FRANKFURT} {IRELAND} {VIRGINIA}"),
        "UnauthorizedOperation: You are not authorized to perform this operation.",
        "→ allow ec2:DescribeInstances in the policy of the role that the session comes from",
        &format!("credentials: {E}"),
        "AssumeRole of arn:aws:iam::<account>:role/inventory: AccessDenied",
        "PARTIAL after",
        "exit code 3; rows of the failed slices are missing",
    ]);
}

/// Waits between tries until everything else is done.
#[derive(Debug)]
struct UntilOthersAreDone {
    sim: Arc<Sim2>,
    others: usize,
    late: Arc<AtomicBool>,
}

struct Sim2(Sim);

impl std::fmt::Debug for Sim2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sim")
    }
}

impl AsyncSleep for UntilOthersAreDone {
    fn sleep(&self, duration: Duration) -> Sleep {
        if is_limit(duration) || is_far(duration) {
            return Sleep::new(tokio::time::sleep(duration));
        }
        let (sim, others, late) = (Arc::clone(&self.sim), self.others, Arc::clone(&self.late));
        Sleep::new(async move {
            let start = Instant::now();
            let done = || {
                sim.0
                    .calls_of("ec2:DescribeInstances")
                    .iter()
                    .filter(|call| call.status == 200)
                    .count()
            };
            while done() < others && !late.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(2)).await;
                if start.elapsed() > Duration::from_secs(15) {
                    late.store(true, Ordering::SeqCst);
                }
            }
        })
    }
}

#[test]
fn throttled_accounts_delay_nobody_else() {
    // As many of them as calls are allowed at a time.
    for most in [1, 2, 64] {
        let sim = Arc::new(Sim2(start_still(estate())));
        let throttled: &[&str] = if most == 1 { &[A] } else { &[A, B] };
        for account in throttled {
            sim.0.faults().add(Fault::on("ec2:DescribeInstances").account(account));
        }
        let late = Arc::new(AtomicBool::new(false));
        let sleep = UntilOthersAreDone {
            sim: Arc::clone(&sim),
            others: (ALL.len() - throttled.len()) * REGIONS.len(),
            late: Arc::clone(&late),
        };
        let outcome = Run::organization(&sim.0)
            .params(json!({ "max_concurrency": most }))
            .sleeping(SharedAsyncSleep::new(sleep))
            .inside();
        outcome.expect(3);
        assert_eq!(outcome.found(), without(expected(&sim.0, ALL, &REGIONS), throttled));
        assert!(
            !late.load(Ordering::SeqCst),
            "with {most} at a time, others waited for throttled accounts"
        );
    }
}

/// 90 % of an account's calls are refused for a minute. The clock stands still but for pauses, so that they alone count; each
/// of the other slices has one of its own.
#[test]
fn a_throttled_account_lengthens_no_other_slice() {
    let minute = Duration::from_secs(60);
    let others = || ALL.into_iter().filter(|account| *account != A);
    for most in [1, 4, 64] {
        let durations = |throttled: bool| {
            let sim = start_still(estate());
            for account in others() {
                for region in REGIONS {
                    let slice = Fault::on("ec2:DescribeInstances").account(account).region(region);
                    sim.faults().add(slice.first(1).then(Action::ThrottleFor(10)));
                }
            }
            let refused = throttled.then(|| {
                let refused = Fault::on("ec2:DescribeInstances")
                    .account(A)
                    .all_but_every(10)
                    .lasting(minute);
                sim.faults().add(refused)
            });
            let begin = sim.clock().now();
            let limit = json!({"max_concurrency": most});
            let outcome = Run::organization(&sim).params(limit).by_events().inside();
            if let Some(refused) = refused {
                assert!(
                    sim.faults().acted(refused) >= 3 * 3,
                    "{most}: A was refused again and again"
                );
            }
            let calls = sim.calls_of("ec2:DescribeInstances").into_iter();
            let last = calls
                .filter(|call| call.account.as_deref() != Some(A))
                .map(|call| call.at)
                .max();
            let mut seconds = vec![last.unwrap().duration_since(begin).unwrap().as_secs_f64()];
            for account in others() {
                for region in REGIONS {
                    let slice = outcome.slice(account, Some(region));
                    assert_ne!(slice["outcome"], "throttled", "{slice}");
                    assert_eq!(slice["retries"], 1, "{slice}");
                    seconds.push(slice["duration_seconds"].as_f64().unwrap());
                }
            }
            seconds
        };
        let (alone, beside) = (durations(false), durations(true));
        for (alone, beside) in alone.iter().zip(&beside) {
            assert!(*alone >= 9.9, "the pause alone takes that: {alone}");
            assert!(
                *beside <= alone * 1.1,
                "{most} at a time: {alone} s have become {beside} s"
            );
        }
    }
}

/// Retries come from a quota: accounts that use theirs up must leave that of all others alone.
#[test]
fn throttled_accounts_use_up_nobody_elses_retries() {
    let mut estate = estate();
    let root = estate.root_id();
    // 20 × 7 retries are more than one quota allows (500 tokens, 5 each).
    let throttled: Vec<_> = (1..=20).map(|number| format!("3{number:011}")).collect();
    for id in &throttled {
        estate.account(root.clone(), Account::new(id).instances(FRANKFURT, 1).role(inventory()));
    }
    // E tries again when all those have given up.
    estate.change_account(E, |account| account.latency(FRANKFURT, Duration::from_millis(1500)));
    let sim = start_still(estate);
    for id in &throttled {
        sim.faults().add(Fault::on("ec2:DescribeInstances").account(id));
    }
    sim.faults().add(Fault::on("ec2:DescribeInstances").account(E).first(2));
    let outcome = Run::organization(&sim).params(json!({"regions": [FRANKFURT]})).inside();
    outcome.expect(3);
    for id in &throttled {
        let slice = outcome.slice(id, Some(FRANKFURT));
        assert_eq!((&slice["outcome"], &slice["calls"]), (&json!("throttled"), &json!(8)));
    }
    let slice = outcome.slice(E, Some(FRANKFURT));
    assert_eq!(
        (&slice["outcome"], &slice["calls"], &slice["retries"]),
        (&json!("complete"), &json!(3), &json!(2))
    );
}

#[test]
fn a_slow_account_delays_nobody_else() {
    let mut estate = estate();
    estate.change_account(B, |account| account.latency("*", Duration::from_millis(1500)));
    let sim = start(estate);
    let outcome = Run::organization(&sim)
        .params(json!({"regions": [FRANKFURT], "page_size": 5}))
        .expect(0);
    assert_eq!(outcome.found(), expected(&sim, ALL, &[FRANKFURT]));
    // B's second page is asked for when the first has come: after one and a half seconds. By then all others are done.
    let calls = sim.calls_of("ec2:DescribeInstances");
    let second = calls
        .iter()
        .position(|call| call.parameter("NextToken").is_some() && call.account.as_deref() == Some(B))
        .unwrap();
    let before: BTreeSet<_> = calls[..second]
        .iter()
        .filter_map(|call| call.account.as_deref())
        .collect();
    assert_eq!(before, BTreeSet::from(ALL));
}

#[test]
fn a_service_control_policy_is_told_from_a_missing_permission() {
    for encoded in [false, true] {
        let mut estate = estate();
        let scp = Scp::deny("ec2:*").in_regions(&[FRANKFURT]);
        let scp = if encoded { scp.encoded() } else { scp };
        estate.change_account(B, |account| account.scp(scp));
        let sim = start(estate);
        let outcome = Run::organization(&sim).expect(3);
        has_cause(
            &outcome.slice(B, Some(FRANKFURT)),
            "denied",
            "UnauthorizedOperation",
            "explicit deny in a service control policy",
            "a service control policy of the organization denies ec2:DescribeInstances: change the policy, or leave the \
             region or account out with exclude_regions or exclude_accounts",
        );
        assert_eq!(outcome.slice(B, Some(VIRGINIA))["outcome"], "complete");
        let mut wanted = expected(&sim, ALL, &REGIONS);
        wanted.remove(&(B.to_owned(), FRANKFURT.to_owned()));
        assert_eq!(outcome.found(), wanted);
    }
}

/// A slice ends with the right outcome when there is no answer, none in time, or none that makes sense.
#[test]
fn no_answer_none_in_time_and_nonsense_are_told_apart() {
    let sim = start(estate());
    let faults = sim.faults();
    let on = |account: &str| Fault::on("ec2:DescribeInstances").account(account).region(FRANKFURT);
    faults.add(on(A).then(Action::Hang));
    faults.add(on(B).then(Action::Reset));
    faults.add(on(C).error(500, "InternalError", "An internal error has occurred"));
    faults.add(on(D).html(200));
    faults.add(on(E).html(403));
    let outcome = Run::organization(&sim)
        .sleeping(SharedAsyncSleep::new(Impatient))
        .inside();
    outcome.expect(3);
    let told = |account: &str| {
        let slice = outcome.slice(account, Some(FRANKFURT));
        (slice["outcome"].clone(), slice["cause"].clone())
    };
    let (hanging, cause) = told(A);
    assert_eq!(hanging, "timed-out", "{cause}");
    assert!(
        cause["hint"]
            .as_str()
            .unwrap()
            .contains("check name resolution, routes, proxy variables"),
        "{cause}"
    );
    let (reset, cause) = told(B);
    assert_eq!(reset, "unreachable", "{cause}");
    let (failed, cause) = told(C);
    assert_eq!((failed, &cause["code"]), (json!("failed"), &json!("InternalError")));
    assert!(
        cause["request_id"].is_string() && cause["http_status"] == 500,
        "{cause}"
    );
    let (nonsense, cause) = told(D);
    assert_eq!(nonsense, "failed", "{cause}");
    assert!(
        cause["message"]
            .as_str()
            .unwrap()
            .contains("the answer (HTTP 200) is not one that AWS gives"),
        "{cause}"
    );
    let (page, cause) = told(E);
    assert_eq!(page, "denied", "{cause}");
    assert!(
        cause["message"]
            .as_str()
            .unwrap()
            .contains("the answer (HTTP 403) is not one that AWS gives"),
        "{cause}"
    );
    let mut wanted = expected(&sim, ALL, &REGIONS);
    for account in MEMBERS {
        wanted.remove(&(account.to_owned(), FRANKFURT.to_owned()));
    }
    assert_eq!(outcome.found(), wanted);
}

#[test]
fn what_goes_wrong_once_is_tried_again_and_counted() {
    for (call, action) in [
        ("ec2:DescribeInstances", Action::Reset),
        ("ec2:DescribeInstances", Action::Truncate),
        ("ec2:DescribeInstances", Action::Throttle),
        ("ec2:DescribeInstances", internal_error()),
        ("ec2:DescribeRegions", Action::Reset),
        ("ec2:DescribeRegions", Action::Truncate),
        ("organizations:ListAccountsForParent", Action::Truncate),
        ("organizations:ListAccountsForParent", Action::Throttle),
        ("organizations:ListRoots", internal_error()),
        ("sts:AssumeRole", Action::Reset),
        ("sts:AssumeRole", Action::Throttle),
        ("sts:AssumeRole", internal_error()),
        ("sts:GetCallerIdentity", Action::Truncate),
    ] {
        let sim = start_still(estate());
        let fault = sim.faults().add(Fault::on(call).first(1).then(action.clone()));
        let outcome = Run::organization(&sim).inside();
        outcome.expect(0);
        assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS), "{call} {action:?}");
        assert_eq!(sim.faults().acted(fault), 1);
        let totals = &outcome.ledger()["totals"];
        let slices = (ALL.len() * REGIONS.len()) as u64;
        let retried = u64::from(call == "ec2:DescribeInstances");
        assert_eq!(
            (totals["calls"].as_u64().unwrap(), totals["retries"].as_u64().unwrap()),
            (slices + retried, retried),
            "{call} {action:?}"
        );
    }
}

fn internal_error() -> Action {
    Action::Error {
        status: 500,
        code: "InternalFailure".to_owned(),
        message: "An internal error has occurred".to_owned(),
    }
}
