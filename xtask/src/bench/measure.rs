//! One run of one program: how long it took, and what it cost.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use wait4::Wait4 as _;

use crate::steps;

/// What a program has used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Seconds.
    pub(super) wall: f64,
    /// Seconds of user and system time, of the process and all that it has waited for.
    pub(super) cpu: f64,
    /// Bytes: the peak resident set of the largest of its processes.
    pub(super) memory: u64,
}

/// Runs a command to its end, or for as long as `limit`; its standard output goes to one file and its standard error to another.
pub(super) fn run(command: &mut Command, limit: Duration, output: &Path, errors: &Path) -> Result<Usage> {
    let line = steps::command_line(command);
    let file = |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
    command.stdin(Stdio::null()).stdout(file(output)?).stderr(file(errors)?);
    in_a_group_of_its_own(command);
    let began = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start `{line}`"))?;
    let id = child.id();
    let (ended, end) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let late = end.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        if late {
            kill_group(id);
        }
        late
    });
    let used = child.wait4();
    let wall = began.elapsed().as_secs_f64();
    drop(ended);
    let late = watch.join().unwrap_or_default();
    let used = used.with_context(|| format!("cannot wait for `{line}`"))?;
    if late {
        bail!("it took longer than {} s", limit.as_secs());
    }
    if !used.status.success() {
        bail!("{}: {}", used.status, last_words(errors));
    }
    Ok(Usage {
        wall,
        cpu: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        memory: used.rusage.maxrss,
    })
}

/// The peak resident set of this very process. Linux counts what a process had before it became another program, so no program
/// that is started here shows less.
pub(super) fn own_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// So that it can be ended with all that it has started.
#[cfg(unix)]
fn in_a_group_of_its_own(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(not(unix))]
fn in_a_group_of_its_own(_: &mut Command) {}

fn kill_group(id: u32) {
    let mut kill = Command::new("kill");
    // It may have ended by itself in this moment.
    let _ = kill
        .args(["-KILL", "--", &format!("-{id}")])
        .stderr(Stdio::null())
        .status();
}

/// The last lines of a file.
fn last_words(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<Usage> {
        let folder = std::env::temp_dir().join(format!("bench-measure-{}-{}", std::process::id(), script.len()));
        fs::create_dir_all(&folder)?;
        let outcome = run(
            Command::new("sh").args(["-c", script]),
            limit,
            &folder.join("out"),
            &folder.join("err"),
        );
        fs::remove_dir_all(&folder)?;
        outcome
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn children_count_too() {
        let idle = shell("true", LONG).unwrap();
        let busy = "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; true";
        let busy = shell(busy, LONG).unwrap();
        assert!(busy.cpu > idle.cpu + 0.01, "{idle:?} {busy:?}");
        assert!(busy.memory > 0 && busy.wall >= busy.cpu / 2.0);
    }

    #[test]
    fn failures_and_those_who_take_too_long_are_told() {
        let failed = shell("echo first; echo why >&2; exit 3", LONG).unwrap_err();
        assert!(failed.to_string().contains("exit status: 3: why"), "{failed}");
        // The child of the child would hold on for an hour.
        let late = shell("sleep 3600; true", Duration::from_millis(50)).unwrap_err();
        assert_eq!(late.to_string(), "it took longer than 0 s");
    }
}
