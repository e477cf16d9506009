//! Where the library meets the machine: environment, clock, sleep and the one shared HTTP client. Made once by `main`,
//! or by a test with its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::meta::region::ProvideRegion as _;
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
use crate::environment::{Exceptions, Surroundings};
use crate::limit::{Lane, Limit, Reading, URGENT_REQUESTS};
use crate::mask::Mask;
use crate::meter::Meter;
use crate::pool::{Clients, Pool};
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

/// Waits on the machine's clock, for what is about processes and files of this machine: no test moves those.
pub async fn machine_sleep(duration: Duration) {
    TokioSleep::new().sleep(duration).await;
}

/// `work`, unless it takes longer than `limit` on the machine's clock.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = machine_sleep(limit) => None,
    }
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
    pub(crate) mask: Mask,
    limit: Limit,
    pub(crate) skew: Skew,
    /// Behind an `Arc`: it holds the certificates of all roots, and every account has a `Host`.
    transport: Arc<Transport>,
}

impl Host {
    /// What the process finds itself in: `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL[_<SERVICE>]`, `AWS_CA_BUNDLE`
    /// and the proxy variables mean what they mean to the AWS CLI. `environment` has the variables of the process.
    ///
    /// # Errors
    /// Each variable that cannot mean anything, and why.
    pub async fn from_environment(app: &'static str, environment: &[(String, String)]) -> Result<Self, Vec<String>> {
        let surroundings = Surroundings::read(environment).await?;
        let time = machine_time();
        let one = |why| vec![why];
        let transport = Transport::new(&surroundings, ProxyConfig::from_env()).map_err(one)?;
        let region = match surroundings.region {
            Some(region) => Some(region),
            // Not the default region chain: its last link asks the instance metadata service, for seconds, on machines that
            // have none.
            None => {
                let region = ProfileFileRegionProvider::new().region().await;
                region
                    .map(|region| region.as_ref().trim().to_owned())
                    .filter(|region| !region.is_empty())
            }
        };
        let sleep = SharedAsyncSleep::new(TokioSleep::new());
        Self::load(app, transport, region, time, sleep, None).await.map_err(one)
    }

    /// A host whose every call goes to `endpoint`, on the given clock: for tests against a server on loopback. `region` is that of
    /// the environment.
    pub async fn for_endpoint(
        endpoint: &str,
        region: Option<String>,
        time: SharedTimeSource,
        sleep: SharedAsyncSleep,
    ) -> Result<Self, String> {
        let transport = Transport::new(&Surroundings::default(), ProxyConfig::disabled())?;
        Self::load("test", transport, region, time, sleep, Some(endpoint)).await
    }

    async fn load(
        app: &'static str,
        transport: Transport,
        region: Option<String>,
        time: SharedTimeSource,
        sleep: SharedAsyncSleep,
        endpoint: Option<&str>,
    ) -> Result<Self, String> {
        let insecure = Arc::new(AtomicBool::new(false));
        let pool = Pool::new(transport.clients(DEFAULT_CONCURRENCY, None)?, Arc::clone(&insecure));
        let urgent = Pool::new(transport.clients(URGENT_REQUESTS, None)?, Arc::clone(&insecure));
        let region_given = region.is_some();
        let retries = RetryConfig::standard()
            .with_max_attempts(MAX_ATTEMPTS)
            .with_max_backoff(Duration::from_secs(20));
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region.map_or(Region::from_static(FALLBACK_REGION), Region::new))
            // Only for the time of loading: every client has one of its own.
            .http_client(pool.client())
            // The credentials of the default chain are asked for by `initial`, with a client of this host.
            .no_credentials()
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
            mask: Mask::default(),
            limit: Limit::new(DEFAULT_CONCURRENCY),
            skew: Skew::default(),
            time,
            sleep,
            retries,
            transport: Arc::new(transport),
        })
    }

    /// The same host, whose secrets are hidden by `mask`.
    pub fn with_mask(mut self, mask: Mask) -> Self {
        self.mask = mask;
        self
    }

    /// What hides the secrets of the run.
    pub fn mask(&self) -> &Mask {
        &self.mask
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
        self.pool = Pool::new(self.transport.clients(most, idle)?, Arc::clone(&self.insecure));
        self.urgent = Pool::new(
            self.transport.clients(URGENT_REQUESTS, idle)?,
            Arc::clone(&self.insecure),
        );
        self.limit = Limit::new(most);
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

    /// Configuration for clients whose requests are not signed, in `region`.
    pub(crate) fn unsigned(&self, region: &str) -> SdkConfig {
        let reader = Reader::of_aws(self.time.clone(), self.skew.clone(), None);
        let (http, _) = self
            .limit
            .client(self.pool.client(), Lane::Ordinary, Reading::Whole, reader);
        self.config
            .to_builder()
            .region(Region::new(region.to_owned()))
            .http_client(http)
            .build()
    }

    /// For requests that do not go to AWS's APIs: to identity providers, and to whoever gives the default chain its
    /// credentials, such as the metadata service of an instance.
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
    /// What goes by no proxy although the HTTP stack would let it.
    past_the_proxy: Option<Exceptions>,
}

impl Transport {
    fn new(surroundings: &Surroundings, proxy: ProxyConfig) -> Result<Self, String> {
        let mut tls = TlsContext::builder();
        if let Some(pem) = &surroundings.authorities {
            tls = tls.with_trust_store(TrustStore::empty().with_pem_certificate(&pem[..]));
        }
        let tls = tls.build().map_err(|error| format!("TLS cannot be set up: {error}"))?;
        Ok(Transport {
            tls,
            proxy,
            past_the_proxy: surroundings.past_the_proxy.clone(),
        })
    }

    /// The clients for the whole run.
    fn clients(&self, most: usize, idle: Option<Duration>) -> Result<Clients, String> {
        let direct = match &self.past_the_proxy {
            Some(exceptions) => {
                let client = self.client(most, idle, &ProxyConfig::disabled())?;
                Some((exceptions.clone(), client))
            }
            None => None,
        };
        Ok(Clients {
            client: self.client(most, idle, &self.proxy)?,
            direct,
        })
    }

    /// One client for the whole run: with one each, a hundred service clients open a hundred pools. At most `most`
    /// requests are in flight, and no more connections open to one host: hyper's own pool, unbounded, opens one
    /// more whenever a request comes a moment before the last one's connection is back.
    fn client(&self, most: usize, idle: Option<Duration>, proxy: &ProxyConfig) -> Result<SharedHttpClient, String> {
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
            .proxy_config(proxy.clone())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(self.tls.clone())
            .build_https()
            .map_err(|error| format!("the HTTP client cannot be set up: {error}"))?;
        let client = Client::from_partition(&pool, place)
            .map_err(|error| format!("the HTTP client cannot be set up: {error}"))?;
        Ok(SharedHttpClient::new(client))
    }
}
