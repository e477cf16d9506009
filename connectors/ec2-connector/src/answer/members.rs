//! The members of an answer: the SDK's structs, and in which elements their fields stand. The names are those of the API's
//! model, which the SDK has in code of its own; a test compares what both make of an answer that has every member.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

use aws_sdk_ec2::operation::describe_instances::DescribeInstancesOutput;
use aws_sdk_ec2::types::*;

use super::xml::{Element, Xml, list, number, part, text, time, truth};

/// `"element" => field: how it is read`.
macro_rules! elements {
    ($($struct:ident { $($name:literal => $field:ident: $read:ident,)* })*) => {$(
        impl Element for $struct {
            fn new() -> Self {
                $struct::builder().build()
            }

            fn member(&mut self, name: &str, xml: &mut Xml<'_>) -> Option<()> {
                match name {
                    $($name => self.$field = Some($read(xml)?),)*
                    _ => xml.skip()?,
                }
                Some(())
            }
        }
    )*};
}

elements! {
    DescribeInstancesOutput {
        "reservationSet" => reservations: list,
        "nextToken" => next_token: text,
    }
    Reservation {
        "reservationId" => reservation_id: text,
        "ownerId" => owner_id: text,
        "requesterId" => requester_id: text,
        "groupSet" => groups: list,
        "instancesSet" => instances: list,
    }
    Instance {
        "architecture" => architecture: text,
        "blockDeviceMapping" => block_device_mappings: list,
        "clientToken" => client_token: text,
        "ebsOptimized" => ebs_optimized: truth,
        "enaSupport" => ena_support: truth,
        "hypervisor" => hypervisor: text,
        "iamInstanceProfile" => iam_instance_profile: part,
        "instanceLifecycle" => instance_lifecycle: text,
        "elasticGpuAssociationSet" => elastic_gpu_associations: list,
        "elasticInferenceAcceleratorAssociationSet" => elastic_inference_accelerator_associations: list,
        "networkInterfaceSet" => network_interfaces: list,
        "outpostArn" => outpost_arn: text,
        "rootDeviceName" => root_device_name: text,
        "rootDeviceType" => root_device_type: text,
        "groupSet" => security_groups: list,
        "sourceDestCheck" => source_dest_check: truth,
        "spotInstanceRequestId" => spot_instance_request_id: text,
        "sriovNetSupport" => sriov_net_support: text,
        "stateReason" => state_reason: part,
        "tagSet" => tags: list,
        "virtualizationType" => virtualization_type: text,
        "cpuOptions" => cpu_options: part,
        "capacityBlockId" => capacity_block_id: text,
        "capacityReservationId" => capacity_reservation_id: text,
        "capacityReservationSpecification" => capacity_reservation_specification: part,
        "hibernationOptions" => hibernation_options: part,
        "licenseSet" => licenses: list,
        "metadataOptions" => metadata_options: part,
        "enclaveOptions" => enclave_options: part,
        "bootMode" => boot_mode: text,
        "platformDetails" => platform_details: text,
        "usageOperation" => usage_operation: text,
        "usageOperationUpdateTime" => usage_operation_update_time: time,
        "privateDnsNameOptions" => private_dns_name_options: part,
        "ipv6Address" => ipv6_address: text,
        "tpmSupport" => tpm_support: text,
        "maintenanceOptions" => maintenance_options: part,
        "currentInstanceBootMode" => current_instance_boot_mode: text,
        "networkPerformanceOptions" => network_performance_options: part,
        "operator" => operator: part,
        "secondaryInterfaceSet" => secondary_interfaces: list,
        "instanceId" => instance_id: text,
        "imageId" => image_id: text,
        "instanceState" => state: part,
        "privateDnsName" => private_dns_name: text,
        "dnsName" => public_dns_name: text,
        "reason" => state_transition_reason: text,
        "keyName" => key_name: text,
        "amiLaunchIndex" => ami_launch_index: number,
        "productCodes" => product_codes: list,
        "instanceType" => instance_type: text,
        "launchTime" => launch_time: time,
        "placement" => placement: part,
        "kernelId" => kernel_id: text,
        "ramdiskId" => ramdisk_id: text,
        "platform" => platform: text,
        "monitoring" => monitoring: part,
        "subnetId" => subnet_id: text,
        "vpcId" => vpc_id: text,
        "privateIpAddress" => private_ip_address: text,
        "ipAddress" => public_ip_address: text,
    }
    IamInstanceProfile {
        "arn" => arn: text,
        "id" => id: text,
    }
    InstanceState {
        "code" => code: number,
        "name" => name: text,
    }
    StateReason {
        "code" => code: text,
        "message" => message: text,
    }
    Placement {
        "availabilityZoneId" => availability_zone_id: text,
        "affinity" => affinity: text,
        "groupName" => group_name: text,
        "partitionNumber" => partition_number: number,
        "hostId" => host_id: text,
        "tenancy" => tenancy: text,
        "spreadDomain" => spread_domain: text,
        "hostResourceGroupArn" => host_resource_group_arn: text,
        "groupId" => group_id: text,
        "availabilityZone" => availability_zone: text,
    }
    Monitoring {
        "state" => state: text,
    }
    CpuOptions {
        "coreCount" => core_count: number,
        "threadsPerCore" => threads_per_core: number,
        "amdSevSnp" => amd_sev_snp: text,
        "nestedVirtualization" => nested_virtualization: text,
    }
    CapacityReservationSpecificationResponse {
        "capacityReservationPreference" => capacity_reservation_preference: text,
        "capacityReservationTarget" => capacity_reservation_target: part,
    }
    CapacityReservationTargetResponse {
        "capacityReservationId" => capacity_reservation_id: text,
        "capacityReservationResourceGroupArn" => capacity_reservation_resource_group_arn: text,
    }
    HibernationOptions {
        "configured" => configured: truth,
    }
    EnclaveOptions {
        "enabled" => enabled: truth,
    }
    InstanceMetadataOptionsResponse {
        "state" => state: text,
        "httpTokens" => http_tokens: text,
        "httpPutResponseHopLimit" => http_put_response_hop_limit: number,
        "httpEndpoint" => http_endpoint: text,
        "httpProtocolIpv6" => http_protocol_ipv6: text,
        "instanceMetadataTags" => instance_metadata_tags: text,
    }
    InstanceMaintenanceOptions {
        "autoRecovery" => auto_recovery: text,
        "rebootMigration" => reboot_migration: text,
    }
    PrivateDnsNameOptionsResponse {
        "hostnameType" => hostname_type: text,
        "enableResourceNameDnsARecord" => enable_resource_name_dns_a_record: truth,
        "enableResourceNameDnsAAAARecord" => enable_resource_name_dns_aaaa_record: truth,
    }
    InstanceNetworkPerformanceOptions {
        "bandwidthWeighting" => bandwidth_weighting: text,
    }
    OperatorResponse {
        "managed" => managed: truth,
        "principal" => principal: text,
        "hiddenByDefault" => hidden_by_default: truth,
    }
    Tag {
        "key" => key: text,
        "value" => value: text,
    }
    GroupIdentifier {
        "groupId" => group_id: text,
        "groupName" => group_name: text,
    }
    ProductCode {
        "productCode" => product_code_id: text,
        "type" => product_code_type: text,
    }
    LicenseConfiguration {
        "licenseConfigurationArn" => license_configuration_arn: text,
    }
    ElasticGpuAssociation {
        "elasticGpuId" => elastic_gpu_id: text,
        "elasticGpuAssociationId" => elastic_gpu_association_id: text,
        "elasticGpuAssociationState" => elastic_gpu_association_state: text,
        "elasticGpuAssociationTime" => elastic_gpu_association_time: text,
    }
    ElasticInferenceAcceleratorAssociation {
        "elasticInferenceAcceleratorArn" => elastic_inference_accelerator_arn: text,
        "elasticInferenceAcceleratorAssociationId" => elastic_inference_accelerator_association_id: text,
        "elasticInferenceAcceleratorAssociationState" => elastic_inference_accelerator_association_state: text,
        "elasticInferenceAcceleratorAssociationTime" => elastic_inference_accelerator_association_time: time,
    }
    InstanceBlockDeviceMapping {
        "deviceName" => device_name: text,
        "ebs" => ebs: part,
    }
    EbsInstanceBlockDevice {
        "attachTime" => attach_time: time,
        "deleteOnTermination" => delete_on_termination: truth,
        "status" => status: text,
        "volumeId" => volume_id: text,
        "associatedResource" => associated_resource: text,
        "volumeOwnerId" => volume_owner_id: text,
        "operator" => operator: part,
        "ebsCardIndex" => ebs_card_index: number,
    }
    InstanceNetworkInterface {
        "association" => association: part,
        "attachment" => attachment: part,
        "description" => description: text,
        "groupSet" => groups: list,
        "ipv6AddressesSet" => ipv6_addresses: list,
        "macAddress" => mac_address: text,
        "networkInterfaceId" => network_interface_id: text,
        "ownerId" => owner_id: text,
        "privateDnsName" => private_dns_name: text,
        "privateIpAddress" => private_ip_address: text,
        "privateIpAddressesSet" => private_ip_addresses: list,
        "sourceDestCheck" => source_dest_check: truth,
        "status" => status: text,
        "subnetId" => subnet_id: text,
        "vpcId" => vpc_id: text,
        "interfaceType" => interface_type: text,
        "ipv4PrefixSet" => ipv4_prefixes: list,
        "ipv6PrefixSet" => ipv6_prefixes: list,
        "connectionTrackingConfiguration" => connection_tracking_configuration: part,
        "operator" => operator: part,
    }
    InstanceNetworkInterfaceAssociation {
        "carrierIp" => carrier_ip: text,
        "customerOwnedIp" => customer_owned_ip: text,
        "ipOwnerId" => ip_owner_id: text,
        "publicDnsName" => public_dns_name: text,
        "publicIp" => public_ip: text,
    }
    InstanceNetworkInterfaceAttachment {
        "attachTime" => attach_time: time,
        "attachmentId" => attachment_id: text,
        "deleteOnTermination" => delete_on_termination: truth,
        "deviceIndex" => device_index: number,
        "status" => status: text,
        "networkCardIndex" => network_card_index: number,
        "enaSrdSpecification" => ena_srd_specification: part,
        "enaQueueCount" => ena_queue_count: number,
    }
    InstanceAttachmentEnaSrdSpecification {
        "enaSrdEnabled" => ena_srd_enabled: truth,
        "enaSrdUdpSpecification" => ena_srd_udp_specification: part,
    }
    InstanceAttachmentEnaSrdUdpSpecification {
        "enaSrdUdpEnabled" => ena_srd_udp_enabled: truth,
    }
    InstancePrivateIpAddress {
        "association" => association: part,
        "primary" => primary: truth,
        "privateDnsName" => private_dns_name: text,
        "privateIpAddress" => private_ip_address: text,
    }
    InstanceIpv6Address {
        "ipv6Address" => ipv6_address: text,
        "isPrimaryIpv6" => is_primary_ipv6: truth,
    }
    InstanceIpv4Prefix {
        "ipv4Prefix" => ipv4_prefix: text,
    }
    InstanceIpv6Prefix {
        "ipv6Prefix" => ipv6_prefix: text,
    }
    ConnectionTrackingSpecificationResponse {
        "tcpEstablishedTimeout" => tcp_established_timeout: number,
        "udpStreamTimeout" => udp_stream_timeout: number,
        "udpTimeout" => udp_timeout: number,
    }
    InstanceSecondaryInterface {
        "attachment" => attachment: part,
        "macAddress" => mac_address: text,
        "secondaryInterfaceId" => secondary_interface_id: text,
        "ownerId" => owner_id: text,
        "privateIpAddressSet" => private_ip_addresses: list,
        "sourceDestCheck" => source_dest_check: truth,
        "status" => status: text,
        "secondarySubnetId" => secondary_subnet_id: text,
        "secondaryNetworkId" => secondary_network_id: text,
        "interfaceType" => interface_type: text,
    }
    InstanceSecondaryInterfaceAttachment {
        "attachTime" => attach_time: time,
        "attachmentId" => attachment_id: text,
        "deleteOnTermination" => delete_on_termination: truth,
        "deviceIndex" => device_index: number,
        "status" => status: text,
        "networkCardIndex" => network_card_index: number,
    }
    InstanceSecondaryInterfacePrivateIpAddress {
        "privateIpAddress" => private_ip_address: text,
    }
}
