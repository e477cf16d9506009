//! A query as the API tells of it.
//! <https://docs.aws.amazon.com/athena/latest/APIReference/API_QueryExecution.html>

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use super::query::{Query, QueryState};
use super::workgroups::ENGINE;

/// Seconds since 1970 with three digits behind the point.
fn seconds(at: SystemTime) -> f64 {
    let millis = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    millis as f64 / 1000.0
}

/// `QueryExecution`.
pub(super) fn execution(query: &Query, now: SystemTime) -> Json {
    let mut found = json!({
        "QueryExecutionId": query.id,
        "Query": query.text,
        "StatementType": query.statement.of,
        "ResultReuseConfiguration": query.reuse.clone().unwrap_or_else(
            || json!({"ResultReuseByAgeConfiguration": {"Enabled": false}})
        ),
        "QueryExecutionContext": context(query),
        "Status": status(query, now),
        "Statistics": statistics(query, now),
        "WorkGroup": query.workgroup,
        "EngineVersion": {"SelectedEngineVersion": query.engine, "EffectiveEngineVersion": ENGINE},
    });
    if let Some(sub) = query.statement.sub {
        found["SubstatementType"] = sub.into();
    }
    if let Some(measured) = &query.measured {
        found["StatementType"] = measured.statement_type.as_str().into();
        found["SubstatementType"] = measured.substatement.as_str().into();
    }
    if !query.parameters.is_empty() {
        found["ExecutionParameters"] = query.parameters.clone().into();
    }
    if query.placement.managed {
        found["ManagedQueryResultsConfiguration"] = json!({"Enabled": true});
        return found;
    }
    let mut configuration = query.placement.settings.clone();
    if let Some(output) = query.output() {
        configuration.insert("OutputLocation".to_owned(), output.into());
    }
    found["ResultConfiguration"] = Json::Object(configuration);
    found
}

fn context(query: &Query) -> Json {
    let mut context = json!({});
    if let Some(database) = &query.database {
        context["Database"] = database.as_str().into();
    }
    if let Some(catalog) = &query.catalog {
        context["Catalog"] = catalog.as_str().into();
    }
    context
}

fn status(query: &Query, now: SystemTime) -> Json {
    let mut status = json!({
        "State": query.state(now).name(),
        "SubmissionDateTime": seconds(query.submitted),
    });
    let Some(end) = &query.end else {
        return status;
    };
    status["CompletionDateTime"] = seconds(end.at).into();
    if let Some(reason) = &end.reason {
        status["StateChangeReason"] = reason.as_str().into();
    }
    if let Some(error) = &end.error {
        status["AthenaError"] = json!({
            "ErrorCategory": error.category,
            "ErrorType": error.kind,
            "Retryable": error.retryable,
            "ErrorMessage": error.message,
        });
    }
    status
}

fn statistics(query: &Query, now: SystemTime) -> Json {
    let until = query.end.as_ref().map_or(now, |end| end.at);
    let total = until.duration_since(query.submitted).unwrap_or_default();
    let queued = total.min(query.queue);
    let running = total - queued;
    // Publishing the result is the last bit; planning is a part of the engine's time.
    let finished = query.end.is_some();
    let publishing = if finished {
        (running / 20).min(Duration::from_millis(100))
    } else {
        Duration::ZERO
    };
    let engine = running - publishing;
    let planning = (engine / 10).min(Duration::from_millis(250));
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut statistics = json!({
        "EngineExecutionTimeInMillis": millis(engine),
        "DataScannedInBytes": query.scanned(now),
        "TotalExecutionTimeInMillis": millis(total),
        "QueryQueueTimeInMillis": millis(queued),
        "ServicePreProcessingTimeInMillis": 0,
        "QueryPlanningTimeInMillis": millis(planning),
        "ServiceProcessingTimeInMillis": millis(publishing),
        "ResultReuseInformation": {"ReusedPreviousResult": query.reused.is_some()},
    });
    if query.state(now) == QueryState::Queued {
        statistics["ResultReuseInformation"] = json!({"ReusedPreviousResult": false});
    }
    if let Some(manifest) = query.end.as_ref().and_then(|end| end.manifest.as_deref()) {
        statistics["DataManifestLocation"] = manifest.into();
    }
    statistics
}
