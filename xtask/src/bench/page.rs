//! The page of the benchmarks, from the results.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum as _;

use super::results::{Comparison, Results, Row, Section};
use super::{Part, plots, targets};
use crate::words::count;

const HEAD: &str = "\
<!-- Written by `cargo xtask bench`: change the code, not this page. -->

# Benchmarks

The programs beside what people use today, on the same work, in turns, against the simulated AWS on the same machine. What a
program delivers is compared with what the others deliver, cell by cell; figures of one that delivers something else are not
shown. `cargo xtask bench` measures all of it and writes this page, `cargo xtask bench PART` a part.

- **wall**, **CPU** (user and system, of the process and all that it starts) and **peak memory** (resident set, of the largest
  of its processes) are medians over the runs. ≤ where the system knows no more than that.
- **≈** figures were measured with less work and multiplied, the program's start included, as it says beside them; memory never
  is.
- **simulator** is the CPU that the simulator used meanwhile: where it is near the wall time, it is what is measured.
- Programs and versions: [requirements.txt](../xtask/peers/requirements.txt); how they are used: [peers](../xtask/peers).
";

/// Writes the page and its plots below `docs`.
pub(super) fn write(results: &Results, docs: &Path) -> Result<()> {
    let plots = docs.join("benchmarks");
    fs::create_dir_all(&plots).with_context(|| format!("cannot make {}", plots.display()))?;
    for (part, section) in &results.sections {
        for comparison in section.comparisons.iter().filter(|all| plots::is_wanted(all)) {
            plots::write(comparison, &plots.join(plot_name(part, comparison)))?;
        }
    }
    let path = docs.join("benchmarks.md");
    fs::write(&path, text(results)).with_context(|| format!("cannot write {}", path.display()))
}

fn plot_name(part: &str, comparison: &Comparison) -> String {
    format!("{part}-{}.svg", comparison.key)
}

fn text(results: &Results) -> String {
    let mut text = HEAD.to_owned();
    let reached = targets::of(results);
    if !reached.is_empty() {
        text += "\n## Targets\n\n| part | target | measured | |\n|---|---|---|---|\n";
        for target in reached {
            let verdict = if target.met { "met" } else { "**not met**" };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {verdict} |",
                target.part, target.text, target.number
            );
        }
    }
    for part in Part::value_variants() {
        if let Some(section) = results.sections.get(part.name()) {
            add_section(&mut text, *part, section);
        }
    }
    text
}

/// What the work of a part is.
fn about(part: Part) -> &'static str {
    match part {
        Part::Inventory => {
            "All instances of an organization: sign in, list the accounts, reach each of them by its role, ask for its regions, \
             and list the instances of each. Compared are account, region, id, type and state of every instance. The bound is \
             what latency alone would take: the calls that have to wait for one another, or all calls with 64 at a time, \
             whichever is longer."
        }
        Part::Rows => {
            "Many instances in one place, without latency: what a row costs. The floor is a loop over the pages of the SDK that \
             drops them."
        }
        Part::Fetch => {
            "The result object of a query, from S3 to a file. The query has run before, so that neither Athena nor the \
             simulator's making of the object is measured. Compared are all cells; NULL and the empty text count as the same, \
             because what most peers write does not tell them apart."
        }
        Part::FanOut => {
            "One query in every account: who waits for many queries at a time, and how often they ask for them."
        }
        Part::Start => "How quickly the programs are there.",
    }
}

fn add_section(text: &mut String, part: Part, section: &Section) {
    let _ = write!(text, "\n## {}\n\n{}\n", part.name(), about(part));
    let _ = writeln!(text, "\nMeasured on {}: {}.", section.date, section.machine);
    for comparison in &section.comparisons {
        let _ = write!(text, "\n### {}\n\n", comparison.title);
        add_table(text, comparison);
        if let Some(bound) = comparison.bound {
            add_bound(text, comparison, bound);
        }
        if plots::is_wanted(comparison) {
            let name = plot_name(part.name(), comparison);
            let _ = writeln!(text, "\n![{}](benchmarks/{name})", comparison.title);
        }
        add_commands(text, comparison);
    }
    if !section.sizes.is_empty() {
        let sizes = section.sizes.iter();
        let sizes = sizes.map(|(name, bytes)| format!("`{name}` {:.1} MB", *bytes as f64 / 1e6));
        let _ = writeln!(
            text,
            "\nSize of the programs: {}.",
            sizes.collect::<Vec<_>>().join(", ")
        );
    }
}

fn add_table(text: &mut String, comparison: &Comparison) {
    let speed = if comparison.bytes.is_some() {
        " MB per CPU second |"
    } else {
        ""
    };
    let line = if comparison.bytes.is_some() { "---|" } else { "" };
    *text += &format!(
        "| program | wall | CPU | peak memory | times our wall | CPU | memory | calls | simulator |{speed} runs | |\n\
         |---|---|---|---|---|---|---|---|---|{line}---|---|\n"
    );
    let first = comparison.rows.iter().find(|row| row.ours && !row.runs.is_empty());
    for row in &comparison.rows {
        add_row(text, comparison, row, first);
    }
}

fn add_row(text: &mut String, comparison: &Comparison, row: &Row, first: Option<&Row>) {
    let name = if row.ours {
        format!("**{}**", row.program)
    } else {
        row.program.clone()
    };
    if row.runs.is_empty() || row.failure.is_some() {
        let columns = 9 + usize::from(comparison.bytes.is_some());
        let why = row.failure.as_deref().unwrap_or("not run").replace('|', "/");
        let _ = writeln!(text, "| {name} |{} {why} |", " |".repeat(columns));
        return;
    }
    let about = if row.factor == 1.0 { "" } else { "≈ " };
    let shown = |figure: Option<f64>, written: fn(f64) -> String| {
        figure.map_or_else(String::new, |figure| format!("{about}{}", written(figure)))
    };
    let at_most = if row.memory_at_most() { "≤ " } else { "" };
    let memory = row.memory().map_or_else(String::new, mebibytes);
    let beside = |figure: fn(&Row) -> Option<f64>| match (figure(row), first.and_then(figure)) {
        (Some(own), Some(ours)) if ours > 0.0 => ratio(own / ours),
        _ => String::new(),
    };
    let calls = row.calls(&[""]).filter(|calls| *calls > 0.0);
    let calls = shown(calls, |calls| count(calls.round() as u64));
    let simulator = row.median(|run| run.simulator_cpu.unwrap_or_default());
    let simulator = match simulator {
        _ if comparison.simulator.is_empty() => String::new(),
        // The system counts in hundredths.
        Some(little) if little < 0.01 => "< 10 ms".to_owned(),
        more => shown(more, seconds),
    };
    let speed = comparison.bytes.zip(row.cpu()).map(|(bytes, cpu)| {
        let speed = bytes as f64 / 1e6 / cpu.max(0.001);
        format!(" {speed:.0} |")
    });
    let _ = writeln!(
        text,
        "| {name} | {} | {} | {at_most}{memory} | {} | {} | {} | {calls} | {simulator} |{} {} | {} |",
        shown(row.wall(), seconds),
        shown(row.cpu(), seconds),
        beside(Row::wall),
        beside(Row::cpu),
        beside(Row::memory),
        speed.unwrap_or_default(),
        row.runs.len(),
        row.note,
    );
}

fn add_bound(text: &mut String, comparison: &Comparison, bound: super::results::Bound) {
    let Some((row, wall)) = comparison
        .rows
        .iter()
        .find(|row| row.ours)
        .and_then(|row| Some((row, row.wall()?)))
    else {
        return;
    };
    let _ = writeln!(
        text,
        "\nBound: {} (calls in a row {}, all calls with 64 at a time {}); wall of `{}` / bound: **{:.2}**.",
        seconds(bound.seconds()),
        seconds(bound.path),
        seconds(bound.calls),
        row.program,
        wall / bound.seconds()
    );
}

fn add_commands(text: &mut String, comparison: &Comparison) {
    *text += "\n<details><summary>Commands</summary>\n\n";
    if !comparison.simulator.is_empty() {
        *text += "The simulator prints its endpoint and keys, which the others get as `AWS_ENDPOINT_URL`, \
                  `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.\n\n";
        let _ = writeln!(text, "    {}", comparison.simulator);
    }
    for row in &comparison.rows {
        let _ = writeln!(text, "    {}", row.command);
    }
    *text += "\n</details>\n";
}

/// A time, with three digits that say something.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        small if small < 0.1 => format!("{:.1} ms", small * 1000.0),
        small if small < 1.0 => format!("{:.0} ms", small * 1000.0),
        middle if middle < 10.0 => format!("{middle:.2} s"),
        large if large < 1000.0 => format!("{large:.1} s"),
        huge => format!("{} s", count(huge.round() as u64)),
    }
}

/// Bytes, in units of 2^20.
pub(super) fn mebibytes(bytes: f64) -> String {
    let mebibytes = bytes / 1_048_576.0;
    match mebibytes {
        small if small < 100.0 => format!("{small:.1} MiB"),
        large => format!("{} MiB", count(large.round() as u64)),
    }
}

fn ratio(ratio: f64) -> String {
    match ratio {
        small if small < 10.0 => format!("{small:.2}"),
        large => count(large.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::Run;
    use super::*;

    #[test]
    fn figures_have_the_digits_that_say_something() {
        let times = [0.004_21, 0.421, 4.212, 42.12, 4212.4].map(seconds);
        assert_eq!(times, ["4.2 ms", "421 ms", "4.21 s", "42.1 s", "4,212 s"]);
        assert_eq!(
            [64.0, 2000.0].map(|size| mebibytes(size * 1_048_576.0)),
            ["64.0 MiB", "2,000 MiB"]
        );
        assert_eq!([1.234, 250.4].map(ratio), ["1.23", "250"]);
    }

    #[test]
    fn a_failed_program_has_no_figures_and_a_smaller_run_is_marked() {
        let run = Run {
            wall: 2.0,
            cpu: 1.0,
            memory: 10 << 20,
            memory_at_most: false,
            simulator_cpu: Some(0.5),
            calls: [("sts:AssumeRole".to_owned(), 7)].into(),
        };
        let row = |program: &str, factor| Row {
            program: program.to_owned(),
            ours: program == "ours",
            factor,
            runs: vec![run.clone()],
            ..Row::default()
        };
        let wrong = Row {
            failure: Some("a | b".to_owned()),
            ..row("wrong", 1.0)
        };
        let comparison = Comparison {
            simulator: "aws-sim".to_owned(),
            rows: vec![row("ours", 1.0), row("other", 10.0), wrong],
            ..Comparison::default()
        };
        let mut text = String::new();
        add_table(&mut text, &comparison);
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| **ours** | 2.00 s | 1.00 s | 10.0 MiB | 1.00 | 1.00 | 1.00 | 7 | 500 ms | 1 |  |",
                "| other | ≈ 20.0 s | ≈ 10.0 s | 10.0 MiB | 10 | 10 | 1.00 | ≈ 70 | ≈ 5.00 s | 1 |  |",
                "| wrong | | | | | | | | | | a / b |",
            ]
        );
        let columns = |line: &str| line.matches('|').count();
        assert!(text.lines().all(|line| columns(line) == columns(lines[0])), "{text}");
    }
}
