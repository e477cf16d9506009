//! Rows by UNLOAD: what it takes and what it does not, parts in the order of the manifest, and nested values exactly. And
//! what is said where nested values come as text.

use aws_sim::{Bucket, Canned, Fault, QueryRule, Sim, Table};
use serde_json::{Value as Json, json};

use crate::fleet;
use crate::harness::*;
use crate::reading::{self, FORMATS, fetched};
use crate::world::*;

const NESTED: [(&str, &str); 5] = [
    ("id", "integer"),
    ("tags", "array(varchar)"),
    ("person", "row(name varchar, at timestamp, scores array(decimal(5,2)))"),
    ("prices", "map(varchar, double)"),
    ("days", "map(integer, row(d date, b varbinary))"),
];

/// Texts of elements that the text of the whole does not keep apart.
fn nested() -> Canned {
    Canned::new(&NESTED)
        .values(&[
            json!(1),
            json!(["a, b", "c", "", null, "]", "\"", "\n"]),
            json!({"name": "x, at=y}", "at": "2001-08-22 03:04:05.321", "scores": ["1.50", null]}),
            json!({"k=1, l": 1, "null": null, "": 1e22}),
            json!([[7, {"d": "2026-01-05", "b": "00 ff"}], [-1, null]]),
        ])
        .values(&[json!(2), json!([]), Json::Null, json!({}), Json::Null])
        .values(&[
            json!(3),
            Json::Null,
            json!({"name": null, "at": null, "scores": []}),
            json!({"é🦀": -0.5}),
            json!([]),
        ])
}

/// The same values as the JSON that the output is to have, by hand.
fn nested_rows() -> Vec<Vec<Json>> {
    let null = Json::Null;
    vec![
        vec![
            json!(1),
            json!(["a, b", "c", "", null, "]", "\"", "\n"]),
            json!({"name": "x, at=y}", "at": "2001-08-22 03:04:05.321", "scores": ["1.50", null]}),
            json!({"k=1, l": 1.0, "null": null, "": 1e22}),
            json!({"7": {"d": "2026-01-05", "b": "AP8="}, "-1": null}),
        ],
        vec![json!(2), json!([]), null.clone(), json!({}), null.clone()],
        vec![
            json!(3),
            null,
            json!({"name": null, "at": null, "scores": []}),
            json!({"é🦀": -0.5}),
            json!({}),
        ],
    ]
}

fn unload<'a>(sim: &'a Sim, query: &str) -> Run<'a> {
    run(sim, query).params(json!({"fetch": "unload"}))
}

#[test]
fn nested_values_are_exact() {
    let mut estate = estate();
    estate
        .athena()
        .canned("select t", nested())
        .rule(QueryRule::any().unload_parts(1));
    let sim = start(estate);
    for format in FORMATS {
        let outcome = unload(&sim, "select t")
            .output(&format!("rows.{format}"))
            .params(json!({"leading_columns": "none"}))
            .inside();
        outcome.expect(0);
        let table = reading::Table::of(&outcome, format);
        assert_eq!(table.columns, NESTED.map(|(name, _)| name));
        let rows: Vec<Vec<Json>> = match format {
            "csv" => {
                // As in Athena's own CSV.
                let first = [
                    "1",
                    "[a, b, c, , null, ], \", \n]",
                    "{name=x, at=y}, at=2001-08-22 03:04:05.321, scores=[1.50, null]}",
                    "{k=1, l=1.0, null=null, =1.0E22}",
                    "{7={d=2026-01-05, b=00 ff}, -1=null}",
                ];
                assert_eq!(table.rows[0], first.map(|cell| json!(cell)));
                continue;
            }
            // JSON text.
            "parquet" => {
                let parsed = |cell: Json| match cell.as_str() {
                    Some(text) => serde_json::from_str(text).unwrap(),
                    None => cell,
                };
                let rows = table.rows.into_iter();
                rows.map(|row| row.into_iter().map(parsed).collect()).collect()
            }
            _ => table.rows,
        };
        assert_eq!(rows, nested_rows(), "{format}");
        let precision = "UNLOAD does not keep the declared precision of timestamps (`person`): they have 3 digits behind the \
                         point, 6 or 9 where finer ones are not zero; fetch `s3` or `api` gives the digits that Athena prints";
        let warnings = match format {
            "parquet" => json!([]),
            _ => json!([precision]),
        };
        assert_eq!(outcome.ledger()["warnings"], warnings, "{format}");
    }
}

/// In text `["a", "b"]` and `["a, b"]` are the same. Said once, whatever the number of columns and accounts.
#[test]
fn nested_values_that_come_as_text_are_warned_of_once() {
    let mut estate = fleet::estate(2);
    let exact = Canned::new(&[("tags", "json")]).row(&[Some("[\"a, b\"]")]);
    estate
        .athena()
        .canned("select nested", nested())
        .canned("select exact", exact);
    let sim = start(estate);
    for fetch in ["s3", "api", "auto"] {
        let run = |query: &str| {
            fleet::run(&sim, 2)
                .params(json!({"query": query, "fetch": fetch}))
                .inside()
        };
        let outcome = run("select nested");
        outcome.expect(0);
        let warnings = outcome.ledger()["warnings"].clone();
        assert_eq!(
            warnings,
            json!([
                "arrays, maps and rows come as the text that Athena prints, which is ambiguous (`tags`, `person`, \
                    `prices`, `days`): fetch `unload`, or a cast to JSON in the query, gives them exactly. Any `varbinary` inside \
                    them is lost, Athena prints `[B@…` for it, and no cast to JSON takes it: fetch `unload`, or make it text in \
                    the query, as `transform(list, x -> to_hex(x))` and `transform_values(map, (k, v) -> to_base64(v))` do (in 2 \
                    slices)"
            ]),
            "{fetch}"
        );
        assert_eq!(outcome.rows()[0]["tags"], "[a, b, c, , null, ], \", \n]", "{fetch}");
        let days = outcome.rows()[0]["days"].to_string();
        assert!(days.contains("b=[B@") && !days.contains("00 ff"), "{fetch} {days}");
        // What is cast to JSON in the query is exact.
        let outcome = run("select exact");
        outcome.expect(0);
        assert_eq!(outcome.ledger()["warnings"], json!([]), "{fetch}");
        assert_eq!(outcome.rows()[0]["tags"], json!(["a, b"]), "{fetch}");
    }
}

/// A result of no rows has the columns all the same, and fits to those that have rows.
#[test]
fn results_without_rows_have_the_columns_of_the_others() {
    let columns = [
        ("Id", "bigint"),
        ("tags", "array(varchar)"),
        ("amount", "decimal(9,2)"),
        ("c", "char(3)"),
    ];
    for format in FORMATS {
        let mut estate = fleet::estate(3);
        let some = Canned::new(&columns).values(&[json!(1), json!(["a"]), json!("1.50"), json!("x")]);
        estate
            .athena()
            .canned("select t", Canned::new(&columns))
            .canned("SELECT * FROM (\nselect t\n) LIMIT 0", Canned::new(&columns))
            .canned_in(&fleet::member(2), "select t", some);
        let sim = start(estate);
        let of = |count| {
            let run = fleet::run(&sim, count).output(&format!("rows.{format}"));
            let outcome = run
                .params(json!({"query": "select t", "fetch": "unload", "keep_results": false}))
                .inside();
            outcome.expect(0);
            outcome
        };
        let outcome = of(3);
        let words = [1, 2, 3].map(|number| fleet::slice(&outcome, number)["outcome"].clone());
        assert_eq!(words, [json!("empty"), json!("complete"), json!("empty")], "{format}");
        assert_eq!(outcome.ledger()["warnings"], json!([]), "{format}");
        let table = reading::Table::of(&outcome, format);
        let names = ["account_id", "region", "id", "tags", "amount", "c"];
        assert_eq!(
            (table.columns.as_slice(), table.rows.len()),
            (&names.map(str::to_owned)[..], 1)
        );
        // And where nobody has rows.
        let table = reading::Table::of(&of(1), format);
        if matches!(format, "csv" | "parquet") {
            assert_eq!(table.columns, names, "{format}");
        }
        assert_eq!(table.rows.len(), 0);
        // Nothing is left of the query for the columns either.
        assert_eq!(sim.object_keys(fleet::BUCKET, ""), [""; 0]);
    }
}

#[test]
fn only_a_select_is_unloaded() {
    let mut estate = estate();
    estate
        .athena()
        .table(Table::new("t").column("n", "integer").row(&[Some("1")]));
    let sim = start(estate);
    for (query, words) in [
        ("show tables", "fetch is `unload`, but no statement is a SELECT"),
        (
            "insert into t select 2; drop table t",
            "fetch is `unload`, but no statement is a SELECT",
        ),
    ] {
        unload(&sim, query).expect(2).says(&[words]);
    }
    unload(&sim, "-")
        .without("query")
        .params(json!({"prepared_statement": "p"}))
        .expect(2)
        .says(&["fetch is `unload`, which needs the text of the query"]);
    assert_eq!(sim.count("athena:*"), 0);

    let statements = "insert into t select 2; select n from t -- all\n; show tables; (values 3); with a as (select 4 as n) select n from a";
    let outcome = unload(&sim, statements).output("rows-{statement}.jsonl").inside();
    // VALUES has no names for its columns, which UNLOAD needs.
    outcome.expect(4);
    let (message, hint) = cause(&outcome);
    assert!(message.contains("MISSING_COLUMN_NAME"), "{message}");
    assert!(hint.contains("name them in the query"), "{hint}");
    let mut texts: Vec<String> = sim.queries().into_iter().map(|query| query.text).collect();
    texts.sort();
    let begins = [
        "UNLOAD (\n(values 3)\n)",
        "UNLOAD (\nselect n from t -- all\n)",
        "UNLOAD (\nwith a",
        "insert into t",
        "show tables",
    ];
    assert_eq!(texts.len(), begins.len(), "{texts:?}");
    for (text, begin) in texts.iter().zip(begins) {
        assert!(text.starts_with(begin), "{text}");
    }
}

#[test]
fn what_unload_does_not_take_is_refused_with_a_hint() {
    let sim = start(estate());
    for (query, code, advice) in [
        ("select 1", "MISSING_COLUMN_NAME", "name them in the query with `as`"),
        (
            "select 1 as a, 2 as a",
            "DUPLICATE_COLUMN_NAME",
            "name them in the query with `as`",
        ),
        (
            "select time '01:02:03' as a",
            "NOT_SUPPORTED",
            "cast the column to varchar",
        ),
        (
            "select current_timestamp as a",
            "NOT_SUPPORTED",
            "cast the column to varchar",
        ),
        ("select json '1' as a", "NOT_SUPPORTED", "cast the column to varchar"),
        ("select row(1) as a", "NOT_SUPPORTED", "cast the column to varchar"),
        ("select null as a", "COLUMN_TYPE_UNKNOWN", "cast the column to varchar"),
    ] {
        let started = sim.queries().len();
        let outcome = unload(&sim, query).inside();
        outcome.expect(4);
        let slice = slice(&outcome);
        assert_eq!(
            (&slice["outcome"], &slice["cause"]["code"]),
            (&json!("failed"), &json!(code)),
            "{query}"
        );
        let (_, hint) = cause(&outcome);
        assert!(
            hint.contains(advice) && hint.contains("fetch s3 or api"),
            "{query}: {hint}"
        );
        assert_eq!(sim.queries().len() - started, 1, "{query}");
        // And the other ways take it.
        if query != "select null as a" {
            fetched(run(&sim, query), "auto");
        }
    }
    assert_eq!(sim.count("s3:GetObject"), 0);
}

#[test]
fn parts_come_in_the_order_of_the_manifest() {
    const ROWS: usize = 103;
    let numbers = Canned::generated(&[("n", "bigint")], ROWS as u64, |row, _, text| {
        text.push_str(&row.to_string());
        true
    });
    for parts in [1, 2, 11, ROWS] {
        let mut estate = estate();
        estate
            .athena()
            .canned("select n", numbers.clone())
            .rule(QueryRule::any().unload_parts(parts));
        let sim = start(estate);
        // Some parts come late.
        sim.faults().add(Fault::on("s3:GetObject").every(3));
        let (_, table) = fetched(run(&sim, "select n"), "unload");
        // The rows are dealt out to the parts like cards.
        let expected: Vec<Vec<Json>> = (0..parts)
            .flat_map(|part| (part..ROWS).step_by(parts).map(|row| vec![json!(row)]))
            .collect();
        assert_eq!(table.rows, expected, "{parts} parts");
    }
}

/// An address that somebody has smuggled into the manifest is not read.
#[test]
fn a_part_elsewhere_is_refused() {
    let mut estate = estate();
    estate.bucket(Bucket::new("elsewhere").region(FRANKFURT).shared_with_everyone());
    estate
        .athena()
        .canned("select n", Canned::new(&[("n", "bigint")]).row(&[Some("1")]))
        .rule(QueryRule::any().foreign_bucket_in_manifest("elsewhere"));
    let sim = start(estate);
    let outcome = unload(&sim, "select n").params(json!({"keep_results": false})).inside();
    outcome.expect(4);
    let (message, hint) = cause(&outcome);
    assert!(message.contains("the manifest names s3://elsewhere/"), "{message}");
    assert!(hint.contains("look who does"), "{hint}");
    let buckets = sent(&sim, "s3:*", "Bucket");
    assert!(
        !buckets.is_empty() && buckets.iter().all(|bucket| bucket == BUCKET),
        "{buckets:?}"
    );
    assert_eq!(sim.count("s3:DeleteObject"), 0);
}
