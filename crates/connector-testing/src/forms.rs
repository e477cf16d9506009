//! The forms in which a secret may turn up.

use std::collections::{BTreeSet, HashMap};

use aws_sim::Estate;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::form_urlencoded;

/// Bytes by which the forms are looked up.
const FRONT: usize = 6;

/// Where the first of `secrets` stands in a text: one pass, for however many there are.
pub(crate) fn found(text: &str, secrets: &[String]) -> Option<usize> {
    let mut by_front: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
    for secret in secrets {
        let secret = secret.as_bytes();
        by_front.entry(&secret[..FRONT]).or_default().push(secret);
    }
    let bytes = text.as_bytes();
    let mut fronts = bytes.windows(FRONT).enumerate();
    let found = fronts.find(|(at, front)| {
        let behind = by_front.get(front);
        behind.is_some_and(|secrets| secrets.iter().any(|secret| bytes[*at..].starts_with(secret)))
    });
    found.map(|(at, _)| at)
}

/// Each secret as it is, form-encoded, percent-encoded, in JSON, and in the header of basic authentication.
pub(crate) fn forms(secrets: &[String]) -> Vec<String> {
    let mut forms = BTreeSet::new();
    for secret in secrets.iter().filter(|secret| secret.len() >= 6) {
        let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let quoted = json!(secret).to_string();
        forms.extend([
            secret.clone(),
            encoded.replace('+', "%20"),
            quoted.trim_matches('"').to_owned(),
        ]);
        for id in [Estate::CLIENT_ID, "another-client"] {
            // The end of the text is where the secret is; its front may be shifted.
            forms.insert(STANDARD.encode(format!("{id}:{encoded}")));
            forms.insert(STANDARD.encode(format!("{id}:{secret}")));
        }
        forms.insert(encoded);
    }
    forms.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        let secrets = forms(&["secret-one".to_owned(), "secret/two".to_owned()]);
        for (text, at) in [
            ("secret-one", Some(0)),
            ("a secret%2Ftwo", Some(2)),
            ("a secret-two", None),
            ("se", None),
        ] {
            assert_eq!(found(text, &secrets), at, "{text}");
        }
    }
}
