//! SQL texts.

use crate::statement::split;

/// Where a character of SQL stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Plain,
    Quoted(char),
    LineComment,
    BlockComment,
}

/// A text with statements.
pub fn statement_split(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let statements = split(&text);
    let found: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
    let capitals = text.to_ascii_uppercase();
    // Whether CREATE TABLE goes on with AS SELECT is left to the unit tests.
    if !(capitals.contains("CREATE") && capitals.contains("TABLE")) {
        assert_eq!(found, texts(&text));
    }
    for (statement, number) in statements.iter().zip(1..) {
        assert_eq!(statement.number, number);
        // A statement is one, also by itself.
        let alone = split(&statement.text);
        assert_eq!(alone.len(), 1);
        assert_eq!(alone[0].text, statement.text);
        let _ = statement.gives_rows();
    }
}

/// Whether a statement is of those whose strings have escapes, as one pattern of words.
fn is_hives(text: &str) -> bool {
    let mut rest = text;
    let mut first = true;
    let words: Vec<String> = std::iter::from_fn(|| {
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || (first && c == '('));
            rest = match rest.get(..2) {
                Some("--") => rest.find(['\n', '\r']).map_or("", |end| &rest[end..]),
                Some("/*") => rest[2..].find("*/").map_or("", |end| &rest[end + 4..]),
                _ => break,
            };
        }
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let word = rest[..end].to_ascii_uppercase();
        first = false;
        rest = &rest[end..];
        (!word.is_empty()).then_some(word)
    })
    .take(3)
    .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["SHOW", "FUNCTIONS", ..] | ["SHOW", "CREATE", "VIEW"] | ["DROP", "VIEW", ..] => false,
        ["SHOW" | "DESCRIBE" | "DESC" | "MSCK", ..] => true,
        ["CREATE", "DATABASE" | "SCHEMA", ..] => true,
        ["DROP", "TABLE" | "DATABASE" | "SCHEMA", ..] | ["ALTER", "TABLE" | "DATABASE" | "SCHEMA", ..] => true,
        _ => false,
    }
}

/// The same, character by character.
fn texts(text: &str) -> Vec<&str> {
    let (mut texts, mut start, mut says_something) = (Vec::new(), 0, false);
    let mut place = Place::Plain;
    let mut hive = is_hives(text);
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        match (place, c, next) {
            (Place::Plain, '-', Some('-')) => {
                characters.next();
                place = Place::LineComment;
            }
            (Place::Plain, '/', Some('*')) => {
                characters.next();
                place = Place::BlockComment;
            }
            (Place::LineComment, '\n' | '\r', _) => place = Place::Plain,
            (Place::BlockComment, '*', Some('/')) => {
                characters.next();
                place = Place::Plain;
            }
            (Place::LineComment | Place::BlockComment, ..) => {}
            (Place::Plain, ';', _) => {
                if std::mem::take(&mut says_something) {
                    texts.push(text[start..at].trim());
                }
                start = at + 1;
                hive = is_hives(&text[start..]);
            }
            (Place::Plain, quote @ ('\'' | '"' | '`'), _) => {
                says_something = true;
                place = Place::Quoted(quote);
            }
            (Place::Plain, c, _) => says_something |= !c.is_whitespace(),
            (Place::Quoted(quote), c, _) if c == quote => place = Place::Plain,
            (Place::Quoted('\'' | '"'), '\\', _) if hive => drop(characters.next()),
            (Place::Quoted(_), ..) => {}
        }
    }
    if says_something {
        texts.push(text[start..].trim());
    }
    texts
}
