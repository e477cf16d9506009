//! Workgroups: where results go, and what a query may do.
//! <https://docs.aws.amazon.com/athena/latest/APIReference/API_WorkGroupConfiguration.html>

use super::Scope;

/// How results are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// `SSE_S3`, `SSE_KMS` or `CSE_KMS`.
    pub option: String,
    /// The key's ARN or id.
    pub kms_key: Option<String>,
}

/// A workgroup of Athena. Every account has `primary` in every region, without an output location, unless the estate
/// says otherwise.
#[derive(Clone, Debug)]
pub struct Workgroup {
    pub(crate) name: String,
    pub(crate) scope: Scope,
    pub(crate) enabled: bool,
    pub(crate) description: String,
    pub(crate) output: Option<String>,
    pub(crate) enforced: bool,
    pub(crate) encryption: Option<Encryption>,
    pub(crate) expected_bucket_owner: Option<String>,
    pub(crate) acl: Option<String>,
    pub(crate) engine: String,
    pub(crate) cutoff: Option<u64>,
    pub(crate) managed: bool,
}

impl Workgroup {
    /// An enabled workgroup of every account in every region, without an output location, that enforces nothing.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            scope: Scope::default(),
            enabled: true,
            description: String::new(),
            output: None,
            enforced: false,
            encryption: None,
            expected_bucket_owner: None,
            acl: None,
            engine: "AUTO".to_owned(),
            cutoff: None,
            managed: false,
        }
    }

    /// Only in this account.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        self.scope.account = Some(account.to_owned());
        self
    }

    /// Only in this region.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        self.scope.region = Some(region.to_owned());
        self
    }

    /// Its state is `DISABLED`.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }

    /// A description.
    #[must_use]
    pub fn description(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// Where results go: `s3://bucket/prefix/`. `{accountId}` and `{region}` are replaced.
    #[must_use]
    pub fn output(mut self, location: &str) -> Self {
        self.output = Some(location.to_owned());
        self
    }

    /// What the client says about results is ignored (`EnforceWorkGroupConfiguration`).
    #[must_use]
    pub fn enforced(mut self) -> Self {
        self.enforced = true;
        self
    }

    /// Results are encrypted: `SSE_S3`, `SSE_KMS` or `CSE_KMS`, with the key of the latter two.
    #[must_use]
    pub fn encryption(mut self, option: &str, kms_key: Option<&str>) -> Self {
        self.encryption = Some(Encryption {
            option: option.to_owned(),
            kms_key: kms_key.map(str::to_owned),
        });
        self
    }

    /// The results bucket must belong to this account.
    #[must_use]
    pub fn expected_bucket_owner(mut self, account: &str) -> Self {
        self.expected_bucket_owner = Some(account.to_owned());
        self
    }

    /// The canned ACL of results: `BUCKET_OWNER_FULL_CONTROL`.
    #[must_use]
    pub fn acl(mut self, option: &str) -> Self {
        self.acl = Some(option.to_owned());
        self
    }

    /// The selected engine version (`AUTO`); the effective one is always `Athena engine version 3`.
    #[must_use]
    pub fn engine(mut self, version: &str) -> Self {
        version.clone_into(&mut self.engine);
        self
    }

    /// A query that scans more bytes is cancelled (AWS: at least 10 000 000).
    #[must_use]
    pub fn bytes_scanned_cutoff(mut self, bytes: u64) -> Self {
        self.cutoff = Some(bytes);
        self
    }

    /// Athena keeps the results itself (`ManagedQueryResultsConfiguration`): no object in S3.
    #[must_use]
    pub fn managed_results(mut self) -> Self {
        self.managed = true;
        self
    }

    /// The workgroup's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
