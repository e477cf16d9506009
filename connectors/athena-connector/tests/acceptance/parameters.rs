//! The connector's own parameters: where each goes, whichever way it is given; and what is said of one that is wrong.

use aws_sim::{Estate, Sim};
use serde_json::{Value as Json, json};

use crate::fleet::{FRANKFURT, QUERY};
use crate::harness::{Outcome, Run, start, start_still};
use crate::world::{MASTER, estate as world};

const NAMED: &str = "8a0e9d8c-1111-4222-8333-444455556666";

fn estate() -> Estate {
    let mut estate = world();
    let files = aws_sim::Canned::new(&[("name", "varchar"), ("size", "bigint")]).row(&[Some("a"), Some("1")]);
    estate
        .athena()
        .workgroup(aws_sim::Workgroup::new("team").output("s3://results/team/"))
        .named_query(MASTER, NAMED, "sizes", "warehouse", QUERY)
        .prepared_statement("primary", "sizes", QUERY)
        .canned(QUERY, files.clone())
        .canned("EXECUTE sizes", files.clone())
        .canned(&format!("-- sizes; of files\n{QUERY}"), files.clone())
        .canned("select ?, ?", files);
    estate
}

fn bare(sim: &Sim) -> Run<'_> {
    Run::keys(sim).params(json!({"regions": [FRANKFURT]}))
}

/// The value at `pointer` in the only call of `operation`.
fn sent(sim: &Sim, operation: &str, pointer: &str) -> Json {
    let calls = sim.calls_of(operation);
    assert_eq!(calls.len(), 1, "{operation}");
    let mut names = pointer.split('/');
    let parameter = calls[0].parameter(names.next().unwrap());
    let Some(text) = parameter else {
        return Json::Null;
    };
    // A text stands there as it is, all else as JSON.
    let value: Json = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    names.fold(value, |value, name| value[name].clone())
}

/// A parameter, its value, what it needs beside it, and what AWS is sent: operation, place, value.
type Case = (&'static str, Json, Json, &'static str, &'static str, Json);

fn cases() -> Vec<Case> {
    let start = "athena:StartQueryExecution";
    let query = || json!({ "query": QUERY });
    vec![
        ("query", json!(QUERY), json!({}), start, "QueryString", json!(QUERY)),
        (
            "named_query_id",
            json!(NAMED),
            json!({}),
            "athena:GetNamedQuery",
            "NamedQueryId",
            json!(NAMED),
        ),
        (
            "named_query_id",
            json!(NAMED),
            json!({}),
            start,
            "QueryString",
            json!(QUERY),
        ),
        (
            "named_query_id",
            json!(NAMED),
            json!({}),
            start,
            "QueryExecutionContext/Database",
            json!("warehouse"),
        ),
        (
            "prepared_statement",
            json!("sizes"),
            json!({}),
            start,
            "QueryString",
            json!("EXECUTE sizes"),
        ),
        (
            "execution_parameters",
            json!(["42", "'it''s, here; [x]'"]),
            json!({"query": "select ?, ?"}),
            start,
            "ExecutionParameters",
            json!(["42", "'it''s, here; [x]'"]),
        ),
        (
            "catalog",
            json!("awsdatacatalog"),
            query(),
            start,
            "QueryExecutionContext/Catalog",
            json!("awsdatacatalog"),
        ),
        (
            "database",
            json!("d_{accountId}_{region}"),
            query(),
            start,
            "QueryExecutionContext/Database",
            json!(format!("d_{MASTER}_{FRANKFURT}")),
        ),
        ("workgroup", json!("team"), query(), start, "WorkGroup", json!("team")),
        (
            "workgroup",
            json!("team"),
            query(),
            "athena:GetWorkGroup",
            "WorkGroup",
            json!("team"),
        ),
        (
            "output_location",
            json!("s3://results/{region}/{accountId}/x/"),
            query(),
            start,
            "ResultConfiguration/OutputLocation",
            json!(format!("s3://results/{FRANKFURT}/{MASTER}/x/")),
        ),
        (
            "encryption",
            json!("SSE_S3"),
            query(),
            start,
            "ResultConfiguration/EncryptionConfiguration",
            json!({"EncryptionOption": "SSE_S3"}),
        ),
        (
            "kms_key",
            json!("alias/results"),
            json!({"query": QUERY, "encryption": "SSE_KMS"}),
            start,
            "ResultConfiguration/EncryptionConfiguration",
            json!({"EncryptionOption": "SSE_KMS", "KmsKey": "alias/results"}),
        ),
        (
            "expected_bucket_owner",
            json!("{accountId}"),
            query(),
            start,
            "ResultConfiguration/ExpectedBucketOwner",
            json!(MASTER),
        ),
        (
            "acl",
            json!("BUCKET_OWNER_FULL_CONTROL"),
            query(),
            start,
            "ResultConfiguration/AclConfiguration",
            json!({"S3AclOption": "BUCKET_OWNER_FULL_CONTROL"}),
        ),
        (
            "result_reuse_max_age_minutes",
            json!(90),
            query(),
            start,
            "ResultReuseConfiguration/ResultReuseByAgeConfiguration",
            json!({"Enabled": true, "MaxAgeInMinutes": 90}),
        ),
    ]
}

/// What a parameter's variable and flag are called: the names are the contract, so they are spelled here again.
fn names(parameter: &str) -> (String, String) {
    let flag = format!("--{}", parameter.replace('_', "-"));
    (format!("CONNECTOR_{}", parameter.to_uppercase()), flag)
}

/// As text: in one variable, or by a flag for each.
fn texts(value: &Json) -> (String, Vec<String>) {
    match value {
        Json::String(text) => (text.clone(), vec![text.clone()]),
        Json::Array(items) => {
            let items = items.iter().map(|item| item.as_str().unwrap().to_owned());
            (value.to_string(), items.collect())
        }
        other => (other.to_string(), vec![other.to_string()]),
    }
}

#[test]
fn each_parameter_goes_where_it_belongs_by_file_variable_and_flag() {
    let sim = start_still(estate());
    for (name, value, beside, operation, pointer, expected) in cases() {
        let (variable, flag) = names(name);
        let (text, each) = texts(&value);
        for way in ["file", "variable", "flag"] {
            let mut run = bare(&sim).params(beside.clone());
            run = match way {
                "file" => run.params(json!({ name: value })),
                "variable" => run.variable(&variable, &text),
                _ => each.iter().fold(run, |run, text| run.flag(&format!("{flag}={text}"))),
            };
            sim.forget_calls();
            let outcome = run.inside();
            outcome.expect(0);
            assert_eq!(sent(&sim, operation, pointer), expected, "{name} by {way}");
            // As it was given, so that the run can be repeated from its ledger.
            assert_eq!(outcome.ledger()["parameters"][name], value, "{name} by {way}");
        }
    }
}

/// Nothing is sent for what nobody has asked for.
#[test]
fn without_parameters_the_workgroup_decides() {
    let sim = start_still(estate());
    bare(&sim).params(json!({"query": QUERY})).inside().expect(0);
    let start = &sim.calls_of("athena:StartQueryExecution")[0];
    let names: Vec<&str> = start.parameters.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "ClientRequestToken",
            "QueryExecutionContext",
            "QueryString",
            "WorkGroup"
        ]
    );
    assert_eq!(start.parameter("WorkGroup"), Some("primary"));
    let context: Json = serde_json::from_str(start.parameter("QueryExecutionContext").unwrap()).unwrap();
    assert_eq!(context, json!({"Catalog": "AwsDataCatalog"}));
}

/// Those that are not sent, but change what is done.
#[test]
fn the_other_parameters_change_what_is_done() {
    let sim = start_still(estate());
    let run = |more: Json| -> Outcome {
        sim.forget_calls();
        let outcome = bare(&sim).params(json!({"query": QUERY})).params(more).inside();
        outcome.expect(0);
        outcome
    };
    run(json!({"fetch": "api"}));
    assert_eq!((sim.count("athena:GetQueryResults"), sim.count("s3:*")), (1, 0));
    run(json!({"fetch": "s3"}));
    assert_eq!(sim.count("s3:GetObject"), 1);
    run(json!({"fetch": "unload"}));
    let text = sent(&sim, "athena:StartQueryExecution", "QueryString");
    assert!(text.as_str().unwrap().starts_with("UNLOAD ("), "{text}");
    run(json!({"keep_results": false}));
    assert_eq!(sim.count("s3:DeleteObject"), 2, "the result and its metadata");
    run(json!({"keep_results": true}));
    assert_eq!(sim.count("s3:DeleteObject"), 0);
}

#[test]
fn a_terabyte_costs_what_is_said() {
    let mut estate = estate();
    estate.athena().rule(aws_sim::QueryRule::any().scanned(3 << 40));
    let sim = start_still(estate);
    for (price, cost) in [
        (None, 15.0),
        (Some(json!(6.5)), 19.5),
        (Some(json!("7")), 21.0),
        (Some(json!(0)), 0.0),
    ] {
        let mut run = bare(&sim).params(json!({"query": QUERY}));
        if let Some(price) = price {
            run = run.params(json!({ "price_per_tb": price }));
        }
        let outcome = run.inside();
        outcome.expect(0);
        assert_eq!(outcome.ledger()["totals"]["cost"], json!(cost));
    }
}

#[test]
fn the_query_comes_from_a_file_or_standard_input() {
    let sim = start(estate());
    // As editors write it: with a mark in front, comments, and a line's end behind.
    let text = format!("\u{feff}-- sizes; of files\n{QUERY}\n;\n");
    let by_file = bare(&sim)
        .file("query.sql", &text)
        .params(json!({"query_file": "query.sql"}));
    let by_stdin = bare(&sim).flag("--query-file=-").stdin(&text);
    for run in [by_file, by_stdin] {
        sim.forget_calls();
        let outcome = run.expect(0);
        assert_eq!(outcome.rows().len(), 1);
        let sent = sent(&sim, "athena:StartQueryExecution", "QueryString");
        assert_eq!(sent, json!(format!("-- sizes; of files\n{QUERY}")));
    }
}

/// Some of these would be refused by AWS in every account, one by one and in other words.
#[test]
fn a_wrong_value_is_told_before_any_call() {
    let sim = start(estate());
    let long = format!("select '{}'", "x".repeat(262_140));
    let cases: Vec<(Json, &[&str])> = vec![
        (
            json!({"query": null}),
            &[
                "error: query is missing: say what to run with --query 'select …'",
                "--query-file FILE",
                "--named-query-id",
                "--prepared-statement",
            ],
        ),
        (json!({"query": ""}), &["error: query is missing"]),
        (
            json!({"query": " -- nothing\n ;; "}),
            &["error: query: there is no statement in it"],
        ),
        (
            json!({"query": long}),
            &[
                "error: query: statement 1 has 262149 bytes; Athena takes at most 262144",
                "move long lists into a table and join it",
            ],
        ),
        (
            json!({"query": ["select 1"]}),
            &["error: query (in ", "is not text; put it in quotes"],
        ),
        (
            json!({"query_file": "query.sql"}),
            &["error: query and query_file are given together: keep one of them"],
        ),
        (
            json!({"named_query_id": NAMED, "prepared_statement": "sizes"}),
            &["error: query and named_query_id and prepared_statement are given together: keep one of them"],
        ),
        (
            json!({"query": null, "query_file": "missing.sql"}),
            &["error: query_file: missing.sql cannot be read: No such file or directory"],
        ),
        (
            json!({"query": null, "query_file": "."}),
            &["error: query_file: . cannot be read: ", "directory"],
        ),
        (
            json!({"query": null, "prepared_statement": "two words"}),
            &["error: prepared_statement: `two words` is not a name of letters, digits and _@:"],
        ),
        (
            json!({"query": null, "prepared_statement": "sizes", "fetch": "unload"}),
            &[
                "error: fetch is `unload`, which needs the text of the query",
                "choose another fetch",
            ],
        ),
        (
            json!({"query": "show tables", "fetch": "unload"}),
            &["error: fetch is `unload`, but no statement is a SELECT that UNLOAD takes: choose another fetch"],
        ),
        (
            json!({"query": "select 1; select 2"}),
            &[
                "error: statements 1, 2 give rows, which do not belong into one file",
                "put {statement} into output, such as rows-{statement}.csv",
            ],
        ),
        (
            json!({"query": "insert into t select ?; select 1", "execution_parameters": ["1"]}),
            &["error: execution_parameters belong to one statement, but the query has several"],
        ),
        (
            json!({"execution_parameters": [42]}),
            &[
                "error: execution_parameters (in ",
                "a list of texts; put each in quotes",
            ],
        ),
        (
            json!({"execution_parameters": ["1", ""]}),
            &["error: execution_parameters: number 2 is empty: write '' in single quotes"],
        ),
        (
            json!({"workgroup": "my group"}),
            &["error: workgroup: `my group` is not a name of letters, digits and ._-"],
        ),
        (
            json!({"workgroup": "team-{account}"}),
            &[
                "error: workgroup: ",
                "nothing is put in place of {account}: write {accountId} or {region}",
            ],
        ),
        (
            json!({"database": "d_{accountid}"}),
            &["error: database: ", "nothing is put in place of {accountid}"],
        ),
        (
            json!({"output_location": "results/prefix"}),
            &["error: output_location: `results/prefix` is not of the form s3://bucket/prefix/"],
        ),
        (
            json!({"output_location": "s3:///prefix"}),
            &["error: output_location: ", "is not of the form s3://bucket/prefix/"],
        ),
        (
            json!({"output_location": "s3://results/{account_id}/"}),
            &["error: output_location: ", "nothing is put in place of {account_id}"],
        ),
        (
            json!({"encryption": "AES256"}),
            &["error: encryption (in ", "is not one of `SSE_S3`, `SSE_KMS`, `CSE_KMS`"],
        ),
        (
            json!({"encryption": "SSE_KMS"}),
            &["error: kms_key is missing: encryption `SSE_KMS` needs it"],
        ),
        (
            json!({"kms_key": "alias/x"}),
            &["error: kms_key has a meaning with encryption `SSE_KMS` or `CSE_KMS` only: set that, or remove it"],
        ),
        (
            json!({"expected_bucket_owner": "1234"}),
            &["error: expected_bucket_owner: `1234` is not an account id of 12 digits"],
        ),
        (
            json!({"acl": "private"}),
            &["error: acl (in ", "is not one of `BUCKET_OWNER_FULL_CONTROL`"],
        ),
        (
            json!({"result_reuse_max_age_minutes": 10_081}),
            &[
                "error: result_reuse_max_age_minutes (in ",
                "`10081` is not a whole number from 0 to 10080",
            ],
        ),
        (
            json!({"timeout": 0}),
            &["error: timeout (in ", "`0` is not a whole number from 1 to 86400"],
        ),
        (
            json!({"timeout": "1h"}),
            &["error: timeout (in ", "is not a whole number from 1 to 86400"],
        ),
        (
            json!({"max_scanned_bytes": 0}),
            &["error: max_scanned_bytes (in ", "`0` is not a whole number from 1 to"],
        ),
        (
            json!({"max_scanned_bytes": "10GB"}),
            &["error: max_scanned_bytes (in ", "is not a whole number from 1 to"],
        ),
        (
            json!({"max_active_queries": 201}),
            &[
                "error: max_active_queries (in ",
                "`201` is not a whole number from 1 to 200",
            ],
        ),
        (
            json!({"fetch": "csv"}),
            &["error: fetch (in ", "is not one of `auto`, `s3`, `api`, `unload`"],
        ),
        (
            json!({"keep_results": "yes"}),
            &["error: keep_results (in ", "is not true or false"],
        ),
        (
            json!({"price_per_tb": -5}),
            &["error: price_per_tb (in ", "`-5` is not a number that is not negative"],
        ),
        (
            json!({"price_per_tb": "cheap"}),
            &["error: price_per_tb (in ", "is not a number"],
        ),
        (
            json!({"work_group": "team"}),
            &["error: unknown parameter `work_group`", "did you mean `workgroup`?"],
        ),
        (
            json!({"QueryString": "select 1"}),
            &["error: unknown parameter `QueryString`", "did you mean `query`?"],
        ),
    ];
    let mut wrong = Vec::new();
    for (changes, texts) in cases {
        sim.forget_calls();
        let mut run = bare(&sim).file("query.sql", QUERY).params(json!({"query": QUERY}));
        for (name, value) in changes.as_object().unwrap() {
            run = if value.is_null() {
                run.without(name)
            } else {
                run.params(json!({ name: value }))
            };
        }
        let outcome = run.run();
        let said = outcome.told().split_whitespace().collect::<Vec<_>>().join(" ");
        let missing: Vec<_> = texts.iter().filter(|text| !said.contains(**text)).collect();
        let calls = sim.calls().len();
        let one = said.matches("error: ").count() == 1;
        if outcome.code != 2 || !missing.is_empty() || !one || calls > 0 || outcome.has_output() {
            let shown: String = changes.to_string().chars().take(200).collect();
            let said: String = said.chars().take(500).collect();
            wrong.push(format!(
                "{shown}: exit code {}, {calls} calls, lacks {missing:?}: {said}",
                outcome.code
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
