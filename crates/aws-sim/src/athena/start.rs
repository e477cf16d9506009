//! StartQueryExecution: everything that is judged before a query is there.
//! <https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html>

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::Call;
use super::engine;
use super::input::{Input, invalid, invalid_input};
use super::query::{Query, QueryState};
use super::state::{State, Token};
use super::statement::{Kind, Statement};
use super::workgroups::{self, Placement};
use crate::estate::{QueryError, trimmed};
use crate::failure::Failure;

/// The most bytes of a statement.
const LONGEST: usize = 262_144;

/// What the rules of the estate say of a query.
#[derive(Default)]
struct Course {
    queue: Duration,
    run: Duration,
    scans: Option<u64>,
    fails: Option<QueryError>,
}

pub(super) fn start(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let written = input.required("QueryString")?;
    input.sized("QueryString", 1, LONGEST)?;
    let token = input
        .sized("ClientRequestToken", 32, 128)?
        .ok_or_else(|| invalid_input("clientRequestToken is null or empty"))?;
    let context = input.structure("QueryExecutionContext")?;
    let context_text = |name| context.map_or(Ok(None), |context| context.sized(name, 1, 256));
    let (catalog, database) = (context_text("Catalog")?, context_text("Database")?);
    let parameters = input.texts("ExecutionParameters")?.unwrap_or_default();
    let reuse = reuse(input)?;
    let asked = input.structure("ResultConfiguration")?;
    let name = input.text("WorkGroup")?.unwrap_or("primary");
    let workgroup = workgroups::find(call, name)?;
    if !workgroup.enabled {
        return Err(invalid_input(format!("WorkGroup {name} is disabled.")));
    }
    let placement = workgroups::placement(call, &workgroup, asked)?;
    let text = trimmed(written.trim_start_matches(|c: char| c == ';' || c.is_whitespace())).to_owned();

    let mut state = call.state();
    let statement = judged(call, &mut state, &text, name, database)?;
    // AWS compares these, and neither parameters nor the workgroup.
    let location = asked.map_or(Ok(None), |asked| asked.text("OutputLocation"))?;
    let fingerprint = json!([text, catalog, database, location]).to_string();
    let (account, region) = (call.caller.account.as_str(), call.region);
    let key = (account.to_owned(), region.to_owned(), token.to_owned());
    if let Some(known) = state.tokens.get(&key) {
        if known.fingerprint == fingerprint {
            return Ok(json!({"QueryExecutionId": known.id}));
        }
        return Err(invalid(
            "IDEMPOTENT_PARAMETER_MISMATCH",
            "Idempotent parameters do not match",
        ));
    }
    verify_bucket(call, &placement)?;
    let limit = call.world.estate.athena.active_limit;
    if limit.is_some_and(|limit| statement.is_dml() && state.active_in(account, region) >= limit) {
        let message = "You have exceeded the limit for the number of queries you can run concurrently. Please reduce \
                       the number of concurrent queries submitted by this account. Contact customer support to request \
                       a concurrent query limit increase.";
        let failure = Failure::new(400, "TooManyRequestsException", message);
        return Err(failure.with_reason("CONCURRENT_QUERY_LIMIT_EXCEEDED"));
    }

    let course = course(call, &mut state, name, &text);
    let id = call.world.request_id();
    let now = call.world.clock.now();
    let scans = match course.scans {
        Some(bytes) => bytes,
        None => state.engine(call.world, account, region).size_of(&text, database),
    };
    let mut query = Query {
        id: id.clone(),
        account: account.to_owned(),
        region: region.to_owned(),
        caller: std::sync::Arc::clone(call.caller),
        statement,
        workgroup: name.to_owned(),
        engine: workgroup.engine.clone(),
        catalog: catalog.map(str::to_lowercase),
        database: database.map(str::to_owned),
        parameters,
        token: token.to_owned(),
        placement,
        reuse: reuse.as_ref().map(|(json, _)| json.clone()),
        reused: None,
        measured: super::run::canned(call.world, account, region, &text).and_then(|canned| canned.measured.clone()),
        submitted: now,
        queue: course.queue,
        run: course.run,
        scans,
        cutoff: workgroup.cutoff,
        fails: course.fails,
        end: None,
        text,
    };
    if let Some((_, Some(age))) = reuse {
        reuse_result(&state, &mut query, age);
    }
    state.tokens.insert(
        key,
        Token {
            fingerprint,
            id: id.clone(),
        },
    );
    state.insert(query);
    Ok(json!({"QueryExecutionId": id}))
}

/// `ResultReuseConfiguration`, and the age up to which a result may be shown again.
fn reuse(input: Input<'_>) -> Result<Option<(Json, Option<Duration>)>, Failure> {
    let Some(reuse) = input.structure("ResultReuseConfiguration")? else {
        return Ok(None);
    };
    let Some(by_age) = reuse.structure("ResultReuseByAgeConfiguration")? else {
        return Ok(Some((reuse.json(), None)));
    };
    let minutes = by_age.number("MaxAgeInMinutes", 0, 10_080)?.unwrap_or(60);
    let age = Duration::from_secs(60 * minutes.unsigned_abs());
    Ok(Some((reuse.json(), by_age.flag("Enabled")?.then_some(age))))
}

/// The kind of a statement, or the error that AWS gives before there is a query: text that is no statement, and a table
/// to describe that is not there.
fn judged(
    call: &Call<'_>,
    state: &mut State,
    text: &str,
    workgroup: &str,
    database: Option<&str>,
) -> Result<Statement, Failure> {
    let mut statement = Statement::of(text);
    let (account, region) = (call.caller.account.as_str(), call.region);
    if super::run::canned(call.world, account, region, text).is_some() {
        return Ok(statement);
    }
    engine::check(text, statement.kind).map_err(|message| invalid("MALFORMED_QUERY", message))?;
    if matches!(statement.kind, Kind::Describe | Kind::ShowColumns) {
        let engine = state.engine(call.world, account, region);
        engine.check_described(text, database).map_err(invalid_input)?;
    }
    if statement.kind == Kind::Execute {
        // What is executed decides what becomes of the result.
        let prepared = engine::executed(text)
            .and_then(|(name, _)| state.prepared_in(call.world, account, region, workgroup, &name));
        if let Some(prepared) = prepared {
            let inner = Statement::of(&prepared);
            statement = Statement {
                kind: if inner.kind == Kind::Select {
                    Kind::Execute
                } else {
                    inner.kind
                },
                ..inner
            };
        }
    }
    Ok(statement)
}

/// AWS looks whether the results have a bucket before it takes a query.
fn verify_bucket(call: &Call<'_>, placement: &Placement) -> Result<(), Failure> {
    let Some((bucket, _)) = placement.location.as_deref().and_then(workgroups::split) else {
        return Ok(());
    };
    if call.world.s3.bucket(bucket).is_some() {
        return Ok(());
    }
    Err(invalid_input(format!("Unable to verify/create output bucket {bucket}")))
}

fn course(call: &Call<'_>, state: &mut State, workgroup: &str, text: &str) -> Course {
    let mut course = Course::default();
    for (at, rule) in call.world.estate.athena.rules.iter().enumerate() {
        if !rule.matches(&call.caller.account, call.region, workgroup, text) {
            continue;
        }
        course.queue = rule.queue.unwrap_or(course.queue);
        course.run = rule.run.unwrap_or(course.run);
        course.scans = rule.scanned.or(course.scans);
        if let Some((run, starts)) = rule.run_first {
            let slowed = state.slowed.entry(at).or_default();
            if *slowed < starts {
                *slowed += 1;
                course.run = run;
            }
        }
        if let Some((error, starts)) = &rule.fail {
            let failed = state.failed.entry(at).or_default();
            if *failed < *starts {
                *failed += 1;
                course.fails = Some(error.clone());
            }
        }
    }
    course
}

/// Shows an earlier result, where one is young enough: the same text, by the same workgroup, over the same database.
fn reuse_result(state: &State, query: &mut Query, age: Duration) {
    let same = |other: &&Query| {
        other.reused.is_none()
            && other.text == query.text
            && (&other.account, &other.region, &other.workgroup) == (&query.account, &query.region, &query.workgroup)
            && (&other.catalog, &other.database, &other.parameters)
                == (&query.catalog, &query.database, &query.parameters)
    };
    let young = |other: &&Query| {
        let end = other.end.as_ref();
        end.is_some_and(|end| {
            end.state == QueryState::Succeeded && query.submitted.duration_since(end.at).is_ok_and(|old| old <= age)
        })
    };
    let reusable = query.statement.kind == Kind::Select && query.fails.is_none();
    if !reusable {
        return;
    }
    let found = state.all().rev().filter(same).find(young);
    if let Some(result) = found.and_then(|other| other.end.as_ref()?.result.clone()) {
        query.reused = Some(result);
        query.queue = Duration::ZERO;
        query.run = Duration::ZERO;
        query.scans = 0;
    }
}
