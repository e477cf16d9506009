//! The program: everything is in the libraries.

use std::process::ExitCode;

fn main() -> ExitCode {
    connector_core::main(athena_connector::AthenaConnector)
}
