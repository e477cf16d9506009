//! The tokens of SQL, as far as it takes to find where a statement ends and which words it begins with.
//!
//! Athena has two grammars. Hive's reads DDL and most utility statements: a backslash in a string takes the next character as
//! it is, and double quotes hold strings too
//! (<https://github.com/apache/hive/blob/master/parser/src/java/org/apache/hadoop/hive/ql/parse/HiveLexerParent.g>,
//! `StringLiteral`). Trino's reads all else: a backslash is a character like any other
//! (<https://github.com/trinodb/trino/blob/master/core/trino-grammar/src/main/antlr4/io/trino/grammar/sql/SqlBase.g4>,
//! `STRING`). In both a quote within its own quotes is doubled, and a comment of `--` ends with the line: at `\n` or `\r`.

/// Who reads a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// DDL, SHOW, DESCRIBE, MSCK.
    Hive,
    /// All else.
    Trino,
}

/// A piece of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// White space or a comment.
    Nothing,
    /// A keyword, a name or a number.
    Word(&'t str),
    /// A string or a name in quotes.
    Quoted,
    /// Any other character.
    Symbol(char),
}

/// The tokens of a text, each with its place in bytes.
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
    grammar: Grammar,
    /// What has begun and does not end: a quote or a comment.
    pub(super) open: Option<&'static str>,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str, grammar: Grammar) -> Self {
        Tokens {
            text,
            at: 0,
            grammar,
            open: None,
        }
    }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = (usize, Token<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let run = |belongs: fn(char) -> bool| rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let (token, length) = match (first, rest.as_bytes().get(1)) {
            ('-', Some(b'-')) => (Token::Nothing, rest.find(['\n', '\r']).unwrap_or(rest.len())),
            ('/', Some(b'*')) => match rest[2..].find("*/") {
                Some(end) => (Token::Nothing, end + 4),
                None => {
                    self.open = Some("comment (/*)");
                    (Token::Nothing, rest.len())
                }
            },
            ('\'' | '"' | '`', _) => (Token::Quoted, self.quoted(rest, first)),
            (c, _) if c.is_whitespace() => (Token::Nothing, run(char::is_whitespace)),
            (c, _) if in_word(c) => {
                let length = run(in_word);
                (Token::Word(&rest[..length]), length)
            }
            (c, _) => (Token::Symbol(c), c.len_utf8()),
        };
        let at = self.at;
        self.at += length;
        Some((at, token))
    }
}

impl Tokens<'_> {
    /// Bytes of the quoted text that `rest` begins with. Without an end, it goes to the end. A doubled quote ends it and
    /// begins the next one, which is the same.
    fn quoted(&mut self, rest: &str, quote: char) -> usize {
        let escapes = self.grammar == Grammar::Hive && quote != '`';
        let mut characters = rest.char_indices().skip(1);
        while let Some((at, c)) = characters.next() {
            if c == quote {
                return at + 1;
            }
            if c == '\\' && escapes {
                characters.next();
            }
        }
        self.open = Some(match quote {
            '\'' => "quote (')",
            '"' => "quote (\")",
            _ => "quote (`)",
        });
        rest.len()
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
