//! The token endpoint, in order and out of order.

use serde_json::{Value, json};

use super::{client, oauth_error};
use crate::chance;
use crate::estate::{IdpClient, IdpMode};
use crate::http::{Answer, Request};
use crate::locked;
use crate::record::Call;
use crate::world::World;

pub(super) fn answer(world: &World, request: &Request, call: &mut Call) -> Answer {
    if request.method != "POST" {
        return oauth_error(call, 405, "invalid_request", "only POST").with_header("allow", "POST");
    }
    let mode = locked(&world.idp_mode).clone();
    match &mode {
        IdpMode::Status(401) => return oauth_error(call, 401, "invalid_client", "client authentication failed"),
        IdpMode::Status(status) => {
            call.error = Some(format!("status {status}"));
            return Answer::new(*status, "text/plain", "The identity provider is out of order.");
        }
        IdpMode::Redirect(to) => {
            return Answer::new(302, "text/html", "<a href=\"/login\">Found</a>").with_header("location", to);
        }
        IdpMode::Html => {
            let page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in</body></html>";
            return Answer::new(200, "text/html; charset=utf-8", page);
        }
        IdpMode::NotJson => return Answer::new(200, "application/json", "access_token=abc"),
        _ => {}
    }
    match request_in_order(world, request, call) {
        Err(refusal) => refusal,
        Ok((client, audience, scope)) => issue(world, client, audience, scope, &mode),
    }
}

type Order<'a> = (&'a IdpClient, String, Option<String>);

fn request_in_order<'a>(world: &'a World, request: &Request, call: &mut Call) -> Result<Order<'a>, Answer> {
    let form = "application/x-www-form-urlencoded";
    if !request
        .header("content-type")
        .is_some_and(|value| value.starts_with(form))
    {
        return Err(oauth_error(
            call,
            400,
            "invalid_request",
            "only application/x-www-form-urlencoded is supported",
        ));
    }
    let fields = client::fields(request);
    let field = |name: &str| {
        fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.clone())
    };
    let client = client::authenticate(world, request, call)?;
    match field("grant_type").as_deref() {
        Some("client_credentials") => {}
        None => {
            return Err(oauth_error(
                call,
                400,
                "invalid_request",
                "missing required parameter 'grant_type'",
            ));
        }
        Some(_) => {
            return Err(oauth_error(
                call,
                400,
                "unsupported_grant_type",
                "unsupported grant_type requested",
            ));
        }
    }
    let idp = &world.estate.idp;
    let scope = field("scope").filter(|scope| !scope.is_empty());
    let scopes = || scope.iter().flat_map(|scope| scope.split(' '));
    if idp
        .scope
        .as_ref()
        .is_some_and(|required| !scopes().any(|scope| scope == required))
    {
        return Err(oauth_error(
            call,
            400,
            "invalid_scope",
            "requested scope is not allowed",
        ));
    }
    let asked = field("audience")
        .or_else(|| field("resource"))
        .filter(|audience| !audience.is_empty());
    if idp.audience.is_some() && asked != idp.audience {
        return Err(oauth_error(
            call,
            400,
            "invalid_target",
            "resource indicator is missing, or unknown",
        ));
    }
    Ok((client, asked.unwrap_or_else(|| client.audience.clone()), scope))
}

fn issue(world: &World, client: &IdpClient, audience: String, scope: Option<String>, mode: &IdpMode) -> Answer {
    let now = world.clock.unix();
    let lifetime = i64::try_from(world.estate.idp.lifetime.as_secs()).unwrap_or(i64::MAX / 2);
    let mut claims = json!({
        "iss": world.issuer(),
        "sub": client.subject,
        "aud": audience,
        "iat": now,
        "exp": now + lifetime,
        "jti": world.request_id(),
    });
    for (name, value) in client
        .azp
        .iter()
        .map(|azp| ("azp", azp))
        .chain(client.claims.iter().map(|(n, v)| (n.as_str(), v)))
    {
        claims[name] = Value::from(value.as_str());
    }
    if let Some(scope) = &scope {
        claims["scope"] = scope.as_str().into();
    }
    match mode {
        IdpMode::WrongAudience => claims["aud"] = "https://another.example.com".into(),
        IdpMode::WrongIssuer => claims["iss"] = "https://another.example.com".into(),
        IdpMode::Expired => claims["exp"] = (now - 1).into(),
        IdpMode::NoAudience => {
            claims.as_object_mut().map(|claims| claims.remove("aud"));
        }
        _ => {}
    }
    let token = match mode {
        IdpMode::Opaque => chance::letters(chance::mix(world.serial()), 43, chance::BASE32),
        _ => world.key.sign(&claims).unwrap_or_default(),
    };
    let token = match mode {
        IdpMode::BadSignature => spoil(&token),
        _ => token,
    };
    locked(&world.access_tokens).push(token.clone());
    let mut body = json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime});
    if let Some(scope) = scope {
        body["scope"] = scope.into();
    }
    if *mode == IdpMode::NoAccessToken {
        body.as_object_mut().map(|body| body.remove("access_token"));
    }
    Answer::new(200, "application/json", body.to_string()).with_header("cache-control", "no-store")
}

/// Changes the first letter of the signature.
fn spoil(token: &str) -> String {
    let Some((content, signature)) = token.rsplit_once('.') else {
        return String::new();
    };
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{content}.{first}{}", signature.get(1..).unwrap_or_default())
}
