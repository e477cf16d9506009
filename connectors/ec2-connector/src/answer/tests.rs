//! What the SDK makes of the same answers.
#![allow(clippy::unwrap_used)]

use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::DateTime;
use proptest::prelude::*;

use super::*;
use crate::members::{List, Listed, Time};

/// An answer with every member, and characters that XML has in another form.
const FULL: &str = include_str!("tests/full.xml");

/// What is made of a value of the SDK.
pub(crate) trait Of<Sdk> {
    fn of(sdk: &Sdk) -> Self;
}

impl<Sdk: AsRef<str>> Of<Sdk> for Text<'_> {
    fn of(sdk: &Sdk) -> Self {
        sdk.as_ref().to_owned().into()
    }
}

impl Of<i32> for i32 {
    fn of(sdk: &i32) -> Self {
        *sdk
    }
}

impl Of<bool> for bool {
    fn of(sdk: &bool) -> Self {
        *sdk
    }
}

impl Of<DateTime> for Time {
    fn of(sdk: &DateTime) -> Self {
        Time(*sdk)
    }
}

impl<Sdk, T: Of<Sdk>> Of<Option<Sdk>> for Option<T> {
    fn of(sdk: &Option<Sdk>) -> Self {
        sdk.as_ref().map(T::of)
    }
}

impl<Sdk, T: Of<Sdk>> Of<Option<Vec<Sdk>>> for Vec<T> {
    fn of(sdk: &Option<Vec<Sdk>>) -> Self {
        sdk.iter().flatten().map(T::of).collect()
    }
}

impl<Sdk, T: Of<Sdk> + Listed> Of<Option<Vec<Sdk>>> for List<T> {
    fn of(sdk: &Option<Vec<Sdk>>) -> Self {
        Vec::of(sdk).into()
    }
}

/// All of an answer.
type Answer<'a> = (Vec<Reservation<'a>>, Option<Text<'a>>);

fn ours(body: &[u8]) -> Result<Answer<'_>, Unreadable> {
    let mut reservations = Vec::new();
    let next_token = read(body, |reservation| {
        reservations.push(reservation.clone());
        Ok::<_, Unreadable>(())
    })?;
    Ok((reservations, next_token))
}

fn answered(status: u16, body: &[u8]) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}

fn sdk() -> FrozenLayer {
    DescribeInstances::new().config().unwrap()
}

fn of_the_sdk(status: u16, body: &[u8]) -> Result<DescribeInstancesOutput, String> {
    let sdk = sdk();
    let reader = sdk.load::<SharedResponseDeserializer>().unwrap();
    let read = reader.deserialize_nonstreaming_with_config(&answered(status, body), &ConfigBag::base());
    read.map(|output| output.downcast().unwrap())
        .map_err(|error| format!("{error:?}"))
}

fn of_sdk(body: &[u8]) -> Option<Answer<'static>> {
    let output = of_the_sdk(200, body).ok()?;
    Some((Vec::of(&output.reservations), Option::of(&output.next_token)))
}

#[test]
fn all_members_are_what_the_sdk_reads() {
    let (reservations, next_token) = ours(FULL.as_bytes()).unwrap();
    assert_eq!(Some((reservations.clone(), next_token)), of_sdk(FULL.as_bytes()));
    let sdk = format!("{:#?}", of_the_sdk(200, FULL.as_bytes()).unwrap()).replace("_request_id: None", "");
    assert!(!sdk.contains("None"), "a member without a value:\n{sdk}");
    let shown = format!("{reservations:#?}");
    assert!(
        shown.contains("<5> & \\\"ä€\\\" "),
        "characters in another form:\n{shown}"
    );
}

/// A member that the SDK knows is known here: another value in it makes another answer, or none.
#[test]
fn every_value_matters() {
    let known = ours(FULL.as_bytes()).unwrap();
    let mut values = 0;
    for (start, _) in FULL.match_indices('>') {
        let Some(length) = FULL[start + 1..].find('<').filter(|length| *length > 0) else {
            continue;
        };
        let (front, back) = (&FULL[..=start], &FULL[start + 1 + length..]);
        if !back.starts_with("</") || FULL[start + 1..][..length].trim().is_empty() {
            continue;
        }
        values += 1;
        let other = if &FULL[start + 1..][..length] == "true" {
            "false"
        } else {
            "7"
        };
        let body = format!("{front}{other}{back}");
        let name = &FULL[..start][FULL[..start].rfind('<').unwrap()..];
        let is_known = ours(body.as_bytes()).as_ref() != Ok(&known);
        // That of the request, which nobody asks for.
        assert!(is_known != (name == "<requestId"), "{name}");
    }
    assert!(values > 150, "{values}");
}

#[test]
fn what_it_does_not_know_is_passed_over() {
    let new = "<newSet><item><instanceId>x</instanceId></item></newSet><isNew/><instanceId>";
    let body = FULL
        .replace("<instanceId>", new)
        .replace("<tagSet>", "<tagSet><other/> &amp; ");
    assert_ne!(body, FULL);
    assert_eq!(ours(body.as_bytes()), ours(FULL.as_bytes()));
    assert_eq!(ours(body.as_bytes()).ok(), of_sdk(body.as_bytes()));
}

#[test]
fn empty_and_absent_members() {
    for inner in [
        "<reservationSet/>",
        "<reservationSet><item/></reservationSet><nextToken/>",
        "<reservationSet><item><instancesSet/></item></reservationSet>",
        "<reservationSet><item><instancesSet><item><tagSet/><dnsName/><placement/></item></instancesSet></item></reservationSet>",
        "<reservationSet><item><instancesSet><item><dnsName></dnsName></item></instancesSet></item></reservationSet>",
    ] {
        let body = format!("<DescribeInstancesResponse>{inner}</DescribeInstancesResponse>");
        let ours = ours(body.as_bytes()).ok();
        assert!(ours.is_some(), "{body}");
        assert_eq!(ours, of_sdk(body.as_bytes()), "{body}");
    }
}

#[test]
fn an_answer_that_is_cut_is_an_error() {
    assert!(FULL[ROOT..].starts_with("<DescribeInstancesResponse"));
    let end = FULL.trim_end().len();
    for length in 0..end {
        assert!(ours(&FULL.as_bytes()[..length]).is_err(), "{length}");
    }
    // Why the SDK's reading is not enough.
    let cut = FULL.find("<tagSet>").unwrap();
    assert!(of_the_sdk(200, &FULL.as_bytes()[..cut]).is_ok());
}

/// The SDK takes it for a region without instances.
#[test]
fn an_answer_that_lists_nothing_is_an_error() {
    for body in [
        "<DescribeInstancesResponse/>".to_owned(),
        FULL.replace("reservationSet", "ReservationSet"),
    ] {
        assert_eq!(ours(body.as_bytes()).unwrap_err().why, "no reservationSet");
        assert!(of_the_sdk(200, body.as_bytes()).unwrap().reservations.is_none());
    }
}

#[test]
fn what_cannot_be_read_has_a_place() {
    for (from, to, why) in [
        ("<coreCount>", "<coreCount>x", "no number"),
        ("<ebsOptimized>", "<ebsOptimized>maybe ", "neither true nor false"),
        ("<launchTime>", "<launchTime>yesterday ", "no time"),
        ("<instanceId>", "<instanceId>&nbsp;", "an unknown entity"),
        ("<instanceId>", "<instanceId><a/>", "no text"),
        ("</instanceId>", "</instanceIds>", "ill-formed XML"),
        (
            "</DescribeInstancesResponse>",
            "</DescribeInstancesResponse><a/>",
            "ill-formed XML",
        ),
        ("DescribeInstancesResponse", "html", "another document than AWS's"),
    ] {
        let body = FULL.replace(from, to);
        assert_ne!(body, FULL, "{from}");
        let error = ours(body.as_bytes()).unwrap_err();
        assert_eq!(error.why, why, "{to}");
        let offset = usize::try_from(error.offset).unwrap();
        let at = body.find(to).unwrap();
        assert!((at..at + to.len() + 60).contains(&offset), "{to} is at {at}: {error}");
    }
    for garbage in [&b"garbage"[..], b"", b"<html><body>busy</body></html>", b"\xff<"] {
        assert!(ours(garbage).is_err());
    }
    assert_eq!(
        ours(b"<html/>").unwrap_err().to_string(),
        "the answer cannot be read: another document than AWS's at byte 7"
    );
}

#[test]
fn a_success_is_kept_and_an_error_is_the_sdks() {
    let unread = Unread::default();
    let keeper = Keeper {
        sdk: sdk(),
        unread: unread.clone(),
    };
    let denied =
        b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>";
    let error = keeper.deserialize_nonstreaming_with_config(&answered(403, denied), &ConfigBag::base());
    let error = format!("{:?}", error.unwrap_err());
    assert!(error.contains("UnauthorizedOperation"), "{error}");
    assert_eq!(Err(error), of_the_sdk(403, denied));
    assert!(unread.take().is_none());

    let output = keeper.deserialize_nonstreaming_with_config(&answered(200, FULL.as_bytes()), &ConfigBag::base());
    let output: DescribeInstancesOutput = output.unwrap().downcast().unwrap();
    assert_eq!(output.reservations, None);
    assert_eq!(unread.take().unwrap().bytes(), Some(FULL.as_bytes()));
    assert!(unread.take().is_none());
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
        if let Ok(ours) = ours(&body) {
            prop_assert!(Some(ours) == of_sdk(&body), "{}", differing(&body));
        }
    }
}

/// However many instances an answer claims to have, memory is needed for no more than AWS gives.
#[test]
fn a_list_that_aws_never_gives_is_refused() {
    let answer = |instances: usize, tags: usize| {
        let tags = "<item/>".repeat(tags);
        let instances = format!("<item><tagSet>{tags}</tagSet></item>").repeat(instances);
        format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet>{instances}</instancesSet></item></reservationSet>\
             </DescribeInstancesResponse>"
        )
    };
    let read = |document: String| {
        let mut seen = 0;
        let read = super::read(document.as_bytes(), |reservation| {
            seen += reservation.instances.len();
            Ok::<_, Unreadable>(())
        });
        read.map(|_| seen).map_err(|error| error.to_string())
    };
    assert_eq!(read(answer(10_000, 0)), Ok(10_000));
    assert!(
        read(answer(10_001, 0))
            .unwrap_err()
            .contains("a list of more than 10000 items")
    );
    assert!(
        read(answer(101, 9_999))
            .unwrap_err()
            .contains("more than 1000000 items")
    );
}
