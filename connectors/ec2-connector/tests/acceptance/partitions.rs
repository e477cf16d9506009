//! Regions, and partitions beside `aws`, as AWS's own table has them.

use std::collections::BTreeSet;

use auth_core::regions::DEFAULT_REGIONS;
use aws_sim::{Fault, Region, facts};
use serde_json::json;

use crate::harness::{Run, some, start};
use crate::world::*;

#[test]
fn the_default_regions_are_those_that_aws_enables_by_default() {
    assert_eq!(DEFAULT_REGIONS[..], facts::default_regions());
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
            Run::organization(&sim).params(json!({"sts_region": home})).expect(3);
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
