//! The table of statement kinds: how each begins, what AWS calls it, what it gives and what it changes. Nothing else decides
//! any of that.
//!
//! "Measured" is what the real service, engine version 3, answered in September 2026, by the notes in `docs/dev/measurements`
//! of <https://github.com/aoyagikouhei/athena-local>.

use std::fmt::Write as _;

use super::lexer::Grammar::{self, Hive, Trino};

/// What a statement gives when it has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// A table; its first row, and the first line of its CSV object, has the names of the columns.
    Table,
    /// Lines behind such a row, empty ones at the end too. They are text, whatever type their column has.
    Plan,
    /// Lines, of one column or of several.
    Lines,
    /// How many rows it has changed, where AWS counts them.
    Count,
    /// Nothing, also where the API has rows: those of an Iceberg table's DROP are two empty ones.
    Nothing,
    /// What the statement that it executes gives: a table with its header, or no row at all.
    Executed,
}

/// What a statement does to data and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it may run again at any time.
    None,
    /// It changes rows in one commit. It runs once, but for a commit that another writer came before.
    Commit,
    /// It changes something, or nobody knows: it runs once.
    Change,
}

/// A kind of statement.
#[derive(Debug)]
pub struct Kind {
    /// AWS's `StatementType`.
    pub statement_type: &'static str,
    /// AWS's `SubstatementType`. Servers that stand in for Athena may leave it out.
    pub substatement: &'static str,
    /// The words that it begins with, each way.
    pub begins: &'static [&'static str],
    /// Who reads it.
    pub grammar: Grammar,
    /// What it gives.
    pub gives: Gives,
    /// What it changes.
    pub effect: Effect,
    /// Who says so.
    pub source: &'static str,
}

const fn kind(
    (statement_type, substatement): (&'static str, &'static str),
    begins: &'static [&'static str],
    grammar: Grammar,
    gives: Gives,
    effect: Effect,
    source: &'static str,
) -> Kind {
    Kind {
        statement_type,
        substatement,
        begins,
        grammar,
        gives,
        effect,
        source,
    }
}

const STATEMENTS: &str = "measured: statements.md";
const FILES: &str = "measured: result-files.md";
const ROWS: &str = "measured: query-results.md";

/// `CREATE TABLE … AS SELECT`, which begins as other `CREATE TABLE` do.
pub(super) const CREATE_TABLE_AS: &Kind = &kind(
    ("DDL", "CREATE_TABLE_AS_SELECT"),
    &["CREATE TABLE … AS"],
    Trino,
    Gives::Count,
    Effect::Change,
    FILES,
);

/// Anything that is in no line of the table.
pub(super) const UNKNOWN: &Kind = &kind(
    ("any other", "any other"),
    &[],
    Trino,
    Gives::Count,
    Effect::Change,
    "nobody: so no row is published, and a warning says where there were some",
);

/// All kinds that are known. The first line with the most words that fit decides.
#[rustfmt::skip]
pub const KINDS: &[Kind] = &[
    kind(("DML", "SELECT"), &["SELECT", "WITH", "VALUES", "TABLE"], Trino, Gives::Table, Effect::None, STATEMENTS),
    kind(("DML", "EXECUTE"), &["EXECUTE"], Trino, Gives::Executed, Effect::Change,
        "<https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html>: any statement, by name"),
    kind(("DML", "EXPLAIN"), &["EXPLAIN"], Trino, Gives::Plan, Effect::None, STATEMENTS),
    kind(("DML", "INSERT"), &["INSERT"], Trino, Gives::Count, Effect::Commit, FILES),
    kind(("DML", "UPDATE"), &["UPDATE"], Trino, Gives::Count, Effect::Commit, FILES),
    kind(("DML", "DELETE"), &["DELETE"], Trino, Gives::Count, Effect::Commit, FILES),
    kind(("DML", "MERGE"), &["MERGE"], Trino, Gives::Count, Effect::Commit, FILES),
    kind(("DML", "UNLOAD"), &["UNLOAD"], Trino, Gives::Count, Effect::Change,
        "<https://docs.aws.amazon.com/athena/latest/ug/unload.html>: objects at its own place"),
    kind(("DML", "VACUUM"), &["VACUUM"], Trino, Gives::Count, Effect::Change, "measured, the type: docs/api.md; no object is known"),
    kind(("DDL", "OPTIMIZE"), &["OPTIMIZE"], Trino, Gives::Count, Effect::Commit, "measured, the type: docs/api.md; no object is known"),
    kind(("DDL", "CREATE_TABLE"), &["CREATE TABLE", "CREATE EXTERNAL TABLE"], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "CREATE_DATABASE"), &["CREATE DATABASE", "CREATE SCHEMA"], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "CREATE_VIEW"), &["CREATE VIEW", "CREATE OR REPLACE VIEW"], Trino, Gives::Nothing, Effect::Change,
        "measured: result-files.md; others saw a column `rows` without rows: <https://github.com/uber/athenadriver>"),
    kind(("DDL", "DROP_TABLE"), &["DROP TABLE"], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "DROP_DATABASE"), &["DROP DATABASE", "DROP SCHEMA"], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "DROP_VIEW"), &["DROP VIEW"], Trino, Gives::Nothing, Effect::Change, STATEMENTS),
    kind(("DDL", "ALTER_TABLE_ADD_COLUMN"), &["ALTER TABLE"], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "ALTER_TABLE_ADD_PARTITION"), &[], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "ALTER_TABLE_CHANGE_COLUMN"), &[], Hive, Gives::Nothing, Effect::Change, STATEMENTS),
    kind(("DDL", "ALTER_TABLE_DROP_COLUMN"), &[], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "ALTER_TABLE_DROP_PARTITION"), &[], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "ALTER_TABLE_PROPERTIES"), &[], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "ALTER_TABLE_RENAME"), &[], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "ALTER_TABLE_REPLACE_COLUMN"), &[], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "ALTER_TABLE_SET_LOCATION"), &[], Hive, Gives::Nothing, Effect::Change, FILES),
    kind(("DDL", "ALTER_DATABASE"), &["ALTER DATABASE", "ALTER SCHEMA"], Hive, Gives::Nothing, Effect::Change,
        "<https://docs.aws.amazon.com/athena/latest/ug/alter-database-set-dbproperties.html>; AWS's name for it is not known"),
    kind(("DDL", "PREPARE"), &["PREPARE"], Trino, Gives::Nothing, Effect::Change,
        "<https://docs.aws.amazon.com/athena/latest/ug/sql-prepare.html>; AWS's name for it is not known"),
    kind(("DDL", "DEALLOCATE"), &["DEALLOCATE"], Trino, Gives::Nothing, Effect::Change,
        "<https://docs.aws.amazon.com/athena/latest/ug/sql-deallocate-prepare.html>; AWS's name for it is not known"),
    kind(("DDL", "MSCK_REPAIR"), &["MSCK"], Hive, Gives::Lines, Effect::Change, "measured: statements.md; rows without columns"),
    kind(("UTILITY", "SHOW_FUNCTIONS"), &["SHOW FUNCTIONS"], Trino, Gives::Table, Effect::None, FILES),
    kind(("UTILITY", "SHOW_TABLES"), &["SHOW TABLES", "SHOW"], Hive, Gives::Lines, Effect::None, ROWS),
    kind(("UTILITY", "SHOW_DATABASES"), &["SHOW DATABASES", "SHOW SCHEMAS"], Hive, Gives::Lines, Effect::None, ROWS),
    kind(("UTILITY", "SHOW_COLUMNS"), &["SHOW COLUMNS"], Hive, Gives::Lines, Effect::None, ROWS),
    kind(("UTILITY", "SHOW_PARTITIONS"), &["SHOW PARTITIONS"], Hive, Gives::Lines, Effect::None, ROWS),
    kind(("UTILITY", "SHOW_TABLE_PROPERTIES"), &["SHOW TBLPROPERTIES"], Hive, Gives::Lines, Effect::None, FILES),
    kind(("UTILITY", "SHOW_CREATE_TABLE"), &["SHOW CREATE TABLE"], Hive, Gives::Lines, Effect::None, ROWS),
    kind(("UTILITY", "SHOW_CREATE_VIEW"), &["SHOW CREATE VIEW"], Trino, Gives::Lines, Effect::None, FILES),
    kind(("UTILITY", "SHOW_VIEWS"), &["SHOW VIEWS"], Hive, Gives::Lines, Effect::None, ROWS),
    kind(("UTILITY", "DESCRIBE_TABLE"), &["DESCRIBE", "DESC"], Hive, Gives::Lines, Effect::None, ROWS),
    kind(("UTILITY", "DESC_VIEW"), &[], Trino, Gives::Lines, Effect::None, "measured: query-results.md; DESCRIBE and SHOW COLUMNS of a view"),
];

impl Kind {
    /// The kind of a statement that begins with these words, in capitals.
    pub(super) fn of_words(words: &[String]) -> &'static Kind {
        let fits = |begin: &&str| {
            let mut given = words.iter();
            begin
                .split(' ')
                .all(|word| given.next().is_some_and(|given| given == word))
        };
        let longest = |kind: &&'static Kind| {
            let begins = kind.begins.iter().filter(|begin| fits(begin));
            begins.map(|begin| begin.split(' ').count()).max().unwrap_or_default()
        };
        let best = KINDS.iter().rev().max_by_key(longest);
        best.filter(|kind| longest(kind) > 0).unwrap_or(UNKNOWN)
    }

    /// The kind that AWS gives this `SubstatementType`.
    pub fn of_substatement(name: &str) -> Option<&'static Kind> {
        let mut all = KINDS.iter().chain([CREATE_TABLE_AS]);
        all.find(|kind| kind.substatement.eq_ignore_ascii_case(name))
    }
}

/// The table, for the reference.
pub fn reference() -> String {
    let mut page = String::from(
        "# Statement kinds\n\n\
         What a statement gives and changes, by the kind that AWS says it is (`SubstatementType` in the ledger). Where AWS does not \
         say it, or by a name that is not known, the first words decide. `api`, `s3` and `auto` give the same rows for every kind.\n\n\
         - **table**: rows with the columns' names and types;\n\
         - **plan**, **lines**: text, a row a line. Lines of MSCK come without columns; theirs is called `line`;\n\
         - **count**: no rows. The ledger has the number of changed rows as `update_count`, where AWS counts them;\n\
         - **executed**: a table or a count, whichever the prepared statement gives.\n\n\
         A statement that *changes* something runs once: it is neither started again after a failure nor by `--resume` once it has \
         succeeded. One that changes rows in a *commit* is started again where AWS says that another writer's commit came before \
         it (`ICEBERG_COMMIT_ERROR`). What changes nothing is started again where AWS calls its failure retryable.\n\n\
         | begins with | StatementType | SubstatementType | gives | changes | strings as in | source |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for kind in KINDS.iter().chain([CREATE_TABLE_AS, UNKNOWN]) {
        let begins: Vec<String> = kind.begins.iter().map(|words| format!("`{words}`")).collect();
        let gives = match kind.gives {
            Gives::Table => "table",
            Gives::Plan => "plan",
            Gives::Lines => "lines",
            Gives::Count => "count",
            Gives::Nothing => "nothing",
            Gives::Executed => "executed",
        };
        let effect = match kind.effect {
            Effect::None => "nothing",
            Effect::Commit => "rows, in a commit",
            Effect::Change => "something",
        };
        let _ = writeln!(
            page,
            "| {} | {} | {} | {gives} | {effect} | {:?} | {} |",
            begins.join(", "),
            kind.statement_type,
            kind.substatement,
            kind.grammar,
            kind.source
        );
    }
    page.push_str(
        "\n`USING EXTERNAL FUNCTION … SELECT` is of the kind of what stands behind the functions; UNLOAD cannot take it. \
         `EXPLAIN ANALYZE` runs its statement, so it changes what that changes.\n\n\
         Measured: the notes in `docs/dev/measurements` of <https://github.com/aoyagikouhei/athena-local> on what the real service \
         answered in September 2026, engine version 3.\n",
    );
    page
}
