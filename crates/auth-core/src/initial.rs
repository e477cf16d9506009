//! The initial credentials: what every chain starts from, one issuer for each authentication method.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_sts::Client;
use aws_types::os_shim_internal::{Env, Fs};
use secrecy::ExposeSecret as _;

use crate::error::{AuthError, Cause, Step};
use crate::host::Host;
use crate::oidc::request_token;
use crate::secret::{FORGOTTEN, Secret};
use crate::session::{Issue, Reach, Session, Signer};
use crate::settings::{Method, RoleOptions, WebIdentity};
use crate::sts::assume_role_with_web_identity;

/// The session of the initial credentials. Makes no call: the first one is made when the session is first used.
pub(crate) fn session(host: &Host, method: &Method, options: &RoleOptions, sts: &Client) -> Arc<Session> {
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
            Session::new(keys, Signer::Parameters, Reach::TheRun, host)
        }
        Method::WebIdentity(identity) => Session::new(
            WebIdentityIssuer {
                host: host.clone(),
                identity: identity.as_ref().clone(),
                options: options.clone(),
                sts: sts.clone(),
            },
            Signer::WebIdentity,
            Reach::TheRun,
            host,
        ),
        Method::DefaultChain => {
            let chain = DefaultChain(host.clone());
            Session::new(chain, Signer::DefaultChain, Reach::TheRun, host)
        }
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
        self.host.mask.add(token.expose_secret());
        assume_role_with_web_identity(&self.sts, &self.host, &self.identity, &self.options, &token).await
    }
}

/// The profile that was chosen, where it is in no file: the SDK passes over it in silence.
async fn undefined_profile() -> Option<String> {
    let files = EnvConfigFiles::default();
    let profiles = profile::load(&Fs::real(), &Env::real(), &files, None).await.ok()?;
    let chosen = profiles.selected_profile();
    (chosen != "default" && profiles.get_profile(chosen).is_none()).then(|| chosen.to_owned())
}

/// The SDK lists the links of the chain on lines of their own.
fn one_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    let rest: Vec<&str> = lines.collect();
    match rest.is_empty() {
        true => first,
        false => format!("{first} {}", rest.join("; ")),
    }
}

/// What every AWS tool accepts. Made anew for each renewal: the SDK's providers keep some of their errors.
struct DefaultChain(Host);

#[async_trait]
impl Issue for DefaultChain {
    async fn issue(&self) -> Result<Credentials, AuthError> {
        let host = &self.0;
        let config = ProviderConfig::without_region()
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_http_client(host.foreign_http())
            .with_time_source(host.time.clone())
            .with_sleep_impl(host.sleep.clone());
        let chain = DefaultCredentialsChain::builder()
            .region(host.config.region().cloned())
            .configure(config)
            .build()
            .await;
        match chain.provide_credentials().await {
            Ok(credentials) => Ok(credentials),
            Err(error) => {
                let why = match undefined_profile().await {
                    Some(profile) => {
                        format!("the profile `{profile}` is not defined in ~/.aws/config or ~/.aws/credentials")
                    }
                    None => one_line(&crate::error::whole(&error)),
                };
                Err(AuthError::new(Step::DefaultChain, Cause::Invalid(why)))
            }
        }
    }
}
