//! What the simulated world consists of: a plain description, built by methods and handed to
//! [`Sim::start`](crate::Sim::start).

mod account;
mod athena;
mod bucket;
mod iam;
mod idp;
mod named;
mod regions;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use account::{Account, AccountState, Scp};
pub use athena::{Athena, Canned, Encryption, Measured, QueryError, QueryRule, Table, TableError, Workgroup};
pub(crate) use athena::{CannedRows, TableColumn, trimmed};
pub use bucket::Bucket;
pub(crate) use bucket::Verdict;
pub use iam::{AccessKey, OidcProvider, Role, TrustWebIdentity};
pub use idp::{ClientAuthentication, Idp, IdpClient, IdpMode};
pub use regions::Region;

use crate::chance;

/// A token bucket: `burst` calls at once, `per_second` more with every second of the simulator's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// The bucket's size.
    pub burst: f64,
    /// What flows in, per second of the simulator's clock.
    pub per_second: f64,
}

/// How answers are cut into pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// The most entries of an Organizations page, whatever `MaxResults` asks for (AWS: 20).
    pub organizations: usize,
    /// The instances of a DescribeInstances page when the call names no `MaxResults`. `None`: all in one answer.
    pub instances: Option<usize>,
    /// `Some(k)`: before the first and then before every k-th page comes one that is empty and carries a token.
    pub empty_every: Option<usize>,
    /// How many such empty pages follow one another (1, at most 255).
    pub empty_in_a_row: u8,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            organizations: 20,
            instances: None,
            empty_every: None,
            empty_in_a_row: 1,
        }
    }
}

/// An organizational unit.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) parent: String,
}

/// A user with access keys.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) key: AccessKey,
    pub(crate) denied: Vec<String>,
}

/// The simulated world.
///
/// ```
/// use aws_sim::{Account, Estate, Role};
///
/// let mut estate = Estate::new(Account::new("111122223333").name("management"));
/// let unit = estate.unit(estate.root_id(), "Workloads");
/// let role = Role::new("inventory").trusting("arn:aws:iam::111122223333:root").external_id("hub");
/// estate.account(unit, Account::new("222233334444").instances("eu-central-1", 12).role(role));
/// let key = estate.user("111122223333", "reader");
/// assert!(key.access_key_id.starts_with("AKIA"));
/// ```
#[derive(Clone, Debug)]
pub struct Estate {
    pub(crate) seed: u64,
    pub(crate) management: String,
    pub(crate) in_use: bool,
    pub(crate) root: String,
    pub(crate) units: Vec<Unit>,
    /// By id. An account without a parent is no member of the organization.
    pub(crate) accounts: BTreeMap<String, Account>,
    /// Account to parent.
    pub(crate) parents: BTreeMap<String, String>,
    pub(crate) delegated: BTreeSet<String>,
    pub(crate) users: Vec<User>,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) athena: Athena,
    pub(crate) regions: Vec<Region>,
    pub(crate) idp: Idp,
    pub(crate) pages: Pages,
    pub(crate) ec2_quota: Option<Quota>,
    pub(crate) organizations_quota: Option<Quota>,
    pub(crate) organizations_region: Option<String>,
    pub(crate) s3_throughput: Option<u64>,
    pub(crate) latency: Duration,
    pub(crate) skew: Option<Duration>,
    pub(crate) ticks: Vec<(String, Duration)>,
}

impl Estate {
    /// An organization with this management account and nothing else yet.
    #[must_use]
    pub fn new(management: Account) -> Self {
        let mut estate = Self::standalone(management);
        estate.in_use = true;
        estate.parents.insert(estate.management.clone(), estate.root.clone());
        estate
    }

    /// One account that is in no organization: Organizations answers `AWSOrganizationsNotInUseException`.
    #[must_use]
    pub fn standalone(account: Account) -> Self {
        Self {
            seed: 1,
            management: account.id.clone(),
            in_use: false,
            root: "r-sim1".to_owned(),
            units: Vec::new(),
            accounts: BTreeMap::from([(account.id.clone(), account)]),
            parents: BTreeMap::new(),
            delegated: BTreeSet::new(),
            users: Vec::new(),
            buckets: Vec::new(),
            athena: Athena::default(),
            regions: regions::all(),
            idp: Idp::default(),
            pages: Pages::default(),
            ec2_quota: Some(Quota {
                burst: 100.0,
                per_second: 20.0,
            }),
            organizations_quota: None,
            organizations_region: Some("us-east-1".to_owned()),
            s3_throughput: None,
            latency: Duration::ZERO,
            skew: Some(Duration::from_secs(300)),
            ticks: Vec::new(),
        }
    }

    /// Everything invented (instances, identifiers, secrets) is a function of the seed. Set it before adding users.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.seed = seed;
        self
    }

    /// The id of the organization's root, a parent for units and accounts.
    #[must_use]
    pub fn root_id(&self) -> String {
        self.root.clone()
    }

    /// The id of the management account.
    #[must_use]
    pub fn management_account(&self) -> &str {
        &self.management
    }

    /// The id of the organization.
    #[must_use]
    pub fn organization_id(&self) -> String {
        let suffix = chance::letters(self.seed, 10, b"abcdefghijklmnopqrstuvwxyz0123456789");
        format!("o-{suffix}")
    }

    /// Adds an organizational unit and gives its id.
    pub fn unit(&mut self, parent: impl Into<String>, name: &str) -> String {
        let root = self.root.trim_start_matches("r-");
        let id = format!("ou-{root}-{:08}", self.units.len() + 1);
        self.unit_with_id(parent, &id, name);
        id
    }

    /// Adds an organizational unit with an id of your own.
    pub fn unit_with_id(&mut self, parent: impl Into<String>, id: &str, name: &str) -> &mut Self {
        self.units.push(Unit {
            id: id.to_owned(),
            name: name.to_owned(),
            parent: parent.into(),
        });
        self
    }

    /// Adds an account below a root or unit.
    pub fn account(&mut self, parent: impl Into<String>, account: Account) -> &mut Self {
        self.parents.insert(account.id.clone(), parent.into());
        self.accounts.insert(account.id.clone(), account);
        self
    }

    /// Adds an account that is not in the organization.
    pub fn account_outside(&mut self, account: Account) -> &mut Self {
        self.accounts.insert(account.id.clone(), account);
        self
    }

    /// Changes an account that is already there; an unknown id changes nothing.
    pub fn change_account(&mut self, id: &str, change: impl FnOnce(Account) -> Account) -> &mut Self {
        if let Some(account) = self.accounts.remove(id) {
            self.accounts.insert(id.to_owned(), change(account));
        }
        self
    }

    /// Makes an account a delegated administrator of the organization.
    pub fn delegated_administrator(&mut self, account: &str) -> &mut Self {
        self.delegated.insert(account.to_owned());
        self
    }

    /// Adds a bucket, or replaces the one of that name. It belongs to the management account unless it names an owner.
    pub fn bucket(&mut self, mut bucket: Bucket) -> &mut Self {
        if bucket.owner.is_empty() {
            bucket.owner.clone_from(&self.management);
        }
        self.buckets.retain(|known| known.name != bucket.name);
        self.buckets.push(bucket);
        self
    }

    /// What Athena has: workgroups, tables, given results, how queries go.
    pub fn athena(&mut self) -> &mut Athena {
        &mut self.athena
    }

    /// Adds an IAM user with one access key.
    pub fn user(&mut self, account: &str, name: &str) -> AccessKey {
        let seed = chance::of_text(self.seed, &format!("user {account} {name}"));
        let key = AccessKey {
            access_key_id: format!("AKIA{}", chance::letters(seed, 16, chance::BASE32)),
            secret_access_key: chance::letters(seed ^ 1, 40, chance::BASE64),
        };
        self.user_with_key(account, name, key.clone());
        key
    }

    /// Adds an IAM user with a key of your own.
    pub fn user_with_key(&mut self, account: &str, name: &str, key: AccessKey) -> &mut Self {
        self.users.push(User {
            account: account.to_owned(),
            name: name.to_owned(),
            key,
            denied: Vec::new(),
        });
        self
    }

    /// Takes a permission (`ec2:DescribeInstances`, `organizations:*`) from a user.
    pub fn deny_user(&mut self, account: &str, name: &str, action: &str) -> &mut Self {
        for user in self
            .users
            .iter_mut()
            .filter(|user| user.account == account && user.name == name)
        {
            user.denied.push(action.to_owned());
        }
        self
    }

    /// The access key of a user.
    #[must_use]
    pub fn access_key(&self, account: &str, name: &str) -> Option<&AccessKey> {
        self.users
            .iter()
            .find(|user| user.account == account && user.name == name)
            .map(|user| &user.key)
    }

    /// Replaces the regions that exist (by default all of AWS's commercial ones).
    pub fn regions(&mut self, regions: impl IntoIterator<Item = Region>) -> &mut Self {
        self.regions = regions.into_iter().collect();
        self
    }

    /// Replaces the identity provider.
    pub fn idp(&mut self, idp: Idp) -> &mut Self {
        self.idp = idp;
        self
    }

    /// Sets how answers are cut into pages.
    pub fn pages(&mut self, pages: Pages) -> &mut Self {
        self.pages = pages;
        self
    }

    /// The quota of EC2 per account and region; `None` for none. By default 100, refilled at 20 a second.
    pub fn ec2_quota(&mut self, quota: Option<Quota>) -> &mut Self {
        self.ec2_quota = quota;
        self
    }

    /// The quota of Organizations per account of the caller; by default there is none.
    pub fn organizations_quota(&mut self, quota: Option<Quota>) -> &mut Self {
        self.organizations_quota = quota;
        self
    }

    /// The region that calls of Organizations must be signed for (`us-east-1`); `None` accepts every region.
    pub fn organizations_region(&mut self, region: Option<&str>) -> &mut Self {
        self.organizations_region = region.map(str::to_owned);
        self
    }

    /// The most bytes a second (real time) that S3 sends over one connection; `None` for as many as it takes.
    pub fn s3_throughput(&mut self, bytes_per_second: Option<u64>) -> &mut Self {
        self.s3_throughput = bytes_per_second;
        self
    }

    /// Every call takes at least this long. Accounts can have latencies of their own, see [`Account::latency`].
    pub fn latency(&mut self, latency: Duration) -> &mut Self {
        self.latency = latency;
        self
    }

    /// How far a signature's date may be from the simulator's clock (5 minutes); `None` does not look.
    pub fn signature_skew(&mut self, skew: Option<Duration>) -> &mut Self {
        self.skew = skew;
        self
    }

    /// Every call of `call` (`ec2:DescribeInstances`, `ec2:*`, `*`) moves the simulator's clock forward.
    pub fn tick(&mut self, call: &str, by: Duration) -> &mut Self {
        self.ticks.push((call.to_owned(), by));
        self
    }

    /// The ids of all accounts, sorted.
    #[must_use]
    pub fn account_ids(&self) -> Vec<String> {
        self.accounts.keys().cloned().collect()
    }

    /// The regions that exist.
    #[must_use]
    pub fn region_names(&self) -> Vec<&str> {
        self.regions.iter().map(Region::name).collect()
    }

    /// One account.
    #[must_use]
    pub fn find_account(&self, id: &str) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// Whether an account may be called in a region.
    #[must_use]
    pub fn region_enabled(&self, account: &str, region: &str) -> bool {
        let Some(region) = self.regions.iter().find(|known| known.name == region) else {
            return false;
        };
        self.accounts
            .get(account)
            .is_some_and(|account| account.enabled(region))
    }

    /// The instances that an account has in a region, whether or not the region is enabled.
    #[must_use]
    pub fn instance_count(&self, account: &str, region: &str) -> u32 {
        self.accounts
            .get(account)
            .and_then(|account| account.instances.get(region))
            .copied()
            .unwrap_or(0)
    }
}

/// `ec2:Describe*` matches `ec2:DescribeInstances`; `*` matches everything.
pub(crate) fn matches(pattern: &str, call: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => call
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix)),
        None => pattern.eq_ignore_ascii_case(call),
    }
}
