//! What AWS last said to a call whose time is over. The SDK's error for that tells of no answer, but the cause of a call
//! that was throttled until its time was over is the throttling.

use std::fmt;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    FinalizerInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_types::request_id::RequestId;
use serde_json::Value as Json;

/// Keeps the last error answer of each call of a client, and gives it as the cause when the call's time is over.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastAnswer;

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// AWS's error code.
    pub(crate) code: Option<String>,
    /// AWS's message.
    pub(crate) message: Option<String>,
    /// AWS's request id.
    pub(crate) request_id: Option<String>,
    /// The HTTP status.
    pub(crate) status: u16,
}

impl Storable for Said {
    type Storer = StoreReplace<Self>;
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no time was left for another try after HTTP {}", self.status)
    }
}

impl std::error::Error for Said {}

impl Intercept for LastAnswer {
    fn name(&self) -> &'static str {
        "LastAnswer"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match context.response() {
            Some(response) if response.status().as_u16() >= 400 => {
                cfg.interceptor_state().store_put(Said::of(response));
            }
            // The time was over before this attempt had an answer.
            None if is_over(context.output_or_error().and_then(Result::err)) => {}
            _ => {
                cfg.interceptor_state().unset::<Said>();
            }
        }
        Ok(())
    }

    fn modify_before_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(said) = cfg.load::<Said>().cloned() else {
            return Ok(());
        };
        match context.output_or_error_mut() {
            Some(Err(error)) if is_over(Some(error)) => *error = OrchestratorError::timeout(said.into()),
            _ => {}
        }
        Ok(())
    }
}

fn is_over<E: fmt::Debug>(error: Option<&OrchestratorError<E>>) -> bool {
    error.is_some_and(OrchestratorError::is_timeout_error)
}

impl Said {
    /// <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>,
    /// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization>
    fn of(response: &HttpResponse) -> Self {
        let body = response.body().bytes().unwrap_or_default();
        let text = String::from_utf8_lossy(body);
        let json: Json = serde_json::from_slice(body).unwrap_or_default();
        let member = |names: [&str; 2]| names.iter().find_map(|name| json[*name].as_str().map(str::to_owned));
        let header = response.headers().get("x-amzn-errortype").map(str::to_owned);
        let code = header.or_else(|| member(["__type", "code"]));
        // `com.amazonaws.athena#TooManyRequestsException:http://…`
        let bare = |code: String| {
            let code = code.rsplit_once('#').map_or(code.as_str(), |(_, code)| code);
            code.split(':').next().unwrap_or_default().to_owned()
        };
        let in_body = ["RequestID", "RequestId"];
        Said {
            code: code.map(bare).or_else(|| element(&text, "Code")),
            message: member(["message", "Message"]).or_else(|| element(&text, "Message")),
            request_id: response
                .request_id()
                .map(str::to_owned)
                .or_else(|| in_body.iter().find_map(|name| element(&text, name))),
            status: response.status().as_u16(),
        }
    }
}

/// The text of the first XML element of this name, if it has any.
pub(crate) fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (content, _) = rest.split_once("</")?;
    let content = content.trim();
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    let plain = entities
        .iter()
        .fold(content.to_owned(), |text, (entity, plain)| text.replace(entity, plain));
    Some(plain).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn code_and_words_are_read_in_the_form_of_each_protocol() {
        let said = |code: &str, message: &str, request_id: Option<&str>| Said {
            code: Some(code.to_owned()).filter(|code| !code.is_empty()),
            message: Some(message.to_owned()).filter(|message| !message.is_empty()),
            request_id: request_id.map(str::to_owned),
            status: 400,
        };
        for (body, expected) in [
            (
                r#"{"__type":"com.amazonaws.athena#TooManyRequestsException","Message":"Rate exceeded"}"#,
                said("TooManyRequestsException", "Rate exceeded", None),
            ),
            (
                r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#,
                said("ThrottlingException", "Rate exceeded", None),
            ),
            (
                "<?xml version=\"1.0\"?><Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>A &amp; B \
                 &lt;exceeded&gt;.</Message></Error></Errors><RequestID>r-1</RequestID></Response>",
                said("RequestLimitExceeded", "A & B <exceeded>.", Some("r-1")),
            ),
            (
                "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>\
                 <RequestId>r-2</RequestId></ErrorResponse>",
                said("Throttling", "Rate exceeded", Some("r-2")),
            ),
            ("<html><body>Slow down</body></html>", said("", "", None)),
            ("", said("", "", None)),
        ] {
            let response = HttpResponse::new(400.try_into().unwrap(), SdkBody::from(body));
            assert_eq!(Said::of(&response), expected, "{body}");
        }
    }
}
