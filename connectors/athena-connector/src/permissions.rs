//! What a slice may do, on which resources: as the parameters name them.

use connector_core::Permission;
use connector_core::parameters::Values;

use crate::parameters::{CATALOG, DATABASE, KMS_KEY, OUTPUT_LOCATION, WORKGROUP};

/// Actions on a workgroup.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonathena.html>
fn is_of_workgroup(action: &str) -> bool {
    action.starts_with("athena:") && !is_of_catalog(action)
}

fn is_of_catalog(action: &str) -> bool {
    action == "athena:GetDataCatalog"
}

/// Actions of S3 on a bucket; all others are on objects.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
fn is_of_bucket(action: &str) -> bool {
    matches!(
        action,
        "s3:GetBucketLocation" | "s3:ListBucket" | "s3:ListBucketMultipartUploads"
    )
}

/// Objects and buckets of tables are read too, and where they are the tables say.
fn is_of_tables(action: &str) -> bool {
    matches!(action, "s3:GetObject" | "s3:ListBucket" | "s3:GetBucketLocation")
}

/// `actions`, each on what it is needed on.
pub(crate) fn of(actions: Vec<&'static str>, values: &Values) -> Vec<Permission> {
    let arn = |rest: &str| format!("arn:{{partition}}:{rest}");
    let any = || vec!["*".to_owned()];
    let catalog = values.text(&CATALOG).unwrap_or_default();
    let workgroup = values.text(&WORKGROUP).unwrap_or_default();
    let location = values.text(&OUTPUT_LOCATION).map(without_placeholders);
    let location = location.as_deref().and_then(|text| text.strip_prefix("s3://"));
    let location = location.map(|text| text.split_once('/').unwrap_or((text, "")));
    let glue = |rest: &str| arn(&format!("glue:{{region}}:{{accountId}}:{rest}"));
    let tables = match values.text(&DATABASE) {
        // Athena asks for the database `default` with any query.
        // https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
        Some(name) => {
            let name = without_placeholders(name);
            let mut tables = vec![glue("catalog"), glue("database/default")];
            if name != "default" {
                tables.push(glue(&format!("database/{name}")));
            }
            tables.push(glue(&format!("table/{name}/*")));
            tables
        }
        None => any(),
    };
    let key = match values.text(&KMS_KEY) {
        Some(key) if key.starts_with("arn:") && key.contains(":key/") => vec![without_placeholders(key)],
        _ => any(),
    };
    let on = |prefix: &str| match (location, prefix) {
        (Some((bucket, _)), "bucket") => vec![arn(&format!("s3:::{bucket}"))],
        (Some((bucket, key)), _) => vec![arn(&format!("s3:::{bucket}/{key}*"))],
        (None, _) => any(),
    };
    let workgroups = vec![arn(&format!(
        "athena:{{region}}:{{accountId}}:workgroup/{}",
        without_placeholders(workgroup)
    ))];
    let catalogs = vec![arn(&format!(
        "athena:{{region}}:{{accountId}}:datacatalog/{}",
        without_placeholders(catalog)
    ))];
    let mut permissions: Vec<Permission> = Vec::new();
    for action in actions {
        let resources = if is_of_workgroup(action) {
            workgroups.clone()
        } else if is_of_catalog(action) {
            catalogs.clone()
        } else if action.starts_with("glue:") {
            tables.clone()
        } else if action.starts_with("kms:") {
            key.clone()
        } else if is_of_tables(action) {
            any()
        } else if is_of_bucket(action) {
            on("bucket")
        } else {
            on("objects")
        };
        match permissions
            .iter_mut()
            .find(|permission| permission.resources == resources)
        {
            Some(permission) => permission.actions.push(action),
            None => permissions.push(Permission {
                actions: vec![action],
                resources,
            }),
        }
    }
    permissions
}

/// In a policy's resource, what differs from slice to slice is `*`.
fn without_placeholders(template: &str) -> String {
    template.replace("{accountId}", "*").replace("{region}", "*")
}
