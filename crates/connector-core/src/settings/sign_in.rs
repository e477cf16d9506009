//! Who signs in, and where: the authentication method, and the partition of the roles.

use auth_core::credential::normalised;
use auth_core::regions::is_region;
use auth_core::settings::{ClientAuthentication, Method, Scope, WebIdentity};
use auth_core::{Partition, RoleTemplate, endpoint};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::Rules;
use crate::parameters::catalog::*;
use crate::parameters::{Parameter, Problem};

impl Rules<'_> {
    pub(super) fn method(&mut self) -> Option<Method> {
        let chosen = self.values.text(&AUTHENTICATION_METHOD).unwrap_or(METHOD_ACCESS_KEY);
        let access_key = [&ACCESS_KEY_ID, &SECRET_ACCESS_KEY, &SESSION_TOKEN];
        let oidc = [
            &CLIENT_ID,
            &CLIENT_SECRET,
            &IDP_URL,
            &ROLE_ARN,
            &SESSION_DURATION,
            &OIDC_SCOPE,
            &OIDC_AUDIENCE,
            &OIDC_CLIENT_AUTHENTICATION,
            &OIDC_TOKEN_PARAMETERS,
        ];
        let ignored = access_key
            .iter()
            .filter(|_| chosen != METHOD_ACCESS_KEY)
            .chain(oidc.iter().filter(|_| chosen != METHOD_OIDC))
            .filter(|parameter| self.values.has(parameter))
            .map(|parameter| parameter.name)
            .collect::<Vec<_>>();
        if !ignored.is_empty() {
            self.warnings.push(format!(
                "AuthenticationMethod is `{chosen}`: {} ignored",
                ignored.join(", ")
            ));
        }
        match chosen {
            METHOD_OIDC => self.web_identity(),
            METHOD_DEFAULT_CHAIN => Some(Method::DefaultChain),
            _ => self.access_key(),
        }
    }

    fn required(&mut self, parameters: &[&'static Parameter], method: &str) -> bool {
        let missing: Vec<_> = parameters
            .iter()
            .filter(|parameter| !self.values.has(parameter))
            .collect();
        for parameter in &missing {
            let ways = match parameter.secret_sources() {
                Some([(_, file), (_, command)]) => format!(
                    "give it in the parameter file, as {} in the environment, or by {file} or {command}",
                    parameter.environment()
                ),
                None => format!(
                    "give it in the parameter file, as {} in the environment, or as --{}",
                    parameter.environment(),
                    parameter.flag()
                ),
            };
            let name = parameter.name;
            self.problem(format!(
                "{name} is missing: AuthenticationMethod `{method}` needs it; {ways}"
            ));
        }
        missing.is_empty()
    }

    fn access_key(&mut self) -> Option<Method> {
        let none = [&AUTHENTICATION_METHOD, &ACCESS_KEY_ID, &SECRET_ACCESS_KEY]
            .iter()
            .all(|parameter| !self.values.has(parameter));
        if none {
            self.problem(format!(
                "access_key_id is missing, secret_access_key is missing: nothing says how to sign in. To sign in as the AWS \
                 CLI does, by profile, SSO or environment, add --{} '{METHOD_DEFAULT_CHAIN}'. With an access key, give \
                 both in the parameter file, or as {} and {} in the environment; the secret may also come by {}",
                AUTHENTICATION_METHOD.flag(),
                ACCESS_KEY_ID.environment(),
                SECRET_ACCESS_KEY.environment(),
                "secret_access_key_file or secret_access_key_command",
            ));
            return None;
        }
        if !self.required(&[&ACCESS_KEY_ID, &SECRET_ACCESS_KEY], METHOD_ACCESS_KEY) {
            if !self.values.has(&AUTHENTICATION_METHOD) {
                self.problem(format!(
                    "AuthenticationMethod is not given, so it is `{METHOD_ACCESS_KEY}`: to sign in as the AWS CLI does, by \
                     profile, SSO or environment, set it to `{METHOD_DEFAULT_CHAIN}`, as --{} '{METHOD_DEFAULT_CHAIN}'",
                    AUTHENTICATION_METHOD.flag()
                ));
            }
            return None;
        }
        let access_key_id = self.normalised(&ACCESS_KEY_ID, self.values.text(&ACCESS_KEY_ID)?);
        let secret = |parameter| self.values.secret(parameter).map(|secret| secret.expose_secret());
        let secret_access_key = self.normalised(&SECRET_ACCESS_KEY, secret(&SECRET_ACCESS_KEY)?);
        let session_token = secret(&SESSION_TOKEN).map(|token| self.normalised(&SESSION_TOKEN, token));
        let (access_key_id, secret_access_key, session_token) =
            (self.kept(access_key_id)?, self.kept(secret_access_key)?, session_token);
        let session_token = match session_token {
            Some(token) => Some(self.kept(token)?),
            None => None,
        };
        if looks_secret(&access_key_id) || is_key_id(&secret_access_key) {
            self.problem(
                "access_key_id and secret_access_key seem to be swapped: the id has 20 capital letters and digits, such as \
                 AKIA…, and the secret 40 characters of other kinds too",
            );
            return None;
        }
        if access_key_id.starts_with("ASIA") && session_token.is_none() {
            self.problem(
                "session_token is missing: access_key_id begins with ASIA, so the key is temporary and AWS takes it \
                 with its session token only",
            );
        }
        Some(Method::AccessKey {
            access_key_id,
            secret_access_key: SecretString::from(secret_access_key).into(),
            session_token: session_token.map(|token| SecretString::from(token).into()),
        })
    }

    /// A credential without what stands around it; the problem where it can be none.
    fn normalised(&self, parameter: &Parameter, text: &str) -> Result<String, Problem> {
        let source = self.values.source(parameter).map(|source| format!(" ({source})"));
        let told = |why| Problem(format!("{}{}: {why}", parameter.name, source.unwrap_or_default()));
        normalised(text).map(str::to_owned).map_err(told)
    }

    /// What there is; a problem is kept among the others.
    fn kept<T>(&mut self, found: Result<T, Problem>) -> Option<T> {
        found.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn web_identity(&mut self) -> Option<Method> {
        self.token_fields();
        let complete = self.required(&[&CLIENT_ID, &CLIENT_SECRET, &IDP_URL, &ROLE_ARN], METHOD_OIDC);
        let insecure = self.values.boolean(&ALLOW_INSECURE_ENDPOINTS);
        let token_url = self
            .values
            .text(&IDP_URL)
            .and_then(|text| match token_url(text, insecure) {
                Ok(url) => Some(url),
                Err(why) => {
                    self.problem(format!("IdpUrl: {why}"));
                    None
                }
            });
        let role_arn = self
            .values
            .text(&ROLE_ARN)
            .and_then(|text| match RoleTemplate::parse(text) {
                Ok(role) if role.has_placeholder() => {
                    self.problem("RoleArn: {accountId} has a meaning in sub_account_assume_role_arn_chain only");
                    None
                }
                Ok(role) => Some(role),
                Err(why) => {
                    self.problem(format!("RoleArn: {why}"));
                    None
                }
            });
        if !complete {
            return None;
        }
        let client_authentication = match self.values.text(&OIDC_CLIENT_AUTHENTICATION) {
            Some("client_secret_post") => ClientAuthentication::Post,
            _ => ClientAuthentication::Basic,
        };
        Some(Method::WebIdentity(Box::new(WebIdentity {
            token_url: token_url?,
            client_id: self.values.text(&CLIENT_ID)?.trim().to_owned(),
            client_secret: SecretString::from(without_marks(self.values.secret(&CLIENT_SECRET)?.expose_secret()))
                .into(),
            client_authentication,
            scope: self.values.text(&OIDC_SCOPE).map(str::to_owned),
            audience: self.values.text(&OIDC_AUDIENCE).map(str::to_owned),
            token_parameters: self.values.map(&OIDC_TOKEN_PARAMETERS),
            role_arn: role_arn?,
            session_duration: self.seconds(&SESSION_DURATION),
        })))
    }

    /// A field of the token request that stands in two places may be meant either way.
    fn token_fields(&mut self) {
        let fields = self.values.map(&OIDC_TOKEN_PARAMETERS);
        for (field, parameter) in [
            ("scope", &OIDC_SCOPE),
            ("audience", &OIDC_AUDIENCE),
            ("client_id", &CLIENT_ID),
            ("client_secret", &CLIENT_SECRET),
        ] {
            if fields.contains_key(field) && self.values.has(parameter) {
                let name = parameter.name;
                self.problem(format!(
                    "OidcTokenParameters has `{field}`, which is {name} too: keep one"
                ));
            }
        }
        if fields.contains_key("grant_type") {
            self.problem("OidcTokenParameters has `grant_type`, which is always client_credentials: remove it");
        }
    }

    /// The partition of all role ARNs; `None` where there are none.
    pub(super) fn partition(
        &mut self,
        method: Option<&Method>,
        master_chain: &[RoleTemplate],
        scope: &Scope,
    ) -> Option<&'static Partition> {
        let of_token = match method {
            Some(Method::WebIdentity(identity)) => Some((ROLE_ARN.name, &identity.role_arn)),
            _ => None,
        };
        let master = master_chain.iter().map(|role| (MASTER_CHAIN.name, role));
        let sub = scope.sub_account_chain().unwrap_or_default();
        let sub = sub.iter().map(|role| (SUB_ACCOUNT_CHAIN.name, role));
        let mut found: Option<(&str, &RoleTemplate, &'static Partition)> = None;
        for (name, role) in of_token.into_iter().chain(master).chain(sub) {
            let Some(partition) = Partition::named(role.partition()) else {
                let known: Vec<&str> = Partition::all().iter().map(|partition| partition.name).collect();
                self.problem(format!(
                    "{name}: the partition of {role} is none of {}",
                    known.join(", ")
                ));
                return None;
            };
            match found {
                None => found = Some((name, role, partition)),
                Some((first, other, of)) if of != partition => {
                    self.problem(format!(
                        "{first} has {other} and {name} has {role}: roles of two partitions cannot be in one run"
                    ));
                    return None;
                }
                Some(_) => {}
            }
        }
        found.map(|(.., partition)| partition)
    }

    /// A region of another partition does not know the roles.
    pub(super) fn of_partition(&mut self, what: &str, region: &str, partition: Option<&'static Partition>) {
        let of = Partition::of_region(region);
        if let Some(partition) = partition.filter(|partition| *partition != of && is_region(region)) {
            self.problem(format!(
                "{what}: {region} is a region of the partition {}, and the role ARNs are of {}: name a region of theirs, such \
                 as {}",
                of.name, partition.name, partition.global_region
            ));
        }
    }

    /// The one that is given, else that of the environment or profile, else the main one of the roles' partition.
    pub(super) fn home_region(&mut self, configured: Option<&str>, partition: Option<&'static Partition>) -> String {
        if let Some(region) = self.values.text(&STS_REGION) {
            self.region(&STS_REGION, region);
            self.of_partition(STS_REGION.name, region, partition);
            return region.to_owned();
        }
        if let Some(region) = configured {
            if !is_region(region) {
                self.problem(format!(
                    "the profile's region `{region}` is not the name of a region, such as eu-west-1: correct it in ~/.aws/config, \
                     or set sts_region"
                ));
            }
            self.of_partition("AWS_REGION, or the profile's region", region, partition);
            return region.to_owned();
        }
        partition.unwrap_or(&Partition::all()[0]).global_region.to_owned()
    }
}

/// A client's secret may be anything; a byte order mark and line breaks around it are an editor's.
fn without_marks(secret: &str) -> &str {
    secret.trim_matches(['\u{feff}', '\n', '\r'])
}

/// The form of an access key id of AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>. Those who
/// imitate AWS may have others.
fn is_key_id(text: &str) -> bool {
    (text.starts_with("AKIA") || text.starts_with("ASIA"))
        && text.len() == 20
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether a key id looks like a secret access key: 40 characters of base64.
fn looks_secret(text: &str) -> bool {
    let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let has_lower = text.bytes().any(|byte| byte.is_ascii_lowercase());
    (text.len() == 40 && has_lower && text.bytes().all(of_base64)) || text.contains(['/', '+'])
}

fn token_url(text: &str, insecure: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials do not belong into the URL: use ClientId and ClientSecret".to_owned());
    }
    endpoint::check(&url, insecure)?;
    if url.fragment().is_some() {
        return Err(format!("`{text}` has a fragment (#…), which is never sent: remove it"));
    }
    Ok(url)
}
