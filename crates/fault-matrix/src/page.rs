//! The matrix as a page of the reference.

use std::fmt::Write as _;

use crate::cell::cells;
use crate::matrix::{Always, CLOCKS, FAULTS, PAGE_FAULTS, ROWS, Row};

/// The page: declarations, which `cargo xtask faults` holds the programs to. Times are not in it: they differ from run to
/// run.
pub fn page() -> String {
    let mut page = String::new();
    let _ = page.write_str(HEAD);
    let groups = groups();
    for (number, group) in groups.iter().enumerate() {
        let names: Vec<String> = group.iter().map(|row| name(row)).collect();
        let _ = writeln!(page, "- **{}**: {}", letter(number), names.join(", "));
    }
    let letters: String = (0..groups.len())
        .map(|number| format!(" {} |", letter(number)))
        .collect();
    let _ = write!(
        page,
        "\n| fault | what happens to each call |{letters}\n|---|---|{}\n",
        "---|".repeat(groups.len())
    );
    for (number, fault) in FAULTS.iter().enumerate() {
        let become_of = |group: &Vec<&Row>| words(group[0].always[number]);
        let become_of: String = groups.iter().map(|group| format!(" {} |", become_of(group))).collect();
        let _ = writeln!(page, "| {} | {} |{become_of}", fault.name, fault.what);
    }
    let _ = page.write_str(PAGES);
    let listings: Vec<&Row> = ROWS.iter().filter(|row| row.pages.is_some()).collect();
    let names: String = PAGE_FAULTS.iter().map(|fault| format!(" {} |", fault.name)).collect();
    let _ = write!(
        page,
        "\n| listing |{names}\n|---|{}\n",
        "---|".repeat(PAGE_FAULTS.len())
    );
    for row in listings {
        let both = row.pages.into_iter().flatten().map(|(once, always)| {
            let (once, always) = (words(once), words(always));
            if once == always {
                format!(" {once} |")
            } else {
                format!(" {once} / {always} |")
            }
        });
        let _ = writeln!(page, "| {} |{}", name(row), both.collect::<String>());
    }
    page.push('\n');
    for fault in &PAGE_FAULTS {
        let _ = writeln!(page, "- {}: {}", fault.name, fault.what);
    }
    let clocks: Vec<String> = CLOCKS.iter().map(|seconds| format!("{} min", seconds / 60)).collect();
    let _ = write!(
        page,
        "\n## Clocks that are wrong\n\nWith a machine's clock that differs from AWS's by {}, a run is complete, and a \
         warning says once by how much, in the log and in the ledger.\n\n{} cells in all.\n",
        clocks.join(", "),
        cells().len()
    );
    page
}

const HEAD: &str = "# What becomes of a run when a call goes wrong

Each operation meets each fault, in runs of both connectors over an organization of four accounts, at a simulated AWS:
`cargo xtask faults` tries all cells and fails where one is not as it stands here; `cargo xtask faults hang ec2:` tries those
whose names have both words. Time runs twenty times as fast there; all limits and pauses are the programs' own.

**Once**: the first calls (one or two) meet the fault. The run is complete, with exit code 0, all rows, and none doubled.

**Always**: every call of one account meets it, or every call of the sign-in and the listing. Then

- *an outcome*: the account's slices end so in the ledger, all other accounts are whole, exit code 3;
- *nothing published*: the cause is in the ledger, and the output of an earlier run is left as it was, exit code 4;
- *complete*: it does no harm, exit code 0;
- *gone*: the server is gone for all from then on. What is complete by then is published, if anything is.

In every cell no run outlasts its deadline by more than 2 s, nothing is left beside the output, and no slice is half published.

";

const PAGES: &str = "
Calls that are not signed (the token endpoint, AssumeRoleWithWebIdentity) do not meet *expired* and *skewed*. A query that
is beyond its deadline is `timed-out` whether AWS confirms the stop or not.

## Pages

Once / always; rows of a query have no key, so nobody can tell whether two that are alike are one.
";

fn letter(number: usize) -> char {
    char::from(b'A' + u8::try_from(number).unwrap_or_default())
}

fn name(row: &Row) -> String {
    match row.purpose {
        "" => format!("`{}`", row.call),
        purpose => format!("`{}` ({purpose})", row.call),
    }
}

fn words(always: Always) -> String {
    match always {
        Always::Slices(how) => format!("`{how}`"),
        other => other.words().to_owned(),
    }
}

/// Operations with the same declarations.
fn groups() -> Vec<Vec<&'static Row>> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in &ROWS {
        match groups.iter_mut().find(|group| group[0].always == row.always) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}
