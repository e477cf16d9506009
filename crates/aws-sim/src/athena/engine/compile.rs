//! A query of Athena as a query of SQLite. Every column of every query is called `c0`, `c1`, … and every relation `r1`,
//! `r2`, … in SQLite's SQL, so that names mean there what they mean at Athena.

use std::time::SystemTime;

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, LimitClause, OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, Spanned as _, Value, Values, With,
};

use super::errors::{Failed, at};
use super::scope::{Bound, Field, Output, Relation, Scope, quoted};
use super::tables::Tables;
use crate::athena::types::Type;

/// A query in SQLite's SQL and the columns it gives.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) sql: String,
    pub(super) outputs: Vec<Output>,
}

/// A query that others can read from by name.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    sql_name: String,
    outputs: Vec<Output>,
}

/// What is known of the query that is being compiled, against columns that are neither grouped nor aggregated.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// The keys of GROUP BY, in SQLite's SQL.
    pub(super) keys: Vec<String>,
    /// Columns outside of keys and aggregates, so far.
    pub(super) bare: usize,
    pub(super) aggregates: usize,
}

/// Compiles the parts of one statement.
pub(super) struct Compiler<'a> {
    pub(super) tables: &'a Tables,
    /// The database of names that name none.
    pub(super) database: String,
    pub(super) now: SystemTime,
    /// What stands for each `?`, by its place in the text.
    pub(super) placeholders: Vec<((u64, u64), Bound)>,
    /// Inside of TRY: a value that cannot be had is NULL.
    pub(super) trying: bool,
    pub(super) level: Level,
    named: Vec<Named>,
    serial: usize,
    /// Views that are being read, against those that read themselves.
    views: usize,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(tables: &'a Tables, database: &str, now: SystemTime) -> Self {
        Self {
            tables,
            database: database.to_lowercase(),
            now,
            placeholders: Vec::new(),
            trying: false,
            level: Level::default(),
            named: Vec::new(),
            serial: 0,
            views: 0,
        }
    }

    /// A name that nothing else has.
    pub(super) fn fresh(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}{}", self.serial)
    }

    pub(super) fn query(&mut self, query: &Query, outer: Option<&Scope<'_>>) -> Result<Compiled, Failed> {
        let depth = self.named.len();
        let level = std::mem::take(&mut self.level);
        let compiled = self.query_inside(query, outer);
        self.level = level;
        self.named.truncate(depth);
        compiled
    }

    fn query_inside(&mut self, query: &Query, outer: Option<&Scope<'_>>) -> Result<Compiled, Failed> {
        let with = match &query.with {
            Some(with) => self.with(with, outer)?,
            None => String::new(),
        };
        let (mut compiled, scope) = self.body(&query.body, outer)?;
        if let Some(order) = &query.order_by {
            let order = self.order_by(order, &compiled.outputs, scope.as_ref(), outer)?;
            compiled.sql.push_str(&order);
        }
        let limit = self.limit(query)?;
        compiled.sql = format!("{with}{}{limit}", compiled.sql);
        Ok(compiled)
    }

    fn with(&mut self, with: &With, outer: Option<&Scope<'_>>) -> Result<String, Failed> {
        let mut parts = Vec::new();
        for cte in &with.cte_tables {
            let sql_name = self.fresh("w");
            let name = cte.alias.name.value.clone();
            let columns: Vec<Ident> = cte.alias.columns.iter().map(|column| column.name.clone()).collect();
            if with.recursive
                && let SetExpr::SetOperation { left, .. } = &*cte.query.body
            {
                // The first part gives the types; the whole may then read from itself.
                let (first, _) = self.body(left, outer)?;
                self.named.push(Named {
                    name: name.clone(),
                    sql_name: sql_name.clone(),
                    outputs: renamed(first.outputs, &columns)?,
                });
            }
            let compiled = self.query(&cte.query, outer)?;
            let list: Vec<String> = (0..compiled.outputs.len()).map(|at| format!("c{at}")).collect();
            parts.push(format!("{sql_name}({}) AS ({})", list.join(", "), compiled.sql));
            self.named.push(Named {
                name,
                sql_name,
                outputs: renamed(compiled.outputs, &columns)?,
            });
        }
        let recursive = if with.recursive { "RECURSIVE " } else { "" };
        Ok(format!("WITH {recursive}{} ", parts.join(", ")))
    }

    /// The query that WITH has given a name to, as a relation.
    pub(super) fn named(&self, name: &str) -> Option<(String, Vec<Output>)> {
        let found = self
            .named
            .iter()
            .rev()
            .find(|named| named.name.eq_ignore_ascii_case(name))?;
        Some((found.sql_name.clone(), found.outputs.clone()))
    }

    /// The query of a view, which sees nothing of the query that reads it.
    pub(super) fn view(&mut self, query: &Query, database: &str) -> Result<Compiled, Failed> {
        if self.views > 20 {
            return Err(Failed::new(
                "VIEW_IS_RECURSIVE",
                "Statement would create a recursive view",
            ));
        }
        self.views += 1;
        let named = std::mem::take(&mut self.named);
        let before = std::mem::replace(&mut self.database, database.to_owned());
        let compiled = self.query(query, None);
        self.database = before;
        self.named = named;
        self.views -= 1;
        compiled
    }

    fn body<'s>(
        &mut self,
        body: &SetExpr,
        outer: Option<&'s Scope<'s>>,
    ) -> Result<(Compiled, Option<Scope<'s>>), Failed> {
        match body {
            SetExpr::Select(select) => {
                let (compiled, scope) = self.select(select, outer)?;
                Ok((compiled, Some(scope)))
            }
            SetExpr::Query(query) => {
                // SQLite has no parentheses around the parts of a UNION.
                let inner = self.query(query, outer)?;
                let sql = format!("SELECT * FROM ({})", inner.sql);
                Ok((Compiled { sql, ..inner }, None))
            }
            SetExpr::Values(values) => Ok((self.values(values, outer)?, None)),
            SetExpr::Table(table) => {
                let parts = [&table.schema_name, &table.table_name];
                let parts: Vec<Ident> = parts.into_iter().flatten().cloned().collect();
                let (from, relation) = self.relation(&parts, None)?;
                let outputs = relation.fields.iter().map(output).collect::<Vec<_>>();
                let columns: Vec<String> = relation.fields.iter().enumerate().map(aliased).collect();
                let sql = format!("SELECT {} FROM {from}", columns.join(", "));
                Ok((Compiled { sql, outputs }, None))
            }
            SetExpr::SetOperation {
                left,
                op,
                set_quantifier,
                right,
            } => Ok((self.set_operation(left, *op, *set_quantifier, right, outer)?, None)),
            _ => Err(Failed::not_simulated("writes inside of queries")),
        }
    }

    fn set_operation(
        &mut self,
        left: &SetExpr,
        op: SetOperator,
        quantifier: SetQuantifier,
        right: &SetExpr,
        outer: Option<&Scope<'_>>,
    ) -> Result<Compiled, Failed> {
        // The right part must not take the left's operator to itself; and a query that reads from itself must be bare.
        let bare = matches!(right, SetExpr::Select(_));
        let (left, _) = self.body(left, outer)?;
        let (right, _) = self.body(right, outer)?;
        let name = op.to_string();
        if left.outputs.len() != right.outputs.len() {
            let message = format!(
                "line 1:1: {name} query has different number of fields: {}, {}",
                left.outputs.len(),
                right.outputs.len()
            );
            return Err(Failed::new("TYPE_MISMATCH", message));
        }
        let mut outputs = Vec::new();
        for (at, (first, second)) in left.outputs.iter().zip(&right.outputs).enumerate() {
            let of = super::kinds::common(&first.of, &second.of).ok_or_else(|| {
                let message = format!(
                    "column {} in {name} query has incompatible types: {}, {}",
                    at + 1,
                    first.of,
                    second.of
                );
                Failed::new("TYPE_MISMATCH", message)
            })?;
            outputs.push(Output { of, ..first.clone() });
        }
        let all = match (op, quantifier) {
            (SetOperator::Union, SetQuantifier::All) => " ALL",
            (_, SetQuantifier::All) => return Err(Failed::not_simulated(&format!("{name} ALL"))),
            _ => "",
        };
        let second = if bare {
            right.sql
        } else {
            format!("SELECT * FROM ({})", right.sql)
        };
        let sql = format!("{} {name}{all} {second}", left.sql);
        Ok(Compiled { sql, outputs })
    }

    fn values(&mut self, values: &Values, outer: Option<&Scope<'_>>) -> Result<Compiled, Failed> {
        let scope = Scope::inside(outer);
        let (mut rows, mut outputs): (Vec<String>, Vec<Output>) = (Vec::new(), Vec::new());
        for row in &values.rows {
            // A row may be written as one value in parentheses of its own.
            let cells = match row.content.as_slice() {
                [Expr::Tuple(cells)] => cells.as_slice(),
                cells => cells,
            };
            let mut bound = Vec::new();
            for cell in cells {
                bound.push(self.expression(cell, &scope)?);
            }
            if outputs.is_empty() {
                outputs = bound
                    .iter()
                    .map(|cell| Output {
                        name: None,
                        of: cell.of.clone(),
                    })
                    .collect();
            } else if outputs.len() != bound.len() {
                return Err(Failed::new("TYPE_MISMATCH", "Values rows have mismatched sizes"));
            }
            for (output, cell) in outputs.iter_mut().zip(&bound) {
                output.of = super::kinds::common(&output.of, &cell.of).ok_or_else(|| {
                    let message = format!("Values rows have mismatched types: {} vs {}", output.of, cell.of);
                    Failed::new("TYPE_MISMATCH", message)
                })?;
            }
            let cells = bound
                .iter()
                .enumerate()
                .map(|(at, cell)| format!("{} AS c{at}", cell.sql));
            rows.push(format!("SELECT {}", cells.collect::<Vec<_>>().join(", ")));
        }
        Ok(Compiled {
            sql: rows.join(" UNION ALL "),
            outputs,
        })
    }

    fn select<'s>(&mut self, select: &Select, outer: Option<&'s Scope<'s>>) -> Result<(Compiled, Scope<'s>), Failed> {
        let (from, scope) = self.from(&select.from, outer)?;
        self.level = Level::default();
        let groups = self.group_keys(select, &scope)?;
        let (mut columns, mut outputs) = (Vec::new(), Vec::new());
        let mut loose = Vec::new();
        for item in &select.projection {
            let before = self.level.bare;
            for field in self.item(item, &scope)? {
                let wild = matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
                if wild && !self.level.keys.contains(&field.bound.sql) {
                    loose.push((item.to_string(), item.span()));
                }
                columns.push(aliased((columns.len(), &field)));
                outputs.push(output(&field));
            }
            if self.level.bare > before {
                loose.push(match item {
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                        (expr.to_string(), expr.span())
                    }
                    other => (other.to_string(), other.span()),
                });
            }
        }
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => "",
            Some(Distinct::Distinct) => "DISTINCT ",
            Some(Distinct::On(_)) => return Err(Failed::not_simulated("DISTINCT ON")),
        };
        let mut sql = format!("SELECT {distinct}{}{from}", columns.join(", "));
        if let Some(selection) = &select.selection {
            sql.push_str(&format!(
                " WHERE {}",
                self.condition(selection, &scope, "WHERE clause")?
            ));
        }
        if !groups.is_empty() {
            sql.push_str(&format!(" GROUP BY {}", groups.join(", ")));
        }
        if let Some(having) = &select.having {
            self.level.bare = 0;
            sql.push_str(&format!(" HAVING {}", self.condition(having, &scope, "HAVING clause")?));
        }
        if let Some(having) = select.having.as_ref().filter(|_| self.level.bare > 0) {
            loose.push((having.to_string(), having.span()));
        }
        let grouped = !groups.is_empty() || self.level.aggregates > 0 || select.having.is_some();
        if let Some((expression, span)) = loose.first().filter(|_| grouped) {
            let place = at(*span);
            let message = format!("{place}'{expression}' must be an aggregate expression or appear in GROUP BY clause");
            return Err(Failed::new("EXPRESSION_NOT_AGGREGATE", message));
        }
        for (at, window) in select.named_window.iter().enumerate() {
            let sqlparser::ast::NamedWindowExpr::WindowSpec(spec) = &window.1 else {
                return Err(Failed::not_simulated("windows that are named twice"));
            };
            let word = if at == 0 { " WINDOW" } else { "," };
            sql.push_str(&format!(
                "{word} {} AS ({})",
                quoted(&window.0.value),
                self.window(spec, &scope)?
            ));
        }
        Ok((Compiled { sql, outputs }, scope))
    }

    /// The keys of GROUP BY as they stand in SQLite's SQL: numbers stay numbers, and are known by what they stand for.
    fn group_keys(&mut self, select: &Select, scope: &Scope<'_>) -> Result<Vec<String>, Failed> {
        let GroupByExpr::Expressions(keys, modifiers) = &select.group_by else {
            return Err(Failed::not_simulated("GROUP BY ALL"));
        };
        let grouping = |key: &Expr| matches!(key, Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_));
        if !modifiers.is_empty() || keys.iter().any(grouping) {
            return Err(Failed::not_simulated("GROUPING SETS, CUBE and ROLLUP"));
        }
        let (mut written, mut known) = (Vec::new(), Vec::new());
        for key in keys {
            let Some(number) = ordinal(key) else {
                let sql = self.expression(key, scope)?.sql;
                known.push(sql.clone());
                written.push(sql);
                continue;
            };
            let item = number
                .parse::<usize>()
                .ok()
                .and_then(|number| select.projection.get(number.checked_sub(1)?));
            let Some(SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }) = item else {
                let message = format!("{}GROUP BY position {number} is not in select list", at(key.span()));
                return Err(Failed::new("INVALID_COLUMN_REFERENCE", message));
            };
            known.push(self.expression(item, scope)?.sql);
            written.push(number.to_owned());
        }
        self.level = Level {
            keys: known,
            ..Level::default()
        };
        Ok(written)
    }

    fn condition(&mut self, condition: &Expr, scope: &Scope<'_>, what: &str) -> Result<String, Failed> {
        let bound = self.expression(condition, scope)?;
        if matches!(bound.of, Type::Boolean | Type::Unknown) {
            return Ok(bound.sql);
        }
        let message = format!("{what} must evaluate to a boolean: actual type {}", bound.of);
        Err(Failed::new("TYPE_MISMATCH", message))
    }

    /// The columns that an item of SELECT gives.
    fn item(&mut self, item: &SelectItem, scope: &Scope<'_>) -> Result<Vec<Field>, Failed> {
        let field = |name: Option<String>, bound| Field {
            name,
            bound,
            hidden: false,
        };
        match item {
            SelectItem::UnnamedExpr(expression) => {
                let bound = self.expression(expression, scope)?;
                Ok(vec![field(name_of(expression), bound)])
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let bound = self.expression(expr, scope)?;
                Ok(vec![field(Some(alias.value.clone()), bound)])
            }
            SelectItem::Wildcard(_) => {
                let all = scope.relations.iter().flat_map(|relation| &relation.fields);
                let all: Vec<Field> = all.filter(|field| !field.hidden).cloned().collect();
                if scope.relations.is_empty() {
                    return Err(Failed::new(
                        "COLUMN_NOT_FOUND",
                        "line 1:8: SELECT * not allowed in queries without FROM clause",
                    ));
                }
                Ok(all)
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let parts: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
                let found = scope.relations.iter().find(|relation| relation.is_called(&parts));
                let found = found
                    .ok_or_else(|| Failed::new("TABLE_NOT_FOUND", format!("Unable to resolve reference {name}")))?;
                Ok(found.fields.clone())
            }
            _ => Err(Failed::not_simulated("such an item of SELECT")),
        }
    }

    fn order_by(
        &mut self,
        order: &OrderBy,
        outputs: &[Output],
        scope: Option<&Scope<'_>>,
        outer: Option<&Scope<'_>>,
    ) -> Result<String, Failed> {
        let OrderByKind::Expressions(keys) = &order.kind else {
            return Err(Failed::not_simulated("ORDER BY ALL"));
        };
        // Names of the result go before names of what it is made of.
        let own = outputs.iter().enumerate().map(|(at, output)| Field {
            name: output.name.clone(),
            bound: Bound::new(format!("c{at}"), output.of.clone()),
            hidden: false,
        });
        let result = Relation {
            fields: own.collect(),
            ..Relation::default()
        };
        let beneath = scope.cloned().unwrap_or_else(|| Scope::inside(outer));
        let mut parts = Vec::new();
        for key in keys {
            let named = match &key.expr {
                Expr::Identifier(name) => result.fields.iter().position(|field| {
                    field
                        .name
                        .as_deref()
                        .is_some_and(|own| own.eq_ignore_ascii_case(&name.value))
                }),
                _ => None,
            };
            let sql = match (named, ordinal(&key.expr)) {
                (Some(at), _) => (at + 1).to_string(),
                (None, Some(number)) => {
                    let inside = number
                        .parse::<usize>()
                        .is_ok_and(|number| (1..=outputs.len()).contains(&number));
                    if !inside {
                        let message = format!("line 1:1: ORDER BY position {number} is not in select list");
                        return Err(Failed::new("INVALID_COLUMN_REFERENCE", message));
                    }
                    number.to_owned()
                }
                (None, None) => match self.expression(&key.expr, &beneath) {
                    Ok(bound) => bound.sql,
                    Err(error) => {
                        let both = Scope {
                            relations: vec![result.clone()],
                            outer: Some(&beneath),
                        };
                        self.expression(&key.expr, &both).map_err(|_| error)?.sql
                    }
                },
            };
            parts.push(format!("{sql}{}", direction(key)));
        }
        Ok(format!(" ORDER BY {}", parts.join(", ")))
    }

    fn limit(&mut self, query: &Query) -> Result<String, Failed> {
        let scope = Scope::default();
        let (mut limit, mut offset) = (None, None);
        match &query.limit_clause {
            Some(LimitClause::LimitOffset {
                limit: most,
                offset: first,
                ..
            }) => {
                if let Some(most) = most {
                    limit = Some(self.expression(most, &scope)?.sql);
                }
                if let Some(first) = first {
                    offset = Some(self.expression(&first.value, &scope)?.sql);
                }
            }
            Some(LimitClause::OffsetCommaLimit { .. }) => return Err(Failed::not_simulated("LIMIT a, b")),
            None => {}
        }
        if let Some(fetch) = &query.fetch {
            if fetch.with_ties || fetch.percent {
                return Err(Failed::not_simulated("FETCH FIRST WITH TIES"));
            }
            limit = Some(match &fetch.quantity {
                Some(rows) => self.expression(rows, &scope)?.sql,
                None => "1".to_owned(),
            });
        }
        Ok(match (limit, offset) {
            (None, None) => String::new(),
            (limit, None) => format!(" LIMIT {}", limit.unwrap_or_default()),
            (limit, Some(offset)) => format!(" LIMIT {} OFFSET {offset}", limit.unwrap_or_else(|| "-1".to_owned())),
        })
    }
}

/// Athena puts NULL last whichever way it sorts; SQLite takes it for the smallest value.
pub(super) fn direction(key: &OrderByExpr) -> String {
    let descending = matches!(key.options.sort, Some(sqlparser::ast::OrderBySort::Desc));
    let order = if descending { " DESC" } else { "" };
    let nulls = if key.options.nulls_first == Some(true) {
        "FIRST"
    } else {
        "LAST"
    };
    format!("{order} NULLS {nulls}")
}

/// A whole number that stands for a column of the result.
fn ordinal(key: &Expr) -> Option<&str> {
    match key {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => Some(number),
            _ => None,
        },
        _ => None,
    }
}

/// The name that an expression gives its column.
fn name_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|last| last.value.clone()),
        _ => None,
    }
}

/// The columns of a query under the names that its alias gives them.
pub(super) fn renamed(outputs: Vec<Output>, names: &[Ident]) -> Result<Vec<Output>, Failed> {
    if names.is_empty() {
        return Ok(outputs);
    }
    if names.len() != outputs.len() {
        let message = format!(
            "Column alias list has {} entries but relation has {} columns",
            names.len(),
            outputs.len()
        );
        return Err(Failed::new("MISMATCHED_COLUMN_ALIASES", message));
    }
    let renamed = outputs.into_iter().zip(names).map(|(output, name)| Output {
        name: Some(name.value.clone()),
        ..output
    });
    Ok(renamed.collect())
}

fn output(field: &Field) -> Output {
    Output {
        name: field.name.clone(),
        of: field.bound.of.clone(),
    }
}

fn aliased((at, field): (usize, &Field)) -> String {
    format!("{} AS c{at}", field.bound.sql)
}
