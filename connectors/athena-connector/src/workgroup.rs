//! The workgroup that a query runs in, looked at first: what it enforces, and whether that fits.

use auth_core::{AwsError, ErrorKind};
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    EncryptionConfiguration, EncryptionOption, ResultConfiguration, WorkGroup, WorkGroupState,
};
use connector_core::SliceError;
use connector_core::slice::Outcome;

use crate::failure::ended;
use crate::job::{Fetch, Job, ResultSettings};
use crate::statistics::Notes;

/// What a workgroup makes of the job's wishes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// The workgroup's name.
    pub(crate) workgroup: String,
    /// What a start says of its results; nothing where the workgroup says it.
    pub(crate) results: Option<ResultConfiguration>,
    /// Where results go, as far as it is known: `s3://bucket/prefix/`.
    pub(crate) location: Option<String>,
    /// Who must own the bucket.
    pub(crate) bucket_owner: Option<String>,
    /// Athena keeps results itself: there are no objects in S3.
    pub(crate) managed: bool,
    /// Athena encrypts objects with a key of the client's (CSE_KMS): only the API gives rows that can be read.
    pub(crate) sealed: bool,
}

/// Looks at the workgroup. Who may not look goes on: a query may be allowed all the same.
///
/// # Errors
/// A workgroup that is not there or disabled, and wishes that it does not allow. Nothing has been started.
pub(crate) async fn inspect(
    client: &Client,
    name: &str,
    wishes: &ResultSettings,
    job: &Job,
    notes: &Notes,
) -> Result<Place, SliceError> {
    match look(client, name, wishes, job.fetch).await {
        Err(SliceError::Aws(error)) if error.kind == ErrorKind::Denied => {
            if job.fetch == Fetch::Unload && wishes.location.is_none() {
                return Err(ended(
                    Outcome::Denied,
                    format!("there is no place known for UNLOAD: {error}"),
                    "set output_location, or allow athena:GetWorkGroup in the policy of the role that the session comes \
                     from",
                ));
            }
            notes.warn(format!(
                "the workgroup could not be looked at, so a conflict shows only when the query starts: {error}"
            ));
            Ok(Place {
                workgroup: name.to_owned(),
                results: configuration(wishes),
                location: wishes.location.clone(),
                bucket_owner: wishes.bucket_owner.clone(),
                managed: false,
                sealed: wishes.encryption.as_ref().is_some_and(is_sealed),
            })
        }
        looked => looked,
    }
}

/// The same, for who must be allowed to look.
///
/// # Errors
/// The same, and a denial.
pub(crate) async fn look(
    client: &Client,
    name: &str,
    wishes: &ResultSettings,
    fetch: Fetch,
) -> Result<Place, SliceError> {
    let answer = client.get_work_group().work_group(name).send().await;
    match answer.map_err(AwsError::of("athena", "GetWorkGroup")) {
        Ok(answer) => match answer.work_group {
            Some(workgroup) => place(&workgroup, wishes, fetch),
            None => Err(AwsError::answer("athena", "GetWorkGroup", "the answer has no workgroup").into()),
        },
        Err(error) if error.message.contains("is not found") => Err(ended(
            Outcome::Failed,
            format!("there is no workgroup {name}: {}: {}", error.action(), error.message),
            "create the workgroup in this account and region, or name another one in workgroup",
        )),
        Err(error) => Err(error.into()),
    }
}

fn place(workgroup: &WorkGroup, wishes: &ResultSettings, fetch: Fetch) -> Result<Place, SliceError> {
    let name = workgroup.name();
    let conflict = |message: String, hint: &str| Err(ended(Outcome::Failed, message, hint));
    if workgroup.state() == Some(&WorkGroupState::Disabled) {
        let message = format!("workgroup {name} is disabled");
        return conflict(message, "enable it, or name another one in workgroup");
    }
    let configuration = workgroup.configuration();
    let managed = configuration.and_then(|configuration| configuration.managed_query_results_configuration());
    let managed = managed.is_some_and(|managed| managed.enabled());
    let enforced = configuration.and_then(|configuration| configuration.enforce_work_group_configuration());
    let enforced = enforced.unwrap_or(false);
    let own = configuration.and_then(|configuration| configuration.result_configuration());
    let own_location = own
        .and_then(|own| own.output_location())
        .filter(|location| !location.is_empty());
    let mut named = wishes.named();
    if managed {
        if !named.is_empty() {
            let message = format!(
                "workgroup {name} keeps results itself, but {} is given",
                named.join(", ")
            );
            return conflict(message, "remove it, or name another workgroup");
        }
        if matches!(fetch, Fetch::S3 | Fetch::Unload) {
            let message = format!("workgroup {name} keeps results itself: there is no object in S3 to read");
            return conflict(message, "set fetch to auto or api, or name another workgroup");
        }
        return Ok(Place {
            workgroup: name.to_owned(),
            managed,
            ..Place::default()
        });
    }
    if enforced {
        let same =
            |location: &str| Some(location.trim_end_matches('/')) == own_location.map(|own| own.trim_end_matches('/'));
        named.retain(|name| *name != "output_location" || !wishes.location.as_deref().is_some_and(same));
        if !named.is_empty() {
            let message = format!(
                "workgroup {name} enforces its own settings, but {} is given",
                named.join(", ")
            );
            return conflict(
                message,
                "remove it: the workgroup's settings hold; or name another workgroup",
            );
        }
    }
    let location = own_location.filter(|_| enforced).map(str::to_owned);
    let location = location
        .or_else(|| wishes.location.clone())
        .or_else(|| own_location.map(str::to_owned));
    if location.is_none() {
        let message =
            format!("there is no place for results: workgroup {name} has no output location, and none is given");
        return conflict(
            message,
            "set output_location to s3://bucket/prefix/ of a bucket that the role may write to, or give the workgroup one",
        );
    }
    let encryption = match (&wishes.encryption, own.and_then(|own| own.encryption_configuration())) {
        (Some(wish), _) if !enforced => Some(wish),
        (_, own) => own,
    };
    let sealed = encryption.is_some_and(is_sealed);
    if sealed && matches!(fetch, Fetch::S3 | Fetch::Unload) {
        let message = format!("workgroup {name} encrypts results with CSE_KMS, so S3 gives only what Athena can read");
        return conflict(
            message,
            "set fetch to auto or api, or use SSE_KMS, which S3 decrypts itself",
        );
    }
    let bucket_owner = own.and_then(|own| own.expected_bucket_owner()).map(str::to_owned);
    Ok(Place {
        workgroup: name.to_owned(),
        results: if enforced { None } else { self::configuration(wishes) },
        location,
        bucket_owner: wishes.bucket_owner.clone().or(bucket_owner),
        managed,
        sealed,
    })
}

/// Whether S3 holds what only Athena can read.
/// <https://docs.aws.amazon.com/athena/latest/ug/encrypting-query-results-stored-in-s3.html>
pub(crate) fn is_sealed(encryption: &EncryptionConfiguration) -> bool {
    *encryption.encryption_option() == EncryptionOption::CseKms
}

fn configuration(wishes: &ResultSettings) -> Option<ResultConfiguration> {
    (!wishes.named().is_empty()).then(|| {
        ResultConfiguration::builder()
            .set_output_location(wishes.location.clone())
            .set_encryption_configuration(wishes.encryption.clone())
            .set_expected_bucket_owner(wishes.bucket_owner.clone())
            .set_acl_configuration(wishes.acl.clone())
            .build()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_sdk_athena::types::{ManagedQueryResultsConfiguration, WorkGroupConfiguration};

    use super::*;

    fn workgroup(location: Option<&str>, enforced: bool, managed: bool) -> WorkGroup {
        let results = ResultConfiguration::builder()
            .set_output_location(location.map(str::to_owned))
            .build();
        let kept = ManagedQueryResultsConfiguration::builder().enabled(managed).build();
        let configuration = WorkGroupConfiguration::builder()
            .result_configuration(results)
            .enforce_work_group_configuration(enforced)
            .managed_query_results_configuration(kept);
        WorkGroup::builder()
            .name("w")
            .configuration(configuration.build())
            .build()
            .unwrap()
    }

    fn wishes(location: Option<&str>) -> ResultSettings {
        ResultSettings {
            location: location.map(str::to_owned),
            ..ResultSettings::default()
        }
    }

    #[test]
    fn the_workgroup_and_the_wishes_make_a_place_or_a_conflict() {
        let (own, other) = (Some("s3://own/"), Some("s3://other/"));
        for (workgroup, wish, fetch, expected) in [
            (
                workgroup(None, false, false),
                None,
                Fetch::Auto,
                Err("no place for results"),
            ),
            (workgroup(own, false, false), None, Fetch::Auto, Ok((own, false))),
            (workgroup(own, false, false), other, Fetch::Auto, Ok((other, true))),
            (workgroup(None, false, false), other, Fetch::Auto, Ok((other, true))),
            (workgroup(own, true, false), None, Fetch::Auto, Ok((own, false))),
            (
                workgroup(own, true, false),
                Some("s3://own"),
                Fetch::Auto,
                Ok((own, false)),
            ),
            (
                workgroup(own, true, false),
                other,
                Fetch::Auto,
                Err("enforces its own settings, but output_location"),
            ),
            (workgroup(None, true, true), None, Fetch::Auto, Ok((None, false))),
            (
                workgroup(None, true, true),
                None,
                Fetch::S3,
                Err("keeps results itself"),
            ),
            (
                workgroup(None, true, true),
                None,
                Fetch::Unload,
                Err("keeps results itself"),
            ),
            (
                workgroup(None, true, true),
                other,
                Fetch::Api,
                Err("keeps results itself, but output_location"),
            ),
        ] {
            let found = place(&workgroup, &wishes(wish), fetch);
            match (found, expected) {
                (Ok(place), Ok((location, told))) => {
                    assert_eq!((place.location.as_deref(), place.results.is_some()), (location, told));
                }
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
                (found, expected) => panic!("{found:?} instead of {expected:?}"),
            }
        }
    }
}
