//! DescribeInstances: reservations with their instances.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

use super::fleet::Fleet;
use super::selection::select;
use super::traits::Traits;
use super::{Ec2Call, envelope, instance_xml};
use crate::failure::Failure;

pub(super) const PARAMETERS: &[&str] = &[
    "InstanceId",
    "IncludeManagedResources",
    "MaxResults",
    "NextToken",
    "DryRun",
    "Filter",
];

/// What an instance takes on the wire, about.
const BYTES: usize = 5_600;

pub(super) fn call(call: &Ec2Call<'_>) -> Result<String, Failure> {
    let fleet = Fleet::of(&call.world.estate, &call.caller.account, call.region);
    let mut selection = select(call, "DescribeInstances", &fleet)?;
    if fleet.hides_managed && call.params.get("IncludeManagedResources") != Some("true") {
        selection.indexes.retain(|index| !Traits::of(&fleet, *index).hidden);
    }
    let capacity = selection.indexes.len() * BYTES;
    Ok(envelope(call, "DescribeInstances", capacity, |xml| {
        xml.element("reservationSet", |xml| {
            let together = |a: &u32, b: &u32| fleet.reservation_start(*a) == fleet.reservation_start(*b);
            for members in selection.indexes.chunk_by(together) {
                instance_xml::reservation(xml, &fleet, fleet.reservation_start(members[0]), members);
            }
        });
        if let Some(next) = &selection.next {
            xml.text("nextToken", next);
        }
    }))
}
