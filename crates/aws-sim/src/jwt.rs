//! JSON web tokens with RS256: the identity provider signs them, STS verifies them.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::sigv4::sha256_hex;

/// A key to sign with.
pub(crate) struct SigningKey {
    pair: RsaKeyPair,
    kid: String,
    jwks: String,
}

impl SigningKey {
    /// The process's key: generating one takes longer than most tests.
    pub(crate) fn of_process() -> std::io::Result<Arc<Self>> {
        static KEY: OnceLock<Option<Arc<SigningKey>>> = OnceLock::new();
        KEY.get_or_init(|| Self::generate().map(Arc::new))
            .clone()
            .ok_or_else(|| std::io::Error::other("no RSA key"))
    }

    fn generate() -> Option<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
        let public = pair.public_key();
        let n = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let e = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        let kid = sha256_hex(public.as_der().ok()?.as_ref()).get(..16)?.to_owned();
        let key = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e});
        Some(Self {
            pair,
            kid,
            jwks: json!({"keys": [key]}).to_string(),
        })
    }

    /// The key set that verifies its signatures.
    pub(crate) fn jwks(&self) -> &str {
        &self.jwks
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.kid});
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let content = format!("{}.{}", encode(&header), encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                content.as_bytes(),
                &mut signature,
            )
            .ok()?;
        Some(format!("{content}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// A token that has been taken apart, and not verified yet.
pub(crate) struct Token<'a> {
    content: &'a str,
    signature: Vec<u8>,
    header: Value,
    claims: Value,
}

impl<'a> Token<'a> {
    /// `None` when the text is no JWT.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (content, signature) = text.rsplit_once('.')?;
        let (header, claims) = content.split_once('.')?;
        let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        let (header, claims): (Value, Value) = (part(header)?, part(claims)?);
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        (header.is_object() && claims.is_object()).then_some(Self {
            content,
            signature,
            header,
            claims,
        })
    }

    /// A header that is a text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// A claim that is a text.
    pub(crate) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A claim that is a time.
    pub(crate) fn time(&self, name: &str) -> Option<i64> {
        let claim = self.claims.get(name)?;
        claim.as_i64().or_else(|| claim.as_f64().map(|seconds| seconds as i64))
    }

    /// The claim `aud`, which may be one text or several.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Verifies the signature; `None` when the set has no such key.
    pub(crate) fn verify(&self, jwks: &str) -> Option<bool> {
        let set: Value = serde_json::from_str(jwks).ok()?;
        let wanted = self.header("kid");
        let matching = |key: &&Value| {
            key.get("kty").and_then(Value::as_str) == Some("RSA")
                && (wanted.is_none() || key.get("kid").and_then(Value::as_str) == wanted)
        };
        let key = set.get("keys")?.as_array()?.iter().find(matching)?;
        let component = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
        let public = PublicKeyComponents {
            n: component("n")?,
            e: component("e")?,
        };
        Some(
            public
                .verify(&RSA_PKCS1_2048_8192_SHA256, self.content.as_bytes(), &self.signature)
                .is_ok(),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_signed_can_be_verified_and_what_is_changed_cannot() {
        let key = SigningKey::of_process().unwrap();
        let text = key.sign(&json!({"iss": "i", "aud": ["a", "b"], "exp": 12})).unwrap();
        let token = Token::parse(&text).unwrap();
        assert_eq!(token.audiences(), ["a", "b"]);
        assert_eq!((token.claim("iss"), token.time("exp")), (Some("i"), Some(12)));
        assert_eq!(token.verify(key.jwks()), Some(true));
        assert_eq!(token.verify(r#"{"keys":[]}"#), None);

        let (header, rest) = text.split_once('.').unwrap();
        let signature = rest.split_once('.').unwrap().1;
        let forged = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(r#"{"iss":"j"}"#));
        assert_eq!(Token::parse(&forged).unwrap().verify(key.jwks()), Some(false));
        for no_token in ["", "opaque", "a.b.c", "YQ.YQ.YQ"] {
            assert!(Token::parse(no_token).is_none(), "{no_token}");
        }
    }
}
