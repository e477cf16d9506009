//! What is parsed on the way of fetching a result.

#[path = "../../connectors/athena-connector/src/fetch/manifest.rs"]
mod manifest;

/// The addresses of a manifest.
pub(crate) fn addresses(manifest: Vec<u8>) -> Result<Vec<String>, String> {
    manifest::addresses(manifest)
}
