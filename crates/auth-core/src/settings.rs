//! Who signs in, how, and which accounts are meant: the validated form of what the user has asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use crate::arn::{AccountId, RoleTemplate};
use crate::secret::Secret;

/// All that signing in and finding the accounts needs to know.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// How the initial credentials come about.
    pub method: Method,
    /// Roles from the initial credentials to the master account's session; may be empty.
    pub master_chain: Vec<RoleTemplate>,
    /// Which accounts, and how the sub-accounts are reached.
    pub scope: Scope,
    /// What goes with every AssumeRole.
    pub roles: RoleOptions,
    /// Region of the STS endpoint and of calls that have no region of their own. Regional endpoints give tokens that
    /// are valid everywhere, those of the global endpoint are not valid in opt-in regions:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_region-endpoints.html>
    pub home_region: String,
    /// Which regions of each account.
    pub regions: RegionChoice,
    /// Accounts (or OUs) per page of AWS Organizations, 1–20; `None` leaves it to AWS.
    pub listing_page_size: Option<i32>,
}

impl AuthSettings {
    /// Lets go of the secrets, at the end of a run: no session can be had or renewed from then on.
    pub fn forget_secrets(&self) {
        match &self.method {
            Method::AccessKey {
                secret_access_key,
                session_token,
                ..
            } => {
                secret_access_key.forget();
                session_token.iter().for_each(Secret::forget);
            }
            Method::WebIdentity(identity) => identity.client_secret.forget(),
            Method::DefaultChain => {}
        }
    }
}

/// The authentication methods.
#[derive(Clone, Debug)]
pub enum Method {
    /// An access key, its secret and, for temporary credentials, the session token.
    AccessKey {
        /// `AKIA…` or, with a session token, `ASIA…`.
        access_key_id: String,
        /// The secret access key.
        secret_access_key: Secret,
        /// Third part of temporary credentials.
        session_token: Option<Secret>,
    },
    /// OIDC client credentials, then AssumeRoleWithWebIdentity.
    WebIdentity(Box<WebIdentity>),
    /// What every AWS tool accepts: environment, profile, SSO, container, instance, web-identity file.
    DefaultChain,
}

/// The parameters of [`Method::WebIdentity`].
#[derive(Clone, Debug)]
pub struct WebIdentity {
    /// The token endpoint.
    pub token_url: Url,
    /// The client at the identity provider.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// How the client proves itself (RFC 6749, section 2.3.1).
    pub client_authentication: ClientAuthentication,
    /// The `scope` field, if any.
    pub scope: Option<String>,
    /// The `audience` field, if any.
    pub audience: Option<String>,
    /// Extra form fields.
    pub token_parameters: BTreeMap<String, String>,
    /// The role that the token is traded for.
    pub role_arn: RoleTemplate,
    /// Lifetime of the role's session, 900–43200 s and at most the role's own maximum.
    pub session_duration: Duration,
}

/// How the client proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// HTTP Basic, id and secret form-encoded first.
    Basic,
    /// `client_id` and `client_secret` in the form.
    Post,
}

/// Which accounts.
#[derive(Clone, Debug)]
pub enum Scope {
    /// The account of the master chain's last session, and no other.
    MasterOnly,
    /// The accounts of AWS Organizations.
    Organization {
        /// From the initial credentials to each sub-account.
        sub_account_chain: Vec<RoleTemplate>,
        /// Organizational units (or roots) whose accounts, at any depth, are meant, by id or by path (`/Root/Sandbox`); empty:
        /// all.
        organizational_units: Vec<String>,
        /// Accounts that are left out.
        exclude: Vec<AccountId>,
    },
    /// Exactly these accounts.
    Listed {
        /// From the initial credentials to each account.
        sub_account_chain: Vec<RoleTemplate>,
        /// The accounts, in any state.
        accounts: Vec<AccountId>,
    },
}

impl Scope {
    /// The chain to the sub-accounts, where there are any.
    pub fn sub_account_chain(&self) -> Option<&[RoleTemplate]> {
        match self {
            Scope::MasterOnly => None,
            Scope::Organization { sub_account_chain, .. } | Scope::Listed { sub_account_chain, .. } => {
                Some(sub_account_chain)
            }
        }
    }
}

/// What goes with every AssumeRole of a chain.
#[derive(Clone, Debug)]
pub struct RoleOptions {
    /// `RoleSessionName`: shows in CloudTrail.
    pub session_name: String,
    /// Sent with every AssumeRole, never with AssumeRoleWithWebIdentity.
    pub external_id: Option<String>,
    /// `SourceIdentity` of the first role; AWS hands it on by itself.
    pub source_identity: Option<String>,
    /// Lifetime that is asked for, at most 3600 s: a session from role chaining cannot be longer.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>
    pub duration: Duration,
}

/// Which regions of each account.
#[derive(Clone, Debug, Default)]
pub struct RegionChoice {
    /// Exactly these; empty: every region that is enabled in the account.
    pub include: Vec<String>,
    /// Left out of either.
    pub exclude: Vec<String>,
}
