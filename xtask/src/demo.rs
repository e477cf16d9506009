//! `cargo xtask demo`: the EC2 inventory of a simulated organization, collected for real over HTTP, once with each way to
//! sign in, and then queried with Athena in all its accounts. It shows what a user would see, prints every command line so that it can be copied, and fails when something
//! comes out differently from what the simulator holds.

mod query;
mod results;
mod show;
mod simulator;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value as Json, json};

use self::results::{Ledger, Rows};
use crate::simulator::Simulator;
use crate::words::count;
use crate::workspace;

/// How to show it.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave the simulated organization running until Enter, to try command lines by hand
    #[arg(long)]
    keep: bool,
}

/// The second collection, by OIDC, is of a part: these regions, and not this account.
const SOME_REGIONS: [&str; 3] = ["eu-central-1", "us-east-1", simulator::OPT_IN_REGION];
const LEFT_OUT: &str = simulator::WITHOUT_ROLE.account;
/// A partial result.
const PARTIAL: i32 = 3;

/// Builds, shows, checks.
pub(crate) fn run(options: &Options) -> Result<()> {
    if std::env::current_dir()? != workspace::root() {
        show::command(&[], &["cd", &workspace::root().display().to_string()]);
    }
    build()?;
    let demo = Demo::new()?;
    demo.organization();
    let csv = demo.by_access_keys()?;
    let json = demo.by_oidc(&csv)?;
    query::show(&demo, &csv)?;
    demo.end(&csv, &json, options.keep);
    if options.keep {
        let _ = io::stdin().read_line(&mut String::new());
    }
    Ok(())
}

fn build() -> Result<()> {
    show::heading("Build");
    show::text(
        "The connectors and a simulated AWS. The first time takes some minutes: the AWS SDK is large. Later, seconds.",
    );
    let arguments = [
        "build",
        "-p",
        "ec2-connector",
        "-p",
        "athena-connector",
        "-p",
        "aws-sim",
    ];
    show::command(&[], &[&["cargo"][..], &arguments].concat());
    let mut build = Command::new("cargo");
    let status = build.args(arguments).current_dir(workspace::root()).status();
    ensure!(status.context("cannot start cargo")?.success(), "the build failed");
    Ok(())
}

/// The running organization, and the files for it.
struct Demo {
    simulator: Simulator,
    folder: PathBuf,
    /// Parameter files: by access keys and by OIDC.
    access_keys: PathBuf,
    oidc: PathBuf,
}

impl Demo {
    fn new() -> Result<Self> {
        let folder = workspace::target().join("demo");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let simulator = simulator::start(&folder, &[])?;
        let demo = Demo {
            access_keys: folder.join("access-keys.json"),
            oidc: folder.join("oidc.json"),
            simulator,
            folder,
        };
        let fact = |name: &str| demo.simulator.facts[name].clone();
        let by_access_keys = json!({
            "AuthenticationMethod": "Access Key & Secret Key",
            "access_key_id": fact("access_key_id"),
            "secret_access_key": fact("secret_access_key"),
            "sub_account_assume_role_arn_chain": [fact("sub_account_role")],
        });
        let by_oidc = json!({
            "AuthenticationMethod": "Web Identity Federation (OIDC)",
            "IdpUrl": fact("token_url"),
            "ClientId": fact("client_id"),
            "ClientSecret": fact("client_secret"),
            "RoleArn": fact("role_arn"),
            "SessionDuration": 3600,
            "sub_account_assume_role_arn_chain": [fact("sub_account_role")],
            "exclude_accounts": [LEFT_OUT],
            "regions": SOME_REGIONS,
        });
        for (path, parameters) in [(&demo.access_keys, by_access_keys), (&demo.oidc, by_oidc)] {
            fs::write(path, format!("{parameters:#}\n")).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(demo)
    }

    fn organization(&self) {
        let organization = &self.simulator.facts["organization"];
        show::heading("An organization to look at");
        show::command(&[], &[&show::path(&workspace::binary("aws-sim")), "--estate", "demo"]);
        show::text(&format!(
            "It serves AWS and an identity provider at {}: {} accounts in nested organizational units, {} regions, {} \
             instances. As in every organization, not all is well:",
            self.simulator.endpoint(),
            organization["accounts"],
            organization["regions"].as_array().map_or(0, Vec::len),
            count(self.simulator.instances()),
        ));
        let troubles = simulator::HIDDEN.map(|hidden| vec![hidden.account.to_owned(), hidden.what.to_owned()]);
        let region = vec![
            simulator::OPT_IN_REGION.to_owned(),
            "is a region that few accounts have enabled".to_owned(),
        ];
        show::table(&[], troubles.into_iter().chain([region]));
    }

    /// The whole organization, as CSV.
    fn by_access_keys(&self) -> Result<Collected> {
        show::heading("By access keys: the whole organization");
        show_parameters(&self.access_keys)?;

        show::text("Which accounts are there, and how is each reached?");
        let accounts = self.listing("accounts", 0)?;
        show::entries(&accounts, 6, |_| false);

        show::text("Does every role on the way work? (Here: those that do not, and the first that do.)");
        let check = self.listing("check", PARTIAL)?;
        show::entries(&check, 3, |entry| entry.split_whitespace().nth(2) != Some("works"));

        show::text("Collect:");
        let collected = self.collect(&self.access_keys, "instances.csv")?;
        let expected =
            self.simulator.instances() - simulator::HIDDEN.iter().map(|hidden| hidden.instances).sum::<u64>();
        let (rows, ledger) = (&collected.rows, &collected.ledger);
        ensure!(
            rows.keys.len() as u64 == expected,
            "{} different rows, but the simulator has {expected} that can be reached",
            rows.keys.len()
        );
        ledger.expect(&[
            ("denied", simulator::DENIED.account),
            ("credentials", simulator::WITHOUT_ROLE.account),
            ("skipped", simulator::SUSPENDED.account),
        ])?;

        show::text(&format!("The first rows of {}:", show::path(&collected.path)));
        rows.show_first(5);
        show::text(&format!(
            "Exit code {PARTIAL} says partial. What is missing, and why, stands in the ledger, {}:",
            show::path(&collected.ledger.path)
        ));
        ledger.explain();
        show::text(&format!(
            "Nothing else is missing: {} rows, as many as the simulator has in all other accounts.",
            count(expected)
        ));
        Ok(collected)
    }

    /// A part of it, as JSON; it must be the same rows.
    fn by_oidc(&self, whole: &Collected) -> Result<Collected> {
        show::heading("By OIDC: three regions, without one account, as JSON");
        show_parameters(&self.oidc)?;
        let collected = self.collect(&self.oidc, "instances.json")?;
        let of_this_part =
            |(account, region, _): &&results::Key| SOME_REGIONS.contains(&region.as_str()) && account != LEFT_OUT;
        let expected: Vec<_> = whole.rows.keys.iter().filter(of_this_part).collect();
        ensure!(
            collected.rows.keys.iter().eq(expected),
            "by OIDC, the rows are not the same as by access keys"
        );
        collected.ledger.expect(&[
            ("denied", simulator::DENIED.account),
            ("skipped", LEFT_OUT),
            ("skipped", simulator::SUSPENDED.account),
        ])?;
        show::text(&format!("The first row of {}:", show::path(&collected.path)));
        collected.rows.show_fields();
        show::text(&format!(
            "The same {} instances as by access keys, in these regions and accounts.",
            count(collected.rows.keys.len() as u64)
        ));
        Ok(collected)
    }

    fn end(&self, csv: &Collected, json: &Collected, keep: bool) {
        show::heading("Where things are");
        let entry = |path: &Path, what: &str| vec![show::path(path), what.to_owned()];
        show::table(
            &[],
            [
                entry(&csv.path, "rows of the whole organization"),
                entry(&csv.ledger.path, "what became of each account and region"),
                entry(&json.path, "rows of the part"),
                entry(&json.ledger.path, "its ledger"),
                entry(&self.folder.join(query::CSV), "the query's rows, of all accounts"),
                entry(&self.folder.join(query::JSON), "the same as JSON"),
                entry(&self.access_keys, "parameters, by access keys"),
                entry(&self.oidc, "parameters, by OIDC"),
            ],
        );
        show::heading("Your own organization");
        show::text(
            "Leave AWS_ENDPOINT_URL away and write your own keys (or client and identity provider) and role names into \
             the parameter file: the command lines stay the same. This prints the policies that the roles need:",
        );
        let connector = show::path(&workspace::binary("ec2-connector"));
        let parameters = show::path(&self.access_keys);
        show::command(&[], &[&connector, "iam-policy", "--params", &parameters]);
        if !keep {
            show::text(
                "All came out as it should. The simulated organization is gone; `cargo xtask demo --keep` leaves it \
                 running, to try more by hand.",
            );
            return;
        }
        show::heading("Try by hand, in another terminal");
        let endpoint = [("AWS_ENDPOINT_URL", self.simulator.endpoint())];
        let (oidc, output) = (show::path(&self.oidc), show::path(&self.folder.join("mine.jsonl")));
        let root = self.simulator.facts["organization"]["root"]
            .as_str()
            .unwrap_or_default();
        for arguments in [
            &["plan", "--params", &parameters][..],
            &["check", "--params", &oidc, "--format", "json"],
            &["run", "--params", &oidc, "--output", &output],
            &[
                "run",
                "--params",
                &parameters,
                "--organizational-units",
                root,
                "--regions",
                "eu-west-1",
            ],
        ] {
            show::command(&endpoint, &[&[connector.as_str()][..], arguments].concat());
        }
        show::text("Enter stops the simulated organization.");
    }

    /// What a verb prints.
    fn listing(&self, verb: &str, exit_code: i32) -> Result<String> {
        let mut command = self.connector(&[verb, "--params", &show::path(&self.access_keys)]);
        let output = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start ec2-connector")?;
        expect_exit(verb, output.status.code(), exit_code)?;
        String::from_utf8(output.stdout).with_context(|| format!("`{verb}` does not print UTF-8"))
    }

    /// Runs the connector, with its progress and summary on the terminal.
    fn collect(&self, parameters: &Path, output: &str) -> Result<Collected> {
        let path = self.folder.join(output);
        let arguments = [
            "run",
            "--params",
            &show::path(parameters),
            "--output",
            &show::path(&path),
        ];
        let status = self
            .connector(&arguments)
            .status()
            .context("cannot start ec2-connector")?;
        expect_exit("run", status.code(), PARTIAL)?;
        let rows = Rows::read(&path)?;
        let ledger = Ledger::read(&self.folder.join(format!("{output}.run.json")))?;
        ensure!(
            ledger.rows() == rows.count,
            "the ledger says {} rows, but there are {}",
            ledger.rows(),
            rows.count
        );
        Ok(Collected { path, rows, ledger })
    }

    fn connector(&self, arguments: &[&str]) -> Command {
        connector("ec2-connector", &self.simulator, arguments)
    }
}

/// A connector, its command line shown. It finds nothing but the simulator, whatever this shell has set.
fn connector(name: &str, simulator: &Simulator, arguments: &[&str]) -> Command {
    let program = workspace::binary(name);
    let endpoint = ("AWS_ENDPOINT_URL", simulator.endpoint());
    show::command(&[endpoint], &[&[show::path(&program).as_str()][..], arguments].concat());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let upper = name.to_string_lossy().to_uppercase();
        if upper.starts_with("AWS_") || upper.starts_with("CONNECTOR_") || upper.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .env(endpoint.0, endpoint.1)
        .current_dir(workspace::root())
        .stdin(Stdio::null());
    command
}

/// What a run has left.
struct Collected {
    path: PathBuf,
    rows: Rows,
    ledger: Ledger,
}

/// A parameter file, its secrets hidden.
fn show_parameters(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut parameters: Json = serde_json::from_str(&text)?;
    for secret in ["secret_access_key", "ClientSecret"] {
        if let Some(value) = parameters.get_mut(secret) {
            *value = "***".into();
        }
    }
    show::text(&format!("The parameter file, {}:", show::path(path)));
    show::members(&parameters);
    Ok(())
}

fn expect_exit(verb: &str, code: Option<i32>, expected: i32) -> Result<()> {
    if code != Some(expected) {
        let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
        bail!("`{verb}` ended with {code}, but {expected} was to be expected");
    }
    Ok(())
}
