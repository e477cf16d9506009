//! Where a run has left what it has, as its ledger says it.

use std::path::PathBuf;

use serde_json::Value as Json;

/// The directory that a ledger names, which may be gone.
///
/// # Errors
/// In words, why the run of this ledger cannot be gone on with.
pub(crate) fn directory_of(ledger: &[u8]) -> Result<PathBuf, String> {
    let ledger: Json = serde_json::from_slice(ledger).map_err(|error| format!("it is no ledger: {error}"))?;
    match (ledger["state"].as_str(), ledger["outcome"].as_str()) {
        (Some(state), _) => Ok(PathBuf::from(state)),
        (None, Some("complete")) => Err("its run is complete: there is nothing left to collect".to_owned()),
        (None, Some(_)) => Err("its run has left nothing to go on with".to_owned()),
        (None, None) => Err("it is no ledger of a run".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_names_the_directory_or_says_why_not() {
        let named = directory_of(br#"{"outcome": "partial", "state": "/data/rows.csv.state"}"#);
        assert_eq!(named, Ok(PathBuf::from("/data/rows.csv.state")));
        for (ledger, why) in [
            (&br#"{"outcome": "complete"}"#[..], "is complete"),
            (br#"{"outcome": "failed", "state": null}"#, "left nothing"),
            (br#"{"state": 1}"#, "no ledger of a run"),
            (b"[1]", "no ledger of a run"),
            (b"id,name\n", "no ledger: expected value at line 1"),
            (b"", "no ledger: EOF"),
            (b"\xff", "no ledger"),
        ] {
            let found = directory_of(ledger);
            assert!(found.as_ref().is_err_and(|found| found.contains(why)), "{found:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            proptest::prop_assert!(directory_of(&bytes).is_err());
        }
    }
}
