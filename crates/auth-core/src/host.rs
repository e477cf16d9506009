//! Where the library meets the machine: environment, clock, sleep and the one shared HTTP client. Made once by `main`,
//! or by a test with its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
pub use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_async::time::SystemTimeSource;
pub use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_http_client::pool::{Client, ConnectionPool, DriverSpawner, Partition, PartitionId};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::app_name::AppName;
use aws_types::region::Region;

use crate::answer::{Reader, Skew};
use crate::limit::{Lane, Limit, Reading, URGENT_REQUESTS};
use crate::meter::Meter;
use crate::pool::Pool;
use crate::session::{Session, SessionProvider};

/// A failed attempt: the connection must stand within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The first byte of an answer must come within this time, and each further piece of it. DescribeInstances over a large
/// account takes seconds.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// One call with all its retries. The SDK's default is none.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(180);
/// Attempts of one call. The SDK's 3 give up on a throttled account within two seconds.
const MAX_ATTEMPTS: u32 = 8;

/// Where neither environment nor profile name a region.
const FALLBACK_REGION: &str = "us-east-1";

/// Requests in flight where nobody has said another number.
const DEFAULT_CONCURRENCY: usize = 64;

/// The machine's clock, for what needs nothing else of a [`Host`].
pub fn machine_time() -> SharedTimeSource {
    SharedTimeSource::new(SystemTimeSource::new())
}

/// Environment, clock, sleep and HTTP, injected.
#[derive(Clone, Debug)]
pub struct Host {
    pub(crate) config: SdkConfig,
    region_given: bool,
    pool: Pool,
    /// Connections of requests that must not wait for others.
    urgent: Pool,
    /// Whether requests may go where they can be read on the way.
    insecure: Arc<AtomicBool>,
    pub(crate) time: SharedTimeSource,
    pub(crate) sleep: SharedAsyncSleep,
    pub(crate) retries: RetryConfig,
    limit: Limit,
    pub(crate) skew: Skew,
    /// Behind an `Arc`: it holds the certificates of all roots, and every account has a `Host`.
    transport: Arc<Transport>,
}

impl Host {
    /// What the process finds itself in: `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL[_<SERVICE>]`, `AWS_CA_BUNDLE`
    /// and the proxy variables mean what they mean to the AWS CLI.
    ///
    /// # Errors
    /// A CA bundle that cannot be read.
    pub async fn from_environment(app: &'static str, ca_bundle: Option<&[u8]>) -> Result<Self, String> {
        let time = machine_time();
        let transport = Transport::new(ca_bundle, ProxyConfig::from_env())?;
        let sleep = SharedAsyncSleep::new(TokioSleep::new());
        Self::load(app, transport, time, sleep, None).await
    }

    /// A host whose every call goes to `endpoint`, on the given clock: for tests against a server on loopback.
    pub async fn for_endpoint(endpoint: &str, time: SharedTimeSource, sleep: SharedAsyncSleep) -> Result<Self, String> {
        let transport = Transport::new(None, ProxyConfig::disabled())?;
        Self::load("test", transport, time, sleep, Some(endpoint)).await
    }

    async fn load(
        app: &'static str,
        transport: Transport,
        time: SharedTimeSource,
        sleep: SharedAsyncSleep,
        endpoint: Option<&str>,
    ) -> Result<Self, String> {
        let insecure = Arc::new(AtomicBool::new(false));
        let pool = Pool::new(transport.client(DEFAULT_CONCURRENCY, None)?, Arc::clone(&insecure));
        let urgent = Pool::new(transport.client(URGENT_REQUESTS, None)?, Arc::clone(&insecure));
        let limit = Limit::new(DEFAULT_CONCURRENCY);
        let skew = Skew::default();
        let reader = Reader::of_aws(time.clone(), skew.clone(), None);
        let (http, _) = limit.client(pool.client(), Lane::Ordinary, Reading::Whole, reader);
        // Not the default region chain: its last link asks the instance metadata service, for seconds, on machines that
        // have none.
        let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .region()
            .await;
        let region_given = region.is_some();
        let retries = RetryConfig::standard()
            .with_max_attempts(MAX_ATTEMPTS)
            .with_max_backoff(Duration::from_secs(20));
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region.unwrap_or(Region::from_static(FALLBACK_REGION)))
            .http_client(http.clone())
            .time_source(time.clone())
            .sleep_impl(sleep.clone())
            .identity_cache(IdentityCache::no_cache())
            // An unsigned request that waits for its place sends nothing, which is not a stalled upload.
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().upload_enabled(false).build())
            .retry_config(retries.clone())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .read_timeout(READ_TIMEOUT)
                    .operation_timeout(OPERATION_TIMEOUT)
                    .build(),
            );
        if let Ok(name) = AppName::new(app) {
            loader = loader.app_name(name);
        }
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        Ok(Host {
            config: loader.load().await,
            region_given,
            pool,
            urgent,
            insecure,
            limit,
            skew,
            time,
            sleep,
            retries,
            transport: Arc::new(transport),
        })
    }

    /// The region of the environment or profile, else `us-east-1`.
    pub fn region(&self) -> &str {
        self.configured_region().unwrap_or(FALLBACK_REGION)
    }

    /// The region of the environment or profile.
    pub fn configured_region(&self) -> Option<&str> {
        self.region_given
            .then(|| self.config.region().map(AsRef::as_ref))
            .flatten()
    }

    /// The same host with other retries: fewer and faster ones for tests.
    pub fn with_retries(mut self, retries: RetryConfig) -> Self {
        self.config = self.config.into_builder().retry_config(retries.clone()).build();
        self.retries = retries;
        self
    }

    /// The same host with another time for one call with all its tries.
    pub fn with_call_timeout(mut self, limit: Duration) -> Self {
        let limits = self
            .config
            .timeout_config()
            .map(|limits| limits.to_builder())
            .unwrap_or_default();
        // An attempt that hangs must leave time for others.
        let limits = limits
            .operation_timeout(limit)
            .read_timeout(READ_TIMEOUT.min(limit / 3));
        let limits = limits.build();
        self.config = self.config.into_builder().timeout_config(limits).build();
        self
    }

    /// The same host with at most `most` HTTP requests in flight, and connections to one host. Connections that nobody
    /// uses are closed after `idle`, or when the HTTP client would.
    ///
    /// # Errors
    /// A client that cannot be made.
    pub fn with_concurrency(mut self, most: usize, idle: Option<Duration>) -> Result<Self, String> {
        self.pool = Pool::new(self.transport.client(most, idle)?, Arc::clone(&self.insecure));
        self.urgent = Pool::new(
            self.transport.client(URGENT_REQUESTS, idle)?,
            Arc::clone(&self.insecure),
        );
        self.limit = Limit::new(most);
        let reader = Reader::of_aws(self.time.clone(), self.skew.clone(), None);
        let (http, _) = self
            .limit
            .client(self.pool.client(), Lane::Ordinary, Reading::Whole, reader);
        self.config = self.config.to_builder().http_client(http).build();
        Ok(self)
    }

    /// Lets requests go to endpoints that [`endpoint::check`](crate::endpoint::check) refuses.
    pub fn allow_insecure_endpoints(&self) {
        self.insecure.store(true, Ordering::Relaxed);
    }

    /// Closes all connections, at the end of a run: no request can be made from then on.
    pub async fn close(&self) {
        self.pool.close();
        self.urgent.close();
        // The connections end in tasks of their own. One of them may wait for this thread, which has other things to do.
        tokio::task::yield_now().await;
    }

    /// For requests that do not go to AWS.
    pub(crate) fn foreign_http(&self) -> SharedHttpClient {
        let reader = Reader::of_others(self.time.clone());
        self.limit
            .client(self.pool.client(), Lane::Ordinary, Reading::Whole, reader)
            .0
    }

    /// By how many seconds AWS's clock is ahead of this machine's, where they were seen to differ by minutes.
    pub fn aws_is_ahead(&self) -> Option<i64> {
        self.skew.seen()
    }

    /// Configuration for clients that sign with `session`, in `region`, counted by `meter`.
    pub(crate) fn signed(
        &self,
        session: &Arc<Session>,
        region: &str,
        meter: &Arc<Meter>,
        lane: Lane,
        reading: Reading,
    ) -> SdkConfig {
        let session = Arc::clone(session);
        let reader = Reader::of_aws(self.time.clone(), self.skew.clone(), Some(Arc::clone(&session)));
        let pool = match lane {
            Lane::Ordinary => &self.pool,
            Lane::Urgent => &self.urgent,
        };
        let (http, turns) = self.limit.client(pool.client(), lane, reading, reader);
        self.config
            .to_builder()
            .region(Region::new(region.to_owned()))
            .http_client(meter.wrap(http))
            .sleep_impl(meter.sleep(self.sleep.clone()))
            .credentials_provider(SharedCredentialsProvider::new(SessionProvider { session, turns }))
            .build()
    }

    /// The clock.
    pub fn time(&self) -> &SharedTimeSource {
        &self.time
    }

    /// `future`, until `deadline` on this host's clock; `None` behind it, and `future` is dropped.
    pub async fn until<T>(&self, deadline: SystemTime, future: impl Future<Output = T>) -> Option<T> {
        let expired = async {
            // A clock that is set right, or one of a test, may not have come so far when the sleep ends.
            while let Ok(left) = deadline.duration_since(self.time.now()) {
                self.sleep.sleep(left.max(Duration::from_millis(1))).await;
            }
        };
        tokio::select! {
            biased;
            result = future => Some(result),
            () = expired => None,
        }
    }

    /// How to wait on that clock.
    pub fn sleep(&self) -> &SharedAsyncSleep {
        &self.sleep
    }
}

/// What the shared HTTP client is made from.
#[derive(Clone, Debug)]
struct Transport {
    tls: TlsContext,
    proxy: ProxyConfig,
}

impl Transport {
    fn new(ca_bundle: Option<&[u8]>, proxy: ProxyConfig) -> Result<Self, String> {
        let mut tls = TlsContext::builder();
        if let Some(pem) = ca_bundle {
            if !pem.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----") {
                return Err("AWS_CA_BUNDLE names a file without a PEM certificate".to_owned());
            }
            tls = tls.with_trust_store(TrustStore::empty().with_pem_certificate(pem));
        }
        let tls = tls.build().map_err(|error| format!("TLS cannot be set up: {error}"))?;
        Ok(Transport { tls, proxy })
    }

    /// One client for the whole run: with one each, a hundred service clients open a hundred pools. At most `most`
    /// requests are in flight, and no more connections open to one host: hyper's own pool, unbounded, opens one
    /// more whenever a request comes a moment before the last one's connection is back.
    fn client(&self, most: usize, idle: Option<Duration>) -> Result<SharedHttpClient, String> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| error.to_string())?;
        let spawner = DriverSpawner::from_fn(move |task| {
            runtime.spawn(task);
        });
        let place = PartitionId::from_index(0);
        let mut builder = ConnectionPool::builder();
        if let Some(idle) = idle {
            builder = builder.idle_timeout(idle);
        }
        let pool = builder
            .partitions([Partition::new(place, spawner)])
            .max_connections_per_host(most)
            .proxy_config(self.proxy.clone())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(self.tls.clone())
            .build_https()
            .map_err(|error| format!("the HTTP client cannot be set up: {error}"))?;
        let client = Client::from_partition(&pool, place)
            .map_err(|error| format!("the HTTP client cannot be set up: {error}"))?;
        Ok(SharedHttpClient::new(client))
    }
}
