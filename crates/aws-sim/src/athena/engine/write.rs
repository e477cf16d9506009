//! INSERT, UPDATE, DELETE, and tables made of queries.

use sqlparser::ast::{AssignmentTarget, FromTable, Ident, Statement, TableFactor, TableObject};

use super::compile::Compiled;
use super::ddl::qualified;
use super::errors::Failed;
use super::scope::{Bound, Field, Relation, Scope, literal, quoted};
use super::tables::{Held, sql_name};
use super::{Context, Engine, Type, parse};
use crate::athena::result::ResultSet;
use crate::estate::TableColumn;

fn idents(name: &sqlparser::ast::ObjectName) -> Vec<Ident> {
    name.0.iter().filter_map(|part| part.as_ident().cloned()).collect()
}

fn statement(text: &str) -> Result<Statement, Failed> {
    parse::statement(text).map_err(|message| Failed::new("SYNTAX_ERROR", message))
}

impl Engine {
    fn held(&self, database: &str, table: &str) -> Result<&Held, Failed> {
        self.tables.table(database, table).ok_or_else(|| {
            Failed::new(
                "TABLE_NOT_FOUND",
                format!("line 1:1: Table 'awsdatacatalog.{database}.{table}' does not exist"),
            )
        })
    }

    pub(super) fn insert_into(&mut self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let Statement::Insert(insert) = statement(text)? else {
            return Err(Failed::not_simulated("this INSERT"));
        };
        let (TableObject::TableName(name), Some(source)) = (&insert.table, &insert.source) else {
            return Err(Failed::not_simulated("this INSERT"));
        };
        let mut compiler = self.compiler(text, context)?;
        let (database, table) = compiler.qualified(&idents(name));
        let columns = self.held(&database, &table)?.columns.clone();
        let compiled = compiler.query(source, None)?;
        let targets: Vec<&TableColumn> = if insert.columns.is_empty() {
            columns.iter().collect()
        } else {
            let named = insert.columns.iter().map(|name| {
                let name = idents(name)
                    .last()
                    .map(|last| last.value.to_lowercase())
                    .unwrap_or_default();
                let found = columns.iter().find(|column| column.name == name);
                found.ok_or_else(|| {
                    Failed::new(
                        "COLUMN_NOT_FOUND",
                        format!("line 1:1: Insert column name does not exist in target table: {name}"),
                    )
                })
            });
            named.collect::<Result<_, _>>()?
        };
        let sources: Vec<String> = compiled.outputs.iter().map(|output| output.of.to_string()).collect();
        let fits = compiled.outputs.len() == targets.len()
            && compiled
                .outputs
                .iter()
                .zip(&targets)
                .all(|(output, column)| assignable(&output.of, &column.of));
        if !fits {
            let wanted: Vec<String> = targets.iter().map(|column| column.of.to_string()).collect();
            let message = format!(
                "line 1:1: Insert query has mismatched column types: Table: [{}], Query: [{}]",
                wanted.join(", "),
                sources.join(", ")
            );
            return Err(Failed::new("TYPE_MISMATCH", message));
        }
        let select = coerced(&compiled, targets.iter().map(|column| &column.of));
        let names: Vec<String> = targets.iter().map(|column| quoted(&column.name)).collect();
        let target = quoted(&sql_name(&database, &table));
        let count = self
            .connection
            .execute(&format!("INSERT INTO {target} ({}) {select}", names.join(", ")), [])?;
        Ok(ResultSet::written(i64::try_from(count).unwrap_or(0)))
    }

    pub(super) fn create_as(&mut self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let (parts, query) = parse::created_as(text).map_err(|message| Failed::new("SYNTAX_ERROR", message))?;
        let (database, table) = qualified(&parts, context);
        if !self.tables.has_database(&database) {
            return Err(Failed::new(
                "SCHEMA_NOT_FOUND",
                format!("line 1:1: Schema '{database}' does not exist"),
            ));
        }
        if self.tables.table(&database, &table).is_some() {
            if text.to_lowercase().contains("if not exists") {
                return Ok(ResultSet::written(0));
            }
            let message = format!("line 1:1: Destination table 'awsdatacatalog.{database}.{table}' already exists");
            return Err(Failed::new("TABLE_ALREADY_EXISTS", message));
        }
        let mut result = self.select(&query, context)?;
        let columns = result.columns.iter().map(|column| TableColumn {
            name: column.name.to_lowercase(),
            of: stored(&column.of),
            comment: String::new(),
            partition: false,
        });
        let columns: Vec<TableColumn> = columns.collect();
        if let Some(column) = columns.iter().find(|column| column.of == Type::Unknown) {
            let message = format!("line 1:1: Column type is unknown: {}", column.name);
            return Err(Failed::new("COLUMN_TYPE_UNKNOWN", message));
        }
        if text.trim_end().to_lowercase().ends_with("with no data") {
            result = ResultSet::new(result.columns, Vec::new());
        }
        self.create(&database, &table, columns.clone())?;
        let rows: Result<Vec<_>, String> = (0..result.len()).map(|row| result.values(row)).collect();
        let rows = rows.map_err(|name| Failed::new("GENERIC_INTERNAL_ERROR", name))?;
        self.insert(&database, &table, &columns, rows.iter())?;
        Ok(ResultSet::written(i64::try_from(rows.len()).unwrap_or(0)))
    }

    /// UPDATE and DELETE.
    pub(super) fn change(&mut self, text: &str, context: &Context) -> Result<ResultSet, Failed> {
        let (sql, name) = match statement(text)? {
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
                let name = match from.as_slice() {
                    [one] => table_name(&one.relation)?,
                    _ => return Err(Failed::not_simulated("this DELETE")),
                };
                (
                    self.changed(text, context, &name, &[], delete.selection.as_ref())?,
                    name,
                )
            }
            Statement::Update(update) => {
                let name = table_name(&update.table.relation)?;
                let mut assignments = Vec::new();
                for assignment in &update.assignments {
                    let AssignmentTarget::ColumnName(target) = &assignment.target else {
                        return Err(Failed::not_simulated("this UPDATE"));
                    };
                    let column = idents(target)
                        .last()
                        .cloned()
                        .ok_or_else(|| Failed::not_simulated("this UPDATE"))?;
                    assignments.push((column, &assignment.value));
                }
                (
                    self.changed(text, context, &name, &assignments, update.selection.as_ref())?,
                    name,
                )
            }
            _ => return Err(Failed::not_simulated("MERGE")),
        };
        debug_assert!(!name.is_empty());
        let count = self.connection.execute(&sql, [])?;
        Ok(ResultSet::written(i64::try_from(count).unwrap_or(0)))
    }

    fn changed(
        &self,
        text: &str,
        context: &Context,
        name: &[Ident],
        assignments: &[(Ident, &sqlparser::ast::Expr)],
        selection: Option<&sqlparser::ast::Expr>,
    ) -> Result<String, Failed> {
        let mut compiler = self.compiler(text, context)?;
        let (database, table) = compiler.qualified(name);
        let held = self.held(&database, &table)?;
        let target = quoted(&sql_name(&database, &table));
        let fields = held.columns.iter().map(|column| Field {
            name: Some(column.name.clone()),
            bound: Bound::new(quoted(&column.name), column.of.clone()),
            hidden: false,
        });
        let relation = Relation {
            alias: Some(table),
            database: Some(database),
            fields: fields.collect(),
        };
        let scope = Scope {
            relations: vec![relation],
            outer: None,
        };
        let mut sets = Vec::new();
        for (column, value) in assignments {
            let found = held
                .columns
                .iter()
                .find(|known| known.name == column.value.to_lowercase());
            let found = found.ok_or_else(|| {
                let message = format!(
                    "{}The UPDATE SET target column {} doesn't exist",
                    super::errors::at(column.span),
                    column.value
                );
                Failed::new("COLUMN_NOT_FOUND", message)
            })?;
            let bound = compiler.expression(value, &scope)?;
            sets.push(format!(
                "{} = {}",
                quoted(&found.name),
                coerce(&bound.sql, &bound.of, &found.of)
            ));
        }
        let condition = match selection {
            Some(selection) => format!(" WHERE {}", compiler.expression(selection, &scope)?.sql),
            None => String::new(),
        };
        Ok(match sets.is_empty() {
            true => format!("DELETE FROM {target}{condition}"),
            false => format!("UPDATE {target} SET {}{condition}", sets.join(", ")),
        })
    }
}

fn table_name(factor: &TableFactor) -> Result<Vec<Ident>, Failed> {
    match factor {
        TableFactor::Table { name, .. } => Ok(idents(name)),
        _ => Err(Failed::not_simulated("a write to something that is no table")),
    }
}

/// Whether values of one type go into a column of another without a cast.
fn assignable(from: &Type, to: &Type) -> bool {
    super::kinds::common(from, to).is_some() && (from.is_numeric() || from.is_numeric() == to.is_numeric())
}

/// The type of a column that holds the values of an expression.
fn stored(of: &Type) -> Type {
    match of {
        Type::Varchar(_) => super::super::types::TEXT,
        other => other.clone(),
    }
}

fn coerce(sql: &str, from: &Type, to: &Type) -> String {
    if from == to || *from == Type::Unknown {
        return sql.to_owned();
    }
    format!(
        "tr_cast({sql}, {}, {}, 0)",
        literal(&from.to_string()),
        literal(&to.to_string())
    )
}

/// A query whose columns have been cast to other types.
fn coerced<'a>(compiled: &Compiled, types: impl Iterator<Item = &'a Type>) -> String {
    let columns = compiled.outputs.iter().zip(types).enumerate();
    let columns = columns.map(|(at, (output, of))| coerce(&format!("c{at}"), &output.of, of));
    format!(
        "SELECT {} FROM ({})",
        columns.collect::<Vec<_>>().join(", "),
        compiled.sql
    )
}
