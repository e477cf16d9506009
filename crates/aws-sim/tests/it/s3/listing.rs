//! ListObjectsV2, page by page.

use super::client::{Ask, Got};
use super::{World, simple};

fn list(world: &World, query: &[(&'static str, &str)]) -> Got {
    let ask = Ask::new("GET", "results", "").query("list-type", "2");
    let ask = query.iter().fold(ask, |ask, (name, value)| ask.query(name, value));
    ask.send(&world.sim, &world.keys)
}

#[tokio::test]
async fn a_thousand_keys_a_page() {
    let world = simple().await;
    let keys: Vec<String> = (0..2001).map(|number| format!("p/{number:05}")).collect();
    for key in &keys {
        world.sim.put_object("results", key, "x").unwrap();
    }
    world.sim.put_object("results", "q", "x").unwrap();
    let (mut listed, mut token, mut pages) = (Vec::new(), None::<String>, Vec::new());
    loop {
        let mut query = vec![("prefix", "p/"), ("max-keys", "5000")];
        query.extend(token.as_deref().map(|token| ("continuation-token", token)));
        let page = list(&world, &query);
        assert_eq!(
            (page.status, page.tag("MaxKeys"), page.tag("Name")),
            (200, "1000", "results")
        );
        listed.extend(page.all("Key").into_iter().map(str::to_owned));
        pages.push(page.tag("KeyCount").to_owned());
        // A key that comes up before those that were listed moves nothing.
        world.sim.put_object("results", "p/", "before all").unwrap();
        assert_eq!(
            page.tag("IsTruncated") == "true",
            page.text().contains("<NextContinuationToken>")
        );
        if page.tag("IsTruncated") == "false" {
            break;
        }
        token = Some(page.tag("NextContinuationToken").to_owned());
    }
    assert_eq!(listed, keys);
    assert_eq!(pages, ["1000", "1000", "1"]);

    let token = token.unwrap();
    for query in [
        [("prefix", "q"), ("continuation-token", token.as_str())],
        [("prefix", "p/"), ("continuation-token", "made-up")],
    ] {
        let refused = list(&world, &query);
        assert_eq!(
            (refused.error(), refused.tag("ArgumentName")),
            ((400, "InvalidArgument"), "continuation-token")
        );
    }
}

#[tokio::test]
async fn what_an_entry_says_and_how_names_are_encoded() {
    let world = simple().await;
    world.sim.put_object("results", "a/ü &+.csv", "12345").unwrap();
    world.sim.put_object("results", "b", "").unwrap();
    let plain = list(&world, &[("max-keys", "1")]);
    assert_eq!((plain.tag("Key"), plain.tag("Size")), ("a/ü &amp;+.csv", "5"));
    assert_eq!(plain.tag("LastModified"), "2027-01-15T08:00:00.000Z");
    assert_eq!(plain.tag("StorageClass"), "STANDARD");
    assert!(plain.tag("ETag").starts_with("&quot;"));
    let encoded = list(&world, &[("encoding-type", "url"), ("prefix", "a/ü ")]);
    assert_eq!(
        (encoded.tag("Key"), encoded.tag("Prefix")),
        ("a/%C3%BC%20%26%2B.csv", "a/%C3%BC%20")
    );

    let folders = list(&world, &[("delimiter", "/")]);
    assert_eq!((folders.all("Key"), folders.tag("KeyCount")), (vec!["b"], "2"));
    assert!(
        folders
            .text()
            .contains("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>")
    );
    assert_eq!(
        list(&world, &[("start-after", "a/z")]).all("Key").len(),
        2,
        "by bytes, z stands before ü"
    );
    assert_eq!(list(&world, &[("start-after", "a/\u{fc}!")]).all("Key"), ["b"]);

    assert_eq!(list(&world, &[("max-keys", "-1")]).error(), (400, "InvalidArgument"));
    let nothing = list(&world, &[("max-keys", "0")]);
    assert_eq!((nothing.tag("KeyCount"), nothing.tag("IsTruncated")), ("0", "false"));
    assert_eq!(
        list(&world, &[("fetch-owner", "true")]).error(),
        (501, "NotImplemented")
    );
}
