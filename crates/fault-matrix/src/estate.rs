//! The organization that all cells are tried on, and the runs over it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sim::{
    Account, Bucket, Canned, Estate, Idp, IdpClient, OidcProvider, Pages, QueryRule, Region, Role, Sim,
    TrustWebIdentity, Workgroup,
};
use connector_testing::{Outcome, Program, Run};
use serde_json::{Value as Json, json};

use crate::matrix::{STRUCK, Scene};

pub(crate) const MASTER: &str = Estate::MANAGEMENT;
const OTHERS: [&str; 2] = ["200000000002", "200000000003"];
const FRANKFURT: &str = "eu-central-1";
const VIRGINIA: &str = "us-east-1";
const QUERY: &str = "select n from numbers";
/// Two pages of GetQueryResults; the header is one of the rows.
const ROWS: u64 = 1200;
/// Three pages of DescribeInstances.
const INSTANCES: u32 = 12;

/// Inventories.
pub(crate) struct Ec2;

impl Program for Ec2 {
    type Connector = ec2_connector::Ec2Connector;
    const NAME: &'static str = "ec2-connector";
    // Runs are in this process.
    const PATH: &'static str = "";

    fn connector() -> Self::Connector {
        ec2_connector::Ec2Connector
    }
}

/// Queries.
pub(crate) struct Athena;

impl Program for Athena {
    type Connector = athena_connector::AthenaConnector;
    const NAME: &'static str = "athena-connector";
    const PATH: &'static str = "";

    fn connector() -> Self::Connector {
        athena_connector::AthenaConnector
    }
}

/// A management account and three members, one of them in a unit; every listing has several pages.
pub(crate) fn estate(scene: Scene) -> Estate {
    let oidc = Role::new("oidc-inventory")
        .trusting_web_identity(TrustWebIdentity::of_the_idp().audience("sts.amazonaws.com"))
        .max_session(Duration::from_secs(12 * 3600));
    let with_instances = |account: Account| account.instances(FRANKFURT, INSTANCES).instances(VIRGINIA, 1);
    let master = Account::new(MASTER)
        .role(oidc)
        .oidc_provider(OidcProvider::the_idp(&["sts.amazonaws.com"]));
    let mut estate = Estate::new(with_instances(master));
    estate.regions([Region::new(FRANKFURT), Region::new(VIRGINIA)]);
    let root = estate.root_id();
    let unit = estate.unit(root.clone(), "Workloads");
    estate.unit(root.clone(), "Empty");
    let inventory = || Role::new("inventory").trusting(&format!("arn:aws:iam::{MASTER}:root"));
    for (id, parent) in [(STRUCK, &root), (OTHERS[0], &root), (OTHERS[1], &unit)] {
        estate.account(parent.clone(), with_instances(Account::new(id)).role(inventory()));
    }
    estate.user(MASTER, Estate::USER);
    estate.idp(Idp::new(IdpClient::new(Estate::CLIENT_ID, Estate::CLIENT_SECRET)));
    estate.pages(Pages {
        organizations: 1,
        ..Pages::default()
    });
    estate.bucket(Bucket::new("results").region(FRANKFURT).shared_with_everyone());
    let numbers = Canned::generated(&[("n", "bigint")], ROWS, |row, _, text| {
        text.push_str(&row.to_string());
        true
    });
    estate
        .athena()
        .workgroup(Workgroup::new("primary").output("s3://results/{accountId}/"))
        .canned(QUERY, numbers);
    if scene == Scene::Endless {
        let never = QueryRule::any().account(STRUCK).run(Duration::from_secs(24 * 3600));
        estate.athena().rule(never);
    }
    estate
}

/// Seconds.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) call: u32,
    pub(crate) slice: u32,
    pub(crate) run: u32,
}

/// A run, prepared and to be changed.
pub(crate) enum Prepared<'a> {
    Ec2(Run<'a, Ec2>),
    Athena(Run<'a, Athena>),
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(scene: Scene, sim: &'a Sim, limits: Limits) -> Self {
        let shared = json!({
            "sub_account_assume_role_arn_chain": [Estate::SUB_ACCOUNT_ROLE],
            "call_timeout": limits.call,
            "run_timeout": limits.run,
        });
        let inventory = json!({"page_size": 5, "slice_timeout": limits.slice, "exclude_regions": [VIRGINIA]});
        let query = |fetch: &str, timeout: u32| json!({"query": QUERY, "regions": [FRANKFURT], "fetch": fetch, "timeout": timeout});
        match scene {
            Scene::Ec2 => Self::Ec2(Run::keys(sim).params(shared).params(inventory)),
            Scene::Ec2Oidc => Self::Ec2(Run::oidc(sim).params(shared).params(inventory)),
            Scene::Pages => Self::Athena(Run::keys(sim).params(shared).params(query("api", limits.slice))),
            Scene::PagesOidc => Self::Athena(Run::oidc(sim).params(shared).params(query("api", limits.slice))),
            Scene::Object => Self::Athena(Run::keys(sim).params(shared).params(query("s3", limits.slice))),
            Scene::Endless => Self::Athena(Run::keys(sim).params(shared).params(query("api", 20))),
        }
    }

    pub(crate) fn clock_ahead(self, seconds: i64) -> Self {
        match self {
            Self::Ec2(run) => Self::Ec2(run.clock_ahead(seconds)),
            Self::Athena(run) => Self::Athena(run.clock_ahead(seconds)),
        }
    }

    pub(crate) fn run(self, sleep: aws_smithy_async::rt::sleep::SharedAsyncSleep) -> Outcome {
        match self {
            Self::Ec2(run) => run.sleeping(sleep).inside(),
            Self::Athena(run) => run.sleeping(sleep).inside(),
        }
    }
}

/// Rows by account and region, each as the key or the value that tells it from the others, in their order.
pub(crate) type Rows = BTreeMap<(String, String), Vec<String>>;

/// All that there is.
pub(crate) fn expected(scene: Scene, sim: &Sim) -> Rows {
    let accounts = [MASTER, STRUCK, OTHERS[0], OTHERS[1]];
    match scene {
        Scene::Ec2 | Scene::Ec2Oidc => connector_testing::expected(sim, accounts, &[FRANKFURT]),
        Scene::Pages | Scene::PagesOidc | Scene::Object | Scene::Endless => accounts
            .iter()
            .map(|account| {
                let rows = (0..ROWS).map(|row| row.to_string()).collect();
                (((*account).to_owned(), FRANKFURT.to_owned()), rows)
            })
            .collect(),
    }
}

/// What a run has published.
pub(crate) fn published(outcome: &Outcome) -> Rows {
    let mut rows = Rows::new();
    if !outcome.has_output() {
        return rows;
    }
    for row in outcome.rows() {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let told = match &row["instance_id"] {
            Json::String(id) => id.clone(),
            _ => row["n"].to_string(),
        };
        rows.entry((text("account_id"), text("region"))).or_default().push(told);
    }
    rows
}
