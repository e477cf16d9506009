//! Foreign texts on a terminal: names, tags and messages come from strangers, and a terminal acts on what they send.

use std::io::{self, Write};

/// `text` in one line, without what a terminal would act on.
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if acts(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// The same for a text of ours in several lines.
pub(super) fn harmless_lines(text: &str) -> String {
    let keep = |c: char| c == '\n' || !acts(c);
    text.chars()
        .map(|c| if keep(c) { c } else { char::REPLACEMENT_CHARACTER })
        .collect()
}

/// Control characters, and those that turn the direction of text around or break a line.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Rows on the way to a terminal. A file or a pipe gets them as they are.
pub struct Screen<W> {
    terminal: W,
    /// The beginning of a character whose end is still to come.
    begun: Vec<u8>,
}

impl<W: Write> Screen<W> {
    /// What is written to `terminal` is harmless.
    pub fn new(terminal: W) -> Self {
        Screen {
            terminal,
            begun: Vec::new(),
        }
    }
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let mut text = String::new();
        let mut begun = Vec::new();
        for chunk in self.begun.utf8_chunks() {
            text.extend(chunk.valid().chars().map(|c| match c {
                '\n' | '\t' => c,
                '\r' => '\u{240d}',
                c if acts(c) => char::REPLACEMENT_CHARACTER,
                c => c,
            }));
            begun = chunk.invalid().to_vec();
            let to_come = self.begun.ends_with(&begun) && is_beginning(&begun);
            if !begun.is_empty() && !to_come {
                text.push(char::REPLACEMENT_CHARACTER);
                begun.clear();
            }
        }
        self.begun = begun;
        self.terminal.write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.terminal.flush()
    }
}

fn is_beginning(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_escape_reaches_the_terminal() {
        assert_eq!(
            harmless("a\u{1b}[31mb\r\n\u{9b}\u{202e}c é\u{61c}\u{2028}"),
            "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}\u{fffd}c é\u{fffd}\u{fffd}"
        );
        assert_eq!(harmless_lines("a\n\u{1b}b\r\n"), "a\n\u{fffd}b\u{fffd}\n");
    }

    #[test]
    fn rows_are_harmless_wherever_they_are_cut() {
        let rows = "a,\u{1b}]0;x\u{7},\u{9b}2J,é€😀\tb\r\n\u{202e}\n".as_bytes();
        let expected = "a,\u{fffd}]0;x\u{fffd},\u{fffd}2J,é€😀\tb\u{240d}\n\u{fffd}\n";
        for size in 1..rows.len() {
            let mut screen = Screen::new(Vec::new());
            for piece in rows.chunks(size) {
                screen.write_all(piece).unwrap();
            }
            assert_eq!(
                String::from_utf8(screen.terminal).unwrap(),
                expected,
                "in pieces of {size}"
            );
        }
        let mut screen = Screen::new(Vec::new());
        screen.write_all(b"a\xff\xc2b\xe2\x82").unwrap();
        screen.write_all(b"c").unwrap();
        assert_eq!(
            String::from_utf8(screen.terminal).unwrap(),
            "a\u{fffd}\u{fffd}b\u{fffd}c"
        );
    }
}
