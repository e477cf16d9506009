//! Prints the digest of rows in files, or of CSV on standard input, as JSON.

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::fs::File;
use std::path::PathBuf;

use bench_tools::Anything;
use bench_tools::digest::Digest;
use clap::Parser;

/// The digest of some columns of rows: the same for the same rows in whatever order.
#[derive(Parser)]
struct Arguments {
    /// Columns, in the order in which they count
    #[arg(long, value_delimiter = ',', required = true)]
    columns: Vec<String>,
    /// Files by their ending: csv, jsonl, or tsv without a header. None: CSV on standard input
    files: Vec<PathBuf>,
}

fn main() -> Result<(), Anything> {
    let arguments = Arguments::parse();
    let (columns, mut digest) = (&arguments.columns, Digest::default());
    if arguments.files.is_empty() {
        digest.add_csv(std::io::stdin().lock(), columns)?;
    }
    for path in &arguments.files {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let added = match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => digest.add_csv(file, columns),
            Some("jsonl") => digest.add_json_lines(file, columns),
            Some("tsv") => digest.add_lines(file, columns),
            _ => Err("neither csv nor jsonl nor tsv".into()),
        };
        added.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    println!(
        "{}",
        serde_json::json!({"rows": digest.rows, "sum": format!("{:016x}", digest.sum)})
    );
    Ok(())
}
