//! Texts to statements, and AWS's answer to texts that are none.

use sqlparser::ast::{Expr, Query, SetExpr, Statement};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::dialect::Athena;
use super::lexer::{Lexed, lex};
use crate::athena::statement::Kind;
use crate::estate::trimmed;

/// How deep a statement may be nested.
const DEPTH: usize = 60;

/// What AWS says of an unfinished statement.
const UNSUPPORTED: &str = "Queries of this type are not supported";

/// One statement.
pub(super) fn statement(text: &str) -> Result<Statement, String> {
    let mut parser = parser(text)?;
    let statement = parser.parse_statement().map_err(|error| malformed(text, &error))?;
    ended(&mut parser)?;
    Ok(statement)
}

/// One query: SELECT, WITH, VALUES, TABLE.
pub(super) fn query(text: &str) -> Result<Box<Query>, String> {
    let mut parser = parser(text)?;
    let query = parser.parse_query().map_err(|error| malformed(text, &error))?;
    ended(&mut parser)?;
    // The parser also takes writes for queries.
    if matches!(
        *query.body,
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
    ) {
        return Err(UNSUPPORTED.to_owned());
    }
    Ok(query)
}

/// One expression.
pub(super) fn expression(text: &str) -> Option<Expr> {
    let mut parser = parser(text).ok()?;
    let expression = parser.parse_expr().ok()?;
    ended(&mut parser).ok()?;
    Some(expression)
}

fn parser(text: &str) -> Result<Parser<'static>, String> {
    let tokens = Tokenizer::new(&Athena, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| {
        let place = (error.location.line, error.location.column);
        format!("line {}:{}: {}", place.0, place.1, error.message)
    })?;
    let tokens = rows_in_parentheses(tokens);
    Ok(Parser::new(&Athena)
        .with_recursion_limit(DEPTH)
        .with_tokens_with_locations(tokens))
}

/// Trino takes `VALUES 1, 2`; the parser wants `VALUES (1), (2)`.
fn rows_in_parentheses(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    const ENDS: [Keyword; 8] = [
        Keyword::ORDER,
        Keyword::LIMIT,
        Keyword::OFFSET,
        Keyword::FETCH,
        Keyword::UNION,
        Keyword::EXCEPT,
        Keyword::INTERSECT,
        Keyword::ON,
    ];
    let keyword = |token: &Token| match token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    };
    let blank = |token: &Token| matches!(token, Token::Whitespace(_));
    let mut out = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let values = keyword(&token.token) == Keyword::VALUES;
        out.push(token);
        if !values {
            continue;
        }
        // One row after the other, each up to a comma outside of parentheses.
        loop {
            while let Some(space) = rest.next_if(|token| blank(&token.token)) {
                out.push(space);
            }
            let bare = rest
                .peek()
                .filter(|token| token.token != Token::LParen && token.token != Token::EOF);
            let open = bare.map(|first| TokenWithSpan::new(Token::LParen, first.span));
            let wrapped = open.is_some();
            out.extend(open);
            let mut depth = 0_i32;
            let inside = |token: &TokenWithSpan, depth: i32| match &token.token {
                Token::EOF | Token::SemiColon => false,
                Token::Comma | Token::RParen => depth > 0,
                other => depth > 0 || !ENDS.contains(&keyword(other)),
            };
            while let Some(token) = rest.next_if(|token| inside(token, depth)) {
                match token.token {
                    Token::LParen | Token::LBracket => depth += 1,
                    Token::RParen | Token::RBracket => depth -= 1,
                    _ => {}
                }
                out.push(token);
            }
            if wrapped && let Some(last) = out.last() {
                let span = last.span;
                out.push(TokenWithSpan::new(Token::RParen, span));
            }
            match rest.next_if(|token| token.token == Token::Comma) {
                Some(comma) => out.push(comma),
                None => break,
            }
        }
    }
    out
}

fn ended(parser: &mut Parser<'_>) -> Result<(), String> {
    let token = parser.peek_token();
    if token.token == Token::EOF {
        return Ok(());
    }
    let (line, column) = (token.span.start.line, token.span.start.column);
    Err(format!(
        "line {line}:{column}: mismatched input '{}'. Expecting: <EOF>",
        token.token
    ))
}

/// The parser's sentence in AWS's form. AWS lists everything that could have stood there; here it is what the parser names.
fn malformed(text: &str, error: &ParserError) -> String {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.as_str(),
        ParserError::RecursionLimitExceeded => {
            return "statement is too large (stack overflow while parsing)".to_owned();
        }
    };
    let (sentence, place) = match message.rsplit_once(" at Line: ") {
        Some((sentence, place)) => (sentence, place.replace(", Column: ", ":")),
        None => (message, String::new()),
    };
    let expected = sentence
        .strip_prefix("Expected: ")
        .and_then(|rest| rest.rsplit_once(", found: "));
    let Some((expected, found)) = expected else {
        return if place.is_empty() {
            sentence.to_owned()
        } else {
            format!("line {place}: {sentence}")
        };
    };
    if found == "EOF" {
        return if trimmed(text).contains(char::is_whitespace) && place.is_empty() {
            UNSUPPORTED.to_owned()
        } else {
            format!("{}mismatched input '<EOF>'. Expecting: {expected}", end_of(text))
        };
    }
    format!("line {place}: mismatched input '{found}'. Expecting: {expected}")
}

fn end_of(text: &str) -> String {
    let line = text.lines().count().max(1);
    let column = text.lines().last().map_or(0, |last| last.chars().count()) + 1;
    format!("line {line}:{column}: ")
}

/// Whether AWS would take a text as a statement of its kind.
pub(crate) fn check(text: &str, kind: Kind) -> Result<(), String> {
    if trimmed(text).is_empty() {
        return Err(UNSUPPORTED.to_owned());
    }
    match kind {
        Kind::Select => query(text).map(drop),
        Kind::Insert | Kind::Change => statement(text).map(drop),
        Kind::Explain => explained(text).and_then(|inner| query(&inner).map(drop)),
        Kind::Unload => unloaded(text).and_then(|unload| query(&unload.query).map(drop)),
        Kind::CreateTableAs => created_as(text).and_then(|(_, inner)| query(&inner).map(drop)),
        Kind::Execute => executed(text).map(drop).ok_or_else(|| UNSUPPORTED.to_owned()),
        Kind::Prepare | Kind::Deallocate => prepared(text).map(drop).ok_or_else(|| UNSUPPORTED.to_owned()),
        Kind::Other => {
            let words = lex(text).unwrap_or_default();
            let known = [
                "SHOW", "ALTER", "MSCK", "VACUUM", "OPTIMIZE", "ANALYZE", "REFRESH", "CREATE", "DROP",
            ];
            match words.first() {
                Some((Lexed::Word(word), _)) if known.iter().any(|known| known.eq_ignore_ascii_case(word)) => Ok(()),
                Some((Lexed::Word(word), (line, column))) => Err(unknown_start(word, *line, *column)),
                _ => Err(UNSUPPORTED.to_owned()),
            }
        }
        _ => Ok(()),
    }
}

/// AWS's list of what a statement can begin with.
fn unknown_start(word: &str, line: u64, column: u64) -> String {
    format!(
        "line {line}:{column}: mismatched input '{word}'. Expecting: 'ALTER', 'ANALYZE', 'CALL', 'COMMENT', 'COMMIT', \
         'CREATE', 'DEALLOCATE', 'DELETE', 'DENY', 'DESC', 'DESCRIBE', 'DROP', 'EXECUTE', 'EXPLAIN', 'GRANT', 'INSERT', \
         'MERGE', 'PREPARE', 'REFRESH', 'RESET', 'REVOKE', 'ROLLBACK', 'SET', 'SHOW', 'START', 'TRUNCATE', 'UNLOAD', \
         'UPDATE', 'USE', <query>"
    )
}

/// The place of the n-th token in a text, in bytes.
pub(super) fn offset(text: &str, (line, column): (u64, u64)) -> usize {
    let (line, column) = (usize::try_from(line).unwrap_or(1), usize::try_from(column).unwrap_or(1));
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = &text[start.min(text.len())..];
    let inside = rest
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(rest.len(), |(at, _)| at);
    start + inside
}

/// An UNLOAD, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unload {
    pub(crate) query: String,
    pub(crate) target: String,
    /// Names in small letters, and values as they are written (texts without quotes).
    pub(crate) options: Vec<(String, String)>,
}

/// `UNLOAD (query) TO 's3://…' WITH (format = 'PARQUET', …)`.
pub(crate) fn unloaded(text: &str) -> Result<Unload, String> {
    let tokens = lex(text).ok_or_else(|| UNSUPPORTED.to_owned())?;
    let unexpected = |at: usize, expecting: &str| match tokens.get(at) {
        Some((token, (line, column))) => {
            format!(
                "line {line}:{column}: mismatched input '{}'. Expecting: {expecting}",
                shown(token)
            )
        }
        None => format!("{}mismatched input '<EOF>'. Expecting: {expecting}", end_of(text)),
    };
    let is = |at: usize, symbol: char| matches!(tokens.get(at), Some((Lexed::Symbol(found), _)) if *found == symbol);
    if !is(1, '(') {
        return Err(unexpected(1, "'('"));
    }
    let mut depth = 0_usize;
    let close = (1..tokens.len()).find(|at| {
        depth = match tokens[*at].0 {
            Lexed::Symbol('(') => depth + 1,
            Lexed::Symbol(')') => depth - 1,
            _ => depth,
        };
        depth == 0
    });
    let close = close.ok_or_else(|| unexpected(tokens.len(), "')'"))?;
    let query = &text[offset(text, tokens[1].1) + 1..offset(text, tokens[close].1)];
    match (tokens.get(close + 1), tokens.get(close + 2)) {
        (Some((Lexed::Word(to), _)), Some((Lexed::Text(target), _))) if to.eq_ignore_ascii_case("to") => Ok(Unload {
            query: trimmed(query).to_owned(),
            target: target.clone(),
            options: options(&tokens[close + 3..]).ok_or_else(|| unexpected(close + 3, "'WITH'"))?,
        }),
        _ => Err(unexpected(close + 1, "'TO'")),
    }
}

/// `WITH (name = value, …)`; a list of texts becomes one with commas.
fn options(tokens: &[(Lexed, (u64, u64))]) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut tokens = tokens.iter().map(|(token, _)| token).peekable();
    match tokens.next() {
        Some(Lexed::Word(word)) if word.eq_ignore_ascii_case("with") => {}
        _ => return None,
    }
    if tokens.next() != Some(&Lexed::Symbol('(')) {
        return None;
    }
    loop {
        let Some(Lexed::Word(name)) = tokens.next() else {
            return None;
        };
        if tokens.next() != Some(&Lexed::Symbol('=')) {
            return None;
        }
        let mut value = String::new();
        while let Some(token) = tokens.next_if(|token| !matches!(token, Lexed::Symbol(',' | ')'))) {
            match token {
                Lexed::Text(text) | Lexed::Word(text) | Lexed::Other(text) => value.push_str(text),
                _ => {}
            }
            // The elements of ARRAY[…] are parted by commas of their own.
            if value.starts_with("ARRAY[") && !value.ends_with(']') && tokens.next_if_eq(&&Lexed::Symbol(',')).is_some()
            {
                value.push(',');
            }
        }
        found.push((name.to_lowercase(), value));
        match tokens.next() {
            Some(Lexed::Symbol(',')) => {}
            Some(Lexed::Symbol(')')) => return Some(found),
            _ => return None,
        }
    }
}

fn shown(token: &Lexed) -> String {
    match token {
        Lexed::Word(text) | Lexed::Other(text) => text.clone(),
        Lexed::Quoted(text) => format!("\"{text}\""),
        Lexed::Text(text) => format!("'{text}'"),
        Lexed::Symbol(symbol) => symbol.to_string(),
    }
}

/// The query of `EXPLAIN [ANALYZE] [VERBOSE] [(…)] query`.
pub(super) fn explained(text: &str) -> Result<String, String> {
    let tokens = lex(text).ok_or_else(|| UNSUPPORTED.to_owned())?;
    let mut at = 1;
    while let Some((token, place)) = tokens.get(at) {
        match token {
            Lexed::Word(word) if ["analyze", "verbose"].contains(&word.to_lowercase().as_str()) => at += 1,
            Lexed::Symbol('(') if matches!(tokens.get(at + 1), Some((Lexed::Word(word), _)) if ["type", "format"].contains(&word.to_lowercase().as_str())) =>
            {
                at += tokens[at..]
                    .iter()
                    .position(|(token, _)| *token == Lexed::Symbol(')'))
                    .unwrap_or(0)
                    + 1;
            }
            _ => return Ok(text[offset(text, *place)..].to_owned()),
        }
    }
    Err(UNSUPPORTED.to_owned())
}

/// The table's name and the query of `CREATE TABLE t [WITH (…)] AS query [WITH [NO] DATA]`.
pub(super) fn created_as(text: &str) -> Result<(Vec<String>, String), String> {
    let tokens = lex(text).ok_or_else(|| UNSUPPORTED.to_owned())?;
    let is = |at: usize, word: &str| matches!(tokens.get(at), Some((Lexed::Word(found), _)) if found.eq_ignore_ascii_case(word));
    let start = if is(2, "if") { 5 } else { 2 };
    let (name, after) = name(&tokens, start).ok_or_else(|| UNSUPPORTED.to_owned())?;
    let opens = |at: usize| matches!(tokens.get(at), Some((Lexed::Symbol('('), _)));
    let begins = |at: usize| opens(at) || ["select", "with", "values", "table"].iter().any(|word| is(at, word));
    let found = (after..tokens.len()).find(|at| is(*at, "as") && begins(at + 1));
    let found = found.ok_or_else(|| UNSUPPORTED.to_owned())?;
    let mut end = text.len();
    let last = tokens.len();
    if last > 3 && is(last - 1, "data") {
        let with = if is(last - 2, "no") { last - 3 } else { last - 2 };
        end = offset(text, tokens[with].1);
    }
    Ok((name, text[offset(text, tokens[found + 1].1)..end].to_owned()))
}

/// A dotted name that begins at a token, and the token behind it.
pub(super) fn name(tokens: &[(Lexed, (u64, u64))], start: usize) -> Option<(Vec<String>, usize)> {
    let (mut parts, mut at) = (Vec::new(), start);
    loop {
        match tokens.get(at)? {
            (Lexed::Word(part) | Lexed::Quoted(part), _) => parts.push(part.to_lowercase()),
            _ => return None,
        }
        at += 1;
        match tokens.get(at) {
            Some((Lexed::Symbol('.'), _)) => at += 1,
            _ => return Some((parts, at)),
        }
    }
}

/// Name and arguments of `EXECUTE name [USING a, b]`; `None` for any other statement.
pub(crate) fn executed(text: &str) -> Option<(String, Vec<String>)> {
    let tokens = lex(text)?;
    match tokens.first() {
        Some((Lexed::Word(word), _)) if word.eq_ignore_ascii_case("execute") => {}
        _ => return None,
    }
    let (Lexed::Word(name) | Lexed::Quoted(name)) = &tokens.get(1)?.0 else {
        return None;
    };
    let mut arguments = Vec::new();
    if let Some((Lexed::Word(using), _)) = tokens.get(2)
        && using.eq_ignore_ascii_case("using")
    {
        let (mut depth, mut start) = (0_i32, offset(text, tokens.get(3)?.1));
        for (token, place) in &tokens[3..] {
            match token {
                Lexed::Symbol('(') => depth += 1,
                Lexed::Symbol(')') => depth -= 1,
                Lexed::Symbol(',') if depth == 0 => {
                    let comma = offset(text, *place);
                    arguments.push(text[start..comma].trim().to_owned());
                    start = comma + 1;
                }
                _ => {}
            }
        }
        arguments.push(trimmed(&text[start..]).trim().to_owned());
    }
    Some((name.clone(), arguments))
}

/// Name and text of `PREPARE name FROM statement`, or the name of `DEALLOCATE PREPARE name`.
pub(crate) fn prepared(text: &str) -> Option<(String, Option<String>)> {
    let tokens = lex(text)?;
    let word = |at: usize| match &tokens.get(at)?.0 {
        Lexed::Word(word) | Lexed::Quoted(word) => Some(word.clone()),
        _ => None,
    };
    match word(0)?.to_lowercase().as_str() {
        "prepare" if word(2)?.eq_ignore_ascii_case("from") => {
            let body = &text[offset(text, tokens.get(3)?.1)..];
            Some((word(1)?, Some(trimmed(body).to_owned())))
        }
        "deallocate" if word(1)?.eq_ignore_ascii_case("prepare") => Some((word(2)?, None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_unload_is_taken_apart() {
        let text = "UNLOAD (SELECT ')' AS a, (1)\nFROM t) TO 's3://b/p/' WITH (format = 'PARQUET', compression='SNAPPY', partitioned_by = ARRAY['x', 'y'])";
        let unload = unloaded(text).unwrap();
        assert_eq!(unload.query, "SELECT ')' AS a, (1)\nFROM t");
        assert_eq!(unload.target, "s3://b/p/");
        assert_eq!(unload.options[0], ("format".to_owned(), "PARQUET".to_owned()));
        assert_eq!(
            unload.options[2],
            ("partitioned_by".to_owned(), "ARRAY[x,y]".to_owned())
        );
        for wrong in [
            "UNLOAD SELECT 1",
            "UNLOAD (SELECT 1",
            "UNLOAD (SELECT 1) TO x",
            "UNLOAD (SELECT 1) TO 's3://b/'",
        ] {
            assert!(unloaded(wrong).unwrap_err().contains("mismatched input"), "{wrong}");
        }
    }

    #[test]
    fn what_is_executed_explained_prepared_and_created() {
        assert_eq!(
            executed("execute p using 'a,b', f(1, 2) , 3;").unwrap(),
            ("p".to_owned(), vec!["'a,b'".into(), "f(1, 2)".into(), "3".into()])
        );
        assert_eq!(executed("select 1"), None);
        assert_eq!(explained("explain analyze (format text) select 1").unwrap(), "select 1");
        assert_eq!(explained("explain (select 1)").unwrap(), "(select 1)");
        assert_eq!(
            prepared("PREPARE p FROM select ?;").unwrap(),
            ("p".to_owned(), Some("select ?".to_owned()))
        );
        assert_eq!(prepared("deallocate prepare p").unwrap(), ("p".to_owned(), None));
        let (name, query) =
            created_as("create table if not exists db.\"T\" with (x = 'as') as select 1 as a with no data").unwrap();
        assert_eq!(
            (name, query.trim()),
            (vec!["db".to_owned(), "t".to_owned()], "select 1 as a")
        );
    }

    #[test]
    fn texts_that_are_no_statements() {
        assert!(
            check("SELEC 1", Kind::Other)
                .unwrap_err()
                .starts_with("line 1:1: mismatched input 'SELEC'. Expecting: 'ALTER'")
        );
        assert!(
            check("select 1 form t x", Kind::Select)
                .unwrap_err()
                .contains("mismatched input")
        );
        assert!(check("select\n  * from where", Kind::Select).is_err());
        assert!(check("select 'a", Kind::Select).is_err());
        assert_eq!(check(" ", Kind::Select), Err(UNSUPPORTED.to_owned()));
        assert_eq!(
            check(
                "select a, count(*) from t group by 1 order by 2 desc limit 3",
                Kind::Select
            ),
            Ok(())
        );
    }
}
