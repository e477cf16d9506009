//! Accounts that run one query, and what the simulator and the ledger say of it.

use std::time::Duration;

use aws_sim::{Bucket, Canned, Estate, Region, Sim, Workgroup};
use serde_json::{Value as Json, json};

use crate::harness::{Outcome, Run};

pub const FRANKFURT: &str = "eu-central-1";
pub const BUCKET: &str = "results";
pub const QUERY: &str = "select name, size from files";
pub const HOUR: Duration = Duration::from_secs(3600);

/// A member, from 1.
pub fn member(number: usize) -> String {
    format!("3{number:011}")
}

pub fn members(count: usize) -> Vec<String> {
    (1..=count).map(member).collect()
}

/// So many members, whose results go into one bucket that all of them may use.
pub fn estate(members: usize) -> Estate {
    let mut estate = Estate::scale(members, 1, 0, Duration::ZERO);
    estate.regions([Region::new(FRANKFURT), Region::new("us-east-1")]);
    estate.bucket(Bucket::new(BUCKET).region(FRANKFURT).shared_with_everyone());
    let files = Canned::new(&[("name", "varchar"), ("size", "bigint")])
        .row(&[Some("a"), Some("1")])
        .row(&[None, Some("2")]);
    estate
        .athena()
        .workgroup(Workgroup::new("primary").output("s3://results/{accountId}/"))
        .canned(QUERY, files);
    estate
}

/// A result of about so many bytes: each row has its number and a text of 1000 letters.
pub fn wide(bytes: u64) -> Canned {
    Canned::generated(
        &[("n", "bigint"), ("text", "varchar")],
        bytes / 1010,
        |row, column, text| {
            match column {
                0 => text.push_str(&row.to_string()),
                _ => text.extend(std::iter::repeat_n(char::from(b'a' + (row % 26) as u8), 1000)),
            }
            true
        },
    )
}

/// The query in the first so many members.
pub fn run(sim: &Sim, count: usize) -> Run<'_> {
    Run::keys(sim).params(json!({
        "sub_account_assume_role_arn_chain": [Estate::SUB_ACCOUNT_ROLE],
        "accounts": members(count),
        "regions": [FRANKFURT],
        "query": QUERY,
    }))
}

/// A member's slice in the ledger.
pub fn slice(outcome: &Outcome, number: usize) -> Json {
    outcome.slice(&member(number), Some(FRANKFURT))
}

/// What the ledger says of the queries of a member.
pub fn queries(outcome: &Outcome, number: usize) -> Vec<Json> {
    let slice = slice(outcome, number);
    slice["details"]["queries"].as_array().cloned().unwrap_or_default()
}

/// The names and sizes that a run has brought from an account.
pub fn rows_of(outcome: &Outcome, account: &str) -> Vec<(Json, Json)> {
    let rows = outcome.rows().into_iter().filter(|row| row["account_id"] == account);
    rows.map(|row| (row["name"].clone(), row["size"].clone())).collect()
}

/// Asserts that the first so many members have brought all their rows.
pub fn assert_whole(outcome: &Outcome, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        let expected = [(json!("a"), json!(1)), (Json::Null, json!(2))];
        assert_eq!(rows_of(outcome, &member(number)), expected, "member {number}");
        assert_eq!(slice(outcome, number)["outcome"], "complete");
    }
}

/// The ids of all queries at the simulator, by account.
pub fn ids(sim: &Sim, number: usize) -> Vec<String> {
    let account = member(number);
    let queries = sim.queries().into_iter().filter(|query| query.account == account);
    queries.map(|query| query.id).collect()
}
