//! What the SDK makes of the same answers.
#![allow(clippy::unwrap_used)]

use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use proptest::prelude::*;

use super::*;

/// An answer with every member, and characters that XML has in another form.
const FULL: &str = include_str!("tests/full.xml");

fn answered(status: u16, body: &[u8]) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}

fn sdk() -> FrozenLayer {
    DescribeInstances::new().config().unwrap()
}

fn of_the_sdk(body: &[u8]) -> Result<DescribeInstancesOutput, String> {
    let sdk = sdk();
    let reader = sdk.load::<SharedResponseDeserializer>().unwrap();
    output(reader.deserialize_nonstreaming_with_config(&answered(200, body), &ConfigBag::base()))
}

fn of_ours(status: u16, body: &[u8]) -> Result<DescribeInstancesOutput, String> {
    output(Reader { sdk: sdk() }.deserialize_nonstreaming_with_config(&answered(status, body), &ConfigBag::base()))
}

fn output(read: OutputOrError) -> Result<DescribeInstancesOutput, String> {
    read.map(|output| output.downcast().unwrap())
        .map_err(|error| format!("{error:?}"))
}

#[test]
fn all_members_are_what_the_sdk_reads() {
    let ours = read(FULL.as_bytes()).unwrap();
    assert!(ours == of_the_sdk(FULL.as_bytes()).unwrap());
    let shown = format!("{ours:#?}").replace("_request_id: None", "");
    assert!(!shown.contains("None"), "a member without a value:\n{shown}");
    assert!(
        shown.contains("<5> & \\\"ä€\\\" "),
        "characters in another form:\n{shown}"
    );
}

#[test]
fn what_it_does_not_know_is_passed_over() {
    let new = "<newSet><item><instanceId>x</instanceId></item></newSet><isNew/><instanceId>";
    let body = FULL
        .replace("<instanceId>", new)
        .replace("<tagSet>", "<tagSet><other/> &amp; ");
    assert_ne!(body, FULL);
    assert!(read(body.as_bytes()) == read(FULL.as_bytes()));
    assert!(read(body.as_bytes()) == of_the_sdk(body.as_bytes()).ok());
}

#[test]
fn empty_and_absent_members() {
    for inner in [
        "",
        "<reservationSet/>",
        "<reservationSet><item/></reservationSet><nextToken/>",
        "<reservationSet><item><instancesSet/></item></reservationSet>",
        "<reservationSet><item><instancesSet><item><tagSet/><dnsName/><placement/></item></instancesSet></item></reservationSet>",
        "<reservationSet><item><instancesSet><item><dnsName></dnsName></item></instancesSet></item></reservationSet>",
    ] {
        let body = format!("<DescribeInstancesResponse>{inner}</DescribeInstancesResponse>");
        let ours = read(body.as_bytes());
        assert!(ours.is_some(), "{body}");
        assert_eq!(ours, of_the_sdk(body.as_bytes()).ok(), "{body}");
    }
}

#[test]
fn an_answer_that_is_cut_is_none() {
    assert!(FULL[ROOT..].starts_with("<DescribeInstancesResponse"));
    let end = FULL.trim_end().len();
    for length in 0..end {
        let cut = &FULL.as_bytes()[..length];
        assert_eq!(read(cut), None, "{length}");
        assert!(of_ours(200, cut).is_err(), "{length}");
    }
    // Why the SDK's reading is not enough.
    let cut = FULL.find("<tagSet>").unwrap();
    assert!(of_the_sdk(&FULL.as_bytes()[..cut]).is_ok());
}

#[test]
fn errors_are_the_sdks() {
    let denied =
        b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>";
    let ours = of_ours(403, denied).unwrap_err();
    assert!(ours.contains("UnauthorizedOperation"), "{ours}");
    for garbage in [
        &b"garbage"[..],
        b"",
        b"<html><body>busy</body></html>",
        b"\xff<",
        &FULL.as_bytes()[..9],
    ] {
        assert_eq!(of_ours(200, garbage).unwrap_err(), of_the_sdk(garbage).unwrap_err());
    }
    let number = FULL.replace("<coreCount>", "<coreCount>x");
    assert_eq!(
        of_ours(200, number.as_bytes()).unwrap_err(),
        of_the_sdk(number.as_bytes()).unwrap_err()
    );
}

/// Where the root begins. Of what stands before it, a declaration, nothing is read.
const ROOT: usize = 39;

/// The part of the answer that is not [`FULL`]'s.
fn differing(body: &[u8]) -> String {
    let same = |(a, b): &(&u8, &u8)| a == b;
    let front = body.iter().zip(FULL.as_bytes()).take_while(same).count();
    let back = body
        .iter()
        .rev()
        .zip(FULL.as_bytes().iter().rev())
        .take_while(same)
        .count();
    let end = body.len().saturating_sub(back).max(front);
    String::from_utf8_lossy(&body[front.saturating_sub(40)..(end + 40).min(body.len())]).into_owned()
}

proptest! {
    /// Whatever is read is what the SDK reads.
    #[test]
    fn damage_is_read_as_the_sdk_reads_it_or_not_at_all(
        edits in proptest::collection::vec((ROOT..FULL.len(), 0_usize..40, "[<>/&;a-z \"!\\-\\[\\]?]{0,6}|</item>|<item>|<!-- -->|&lt;|<a/>"), 1..4),
    ) {
        let mut body = FULL.as_bytes().to_vec();
        for (at, removed, added) in edits {
            let at = at.min(body.len());
            let end = (at + removed).min(body.len());
            body.splice(at..end, added.into_bytes());
        }
        if let Some(ours) = read(&body) {
            prop_assert!(Ok(ours) == of_the_sdk(&body), "{}", differing(&body));
        }
    }
}
