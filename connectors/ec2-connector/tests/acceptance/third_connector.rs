//! Another connector, on the same crates and nothing else: it collects the regions that an account has enabled. What a
//! connector is must stay this small; and one that panics must not take other slices along.

use async_trait::async_trait;
use auth_core::{AwsError, Host, LastAnswer};
use aws_sdk_ec2::config::Builder;
use connector_core::parameters::{Problem, Values};
use connector_core::table::{Column, Value};
use connector_core::{About, Collector, Columns, Connector, DefaultRegions, Slice, SliceError, SliceRows};
use serde_json::json;

use crate::harness::{Run, start};
use crate::world::*;

struct Enabled {
    name: String,
    endpoint: Option<String>,
}

static COLUMNS: &[Column<Enabled>] = &[
    Column::text("name", "Name of a region that is enabled.", |r: &Enabled| {
        Value::Text(r.name.as_str().into())
    })
    .key(),
    Column::text("endpoint", "Its endpoint.", |r| Value::text(r.endpoint.as_deref())),
];

#[derive(Clone)]
struct RegionsConnector {
    panics_in: Option<(&'static str, &'static str)>,
    /// In what the run does beside collecting.
    panics_beside: bool,
}

impl RegionsConnector {
    const CALM: Self = RegionsConnector {
        panics_in: None,
        panics_beside: false,
    };
}

impl Connector for RegionsConnector {
    type Collector = Self;

    fn about(&self) -> &'static About {
        &About {
            name: "regions-connector",
            version: "0.0.1",
            summary: "Enabled regions",
            table: "regions",
            calls: "1 DescribeRegions",
            leading: &["account_id", "region"],
            regions: DefaultRegions::Enabled,
            slice_timeout: None,
            slices_at_once: None,
        }
    }

    fn columns(&self) -> Columns {
        Columns::Fixed(COLUMNS.iter().map(Column::heading).collect())
    }

    fn actions(&self, _: &Values) -> Vec<&'static str> {
        vec!["ec2:DescribeRegions"]
    }

    fn collector(&self, _: &Values, _: &Host) -> Result<Self, Vec<Problem>> {
        Ok(self.clone())
    }
}

#[async_trait]
impl Collector for RegionsConnector {
    async fn collect(&self, slice: &Slice, rows: &mut SliceRows) -> Result<(), SliceError> {
        let access = &slice.access;
        let config = Builder::from(access.sdk_config())
            .retry_partition(access.retry_partition())
            .interceptor(LastAnswer);
        let answer = aws_sdk_ec2::Client::from_conf(config.build())
            .describe_regions()
            .send()
            .await
            .map_err(AwsError::of("ec2", "DescribeRegions"))?;
        let here = (slice.account.id.as_str(), slice.region());
        assert!(self.panics_in != Some(here), "as it was told to");
        for region in answer.regions.unwrap_or_default() {
            let name = region.region_name.unwrap_or_default();
            let endpoint = region.endpoint;
            rows.push(COLUMNS, &Enabled { name, endpoint })?;
        }
        Ok(())
    }

    async fn concluded(&self, _: &Slice) {
        assert!(!self.panics_beside, "as it was told to");
    }

    async fn abandon(&self, _: &Slice) {
        assert!(!self.panics_beside, "as it was told to");
    }

    async fn stop(&self) {
        assert!(!self.panics_beside, "as it was told to");
    }
}

/// A panic beside the collecting costs no row, and no ledger.
#[test]
fn a_panic_beside_the_collecting_ends_nothing() {
    let sim = start(estate());
    for (panics_in, code) in [(None, 0), (Some((B, IRELAND)), 3)] {
        let outcome = Run::organization(&sim)
            .params(json!({"regions": [FRANKFURT, IRELAND]}))
            .inside_as(&RegionsConnector {
                panics_in,
                panics_beside: true,
            });
        outcome.expect(code);
        let failed = usize::from(panics_in.is_some());
        assert_eq!(outcome.rows().len(), (ALL.len() * 2 - failed) * REGIONS.len());
    }
}

#[test]
fn a_connector_is_a_table_and_one_function() {
    let sim = start(estate());
    let outcome = Run::organization(&sim)
        .params(json!({"regions": [FRANKFURT]}))
        .inside_as(&RegionsConnector::CALM);
    outcome.expect(0);
    let rows = outcome.rows();
    assert_eq!(rows.len(), ALL.len() * REGIONS.len());
    assert_eq!(rows[0]["account_id"], MASTER);
    assert_eq!(rows[0]["region"], FRANKFURT);
    assert_eq!(rows[0]["name"], FRANKFURT);
    assert_eq!(outcome.ledger()["connector"], "regions-connector");
}

#[test]
fn a_slice_that_panics_is_a_failed_one_and_the_only_one() {
    let sim = start(estate());
    let outcome = Run::organization(&sim)
        .params(json!({"regions": [FRANKFURT, IRELAND]}))
        .inside_as(&RegionsConnector {
            panics_in: Some((B, IRELAND)),
            panics_beside: false,
        });
    outcome.expect(3);
    assert_eq!(outcome.rows().len(), (ALL.len() * 2 - 1) * REGIONS.len());
    let slice = outcome.slice(B, Some(IRELAND));
    assert_eq!(slice["outcome"], "failed");
    let message = slice["cause"]["message"].as_str().unwrap();
    assert!(message.contains("a defect of the program"), "{message}");
}
