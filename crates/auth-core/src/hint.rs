//! What to do about an error. Apart from the messages, which say what failed.

use crate::error::{AuthError, AwsError, Cause, ErrorKind, Step};
use crate::oidc::TokenError;
use crate::session::Signer;

/// For a failed call of a slice or a listing.
pub fn for_call(error: &AwsError) -> Option<String> {
    if error.is_scp_denial() {
        return Some(format!(
            "a service control policy of the organization denies {}: change the policy, or leave the region or account \
             out with exclude_regions or exclude_accounts",
            error.action()
        ));
    }
    let code = error.code.as_deref().unwrap_or_default();
    let hint = match error.kind {
        ErrorKind::Denied if error.service == "organizations" => {
            "the account listing works from the management account or a delegated administrator: let \
             master_assume_role_arn_chain end in a role there that allows organizations:List* and \
             organizations:DescribeOrganizationalUnit, or name the accounts in `accounts`"
                .to_owned()
        }
        ErrorKind::Denied => {
            format!(
                "allow {} in the policy of the role that the session comes from",
                error.action()
            )
        }
        ErrorKind::Throttled => {
            "AWS still refused after all retries, or when call_timeout was over: lower max_concurrency, or run when fewer \
             tools query this account"
                .to_owned()
        }
        ErrorKind::TimedOut | ErrorKind::Unreachable => for_no_answer(&error.message)
            .unwrap_or(
                "check name resolution, routes, proxy variables and, for a private endpoint, AWS_ENDPOINT_URL and \
                 AWS_CA_BUNDLE",
            )
            .to_owned(),
        _ if error.http_status == Some(PROXY_AUTHENTICATION) => PROXY_CREDENTIALS.to_owned(),
        ErrorKind::Credentials => return Some(for_credentials(code, &error.message, error.signer)),
        _ if code == "RegionDisabledException" => {
            "STS is not active in this region for the account: set sts_region to another one".to_owned()
        }
        ErrorKind::Other if code == "AWSOrganizationsNotInUseException" => {
            "the account does not belong to an organization: leave sub_account_assume_role_arn_chain out for this \
             account alone, or name the accounts in `accounts`"
                .to_owned()
        }
        ErrorKind::Other if matches!(code, "ParentNotFoundException" | "OrganizationalUnitNotFoundException") => {
            "organizational_units names a unit that does not exist in this organization".to_owned()
        }
        ErrorKind::Other => return None,
    };
    Some(hint)
}

/// The status of a proxy that wants credentials; no other server gives it.
const PROXY_AUTHENTICATION: u16 = 407;
const PROXY_CREDENTIALS: &str = "the proxy asks for credentials: write them into the proxy variables, \
     http://user:password@host:port, with %-escapes for characters that have a meaning in a URL";

/// For a connection that did not come about, by the words of the HTTP stack.
fn for_no_answer(message: &str) -> Option<&'static str> {
    if message.contains("tunnel error: proxy authorization required") {
        Some(PROXY_CREDENTIALS)
    } else if message.contains("tunnel error") {
        Some(
            "the proxy does not open a tunnel to this host: let it allow the host and its port, or name the host in \
             NO_PROXY if it is reached without a proxy",
        )
    } else if message.contains("certificate") {
        Some(
            "no authority that is trusted stands behind this certificate: name a file of authorities (PEM) in \
             AWS_CA_BUNDLE, with that of a private endpoint, or of a proxy that opens TLS",
        )
    } else {
        None
    }
}

/// For credentials that AWS has refused, by whose they are.
fn for_credentials(code: &str, message: &str, signer: Option<Signer>) -> String {
    use Signer::{DefaultChain, Parameters, Role, WebIdentity};
    let of_a_session = matches!(signer, Some(Role | WebIdentity));
    match code {
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => match signer {
            None | Some(Parameters) => {
                "the access key id is unknown, inactive, or lacks its session token: check access_key_id, and \
                 session_token for a key id that begins with ASIA"
            }
            Some(DefaultChain) => {
                "the key id that the AWS default chain has found is unknown or inactive: check AWS_ACCESS_KEY_ID in the \
                 environment or the profile of AWS_PROFILE, and with IAM Identity Center sign in again: aws sso login"
            }
            Some(Role | WebIdentity) => {
                "AWS has given this session and does not know it here: enable the region in the account, or name it in \
                 exclude_regions; where it is enabled, run again with --resume"
            }
        },
        "SignatureDoesNotMatch" | "InvalidSignatureException" if message.contains("expired") => {
            "the clock of this machine is off by more than five minutes: set it right"
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" => match signer {
            None | Some(Parameters) => "secret_access_key does not belong to access_key_id: check both",
            Some(DefaultChain) => {
                "the secret access key that the AWS default chain has found does not belong to its key id: check \
                 AWS_SECRET_ACCESS_KEY in the environment or the profile of AWS_PROFILE"
            }
            Some(Role | WebIdentity) => {
                "AWS has given the keys of this session itself, so something on the way changes requests: check proxies and \
                 the endpoint variables AWS_ENDPOINT_URL…"
            }
        },
        "RequestTimeTooSkewed" => "the clock of this machine is off by more than a quarter of an hour: set it right",
        "RequestExpired" => {
            "the clock of this machine is off by more than five minutes, or the session has expired and cannot be \
             renewed: set the clock right, or give new temporary credentials"
        }
        "ExpiredToken" | "ExpiredTokenException" => match signer {
            None | Some(Parameters) => {
                "session_token has expired and cannot be renewed: give new temporary credentials, or use long-lived keys, \
                 Web Identity Federation (OIDC) or the AWS Default Chain, which renew themselves"
            }
            Some(DefaultChain) => {
                "the session that the AWS default chain has found has expired: with IAM Identity Center sign in again: \
                 aws sso login; otherwise renew what AWS_SESSION_TOKEN or the profile holds"
            }
            Some(Role | WebIdentity) => {
                "the session was renewed and is refused all the same: check the clock of this machine, and run again with \
                 --resume"
            }
        },
        "AuthFailure" if of_a_session => {
            "the region is probably an opt-in region that is not enabled in the account: enable it or name it in \
             exclude_regions"
        }
        "AuthFailure" => {
            "the credentials are wrong, or the region is an opt-in region that is not enabled in the account: enable it \
             or name it in exclude_regions"
        }
        _ if of_a_session => "AWS has given this session itself: run again with --resume, and check the clock of this machine",
        _ => "check the credentials",
    }
    .to_owned()
}

/// For a failed step of signing in.
pub fn for_step(error: &AuthError) -> Option<String> {
    match (error.step(), error.cause()) {
        (_, Cause::Token(token)) => Some(for_token(token)),
        (_, Cause::WrongAccount { .. }) => Some(
            "the role is in another account than its slice: put {accountId} into the last ARN of \
             sub_account_assume_role_arn_chain"
                .to_owned(),
        ),
        (Step::DefaultChain, cause) => Some(for_default_chain(&cause.to_string()).to_owned()),
        (Step::WebIdentity { .. }, Cause::Invalid(_)) => Some(
            "let the identity provider issue JWT access tokens for this client: most need an audience for that \
             (OidcAudience, or `resource` in OidcTokenParameters)"
                .to_owned(),
        ),
        (Step::WebIdentity { role_arn }, Cause::RefusedToken(aws, _)) => for_refused_token(role_arn, aws),
        (
            Step::Role {
                role_arn, external_id, ..
            },
            Cause::Aws(aws),
        ) => for_role(role_arn, *external_id, aws),
        (_, Cause::Aws(aws)) => for_call(aws),
        _ => None,
    }
}

/// For the AWS default chain, by the words of the SDK.
fn for_default_chain(message: &str) -> &'static str {
    let words = message.to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    if says(&["is not defined in", "` was not defined"]) {
        "AWS_PROFILE, or source_profile of another profile, names one that is neither in ~/.aws/config nor in \
         ~/.aws/credentials: correct the name (aws configure list-profiles shows all), or add the profile"
    } else if says(&["no credentials found in chain"]) {
        "set AWS_PROFILE or the AWS_* variables, or give access_key_id and secret_access_key with AuthenticationMethod \
         `Access Key & Secret Key`"
    } else if says(&[
        "sso-session named",
        "invalid sso config",
        "does not have `sso_account_id`",
    ]) {
        "complete the profile's sso_* lines in ~/.aws/config: aws configure sso writes them"
    } else if says(&["sso", "unauthorizedexception: session token not found"]) {
        "sign in with IAM Identity Center: aws sso login, with --profile for a profile other than the default one"
    } else if says(&["accessdenied", "not authorized to perform: sts:assumerole"]) {
        "the role that the profile assumes does not let its source in: check role_arn, the role's trust policy and \
         external_id; where the profile has mfa_serial, get a session with aws sts get-session-token --serial-number … \
         --token-code … first, and give that in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
    } else if says(&["invalidclienttokenid", "signaturedoesnotmatch", "expiredtoken"]) {
        "the credentials that the profile assumes its role with are refused: check them in ~/.aws/credentials, or sign in again"
    } else if says(&["credential process", "credential_process", "external process"]) {
        "run the profile's credential_process by hand, as this user: it must print credentials as JSON, and end with 0"
    } else if says(&["webidentitytoken", "web identity", "aws_web_identity_token_file"]) {
        "check the file that AWS_WEB_IDENTITY_TOKEN_FILE names, and the role of AWS_ROLE_ARN, whose trust policy must allow \
         sts:AssumeRoleWithWebIdentity to the token's provider"
    } else if says(&[
        "infinite loop",
        "credential source",
        "invalid profile",
        "could not parse",
    ]) {
        "mend the profile in ~/.aws/config or ~/.aws/credentials"
    } else if says(&["imds"]) {
        "the metadata service of the instance gives no credentials: attach an instance profile with a role, and let \
         AWS_EC2_METADATA_DISABLED not be true"
    } else if says(&["no such file or directory"]) {
        "a file that AWS_WEB_IDENTITY_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names is not there: correct the \
         variable, or mount the file"
    } else if says(&["dispatch failure", "timeout", "timed out"]) {
        "whoever gives out the credentials does not answer: check AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI in a \
         container, and the network"
    } else {
        "check the profile of AWS_PROFILE and the AWS_* variables, or give access_key_id and secret_access_key with \
         AuthenticationMethod `Access Key & Secret Key`"
    }
}

fn for_token(error: &TokenError) -> String {
    match error {
        TokenError::Unreachable(why) => {
            for_no_answer(why).unwrap_or("check IdpUrl, name resolution, routes and the proxy variables")
        }
        TokenError::Unexpected {
            status: PROXY_AUTHENTICATION,
            ..
        } => PROXY_CREDENTIALS,
        TokenError::Refused { error, .. } => match error.as_str() {
            "invalid_client" | "unauthorized_client" | "access_denied" => {
                "check ClientId and ClientSecret, whether the client may use the client-credentials grant, and \
                 OidcClientAuthentication (client_secret_basic or client_secret_post)"
            }
            "invalid_scope" => "check OidcScope",
            "invalid_target" => "check OidcAudience and OidcTokenParameters",
            "unsupported_grant_type" => "the client must be allowed the client-credentials grant",
            _ => "check what the identity provider's log says of this request",
        },
        TokenError::Unexpected { status: 429, .. } => "the identity provider allows fewer requests: run less often",
        TokenError::Unexpected { status: 500.., .. } => {
            "the identity provider, or a proxy before it, does not work at the moment: look at its state, and run again"
        }
        TokenError::Unexpected {
            status: 400 | 401 | 403,
            words: Some(_),
            ..
        } => {
            "the identity provider refuses the client: check ClientId, ClientSecret, OidcClientAuthentication \
             (client_secret_basic or client_secret_post) and OidcScope, and what its log says of this request"
        }
        TokenError::Unexpected { .. } => {
            "IdpUrl must be the token endpoint (token_endpoint in /.well-known/openid-configuration), not a sign-in or \
             discovery page"
        }
        TokenError::Redirected { .. } => "put the address of the token endpoint itself into IdpUrl",
        TokenError::NoToken => "IdpUrl must be a token endpoint that gives access tokens for client credentials",
    }
    .to_owned()
}

fn for_refused_token(role_arn: &str, aws: &AwsError) -> Option<String> {
    let message = aws.message.as_str();
    let hint = match aws.code.as_deref() {
        Some("InvalidIdentityToken") if message.contains("audience") || message.contains("claim: aud") => {
            "add the token's aud (or azp, where it has one) to the client ids of the identity provider in IAM, or ask \
             for the right one with OidcAudience"
                .to_owned()
        }
        Some("InvalidIdentityToken") if message.contains("No OpenIDConnect provider") => {
            "create an OIDC identity provider in IAM, in the account of RoleArn, whose URL is the token's iss"
                .to_owned()
        }
        Some(code) if code == "IDPCommunicationError" || message.contains("retrieve verification key") => {
            "AWS could not fetch the identity provider's keys: its discovery document and JWKS must be reachable from \
             the internet over https"
                .to_owned()
        }
        Some("InvalidIdentityToken") => {
            "AWS takes a JWT that is signed with RS256 or ES384 by a key in the JWKS of its iss, with iss, aud, sub, iat \
             and exp: check what the identity provider puts into this client's access tokens"
                .to_owned()
        }
        Some("AccessDenied") => format!(
            "the trust policy of {role_arn} must allow sts:AssumeRoleWithWebIdentity to the identity provider, with \
             conditions that fit the token's aud and sub; check RoleArn"
        ),
        Some("ExpiredTokenException") => {
            "the token was expired when AWS read it: check the clocks of the identity provider and of this machine"
                .to_owned()
        }
        Some("ValidationError") if is_about_duration(message) => {
            format!("lower SessionDuration, or raise the maximum session duration of {role_arn}")
        }
        _ => return for_call(aws),
    };
    Some(hint)
}

fn for_role(role_arn: &str, external_id: bool, aws: &AwsError) -> Option<String> {
    match (aws.kind, aws.code.as_deref()) {
        (ErrorKind::Denied, _) => {
            let external = if external_id {
                "its external ID must equal assume_external_id"
            } else {
                "where it asks for an external ID, set assume_external_id"
            };
            Some(format!(
                "check that {role_arn} exists and that its trust policy names the caller (AWS says the same for both); \
                 {external}; the caller's own policy must allow sts:AssumeRole on it"
            ))
        }
        (_, Some("ValidationError")) if is_about_duration(&aws.message) => Some(format!(
            "lower role_session_duration, or raise the maximum session duration of {role_arn}"
        )),
        _ => for_call(aws),
    }
}

/// AWS writes `DurationSeconds` where the role's maximum is exceeded and `durationSeconds` where its own bounds are.
fn is_about_duration(message: &str) -> bool {
    message.to_ascii_lowercase().contains("durationseconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_is_told_from_the_words_of_the_connection() {
        for (message, hint) in [
            ("tunnel error: proxy authorization required", "user:password@host:port"),
            ("tunnel error: unsuccessful", "NO_PROXY"),
            (
                "TLS handshake failed: invalid peer certificate: UnknownIssuer",
                "AWS_CA_BUNDLE",
            ),
            ("tcp connect error: Connection refused (os error 111)", "IdpUrl"),
        ] {
            let found = for_token(&TokenError::Unreachable(message.to_owned()));
            assert!(found.contains(hint), "{message}: {found}");
        }
        let refused = TokenError::Unexpected {
            status: 407,
            content_type: None,
            words: None,
        };
        assert!(for_token(&refused).contains("user:password@host:port"));
    }

    /// An answer of AWS to a call that is signed by `signer`.
    fn refused(code: &str, message: &str, signer: Option<Signer>) -> AwsError {
        AwsError {
            kind: ErrorKind::Credentials,
            code: Some(code.to_owned()),
            signer,
            ..AwsError::answer("sts", "GetCallerIdentity", message)
        }
    }

    #[test]
    fn a_hint_is_about_those_whose_credentials_were_refused() {
        use Signer::{DefaultChain, Parameters, Role, WebIdentity};
        for (code, message, signer, hint) in [
            ("InvalidClientTokenId", "", Parameters, "check access_key_id"),
            ("InvalidClientTokenId", "", DefaultChain, "aws sso login"),
            ("InvalidClientTokenId", "", Role, "does not know it here"),
            ("UnrecognizedClientException", "", WebIdentity, "does not know it here"),
            (
                "SignatureDoesNotMatch",
                "",
                Parameters,
                "secret_access_key does not belong to access_key_id",
            ),
            ("SignatureDoesNotMatch", "", DefaultChain, "AWS_SECRET_ACCESS_KEY"),
            (
                "SignatureDoesNotMatch",
                "",
                Role,
                "something on the way changes requests",
            ),
            (
                "SignatureDoesNotMatch",
                "Signature expired: ",
                Role,
                "the clock of this machine",
            ),
            ("ExpiredToken", "", Parameters, "session_token has expired"),
            ("ExpiredToken", "", DefaultChain, "aws sso login"),
            ("ExpiredTokenException", "", Role, "the session was renewed"),
            (
                "AuthFailure",
                "",
                Parameters,
                "the credentials are wrong, or the region",
            ),
            ("AuthFailure", "", Role, "the region is probably an opt-in region"),
        ] {
            let found = for_call(&refused(code, message, Some(signer))).unwrap_or_default();
            assert!(found.contains(hint), "{code} {signer:?}: {found}");
            let names_keys = found.contains("access_key_id") || found.contains("session_token");
            assert!(!names_keys || signer == Parameters, "{code} {signer:?}: {found}");
        }
        assert!(for_call(&refused("NewCode", "", None)).is_some_and(|hint| hint == "check the credentials"));
    }

    /// The words are the SDK's own, as it was seen to say them.
    #[test]
    fn the_links_of_the_default_chain_are_told_apart() {
        let loading = "an error occurred while loading credentials: ";
        for (words, hint) in [
            (
                "no credentials found in chain. Attempted: Environment: …; WebIdentityToken: …",
                "set AWS_PROFILE or",
            ),
            (
                "the profile `x` is not defined in ~/.aws/config or ~/.aws/credentials",
                "aws configure list-profiles",
            ),
            (
                "failed to read `/h/.aws/sso/cache/39.json`: No such file or directory (os error 2)",
                "aws sso login",
            ),
            (
                "an error occurred while loading an access token: failed to load the cached SSO token",
                "aws sso login",
            ),
            (
                "service error: UnauthorizedException: Session token not found or invalid",
                "aws sso login",
            ),
            ("profile `s` has invalid SSO config: no region", "aws configure sso"),
            (
                "Error retrieving credentials: external process exited with code exit status: 127.",
                "credential_process",
            ),
            (
                "service error: AccessDenied: User: … is not authorized to perform: sts:AssumeRole",
                "mfa_serial",
            ),
            ("No such file or directory (os error 2)", "AWS_WEB_IDENTITY_TOKEN_FILE"),
            (
                "unexpected credentials error: dispatch failure: io error",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            ),
            ("something new", "check the profile of AWS_PROFILE"),
        ] {
            let found = for_default_chain(&format!("{loading}{words}"));
            assert!(found.contains(hint), "{words}: {found}");
        }
    }
}
