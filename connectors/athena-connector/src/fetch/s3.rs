//! Rows from the result object, parsed while it comes.

use aws_sdk_athena::types::ColumnInfo;
use connector_core::rows::Format;
use connector_core::{SliceError, SliceRows};

use super::{Fetcher, Shape, api, cell, columns};
use crate::execute::Succeeded;
use crate::objects::{Download, Location};
use crate::results::csv::CsvParser;
use crate::results::text::TextRows;

impl Fetcher<'_> {
    /// Reads the object. Its types are in Athena's metadata only: `infos` where they are here already.
    pub(super) async fn by_s3(
        &self,
        statement: &Succeeded,
        shape: Shape,
        infos: Option<Vec<ColumnInfo>>,
        location: &Location,
        rows: &mut SliceRows,
    ) -> Result<(), SliceError> {
        let infos = match infos {
            Some(infos) => infos,
            None => api::infos(&self.page(statement, None, 1).await?),
        };
        let columns = columns(&infos);
        if columns.is_empty() {
            return Ok(());
        }
        let mut object = Download::open(&self.reader(), self.host, location).await?;
        statement.note.set("result_bytes", object.size());
        let format = rows.format();
        let table = self.begin(rows, statement.statement.number, &columns);
        if shape.is_text() {
            let mut lines = TextRows::new(columns.len());
            let mut header = shape.has_header();
            let mut each = |record: &crate::results::Record<'_>| {
                if std::mem::take(&mut header) {
                    return Ok(());
                }
                self.push(statement, &columns, record.fields(), rows)
            };
            while let Some(chunk) = object.next().await? {
                lines.feed(&chunk.bytes, &mut each)?;
            }
            return lines.finish(&mut each);
        }
        let to_csv = format == Format::Csv;
        let mut parser = match to_csv {
            true => CsvParser::default().as_written(),
            false => CsvParser::default(),
        };
        let mut each = |record: &crate::results::Record<'_>| {
            table.push(|row| {
                if to_csv {
                    record.as_written().for_each(|field| row.csv_field(field));
                    return Ok(());
                }
                for (column, text) in columns.iter().zip(record.fields()) {
                    cell(row, format, column, text)?;
                }
                Ok(())
            })
        };
        while let Some(chunk) = object.next().await? {
            parser.feed(&chunk.bytes, &mut each)?;
        }
        parser.finish(&mut each)?;
        let header = parser.header().unwrap_or_default();
        if header.len() != columns.len() {
            return Err(SliceError::Local(format!(
                "the result object has {} columns where Athena's metadata has {}",
                header.len(),
                columns.len()
            )));
        }
        Ok(())
    }
}
