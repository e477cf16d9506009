//! Steps of a command: each is announced, timed and listed at the end.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The steps so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs `work` under a name, with a line before and after it.
    pub(crate) fn run<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("== {name}");
        let start = Instant::now();
        let outcome = work();
        let took = start.elapsed();
        match &outcome {
            Ok(_) => println!("ok {name} ({})\n", seconds(took)),
            Err(_) => println!("FAILED {name} ({})", seconds(took)),
        }
        self.done.push((name.to_owned(), took));
        outcome
    }

    /// Runs a command under its own command line as name; its output goes where ours goes.
    pub(crate) fn command(&mut self, command: &mut Command) -> Result<()> {
        let line = command_line(command);
        self.run(&line, || {
            let status = command
                .stdin(Stdio::null())
                .status()
                .with_context(|| format!("cannot start `{line}`"))?;
            if !status.success() {
                bail!("`{line}` failed ({status})");
            }
            Ok(())
        })
    }

    /// A line for each step with its time, and the sum.
    pub(crate) fn summary(&self) {
        for (name, took) in &self.done {
            println!("  {:>9}  {name}", seconds(*took));
        }
        let total: Duration = self.done.iter().map(|(_, took)| *took).sum();
        println!("  {:>9}  in all", seconds(total));
    }
}

/// Runs a command that is no step of its own; its output goes where ours goes.
pub(crate) fn to_end(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// The command as one would type it.
pub(crate) fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn seconds(time: Duration) -> String {
    if time.as_secs() < 60 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}
