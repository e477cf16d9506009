//! SQL that users type.

use aws_sim::{Bucket, Table};
use serde_json::json;

use super::*;

async fn ready() -> (Sim, Keys) {
    let (mut estate, keys) = estate();
    let csv = "instance_id,account_id,state,cores,launched\n\
               i-1,111122223333,running,4,2024-01-05 10:00:00\n\
               i-2,111122223333,stopped,,2024-02-05 10:00:00\n\
               i-3,222233334444,running,8,2024-03-05 10:00:00\n";
    let nested = Table::new("nested")
        .column("id", "int")
        .column("tags", "map<string,string>")
        .column("disks", "array<struct<name:string,size:bigint>>")
        .row(&[
            Some("1"),
            Some(r#"{"team":"a","env":"b"}"#),
            Some(r#"[{"name":"x","size":10},{"name":"y","size":20}]"#),
        ])
        .row(&[Some("2"), None, Some("[]")]);
    estate
        .athena()
        .table(orders())
        .table(orders().database("shop"))
        .table(nested)
        .table(
            Table::from_csv("inventory", csv)
                .unwrap()
                .split_by_account("account_id"),
        );
    estate.bucket(Bucket::new("lake").region(REGION));
    (started(estate).await, keys)
}

/// The rows of a query without the header, cells parted by `|`; NULL is `-`. A failure is one row.
fn table(sim: &Sim, keys: &Keys, text: &str) -> Vec<String> {
    let input = json!({
        "QueryString": text,
        "ClientRequestToken": token(text),
        "ResultConfiguration": {"OutputLocation": OUTPUT},
    });
    let reply = ask(sim, keys, "StartQueryExecution", &input);
    if reply.status != 200 {
        return vec![reply.error().2];
    }
    let id = reply.json()["QueryExecutionId"].as_str().unwrap().to_owned();
    let done = execution(sim, keys, &id);
    if let Some(reason) = done["Status"]["StateChangeReason"].as_str() {
        return vec![reason.to_owned()];
    }
    let (rows, _) = rows(sim, keys, &id, None);
    let cell = |cell: &Option<String>| cell.clone().unwrap_or("-".to_owned());
    let line = |row: &Vec<Option<String>>| row.iter().map(cell).collect::<Vec<_>>().join("|");
    rows[1..].iter().map(line).collect()
}

/// One row with one cell.
fn one(sim: &Sim, keys: &Keys, expression: &str) -> String {
    table(sim, keys, &format!("select {expression}")).join("\n")
}

fn types(sim: &Sim, keys: &Keys, text: &str) -> Vec<String> {
    let id = start(sim, keys, text);
    let page = ask(sim, keys, "GetQueryResults", &json!({"QueryExecutionId": id}));
    assert_eq!(
        page.status,
        200,
        "{text}: {} {}",
        page.body,
        execution(sim, keys, &id)["Status"]
    );
    let page = page.json();
    let info = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"].as_array().unwrap();
    info.iter()
        .map(|info| format!("{} {}", info["Name"].as_str().unwrap(), info["Type"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn what_a_select_can_be() {
    let (sim, keys) = ready().await;
    let cases: [(&str, &[&str]); 22] = [
        ("select 1", &["1"]),
        (
            "select lower(name) || 'x' as n, count(*), sum(count(*)) over () from orders group by lower(name) order by 1",
            &["annx|1|3", "x|1|3", "-|1|3"],
        ),
        (
            "select id, (select max(s.id) + orders.id from shop.orders s) from orders order by 1 limit 1",
            &["1|4"],
        ),
        ("select id, name from orders order by name, id", &["3|", "1|ann", "2|-"]),
        (
            "select * from \"awsdatacatalog\".\"shop\".\"orders\" o where o.id = 2",
            &["2|-|0.05|2024-02-29"],
        ),
        (
            "select a.id, b.price from orders a left join shop.orders b on a.id = b.id and b.price > 1 order by 1",
            &["1|10.50", "2|-", "3|-"],
        ),
        (
            "select id, s.name from orders join shop.orders s using (id) order by id desc limit 1",
            &["3|"],
        ),
        (
            "select count(*), count(name), sum(price), avg(id), max(day) from orders",
            &["3|2|10.55|2.0|2024-02-29"],
        ),
        (
            "with x as (select id * 2 as n from orders) select n from x where n > 2 order by n",
            &["4", "6"],
        ),
        (
            "with recursive t(n) as (select 1 union all select n + 1 from t where n < 3) select n from t order by n",
            &["1", "2", "3"],
        ),
        ("values (1, 'a'), (2, null)", &["1|a", "2|-"]),
        (
            "table orders",
            &["1|ann|10.50|2024-01-01", "2|-|0.05|2024-02-29", "3||-|-"],
        ),
        (
            "select state, count(*) as n from inventory group by state having count(*) > 0 order by n desc, state",
            &["running|1", "stopped|1"],
        ),
        (
            "select id, row_number() over (order by price desc) as r, sum(id) over (partition by 1) from orders order by r",
            &["1|1|6", "2|2|6", "3|3|6"],
        ),
        (
            "select t.n from (values 1, 2, 3) as t(n) where n in (select id from orders where id <> 2) order by n",
            &["1", "3"],
        ),
        (
            "select id from orders where exists (select 1 from shop.orders s where s.id = orders.id and s.name is null)",
            &["2"],
        ),
        ("(select 1 as n) union all (select 2) order by n desc", &["2", "1"]),
        (
            "select distinct name is null from orders order by 1",
            &["false", "true"],
        ),
        (
            "select id, d.name, d.size from nested cross join unnest(disks) as d(name, size) order by size",
            &["1|x|10", "1|y|20"],
        ),
        (
            "select id from orders order by id offset 1 fetch first 1 rows only",
            &["2"],
        ),
        (
            "select case when id > 1 then 'big' else 'small' end k, count(*) from orders group by 1 order by 1",
            &["big|2", "small|1"],
        ),
        (
            "select tags['team'], disks[1].name, cardinality(disks) from nested where id = 1",
            &["a|x|2"],
        ),
    ];
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let found = table(&sim, &keys, text);
        if found != expected {
            wrong.push(format!("{text}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_account_sees_its_own_rows() {
    let (sim, keys) = ready().await;
    let text = "select instance_id, cores from inventory order by 1";
    assert_eq!(table(&sim, &keys, text), ["i-1|4", "i-2|-"]);
    let analyst = client::assume(&sim, &keys, &format!("arn:aws:iam::{MEMBER}:role/analyst"));
    assert_eq!(table(&sim, &analyst, text), ["i-3|8"]);
    // What one account writes is its own.
    table_of_write(&sim, &keys, "delete from inventory");
    assert_eq!(table(&sim, &analyst, "select count(*) from inventory"), ["1"]);
}

fn table_of_write(sim: &Sim, keys: &Keys, text: &str) {
    let id = start(sim, keys, text);
    let done = execution(sim, keys, &id);
    assert_eq!(state(&done), "SUCCEEDED", "{text}: {}", done["Status"]);
}

#[tokio::test]
async fn values_as_athena_writes_them() {
    let (sim, keys) = ready().await;
    let cases = [
        ("1.5", "1.5"),
        ("1e22", "1.0E22"),
        ("7 / 2", "3"),
        ("7 / 2.0", "3.5"),
        ("cast('1.005' as decimal(10,2))", "1.01"),
        ("cast(12345678901234567890.12 as varchar)", "1.2345678901234567E19"),
        ("decimal '12345678901234567890.12'", "12345678901234567890.12"),
        ("true", "true"),
        ("1 = 1", "true"),
        ("null", "-"),
        ("date '2024-01-31' + interval '1' month", "2024-02-29"),
        ("date_diff('day', date '2024-01-01', date '2024-03-01')", "60"),
        ("timestamp '2024-01-01 00:00:00'", "2024-01-01 00:00:00"),
        ("cast('2024-01-01' as timestamp)", "2024-01-01 00:00:00.000"),
        ("timestamp '2024-01-01 00:00:00.123456'", "2024-01-01 00:00:00.123456"),
        ("timestamp '2024-01-01 00:00:00.000 UTC'", "2024-01-01 00:00:00.000 UTC"),
        ("current_date", "2027-01-15"),
        ("now()", "2027-01-15 08:00:00.000 UTC"),
        ("date_trunc('month', date '2024-02-29')", "2024-02-01"),
        ("year(date '2024-02-29')", "2024"),
        ("x'0001ff'", "00 01 ff"),
        ("array[1, null, 3]", "[1, null, 3]"),
        ("map(array['b', 'a'], array[1, 2])", "{a=2, b=1}"),
        ("row(1, 'x')", "{1, x}"),
        ("cast(row(1, 'x') as row(a integer, b varchar))", "{a=1, b=x}"),
        ("cast(map(array['k'], array[true]) as json)", "{\"k\":true}"),
        ("json_extract_scalar('{\"a\": {\"b\": 7}}', '$.a.b')", "7"),
        ("regexp_like('abc', '^a.c$')", "true"),
        ("split_part('a,b,c', ',', 2)", "b"),
        ("lower('ÄB') || upper('ß')", "äbSS"),
        ("cast(nan() as varchar)", "NaN"),
        ("infinity()", "Infinity"),
        ("try(1 / 0)", "-"),
        ("try_cast('x' as integer)", "-"),
        ("cast('42' as bigint) + 1", "43"),
        ("cast(2.5 as integer)", "3"),
        ("if(1 > 2, 'a', 'b')", "b"),
        ("coalesce(null, 5)", "5"),
        ("interval '36' hour", "1 12:00:00.000"),
        ("cast(1 as boolean)", "true"),
        ("cast(0.1 as real)", "0.1"),
        ("array_join(array_agg(n), ',') from (values 1, 2) t(n)", "1,2"),
        ("approx_distinct(n) from (values 1, 1, 2) t(n)", "2"),
        ("max_by(s, n) from (values (1, 'a'), (2, 'b')) t(n, s)", "b"),
        ("count_if(n > 1) from (values 1, 2, 3) t(n)", "2"),
    ];
    let mut wrong = Vec::new();
    for (expression, expected) in cases {
        let found = one(&sim, &keys, expression);
        if found != expected {
            wrong.push(format!("{expression}: {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn names_and_types_of_columns() {
    let (sim, keys) = ready().await;
    let found = types(
        &sim,
        &keys,
        "select id, price, day, count(*) over (), 'x', name as \"Na me\", id > 1 as b from orders",
    );
    assert_eq!(
        found,
        [
            "id bigint",
            "price decimal",
            "day date",
            "_col3 bigint",
            "_col4 varchar",
            "Na me varchar",
            "b boolean"
        ]
    );
    let found = types(
        &sim,
        &keys,
        "select cast(1 as tinyint), cast(1 as real), cast(null as timestamp), tags, disks, null as n from nested",
    );
    assert_eq!(
        found,
        [
            "_col0 tinyint",
            "_col1 float",
            "_col2 timestamp",
            "tags map",
            "disks array",
            "n unknown"
        ]
    );
    let found = types(
        &sim,
        &keys,
        "select * from (select max(price) as p, 1.5e0 * id as q from orders group by id) t",
    );
    assert_eq!(found, ["p decimal", "q double"]);
}

#[tokio::test]
async fn errors_in_athenas_words() {
    let (sim, keys) = ready().await;
    let cases = [
        (
            "select name, count(*) from orders",
            "EXPRESSION_NOT_AGGREGATE: line 1:8: 'name' must be an aggregate expression or appear in GROUP BY clause",
        ),
        (
            "select id + 1, name, max(day) from orders group by name, id + 2",
            "EXPRESSION_NOT_AGGREGATE: line 1:8: 'id + 1' must be an aggregate expression or appear in GROUP BY clause",
        ),
        (
            "select name from orders group by 1 having id > 1",
            "EXPRESSION_NOT_AGGREGATE: line 1:43: 'id > 1' must be an aggregate expression or appear in GROUP BY clause",
        ),
        (
            "select name as n from orders where n = 'x'",
            "COLUMN_NOT_FOUND: line 1:36: Column 'n' cannot be resolved or requester is not authorized to access requested resources",
        ),
        (
            "select nope from orders",
            "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved or requester is not authorized to access requested resources",
        ),
        (
            "select 1 from a.b",
            "SCHEMA_NOT_FOUND: line 1:15: Schema 'a' does not exist",
        ),
        (
            "select 1 from c.shop.orders",
            "CATALOG_NOT_FOUND: line 1:15: Catalog 'c' does not exist",
        ),
        (
            "select id\nfrom orders a, orders b",
            "AMBIGUOUS_NAME: line 1:8: Column 'id' is ambiguous",
        ),
        (
            "select foo(id) from orders",
            "FUNCTION_NOT_FOUND: line 1:8: Function 'foo' not registered",
        ),
        ("select 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
        (
            "select cast('abc' as integer)",
            "INVALID_CAST_ARGUMENT: Cannot cast 'abc' to INT",
        ),
        (
            "select * from orders where name = 1",
            "TYPE_MISMATCH: line 1:28: Cannot apply operator: varchar = integer",
        ),
        (
            "select * from orders where day > '2024-01-01'",
            "TYPE_MISMATCH: line 1:28: Cannot apply operator: date > varchar(10)",
        ),
        (
            "select id from orders where id",
            "TYPE_MISMATCH: WHERE clause must evaluate to a boolean: actual type bigint",
        ),
        (
            "insert into orders values (1)",
            "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types: Table: [bigint, varchar, decimal(10,2), date], Query: [integer]",
        ),
        (
            "create table orders as select 1 as n",
            "TABLE_ALREADY_EXISTS: line 1:1: Destination table 'awsdatacatalog.default.orders' already exists",
        ),
        (
            "select date '2024-02-30'",
            "INVALID_LITERAL: line 1:13: '2024-02-30' is not a valid date literal",
        ),
        (
            "drop table nothing",
            "FAILED: SemanticException [Error 10001]: Table not found default.nothing",
        ),
    ];
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let found = table(&sim, &keys, text).join("\n");
        if found != expected {
            wrong.push(format!("{text}: {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn parameters_are_expressions_or_texts() {
    let (sim, keys) = ready().await;
    let run = |text: &str, parameters: &[&str]| {
        let input = json!({
            "QueryString": text,
            "ClientRequestToken": token(&format!("{text}{parameters:?}")),
            "ResultConfiguration": {"OutputLocation": OUTPUT},
            "ExecutionParameters": parameters,
        });
        let id = start_with(&sim, &keys, &input);
        let done = execution(&sim, &keys, &id);
        assert_eq!(done["ExecutionParameters"], json!(parameters));
        match done["Status"]["StateChangeReason"].as_str() {
            Some(reason) => reason.to_owned(),
            None => object(&sim, done["ResultConfiguration"]["OutputLocation"].as_str().unwrap()),
        }
    };
    assert_eq!(
        run("select name from orders where id = ? -- ?", &["1"]),
        "\"name\"\n\"ann\"\n"
    );
    assert_eq!(
        run("select ? as a, ? as b", &["'it''s'", "1 + 1"]),
        "\"a\",\"b\"\n\"it's\",\"2\"\n"
    );
    assert_eq!(
        run("select ? as a, ? as b", &["it's", "x + 1"]),
        "\"a\",\"b\"\n\"it's\",\"x + 1\"\n"
    );
    assert_eq!(run("select '?' as a", &["1"]), "\"a\"\n\"?\"\n");
    assert_eq!(run("select ? as a from (select ? as b)", &["1", "2"]), "\"a\"\n\"1\"\n");
    assert!(run("select ?, ?", &["1"]).ends_with("Incorrect number of parameters: expected 2 but found 1"));
}

#[tokio::test]
async fn ddl_as_far_as_it_goes() {
    let (sim, keys) = ready().await;
    table_of_write(&sim, &keys, "create database lab");
    table_of_write(
        &sim,
        &keys,
        "create external table lab.t (`id` int comment 'it', tags map<string,array<int>>) partitioned by (p date) row format serde 'x' location 's3://lake/t/' tblproperties ('a'='b')",
    );
    table_of_write(
        &sim,
        &keys,
        "insert into lab.t values (1, map(array['k'], array[array[1]]), date '2024-01-01')",
    );
    assert_eq!(table(&sim, &keys, "select * from lab.t"), ["1|{k=[1]}|2024-01-01"]);
    table_of_write(&sim, &keys, "create or replace view lab.v as select id as n from lab.t");
    assert_eq!(table(&sim, &keys, "select n + 1 from lab.v"), ["2"]);
    let names = |text: &str| {
        let id = start(&sim, &keys, text);
        object(
            &sim,
            execution(&sim, &keys, &id)["ResultConfiguration"]["OutputLocation"]
                .as_str()
                .unwrap(),
        )
    };
    assert_eq!(names("show tables in lab"), "t\nv");
    assert_eq!(names("show tables in lab 't*'"), "t");
    assert_eq!(names("show databases"), "default\nlab\nshop");
    assert_eq!(
        names("show columns in lab.t"),
        "id                  \ntags                \np                   "
    );
    assert_eq!(
        names("show create table lab.t").lines().next().unwrap(),
        "CREATE EXTERNAL TABLE `lab.t`("
    );
    assert_eq!(names("describe lab.v"), "n\tinteger");
    assert!(failure(&sim, &keys, "drop database lab").ends_with("is not empty. One or more tables exist.)"));
    table_of_write(&sim, &keys, "drop database lab cascade");
    assert!(failure(&sim, &keys, "show tables from lab").starts_with("FAILED: SemanticException [Error 10072]"));
    let reason = failure(&sim, &keys, "msck repair table orders");
    assert!(reason.contains("aws-sim does not simulate"), "{reason}");
}
