//! What fails takes nothing else with it, and is named with its cause and what to do.

use std::time::Duration;

use auth_core::host::SharedAsyncSleep;
use aws_sim::{Action, Bucket, Canned, Estate, Fault, QueryError, QueryRule, Role, Scp, Sim, Workgroup};
use serde_json::{Value as Json, json};

use crate::fleet::*;
use crate::harness::{Impatient, Outcome, start, start_still};

const MISSING_TABLE: &str = "TABLE_NOT_FOUND: line 1:24: Table 'awsdatacatalog.default.files' does not exist";

/// What goes wrong with which member. All others are whole.
const QUERY_FAILS: usize = 1;
const NO_BUCKET: usize = 2;
const THROTTLED: usize = 3;
const NO_ROLE: usize = 4;
const HANGING: usize = 5;
const SCP: usize = 6;
const NO_WORKGROUP: usize = 7;
const UNREADABLE: usize = 8;
const NO_READING: usize = 9;
const TROUBLED: usize = 9;

fn troubled(members: usize) -> Estate {
    let mut estate = estate(members);
    // Whose owner lets nobody else write there.
    estate.bucket(Bucket::new("private").region(FRANKFURT));
    let primary_of = |number: usize| Workgroup::new("primary").in_account(&member(number));
    estate
        .athena()
        .rule(
            QueryRule::any()
                .account(&member(QUERY_FAILS))
                .fail(QueryError::user(1002, MISSING_TABLE)),
        )
        .rule(QueryRule::any().account(&member(UNREADABLE)).fail(QueryError::user(
            401,
            "PERMISSION_DENIED: Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied)",
        )))
        .workgroup(primary_of(NO_BUCKET).output("s3://private/{accountId}/"))
        .workgroup(primary_of(NO_WORKGROUP).disabled());
    estate
        .change_account(&member(NO_ROLE), |account| {
            account.change_role("inventory", |_| Role::new("another"))
        })
        .change_account(&member(SCP), |account| account.scp(Scp::deny("athena:*")))
        .change_account(&member(NO_READING), |account| {
            account.change_role("inventory", |role| role.deny("athena:GetQueryResults"))
        });
    estate
}

fn add_faults(sim: &Sim) {
    let on = |call: &str, number: usize| Fault::on(call).account(&member(number));
    sim.faults().add(on("athena:StartQueryExecution", THROTTLED));
    sim.faults()
        .add(on("athena:GetQueryExecution", HANGING).then(Action::Hang));
}

/// Outcome, code (`-`: none), and words of message and hint.
const TROUBLES: [(usize, &str, &str, &str, &str); TROUBLED] = [
    (
        QUERY_FAILS,
        "failed",
        "TABLE_NOT_FOUND",
        MISSING_TABLE,
        "check database and catalog, and whether the table exists in this account and region",
    ),
    (
        NO_BUCKET,
        "denied",
        "-",
        "Access denied when writing output to url: s3://private/",
        "s3:PutObject on the bucket of output_location",
    ),
    (
        THROTTLED,
        "throttled",
        "ThrottlingException",
        "Rate exceeded",
        "AWS still refused after all retries",
    ),
    (
        NO_ROLE,
        "credentials",
        "AccessDenied",
        "is not authorized to perform: sts:AssumeRole",
        "exists and that its trust policy names the caller",
    ),
    (
        HANGING,
        "timed-out",
        "-",
        "no answer within the time limit",
        "check name resolution, routes, proxy variables",
    ),
    (
        SCP,
        "denied",
        "AccessDeniedException",
        "explicit deny in a service control policy",
        "a service control policy of the organization denies athena:",
    ),
    (
        NO_WORKGROUP,
        "failed",
        "-",
        "workgroup primary is disabled",
        "enable it, or name another one in workgroup",
    ),
    (
        UNREADABLE,
        "denied",
        "PERMISSION_DENIED",
        "Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied)",
        "s3:GetObject and s3:ListBucket on the tables' data",
    ),
    (
        NO_READING,
        "denied",
        "AccessDeniedException",
        "because no identity-based policy allows the athena:GetQueryResults action",
        "allow athena:GetQueryResults in the policy of the role",
    ),
];

fn assert_troubles(outcome: &Outcome) {
    for (number, word, code, message, hint) in TROUBLES {
        let region = (number != NO_ROLE).then_some(FRANKFURT);
        let slice = outcome.slice(&member(number), region);
        assert_eq!(slice["outcome"], word, "{slice}");
        let cause = &slice["cause"];
        assert_eq!(cause["code"].as_str().unwrap_or("-"), code, "{slice}");
        for (name, text) in [("message", message), ("hint", hint)] {
            let said = cause[name].as_str().unwrap_or_default();
            assert!(said.contains(text), "{name} lacks {text:?}: {slice}");
        }
        assert_eq!(slice["rows"], 0);
    }
}

#[test]
fn every_kind_of_failure_in_one_run_leaves_all_others_whole() {
    let sim = start_still(troubled(20));
    add_faults(&sim);
    let outcome = run(&sim, 20).sleeping(SharedAsyncSleep::new(Impatient)).inside();
    outcome.expect(3);
    assert_troubles(&outcome);
    assert_whole(&outcome, TROUBLED + 1..=20);
    assert_eq!(
        outcome.rows().len(),
        2 * (20 - TROUBLED),
        "no row of a slice that failed"
    );
    let ledger = outcome.ledger();
    assert_eq!(
        (&ledger["outcome"], &ledger["exit_code"]),
        (&json!("partial"), &json!(3))
    );
    let totals = &ledger["totals"];
    let total = |name: &str| totals[name].as_u64().unwrap_or_default();
    assert_eq!((total("complete"), total("failed"), total("denied")), (11, 2, 4));
    assert_eq!(
        (total("throttled"), total("credentials"), total("timed-out")),
        (1, 1, 1)
    );
    // Where AWS had taken a query, the ledger has its id: those that failed, and the one that could not be asked for.
    for number in [QUERY_FAILS, NO_BUCKET, UNREADABLE, NO_READING, HANGING] {
        let told = queries(&outcome, number);
        assert_eq!(told.len(), 1, "member {number}");
        assert_eq!(told[0]["id"], json!(ids(&sim, number)[0]));
    }
    assert_eq!(
        sim.running_queries().len(),
        0,
        "what could not be asked for was stopped"
    );
}

/// The same as a person sees it, but for those that keep one waiting.
#[test]
fn the_summary_groups_what_failed_by_its_cause() {
    let sim = start(troubled(10));
    let outcome = run(&sim, 10).expect(3);
    outcome.says(&[
        &format!("failed: {} {FRANKFURT}", member(QUERY_FAILS)),
        MISSING_TABLE,
        "→ check database and catalog, and whether the table exists in this account and region",
        &format!("denied: {} {FRANKFURT}", member(NO_BUCKET)),
        &format!("credentials: {}", member(NO_ROLE)),
        "PARTIAL after",
        "exit code 3; rows of the failed slices are missing",
    ]);
}

/// A failure that all have is told once.
#[test]
fn when_every_account_fails_the_previous_output_stays() {
    let fail = |error: QueryError| {
        let mut estate = estate(5);
        estate.athena().rule(QueryRule::any().fail(error));
        estate
    };
    let table = || QueryError::user(1002, MISSING_TABLE);
    let everybody = |call: &str, code: &str, message: &str| {
        let sim = start(estate(5));
        sim.faults().add(Fault::on(call).error(400, code, message));
        sim
    };
    for (sim, word, text) in [
        (start(fail(table())), "failed", MISSING_TABLE),
        (
            everybody(
                "athena:StartQueryExecution",
                "AccessDeniedException",
                "you may not start",
            ),
            "denied",
            "you may not start",
        ),
        (
            everybody(
                "athena:GetWorkGroup",
                "InvalidRequestException",
                "WorkGroup primary is not found.",
            ),
            "failed",
            "WorkGroup primary is not found.",
        ),
        (
            everybody("sts:AssumeRole", "AccessDenied", "you may not assume"),
            "credentials",
            "you may not assume",
        ),
    ] {
        let run = run(&sim, 5).file("rows.json", "previous");
        let outcome = run.expect(4);
        assert_eq!(outcome.output_bytes(), b"previous", "{text}");
        assert_eq!(outcome.leftovers(), [""; 0]);
        let ledger = outcome.ledger();
        assert_eq!(
            (&ledger["exit_code"], &ledger["outputs"], &ledger["totals"][word]),
            (&json!(4), &json!([]), &json!(5)),
            "{text}"
        );
        outcome.says(&[text, "FAILED after"]);
        let told = outcome.told().split_whitespace().collect::<Vec<_>>().join(" ");
        let summary = told.rsplit("FAILED").next().unwrap_or_default().to_owned();
        assert!(summary.contains("exit code 4"), "{summary}");
        let together = format!(
            "{word}: {} {FRANKFURT}, {} {FRANKFURT}, {} {FRANKFURT} and 2 more accounts",
            member(1),
            member(2),
            member(3)
        );
        let together = if word == "credentials" {
            together.replace(&format!(" {FRANKFURT}"), "")
        } else {
            together
        };
        assert!(told.contains(&together), "{together:?} is not in {told}");
    }
}

/// A slice that fails behind its first statement has none of its rows in any file.
#[test]
fn no_statement_of_a_failed_slice_is_published() {
    let mut estate = estate(3);
    estate.athena().rule(
        QueryRule::any()
            .account(&member(2))
            .containing("name from files")
            .fail(QueryError::user(1002, MISSING_TABLE)),
    );
    let insert = "insert into t select 1";
    let names = Canned::new(&[("name", "varchar")]).row(&[Some("a")]);
    estate
        .athena()
        .canned("select name from files", names)
        .canned(insert, Canned::update_count(1));
    let sim = start(estate);
    let query = format!("{QUERY}; {insert}; select name from files");
    let outcome = run(&sim, 3)
        .params(json!({"query": query}))
        .output("rows-{statement}.json")
        .run();
    outcome.expect(3);
    let directory = outcome.ledger()["outputs"].as_array().unwrap().clone();
    assert_eq!(directory.len(), 2);
    for output in directory {
        let path = output["path"].as_str().unwrap();
        let rows: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let accounts: Vec<&Json> = rows.iter().map(|row| &row["account_id"]).collect();
        assert!(!accounts.contains(&&json!(member(2))), "{path}: {accounts:?}");
        assert!(accounts.contains(&&json!(member(3))), "{path}: {accounts:?}");
    }
}

/// What a case of throttling is made of: what the queries take, in seconds, and which calls are refused.
struct Throttled {
    lengths: Vec<f64>,
    calls: &'static str,
    most: usize,
}

impl Throttled {
    /// How long each slice takes, in seconds, while 90 % of the calls of `throttled` are refused for a minute. The clock
    /// stands still but for pauses and for the time that queries take at AWS, so that nothing else counts.
    fn durations(&self, throttled: Option<usize>) -> Vec<f64> {
        let mut estate = estate(self.lengths.len());
        for (number, length) in (1..).zip(&self.lengths) {
            let rule = QueryRule::any().account(&member(number));
            estate.athena().rule(rule.run(Duration::from_secs_f64(*length)));
        }
        let sim = start_still(estate);
        let refused = throttled.map(|number| {
            let refused = Fault::on(self.calls).account(&member(number));
            sim.faults()
                .add(refused.all_but_every(10).lasting(Duration::from_secs(60)))
        });
        let limit = json!({"max_concurrency": self.most});
        let outcome = run(&sim, self.lengths.len()).params(limit).by_events().inside();
        if let Some(refused) = refused {
            assert!(sim.faults().acted(refused) >= 5, "refused again and again");
        }
        let all = 1..=self.lengths.len();
        assert_whole(&outcome, all.clone().filter(|number| Some(*number) != throttled));
        all.map(|number| slice(&outcome, number)["duration_seconds"].as_f64().unwrap())
            .collect()
    }

    fn lengthens_nobody(&self) {
        let alone = self.durations(None);
        // The first is the one that is asked often, whose query tells when the others are.
        for throttled in [1, self.lengths.len() / 2, self.lengths.len()] {
            let beside = self.durations(Some(throttled));
            for (number, (alone, beside)) in (1..).zip(alone.iter().zip(&beside)) {
                assert!(
                    *alone >= self.lengths[number - 1],
                    "the query alone takes that: {alone}"
                );
                assert!(
                    number == throttled || *beside <= alone * 1.1,
                    "{} of member {throttled} are refused, {} at a time: {alone} s of member {number}, whose query takes \
                     {} s, have become {beside} s",
                    self.calls,
                    self.most,
                    self.lengths[number - 1]
                );
            }
        }
    }
}

/// The same statement takes as long everywhere, or in each account as long as its tables are large.
#[test]
fn a_throttled_account_lengthens_no_other_slice() {
    let growing: Vec<f64> = (0..8).map(|number| 30.0 + 5.0 * f64::from(number)).collect();
    let falling: Vec<f64> = growing.iter().rev().copied().collect();
    let alike = vec![5.0; 8];
    for lengths in [growing, falling, alike] {
        for (calls, most) in [("athena:*", 2), ("athena:GetQueryExecution", 64)] {
            let lengths = lengths.clone();
            Throttled { lengths, calls, most }.lengthens_nobody();
        }
    }
}
