//! The program under test.

use aws_sim::{Call, Sim};
use ec2_connector::Ec2Connector;

pub use connector_testing::*;

/// The connector's program.
pub struct Ec2;

impl Program for Ec2 {
    type Connector = Ec2Connector;
    const NAME: &'static str = "ec2-connector";
    const PATH: &'static str = env!("CARGO_BIN_EXE_ec2-connector");

    fn connector() -> Ec2Connector {
        Ec2Connector
    }
}

pub type Run<'a> = connector_testing::Run<'a, Ec2>;

/// The calls that collect instances.
pub fn collected_with(sim: &Sim) -> Vec<Call> {
    sim.calls_of("ec2:DescribeInstances")
}
