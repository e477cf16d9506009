//! The parameters that every connector has.

use super::Group::{Accounts, Authentication, Output, Run};
use super::Parameter;
use super::ParameterKind::{Boolean, Chain, Choice, Integer, List, Map, Secret, Text};

/// `AuthenticationMethod`: an access key.
pub const METHOD_ACCESS_KEY: &str = "Access Key & Secret Key";
/// `AuthenticationMethod`: OIDC.
pub const METHOD_OIDC: &str = "Web Identity Federation (OIDC)";
/// `AuthenticationMethod`: what every AWS tool accepts.
pub const METHOD_DEFAULT_CHAIN: &str = "AWS Default Chain";

/// How the initial credentials come about.
pub static AUTHENTICATION_METHOD: Parameter = Parameter::new(
    "AuthenticationMethod",
    Choice(&[METHOD_ACCESS_KEY, METHOD_OIDC, METHOD_DEFAULT_CHAIN]),
    Authentication,
    "How the initial credentials come about. Only the chosen method's parameters are required; those of the others are \
     ignored with a warning. `AWS Default Chain` takes what every AWS tool accepts: environment, profile, SSO, \
     container, instance, web-identity file.",
)
.default(METHOD_ACCESS_KEY)
.beside_a_slice();

/// First part of the access key.
pub static ACCESS_KEY_ID: Parameter = Parameter::new(
    "access_key_id",
    Text,
    Authentication,
    "The access key's id: the initial credentials. Used for the first authentication at STS; session credentials are \
     obtained from them and renewed for as long as the run lasts.",
)
.beside_the_rows();

/// Second part of the access key.
pub static SECRET_ACCESS_KEY: Parameter =
    Parameter::new("secret_access_key", Secret, Authentication, "The access key's secret.")
        .beside_the_rows()
        .encryptable();

/// Third part of temporary credentials.
pub static SESSION_TOKEN: Parameter = Parameter::new(
    "session_token",
    Secret,
    Authentication,
    "The third part of temporary initial credentials (an access key id that begins with ASIA).",
)
.beside_the_rows()
.encryptable();

/// Client id at the identity provider.
pub static CLIENT_ID: Parameter = Parameter::new(
    "ClientId",
    Text,
    Authentication,
    "OIDC: the client's id at the identity provider.",
)
.beside_the_rows();

/// Client secret at the identity provider.
pub static CLIENT_SECRET: Parameter = Parameter::new(
    "ClientSecret",
    Secret,
    Authentication,
    "OIDC: the client's secret at the identity provider.",
)
.beside_the_rows()
.encryptable();

/// Identities for encrypted secrets.
pub static SECRET_IDENTITY: Parameter = Parameter::new(
    "secret_identity",
    Secret,
    Authentication,
    "The age identities, one a line (AGE-SECRET-KEY-1…), that open the secrets that stand encrypted; any of them may fit. \
     `secret keygen` makes one. Without it, the systemd credential secret_identity is taken where there is one.",
)
.beside_the_rows();

/// Token endpoint.
pub static IDP_URL: Parameter = Parameter::new(
    "IdpUrl",
    Text,
    Authentication,
    "OIDC: the identity provider's token endpoint; a client-credentials request there returns the token. https, or http \
     on loopback (see allow_insecure_endpoints). Redirects are not followed.",
)
.beside_a_slice();

/// Role for the token.
pub static ROLE_ARN: Parameter = Parameter::new(
    "RoleArn",
    Text,
    Authentication,
    "OIDC: the role that is assumed with AssumeRoleWithWebIdentity; its session is the initial credentials of \
     everything else.",
)
.beside_a_slice();

/// Lifetime of the web-identity session.
pub static SESSION_DURATION: Parameter = Parameter::new(
    "SessionDuration",
    Integer(900, 43_200),
    Authentication,
    "OIDC: lifetime of the web-identity session in seconds, at most the role's own maximum.",
)
.default("3600")
.beside_the_rows();

/// Scope field of the token request.
pub static OIDC_SCOPE: Parameter = Parameter::new(
    "OidcScope",
    Text,
    Authentication,
    "OIDC: the `scope` field of the token request.",
)
.beside_a_slice();

/// Audience field of the token request.
pub static OIDC_AUDIENCE: Parameter = Parameter::new(
    "OidcAudience",
    Text,
    Authentication,
    "OIDC: the `audience` field of the token request.",
)
.beside_a_slice();

/// How the client proves itself.
pub static OIDC_CLIENT_AUTHENTICATION: Parameter = Parameter::new(
    "OidcClientAuthentication",
    Choice(&["client_secret_basic", "client_secret_post"]),
    Authentication,
    "OIDC: how the client proves itself at the token endpoint, in the Authorization header or in the form.",
)
.default("client_secret_basic")
.beside_the_rows();

/// Extra form fields.
pub static OIDC_TOKEN_PARAMETERS: Parameter = Parameter::new(
    "OidcTokenParameters",
    Map,
    Authentication,
    "OIDC: extra fields of the token request, such as {\"resource\": \"urn:aws\"}.",
)
.beside_a_slice();

/// Chain to the master account.
pub static MASTER_CHAIN: Parameter = Parameter::new(
    "master_assume_role_arn_chain",
    Chain,
    Authentication,
    "Roles assumed one after another: initial credentials, role 1, role 2 …; the last session makes the API calls. With \
     several accounts this chain serves the master account, and the account listing, only.",
)
.aliases(&["masterAccountAssumeRoleArnChain", "masterAssumeRoleArnChain"])
.beside_a_slice();

/// Chain to the sub-accounts.
pub static SUB_ACCOUNT_CHAIN: Parameter = Parameter::new(
    "sub_account_assume_role_arn_chain",
    Chain,
    Authentication,
    "Switches the account listing on: accounts come from AWS Organizations, read with the last session of the master \
     chain. Each sub-account is reached from the initial credentials through this chain, with {accountId} replaced. \
     Empty: the master account only.",
)
.aliases(&["subAccountAssumeRoleArnChain"])
.beside_a_slice();

/// External ID.
pub static EXTERNAL_ID: Parameter = Parameter::new(
    "assume_external_id",
    Text,
    Authentication,
    "The external ID that is sent with every AssumeRole of a chain, never with AssumeRoleWithWebIdentity.",
)
.beside_a_slice();

/// Region of STS.
pub static STS_REGION: Parameter = Parameter::new(
    "sts_region",
    Text,
    Authentication,
    "Region of the STS endpoint and of calls without a region of their own. Default: the region of the environment or \
     profile, else us-east-1.",
)
.beside_the_rows();

/// Session name.
pub static ROLE_SESSION_NAME: Parameter = Parameter::new(
    "role_session_name",
    Text,
    Authentication,
    "Name of the role sessions, seen in CloudTrail: 2 to 64 characters of letters, digits and _=,.@-. Default: the \
     connector's name.",
)
.beside_the_rows();

/// Source identity.
pub static SOURCE_IDENTITY: Parameter = Parameter::new(
    "source_identity",
    Text,
    Authentication,
    "Source identity that is set with the first role of a chain: 2 to 64 characters of letters, digits and _=,.@-. The \
     trust policies must allow sts:SetSourceIdentity.",
)
.beside_a_slice();

/// Lifetime of role sessions.
pub static ROLE_SESSION_DURATION: Parameter = Parameter::new(
    "role_session_duration",
    Integer(1, 3600),
    Authentication,
    "Lifetime of the sessions of role chains in seconds. AWS gives 900 to 3600; sessions renew themselves ahead of \
     their end.",
)
.default("3600")
.beside_the_rows();

/// Explicit accounts.
pub static ACCOUNTS: Parameter = Parameter::new(
    "accounts",
    List,
    Accounts,
    "An explicit list of account ids instead of AWS Organizations. Needs sub_account_assume_role_arn_chain; \
     master_assume_role_arn_chain must be absent.",
)
.beside_a_slice();

/// Organizational units.
pub static ORGANIZATIONAL_UNITS: Parameter = Parameter::new(
    "organizational_units",
    List,
    Accounts,
    "With the account listing: organizational units whose accounts, at any depth, are collected, by id (ou-…, or r-… for \
     a root) or by the names from the root down (/Root/Sandbox). Default: the whole organization.",
)
.beside_a_slice();

/// Excluded accounts.
pub static EXCLUDE_ACCOUNTS: Parameter = Parameter::new(
    "exclude_accounts",
    List,
    Accounts,
    "With the account listing: ids of accounts that are left out.",
)
.beside_a_slice();

/// Listing page size.
pub static LISTING_PAGE_SIZE: Parameter = Parameter::new(
    "listing_page_size",
    Integer(1, 20),
    Accounts,
    "With the account listing: items per page of AWS Organizations. Default: what AWS chooses.",
)
.beside_the_rows();

/// Regions.
pub static REGIONS: Parameter = Parameter::new(
    "regions",
    List,
    Accounts,
    "Regions to collect. Default: every region that is enabled in the account; for queries, the region of the environment \
     or profile.",
)
.beside_a_slice();

/// Excluded regions.
pub static EXCLUDE_REGIONS: Parameter =
    Parameter::new("exclude_regions", List, Accounts, "Regions that are left out.").beside_a_slice();

/// A part of the accounts.
pub static SHARD: Parameter = Parameter::new(
    "shard",
    Text,
    Accounts,
    "Collects only the accounts of one shard, on one of several machines: i/n, with i counted from 0 to n-1. Which accounts \
     these are, their ids alone say. With auto/n, i is AWS_BATCH_JOB_ARRAY_INDEX or JOB_COMPLETION_INDEX; with auto, n is \
     AWS_BATCH_JOB_ARRAY_SIZE, too. `merge` joins the shards. Needs an output file, as rows-{shard}.csv; the rows stay \
     beside it in <output>.state until they are merged. Default: all accounts.",
)
.beside_the_rows();

/// Output file.
pub static OUTPUT: Parameter = Parameter::new(
    "output",
    Text,
    Output,
    "File for the rows; - is standard output. The file appears under its name only when it is whole. Its directory must be \
     there. With {accountId} or {region} in it there is a file for each account or region; with {statement}, one for each \
     statement that gives rows. {shard} is the index of the shard.",
)
.default("-")
.beside_the_rows();

/// Format.
pub static FORMAT: Parameter = Parameter::new(
    "format",
    Choice(&["csv", "json", "jsonl", "parquet"]),
    Output,
    "Format of the rows. Default: what the output's ending says, else csv.",
);

/// Formulas in CSV.
pub static CSV_SAFE: Parameter = Parameter::new(
    "csv_safe",
    Boolean,
    Output,
    "With csv, for spreadsheets: whether a text that begins with =, +, -, @, a tab or a line break, which a spreadsheet \
     takes for a formula, gets an apostrophe in front. Numbers stay numbers. Programs that read the file see the \
     apostrophe.",
)
.default("false");

/// Leading columns.
pub static LEADING_COLUMNS: Parameter = Parameter::new(
    "leading_columns",
    List,
    Output,
    "Columns in front of the connector's own: of account_id, account_name, organizational_unit_path, region and \
     collected_at, those that are named; or none. With keep_last_good collected_at in any case.",
);

/// Ledger.
pub static LEDGER: Parameter = Parameter::new(
    "ledger",
    Text,
    Output,
    "File for the ledger of the run. Default: the output's name with .run.json behind it, and `all` in place of \
     {accountId}, {region} and {statement}; none with standard output. {shard} is the index of the shard. The ledger of a run \
     that publishes nothing goes beside it, <output>.failed.run.json, and the last one stays.",
)
.beside_the_rows();

/// Concurrency.
pub static MAX_CONCURRENCY: Parameter = Parameter::new(
    "max_concurrency",
    Integer(1, 1000),
    Run,
    "HTTP requests in flight at the same time, and thus connections; up to 8 more stop queries. Fewer where the process may \
     have too few files open; a warning says so.",
)
.default("64")
.beside_the_rows();

/// Time of a slice.
pub static SLICE_TIMEOUT: Parameter = Parameter::new(
    "slice_timeout",
    Integer(1, 604_800),
    Run,
    "Seconds that one account in one region may take; then it is `timed-out`, and what runs for it at AWS is stopped. \
     Default: 3600 for inventories; none for queries, where timeout bounds each statement.",
)
.beside_the_rows();

/// Time of a run.
pub static RUN_TIMEOUT: Parameter = Parameter::new(
    "run_timeout",
    Integer(1, 604_800),
    Run,
    "Seconds that the run may take until it stops collecting. What is complete then is published; what is not is \
     `timed-out`, and --resume collects it.",
)
.default("43200")
.beside_the_rows();

/// Time of a call.
pub static CALL_TIMEOUT: Parameter = Parameter::new(
    "call_timeout",
    Integer(1, 3600),
    Run,
    "Seconds that one call of AWS may take with all its tries. One of them waits 30 s for an answer, or a third of this.",
)
.default("180")
.beside_the_rows();

/// Rows of slices that fail.
pub static KEEP_LAST_GOOD: Parameter = Parameter::new(
    "keep_last_good",
    Boolean,
    Output,
    "Slices that fail keep their rows of the last run in which they were complete, so that a failed account does not look \
     like deleted rows. The ledger says which are stale and how old, and every row says it in collected_at, which is a leading \
     column then. Needs an output file; the rows stay beside it in <output>.state. Where parameters that shape rows have \
     changed, the run is refused before anything is collected, until `run --forget-last-good` gives the kept rows up.",
)
.default("false")
.beside_the_rows();

/// Endpoints without TLS.
pub static ALLOW_INSECURE_ENDPOINTS: Parameter = Parameter::new(
    "allow_insecure_endpoints",
    Boolean,
    Run,
    "Whether IdpUrl and AWS_ENDPOINT_URL… may be http and not on loopback, where everybody on the way reads secrets and \
     rows: for tests in a network of one's own.",
)
.default("false")
.beside_the_rows();

/// All of them, in the order of the help and the reference page.
pub static SHARED: &[&Parameter] = &[
    &AUTHENTICATION_METHOD,
    &ACCESS_KEY_ID,
    &SECRET_ACCESS_KEY,
    &SESSION_TOKEN,
    &CLIENT_ID,
    &CLIENT_SECRET,
    &SECRET_IDENTITY,
    &IDP_URL,
    &ROLE_ARN,
    &SESSION_DURATION,
    &OIDC_SCOPE,
    &OIDC_AUDIENCE,
    &OIDC_CLIENT_AUTHENTICATION,
    &OIDC_TOKEN_PARAMETERS,
    &MASTER_CHAIN,
    &SUB_ACCOUNT_CHAIN,
    &EXTERNAL_ID,
    &STS_REGION,
    &ROLE_SESSION_NAME,
    &SOURCE_IDENTITY,
    &ROLE_SESSION_DURATION,
    &ACCOUNTS,
    &ORGANIZATIONAL_UNITS,
    &EXCLUDE_ACCOUNTS,
    &LISTING_PAGE_SIZE,
    &REGIONS,
    &EXCLUDE_REGIONS,
    &SHARD,
    &OUTPUT,
    &FORMAT,
    &CSV_SAFE,
    &LEADING_COLUMNS,
    &LEDGER,
    &KEEP_LAST_GOOD,
    &MAX_CONCURRENCY,
    &CALL_TIMEOUT,
    &SLICE_TIMEOUT,
    &RUN_TIMEOUT,
    &ALLOW_INSECURE_ENDPOINTS,
];
