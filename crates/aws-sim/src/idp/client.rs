//! Client authentication: the header of `client_secret_basic` or the fields of `client_secret_post`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::oauth_error;
use crate::estate::{ClientAuthentication, IdpClient};
use crate::http::{Answer, Request, form_fields};
use crate::record::Call;
use crate::world::World;

/// Fields that must never be written down.
const SECRET: [&str; 4] = ["client_secret", "client_assertion", "password", "refresh_token"];

/// The methods' names in the provider's configuration.
pub(super) fn methods(accepted: ClientAuthentication) -> &'static [&'static str] {
    match accepted {
        ClientAuthentication::Either => &["client_secret_basic", "client_secret_post"],
        ClientAuthentication::Basic => &["client_secret_basic"],
        ClientAuthentication::Post => &["client_secret_post"],
    }
}

/// The fields of the form.
pub(super) fn fields(request: &Request) -> Vec<(String, String)> {
    form_fields(&String::from_utf8_lossy(&request.body))
}

/// Puts the fields that are no secrets into the record.
pub(super) fn note(request: &Request, call: &mut Call) {
    let fields = fields(request);
    let method = match (basic(request), fields.iter().any(|(name, _)| name == "client_secret")) {
        (Some(_), false) => "client_secret_basic",
        (Some(_), true) => "both",
        (None, true) => "client_secret_post",
        (None, false) => "none",
    };
    call.parameters
        .extend(fields.into_iter().filter(|(name, _)| !SECRET.contains(&name.as_str())));
    if let Some(Some((id, _))) = basic(request) {
        call.parameters.insert("client_id".to_owned(), id);
    }
    call.parameters
        .insert("client_authentication".to_owned(), method.to_owned());
}

/// The header's id and secret, each form-decoded (RFC 6749, 2.3.1); the inner `None` when it cannot be read.
fn basic(request: &Request) -> Option<Option<(String, String)>> {
    let header = request.header("authorization")?;
    let (scheme, encoded) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Some(None);
    }
    let read = || {
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((strict_decode(id)?, strict_decode(secret)?))
    };
    Some(read())
}

/// Refuses what is not form-urlencoded, as certified providers do: that is how a raw secret is noticed.
fn strict_decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let sound = bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => hex(at + 1) && hex(at + 2),
        b' ' | b'&' | b'=' => false,
        _ => true,
    });
    sound.then(|| crate::http::form_decode(text))
}

/// The client that a request proves to be.
pub(super) fn authenticate<'a>(world: &'a World, request: &Request, call: &mut Call) -> Result<&'a IdpClient, Answer> {
    let fields = fields(request);
    let field = |name: &str| {
        fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.clone())
    };
    let idp = &world.estate.idp;
    let (accepted, id, secret) = match (basic(request), field("client_secret")) {
        (Some(_), Some(_)) => {
            let text = "client authentication must only be provided using one mechanism";
            return Err(oauth_error(call, 400, "invalid_request", text));
        }
        (Some(None), _) => {
            return Err(oauth_error(
                call,
                400,
                "invalid_request",
                "invalid authorization header value format",
            ));
        }
        (Some(Some((id, secret))), None) => (idp.authentication != ClientAuthentication::Post, id, secret),
        (None, Some(secret)) => (
            idp.authentication != ClientAuthentication::Basic,
            field("client_id").unwrap_or_default(),
            secret,
        ),
        (None, None) => {
            return Err(oauth_error(
                call,
                400,
                "invalid_request",
                "no client authentication mechanism provided",
            ));
        }
    };
    let client = idp
        .clients
        .iter()
        .find(|client| client.id == id && client.secret == secret);
    client.filter(|_| accepted).ok_or_else(|| {
        let answer = oauth_error(call, 401, "invalid_client", "client authentication failed");
        answer.with_header("www-authenticate", "Basic realm=\"aws-sim\"")
    })
}
