//! SQL text as far as it must be understood here: where a statement ends, and what kind it is.

/// What a statement does, by its first word. AWS says it again, exactly, when the query has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Gives a table and changes nothing: SELECT, WITH, VALUES, TABLE.
    Select,
    /// Gives lines and changes nothing: SHOW, DESCRIBE, EXPLAIN.
    Show,
    /// Changes something, and may give lines: INSERT, CREATE, MSCK …; or nobody knows: EXECUTE.
    Change,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// From 1.
    pub number: u32,
    /// Without the `;`.
    pub text: String,
    /// What it does.
    pub kind: Kind,
}

impl Statement {
    /// Whether it gives rows, as far as one can tell before it has run.
    pub fn gives_rows(&self) -> bool {
        match self.kind {
            Kind::Select | Kind::Show => true,
            Kind::Change => matches!(first_word(&self.text).as_str(), "EXECUTE" | "MSCK"),
        }
    }
}

/// The statements of `text`. `;` within quotes and comments separates nothing; a statement of comments alone is none.
pub fn split(text: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut add = |text: &str| {
        let text = text.trim();
        let word = first_word(text);
        if !word.is_empty() {
            statements.push(Statement {
                number: u32::try_from(statements.len() + 1).unwrap_or(u32::MAX),
                text: text.to_owned(),
                kind: kind_of(&word),
            });
        }
    };
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        let skipped = skip(&text[at..]);
        if skipped > 0 {
            at += skipped;
            continue;
        }
        let next = text[at..].chars().next().map_or(1, char::len_utf8);
        if text.as_bytes()[at] == b';' {
            add(&text[start..at]);
            start = at + 1;
        }
        at += next;
    }
    add(&text[start..]);
    statements
}

/// Length of the quoted text or comment that `text` begins with; without an end, it goes to the end.
fn skip(text: &str) -> usize {
    let until = |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    match text.as_bytes() {
        [quote @ (b'\'' | b'"' | b'`'), ..] => until(char::from(*quote).encode_utf8(&mut [0; 4]), 1),
        [b'-', b'-', ..] => until("\n", 2),
        [b'/', b'*', ..] => until("*/", 2),
        _ => 0,
    }
}

/// The first word in capitals, behind comments and opening brackets.
fn first_word(text: &str) -> String {
    let mut rest = text;
    let mut brackets = false;
    loop {
        rest = rest.trim_start_matches(|c: char| {
            brackets |= c == '(';
            c.is_whitespace() || c == '('
        });
        match rest.as_bytes() {
            [b'-', b'-', ..] | [b'/', b'*', ..] => rest = &rest[skip(rest)..],
            _ => break,
        }
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    // Not a word, but not nothing either: AWS shall say what is wrong with it.
    let end = if end == 0 {
        rest.chars().next().map_or(0, char::len_utf8)
    } else {
        end
    };
    match &rest[..end] {
        "" if brackets => "(".to_owned(),
        word => word.to_ascii_uppercase(),
    }
}

fn kind_of(word: &str) -> Kind {
    match word {
        "SELECT" | "WITH" | "VALUES" | "TABLE" => Kind::Select,
        "SHOW" | "DESCRIBE" | "DESC" | "EXPLAIN" => Kind::Show,
        _ => Kind::Change,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<String> {
        split(text).into_iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes_and_comments() {
        for (text, expected) in [
            ("select 1", vec!["select 1"]),
            ("select 1;\n", vec!["select 1"]),
            ("select 1; select 2 ;;", vec!["select 1", "select 2"]),
            ("select ';', 'it''s;'; x", vec!["select ';', 'it''s;'", "x"]),
            ("select \"a;\"\"b\"; y", vec!["select \"a;\"\"b\"", "y"]),
            ("drop table `a;b`; y", vec!["drop table `a;b`", "y"]),
            ("-- one; two\nselect 1", vec!["-- one; two\nselect 1"]),
            ("select 1 -- no end;", vec!["select 1 -- no end;"]),
            (
                "/* a;\nb */ select 1; /* nothing */ ; -- nor here",
                vec!["/* a;\nb */ select 1"],
            ),
            ("select 'open; to the end", vec!["select 'open; to the end"]),
            ("select 'ü;é'; select 'x'", vec!["select 'ü;é'", "select 'x'"]),
            ("", vec![]),
            (" ; ;", vec![]),
            // A bracket alone is a mistake, and for AWS to tell.
            ("select 1; ( -- no more\n", vec!["select 1", "( -- no more"]),
        ] {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn the_first_word_tells_the_kind() {
        for (text, kind) in [
            ("select 1", Kind::Select),
            ("(SELECT 1) union select 2", Kind::Select),
            ("-- c\n /* d */ with a as (select 1) select * from a", Kind::Select),
            ("values 1", Kind::Select),
            ("show tables", Kind::Show),
            ("Explain select 1", Kind::Show),
            ("desc t", Kind::Show),
            ("insert into t select 1", Kind::Change),
            ("msck repair table t", Kind::Change),
            ("execute p", Kind::Change),
            ("selected", Kind::Change),
            ("?!", Kind::Change),
        ] {
            assert_eq!(split(text)[0].kind, kind, "{text}");
        }
    }

    proptest! {
        /// Nothing but separators, space and comments is lost.
        #[test]
        fn no_letter_of_any_text_is_lost(text in "[a-c;'\"`/*(\n -]{0,40}") {
            let mut rest = &text[..];
            for statement in texts(&text) {
                // In order, and with nothing between them but what may be lost.
                rest = loop {
                    rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
                    match rest.strip_prefix(statement.as_str()) {
                        Some(behind) => break behind,
                        None => rest = behind_comment(rest).ok_or_else(|| TestCaseError::fail(format!("{rest:?} is lost")))?,
                    }
                };
                // By itself it is one.
                prop_assert_eq!(texts(&statement), [statement]);
            }
            while let Some(behind) = behind_comment(rest) {
                rest = behind;
            }
            prop_assert!(rest.chars().all(|c| c.is_whitespace() || c == ';'), "{:?} is lost", rest);
        }
    }

    fn behind_comment(text: &str) -> Option<&str> {
        let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        let (comment, end) = match text.strip_prefix("--") {
            Some(comment) => (comment, "\n"),
            None => (text.strip_prefix("/*")?, "*/"),
        };
        Some(comment.split_once(end).map_or("", |(_, behind)| behind))
    }
}
