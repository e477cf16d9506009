//! Reaches accounts: walks the planned hops, shares those that are the same, checks where it has arrived, and gives
//! clients what they need for one account and region.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_smithy_runtime::client::retries::RetryPartition;

use crate::accounts::Account;
use crate::arn::AccountId;
use crate::chain::{Hop, plan};
use crate::error::{AuthError, Cause, Step};
use crate::host::Host;
use crate::initial;
use crate::last::LastAnswer;
use crate::limit::{Lane, Reading};
use crate::meter::Meter;
use crate::session::{Issue, Reach, Session, Signer};
use crate::settings::{AuthSettings, RoleOptions};
use crate::sts::{Caller, assume_role, caller_identity};

/// Signs in and reaches accounts.
#[derive(Debug)]
pub struct Authenticator {
    host: Host,
    settings: AuthSettings,
    initial: Arc<Session>,
    /// Sessions of hops that are the same for all accounts, by the ARNs from the first hop on.
    shared: Mutex<HashMap<Vec<String>, Arc<Session>>>,
}

impl Authenticator {
    /// Makes no call.
    pub fn new(host: Host, settings: AuthSettings) -> Self {
        let unsigned = sts_client(&host, &settings, None);
        let initial = initial::session(&host, &settings.method, &settings.roles, &unsigned);
        Authenticator {
            host,
            settings,
            initial,
            shared: Mutex::default(),
        }
    }

    /// What was asked for.
    pub fn settings(&self) -> &AuthSettings {
        &self.settings
    }

    /// Walks the master chain and asks whose session that gives.
    ///
    /// # Errors
    /// The hop that failed.
    pub async fn master(&self) -> Result<AccountAccess, AuthError> {
        let hops = self.hops_to(None)?;
        self.arrive(self.session(&hops), None).await
    }

    /// Whose the initial credentials are: where they are wrong, one answer says so for all accounts.
    ///
    /// # Errors
    /// Why they do not work.
    pub async fn initial_identity(&self) -> Result<Caller, AuthError> {
        caller_identity(&sts_client(&self.host, &self.settings, Some(&self.initial))).await
    }

    /// The hops from the initial credentials to `account`; `None` and the master account: the master chain.
    ///
    /// # Errors
    /// A chain that cannot be planned.
    pub fn hops_to(&self, account: Option<&Account>) -> Result<Vec<Hop>, AuthError> {
        let (chain, id) = match account {
            Some(account) if !account.master => (
                self.settings.scope.sub_account_chain().unwrap_or_default(),
                Some(&account.id),
            ),
            _ => (&self.settings.master_chain[..], None),
        };
        plan(chain, id, &self.settings.roles).map_err(|why| AuthError::new(Step::Identity, Cause::Invalid(why)))
    }

    /// Walks the chain to `account` and checks that the session is of that account.
    ///
    /// # Errors
    /// The hop that failed, or that the session is of another account.
    pub async fn reach(&self, account: &Account) -> Result<AccountAccess, AuthError> {
        let hops = self.hops_to(Some(account))?;
        self.arrive(self.session(&hops), Some(&account.id)).await
    }

    async fn arrive(&self, session: Arc<Session>, expected: Option<&AccountId>) -> Result<AccountAccess, AuthError> {
        session.credentials().await?;
        let caller = caller_identity(&sts_client(&self.host, &self.settings, Some(&session))).await?;
        if let Some(expected) = expected.filter(|expected| **expected != caller.account) {
            let (expected, found) = (expected.clone(), caller.account.to_string());
            return Err(AuthError::new(Step::Identity, Cause::WrongAccount { expected, found }));
        }
        Ok(AccountAccess {
            host: self.host.clone(),
            home_region: self.settings.home_region.clone(),
            caller,
            session,
        })
    }

    /// The session at the end of `hops`. Makes no call. Shared hops exist once.
    fn session(&self, hops: &[Hop]) -> Arc<Session> {
        let mut session = Arc::clone(&self.initial);
        for (index, hop) in hops.iter().enumerate() {
            let assume = |parent: &Arc<Session>| {
                let issuer = RoleIssuer {
                    sts: sts_client(&self.host, &self.settings, Some(parent)),
                    host: self.host.clone(),
                    parent: Arc::clone(parent),
                    hop: hop.clone(),
                    options: self.settings.roles.clone(),
                };
                let reach = match hop.shared {
                    true => Reach::AllAccounts,
                    false => Reach::OneAccount,
                };
                Session::new(issuer, Signer::Role, reach, &self.host)
            };
            session = if hop.shared {
                let path = hops[..=index].iter().map(|hop| hop.role_arn.clone()).collect();
                let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(shared.entry(path).or_insert_with(|| assume(&session)))
            } else {
                assume(&session)
            };
        }
        session
    }
}

/// An account that has been reached.
#[derive(Clone, Debug)]
pub struct AccountAccess {
    host: Host,
    home_region: String,
    caller: Caller,
    session: Arc<Session>,
}

impl AccountAccess {
    /// Whose session it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The region for calls that have none of their own.
    pub fn home_region(&self) -> &str {
        &self.home_region
    }

    /// The account in one region, with counters and retry quota of its own. Cheap; drop it after use.
    pub fn in_region(&self, region: &str) -> RegionalAccess {
        let meter = Arc::new(Meter::default());
        let config = self
            .host
            .signed(&self.session, region, &meter, Lane::Ordinary, Reading::Whole);
        // The SDK's default partition is per service and region, across accounts: one throttled account would eat up
        // the retries of all others.
        let partition = RetryPartition::custom(format!("{}/{region}", self.caller.account)).build();
        RegionalAccess {
            host: self.host.clone(),
            account: self.caller.account.clone(),
            session: Arc::clone(&self.session),
            region: region.to_owned(),
            config,
            partition,
            meter,
        }
    }
}

/// What a service's client needs for one account in one region.
#[derive(Clone, Debug)]
pub struct RegionalAccess {
    host: Host,
    account: AccountId,
    session: Arc<Session>,
    region: String,
    config: SdkConfig,
    partition: RetryPartition,
    meter: Arc<Meter>,
}

impl RegionalAccess {
    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Shared HTTP client, self-renewing credentials, timeouts, retries, endpoints. Build the client from
    /// `aws_sdk_<service>::config::Builder::from(access.sdk_config())` and give it
    /// [`retry_partition`](Self::retry_partition) and [`LastAnswer`].
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.config
    }

    /// The same for answers that are read while they come, which the caller keeps within its own bounds; in any region,
    /// such as that of a bucket.
    pub fn streaming_config(&self, region: &str) -> SdkConfig {
        self.host
            .signed(&self.session, region, &self.meter, Lane::Ordinary, Reading::Streamed)
    }

    /// The same for requests that must not wait for others, such as those that stop what runs: with places and retries of
    /// their own. For small answers.
    #[must_use]
    pub fn urgent(&self) -> RegionalAccess {
        RegionalAccess {
            config: self
                .host
                .signed(&self.session, &self.region, &self.meter, Lane::Urgent, Reading::Whole),
            partition: RetryPartition::custom(format!("{}/{}/urgent", self.account, self.region)).build(),
            ..self.clone()
        }
    }

    /// The account.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The retry quota of this account and region.
    pub fn retry_partition(&self) -> RetryPartition {
        self.partition.clone()
    }

    /// Requests and retries so far.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

struct RoleIssuer {
    sts: aws_sdk_sts::Client,
    host: Host,
    parent: Arc<Session>,
    hop: Hop,
    options: RoleOptions,
}

#[async_trait]
impl Issue for RoleIssuer {
    async fn issue(&self) -> Result<Credentials, AuthError> {
        // Not within the call, which has a time of its own: all accounts may have to wait for the session before this one.
        self.parent.credentials().await?;
        assume_role(&self.sts, &self.host, &self.hop, &self.options).await
    }
}

/// A client of the regional STS endpoint; without a session for calls that are not signed.
fn sts_client(host: &Host, settings: &AuthSettings, session: Option<&Arc<Session>>) -> aws_sdk_sts::Client {
    let region = &settings.home_region;
    let config = match session {
        Some(session) => host.signed(session, region, &Arc::default(), Lane::Ordinary, Reading::Whole),
        None => host.unsigned(region),
    };
    let partition = RetryPartition::custom("sts").build();
    let config = aws_sdk_sts::config::Builder::from(&config)
        .retry_partition(partition)
        .interceptor(LastAnswer);
    aws_sdk_sts::Client::from_conf(config.build())
}
