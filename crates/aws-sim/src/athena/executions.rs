//! GetQueryExecution, BatchGetQueryExecution, ListQueryExecutions, StopQueryExecution.

use serde_json::{Value as Json, json};

use super::Call;
use super::answers::execution;
use super::input::{Input, invalid, invalid_input};
use super::workgroups;
use crate::failure::Failure;
use crate::pages::Position;

/// AWS's words for a query that is not there.
pub(super) fn not_found(id: &str) -> Failure {
    invalid(
        "QUERY_EXECUTION_NOT_FOUND",
        format!("QueryExecution {id} was not found"),
    )
}

pub(super) fn get(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let id = input.required("QueryExecutionId")?;
    let state = call.state();
    let query = state.query(call, id).ok_or_else(|| not_found(id))?;
    Ok(json!({"QueryExecution": execution(query, call.world.clock.now())}))
}

pub(super) fn batch(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let ids = input.texts("QueryExecutionIds")?.unwrap_or_default();
    let bound = match ids.len() {
        1..=50 => None,
        0 => Some("greater than or equal to 1"),
        _ => Some("less than or equal to 50"),
    };
    if let Some(bound) = bound {
        return Err(invalid_input(format!(
            "1 validation error detected: Value at 'queryExecutionIds' failed to satisfy constraint: Member must have \
             length {bound}"
        )));
    }
    let (state, now) = (call.state(), call.world.clock.now());
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for id in ids {
        match state.query(call, &id) {
            Some(query) => found.push(execution(query, now)),
            None => unprocessed.push(json!({
                "QueryExecutionId": id,
                "ErrorCode": "QUERY_EXECUTION_NOT_FOUND",
                "ErrorMessage": format!("QueryExecution {id} was not found"),
            })),
        }
    }
    Ok(json!({"QueryExecutions": found, "UnprocessedQueryExecutionIds": unprocessed}))
}

/// The youngest first.
pub(super) fn list(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let size = input
        .number("MaxResults", 0, 50)?
        .filter(|size| *size > 0)
        .unwrap_or(50);
    let workgroup = input.text("WorkGroup")?.unwrap_or("primary");
    workgroups::find(call, workgroup)?;
    let (account, region) = (call.caller.account.as_str(), call.region);
    let binding = format!("ListQueryExecutions {account} {region} {workgroup}");
    let position = match input.sized("NextToken", 1, 1024)? {
        None => Position::default(),
        Some(token) => call
            .world
            .tokens
            .open(&binding, token)
            .ok_or_else(|| invalid_input(format!("The nextPageToken is malformed: {token}")))?,
    };
    let state = call.state();
    let own = state.all().rev().filter(|query| {
        (query.account.as_str(), query.region.as_str(), query.workgroup.as_str()) == (account, region, workgroup)
    });
    let ids: Vec<&str> = own.map(|query| query.id.as_str()).collect();
    let start = usize::try_from(position.at).unwrap_or(usize::MAX).min(ids.len());
    let end = ids.len().min(start + usize::try_from(size).unwrap_or(1));
    let mut answer = json!({"QueryExecutionIds": ids[start..end]});
    if end < ids.len() {
        answer["NextToken"] = call.world.tokens.seal(&binding, position.after_page(end as u64)).into();
    }
    Ok(answer)
}

pub(super) fn stop(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let id = input.required("QueryExecutionId")?;
    let mut state = call.state();
    state.query(call, id).ok_or_else(|| not_found(id))?;
    state.cancel(id, call.world.clock.now());
    Ok(json!({}))
}
