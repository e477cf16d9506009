//! The estate that most cases are about.

use std::time::Duration;

use aws_sim::{Account, Estate, Idp, IdpClient, OidcProvider, Region, Role, TrustWebIdentity};

pub const MASTER: &str = Estate::MANAGEMENT;
/// In `Workloads`.
pub const A: &str = "200000000001";
/// In `Workloads/Production`.
pub const B: &str = "200000000002";
/// In `Workloads/Production/Shop`.
pub const C: &str = "200000000003";
/// In `Security`.
pub const D: &str = "200000000004";
/// Directly under the root.
pub const E: &str = "200000000005";
pub const ALL: [&str; 6] = [MASTER, A, B, C, D, E];
pub const MEMBERS: [&str; 5] = [A, B, C, D, E];

pub const WORKLOADS: &str = "ou-sim1-workload";
pub const PRODUCTION: &str = "ou-sim1-producti";
pub const SHOP: &str = "ou-sim1-shop0001";
pub const SECURITY: &str = "ou-sim1-security";

pub const FRANKFURT: &str = "eu-central-1";
pub const IRELAND: &str = "eu-west-1";
pub const VIRGINIA: &str = "us-east-1";
/// Nobody has opted in to it.
pub const HONG_KONG: &str = "ap-east-1";
/// Those that every account has.
pub const REGIONS: [&str; 3] = [FRANKFURT, IRELAND, VIRGINIA];

pub fn role(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

pub fn root_of(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// The role of a member that trusts the management account.
pub fn inventory() -> Role {
    Role::new("inventory").trusting(&root_of(MASTER))
}

/// A management account and five members in nested units; three regions that all have, one that none has enabled.
pub fn estate() -> Estate {
    let oidc = Role::new("oidc-inventory")
        .trusting_web_identity(TrustWebIdentity::of_the_idp().audience("sts.amazonaws.com"))
        .max_session(Duration::from_secs(12 * 3600));
    let master = Account::new(MASTER)
        .name("management")
        .instances(FRANKFURT, 4)
        .instances(VIRGINIA, 2)
        .role(oidc)
        .role(Role::new("organization-reader").trusting(&root_of(MASTER)))
        .role(Role::new("hub").trusting(&root_of(MASTER)))
        .oidc_provider(OidcProvider::the_idp(&["sts.amazonaws.com"]));
    let mut estate = Estate::new(master);
    estate.regions([
        Region::new(FRANKFURT),
        Region::new(IRELAND),
        Region::new(VIRGINIA),
        Region::opt_in(HONG_KONG),
    ]);
    let root = estate.root_id();
    estate
        .unit_with_id(root.clone(), WORKLOADS, "Workloads")
        .unit_with_id(WORKLOADS, PRODUCTION, "Production")
        .unit_with_id(PRODUCTION, SHOP, "Shop")
        .unit_with_id(root.clone(), SECURITY, "Security");
    for (id, parent, name, count) in [
        (A, WORKLOADS, "workloads", 3),
        (B, PRODUCTION, "production", 9),
        (C, SHOP, "shop", 5),
        (D, SECURITY, "security", 1),
        (E, root.as_str(), "sandbox", 2),
    ] {
        let account = Account::new(id)
            .name(name)
            .instances(FRANKFURT, count)
            .instances(VIRGINIA, 1)
            .role(inventory());
        estate.account(parent, account);
    }
    estate.user(MASTER, Estate::USER);
    estate.idp(Idp::new(IdpClient::new(Estate::CLIENT_ID, Estate::CLIENT_SECRET)));
    estate
}

/// The same with two regions, for cases of the management account alone.
pub fn one_account() -> Estate {
    let mut estate = estate();
    estate.regions([Region::new(FRANKFURT), Region::new(VIRGINIA)]);
    estate
}
