//! A reservation and its instances in EC2's XML, with every element that `Instance` has, and without those that AWS
//! leaves out. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html>

use super::fleet::Fleet;
use super::network_xml::{self, operator};
use super::tags;
use super::traits::{Lifecycle, State, Traits};
use crate::xml::Xml;

/// A reservation that begins with the instance `start`, with those of its members that are to be shown.
pub(super) fn reservation(xml: &mut Xml, fleet: &Fleet, start: u32, members: &[u32]) {
    xml.element("item", |xml| {
        xml.id("reservationId", "r-", fleet.number(start, 0x7e5));
        xml.plain("ownerId", &fleet.account);
        xml.empty("groupSet");
        xml.element("instancesSet", |xml| {
            for index in members {
                xml.element("item", |xml| instance(xml, fleet, start, &Traits::of(fleet, *index)));
            }
        });
        if fleet.number(start, 0x9e9) & 7 == 0 {
            xml.plain("requesterId", "940372691376");
        }
    });
}

fn instance(xml: &mut Xml, fleet: &Fleet, start: u32, traits: &Traits) {
    let mut chance = traits.chance.clone();
    xml.id("instanceId", "i-", traits.id);
    xml.id("imageId", "ami-", fleet.shared(0xa31 + traits.image()));
    state(xml, traits);
    addresses(xml, fleet, traits);
    reasons(xml, traits);
    if chance.percent(60) {
        xml.plain("keyName", chance.pick(&["ops-2024", "deploy key", "admin_eu"]));
    }
    xml.number("amiLaunchIndex", u64::from(traits.index - start));
    product_codes(xml, &mut chance);
    xml.plain("instanceType", traits.kind.name);
    xml.time("launchTime", traits.launched);
    placement(xml, fleet, traits, &mut chance);
    if traits.kind.paravirtual {
        xml.plain("kernelId", "aki-919dcaf8");
        xml.plain("ramdiskId", "ari-a51cf9cc");
    }
    if traits.windows() {
        xml.plain("platform", "windows");
    }
    monitoring(xml, &mut chance);
    xml.plain("architecture", traits.kind.architecture);
    disks(xml, fleet, traits);
    xml.plain(
        "virtualizationType",
        if traits.kind.paravirtual { "paravirtual" } else { "hvm" },
    );
    match chance.percent(30) {
        true => xml.element("clientToken", |xml| {
            xml.hex(traits.id, 8);
            xml.markup("-4f0e-");
            xml.hex(traits.id >> 32, 8);
        }),
        false => xml.empty("clientToken"),
    }
    tag_set(xml, traits);
    xml.plain("hypervisor", "xen");
    network_xml::interfaces(xml, fleet, traits);
    if chance.percent(45) {
        let profile = fleet.shared(0x1a3);
        xml.element("iamInstanceProfile", |xml| {
            xml.plain(
                "arn",
                &format!("arn:aws:iam::{}:instance-profile/team/ec2-default", fleet.account),
            );
            xml.plain(
                "id",
                &format!("AIPA{}", crate::chance::letters(profile, 17, crate::chance::BASE32)),
            );
        });
    }
    bought(xml, fleet, traits, &mut chance);
    xml.flag("ebsOptimized", traits.kind.nitro);
    accelerators(xml, traits, fleet);
    options(xml, fleet, traits, &mut chance);
}

pub(super) fn state(xml: &mut Xml, traits: &Traits) {
    xml.element("instanceState", |xml| {
        xml.number("code", traits.state.code());
        xml.plain("name", traits.state.name());
    });
}

/// `eu-central-1a`
pub(super) fn zone(xml: &mut Xml, tag: &str, fleet: &Fleet, traits: &Traits) {
    xml.element(tag, |xml| {
        xml.markup(&fleet.region);
        xml.markup(["a", "b", "c"][usize::from(traits.zone - b'a')]);
    });
}

/// `euc1-az1`: the area, the initial of the direction (two for `northeast` and the like), the number.
pub(super) fn zone_id(xml: &mut Xml, tag: &str, fleet: &Fleet, traits: &Traits) {
    xml.element(tag, |xml| {
        for part in fleet.region.split('-') {
            xml.markup(match part {
                "northeast" => "ne",
                "southeast" => "se",
                other if other.len() > 3 => &other[..1],
                other => other,
            });
        }
        xml.markup("-az");
        xml.digits(u64::from(traits.zone - b'a') + 1);
    });
}

fn addresses(xml: &mut Xml, fleet: &Fleet, traits: &Traits) {
    if !traits.state.has_hardware() {
        xml.empty("privateDnsName");
        xml.empty("dnsName");
        return;
    }
    let private = traits.private_ip(0);
    network_xml::private_name(xml, "privateDnsName", private, &fleet.region);
    if traits.has_public_ip() {
        network_xml::public_name(xml, "dnsName", traits.public_ip(), &fleet.region);
        network_xml::ip(xml, "ipAddress", traits.public_ip());
    } else {
        xml.empty("dnsName");
    }
    network_xml::ip(xml, "privateIpAddress", private);
    xml.id("subnetId", "subnet-", fleet.shared(0x5b + u64::from(traits.zone)));
    xml.id("vpcId", "vpc-", fleet.shared(0x7c));
    xml.flag("sourceDestCheck", fleet.number(traits.index, 0xe41) & 7 != 0);
    network_xml::groups(xml, fleet, traits);
    if traits.ipv6 {
        network_xml::ipv6(xml, "ipv6Address", traits.id);
    }
}

/// Why an instance is not running: the old text and the newer code.
fn reasons(xml: &mut Xml, traits: &Traits) {
    let spot = traits.lifecycle == Lifecycle::Spot;
    let (reason, code, message) = match traits.state {
        State::Running => return xml.empty("reason"),
        State::Pending => ("", "pending", "pending"),
        State::Stopped | State::Stopping if traits.id & 3 == 0 => (
            "",
            "Server.InternalError",
            "Server.InternalError: Internal error on launch",
        ),
        State::Stopped | State::Stopping => (
            "User initiated (2026-03-01 08:15:00 GMT)",
            "Client.UserInitiatedShutdown",
            "Client.UserInitiatedShutdown: User initiated shutdown",
        ),
        State::Terminated | State::ShuttingDown if spot => (
            "Server.SpotInstanceTermination",
            "Server.SpotInstanceTermination",
            "Server.SpotInstanceTermination: Spot instance termination",
        ),
        State::Terminated | State::ShuttingDown => (
            "User initiated (2026-03-02 17:00:59 GMT)",
            "Client.UserInitiatedShutdown",
            "Client.UserInitiatedShutdown: User initiated shutdown",
        ),
    };
    match reason {
        "" => xml.empty("reason"),
        reason => xml.plain("reason", reason),
    }
    xml.element("stateReason", |xml| {
        xml.plain("code", code);
        xml.plain("message", message);
    });
}

fn product_codes(xml: &mut Xml, chance: &mut crate::chance::Chance) {
    if !chance.percent(6) {
        return xml.empty("productCodes");
    }
    xml.element("productCodes", |xml| {
        xml.element("item", |xml| {
            xml.plain("productCode", "aw0evgkw8e5c1q413zgy5pjce");
            xml.plain("type", chance.pick(&["marketplace", "devpay"]));
        });
    });
}

fn placement(xml: &mut Xml, fleet: &Fleet, traits: &Traits, chance: &mut crate::chance::Chance) {
    xml.element("placement", |xml| {
        zone(xml, "availabilityZone", fleet, traits);
        zone_id(xml, "availabilityZoneId", fleet, traits);
        match chance.below(20) {
            0 => {
                xml.plain("groupName", "spread-rack");
                xml.id("groupId", "pg-", fleet.shared(0x96));
                xml.plain("spreadDomain", "rack");
            }
            1 => {
                xml.plain("groupName", "kafka-partitions");
                xml.id("groupId", "pg-", fleet.shared(0x97));
                xml.number("partitionNumber", 1 + traits.id % 7);
            }
            _ => xml.empty("groupName"),
        }
        xml.plain("tenancy", traits.tenancy);
        if traits.tenancy == "host" {
            xml.id("hostId", "h-", fleet.shared(0x4057 + (traits.id & 3)));
            xml.plain("affinity", chance.pick(&["default", "host"]));
            if traits.id & 1 == 0 {
                let arn = format!(
                    "arn:aws:resource-groups:{}:{}:group/host-group",
                    fleet.region, fleet.account
                );
                xml.plain("hostResourceGroupArn", &arn);
            }
        }
    });
}

fn monitoring(xml: &mut Xml, chance: &mut crate::chance::Chance) {
    xml.element("monitoring", |xml| match chance.below(20) {
        0 => {
            xml.plain("state", "enabled");
            xml.element("metricCategoryIdSet", |xml| xml.plain("item", "gpu-utilization"));
        }
        1..3 => xml.plain("state", "enabled"),
        3 => xml.plain("state", "pending"),
        4 => xml.plain("state", "disabling"),
        _ => xml.plain("state", "disabled"),
    });
}

fn disks(xml: &mut Xml, fleet: &Fleet, traits: &Traits) {
    let (kind, root) = match (traits.kind.paravirtual, traits.windows(), traits.id & 1) {
        (true, ..) => ("instance-store", "/dev/sda1"),
        (_, true, _) => ("ebs", "/dev/sda1"),
        (_, false, 0) => ("ebs", "/dev/xvda"),
        _ => ("ebs", "/dev/sda1"),
    };
    xml.plain("rootDeviceType", kind);
    xml.plain("rootDeviceName", root);
    if !traits.state.has_hardware() || kind == "instance-store" {
        return xml.empty("blockDeviceMapping");
    }
    xml.element("blockDeviceMapping", |xml| {
        for number in 0..traits.volumes {
            xml.element("item", |xml| {
                xml.plain(
                    "deviceName",
                    if number == 0 {
                        root
                    } else {
                        ["/dev/sdf", "/dev/sdg", "xvdh"][number as usize % 3]
                    },
                );
                xml.element("ebs", |xml| disk(xml, fleet, traits, number));
            });
        }
    });
}

fn disk(xml: &mut Xml, fleet: &Fleet, traits: &Traits, number: u64) {
    xml.id("volumeId", "vol-", fleet.number(traits.index, 0xd15c + number));
    xml.plain(
        "status",
        if traits.state == State::Pending {
            "attaching"
        } else {
            "attached"
        },
    );
    xml.time("attachTime", traits.launched + 1);
    xml.flag("deleteOnTermination", number == 0);
    if traits.managed {
        xml.plain("volumeOwnerId", &fleet.account);
        operator(xml, traits);
    }
    if traits.managed && number > 0 {
        let arn = format!("arn:aws:ecs:{}:{}:task/{:x}", fleet.region, fleet.account, traits.id);
        xml.plain("associatedResource", &arn);
    }
    if traits.kind.name == "r6i.large" {
        xml.number("ebsCardIndex", number & 1);
    }
}

/// The tags; nothing where there are none, as AWS does.
pub(super) fn tag_set(xml: &mut Xml, traits: &Traits) {
    let mut opened = false;
    tags::each(traits, |key, value| {
        if !opened {
            xml.open("tagSet");
            opened = true;
        }
        xml.element("item", |xml| tags::pair(xml, key, value));
    });
    if opened {
        xml.close("tagSet");
    }
}

/// How the capacity was bought.
fn bought(xml: &mut Xml, fleet: &Fleet, traits: &Traits, chance: &mut crate::chance::Chance) {
    match traits.lifecycle {
        Lifecycle::OnDemand => {}
        Lifecycle::Spot => {
            xml.plain("instanceLifecycle", "spot");
            xml.element("spotInstanceRequestId", |xml| {
                xml.markup("sir-");
                xml.hex(traits.id, 8);
            });
        }
        Lifecycle::Scheduled => xml.plain("instanceLifecycle", "scheduled"),
        Lifecycle::CapacityBlock => {
            xml.plain("instanceLifecycle", "capacity-block");
            xml.id("capacityBlockId", "cb-", fleet.shared(0xcb));
        }
    }
    let reserved = chance.percent(5);
    if reserved {
        xml.id("capacityReservationId", "cr-", fleet.shared(0xc4));
    }
    xml.element("capacityReservationSpecification", |xml| {
        let preference = if reserved {
            "capacity-reservations-only"
        } else {
            chance.pick(&["open", "open", "none"])
        };
        xml.plain("capacityReservationPreference", preference);
        if reserved {
            xml.element("capacityReservationTarget", |xml| match traits.id & 1 {
                0 => xml.id("capacityReservationId", "cr-", fleet.shared(0xc4)),
                _ => xml.plain(
                    "capacityReservationResourceGroupArn",
                    &format!(
                        "arn:aws:resource-groups:{}:{}:group/reserved",
                        fleet.region, fleet.account
                    ),
                ),
            });
        }
    });
}

/// Accelerators that AWS no longer sells and answers still carry.
fn accelerators(xml: &mut Xml, traits: &Traits, fleet: &Fleet) {
    if traits.kind.name != "g4dn.xlarge" || traits.id & 3 != 0 {
        return;
    }
    xml.element("elasticGpuAssociationSet", |xml| {
        xml.element("item", |xml| {
            xml.id("elasticGpuId", "egpu-", fleet.number(traits.index, 0xe6));
            xml.id(
                "elasticGpuAssociationId",
                "egpu-assoc-",
                fleet.number(traits.index, 0xe7),
            );
            xml.plain("elasticGpuAssociationState", "associated");
            xml.plain("elasticGpuAssociationTime", "2024-01-31T12:00:00.000Z");
        });
    });
    xml.element("elasticInferenceAcceleratorAssociationSet", |xml| {
        xml.element("item", |xml| {
            let id = crate::chance::letters(traits.id, 17, b"0123456789abcdef");
            xml.plain(
                "elasticInferenceAcceleratorArn",
                &format!(
                    "arn:aws:elastic-inference:{}:{}:elastic-inference-accelerator/eia-{id}",
                    fleet.region, fleet.account
                ),
            );
            xml.id(
                "elasticInferenceAcceleratorAssociationId",
                "eia-assoc-",
                fleet.number(traits.index, 0xe8),
            );
            xml.plain("elasticInferenceAcceleratorAssociationState", "associated");
            xml.time("elasticInferenceAcceleratorAssociationTime", traits.launched + 5);
        });
    });
}

fn options(xml: &mut Xml, fleet: &Fleet, traits: &Traits, chance: &mut crate::chance::Chance) {
    if traits.kind.nitro {
        xml.flag("enaSupport", true);
    }
    if !traits.kind.nitro && !traits.kind.paravirtual && traits.id & 1 == 0 {
        xml.plain("sriovNetSupport", "simple");
    }
    if traits.outpost {
        let arn = format!(
            "arn:aws:outposts:{}:{}:outpost/op-0b7fe0f1a2b3c4d5e",
            fleet.region, fleet.account
        );
        xml.plain("outpostArn", &arn);
    }
    xml.element("cpuOptions", |xml| {
        xml.number("coreCount", traits.kind.cores);
        xml.number("threadsPerCore", traits.kind.threads);
        if traits.kind.name == "c6a.4xlarge" {
            xml.plain("amdSevSnp", chance.pick(&["enabled", "disabled"]));
        }
        if traits.kind.name == "m6i.2xlarge" {
            xml.plain("nestedVirtualization", chance.pick(&["enabled", "disabled"]));
        }
    });
    xml.element("hibernationOptions", |xml| xml.flag("configured", chance.percent(5)));
    if chance.percent(6) {
        xml.element("licenseSet", |xml| {
            for number in 0..=traits.id & 1 {
                xml.element("item", |xml| {
                    let arn = format!(
                        "arn:aws:license-manager:{}:{}:license-configuration:lic-{number:032x}",
                        fleet.region, fleet.account
                    );
                    xml.plain("licenseConfigurationArn", &arn);
                });
            }
        });
    }
    xml.element("metadataOptions", |xml| {
        xml.plain(
            "state",
            if traits.state == State::Pending {
                "pending"
            } else {
                "applied"
            },
        );
        xml.plain("httpTokens", chance.pick(&["required", "required", "optional"]));
        xml.number("httpPutResponseHopLimit", chance.pick(&[1, 2, 2, 64]));
        xml.plain("httpEndpoint", if chance.percent(96) { "enabled" } else { "disabled" });
        xml.plain("httpProtocolIpv6", if traits.ipv6 { "enabled" } else { "disabled" });
        xml.plain(
            "instanceMetadataTags",
            chance.pick(&["disabled", "disabled", "enabled"]),
        );
    });
    xml.element("enclaveOptions", |xml| {
        xml.flag("enabled", traits.kind.nitro && chance.percent(5))
    });
    boot(xml, traits, chance);
    xml.plain("platformDetails", traits.platform.details);
    xml.plain("usageOperation", traits.platform.usage);
    xml.time("usageOperationUpdateTime", traits.launched);
    if traits.state.has_hardware() {
        xml.element("privateDnsNameOptions", |xml| {
            xml.plain("hostnameType", chance.pick(&["ip-name", "ip-name", "resource-name"]));
            xml.flag("enableResourceNameDnsARecord", chance.percent(50));
            xml.flag("enableResourceNameDnsAAAARecord", traits.ipv6);
        });
    }
    xml.element("maintenanceOptions", |xml| {
        xml.plain(
            "autoRecovery",
            chance.pick(&["default", "default", "default", "disabled"]),
        );
        xml.plain(
            "rebootMigration",
            chance.pick(&["default", "default", "default", "disabled"]),
        );
    });
    if traits.kind.nitro {
        xml.element("networkPerformanceOptions", |xml| {
            xml.plain(
                "bandwidthWeighting",
                chance.pick(&["default", "default", "vpc-1", "ebs-1"]),
            );
        });
    }
    operator(xml, traits);
}

fn boot(xml: &mut Xml, traits: &Traits, chance: &mut crate::chance::Chance) {
    let arm = traits.kind.architecture.starts_with("arm64");
    let mode = if arm {
        "uefi"
    } else {
        chance.pick(&["", "", "legacy-bios", "uefi-preferred", "uefi"])
    };
    if !mode.is_empty() {
        xml.plain("bootMode", mode);
    }
    let current = if mode.starts_with("uefi") {
        "uefi"
    } else {
        "legacy-bios"
    };
    xml.plain("currentInstanceBootMode", current);
    if mode == "uefi" && !arm && chance.percent(40) {
        xml.plain("tpmSupport", "v2.0");
    }
}
