//! Programs that do the same work, one after another in turns (A B A B …), so that what changes on the machine meanwhile meets
//! all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value as Json;

use super::Bench;
use super::measure;
use super::results::{Comparison, Row, Run};
use crate::simulator::Simulator;
use crate::words::quoted;

/// A program, and how it is run.
pub(super) struct Side {
    pub(super) program: String,
    pub(super) ours: bool,
    pub(super) note: String,
    /// The command line, in the workspace's root.
    pub(super) words: Vec<String>,
    /// Beside what all have.
    pub(super) environment: Vec<(String, String)>,
    pub(super) runs: usize,
    pub(super) limit: Duration,
    /// See [`Row::factor`].
    pub(super) factor: f64,
    pub(super) delivers: Delivers,
}

/// What a program leaves behind.
pub(super) enum Delivers {
    /// Nothing that could be compared.
    Nothing,
    /// The number of its rows on standard output.
    Count,
    /// Rows with these columns (separated by commas).
    Rows { columns: &'static str, place: Place },
}

/// Where rows are.
pub(super) enum Place {
    File(PathBuf),
    /// In all files of a folder that has to be there.
    Folder(PathBuf),
    /// At a place that only this command can read; it prints them as CSV.
    Behind {
        place: PathBuf,
        reader: Vec<String>,
    },
}

impl Side {
    /// A program of this workspace.
    pub(super) fn of_ours(program: impl Into<String>, words: Vec<String>, delivers: Delivers, runs: usize) -> Self {
        Side {
            ours: true,
            ..Side::of_others(program, words, delivers, runs)
        }
    }

    /// A program that it is compared with.
    pub(super) fn of_others(program: impl Into<String>, words: Vec<String>, delivers: Delivers, runs: usize) -> Self {
        Side {
            program: program.into(),
            ours: false,
            note: String::new(),
            words,
            environment: Vec::new(),
            runs,
            limit: Duration::from_secs(600),
            factor: 1.0,
            delivers,
        }
    }

    pub(super) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(super) fn with_environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The work of the others is so many times as large.
    pub(super) fn times(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// The command line as one would type it.
    fn line(&self) -> String {
        let environment = self.environment.iter().map(|(name, value)| format!("{name}={value}"));
        let words = self.words.iter().map(|word| quoted(word));
        environment.chain(words).collect::<Vec<_>>().join(" ")
    }

    fn command(&self, bench: &Bench, simulator: Option<&Simulator>) -> Command {
        let mut command = bench.command(&self.words, simulator);
        for (name, value) in &self.environment {
            match value.is_empty() {
                true => command.env_remove(name),
                false => command.env(name, value),
            };
        }
        command
    }

    /// Takes away what an earlier run has left.
    fn clear(&self) -> Result<()> {
        let Delivers::Rows { place, .. } = &self.delivers else {
            return Ok(());
        };
        let (Place::File(path) | Place::Folder(path) | Place::Behind { place: path, .. }) = place;
        let outcome = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false if path.exists() => fs::remove_file(path),
            false => Ok(()),
        };
        outcome.with_context(|| format!("cannot remove {}", path.display()))?;
        if let Place::Folder(path) = place {
            fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        Ok(())
    }
}

/// The rows that a program has delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Delivered {
    rows: u64,
    /// Of their cells; nothing where only their number is known.
    sum: Option<String>,
}

impl Delivered {
    /// Whether it is what the first program has delivered, as far as is known.
    fn same(&self, first: &Delivered) -> bool {
        let sums = self.sum.as_ref().zip(first.sum.as_ref());
        self.rows == first.rows && sums.is_none_or(|(own, other)| own == other)
    }
}

/// Runs all of them; the first with rows is what the others have to be like. What fails is noted, and the others go on.
pub(super) fn take(bench: &Bench, comparison: &mut Comparison, mut simulator: Option<&mut Simulator>, sides: &[Side]) {
    println!("-- {}", comparison.title);
    let first = comparison.rows.len();
    comparison.rows.extend(sides.iter().map(|side| Row {
        program: side.program.clone(),
        ours: side.ours,
        command: side.line(),
        note: side.note.clone(),
        factor: side.factor,
        ..Row::default()
    }));
    let mut reference = None;
    let turns = sides.iter().map(|side| side.runs).max().unwrap_or_default();
    for turn in 0..turns {
        for (side, row) in sides.iter().zip(&mut comparison.rows[first..]) {
            if row.failure.is_some() || turn >= side.runs {
                continue;
            }
            match run(bench, side, simulator.as_deref_mut(), turn == 0, &mut reference) {
                Ok((measured, rows)) => {
                    report(side, &measured);
                    row.runs.push(measured);
                    row.delivers = row.delivers.or(rows);
                }
                Err(error) => {
                    println!("   {:<32} FAILED: {error:#}", side.program);
                    row.failure = Some(format!("{error:#}"));
                }
            }
        }
    }
}

fn report(side: &Side, run: &Run) {
    let calls: u64 = run.calls.values().sum();
    println!(
        "   {:<32} {:>8.3} s wall {:>8.3} s CPU {:>7.1} MiB {calls:>7} calls; simulator {:.2} s CPU",
        side.program,
        run.wall,
        run.cpu,
        run.memory as f64 / f64::from(1 << 20),
        run.simulator_cpu.unwrap_or_default(),
    );
}

/// One run; with `compare`, what it delivers is looked at.
fn run(
    bench: &Bench,
    side: &Side,
    mut simulator: Option<&mut Simulator>,
    compare: bool,
    reference: &mut Option<Delivered>,
) -> Result<(Run, Option<u64>)> {
    side.clear()?;
    let (output, errors) = (bench.file("stdout"), bench.file("stderr"));
    let mut look = || match &mut simulator {
        Some(simulator) => simulator.so_far().map(Some),
        None => Ok(None),
    };
    let before = look()?;
    let mut command = match &simulator {
        Some(simulator) => side.command(bench, Some(&**simulator)),
        None => side.command(bench, None),
    };
    let used = measure::run(&mut command, side.limit, &output, &errors)?;
    let after = match &mut simulator {
        Some(simulator) => Some(simulator.so_far()?),
        None => None,
    };
    let measured = Run {
        wall: used.wall,
        cpu: used.cpu,
        memory: used.memory,
        memory_at_most: used.memory <= measure::own_memory(),
        simulator_cpu: difference(before.as_ref(), after.as_ref()),
        calls: calls_between(before.as_ref(), after.as_ref()),
    };
    if !compare {
        return Ok((measured, None));
    }
    let Some(delivered) = delivered(bench, side, &output)? else {
        return Ok((measured, None));
    };
    // Work of another size has other rows, which are compared where all programs have that size.
    if side.factor == 1.0 {
        let expected = reference.get_or_insert_with(|| delivered.clone());
        ensure!(
            delivered.same(expected),
            "it does not deliver the same: {} rows, and {} are right",
            delivered.rows,
            expected.rows
        );
    }
    Ok((measured, Some(delivered.rows)))
}

fn difference(before: Option<&Json>, after: Option<&Json>) -> Option<f64> {
    Some(after?["cpu_seconds"].as_f64()? - before?["cpu_seconds"].as_f64()?)
}

fn calls_between(before: Option<&Json>, after: Option<&Json>) -> BTreeMap<String, u64> {
    let counts = |look: Option<&Json>| -> BTreeMap<String, u64> {
        let calls = look.and_then(|look| look["calls"].as_object());
        let calls = calls.into_iter().flatten();
        calls
            .map(|(name, count)| (name.clone(), count.as_u64().unwrap_or_default()))
            .collect()
    };
    let earlier = counts(before);
    let mut calls = counts(after);
    for (name, count) in &mut calls {
        *count -= earlier.get(name).copied().unwrap_or_default().min(*count);
    }
    calls.retain(|_, count| *count > 0);
    calls
}

fn delivered(bench: &Bench, side: &Side, output: &Path) -> Result<Option<Delivered>> {
    let (columns, place) = match &side.delivers {
        Delivers::Nothing => return Ok(None),
        Delivers::Count => {
            let text = fs::read_to_string(output)?;
            let rows = text
                .trim()
                .parse()
                .with_context(|| format!("no number of rows: {}", text.trim()))?;
            return Ok(Some(Delivered { rows, sum: None }));
        }
        Delivers::Rows { columns, place } => (columns, place),
    };
    let mut digest = Command::new(bench.program("row-digest"));
    digest.args(["--columns", columns]);
    let mut reading = None;
    match place {
        Place::File(path) => {
            digest.arg(path);
        }
        Place::Folder(folder) => {
            for entry in fs::read_dir(folder)? {
                digest.arg(entry?.path());
            }
        }
        Place::Behind { place, reader } => {
            let mut reader = bench.command(reader, None);
            let mut child = reader.arg(place).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
            digest.stdin(child.stdout.take().context("no standard output")?);
            reading = Some(child);
        }
    }
    let output = digest.output().context("cannot start row-digest")?;
    if let Some(mut reader) = reading {
        ensure!(reader.wait()?.success(), "what it delivers cannot be read");
    }
    if !output.status.success() {
        bail!(
            "what it delivers cannot be read: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let told: Json = serde_json::from_slice(&output.stdout)?;
    Ok(Some(Delivered {
        rows: told["rows"].as_u64().context("no number of rows")?,
        sum: told["sum"].as_str().map(str::to_owned),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_calls_of_a_run_count() {
        let before = json!({"calls": {"sts:AssumeRole": 3, "ec2:DescribeRegions": 1}, "cpu_seconds": 1.5});
        let after =
            json!({"calls": {"sts:AssumeRole": 5, "ec2:DescribeRegions": 1, "s3:GetObject": 2}, "cpu_seconds": 2.0});
        let calls = calls_between(Some(&before), Some(&after));
        assert_eq!(
            calls,
            [("s3:GetObject".to_owned(), 2), ("sts:AssumeRole".to_owned(), 2)].into()
        );
        assert_eq!(difference(Some(&before), Some(&after)), Some(0.5));
        assert_eq!((calls_between(None, None).len(), difference(None, None)), (0, None));
    }

    #[test]
    fn other_rows_are_not_the_same() {
        let with = |rows, sum: Option<&str>| Delivered {
            rows,
            sum: sum.map(str::to_owned),
        };
        assert!(with(2, Some("a")).same(&with(2, Some("a"))));
        assert!(with(2, None).same(&with(2, Some("a"))));
        assert!(!with(2, Some("b")).same(&with(2, Some("a"))));
        assert!(!with(1, None).same(&with(2, Some("a"))));
    }
}
