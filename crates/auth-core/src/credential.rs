//! Access keys as AWS takes them, wherever they come from: a file, a variable and the output of a command end in line breaks,
//! and editors put a byte order mark before them.

use aws_credential_types::Credentials;

/// A key id, secret or session token without what stands around it. What is left goes into headers of requests.
///
/// # Errors
/// In words, what no credential has in it. Nothing of the text.
pub fn normalised(text: &str) -> Result<&str, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    match text.chars().position(|c| !c.is_ascii_graphic()) {
        None => Ok(text),
        Some(at) => {
            let what = match text.chars().nth(at) {
                Some('\n' | '\r') => "a line break",
                Some(c) if c.is_whitespace() => "a blank",
                Some(c) if c.is_ascii() => "a control character",
                _ => "not an ASCII character",
            };
            Err(format!(
                "its character {} is {what}, which no access key of AWS has: check how it was copied",
                at + 1
            ))
        }
    }
}

/// The same for all parts.
///
/// # Errors
/// Which part is wrong, and how.
pub(crate) fn all_normalised(credentials: Credentials) -> Result<Credentials, String> {
    let id = normalised(credentials.access_key_id()).map_err(|why| format!("the access key id: {why}"))?;
    let secret = normalised(credentials.secret_access_key()).map_err(|why| format!("the secret access key: {why}"))?;
    // Some who imitate AWS give an empty token, which is none.
    let token = credentials.session_token().filter(|token| !token.trim().is_empty());
    let token = token.map(normalised).transpose();
    let token = token.map_err(|why| format!("the session token: {why}"))?;
    if (Some(token), id, secret)
        == (
            Some(credentials.session_token()),
            credentials.access_key_id(),
            credentials.secret_access_key(),
        )
    {
        return Ok(credentials);
    }
    let token = token.map(str::to_owned);
    Ok(Credentials::new(id, secret, token, credentials.expiry(), "normalised"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_stands_around_a_credential_goes_and_what_cannot_be_one_is_told() {
        for text in ["abc/+=", "abc/+=\n", " abc/+=\r\n", "\u{feff}abc/+=", "\tabc/+= "] {
            assert_eq!(normalised(text), Ok("abc/+="), "{text:?}");
        }
        for (text, why) in [
            ("", "empty"),
            (" \n", "empty"),
            ("\u{feff}", "empty"),
            ("ab\nc", "character 3 is a line break"),
            ("a bc", "character 2 is a blank"),
            ("ab\u{7}", "a control character"),
            ("ab\u{e9}", "not an ASCII character"),
            ("a\u{a0}b", "a blank"),
        ] {
            let told = normalised(text).unwrap_err();
            assert!(told.contains(why), "{text:?}: {told}");
        }
    }

    #[test]
    fn an_empty_session_token_is_none() {
        let given = Credentials::new("AKIA\n", " secret", Some("\n".to_owned()), None, "test");
        let taken = all_normalised(given).unwrap();
        let parts = (taken.access_key_id(), taken.secret_access_key(), taken.session_token());
        assert_eq!(parts, ("AKIA", "secret", None));
        let given = Credentials::new("AKIA", "se\ncret", None, None, "test");
        assert!(
            all_normalised(given)
                .unwrap_err()
                .starts_with("the secret access key: ")
        );
    }

    proptest::proptest! {
        /// Whatever is taken can stand in a header.
        #[test]
        fn what_is_taken_is_a_header_value(text in "\\PC{0,40}|[\\x00-\\xff]{0,40}") {
            if let Ok(taken) = normalised(&text) {
                proptest::prop_assert!(taken.bytes().all(|byte| byte.is_ascii_graphic()));
                proptest::prop_assert!(text.contains(taken));
            }
        }
    }

    /// Whatever is taken, a request is signed with it: nobody's copy of a key ends the process. The SDK panics on a key id that
    /// cannot stand in a header.
    #[tokio::test]
    async fn a_request_is_signed_with_whatever_is_taken() {
        use proptest::strategy::{Strategy as _, ValueTree as _};
        let text = "\\PC{1,40}|[\\x00-\\x7f]{1,40}|[!-~]{1,60}\\s{0,3}";
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut signed = 0;
        for _ in 0..1000 {
            let mut any = || text.new_tree(&mut runner).unwrap().current();
            let given = Credentials::new(any(), any(), Some(any()), None, "test");
            let Ok(taken) = all_normalised(given) else { continue };
            let config = aws_sdk_sts::Config::builder()
                .behavior_version(aws_config::BehaviorVersion::latest())
                .region(aws_types::region::Region::new("eu-west-1"))
                .credentials_provider(taken)
                .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
                .http_client(aws_smithy_runtime_api::client::http::SharedHttpClient::new(Nobody))
                .build();
            let answer = aws_sdk_sts::Client::from_conf(config)
                .get_caller_identity()
                .send()
                .await;
            let error = format!("{:?}", answer.unwrap_err());
            assert!(error.contains("nobody answers"), "{error}");
            signed += 1;
        }
        assert!(signed > 30, "{signed}");
    }

    #[derive(Debug)]
    struct Nobody;

    impl aws_smithy_runtime_api::client::http::HttpConnector for Nobody {
        fn call(
            &self,
            _: aws_smithy_runtime_api::client::orchestrator::HttpRequest,
        ) -> aws_smithy_runtime_api::client::http::HttpConnectorFuture {
            let why = aws_smithy_runtime_api::client::result::ConnectorError::user("nobody answers".into());
            aws_smithy_runtime_api::client::http::HttpConnectorFuture::ready(Err(why))
        }
    }

    impl aws_smithy_runtime_api::client::http::HttpClient for Nobody {
        fn http_connector(
            &self,
            _: &aws_smithy_runtime_api::client::http::HttpConnectorSettings,
            _: &aws_smithy_runtime_api::client::runtime_components::RuntimeComponents,
        ) -> aws_smithy_runtime_api::client::http::SharedHttpConnector {
            aws_smithy_runtime_api::client::http::SharedHttpConnector::new(Nobody)
        }
    }
}
