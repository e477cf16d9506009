//! How the demo looks: headings, texts, command lines to copy, tables.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use serde_json::Value as Json;

use crate::workspace;

/// Texts are no wider.
const WIDTH: usize = 110;

pub(super) fn heading(text: &str) {
    println!("\n{}", styled("1", &format!("== {text}")));
}

/// A paragraph.
pub(super) fn text(text: &str) {
    println!("\n{}", wrapped(text, 0));
}

/// A command line, as one would type it in the root.
pub(super) fn command(environment: &[(&str, &str)], words: &[&str]) {
    let quoted = |word: &str| {
        if word.contains(|c: char| c.is_whitespace() || "'\"$&;|<>(){}*?\\".contains(c)) {
            format!("'{}'", word.replace('\'', r"'\''"))
        } else {
            word.to_owned()
        }
    };
    let mut line = String::new();
    for (name, value) in environment {
        line += &format!("{name}={} \\\n    ", quoted(value));
    }
    line += &words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    println!("\n{}", styled("36", &format!("$ {line}")));
}

/// A path as it is written in command lines that are given in the root.
pub(super) fn path(path: &Path) -> String {
    workspace::relative(path).display().to_string()
}

/// Columns of their own width, indented.
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let head: Vec<_> = head.iter().map(|&name| name.to_owned()).collect();
    let rows: Vec<_> = [head].into_iter().filter(|head| !head.is_empty()).chain(rows).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell: &String| cell.chars().count())
            .max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// A name and what there is to say about it, which may take several lines.
pub(super) fn entry(name: &str, width: usize, lines: &[String]) {
    for (index, line) in lines.iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        let line = wrapped(line, width + 4);
        println!("  {name:width$}  {}", line.trim_start());
    }
}

/// A JSON object, a member a line.
pub(super) fn members(object: &Json) {
    for (name, value) in object.as_object().into_iter().flatten() {
        let line = format!("  {}: {value}", Json::from(name.as_str()));
        let cut: String = line.chars().take(WIDTH).collect();
        println!("{cut}{}", if cut.len() < line.len() { " …" } else { "" });
    }
}

/// The beginning of what a command has printed.
pub(super) fn first_lines(output: &str, shown: usize) {
    for line in output.lines().take(shown) {
        println!("{line}");
    }
    more(output.lines().count().saturating_sub(shown));
}

/// Of the table that `check` prints: its head, all entries that do not work, and the first that do.
pub(super) fn troubled_entries(output: &str, working: usize) {
    let (mut hidden, mut working, mut show) = (0, working, true);
    for (number, line) in output.lines().enumerate() {
        // An entry goes on in lines that do not begin with an account.
        if number > 0 && line.trim_start_matches(' ').len() + 1 == line.len() {
            let works = line.split_whitespace().nth(2) == Some("works");
            show = !works || working > 0;
            if works {
                working = working.saturating_sub(1);
            }
            hidden += usize::from(!show);
        }
        if show {
            println!("{line}");
        }
    }
    more(hidden);
}

fn more(hidden: usize) {
    if hidden > 0 {
        println!(" … and {hidden} more");
    }
}

/// With separators between the thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// In lines of bearable length; those behind the first are indented.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = vec![" ".repeat(indent)];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        let space = usize::from(!line.trim().is_empty());
        if space > 0 && line.chars().count() + space + word.chars().count() > WIDTH {
            lines.push(" ".repeat(indent) + word);
        } else {
            line.push_str(&" "[..space]);
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// In a terminal's colour or weight, when there is a terminal.
fn styled(style: &str, text: &str) -> String {
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\u{1b}[{style}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn long_texts_are_wrapped_at_words() {
        let text = wrapped(&"word ".repeat(40), 2);
        assert!(
            text.lines()
                .all(|line| line.len() <= WIDTH && line.starts_with("  word")),
            "{text}"
        );
        assert!(text.lines().count() > 1);
    }
}
