//! The estate that most cases are about: three accounts that run queries in Frankfurt, and one bucket for their results.

use aws_sim::{Account, Bucket, Estate, Region, Role, Sim, Workgroup};
use serde_json::{Value as Json, json};

use crate::harness::{Outcome, Run};

pub const MASTER: &str = Estate::MANAGEMENT;
pub const A: &str = "200000000001";
pub const B: &str = "200000000002";
pub const FRANKFURT: &str = "eu-central-1";
pub const VIRGINIA: &str = "us-east-1";
/// In Frankfurt; every account may do everything with it.
pub const BUCKET: &str = "results";

/// A role of a member that trusts the management account.
pub fn analyst() -> Role {
    Role::new("inventory").trusting(&format!("arn:aws:iam::{MASTER}:root"))
}

/// A management account and two members; `primary` writes to `s3://results/<account>/`.
pub fn estate() -> Estate {
    let mut estate = Estate::new(Account::new(MASTER).name("management"));
    estate.regions([Region::new(FRANKFURT), Region::new(VIRGINIA)]);
    let root = estate.root_id();
    for (id, name) in [(A, "shop"), (B, "sandbox")] {
        estate.account(root.as_str(), Account::new(id).name(name).role(analyst()));
    }
    estate.user(MASTER, Estate::USER);
    estate.bucket(Bucket::new(BUCKET).region(FRANKFURT).shared_with_everyone());
    estate
        .athena()
        .workgroup(Workgroup::new("primary").output("s3://results/{accountId}/"));
    estate
}

/// A run in the management account alone.
pub fn run<'a>(sim: &'a Sim, query: &str) -> Run<'a> {
    Run::keys(sim).params(json!({"regions": [FRANKFURT], "query": query}))
}

/// The management account's slice in the ledger.
pub fn slice(outcome: &Outcome) -> Json {
    outcome.slice(MASTER, Some(FRANKFURT))
}

/// What the ledger says of the management account's queries.
pub fn queries(outcome: &Outcome) -> Vec<Json> {
    slice(outcome)["details"]["queries"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// The message and the hint of the management account's failure.
pub fn cause(outcome: &Outcome) -> (String, String) {
    let slice = slice(outcome);
    let text = |name: &str| slice["cause"][name].as_str().unwrap_or_default().to_owned();
    (text("message"), text("hint"))
}

/// A parameter of all calls of an operation.
pub fn sent(sim: &Sim, call: &str, name: &str) -> Vec<String> {
    let calls = sim.calls_of(call);
    calls
        .iter()
        .map(|call| call.parameter(name).unwrap_or("-").to_owned())
        .collect()
}
