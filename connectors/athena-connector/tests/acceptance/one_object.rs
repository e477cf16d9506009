//! A result object is one object: what S3 says of it and what is in it must agree from the first answer to the last, or the slice
//! fails. What is never seen here is a run that ends well with other rows.

use aws_sim::{Action, Canned, Fault, Sim};
use serde_json::json;

use crate::fleet::*;
use crate::harness::{Outcome, start};
use crate::world;

/// The first range of a mebibyte, and two behind it.
const BYTES: u64 = 6_000_000;
const ROWS: usize = (BYTES / 1010) as usize;

fn sim() -> Sim {
    let mut estate = estate(1);
    estate.athena().canned(QUERY, wide(BYTES));
    start(estate)
}

fn first_range() -> Fault {
    Fault::on("s3:GetObject").parameter("Range", "bytes=0-1048575")
}

fn second_range() -> Fault {
    Fault::on("s3:GetObject").parameter("Range", "bytes=1048576-5242879")
}

fn every_range() -> Fault {
    Fault::on("s3:GetObject")
}

fn assert_failed(outcome: &Outcome, why: &str, told: &str) {
    outcome.expect(4);
    let slice = slice(outcome, 1);
    assert_eq!(
        (&slice["outcome"], &slice["rows"]),
        (&json!("failed"), &json!(0)),
        "{told}"
    );
    let cause = &slice["cause"];
    assert_eq!(
        (&cause["service"], &cause["operation"]),
        (&json!("s3"), &json!("GetObject")),
        "{told}"
    );
    let message = cause["message"].as_str().unwrap();
    assert!(message.contains(why), "{told}: {message}");
    assert!(
        cause["hint"].as_str().unwrap().contains("fetch `api`"),
        "{told}: {cause}"
    );
    assert!(!outcome.has_output(), "{told}");
}

/// Content-Range and ETag: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>,
/// <https://www.rfc-editor.org/rfc/rfc9110#name-content-range>
#[test]
fn answers_that_are_not_of_one_object_are_a_failure() {
    let range = |text| Action::Header("content-range", text);
    let etag = |text| Action::Header("etag", text);
    let not_said = "has not said which of its bytes it sends";
    let no_place = "which names no place";
    let replaced = "another object has taken its place while it was read";
    for (fault, why) in [
        // Bytes of another place, truly named.
        (
            second_range().then(Action::AsIfAsked(Some("bytes=0-4194303"))),
            "bytes 1048576-5242879 were asked for, and S3 has sent `bytes 0-4194303/",
        ),
        (
            second_range().then(Action::AsIfAsked(Some("bytes=1048576-1050000"))),
            "and S3 has sent `bytes 1048576-1050000/",
        ),
        (
            first_range().then(Action::AsIfAsked(Some("bytes=1-1048575"))),
            "bytes 0-1048575 were asked for, and S3 has sent `bytes 1-1048575/",
        ),
        // The whole, or nobody knows what.
        (second_range().then(Action::AsIfAsked(None)), not_said),
        (first_range().then(range(None)), not_said),
        (second_range().then(range(None)), not_said),
        // No size, or another one than before.
        (first_range().then(range(Some("bytes 0-1048575/*"))), no_place),
        (second_range().then(range(Some("bytes 1048576-5242879/*"))), no_place),
        (second_range().then(range(Some("bytes */6000000"))), no_place),
        (
            second_range().then(range(Some("bytes 1048576-5242879/5242880"))),
            "bytes, and now 5242880",
        ),
        // The range is taken for the whole: a sixth of the rows, cut where a record ends or not.
        (
            first_range().then(range(Some("bytes 0-1048575/1048576"))),
            "S3 has said that it has 1048576 bytes, and now ",
        ),
        // Another version.
        (second_range().then(etag(Some("\"another\""))), replaced),
        // Nothing, though there are rows.
        (
            first_range().error(416, "InvalidRange", "The requested range is not satisfiable"),
            "Athena has rows",
        ),
        (
            second_range().error(416, "InvalidRange", "The requested range is not satisfiable"),
            "it has become shorter",
        ),
    ] {
        let told = format!("{fault:?}");
        let sim = sim();
        let id = sim.faults().add(fault);
        let outcome = run(&sim, 1).params(json!({"fetch": "s3"})).inside();
        assert!(sim.faults().acted(id) > 0, "{told}");
        assert_failed(&outcome, why, &told);
    }
}

/// A server that knows no ranges may send the whole at once. RFC 9110, 14.2.
#[test]
fn an_object_that_comes_whole_has_all_its_rows() {
    let sim = sim();
    sim.faults().add(every_range().then(Action::AsIfAsked(None)));
    let outcome = run(&sim, 1).params(json!({"fetch": "s3"})).inside();
    outcome.expect(0);
    assert_eq!(outcome.rows().len(), ROWS);
    assert_eq!(sim.count("s3:GetObject"), 1);
}

/// One that is as large as the first range ends with it, as it says.
#[test]
fn an_object_of_just_one_range_has_all_its_rows() {
    // `"text"`, and lines of 1024 bytes with their quotes.
    let header = 1024 - "\"text\"\n\"\"\n".len();
    let result = Canned::generated(&[("text", "varchar")], 1024, move |row, _, text| {
        let length = if row == 0 { header } else { 1021 };
        text.extend(std::iter::repeat_n('x', length));
        true
    });
    let mut estate = estate(1);
    estate.athena().canned(QUERY, result);
    let sim = start(estate);
    let outcome = run(&sim, 1).params(json!({"fetch": "s3"})).inside();
    outcome.expect(0);
    assert_eq!(queries(&outcome, 1)[0]["result_bytes"], json!(1024 * 1024));
    assert_eq!(outcome.rows().len(), 1024);
}

/// The columns of two objects may well fit to each other's rows.
#[test]
fn a_header_that_is_not_that_of_the_result_is_a_failure() {
    for (bytes, header, why) in [
        (
            3_000,
            "\"text\",\"n\"",
            "it has `text` as column 1, Athena's metadata `n`",
        ),
        (
            9_000_000,
            "\"text\",\"n\"",
            "it has `text` as column 1, Athena's metadata `n`",
        ),
        (
            3_000,
            "\"n\",\"other\"",
            "it has `other` as column 2, Athena's metadata `text`",
        ),
        (
            3_000,
            "\"n\",\"text\",\"more\"",
            "it has 3 columns, Athena's metadata 2 columns",
        ),
    ] {
        for format in ["csv", "jsonl"] {
            let mut estate = estate(1);
            estate.athena().canned(QUERY, wide(bytes));
            let sim = start(estate);
            let slow = sim
                .faults()
                .add(every_range().error(503, "SlowDown", "Please reduce your request rate."));
            let running = run(&sim, 1)
                .params(json!({"fetch": "s3"}))
                .output(&format!("rows.{format}"))
                .start()
                .wait_for(|sim| sim.faults().acted(slow) > 0);
            let key = sim.calls_of("s3:GetObject")[0].parameter("Key").unwrap().to_owned();
            let object = sim.object(BUCKET, &key).unwrap();
            let end = object.iter().position(|byte| *byte == b'\n').unwrap();
            sim.put_object(BUCKET, &key, [header.as_bytes(), &object[end..]].concat())
                .unwrap();
            sim.faults().remove(slow);
            assert_failed(&running.finish(), why, &format!("{bytes} {header} {format}"));
        }
    }
}

/// A list of tables that is empty, although Athena has some.
#[test]
fn lines_that_are_not_there_are_a_failure() {
    let mut estate = estate(1);
    estate
        .athena()
        .table(aws_sim::Table::from_csv("files", "name\na\n").unwrap());
    let sim = start(estate);
    let show = || run(&sim, 1).params(json!({"query": "show tables", "fetch": "s3"}));
    let outcome = show().inside();
    outcome.expect(0);
    assert_eq!(outcome.rows().len(), 1);
    sim.faults()
        .add(every_range().error(416, "InvalidRange", "The requested range is not satisfiable"));
    assert_failed(&show().inside(), "Athena has rows", "no lines");
}

/// The rows of a part that is read twice are doubled.
#[test]
fn a_part_that_the_manifest_names_twice_is_a_failure() {
    let mut estate = world::estate();
    let numbers = Canned::generated(&[("n", "bigint")], 9, |row, _, text| {
        text.push_str(&row.to_string());
        true
    });
    estate.athena().canned("select n", numbers);
    let sim = start(estate);
    let slow = sim
        .faults()
        .add(every_range().error(503, "SlowDown", "Please reduce your request rate."));
    let running = world::run(&sim, "select n")
        .params(json!({"fetch": "unload"}))
        .start()
        .wait_for(|sim| sim.faults().acted(slow) > 0);
    let key = sim.calls_of("s3:GetObject")[0].parameter("Key").unwrap().to_owned();
    let manifest = sim.object(BUCKET, &key).unwrap();
    sim.put_object(BUCKET, &key, manifest.repeat(2)).unwrap();
    sim.faults().remove(slow);
    let outcome = running.finish();
    outcome.expect(4);
    let (message, _) = world::cause(&outcome);
    assert!(
        message.starts_with("the manifest names s3://") && message.ends_with(" twice"),
        "{message}"
    );
    assert!(!outcome.has_output());
}
