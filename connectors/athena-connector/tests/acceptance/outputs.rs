//! Rows in files: the columns in front, names, accounts whose columns differ; and the objects at AWS: where the bucket
//! is, whose it is, and what is deleted.

use aws_sim::{Bucket, Canned, Estate, Fault, QueryRule, Sim, Table as Rows, Workgroup};
use serde_json::json;

use crate::fleet;
use crate::harness::*;
use crate::reading::{FETCHES, FORMATS, Table, fetched, files};
use crate::world::*;

#[test]
fn the_columns_in_front_are_those_that_are_named() {
    let sim = start(estate());
    let unit = |outcome: &Outcome| outcome.rows()[0]["organizational_unit_path"].clone();
    for (leading, expected) in [
        (json!(null), &["account_id", "region", "n"][..]),
        (json!("none"), &["n"]),
        (json!(["none"]), &["n"]),
        (json!(["region"]), &["region", "n"]),
        // In an order of their own, whatever the order of the names.
        (
            json!(["region", "account_name", "account_id"]),
            &["account_id", "account_name", "region", "n"],
        ),
        (
            json!("account_id, account_name, organizational_unit_path, region"),
            &["account_id", "account_name", "organizational_unit_path", "region", "n"],
        ),
    ] {
        for format in FORMATS {
            let run = Run::organization(&sim).output(&format!("rows.{format}"));
            let outcome = run
                .params(json!({"regions": [FRANKFURT], "query": "select 1 as n", "leading_columns": leading}))
                .inside();
            outcome.expect(0);
            let table = Table::of(&outcome, format);
            assert_eq!(table.columns, expected, "{leading} in {format}");
            assert_eq!(table.rows.len(), 3);
            if format == "json" && expected.len() == 5 {
                let names: Vec<_> = table.rows.iter().map(|row| row[..2].to_vec()).collect();
                let pairs = [[MASTER, "management"], [A, "shop"], [B, "sandbox"]];
                assert_eq!(names, pairs.map(|pair| pair.map(|text| json!(text)).to_vec()));
                assert!(unit(&outcome).is_string());
            }
        }
    }
    // Nobody listed the organization, so nobody knows the names.
    let outcome = run(&sim, "select 1 as n")
        .params(json!({"leading_columns": ["account_name", "organizational_unit_path"]}))
        .inside();
    outcome.expect(0);
    assert_eq!(
        outcome.rows(),
        [json!({"account_name": null, "organizational_unit_path": null, "n": 1})]
    );
    run(&sim, "select 1 as n")
        .params(json!({"leading_columns": ["acount_id"]}))
        .expect(2)
        .says(&["leading_columns", "acount_id"]);
}

#[test]
fn columns_of_the_same_name_get_names_of_their_own() {
    let columns = ["a", "A", "a", "a_2", "region", "_col5", ""];
    let result = Canned::new(&columns.map(|name| (name, "varchar")));
    let result = result.row(&["1", "2", "3", "4", "5", "6", "7"].map(Some));
    let mut estate = estate();
    estate.athena().canned("select t", result);
    let sim = start(estate);
    for fetch in ["s3", "api", "auto"] {
        for format in FORMATS {
            let run = run(&sim, "select t").output(&format!("rows.{format}"));
            let outcome = run
                .params(json!({"fetch": fetch, "leading_columns": ["region"]}))
                .inside();
            outcome.expect(0);
            let table = Table::of(&outcome, format);
            assert_eq!(
                table.columns,
                ["region", "a", "A", "a_3", "a_2", "region_2", "_col5", ""],
                "{fetch} {format}"
            );
            let cells = [FRANKFURT, "1", "2", "3", "4", "5", "6", "7"];
            assert_eq!(table.rows, [cells.map(|cell| json!(cell))], "{fetch} {format}");
            let warnings = outcome.ledger()["warnings"].clone();
            let renamed = warnings
                .as_array()
                .unwrap()
                .iter()
                .map(|warning| warning.as_str().unwrap());
            let renamed: Vec<_> = renamed
                .map(|warning| warning.split(" in the output").next().unwrap())
                .collect();
            assert_eq!(
                renamed,
                [
                    "a second column is named `a`: it is `a_3`",
                    "a second column is named `region`: it is `region_2`"
                ]
            );
        }
    }
}

/// Four accounts of which one has other columns: it fails with the difference, the others are whole.
#[test]
fn an_account_with_other_columns_fails_alone() {
    let common = || Canned::new(&[("n", "bigint"), ("d", "decimal(10,2)")]).row(&[Some("1"), Some("1.50")]);
    let row = |columns: &[(&str, &str)], cells: &[Option<&str>]| Canned::new(columns).row(cells);
    for (odd, words) in [
        (
            row(&[("n", "bigint"), ("e", "decimal(10,2)")], &[Some("1"), Some("1.50")]),
            "the result has column `e` (decimal(10,2)), but `d` (decimal(10,2))",
        ),
        (
            row(&[("n", "varchar"), ("d", "decimal(10,2)")], &[Some("1"), Some("1.50")]),
            "the result has column `n` (text), but `n` (integer)",
        ),
        (row(&[("n", "bigint")], &[Some("1")]), "the result has 1 columns, but 2"),
        // Also where it has no rows.
        (Canned::new(&[("n", "bigint")]), "the result has 1 columns, but 2"),
    ] {
        let mut estate = fleet::estate(4);
        let number = fleet::member(2);
        estate
            .athena()
            .canned("select t", common())
            .canned_in(&number, "select t", odd.clone())
            // Where an UNLOAD has written nothing, the columns are asked for once more.
            .canned_in(&number, "SELECT * FROM (\nselect t\n) LIMIT 0", odd);
        let sim = start(estate);
        for (format, fetch) in [("csv", "s3"), ("jsonl", "api"), ("parquet", "auto"), ("csv", "unload")] {
            let query = json!({"query": "select t", "fetch": fetch});
            let run = fleet::run(&sim, 4).params(query.clone());
            let outcome = run.output(&format!("rows.{format}")).inside();
            outcome.expect(3);
            let slice = fleet::slice(&outcome, 2);
            assert_eq!((&slice["outcome"], &slice["rows"]), (&json!("failed"), &json!(0)));
            let message = slice["cause"]["message"].as_str().unwrap();
            let other = format!("in account {}, {FRANKFURT}", fleet::member(1));
            assert!(
                message.contains(words) && message.contains(&other),
                "{format} {fetch}: {message}"
            );
            let hint = slice["cause"]["hint"].as_str().unwrap();
            let advice = ["name and cast the columns in the query", "{accountId} in output"];
            assert!(advice.iter().all(|words| hint.contains(words)), "{hint}");
            let rows = Table::of(&outcome, format).rows;
            let accounts: Vec<_> = rows.iter().map(|row| row[0].clone()).collect();
            let whole = [1, 3, 4].map(|number| json!(fleet::member(number)));
            assert_eq!(accounts, whole, "{format} {fetch}");
            assert_eq!(outcome.ledger()["totals"]["rows"], 3);

            // In a file of its own it is welcome.
            let run = fleet::run(&sim, 4).params(query);
            let outcome = run.output(&format!("rows-{{accountId}}.{format}")).inside();
            outcome.expect(0);
            let names: Vec<String> = (1..=4).map(|n| format!("rows-{}.{format}", fleet::member(n))).collect();
            assert_eq!(files(&outcome).into_keys().collect::<Vec<_>>(), names);
        }
    }
}

/// Decimals of different sizes find one that holds both; types that merely look alike do not.
#[test]
fn decimals_of_different_sizes_share_a_column() {
    let of = |decimal: &str, text: &str| Canned::new(&[("d", decimal)]).row(&[Some(text)]);
    let mut estate = fleet::estate(2);
    estate
        .athena()
        .canned("select t", of("decimal(5,1)", "-1234.5"))
        .canned_in(&fleet::member(2), "select t", of("decimal(6,4)", "12.0625"));
    let sim = start(estate);
    for (format, expected) in [
        ("csv", ["-1234.5", "12.0625"]),
        ("jsonl", ["-1234.5", "12.0625"]),
        ("parquet", ["-1234.5000", "12.0625"]),
    ] {
        for fetch in FETCHES {
            let run = fleet::run(&sim, 2).output(&format!("rows.{format}"));
            let outcome = run
                .params(json!({"query": "select t", "fetch": fetch, "leading_columns": "none"}))
                .inside();
            outcome.expect(0);
            let rows = Table::of(&outcome, format).rows;
            assert_eq!(rows, expected.map(|cell| vec![json!(cell)]), "{format} {fetch}");
        }
    }
}

/// Each fits beside the first two, and no decimal of 38 digits holds all: one account is left out, with its reason, and the file
/// of the others is there. CSV and JSON have texts, which all fit.
#[test]
fn decimals_that_do_not_fit_together_leave_one_account_out() {
    let of = |decimal: &str, text: &str| Canned::new(&[("d", decimal)]).row(&[Some(text)]);
    let whole = "123456789012345678901234567890123456";
    let mut estate = fleet::estate(4);
    estate
        .athena()
        .canned("select t", of("decimal(10,2)", "1.25"))
        .canned_in(&fleet::member(3), "select t", of("decimal(36,0)", whole))
        .canned_in(&fleet::member(4), "select t", of("decimal(20,10)", "0.0123456789"));
    let sim = start(estate);
    for format in ["csv", "jsonl", "parquet"] {
        let run = fleet::run(&sim, 4).output(&format!("rows.{format}"));
        let outcome = run
            .params(json!({"query": "select t", "leading_columns": "none"}))
            .inside();
        let rows = |expected: &[&str]| {
            let expected: Vec<_> = expected.iter().map(|cell| vec![json!(cell)]).collect();
            assert_eq!(Table::of(&outcome, format).rows, expected, "{format}");
        };
        if format != "parquet" {
            outcome.expect(0);
            rows(&["1.25", "1.25", whole, "0.0123456789"]);
            continue;
        }
        outcome.expect(3);
        rows(&["1.25", "1.25", &format!("{whole}.00")]);
        let slice = outcome.slice(&fleet::member(4), Some(FRANKFURT));
        let message = slice["cause"]["message"].as_str().unwrap();
        assert!(
            message.contains("column `d` (decimal(20,10)), but `d` (decimal(38,2))"),
            "{message}"
        );
        assert!(
            slice["cause"]["hint"].as_str().unwrap().contains("cast the columns"),
            "{slice}"
        );
    }
}

/// An estate whose results lie in Frankfurt below `w/`, with a result of several pages.
fn with_objects() -> Estate {
    let many = Canned::generated(&[("n", "bigint")], 1500, |row, _, text| {
        text.push_str(&row.to_string());
        true
    });
    let mut estate = estate();
    estate
        .athena()
        .workgroup(Workgroup::new("w").output("s3://results/w/"))
        .canned("select many", many)
        .table(Rows::new("t").column("n", "integer").row(&[Some("1")]));
    estate
}

fn in_w<'a>(sim: &'a Sim, query: &str, keep: bool) -> Run<'a> {
    run(sim, query).params(json!({"workgroup": "w", "keep_results": keep}))
}

#[test]
fn objects_stay_or_go_as_is_wished() {
    let mut estate = with_objects();
    estate.athena().rule(QueryRule::any().unload_parts(3));
    let sim = start(estate);
    let clean = |sim: &Sim| sim.object_keys(BUCKET, "w/").len();
    for (query, fetches, kept) in [
        ("select many", &FETCHES[..], 2),
        ("select n from t", &FETCHES[..], 2),
        ("select n from t where n > 9", &FETCHES[..], 2),
        ("show tables", &["s3", "api", "auto"], 2),
        ("explain select n from t", &["s3", "api", "auto"], 2),
        ("insert into t select 2", &["auto"], 1),
    ] {
        for fetch in fetches {
            let before = clean(&sim);
            let run = in_w(&sim, query, false).params(json!({"fetch": fetch})).inside();
            run.expect(0);
            assert_eq!(
                clean(&sim),
                before,
                "{query} by {fetch}: {:?}",
                sim.object_keys(BUCKET, "w/")
            );
            let run = in_w(&sim, query, true).params(json!({"fetch": fetch})).inside();
            run.expect(0);
            let left = clean(&sim) - before;
            // UNLOAD leaves manifest and metadata, and the parts, of which there are no more than rows.
            assert!(
                if *fetch == "unload" { left >= kept } else { left == kept },
                "{query} by {fetch}: {left}"
            );
        }
    }
    // What the user unloads is the user's.
    let unload = "unload (select n from t) to 's3://results/mine/' with (format = 'PARQUET', compression = 'SNAPPY')";
    in_w(&sim, unload, false).inside().expect(0);
    assert!(!sim.object_keys(BUCKET, "mine/").is_empty());
}

/// The rows are here: what stays behind is worth a warning.
#[test]
fn objects_that_cannot_be_deleted_are_a_warning() {
    let sim = start(with_objects());
    sim.faults()
        .add(Fault::on("s3:DeleteObject").error(403, "AccessDenied", "Access Denied"));
    for fetch in FETCHES {
        let (outcome, table) = fetched(in_w(&sim, "select many", false), fetch);
        assert_eq!(table.rows.len(), 1500, "{fetch}");
        let warnings = outcome.ledger()["warnings"].clone();
        assert_eq!(warnings.as_array().unwrap().len(), 1);
        assert!(
            warnings[0]
                .as_str()
                .unwrap()
                .contains("could not be deleted: s3:DeleteObject"),
            "{warnings}"
        );
    }
}

/// S3 answers with the region, and is asked there from then on.
#[test]
fn a_bucket_in_another_region_is_found() {
    let far = || Bucket::new("far").region(VIRGINIA).shared_with_everyone();
    for (bucket, refusal) in [(far(), 301), (far().reached_at_its_region(), 400)] {
        for fetch in ["s3", "auto", "unload"] {
            let mut estate = with_objects();
            estate.bucket(bucket.clone());
            let sim = start(estate);
            let place = json!({"output_location": "s3://far/x/"});
            let (outcome, table) = fetched(in_w(&sim, "select many", false).params(place), fetch);
            assert_eq!(table.rows.len(), 1500, "{fetch}");
            let by = if fetch == "auto" { "s3" } else { fetch };
            assert_eq!(queries(&outcome)[0]["fetch"]["by"], by);
            let calls = sim.calls_of("s3:*");
            let (refused, served): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call.status >= 300);
            // At most one for each call that was under way when the region was learned.
            assert!((1..=4).contains(&refused.len()), "{}", refused.len());
            assert!(
                refused
                    .iter()
                    .all(|call| call.status == refusal && call.region.as_deref() == Some(FRANKFURT))
            );
            assert!(some(served).iter().all(|call| call.region.as_deref() == Some(VIRGINIA)));
            assert_eq!(sim.object_keys("far", ""), [""; 0], "{fetch}");
        }
    }
}

#[test]
fn a_bucket_of_somebody_else_is_refused() {
    // By Athena, before it writes.
    let sim = start(with_objects());
    for fetch in FETCHES {
        let outcome = in_w(&sim, "select many", true)
            .params(json!({"fetch": fetch, "expected_bucket_owner": A}))
            .inside();
        outcome.expect(4);
        assert_eq!(slice(&outcome)["outcome"], "denied", "{fetch}");
        let (message, hint) = cause(&outcome);
        assert!(message.contains("Access denied when writing output"), "{message}");
        assert!(hint.contains("the bucket's policy must allow it"), "{hint}");
    }
    assert_eq!(sim.object_keys(BUCKET, "w/"), [""; 0]);

    // By S3, where the workgroup makes Athena write all the same.
    let mut estate = with_objects();
    estate
        .athena()
        .workgroup(Workgroup::new("w").output("s3://results/w/").enforced());
    let sim = start(estate);
    sim.faults()
        .add(Fault::on("athena:GetWorkGroup").error(400, "AccessDeniedException", "not you"));
    let expecting = |owner: &str, fetch: &str| {
        in_w(&sim, "select many", true)
            .params(json!({"fetch": fetch, "expected_bucket_owner": owner}))
            .inside()
    };
    let outcome = expecting(A, "s3");
    outcome.expect(4);
    assert_eq!(slice(&outcome)["outcome"], "denied");
    assert_eq!(slice(&outcome)["cause"]["operation"], "GetObject");
    let outcome = expecting(A, "auto");
    outcome.expect(0);
    let fetch = queries(&outcome)[0]["fetch"].clone();
    assert_eq!(fetch["by"], "api");
    assert!(
        fetch["why"]
            .as_str()
            .unwrap()
            .contains("S3 does not give the result object: s3:GetObject: AccessDenied"),
        "{fetch}"
    );
    assert_eq!(outcome.rows().len(), 1500);
    expecting(MASTER, "s3").expect(0);
}
