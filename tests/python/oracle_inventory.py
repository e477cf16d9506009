"""The oracle: what a plain boto3 loop over accounts and regions says about instances, in the columns of the connector.

Written from boto3's answers and AWS's own definition of them (the service model that boto3 carries), not from the
connector: every nested member that the model knows has to be there, absent ones as null, absent lists as [].

Reads a request from standard input (see `main`), writes a JSON array of rows to standard output.
"""

import json
import sys
from datetime import datetime, timezone

from aws import SESSION, Caller
from botocore import xform_name

# Column -> where it stands in an instance of DescribeInstances.
FLAT = {
    "instance_id": "InstanceId",
    "state": "State.Name",
    "state_code": "State.Code",
    "state_reason_code": "StateReason.Code",
    "state_reason_message": "StateReason.Message",
    "state_transition_reason": "StateTransitionReason",
    "launch_time": "LaunchTime",
    "instance_type": "InstanceType",
    "lifecycle": "InstanceLifecycle",
    "architecture": "Architecture",
    "platform": "Platform",
    "platform_details": "PlatformDetails",
    "usage_operation": "UsageOperation",
    "usage_operation_update_time": "UsageOperationUpdateTime",
    "virtualization_type": "VirtualizationType",
    "hypervisor": "Hypervisor",
    "image_id": "ImageId",
    "kernel_id": "KernelId",
    "ramdisk_id": "RamdiskId",
    "key_name": "KeyName",
    "ami_launch_index": "AmiLaunchIndex",
    "client_token": "ClientToken",
    "spot_instance_request_id": "SpotInstanceRequestId",
    "vpc_id": "VpcId",
    "subnet_id": "SubnetId",
    "private_ip_address": "PrivateIpAddress",
    "public_ip_address": "PublicIpAddress",
    "ipv6_address": "Ipv6Address",
    "private_dns_name": "PrivateDnsName",
    "public_dns_name": "PublicDnsName",
    "private_dns_name_options_hostname_type": "PrivateDnsNameOptions.HostnameType",
    "private_dns_name_options_enable_resource_name_dns_a_record": "PrivateDnsNameOptions.EnableResourceNameDnsARecord",
    "private_dns_name_options_enable_resource_name_dns_aaaa_record":
        "PrivateDnsNameOptions.EnableResourceNameDnsAAAARecord",
    "source_dest_check": "SourceDestCheck",
    "ena_support": "EnaSupport",
    "sriov_net_support": "SriovNetSupport",
    "network_performance_bandwidth_weighting": "NetworkPerformanceOptions.BandwidthWeighting",
    "availability_zone": "Placement.AvailabilityZone",
    "availability_zone_id": "Placement.AvailabilityZoneId",
    "placement_tenancy": "Placement.Tenancy",
    "placement_group_name": "Placement.GroupName",
    "placement_group_id": "Placement.GroupId",
    "placement_partition_number": "Placement.PartitionNumber",
    "placement_host_id": "Placement.HostId",
    "placement_host_resource_group_arn": "Placement.HostResourceGroupArn",
    "placement_affinity": "Placement.Affinity",
    "placement_spread_domain": "Placement.SpreadDomain",
    "outpost_arn": "OutpostArn",
    "capacity_reservation_id": "CapacityReservationId",
    "capacity_reservation_preference": "CapacityReservationSpecification.CapacityReservationPreference",
    "capacity_reservation_target_id":
        "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId",
    "capacity_reservation_target_resource_group_arn":
        "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationResourceGroupArn",
    "capacity_block_id": "CapacityBlockId",
    "cpu_core_count": "CpuOptions.CoreCount",
    "cpu_threads_per_core": "CpuOptions.ThreadsPerCore",
    "cpu_amd_sev_snp": "CpuOptions.AmdSevSnp",
    "cpu_nested_virtualization": "CpuOptions.NestedVirtualization",
    "root_device_name": "RootDeviceName",
    "root_device_type": "RootDeviceType",
    "ebs_optimized": "EbsOptimized",
    "boot_mode": "BootMode",
    "current_instance_boot_mode": "CurrentInstanceBootMode",
    "tpm_support": "TpmSupport",
    "iam_instance_profile_arn": "IamInstanceProfile.Arn",
    "iam_instance_profile_id": "IamInstanceProfile.Id",
    "enclave_enabled": "EnclaveOptions.Enabled",
    "metadata_state": "MetadataOptions.State",
    "metadata_http_tokens": "MetadataOptions.HttpTokens",
    "metadata_hop_limit": "MetadataOptions.HttpPutResponseHopLimit",
    "metadata_http_endpoint": "MetadataOptions.HttpEndpoint",
    "metadata_http_protocol_ipv6": "MetadataOptions.HttpProtocolIpv6",
    "metadata_instance_metadata_tags": "MetadataOptions.InstanceMetadataTags",
    "monitoring": "Monitoring.State",
    "hibernation_configured": "HibernationOptions.Configured",
    "maintenance_auto_recovery": "MaintenanceOptions.AutoRecovery",
    "maintenance_reboot_migration": "MaintenanceOptions.RebootMigration",
    "operator_managed": "Operator.Managed",
    "operator_principal": "Operator.Principal",
    "operator_hidden_by_default": "Operator.HiddenByDefault",
}

# Column -> list member of an instance, and what its elements are ordered by.
NESTED = {
    "tags": ("Tags", ["key"]),
    "security_groups": ("SecurityGroups", ["group_id"]),
    "network_interfaces": ("NetworkInterfaces", None),
    "secondary_interfaces": ("SecondaryInterfaces", None),
    "block_devices": ("BlockDeviceMappings", ["device_name"]),
    "product_codes": ("ProductCodes", ["product_code_id"]),
    "licenses": ("Licenses", ["license_configuration_arn"]),
    "elastic_gpu_associations": ("ElasticGpuAssociations", ["elastic_gpu_association_id"]),
    "elastic_inference_accelerator_associations":
        ("ElasticInferenceAcceleratorAssociations", ["elastic_inference_accelerator_association_id"]),
}

# The order of lists inside nested values, by the member's name in snake_case.
INNER_ORDER = {
    "groups": ["group_id"],
    "private_ip_addresses": ["private_ip_address"],
    "ipv6_addresses": ["ipv6_address"],
    "ipv4_prefixes": ["ipv4_prefix"],
    "ipv6_prefixes": ["ipv6_prefix"],
}


def plain(value):
    """A scalar as JSON has it; times in RFC 3339 and UTC, without a fraction that is zero."""
    if isinstance(value, datetime):
        text = value.astimezone(timezone.utc).replace(tzinfo=None).isoformat()
        return (text.rstrip("0") if "." in text else text) + "Z"
    return value


def nested(shape, value):
    """A value with every member that AWS's model gives its shape."""
    if shape.type_name == "structure":
        if value is None:
            return None
        return {name(member): listed(name(member), inner, value.get(member)) for member, inner in shape.members.items()}
    return plain(value)


def listed(member, shape, value):
    if shape.type_name != "list":
        return nested(shape, value)
    elements = [nested(shape.member, element) for element in value or []]
    order = INNER_ORDER.get(member, [])
    return sorted(elements, key=lambda e: (not e.get("primary"), *[e[key] for key in order]))


def name(member):
    return xform_name(member)


def place(interface):
    attachment = interface["attachment"] or {}
    index, card = attachment.get("device_index"), attachment.get("network_card_index")
    return (index is None, index or 0, card or 0, interface.get("network_interface_id") or interface.get("secondary_interface_id"))


def partition(region):
    return SESSION.get_partition_for_region(region)


def flat(instance, path):
    for step in path.split("."):
        if instance is None:
            return None
        instance = instance.get(step)
    return plain(instance)


def row(model, account, region, reservation, instance):
    values = {
        "account_id": account["id"],
        "account_name": account["name"],
        "organizational_unit_path": account["path"],
        "region": region,
        "arn": f"arn:{partition(region)}:ec2:{region}:{reservation['OwnerId']}:instance/{instance['InstanceId']}",
        "name": next((tag["Value"] for tag in instance.get("Tags", []) if tag["Key"] == "Name"), None),
        "reservation_id": reservation.get("ReservationId"),
        "owner_id": reservation.get("OwnerId"),
        "requester_id": reservation.get("RequesterId"),
    }
    values.update({column: flat(instance, path) for column, path in FLAT.items()})
    if values["state_code"] is not None:
        values["state_code"] &= 0xFF  # AWS: "The high byte should be ignored."
    for column, (member, order) in NESTED.items():
        shape = model.shape_for("Instance").members[member]
        elements = listed(member, shape, instance.get(member))
        values[column] = sorted(elements, key=(lambda e: [e[key] for key in order]) if order else place)
    groups = listed("groups", model.shape_for("Reservation").members["Groups"], reservation.get("Groups"))
    values["reservation_groups"] = groups
    return values


def path_of(organizations, child):
    """The names of all parents, found upwards, one question each."""
    names = []
    while True:
        parent = organizations.list_parents(ChildId=child)["Parents"][0]
        child = parent["Id"]
        if parent["Type"] == "ROOT":
            root = next(root for root in organizations.list_roots()["Roots"] if root["Id"] == child)
            return "/".join(["", root["Name"], *names]), [child]
        unit = organizations.describe_organizational_unit(OrganizationalUnitId=child)["OrganizationalUnit"]
        names.insert(0, unit["Name"])


def parents_of(organizations, child):
    parents = []
    while True:
        parent = organizations.list_parents(ChildId=child)["Parents"][0]
        parents.append(parent["Id"])
        if parent["Type"] == "ROOT":
            return parents
        child = parent["Id"]


def accounts_of(request, master):
    """The accounts to ask, each with the caller that reaches it."""
    initial = caller(request)
    own = master.account()
    chain, external_id = request.get("chain"), request.get("external_id")

    def reach(account):
        return initial.through([role.replace("{accountId}", account) for role in chain], external_id)

    if request.get("accounts"):
        return [({"id": account, "name": None, "path": None}, reach(account)) for account in request["accounts"]]
    if not chain:
        return [({"id": own, "name": None, "path": None}, master)]
    organizations = master.client("organizations")
    found = []
    for page in organizations.get_paginator("list_accounts").paginate():
        for account in page["Accounts"]:
            wanted = request.get("units") or []
            if wanted and not set(wanted) & set(parents_of(organizations, account["Id"])):
                continue
            if account["Status"] != "ACTIVE" or account["Id"] in (request.get("exclude_accounts") or []):
                continue
            path, _ = path_of(organizations, account["Id"])
            described = {"id": account["Id"], "name": account["Name"], "path": path}
            found.append((described, master if account["Id"] == own else reach(account["Id"])))
    return found


def caller(request):
    return Caller(request["endpoint"], request["access_key_id"], request["secret_access_key"],
                  request.get("session_token"))


def main():
    """The request names the endpoint and credentials, and as the connector does: master_chain, chain, external_id,
    accounts, units, exclude_accounts, regions and exclude_regions."""
    request = json.load(sys.stdin)
    master = caller(request).through(request.get("master_chain") or [], request.get("external_id"))
    rows = []
    for account, reached in accounts_of(request, master):
        regions = request.get("regions") or [
            region["RegionName"] for region in reached.client("ec2").describe_regions()["Regions"]
            if region["OptInStatus"] != "not-opted-in"
        ]
        for region in set(regions) - set(request.get("exclude_regions") or []):
            ec2 = reached.client("ec2", region)
            for page in ec2.get_paginator("describe_instances").paginate():
                for reservation in page["Reservations"]:
                    for instance in reservation["Instances"]:
                        rows.append(row(ec2.meta.service_model, account, region, reservation, instance))
    rows.sort(key=lambda row: (row["account_id"], row["region"], row["instance_id"]))
    json.dump(rows, sys.stdout)


main()
