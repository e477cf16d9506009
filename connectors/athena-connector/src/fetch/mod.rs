//! Rows of a statement that has succeeded: by the way that was asked for, or the one that fits.

mod api;
mod leftovers;
mod manifest;
mod s3;
mod side_by_side;
mod unload;

use auth_core::{AwsError, ErrorKind, Host};
use aws_sdk_athena::Client;
use aws_sdk_athena::types::ColumnInfo;
use connector_core::rows::{Format, Row, RowWriter};
use connector_core::slice::Outcome;
use connector_core::table::{Heading, Value};
use connector_core::{Slice, SliceError, SliceRows};
use serde_json::{Value as Json, json};

pub(crate) use self::leftovers::Leftovers;
use crate::collector::until;
use crate::execute::{Executor, Succeeded, timed_out};
use crate::failure::ended;
use crate::job::{Fetch, Job};
use crate::objects::{Location, ObjectError, Objects, Reader, is_missing};
use crate::results::FileError;
use crate::results::text::TextRows;
use crate::results::types::AthenaType;
use crate::statement::Gives;
use crate::statistics::{Notes, is_reused};
use crate::workgroup::{Place, is_sealed};

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

/// A column of a result.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    athena_type: AthenaType,
}

/// The columns of what a statement gives, by what a page says of them.
///
/// # Errors
/// It says nothing: that is no result without columns, but for lines, which may come without ([`LINE`]).
fn columns(infos: &[ColumnInfo], gives: Gives) -> Result<Vec<Column>, AwsError> {
    let text = || AthenaType::of("varchar", 0, 0);
    let column = |info: &ColumnInfo| Column {
        name: info.name().to_owned(),
        athena_type: match gives {
            // The last lines of a plan are empty, also where its column is a boolean.
            Gives::Plan | Gives::Lines => text(),
            _ => AthenaType::of(info.r#type(), info.precision(), info.scale()),
        },
    };
    if !infos.is_empty() {
        return Ok(infos.iter().map(column).collect());
    }
    if gives != Gives::Lines {
        let why = "the answer does not say which columns the result has";
        return Err(AwsError::answer("athena", "GetQueryResults", why));
    }
    Ok(vec![Column {
        name: LINE.to_owned(),
        athena_type: text(),
    }])
}

/// The name of the column of lines that AWS gives without one: those of MSCK REPAIR TABLE.
const LINE: &str = "line";

/// Whether rows and object begin with the names of the columns.
fn has_header(gives: Gives) -> bool {
    !matches!(gives, Gives::Lines)
}

/// Whether the rows are lines of text, in the object and in the rows of the API.
fn is_text(gives: Gives) -> bool {
    matches!(gives, Gives::Plan | Gives::Lines)
}

/// Reads the rows of a text. Those of a plan are kept to the last empty one; lines end with the last that says something.
fn lines_of(gives: Gives, columns: usize) -> TextRows {
    match gives {
        Gives::Plan => TextRows::new(columns),
        _ => TextRows::new(columns).without_an_empty_end(),
    }
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
        let number = statement.statement.number;
        let gives = match statement.unloaded {
            Some(_) => Gives::Table,
            None => statement.kind().gives,
        };
        let told = |way: &str, why: &str| statement.note.set("fetch", json!({"by": way, "why": why}));
        match gives {
            Gives::Nothing => told("nothing", "the statement gives no rows"),
            // It has been done. A count that cannot be read is not worth the rest of the slice.
            Gives::Count => match until(self.host, statement.deadline, self.count(statement)).await {
                Some(Ok(())) => told("api", "the statement gives a number of rows, no rows"),
                failed => {
                    let why = failed.and_then(Result::err).map(|error| error.to_string());
                    let why = why.unwrap_or_else(|| "AWS did not answer in time".to_owned());
                    statement.note.set("update_count", Json::Null);
                    told("nothing", "AWS does not give the number of rows");
                    self.notes.warn(format!(
                        "statement {number} has succeeded, but how many rows it has changed cannot be read: {why}"
                    ));
                }
            },
            _ => {
                let fetching = self.rows_of(statement, gives, rows);
                let (way, why) = match until(self.host, statement.deadline, fetching).await {
                    Some(fetched) => fetched?,
                    None => return Err(timed_out(self.job, "its rows were being fetched")),
                };
                told(way, &why);
            }
        }
        // What stays behind is worth a warning at most, and is asked for no longer than the rows.
        until(self.host, statement.deadline, self.leave(statement)).await;
        Ok(())
    }

    /// How the rows came, and why so.
    async fn rows_of(
        &self,
        statement: &Succeeded,
        mut gives: Gives,
        rows: &mut SliceRows,
    ) -> Result<(&'static str, String), SliceError> {
        let asked = |way| Ok((way, "it was asked for".to_owned()));
        let execution = &statement.execution;
        if let Some(target) = &statement.unloaded {
            self.by_unload(statement, target, rows).await?;
            return asked("unload");
        }
        if gives == Gives::Executed {
            if !self.has_rows(statement).await? {
                return Ok((
                    "api",
                    "the statement that was executed gives a number of rows, no rows".to_owned(),
                ));
            }
            gives = Gives::Table;
        }
        let location = execution
            .result_configuration()
            .and_then(|results| results.output_location());
        let location = location.and_then(Location::parse).filter(|_| !self.place.managed);
        // The workgroup may have been out of sight; the query says it again.
        let said = execution
            .result_configuration()
            .and_then(|results| results.encryption_configuration());
        let sealed = self.place.sealed || said.is_some_and(is_sealed);
        match (self.job.fetch, location) {
            (Fetch::Api, _) => {
                self.by_api(statement, gives, None, rows).await?;
                asked("api")
            }
            (Fetch::S3, Some(_)) if sealed => Err(ended(
                Outcome::Failed,
                "the result object is encrypted with CSE_KMS, so only Athena can read it".to_owned(),
                "set fetch to auto or api, or use SSE_KMS, which S3 decrypts itself",
            )),
            (Fetch::S3, Some(location)) => {
                self.by_s3(statement, gives, None, &location, rows).await?;
                asked("s3")
            }
            (Fetch::Auto, Some(_)) if sealed => {
                self.by_api(statement, gives, None, rows).await?;
                Ok(("api", "the result object is encrypted with CSE_KMS".to_owned()))
            }
            (_, None) => {
                self.by_api(statement, gives, None, rows).await?;
                Ok(("api", "there is no result object".to_owned()))
            }
            (_, Some(_)) if is_text(gives) => {
                self.by_api(statement, gives, None, rows).await?;
                Ok(("api", "the statement gives lines".to_owned()))
            }
            (_, Some(location)) => self.by_what_fits(statement, gives, &location, rows).await,
        }
    }

    /// One page is one call. More come faster from S3, where S3 gives them.
    async fn by_what_fits(
        &self,
        statement: &Succeeded,
        gives: Gives,
        location: &Location,
        rows: &mut SliceRows,
    ) -> Result<(&'static str, String), SliceError> {
        let first = self.page(statement, None, api::MOST_ROWS).await?;
        if first.next_token().is_none() {
            self.by_api(statement, gives, Some(first), rows).await?;
            return Ok(("api", "the result is one page".to_owned()));
        }
        let infos = api::infos(&first);
        drop(first);
        match self.by_s3(statement, gives, Some(infos), location, rows).await {
            Ok(()) => Ok(("s3", "the result is more than one page".to_owned())),
            // Once, and from the beginning: what came of it is no part of the result.
            Err(ObjectError::Faulty(why)) => {
                self.notes.warn(format!(
                    "the result object of statement {} is not what Athena wrote, so its rows came through Athena: {why}",
                    statement.statement.number
                ));
                self.by_api(statement, gives, None, rows).await?;
                Ok(("api", format!("the result object is not what Athena wrote: {why}")))
            }
            Err(ObjectError::Other(SliceError::Aws(error))) if is_no_way(&error) => {
                tracing::debug!(%error, "the rows are fetched through Athena instead");
                self.by_api(statement, gives, None, rows).await?;
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
                 cast to JSON in the query, gives them exactly. Any `varbinary` inside them is lost, Athena prints `[B@…` for it, \
                 and no cast to JSON takes it: fetch `unload`, or make it text in the query, as \
                 `transform(list, x -> to_hex(x))` and `transform_values(map, (k, v) -> to_base64(v))` do",
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

/// Whether another way may work: S3 says no, or nothing, or what answers is not S3. Who is asked to wait waits for nothing there.
fn is_no_way(error: &AwsError) -> bool {
    let waits = matches!(
        error.kind,
        ErrorKind::Throttled | ErrorKind::TimedOut | ErrorKind::Credentials
    );
    error.service == "s3" && (is_missing(error) || !waits)
}
