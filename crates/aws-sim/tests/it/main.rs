//! The simulator over real HTTP, asked by a client that shares no code with it.
#![allow(clippy::unwrap_used)]

mod binary;
mod client;
mod ec2;
mod faults;
mod idp;
mod organizations;
mod signatures;
mod sts;
mod web_identity;
