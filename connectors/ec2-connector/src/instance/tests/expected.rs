//! What the full instance must look like: column by column, and inside of the nested values.

use serde_json::json;

use super::*;

/// What the row of [`full`] holds, column by column.
pub(super) fn expected() -> Vec<(&'static str, Value<'static>)> {
    let text = |text: &'static str| Value::text(Some(text));
    let integer = |number: i64| Value::integer(Some(number));
    let boolean = |truth: bool| Value::boolean(Some(truth));
    let nested = |json: Json| Value::Nested(json.to_string().into());
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

pub(super) fn groups_json() -> Json {
    json!([{"group_id": "sg-a", "group_name": "alpha"}, {"group_id": "sg-b", "group_name": "beta"}])
}

pub(super) fn operator_json(principal: &str) -> Json {
    json!({"managed": true, "principal": principal, "hidden_by_default": false})
}

pub(super) fn gpu_json(association: &str) -> Json {
    json!({
        "elastic_gpu_id": "egpu-1",
        "elastic_gpu_association_id": association,
        "elastic_gpu_association_state": "ASSOCIATED",
        "elastic_gpu_association_time": "2023-01-02T03:04:05Z",
    })
}

pub(super) fn accelerator_json(association: &str) -> Json {
    json!({
        "elastic_inference_accelerator_arn": "arn:accelerator",
        "elastic_inference_accelerator_association_id": association,
        "elastic_inference_accelerator_association_state": "associated",
        "elastic_inference_accelerator_association_time": "2020-09-13T12:26:40Z",
    })
}

pub(super) fn block_json(name: &str, volume: &str) -> Json {
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

pub(super) fn association_json(public_ip: &str) -> Json {
    json!({
        "public_ip": public_ip,
        "public_dns_name": "ec2.example.com",
        "ip_owner_id": "amazon",
        "carrier_ip": "192.0.2.1",
        "customer_owned_ip": "192.0.2.2",
    })
}

pub(super) fn private_address_json(address: &str, primary: bool) -> Json {
    json!({
        "private_ip_address": address,
        "primary": primary,
        "private_dns_name": "ip.internal",
        "association": association_json("198.51.100.3"),
    })
}

pub(super) fn interface_json(id: &str, device_index: i32) -> Json {
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

pub(super) fn secondary_json(id: &str, network_card_index: i32) -> Json {
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
