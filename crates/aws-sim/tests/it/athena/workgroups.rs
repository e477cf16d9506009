//! Workgroups, saved queries, prepared statements.

use std::time::Duration;

use aws_sim::QueryRule;
use serde_json::json;

use super::*;

fn input(text: &str, workgroup: &str) -> Value {
    json!({"QueryString": text, "ClientRequestToken": token(text), "WorkGroup": workgroup})
}

#[tokio::test]
async fn what_a_workgroup_says_of_itself() {
    let (mut estate, keys) = estate();
    let analysts = Workgroup::new("analysts")
        .output("s3://results/{accountId}/{region}/")
        .enforced()
        .encryption("SSE_KMS", Some("arn:aws:kms:eu-central-1:111122223333:key/k"))
        .expected_bucket_owner(MANAGEMENT)
        .acl("BUCKET_OWNER_FULL_CONTROL")
        .bytes_scanned_cutoff(10_000_000)
        .description("for analysts");
    estate
        .athena()
        .workgroup(analysts)
        .workgroup(Workgroup::new("off").disabled())
        .workgroup(Workgroup::new("theirs").in_account(MEMBER));
    let sim = started(estate).await;
    let get = |name: &str| ask(&sim, &keys, "GetWorkGroup", &json!({"WorkGroup": name}));
    let found = get("analysts").json()["WorkGroup"].clone();
    assert_eq!(
        (&found["State"], &found["Description"]),
        (&json!("ENABLED"), &json!("for analysts"))
    );
    let configuration = &found["Configuration"];
    assert_eq!(configuration["EnforceWorkGroupConfiguration"], true);
    assert_eq!(configuration["BytesScannedCutoffPerQuery"], 10_000_000);
    assert_eq!(
        configuration["ResultConfiguration"],
        json!({
            "OutputLocation": "s3://results/111122223333/eu-central-1/",
            "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "arn:aws:kms:eu-central-1:111122223333:key/k"},
            "ExpectedBucketOwner": MANAGEMENT,
            "AclConfiguration": {"S3AclOption": "BUCKET_OWNER_FULL_CONTROL"},
        })
    );
    assert_eq!(
        get("primary").json()["WorkGroup"]["Configuration"]["ResultConfiguration"],
        json!({})
    );
    assert_eq!(get("theirs").error().2, "WorkGroup is not found.");
    let first = ask(&sim, &keys, "ListWorkGroups", &json!({"MaxResults": 2})).json();
    let names = |page: &Value| {
        page["WorkGroups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["Name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["analysts", "off"]);
    let second = ask(&sim, &keys, "ListWorkGroups", &json!({"NextToken": first["NextToken"]})).json();
    assert_eq!(names(&second), ["primary"]);
    let off = ask(&sim, &keys, "StartQueryExecution", &input("select 1", "off"));
    assert_eq!(off.error().2, "WorkGroup off is disabled.");
}

#[tokio::test]
async fn an_enforced_location_wins_and_others_do_not() {
    let (mut estate, keys) = estate();
    estate
        .athena()
        .workgroup(results_workgroup("open"))
        .workgroup(results_workgroup("strict").enforced());
    let sim = started(estate).await;
    for (workgroup, asked, expected) in [
        ("open", None, "s3://results/out/"),
        ("open", Some("s3://results/mine"), "s3://results/mine/"),
        ("strict", Some("s3://results/mine"), "s3://results/out/"),
    ] {
        let mut input = input(&format!("select '{workgroup}{asked:?}'"), workgroup);
        if let Some(asked) = asked {
            input["ResultConfiguration"] =
                json!({"OutputLocation": asked, "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"}});
        }
        let id = start_with(&sim, &keys, &input);
        let found = execution(&sim, &keys, &id)["ResultConfiguration"].clone();
        assert_eq!(found["OutputLocation"], format!("{expected}{id}.csv"));
        let encrypted = found.get("EncryptionConfiguration").is_some();
        assert_eq!(encrypted, workgroup == "open" && asked.is_some());
    }
}

#[tokio::test]
async fn managed_results_are_in_no_bucket() {
    let (mut estate, keys) = estate();
    estate.athena().workgroup(Workgroup::new("managed").managed_results());
    let sim = started(estate).await;
    let mut with_location = input("select 1", "managed");
    with_location["ResultConfiguration"] = json!({"OutputLocation": OUTPUT});
    assert_eq!(
        ask(&sim, &keys, "StartQueryExecution", &with_location).code(),
        "InvalidRequestException"
    );
    let id = start_with(&sim, &keys, &input("select 1 as n", "managed"));
    let done = execution(&sim, &keys, &id);
    assert_eq!(state(&done), "SUCCEEDED");
    assert!(done.get("ResultConfiguration").is_none());
    assert_eq!(done["ManagedQueryResultsConfiguration"]["Enabled"], true);
    assert_eq!(rows(&sim, &keys, &id, None).0.len(), 2);
    assert!(sim.object_keys("results", "").is_empty());
    let group = ask(&sim, &keys, "GetWorkGroup", &json!({"WorkGroup": "managed"})).json();
    assert_eq!(
        group["WorkGroup"]["Configuration"]["ManagedQueryResultsConfiguration"],
        json!({"Enabled": true})
    );
}

#[tokio::test]
async fn a_query_over_the_cutoff_is_cancelled_on_its_way() {
    let (mut estate, keys) = estate();
    estate
        .athena()
        .workgroup(results_workgroup("frugal").bytes_scanned_cutoff(10_000_000))
        .rule(QueryRule::any().run(Duration::from_secs(10)).scanned(40_000_000));
    let sim = started(estate).await;
    let id = start_with(&sim, &keys, &input("select 1", "frugal"));
    sim.clock().advance(Duration::from_millis(2_400));
    assert_eq!(state(&execution(&sim, &keys, &id)), "RUNNING");
    sim.clock().advance(Duration::from_millis(200));
    let done = execution(&sim, &keys, &id);
    assert_eq!(
        (state(&done), &done["Status"]["StateChangeReason"]),
        ("CANCELLED", &json!("Bytes scanned limit was exceeded"))
    );
    assert_eq!(done["Statistics"]["DataScannedInBytes"], 10_000_000);
    assert_eq!(done["Status"]["CompletionDateTime"], json!(1_800_000_002.5));
}

#[tokio::test]
async fn saved_and_prepared() {
    let (mut estate, keys) = estate();
    estate
        .athena()
        .table(orders())
        .named_query(
            MANAGEMENT,
            "11111111-2222-3333-4444-555555555555",
            "all",
            "default",
            "select * from orders",
        )
        .prepared_statement("primary", "by_id", "select name from orders where id = ?");
    let sim = started(estate).await;
    let named = ask(
        &sim,
        &keys,
        "GetNamedQuery",
        &json!({"NamedQueryId": "11111111-2222-3333-4444-555555555555"}),
    )
    .json();
    assert_eq!(
        (&named["NamedQuery"]["QueryString"], &named["NamedQuery"]["Database"]),
        (&json!("select * from orders"), &json!("default"))
    );
    assert_eq!(
        ask(&sim, &keys, "GetNamedQuery", &json!({"NamedQueryId": "none"}))
            .error()
            .2,
        "NamedQuery none was not found"
    );
    let prepared = |name: &str| {
        ask(
            &sim,
            &keys,
            "GetPreparedStatement",
            &json!({"StatementName": name, "WorkGroup": "primary"}),
        )
    };
    assert_eq!(
        prepared("by_id").json()["PreparedStatement"]["QueryStatement"],
        "select name from orders where id = ?"
    );
    assert_eq!(
        prepared("none").error(),
        (
            400,
            "ResourceNotFoundException".to_owned(),
            "PreparedStatement none was not found in workGroup primary".to_owned()
        )
    );
    assert_eq!(csv(&sim, &keys, "execute by_id using 1"), "\"name\"\n\"ann\"\n");
    assert_eq!(
        failure(&sim, &keys, "execute none"),
        "NOT_FOUND: Prepared statement not found: none"
    );
    csv_of_ddl(&sim, &keys, "prepare mine from select ? + 1 as n");
    assert_eq!(csv(&sim, &keys, "execute mine using 41"), "\"n\"\n\"42\"\n");
    csv_of_ddl(&sim, &keys, "deallocate prepare mine");
    assert_eq!(prepared("mine").code(), "ResourceNotFoundException");
    assert_eq!(
        ask(&sim, &keys, "GetDataCatalog", &json!({"Name": "AwsDataCatalog"})).json()["DataCatalog"]["Type"],
        "GLUE"
    );
    let database = |name: &str| {
        ask(
            &sim,
            &keys,
            "GetDatabase",
            &json!({"CatalogName": "AwsDataCatalog", "DatabaseName": name}),
        )
    };
    assert_eq!(
        (database("default").status, database("none").code().as_str()),
        (200, "MetadataException")
    );
}

fn csv_of_ddl(sim: &Sim, keys: &Keys, text: &str) {
    let id = start(sim, keys, text);
    assert_eq!(state(&execution(sim, keys, &id)), "SUCCEEDED", "{text}");
}

#[tokio::test]
async fn the_demo_has_a_bucket_a_workgroup_and_a_table_in_every_account() {
    let estate = Estate::demo();
    let keys: Keys = estate
        .access_key(Estate::MANAGEMENT, Estate::USER)
        .unwrap()
        .clone()
        .into();
    let sim = started(estate).await;
    let text = "select count(*) as n, count(note) as notes, sum(amount) as total from orders";
    let id = start_with(&sim, &keys, &input(text, Estate::WORKGROUP));
    assert_eq!(state(&execution(&sim, &keys, &id)), "QUEUED");
    sim.clock().advance(Duration::from_secs(1));
    let done = execution(&sim, &keys, &id);
    assert_eq!(
        done["ResultConfiguration"]["OutputLocation"],
        format!("s3://athena-results-111122223333/{id}.csv")
    );
    let bucket = Estate::RESULTS_BUCKET.replace("{accountId}", Estate::MANAGEMENT);
    let body = sim.object(&bucket, &format!("{id}.csv")).unwrap();
    assert_eq!(body, "\"n\",\"notes\",\"total\"\n\"6\",\"5\",\"1545.30\"\n");
    assert!(
        sim.object(&Estate::RESULTS_BUCKET.replace("{accountId}", "200000000040"), "x")
            .is_none()
    );
}
