//! Workgroups: what they are, and where the results of a query go.
//! <https://docs.aws.amazon.com/athena/latest/APIReference/API_GetWorkGroup.html>

use serde_json::{Value as Json, json};

use super::Call;
use super::input::{Input, invalid_input};
use crate::estate::Workgroup;
use crate::failure::Failure;
use crate::pages::Position;

/// The engine that answers, whatever was selected.
pub(super) const ENGINE: &str = "Athena engine version 3";

/// When all workgroups were made.
const CREATED: f64 = 1_600_000_000.0;

/// Where results go, and how they are kept there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Placement {
    /// Athena keeps the results.
    pub(super) managed: bool,
    /// `s3://bucket/prefix/`, with the slash.
    pub(super) location: Option<String>,
    /// `EncryptionConfiguration`, `ExpectedBucketOwner` and `AclConfiguration`, as they are told again.
    pub(super) settings: serde_json::Map<String, Json>,
}

impl Placement {
    /// The bucket and the key of a result with this name.
    pub(super) fn object(&self, name: &str) -> Option<(String, String)> {
        let (bucket, prefix) = split(self.location.as_deref()?)?;
        Some((bucket.to_owned(), format!("{prefix}{name}")))
    }
}

/// Bucket and prefix of `s3://bucket/prefix`.
pub(super) fn split(location: &str) -> Option<(&str, &str)> {
    let rest = location.strip_prefix("s3://")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty() && !bucket.contains(char::is_whitespace)).then_some((bucket, prefix))
}

/// The workgroups of an account in a region, by name.
fn all(call: &Call<'_>) -> Vec<Workgroup> {
    let mut found = std::collections::BTreeMap::from([("primary".to_owned(), Workgroup::new("primary"))]);
    for workgroup in &call.world.estate.athena.workgroups {
        if workgroup.scope.covers(&call.caller.account, call.region) {
            found.insert(workgroup.name.clone(), workgroup.clone());
        }
    }
    found.into_values().collect()
}

/// One workgroup.
pub(super) fn find(call: &Call<'_>, name: &str) -> Result<Workgroup, Failure> {
    all(call)
        .into_iter()
        .find(|workgroup| workgroup.name == name)
        .ok_or_else(|| invalid_input("WorkGroup is not found."))
}

/// The output location of a workgroup in an account and region.
fn output(call: &Call<'_>, workgroup: &Workgroup) -> Option<String> {
    let location = workgroup.output.as_deref()?;
    let location = location.replace("{accountId}", &call.caller.account);
    Some(location.replace("{region}", call.region))
}

/// Where the results of a query go, by its workgroup and by what the client says.
pub(super) fn placement(
    call: &Call<'_>,
    workgroup: &Workgroup,
    asked: Option<Input<'_>>,
) -> Result<Placement, Failure> {
    let asked_location = match asked {
        Some(asked) => asked.text("OutputLocation")?,
        None => None,
    };
    if asked_location.is_some_and(|location| split(location).is_none()) {
        return Err(invalid_input("outputLocation is not a valid S3 path."));
    }
    if workgroup.managed {
        if asked.is_some_and(|asked| asked.json() != json!({})) {
            return Err(invalid_input(
                "ResultConfiguration cannot be specified when ManagedQueryResultsConfiguration is enabled for the workgroup.",
            ));
        }
        return Ok(Placement {
            managed: true,
            ..Placement::default()
        });
    }
    let own = configuration(call, workgroup);
    let own = own.as_object().cloned().unwrap_or_default();
    let mut settings = own;
    if let Some(asked) = asked.filter(|_| !workgroup.enforced)
        && let Json::Object(asked) = asked.json()
    {
        settings.extend(asked);
    }
    let location = settings
        .shift_remove("OutputLocation")
        .and_then(|location| location.as_str().map(str::to_owned));
    let Some(mut location) = location.filter(|location| !location.is_empty()) else {
        return Err(invalid_input(
            "No output location provided. An output location is required either through the Workgroup result \
             configuration setting or as an API input.",
        ));
    };
    if !location.ends_with('/') {
        location.push('/');
    }
    Ok(Placement {
        managed: false,
        location: Some(location),
        settings,
    })
}

/// `ResultConfiguration` of a workgroup.
fn configuration(call: &Call<'_>, workgroup: &Workgroup) -> Json {
    let mut found = json!({});
    if let Some(location) = output(call, workgroup) {
        found["OutputLocation"] = location.into();
    }
    if let Some(encryption) = &workgroup.encryption {
        found["EncryptionConfiguration"] = json!({"EncryptionOption": encryption.option});
        if let Some(key) = &encryption.kms_key {
            found["EncryptionConfiguration"]["KmsKey"] = key.as_str().into();
        }
    }
    if let Some(owner) = &workgroup.expected_bucket_owner {
        found["ExpectedBucketOwner"] = owner.as_str().into();
    }
    if let Some(acl) = &workgroup.acl {
        found["AclConfiguration"] = json!({"S3AclOption": acl});
    }
    found
}

fn engine(workgroup: &Workgroup) -> Json {
    json!({"SelectedEngineVersion": workgroup.engine, "EffectiveEngineVersion": ENGINE})
}

fn state(workgroup: &Workgroup) -> &'static str {
    if workgroup.enabled { "ENABLED" } else { "DISABLED" }
}

pub(super) fn get(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let workgroup = find(call, input.required("WorkGroup")?)?;
    let mut configuration = json!({
        "ResultConfiguration": configuration(call, &workgroup),
        "EnforceWorkGroupConfiguration": workgroup.enforced,
        "PublishCloudWatchMetricsEnabled": false,
        "RequesterPaysEnabled": false,
        "EnableMinimumEncryptionConfiguration": false,
        "EngineVersion": engine(&workgroup),
    });
    if let Some(cutoff) = workgroup.cutoff {
        configuration["BytesScannedCutoffPerQuery"] = cutoff.into();
    }
    if workgroup.managed {
        configuration["ManagedQueryResultsConfiguration"] = json!({"Enabled": true});
    }
    let mut found = json!({
        "Name": workgroup.name,
        "State": state(&workgroup),
        "Configuration": configuration,
        "CreationTime": CREATED,
    });
    if !workgroup.description.is_empty() {
        found["Description"] = workgroup.description.as_str().into();
    }
    Ok(json!({"WorkGroup": found}))
}

pub(super) fn list(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let size = input.number("MaxResults", 1, 50)?.unwrap_or(50);
    let token = input.sized("NextToken", 1, 1024)?;
    let binding = format!("ListWorkGroups {} {}", call.caller.account, call.region);
    let position = match token {
        None => Position::default(),
        Some(token) => call
            .world
            .tokens
            .open(&binding, token)
            .ok_or_else(|| invalid_input(format!("The nextPageToken is malformed: {token}")))?,
    };
    let all = all(call);
    let start = usize::try_from(position.at).unwrap_or(usize::MAX).min(all.len());
    let end = all.len().min(start + usize::try_from(size).unwrap_or(1));
    let summaries = all[start..end].iter().map(|workgroup| {
        json!({
            "Name": workgroup.name,
            "State": state(workgroup),
            "Description": workgroup.description,
            "CreationTime": CREATED,
            "EngineVersion": engine(workgroup),
        })
    });
    let mut answer = json!({"WorkGroups": summaries.collect::<Vec<_>>()});
    if end < all.len() {
        answer["NextToken"] = call.world.tokens.seal(&binding, position.after_page(end as u64)).into();
    }
    Ok(answer)
}
