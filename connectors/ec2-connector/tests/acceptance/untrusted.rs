//! What strangers have written: names of accounts and units, messages of servers. No terminal acts on it, no file lands
//! elsewhere because of it, and a spreadsheet can be kept from taking it for a formula.

use aws_sim::{Account, Estate, Fault, Region, Sim};
use serde_json::json;

use crate::harness::{Outcome, Run, start};
use crate::world::*;

/// Sets the terminal's title, moves up a line and clears it, in both kinds of control characters; turns text around; and
/// looks like a line of the log.
const HOSTILE: &str = "shop\u{1b}]0;pwned\u{7}\u{1b}[1A\u{1b}[2K\u{9b}2J\u{202e}\r\n INFO all is well";

/// An account with a hostile name.
fn hostile() -> Estate {
    let mut estate = estate();
    let root = estate.root_id();
    let account = Account::new("200000000009").name(HOSTILE).instances(FRANKFURT, 1);
    // Nobody can reach it.
    estate.account(root, account);
    estate
}

fn assert_harmless(what: &str, text: &str) {
    let acts = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    if let Some(at) = text.find(acts) {
        panic!("{what} has {:?}: {text:?}", text[at..].chars().next());
    }
}

fn harmless(outcome: &Outcome) {
    assert_harmless("standard error", &outcome.stderr);
    assert!(
        !outcome.stderr.lines().any(|line| line.starts_with(" INFO all")),
        "{}",
        outcome.stderr
    );
}

#[test]
fn no_name_of_an_account_steers_the_terminal() {
    let sim = start(hostile());
    for verb in ["accounts", "check", "plan"] {
        let outcome = Run::organization(&sim).verb(verb).run();
        assert!(
            outcome.stdout.contains("shop\u{fffd}]0;pwned"),
            "{verb}: {}",
            outcome.stdout
        );
        assert_harmless(verb, &outcome.stdout);
        harmless(&outcome);
    }
    for format in ["plain", "json"] {
        let log = format!("--log-format={format}");
        harmless(&Run::organization(&sim).flag(&log).expect(3));
    }
}

#[test]
fn no_message_of_a_server_steers_the_terminal() {
    let sim = start(estate());
    sim.faults()
        .add(Fault::on("organizations:ListRoots").error(400, "AccessDeniedException", HOSTILE));
    for verb in ["run", "check", "accounts", "plan"] {
        for format in ["plain", "json"] {
            let log = format!("--log-format={format}");
            let outcome = Run::organization(&sim).verb(verb).flag(&log).expect(4);
            harmless(&outcome);
            outcome.says(&["]0;pwned"]);
        }
    }
    let sim = start(estate());
    // What XML can carry of it.
    let message = HOSTILE.replace(['\u{1b}', '\u{7}'], "");
    sim.faults()
        .add(Fault::on("ec2:DescribeInstances").error(403, "UnauthorizedOperation", &message));
    for format in ["plain", "json"] {
        let log = format!("--log-format={format}");
        let outcome = Run::organization(&sim).flag(&log).expect(4);
        harmless(&outcome);
        outcome.says(&["INFO all is well"]);
    }
}

#[test]
fn no_parameter_steers_the_terminal() {
    let sim = start(one_account());
    let outcome = Run::keys(&sim)
        .params(json!({"role_session_name": HOSTILE, "regions": HOSTILE}))
        .expect(2);
    harmless(&outcome);
}

#[test]
fn no_name_of_a_region_leads_elsewhere() {
    let mut estate = one_account();
    estate.regions([Region::new(VIRGINIA), Region::new("../eu-west-1")]);
    let sim = start(estate);
    let run = Run::keys(&sim).output("{region}.csv");
    let outcome = run.expect(4);
    let entry = &outcome.ledger()["slices"][0];
    assert_eq!(
        entry["cause"]["message"],
        "the answer names `../eu-west-1`, which is not the name of a region"
    );
    assert_eq!(sim.count("ec2:DescribeInstances"), 0);
}

fn names(sim: &Sim, format: &str, flags: &[&str]) -> String {
    let mut run = Run::organization(sim).params(json!({
        "output": "-",
        "format": format,
        "leading_columns": ["account_name", "organizational_unit_path", "account_id"],
    }));
    for flag in flags {
        run = run.flag(flag);
    }
    run.expect(0).stdout.clone()
}

#[test]
fn formulas_in_csv_stay_what_they_are_or_are_defused() {
    let mut estate = one_account();
    estate.change_account(MASTER, |account| account.name("=HYPERLINK(\"http://evil\",\"x\")"));
    let root = estate.root_id();
    for (id, name) in [
        ("200000000011", "@SUM(1)"),
        ("200000000012", "-1+1"),
        ("200000000013", "a=b"),
    ] {
        let account = Account::new(id).name(name).instances(FRANKFURT, 1).role(inventory());
        estate.account(root.clone(), account);
    }
    let sim = start(estate);
    let expected = |mark: &str| {
        vec![
            format!("{MASTER},\"{mark}=HYPERLINK(\"\"http://evil\"\",\"\"x\"\")\",/Root,"),
            format!("200000000011,{mark}@SUM(1),/Root,"),
            format!("200000000012,{mark}-1+1,/Root,"),
            "200000000013,a=b,/Root,".to_owned(),
        ]
    };
    for (flags, mark) in [
        (&[][..], ""),
        (&["--csv-safe"], "'"),
        (&["--csv-safe", "true"], "'"),
        (&["--csv-safe=false"], ""),
    ] {
        let csv = names(&sim, "csv", flags);
        for begin in expected(mark) {
            assert!(
                csv.lines().any(|line| line.starts_with(&begin)),
                "{begin} is not in {csv}"
            );
        }
    }
    // Other formats have no formulas.
    let plain = names(&sim, "jsonl", &[]);
    assert_eq!(names(&sim, "jsonl", &["--csv-safe"]), plain);
    let listing = Run::organization(&sim)
        .verb("accounts")
        .flag("--csv-safe")
        .flag("--format=csv")
        .expect(0);
    assert!(listing.stdout.contains("200000000011,'@SUM(1),"), "{}", listing.stdout);
}

#[test]
fn rows_without_formulas_are_the_same_bytes() {
    let sim = start(one_account());
    assert_eq!(names(&sim, "csv", &["--csv-safe"]), names(&sim, "csv", &[]));
}
