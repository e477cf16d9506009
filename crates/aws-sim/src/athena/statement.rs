//! What kind of statement a text is: it decides the types that are reported and the form and place of the result.
//! <https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html>

use super::engine::lexer::{Lexed, lex};

/// What Athena does with a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// SELECT, WITH, VALUES, TABLE.
    Select,
    Explain,
    /// A prepared statement.
    Execute,
    Prepare,
    Deallocate,
    Unload,
    Insert,
    /// UPDATE, DELETE, MERGE.
    Change,
    CreateTableAs,
    CreateTable,
    CreateView,
    DropTable,
    DropView,
    CreateDatabase,
    DropDatabase,
    ShowTables,
    ShowDatabases,
    ShowColumns,
    ShowCreateTable,
    Describe,
    /// DDL and utility statements that nothing is known of but their kind: they need a canned result.
    Other,
}

/// A statement's kind, in Athena's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) kind: Kind,
    /// `DML`, `DDL` or `UTILITY`.
    pub(crate) of: &'static str,
    /// `SELECT`, `CREATE_TABLE_AS_SELECT`, …
    pub(crate) sub: Option<&'static str>,
}

/// Where the result of a statement is, below the output location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `<id>.csv`, with a header.
    Csv,
    /// `<id>.csv`, which is named but never written.
    CsvUnwritten,
    /// `<id>`, never written.
    Bare,
    /// `tables/<id>`, never written.
    Tables,
    /// `<id>.txt`.
    Text,
}

impl Form {
    /// The key of the result below the output location.
    pub(crate) fn name(self, id: &str) -> String {
        match self {
            Self::Csv | Self::CsvUnwritten => format!("{id}.csv"),
            Self::Bare => id.to_owned(),
            Self::Tables => format!("tables/{id}"),
            Self::Text => format!("{id}.txt"),
        }
    }
}

impl Statement {
    /// The kind of a text, by its first words.
    pub(crate) fn of(text: &str) -> Self {
        let words = words(text);
        let first: Vec<&str> = words.iter().map(String::as_str).collect();
        let (kind, of, sub) = match first.as_slice() {
            ["SELECT" | "WITH" | "VALUES" | "TABLE" | "(", ..] | [] => (Kind::Select, "DML", Some("SELECT")),
            ["EXPLAIN", ..] => (Kind::Explain, "DML", Some("EXPLAIN")),
            ["EXECUTE", ..] => (Kind::Execute, "DML", Some("EXECUTE")),
            ["PREPARE", ..] => (Kind::Prepare, "DDL", Some("PREPARE")),
            ["DEALLOCATE", ..] => (Kind::Deallocate, "DDL", Some("DEALLOCATE")),
            ["UNLOAD", ..] => (Kind::Unload, "DML", Some("UNLOAD")),
            ["INSERT", ..] => (Kind::Insert, "DML", Some("INSERT")),
            ["UPDATE", ..] => (Kind::Change, "DML", Some("UPDATE")),
            ["DELETE", ..] => (Kind::Change, "DML", Some("DELETE")),
            ["MERGE", ..] => (Kind::Change, "DML", Some("MERGE")),
            ["CREATE", "OR", "REPLACE", "VIEW", ..] | ["CREATE", "VIEW", ..] => {
                (Kind::CreateView, "DDL", Some("CREATE_VIEW"))
            }
            ["CREATE", "EXTERNAL", "TABLE", ..] => (Kind::CreateTable, "DDL", Some("CREATE_TABLE")),
            ["CREATE", "TABLE", rest @ ..] if selects(rest) => {
                (Kind::CreateTableAs, "DDL", Some("CREATE_TABLE_AS_SELECT"))
            }
            ["CREATE", "TABLE", ..] => (Kind::CreateTable, "DDL", Some("CREATE_TABLE")),
            ["CREATE", "DATABASE" | "SCHEMA", ..] => (Kind::CreateDatabase, "DDL", Some("CREATE_DATABASE")),
            ["DROP", "TABLE", ..] => (Kind::DropTable, "DDL", Some("DROP_TABLE")),
            ["DROP", "VIEW", ..] => (Kind::DropView, "DDL", Some("DROP_VIEW")),
            ["DROP", "DATABASE" | "SCHEMA", ..] => (Kind::DropDatabase, "DDL", Some("DROP_DATABASE")),
            ["SHOW", "TABLES", ..] => (Kind::ShowTables, "UTILITY", Some("SHOW_TABLES")),
            ["SHOW", "DATABASES" | "SCHEMAS", ..] => (Kind::ShowDatabases, "UTILITY", Some("SHOW_DATABASES")),
            ["SHOW", "COLUMNS", ..] => (Kind::ShowColumns, "UTILITY", Some("SHOW_COLUMNS")),
            ["SHOW", "CREATE", "TABLE", ..] => (Kind::ShowCreateTable, "UTILITY", Some("SHOW_CREATE_TABLE")),
            ["SHOW", "CREATE", "VIEW", ..] => (Kind::Other, "UTILITY", Some("SHOW_CREATE_VIEW")),
            ["SHOW", "PARTITIONS", ..] => (Kind::Other, "UTILITY", Some("SHOW_PARTITIONS")),
            ["SHOW", "TBLPROPERTIES", ..] => (Kind::Other, "UTILITY", Some("SHOW_TABLE_PROPERTIES")),
            ["SHOW", "VIEWS", ..] => (Kind::Other, "UTILITY", Some("SHOW_VIEWS")),
            ["SHOW", "FUNCTIONS", ..] => (Kind::Other, "UTILITY", Some("SHOW_FUNCTIONS")),
            ["SHOW", ..] => (Kind::Other, "UTILITY", None),
            ["DESCRIBE" | "DESC", ..] => (Kind::Describe, "UTILITY", Some("DESCRIBE_TABLE")),
            ["ALTER", "TABLE", ..] => (Kind::Other, "DDL", Some("ALTER_TABLE_ADD_COLUMN")),
            ["MSCK", ..] => (Kind::Other, "DDL", Some("MSCK_REPAIR")),
            ["VACUUM", ..] => (Kind::Other, "DML", Some("VACUUM")),
            ["OPTIMIZE", ..] => (Kind::Other, "DDL", Some("OPTIMIZE")),
            _ => (Kind::Other, "DDL", None),
        };
        Self { kind, of, sub }
    }

    /// Where the result goes.
    pub(crate) fn form(&self) -> Form {
        match self.kind {
            Kind::Select | Kind::Execute => Form::Csv,
            Kind::Change => Form::CsvUnwritten,
            Kind::Insert | Kind::Unload => Form::Bare,
            Kind::CreateTableAs => Form::Tables,
            _ if self.sub == Some("SHOW_FUNCTIONS") => Form::Csv,
            _ => Form::Text,
        }
    }

    /// Whether the rows begin with the names of the columns, in GetQueryResults and in the object.
    pub(crate) fn has_header(&self) -> bool {
        matches!(self.kind, Kind::Select | Kind::Execute | Kind::Explain) || self.sub == Some("SHOW_FUNCTIONS")
    }

    /// Whether it counts against the limit of active queries.
    pub(crate) fn is_dml(&self) -> bool {
        self.of == "DML" || self.kind == Kind::CreateTableAs
    }
}

/// The words of a statement in capitals; an opening parenthesis counts as one where a statement may begin with it.
fn words(text: &str) -> Vec<String> {
    let tokens = lex(text).unwrap_or_default();
    let word = |token: &Lexed| match token {
        Lexed::Word(word) => Some(word.to_ascii_uppercase()),
        Lexed::Symbol('(') => Some("(".to_owned()),
        _ => None,
    };
    let mut words: Vec<String> = tokens.iter().filter_map(|(token, _)| word(token)).collect();
    // Only what stands in front of the statement itself is of interest.
    if words.first().is_some_and(|first| first != "(") {
        words.retain(|word| word != "(");
    }
    words
}

/// Whether `CREATE TABLE …` ends in `AS SELECT …`.
fn selects(rest: &[&str]) -> bool {
    rest.windows(2)
        .any(|pair| pair[0] == "AS" && matches!(pair[1], "SELECT" | "WITH" | "VALUES" | "TABLE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_places() {
        let cases = [
            ("select 1", "DML", "SELECT", Form::Csv),
            (
                "-- c\n/* d */ WITH a AS (SELECT 1) SELECT * FROM a",
                "DML",
                "SELECT",
                Form::Csv,
            ),
            ("(select 1)", "DML", "SELECT", Form::Csv),
            ("values 1", "DML", "SELECT", Form::Csv),
            ("TABLE t", "DML", "SELECT", Form::Csv),
            ("explain select 1", "DML", "EXPLAIN", Form::Text),
            ("insert into t select 1", "DML", "INSERT", Form::Bare),
            ("delete from t", "DML", "DELETE", Form::CsvUnwritten),
            ("unload (select 1) to 's3://b/'", "DML", "UNLOAD", Form::Bare),
            (
                "create table t as select 1",
                "DDL",
                "CREATE_TABLE_AS_SELECT",
                Form::Tables,
            ),
            (
                "create table t with (format = 'PARQUET') as (values 1)",
                "DDL",
                "CREATE_TABLE_AS_SELECT",
                Form::Tables,
            ),
            ("create external table t (as_of int)", "DDL", "CREATE_TABLE", Form::Text),
            ("show tables", "UTILITY", "SHOW_TABLES", Form::Text),
            ("desc t", "UTILITY", "DESCRIBE_TABLE", Form::Text),
            ("show functions", "UTILITY", "SHOW_FUNCTIONS", Form::Csv),
        ];
        for (text, of, sub, form) in cases {
            let statement = Statement::of(text);
            assert_eq!(
                (statement.of, statement.sub, statement.form()),
                (of, Some(sub), form),
                "{text}"
            );
        }
    }
}
