//! Secrets in the age format, between the connector and the tool age: what one has encrypted, the other opens.

use std::io::Write as _;
use std::process::{Command, Stdio};

use end_to_end::connector::{Connector, Outcome};
use end_to_end::environment::{age, connector};
use end_to_end::servers::{Ministack, OidcProvider};
use serde_json::{Value, json};

const REGION: &str = "eu-central-1";

/// Standard output of a program that is given `input`.
fn output_of(command: &mut Command, input: &str) -> String {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?} failed: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn recipient_of(identity: &str) -> String {
    output_of(Command::new(age("age-keygen")).arg("-y"), identity)
        .trim()
        .to_owned()
}

/// A master account whose user may look at its one instance.
fn seeded(ministack: &Ministack, master: &str) -> Value {
    ministack.seed(json!({
        "master": master,
        "user": ["ec2:*"],
        "roles": [{
            "account": "master",
            "name": "hub",
            "web_identity": { "issuer": OidcProvider::shared().issuer(), "audience": "urn:aws:age" },
            "allow": ["ec2:Describe*"],
        }],
        "instances": [{ "account": "master", "region": REGION, "count": 1 }],
    }))
}

fn finish(connector: Connector, identity: &str) -> Outcome {
    let file = connector.file("identity", identity);
    connector
        .parameter("secret_identity_file", file.display().to_string())
        .parameter("regions", json!([REGION]))
        .finish()
}

#[test]
fn what_age_has_encrypted_signs_in() {
    let (ministack, provider) = (Ministack::shared(), OidcProvider::shared());
    let identity = output_of(&mut Command::new(age("age-keygen")), "");
    let recipient = recipient_of(&identity);
    let encrypted = |secret: &str| {
        output_of(
            Command::new(age("age")).args(["--armor", "--recipient", &recipient]),
            secret,
        )
    };

    let made = seeded(ministack, "810000000001");
    let secret = made["secret_access_key"].as_str().unwrap();
    let connector = Connector::run().at_ministack(ministack, &made).secret(secret);
    let outcome = finish(connector.parameter("secret_access_key", encrypted(secret)), &identity);
    outcome.expect_exit(0);
    assert_eq!(outcome.rows().len(), 1);

    let connector = Connector::run()
        .at_ministack(ministack, &made)
        .by_oidc(provider, "arn:aws:iam::810000000001:role/hub")
        .parameter("OidcTokenParameters", json!({ "resource": "urn:aws:age" }));
    let client_secret = connector.value("ClientSecret");
    // As `echo` gives it to the tool.
    let armor = encrypted(&format!("{client_secret}\n"));
    let outcome = finish(
        connector.secret(&client_secret).parameter("ClientSecret", armor),
        &identity,
    );
    outcome.expect_exit(0);
    assert_eq!(outcome.rows().len(), 1);
}

#[test]
fn what_the_connector_has_encrypted_opens_with_age() {
    let secret = |arguments: &[&str], input: &str| {
        output_of(
            Command::new(connector("ec2-connector")).arg("secret").args(arguments),
            input,
        )
    };
    let folder = tempfile::TempDir::new().unwrap();
    let ours = folder.path().join("ours").display().to_string();
    let ours_recipient = secret(&["keygen", "--output", &ours], "").trim().to_owned();
    assert_eq!(recipient_of(&std::fs::read_to_string(&ours).unwrap()), ours_recipient);
    let theirs = folder.path().join("theirs").display().to_string();
    let identity = output_of(&mut Command::new(age("age-keygen")), "");
    std::fs::write(&theirs, &identity).unwrap();

    let plain = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY \u{e9}";
    let both = ["encrypt", "--identity", &theirs, "--recipient", &ours_recipient];
    let armor = secret(&both, &format!("{plain}\n"));
    let json: String = serde_json::from_str(&secret(&[&both[..], &["--json"]].concat(), plain)).unwrap();
    for identity in [&ours, &theirs] {
        for armor in [&armor, &json] {
            let opened = output_of(
                Command::new(age("age")).args(["--decrypt", "--identity", identity]),
                armor,
            );
            assert_eq!(opened, plain);
        }
    }
}
