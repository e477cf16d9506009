//! Estates with a name: one to look at, one to measure with.

use std::time::Duration;

use super::{Account, AccountState, Estate, Idp, IdpClient, OidcProvider, Region, Role, TrustWebIdentity, regions};
use crate::chance::Chance;

impl Estate {
    /// The management account of the named estates.
    pub const MANAGEMENT: &'static str = "111122223333";
    /// The user with an access key in the management account.
    pub const USER: &'static str = "inventory-reader";
    /// The client at the identity provider.
    pub const CLIENT_ID: &'static str = "inventory-client";
    /// Its secret, with every character that careless encoding breaks.
    pub const CLIENT_SECRET: &'static str = "s3cret/+=:% &x";
    /// The role for web identities in the management account.
    pub const OIDC_ROLE: &'static str = "arn:aws:iam::111122223333:role/oidc-inventory";
    /// A role in the management account for a master chain.
    pub const MASTER_ROLE: &'static str = "arn:aws:iam::111122223333:role/organization-reader";
    /// The role of every sub-account.
    pub const SUB_ACCOUNT_ROLE: &'static str = "arn:aws:iam::{accountId}:role/inventory";

    /// In [`Estate::demo`]: the account whose role may not call `ec2:DescribeInstances`.
    pub const DEMO_DENIED: &'static str = "200000000007";
    /// In [`Estate::demo`]: the account that lacks the role.
    pub const DEMO_WITHOUT_ROLE: &'static str = "200000000013";
    /// In [`Estate::demo`]: the suspended account.
    pub const DEMO_SUSPENDED: &'static str = "200000000021";
    /// In [`Estate::demo`]: the region that two thirds of the accounts have not enabled.
    pub const DEMO_OPT_IN_REGION: &'static str = "ap-east-1";

    /// A management account and 40 members in nested units, six regions, about 2000 instances; and what goes wrong in
    /// every real organization: a role that may not list instances, a missing role, a region that is not enabled
    /// everywhere, a suspended account.
    #[must_use]
    pub fn demo() -> Self {
        let mut estate = with_management();
        estate.regions([
            Region::new("ap-southeast-1"),
            Region::new("eu-central-1"),
            Region::new("eu-west-1"),
            Region::new("us-east-1"),
            Region::new("us-west-2"),
            Region::opt_in(Self::DEMO_OPT_IN_REGION),
        ]);
        let root = estate.root_id();
        let workloads = estate.unit(root.clone(), "Workloads");
        let production = estate.unit(workloads.clone(), "Production");
        let units = [
            ("shop", estate.unit(production.clone(), "Shop")),
            ("data", estate.unit(production, "Data")),
            ("test", estate.unit(workloads, "Test")),
            ("security", estate.unit(root.clone(), "Security")),
            ("sandbox", estate.unit(root, "Sandbox")),
        ];
        estate.unit(units[4].1.clone(), "Empty");
        let mut chance = Chance::new(2026);
        for number in 1..=40_usize {
            let id = format!("2{number:011}");
            let (unit, parent) = &units[number % units.len()];
            let mut account = Account::new(&id).name(&format!("{unit}-{number:02}"));
            for region in ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2", "ap-southeast-1"] {
                if chance.percent(60) {
                    account = account.instances(region, 2 + chance.below(29) as u32);
                }
            }
            if number % 3 == 0 {
                account = account
                    .opt_in(Self::DEMO_OPT_IN_REGION)
                    .instances(Self::DEMO_OPT_IN_REGION, 3);
            }
            if id != Self::DEMO_WITHOUT_ROLE {
                let role = member_role();
                account = account.role(if id == Self::DEMO_DENIED {
                    role.deny("ec2:DescribeInstances")
                } else {
                    role
                });
            }
            if id == Self::DEMO_SUSPENDED {
                account = account.state(AccountState::Suspended);
            }
            estate.account(parent.clone(), account);
        }
        estate.change_account(Self::MANAGEMENT, |account| {
            account.instances("eu-central-1", 7).instances("us-east-1", 5)
        });
        estate.results_everywhere();
        estate.sample_tables();
        estate
    }

    /// `accounts` members with `instances` in all, spread evenly over `regions`; every call takes `latency`. There is
    /// no quota, or a measurement would measure that.
    #[must_use]
    pub fn scale(accounts: usize, regions: usize, instances: u64, latency: Duration) -> Self {
        let mut estate = with_management();
        let names = regions::first(regions.max(1));
        estate.regions(names.clone());
        estate.latency(latency).ec2_quota(None);
        let slices = (accounts * names.len()).max(1) as u64;
        let mut slice = 0;
        let mut unit = estate.root_id();
        for number in 0..accounts {
            if number % 100 == 0 {
                unit = estate.unit(estate.root_id(), &format!("Unit-{:03}", number / 100 + 1));
            }
            let mut account = Account::new(&format!("3{:011}", number + 1)).role(member_role());
            for region in &names {
                let count = instances * (slice + 1) / slices - instances * slice / slices;
                slice += 1;
                if region.opt_in {
                    account = account.opt_in(&region.name);
                }
                account = account.instances(&region.name, u32::try_from(count).unwrap_or(u32::MAX));
            }
            estate.account(unit.clone(), account);
        }
        estate.results_everywhere();
        estate
    }
}

fn with_management() -> Estate {
    let trust = TrustWebIdentity::of_the_idp()
        .audience("sts.amazonaws.com")
        .subject(Estate::CLIENT_ID);
    let oidc = Role::new("oidc-inventory")
        .trusting_web_identity(trust)
        .max_session(Duration::from_secs(12 * 3600));
    let account = Account::new(Estate::MANAGEMENT)
        .name("management")
        .role(oidc)
        .role(Role::new("organization-reader").trusting(&format!("arn:aws:iam::{}:root", Estate::MANAGEMENT)))
        .role(member_role())
        .oidc_provider(OidcProvider::the_idp(&["sts.amazonaws.com"]));
    let mut estate = Estate::new(account);
    estate.user(Estate::MANAGEMENT, Estate::USER);
    estate.idp(Idp::new(IdpClient::new(Estate::CLIENT_ID, Estate::CLIENT_SECRET)));
    estate
}

fn member_role() -> Role {
    Role::new("inventory").trusting(&format!("arn:aws:iam::{}:root", Estate::MANAGEMENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_what_it_promises() {
        let demo = Estate::demo();
        assert_eq!(demo.accounts.len(), 41);
        let all: u32 = demo
            .accounts
            .values()
            .flat_map(|account| account.instances.values())
            .sum();
        assert!((1_700..=2_300).contains(&all), "{all}");
        assert_eq!(demo.accounts[Estate::DEMO_SUSPENDED].state, AccountState::Suspended);
        assert!(demo.accounts[Estate::DEMO_WITHOUT_ROLE].roles.is_empty());
        assert!(!demo.region_enabled(Estate::DEMO_DENIED, Estate::DEMO_OPT_IN_REGION));
        assert!(demo.region_enabled("200000000003", Estate::DEMO_OPT_IN_REGION));
        for troubled in [Estate::DEMO_DENIED, Estate::DEMO_WITHOUT_ROLE, Estate::DEMO_SUSPENDED] {
            assert!(!demo.accounts[troubled].instances.is_empty(), "{troubled}");
        }
    }

    #[test]
    fn scale_has_exactly_the_instances_asked_for() {
        let estate = Estate::scale(7, 3, 1_000, Duration::ZERO);
        assert_eq!(estate.accounts.len(), 8);
        let all: u32 = estate
            .accounts
            .values()
            .flat_map(|account| account.instances.values())
            .sum();
        assert_eq!(all, 1_000);
    }
}
