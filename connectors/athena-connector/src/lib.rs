//! Athena queries over many accounts, exported exactly.
//!
//! [`job`] says what is to run, [`collector`] does it for one slice: `workgroup` is looked at, `execute` starts a statement
//! and waits for it (`running` knows what runs at AWS, `desk` asks for states, `pace` says when), `fetch` gets its rows
//! from [`results`] (`objects` reads S3), `statistics` tells the ledger.

pub mod collector;
mod desk;
mod execute;
mod failure;
mod fetch;
pub mod job;
mod objects;
mod pace;
mod parameters;
pub mod results;
mod running;
pub mod statement;
mod statistics;
mod workgroup;

use auth_core::Host;
use connector_core::parameters::{Parameter, Problem, Values};
use connector_core::{About, Columns, Connector, DefaultRegions};

use crate::collector::AthenaCollector;
use crate::job::Job;

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
                    and 1 GetObject per 8 MiB of a result of more than one page",
            leading: &["account_id", "region"],
            regions: DefaultRegions::Home,
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
        actions
    }

    fn collector(&self, values: &Values, host: &Host) -> Result<AthenaCollector, Vec<Problem>> {
        Ok(AthenaCollector::new(Job::new(values)?, host))
    }
}

/// What any query needs: Athena's own actions; those on the results, which Athena writes in the caller's name; those on
/// the catalog and the tables' data.
/// <https://docs.aws.amazon.com/athena/latest/ug/example-policies-workgroup.html>
const ACTIONS: &[&str] = &[
    "athena:BatchGetQueryExecution",
    "athena:GetDataCatalog",
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
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
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
];
