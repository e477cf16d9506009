//! Counts the HTTP requests of one slice, how many of them were retries, and the pauses between them, without a copy of
//! the connection pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
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
    waited_ms: AtomicU64,
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

    /// Pauses between tries, in all; those of calls side by side are added up.
    pub fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed))
    }

    /// Another pause, such as one until AWS takes more.
    pub fn wait(&self, pause: Duration) {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.waited_ms.fetch_add(pause, Ordering::Relaxed);
    }

    /// `sleep` with its pauses counted here. A sleep that is a limit, and not reached, is none.
    pub(crate) fn sleep(self: &Arc<Self>, sleep: SharedAsyncSleep) -> SharedAsyncSleep {
        SharedAsyncSleep::new(MeteredSleep {
            meter: Arc::clone(self),
            sleep,
        })
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
struct MeteredSleep {
    meter: Arc<Meter>,
    sleep: SharedAsyncSleep,
}

impl AsyncSleep for MeteredSleep {
    fn sleep(&self, duration: Duration) -> Sleep {
        let (meter, sleep) = (Arc::clone(&self.meter), self.sleep.sleep(duration));
        Sleep::new(async move {
            sleep.await;
            meter.wait(duration);
        })
    }
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
