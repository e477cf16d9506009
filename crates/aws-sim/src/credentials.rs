//! Who calls: long-term keys, sessions, and the check that a request was signed with them.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::chance;
use crate::estate::{Role, User, matches};
use crate::http::Request;
use crate::sigv4::{Authorization, sha256_hex};
use crate::stamp;
use crate::world::World;

/// What stands in place of the body's hash where the body is not signed.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// How far a date may be from the clock of S3.
pub(crate) const S3_SKEW: Duration = Duration::from_secs(15 * 60);

/// A user, or a role in one session.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) account: String,
    pub(crate) arn: String,
    pub(crate) user_id: String,
    /// The ARN of the role, when this is a role's session.
    pub(crate) role: Option<String>,
    pub(crate) source_identity: Option<String>,
    denied: Vec<String>,
}

impl Identity {
    pub(crate) fn user(user: &User) -> Self {
        let arn = format!("arn:aws:iam::{}:user/{}", user.account, user.name);
        Self {
            account: user.account.clone(),
            user_id: unique_id("AIDA", &arn),
            role: None,
            source_identity: None,
            denied: user.denied.clone(),
            arn,
        }
    }

    pub(crate) fn session(account: &str, role: &Role, session: &str, source_identity: Option<String>) -> Self {
        let role_arn = format!("arn:aws:iam::{account}:role/{}", role.name);
        Self {
            account: account.to_owned(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{}/{session}", role.short_name()),
            user_id: format!("{}:{session}", unique_id("AROA", &role_arn)),
            role: Some(role_arn),
            source_identity,
            denied: role.denied.clone(),
        }
    }

    /// Whether its own policies lack an action.
    pub(crate) fn lacks(&self, action: &str) -> bool {
        self.denied.iter().any(|denied| matches(denied, action))
    }
}

/// What a request can be signed with.
pub(crate) struct Credential {
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) session: Option<SessionPart>,
    pub(crate) identity: Arc<Identity>,
}

/// What a session has and a long-term key has not.
pub(crate) struct SessionPart {
    pub(crate) token: String,
    pub(crate) expires: i64,
}

/// Why a request was not taken as its caller's. The services have different codes for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoAuthorization,
    Malformed(String),
    UnknownKey,
    WrongSessionToken,
    Expired,
    WrongSignature,
    /// The body is not the one that was announced; with its true hash.
    WrongDigest(String),
    /// The signature's date is too far from the clock; the message is AWS's.
    Skewed(String),
}

/// Verifies a request's signature and gives its caller.
pub(crate) fn authenticate(
    world: &World,
    request: &Request,
    authorization: &Authorization,
) -> Result<Arc<Credential>, Refusal> {
    for required in ["host", "x-amz-date", "x-amz-security-token"] {
        let needed = required == "host" || request.header(required).is_some();
        if needed && !authorization.covers(required) {
            return Err(Refusal::Malformed(format!(
                "'{required}' must be a 'SignedHeader' in the AWS Authorization."
            )));
        }
    }
    let date = request.header("x-amz-date").unwrap_or_default();
    let signed_at = stamp::parse_basic(date).ok_or_else(|| {
        Refusal::Malformed(format!(
            "Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ))
    })?;
    if !date.starts_with(&authorization.date) {
        return Err(Refusal::Malformed(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{date}'.",
            authorization.date,
            &date[..8]
        )));
    }
    let credential = world
        .credential(&authorization.access_key_id)
        .ok_or(Refusal::UnknownKey)?;
    let token = request.header("x-amz-security-token");
    match (&credential.session, token) {
        (None, None) => {}
        (Some(session), Some(token)) if session.token == token => {}
        _ => return Err(Refusal::WrongSessionToken),
    }
    check_skew(world, &authorization.service, date, signed_at)?;
    let expected = authorization.expected(request, &credential.secret, date);
    verify_slices_are_equal(expected.as_bytes(), authorization.signature.as_bytes())
        .map_err(|_| Refusal::WrongSignature)?;
    check_digest(request)?;
    if credential
        .session
        .as_ref()
        .is_some_and(|session| session.expires <= world.clock.unix())
    {
        return Err(Refusal::Expired);
    }
    Ok(credential)
}

/// Where a hash of the body was announced (and signed), the body must have it.
fn check_digest(request: &Request) -> Result<(), Refusal> {
    let Some(announced) = request.header("x-amz-content-sha256") else {
        return Ok(());
    };
    if announced == UNSIGNED_PAYLOAD {
        return Ok(());
    }
    let is = sha256_hex(&request.body);
    if announced == is {
        Ok(())
    } else {
        Err(Refusal::WrongDigest(is))
    }
}

/// S3 allows a quarter of an hour, all others five minutes.
fn check_skew(world: &World, service: &str, date: &str, signed_at: i64) -> Result<(), Refusal> {
    let Some(allowed) = world.estate.skew else {
        return Ok(());
    };
    let allowed = if service == "s3" { allowed.max(S3_SKEW) } else { allowed };
    let (now, minutes) = (world.clock.unix(), allowed.as_secs() / 60);
    let allowed = i64::try_from(allowed.as_secs()).unwrap_or(i64::MAX);
    let here = stamp::basic(now);
    if signed_at < now - allowed {
        let limit = stamp::basic(now - allowed);
        let message = format!("Signature expired: {date} is now earlier than {limit} ({here} - {minutes} min.)");
        return Err(Refusal::Skewed(message));
    }
    if signed_at > now + allowed {
        let limit = stamp::basic(now + allowed);
        let message =
            format!("Signature not yet current: {date} is still later than {limit} ({here} + {minutes} min.)");
        return Err(Refusal::Skewed(message));
    }
    Ok(())
}

/// Opens a session for an identity.
pub(crate) fn open_session(world: &World, identity: Arc<Identity>, duration: Duration) -> Arc<Credential> {
    let seed = chance::mix(world.estate.seed).wrapping_add(world.serial());
    let expires = world.clock.unix() + i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 2);
    world.keep(Credential {
        access_key_id: format!("ASIA{}", chance::letters(seed ^ 0xa51a, 16, chance::BASE32)),
        secret: chance::letters(seed ^ 0x5ec7, 40, chance::BASE64),
        session: Some(SessionPart {
            token: format!("IQoJb3JpZ2lu{}", chance::letters(seed ^ 0x70ce, 340, chance::BASE64)),
            expires,
        }),
        identity,
    })
}

/// `AROA` and 17 letters, as the unique ids of IAM are.
pub(crate) fn unique_id(prefix: &str, arn: &str) -> String {
    format!(
        "{prefix}{}",
        chance::letters(chance::of_text(0, arn), 17, chance::BASE32)
    )
}
