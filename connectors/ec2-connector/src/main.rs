//! The program: everything is in the libraries.

use std::process::ExitCode;

fn main() -> ExitCode {
    connector_core::main(ec2_connector::Ec2Connector)
}
