//! What Athena wrote for queries whose rows have been read. It is deleted only when what became of the slice is kept: a run
//! that goes on with one that was killed finds the same query again, and needs its result.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use auth_core::AwsError;
use connector_core::Slice;

use crate::objects::{Location, Reader};

/// Objects that nobody needs any more, by their slice.
#[derive(Debug, Default)]
pub(crate) struct Leftovers(Mutex<HashMap<Arc<str>, Vec<Leftover>>>);

#[derive(Debug)]
struct Leftover {
    reader: Reader,
    objects: Vec<Location>,
}

impl Leftovers {
    /// Objects of a query of the slice.
    pub(super) fn add(&self, slice: &Slice, reader: Reader, objects: Vec<Location>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_slice = all.entry(Arc::clone(&slice.attempt)).or_default();
        of_slice.push(Leftover { reader, objects });
    }

    /// Deletes the objects of the slice, where there are any.
    ///
    /// # Errors
    /// The first call that failed; what is left then stays.
    pub(crate) async fn delete(&self, slice: &Slice) -> Result<(), AwsError> {
        let of_slice = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.remove(&slice.attempt).unwrap_or_default()
        };
        for leftover in of_slice {
            for object in &leftover.objects {
                leftover.reader.delete(object).await?;
            }
        }
        Ok(())
    }
}
