//! Rows page by page through Athena: wherever S3 is not allowed, and for results of one page.

use auth_core::{AwsError, Pages};
use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::types::ColumnInfo;
use connector_core::{SliceError, SliceRows};

use super::{Column, Fetcher, Shape, cell, columns};
use crate::execute::Succeeded;
use crate::results::text::TextRows;

/// Rows of a page at most; the header is one of them.
/// <https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html>
pub(super) const MOST_ROWS: i32 = 1000;

/// The columns that a page tells of.
pub(super) fn infos(page: &GetQueryResultsOutput) -> Vec<ColumnInfo> {
    let metadata = page.result_set().and_then(|result| result.result_set_metadata());
    metadata
        .map(|metadata| metadata.column_info().to_vec())
        .unwrap_or_default()
}

impl Fetcher<'_> {
    /// A page of at most `rows` rows.
    pub(super) async fn page(
        &self,
        statement: &Succeeded,
        token: Option<String>,
        rows: i32,
    ) -> Result<GetQueryResultsOutput, AwsError> {
        let request = self.client.get_query_results().set_next_token(token).max_results(rows);
        let request = request.set_query_execution_id(statement.execution.query_execution_id.clone());
        request.send().await.map_err(AwsError::of("athena", "GetQueryResults"))
    }

    /// The number of rows that a statement has changed.
    pub(super) async fn count(&self, statement: &Succeeded) -> Result<(), SliceError> {
        let page = self.page(statement, None, 1).await?;
        if let Some(count) = page.update_count() {
            statement.note.set("update_count", count);
        }
        Ok(())
    }

    /// All pages; `first` where it is here already.
    pub(super) async fn by_api(
        &self,
        statement: &Succeeded,
        shape: Shape,
        first: Option<GetQueryResultsOutput>,
        rows: &mut SliceRows,
    ) -> Result<(), SliceError> {
        let mut page = match first {
            Some(page) => page,
            None => self.page(statement, None, MOST_ROWS).await?,
        };
        let columns = columns(&infos(&page));
        if columns.is_empty() {
            return Ok(());
        }
        self.begin(rows, statement.statement.number, &columns);
        let mut lines = TextRows::new(columns.len());
        let mut pages = Pages::of("athena", "GetQueryResults");
        // The first row; a page before it may be empty.
        let mut header = shape.has_header();
        loop {
            let next = page.next_token.take();
            let result = page.result_set.take();
            for data in result.and_then(|result| result.rows).unwrap_or_default() {
                if std::mem::take(&mut header) {
                    continue;
                }
                let cells = data.data().iter().map(|datum| datum.var_char_value());
                if shape.is_text() {
                    lines.row(cells, |record| self.push(statement, &columns, record.fields(), rows))?;
                } else {
                    self.push(statement, &columns, cells, rows)?;
                }
            }
            if !pages.next(next)? {
                break;
            }
            page = self.page(statement, pages.token(), MOST_ROWS).await?;
        }
        lines.finish(|record| self.push(statement, &columns, record.fields(), rows))
    }

    /// Adds a row to the statement's table.
    pub(super) fn push<'c>(
        &self,
        statement: &Succeeded,
        columns: &[Column],
        cells: impl ExactSizeIterator<Item = Option<&'c str>>,
        rows: &mut SliceRows,
    ) -> Result<(), SliceError> {
        let format = rows.format();
        if cells.len() != columns.len() {
            let why = format!(
                "a row has {} cells where the result has {} columns",
                cells.len(),
                columns.len()
            );
            return Err(AwsError::answer("athena", "GetQueryResults", why).into());
        }
        rows.table(statement.statement.number)?.push(|row| {
            for (column, text) in columns.iter().zip(cells) {
                cell(row, format, column, text)?;
            }
            Ok(())
        })
    }
}
