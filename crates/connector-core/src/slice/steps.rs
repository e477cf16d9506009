//! Steps of a slice that must not be done twice, and how far they have come: they outlive the try at the slice, and the process.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// A step that changes something at AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How often it was tried and ended without an effect.
    pub failures: u32,
    /// Another try was sent, or is about to be. AWS may have taken it, also where nobody knows its id.
    pub sent: bool,
    /// What AWS calls that try.
    pub id: Option<String>,
    /// That try has succeeded.
    pub done: bool,
}

/// What becomes of it in a run that resumes: "has succeeded as …".
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) if self.done => write!(f, "has succeeded as {id} and does not run again"),
            Some(id) => write!(f, "was started as {id} and runs again only if that has failed"),
            None if self.sent => {
                f.write_str("may have been started: its token finds it, and it runs again only if that has failed")
            }
            None => f.write_str("has failed and runs again"),
        }
    }
}

/// Writes down how far a step has come.
pub(crate) type Keep = dyn Fn(u32, &Step) -> io::Result<()> + Send + Sync;

/// The steps of one slice, by number.
#[derive(Clone, Default)]
pub struct Steps {
    name: Arc<str>,
    known: Arc<Mutex<BTreeMap<u32, Step>>>,
    keep: Option<Arc<Keep>>,
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steps")
            .field("name", &self.name)
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

/// The sum of the ledger that says how many steps have changed something.
pub const CHANGES: &str = "changes";

impl Steps {
    pub(crate) fn new(name: &str, known: BTreeMap<u32, Step>, keep: Arc<Keep>) -> Self {
        Steps {
            name: name.into(),
            known: Arc::new(Mutex::new(known)),
            keep: Some(keep),
        }
    }

    /// Tells the slice from all others, of other runs too; the same for every try at it. For tokens that make a call do its
    /// work once. Letters, digits and -.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far a step has come.
    pub fn get(&self, number: u32) -> Step {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&number).cloned().unwrap_or_default()
    }

    /// Writes down how far a step has come. When this returns, a run that resumes this one knows it.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn keep(&self, number: u32, step: &Step) -> io::Result<()> {
        if let Some(keep) = &self.keep {
            keep(number, step)?;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(number, step.clone());
        Ok(())
    }
}
