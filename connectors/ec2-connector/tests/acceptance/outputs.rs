//! Rows: the same bytes every time, the declared types, the same in every format; and a ledger that fits them.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sim::{Estate, Pages, Sim};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{Outcome, Run, expected, start};
use crate::world::*;

/// Enough instances for every kind of them.
fn large() -> Estate {
    let mut estate = estate();
    estate
        .change_account(B, |account| account.instances(FRANKFURT, 350).instances(IRELAND, 40))
        .change_account(C, |account| account.instances(VIRGINIA, 90));
    estate
}

fn collect(sim: &Sim, format: &str, more: Json) -> Outcome {
    let outcome = Run::organization(sim)
        .output(&format!("rows.{format}"))
        .params(more)
        .expect(0);
    let published = &outcome.ledger()["outputs"][0];
    let bytes = outcome.output_bytes();
    let digest: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let of = |name: &str| published[name].clone();
    assert_eq!(
        (of("sha256"), of("bytes"), of("format")),
        (json!(digest), json!(bytes.len()), json!(format))
    );
    outcome
}

#[test]
fn two_runs_give_the_same_bytes_whatever_the_order_of_the_answers() {
    for format in ["csv", "json", "jsonl"] {
        let one = start(large());
        let first = collect(&one, format, json!({}));
        // The same estate, answering in another order and in other pages, with other calls at a time.
        let mut other = large();
        other.pages(Pages {
            empty_every: Some(2),
            organizations: 2,
            ..Pages::default()
        });
        for (number, account) in ALL.iter().enumerate() {
            let slow = |at: usize| Duration::from_millis((number * 7 + at * 11) as u64 % 23);
            other.change_account(account, |account| {
                account
                    .latency(FRANKFURT, slow(3))
                    .latency(IRELAND, slow(1))
                    .latency(VIRGINIA, slow(2))
            });
        }
        let other = start(other);
        let second = collect(&other, format, json!({"max_concurrency": 3, "page_size": 7}));
        assert!(first.output_bytes() == second.output_bytes(), "{format}");
        let third = collect(&other, format, json!({"max_concurrency": 64, "page_size": 50}));
        assert!(first.output_bytes() == third.output_bytes(), "{format}");
    }
}

#[test]
fn rows_are_in_the_order_of_account_region_and_instance() {
    let sim = start(large());
    let rows = collect(&sim, "jsonl", json!({"page_size": 10})).rows();
    let keys: Vec<_> = rows
        .iter()
        .map(|row| ["account_id", "region", "instance_id"].map(|name| row[name].as_str().unwrap().to_owned()))
        .collect();
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(keys, sorted);
    sorted.dedup();
    assert_eq!(keys.len(), sorted.len(), "a key is there once");
    let all: usize = expected(&sim, ALL, &REGIONS).values().map(Vec::len).sum();
    assert_eq!(keys.len(), all);
    for row in &rows {
        for nested in ["tags", "security_groups", "block_devices"] {
            let order: Vec<_> = row[nested].as_array().unwrap().iter().map(first_text).collect();
            let mut sorted = order.clone();
            sorted.sort();
            assert_eq!(order, sorted, "{nested}");
        }
    }
}

fn first_text(entry: &Json) -> String {
    let members = entry.as_object().unwrap();
    ["key", "group_id", "device_name"]
        .iter()
        .find_map(|name| members.get(*name)?.as_str())
        .unwrap()
        .to_owned()
}

fn schema(sim: &Sim) -> Vec<(String, String, bool, bool)> {
    let schema = Run::bare(sim).verb("schema").expect(0).json();
    assert_eq!(schema["table"], "ec2_instances");
    let columns = schema["columns"].as_array().unwrap().iter();
    columns
        .map(|column| {
            let text = |name: &str| column[name].as_str().unwrap().to_owned();
            let truth = |name: &str| column[name].as_bool().unwrap();
            assert!(text("meaning").len() > 10 && text("meaning").ends_with('.'), "{column}");
            (text("name"), text("type"), truth("nullable"), truth("key"))
        })
        .collect()
}

fn is_timestamp(text: &str) -> bool {
    let digits = text.replace(|c: char| c.is_ascii_digit(), "0");
    digits == "0000-00-00T00:00:00Z" || (digits.starts_with("0000-00-00T00:00:00.") && digits.ends_with('Z'))
}

#[test]
fn every_cell_has_the_type_that_the_schema_declares() {
    let sim = start(large());
    let schema = schema(&sim);
    let keys: Vec<_> = schema
        .iter()
        .filter(|column| column.3)
        .map(|column| column.0.as_str())
        .collect();
    assert_eq!(keys, ["account_id", "region", "instance_id"]);
    let rows = collect(&sim, "json", json!({})).rows();
    let mut filled: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let row = row.as_object().unwrap();
        let names: Vec<_> = row.keys().map(String::as_str).collect();
        let declared: Vec<_> = schema.iter().map(|column| column.0.as_str()).collect();
        assert_eq!(names, declared, "the order of the columns");
        for (name, kind, nullable, key) in &schema {
            let cell = &row[name];
            let fits = match (kind.as_str(), cell) {
                (_, Json::Null) => *nullable && !*key,
                ("text", Json::String(_))
                | ("boolean", Json::Bool(_))
                | ("nested", Json::Array(_) | Json::Object(_)) => true,
                ("integer", Json::Number(number)) => number.is_i64(),
                ("number", Json::Number(_)) => true,
                ("timestamp", Json::String(text)) => is_timestamp(text),
                _ => false,
            };
            assert!(fits, "{name} is {kind}: {cell}");
            *filled.entry(name).or_default() += usize::from(!cell.is_null());
        }
    }
    // A type that is never there would hold by accident.
    for kind in ["text", "integer", "boolean", "timestamp", "nested"] {
        let seen = schema
            .iter()
            .filter(|column| column.1 == kind && filled[column.0.as_str()] > 0);
        assert!(seen.count() > 0, "{kind}");
    }
    let empty: Vec<_> = filled
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(name, _)| *name)
        .collect();
    assert!(empty.len() <= 12, "columns that no instance fills: {empty:?}");
}

/// The instances are the simulator's.
#[test]
fn rows_say_what_the_instances_are() {
    let sim = start(large());
    let outcome = collect(&sim, "json", json!({}));
    let rows: BTreeMap<String, Json> = outcome
        .rows()
        .into_iter()
        .map(|row| (row["instance_id"].as_str().unwrap().to_owned(), row))
        .collect();
    for instance in sim.expected_instances(B, FRANKFURT) {
        let row = &rows[&instance.instance_id];
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        assert_eq!(text("state").as_deref(), Some(instance.state));
        assert_eq!(text("instance_type").as_deref(), Some(instance.instance_type));
        assert_eq!(text("lifecycle").as_deref(), instance.lifecycle);
        assert_eq!(text("platform").is_some(), instance.windows);
        assert_eq!(text("private_ip_address"), instance.private_ip);
        assert_eq!(text("public_ip_address"), instance.public_ip);
        assert_eq!(
            text("arn"),
            Some(format!("arn:aws:ec2:{FRANKFURT}:{B}:instance/{}", instance.instance_id))
        );
        let tags: BTreeMap<String, String> = row["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| {
                (
                    tag["key"].as_str().unwrap().to_owned(),
                    tag["value"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        assert_eq!(text("name"), tags.get("Name").cloned());
        assert_eq!(tags, instance.tags.into_iter().collect());
    }
}

/// Fields of RFC 4180; `None` for one that is empty and has no quotes.
fn csv_fields(text: &str) -> Vec<Vec<Option<String>>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let field = if let Some(quoted) = rest.strip_prefix('"') {
            let mut value = String::new();
            rest = quoted;
            loop {
                let at = rest.find('"').expect("a quote is not closed");
                value.push_str(&rest[..at]);
                rest = &rest[at + 1..];
                match rest.strip_prefix('"') {
                    Some(after) => {
                        value.push('"');
                        rest = after;
                    }
                    None => break,
                }
            }
            Some(value)
        } else {
            let at = rest.find([',', '\n']).expect("the last line is not ended");
            let value = rest[..at].to_owned();
            assert!(!value.contains(['"', '\r']), "{value:?} needs quotes");
            rest = &rest[at..];
            (!value.is_empty()).then_some(value)
        };
        record.push(field);
        let end = rest.starts_with('\n');
        assert!(
            end || rest.starts_with(','),
            "after a field: {:?}",
            &rest[..rest.len().min(20)]
        );
        rest = &rest[1..];
        if end {
            records.push(std::mem::take(&mut record));
        }
    }
    assert!(record.is_empty(), "the last line is not ended");
    records
}

#[test]
fn csv_and_jsonl_say_what_json_says() {
    let sim = start(large());
    let schema = schema(&sim);
    let json = collect(&sim, "json", json!({}));
    let jsonl = collect(&sim, "jsonl", json!({}));
    assert_eq!(json.rows(), jsonl.rows());
    let csv = collect(&sim, "csv", json!({}));
    let text = String::from_utf8(csv.output_bytes()).unwrap();
    let mut records = csv_fields(&text).into_iter();
    let header: Vec<_> = records.next().unwrap().into_iter().map(Option::unwrap).collect();
    let declared: Vec<_> = schema.iter().map(|column| column.0.clone()).collect();
    assert_eq!(header, declared);
    let rows = json.rows();
    assert_eq!(records.len(), rows.len());
    let (mut nulls, mut empties) = (0, 0);
    for (record, row) in records.zip(&rows) {
        for ((name, kind, ..), field) in schema.iter().zip(record) {
            let cell = &row[name];
            nulls += usize::from(field.is_none());
            empties += usize::from(field.as_deref() == Some(""));
            let same = match (&field, cell) {
                (None, Json::Null) => true,
                (Some(field), Json::String(text)) => field == text,
                (Some(field), Json::Number(_) | Json::Bool(_)) => serde_json::from_str::<Json>(field).unwrap() == *cell,
                (Some(field), _) if kind == "nested" => serde_json::from_str::<Json>(field).unwrap() == *cell,
                _ => false,
            };
            assert!(same, "{name}: {field:?} is not {cell}");
        }
    }
    assert!(
        nulls > 0 && empties > 0,
        "{nulls} NULLs, {empties} empty texts: both must be told apart"
    );
    // The csv crate, which did not write it, reads it too.
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.records().map(Result::unwrap).count(), rows.len());
}

#[test]
fn nothing_found_is_an_empty_table_and_not_a_failure() {
    let sim = start(estate());
    for (format, content) in [("json", "[]\n"), ("jsonl", "")] {
        let outcome = collect(&sim, format, json!({"regions": [IRELAND]}));
        assert_eq!(String::from_utf8(outcome.output_bytes()).unwrap(), content);
        assert_eq!(outcome.slice(A, Some(IRELAND))["outcome"], "empty");
    }
    let outcome = collect(&sim, "csv", json!({"regions": [IRELAND]}));
    assert_eq!(
        String::from_utf8(outcome.output_bytes()).unwrap().lines().count(),
        1,
        "the header"
    );
}

#[test]
fn the_ledger_says_what_was_asked_and_what_became_of_it() {
    let sim = start(estate());
    let outcome = Run::organization(&sim)
        .params(json!({"assume_external_id": "hub", "regions": [FRANKFURT, IRELAND], "exclude_accounts": [D]}))
        .expect(0);
    let ledger = outcome.ledger();
    assert_eq!(
        (&ledger["connector"], &ledger["outcome"], &ledger["exit_code"]),
        (&json!("ec2-connector"), &json!("complete"), &json!(0))
    );
    assert_eq!(ledger["version"], env!("CARGO_PKG_VERSION"));
    let parameters = &ledger["parameters"];
    assert_eq!(parameters["secret_access_key"], "***");
    assert_eq!(parameters["assume_external_id"], "hub");
    assert_eq!(parameters["regions"], json!([FRANKFURT, IRELAND]));
    assert_eq!(
        parameters["sub_account_assume_role_arn_chain"],
        json!([Estate::SUB_ACCOUNT_ROLE])
    );
    assert_eq!(ledger["identity"]["account"], MASTER);
    assert!(
        ledger["identity"]["arn"]
            .as_str()
            .unwrap()
            .ends_with(&format!("user/{}", Estate::USER))
    );
    for time in ["started", "finished"] {
        assert!(is_timestamp(ledger[time].as_str().unwrap()), "{ledger}");
    }
    let accounts: Vec<_> = ledger["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["id"].as_str().unwrap())
        .collect();
    assert_eq!(accounts, ALL, "also those that are left out");
    let account = &ledger["accounts"][3];
    assert_eq!(
        (
            &account["name"],
            &account["organizational_unit_path"],
            &account["state"],
            &account["master"]
        ),
        (
            &json!("shop"),
            &json!("/Root/Workloads/Production/Shop"),
            &json!("ACTIVE"),
            &json!(false)
        )
    );
    assert_eq!(ledger["accounts"][0]["master"], true);
    let slices = outcome.outcomes();
    assert_eq!(slices.len(), 5 * 2 + 1);
    let rows = outcome.rows().len();
    assert_eq!(ledger["totals"]["rows"], rows);
    assert_eq!(ledger["outputs"][0]["rows"], rows);
    for (account, region) in slices.keys().filter(|(_, region)| region != "-") {
        let slice = outcome.slice(account, Some(region));
        assert_eq!(
            (&slice["calls"], &slice["retries"], &slice["cause"]),
            (&json!(1), &json!(0), &Json::Null)
        );
        assert_eq!(slice["rows"], sim.expected_ids(account, region).len());
    }
}

#[test]
fn a_link_stays_one_and_permissions_are_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let sim = start(one_account());
    let run = Run::keys(&sim)
        .file("rows.json", "previous")
        .file("real.json", "previous");
    let (link, real) = (run.path("rows.json"), run.path("real.json"));
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let outcome = run.expect(0);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(outcome.rows().len(), 6);
}
