//! How S3 refuses a signature, in its own words, and which it takes.

use std::time::Duration;

use super::client::{Ask, Got};
use super::{World, simple};
use crate::client::{self, Keys};

fn ask<'a>() -> Ask<'a> {
    Ask::new("PUT", "results", "k").body("x")
}

fn send(world: &World, ask: &Ask<'_>) -> Got {
    ask.send(&world.sim, &world.keys)
}

#[tokio::test]
async fn unknown_keys_wrong_secrets_and_tokens() {
    let world = simple().await;
    let unknown = Keys {
        id: "AKIAAAAAAAAAAAAAAAAA".to_owned(),
        ..world.keys.clone()
    };
    let refused = ask().send(&world.sim, &unknown);
    assert_eq!(refused.error(), (403, "InvalidAccessKeyId"));
    assert_eq!(refused.tag("AWSAccessKeyId"), unknown.id);
    let wrong = Keys {
        secret: "wrong".to_owned(),
        ..world.keys.clone()
    };
    assert_eq!(ask().send(&world.sim, &wrong).error(), (403, "SignatureDoesNotMatch"));

    let keys = &world.keys;
    let session = client::sts(&world.sim, keys, "Action=GetSessionToken&DurationSeconds=900").keys();
    assert_eq!(ask().send(&world.sim, &session).status, 200);
    let token = |token: Option<&str>| Keys {
        token: token.map(str::to_owned),
        ..session.clone()
    };
    assert_eq!(
        ask().send(&world.sim, &token(None)).error(),
        (403, "InvalidAccessKeyId")
    );
    assert_eq!(ask().send(&world.sim, &token(Some("x"))).error(), (400, "InvalidToken"));
    world.sim.clock().advance(Duration::from_secs(900));
    let expired = ask().send(&world.sim, &session);
    assert_eq!(
        (expired.error(), expired.tag("Message")),
        ((400, "ExpiredToken"), "The provided token has expired.")
    );
}

#[tokio::test]
async fn a_quarter_of_an_hour_and_no_more() {
    let world = simple().await;
    let skewed = |skew| send(&world, &Ask { skew, ..ask() });
    assert_eq!([skewed(899).status, skewed(-899).status], [200, 200]);
    let refused = skewed(-901);
    assert_eq!(refused.error(), (403, "RequestTimeTooSkewed"));
    assert_eq!(
        (
            refused.tag("RequestTime"),
            refused.tag("ServerTime"),
            refused.tag("MaxAllowedSkewMilliseconds")
        ),
        ("20270115T074459Z", "2027-01-15T08:00:00Z", "900000")
    );
    assert_eq!(skewed(901).error(), (403, "RequestTimeTooSkewed"));
}

#[tokio::test]
async fn what_is_said_of_the_body() {
    let world = simple().await;
    let said = |payload| {
        send(
            &world,
            &Ask {
                payload: Some(payload),
                ..ask()
            },
        )
    };
    assert_eq!(said("UNSIGNED-PAYLOAD").status, 200);
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let refused = said(of_nothing);
    assert_eq!(refused.error(), (400, "XAmzContentSHA256Mismatch"));
    assert_eq!(
        refused.tag("S3ComputedContentSHA256"),
        client::hex(&client::sha256(b"x"))
    );
    let refused = said("");
    assert_eq!(
        (refused.error(), refused.tag("Message")),
        (
            (400, "InvalidRequest"),
            "Missing required header for this request: x-amz-content-sha256"
        )
    );
    assert_eq!(said("sha").error(), (400, "InvalidArgument"));
    assert_eq!(
        said("STREAMING-UNSIGNED-PAYLOAD-TRAILER").error(),
        (501, "NotImplemented")
    );
}

/// Other services encode the path of a request a second time before it is signed; S3 does not.
#[tokio::test]
async fn the_path_is_encoded_once() {
    let world = simple().await;
    let mut ask = ask();
    ask.path = "/results/a%20b".to_owned();
    assert_eq!(send(&world, &ask).status, 200);
    assert!(world.sim.object("results", "a b").is_some());
    ask.path = "/results/a%2520b".to_owned();
    assert_eq!(send(&world, &ask).status, 200);
    assert!(world.sim.object("results", "a%20b").is_some());
}

#[tokio::test]
async fn without_a_signature() {
    let world = simple().await;
    world.sim.put_object("results", "k", "x").unwrap();
    for (method, path) in [
        ("GET", "/results/k"),
        ("PUT", "/results/k"),
        ("POST", "/results?delete"),
    ] {
        let reply = client::send(&world.sim, method, path, &[], "").unwrap();
        assert_eq!(
            reply.error(),
            (403, "AccessDenied".to_owned(), "Access Denied".to_owned()),
            "{method}"
        );
    }
    assert_eq!(world.sim.counts()["s3:GetObject"], 1);
}

/// The bucket's name in the host, as clients do where the endpoint has a name.
#[tokio::test]
async fn a_virtual_host() {
    let world = simple().await;
    world.sim.put_object("results", "k", "x").unwrap();
    for host in ["results.s3.eu-central-1.amazonaws.com", "results.localhost:4566"] {
        let mut ask = Ask::new("GET", "", "").header("host", host);
        ask.path = "/k".to_owned();
        assert_eq!(send(&world, &ask).text(), "x", "{host}");
    }
}
