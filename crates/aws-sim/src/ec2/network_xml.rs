//! The network of an instance: addresses, names, interfaces.

use super::fleet::Fleet;
use super::traits::Traits;
use crate::xml::Xml;

/// The domain of public names in a region.
fn public_domain(region: &str) -> String {
    if region == "us-east-1" {
        "compute-1.amazonaws.com".to_owned()
    } else {
        format!("{region}.compute.amazonaws.com")
    }
}

/// The domain of private names in a region.
fn private_domain(region: &str) -> String {
    if region == "us-east-1" {
        "ec2.internal".to_owned()
    } else {
        format!("{region}.compute.internal")
    }
}

fn dotted(xml: &mut Xml, ip: [u8; 4], separator: &str) {
    for (place, part) in ip.into_iter().enumerate() {
        if place > 0 {
            xml.markup(separator);
        }
        xml.digits(u64::from(part));
    }
}

pub(super) fn ip(xml: &mut Xml, tag: &str, ip: [u8; 4]) {
    xml.element(tag, |xml| dotted(xml, ip, "."));
}

pub(super) fn private_name(xml: &mut Xml, tag: &str, ip: [u8; 4], region: &str) {
    xml.element(tag, |xml| {
        xml.markup("ip-");
        dotted(xml, ip, "-");
        xml.markup(".");
        xml.markup(&private_domain(region));
    });
}

pub(super) fn public_name(xml: &mut Xml, tag: &str, ip: [u8; 4], region: &str) {
    xml.element(tag, |xml| {
        xml.markup("ec2-");
        dotted(xml, ip, "-");
        xml.markup(".");
        xml.markup(&public_domain(region));
    });
}

pub(super) fn ipv6(xml: &mut Xml, tag: &str, number: u64) {
    xml.element(tag, |xml| {
        xml.markup("2600:1f18:");
        for shift in [48, 32, 16, 0] {
            xml.hex(number >> shift | 0x1000, 4);
            xml.markup(if shift == 0 { "::1" } else { ":" });
        }
    });
}

fn mac(xml: &mut Xml, number: u64) {
    xml.element("macAddress", |xml| {
        xml.markup("0a");
        for shift in [32, 24, 16, 8, 0] {
            xml.markup(":");
            xml.hex(number >> shift, 2);
        }
    });
}

/// The groups of an instance: most have one, some have two.
pub(super) fn groups(xml: &mut Xml, fleet: &Fleet, traits: &Traits) {
    xml.element("groupSet", |xml| {
        for number in 0..=u64::from(traits.id & 0xf == 3) {
            xml.element("item", |xml| {
                xml.id("groupId", "sg-", fleet.shared(0x56 + (traits.id >> 5 & 3) + number * 4));
                xml.plain(
                    "groupName",
                    [
                        "default",
                        "web",
                        "database",
                        "launch-wizard-1",
                        "ssh only",
                        "vpn",
                        "eks",
                        "efs",
                    ][((traits.id >> 5 & 3) + number * 4) as usize],
                );
            });
        }
    });
}

/// The network interfaces. The first is the instance's own; further ones are in other subnets.
pub(super) fn interfaces(xml: &mut Xml, fleet: &Fleet, traits: &Traits) {
    if !traits.state.has_hardware() {
        xml.empty("networkInterfaceSet");
        return;
    }
    xml.element("networkInterfaceSet", |xml| {
        for number in 0..traits.interfaces {
            xml.element("item", |xml| interface(xml, fleet, traits, number));
        }
    });
    if traits.kind.name == "p4d.24xlarge" && traits.id & 1 == 0 {
        secondary(xml, fleet, traits);
    }
}

fn interface(xml: &mut Xml, fleet: &Fleet, traits: &Traits, number: u64) {
    let own = fleet.number(traits.index, 0xe41 + number);
    let address = traits.private_ip(number);
    xml.id("networkInterfaceId", "eni-", own);
    xml.id(
        "subnetId",
        "subnet-",
        fleet.shared(0x5b + u64::from(traits.zone) + number),
    );
    xml.id("vpcId", "vpc-", fleet.shared(0x7c));
    match number {
        0 => xml.empty("description"),
        _ => xml.plain("description", "Secondary, for the backup network"),
    }
    xml.plain("ownerId", &fleet.account);
    xml.plain("status", "in-use");
    mac(xml, own);
    ip(xml, "privateIpAddress", address);
    private_name(xml, "privateDnsName", address, &fleet.region);
    xml.flag("sourceDestCheck", own & 7 != 0);
    groups(xml, fleet, traits);
    xml.element("attachment", |xml| attachment(xml, fleet, traits, number, false));
    if number == 0 && traits.has_public_ip() {
        xml.element("association", |xml| association(xml, fleet, traits));
    }
    xml.element("privateIpAddressesSet", |xml| {
        xml.element("item", |xml| {
            ip(xml, "privateIpAddress", address);
            private_name(xml, "privateDnsName", address, &fleet.region);
            xml.flag("primary", true);
            if number == 0 && traits.has_public_ip() {
                xml.element("association", |xml| association(xml, fleet, traits));
            }
        });
        if own & 0x70 == 0 {
            let second = [address[0], address[1], address[2] ^ 0x80, address[3]];
            xml.element("item", |xml| {
                ip(xml, "privateIpAddress", second);
                private_name(xml, "privateDnsName", second, &fleet.region);
                xml.flag("primary", false);
            });
        }
    });
    if number == 0 && traits.ipv6 {
        xml.element("ipv6AddressesSet", |xml| {
            xml.element("item", |xml| {
                ipv6(xml, "ipv6Address", traits.id);
                xml.flag("isPrimaryIpv6", own & 1 == 0);
            });
        });
    } else {
        xml.empty("ipv6AddressesSet");
    }
    if own & 0xf00 == 0x100 {
        xml.element("ipv4PrefixSet", |xml| {
            xml.element("item", |xml| xml.plain("ipv4Prefix", "10.0.16.0/28"));
        });
        xml.element("ipv6PrefixSet", |xml| {
            xml.element("item", |xml| xml.plain("ipv6Prefix", "2600:1f18:1:2:3::/80"));
        });
    }
    xml.plain(
        "interfaceType",
        if own & 0xf000 == 0 && number > 0 {
            "efa"
        } else {
            "interface"
        },
    );
    if own & 0xf00 == 0x200 {
        xml.element("connectionTrackingConfiguration", |xml| {
            xml.number("tcpEstablishedTimeout", 350);
            xml.number("udpStreamTimeout", 180);
            xml.number("udpTimeout", 30);
        });
    }
    operator(xml, traits);
}

fn attachment(xml: &mut Xml, fleet: &Fleet, traits: &Traits, number: u64, secondary: bool) {
    xml.id(
        "attachmentId",
        "eni-attach-",
        fleet.number(traits.index, 0xa77 + number),
    );
    xml.number("deviceIndex", number);
    xml.plain("status", "attached");
    xml.time("attachTime", traits.launched + number as i64);
    xml.flag("deleteOnTermination", number == 0);
    xml.number(
        "networkCardIndex",
        if traits.kind.name == "p4d.24xlarge" { number } else { 0 },
    );
    if !secondary && traits.kind.nitro && traits.id & 0x1f == 1 {
        xml.element("enaSrdSpecification", |xml| {
            xml.flag("enaSrdEnabled", true);
            xml.element("enaSrdUdpSpecification", |xml| xml.flag("enaSrdUdpEnabled", false));
        });
        xml.number("enaQueueCount", 8);
    }
}

fn association(xml: &mut Xml, fleet: &Fleet, traits: &Traits) {
    ip(xml, "publicIp", traits.public_ip());
    public_name(xml, "publicDnsName", traits.public_ip(), &fleet.region);
    if traits.outpost {
        xml.plain("ipOwnerId", &fleet.account);
        ip(xml, "customerOwnedIp", traits.public_ip());
    } else if traits.id & 0x3f == 5 {
        xml.plain("ipOwnerId", &fleet.account);
        ip(xml, "carrierIp", traits.public_ip());
    } else {
        xml.plain("ipOwnerId", "amazon");
    }
}

/// Who manages something on the account's behalf.
pub(super) fn operator(xml: &mut Xml, traits: &Traits) {
    xml.element("operator", |xml| {
        xml.flag("managed", traits.managed);
        if traits.managed {
            xml.plain("principal", "eks.amazonaws.com");
            xml.flag("hiddenByDefault", traits.hidden);
        }
    });
}

fn secondary(xml: &mut Xml, fleet: &Fleet, traits: &Traits) {
    let own = fleet.number(traits.index, 0x5ec);
    xml.element("secondaryInterfaceSet", |xml| {
        xml.element("item", |xml| {
            xml.element("attachment", |xml| attachment(xml, fleet, traits, 9, true));
            mac(xml, own);
            xml.id("secondaryInterfaceId", "eni-", own);
            xml.plain("ownerId", &fleet.account);
            xml.element("privateIpAddressSet", |xml| {
                xml.element("item", |xml| ip(xml, "privateIpAddress", traits.private_ip(3)));
            });
            xml.flag("sourceDestCheck", false);
            xml.plain("status", "in-use");
            xml.id("secondarySubnetId", "ss-", fleet.shared(0x55));
            xml.id("secondaryNetworkId", "sn-", fleet.shared(0x56_56));
            xml.plain("interfaceType", "secondary");
        });
    });
}
