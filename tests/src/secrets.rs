//! The rule of every case: no secret shows in anything that a run leaves behind.

use std::fs;
use std::path::PathBuf;

/// What must not show: secrets that a case put in, and files that list what servers have given out.
#[derive(Clone, Default)]
pub struct Secrets {
    known: Vec<String>,
    issued: Vec<PathBuf>,
}

impl Secrets {
    /// Adds a secret that the case itself uses.
    pub fn know(&mut self, secret: &str) {
        // A shorter text would be found by chance.
        assert!(secret.len() >= 6, "the secret {secret:?} is too short to be looked for");
        self.known.push(secret.to_owned());
    }

    /// Adds a server's list of issued secrets, one a line. It is read after the run.
    pub fn issued_in(&mut self, file: PathBuf) {
        self.issued.push(file);
    }

    /// Panics if a secret or anything in the form of a signed token shows in `text`, which is called `what`.
    pub fn assert_absent(&self, what: &str, text: &str) {
        let issued: Vec<String> = self.issued.iter().flat_map(lines).collect();
        for secret in self.known.iter().chain(&issued) {
            for form in forms(secret) {
                if let Some(at) = text.find(&form) {
                    panic!("a secret shows in {what}, after: …{}", before(text, at));
                }
            }
        }
        if let Some(at) = signed_token(text) {
            panic!("a signed token shows in {what}, after: …{}", before(text, at));
        }
    }
}

fn lines(file: &PathBuf) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The secret as it is, as JSON text and form-urlencoded in both spellings of a space.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).expect("a text is valid JSON");
    let percent = |space: &str| -> String {
        let encode = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            b' ' => space.to_owned(),
            _ => format!("%{byte:02X}"),
        };
        secret.bytes().map(encode).collect()
    };
    let mut forms = vec![
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        percent("+"),
        percent("%20"),
    ];
    forms.dedup();
    forms
}

/// Where a JSON Web Token begins: two parts in base64url that both begin like a JSON object, joined by a dot.
fn signed_token(text: &str) -> Option<usize> {
    let in_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.match_indices("eyJ").map(|(at, _)| at).find(|&at| {
        let rest = &text.as_bytes()[at..];
        let length = rest.iter().take_while(|byte| in_part(byte)).count();
        length > 10 && rest[length..].starts_with(b".eyJ")
    })
}

fn before(text: &str, at: usize) -> String {
    let mut context: Vec<char> = text[..at].chars().rev().take(200).collect();
    context.reverse();
    context.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    fn shows(secret: &str, text: &str) -> bool {
        let mut secrets = Secrets::default();
        secrets.know(secret);
        std::panic::catch_unwind(|| secrets.assert_absent("a test", text)).is_err()
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let secret = "basic-s3cret/+=:% &x";
        assert!(shows(secret, "… basic-s3cret/+=:% &x …"));
        assert!(shows(secret, "client_secret=basic-s3cret%2F%2B%3D%3A%25+%26x"));
        assert!(shows(secret, "client_secret=basic-s3cret%2F%2B%3D%3A%25%20%26x"));
        assert!(shows("a\"quoted\"one", r#"{"secret":"a\"quoted\"one"}"#));
        assert!(!shows(secret, "client_secret=***"));
    }

    #[test]
    fn a_signed_token_is_found_and_a_page_token_is_not() {
        assert!(shows("unrelated", "Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln"));
        assert!(!shows(
            "unrelated",
            "NextToken eyJwYXJhbWV0ZXJDaGVja3N1bSI6IDg3NzgxNjU2NzI4OTR9"
        ));
    }
}
