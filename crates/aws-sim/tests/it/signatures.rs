//! Who is let in, and in which words each service refuses the others.

use std::time::{Duration, UNIX_EPOCH};

use aws_sim::{Account, Clock, Estate, Role, Sim};

use super::client::{self, Keys, MANAGEMENT, Reply, Signing, signed};

fn estate() -> (Estate, Keys) {
    let role = Role::new("reader").trusting(MANAGEMENT);
    let mut estate = Estate::new(Account::new(MANAGEMENT).role(role));
    let key = estate.user(MANAGEMENT, "ann").into();
    (estate, key)
}

async fn started() -> (Sim, Keys) {
    let (estate, keys) = estate();
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    (Sim::start(estate, clock).await.unwrap(), keys)
}

/// The same request to STS, Organizations and EC2.
fn everywhere(sim: &Sim, keys: &Keys, how: &Signing) -> [(u16, String, String); 3] {
    let error = |reply: Reply| reply.error();
    [
        error(
            signed(
                sim,
                keys,
                "sts",
                "us-east-1",
                None,
                "Action=GetCallerIdentity&Version=2011-06-15",
                how,
            )
            .unwrap(),
        ),
        error(signed(sim, keys, "organizations", "us-east-1", Some("ListRoots"), "{}", how).unwrap()),
        error(
            signed(
                sim,
                keys,
                "ec2",
                "us-east-1",
                None,
                "Action=DescribeRegions&Version=2016-11-15",
                how,
            )
            .unwrap(),
        ),
    ]
}

fn codes(errors: [(u16, String, String); 3]) -> [(u16, String); 3] {
    errors.map(|(status, code, _)| (status, code))
}

fn expected(codes: [(u16, &str); 3]) -> [(u16, String); 3] {
    codes.map(|(status, code)| (status, code.to_owned()))
}

const OK: [(u16, &str); 3] = [(200, ""), (200, ""), (200, "")];

#[tokio::test]
async fn well_signed_requests_are_served() {
    let (sim, keys) = started().await;
    assert_eq!(client::sts(&sim, &keys, "Action=GetCallerIdentity").status, 200);
    assert_eq!(client::organizations(&sim, &keys, "ListRoots", "{}").status, 200);
    assert_eq!(
        client::ec2(&sim, &keys, "us-east-1", "Action=DescribeRegions").status,
        200
    );
    let unsigned = Signing {
        unsigned_payload: true,
        ..Signing::default()
    };
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    assert_eq!(
        signed(&sim, &keys, "sts", "us-east-1", None, body, &unsigned)
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn an_unknown_key_and_a_wrong_secret() {
    let (sim, keys) = started().await;
    let unknown = Keys {
        id: "AKIAAAAAAAAAAAAAAAAA".to_owned(),
        ..keys.clone()
    };
    assert_eq!(
        codes(everywhere(&sim, &unknown, &Signing::default())),
        expected([
            (403, "InvalidClientTokenId"),
            (400, "UnrecognizedClientException"),
            (401, "AuthFailure")
        ])
    );
    let wrong = Keys {
        secret: "wrong".to_owned(),
        ..keys
    };
    assert_eq!(
        codes(everywhere(&sim, &wrong, &Signing::default())),
        expected([
            (403, "SignatureDoesNotMatch"),
            (400, "InvalidSignatureException"),
            (401, "AuthFailure")
        ])
    );
}

#[tokio::test]
async fn a_request_that_was_changed_on_the_way() {
    let (sim, keys) = started().await;
    let how = Signing {
        body_sent_instead: Some("Action=GetCallerIdentity&Version=2011-06-15&x=y"),
        ..Signing::default()
    };
    assert_eq!(everywhere(&sim, &keys, &how)[0].1, "SignatureDoesNotMatch");
}

#[tokio::test]
async fn a_header_that_is_not_covered() {
    let (sim, keys) = started().await;
    for left_out in ["host", "x-amz-date"] {
        let how = Signing {
            leave_out: Some(left_out),
            ..Signing::default()
        };
        assert_eq!(everywhere(&sim, &keys, &how)[0].1, "IncompleteSignature", "{left_out}");
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_by_more_than_five_minutes() {
    let (sim, keys) = started().await;
    for skew in [-299, 299] {
        assert_eq!(
            codes(everywhere(
                &sim,
                &keys,
                &Signing {
                    skew,
                    ..Signing::default()
                }
            )),
            expected(OK),
            "{skew}"
        );
    }
    let late = everywhere(
        &sim,
        &keys,
        &Signing {
            skew: -301,
            ..Signing::default()
        },
    );
    assert_eq!(
        late[0].2,
        "Signature expired: 20270115T075459Z is now earlier than 20270115T075500Z (20270115T080000Z - 5 min.)"
    );
    assert_eq!(
        codes(late),
        expected([
            (403, "SignatureDoesNotMatch"),
            (400, "InvalidSignatureException"),
            (400, "RequestExpired")
        ])
    );
    let early = everywhere(
        &sim,
        &keys,
        &Signing {
            skew: 301,
            ..Signing::default()
        },
    );
    assert!(early[0].2.starts_with("Signature not yet current: "), "{}", early[0].2);

    let (mut estate, keys) = estate();
    estate.signature_skew(None);
    let careless = Sim::start(estate, Clock::real()).await.unwrap();
    let how = Signing {
        skew: 86_400,
        ..Signing::default()
    };
    assert_eq!(codes(everywhere(&careless, &keys, &how)), expected(OK));
}

#[tokio::test]
async fn a_session_without_its_token_with_another_and_after_its_end() {
    let (sim, keys) = started().await;
    let session = client::assume(&sim, &keys, &format!("arn:aws:iam::{MANAGEMENT}:role/reader"));
    assert!(session.id.starts_with("ASIA"));
    assert_eq!(codes(everywhere(&sim, &session, &Signing::default())), expected(OK));

    let refused = expected([
        (403, "InvalidClientTokenId"),
        (400, "UnrecognizedClientException"),
        (401, "AuthFailure"),
    ]);
    for token in [None, Some("wrong".to_owned())] {
        let keys = Keys {
            token,
            ..session.clone()
        };
        assert_eq!(codes(everywhere(&sim, &keys, &Signing::default())), refused);
    }
    let with_token = Keys {
        token: Some("unasked".to_owned()),
        ..keys
    };
    assert_eq!(codes(everywhere(&sim, &with_token, &Signing::default())), refused);

    sim.clock().advance(Duration::from_secs(3599));
    assert_eq!(codes(everywhere(&sim, &session, &Signing::default())), expected(OK));
    sim.clock().advance(Duration::from_secs(1));
    assert_eq!(
        codes(everywhere(&sim, &session, &Signing::default())),
        expected([
            (403, "ExpiredToken"),
            (400, "ExpiredTokenException"),
            (400, "RequestExpired")
        ])
    );
}

#[tokio::test]
async fn a_request_without_a_signature_and_one_for_a_service_that_is_not_simulated() {
    let (sim, keys) = started().await;
    let reply = client::send(&sim, "POST", "/", &[], "Action=GetCallerIdentity&Version=2011-06-15").unwrap();
    assert_eq!(reply.error().1, "MissingAuthenticationToken");
    let how = Signing::default();
    let other = signed(&sim, &keys, "sqs", "us-east-1", None, "", &how).unwrap();
    assert_eq!((other.status, other.code().as_str()), (404, "UnknownService"));
}

#[tokio::test]
async fn every_error_names_its_request() {
    let (sim, keys) = started().await;
    let wrong = Keys {
        secret: "wrong".to_owned(),
        ..keys
    };
    let sts = client::sts(&sim, &wrong, "Action=GetCallerIdentity");
    let ec2 = client::ec2(&sim, &wrong, "us-east-1", "Action=DescribeRegions");
    let organizations = client::organizations(&sim, &wrong, "ListRoots", "{}");
    assert_eq!(sts.tag("RequestId").as_ref(), sts.headers.get("x-amzn-requestid"));
    assert_eq!(ec2.tag("RequestID").as_ref(), ec2.headers.get("x-amzn-requestid"));
    assert_eq!(organizations.headers["x-amzn-requestid"].len(), 36);
    assert_eq!(organizations.headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(
        organizations.headers["date"], "Fri, 15 Jan 2027 08:00:00 GMT",
        "the simulator's time"
    );
}
