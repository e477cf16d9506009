//! The initial credentials: what every chain starts from, one issuer for each authentication method.

use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::Client;

use crate::error::{AuthError, Cause, Step};
use crate::host::Host;
use crate::oidc::request_token;
use crate::secret::{FORGOTTEN, Secret};
use crate::session::{Issue, Session};
use crate::settings::{Method, RoleOptions, WebIdentity};
use crate::sts::assume_role_with_web_identity;

/// The session of the initial credentials. Makes no call: the first one is made when the session is first used.
pub(crate) fn session(host: &Host, method: &Method, options: &RoleOptions, sts: &Client) -> Arc<Session> {
    let time = host.time.clone();
    match method {
        Method::AccessKey {
            access_key_id,
            secret_access_key,
            session_token,
        } => {
            let keys = Keys {
                access_key_id: access_key_id.clone(),
                secret_access_key: secret_access_key.clone(),
                session_token: session_token.clone(),
            };
            Session::new(keys, time)
        }
        Method::WebIdentity(identity) => Session::new(
            WebIdentityIssuer {
                host: host.clone(),
                identity: identity.as_ref().clone(),
                options: options.clone(),
                sts: sts.clone(),
            },
            time,
        ),
        Method::DefaultChain => Session::new(DefaultChain(host.config.credentials_provider()), time),
    }
}

/// Given credentials: AWS does not tell when they expire, and they cannot be renewed.
struct Keys {
    access_key_id: String,
    secret_access_key: Secret,
    session_token: Option<Secret>,
}

#[async_trait]
impl Issue for Keys {
    async fn issue(&self) -> Result<Credentials, AuthError> {
        let token = self
            .session_token
            .as_ref()
            .and_then(|token| token.expose(str::to_owned));
        let keys = self
            .secret_access_key
            .expose(|secret| Credentials::new(&self.access_key_id, secret, token, None, "parameters"));
        keys.ok_or_else(|| AuthError::new(Step::Identity, Cause::Invalid(FORGOTTEN.to_owned())))
    }
}

/// A token from the identity provider, new at every renewal, traded for a role's session.
struct WebIdentityIssuer {
    host: Host,
    identity: WebIdentity,
    options: RoleOptions,
    sts: Client,
}

#[async_trait]
impl Issue for WebIdentityIssuer {
    async fn issue(&self) -> Result<Credentials, AuthError> {
        let token = request_token(&self.host, &self.identity).await.map_err(|error| {
            let mut url = self.identity.token_url.clone();
            url.set_query(None);
            AuthError::new(Step::Token { url: url.into() }, Cause::Token(error))
        })?;
        assume_role_with_web_identity(&self.sts, &self.host, &self.identity, &self.options, &token).await
    }
}

struct DefaultChain(Option<SharedCredentialsProvider>);

#[async_trait]
impl Issue for DefaultChain {
    async fn issue(&self) -> Result<Credentials, AuthError> {
        let failed = |why: String| AuthError::new(Step::DefaultChain, Cause::Invalid(why));
        let Some(provider) = &self.0 else {
            return Err(failed("there is none".to_owned()));
        };
        provider
            .provide_credentials()
            .await
            .map_err(|error| failed(crate::error::innermost(&error)))
    }
}
