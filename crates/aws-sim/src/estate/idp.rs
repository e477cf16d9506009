//! The identity provider: its clients, and the ways in which real ones differ or fail.

use std::fmt;
use std::time::Duration;

/// A client of the identity provider.
#[derive(Clone)]
pub struct IdpClient {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
    pub(crate) azp: Option<String>,
    pub(crate) claims: Vec<(String, String)>,
}

impl fmt::Debug for IdpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdpClient")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl IdpClient {
    /// A client whose tokens name it as subject and `sts.amazonaws.com` as audience.
    #[must_use]
    pub fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            subject: id.to_owned(),
            audience: "sts.amazonaws.com".to_owned(),
            azp: None,
            claims: Vec::new(),
        }
    }

    /// The `sub` of its tokens.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.subject);
        self
    }

    /// The `aud` of its tokens where the request names none.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        audience.clone_into(&mut self.audience);
        self
    }

    /// The `azp` of its tokens.
    #[must_use]
    pub fn azp(mut self, azp: &str) -> Self {
        self.azp = Some(azp.to_owned());
        self
    }

    /// A further claim of its tokens.
    #[must_use]
    pub fn claim(mut self, name: &str, value: &str) -> Self {
        self.claims.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The client's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The client's secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// How a client may show its secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `client_secret_basic` or `client_secret_post`.
    #[default]
    Either,
    /// `client_secret_basic` only.
    Basic,
    /// `client_secret_post` only.
    Post,
}

/// What the token endpoint does with a request that is in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IdpMode {
    /// Issues a signed JWT.
    #[default]
    Normal,
    /// Issues an opaque token.
    Opaque,
    /// Issues a JWT for another audience.
    WrongAudience,
    /// Issues a JWT without `aud`.
    NoAudience,
    /// Issues a JWT of another issuer.
    WrongIssuer,
    /// Issues a JWT that has just expired.
    Expired,
    /// Issues a JWT whose signature is wrong.
    BadSignature,
    /// Answers 200 with an HTML page, as a login page or a proxy does.
    Html,
    /// Answers with this status: 401 with `invalid_client`, others with a plain text.
    Status(u16),
    /// Redirects elsewhere.
    Redirect(String),
    /// Answers with JSON that has no `access_token`.
    NoAccessToken,
    /// Answers 200 with text that is no JSON.
    NotJson,
}

/// The identity provider.
#[derive(Clone, Debug)]
pub struct Idp {
    pub(crate) clients: Vec<IdpClient>,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) lifetime: Duration,
    pub(crate) issuer: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) mode: IdpMode,
}

impl Default for Idp {
    fn default() -> Self {
        Self {
            clients: Vec::new(),
            authentication: ClientAuthentication::Either,
            lifetime: Duration::from_secs(300),
            issuer: None,
            scope: None,
            audience: None,
            mode: IdpMode::Normal,
        }
    }
}

impl Idp {
    /// An identity provider with one client. Tokens live five minutes.
    #[must_use]
    pub fn new(client: IdpClient) -> Self {
        Self {
            clients: vec![client],
            ..Self::default()
        }
    }

    /// Adds a client.
    #[must_use]
    pub fn client(mut self, client: IdpClient) -> Self {
        self.clients.push(client);
        self
    }

    /// Which client authentication is accepted.
    #[must_use]
    pub fn accepting(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// How long tokens live.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The `iss` of tokens, where it is not the simulator's endpoint.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.to_owned());
        self
    }

    /// Requests must ask for this scope, or get `invalid_scope`.
    #[must_use]
    pub fn requiring_scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.to_owned());
        self
    }

    /// Requests must name this `audience` or `resource`, or get `invalid_target`.
    #[must_use]
    pub fn requiring_audience(mut self, audience: &str) -> Self {
        self.audience = Some(audience.to_owned());
        self
    }

    /// What the token endpoint does at the start; see also [`Sim::set_idp_mode`](crate::Sim::set_idp_mode).
    #[must_use]
    pub fn mode(mut self, mode: IdpMode) -> Self {
        self.mode = mode;
        self
    }
}
