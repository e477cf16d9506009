//! The inventory of EC2 instances: one row for every instance of every account and region.

pub mod instance;
mod nested;

use std::sync::Arc;

use async_trait::async_trait;
use auth_core::AwsError;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::Builder;
use connector_core::parameters::{Group, Parameter, ParameterKind, Values};
use connector_core::table::Column;
use connector_core::{About, Connector, Order, RowWriter, Slice, SliceError};

use crate::instance::{COLUMNS, InstanceRecord};

/// Instances per answer. Without it AWS may put a whole region into one answer, or time out.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
static PAGE_SIZE: Parameter = Parameter::new(
    "page_size",
    ParameterKind::Integer(5, 1000),
    Group::Connector,
    "Instances per page of DescribeInstances.",
)
.default("1000");

static PARAMETERS: &[&Parameter] = &[&PAGE_SIZE];

/// The connector.
#[derive(Clone, Copy, Debug)]
pub struct Ec2Connector;

#[async_trait]
impl Connector for Ec2Connector {
    type Record = InstanceRecord;

    fn about(&self) -> &'static About {
        &About {
            name: "ec2-connector",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Inventory of the EC2 instances of many AWS accounts: one row for every instance",
            table: "ec2_instances",
            actions: &["ec2:DescribeInstances"],
            calls: "1 DescribeInstances per page_size instances, and at least 1",
            order: Order::ByKey,
        }
    }

    fn columns(&self) -> &'static [Column<InstanceRecord>] {
        COLUMNS
    }

    fn parameters(&self) -> &'static [&'static Parameter] {
        PARAMETERS
    }

    async fn collect(
        &self,
        slice: &Slice,
        parameters: &Values,
        rows: &mut RowWriter<InstanceRecord>,
    ) -> Result<(), SliceError> {
        let access = &slice.access;
        let config = Builder::from(access.sdk_config())
            .retry_partition(access.retry_partition())
            .build();
        let page_size = parameters.integer(&PAGE_SIZE).and_then(|size| i32::try_from(size).ok());
        let region: Arc<str> = slice.region().into();
        let client = Client::from_conf(config);
        // Not the SDK's paginator: it lets other tasks go first when a page has been parsed, and so keeps a parsed page
        // in memory for every slice that waits.
        let mut token = None;
        loop {
            let page = client
                .describe_instances()
                .set_max_results(page_size)
                .set_next_token(token.clone())
                .send()
                .await
                .map_err(AwsError::of("ec2", "DescribeInstances"))?;
            for reservation in page.reservations.unwrap_or_default() {
                for record in InstanceRecord::from_reservation(reservation, &region) {
                    rows.push(&record)?;
                }
            }
            token = AwsError::next_page("ec2", "DescribeInstances", token.as_deref(), page.next_token)?;
            if token.is_none() {
                return Ok(());
            }
        }
    }
}
