//! The program under test.

use athena_connector::AthenaConnector;

pub use connector_testing::*;

/// The connector's program.
pub struct Athena;

impl Program for Athena {
    type Connector = AthenaConnector;
    const NAME: &'static str = "athena-connector";
    const PATH: &'static str = env!("CARGO_BIN_EXE_athena-connector");

    fn connector() -> AthenaConnector {
        AthenaConnector
    }
}

pub type Run<'a> = connector_testing::Run<'a, Athena>;
