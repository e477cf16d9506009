//! Athena: an estate with a results bucket in each account, and short ways to ask.

mod engine;
mod executions;
mod results;
mod start;
mod unload;
mod workgroups;

use std::time::{Duration, UNIX_EPOCH};

use aws_sim::{Account, Bucket, Clock, Estate, Role, Sim, Table, Workgroup};
use serde_json::{Value, json};

use super::client::{self, Keys, MANAGEMENT, MEMBER, Reply};

const REGION: &str = "eu-central-1";
const OUTPUT: &str = "s3://results/out/";

/// An estate whose bucket `results` everybody may use.
fn estate() -> (Estate, Keys) {
    let mut estate = Estate::new(Account::new(MANAGEMENT));
    let denied = |name: &str, action: &str| Role::new(name).trusting(MANAGEMENT).deny(action);
    let member = Account::new(MEMBER)
        .role(Role::new("analyst").trusting(MANAGEMENT))
        .role(denied("blind", "athena:StartQueryExecution"))
        .role(denied("writeless", "s3:PutObject"))
        .role(denied("readless", "s3:GetObject"));
    estate.account(estate.root_id(), member);
    estate.bucket(Bucket::new("results").region(REGION).shared_with_everyone());
    let keys: Keys = estate.user(MANAGEMENT, "ann").into();
    (estate, keys)
}

fn clock() -> Clock {
    Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

async fn started(estate: Estate) -> Sim {
    Sim::start(estate, clock()).await.unwrap()
}

fn ask(sim: &Sim, keys: &Keys, operation: &str, input: &Value) -> Reply {
    client::athena(sim, keys, REGION, operation, &input.to_string())
}

/// A token of 32 characters and more for a text.
fn token(text: &str) -> String {
    client::hex(&client::sha256(text.as_bytes()))
}

/// Starts a query with a token of its text.
fn start(sim: &Sim, keys: &Keys, text: &str) -> String {
    let input = json!({
        "QueryString": text,
        "ClientRequestToken": token(text),
        "ResultConfiguration": {"OutputLocation": OUTPUT},
    });
    start_with(sim, keys, &input)
}

fn start_with(sim: &Sim, keys: &Keys, input: &Value) -> String {
    let reply = ask(sim, keys, "StartQueryExecution", input);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["QueryExecutionId"].as_str().unwrap().to_owned()
}

fn execution(sim: &Sim, keys: &Keys, id: &str) -> Value {
    let reply = ask(sim, keys, "GetQueryExecution", &json!({"QueryExecutionId": id}));
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["QueryExecution"].clone()
}

fn state(execution: &Value) -> &str {
    execution["Status"]["State"].as_str().unwrap()
}

/// Why a query failed.
fn failure(sim: &Sim, keys: &Keys, text: &str) -> String {
    let id = start(sim, keys, text);
    let execution = execution(sim, keys, &id);
    assert_eq!(state(&execution), "FAILED", "{text}: {execution}");
    execution["Status"]["StateChangeReason"].as_str().unwrap().to_owned()
}

/// The object of a query's result, which must have succeeded.
fn csv(sim: &Sim, keys: &Keys, text: &str) -> String {
    let id = start(sim, keys, text);
    let execution = execution(sim, keys, &id);
    assert_eq!(state(&execution), "SUCCEEDED", "{text}: {}", execution["Status"]);
    let output = execution["ResultConfiguration"]["OutputLocation"].as_str().unwrap();
    object(sim, output)
}

fn object(sim: &Sim, address: &str) -> String {
    let (bucket, key) = address.strip_prefix("s3://").unwrap().split_once('/').unwrap();
    let body = sim.object(bucket, key).unwrap_or_else(|| panic!("no {address}"));
    String::from_utf8(body.to_vec()).unwrap()
}

/// All rows by pages: what stands in each cell.
fn rows(sim: &Sim, keys: &Keys, id: &str, size: Option<u64>) -> (Vec<Vec<Option<String>>>, usize) {
    let mut input = json!({"QueryExecutionId": id});
    if let Some(size) = size {
        input["MaxResults"] = size.into();
    }
    let (mut rows, mut pages) = (Vec::new(), 0);
    loop {
        let reply = ask(sim, keys, "GetQueryResults", &input);
        assert_eq!(reply.status, 200, "{}", reply.body);
        let page = reply.json();
        pages += 1;
        for row in page["ResultSet"]["Rows"].as_array().unwrap() {
            let cells = row["Data"].as_array().unwrap().iter();
            rows.push(
                cells
                    .map(|cell| cell.get("VarCharValue").map(|text| text.as_str().unwrap().to_owned()))
                    .collect(),
            );
        }
        match page.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => return (rows, pages),
        }
    }
}

fn orders() -> Table {
    Table::new("orders")
        .column("id", "bigint")
        .column("name", "string")
        .comment("who")
        .column("price", "decimal(10,2)")
        .column("day", "date")
        .row(&[Some("1"), Some("ann"), Some("10.50"), Some("2024-01-01")])
        .row(&[Some("2"), None, Some("0.05"), Some("2024-02-29")])
        .row(&[Some("3"), Some(""), None, None])
}

fn results_workgroup(name: &str) -> Workgroup {
    Workgroup::new(name).output(OUTPUT)
}
