//! What AWS, identity providers and users say may have secrets in it: none leaves the process.

use aws_sim::{Action, Estate, Fault};
use serde_json::json;

use crate::harness::{Run, start};
use crate::world::*;

/// AWS shows the request that it has not understood, its session token included.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html>
#[test]
fn a_request_that_an_answer_repeats_has_no_session_token_in_it() {
    let sim = start(one_account());
    let session = sim
        .user_session(MASTER, Estate::USER, std::time::Duration::from_secs(900))
        .unwrap();
    // The run's own, and whatever stands behind the header's name.
    for token in [session.session_token.as_str(), "a-token-of-no-form-at-all"] {
        let text = format!(
            "The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this \
             request should have been\n'POST\n/\n\nhost:sts\nx-amz-date:20260101T000000Z\nx-amz-security-token:{token}\n\n0000'"
        );
        sim.faults().clear();
        sim.faults()
            .add(Fault::on("sts:GetCallerIdentity").error(403, "SignatureDoesNotMatch", &text));
        let outcome = Run::bare(&sim)
            .params(json!({
                "access_key_id": session.access_key_id,
                "secret_access_key": session.secret_access_key,
                "session_token": session.session_token,
            }))
            .secret(token)
            .expect(4);
        outcome.says(&[
            "x-amz-security-token:***",
            "secret_access_key does not belong to access_key_id",
        ]);
        assert!(outcome.ledger_text().contains("x-amz-security-token:***"));
    }
}

#[test]
fn a_token_that_sts_repeats_is_hidden() {
    let sim = start(one_account());
    // Whatever looks like one, also of another run.
    let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJ4In0.c2lnbmF0dXJl";
    sim.faults().add(Fault::on("sts:AssumeRoleWithWebIdentity").error(
        400,
        "ValidationError",
        &format!("Value '{token}' at 'webIdentityToken' failed to satisfy constraint"),
    ));
    let outcome = Run::oidc(&sim).secret(token).expect(4);
    outcome.says(&["Value '***' at 'webIdentityToken' failed"]);
}

#[test]
fn a_client_secret_that_the_provider_repeats_is_hidden() {
    let sim = start(one_account());
    for (name, value) in [
        (
            "location",
            format!("https://idp.example/login?client_secret={}", Estate::CLIENT_SECRET),
        ),
        ("content-type", format!("text/plain; s={}", Estate::CLIENT_SECRET)),
    ] {
        let (status, header): (u16, &'static str) = if name == "location" {
            (302, "location")
        } else {
            (400, "content-type")
        };
        let value: &'static str = Box::leak(value.into_boxed_str());
        sim.faults().clear();
        let body = Action::Body {
            status,
            content_type: if header == "content-type" { value } else { "text/plain" },
            body: format!("bad client {}", Estate::CLIENT_SECRET),
        };
        sim.faults().add(Fault::on("idp:Token").then(body));
        let outcome = Run::oidc(&sim)
            .params(json!({"OidcClientAuthentication": "client_secret_post"}))
            .expect(4);
        outcome.says(&["the identity provider at"]);
    }
}

/// The words of providers that do not speak RFC 6749 are kept, with status and content type.
#[test]
fn the_words_of_an_identity_provider_are_kept() {
    let sim = start(one_account());
    for (status, body, said) in [
        (
            400,
            r#"{"errorCode":"E0000015","errorSummary":"You do not have permission"}"#.to_owned(),
            "HTTP 400 with application/json instead of a token in JSON: E0000015: You do not have permission",
        ),
        (
            403,
            r#"{"error":{"code":403,"message":"client is disabled"}}"#.to_owned(),
            "HTTP 403 with application/json instead of a token in JSON: 403: client is disabled",
        ),
        (
            401,
            "\u{feff}{\"error\":\"invalid_client\"}".to_owned(),
            "HTTP 401: invalid_client",
        ),
    ] {
        sim.faults().clear();
        sim.faults().add(Fault::on("idp:Token").then(Action::Body {
            status,
            content_type: "application/json",
            body,
        }));
        let outcome = Run::oidc(&sim).expect(4);
        outcome.says(&[said, "check ClientId"]);
    }
}

#[test]
fn a_secret_in_the_place_of_something_else_is_not_shown() {
    let sim = start(one_account());
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    // Swapped.
    let swapped = Run::keys(&sim)
        .params(json!({"access_key_id": secret, "secret_access_key": "AKIAIOSFODNN7EXAMPLE"}))
        .secret(secret)
        .expect(2);
    swapped.says(&["access_key_id and secret_access_key seem to be swapped"]);
    // In the place of its file's name.
    for name in [secret, "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYxx"] {
        let named = Run::keys(&sim)
            .without("secret_access_key")
            .params(json!({"secret_access_key_file": name}))
            .secret(name)
            .expect(2);
        named.says(&[
            "secret_access_key: the file that is named for it cannot be read",
            "of 40 characters, is not shown",
        ]);
    }
    // In an endpoint.
    let endpoint = Run::keys(&sim)
        .without_endpoint()
        .variable("AWS_ENDPOINT_URL", "http://user:hush-hush-hush@127.0.0.1:1")
        .secret("hush-hush-hush")
        .expect(2);
    endpoint.says(&["AWS_ENDPOINT_URL: credentials do not belong into the URL of an endpoint"]);
    assert_eq!(sim.calls().len(), 0);
}

/// Files end in line breaks, and editors put marks before them. What cannot be a credential is told with its name.
#[test]
fn credentials_are_taken_without_what_stands_around_them() {
    let sim = start(one_account());
    let key = sim.estate().access_key(MASTER, Estate::USER).unwrap().clone();
    let session = sim
        .user_session(MASTER, Estate::USER, std::time::Duration::from_secs(900))
        .unwrap();
    for around in [("", "\n"), (" ", "\r\n"), ("\u{feff}", "")] {
        let put = |text: &str| format!("{}{text}{}", around.0, around.1);
        Run::bare(&sim)
            .variable("CONNECTOR_ACCESS_KEY_ID", &put(&key.access_key_id))
            .variable("CONNECTOR_SECRET_ACCESS_KEY", &put(&key.secret_access_key))
            .expect(0);
        Run::bare(&sim)
            .params(json!({
                "access_key_id": put(&session.access_key_id),
                "secret_access_key": put(&session.secret_access_key),
                "session_token": put(&session.session_token),
            }))
            .expect(0);
        Run::bare(&sim)
            .params(json!({"AuthenticationMethod": "AWS Default Chain"}))
            .variable("AWS_ACCESS_KEY_ID", &put(&key.access_key_id))
            .variable("AWS_SECRET_ACCESS_KEY", &put(&key.secret_access_key))
            .expect(0);
    }
    sim.forget_calls();
    for (name, value) in [
        ("access_key_id", "AKIAEXAMPLE\n000000001"),
        ("secret_access_key", "abc def"),
        ("session_token", "abc\u{e9}"),
    ] {
        let outcome = Run::keys(&sim).params(json!({ name: value })).expect(2);
        outcome.says(&[&format!("error: {name} (in "), "which no access key of AWS has"]);
    }
    assert_eq!(sim.calls().len(), 0);
}

/// The proxies and authorities of the environment are looked at before anything is sent.
#[test]
fn an_environment_that_cannot_mean_anything_is_refused() {
    let sim = start(one_account());
    for (name, value, said) in [
        (
            "HTTPS_PROXY",
            " http://127.0.0.1:1",
            "HTTPS_PROXY: it has a blank in it",
        ),
        (
            "https_proxy",
            "\"http://127.0.0.1:1\"",
            "https_proxy: it has quotes in it",
        ),
        (
            "HTTP_PROXY",
            "http://DOM\\user:hush-hush-hush@127.0.0.1:1",
            "HTTP_PROXY: it has a backslash in it",
        ),
        (
            "ALL_PROXY",
            "://nonsense",
            "ALL_PROXY: it does not say how the proxy is reached",
        ),
        ("NO_PROXY", "a*b", "NO_PROXY: `a*b` has a * in it"),
        (
            "AWS_REGION",
            "eu west",
            "AWS_REGION: `eu west` is not the name of a region",
        ),
    ] {
        let outcome = Run::keys(&sim).variable(name, value).secret("hush-hush-hush").expect(2);
        outcome.says(&[&format!("error: {said}")]);
    }
    let run = Run::keys(&sim).file("bundle.pem", "-----BEGIN CERTIFICATE-----\nMII\n");
    let bundle = run.path("bundle.pem");
    run.variable("AWS_CA_BUNDLE", bundle.to_str().unwrap())
        .expect(2)
        .says(&["AWS_CA_BUNDLE: certificate 1 of", "cannot be read", "mend or remove it"]);
    assert_eq!(sim.calls().len(), 0);
    Run::keys(&sim).variable("AWS_REGION", "").expect(0);
}
