//! Parameter values: what was given, from where, checked against the declaration.

use std::collections::BTreeMap;
use std::fmt;

use auth_core::arn::split_chain;
use secrecy::SecretString;
use serde_json::{Map, Value as Json};

use super::{Bearing, Parameter, ParameterKind, SecretSource};

/// Where a value comes from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A key of the parameter file.
    File(String),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => write!(f, "in {path}"),
            Source::Environment(variable) => write!(f, "from {variable}"),
            Source::Flag(flag) => write!(f, "from --{flag}"),
        }
    }
}

/// Something wrong with the parameters: what, and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value as it was given.
#[derive(Clone, Debug)]
enum Given {
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    List(Vec<String>),
    Map(BTreeMap<String, String>),
    Secret(SecretString),
    /// A secret that was given, and is no longer here.
    Forgotten,
    /// A secret that is still to be fetched.
    Elsewhere(SecretSource, String),
}

/// The parameters of one run.
#[derive(Debug, Default)]
pub struct Values {
    given: BTreeMap<&'static str, (Given, Source)>,
    /// What the user should know of how they were given.
    warnings: Vec<String>,
}

impl Values {
    /// Takes `value` under `key`; a later call wins. `null`, an empty text and an empty list are the same as nothing.
    ///
    /// # Errors
    /// A key that is unknown, and a value that is not what the parameter takes.
    pub fn set(
        &mut self,
        parameters: &[&'static Parameter],
        key: &str,
        value: &Json,
        source: &Source,
    ) -> Result<(), Problem> {
        for parameter in parameters {
            if parameter.answers_to(key) {
                match read(parameter, value, source)? {
                    Some(given) => self.given.insert(parameter.name, (given, source.clone())),
                    // A later source may not clear what an earlier one has given: nothing means nothing.
                    None => None,
                };
                return Ok(());
            }
            for (kind, name) in parameter.secret_sources().into_iter().flatten() {
                if name == key {
                    if let Some(Given::Text(place)) = read_text(parameter, value, source)? {
                        self.given
                            .insert(parameter.name, (Given::Elsewhere(kind, place), source.clone()));
                    }
                    return Ok(());
                }
            }
        }
        Err(unknown(parameters, key, source))
    }

    fn get(&self, parameter: &Parameter) -> Option<&Given> {
        self.given.get(parameter.name).map(|(given, _)| given)
    }

    /// Whether the parameter was given.
    pub fn has(&self, parameter: &Parameter) -> bool {
        self.get(parameter).is_some()
    }

    /// A text or choice; its default where none was given.
    pub fn text(&self, parameter: &Parameter) -> Option<&str> {
        match self.get(parameter) {
            Some(Given::Text(text)) => Some(text),
            _ => parameter.default,
        }
    }

    /// A whole number; its default where none was given.
    pub fn integer(&self, parameter: &Parameter) -> Option<i64> {
        match self.get(parameter) {
            Some(Given::Integer(number)) => Some(*number),
            _ => parameter.default.and_then(|text| text.parse().ok()),
        }
    }

    /// A number; its default where none was given.
    pub fn number(&self, parameter: &Parameter) -> Option<f64> {
        match self.get(parameter) {
            Some(Given::Number(number)) => Some(*number),
            _ => parameter.default.and_then(|text| text.parse().ok()),
        }
    }

    /// A truth value; its default where none was given.
    pub fn boolean(&self, parameter: &Parameter) -> bool {
        match self.get(parameter) {
            Some(Given::Boolean(truth)) => *truth,
            _ => parameter.default == Some("true"),
        }
    }

    /// The entries of a list or chain; none where none were given.
    pub fn list(&self, parameter: &Parameter) -> &[String] {
        match self.get(parameter) {
            Some(Given::List(entries)) => entries,
            _ => &[],
        }
    }

    /// The entries of a map.
    pub fn map(&self, parameter: &Parameter) -> BTreeMap<String, String> {
        match self.get(parameter) {
            Some(Given::Map(entries)) => entries.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// A secret that is here.
    pub fn secret(&self, parameter: &Parameter) -> Option<&SecretString> {
        match self.get(parameter) {
            Some(Given::Secret(secret)) => Some(secret),
            _ => None,
        }
    }

    /// Where a secret is still to be fetched from.
    pub(super) fn elsewhere(&self, parameter: &Parameter) -> Option<(SecretSource, &str)> {
        match self.get(parameter) {
            Some(Given::Elsewhere(kind, place)) => Some((*kind, place)),
            _ => None,
        }
    }

    /// Where the value comes from.
    pub fn source(&self, parameter: &Parameter) -> Option<&Source> {
        self.given.get(parameter.name).map(|(_, source)| source)
    }

    /// What the user should know of how the parameters were given.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Lets go of every secret. What was given, and from where, stays known.
    pub fn forget_secrets(&mut self) {
        for (given, _) in self.given.values_mut() {
            if matches!(given, Given::Secret(_)) {
                *given = Given::Forgotten;
            }
        }
    }

    pub(super) fn set_secret(&mut self, parameter: &Parameter, secret: SecretString) {
        if let Some((given, _)) = self.given.get_mut(parameter.name) {
            *given = Given::Secret(secret);
        }
    }

    /// What was given of the parameters that shape the rows or the run.
    pub fn shaping(&self, parameters: &[&'static Parameter]) -> Map<String, Json> {
        let mut given = self.redacted();
        let shapes = |name: &str| {
            parameters
                .iter()
                .any(|parameter| parameter.name == name && parameter.bearing != Bearing::Nothing)
        };
        given.retain(|name, _| shapes(name));
        given
    }

    /// All that was given, for the ledger: secrets as `***`.
    pub fn redacted(&self) -> Map<String, Json> {
        self.given
            .iter()
            .map(|(name, (given, _))| {
                let shown = match given {
                    Given::Text(text) => Json::from(text.as_str()),
                    Given::Integer(number) => Json::from(*number),
                    Given::Number(number) => Json::from(*number),
                    Given::Boolean(truth) => Json::from(*truth),
                    Given::List(entries) => Json::from(entries.clone()),
                    // Extra fields of a token request may be secret; their names are enough to see what was sent.
                    Given::Map(entries) => entries.keys().map(|key| (key.clone(), Json::from("***"))).collect(),
                    Given::Secret(_) | Given::Forgotten | Given::Elsewhere(..) => Json::from("***"),
                };
                ((*name).to_owned(), shown)
            })
            .collect()
    }
}

fn read(parameter: &Parameter, value: &Json, source: &Source) -> Result<Option<Given>, Problem> {
    let wrong = |expected: &str| {
        let shown = if parameter.is_secret() {
            "the value".to_owned()
        } else {
            format!("`{value}`")
        };
        Problem(format!("{} ({source}): {shown} is not {expected}", parameter.name))
    };
    if value.is_null() || value.as_str() == Some("") {
        return Ok(None);
    }
    Ok(match parameter.kind {
        ParameterKind::Text => read_text(parameter, value, source)?,
        ParameterKind::Secret => match value {
            Json::String(text) => Some(Given::Secret(SecretString::from(text.as_str()))),
            _ => return Err(wrong("text")),
        },
        ParameterKind::Integer(least, most) => {
            let number = match value {
                Json::Number(number) => number.as_i64(),
                Json::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            match number.filter(|number| (least..=most).contains(number)) {
                Some(number) => Some(Given::Integer(number)),
                None => return Err(wrong(&format!("a whole number from {least} to {most}"))),
            }
        }
        ParameterKind::Number => {
            let number = match value {
                Json::Number(number) => number.as_f64(),
                Json::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            match number.filter(|number: &f64| number.is_finite() && *number >= 0.0) {
                Some(number) => Some(Given::Number(number)),
                None => return Err(wrong("a number that is not negative")),
            }
        }
        ParameterKind::Boolean => match (value.as_bool(), value.as_str()) {
            (Some(truth), _) => Some(Given::Boolean(truth)),
            (_, Some("true")) => Some(Given::Boolean(true)),
            (_, Some("false")) => Some(Given::Boolean(false)),
            _ => return Err(wrong("true or false")),
        },
        ParameterKind::Texts => {
            // One flag or variable is one text, or a JSON array of them.
            let parsed = value.as_str().filter(|text| text.trim_start().starts_with('['));
            let parsed = parsed.and_then(|text| serde_json::from_str::<Json>(text).ok());
            let texts = match parsed.as_ref().unwrap_or(value) {
                Json::String(text) => vec![text.clone()],
                Json::Array(items) => {
                    let text = |item: &Json| item.as_str().map(str::to_owned);
                    match items.iter().map(text).collect::<Option<Vec<_>>>() {
                        Some(texts) => texts,
                        None => return Err(wrong("a list of texts; put each in quotes")),
                    }
                }
                _ => return Err(wrong("a list of texts")),
            };
            (!texts.is_empty()).then_some(Given::List(texts))
        }
        ParameterKind::Choice(choices) => match value.as_str() {
            Some(text) if choices.contains(&text) => Some(Given::Text(text.to_owned())),
            _ => {
                let choices: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
                return Err(wrong(&format!("one of {}", choices.join(", "))));
            }
        },
        ParameterKind::List | ParameterKind::Chain => {
            let split = |text: &str| -> Vec<String> {
                if parameter.kind == ParameterKind::Chain {
                    return split_chain(text).into_iter().map(str::to_owned).collect();
                }
                split_list(text).into_iter().map(str::to_owned).collect()
            };
            let entries = match value {
                Json::String(text) => split(text),
                Json::Array(items) => {
                    let mut entries = Vec::new();
                    for item in items {
                        match item {
                            Json::String(text) => entries.extend(split(text)),
                            Json::Null => {}
                            // 012345678901 without its quotes has lost its zero, or is about to.
                            Json::Number(number) => {
                                let number = number.to_string();
                                return Err(Problem(format!(
                                    "{} ({source}): {number} stands without quotes; write it as text, \"{:0>12}\"",
                                    parameter.name,
                                    number.to_string()
                                )));
                            }
                            _ => return Err(wrong("a list of texts")),
                        }
                    }
                    entries
                }
                _ => return Err(wrong("a list of texts")),
            };
            (!entries.is_empty()).then_some(Given::List(entries))
        }
        ParameterKind::Map => {
            let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
            let Some(object) = parsed.as_ref().unwrap_or(value).as_object() else {
                return Err(wrong("an object of texts"));
            };
            let mut entries = BTreeMap::new();
            for (key, value) in object {
                match value {
                    Json::String(text) => entries.insert(key.clone(), text.clone()),
                    Json::Number(number) => entries.insert(key.clone(), number.to_string()),
                    Json::Bool(truth) => entries.insert(key.clone(), truth.to_string()),
                    _ => return Err(wrong("an object of texts")),
                };
            }
            (!entries.is_empty()).then_some(Given::Map(entries))
        }
    })
}

/// The entries of a list that is written as one text. In a path, which begins with a slash, blanks, commas and semicolons are
/// part of the names, but for those before the next path or id.
fn split_list(text: &str) -> Vec<&str> {
    let separates = |c: char| c == ',' || c == ';' || c.is_whitespace();
    let begins_entry = |rest: &str| rest.is_empty() || ["/", "ou-", "r-"].iter().any(|start| rest.starts_with(start));
    let mut entries = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let in_a_path = text[start..at].starts_with('/');
        if separates(c) && (!in_a_path || begins_entry(text[at..].trim_start_matches(separates))) {
            entries.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    }
    entries.push(&text[start..]);
    entries.retain(|entry| !entry.is_empty());
    entries
}

fn read_text(parameter: &Parameter, value: &Json, source: &Source) -> Result<Option<Given>, Problem> {
    match value {
        Json::Null => Ok(None),
        Json::String(text) if text.is_empty() => Ok(None),
        Json::String(text) => Ok(Some(Given::Text(text.clone()))),
        _ => Err(Problem(format!(
            "{} ({source}): `{value}` is not text; put it in quotes",
            parameter.name
        ))),
    }
}

fn unknown(parameters: &[&'static Parameter], key: &str, source: &Source) -> Problem {
    let names = parameters.iter().flat_map(|parameter| {
        let secret = parameter.secret_sources().into_iter().flatten().map(|(_, name)| name);
        std::iter::once(parameter.name.to_owned()).chain(secret)
    });
    let lower = key.to_lowercase();
    let nearest = names
        .map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let hint = match nearest {
        Some((likeness, name)) if likeness > 0.7 => format!("; did you mean `{name}`?"),
        _ => "; the `spec` verb lists all parameters".to_owned(),
    };
    Problem(format!("unknown parameter `{key}` {source}{hint}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::super::catalog::*;
    use super::*;

    fn values(file: Json) -> Result<Values, Problem> {
        let mut values = Values::default();
        for (key, value) in file.as_object().unwrap() {
            values.set(SHARED, key, value, &Source::File("p.json".into()))?;
        }
        Ok(values)
    }

    fn message(file: Json) -> String {
        values(file).unwrap_err().0
    }

    #[test]
    fn null_empty_and_absent_are_the_same() {
        let values =
            values(json!({"access_key_id": "", "secret_access_key": null, "accounts": [], "regions": "", "SessionDuration": null, "OidcTokenParameters": {}})).unwrap();
        for parameter in [
            &ACCESS_KEY_ID,
            &SECRET_ACCESS_KEY,
            &ACCOUNTS,
            &REGIONS,
            &SESSION_DURATION,
            &OIDC_TOKEN_PARAMETERS,
        ] {
            assert!(!values.has(parameter), "{}", parameter.name);
        }
        assert_eq!(values.integer(&SESSION_DURATION), Some(3600));
        assert_eq!(values.text(&AUTHENTICATION_METHOD), Some(METHOD_ACCESS_KEY));
    }

    #[test]
    fn chains_and_lists_come_as_arrays_or_as_one_text() {
        let a = "arn:aws:iam::111111111111:role/a,b";
        for chain in [
            json!([a, a]),
            json!(format!("{a}, {a}")),
            json!(format!("{a} {a}")),
            json!([format!("{a};{a}")]),
        ] {
            let values = values(json!({ "master_assume_role_arn_chain": chain })).unwrap();
            assert_eq!(values.list(&MASTER_CHAIN), [a, a]);
        }
        let values = values(json!({"regions": "eu-west-1, us-east-1;eu-north-1"})).unwrap();
        assert_eq!(values.list(&REGIONS), ["eu-west-1", "us-east-1", "eu-north-1"]);
    }

    #[test]
    fn the_other_spellings_of_the_chains_are_known_in_any_initial_case() {
        for key in [
            "masterAccountAssumeRoleArnChain",
            "MasterAccountAssumeRoleArnChain",
            "masterAssumeRoleArnChain",
        ] {
            assert!(
                values(json!({ key: "arn:aws:iam::111111111111:role/a" }))
                    .unwrap()
                    .has(&MASTER_CHAIN),
                "{key}"
            );
        }
        let sub = values(json!({"SubAccountAssumeRoleArnChain": ["x"]})).unwrap();
        assert!(sub.has(&SUB_ACCOUNT_CHAIN));
    }

    #[test]
    fn problems_name_the_parameter_its_source_and_the_mend() {
        assert_eq!(
            message(json!({"SessionDuration": 60})),
            "SessionDuration (in p.json): `60` is not a whole number from 900 to 43200"
        );
        assert!(message(json!({"AuthenticationMethod": "OIDC"})).contains("one of `Access Key & Secret Key`, "));
        assert_eq!(
            message(json!({"accounts": [12345678901_i64]})),
            "accounts (in p.json): 12345678901 stands without quotes; write it as text, \"012345678901\""
        );
        assert_eq!(
            message(json!({"access_key_id": 5})),
            "access_key_id (in p.json): `5` is not text; put it in quotes"
        );
        assert!(!message(json!({"ClientSecret": 12345})).contains("12345"));
    }

    #[test]
    fn an_unknown_key_is_told_with_the_nearest_known_one() {
        for (key, nearest) in [
            ("RoleARN", "`RoleArn`"),
            ("access_key", "`access_key_id`"),
            ("clientsecret", "`ClientSecret`"),
            ("master_role_chain", "`master_assume_role_arn_chain`"),
        ] {
            let message = message(json!({ key: "x" }));
            assert!(message.contains(nearest), "{message}");
        }
        assert!(message(json!({"zzz": 1})).contains("`spec`"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let values =
            values(json!({"secret_access_key": "hush-1", "OidcTokenParameters": {"assertion": "hush-2"}})).unwrap();
        assert_eq!(values.secret(&SECRET_ACCESS_KEY).unwrap().expose_secret(), "hush-1");
        let before = values.redacted();
        let mut forgetful = values;
        forgetful.forget_secrets();
        assert!(forgetful.has(&SECRET_ACCESS_KEY) && forgetful.secret(&SECRET_ACCESS_KEY).is_none());
        assert_eq!(forgetful.redacted(), before);
        let values =
            self::values(json!({"secret_access_key": "hush-1", "OidcTokenParameters": {"assertion": "hush-2"}}))
                .unwrap();
        let shown = format!("{values:?} {:?}", values.redacted());
        assert!(!shown.contains("hush-1"), "{shown}");
        assert!(!serde_json::to_string(&values.redacted()).unwrap().contains("hush"));
    }
}
