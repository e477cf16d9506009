//! The reference page of the parameters, in Markdown.

use std::fmt::Write as _;

use super::{Group, Parameter, ParameterKind};

const GROUPS: [Group; 5] = [
    Group::Authentication,
    Group::Accounts,
    Group::Output,
    Group::Run,
    Group::Connector,
];

/// A table for each group.
pub fn markdown(connector: &str, parameters: &[&'static Parameter]) -> String {
    let mut page = format!(
        "# Parameters of {connector}\n\n\
         From the parameter file (`--params`, JSON, TOML or YAML), environment variables and flags; the later wins. \
         `null`, an empty text and an absent key mean the same. A secret is never taken from the command line.\n"
    );
    for group in GROUPS {
        let members: Vec<_> = parameters.iter().filter(|parameter| parameter.group == group).collect();
        if members.is_empty() {
            continue;
        }
        let _ = write!(
            page,
            "\n## {}\n\n| parameter | takes | default | meaning |\n|---|---|---|---|\n",
            group.title()
        );
        for parameter in members {
            let mut names = format!("`{}`<br>`{}`", parameter.name, parameter.environment());
            if !parameter.is_secret() {
                let _ = write!(names, "<br>`--{}`", parameter.flag());
            }
            let mut meaning = parameter.meaning().replace('|', "\\|");
            if let Some([(_, file), (_, command)]) = parameter.secret_sources() {
                let _ = write!(
                    meaning,
                    " Instead of the value: `{file}`, a file that holds it, or `{command}`, a command that prints it."
                );
            }
            if !parameter.aliases.is_empty() {
                let aliases: Vec<_> = parameter.aliases.iter().map(|alias| format!("`{alias}`")).collect();
                let _ = write!(meaning, " Also: {}.", aliases.join(", "));
            }
            let default = parameter.default.map_or(String::new(), |text| format!("`{text}`"));
            let _ = writeln!(page, "| {names} | {} | {default} | {meaning} |", takes(parameter.kind));
        }
    }
    page
}

fn takes(kind: ParameterKind) -> String {
    match kind {
        ParameterKind::Text => "text".to_owned(),
        ParameterKind::Secret => "secret text".to_owned(),
        ParameterKind::Integer(least, most) => format!("whole number, {least}–{most}"),
        ParameterKind::Number => "number".to_owned(),
        ParameterKind::Boolean => "`true` or `false`".to_owned(),
        ParameterKind::Texts => "list of texts, each as it is".to_owned(),
        ParameterKind::Choice(choices) => choices
            .iter()
            .map(|choice| format!("`{choice}`"))
            .collect::<Vec<_>>()
            .join(", "),
        ParameterKind::List => "list of texts".to_owned(),
        ParameterKind::Chain => "list of role ARNs".to_owned(),
        ParameterKind::Map => "object of texts".to_owned(),
    }
}
