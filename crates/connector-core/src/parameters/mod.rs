//! Parameters, declared once: the parameter file, environment variables, flags, JSON Schema, help and reference page
//! all come from the same declaration.

pub mod catalog;
pub mod encrypted;
pub(crate) mod file;
pub mod reference;
pub mod schema;
pub mod sources;
pub mod values;

pub use values::{Problem, Source, Values};

/// One parameter.
#[derive(Debug)]
pub struct Parameter {
    /// The technical name: the key in the parameter file.
    pub name: &'static str,
    /// Other spellings of the key, in any case of the first letter.
    pub aliases: &'static [&'static str],
    /// What it takes.
    pub kind: ParameterKind,
    /// What holds where it is not given, as it would be written.
    pub default: Option<&'static str>,
    /// The part of the help that it stands in.
    pub group: Group,
    /// What it means, in one or two sentences.
    pub help: &'static str,
    /// What its value changes.
    pub bearing: Bearing,
    /// Whether its value may stand encrypted, as age armor: see [`encrypted`].
    pub encryptable: bool,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Any text.
    Text,
    /// Text that is never shown, and never taken from the command line.
    Secret,
    /// A whole number within bounds, both included.
    Integer(i64, i64),
    /// A number that is not negative.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// An array of texts, or one text with commas or white space between.
    List,
    /// An array of texts, each taken as it is.
    Texts,
    /// An array of role ARNs, or one text.
    Chain,
    /// An object of texts.
    Map,
}

/// What the value of a parameter changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// The rows of a slice, or their form. Rows that were collected with another value do not stand in for a slice that fails.
    Rows,
    /// Who signs in, or which slices there are. Only a run with the same value can be resumed: what runs at AWS is found again by
    /// those who have started it, and a run is of one list of accounts and regions.
    Run,
    /// Neither.
    Nothing,
}

/// The parts of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Who signs in, and how.
    Authentication,
    /// Which accounts and regions.
    Accounts,
    /// Where rows and ledger go.
    Output,
    /// How the run behaves.
    Run,
    /// What this connector has beyond the shared ones.
    Connector,
}

impl Group {
    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::Authentication => "Authentication",
            Group::Accounts => "Accounts and regions",
            Group::Output => "Output",
            Group::Run => "Run",
            Group::Connector => "This connector",
        }
    }
}

impl Parameter {
    /// A declaration with neither aliases nor a default.
    pub const fn new(name: &'static str, kind: ParameterKind, group: Group, help: &'static str) -> Self {
        Parameter {
            name,
            aliases: &[],
            kind,
            default: None,
            group,
            help,
            bearing: Bearing::Rows,
            encryptable: false,
        }
    }

    /// With what holds where it is not given.
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    /// The rows are the same whatever its value is.
    pub const fn beside_the_rows(mut self) -> Self {
        self.bearing = Bearing::Nothing;
        self
    }

    /// Who signs in, and which slices there are: a slice that there is has the same rows whatever its value is.
    pub const fn beside_a_slice(mut self) -> Self {
        self.bearing = Bearing::Run;
        self
    }

    /// A secret whose value may stand encrypted.
    pub const fn encryptable(mut self) -> Self {
        self.encryptable = true;
        self
    }

    /// With other spellings.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// What it means, and how it may be given.
    pub fn meaning(&self) -> String {
        let mut meaning = self.help.to_owned();
        if self.encryptable {
            meaning.push_str(" May stand encrypted, as `secret encrypt` prints it.");
        }
        meaning
    }

    /// `AuthenticationMethod` → `authentication-method`
    pub fn flag(&self) -> String {
        words(self.name).join("-")
    }

    /// `AuthenticationMethod` → `CONNECTOR_AUTHENTICATION_METHOD`
    pub fn environment(&self) -> String {
        format!("{ENVIRONMENT_PREFIX}{}", words(self.name).join("_").to_uppercase())
    }

    /// Whether its value is never shown.
    pub fn is_secret(&self) -> bool {
        self.kind == ParameterKind::Secret
    }

    /// Where else a secret may come from: the names of the keys for a file and for a command.
    pub fn secret_sources(&self) -> Option<[(SecretSource, String); 2]> {
        self.is_secret().then(|| {
            let joined = |snake: &str, camel: &str| {
                let snake_case = self.name.chars().all(|c| !c.is_ascii_uppercase());
                format!("{}{}", self.name, if snake_case { snake } else { camel })
            };
            [
                (SecretSource::File, joined("_file", "File")),
                (SecretSource::Command, joined("_command", "Command")),
            ]
        })
    }

    fn answers_to(&self, key: &str) -> bool {
        let lower_first = |text: &str| {
            let mut chars = text.chars();
            chars
                .next()
                .map(|first| first.to_ascii_lowercase())
                .into_iter()
                .chain(chars)
                .collect::<String>()
        };
        key == self.name || self.aliases.iter().any(|alias| lower_first(alias) == lower_first(key))
    }
}

/// Where a secret comes from, if not from the parameter itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file's content.
    File,
    /// A command's standard output.
    Command,
}

/// What the environment variables of parameters begin with.
pub const ENVIRONMENT_PREFIX: &str = "CONNECTOR_";

/// `AuthenticationMethod`, `access_key_id` → lower-case words.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut boundary = true;
    for c in name.chars() {
        if c == '_' {
            boundary = true;
            continue;
        }
        if boundary || c.is_ascii_uppercase() {
            words.push(String::new());
        }
        boundary = false;
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
    }
    words
}

/// `secret_access_key_file` → `secret-access-key-file`
pub(crate) fn flag_of(name: &str) -> String {
    words(name).join("-")
}

#[cfg(test)]
mod tests {
    use super::catalog::SHARED;
    use super::*;

    #[test]
    fn names_become_flags_and_variables() {
        for (name, flag, variable) in [
            (
                "AuthenticationMethod",
                "authentication-method",
                "CONNECTOR_AUTHENTICATION_METHOD",
            ),
            ("access_key_id", "access-key-id", "CONNECTOR_ACCESS_KEY_ID"),
            ("IdpUrl", "idp-url", "CONNECTOR_IDP_URL"),
        ] {
            let parameter = Parameter::new(name, ParameterKind::Text, Group::Run, "");
            assert_eq!(
                (parameter.flag().as_str(), parameter.environment().as_str()),
                (flag, variable)
            );
        }
    }

    #[test]
    fn no_two_parameters_share_a_flag() {
        let mut flags: Vec<String> = SHARED.iter().map(|parameter| parameter.flag()).collect();
        flags.extend(
            SHARED
                .iter()
                .filter_map(|p| p.secret_sources())
                .flatten()
                .map(|(_, name)| flag_of(&name)),
        );
        let all = flags.len();
        flags.sort();
        flags.dedup();
        assert_eq!(flags.len(), all);
    }
}
