//! What statements give: lines, plans, counts, tables; and where their text and their values come from.

use std::time::Duration;

use aws_sim::{Canned, Estate, QueryRule, QueryState, Region, Sim, Table, Workgroup};
use serde_json::{Value as Json, json};

use crate::fleet;
use crate::harness::*;
use crate::reading::{self, fetched, files};
use crate::world::*;

/// Orders, and their days as partitions.
fn orders() -> Table {
    Table::new("orders")
        .column("id", "bigint")
        .comment("the key")
        .column("note", "varchar")
        .partition("day", "date")
        .row(&[Some("1"), None, Some("2026-01-05")])
        .row(&[Some("2"), Some("it's"), Some("2026-01-06")])
        .row(&[Some("3"), Some(""), None])
}

fn estate_with_orders() -> Estate {
    let mut estate = estate();
    estate.athena().table(orders());
    estate
}

/// What every way of fetching a text result brings.
fn assert_lines(sim: &Sim, statement: &str, columns: &[&str], rows: &[Vec<Json>]) {
    for fetch in ["s3", "api", "auto"] {
        let (outcome, table) = fetched(run(sim, statement), fetch);
        assert_eq!(table.rows, rows, "{statement} by {fetch}");
        assert_eq!(table.columns, columns, "{statement} by {fetch}");
        let by = if fetch == "s3" { "s3" } else { "api" };
        assert_eq!(queries(&outcome)[0]["fetch"]["by"], by, "{statement} by {fetch}");
    }
}

/// The object has tabs and no header; the API gives one cell with tabs inside; the cells are padded.
#[test]
fn a_description_has_its_columns_without_the_padding() {
    let sim = start(estate_with_orders());
    let described = reading::rows(&[
        ["id", "bigint", "the key"],
        ["note", "string", ""],
        ["day", "date", ""],
        ["", "", ""],
        ["# Partition Information", "", ""],
        ["# col_name", "data_type", "comment"],
        ["", "", ""],
        ["day", "date", ""],
    ]);
    let columns = ["col_name", "data_type", "comment"];
    assert_lines(&sim, "describe orders", &columns, &described);
}

/// AWS has been seen to give a description in one cell and in several.
#[test]
fn a_description_in_cells_of_its_own_is_the_same() {
    let columns = ["col_name", "data_type", "comment"];
    let texts = columns.map(|name| (name, "varchar"));
    let described = Canned::new(&texts)
        .row(&[
            Some("id                  "),
            Some("bigint              "),
            Some("  a key "),
        ])
        .row(&[Some("day                 "), Some("date                "), None]);
    let mut estate = estate();
    estate.athena().canned("describe t", described);
    let rows = reading::rows(&[["id", "bigint", "  a key"], ["day", "date", ""]]);
    assert_lines(&start(estate), "describe t", &columns, &rows);
}

#[test]
fn lines_of_one_column_stay_as_they_are() {
    let one = |name| Canned::new(&[(name, "varchar")]);
    let mut estate = estate_with_orders();
    estate
        .athena()
        // The first row equals the header that the statement does not have.
        .table(Table::new("tab_name").column("n", "integer"))
        .canned(
            "show partitions orders",
            one("partition")
                .row(&[Some("partition")])
                .row(&[Some("day=2026-01-05")]),
        );
    let sim = start(estate);
    let created = reading::rows(&[
        ["CREATE EXTERNAL TABLE `default.orders`("],
        ["  `id` bigint COMMENT 'the key', "],
        ["  `note` string)"],
        ["PARTITIONED BY ( "],
        ["  `day` date)"],
    ]);
    for (statement, column, rows) in [
        ("show tables", "tab_name", reading::rows(&[["orders"], ["tab_name"]])),
        ("show databases", "database_name", reading::rows(&[["default"]])),
        // Padded by AWS, and nothing tells that from a name that ends in spaces.
        (
            "show columns in orders",
            "field",
            reading::rows(&[
                ["id                  "],
                ["note                "],
                ["day                 "],
            ]),
        ),
        ("show create table orders", "createtab_stmt", created),
        (
            "show partitions orders",
            "partition",
            reading::rows(&[["partition"], ["day=2026-01-05"]]),
        ),
    ] {
        assert_lines(&sim, statement, &[column], &rows);
    }
}

/// A plan's lines have a header before them, in the object and in the first row of the API.
#[test]
fn the_header_of_a_plan_is_no_row() {
    for empty_pages in [None, Some(1)] {
        let plan = Canned::new(&[("Query Plan", "varchar")]);
        let lines = [
            "Query Plan",
            "Fragment 0 [SINGLE]",
            "    Output layout: [id]",
            "",
            "Query Plan",
        ];
        let canned = lines.iter().fold(plan.clone(), |plan, line| plan.row(&[Some(line)]));
        let mut estate = estate_with_orders();
        estate
            .athena()
            .canned("explain select id from orders", canned)
            .canned("explain select nothing", plan)
            .workgroup(Workgroup::new("managed").managed_results())
            .empty_page_every(empty_pages);
        let sim = start(estate);
        let expected = lines.map(|line| [line]);
        assert_lines(
            &sim,
            "explain select id from orders",
            &["Query Plan"],
            &reading::rows(&expected),
        );
        assert_lines(&sim, "explain select nothing", &[], &[]);
        let managed = run(&sim, "explain select id from orders").params(json!({"workgroup": "managed"}));
        assert_eq!(fetched(managed, "auto").1.rows, reading::rows(&expected));
    }
}

/// The one utility statement whose result is a CSV object with a header.
#[test]
fn functions_are_listed_as_a_table() {
    let functions = Canned::new(&[("Function", "varchar"), ("Deterministic", "boolean")])
        .row(&[Some("Function"), None])
        .row(&[Some("a \"quoted\", name"), Some("true")]);
    let mut estate = estate();
    estate.athena().canned("show functions", functions);
    let sim = start(estate);
    let rows = [
        vec![json!("Function"), Json::Null],
        vec![json!("a \"quoted\", name"), json!(true)],
    ];
    for fetch in ["s3", "api", "auto"] {
        let (_, table) = fetched(run(&sim, "show functions"), fetch);
        assert_eq!(table.rows, rows, "{fetch}");
    }
}

/// There is no object: nothing is asked of S3.
#[test]
fn what_writes_gives_a_count_and_no_rows() {
    let mut estate = estate_with_orders();
    estate
        .athena()
        .canned(
            "merge into orders using new on id = n when matched then delete",
            Canned::update_count(7),
        )
        .canned("update orders set note = 'x'", Canned::update_count(3))
        .canned("delete from orders where id = 1", Canned::update_count(1));
    let sim = start(estate);
    for (at, (statement, sub, count)) in [
        (
            "insert into orders select id, note, day from orders where id < 3",
            "INSERT",
            json!(2),
        ),
        (
            "create table copy_{n} as select id from orders where id = 3",
            "CREATE_TABLE_AS_SELECT",
            json!(1),
        ),
        (
            "create table none_{n} as select id from orders where id > 99",
            "CREATE_TABLE_AS_SELECT",
            json!(0),
        ),
        (
            "merge into orders using new on id = n when matched then delete",
            "MERGE",
            json!(7),
        ),
        ("update orders set note = 'x'", "UPDATE", json!(3)),
        ("delete from orders where id = 1", "DELETE", json!(1)),
        (
            "create external table plain_{n} (a int) location 's3://results/plain/'",
            "CREATE_TABLE",
            Json::Null,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        for (way, fetch) in ["auto", "s3", "api"].into_iter().enumerate() {
            // What was inserted before must not count again, and no table is made twice.
            let sim = if sub == "INSERT" {
                &start(estate_with_orders())
            } else {
                &sim
            };
            let statement = statement.replace("{n}", &format!("{at}_{way}"));
            sim.forget_calls();
            let outcome = run(sim, &statement).params(json!({"fetch": fetch})).inside();
            outcome.expect(0);
            let slice = slice(&outcome);
            assert_eq!(
                (&slice["outcome"], &slice["rows"]),
                (&json!("empty"), &json!(0)),
                "{statement}"
            );
            let query = &queries(&outcome)[0];
            assert_eq!(query["substatement_type"], sub, "{statement}");
            assert_eq!(query["update_count"], count, "{statement} by {fetch}");
            assert_eq!(sim.count("s3:*"), 0, "{statement} by {fetch}");
        }
    }
}

#[test]
fn a_saved_query_runs_in_its_database() {
    const ID: &str = "0123abcd-0000-4000-8000-000000000001";
    const TWO: &str = "0123abcd-0000-4000-8000-000000000002";
    let mut estate = estate();
    estate
        .athena()
        .table(orders().database("inventory"))
        .named_query(
            MASTER,
            ID,
            "recent",
            "inventory",
            "select id, '{accountId}' as a from orders where id = 2;\n",
        )
        .named_query(MASTER, TWO, "two", "inventory", "select 1; select 2");
    let sim = start(estate);
    let saved = |id: &str| run(&sim, "-").without("query").params(json!({"named_query_id": id}));
    for fetch in reading::FETCHES {
        let (_, table) = fetched(saved(ID), fetch);
        assert_eq!(table.rows, [vec![json!(2), json!(MASTER)]], "{fetch}");
    }
    let started = sim.count("athena:StartQueryExecution");
    for (id, words) in [
        (TWO, "has 2 statements"),
        ("0123abcd-0000-4000-8000-00000000000f", "was not found"),
    ] {
        let outcome = saved(id).inside();
        outcome.expect(4);
        assert!(cause(&outcome).0.contains(words), "{:?}", cause(&outcome));
    }
    assert_eq!(sim.count("athena:StartQueryExecution"), started);
}

/// Values go to AWS apart from the text, whatever stands in them.
#[test]
fn values_are_never_pasted_into_the_text() {
    const TEXT: &str = "select id from orders where note = ? or id > cast(? as bigint) or '?' = ?";
    let values = ["'it''s'", "2", "'; drop table orders --'"];
    let mut estate = estate_with_orders();
    estate
        .athena()
        .prepared_statement("primary", "by_note", TEXT)
        .prepared_statement("other", "by_note", "select 99 as id");
    let sim = start(estate);
    let expected = [vec![json!(2)], vec![json!(3)]];
    let (_, table) = fetched(run(&sim, TEXT).params(json!({"execution_parameters": values})), "auto");
    assert_eq!(table.rows, expected);
    let prepared = run(&sim, "-").without("query");
    let prepared = prepared.params(json!({"prepared_statement": "by_note", "execution_parameters": values}));
    let (outcome, table) = fetched(prepared, "auto");
    assert_eq!(table.rows, expected);
    assert_eq!(queries(&outcome)[0]["substatement_type"], "SELECT");
    assert_eq!(
        sent(&sim, "athena:StartQueryExecution", "QueryString"),
        [TEXT, "EXECUTE by_note"]
    );
    let told = sent(&sim, "athena:StartQueryExecution", "ExecutionParameters");
    assert_eq!(told, vec![json!(values).to_string(); 2]);

    for values in [json!([]), json!(["1"]), json!(["1", "2", "3", "4"])] {
        let outcome = run(&sim, TEXT).params(json!({"execution_parameters": values})).inside();
        outcome.expect(4);
        let (message, hint) = cause(&outcome);
        assert!(message.contains("INVALID_PARAMETER_USAGE"), "{message}");
        assert!(
            hint.contains("as many execution_parameters as the statement has ?"),
            "{hint}"
        );
    }
    run(&sim, "select ?; select ?")
        .params(json!({"execution_parameters": ["1"]}))
        .expect(2)
        .says(&["execution_parameters belong to one statement"]);
}

/// Changes wait for what stands before them, reads that follow one another do not.
#[test]
fn statements_run_in_their_order() {
    const STATEMENTS: [&str; 6] = [
        "create table log as select id from orders",
        "insert into log select 10 as id",
        "select count(*) as n from log",
        "show tables",
        "insert into log select 11 as id",
        "select id from log where id > 3 order by id",
    ];
    let mut estate = estate_with_orders();
    estate.athena().rule(QueryRule::any().run(Duration::from_secs(3)));
    let sim = start_still(estate);
    let outcome = run(&sim, &STATEMENTS.join(";\n"))
        .output("rows-{statement}.json")
        .params(json!({"leading_columns": "none"}))
        .by_events()
        .inside();
    outcome.expect(0);
    let files = files(&outcome);
    let found: Vec<_> = files
        .iter()
        .map(|(name, table)| (name.as_str(), table.rows.clone()))
        .collect();
    assert_eq!(
        found,
        [
            ("rows-3.json", vec![vec![json!(4)]]),
            ("rows-4.json", reading::rows(&[["log"], ["orders"]])),
            ("rows-6.json", vec![vec![json!(10)], vec![json!(11)]]),
        ]
    );
    let queries = sim.queries();
    assert_eq!(queries.len(), STATEMENTS.len());
    // Those side by side reach AWS in any order.
    let started = |at: usize| {
        queries
            .iter()
            .find(|query| query.text == STATEMENTS[at])
            .unwrap()
            .started
    };
    let after = |first: usize, second: usize| {
        started(second).duration_since(started(first)).unwrap_or_default() >= Duration::from_secs(3)
    };
    let waits: Vec<bool> = (0..5).map(|at| after(at, at + 1)).collect();
    assert_eq!(waits, [true, true, false, true, true]);
    assert_eq!(slice(&outcome)["rows"], 1 + 2 + 2);
}

/// Where a statement fails, those behind it are not started.
#[test]
fn nothing_runs_behind_a_statement_that_fails() {
    let sim = start(estate_with_orders());
    let outcome = run(&sim, "insert into orders select 4; create table later as select 1 as a").inside();
    outcome.expect(4);
    assert!(
        cause(&outcome).0.contains("mismatched column types"),
        "{:?}",
        cause(&outcome)
    );
    let states: Vec<_> = sim.queries().into_iter().map(|query| query.state).collect();
    assert_eq!(states, [QueryState::Failed]);
}

#[test]
fn account_and_region_are_put_in_wherever_they_may_stand() {
    const REGIONS: [&str; 2] = [FRANKFURT, VIRGINIA];
    let mut estate = fleet::estate(2);
    estate.regions(REGIONS.map(Region::new));
    let mut expected = Vec::new();
    for number in 1..=2 {
        for region in REGIONS {
            let account = fleet::member(number);
            let group = format!("group-{account}-{region}");
            estate
                .athena()
                .workgroup(Workgroup::new(&group).in_account(&account).in_region(region));
            expected.push([
                format!("select '{account}' as a, '{region}' as r"),
                group,
                json!({"Catalog": format!("c_{account}"), "Database": format!("d_{account}_{region}")}).to_string(),
                json!({"OutputLocation": format!("s3://results/{region}/{account}/"), "ExpectedBucketOwner": Estate::MANAGEMENT})
                    .to_string(),
            ]);
        }
    }
    let sim = start(estate);
    let outcome = fleet::run(&sim, 2)
        .params(json!({
            "regions": REGIONS,
            "query": "select '{accountId}' as a, '{region}' as r",
            "workgroup": "group-{accountId}-{region}",
            "catalog": "c_{accountId}",
            "database": "d_{accountId}_{region}",
            "output_location": "s3://results/{region}/{accountId}/",
            "expected_bucket_owner": Estate::MANAGEMENT,
            "leading_columns": "none",
        }))
        .output("{region}-{accountId}.jsonl")
        .inside();
    outcome.expect(0);
    let names = [
        "QueryString",
        "WorkGroup",
        "QueryExecutionContext",
        "ResultConfiguration",
    ];
    let mut found: Vec<[String; 4]> = sim
        .calls_of("athena:StartQueryExecution")
        .iter()
        .map(|call| names.map(|name| call.parameter(name).unwrap().to_owned()))
        .collect();
    found.sort();
    let parsed = |rows: &[[String; 4]]| -> Vec<Json> {
        let json = |text: &String| serde_json::from_str(text).unwrap_or(json!(text));
        rows.iter().map(|row| row.iter().map(json).collect()).collect()
    };
    assert_eq!(parsed(&found), parsed(&expected));
    let files = files(&outcome);
    for number in 1..=2 {
        for region in REGIONS {
            let account = fleet::member(number);
            let table = &files[&format!("{region}-{account}.jsonl")];
            assert_eq!(table.rows, [vec![json!(account), json!(region)]]);
        }
    }
    assert_eq!(files.len(), 4);
}

/// In bytes of UTF-8, once account and region have been put in.
#[test]
fn a_query_may_have_262144_bytes() {
    let sim = start(estate());
    let of = |letter: &str, bytes: usize| {
        let room = bytes - "select '' as t".len();
        format!(
            "select '{}{}' as t",
            letter.repeat(room / letter.len()),
            "x".repeat(room % letter.len())
        )
    };
    for (query, taken) in [
        (of("x", 262_144), true),
        (of("é", 262_144), true),
        (of("x", 262_145), false),
        (of("é", 262_145), false),
        (of("x", 262_144).replacen(&"x".repeat(11), "{accountId}", 1), false),
        (of("x", 262_143).replacen(&"x".repeat(11), "{accountId}", 1), true),
        // Each statement by itself.
        (format!("{}; {}", of("x", 262_144), of("x", 262_144)), true),
    ] {
        let started = sim.count("athena:StartQueryExecution");
        let several = query.contains(';');
        let query_file = run(&sim, "-").without("query").file("q.sql", &query);
        let path = query_file.path("q.sql");
        let outcome = query_file
            .params(json!({"query_file": path}))
            .output("rows-{statement}.json")
            .run();
        let count = sim.count("athena:StartQueryExecution") - started;
        if taken {
            outcome.expect(0);
            assert_eq!(count, if several { 2 } else { 1 });
        } else {
            outcome
                .expect(2)
                .says(&["statement 1 has 262145 bytes; Athena takes at most 262144"]);
            assert_eq!(count, 0);
        }
    }
}
