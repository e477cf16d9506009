//! The SQL engine: SQLite in memory, with Athena's types, names and errors around it.

mod calls;
mod compile;
mod ddl;
mod dialect;
mod errors;
mod expr;
mod from;
mod functions;
mod kinds;
pub(super) mod lexer;
mod parse;
mod scope;
mod show;
mod tables;
mod values;
mod write;

use std::time::SystemTime;

use rusqlite::Connection;

use super::result::{Column, ResultSet};
use super::statement::Kind;
use super::types::Type;
use super::value::Value;
use crate::estate::{QueryError, Table, TableColumn};
use compile::Compiler;
use errors::Failed;
use lexer::Lexed;
use scope::{Bound, Scope, literal};
use tables::{Tables, sql_name};

pub(super) use errors::error;
pub(super) use parse::{Unload, check, executed, prepared, unloaded};

/// The database where nobody names one.
const DEFAULT: &str = "default";

/// What a statement is run with.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) database: Option<String>,
    pub(super) parameters: Vec<String>,
    pub(super) now: SystemTime,
}

impl Context {
    fn database(&self) -> &str {
        self.database.as_deref().unwrap_or(DEFAULT)
    }
}

/// The tables of an account in a region.
pub(crate) struct Engine {
    connection: Connection,
    tables: Tables,
    /// Tables of the estate that SQLite did not take, to be told when they are asked for.
    broken: Option<Failed>,
}

impl Engine {
    /// With the tables that the estate gives to an account in a region.
    pub(super) fn new(given: &[Table], account: &str, region: &str) -> Self {
        // A database in memory needs nothing that could be missing.
        #[expect(clippy::expect_used, reason = "as above")]
        let connection = Connection::open_in_memory().expect("SQLite in memory");
        let mut engine = Self {
            connection,
            tables: Tables::default(),
            broken: None,
        };
        engine.tables.add_database(DEFAULT);
        if let Err(failed) = engine.fill(given, account, region) {
            engine.broken = Some(failed);
        }
        engine
    }

    fn fill(&mut self, given: &[Table], account: &str, region: &str) -> Result<(), Failed> {
        functions::register(&self.connection)?;
        self.connection.execute_batch("PRAGMA case_sensitive_like = ON;")?;
        for table in given.iter().filter(|table| table.scope.covers(account, region)) {
            self.create(&table.database, &table.name, table.columns.clone())?;
            self.insert(&table.database, &table.name, &table.columns, table.rows_of(account))?;
        }
        Ok(())
    }

    /// Makes an empty table. Columns have no type in SQLite: values stay as they are.
    fn create(&mut self, database: &str, name: &str, columns: Vec<TableColumn>) -> Result<(), Failed> {
        let list: Vec<String> = columns.iter().map(|column| scope::quoted(&column.name)).collect();
        let table = scope::quoted(&sql_name(database, name));
        self.connection.execute_batch(&format!(
            "DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({})",
            list.join(", ")
        ))?;
        self.tables.add_table(database, name, columns);
        Ok(())
    }

    fn insert<'a>(
        &mut self,
        database: &str,
        name: &str,
        columns: &[TableColumn],
        rows: impl Iterator<Item = &'a Vec<Value>>,
    ) -> Result<(), Failed> {
        let table = scope::quoted(&sql_name(database, name));
        let marks = vec!["?"; columns.len()].join(", ");
        let transaction = self.connection.transaction()?;
        {
            let mut statement = transaction.prepare(&format!("INSERT INTO {table} VALUES ({marks})"))?;
            for row in rows {
                let cells = row
                    .iter()
                    .zip(columns)
                    .map(|(value, column)| values::to_sql(&column.of, value));
                statement.execute(rusqlite::params_from_iter(cells))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Whether there is such a database.
    pub(super) fn has_database(&self, database: &str) -> bool {
        self.tables.has_database(database)
    }

    /// The bytes of the tables that a text names, which is what it is said to scan.
    pub(super) fn size_of(&self, text: &str, database: Option<&str>) -> u64 {
        let database = database.unwrap_or(DEFAULT).to_lowercase();
        let words = lexer::lex(text).unwrap_or_default();
        let names: Vec<String> = words
            .into_iter()
            .filter_map(|(token, _)| match token {
                Lexed::Word(name) | Lexed::Quoted(name) => Some(name.to_lowercase()),
                _ => None,
            })
            .collect();
        let named = |of: &str, table: &str| {
            names.iter().enumerate().any(|(at, name)| {
                let before = at.checked_sub(1).and_then(|at| names.get(at));
                name == table && (of == database || before.is_some_and(|before| before == of))
            })
        };
        let all = self.tables.all().filter(|(of, table)| named(of, table));
        all.map(|(of, table)| self.bytes(of, table)).sum()
    }

    fn bytes(&self, database: &str, table: &str) -> u64 {
        let Some(held) = self.tables.table(database, table) else {
            return 0;
        };
        let lengths: Vec<String> = held
            .columns
            .iter()
            .map(|column| format!("coalesce(length({}), 0) + 1", scope::quoted(&column.name)))
            .collect();
        let name = scope::quoted(&sql_name(database, table));
        let sql = format!("SELECT coalesce(sum({}), 0) FROM {name}", lengths.join(" + "));
        let size: i64 = self.connection.query_row(&sql, [], |row| row.get(0)).unwrap_or(0);
        size.unsigned_abs()
    }

    /// Runs a statement.
    pub(super) fn run(&mut self, text: &str, kind: Kind, context: &Context) -> Result<ResultSet, QueryError> {
        if let Some(failed) = &self.broken {
            return Err(failed.clone().into());
        }
        let result = match kind {
            Kind::Select | Kind::Execute => self.select(text, context),
            Kind::Explain => self.explain(text, context),
            Kind::Insert => self.insert_into(text, context),
            Kind::Change => self.change(text, context),
            Kind::CreateTableAs => self.create_as(text, context),
            Kind::CreateTable => self.create_table(text, context),
            Kind::CreateView => self.create_view(text, context),
            Kind::DropTable | Kind::DropView => self.drop(text, kind, context),
            Kind::CreateDatabase | Kind::DropDatabase => self.database(text, kind),
            Kind::ShowTables => self.show_tables(text, context),
            Kind::ShowDatabases => Ok(self.show_databases(text)),
            Kind::ShowColumns => self.show_columns(text, context),
            Kind::ShowCreateTable => self.show_create_table(text, context),
            Kind::Describe => self.describe(text, context),
            Kind::Unload | Kind::Prepare | Kind::Deallocate | Kind::Other => {
                Err(Failed::not_simulated("this statement"))
            }
        };
        Ok(result?)
    }

    /// Runs a query.
    pub(super) fn select(&self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let query = parse::query(text).map_err(|message| Failed::new("SYNTAX_ERROR", message))?;
        let mut compiler = self.compiler(text, context)?;
        let compiled = compiler.query(&query, None)?;
        let mut columns: Vec<Column> = compiled
            .outputs
            .into_iter()
            .enumerate()
            .map(|(at, output)| Column::new(output.name.unwrap_or_else(|| format!("_col{at}")), output.of))
            .collect();
        let mut statement = self.connection.prepare(&compiled.sql)?;
        let mut rows = Vec::new();
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let mut cells = Vec::with_capacity(columns.len());
            for (at, column) in columns.iter().enumerate() {
                cells.push(values::from_sql(&column.of, row.get_ref(at)?));
            }
            rows.push(cells);
        }
        settle_unknown(&mut columns, &rows);
        Ok(ResultSet::new(columns, rows))
    }

    /// A compiler that knows what stands for each `?` of a text.
    fn compiler<'a>(&'a self, text: &str, context: &Context) -> Result<Compiler<'a>, Failed> {
        let mut compiler = Compiler::new(&self.tables, context.database(), context.now);
        let marks: Vec<(u64, u64)> = lexer::lex(text)
            .unwrap_or_default()
            .into_iter()
            .filter(|(token, _)| *token == Lexed::Other("?".to_owned()))
            .map(|(_, place)| place)
            .collect();
        // Values for a statement without a `?` are ignored, as Athena does.
        if marks.is_empty() {
            return Ok(compiler);
        }
        let given = &context.parameters;
        if marks.len() != given.len() {
            let (expected, found) = (marks.len(), given.len());
            let message = format!("line 1:1: Incorrect number of parameters: expected {expected} but found {found}");
            return Err(Failed::new("INVALID_PARAMETER_USAGE", message));
        }
        for (place, parameter) in marks.into_iter().zip(given) {
            let bound = parameter_value(&mut compiler, parameter)?;
            compiler.placeholders.push((place, bound));
        }
        Ok(compiler)
    }
}

/// What a parameter stands for: the expression that it is, or, where it is none or names something, its own text.
fn parameter_value(compiler: &mut Compiler<'_>, parameter: &str) -> Result<Bound, Failed> {
    let text = || {
        let length = u32::try_from(parameter.chars().count()).unwrap_or(u32::MAX);
        Bound::new(literal(parameter), Type::Varchar(Some(length)))
    };
    let Some(expression) = parse::expression(parameter) else {
        return Ok(text());
    };
    match compiler.expression(&expression, &Scope::default()) {
        Ok(bound) => Ok(Bound::new(format!("({})", bound.sql), bound.of)),
        Err(failed) if failed.0.starts_with("COLUMN_NOT_FOUND") => Ok(text()),
        Err(failed) => Err(failed),
    }
}

/// Columns of which nothing is known take the type of their values.
fn settle_unknown(columns: &mut [Column], rows: &[Vec<Value>]) {
    for (at, column) in columns.iter_mut().enumerate() {
        if column.of != Type::Unknown {
            continue;
        }
        let first = rows.iter().map(|row| &row[at]).find(|value| **value != Value::Null);
        column.of = match first {
            None => Type::Unknown,
            Some(Value::Boolean(_)) => Type::Boolean,
            Some(Value::Integer(number)) if i32::try_from(*number).is_ok() => Type::Integer,
            Some(Value::Integer(_)) => Type::Bigint,
            Some(Value::Double(_)) => Type::Double,
            Some(Value::Bytes(_)) => Type::Varbinary,
            Some(_) => super::types::TEXT,
        };
    }
}
