//! What a token says of itself, read without verification, for error messages. Never the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The claims that AWS looks at: `iss`, `aud`, `azp`, `exp`, and the header's `alg`.
///
/// An identity provider's access token must be a JWT that AWS can verify:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// The header's `alg`.
    pub algorithm: Option<String>,
    /// `iss`
    pub issuer: Option<String>,
    /// `aud`, one or several.
    pub audience: Vec<String>,
    /// `azp`: where present, AWS compares it instead of `aud`.
    pub authorized_party: Option<String>,
    /// `exp`, seconds since the epoch.
    pub expires: Option<i64>,
}

impl Preview {
    /// Reads the three dot-separated parts of a signed JWT; `None` for an opaque token.
    pub fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let header = json(header)?;
        let claims = json(claims)?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Preview {
            algorithm: header.get("alg").and_then(text),
            issuer: claims.get("iss").and_then(text),
            audience: match claims.get("aud") {
                Some(Value::Array(several)) => several.iter().filter_map(text).collect(),
                Some(one) => text(one).into_iter().collect(),
                None => Vec::new(),
            },
            authorized_party: claims.get("azp").and_then(text),
            expires: claims.get("exp").and_then(Value::as_i64),
        })
    }
}

impl std::fmt::Display for Preview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let or_absent = |text: &Option<String>| text.as_ref().map_or("absent".to_owned(), |text| format!("{text:?}"));
        write!(f, "the token says iss {}, aud ", or_absent(&self.issuer))?;
        match &self.audience[..] {
            [] => f.write_str("absent")?,
            [one] => write!(f, "{one:?}")?,
            several => write!(f, "{several:?}")?,
        }
        write!(
            f,
            ", azp {}, alg {}, exp ",
            or_absent(&self.authorized_party),
            or_absent(&self.algorithm)
        )?;
        match self.expires {
            Some(seconds) => match aws_smithy_types::DateTime::from_secs(seconds)
                .fmt(aws_smithy_types::date_time::Format::DateTime)
            {
                Ok(time) => f.write_str(&time),
                Err(_) => write!(f, "{seconds}"),
            },
            None => f.write_str("absent"),
        }
    }
}

fn json(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!(
            "{}.{}.c2ln",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        )
    }

    #[test]
    fn the_claims_that_aws_looks_at_are_told_and_the_token_is_not() {
        let token = token(
            r#"{"alg":"RS256","kid":"k"}"#,
            r#"{"iss":"https://idp.example","aud":["a","b"],"azp":"client","exp":1700000000,"sub":"private"}"#,
        );
        let preview = Preview::of(&token).unwrap();
        let text = preview.to_string();
        assert_eq!(
            text,
            r#"the token says iss "https://idp.example", aud ["a", "b"], azp "client", alg "RS256", exp 2023-11-14T22:13:20Z"#
        );
        assert!(!text.contains("private") && !text.contains(&token[..12]));
    }

    #[test]
    fn absent_claims_are_called_absent() {
        let preview = Preview::of(&token("{}", "{}")).unwrap();
        assert_eq!(
            preview.to_string(),
            "the token says iss absent, aud absent, azp absent, alg absent, exp absent"
        );
    }

    #[test]
    fn an_opaque_token_has_no_preview() {
        for opaque in ["", "opaque", "a.b", "a.b.c", "a.b.c.d.e", "e30.e30", "W10.e30.x"] {
            assert_eq!(Preview::of(opaque), None, "{opaque}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
            let _ = Preview::of(&text).map(|preview| preview.to_string());
        }

        /// Whatever the claims are, what is told of them is a line that a terminal shows as it is.
        #[test]
        fn any_claims_are_told_on_a_line(issuer: String, algorithm: String, audience: Vec<String>, expires: i64) {
            let claims = serde_json::json!({"iss": issuer, "aud": audience, "exp": expires}).to_string();
            let preview = Preview::of(&token(&serde_json::json!({"alg": algorithm}).to_string(), &claims)).unwrap();
            proptest::prop_assert!(!preview.to_string().contains(char::is_control), "{}", preview);
            let read = (preview.issuer, preview.algorithm, preview.audience, preview.expires);
            proptest::prop_assert_eq!(read, (Some(issuer), Some(algorithm), audience, Some(expires)));
        }
    }
}
