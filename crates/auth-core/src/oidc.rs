//! The client-credentials request to an identity provider's token endpoint (RFC 6749, section 4.4).

use std::fmt;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::timeout::TimeoutConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use serde_json::Value as Json;
use url::form_urlencoded;

use crate::answer::MILLISECONDS;
use crate::host::{Host, READ_TIMEOUT};
use crate::secret::FORGOTTEN;
use crate::settings::{ClientAuthentication, WebIdentity};

/// An identity provider that needs longer than this for a token is down.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(60);

/// What is kept of the words of a provider, in characters.
const MOST_WORDS: usize = 500;

/// Fields of a token request whose values are no secrets, and that a provider's or AWS's words are about:
/// <https://www.iana.org/assignments/oauth-parameters/oauth-parameters.xhtml>. What other fields hold nobody knows.
const PUBLIC_FIELDS: [&str; 8] = [
    "audience",
    "client_assertion_type",
    "client_id",
    "grant_type",
    "organization",
    "requested_token_type",
    "resource",
    "scope",
];

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// No answer.
    Unreachable(String),
    /// The provider refused: an OAuth error of RFC 6749, section 5.2.
    Refused {
        /// The HTTP status.
        status: u16,
        /// `error`: `invalid_client`, `invalid_scope` …
        error: String,
        /// `error_description`
        description: Option<String>,
    },
    /// An answer that is none of RFC 6749.
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// The content type, where one was given.
        content_type: Option<String>,
        /// What it says all the same.
        words: Option<String>,
    },
    /// Redirects are not followed: they would carry the client's secret to wherever they point.
    Redirected {
        /// The `Location`.
        location: String,
    },
    /// JSON without `access_token`.
    NoToken,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenError::Unreachable(why) => write!(f, "no answer: {why}"),
            TokenError::Refused {
                status,
                error,
                description,
            } => {
                write!(f, "HTTP {status}: {error}")?;
                description.as_ref().map_or(Ok(()), |text| write!(f, ": {text}"))
            }
            TokenError::Unexpected {
                status,
                content_type,
                words,
            } => {
                let content_type = content_type.as_deref().unwrap_or("no content type");
                write!(f, "HTTP {status} with {content_type} instead of a token in JSON")?;
                words.as_ref().map_or(Ok(()), |words| write!(f, ": {words}"))
            }
            TokenError::Redirected { location } => {
                write!(
                    f,
                    "it redirects to {location}; redirects are not followed, they would carry the secret along"
                )
            }
            TokenError::NoToken => f.write_str("its answer has no access_token"),
        }
    }
}

impl std::error::Error for TokenError {}

impl TokenError {
    /// Whether another try may go better, some time later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            TokenError::Unreachable(_) => true,
            TokenError::Refused { status, .. } => *status == 429 || *status >= 500,
            TokenError::Unexpected { status, .. } => *status < 300 || *status == 429 || *status >= 500,
            TokenError::Redirected { .. } | TokenError::NoToken => false,
        }
    }
}

/// Asks for a new token. Never cached: an old one would fail in mid-run.
///
/// # Errors
/// See [`TokenError`]; answers of 429 and 5xx and broken connections are retried first.
pub async fn request_token(host: &Host, identity: &WebIdentity) -> Result<SecretString, TokenError> {
    identity
        .client_secret
        .expose(|secret| host.mask.add_basic(&identity.client_id, secret));
    let fields = identity.token_parameters.iter();
    let secret = fields.filter(|(name, _)| !PUBLIC_FIELDS.contains(&name.as_str()));
    secret.for_each(|(_, value)| host.mask.add(value));
    let form = Form::of(identity).ok_or_else(|| TokenError::Unreachable(FORGOTTEN.to_owned()))?;
    let operation = operation(host, identity);
    operation.invoke(form).await.map_err(|error| match error {
        SdkError::ServiceError(inner) => inner.into_err(),
        SdkError::TimeoutError(_) => TokenError::Unreachable(format!("none within {} s", TOKEN_TIMEOUT.as_secs())),
        SdkError::ResponseError(inner) => TokenError::Unexpected {
            status: inner.raw().status().as_u16(),
            content_type: inner.raw().headers().get("content-type").map(str::to_owned),
            words: None,
        },
        other => TokenError::Unreachable(crate::error::innermost(&other)),
    })
}

fn operation(host: &Host, identity: &WebIdentity) -> Operation<Form, SecretString, TokenError> {
    Operation::builder()
        .service_name("identity-provider")
        .operation_name("ClientCredentials")
        .behavior_version(BehaviorVersion::latest())
        .http_client(host.foreign_http())
        .endpoint_url(&identity.token_url.origin().ascii_serialization())
        .no_auth()
        .sleep_impl(host.sleep.clone())
        .time_source(host.time.clone())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .read_timeout(READ_TIMEOUT)
                .operation_timeout(TOKEN_TIMEOUT)
                .build(),
        )
        .standard_retry(
            &host
                .retries
                .clone()
                .with_max_attempts(host.retries.max_attempts().min(4)),
        )
        .retry_classifier(HttpStatusCodeClassifier::new_from_codes(
            &[429_u16, 500, 502, 503, 504][..],
        ))
        .retry_classifier(TransientErrorClassifier::<TokenError>::new())
        .retry_classifier(NotOfTheProvider)
        .retry_classifier(WaitAsTold)
        .runtime_plugin(own_retries())
        .serializer(|form: Form| form.into_request())
        .deserializer::<SecretString, TokenError>(|response| {
            read_answer(response).map_err(OrchestratorError::operation)
        })
        .build()
}

/// Retries of one request must not use up those of the next: by default all of a process share them.
fn own_retries() -> StaticRuntimePlugin {
    let mut layer = Layer::new("retries of the token request");
    layer.store_put(RetryPartition::custom("identity-provider").build());
    StaticRuntimePlugin::new().with_config(layer.freeze())
}

/// A success without JSON comes from something in between, such as a network that wants a sign-in; the next try may get
/// through.
#[derive(Debug)]
struct NotOfTheProvider;

impl ClassifyRetry for NotOfTheProvider {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(|outcome| outcome.err());
        let error = error.and_then(|error| error.as_operation_error());
        match error.and_then(|error| error.downcast_ref::<TokenError>()) {
            Some(TokenError::Unexpected { status: 200..300, .. }) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "not of the identity provider"
    }
}

/// Adds the pause that the provider asks for to a retry that is due anyway.
#[derive(Debug)]
struct WaitAsTold;

impl ClassifyRetry for WaitAsTold {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, context: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        let told = context
            .response()
            .and_then(|response| response.headers().get(MILLISECONDS));
        let told = told.and_then(|told| told.parse().ok()).map(Duration::from_millis);
        match (previous, told) {
            (RetryAction::RetryIndicated(RetryReason::RetryableError { kind, .. }), Some(wait)) => {
                RetryAction::retryable_error_with_explicit_delay(*kind, wait)
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "Retry-After"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::http_status_code_classifier())
    }
}

/// The request's body and header. No `Debug` of the content: it holds the client's secret.
struct Form {
    path_and_query: String,
    body: String,
    authorization: Option<String>,
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form(REDACTED)")
    }
}

impl Form {
    /// `None` where the secret is forgotten.
    fn of(identity: &WebIdentity) -> Option<Self> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        for (name, value) in [("scope", &identity.scope), ("audience", &identity.audience)] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        form.extend_pairs(&identity.token_parameters);
        let authorization = identity
            .client_secret
            .expose(|secret| match identity.client_authentication {
                ClientAuthentication::Basic => {
                    // Form-encoded before base64 (RFC 6749, section 2.3.1): a secret with `:` or `%` fails otherwise.
                    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                    let pair = format!("{}:{}", encode(&identity.client_id), encode(secret));
                    Some(format!("Basic {}", STANDARD.encode(pair)))
                }
                ClientAuthentication::Post => {
                    form.append_pair("client_id", &identity.client_id);
                    form.append_pair("client_secret", secret);
                    None
                }
            })?;
        Some(Form {
            path_and_query: identity.token_url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
            body: form.finish(),
            authorization,
        })
    }

    fn into_request(self) -> Result<HttpRequest, aws_smithy_runtime_api::box_error::BoxError> {
        let mut request = HttpRequest::new(SdkBody::from(self.body));
        request.set_method("POST")?;
        request.set_uri(self.path_and_query)?;
        request
            .headers_mut()
            .insert("content-type", "application/x-www-form-urlencoded");
        request.headers_mut().insert("accept", "application/json");
        if let Some(authorization) = self.authorization {
            request.headers_mut().insert("authorization", authorization);
        }
        Ok(request)
    }
}

fn read_answer(response: &HttpResponse) -> Result<SecretString, TokenError> {
    let status = response.status().as_u16();
    if (300..400).contains(&status) {
        let location = response.headers().get("location").unwrap_or("nowhere").to_owned();
        return Err(TokenError::Redirected { location });
    }
    let body = response.body().bytes().unwrap_or_default();
    // RFC 8259 forbids the mark, and lets it be ignored.
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let json = serde_json::from_slice::<Json>(body).ok();
    let text = |name: &str| json.as_ref()?.get(name)?.as_str().map(str::to_owned);
    if let (200..300, Some(token)) = (status, text("access_token").filter(|token| !token.is_empty())) {
        return Ok(SecretString::from(token));
    }
    if let Some(error) = text("error") {
        return Err(TokenError::Refused {
            status,
            error,
            description: text("error_description").or_else(|| text("message")),
        });
    }
    let words = match &json {
        Some(json) => words_of(json),
        None => words_of_text(&String::from_utf8_lossy(body)),
    };
    if (200..300).contains(&status) && words.is_none() && json.is_some_and(|json| json.is_object()) {
        return Err(TokenError::NoToken);
    }
    let content_type = response.headers().get("content-type").map(str::to_owned);
    Err(TokenError::Unexpected {
        status,
        content_type,
        words,
    })
}

/// Names under which providers write what is wrong: Okta's API, RFC 9457, gateways of Google and AWS.
const WORDS: [&str; 11] = [
    "errorCode",
    "code",
    "title",
    "errorSummary",
    "error_description",
    "message",
    "Message",
    "detail",
    "description",
    "msg",
    "reason",
];

/// What an error says that is not one of RFC 6749.
fn words_of(json: &Json) -> Option<String> {
    let words = match json {
        Json::String(text) => text.clone(),
        Json::Array(errors) => words_of(errors.first()?)?,
        Json::Object(error) => {
            let said = |name: &&str| match error.get(*name)? {
                Json::String(text) => Some(text.clone()),
                Json::Number(number) => Some(number.to_string()),
                _ => None,
            };
            let said: Vec<String> = WORDS.iter().filter_map(said).collect();
            match said.is_empty() {
                false => said.join(": "),
                true => words_of(error.get("error").or_else(|| error.get("errors"))?)?,
            }
        }
        _ => return None,
    };
    words_of_text(&words)
}

/// The beginning of a text, on one line. A web page is none: its words are for a browser.
fn words_of_text(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() || text.starts_with('<') {
        return None;
    }
    Some(text.chars().take(MOST_WORDS).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::arn::RoleTemplate;

    fn identity(client_authentication: ClientAuthentication) -> WebIdentity {
        WebIdentity {
            token_url: "https://idp.example/token".parse().unwrap(),
            client_id: "client:1".into(),
            client_secret: "s3cret/+=:% &x".into(),
            client_authentication,
            scope: Some("a b".into()),
            audience: Some("https://aws".into()),
            token_parameters: [("resource".to_owned(), "urn:x".to_owned())].into(),
            role_arn: RoleTemplate::parse("arn:aws:iam::111111111111:role/a").unwrap(),
            session_duration: Duration::from_secs(3600),
        }
    }

    #[test]
    fn basic_encodes_id_and_secret_before_base64_and_keeps_them_out_of_the_form() {
        let form = Form::of(&identity(ClientAuthentication::Basic)).unwrap();
        let header = form.authorization.as_deref().unwrap().strip_prefix("Basic ").unwrap();
        let pair = String::from_utf8(STANDARD.decode(header).unwrap()).unwrap();
        assert_eq!(pair, "client%3A1:s3cret%2F%2B%3D%3A%25+%26x");
        assert_eq!(
            form.body,
            "grant_type=client_credentials&scope=a+b&audience=https%3A%2F%2Faws&resource=urn%3Ax"
        );
        assert_eq!(format!("{form:?}"), "Form(REDACTED)");
    }

    #[test]
    fn post_puts_id_and_secret_into_the_form() {
        let form = Form::of(&identity(ClientAuthentication::Post)).unwrap();
        assert_eq!(form.authorization, None);
        assert!(
            form.body
                .ends_with("&client_id=client%3A1&client_secret=s3cret%2F%2B%3D%3A%25+%26x"),
            "{}",
            form.body
        );
    }

    fn answer(status: u16, content_type: &'static str, body: &str) -> Result<SecretString, TokenError> {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        response.headers_mut().insert("content-type", content_type);
        read_answer(&response)
    }

    #[test]
    fn answers_are_told_apart() {
        for mark in ["", "\u{feff}"] {
            let body = format!("{mark}{}", r#"{"access_token":"t","token_type":"Bearer"}"#);
            let ok = answer(200, "application/json", &body).unwrap();
            assert_eq!(ok.expose_secret(), "t");
        }
        for (status, content_type, body, expected) in [
            (
                401,
                "application/json",
                r#"{"error":"invalid_client"}"#,
                "HTTP 401: invalid_client",
            ),
            (
                400,
                "application/json",
                r#"{"error":"invalid_scope","error_description":"no such scope"}"#,
                "HTTP 400: invalid_scope: no such scope",
            ),
            (
                200,
                "text/html",
                "<html>",
                "HTTP 200 with text/html instead of a token in JSON",
            ),
            (
                503,
                "text/html",
                "<html>",
                "HTTP 503 with text/html instead of a token in JSON",
            ),
            (
                200,
                "application/json",
                r#"{"id_token":"t"}"#,
                "its answer has no access_token",
            ),
            (
                200,
                "application/json",
                r#"["access_token"]"#,
                "instead of a token in JSON: access_token",
            ),
            (
                200,
                "application/json",
                r#"{"access_token":""}"#,
                "its answer has no access_token",
            ),
            (
                400,
                "application/json",
                r#"{"errorCode":"E0000015","errorSummary":"No permission","errorLink":"E0000015","errorCauses":[]}"#,
                "HTTP 400 with application/json instead of a token in JSON: E0000015: No permission",
            ),
            (
                403,
                "application/json; charset=utf-8",
                r#"{"error":{"code":403,"message":"No such client","status":"PERMISSION_DENIED"}}"#,
                "HTTP 403 with application/json; charset=utf-8 instead of a token in JSON: 403: No such client",
            ),
            (
                401,
                "application/problem+json",
                r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"no client"}"#,
                "JSON: Unauthorized: no client",
            ),
            (
                400,
                "application/json",
                r#"{"errors":[{"message":"bad"}]}"#,
                "in JSON: bad",
            ),
            (
                502,
                "text/plain",
                "upstream  connect\n error",
                "in JSON: upstream connect error",
            ),
            (
                400,
                "application/json",
                r#"{"error":"e","message":"m"}"#,
                "HTTP 400: e: m",
            ),
        ] {
            let message = answer(status, content_type, body).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
