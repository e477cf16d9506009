//! Tunnels that a proxy does not open: which of them are worth another try.

use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::retry::ErrorKind;

use crate::error::chain_of;

/// What the HTTP stack says of a proxy that has answered, but with neither a tunnel nor the wish for credentials: a proxy
/// that is busy or just starting answers 502 and 503. The status itself is not told.
const PASSING: [&str; 2] = ["tunnel error: unsuccessful", "tunnel error: unexpected end of file"];

/// Marks an error as transient where it is one: retries see only what went wrong with an open connection.
pub(crate) fn marked(error: ConnectorError) -> ConnectorError {
    let passing = chain_of(&error).any(|error| PASSING.contains(&error.to_string().as_str()));
    if passing && error.is_other() {
        return ConnectorError::other(error.into_source(), Some(ErrorKind::TransientError));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_proxy_is_asked_again_and_one_that_wants_credentials_is_not() {
        for (text, kind) in [
            ("tunnel error: unsuccessful", Some(ErrorKind::TransientError)),
            ("tunnel error: unexpected end of file", Some(ErrorKind::TransientError)),
            ("tunnel error: proxy authorization required", None),
            ("invalid peer certificate", None),
        ] {
            assert_eq!(
                marked(ConnectorError::other(text.into(), None)).as_other(),
                kind,
                "{text}"
            );
        }
        assert!(marked(ConnectorError::io("tunnel error: unsuccessful".into())).is_io());
    }
}
