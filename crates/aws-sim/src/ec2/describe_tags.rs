//! DescribeTags, of instances, and all in one answer.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html>

use super::fleet::Fleet;
use super::tags;
use super::traits::Traits;
use super::{Ec2Call, envelope, filters};
use crate::failure::Failure;

pub(super) const PARAMETERS: &[&str] = &["DryRun", "Filter"];

/// What the tags of an instance take on the wire, about.
const BYTES: usize = 450;

pub(super) fn call(call: &Ec2Call<'_>) -> Result<String, Failure> {
    let filters = filters(call.params, &["resource-type"])?;
    let wanted = filters.iter().all(|(_, values)| values.contains(&"instance"));
    let fleet = Fleet::of(&call.world.estate, &call.caller.account, call.region);
    let count = if wanted { fleet.count() } else { 0 };
    Ok(envelope(call, "DescribeTags", count as usize * BYTES, |xml| {
        xml.element("tagSet", |xml| {
            for index in 0..count {
                let traits = Traits::of(&fleet, index);
                tags::each(&traits, |key, value| {
                    xml.element("item", |xml| {
                        xml.id("resourceId", "i-", traits.id);
                        xml.plain("resourceType", "instance");
                        tags::pair(xml, key, value);
                    });
                });
            }
        });
    }))
}
