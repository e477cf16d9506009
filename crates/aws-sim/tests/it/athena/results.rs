//! Results as objects and as pages.

use aws_sim::Canned;
use serde_json::json;

use super::*;

/// Every difficulty of the form at once.
fn difficult() -> Canned {
    Canned::new(&[("id", "bigint"), ("text", "varchar"), ("d", "decimal(38,2)")])
        .row(&[Some("1"), Some("a \"b\",\nc"), Some("12345678901234567890.12")])
        .row(&[None, Some(""), None])
        .row(&[Some("3"), None, Some("0.00")])
}

#[tokio::test]
async fn objects_and_pages_have_the_same_cells() {
    let (mut estate, keys) = estate();
    estate.athena().canned(" select difficult ; ", difficult());
    let sim = started(estate).await;
    let id = start(&sim, &keys, "select difficult");
    let done = execution(&sim, &keys, &id);
    let output = done["ResultConfiguration"]["OutputLocation"].as_str().unwrap();
    assert_eq!(
        object(&sim, output),
        "\"id\",\"text\",\"d\"\n\"1\",\"a \"\"b\"\",\nc\",\"12345678901234567890.12\"\n,\"\",\n\"3\",,\"0.00\"\n"
    );
    assert!(sim.object("results", &format!("out/{id}.csv.metadata")).is_some());
    let (all, pages) = rows(&sim, &keys, &id, None);
    assert_eq!(pages, 1);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(all[0], [text("id"), text("text"), text("d")]);
    assert_eq!(all[2], [None, text(""), None]);
    let page = ask(&sim, &keys, "GetQueryResults", &json!({"QueryExecutionId": id})).json();
    assert_eq!(page["UpdateCount"], 0);
    let info = &page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"];
    assert_eq!(
        info[2],
        json!({"CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": "d", "Label": "d", "Type": "decimal", "Precision": 38, "Scale": 2, "Nullable": "UNKNOWN", "CaseSensitive": false})
    );
    assert_eq!(
        (&info[1]["Type"], &info[1]["Precision"], &info[1]["CaseSensitive"]),
        (&json!("varchar"), &json!(2_147_483_647), &json!(true))
    );
}

#[tokio::test]
async fn the_header_counts_as_a_row_of_the_first_page() {
    let (mut estate, keys) = estate();
    for count in [0, 998, 999, 1000, 1001, 2500] {
        let numbers = Canned::generated(&[("n", "bigint")], count, |row, _, text| {
            text.push_str(&row.to_string());
            true
        });
        estate.athena().canned(&format!("select {count} numbers"), numbers);
    }
    let sim = started(estate).await;
    for (count, pages) in [(0, 1), (998, 1), (999, 1), (1000, 2), (1001, 2), (2500, 3)] {
        let id = start(&sim, &keys, &format!("select {count} numbers"));
        let (all, found) = rows(&sim, &keys, &id, None);
        assert_eq!((all.len(), found), (count + 1, pages), "{count}");
        assert_eq!(all[0][0].as_deref(), Some("n"));
        let expected: Vec<_> = (0..count).map(|n| vec![Some(n.to_string())]).collect();
        assert_eq!(all[1..], expected);
    }
    let id = start(&sim, &keys, "select 2500 numbers");
    assert_eq!(rows(&sim, &keys, &id, Some(7)).0.len(), 2501);
    let fail = |input: Value| ask(&sim, &keys, "GetQueryResults", &input).error().2;
    assert_eq!(
        fail(json!({"QueryExecutionId": id, "MaxResults": 1001})),
        "MaxResults is more than maximum allowed length 1000"
    );
    assert!(
        fail(json!({"QueryExecutionId": id, "MaxResults": 0}))
            .ends_with("Member must have value greater than or equal to 1")
    );
    assert_eq!(
        fail(json!({"QueryExecutionId": id, "NextToken": "x"})),
        "Malformed nextPageToken x"
    );
    assert_eq!(
        fail(json!({"QueryExecutionId": "none"})),
        "QueryExecution none was not found"
    );
}

#[tokio::test]
async fn pages_may_be_empty_and_go_on() {
    let (mut estate, keys) = estate();
    estate
        .athena()
        .canned("select difficult", difficult())
        .empty_page_every(Some(2));
    let sim = started(estate).await;
    let id = start(&sim, &keys, "select difficult");
    let first = ask(
        &sim,
        &keys,
        "GetQueryResults",
        &json!({"QueryExecutionId": id, "MaxResults": 1}),
    )
    .json();
    assert_eq!(first["ResultSet"]["Rows"], json!([]));
    assert!(first["NextToken"].is_string());
    let (all, pages) = rows(&sim, &keys, &id, Some(1));
    assert_eq!((all.len(), pages), (4, 6));
}

#[tokio::test]
async fn a_result_that_is_gone() {
    let (estate, keys) = estate();
    let sim = started(estate).await;
    let id = start(&sim, &keys, "select 1");
    assert_eq!(rows(&sim, &keys, &id, None).0.len(), 2);
    let delete = crate::s3::client::Ask::new("DELETE", "results", &format!("out/{id}.csv"));
    assert_eq!(delete.region(REGION).send(&sim, &keys).status, 204);
    let reply = ask(&sim, &keys, "GetQueryResults", &json!({"QueryExecutionId": id}));
    assert_eq!(reply.error().2, "Could not find results");
}

#[tokio::test]
async fn texts_of_utility_statements() {
    let (mut estate, keys) = estate();
    estate.athena().table(orders().partition("p", "int"));
    let sim = started(estate).await;
    let run = |text: &str| {
        let id = start(&sim, &keys, text);
        let done = execution(&sim, &keys, &id);
        assert_eq!(state(&done), "SUCCEEDED", "{}", done["Status"]);
        (id, done)
    };
    let (id, done) = run("DESCRIBE orders");
    assert_eq!(
        (&done["StatementType"], &done["SubstatementType"]),
        (&json!("UTILITY"), &json!("DESCRIBE_TABLE"))
    );
    let body = object(&sim, done["ResultConfiguration"]["OutputLocation"].as_str().unwrap());
    let lines: Vec<&str> = body.lines().collect();
    assert!(
        done["ResultConfiguration"]["OutputLocation"]
            .as_str()
            .unwrap()
            .ends_with(&format!("{id}.txt"))
    );
    assert_eq!(
        lines[1],
        "name                \tstring              \twho                 "
    );
    assert_eq!(
        lines[2],
        format!("price               \tdecimal(10,2)       \t{}", " ".repeat(20))
    );
    assert_eq!(lines[6], "# Partition Information\t \t ");
    let (all, _) = rows(&sim, &keys, &id, None);
    assert_eq!(
        all.iter()
            .map(|row| row[0].clone().unwrap())
            .collect::<Vec<_>>()
            .join("\n"),
        body
    );
    assert!(all.iter().all(|row| row.len() == 1));
    let page = ask(&sim, &keys, "GetQueryResults", &json!({"QueryExecutionId": id})).json();
    let info = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"].as_array().unwrap();
    assert_eq!(
        info.iter()
            .map(|info| info["Name"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["col_name", "data_type", "comment"]
    );
    assert!(page.get("UpdateCount").is_none());

    let (id, done) = run("SHOW TABLES");
    assert_eq!(
        object(&sim, done["ResultConfiguration"]["OutputLocation"].as_str().unwrap()),
        "orders"
    );
    assert_eq!(rows(&sim, &keys, &id, None).0, [[Some("orders".to_owned())]]);

    // EXPLAIN is DML: its rows begin with the name of the column.
    let (id, done) = run("EXPLAIN SELECT 1");
    assert_eq!(
        (&done["StatementType"], &done["SubstatementType"]),
        (&json!("DML"), &json!("EXPLAIN"))
    );
    assert!(
        object(&sim, done["ResultConfiguration"]["OutputLocation"].as_str().unwrap())
            .starts_with("Query Plan\nFragment 0")
    );
    assert_eq!(rows(&sim, &keys, &id, None).0[0], [Some("Query Plan".to_owned())]);
}

#[tokio::test]
async fn writes_leave_no_result() {
    let (mut estate, keys) = estate();
    estate.athena().table(orders());
    let sim = started(estate).await;
    let cases = [
        ("insert into orders (id) values (4), (5)", "DML", "INSERT", "", 2),
        ("update orders set name = 'x' where id > 3", "DML", "UPDATE", ".csv", 2),
        ("delete from orders where id = 5", "DML", "DELETE", ".csv", 1),
        (
            "create table copy as select id, name from orders",
            "DDL",
            "CREATE_TABLE_AS_SELECT",
            "tables/",
            4,
        ),
    ];
    for (text, of, sub, form, count) in cases {
        let id = start(&sim, &keys, text);
        let done = execution(&sim, &keys, &id);
        assert_eq!(state(&done), "SUCCEEDED", "{text}: {}", done["Status"]);
        assert_eq!(
            (&done["StatementType"], &done["SubstatementType"]),
            (&json!(of), &json!(sub))
        );
        let name = if form == "tables/" {
            format!("tables/{id}")
        } else {
            format!("{id}{form}")
        };
        assert_eq!(
            done["ResultConfiguration"]["OutputLocation"],
            format!("{OUTPUT}{name}"),
            "{text}"
        );
        assert!(sim.object("results", &format!("out/{name}")).is_none(), "{text}");
        assert!(
            sim.object("results", &format!("out/{name}.metadata")).is_some(),
            "{text}"
        );
        let page = ask(&sim, &keys, "GetQueryResults", &json!({"QueryExecutionId": id})).json();
        assert_eq!(
            (&page["UpdateCount"], &page["ResultSet"]["Rows"]),
            (&json!(count), &json!([])),
            "{text}"
        );
    }
    let id = start(&sim, &keys, "drop table copy");
    let done = execution(&sim, &keys, &id);
    assert_eq!((state(&done), &done["StatementType"]), ("SUCCEEDED", &json!("DDL")));
    assert_eq!(object(&sim, &format!("{OUTPUT}{id}.txt")), "");
    let page = ask(&sim, &keys, "GetQueryResults", &json!({"QueryExecutionId": id})).json();
    assert!(page.get("UpdateCount").is_none());
}
