//! `fault-matrix try [WORD…]` tries the cells whose names contain all of these words; `fault-matrix page` writes the page
//! of the reference.

use std::io::Write as _;
use std::process::ExitCode;

use fault_matrix::{cells, page, try_all};

/// Runs side by side: they mostly wait.
const AT_ONCE: usize = 8;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next();
    let words: Vec<String> = arguments.collect();
    let mut stdout = std::io::stdout();
    match verb.as_deref() {
        Some("page") => match stdout.write_all(page().as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Some("try") => {
            let mut cells = cells();
            cells.retain(|cell| words.iter().all(|word| cell.name().contains(word.as_str())));
            let (mut tried, mut failed) = (0, Vec::new());
            try_all(cells, AT_ONCE, |cell, verdict| {
                tried += 1;
                let line = format!(
                    "{:6} {:5.1} s  {:100} {}",
                    if verdict.wrong.is_none() { "ok" } else { "FAILED" },
                    verdict.took.as_secs_f64(),
                    cell.name(),
                    verdict.became,
                );
                let _ = writeln!(stdout, "{}", line.trim_end());
                if let Some(wrong) = verdict.wrong {
                    let _ = writeln!(stdout, "       {wrong}");
                    failed.push(cell.name());
                }
            });
            let _ = writeln!(stdout, "\n{tried} cells, {} not as declared", failed.len());
            for name in &failed {
                let _ = writeln!(stdout, "  {name}");
            }
            match (tried, failed.is_empty()) {
                (1.., true) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        _ => {
            let _ = writeln!(std::io::stderr(), "fault-matrix try [WORD…], or fault-matrix page");
            ExitCode::from(2)
        }
    }
}
