//! Secrets that stand encrypted, in the age format: who can open them, what is said when nobody can, and how they are
//! made.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use aws_sim::{Estate, Idp, IdpClient, Sim};
use serde_json::{Value as Json, json};

use crate::harness::{Outcome, Run, set, start};
use crate::world::*;

/// Made by age-keygen 1.1.1.
const IDENTITY: &str = "AGE-SECRET-KEY-17ANQZJ3HNUC853VHXXGE66GAKDXCZA9KNQ3WHC9J0ER2W703K7PQ9H33Q2";
const RECIPIENT: &str = "age154jp69jk2498zh67s4zyu6s0g5z5sgg6npt4xa5ca4pfmw83qeks3uhpvw";
/// Another one.
const STRANGER: &str = "AGE-SECRET-KEY-1VY5489MEC4HEYHUH5LQYC8DAAPELMEVPVQNUCGAR3VRYFVF8QNRSETKG6G";
/// [`Estate::CLIENT_SECRET`] and a line break, by `age --armor --recipient RECIPIENT`, age 1.1.1.
const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n\
    YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBlK0cxRTFoZW9MY2NRbGlE\n\
    OHV4MTVpV3RrYm16cFBCMWhDZDhLSFFPb1RBCmRYUHRvRytxREg3b1FQcERhZmx1\n\
    SW54b1IyWk5STkdUNk1NeEl1WGcwRVkKLS0tIElxMDFDc2R0WitUdUZRTDlPR3hh\n\
    Zlh6QkZLWG1VbGF1d1NXZVZQQU5Fb0EKGdoAMfbF3FYqow47FAqQIe/j8pGgSiUi\n\
    qWNArNtTWD3P+x2P/FTJlaUwOlKXQqg=\n\
    -----END AGE ENCRYPTED FILE-----\n";

/// A case's own files with secrets in them, which are not looked through for secrets.
const IDENTITY_FILE: &str = "secrets/identity";

fn by_oidc(sim: &Sim) -> Run<'_> {
    Run::oidc(sim).params(json!({"ClientSecret": ARMOR}))
}

/// With the identity in a file that its owner alone can read.
fn opened<'a>(run: Run<'a>, identity: &str) -> Run<'a> {
    let run = run.file(IDENTITY_FILE, identity);
    let path = run.path(IDENTITY_FILE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    run.params(json!({"secret_identity_file": path}))
}

fn secret<'a>(sim: &'a Sim, verb: &str) -> Run<'a> {
    Run::bare(sim).verb("secret").flag(verb)
}

fn encrypted(sim: &Sim, secret: &str) -> String {
    let run = self::secret(sim, "encrypt").flag("--recipient").flag(RECIPIENT);
    run.stdin(secret).secret(secret).expect(0).stdout.clone()
}

#[test]
fn what_the_age_tool_has_encrypted_signs_in_wherever_the_identity_comes_from() {
    let sim = start(one_account());
    let keygen_file = format!("# created: 2026-11-25T02:55:58Z\n# public key: {RECIPIENT}\n{IDENTITY}\n");
    let run = opened(by_oidc(&sim), &keygen_file);
    let command = format!("cat {}", run.path(IDENTITY_FILE).display());
    let runs = [
        run.without("secret_identity_file")
            .params(json!({"secret_identity_command": command})),
        opened(by_oidc(&sim), &keygen_file),
        // One that does not fit stands in the way of none.
        opened(by_oidc(&sim), &format!("{STRANGER}\n{IDENTITY}\n")),
        by_oidc(&sim).variable("CONNECTOR_SECRET_IDENTITY", IDENTITY),
        {
            let run = by_oidc(&sim).file("credentials/secret_identity", IDENTITY);
            let directory = run.path("credentials").display().to_string();
            run.variable("CREDENTIALS_DIRECTORY", &directory)
        },
        {
            let run = opened(by_oidc(&sim), IDENTITY).without("secret_identity_file");
            let path = run.path(IDENTITY_FILE).display().to_string();
            run.variable("CONNECTOR_SECRET_IDENTITY_FILE", &path)
        },
    ];
    for run in runs {
        let outcome = run.secret(IDENTITY).expect(0);
        assert_eq!(outcome.accounts(), set([MASTER]));
        let ledger = outcome.ledger();
        assert_eq!(ledger["parameters"]["ClientSecret"], "***");
        assert_eq!(ledger["warnings"], json!([]));
    }
}

#[test]
fn every_secret_may_stand_encrypted_wherever_it_comes_from() {
    let sim = start(one_account());
    let session = sim
        .user_session(MASTER, Estate::USER, Duration::from_secs(900))
        .unwrap();
    let run = || {
        let run = Run::bare(&sim).params(json!({"access_key_id": session.access_key_id}));
        opened(run, IDENTITY)
            .secret(&session.secret_access_key)
            .secret(&session.session_token)
    };
    let secret = encrypted(&sim, &session.secret_access_key);
    let token = encrypted(&sim, &session.session_token);
    run()
        .params(json!({"secret_access_key": secret, "session_token": token}))
        .expect(0);
    run()
        .variable("CONNECTOR_SECRET_ACCESS_KEY", &secret)
        .variable("CONNECTOR_SESSION_TOKEN", &token.replace('\n', "\r\n"))
        .expect(0);
    let files = run().file("secrets/key.age", &secret).file("secrets/token.age", &token);
    let (key, token) = (files.path("secrets/key.age"), files.path("secrets/token.age"));
    files
        .params(json!({"secret_access_key_file": key, "session_token_command": format!("cat {}", token.display())}))
        .expect(0);
}

#[test]
fn armor_stands_in_toml_and_yaml_as_it_is() {
    let sim = start(one_account());
    let indented: String = ARMOR.lines().map(|line| format!("  {line}\n")).collect();
    let common = |equals: &str| {
        let pairs = [
            ("AuthenticationMethod", "Web Identity Federation (OIDC)"),
            ("ClientId", Estate::CLIENT_ID),
            ("IdpUrl", &sim.token_url()),
            ("RoleArn", Estate::OIDC_ROLE),
            ("output", "rows.json"),
        ];
        let lines = pairs.map(|(name, value)| format!("{name}{equals}\"{value}\"\n"));
        lines.concat()
    };
    for (name, text) in [
        (
            "params.toml",
            format!("{}ClientSecret = '''\n{ARMOR}'''\n", common(" = ")),
        ),
        ("params.yaml", format!("{}ClientSecret: |\n{indented}", common(": "))),
    ] {
        Run::bare(&sim)
            .parameter_file(name, &text)
            .variable("CONNECTOR_SECRET_IDENTITY", IDENTITY)
            .expect(0);
    }
    assert_eq!(sim.count("idp:*"), 2);
}

/// Expects exit code 2, no call, and one message with these texts; never the value's or identity's.
fn refused(run: Run<'_>, sim: &Sim, texts: &[&str]) -> Outcome {
    let outcome = run.secret(IDENTITY).secret(STRANGER).expect(2);
    let error = outcome.final_error();
    assert_eq!(error.matches("error: ").count(), 1, "one message:\n{error}");
    outcome.says(texts);
    for line in ARMOR.lines().filter(|line| !line.starts_with('-')) {
        outcome.does_not_say(&[line, &line[..20]]);
    }
    outcome.does_not_say(&["AGE-SECRET-KEY-17"]);
    assert_eq!(sim.calls().len(), 0);
    outcome
}

#[test]
fn what_cannot_be_opened_is_one_clear_message() {
    let sim = start(one_account());
    refused(
        by_oidc(&sim),
        &sim,
        &[
            "ClientSecret (in ",
            "it stands encrypted, and there is no identity to open it: name the file that holds it as \
             secret_identity_file, put it into CONNECTOR_SECRET_IDENTITY in the environment",
        ],
    );
    let empty = by_oidc(&sim).file("credentials/other", "x");
    let directory = empty.path("credentials").display().to_string();
    refused(
        empty.variable("CREDENTIALS_DIRECTORY", &directory),
        &sim,
        &["there is no identity"],
    );
    refused(
        opened(by_oidc(&sim), STRANGER),
        &sim,
        &["ClientSecret (in ", "it was encrypted for another recipient"],
    );
    let lines: Vec<&str> = ARMOR.lines().collect();
    for damaged in [
        [&lines[..2], &lines[3..]].concat().join("\n"),
        ARMOR.replace("YWdl", "XWdl"),
        ARMOR.replace('\n', " "),
        ARMOR.replacen(&lines[3][10..14], "AAAA", 1),
        lines[..4].join("\n"),
    ] {
        let run = opened(by_oidc(&sim), IDENTITY).params(json!({"ClientSecret": damaged}));
        refused(run, &sim, &["ClientSecret (in ", "the encrypted value is damaged"]);
    }
}

#[test]
fn identities_that_are_none_are_told_by_their_line() {
    let sim = start(one_account());
    for (identity, text) in [
        ("# hush-hush\nhush-hush\n", "line 2 is not an X25519 identity"),
        (&IDENTITY[..70], "line 1 is not an X25519 identity"),
        ("# nothing\n", "there is no identity in it"),
    ] {
        let run = opened(by_oidc(&sim), identity).secret("hush-hush");
        refused(run, &sim, &["secret_identity (in ", text]);
    }
    let missing = by_oidc(&sim).params(json!({"secret_identity_file": "/nonexistent"}));
    let outcome = missing.expect(2);
    outcome.says(&["secret_identity: the file /nonexistent cannot be read"]);
    let beside = by_oidc(&sim).params(json!({"secret_identity": IDENTITY}));
    refused(beside, &sim, &["beside the secrets that it opens it protects nothing"]);
}

#[test]
fn keygen_makes_a_file_that_opens_what_encrypt_has_made() {
    let sim = start(one_account());
    let made = secret(&sim, "keygen").expect(0).stdout.clone();
    let [created, public, identity] = made.lines().collect::<Vec<_>>()[..] else {
        panic!("three lines were expected");
    };
    assert!(
        created.starts_with("# created: 20") && created.ends_with('Z'),
        "{created}"
    );
    assert!(identity.starts_with("AGE-SECRET-KEY-1"));
    let recipient = public.strip_prefix("# public key: ").unwrap();

    let armor = secret(&sim, "encrypt")
        .flag("--recipient")
        .flag(RECIPIENT)
        .flag("--recipient")
        .flag(recipient)
        .flag("--json")
        .stdin(Estate::CLIENT_SECRET)
        .expect(0);
    let armor: Json = serde_json::from_str(armor.stdout.trim_end()).unwrap();
    for identity in [identity, IDENTITY] {
        let run = Run::oidc(&sim).params(json!({"ClientSecret": armor}));
        opened(run, identity).expect(0);
    }
}

#[test]
fn keygen_writes_for_its_owner_alone_and_never_over_a_file() {
    let sim = start(one_account());
    let kept = tempfile::TempDir::new().unwrap();
    let file = kept.path().join("identity");
    let name = file.display().to_string();
    let outcome = secret(&sim, "keygen").flag("--output").flag(&name).expect(0);
    let recipient = outcome.stdout.trim_end().to_owned();
    assert!(recipient.starts_with("age1"));
    let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains(&format!("# public key: {recipient}\nAGE-SECRET-KEY-1")));

    secret(&sim, "keygen")
        .flag("--output")
        .flag(&name)
        .expect(2)
        .says(&["is there already, and an identity is never overwritten"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
    let armor = secret(&sim, "encrypt")
        .flag("--identity")
        .flag(&name)
        .stdin(Estate::CLIENT_SECRET)
        .expect(0);
    opened(Run::oidc(&sim).params(json!({"ClientSecret": armor.stdout})), &written).expect(0);
}

#[test]
fn encrypt_says_what_it_lacks() {
    let sim = start(one_account());
    let run = || secret(&sim, "encrypt").stdin("hush-hush\n").secret("hush-hush");
    run()
        .expect(2)
        .says(&["nobody could open it: name a --recipient age1…"]);
    run()
        .flag("--recipient=age1wrong")
        .expect(2)
        .says(&["`age1wrong` is not an X25519 recipient"]);
    run()
        .flag("--identity=/nonexistent")
        .expect(2)
        .says(&["the identity file /nonexistent cannot be read"]);
    let to = format!("--recipient={RECIPIENT}");
    for nothing in ["", "\n", "\r\n"] {
        let outcome = secret(&sim, "encrypt").stdin(nothing).flag(&to).expect(2);
        outcome.says(&["there is no secret on standard input"]);
    }
}

#[test]
fn encrypt_takes_the_secret_as_it_is_but_for_one_line_break() {
    for (given, secret) in [
        ("hush-hush\n", "hush-hush"),
        ("hush-hush\r\n", "hush-hush"),
        (" hush hush \n", " hush hush "),
        ("hush\u{e9}hush", "hush\u{e9}hush"),
    ] {
        let mut estate = one_account();
        estate.idp(Idp::new(IdpClient::new(Estate::CLIENT_ID, secret)));
        let sim = start(estate);
        let armor = encrypted(&sim, given);
        assert!(armor.ends_with("-----END AGE ENCRYPTED FILE-----\n"));
        let run = opened(Run::oidc(&sim).params(json!({"ClientSecret": armor})), IDENTITY);
        run.expect(0);
    }
}
