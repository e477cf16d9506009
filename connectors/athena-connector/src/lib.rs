//! Athena queries over many accounts, exported exactly.
//!
//! [`job`] says what is to run, [`statement`] of what kinds it is, [`collector`] does it for one slice: `workgroup` is looked
//! at, `execute` starts a statement and waits for it (`running` knows what runs at AWS, `desk` asks for states, `pace` says
//! when), `fetch` gets its rows from [`results`] (`objects` reads S3), `statistics` tells the ledger.

pub mod collector;
mod desk;
mod execute;
mod failure;
mod fetch;
pub mod job;
mod objects;
mod pace;
mod parameters;
mod permissions;
pub mod results;
mod running;
pub mod statement;
mod statistics;
mod workgroup;

use auth_core::Host;
use connector_core::parameters::{Parameter, Problem, Values};
use connector_core::{About, Columns, Connector, DefaultRegions, Page, Permission};
use serde_json::{Map, Value as Json};

use crate::collector::AthenaCollector;
use crate::job::Job;
use crate::statement::split;

/// The connector.
#[derive(Clone, Copy, Debug)]
pub struct AthenaConnector;

impl Connector for AthenaConnector {
    type Collector = AthenaCollector;

    fn about(&self) -> &'static About {
        &About {
            name: "athena-connector",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Athena queries over many AWS accounts: the rows of all of them in one file",
            table: "athena_rows",
            calls: "1 GetWorkGroup; for each statement 1 StartQueryExecution, some GetQueryExecution, 1 GetQueryResults, \
                    and 1 GetObject per 4 MiB of a result of more than one page",
            leading: &["account_id", "region"],
            regions: DefaultRegions::Home,
            // Each statement has its own `timeout`.
            slice_timeout: None,
            // They wait for Athena, and a slice that waits holds nothing.
            slices_at_once: Some(1000),
        }
    }

    fn columns(&self) -> Columns {
        Columns::OfTheResult("Behind them come the columns of the query's result, with their types.")
    }

    fn parameters(&self) -> &'static [&'static Parameter] {
        parameters::ALL
    }

    fn pages(&self) -> &'static [Page] {
        &[("statements", statement::kinds::reference)]
    }

    fn actions(&self, values: &Values) -> Vec<&'static str> {
        let mut actions = ACTIONS.to_vec();
        if values.has(&parameters::NAMED_QUERY_ID) {
            actions.push("athena:GetNamedQuery");
        }
        if values.has(&parameters::PREPARED_STATEMENT) {
            actions.push("athena:GetPreparedStatement");
        }
        if !values.boolean(&parameters::KEEP_RESULTS) {
            actions.push("s3:DeleteObject");
        }
        // One statement is asked for by itself, and those of a file are not read for this.
        let one = values.text(&parameters::QUERY).is_none_or(|text| split(text).len() < 2);
        if !one || values.has(&parameters::QUERY_FILE) {
            actions.push("athena:BatchGetQueryExecution");
        }
        if values.has(&parameters::ACL) {
            actions.push("s3:PutObjectAcl");
        }
        if values.has(&parameters::KMS_KEY) {
            actions.extend(["kms:Decrypt", "kms:GenerateDataKey"]);
        }
        actions.sort_unstable();
        actions
    }

    fn permissions(&self, values: &Values) -> Vec<Permission> {
        permissions::of(self.actions(values), values)
    }

    fn closing(&self, totals: &Map<String, Json>) -> Option<String> {
        let whole = |name: &str| totals.get(name).and_then(Json::as_u64);
        let queries = whole("queries")?;
        let scanned = whole("scanned_bytes").unwrap_or_default();
        let cost = totals.get("cost").and_then(Json::as_f64).unwrap_or_default();
        Some(format!(
            "queries {queries}, {} scanned, cost about {cost:.4}",
            size(scanned)
        ))
    }

    fn collector(&self, values: &Values, host: &Host) -> Result<AthenaCollector, Vec<Problem>> {
        Ok(AthenaCollector::new(Job::new(values)?, host))
    }

    fn prober(&self, values: &Values, host: &Host) -> Result<AthenaCollector, Vec<Problem>> {
        Ok(AthenaCollector::new(Job::to_check(values)?, host))
    }
}

/// `1.5 GiB`
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(4);
    let scaled = bytes as f64 / f64::from(1024_u32).powi(i32::try_from(power).unwrap_or_default());
    let unit = UNITS
        .get(usize::try_from(power).unwrap_or_default())
        .unwrap_or(&"bytes");
    if power == 0 {
        format!("{bytes} {unit}")
    } else {
        format!("{scaled:.1} {unit}")
    }
}

/// What any query needs: Athena's own actions; those on the results, which Athena writes in the caller's name; those on
/// the catalog and the tables' data.
/// <https://docs.aws.amazon.com/athena/latest/ug/example-policies-workgroup.html>,
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonAthenaFullAccess.html>
const ACTIONS: &[&str] = &[
    "athena:GetDataCatalog",
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
    "glue:BatchGetPartition",
    "glue:GetDatabase",
    "glue:GetDatabases",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:GetTable",
    "glue:GetTables",
    "s3:AbortMultipartUpload",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
];

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_readable() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_610_612_736, "1.5 GiB"),
            (u64::MAX, "16777216.0 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
