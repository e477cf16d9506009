//! Identities: access keys, roles with their trust, OIDC providers.

use std::fmt;
use std::time::Duration;

/// A long-term access key.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Begins with `AKIA`.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// A role and its trust policy.
#[derive(Clone, Debug)]
pub struct Role {
    /// With its path: `team/inventory`.
    pub(crate) name: String,
    pub(crate) principals: Vec<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) web_identity: Option<TrustWebIdentity>,
    pub(crate) max_session: Duration,
    pub(crate) source_identity: bool,
    pub(crate) denied: Vec<String>,
}

impl Role {
    /// A role that trusts nobody yet. The name may have a path: `team/inventory`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.trim_start_matches('/').to_owned(),
            principals: Vec::new(),
            external_id: None,
            web_identity: None,
            max_session: Duration::from_secs(3600),
            source_identity: true,
            denied: Vec::new(),
        }
    }

    /// Trusts a principal: the ARN of an account's root, a user, a role or a role's session, an account id, or `*`.
    #[must_use]
    pub fn trusting(mut self, principal: &str) -> Self {
        self.principals.push(principal.to_owned());
        self
    }

    /// Demands this external ID.
    #[must_use]
    pub fn external_id(mut self, external_id: &str) -> Self {
        self.external_id = Some(external_id.to_owned());
        self
    }

    /// Trusts web identities.
    #[must_use]
    pub fn trusting_web_identity(mut self, trust: TrustWebIdentity) -> Self {
        self.web_identity = Some(trust);
        self
    }

    /// `MaxSessionDuration` (one hour).
    #[must_use]
    pub fn max_session(mut self, duration: Duration) -> Self {
        self.max_session = duration;
        self
    }

    /// The trust policy does not allow `sts:SetSourceIdentity`.
    #[must_use]
    pub fn refusing_source_identity(mut self) -> Self {
        self.source_identity = false;
        self
    }

    /// Takes a permission (`ec2:DescribeInstances`, `organizations:*`) from the role. Everything else is allowed.
    #[must_use]
    pub fn deny(mut self, action: &str) -> Self {
        self.denied.push(action.to_owned());
        self
    }

    /// The name without the path, as it stands in a session's ARN.
    pub(crate) fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// The conditions of a trust policy on web identities. An empty list is no condition.
#[derive(Clone, Debug, Default)]
pub struct TrustWebIdentity {
    pub(crate) issuer: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) subjects: Vec<String>,
}

impl TrustWebIdentity {
    /// Trusts every identity of the simulator's identity provider.
    #[must_use]
    pub fn of_the_idp() -> Self {
        Self::default()
    }

    /// Trusts the identities of another issuer.
    #[must_use]
    pub fn of_issuer(issuer: &str) -> Self {
        Self {
            issuer: Some(issuer.to_owned()),
            ..Self::default()
        }
    }

    /// Demands one of these audiences.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audiences.push(audience.to_owned());
        self
    }

    /// Demands one of these subjects.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        self.subjects.push(subject.to_owned());
        self
    }
}

/// An OIDC identity provider as it is registered in an account.
#[derive(Clone, Debug)]
pub struct OidcProvider {
    pub(crate) issuer: Option<String>,
    pub(crate) client_ids: Vec<String>,
    pub(crate) keys: Option<String>,
}

impl OidcProvider {
    /// The simulator's identity provider, with the audiences ("client ids") that IAM lists for it.
    #[must_use]
    pub fn the_idp(client_ids: &[&str]) -> Self {
        Self {
            issuer: None,
            client_ids: client_ids.iter().map(|id| (*id).to_owned()).collect(),
            keys: None,
        }
    }

    /// Another issuer, with its key set (the JSON of its `jwks_uri`; only RSA keys are used).
    #[must_use]
    pub fn issuer(issuer: &str, client_ids: &[&str], jwks: &str) -> Self {
        Self {
            issuer: Some(issuer.to_owned()),
            keys: Some(jwks.to_owned()),
            ..Self::the_idp(client_ids)
        }
    }
}
