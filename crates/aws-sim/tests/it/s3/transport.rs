//! How answers travel: large ones without copies, and whatever can happen to them on the way.

use std::io::{self, ErrorKind, Read as _};
use std::time::{Duration, Instant};

use aws_sim::{Action, Fault};

use super::client::{Ask, read_answer};
use super::{World, simple, started};
use crate::client::{Signing, signed};

const SIZE: usize = 8 << 20;

async fn with_object() -> World {
    let world = simple().await;
    let body: Vec<u8> = (0..SIZE).map(|at| (at / 251) as u8).collect();
    world.sim.put_object("results", "big", body).unwrap();
    world
}

fn get<'a>() -> Ask<'a> {
    Ask::new("GET", "results", "big")
}

fn fault(world: &World, action: Action) {
    world.sim.faults().add(Fault::on("s3:GetObject").then(action).first(1));
}

#[tokio::test]
async fn a_large_object_arrives_as_it_is() {
    let world = with_object().await;
    let stored = world.sim.object("results", "big").unwrap();
    assert!(get().send(&world.sim, &world.keys).body == stored);
    let range = get()
        .header("range", "bytes=1000000-6000000")
        .send(&world.sim, &world.keys);
    assert!(range.body == stored[1_000_000..=6_000_000]);
    assert_eq!(
        world.sim.object("results", "big").unwrap().as_ptr(),
        stored.as_ptr(),
        "handles on the same bytes"
    );
}

#[tokio::test]
async fn a_body_that_is_cut() {
    let world = with_object().await;
    let stored = world.sim.object("results", "big").unwrap();
    for (action, sent, how) in [
        (Action::Truncate, SIZE / 2, ErrorKind::UnexpectedEof),
        (Action::TruncateAfter(3_000_001), 3_000_001, ErrorKind::UnexpectedEof),
        (Action::TruncateAfter(0), 0, ErrorKind::UnexpectedEof),
        (Action::ResetAfter(3_000_001), 3_000_001, ErrorKind::ConnectionReset),
    ] {
        fault(&world, action.clone());
        let mut stream = get().open(&world.sim, &world.keys).unwrap();
        let got = read_answer(&mut stream, "GET").unwrap();
        assert_eq!(
            (got.status, got.broken, got.header("content-length")),
            (200, Some(how), "8388608"),
            "{action:?}"
        );
        assert!(stored.starts_with(&got.body), "{action:?}");
        // After a reset, what was under way may be lost.
        if how == ErrorKind::UnexpectedEof {
            assert_eq!(got.body.len(), sent);
        } else {
            assert!(got.body.len() <= sent);
        }
    }
    fault(&world, Action::ResetAfter(100));
    let short = get()
        .header("range", "bytes=0-99")
        .try_send(&world.sim, &world.keys)
        .unwrap();
    assert_eq!(
        (short.status, short.body.len()),
        (206, 100),
        "no longer than that: whole"
    );
    assert_eq!(
        world
            .sim
            .calls_of("s3:GetObject")
            .iter()
            .filter(|call| call.status == 200)
            .count(),
        4
    );
}

#[tokio::test]
async fn a_body_that_stops_coming() {
    let world = with_object().await;
    fault(&world, Action::HangAfter(2_000_000));
    let mut stream = get().open(&world.sim, &world.keys).unwrap();
    let mut received = vec![0; 2_000_000];
    stream.read_exact(&mut received).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let rest = io::Read::by_ref(&mut stream)
        .take(SIZE as u64)
        .read_to_end(&mut received);
    assert_eq!(rest.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(
        (2_000_000..2_001_000).contains(&received.len()),
        "the head and the part: {}",
        received.len()
    );
    drop(stream);
    assert_eq!(get().send(&world.sim, &world.keys).status, 200, "others are served");
}

#[tokio::test]
async fn bodies_at_a_pace() {
    let world = started(|estate, bucket| {
        estate
            .bucket(bucket.object("k", vec![1; 200_000]))
            .s3_throughput(Some(2_000_000));
    })
    .await;
    let ask = Ask::new("GET", "results", "k");
    let start = Instant::now();
    assert_eq!(ask.send(&world.sim, &world.keys).body.len(), 200_000);
    assert!(start.elapsed() >= Duration::from_millis(100));
    world
        .sim
        .faults()
        .add(Fault::on("s3:*").then(Action::Slow(1_000_000)).first(1));
    let start = Instant::now();
    ask.send(&world.sim, &world.keys);
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn errors_in_the_form_of_s3() {
    let world = with_object().await;
    fault(&world, Action::Throttle);
    let slow = get().send(&world.sim, &world.keys);
    assert_eq!(
        (slow.error(), slow.tag("Message")),
        ((503, "SlowDown"), "Please reduce your request rate.")
    );
    world.sim.faults().add(
        Fault::on("s3:GetObject")
            .parameter("Range", "bytes=5-9")
            .error(
                500,
                "InternalError",
                "We encountered an internal error. Please try again.",
            )
            .first(1),
    );
    let range = get().header("range", "bytes=5-9");
    assert_eq!(get().send(&world.sim, &world.keys).status, 200);
    assert_eq!(range.send(&world.sim, &world.keys).error(), (500, "InternalError"));
    assert_eq!(range.send(&world.sim, &world.keys).status, 206);
}

#[tokio::test]
async fn an_answer_that_is_lost_although_the_call_was_served() {
    let world = simple().await;
    let put = Ask::new("PUT", "results", "k").body("x");
    world
        .sim
        .faults()
        .add(Fault::on("s3:PutObject").then(Action::LoseAnswer).first(1));
    assert_eq!(
        put.try_send(&world.sim, &world.keys).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(world.sim.object("results", "k").unwrap(), "x");
    let call = &world.sim.calls_of("s3:PutObject")[0];
    assert_eq!((call.status, call.error.as_deref()), (0, Some("fault")));

    // The same for a service that answers with a document: the session is there, though nobody got it.
    world
        .sim
        .faults()
        .add(Fault::on("sts:*").then(Action::LoseAnswer).first(1));
    let before = world.sim.secrets().len();
    let form = "Action=GetSessionToken&Version=2011-06-15";
    let lost = signed(
        &world.sim,
        &world.keys,
        "sts",
        "us-east-1",
        None,
        form,
        &Signing::default(),
    );
    assert_eq!(lost.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(world.sim.secrets().len() > before);
}
