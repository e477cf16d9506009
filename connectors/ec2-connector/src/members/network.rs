//! The network interfaces of an instance, with attachments, addresses and prefixes.

use std::cmp::Ordering;

use super::{GroupIdentifier, List, Listed, OperatorResponse, Text, Time, members};

members! {
    /// One network interface.
    struct InstanceNetworkInterface<'a> {
        "networkInterfaceId" => network_interface_id: Option<Text<'a>>,
        "interfaceType" => interface_type: Option<Text<'a>>,
        "status" => status: Option<Text<'a>>,
        "description" => description: Option<Text<'a>>,
        "ownerId" => owner_id: Option<Text<'a>>,
        "macAddress" => mac_address: Option<Text<'a>>,
        "vpcId" => vpc_id: Option<Text<'a>>,
        "subnetId" => subnet_id: Option<Text<'a>>,
        "sourceDestCheck" => source_dest_check: Option<bool>,
        "privateDnsName" => private_dns_name: Option<Text<'a>>,
        "privateIpAddress" => private_ip_address: Option<Text<'a>>,
        "privateIpAddressesSet" => private_ip_addresses: List<InstancePrivateIpAddress<'a>>,
        "ipv6AddressesSet" => ipv6_addresses: List<InstanceIpv6Address<'a>>,
        "ipv4PrefixSet" => ipv4_prefixes: List<InstanceIpv4Prefix<'a>>,
        "ipv6PrefixSet" => ipv6_prefixes: List<InstanceIpv6Prefix<'a>>,
        "association" => association: Option<InstanceNetworkInterfaceAssociation<'a>>,
        "groupSet" => groups: List<GroupIdentifier<'a>>,
        "attachment" => attachment: Option<InstanceNetworkInterfaceAttachment<'a>>,
        "connectionTrackingConfiguration" => connection_tracking_configuration: Option<ConnectionTrackingSpecificationResponse>,
        "operator" => operator: Option<OperatorResponse<'a>>,
    }

    /// The public, carrier or customer-owned address that belongs to a private one.
    struct InstanceNetworkInterfaceAssociation<'a> {
        "publicIp" => public_ip: Option<Text<'a>>,
        "publicDnsName" => public_dns_name: Option<Text<'a>>,
        "ipOwnerId" => ip_owner_id: Option<Text<'a>>,
        "carrierIp" => carrier_ip: Option<Text<'a>>,
        "customerOwnedIp" => customer_owned_ip: Option<Text<'a>>,
    }

    /// How a network interface is attached to the instance.
    struct InstanceNetworkInterfaceAttachment<'a> {
        "attachmentId" => attachment_id: Option<Text<'a>>,
        "deviceIndex" => device_index: Option<i32>,
        "networkCardIndex" => network_card_index: Option<i32>,
        "status" => status: Option<Text<'a>>,
        "attachTime" => attach_time: Option<Time>,
        "deleteOnTermination" => delete_on_termination: Option<bool>,
        "enaQueueCount" => ena_queue_count: Option<i32>,
        "enaSrdSpecification" => ena_srd_specification: Option<InstanceAttachmentEnaSrdSpecification>,
    }

    /// The ENA Express settings of an attachment.
    struct InstanceAttachmentEnaSrdSpecification {
        "enaSrdEnabled" => ena_srd_enabled: Option<bool>,
        "enaSrdUdpSpecification" => ena_srd_udp_specification: Option<InstanceAttachmentEnaSrdUdpSpecification>,
    }

    /// The ENA Express settings for UDP traffic.
    struct InstanceAttachmentEnaSrdUdpSpecification {
        "enaSrdUdpEnabled" => ena_srd_udp_enabled: Option<bool>,
    }

    /// One private IPv4 address.
    struct InstancePrivateIpAddress<'a> {
        "privateIpAddress" => private_ip_address: Option<Text<'a>>,
        "primary" => primary: Option<bool>,
        "privateDnsName" => private_dns_name: Option<Text<'a>>,
        "association" => association: Option<InstanceNetworkInterfaceAssociation<'a>>,
    }

    /// One IPv6 address.
    struct InstanceIpv6Address<'a> {
        "ipv6Address" => ipv6_address: Option<Text<'a>>,
        "isPrimaryIpv6" => is_primary_ipv6: Option<bool>,
    }

    /// One delegated IPv4 prefix.
    struct InstanceIpv4Prefix<'a> {
        "ipv4Prefix" => ipv4_prefix: Option<Text<'a>>,
    }

    /// One delegated IPv6 prefix.
    struct InstanceIpv6Prefix<'a> {
        "ipv6Prefix" => ipv6_prefix: Option<Text<'a>>,
    }

    /// Timeouts of the security groups' connection tracking, in seconds.
    struct ConnectionTrackingSpecificationResponse {
        "tcpEstablishedTimeout" => tcp_established_timeout: Option<i32>,
        "udpStreamTimeout" => udp_stream_timeout: Option<i32>,
        "udpTimeout" => udp_timeout: Option<i32>,
    }

    /// One secondary interface: an interface into a secondary network.
    struct InstanceSecondaryInterface<'a> {
        "secondaryInterfaceId" => secondary_interface_id: Option<Text<'a>>,
        "interfaceType" => interface_type: Option<Text<'a>>,
        "status" => status: Option<Text<'a>>,
        "ownerId" => owner_id: Option<Text<'a>>,
        "macAddress" => mac_address: Option<Text<'a>>,
        "secondaryNetworkId" => secondary_network_id: Option<Text<'a>>,
        "secondarySubnetId" => secondary_subnet_id: Option<Text<'a>>,
        "sourceDestCheck" => source_dest_check: Option<bool>,
        "privateIpAddressSet" => private_ip_addresses: List<InstanceSecondaryInterfacePrivateIpAddress<'a>>,
        "attachment" => attachment: Option<InstanceSecondaryInterfaceAttachment<'a>>,
    }

    /// How a secondary interface is attached to the instance.
    struct InstanceSecondaryInterfaceAttachment<'a> {
        "attachmentId" => attachment_id: Option<Text<'a>>,
        "deviceIndex" => device_index: Option<i32>,
        "networkCardIndex" => network_card_index: Option<i32>,
        "status" => status: Option<Text<'a>>,
        "attachTime" => attach_time: Option<Time>,
        "deleteOnTermination" => delete_on_termination: Option<bool>,
    }

    /// One private IPv4 address of a secondary interface.
    struct InstanceSecondaryInterfacePrivateIpAddress<'a> {
        "privateIpAddress" => private_ip_address: Option<Text<'a>>,
    }
}

/// Where an interface sits. The primary interface (device 0 of card 0) stands first, one without a device index last. Without an
/// index of its own it sits on card 0, AWS's default.
fn place(device_index: Option<i32>, network_card_index: Option<i32>) -> (i32, i32) {
    (device_index.unwrap_or(i32::MAX), network_card_index.unwrap_or(0))
}

impl InstanceNetworkInterface<'_> {
    fn place(&self) -> (i32, i32) {
        let attachment = self.attachment.as_ref();
        place(
            attachment.and_then(|attachment| attachment.device_index),
            attachment.and_then(|attachment| attachment.network_card_index),
        )
    }
}

impl InstanceSecondaryInterface<'_> {
    fn place(&self) -> (i32, i32) {
        let attachment = self.attachment.as_ref();
        place(
            attachment.and_then(|attachment| attachment.device_index),
            attachment.and_then(|attachment| attachment.network_card_index),
        )
    }
}

/// By device index, network card index and ID.
impl Listed for InstanceNetworkInterface<'_> {
    fn order(&self, other: &Self) -> Ordering {
        let ids = || self.network_interface_id.cmp(&other.network_interface_id);
        self.place().cmp(&other.place()).then_with(ids)
    }
}

/// By device index, network card index and ID.
impl Listed for InstanceSecondaryInterface<'_> {
    fn order(&self, other: &Self) -> Ordering {
        let ids = || self.secondary_interface_id.cmp(&other.secondary_interface_id);
        self.place().cmp(&other.place()).then_with(ids)
    }
}

/// The primary address first, then by address.
impl Listed for InstancePrivateIpAddress<'_> {
    fn order(&self, other: &Self) -> Ordering {
        let primary_first = (self.primary != Some(true)).cmp(&(other.primary != Some(true)));
        primary_first.then_with(|| self.private_ip_address.cmp(&other.private_ip_address))
    }
}

/// By address.
impl Listed for InstanceIpv6Address<'_> {}

/// By prefix.
impl Listed for InstanceIpv4Prefix<'_> {}

/// By prefix.
impl Listed for InstanceIpv6Prefix<'_> {}

/// By address.
impl Listed for InstanceSecondaryInterfacePrivateIpAddress<'_> {}
