//! The three calls to STS: AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use aws_smithy_async::rt::sleep::AsyncSleep as _;
use secrecy::{ExposeSecret, SecretString};

use crate::arn::AccountId;
use crate::chain::Hop;
use crate::error::{AuthError, AwsError, Cause, Step};
use crate::host::Host;
use crate::jwt::Preview;
use crate::settings::{RoleOptions, WebIdentity};

/// Tries of AssumeRoleWithWebIdentity while AWS cannot reach the identity provider.
const WEB_IDENTITY_TRIES: u32 = 4;

/// Assumes the role of `hop` with the session that `client` has.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(crate) async fn assume_role(
    client: &Client,
    host: &Host,
    hop: &Hop,
    options: &RoleOptions,
) -> Result<Credentials, AuthError> {
    let failed = |error: AwsError| {
        AuthError::new(
            Step::Role {
                number: hop.number,
                of: hop.of,
                role_arn: hop.role_arn.clone(),
                external_id: hop.external_id.is_some(),
            },
            Cause::Aws(error),
        )
    };
    let answer = client
        .assume_role()
        .role_arn(&hop.role_arn)
        .role_session_name(&options.session_name)
        .duration_seconds(seconds(hop.duration))
        .set_external_id(hop.external_id.clone())
        .set_source_identity(hop.source_identity.clone())
        .send()
        .await
        .map_err(|error| failed(AwsError::of("sts", "AssumeRole")(error)))?;
    credentials(host, answer.credentials, "AssumeRole").map_err(failed)
}

/// Trades a token for a session of `identity.role_arn`.
///
/// AWS itself fetches the provider's keys; when that fails the call is worth repeating, unlike a refusal.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
pub(crate) async fn assume_role_with_web_identity(
    client: &Client,
    host: &Host,
    identity: &WebIdentity,
    options: &RoleOptions,
    token: &SecretString,
) -> Result<Credentials, AuthError> {
    let step = || Step::WebIdentity {
        role_arn: identity.role_arn.to_string(),
    };
    let Some(preview) = Preview::of(token.expose_secret()) else {
        let why = "the identity provider's access token is opaque; AWS takes a signed JWT only".to_owned();
        return Err(AuthError::new(step(), Cause::Invalid(why)));
    };
    let mut tries = 1;
    loop {
        let answer = client
            .assume_role_with_web_identity()
            .role_arn(identity.role_arn.as_str())
            .role_session_name(&options.session_name)
            .duration_seconds(seconds(identity.session_duration))
            .web_identity_token(token.expose_secret())
            .send()
            .await
            .map_err(AwsError::of("sts", "AssumeRoleWithWebIdentity"));
        let error = match answer {
            Ok(answer) => match credentials(host, answer.credentials, "AssumeRoleWithWebIdentity") {
                Ok(credentials) => return Ok(credentials),
                Err(error) => error,
            },
            Err(error) if is_transient(&error) && tries < WEB_IDENTITY_TRIES => {
                host.sleep
                    .sleep(Duration::from_millis(500) * 2_u32.pow(tries - 1))
                    .await;
                tries += 1;
                continue;
            }
            Err(error) => error,
        };
        return Err(AuthError::new(step(), Cause::RefusedToken(error, preview.to_string())));
    }
}

/// AWS could not fetch the provider's keys. `IDPCommunicationError` says the same, but that one is modelled as worth a
/// retry, and the SDK has made its own by now.
fn is_transient(error: &AwsError) -> bool {
    error.code.as_deref() == Some("InvalidIdentityToken")
        && error.message.contains("Couldn't retrieve verification key")
}

/// Who a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its account.
    pub account: AccountId,
    /// Its ARN.
    pub arn: String,
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
pub(crate) async fn caller_identity(client: &Client) -> Result<Caller, AuthError> {
    let failed = |error| AuthError::new(Step::Identity, Cause::Aws(error));
    let answer = client
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| failed(AwsError::of("sts", "GetCallerIdentity")(error)))?;
    let missing = |member| failed(AwsError::missing("sts", "GetCallerIdentity", member));
    let id = answer.account.ok_or_else(|| missing("Account"))?;
    let account = AccountId::parse(&id).map_err(|why| failed(AwsError::answer("sts", "GetCallerIdentity", why)))?;
    let arn = answer.arn.ok_or_else(|| missing("Arn"))?;
    Ok(Caller { account, arn })
}

fn credentials(
    host: &Host,
    credentials: Option<aws_sdk_sts::types::Credentials>,
    operation: &'static str,
) -> Result<Credentials, AwsError> {
    let credentials = credentials.ok_or_else(|| AwsError::missing("sts", operation, "Credentials"))?;
    // The SDK gives an empty value for each of them that is not there.
    for (member, is_there) in [
        ("AccessKeyId", !credentials.access_key_id.is_empty()),
        ("SecretAccessKey", !credentials.secret_access_key.is_empty()),
        ("SessionToken", !credentials.session_token.is_empty()),
        ("Expiration", credentials.expiration.secs() != 0),
    ] {
        if !is_there {
            return Err(AwsError::missing("sts", operation, member));
        }
    }
    let expiry = SystemTime::try_from(credentials.expiration)
        .map_err(|_| AwsError::answer("sts", operation, "the answer's expiry is not a time"))?;
    Ok(Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        Some(credentials.session_token),
        // A clock that is hours ahead would take every session for expired.
        Some(host.skew.here(expiry)),
        operation,
    ))
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}
