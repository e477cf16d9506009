//! What is to be run, and how: the connector's parameters, checked.

use std::io::Read as _;
use std::time::Duration;

use aws_sdk_athena::types::{AclConfiguration, EncryptionConfiguration, EncryptionOption, S3AclOption};
use connector_core::parameters::catalog::OUTPUT;
use connector_core::parameters::{Parameter, Problem, Values};
use sha2::{Digest as _, Sha256};

use crate::execute::unload_length;
use crate::parameters::*;
use crate::statement::{Statement, split};
use crate::workgroup::is_sealed;

/// Bytes of UTF-8 that a query may have.
/// <https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html>
const LONGEST_QUERY: usize = 262_144;

/// Bytes that one of the execution parameters may have.
const LONGEST_PARAMETER: usize = 1024;

/// A query over many accounts and regions.
#[derive(Clone, Debug)]
pub struct Job {
    /// Where the text comes from.
    pub source: Source,
    /// Values of the `?`.
    pub execution_parameters: Vec<String>,
    /// Data catalog; a template.
    pub catalog: String,
    /// Database; a template.
    pub database: Option<String>,
    /// Workgroup; a template.
    pub workgroup: String,
    /// Where and how Athena is to write results.
    pub results: ResultSettings,
    /// Minutes.
    pub reuse_max_age: Option<i32>,
    /// From a statement's start to its last row.
    pub timeout: Duration,
    /// Bytes.
    pub max_scanned: Option<u64>,
    /// Statements side by side in one account and region.
    pub max_active: usize,
    /// How rows come.
    pub fetch: Fetch,
    /// Whether Athena's objects stay in S3.
    pub keep_results: bool,
    /// Per 2^40 bytes.
    pub price_per_tb: f64,
}

/// Where the text of a query comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Templates of statements.
    Statements(Vec<Statement>),
    /// A saved query's id.
    Named(String),
    /// A prepared statement's name.
    Prepared(String),
}

/// What a query may say of its results; a workgroup may say otherwise.
#[derive(Clone, Debug, Default)]
pub struct ResultSettings {
    /// `s3://bucket/prefix/`; a template.
    pub location: Option<String>,
    /// Encryption.
    pub encryption: Option<EncryptionConfiguration>,
    /// An account; a template.
    pub bucket_owner: Option<String>,
    /// Access for the bucket's owner.
    pub acl: Option<AclConfiguration>,
}

impl ResultSettings {
    /// The parameters that say something.
    pub fn named(&self) -> Vec<&'static str> {
        let given = [
            (self.location.is_some(), &OUTPUT_LOCATION),
            (self.encryption.is_some(), &ENCRYPTION),
            (self.bucket_owner.is_some(), &EXPECTED_BUCKET_OWNER),
            (self.acl.is_some(), &ACL),
        ];
        let given = given.into_iter().filter(|(given, _)| *given);
        given.map(|(_, parameter)| parameter.name).collect()
    }
}

/// How rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Whichever fits.
    Auto,
    /// From the result object.
    S3,
    /// Page by page through Athena.
    Api,
    /// From Parquet that Athena writes.
    Unload,
}

/// Puts account and region into a template.
pub fn filled(template: &str, account: &str, region: &str) -> String {
    template.replace("{accountId}", account).replace("{region}", region)
}

/// An account, and a region with a long name.
const EXAMPLE: (&str, &str) = ("000000000000", "ap-southeast-1");

/// A template with an account and a region in it.
fn example(template: &str) -> String {
    filled(template, EXAMPLE.0, EXAMPLE.1)
}

impl Job {
    /// Reads the query, and checks all rules.
    ///
    /// # Errors
    /// All problems, each with the parameter's name and what to change.
    pub fn new(values: &Values) -> Result<Self, Vec<Problem>> {
        Self::of(values, true)
    }

    /// The same for who only looks whether it would work: a query may be missing.
    ///
    /// # Errors
    /// All problems, each with the parameter's name and what to change.
    pub fn to_check(values: &Values) -> Result<Self, Vec<Problem>> {
        Self::of(values, false)
    }

    fn of(values: &Values, needs_query: bool) -> Result<Self, Vec<Problem>> {
        let mut rules = Rules {
            values,
            needs_query,
            problems: Vec::new(),
        };
        let source = rules.source();
        let results = rules.results();
        rules.names();
        let fetch = match values.text(&FETCH) {
            Some("s3") => Fetch::S3,
            Some("api") => Fetch::Api,
            Some("unload") => Fetch::Unload,
            _ => Fetch::Auto,
        };
        let execution_parameters = rules.execution_parameters();
        match &source {
            Some(Source::Statements(statements)) if !statements.is_empty() => {
                rules.statements(statements, !execution_parameters.is_empty());
            }
            Some(Source::Prepared(_)) if fetch == Fetch::Unload => rules.problem(
                "fetch is `unload`, which needs the text of the query: give the query instead of prepared_statement, or \
                 choose another fetch",
            ),
            _ => {}
        }
        let whole = |parameter: &Parameter| values.integer(parameter);
        match (source, rules.problems.is_empty()) {
            (Some(source), true) => Ok(Job {
                source,
                execution_parameters,
                catalog: values.text(&CATALOG).unwrap_or_default().to_owned(),
                database: values.text(&DATABASE).map(str::to_owned),
                workgroup: values.text(&WORKGROUP).unwrap_or_default().to_owned(),
                results,
                reuse_max_age: whole(&RESULT_REUSE_MAX_AGE).and_then(|age| i32::try_from(age).ok()),
                timeout: Duration::from_secs(whole(&TIMEOUT).unwrap_or_default().unsigned_abs()),
                max_scanned: whole(&MAX_SCANNED_BYTES).map(i64::unsigned_abs),
                max_active: whole(&MAX_ACTIVE_QUERIES)
                    .and_then(|n| usize::try_from(n).ok())
                    .unwrap_or(1),
                fetch,
                keep_results: values.boolean(&KEEP_RESULTS),
                price_per_tb: values.number(&PRICE_PER_TB).unwrap_or_default(),
            }),
            _ => Err(rules.problems),
        }
    }
}

impl Job {
    /// Of the statements, wherever their text came from.
    pub fn digest(&self) -> String {
        let texts = match &self.source {
            Source::Statements(statements) => statements.iter().map(|statement| statement.text.as_str()).collect(),
            Source::Named(name) | Source::Prepared(name) => vec![name.as_str()],
        };
        let digest = Sha256::digest(format!("{texts:?}"));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

struct Rules<'a> {
    values: &'a Values,
    needs_query: bool,
    problems: Vec<Problem>,
}

impl Rules<'_> {
    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(Problem(text.into()));
    }

    fn source(&mut self) -> Option<Source> {
        let ways = [&QUERY, &QUERY_FILE, &NAMED_QUERY_ID, &PREPARED_STATEMENT];
        let given: Vec<&Parameter> = ways.into_iter().filter(|way| self.values.has(way)).collect();
        match given[..] {
            [one] => self.only(one),
            [] if !self.needs_query => Some(Source::Statements(Vec::new())),
            [] => {
                self.problem(
                    "query is missing: say what to run with --query 'select …', --query-file FILE (- is standard input), \
                     --named-query-id or --prepared-statement, or with one of query, query_file, named_query_id, \
                     prepared_statement in the parameter file",
                );
                None
            }
            _ => {
                let names: Vec<&str> = given.iter().map(|way| way.name).collect();
                self.problem(format!("{} are given together: keep one of them", names.join(" and ")));
                None
            }
        }
    }

    fn only(&mut self, way: &Parameter) -> Option<Source> {
        let text = self.values.text(way)?.to_owned();
        let text = match way.name {
            "named_query_id" => return Some(Source::Named(text)),
            "prepared_statement" => {
                // https://docs.aws.amazon.com/athena/latest/APIReference/API_PreparedStatement.html
                if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_@:".contains(&b)) {
                    self.problem(format!(
                        "prepared_statement: `{text}` is not a name of letters, digits and _@:"
                    ));
                }
                return Some(Source::Prepared(text));
            }
            "query_file" => match read(&text) {
                Ok(read) => read,
                Err(why) => {
                    self.problem(format!("query_file: {text} cannot be read: {why}"));
                    return None;
                }
            },
            _ => text,
        };
        let statements = split(&text);
        if statements.is_empty() {
            self.problem(format!("{}: there is no statement in it", way.name));
        }
        for statement in &statements {
            if let Some(quote) = statement.open_end() {
                self.problem(format!(
                    "{}: statement {} has a {quote} that is never closed: close it, or write '' for a quote within a text",
                    way.name, statement.number
                ));
            }
            let length = example(&statement.text).len();
            if length > LONGEST_QUERY {
                self.problem(format!(
                    "{}: statement {} has {length} bytes; Athena takes at most {LONGEST_QUERY}: move long lists into a \
                     table and join it",
                    way.name, statement.number
                ));
            }
        }
        Some(Source::Statements(statements))
    }

    fn statements(&mut self, statements: &[Statement], with_parameters: bool) {
        if with_parameters && statements.len() > 1 {
            self.problem(
                "execution_parameters belong to one statement, but the query has several: run them one by one",
            );
        }
        let giving: Vec<String> = statements
            .iter()
            .filter(|statement| statement.gives_rows())
            .map(|statement| statement.number.to_string())
            .collect();
        let by_statement = self
            .values
            .text(&OUTPUT)
            .is_some_and(|path| path.contains("{statement}"));
        if giving.len() > 1 && !by_statement {
            self.problem(format!(
                "statements {} give rows, which do not belong into one file: put {{statement}} into output, such as \
                 rows-{{statement}}.csv, for a file each",
                giving.join(", ")
            ));
        }
        if self.values.text(&FETCH) == Some("unload") && !statements.iter().any(|one| one.unloads) {
            self.problem("fetch is `unload`, but no statement is a SELECT that UNLOAD takes: choose another fetch");
        }
        self.unloaded(statements);
    }

    /// What is written around a statement to unload its rows counts too. A location that only the workgroup knows takes some bytes
    /// more, and AWS says so.
    fn unloaded(&mut self, statements: &[Statement]) {
        if self.values.text(&FETCH) != Some("unload") {
            return;
        }
        let location = self.values.text(&OUTPUT_LOCATION).unwrap_or("s3://bucket/").to_owned();
        for statement in statements.iter().filter(|one| one.unloads) {
            let text = example(&statement.text);
            let is_long = text.len() > LONGEST_QUERY;
            let statement = Statement {
                text,
                ..statement.clone()
            };
            let length = unload_length(&statement, &example(&location), EXAMPLE.0, EXAMPLE.1);
            // One that is too long by itself has been named.
            if length > LONGEST_QUERY && !is_long {
                self.problem(format!(
                    "fetch is `unload`, and statement {} has {length} bytes within its UNLOAD; Athena takes at most \
                     {LONGEST_QUERY}: choose another fetch, or move long lists into a table and join it",
                    statement.number
                ));
            }
        }
    }

    /// <https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html>
    fn execution_parameters(&mut self) -> Vec<String> {
        let parameters = self.values.list(&EXECUTION_PARAMETERS).to_vec();
        for (at, parameter) in parameters.iter().enumerate() {
            let (number, length) = (at + 1, parameter.len());
            if length == 0 {
                self.problem(format!(
                    "execution_parameters: number {number} is empty: write '' in single quotes for an empty text, null for \
                     NULL"
                ));
            } else if length > LONGEST_PARAMETER {
                self.problem(format!(
                    "execution_parameters: number {number} has {length} bytes; Athena takes at most {LONGEST_PARAMETER}"
                ));
            }
        }
        parameters
    }

    /// Names that are filled in for each slice.
    fn names(&mut self) {
        for parameter in [&CATALOG, &DATABASE, &WORKGROUP, &OUTPUT_LOCATION] {
            let name = self.values.text(parameter).map(example).unwrap_or_default();
            let unknown = name.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
            if let Some((unknown, _)) = unknown {
                self.problem(format!(
                    "{}: nothing is put in place of {{{unknown}}}: write {{accountId}} or {{region}}, or remove it",
                    parameter.name
                ));
                continue;
            }
            // https://docs.aws.amazon.com/athena/latest/APIReference/API_WorkGroup.html
            let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            if parameter.name == WORKGROUP.name && !(name.chars().all(legal) && name.len() <= 128) {
                self.problem(format!(
                    "workgroup: `{name}` is not a name of letters, digits and ._-, 128 at most"
                ));
            }
        }
    }

    fn results(&mut self) -> ResultSettings {
        let text = |parameter: &Parameter| self.values.text(parameter).map(str::to_owned);
        let location = text(&OUTPUT_LOCATION);
        let bucket_owner = text(&EXPECTED_BUCKET_OWNER);
        let key = text(&KMS_KEY);
        let option = text(&ENCRYPTION);
        let acl = text(&ACL);
        if let Some(location) = &location {
            let bucket = location.strip_prefix("s3://").and_then(|rest| rest.split('/').next());
            if bucket.is_none_or(str::is_empty) {
                self.problem(format!(
                    "output_location: `{location}` is not of the form s3://bucket/prefix/"
                ));
            }
        }
        if let Some(owner) = &bucket_owner {
            let id = example(owner);
            if id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit()) {
                self.problem(format!(
                    "expected_bucket_owner: `{owner}` is not an account id of 12 digits"
                ));
            }
        }
        let with_key = matches!(option.as_deref(), Some("SSE_KMS" | "CSE_KMS"));
        match (&key, &option) {
            (None, Some(option)) if with_key => {
                self.problem(format!("kms_key is missing: encryption `{option}` needs it"));
            }
            (Some(_), _) if !with_key => {
                self.problem(
                    "kms_key has a meaning with encryption `SSE_KMS` or `CSE_KMS` only: set that, or remove it",
                );
            }
            _ => {}
        }
        let encryption = option.and_then(|option| {
            let option = EncryptionOption::from(option.as_str());
            let builder = EncryptionConfiguration::builder()
                .encryption_option(option)
                .set_kms_key(key);
            builder.build().ok()
        });
        if encryption.as_ref().is_some_and(is_sealed)
            && let Some(fetch @ ("s3" | "unload")) = self.values.text(&FETCH)
        {
            self.problem(format!(
                "encryption is `CSE_KMS`, so only Athena can read what it writes to S3, but fetch is `{fetch}`: set fetch to \
                 auto or api, or encryption to SSE_KMS"
            ));
        }
        let acl = acl.and_then(|acl| {
            let builder = AclConfiguration::builder().s3_acl_option(S3AclOption::from(acl.as_str()));
            builder.build().ok()
        });
        ResultSettings {
            location,
            encryption,
            bucket_owner,
            acl,
        }
    }
}

fn read(path: &str) -> std::io::Result<String> {
    let mut text = String::new();
    // One byte more than can be of use tells that there is too much.
    let most = 64 * LONGEST_QUERY as u64;
    if path == "-" {
        std::io::stdin().lock().take(most).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(path)?.take(most).read_to_string(&mut text)?;
    }
    if text.len() as u64 == most {
        return Err(std::io::Error::other("it is larger than 16 MiB"));
    }
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
