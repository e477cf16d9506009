//! Rows from the result object, parsed while it comes.

use std::sync::Arc;

use aws_sdk_athena::types::ColumnInfo;
use connector_core::rows::{Format, Row, RowWriter};
use connector_core::{SliceError, SliceRows};

use super::side_by_side::side_by_side;
use super::{Column, Fetcher, api, cell, columns, has_header, is_text, lines_of};
use crate::execute::Succeeded;
use crate::objects::{Download, Location, ObjectError, Objects};
use crate::results::Record;
use crate::results::csv::CsvParser;
use crate::statement::Gives;

/// What cells a record's fields are.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    columns: Arc<[Column]>,
    format: Format,
}

impl Cells {
    /// Adds a record's.
    pub(super) fn fill(&self, row: &mut Row<'_>, record: &Record<'_>) -> Result<(), SliceError> {
        if self.format == Format::Csv {
            record.as_written().for_each(|field| row.csv_field(field));
            return Ok(());
        }
        for (column, text) in self.columns.iter().zip(record.fields()) {
            cell(row, self.format, column, text)?;
        }
        Ok(())
    }
}

impl Fetcher<'_> {
    /// Reads the object. Its types are in Athena's metadata only: `infos` where they are here already.
    ///
    /// # Errors
    /// An object that is not the statement's result is [`ObjectError::Faulty`].
    pub(super) async fn by_s3(
        &self,
        statement: &Succeeded,
        gives: Gives,
        infos: Option<Vec<ColumnInfo>>,
        location: &Location,
        rows: &mut SliceRows,
    ) -> Result<(), ObjectError> {
        let (infos, has_rows) = match infos {
            Some(infos) => (infos, true),
            None => {
                let page = self.page(statement, None, 1).await?;
                (api::infos(&page), api::has_text(&page))
            }
        };
        let columns = columns(&infos, gives)?;
        let mut object = Download::open(&self.reader(), self.host, location).await?;
        statement.note.set("result_bytes", object.size());
        if object.size() == 0 && has_rows {
            let why = "the result object has no bytes, and Athena has rows";
            return Err(ObjectError::Faulty(why.to_owned()));
        }
        let format = rows.format();
        let table = self.begin(rows, statement.statement.number, &columns);
        if is_text(gives) {
            let mut lines = lines_of(gives, columns.len());
            let mut header = has_header(gives);
            let mut each = |record: &Record<'_>| {
                if std::mem::take(&mut header) {
                    return Ok(());
                }
                self.push(statement, &columns, record.fields(), rows)
                    .map_err(ObjectError::from)
            };
            while let Some(chunk) = object.next().await? {
                lines.feed(&chunk.bytes, &mut each)?;
            }
            return lines.finish(&mut each);
        }
        let cells = Cells {
            columns: columns.into(),
            format,
        };
        let names = cells.columns.iter().map(|column| column.name.clone());
        let parser = CsvParser::default().with_columns(names.collect());
        let parser = match format {
            Format::Csv => parser.as_written(),
            Format::Json | Format::Jsonl | Format::Parquet => parser,
        };
        match self.objects.cores(object.size()) {
            Some(cores) => {
                let cores = cores.num_permits();
                side_by_side(&mut object, self.objects, parser, &cells, cores, table).await
            }
            None => one_by_one(&mut object, self.objects, parser, &cells, table).await,
        }
    }
}

/// Parses the object's records as they come.
async fn one_by_one(
    object: &mut Download,
    objects: &Objects,
    mut parser: CsvParser,
    cells: &Cells,
    table: &mut RowWriter,
) -> Result<(), ObjectError> {
    let mut each = |record: &Record<'_>| table.push(|row| cells.fill(row, record)).map_err(ObjectError::from);
    let mut large = None;
    while let Some(chunk) = object.next().await? {
        objects.large(parser.pending(), &mut large).await;
        parser.feed(&chunk.bytes, &mut each)?;
    }
    parser.finish(&mut each)
}
