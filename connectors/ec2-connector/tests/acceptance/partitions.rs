//! Regions, and partitions beside `aws`, as AWS's own table has them.

use std::collections::BTreeSet;

use auth_core::Partition;
use aws_sim::{Estate, Fault, Region, facts};
use serde_json::json;

use crate::harness::{Run, some, start};
use crate::world::*;

#[test]
fn the_table_of_partitions_is_that_of_aws() {
    let known: Vec<_> = Partition::all().iter().map(|partition| partition.name).collect();
    let told = some(facts::partitions());
    assert_eq!(known.len(), told.len(), "{known:?}");
    for theirs in told {
        let ours = Partition::named(theirs.id).unwrap();
        assert_eq!(ours.global_region, theirs.global_region, "{}", theirs.id);
        // Only regions of `aws` need an opt-in.
        let enabled = match theirs.id {
            "aws" => facts::default_regions(),
            _ => theirs.regions.clone(),
        };
        assert_eq!(ours.regions, enabled, "{}", theirs.id);
        let others = theirs.regions.iter().filter(|region| !enabled.contains(region));
        assert!(others.eq(ours.opt_in), "{}: {:?}", theirs.id, ours.opt_in);
        for region in some(theirs.regions) {
            assert_eq!(Partition::of_region(region), ours, "{region}");
        }
    }
}

/// Where no region is given, it is the main one of the roles' partition; and a region of another one is refused before anything
/// is sent.
#[test]
fn the_partition_of_the_roles_decides() {
    for partition in some(facts::partitions()) {
        let sim = start(estate());
        let chain = Estate::SUB_ACCOUNT_ROLE.replace("arn:aws:", &format!("arn:{}:", partition.id));
        let run = || Run::organization(&sim).params(json!({"sub_account_assume_role_arn_chain": [chain]}));
        let of_another = if partition.id == "aws-cn" {
            "us-gov-west-1"
        } else {
            "cn-north-1"
        };
        for region in [json!({"sts_region": of_another}), json!({"regions": [of_another]})] {
            let name = region.as_object().unwrap().keys().next().unwrap();
            let outcome = run().params(region.clone()).expect(2);
            outcome.says(&[&format!("error: {name}: {of_another} is a region of the partition")]);
            outcome.says(&[partition.global_region]);
        }
        run()
            .variable("AWS_REGION", of_another)
            .expect(2)
            .says(&["AWS_REGION, or the profile's region:"]);
        assert_eq!(sim.calls().len(), 0);
        run().verb("accounts").run();
        let first = sim.calls().remove(0);
        assert_eq!(first.region.as_deref(), Some(partition.global_region));
    }
}

#[test]
fn roles_of_two_partitions_are_refused() {
    let sim = start(one_account());
    let outcome = Run::keys(&sim)
        .params(json!({"master_assume_role_arn_chain": ["arn:aws:iam::111122223333:role/a", "arn:aws-cn:iam::111122223333:role/b"]}))
        .expect(2);
    outcome.says(&["roles of two partitions cannot be in one run"]);
    let outcome = Run::keys(&sim)
        .params(json!({"master_assume_role_arn_chain": ["arn:aws-moon:iam::111122223333:role/a"]}))
        .expect(2);
    outcome.says(&["the partition of arn:aws-moon:iam::111122223333:role/a is none of aws, aws-cn"]);
}

/// AWS Organizations is asked where its partition has it; and an account that does not tell its regions is asked for them, and
/// collected, in no other partition.
#[test]
fn no_partition_is_taken_for_another() {
    for partition in facts::partitions() {
        let homes = match partition.id {
            "aws" => vec!["us-east-1", "eu-west-3", "ap-east-1"],
            _ => partition.regions.clone(),
        };
        for home in some(homes) {
            let mut estate = estate();
            let regions = partition.regions.iter().copied();
            estate.organizations_region(None).regions(regions.map(Region::new));
            let sim = start(estate);
            sim.faults()
                .add(Fault::on("ec2:DescribeRegions").error(403, "UnauthorizedOperation", "not for you"));
            let chain = Estate::SUB_ACCOUNT_ROLE.replace("arn:aws:", &format!("arn:{}:", partition.id));
            Run::organization(&sim)
                .params(json!({"sts_region": home, "sub_account_assume_role_arn_chain": [chain]}))
                .expect(3);
            for call in some(sim.calls_of("organizations:*")) {
                assert_eq!(call.region.as_deref(), Some(partition.global_region), "{home}");
            }
            let asked: BTreeSet<_> = some(sim.calls_of("ec2:*"))
                .into_iter()
                .filter_map(|call| call.region)
                .collect();
            let others: Vec<_> = asked
                .iter()
                .filter(|name| !partition.regions.contains(&name.as_str()))
                .collect();
            assert!(others.is_empty(), "{home}: {others:?}");
        }
    }
}
