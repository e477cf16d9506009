//! `schema`: the output's columns.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::connector::Connector;
use crate::rows::LEADING_COLUMNS;

/// Name, type, nullability, key and meaning of each column, in the order of the output.
fn columns<C: Connector>(connector: &C) -> Vec<(&'static str, &'static str, bool, &'static str)> {
    let leading = LEADING_COLUMNS
        .iter()
        .map(|(name, key, meaning)| (*name, "text", *key, *meaning));
    let own = connector
        .columns()
        .iter()
        .map(|column| (column.name, column.kind.name(), column.key, column.meaning));
    leading.chain(own).collect()
}

pub(crate) fn schema<C: Connector>(connector: &C) -> Json {
    let columns: Vec<Json> = columns(connector)
        .into_iter()
        .map(|(name, kind, key, meaning)| {
            json!({"name": name, "type": kind, "nullable": !key, "key": key, "meaning": meaning})
        })
        .collect();
    json!({"table": connector.about().table, "columns": columns})
}

/// The reference page of the table, in Markdown.
pub fn reference<C: Connector>(connector: &C) -> String {
    let about = connector.about();
    let mut page = format!(
        "# Table {}\n\nWhat `{} run` writes, in this order. Keys are in bold and never NULL. Nested values are JSON text \
         in CSV and JSON in JSON; timestamps are RFC 3339 in UTC.\n\n| column | type | meaning |\n|---|---|---|\n",
        about.table, about.name
    );
    for (name, kind, key, meaning) in columns(connector) {
        let name = if key {
            format!("**`{name}`**")
        } else {
            format!("`{name}`")
        };
        let _ = writeln!(page, "| {name} | {kind} | {} |", meaning.replace('|', "\\|"));
    }
    page
}
