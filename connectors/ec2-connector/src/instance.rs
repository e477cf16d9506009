//! The table of EC2 instances: the record of one instance and the columns of its row.
//!
//! The columns follow the [`Instance`](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html) of
//! `DescribeInstances`, member by member, and the members of the reservation around it. NULL means that AWS gave
//! nothing; a text that AWS gave empty stays empty. Lists are never NULL.

use connector_core::table::{Column, Value};

use crate::members::{Instance, Reservation, Text, Time};

/// What one row is made from.
#[derive(Clone, Copy, Debug)]
pub struct InstanceRecord<'a> {
    /// The instance as AWS describes it.
    pub instance: &'a Instance<'a>,
    /// The reservation that launched it.
    pub reservation: &'a Reservation<'a>,
    /// The region that was asked, such as `eu-central-1`.
    pub region: &'a str,
}

impl<'a> InstanceRecord<'a> {
    /// The records of one reservation in an answer of `DescribeInstances`, in the order of the answer.
    pub fn of(reservation: &'a Reservation<'a>, region: &'a str) -> impl Iterator<Item = Self> {
        reservation.instances.iter().map(move |instance| InstanceRecord {
            instance,
            reservation,
            region,
        })
    }

    /// The value of the `Name` tag. Keys of tags are case-sensitive.
    fn name(&self) -> Option<&str> {
        let mut tags = self.instance.tags.iter();
        tags.find(|tag| tag.key.as_deref() == Some("Name"))?.value.as_deref()
    }

    /// The ARN, which `DescribeInstances` does not give.
    fn arn(&self) -> Option<String> {
        let instance = self.instance.instance_id.as_deref()?;
        let owner = self.reservation.owner_id.as_deref()?;
        let partition = partition(self.region);
        Some(
            [
                "arn:",
                partition,
                ":ec2:",
                self.region,
                ":",
                owner,
                ":instance/",
                instance,
            ]
            .concat(),
        )
    }
}

#[rustfmt::skip] // Name, meaning and the way to the value: two or three lines a column, formatted they would be five.
impl<'a> InstanceRecord<'a> {
    /// The columns of the table, in the order of the output.
    pub const COLUMNS: &'a [Column<Self>] = &[
    // Identity
    Column::text("instance_id", "ID of the instance.",
        |r: &Self| Value::text(r.instance.instance_id.as_deref())).key(),
    Column::text("arn",
        "Amazon Resource Name (ARN) of the instance, put together from partition, region, owner and ID.",
        |r| r.arn().map_or(Value::Null, |arn| Value::Text(arn.into()))),
    Column::text("name", "Value of the tag `Name`; NULL without such a tag.",
        |r| Value::text(r.name())),

    // State
    Column::text("state", "State: `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.",
        |r| within(&r.instance.state, |s| text(&s.name))),
    Column::integer("state_code",
        "State as a number: 0, 16, 32, 48, 64 or 80 in the order of `state` (AWS's internal high byte is cut off).",
        |r| within(&r.instance.state, |s| Value::integer(s.code.map(|code| code & 0xff)))),
    Column::text("state_reason_code",
        "Code of the last state transition's reason, such as `Server.SpotInstanceTermination`; NULL without one.",
        |r| within(&r.instance.state_reason, |s| text(&s.code))),
    Column::text("state_reason_message", "Message of the last state transition's reason; NULL without one.",
        |r| within(&r.instance.state_reason, |s| text(&s.message))),
    Column::text("state_transition_reason",
        "Reason for the most recent state transition in AWS's short form, often with its time; may be an empty string.",
        |r| text(&r.instance.state_transition_reason)),
    Column::timestamp("launch_time",
        "Time of the last launch or start; the first launch is the attach time of the primary network interface.",
        |r| time(&r.instance.launch_time)),

    // Type and platform
    Column::text("instance_type", "Instance type, such as `m7g.large`.",
        |r| text(&r.instance.instance_type)),
    Column::text("lifecycle",
        "`spot`, `scheduled`, `capacity-block` or `interruptible-capacity-reservation`; NULL for On-Demand.",
        |r| text(&r.instance.instance_lifecycle)),
    Column::text("architecture", "Architecture of the image: `i386`, `x86_64`, `arm64`, `x86_64_mac` or `arm64_mac`.",
        |r| text(&r.instance.architecture)),
    Column::text("platform", "`windows` for a Windows instance; NULL for any other.",
        |r| text(&r.instance.platform)),
    Column::text("platform_details",
        "Platform as it is billed, such as `Linux/UNIX` or `Windows with SQL Server Standard`.",
        |r| text(&r.instance.platform_details)),
    Column::text("usage_operation", "Operation of the instance on the bill, such as `RunInstances:0010`.",
        |r| text(&r.instance.usage_operation)),
    Column::timestamp("usage_operation_update_time", "Time at which the usage operation was last updated.",
        |r| time(&r.instance.usage_operation_update_time)),
    Column::text("virtualization_type", "Virtualization type: `hvm` or `paravirtual`.",
        |r| text(&r.instance.virtualization_type)),
    Column::text("hypervisor", "Hypervisor type: `xen`, which stands for Nitro too, or `ovm`.",
        |r| text(&r.instance.hypervisor)),

    // Image, launch and reservation
    Column::text("image_id", "ID of the AMI that the instance was launched from.",
        |r| text(&r.instance.image_id)),
    Column::text("kernel_id", "ID of the kernel; NULL where none is associated.",
        |r| text(&r.instance.kernel_id)),
    Column::text("ramdisk_id", "ID of the RAM disk; NULL where none is associated.",
        |r| text(&r.instance.ramdisk_id)),
    Column::text("key_name", "Name of the key pair; NULL for an instance launched without one.",
        |r| text(&r.instance.key_name)),
    Column::integer("ami_launch_index", "Index of the instance among those launched by the same request, from 0.",
        |r| Value::integer(r.instance.ami_launch_index)),
    Column::text("client_token", "Idempotency token of the launch request; empty or NULL where none was given.",
        |r| text(&r.instance.client_token)),
    Column::text("reservation_id", "ID of the reservation, which is the launch request that the instance comes from.",
        |r| text(&r.reservation.reservation_id)),
    Column::text("owner_id", "ID of the AWS account that owns the reservation.",
        |r| text(&r.reservation.owner_id)),
    Column::text("requester_id",
        "ID of the requester that launched the instance on the owner's behalf, such as Auto Scaling; NULL without one.",
        |r| text(&r.reservation.requester_id)),
    Column::text("spot_instance_request_id", "ID of the Spot Instance request; NULL for any other instance.",
        |r| text(&r.instance.spot_instance_request_id)),

    // Network
    Column::text("vpc_id", "ID of the VPC; NULL for a terminated instance.",
        |r| text(&r.instance.vpc_id)),
    Column::text("subnet_id", "ID of the subnet; NULL for a terminated instance.",
        |r| text(&r.instance.subnet_id)),
    Column::text("private_ip_address", "Private IPv4 address of the primary network interface; NULL where it has none.",
        |r| text(&r.instance.private_ip_address)),
    Column::text("public_ip_address",
        "Public IPv4 address, or the Carrier IP address in a Wavelength Zone; NULL where there is none.",
        |r| text(&r.instance.public_ip_address)),
    Column::text("ipv6_address", "IPv6 address of the instance; NULL where it has none.",
        |r| text(&r.instance.ipv6_address)),
    Column::text("private_dns_name",
        "Private IPv4 DNS name, valid inside the EC2 network; an empty string where there is none.",
        |r| text(&r.instance.private_dns_name)),
    Column::text("public_dns_name",
        "Public DNS name; an empty string where there is none, as in a VPC without DNS hostnames.",
        |r| text(&r.instance.public_dns_name)),
    Column::text("private_dns_name_options_hostname_type", "Type of the hostname: `ip-name` or `resource-name`.",
        |r| within(&r.instance.private_dns_name_options, |o| text(&o.hostname_type))),
    Column::boolean("private_dns_name_options_enable_resource_name_dns_a_record",
        "Whether DNS queries for the resource name are answered with A records.",
        |r| within(&r.instance.private_dns_name_options, |o| Value::boolean(o.enable_resource_name_dns_a_record))),
    Column::boolean("private_dns_name_options_enable_resource_name_dns_aaaa_record",
        "Whether DNS queries for the resource name are answered with AAAA records.",
        |r| within(&r.instance.private_dns_name_options, |o| Value::boolean(o.enable_resource_name_dns_aaaa_record))),
    Column::boolean("source_dest_check",
        "Whether the source or destination of traffic is checked; a NAT instance needs `false`.",
        |r| Value::boolean(r.instance.source_dest_check)),
    Column::boolean("ena_support", "Whether enhanced networking with the Elastic Network Adapter (ENA) is enabled.",
        |r| Value::boolean(r.instance.ena_support)),
    Column::text("sriov_net_support",
        "`simple` where enhanced networking with the Intel 82599 Virtual Function is enabled; NULL otherwise.",
        |r| text(&r.instance.sriov_net_support)),
    Column::text("network_performance_bandwidth_weighting",
        "Which side has its baseline bandwidth raised: `default`, `vpc-1` (networking) or `ebs-1` (EBS).",
        |r| within(&r.instance.network_performance_options, |o| text(&o.bandwidth_weighting))),

    // Placement
    Column::text("availability_zone", "Availability Zone, such as `eu-central-1a`.",
        |r| within(&r.instance.placement, |p| text(&p.availability_zone))),
    Column::text("availability_zone_id", "ID of the Availability Zone, the same for all accounts, such as `euc1-az2`.",
        |r| within(&r.instance.placement, |p| text(&p.availability_zone_id))),
    Column::text("placement_tenancy",
        "Tenancy: `default`, `dedicated` (single-tenant hardware) or `host` (a Dedicated Host).",
        |r| within(&r.instance.placement, |p| text(&p.tenancy))),
    Column::text("placement_group_name", "Name of the placement group; empty or NULL for an instance in none.",
        |r| within(&r.instance.placement, |p| text(&p.group_name))),
    Column::text("placement_group_id", "ID of the placement group; NULL for an instance in none.",
        |r| within(&r.instance.placement, |p| text(&p.group_id))),
    Column::integer("placement_partition_number",
        "Number of the partition within a placement group of strategy `partition`; NULL otherwise.",
        |r| within(&r.instance.placement, |p| Value::integer(p.partition_number))),
    Column::text("placement_host_id", "ID of the Dedicated Host; NULL for an instance on none.",
        |r| within(&r.instance.placement, |p| text(&p.host_id))),
    Column::text("placement_host_resource_group_arn", "ARN of the host resource group; NULL for an instance in none.",
        |r| within(&r.instance.placement, |p| text(&p.host_resource_group_arn))),
    Column::text("placement_affinity",
        "Affinity to the Dedicated Host: `default` or `host`; NULL for an instance on none.",
        |r| within(&r.instance.placement, |p| text(&p.affinity))),
    Column::text("placement_spread_domain", "Spread domain, which AWS reserves for future use.",
        |r| within(&r.instance.placement, |p| text(&p.spread_domain))),
    Column::text("outpost_arn", "ARN of the Outpost; NULL for an instance on none.",
        |r| text(&r.instance.outpost_arn)),

    // Capacity
    Column::text("capacity_reservation_id",
        "ID of the Capacity Reservation in which the instance runs; NULL for an instance in none.",
        |r| text(&r.instance.capacity_reservation_id)),
    Column::text("capacity_reservation_preference",
        "Preference: `open`, `none` or `capacity-reservations-only`; NULL where a Capacity Reservation is targeted.",
        |r| within(&r.instance.capacity_reservation_specification, |s| text(&s.capacity_reservation_preference))),
    Column::text("capacity_reservation_target_id", "ID of the targeted Capacity Reservation; NULL where none is.",
        |r| within(&r.instance.capacity_reservation_specification, |s| {
            within(&s.capacity_reservation_target, |t| text(&t.capacity_reservation_id))
        })),
    Column::text("capacity_reservation_target_resource_group_arn",
        "ARN of the targeted Capacity Reservation group; NULL where none is.",
        |r| within(&r.instance.capacity_reservation_specification, |s| {
            within(&s.capacity_reservation_target, |t| text(&t.capacity_reservation_resource_group_arn))
        })),
    Column::text("capacity_block_id", "ID of the Capacity Block; NULL for an instance in none.",
        |r| text(&r.instance.capacity_block_id)),

    // CPU
    Column::integer("cpu_core_count", "Number of CPU cores.",
        |r| within(&r.instance.cpu_options, |c| Value::integer(c.core_count))),
    Column::integer("cpu_threads_per_core", "Number of threads of each CPU core.",
        |r| within(&r.instance.cpu_options, |c| Value::integer(c.threads_per_core))),
    Column::text("cpu_amd_sev_snp",
        "Whether AMD SEV-SNP is on: `enabled` or `disabled`; NULL where the type does not support it.",
        |r| within(&r.instance.cpu_options, |c| text(&c.amd_sev_snp))),
    Column::text("cpu_nested_virtualization",
        "Whether nested virtualization is on: `enabled` or `disabled`; NULL where AWS does not say.",
        |r| within(&r.instance.cpu_options, |c| text(&c.nested_virtualization))),

    // Storage and boot
    Column::text("root_device_name", "Device name of the root volume, such as `/dev/xvda`.",
        |r| text(&r.instance.root_device_name)),
    Column::text("root_device_type", "Root device type of the AMI: `ebs` or `instance-store`.",
        |r| text(&r.instance.root_device_type)),
    Column::boolean("ebs_optimized", "Whether the instance is optimized for EBS I/O.",
        |r| Value::boolean(r.instance.ebs_optimized)),
    Column::text("boot_mode",
        "Boot mode that the AMI asks for: `legacy-bios`, `uefi` or `uefi-preferred`; NULL where it asks for none.",
        |r| text(&r.instance.boot_mode)),
    Column::text("current_instance_boot_mode", "Boot mode in use at launch or start: `legacy-bios` or `uefi`.",
        |r| text(&r.instance.current_instance_boot_mode)),
    Column::text("tpm_support", "`v2.0` where the instance is configured for NitroTPM; NULL otherwise.",
        |r| text(&r.instance.tpm_support)),

    // Security and metadata service
    Column::text("iam_instance_profile_arn", "ARN of the IAM instance profile; NULL for an instance without one.",
        |r| within(&r.instance.iam_instance_profile, |p| text(&p.arn))),
    Column::text("iam_instance_profile_id", "ID of the IAM instance profile; NULL for an instance without one.",
        |r| within(&r.instance.iam_instance_profile, |p| text(&p.id))),
    Column::boolean("enclave_enabled", "Whether the instance is enabled for AWS Nitro Enclaves.",
        |r| within(&r.instance.enclave_options, |o| Value::boolean(o.enabled))),
    Column::text("metadata_state", "State of changes to the metadata options: `pending` or `applied`.",
        |r| within(&r.instance.metadata_options, |o| text(&o.state))),
    Column::text("metadata_http_tokens", "`required` where only IMDSv2 is accepted, `optional` where IMDSv1 is too.",
        |r| within(&r.instance.metadata_options, |o| text(&o.http_tokens))),
    Column::integer("metadata_hop_limit",
        "Number of hops, 1 to 64, that a metadata token can travel (AWS: HttpPutResponseHopLimit).",
        |r| within(&r.instance.metadata_options, |o| Value::integer(o.http_put_response_hop_limit))),
    Column::text("metadata_http_endpoint",
        "Whether the metadata service is reachable over HTTP: `enabled` or `disabled`.",
        |r| within(&r.instance.metadata_options, |o| text(&o.http_endpoint))),
    Column::text("metadata_http_protocol_ipv6",
        "Whether the metadata service is reachable over IPv6: `enabled` or `disabled`.",
        |r| within(&r.instance.metadata_options, |o| text(&o.http_protocol_ipv6))),
    Column::text("metadata_instance_metadata_tags",
        "Whether the metadata service shows the instance's tags: `enabled` or `disabled`.",
        |r| within(&r.instance.metadata_options, |o| text(&o.instance_metadata_tags))),

    // Operation
    Column::text("monitoring",
        "Detailed monitoring: `enabled`, `disabled` (basic monitoring only), `pending` or `disabling`.",
        |r| within(&r.instance.monitoring, |m| text(&m.state))),
    Column::boolean("hibernation_configured", "Whether the instance is enabled for hibernation.",
        |r| within(&r.instance.hibernation_options, |o| Value::boolean(o.configured))),
    Column::text("maintenance_auto_recovery", "Automatic recovery: `default` or `disabled`.",
        |r| within(&r.instance.maintenance_options, |o| text(&o.auto_recovery))),
    Column::text("maintenance_reboot_migration",
        "Migration to new hardware at a reboot for a scheduled `system-reboot` event: `default` or `disabled`.",
        |r| within(&r.instance.maintenance_options, |o| text(&o.reboot_migration))),
    Column::boolean("operator_managed", "Whether a service provider manages the instance.",
        |r| within(&r.instance.operator, |o| Value::boolean(o.managed))),
    Column::text("operator_principal", "Service provider that manages the instance; NULL where none does.",
        |r| within(&r.instance.operator, |o| text(&o.principal))),
    Column::boolean("operator_hidden_by_default",
        "Whether the account's visibility settings for managed resources hide the instance by default.",
        |r| within(&r.instance.operator, |o| Value::boolean(o.hidden_by_default))),

    // Lists
    Column::nested("tags", "Tags as objects of `key` and `value`, ordered by key.",
        |r| Value::list(&r.instance.tags)),
    Column::nested("security_groups", "Security groups as objects of `group_id` and `group_name`, ordered by ID.",
        |r| Value::list(&r.instance.security_groups)),
    Column::nested("network_interfaces",
        "Network interfaces with attachment, addresses and groups, ordered by device index, network card index and ID.",
        |r| Value::list(&r.instance.network_interfaces)),
    Column::nested("secondary_interfaces",
        "Interfaces into secondary networks, ordered by device index, network card index and ID.",
        |r| Value::list(&r.instance.secondary_interfaces)),
    Column::nested("block_devices",
        "Block device mappings with the attachment of each EBS volume, ordered by device name.",
        |r| Value::list(&r.instance.block_device_mappings)),
    Column::nested("product_codes",
        "Product codes as objects of `product_code_id` and `product_code_type`, ordered by ID.",
        |r| Value::list(&r.instance.product_codes)),
    Column::nested("licenses", "License configurations as objects of `license_configuration_arn`, ordered by ARN.",
        |r| Value::list(&r.instance.licenses)),
    Column::nested("elastic_gpu_associations",
        "Associations with Elastic Graphics accelerators (a service that has ended), ordered by association ID.",
        |r| Value::list(&r.instance.elastic_gpu_associations)),
    Column::nested("elastic_inference_accelerator_associations",
        "Associations with Elastic Inference accelerators (a service that has ended), ordered by association ID.",
        |r| Value::list(&r.instance.elastic_inference_accelerator_associations)),
    Column::nested("reservation_groups",
        "Security groups of the reservation, which AWS no longer fills, ordered by ID.",
        |r| Value::list(&r.reservation.groups)),
    ];
}

/// The value of a member of a part that AWS may leave out: NULL without the part.
fn within<'a, Part>(part: &'a Option<Part>, member: impl FnOnce(&'a Part) -> Value<'a>) -> Value<'a> {
    part.as_ref().map_or(Value::Null, member)
}

/// A text, or NULL.
fn text<'a>(value: &'a Option<Text<'_>>) -> Value<'a> {
    Value::text(value.as_deref())
}

/// A point in time, or NULL.
fn time(value: &Option<Time>) -> Value<'_> {
    value.map_or(Value::Null, |Time(time)| {
        Value::Timestamp(time.secs(), time.subsec_nanos())
    })
}

/// The prefixes of regions outside the partition `aws`, after the SDKs' table of partitions.
const PARTITIONS: &[(&str, &str)] = &[
    ("cn-", "aws-cn"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
];

/// The partition of a region. A region that the table does not know belongs to `aws`, as the SDKs decide too.
fn partition(region: &str) -> &'static str {
    PARTITIONS
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests;
