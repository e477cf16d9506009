//! `schema`: the output's columns.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::connector::{Columns, Connector};
use crate::rows::leading_headings;
use crate::table::Heading;

/// The columns in the order of the output, and in words what comes behind them.
fn columns<C: Connector>(connector: &C) -> (Vec<Heading>, Option<&'static str>) {
    let leading = connector.about().leading.iter().map(|name| (*name).to_owned());
    let mut columns = leading_headings(&leading.collect::<Vec<_>>());
    match connector.columns() {
        Columns::Fixed(own) => {
            columns.extend(own);
            (columns, None)
        }
        Columns::OfTheResult(where_from) => (columns, Some(where_from)),
    }
}

pub(crate) fn schema<C: Connector>(connector: &C) -> Json {
    let (columns, others) = columns(connector);
    let columns: Vec<Json> = columns
        .into_iter()
        .map(
            |Heading {
                 name,
                 kind,
                 key,
                 meaning,
             }| {
                json!({"name": name, "type": kind.name(), "nullable": !key, "key": key, "meaning": meaning})
            },
        )
        .collect();
    let mut schema = json!({"table": connector.about().table, "columns": columns});
    if let Some(others) = others {
        schema["other_columns"] = json!(others);
    }
    schema
}

/// The reference page of the table, in Markdown.
pub fn reference<C: Connector>(connector: &C) -> String {
    let about = connector.about();
    let mut page = format!(
        "# Table {}\n\nWhat `{} run` writes, in this order. Keys are in bold and never NULL. Nested values are JSON text \
         in CSV and JSON in JSON; timestamps are RFC 3339 in UTC.\n\n| column | type | meaning |\n|---|---|---|\n",
        about.table, about.name
    );
    let (columns, others) = columns(connector);
    for Heading {
        name,
        kind,
        key,
        meaning,
    } in columns
    {
        let name = if key {
            format!("**`{name}`**")
        } else {
            format!("`{name}`")
        };
        let _ = writeln!(page, "| {name} | {} | {} |", kind.name(), meaning.replace('|', "\\|"));
    }
    if let Some(others) = others {
        let _ = writeln!(page, "\n{others}");
    }
    page
}
