//! The program: everything is in the libraries.

use std::process::ExitCode;

/// Pages of some megabytes come and go on many threads; glibc's allocator keeps several times what is in use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    connector_core::main(ec2_connector::Ec2Connector)
}
