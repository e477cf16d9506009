//! What runs at AWS on our behalf: known from before it is started until it has ended, so that nothing is left running.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth_core::AwsError;
use aws_sdk_athena::Client;
use aws_sdk_athena::operation::start_query_execution::StartQueryExecutionError;
use aws_sdk_athena::operation::start_query_execution::builders::StartQueryExecutionInputBuilder;
use aws_sdk_athena::types::ThrottleReason;
use futures::future::join_all;
use tokio::sync::{Notify, oneshot};

use crate::statistics::Note;

/// All queries of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// No query is started any more.
    closed: bool,
    next: u64,
    queries: HashMap<u64, Entry>,
}

/// A query, and the slice that it belongs to.
#[derive(Debug)]
struct Entry {
    slice: Arc<str>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The request is on its way; AWS may have taken it already.
    Starting,
    Started(Client, String, Note),
}

/// Why AWS has not taken a query.
#[derive(Debug)]
pub(crate) struct StartError {
    pub(crate) error: AwsError,
    /// As many queries are active as the account may have.
    pub(crate) active_limit: bool,
}

impl From<AwsError> for StartError {
    fn from(error: AwsError) -> Self {
        StartError {
            error,
            active_limit: false,
        }
    }
}

fn is_active_limit(error: &StartQueryExecutionError) -> bool {
    match error {
        StartQueryExecutionError::TooManyRequestsException(error) => {
            error.reason() == Some(&ThrottleReason::ConcurrentQueryLimitExceeded)
        }
        _ => false,
    }
}

/// A query that AWS has taken.
#[derive(Debug)]
pub(crate) struct Query {
    running: Running,
    number: u64,
    pub(crate) client: Client,
    pub(crate) id: String,
    pub(crate) note: Note,
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a query of a slice. The request goes on also when nobody waits for its answer any more: else AWS could run
    /// a query whose id nobody knows.
    pub(crate) async fn start(
        &self,
        slice: &Arc<str>,
        client: &Client,
        input: StartQueryExecutionInputBuilder,
        note: &Note,
    ) -> Result<Query, StartError> {
        let number = {
            let mut state = self.state();
            if state.closed {
                return Err(interrupted().into());
            }
            state.next += 1;
            let number = state.next;
            let entry = Entry {
                slice: Arc::clone(slice),
                stage: Stage::Starting,
            };
            state.queries.insert(number, entry);
            number
        };
        let (answer, answered) = oneshot::channel();
        let (running, starter, noted) = (self.clone(), client.clone(), note.clone());
        tokio::spawn(async move {
            let result = match input.send_with(&starter).await {
                Ok(output) => output.query_execution_id.ok_or_else(|| {
                    AwsError::answer("athena", "StartQueryExecution", "the answer has no query id").into()
                }),
                Err(error) => Err(StartError {
                    active_limit: error.as_service_error().is_some_and(is_active_limit),
                    error: AwsError::of("athena", "StartQueryExecution")(error),
                }),
            };
            {
                let mut state = running.state();
                match &result {
                    Ok(id) => {
                        noted.set("id", id.as_str());
                        if let Some(entry) = state.queries.get_mut(&number) {
                            entry.stage = Stage::Started(starter, id.clone(), noted);
                        }
                    }
                    Err(_) => drop(state.queries.remove(&number)),
                }
            }
            running.0.changed.notify_waiters();
            // Nobody waits when the run was interrupted.
            drop(answer.send(result));
        });
        let id = answered.await.map_err(|_| StartError::from(interrupted()))??;
        Ok(Query {
            running: self.clone(),
            number,
            client: client.clone(),
            id,
            note: note.clone(),
        })
    }

    /// Watches a query that was started before.
    pub(crate) fn watch(&self, slice: &Arc<str>, client: &Client, id: &str, note: &Note) -> Query {
        note.set("id", id);
        let number = {
            let mut state = self.state();
            state.next += 1;
            let number = state.next;
            let entry = Entry {
                slice: Arc::clone(slice),
                stage: Stage::Started(client.clone(), id.to_owned(), note.clone()),
            };
            state.queries.insert(number, entry);
            number
        };
        Query {
            running: self.clone(),
            number,
            client: client.clone(),
            id: id.to_owned(),
            note: note.clone(),
        }
    }

    /// Stops all queries, those that are being started too, and starts no others.
    pub(crate) async fn stop_all(&self) {
        self.state().closed = true;
        self.stop_where(|_| true).await;
    }

    /// Stops the queries of a slice, those that are being started too. The slice must not start others meanwhile.
    pub(crate) async fn stop_slice(&self, slice: &str) {
        self.stop_where(|entry| *entry.slice == *slice).await;
    }

    async fn stop_where(&self, which: impl Fn(&Entry) -> bool) {
        loop {
            let changed = self.0.changed.notified();
            let starting = |entry: &Entry| which(entry) && matches!(entry.stage, Stage::Starting);
            if !self.state().queries.values().any(starting) {
                break;
            }
            changed.await;
        }
        let queries: Vec<Entry> = self
            .state()
            .queries
            .extract_if(|_, entry| which(entry))
            .map(|(_, entry)| entry)
            .collect();
        let stopping = queries.into_iter().filter_map(|entry| match entry.stage {
            Stage::Started(client, id, note) => Some(async move { stop(&client, &id, &note).await }),
            Stage::Starting => None,
        });
        join_all(stopping).await;
    }
}

impl Query {
    /// The query has ended by itself.
    pub(crate) fn ended(&self) {
        self.running.state().queries.remove(&self.number);
    }

    /// Stops the query.
    pub(crate) async fn stop(&self) {
        stop(&self.client, &self.id, &self.note).await;
        self.ended();
    }
}

/// Stops a query and asks what it has cost. Stopping one that has ended changes nothing.
async fn stop(client: &Client, id: &str, note: &Note) {
    let stopped = client.stop_query_execution().query_execution_id(id).send().await;
    match stopped.map_err(AwsError::of("athena", "StopQueryExecution")) {
        Ok(_) => note.set("stopped", true),
        Err(error) => {
            note.set("stopped", false);
            tracing::warn!(query = id, %error, "the query could not be stopped and may still be running");
            return;
        }
    }
    let answer = client.get_query_execution().query_execution_id(id).send().await;
    if let Some(execution) = answer.ok().and_then(|answer| answer.query_execution) {
        note.execution(&execution);
    }
}

fn interrupted() -> AwsError {
    AwsError::answer(
        "athena",
        "StartQueryExecution",
        "the run was interrupted before the query was started",
    )
}
