//! DescribeInstanceImageMetadata: the images that instances were launched from, as far as they can still be named.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceImageMetadata.html>

use super::fleet::Fleet;
use super::network_xml::operator;
use super::selection::select;
use super::traits::Traits;
use super::{Ec2Call, envelope, instance_xml};
use crate::failure::Failure;
use crate::xml::Xml;

pub(super) const PARAMETERS: &[&str] = &["InstanceId", "MaxResults", "NextToken", "DryRun", "Filter"];

const BYTES: usize = 1_200;

/// Name, owner (none: the account itself), alias, public, state.
const IMAGES: [(&str, &str, &str, bool, &str); 4] = [
    (
        "al2023-ami-2023.6.20250115.0-kernel-6.1-x86_64",
        "137112412989",
        "amazon",
        true,
        "available",
    ),
    (
        "Windows_Server-2022-English-Full-Base-2025.01.15",
        "801119661308",
        "amazon",
        true,
        "deregistered",
    ),
    ("golden/\"web\", v1.2 (Köln)", "", "", false, "available"),
    (
        "vendor appliance; 7.1",
        "679593333241",
        "aws-marketplace",
        true,
        "available",
    ),
];

pub(super) fn call(call: &Ec2Call<'_>) -> Result<String, Failure> {
    let fleet = Fleet::of(&call.world.estate, &call.caller.account, call.region);
    let selection = select(call, "DescribeInstanceImageMetadata", &fleet)?;
    let capacity = selection.indexes.len() * BYTES;
    Ok(envelope(call, "DescribeInstanceImageMetadata", capacity, |xml| {
        xml.element("instanceImageMetadataSet", |xml| {
            for index in &selection.indexes {
                xml.element("item", |xml| instance(xml, &fleet, &Traits::of(&fleet, *index)));
            }
        });
        if let Some(next) = &selection.next {
            xml.text("nextToken", next);
        }
    }))
}

fn instance(xml: &mut Xml, fleet: &Fleet, traits: &Traits) {
    xml.id("instanceId", "i-", traits.id);
    xml.plain("instanceType", traits.kind.name);
    xml.time("launchTime", traits.launched);
    instance_xml::zone(xml, "availabilityZone", fleet, traits);
    instance_xml::zone_id(xml, "zoneId", fleet, traits);
    instance_xml::state(xml, traits);
    xml.plain("instanceOwnerId", &fleet.account);
    instance_xml::tag_set(xml, traits);
    let number = traits.image();
    let (name, owner, alias, public, state) = IMAGES[(fleet.shared(0x1a6e + number) % 4) as usize];
    xml.element("imageMetadata", |xml| {
        xml.id("imageId", "ami-", fleet.shared(0xa31 + number));
        xml.text("name", name);
        xml.plain("imageOwnerId", if owner.is_empty() { &fleet.account } else { owner });
        xml.plain("imageState", state);
        if !alias.is_empty() {
            xml.plain("imageOwnerAlias", alias);
        }
        xml.plain("creationDate", "2025-01-16T01:02:03.000Z");
        if public {
            xml.plain("deprecationTime", "2027-01-16T01:02:03.000Z");
        }
        xml.flag("imageAllowed", true);
        xml.flag("isPublic", public);
    });
    operator(xml, traits);
}
