//! A running simulator: started, asked what happened, stopped by dropping it.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::clock::Clock;
use crate::credentials::{Credential, Identity, open_session};
use crate::ec2::fleet::Fleet;
use crate::ec2::tags;
use crate::ec2::traits::{Lifecycle, Traits};
use crate::estate::{Estate, IdpMode};
use crate::faults::Faults;
use crate::idp::TOKEN_PATH;
use crate::locked;
use crate::record::{Call, Connections};
use crate::server;
use crate::world::World;

/// A simulator that listens on loopback. It runs on threads of its own, so that tests may block. Dropping it closes all
/// connections.
pub struct Sim {
    pub(crate) world: Arc<World>,
    address: SocketAddr,
    runtime: Mutex<Option<Runtime>>,
}

/// Credentials of a session, to start a test with.
#[derive(Clone)]
pub struct SessionCredentials {
    /// Begins with `ASIA`.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// The third part.
    pub session_token: String,
}

impl std::fmt::Debug for SessionCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionCredentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// What an instance is expected to be, for comparisons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedInstance {
    /// `i-0…`
    pub instance_id: String,
    /// `running`, `stopped`, …
    pub state: &'static str,
    /// `m5.large`, …
    pub instance_type: &'static str,
    /// `spot`, `scheduled`, `capacity-block`, or nothing.
    pub lifecycle: Option<&'static str>,
    /// Whether `platform` says `windows`.
    pub windows: bool,
    /// Seconds since 1970.
    pub launched: i64,
    /// The private address, while it has one.
    pub private_ip: Option<String>,
    /// The public address, while it has one.
    pub public_ip: Option<String>,
    /// In the order of the answer.
    pub tags: Vec<(String, String)>,
}

impl Sim {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be listened on, or no thread started.
    pub async fn start(estate: Estate, clock: Clock) -> io::Result<Self> {
        Self::start_at(estate, clock, 0, 1)
    }

    /// The same for callers that are not asynchronous: on a port (0: a free one), with so many threads.
    ///
    /// # Errors
    /// When the port cannot be listened on, or no thread started.
    pub fn start_at(estate: Estate, clock: Clock, port: u16, threads: usize) -> io::Result<Self> {
        let world = Arc::new(World::new(estate, clock)?);
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        world.listen_at(format!("http://{address}"));
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("aws-sim")
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        runtime.spawn(server::run(listener, Arc::clone(&world)));
        Ok(Self {
            world,
            address,
            runtime: Mutex::new(Some(runtime)),
        })
    }

    /// `http://127.0.0.1:port`, for every service of AWS.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.world.endpoint()
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The identity provider's token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}{TOKEN_PATH}", self.endpoint())
    }

    /// The issuer of the identity provider's tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.world.issuer()
    }

    /// The clock that everything is judged by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.world.clock
    }

    /// What was described.
    #[must_use]
    pub fn estate(&self) -> &Estate {
        &self.world.estate
    }

    /// The faults in force.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// Changes what the token endpoint does.
    pub fn set_idp_mode(&self, mode: IdpMode) {
        *locked(&self.world.idp_mode) = mode;
    }

    /// All calls so far, in the order in which they came in. One that is being served has the status 0.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.world.record.calls()
    }

    /// The same without the first `seen` of them, for tests that follow a run.
    #[must_use]
    pub fn calls_after(&self, seen: usize) -> Vec<Call> {
        self.world.record.calls_after(seen)
    }

    /// The calls so far of `service:operation`; a `*` at the end matches the rest.
    #[must_use]
    pub fn calls_of(&self, pattern: &str) -> Vec<Call> {
        self.calls()
            .into_iter()
            .filter(|call| crate::estate::matches(pattern, &call.name()))
            .collect()
    }

    /// How many calls of `service:operation` there were.
    #[must_use]
    pub fn count(&self, pattern: &str) -> usize {
        self.world.record.count(pattern)
    }

    /// How many calls there were, by `service:operation`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.world.record.counts()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.world.record.clear();
    }

    /// The connections so far.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.world.record.connections()
    }

    /// Every secret there is so far: secret access keys, session tokens, client secrets, access tokens. None of them may
    /// show in what a client prints or writes.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.world.secrets()
    }

    /// A session of a role, as if somebody had assumed it; `None` when there is no such role.
    #[must_use]
    pub fn role_session(&self, role_arn: &str, name: &str, duration: Duration) -> Option<SessionCredentials> {
        let (account, role) = self.world.role(role_arn)?;
        let identity = Identity::session(&account.id, role, name, None);
        session_credentials(&open_session(&self.world, Arc::new(identity), duration))
    }

    /// A session of a user, as GetSessionToken gives; `None` when there is no such user.
    #[must_use]
    pub fn user_session(&self, account: &str, name: &str, duration: Duration) -> Option<SessionCredentials> {
        let key = self.world.estate.access_key(account, name)?;
        let user = self.world.credential(&key.access_key_id)?;
        session_credentials(&open_session(&self.world, Arc::clone(&user.identity), duration))
    }

    /// The ids of the instances that an account has in a region, in the order of the answers; none where the region is
    /// not enabled.
    #[must_use]
    pub fn expected_ids(&self, account: &str, region: &str) -> Vec<String> {
        let fleet = self.fleet(account, region);
        (0..fleet.as_ref().map_or(0, Fleet::count))
            .filter_map(|at| Some(fleet.as_ref()?.instance_id(at)))
            .collect()
    }

    /// The instances that an account has in a region, in the order of the answers; none where the region is not enabled.
    #[must_use]
    pub fn expected_instances(&self, account: &str, region: &str) -> Vec<ExpectedInstance> {
        let Some(fleet) = self.fleet(account, region) else {
            return Vec::new();
        };
        (0..fleet.count()).map(|index| expected(&fleet, index)).collect()
    }

    /// The bytes of an object; `None` where there is no such object.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.world.s3.get(bucket, key)
    }

    /// Puts an object into a bucket, whoever may do so by S3.
    ///
    /// # Errors
    /// When the estate has no such bucket.
    pub fn put_object(&self, bucket: &str, key: &str, body: impl Into<Bytes>) -> io::Result<()> {
        let put = self.world.s3.put(bucket, key, body.into());
        put.map_err(|failure| io::Error::new(io::ErrorKind::NotFound, format!("{bucket}: {}", failure.message)))
    }

    /// The keys in a bucket that begin with a prefix, sorted.
    #[must_use]
    pub fn object_keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        self.world.s3.keys(bucket, prefix)
    }

    /// Closes the port and all connections, whatever is being served. What happened can still be asked.
    pub fn stop(&self) {
        // Tests stop a simulator inside of their own runtime, where waiting for another is not allowed.
        if let Some(runtime) = locked(&self.runtime).take() {
            runtime.shutdown_background();
        }
    }

    fn fleet(&self, account: &str, region: &str) -> Option<Fleet> {
        let estate = &self.world.estate;
        estate
            .region_enabled(account, region)
            .then(|| Fleet::of(estate, account, region))
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop();
    }
}

fn session_credentials(session: &Credential) -> Option<SessionCredentials> {
    Some(SessionCredentials {
        access_key_id: session.access_key_id.clone(),
        secret_access_key: session.secret.clone(),
        session_token: session.session.as_ref()?.token.clone(),
    })
}

fn expected(fleet: &Fleet, index: u32) -> ExpectedInstance {
    let traits = Traits::of(fleet, index);
    let dotted = |ip: [u8; 4]| std::net::Ipv4Addr::from(ip).to_string();
    let mut tags = Vec::new();
    tags::each(&traits, |key, value| tags.push((key.to_owned(), value.to_owned())));
    ExpectedInstance {
        instance_id: fleet.instance_id(index),
        state: traits.state.name(),
        instance_type: traits.kind.name,
        lifecycle: match traits.lifecycle {
            Lifecycle::OnDemand => None,
            Lifecycle::Spot => Some("spot"),
            Lifecycle::Scheduled => Some("scheduled"),
            Lifecycle::CapacityBlock => Some("capacity-block"),
        },
        windows: traits.windows(),
        launched: traits.launched,
        private_ip: traits.state.has_hardware().then(|| dotted(traits.private_ip(0))),
        public_ip: traits.has_public_ip().then(|| dotted(traits.public_ip())),
        tags,
    }
}
