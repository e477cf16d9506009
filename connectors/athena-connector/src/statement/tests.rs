//! Where statements end, and of what kind they are: cases from the grammars and from reports.

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

/// Both grammars, from their lexers; the cases are of <https://github.com/tobymao/sqlglot/issues/5232> and
/// <https://github.com/aws/aws-sdk-pandas/issues/672>.
#[test]
fn a_backslash_escapes_in_hives_statements_only() {
    let regex = r#"create external table t (a string) row format serde 'org.apache.hadoop.hive.serde2.RegexSerDe' with serdeproperties ('input.regex' = '([^ ]*) \"([^;\"]*)\" ([^;\']*);$') location 's3://b/'"#;
    for (text, expected) in [
        (
            r"create external table t (id bigint comment 'the row\'s id; so') location 's3://b/'; select 1",
            vec![
                r"create external table t (id bigint comment 'the row\'s id; so') location 's3://b/'",
                "select 1",
            ],
        ),
        (
            r#"create external table t (a string) with serdeproperties ("quoteChar" = "\"") location 's3://b/'; select 1"#,
            vec![
                r#"create external table t (a string) with serdeproperties ("quoteChar" = "\"") location 's3://b/'"#,
                "select 1",
            ],
        ),
        (regex, vec![regex]),
        (
            r"alter table t set tblproperties ('comment' = 'a\'b'); drop table x",
            vec![r"alter table t set tblproperties ('comment' = 'a\'b')", "drop table x"],
        ),
        (r"show tables 'a\';b'; x", vec![r"show tables 'a\';b'", "x"]),
        // A backslash is plain in Trino's, in CREATE TABLE … AS SELECT too.
        (r"select 'a\'; select 'b'", vec![r"select 'a\'", "select 'b'"]),
        (
            r"create table t with (format = 'ORC') as select 'a\' as p; select 'b'",
            vec![
                r"create table t with (format = 'ORC') as select 'a\' as p",
                "select 'b'",
            ],
        ),
        (
            r"create view v as select '\'; x",
            vec![r"create view v as select '\'", "x"],
        ),
        (
            r"show functions like 'x' escape '\'; x",
            vec![r"show functions like 'x' escape '\'", "x"],
        ),
        (
            r"create table t (a string comment 'as select \'; x') location 's3://b/'; y",
            vec![
                r"create table t (a string comment 'as select \'; x') location 's3://b/'",
                "y",
            ],
        ),
        // A name in quotes of Hive has no escapes.
        (r"drop table `a\`; y", vec![r"drop table `a\`", "y"]),
    ] {
        assert_eq!(texts(text), expected, "{text}");
    }
}

/// Trino's `SIMPLE_COMMENT` is `'--' ~[\r\n]* '\r'? '\n'?`.
#[test]
fn a_comment_ends_with_its_line_however_that_ends() {
    for (text, expected) in [
        ("-- c\rselect 1", vec!["-- c\rselect 1"]),
        ("select 1 -- c\r; select 2", vec!["select 1 -- c", "select 2"]),
        ("select 1 -- c;\r\n; select 2", vec!["select 1 -- c;", "select 2"]),
    ] {
        assert_eq!(texts(text), expected, "{text:?}");
    }
}

#[test]
fn the_first_words_tell_kind_and_effect() {
    use Effect::{Change, Commit, None};
    const UDF: &str = "using external function f(x varchar) returns varchar lambda 'l', external function g(y int, z int) \
                       returns row(a int, b int) sagemaker 'm' ";
    for (text, kind, effect, unloads) in [
        ("select 1", "SELECT", None, true),
        ("SELECT(1)", "SELECT", None, true),
        ("select'a'", "SELECT", None, true),
        ("table\"t\"", "SELECT", None, true),
        ("(SELECT 1) union select 2", "SELECT", None, true),
        (
            "-- c\n /* d */ with a as (select 1) select * from a",
            "SELECT",
            None,
            true,
        ),
        ("values 1", "SELECT", None, true),
        ("show tables", "SHOW_TABLES", None, false),
        ("show /* c */ create -- d\n view v", "SHOW_CREATE_VIEW", None, false),
        ("Explain select 1", "EXPLAIN", None, false),
        ("explain (type io) insert into t select 1", "EXPLAIN", None, false),
        ("explain analyze select 1", "EXPLAIN", None, false),
        (
            "explain analyze verbose (select 1) union select 2",
            "EXPLAIN",
            None,
            false,
        ),
        ("EXPLAIN ANALYZE INSERT INTO t SELECT 1", "EXPLAIN", Commit, false),
        (
            "explain analyze verbose insert into t select 1",
            "EXPLAIN",
            Commit,
            false,
        ),
        (
            "explain analyze (format json) insert into t select 1",
            "EXPLAIN",
            Commit,
            false,
        ),
        ("explain analyze (format json) select 1", "EXPLAIN", None, false),
        ("explain analyze (format json", "EXPLAIN", Change, false),
        ("explain analyze explain analyze select 1", "EXPLAIN", Change, false),
        ("desc t", "DESCRIBE_TABLE", None, false),
        ("insert into t select 1", "INSERT", Commit, false),
        ("msck repair table t", "MSCK_REPAIR", Change, false),
        ("execute p", "EXECUTE", Change, false),
        (
            "create table t (a int) stored as parquet location 's3://b/'",
            "CREATE_TABLE",
            Change,
            false,
        ),
        (
            "create external table t (a int) comment 'as select'",
            "CREATE_TABLE",
            Change,
            false,
        ),
        (
            "create table if not exists t as (values 1)",
            "CREATE_TABLE_AS_SELECT",
            Change,
            false,
        ),
        ("create table\"t\" as table u", "CREATE_TABLE_AS_SELECT", Change, false),
        ("create or replace view v as select 1", "CREATE_VIEW", Change, false),
        ("selected", "any other", Change, false),
        ("?!", "any other", Change, false),
        ("using nothing", "any other", Change, false),
    ] {
        let statement = Statement::new(1, text);
        let found = (statement.kind.substatement, statement.effect, statement.unloads);
        assert_eq!(found, (kind, effect, unloads), "{text}");
    }
    for (text, kind, effect) in [
        ("select f('a')", "SELECT", None),
        ("(select f('a'))", "SELECT", None),
        ("insert into t select f('a')", "INSERT", Commit),
    ] {
        let statement = Statement::new(1, format!("{UDF}{text}"));
        let found = (statement.kind.substatement, statement.effect, statement.unloads);
        assert_eq!(found, (kind, effect, false), "{text}");
    }
}

#[test]
fn every_kind_is_found_by_its_words_and_by_its_name() {
    for kind in kinds::KINDS {
        for begin in kind.begins {
            let statement = Statement::new(1, format!("{begin} x"));
            assert_eq!(statement.kind.substatement, kind.substatement, "{begin}");
        }
        let named = Kind::of_substatement(&kind.substatement.to_ascii_lowercase());
        assert_eq!(
            named.map(|named| named.gives),
            Some(kind.gives),
            "{}",
            kind.substatement
        );
        let same = kinds::KINDS
            .iter()
            .filter(|other| other.substatement == kind.substatement);
        assert_eq!(same.count(), 1, "{}", kind.substatement);
    }
    assert!(Kind::of_substatement("").is_none());
}

proptest! {
    /// Nothing but separators, space and comments is lost.
    #[test]
    fn no_letter_of_any_text_is_lost(text in "(alter )?[a-c;'\"`/*(\r\n\\\\ -]{0,40}") {
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
    let comment = match text.strip_prefix("--") {
        Some(comment) => return Some(comment.find(['\n', '\r']).map_or("", |at| &comment[at..])),
        None => text.strip_prefix("/*")?,
    };
    Some(comment.split_once("*/").map_or("", |(_, behind)| behind))
}

#[test]
fn what_begins_and_does_not_end_is_seen() {
    for (text, open) in [
        ("select 'a'", None),
        ("select 'it''s' -- it's", None),
        ("select 'a", Some("quote (')")),
        ("select \"a", Some("quote (\")")),
        ("select 1 /* it's", Some("comment (/*)")),
        ("select '\\'", None),
        ("alter table t set tblproperties ('a' = '\\'')", None),
        ("alter table t set tblproperties ('a' = '\\')", Some("quote (')")),
        ("frobnicate 'a", None),
    ] {
        assert_eq!(Statement::new(1, text).open_end(), open, "{text}");
    }
}
