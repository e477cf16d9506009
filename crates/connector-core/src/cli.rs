//! The command line: derived from the parameters' declarations, the same for every connector.

mod arguments;
mod signals;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_core::host::{machine_sleep, machine_time};
use auth_core::{Host, Mask};
use clap::ArgMatches;
use futures::{Stream, StreamExt as _};

use self::arguments::{command, inputs};
use self::signals::signals;
use crate::connector::{Connector, parameters_of};
use crate::descriptors;
use crate::exit::Exit;
use crate::parameters::catalog::{ALLOW_INSECURE_ENDPOINTS, LEDGER, OUTPUT, RUN_TIMEOUT, SHARD};
use crate::parameters::sources::{Inputs, read};
use crate::parameters::{Parameter, Problem, Values, reference, schema};
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
    std::panic::set_hook(Box::new(tell_defect));
    let open_files = descriptors::raised();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: the runtime cannot be started: {error}");
            return ExitCode::from(Exit::Defect.code());
        }
    };
    let program = async move {
        let interrupts = Box::pin(signals());
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
            interrupts,
        };
        act(&connector, &matches, invocation).await
    };
    // In a task of its own, a defect ends in an exit code; Rust has told what and where by then.
    let exit = runtime.block_on(async { tokio::spawn(program).await.unwrap_or(Exit::Defect) });
    // What is still at work, such as a name that is being looked up, is not waited for.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}

/// Prints a panic. Its task ends, and whoever waits for the task says what that means.
fn tell_defect(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(|at| format!(", in {at}")).unwrap_or_default();
    let text = format!(
        "a defect of the program: {}{place}",
        panic.payload_as_str().unwrap_or("a panic")
    );
    // With RUST_BACKTRACE set.
    let trace = std::backtrace::Backtrace::capture();
    let trace = match trace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n{trace}"),
        _ => String::new(),
    };
    let masked = Mask::default();
    let _ = writeln!(
        io::stderr(),
        "error: {}{}",
        harmless(&masked.hide(&text)),
        masked.hide(&trace)
    );
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
        if !error.use_stderr() {
            let _ = error.print();
            return Exit::Complete;
        }
        if wants_json(arguments) {
            // The log is not set up yet, and is not needed.
            let terminal = Terminal::json_errors();
            terminal.error(error.to_string().trim(), None, Exit::Usage.code());
        } else {
            let _ = error.print();
        }
        Exit::Usage
    })
}

/// Whether arguments that are wrong ask for a log in JSON all the same.
fn wants_json(arguments: &[OsString]) -> bool {
    let pairs = arguments
        .windows(2)
        .any(|pair| pair[0] == "--log-format" && pair[1] == "json");
    pairs || arguments.iter().any(|argument| argument == "--log-format=json")
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
        _ => Box::pin(with_settings(connector, &parameters, verb, matches, invocation)).await,
    };
    written.unwrap_or_else(|error| match error.kind() {
        // The reader has seen enough; nothing to talk about.
        io::ErrorKind::BrokenPipe => Exit::ReaderGone,
        _ => {
            let _ = writeln!(io::stderr(), "error: {}", harmless(&error.to_string()));
            Exit::Failed
        }
    })
}

/// What was read and checked before anything is attempted.
struct Prepared<T> {
    values: Values,
    settings: Settings,
    collector: T,
    host: Host,
}

/// Whatever ends a verb early: a signal, or its time.
struct Limits<'a> {
    interrupts: &'a mut (dyn Stream<Item = Exit> + Send + Unpin),
    /// When it began, on the clock of the process.
    started: SystemTime,
}

/// Why a verb ended early.
enum Ended {
    Interrupted(Exit),
    Late(Duration),
}

impl Limits<'_> {
    /// `work`, unless a signal comes first or more than `limit` has passed since the beginning.
    async fn keep<T>(&mut self, limit: Duration, work: impl Future<Output = T>) -> Result<T, Ended> {
        let passed = machine_time().now().duration_since(self.started).unwrap_or_default();
        tokio::select! {
            biased;
            Some(exit) = self.interrupts.next() => Err(Ended::Interrupted(exit)),
            done = work => Ok(done),
            () = machine_sleep(limit.saturating_sub(passed)) => Err(Ended::Late(limit)),
        }
    }
}

impl Ended {
    /// Says it, and how the process ends.
    fn tell(self, terminal: &Terminal, while_what: &str) -> Exit {
        let (why, exit) = match self {
            Ended::Interrupted(exit) => (format!("interrupted while {while_what}"), exit),
            Ended::Late(limit) => {
                let limit = limit.as_secs();
                (
                    format!("run_timeout: {limit} s were over while {while_what}"),
                    Exit::Failed,
                )
            }
        };
        terminal.error(&why, None, exit.code());
        exit
    }
}

async fn with_settings<C: Connector>(
    connector: &C,
    parameters: &[&'static Parameter],
    verb: &str,
    matches: &ArgMatches,
    mut invocation: Invocation,
) -> io::Result<Exit> {
    let terminal = terminal(&mut invocation, matches);
    let inputs = match inputs(parameters, matches, std::mem::take(&mut invocation.environment)) {
        Ok(inputs) => inputs,
        Err(problems) => return Ok(refuse(&terminal, &problems)),
    };
    let mut limits = Limits {
        interrupts: &mut invocation.interrupts,
        started: machine_time().now(),
    };
    let before = Before {
        resume: resume(verb, matches),
        forget_last_good: verb == "run" && matches.get_flag("forget-last-good"),
    };
    let preparing = prepared(
        connector,
        parameters,
        verb,
        &inputs,
        invocation.host,
        &terminal,
        &before,
    );
    let limit = Values::before_the_file(parameters, &inputs).run_timeout();
    let prepared = match limits.keep(limit, preparing).await {
        Ok(Ok(prepared)) => prepared,
        Ok(Err(problems)) => return Ok(refuse(&terminal, &problems)),
        Err(ended) => return Ok(ended.tell(&terminal, "parameters were read; nothing was attempted")),
    };
    drop(inputs);
    let Prepared {
        values,
        mut settings,
        collector,
        host,
    } = prepared;
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
        Err(why) => return Ok(refuse(&terminal, &[Problem(why)])),
    };
    if verb != "run" {
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
    }
    let run_timeout = settings.run_timeout;
    let context = Context {
        values: &Arc::new(values),
        settings: &Arc::new(settings),
        host: &host,
        terminal: &terminal,
    };
    let mut stdout = invocation.stdout;
    if verb == "run" {
        let running = verbs::run(connector, collector, &context, &before, stdout, invocation.interrupts);
        return Box::pin(running).await;
    }
    let stdout = &mut *stdout;
    let listing = async {
        match verb {
            "iam-policy" => verbs::iam_policy(connector, &context, stdout),
            "accounts" => verbs::accounts(&context, stdout).await,
            "check" => {
                let failures_only = matches.get_flag("failures-only");
                verbs::check(&collector, &context, failures_only, stdout).await
            }
            _ => verbs::plan(connector, &context, stdout).await,
        }
    };
    match limits.keep(run_timeout, listing).await {
        Ok(exit) => exit,
        Err(Ended::Interrupted(exit)) => Ok(exit),
        Err(late) => Ok(late.tell(&terminal, &format!("{verb} was at work"))),
    }
}

/// Reads the parameters and checks all that can be checked without a call.
async fn prepared<C: Connector>(
    connector: &C,
    parameters: &[&'static Parameter],
    verb: &str,
    inputs: &Inputs,
    host: Option<Host>,
    terminal: &Terminal,
    before: &Before,
) -> Result<Prepared<C::Collector>, Vec<Problem>> {
    let mut values = read(parameters, inputs, &terminal.mask).await?;
    check_endpoints(&values, &inputs.environment)?;
    let host = match host {
        Some(host) => host,
        None => ambient_host(connector.about().name, &inputs.environment).await?,
    };
    let host = host.with_mask(terminal.mask.clone());
    if values.boolean(&ALLOW_INSECURE_ENDPOINTS) {
        host.allow_insecure_endpoints();
    }
    let collector = match verb {
        "run" => connector.collector(&values, &host),
        _ => connector.prober(&values, &host),
    };
    let settings = Settings::from_values(&values, connector.about(), &host, &inputs.environment);
    if verb == "run"
        && !values.has(&SHARD)
        && let Some(variable) = shard::unused_index(&inputs.environment)
    {
        tracing::info!("{variable} is set, and shard is not: all accounts are collected, as by every job of its array");
    }
    let (settings, collector) = match (settings, collector) {
        (Ok(settings), Ok(collector)) => (settings, collector),
        (settings, collector) => {
            let problems = [settings.err(), collector.err()];
            return Err(problems.into_iter().flatten().flatten().collect());
        }
    };
    // The settings have them.
    values.forget_secrets();
    let wrong = |why: &str| Err(vec![Problem(why.to_owned())]);
    if verb != "run" && settings.format == Format::Parquet {
        return wrong("format `parquet` is for rows: this verb prints a table, csv, json or jsonl");
    }
    if before.resume.is_some() && settings.state.is_none() {
        return wrong("--resume goes on with what a run has left beside its output: name a file with output");
    }
    if verb == "run" && settings.shard.is_some() && settings.state.is_none() {
        return wrong("shard: what is to be merged is kept beside the output: name a file with output");
    }
    Ok(Prepared {
        values,
        settings,
        collector,
        host,
    })
}

/// Nothing was attempted.
fn refuse(terminal: &Terminal, problems: &[Problem]) -> Exit {
    for problem in problems {
        terminal.error(&problem.0, None, Exit::Usage.code());
    }
    Exit::Usage
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
    let text = |parameter: &Parameter| {
        let flag = matches.get_one::<String>(&parameter.flag());
        flag.map(|text| (parameter.flag(), text.clone()))
    };
    let inputs = Inputs {
        flags: [&OUTPUT, &LEDGER, &RUN_TIMEOUT].into_iter().filter_map(text).collect(),
        environment: invocation.environment.clone(),
        ..Inputs::default()
    };
    let values = Values::before_the_file(&[&OUTPUT, &LEDGER, &RUN_TIMEOUT], &inputs);
    let ledgers = matches.get_many::<PathBuf>("shards").into_iter().flatten();
    let merge = Merge::new(
        values.text(&OUTPUT).unwrap_or("-"),
        matches.get_one::<String>(&LEDGER.flag()).map(String::as_str),
        matches.get_flag("keep-shards"),
        matches.get_flag("allow-mixed"),
        ledgers.cloned().collect(),
    );
    let mut limits = Limits {
        interrupts: &mut invocation.interrupts,
        started: machine_time().now(),
    };
    let host = match invocation.host {
        Some(host) => Ok(host),
        None => {
            let host = ambient_host(connector.about().name, &invocation.environment);
            match limits.keep(values.run_timeout(), host).await {
                Ok(host) => host,
                Err(ended) => return Ok(ended.tell(&terminal, "the environment was read; nothing was attempted")),
            }
        }
    };
    match (merge.map_err(|why| vec![Problem(why)]), host) {
        (Ok(merge), Ok(host)) => {
            let limit = values.run_timeout();
            verbs::merge(connector, merge, &host, &terminal, limit, invocation.interrupts).await
        }
        (Err(problems), _) | (_, Err(problems)) => Ok(refuse(&terminal, &problems)),
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

async fn ambient_host(app: &'static str, environment: &[(String, String)]) -> Result<Host, Vec<Problem>> {
    let host = Host::from_environment(app, environment).await;
    host.map_err(|problems| problems.into_iter().map(Problem).collect())
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
