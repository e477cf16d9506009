//! Regions and instances: pages, permissions, quotas, and what the XML says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use aws_sim::{Account, Clock, Estate, Pages, Quota, Region, Role, Scp, Sim};

use super::client::{self, Keys, MANAGEMENT, MEMBER, Reply, ec2};

const REGION: &str = "eu-central-1";

fn estate() -> Estate {
    let reader = Role::new("reader").trusting(MANAGEMENT);
    let mut estate = Estate::new(Account::new(MANAGEMENT).instances(REGION, 40));
    estate.regions([
        Region::new(REGION),
        Region::new("us-east-1"),
        Region::opt_in("ap-east-1"),
        Region::opt_in("me-south-1"),
    ]);
    let member = Account::new(MEMBER)
        .opt_in("ap-east-1")
        .instances(REGION, 1_234)
        .instances("ap-east-1", 3)
        .instances("me-south-1", 3)
        .role(reader.clone())
        .role(Role::new("blind").trusting(MANAGEMENT).deny("ec2:DescribeInstances"));
    estate.account(estate.root_id(), member);
    let bound = Account::new("333344445555")
        .role(reader)
        .scp(Scp::deny("ec2:*").in_regions(&["us-east-1"]))
        .scp(Scp::deny("ec2:DescribeInstances").in_regions(&[REGION]).encoded());
    estate.account(estate.root_id(), bound);
    estate.user(MANAGEMENT, "ann");
    estate
}

async fn started(estate: Estate) -> (Sim, Keys) {
    let keys = estate.access_key(MANAGEMENT, "ann").unwrap().clone().into();
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    (Sim::start(estate, clock).await.unwrap(), keys)
}

fn reader(sim: &Sim, keys: &Keys, account: &str) -> Keys {
    client::assume(sim, keys, &format!("arn:aws:iam::{account}:role/reader"))
}

/// The pages of a region, by number of instances.
fn pages(sim: &Sim, keys: &Keys, size: u32) -> Vec<Vec<String>> {
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let page = ec2(
            sim,
            keys,
            REGION,
            &format!("Action=DescribeInstances&MaxResults={size}{token}"),
        );
        assert_eq!(page.status, 200, "{}", page.body);
        pages.push(page.all("instanceId"));
        match page.tag("nextToken") {
            Some(next) => token = format!("&NextToken={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn the_regions_of_an_account() {
    let (sim, keys) = started(estate()).await;
    let member = reader(&sim, &keys, MEMBER);
    let regions = |keys: &Keys, rest: &str| -> Vec<(String, String)> {
        let reply = ec2(&sim, keys, REGION, &format!("Action=DescribeRegions{rest}"));
        reply
            .all("regionName")
            .into_iter()
            .zip(reply.all("optInStatus"))
            .collect()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, status)| ((*name).to_owned(), (*status).to_owned()))
            .collect()
    };
    let open = "opt-in-not-required";
    assert_eq!(regions(&keys, ""), pairs(&[(REGION, open), ("us-east-1", open)]));
    assert_eq!(
        regions(&member, "&AllRegions=true"),
        pairs(&[
            (REGION, open),
            ("us-east-1", open),
            ("ap-east-1", "opted-in"),
            ("me-south-1", "not-opted-in")
        ])
    );
    assert_eq!(
        regions(&member, "&RegionName.1=ap-east-1"),
        pairs(&[("ap-east-1", "opted-in")])
    );
    let filter = "&Filter.1.Name=opt-in-status&Filter.1.Value.1=opted-in";
    assert_eq!(regions(&member, filter), pairs(&[("ap-east-1", "opted-in")]));
    let unknown = ec2(&sim, &keys, REGION, "Action=DescribeRegions&RegionName.1=ap-east-1");
    assert_eq!(unknown.code(), "InvalidParameterValue");
    assert!(
        ec2(&sim, &keys, REGION, "Action=DescribeRegions")
            .body
            .contains("ec2.eu-central-1.amazonaws.com")
    );
}

#[tokio::test]
async fn pages_give_every_instance_once_and_in_order() {
    for empty_every in [None, Some(1), Some(3)] {
        let mut estate = estate();
        estate
            .pages(Pages {
                empty_every,
                ..Pages::default()
            })
            .ec2_quota(None);
        let (sim, keys) = started(estate).await;
        let member = reader(&sim, &keys, MEMBER);
        for size in [5, 100, 1_000] {
            let pages = pages(&sim, &member, size);
            assert!(pages.iter().all(|page| page.len() <= (size as usize).max(8)));
            assert_eq!(pages.iter().any(Vec::is_empty), empty_every.is_some());
            assert_eq!(pages.concat(), sim.expected_ids(MEMBER, REGION));
        }
    }
}

#[tokio::test]
async fn without_max_results_everything_comes_at_once() {
    let (sim, keys) = started(estate()).await;
    let all = ec2(&sim, &keys, REGION, "Action=DescribeInstances");
    assert_eq!((all.all("instanceId").len(), all.tag("nextToken")), (40, None));
    let none = ec2(&sim, &keys, "us-east-1", "Action=DescribeInstances");
    assert!(none.body.contains("<reservationSet></reservationSet>"), "{}", none.body);
}

#[tokio::test]
async fn parameters_that_are_wrong() {
    let (sim, keys) = started(estate()).await;
    let ids = sim.expected_ids(MANAGEMENT, REGION);
    let token = ec2(&sim, &keys, REGION, "Action=DescribeInstances&MaxResults=5")
        .tag("nextToken")
        .unwrap();
    let other = reader(&sim, &keys, MEMBER);
    let code = |keys: &Keys, rest: &str| ec2(&sim, keys, REGION, &format!("Action=DescribeInstances{rest}")).code();
    assert_eq!(code(&keys, "&MaxResults=4"), "InvalidParameterValue");
    assert_eq!(code(&keys, "&MaxResults=1001"), "InvalidParameterValue");
    assert_eq!(code(&keys, "&NextToken=forged"), "InvalidParameterValue");
    assert_eq!(
        code(&other, &format!("&MaxResults=5&NextToken={token}")),
        "InvalidParameterValue"
    );
    assert_eq!(
        code(&keys, &format!("&MaxResults=5&InstanceId.1={}", ids[0])),
        "InvalidParameterCombination"
    );
    assert_eq!(code(&keys, "&InstanceId.1=x"), "InvalidInstanceID.Malformed");
    assert_eq!(
        code(&keys, "&InstanceId.1=i-00000000000000000"),
        "InvalidInstanceID.NotFound"
    );
    assert_eq!(
        code(&keys, "&Filter.1.Name=vpc-id&Filter.1.Value.1=x"),
        "InvalidParameterValue"
    );
    assert_eq!(code(&keys, "&Colour=red"), "UnknownParameter");
    assert_eq!(code(&keys, "&DryRun=true"), "DryRunOperation");
    assert_eq!(
        ec2(&sim, &keys, REGION, "Action=TerminateInstances").code(),
        "InvalidAction"
    );
}

#[tokio::test]
async fn instances_by_id_and_by_state() {
    let (sim, keys) = started(estate()).await;
    let expected = sim.expected_instances(MANAGEMENT, REGION);
    let two = [&expected[30].instance_id, &expected[2].instance_id];
    let reply = ec2(
        &sim,
        &keys,
        REGION,
        &format!(
            "Action=DescribeInstances&InstanceId.1={}&InstanceId.2={}",
            two[0], two[1]
        ),
    );
    assert_eq!(
        reply.all("instanceId").iter().collect::<BTreeSet<_>>(),
        two.into_iter().collect()
    );
    let filter = "Action=DescribeInstances&Filter.1.Name=instance-state-name&Filter.1.Value.1=running";
    let running = ec2(&sim, &keys, REGION, filter).all("instanceId");
    assert_eq!(
        running.len(),
        expected.iter().filter(|instance| instance.state == "running").count()
    );
}

#[tokio::test]
async fn the_images_of_instances() {
    let (sim, keys) = started(estate()).await;
    let (mut ids, mut token) = (Vec::new(), String::new());
    loop {
        let form = format!("Action=DescribeInstanceImageMetadata&MaxResults=15{token}");
        let page = ec2(&sim, &keys, REGION, &form);
        assert_eq!(page.all("imageId").len(), page.all("instanceId").len(), "{}", page.body);
        ids.extend(page.all("instanceId"));
        match page.tag("nextToken") {
            Some(next) => token = format!("&NextToken={next}"),
            None => break,
        }
    }
    assert_eq!(ids, sim.expected_ids(MANAGEMENT, REGION));
    let of = |action: &str| {
        let reply = ec2(&sim, &keys, REGION, &format!("Action={action}&InstanceId.1={}", ids[7]));
        (reply.all("imageId"), reply.tag("instanceState"))
    };
    assert_eq!(of("DescribeInstances"), of("DescribeInstanceImageMetadata"));
}

#[tokio::test]
async fn tags_are_those_of_the_instances() {
    let (sim, keys) = started(estate()).await;
    let mut expected = Vec::new();
    for instance in sim.expected_instances(MANAGEMENT, REGION) {
        for (key, _) in &instance.tags {
            expected.push((instance.instance_id.clone(), key.clone()));
        }
    }
    assert!(!expected.is_empty());
    let of = |values: &str| {
        let form = format!("Action=DescribeTags&Filter.1.Name=resource-type&Filter.1.Value.1={values}");
        let reply = ec2(&sim, &keys, REGION, &form);
        assert_eq!(reply.status, 200, "{}", reply.body);
        let keys = reply.all("key").into_iter().map(|key| key.replace("&quot;", "\""));
        reply.all("resourceId").into_iter().zip(keys).collect::<Vec<_>>()
    };
    assert_eq!(of("instance"), expected);
    assert_eq!(of("volume"), []);
    let paged = ec2(&sim, &keys, REGION, "Action=DescribeTags&MaxResults=5");
    assert_eq!(paged.status, 400, "what is not simulated is refused");
}

#[tokio::test]
async fn the_answer_says_what_is_expected() {
    let (sim, keys) = started(estate()).await;
    let member = reader(&sim, &keys, MEMBER);
    let reply = ec2(&sim, &member, REGION, "Action=DescribeInstances");
    let expected = sim.expected_instances(MEMBER, REGION);
    let instances: Vec<Reply> = reply
        .body
        .split("<item><instanceId>")
        .skip(1)
        .map(|text| Reply {
            status: 200,
            headers: BTreeMap::new(),
            body: format!("<instanceId>{text}"),
        })
        .collect();
    assert_eq!(instances.len(), expected.len());
    for (instance, expected) in instances.iter().zip(&expected) {
        assert_eq!(instance.tag("instanceId").as_ref(), Some(&expected.instance_id));
        assert!(
            instance
                .tag("instanceState")
                .unwrap()
                .contains(&format!("<name>{}</name>", expected.state))
        );
        assert_eq!(instance.tag("instanceType").unwrap(), expected.instance_type);
        assert_eq!(instance.tag("platform").is_some(), expected.windows);
        assert_eq!(instance.tag("instanceLifecycle").as_deref(), expected.lifecycle);
        assert_eq!(instance.tag("ipAddress"), expected.public_ip);
        assert_eq!(instance.tag("privateIpAddress"), expected.private_ip);
        let tags = instance.tag("tagSet").map_or(0, |tags| tags.matches("<key>").count());
        assert_eq!(tags, expected.tags.len());
    }
}

#[tokio::test]
async fn a_region_that_is_not_enabled() {
    let (sim, keys) = started(estate()).await;
    let member = reader(&sim, &keys, MEMBER);
    let ask = |keys: &Keys, region: &str| ec2(&sim, keys, region, "Action=DescribeInstances").error();
    let refused = (
        401,
        "AuthFailure".to_owned(),
        "AWS was not able to validate the provided access credentials".to_owned(),
    );
    assert_eq!(ask(&keys, "ap-east-1"), refused);
    assert_eq!(ask(&member, "ap-east-1").0, 200);
    assert_eq!(ask(&member, "me-south-1"), refused);
    assert_eq!(ask(&member, "mars-north-1"), refused);
    assert!(sim.expected_ids(MEMBER, "me-south-1").is_empty());
}

#[tokio::test]
async fn denials_by_identity_and_by_organization() {
    let (sim, keys) = started(estate()).await;
    let blind = client::assume(&sim, &keys, &format!("arn:aws:iam::{MEMBER}:role/blind"));
    let (status, code, message) = ec2(&sim, &blind, REGION, "Action=DescribeInstances").error();
    assert_eq!((status, code.as_str()), (403, "UnauthorizedOperation"));
    assert_eq!(
        message,
        format!(
            "You are not authorized to perform this operation. User: arn:aws:sts::{MEMBER}:assumed-role/blind/it is not \
             authorized to perform: ec2:DescribeInstances because no identity-based policy allows the \
             ec2:DescribeInstances action"
        )
    );
    assert_eq!(ec2(&sim, &blind, REGION, "Action=DescribeRegions").status, 200);

    let bound = reader(&sim, &keys, "333344445555");
    let message = |region: &str, action: &str| ec2(&sim, &bound, region, &format!("Action={action}")).error().2;
    assert!(message("us-east-1", "DescribeRegions").ends_with("with an explicit deny in a service control policy"));
    assert!(message(REGION, "DescribeInstances").contains("policy. Encoded authorization failure message: "));
    assert_eq!(message(REGION, "DescribeRegions"), "");
}

#[tokio::test]
async fn the_quota_is_per_account_and_region_and_fills_with_the_clock() {
    let mut estate = estate();
    estate.ec2_quota(Some(Quota {
        burst: 3.0,
        per_second: 1.0,
    }));
    let (sim, keys) = started(estate).await;
    let member = reader(&sim, &keys, MEMBER);
    let ask = |keys: &Keys, region: &str| ec2(&sim, keys, region, "Action=DescribeRegions").status;
    assert_eq!([(); 4].map(|()| ask(&keys, REGION)), [200, 200, 200, 503]);
    let throttled = ec2(&sim, &keys, REGION, "Action=DescribeRegions").error();
    assert_eq!(
        throttled,
        (
            503,
            "RequestLimitExceeded".to_owned(),
            "Request limit exceeded.".to_owned()
        )
    );
    assert_eq!([ask(&keys, "us-east-1"), ask(&member, REGION)], [200, 200]);
    sim.clock().advance(Duration::from_secs(2));
    assert_eq!([(); 3].map(|()| ask(&keys, REGION)), [200, 200, 503]);
}
