//! `aws-sim`: serves a named estate until stdin closes or a SIGTERM comes.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use aws_sim::{Canned, Clock, Estate, QueryRule, Sim, Table};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

/// An AWS and an identity provider on loopback. Prints one line of JSON when it is ready, one at the end, and one like
/// that, of what was so far, whenever it is given a line.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Which estate to serve
    #[arg(long, value_enum, default_value = "demo")]
    estate: Named,
    /// Member accounts of the scale estate
    #[arg(long, default_value_t = 100)]
    accounts: usize,
    /// Regions of the scale estate
    #[arg(long, default_value_t = 4)]
    regions: usize,
    /// Instances of the scale estate, over all accounts and regions
    #[arg(long, default_value_t = 40_000)]
    instances: u64,
    /// How long every call takes at least
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Threads that serve
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// A table for Athena out of a CSV with a header, as `inventory=rows.csv` or `lab.inventory=rows.csv`. Every account
    /// sees all rows, or, where there is a column `account_id`, its own
    #[arg(long = "table", value_name = "NAME=FILE")]
    tables: Vec<String>,
    /// Rows of the result of `select * from large`, of 8 columns and about 200 bytes each
    #[arg(long)]
    large_rows: Option<u64>,
    /// How long every query runs
    #[arg(long)]
    query_ms: Option<u64>,
    /// Megabytes a second that S3 sends over one connection, at most
    #[arg(long, value_name = "MB")]
    s3_pace: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Named {
    Demo,
    Scale,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let latency = Duration::from_millis(arguments.latency_ms);
    let mut estate = match arguments.estate {
        Named::Demo => {
            let mut estate = Estate::demo();
            estate.latency(latency);
            estate
        }
        Named::Scale => Estate::scale(arguments.accounts, arguments.regions, arguments.instances, latency),
    };
    for table in &arguments.tables {
        estate.athena().table(read_table(table)?);
    }
    if let Some(rows) = arguments.large_rows {
        estate.athena().canned("select * from large", large(rows));
    }
    if let Some(run) = arguments.query_ms.map(Duration::from_millis) {
        estate.athena().rule(QueryRule::any().run(run));
    }
    estate.s3_throughput(arguments.s3_pace.map(|megabytes| megabytes * 1_000_000));
    let sim = Arc::new(Sim::start_at(estate, Clock::real(), arguments.port, arguments.threads)?);
    print_line(&ready(&sim))?;
    wait_for_the_end(&sim)?;
    print_line(&summary(&sim))
}

/// A table by its name and its file.
fn read_table(argument: &str) -> io::Result<Table> {
    let wrong = |message: String| io::Error::new(io::ErrorKind::InvalidInput, format!("--table {argument}: {message}"));
    let (name, path) = argument
        .split_once('=')
        .ok_or_else(|| wrong("NAME=FILE is wanted".to_owned()))?;
    let (database, name) = name.split_once('.').unwrap_or(("default", name));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let table = Table::from_csv(name, &text).map_err(|error| wrong(error.to_string()))?;
    Ok(table.database(database).split_by_account("account_id"))
}

/// A result that is large, for measurements.
fn large(rows: u64) -> Canned {
    const COLUMNS: [(&str, &str); 8] = [
        ("id", "bigint"),
        ("name", "varchar"),
        ("amount", "decimal(12,2)"),
        ("ratio", "double"),
        ("at", "timestamp(3)"),
        ("active", "boolean"),
        ("note", "varchar"),
        ("text", "varchar"),
    ];
    Canned::generated(&COLUMNS, rows, |row, column, text| {
        let mixed = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        let written = match column {
            0 => write!(text, "{row}"),
            1 => write!(text, "customer number {:08} of the north", mixed % 100_000_000),
            2 => write!(text, "{}.{:02}", mixed % 1_000_000, row % 100),
            3 => write!(text, "0.{:09}", mixed % 1_000_000_000),
            4 => write!(
                text,
                "2026-{:02}-{:02} 03:04:05.{:03}",
                row % 12 + 1,
                row % 28 + 1,
                row % 1000
            ),
            5 => write!(text, "{}", row % 2 == 0),
            6 if row % 4 == 0 => return false,
            6 => write!(text, "{}", if row % 4 == 1 { "" } else { "paid, with thanks" }),
            _ => write!(
                text,
                "{mixed:016x} lorem ipsum dolor sit amet, consectetur \"adipiscing\" elit {mixed:016x}"
            ),
        };
        written.is_ok()
    })
}

fn ready(sim: &Sim) -> Value {
    let estate = sim.estate();
    let key = estate.access_key(Estate::MANAGEMENT, Estate::USER);
    let accounts = estate.account_ids();
    let instances: u64 = accounts
        .iter()
        .filter_map(|id| estate.find_account(id))
        .flat_map(|account| account.regions_with_instances())
        .map(|(_, count)| u64::from(count))
        .sum();
    json!({
        "endpoint": sim.endpoint(),
        "token_url": sim.token_url(),
        "access_key_id": key.map(|key| &key.access_key_id),
        "secret_access_key": key.map(|key| &key.secret_access_key),
        "client_id": Estate::CLIENT_ID,
        "client_secret": Estate::CLIENT_SECRET,
        "role_arn": Estate::OIDC_ROLE,
        "master_role": Estate::MASTER_ROLE,
        "sub_account_role": Estate::SUB_ACCOUNT_ROLE,
        "athena": {
            "workgroup": Estate::WORKGROUP,
            "results_bucket": Estate::RESULTS_BUCKET,
            "tables": estate.table_names(),
        },
        "organization": {
            "id": estate.organization_id(),
            "root": estate.root_id(),
            "management_account": estate.management_account(),
            "accounts": accounts.len(),
            "instances": instances,
            "regions": estate.region_names(),
        },
    })
}

fn summary(sim: &Sim) -> Value {
    let connections = sim.connections();
    json!({
        "calls": sim.counts(),
        "connections": {"accepted": connections.accepted, "peak": connections.peak},
        "cpu_seconds": cpu_seconds(),
    })
}

/// Until stdin closes, or a SIGTERM or SIGINT comes.
fn wait_for_the_end(sim: &Arc<Sim>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let (closed, end_of_input) = tokio::sync::oneshot::channel();
        let sim = Arc::clone(sim);
        // A thread of its own: reading stdin cannot be given up, and must not keep the process alive.
        std::thread::spawn(move || {
            let mut lines = io::stdin().lock().lines();
            // Nobody to read the answer is no reason to stop serving.
            while let Some(Ok(_)) = lines.next() {
                let _ = print_line(&summary(&sim));
            }
            let _ = closed.send(());
        });
        tokio::select! {
            _ = end_of_input => {}
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        Ok(())
    })
}

/// User and system time of this process, from `/proc`, in ticks of which Linux has 100 a second.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / 100.0)
}

fn print_line(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}
