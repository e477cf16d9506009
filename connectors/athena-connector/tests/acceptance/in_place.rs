//! A large result that is the only one is not copied: the file that its rows waited in becomes the output. What is published
//! is the same either way, and stays what it is.

use std::fs::{self, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use aws_sim::{Fault, Sim};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::fleet::*;
use crate::harness::{Outcome, Run, start};

/// Of one result.
const BYTES: u64 = 3_000_000;

fn sim(members: usize) -> Sim {
    let mut estate = estate(members);
    estate.athena().canned(QUERY, wide(BYTES));
    start(estate)
}

fn metadata(path: PathBuf) -> Metadata {
    fs::metadata(path).unwrap()
}

/// Runs, and says whether the output is the file that rows waited in.
fn ran(sim: &Sim, run: Run<'_>, name: &str) -> (Outcome, bool) {
    // No row is there before the file has been looked at.
    let first = sim.faults().add(Fault::on("athena:GetQueryResults"));
    let running = run.output(name).start().wait_for(|sim| sim.faults().acted(first) > 0);
    let rows = metadata(running.path(&format!("{name}.state/rows")));
    let output = running.path(name);
    sim.faults().remove(first);
    let outcome = running.finish();
    let is_the_same = metadata(output).ino() == rows.ino();
    (outcome, is_the_same)
}

/// The same rows, as they are copied to standard output.
fn copied(sim: &Sim, members: usize, format: &str) -> String {
    let run = run(sim, members).params(json!({"fetch": "s3", "output": "-", "format": format}));
    run.expect(0).stdout.clone()
}

#[test]
fn what_is_published_is_what_would_have_been_copied() {
    let sim = sim(1);
    for format in ["csv", "jsonl"] {
        let name = format!("rows.{format}");
        let expected = copied(&sim, 1, format);
        assert!(expected.len() as u64 > BYTES);
        for mode in [None, Some(0o600)] {
            let run = run(&sim, 1).params(json!({"fetch": "s3"})).file(&name, "previous");
            match mode {
                Some(mode) => fs::set_permissions(run.path(&name), Permissions::from_mode(mode)).unwrap(),
                None => fs::remove_file(run.path(&name)).unwrap(),
            }
            let (outcome, is_the_same) = ran(&sim, run, &name);
            outcome.expect(0);
            assert!(is_the_same, "{format}");
            assert!(outcome.output_bytes() == expected.as_bytes(), "{format}");
            let published = outcome.ledger()["outputs"][0].clone();
            let digest = Sha256::digest(&expected);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(published["sha256"], json!(digest), "{format}");
            assert_eq!(published["bytes"], json!(expected.len()));
            assert_eq!(published["rows"], json!(BYTES / 1010));
            let output = metadata(outcome.state().with_extension(""));
            assert_eq!(output.mode() & 0o7777, mode.unwrap_or(0o644));
            assert_eq!(output.nlink(), 1);
            assert!(!outcome.state().exists());
            assert_eq!(outcome.leftovers(), [""; 0]);
        }
    }
}

/// Rows that somebody still writes to, or reads, are nobody else's.
#[test]
fn what_goes_on_is_copied() {
    let sim = sim(2);
    let expected = copied(&sim, 1, "csv");
    let unmerged: Json = json!({"shard": "0/1"});
    for (members, more, name, code, left) in [
        (1, json!({}), "rows.json", 0, false),
        (2, json!({}), "rows.csv", 0, false),
        (1, json!({"keep_last_good": true}), "rows.csv", 0, true),
        (1, unmerged, "rows.csv", 0, true),
        (2, json!({}), "rows.csv", 3, true),
    ] {
        let told = format!("{members} {more} {name} {code}");
        let denied = Fault::on("athena:StartQueryExecution").account(&member(2));
        let denied = denied.error(400, "AccessDeniedException", "not you");
        let denied = (code == 3).then(|| sim.faults().add(denied));
        let run = run(&sim, members).params(json!({"fetch": "s3"})).params(more);
        let (outcome, is_the_same) = ran(&sim, run, name);
        if let Some(denied) = denied {
            sim.faults().remove(denied);
        }
        outcome.expect(code);
        assert!(!is_the_same, "{told}");
        assert_eq!(outcome.state().exists(), left, "{told}");
        if left {
            let output = String::from_utf8(outcome.output_bytes()).unwrap();
            // Its rows have the time of their collection, too.
            let same = match told.contains("keep_last_good") {
                true => output.lines().count() == expected.lines().count(),
                false => output == expected,
            };
            assert!(same, "{told}");
            assert_eq!(metadata(outcome.state().join("rows")).nlink(), 1, "{told}");
        }
    }
}

/// A process may be killed when its rows have become the output, and its state is still there.
#[test]
fn whoever_comes_behind_a_killed_run_does_not_write_to_what_it_has_published() {
    let sim = sim(2);
    let fresh = || run(&sim, 2).params(json!({"fetch": "s3"})).output("rows.csv");
    let expected = fresh().expect(0).output_bytes();
    for flags in [&["--resume"][..], &[]] {
        let held = sim
            .faults()
            .add(Fault::on("athena:StartQueryExecution").account(&member(2)));
        let running = fresh().start();
        let journal = running.path("rows.csv.state/journal");
        let kept = |_: &Sim| fs::read_to_string(&journal).unwrap_or_default().contains("{\"Slice\":");
        let killed = running.wait_for(kept).kill_when(|_| true);
        sim.faults().remove(held);
        let output = killed.state().with_extension("");
        fs::hard_link(killed.state().join("rows"), &output).unwrap();
        let published = fs::read(&output).unwrap();
        assert!(published.len() as u64 > BYTES);
        // Who reads it has it open.
        let mut reading = fs::File::open(&output).unwrap();
        let run = flags.iter().fold(fresh().after(killed), |run, flag| run.flag(flag));
        let outcome = run.run();
        outcome.expect(0);
        assert!(outcome.output_bytes() == expected, "{flags:?}");
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut reading, &mut read).unwrap();
        assert!(read == published, "{flags:?}");
        assert_eq!(outcome.leftovers(), [""; 0]);
    }
}
