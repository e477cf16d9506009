//! Keys of rows: no row twice, none replaced without being counted, none whose key is not there.

use aws_sim::{Action, Fault, Sim};
use serde_json::json;

use crate::harness::{Run, expected, start};
use crate::world::*;

/// An answer of `DescribeInstances` with these members of the instances of one reservation, as AWS's service model has it:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
fn answers(sim: &Sim, instances: &[&str]) {
    let items: String = instances
        .iter()
        .map(|members| format!("<item>{members}</item>"))
        .collect();
    let body = format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId><reservationSet>\
         <item><reservationId>r-1</reservationId><ownerId>{B}</ownerId><instancesSet>{items}</instancesSet></item>\
         </reservationSet></DescribeInstancesResponse>"
    );
    let answer = Action::Body {
        status: 200,
        content_type: "text/xml;charset=UTF-8",
        body,
    };
    let slice = Fault::on("ec2:DescribeInstances").account(B).region(FRANKFURT);
    sim.faults().add(slice.then(answer));
}

/// Instances come and go while they are listed: pages may overlap.
#[test]
fn rows_of_pages_that_overlap_are_there_once_and_counted() {
    let sim = start(estate());
    let slice = Fault::on("ec2:DescribeInstances").account(B).region(FRANKFURT);
    sim.faults().add(slice.first(1).then(Action::RepeatPage));
    let outcome = Run::organization(&sim).params(json!({"page_size": 5})).expect(0);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
    let slice = outcome.slice(B, Some(FRANKFURT));
    let first_page = 5;
    assert_eq!(
        (&slice["rows"], &slice["replaced_rows"]),
        (&json!(9), &json!(first_page))
    );
    let ledger = outcome.ledger();
    assert_eq!(ledger["totals"]["replaced_rows"], first_page);
    let others = ledger["slices"].as_array().unwrap().iter();
    assert_eq!(others.filter(|slice| slice.get("replaced_rows").is_some()).count(), 1);
}

/// AWS does not give an instance twice in one answer. Where a key does not tell rows apart, none is dropped: the slice says so.
#[test]
fn a_key_that_is_twice_in_one_answer_fails_its_slice() {
    let sim = start(estate());
    let instance = "<instanceId>i-1</instanceId>";
    answers(&sim, &[instance, "<instanceId>i-2</instanceId>", instance]);
    let outcome = Run::organization(&sim).expect(3);
    let slice = outcome.slice(B, Some(FRANKFURT));
    let message = slice["cause"]["message"].as_str().unwrap();
    assert_eq!(slice["outcome"], "failed");
    assert!(
        message.contains("the same key, `i-1`") && message.contains("a defect"),
        "{message}"
    );
    assert_eq!(outcome.ledger()["totals"]["failed"], 1);
}

/// Neither the file, where a key column has no NULL, nor the rows of others.
#[test]
fn a_row_without_its_key_fails_its_slice_alone() {
    for format in ["json", "csv", "parquet"] {
        let sim = start(estate());
        answers(&sim, &["<instanceId>i-1</instanceId>", "<imageId>ami-1</imageId>"]);
        let outcome = Run::organization(&sim).output(&format!("rows.{format}")).expect(3);
        let slice = outcome.slice(B, Some(FRANKFURT));
        let message = slice["cause"]["message"].as_str().unwrap();
        assert_eq!(slice["outcome"], "failed");
        assert!(message.contains("the answer has no instance"), "{message}");
        assert_eq!(outcome.ledger()["outputs"][0]["rows"], 22, "those of all others");
    }
}
