//! What a query does when its time has come: computes, writes its result, and ends.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::engine::{self, Context};
use super::metadata::companion;
use super::query::{End, Query, QueryState};
use super::result::ResultSet;
use super::state::State;
use super::statement::{Form, Kind};
use super::unload;
use crate::credentials::Identity;
use crate::estate::{Canned, QueryError, trimmed};
use crate::failure::Failure;
use crate::world::World;

const OCTETS: &str = "application/octet-stream";

/// What a query has produced.
pub(super) struct Outcome {
    pub(super) result: ResultSet,
    pub(super) manifest: Option<String>,
    /// What the manifest names.
    pub(super) parts: Vec<String>,
}

impl From<ResultSet> for Outcome {
    fn from(result: ResultSet) -> Self {
        Self {
            result,
            manifest: None,
            parts: Vec::new(),
        }
    }
}

/// Carries a query out.
pub(super) fn carry_out(world: &World, state: &mut State, query: &Query, at: SystemTime) -> End {
    let end = |state, reason: Option<String>, scanned| End {
        at,
        state,
        reason,
        error: None,
        result: None,
        manifest: None,
        parts: Vec::new(),
        scanned,
    };
    if let Some(cutoff) = query.cutoff.filter(|cutoff| query.scans > *cutoff) {
        let reason = "Bytes scanned limit was exceeded".to_owned();
        return end(QueryState::Cancelled, Some(reason), cutoff);
    }
    match outcome(world, state, query, at) {
        Ok(outcome) => End {
            result: Some(Arc::new(outcome.result)),
            manifest: outcome.manifest,
            parts: outcome.parts,
            ..end(QueryState::Succeeded, None, query.scans)
        },
        Err(error) => {
            write_failure(world, query, &error);
            End {
                error: Some(error.clone()),
                ..end(QueryState::Failed, Some(error.message), query.scanned(at))
            }
        }
    }
}

fn outcome(world: &World, state: &mut State, query: &Query, at: SystemTime) -> Result<Outcome, QueryError> {
    if let Some(error) = &query.fails {
        return Err(error.clone());
    }
    let outcome = match &query.reused {
        Some(result) => (**result).clone().into(),
        None => compute(world, state, query, at)?,
    };
    write(world, query, &outcome.result)?;
    Ok(outcome)
}

fn compute(world: &World, state: &mut State, query: &Query, at: SystemTime) -> Result<Outcome, QueryError> {
    let (account, region) = (query.account.as_str(), query.region.as_str());
    if let Some(canned) = canned(world, account, region, &query.text) {
        return Ok(ResultSet::canned(&canned).into());
    }
    let context = Context {
        database: query.database.clone(),
        parameters: query.parameters.clone(),
        now: at,
    };
    let (text, context) = match engine::executed(&query.text) {
        None => (query.text.clone(), context),
        Some((name, mut arguments)) => {
            let text = state.prepared_in(world, account, region, &query.workgroup, &name);
            let text =
                text.ok_or_else(|| engine::error(&format!("NOT_FOUND: Prepared statement not found: {name}")))?;
            arguments.extend(context.parameters.iter().cloned());
            let context = Context {
                parameters: arguments,
                ..context
            };
            (text, context)
        }
    };
    match query.statement.kind {
        Kind::Prepare | Kind::Deallocate => {
            prepare(state, query)?;
            Ok(ResultSet::nothing().into())
        }
        Kind::Unload => {
            let unload = unload::parsed(&text)?;
            let result = match canned(world, account, region, &unload.query) {
                Some(canned) => ResultSet::canned(&canned),
                None => state
                    .engine(world, account, region)
                    .run(&unload.query, Kind::Select, &context)?,
            };
            unload::write(world, query, &unload, &result)
        }
        kind => {
            let engine = state.engine(world, account, region);
            Ok(engine.run(&text, kind, &context)?.into())
        }
    }
}

/// PREPARE and DEALLOCATE PREPARE.
fn prepare(state: &mut State, query: &Query) -> Result<(), QueryError> {
    let (name, text) = engine::prepared(&query.text).ok_or_else(|| engine::error("SYNTAX_ERROR: not a PREPARE"))?;
    let key = (
        query.account.clone(),
        query.region.clone(),
        query.workgroup.clone(),
        name,
    );
    match text {
        Some(text) => state.prepared.insert(key, text),
        None => state.prepared.remove(&key),
    };
    Ok(())
}

/// The result that the estate gives for a statement.
pub(super) fn canned(world: &World, account: &str, region: &str, text: &str) -> Option<Arc<Canned>> {
    let given = world.estate.athena.canned.iter().rev();
    let mut own = given.filter(|canned| canned.scope.covers(account, region));
    own.find(|canned| canned.text == trimmed(text))
        .map(|canned| Arc::clone(&canned.result))
}

/// Whether somebody may do something with an object: by their own policies, and by the bucket's.
pub(super) fn allowed(world: &World, caller: &Identity, action: &str, bucket: &str, key: &str) -> Result<(), Failure> {
    if caller.lacks(action) {
        return Err(Failure::new(403, "AccessDenied", "Access Denied"));
    }
    world.s3.authorize(&caller.account, action, bucket, key)
}

/// Writes an object on behalf of the one who started the query.
pub(super) fn put(world: &World, query: &Query, bucket: &str, key: &str, body: Bytes) -> Result<(), QueryError> {
    let denied = || {
        QueryError::user(
            401,
            &format!(
                "Access denied when writing output to url: s3://{bucket}/{key} . Please ensure you are allowed to access \
                 the S3 bucket. If you are encrypting query results with KMS key, please ensure you are allowed to \
                 access your KMS key"
            ),
        )
    };
    let found = world.s3.bucket(bucket).ok_or_else(denied)?;
    let expected = query
        .placement
        .settings
        .get("ExpectedBucketOwner")
        .and_then(|owner| owner.as_str());
    if expected.is_some_and(|owner| owner != found.owner) {
        return Err(denied());
    }
    allowed(world, &query.caller, "s3:PutObject", bucket, key).map_err(|_| denied())?;
    let encrypted = query.placement.settings.get("EncryptionConfiguration");
    let body = match encrypted.and_then(|encryption| encryption["EncryptionOption"].as_str()) {
        Some("CSE_KMS") => ciphertext(&body),
        _ => body,
    };
    world.s3.put_as(bucket, key, body, OCTETS).map_err(|_| denied())?;
    Ok(())
}

/// What S3 holds where the client encrypts: bytes that only Athena and who has the key can read.
/// <https://docs.aws.amazon.com/athena/latest/ug/encrypting-query-results-stored-in-s3.html>
fn ciphertext(body: &[u8]) -> Bytes {
    let mut key = 0x9e37_79b9_u32;
    let byte = |byte: &u8| {
        key = key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        byte ^ key.to_be_bytes()[0]
    };
    body.iter().map(byte).collect()
}

/// Writes the result and its companion, as far as the statement has them.
fn write(world: &World, query: &Query, result: &ResultSet) -> Result<(), QueryError> {
    let Some((bucket, key)) = query.placement.object(&query.result_name()) else {
        return Ok(());
    };
    if let Some(measured) = &query.measured {
        let object = measured.object.clone();
        return object.map_or(Ok(()), |object| put(world, query, &bucket, &key, object.into()));
    }
    let body = match query.statement.form() {
        Form::Csv => Some(result.csv()),
        Form::Text => Some(result.plain_text(query.statement.has_header())),
        Form::CsvUnwritten | Form::Bare | Form::Tables => None,
    };
    if let Some(body) = body {
        put(world, query, &bucket, &key, body)?;
    }
    if result.columns.is_empty() {
        return Ok(());
    }
    let update = result.update_count.and(match query.statement.kind {
        Kind::CreateTableAs => Some("CREATE TABLE"),
        _ => query.statement.sub,
    });
    let companion = companion(&query.id, update, result);
    put(world, query, &bucket, &format!("{key}.metadata"), companion.into())
}

/// DDL and utility statements that fail leave the reason where their result would be.
fn write_failure(world: &World, query: &Query, error: &QueryError) {
    if query.statement.form() != Form::Text || query.statement.has_header() {
        return;
    }
    if let Some((bucket, key)) = query.placement.object(&query.result_name()) {
        // A query that may not write has nowhere to leave it.
        let _ = put(world, query, &bucket, &key, error.message.clone().into());
    }
}
