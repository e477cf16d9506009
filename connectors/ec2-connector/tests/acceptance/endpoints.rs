//! Where requests may go: nothing is sent in the clear but on the machine itself, and nothing follows a redirect.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::harness::{Run, start};
use crate::world::*;

/// A name that is never found: <https://www.rfc-editor.org/rfc/rfc6761#section-6.4>.
const ELSEWHERE: &str = "http://elsewhere.invalid";

const REFUSED: &str = "over http all is sent unencrypted: use https (http is for loopback only), or allow it with \
                       allow_insecure_endpoints";

#[test]
fn endpoints_that_are_not_encrypted_are_refused() {
    let sim = start(one_account());
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_EC2"] {
        let outcome = Run::keys(&sim).variable(name, ELSEWHERE).expect(2);
        outcome.says(&[&format!("error: {name}: {REFUSED}")]);
    }
    let wrong = Run::keys(&sim)
        .variable("AWS_ENDPOINT_URL_S3", "localhost:4566")
        .expect(2);
    wrong.says(&["error: AWS_ENDPOINT_URL_S3: `localhost` is not a scheme of an endpoint: use https"]);
    let empty = Run::keys(&sim).variable("AWS_ENDPOINT_URL_STS", "").expect(2);
    empty.says(&["error: AWS_ENDPOINT_URL_STS: it is empty: give it a URL, or take it out of the environment"]);
    let token = format!("{ELSEWHERE}/token");
    let outcome = Run::oidc(&sim).params(json!({"IdpUrl": token})).expect(2);
    outcome.says(&[&format!("error: IdpUrl: {REFUSED}")]);
    assert_eq!(sim.calls().len(), 0);
}

#[test]
fn endpoints_that_are_not_encrypted_can_be_allowed() {
    let sim = start(one_account());
    // What is sent there arrives here, whoever the name belongs to.
    let proxy = Redirecting::start("403 Forbidden", "-");
    let token = format!("{ELSEWHERE}/token");
    Run::oidc(&sim)
        .params(json!({"IdpUrl": token, "allow_insecure_endpoints": true}))
        .variable("HTTP_PROXY", &proxy.address)
        .expect(4)
        .says(&["the identity provider at http://elsewhere.invalid/token: HTTP 403"]);
    assert_eq!(proxy.asked.load(Ordering::SeqCst), 1);
    Run::keys(&sim)
        .flag("--allow-insecure-endpoints=true")
        .variable("HTTP_PROXY", &proxy.address)
        .variable("AWS_ENDPOINT_URL_STS", ELSEWHERE)
        .expect(4)
        .says(&["the answer (HTTP 403) is not one that AWS gives"]);
    assert_eq!(proxy.asked.load(Ordering::SeqCst), 2);
}

#[test]
fn an_endpoint_of_a_profile_is_found_out_before_anything_is_sent() {
    let sim = start(one_account());
    let config = "[default]\nservices = mine\n[services mine]\nec2 =\n  endpoint_url = http://elsewhere.invalid\n";
    let outcome = Run::keys(&sim)
        .without_endpoint()
        .variable("AWS_ENDPOINT_URL_STS", sim.endpoint())
        .file(".aws/config", config)
        .expect(4);
    outcome.says(&[&format!("nothing is sent to http://elsewhere.invalid: {REFUSED}")]);
}

/// Answers every request with a redirect, and counts requests.
struct Redirecting {
    address: String,
    asked: Arc<AtomicUsize>,
}

impl Redirecting {
    fn start(status: &'static str, location: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let (location, count) = (location.to_owned(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                count.fetch_add(1, Ordering::SeqCst);
                redirect(stream, status, &location);
            }
        });
        Redirecting { address, asked }
    }
}

fn redirect(mut stream: TcpStream, status: &str, location: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line
            .split_once(':')
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            assert_eq!(name.len(), 14);
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    let answer = format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes());
}

const REDIRECTS: [&str; 5] = [
    "301 Moved Permanently",
    "302 Found",
    "303 See Other",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
];

#[test]
fn a_redirect_of_the_identity_provider_takes_the_secret_nowhere() {
    let sim = start(one_account());
    for status in REDIRECTS {
        let target = Redirecting::start("200 OK", "-");
        let location = format!("{}/token", target.address);
        let provider = Redirecting::start(status, &location);
        let outcome = Run::oidc(&sim)
            .params(json!({"IdpUrl": format!("{}/token", provider.address)}))
            .expect(4);
        outcome.says(&[
            &format!("it redirects to {location}; redirects are not followed, they would carry the secret along"),
            "put the address of the token endpoint itself into IdpUrl",
        ]);
        assert_eq!(provider.asked.load(Ordering::SeqCst), 1, "{status}");
        assert_eq!(target.asked.load(Ordering::SeqCst), 0, "{status}");
    }
    assert_eq!(sim.calls().len(), 0);
}

#[test]
fn a_redirect_of_an_endpoint_takes_no_signed_request_anywhere() {
    let sim = start(one_account());
    for status in REDIRECTS {
        let target = Redirecting::start("200 OK", "-");
        let endpoint = Redirecting::start(status, &target.address);
        let outcome = Run::keys(&sim)
            .variable("AWS_ENDPOINT_URL_STS", &endpoint.address)
            .expect(4);
        let code = &status[..3];
        outcome.says(&[&format!("the answer (HTTP {code}) is not one that AWS gives")]);
        assert!(endpoint.asked.load(Ordering::SeqCst) > 0, "{status}");
        assert_eq!(target.asked.load(Ordering::SeqCst), 0, "{status}");
    }
    assert_eq!(sim.calls().len(), 0);
}
