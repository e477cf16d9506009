//! What an instance has several of: tags, groups, block devices and the like.

use std::cmp::Ordering;

use super::{Listed, OperatorResponse, Text, Time, members};

members! {
    /// One tag. Keys are case-sensitive: `Name` and `name` are two tags.
    struct Tag<'a> {
        "key" => key: Option<Text<'a>>,
        "value" => value: Option<Text<'a>>,
    }

    /// One security group.
    struct GroupIdentifier<'a> {
        "groupId" => group_id: Option<Text<'a>>,
        "groupName" => group_name: Option<Text<'a>>,
    }

    /// One block device mapping.
    struct InstanceBlockDeviceMapping<'a> {
        "deviceName" => device_name: Option<Text<'a>>,
        "ebs" => ebs: Option<EbsInstanceBlockDevice<'a>>,
    }

    /// The attachment of an EBS volume.
    struct EbsInstanceBlockDevice<'a> {
        "volumeId" => volume_id: Option<Text<'a>>,
        "volumeOwnerId" => volume_owner_id: Option<Text<'a>>,
        "status" => status: Option<Text<'a>>,
        "attachTime" => attach_time: Option<Time>,
        "deleteOnTermination" => delete_on_termination: Option<bool>,
        "ebsCardIndex" => ebs_card_index: Option<i32>,
        "associatedResource" => associated_resource: Option<Text<'a>>,
        "operator" => operator: Option<OperatorResponse<'a>>,
    }

    /// One product code.
    struct ProductCode<'a> {
        "productCode" => product_code_id: Option<Text<'a>>,
        "type" => product_code_type: Option<Text<'a>>,
    }

    /// One license configuration.
    struct LicenseConfiguration<'a> {
        "licenseConfigurationArn" => license_configuration_arn: Option<Text<'a>>,
    }

    /// One association with an Elastic Graphics accelerator.
    struct ElasticGpuAssociation<'a> {
        "elasticGpuId" => elastic_gpu_id: Option<Text<'a>>,
        "elasticGpuAssociationId" => elastic_gpu_association_id: Option<Text<'a>>,
        "elasticGpuAssociationState" => elastic_gpu_association_state: Option<Text<'a>>,
        // AWS declares this one time as text.
        "elasticGpuAssociationTime" => elastic_gpu_association_time: Option<Text<'a>>,
    }

    /// One association with an Elastic Inference accelerator.
    struct ElasticInferenceAcceleratorAssociation<'a> {
        "elasticInferenceAcceleratorArn" => elastic_inference_accelerator_arn: Option<Text<'a>>,
        "elasticInferenceAcceleratorAssociationId" => elastic_inference_accelerator_association_id: Option<Text<'a>>,
        "elasticInferenceAcceleratorAssociationState" => elastic_inference_accelerator_association_state: Option<Text<'a>>,
        "elasticInferenceAcceleratorAssociationTime" => elastic_inference_accelerator_association_time: Option<Time>,
    }
}

/// By key. Keys are case-sensitive: `Name` and `name` are two tags.
impl Listed for Tag<'_> {}

/// By ID.
impl Listed for GroupIdentifier<'_> {}

/// By device name.
impl Listed for InstanceBlockDeviceMapping<'_> {}

/// By code.
impl Listed for ProductCode<'_> {}

/// By ARN.
impl Listed for LicenseConfiguration<'_> {}

/// By the association's ID.
impl Listed for ElasticGpuAssociation<'_> {
    fn order(&self, other: &Self) -> Ordering {
        self.elastic_gpu_association_id.cmp(&other.elastic_gpu_association_id)
    }
}

/// By the association's ID.
impl Listed for ElasticInferenceAcceleratorAssociation<'_> {
    fn order(&self, other: &Self) -> Ordering {
        let (own, others) = (
            &self.elastic_inference_accelerator_association_id,
            &other.elastic_inference_accelerator_association_id,
        );
        own.cmp(others)
    }
}
