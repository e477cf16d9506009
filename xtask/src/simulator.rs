//! The simulated AWS as a process: it says of itself when it is ready, tells on demand what was called, and ends when its standard
//! input closes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

/// The process. It ends with this value, and with this process: both close its standard input.
pub(crate) struct Simulator {
    process: Child,
    output: BufReader<ChildStdout>,
    /// What it says of itself when it is ready.
    pub(crate) facts: Json,
}

impl Simulator {
    /// Starts it and waits until it is ready. What it has to complain about goes to the file `log`.
    pub(crate) fn start(program: &Path, arguments: &[String], log: &Path) -> Result<Self> {
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log).with_context(|| format!("cannot write {}", log.display()))?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = process.stdout.take().context("it has no standard output")?;
        let mut simulator = Simulator {
            process,
            output: BufReader::new(output),
            facts: Json::Null,
        };
        simulator.facts = simulator.read_line().unwrap_or_default();
        if simulator.endpoint().is_empty() {
            bail!(
                "{} does not say that it is ready; see {}",
                program.display(),
                log.display()
            );
        }
        Ok(simulator)
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.fact("endpoint")
    }

    /// A text of what it says of itself.
    pub(crate) fn fact(&self, name: &str) -> &str {
        self.facts[name].as_str().unwrap_or_default()
    }

    /// Instances of all accounts, the hidden ones included.
    pub(crate) fn instances(&self) -> u64 {
        self.facts["organization"]["instances"].as_u64().unwrap_or_default()
    }

    /// What was called so far, and its own CPU time.
    pub(crate) fn so_far(&mut self) -> Result<Json> {
        let input = self.process.stdin.as_mut().context("the simulator has ended")?;
        input.write_all(b"\n").context("the simulator has ended")?;
        self.read_line()
    }

    fn read_line(&mut self) -> Result<Json> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).context("the simulator has ended")
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
