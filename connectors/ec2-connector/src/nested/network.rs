//! The network interfaces of an instance, with attachments, addresses and prefixes.

use aws_sdk_ec2::types;
use serde::Serialize;

use super::{Group, Operator, Time, groups, ordered, text};

/// Network interfaces, ordered by device index, network card index and ID. The primary interface (device 0 of card 0)
/// stands first, an interface without a device index last.
pub(crate) fn network_interfaces<'a>(
    list: &'a Option<Vec<types::InstanceNetworkInterface>>,
) -> Vec<NetworkInterface<'a>> {
    ordered(list, |interface: &NetworkInterface<'a>| {
        let attachment = interface.attachment.as_ref();
        let place = place(
            attachment.and_then(|a| a.device_index),
            attachment.and_then(|a| a.network_card_index),
        );
        (place, interface.network_interface_id)
    })
}

/// Secondary interfaces, ordered like [`network_interfaces`].
pub(crate) fn secondary_interfaces<'a>(
    list: &'a Option<Vec<types::InstanceSecondaryInterface>>,
) -> Vec<SecondaryInterface<'a>> {
    ordered(list, |interface: &SecondaryInterface<'a>| {
        let attachment = interface.attachment.as_ref();
        let place = place(
            attachment.and_then(|a| a.device_index),
            attachment.and_then(|a| a.network_card_index),
        );
        (place, interface.secondary_interface_id)
    })
}

/// Where an interface sits. Without an index of its own it sits on card 0, AWS's default.
fn place(device_index: Option<i32>, network_card_index: Option<i32>) -> (i32, i32) {
    (device_index.unwrap_or(i32::MAX), network_card_index.unwrap_or(0))
}

/// One network interface.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NetworkInterface<'a> {
    network_interface_id: Option<&'a str>,
    interface_type: Option<&'a str>,
    status: Option<&'a str>,
    description: Option<&'a str>,
    owner_id: Option<&'a str>,
    mac_address: Option<&'a str>,
    vpc_id: Option<&'a str>,
    subnet_id: Option<&'a str>,
    source_dest_check: Option<bool>,
    private_dns_name: Option<&'a str>,
    private_ip_address: Option<&'a str>,
    private_ip_addresses: Vec<PrivateIpAddress<'a>>,
    ipv6_addresses: Vec<Ipv6Address<'a>>,
    ipv4_prefixes: Vec<Ipv4Prefix<'a>>,
    ipv6_prefixes: Vec<Ipv6Prefix<'a>>,
    association: Option<Association<'a>>,
    groups: Vec<Group<'a>>,
    attachment: Option<Attachment<'a>>,
    connection_tracking_configuration: Option<ConnectionTracking>,
    operator: Option<Operator<'a>>,
}

impl<'a> From<&'a types::InstanceNetworkInterface> for NetworkInterface<'a> {
    fn from(interface: &'a types::InstanceNetworkInterface) -> Self {
        NetworkInterface {
            network_interface_id: text(&interface.network_interface_id),
            interface_type: text(&interface.interface_type),
            status: text(&interface.status),
            description: text(&interface.description),
            owner_id: text(&interface.owner_id),
            mac_address: text(&interface.mac_address),
            vpc_id: text(&interface.vpc_id),
            subnet_id: text(&interface.subnet_id),
            source_dest_check: interface.source_dest_check,
            private_dns_name: text(&interface.private_dns_name),
            private_ip_address: text(&interface.private_ip_address),
            private_ip_addresses: ordered(&interface.private_ip_addresses, |address: &PrivateIpAddress<'a>| {
                (address.primary != Some(true), address.private_ip_address)
            }),
            ipv6_addresses: ordered(&interface.ipv6_addresses, |address: &Ipv6Address<'a>| {
                address.ipv6_address
            }),
            ipv4_prefixes: ordered(&interface.ipv4_prefixes, |prefix: &Ipv4Prefix<'a>| prefix.ipv4_prefix),
            ipv6_prefixes: ordered(&interface.ipv6_prefixes, |prefix: &Ipv6Prefix<'a>| prefix.ipv6_prefix),
            association: interface.association.as_ref().map(Association::from),
            groups: groups(&interface.groups),
            attachment: interface.attachment.as_ref().map(Attachment::from),
            connection_tracking_configuration: interface
                .connection_tracking_configuration
                .as_ref()
                .map(ConnectionTracking::from),
            operator: interface.operator.as_ref().map(Operator::from),
        }
    }
}

/// One private IPv4 address.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct PrivateIpAddress<'a> {
    private_ip_address: Option<&'a str>,
    primary: Option<bool>,
    private_dns_name: Option<&'a str>,
    association: Option<Association<'a>>,
}

impl<'a> From<&'a types::InstancePrivateIpAddress> for PrivateIpAddress<'a> {
    fn from(address: &'a types::InstancePrivateIpAddress) -> Self {
        PrivateIpAddress {
            private_ip_address: text(&address.private_ip_address),
            primary: address.primary,
            private_dns_name: text(&address.private_dns_name),
            association: address.association.as_ref().map(Association::from),
        }
    }
}

/// The public, carrier or customer-owned address that belongs to a private one.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Association<'a> {
    public_ip: Option<&'a str>,
    public_dns_name: Option<&'a str>,
    ip_owner_id: Option<&'a str>,
    carrier_ip: Option<&'a str>,
    customer_owned_ip: Option<&'a str>,
}

impl<'a> From<&'a types::InstanceNetworkInterfaceAssociation> for Association<'a> {
    fn from(association: &'a types::InstanceNetworkInterfaceAssociation) -> Self {
        Association {
            public_ip: text(&association.public_ip),
            public_dns_name: text(&association.public_dns_name),
            ip_owner_id: text(&association.ip_owner_id),
            carrier_ip: text(&association.carrier_ip),
            customer_owned_ip: text(&association.customer_owned_ip),
        }
    }
}

/// One IPv6 address.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Ipv6Address<'a> {
    ipv6_address: Option<&'a str>,
    is_primary_ipv6: Option<bool>,
}

impl<'a> From<&'a types::InstanceIpv6Address> for Ipv6Address<'a> {
    fn from(address: &'a types::InstanceIpv6Address) -> Self {
        Ipv6Address {
            ipv6_address: text(&address.ipv6_address),
            is_primary_ipv6: address.is_primary_ipv6,
        }
    }
}

/// One delegated IPv4 prefix.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Ipv4Prefix<'a> {
    ipv4_prefix: Option<&'a str>,
}

impl<'a> From<&'a types::InstanceIpv4Prefix> for Ipv4Prefix<'a> {
    fn from(prefix: &'a types::InstanceIpv4Prefix) -> Self {
        Ipv4Prefix {
            ipv4_prefix: text(&prefix.ipv4_prefix),
        }
    }
}

/// One delegated IPv6 prefix.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Ipv6Prefix<'a> {
    ipv6_prefix: Option<&'a str>,
}

impl<'a> From<&'a types::InstanceIpv6Prefix> for Ipv6Prefix<'a> {
    fn from(prefix: &'a types::InstanceIpv6Prefix) -> Self {
        Ipv6Prefix {
            ipv6_prefix: text(&prefix.ipv6_prefix),
        }
    }
}

/// How a network interface is attached to the instance.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Attachment<'a> {
    attachment_id: Option<&'a str>,
    device_index: Option<i32>,
    network_card_index: Option<i32>,
    status: Option<&'a str>,
    attach_time: Option<Time<'a>>,
    delete_on_termination: Option<bool>,
    ena_queue_count: Option<i32>,
    ena_srd_specification: Option<EnaSrd>,
}

impl<'a> From<&'a types::InstanceNetworkInterfaceAttachment> for Attachment<'a> {
    fn from(attachment: &'a types::InstanceNetworkInterfaceAttachment) -> Self {
        Attachment {
            attachment_id: text(&attachment.attachment_id),
            device_index: attachment.device_index,
            network_card_index: attachment.network_card_index,
            status: text(&attachment.status),
            attach_time: attachment.attach_time.as_ref().map(Time),
            delete_on_termination: attachment.delete_on_termination,
            ena_queue_count: attachment.ena_queue_count,
            ena_srd_specification: attachment.ena_srd_specification.as_ref().map(EnaSrd::from),
        }
    }
}

/// The ENA Express settings of an attachment.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct EnaSrd {
    ena_srd_enabled: Option<bool>,
    ena_srd_udp_specification: Option<EnaSrdUdp>,
}

impl From<&types::InstanceAttachmentEnaSrdSpecification> for EnaSrd {
    fn from(settings: &types::InstanceAttachmentEnaSrdSpecification) -> Self {
        EnaSrd {
            ena_srd_enabled: settings.ena_srd_enabled,
            ena_srd_udp_specification: settings.ena_srd_udp_specification.as_ref().map(EnaSrdUdp::from),
        }
    }
}

/// The ENA Express settings for UDP traffic.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct EnaSrdUdp {
    ena_srd_udp_enabled: Option<bool>,
}

impl From<&types::InstanceAttachmentEnaSrdUdpSpecification> for EnaSrdUdp {
    fn from(settings: &types::InstanceAttachmentEnaSrdUdpSpecification) -> Self {
        EnaSrdUdp {
            ena_srd_udp_enabled: settings.ena_srd_udp_enabled,
        }
    }
}

/// Timeouts of the security groups' connection tracking, in seconds.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct ConnectionTracking {
    tcp_established_timeout: Option<i32>,
    udp_stream_timeout: Option<i32>,
    udp_timeout: Option<i32>,
}

impl From<&types::ConnectionTrackingSpecificationResponse> for ConnectionTracking {
    fn from(timeouts: &types::ConnectionTrackingSpecificationResponse) -> Self {
        ConnectionTracking {
            tcp_established_timeout: timeouts.tcp_established_timeout,
            udp_stream_timeout: timeouts.udp_stream_timeout,
            udp_timeout: timeouts.udp_timeout,
        }
    }
}

/// One secondary interface: an interface into a secondary network.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SecondaryInterface<'a> {
    secondary_interface_id: Option<&'a str>,
    interface_type: Option<&'a str>,
    status: Option<&'a str>,
    owner_id: Option<&'a str>,
    mac_address: Option<&'a str>,
    secondary_network_id: Option<&'a str>,
    secondary_subnet_id: Option<&'a str>,
    source_dest_check: Option<bool>,
    private_ip_addresses: Vec<SecondaryPrivateIpAddress<'a>>,
    attachment: Option<SecondaryAttachment<'a>>,
}

impl<'a> From<&'a types::InstanceSecondaryInterface> for SecondaryInterface<'a> {
    fn from(interface: &'a types::InstanceSecondaryInterface) -> Self {
        SecondaryInterface {
            secondary_interface_id: text(&interface.secondary_interface_id),
            interface_type: text(&interface.interface_type),
            status: text(&interface.status),
            owner_id: text(&interface.owner_id),
            mac_address: text(&interface.mac_address),
            secondary_network_id: text(&interface.secondary_network_id),
            secondary_subnet_id: text(&interface.secondary_subnet_id),
            source_dest_check: interface.source_dest_check,
            private_ip_addresses: ordered(
                &interface.private_ip_addresses,
                |address: &SecondaryPrivateIpAddress<'a>| address.private_ip_address,
            ),
            attachment: interface.attachment.as_ref().map(SecondaryAttachment::from),
        }
    }
}

/// One private IPv4 address of a secondary interface.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct SecondaryPrivateIpAddress<'a> {
    private_ip_address: Option<&'a str>,
}

impl<'a> From<&'a types::InstanceSecondaryInterfacePrivateIpAddress> for SecondaryPrivateIpAddress<'a> {
    fn from(address: &'a types::InstanceSecondaryInterfacePrivateIpAddress) -> Self {
        SecondaryPrivateIpAddress {
            private_ip_address: text(&address.private_ip_address),
        }
    }
}

/// How a secondary interface is attached to the instance.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct SecondaryAttachment<'a> {
    attachment_id: Option<&'a str>,
    device_index: Option<i32>,
    network_card_index: Option<i32>,
    status: Option<&'a str>,
    attach_time: Option<Time<'a>>,
    delete_on_termination: Option<bool>,
}

impl<'a> From<&'a types::InstanceSecondaryInterfaceAttachment> for SecondaryAttachment<'a> {
    fn from(attachment: &'a types::InstanceSecondaryInterfaceAttachment) -> Self {
        SecondaryAttachment {
            attachment_id: text(&attachment.attachment_id),
            device_index: attachment.device_index,
            network_card_index: attachment.network_card_index,
            status: text(&attachment.status),
            attach_time: attachment.attach_time.as_ref().map(Time),
            delete_on_termination: attachment.delete_on_termination,
        }
    }
}
