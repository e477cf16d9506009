//! Places where no file can come to stand, or where one leads through a link: told before anything is collected.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use aws_sim::{Action, Fault, Sim};
use serde_json::{Value as Json, json};

use crate::harness::{Disk, Run, failed_of, in_a_namespace, start};
use crate::world::*;

/// Refused with all of `said`, before any call.
fn refused(sim: &Sim, parameters: &Json, said: &[&str]) {
    sim.forget_calls();
    let outcome = Run::keys(sim).params(parameters.clone()).expect(2);
    outcome.says(said);
    let errors = outcome
        .told()
        .lines()
        .filter(|line| line.starts_with("error: "))
        .count();
    assert_eq!(errors, 1, "{}", outcome.told());
    assert_eq!(sim.calls().len(), 0, "{parameters}");
}

#[test]
fn a_read_only_disk_is_told_of_before_anything_is_collected() {
    in_a_namespace(
        "places::a_read_only_disk_is_told_of_before_anything_is_collected",
        || {
            let sim = start(one_account());
            let disk = Disk::new("size=1m");
            let elsewhere = tempfile::TempDir::new().unwrap();
            let path = |name: &str| elsewhere.path().join(name);
            fs::write(disk.path("rows.csv"), "previous").unwrap();
            symlink(disk.path("rows.csv"), path("link.csv")).unwrap();
            symlink(disk.path("none.csv"), path("dangling.csv")).unwrap();
            disk.remount("ro");
            let shown = disk.directory().display().to_string();
            let said = [
                "nothing can be written in",
                &shown,
                "Read-only file system",
                "let this user write there",
            ];
            for output in ["rows.csv", "none.csv"] {
                refused(&sim, &json!({"output": disk.path(output)}), &said);
            }
            for link in ["link.csv", "dangling.csv"] {
                refused(
                    &sim,
                    &json!({"output": path(link)}),
                    &[&said[..], &["where the link", link, "leads"]].concat(),
                );
            }
            refused(
                &sim,
                &json!({"output": path("rows.csv"), "ledger": disk.path("run.json")}),
                &["ledger: nothing can"],
            );
            assert_eq!(fs::read(disk.path("rows.csv")).unwrap(), b"previous");
            assert!(!path("rows.csv").exists() && !path("link.csv.state").exists());
        },
    );
}

#[test]
fn what_is_no_regular_file_stays_what_it_is() {
    use std::os::unix::fs::FileTypeExt as _;
    let sim = start(one_account());
    let directory = tempfile::TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    symlink(path("fifo"), path("link")).unwrap();
    for special in [
        Path::new("/dev/null"),
        Path::new("/dev/full"),
        &path("fifo"),
        &path("link"),
    ] {
        let shown = special.display().to_string();
        // By flags: the harness, which reads what the parameters name, would read for ever.
        for (flag, said) in [
            (
                "--output",
                ["output:", &shown, "is no regular file", "let - be the output"],
            ),
            ("--ledger", ["ledger:", &shown, "is no regular file", "name a file"]),
        ] {
            let outcome = Run::keys(&sim).flag(flag).flag(&shown).expect(2);
            outcome.says(&said);
            assert_eq!(sim.calls().len(), 0);
        }
        assert!(!fs::metadata(special).unwrap().is_file());
    }
    assert!(fs::symlink_metadata(path("fifo")).unwrap().file_type().is_fifo());
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        2,
        "nothing came to stand beside it"
    );
}

#[test]
fn directories_and_links_that_lead_nowhere_are_told_of() {
    let sim = start(one_account());
    let directory = tempfile::TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["directory", "rows.csv.run.json"] {
        fs::create_dir(path(name)).unwrap();
    }
    fs::write(path("taken.csv.state"), "a file").unwrap();
    symlink(path("round"), path("about")).unwrap();
    symlink(path("about"), path("round")).unwrap();
    symlink(path("missing/rows.csv"), path("far")).unwrap();
    symlink("directory", path("into")).unwrap();
    for (name, said) in [
        ("directory", &["directory is a directory; name a file"][..]),
        ("into", &["into is a directory; name a file"]),
        (
            "rows.csv",
            &["ledger:", "rows.csv.run.json is a directory; name a file"],
        ),
        (
            "taken.csv",
            &["taken.csv.state is in the way", "move it, or name another output"],
        ),
        ("round", &["round leads nowhere", "mend or remove it"]),
        (
            "far",
            &["missing, where the link", "far leads, does not exist; create it"],
        ),
        ("missing/rows.csv", &["missing does not exist; create it"]),
        ("missing/{accountId}/rows.csv", &["missing does not exist; create it"]),
    ] {
        refused(&sim, &json!({"output": path(name)}), said);
    }
}

/// Links are followed and stay; also one to a file that is not there yet, and one whose text is relative.
#[test]
fn a_link_stays_one_also_where_nothing_is_at_its_end_yet() {
    let sim = start(one_account());
    for relative in [false, true] {
        let run = Run::keys(&sim).file("real/other", "");
        let (link, real) = (run.path("rows.json"), run.path("real/rows.json"));
        let to = if relative { Path::new("real/rows.json") } else { &real };
        symlink(to, &link).unwrap();
        symlink(run.path("real/run.json"), run.path("rows.json.run.json")).unwrap();
        let outcome = run.expect(0);
        for link in [&link, &outcome.ledger_path()] {
            assert!(fs::symlink_metadata(link).unwrap().is_symlink());
        }
        assert!(fs::symlink_metadata(&real).unwrap().is_file());
        assert_eq!(outcome.rows().len(), 6);
        assert_eq!(outcome.ledger()["outcome"], "complete");
    }
}

#[test]
fn ledger_and_output_are_not_the_same_file_by_any_path() {
    let sim = start(one_account());
    let directory = tempfile::TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("d")).unwrap();
    symlink(path("rows.csv"), path("link")).unwrap();
    symlink(directory.path(), path("d/up")).unwrap();
    for ledger in ["rows.csv", "d/../rows.csv", "link", "d/up/rows.csv"] {
        refused(
            &sim,
            &json!({"output": path("rows.csv"), "ledger": path(ledger)}),
            &["ledger and output name the same file: give the ledger another name"],
        );
    }
}

/// Something comes into the way while rows are collected.
#[test]
fn a_place_that_is_lost_meanwhile_loses_no_rows() {
    let sim = start(one_account());
    let slow = Action::Delay(std::time::Duration::from_millis(700));
    sim.faults().add(Fault::on("ec2:DescribeInstances").first(1).then(slow));
    let running = Run::keys(&sim)
        .start()
        .wait_for(|sim| sim.count("ec2:DescribeInstances") > 0);
    let output = running.path("rows.json");
    fs::create_dir_all(output.join("in the way")).unwrap();
    let outcome = running.finish();
    outcome.expect(4).says(&[
        "the rows cannot be written to",
        "rows.json",
        "it is no regular file",
        "--resume",
    ]);
    assert_eq!(outcome.ledger()["exit_code"], 4);
    fs::remove_dir_all(&output).unwrap();
    sim.forget_calls();
    let outcome = Run::keys(&sim).after(outcome).flag("--resume").run();
    outcome.expect(0);
    assert_eq!(sim.count("ec2:DescribeInstances"), 0);
    assert_eq!(outcome.rows().len(), 6);
}

/// Where standard output leads is the caller's choice.
#[test]
fn standard_output_that_takes_nothing_is_a_failure() {
    let sim = start(one_account());
    let run = Run::keys(&sim);
    let ledger = run.path("run.json");
    let run = run.params(json!({"output": "-", "ledger": ledger}));
    let outcome = run.under("exec >/dev/full").run();
    outcome.expect(4).says(&[
        "the rows cannot be written to standard output: No space left on device",
        "run again",
    ]);
    outcome.does_not_say(&["--resume", "panicked"]);
    let ledger: Json = serde_json::from_slice(&fs::read(failed_of(&ledger)).unwrap()).unwrap();
    assert_eq!((&ledger["exit_code"], &ledger["outputs"]), (&json!(4), &json!([])));
    // Nobody is there from the beginning, which is no failure.
    let outcome = Run::keys(&sim).params(json!({"output": "-"})).under("exec >&-").run();
    assert!([0, 4].contains(&outcome.code), "{}", outcome.told());
    outcome.does_not_say(&["panicked"]);
    // A device as standard output is taken.
    Run::keys(&sim)
        .params(json!({"output": "-"}))
        .under("exec >/dev/null")
        .expect(0);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Rows and ledger are made under the umask; what is kept of a run is for its owner alone.
#[test]
fn files_are_made_under_the_umask() {
    let sim = start(one_account());
    for (umask, expected) in [("077", 0o600), ("027", 0o640), ("022", 0o644), ("002", 0o664)] {
        let outcome = Run::keys(&sim).under(&format!("umask {umask}")).expect(0);
        assert_eq!(mode(&outcome.ledger_path()), expected, "{umask}");
        assert_eq!(
            mode(&outcome.ledger_path().with_file_name("rows.json")),
            expected,
            "{umask}"
        );
    }
    sim.faults().add(
        Fault::on("ec2:DescribeInstances")
            .region(FRANKFURT)
            .error(403, "UnauthorizedOperation", "no"),
    );
    let partial = Run::keys(&sim).under("umask 000").expect(3);
    assert_eq!(mode(&partial.state()), 0o700);
}

/// A file that is replaced keeps its mode, its owner and its group. Only who may give files away can try that.
#[test]
fn a_file_that_is_replaced_keeps_mode_and_owner() {
    let sim = start(one_account());
    let run = Run::keys(&sim).file("rows.json", "previous");
    let path = run.path("rows.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    let given_away = chown(&path, Some(12_345), Some(23_456)).is_ok();
    let outcome = run.expect(0);
    assert_eq!(mode(&path), 0o604);
    assert_eq!(outcome.rows().len(), 6);
    let found = fs::metadata(&path).unwrap();
    assert!(!given_away || (found.uid(), found.gid()) == (12_345, 23_456));
}

/// What stands in the way of the end is seen before anything is collected.
#[test]
fn the_end_is_rehearsed() {
    let sim = start(one_account());
    // The rows have a name that the ledger's, or the state's, is too long for.
    for length in [243, 250] {
        let name = format!("{}.csv", "a".repeat(length));
        let outcome = Run::keys(&sim).output(&name).expect(2);
        outcome.says(&["File name too long", "shorter name"]);
    }
    let mounted = Run::keys(&sim).file("rows.json", "previous").file("host.json", "host");
    let (host, rows) = (mounted.path("host.json"), mounted.path("rows.json"));
    let mount = format!("mount --bind {} {}", host.display(), rows.display());
    let can_mount = Command::new("unshare").args(["-rm", "true"]).status();
    if can_mount.is_ok_and(|status| status.success()) {
        let outcome = mounted
            .under(&format!(
                "if [ -z \"$MOUNTED\" ]; then MOUNTED=1 exec unshare -rm sh -ec '{mount}; exec \"$0\" \"$@\"' \"$0\" \"$@\"; fi"
            ))
            .expect(2);
        outcome.says(&["cannot be replaced when all is collected: it is mounted there by itself"]);
    }
    assert_eq!(sim.calls().len(), 0);
}

/// What is kept of a run is taken only where it is this user's own.
#[test]
fn a_state_of_somebody_else_is_refused() {
    let sim = start(one_account());
    // A link in its place, and what another user has made; only root can give a directory away.
    let run = Run::keys(&sim);
    let (state, other) = (run.path("rows.json.state"), run.path("other"));
    fs::create_dir(&other).unwrap();
    symlink(&other, &state).unwrap();
    let refused = run.expect(2);
    refused.says(&["rows.json.state is where this run would keep what it has"]);
    assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
    let run = Run::keys(&sim);
    let state = run.path("rows.json.state");
    fs::create_dir(&state).unwrap();
    if chown(&state, Some(12_345), None).is_ok() {
        run.expect(2)
            .says(&["it belongs to the user 12345: remove it, or give this run another output"]);
    }
    // A link inside leads nowhere: nothing is written through it.
    let run = Run::keys(&sim).file("victim", "as it was");
    let (state, victim) = (run.path("rows.json.state"), run.path("victim"));
    fs::create_dir(&state).unwrap();
    symlink(&victim, state.join("room")).unwrap();
    let refused = run.run();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was");
    assert_eq!(refused.code, 4, "{}", refused.stderr);
}

/// One file by two names, and one ledger of two runs: the second is told so.
#[test]
fn runs_that_share_a_file_do_not_run_at_once() {
    let sim = start(one_account());
    sim.faults().add(Fault::on("ec2:DescribeInstances").then(Action::Hang));
    let first = Run::keys(&sim)
        .start()
        .wait_for(|sim| sim.count("ec2:DescribeInstances") > 0);
    let (rows, ledger) = (first.path("rows.json"), first.path("rows.json.run.json"));
    let second = Run::keys(&sim);
    let link = second.path("link.json");
    symlink(&rows, &link).unwrap();
    second
        .params(json!({"output": link}))
        .expect(6)
        .says(&["another run is at work on this output or ledger", "rows.json.state"]);
    Run::keys(&sim).params(json!({"ledger": ledger})).expect(6);
    let shared = first.path("shared.json");
    let third = Run::keys(&sim)
        .params(json!({"ledger": shared}))
        .start()
        .wait_for(|sim| sim.count("ec2:DescribeInstances") > 3);
    Run::keys(&sim).params(json!({"ledger": shared})).expect(6);
    third.signal("INT").finish().expect(130);
    first.signal("INT").finish().expect(130);
    assert!(!shared.with_file_name("shared.json.state").exists());
}

/// What an unfinished run has left stays when the next one may not begin.
#[test]
fn a_run_that_may_not_begin_leaves_what_there_is() {
    let sim = start(one_account());
    let denied = Fault::on("ec2:DescribeInstances").region(FRANKFURT);
    sim.faults().add(denied.error(403, "UnauthorizedOperation", "no"));
    let partial = Run::keys(&sim).expect(3);
    sim.faults().clear();
    let ledger = partial.state().with_file_name("shared.json");
    let lock = ledger.with_file_name("shared.json.state");
    fs::create_dir(&lock).unwrap();
    let held = fs::File::open(&lock).unwrap();
    held.lock().unwrap();
    let journal = fs::read(partial.state().join("journal")).unwrap();
    let refused = Run::keys(&sim)
        .after(partial)
        .params(json!({"ledger": ledger}))
        .expect(6);
    assert_eq!(fs::read(refused.state().join("journal")).unwrap(), journal);
    drop(held);
    sim.forget_calls();
    Run::keys(&sim).after(refused).flag("--resume").expect(0);
    assert_eq!(sim.calls_of("ec2:DescribeInstances").len(), 1);
}

/// A limit on the size of files is a full disk, and no death without a word.
#[test]
fn a_limit_on_file_size_is_told() {
    let mut estate = one_account();
    estate.change_account(MASTER, |account| account.instances(FRANKFURT, 2000));
    let sim = start(estate);
    let outcome = Run::keys(&sim)
        .params(json!({"format": "jsonl"}))
        .under("ulimit -f 600")
        .run();
    outcome.expect(4).says(&["File too large"]);
}

#[test]
fn an_ending_or_a_placeholder_that_is_none_is_refused() {
    let sim = start(one_account());
    for (name, said) in [
        (
            "rows.csv.gz",
            "output: .gz is the ending of no format (rows are not compressed",
        ),
        (
            "rows.xlsx",
            "output: .xlsx is the ending of no format (a spreadsheet opens .csv, with csv_safe)",
        ),
        (
            "rows.txt",
            "output: .txt is the ending of no format: let it end in .csv",
        ),
        (
            "rows-{account}.csv",
            "output: {account} is no placeholder: there are {accountId}, {region}, {statement} and {shard}",
        ),
        ("rows-{date}.csv", "output: {date} is no placeholder"),
    ] {
        Run::keys(&sim).output(name).expect(2).says(&[said]);
    }
    // With its format beside it, a name may end in anything that is no other one's.
    Run::keys(&sim)
        .output("rows.txt")
        .params(json!({"format": "csv"}))
        .expect(0);
    Run::keys(&sim)
        .output("rows.csv.gz")
        .params(json!({"format": "csv"}))
        .expect(2);
    Run::keys(&sim).output("rows").expect(0);
}
