//! Runs a connector's program against a simulated AWS, and looks for secrets in everything that a run leaves behind.
//! For the acceptance tests of connectors.
#![allow(clippy::unwrap_used, missing_docs, reason = "all of it is part of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _, Write};
use std::marker::PhantomData;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use auth_core::Host;
use auth_core::host::SharedTimeSource;
use aws_sim::{Clock, Estate, Sim};
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use connector_core::terminal::Terminal;
use connector_core::{Connector, Invocation};
use serde_json::{Map, Value as Json, json};
use tempfile::TempDir;

mod ahead;
mod compare;
mod disk;
mod events;
mod forms;
mod kills;
mod memory;
mod moments;
mod pauses;
mod shell;

use ahead::Ahead;
pub use compare::{Found, expected, failed_of, parameters, rows, set, some, without_times};
pub use disk::{Disk, in_a_namespace};
pub use events::Events;
pub use moments::Cut;
pub use pauses::{Faster, Hardly, Impatient, is_far, is_limit};

pub const OIDC: &str = "Web Identity Federation (OIDC)";
pub const DEFAULT_CHAIN: &str = "AWS Default Chain";
/// Nothing waits longer than this for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A simulator on the machine's clock.
pub fn start(estate: Estate) -> Sim {
    Sim::start_at(estate, Clock::real(), 0, 1).unwrap()
}

/// A simulator whose clock stands still until it is moved.
pub fn start_still(estate: Estate) -> Sim {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Sim::start_at(estate, Clock::manual(start), 0, 1).unwrap()
}

/// The program that is tested.
pub trait Program {
    /// The connector in it.
    type Connector: Connector;
    /// Its name.
    const NAME: &'static str;
    /// The executable: `env!("CARGO_BIN_EXE_…")`, which only its own tests know.
    const PATH: &'static str;

    /// For runs in the test's own process.
    fn connector() -> Self::Connector;
}

/// One run to be, of program `P`.
pub struct Run<'a, P> {
    program: PhantomData<P>,
    sim: &'a Sim,
    verb: &'static str,
    params: Map<String, Json>,
    file: &'static str,
    text: Option<String>,
    mode: u32,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    simulated: bool,
    stdin: Option<String>,
    typed: bool,
    secrets: Vec<String>,
    directory: TempDir,
    sleep: Option<SharedAsyncSleep>,
    events: Option<Events>,
    shell: Option<String>,
    /// Seconds.
    clock_ahead: i64,
    /// The ledger that stood at its place before the run.
    last_ledger: Option<Vec<u8>>,
}

impl<'a, P: Program> Run<'a, P> {
    /// `run` without any parameter but `output`, a JSON file.
    pub fn bare(sim: &'a Sim) -> Self {
        let directory = TempDir::new().unwrap();
        let run = Run {
            program: PhantomData,
            sim,
            verb: "run",
            params: Map::new(),
            file: "params.json",
            text: None,
            mode: 0o600,
            flags: Vec::new(),
            environment: Vec::new(),
            simulated: true,
            stdin: None,
            typed: false,
            secrets: Vec::new(),
            directory,
            sleep: None,
            events: None,
            shell: None,
            clock_ahead: 0,
            last_ledger: None,
        };
        run.output("rows.json")
    }

    /// With the access key of [`Estate::USER`].
    pub fn keys(sim: &'a Sim) -> Self {
        let key = sim.estate().access_key(Estate::MANAGEMENT, Estate::USER).unwrap();
        Run::bare(sim).params(json!({
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret_access_key,
        }))
    }

    /// With [`Estate::CLIENT_ID`] and [`Estate::OIDC_ROLE`].
    pub fn oidc(sim: &'a Sim) -> Self {
        Run::bare(sim).params(json!({
            "AuthenticationMethod": OIDC,
            "ClientId": Estate::CLIENT_ID,
            "ClientSecret": Estate::CLIENT_SECRET,
            "IdpUrl": sim.token_url(),
            "RoleArn": Estate::OIDC_ROLE,
        }))
    }

    /// With the access key and the account listing through the role that every member has.
    pub fn organization(sim: &'a Sim) -> Self {
        Run::keys(sim).params(json!({"sub_account_assume_role_arn_chain": [Estate::SUB_ACCOUNT_ROLE]}))
    }

    pub fn verb(mut self, verb: &'static str) -> Self {
        self.verb = verb;
        self
    }

    /// Adds parameters; a value of `()` cannot be written, so [`Run::without`] takes one away.
    pub fn params(mut self, more: Json) -> Self {
        for (name, value) in more.as_object().unwrap() {
            // The case's own secrets, right or wrong.
            let is_secret = matches!(name.as_str(), "secret_access_key" | "session_token" | "ClientSecret");
            self.secrets
                .extend(value.as_str().filter(|_| is_secret).map(str::to_owned));
            self.params.insert(name.clone(), value.clone());
        }
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.params.remove(name);
        self
    }

    pub fn secret(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }

    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// As a person types it: the verb and the flags of the case, no parameter file, no more log lines than usual.
    pub fn typed(mut self) -> Self {
        self.typed = true;
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without the variable that leads all services to the simulator.
    pub fn without_endpoint(mut self) -> Self {
        self.simulated = false;
        self
    }

    /// What stands on standard input of the program; nothing otherwise.
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// In the directory of an earlier run, with all that it has left there.
    pub fn after(mut self, outcome: Outcome) -> Self {
        let name = outcome.output.file_name().unwrap().to_str().unwrap().to_owned();
        self.directory = outcome.directory;
        self.output(&name)
    }

    /// The output's name in the run's directory.
    pub fn output(mut self, name: &str) -> Self {
        let path = self.path(name);
        self.params.insert("output".to_owned(), json!(path));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file in the run's directory.
    pub fn file(self, name: &str, content: &str) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// A parameter file of another format, instead of the parameters. It names an output `rows.json`.
    pub fn parameter_file(mut self, name: &'static str, text: &str) -> Self {
        self.file = name;
        self.text = Some(text.to_owned());
        self
    }

    /// The permissions of the parameter file, instead of its owner's alone.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// How an in-process run sleeps, instead of hardly at all.
    pub fn sleeping(mut self, sleep: SharedAsyncSleep) -> Self {
        self.sleep = Some(sleep);
        self
    }

    /// An in-process run sleeps on the simulator's clock, which moves when nothing else goes on: see [`Events`].
    pub fn by_events(mut self) -> Self {
        self.events = Some(Events::new(self.sim.clock()));
        self
    }

    /// The clock of an in-process run is so many seconds ahead of the simulator's, or behind it.
    pub fn clock_ahead(mut self, seconds: i64) -> Self {
        self.clock_ahead = seconds;
        self
    }

    /// The region of the run's environment.
    fn region(&self) -> Option<String> {
        let mut environment = self.environment.iter();
        environment
            .find(|(name, _)| name == "AWS_REGION")
            .map(|(_, region)| region.clone())
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![self.verb.to_owned()];
        if !self.typed && !matches!(self.verb, "spec" | "schema" | "secret") {
            let file = self.path(self.file);
            let text = self.text.clone();
            let text = text.unwrap_or_else(|| serde_json::to_string_pretty(&self.params).unwrap());
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(self.mode)).unwrap();
            arguments.extend(["--params".to_owned(), file.display().to_string(), "-vvv".to_owned()]);
        }
        arguments.extend(self.flags.iter().cloned());
        arguments
    }

    /// The ledger's place.
    fn ledger(&self) -> PathBuf {
        let text = |name: &str| self.params.get(name).and_then(Json::as_str).map(str::to_owned);
        let beside = || {
            let placeholders = ["{accountId}", "{region}", "{statement}"];
            let all = |path: String, place: &&str| path.replace(place, "all");
            let path = placeholders.iter().fold(text("output").unwrap_or_default(), all);
            format!("{path}.run.json")
        };
        PathBuf::from(text("ledger").unwrap_or_else(beside))
    }

    /// Starts the program.
    pub fn start(mut self) -> Running<'a, P> {
        self.last_ledger = fs::read(self.ledger()).ok();
        let mut command = shell::program(P::PATH, self.shell.as_deref());
        command
            .args(self.arguments())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.directory.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.simulated.then(|| ("AWS_ENDPOINT_URL", self.sim.endpoint())))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(if self.stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        if let (Some(text), Some(mut stdin)) = (self.stdin.clone(), child.stdin.take()) {
            // On a thread: a pipe holds little, and who does not read it ends it, which is no failure here.
            std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
        }
        let stderr = reader(child.stderr.take().unwrap());
        Running {
            run: self,
            child,
            stderr,
        }
    }

    /// Runs the program to its end.
    pub fn run(self) -> Outcome {
        self.start().finish()
    }

    /// Runs the program to its end, and expects an exit code.
    pub fn expect(self, code: i32) -> Outcome {
        let outcome = self.run();
        outcome.expect(code);
        outcome
    }

    /// The same in this process, on the simulator's clock, with sleeps that take no time.
    pub fn inside(self) -> Outcome {
        self.inside_as(&P::connector())
    }

    /// The same with another connector.
    pub fn inside_as<C: Connector>(mut self, connector: &C) -> Outcome {
        self.last_ledger = fs::read(self.ledger()).ok();
        let time = SharedTimeSource::new(Ahead(self.sim.clock().clone(), self.clock_ahead));
        let by_events = self.events.clone().map(SharedAsyncSleep::new);
        let sleep = self.sleep.clone().or(by_events);
        let sleep = sleep.unwrap_or(SharedAsyncSleep::new(Hardly));
        let arguments = std::iter::once(P::NAME.to_owned()).chain(self.arguments());
        let stdout = Collected::default();
        let invocation = Invocation {
            arguments: arguments.map(OsString::from).collect(),
            environment: self.environment.clone(),
            host: None,
            stdout: Box::new(stdout.clone()),
            terminal: Some(Terminal::silent()),
            open_files: None,
            interrupts: Box::pin(futures::stream::pending()),
        };
        // On one thread, so that the clock does not run on while a thread is not let to run.
        let runtime = match &self.events {
            Some(events) => events.runtime(),
            None => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        };
        let exit = runtime.block_on(async {
            let host = Host::for_endpoint(self.sim.endpoint(), self.region(), time, sleep)
                .await
                .unwrap();
            let invocation = Invocation {
                host: Some(host),
                ..invocation
            };
            connector_core::run(connector, invocation).await
        });
        let stdout = stdout.0.lock().unwrap().clone();
        Outcome::new(self, i32::from(exit.code()), stdout, Vec::new())
    }
}

/// A run under way.
pub struct Running<'a, P> {
    run: Run<'a, P>,
    child: Child,
    stderr: std::thread::JoinHandle<Vec<u8>>,
}

impl<P: Program> Running<'_, P> {
    /// A file in the run's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.run.path(name)
    }

    /// Waits until the simulator has seen what is meant.
    pub fn wait_for(mut self, what: impl Fn(&Sim) -> bool) -> Self {
        let start = Instant::now();
        while !what(self.run.sim) {
            assert!(start.elapsed() < PATIENCE, "it did not come");
            assert!(self.child.try_wait().unwrap().is_none(), "the program has ended");
            std::thread::sleep(Duration::from_millis(5));
        }
        self
    }

    /// Sends a signal: `INT`, `TERM`.
    pub fn signal(self, signal: &str) -> Self {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().unwrap();
        assert!(sent.success());
        self
    }

    /// Reads so many bytes of standard output, and closes it.
    pub fn read_and_close(mut self, bytes: usize) -> Self {
        let mut stdout = self.child.stdout.take().unwrap();
        let mut read = vec![0; bytes];
        stdout.read_exact(&mut read).unwrap();
        self
    }

    pub fn finish(mut self) -> Outcome {
        let stdout = self.child.stdout.take().map(reader);
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > 3 * PATIENCE {
                let _ = self.child.kill();
                panic!("the program does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let stdout = stdout.map(|stdout| stdout.join().unwrap()).unwrap_or_default();
        let stderr = self.stderr.join().unwrap();
        Outcome::new(self.run, status.code().unwrap_or(-1), stdout, stderr)
    }
}

fn reader(mut from: impl io::Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// What a run has left behind. Nothing of it has a secret in it.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    directory: TempDir,
    output: PathBuf,
    /// The run's own.
    ledger: PathBuf,
    /// That of the last run that has published something.
    last_ledger: PathBuf,
}

impl Outcome {
    fn new<P: Program>(run: Run<'_, P>, code: i32, stdout: Vec<u8>, stderr: Vec<u8>) -> Self {
        let text = |name: &str| run.params.get(name).and_then(Json::as_str).map(str::to_owned);
        let output = PathBuf::from(text("output").unwrap_or_default());
        let last = run.ledger();
        let failed = failed_of(&last);
        if matches!(code, 2 | 4 | 129 | 130 | 143) && fs::read(&last).ok() != run.last_ledger {
            let ledger: Json = serde_json::from_slice(&fs::read(&last).unwrap()).unwrap();
            assert_ne!(ledger["outputs"], json!([]), "it has published nothing: {ledger}");
        }
        if matches!(code, 0 | 3) && matches!(run.verb, "run" | "merge") {
            assert!(!failed.exists(), "a run that publishes removes {}", failed.display());
        }
        let ledger = if failed.exists() { failed } else { last.clone() };
        let outcome = Outcome {
            code,
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
            output,
            ledger,
            last_ledger: last,
            directory: run.directory,
        };
        let mut secrets = run.sim.secrets();
        secrets.extend(run.secrets);
        let own: BTreeSet<PathBuf> = ["params.json", "params.toml", "params.yaml", "secrets", ".aws"]
            .map(|name| outcome.directory.path().join(name))
            .into();
        outcome.assert_no_secret(&forms::forms(&secrets), &own);
        outcome
    }

    fn assert_no_secret(&self, secrets: &[String], own: &BTreeSet<PathBuf>) {
        let files = fs::read_dir(self.directory.path()).unwrap();
        let files = files.map(|entry| entry.unwrap().path());
        let files = files.filter(|path| !own.contains(path) && path.is_file());
        let files = files.map(|path| {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            (path.display().to_string(), text)
        });
        let streams = [("stdout", &self.stdout), ("stderr", &self.stderr)];
        let streams = streams.map(|(name, text)| (name.to_owned(), text.clone()));
        for (place, text) in streams.into_iter().chain(files) {
            if let Some(at) = forms::found(&text, secrets) {
                panic!("a secret shows in {place}, after: …{}", before(&text, at));
            }
            // JSON Web Tokens begin so, and go on for longer than the name of a temporary directory.
            for (at, begin) in text.match_indices("eyJ") {
                let rest = text[at + begin.len()..].chars();
                let length = rest
                    .take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
                    .count();
                assert!(length < 16, "a token shows in {place}, after: …{}", before(&text, at));
            }
        }
    }

    /// Standard error without the SDK's talk.
    pub fn told(&self) -> String {
        let lines = self.stderr.lines().filter(|line| !line.contains(" aws_smithy_"));
        lines.map(|line| format!("{line}\n")).collect()
    }

    pub fn expect(&self, code: i32) -> &Self {
        let failed: Vec<Json> = match serde_json::from_str::<Json>(&self.ledger_text()) {
            Ok(ledger) => {
                let slices = ledger["slices"].as_array().cloned().unwrap_or_default();
                let failed = slices.into_iter().filter(|slice| slice["cause"].is_object());
                failed.chain([ledger["cause"].clone()]).collect()
            }
            Err(_) => Vec::new(),
        };
        assert_eq!(self.code, code, "{}\n{}", self.told(), json!(failed));
        self
    }

    /// What must stand on standard error.
    pub fn says(&self, texts: &[&str]) -> &Self {
        let said = plain(&self.stderr);
        for text in texts {
            assert!(said.contains(&plain(text)), "{text:?} is not in:\n{}", self.told());
        }
        self
    }

    /// What must not stand on standard error.
    pub fn does_not_say(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(!self.stderr.contains(text), "{text:?} is in:\n{}", self.told());
        }
        self
    }

    /// The error that a person sees at the end, without the log: everything from the first line that begins with
    /// `error:`.
    pub fn final_error(&self) -> String {
        let at = self.stderr.find("\nerror: ").map(|at| at + 1);
        let at = at.or_else(|| self.stderr.starts_with("error: ").then_some(0));
        self.stderr[at.unwrap_or_else(|| panic!("no error in:\n{}", self.told()))..].to_owned()
    }

    pub fn output_bytes(&self) -> Vec<u8> {
        fs::read(&self.output).unwrap()
    }

    pub fn has_output(&self) -> bool {
        self.output.is_file()
    }

    /// What the run has left to go on with: beside the output, and named in the ledger if there is one.
    pub fn state(&self) -> PathBuf {
        PathBuf::from(format!("{}.state", self.output.display()))
    }

    /// Files in the run's directory that are neither parameters nor results nor what the ledger says is left.
    pub fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(self.directory.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().path());
        let ledger: Json = serde_json::from_str(&self.ledger_text()).unwrap_or_default();
        let state = ledger["state"].as_str().map(PathBuf::from).unwrap_or_default();
        let known = [&self.output, &self.ledger, &self.last_ledger, &state];
        names
            .filter(|path| !known.contains(&path) && !path.ends_with("params.json"))
            .map(|path| path.display().to_string())
            .collect()
    }

    pub fn rows(&self) -> Vec<Json> {
        let bytes = self.output_bytes();
        rows(&String::from_utf8(bytes).unwrap(), &self.output)
    }

    /// Instance ids by account and region.
    pub fn found(&self) -> Found {
        let mut found = Found::new();
        for row in self.rows() {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let ids = found.entry((text("account_id"), text("region"))).or_default();
            ids.push(text("instance_id"));
        }
        found
    }

    /// The accounts that have rows.
    pub fn accounts(&self) -> BTreeSet<String> {
        self.found().into_keys().map(|(account, _)| account).collect()
    }

    /// The regions that have rows.
    pub fn regions(&self) -> BTreeSet<String> {
        self.found().into_keys().map(|(_, region)| region).collect()
    }

    pub fn ledger_text(&self) -> String {
        fs::read_to_string(&self.ledger).unwrap_or_default()
    }

    pub fn ledger_path(&self) -> PathBuf {
        self.ledger.clone()
    }

    /// Where the ledger of the last run stands that has published something.
    pub fn last_ledger_path(&self) -> PathBuf {
        self.last_ledger.clone()
    }

    pub fn has_ledger(&self) -> bool {
        self.ledger.exists()
    }

    pub fn ledger(&self) -> Json {
        serde_json::from_str(&self.ledger_text()).unwrap()
    }

    /// A slice of the ledger; without a region, what concerns the account as a whole.
    pub fn slice(&self, account: &str, region: Option<&str>) -> Json {
        let ledger = self.ledger();
        let slices = ledger["slices"].as_array().unwrap().iter();
        let mut slices = slices.filter(|slice| slice["account_id"] == account && slice["region"] == json!(region));
        let found = slices
            .next()
            .unwrap_or_else(|| panic!("{account} {region:?} is not in {}", self.ledger_text()));
        assert!(slices.next().is_none(), "{account} {region:?} is there twice");
        found.clone()
    }

    /// Outcome by account and region.
    pub fn outcomes(&self) -> BTreeMap<(String, String), String> {
        let ledger = self.ledger();
        let slices = ledger["slices"].as_array().unwrap();
        let text = |slice: &Json, name: &str| slice[name].as_str().unwrap_or("-").to_owned();
        let outcomes: BTreeMap<_, _> = slices
            .iter()
            .map(|slice| {
                (
                    (text(slice, "account_id"), text(slice, "region")),
                    text(slice, "outcome"),
                )
            })
            .collect();
        assert_eq!(outcomes.len(), slices.len(), "a slice has two outcomes");
        outcomes
    }

    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// In one line: messages are wrapped to the terminal.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn before(text: &str, at: usize) -> String {
    let mut context: Vec<char> = text[..at].chars().rev().take(200).collect();
    context.reverse();
    context.into_iter().collect()
}

#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<u8>>>);

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
