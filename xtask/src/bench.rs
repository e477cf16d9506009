//! `cargo xtask bench`: the programs beside what people use today, on the same work in the same run, against the simulated AWS.
//! What was measured goes to `docs/benchmarks/results.json`, and from there to `docs/benchmarks.md`.

mod measure;
mod page;
mod parts;
mod plots;
mod results;
mod targets;
mod turns;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use self::results::Results;
use crate::simulator::Simulator;
use crate::steps::Steps;
use crate::{environment, steps, workspace};

/// What is built: the programs, those that they are compared with, and the simulator.
const PACKAGES: [&str; 4] = ["ec2-connector", "athena-connector", "aws-sim", "bench-tools"];

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Measure these parts only; the others stay as they were measured last
    #[arg(value_name = "PART")]
    parts: Vec<Part>,

    /// How often each program runs; slow ones run less often
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=99))]
    runs: u8,

    /// Run what takes more than five minutes too, instead of reckoning it from a smaller run
    #[arg(long)]
    full: bool,

    /// Small work, a minute or two in all, to try the benchmarks themselves: the page goes to target/bench/docs
    #[arg(long)]
    quick: bool,

    /// Take the unoptimised programs of `cargo build`; with --quick only
    #[arg(long, requires = "quick")]
    debug: bool,

    /// Measure nothing, and write the page again from the results
    #[arg(long, conflicts_with_all = ["parts", "quick"])]
    page: bool,
}

/// A part of the benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Part {
    /// All instances of an organization
    Inventory,
    /// Many instances of one account and region
    Rows,
    /// Large results of one query
    Fetch,
    /// One query in many accounts
    FanOut,
    /// How quickly the programs are there
    Start,
}

impl Part {
    /// Its name on the command line, in files, and in results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Inventory => "inventory",
            Part::Rows => "rows",
            Part::Fetch => "fetch",
            Part::FanOut => "fan-out",
            Part::Start => "start",
        }
    }
}

/// Measures, writes results and page, and fails where a program has failed or delivered something else.
pub(crate) fn run(options: &Options) -> Result<()> {
    // Command lines are printed as one types them in the root.
    std::env::set_current_dir(workspace::root())?;
    let docs = match options.quick {
        true => workspace::relative(&workspace::target()).join("bench/docs"),
        false => PathBuf::from("docs"),
    };
    let file = docs.join("benchmarks/results.json");
    let mut results = Results::read(&file)?;
    if options.page {
        return page::write(&results, &docs);
    }
    let mut steps = Steps::default();
    let bench = steps.run("set up", || Bench::set_up(options))?;
    let wanted: BTreeSet<Part> = match options.parts.is_empty() {
        true => Part::value_variants().iter().copied().collect(),
        false => options.parts.iter().copied().collect(),
    };
    let mut failed = Vec::new();
    for part in wanted {
        // What fails here is the simulator, not a program that is measured.
        match steps.run(part.name(), || parts::measure(&bench, part)) {
            Ok(section) => {
                failed.extend(failures(part, &section));
                results.sections.insert(part.name().to_owned(), section);
                // After each part: hours later is too late to lose them.
                fs::create_dir_all(docs.join("benchmarks"))?;
                results.write(&file)?;
                page::write(&results, &docs)?;
            }
            Err(error) => failed.push(format!("{}: {error:#}", part.name())),
        }
    }
    targets::print(&results);
    steps.summary();
    println!("\n{} is written", docs.join("benchmarks.md").display());
    if !failed.is_empty() {
        bail!("not all is as it should be:\n  {}", failed.join("\n  "));
    }
    Ok(())
}

fn failures(part: Part, section: &results::Section) -> Vec<String> {
    let rows = section.comparisons.iter().flat_map(|comparison| &comparison.rows);
    let failed = rows.filter_map(|row| Some((row, row.failure.as_ref()?)));
    failed
        .map(|(row, failure)| format!("{}, {}: {failure}", part.name(), row.program))
        .collect()
}

/// What all parts need.
pub(super) struct Bench {
    pub(super) runs: usize,
    pub(super) quick: bool,
    pub(super) full: bool,
    debug: bool,
    /// Where runs leave what they write, from the root.
    folder: PathBuf,
    /// The folder of the peers' programs; or why there is none.
    peers: Result<PathBuf, String>,
}

impl Bench {
    fn set_up(options: &Options) -> Result<Self> {
        let folder = workspace::relative(&workspace::target()).join("bench/runs");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(folder.join("home")).with_context(|| format!("cannot make {}", folder.display()))?;
        // Without them there is still what is ours.
        let peers = environment::set_up_peers().map_err(|error| format!("{error:#}"));
        if let Err(error) = &peers {
            println!("   no peers: {error}");
        }
        let mut build = Command::new("cargo");
        build.args(["build", "--quiet"]);
        build.args(PACKAGES.iter().flat_map(|package| ["-p", package]));
        if !options.debug {
            build.arg("--release");
        }
        steps::to_end(&mut build)?;
        Ok(Bench {
            runs: usize::from(options.runs),
            quick: options.quick,
            full: options.full,
            debug: options.debug,
            folder,
            peers: peers.map(|folder| workspace::relative(&folder).to_owned()),
        })
    }

    /// A program of this workspace, from the root.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        let path = match self.debug {
            true => workspace::binary(name),
            false => workspace::release(name),
        };
        workspace::relative(&path).to_owned()
    }

    /// A program of the peers, from the root.
    pub(super) fn peer(&self, name: &str) -> PathBuf {
        let folder = self.peers.clone();
        folder.unwrap_or_else(|_| "no-peers".into()).join(name)
    }

    /// Where something of this name may be written, from the root.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts the simulator.
    pub(super) fn simulator(&self, arguments: &[String]) -> Result<Simulator> {
        Simulator::start(&self.program("aws-sim"), arguments, &self.file("aws-sim.log"))
    }

    /// The simulator's command line as one types it.
    pub(super) fn simulator_line(&self, arguments: &[String]) -> String {
        format!("{} {}", self.program("aws-sim").display(), arguments.join(" "))
    }

    /// A command that sees of this machine only what is said here.
    pub(super) fn command(&self, words: &[String], simulator: Option<&Simulator>) -> Command {
        let (program, arguments) = words
            .split_first()
            .map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let peers = self.peers.clone().ok().map(|folder| workspace::root().join(folder));
        let folders = peers.into_iter().chain(std::env::split_paths(&path));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::join_paths(folders).unwrap_or(path.clone()))
            .env("HOME", workspace::root().join(self.file("home")))
            .env("LANG", "C.UTF-8")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", parts::REGION)
            .env("AWS_DEFAULT_REGION", parts::REGION);
        if let Some(simulator) = simulator {
            command
                .env("AWS_ENDPOINT_URL", simulator.endpoint())
                .env("AWS_ACCESS_KEY_ID", simulator.fact("access_key_id"))
                .env("AWS_SECRET_ACCESS_KEY", simulator.fact("secret_access_key"));
        }
        command
    }

    /// Writes a parameter file for the connectors: the simulator's access key, and these.
    pub(super) fn parameters(&self, name: &str, simulator: &Simulator, more: serde_json::Value) -> Result<String> {
        let mut parameters = more;
        for key in ["access_key_id", "secret_access_key"] {
            parameters[key] = simulator.fact(key).into();
        }
        let path = self.file(name);
        write(&path, &format!("{parameters:#}\n"))?;
        Ok(path.display().to_string())
    }
}

/// Writes a file that only we can read, for there may be keys in it.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    fs::write(path, text).with_context(context)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).with_context(context)?;
    }
    Ok(())
}
