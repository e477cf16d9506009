//! Signals and the run's time hold from the first instant on: also while nothing is known yet but the arguments.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sim::Sim;
use serde_json::json;

use crate::harness::{Run, start};
use crate::world::*;

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn with_a_pipe<'a>(sim: &'a Sim, what: &str) -> Run<'a> {
    let run = Run::keys(sim);
    let path = run.path("pipe");
    pipe(&path);
    let named = path.to_str().unwrap().to_owned();
    match what {
        "a secret's file" => run
            .without("secret_access_key")
            .params(json!({"secret_access_key_file": named})),
        "a secret's command" => run
            .without("secret_access_key")
            .params(json!({"secret_access_key_command": format!("cat {named}")})),
        "the authorities" => run.variable("AWS_CA_BUNDLE", &named),
        _ => run.typed().flag("--params").flag(&named),
    }
}

const READ: [&str; 4] = [
    "a secret's file",
    "a secret's command",
    "the authorities",
    "the parameter file",
];

#[test]
fn a_signal_ends_a_program_that_reads_what_nothing_comes_from() {
    let sim = start(one_account());
    for what in READ {
        for (signal, code) in [("INT", 130), ("TERM", 143)] {
            let running = with_a_pipe(&sim, what).start();
            // It waits for the pipe, or is about to.
            std::thread::sleep(Duration::from_millis(300));
            let outcome = running.signal(signal).finish();
            outcome
                .expect(code)
                .says(&["interrupted while parameters were read; nothing was attempted"]);
        }
    }
    assert_eq!(sim.calls().len(), 0);
}

#[test]
fn the_time_of_a_run_holds_while_parameters_are_read() {
    let sim = start(one_account());
    for what in READ {
        let begun = Instant::now();
        let outcome = with_a_pipe(&sim, what).variable("CONNECTOR_RUN_TIMEOUT", "1").run();
        assert!([2, 4].contains(&outcome.code), "{what}: {}", outcome.code);
        outcome.says(&["run_timeout"]);
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
    }
}

/// What a command has started ends with it.
#[test]
fn no_command_outlives_the_program() {
    let sim = start(one_account());
    let run = Run::keys(&sim).without("secret_access_key");
    let seen = run.path("seen");
    // A shell of its own, which is not the one that the program starts.
    let command = format!("sh -c 'echo $$ > {}; sleep 600'; true", seen.display());
    let running = run.params(json!({"secret_access_key_command": command})).start();
    let begun = Instant::now();
    let id = loop {
        let text = std::fs::read_to_string(&seen).unwrap_or_default();
        if text.ends_with('\n') {
            break text.trim().to_owned();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it did not come");
        std::thread::sleep(Duration::from_millis(5));
    };
    running.signal("TERM").finish().expect(143);
    let process = Path::new("/proc").join(&id);
    let gone = || {
        // One that nobody has waited for is no process any more.
        let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    };
    let begun = Instant::now();
    while !gone() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{id} is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_read_whole_has_a_limit() {
    let sim = start(one_account());
    let endless = Run::keys(&sim)
        .without("secret_access_key")
        .params(json!({"secret_access_key_file": "/dev/zero"}))
        .expect(2);
    endless.says(&["secret_access_key: the file /dev/zero has more than 65536 bytes"]);
    let endless = Run::keys(&sim)
        .without("secret_access_key")
        .params(json!({"secret_access_key_command": "yes"}))
        .expect(2);
    endless.says(&["secret_access_key: the command has printed more than 65536 bytes"]);
    let endless = Run::keys(&sim).variable("AWS_CA_BUNDLE", "/dev/zero").expect(2);
    endless.says(&["AWS_CA_BUNDLE: /dev/zero has more than"]);
    let endless = Run::keys(&sim).typed().flag("--params").flag("/dev/zero").expect(2);
    endless.says(&["the parameter file /dev/zero has more than"]);
}

/// The time holds for verbs that list only, too.
#[test]
fn the_time_of_a_run_holds_for_every_verb() {
    let sim = start(estate());
    sim.faults()
        .add(aws_sim::Fault::on("organizations:*").then(aws_sim::Action::Hang));
    for verb in ["accounts", "check", "plan"] {
        let outcome = Run::organization(&sim)
            .verb(verb)
            .params(json!({"run_timeout": 1}))
            .expect(4);
        outcome.says(&[&format!("run_timeout: 1 s were over while {verb} was at work")]);
    }
}
