//! Queries, results and downloads that outlive the sessions that they began with.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use aws_sim::{Action, Canned, Estate, Fault, QueryRule, Sim};
use serde_json::json;

use crate::fleet::*;
use crate::harness::{Outcome, Run, some, start_still};

/// Sessions are renewed a fifth of their time before their end, five minutes at most, and up to a twentieth more.
fn earliest(lifetime: Duration) -> Duration {
    (lifetime / 5).min(Duration::from_secs(300)) + lifetime / 20
}

/// Two hours of query in every account.
fn slow_estate(members: usize) -> Estate {
    let mut estate = estate(members);
    estate.athena().rule(QueryRule::any().run(2 * HOUR));
    estate
}

/// No call was refused, so none was made with a session that had expired.
fn assert_nothing_refused(sim: &Sim) {
    let refused: Vec<_> = sim
        .calls()
        .into_iter()
        .filter(|call| call.status != 200)
        .map(|call| (call.name(), call.error))
        .collect();
    assert_eq!(refused, []);
}

/// What of `operation` was done for each role, and when.
fn renewals(sim: &Sim, operation: &str) -> BTreeMap<String, Vec<SystemTime>> {
    let mut times: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for call in sim.calls_of(operation) {
        let role = call.parameter("RoleArn").unwrap_or("-").to_owned();
        times.entry(role).or_default().push(call.at);
    }
    times
}

/// Each role was assumed again before its session ended, and never earlier than it has to be.
fn assert_renewed(sim: &Sim, operation: &str, roles: usize, lifetime: Duration, lasted: Duration) {
    let renewals = renewals(sim, operation);
    assert_eq!(renewals.len(), roles, "{renewals:?}");
    for (role, times) in renewals {
        let fewest = (lasted.as_secs() / lifetime.as_secs()) as usize;
        assert!(times.len() >= fewest.max(2), "{role} was assumed {} times", times.len());
        for pair in times.windows(2) {
            let apart = pair[1].duration_since(pair[0]).unwrap();
            assert!(
                apart >= lifetime - earliest(lifetime) && apart < lifetime,
                "{role} was assumed again after {apart:?}"
            );
        }
    }
}

fn lasting(sim: &Sim, run: Run<'_>) -> (Outcome, Duration) {
    let start = sim.clock().now();
    let outcome = run.by_events().inside();
    let lasted = sim.clock().now().duration_since(start).unwrap();
    outcome.expect(0);
    assert!((2 * HOUR..2 * HOUR + HOUR / 20).contains(&lasted), "{lasted:?}");
    (outcome, lasted)
}

#[test]
fn access_keys_and_a_chain_to_each_account() {
    for (lifetime, given) in [(3600, None), (900, Some(900))] {
        let sim = start_still(slow_estate(3));
        let mut run = run(&sim, 3);
        if let Some(given) = given {
            run = run.params(json!({"role_session_duration": given}));
        }
        let (outcome, lasted) = lasting(&sim, run);
        assert_whole(&outcome, 1..=3);
        assert_nothing_refused(&sim);
        assert_renewed(&sim, "sts:AssumeRole", 3, Duration::from_secs(lifetime), lasted);
        assert_eq!(sim.count("athena:StartQueryExecution"), 3, "each query ran once");
    }
}

#[test]
fn a_chain_of_two_roles_from_a_web_identity_to_each_account() {
    let hub = format!("arn:aws:iam::{}:role/inventory", Estate::MANAGEMENT);
    let mut estate = slow_estate(2);
    for number in 1..=2 {
        estate.change_account(&member(number), |account| {
            account.change_role("inventory", |role| role.trusting(&hub))
        });
    }
    let sim = start_still(estate);
    let run = Run::oidc(&sim).params(json!({
        "SessionDuration": 900,
        "role_session_duration": 900,
        "sub_account_assume_role_arn_chain": [hub, Estate::SUB_ACCOUNT_ROLE],
        "accounts": members(2),
        "regions": [FRANKFURT],
        "query": QUERY,
    }));
    let (outcome, lasted) = lasting(&sim, run);
    assert_whole(&outcome, 1..=2);
    assert_nothing_refused(&sim);
    let lifetime = Duration::from_secs(900);
    let roles = renewals(&sim, "sts:AssumeRole");
    assert_eq!(roles.len(), 3);
    for number in 1..=2 {
        let times = &roles[&format!("arn:aws:iam::{}:role/inventory", member(number))];
        assert!(times.len() as u64 >= lasted.as_secs() / 900, "{times:?}");
        for pair in times.windows(2) {
            let apart = pair[1].duration_since(pair[0]).unwrap();
            assert!(apart < lifetime, "{apart:?}");
        }
    }
    // The hops before the last are needed only when that is renewed; each time there is a new token.
    let tokens = sim.count("idp:Token");
    assert!(tokens >= 4, "{tokens}");
    assert_eq!(tokens, sim.count("sts:AssumeRoleWithWebIdentity"));
}

#[test]
fn a_web_identity_alone() {
    let sim = start_still(slow_estate(0));
    let run = Run::oidc(&sim).params(json!({"SessionDuration": 900, "regions": [FRANKFURT], "query": QUERY}));
    let (outcome, lasted) = lasting(&sim, run);
    assert_eq!(rows_of(&outcome, Estate::MANAGEMENT).len(), 2);
    assert_nothing_refused(&sim);
    let lifetime = Duration::from_secs(900);
    assert_renewed(&sim, "sts:AssumeRoleWithWebIdentity", 1, lifetime, lasted);
    assert_eq!(sim.count("idp:Token"), sim.count("sts:AssumeRoleWithWebIdentity"));
}

/// Renewal fails now and then while the old session is valid: nobody notices.
#[test]
fn a_renewal_that_fails_once_is_tried_again_in_time() {
    let sim = start_still(slow_estate(2));
    let every_second = Fault::on("sts:AssumeRole").every(2);
    let fault = sim
        .faults()
        .add(every_second.error(400, "InvalidParameterValue", "not now"));
    // Of two accounts the first attempts alternate, so that one of them must wait for its first session.
    let one = run(&sim, 1).params(json!({"role_session_duration": 900}));
    let (outcome, _) = lasting(&sim, one);
    assert_whole(&outcome, [1]);
    assert!(sim.faults().acted(fault) >= 7);
    assert!(some(sim.calls_of("athena:*")).iter().all(|call| call.status == 200));
}

/// The session ends while the query runs and cannot be renewed: the slice fails, and says at which hop.
#[test]
fn a_renewal_that_fails_for_good_is_a_failure_of_that_account_alone() {
    let mut estate = slow_estate(2);
    // Once the query runs.
    estate.tick("athena:StartQueryExecution", Duration::from_secs(1));
    let sim = start_still(estate);
    let inventory = format!("arn:aws:iam::{}:role/inventory", member(1));
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while sim.count("athena:StartQueryExecution") < 2 {
                std::thread::yield_now();
            }
            let fault = Fault::on("sts:AssumeRole").parameter("RoleArn", &inventory);
            sim.faults().add(fault.error(403, "AccessDenied", "no longer"));
        });
        run(&sim, 2)
            .params(json!({"role_session_duration": 900}))
            .by_events()
            .inside()
    });
    outcome.expect(3);
    assert_whole(&outcome, [2]);
    let slice = slice(&outcome, 1);
    assert_eq!(slice["outcome"], "credentials", "{slice}");
    assert_eq!(slice["cause"]["hop"], format!("hop 1 of 1, AssumeRole of {inventory}"));
    assert_eq!(
        queries(&outcome, 1)[0]["id"],
        json!(ids(&sim, 1)[0]),
        "so that a person can stop it"
    );
}

fn numbered(count: u64) -> Canned {
    Canned::generated(
        &[("name", "varchar"), ("size", "bigint")],
        count,
        |row, column, text| {
            let number = row.to_string();
            text.push_str(&number);
            column == 1 || row % 3 != 0
        },
    )
}

/// Row after row, with its number.
fn assert_numbered(outcome: &Outcome, account: &str, count: usize) {
    let rows = rows_of(outcome, account);
    assert_eq!(rows.len(), count);
    for (number, (name, size)) in rows.into_iter().enumerate() {
        let expected = (number % 3 != 0).then(|| number.to_string());
        assert_eq!((name, size), (json!(expected), json!(number)));
    }
}

/// Every page takes a minute.
#[test]
fn sessions_end_between_the_pages_of_a_result() {
    let mut estate = estate(1);
    estate
        .tick("athena:GetQueryResults", Duration::from_secs(60))
        .athena()
        .canned(QUERY, numbered(40_000));
    let sim = start_still(estate);
    let outcome = run(&sim, 1)
        .params(json!({"fetch": "api", "role_session_duration": 900}))
        .inside();
    outcome.expect(0);
    assert_numbered(&outcome, &member(1), 40_000);
    assert_nothing_refused(&sim);
    assert_eq!(
        sim.count("athena:GetQueryResults"),
        41,
        "with the header, one page more"
    );
    let sessions = sim.calls_of("athena:GetQueryResults");
    let sessions: BTreeSet<_> = sessions.iter().map(|call| call.access_key_id.clone()).collect();
    assert!((3..=5).contains(&sessions.len()), "{} sessions", sessions.len());
}

/// Every request for a part of the object takes half a minute, and brings no more than a part of it. One at a time: each
/// moves the clock, and beside others one would be minutes old when it arrives, which none is at AWS.
#[test]
fn sessions_end_between_the_ranges_of_an_object() {
    let mut estate = estate(1);
    estate
        .tick("s3:GetObject", Duration::from_secs(30))
        .athena()
        .canned(QUERY, wide(24_000_000));
    let sim = start_still(estate);
    sim.faults()
        .add(Fault::on("s3:GetObject").then(Action::TruncateAfter(600_000)));
    let outcome = run(&sim, 1)
        .params(json!({"fetch": "s3", "role_session_duration": 900, "max_concurrency": 1}))
        .inside();
    outcome.expect(0);
    let rows = outcome.rows();
    assert_eq!(rows.len(), 24_000_000 / 1010);
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row["n"], json!(number));
        assert_eq!(row["text"].as_str().unwrap().len(), 1000);
    }
    let calls = sim.calls_of("s3:GetObject");
    let refused = calls.iter().filter(|call| call.status >= 400).count();
    assert_eq!(refused, 0);
    let sessions: BTreeSet<_> = calls.iter().map(|call| call.access_key_id.clone()).collect();
    assert!(sessions.len() >= 2, "{} calls in one session", calls.len());
}
