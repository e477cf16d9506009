//! Values that ways of fetching and formats might change: digits of timestamps, far years, texts that are none.

use aws_sim::{Canned, Fault};
use serde_json::json;

use crate::harness::start;
use crate::reading::{Table, rows};
use crate::world::*;

const COLUMNS: [(&str, &str); 3] = [("t0", "timestamp"), ("t3", "timestamp"), ("t6", "timestamp")];
/// As Athena prints timestamps of these precisions; ColumnInfo says 3 of all of them.
/// <https://github.com/aoyagikouhei/athena-local/blob/main/docs/api.md>
const PRINTED: [&str; 3] = [
    "2020-01-01 12:34:56",
    "2020-01-01 12:34:56.789",
    "2020-01-01 12:34:56.789000",
];

#[test]
fn timestamps_have_the_digits_that_they_are_declared_with() {
    let result = Canned::new(&COLUMNS)
        .row(&PRINTED.map(Some))
        .typed(&PRINTED.map(|text| json!(text)));
    let mut estate = estate();
    estate.athena().canned("select t", result);
    let sim = start(estate);
    for fetch in ["s3", "api", "auto", "unload"] {
        for format in ["csv", "json", "jsonl", "parquet"] {
            let outcome = run(&sim, "select t")
                .output(&format!("rows.{format}"))
                .params(json!({"fetch": fetch, "leading_columns": "none"}))
                .inside();
            outcome.expect(0);
            let table = Table::of(&outcome, format);
            let (expected, warned) = match (fetch, format) {
                (_, "parquet") => {
                    let second = 1_577_882_096_000_000_i64;
                    (
                        vec![vec![json!(second), json!(second + 789_000), json!(second + 789_000)]],
                        false,
                    )
                }
                // UNLOAD does not keep them, and the ledger says so.
                ("unload", _) => {
                    let millis = |whole: &str| format!("2020-01-01 12:34:56.{whole}");
                    let row = [millis("000"), millis("789"), millis("789")];
                    (rows(&[row.each_ref().map(String::as_str)]), true)
                }
                _ => (rows(&[PRINTED]), false),
            };
            assert_eq!(table.rows, expected, "{fetch} {format}");
            let warnings = outcome.ledger()["warnings"].to_string();
            let says = "UNLOAD does not keep the declared precision of timestamps (`t0`, `t3`, `t6`)";
            assert_eq!(warnings.contains(says), warned, "{fetch} {format}: {warnings}");
        }
    }
}

/// Dates of other calendars and of broken clocks, as public reports have them.
/// <https://github.com/NREL/buildstockbatch/issues/221>
#[test]
fn years_beyond_9999_and_before_0_reach_every_format() {
    let texts = [
        ["+43969-07-03", "+52178-09-24 05:36:40.000"],
        ["-0044-03-15", "0001-01-01 00:00:00.000"],
        ["1582-10-10", "9999-12-31 23:59:59.999"],
        ["+5881580-07-11", "+294247-01-10 04:00:54.775807"],
        ["-5877641-06-23", "-290308-12-21 19:59:05.224192"],
    ];
    let mut result = Canned::new(&[("d", "date"), ("t", "timestamp")]);
    for row in &texts {
        result = result.row(&row.map(Some));
    }
    let mut estate = estate();
    estate.athena().canned("select d, t", result);
    let sim = start(estate);
    for format in ["csv", "jsonl", "parquet"] {
        let outcome = run(&sim, "select d, t")
            .output(&format!("rows.{format}"))
            .params(json!({"leading_columns": "none"}))
            .inside();
        outcome.expect(0);
        let expected = match format {
            "parquet" => vec![
                vec![json!(15_340_003), json!(1_584_434_497_000_000_000_i64)],
                vec![json!(-735_525), json!(-62_135_596_800_000_000_i64)],
                vec![json!(-141_432), json!(253_402_300_799_999_000_i64)],
                vec![json!(i32::MAX), json!(i64::MAX)],
                vec![json!(i32::MIN), json!(i64::MIN)],
            ],
            _ => rows(&texts),
        };
        assert_eq!(Table::of(&outcome, format).rows, expected, "{format}");
    }
}

#[test]
fn a_value_that_its_type_does_not_hold_is_named_with_its_column() {
    for (date, timestamp, says) in [
        (
            "+5881580-07-12",
            "1970-01-01 00:00:00.000",
            "column d cannot be written without loss: `+5881580-07-12` is not a date",
        ),
        (
            "1970-01-01",
            "+294247-01-10 04:00:54.775808",
            "column t cannot be written without loss: `+294247-01-10 04:00:54.775808` is not a timestamp",
        ),
        (
            "1970-02-30",
            "1970-01-01 00:00:00.000",
            "column d cannot be written without loss: `1970-02-30` is not a date",
        ),
    ] {
        let result = Canned::new(&[("d", "date"), ("t", "timestamp")]).row(&[Some(date), Some(timestamp)]);
        let mut estate = estate();
        estate.athena().canned("select d, t", result);
        let sim = start(estate);
        let outcome = run(&sim, "select d, t").output("rows.parquet").inside();
        outcome.expect(4);
        let (message, _) = cause(&outcome);
        assert!(message.contains(says), "{message}");
    }
}

/// A table of Hive takes any bytes for text.
#[test]
fn a_text_that_is_not_utf8_is_named_with_its_column_and_with_what_helps() {
    for fetch in ["s3", "auto"] {
        let many = Canned::generated(&[("n", "bigint"), ("name", "varchar")], 2500, |row, _, text| {
            text.push_str(&row.to_string());
            true
        });
        let mut estate = estate();
        estate.athena().canned("select n, name", many);
        let sim = start(estate);
        let slow =
            sim.faults()
                .add(Fault::on("s3:GetObject").error(503, "SlowDown", "Please reduce your request rate."));
        let running = run(&sim, "select n, name")
            .params(json!({ "fetch": fetch }))
            .start()
            .wait_for(|sim| sim.faults().acted(slow) > 0);
        let key = sim.calls_of("s3:GetObject")[0].parameter("Key").unwrap().to_owned();
        let mut object = sim.object(BUCKET, &key).unwrap().to_vec();
        // The last byte of the last name.
        let last = object.len() - 3;
        object[last] = 0xff;
        sim.put_object(BUCKET, &key, object).unwrap();
        sim.faults().remove(slow);
        let outcome = running.finish();
        outcome.expect(4);
        let (message, _) = cause(&outcome);
        assert!(message.contains("record 2500, byte "), "{fetch}: {message}");
        assert!(
            message.contains("column `name` has a text that is not UTF-8"),
            "{fetch}: {message}"
        );
        assert!(message.contains("from_utf8(to_utf8(x))"), "{fetch}: {message}");
    }
}

/// <https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html>
#[test]
fn what_is_written_around_an_unloaded_query_counts_towards_its_length() {
    let sim = start(estate());
    let of_length = |length: usize| format!("select '{}'", "x".repeat(length - "select ''".len()));
    let asked = |length: usize, fetch: &str| {
        let query = of_length(length);
        let run = run(&sim, &query);
        run.params(json!({"fetch": fetch, "output_location": "s3://results/x/"}))
            .run()
    };
    // "UNLOAD (\n", "\n) TO 's3://results/x/unload/<32 digits>-<account>-<region>-1-1-1/' WITH (format = …)".
    for (length, fetch, refused) in [
        (262_144, "unload", true),
        (262_000, "unload", true),
        (261_000, "unload", false),
        (262_144, "api", false),
    ] {
        let before = sim.count("athena:StartQueryExecution");
        let outcome = asked(length, fetch);
        let started = sim.count("athena:StartQueryExecution") - before;
        if refused {
            outcome.expect(2).says(&[
                "fetch is `unload`, and statement 1 has ",
                "bytes within its UNLOAD; Athena takes at most 262144",
            ]);
            assert_eq!(started, 0);
        } else {
            assert!(started > 0, "{length} {fetch}");
        }
    }
}
