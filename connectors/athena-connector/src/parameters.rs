//! The connector's own parameters.

use connector_core::parameters::{Group, Parameter, ParameterKind};

use ParameterKind::{Boolean, Choice, Integer, Number, Text, Texts};

const fn own(name: &'static str, kind: ParameterKind, help: &'static str) -> Parameter {
    Parameter::new(name, kind, Group::Connector, help)
}

pub(crate) static QUERY: Parameter = own(
    "query",
    Text,
    "SQL: one statement, or several with ; between, run in order. {accountId} and {region} are replaced.",
);
pub(crate) static QUERY_FILE: Parameter = own(
    "query_file",
    Text,
    "File with the SQL, in UTF-8; - is standard input. Instead of query.",
)
.beside_the_rows();
pub(crate) static NAMED_QUERY_ID: Parameter = own(
    "named_query_id",
    Text,
    "Id of a saved query of the account and region that it runs in. Instead of query.",
);
pub(crate) static PREPARED_STATEMENT: Parameter = own(
    "prepared_statement",
    Text,
    "Name of a prepared statement of the workgroup. Instead of query.",
);
/// <https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html>
pub(crate) static EXECUTION_PARAMETERS: Parameter = own(
    "execution_parameters",
    Texts,
    "Values of the ? of the statement, in order, each as an SQL literal: 42, or 'text' in single quotes. Athena puts them \
     in, they are never pasted into the text. As a flag, once for each.",
);
pub(crate) static CATALOG: Parameter =
    own("catalog", Text, "Data catalog. {accountId} and {region} are replaced.").default("AwsDataCatalog");
pub(crate) static DATABASE: Parameter = own(
    "database",
    Text,
    "Database of tables without one in the query. {accountId} and {region} are replaced.",
);
pub(crate) static WORKGROUP: Parameter =
    own("workgroup", Text, "Workgroup. {accountId} and {region} are replaced.").default("primary");
pub(crate) static OUTPUT_LOCATION: Parameter = own(
    "output_location",
    Text,
    "Where Athena writes results, s3://bucket/prefix/. {accountId} and {region} are replaced. Default: the workgroup's.",
).beside_a_slice();
/// <https://docs.aws.amazon.com/athena/latest/APIReference/API_EncryptionConfiguration.html>
pub(crate) static ENCRYPTION: Parameter = own(
    "encryption",
    Choice(&["SSE_S3", "SSE_KMS", "CSE_KMS"]),
    "Encryption of results in S3. Default: the workgroup's, or the bucket's.",
)
.beside_a_slice();
pub(crate) static KMS_KEY: Parameter =
    own("kms_key", Text, "ARN or id of the key for SSE_KMS and CSE_KMS.").beside_a_slice();
pub(crate) static EXPECTED_BUCKET_OWNER: Parameter = own(
    "expected_bucket_owner",
    Text,
    "Account that must own the results' bucket; Athena and S3 refuse any other. {accountId} is replaced.",
)
.beside_a_slice();
pub(crate) static ACL: Parameter = own(
    "acl",
    Choice(&["BUCKET_OWNER_FULL_CONTROL"]),
    "Access that the owner of the results' bucket gets to the results.",
)
.beside_a_slice();
/// <https://docs.aws.amazon.com/athena/latest/ug/reusing-query-results.html>
pub(crate) static RESULT_REUSE_MAX_AGE: Parameter = own(
    "result_reuse_max_age_minutes",
    Integer(0, 10_080),
    "Take the result of the same query if it is no older than this, in minutes: no scan, no cost. Default: never.",
)
.beside_a_slice();
pub(crate) static TIMEOUT: Parameter = own(
    "timeout",
    Integer(1, 86_400),
    "Seconds that a statement may take, from its start over queue and execution to the last row. Then it is stopped.",
)
.default("14400")
.beside_the_rows();
pub(crate) static MAX_SCANNED_BYTES: Parameter = own(
    "max_scanned_bytes",
    Integer(1, i64::MAX),
    "A statement that has scanned more is stopped, and its cost reported. Athena tells what was scanned every few \
     seconds, so somewhat more is scanned than this. The workgroup's own limit is sharper.",
)
.beside_the_rows();
pub(crate) static MAX_ACTIVE_QUERIES: Parameter = own(
    "max_active_queries",
    Integer(1, 200),
    "Statements that run side by side in one account and region: reads that follow one another.",
)
.default("5")
.beside_the_rows();
pub(crate) static FETCH: Parameter = own(
    "fetch",
    Choice(&["auto", "s3", "api", "unload"]),
    "How rows come: s3 reads the result object, api pages through Athena, unload lets Athena write Parquet, for exact \
     nested values. auto takes api for results of one page, for managed results and for statements without a result \
     table, else s3, and api where S3 says no.",
)
.default("auto");
pub(crate) static KEEP_RESULTS: Parameter = own(
    "keep_results",
    Boolean,
    "Whether the objects that Athena wrote stay in S3 when their rows have been read.",
)
.default("true")
.beside_the_rows();
/// <https://aws.amazon.com/athena/pricing/>
pub(crate) static PRICE_PER_TB: Parameter = own(
    "price_per_tb",
    Number,
    "Price of a terabyte (2^40 bytes) scanned, for the costs in ledger and summary.",
)
.default("5")
.beside_the_rows();

/// All of them.
pub(crate) static ALL: &[&Parameter] = &[
    &QUERY,
    &QUERY_FILE,
    &NAMED_QUERY_ID,
    &PREPARED_STATEMENT,
    &EXECUTION_PARAMETERS,
    &CATALOG,
    &DATABASE,
    &WORKGROUP,
    &OUTPUT_LOCATION,
    &ENCRYPTION,
    &KMS_KEY,
    &EXPECTED_BUCKET_OWNER,
    &ACL,
    &RESULT_REUSE_MAX_AGE,
    &TIMEOUT,
    &MAX_SCANNED_BYTES,
    &MAX_ACTIVE_QUERIES,
    &FETCH,
    &KEEP_RESULTS,
    &PRICE_PER_TB,
];
