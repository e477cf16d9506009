//! Secrets in the age format (<https://age-encryption.org/v1>): values that stand encrypted as ASCII armor, the
//! identities that open them, and how both are made.

use std::fmt;
use std::io::{BufReader, Read as _, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use secrecy::{ExposeSecret as _, SecretString};

/// What the armor begins with.
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
/// No secret is longer, in bytes. Session tokens, the longest of them, have some hundred.
const LONGEST: u64 = 64 * 1024;

/// Whether `text` is a value that stands encrypted.
pub fn is_encrypted(text: &str) -> bool {
    text.trim_start().starts_with(BEGIN)
}

/// X25519 identities: private keys, each of which opens what was encrypted for its recipient.
pub struct Identities(Vec<Identity>);

impl Identities {
    /// Reads a file as age-keygen writes it: an identity a line, comments begin with `#`.
    ///
    /// # Errors
    /// The line that is none; never its text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut identities = Vec::new();
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.parse() {
                Ok(identity) => identities.push(identity),
                Err(_) => {
                    return Err(format!(
                        "line {} is not an X25519 identity (AGE-SECRET-KEY-1…)",
                        number + 1
                    ));
                }
            }
        }
        if identities.is_empty() {
            return Err("there is no identity in it (a line AGE-SECRET-KEY-1…)".to_owned());
        }
        Ok(Identities(identities))
    }

    /// A new one.
    pub fn generate() -> Self {
        Identities(vec![Identity::generate()])
    }

    /// The lines of a file that [`parse`](Self::parse) reads.
    pub fn lines(&self) -> SecretString {
        let lines = self.0.iter().map(|identity| {
            let secret = identity.to_string();
            format!("# public key: {}\n{}\n", identity.to_public(), secret.expose_secret())
        });
        SecretString::from(lines.collect::<String>())
    }

    /// Whom to encrypt for, so that these open it: `age1…`.
    pub fn recipients(&self) -> Vec<String> {
        self.0.iter().map(|identity| identity.to_public().to_string()).collect()
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identities(REDACTED)")
    }
}

/// Why an encrypted value cannot be had. Nothing of the value is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// Encrypted for other recipients.
    NoMatch,
    /// Not as it was written.
    Damaged,
    /// Encrypted with a passphrase.
    Passphrase,
    /// Longer than any secret.
    TooLong,
    /// The secret is not text.
    NotText,
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unopened::NoMatch => {
                "none of the identities opens the encrypted value: it was encrypted for another recipient; give the \
                 identity that belongs to it, or encrypt the secret anew"
            }
            Unopened::Damaged => {
                "the encrypted value is damaged: it must be the whole armor, each line as it was; encrypt the secret \
                 anew with `secret encrypt`"
            }
            Unopened::Passphrase => {
                "the value is encrypted with a passphrase, which nobody can type in a run: encrypt it for a recipient, \
                 with `secret encrypt`"
            }
            Unopened::TooLong => "the encrypted value is longer than any secret",
            Unopened::NotText => "the encrypted value is not UTF-8",
        })
    }
}

/// The secret in `armor`.
///
/// # Errors
/// Why there is none.
pub fn open(armor: &str, identities: &Identities) -> Result<SecretString, Unopened> {
    let unopened = |error: DecryptError| match error {
        DecryptError::NoMatchingKeys => Unopened::NoMatch,
        _ => Unopened::Damaged,
    };
    let armor = BufReader::new(ArmoredReader::new(armor.trim().as_bytes()));
    let decryptor = Decryptor::new_buffered(armor).map_err(unopened)?;
    if decryptor.is_scrypt() {
        return Err(Unopened::Passphrase);
    }
    let identities = identities.0.iter().map(|identity| identity as &dyn age::Identity);
    let opened = decryptor.decrypt(identities).map_err(unopened)?;
    let mut bytes = Vec::new();
    opened
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| Unopened::Damaged)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Unopened::TooLong);
    }
    let text = String::from_utf8(bytes).map_err(|_| Unopened::NotText)?;
    Ok(SecretString::from(text))
}

/// `secret` as armor that each of `recipients` (`age1…`) can open.
///
/// # Errors
/// A recipient that is none, a secret that is too long.
pub fn encrypt(secret: &SecretString, recipients: &[String]) -> Result<String, String> {
    let parsed = recipients.iter().map(|text| {
        text.trim()
            .parse::<Recipient>()
            .map_err(|_| format!("`{text}` is not an X25519 recipient (age1…)"))
    });
    let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
    if secret.expose_secret().len() as u64 > LONGEST {
        return Err(format!("a secret has at most {LONGEST} bytes"));
    }
    let recipients = parsed.iter().map(|recipient| recipient as &dyn age::Recipient);
    let failed = |error: std::io::Error| format!("the secret cannot be encrypted: {error}");
    let encryptor = Encryptor::with_recipients(recipients).map_err(|error| error.to_string())?;
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).map_err(failed)?;
    let mut writer = encryptor.wrap_output(armor).map_err(failed)?;
    writer.write_all(secret.expose_secret().as_bytes()).map_err(failed)?;
    let armor = writer.finish().and_then(ArmoredWriter::finish).map_err(failed)?;
    String::from_utf8(armor).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Made by age-keygen 1.1.1.
    const KEY: &str = "AGE-SECRET-KEY-17ANQZJ3HNUC853VHXXGE66GAKDXCZA9KNQ3WHC9J0ER2W703K7PQ9H33Q2";
    const RECIPIENT: &str = "age154jp69jk2498zh67s4zyu6s0g5z5sgg6npt4xa5ca4pfmw83qeks3uhpvw";
    /// `printf 'hush/+=: % é' | age -a -r RECIPIENT`, age 1.1.1.
    const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n\
        YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBLN2NWNER1aTV5ZENQTjd2\n\
        SStxeG9IMDhCTG1NczFuaXF5Zi9ZdmdmckNjCmhBY1hiQnNvaitzSWZ0SDUwRkl4\n\
        bHptendSTENEblFBV1Ric0dhVVN1eWMKLS0tIFpJYXllOHM4QWZ0RFR6Z1V0UGNw\n\
        SEkvb0ZFdGhFOGkrVFNRaEh5TGdQeTAKBhQ6YH49I5KGxn69SJXzZywpOGcEPF4p\n\
        j+ixBSGkCvai/hiCx8bKTlGKwyRj\n\
        -----END AGE ENCRYPTED FILE-----\n";
    /// The same, encrypted with the passphrase `hush hush hush`.
    const BY_PASSPHRASE: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n\
        YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBvVHpxTUd6Vm9hOUxuNDF4\n\
        SEFiWEx3IDE4CjZXZm1RSGk0WUNlVXdGSVZnR0JtMXpsVm5oam51T29pT0RaZ2dq\n\
        cytKL2cKLS0tIFZobHdrQStYQ01jUlRRME4zYTI1Umt3Z0J0SXFBNFpQaFJoSmxV\n\
        MDNMb2MKUyNiQH6jnhZ00N0TplgGnVk2S0bVsLTK0IMwJm4jQe42nOfF+uojeJPZ\n\
        npIg\n\
        -----END AGE ENCRYPTED FILE-----\n";

    fn identities() -> Identities {
        Identities::parse(&format!("# created by age-keygen\n\n{KEY}\n")).unwrap()
    }

    fn why(armor: &str) -> Unopened {
        open(armor, &identities()).unwrap_err()
    }

    #[test]
    fn what_the_age_tool_has_made_is_opened() {
        assert_eq!(identities().recipients(), [RECIPIENT]);
        for armor in [ARMOR.to_owned(), ARMOR.replace('\n', "\r\n"), format!("\n {ARMOR}\n\n")] {
            assert_eq!(open(&armor, &identities()).unwrap().expose_secret(), "hush/+=: % é");
        }
    }

    #[test]
    fn each_recipient_opens_what_was_encrypted_for_both() {
        let (one, other) = (Identities::generate(), Identities::generate());
        let secret = SecretString::from("hush-1");
        let recipients = [one.recipients(), other.recipients()].concat();
        let armor = encrypt(&secret, &recipients).unwrap();
        assert!(is_encrypted(&armor) && !armor.contains("hush"));
        for identities in [&one, &other] {
            assert_eq!(open(&armor, identities).unwrap().expose_secret(), "hush-1");
            let again = Identities::parse(identities.lines().expose_secret()).unwrap();
            assert_eq!(open(&armor, &again).unwrap().expose_secret(), "hush-1");
        }
        assert_eq!(why(&armor), Unopened::NoMatch);
    }

    #[test]
    fn what_cannot_be_opened_is_told_apart() {
        let mut lines: Vec<&str> = ARMOR.lines().collect();
        lines.remove(1);
        assert_eq!(why(&lines.join("\n")), Unopened::Damaged, "a line is missing");
        assert_eq!(
            why(ARMOR.trim().trim_end_matches('-')),
            Unopened::Damaged,
            "the end is missing"
        );
        assert_eq!(why(&ARMOR.replace('\n', " ")), Unopened::Damaged, "in one line");
        assert_eq!(why(BEGIN), Unopened::Damaged);
        assert_eq!(why(BY_PASSPHRASE), Unopened::Passphrase);
        let recipients = identities().recipients();
        let long = "x".repeat(LONGEST as usize + 1);
        assert!(
            encrypt(&SecretString::from(long), &recipients)
                .unwrap_err()
                .contains("at most")
        );
    }

    #[test]
    fn any_changed_character_of_the_armor_is_found() {
        for (at, character) in ARMOR
            .char_indices()
            .filter(|(_, character)| character.is_ascii_alphanumeric())
        {
            let other = if character == 'A' { 'B' } else { 'A' };
            let mut changed = ARMOR.to_owned();
            changed.replace_range(at..=at, &other.to_string());
            assert!(open(&changed, &identities()).is_err(), "character {at}");
        }
    }

    #[test]
    fn an_identity_file_is_told_by_its_line_and_never_by_its_text() {
        for (text, part) in [
            ("# hush\n\nhush\n", "line 3 is not"),
            (&KEY[..KEY.len() - 1], "line 1 is not"),
            ("# hush\n", "no identity"),
            ("", "no identity"),
        ] {
            let why = Identities::parse(text).unwrap_err();
            assert!(
                why.contains(part) && !why.contains("hush") && !why.contains(&KEY[20..40]),
                "{why}"
            );
        }
        assert!(!format!("{:?}", identities()).contains("AGE"));
        for recipient in ["age1hush", "AGE-SECRET-KEY-1", "ssh-ed25519 AAAA", ""] {
            assert!(
                encrypt(&SecretString::from("s"), &[recipient.to_owned()]).is_err(),
                "{recipient}"
            );
        }
    }
}
