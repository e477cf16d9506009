//! Who else could come by the secrets: readers of files, and programs that are started.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use aws_sim::Estate;
use serde_json::json;

use crate::harness::{Run, start};
use crate::world::*;

#[test]
fn a_parameter_file_that_others_can_read_is_warned_of_where_a_secret_stands_in_it() {
    let sim = start(one_account());
    for (mode, warned) in [
        (0o600, false),
        (0o400, false),
        (0o640, true),
        (0o604, true),
        (0o644, true),
    ] {
        let outcome = Run::keys(&sim).mode(mode).expect(0);
        let warnings = outcome.ledger()["warnings"].clone();
        if !warned {
            assert_eq!(warnings, json!([]), "{mode:o}");
            continue;
        }
        let text = format!(
            "has a secret in it and can be read by others (mode {mode:04o}): make it readable to its owner alone, \
             `chmod 600`"
        );
        let [warning] = &warnings.as_array().unwrap()[..] else {
            panic!("{mode:o}: {warnings}");
        };
        let warning = warning.as_str().unwrap();
        assert!(
            warning.starts_with("the parameter file /") && warning.ends_with(&text),
            "{warning}"
        );
        outcome.says(&[&text]);
    }
    let check = Run::keys(&sim).verb("check").mode(0o644).expect(0);
    check.says(&["has a secret in it and can be read by others"]);
}

#[test]
fn a_parameter_file_without_secrets_may_be_read_by_all() {
    let sim = start(one_account());
    let run = Run::keys(&sim).mode(0o644);
    let key = sim.estate().access_key(MASTER, Estate::USER).unwrap();
    let outcome = run
        .without("secret_access_key")
        .variable("CONNECTOR_SECRET_ACCESS_KEY", &key.secret_access_key)
        .expect(0);
    assert_eq!(outcome.ledger()["warnings"], json!([]));
}

#[test]
fn an_identity_file_that_others_can_read_is_warned_of() {
    let sim = start(one_account());
    let identity = Run::bare(&sim).verb("secret").flag("keygen").expect(0).stdout.clone();
    for (mode, warnings) in [(0o600, 0), (0o640, 1)] {
        let run = Run::keys(&sim).file("secrets/identity", &identity);
        let path = run.path("secrets/identity");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let outcome = run.params(json!({"secret_identity_file": path})).expect(0);
        let told = outcome.ledger()["warnings"].clone();
        assert_eq!(told.as_array().unwrap().len(), warnings, "{told}");
        if warnings > 0 {
            outcome.says(&["the identity file", "can be read by others (mode 0640)"]);
        }
    }
}

#[test]
fn a_command_that_prints_one_secret_is_not_told_the_others() {
    let sim = start(one_account());
    let run = Run::oidc(&sim);
    let seen = run.path("environment");
    // Only what stands in the environment could be told.
    let run = run.without("ClientSecret");
    let command = format!("env > {}; printf '%s' '{}'", seen.display(), Estate::CLIENT_SECRET);
    let outcome = run
        .params(json!({"ClientSecretCommand": command}))
        .variable("CONNECTOR_SECRET_ACCESS_KEY", "hush-hush-1")
        .variable("CONNECTOR_SESSION_TOKEN", "hush-hush-2")
        .variable("CONNECTOR_SECRET_IDENTITY", "hush-hush-3")
        .variable(
            "CONNECTOR_OIDC_TOKEN_PARAMETERS",
            r#"{"client_assertion": "hush-hush-4"}"#,
        )
        .variable("CONNECTOR_ROLE_SESSION_NAME", "told")
        .expect(0);
    let environment = fs::read_to_string(&seen).unwrap();
    assert!(!environment.contains("hush"), "{environment}");
    for variable in ["CONNECTOR_ROLE_SESSION_NAME=told\n", "PATH=", "AWS_ENDPOINT_URL="] {
        assert!(environment.contains(variable), "{variable} is not in {environment}");
    }
    outcome.does_not_say(&["hush"]);
}
