//! The nested values of an instance's row, as they appear in JSON: AWS's own members in snake_case, an absent member as
//! `null`, and every list in one order, because AWS gives none.
//!
//! A list is never NULL: it is `[]` both when AWS returns it empty and when AWS leaves it out.

mod network;

use aws_sdk_ec2::types;
use aws_smithy_types::DateTime;
use serde::{Serialize, Serializer};

pub(crate) use network::{network_interfaces, secondary_interfaces};

/// A text or an enumeration's text as AWS gave it, values that the SDK does not know included.
pub(crate) fn text(value: &Option<impl AsRef<str>>) -> Option<&str> {
    value.as_ref().map(AsRef::as_ref)
}

/// A point in time, RFC 3339 in UTC.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Time<'a>(&'a DateTime);

impl Serialize for Time<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// AWS's list in the order of `key`. Elements of equal key are ordered by all their members, so that the order in which
/// AWS gave them never shows.
fn ordered<'a, Source, Mirror, Key>(list: &'a Option<Vec<Source>>, key: impl Fn(&Mirror) -> Key) -> Vec<Mirror>
where
    Mirror: From<&'a Source> + Ord,
    Key: Ord,
{
    let mut mirrors: Vec<Mirror> = list.iter().flatten().map(Mirror::from).collect();
    mirrors.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.cmp(b)));
    mirrors
}

/// Tags, ordered by key.
pub(crate) fn tags<'a>(list: &'a Option<Vec<types::Tag>>) -> Vec<Tag<'a>> {
    ordered(list, |tag: &Tag<'a>| tag.key)
}

/// One tag. Keys are case-sensitive: `Name` and `name` are two tags.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag<'a> {
    key: Option<&'a str>,
    value: Option<&'a str>,
}

impl<'a> From<&'a types::Tag> for Tag<'a> {
    fn from(tag: &'a types::Tag) -> Self {
        Tag {
            key: text(&tag.key),
            value: text(&tag.value),
        }
    }
}

/// Security groups, ordered by ID.
pub(crate) fn groups<'a>(list: &'a Option<Vec<types::GroupIdentifier>>) -> Vec<Group<'a>> {
    ordered(list, |group: &Group<'a>| group.group_id)
}

/// One security group.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group<'a> {
    group_id: Option<&'a str>,
    group_name: Option<&'a str>,
}

impl<'a> From<&'a types::GroupIdentifier> for Group<'a> {
    fn from(group: &'a types::GroupIdentifier) -> Self {
        Group {
            group_id: text(&group.group_id),
            group_name: text(&group.group_name),
        }
    }
}

/// Block device mappings, ordered by device name.
pub(crate) fn block_devices<'a>(list: &'a Option<Vec<types::InstanceBlockDeviceMapping>>) -> Vec<BlockDevice<'a>> {
    ordered(list, |device: &BlockDevice<'a>| device.device_name)
}

/// One block device mapping.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockDevice<'a> {
    device_name: Option<&'a str>,
    ebs: Option<EbsBlockDevice<'a>>,
}

impl<'a> From<&'a types::InstanceBlockDeviceMapping> for BlockDevice<'a> {
    fn from(device: &'a types::InstanceBlockDeviceMapping) -> Self {
        BlockDevice {
            device_name: text(&device.device_name),
            ebs: device.ebs.as_ref().map(EbsBlockDevice::from),
        }
    }
}

/// The attachment of an EBS volume.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct EbsBlockDevice<'a> {
    volume_id: Option<&'a str>,
    volume_owner_id: Option<&'a str>,
    status: Option<&'a str>,
    attach_time: Option<Time<'a>>,
    delete_on_termination: Option<bool>,
    ebs_card_index: Option<i32>,
    associated_resource: Option<&'a str>,
    operator: Option<Operator<'a>>,
}

impl<'a> From<&'a types::EbsInstanceBlockDevice> for EbsBlockDevice<'a> {
    fn from(ebs: &'a types::EbsInstanceBlockDevice) -> Self {
        EbsBlockDevice {
            volume_id: text(&ebs.volume_id),
            volume_owner_id: text(&ebs.volume_owner_id),
            status: text(&ebs.status),
            attach_time: ebs.attach_time.as_ref().map(Time),
            delete_on_termination: ebs.delete_on_termination,
            ebs_card_index: ebs.ebs_card_index,
            associated_resource: text(&ebs.associated_resource),
            operator: ebs.operator.as_ref().map(Operator::from),
        }
    }
}

/// The service provider that manages a resource.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Operator<'a> {
    managed: Option<bool>,
    principal: Option<&'a str>,
    hidden_by_default: Option<bool>,
}

impl<'a> From<&'a types::OperatorResponse> for Operator<'a> {
    fn from(operator: &'a types::OperatorResponse) -> Self {
        Operator {
            managed: operator.managed,
            principal: text(&operator.principal),
            hidden_by_default: operator.hidden_by_default,
        }
    }
}

/// Product codes, ordered by code.
pub(crate) fn product_codes<'a>(list: &'a Option<Vec<types::ProductCode>>) -> Vec<ProductCode<'a>> {
    ordered(list, |code: &ProductCode<'a>| code.product_code_id)
}

/// One product code.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProductCode<'a> {
    product_code_id: Option<&'a str>,
    product_code_type: Option<&'a str>,
}

impl<'a> From<&'a types::ProductCode> for ProductCode<'a> {
    fn from(code: &'a types::ProductCode) -> Self {
        ProductCode {
            product_code_id: text(&code.product_code_id),
            product_code_type: text(&code.product_code_type),
        }
    }
}

/// License configurations, ordered by ARN.
pub(crate) fn licenses<'a>(list: &'a Option<Vec<types::LicenseConfiguration>>) -> Vec<License<'a>> {
    ordered(list, |license: &License<'a>| license.license_configuration_arn)
}

/// One license configuration.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct License<'a> {
    license_configuration_arn: Option<&'a str>,
}

impl<'a> From<&'a types::LicenseConfiguration> for License<'a> {
    fn from(license: &'a types::LicenseConfiguration) -> Self {
        License {
            license_configuration_arn: text(&license.license_configuration_arn),
        }
    }
}

/// Elastic Graphics accelerators, ordered by the association's ID.
pub(crate) fn elastic_gpus<'a>(list: &'a Option<Vec<types::ElasticGpuAssociation>>) -> Vec<ElasticGpu<'a>> {
    ordered(list, |gpu: &ElasticGpu<'a>| gpu.elastic_gpu_association_id)
}

/// One association with an Elastic Graphics accelerator.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ElasticGpu<'a> {
    elastic_gpu_id: Option<&'a str>,
    elastic_gpu_association_id: Option<&'a str>,
    elastic_gpu_association_state: Option<&'a str>,
    /// AWS declares this one time as text.
    elastic_gpu_association_time: Option<&'a str>,
}

impl<'a> From<&'a types::ElasticGpuAssociation> for ElasticGpu<'a> {
    fn from(gpu: &'a types::ElasticGpuAssociation) -> Self {
        ElasticGpu {
            elastic_gpu_id: text(&gpu.elastic_gpu_id),
            elastic_gpu_association_id: text(&gpu.elastic_gpu_association_id),
            elastic_gpu_association_state: text(&gpu.elastic_gpu_association_state),
            elastic_gpu_association_time: text(&gpu.elastic_gpu_association_time),
        }
    }
}

/// Elastic Inference accelerators, ordered by the association's ID.
pub(crate) fn inference_accelerators<'a>(
    list: &'a Option<Vec<types::ElasticInferenceAcceleratorAssociation>>,
) -> Vec<InferenceAccelerator<'a>> {
    ordered(list, |accelerator: &InferenceAccelerator<'a>| {
        accelerator.elastic_inference_accelerator_association_id
    })
}

/// One association with an Elastic Inference accelerator.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InferenceAccelerator<'a> {
    elastic_inference_accelerator_arn: Option<&'a str>,
    elastic_inference_accelerator_association_id: Option<&'a str>,
    elastic_inference_accelerator_association_state: Option<&'a str>,
    elastic_inference_accelerator_association_time: Option<Time<'a>>,
}

impl<'a> From<&'a types::ElasticInferenceAcceleratorAssociation> for InferenceAccelerator<'a> {
    fn from(accelerator: &'a types::ElasticInferenceAcceleratorAssociation) -> Self {
        InferenceAccelerator {
            elastic_inference_accelerator_arn: text(&accelerator.elastic_inference_accelerator_arn),
            elastic_inference_accelerator_association_id: text(
                &accelerator.elastic_inference_accelerator_association_id,
            ),
            elastic_inference_accelerator_association_state: text(
                &accelerator.elastic_inference_accelerator_association_state,
            ),
            elastic_inference_accelerator_association_time: accelerator
                .elastic_inference_accelerator_association_time
                .as_ref()
                .map(Time),
        }
    }
}
