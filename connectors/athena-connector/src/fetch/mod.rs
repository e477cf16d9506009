//! Rows of a statement that has succeeded: by the way that was asked for, or the one that fits.

mod api;
mod leftovers;
mod manifest;
mod s3;
mod side_by_side;
mod unload;

use auth_core::{AwsError, ErrorKind, Host};
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{ColumnInfo, QueryExecution, StatementType};
use connector_core::rows::{Format, Row, RowWriter};
use connector_core::table::{Heading, Value};
use connector_core::{Slice, SliceError, SliceRows};
use serde_json::json;

pub(crate) use self::leftovers::Leftovers;
use crate::collector::until;
use crate::execute::{Executor, Succeeded, timed_out};
use crate::job::{Fetch, Job};
use crate::objects::{Location, ObjectError, Objects, Reader, is_missing};
use crate::results::FileError;
use crate::results::types::AthenaType;
use crate::statistics::{Notes, is_reused};
use crate::workgroup::Place;

/// Fetches the rows of one slice.
pub(crate) struct Fetcher<'a> {
    pub(crate) job: &'a Job,
    pub(crate) host: &'a Host,
    pub(crate) client: &'a Client,
    pub(crate) slice: &'a Slice,
    pub(crate) place: &'a Place,
    pub(crate) objects: &'a Objects,
    pub(crate) notes: &'a Notes,
    pub(crate) executor: &'a Executor,
    pub(crate) leftovers: &'a Leftovers,
}

/// What a statement gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Records with a header.
    Table,
    /// Lines with a header.
    Plan,
    /// Lines without one, of columns or not.
    Lines,
    /// The number of rows that it has changed.
    Count,
}

impl Shape {
    /// Whether the first row has the names of the columns.
    fn has_header(self) -> bool {
        matches!(self, Shape::Table | Shape::Plan)
    }

    /// Whether it is text, in the object and in the rows of the API.
    fn is_text(self) -> bool {
        matches!(self, Shape::Plan | Shape::Lines)
    }
}

/// By what AWS says of the statement, never by the rows.
/// <https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html>
fn shape(execution: &QueryExecution) -> Shape {
    let location = execution
        .result_configuration()
        .and_then(|results| results.output_location());
    let substatement = execution.substatement_type().unwrap_or_default().to_ascii_uppercase();
    match execution.statement_type() {
        Some(StatementType::Ddl) if substatement == "CREATE_TABLE_AS_SELECT" => Shape::Count,
        // The one utility statement whose result is that of a query.
        Some(StatementType::Utility) if substatement == "SHOW_FUNCTIONS" => Shape::Table,
        Some(StatementType::Ddl | StatementType::Utility) => Shape::Lines,
        _ => match substatement.as_str() {
            "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "UNLOAD" | "CREATE_TABLE_AS_SELECT" => Shape::Count,
            "SHOW" | "DESCRIBE" => Shape::Lines,
            // EXPLAIN ANALYZE too.
            explain if explain.starts_with("EXPLAIN") => Shape::Plan,
            _ if location.is_some_and(|location| location.ends_with(".txt")) => Shape::Lines,
            _ => Shape::Table,
        },
    }
}

/// A column of a result.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    athena_type: AthenaType,
}

fn columns(infos: &[ColumnInfo]) -> Vec<Column> {
    let column = |info: &ColumnInfo| Column {
        name: info.name().to_owned(),
        athena_type: AthenaType::of(info.r#type(), info.precision(), info.scale()),
    };
    infos.iter().map(column).collect()
}

/// Adds a cell: in CSV the text itself, else the value that the text stands for.
fn cell(row: &mut Row<'_>, format: Format, column: &Column, text: Option<&str>) -> Result<(), SliceError> {
    let value = match text {
        None => Value::Null,
        Some(text) if format == Format::Csv => Value::Text(text.into()),
        Some(text) => column
            .athena_type
            .value(text)
            .map_err(|why| SliceError::Local(format!("column {}: {why}", column.name)))?,
    };
    row.cell(&value);
    Ok(())
}

impl From<FileError> for SliceError {
    fn from(error: FileError) -> Self {
        SliceError::Local(error.to_string())
    }
}

impl Fetcher<'_> {
    /// Fetches the rows of `statement` into the slice's table of its number.
    pub(crate) async fn fetch(&self, statement: &Succeeded, rows: &mut SliceRows) -> Result<(), SliceError> {
        let fetching = async {
            let (way, why) = self.rows_of(statement, rows).await?;
            statement.note.set("fetch", json!({"by": way, "why": why}));
            self.leave(statement).await;
            Ok(())
        };
        let fetched = until(self.host, statement.deadline, fetching).await;
        fetched.unwrap_or_else(|| Err(timed_out(self.job, "its rows were being fetched")))
    }

    /// How the rows came, and why so.
    async fn rows_of(&self, statement: &Succeeded, rows: &mut SliceRows) -> Result<(&'static str, String), SliceError> {
        let asked = |way| Ok((way, "it was asked for".to_owned()));
        let execution = &statement.execution;
        if let Some(target) = &statement.unloaded {
            self.by_unload(statement, target, rows).await?;
            return asked("unload");
        }
        let shape = shape(execution);
        if shape == Shape::Count {
            self.count(statement).await?;
            return Ok(("api", "the statement gives a number of rows, no rows".to_owned()));
        }
        let location = execution
            .result_configuration()
            .and_then(|results| results.output_location());
        let location = location.and_then(Location::parse).filter(|_| !self.place.managed);
        match (self.job.fetch, location) {
            (Fetch::Api, _) => {
                self.by_api(statement, shape, None, rows).await?;
                asked("api")
            }
            (Fetch::S3, Some(location)) => {
                self.by_s3(statement, shape, None, &location, rows).await?;
                asked("s3")
            }
            (_, None) => {
                self.by_api(statement, shape, None, rows).await?;
                Ok(("api", "there is no result object".to_owned()))
            }
            (_, Some(_)) if shape.is_text() => {
                self.by_api(statement, shape, None, rows).await?;
                Ok(("api", "the statement gives lines".to_owned()))
            }
            (_, Some(location)) => self.by_what_fits(statement, shape, &location, rows).await,
        }
    }

    /// One page is one call. More come faster from S3, where S3 gives them.
    async fn by_what_fits(
        &self,
        statement: &Succeeded,
        shape: Shape,
        location: &Location,
        rows: &mut SliceRows,
    ) -> Result<(&'static str, String), SliceError> {
        let first = self.page(statement, None, api::MOST_ROWS).await?;
        if first.next_token().is_none() {
            self.by_api(statement, shape, Some(first), rows).await?;
            return Ok(("api", "the result is one page".to_owned()));
        }
        let infos = api::infos(&first);
        drop(first);
        match self.by_s3(statement, shape, Some(infos), location, rows).await {
            Ok(()) => Ok(("s3", "the result is more than one page".to_owned())),
            Err(ObjectError::Other(SliceError::Aws(error))) if is_no_way(&error) => {
                tracing::debug!(%error, "the rows are fetched through Athena instead");
                self.by_api(statement, shape, None, rows).await?;
                Ok(("api", format!("S3 does not give the result object: {error}")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Begins the table of rows that come as text, anew where an earlier way of fetching has begun it.
    fn begin<'r>(&self, rows: &'r mut SliceRows, number: u32, columns: &[Column]) -> &'r mut RowWriter {
        let nested = columns.iter().filter(|column| column.athena_type.is_nested());
        let nested: Vec<String> = nested.map(|column| format!("`{}`", column.name)).collect();
        if !nested.is_empty() {
            self.notes.warn(format!(
                "arrays, maps and rows come as the text that Athena prints, which is ambiguous ({}): fetch `unload`, or a \
                 cast to JSON in the query, gives them exactly",
                nested.join(", ")
            ));
        }
        let heading = |column: &Column| Heading::new(column.name.as_str(), column.athena_type.kind());
        rows.begin(number, columns.iter().map(heading).collect())
    }

    fn reader(&self) -> Reader {
        Reader {
            objects: self.objects.clone(),
            access: self.slice.access.clone(),
            bucket_owner: self.place.bucket_owner.clone(),
        }
    }

    /// Notes what Athena wrote, to be deleted where that is wished.
    async fn leave(&self, statement: &Succeeded) {
        let execution = &statement.execution;
        if self.job.keep_results || is_reused(execution) {
            return;
        }
        let results = execution
            .result_configuration()
            .and_then(|results| results.output_location());
        let metadata = results.map(|results| format!("{results}.metadata"));
        let manifest = execution
            .statistics()
            .and_then(|statistics| statistics.data_manifest_location());
        let written = [results.map(str::to_owned), metadata, manifest.map(str::to_owned)];
        let mut written: Vec<String> = written.into_iter().flatten().collect();
        written.extend(self.parts(statement).await.unwrap_or_default());
        let objects = written.iter().filter_map(|address| Location::parse(address));
        self.leftovers.add(self.slice, self.reader(), objects.collect());
    }
}

/// Whether another way may work: S3 says no, or nothing.
fn is_no_way(error: &AwsError) -> bool {
    error.service == "s3" && (is_missing(error) || matches!(error.kind, ErrorKind::Denied | ErrorKind::Unreachable))
}

#[cfg(test)]
mod tests {
    use aws_sdk_athena::types::ResultConfiguration;

    use super::*;

    #[test]
    fn what_aws_says_of_a_statement_decides_what_it_gives() {
        use StatementType::{Ddl, Dml, Utility};
        for (statement, substatement, ending, expected) in [
            (Some(Dml), Some("SELECT"), ".csv", Shape::Table),
            (Some(Dml), None, ".csv", Shape::Table),
            (Some(Dml), Some("INSERT"), "", Shape::Count),
            (Some(Dml), Some("MERGE"), "", Shape::Count),
            (Some(Dml), Some("EXPLAIN"), ".txt", Shape::Plan),
            (Some(Dml), Some("EXPLAIN_ANALYZE"), ".txt", Shape::Plan),
            (Some(Ddl), Some("CREATE_TABLE_AS_SELECT"), "", Shape::Count),
            (Some(Ddl), Some("CREATE_TABLE"), ".txt", Shape::Lines),
            (Some(Utility), Some("SHOW_TABLES"), ".txt", Shape::Lines),
            (Some(Utility), Some("DESCRIBE_TABLE"), ".txt", Shape::Lines),
            (Some(Utility), Some("SHOW_FUNCTIONS"), ".csv", Shape::Table),
            (None, None, ".txt", Shape::Lines),
            (None, None, ".csv", Shape::Table),
        ] {
            let results = ResultConfiguration::builder().output_location(format!("s3://b/q{ending}"));
            let execution = QueryExecution::builder()
                .set_statement_type(statement.clone())
                .set_substatement_type(substatement.map(str::to_owned))
                .result_configuration(results.build());
            assert_eq!(
                shape(&execution.build()),
                expected,
                "{statement:?} {substatement:?} {ending}"
            );
        }
    }
}
