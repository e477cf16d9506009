//! Signing in that fails: one clear message with the likely cause, a ledger that says so, and the previous output as it
//! was.

use std::net::TcpListener;
use std::time::Duration;

use aws_sim::{Account, Estate, Fault, Idp, IdpClient, IdpMode, Role, Sim, TrustWebIdentity};
use serde_json::json;

use crate::harness::{Outcome, Run, expected, start, start_still};
use crate::world::*;

/// Expects nothing to be collected, for the reason that `texts` tell.
fn fails(run: Run<'_>, texts: &[&str]) -> Outcome {
    let outcome = run.file("rows.json", "previous").expect(4);
    assert_eq!(outcome.output_bytes(), b"previous");
    assert_eq!(outcome.leftovers(), [""; 0]);
    let error = outcome.final_error();
    let one_line = error.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in texts {
        assert!(one_line.contains(text), "{text:?} is not in:\n{error}");
    }
    let lines = |begin: &str| error.lines().filter(|line| line.starts_with(begin)).count();
    assert_eq!(
        (lines("error: "), lines("hint: ")),
        (1, 1),
        "one message, one hint:\n{error}"
    );
    assert!(
        error.contains("; nothing was collected and nothing was published"),
        "{error}"
    );
    let ledger = outcome.ledger();
    assert_eq!(
        (&ledger["outcome"], &ledger["exit_code"]),
        (&json!("failed"), &json!(4))
    );
    let cause = &ledger["cause"];
    let told = one_line.split("hint: ").collect::<Vec<_>>();
    assert!(told[0].contains(cause["message"].as_str().unwrap()), "{cause}");
    assert!(told[1].contains(cause["hint"].as_str().unwrap()), "{cause}");
    assert_eq!((&ledger["outputs"], &ledger["slices"]), (&json!([]), &json!([])));
    outcome
}

#[test]
fn a_wrong_secret() {
    let sim = start(one_account());
    let run = Run::keys(&sim).params(json!({"secret_access_key": "wrong/secret+wrong/secret+wrong/secret+w"}));
    let outcome = fails(
        run,
        &[
            "the identity check: SignatureDoesNotMatch: The request signature we calculated does not match",
            "(request id ",
            "secret_access_key does not belong to access_key_id: check both",
        ],
    );
    let cause = &outcome.ledger()["cause"];
    assert_eq!(
        (&cause["service"], &cause["operation"]),
        (&json!("sts"), &json!("GetCallerIdentity"))
    );
    assert!(cause["request_id"].as_str().unwrap().len() > 30);
    assert_eq!(sim.calls().len(), 1, "a wrong secret is not tried again");
}

#[test]
fn an_unknown_access_key() {
    let sim = start(one_account());
    fails(
        Run::keys(&sim).params(json!({"access_key_id": "AKIAIOSFODNN7EXAMPLE"})),
        &[
            "InvalidClientTokenId",
            "the access key id is unknown, inactive, or lacks its session token: check access_key_id",
        ],
    );
}

/// The first answer says so for all accounts, however many.
#[test]
fn a_wrong_secret_with_explicit_accounts() {
    let sim = start(estate());
    fails(
        Run::organization(&sim)
            .params(json!({"accounts": MEMBERS, "secret_access_key": "wrong/secret+wrong/secret+wrong/secret+w"})),
        &[
            "SignatureDoesNotMatch",
            "secret_access_key does not belong to access_key_id",
        ],
    );
    assert_eq!(sim.calls().len(), 1);
}

fn temporary(sim: &Sim) -> Run<'_> {
    let session = sim
        .user_session(MASTER, Estate::USER, Duration::from_secs(900))
        .unwrap();
    Run::keys(sim).params(json!({
        "access_key_id": session.access_key_id,
        "secret_access_key": session.secret_access_key,
        "session_token": session.session_token,
    }))
}

#[test]
fn an_expired_session_token() {
    let mut estate = one_account();
    // The machine's clock is right: only the session's end has come.
    estate.signature_skew(None);
    let sim = start(estate);
    let run = temporary(&sim);
    sim.clock().advance(Duration::from_secs(901));
    fails(
        run,
        &[
            "ExpiredToken: The security token included in the request is expired",
            "session_token has expired and cannot be renewed: give new temporary credentials, or use long-lived keys",
        ],
    );
}

#[test]
fn a_wrong_session_token() {
    let sim = start(one_account());
    fails(
        temporary(&sim).params(json!({"session_token": "IQoJb3JpZ2luX2VjWRONGWRONGWRONG"})),
        &["InvalidClientTokenId", "session_token"],
    );
}

#[test]
fn a_clock_that_is_wrong_is_told_of_once_and_does_no_harm() {
    for (ahead, said) in [
        (1200, "the clock of this machine is 20 minutes behind that of AWS"),
        // Longer than a session lasts.
        (10_800, "the clock of this machine is 3 hours behind that of AWS"),
    ] {
        let sim = start(one_account());
        sim.clock().advance(Duration::from_secs(ahead));
        let outcome = Run::keys(&sim)
            .params(json!({"master_assume_role_arn_chain": [role(MASTER, "hub")]}))
            .expect(0);
        assert_eq!(outcome.found(), expected(&sim, [MASTER], &[FRANKFURT, VIRGINIA]));
        outcome.says(&[said]);
        let warnings = outcome.ledger()["warnings"].clone();
        let told = warnings
            .as_array()
            .unwrap()
            .iter()
            .filter(|warning| warning.as_str().unwrap().contains("clock"));
        assert_eq!(told.count(), 1, "{warnings}");
    }
}

#[test]
fn an_external_id_that_is_wrong_or_absent() {
    let mut estate = one_account();
    let strict = Role::new("strict").trusting(&root_of(MASTER)).external_id("right-one");
    estate.change_account(MASTER, |account| account.role(strict));
    let sim = start(estate);
    let chain = json!({"master_assume_role_arn_chain": [role(MASTER, "strict")]});
    let hop = format!(
        "hop 1 of 1, AssumeRole of {}: AccessDenied: User: ",
        role(MASTER, "strict")
    );
    fails(
        Run::keys(&sim)
            .params(chain.clone())
            .params(json!({"assume_external_id": "wrong-one"})),
        &[
            &hop,
            "is not authorized to perform: sts:AssumeRole",
            "its external ID must equal assume_external_id",
        ],
    );
    fails(
        Run::keys(&sim).params(chain),
        &[&hop, "where it asks for an external ID, set assume_external_id"],
    );
    assert_eq!(sim.count("sts:AssumeRole"), 2, "a denial is not tried again");
}

#[test]
fn a_missing_role_at_either_hop() {
    let sim = start(estate());
    let missing = role(MASTER, "missing");
    fails(
        Run::keys(&sim).params(json!({"master_assume_role_arn_chain": [missing]})),
        &[
            &format!("hop 1 of 1, AssumeRole of {missing}: AccessDenied: "),
            &format!("check that {missing} exists and that its trust policy names the caller"),
        ],
    );
    let outcome = fails(
        Run::organization(&sim).params(json!({"master_assume_role_arn_chain": [role(MASTER, "hub"), missing]})),
        &[&format!("hop 2 of 2, AssumeRole of {missing}: AccessDenied: ")],
    );
    assert_eq!(
        outcome.ledger()["cause"]["hop"],
        format!("hop 2 of 2, AssumeRole of {missing}")
    );
    assert_eq!(sim.count("organizations:*"), 0);
}

#[test]
fn a_role_that_allows_shorter_sessions_only() {
    let mut estate = one_account();
    let short = Role::new("short")
        .trusting(&root_of(MASTER))
        .max_session(Duration::from_secs(900));
    estate.change_account(MASTER, |account| account.role(short));
    let sim = start(estate);
    fails(
        Run::keys(&sim).params(json!({"master_assume_role_arn_chain": [role(MASTER, "short")]})),
        &[
            "ValidationError",
            "MaxSessionDuration",
            "lower role_session_duration, or raise the maximum session duration of",
        ],
    );
}

#[test]
fn sts_in_a_region_that_is_not_enabled() {
    let sim = start(estate());
    fails(
        Run::keys(&sim).params(json!({"sts_region": HONG_KONG, "master_assume_role_arn_chain": [role(MASTER, "hub")]})),
        &[
            "RegionDisabledException",
            "STS is not active in this region for the account: set sts_region to another one",
        ],
    );
    fails(
        Run::keys(&sim).params(json!({"sts_region": HONG_KONG})),
        &["RegionDisabledException", "set sts_region to another one"],
    );
}

#[test]
fn an_account_that_may_not_list_the_organization() {
    let mut estate = estate();
    let key = estate.user(A, "somebody");
    let sim = start(estate);
    fails(
        Run::organization(&sim)
            .params(json!({"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key})),
        &[
            "the account listing: AccessDeniedException: You don't have permissions to access this resource.",
            "the account listing works from the management account or a delegated administrator",
            "name the accounts in `accounts`",
        ],
    );
    let mut alone = Estate::standalone(Account::new(MASTER));
    alone.user(MASTER, Estate::USER);
    let sim = start(alone);
    fails(
        Run::organization(&sim),
        &[
            "AWSOrganizationsNotInUseException",
            "the account does not belong to an organization: leave sub_account_assume_role_arn_chain out",
        ],
    );
}

#[test]
fn a_listing_that_is_throttled_for_good() {
    let sim = start_still(estate());
    sim.faults().add(Fault::on("organizations:ListAccountsForParent"));
    let outcome = Run::organization(&sim).file("rows.json", "previous").inside();
    outcome.expect(4);
    assert_eq!(outcome.output_bytes(), b"previous");
    let cause = &outcome.ledger()["cause"];
    assert_eq!(
        (&cause["code"], &cause["hop"]),
        (&json!("TooManyRequestsException"), &json!("the account listing"))
    );
    assert!(
        cause["hint"]
            .as_str()
            .unwrap()
            .contains("AWS still refused after all retries"),
        "{cause}"
    );
    assert_eq!(outcome.ledger()["slices"], json!([]), "half a list is none");
}

/// One client, whose tokens are spoiled in a way.
fn spoiled(mode: IdpMode) -> Sim {
    let sim = start(one_account());
    sim.set_idp_mode(mode);
    sim
}

#[test]
fn a_wrong_audience() {
    let sim = spoiled(IdpMode::WrongAudience);
    fails(
        Run::oidc(&sim),
        &[
            &format!(
                "AssumeRoleWithWebIdentity of {}: InvalidIdentityToken: Incorrect token audience",
                Estate::OIDC_ROLE
            ),
            &format!(
                "(the token says iss \"{}\", aud \"https://another.example.com\", azp absent, alg \"RS256\", exp 20",
                sim.issuer()
            ),
            "add the token's aud (or azp, where it has one) to the client ids of the identity provider in IAM",
            "OidcAudience",
        ],
    );
    assert_eq!(
        sim.count("sts:AssumeRoleWithWebIdentity"),
        1,
        "a refusal is not tried again"
    );
    let sim = spoiled(IdpMode::NoAudience);
    fails(
        Run::oidc(&sim),
        &[
            "InvalidIdentityToken: Missing a required claim: aud",
            "aud absent",
            "OidcAudience",
        ],
    );
}

#[test]
fn a_wrong_authorized_party() {
    let mut estate = one_account();
    let client = IdpClient::new(Estate::CLIENT_ID, Estate::CLIENT_SECRET).azp("the-hubs-client");
    estate.idp(Idp::new(client));
    let sim = start(estate);
    fails(
        Run::oidc(&sim),
        &[
            "Incorrect token audience",
            "aud \"sts.amazonaws.com\", azp \"the-hubs-client\"",
            "add the token's aud (or azp, where it has one)",
        ],
    );
}

#[test]
fn an_opaque_token() {
    let sim = spoiled(IdpMode::Opaque);
    fails(
        Run::oidc(&sim),
        &[
            "the identity provider's access token is opaque; AWS takes a signed JWT only",
            "let the identity provider issue JWT access tokens for this client",
            "OidcAudience",
        ],
    );
    assert_eq!(sim.count("sts:*"), 0, "it is not sent to AWS");
}

#[test]
fn a_provider_that_is_not_in_iam() {
    let sim = spoiled(IdpMode::WrongIssuer);
    fails(
        Run::oidc(&sim),
        &[
            "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://another.example.com",
            "create an OIDC identity provider in IAM, in the account of RoleArn, whose URL is the token's iss",
        ],
    );
    let sim = start(estate());
    fails(
        Run::oidc(&sim).params(json!({"RoleArn": role(A, "inventory")})),
        &["No OpenIDConnect provider found", "in the account of RoleArn"],
    );
}

#[test]
fn a_token_that_has_expired() {
    let sim = spoiled(IdpMode::Expired);
    fails(
        Run::oidc(&sim),
        &[
            "ExpiredTokenException",
            "the token was expired when AWS read it: check the clocks",
        ],
    );
}

#[test]
fn a_trust_policy_that_asks_for_somebody_else() {
    let mut estate = one_account();
    let trust = TrustWebIdentity::of_the_idp().subject("somebody-else");
    estate.change_account(MASTER, |account| {
        account.role(Role::new("other").trusting_web_identity(trust))
    });
    let sim = start(estate);
    for arn in [role(MASTER, "other"), role(MASTER, "missing"), role(MASTER, "hub")] {
        fails(
            Run::oidc(&sim).params(json!({ "RoleArn": arn })),
            &[
                "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
                &format!("the trust policy of {arn} must allow sts:AssumeRoleWithWebIdentity to the identity provider"),
            ],
        );
    }
}

#[test]
fn a_session_that_is_longer_than_the_role_allows() {
    let mut estate = one_account();
    estate.change_account(MASTER, |account| {
        account.change_role("oidc-inventory", |role| role.max_session(Duration::from_secs(3600)))
    });
    let sim = start(estate);
    fails(
        Run::oidc(&sim).params(json!({"SessionDuration": 7200})),
        &[
            "ValidationError",
            "lower SessionDuration, or raise the maximum session duration of",
        ],
    );
}

#[test]
fn an_identity_provider_that_is_down() {
    let sim = start(one_account());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/token");
    fails(
        Run::oidc(&sim).params(json!({ "IdpUrl": url })),
        &[
            &format!("the identity provider at {url}: no answer: "),
            "refused",
            "check IdpUrl, name resolution, routes and the proxy variables",
        ],
    );
    assert_eq!(sim.calls().len(), 0);
}

#[test]
fn an_identity_provider_that_answers_with_a_page() {
    let sim = spoiled(IdpMode::Html);
    let outcome = fails(
        Run::oidc(&sim),
        &[
            &format!(
                "the identity provider at {}: HTTP 200 with text/html; charset=utf-8 instead of a token in JSON",
                sim.token_url()
            ),
            "IdpUrl must be the token endpoint (token_endpoint in /.well-known/openid-configuration), not a sign-in or discovery page",
        ],
    );
    outcome.does_not_say(&["Please sign in"]);
    let sim = spoiled(IdpMode::NotJson);
    fails(
        Run::oidc(&sim),
        &[
            "HTTP 200 with application/json instead of a token in JSON",
            "IdpUrl must be the token endpoint",
        ],
    );
    let sim = spoiled(IdpMode::NoAccessToken);
    fails(
        Run::oidc(&sim),
        &["its answer has no access_token", "IdpUrl must be a token endpoint"],
    );
}

#[test]
fn an_identity_provider_that_refuses() {
    let sim = spoiled(IdpMode::Status(401));
    let texts = [
        "HTTP 401: invalid_client: client authentication failed",
        "check ClientId and ClientSecret",
    ];
    fails(Run::oidc(&sim), &texts);
    assert_eq!(sim.count("idp:Token"), 1, "a refusal is not tried again");
    let sim = start(one_account());
    fails(
        Run::oidc(&sim).params(json!({"ClientSecret": "wrong secret %&"})),
        &texts,
    );
    fails(Run::oidc(&sim).params(json!({"ClientId": "nobody"})), &texts);
    let sim = spoiled(IdpMode::Status(403));
    fails(
        Run::oidc(&sim),
        &["HTTP 403 with text/plain instead of a token in JSON"],
    );
}

#[test]
fn an_identity_provider_that_is_out_of_order() {
    let sim = spoiled(IdpMode::Status(500));
    fails(
        Run::oidc(&sim),
        &["HTTP 500 with text/plain instead of a token in JSON"],
    );
    assert_eq!(sim.count("idp:Token"), 4, "that may pass: four tries");
}

#[test]
fn an_identity_provider_that_redirects() {
    let sim = start(one_account());
    let elsewhere = format!("{}/.well-known/openid-configuration", sim.endpoint());
    sim.set_idp_mode(IdpMode::Redirect(elsewhere.clone()));
    fails(
        Run::oidc(&sim),
        &[
            &format!("it redirects to {elsewhere}; redirects are not followed, they would carry the secret along"),
            "put the address of the token endpoint itself into IdpUrl",
        ],
    );
    assert_eq!(sim.count("idp:Configuration"), 0, "not followed");
    assert_eq!(sim.count("idp:Token"), 1);
}

#[test]
fn an_identity_provider_that_stumbles_once() {
    for (fault, asked) in [
        (Fault::on("idp:Token").first(1).then(aws_sim::Action::Reset), 2),
        (
            Fault::on("idp:Token")
                .first(2)
                .error(503, "temporarily_unavailable", "try again"),
            3,
        ),
        (Fault::on("idp:Token").first(1), 2),
    ] {
        let sim = start_still(one_account());
        sim.faults().add(fault.clone());
        Run::oidc(&sim).inside().expect(0);
        assert_eq!(sim.count("idp:Token"), asked, "{fault:?}");
    }
}

#[test]
fn aws_that_cannot_reach_the_identity_provider_is_asked_again_and_no_more_than_a_few_times() {
    for fault in [Fault::verification_key_unavailable(), Fault::idp_communication_error()] {
        let sim = start_still(one_account());
        sim.faults().add(fault.clone().first(2));
        Run::oidc(&sim).inside().expect(0);
        assert_eq!(sim.count("sts:AssumeRoleWithWebIdentity"), 3);
        let sim = start_still(one_account());
        sim.faults().add(fault);
        let outcome = Run::oidc(&sim).inside();
        let cause = outcome.expect(4).ledger()["cause"].clone();
        assert!(
            cause["hint"]
                .as_str()
                .unwrap()
                .contains("AWS could not fetch the identity provider's keys"),
            "{cause}"
        );
        let calls = sim.count("sts:AssumeRoleWithWebIdentity");
        assert!((3..=8).contains(&calls), "{calls} calls");
    }
    // Permanent refusals are in the cases above: one call each.
}

#[test]
fn every_account_denies_and_so_nothing_was_collected() {
    let mut estate = one_account();
    estate.deny_user(MASTER, Estate::USER, "ec2:DescribeInstances");
    let sim = start(estate);
    let outcome = Run::keys(&sim).file("rows.json", "previous").expect(4);
    assert_eq!(outcome.output_bytes(), b"previous");
    outcome.says(&[
        "UnauthorizedOperation",
        "allow ec2:DescribeInstances in the policy of the role",
    ]);
    for region in [FRANKFURT, VIRGINIA] {
        assert_eq!(outcome.slice(MASTER, Some(region))["outcome"], "denied");
    }
}
