//! Where parameters come from: a file, then environment variables, then flags; the later wins.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use auth_core::Mask;
use auth_core::file::{Unread, whole};
use auth_core::host::within;
use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;
use tokio::io::AsyncReadExt as _;

use super::catalog::{OIDC_TOKEN_PARAMETERS, RUN_TIMEOUT, SECRET_IDENTITY};
use super::encrypted::{Identities, is_encrypted, open};
use super::file;
use super::values::{Problem, Source, Values};
use super::{ENVIRONMENT_PREFIX, Parameter, ParameterKind, SecretSource, flag_of};

/// Everything that a run is given, before it is looked at.
#[derive(Clone, Default)]
pub struct Inputs {
    /// `--params`
    pub file: Option<PathBuf>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Flags with their texts, in order; a flag that was given twice is there twice.
    pub flags: Vec<(String, String)>,
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment may hold secrets.
        f.debug_struct("Inputs")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// The systemd credential that holds identities, below `$CREDENTIALS_DIRECTORY`:
/// <https://systemd.io/CREDENTIALS/>
const IDENTITY_CREDENTIAL: &str = "secret_identity";

/// A parameter file is small. In bytes.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;
/// A secret is small: a long session token has some 2 KB. In bytes.
const LARGEST_SECRET: u64 = 64 * 1024;

/// Reads all sources. Secrets that stand elsewhere are fetched last, and those that are encrypted are opened. `mask` knows every
/// secret from then on.
///
/// # Errors
/// All problems, not the first alone.
pub async fn read(parameters: &[&'static Parameter], inputs: &Inputs, mask: &Mask) -> Result<Values, Vec<Problem>> {
    let mut values = Values::default();
    let mut problems = Vec::new();
    let mut exposed = false;
    if let Some(path) = &inputs.file {
        match read_file(path).await {
            Ok(file) => exposed = from_file(parameters, &file, path, &mut values, &mut problems),
            Err(problem) => problems.push(problem),
        }
    }
    from_environment(parameters, &inputs.environment, &mut values, &mut problems);
    from_flags(parameters, &inputs.flags, &mut values, &mut problems);
    // A key beside its lock.
    if let (Some(_), Some(source @ Source::File(_))) =
        (values.secret(&SECRET_IDENTITY), values.source(&SECRET_IDENTITY))
    {
        problems.push(Problem(format!(
            "{name} ({source}): beside the secrets that it opens it protects nothing; let {name}_file name a file that \
             holds it",
            name = SECRET_IDENTITY.name
        )));
    }
    fetch_secrets(parameters, &mut values, &mut problems).await;
    if let (Some(path), true) = (&inputs.file, exposed) {
        let file = format!("the parameter file {} has a secret in it and", path.display());
        warn_if_readable(&mut values, &file, path);
    }
    problems.extend(open_encrypted(parameters, inputs, &mut values).await);
    for parameter in parameters {
        if let Some(secret) = values.secret(parameter) {
            mask.add(secret.expose_secret());
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

impl Values {
    /// What is given but for the parameter file, as far as it is right: what has to hold while that is read.
    pub(crate) fn before_the_file(parameters: &[&'static Parameter], inputs: &Inputs) -> Self {
        let (mut values, mut problems) = (Values::default(), Vec::new());
        from_environment(parameters, &inputs.environment, &mut values, &mut problems);
        from_flags(parameters, &inputs.flags, &mut values, &mut problems);
        values
    }

    /// `run_timeout`
    pub(crate) fn run_timeout(&self) -> Duration {
        let seconds = self
            .integer(&RUN_TIMEOUT)
            .and_then(|seconds| u64::try_from(seconds).ok());
        seconds.map_or(Duration::MAX, Duration::from_secs)
    }
}

/// Whether a secret stands in the file.
fn from_file(
    parameters: &[&'static Parameter],
    file: &ParameterFile,
    path: &Path,
    values: &mut Values,
    problems: &mut Vec<Problem>,
) -> bool {
    let mut exposed = false;
    let source = Source::File(path.display().to_string());
    let mut seen: Vec<&'static str> = Vec::new();
    for (key, value) in &file.entries {
        if let Some(parameter) = parameters.iter().find(|parameter| parameter.answers_to(key)) {
            let name = parameter.name;
            if seen.contains(&name) {
                problems.push(Problem(format!(
                    "{name} is given twice {source}, once as `{key}`; keep one"
                )));
                continue;
            }
            seen.push(name);
            if let Some((read, written)) = file::changed_number(&file.text, value) {
                problems.push(Problem(format!(
                    "{name} ({source}): {written} stands without quotes, and is read as the number {read}; write \"{written}\""
                )));
                continue;
            }
            let text = value.as_str().unwrap_or_default();
            let encrypted = parameter.encryptable && is_encrypted(text);
            exposed |= parameter.is_secret() && !text.is_empty() && !encrypted;
        }
        problems.extend(values.set(parameters, key, value, &source).err());
    }
    exposed
}

fn from_environment(
    parameters: &[&'static Parameter],
    environment: &[(String, String)],
    values: &mut Values,
    problems: &mut Vec<Problem>,
) {
    let mut variables: Vec<_> = environment
        .iter()
        .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
        .collect();
    variables.sort();
    for (variable, text) in variables {
        let source = Source::Environment(variable.clone());
        let key = key_of(parameters, |key| {
            format!("{ENVIRONMENT_PREFIX}{}", flag_of(key).replace('-', "_").to_uppercase()) == *variable
        });
        // Kubernetes sets these by itself beside a service that is called `connector`.
        // https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
        let of_a_service = ["SERVICE_", "PORT"]
            .iter()
            .any(|of_a_service| variable[ENVIRONMENT_PREFIX.len()..].starts_with(of_a_service));
        if key.is_none() && of_a_service {
            continue;
        }
        let key = key.unwrap_or_else(|| variable[ENVIRONMENT_PREFIX.len()..].to_lowercase());
        let set = values.set(parameters, &key, &Json::from(text.as_str()), &source);
        problems.extend(set.err());
    }
}

fn from_flags(
    parameters: &[&'static Parameter],
    given: &[(String, String)],
    values: &mut Values,
    problems: &mut Vec<Problem>,
) {
    let takes_texts = |flag: &str| {
        let mut texts = parameters
            .iter()
            .filter(|parameter| parameter.kind == ParameterKind::Texts);
        texts.any(|parameter| parameter.flag() == flag)
    };
    let mut flags: Vec<(String, String)> = Vec::new();
    let mut texts: Vec<(String, Vec<Json>)> = Vec::new();
    for (flag, text) in given {
        if takes_texts(flag) {
            match texts.iter_mut().find(|(known, _)| known == flag) {
                Some((_, texts)) => texts.push(Json::from(text.as_str())),
                None => texts.push((flag.clone(), vec![Json::from(text.as_str())])),
            }
            continue;
        }
        match flags.iter_mut().find(|(known, _)| known == flag) {
            // `--regions a --regions b` is `--regions a,b`; a space separates in every kind of list.
            Some((_, texts)) => *texts = format!("{texts} {text}"),
            None => flags.push((flag.clone(), text.clone())),
        }
    }
    let flags = flags.into_iter().map(|(flag, text)| (flag, Json::from(text)));
    let texts = texts.into_iter().map(|(flag, texts)| (flag, Json::from(texts)));
    for (flag, value) in flags.chain(texts) {
        if let Some(key) = key_of(parameters, |key| flag_of(key) == flag) {
            let set = values.set(parameters, &key, &value, &Source::Flag(flag.clone()));
            problems.extend(set.err());
        }
    }
}

/// Fetches the secrets that stand in files, or that commands print, within the time of the run.
async fn fetch_secrets(parameters: &[&'static Parameter], values: &mut Values, problems: &mut Vec<Problem>) {
    let limit = values.run_timeout();
    for parameter in parameters.iter().filter(|parameter| parameter.is_secret()) {
        let Some((kind, place)) = values.elsewhere(parameter) else {
            continue;
        };
        let place = place.to_owned();
        let fetching = fetch_secret(parameters, parameter, kind, &place);
        let fetched = within(limit, fetching).await.unwrap_or_else(|| {
            let what = match kind {
                SecretSource::File => "its file gave nothing",
                SecretSource::Command => "its command was still at work",
            };
            let (name, limit) = (parameter.name, limit.as_secs());
            Err(Problem(format!(
                "{name}: {what} when the {limit} s of run_timeout were over"
            )))
        });
        match fetched {
            Ok(secret) => values.set_secret(parameter, secret),
            Err(problem) => problems.push(problem),
        }
        if parameter.name == SECRET_IDENTITY.name && kind == SecretSource::File {
            warn_if_readable(values, &format!("the identity file {place}"), Path::new(&place));
        }
    }
}

/// Others who can read a file can take over what its secrets are for.
fn warn_if_readable(values: &mut Values, file: &str, path: &Path) {
    let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        values.warn(format!(
            "{file} can be read by others (mode {mode:04o}): make it readable to its owner alone, `chmod 600`"
        ));
    }
}

/// Opens the secrets that stand encrypted, wherever they come from.
async fn open_encrypted(parameters: &[&'static Parameter], inputs: &Inputs, values: &mut Values) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut identities = None;
    for parameter in parameters.iter().filter(|parameter| parameter.encryptable) {
        let secret = values
            .secret(parameter)
            .filter(|secret| is_encrypted(secret.expose_secret()));
        let (Some(secret), Some(source)) = (secret, values.source(parameter)) else {
            continue;
        };
        if identities.is_none() {
            identities = Some(find_identities(inputs, values).await);
        }
        let Some(identities) = &identities else { continue };
        let opened = match identities {
            Ok(Some(identities)) => open(secret.expose_secret(), identities).map_err(|why| why.to_string()),
            Ok(None) => Err(format!(
                "it stands encrypted, and there is no identity to open it: name the file that holds it as {name}_file, \
                 put it into {variable} in the environment, or into the systemd credential {IDENTITY_CREDENTIAL}",
                name = SECRET_IDENTITY.name,
                variable = SECRET_IDENTITY.environment(),
            )),
            // Told once, with the identity.
            Err(_) => continue,
        };
        // What was encrypted from a file or echo ends in a line break that is not the secret's.
        let opened = opened.and_then(|secret| match without_line_break(secret.expose_secret()) {
            "" => Err("the encrypted value is empty".to_owned()),
            text => Ok(SecretString::from(text)),
        });
        match opened {
            Ok(secret) => values.set_secret(parameter, secret),
            Err(why) => problems.push(Problem(format!("{} ({source}): {why}", parameter.name))),
        }
    }
    if let Some(Err(problem)) = identities {
        problems.push(problem);
    }
    problems
}

/// The identities of the parameter, else those of the systemd credential.
async fn find_identities(inputs: &Inputs, values: &Values) -> Result<Option<Identities>, Problem> {
    let name = SECRET_IDENTITY.name;
    if let Some(text) = values.secret(&SECRET_IDENTITY) {
        let source = values
            .source(&SECRET_IDENTITY)
            .map_or(String::new(), ToString::to_string);
        let parsed = Identities::parse(text.expose_secret());
        return parsed
            .map(Some)
            .map_err(|why| Problem(format!("{name} ({source}): {why}")));
    }
    let directory = inputs
        .environment
        .iter()
        .find(|(name, _)| name == "CREDENTIALS_DIRECTORY");
    let path = match directory {
        Some((_, directory)) if !directory.is_empty() => Path::new(directory).join(IDENTITY_CREDENTIAL),
        _ => return Ok(None),
    };
    let refused = |why: String| Problem(format!("{name} (the systemd credential {}): {why}", path.display()));
    match whole(&path, LARGEST_SECRET).await {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map(SecretString::from);
            let text = text.map_err(|_| refused("it is not UTF-8".to_owned()))?;
            Identities::parse(text.expose_secret()).map(Some).map_err(refused)
        }
        Err(Unread::System(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(format!("it {error}"))),
    }
}

/// The key, a parameter's name or that of a secret's other sources, that `fits`.
fn key_of(parameters: &[&'static Parameter], fits: impl Fn(&str) -> bool) -> Option<String> {
    let keys = parameters.iter().flat_map(|parameter| {
        let others = parameter.secret_sources().into_iter().flatten().map(|(_, name)| name);
        std::iter::once(parameter.name.to_owned()).chain(others)
    });
    keys.into_iter().find(|key| fits(key))
}

/// A parameter file.
struct ParameterFile {
    text: String,
    entries: Vec<(String, Json)>,
}

async fn read_file(path: &Path) -> Result<ParameterFile, Problem> {
    let wrong = |why: String| Problem(format!("the parameter file {}{why}", path.display()));
    let bytes = whole(path, LARGEST_FILE)
        .await
        .map_err(|error| wrong(format!(" {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(": it is not UTF-8".to_owned()))?;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let entries = file::entries(&text, ending).map_err(wrong)?;
    Ok(ParameterFile { text, entries })
}

async fn fetch_secret(
    parameters: &[&'static Parameter],
    parameter: &Parameter,
    kind: SecretSource,
    place: &str,
) -> Result<SecretString, Problem> {
    let name = parameter.name;
    let wrong = |why: String| Problem(format!("{name}: {why}"));
    let bytes = match kind {
        SecretSource::File => whole(Path::new(place), LARGEST_SECRET)
            .await
            .map_err(|error| wrong(unread_secret(place, &error)))?,
        SecretSource::Command => printed(parameters, place).await.map_err(wrong)?,
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong("what it was read from is not UTF-8".to_owned()))?;
    let secret = without_line_break(&text);
    if secret.is_empty() {
        return Err(wrong("what it was read from is empty".to_owned()));
    }
    Ok(SecretString::from(secret))
}

/// Some write the secret where its file is to be named.
fn unread_secret(place: &str, error: &Unread) -> String {
    use ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    match error {
        Unread::System(why)
            if matches!(why.kind(), NotFound | NotADirectory | InvalidFilename | InvalidInput)
                && !is_a_place(place) =>
        {
            format!(
                "the file that is named for it {error}. Its name, of {} characters, is not shown: it may be the \
                 secret itself",
                place.chars().count()
            )
        }
        error => format!("the file {place} {error}"),
    }
}

/// Whether a path leads into a directory that is there, and does not look like a secret all the same.
fn is_a_place(path: &str) -> bool {
    let parent = Path::new(path).parent().filter(|parent| !parent.as_os_str().is_empty());
    let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
    let mixed = name.chars().any(|c| c.is_ascii_lowercase()) && name.chars().any(|c| c.is_ascii_uppercase());
    let like_a_secret = name.len() >= 20 && mixed && !name.contains('.');
    parent.is_some_and(Path::is_dir) && !like_a_secret
}

/// What a shell command prints.
async fn printed(parameters: &[&'static Parameter], line: &str) -> Result<Vec<u8>, String> {
    let unrun = |error: std::io::Error| format!("the command cannot be run: {error}");
    let mut command = tokio::process::Command::new("sh");
    // What prints one secret needs to know none of the others.
    for other in parameters.iter().filter(|other| other.is_secret()) {
        command.env_remove(other.environment());
    }
    let mut child = command
        .env_remove(OIDC_TOKEN_PARAMETERS.environment())
        .args(["-c", line])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .process_group(0)
        .spawn()
        .map_err(unrun)?;
    let mut group = Group(child.id());
    let mut bytes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = stdout.take(LARGEST_SECRET + 1);
        stdout.read_to_end(&mut bytes).await.map_err(unrun)?;
    }
    if bytes.len() as u64 > LARGEST_SECRET {
        return Err(format!(
            "the command has printed more than {LARGEST_SECRET} bytes, which is no secret"
        ));
    }
    let status = child.wait().await.map_err(unrun)?;
    group.0 = None;
    match status.success() {
        true => Ok(bytes),
        false => Err(format!("the command failed with {status}")),
    }
}

/// A command and all that it has started. Dropped, they are ended.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // They may have ended by themselves.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// One line break at the end is the editor's or echo's, not the secret's.
pub(crate) fn without_line_break(text: &str) -> &str {
    text.strip_suffix('\n')
        .map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use secrecy::ExposeSecret as _;

    use super::super::catalog::*;
    use super::*;

    fn file(ending: &str, content: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::Builder::new().suffix(ending).tempfile().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file
    }

    async fn from_file(ending: &str, content: &str) -> Result<Values, Vec<Problem>> {
        let file = file(ending, content);
        read(
            SHARED,
            &Inputs {
                file: Some(file.path().to_owned()),
                ..Inputs::default()
            },
            &Mask::default(),
        )
        .await
    }

    fn pair(name: &str, text: &str) -> (String, String) {
        (name.to_owned(), text.to_owned())
    }

    #[tokio::test]
    async fn file_then_environment_then_flags() {
        let file = file(
            ".json",
            r#"{"access_key_id": "file", "sts_region": "file", "role_session_name": "file"}"#,
        );
        let inputs = Inputs {
            file: Some(file.path().to_owned()),
            environment: vec![
                pair("CONNECTOR_STS_REGION", "environment"),
                pair("CONNECTOR_ROLE_SESSION_NAME", "environment"),
                pair("HOME", "/"),
            ],
            flags: vec![
                pair("role-session-name", "flag"),
                pair("regions", "a"),
                pair("regions", "b,c"),
            ],
        };
        let values = read(SHARED, &inputs, &Mask::default()).await.unwrap();
        assert_eq!(values.text(&ACCESS_KEY_ID), Some("file"));
        assert_eq!(values.text(&STS_REGION), Some("environment"));
        assert_eq!(values.text(&ROLE_SESSION_NAME), Some("flag"));
        assert_eq!(values.list(&REGIONS), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn json_toml_and_yaml_say_the_same() {
        for (ending, content) in [
            (
                ".json",
                r#"{"access_key_id": "AKIA", "SessionDuration": 900, "accounts": ["012345678901"], "OidcTokenParameters": {"a": "b"}}"#,
            ),
            (
                ".toml",
                "access_key_id = 'AKIA'\nSessionDuration = 900\naccounts = ['012345678901']\n[OidcTokenParameters]\na = 'b'\n",
            ),
            (
                ".yaml",
                "access_key_id: AKIA\nSessionDuration: 900\naccounts: ['012345678901']\nOidcTokenParameters: {a: b}\nsession_token: null\n",
            ),
        ] {
            let values = from_file(ending, content).await.unwrap();
            assert_eq!(values.text(&ACCESS_KEY_ID), Some("AKIA"), "{ending}");
            assert_eq!(values.integer(&SESSION_DURATION), Some(900), "{ending}");
            assert_eq!(values.list(&ACCOUNTS), ["012345678901"], "{ending}");
            assert_eq!(values.map(&OIDC_TOKEN_PARAMETERS)["a"], "b", "{ending}");
        }
    }

    #[tokio::test]
    async fn a_broken_file_is_told_by_its_line_and_without_its_content() {
        for (ending, content) in [
            (".json", "{\n\"ClientSecret\": \"hush\" oops\n}"),
            (".toml", "a = 1\nClientSecret = \"hush\" oops\n"),
            (".yaml", "a: 1\nClientSecret: 'hush' oops\n"),
        ] {
            let problems = from_file(ending, content).await.unwrap_err();
            assert_eq!(problems.len(), 1);
            assert!(problems[0].0.contains("line 2"), "{}", problems[0]);
            assert!(!problems[0].0.contains("hush"), "{}", problems[0]);
        }
        let problems = from_file(".json", "[]").await.unwrap_err();
        assert!(problems[0].0.contains("one object"), "{}", problems[0]);
    }

    #[tokio::test]
    async fn all_problems_are_told_at_once() {
        let problems = from_file(".json", r#"{"RoleARN": "x", "SessionDuration": 1}"#)
            .await
            .unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        let twice = r#"{"master_assume_role_arn_chain": "a", "masterAssumeRoleArnChain": "b"}"#;
        assert!(
            from_file(".json", twice).await.unwrap_err()[0]
                .0
                .contains("is given twice")
        );
    }

    #[tokio::test]
    async fn a_secret_comes_from_a_file_or_a_command() {
        let secret = file("", "hush=1\n");
        let place = secret.path().display();
        let params = format!(r#"{{"secret_access_key_file": "{place}", "ClientSecretCommand": "printf 'a b\n'"}}"#);
        let values = from_file(".json", &params).await.unwrap();
        assert_eq!(values.secret(&SECRET_ACCESS_KEY).unwrap().expose_secret(), "hush=1");
        assert_eq!(values.secret(&CLIENT_SECRET).unwrap().expose_secret(), "a b");
        for (params, part) in [
            (r#"{"ClientSecretCommand": "exit 3"}"#, "failed with exit status: 3"),
            (r#"{"ClientSecretCommand": "true"}"#, "is empty"),
            (r#"{"ClientSecretFile": "/nonexistent"}"#, "cannot be read"),
        ] {
            let problems = from_file(".json", params).await.unwrap_err();
            assert!(
                problems[0].0.starts_with("ClientSecret: ") && problems[0].0.contains(part),
                "{}",
                problems[0]
            );
        }
    }

    #[tokio::test]
    async fn a_service_of_kubernetes_that_is_called_connector_is_none_of_ours() {
        let environment = ["SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP_ADDR"];
        let environment = environment.map(|name| pair(&format!("CONNECTOR_{name}"), "x")).to_vec();
        let inputs = Inputs {
            environment,
            ..Inputs::default()
        };
        assert!(read(SHARED, &inputs, &Mask::default()).await.is_ok());
        let ours = SHARED.iter().map(|parameter| parameter.environment());
        assert_eq!(
            ours.filter(|name| name.starts_with("CONNECTOR_PORT") || name.starts_with("CONNECTOR_SERVICE_"))
                .count(),
            0
        );
    }

    #[tokio::test]
    async fn a_misspelt_variable_is_a_problem_not_a_silence() {
        let inputs = Inputs {
            environment: vec![pair("CONNECTOR_ROLE_ARM", "x")],
            ..Inputs::default()
        };
        let problems = read(SHARED, &inputs, &Mask::default()).await.unwrap_err();
        assert!(
            problems[0].0.contains("CONNECTOR_ROLE_ARM") && problems[0].0.contains("RoleArn"),
            "{}",
            problems[0]
        );
    }
}
