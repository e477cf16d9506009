//! The arguments, derived from the parameters' declarations.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::connector::Connector;
use crate::parameters::catalog::{LEDGER, OUTPUT, RUN_TIMEOUT};
use crate::parameters::sources::Inputs;
use crate::parameters::{Parameter, ParameterKind, Problem, SecretSource, flag_of};
use crate::verbs;

/// What a run is given. Secrets are not taken from the command line.
///
/// # Errors
/// Each secret that is there.
pub(super) fn inputs(
    parameters: &[&'static Parameter],
    matches: &ArgMatches,
    environment: Vec<(String, String)>,
) -> Result<Inputs, Vec<Problem>> {
    let mut flags = Vec::new();
    let mut problems = Vec::new();
    for parameter in parameters {
        let flag = parameter.flag();
        if let Some([(_, file), (_, command)]) = parameter.secret_sources() {
            if matches.contains_id(&flag) {
                problems.push(Problem(format!(
                    "{} is not taken from the command line, where other users of the machine can read it: give it in the \
                     parameter file, as {} in the environment, or by --{} or --{}",
                    parameter.name,
                    parameter.environment(),
                    flag_of(&file),
                    flag_of(&command)
                )));
            }
            for name in [flag_of(&file), flag_of(&command)] {
                if let Some(text) = matches.get_one::<String>(&name) {
                    flags.push((name, text.clone()));
                }
            }
        } else {
            for text in matches.get_many::<String>(&flag).into_iter().flatten() {
                flags.push((flag.clone(), text.clone()));
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Inputs {
        file: matches.get_one::<PathBuf>("params").cloned(),
        environment,
        flags,
    })
}

/// The command line of a connector.
pub(super) fn command<C: Connector>(connector: &C, parameters: &[&'static Parameter]) -> Command {
    let about = connector.about();
    let verb = |name: &'static str, help: &'static str| Command::new(name).about(help);
    let with_log = |command: Command| {
        command
            .arg(
                Arg::new("log-format")
                    .long("log-format")
                    .value_name("FORMAT")
                    .value_parser(["plain", "json"])
                    .help("Form of the log lines on standard error [default: plain]"),
            )
            .arg(
                Arg::new("verbose")
                    .short('v')
                    .long("verbose")
                    .action(ArgAction::Count)
                    .help("More log lines; up to three times"),
            )
            .arg(
                Arg::new("quiet")
                    .short('q')
                    .long("quiet")
                    .action(ArgAction::SetTrue)
                    .help("Nothing but errors"),
            )
    };
    let with_parameters = |command: Command| {
        let command = command.arg(
            Arg::new("params")
                .long("params")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Parameter file: JSON, TOML or YAML. Environment variables and flags override it"),
        );
        let command = with_log(command);
        parameters
            .iter()
            .fold(command, |command, parameter| command.args(flags(parameter)))
    };
    Command::new(about.name)
        .version(about.version)
        .about(about.summary)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(110)
        .after_help(EXIT_CODES)
        .subcommand(
            with_parameters(verb("run", "Collect, and publish rows and ledger"))
                .arg(
                    Arg::new("resume")
                        .long("resume")
                        .value_name("LEDGER")
                        .num_args(0..=1)
                        .default_missing_value("")
                        .help(
                            "Resume the unfinished or partial run of the same output, if there is one, or that of a ledger: \
                             complete slices are kept, the others collected",
                        ),
                )
                .arg(
                    Arg::new("forget-last-good")
                        .long("forget-last-good")
                        .action(ArgAction::SetTrue)
                        .help(
                            "Give up the rows that keep_last_good has kept so far: needed once when parameters that shape \
                             rows have changed",
                        ),
                ),
        )
        .subcommand(
            with_log(verb(
                "merge",
                "Join the rows and ledgers of all shards of a run into those of one",
            ))
            .args(flags(&OUTPUT).into_iter().map(|arg| arg.required(true)))
            .args(flags(&LEDGER))
            .args(flags(&RUN_TIMEOUT))
            .arg(
                Arg::new("allow-mixed")
                    .long("allow-mixed")
                    .action(ArgAction::SetTrue)
                    .help("Join shards that were collected more than a day apart: the rows are not of one time then"),
            )
            .arg(
                Arg::new("keep-shards")
                    .long("keep-shards")
                    .action(ArgAction::SetTrue)
                    .help("Leave what the shards have in <output>.state, which is removed when all is merged and complete"),
            )
            .arg(
                Arg::new("shards")
                    .value_name("SHARD_LEDGER")
                    .num_args(1..)
                    .required(true)
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("The ledgers of all shards, in any order"),
            ),
        )
        .subcommand(
            with_parameters(verb(
                "check",
                "Walk every hop of every account, try the connector's own call, and say whether it works; collect nothing",
            ))
            .arg(
                Arg::new("failures-only")
                    .long("failures-only")
                    .action(ArgAction::SetTrue)
                    .help("List only what does not work"),
            ),
        )
        .subcommand(with_parameters(verb(
            "accounts",
            "Print the resolved accounts with the way to reach each",
        )))
        .subcommand(with_parameters(verb(
            "plan",
            "Print the slices, calls and permissions of a run",
        )))
        .subcommand(with_parameters(verb(
            "iam-policy",
            "Print the least-privilege policies and trust policies for the parameters",
        )))
        .subcommand(verbs::secret::command())
        .subcommand(verb("spec", "Print the JSON Schema of the parameters"))
        .subcommand(verb("schema", "Print the columns of the output"))
        .subcommand(
            verb("reference", "Print a reference page in Markdown")
                .hide(true)
                .arg(Arg::new("page").required(true)),
        )
}

const EXIT_CODES: &str = "Exit codes: 0 complete; 2 wrong parameters; 3 partial, the ledger names what is missing; \
                          4 nothing published; 6 another run is at work on the same files; 129/130/143 interrupted; \
                          141 the reader of standard output has gone; 1 a defect of the program";

fn flags(parameter: &'static Parameter) -> Vec<Arg> {
    let mut arg = Arg::new(parameter.flag())
        .long(parameter.flag())
        .help_heading(parameter.group.title())
        .num_args(1)
        .action(match parameter.kind {
            ParameterKind::List | ParameterKind::Texts | ParameterKind::Chain => ArgAction::Append,
            _ => ArgAction::Set,
        })
        .value_name(match parameter.kind {
            ParameterKind::Text => "TEXT",
            ParameterKind::Secret => "SECRET",
            ParameterKind::Integer(..) | ParameterKind::Number => "NUMBER",
            ParameterKind::Boolean => "true|false",
            ParameterKind::Texts => "TEXT",
            ParameterKind::Choice(_) => "CHOICE",
            ParameterKind::List => "LIST",
            ParameterKind::Chain => "ARNS",
            ParameterKind::Map => "JSON",
        });
    let mut help = parameter.meaning();
    if let ParameterKind::Choice(choices) = parameter.kind {
        help.push_str(&format!(" [one of: {}]", choices.join(", ")));
    }
    if let Some(default) = parameter.default {
        help.push_str(&format!(" [default: {default}]"));
    }
    arg = arg.help(help);
    if parameter.kind == ParameterKind::Boolean {
        // `--csv-safe` is `--csv-safe true`.
        arg = arg.num_args(0..=1).default_missing_value("true");
    }
    let Some(sources) = parameter.secret_sources() else {
        return vec![arg];
    };
    // Known, so that it is refused with the reason and not as a spelling mistake.
    let mut args = vec![arg.hide(true).num_args(0..=1)];
    for (source, name) in sources {
        let (value, from) = match source {
            SecretSource::File => ("FILE", "a file"),
            SecretSource::Command => ("COMMAND", "the output of a command"),
        };
        args.push(
            Arg::new(flag_of(&name))
                .long(flag_of(&name))
                .value_name(value)
                .help_heading(parameter.group.title())
                .help(format!("{} From {from}.", parameter.meaning())),
        );
    }
    args
}
