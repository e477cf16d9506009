//! The command line: derived from the parameters' declarations, the same for every connector.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use auth_core::Host;
use clap::{Arg, ArgAction, ArgMatches, Command};
use futures::{Stream, StreamExt as _};

use crate::connector::{Connector, parameters_of};
use crate::descriptors;
use crate::exit::Exit;
use crate::parameters::catalog::{ALLOW_INSECURE_ENDPOINTS, LEDGER, OUTPUT, SHARD};
use crate::parameters::sources::{Inputs, read};
use crate::parameters::{Parameter, ParameterKind, Problem, SecretSource, flag_of, reference, schema};
use crate::rows::Format;
use crate::settings::{Settings, check_endpoints};
use crate::shard;
use crate::terminal::{LogFormat, Screen, Terminal, harmless};
use crate::verbs::{self, Before, Context, Merge, Resume};

/// How long a connection is kept that nobody uses, where few files may be open.
const SHORT_IDLE: Duration = Duration::from_secs(1);

/// What a program is started with. `main` takes it from the process; a test makes its own.
pub struct Invocation {
    /// Arguments, the program's name first.
    pub arguments: Vec<OsString>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Clock, sleep and HTTP; `None`: the process's own.
    pub host: Option<Host>,
    /// Where data goes.
    pub stdout: Box<dyn Write + Send>,
    /// Standard error; `None`: the process's own.
    pub terminal: Option<Terminal>,
    /// Files that the process may have open; `None`: any number.
    pub open_files: Option<u64>,
    /// Its first item ends a run in order, a second one at once.
    pub interrupts: Pin<Box<dyn Stream<Item = Exit> + Send>>,
}

/// The whole program of a connector.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where arguments and environment are read"
)]
pub fn main<C: Connector>(connector: C) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // First of all: who asks for the version or for help does not wait for anything else.
    let matches = match parsed(&connector, &arguments) {
        Ok(matches) => matches,
        Err(exit) => return ExitCode::from(exit.code()),
    };
    let open_files = descriptors::raised();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: the runtime cannot be started: {error}");
            return ExitCode::from(Exit::Defect.code());
        }
    };
    let program = async move {
        let invocation = Invocation {
            arguments,
            environment: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            host: None,
            stdout: if io::stdout().is_terminal() {
                Box::new(Screen::new(io::stdout()))
            } else {
                Box::new(io::stdout())
            },
            terminal: None,
            open_files,
            interrupts: Box::pin(signals()),
        };
        act(&connector, &matches, invocation).await
    };
    // In a task of its own, a defect ends in an exit code; Rust has told what and where by then.
    let exit = runtime.block_on(async { tokio::spawn(program).await.unwrap_or(Exit::Defect) });
    // What is still at work, such as a name that is being looked up, is not waited for.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}

fn signals() -> impl Stream<Item = Exit> + Send {
    use tokio::signal::unix::{SignalKind, signal};
    let hangup = hangup_is_heeded().then(|| signal(SignalKind::hangup()).ok()).flatten();
    let listeners = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), hangup);
    futures::stream::unfold(listeners, |mut listeners| async move {
        let (Ok(interrupt), Ok(terminate)) = (&mut listeners.0, &mut listeners.1) else {
            return std::future::pending().await;
        };
        let hangup = async {
            match &mut listeners.2 {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let exit = tokio::select! {
            _ = interrupt.recv() => Exit::Interrupted,
            _ = terminate.recv() => Exit::Terminated,
            _ = hangup => Exit::HungUp,
        };
        Some((exit, listeners))
    })
}

/// Whether the end of the terminal is to end the run. `nohup` has the signal ignored, and whoever listens to it would undo
/// that. Where the system does not tell, it is left as it was: the process ends at once, or with `nohup` not at all.
fn hangup_is_heeded() -> bool {
    // https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 0)
}

/// Does what the arguments say.
pub async fn run<C: Connector>(connector: &C, invocation: Invocation) -> Exit {
    match parsed(connector, &invocation.arguments) {
        Ok(matches) => act(connector, &matches, invocation).await,
        Err(exit) => exit,
    }
}

/// Reads the arguments. Help, the version and what is wrong with them are told here: the exit code then.
fn parsed<C: Connector>(connector: &C, arguments: &[OsString]) -> Result<ArgMatches, Exit> {
    let command = command(connector, &parameters_of(connector));
    command.try_get_matches_from(arguments).map_err(|error| {
        let _ = error.print();
        if error.use_stderr() {
            Exit::Usage
        } else {
            Exit::Complete
        }
    })
}

async fn act<C: Connector>(connector: &C, matches: &ArgMatches, mut invocation: Invocation) -> Exit {
    let parameters = parameters_of(connector);
    let Some((verb, matches)) = matches.subcommand() else {
        return Exit::Usage;
    };
    let written = match verb {
        "spec" => print_json(
            &mut invocation.stdout,
            &schema::json_schema(connector.about().name, &parameters),
        ),
        "schema" => print_json(&mut invocation.stdout, &verbs::schema(connector)),
        "secret" => {
            let terminal = invocation.terminal.take();
            let terminal = terminal.unwrap_or_else(|| Terminal::stderr(LogFormat::Plain, 0, false));
            verbs::secret::secret(matches, &terminal, &mut invocation.stdout)
        }
        "merge" => merge(connector, matches, invocation).await,
        "reference" => reference_page(connector, &parameters, matches, &mut invocation.stdout),
        _ => with_settings(connector, &parameters, verb, matches, invocation).await,
    };
    written.unwrap_or_else(|error| match error.kind() {
        // The reader has seen enough; that is no failure of the run, and nothing to talk about.
        io::ErrorKind::BrokenPipe => Exit::Complete,
        _ => {
            let _ = writeln!(io::stderr(), "error: {}", harmless(&error.to_string()));
            Exit::Failed
        }
    })
}

async fn with_settings<C: Connector>(
    connector: &C,
    parameters: &[&'static Parameter],
    verb: &str,
    matches: &ArgMatches,
    mut invocation: Invocation,
) -> io::Result<Exit> {
    let terminal = terminal(&mut invocation, matches);
    let refuse = |problems: &[Problem]| {
        for problem in problems {
            terminal.print(&format!("error: {}\n", harmless(&problem.0)));
        }
        Exit::Usage
    };
    let inputs = match inputs(parameters, matches, invocation.environment) {
        Ok(inputs) => inputs,
        Err(problems) => return Ok(refuse(&problems)),
    };
    let mut values = match read(parameters, &inputs).await {
        Ok(values) => values,
        Err(problems) => return Ok(refuse(&problems)),
    };
    if let Err(problems) = check_endpoints(&values, &inputs.environment) {
        return Ok(refuse(&problems));
    }
    let host = match invocation.host {
        Some(host) => host,
        None => match ambient_host(connector.about().name, &inputs.environment).await {
            Ok(host) => host,
            Err(problem) => return Ok(refuse(&[problem])),
        },
    };
    if values.boolean(&ALLOW_INSECURE_ENDPOINTS) {
        host.allow_insecure_endpoints();
    }
    let collector = connector.collector(&values, &host);
    let settings = Settings::from_values(&values, connector.about(), &host, &inputs.environment);
    if verb == "run"
        && !values.has(&SHARD)
        && let Some(variable) = shard::unused_index(&inputs.environment)
    {
        tracing::info!("{variable} is set, and shard is not: all accounts are collected, as by every job of its array");
    }
    drop(inputs);
    let (mut settings, collector) = match (settings, collector) {
        (Ok(settings), Ok(collector)) => (settings, collector),
        (settings, collector) => {
            let problems = [settings.err(), collector.err()];
            return Ok(refuse(&problems.into_iter().flatten().flatten().collect::<Vec<_>>()));
        }
    };
    // The settings have them.
    values.forget_secrets();
    if verb != "run" && settings.format == Format::Parquet {
        let why = "format `parquet` is for rows: this verb prints a table, csv, json or jsonl";
        return Ok(refuse(&[Problem(why.to_owned())]));
    }
    let resume = resume(verb, matches);
    if resume.is_some() && settings.state.is_none() {
        let why = "--resume goes on with what a run has left beside its output: name a file with output";
        return Ok(refuse(&[Problem(why.to_owned())]));
    }
    if verb == "run" && settings.shard.is_some() && settings.state.is_none() {
        let why = "shard: what is to be merged is kept beside the output: name a file with output";
        return Ok(refuse(&[Problem(why.to_owned())]));
    }
    let scarce = match invocation.open_files {
        Some(files) => descriptors::fit(&mut settings, files),
        None => false,
    };
    let idle = scarce.then_some(SHORT_IDLE);
    let host = match host
        .with_call_timeout(settings.call_timeout)
        .with_concurrency(settings.max_concurrency, idle)
    {
        Ok(host) => host,
        Err(why) => return Ok(refuse(&[Problem(why)])),
    };
    if verb != "run" {
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
    }
    let context = Context {
        values: &Arc::new(values),
        settings: &Arc::new(settings),
        host: &host,
        terminal: &terminal,
    };
    let mut stdout = invocation.stdout;
    if verb == "run" {
        let before = Before {
            resume,
            forget_last_good: matches.get_flag("forget-last-good"),
        };
        return verbs::run(connector, collector, &context, &before, stdout, invocation.interrupts).await;
    }
    let stdout = &mut *stdout;
    match verb {
        "iam-policy" => verbs::iam_policy(connector, &context, stdout),
        other => {
            let listing = async {
                match other {
                    "accounts" => verbs::accounts(&context, stdout).await,
                    "check" => verbs::check(&collector, &context, stdout).await,
                    _ => verbs::plan(connector, &context, stdout).await,
                }
            };
            tokio::select! {
                exit = invocation.interrupts.next() => Ok(exit.unwrap_or(Exit::Interrupted)),
                exit = listing => exit,
            }
        }
    }
}

/// Standard error, as the flags want it.
fn terminal(invocation: &mut Invocation, matches: &ArgMatches) -> Terminal {
    invocation.terminal.take().unwrap_or_else(|| {
        let format = match matches.get_one::<String>("log-format").map(String::as_str) {
            Some("json") => LogFormat::Json,
            _ => LogFormat::Plain,
        };
        Terminal::stderr(format, matches.get_count("verbose"), matches.get_flag("quiet"))
    })
}

/// Needs no parameters but where to: what shapes the rows, the shards say.
async fn merge<C: Connector>(connector: &C, matches: &ArgMatches, mut invocation: Invocation) -> io::Result<Exit> {
    let terminal = terminal(&mut invocation, matches);
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let ledgers = matches.get_many::<PathBuf>("shards").into_iter().flatten();
    let merge = Merge::new(
        text(&OUTPUT.flag()).unwrap_or("-"),
        text(&LEDGER.flag()),
        matches.get_flag("keep-shards"),
        ledgers.cloned().collect(),
    );
    let host = match invocation.host {
        Some(host) => Ok(host),
        None => ambient_host(connector.about().name, &invocation.environment).await,
    };
    match (merge.map_err(Problem), host) {
        (Ok(merge), Ok(host)) => verbs::merge(connector, merge, &host, &terminal, invocation.interrupts).await,
        (Err(problem), _) | (_, Err(problem)) => {
            terminal.print(&format!("error: {}\n", harmless(&problem.0)));
            Ok(Exit::Usage)
        }
    }
}

fn resume(verb: &str, matches: &ArgMatches) -> Option<Resume> {
    if verb != "run" {
        return None;
    }
    let given = matches.get_one::<String>("resume")?;
    Some(match given.as_str() {
        "" => Resume::OfTheOutput,
        ledger => Resume::Of(PathBuf::from(ledger)),
    })
}

async fn ambient_host(app: &'static str, environment: &[(String, String)]) -> Result<Host, Problem> {
    let bundle = environment
        .iter()
        .find(|(name, path)| name == "AWS_CA_BUNDLE" && !path.is_empty());
    let pem = match bundle {
        Some((_, path)) => Some(
            std::fs::read(path).map_err(|error| Problem(format!("AWS_CA_BUNDLE: {path} cannot be read: {error}")))?,
        ),
        None => None,
    };
    Host::from_environment(app, pem.as_deref()).await.map_err(Problem)
}

fn print_json(stdout: &mut dyn Write, json: &serde_json::Value) -> io::Result<Exit> {
    writeln!(stdout, "{}", serde_json::to_string_pretty(json)?)?;
    stdout.flush()?;
    Ok(Exit::Complete)
}

/// The pages under `docs/reference`.
fn reference_page<C: Connector>(
    connector: &C,
    parameters: &[&'static Parameter],
    matches: &ArgMatches,
    stdout: &mut dyn Write,
) -> io::Result<Exit> {
    let page = match matches.get_one::<String>("page").map(String::as_str) {
        Some("table") => verbs::table_reference(connector),
        name => match connector.pages().iter().find(|(page, _)| Some(*page) == name) {
            Some((_, page)) => page(),
            None => reference::markdown(connector.about().name, parameters),
        },
    };
    stdout.write_all(page.as_bytes())?;
    Ok(Exit::Complete)
}

fn inputs(
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

fn command<C: Connector>(connector: &C, parameters: &[&'static Parameter]) -> Command {
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
                .help("Parameter file: JSON, TOML or YAML. Environment variables and flags go before it"),
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
                            "Go on with the unfinished or partial run of the same output, if there is one, or with that of \
                             a ledger: complete slices are taken over, the others collected",
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
        .subcommand(with_parameters(verb(
            "check",
            "Walk every hop of every account, try the connector's own call, and say whether it works; collect nothing",
        )))
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
                          4 nothing published; 129/130/143 interrupted; 1 a defect of the program";

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
