//! Web identities: from the identity provider's token to a session, and every way in which that fails.

use std::time::{Duration, UNIX_EPOCH};

use aws_sim::{Account, Clock, Estate, Fault, Idp, IdpClient, IdpMode, OidcProvider, Role, Sim, TrustWebIdentity};

use super::client::{MANAGEMENT, MEMBER, Reply, send, sts};

fn estate(client: IdpClient) -> Estate {
    let trust = TrustWebIdentity::of_the_idp()
        .audience("sts.amazonaws.com")
        .subject("hub");
    let account = Account::new(MANAGEMENT)
        .role(
            Role::new("oidc")
                .trusting_web_identity(trust)
                .max_session(Duration::from_secs(7200)),
        )
        .role(Role::new("others").trusting_web_identity(TrustWebIdentity::of_the_idp().subject("somebody-else")))
        .oidc_provider(OidcProvider::the_idp(&["sts.amazonaws.com"]));
    let mut estate = Estate::new(account);
    let trust = TrustWebIdentity::of_the_idp();
    estate.account(
        estate.root_id(),
        Account::new(MEMBER).role(Role::new("oidc").trusting_web_identity(trust)),
    );
    estate.idp(Idp::new(client).lifetime(Duration::from_secs(300)));
    estate
}

async fn started() -> Sim {
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    Sim::start(estate(IdpClient::new("hub", "s")), clock).await.unwrap()
}

fn token(sim: &Sim) -> String {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = "grant_type=client_credentials&client_id=hub&client_secret=s";
    send(sim, "POST", "/oauth2/token", &form, body).unwrap().json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn assume(sim: &Sim, role: &str, token: &str) -> Reply {
    let body = format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=run-1&RoleArn={role}&WebIdentityToken={token}"
    );
    send(
        sim,
        "POST",
        "/",
        &[("content-type", "application/x-www-form-urlencoded")],
        &body,
    )
    .unwrap()
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{MANAGEMENT}:role/{name}")
}

#[tokio::test]
async fn a_token_becomes_a_session() {
    let sim = started().await;
    let reply = assume(&sim, &format!("{}&DurationSeconds=7200", role("oidc")), &token(&sim));
    assert_eq!(
        reply.tag("SubjectFromWebIdentityToken").unwrap(),
        "hub",
        "{}",
        reply.body
    );
    assert_eq!(reply.tag("Audience").unwrap(), "sts.amazonaws.com");
    assert_eq!(reply.tag("Expiration").unwrap(), "2027-01-15T10:00:00Z");
    assert_eq!(
        reply.tag("Provider").unwrap(),
        format!("arn:aws:iam::{MANAGEMENT}:oidc-provider/{}", sim.address())
    );
    let identity = sts(&sim, &reply.keys(), "Action=GetCallerIdentity");
    assert_eq!(
        identity.tag("Arn").unwrap(),
        format!("arn:aws:sts::{MANAGEMENT}:assumed-role/oidc/run-1")
    );
    let call = &sim.calls_of("sts:AssumeRoleWithWebIdentity")[0];
    assert!(!call.parameters.contains_key("WebIdentityToken") && call.access_key_id.is_none());
}

#[tokio::test]
async fn tokens_that_sts_does_not_take() {
    let sim = started().await;
    let cases = [
        (
            IdpMode::Opaque,
            "InvalidIdentityToken",
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        ),
        (
            IdpMode::WrongAudience,
            "InvalidIdentityToken",
            "Incorrect token audience",
        ),
        (
            IdpMode::NoAudience,
            "InvalidIdentityToken",
            "Missing a required claim: aud",
        ),
        (
            IdpMode::WrongIssuer,
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://another.example.com",
        ),
        (IdpMode::BadSignature, "InvalidIdentityToken", "Token signature invalid"),
        (
            IdpMode::Expired,
            "ExpiredTokenException",
            "Token expired: current date/time 1800000000 must be before the expiration date/time 1799999999",
        ),
    ];
    for (mode, code, message) in cases {
        sim.set_idp_mode(mode);
        assert_eq!(
            assume(&sim, &role("oidc"), &token(&sim)).error(),
            (400, code.to_owned(), message.to_owned())
        );
    }
}

#[tokio::test]
async fn a_token_ends_on_the_simulators_clock() {
    let sim = started().await;
    let token = token(&sim);
    sim.clock().advance(Duration::from_secs(299));
    assert_eq!(assume(&sim, &role("oidc"), &token).status, 200);
    sim.clock().advance(Duration::from_secs(1));
    assert_eq!(assume(&sim, &role("oidc"), &token).code(), "ExpiredTokenException");
}

#[tokio::test]
async fn roles_that_do_not_trust_the_token() {
    let sim = started().await;
    let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    for name in ["others", "missing"] {
        assert_eq!(
            assume(&sim, &role(name), &token(&sim)).error(),
            (403, "AccessDenied".to_owned(), message.to_owned())
        );
    }
    // The other account has not registered the provider.
    let elsewhere = assume(&sim, &format!("arn:aws:iam::{MEMBER}:role/oidc"), &token(&sim));
    let message = format!("No OpenIDConnect provider found in your account for {}", sim.issuer());
    assert_eq!(elsewhere.error(), (400, "InvalidIdentityToken".to_owned(), message));
}

#[tokio::test]
async fn azp_counts_as_the_audience_where_there_is_one() {
    let sim = Sim::start(estate(IdpClient::new("hub", "s").azp("hub")), Clock::real())
        .await
        .unwrap();
    assert_eq!(
        assume(&sim, &role("oidc"), &token(&sim)).error().2,
        "Incorrect token audience"
    );
}

#[tokio::test]
async fn durations_are_those_of_the_role() {
    let sim = started().await;
    let ask = |seconds: u32| {
        assume(
            &sim,
            &format!("{}&DurationSeconds={seconds}", role("oidc")),
            &token(&sim),
        )
        .error()
    };
    assert_eq!(
        ask(7201).2,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    );
    assert_eq!(ask(899).1, "ValidationError");
}

#[tokio::test]
async fn faults_that_pass() {
    let sim = started().await;
    sim.faults().add(Fault::verification_key_unavailable().first(1));
    sim.faults().add(Fault::idp_communication_error().first(1));
    let codes = [(); 3].map(|()| assume(&sim, &role("oidc"), &token(&sim)).code());
    assert_eq!(codes, ["InvalidIdentityToken", "IDPCommunicationError", ""]);
}

#[tokio::test]
async fn an_issuer_that_is_not_the_simulators() {
    let foreign = started().await;
    let keys = send(&foreign, "GET", "/.well-known/jwks.json", &[], "").unwrap().body;
    let issuer = foreign.issuer().to_owned();
    let account = Account::new(MANAGEMENT)
        .oidc_provider(OidcProvider::issuer(&issuer, &["sts.amazonaws.com"], &keys))
        .role(Role::new("oidc").trusting_web_identity(TrustWebIdentity::of_issuer(&issuer)));
    let clock = foreign.clock().clone();
    let sim = Sim::start(Estate::new(account), clock).await.unwrap();
    assert_eq!(assume(&sim, &role("oidc"), &token(&foreign)).status, 200);
}
