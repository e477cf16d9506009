#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use aws_sdk_ec2::types::*;
use connector_core::table::Kind;
use serde_json::{Value as Json, json};

use super::*;

/// An instance with every member that the SDK knows.
fn full() -> Instance {
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

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn group(id: &str, name: &str) -> GroupIdentifier {
    GroupIdentifier::builder().group_id(id).group_name(name).build()
}

fn operator(principal: &str) -> OperatorResponse {
    OperatorResponse::builder()
        .managed(true)
        .principal(principal)
        .hidden_by_default(false)
        .build()
}

fn product_code(id: &str, kind: ProductCodeValues) -> ProductCode {
    ProductCode::builder()
        .product_code_id(id)
        .product_code_type(kind)
        .build()
}

fn elastic_gpu(association: &str) -> ElasticGpuAssociation {
    ElasticGpuAssociation::builder()
        .elastic_gpu_id("egpu-1")
        .elastic_gpu_association_id(association)
        .elastic_gpu_association_state("ASSOCIATED")
        .elastic_gpu_association_time("2023-01-02T03:04:05Z")
        .build()
}

fn accelerator(association: &str) -> ElasticInferenceAcceleratorAssociation {
    ElasticInferenceAcceleratorAssociation::builder()
        .elastic_inference_accelerator_arn("arn:accelerator")
        .elastic_inference_accelerator_association_id(association)
        .elastic_inference_accelerator_association_state("associated")
        .elastic_inference_accelerator_association_time(DateTime::from_secs(1_600_000_000))
        .build()
}

fn block_device(name: &str, volume: &str) -> InstanceBlockDeviceMapping {
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

fn association(public_ip: &str) -> InstanceNetworkInterfaceAssociation {
    InstanceNetworkInterfaceAssociation::builder()
        .carrier_ip("192.0.2.1")
        .customer_owned_ip("192.0.2.2")
        .ip_owner_id("amazon")
        .public_dns_name("ec2.example.com")
        .public_ip(public_ip)
        .build()
}

fn private_address(address: &str, primary: bool) -> InstancePrivateIpAddress {
    InstancePrivateIpAddress::builder()
        .association(association("198.51.100.3"))
        .primary(primary)
        .private_dns_name("ip.internal")
        .private_ip_address(address)
        .build()
}

fn interface(id: &str, device_index: i32) -> InstanceNetworkInterface {
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

fn secondary_interface(id: &str, network_card_index: i32) -> InstanceSecondaryInterface {
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

/// The instance in a reservation that has every member too.
fn record(instance: Instance) -> InstanceRecord {
    let reservation = Reservation::builder()
        .reservation_id("r-1")
        .owner_id("111111111111")
        .requester_id("222222222222")
        .groups(group("sg-d", "delta"))
        .groups(group("sg-c", "gamma"))
        .instances(instance)
        .build();
    InstanceRecord::from_reservation(reservation, &Arc::from("us-gov-west-1"))
        .next()
        .unwrap()
}

/// A record of which AWS has said nothing at all.
fn empty() -> InstanceRecord {
    let reservation = Reservation::builder().instances(Instance::builder().build()).build();
    InstanceRecord::from_reservation(reservation, &Arc::from("eu-central-1"))
        .next()
        .unwrap()
}

/// The record of [`full`] with every list turned round.
fn turned_round() -> InstanceRecord {
    let mut instance = full();
    for interface in instance.network_interfaces.iter_mut().flatten() {
        interface.groups.as_mut().unwrap().reverse();
        interface.private_ip_addresses.as_mut().unwrap().reverse();
        interface.ipv6_addresses.as_mut().unwrap().reverse();
        interface.ipv4_prefixes.as_mut().unwrap().reverse();
        interface.ipv6_prefixes.as_mut().unwrap().reverse();
    }
    for interface in instance.secondary_interfaces.iter_mut().flatten() {
        interface.private_ip_addresses.as_mut().unwrap().reverse();
    }
    instance.tags.as_mut().unwrap().reverse();
    instance.security_groups.as_mut().unwrap().reverse();
    instance.network_interfaces.as_mut().unwrap().reverse();
    instance.secondary_interfaces.as_mut().unwrap().reverse();
    instance.block_device_mappings.as_mut().unwrap().reverse();
    instance.product_codes.as_mut().unwrap().reverse();
    instance.licenses.as_mut().unwrap().reverse();
    instance.elastic_gpu_associations.as_mut().unwrap().reverse();
    instance
        .elastic_inference_accelerator_associations
        .as_mut()
        .unwrap()
        .reverse();
    let mut record = record(instance);
    Arc::make_mut(&mut record.reservation)
        .groups
        .as_mut()
        .unwrap()
        .reverse();
    record
}

fn value<'a>(record: &'a InstanceRecord, name: &str) -> Value<'a> {
    let column = COLUMNS.iter().find(|column| column.name == name);
    (column.unwrap_or_else(|| panic!("no column {name}")).value)(record)
}

fn nested(record: &InstanceRecord, name: &str) -> Json {
    match value(record, name) {
        Value::Nested(json) => serde_json::from_str(&json).unwrap(),
        other => panic!("{name} is {other:?}"),
    }
}

/// What the row of [`full`] holds, column by column.
fn expected() -> Vec<(&'static str, Value<'static>)> {
    let text = |text: &'static str| Value::text(Some(text));
    let integer = |number: i64| Value::integer(Some(number));
    let boolean = |truth: bool| Value::boolean(Some(truth));
    let nested = |json: Json| Value::Nested(json.to_string());
    vec![
        ("instance_id", text("i-0abc")),
        (
            "arn",
            text("arn:aws-us-gov:ec2:us-gov-west-1:111111111111:instance/i-0abc"),
        ),
        ("name", text("web-1")),
        ("state", text("stopped")),
        ("state_code", integer(80)),
        ("state_reason_code", text("Client.UserInitiatedShutdown")),
        ("state_reason_message", text("User initiated")),
        (
            "state_transition_reason",
            text("User initiated (2024-05-06 07:08:09 GMT)"),
        ),
        ("launch_time", Value::Timestamp(1_700_000_000, 250_000_000)),
        ("instance_type", text("m7g.large")),
        ("lifecycle", text("spot")),
        ("architecture", text("x86_64")),
        ("platform", text("windows")),
        ("platform_details", text("Windows")),
        ("usage_operation", text("RunInstances:0002")),
        ("usage_operation_update_time", Value::Timestamp(1_700_000_001, 0)),
        ("virtualization_type", text("hvm")),
        ("hypervisor", text("xen")),
        ("image_id", text("ami-1")),
        ("kernel_id", text("aki-1")),
        ("ramdisk_id", text("ari-1")),
        ("key_name", text("key-1")),
        ("ami_launch_index", integer(7)),
        ("client_token", text("token-1")),
        ("reservation_id", text("r-1")),
        ("owner_id", text("111111111111")),
        ("requester_id", text("222222222222")),
        ("spot_instance_request_id", text("sir-1")),
        ("vpc_id", text("vpc-1")),
        ("subnet_id", text("subnet-1")),
        ("private_ip_address", text("10.0.0.1")),
        ("public_ip_address", text("198.51.100.1")),
        ("ipv6_address", text("2600::1")),
        ("private_dns_name", text("ip-10-0-0-1.ec2.internal")),
        ("public_dns_name", text("")),
        ("private_dns_name_options_hostname_type", text("resource-name")),
        (
            "private_dns_name_options_enable_resource_name_dns_a_record",
            boolean(true),
        ),
        (
            "private_dns_name_options_enable_resource_name_dns_aaaa_record",
            boolean(false),
        ),
        ("source_dest_check", boolean(false)),
        ("ena_support", boolean(true)),
        ("sriov_net_support", text("simple")),
        ("network_performance_bandwidth_weighting", text("vpc-1")),
        ("availability_zone", text("us-gov-west-1a")),
        ("availability_zone_id", text("usgw1-az1")),
        ("placement_tenancy", text("host")),
        ("placement_group_name", text("pg")),
        ("placement_group_id", text("pg-1")),
        ("placement_partition_number", integer(2)),
        ("placement_host_id", text("h-1")),
        (
            "placement_host_resource_group_arn",
            text("arn:aws:resource-groups:::group/hosts"),
        ),
        ("placement_affinity", text("host")),
        ("placement_spread_domain", text("spread")),
        (
            "outpost_arn",
            text("arn:aws:outposts:us-gov-west-1:111111111111:outpost/op-1"),
        ),
        ("capacity_reservation_id", text("cr-1")),
        ("capacity_reservation_preference", text("open")),
        ("capacity_reservation_target_id", text("cr-2")),
        (
            "capacity_reservation_target_resource_group_arn",
            text("arn:aws:resource-groups:::group/g"),
        ),
        ("capacity_block_id", text("cb-1")),
        ("cpu_core_count", integer(4)),
        ("cpu_threads_per_core", integer(2)),
        ("cpu_amd_sev_snp", text("enabled")),
        ("cpu_nested_virtualization", text("disabled")),
        ("root_device_name", text("/dev/xvda")),
        ("root_device_type", text("ebs")),
        ("ebs_optimized", boolean(true)),
        ("boot_mode", text("uefi-preferred")),
        ("current_instance_boot_mode", text("uefi")),
        ("tpm_support", text("v2.0")),
        (
            "iam_instance_profile_arn",
            text("arn:aws:iam::111111111111:instance-profile/web"),
        ),
        ("iam_instance_profile_id", text("AIPAEXAMPLE")),
        ("enclave_enabled", boolean(false)),
        ("metadata_state", text("applied")),
        ("metadata_http_tokens", text("required")),
        ("metadata_hop_limit", integer(3)),
        ("metadata_http_endpoint", text("enabled")),
        ("metadata_http_protocol_ipv6", text("disabled")),
        ("metadata_instance_metadata_tags", text("enabled")),
        ("monitoring", text("enabled")),
        ("hibernation_configured", boolean(true)),
        ("maintenance_auto_recovery", text("default")),
        ("maintenance_reboot_migration", text("disabled")),
        ("operator_managed", boolean(true)),
        ("operator_principal", text("eks.amazonaws.com")),
        ("operator_hidden_by_default", boolean(false)),
        (
            "tags",
            nested(json!([
                {"key": "Name", "value": "web-1"},
                {"key": "name", "value": "lower"},
                {"key": "team", "value": "a \"b\"\n"},
            ])),
        ),
        ("security_groups", nested(groups_json())),
        (
            "network_interfaces",
            nested(json!([interface_json("eni-a", 0), interface_json("eni-b", 1)])),
        ),
        (
            "secondary_interfaces",
            nested(json!([secondary_json("sec-a", 0), secondary_json("sec-b", 1)])),
        ),
        (
            "block_devices",
            nested(json!([
                block_json("/dev/xvda", "vol-a"),
                block_json("/dev/xvdb", "vol-b")
            ])),
        ),
        (
            "product_codes",
            nested(json!([
                {"product_code_id": "a-code", "product_code_type": "devpay"},
                {"product_code_id": "z-code", "product_code_type": "marketplace"},
            ])),
        ),
        (
            "licenses",
            nested(json!([
                {"license_configuration_arn": "arn:license:a"},
                {"license_configuration_arn": "arn:license:b"},
            ])),
        ),
        (
            "elastic_gpu_associations",
            nested(json!([gpu_json("egpu-assoc-1"), gpu_json("egpu-assoc-2")])),
        ),
        (
            "elastic_inference_accelerator_associations",
            nested(json!([
                accelerator_json("eia-assoc-1"),
                accelerator_json("eia-assoc-2")
            ])),
        ),
        (
            "reservation_groups",
            nested(json!([
                {"group_id": "sg-c", "group_name": "gamma"},
                {"group_id": "sg-d", "group_name": "delta"},
            ])),
        ),
    ]
}

fn groups_json() -> Json {
    json!([{"group_id": "sg-a", "group_name": "alpha"}, {"group_id": "sg-b", "group_name": "beta"}])
}

fn operator_json(principal: &str) -> Json {
    json!({"managed": true, "principal": principal, "hidden_by_default": false})
}

fn gpu_json(association: &str) -> Json {
    json!({
        "elastic_gpu_id": "egpu-1",
        "elastic_gpu_association_id": association,
        "elastic_gpu_association_state": "ASSOCIATED",
        "elastic_gpu_association_time": "2023-01-02T03:04:05Z",
    })
}

fn accelerator_json(association: &str) -> Json {
    json!({
        "elastic_inference_accelerator_arn": "arn:accelerator",
        "elastic_inference_accelerator_association_id": association,
        "elastic_inference_accelerator_association_state": "associated",
        "elastic_inference_accelerator_association_time": "2020-09-13T12:26:40Z",
    })
}

fn block_json(name: &str, volume: &str) -> Json {
    json!({
        "device_name": name,
        "ebs": {
            "volume_id": volume,
            "volume_owner_id": "111111111111",
            "status": "attached",
            "attach_time": "2023-11-14T22:13:20Z",
            "delete_on_termination": true,
            "ebs_card_index": 0,
            "associated_resource": "arn:resource",
            "operator": operator_json("ebs.amazonaws.com"),
        },
    })
}

fn association_json(public_ip: &str) -> Json {
    json!({
        "public_ip": public_ip,
        "public_dns_name": "ec2.example.com",
        "ip_owner_id": "amazon",
        "carrier_ip": "192.0.2.1",
        "customer_owned_ip": "192.0.2.2",
    })
}

fn private_address_json(address: &str, primary: bool) -> Json {
    json!({
        "private_ip_address": address,
        "primary": primary,
        "private_dns_name": "ip.internal",
        "association": association_json("198.51.100.3"),
    })
}

fn interface_json(id: &str, device_index: i32) -> Json {
    json!({
        "network_interface_id": id,
        "interface_type": "interface",
        "status": "in-use",
        "description": "Primary",
        "owner_id": "111111111111",
        "mac_address": "02:00:00:00:00:01",
        "vpc_id": "vpc-1",
        "subnet_id": "subnet-1",
        "source_dest_check": true,
        "private_dns_name": "ip-10-0-0-1.ec2.internal",
        "private_ip_address": "10.0.0.9",
        "private_ip_addresses": [
            private_address_json("10.0.0.9", true),
            private_address_json("10.0.0.1", false),
            private_address_json("10.0.0.2", false),
        ],
        "ipv6_addresses": [
            {"ipv6_address": "2600::1", "is_primary_ipv6": true},
            {"ipv6_address": "2600::2", "is_primary_ipv6": true},
        ],
        "ipv4_prefixes": [{"ipv4_prefix": "10.0.1.0/28"}, {"ipv4_prefix": "10.0.2.0/28"}],
        "ipv6_prefixes": [{"ipv6_prefix": "2600:1::/80"}, {"ipv6_prefix": "2600:2::/80"}],
        "association": association_json("198.51.100.2"),
        "groups": groups_json(),
        "attachment": {
            "attachment_id": "eni-attach-1",
            "device_index": device_index,
            "network_card_index": 0,
            "status": "attached",
            "attach_time": "2023-11-14T22:13:20.5Z",
            "delete_on_termination": true,
            "ena_queue_count": 8,
            "ena_srd_specification": {
                "ena_srd_enabled": true,
                "ena_srd_udp_specification": {"ena_srd_udp_enabled": false},
            },
        },
        "connection_tracking_configuration": {
            "tcp_established_timeout": 350,
            "udp_stream_timeout": 180,
            "udp_timeout": 30,
        },
        "operator": operator_json("eni.amazonaws.com"),
    })
}

fn secondary_json(id: &str, network_card_index: i32) -> Json {
    json!({
        "secondary_interface_id": id,
        "interface_type": "secondary",
        "status": "in-use",
        "owner_id": "111111111111",
        "mac_address": "02:00:00:00:00:02",
        "secondary_network_id": "sn-1",
        "secondary_subnet_id": "ss-1",
        "source_dest_check": true,
        "private_ip_addresses": [{"private_ip_address": "10.1.0.1"}, {"private_ip_address": "10.1.0.2"}],
        "attachment": {
            "attachment_id": "sec-attach-1",
            "device_index": 1,
            "network_card_index": network_card_index,
            "status": "attaching",
            "attach_time": "2023-11-14T22:13:20Z",
            "delete_on_termination": true,
        },
    })
}

#[test]
fn every_column_shows_what_aws_gave() {
    let record = record(full());
    let expected = expected();
    for (column, (name, value)) in COLUMNS.iter().zip(&expected) {
        assert_eq!(column.name, *name, "order of the columns");
        assert_eq!((column.value)(&record), *value, "{name}");
    }
    assert_eq!(
        COLUMNS.len(),
        expected.len(),
        "a column without an expectation, or the other way round"
    );
}

/// Fails when a new version of the SDK knows a member that the table does not show: add it to [`full`], then to a
/// column or a nested value.
#[test]
fn every_member_that_the_sdk_knows_is_in_the_row_once() {
    let record = record(full());
    let given = format!("{:#?}", record.instance);
    assert!(
        !given.contains("None"),
        "a member without a value in the fixture:\n{given}"
    );
    let mut reservation = (*record.reservation).clone();
    assert_eq!(
        reservation.instances.replace(Vec::new()),
        None,
        "the instances are in records of their own"
    );
    let around = format!("{reservation:#?}");
    assert!(
        !around.contains("None"),
        "a member without a value in the fixture:\n{around}"
    );

    // A line of pretty debug output that neither opens nor closes anything holds one value.
    let is_value = |line: &&str| !line.ends_with(['{', '[', '(']) && !line.trim().starts_with(['}', ']', ')']);
    let given = given.lines().filter(is_value).count() + around.lines().filter(is_value).count();
    let empty_instances = 1;

    let own = ["arn", "name"];
    let shown: usize = COLUMNS
        .iter()
        .filter(|column| !own.contains(&column.name))
        .map(|column| match (column.value)(&record) {
            Value::Null => panic!("{} is NULL", column.name),
            Value::Nested(json) => scalars(&serde_json::from_str(&json).unwrap()),
            _ => 1,
        })
        .sum();
    assert_eq!(shown, given - empty_instances);
}

fn scalars(json: &Json) -> usize {
    match json {
        Json::Array(list) => list.iter().map(scalars).sum(),
        Json::Object(members) => members.values().map(scalars).sum(),
        Json::Null => panic!("null in a nested value of the full instance"),
        _ => 1,
    }
}

#[test]
fn of_an_instance_without_members_all_is_null_but_key_and_lists() {
    let record = empty();
    for column in COLUMNS {
        let value = (column.value)(&record);
        match column.kind {
            Kind::Nested => assert_eq!(value, Value::Nested("[]".into()), "{}", column.name),
            _ if column.key => assert_eq!(value, Value::text(Some("")), "{}", column.name),
            _ => assert_eq!(value, Value::Null, "{}", column.name),
        }
    }
}

#[test]
fn an_empty_list_and_an_empty_part_are_like_absent_ones() {
    let mut record = empty();
    record.instance.tags = Some(Vec::new());
    record.instance.network_interfaces = Some(Vec::new());
    record.instance.placement = Some(Placement::builder().build());
    record.instance.capacity_reservation_specification =
        Some(CapacityReservationSpecificationResponse::builder().build());
    for column in COLUMNS {
        assert_eq!((column.value)(&record), (column.value)(&empty()), "{}", column.name);
    }
}

#[test]
fn an_absent_member_of_a_nested_value_is_null() {
    let mut record = empty();
    record.instance.network_interfaces = Some(vec![InstanceNetworkInterface::builder().build()]);
    record.instance.block_device_mappings = Some(vec![InstanceBlockDeviceMapping::builder().build()]);

    let mut shape = interface_json("", 0);
    for member in shape.as_object_mut().unwrap().values_mut() {
        *member = if member.is_array() { json!([]) } else { Json::Null };
    }
    assert_eq!(
        value(&record, "network_interfaces"),
        Value::Nested(json!([shape]).to_string())
    );
    assert_eq!(
        value(&record, "block_devices"),
        Value::Nested(r#"[{"device_name":null,"ebs":null}]"#.into())
    );
}

#[test]
fn an_empty_text_stays_a_text() {
    let mut record = empty();
    record.instance.public_dns_name = Some(String::new());
    record.instance.tags = Some(vec![tag("Name", "")]);
    assert_eq!(value(&record, "public_dns_name"), Value::text(Some("")));
    assert_eq!(value(&record, "name"), Value::text(Some("")));
}

#[test]
fn the_order_in_which_aws_answers_does_not_show() {
    let (there, back) = (record(full()), turned_round());
    assert_ne!(there.instance, back.instance);
    for column in COLUMNS {
        assert_eq!((column.value)(&there), (column.value)(&back), "{}", column.name);
    }
}

#[test]
fn elements_with_the_same_key_are_ordered_too() {
    let row = |tags: [Tag; 3]| {
        let mut record = empty();
        record.instance.tags = Some(tags.into());
        nested(&record, "tags")
    };
    let ordered = json!([{"key": null, "value": "x"}, {"key": "k", "value": "1"}, {"key": "k", "value": "2"}]);
    let unnamed = Tag::builder().value("x").build();
    assert_eq!(row([tag("k", "2"), tag("k", "1"), unnamed.clone()]), ordered);
    assert_eq!(row([tag("k", "1"), unnamed, tag("k", "2")]), ordered);
}

#[test]
fn interfaces_are_ordered_by_device_then_card_then_id() {
    let at = |id: &str, device_index: Option<i32>, network_card_index: Option<i32>| {
        let mut interface = interface(id, 0);
        let attachment = interface.attachment.as_mut().unwrap();
        attachment.device_index = device_index;
        attachment.network_card_index = network_card_index;
        interface
    };
    let mut record = empty();
    record.instance.network_interfaces = Some(vec![
        InstanceNetworkInterface::builder()
            .network_interface_id("detached")
            .build(),
        at("ten", Some(10), None),
        at("two", Some(2), None),
        at("one-card-1", Some(1), Some(1)),
        at("one-card-0-b", Some(1), Some(0)),
        at("one-card-0-a", Some(1), None),
        at("primary", Some(0), Some(0)),
    ]);
    let interfaces = nested(&record, "network_interfaces");
    let ids: Vec<_> = interfaces
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["network_interface_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "primary",
            "one-card-0-a",
            "one-card-0-b",
            "one-card-1",
            "two",
            "ten",
            "detached"
        ]
    );
}

#[test]
fn values_that_the_sdk_does_not_know_are_shown_as_aws_gave_them() {
    let mut record = record(full());
    record.instance.instance_type = Some(InstanceType::from("z99.mega"));
    record.instance.state = Some(
        InstanceState::builder()
            .name(InstanceStateName::from("sleeping"))
            .build(),
    );
    record.instance.network_interfaces.as_mut().unwrap()[0].status = Some(NetworkInterfaceStatus::from("floating"));
    assert_eq!(value(&record, "instance_type"), Value::text(Some("z99.mega")));
    assert_eq!(value(&record, "state"), Value::text(Some("sleeping")));
    assert_eq!(nested(&record, "network_interfaces")[1]["status"], "floating");
}

#[test]
fn a_state_code_is_without_its_high_byte() {
    for (code, shown) in [(0, 0), (16, 16), (272, 16), (0x0100 + 48, 48)] {
        let mut record = empty();
        record.instance.state = Some(InstanceState::builder().code(code).build());
        assert_eq!(value(&record, "state_code"), Value::Integer(shown), "{code}");
    }
}

#[test]
fn names_are_unique_snake_case_and_meanings_are_sentences() {
    let from_the_core = ["account_id", "account_name", "organizational_unit_path", "region"];
    let mut seen = HashSet::from(from_the_core);
    for column in COLUMNS {
        assert!(seen.insert(column.name), "{} twice", column.name);
        let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(
            column.name.starts_with(|c: char| c.is_ascii_lowercase()),
            "{}",
            column.name
        );
        assert!(
            column.name.chars().all(snake) && !column.name.contains("__"),
            "{}",
            column.name
        );
        assert!(!column.name.ends_with('_'), "{}", column.name);
        assert!(column.meaning.ends_with('.'), "{}: {}", column.name, column.meaning);
    }
}

#[test]
fn values_are_of_the_declared_kind() {
    for record in [record(full()), turned_round(), empty()] {
        for column in COLUMNS {
            let kind = match (column.value)(&record) {
                Value::Null => {
                    assert!(!column.key, "{} is a key and NULL", column.name);
                    continue;
                }
                Value::Text(_) => Kind::Text,
                Value::Integer(_) => Kind::Integer,
                Value::Number(_) => Kind::Number,
                Value::Boolean(_) => Kind::Boolean,
                Value::Timestamp(..) => Kind::Timestamp,
                Value::Nested(_) => Kind::Nested,
            };
            assert_eq!(kind, column.kind, "{}", column.name);
        }
    }
}

#[test]
fn the_key_is_the_instance() {
    let keys: Vec<_> = COLUMNS
        .iter()
        .filter(|column| column.key)
        .map(|column| column.name)
        .collect();
    assert_eq!(keys, ["instance_id"]);
}

#[test]
fn a_reservation_becomes_one_record_for_each_instance() {
    let instance = |id: &str| Instance::builder().instance_id(id).build();
    let reservation = Reservation::builder()
        .owner_id("1")
        .instances(instance("i-2"))
        .instances(instance("i-1"))
        .build();
    let records: Vec<_> = InstanceRecord::from_reservation(reservation, &Arc::from("eu-west-1")).collect();
    let arns: Vec<_> = records.iter().map(|record| record.arn().unwrap()).collect();
    assert_eq!(
        arns,
        [
            "arn:aws:ec2:eu-west-1:1:instance/i-2",
            "arn:aws:ec2:eu-west-1:1:instance/i-1"
        ]
    );

    let none = Reservation::builder().owner_id("1").build();
    assert_eq!(
        InstanceRecord::from_reservation(none, &Arc::from("eu-west-1")).count(),
        0
    );
}

#[test]
fn an_arn_names_the_partition_of_its_region() {
    for (region, expected) in [
        ("us-east-1", "aws"),
        ("eu-central-1", "aws"),
        ("mx-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eusc-de-east-1", "aws-eusc"),
    ] {
        assert_eq!(partition(region), expected, "{region}");
    }
}
