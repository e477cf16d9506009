//! Every link of the AWS default credential chain, by a real exchange: with files, with programs, and with servers on loopback that
//! answer as AWS's own do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_sim::{Action, Estate, Fault, Sim};
use serde_json::json;

use crate::harness::{Outcome, Run, parameters, start};
use crate::world::*;

const DEFAULT_CHAIN: &str = "AWS Default Chain";

/// A request: method and path, and its headers.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    headers: Vec<String>,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| {
            let (found, value) = header.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// A server of plain HTTP that answers as `answer` says: a status, a content type and a body.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Answer = (u16, &'static str, String);

fn server(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&asked);
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
            std::thread::spawn(move || serve(stream.unwrap(), &all, &*answer));
        }
    });
    Server { url, asked }
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Answer) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let asked = Asked {
            line: lines.remove(0).rsplit_once(' ').unwrap().0.to_owned(),
            headers: lines,
        };
        let length = asked
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let (status, content_type, body) = answer(&asked);
        all.lock().unwrap().push(asked);
        // The metadata service says for how long its token holds.
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\
             x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
    }
}

/// The master's user, as services give credentials out.
struct Keys {
    id: String,
    secret: String,
    token: String,
}

fn session(sim: &Sim) -> Keys {
    let session = sim
        .user_session(MASTER, Estate::USER, Duration::from_secs(3600))
        .unwrap();
    Keys {
        id: session.access_key_id.clone(),
        secret: session.secret_access_key.clone(),
        token: session.session_token.clone(),
    }
}

fn in_an_hour() -> String {
    connector_core::ledger::timestamp(SystemTime::now() + Duration::from_secs(3600))
}

/// As the metadata service and the agent of containers give credentials.
fn as_json(keys: &Keys) -> String {
    json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "AccessKeyId": keys.id,
        "SecretAccessKey": keys.secret,
        "Token": keys.token,
        "Expiration": in_an_hour(),
    })
    .to_string()
}

fn run(sim: &Sim) -> Run<'_> {
    Run::bare(sim).params(json!({ "AuthenticationMethod": DEFAULT_CHAIN }))
}

/// It has signed in as the master's user, and has the rows.
fn expect_master(outcome: &Outcome) {
    outcome.expect(0);
    assert_eq!(outcome.accounts().into_iter().collect::<Vec<_>>(), [MASTER]);
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>
#[test]
fn an_instance_signs_in_by_its_role() {
    let sim = start(one_account());
    let keys = session(&sim);
    let metadata = server(move |asked| match asked.line.trim_end_matches('/') {
        "PUT /latest/api/token" => (200, "text/plain", "AQAEAtokenTOKENtoken==".to_owned()),
        "GET /latest/meta-data/iam/security-credentials-extended"
        | "GET /latest/meta-data/iam/security-credentials" => (200, "text/plain", "instance-role".to_owned()),
        "GET /latest/meta-data/iam/security-credentials-extended/instance-role"
        | "GET /latest/meta-data/iam/security-credentials/instance-role" => (200, "application/json", as_json(&keys)),
        _ => (404, "text/plain", String::new()),
    });
    let outcome = run(&sim)
        .variable("AWS_EC2_METADATA_DISABLED", "false")
        .variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.url)
        .run();
    expect_master(&outcome);
    let asked = metadata.asked.lock().unwrap().clone();
    assert!(
        asked
            .iter()
            .any(|asked| asked.header("x-aws-ec2-metadata-token").is_some())
    );
}

#[test]
fn an_instance_without_a_role_says_what_to_do() {
    let sim = start(one_account());
    let metadata = server(|asked| match asked.line.as_str() {
        "PUT /latest/api/token" => (200, "text/plain", "AQAEAtokenTOKENtoken==".to_owned()),
        _ => (404, "text/plain", String::new()),
    });
    let outcome = run(&sim)
        .variable("AWS_EC2_METADATA_DISABLED", "false")
        .variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.url)
        .expect(4);
    outcome.says(&[
        "the AWS default credential chain",
        "404 from IMDS",
        "set AWS_PROFILE or the AWS_* variables",
    ]);
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>: ECS names the path, EKS Pod Identity a
/// URL and a file with a token that changes.
#[test]
fn a_container_signs_in_by_its_agent() {
    let sim = start(one_account());
    let keys = session(&sim);
    let agent = server(
        move |asked| match (asked.line.as_str(), asked.header("authorization")) {
            ("GET /v1/credentials", Some("pod-token-2")) => (200, "application/json", as_json(&keys)),
            _ => (401, "application/json", r#"{"message":"no"}"#.to_owned()),
        },
    );
    let run = run(&sim).file("token", "pod-token-2");
    let token = run.path("token");
    let outcome = run
        .variable(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            &format!("{}/v1/credentials", agent.url),
        )
        .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap())
        .run();
    expect_master(&outcome);
    let down = self::run(&sim)
        .variable(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "http://127.0.0.1:1/v1/credentials",
        )
        .expect(4);
    down.says(&["whoever gives out the credentials does not answer: check AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
}

#[test]
fn a_program_of_the_profile_gives_credentials() {
    let sim = start(one_account());
    let keys = session(&sim);
    let printed = json!({
        "Version": 1,
        "AccessKeyId": keys.id,
        "SecretAccessKey": keys.secret,
        "SessionToken": keys.token,
        "Expiration": in_an_hour(),
    });
    let run = |command: &str| {
        run(&sim)
            .file(".aws/config", &format!("[profile p]\ncredential_process = {command}\n"))
            .file("secrets", &printed.to_string())
            .variable("AWS_PROFILE", "p")
    };
    expect_master(&run("cat secrets").run());
    for wrong in ["false", "echo no", "/nowhere/program"] {
        run(wrong)
            .expect(4)
            .says(&["run the profile's credential_process by hand, as this user"]);
    }
}

/// As in a form.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// A token of the identity provider, as a pod finds it in a file.
fn web_identity(sim: &Sim) -> String {
    let url = sim.token_url();
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let body = format!(
        "grant_type=client_credentials&audience=sts.amazonaws.com&client_id={}&client_secret={}",
        encoded(Estate::CLIENT_ID),
        encoded(Estate::CLIENT_SECRET)
    );
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let json = &answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()];
    let answer: serde_json::Value = serde_json::from_str(json).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// As a pod of Kubernetes signs in, with the token of its service account.
#[test]
fn a_pod_signs_in_by_the_file_of_its_service_account() {
    let mut estate = estate();
    estate.change_account(MASTER, |account| account.instances(FRANKFURT, 1));
    let sim = start(estate);
    let run = run(&sim);
    let token = run.path("secrets");
    std::fs::write(&token, web_identity(&sim)).unwrap();
    let outcome = run
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap())
        .variable("AWS_ROLE_ARN", Estate::OIDC_ROLE)
        .run();
    expect_master(&outcome);
    let missing = self::run(&sim)
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token")
        .variable("AWS_ROLE_ARN", Estate::OIDC_ROLE)
        .expect(4);
    missing.says(&[
        "a file that AWS_WEB_IDENTITY_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names is not there",
    ]);
}

const SSO: &str = "[profile s]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n\
                   sso_account_id = 111122223333\nsso_role_name = Reader\n";
/// `printf https://x.awsapps.com/start | sha1sum`
const SSO_CACHE: &str = ".aws/sso/cache/3947de8b16688092197fa616c34e01335f21d256.json";

/// A profile of IAM Identity Center: signed in, not signed in, and signed in too long ago.
#[test]
fn a_profile_of_identity_center_signs_in_or_says_how() {
    let sim = start(one_account());
    let keys = session(&sim);
    let portal = server(move |asked| {
        if asked.header("x-amz-sso_bearer_token") != Some("sso-token") {
            let refused = r#"{"message":"Session token not found or invalid","__type":"com.amazonaws.switchboard.portal#UnauthorizedException"}"#;
            return (401, "application/json", refused.to_owned());
        }
        let expires = SystemTime::now() + Duration::from_secs(3600);
        let expires = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        let credentials = json!({"roleCredentials": {
            "accessKeyId": keys.id,
            "secretAccessKey": keys.secret,
            "sessionToken": keys.token,
            "expiration": u64::try_from(expires).unwrap(),
        }});
        (200, "application/json", credentials.to_string())
    });
    let cached = |token: &str, expires: &str| json!({"accessToken": token, "expiresAt": expires}).to_string();
    let run = || {
        run(&sim)
            .file(".aws/config", SSO)
            .variable("AWS_PROFILE", "s")
            .variable("AWS_ENDPOINT_URL_SSO", &portal.url)
    };
    expect_master(&run().file(SSO_CACHE, &cached("sso-token", &in_an_hour())).run());
    for signed_out in [
        run(),
        run().file(SSO_CACHE, &cached("expired", "2020-01-01T00:00:00Z")),
        run().file(SSO_CACHE, &cached("revoked", &in_an_hour())),
    ] {
        let outcome = signed_out.expect(4);
        outcome.says(&[
            "the AWS default credential chain",
            "sign in with IAM Identity Center: aws sso login",
        ]);
    }
}

#[test]
fn profiles_that_cannot_work_are_told_apart() {
    let sim = start(one_account());
    let config = "[profile loop]\nrole_arn = arn:aws:iam::111122223333:role/hub\nsource_profile = missing\n\
                  [profile role]\nrole_arn = arn:aws:iam::111122223333:role/nobody\nsource_profile = keys\nmfa_serial = x\n";
    let key = sim.estate().access_key(MASTER, Estate::USER).unwrap();
    let credentials = format!(
        "[keys]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        key.access_key_id, key.secret_access_key
    );
    for (profile, said) in [
        (
            "nope",
            "the profile `nope` is not defined in ~/.aws/config or ~/.aws/credentials",
        ),
        (
            "loop",
            "names one that is neither in ~/.aws/config nor in ~/.aws/credentials",
        ),
        (
            "role",
            "where the profile has mfa_serial, get a session with aws sts get-session-token",
        ),
    ] {
        let outcome = run(&sim)
            .file(".aws/config", config)
            .file(".aws/credentials", &credentials)
            .variable("AWS_PROFILE", profile)
            .expect(4);
        outcome.says(&[said]);
    }
}

/// A role that the profile assumes with what the environment has.
#[test]
fn a_profile_assumes_a_role_with_the_environments_credentials() {
    let sim = start(one_account());
    let key = sim.estate().access_key(MASTER, Estate::USER).unwrap();
    let config = format!(
        "[profile hub]\nrole_arn = {}\ncredential_source = Environment\n",
        role(MASTER, "hub")
    );
    let outcome = run(&sim)
        .file(".aws/config", &config)
        .variable("AWS_PROFILE", "hub")
        .variable("AWS_ACCESS_KEY_ID", &key.access_key_id)
        .variable("AWS_SECRET_ACCESS_KEY", &key.secret_access_key)
        .run();
    // The SDKs take keys of the environment before a profile.
    expect_master(&outcome);
}

/// Not every server of AWS knows a new session at once.
#[test]
fn a_session_that_aws_does_not_know_yet_is_tried_again() {
    let sim = start(estate());
    let unknown = Fault::on("sts:GetCallerIdentity").account(B).first(2);
    sim.faults().add(unknown.error(
        403,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    ));
    let outcome = Run::organization(&sim).inside();
    outcome.expect(0);
    let again = sim.calls_of("sts:GetCallerIdentity");
    assert_eq!(
        again.iter().filter(|call| call.account.as_deref() == Some(B)).count(),
        3
    );
    // A key that nobody has is not new.
    sim.forget_calls();
    let outcome = Run::keys(&sim)
        .params(json!({"access_key_id": "AKIAEXAMPLE000000001"}))
        .inside();
    outcome.expect(4);
    assert_eq!(sim.count("sts:GetCallerIdentity"), 1);
}

/// Where AWS goes on not knowing a session, the hint says whose it is.
#[test]
fn a_hint_says_whose_credentials_are_refused() {
    let sim = start(estate());
    sim.faults().add(Fault::on("sts:GetCallerIdentity").account(B).error(
        403,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    ));
    let outcome = Run::organization(&sim).inside();
    outcome.expect(3);
    let hint = outcome.slice(B, None)["cause"]["hint"].to_string();
    assert!(
        hint.contains("AWS has given this session and does not know it here"),
        "{hint}"
    );
}

/// The first role of all sub-accounts fails for a while: no account is lost by that.
#[test]
fn a_hop_of_all_accounts_that_fails_for_a_while_fails_none_of_them() {
    let sim = start(estate());
    let hub = role(MASTER, "hub");
    let chain = json!({"sub_account_assume_role_arn_chain": [hub, role("{accountId}", "inventory")]});
    // More than the tries of one call.
    let down = Fault::on("sts:AssumeRole").parameter("RoleArn", &hub).first(20);
    sim.faults().add(down.then(Action::Body {
        status: 503,
        content_type: "text/plain",
        body: "down".to_owned(),
    }));
    let outcome = Run::organization(&sim).params(chain.clone()).inside();
    outcome.expect(0);
    assert_eq!(outcome.found().len(), ALL.len() * REGIONS.len() - missing(&outcome));
    // For good, it fails each of them.
    sim.faults().clear();
    sim.forget_calls();
    sim.faults().add(
        Fault::on("sts:AssumeRole")
            .parameter("RoleArn", &hub)
            .then(Action::Body {
                status: 503,
                content_type: "text/plain",
                body: "down".to_owned(),
            }),
    );
    let outcome = Run::organization(&sim).params(chain).by_events().inside();
    outcome.expect(3);
    assert_eq!(
        parameters(&sim.calls_of("ec2:DescribeInstances"), "MaxResults").len(),
        REGIONS.len()
    );
}

/// Regions that have no instances have no rows.
fn missing(outcome: &Outcome) -> usize {
    let outcomes = outcome.outcomes();
    outcomes.values().filter(|outcome| *outcome == "empty").count()
}
