//! Objects: put, got whole and in part, looked at, deleted.

use std::time::Duration;

use super::client::{Ask, Got};
use super::{World, simple};

const KEY: &str = "a b/ü+&'(1)=~.csv";

fn get(world: &World, headers: &[(&'static str, &str)]) -> Got {
    let ask = headers
        .iter()
        .fold(Ask::new("GET", "results", KEY), |ask, (name, value)| {
            ask.header(name, value)
        });
    ask.send(&world.sim, &world.keys)
}

#[tokio::test]
async fn what_is_put_is_got() {
    let world = simple().await;
    let (sim, keys) = (&world.sim, &world.keys);
    let put = Ask::new("PUT", "results", KEY)
        .header("content-type", "text/csv")
        .body("0123456789")
        .send(sim, keys);
    assert_eq!((put.status, put.text()), (200, ""));
    assert_eq!(sim.object("results", KEY).unwrap(), "0123456789");
    assert_eq!(sim.object_keys("results", "a b/"), [KEY]);

    sim.clock().advance(Duration::from_secs(60));
    let got = get(&world, &[]);
    assert_eq!((got.status, got.text()), (200, "0123456789"));
    assert_eq!(got.header("etag"), put.header("etag"));
    assert_eq!(got.header("last-modified"), "Fri, 15 Jan 2027 08:00:00 GMT");
    assert_eq!(got.header("content-type"), "text/csv");
    assert_eq!(got.header("accept-ranges"), "bytes");
    assert!(got.header("x-amz-request-id").len() == 16 && got.headers.contains_key("x-amz-id-2"));

    let head = Ask::new("HEAD", "results", KEY).send(sim, keys);
    assert_eq!(
        (head.status, head.body.len(), head.header("content-length")),
        (200, 0, "10")
    );
    assert_eq!(head.header("etag"), put.header("etag"));

    let deleted = Ask::new("DELETE", "results", KEY).send(sim, keys);
    assert_eq!((deleted.status, deleted.headers.get("content-length")), (204, None));
    assert_eq!(
        Ask::new("DELETE", "results", KEY).send(sim, keys).status,
        204,
        "no error, though it is gone"
    );
    let gone = get(&world, &[]);
    assert_eq!(gone.error(), (404, "NoSuchKey"));
    assert_eq!(gone.tag("Key"), "a b/ü+&amp;'(1)=~.csv");
    assert_eq!(gone.tag("RequestId"), gone.header("x-amz-request-id"));
    let head = Ask::new("HEAD", "results", KEY).send(sim, keys);
    assert_eq!((head.status, head.body.len()), (404, 0));
}

#[tokio::test]
async fn ranges() {
    let world = simple().await;
    world.sim.put_object("results", KEY, "0123456789").unwrap();
    for (range, body, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=7-1000", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
    ] {
        let got = get(&world, &[("range", range)]);
        assert_eq!(
            (got.status, got.text(), got.header("content-range")),
            (206, body, content_range)
        );
        let ask = Ask::new("HEAD", "results", KEY).header("range", range);
        let head = ask.send(&world.sim, &world.keys);
        assert_eq!(
            (head.status, head.header("content-length")),
            (206, got.header("content-length"))
        );
    }
    let beyond = get(&world, &[("range", "bytes=10-11")]);
    assert_eq!(beyond.error(), (416, "InvalidRange"));
    assert_eq!(
        (beyond.tag("RangeRequested"), beyond.tag("ActualObjectSize")),
        ("bytes=10-11", "10")
    );
    let odd = get(&world, &[("range", "bytes=5-2")]);
    assert_eq!((odd.status, odd.text()), (200, "0123456789"));
    let recorded = world.sim.calls_of("s3:GetObject");
    assert_eq!(recorded[1].parameter("Range"), Some("bytes=7-"));
    assert_eq!(
        (recorded[1].parameter("Bucket"), recorded[1].parameter("Key")),
        (Some("results"), Some(KEY))
    );
    assert_eq!(
        (recorded[1].status, recorded[4].error.as_deref()),
        (206, Some("InvalidRange"))
    );
}

#[tokio::test]
async fn an_object_that_changes_between_two_ranges() {
    let world = simple().await;
    world.sim.put_object("results", KEY, "old content").unwrap();
    let tag = get(&world, &[("range", "bytes=0-2")]).header("etag").to_owned();
    assert_eq!(
        get(&world, &[("range", "bytes=3-"), ("if-match", &tag)]).text(),
        " content"
    );
    assert_eq!(get(&world, &[("if-none-match", &tag)]).status, 304);
    world.sim.put_object("results", KEY, "new").unwrap();
    // The range is not satisfiable any more, but the condition goes first.
    let refused = get(&world, &[("range", "bytes=3-"), ("if-match", &tag)]);
    assert_eq!(
        (refused.error(), refused.tag("Condition")),
        ((412, "PreconditionFailed"), "If-Match")
    );
    assert_eq!(get(&world, &[("if-none-match", &tag)]).text(), "new");
}

#[tokio::test]
async fn what_is_not_simulated_is_refused() {
    let world = simple().await;
    world.sim.put_object("results", KEY, "x").unwrap();
    let asks = [
        Ask::new("GET", "results", KEY).query("partNumber", "1"),
        Ask::new("GET", "results", KEY).query("versionId", "v"),
        Ask::new("GET", "results", KEY).query("acl", ""),
        Ask::new("GET", "results", KEY).header("if-modified-since", "Fri, 15 Jan 2027 08:00:00 GMT"),
        Ask::new("PUT", "results", KEY).header("if-none-match", "*"),
        Ask::new("PUT", "results", KEY).header("x-amz-copy-source", "/results/other"),
        Ask::new("PUT", "results", KEY).header("x-amz-meta-author", "ann"),
        Ask::new("GET", "results", KEY).header("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        Ask::new("POST", "results", KEY).query("uploads", ""),
        Ask::new("GET", "results", ""),
        Ask::new("PUT", "results", ""),
        Ask::new("GET", "", ""),
    ];
    for ask in asks {
        assert_eq!(
            ask.send(&world.sim, &world.keys).error(),
            (501, "NotImplemented"),
            "{ask:?}"
        );
    }
    assert_eq!(world.sim.object("results", KEY).unwrap(), "x");
    let long = "k".repeat(1025);
    let refused = Ask::new("PUT", "results", &long).send(&world.sim, &world.keys);
    assert_eq!(refused.error(), (400, "KeyTooLongError"));
}

#[tokio::test]
async fn many_are_deleted_at_once() {
    let world = simple().await;
    for key in ["a", "b&c", "d"] {
        world.sim.put_object("results", key, "x").unwrap();
    }
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>b&amp;c</Key></Object>\
                <Object><Key>never</Key></Object></Delete>";
    let ask = Ask::new("POST", "results", "").query("delete", "").body(body);
    assert_eq!(
        ask.send(&world.sim, &world.keys).error(),
        (400, "InvalidRequest"),
        "no checksum"
    );
    let got = ask.clone().header("content-md5", "x").send(&world.sim, &world.keys);
    assert_eq!((got.status, got.all("Key")), (200, vec!["a", "b&amp;c", "never"]));
    assert_eq!(world.sim.object_keys("results", ""), ["d"]);
    let quiet = ask
        .header("content-md5", "x")
        .body("<Delete><Quiet>true</Quiet><Object><Key>d</Key></Object></Delete>");
    let got = quiet.send(&world.sim, &world.keys);
    assert_eq!((got.status, got.all("Key").len()), (200, 0));
    assert!(world.sim.object_keys("results", "").is_empty());
}
