//! The estate at work: the description, indexed, together with everything that changes while the simulator runs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::athena::Athena;
use crate::bucket::Buckets;
use crate::chance;
use crate::clock::Clock;
use crate::credentials::{Credential, Identity};
use crate::down::Down;
use crate::estate::{Account, Estate, IdpMode, Role};
use crate::faults::Faults;
use crate::jwt::SigningKey;
use crate::locked;
use crate::pages::Tokens;
use crate::record::Record;
use crate::s3::store::Store;

/// Everything that a request can see or change.
pub(crate) struct World {
    pub(crate) estate: Estate,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) down: Down,
    pub(crate) record: Record,
    pub(crate) buckets: Buckets,
    pub(crate) tokens: Tokens,
    /// The buckets of S3 and what is in them.
    pub(crate) s3: Store,
    /// Athena's queries and tables.
    pub(crate) athena: Athena,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) idp_mode: Mutex<IdpMode>,
    /// Every access token that the identity provider has given out.
    pub(crate) access_tokens: Mutex<Vec<String>>,
    endpoint: OnceLock<String>,
    /// By access key id: long-term keys and sessions. Expired sessions stay, for AWS tells them from unknown ones.
    credentials: Mutex<HashMap<String, Arc<Credential>>>,
    /// Role ARN to account and place in its list.
    roles: HashMap<String, (String, usize)>,
    serial: AtomicU64,
}

impl World {
    pub(crate) fn new(estate: Estate, clock: Clock) -> std::io::Result<Self> {
        let credentials = estate.users.iter().map(|user| {
            let identity = Identity::user(user);
            let credential = Credential {
                access_key_id: user.key.access_key_id.clone(),
                secret: user.key.secret_access_key.clone(),
                session: None,
                identity: Arc::new(identity),
            };
            (user.key.access_key_id.clone(), Arc::new(credential))
        });
        let roles = estate.accounts.values().flat_map(|account| {
            account
                .roles
                .iter()
                .enumerate()
                .map(|(at, role)| (role_arn(account, role), (account.id.clone(), at)))
        });
        Ok(Self {
            credentials: Mutex::new(credentials.collect()),
            roles: roles.collect(),
            faults: Faults::default(),
            down: Down::default(),
            record: Record::default(),
            buckets: Buckets::default(),
            tokens: Tokens::new(estate.seed),
            s3: Store::new(&estate.buckets, clock.clone()),
            athena: Athena::default(),
            key: SigningKey::of_process()?,
            idp_mode: Mutex::new(estate.idp.mode.clone()),
            access_tokens: Mutex::default(),
            endpoint: OnceLock::new(),
            serial: AtomicU64::new(1),
            estate,
            clock,
        })
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.endpoint.get().map_or("", String::as_str)
    }

    pub(crate) fn listen_at(&self, endpoint: String) {
        // Set once, before the first request.
        let _ = self.endpoint.set(endpoint);
    }

    /// The issuer of the identity provider's tokens.
    pub(crate) fn issuer(&self) -> &str {
        self.estate.idp.issuer.as_deref().unwrap_or_else(|| self.endpoint())
    }

    /// A number that no other call gets.
    pub(crate) fn serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// An identifier as AWS puts it on every answer.
    pub(crate) fn request_id(&self) -> String {
        let serial = self.serial();
        let (high, low) = (
            chance::mix(chance::mix(self.estate.seed + 1) ^ serial),
            chance::mix(!serial),
        );
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    pub(crate) fn credential(&self, access_key_id: &str) -> Option<Arc<Credential>> {
        locked(&self.credentials).get(access_key_id).cloned()
    }

    /// Everything that only its owner may know.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = locked(&self.credentials)
            .values()
            .flat_map(|credential| {
                let token = credential.session.as_ref().map(|session| session.token.clone());
                std::iter::once(credential.secret.clone()).chain(token)
            })
            .collect();
        secrets.extend(self.estate.idp.clients.iter().map(|client| client.secret.clone()));
        secrets.extend(locked(&self.access_tokens).iter().cloned());
        secrets
    }

    pub(crate) fn keep(&self, credential: Credential) -> Arc<Credential> {
        let credential = Arc::new(credential);
        locked(&self.credentials).insert(credential.access_key_id.clone(), Arc::clone(&credential));
        credential
    }

    /// A role and its account.
    pub(crate) fn role(&self, arn: &str) -> Option<(&Account, &Role)> {
        let (account, at) = self.roles.get(arn)?;
        let account = self.estate.accounts.get(account)?;
        Some((account, account.roles.get(*at)?))
    }
}

/// The ARN of a role in an account.
pub(crate) fn role_arn(account: &Account, role: &Role) -> String {
    format!("arn:aws:iam::{}:role/{}", account.id, role.name)
}
