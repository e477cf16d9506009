//! The forms in which a secret may turn up.

use std::collections::BTreeSet;

use aws_sim::Estate;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::form_urlencoded;

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
