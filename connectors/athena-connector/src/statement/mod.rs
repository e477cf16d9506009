//! SQL text as far as it must be understood here: where a statement ends, and of what kind it is.

pub mod kinds;
mod lexer;

use self::kinds::{CREATE_TABLE_AS, UNKNOWN};
pub use self::kinds::{Effect, Gives, Kind};
use self::lexer::{Grammar, Token, Tokens};

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// From 1.
    pub number: u32,
    /// Without the `;`.
    pub text: String,
    /// Its kind, as far as its words tell. AWS says it again, exactly, when the query has been taken.
    pub kind: &'static Kind,
    /// What it changes: for EXPLAIN ANALYZE, what the statement behind it does.
    pub effect: Effect,
    /// Whether UNLOAD takes it.
    pub unloads: bool,
}

impl Statement {
    /// The statement of this text.
    pub fn new(number: u32, text: impl Into<String>) -> Self {
        let text = text.into();
        let Reading { kind, effect, unloads } = read(&text);
        Statement {
            number,
            text,
            kind,
            effect,
            unloads,
        }
    }

    /// The quote or comment that begins in it and does not end: Athena would refuse it. Not of a statement whose words are not
    /// known: another grammar may read it otherwise.
    pub fn open_end(&self) -> Option<&'static str> {
        if self.kind.substatement == UNKNOWN.substatement {
            return None;
        }
        let mut tokens = Tokens::new(&self.text, self.kind.grammar);
        tokens.by_ref().for_each(drop);
        tokens.open
    }

    /// Whether it gives rows, as far as one can tell before it has run.
    pub fn gives_rows(&self) -> bool {
        !matches!(self.kind.gives, Gives::Count | Gives::Nothing)
    }

    /// Whether it changes nothing, so that it may run again and beside others.
    pub fn only_reads(&self) -> bool {
        self.effect == Effect::None
    }
}

/// The statements of `text`. `;` within quotes and comments separates nothing; a statement of comments alone is none.
pub fn split(text: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut says_something = false;
        let mut end = None;
        for (at, token) in Tokens::new(rest, read(rest).kind.grammar) {
            match token {
                Token::Symbol(';') => {
                    end = Some(at);
                    break;
                }
                Token::Nothing => {}
                _ => says_something = true,
            }
        }
        if says_something {
            let number = u32::try_from(statements.len() + 1).unwrap_or(u32::MAX);
            statements.push(Statement::new(number, rest[..end.unwrap_or(rest.len())].trim()));
        }
        rest = end.map_or("", |end| &rest[end + 1..]);
    }
    statements
}

struct Reading {
    kind: &'static Kind,
    effect: Effect,
    unloads: bool,
}

/// Words that a statement begins with at most, of those that tell its kind.
const MOST_WORDS: usize = 4;

/// Reads the statement that a text begins with.
fn read(text: &str) -> Reading {
    let kind = kind_of(text);
    match first_words(text).first().map(String::as_str) {
        Some("USING") => {
            let kind = behind_functions(text).map_or(UNKNOWN, kind_of);
            Reading {
                kind,
                effect: kind.effect,
                unloads: false,
            }
        }
        Some("EXPLAIN") => Reading {
            kind,
            effect: match analyzed(text).map(kind_of) {
                None => Effect::None,
                Some(run) if run.substatement == kind.substatement => Effect::Change,
                Some(run) => run.effect,
            },
            unloads: false,
        },
        _ => Reading {
            kind,
            effect: kind.effect,
            unloads: kind.substatement == "SELECT",
        },
    }
}

/// The kind by the first words alone.
fn kind_of(text: &str) -> &'static Kind {
    let words = first_words(text);
    let kind = Kind::of_words(&words);
    let may_select = kind.substatement == "CREATE_TABLE" && words.get(1).is_some_and(|word| word == "TABLE");
    if may_select && selects(text) {
        CREATE_TABLE_AS
    } else {
        kind
    }
}

/// The first words in capitals, behind comments and opening brackets.
fn first_words(text: &str) -> Vec<String> {
    let said = Tokens::new(text, Grammar::Trino).filter(|(_, token)| *token != Token::Nothing);
    let said = said.skip_while(|(_, token)| *token == Token::Symbol('('));
    let words = said.map_while(|(_, token)| match token {
        Token::Word(word) => Some(word.to_ascii_uppercase()),
        _ => None,
    });
    words.take(MOST_WORDS).collect()
}

/// The tokens outside of all brackets that say something, up to the end of the statement.
fn top_level(text: &str, grammar: Grammar) -> impl Iterator<Item = (usize, Token<'_>)> {
    let mut depth = 0_usize;
    Tokens::new(text, grammar)
        .take_while(|(_, token)| *token != Token::Symbol(';'))
        .filter(move |(_, token)| {
            let outside = depth == 0;
            match token {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            outside && *token != Token::Nothing
        })
}

fn is_query(word: &str) -> bool {
    ["SELECT", "WITH", "VALUES", "TABLE"]
        .iter()
        .any(|begin| word.eq_ignore_ascii_case(begin))
}

/// The statement behind `USING EXTERNAL FUNCTION f(…) RETURNS … LAMBDA '…', …`.
/// <https://docs.aws.amazon.com/athena/latest/ug/querying-udf.html>
fn behind_functions(text: &str) -> Option<&str> {
    let mut whole = false;
    for (at, token) in top_level(text, Grammar::Trino) {
        match token {
            Token::Word(word)
                if ["LAMBDA", "SAGEMAKER"]
                    .iter()
                    .any(|host| word.eq_ignore_ascii_case(host)) =>
            {
                whole = true;
            }
            // The next function.
            Token::Symbol(',') => whole = false,
            Token::Word(_) | Token::Symbol('(') if whole => return Some(&text[at..]),
            _ => {}
        }
    }
    None
}

/// The statement that an EXPLAIN runs: what stands behind `EXPLAIN ANALYZE`, its options and VERBOSE.
/// <https://docs.aws.amazon.com/athena/latest/ug/athena-explain-statement.html>
fn analyzed(text: &str) -> Option<&str> {
    let own = Tokens::new(text, Grammar::Trino).take_while(|(_, token)| *token != Token::Symbol(';'));
    let said = own.filter(|(_, token)| *token != Token::Nothing);
    let mut said = said
        .skip_while(|(_, token)| *token == Token::Symbol('('))
        .skip(1)
        .peekable();
    said.next_if(|(_, token)| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("ANALYZE")))?;
    said.next_if(|(_, token)| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("VERBOSE")));
    let (at, token) = said.next()?;
    if token == Token::Symbol('(')
        && let Some((_, Token::Word(word))) = said.peek()
        && !is_query(word)
    {
        // Options such as `(FORMAT JSON)`.
        let mut behind = said.skip_while(|(_, token)| *token != Token::Symbol(')')).skip(1);
        return Some(behind.next().map_or("", |(at, _)| &text[at..]));
    }
    Some(&text[at..])
}

/// Whether `CREATE TABLE …` goes on with `AS` and a query.
fn selects(text: &str) -> bool {
    let mut behind_as = false;
    for (_, token) in top_level(text, Grammar::Hive) {
        match token {
            Token::Symbol('(') if behind_as => return true,
            Token::Word(word) if behind_as && is_query(word) => return true,
            token => behind_as = matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("AS")),
        }
    }
    false
}

#[cfg(test)]
mod tests;
