//! How the demo looks: headings, texts, command lines to copy, tables.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use serde_json::Value as Json;

use crate::words::quoted;
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
        let cut: String = line.chars().take(WIDTH - 2).collect();
        println!("{cut}{}", if cut.len() < line.len() { " …" } else { "" });
    }
}

/// Of a table that the connector has printed: its head, the first entries, and all that are `always` shown.
pub(super) fn entries(output: &str, first: usize, always: impl Fn(&str) -> bool) {
    let (mut left, mut hidden, mut show) = (first, 0, true);
    for (number, line) in output.lines().enumerate() {
        // An entry begins one column from the edge; where it goes on in more lines, they begin further in.
        if number > 0 && line.starts_with(' ') && !line.starts_with("  ") {
            show = always(line) || left > 0;
            left = left.saturating_sub(usize::from(!always(line)));
            hidden += usize::from(!show);
        }
        if show {
            println!("{line}");
        }
    }
    if hidden > 0 {
        println!(" … and {hidden} more");
    }
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
