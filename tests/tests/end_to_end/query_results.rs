//! Queries against moto, which gives out results that were put in beforehand, by pages of its API and as an object in its
//! S3; it keeps accounts and regions apart. No value here has a quote: moto does not double them in the object.

use std::collections::BTreeSet;

use end_to_end::connector::{Connector, Outcome};
use end_to_end::oracle::{self, QueryResult, call};
use end_to_end::servers::{Moto, Request};
use serde_json::{Value, json};

use super::{expect_cells, queries};

const REGION: &str = "eu-central-1";
/// From the initial credentials over a hub to the account.
const CHAIN: [&str; 2] = [
    "arn:aws:iam::700000000000:role/hub",
    "arn:aws:iam::{accountId}:role/query",
];
const LOCATION: &str = "s3://results-of-{accountId}/{region}";
const WAYS: [(&str, &str); 8] = [
    ("s3", "json"),
    ("s3", "jsonl"),
    ("s3", "csv"),
    ("s3", "parquet"),
    ("api", "json"),
    ("api", "jsonl"),
    ("api", "csv"),
    ("api", "parquet"),
];

type Column<'a> = (&'a str, &'a str, u8, u8);

/// A result as GetQueryResults has it: a header, and rows whose NULLs have no value.
fn result(columns: &[Column<'_>], rows: &[Vec<Option<&str>>]) -> Value {
    let datum = |text: &Option<&str>| text.map_or(json!({}), |text| json!({ "VarCharValue": text }));
    let row = |cells: &[Option<&str>]| json!({ "Data": cells.iter().map(datum).collect::<Vec<_>>() });
    let header: Vec<_> = columns.iter().map(|column| Some(column.0)).collect();
    let infos = columns.iter().map(|(name, kind, precision, scale)| {
        json!({ "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name, "Type": kind,
                "Precision": precision, "Scale": scale, "Nullable": "UNKNOWN", "CaseSensitive": false })
    });
    let mut all = vec![row(&header)];
    all.extend(rows.iter().map(|cells| row(cells)));
    json!({ "rows": all, "column_info": infos.collect::<Vec<_>>() })
}

/// The next queries of an account and region get these results, one each.
fn results(account: &str, region: &str, results: &[Value]) -> Value {
    call(
        account,
        region,
        "moto-api",
        "static/athena/query-results",
        json!({ "results": results }),
    )
}

fn bucket(account: &str) -> Value {
    let name = format!("results-of-{account}");
    let place = json!({ "LocationConstraint": REGION });
    call(
        account,
        REGION,
        "s3",
        "create_bucket",
        json!({ "Bucket": name, "CreateBucketConfiguration": place }),
    )
}

fn run(moto: &Moto, accounts: &[&str]) -> Connector {
    Connector::query("select whatever moto was given")
        .at_moto(moto)
        .parameter("sub_account_assume_role_arn_chain", json!(CHAIN))
        .parameter("accounts", json!(accounts))
        .parameter("regions", json!([REGION]))
}

fn pyathena(moto: &Moto, accounts: &[&str]) -> QueryResult {
    oracle::query(&json!({
        "endpoint": moto.url(),
        "access_key_id": "AKIAORACLEORACLEORAC",
        "secret_access_key": "oracle",
        "chain": CHAIN,
        "accounts": accounts,
        "region": REGION,
        "location": LOCATION,
        "query": "select whatever moto was given",
    }))
}

/// Puts a result into each account for every way and for PyAthena, and panics unless they all have the same cells.
#[track_caller]
fn expect_everywhere(accounts: &[(&str, Value)]) -> QueryResult {
    let moto = Moto::shared();
    let mut calls = Vec::new();
    for (account, result) in accounts {
        calls.push(bucket(account));
        calls.push(results(account, REGION, &vec![result.clone(); WAYS.len() + 1]));
    }
    moto.call(calls);
    let accounts: Vec<&str> = accounts.iter().map(|(account, _)| *account).collect();
    let expected = pyathena(moto, &accounts);
    let started: Vec<_> = WAYS
        .iter()
        .map(|(fetch, format)| {
            run(moto, &accounts)
                .parameter("output_location", LOCATION)
                .parameter("fetch", *fetch)
                .format(format)
                .start()
        })
        .collect();
    for ((fetch, format), started) in WAYS.iter().zip(started) {
        let outcome = started.finish();
        outcome.expect_exit(0);
        expect_cells(&outcome, format, &expected);
        for account in &accounts {
            let of = queries(&outcome, account);
            assert_eq!(of.len(), 1);
            assert_eq!(of[0]["fetch"]["by"], *fetch);
            let place = format!("s3://results-of-{account}/{REGION}/");
            assert!(of[0]["output_location"].as_str().unwrap().starts_with(&place), "{of:?}");
        }
    }
    expected
}

fn starts(outcome: &Outcome) -> Vec<Request> {
    let requests = outcome.requests(Moto::shared().journal());
    requests
        .into_iter()
        .filter(|request| request.action == "StartQueryExecution")
        .collect()
}

const TYPES: &[Column<'_>] = &[
    ("n", "integer", 10, 0),
    ("tiny", "tinyint", 3, 0),
    ("small", "smallint", 5, 0),
    ("big", "bigint", 19, 0),
    ("flag", "boolean", 0, 0),
    ("single", "float", 17, 0),
    ("large", "double", 17, 0),
    ("odd", "double", 17, 0),
    ("price", "decimal", 10, 2),
    ("digits", "decimal", 38, 0),
    ("word", "varchar", 255, 0),
    ("code", "char", 5, 0),
    ("day", "date", 0, 0),
    ("clock", "time", 3, 0),
    ("moment", "timestamp", 3, 0),
    ("zoned", "timestamp with time zone", 3, 0),
    ("bytes", "varbinary", 0, 0),
    ("list", "array", 0, 0),
    ("pairs", "map", 0, 0),
    ("record", "row", 0, 0),
    ("document", "json", 0, 0),
    ("span", "interval day to second", 0, 0),
];

#[test]
fn values_of_every_type_come_by_every_way_as_pyathena_has_them() {
    let full = [
        "1",
        "-128",
        "32767",
        "9223372036854775807",
        "true",
        "1.5",
        "1.0E22",
        "NaN",
        "12.30",
        "12345678901234567890123456789012345678",
        "word",
        "ab   ",
        "2001-02-03",
        "01:02:03.500",
        "2001-08-22 03:04:05.321",
        "2001-08-22 03:04:05.321 America/Los_Angeles",
        "00 0f ff",
        "[1, 2, null]",
        "{k=v, l=w}",
        "{a=1, b=x}",
        "[1, null, {}]",
        "2 03:04:05.000",
    ];
    let row = |cells: &[&'static str]| cells.iter().copied().map(Some).collect::<Vec<_>>();
    let mut other = row(&full);
    let changes = [
        (0, "2"),
        (4, "false"),
        (6, "-0.0"),
        (7, "-Infinity"),
        (10, ""),
        (16, ""),
        (17, "[]"),
        (20, "{}"),
    ];
    for (column, text) in changes {
        other[column] = Some(text);
    }
    let mut null = vec![None; TYPES.len()];
    null[0] = Some("3");
    let first = result(TYPES, &[row(&full), other, null]);
    let second = result(TYPES, &[row(&full)]);
    let expected = expect_everywhere(&[("700000000001", first), ("700000000002", second)]);

    // The same, written out.
    let cells: Vec<_> = expected.rows[0].values().skip(2).map(Value::to_string).collect();
    let written = [
        "1",
        "-128",
        "32767",
        "9223372036854775807",
        "true",
        "1.5",
        "1e+22",
        "\"NaN\"",
        "\"12.30\"",
        "\"12345678901234567890123456789012345678\"",
        "\"word\"",
        "\"ab   \"",
        "\"2001-02-03\"",
        "\"01:02:03.500\"",
        "\"2001-08-22 03:04:05.321\"",
        "\"2001-08-22 03:04:05.321 America/Los_Angeles\"",
        "\"AA//\"",
        "\"[1, 2, null]\"",
        "\"{k=v, l=w}\"",
        "\"{a=1, b=x}\"",
        "[1,null,{}]",
        "\"2 03:04:05.000\"",
    ];
    assert_eq!(cells, written);
    assert_eq!(expected.rows.len(), 4);
}

#[test]
fn columns_of_parquet_have_types_that_duckdb_knows() {
    let moto = Moto::shared();
    let account = "700000000011";
    let row = vec![None; TYPES.len()];
    moto.call(vec![
        bucket(account),
        results(account, REGION, &[result(TYPES, &[row])]),
    ]);
    let outcome = run(moto, &[account])
        .parameter("output_location", LOCATION)
        .format("parquet")
        .finish();
    outcome.expect_exit(0);
    let (rows, types) = outcome.parquet();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].values().skip(2).all(Value::is_null), "{rows:?}");
    let expected = json!({
        "account_id": "VARCHAR", "region": "VARCHAR", "n": "BIGINT", "tiny": "BIGINT", "small": "BIGINT", "big": "BIGINT",
        "flag": "BOOLEAN", "single": "DOUBLE", "large": "DOUBLE", "odd": "DOUBLE", "price": "DECIMAL(10,2)",
        "digits": "DECIMAL(38,0)", "word": "VARCHAR", "code": "VARCHAR", "day": "DATE", "clock": "VARCHAR",
        "moment": "TIMESTAMP", "zoned": "VARCHAR", "bytes": "BLOB", "list": "VARCHAR", "pairs": "VARCHAR",
        "record": "VARCHAR", "document": "VARCHAR", "span": "VARCHAR",
    });
    assert_eq!(types, expected);
}

#[test]
fn texts_and_nulls_come_by_every_way_as_they_are() {
    let texts = [
        None,
        Some(""),
        Some(" "),
        Some(","),
        Some("a, b"),
        Some("\n"),
        Some("a\nb\n"),
        Some("\r\n"),
        Some("a\rb"),
        Some("\ta\tb"),
        Some("null"),
        Some("\\N"),
        Some("'"),
        Some("é ü 漢字"),
        Some("🦀𝔘"),
        Some("\u{feff}bom"),
        Some("n"),
    ];
    let columns = [("n", "varchar", 0, 0), ("other", "varchar", 0, 0)];
    let two: Vec<Vec<_>> = texts
        .iter()
        .flat_map(|text| [None, Some("")].map(|other| [vec![*text, other], vec![other, *text]]))
        .flatten()
        .collect();
    // In a result of one column NULL is a line of nothing, also at the end.
    let one: Vec<Vec<_>> = texts
        .iter()
        .flat_map(|text| [vec![None], vec![*text], vec![Some("")]])
        .chain([vec![None]])
        .collect();
    let expected = expect_everywhere(&[("700000000003", result(&columns, &two))]);
    let given = |expected: &QueryResult| -> Vec<Vec<Option<String>>> {
        expected.texts.iter().map(|row| row[2..].to_vec()).collect()
    };
    let owned = |rows: &[Vec<Option<&str>>]| -> Vec<Vec<Option<String>>> {
        rows.iter()
            .map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect())
            .collect()
    };
    assert_eq!(given(&expected), owned(&two));
    let expected = expect_everywhere(&[("700000000004", result(&columns[..1], &one))]);
    assert_eq!(given(&expected), owned(&one));
}

#[test]
fn a_long_object_is_whole() {
    let columns = [("n", "bigint", 19, 0), ("text", "varchar", 0, 0)];
    let numbers: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    let long = "long, ".repeat(60);
    let rows: Vec<_> = numbers
        .iter()
        .enumerate()
        .map(|(at, number)| vec![Some(number.as_str()), [None, Some(""), Some(long.as_str())][at % 3]])
        .collect();
    let moto = Moto::shared();
    let account = "700000000005";
    let given = result(&columns, &rows);
    moto.call(vec![bucket(account), results(account, REGION, &[given.clone(), given])]);
    let expected = pyathena(moto, &[account]);
    let outcome = run(moto, &[account])
        .parameter("output_location", LOCATION)
        .parameter("fetch", "s3")
        .parameter("keep_results", false)
        .format("csv")
        .finish();
    outcome.expect_exit(0);
    expect_cells(&outcome, "csv", &expected);
    assert_eq!(expected.rows.len(), 20_000);

    // Only PyAthena's object is still there, and it is as long as the one that was read.
    let listed = moto.call(vec![call(
        account,
        REGION,
        "s3",
        "list_objects_v2",
        json!({ "Bucket": format!("results-of-{account}") }),
    )]);
    let objects = listed[0]["Contents"].as_array().unwrap();
    assert_eq!(objects.len(), 1, "{objects:?}");
    assert_eq!(queries(&outcome, account)[0]["result_bytes"], objects[0]["Size"]);
}

#[test]
fn the_workgroup_says_where_results_go_unless_the_parameter_does() {
    let moto = Moto::shared();
    let account = "700000000006";
    let regions = ["eu-central-1", "us-east-1"];
    let given = result(&[("n", "integer", 10, 0)], &[vec![Some("7")]]);
    let mut calls = vec![bucket(account)];
    for region in regions {
        for (name, enforced) in [("free", false), ("strict", true)] {
            let configuration = json!({
                "EnforceWorkGroupConfiguration": enforced,
                "ResultConfiguration": { "OutputLocation": format!("s3://results-of-{account}/{name}/") },
            });
            let name = format!("{name}-{region}");
            let workgroup = json!({ "Name": name, "Configuration": configuration });
            calls.push(call(account, region, "athena", "create_work_group", workgroup));
        }
        calls.push(results(account, region, &vec![given.clone(); 3]));
    }
    moto.call(calls);
    let run = |workgroup: &str| {
        run(moto, &[account])
            .parameter("regions", json!(regions))
            .parameter("workgroup", format!("{workgroup}-{{region}}"))
            .parameter("catalog", "catalog-of-{accountId}")
            .parameter("database", "sales_{region}")
    };

    let own = run("free").finish();
    own.expect_exit(0);
    assert_eq!(own.rows().len(), 2);
    assert_eq!(own.regions(), regions.map(str::to_owned).into());
    let mut asked: Vec<_> = starts(&own)
        .into_iter()
        .map(|start| (start.region, start.parameters))
        .collect();
    asked.sort_by_key(|(region, _)| region.clone());
    for ((found, parameters), region) in asked.iter().zip(regions) {
        assert_eq!(found, region);
        assert_eq!(parameters["WorkGroup"], format!("free-{region}"));
        let context = json!({ "Catalog": format!("catalog-of-{account}"), "Database": format!("sales_{region}") });
        assert_eq!(parameters["QueryExecutionContext"], context);
        assert!(
            parameters.get("ResultConfiguration").is_none(),
            "the workgroup's own is meant"
        );
    }
    let tokens: BTreeSet<_> = asked
        .iter()
        .map(|(_, one)| one["ClientRequestToken"].as_str().unwrap())
        .collect();
    assert_eq!(
        tokens.len(),
        2,
        "every start has a token of its own, of the length that AWS wants"
    );
    assert!(
        tokens.iter().all(|token| (32..=128).contains(&token.len())),
        "{tokens:?}"
    );

    let given = run("free")
        .parameter("output_location", LOCATION)
        .parameter("fetch", "s3")
        .finish();
    given.expect_exit(0);
    let mut places: Vec<_> = starts(&given)
        .into_iter()
        .map(|start| start.parameters["ResultConfiguration"]["OutputLocation"].clone())
        .collect();
    places.sort_by_key(Value::to_string);
    assert_eq!(
        json!(places),
        json!(regions.map(|region| format!("s3://results-of-{account}/{region}")))
    );

    // Nothing is started where the workgroup would do otherwise than was asked for.
    let conflict = run("strict").parameter("output_location", LOCATION).finish();
    conflict
        .expect_exit(4)
        .expect_said(&["strict-us-east-1", "enforces", "output_location"]);
    assert!(starts(&conflict).is_empty());
    let strict = run("strict").finish();
    strict.expect_exit(0);
    assert_eq!(strict.rows().len(), 2);
}

#[test]
fn a_saved_query_is_run_as_it_was_saved() {
    let moto = Moto::shared();
    let account = "700000000007";
    let text = "select n -- a comment; with a semicolon\nfrom orders where text <> ';' and place = '{accountId}'";
    let saved = json!({ "Name": "orders", "Database": "saved", "QueryString": text });
    let given = result(&[("n", "integer", 10, 0)], &[vec![Some("7")]]);
    let answers = moto.call(vec![
        call(account, REGION, "athena", "create_named_query", saved),
        bucket(account),
        results(account, REGION, &[given.clone(), given]),
    ]);
    let id = answers[0]["NamedQueryId"].as_str().unwrap();
    let run = || {
        run(moto, &[account])
            .without("query")
            .parameter("output_location", LOCATION)
    };
    let outcome = run().parameter("named_query_id", id).parameter("fetch", "s3").finish();
    outcome.expect_exit(0);
    assert_eq!(outcome.rows()[0]["n"], 7);
    let start = &starts(&outcome)[0];
    assert_eq!(start.parameter("QueryString"), text.replace("{accountId}", account));
    assert_eq!(start.parameters["QueryExecutionContext"]["Database"], "saved");

    // A prepared statement is Athena's to look up; values go beside the text.
    let values = json!(["42", "'it''s; -- text'"]);
    let outcome = run()
        .parameter("prepared_statement", "orders_of")
        .parameter("execution_parameters", values.clone())
        .finish();
    outcome.expect_exit(0);
    let start = &starts(&outcome)[0];
    assert_eq!(start.parameter("QueryString"), "EXECUTE orders_of");
    assert_eq!(start.parameters["ExecutionParameters"], values);
}

#[test]
fn accounts_that_fail_are_named_and_the_others_are_published() {
    let moto = Moto::shared();
    let accounts = ["700000000008", "700000000009", "700000000010"];
    let [well, no_workgroup, no_bucket] = accounts;
    let given = result(&[("n", "integer", 10, 0)], &[vec![Some("7")]]);
    let workgroup = json!({ "Name": "orders", "Configuration": { "EnforceWorkGroupConfiguration": false } });
    let mut calls = vec![bucket(well), bucket(no_workgroup)];
    for account in [well, no_bucket] {
        calls.push(call(account, REGION, "athena", "create_work_group", workgroup.clone()));
    }
    calls.extend(accounts.map(|account| results(account, REGION, &[given.clone(), given.clone()])));
    moto.call(calls);
    let outcome = run(moto, &accounts)
        .parameter("workgroup", "orders")
        .parameter("output_location", LOCATION)
        .parameter("fetch", "s3")
        .finish();
    outcome.expect_exit(3).expect_said(&[no_workgroup, no_bucket]);
    expect_cells(&outcome, "json", &pyathena(moto, &[well]));
    let cause = |account: &str| outcome.slices(account)[0]["cause"].to_string();
    assert_eq!(outcome.outcomes(no_workgroup), BTreeSet::from(["failed".to_owned()]));
    assert!(cause(no_workgroup).contains("GetWorkGroup"), "{}", cause(no_workgroup));
    assert!(queries(&outcome, no_workgroup).is_empty(), "nothing was started there");
    assert_eq!(outcome.outcomes(no_bucket), BTreeSet::from(["failed".to_owned()]));
    assert!(cause(no_bucket).contains("NoSuchBucket"), "{}", cause(no_bucket));
    assert_eq!(queries(&outcome, no_bucket)[0]["state"], "SUCCEEDED");
}

#[test]
fn with_the_listing_on_the_master_account_is_queried_through_its_own_chain() {
    // Results of this region only: the accounts of the estate have none in others.
    let region = "ap-southeast-2";
    let moto = Moto::shared();
    let (master, build, shop) = (
        &moto.estate.master,
        moto.estate.account("Build"),
        moto.estate.account("Shop"),
    );
    let calls = [(master.as_str(), "1"), (build, "2"), (shop, "3")]
        .map(|(account, n)| results(account, region, &[result(&[("n", "integer", 10, 0)], &[vec![Some(n)]])]));
    moto.call(calls.into());
    let reader = format!("arn:aws:iam::{master}:role/reader");
    let mut others: Vec<&String> = moto.estate.accounts.values().collect();
    others.retain(|account| ![master.as_str(), build, shop].contains(&account.as_str()));
    let outcome = run(moto, &[])
        .without("accounts")
        .parameter("master_assume_role_arn_chain", json!([reader]))
        .parameter("exclude_accounts", json!(others))
        .parameter("regions", json!([region]))
        .parameter("output_location", "s3://results-of-{accountId}/")
        .parameter("fetch", "api")
        .finish();
    outcome.expect_exit(0);
    let mut expected = [(master.as_str(), 1), (build, 2), (shop, 3)];
    expected.sort_unstable();
    let rows: Vec<_> = outcome
        .rows()
        .iter()
        .map(|row| json!([row["account_id"], row["n"]]))
        .collect();
    let expected: Vec<_> = expected.iter().map(|(account, n)| json!([account, n])).collect();
    assert_eq!(rows, expected);
    assert_eq!(starts(&outcome).len(), 3);
}
