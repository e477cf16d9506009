//! CREATE and DROP of tables, views and databases.

use super::errors::Failed;
use super::lexer::{Lexed, lex};
use super::tables::View;
use super::{Context, Engine, parse};
use crate::athena::result::ResultSet;
use crate::athena::statement::Kind;
use crate::athena::types::Type;
use crate::estate::TableColumn;

type Tokens = [(Lexed, (u64, u64))];

pub(super) fn is(tokens: &Tokens, at: usize, word: &str) -> bool {
    matches!(tokens.get(at), Some((Lexed::Word(found), _)) if found.eq_ignore_ascii_case(word))
}

/// The place of a word outside of parentheses.
fn find(tokens: &Tokens, word: &str) -> Option<usize> {
    let mut depth = 0_i32;
    (0..tokens.len()).find(|at| {
        match tokens[*at].0 {
            Lexed::Symbol('(') => depth += 1,
            Lexed::Symbol(')') => depth -= 1,
            _ => {}
        }
        depth == 0 && is(tokens, *at, word)
    })
}

/// Database and name of a dotted name.
pub(super) fn qualified(parts: &[String], context: &Context) -> (String, String) {
    match parts {
        [.., database, table] => (database.clone(), table.clone()),
        [table] => (context.database().to_lowercase(), table.clone()),
        [] => (context.database().to_lowercase(), String::new()),
    }
}

fn unreadable() -> Failed {
    Failed("FAILED: ParseException line 1:0 cannot recognize input".to_owned())
}

impl Engine {
    pub(super) fn create_table(&mut self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let tokens = lex(text).ok_or_else(unreadable)?;
        let mut at = if is(&tokens, 1, "external") { 3 } else { 2 };
        let exists_is_fine = is(&tokens, at, "if");
        if exists_is_fine {
            at += 3;
        }
        let (parts, at) = parse::name(&tokens, at).ok_or_else(unreadable)?;
        let (database, table) = qualified(&parts, context);
        if !self.tables.has_database(&database) {
            return Err(Failed(format!(
                "FAILED: SemanticException [Error 10072]: Database does not exist: {database}"
            )));
        }
        if self.tables.table(&database, &table).is_some() {
            if exists_is_fine {
                return Ok(ResultSet::nothing());
            }
            return Err(Failed(format!(
                "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. \
                 AlreadyExistsException(message:Table {table} already exist)"
            )));
        }
        let mut columns = column_list(&tokens, at, false).ok_or_else(unreadable)?;
        if let Some(partitioned) = find(&tokens, "partitioned") {
            columns.extend(column_list(&tokens, partitioned + 2, true).ok_or_else(unreadable)?);
        }
        self.create(&database, &table, columns)?;
        Ok(ResultSet::nothing())
    }

    pub(super) fn create_view(&mut self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let tokens = lex(text).ok_or_else(unreadable)?;
        let replace = is(&tokens, 1, "or");
        let (parts, after) = parse::name(&tokens, if replace { 4 } else { 2 }).ok_or_else(unreadable)?;
        let (database, name) = qualified(&parts, context);
        if !is(&tokens, after, "as") {
            return Err(Failed::not_simulated("views with column lists"));
        }
        let known = self.tables.view(&database, &name).is_some() || self.tables.table(&database, &name).is_some();
        if known && !replace {
            let message = format!("line 1:1: View 'awsdatacatalog.{database}.{name}' already exists");
            return Err(Failed::new("TABLE_ALREADY_EXISTS", message));
        }
        let body = text[parse::offset(text, tokens[after + 1].1)..].to_owned();
        // A view that cannot be read is refused when it is made.
        self.select(&format!("SELECT * FROM ({body}) LIMIT 0"), context)?;
        let view = View {
            text: body,
            database: context.database().to_lowercase(),
        };
        self.tables.add_view(&database, &name, view);
        Ok(ResultSet::nothing())
    }

    pub(super) fn drop(&mut self, text: &str, kind: Kind, context: &Context) -> Result<ResultSet, Failed> {
        let tokens = lex(text).ok_or_else(unreadable)?;
        let missing_is_fine = is(&tokens, 2, "if");
        let (parts, _) = parse::name(&tokens, if missing_is_fine { 4 } else { 2 }).ok_or_else(unreadable)?;
        let (database, name) = qualified(&parts, context);
        let gone = match kind {
            Kind::DropView => self.tables.drop_view(&database, &name),
            _ => self.tables.drop_table(&database, &name),
        };
        if gone && kind == Kind::DropTable {
            let table = super::scope::quoted(&super::sql_name(&database, &name));
            self.connection
                .execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
        }
        if gone || missing_is_fine {
            return Ok(ResultSet::nothing());
        }
        Err(Failed(format!(
            "FAILED: SemanticException [Error 10001]: Table not found {database}.{name}"
        )))
    }

    pub(super) fn database(&mut self, text: &str, kind: Kind) -> Result<ResultSet, Failed> {
        let tokens = lex(text).ok_or_else(unreadable)?;
        let forgiving = is(&tokens, 2, "if");
        let skipped = match (forgiving, kind) {
            (false, _) => 2,
            (true, Kind::CreateDatabase) => 5,
            (true, _) => 4,
        };
        let (parts, after) = parse::name(&tokens, skipped).ok_or_else(unreadable)?;
        let name = parts.last().cloned().unwrap_or_default();
        let known = self.tables.has_database(&name);
        let task = "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask.";
        if kind == Kind::CreateDatabase {
            if known && !forgiving {
                return Err(Failed(format!("{task} Database {name} already exists")));
            }
            self.tables.add_database(&name);
            return Ok(ResultSet::nothing());
        }
        if !known {
            return if forgiving {
                Ok(ResultSet::nothing())
            } else {
                Err(Failed(format!(
                    "FAILED: SemanticException [Error 10072]: Database does not exist: {name}"
                )))
            };
        }
        let tables = self.tables.names_in(&name);
        if !tables.is_empty() && !is(&tokens, after, "cascade") {
            return Err(Failed(format!(
                "{task} InvalidOperationException(message:Database {name} is not empty. One or more tables exist.)"
            )));
        }
        for table in tables {
            self.tables.drop_table(&name, &table);
            self.tables.drop_view(&name, &table);
        }
        self.tables.drop_database(&name);
        Ok(ResultSet::nothing())
    }
}

/// `(name type [COMMENT 'text'], …)`, from its opening parenthesis.
fn column_list(tokens: &Tokens, open: usize, partition: bool) -> Option<Vec<TableColumn>> {
    if tokens.get(open)?.0 != Lexed::Symbol('(') {
        return None;
    }
    let (mut columns, mut at) = (Vec::new(), open + 1);
    loop {
        let (Lexed::Word(name) | Lexed::Quoted(name)) = &tokens.get(at)?.0 else {
            return None;
        };
        at += 1;
        let (mut of, mut comment, mut depth) = (String::new(), String::new(), 0_i32);
        loop {
            match &tokens.get(at)?.0 {
                Lexed::Symbol(',' | ')') if depth == 0 => break,
                Lexed::Word(word) if depth == 0 && word.eq_ignore_ascii_case("comment") => {
                    let Lexed::Text(text) = &tokens.get(at + 1)?.0 else {
                        return None;
                    };
                    text.clone_into(&mut comment);
                    at += 1;
                }
                Lexed::Symbol(symbol) => {
                    depth += i32::from(matches!(symbol, '(' | '<')) - i32::from(matches!(symbol, ')' | '>'));
                    of.push(*symbol);
                }
                // `>>` closes two types.
                Lexed::Other(other) if other.chars().all(|c| c == '>') => {
                    depth -= i32::try_from(other.len()).ok()?;
                    of.push_str(other);
                }
                Lexed::Word(word) | Lexed::Other(word) => {
                    of.push(' ');
                    of.push_str(word);
                }
                _ => return None,
            }
            at += 1;
        }
        columns.push(TableColumn {
            name: name.to_lowercase(),
            of: Type::parse(&of)?,
            comment,
            partition,
        });
        match tokens.get(at)?.0 {
            Lexed::Symbol(',') => at += 1,
            _ => return Some(columns),
        }
    }
}
