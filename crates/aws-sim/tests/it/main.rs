//! The simulator over real HTTP, asked by a client that shares no code with it.
#![allow(clippy::unwrap_used)]
#![expect(clippy::disallowed_methods, reason = "latencies and delays are real time")]

mod athena;
mod binary;
mod client;
mod ec2;
mod faults;
mod idp;
mod organizations;
mod s3;
mod signatures;
mod sts;
mod web_identity;
