//! GetQueryResults: the rows in pages.
//! <https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html>

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::Call;
use super::executions::not_found;
use super::input::{Input, invalid, invalid_input};
use super::query::{Query, QueryState};
use super::result::{Column, ResultSet};
use super::run;
use super::statement::Kind;
use crate::estate::Pages;
use crate::failure::Failure;
use crate::pages::Position;

pub(super) fn get(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let token = input.sized("NextToken", 1, 1024)?;
    let size = input.number("MaxResults", 1, 100_000)?;
    let id = input.required("QueryExecutionId")?;
    let manifest = match input.text("QueryResultType")? {
        None | Some("DATA_ROWS") => false,
        Some("DATA_MANIFEST") => true,
        Some(_) => {
            return Err(invalid_input(
                "1 validation error detected: Value at 'queryResultType' failed to satisfy constraint: Member must \
                 satisfy enum value set: [DATA_MANIFEST, DATA_ROWS]",
            ));
        }
    };
    let (result, header, counted, measured) = {
        let state = call.state();
        let query = state.query(call, id).ok_or_else(|| not_found(id))?;
        // The model has no upper bound; the service has.
        if size.is_some_and(|size| size > 1000) {
            return Err(invalid_input("MaxResults is more than maximum allowed length 1000"));
        }
        let mut result = finished(call, query)?;
        if manifest {
            let parts = query.end.as_ref().map_or(Vec::new(), |end| end.parts.clone());
            result = Arc::new(ResultSet::lines(vec![Column::string("manifest")], parts));
        }
        let header = query.statement.has_header() && !manifest && query.measured.is_none();
        (result, header, counts(query), query.measured.clone())
    };
    let size = u64::try_from(size.unwrap_or(1000)).unwrap_or(1000);
    let binding = format!("GetQueryResults {} {} {id}", call.caller.account, call.region);
    let position = match token {
        None => Position::default(),
        Some(token) => call
            .world
            .tokens
            .open(&binding, token)
            .ok_or_else(|| invalid_input(format!("Malformed nextPageToken {token}")))?,
    };
    let infos: Vec<Json> = match &measured {
        Some(measured) => measured.columns.clone(),
        None => result.columns.iter().map(Column::info).collect(),
    };
    let count = match &measured {
        Some(measured) => measured.update_count,
        None => result.update_count.or(counted.then_some(0)),
    };
    let answer = |rows: Vec<Json>, next: Option<Position>| {
        let mut answer = json!({"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": infos}}});
        if let Some(count) = count {
            answer["UpdateCount"] = count.into();
        }
        if let Some(next) = next {
            answer["NextToken"] = call.world.tokens.seal(&binding, next).into();
        }
        answer
    };
    let pages = Pages {
        empty_every: call.world.estate.athena.empty_page_every,
        ..Pages::default()
    };
    if position.empty_is_due(&pages) {
        return Ok(answer(Vec::new(), Some(position.after_empty())));
    }
    // The header is the row 0 where there is one.
    let extra = u64::from(header);
    let all = measured
        .as_ref()
        .map_or(result.len() + extra, |measured| measured.rows.len() as u64);
    let start = position.at.min(all);
    let end = all.min(start + size);
    let mut rows = Vec::new();
    for at in start..end {
        if let Some(measured) = &measured {
            rows.push(measured.rows[usize::try_from(at).unwrap_or(usize::MAX)].clone());
        } else if at < extra {
            rows.push(row(result.columns.iter().map(|column| Some(column.name.clone()))));
        } else {
            rows.push(row(result.texts(at - extra).into_iter()));
        }
    }
    Ok(answer(rows, (end < all).then(|| position.after_page(end))))
}

fn row(texts: impl Iterator<Item = Option<String>>) -> Json {
    let datum = |text: Option<String>| match text {
        Some(text) => json!({"VarCharValue": text}),
        None => json!({}),
    };
    json!({"Data": texts.map(datum).collect::<Vec<_>>()})
}

/// Whether the answer has an `UpdateCount` of 0: of SELECT and SHOW, and not of DDL, DESCRIBE and EXPLAIN.
fn counts(query: &Query) -> bool {
    match query.statement.kind {
        Kind::Select | Kind::Execute => true,
        Kind::Describe | Kind::ShowCreateTable => false,
        _ => query.statement.of == "UTILITY",
    }
}

/// The result of a query that has one.
fn finished(call: &Call<'_>, query: &Query) -> Result<Arc<ResultSet>, Failure> {
    let now = call.world.clock.now();
    match query.state(now) {
        unfinished @ (QueryState::Queued | QueryState::Running) => Err(invalid(
            "INVALID_QUERY_EXECUTION_STATE",
            format!("Query has not yet finished. Current state: {}", unfinished.name()),
        )),
        QueryState::Failed => Err(invalid(
            "INVALID_QUERY_EXECUTION_STATE",
            "Query did not finish successfully. Final query state: FAILED",
        )),
        QueryState::Cancelled => Err(gone()),
        QueryState::Succeeded => {
            let result = query.end.as_ref().and_then(|end| end.result.clone()).ok_or_else(gone)?;
            readable(call, query)?;
            Ok(result)
        }
    }
}

fn gone() -> Failure {
    invalid("RESULT_NOT_FOUND", "Could not find results")
}

/// Athena reads the object on the caller's behalf: it must still be there, and the caller be allowed to read it.
fn readable(call: &Call<'_>, query: &Query) -> Result<(), Failure> {
    let Some((bucket, key)) = query.placement.object(&query.result_name()) else {
        return Ok(());
    };
    if !query.has_object() {
        return Ok(());
    }
    if call.world.estate.athena.results_need_get_object
        && run::allowed(call.world, call.caller, "s3:GetObject", &bucket, &key).is_err()
    {
        let message = format!(
            "User: {} is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::{bucket}/{key}\"",
            call.caller.arn
        );
        return Err(Failure::new(400, "AccessDeniedException", message));
    }
    if call.world.s3.object(&bucket, &key).is_none() {
        return Err(gone());
    }
    Ok(())
}
