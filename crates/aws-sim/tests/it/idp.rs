//! The identity provider's token endpoint.

use std::time::Duration;

use aws_sim::{Account, ClientAuthentication, Clock, Estate, Idp, IdpClient, IdpMode, Sim};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::client::{MANAGEMENT, Reply, send};

const SECRET: &str = "s3cret/+=:% &x";
const ENCODED: &str = "s3cret%2F%2B%3D%3A%25+%26x";
const GRANT: &str = "grant_type=client_credentials";

async fn started(idp: impl FnOnce(Idp) -> Idp) -> Sim {
    let mut estate = Estate::new(Account::new(MANAGEMENT));
    estate.idp(idp(Idp::new(
        IdpClient::new("hub client", SECRET)
            .subject("the-hub")
            .claim("tenant", "t1"),
    )));
    Sim::start(estate, Clock::real()).await.unwrap()
}

fn ask(sim: &Sim, basic: Option<&str>, body: &str) -> Reply {
    let basic = basic.map(|pair| format!("Basic {}", STANDARD.encode(pair)));
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    headers.extend(basic.as_deref().map(|basic| ("authorization", basic)));
    send(sim, "POST", "/oauth2/token", &headers, body).unwrap()
}

fn with_basic(sim: &Sim, rest: &str) -> Reply {
    ask(sim, Some(&format!("hub+client:{ENCODED}")), &format!("{GRANT}{rest}"))
}

fn with_post(sim: &Sim, secret: &str) -> Reply {
    ask(
        sim,
        None,
        &format!("{GRANT}&client_id=hub%20client&client_secret={secret}"),
    )
}

fn claims(reply: &Reply) -> Value {
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_for_the_right_secret_either_way() {
    let sim = started(|idp| idp.lifetime(Duration::from_secs(120))).await;
    for reply in [with_basic(&sim, ""), with_post(&sim, ENCODED)] {
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(
            (&reply.json()["token_type"], &reply.json()["expires_in"]),
            (&"Bearer".into(), &120.into())
        );
        let claims = claims(&reply);
        assert_eq!(
            (&claims["sub"], &claims["aud"]),
            (&"the-hub".into(), &"sts.amazonaws.com".into())
        );
        assert_eq!(
            (claims["iss"].as_str().unwrap(), &claims["tenant"]),
            (sim.issuer(), &"t1".into())
        );
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    }
    let methods: Vec<_> = sim
        .calls()
        .iter()
        .map(|call| call.parameter("client_authentication").unwrap().to_owned())
        .collect();
    assert_eq!(methods, ["client_secret_basic", "client_secret_post"]);
}

#[tokio::test]
async fn a_wrong_secret_and_one_that_is_not_encoded() {
    let sim = started(|idp| idp).await;
    for reply in [ask(&sim, Some("hub+client:wrong"), GRANT), with_post(&sim, "wrong")] {
        assert_eq!((reply.status, &reply.json()["error"]), (401, &"invalid_client".into()));
    }
    let raw = ask(&sim, Some(&format!("hub client:{SECRET}")), GRANT);
    assert_eq!((raw.status, &raw.json()["error"]), (400, &"invalid_request".into()));
    let both = ask(
        &sim,
        Some(&format!("hub+client:{ENCODED}")),
        &format!("{GRANT}&client_secret=x"),
    );
    assert_eq!(both.json()["error"], "invalid_request");
    assert_eq!(ask(&sim, None, GRANT).json()["error"], "invalid_request");
    let wrong_grant = ask(&sim, Some(&format!("hub+client:{ENCODED}")), "grant_type=password");
    assert_eq!(wrong_grant.json()["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn one_method_only() {
    let basic = started(|idp| idp.accepting(ClientAuthentication::Basic)).await;
    assert_eq!(
        [with_basic(&basic, "").status, with_post(&basic, ENCODED).status],
        [200, 401]
    );
    let post = started(|idp| idp.accepting(ClientAuthentication::Post)).await;
    assert_eq!(
        [with_basic(&post, "").status, with_post(&post, ENCODED).status],
        [401, 200]
    );
}

#[tokio::test]
async fn scope_and_audience_where_they_are_required() {
    let sim = started(|idp| idp.requiring_scope("aws").requiring_audience("urn:aws")).await;
    assert_eq!(with_basic(&sim, "&audience=urn:aws").json()["error"], "invalid_scope");
    assert_eq!(with_basic(&sim, "&scope=aws").json()["error"], "invalid_target");
    let good = with_basic(&sim, "&scope=openid%20aws&resource=urn:aws");
    assert_eq!(claims(&good)["aud"], "urn:aws");
}

#[tokio::test]
async fn fields_are_recorded_and_secrets_are_not() {
    let sim = started(|idp| idp).await;
    with_basic(&sim, "&scope=x&vendor_hint=a%20b");
    with_post(&sim, ENCODED);
    let calls = sim.calls_of("idp:Token");
    assert_eq!(calls[0].parameter("vendor_hint"), Some("a b"));
    assert_eq!(calls[0].parameter("client_id"), Some("hub client"));
    assert!(!format!("{calls:?}").contains("s3cret"));
    assert!(!format!("{:?}", sim.estate()).contains("s3cret"));
}

#[tokio::test]
async fn every_mode_of_being_out_of_order() {
    let sim = started(|idp| idp).await;
    let shape = |mode: IdpMode| {
        sim.set_idp_mode(mode);
        let reply = with_basic(&sim, "");
        (reply.status, reply.headers["content-type"].clone(), reply.body)
    };
    let (status, kind, body) = shape(IdpMode::Html);
    assert_eq!((status, kind.as_str()), (200, "text/html; charset=utf-8"));
    assert!(body.contains("<html"));
    assert_eq!(shape(IdpMode::Status(401)).0, 401);
    assert_eq!(shape(IdpMode::Status(500)).0, 500);
    assert!(!shape(IdpMode::NoAccessToken).2.contains("access_token"));
    assert!(serde_json::from_str::<Value>(&shape(IdpMode::NotJson).2).is_err());
    assert!(!shape(IdpMode::Opaque).2.contains('.'));
    sim.set_idp_mode(IdpMode::Redirect("http://127.0.0.1:1/login".to_owned()));
    let reply = with_basic(&sim, "");
    assert_eq!(
        (reply.status, reply.headers["location"].as_str()),
        (302, "http://127.0.0.1:1/login")
    );
    sim.set_idp_mode(IdpMode::Normal);
    assert_eq!(with_basic(&sim, "").status, 200);
}

#[tokio::test]
async fn configuration_and_keys() {
    let sim = started(|idp| idp).await;
    let configuration = send(&sim, "GET", "/.well-known/openid-configuration", &[], "")
        .unwrap()
        .json();
    assert_eq!(configuration["token_endpoint"], sim.token_url());
    let keys = send(&sim, "GET", "/.well-known/jwks.json", &[], "").unwrap().json();
    assert_eq!(
        (&keys["keys"][0]["kty"], &keys["keys"][0]["alg"]),
        (&"RSA".into(), &"RS256".into())
    );
}
