//! An account: its state, what it has, and what is denied in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{OidcProvider, Region, Role};

/// The state of an account in its organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AccountState {
    PendingActivation,
    #[default]
    Active,
    Suspended,
    PendingClosure,
    Closed,
}

impl AccountState {
    /// The value of `State`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
            Self::Closed => "CLOSED",
        }
    }

    /// The value of the older `Status`, which knows three states only.
    #[must_use]
    pub fn legacy_name(self) -> &'static str {
        match self {
            Self::PendingActivation | Self::Active => "ACTIVE",
            Self::Suspended | Self::Closed => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
        }
    }
}

/// A deny statement of a service control policy.
#[derive(Clone, Debug)]
pub struct Scp {
    pub(crate) action: String,
    pub(crate) regions: Option<Vec<String>>,
    pub(crate) encoded: bool,
}

impl Scp {
    /// Denies an action (`ec2:DescribeInstances`, `ec2:*`, `*`).
    #[must_use]
    pub fn deny(action: &str) -> Self {
        Self {
            action: action.to_owned(),
            regions: None,
            encoded: false,
        }
    }

    /// Only in these regions.
    #[must_use]
    pub fn in_regions(mut self, regions: &[&str]) -> Self {
        self.regions = Some(regions.iter().map(|region| (*region).to_owned()).collect());
        self
    }

    /// EC2's message then ends in an "Encoded authorization failure message".
    #[must_use]
    pub fn encoded(mut self) -> Self {
        self.encoded = true;
        self
    }
}

/// An AWS account.
#[derive(Clone, Debug)]
pub struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) state: AccountState,
    pub(crate) state_reported: bool,
    pub(crate) created: bool,
    pub(crate) joined: i64,
    pub(crate) opted_in: BTreeSet<String>,
    pub(crate) instances: BTreeMap<String, u32>,
    pub(crate) hides_managed: bool,
    pub(crate) roles: Vec<Role>,
    pub(crate) providers: Vec<OidcProvider>,
    pub(crate) scps: Vec<Scp>,
    /// Region, or `*`.
    pub(crate) latencies: BTreeMap<String, Duration>,
}

impl Account {
    /// An active account with nothing in it. The id has twelve digits.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: format!("account-{id}"),
            email: format!("aws+{id}@example.com"),
            state: AccountState::Active,
            state_reported: true,
            created: true,
            joined: 1_600_000_000,
            opted_in: BTreeSet::new(),
            instances: BTreeMap::new(),
            hides_managed: false,
            roles: Vec::new(),
            providers: Vec::new(),
            scps: Vec::new(),
            latencies: BTreeMap::new(),
        }
    }

    /// The account's name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The address of the account's root user.
    #[must_use]
    pub fn email(mut self, email: &str) -> Self {
        email.clone_into(&mut self.email);
        self
    }

    /// The account's state.
    #[must_use]
    pub fn state(mut self, state: AccountState) -> Self {
        self.state = state;
        self
    }

    /// Organizations answers with the older `Status` only, as it did before `State` came.
    #[must_use]
    pub fn without_state(mut self) -> Self {
        self.state_reported = false;
        self
    }

    /// The account joined by invitation, at this time.
    #[must_use]
    pub fn invited(mut self, joined_unix: i64) -> Self {
        self.created = false;
        self.joined = joined_unix;
        self
    }

    /// Enables an opt-in region.
    #[must_use]
    pub fn opt_in(mut self, region: &str) -> Self {
        self.opted_in.insert(region.to_owned());
        self
    }

    /// Puts instances into a region.
    #[must_use]
    pub fn instances(mut self, region: &str, count: u32) -> Self {
        self.instances.insert(region.to_owned(), count);
        self
    }

    /// The account's managed resource visibility is `hidden`: instances that an AWS service manages are left out of an answer
    /// unless it is asked for them.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedResourceVisibility.html>
    #[must_use]
    pub fn hides_managed(mut self) -> Self {
        self.hides_managed = true;
        self
    }

    /// Adds a role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Changes a role that is already there, by its name (with its path).
    #[must_use]
    pub fn change_role(mut self, name: &str, change: impl FnOnce(Role) -> Role) -> Self {
        if let Some(at) = self.roles.iter().position(|role| role.name == name) {
            let role = self.roles.remove(at);
            self.roles.insert(at, change(role));
        }
        self
    }

    /// Registers an OIDC identity provider.
    #[must_use]
    pub fn oidc_provider(mut self, provider: OidcProvider) -> Self {
        self.providers.push(provider);
        self
    }

    /// Attaches a deny statement of a service control policy. Like AWS, the management account is not bound by it.
    #[must_use]
    pub fn scp(mut self, scp: Scp) -> Self {
        self.scps.push(scp);
        self
    }

    /// Calls of EC2, Athena and S3 by this account take this long in a region, or in all (`*`).
    #[must_use]
    pub fn latency(mut self, region: &str, latency: Duration) -> Self {
        self.latencies.insert(region.to_owned(), latency);
        self
    }

    /// The account's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The regions with instances.
    pub fn regions_with_instances(&self) -> impl Iterator<Item = (&str, u32)> {
        self.instances.iter().map(|(region, count)| (region.as_str(), *count))
    }

    pub(crate) fn enabled(&self, region: &Region) -> bool {
        !region.opt_in || self.opted_in.contains(&region.name)
    }
}
