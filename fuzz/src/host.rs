//! What the modules need of `auth-core`'s host, without the SDK.

use std::time::Duration;

/// As there.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}
