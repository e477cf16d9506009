//! Every column and every nested member has its value: from instances that have all that AWS's own model knows of, and
//! from others that have next to nothing. The oracle turns boto3's answer into rows by that model, not by a list.

use end_to_end::connector::Connector;
use end_to_end::servers::Model;
use end_to_end::{oracle, rows};
use serde_json::{Value, json};

const REGIONS: [&str; 3] = ["cn-north-1", "eu-central-1", "us-gov-west-1"];

#[test]
fn every_member_that_aws_knows_of_is_in_its_column() {
    let model = Model::shared();
    let expected = oracle::inventory(&json!({
        "endpoint": model.url(),
        "access_key_id": "AKIAORACLEORACLEORAC",
        "secret_access_key": "oracle",
        "regions": REGIONS,
    }));
    assert_eq!(
        expected.len(),
        8 * REGIONS.len(),
        "pages that are empty are not the last"
    );
    let never: Vec<_> = expected[0]
        .keys()
        .filter(|column| expected.iter().all(|row| nothing(&row[*column])))
        .collect();
    assert_eq!(
        never,
        ["account_name", "organizational_unit_path", "name"],
        "no tag is called Name here, as it is in moto; the others have a value in some row"
    );

    let run = |format: &str| {
        let outcome = Connector::run()
            .env("AWS_ENDPOINT_URL", &model.url())
            .parameter("access_key_id", "AKIACASECASECASECASE")
            .parameter("secret_access_key", "secret-of-the-model-server")
            .parameter("regions", json!(REGIONS))
            .format(format)
            .finish();
        outcome.expect_exit(0);
        outcome
    };
    rows::assert_equal(&expected, &run("json").rows());
    rows::assert_equal(&expected, &run("jsonl").jsonl());
    rows::assert_csv_equal(&expected, &run("csv").csv());
}

fn nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}
