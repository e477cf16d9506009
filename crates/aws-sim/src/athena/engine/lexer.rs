//! Tokens of a statement, for what the SQL parser does not read: the kind of a statement, and Athena's own DDL.

use sqlparser::tokenizer::{Token, Tokenizer, Whitespace, Word};

use super::dialect::Athena;

/// A token, and where it begins: line and column, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lexed {
    /// A word that is not quoted.
    Word(String),
    /// A name in quotes.
    Quoted(String),
    /// A text in single quotes.
    Text(String),
    Symbol(char),
    /// Anything else, as it is written.
    Other(String),
}

/// The tokens of a text, without white space and comments.
pub(crate) fn lex(text: &str) -> Option<Vec<(Lexed, (u64, u64))>> {
    let tokens = Tokenizer::new(&Athena, text).tokenize_with_location().ok()?;
    let lexed = tokens.into_iter().filter_map(|token| {
        let at = (token.span.start.line, token.span.start.column);
        let lexed = match token.token {
            Token::EOF | Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab) => return None,
            Token::Whitespace(_) => return None,
            Token::Word(Word { value, quote_style, .. }) => match quote_style {
                None => Lexed::Word(value),
                Some(_) => Lexed::Quoted(value),
            },
            Token::SingleQuotedString(text) => Lexed::Text(text),
            Token::LParen => Lexed::Symbol('('),
            Token::RParen => Lexed::Symbol(')'),
            Token::Comma => Lexed::Symbol(','),
            Token::Period => Lexed::Symbol('.'),
            Token::Eq => Lexed::Symbol('='),
            Token::Lt => Lexed::Symbol('<'),
            Token::Gt => Lexed::Symbol('>'),
            Token::Colon => Lexed::Symbol(':'),
            other => Lexed::Other(other.to_string()),
        };
        Some((lexed, at))
    });
    Some(lexed.collect())
}
