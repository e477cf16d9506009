//! An analyst's first contact, with something missing each time: one error that says what to do next. And the verbs that
//! help to get there.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sim::{Canned, Estate, Region, Role, Scp, Sim, Workgroup};
use serde_json::{Value as Json, json};

use crate::harness::{Outcome, Run, start};
use crate::world::*;

pub const SELECT: &str = "select 1";

pub fn estate_with_select() -> Estate {
    let mut estate = estate();
    let one = Canned::new(&[("n", "bigint")]).row(&[Some("1")]);
    estate.athena().canned(SELECT, one);
    estate
}

/// Signed in as the AWS CLI is, by the environment.
fn signed_in<'a>(sim: &'a Sim, run: Run<'a>) -> Run<'a> {
    let key = sim.estate().access_key(MASTER, Estate::USER).unwrap();
    run.variable("AWS_ACCESS_KEY_ID", &key.access_key_id)
        .variable("AWS_SECRET_ACCESS_KEY", &key.secret_access_key)
        .flag("--authentication-method=AWS Default Chain")
}

/// All that a first query needs but the query.
fn ready(sim: &Sim) -> Run<'_> {
    signed_in(sim, Run::bare(sim).typed()).variable("AWS_REGION", FRANKFURT)
}

fn ask(run: Run<'_>) -> Run<'_> {
    run.flag("--query").flag(SELECT)
}

/// One error on standard error, nothing on standard output, and the words that lead on.
fn assert_one_error(outcome: &Outcome, code: i32, texts: &[&str]) {
    outcome
        .expect(code)
        .says(texts)
        .does_not_say(&["panicked", "RUST_BACKTRACE"]);
    assert_eq!(outcome.stdout, "");
    let told = outcome.told();
    let errors = told.lines().filter(|line| line.starts_with("error: ")).count();
    // Where a slice failed, the summary has its cause with what to do.
    let causes = told.lines().filter(|line| line.trim_start().starts_with("→ ")).count();
    assert_eq!(errors + causes, 1, "{told}");
}

#[test]
fn with_all_that_it_needs_the_first_query_gives_its_row() {
    let sim = start(estate_with_select());
    let outcome = ask(ready(&sim)).expect(0);
    assert_eq!(outcome.stdout, format!("account_id,region,n\n{MASTER},{FRANKFURT},1\n"));
    outcome.says(&["complete after", "1 rows", "queries 1"]);
    // The region by flag, the query by a file.
    let outcome = signed_in(&sim, Run::bare(&sim).typed())
        .file("first.sql", SELECT)
        .flag("--query-file=first.sql")
        .flag("--regions=eu-central-1")
        .expect(0);
    assert!(outcome.stdout.ends_with(",1\n"));
}

#[test]
fn nobody_has_signed_in() {
    let sim = start(estate_with_select());
    let bare = || ask(Run::bare(&sim).typed()).flag("--regions=eu-central-1");
    assert_one_error(
        &bare().run(),
        2,
        &[
            "error: access_key_id is missing, secret_access_key is missing: nothing says how to sign in",
            "as the AWS CLI does, by profile, SSO or environment, add --authentication-method 'AWS Default Chain'",
            "CONNECTOR_ACCESS_KEY_ID and CONNECTOR_SECRET_ACCESS_KEY in the environment",
        ],
    );
    assert_one_error(
        &bare()
            .flag("--access-key-id=AKIAIOSFODNN7EXAMPLE")
            .flag("--authentication-method=Access Key & Secret Key")
            .run(),
        2,
        &[
            "error: secret_access_key is missing",
            "CONNECTOR_SECRET_ACCESS_KEY in the environment",
        ],
    );
    assert_one_error(
        &bare().flag("--authentication-method=AWS Default Chain").run(),
        4,
        &["error: ", "hint: ", "set AWS_PROFILE or the AWS_* variables"],
    );
    assert_one_error(
        &bare().flag("--authentication-method=default").run(),
        2,
        &[
            "error: AuthenticationMethod",
            "one of `Access Key & Secret Key`",
            "`AWS Default Chain`",
        ],
    );
    assert_eq!(sim.count("athena:*"), 0);
}

#[test]
fn the_session_has_expired() {
    let sim = start(estate_with_select());
    let session = sim
        .user_session(MASTER, Estate::USER, Duration::from_secs(900))
        .unwrap();
    // Ours goes by the machine's clock, and so does the simulator's but for this.
    sim.clock().advance(Duration::from_secs(1000));
    let outcome = ask(Run::bare(&sim).typed())
        .variable("AWS_ACCESS_KEY_ID", &session.access_key_id)
        .variable("AWS_SECRET_ACCESS_KEY", &session.secret_access_key)
        .variable("AWS_SESSION_TOKEN", &session.session_token)
        .variable("AWS_REGION", FRANKFURT)
        .flag("--authentication-method=AWS Default Chain")
        .run();
    assert_one_error(
        &outcome,
        4,
        &[
            "error: the identity check: ExpiredToken: The security token included in the request is expired",
            "hint: the session that the AWS default chain has found has expired: with IAM Identity Center sign in again",
            "sign in again: aws sso login",
        ],
    );
}

#[test]
fn the_secret_stands_on_the_command_line() {
    let sim = start(estate_with_select());
    let outcome = ask(Run::bare(&sim).typed())
        .secret("hush-hush-hush")
        .flag("--regions=eu-central-1")
        .flag("--access-key-id=AKIAIOSFODNN7EXAMPLE")
        .flag("--secret-access-key=hush-hush-hush")
        .run();
    assert_one_error(
        &outcome,
        2,
        &[
            "error: secret_access_key is not taken from the command line, where other users of the machine can read it",
            "CONNECTOR_SECRET_ACCESS_KEY in the environment",
            "--secret-access-key-file",
        ],
    );
}

#[test]
fn no_region_no_query_or_no_file() {
    let sim = start(estate_with_select());
    assert_one_error(
        &ask(signed_in(&sim, Run::bare(&sim).typed())).run(),
        2,
        &[
            "error: regions is missing: athena-connector does not guess a region",
            "as --regions",
            "set AWS_REGION",
        ],
    );
    assert_one_error(
        &ready(&sim).run(),
        2,
        &[
            "error: query is missing: say what to run with --query 'select …'",
            "--query-file FILE",
        ],
    );
    assert_one_error(
        &ready(&sim).flag("--query-file=first.sql").run(),
        2,
        &["error: query_file: first.sql cannot be read: No such file or directory"],
    );
    assert_one_error(
        &ready(&sim).flag("--params=nowhere.json").flag("--query=select 1").run(),
        2,
        &["error: the parameter file nowhere.json cannot be read: No such file or directory"],
    );
    let misspelt = ready(&sim).flag("--querry=select 1").run();
    misspelt
        .expect(2)
        .says(&["error: unexpected argument '--querry'", "'--query'"]);
    assert_eq!(sim.calls().len(), 0);
}

#[test]
fn there_is_no_place_for_results_or_no_workgroup() {
    let mut estate = estate_with_select();
    estate
        .athena()
        .workgroup(Workgroup::new("primary"))
        .workgroup(Workgroup::new("off").output("s3://results/").disabled())
        .workgroup(Workgroup::new("nowhere").output("s3://no-such-bucket/"));
    let sim = start(estate);
    assert_one_error(
        &ask(ready(&sim)).run(),
        4,
        &[
            "there is no place for results: workgroup primary has no output location, and none is given",
            "→ set output_location to s3://bucket/prefix/ of a bucket that the role may write to, or give the workgroup one",
        ],
    );
    ask(ready(&sim)).flag("--output-location=s3://results/first/").expect(0);
    assert_one_error(
        &ask(ready(&sim)).flag("--workgroup=analysts").run(),
        4,
        &[
            "there is no workgroup analysts: athena:GetWorkGroup: WorkGroup is not found.",
            "→ create the workgroup in this account and region, or name another one in workgroup",
        ],
    );
    assert_one_error(
        &ask(ready(&sim)).flag("--workgroup=off").run(),
        4,
        &[
            "workgroup off is disabled",
            "→ enable it, or name another one in workgroup",
        ],
    );
    assert_one_error(
        &ask(ready(&sim)).flag("--workgroup=nowhere").run(),
        4,
        &["Unable to verify/create output bucket no-such-bucket", "→ "],
    );
}

#[test]
fn the_query_is_wrong() {
    let sim = start(estate_with_select());
    for (query, texts) in [
        (
            "select * from ordres",
            [
                "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.default.ordres' does not exist",
                "→ check database and catalog, and whether the table exists in this account and region",
            ],
        ),
        (
            "select * from sales.orders",
            [
                "SCHEMA_NOT_FOUND: line 1:15: Schema 'sales' does not exist",
                "→ check database and catalog",
            ],
        ),
        (
            "select naem from (values 'a') t(name)",
            [
                "COLUMN_NOT_FOUND: line 1:8: Column 'naem' cannot be resolved",
                "→ the table has no such column in this account",
            ],
        ),
        (
            "selct 1",
            [
                "line 1:1: mismatched input 'selct'",
                "→ AWS names line and column of the query",
            ],
        ),
    ] {
        let outcome = ready(&sim).flag("--query").flag(query).run();
        assert_one_error(&outcome, 4, &texts);
        outcome.says(&["failed: "]);
        let code = texts[0].split(':').next().unwrap();
        if code.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            // The summary says it once.
            let summary = outcome.told();
            let summary = summary.split("outcome ").last().unwrap();
            assert_eq!(summary.matches(code).count(), 1, "{summary}");
        }
    }
}

#[test]
fn help_tells_of_the_connectors_own_parameters() {
    let sim = start(estate());
    let help = Run::bare(&sim).typed().flag("--help").expect(0);
    assert_eq!(help.stderr, "");
    for flag in [
        "--query ",
        "--query-file ",
        "--workgroup ",
        "--output-location ",
        "--regions ",
        "--output ",
    ] {
        assert!(help.stdout.contains(flag), "{flag}");
    }
    assert!(help.stdout.contains("[default: primary]"));
}

/// A member whose role may do everything, and others that each lack something.
fn members() -> Estate {
    let mut estate = estate_with_select();
    let root = estate.root_id();
    for id in ["200000000003", "200000000004", "200000000005", "200000000006"] {
        estate.account(root.as_str(), aws_sim::Account::new(id).role(analyst()));
    }
    estate
        .change_account(B, |account| {
            account.change_role("inventory", |role| role.deny("athena:GetWorkGroup"))
        })
        .change_account("200000000003", |account| {
            account.scp(Scp::deny("athena:*").in_regions(&[VIRGINIA]))
        })
        .change_account("200000000004", |account| {
            account.change_role("inventory", |_| Role::new("another"))
        });
    let primary = |account: &str| Workgroup::new("primary").in_account(account);
    estate
        .athena()
        .workgroup(primary("200000000005").output("s3://results/").disabled())
        .workgroup(primary("200000000006"));
    estate
}

fn in_members(sim: &Sim) -> Run<'_> {
    Run::keys(sim).params(json!({
        "sub_account_assume_role_arn_chain": [Estate::SUB_ACCOUNT_ROLE],
        "accounts": [A, B, "200000000003", "200000000004", "200000000005", "200000000006"],
        "regions": [FRANKFURT, VIRGINIA],
        "query": SELECT,
    }))
}

#[test]
fn check_sees_what_the_connectors_own_call_would_meet() {
    let sim = start(members());
    let outcome = in_members(&sim)
        .verb("check")
        .params(json!({"format": "json"}))
        .expect(3);
    let rows = outcome.json();
    let row = |account: &str| {
        let mut rows = rows.as_array().unwrap().iter();
        rows.find(|row| row["account_id"] == account).unwrap().clone()
    };
    let works = row(A);
    assert_eq!(
        (&works["outcome"], &works["regions"]),
        (&json!("complete"), &json!([FRANKFURT, VIRGINIA]))
    );
    for (account, word, region, regions, message, hint) in [
        (
            B,
            "denied",
            json!(FRANKFURT),
            json!([]),
            "no identity-based policy allows the athena:GetWorkGroup action",
            "allow athena:GetWorkGroup in the policy of the role",
        ),
        (
            "200000000003",
            "denied",
            json!(VIRGINIA),
            json!([FRANKFURT]),
            "explicit deny in a service control policy",
            "a service control policy of the organization denies athena:GetWorkGroup",
        ),
        (
            "200000000004",
            "credentials",
            Json::Null,
            json!([]),
            "sts:AssumeRole",
            "trust policy",
        ),
        (
            "200000000005",
            "failed",
            json!(FRANKFURT),
            json!([]),
            "workgroup primary is disabled",
            "enable it",
        ),
        (
            "200000000006",
            "failed",
            json!(FRANKFURT),
            json!([]),
            "there is no place for results",
            "set output_location",
        ),
    ] {
        let row = row(account);
        assert_eq!(
            (&row["outcome"], &row["region"], &row["regions"]),
            (&json!(word), &region, &regions),
            "{row}"
        );
        for (name, text) in [("message", message), ("hint", hint)] {
            assert!(row["cause"][name].as_str().unwrap().contains(text), "{name}: {row}");
        }
    }
    assert_eq!(sim.queries().len(), 0);
    let made: BTreeSet<_> = sim.calls_of("athena:*").iter().map(|call| call.name()).collect();
    assert_eq!(
        made,
        BTreeSet::from(["athena:GetWorkGroup".to_owned()]),
        "it costs nothing"
    );
    assert!(!outcome.has_output() && !outcome.has_ledger());
    let table = in_members(&sim).verb("check").expect(3).stdout;
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [
        "works",
        "us-east-1: AccessDeniedException: User:",
        "eu-central-1: workgroup primary is disabled",
    ] {
        assert!(table.contains(text), "{text:?} is not in {table}");
    }
}

/// A region that is not enabled is no failure of a run, and so none of its check.
#[test]
fn check_leaves_out_regions_that_are_not_enabled() {
    let mut estate = estate_with_select();
    estate.regions([
        Region::new(FRANKFURT),
        Region::new(VIRGINIA),
        Region::opt_in("ap-east-1"),
    ]);
    let sim = start(estate);
    let outcome = Run::keys(&sim)
        .verb("check")
        .params(json!({"query": SELECT, "regions": [FRANKFURT, "ap-east-1"], "format": "json"}))
        .expect(0);
    assert_eq!(outcome.json()[0]["regions"], json!([FRANKFURT]));
    let none = Run::keys(&sim)
        .verb("check")
        .params(json!({"query": SELECT, "regions": ["ap-east-1"], "format": "json"}))
        .run();
    none.expect(0);
    assert_eq!(
        (&none.json()[0]["outcome"], &none.json()[0]["reason"]),
        (&json!("skipped"), &json!("the region is not enabled in this account"))
    );
}

/// A saved query is looked for where it would run.
#[test]
fn check_looks_for_the_saved_query() {
    let mut estate = estate_with_select();
    estate.athena().named_query(MASTER, "known", "q", "default", SELECT);
    let sim = start(estate);
    let check = |id: &str| {
        let run = Run::keys(&sim).verb("check");
        run.params(json!({"named_query_id": id, "regions": [FRANKFURT]})).run()
    };
    check("known").expect(0);
    let unknown = check("unknown");
    unknown.expect(4);
    assert!(unknown.stdout.contains("unknown"), "{}", unknown.stdout);
}

#[test]
fn plan_and_accounts_ask_athena_nothing() {
    let sim = start(members());
    let plan = in_members(&sim).verb("plan").expect(0).stdout;
    let plan = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [
        A,
        "regions: eu-central-1, us-east-1",
        "12 slices: 1 GetWorkGroup; for each statement 1 StartQueryExecution",
        "each account's last role: athena:GetDataCatalog, athena:GetQueryExecution",
    ] {
        assert!(plan.contains(text), "{text:?} is not in {plan}");
    }
    let accounts = in_members(&sim)
        .verb("accounts")
        .params(json!({"format": "json"}))
        .expect(0)
        .json();
    assert_eq!(accounts.as_array().unwrap().len(), 6);
    assert_eq!(
        accounts[0]["chain"],
        json!([format!("arn:aws:iam::{A}:role/inventory")])
    );
    assert_eq!(sim.count("athena:*") + sim.count("s3:*"), 0);
}

#[test]
fn spec_and_schema_tell_of_parameters_and_columns() {
    let sim = start(estate());
    let spec = Run::bare(&sim).verb("spec").expect(0).json();
    let property = |name: &str| spec["properties"][name].clone();
    assert_eq!(property("workgroup")["default"], "primary");
    assert_eq!(
        property("fetch")["enum"],
        json!(["auto", "s3", "api", "unload", null, ""])
    );
    assert_eq!(
        (&property("timeout")["minimum"], &property("timeout")["maximum"]),
        (&json!(1), &json!(86_400))
    );
    for name in [
        "query",
        "query_file",
        "execution_parameters",
        "output_location",
        "max_scanned_bytes",
    ] {
        assert!(property(name)["description"].as_str().unwrap().len() > 10, "{name}");
    }
    let schema = Run::bare(&sim).verb("schema").expect(0).json();
    let columns: Vec<&Json> = schema["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| &column["name"])
        .collect();
    assert_eq!(columns, ["account_id", "region"]);
    assert!(
        schema["other_columns"]
            .as_str()
            .unwrap()
            .contains("the columns of the query's result")
    );
    assert_eq!(sim.calls().len(), 0);
}
