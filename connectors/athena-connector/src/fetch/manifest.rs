//! The manifest of an UNLOAD: the addresses of the objects that it wrote, one a line.
//!
//! AWS: <https://docs.aws.amazon.com/athena/latest/ug/unload.html>

use std::collections::HashSet;

/// The addresses in their order. Quotes around one, and lines without any, are passed over. One that stands twice is an error: its
/// rows would be doubled.
///
/// # Errors
/// In words, what is wrong.
pub(super) fn addresses(manifest: Vec<u8>) -> Result<Vec<String>, String> {
    let text = String::from_utf8(manifest).map_err(|_| "the manifest is not UTF-8".to_owned())?;
    let lines = text.lines().map(|line| line.trim().trim_matches('"'));
    let (mut seen, mut addresses) = (HashSet::new(), Vec::new());
    for line in lines.filter(|line| !line.is_empty()) {
        if !seen.insert(line) {
            return Err(format!("the manifest names {line} twice"));
        }
        addresses.push(line.to_owned());
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_on_lines() {
        for (manifest, expected) in [
            ("", vec![]),
            ("s3://b/p/a\ns3://b/p/b\n", vec!["s3://b/p/a", "s3://b/p/b"]),
            ("\"s3://b/p/a\"\r\n\n  s3://b/p b/b", vec!["s3://b/p/a", "s3://b/p b/b"]),
        ] {
            let expected = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(addresses(manifest.into()), Ok(expected), "{manifest}");
        }
        assert!(addresses(b"s3://b/\xff\n".to_vec()).is_err());
        let twice = addresses(b"s3://b/a\ns3://b/b\n\"s3://b/a\"\n".to_vec());
        assert_eq!(twice, Err("the manifest names s3://b/a twice".to_owned()));
    }

    proptest::proptest! {
        /// Those that were written come back, each once.
        #[test]
        fn no_address_is_lost(keys in proptest::collection::hash_set("[a-z0-9/_ .=%-]{0,20}[a-z0-9]", 0..20), ending in "\r?\n") {
            let written: Vec<_> = keys.into_iter().map(|key| format!("s3://b/{key}")).collect();
            let manifest: String = written.iter().map(|address| format!("{address}{ending}")).collect();
            proptest::prop_assert_eq!(addresses(manifest.into()), Ok(written));
        }
    }
}
