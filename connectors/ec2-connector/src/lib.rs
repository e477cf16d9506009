//! The inventory of EC2 instances: one row for every instance of every account and region.

pub mod instance;
mod nested;
