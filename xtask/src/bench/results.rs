//! What was measured: kept as JSON beside the page, in which a part that is measured anew replaces its own section.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// All sections, by the names of the parts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) sections: BTreeMap<String, Section>,
}

/// One part.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Section {
    /// The day on which it was measured, as `2026-11-27`.
    pub(super) date: String,
    pub(super) machine: String,
    pub(super) comparisons: Vec<Comparison>,
    /// Bytes of files, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) sizes: BTreeMap<String, u64>,
}

/// Programs that do the same work.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Comparison {
    /// Its name within the part.
    pub(super) key: String,
    /// What the work is.
    pub(super) title: String,
    /// The simulator's command line; empty where none is needed.
    pub(super) simulator: String,
    /// Bytes that have to be read at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bound: Option<Bound>,
    pub(super) rows: Vec<Row>,
}

/// What no program can be faster than, in seconds, with this latency and so many requests in flight.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Bound {
    /// The calls that have to wait for one another.
    pub(super) path: f64,
    /// All calls, as many at a time as may be.
    pub(super) calls: f64,
}

impl Bound {
    pub(super) fn seconds(self) -> f64 {
        self.path.max(self.calls)
    }
}

/// One program at this work.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) program: String,
    pub(super) ours: bool,
    /// The command line.
    pub(super) command: String,
    /// What is said of it on the page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) note: String,
    /// By how much the work was smaller than that of the others; 1 where it is the same.
    pub(super) factor: f64,
    /// Rows that it delivers.
    pub(super) delivers: Option<u64>,
    pub(super) runs: Vec<Run>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Run {
    /// Seconds.
    pub(super) wall: f64,
    /// Seconds of user and system time.
    pub(super) cpu: f64,
    /// Bytes.
    pub(super) memory: u64,
    /// Whether the process is known only to have been no larger than that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) memory_at_most: bool,
    /// The simulator's seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) simulator_cpu: Option<f64>,
    /// Calls at the simulator, by service and operation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) calls: BTreeMap<String, u64>,
}

impl Row {
    /// The median over the runs, for the whole of the work; `None` without a run.
    pub(super) fn median(&self, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        median(self.runs.iter().map(figure).collect()).map(|median| median * self.factor)
    }

    pub(super) fn wall(&self) -> Option<f64> {
        self.median(|run| run.wall)
    }

    pub(super) fn cpu(&self) -> Option<f64> {
        self.median(|run| run.cpu)
    }

    /// Of the work that was done: more of it may take more.
    pub(super) fn memory(&self) -> Option<f64> {
        median(self.runs.iter().map(|run| run.memory as f64).collect())
    }

    pub(super) fn memory_at_most(&self) -> bool {
        self.runs.iter().any(|run| run.memory_at_most)
    }

    /// Calls whose names begin so.
    pub(super) fn calls(&self, prefixes: &[&str]) -> Option<f64> {
        let counted = |run: &Run| {
            let known = run.calls.iter();
            let named = known.filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)));
            named.map(|(_, count)| *count as f64).sum()
        };
        self.median(counted)
    }
}

impl Section {
    /// An empty section of today and of this machine.
    pub(super) fn of_today() -> Self {
        let today = OffsetDateTime::now_utc().date();
        Section {
            date: format!("{}-{:02}-{:02}", today.year(), u8::from(today.month()), today.day()),
            machine: machine(),
            ..Section::default()
        }
    }

    pub(super) fn comparison(&self, key: &str) -> Option<&Comparison> {
        self.comparisons.iter().find(|comparison| comparison.key == key)
    }
}

impl Comparison {
    pub(super) fn row(&self, program: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.program == program)
    }
}

impl Results {
    /// Those of the file, where there is one.
    pub(super) fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Results::default());
        }
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no file of results", path.display()))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// A comparison of a part.
    pub(super) fn comparison(&self, part: &str, key: &str) -> Option<&Comparison> {
        self.sections.get(part)?.comparison(key)
    }
}

/// The middle one; the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    match values.len() % 2 {
        1 => Some(upper),
        _ => Some(f64::midpoint(values[middle - 1], upper)),
    }
}

/// What was measured on, in a line.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
    };
    let kilobytes = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .unwrap_or_default();
    let said_by = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{cores} cores ({}), {:.0} GB of memory, {} {}, {}",
        field(&processors, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        kilobytes / 1e6,
        std::env::consts::OS,
        read("/proc/sys/kernel/osrelease").trim(),
        said_by("rustc", &["--version"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_the_whole_work() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        let run = |wall, reads, writes| Run {
            wall,
            cpu: 1.0,
            memory: 7,
            memory_at_most: false,
            simulator_cpu: None,
            calls: [("s3:Get".to_owned(), reads), ("s3:Put".to_owned(), writes)].into(),
        };
        let row = Row {
            factor: 10.0,
            runs: vec![run(1.0, 4, 1), run(3.0, 6, 1)],
            ..Row::default()
        };
        assert_eq!(
            (row.wall(), row.cpu(), row.memory()),
            (Some(20.0), Some(10.0), Some(7.0))
        );
        assert_eq!(
            (row.calls(&["s3:Get"]), row.calls(&["s3:", "x"])),
            (Some(50.0), Some(60.0))
        );
    }
}
