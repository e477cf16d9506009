//! The connector as its users run it, against servers that nobody here wrote. The harness checks in every run that no
//! secret shows, that nothing is left beside the output, and that the ledger agrees with what was published.
#![allow(clippy::unwrap_used)]

mod access_keys;
mod credentials;
mod encrypted_secrets;
mod every_column;
mod network;
mod outputs;
mod parameter_sources;
mod permissions;
mod private_network;
mod query_results;
mod query_sql;
mod rejected_parameters;
mod renewal;
mod verbs;
mod web_identity;

use std::collections::BTreeMap;
use std::sync::Mutex;

use end_to_end::connector::{Connector, Outcome};
use end_to_end::oracle::QueryResult;
use end_to_end::rows::Row;
use end_to_end::servers::Moto;
use end_to_end::{oracle, rows};
use serde_json::{Value, json};

/// From the initial credentials straight to a role of the same name in every account.
const ONE_HOP: &str = "arn:aws:iam::{accountId}:role/inventory";

/// A run over moto's whole organization, in the regions that have instances.
fn organization(moto: &Moto) -> Connector {
    Connector::run()
        .at_moto(moto)
        .parameter("sub_account_assume_role_arn_chain", json!([ONE_HOP]))
        .parameter("regions", json!(moto.estate.regions))
}

/// What boto3 says about moto, asked like [`organization`], with further wishes. Every question is asked once: nothing
/// changes in moto after its seed.
fn boto3(moto: &Moto, wishes: Value) -> Vec<Row> {
    static ASKED: Mutex<BTreeMap<String, Vec<Row>>> = Mutex::new(BTreeMap::new());
    let mut request = json!({
        "endpoint": moto.url(),
        "access_key_id": "AKIAORACLEORACLEORAC",
        "secret_access_key": "oracle",
        "chain": [ONE_HOP],
        "regions": moto.estate.regions,
    });
    for (name, wish) in wishes.as_object().into_iter().flatten() {
        request[name] = wish.clone();
    }
    let question = request.to_string();
    if let Some(known) = ASKED.lock().unwrap().get(&question) {
        return known.clone();
    }
    let rows = oracle::inventory(&request);
    ASKED.lock().unwrap().insert(question, rows.clone());
    rows
}

/// Panics unless the run's rows are what boto3 says, and there are some.
#[track_caller]
fn expect_rows(outcome: &Outcome, expected: &[Row]) {
    assert!(!expected.is_empty(), "the oracle has rows, or the case proves nothing");
    rows::assert_equal(expected, &outcome.rows());
}

/// Panics unless the run's cells are what PyAthena says.
#[track_caller]
fn expect_cells(outcome: &Outcome, format: &str, expected: &QueryResult) {
    match format {
        "csv" => {
            let mut header = vec!["account_id".to_owned(), "region".to_owned()];
            header.extend(expected.columns.clone());
            rows::assert_texts_equal(&header, &expected.texts, &outcome.csv());
        }
        "parquet" => {
            // JSON is text in a column of Parquet.
            let mut published = outcome.parquet().0;
            for (column, _) in expected
                .columns
                .iter()
                .zip(&expected.types)
                .filter(|(_, kind)| *kind == "json")
            {
                for row in &mut published {
                    if let Some(text) = row[column].as_str() {
                        row[column] = serde_json::from_str(text).unwrap();
                    }
                }
            }
            rows::assert_equal(&expected.rows, &published);
        }
        "jsonl" => rows::assert_equal(&expected.rows, &outcome.jsonl()),
        _ => rows::assert_equal(&expected.rows, &outcome.rows()),
    }
}

/// What the ledger says of the queries of an account.
fn queries(outcome: &Outcome, account: &str) -> Vec<Value> {
    let slices = outcome.slices(account);
    let queries = slices
        .iter()
        .flat_map(|slice| slice["details"]["queries"].as_array().cloned());
    queries.flatten().collect()
}
