//! Runs of a connector as a process, in an environment of their own, each checked for what holds of every run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::environment;
use crate::oracle;
use crate::process::Running;
use crate::rows::{self, Csv, Row};
use crate::secrets::Secrets;
use crate::servers::{self, Journal, Ministack, Moto, OidcProvider, Request};

/// Parameters whose value is a secret, by their names in a parameter file.
const SECRET_PARAMETERS: &[&str] = &["secret_access_key", "session_token", "ClientSecret"];

/// One run that is being prepared.
pub struct Connector {
    program: &'static str,
    verb: String,
    parameters: Map<String, Value>,
    parameter_file: Option<(String, String)>,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    secrets: Secrets,
    output: Option<String>,
    folder: tempfile::TempDir,
}

impl Connector {
    /// `ec2-connector run`, which publishes to a file.
    pub fn run() -> Connector {
        Connector::verb("run").format("json")
    }

    /// `athena-connector run` of a query, which publishes to a file.
    pub fn query(query: &str) -> Connector {
        Connector::of("athena-connector", "run")
            .parameter("query", query)
            .format("json")
    }

    /// Any verb of ec2-connector, with its output on standard output.
    pub fn verb(verb: &str) -> Connector {
        Connector::of("ec2-connector", verb)
    }

    /// Any verb of a connector, with its output on standard output.
    pub fn of(program: &'static str, verb: &str) -> Connector {
        Connector {
            program,
            verb: verb.to_owned(),
            parameters: Map::new(),
            parameter_file: None,
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            secrets: Secrets::default(),
            output: None,
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Talks to moto, with access keys that no other case has, and session names that tell its calls apart.
    pub fn at_moto(self, moto: &Moto) -> Connector {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.issued_in(moto.issued())
            .env("AWS_ENDPOINT_URL", &moto.url())
            .parameter("access_key_id", format!("AKIACASE{number:012}"))
            .parameter("secret_access_key", format!("secret+of/the=case-{number}"))
            .parameter("role_session_name", format!("case-{number}"))
    }

    /// Talks to ministack, with the credentials of a seed.
    pub fn at_ministack(self, ministack: &Ministack, made: &Value) -> Connector {
        self.issued_in(ministack.issued())
            .env("AWS_ENDPOINT_URL", &ministack.url())
            .parameter("access_key_id", made["access_key_id"].clone())
            .parameter("secret_access_key", made["secret_access_key"].clone())
    }

    /// Signs in at the identity provider, as the client that authenticates in the header.
    pub fn by_oidc(mut self, provider: &OidcProvider, role: &str) -> Connector {
        for name in ["access_key_id", "secret_access_key"] {
            self.parameters.remove(name);
        }
        self.issued_in(provider.issued())
            .parameter("AuthenticationMethod", "Web Identity Federation (OIDC)")
            .parameter("IdpUrl", provider.token_url())
            .parameter("ClientId", OidcProvider::BASIC)
            .parameter("ClientSecret", OidcProvider::BASIC_SECRET)
            .parameter("RoleArn", role)
    }

    /// Puts a parameter into the parameter file; a secret becomes known as one.
    pub fn parameter(mut self, name: &str, value: impl Into<Value>) -> Connector {
        let value = value.into();
        if let (true, Some(secret)) = (
            SECRET_PARAMETERS.contains(&name),
            value.as_str().filter(|text| !text.is_empty()),
        ) {
            self.secrets.know(secret);
        }
        self.parameters.insert(name.to_owned(), value);
        self
    }

    /// Leaves a parameter out.
    pub fn without(mut self, name: &str) -> Connector {
        self.parameters.remove(name);
        self
    }

    /// The value of a parameter that is a text.
    pub fn value(&self, name: &str) -> String {
        self.parameters
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// Uses this text as parameter file, under this name, instead of JSON from the parameters.
    pub fn parameter_file(mut self, name: &str, text: &str) -> Connector {
        self.parameter_file = Some((name.to_owned(), text.to_owned()));
        self
    }

    /// Adds a flag with its value.
    pub fn flag(mut self, name: &str, value: &str) -> Connector {
        if let Some(at) = self.arguments.iter().position(|argument| argument == name) {
            self.arguments.drain(at..at + 2);
        }
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Connector {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a secret that is in no parameter of the file.
    pub fn secret(mut self, secret: &str) -> Connector {
        self.secrets.know(secret);
        self
    }

    /// Adds a file that lists secrets given out by a server.
    pub fn issued_in(mut self, file: &Path) -> Connector {
        self.secrets.issued_in(file.to_path_buf());
        self
    }

    /// Publishes in this format, to a file that ends like it.
    pub fn format(mut self, format: &str) -> Connector {
        self.output = Some(format!("rows.{format}"));
        self.flag("--format", format)
    }

    /// Publishes to standard output.
    pub fn to_stdout(mut self) -> Connector {
        self.output = None;
        self.flag("--output", "-")
    }

    /// Writes a file into the run's own folder, and gives its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file in a temporary folder can be written");
        // As one keeps files with secrets in them.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its permissions can be set");
        path
    }

    /// The run's home folder, where AWS's own configuration would be.
    pub fn home(&self) -> PathBuf {
        let home = self.folder.path().join("home");
        fs::create_dir_all(&home).expect("a folder in a temporary folder can be made");
        home
    }

    /// Puts a file where the output will be, as an earlier run would have left it.
    pub fn with_previous_output(self, text: &str) -> Connector {
        let output = self.output.clone().expect("the run publishes to a file");
        fs::write(self.published().join(output), text).expect("the previous output can be written");
        self
    }

    /// Starts the process.
    pub fn start(self) -> Started {
        let mut command = Command::new(environment::connector(self.program));
        command.arg(&self.verb);
        // So that whatever could leak does. Verbs that print what is built in have no levels.
        if ["run", "check", "accounts", "plan"].contains(&self.verb.as_str()) {
            command.arg("-vvv");
        }
        servers::clean(&mut command, &self.home());
        // A case that goes wrong must not wait for addresses of the cloud that this machine does not have.
        command
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", "eu-central-1");
        command
            .envs(&self.environment)
            .args(&self.arguments)
            .current_dir(self.folder.path());
        match &self.parameter_file {
            Some((name, text)) => {
                command.arg("--params").arg(self.file(name, text));
            }
            None if !self.parameters.is_empty() => {
                let text = Value::Object(self.parameters.clone()).to_string();
                command.arg("--params").arg(self.file("parameters.json", &text));
            }
            None => {}
        }
        let published = self.published();
        if let Some(output) = &self.output {
            command.arg("--output").arg(published.join(output));
        }
        let running = Running::start(&mut command, "");
        Started {
            running,
            prepared: self,
            published,
        }
    }

    /// Runs the process to its end.
    pub fn finish(self) -> Outcome {
        self.start().finish()
    }

    fn published(&self) -> PathBuf {
        let folder = self.folder.path().join("published");
        fs::create_dir_all(&folder).expect("a folder in a temporary folder can be made");
        folder
    }
}

/// A run that is under way.
pub struct Started {
    running: Running,
    prepared: Connector,
    published: PathBuf,
}

impl Started {
    /// Sends a signal by name, such as `INT`.
    pub fn signal(&self, name: &str) {
        self.running.signal(name);
    }

    /// Waits for the end, and checks what holds of every run.
    pub fn finish(self) -> Outcome {
        let done = self.running.wait();
        let output = self.prepared.output.as_ref().map(|output| self.published.join(output));
        // A run that publishes nothing leaves the ledger of the last one that did.
        let ledger = output.as_ref().map(|output| {
            let beside = |ending: &str| PathBuf::from(format!("{}{ending}", output.display()));
            let failed = beside(".failed.run.json");
            if failed.exists() { failed } else { beside(".run.json") }
        });
        let outcome = Outcome {
            verb: self.prepared.verb.clone(),
            exit_code: done.status.code(),
            stdout: done.stdout,
            stderr: done.stderr,
            output: output.as_ref().and_then(|path| fs::read(path).ok()),
            ledger_text: ledger.as_ref().and_then(|path| fs::read_to_string(path).ok()),
            access_key_id: self.prepared.value("access_key_id"),
            session_name: self.prepared.value("role_session_name"),
            output_path: output,
            published: self.published,
            secrets: self.prepared.secrets.clone(),
            _folder: self.prepared.folder,
        };
        outcome.check();
        outcome
    }
}

/// What a run has left behind.
pub struct Outcome {
    verb: String,
    /// The exit code; none after a signal that the program did not handle.
    pub exit_code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error, at the most verbose level.
    pub stderr: String,
    output: Option<Vec<u8>>,
    ledger_text: Option<String>,
    access_key_id: String,
    session_name: String,
    output_path: Option<PathBuf>,
    published: PathBuf,
    secrets: Secrets,
    _folder: tempfile::TempDir,
}

impl Outcome {
    /// What the run said to its user: standard error without what only the most verbose level adds.
    pub fn messages(&self) -> String {
        let verbose = |line: &&str| {
            let level = line.split_whitespace().nth(1).unwrap_or_default();
            !["DEBUG", "TRACE"].contains(&level)
        };
        self.stderr.lines().filter(verbose).collect::<Vec<_>>().join("\n")
    }

    /// Panics unless the run ended with this code; shows what it said.
    #[track_caller]
    pub fn expect_exit(&self, code: i32) -> &Outcome {
        assert_eq!(
            self.exit_code,
            Some(code),
            "the exit code is not the expected; it said:\n{}",
            self.messages()
        );
        self
    }

    /// Panics unless the messages have each of these words or phrases, in any case of letters.
    #[track_caller]
    pub fn expect_said(&self, words: &[&str]) -> &Outcome {
        let said = self.messages().to_lowercase();
        for word in words {
            assert!(
                said.contains(&word.to_lowercase()),
                "it does not say {word:?}, but:\n{}",
                self.messages()
            );
        }
        self
    }

    /// The published file's text.
    #[track_caller]
    pub fn text(&self) -> &str {
        let bytes = self.output.as_deref();
        let bytes = bytes.unwrap_or_else(|| panic!("nothing was published; it said:\n{}", self.messages()));
        std::str::from_utf8(bytes).expect("the published file is UTF-8")
    }

    /// The rows of a published Parquet file, and the types of its columns, as DuckDB reads them.
    #[track_caller]
    pub fn parquet(&self) -> (Vec<Row>, Value) {
        let read = oracle::python("read_parquet.py", &json!({ "path": self.output_path }));
        let mut read = read.unwrap_or_else(|error| panic!("{error}"));
        let rows = serde_json::from_value(read["rows"].take()).expect("rows are objects");
        (rows, read["types"].take())
    }

    /// Whether a file was published.
    pub fn has_published(&self) -> bool {
        self.output.is_some()
    }

    /// The rows of a published JSON array.
    #[track_caller]
    pub fn rows(&self) -> Vec<Row> {
        rows::from_json(self.text())
    }

    /// The rows of a published JSONL file.
    #[track_caller]
    pub fn jsonl(&self) -> Vec<Row> {
        rows::from_jsonl(self.text())
    }

    /// The published CSV file.
    #[track_caller]
    pub fn csv(&self) -> Csv {
        rows::from_csv(self.text())
    }

    /// Account ids of the rows, each once.
    #[track_caller]
    pub fn accounts(&self) -> BTreeSet<String> {
        self.distinct("account_id")
    }

    /// Regions of the rows, each once.
    #[track_caller]
    pub fn regions(&self) -> BTreeSet<String> {
        self.distinct("region")
    }

    #[track_caller]
    fn distinct(&self, column: &str) -> BTreeSet<String> {
        self.rows()
            .iter()
            .filter_map(|row| row[column].as_str().map(str::to_owned))
            .collect()
    }

    /// The ledger.
    #[track_caller]
    pub fn ledger(&self) -> Value {
        let text = self.ledger_text.as_deref();
        let text = text.unwrap_or_else(|| panic!("there is no ledger; it said:\n{}", self.messages()));
        serde_json::from_str(text).unwrap_or_else(|error| panic!("the ledger is no JSON: {error}\n{text}"))
    }

    /// The slices of the ledger for an account.
    #[track_caller]
    pub fn slices(&self, account: &str) -> Vec<Value> {
        let ledger = self.ledger();
        let slices = ledger["slices"].as_array().cloned().unwrap_or_default();
        slices
            .into_iter()
            .filter(|slice| slice["account_id"] == account)
            .collect()
    }

    /// The outcomes of an account's slices, each once.
    #[track_caller]
    pub fn outcomes(&self, account: &str) -> BTreeSet<String> {
        self.slices(account)
            .iter()
            .map(|slice| slice["outcome"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// What this run asked a server.
    pub fn requests(&self, journal: &Journal) -> Vec<Request> {
        journal.of(&self.access_key_id, &self.session_name)
    }

    /// What holds of every run, whatever its case.
    fn check(&self) {
        self.secrets.assert_absent("standard output", &self.stdout);
        self.secrets.assert_absent("standard error", &self.stderr);
        let output = self.output.as_deref().unwrap_or_default();
        self.secrets
            .assert_absent("the output", &String::from_utf8_lossy(output));
        self.secrets
            .assert_absent("the ledger", self.ledger_text.as_deref().unwrap_or_default());
        assert!(
            !self.stderr.contains("panicked at"),
            "the program has panicked:\n{}",
            self.stderr
        );
        self.check_nothing_left();
        self.check_state();
        if self.verb == "run" && self.ledger_text.is_some() {
            self.check_ledger();
        }
    }

    /// What the run has kept to be gone on with.
    fn state(&self) -> Option<PathBuf> {
        let output = self.output_path.as_ref()?;
        let state = PathBuf::from(format!("{}.state", output.display()));
        state.exists().then_some(state)
    }

    /// Rows are kept while something is missing, and the ledger says where. They hold no secret either.
    fn check_state(&self) {
        let state = self.state();
        if let Some(state) = &state {
            assert_ne!(
                self.exit_code,
                Some(0),
                "a complete run keeps nothing beside its output"
            );
            for entry in fs::read_dir(state).expect("the folder of the state can be read") {
                let path = entry.expect("a folder's entry can be read").path();
                let kept = fs::read(&path).expect("a file of the state can be read");
                self.secrets
                    .assert_absent(&path.display().to_string(), &String::from_utf8_lossy(&kept));
            }
        }
        if self.verb == "run" && self.ledger_text.is_some() {
            let told = self.ledger()["state"].as_str().map(PathBuf::from);
            assert_eq!(told, state, "what the ledger says of rows that are kept");
        }
    }

    fn check_nothing_left(&self) {
        let output = self
            .output_path
            .as_ref()
            .and_then(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned());
        for entry in fs::read_dir(&self.published).expect("the folder of the output can be read") {
            let name = entry
                .expect("a folder's entry can be read")
                .file_name()
                .to_string_lossy()
                .into_owned();
            let expected = output.as_ref().is_some_and(|output| {
                let published = matches!(self.exit_code, Some(0 | 3));
                name == *output
                    || name == format!("{output}.run.json")
                    || (name == format!("{output}.failed.run.json") && !published)
            }) || self.state().is_some_and(|state| state.ends_with(&name));
            assert!(
                expected,
                "the run has left {name:?} beside its output; it said:\n{}",
                self.messages()
            );
        }
    }

    fn check_ledger(&self) {
        let ledger = self.ledger();
        assert_eq!(
            ledger["exit_code"].as_i64(),
            self.exit_code.map(i64::from),
            "the ledger has the exit code"
        );
        let expected = match self.exit_code {
            Some(0) => "complete",
            Some(3) => "partial",
            Some(129 | 130 | 143) => "interrupted",
            _ => "failed",
        };
        assert_eq!(
            ledger["outcome"], expected,
            "the ledger's outcome says what the exit code says"
        );
        let slices = ledger["slices"].as_array().cloned().unwrap_or_default();
        let mut seen = BTreeSet::new();
        let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
        for slice in &slices {
            let known = [
                "complete",
                "empty",
                "skipped",
                "denied",
                "throttled",
                "timed-out",
                "unreachable",
                "credentials",
                "failed",
                "interrupted",
            ];
            let outcome = slice["outcome"].as_str().unwrap_or_default();
            assert!(known.contains(&outcome), "a slice has one of the outcomes: {slice}");
            assert_eq!(
                outcome == "complete",
                slice["rows"].as_u64().unwrap_or(0) > 0,
                "complete means rows: {slice}"
            );
            let failed = !["complete", "empty", "skipped", "interrupted"].contains(&outcome);
            assert_eq!(
                failed,
                slice["cause"].is_object(),
                "a slice that failed says why, no other does: {slice}"
            );
            assert!(
                seen.insert((slice["account_id"].clone().to_string(), slice["region"].to_string())),
                "twice: {slice}"
            );
            *counted.entry(outcome).or_default() += 1;
        }
        let totals = &ledger["totals"];
        let rows: u64 = slices.iter().filter_map(|slice| slice["rows"].as_u64()).sum();
        assert_eq!(
            totals["rows"].as_u64(),
            Some(rows),
            "the total of rows is the sum of the slices' rows"
        );
        assert_eq!(
            totals["slices"].as_u64(),
            Some(slices.len() as u64),
            "the total of slices"
        );
        for (outcome, number) in counted {
            assert_eq!(
                totals[outcome].as_u64(),
                Some(number),
                "the total of slices that are {outcome}"
            );
        }
        self.check_outputs(&ledger, rows);
    }

    fn check_outputs(&self, ledger: &Value, rows: u64) {
        let outputs = ledger["outputs"].as_array().cloned().unwrap_or_default();
        if let (Some(0 | 3), Some(path)) = (self.exit_code, &self.output_path) {
            assert_eq!(outputs.len(), 1, "the ledger names the output");
            assert_eq!(
                outputs[0]["path"].as_str().map(PathBuf::from).as_ref(),
                Some(path),
                "the ledger's path"
            );
            let output = self.output.as_deref().unwrap_or_default();
            assert_eq!(
                outputs[0]["rows"].as_u64(),
                Some(rows),
                "the ledger's rows of the output"
            );
            assert_eq!(
                outputs[0]["bytes"].as_u64(),
                Some(output.len() as u64),
                "the ledger's bytes of the output"
            );
            assert_eq!(
                outputs[0]["sha256"],
                hex_digest(output),
                "the ledger's digest of the output"
            );
        }
    }
}

fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
