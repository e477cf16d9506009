//! Rows from the Parquet parts of an UNLOAD: exact nested values. The parts are loaded side by side, and read in the order
//! of the manifest.

use std::fs::File;

use auth_core::AwsError;
use connector_core::rows::{Format, Scratch, ScratchPlace};
use connector_core::slice::Outcome;
use connector_core::table::{Heading, Value};
use connector_core::{SliceError, SliceRows};
use futures::{StreamExt as _, TryStreamExt as _};

use super::{Column, Fetcher, api, manifest};
use crate::execute::Succeeded;
use crate::failure::ended;
use crate::objects::{Download, Location, ObjectError};
use crate::results::parquet::{Part, PartError};
use crate::statement::{Gives, Statement};

/// Parts that are loaded at once.
const PARTS: usize = 4;
/// A manifest of a million parts is about this large.
const LARGEST_MANIFEST: u64 = 256 * 1024 * 1024;

impl From<PartError> for SliceError {
    fn from(error: PartError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        SliceError::Local(format!(
            "a part that UNLOAD wrote: {error}{}",
            cause.unwrap_or_default()
        ))
    }
}

impl Fetcher<'_> {
    /// Reads what Athena wrote under `target`.
    pub(super) async fn by_unload(
        &self,
        statement: &Succeeded,
        target: &str,
        rows: &mut SliceRows,
    ) -> Result<(), SliceError> {
        let parts = self.parts(statement).await?;
        for part in &parts {
            if !part.starts_with(target) {
                return Err(ended(
                    Outcome::Failed,
                    format!("the manifest names {part}, which is not under {target}"),
                    "nobody but Athena should write under output_location: look who does",
                ));
            }
        }
        if parts.is_empty() {
            return self.no_rows(statement, rows).await;
        }
        let number = statement.statement.number;
        let scratch = rows.scratch();
        let loading = futures::stream::iter(parts)
            .map(|part| self.load(part, &scratch))
            .buffered(PARTS);
        let mut loading = std::pin::pin!(loading);
        let mut headings: Option<Vec<Heading>> = None;
        while let Some((file, _place)) = loading.try_next().await? {
            let part = Part::open(file)?;
            let own: Vec<Heading> = part
                .columns()
                .iter()
                .map(|c| Heading::new(c.name.as_str(), c.kind()))
                .collect();
            match &headings {
                None => {
                    self.warn_of_precision(&part, rows.format());
                    rows.begin(number, own.clone());
                    headings = Some(own);
                }
                Some(first) if *first == own => {}
                Some(_) => {
                    return Err(SliceError::Local(
                        "the parts that UNLOAD wrote differ in their columns".to_owned(),
                    ));
                }
            }
            let csv = rows.format() == Format::Csv;
            let mut scratch = String::new();
            for batch in part {
                let batch = batch?;
                let table = rows.table(number)?;
                for record in batch.iter() {
                    table.push(|row| {
                        for cell in record.cells() {
                            if csv {
                                row.cell(&Value::text(cell.text(&mut scratch)));
                            } else {
                                row.cell(&cell.value(&mut scratch));
                            }
                        }
                        Ok(())
                    })?;
                }
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Athena prints a timestamp with the digits that it is declared with, of which these files tell nothing.
    fn warn_of_precision(&self, part: &Part, format: Format) {
        let names: Vec<String> = part.without_precision().map(|name| format!("`{name}`")).collect();
        if names.is_empty() || format == Format::Parquet {
            return;
        }
        self.notes.warn(format!(
            "UNLOAD does not keep the declared precision of timestamps ({}): they have 3 digits behind the point, 6 or 9 where finer \
             ones are not zero; fetch `s3` or `api` gives the digits that Athena prints",
            names.join(", ")
        ));
    }

    /// The addresses of the parts, as the manifest has them.
    pub(super) async fn parts(&self, statement: &Succeeded) -> Result<Vec<String>, SliceError> {
        if statement.unloaded.is_none() {
            return Ok(Vec::new());
        }
        let statistics = statement.execution.statistics();
        let manifest = statistics.and_then(|statistics| statistics.data_manifest_location());
        let Some(manifest) = manifest.and_then(Location::parse) else {
            let why = "the answer names no manifest of what UNLOAD wrote";
            return Err(AwsError::answer("athena", "GetQueryExecution", why).into());
        };
        let mut object = Download::open(&self.reader(), self.host, &manifest).await?;
        if object.size() > LARGEST_MANIFEST {
            return Err(SliceError::Local(format!("the manifest has {} bytes", object.size())));
        }
        let mut text = Vec::new();
        while let Some(chunk) = object.next().await? {
            text.extend_from_slice(&chunk.bytes);
        }
        Ok(manifest::addresses(text).map_err(ObjectError::Faulty)?)
    }

    /// A part on the disk: Parquet is read from its end, and a part may be larger than memory.
    async fn load(&self, address: String, scratch: &Scratch) -> Result<(File, ScratchPlace), SliceError> {
        let Some(location) = Location::parse(&address) else {
            return Err(SliceError::Local(format!(
                "the manifest names {address}, which is no object"
            )));
        };
        // First of all: parts take their places in the order in which they are read and give them back.
        let place = scratch.place().await;
        let mut object = Download::open(&self.reader(), self.host, &location).await?;
        let mut file = place.file()?;
        while let Some(chunk) = object.next().await? {
            place.write(&mut file, &chunk.bytes)?;
        }
        Ok((file, place))
    }

    /// UNLOAD writes nothing where there are no rows, not even the columns. A query that reads nothing tells them; they are
    /// to be those that other accounts' parts have.
    async fn no_rows(&self, statement: &Succeeded, rows: &mut SliceRows) -> Result<(), SliceError> {
        let text = format!("SELECT * FROM (\n{}\n) LIMIT 0", statement.statement.text);
        let columns = Statement::new(statement.statement.number, text);
        let succeeded = self.executor.execute_as_it_is(&columns).await?;
        let columns = super::columns(&api::infos(&self.page(&succeeded, None, 1).await?), Gives::Table)?;
        // Files of Hive have names in small letters.
        let heading = |column: &Column| Heading::new(column.name.to_lowercase(), column.athena_type.kind_in_parquet());
        rows.begin(statement.statement.number, columns.iter().map(heading).collect());
        self.leave(&succeeded).await;
        Ok(())
    }
}
