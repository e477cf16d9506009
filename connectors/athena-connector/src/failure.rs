//! Why a query failed, in AWS's own words, and what to do about it.

use auth_core::AwsError;
use auth_core::error::Report;
use aws_sdk_athena::types::{QueryExecution, QueryExecutionState};
use connector_core::SliceError;
use connector_core::slice::Outcome;

use crate::statement::Effect;

/// What is to become of a query that has not succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It may be started again: nothing is done twice.
    Yes,
    /// It is final.
    No,
}

/// Whether a query that AWS has called FAILED may be started once more. What changes nothing may, when AWS says that it is
/// worth it; what changes rows in one commit may only after a commit that another writer came before: else data is written
/// twice. By the error's code: a reason may quote anything.
/// <https://docs.aws.amazon.com/athena/latest/APIReference/API_AthenaError.html>
pub(crate) fn again(execution: &QueryExecution, effect: Effect) -> Again {
    let status = execution.status();
    if status.and_then(|status| status.state()) != Some(&QueryExecutionState::Failed) {
        return Again::No;
    }
    let may = match effect {
        Effect::None => status
            .and_then(|status| status.athena_error())
            .is_some_and(|error| error.retryable()),
        Effect::Commit => code(&reason(execution)) == Some(COMMIT) && !has_unknown_effect(execution),
        Effect::Change => false,
    };
    if may { Again::Yes } else { Again::No }
}

/// The code of a commit that failed, or whose outcome is unknown.
const COMMIT: &str = "ICEBERG_COMMIT_ERROR";

/// Whether a statement that has failed may have changed something all the same: Iceberg cannot tell whether its commit was
/// successful, and what is done again then is done twice.
/// <https://github.com/trinodb/trino/issues/20471>
pub(crate) fn has_unknown_effect(execution: &QueryExecution) -> bool {
    let reason = reason(execution);
    code(&reason) == Some(COMMIT) && reason.contains("whether the commit was successful")
}

/// AWS's own words.
pub(crate) fn reason(execution: &QueryExecution) -> String {
    let status = execution.status();
    let reason = status.and_then(|status| status.state_change_reason());
    let error = status
        .and_then(|status| status.athena_error())
        .and_then(|error| error.error_message());
    let words = [reason, error].into_iter().flatten().find(|words| !words.is_empty());
    words.unwrap_or("AWS gives no reason").to_owned()
}

/// A query that failed, or that somebody else stopped.
pub(crate) fn failed(execution: &QueryExecution) -> SliceError {
    let reason = reason(execution);
    let cancelled = execution.status().and_then(|status| status.state()) == Some(&QueryExecutionState::Cancelled);
    let code = code(&reason);
    let report = Report {
        service: Some("athena"),
        operation: Some("StartQueryExecution"),
        hint: hint(code.unwrap_or_default(), &reason, cancelled).map(str::to_owned),
        code: code.map(str::to_owned),
        message: format!(
            "query {} {}: {reason}",
            execution.query_execution_id().unwrap_or_default(),
            if cancelled { "was cancelled" } else { "failed" }
        ),
        ..Report::default()
    };
    SliceError::Work(outcome(&reason), Box::new(report))
}

/// A query that AWS has not taken.
pub(crate) fn refused(error: AwsError) -> SliceError {
    let mut report = error.report();
    if report.hint.is_some() {
        return error.into();
    }
    report.hint = hint(code(&error.message).unwrap_or_default(), &error.message, false).map(str::to_owned);
    SliceError::Work(SliceError::from(error).outcome(), Box::new(report))
}

/// A query that we have stopped, or a limit of ours.
pub(crate) fn ended(outcome: Outcome, message: String, hint: &str) -> SliceError {
    let report = Report {
        service: Some("athena"),
        message,
        hint: Some(hint.to_owned()),
        ..Report::default()
    };
    SliceError::Work(outcome, Box::new(report))
}

/// `TABLE_NOT_FOUND` of `TABLE_NOT_FOUND: line 1:15: …`
/// <https://docs.aws.amazon.com/athena/latest/ug/error-reference.html>
fn code(reason: &str) -> Option<&str> {
    let (code, _) = reason.split_once(':')?;
    let capitals = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    // Hive's `FAILED: SemanticException …` has no code in front.
    (code.len() > 3 && code != "FAILED" && code.chars().all(capitals)).then_some(code)
}

/// A column that is not there is told in the words for one that may not be seen, and is mostly a slip of the pen:
/// `Column 'x' cannot be resolved or requester is not authorized to access requested resources`.
fn is_denial(reason: &str) -> bool {
    if code(reason) == Some("COLUMN_NOT_FOUND") {
        return false;
    }
    let lower = reason.to_ascii_lowercase();
    [
        "access denied",
        "accessdenied",
        "not authorized",
        "insufficient lake formation",
        "insufficient permissions",
    ]
    .iter()
    .any(|words| lower.contains(words))
}

fn outcome(reason: &str) -> Outcome {
    if is_denial(reason) {
        Outcome::Denied
    } else if reason.contains("SlowDown")
        || reason.contains("Rate exceeded")
        || reason.contains("Please reduce your request rate")
    {
        Outcome::Throttled
    } else {
        Outcome::Failed
    }
}

const NOT_THERE: &str = "check database and catalog, and whether the table exists in this account and region";
const UNSUPPORTED_TYPE: &str = "Parquet does not have this type: cast the column to varchar, or use fetch s3 or api";

fn hint(code: &str, reason: &str, cancelled: bool) -> Option<&'static str> {
    let hint = match code {
        COMMIT if reason.contains("whether the commit was successful") => {
            "nobody knows whether the rows were written: look at the table's snapshots; --resume does not write them again"
        }
        _ if reason.contains("when writing output") || reason.contains("Unable to verify/create output bucket") => {
            "the role needs s3:GetBucketLocation, s3:ListBucket and s3:PutObject on the bucket of output_location, and \
             the bucket's policy must allow it: a bucket of another account needs both"
        }
        "COLUMN_NOT_FOUND" => {
            "the table has no such column in this account, or Lake Formation does not grant it to the role: compare with \
             DESCRIBE"
        }
        _ if is_denial(reason) => {
            "the role needs s3:GetObject and s3:ListBucket on the tables' data, glue:Get* on catalog, database and \
             tables, and with Lake Formation its grants; kms:Decrypt where data is encrypted"
        }
        "TABLE_NOT_FOUND" | "SCHEMA_NOT_FOUND" | "CATALOG_NOT_FOUND" => NOT_THERE,
        // DESCRIBE and SHOW say it in Glue's and Hive's words.
        _ if ["Entity Not Found", "Table not found", "Database does not exist"]
            .iter()
            .any(|words| reason.contains(words)) =>
        {
            NOT_THERE
        }
        "SYNTAX_ERROR" | "TYPE_MISMATCH" | "FUNCTION_NOT_FOUND" => "AWS names line and column of the query",
        _ if reason.starts_with("line ") => "AWS names line and column of the query",
        "INVALID_PARAMETER_USAGE" => "give as many execution_parameters as the statement has ?",
        "MISSING_COLUMN_NAME" | "DUPLICATE_COLUMN_NAME" => {
            "UNLOAD needs columns with names of their own: name them in the query with `as`, or use fetch s3 or api"
        }
        "HIVE_PATH_ALREADY_EXISTS" => "the target of UNLOAD must be an empty prefix",
        "COLUMN_TYPE_UNKNOWN" => UNSUPPORTED_TYPE,
        "NOT_SUPPORTED" if reason.contains("UNLOAD") || reason.contains("in Hive") || reason.contains("Hive type") => {
            UNSUPPORTED_TYPE
        }
        "EXCEEDED_LOCAL_MEMORY_LIMIT" | "RESOURCE_EXHAUSTED" | "EXCEEDED_MEMORY_LIMIT" => {
            "the query needs more memory than Athena gives it: select fewer columns, filter by partition, drop ORDER BY"
        }
        _ if reason.contains("Query exhausted resources") => {
            "the query needs more than Athena gives it: select fewer columns, filter by partition, drop ORDER BY"
        }
        _ if reason.contains("Bytes scanned limit was exceeded") => {
            "the workgroup's limit for one query: filter by partition, select fewer columns, or raise the limit"
        }
        _ if cancelled => "somebody else stopped it: CloudTrail tells who called StopQueryExecution",
        _ => return None,
    };
    Some(hint)
}

#[cfg(test)]
mod tests {
    use aws_sdk_athena::types::{AthenaError, QueryExecutionStatus};

    use super::*;

    fn execution(state: QueryExecutionState, reason: &str, retryable: bool) -> QueryExecution {
        let error = AthenaError::builder().retryable(retryable).build();
        let status = QueryExecutionStatus::builder()
            .state(state)
            .state_change_reason(reason)
            .athena_error(error);
        QueryExecution::builder()
            .query_execution_id("q")
            .status(status.build())
            .build()
    }

    #[test]
    fn only_what_cannot_be_done_twice_is_started_again() {
        use QueryExecutionState::{Cancelled, Failed};
        let commit = "ICEBERG_COMMIT_ERROR: Failed to commit";
        for (state, reason, retryable, effect, expected) in [
            (Failed, "GENERIC_INTERNAL_ERROR: x", true, Effect::None, Again::Yes),
            (Failed, "GENERIC_INTERNAL_ERROR: x", true, Effect::Commit, Again::No),
            (Failed, "GENERIC_INTERNAL_ERROR: x", true, Effect::Change, Again::No),
            (Failed, "GENERIC_INTERNAL_ERROR: x", false, Effect::None, Again::No),
            (Failed, commit, false, Effect::Commit, Again::Yes),
            (
                Failed,
                "ICEBERG_COMMIT_ERROR: Cannot determine whether the commit was successful or not, the underlying data files may \
                 or may not be needed",
                true,
                Effect::Commit,
                Again::No,
            ),
            // A table may be left behind.
            (Failed, commit, true, Effect::Change, Again::No),
            // What a user has written is quoted.
            (
                Failed,
                "SYNTAX_ERROR: no column ICEBERG_COMMIT_ERROR: x",
                false,
                Effect::Commit,
                Again::No,
            ),
            (Cancelled, commit, true, Effect::None, Again::No),
            (Cancelled, commit, true, Effect::Commit, Again::No),
        ] {
            let execution = execution(state.clone(), reason, retryable);
            assert_eq!(
                again(&execution, effect),
                expected,
                "{state:?} {reason} {retryable} {effect:?}"
            );
        }
    }

    #[test]
    fn reasons_become_outcomes_codes_and_hints() {
        for (reason, outcome, code, hint) in [
            (
                "TABLE_NOT_FOUND: line 1:15: Table 'a.b.c' does not exist",
                Outcome::Failed,
                Some("TABLE_NOT_FOUND"),
                "database",
            ),
            (
                "Access denied when writing output to url: s3://b/k.csv",
                Outcome::Denied,
                None,
                "output_location",
            ),
            (
                "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved or requester is not authorized to access \
                 requested resources",
                Outcome::Failed,
                Some("COLUMN_NOT_FOUND"),
                "DESCRIBE",
            ),
            (
                "PERMISSION_DENIED: Access Denied (Service: Amazon S3",
                Outcome::Denied,
                Some("PERMISSION_DENIED"),
                "s3:GetObject",
            ),
            (
                "FAILED: SemanticException [Error 10001]: Table not found b.c",
                Outcome::Failed,
                None,
                "database",
            ),
            (
                "HIVE_CURSOR_ERROR: Please reduce your request rate. (SlowDown)",
                Outcome::Throttled,
                Some("HIVE_CURSOR_ERROR"),
                "",
            ),
        ] {
            let SliceError::Work(found, report) = failed(&execution(QueryExecutionState::Failed, reason, false)) else {
                panic!("{reason}");
            };
            assert_eq!((found, report.code.as_deref()), (outcome, code), "{reason}");
            assert!(report.message.contains(reason), "{}", report.message);
            assert!(report.hint.unwrap_or_default().contains(hint), "{reason}");
        }
    }
}
