//! The simulated organization: a process that ends when its standard input closes, and what the demo knows of it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

use crate::workspace;

/// An account whose instances a run cannot see.
pub(super) struct Hidden {
    pub(super) account: &'static str,
    pub(super) instances: u64,
    pub(super) what: &'static str,
}

pub(super) const DENIED: Hidden = Hidden {
    account: "200000000007",
    instances: 58,
    what: "has a role that may not list instances",
};
pub(super) const WITHOUT_ROLE: Hidden = Hidden {
    account: "200000000013",
    instances: 33,
    what: "has no role to assume",
};
pub(super) const SUSPENDED: Hidden = Hidden {
    account: "200000000021",
    instances: 71,
    what: "is suspended",
};
pub(super) const HIDDEN: [Hidden; 3] = [DENIED, WITHOUT_ROLE, SUSPENDED];
pub(super) const OPT_IN_REGION: &str = "ap-east-1";

/// The process. It ends with this value, and with this process: both close its standard input.
pub(super) struct Simulator {
    process: Child,
    /// What it says of itself when it is ready.
    pub(super) facts: Json,
}

impl Simulator {
    /// Starts it and waits until it is ready; `tables` are more for Athena, as `name=file.csv`. What it has to complain
    /// about goes to a file in `folder`.
    pub(super) fn start(folder: &Path, tables: &[String]) -> Result<Self> {
        let program = workspace::binary("aws-sim");
        let log = folder.join("aws-sim.log");
        let mut process = Command::new(&program)
            .args(["--estate", "demo"])
            .args(tables.iter().flat_map(|table| ["--table", table]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut line = String::new();
        if let Some(output) = &mut process.stdout {
            BufReader::new(output).read_line(&mut line)?;
        }
        let simulator = Simulator {
            process,
            facts: serde_json::from_str(&line).unwrap_or_default(),
        };
        if simulator.endpoint().is_empty() || simulator.instances() == 0 {
            bail!(
                "{} does not say that it is ready; see {}",
                program.display(),
                log.display()
            );
        }
        Ok(simulator)
    }

    pub(super) fn endpoint(&self) -> &str {
        self.facts["endpoint"].as_str().unwrap_or_default()
    }

    /// Instances of all accounts, the hidden ones included.
    pub(super) fn instances(&self) -> u64 {
        self.facts["organization"]["instances"].as_u64().unwrap_or_default()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use aws_sim::Estate;

    use super::*;

    #[test]
    fn the_demo_knows_what_the_simulator_holds() {
        let estate = Estate::demo();
        assert_eq!(DENIED.account, Estate::DEMO_DENIED);
        assert_eq!(WITHOUT_ROLE.account, Estate::DEMO_WITHOUT_ROLE);
        assert_eq!(SUSPENDED.account, Estate::DEMO_SUSPENDED);
        assert_eq!(OPT_IN_REGION, Estate::DEMO_OPT_IN_REGION);
        let holds = HIDDEN.map(|hidden| {
            let account = estate.find_account(hidden.account).expect("in the estate");
            let counts = account.regions_with_instances().map(|(_, count)| u64::from(count));
            counts.sum::<u64>()
        });
        assert_eq!(HIDDEN.map(|hidden| hidden.instances), holds);
    }
}
