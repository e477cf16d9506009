//! What names stand for inside a query.

use sqlparser::ast::Ident;
use sqlparser::tokenizer::Span;

use super::errors::{Failed, at};
use crate::athena::types::Type;

/// An expression in SQLite's SQL, and its type at Athena.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) sql: String,
    pub(super) of: Type,
}

impl Bound {
    pub(super) fn new(sql: impl Into<String>, of: Type) -> Self {
        Self { sql: sql.into(), of }
    }
}

/// A column that a query gives; in SQLite's SQL it is called `c0`, `c1`, …
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) name: Option<String>,
    pub(super) of: Type,
}

/// A column that can be named.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: Option<String>,
    pub(super) bound: Bound,
    /// Only by the name of its relation: USING has merged it into another.
    pub(super) hidden: bool,
}

/// Something in FROM.
#[derive(Clone, Debug, Default)]
pub(super) struct Relation {
    pub(super) alias: Option<String>,
    pub(super) database: Option<String>,
    pub(super) fields: Vec<Field>,
}

/// What is in sight.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'a> {
    pub(super) relations: Vec<Relation>,
    pub(super) outer: Option<&'a Scope<'a>>,
}

fn same(name: &str, other: &str) -> bool {
    name.eq_ignore_ascii_case(other) || name.to_lowercase() == other.to_lowercase()
}

impl Relation {
    fn field(&self, name: &str) -> impl Iterator<Item = &Field> {
        self.fields
            .iter()
            .filter(move |field| field.name.as_deref().is_some_and(|own| same(own, name)))
    }

    /// Whether the relation is called so: `t`, `db.t` or `catalog.db.t`.
    pub(super) fn is_called(&self, name: &[Ident]) -> bool {
        let Some((last, rest)) = name.split_last() else {
            return false;
        };
        let database = match rest {
            [] => None,
            [database] | [_, database] => Some(&database.value),
            _ => return false,
        };
        self.alias.as_deref().is_some_and(|alias| same(alias, &last.value))
            && database.is_none_or(|database| self.database.as_deref().is_some_and(|own| same(own, database)))
    }
}

impl<'a> Scope<'a> {
    pub(super) fn inside(outer: Option<&'a Scope<'a>>) -> Self {
        Self {
            relations: Vec::new(),
            outer,
        }
    }

    /// The column that begins a dotted name, how many parts of the name it takes, and whether it is of this query and of
    /// none around it.
    pub(super) fn resolve(&self, parts: &[Ident]) -> Result<(Bound, usize, bool), Failed> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Some((bound, taken)) = here.resolve_here(parts)? {
                return Ok((bound, taken, std::ptr::eq(here, self)));
            }
            scope = here.outer;
        }
        let name: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
        Err(not_found(&name.join("."), parts[0].span))
    }

    fn resolve_here(&self, parts: &[Ident]) -> Result<Option<(Bound, usize)>, Failed> {
        let first = &parts[0].value;
        let found: Vec<&Field> = self
            .relations
            .iter()
            .flat_map(|relation| relation.field(first).filter(|field| !field.hidden))
            .collect();
        match found.as_slice() {
            [one] => return Ok(Some((one.bound.clone(), 1))),
            [] => {}
            _ => return Err(ambiguous(first, parts[0].span)),
        }
        for taken in 2..=parts.len().min(4) {
            let (column, qualifier) = (&parts[taken - 1], &parts[..taken - 1]);
            let called = self.relations.iter().filter(|relation| relation.is_called(qualifier));
            let found: Vec<&Field> = called.flat_map(|relation| relation.field(&column.value)).collect();
            match found.as_slice() {
                [one] => return Ok(Some((one.bound.clone(), taken))),
                [] => {}
                _ => return Err(ambiguous(&column.value, parts[0].span)),
            }
        }
        Ok(None)
    }
}

fn not_found(name: &str, span: Span) -> Failed {
    Failed::new(
        "COLUMN_NOT_FOUND",
        format!(
            "{}Column '{name}' cannot be resolved or requester is not authorized to access requested resources",
            at(span)
        ),
    )
}

fn ambiguous(name: &str, span: Span) -> Failed {
    Failed::new("AMBIGUOUS_NAME", format!("{}Column '{name}' is ambiguous", at(span)))
}

/// A name in SQLite's quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in SQLite's quotes.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
