//! The inventory of EC2 instances: one row for every instance of every account and region.

pub mod answer;
pub mod instance;
pub mod members;

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use auth_core::{AwsError, Host, LastAnswer, Pages};
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

const SERVICE: &str = "ec2";
const OPERATION: &str = "DescribeInstances";

/// What the ledger says where managed instances cannot be asked for.
const MAYBE_HIDDEN: &str = "EC2 does not know the parameter IncludeManagedResources: instances that an AWS service manages, \
                            and that the account hides by default, may be missing";

/// The calls of one slice.
struct Asking<'a> {
    slice: &'a Slice,
    client: Client,
    page_size: Option<i32>,
    /// `IncludeManagedResources`. Without it, an account whose managed resource visibility is `hidden` gives no instance that
    /// an AWS service manages. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
    managed: Option<bool>,
}

impl<'a> Asking<'a> {
    fn of(slice: &'a Slice, page_size: Option<i32>) -> Self {
        let access = &slice.access;
        let config = Builder::from(access.sdk_config())
            .retry_partition(access.retry_partition())
            .interceptor(LastAnswer)
            .build();
        Asking {
            slice,
            client: Client::from_conf(config),
            page_size,
            managed: Some(true),
        }
    }

    /// The page of `token`, unread. A region that does not know managed instances is asked again without them, and the ledger
    /// says so.
    async fn page(&mut self, token: Option<String>) -> Result<Unread, AwsError> {
        loop {
            let answer = Unread::default();
            let call = self
                .client
                .describe_instances()
                .set_include_managed_resources(self.managed)
                .set_max_results(self.page_size)
                .set_next_token(token.clone())
                .customize()
                .interceptor(answer.clone());
            match call.send().await.map_err(AwsError::of(SERVICE, OPERATION)) {
                Ok(_) => return Ok(answer),
                Err(error) if self.managed.is_some() && is_unknown(&error) => {
                    self.managed = None;
                    self.slice.facts.warn(MAYBE_HIDDEN);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether EC2 does not know a parameter of the call. Of those that it is sent, only one is younger than a decade.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
fn is_unknown(error: &AwsError) -> bool {
    let names_it = error.http_status == Some(400) && error.message.contains("IncludeManagedResources");
    names_it || error.code.as_deref() == Some("UnknownParameter")
}

#[async_trait]
impl Collector for InstanceCollector {
    async fn collect(&self, slice: &Slice, rows: &mut SliceRows) -> Result<(), SliceError> {
        let mut asking = Asking::of(slice, self.page_size);
        // Not the SDK's paginator: it lets other tasks go first when a page has come, and so keeps a page in memory for every
        // slice that waits.
        let mut pages = Pages::of(SERVICE, OPERATION);
        loop {
            let answer = asking.page(pages.token()).await?;
            let next_token = rows_of(answer, slice.region(), rows)?;
            if !pages.next(next_token)? {
                return Ok(());
            }
        }
    }

    async fn probe(&self, slice: &Slice) -> Result<(), SliceError> {
        Asking::of(slice, Some(SMALLEST_PAGE)).page(None).await?;
        Ok(())
    }
}

/// Adds the rows of an answer, and gives the token of the next page.
fn rows_of(answer: Unread, region: &str, rows: &mut SliceRows) -> Result<Option<String>, SliceError> {
    rows.next_answer();
    let body = answer.take();
    let bytes = body.as_ref().and_then(|body| body.bytes()).unwrap_or_default();
    let next_token = answer::read(bytes, |reservation| {
        InstanceRecord::of(reservation, region).try_for_each(|record| {
            if record.instance.instance_id.as_deref().is_none_or(str::is_empty) {
                return Err(AwsError::missing(SERVICE, OPERATION, "instanceId of an instance").into());
            }
            rows.push(InstanceRecord::COLUMNS, &record)
        })
    })?;
    Ok(next_token.map(Cow::into_owned))
}

impl From<Unreadable> for SliceError {
    fn from(error: Unreadable) -> Self {
        SliceError::Aws(AwsError::answer(SERVICE, OPERATION, error.to_string()))
    }
}
