//! Asks for the states of the queries of one account and region: one call at a time, for all that are waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth_core::AwsError;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{QueryExecution, UnprocessedQueryExecutionId};
use tokio::sync::watch;

/// Ids that one BatchGetQueryExecution takes.
/// <https://docs.aws.amazon.com/athena/latest/APIReference/API_BatchGetQueryExecution.html>
const BATCH: usize = 50;

/// What was last heard of a query, or why nothing was.
pub(crate) type Heard = Result<QueryExecution, AwsError>;

/// The queries of one account and region.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    client: Client,
    state: Arc<Mutex<State>>,
    /// Held by the call that is under way: those who want to ask meanwhile hear its answer too.
    asking: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    waiting: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    teller: watch::Sender<Option<Heard>>,
    /// The number of the last call that asked for it.
    asked: u64,
}

/// A query that is waited for.
pub(crate) struct Waiting {
    desk: Desk,
    id: String,
    /// The last that was heard of it, also when another one asked.
    pub(crate) heard: watch::Receiver<Option<Heard>>,
}

impl Desk {
    pub(crate) fn new(client: Client) -> Self {
        Desk {
            client,
            state: Arc::default(),
            asking: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_for(&self, id: &str) -> Waiting {
        let (teller, heard) = watch::channel(None);
        let entry = Entry { teller, asked: 0 };
        self.state().waiting.insert(id.to_owned(), entry);
        Waiting {
            desk: self.clone(),
            id: id.to_owned(),
            heard,
        }
    }

    /// `id`, and of the others those that nobody has asked for in the longest time.
    fn batch(&self, id: &str) -> Vec<String> {
        let mut state = self.state();
        state.calls += 1;
        let call = state.calls;
        let mut others: Vec<(&String, u64)> = state
            .waiting
            .iter()
            .filter(|(other, _)| *other != id)
            .map(|(other, entry)| (other, entry.asked))
            .collect();
        others.sort_unstable_by_key(|(_, asked)| *asked);
        let others = others.into_iter().take(BATCH - 1).map(|(other, _)| other.clone());
        let batch: Vec<String> = std::iter::once(id.to_owned()).chain(others).collect();
        for id in &batch {
            if let Some(entry) = state.waiting.get_mut(id) {
                entry.asked = call;
            }
        }
        batch
    }

    fn tell(&self, id: &str, heard: Heard) {
        if let Some(entry) = self.state().waiting.get(id) {
            entry.teller.send_replace(Some(heard));
        }
    }

    async fn get(&self, id: &str) -> Heard {
        let answer = self.client.get_query_execution().query_execution_id(id).send().await;
        let answer = answer.map_err(AwsError::of("athena", "GetQueryExecution"))?;
        let none = || AwsError::answer("athena", "GetQueryExecution", "the answer has no query");
        answer.query_execution.ok_or_else(none)
    }

    async fn get_all(&self, ids: Vec<String>) {
        let batch = self.client.batch_get_query_execution();
        let answer = batch.set_query_execution_ids(Some(ids.clone())).send().await;
        let answer = match answer.map_err(AwsError::of("athena", "BatchGetQueryExecution")) {
            Ok(answer) => answer,
            Err(error) => {
                ids.iter().for_each(|id| self.tell(id, Err(error.clone())));
                return;
            }
        };
        let unprocessed = answer.unprocessed_query_execution_ids.unwrap_or_default();
        let executions = answer.query_executions.unwrap_or_default();
        let mut heard: HashMap<String, QueryExecution> = executions
            .into_iter()
            .filter_map(|execution| Some((execution.query_execution_id.clone()?, execution)))
            .collect();
        for id in ids {
            let execution = heard.remove(&id);
            self.tell(&id, execution.ok_or_else(|| missing(&id, &unprocessed)));
        }
    }
}

/// Why a batch has no state of a query.
fn missing(id: &str, unprocessed: &[UnprocessedQueryExecutionId]) -> AwsError {
    let told = unprocessed.iter().find(|one| one.query_execution_id() == Some(id));
    let words = told.map(|one| [one.error_code(), one.error_message()].into_iter().flatten());
    let why = words.map(|words| words.collect::<Vec<_>>().join(": "));
    let why = why.unwrap_or_else(|| format!("the answer says nothing of query {id}"));
    AwsError::answer("athena", "BatchGetQueryExecution", why)
}

impl Waiting {
    /// Asks for this query, and for others of the desk along with it; where a call is under way that asks for this one
    /// too, waits for that. What is heard is told to all.
    pub(crate) async fn ask(&self) {
        let _asking = self.desk.asking.lock().await;
        if self.heard.has_changed().unwrap_or_default() {
            return;
        }
        let ids = self.desk.batch(&self.id);
        match &ids[..] {
            [id] => {
                let heard = self.desk.get(id).await;
                self.desk.tell(id, heard);
            }
            _ => self.desk.get_all(ids).await,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.desk.state().waiting.remove(&self.id);
    }
}
