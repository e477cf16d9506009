//! Secrets of the initial credentials, for as long as a run needs them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};

/// Why there are no credentials any more.
pub(crate) const FORGOTTEN: &str = "the run has let go of its secrets";

/// A secret. All clones are one: forgotten by one, it is gone for all. Nothing but [`expose`](Self::expose) shows it.
#[derive(Clone)]
pub struct Secret(Arc<Mutex<Option<SecretString>>>);

impl Secret {
    /// What `look` makes of the secret; `None` once it is forgotten.
    pub fn expose<T>(&self, look: impl FnOnce(&str) -> T) -> Option<T> {
        let secret = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        secret.as_ref().map(|secret| look(secret.expose_secret()))
    }

    /// Clears its memory.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl From<SecretString> for Secret {
    fn from(secret: SecretString) -> Self {
        Secret(Arc::new(Mutex::new(Some(secret))))
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        SecretString::from(secret).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(REDACTED)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgotten_by_one_it_is_gone_for_all() {
        let secret = Secret::from("hush-1");
        let clone = secret.clone();
        assert_eq!(clone.expose(str::to_owned).as_deref(), Some("hush-1"));
        assert_eq!(format!("{clone:?}"), "Secret(REDACTED)");
        secret.forget();
        assert_eq!(clone.expose(str::to_owned), None);
    }
}
