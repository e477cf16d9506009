//! One mask for all text that leaves the process: secrets of the run become `***`, and so does what looks like one.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex_lite::Regex;
use url::form_urlencoded;

/// What stands for a secret.
pub const MASKED: &str = "***";

/// Secrets of fewer bytes are not looked for: too much else looks like them.
const SHORTEST: usize = 4;
/// Secrets of fewer bytes are looked for as whole words only, for the same reason.
const SHORTEST_WITHIN: usize = 12;

/// What looks like a secret, whosever it is. What is before the end of the first group stays, and the second group too.
static LOOKS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let patterns = [
        // A JSON Web Token: its header is an object, `{"` in base64url.
        r"()\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
        // A session token of STS: what its first bytes are in base64, as AWS's documentation and public bug reports show it.
        r"()\b(?:IQoJ|IgoJ|FwoG|FQoG|AQoD)[A-Za-z0-9+/=%]{60,}",
        // Headers of a request that an answer repeats.
        r#"(?i)(x-amz-security-token["']?\s*[:=]\s*["']?)[^\s"'&,;]+"#,
        r"(?i)(authorization:\s*(?:basic|bearer)\s+)\S+",
        // Who signs in at a proxy or an endpoint.
        r"(://)[^/\s@]*:[^/\s@]*(@)",
    ];
    patterns.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect()
});

/// What hints have where a user and a password are to be written.
const EXAMPLE: &str = "user:password";

/// The secrets of a run, as they may come to stand in texts. It keeps none of them: it knows their lengths and keyed hashes, so
/// it can outlive them. All clones are one.
#[derive(Clone)]
pub struct Mask(Arc<Known>);

struct Known {
    /// The base of the rolling hashes, drawn for this process.
    base: u64,
    hashes: RwLock<BTreeMap<usize, HashSet<u64>>>,
}

impl Default for Mask {
    fn default() -> Self {
        // The standard library's hash maps are keyed by the system's randomness.
        let drawn = RandomState::new().hash_one("base");
        Mask(Arc::new(Known {
            base: drawn % (PRIME - 1_000_000) + 500_000,
            hashes: RwLock::default(),
        }))
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

impl Mask {
    /// Hides `secret` from now on, also as it stands in a form, a URL, JSON, XML or a `Debug` text.
    pub fn add(&self, secret: &str) {
        let secret = secret.trim();
        let mut forms: Vec<Cow<'_, str>> = vec![
            secret.into(),
            form_urlencoded::byte_serialize(secret.as_bytes())
                .collect::<String>()
                .into(),
            form_urlencoded::byte_serialize(secret.as_bytes())
                .collect::<String>()
                .replace('+', "%20")
                .into(),
            serde_json::to_string(secret)
                .unwrap_or_default()
                .trim_matches('"')
                .to_owned()
                .into(),
            format!("{secret:?}").trim_matches('"').to_owned().into(),
            secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .into(),
        ];
        forms.sort_unstable();
        forms.dedup();
        forms.retain(|form| form.len() >= SHORTEST);
        let mut hashes = self.0.hashes.write().unwrap_or_else(PoisonError::into_inner);
        for form in forms {
            let hash = form
                .bytes()
                .fold(0, |hash, byte| step(hash, self.0.base, u64::from(byte)));
            hashes.entry(form.len()).or_default().insert(hash);
        }
    }

    /// Hides what an id and a secret become in HTTP Basic, beside the secret itself.
    pub fn add_basic(&self, id: &str, secret: &str) {
        self.add(secret);
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        self.add(&STANDARD.encode(format!("{id}:{secret}")));
        self.add(&STANDARD.encode(format!("{}:{}", encode(id), encode(secret))));
    }

    /// `text` without secrets.
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut found = self.known_in(text);
        for look in LOOKS.iter() {
            for captures in look.captures_iter(text) {
                let Some(whole) = captures.get(0) else { continue };
                let start = captures.get(1).map_or(whole.start(), |kept| kept.end());
                let end = captures.get(2).map_or(whole.end(), |kept| kept.start());
                if &text[start..end] != EXAMPLE {
                    found.push(start..end);
                }
            }
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable_by_key(|range| (range.start, range.end));
        let mut hidden = String::with_capacity(text.len());
        let mut at = 0;
        for range in found {
            if range.end <= at {
                continue;
            }
            if range.start >= at {
                hidden.push_str(&text[at..range.start]);
                hidden.push_str(MASKED);
            }
            at = range.end;
        }
        hidden.push_str(&text[at..]);
        Cow::Owned(hidden)
    }

    /// Where the run's own secrets stand.
    fn known_in(&self, text: &str) -> Vec<Range<usize>> {
        let bytes = text.as_bytes();
        let hashes = self.0.hashes.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for (&length, hashes) in hashes.range(..=bytes.len()) {
            let base = self.0.base;
            // base^(length - 1): what the first byte of a window counts.
            let first = (1..length).fold(1, |power, _| times(power, base));
            let mut hash = bytes[..length]
                .iter()
                .fold(0, |hash, byte| step(hash, base, u64::from(*byte)));
            for start in 0..=bytes.len() - length {
                if start > 0 {
                    let gone = times(u64::from(bytes[start - 1]), first);
                    hash = step(
                        (hash + PRIME - gone) % PRIME,
                        base,
                        u64::from(bytes[start + length - 1]),
                    );
                }
                let range = start..start + length;
                if hashes.contains(&hash) && (length >= SHORTEST_WITHIN || is_word(text, &range)) {
                    found.push(range);
                }
            }
        }
        found.retain(|range| text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
        found
    }
}

/// Whether no letter or digit stands before or behind a part of a text.
fn is_word(text: &str, range: &Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let beside = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let before = range.start.checked_sub(1).and_then(|at| bytes.get(at));
    !beside(before) && !beside(bytes.get(range.end))
}

/// 2^61 - 1
const PRIME: u64 = (1 << 61) - 1;

fn times(a: u64, b: u64) -> u64 {
    // Below the prime, so it fits.
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of a prime that has 61 bits")]
    let product = (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64;
    product
}

/// The rolling hash of a text with one more byte.
fn step(hash: u64, base: u64, byte: u64) -> u64 {
    (times(hash, base) + byte) % PRIME
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(secrets: &[&str], text: &str) -> String {
        let mask = Mask::default();
        secrets.iter().for_each(|secret| mask.add(secret));
        mask.hide(text).into_owned()
    }

    #[test]
    fn secrets_are_hidden_wherever_and_however_they_stand() {
        let secret = "s3cret/+=:% &\"x";
        for (text, expected) in [
            ("s3cret/+=:% &\"x", "***"),
            ("a s3cret/+=:% &\"x b", "a *** b"),
            (
                "client_secret=s3cret%2F%2B%3D%3A%25+%26%22x&a=b",
                "client_secret=***&a=b",
            ),
            ("client_secret=s3cret%2F%2B%3D%3A%25%20%26%22x", "client_secret=***"),
            (r#"{"s": "s3cret/+=:% &\"x"}"#, r#"{"s": "***"}"#),
            ("<s>s3cret/+=:% &amp;\"x</s>", "<s>***</s>"),
            ("s3cret/+=:% &", "s3cret/+=:% &"),
            ("", ""),
        ] {
            assert_eq!(hidden(&[secret], text), expected);
        }
    }

    #[test]
    fn short_secrets_are_hidden_as_words() {
        assert_eq!(hidden(&["test"], "a test of the latest"), "a *** of the latest");
        assert_eq!(hidden(&["abc"], "abc"), "abc");
        assert_eq!(hidden(&["twelve-bytes"], "xtwelve-bytesx"), "x***x");
        assert_eq!(hidden(&["ab€cd", "€cde"], "x ab€cd€cde"), "x ***€cde");
    }

    #[test]
    fn secrets_that_overlap_are_hidden_as_one() {
        assert_eq!(
            hidden(&["abcdefghijklm", "ijklmnopqrstu"], "-abcdefghijklmnopqrstu-"),
            "-***-"
        );
        assert_eq!(hidden(&["abcdefghijklm", "defghijklmnop"], "abcdefghijklm"), "***");
    }

    #[test]
    fn basic_credentials_are_hidden() {
        let mask = Mask::default();
        mask.add_basic("client", "hush-hush-hush");
        let header = STANDARD.encode("client:hush-hush-hush");
        assert_eq!(mask.hide(&format!("<{header}>")), "<***>");
    }

    #[test]
    fn what_looks_like_a_secret_is_hidden() {
        let token = format!("IQoJb3JpZ2luX2Vj{}", "A/+b".repeat(40));
        for (text, expected) in [
            (
                "Value 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln' at 'webIdentityToken'".to_owned(),
                "Value '***' at 'webIdentityToken'",
            ),
            (format!("the token {token}."), "the token ***."),
            (
                "host:sts\nx-amz-security-token:HUSH\n\nhost".to_owned(),
                "host:sts\nx-amz-security-token:***\n\nhost",
            ),
            (
                "https://user:pass@proxy:3128/x and http://b".to_owned(),
                "https://***@proxy:3128/x and http://b",
            ),
            (
                "write http://user:password@host:port".to_owned(),
                "write http://user:password@host:port",
            ),
            ("Authorization: Basic dTpw x".to_owned(), "Authorization: Basic *** x"),
            (
                "arn:aws:iam::111111111111:role/eyJ".to_owned(),
                "arn:aws:iam::111111111111:role/eyJ",
            ),
        ] {
            assert_eq!(hidden(&[], &text), expected);
        }
    }

    proptest::proptest! {
        /// Whatever stands around it, a secret is not to be seen, and the rest is.
        #[test]
        fn no_secret_is_left(secret in "[!-~]{12,80}", before in "\\PC{0,40}", behind in "\\PC{0,40}") {
            let text = format!("{before}{secret}{behind}");
            let hidden = hidden(&[&secret], &text);
            proptest::prop_assert!(!hidden.contains(&secret), "{}", hidden);
            proptest::prop_assert!(hidden.contains(MASKED));
        }

        #[test]
        fn a_text_without_secrets_stays(text in "[a-z .,]{0,200}", secret in "[A-Z0-9]{4,40}") {
            proptest::prop_assert_eq!(hidden(&[&secret], &text), text);
        }
    }
}
