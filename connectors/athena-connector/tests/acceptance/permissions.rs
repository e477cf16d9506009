//! The policies that a run needs, and what `check` finds out before it.

use std::collections::BTreeSet;

use aws_sim::{Canned, Sim, facts};
use serde_json::{Value as Json, json};

use crate::first_contact::{SELECT, estate_with_select};
use crate::harness::{Run, some, start};
use crate::world::*;

/// The actions of the policy that a run with these parameters needs.
fn policy(sim: &Sim, params: &Json) -> BTreeSet<String> {
    let run = Run::keys(sim)
        .verb("iam-policy")
        .params(json!({"regions": [FRANKFURT]}));
    let policies = run.params(params.clone()).expect(0).json();
    let statements = policies["initial credentials"]["policy"]["Statement"]
        .as_array()
        .unwrap()
        .clone();
    let actions = statements.iter().flat_map(|one| one["Action"].as_array().unwrap());
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// For any query: Athena's own actions; and what Athena does in the caller's name, as AWS's own policy for it has it.
/// <https://docs.aws.amazon.com/athena/latest/ug/example-policies-workgroup.html>
fn base() -> BTreeSet<String> {
    let own = [
        "athena:GetDataCatalog",
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
        "athena:GetWorkGroup",
        "athena:StartQueryExecution",
        "athena:StopQueryExecution",
    ];
    // Statements that write need more of it; which, only their author knows.
    let reads_tables = |action: &&str| {
        let read = action.strip_prefix("glue:Get").or(action.strip_prefix("glue:BatchGet"));
        let of_tables = ["Database", "Databases", "Partition", "Partitions", "Table", "Tables"];
        read.is_some_and(|what| of_tables.contains(&what))
    };
    // A bucket is not made here.
    let makes_no_bucket = |action: &&str| !["s3:CreateBucket", "s3:PutBucketPublicAccessBlock"].contains(action);
    let catalog = facts::athena_catalog_actions().into_iter().filter(reads_tables);
    let results = facts::athena_result_actions().into_iter().filter(makes_no_bucket);
    own.into_iter()
        .chain(catalog)
        .chain(results)
        .map(str::to_owned)
        .collect()
}

#[test]
fn iam_policy_has_what_the_parameters_need_and_no_more() {
    let mut estate = estate_with_select();
    estate
        .athena()
        .named_query(MASTER, "known", "q", "default", SELECT)
        .prepared_statement("primary", "one", SELECT)
        .canned("EXECUTE one", Canned::new(&[("n", "bigint")]).row(&[Some("1")]))
        .canned("select 2", Canned::new(&[("n", "bigint")]).row(&[Some("2")]));
    let sim = start(estate);
    for (params, more) in [
        (json!({"query": SELECT}), &[][..]),
        (json!({"query": SELECT, "fetch": "unload"}), &[]),
        (
            json!({"query": "select 1; select 2", "output": "rows-{statement}.csv"}),
            &["athena:BatchGetQueryExecution"],
        ),
        (
            json!({"query": SELECT, "keep_results": false, "fetch": "s3"}),
            &["s3:DeleteObject"],
        ),
        (json!({"named_query_id": "known"}), &["athena:GetNamedQuery"]),
        (json!({"prepared_statement": "one"}), &["athena:GetPreparedStatement"]),
        (
            json!({"query": SELECT, "acl": "BUCKET_OWNER_FULL_CONTROL"}),
            &["s3:PutObjectAcl"],
        ),
        (
            json!({"query": SELECT, "encryption": "SSE_KMS", "kms_key": "alias/results"}),
            &["kms:Decrypt", "kms:GenerateDataKey"],
        ),
    ] {
        let allowed = policy(&sim, &params);
        let mut expected = base();
        expected.extend(more.iter().map(|action| (*action).to_owned()));
        assert_eq!(allowed, expected, "{params}");
        // All that such a run calls itself is in it.
        sim.forget_calls();
        Run::keys(&sim)
            .params(json!({"regions": [FRANKFURT]}))
            .params(params.clone())
            .expect(0);
        let called = sim.calls();
        let called = called
            .iter()
            .filter(|call| ["athena", "s3"].contains(&call.service.as_str()));
        for call in some(called.collect()) {
            assert!(
                allowed.contains(&call.name()),
                "{params}: {} is not allowed",
                call.name()
            );
        }
    }
}

/// Workgroup, catalog, database and bucket stand in the resources where the parameters name them.
#[test]
fn iam_policy_names_what_the_parameters_name() {
    let sim = start(estate_with_select());
    let statements = |params: Json| {
        let policies = Run::keys(&sim).verb("iam-policy").params(params).expect(0).json();
        policies["initial credentials"]["policy"]["Statement"]
            .as_array()
            .unwrap()
            .clone()
    };
    let on = |statements: &[Json], action: &str| {
        let has = |one: &&Json| one["Action"].as_array().unwrap().iter().any(|found| found == action);
        let found: Vec<&Json> = statements.iter().filter(has).collect();
        assert_eq!(found.len(), 1, "{action} stands once");
        found[0]["Resource"].clone()
    };
    let named = statements(json!({
        "regions": [FRANKFURT],
        "query": SELECT,
        "workgroup": "team",
        "catalog": "AwsDataCatalog",
        "database": "logs",
        "output_location": "s3://results-{region}/of/{accountId}/",
    }));
    let athena = |rest: &str| json!([format!("arn:aws:athena:{FRANKFURT}:*:{rest}")]);
    let glue = |rest: &str| format!("arn:aws:glue:{FRANKFURT}:*:{rest}");
    assert_eq!(on(&named, "athena:StartQueryExecution"), athena("workgroup/team"));
    assert_eq!(
        on(&named, "athena:GetDataCatalog"),
        athena("datacatalog/AwsDataCatalog")
    );
    assert_eq!(
        on(&named, "glue:GetTable"),
        json!([
            glue("catalog"),
            glue("database/default"),
            glue("database/logs"),
            glue("table/logs/*")
        ])
    );
    assert_eq!(on(&named, "s3:PutObject"), json!(["arn:aws:s3:::results-*/of/*/*"]));
    // Where the tables' own objects are, only the tables say.
    assert_eq!(on(&named, "s3:GetObject"), json!(["*"]));
    let unnamed = statements(json!({"regions": [FRANKFURT, "eu-west-1"], "query": SELECT}));
    assert_eq!(
        on(&unnamed, "athena:StartQueryExecution"),
        json!([FRANKFURT, "eu-west-1"].map(|region| format!("arn:aws:athena:{region}:*:workgroup/primary")))
    );
    assert_eq!(on(&unnamed, "glue:GetTable"), json!(["*"]));
    assert_eq!(on(&unnamed, "s3:PutObject"), json!(["*"]));
}

/// `check` fails where a run would, and needs no query.
#[test]
fn check_looks_at_the_bucket_and_needs_no_query() {
    let sim = start(estate_with_select());
    let check = |params: Json| {
        Run::keys(&sim)
            .verb("check")
            .params(json!({"regions": [FRANKFURT]}))
            .params(params)
            .run()
    };
    check(json!({})).expect(0);
    check(json!({"query": SELECT})).expect(0);
    let missing = check(json!({"output_location": "s3://no-such-bucket/rows/"}));
    missing.expect(4);
    for text in [
        "the bucket no-such-bucket, where results are to go, does not exist",
        "create it in eu-central-1",
    ] {
        assert!(missing.stdout.contains(text), "{text} is not in {}", missing.stdout);
    }
    assert_eq!(sim.count("athena:StartQueryExecution"), 0);
    sim.forget_calls();
    check(json!({"query": "select 'a"}))
        .expect(2)
        .says(&["query: statement 1 has a quote (') that is never closed"]);
    Run::keys(&sim)
        .params(json!({"regions": [FRANKFURT]}))
        .expect(2)
        .says(&["query is missing"]);
    assert_eq!(sim.calls().len(), 0);
}
