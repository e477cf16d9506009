//! What a workgroup says about results and queries: looked at before anything starts, and followed.

use aws_sim::{Action, Bucket, Canned, Estate, Fault, QueryRule, Workgroup};
use serde_json::{Value as Json, json};

use crate::fleet;
use crate::harness::*;
use crate::reading::{FETCHES, fetched};
use crate::world::*;

const SELECT: &str = "select n";

/// An estate with one workgroup more.
fn with(workgroup: Workgroup) -> Estate {
    let mut estate = estate();
    let numbers = Canned::new(&[("n", "bigint")]).row(&[Some("1")]).row(&[None]);
    estate.athena().canned(SELECT, numbers).workgroup(workgroup);
    estate
}

fn rows() -> [Vec<Json>; 2] {
    [vec![json!(1)], vec![Json::Null]]
}

/// Rows of UNLOAD come in any order.
fn assert_rows(mut found: Vec<Vec<Json>>, fetch: &str) {
    found.sort_by_key(|row| row[0].is_null());
    assert_eq!(found, rows(), "{fetch}");
}

fn denied_look() -> Fault {
    Fault::on("athena:GetWorkGroup").error(400, "AccessDeniedException", "User is not authorized")
}

#[test]
fn an_enforced_location_is_where_rows_are_read() {
    let mut estate = with(
        Workgroup::new("w")
            .output("s3://results/enforced/{accountId}")
            .enforced(),
    );
    estate.bucket(Bucket::new("elsewhere").region(FRANKFURT).shared_with_everyone());
    let sim = start(estate);
    let place = format!("s3://results/enforced/{MASTER}/");
    for fetch in FETCHES {
        for (location, looks) in [
            (Json::Null, true),
            // The same place is no conflict.
            (json!("s3://results/enforced/{accountId}/"), true),
            (json!("s3://results/enforced/{accountId}"), true),
            // AWS does not say so, and ignores the wish.
            (json!("s3://elsewhere/x/"), false),
        ] {
            let fault = (!looks).then(|| sim.faults().add(denied_look()));
            sim.forget_calls();
            let run = run(&sim, SELECT).params(json!({"workgroup": "w", "output_location": location}));
            let (outcome, table) = fetched(run, fetch);
            assert_rows(table.rows, fetch);
            let output = queries(&outcome)[0]["output_location"].as_str().unwrap().to_owned();
            assert!(output.starts_with(&place), "{output}");
            if fetch == "s3" {
                assert_eq!(sent(&sim, "s3:GetObject", "Bucket"), [BUCKET], "{location}");
            }
            let asked = sim.calls_of("athena:StartQueryExecution")[0]
                .parameter("ResultConfiguration")
                .is_some();
            assert_eq!(asked, !looks, "what the workgroup enforces is not said again");
            fault.into_iter().for_each(|fault| sim.faults().remove(fault));
        }
    }
}

#[test]
fn conflicts_are_refused_before_anything_starts() {
    let open = || Workgroup::new("w").output("s3://results/w/");
    let enforced = || open().enforced();
    let managed = || Workgroup::new("w").managed_results();
    let settings = json!({
        "output_location": "s3://results/mine/",
        "encryption": "SSE_S3",
        "expected_bucket_owner": MASTER,
        "acl": "BUCKET_OWNER_FULL_CONTROL",
    });
    let mut cases: Vec<(Workgroup, Json, String, &str)> = Vec::new();
    for (name, value) in settings.as_object().unwrap() {
        let wish = json!({name: value});
        cases.push((
            enforced(),
            wish.clone(),
            format!("workgroup w enforces its own settings, but {name} is given"),
            "remove it",
        ));
        cases.push((
            managed(),
            wish,
            format!("workgroup w keeps results itself, but {name} is given"),
            "remove it",
        ));
    }
    let all = "output_location, encryption, expected_bucket_owner, acl is given";
    cases.push((enforced(), settings.clone(), format!("but {all}"), "remove it"));
    cases.push((managed(), settings, format!("but {all}"), "remove it"));
    for fetch in ["s3", "unload"] {
        let words = "workgroup w keeps results itself: there is no object in S3 to read".to_owned();
        cases.push((managed(), json!({"fetch": fetch}), words, "set fetch to auto or api"));
    }
    cases.push((
        open().disabled(),
        json!({}),
        "workgroup w is disabled".to_owned(),
        "enable it",
    ));
    cases.push((
        open(),
        json!({"workgroup": "nobody-knows"}),
        "WorkGroup is not found".to_owned(),
        "create the workgroup in this account and region",
    ));
    cases.push((
        Workgroup::new("w"),
        json!({}),
        "there is no place for results: workgroup w has no output location".to_owned(),
        "set output_location",
    ));
    for (workgroup, params, words, advice) in cases {
        let sim = start(with(workgroup));
        let outcome = run(&sim, SELECT)
            .params(json!({"workgroup": "w"}))
            .params(params.clone())
            .inside();
        outcome.expect(4);
        assert_eq!(slice(&outcome)["outcome"], "failed", "{params}");
        let (message, hint) = cause(&outcome);
        assert!(message.contains(&words), "{params}: {message}");
        assert!(hint.contains(advice), "{params}: {hint}");
        assert_eq!(sim.count("athena:StartQueryExecution"), 0, "{params}");
    }
}

/// One account's workgroup is not the others'.
#[test]
fn a_workgroup_that_is_missing_somewhere_fails_there_alone() {
    let mut estate = fleet::estate(3);
    for number in [1, 3] {
        let workgroup = Workgroup::new("w")
            .output("s3://results/")
            .in_account(&fleet::member(number));
        estate.athena().workgroup(workgroup);
    }
    let sim = start(estate);
    let outcome = fleet::run(&sim, 3).params(json!({"workgroup": "w"})).inside();
    outcome.expect(3);
    fleet::assert_whole(&outcome, [1, 3]);
    assert_eq!(fleet::slice(&outcome, 2)["outcome"], "failed");
}

#[test]
fn results_that_athena_keeps_come_by_pages() {
    let mut estate = with(Workgroup::new("w").managed_results());
    let many = Canned::generated(&[("n", "bigint")], 2500, |row, _, text| {
        text.push_str(&row.to_string());
        true
    });
    estate.athena().canned("select many", many);
    let sim = start(estate);
    for (fetch, why) in [("auto", "there is no result object"), ("api", "it was asked for")] {
        for (query, rows) in [(SELECT, 2), ("select many", 2500)] {
            let (outcome, table) = fetched(
                run(&sim, query).params(json!({"workgroup": "w", "keep_results": false})),
                fetch,
            );
            assert_eq!(table.rows.len(), rows, "{query} by {fetch}");
            assert_eq!(queries(&outcome)[0]["fetch"], json!({"by": "api", "why": why}));
            assert_eq!(outcome.ledger()["warnings"], json!([]));
        }
    }
    assert_eq!(
        sent(&sim, "athena:StartQueryExecution", "ResultConfiguration"),
        ["-"; 4]
    );
    assert_eq!(sim.count("s3:*"), 0);
}

#[test]
fn a_workgroup_that_may_not_be_looked_at_is_a_warning() {
    for workgroup in [
        Workgroup::new("w").output("s3://results/w/"),
        Workgroup::new("w").output("s3://results/w/").enforced(),
        Workgroup::new("w").managed_results(),
    ] {
        let managed = format!("{workgroup:?}").contains("managed: true");
        let sim = start(with(workgroup));
        sim.faults().add(denied_look());
        for fetch in ["s3", "api", "auto"] {
            let (outcome, table) = fetched(run(&sim, SELECT).params(json!({"workgroup": "w"})), fetch);
            assert_rows(table.rows, fetch);
            let warnings = outcome.ledger()["warnings"].clone();
            assert_eq!(warnings.as_array().unwrap().len(), 1, "{warnings}");
            let warning = warnings[0].as_str().unwrap();
            assert!(warning.contains("the workgroup could not be looked at"), "{warning}");
            assert!(warning.contains("AccessDeniedException"), "{warning}");
        }
        // Without a place to unload to, rows would come in another form than was asked for.
        sim.forget_calls();
        let outcome = run(&sim, SELECT)
            .params(json!({"workgroup": "w", "fetch": "unload"}))
            .inside();
        outcome.expect(4);
        assert_eq!(slice(&outcome)["outcome"], "denied");
        let (message, hint) = cause(&outcome);
        assert!(message.contains("no place known for UNLOAD"), "{message}");
        assert!(
            hint.contains("set output_location, or allow athena:GetWorkGroup"),
            "{hint}"
        );
        assert_eq!(sim.count("athena:StartQueryExecution"), 0);
        if !managed {
            let place = json!({"workgroup": "w", "output_location": "s3://results/mine/"});
            let (outcome, table) = fetched(run(&sim, SELECT).params(place), "unload");
            assert_rows(table.rows, "unload");
            assert_eq!(queries(&outcome)[0]["fetch"]["by"], "unload");
        }
    }
    // Nothing else is taken for a denial.
    let sim = start(with(Workgroup::new("w").output("s3://results/w/")));
    sim.faults()
        .add(Fault::on("athena:GetWorkGroup").then(Action::Throttle));
    let outcome = run(&sim, SELECT).params(json!({"workgroup": "w"})).inside();
    outcome.expect(4);
    assert_eq!(slice(&outcome)["outcome"], "throttled");
    assert_eq!(sim.count("athena:StartQueryExecution"), 0);
}

/// The workgroup stops a query that scans too much, and what was scanned is billed.
#[test]
fn the_scan_limit_of_a_workgroup_is_told_with_its_cost() {
    let mut estate = with(
        Workgroup::new("w")
            .output("s3://results/w/")
            .bytes_scanned_cutoff(10_000_000),
    );
    estate.athena().rule(QueryRule::any().scanned(50_000_000));
    let sim = start(estate);
    let outcome = run(&sim, SELECT)
        .params(json!({"workgroup": "w", "price_per_tb": 1_048_576}))
        .inside();
    outcome.expect(4);
    let (message, hint) = cause(&outcome);
    assert!(
        message.contains("was cancelled: Bytes scanned limit was exceeded"),
        "{message}"
    );
    assert!(hint.contains("the workgroup's limit for one query"), "{hint}");
    assert_eq!(slice(&outcome)["outcome"], "failed");
    let query = &queries(&outcome)[0];
    assert_eq!(
        (&query["state"], &query["scanned_bytes"]),
        (&json!("CANCELLED"), &json!(10_000_000))
    );
    // At a dollar for a megabyte; the least that is billed are ten.
    assert_eq!(
        (&query["cost"], &outcome.ledger()["totals"]["cost"]),
        (&json!(10.0), &json!(10.0))
    );
    assert_eq!((sim.queries().len(), sim.count("athena:StopQueryExecution")), (1, 0));
}

/// A result that is shown again may be somebody's: it is told, costs nothing, and is never deleted.
#[test]
fn a_reused_result_is_told_and_stays() {
    let mut estate = with(Workgroup::new("w").output("s3://results/w/"));
    estate.athena().rule(QueryRule::any().scanned(50_000_000));
    let sim = start(estate);
    let reuse = |params: Json| run(&sim, SELECT).params(json!({"workgroup": "w"})).params(params);
    let (outcome, _) = fetched(reuse(json!({})), "s3");
    assert_eq!(queries(&outcome)[0]["reused"], false);
    for fetch in ["s3", "api", "auto"] {
        let before = sim.object_keys(BUCKET, "w/").len();
        let (outcome, table) = fetched(
            reuse(json!({"result_reuse_max_age_minutes": 60, "keep_results": false})),
            fetch,
        );
        assert_rows(table.rows, fetch);
        let query = &queries(&outcome)[0];
        assert_eq!(
            [&query["reused"], &query["cost"], &query["scanned_bytes"]],
            [&json!(true), &json!(0.0), &json!(0)]
        );
        assert_eq!(sim.count("s3:DeleteObject"), 0, "{fetch}");
        assert!(sim.object_keys(BUCKET, "w/").len() >= before);
    }
    let asked = sent(&sim, "athena:StartQueryExecution", "ResultReuseConfiguration");
    let sixty = json!({"ResultReuseByAgeConfiguration": {"Enabled": true, "MaxAgeInMinutes": 60}}).to_string();
    assert_eq!(asked, ["-", &sixty, &sixty, &sixty]);
    // Where nothing could be reused, the objects are the run's own.
    let run = run(&sim, "select 7 as n").params(json!({"result_reuse_max_age_minutes": 60, "keep_results": false}));
    let (outcome, _) = fetched(run, "s3");
    assert_eq!(queries(&outcome)[0]["reused"], false);
    assert_eq!(sim.count("s3:DeleteObject"), 2, "the object and its metadata");
}

#[test]
fn what_is_said_of_results_reaches_the_start() {
    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/k";
    let mut estate = fleet::estate(2);
    for number in 1..=2 {
        let account = fleet::member(number);
        estate.bucket(Bucket::new(&format!("own-{account}")).owner(&account).region(FRANKFURT));
    }
    let sim = start(estate);
    for (params, encryption) in [
        (json!({"encryption": "SSE_S3"}), json!({"EncryptionOption": "SSE_S3"})),
        (
            json!({"encryption": "SSE_KMS", "kms_key": KEY}),
            json!({"EncryptionOption": "SSE_KMS", "KmsKey": KEY}),
        ),
        (
            json!({"encryption": "CSE_KMS", "kms_key": KEY}),
            json!({"EncryptionOption": "CSE_KMS", "KmsKey": KEY}),
        ),
    ] {
        sim.forget_calls();
        let outcome = fleet::run(&sim, 2)
            .params(params)
            .params(json!({
                "output_location": "s3://own-{accountId}/x/",
                "expected_bucket_owner": "{accountId}",
                "acl": "BUCKET_OWNER_FULL_CONTROL",
                "fetch": if encryption["EncryptionOption"] == "CSE_KMS" { "api" } else { "s3" },
                "keep_results": false,
            }))
            .inside();
        outcome.expect(0);
        fleet::assert_whole(&outcome, [1, 2]);
        for number in 1..=2 {
            let account = fleet::member(number);
            let of_account = |name: &str| {
                let mut calls = sim.calls_of(name);
                calls.retain(|call| call.account.as_ref() == Some(&account));
                calls
            };
            let starts = of_account("athena:StartQueryExecution");
            let found: Json = serde_json::from_str(starts[0].parameter("ResultConfiguration").unwrap()).unwrap();
            let expected = json!({
                "OutputLocation": format!("s3://own-{account}/x/"),
                "EncryptionConfiguration": encryption,
                "ExpectedBucketOwner": account,
                "AclConfiguration": {"S3AclOption": "BUCKET_OWNER_FULL_CONTROL"},
            });
            assert_eq!(found, expected);
            for call in of_account("s3:*") {
                assert_eq!(
                    call.parameter("ExpectedBucketOwner"),
                    Some(account.as_str()),
                    "{}",
                    call.operation
                );
            }
            let read = usize::from(encryption["EncryptionOption"] != "CSE_KMS");
            assert_eq!(
                (of_account("s3:GetObject").len(), of_account("s3:DeleteObject").len()),
                (read, 2)
            );
        }
    }
}

/// Only Athena reads what is encrypted with a key of the client's.
/// <https://github.com/aws/aws-sdk-pandas/issues/2933>
#[test]
fn what_only_athena_can_read_comes_by_the_api() {
    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/k";
    let own = json!({"encryption": "CSE_KMS", "kms_key": KEY, "output_location": "s3://results/x/"});
    for (more, enforced, visible) in [
        (own, false, true),
        (json!({"workgroup": "sealed"}), true, true),
        // Nobody may look at the workgroup: the query tells it.
        (json!({"workgroup": "sealed"}), true, false),
    ] {
        let mut estate = estate();
        let sealed = Workgroup::new("sealed")
            .output("s3://results/")
            .encryption("CSE_KMS", Some(KEY));
        estate
            .athena()
            .workgroup(if enforced { sealed.enforced() } else { sealed })
            .canned(
                "select n from large",
                Canned::generated(&[("n", "integer")], 2500, |row, _, text| {
                    text.push_str(&row.to_string());
                    true
                }),
            );
        let sim = start(estate);
        if !visible {
            sim.faults()
                .add(Fault::on("athena:GetWorkGroup").error(400, "AccessDeniedException", "no"));
        }
        let by = |fetch: &str| {
            let run = run(&sim, "select n from large").params(json!({"fetch": fetch, "leading_columns": "none"}));
            run.params(more.clone()).output("rows.csv")
        };
        for fetch in ["auto", "api"] {
            let outcome = by(fetch).inside();
            outcome.expect(0);
            assert_eq!(slice(&outcome)["rows"], 2500, "{more} {fetch}");
            assert_eq!(sim.count("s3:GetObject"), 0, "{more} {fetch}");
        }
        let started = sim.queries().len();
        for fetch in ["s3", "unload"] {
            let outcome = by(fetch).run();
            assert!(
                !outcome.has_output() && matches!(outcome.code, 2 | 4),
                "{more} {fetch}: {}",
                outcome.code
            );
            if visible {
                outcome.says(&["CSE_KMS", "fetch"]);
                assert_eq!(sim.queries().len(), started, "{more} {fetch}: nothing was started");
            }
        }
    }
}
