//! What the programs of the benchmarks share: the SDK's configuration with the HTTP client that the connectors have and nothing
//! else of them, and the digest of rows.

pub mod digest;

use std::error::Error;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::pool::{Client, ConnectionPool, DriverSpawner, Partition, PartitionId};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// What may go wrong: nobody tells the cases apart.
pub type Anything = Box<dyn Error + Send + Sync>;

/// As `auth_core::Host` has it unless it is told otherwise.
const CONNECTIONS: usize = 64;

/// The SDK's configuration, within the runtime that is running.
///
/// # Errors
/// An HTTP client that cannot be made.
pub async fn configuration() -> Result<SdkConfig, Anything> {
    let runtime = tokio::runtime::Handle::try_current()?;
    let spawner = DriverSpawner::from_fn(move |task| {
        runtime.spawn(task);
    });
    let place = PartitionId::from_index(0);
    let pool = ConnectionPool::builder()
        .partitions([Partition::new(place, spawner)])
        .max_connections_per_host(CONNECTIONS)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https()?;
    let http = SharedHttpClient::new(Client::from_partition(&pool, place)?);
    Ok(aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .load()
        .await)
}
