//! UNLOAD: Parquet files and their manifest.

use aws_sim::{Canned, QueryRule};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::json;

use super::*;

/// The rows of all parts, sorted, as texts.
fn unloaded(sim: &Sim, manifest: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for part in object(sim, manifest).lines() {
        let (bucket, key) = part.strip_prefix("s3://").unwrap().split_once('/').unwrap();
        let reader = SerializedFileReader::new(sim.object(bucket, key).unwrap()).unwrap();
        rows.extend(reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()));
    }
    rows.sort();
    rows
}

fn text(query: &str, target: &str) -> String {
    format!("UNLOAD ({query}) TO '{target}' WITH (format = 'PARQUET', compression = 'SNAPPY')")
}

#[tokio::test]
async fn parts_and_their_manifest() {
    let (mut estate, keys) = estate();
    estate.athena().table(orders());
    let sim = started(estate).await;
    let id = start(
        &sim,
        &keys,
        &text("select id, Name, price, day from orders", "s3://results/unload/a"),
    );
    let done = execution(&sim, &keys, &id);
    assert_eq!(state(&done), "SUCCEEDED", "{}", done["Status"]);
    assert_eq!(
        (&done["StatementType"], &done["SubstatementType"]),
        (&json!("DML"), &json!("UNLOAD"))
    );
    let manifest = done["Statistics"]["DataManifestLocation"].as_str().unwrap();
    assert_eq!(manifest, format!("{OUTPUT}{id}-manifest.csv"));
    let parts = sim.object_keys("results", "unload/a/");
    assert_eq!(parts.len(), 3);
    assert!(parts.iter().all(|part| !part.contains('.')), "{parts:?}");
    let mut named: Vec<String> = object(&sim, manifest)
        .lines()
        .map(|line| line.replace("s3://results/", ""))
        .collect();
    named.sort();
    assert_eq!(named, parts);
    assert_eq!(
        unloaded(&sim, manifest),
        [
            "{id: 1, name: \"ann\", price: 10.50, day: 2024-01-01}",
            "{id: 2, name: null, price: 0.05, day: 2024-02-29}",
            "{id: 3, name: \"\", price: null, day: null}",
        ]
    );
    let page = ask(&sim, &keys, "GetQueryResults", &json!({"QueryExecutionId": id})).json();
    assert_eq!(
        (&page["UpdateCount"], &page["ResultSet"]["Rows"]),
        (&json!(3), &json!([]))
    );
    let page = ask(
        &sim,
        &keys,
        "GetQueryResults",
        &json!({"QueryExecutionId": id, "QueryResultType": "DATA_MANIFEST"}),
    )
    .json();
    assert_eq!(page["ResultSet"]["Rows"].as_array().unwrap().len(), 3);

    let again = failure(&sim, &keys, &text("select 1 as n", "s3://results/unload/a/"));
    assert!(again.starts_with("HIVE_PATH_ALREADY_EXISTS: "), "{again}");
    let none = start(
        &sim,
        &keys,
        &text("select id from orders where id > 9", "s3://results/unload/none/"),
    );
    let done = execution(&sim, &keys, &none);
    assert_eq!(
        object(&sim, done["Statistics"]["DataManifestLocation"].as_str().unwrap()),
        ""
    );
    assert!(sim.object_keys("results", "unload/none/").is_empty());
}

#[tokio::test]
async fn nested_values_of_a_canned_result_agree_in_every_form() {
    let (mut estate, keys) = estate();
    let canned = Canned::new(&[
        ("tags", "array(row(a integer, b varchar))"),
        ("m", "map(varchar, double)"),
        ("t", "timestamp"),
    ])
    .values(&[
        json!([{"a": 1, "b": "x, y"}, null]),
        json!({"k": 1}),
        json!("2024-02-29 01:02:03.500"),
    ])
    .values(&[json!([]), json!(null), json!(null)]);
    estate.athena().canned("select nested", canned);
    let sim = started(estate).await;
    assert_eq!(
        csv(&sim, &keys, "select nested"),
        "\"tags\",\"m\",\"t\"\n\"[{a=1, b=x, y}, null]\",\"{k=1.0}\",\"2024-02-29 01:02:03.500\"\n\"[]\",,\n"
    );
    let id = start(&sim, &keys, &text("\n select nested \n", "s3://results/unload/n/"));
    let done = execution(&sim, &keys, &id);
    let manifest = done["Statistics"]["DataManifestLocation"].as_str().unwrap();
    assert_eq!(
        unloaded(&sim, manifest),
        [
            "{tags: [], m: null, t: null}",
            "{tags: [{a: 1, b: \"x, y\"}, null], m: {\"k\" -> 1.0}, t: 2024-02-29 01:02:03.500 +00:00}",
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_unloaded() {
    let (mut estate, keys) = estate();
    estate.athena().canned(
        "select flat",
        Canned::new(&[("a", "array(integer)")]).row(&[Some("[1, x]")]),
    );
    let sim = started(estate).await;
    let cases = [
        (
            "select 1",
            "MISSING_COLUMN_NAME: line 1:1: Column name not specified at position 1.",
        ),
        (
            "select 1 as a, 2 as A",
            "DUPLICATE_COLUMN_NAME: line 1:1: Column name 'a' specified more than once.",
        ),
        (
            "select time '01:02:03' as a",
            "NOT_SUPPORTED: Unsupported Hive type: time(3).",
        ),
        (
            "select now() as a",
            "NOT_SUPPORTED: Unsupported Hive type: timestamp(3) with time zone.",
        ),
        ("select json '1' as a", "NOT_SUPPORTED: Unsupported Hive type: json."),
        (
            "select null as a",
            "COLUMN_TYPE_UNKNOWN: line 1:1: Column type is unknown: a.",
        ),
        (
            "select row(1) as a",
            "NOT_SUPPORTED: Anonymous row type is not supported in Hive.",
        ),
        (
            "select x from y",
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.default.y' does not exist",
        ),
        (
            "select flat",
            "GENERIC_INTERNAL_ERROR: Parquet error: the canned result has no typed values",
        ),
    ];
    for (at, (query, expected)) in cases.into_iter().enumerate() {
        let reason = failure(&sim, &keys, &text(query, &format!("s3://results/unload/{at}/")));
        assert!(reason.starts_with(expected), "{query}: {reason}");
    }
    assert!(sim.object_keys("results", "unload/").is_empty());
    let gzip = "UNLOAD (select 1 as a) TO 's3://results/g/' WITH (format = 'PARQUET')";
    assert!(failure(&sim, &keys, gzip).contains("GZIP"));
    for select_only in [
        "UNLOAD (insert into t select 1) TO 's3://results/x/' WITH (format = 'PARQUET')",
        "UNLOAD select 1",
    ] {
        let input = json!({"QueryString": select_only, "ClientRequestToken": token(select_only), "ResultConfiguration": {"OutputLocation": OUTPUT}});
        assert_eq!(
            ask(&sim, &keys, "StartQueryExecution", &input).json()["AthenaErrorCode"],
            "MALFORMED_QUERY"
        );
    }
}

#[tokio::test]
async fn parts_by_the_estate_and_a_manifest_that_names_another_bucket() {
    let (mut estate, keys) = estate();
    estate.bucket(Bucket::new("private").region(REGION));
    estate.athena().rule(QueryRule::any().unload_parts(5)).rule(
        QueryRule::any()
            .containing("foreign")
            .foreign_bucket_in_manifest("elsewhere"),
    );
    let sim = started(estate).await;
    let id = start(
        &sim,
        &keys,
        &text(
            "select n from (values 1, 2, 3, 4, 5, 6, 7) as foreign(n)",
            "s3://results/unload/f/",
        ),
    );
    let done = execution(&sim, &keys, &id);
    let manifest = object(&sim, done["Statistics"]["DataManifestLocation"].as_str().unwrap());
    assert_eq!(manifest.lines().count(), 6);
    assert!(manifest.lines().last().unwrap().starts_with("s3://elsewhere/unload/f/"));
    let analyst = client::assume(&sim, &keys, &format!("arn:aws:iam::{MEMBER}:role/analyst"));
    let reason = failure(&sim, &analyst, &text("select 1 as n", "s3://private/x/"));
    assert!(
        reason.starts_with("Access denied when writing output to url: s3://private/x/"),
        "{reason}"
    );
}
