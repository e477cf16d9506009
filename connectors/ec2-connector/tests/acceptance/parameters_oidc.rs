//! The parameters of web identity federation: each case fails when its parameter is ignored.

use aws_sim::{ClientAuthentication, Estate, Idp, IdpClient, OidcProvider, Role, TrustWebIdentity};
use serde_json::json;

use crate::harness::{Run, collected_with, expected, parameters, set, some, start};
use crate::world::*;

#[test]
fn oidc_signs_in_with_client_url_and_role() {
    let mut estate = estate();
    let trust = || TrustWebIdentity::of_the_idp();
    estate.change_account(D, |account| {
        account
            .role(Role::new("federated").trusting_web_identity(trust().subject("another-client")))
            .oidc_provider(OidcProvider::the_idp(&["sts.amazonaws.com"]))
    });
    let first = IdpClient::new(Estate::CLIENT_ID, Estate::CLIENT_SECRET);
    estate.idp(Idp::new(first).client(IdpClient::new("another-client", "another-secret%2F")));
    let sim = start(estate);
    let outcome = Run::oidc(&sim).expect(0);
    assert_eq!(outcome.found(), expected(&sim, [MASTER], &REGIONS));
    assert!(
        some(collected_with(&sim))
            .iter()
            .all(|call| call.access_key_id.as_ref().unwrap().starts_with("ASIA"))
    );
    assert_eq!(
        (sim.count("idp:Token"), sim.count("sts:AssumeRoleWithWebIdentity")),
        (1, 1)
    );
    let outcome = Run::oidc(&sim)
        .params(
            json!({"ClientId": "another-client", "ClientSecret": "another-secret%2F", "RoleArn": role(D, "federated")}),
        )
        .expect(0);
    assert_eq!(outcome.found(), expected(&sim, [D], &REGIONS));
    // Another path of the same server is no token endpoint.
    let wrong_url = format!("{}/.well-known/openid-configuration", sim.endpoint());
    Run::oidc(&sim)
        .params(json!({ "IdpUrl": wrong_url }))
        .expect(4)
        .says(&["IdpUrl"]);
    assert_eq!(sim.count("idp:Configuration"), 1);
}

#[test]
fn oidc_combines_with_chains_the_listing_and_explicit_accounts() {
    let mut estate = estate();
    // Nobody but the web identity's session may go on from here.
    estate.change_account(MASTER, |account| {
        account.role(Role::new("behind-oidc").trusting(Estate::OIDC_ROLE))
    });
    for member in MEMBERS {
        estate.change_account(member, |account| {
            account.role(Role::new("sub").trusting(Estate::OIDC_ROLE))
        });
    }
    let sim = start(estate);
    let behind = json!({"master_assume_role_arn_chain": [role(MASTER, "behind-oidc")]});
    let sub = json!({"sub_account_assume_role_arn_chain": [role("{accountId}", "sub")]});
    let outcome = Run::oidc(&sim).params(behind.clone()).expect(0);
    assert_eq!(outcome.accounts(), set([MASTER]));
    let outcome = Run::oidc(&sim).params(behind).params(sub.clone()).expect(0);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
    let outcome = Run::oidc(&sim)
        .params(sub)
        .params(json!({"accounts": [B, D]}))
        .expect(0);
    assert_eq!(outcome.found(), expected(&sim, [B, D], &REGIONS));
    assert_eq!(sim.count("idp:Token"), 3, "one token each");
}

#[test]
fn the_session_duration_is_the_web_identitys_alone() {
    let sim = start(estate());
    for (given, sent) in [(None, "3600"), (Some(1234), "1234"), (Some(43_200), "43200")] {
        sim.forget_calls();
        let outcome = Run::oidc(&sim)
            .params(json!({"SessionDuration": given, "sub_account_assume_role_arn_chain": [Estate::SUB_ACCOUNT_ROLE]}))
            .expect(0);
        assert_eq!(outcome.accounts(), set(ALL));
        assert_eq!(
            parameters(&sim.calls_of("sts:AssumeRoleWithWebIdentity"), "DurationSeconds"),
            [sent]
        );
        let hops = some(sim.calls_of("sts:AssumeRole"));
        assert!(
            parameters(&hops, "DurationSeconds")
                .iter()
                .all(|seconds| *seconds == "3600")
        );
    }
}

#[test]
fn the_role_session_duration_is_that_of_every_hop() {
    let sim = start(estate());
    for (given, sent) in [(None, "3600"), (Some(900), "900"), (Some(1800), "1800")] {
        sim.forget_calls();
        Run::organization(&sim)
            .params(json!({"role_session_duration": given, "master_assume_role_arn_chain": [role(MASTER, "hub")]}))
            .expect(0);
        let hops = sim.calls_of("sts:AssumeRole");
        assert_eq!(parameters(&hops, "DurationSeconds"), [sent; 6]);
    }
}

#[test]
fn the_token_request_has_scope_audience_and_extra_fields() {
    let mut estate = estate();
    let client = IdpClient::new(Estate::CLIENT_ID, Estate::CLIENT_SECRET);
    let idp = Idp::new(client)
        .requiring_scope("inventory")
        .requiring_audience("sts.amazonaws.com");
    estate.idp(idp);
    let sim = start(estate);
    let outcome = Run::oidc(&sim)
        .params(json!({"OidcScope": "openid inventory", "OidcAudience": "sts.amazonaws.com"}))
        .expect(0);
    assert_eq!(outcome.accounts(), set([MASTER]));
    let asked = &sim.calls_of("idp:Token")[0];
    let field = |name: &str| asked.parameter(name).unwrap_or("-");
    assert_eq!(
        (
            field("scope"),
            field("audience"),
            field("grant_type"),
            field("resource")
        ),
        ("openid inventory", "sts.amazonaws.com", "client_credentials", "-")
    );
    sim.forget_calls();
    let outcome = Run::oidc(&sim)
        .params(json!({"OidcScope": "inventory", "OidcTokenParameters": {"resource": "sts.amazonaws.com", "tenant": "t 1"}}))
        .expect(0);
    assert_eq!(
        outcome.ledger()["parameters"]["OidcTokenParameters"],
        json!({"resource": "***", "tenant": "***"})
    );
    let asked = &sim.calls_of("idp:Token")[0];
    let field = |name: &str| asked.parameter(name).unwrap_or("-");
    assert_eq!(
        (field("resource"), field("tenant"), field("audience")),
        ("sts.amazonaws.com", "t 1", "-")
    );
    Run::oidc(&sim)
        .params(json!({"OidcAudience": "sts.amazonaws.com"}))
        .expect(4)
        .says(&["invalid_scope", "check OidcScope"]);
    Run::oidc(&sim)
        .params(json!({"OidcScope": "inventory"}))
        .expect(4)
        .says(&["invalid_target", "check OidcAudience and OidcTokenParameters"]);
}

#[test]
fn the_client_proves_itself_in_the_header_or_in_the_form() {
    for (accepted, method) in [
        (ClientAuthentication::Basic, "client_secret_basic"),
        (ClientAuthentication::Post, "client_secret_post"),
    ] {
        let mut estate = one_account();
        let client = IdpClient::new(Estate::CLIENT_ID, Estate::CLIENT_SECRET);
        estate.idp(Idp::new(client).accepting(accepted));
        let sim = start(estate);
        let outcome = Run::oidc(&sim)
            .params(json!({ "OidcClientAuthentication": method }))
            .expect(0);
        assert_eq!(outcome.accounts(), set([MASTER]));
        assert_eq!(
            parameters(&sim.calls_of("idp:Token"), "client_authentication"),
            [method]
        );
        let other = if accepted == ClientAuthentication::Basic {
            "client_secret_post"
        } else {
            ""
        };
        Run::oidc(&sim)
            .params(json!({ "OidcClientAuthentication": other }))
            .expect(4)
            .says(&[
                "invalid_client",
                "OidcClientAuthentication (client_secret_basic or client_secret_post)",
            ]);
    }
}
