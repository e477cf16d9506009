//! Why an object did not give what was wanted of it.

use auth_core::AwsError;
use auth_core::error::Report;
use connector_core::SliceError;
use connector_core::slice::Outcome;

use crate::results::{Fault, FileError};

/// Why an object did not give what was wanted of it.
#[derive(Debug)]
pub(crate) enum ObjectError {
    /// The object is not what it should be, in words: not the one that Athena wrote, or S3's answers contradict each other. Another
    /// way of fetching may give the rows.
    Faulty(String),
    /// Anything else: a call that failed, or a value that does not become a cell.
    Other(SliceError),
}

impl From<AwsError> for ObjectError {
    fn from(error: AwsError) -> Self {
        ObjectError::Other(error.into())
    }
}

impl From<SliceError> for ObjectError {
    fn from(error: SliceError) -> Self {
        ObjectError::Other(error)
    }
}

impl From<FileError> for ObjectError {
    fn from(error: FileError) -> Self {
        match error.fault {
            // The object is the result all right.
            Fault::ColumnNotUtf8 { .. } => ObjectError::Other(SliceError::Local(error.to_string())),
            _ => ObjectError::Faulty(error.to_string()),
        }
    }
}

impl From<ObjectError> for SliceError {
    fn from(error: ObjectError) -> Self {
        let message = match error {
            ObjectError::Other(error) => return error,
            ObjectError::Faulty(message) => message,
        };
        let hint = "nobody but Athena should write under output_location, and nothing on the way should change what S3 \
                    answers; fetch `api` takes the rows from Athena itself";
        let report = Report {
            service: Some("s3"),
            operation: Some("GetObject"),
            message,
            hint: Some(hint.to_owned()),
            ..Report::default()
        };
        SliceError::Work(Outcome::Failed, Box::new(report))
    }
}
