//! Every kind of statement gives the rows that the real service has for it, by every way of fetching: `tests/measured` has what
//! it answered, and where that was seen.

use std::collections::BTreeSet;
use std::path::Path;

use athena_connector::statement::kinds::KINDS;
use aws_sim::{Action, Fault, Measured, Sim};
use serde_json::{Value as Json, json};

use crate::harness::*;
use crate::reading::Table;
use crate::world::*;

fn measured() -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/measured/statements.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// An Athena that answers what was measured.
fn as_measured() -> Sim {
    let mut estate = estate();
    for answer in measured() {
        let statement = answer["statement"].as_str().unwrap();
        estate.athena().measured(statement, Measured::of(&answer));
    }
    start(estate)
}

/// Cells as CSV has them.
fn texts(rows: &Json) -> Vec<Vec<Json>> {
    let text = |cell: &Json| match cell {
        Json::Number(_) | Json::Bool(_) => json!(cell.to_string()),
        cell => cell.clone(),
    };
    let row = |row: &Json| row.as_array().unwrap().iter().map(text).collect();
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn every_kind_gives_its_rows_by_every_way() {
    let sim = as_measured();
    for answer in measured() {
        let statement = answer["statement"].as_str().unwrap();
        for fetch in ["auto", "api", "s3"] {
            let what = format!("{statement} by {fetch}");
            let more = json!({"fetch": fetch, "leading_columns": "none"});
            let outcome = run(&sim, statement).params(more).output("rows.csv").inside();
            outcome.expect(0);
            let slice = slice(&outcome);
            let query = &queries(&outcome)[0];
            if let Some(gives) = answer["gives"].as_object() {
                let table = Table::of(&outcome, "csv");
                assert_eq!(json!(table.columns), gives["columns"], "{what}");
                assert_eq!(table.rows, texts(&gives["rows"]), "{what}");
            } else {
                assert!(!outcome.has_output(), "{what}");
                assert_eq!(
                    (&slice["outcome"], &slice["rows"]),
                    (&json!("empty"), &json!(0)),
                    "{what}"
                );
                let counts = answer["columns"].is_array() && answer["substatement"] != "CREATE_VIEW";
                let count = if counts { &answer["update_count"] } else { &Json::Null };
                assert_eq!(&query["update_count"], count, "{what}");
            }
            let known = answer["substatement"] != "CALL";
            let warned = slice["warnings"].to_string().contains("rows, but AWS calls it CALL");
            assert_eq!(!warned, known, "{what}: {slice}");
        }
    }
    let named: BTreeSet<_> = measured()
        .iter()
        .map(|answer| answer["substatement"].to_string())
        .collect();
    for kind in KINDS {
        assert!(
            named.contains(&json!(kind.substatement).to_string()),
            "{} is not tried",
            kind.substatement
        );
    }
}

/// What gives no table takes no place in the file, so a SELECT beside it has the file to itself.
#[test]
fn a_statement_without_rows_leaves_the_file_to_the_select() {
    let sim = as_measured();
    for before in [
        "CREATE OR REPLACE VIEW v AS SELECT 1 AS n",
        "OPTIMIZE t REWRITE DATA USING BIN_PACK",
        "VACUUM t",
        "DROP TABLE i",
        "ALTER TABLE h ADD COLUMNS (m int)",
        "INSERT INTO t SELECT 1",
    ] {
        for format in ["csv", "json", "parquet"] {
            let name = format!("rows.{format}");
            let both = format!("{before}; ( SELECT 1 )");
            let outcome = run(&sim, &both)
                .params(json!({"leading_columns": "none"}))
                .output(&name)
                .inside();
            outcome.expect(0);
            let table = Table::of(&outcome, format);
            assert_eq!(
                (table.columns, table.rows.len()),
                (vec!["_col0".to_owned()], 1),
                "{before}; {format}"
            );
        }
    }
    let outcome = run(&sim, "MSCK REPAIR TABLE h; ( SELECT 1 )").run();
    outcome.expect(2).says(&["statements 1, 2 give rows", "{statement}"]);
}

/// An answer that does not say which rows or columns there are is none that says there are none.
#[test]
fn an_answer_that_says_nothing_is_a_failure() {
    const SELECT: &str = "( SELECT 1 )";
    let columns = json!([{"Name": "_col0", "Type": "integer"}]);
    let rows = |texts: &[&str]| -> Json {
        texts
            .iter()
            .map(|text| json!({"Data": [{"VarCharValue": text}]}))
            .collect()
    };
    let result = |rows: Json| json!({"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": columns}}});
    for (statement, body, words) in [
        (SELECT, json!({}), "does not say which columns"),
        (
            SELECT,
            json!({"ResultSet": {"Rows": rows(&["_col0", "1"])}}),
            "does not say which columns",
        ),
        (
            SELECT,
            json!({"ResultSet": {"ResultSetMetadata": {"ColumnInfo": columns}}}),
            "has no rows, not even none",
        ),
        (
            SELECT,
            result(rows(&["1"])),
            "the first row of the result is not the names of the columns",
        ),
        (SELECT, result(rows(&[])), "no row with the names of the columns"),
        (
            "SHOW TABLES",
            json!({"ResultSet": {"ResultSetMetadata": {"ColumnInfo": columns}}}),
            "has no rows, not even none",
        ),
        ("EXPLAIN SELECT 1", json!({}), "does not say which columns"),
    ] {
        let sim = as_measured();
        sim.faults().add(Fault::on("athena:GetQueryResults").then(Action::Body {
            status: 200,
            content_type: "application/x-amz-json-1.1",
            body: body.to_string(),
        }));
        let outcome = run(&sim, statement).inside();
        outcome.expect(4);
        assert!(
            cause(&outcome).0.contains(words),
            "{statement} {body}: {:?}",
            cause(&outcome)
        );
        assert!(!outcome.has_output(), "{statement} {body}");
    }
}
