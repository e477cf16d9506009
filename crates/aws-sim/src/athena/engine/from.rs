//! FROM: tables, views, queries and arrays, and how they are joined.

use sqlparser::ast::{Expr, Ident, Join, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableWithJoins};

use super::compile::{Compiler, renamed};
use super::errors::{Failed, at};
use super::parse;
use super::scope::{Bound, Field, Output, Relation, Scope, quoted};
use crate::athena::types::Type;

impl Compiler<'_> {
    /// The clause, and what is in sight behind it.
    pub(super) fn from<'s>(
        &mut self,
        tables: &[TableWithJoins],
        outer: Option<&'s Scope<'s>>,
    ) -> Result<(String, Scope<'s>), Failed> {
        let mut scope = Scope::inside(outer);
        let mut sql = String::new();
        for (number, table) in tables.iter().enumerate() {
            sql.push_str(if number == 0 { " FROM " } else { " CROSS JOIN " });
            sql.push_str(&self.joined(table, &mut scope)?);
        }
        Ok((sql, scope))
    }

    fn joined(&mut self, table: &TableWithJoins, scope: &mut Scope<'_>) -> Result<String, Failed> {
        let (mut sql, relation) = self.factor(&table.relation, scope)?;
        let start = scope.relations.len();
        scope.relations.extend(relation);
        for join in &table.joins {
            self.join(join, &mut sql, scope, start)?;
        }
        Ok(sql)
    }

    fn join(&mut self, join: &Join, sql: &mut String, scope: &mut Scope<'_>, start: usize) -> Result<(), Failed> {
        let (word, constraint) = match &join.join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (" JOIN ", constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (" LEFT JOIN ", constraint),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (" RIGHT JOIN ", constraint),
            JoinOperator::FullOuter(constraint) => (" FULL JOIN ", constraint),
            JoinOperator::CrossJoin(constraint) => (" CROSS JOIN ", constraint),
            _ => return Err(Failed::not_simulated("such a join")),
        };
        let (right, relations) = self.factor(&join.relation, scope)?;
        let middle = scope.relations.len();
        scope.relations.extend(relations);
        sql.push_str(word);
        sql.push_str(&right);
        match constraint {
            JoinConstraint::None => {}
            JoinConstraint::On(condition) => {
                let bound = self.expression(condition, scope)?;
                sql.push_str(&format!(" ON {}", bound.sql));
            }
            JoinConstraint::Using(columns) => {
                let names: Vec<Ident> = columns
                    .iter()
                    .filter_map(|name| name.0.last()?.as_ident().cloned())
                    .collect();
                let condition = merge(scope, start, middle, &names)?;
                sql.push_str(&format!(" ON {condition}"));
            }
            _ => return Err(Failed::new("NOT_SUPPORTED", "Natural join not supported")),
        }
        Ok(())
    }

    fn factor(&mut self, factor: &TableFactor, scope: &Scope<'_>) -> Result<(String, Vec<Relation>), Failed> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => {
                let parts: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
                let (sql, relation) = self.relation(&parts, alias.as_ref())?;
                Ok((sql, vec![relation]))
            }
            TableFactor::Derived {
                lateral: false,
                subquery,
                alias,
                ..
            } => {
                let compiled = self.query(subquery, scope.outer)?;
                let (sql, relation) = self.derived(&compiled.sql, compiled.outputs, alias.as_ref(), None)?;
                Ok((sql, vec![relation]))
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_ordinality,
                ..
            } => {
                let (sql, relation) = self.unnest(array_exprs, *with_ordinality, alias.as_ref(), scope)?;
                Ok((sql, vec![relation]))
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => {
                let mut inner = Scope::inside(scope.outer);
                let sql = self.joined(table_with_joins, &mut inner)?;
                Ok((format!("({sql})"), inner.relations))
            }
            _ => Err(Failed::not_simulated("such a relation in FROM")),
        }
    }

    /// A relation by its name: of WITH, a table, a view.
    pub(super) fn relation(
        &mut self,
        parts: &[Ident],
        alias: Option<&TableAlias>,
    ) -> Result<(String, Relation), Failed> {
        let Some(last) = parts.last() else {
            return Err(Failed::not_simulated("a relation without a name"));
        };
        if let [name] = parts
            && let Some((sql_name, outputs)) = self.named(&name.value)
        {
            return self.derived(&sql_name, outputs, alias, Some(&name.value));
        }
        let (database, table) = self.qualified(parts);
        let own = alias.map_or(last.value.as_str(), |alias| alias.name.value.as_str());
        if let Some(view) = self.tables.view(&database, &table).cloned() {
            let query = parse::query(&view.text).map_err(|message| Failed::new("INVALID_VIEW", message))?;
            let compiled = self.view(&query, &view.database)?;
            let (sql, mut relation) = self.derived(&compiled.sql, compiled.outputs, alias, Some(own))?;
            relation.database = alias.is_none().then_some(database);
            return Ok((sql, relation));
        }
        let Some(found) = self.tables.table(&database, &table) else {
            return Err(self.unknown(parts, &database, &table));
        };
        let name = self.fresh("r");
        let outputs = found.columns.iter().map(|column| Output {
            name: Some(column.name.clone()),
            of: column.of.clone(),
        });
        let columns = alias.map_or(Vec::new(), |alias| column_names(alias));
        let outputs = renamed(outputs.collect(), &columns)?;
        let fields = outputs.into_iter().zip(&found.columns).map(|(output, column)| Field {
            bound: Bound::new(format!("{name}.{}", quoted(&column.name)), output.of),
            name: output.name,
            hidden: false,
        });
        let relation = Relation {
            alias: Some(own.to_owned()),
            database: alias.is_none().then(|| database.clone()),
            fields: fields.collect(),
        };
        let sql_name = quoted(&super::tables::sql_name(&database, &table));
        Ok((format!("{sql_name} AS {name}"), relation))
    }

    /// Database and table of a dotted name.
    pub(super) fn qualified(&self, parts: &[Ident]) -> (String, String) {
        let lower = |ident: &Ident| ident.value.to_lowercase();
        match parts {
            [.., database, table] => (lower(database), lower(table)),
            [table] => (self.database.clone(), lower(table)),
            [] => (self.database.clone(), String::new()),
        }
    }

    fn unknown(&self, parts: &[Ident], database: &str, table: &str) -> Failed {
        let place = at(parts[0].span);
        if let [catalog, _, _] = parts
            && !catalog.value.eq_ignore_ascii_case("awsdatacatalog")
        {
            return Failed::new(
                "CATALOG_NOT_FOUND",
                format!("{place}Catalog '{}' does not exist", catalog.value),
            );
        }
        if !self.tables.has_database(database) {
            return Failed::new("SCHEMA_NOT_FOUND", format!("{place}Schema '{database}' does not exist"));
        }
        Failed::new(
            "TABLE_NOT_FOUND",
            format!("{place}Table 'awsdatacatalog.{database}.{table}' does not exist"),
        )
    }

    /// A query, or the name of one, as a relation.
    fn derived(
        &mut self,
        sql: &str,
        outputs: Vec<Output>,
        alias: Option<&TableAlias>,
        otherwise: Option<&str>,
    ) -> Result<(String, Relation), Failed> {
        let name = self.fresh("r");
        let columns = alias.map_or(Vec::new(), |alias| column_names(alias));
        let fields = renamed(outputs, &columns)?
            .into_iter()
            .enumerate()
            .map(|(number, output)| Field {
                name: output.name,
                bound: Bound::new(format!("{name}.c{number}"), output.of),
                hidden: false,
            });
        let relation = Relation {
            alias: alias
                .map(|alias| alias.name.value.clone())
                .or_else(|| otherwise.map(str::to_owned)),
            database: None,
            fields: fields.collect(),
        };
        let is_name = sql.chars().all(|c| c.is_ascii_alphanumeric());
        let sql = if is_name {
            format!("{sql} AS {name}")
        } else {
            format!("({sql}) AS {name}")
        };
        Ok((sql, relation))
    }

    /// The elements of an array, or keys and values of a map, as rows.
    fn unnest(
        &mut self,
        arrays: &[Expr],
        ordinality: bool,
        alias: Option<&TableAlias>,
        scope: &Scope<'_>,
    ) -> Result<(String, Relation), Failed> {
        let [array] = arrays else {
            return Err(Failed::not_simulated("UNNEST of several arrays"));
        };
        let bound = self.expression(array, scope)?;
        let name = self.fresh("r");
        let mut values = match &bound.of {
            Type::Array(inner) => match &**inner {
                Type::Row(fields) => fields
                    .iter()
                    .enumerate()
                    .map(|(number, (name_of, of))| {
                        let sql = format!("json_extract({name}.value, '$[{number}]')");
                        (name_of.clone(), Bound::new(sql, of.clone()))
                    })
                    .collect(),
                of => vec![(None, Bound::new(format!("{name}.value"), of.clone()))],
            },
            Type::Map(key, value) => [key, value]
                .into_iter()
                .enumerate()
                .map(|(number, of)| {
                    let sql = format!("json_extract({name}.value, '$[{number}]')");
                    (None, Bound::new(sql, (**of).clone()))
                })
                .collect(),
            other => {
                let message = format!(
                    "{}Cannot unnest type: {other}",
                    at(sqlparser::ast::Spanned::span(array))
                );
                return Err(Failed::new("TYPE_MISMATCH", message));
            }
        };
        if ordinality {
            values.push((
                Some("ordinality".to_owned()),
                Bound::new(format!("({name}.key + 1)"), Type::Bigint),
            ));
        }
        let outputs = values.iter().map(|(name, bound)| Output {
            name: name.clone(),
            of: bound.of.clone(),
        });
        let columns = alias.map_or(Vec::new(), |alias| column_names(alias));
        let outputs = renamed(outputs.collect(), &columns)?;
        let fields = outputs.into_iter().zip(values).map(|(output, (_, bound))| Field {
            name: output.name,
            bound,
            hidden: false,
        });
        let relation = Relation {
            alias: alias.map(|alias| alias.name.value.clone()),
            database: None,
            fields: fields.collect(),
        };
        Ok((format!("json_each({}) AS {name}", bound.sql), relation))
    }
}

fn column_names(alias: &TableAlias) -> Vec<Ident> {
    alias.columns.iter().map(|column| column.name.clone()).collect()
}

/// The columns of USING become one each, in front of the others; gives the condition of the join.
fn merge(scope: &mut Scope<'_>, start: usize, middle: usize, names: &[Ident]) -> Result<String, Failed> {
    let (mut merged, mut conditions) = (Relation::default(), Vec::new());
    for name in names {
        let end = scope.relations.len();
        let mut find = |range: std::ops::Range<usize>| {
            let fields = scope.relations[range]
                .iter_mut()
                .flat_map(|relation| &mut relation.fields);
            let mut own = fields.filter(|field| !field.hidden);
            let found = own.find(|field| {
                field
                    .name
                    .as_deref()
                    .is_some_and(|own| own.eq_ignore_ascii_case(&name.value))
            });
            found.map(|field| {
                field.hidden = true;
                field.bound.clone()
            })
        };
        let missing = |side: &str| {
            let message = format!(
                "{}Column '{}' is missing from {side} side of join",
                at(name.span),
                name.value
            );
            Failed::new("COLUMN_NOT_FOUND", message)
        };
        let left = find(start..middle).ok_or_else(|| missing("left"))?;
        let right = find(middle..end).ok_or_else(|| missing("right"))?;
        conditions.push(format!("{} = {}", left.sql, right.sql));
        merged.fields.push(Field {
            name: Some(name.value.clone()),
            bound: Bound::new(format!("coalesce({}, {})", left.sql, right.sql), left.of),
            hidden: false,
        });
    }
    scope.relations.insert(start, merged);
    Ok(conditions.join(" AND "))
}
