//! Queries against ministack, which runs SQL (DuckDB over tables of Glue and S3) behind signatures, trust policies and
//! permissions. Every cell is what PyAthena's default cursor gives for the same statement, reached through the same roles.

use std::collections::BTreeSet;

use end_to_end::connector::Connector;
use end_to_end::oracle::{self, QueryResult, call};
use end_to_end::rows;
use end_to_end::servers::{Ministack, OidcProvider};
use serde_json::{Value, json};

use super::{expect_cells, queries};

const REGION: &str = "eu-central-1";
/// What every role of a chain asks for.
const EXTERNAL_ID: &str = "queries/of:the-hub";

/// Accounts with a role that may query, reached over a role of the master account.
struct World {
    ministack: &'static Ministack,
    made: Value,
    master: String,
    /// Account ids in the order in which rows are published.
    members: Vec<String>,
}

impl World {
    /// `master` is the id of the case's own management account. The hub role is for the user, or for web identities of this
    /// audience.
    fn new(master: &str, members: &[&str], audience: Option<&str>) -> World {
        let ministack = Ministack::shared();
        let mut hub = json!({ "account": "master", "name": "hub", "allow": ["sts:AssumeRole"] });
        match audience {
            Some(audience) => {
                let issuer = OidcProvider::shared().issuer();
                hub["web_identity"] = json!({ "issuer": issuer, "audience": audience });
            }
            None => {
                hub["trusts"] = json!(["user"]);
                hub["external_id"] = EXTERNAL_ID.into();
            }
        }
        let mut roles = vec![hub];
        for member in members {
            roles.push(json!({
                "account": member,
                "name": "query",
                "trusts": ["master/hub"],
                "external_id": EXTERNAL_ID,
                "allow": ["athena:*", "glue:Get*", "s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:GetBucketLocation"],
                "deny": if *member == "no queries" { json!(["athena:StartQueryExecution"]) } else { json!([]) },
            }));
        }
        let made = ministack.seed(json!({
            "master": master,
            "user": ["sts:AssumeRole"],
            "members": members,
            "roles": roles,
        }));
        let id = |name: &&str| made["accounts"][*name].as_str().unwrap().to_owned();
        let mut members: Vec<String> = members.iter().map(id).collect();
        members.sort();
        let buckets = members.iter().map(|account| {
            let bucket = json!({
                "Bucket": format!("results-{account}"),
                "CreateBucketConfiguration": { "LocationConstraint": REGION },
            });
            call(account, REGION, "s3", "create_bucket", bucket)
        });
        ministack.call(buckets.collect());
        World {
            ministack,
            master: master.to_owned(),
            members,
            made,
        }
    }

    /// A table of JSON lines, named `orders` in the database `sales`.
    fn table(&self, account: &str, lines: &[Value]) {
        let bucket = format!("results-{account}");
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let in_account = |service, method, arguments| call(account, REGION, service, method, arguments);
        self.ministack.call(vec![
            in_account(
                "s3",
                "put_object",
                json!({ "Bucket": bucket, "Key": "orders/1.json", "Body": text }),
            ),
            in_account(
                "glue",
                "create_database",
                json!({ "DatabaseInput": { "Name": "sales" } }),
            ),
            in_account(
                "glue",
                "create_table",
                json!({ "DatabaseName": "sales", "TableInput": {
                    "Name": "orders",
                    "Parameters": { "classification": "json" },
                    "StorageDescriptor": {
                        "Location": format!("s3://{bucket}/orders/"),
                        "Columns": [{ "Name": "n", "Type": "bigint" }, { "Name": "text", "Type": "string" }],
                    },
                } }),
            ),
        ]);
    }

    fn member(&self, name: &str) -> &str {
        self.made["accounts"][name].as_str().unwrap()
    }

    fn chain(&self) -> Value {
        json!([
            format!("arn:aws:iam::{}:role/hub", self.master),
            "arn:aws:iam::{accountId}:role/query"
        ])
    }

    /// A run over all members.
    fn query(&self, query: &str) -> Connector {
        Connector::query(query)
            .at_ministack(self.ministack, &self.made)
            .parameter("sub_account_assume_role_arn_chain", self.chain())
            .parameter("assume_external_id", EXTERNAL_ID)
            .parameter("accounts", json!(self.members))
            .parameter("regions", json!([REGION]))
            .parameter("output_location", "s3://results-{accountId}/{region}/")
            .parameter("fetch", "api")
    }

    /// What PyAthena says about some members, asked like [`World::query`].
    fn pyathena(&self, query: &str, accounts: &[String]) -> QueryResult {
        oracle::query(&json!({
            "endpoint": self.ministack.url(),
            "access_key_id": self.made["access_key_id"],
            "secret_access_key": self.made["secret_access_key"],
            "chain": self.chain(),
            "external_id": EXTERNAL_ID,
            "accounts": accounts,
            "region": REGION,
            "location": "s3://results-{accountId}/oracle/",
            "query": query,
        }))
    }

    /// Runs a query in these formats, and panics unless every cell is what PyAthena gives.
    #[track_caller]
    fn expect_in(&self, formats: &[&str], query: &str) -> QueryResult {
        let expected = self.pyathena(query, &self.members);
        let started: Vec<_> = formats
            .iter()
            .map(|format| self.query(query).format(format).start())
            .collect();
        for (format, started) in formats.iter().zip(started) {
            let outcome = started.finish();
            outcome.expect_exit(0);
            expect_cells(&outcome, format, &expected);
        }
        expected
    }
}

/// Everything that CSV, JSON, pages or NULL can make ambiguous.
const TEXTS: &[Option<&str>] = &[
    None,
    Some(""),
    Some(" "),
    Some("\""),
    Some("\"\""),
    Some("a \"b\", c"),
    Some(","),
    Some("\n"),
    Some("a\nb\n"),
    Some("\r\n"),
    Some("a\rb"),
    Some("\ta\tb"),
    Some("null"),
    Some("NULL"),
    Some("\\N"),
    Some("C:\\temp\\n"),
    Some("'"),
    Some("é ü 漢字"),
    Some("e\u{301}"),
    Some("🦀𝔘"),
    Some("\u{feff}bom"),
    Some("\u{1}\u{7f}\u{85}\u{2028}"),
    Some("{a=1}"),
    Some("=cmd|' /C calc'!A0"),
];

#[test]
fn tables_of_many_accounts_are_what_pyathena_reads_in_every_format() {
    let world = World::new("820000000001", &["north", "south", "empty"], None);
    // Each text beside NULL and beside the empty text, so that no cell can slip unseen.
    let line = |(n, text): (usize, &Option<&str>)| json!({ "n": n, "text": text, "other": if n % 2 == 0 { None } else { Some("") } });
    let (north, south): (Vec<Value>, Vec<Value>) = (
        TEXTS.iter().enumerate().map(line).collect(),
        TEXTS.iter().rev().take(5).enumerate().map(line).collect(),
    );
    world.table(&world.members[0], &north);
    world.table(&world.members[1], &south);
    world.table(&world.members[2], &[json!({ "n": -1, "text": "", "other": "" })]);
    let query = "select n, text, other, '{accountId}/{region}' as place from sales.orders where n >= 0 order by n";
    let expected = world.expect_in(&["json", "jsonl", "csv", "parquet"], query);

    // What PyAthena gives is what is in the tables.
    let texts: Vec<_> = expected.texts.iter().map(|row| row[3].as_deref()).collect();
    let put: Vec<_> = TEXTS.iter().chain(TEXTS.iter().rev().take(5)).copied().collect();
    assert_eq!(texts, put);
    let place = |number: usize| expected.texts[number][5].clone().unwrap();
    assert_eq!(place(0), format!("{}/{REGION}", world.members[0]));
    assert_eq!(place(TEXTS.len()), format!("{}/{REGION}", world.members[1]));

    // The account without rows is there, and is not one that failed.
    let outcome = world.query(query).finish();
    assert_eq!(
        outcome.outcomes(&world.members[2]),
        BTreeSet::from(["empty".to_owned()])
    );
    let of = queries(&outcome, &world.members[0]);
    assert_eq!(of.len(), 1);
    assert_eq!(of[0]["state"], "SUCCEEDED");
    assert_eq!(of[0]["fetch"]["by"], "api");
    let location = of[0]["output_location"].as_str().unwrap();
    assert!(
        location.starts_with(&format!("s3://results-{}/{REGION}/", world.members[0])),
        "{location}"
    );
}

#[test]
fn values_of_every_type_are_what_pyathena_makes_of_them() {
    let world = World::new("820000000002", &["one", "two"], None);
    let query = "
        select true as yes, false as no, (-128)::tinyint as tiny, 32767::smallint as small, (-2147483648)::integer as whole,
            9223372036854775807 as big, 1.5::float as single, 1e22::double as large, 1e-7::double as little,
            -0.0::double as zero, 0.1::double as tenth, 12.30::decimal(10, 2) as price,
            '12345678901234567890123456789012345678'::decimal(38, 0) as digits, 'text' as word, '' as nothing,
            date '2001-02-03' as day, timestamp '2001-02-03 04:05:06.789' as moment, time '01:02:03.5' as clock,
            null as none, [1, 2] as list, '{\"a\": [1, null]}'::json as document
        union all by name select null::boolean as yes, 'only' as word";
    // Not in Parquet: ministack says of every decimal that nothing is behind its point.
    let expected = world.expect_in(&["json", "jsonl", "csv"], query);
    let types = [
        "boolean",
        "boolean",
        "tinyint",
        "smallint",
        "integer",
        "bigint",
        "float",
        "double",
        "double",
        "double",
        "double",
        "decimal",
        "decimal",
        "varchar",
        "varchar",
        "date",
        "timestamp",
        "time",
    ];
    assert_eq!(expected.types[..types.len()], types, "the case has a column of each");

    // The same, written out.
    let row = &world.query(query).finish().rows()[0];
    let cells: Vec<_> = row.iter().skip(2).map(|(_, value)| value.to_string()).collect();
    let written = [
        "true",
        "false",
        "-128",
        "32767",
        "-2147483648",
        "9223372036854775807",
        "1.5",
        "1e+22",
        "1e-7",
        "-0.0",
        "0.1",
        "\"12.30\"",
        "\"12345678901234567890123456789012345678\"",
        "\"text\"",
        "\"\"",
        "\"2001-02-03\"",
        "\"2001-02-03 04:05:06.789000\"",
        "\"01:02:03.500000\"",
        "null",
    ];
    assert_eq!(cells[..written.len()], written);
}

#[test]
fn results_of_every_length_are_whole() {
    let world = World::new("820000000003", &["one", "two"], None);
    for count in [0, 1, 999, 1000, 1001, 2500] {
        let query = format!(
            "select n, case n % 3 when 0 then null when 1 then '' else 'row \"' || n || '\"' end as text
             from range({count}) as numbers(n) order by n"
        );
        let expected = world.pyathena(&query, &world.members);
        assert_eq!(expected.rows.len(), 2 * count);
        // By `auto` a result of one page is fetched by pages, and so is a longer one whose object is not where Athena says.
        let started = [("api", "csv"), ("api", "json"), ("auto", "jsonl")].map(|(fetch, format)| {
            let run = world.query(&query).parameter("fetch", fetch).format(format);
            (fetch, format, run.start())
        });
        for (fetch, format, started) in started {
            let outcome = started.finish();
            outcome.expect_exit(0);
            if format == "csv" || count > 0 {
                expect_cells(&outcome, format, &expected);
            }
            let of = queries(&outcome, &world.members[1]);
            assert_eq!(of[0]["fetch"]["by"], "api", "{count} {fetch}");
            let why = of[0]["fetch"]["why"].as_str().unwrap();
            let reason = match fetch {
                "api" => "asked for",
                _ if count <= 1000 => "one page",
                _ => "S3 does not give",
            };
            assert!(why.contains(reason), "{count} {fetch}: {why}");
        }
    }
}

#[test]
fn accounts_that_fail_take_no_other_one_down() {
    let world = World::new("820000000004", &["one", "no table", "no queries", "two"], None);
    let (no_table, no_queries) = (world.member("no table"), world.member("no queries"));
    for account in world.members.iter().filter(|account| *account != no_table) {
        world.table(account, &[json!({ "n": 1, "text": account })]);
    }
    let query = "select n, text from sales.orders";
    let outcome = world.query(query).finish();
    outcome.expect_exit(3);
    let mut well = world.members.clone();
    well.retain(|account| account != no_table && account != no_queries);
    let expected = world.pyathena(query, &well);
    assert_eq!(expected.rows.len(), 2);
    rows::assert_equal(&expected.rows, &outcome.rows());

    let denied = &outcome.slices(no_queries)[0];
    assert_eq!(denied["outcome"], "denied");
    assert!(
        denied["cause"].to_string().contains("athena:StartQueryExecution"),
        "{denied}"
    );
    let failed = &outcome.slices(no_table)[0];
    assert_eq!(failed["outcome"], "failed");
    // The engine's own words.
    assert!(failed["cause"].to_string().contains("does not exist"), "{failed}");
    assert_eq!(queries(&outcome, no_table)[0]["state"], "FAILED");
    outcome.expect_said(&[no_table, no_queries, "does not exist"]);
}

#[test]
fn a_wrong_external_id_is_said_to_be_the_hop_that_failed() {
    let world = World::new("820000000005", &["one"], None);
    let outcome = world
        .query("select 1")
        .parameter("assume_external_id", "another")
        .finish();
    let hub = format!("arn:aws:iam::{}:role/hub", world.master);
    outcome
        .expect_exit(4)
        .expect_said(&["AccessDenied", &hub, "assume_external_id"]);
    assert!(!outcome.has_published());
}

#[test]
fn a_web_identity_and_a_chain_stand_in_front_of_queries() {
    let (audience, provider) = ("urn:aws:queries", OidcProvider::shared());
    let world = World::new("820000000006", &["one", "two"], Some(audience));
    for account in &world.members {
        world.table(
            account,
            &[json!({ "n": 1, "text": account }), json!({ "n": 2, "text": null })],
        );
    }
    let outcome = world
        .query("select n, text, null as nothing, '' as empty from sales.orders order by n")
        .by_oidc(provider, &format!("arn:aws:iam::{}:role/hub", world.master))
        .parameter("OidcTokenParameters", json!({ "resource": audience }))
        .parameter(
            "sub_account_assume_role_arn_chain",
            json!(["arn:aws:iam::{accountId}:role/query"]),
        )
        .parameter("role_session_name", "queries-by-web-identity")
        .finish();
    outcome.expect_exit(0);
    let mut expected = Vec::new();
    for account in &world.members {
        for (n, text) in [(1, json!(account)), (2, Value::Null)] {
            expected.push(
                json!({ "account_id": account, "region": REGION, "n": n, "text": text, "nothing": null, "empty": "" }),
            );
        }
    }
    assert_eq!(json!(outcome.rows()), json!(expected));

    // One token, one session of it; the sessions of the accounts come from that one.
    assert_eq!(provider.requests_with("resource", audience).len(), 1);
    let requests = outcome.requests(world.ministack.journal());
    let calls = |action: &str| requests.iter().filter(|request| request.action == action).count();
    assert_eq!(calls("AssumeRoleWithWebIdentity"), 1);
    assert_eq!(calls("AssumeRole"), 2);
    assert_eq!(calls("StartQueryExecution"), 2);
}
