//! The end of a run, for a person: what there is, what is missing and why, where the files are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use indicatif::HumanCount;

use super::foreign::harmless;
use super::table::table;
use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::slice::Outcome;

/// Failures that are shown one by one; the ledger has all.
const SHOWN_FAILURES: usize = 12;
/// Accounts that are named with a failure, and regions with an account.
const SHOWN_PLACES: usize = 3;

/// Some lines; ends in a line break.
///
/// `ledger_path`: where the ledger is, if it could be written.
pub fn summary(ledger: &Ledger, closing: Option<&str>, exit: Exit, ledger_path: Option<&Path>, width: usize) -> String {
    let mut text = String::from("\n");
    let counts = Outcome::ALL.into_iter().filter_map(|outcome| {
        let slices: Vec<_> = ledger.slices.iter().filter(|slice| slice.outcome == outcome).collect();
        let rows: u64 = slices.iter().map(|slice| slice.rows).sum();
        (!slices.is_empty()).then(|| {
            vec![
                outcome.name().to_owned(),
                HumanCount(slices.len() as u64).to_string(),
                HumanCount(rows).to_string(),
            ]
        })
    });
    if !ledger.slices.is_empty() {
        text.push_str(&table(width, &["outcome", "slices", "rows"], counts));
    }
    missing(&mut text, ledger, ledger_path, width);
    stand_ins(&mut text, ledger);
    if let Some(cause) = &ledger.cause {
        let step = cause.hop.as_ref().map(|hop| format!("{hop}: ")).unwrap_or_default();
        let code = cause.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
        let id = cause
            .request_id
            .as_ref()
            .map(|id| format!(" (request id {id})"))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "\nerror: {}",
            harmless(&format!("{step}{code}{}{id}", cause.message))
        );
        if let Some(hint) = &cause.hint {
            let _ = writeln!(text, "hint:  {}", harmless(hint));
        }
    }
    for output in &ledger.outputs {
        let _ = writeln!(
            text,
            "\nrows    {} ({}, {} rows)",
            output.path,
            output.format,
            HumanCount(output.rows)
        );
    }
    if let Some(path) = ledger_path {
        let _ = writeln!(
            text,
            "{}ledger  {}",
            if ledger.outputs.is_empty() { "\n" } else { "" },
            path.display()
        );
    }
    if let Some(closing) = closing {
        let _ = writeln!(text, "{}", harmless(closing));
    }
    if ledger.state.is_some() && exit != Exit::Complete {
        text.push_str("To collect the rest, run the same command with --resume\n");
    }
    text.push_str(&last_line(ledger, exit));
    text
}

/// The whole in one line; ends in a line break.
pub fn last_line(ledger: &Ledger, exit: Exit) -> String {
    let rows: u64 = ledger.slices.iter().map(|slice| slice.rows).sum();
    let stale = ledger.slices.iter().any(|slice| slice.stale.is_some());
    let (verdict, consequence) = verdict(exit, stale, ledger);
    format!(
        "{verdict} after {:.1} s: {} rows, {} accounts, exit code {}{consequence}\n",
        ledger.duration_seconds,
        HumanCount(rows),
        HumanCount(ledger.accounts.len() as u64),
        exit.code(),
    )
}

/// What was taken over from earlier runs.
fn stand_ins(text: &mut String, ledger: &Ledger) {
    let stale: Vec<_> = ledger.slices.iter().filter_map(|slice| slice.stale.as_ref()).collect();
    let rows: u64 = stale.iter().map(|stale| stale.rows).sum();
    if let Some(oldest) = stale.iter().map(|stale| &stale.collected).min() {
        let rows = HumanCount(rows);
        let _ = writeln!(
            text,
            "\n{rows} rows of earlier runs stand in for what is missing, the oldest of {oldest}"
        );
    }
    if let Some(started) = &ledger.resumed {
        let taken = ledger.slices.iter().filter(|slice| slice.collected.is_some()).count();
        let taken = HumanCount(taken as u64);
        let _ = writeln!(
            text,
            "\n{taken} slices were complete in the run of {started} and are taken over"
        );
    }
}

fn verdict(exit: Exit, stale: bool, ledger: &Ledger) -> (&'static str, &'static str) {
    match exit {
        Exit::Complete => ("complete", ""),
        Exit::Partial if stale => ("PARTIAL", "; rows of the failed slices are missing, or old"),
        Exit::Partial => ("PARTIAL", "; rows of the failed slices are missing"),
        Exit::Failed if !ledger.outputs.is_empty() => {
            ("FAILED", "; what is named above was published, the rest was not")
        }
        // Without a cause of its own, all its slices have failed.
        Exit::Failed if ledger.shard.is_some() && ledger.cause.is_none() => {
            ("FAILED", "; nothing was published, merge takes it as it is")
        }
        Exit::Failed if ledger.state.is_some() => ("FAILED", "; nothing was published, what was collected is kept"),
        Exit::Failed if ledger.slices.iter().any(|slice| slice.outcome.is_collected()) => {
            ("FAILED", "; nothing was published")
        }
        Exit::Failed => ("FAILED", "; nothing was collected and nothing was published"),
        Exit::Interrupted | Exit::Terminated | Exit::HungUp => ("INTERRUPTED", "; nothing was published"),
        Exit::ReaderGone => (
            "INTERRUPTED",
            "; the reader of standard output has gone before it had all rows",
        ),
        Exit::Defect | Exit::Usage | Exit::InUse => ("FAILED", ""),
    }
}

/// What failed for the same cause.
struct Failures<'a> {
    /// The words for one slice, with the ids that only they have.
    message: String,
    slices: usize,
    places: Places<'a>,
}

/// Failures with the same cause stand together: a role that is missing in 400 accounts is one line. What was skipped comes
/// last.
fn missing(text: &mut String, ledger: &Ledger, ledger_path: Option<&Path>, width: usize) {
    let mut causes: BTreeMap<(bool, Outcome, String, String), Failures<'_>> = BTreeMap::new();
    for slice in ledger.slices.iter().filter(|slice| !slice.outcome.is_collected()) {
        let cause = slice.cause.clone().unwrap_or_default();
        // AWS's words may have it in front already.
        let code = cause.code.filter(|code| !cause.message.contains(code.as_str()));
        let code = code.unwrap_or_default();
        let named = |text: &str| text.replace(&slice.account_id, "<account>");
        let message = [
            Some(code),
            Some(named(slice.reason.as_ref().unwrap_or(&cause.message))),
            cause.hint.map(|hint| format!("→ {}", named(&hint))),
        ];
        let message = message
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(": ");
        let message = message.replace(": → ", "\n→ ");
        let alike = causes
            .entry((
                !slice.outcome.is_failure(),
                slice.outcome,
                cause.hop.map(|hop| named(&hop)).unwrap_or_default(),
                without_ids(&message),
            ))
            .or_insert_with(|| Failures {
                message,
                slices: 0,
                places: Places::new(),
            });
        alike.slices += 1;
        let regions = alike.places.entry(slice.account_id.as_str()).or_default();
        regions.extend(slice.region.as_deref());
    }
    if causes.is_empty() {
        return;
    }
    text.push('\n');
    let shown = causes.iter().take(SHOWN_FAILURES);
    for ((_, outcome, hop, in_common), failures) in shown {
        let _ = writeln!(text, "{}: {}", outcome.name(), listed(&failures.places));
        let message = if failures.slices == 1 {
            &failures.message
        } else {
            in_common
        };
        let hop = if hop.is_empty() {
            String::new()
        } else {
            format!("{hop}: ")
        };
        for line in format!("{hop}{message}").lines() {
            let _ = writeln!(text, "{}", wrapped(&harmless(line), width));
        }
    }
    if causes.len() > SHOWN_FAILURES {
        let place = ledger_path.map_or(String::new(), |path| format!("; all are in {}", path.display()));
        let _ = writeln!(text, "… and {} more causes{place}", causes.len() - SHOWN_FAILURES);
    }
}

/// `text` with `<id>` for every UUID: ids of queries and requests differ where the cause is the same.
fn without_ids(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let id = rest.get(..36).is_some_and(is_uuid);
        let letters = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let whole = id && !letters(plain.chars().next_back()) && !letters(rest[36..].chars().next());
        if whole {
            plain.push_str("<id>");
            rest = &rest[36..];
        } else {
            plain.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    plain
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let mut lengths = [8, 4, 4, 4, 12].into_iter();
    text.split('-')
        .all(|part| lengths.next() == Some(part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
        && lengths.next().is_none()
}

/// Accounts, and their regions.
type Places<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// The first of them; the ledger has all.
fn listed(places: &Places<'_>) -> String {
    let shown = places.iter().take(SHOWN_PLACES).map(|(account, regions)| {
        if regions.len() > SHOWN_PLACES {
            format!("{account} in {} regions", regions.len())
        } else {
            [&[*account], &regions[..]].concat().join(" ")
        }
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    match places.len().saturating_sub(SHOWN_PLACES) {
        0 => shown,
        more => format!("{shown} and {} more accounts", HumanCount(more as u64)),
    }
}

/// Words of `text` in lines of at most `width` columns, indented by four.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = vec!["   ".to_owned()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.trim().is_empty() || line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("    {word}")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_alone_make_no_other_cause() {
        for (text, plain) in [
            (
                "query 313f004f-5fa7-4d74-ac55-4889ea762aae failed: é",
                "query <id> failed: é",
            ),
            (
                "s3://b/313f004f-5fa7-4d74-ac55-4889ea762aae.csv, 313F004F-5FA7-4D74-AC55-4889EA762AAE",
                "s3://b/<id>.csv, <id>",
            ),
            (
                "a313f004f-5fa7-4d74-ac55-4889ea762aae",
                "a313f004f-5fa7-4d74-ac55-4889ea762aae",
            ),
            (
                "313f004f-5fa7-4d74-ac55-4889ea762aae0",
                "313f004f-5fa7-4d74-ac55-4889ea762aae0",
            ),
            ("313f004f-5fa7-4d74-ac55", "313f004f-5fa7-4d74-ac55"),
            ("", ""),
        ] {
            assert_eq!(without_ids(text), plain);
        }
    }

    #[test]
    fn the_first_places_are_named_and_the_others_counted() {
        let mut places = Places::from([("1", vec![]), ("2", vec!["a", "b"]), ("3", vec!["a", "b", "c", "d"])]);
        assert_eq!(listed(&places), "1, 2 a b, 3 in 4 regions");
        places.insert("4", vec!["a"]);
        assert_eq!(listed(&places), "1, 2 a b, 3 in 4 regions and 1 more accounts");
    }
}
