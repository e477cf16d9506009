//! The identity provider: a token endpoint for client credentials, its configuration and its keys.
//! RFC 6749 sections 2.3.1 and 4.4, RFC 8414, RFC 8707.

mod client;
mod token;

use serde_json::json;

use crate::http::{Answer, Request};
use crate::record::Call;
use crate::world::World;

pub(crate) const TOKEN_PATH: &str = "/oauth2/token";

/// The operation that a path stands for; `None` when the path is not the identity provider's.
pub(crate) fn operation(path: &str) -> Option<&'static str> {
    match path {
        TOKEN_PATH => Some("Token"),
        "/.well-known/openid-configuration" => Some("Configuration"),
        "/.well-known/jwks.json" => Some("Keys"),
        _ => None,
    }
}

/// Answers a request to the identity provider.
pub(crate) fn answer(world: &World, operation: &str, request: &Request, call: &mut Call) -> Answer {
    match operation {
        "Token" => token::answer(world, request, call),
        "Keys" => Answer::new(200, "application/json", world.key.jwks().to_owned()),
        _ => configuration(world),
    }
}

/// Notes the fields of a token request before anything is decided about it.
pub(crate) fn note(request: &Request, call: &mut Call) {
    client::note(request, call);
}

fn configuration(world: &World) -> Answer {
    let endpoint = world.endpoint();
    let body = json!({
        "issuer": world.issuer(),
        "token_endpoint": format!("{endpoint}{TOKEN_PATH}"),
        "jwks_uri": format!("{endpoint}/.well-known/jwks.json"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": client::methods(world.estate.idp.authentication),
    });
    Answer::new(200, "application/json", body.to_string())
}

/// An error of OAuth 2.
fn oauth_error(call: &mut Call, status: u16, code: &str, description: &str) -> Answer {
    call.error = Some(code.to_owned());
    let body = json!({"error": code, "error_description": description}).to_string();
    Answer::new(status, "application/json", body).with_header("cache-control", "no-store")
}
