//! One statement at AWS: started once, waited for, stopped where a limit is passed, started again where nothing can be
//! done twice.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_core::{AwsError, ErrorKind, Host};
use aws_sdk_athena::operation::start_query_execution::StartQueryExecutionInput;
use aws_sdk_athena::operation::start_query_execution::builders::StartQueryExecutionInputBuilder;
use aws_sdk_athena::types::{
    QueryExecution, QueryExecutionContext, QueryExecutionState, QueryExecutionStatus, ResultReuseByAgeConfiguration,
    ResultReuseConfiguration,
};
use connector_core::SliceError;
use connector_core::slice::{CHANGES, Outcome, Step, Steps};
use futures::future::try_join_all;

use crate::collector::sleep;
use crate::desk::{Desk, Waiting};
use crate::failure::{Again, again, ended, failed, has_unknown_effect, reason, refused};
use crate::job::{Fetch, Job};
use crate::pace::{HELD_UP, Pace, Turn};
use crate::running::{Home, Query, Running};
use crate::statement::{Effect, Gives, Kind, Statement};
use crate::statistics::{Note, Notes, is_final, scanned};
use crate::workgroup::Place;

/// Starts of one statement, where a failure may be tried again.
const MOST_STARTS: u32 = 3;
/// Before a statement is started again, times its number.
const BETWEEN_STARTS: Duration = Duration::from_secs(2);
/// While as many queries are active as the account may have.
const QUEUE: Duration = Duration::from_secs(7);
/// While bytes are watched, they are asked for at least this often.
const WATCH: Duration = Duration::from_secs(2);
/// A query is asked for at least so many times before its time is up.
const PARTS: u32 = 4;
/// Calls for the state that fail one after another, each with all its retries, before the query is given up.
const MOST_DEAF: u32 = 3;

/// Runs the statements of one slice.
pub(crate) struct Executor {
    pub(crate) job: Arc<Job>,
    pub(crate) host: Host,
    pub(crate) running: Running,
    pub(crate) home: Arc<Home>,
    pub(crate) pace: Pace,
    pub(crate) desk: Desk,
    /// Of this run, slice and try.
    pub(crate) token: Arc<str>,
    /// What the slice has done that it does once.
    pub(crate) steps: Steps,
    pub(crate) place: Place,
    pub(crate) catalog: String,
    pub(crate) database: Option<String>,
    pub(crate) notes: Notes,
}

/// A statement that has succeeded.
pub(crate) struct Succeeded {
    pub(crate) statement: Statement,
    /// Where its rows were written as Parquet: AWS was given the statement within an UNLOAD.
    pub(crate) unloaded: Option<String>,
    pub(crate) execution: QueryExecution,
    pub(crate) note: Note,
    /// Until then its rows must be here.
    pub(crate) deadline: SystemTime,
}

impl Succeeded {
    /// Its kind: what AWS says it is, and where AWS does not say, or by a name that is not known, what its words are.
    pub(crate) fn kind(&self) -> &'static Kind {
        let named = self.execution.substatement_type().and_then(Kind::of_substatement);
        named.unwrap_or(self.statement.kind)
    }

    /// Whether it changes something: EXPLAIN does what it runs, and what was executed is what AWS says it is.
    fn changed(&self) -> bool {
        let kind = self.kind();
        let effect = match kind.gives {
            Gives::Plan => self.statement.effect,
            _ => kind.effect,
        };
        effect != Effect::None
    }
}

impl Executor {
    fn now(&self) -> SystemTime {
        self.host.time().now()
    }

    /// Runs statements side by side, each to its end. When one fails, the others are stopped: their rows would not be
    /// published.
    pub(crate) async fn execute_all(&self, statements: &[Statement]) -> Result<Vec<Succeeded>, SliceError> {
        let succeeded = try_join_all(statements.iter().map(|statement| self.execute(statement))).await;
        if succeeded.is_err() {
            self.running.stop_slice(&self.token).await;
        }
        succeeded
    }

    /// Runs a statement to its end.
    async fn execute(&self, statement: &Statement) -> Result<Succeeded, SliceError> {
        if statement.only_reads() {
            let unloads = self.job.fetch == Fetch::Unload && statement.unloads;
            self.read(statement, unloads).await
        } else {
            self.change(statement).await
        }
    }

    /// Runs a statement that changes nothing, and never within an UNLOAD.
    pub(crate) async fn execute_as_it_is(&self, statement: &Statement) -> Result<Succeeded, SliceError> {
        self.read(statement, false).await
    }

    /// Runs a statement that changes something, once: whatever became of an earlier try, here or in a process before this
    /// one, is looked up before anything is started. Its token is the same until a try is known to have ended without an
    /// effect, so AWS runs it once also where its answer to the start was lost.
    async fn change(&self, statement: &Statement) -> Result<Succeeded, SliceError> {
        let deadline = self.now() + self.job.timeout;
        let number = statement.number;
        let mut step = self.steps.get(number);
        // Of a try of which this one knows nothing yet.
        let mut earlier = step.sent;
        let mut starts = 1;
        loop {
            let note = self.notes.begin(number, &self.place.workgroup);
            let query = match &step.id {
                Some(id) => self.running.watch(&self.home, id, &note),
                None => {
                    // Before it is sent: whoever resumes this run sends the same token.
                    step.sent = true;
                    self.steps.keep(number, &step)?;
                    let token = format!("{}-{number}-change-{}", self.steps.name(), step.failures + 1);
                    let query = self.start(self.input(&statement.text, token), &note, deadline).await?;
                    step.id = Some(query.id.clone());
                    self.steps.keep(number, &step)?;
                    query
                }
            };
            let waited = self.wait(&query, number, deadline).await;
            let execution = match waited {
                Err(error) if step.done => {
                    self.notes.warn(format!(
                        "statement {number} has succeeded before as query {}; AWS says no more of it now: {error}",
                        query.id
                    ));
                    query.ended();
                    self.known(&query.id)
                }
                waited => waited?,
            };
            if step.done || state(&execution) == Some(&QueryExecutionState::Succeeded) {
                step.done = true;
                self.steps.keep(number, &step)?;
                let succeeded = Succeeded {
                    statement: statement.clone(),
                    unloaded: None,
                    execution,
                    note,
                    deadline,
                };
                if succeeded.changed() {
                    self.notes.add(CHANGES, 1);
                }
                return Ok(succeeded);
            }
            if has_unknown_effect(&execution) {
                return Err(failed(&execution));
            }
            step = Step {
                failures: step.failures + 1,
                ..Step::default()
            };
            self.steps.keep(number, &step)?;
            if std::mem::take(&mut earlier) {
                // It failed or was stopped before: this is the next try.
                continue;
            }
            if again(&execution, statement.effect) == Again::No || starts == MOST_STARTS {
                return Err(failed(&execution));
            }
            self.pause(&query.id, &execution, starts).await;
            starts += 1;
        }
    }

    /// A query that has succeeded, and that AWS does not tell of.
    fn known(&self, id: &str) -> QueryExecution {
        let status = QueryExecutionStatus::builder().state(QueryExecutionState::Succeeded);
        QueryExecution::builder()
            .query_execution_id(id)
            .status(status.build())
            .build()
    }

    /// Before a statement is started once more.
    async fn pause(&self, id: &str, execution: &QueryExecution, starts: u32) {
        tracing::info!(query = id, why = reason(execution), "the statement is started again");
        sleep(&self.host, BETWEEN_STARTS * starts).await;
    }

    /// Runs a statement that changes nothing. Its name is that of the try at the slice, so what was stopped or has failed
    /// runs anew.
    async fn read(&self, statement: &Statement, unloads: bool) -> Result<Succeeded, SliceError> {
        let deadline = self.now() + self.job.timeout;
        let mut number = 1;
        loop {
            let target = self.unload_target(statement, number).filter(|_| unloads);
            let text = target
                .as_ref()
                .map_or_else(|| statement.text.clone(), |target| unload(&statement.text, target));
            let note = self.notes.begin(statement.number, &self.place.workgroup);
            let kind = if unloads { "unload" } else { "query" };
            let token = format!("{}-{}-{kind}-{number}", self.token, statement.number);
            let query = self.start(self.input(&text, token), &note, deadline).await?;
            let execution = self.wait(&query, statement.number, deadline).await?;
            if state(&execution) == Some(&QueryExecutionState::Succeeded) {
                return Ok(Succeeded {
                    statement: statement.clone(),
                    unloaded: target,
                    execution,
                    note,
                    deadline,
                });
            }
            if again(&execution, Effect::None) == Again::No || number == MOST_STARTS {
                return Err(failed(&execution));
            }
            self.pause(&query.id, &execution, number).await;
            number += 1;
        }
    }

    /// An empty prefix of this start's own.
    fn unload_target(&self, statement: &Statement, number: u32) -> Option<String> {
        let location = self.place.location.as_ref()?;
        Some(target(location, &self.token, statement.number, number))
    }

    fn input(&self, text: &str, token: String) -> StartQueryExecutionInputBuilder {
        let context = QueryExecutionContext::builder()
            .catalog(&self.catalog)
            .set_database(self.database.clone())
            .build();
        let reuse = self.job.reuse_max_age.map(|age| {
            let by_age = ResultReuseByAgeConfiguration::builder()
                .enabled(true)
                .max_age_in_minutes(age)
                .build();
            ResultReuseConfiguration::builder()
                .result_reuse_by_age_configuration(by_age)
                .build()
        });
        let parameters = &self.job.execution_parameters;
        StartQueryExecutionInput::builder()
            .query_string(text)
            .client_request_token(token)
            .query_execution_context(context)
            .work_group(&self.place.workgroup)
            .set_result_configuration(self.place.results.clone())
            .set_result_reuse_configuration(reuse)
            .set_execution_parameters((!parameters.is_empty()).then(|| parameters.clone()))
    }

    /// Starts a query, or waits in line while the account may not have more of them. The token stays the same: AWS runs
    /// it once.
    async fn start(
        &self,
        input: StartQueryExecutionInputBuilder,
        note: &Note,
        deadline: SystemTime,
    ) -> Result<Query, SliceError> {
        loop {
            match self.running.start(&self.home, input.clone(), note).await {
                Ok(query) => return Ok(query),
                Err(start) if start.active_limit && self.now() < deadline => {
                    tracing::debug!(error = %start.error, "waiting until fewer queries are active");
                    sleep(&self.host, QUEUE).await;
                }
                Err(start) => return Err(unanswered(start.error, &input)),
            }
        }
    }

    /// Asks for the query's state. Says whether the answer was long in coming, and to the others before it has come.
    async fn ask(&self, waiting: &Waiting, turn: &Turn) -> bool {
        let mut asking = std::pin::pin!(waiting.ask());
        tokio::select! {
            biased;
            () = &mut asking => return false,
            () = sleep(&self.host, HELD_UP) => turn.held_up(),
        }
        asking.await;
        true
    }

    /// Waits until the query has ended; one that passes a limit is stopped.
    async fn wait(&self, query: &Query, statement: u32, deadline: SystemTime) -> Result<QueryExecution, SliceError> {
        let turn = self.pace.begin(statement);
        let mut waiting = self.desk.wait_for(&query.id);
        let started = self.now();
        let age = |now: SystemTime| now.duration_since(started).unwrap_or_default();
        // Who has little time is not kept waiting for the scout.
        let most = self.job.timeout / PARTS;
        let most = self.job.max_scanned.map_or(most, |_| most.min(WATCH));
        let (mut deaf, mut held_up, mut asked) = (0, false, None);
        loop {
            let mut news = std::pin::pin!(self.pace.news());
            news.as_mut().enable();
            let now = self.now();
            let Ok(left) = deadline.duration_since(now) else {
                query.stop().await;
                return Err(timed_out(&self.job, &format!("query {} was stopped", query.id)));
            };
            let gap = turn.gap(age(now), asked, most);
            tokio::select! {
                () = sleep(&self.host, gap.min(left)) => held_up |= self.ask(&waiting, &turn).await,
                _ = waiting.heard.changed() => {}
                () = news => continue,
            }
            let heard_old = age(self.now());
            asked = Some(heard_old);
            let heard = waiting.heard.borrow_and_update().clone();
            let execution = match heard {
                None => continue,
                Some(Ok(execution)) => execution,
                Some(Err(error)) => {
                    deaf += 1;
                    if matches!(error.kind, ErrorKind::Denied | ErrorKind::Credentials) || deaf == MOST_DEAF {
                        query.stop().await;
                        return Err(error.into());
                    }
                    continue;
                }
            };
            deaf = 0;
            query.note.execution(&execution);
            if state(&execution).is_some_and(is_final) {
                query.ended();
                if state(&execution) == Some(&QueryExecutionState::Succeeded) {
                    // Who is heard of late does not tell by that how long it took.
                    let took = duration(&execution).or((!held_up).then_some(heard_old));
                    if let Some(took) = took {
                        turn.took(took);
                    }
                }
                return Ok(execution);
            }
            let scanned = scanned(&execution);
            if let Some(most) = self.job.max_scanned.filter(|most| scanned > *most) {
                query.stop().await;
                return Err(ended(
                    Outcome::Failed,
                    format!(
                        "query {} was stopped: it had scanned {scanned} bytes, and may scan {most}",
                        query.id
                    ),
                    "filter by partition, select fewer columns, or raise max_scanned_bytes; what was scanned is billed, \
                     see cost",
                ));
            }
        }
    }
}

/// A start that AWS may have taken, although all answers were lost, is worth looking for.
fn unanswered(error: AwsError, input: &StartQueryExecutionInputBuilder) -> SliceError {
    if !matches!(error.kind, ErrorKind::TimedOut | ErrorKind::Unreachable) {
        return refused(error);
    }
    let outcome = SliceError::from(error.clone()).outcome();
    let mut report = error.report();
    let token = input.get_client_request_token().as_deref().unwrap_or_default();
    let look = format!(
        "AWS may have taken the query all the same: look for it in the workgroup's recent queries, or in CloudTrail for \
         clientRequestToken {token}"
    );
    report.hint = Some(report.hint.map_or(look.clone(), |hint| format!("{hint}. {look}")));
    SliceError::Work(outcome, Box::new(report))
}

/// A statement that has taken too long.
pub(crate) fn timed_out(job: &Job, what: &str) -> SliceError {
    ended(
        Outcome::TimedOut,
        format!("not done after {} s: {what}", job.timeout.as_secs()),
        "raise timeout, or let the query do less",
    )
}

fn state(execution: &QueryExecution) -> Option<&QueryExecutionState> {
    execution.status().and_then(|status| status.state())
}

/// How long AWS says that it took.
fn duration(execution: &QueryExecution) -> Option<Duration> {
    let millis = execution.statistics()?.total_execution_time_in_millis()?;
    Some(Duration::from_millis(millis.unsigned_abs()))
}

fn target(location: &str, token: &str, statement: u32, number: u32) -> String {
    let location = location.trim_end_matches('/');
    format!("{location}/unload/{token}-{statement}-{number}/")
}

/// Bytes that Athena is given where a statement's rows are unloaded to a location, in an account and a region.
pub(crate) fn unload_length(statement: &Statement, location: &str, account: &str, region: &str) -> usize {
    // As `Slice::attempt` is made.
    let token = format!("{}-{account}-{region}-1", "0".repeat(32));
    unload(&statement.text, &target(location, &token, statement.number, 1)).len()
}

/// <https://docs.aws.amazon.com/athena/latest/ug/unload.html>
fn unload(text: &str, target: &str) -> String {
    let target = target.replace('\'', "''");
    // On lines of its own: the statement may end in a comment.
    format!("UNLOAD (\n{text}\n) TO '{target}' WITH (format = 'PARQUET', compression = 'SNAPPY')")
}
