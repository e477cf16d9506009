//! Counts the HTTP requests of one slice, and how many of them were retries, without a copy of the connection pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// Requests sent, retries included.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    retries: AtomicU64,
}

impl Meter {
    /// HTTP requests sent.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Those of them that were second and later attempts.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    fn count(&self, request: &HttpRequest) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if is_retry(request.headers().get("amz-sdk-request").unwrap_or_default()) {
            self.retries.fetch_add(1, Ordering::Relaxed);
            // Signed requests carry no secret in their URI.
            tracing::debug!(to = request.uri(), "trying again");
        }
    }

    /// `client` with its requests counted here.
    pub(crate) fn wrap(self: &Arc<Self>, client: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(MeteredClient {
            meter: Arc::clone(self),
            client,
        })
    }
}

/// The SDK numbers its attempts: `ttl=20270115T080530Z; attempt=2; max=8`, the `ttl` only where it can tell one.
fn is_retry(information: &str) -> bool {
    let mut pairs = information.split(';').map(str::trim);
    let attempt = pairs.find_map(|pair| pair.strip_prefix("attempt="));
    attempt.is_some_and(|number| number != "1")
}

#[derive(Debug)]
struct MeteredClient {
    meter: Arc<Meter>,
    client: SharedHttpClient,
}

impl HttpClient for MeteredClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(MeteredConnector {
            meter: Arc::clone(&self.meter),
            connector: self.client.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct MeteredConnector {
    meter: Arc<Meter>,
    connector: SharedHttpConnector,
}

impl HttpConnector for MeteredConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.meter.count(&request);
        self.connector.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_and_later_attempts_are_retries() {
        for (information, retry) in [
            ("attempt=1; max=8", false),
            ("attempt=2; max=8", true),
            ("ttl=20270115T080530Z; attempt=1; max=8", false),
            ("ttl=20270115T080530Z; attempt=11; max=20", true),
            ("", false),
        ] {
            assert_eq!(is_retry(information), retry, "{information}");
        }
    }
}
