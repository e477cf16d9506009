//! Who may do what with a bucket, and from where it can be reached.

use crate::credentials::Identity;
use crate::estate::{Bucket, Verdict, matches};
use crate::failure::Failure;
use crate::world::World;

/// S3's words for a bucket that is not there.
pub(crate) fn no_such_bucket(bucket: &str) -> Failure {
    Failure::new(404, "NoSuchBucket", "The specified bucket does not exist").with_detail("BucketName", bucket)
}

/// S3's words for what somebody may not do, and why.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>
pub(super) fn access_denied(who: &str, action: &str, bucket: &str, key: &str, why: &str) -> Failure {
    let slash = if key.is_empty() { "" } else { "/" };
    let message = format!(
        "User: {who} is not authorized to perform: {action} on resource: \"arn:aws:s3:::{bucket}{slash}{key}\" {why}"
    );
    Failure::new(403, "AccessDenied", message)
}

/// The refusal without a reason.
pub(super) fn denied() -> Failure {
    Failure::new(403, "AccessDenied", "Access Denied")
}

/// Whether a caller may do something (`s3:GetObject`) with a key, or, with an empty key, with the bucket: by its own
/// policies, those of its organization, and the bucket's.
pub(crate) fn authorize(
    world: &World,
    caller: &Identity,
    action: &str,
    bucket: &str,
    key: &str,
) -> Result<(), Failure> {
    let (estate, bucket) = (&world.estate, world.s3.find(bucket)?);
    let verdict = bucket.judge(&caller.account, action);
    let scps = estate
        .accounts
        .get(&caller.account)
        .map_or(&[][..], |account| &account.scps);
    let by_scp = caller.account != estate.management
        && scps.iter().any(|scp| {
            let here = |regions: &Vec<String>| regions.contains(&bucket.region);
            matches(&scp.action, action) && scp.regions.as_ref().is_none_or(here)
        });
    let why = if by_scp {
        "with an explicit deny in a service control policy".to_owned()
    } else if verdict == Verdict::Denied {
        "with an explicit deny in a resource-based policy".to_owned()
    } else if caller.lacks(action) {
        format!("because no identity-based policy allows the {action} action")
    } else if verdict == Verdict::NotAllowed {
        format!("because no resource-based policy allows the {action} action")
    } else {
        return Ok(());
    };
    // Strangers are not told why.
    let member = |account: &str| estate.parents.contains_key(account);
    let among_us = caller.account == bucket.owner || (member(&caller.account) && member(&bucket.owner));
    Err(if among_us {
        access_denied(&caller.arn, action, &bucket.name, key, &why)
    } else {
        denied()
    })
}

/// A bucket is served by the endpoint of its own region.
pub(super) fn check_region(bucket: &Bucket, region: &str, virtual_host: bool) -> Result<(), Failure> {
    let home = &bucket.region;
    if region == home {
        return Ok(());
    }
    let failure = if bucket.scope_is_judged {
        let message =
            format!("The authorization header is malformed; the region '{region}' is wrong; expecting '{home}'");
        Failure::new(400, "AuthorizationHeaderMalformed", message).with_detail("Region", home)
    } else {
        let endpoint = if virtual_host {
            format!("{}.s3.{home}.amazonaws.com", bucket.name)
        } else {
            format!("s3.{home}.amazonaws.com")
        };
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please \
                       send all future requests to this endpoint.";
        Failure::new(301, "PermanentRedirect", message)
            .with_detail("Endpoint", endpoint)
            .with_detail("Bucket", &bucket.name)
    };
    Err(failure.with_header("x-amz-bucket-region", home))
}

/// `x-amz-expected-bucket-owner` must be right where it is sent.
pub(super) fn check_owner(bucket: &Bucket, expected: Option<&str>) -> Result<(), Failure> {
    match expected {
        None => Ok(()),
        Some(account) if account == bucket.owner => Ok(()),
        Some(account) if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) => Err(denied()),
        Some(account) => {
            let message = "The value of the expected bucket owner parameter must be an AWS account ID";
            let failure = Failure::new(400, "InvalidBucketOwnerAWSAccountID", message);
            Err(failure.with_detail("Parameter", account))
        }
    }
}
