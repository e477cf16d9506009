//! What `athena-connector` promises, held against a simulated AWS: the program as a user starts it, and, where time has to
//! pass, the same program inside of the test's process.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
// A program is started here and followed as it runs: with the time, the environment and the files of this machine.
#![allow(clippy::disallowed_methods)]

mod fleet;
mod harness;
mod reading;
mod world;

mod disk;
mod downloading;
mod first_contact;
mod formats;
mod golden;
mod in_place;
mod isolation;
mod kills;
mod kinds;
mod one_object;
mod open_files;
mod outputs;
mod pages;
mod parameters;
mod permissions;
mod polling;
mod renewal;
mod resuming;
mod retrying;
mod sharding;
mod starting;
mod statements;
mod stopping;
mod unloading;
mod values;
mod workgroups;
