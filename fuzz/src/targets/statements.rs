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
    assert_eq!(found, texts(&text));
    for (statement, number) in statements.iter().zip(1..) {
        assert_eq!(statement.number, number);
        // A statement is one, also by itself.
        let mut alone = statement.clone();
        alone.number = 1;
        assert_eq!(split(&statement.text), [alone]);
        let _ = statement.gives_rows();
    }
}

/// The same, character by character.
fn texts(text: &str) -> Vec<&str> {
    let (mut texts, mut start, mut says_something) = (Vec::new(), 0, false);
    let mut place = Place::Plain;
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
            (Place::LineComment, '\n', _) => place = Place::Plain,
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
            }
            (Place::Plain, quote @ ('\'' | '"' | '`'), _) => {
                says_something = true;
                place = Place::Quoted(quote);
            }
            (Place::Plain, c, _) => says_something |= !c.is_whitespace(),
            (Place::Quoted(quote), c, _) if c == quote => place = Place::Plain,
            (Place::Quoted(_), ..) => {}
        }
    }
    if says_something {
        texts.push(text[start..].trim());
    }
    texts
}
