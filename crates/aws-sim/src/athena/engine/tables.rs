//! The catalog of an account in a region: databases, tables, views.

use std::collections::{BTreeMap, BTreeSet};

use crate::estate::TableColumn;

/// A table that SQLite holds.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) columns: Vec<TableColumn>,
}

/// A view.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) text: String,
    /// The database of names that name none.
    pub(super) database: String,
}

/// All names in small letters.
#[derive(Debug, Default)]
pub(super) struct Tables {
    databases: BTreeSet<String>,
    tables: BTreeMap<(String, String), Held>,
    views: BTreeMap<(String, String), View>,
}

fn key(database: &str, table: &str) -> (String, String) {
    (database.to_lowercase(), table.to_lowercase())
}

/// The name of a table inside SQLite.
pub(super) fn sql_name(database: &str, table: &str) -> String {
    format!("{database}.{table}")
}

impl Tables {
    pub(super) fn has_database(&self, database: &str) -> bool {
        self.databases.contains(&database.to_lowercase())
    }

    pub(super) fn databases(&self) -> impl Iterator<Item = &str> {
        self.databases.iter().map(String::as_str)
    }

    pub(super) fn add_database(&mut self, database: &str) {
        self.databases.insert(database.to_lowercase());
    }

    pub(super) fn drop_database(&mut self, database: &str) {
        self.databases.remove(&database.to_lowercase());
    }

    pub(super) fn table(&self, database: &str, table: &str) -> Option<&Held> {
        self.tables.get(&key(database, table))
    }

    pub(super) fn view(&self, database: &str, table: &str) -> Option<&View> {
        self.views.get(&key(database, table))
    }

    pub(super) fn add_table(&mut self, database: &str, table: &str, columns: Vec<TableColumn>) {
        self.add_database(database);
        self.tables.insert(key(database, table), Held { columns });
    }

    pub(super) fn add_view(&mut self, database: &str, table: &str, view: View) {
        self.add_database(database);
        self.views.insert(key(database, table), view);
    }

    pub(super) fn drop_table(&mut self, database: &str, table: &str) -> bool {
        self.tables.remove(&key(database, table)).is_some()
    }

    pub(super) fn drop_view(&mut self, database: &str, table: &str) -> bool {
        self.views.remove(&key(database, table)).is_some()
    }

    /// Tables and views of a database, sorted.
    pub(super) fn names_in(&self, database: &str) -> Vec<String> {
        let database = database.to_lowercase();
        let names = self.tables.keys().chain(self.views.keys());
        let mut own: Vec<String> = names
            .filter(|(of, _)| *of == database)
            .map(|(_, name)| name.clone())
            .collect();
        own.sort();
        own
    }

    /// All tables, by database and name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tables
            .keys()
            .map(|(database, name)| (database.as_str(), name.as_str()))
    }
}
