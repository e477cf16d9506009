//! The inventory of EC2 instances: one row for every instance of every account and region.

pub mod answer;
pub mod instance;
pub mod members;

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use auth_core::{AwsError, Host, Pages};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::Builder;
use connector_core::parameters::{Group, Parameter, ParameterKind, Problem, Values};
use connector_core::table::Column;
use connector_core::{About, Collector, Columns, Connector, DefaultRegions, Slice, SliceError, SliceRows};

use crate::answer::{Unread, Unreadable};
use crate::instance::InstanceRecord;

/// Instances per answer. Without it AWS may put a whole region into one answer, or time out.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
static PAGE_SIZE: Parameter = Parameter::new(
    "page_size",
    ParameterKind::Integer(5, 1000),
    Group::Connector,
    "Instances per page of DescribeInstances.",
)
.default("1000")
.beside_the_rows();

/// A hundred thousand instances take minutes.
const LONGEST_SLICE: Duration = Duration::from_secs(3600);

static PARAMETERS: &[&Parameter] = &[&PAGE_SIZE];

/// The connector.
#[derive(Clone, Copy, Debug)]
pub struct Ec2Connector;

/// Collects the instances of one run.
#[derive(Clone, Copy, Debug)]
pub struct InstanceCollector {
    page_size: Option<i32>,
}

impl Connector for Ec2Connector {
    type Collector = InstanceCollector;

    fn about(&self) -> &'static About {
        &About {
            name: "ec2-connector",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Inventory of the EC2 instances of many AWS accounts: one row for every instance",
            table: "ec2_instances",
            calls: "1 DescribeInstances per page_size instances, and at least 1",
            leading: &["account_id", "account_name", "organizational_unit_path", "region"],
            regions: DefaultRegions::Enabled,
            slice_timeout: Some(LONGEST_SLICE),
            slices_at_once: None,
        }
    }

    fn columns(&self) -> Columns {
        Columns::Fixed(InstanceRecord::COLUMNS.iter().map(Column::heading).collect())
    }

    fn parameters(&self) -> &'static [&'static Parameter] {
        PARAMETERS
    }

    fn actions(&self, _: &Values) -> Vec<&'static str> {
        vec!["ec2:DescribeInstances"]
    }

    fn collector(&self, parameters: &Values, _: &Host) -> Result<InstanceCollector, Vec<Problem>> {
        let page_size = parameters.integer(&PAGE_SIZE).and_then(|size| i32::try_from(size).ok());
        Ok(InstanceCollector { page_size })
    }
}

/// Instances of a page at least, where only the permission is of interest.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
const SMALLEST_PAGE: i32 = 5;

fn client(slice: &Slice) -> Client {
    let access = &slice.access;
    let config = Builder::from(access.sdk_config())
        .retry_partition(access.retry_partition())
        .build();
    Client::from_conf(config)
}

#[async_trait]
impl Collector for InstanceCollector {
    async fn collect(&self, slice: &Slice, rows: &mut SliceRows) -> Result<(), SliceError> {
        let client = client(slice);
        // Not the SDK's paginator: it lets other tasks go first when a page has come, and so keeps a page in memory for every
        // slice that waits.
        let mut pages = Pages::of("ec2", "DescribeInstances");
        loop {
            let answer = Unread::default();
            let call = client
                .describe_instances()
                .set_max_results(self.page_size)
                .set_next_token(pages.token())
                .customize()
                .interceptor(answer.clone());
            call.send().await.map_err(AwsError::of("ec2", "DescribeInstances"))?;
            let next_token = rows_of(answer, slice.region(), rows)?;
            if !pages.next(next_token)? {
                return Ok(());
            }
        }
    }

    async fn probe(&self, slice: &Slice) -> Result<(), SliceError> {
        let page = client(slice)
            .describe_instances()
            .max_results(SMALLEST_PAGE)
            .send()
            .await;
        page.map_err(AwsError::of("ec2", "DescribeInstances"))?;
        Ok(())
    }
}

/// Adds the rows of an answer, and gives the token of the next page.
fn rows_of(answer: Unread, region: &str, rows: &mut SliceRows) -> Result<Option<String>, SliceError> {
    let body = answer.take();
    let bytes = body.as_ref().and_then(|body| body.bytes()).unwrap_or_default();
    let next_token = answer::read(bytes, |reservation| {
        InstanceRecord::of(reservation, region).try_for_each(|record| rows.push(InstanceRecord::COLUMNS, &record))
    })?;
    Ok(next_token.map(Cow::into_owned))
}

impl From<Unreadable> for SliceError {
    fn from(error: Unreadable) -> Self {
        SliceError::Aws(AwsError::answer("ec2", "DescribeInstances", error.to_string()))
    }
}
