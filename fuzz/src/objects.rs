//! Addresses of objects.

#[path = "../../connectors/athena-connector/src/objects/location.rs"]
mod location;

pub(crate) use location::Location;
