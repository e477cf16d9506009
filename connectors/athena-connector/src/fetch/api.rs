//! Rows page by page through Athena: wherever S3 is not allowed, and for results of one page.

use auth_core::{AwsError, Pages};
use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::types::{ColumnInfo, Row};
use connector_core::{SliceError, SliceRows};

use super::{Column, Fetcher, cell, columns, has_header, is_text, lines_of};
use crate::execute::Succeeded;
use crate::statement::Gives;

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

/// Holds the first row to be what it should be.
fn names_of(row: &Row, columns: &[Column]) -> Result<(), AwsError> {
    let found = row.data().iter().map(|datum| datum.var_char_value());
    if found.eq(columns.iter().map(|column| Some(column.name.as_str()))) {
        return Ok(());
    }
    let why = "the first row of the result is not the names of the columns";
    Err(AwsError::answer("athena", "GetQueryResults", why))
}

/// Whether a page has any text, so that the result object cannot be empty.
pub(super) fn has_text(page: &GetQueryResultsOutput) -> bool {
    let rows = page.result_set().map(|result| result.rows()).unwrap_or_default();
    let mut data = rows.iter().flat_map(|row| row.data());
    data.any(|datum| datum.var_char_value().is_some_and(|text| !text.is_empty()))
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

    /// The number of rows that a statement has changed. Rows that it has all the same are not published in silence.
    pub(super) async fn count(&self, statement: &Succeeded) -> Result<(), AwsError> {
        if self.has_rows(statement).await? {
            self.notes.warn(format!(
                "statement {} gives rows, but AWS calls it {}, a kind of statement that is not known to give any: its \
                 rows are not in the output",
                statement.statement.number,
                statement.execution.substatement_type().unwrap_or("nothing")
            ));
        }
        Ok(())
    }

    /// Whether the result has a row, be it the names of the columns; and the number of rows that the statement has changed,
    /// for the ledger.
    pub(super) async fn has_rows(&self, statement: &Succeeded) -> Result<bool, AwsError> {
        let mut pages = Pages::of("athena", "GetQueryResults");
        loop {
            let page = self.page(statement, pages.token(), 1).await?;
            if let Some(count) = page.update_count() {
                statement.note.set("update_count", count);
            }
            let rows = page.result_set().map(|result| result.rows().len()).unwrap_or_default();
            if rows > 0 {
                return Ok(true);
            }
            if !pages.next(page.next_token)? {
                return Ok(false);
            }
        }
    }

    /// All pages; `first` where it is here already.
    pub(super) async fn by_api(
        &self,
        statement: &Succeeded,
        gives: Gives,
        first: Option<GetQueryResultsOutput>,
        rows: &mut SliceRows,
    ) -> Result<(), SliceError> {
        let mut page = match first {
            Some(page) => page,
            None => self.page(statement, None, MOST_ROWS).await?,
        };
        let columns = columns(&infos(&page), gives)?;
        self.begin(rows, statement.statement.number, &columns);
        let mut lines = lines_of(gives, columns.len());
        let mut pages = Pages::of("athena", "GetQueryResults");
        // The first row; a page before it may be empty.
        let mut header = has_header(gives);
        loop {
            let next = page.next_token.take();
            let Some(data) = page.result_set.take().and_then(|result| result.rows) else {
                return Err(
                    AwsError::answer("athena", "GetQueryResults", "the answer has no rows, not even none").into(),
                );
            };
            for data in data {
                if std::mem::take(&mut header) {
                    names_of(&data, &columns)?;
                    continue;
                }
                let cells = data.data().iter().map(|datum| datum.var_char_value());
                if is_text(gives) {
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
        if header {
            let why = "the result has no row with the names of the columns";
            return Err(AwsError::answer("athena", "GetQueryResults", why).into());
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
