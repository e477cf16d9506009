//! UNLOAD: the rows of a query as Parquet files below a prefix, and a manifest that names them.
//! <https://docs.aws.amazon.com/athena/latest/ug/unload.html>

use std::collections::HashSet;

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;

use super::engine::{Unload, error, unloaded};
use super::parquet;
use super::query::Query;
use super::result::{Column, ResultSet};
use super::run::{Outcome, put};
use super::types::Type;
use super::workgroups::split;
use crate::chance;
use crate::estate::QueryError;
use crate::world::World;

/// Parts of a result that has that many rows.
const PARTS: usize = 3;

/// What AWS adds where files may have been left behind.
fn left_behind(query: &Query, message: &str) -> QueryError {
    let location = query.placement.location.as_deref().unwrap_or_default();
    error(&format!(
        "{message}. You may need to manually clean the data at location '{location}tables/{}' before retrying. Athena \
         will not delete data in your account.",
        query.id
    ))
}

/// The query inside of an UNLOAD, and where its rows are to go.
pub(super) fn parsed(text: &str) -> Result<Unload, QueryError> {
    unloaded(text).map_err(|message| error(&format!("SYNTAX_ERROR: {message}")))
}

/// Writes the rows.
pub(super) fn write(world: &World, query: &Query, unload: &Unload, result: &ResultSet) -> Result<Outcome, QueryError> {
    let compression = settings(unload)?;
    let (bucket, prefix) = split(&unload.target).ok_or_else(|| {
        let message = format!(
            "INVALID_TABLE_PROPERTY: External location is not a valid file system URI: {}",
            unload.target
        );
        error(&message)
    })?;
    let prefix = if prefix.is_empty() || prefix.ends_with('/') {
        prefix.to_owned()
    } else {
        format!("{prefix}/")
    };
    check_columns(query, &result.columns)?;
    if world.s3.keys(bucket, &prefix).iter().any(|key| *key != prefix) {
        let message = format!(
            "HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: {}",
            unload.target
        );
        return Err(left_behind(query, &message));
    }
    let count = usize::try_from(result.len()).unwrap_or(usize::MAX);
    let rules = world.estate.athena.rules.iter();
    let rules = rules.filter(|rule| rule.matches(&query.account, &query.region, &query.workgroup, &query.text));
    let (mut parts, mut foreign) = (PARTS, None);
    for rule in rules {
        parts = rule.unload_parts.unwrap_or(parts);
        foreign = rule.foreign_manifest.as_deref().or(foreign);
    }
    let parts = parts.min(count);
    let mut manifest = String::new();
    for part in 0..parts {
        // The rows are dealt out: parts have no order of their own.
        let own = (part..count).step_by(parts).map(|row| {
            let untyped = |column| {
                ParquetError::General(format!("the canned result has no typed values for the column {column}"))
            };
            result.values(row as u64).map_err(untyped)
        });
        let body = parquet::file(&result.columns, own, compression)
            .map_err(|failed| error(&format!("GENERIC_INTERNAL_ERROR: {failed}")))?;
        let key = format!("{prefix}{}", part_name(query, part));
        put(world, query, bucket, &key, body)?;
        manifest.push_str(&format!("s3://{bucket}/{key}\n"));
    }
    if let Some(foreign) = foreign {
        manifest.push_str(&format!("s3://{foreign}/{prefix}{}\n", part_name(query, parts)));
    }
    let lines = manifest.lines().map(str::to_owned).collect();
    let address = match query.placement.object(&format!("{}-manifest.csv", query.id)) {
        Some((bucket, key)) => {
            put(world, query, &bucket, &key, manifest.into())?;
            Some(format!("s3://{bucket}/{key}"))
        }
        None => None,
    };
    Ok(Outcome {
        result: ResultSet::written(i64::try_from(count).unwrap_or(0)),
        manifest: address,
        parts: lines,
    })
}

/// The compression. Without one Athena writes GZIP, which the simulator does not.
fn settings(unload: &Unload) -> Result<Compression, QueryError> {
    let option = |name: &str| {
        let found = unload.options.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.to_uppercase())
    };
    let known = [
        "format",
        "compression",
        "field_delimiter",
        "partitioned_by",
        "compression_level",
    ];
    if let Some((name, _)) = unload.options.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        let message = format!(
            "INVALID_TABLE_PROPERTY: line 1:1: Catalog 'awsdatacatalog' table property '{name}' does not exist"
        );
        return Err(error(&message));
    }
    match option("format").as_deref() {
        Some("PARQUET") => {}
        Some(other) => {
            return Err(error(&format!(
                "NOT_SUPPORTED: aws-sim does not simulate UNLOAD as {other}"
            )));
        }
        None => {
            return Err(error(
                "INVALID_TABLE_PROPERTY: Table property 'format' is required for UNLOAD",
            ));
        }
    }
    if option("partitioned_by").is_some() {
        return Err(error("NOT_SUPPORTED: aws-sim does not simulate partitions in UNLOAD"));
    }
    match option("compression").as_deref() {
        Some("SNAPPY") => Ok(Compression::SNAPPY),
        Some("NONE") => Ok(Compression::UNCOMPRESSED),
        Some(other) => Err(error(&format!(
            "NOT_SUPPORTED: aws-sim does not simulate compression by {other}"
        ))),
        None => Err(error(
            "NOT_SUPPORTED: without compression Athena writes GZIP, which aws-sim does not simulate: say NONE or SNAPPY",
        )),
    }
}

/// Columns need names of their own and types that Parquet files of Athena have.
fn check_columns(query: &Query, columns: &[Column]) -> Result<(), QueryError> {
    let mut names = HashSet::new();
    for (at, column) in columns.iter().enumerate() {
        if column.name == format!("_col{at}") {
            let message = format!(
                "MISSING_COLUMN_NAME: line 1:1: Column name not specified at position {}",
                at + 1
            );
            return Err(left_behind(query, &message));
        }
        let name = column.name.to_lowercase();
        if !names.insert(name.clone()) {
            let message = format!("DUPLICATE_COLUMN_NAME: line 1:1: Column name '{name}' specified more than once");
            return Err(left_behind(query, &message));
        }
        if column.of == Type::Unknown {
            return Err(left_behind(
                query,
                &format!("COLUMN_TYPE_UNKNOWN: line 1:1: Column type is unknown: {name}"),
            ));
        }
        if let Some(of) = parquet::unsupported(&column.of) {
            let message = match of {
                Type::Row(_) => format!(
                    "NOT_SUPPORTED: Anonymous row type is not supported in Hive. Please give each field a name: {of}"
                ),
                other => format!("NOT_SUPPORTED: Unsupported Hive type: {other}"),
            };
            return Err(left_behind(query, &message));
        }
    }
    Ok(())
}

/// The name of a part: the engine's id of the query, and something that no other part has. It has no extension.
fn part_name(query: &Query, part: usize) -> String {
    let seed = chance::of_text(part as u64, &query.id);
    let letters = |seed, count| chance::letters(seed, count, b"abcdefghijkmnpqrstuvwxyz23456789");
    let stamp = crate::stamp::basic(crate::clock::unix(query.submitted));
    let stamp = stamp.replace('T', "_").replace('Z', "");
    let id = letters(chance::of_text(0, &query.id), 5);
    let hex = |seed, count| chance::letters(seed, count, b"0123456789abcdef");
    format!(
        "{stamp}_00042_{id}_{}-{}-4{}-a{}-{}",
        hex(seed, 8),
        hex(seed ^ 1, 4),
        hex(seed ^ 2, 3),
        hex(seed ^ 3, 3),
        hex(seed ^ 4, 12)
    )
}
