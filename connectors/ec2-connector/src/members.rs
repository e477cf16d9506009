//! The data types of `DescribeInstances`: reservations, instances and their parts, each member with the element that it stands
//! in. Names are the API's own; texts are borrowed from the answer. A list is in one order, because AWS gives none.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

mod lists;
mod network;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Deref;

use aws_smithy_types::DateTime;
use serde::{Serialize, Serializer};

pub use self::lists::*;
pub use self::network::*;
use crate::answer::{Read, Unreadable, Xml};

/// A text or an enumeration's text as AWS gave it, values that the SDK does not know included.
pub type Text<'a> = Cow<'a, str>;

/// Data types: `"element" => member: type`.
macro_rules! members {
    ($(
        $(#[$meta:meta])*
        struct $name:ident $(<$life:lifetime>)? { $($element:literal => $member:ident: $type:ty,)* }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
        #[allow(missing_docs)] // They are the API's.
        pub struct $name $(<$life>)? { $(pub $member: $type,)* }

        impl<$($life,)? 'xml $(: $life)?> $crate::answer::Read<'xml> for $name $(<$life>)? {
            fn read(xml: &mut $crate::answer::Xml<'xml>) -> Result<Self, $crate::answer::Unreadable> {
                let mut value = Self::default();
                while let Some(child) = xml.child()? {
                    match child.name() {
                        $($element => value.$member = $crate::answer::Read::read(xml)?,)*
                        _ => xml.skip(&child)?,
                    }
                }
                Ok(value)
            }
        }

        #[cfg(test)]
        impl $(<$life>)? $crate::answer::tests::Of<aws_sdk_ec2::types::$name> for $name $(<$life>)? {
            fn of(sdk: &aws_sdk_ec2::types::$name) -> Self {
                $name { $($member: $crate::answer::tests::Of::of(&sdk.$member),)* }
            }
        }
    )*};
}
use members;

/// A list in the order of its elements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct List<T>(Vec<T>);

/// What lists consist of.
pub trait Listed: Ord {
    /// Which of two stands first. Those that it does not tell apart are ordered by all their members, so that the order in which
    /// AWS gave them never shows.
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

impl<T: Listed> From<Vec<T>> for List<T> {
    fn from(mut list: Vec<T>) -> Self {
        list.sort_unstable_by(|a, b| a.order(b).then_with(|| a.cmp(b)));
        List(list)
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'x, T: Read<'x> + Listed> Read<'x> for List<T> {
    fn read(xml: &mut Xml<'x>) -> Result<Self, Unreadable> {
        Vec::read(xml).map(List::from)
    }
}

/// A point in time, RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub(crate) DateTime);

impl Read<'_> for Time {
    fn read(xml: &mut Xml<'_>) -> Result<Self, Unreadable> {
        <DateTime as Read>::read(xml).map(Time)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

members! {
    /// A launch request, and what it has launched.
    struct Reservation<'a> {
        "reservationId" => reservation_id: Option<Text<'a>>,
        "ownerId" => owner_id: Option<Text<'a>>,
        "requesterId" => requester_id: Option<Text<'a>>,
        "groupSet" => groups: List<GroupIdentifier<'a>>,
        "instancesSet" => instances: Vec<Instance<'a>>,
    }

    /// An instance.
    struct Instance<'a> {
        "architecture" => architecture: Option<Text<'a>>,
        "blockDeviceMapping" => block_device_mappings: List<InstanceBlockDeviceMapping<'a>>,
        "clientToken" => client_token: Option<Text<'a>>,
        "ebsOptimized" => ebs_optimized: Option<bool>,
        "enaSupport" => ena_support: Option<bool>,
        "hypervisor" => hypervisor: Option<Text<'a>>,
        "iamInstanceProfile" => iam_instance_profile: Option<IamInstanceProfile<'a>>,
        "instanceLifecycle" => instance_lifecycle: Option<Text<'a>>,
        "elasticGpuAssociationSet" => elastic_gpu_associations: List<ElasticGpuAssociation<'a>>,
        "elasticInferenceAcceleratorAssociationSet" => elastic_inference_accelerator_associations: List<ElasticInferenceAcceleratorAssociation<'a>>,
        "networkInterfaceSet" => network_interfaces: List<InstanceNetworkInterface<'a>>,
        "outpostArn" => outpost_arn: Option<Text<'a>>,
        "rootDeviceName" => root_device_name: Option<Text<'a>>,
        "rootDeviceType" => root_device_type: Option<Text<'a>>,
        "groupSet" => security_groups: List<GroupIdentifier<'a>>,
        "sourceDestCheck" => source_dest_check: Option<bool>,
        "spotInstanceRequestId" => spot_instance_request_id: Option<Text<'a>>,
        "sriovNetSupport" => sriov_net_support: Option<Text<'a>>,
        "stateReason" => state_reason: Option<StateReason<'a>>,
        "tagSet" => tags: List<Tag<'a>>,
        "virtualizationType" => virtualization_type: Option<Text<'a>>,
        "cpuOptions" => cpu_options: Option<CpuOptions<'a>>,
        "capacityBlockId" => capacity_block_id: Option<Text<'a>>,
        "capacityReservationId" => capacity_reservation_id: Option<Text<'a>>,
        "capacityReservationSpecification" => capacity_reservation_specification: Option<CapacityReservationSpecificationResponse<'a>>,
        "hibernationOptions" => hibernation_options: Option<HibernationOptions>,
        "licenseSet" => licenses: List<LicenseConfiguration<'a>>,
        "metadataOptions" => metadata_options: Option<InstanceMetadataOptionsResponse<'a>>,
        "enclaveOptions" => enclave_options: Option<EnclaveOptions>,
        "bootMode" => boot_mode: Option<Text<'a>>,
        "platformDetails" => platform_details: Option<Text<'a>>,
        "usageOperation" => usage_operation: Option<Text<'a>>,
        "usageOperationUpdateTime" => usage_operation_update_time: Option<Time>,
        "privateDnsNameOptions" => private_dns_name_options: Option<PrivateDnsNameOptionsResponse<'a>>,
        "ipv6Address" => ipv6_address: Option<Text<'a>>,
        "tpmSupport" => tpm_support: Option<Text<'a>>,
        "maintenanceOptions" => maintenance_options: Option<InstanceMaintenanceOptions<'a>>,
        "currentInstanceBootMode" => current_instance_boot_mode: Option<Text<'a>>,
        "networkPerformanceOptions" => network_performance_options: Option<InstanceNetworkPerformanceOptions<'a>>,
        "operator" => operator: Option<OperatorResponse<'a>>,
        "secondaryInterfaceSet" => secondary_interfaces: List<InstanceSecondaryInterface<'a>>,
        "instanceId" => instance_id: Option<Text<'a>>,
        "imageId" => image_id: Option<Text<'a>>,
        "instanceState" => state: Option<InstanceState<'a>>,
        "privateDnsName" => private_dns_name: Option<Text<'a>>,
        "dnsName" => public_dns_name: Option<Text<'a>>,
        "reason" => state_transition_reason: Option<Text<'a>>,
        "keyName" => key_name: Option<Text<'a>>,
        "amiLaunchIndex" => ami_launch_index: Option<i32>,
        "productCodes" => product_codes: List<ProductCode<'a>>,
        "instanceType" => instance_type: Option<Text<'a>>,
        "launchTime" => launch_time: Option<Time>,
        "placement" => placement: Option<Placement<'a>>,
        "kernelId" => kernel_id: Option<Text<'a>>,
        "ramdiskId" => ramdisk_id: Option<Text<'a>>,
        "platform" => platform: Option<Text<'a>>,
        "monitoring" => monitoring: Option<Monitoring<'a>>,
        "subnetId" => subnet_id: Option<Text<'a>>,
        "vpcId" => vpc_id: Option<Text<'a>>,
        "privateIpAddress" => private_ip_address: Option<Text<'a>>,
        "ipAddress" => public_ip_address: Option<Text<'a>>,
    }

    /// An IAM instance profile.
    struct IamInstanceProfile<'a> {
        "arn" => arn: Option<Text<'a>>,
        "id" => id: Option<Text<'a>>,
    }

    /// The state of an instance.
    struct InstanceState<'a> {
        "code" => code: Option<i32>,
        "name" => name: Option<Text<'a>>,
    }

    /// The reason of the last state transition.
    struct StateReason<'a> {
        "code" => code: Option<Text<'a>>,
        "message" => message: Option<Text<'a>>,
    }

    /// Where an instance is placed.
    struct Placement<'a> {
        "availabilityZoneId" => availability_zone_id: Option<Text<'a>>,
        "affinity" => affinity: Option<Text<'a>>,
        "groupName" => group_name: Option<Text<'a>>,
        "partitionNumber" => partition_number: Option<i32>,
        "hostId" => host_id: Option<Text<'a>>,
        "tenancy" => tenancy: Option<Text<'a>>,
        "spreadDomain" => spread_domain: Option<Text<'a>>,
        "hostResourceGroupArn" => host_resource_group_arn: Option<Text<'a>>,
        "groupId" => group_id: Option<Text<'a>>,
        "availabilityZone" => availability_zone: Option<Text<'a>>,
    }

    /// Detailed monitoring.
    struct Monitoring<'a> {
        "state" => state: Option<Text<'a>>,
    }

    /// The CPU of an instance.
    struct CpuOptions<'a> {
        "coreCount" => core_count: Option<i32>,
        "threadsPerCore" => threads_per_core: Option<i32>,
        "amdSevSnp" => amd_sev_snp: Option<Text<'a>>,
        "nestedVirtualization" => nested_virtualization: Option<Text<'a>>,
    }

    /// What an instance asks for of Capacity Reservations.
    struct CapacityReservationSpecificationResponse<'a> {
        "capacityReservationPreference" => capacity_reservation_preference: Option<Text<'a>>,
        "capacityReservationTarget" => capacity_reservation_target: Option<CapacityReservationTargetResponse<'a>>,
    }

    /// The Capacity Reservation or group that is asked for.
    struct CapacityReservationTargetResponse<'a> {
        "capacityReservationId" => capacity_reservation_id: Option<Text<'a>>,
        "capacityReservationResourceGroupArn" => capacity_reservation_resource_group_arn: Option<Text<'a>>,
    }

    /// Hibernation.
    struct HibernationOptions {
        "configured" => configured: Option<bool>,
    }

    /// AWS Nitro Enclaves.
    struct EnclaveOptions {
        "enabled" => enabled: Option<bool>,
    }

    /// The options of the metadata service.
    struct InstanceMetadataOptionsResponse<'a> {
        "state" => state: Option<Text<'a>>,
        "httpTokens" => http_tokens: Option<Text<'a>>,
        "httpPutResponseHopLimit" => http_put_response_hop_limit: Option<i32>,
        "httpEndpoint" => http_endpoint: Option<Text<'a>>,
        "httpProtocolIpv6" => http_protocol_ipv6: Option<Text<'a>>,
        "instanceMetadataTags" => instance_metadata_tags: Option<Text<'a>>,
    }

    /// What happens at maintenance.
    struct InstanceMaintenanceOptions<'a> {
        "autoRecovery" => auto_recovery: Option<Text<'a>>,
        "rebootMigration" => reboot_migration: Option<Text<'a>>,
    }

    /// Hostnames and DNS.
    struct PrivateDnsNameOptionsResponse<'a> {
        "hostnameType" => hostname_type: Option<Text<'a>>,
        "enableResourceNameDnsARecord" => enable_resource_name_dns_a_record: Option<bool>,
        "enableResourceNameDnsAAAARecord" => enable_resource_name_dns_aaaa_record: Option<bool>,
    }

    /// How bandwidth is shared.
    struct InstanceNetworkPerformanceOptions<'a> {
        "bandwidthWeighting" => bandwidth_weighting: Option<Text<'a>>,
    }

    /// The service provider that manages a resource.
    struct OperatorResponse<'a> {
        "managed" => managed: Option<bool>,
        "principal" => principal: Option<Text<'a>>,
        "hiddenByDefault" => hidden_by_default: Option<bool>,
    }
}
