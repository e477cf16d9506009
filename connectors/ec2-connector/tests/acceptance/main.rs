//! What `ec2-connector` promises, held against a simulated AWS: the program as a user starts it, and, where time has to
//! pass, the same program inside of the test's process.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
// A program is started here and followed as it runs: with the time, the environment and the files of this machine.
#![allow(clippy::disallowed_methods)]

mod harness;
mod world;

mod chains;
mod deadlines;
mod default_chain;
mod disk;
mod encrypted_secrets;
mod endpoints;
mod failed_runs;
mod foreign_words;
mod isolation;
mod keys;
mod kills;
mod last_good;
mod listing;
mod memory;
mod open_files;
mod outputs;
mod parameters;
mod parameters_oidc;
mod partitions;
mod places;
mod process;
mod renewal;
mod resuming;
mod secrets;
mod sharding;
mod sign_in;
mod signals;
mod silent;
mod third_connector;
mod untrusted;
mod validation;
mod verbs;
