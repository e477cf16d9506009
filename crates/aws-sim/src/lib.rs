//! An AWS and an identity provider on loopback, for the demo, tests and benchmarks.
//!
//! An [`Estate`] describes organizations, accounts, roles and instances; [`Sim::start`] serves it over HTTP, with
//! everything judged by a [`Clock`] that tests can move. It is as strict as AWS where tools fail: signatures, trust
//! policies, durations, tokens, pages, quotas. See the README for what it does not do.

mod athena;
mod body;
mod bucket;
mod chance;
mod clock;
mod credentials;
mod down;
mod ec2;
mod estate;
pub mod facts;
mod failure;
mod faults;
mod gateway;
mod http;
mod idp;
mod jwt;
mod organizations;
mod pages;
mod params;
mod protocol;
mod record;
mod repaged;
mod s3;
mod server;
mod sigv4;
mod sim;
mod stamp;
mod sts;
mod world;
mod xml;

pub use athena::{QueryState, QueryView};
pub use clock::Clock;
pub use estate::{
    AccessKey, Account, AccountState, Athena, Bucket, Canned, ClientAuthentication, Encryption, Estate, Idp, IdpClient,
    IdpMode, Measured, OidcProvider, Pages, QueryError, QueryRule, Quota, Region, Role, Scp, Table, TableError,
    TrustWebIdentity, Workgroup,
};
pub use faults::{Action, Fault, FaultId, Faults};
pub use record::{Call, Connections};
pub use sim::{ExpectedInstance, SessionCredentials, Sim};

/// Locks; a panic elsewhere leaves the simulator's records usable.
fn locked<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
