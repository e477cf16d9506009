//! Sessions that renew themselves: one renewal for all who wait, ahead of expiry, with the old credentials served
//! while a renewal fails and they are still valid.
//!
//! The SDK's own identity cache holds 64 partitions, evicts at random, refreshes seconds before expiry and does not
//! remember errors; a run over hundreds of accounts wants none of that.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep};
use aws_smithy_async::time::SharedTimeSource;

use crate::credential::all_normalised;
use crate::error::{AuthError, Cause, Step};
use crate::host::Host;
use crate::limit::Turns;
use crate::mask::Mask;

/// How long an error is given to all who ask, without a new attempt.
const ERROR_LIFETIME: Duration = Duration::from_secs(10);
/// The pause after a failed renewal while the old credentials are still valid.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);
/// Credentials are renewed this long before they expire, or a fifth of their lifetime before if that is shorter.
const LONGEST_MARGIN: Duration = Duration::from_secs(300);
/// Sessions that began together are renewed over a span of this part of their lifetime, not all at once.
const JITTER_PARTS: u32 = 20;

/// AWS may end a session before its time so often.
const REFUSAL_PAUSE: Duration = Duration::from_secs(120);

/// Not every server of AWS knows a session at once:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
const NEW: Duration = Duration::from_secs(30);

/// A session that all accounts are reached by is asked for again for so long, when what has failed may pass: without it every
/// account that is left would fail at once.
const PATIENCE: Duration = Duration::from_secs(120);
/// The first pause between such tries; each is twice as long as the one before, and at most this times eight.
const PATIENT_PAUSE: Duration = Duration::from_secs(2);

/// Waits for a place that outlast the credentials, before they are used as they are.
const MOST_WAITS: u32 = 3;

/// Makes new credentials.
#[async_trait]
pub trait Issue: Send + Sync + 'static {
    /// A new set of credentials; called by one caller at a time.
    async fn issue(&self) -> Result<Credentials, AuthError>;
}

/// Whose credentials sign a request. What to do about a refusal depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The parameters `access_key_id` and `secret_access_key`.
    Parameters,
    /// What the AWS default chain has found.
    DefaultChain,
    /// The session of a web identity.
    WebIdentity,
    /// The session of a role.
    Role,
}

/// Who waits for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// One account.
    OneAccount,
    /// All accounts, from the first use on.
    AllAccounts,
    /// All accounts, once it has worked. Before, nothing has begun, and who waits wants to know.
    TheRun,
}

/// Credentials that stay valid.
pub struct Session {
    issuer: Box<dyn Issue>,
    signer: Signer,
    reach: Reach,
    time: SharedTimeSource,
    sleep: SharedAsyncSleep,
    mask: Mask,
    jitter: f64,
    current: Mutex<State>,
    renewal: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    issued: Option<Issued>,
    /// The last failure and when it was.
    failed: Option<(AuthError, SystemTime)>,
    /// When AWS last refused credentials that should have been valid.
    refused: Option<SystemTime>,
    /// When the failures began that have not ended yet.
    failing: Option<SystemTime>,
    has_worked: bool,
}

#[derive(Clone)]
struct Issued {
    credentials: Credentials,
    at: SystemTime,
    renew_at: Option<SystemTime>,
}

enum Need {
    /// Nothing to do.
    Fresh(Credentials),
    /// Still valid, but due for renewal.
    Due(Credentials),
    /// None, or expired.
    Missing,
    /// None, and the last attempt failed a moment ago.
    Failed(AuthError),
}

impl Session {
    /// A session that `issuer` makes when it is first needed.
    pub(crate) fn new(issuer: impl Issue, signer: Signer, reach: Reach, host: &Host) -> Arc<Self> {
        let (time, sleep, mask) = (host.time.clone(), host.sleep.clone(), host.mask.clone());
        Self::with(issuer, signer, reach, time, sleep, mask)
    }

    fn with(
        issuer: impl Issue,
        signer: Signer,
        reach: Reach,
        time: SharedTimeSource,
        sleep: SharedAsyncSleep,
        mask: Mask,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| {
            // Any number that differs from session to session will do; the address does.
            let jitter = (me.as_ptr() as usize / 64 % 1024) as f64 / 1024.0;
            Session {
                issuer: Box::new(issuer),
                signer,
                reach,
                time,
                sleep,
                mask,
                jitter,
                current: Mutex::default(),
                renewal: tokio::sync::Mutex::default(),
            }
        })
    }

    /// Whose credentials these are.
    pub(crate) fn signer(&self) -> Signer {
        self.signer
    }

    /// Whether AWS has given the session of `key_id` so lately that not all of its servers need know it.
    pub(crate) fn is_new(&self, key_id: &str) -> bool {
        let now = self.time.now();
        let state = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(self.signer, Signer::Role | Signer::WebIdentity)
            && state
                .issued
                .as_ref()
                .is_some_and(|issued| issued.credentials.access_key_id() == key_id && now < issued.at + NEW)
    }

    /// Credentials that are valid now.
    ///
    /// # Errors
    /// Why there are none. The error is shared: for some seconds all who ask get it without a new attempt.
    pub async fn credentials(&self) -> Result<Credentials, AuthError> {
        match self.need() {
            Need::Fresh(credentials) => return Ok(credentials),
            Need::Failed(error) => return Err(error),
            Need::Due(credentials) => {
                // One renews; all others go on with what is still valid.
                let Ok(_renewing) = self.renewal.try_lock() else {
                    return Ok(credentials);
                };
                if let Need::Fresh(credentials) = self.need() {
                    return Ok(credentials);
                }
                return Ok(self.renewed().await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "a session could not be renewed; its credentials are still valid, trying again");
                    credentials
                }));
            }
            Need::Missing => {}
        }
        let _renewing = self.renewal.lock().await;
        // Another may have done it while we waited.
        match self.need() {
            Need::Fresh(credentials) | Need::Due(credentials) => Ok(credentials),
            Need::Failed(error) => Err(error),
            Need::Missing => self.renew().await,
        }
    }

    /// The newest credentials, where they are valid now.
    fn newest(&self) -> Option<Credentials> {
        match self.need() {
            Need::Fresh(credentials) | Need::Due(credentials) => Some(credentials),
            Need::Missing | Need::Failed(_) => None,
        }
    }

    fn need(&self) -> Need {
        let now = self.time.now();
        let state = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = state.failed.as_ref();
        if let Some(issued) = &state.issued {
            let expired = issued.credentials.expiry().is_some_and(|expiry| expiry <= now);
            let due = issued.renew_at.is_some_and(|renew_at| renew_at <= now);
            let paused = failed.is_some_and(|(_, at)| now < *at + RENEWAL_PAUSE);
            match (expired, due) {
                (false, true) if !paused => return Need::Due(issued.credentials.clone()),
                (false, _) => return Need::Fresh(issued.credentials.clone()),
                (true, _) => {}
            }
        }
        match failed {
            Some((error, at)) if now < *at + ERROR_LIFETIME => Need::Failed(error.clone()),
            _ => Need::Missing,
        }
    }

    /// AWS says that the session of `key_id` has ended. Whether another try may go better: with credentials that are newer
    /// already, or will be by then. Not again soon: credentials that have just been renewed are not what is wrong.
    pub(crate) fn refused(&self, key_id: &str) -> bool {
        let now = self.time.now();
        let mut state = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |issued: &Issued| issued.credentials.access_key_id() == key_id;
        if !state.issued.as_ref().is_some_and(same) {
            return true;
        }
        if state.refused.is_some_and(|at| now < at + REFUSAL_PAUSE) {
            return false;
        }
        tracing::debug!("AWS has ended a session before its time; it is renewed");
        state.refused = Some(now);
        state.issued = None;
        true
    }

    /// New credentials; where all accounts wait for them, tried again for a while.
    async fn renew(&self) -> Result<Credentials, AuthError> {
        let mut pause = PATIENT_PAUSE;
        loop {
            let error = match self.renewed().await {
                Ok(credentials) => return Ok(credentials),
                Err(error) => error,
            };
            let now = self.time.now();
            let (failing, has_worked) = {
                let state = self.current.lock().unwrap_or_else(PoisonError::into_inner);
                (state.failing.unwrap_or(now), state.has_worked)
            };
            let all_wait = match self.reach {
                Reach::OneAccount => false,
                Reach::AllAccounts => true,
                Reach::TheRun => has_worked,
            };
            if !all_wait || !error.may_pass() || now + pause > failing + PATIENCE {
                return Err(error);
            }
            tracing::warn!(%error, "all accounts wait for this session; trying again in {} s", pause.as_secs());
            self.sleep.sleep(pause).await;
            pause = (pause * 2).min(PATIENT_PAUSE * 8);
        }
    }

    /// New credentials, by one try.
    async fn renewed(&self) -> Result<Credentials, AuthError> {
        let result = self.issuer.issue().await.and_then(|credentials| {
            all_normalised(credentials).map_err(|why| {
                let step = match self.signer {
                    Signer::DefaultChain => Step::DefaultChain,
                    _ => Step::Identity,
                };
                AuthError::new(step, Cause::Invalid(why))
            })
        });
        let now = self.time.now();
        let mut state = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(credentials) => {
                self.mask.add(credentials.secret_access_key());
                credentials
                    .session_token()
                    .into_iter()
                    .for_each(|token| self.mask.add(token));
                let renew_at = credentials.expiry().map(|expiry| renew_at(now, expiry, self.jitter));
                state.issued = Some(Issued {
                    credentials: credentials.clone(),
                    at: now,
                    renew_at,
                });
                state.failed = None;
                state.failing = None;
                state.has_worked = true;
                Ok(credentials)
            }
            Err(error) => {
                state.failed = Some((error.clone(), now));
                state.failing.get_or_insert(now);
                Err(error)
            }
        }
    }
}

/// Some minutes before `expiry`, and up to a twentieth of the lifetime earlier still.
fn renew_at(now: SystemTime, expiry: SystemTime, jitter: f64) -> SystemTime {
    let lifetime = expiry.duration_since(now).unwrap_or_default();
    let margin = (lifetime / 5).min(LONGEST_MARGIN) + (lifetime / JITTER_PARTS).mul_f64(jitter);
    expiry - margin
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// A session as the SDK's clients take it: asked for each attempt of each request, just before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct SessionProvider {
    pub(crate) session: Arc<Session>,
    pub(crate) turns: Turns,
}

impl ProvideCredentials for SessionProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let mut waits = 0;
            loop {
                // The credentials may need requests of their own: a place that is held meanwhile would be in their way.
                let credentials = self.session.credentials().await;
                let credentials = credentials.map_err(CredentialsError::provider_error)?;
                let place = self.turns.wait().await.map_err(CredentialsError::provider_error)?;
                waits += 1;
                // The wait may have been long, and the session renewed by another. Credentials that are never valid come
                // from a clock that is wrong: then AWS's answer says it best.
                let newest = self.session.newest();
                if newest.is_some() || waits == MOST_WAITS {
                    self.turns.keep(place);
                    return Ok(newest.unwrap_or(credentials));
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_smithy_async::time::TimeSource;

    use super::*;
    use crate::oidc::TokenError;

    #[derive(Clone, Debug)]
    struct Clock(Arc<Mutex<SystemTime>>);

    impl Clock {
        fn new() -> Self {
            Clock(Arc::new(Mutex::new(
                SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            )))
        }
        fn advance(&self, seconds: u64) {
            *self.0.lock().unwrap() += Duration::from_secs(seconds);
        }
    }

    impl TimeSource for Clock {
        fn now(&self) -> SystemTime {
            *self.0.lock().unwrap()
        }
    }

    /// Issues sessions of 900 s, numbered; fails while told to.
    struct Issuer {
        clock: Clock,
        issued: Arc<AtomicUsize>,
        failing: Arc<Mutex<bool>>,
    }

    #[async_trait]
    impl Issue for Issuer {
        async fn issue(&self) -> Result<Credentials, AuthError> {
            let number = self.issued.fetch_add(1, Ordering::SeqCst);
            // Lets all others run first: a renewal takes time.
            tokio::task::yield_now().await;
            if *self.failing.lock().unwrap() {
                let down = TokenError::Unreachable("down".into());
                return Err(AuthError::new(Step::Identity, Cause::Token(down)));
            }
            let expiry = self.clock.now() + Duration::from_secs(900);
            Ok(Credentials::new(
                format!("ASIA{number}"),
                "secret",
                None,
                Some(expiry),
                "test",
            ))
        }
    }

    /// A sleep that moves the clock.
    impl aws_smithy_async::rt::sleep::AsyncSleep for Clock {
        fn sleep(&self, duration: Duration) -> aws_smithy_async::rt::sleep::Sleep {
            self.advance(duration.as_secs());
            aws_smithy_async::rt::sleep::Sleep::new(std::future::ready(()))
        }
    }

    fn session() -> (Arc<Session>, Clock, Arc<AtomicUsize>, Arc<Mutex<bool>>) {
        session_of(Reach::OneAccount)
    }

    fn session_of(reach: Reach) -> (Arc<Session>, Clock, Arc<AtomicUsize>, Arc<Mutex<bool>>) {
        let clock = Clock::new();
        let issued = Arc::new(AtomicUsize::new(0));
        let failing = Arc::new(Mutex::new(false));
        let issuer = Issuer {
            clock: clock.clone(),
            issued: Arc::clone(&issued),
            failing: Arc::clone(&failing),
        };
        (
            Session::with(
                issuer,
                Signer::Role,
                reach,
                SharedTimeSource::new(clock.clone()),
                SharedAsyncSleep::new(clock.clone()),
                Mask::default(),
            ),
            clock,
            issued,
            failing,
        )
    }

    async fn key(session: &Session) -> String {
        session.credentials().await.unwrap().access_key_id().to_owned()
    }

    #[tokio::test]
    async fn all_who_wait_share_one_renewal() {
        let (session, clock, issued, _) = session();
        for round in 0..5 {
            let waiting: Vec<_> = (0..100)
                .map(|_| {
                    let session = Arc::clone(&session);
                    tokio::spawn(async move { key(&session).await })
                })
                .collect();
            for waiter in waiting {
                assert_eq!(waiter.await.unwrap(), format!("ASIA{round}"));
            }
            clock.advance(901);
        }
        assert_eq!(issued.load(Ordering::SeqCst), 5);
    }

    #[tokio::test]
    async fn renewal_comes_ahead_of_expiry_and_only_then() {
        let (session, clock, issued, _) = session();
        assert_eq!(key(&session).await, "ASIA0");
        clock.advance(600); // 300 s left: more than margin and jitter, 180 + 45 s
        assert_eq!(key(&session).await, "ASIA0");
        clock.advance(121); // 179 s left
        assert_eq!(key(&session).await, "ASIA1");
        assert_eq!(issued.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn the_old_credentials_are_served_while_renewal_fails_and_they_are_valid() {
        let (session, clock, issued, failing) = session();
        assert_eq!(key(&session).await, "ASIA0");
        *failing.lock().unwrap() = true;
        clock.advance(800);
        assert_eq!(key(&session).await, "ASIA0");
        assert_eq!(key(&session).await, "ASIA0");
        assert_eq!(
            issued.load(Ordering::SeqCst),
            2,
            "a failed renewal is not repeated at once"
        );
        clock.advance(31);
        assert_eq!(key(&session).await, "ASIA0");
        assert_eq!(issued.load(Ordering::SeqCst), 3, "but it is repeated");
        clock.advance(100);
        assert!(
            session.credentials().await.is_err(),
            "expired credentials are never served"
        );
        *failing.lock().unwrap() = false;
        clock.advance(11);
        assert_eq!(key(&session).await, "ASIA4");
    }

    #[tokio::test]
    async fn a_failure_is_shared_for_some_seconds_and_then_tried_again() {
        let (session, clock, issued, failing) = session();
        *failing.lock().unwrap() = true;
        for _ in 0..10 {
            assert!(session.credentials().await.is_err());
        }
        assert_eq!(issued.load(Ordering::SeqCst), 1);
        clock.advance(11);
        *failing.lock().unwrap() = false;
        assert_eq!(key(&session).await, "ASIA1");
    }

    #[tokio::test]
    async fn a_session_that_aws_has_ended_is_renewed_once() {
        let (session, clock, issued, _) = session();
        assert_eq!(key(&session).await, "ASIA0");
        assert!(session.refused("ASIA0"));
        assert!(session.refused("ASIA0"), "another call with the same credentials");
        assert_eq!(key(&session).await, "ASIA1");
        assert!(session.refused("ASIA0"), "newer ones are there");
        assert!(!session.refused("ASIA1"), "so new that it is not the session");
        assert_eq!(key(&session).await, "ASIA1");
        clock.advance(121);
        assert!(session.refused("ASIA1"));
        assert_eq!(key(&session).await, "ASIA2");
        assert_eq!(issued.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn what_all_accounts_wait_for_is_tried_again_within_its_time() {
        for (reach, first, later) in [
            (Reach::OneAccount, 1, 1),
            // 2, 4, 8 and six times 16 seconds
            (Reach::AllAccounts, 10, 10),
            (Reach::TheRun, 1, 10),
        ] {
            let (session, clock, issued, failing) = session_of(reach);
            *failing.lock().unwrap() = true;
            let start = clock.now();
            assert!(session.credentials().await.is_err());
            assert_eq!(issued.swap(0, Ordering::SeqCst), first, "{reach:?}");
            assert!(clock.now() <= start + PATIENCE, "{reach:?}");
            clock.advance(11);
            *failing.lock().unwrap() = false;
            assert!(session.credentials().await.is_ok());
            issued.store(0, Ordering::SeqCst);
            clock.advance(901);
            *failing.lock().unwrap() = true;
            assert!(session.credentials().await.is_err());
            assert_eq!(issued.load(Ordering::SeqCst), later, "{reach:?}");
        }
    }

    #[tokio::test]
    async fn a_session_is_new_for_some_seconds() {
        let (session, clock, _, _) = session();
        assert!(!session.is_new("ASIA0"));
        assert_eq!(key(&session).await, "ASIA0");
        assert!(session.is_new("ASIA0") && !session.is_new("ASIA1"));
        clock.advance(31);
        assert!(!session.is_new("ASIA0"));
    }

    #[test]
    fn the_margin_is_a_fifth_of_a_short_life_and_five_minutes_of_a_long_one() {
        let now = SystemTime::UNIX_EPOCH;
        for (lifetime, jitter, left) in [
            (10, 0.0, 2.0),
            (900, 0.0, 180.0),
            (900, 1.0, 225.0),
            (43200, 0.0, 300.0),
        ] {
            let expiry = now + Duration::from_secs(lifetime);
            let margin = expiry.duration_since(renew_at(now, expiry, jitter)).unwrap();
            assert!((margin.as_secs_f64() - left).abs() < 0.001, "{lifetime}: {margin:?}");
        }
    }
}
