//! An instance with every member that the SDK knows, and nothing sorted.

use aws_sdk_ec2::types::*;
use aws_smithy_types::DateTime;

/// An instance with every member that the SDK knows.
pub(super) fn full() -> Instance {
    Instance::builder()
        .architecture(ArchitectureValues::X8664)
        .block_device_mappings(block_device("/dev/xvdb", "vol-b"))
        .block_device_mappings(block_device("/dev/xvda", "vol-a"))
        .client_token("token-1")
        .ebs_optimized(true)
        .ena_support(true)
        .hypervisor(HypervisorType::Xen)
        .iam_instance_profile(
            IamInstanceProfile::builder()
                .arn("arn:aws:iam::111111111111:instance-profile/web")
                .id("AIPAEXAMPLE")
                .build(),
        )
        .instance_lifecycle(InstanceLifecycleType::Spot)
        .elastic_gpu_associations(elastic_gpu("egpu-assoc-2"))
        .elastic_gpu_associations(elastic_gpu("egpu-assoc-1"))
        .elastic_inference_accelerator_associations(accelerator("eia-assoc-2"))
        .elastic_inference_accelerator_associations(accelerator("eia-assoc-1"))
        .network_interfaces(interface("eni-b", 1))
        .network_interfaces(interface("eni-a", 0))
        .outpost_arn("arn:aws:outposts:us-gov-west-1:111111111111:outpost/op-1")
        .root_device_name("/dev/xvda")
        .root_device_type(DeviceType::Ebs)
        .security_groups(group("sg-b", "beta"))
        .security_groups(group("sg-a", "alpha"))
        .source_dest_check(false)
        .spot_instance_request_id("sir-1")
        .sriov_net_support("simple")
        .state_reason(
            StateReason::builder()
                .code("Client.UserInitiatedShutdown")
                .message("User initiated")
                .build(),
        )
        .tags(tag("team", "a \"b\"\n"))
        .tags(tag("name", "lower"))
        .tags(tag("Name", "web-1"))
        .virtualization_type(VirtualizationType::Hvm)
        .cpu_options(
            CpuOptions::builder()
                .core_count(4)
                .threads_per_core(2)
                .amd_sev_snp(AmdSevSnpSpecification::Enabled)
                .nested_virtualization(NestedVirtualizationSpecification::Disabled)
                .build(),
        )
        .capacity_block_id("cb-1")
        .capacity_reservation_id("cr-1")
        .capacity_reservation_specification(
            CapacityReservationSpecificationResponse::builder()
                .capacity_reservation_preference(CapacityReservationPreference::Open)
                .capacity_reservation_target(
                    CapacityReservationTargetResponse::builder()
                        .capacity_reservation_id("cr-2")
                        .capacity_reservation_resource_group_arn("arn:aws:resource-groups:::group/g")
                        .build(),
                )
                .build(),
        )
        .hibernation_options(HibernationOptions::builder().configured(true).build())
        .licenses(
            LicenseConfiguration::builder()
                .license_configuration_arn("arn:license:b")
                .build(),
        )
        .licenses(
            LicenseConfiguration::builder()
                .license_configuration_arn("arn:license:a")
                .build(),
        )
        .metadata_options(
            InstanceMetadataOptionsResponse::builder()
                .state(InstanceMetadataOptionsState::Applied)
                .http_tokens(HttpTokensState::Required)
                .http_put_response_hop_limit(3)
                .http_endpoint(InstanceMetadataEndpointState::Enabled)
                .http_protocol_ipv6(InstanceMetadataProtocolState::Disabled)
                .instance_metadata_tags(InstanceMetadataTagsState::Enabled)
                .build(),
        )
        .enclave_options(EnclaveOptions::builder().enabled(false).build())
        .boot_mode(BootModeValues::UefiPreferred)
        .platform_details("Windows")
        .usage_operation("RunInstances:0002")
        .usage_operation_update_time(DateTime::from_secs(1_700_000_001))
        .private_dns_name_options(
            PrivateDnsNameOptionsResponse::builder()
                .hostname_type(HostnameType::ResourceName)
                .enable_resource_name_dns_a_record(true)
                .enable_resource_name_dns_aaaa_record(false)
                .build(),
        )
        .ipv6_address("2600::1")
        .tpm_support("v2.0")
        .maintenance_options(
            InstanceMaintenanceOptions::builder()
                .auto_recovery(InstanceAutoRecoveryState::Default)
                .reboot_migration(InstanceRebootMigrationState::Disabled)
                .build(),
        )
        .current_instance_boot_mode(InstanceBootModeValues::Uefi)
        .network_performance_options(
            InstanceNetworkPerformanceOptions::builder()
                .bandwidth_weighting(InstanceBandwidthWeighting::Vpc1)
                .build(),
        )
        .operator(operator("eks.amazonaws.com"))
        .secondary_interfaces(secondary_interface("sec-b", 1))
        .secondary_interfaces(secondary_interface("sec-a", 0))
        .instance_id("i-0abc")
        .image_id("ami-1")
        .state(
            InstanceState::builder()
                .code(256 + 80)
                .name(InstanceStateName::Stopped)
                .build(),
        )
        .private_dns_name("ip-10-0-0-1.ec2.internal")
        .public_dns_name("")
        .state_transition_reason("User initiated (2024-05-06 07:08:09 GMT)")
        .key_name("key-1")
        .ami_launch_index(7)
        .product_codes(product_code("z-code", ProductCodeValues::Marketplace))
        .product_codes(product_code("a-code", ProductCodeValues::Devpay))
        .instance_type(InstanceType::from("m7g.large"))
        .launch_time(DateTime::from_secs_and_nanos(1_700_000_000, 250_000_000))
        .placement(
            Placement::builder()
                .availability_zone_id("usgw1-az1")
                .affinity("host")
                .group_name("pg")
                .partition_number(2)
                .host_id("h-1")
                .tenancy(Tenancy::Host)
                .spread_domain("spread")
                .host_resource_group_arn("arn:aws:resource-groups:::group/hosts")
                .group_id("pg-1")
                .availability_zone("us-gov-west-1a")
                .build(),
        )
        .kernel_id("aki-1")
        .ramdisk_id("ari-1")
        // What AWS sends; the SDK's own spelling is `Windows`.
        .platform(PlatformValues::from("windows"))
        .monitoring(Monitoring::builder().state(MonitoringState::Enabled).build())
        .subnet_id("subnet-1")
        .vpc_id("vpc-1")
        .private_ip_address("10.0.0.1")
        .public_ip_address("198.51.100.1")
        .build()
}

pub(super) fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

pub(super) fn group(id: &str, name: &str) -> GroupIdentifier {
    GroupIdentifier::builder().group_id(id).group_name(name).build()
}

pub(super) fn operator(principal: &str) -> OperatorResponse {
    OperatorResponse::builder()
        .managed(true)
        .principal(principal)
        .hidden_by_default(false)
        .build()
}

pub(super) fn product_code(id: &str, kind: ProductCodeValues) -> ProductCode {
    ProductCode::builder()
        .product_code_id(id)
        .product_code_type(kind)
        .build()
}

pub(super) fn elastic_gpu(association: &str) -> ElasticGpuAssociation {
    ElasticGpuAssociation::builder()
        .elastic_gpu_id("egpu-1")
        .elastic_gpu_association_id(association)
        .elastic_gpu_association_state("ASSOCIATED")
        .elastic_gpu_association_time("2023-01-02T03:04:05Z")
        .build()
}

pub(super) fn accelerator(association: &str) -> ElasticInferenceAcceleratorAssociation {
    ElasticInferenceAcceleratorAssociation::builder()
        .elastic_inference_accelerator_arn("arn:accelerator")
        .elastic_inference_accelerator_association_id(association)
        .elastic_inference_accelerator_association_state("associated")
        .elastic_inference_accelerator_association_time(DateTime::from_secs(1_600_000_000))
        .build()
}

pub(super) fn block_device(name: &str, volume: &str) -> InstanceBlockDeviceMapping {
    let ebs = EbsInstanceBlockDevice::builder()
        .attach_time(DateTime::from_secs(1_700_000_000))
        .delete_on_termination(true)
        .status(AttachmentStatus::Attached)
        .volume_id(volume)
        .associated_resource("arn:resource")
        .volume_owner_id("111111111111")
        .operator(operator("ebs.amazonaws.com"))
        .ebs_card_index(0)
        .build();
    InstanceBlockDeviceMapping::builder().device_name(name).ebs(ebs).build()
}

pub(super) fn association(public_ip: &str) -> InstanceNetworkInterfaceAssociation {
    InstanceNetworkInterfaceAssociation::builder()
        .carrier_ip("192.0.2.1")
        .customer_owned_ip("192.0.2.2")
        .ip_owner_id("amazon")
        .public_dns_name("ec2.example.com")
        .public_ip(public_ip)
        .build()
}

pub(super) fn private_address(address: &str, primary: bool) -> InstancePrivateIpAddress {
    InstancePrivateIpAddress::builder()
        .association(association("198.51.100.3"))
        .primary(primary)
        .private_dns_name("ip.internal")
        .private_ip_address(address)
        .build()
}

pub(super) fn interface(id: &str, device_index: i32) -> InstanceNetworkInterface {
    let ipv6 = |address: &str| {
        InstanceIpv6Address::builder()
            .ipv6_address(address)
            .is_primary_ipv6(true)
            .build()
    };
    InstanceNetworkInterface::builder()
        .association(association("198.51.100.2"))
        .attachment(
            InstanceNetworkInterfaceAttachment::builder()
                .attach_time(DateTime::from_secs_and_nanos(1_700_000_000, 500_000_000))
                .attachment_id("eni-attach-1")
                .delete_on_termination(true)
                .device_index(device_index)
                .status(AttachmentStatus::Attached)
                .network_card_index(0)
                .ena_srd_specification(
                    InstanceAttachmentEnaSrdSpecification::builder()
                        .ena_srd_enabled(true)
                        .ena_srd_udp_specification(
                            InstanceAttachmentEnaSrdUdpSpecification::builder()
                                .ena_srd_udp_enabled(false)
                                .build(),
                        )
                        .build(),
                )
                .ena_queue_count(8)
                .build(),
        )
        .description("Primary")
        .groups(group("sg-b", "beta"))
        .groups(group("sg-a", "alpha"))
        .ipv6_addresses(ipv6("2600::2"))
        .ipv6_addresses(ipv6("2600::1"))
        .mac_address("02:00:00:00:00:01")
        .network_interface_id(id)
        .owner_id("111111111111")
        .private_dns_name("ip-10-0-0-1.ec2.internal")
        .private_ip_address("10.0.0.9")
        .private_ip_addresses(private_address("10.0.0.2", false))
        .private_ip_addresses(private_address("10.0.0.1", false))
        .private_ip_addresses(private_address("10.0.0.9", true))
        .source_dest_check(true)
        .status(NetworkInterfaceStatus::InUse)
        .subnet_id("subnet-1")
        .vpc_id("vpc-1")
        .interface_type("interface")
        .ipv4_prefixes(InstanceIpv4Prefix::builder().ipv4_prefix("10.0.2.0/28").build())
        .ipv4_prefixes(InstanceIpv4Prefix::builder().ipv4_prefix("10.0.1.0/28").build())
        .ipv6_prefixes(InstanceIpv6Prefix::builder().ipv6_prefix("2600:2::/80").build())
        .ipv6_prefixes(InstanceIpv6Prefix::builder().ipv6_prefix("2600:1::/80").build())
        .connection_tracking_configuration(
            ConnectionTrackingSpecificationResponse::builder()
                .tcp_established_timeout(350)
                .udp_stream_timeout(180)
                .udp_timeout(30)
                .build(),
        )
        .operator(operator("eni.amazonaws.com"))
        .build()
}

pub(super) fn secondary_interface(id: &str, network_card_index: i32) -> InstanceSecondaryInterface {
    let address = |text: &str| {
        InstanceSecondaryInterfacePrivateIpAddress::builder()
            .private_ip_address(text)
            .build()
    };
    InstanceSecondaryInterface::builder()
        .attachment(
            InstanceSecondaryInterfaceAttachment::builder()
                .attach_time(DateTime::from_secs(1_700_000_000))
                .attachment_id("sec-attach-1")
                .delete_on_termination(true)
                .device_index(1)
                .status(AttachmentStatus::Attaching)
                .network_card_index(network_card_index)
                .build(),
        )
        .mac_address("02:00:00:00:00:02")
        .secondary_interface_id(id)
        .owner_id("111111111111")
        .private_ip_addresses(address("10.1.0.2"))
        .private_ip_addresses(address("10.1.0.1"))
        .source_dest_check(true)
        .status(SecondaryInterfaceStatus::InUse)
        .secondary_subnet_id("ss-1")
        .secondary_network_id("sn-1")
        .interface_type(SecondaryInterfaceType::Secondary)
        .build()
}
