//! What is left of the secrets in the program's memory when a run has come to its end, read as a core dump would have it.
#![cfg(target_os = "linux")]

use std::time::Duration;

use aws_sim::{Action, Estate, Fault, Sim};
use serde_json::json;

use crate::harness::{Run, start};
use crate::world::*;

/// With more rows than a pipe holds: nobody reads them, so the program stands still while it writes them.
fn sim() -> Sim {
    let mut estate = one_account();
    estate.change_account(MASTER, |account| account.instances(FRANKFURT, 400));
    start(estate)
}

fn access_key(sim: &Sim) -> String {
    sim.estate()
        .access_key(MASTER, Estate::USER)
        .unwrap()
        .secret_access_key
        .clone()
}

fn to_stdout(run: Run<'_>) -> Run<'_> {
    run.params(json!({"output": "-"}))
}

#[test]
fn no_client_secret_is_left() {
    let sim = sim();
    for how in ["client_secret_basic", "client_secret_post"] {
        let run = to_stdout(Run::oidc(&sim)).params(json!({"OidcClientAuthentication": how}));
        run.start()
            .wait_for_rows()
            .wait_until_forgotten(&[Estate::CLIENT_SECRET])
            .read_and_close(100)
            .finish()
            .expect(141);
    }
}

#[test]
fn no_secret_access_key_and_no_session_token_is_left() {
    let sim = sim();
    let secret = access_key(&sim);
    to_stdout(Run::keys(&sim))
        .start()
        .wait_for_rows()
        .wait_until_forgotten(&[&secret])
        .read_and_close(100)
        .finish()
        .expect(141);
    let session = sim
        .user_session(MASTER, Estate::USER, Duration::from_secs(900))
        .unwrap();
    let run = Run::bare(&sim).params(json!({
        "access_key_id": session.access_key_id,
        "secret_access_key": session.secret_access_key,
        "session_token": session.session_token,
    }));
    to_stdout(run)
        .start()
        .wait_for_rows()
        .wait_until_forgotten(&[&session.secret_access_key, &session.session_token])
        .read_and_close(100)
        .finish()
        .expect(141);
}

#[test]
fn nothing_is_left_wherever_the_secret_comes_from() {
    let sim = sim();
    let secret = Estate::CLIENT_SECRET;
    let keygen = Run::bare(&sim).verb("secret").flag("keygen").expect(0).stdout.clone();
    let (public, identity) = (keygen.lines().nth(1).unwrap(), keygen.lines().nth(2).unwrap());
    let recipient = public.strip_prefix("# public key: ").unwrap();
    let armor = Run::bare(&sim)
        .verb("secret")
        .flag("encrypt")
        .flag("--recipient")
        .flag(recipient)
        .stdin(secret)
        .expect(0)
        .stdout
        .clone();
    let run = || {
        let run = to_stdout(Run::oidc(&sim)).file("secrets/secret", secret);
        run.file("secrets/identity", &keygen)
    };
    let place = |run: &Run<'_>, name: &str| run.path(name).display().to_string();
    let from_file = run();
    let file = place(&from_file, "secrets/secret");
    let from_command = run();
    let command = format!("cat {}", place(&from_command, "secrets/secret"));
    let encrypted = run();
    let identity_file = place(&encrypted, "secrets/identity");
    let text = |equals: &str| {
        let token_url = sim.token_url();
        let pairs = [
            ("AuthenticationMethod", "Web Identity Federation (OIDC)"),
            ("ClientId", Estate::CLIENT_ID),
            ("ClientSecret", secret),
            ("IdpUrl", &token_url),
            ("RoleArn", Estate::OIDC_ROLE),
            ("output", "-"),
        ];
        pairs
            .map(|(name, value)| format!("{name}{equals}\"{value}\"\n"))
            .concat()
    };
    let runs = [
        from_file
            .without("ClientSecret")
            .params(json!({"ClientSecretFile": file})),
        from_command
            .without("ClientSecret")
            .params(json!({"ClientSecretCommand": command})),
        encrypted.params(json!({"ClientSecret": armor, "secret_identity_file": identity_file})),
        run().parameter_file("params.toml", &text(" = ")),
        run().parameter_file("params.yaml", &text(": ")),
    ];
    for run in runs {
        run.start()
            .wait_for_rows()
            .wait_until_forgotten(&[secret, identity])
            .signal("KILL")
            .finish();
    }
}

/// The memory is really read, and the secret is there as long as it is needed to renew the session.
#[test]
fn a_secret_is_in_memory_while_it_is_needed() {
    let sim = sim();
    sim.faults()
        .add(Fault::on("ec2:DescribeInstances").region(VIRGINIA).then(Action::Hang));
    let running = to_stdout(Run::oidc(&sim))
        .start()
        .wait_for(|sim| sim.count("ec2:DescribeInstances") == 2);
    assert!(!running.found_in_memory(&[Estate::CLIENT_SECRET]).is_empty());
    assert!(!running.found_in_memory(&[Estate::CLIENT_ID]).is_empty());
    running.signal("INT").finish().expect(130);
}
