//! Large results from S3: every row once and in order, or one clear error; whatever the connections do.

use aws_sim::{Action, Canned, Fault, Sim};
use serde_json::{Value as Json, json};

use crate::fleet::*;
use crate::harness::{Outcome, start, start_still};

/// A result of the first range of a mebibyte, a whole one behind it, and a part of one.
const BYTES: u64 = 6_000_000;
const ROWS: usize = (BYTES / 1010) as usize;

/// Rows that [`wide`] has given, each in its place.
fn assert_all_rows(outcome: &Outcome, account: &str, count: usize, told: &str) {
    let rows: Vec<Json> = outcome.rows();
    let mut rows = rows.iter().filter(|row| row["account_id"] == account);
    for number in 0..count {
        let row = rows.next().unwrap_or_else(|| panic!("{told}: {number} rows"));
        assert_eq!(row["n"], json!(number), "{told}");
        let text = row["text"].as_str().unwrap();
        let letter = char::from(b'a' + (number % 26) as u8);
        assert!(
            text.len() == 1000 && text.chars().all(|c| c == letter),
            "{told}: row {number}"
        );
    }
    assert_eq!(rows.count(), 0, "{told}: rows beyond the last");
}

fn sim_with(accounts: usize, bytes: u64) -> Sim {
    let mut estate = estate(accounts);
    estate.athena().canned(QUERY, wide(bytes));
    start(estate)
}

fn get_object() -> Fault {
    Fault::on("s3:GetObject")
}

/// Of all ranges but the first.
fn later_range() -> Fault {
    get_object().parameter("Range", "bytes=1048576-5242879")
}

fn slow_down(fault: Fault) -> Fault {
    fault.error(503, "SlowDown", "Please reduce your request rate.")
}

#[test]
fn what_goes_wrong_on_the_way_loses_and_doubles_nothing() {
    let gateway = Action::Body {
        status: 502,
        content_type: "text/html",
        body: "<html>Bad Gateway</html>".to_owned(),
    };
    let faults = [
        vec![get_object().first(1).then(Action::Reset)],
        vec![get_object().every(2).then(Action::Reset)],
        vec![get_object().first(3).then(Action::ResetAfter(700_000))],
        vec![get_object().every(2).then(Action::ResetAfter(300_001))],
        vec![get_object().first(3).then(Action::Truncate)],
        vec![get_object().then(Action::TruncateAfter(700_000))],
        vec![get_object().every(2).then(Action::TruncateAfter(1))],
        vec![get_object().first(2).then(Action::TruncateAfter(0))],
        vec![slow_down(get_object().first(5))],
        vec![slow_down(get_object().every(3))],
        vec![
            get_object()
                .every(2)
                .error(500, "InternalError", "We encountered an error."),
        ],
        vec![get_object().first(2).then(gateway)],
        vec![
            slow_down(get_object().every(3)),
            get_object().every(2).then(Action::TruncateAfter(1_000_003)),
            get_object().every(5).then(Action::ResetAfter(2_000_000)),
        ],
    ];
    for (at, faults) in faults.into_iter().enumerate() {
        let told = format!("{faults:?}");
        let sim = sim_with(1, BYTES);
        for fault in faults {
            sim.faults().add(fault);
        }
        let fetch = if at % 4 == 0 { "auto" } else { "s3" };
        let outcome = run(&sim, 1).params(json!({ "fetch": fetch })).inside();
        outcome.expect(0);
        assert_all_rows(&outcome, &member(1), ROWS, &format!("{fetch} {told}"));
        assert_eq!(queries(&outcome, 1)[0]["fetch"]["by"], "s3", "{fetch} {told}");
    }
}

/// A connection that stays open and brings nothing more is given up, and the rest comes over another.
#[test]
fn a_connection_that_falls_silent_is_given_up() {
    let sim = sim_with(1, BYTES);
    let fault = sim.faults().add(get_object().first(2).then(Action::HangAfter(300_000)));
    let outcome = run(&sim, 1).params(json!({"fetch": "s3"})).inside();
    outcome.expect(0);
    assert_all_rows(&outcome, &member(1), ROWS, "silent");
    assert_eq!(sim.faults().acted(fault), 2);
}

/// What stays wrong is one clear error, and the slice has no rows.
#[test]
fn what_stays_wrong_fails_the_slice_and_no_other() {
    let denied = |fault: Fault| fault.error(403, "AccessDenied", "Access Denied");
    for (fault, word, code, message, hint) in [
        (
            slow_down(later_range()),
            "throttled",
            json!("SlowDown"),
            "Please reduce your request rate.",
            "AWS still refused after all retries",
        ),
        (
            later_range().then(Action::Reset),
            "unreachable",
            Json::Null,
            "",
            "check name resolution",
        ),
        (
            later_range().then(Action::TruncateAfter(0)),
            "unreachable",
            Json::Null,
            "bytes before the end of a range",
            "check name resolution",
        ),
        (
            denied(later_range()),
            "denied",
            json!("AccessDenied"),
            "Access Denied",
            "allow s3:GetObject in the policy of the role",
        ),
        (
            later_range().error(404, "NoSuchKey", "The specified key does not exist."),
            "failed",
            json!("NoSuchKey"),
            "The specified key does not exist.",
            "",
        ),
    ] {
        let told = format!("{fault:?}");
        let sim = sim_with(2, BYTES);
        // Each request, whatever part of the range it is for.
        sim.faults().add(fault.account(&member(1)));
        let outcome = run(&sim, 2).params(json!({"fetch": "s3"})).inside();
        outcome.expect(3);
        let slice = slice(&outcome, 1);
        assert_eq!(
            (&slice["outcome"], &slice["rows"]),
            (&json!(word), &json!(0)),
            "{told} {slice}"
        );
        let cause = &slice["cause"];
        assert_eq!(
            (&cause["operation"], &cause["code"]),
            (&json!("GetObject"), &code),
            "{told}"
        );
        for (name, text) in [("message", message), ("hint", hint)] {
            let said = cause[name].as_str().unwrap_or_default();
            assert!(said.contains(text), "{told}: {name} is {said:?}");
        }
        assert!(rows_of(&outcome, &member(1)).is_empty(), "{told}");
        assert_all_rows(&outcome, &member(2), ROWS, &told);
    }
}

/// With `auto`, what S3 refuses comes through Athena, from the first row on: those that S3 has given are forgotten.
#[test]
fn rows_that_come_another_way_in_the_end_are_not_doubled() {
    let bytes = 3_000_000;
    let behind_the_first = || get_object().parameter("Range", "bytes=1048576-2998600");
    for fault in [
        get_object().error(403, "AccessDenied", "Access Denied"),
        get_object().then(Action::Reset),
        behind_the_first().error(403, "AccessDenied", "Access Denied"),
        behind_the_first().error(404, "NoSuchKey", "The specified key does not exist."),
        behind_the_first().then(Action::Reset),
        behind_the_first().then(Action::TruncateAfter(0)),
    ] {
        let told = format!("{fault:?}");
        let sim = sim_with(1, bytes);
        let id = sim.faults().add(fault);
        let outcome = run(&sim, 1).params(json!({"fetch": "auto"})).inside();
        outcome.expect(0);
        let size = sim.object(BUCKET, &key(&sim)).unwrap().len();
        assert!(sim.faults().acted(id) > 0, "the object has {size} bytes: {told}");
        assert_all_rows(&outcome, &member(1), (bytes / 1010) as usize, &told);
        let fetch = &queries(&outcome, 1)[0]["fetch"];
        assert_eq!(fetch["by"], "api", "{told}");
        let why = fetch["why"].as_str().unwrap();
        assert!(why.starts_with("S3 does not give the result object: "), "{why}");
    }
}

/// The key of the first query's result.
fn key(sim: &Sim) -> String {
    let output = sim.queries()[0].output.clone().unwrap();
    let prefix = format!("s3://{BUCKET}/");
    output.strip_prefix(&prefix).unwrap().to_owned()
}

/// Some of its rows would be those of another result. `auto` asks Athena itself then, once.
#[test]
fn an_object_that_is_replaced_while_it_is_read_is_no_result() {
    const WHY: &str = "another object has taken its place while it was read";
    for fetch in ["s3", "auto"] {
        let sim = sim_with(1, BYTES);
        let slow = sim.faults().add(slow_down(later_range()));
        let running = run(&sim, 1)
            .params(json!({ "fetch": fetch }))
            .start()
            .wait_for(|sim| sim.faults().acted(slow) > 0);
        let other = sim.object(BUCKET, &key(&sim)).unwrap().to_ascii_uppercase();
        sim.put_object(BUCKET, &key(&sim), other).unwrap();
        sim.faults().remove(slow);
        let outcome = running.finish();
        let slice = slice(&outcome, 1);
        if fetch == "auto" {
            outcome.expect(0);
            assert_eq!(slice["rows"], ROWS, "{slice}");
            assert!(slice["warnings"][0].as_str().unwrap().contains(WHY), "{slice}");
            let by = slice["details"]["queries"][0]["fetch"]["by"].as_str();
            assert_eq!(
                (by, sim.count("athena:GetQueryResults")),
                (Some("api"), 1 + (ROWS + 1).div_ceil(1000))
            );
            continue;
        }
        outcome.expect(4);
        assert_eq!(slice["outcome"], "failed", "{slice}");
        let message = slice["cause"]["message"].as_str().unwrap();
        assert!(message.contains(WHY), "{message}");
        assert!(!outcome.has_output());
    }
}

/// A lifecycle rule, a gateway that encrypts, a proxy: what S3 gives is not what Athena wrote. `auto` has the rows all the same.
#[test]
fn an_object_that_is_no_result_costs_the_way_and_not_the_rows() {
    for body in [
        "",
        "<html>moved</html>",
        "\"n\",\"other\"\n\"1\",\"x\"\n",
        "\"n\",\"text\"\n\"1\",\"x\"\n\"2",
    ] {
        for fetch in ["s3", "auto"] {
            let sim = sim_with(1, BYTES);
            let slow = sim.faults().add(slow_down(get_object()));
            let running = run(&sim, 1).params(json!({ "fetch": fetch })).start();
            let running = running.wait_for(|sim| sim.faults().acted(slow) > 0);
            sim.put_object(BUCKET, &key(&sim), body.as_bytes().to_vec()).unwrap();
            sim.faults().remove(slow);
            let outcome = running.finish();
            let slice = slice(&outcome, 1);
            if fetch == "auto" {
                outcome.expect(0);
                assert_eq!(slice["rows"], ROWS, "{body:?}: {slice}");
                let warning = slice["warnings"][0].as_str().unwrap();
                assert!(warning.contains("is not what Athena wrote"), "{body:?}: {warning}");
            } else {
                outcome.expect(4);
                assert!(!outcome.has_output(), "{body:?}");
            }
        }
    }
}

/// A proxy that answers in the place of S3.
#[test]
fn an_answer_that_is_not_s3_s_costs_the_way_and_not_the_rows() {
    let sim = sim_with(1, BYTES);
    sim.faults().add(get_object().html(200));
    let outcome = run(&sim, 1).inside();
    outcome.expect(0);
    let slice = slice(&outcome, 1);
    assert_eq!(slice["rows"], ROWS, "{slice}");
    let why = slice["details"]["queries"][0]["fetch"]["why"].as_str().unwrap();
    assert!(why.contains("S3 does not give the result object"), "{why}");
}

/// One that is read on several cores has its faults where one that is read by one has them.
#[test]
fn a_fault_within_an_object_is_told_with_its_place() {
    for bytes in [3_000_000, 9_000_000] {
        let sim = sim_with(1, bytes);
        let slow = sim.faults().add(slow_down(get_object()));
        let running = run(&sim, 1)
            .params(json!({ "fetch": "s3" }))
            .start()
            .wait_for(|sim| sim.faults().acted(slow) > 0);
        let mut object = sim.object(BUCKET, &key(&sim)).unwrap().to_vec();
        let record = (bytes / 1010) as usize - 200;
        let before: usize = object
            .split_inclusive(|byte| *byte == b'\n')
            .take(record)
            .map(<[u8]>::len)
            .sum();
        object[before] = b'x';
        sim.put_object(BUCKET, &key(&sim), object).unwrap();
        sim.faults().remove(slow);
        let outcome = running.finish();
        outcome.expect(4);
        let slice = slice(&outcome, 1);
        let message = slice["cause"]["message"].as_str().unwrap();
        let place = format!("result file, record {record}, byte {before}: a field begins without a quote");
        assert!(message.contains(&place), "{place}: {message}");
        assert!(!outcome.has_output());
    }
}

/// More downloads than connections are allowed: each gets its turn.
#[test]
fn many_downloads_over_few_connections_all_come_to_their_end() {
    for most in [1, 3] {
        let sim = sim_with(4, BYTES);
        let outcome = run(&sim, 4)
            .params(json!({"fetch": "s3", "max_concurrency": most}))
            .inside();
        outcome.expect(0);
        for number in 1..=4 {
            assert_all_rows(&outcome, &member(number), ROWS, "of four");
        }
        let peak = sim.connections().peak;
        assert!(peak <= most, "{peak} connections");
    }
}

/// The requests that a member has made for parts of its result.
fn ranges(sim: &Sim, number: usize) -> Vec<String> {
    let account = member(number);
    let calls = sim.calls_of("s3:GetObject");
    let own = calls.iter().filter(|call| call.account.as_ref() == Some(&account));
    own.map(|call| call.parameter("Range").unwrap().to_owned()).collect()
}

/// Its first bytes do not come, and it is read ahead meanwhile as far as there is room: 32 mebibytes, in ranges of
/// four.
#[test]
fn a_download_that_stands_still_takes_a_bounded_room_and_holds_up_nobody() {
    let mut estate = estate(3);
    estate
        .athena()
        .canned(QUERY, wide(BYTES))
        .canned_in(&member(1), QUERY, wide(60_000_000));
    let sim = start(estate);
    let silent = get_object().account(&member(1)).parameter("Range", "bytes=0-1048575");
    sim.faults().add(silent.then(Action::HangAfter(1000)));
    // The others begin when it has taken all the room.
    let others = [2, 3].map(|number| {
        let fault = Fault::on("athena:StartQueryExecution").account(&member(number));
        sim.faults().add(fault)
    });
    let running = run(&sim, 3)
        .params(json!({"fetch": "s3"}))
        .start()
        .wait_for(|sim| ranges(sim, 1).len() == 9);
    others.into_iter().for_each(|fault| sim.faults().remove(fault));
    let ended = |sim: &Sim, number: usize| {
        let last = ranges(sim, number).pop().unwrap_or_default();
        last.starts_with("bytes=5242880-")
    };
    let outcome = running
        .wait_for(|sim| ended(sim, 2) && ended(sim, 3))
        .signal("TERM")
        .finish();
    outcome.expect(143);
    assert_eq!(
        ranges(&sim, 1).len(),
        9,
        "nothing has been given up, and nothing more been asked for"
    );
}

/// A part of a multibyte letter, of a pair of quotes or of a line's end may be the last byte of an answer.
#[test]
fn an_answer_may_end_at_any_byte() {
    let result = Canned::new(&[("name", "varchar"), ("size", "bigint")])
        .row(&[Some("a \"quoted\" é🦀\r\n, x"), Some("1")])
        .row(&[None, None])
        .row(&[Some(""), Some("-2")]);
    let mut estate = estate(1);
    estate.athena().canned(QUERY, result);
    let sim = start_still(estate);
    let first = run(&sim, 1).params(json!({"fetch": "s3"})).inside();
    first.expect(0);
    let expected = rows_of(&first, &member(1));
    assert_eq!(
        expected,
        [
            (json!("a \"quoted\" é🦀\r\n, x"), json!(1)),
            (Json::Null, Json::Null),
            (json!(""), json!(-2))
        ]
    );
    let size = sim.object(BUCKET, &key(&sim)).unwrap().len() as u64;
    for cut in 0..size {
        sim.faults().clear();
        sim.faults().add(get_object().first(1).then(Action::TruncateAfter(cut)));
        let outcome = run(&sim, 1).params(json!({"fetch": "s3"})).inside();
        outcome.expect(0);
        assert_eq!(rows_of(&outcome, &member(1)), expected, "cut at {cut}");
    }
}
