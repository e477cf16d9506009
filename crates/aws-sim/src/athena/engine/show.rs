//! SHOW, DESCRIBE and EXPLAIN. Every row is one text, however many columns there are.
//! <https://docs.aws.amazon.com/athena/latest/ug/ddl-reference.html>

use super::ddl::{is, qualified};
use super::errors::Failed;
use super::lexer::{Lexed, lex};
use super::{Context, Engine, parse};
use crate::athena::result::{Column, ResultSet};
use crate::athena::types::Type;
use crate::estate::TableColumn;

/// Fields of DESCRIBE are as wide as this, in characters.
const WIDTH: usize = 20;

fn padded(text: &str) -> String {
    format!("{text:<WIDTH$}")
}

/// AWS's words for a table that is not there, before there is a query.
fn entity_not_found(database: &str, table: &str) -> String {
    format!(
        "Entity Not Found (Service: AmazonDataCatalog; Status Code: 400; Error Code: EntityNotFoundException; \
         Table {table} not found in {database}; Proxy: null)"
    )
}

/// Whether a name fits a pattern with `*` for anything and `|` between choices.
fn fits(pattern: &str, name: &str) -> bool {
    fn one(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|at| one(rest, &name[at..])),
            Some((b'.', rest)) if rest.first() == Some(&b'*') => one(rest, name),
            Some((c, rest)) => name.first().is_some_and(|first| first.eq_ignore_ascii_case(c)) && one(rest, &name[1..]),
        }
    }
    pattern
        .split('|')
        .any(|choice| one(choice.trim().as_bytes(), name.as_bytes()))
}

/// The text that a statement ends with, as a pattern.
fn pattern(tokens: &[(Lexed, (u64, u64))]) -> Option<&str> {
    match tokens.last() {
        Some((Lexed::Text(text), _)) => Some(text),
        _ => None,
    }
}

impl Engine {
    pub(super) fn show_tables(&self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let tokens = lex(text).unwrap_or_default();
        let named = is(&tokens, 2, "in") || is(&tokens, 2, "from");
        let database = match parse::name(&tokens, 3).filter(|_| named) {
            Some((parts, _)) => parts.last().cloned().unwrap_or_default(),
            None => context.database().to_lowercase(),
        };
        if !self.tables.has_database(&database) {
            return Err(Failed(format!(
                "FAILED: SemanticException [Error 10072]: Database does not exist: {database}"
            )));
        }
        let mut names = self.tables.names_in(&database);
        if let Some(pattern) = pattern(&tokens) {
            names.retain(|name| fits(pattern, name));
        }
        Ok(ResultSet::lines(vec![Column::string("tab_name")], names))
    }

    pub(super) fn show_databases(&self, text: &str) -> ResultSet {
        let tokens = lex(text).unwrap_or_default();
        let mut names: Vec<String> = self.tables.databases().map(str::to_owned).collect();
        if let Some(pattern) = pattern(&tokens) {
            names.retain(|name| fits(pattern, name));
        }
        ResultSet::lines(vec![Column::string("database_name")], names)
    }

    /// The table that DESCRIBE or SHOW COLUMNS names.
    fn described(&self, text: &str, context: &Context) -> Option<(String, String)> {
        let tokens = lex(text)?;
        let start = if is(&tokens, 0, "show") {
            3
        } else {
            1 + usize::from(
                ["extended", "formatted"]
                    .iter()
                    .any(|word| is(&tokens, 1, word) && tokens.len() > 2),
            )
        };
        let (parts, after) = parse::name(&tokens, start)?;
        let (mut database, table) = qualified(&parts, context);
        if is(&tokens, after, "in") || is(&tokens, after, "from") {
            database = parse::name(&tokens, after + 1)?.0.pop()?;
        }
        Some((database, table))
    }

    /// Athena looks for the table before it takes the statement.
    pub(crate) fn check_described(&self, text: &str, database: Option<&str>) -> Result<(), String> {
        let context = Context {
            database: database.map(str::to_owned),
            parameters: Vec::new(),
            now: std::time::UNIX_EPOCH,
        };
        let Some((database, table)) = self.described(text, &context) else {
            return Err("Queries of this type are not supported".to_owned());
        };
        let known = self.tables.table(&database, &table).is_some() || self.tables.view(&database, &table).is_some();
        if known {
            Ok(())
        } else {
            Err(entity_not_found(&database, &table))
        }
    }

    /// The columns of a table, or, with Trino's types, of a view.
    fn columns_of(&self, text: &str, context: &Context) -> Result<(Vec<TableColumn>, bool), Failed> {
        let (database, table) = self.described(text, context).unwrap_or_default();
        if let Some(held) = self.tables.table(&database, &table) {
            return Ok((held.columns.clone(), false));
        }
        let name = format!("\"{database}\".\"{table}\"");
        let result = self.select(&format!("SELECT * FROM {name} LIMIT 0"), context)?;
        let columns = result.columns.into_iter().map(|column| TableColumn {
            name: column.name,
            of: column.of,
            comment: String::new(),
            partition: false,
        });
        Ok((columns.collect(), true))
    }

    pub(super) fn show_columns(&self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let (columns, view) = self.columns_of(text, context)?;
        if view {
            return Ok(of_view(&columns));
        }
        let lines = columns.iter().map(|column| padded(&column.name)).collect();
        Ok(ResultSet::lines(vec![Column::string("field")], lines))
    }

    pub(super) fn describe(&self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let (columns, view) = self.columns_of(text, context)?;
        if view {
            return Ok(of_view(&columns));
        }
        let line = |column: &TableColumn| {
            let comment = padded(&column.comment);
            // A comment ends at its first tab.
            let comment = comment.split('\t').next().unwrap_or_default();
            format!(
                "{}\t{}\t{comment}",
                padded(&column.name),
                padded(&column.of.catalog_name())
            )
        };
        let mut lines: Vec<String> = columns.iter().map(line).collect();
        let partitions: Vec<&TableColumn> = columns.iter().filter(|column| column.partition).collect();
        if !partitions.is_empty() {
            lines.extend(["\t \t ".to_owned(), "# Partition Information\t \t ".to_owned()]);
            lines.push(format!(
                "{}\t{}\t{}",
                padded("# col_name"),
                padded("data_type"),
                padded("comment")
            ));
            lines.push("\t \t ".to_owned());
            lines.extend(partitions.into_iter().map(line));
        }
        let names = ["col_name", "data_type", "comment"];
        Ok(ResultSet::lines(names.map(Column::string).to_vec(), lines))
    }

    pub(super) fn show_create_table(&self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let tokens = lex(text).unwrap_or_default();
        let (parts, _) = parse::name(&tokens, 3).unwrap_or_default();
        let (database, table) = qualified(&parts, context);
        let Some(held) = self.tables.table(&database, &table) else {
            return Err(Failed(format!(
                "FAILED: SemanticException [Error 10001]: Table not found {database}.{table}"
            )));
        };
        let column = |column: &TableColumn| {
            let comment = match column.comment.as_str() {
                "" => String::new(),
                comment => format!(" COMMENT '{comment}'"),
            };
            format!("  `{}` {}{comment}", column.name, column.of.catalog_name())
        };
        let mut lines = vec![format!("CREATE EXTERNAL TABLE `{database}.{table}`(")];
        let last = |lines: &mut Vec<String>, columns: Vec<&TableColumn>| {
            let count = columns.len();
            for (at, each) in columns.into_iter().enumerate() {
                lines.push(format!("{}{}", column(each), if at + 1 == count { ")" } else { ", " }));
            }
        };
        last(
            &mut lines,
            held.columns.iter().filter(|column| !column.partition).collect(),
        );
        let partitions: Vec<_> = held.columns.iter().filter(|column| column.partition).collect();
        if !partitions.is_empty() {
            lines.push("PARTITIONED BY ( ".to_owned());
            last(&mut lines, partitions);
        }
        Ok(ResultSet::lines(vec![Column::string("createtab_stmt")], lines))
    }

    /// The plan is SQLite's.
    pub(super) fn explain(&self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let inner = parse::explained(text).map_err(|message| Failed::new("SYNTAX_ERROR", message))?;
        let query = parse::query(&inner).map_err(|message| Failed::new("SYNTAX_ERROR", message))?;
        let compiled = self.compiler(&inner, context)?.query(&query, None)?;
        let mut statement = self
            .connection
            .prepare(&format!("EXPLAIN QUERY PLAN {}", compiled.sql))?;
        let mut found = statement.query([])?;
        let names: Vec<String> = compiled.outputs.iter().map(|output| output.of.to_string()).collect();
        let mut lines = vec![
            format!("Fragment 0 [SINGLE]"),
            format!("    Output layout: [{}]", names.join(", ")),
        ];
        while let Some(row) = found.next()? {
            lines.push(format!("    {}", row.get::<_, String>(3)?));
        }
        // The plan ends in two line breaks, and Athena adds one.
        lines.extend([String::new(), String::new(), String::new()]);
        let length: usize = lines.iter().map(|line| line.chars().count() + 1).sum();
        let of = Type::Varchar(u32::try_from(length).ok());
        Ok(ResultSet::lines(vec![Column::new("Query Plan", of)], lines))
    }
}

fn of_view(columns: &[TableColumn]) -> ResultSet {
    let column = |name: &str| Column {
        api: Some("varchar"),
        ..Column::string(name)
    };
    let lines = columns
        .iter()
        .map(|column| format!("{}\t{}", column.name, column.of))
        .collect();
    ResultSet::lines(vec![column("column"), column("type")], lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("a*", "abc", true),
            ("a.*", "abc", true),
            ("*b|x*", "xyz", true),
            ("a", "abc", false),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
