//! What runs at AWS on our behalf: known from before it is started until it has ended, so that nothing is left running, or
//! else is named.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use auth_core::{AwsError, LastAnswer, RegionalAccess, URGENT_REQUESTS};
use aws_sdk_athena::Client;
use aws_sdk_athena::config::interceptors::{BeforeTransmitInterceptorContextMut, FinalizerInterceptorContextRef};
use aws_sdk_athena::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_athena::error::BoxError;
use aws_sdk_athena::operation::start_query_execution::StartQueryExecutionError;
use aws_sdk_athena::operation::start_query_execution::builders::StartQueryExecutionInputBuilder;
use aws_sdk_athena::types::ThrottleReason;
use connector_core::Slice;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
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

/// Where the queries of a slice run.
#[derive(Debug)]
pub(crate) struct Home {
    /// The name of this try at the slice.
    attempt: Arc<str>,
    account: String,
    access: RegionalAccess,
    client: Client,
    /// Made when something is to be stopped, which is seldom.
    stopper: OnceLock<Client>,
}

/// A query.
#[derive(Debug)]
struct Entry {
    home: Arc<Home>,
    note: Note,
    /// Its ClientRequestToken.
    token: String,
    stage: Stage,
    /// An answer to its start was lost: AWS may have taken it, whatever it answers to later tries.
    lost: bool,
}

#[derive(Debug)]
enum Stage {
    /// AWS has not been given it, or has refused it.
    Waiting,
    /// A request is on its way, or its answer was lost.
    Sent,
    /// AWS has it, under this id.
    Started(String),
    /// Nobody asks any more, and nobody knows whether AWS has it.
    Unknown,
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
    home: Arc<Home>,
    pub(crate) id: String,
    pub(crate) note: Note,
}

/// A client for an account in a region.
pub(crate) fn client(access: &RegionalAccess) -> Client {
    let config = Builder::from(access.sdk_config())
        .retry_partition(access.retry_partition())
        .interceptor(LastAnswer);
    Client::from_conf(config.build())
}

impl Home {
    pub(crate) fn new(slice: &Slice, client: Client) -> Arc<Self> {
        Arc::new(Home {
            attempt: Arc::clone(&slice.attempt),
            account: slice.account.id.to_string(),
            access: slice.access.clone(),
            client,
            stopper: OnceLock::new(),
        })
    }

    /// Its requests wait for no others.
    fn stopper(&self) -> &Client {
        self.stopper.get_or_init(|| client(&self.access.urgent()))
    }
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a query of a slice. The request goes on also when nobody waits for its answer any more: else AWS could run
    /// a query whose id nobody knows.
    pub(crate) async fn start(
        &self,
        home: &Arc<Home>,
        input: StartQueryExecutionInputBuilder,
        note: &Note,
    ) -> Result<Query, StartError> {
        let starting = {
            let mut state = self.state();
            if state.closed {
                return Err(interrupted().into());
            }
            state.next += 1;
            let number = state.next;
            let entry = Entry {
                home: Arc::clone(home),
                note: note.clone(),
                token: input.get_client_request_token().clone().unwrap_or_default(),
                stage: Stage::Waiting,
                lost: false,
            };
            state.queries.insert(number, entry);
            Starting {
                running: self.clone(),
                number,
            }
        };
        let number = starting.number;
        let (answer, answered) = oneshot::channel();
        let client = home.client.clone();
        tokio::spawn(async move {
            let result = starting.send(&client, input).await;
            drop(starting);
            // Nobody waits when the run was interrupted.
            drop(answer.send(result));
        });
        let id = answered.await.map_err(|_| StartError::from(defect()))??;
        Ok(Query {
            running: self.clone(),
            number,
            home: Arc::clone(home),
            id,
            note: note.clone(),
        })
    }

    /// Watches a query that was started before.
    pub(crate) fn watch(&self, home: &Arc<Home>, id: &str, note: &Note) -> Query {
        note.set("id", id);
        let mut state = self.state();
        state.next += 1;
        let number = state.next;
        let entry = Entry {
            home: Arc::clone(home),
            note: note.clone(),
            token: String::new(),
            stage: Stage::Started(id.to_owned()),
            lost: false,
        };
        state.queries.insert(number, entry);
        Query {
            running: self.clone(),
            number,
            home: Arc::clone(home),
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
        self.stop_where(|home| *home.attempt == *slice).await;
    }

    /// Queries that AWS has, or may have.
    pub(crate) fn count(&self) -> usize {
        let state = self.state();
        let given = state
            .queries
            .values()
            .filter(|entry| !matches!(entry.stage, Stage::Waiting));
        given.count()
    }

    /// What may still run, each in a sentence that lets a person find it; the slices' notes say it too.
    pub(crate) fn left(&self) -> Vec<String> {
        let state = self.state();
        let mut left: Vec<String> = state.queries.values().filter_map(Entry::left).collect();
        left.sort_unstable();
        left
    }

    /// A query that AWS has not been given yet is not sent any more. Those that AWS has are stopped at once, and those whose
    /// start is on its way when its answer comes. What they have cost is asked for when there is nothing to stop.
    async fn stop_where(&self, which: impl Fn(&Home) -> bool) {
        let mut tried = HashSet::new();
        let mut stopping = FuturesUnordered::new();
        let mut stopped = Vec::new();
        let mut asking = FuturesUnordered::new();
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let mut on_the_way = false;
            self.state().queries.retain(|number, entry| {
                match &entry.stage {
                    _ if !which(&entry.home) => {}
                    Stage::Waiting => return false,
                    Stage::Sent => on_the_way = true,
                    // No more at a time than have a place: the time for one must not pass while it waits for others.
                    Stage::Started(id) if stopping.len() < URGENT_REQUESTS && tried.insert(*number) => {
                        let query = (Arc::clone(&entry.home), id.clone(), entry.note.clone());
                        stopping.push(self.stop(*number, query));
                    }
                    Stage::Started(_) | Stage::Unknown => {}
                }
                true
            });
            if stopping.is_empty() {
                asking.extend(stopped.drain(..).map(cost));
            }
            if stopping.is_empty() && asking.is_empty() && !on_the_way {
                break;
            }
            tokio::select! {
                Some(ended) = stopping.next() => stopped.extend(ended),
                Some(()) = asking.next() => {}
                () = changed => {}
            }
        }
    }

    /// Stops a query; gives it back when AWS has confirmed that. Stopping one that has ended changes nothing.
    async fn stop(&self, number: u64, query: Stopped) -> Option<Stopped> {
        let (home, id, note) = &query;
        let request = home.stopper().stop_query_execution().query_execution_id(id);
        match request
            .send()
            .await
            .map_err(AwsError::of("athena", "StopQueryExecution"))
        {
            Ok(_) => {
                note.set("stopped", true);
                self.state().queries.remove(&number);
                Some(query)
            }
            Err(error) => {
                note.set("stopped", false);
                tracing::warn!(query = id, %error, "the query could not be stopped and may still be running");
                None
            }
        }
    }
}

/// A query that was stopped: where, its id, and what the ledger says of it.
type Stopped = (Arc<Home>, String, Note);

/// Asks what a stopped query has cost.
async fn cost((home, id, note): Stopped) {
    let answer = home
        .stopper()
        .get_query_execution()
        .query_execution_id(&id)
        .send()
        .await;
    if let Some(execution) = answer.ok().and_then(|answer| answer.query_execution) {
        note.execution(&execution);
    }
}

impl Entry {
    fn left(&self) -> Option<String> {
        let (account, region) = (&self.home.account, self.home.access.region());
        match &self.stage {
            Stage::Waiting => None,
            Stage::Started(id) => {
                self.note.set("stopped", false);
                Some(format!(
                    "query {id} of account {account} in {region} may still be running: stop it with `aws athena \
                     stop-query-execution --query-execution-id {id} --region {region}`"
                ))
            }
            Stage::Sent | Stage::Unknown => {
                self.note.set("client_request_token", self.token.as_str());
                Some(format!(
                    "account {account} in {region}: AWS may be running a query whose start it has not answered: look for it \
                     in the workgroup's recent queries, or in CloudTrail for clientRequestToken {}",
                    self.token
                ))
            }
        }
    }
}

/// A start under way. Dropped, also by a panic, it is over.
struct Starting {
    running: Running,
    number: u64,
}

impl Starting {
    async fn send(&self, client: &Client, input: StartQueryExecutionInputBuilder) -> Result<String, StartError> {
        let gate = Gate {
            running: self.running.clone(),
            number: self.number,
        };
        let config = client.config().to_builder().interceptor(gate);
        let answer = input.send_with(&Client::from_conf(config.build())).await;
        let mut state = self.running.state();
        let Some(entry) = state.queries.get_mut(&self.number) else {
            return Err(interrupted().into());
        };
        match answer {
            Ok(output) => {
                let none = || AwsError::answer("athena", "StartQueryExecution", "the answer has no query id");
                let id = output.query_execution_id.ok_or_else(none)?;
                entry.note.set("id", id.as_str());
                entry.stage = Stage::Started(id.clone());
                // What an earlier start under this token has left open is answered.
                let token = entry.token.clone();
                let open = |entry: &Entry| matches!(entry.stage, Stage::Unknown) && entry.token == token;
                state.queries.retain(|_, entry| !open(entry));
                Ok(id)
            }
            Err(error) => Err(StartError {
                active_limit: error.as_service_error().is_some_and(is_active_limit),
                error: AwsError::of("athena", "StartQueryExecution")(error),
            }),
        }
    }
}

/// Looks at each try of a start: notes what AWS may have taken, and holds back what is not wanted any more.
#[derive(Debug)]
struct Gate {
    running: Running,
    number: u64,
}

impl Intercept for Gate {
    fn name(&self) -> &'static str {
        "Gate"
    }

    fn modify_before_transmit(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match self.running.state().queries.get_mut(&self.number) {
            Some(entry) => {
                entry.stage = Stage::Sent;
                Ok(())
            }
            None => Err("the query is not wanted any more".into()),
        }
    }

    /// An answer of the class 4xx says that AWS has not taken the query; any other end of a try says nothing.
    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let refused = context
            .response()
            .is_some_and(|answer| answer.status().is_client_error());
        if let Some(entry) = self.running.state().queries.get_mut(&self.number)
            && matches!(entry.stage, Stage::Sent)
        {
            entry.lost |= !refused;
            if !entry.lost {
                entry.stage = Stage::Waiting;
            }
        }
        self.running.0.changed.notify_waiters();
        Ok(())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        {
            let mut state = self.running.state();
            match state.queries.get_mut(&self.number) {
                Some(entry) if matches!(entry.stage, Stage::Sent) => entry.stage = Stage::Unknown,
                Some(entry) if matches!(entry.stage, Stage::Waiting) => drop(state.queries.remove(&self.number)),
                _ => {}
            }
        }
        self.running.0.changed.notify_waiters();
    }
}

impl Query {
    /// The query has ended by itself.
    pub(crate) fn ended(&self) {
        self.running.state().queries.remove(&self.number);
    }

    /// Stops the query. One that cannot be stopped is tried again at the end of the run.
    pub(crate) async fn stop(&self) {
        let query = (Arc::clone(&self.home), self.id.clone(), self.note.clone());
        if let Some(stopped) = self.running.stop(self.number, query).await {
            cost(stopped).await;
        }
    }
}

fn interrupted() -> AwsError {
    AwsError::answer(
        "athena",
        "StartQueryExecution",
        "the run was interrupted before the query was started",
    )
}

fn defect() -> AwsError {
    AwsError::answer(
        "athena",
        "StartQueryExecution",
        "a defect of the program: the task that starts the query has panicked",
    )
}
