//! Who may do what, whose bucket it is, and where.

use std::time::Duration;

use aws_sim::{Account, Bucket, Scp};

use super::client::{Ask, Got};
use super::{World, simple, started};
use crate::client::{Keys, MANAGEMENT, MEMBER};

const OUTSIDER: &str = "999999999999";

fn get(world: &World, keys: &Keys) -> Got {
    Ask::new("GET", "results", "k").send(&world.sim, keys)
}

fn put(world: &World, keys: &Keys) -> Got {
    Ask::new("PUT", "results", "k").body("x").send(&world.sim, keys)
}

fn list(world: &World, keys: &Keys) -> Got {
    Ask::new("GET", "results", "")
        .query("list-type", "2")
        .send(&world.sim, keys)
}

fn session(world: &World, role: &str) -> Keys {
    let role = format!("arn:aws:iam::{MEMBER}:role/{role}");
    let session = world.sim.role_session(&role, "it", Duration::from_secs(3600)).unwrap();
    Keys {
        id: session.access_key_id,
        secret: session.secret_access_key,
        token: Some(session.session_token),
    }
}

#[tokio::test]
async fn another_account_needs_the_buckets_policy() {
    let world = simple().await;
    let refused = put(&world, &world.stranger);
    assert_eq!(refused.error(), (403, "AccessDenied"));
    assert_eq!(
        refused.tag("Message"),
        "User: arn:aws:iam::111122223333:user/bob is not authorized to perform: s3:PutObject on resource: \
         &quot;arn:aws:s3:::results/k&quot; because no resource-based policy allows the s3:PutObject action"
    );
    assert_eq!(world.sim.object("results", "k"), None);
    assert_eq!(list(&world, &world.stranger).error(), (403, "AccessDenied"));
    assert_eq!(
        Ask::new("HEAD", "results", "k")
            .send(&world.sim, &world.stranger)
            .status,
        403
    );

    let world = started(|estate, bucket| {
        estate.bucket(bucket.shared_with(MANAGEMENT).denying(MEMBER, "s3:DeleteObject"));
    })
    .await;
    assert_eq!(put(&world, &world.stranger).status, 200);
    assert_eq!(list(&world, &world.stranger).all("Key"), ["k"]);
    let refused = Ask::new("DELETE", "results", "k").send(&world.sim, &world.keys);
    assert!(
        refused
            .tag("Message")
            .ends_with("with an explicit deny in a resource-based policy")
    );
    let body = "<Delete><Object><Key>k</Key></Object></Delete>";
    let ask = Ask::new("POST", "results", "")
        .query("delete", "")
        .header("content-md5", "x")
        .body(body);
    let each = ask.send(&world.sim, &world.keys);
    assert_eq!(
        (each.status, each.tag("Code"), each.tag("Key")),
        (200, "AccessDenied", "k")
    );
    assert_eq!(ask.send(&world.sim, &world.stranger).all("Deleted").len(), 1);
}

#[tokio::test]
async fn who_is_of_another_organization_is_not_told_why() {
    let mut keys = None;
    let world = started(|estate, bucket| {
        estate.account_outside(Account::new(OUTSIDER));
        keys = Some(estate.user(OUTSIDER, "eve").into());
        estate.bucket(bucket);
    })
    .await;
    assert_eq!(get(&world, &keys.unwrap()).tag("Message"), "Access Denied");
}

#[tokio::test]
async fn what_the_callers_own_policies_say() {
    let world = started(|estate, bucket| {
        estate.bucket(bucket.object("k", "x"));
    })
    .await;
    let refused = get(&world, &session(&world, "blind"));
    assert_eq!(
        refused.tag("Message"),
        "User: arn:aws:sts::222233334444:assumed-role/blind/it is not authorized to perform: s3:GetObject on resource: \
         &quot;arn:aws:s3:::results/k&quot; because no identity-based policy allows the s3:GetObject action"
    );
    // Without the right to list, what is missing looks like what is forbidden.
    let no_lister = session(&world, "no-lister");
    assert_eq!(get(&world, &no_lister).status, 200);
    let missing = Ask::new("GET", "results", "missing").send(&world.sim, &no_lister);
    assert_eq!(missing.error(), (403, "AccessDenied"));
    assert!(
        missing
            .tag("Message")
            .contains("s3:ListBucket on resource: &quot;arn:aws:s3:::results&quot; because")
    );

    let world = started(|estate, bucket| {
        estate.bucket(bucket.object("k", "x"));
        estate.change_account(MEMBER, |account| {
            account.scp(Scp::deny("s3:Get*").in_regions(&["eu-central-1"]))
        });
    })
    .await;
    let refused = get(&world, &world.keys);
    assert!(
        refused
            .tag("Message")
            .ends_with("with an explicit deny in a service control policy")
    );
    assert_eq!(put(&world, &world.keys).status, 200);
}

#[tokio::test]
async fn the_owner_that_is_expected() {
    let world = started(|estate, bucket| {
        estate.bucket(bucket.object("k", "x").shared_with_everyone());
    })
    .await;
    let expecting = |owner: &str| {
        let ask = Ask::new("GET", "results", "k").header("x-amz-expected-bucket-owner", owner);
        ask.send(&world.sim, &world.stranger)
    };
    assert_eq!(expecting(MEMBER).status, 200);
    let refused = expecting(MANAGEMENT);
    assert_eq!(
        (refused.error(), refused.tag("Message")),
        ((403, "AccessDenied"), "Access Denied")
    );
    assert_eq!(expecting("me").error(), (400, "InvalidBucketOwnerAWSAccountID"));
}

#[tokio::test]
async fn a_bucket_in_another_region() {
    let world = started(|estate, bucket| {
        estate.bucket(bucket.object("k", "x"));
        estate.bucket(
            Bucket::new("strict")
                .owner(MEMBER)
                .region("eu-west-1")
                .reached_at_its_region(),
        );
        estate.bucket(Bucket::new("old").owner(MEMBER));
    })
    .await;
    let ask = |method: &'static str, bucket: &str, key: &str, region: &'static str| {
        Ask::new(method, bucket, key)
            .region(region)
            .send(&world.sim, &world.keys)
    };
    let redirect = ask("GET", "results", "k", "eu-west-1");
    assert_eq!(redirect.error(), (301, "PermanentRedirect"));
    assert_eq!(
        (
            redirect.tag("Endpoint"),
            redirect.tag("Bucket"),
            redirect.header("x-amz-bucket-region")
        ),
        ("s3.eu-central-1.amazonaws.com", "results", "eu-central-1")
    );
    let malformed = ask("GET", "strict", "k", "us-east-1");
    assert_eq!(malformed.error(), (400, "AuthorizationHeaderMalformed"));
    assert_eq!(
        (malformed.tag("Region"), malformed.tag("Message")),
        (
            "eu-west-1",
            "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'"
        )
    );

    for (bucket, region, status) in [
        ("results", "eu-central-1", 200),
        ("results", "us-east-1", 301),
        ("strict", "us-east-1", 400),
    ] {
        let head = ask("HEAD", bucket, "", region);
        assert_eq!((head.status, head.body.len()), (status, 0), "{bucket}");
        assert!(head.header("x-amz-bucket-region").starts_with("eu-"));
    }
    let denied = Ask::new("HEAD", "results", "").send(&world.sim, &world.stranger);
    assert_eq!(
        (denied.status, denied.header("x-amz-bucket-region")),
        (403, "eu-central-1")
    );
    assert_eq!(ask("HEAD", "nowhere", "", "us-east-1").status, 404);

    let location = |bucket: &str, region: &'static str| {
        Ask::new("GET", bucket, "")
            .query("location", "")
            .region(region)
            .send(&world.sim, &world.keys)
    };
    assert!(
        location("results", "us-east-1")
            .text()
            .ends_with(">eu-central-1</LocationConstraint>")
    );
    assert!(
        location("old", "us-east-1").text().ends_with("/\"/>"),
        "us-east-1 is told by silence"
    );
    assert_eq!(location("results", "eu-west-1").error(), (301, "PermanentRedirect"));
    let missing = ask("GET", "nowhere", "k", "eu-central-1");
    assert_eq!(
        (missing.error(), missing.tag("BucketName")),
        ((404, "NoSuchBucket"), "nowhere")
    );
}
