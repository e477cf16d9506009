//! AssumeRoleWithWebIdentity: an unsigned call that carries an identity provider's token.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use std::sync::Arc;
use std::time::Duration;

use super::assume_role::check_maximum;
use super::validate::{self, Problems};
use crate::credentials::{Identity, open_session};
use crate::estate::{Account, AccountState, OidcProvider, TrustWebIdentity};
use crate::failure::Failure;
use crate::jwt::Token;
use crate::params::Params;
use crate::world::World;
use crate::xml::Xml;

pub(super) fn call(world: &World, params: &Params) -> Result<String, Failure> {
    let mut problems = Problems::default();
    problems.arn(params, "RoleArn");
    problems.text(params, "RoleSessionName", true, (2, 64), "+=,.@-");
    problems.finish()?;
    let seconds = validate::duration(params, 3600, 43_200)?;
    let arn = params.get("RoleArn").unwrap_or_default();
    validate::role_arn(arn)?;
    validate::no_session_policy(params)?;
    let Some(text) = params.get("WebIdentityToken") else {
        let message = "1 validation error detected: Value null at 'webIdentityToken' failed to satisfy constraint: \
                       Member must not be null";
        return Err(Failure::new(400, "ValidationError", message));
    };

    let token = Token::parse(text)
        .filter(|token| token.header("alg") == Some("RS256"))
        .ok_or_else(|| {
            invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
        })?;
    let issuer = token.claim("iss").unwrap_or_default();
    let subject = token
        .claim("sub")
        .ok_or_else(|| invalid("Missing a required claim: sub"))?;
    let account = arn.get(13..25).and_then(|id| world.estate.accounts.get(id));
    let provider = account
        .and_then(|account| provider(world, account, issuer))
        .ok_or_else(|| invalid(format!("No OpenIDConnect provider found in your account for {issuer}")))?;
    let audience = audience(&token, provider)?;
    verify(world, &token, provider)?;

    let refused = || {
        Failure::new(
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        )
    };
    let (account, role) = world.role(arn).ok_or_else(refused)?;
    let trust = role.web_identity.as_ref().ok_or_else(refused)?;
    let suspended = matches!(account.state, AccountState::Suspended | AccountState::Closed);
    if suspended || !trusts(world, trust, issuer, &audience, subject) {
        return Err(refused());
    }
    check_maximum(role, seconds)?;

    let name = params.get("RoleSessionName").unwrap_or_default();
    let identity = Identity::session(&account.id, role, name, None);
    let session = open_session(world, Arc::new(identity), Duration::from_secs(seconds));
    let mut xml = Xml::with_capacity(1536);
    xml.text("SubjectFromWebIdentityToken", subject);
    xml.text("Audience", &audience);
    super::assumed_role_user(&mut xml, &session.identity);
    super::credentials(&mut xml, &session);
    xml.text(
        "Provider",
        &format!("arn:aws:iam::{}:oidc-provider/{}", account.id, without_scheme(issuer)),
    );
    Ok(xml.finish())
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(400, "InvalidIdentityToken", message)
}

/// The provider that the account has registered for an issuer.
fn provider<'a>(world: &World, account: &'a Account, issuer: &str) -> Option<&'a OidcProvider> {
    account
        .providers
        .iter()
        .find(|provider| provider.issuer.as_deref().unwrap_or_else(|| world.issuer()) == issuer)
}

/// What counts as the token's audience: `azp` where there is one, else one of `aud`.
fn audience(token: &Token<'_>, provider: &OidcProvider) -> Result<String, Failure> {
    if token.audiences().is_empty() {
        return Err(invalid("Missing a required claim: aud"));
    }
    let candidates = token.claim("azp").map_or_else(|| token.audiences(), |azp| vec![azp]);
    candidates
        .into_iter()
        .find(|candidate| provider.client_ids.iter().any(|id| id == candidate))
        .map(str::to_owned)
        .ok_or_else(|| invalid("Incorrect token audience"))
}

fn verify(world: &World, token: &Token<'_>, provider: &OidcProvider) -> Result<(), Failure> {
    let keys = provider.keys.as_deref().unwrap_or_else(|| world.key.jwks());
    match token.verify(keys) {
        Some(true) => {}
        Some(false) => return Err(invalid("Token signature invalid")),
        None => {
            return Err(invalid(
                "Couldn't retrieve verification key from your identity provider, please reference \
                 AssumeRoleWithWebIdentity documentation for requirements",
            ));
        }
    }
    let expires = token
        .time("exp")
        .ok_or_else(|| invalid("Missing a required claim: exp"))?;
    token
        .time("iat")
        .ok_or_else(|| invalid("Missing a required claim: iat"))?;
    let now = world.clock.unix();
    if expires <= now {
        let message =
            format!("Token expired: current date/time {now} must be before the expiration date/time {expires}");
        return Err(Failure::new(400, "ExpiredTokenException", message));
    }
    Ok(())
}

fn trusts(world: &World, trust: &TrustWebIdentity, issuer: &str, audience: &str, subject: &str) -> bool {
    let allowed = |list: &[String], value: &str| list.is_empty() || list.iter().any(|entry| entry == value);
    trust.issuer.as_deref().unwrap_or_else(|| world.issuer()) == issuer
        && allowed(&trust.audiences, audience)
        && allowed(&trust.subjects, subject)
}

fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}
