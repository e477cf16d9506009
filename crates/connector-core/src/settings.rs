//! The rules between parameters: what must be there together, what excludes what, and what each text must look like.

mod output;
pub(crate) mod places;
mod sign_in;

use std::path::PathBuf;
use std::time::Duration;

use auth_core::arn::ACCOUNT_PLACEHOLDER;
use auth_core::regions::is_region;
use auth_core::settings::{AuthSettings, RegionChoice, RoleOptions, Scope};
use auth_core::{AccountId, Host, Partition, RoleTemplate, endpoint};
use url::Url;

use self::places::state_of;
use crate::connector::{About, DefaultRegions};
use crate::parameters::catalog::*;
use crate::parameters::{Parameter, Problem, Values};
use crate::rows::{COLLECTED_AT, Format, Formulas, OutputPath};
use crate::shard::Shard;

/// The validated parameters of a run.
#[derive(Debug)]
pub struct Settings {
    /// Who signs in, and which accounts.
    pub auth: AuthSettings,
    /// Which of them, where machines share them.
    pub shard: Option<Shard>,
    /// Where the rows go.
    pub output: Destination,
    /// Their format.
    pub format: Format,
    /// What becomes of formulas in CSV.
    pub formulas: Formulas,
    /// The leading columns, by name.
    pub leading: Vec<String>,
    /// Where the ledger goes.
    pub ledger: Option<PathBuf>,
    /// What is kept of a run until all of it is published, beside the output.
    pub state: Option<PathBuf>,
    /// Whether slices that fail keep their last rows.
    pub keep_last_good: bool,
    /// HTTP requests in flight.
    pub max_concurrency: usize,
    /// Temporary files of slices at a time; `None`: any number.
    pub scratch_files: Option<usize>,
    /// Slices at work at once, as in [`About`].
    pub slices_at_once: Option<usize>,
    /// One call with all its tries.
    pub call_timeout: Duration,
    /// One slice.
    pub slice_timeout: Option<Duration>,
    /// All slices.
    pub run_timeout: Duration,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Where rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, or several.
    File(OutputPath),
}

impl Destination {
    /// The path, where it is one.
    pub fn path(&self) -> Option<&OutputPath> {
        match self {
            Destination::Stdout => None,
            Destination::File(path) => Some(path),
        }
    }
}

impl Settings {
    /// Checks all rules. `environment` has the variables of array jobs.
    ///
    /// # Errors
    /// All problems, each with the parameter's name and what to change.
    pub fn from_values(
        values: &Values,
        about: &About,
        host: &Host,
        environment: &[(String, String)],
    ) -> Result<Self, Vec<Problem>> {
        let mut rules = Rules {
            values,
            problems: Vec::new(),
            warnings: values.warnings().to_vec(),
        };
        let method = rules.method();
        let roles = rules.roles(about.name);
        let master_chain = rules.master_chain();
        let scope = rules.scope(&master_chain);
        let partition = rules.partition(method.as_ref(), &master_chain, &scope);
        let regions = RegionChoice {
            include: rules.regions(about, host, partition),
            exclude: rules.region_names(&EXCLUDE_REGIONS),
        };
        let home_region = rules.home_region(host.configured_region(), partition);
        let shard = rules.shard(environment);
        let (output, format, ledger) = rules.outputs(shard);
        let keep_last_good = values.boolean(&KEEP_LAST_GOOD);
        let mut leading = rules.leading(about);
        // A row of an earlier run must not look like one of this run.
        if keep_last_good && !leading.iter().any(|name| name == COLLECTED_AT) {
            leading.push(COLLECTED_AT.to_owned());
        }
        if keep_last_good && output == Destination::Stdout {
            rules.problem("keep_last_good needs a file that rows are kept beside: name one with output");
        }
        let formulas = rules.formulas(format);
        let listing_page_size = if values.has(&LISTING_PAGE_SIZE) {
            values.integer(&LISTING_PAGE_SIZE)
        } else {
            None
        };
        match (method, rules.problems.is_empty()) {
            (Some(method), true) => Ok(Settings {
                auth: AuthSettings {
                    method,
                    master_chain,
                    scope,
                    roles,
                    home_region,
                    regions,
                    listing_page_size: listing_page_size.and_then(|size| i32::try_from(size).ok()),
                },
                shard,
                state: output.path().map(state_of),
                output,
                format,
                formulas,
                leading,
                ledger,
                keep_last_good,
                slices_at_once: about.slices_at_once,
                call_timeout: rules.seconds(&CALL_TIMEOUT),
                slice_timeout: values
                    .has(&SLICE_TIMEOUT)
                    .then(|| rules.seconds(&SLICE_TIMEOUT))
                    .or(about.slice_timeout),
                run_timeout: rules.seconds(&RUN_TIMEOUT),
                max_concurrency: values
                    .integer(&MAX_CONCURRENCY)
                    .and_then(|n| usize::try_from(n).ok())
                    .unwrap_or(1),
                scratch_files: None,
                warnings: rules.warnings,
            }),
            _ => Err(rules.problems),
        }
    }
}

struct Rules<'a> {
    values: &'a Values,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Rules<'_> {
    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(Problem(text.into()));
    }

    fn seconds(&self, parameter: &Parameter) -> Duration {
        Duration::from_secs(
            self.values
                .integer(parameter)
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or_default(),
        )
    }

    fn roles(&mut self, connector: &str) -> RoleOptions {
        // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
        let session_name = self.values.text(&ROLE_SESSION_NAME).unwrap_or(connector).to_owned();
        self.pattern(&ROLE_SESSION_NAME, &session_name, 2..=64, "_=,.@-");
        let external_id = self.values.text(&EXTERNAL_ID).map(str::to_owned);
        if let Some(id) = &external_id {
            self.pattern(&EXTERNAL_ID, id, 2..=1224, "_+=,.@:/-");
        }
        let source_identity = self.values.text(&SOURCE_IDENTITY).map(str::to_owned);
        if let Some(identity) = &source_identity {
            self.pattern(&SOURCE_IDENTITY, identity, 2..=64, "_=,.@-");
        }
        RoleOptions {
            session_name,
            external_id,
            source_identity,
            duration: self.seconds(&ROLE_SESSION_DURATION),
        }
    }

    fn pattern(&mut self, parameter: &Parameter, text: &str, length: std::ops::RangeInclusive<usize>, others: &str) {
        let legal = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        if !length.contains(&text.chars().count()) || !text.chars().all(legal) {
            self.problem(format!(
                "{}: `{text}` must have {} to {} characters of letters, digits and {others}",
                parameter.name,
                length.start(),
                length.end()
            ));
        }
    }

    fn chain(&mut self, parameter: &Parameter) -> Vec<RoleTemplate> {
        let mut chain = Vec::new();
        for text in self.values.list(parameter) {
            match RoleTemplate::parse(text) {
                Ok(role) => chain.push(role),
                Err(why) => self.problem(format!("{}: {why}", parameter.name)),
            }
        }
        chain
    }

    fn master_chain(&mut self) -> Vec<RoleTemplate> {
        let chain = self.chain(&MASTER_CHAIN);
        if chain.iter().any(RoleTemplate::has_placeholder) {
            self.problem(
                "master_assume_role_arn_chain contains {accountId}, which has a meaning in \
                 sub_account_assume_role_arn_chain only: write the master account's id",
            );
        }
        chain
    }

    fn account_ids(&mut self, parameter: &Parameter) -> Vec<AccountId> {
        let mut ids = Vec::new();
        for text in self.values.list(parameter) {
            match AccountId::parse(text) {
                Ok(id) => ids.push(id),
                Err(why) => self.problem(format!("{}: {why}", parameter.name)),
            }
        }
        ids
    }

    fn scope(&mut self, master_chain: &[RoleTemplate]) -> Scope {
        let sub_account_chain = self.chain(&SUB_ACCOUNT_CHAIN);
        let has_chain = self.values.has(&SUB_ACCOUNT_CHAIN);
        let accounts = self.account_ids(&ACCOUNTS);
        let exclude = self.account_ids(&EXCLUDE_ACCOUNTS);
        let organizational_units = self.values.list(&ORGANIZATIONAL_UNITS).to_vec();
        for unit in &organizational_units {
            if !is_unit(unit) {
                self.problem(format!(
                    "organizational_units: `{unit}` is neither the id of an organizational unit (ou-…) or a root (r-…) nor a \
                     path of names from the root down (/Root/Sandbox)"
                ));
            }
        }
        let listed = self.values.has(&ACCOUNTS);
        if listed && !has_chain {
            self.problem(
                "sub_account_assume_role_arn_chain is missing: `accounts` needs it to reach them; set it, or remove \
                 `accounts` to collect the master account only",
            );
        }
        if listed && !master_chain.is_empty() {
            self.problem(
                "master_assume_role_arn_chain is set together with `accounts`: each account is reached from the \
                 initial credentials; remove it and put its roles in front of sub_account_assume_role_arn_chain, or \
                 remove `accounts` to list the organization",
            );
        }
        for parameter in [&ORGANIZATIONAL_UNITS, &EXCLUDE_ACCOUNTS, &LISTING_PAGE_SIZE] {
            let name = parameter.name;
            if self.values.has(parameter) && listed {
                self.problem(format!(
                    "{name} is set together with `accounts`, which names the accounts itself: remove one"
                ));
            } else if self.values.has(parameter) && !has_chain {
                self.problem(format!(
                    "{name} has a meaning with the account listing only: set sub_account_assume_role_arn_chain, or \
                     remove {name}"
                ));
            }
        }
        let same_for_all =
            !sub_account_chain.is_empty() && !sub_account_chain.iter().any(RoleTemplate::has_placeholder);
        if has_chain && same_for_all && !(listed && accounts.len() == 1) {
            self.problem(format!(
                "sub_account_assume_role_arn_chain contains no {ACCOUNT_PLACEHOLDER}: it would lead to the same account \
                 every time; write {ACCOUNT_PLACEHOLDER} in place of the account's id"
            ));
        }
        match (listed, has_chain) {
            (true, _) => Scope::Listed {
                sub_account_chain,
                accounts,
            },
            (false, true) => Scope::Organization {
                sub_account_chain,
                organizational_units,
                exclude,
            },
            (false, false) => Scope::MasterOnly,
        }
    }

    fn regions(&mut self, about: &About, host: &Host, partition: Option<&'static Partition>) -> Vec<String> {
        let named = self.region_names(&REGIONS);
        for name in &named {
            self.of_partition(REGIONS.name, name, partition);
        }
        if !named.is_empty() || about.regions == DefaultRegions::Enabled {
            return named;
        }
        match host.configured_region() {
            Some(region) => vec![region.to_owned()],
            None => {
                self.problem(format!(
                    "regions is missing: {} does not guess a region; give it in the parameter file, as {}, as --{}, or \
                     set AWS_REGION or the profile's region",
                    about.name,
                    REGIONS.environment(),
                    REGIONS.flag()
                ));
                Vec::new()
            }
        }
    }

    fn region_names(&mut self, parameter: &Parameter) -> Vec<String> {
        let names = self.values.list(parameter).to_vec();
        for name in &names {
            self.region(parameter, name);
        }
        names
    }

    fn region(&mut self, parameter: &Parameter, name: &str) {
        if !is_region(name) {
            self.problem(format!(
                "{}: `{name}` is not the name of a region, such as eu-west-1",
                parameter.name
            ));
        }
    }

    fn shard(&mut self, environment: &[(String, String)]) -> Option<Shard> {
        let shard = Shard::parse(self.values.text(&SHARD)?, environment);
        shard.map_err(|problem| self.problems.push(problem)).ok()
    }
}

/// The endpoints that the environment names instead of AWS's own:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>. Those of a profile are found out when a
/// request is to go there.
///
/// # Errors
/// Each that is no URL, and each on whose way what is sent could be read.
pub fn check_endpoints(values: &Values, environment: &[(String, String)]) -> Result<(), Vec<Problem>> {
    let insecure = values.boolean(&ALLOW_INSECURE_ENDPOINTS);
    let named = environment.iter().filter(|(name, _)| {
        let service = name.strip_prefix("AWS_ENDPOINT_URL");
        service.is_some_and(|service| service.is_empty() || service.starts_with('_'))
    });
    let problems: Vec<Problem> = named
        .filter_map(|(name, text)| {
            // The SDK takes it for a URL all the same.
            if text.is_empty() {
                let why = format!("{name}: it is empty: give it a URL, or take it out of the environment");
                return Some(Problem(why));
            }
            let checked = Url::parse(text).map_err(|error| format!("not a URL: {error}"));
            let checked = checked.and_then(|url| endpoint::check(&url, insecure));
            checked.err().map(|why| Problem(format!("{name}: {why}")))
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_OrganizationalUnit.html>
fn is_unit(text: &str) -> bool {
    if let Some(path) = text.strip_prefix('/') {
        let path = path.trim_end_matches('/');
        return !path.is_empty() && path.split('/').all(|name| !name.trim().is_empty());
    }
    let id = text
        .strip_prefix("ou-")
        .or_else(|| text.strip_prefix("r-"))
        .unwrap_or_default();
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !id.is_empty() && id.chars().all(legal)
}
