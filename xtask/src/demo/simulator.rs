//! The simulated organization of the demo, and what the demo knows of it.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::simulator::Simulator;
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

/// Starts it; `tables` are more for Athena, as `name=file.csv`.
pub(super) fn start(folder: &Path, tables: &[String]) -> Result<Simulator> {
    let arguments = ["--estate", "demo"].into_iter();
    let tables = tables.iter().flat_map(|table| ["--table", table]);
    let arguments: Vec<_> = arguments.chain(tables).map(str::to_owned).collect();
    let simulator = Simulator::start(&workspace::binary("aws-sim"), &arguments, &folder.join("aws-sim.log"))?;
    ensure!(simulator.instances() > 0, "the simulated organization is empty");
    Ok(simulator)
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
