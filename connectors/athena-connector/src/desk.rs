//! Asks for the states of the queries of one account and region: all that are waited for in one call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth_core::AwsError;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::QueryExecution;
use tokio::sync::watch;

/// Ids that one BatchGetQueryExecution takes.
/// <https://docs.aws.amazon.com/athena/latest/APIReference/API_BatchGetQueryExecution.html>
const BATCH: usize = 50;

/// The queries of one account and region.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    client: Client,
    waiting: Arc<Mutex<HashMap<String, watch::Sender<Option<QueryExecution>>>>>,
}

/// A query that is waited for.
pub(crate) struct Waiting {
    desk: Desk,
    id: String,
    /// The last that was heard of it, also when another one asked.
    pub(crate) heard: watch::Receiver<Option<QueryExecution>>,
}

impl Desk {
    pub(crate) fn new(client: Client) -> Self {
        Desk {
            client,
            waiting: Arc::default(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Option<QueryExecution>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_for(&self, id: &str) -> Waiting {
        let (teller, heard) = watch::channel(None);
        self.waiting().insert(id.to_owned(), teller);
        Waiting {
            desk: self.clone(),
            id: id.to_owned(),
            heard,
        }
    }

    fn tell(&self, execution: QueryExecution) {
        let waiting = self.waiting();
        let teller = execution.query_execution_id().and_then(|id| waiting.get(id));
        if let Some(teller) = teller {
            teller.send_replace(Some(execution));
        }
    }
}

impl Waiting {
    /// Asks for this query, and for the others of the desk along with it.
    pub(crate) async fn ask(&self) -> Result<(), AwsError> {
        let desk = &self.desk;
        let others = desk
            .waiting()
            .keys()
            .filter(|id| **id != self.id)
            .take(BATCH - 1)
            .cloned()
            .collect::<Vec<_>>();
        if others.is_empty() {
            let answer = desk
                .client
                .get_query_execution()
                .query_execution_id(&self.id)
                .send()
                .await;
            let answer = answer.map_err(AwsError::of("athena", "GetQueryExecution"))?;
            let none = || AwsError::answer("athena", "GetQueryExecution", "the answer has no query");
            desk.tell(answer.query_execution.ok_or_else(none)?);
            return Ok(());
        }
        let batch = desk.client.batch_get_query_execution().query_execution_ids(&self.id);
        let answer = batch
            .set_query_execution_ids(Some([vec![self.id.clone()], others].concat()))
            .send()
            .await;
        let answer = answer.map_err(AwsError::of("athena", "BatchGetQueryExecution"))?;
        for unprocessed in answer.unprocessed_query_execution_ids() {
            if unprocessed.query_execution_id() == Some(&self.id) {
                let (code, message) = (unprocessed.error_code(), unprocessed.error_message());
                let why = [code, message].into_iter().flatten().collect::<Vec<_>>().join(": ");
                return Err(AwsError::answer("athena", "BatchGetQueryExecution", why));
            }
        }
        for execution in answer.query_executions.unwrap_or_default() {
            desk.tell(execution);
        }
        Ok(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.desk.waiting().remove(&self.id);
    }
}
