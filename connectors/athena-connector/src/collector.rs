//! One slice from workgroup to rows: look at the workgroup, run the statements in order, fetch what they give.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use auth_core::host::AsyncSleep as _;
use auth_core::{AwsError, Host};
use aws_sdk_athena::Client;
use connector_core::slice::{Outcome, Step};
use connector_core::{Collector, Slice, SliceError, SliceRows};

use crate::desk::Desk;
use crate::execute::Executor;
use crate::failure::ended;
use crate::fetch::{Fetcher, Leftovers};
use crate::job::{Job, ResultSettings, Source, filled};
use crate::objects::{Objects, Reader, bucket_of};
use crate::pace::Pace;
use crate::running::{Home, Running, client};
use crate::statement::{Statement, split};
use crate::statistics::Notes;
use crate::workgroup::{Place, inspect, look};

/// Runs one job in every slice of a run.
pub struct AthenaCollector {
    job: Arc<Job>,
    host: Host,
    running: Running,
    pace: Pace,
    objects: Objects,
    leftovers: Leftovers,
}

impl std::fmt::Debug for AthenaCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AthenaCollector")
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}

impl AthenaCollector {
    /// Makes no call.
    pub fn new(job: Job, host: &Host) -> Self {
        AthenaCollector {
            job: Arc::new(job),
            host: host.clone(),
            running: Running::default(),
            pace: Pace::default(),
            objects: Objects::default(),
            leftovers: Leftovers::default(),
        }
    }

    /// The workgroup here, and what is wished of its results.
    fn place(&self, slice: &Slice) -> (String, ResultSettings) {
        let fill = |template: &String| filled(template, slice.account.id.as_str(), slice.region());
        let wishes = ResultSettings {
            location: self.job.results.location.as_ref().map(fill),
            bucket_owner: self.job.results.bucket_owner.as_ref().map(fill),
            ..self.job.results.clone()
        };
        (fill(&self.job.workgroup), wishes)
    }

    /// The text of what is to be run here, and the database that a saved query names.
    async fn statements(&self, client: &Client, slice: &Slice) -> Result<(Vec<Statement>, Option<String>), SliceError> {
        let (account, region) = (slice.account.id.as_str(), slice.region());
        let fill = |statement: &Statement| Statement {
            text: filled(&statement.text, account, region),
            ..statement.clone()
        };
        match &self.job.source {
            Source::Statements(statements) => Ok((statements.iter().map(fill).collect(), None)),
            Source::Prepared(name) => Ok((vec![Statement::new(1, format!("EXECUTE {name}"))], None)),
            Source::Named(id) => {
                let answer = client.get_named_query().named_query_id(id).send().await;
                let answer = answer.map_err(AwsError::of("athena", "GetNamedQuery"))?;
                let Some(query) = answer.named_query else {
                    return Err(AwsError::answer("athena", "GetNamedQuery", "the answer has no query").into());
                };
                let statements: Vec<Statement> = split(query.query_string()).iter().map(fill).collect();
                match statements.len() {
                    1 => Ok((statements, Some(query.database().to_owned()))),
                    count => Err(ended(
                        Outcome::Failed,
                        format!("the saved query {id} has {count} statements"),
                        "a saved query must have one statement to be run here",
                    )),
                }
            }
        }
    }

    fn executor(
        &self,
        slice: &Slice,
        client: Client,
        place: &Place,
        database: Option<String>,
        notes: &Notes,
    ) -> Executor {
        let (account, region) = (slice.account.id.as_str(), slice.region());
        Executor {
            job: Arc::clone(&self.job),
            host: self.host.clone(),
            running: self.running.clone(),
            home: Home::new(slice, client.clone()),
            pace: self.pace.clone(),
            desk: Desk::new(client),
            token: Arc::clone(&slice.attempt),
            steps: slice.steps.clone(),
            place: place.clone(),
            catalog: filled(&self.job.catalog, account, region),
            database: database.or_else(|| self.job.database.as_ref().map(|name| filled(name, account, region))),
            notes: notes.clone(),
        }
    }
}

#[async_trait]
impl Collector for AthenaCollector {
    async fn collect(&self, slice: &Slice, rows: &mut SliceRows) -> Result<(), SliceError> {
        let client = client(&slice.access);
        let notes = Notes::new(&slice.facts, self.job.price_per_tb);
        let (workgroup, wishes) = self.place(slice);
        let place = inspect(&client, &workgroup, &wishes, &self.job, &notes).await?;
        let (statements, database) = self.statements(&client, slice).await?;
        let executor = self.executor(slice, client.clone(), &place, database, &notes);
        let fetcher = Fetcher {
            job: &self.job,
            host: &self.host,
            client: &client,
            slice,
            place: &place,
            objects: &self.objects,
            notes: &notes,
            executor: &executor,
            leftovers: &self.leftovers,
        };
        for group in side_by_side(&statements, self.job.max_active) {
            for succeeded in executor.execute_all(group).await? {
                fetcher.fetch(&succeeded, rows).await?;
            }
        }
        Ok(())
    }

    /// The rows are kept; objects that stay are worth a warning, no more.
    async fn concluded(&self, slice: &Slice) {
        let deadline = self.host.time().now() + self.job.timeout;
        let why = match until(&self.host, deadline, self.leftovers.delete(slice)).await {
            Some(Ok(())) => return,
            Some(Err(error)) => error.to_string(),
            None => "S3 did not answer in time".to_owned(),
        };
        slice
            .facts
            .warn(format!("objects that Athena wrote could not be deleted: {why}"));
    }

    async fn probe(&self, slice: &Slice) -> Result<(), SliceError> {
        let client = client(&slice.access);
        let (workgroup, wishes) = self.place(slice);
        let place = look(&client, &workgroup, &wishes, self.job.fetch).await?;
        if let Some(bucket) = place.location.as_deref().and_then(bucket_of) {
            let reader = Reader {
                objects: self.objects.clone(),
                access: slice.access.clone(),
                bucket_owner: place.bucket_owner.clone(),
            };
            let region = slice.region();
            reader.try_bucket(bucket).await.map_err(|error| match error.code.as_deref() {
                Some("NoSuchBucket") => ended(
                    Outcome::Failed,
                    format!("the bucket {bucket}, where results are to go, does not exist: {error}"),
                    &format!(
                        "create it in {region}, or name another place in output_location or in the workgroup {workgroup}"
                    ),
                ),
                _ => error.into(),
            })?;
        }
        self.statements(&client, slice).await?;
        Ok(())
    }

    fn work(&self) -> String {
        self.job.digest()
    }

    fn resuming(&self, steps: &BTreeMap<u32, Step>) -> Vec<String> {
        let become_of = |number: u32, what: &str| match steps.get(&number) {
            Some(step) => format!("statement {number} ({what}) {step}"),
            None => format!("statement {number} ({what}) runs"),
        };
        match &self.job.source {
            Source::Statements(statements) => statements
                .iter()
                .map(|statement| become_of(statement.number, statement.kind.substatement))
                .collect(),
            Source::Named(name) | Source::Prepared(name) => vec![become_of(1, name)],
        }
    }

    async fn abandon(&self, slice: &Slice) {
        self.running.stop_slice(&slice.attempt).await;
    }

    fn running(&self) -> usize {
        self.running.count()
    }

    async fn stop(&self) {
        self.running.stop_all().await;
    }

    fn left_running(&self) -> Vec<String> {
        self.running.left()
    }
}

/// Groups of statements that may run at the same time: reads that follow one another, at most `most`. What changes
/// something runs alone.
fn side_by_side(statements: &[Statement], most: usize) -> Vec<&[Statement]> {
    let runs = statements.chunk_by(|a, b| a.only_reads() && b.only_reads());
    runs.flat_map(|run| run.chunks(most.max(1))).collect()
}

/// `future`, until `deadline`; `None` behind it.
pub(crate) async fn until<T>(host: &Host, deadline: SystemTime, future: impl Future<Output = T>) -> Option<T> {
    let expired = async {
        // A clock that is set right, or one of a test, may not have come so far when the sleep ends.
        while let Ok(left) = deadline.duration_since(host.time().now()) {
            sleep(host, left.max(Duration::from_millis(1))).await;
        }
    };
    tokio::select! {
        biased;
        result = future => Some(result),
        () = expired => None,
    }
}

/// Waits on the host's clock.
pub(crate) async fn sleep(host: &Host, duration: Duration) {
    host.sleep().sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_run_side_by_side_and_changes_alone() {
        let statements = split("select 1; show tables; select 2; insert into t select 1; drop table t; select 3");
        let numbers = |most| -> Vec<Vec<u32>> {
            let groups = side_by_side(&statements, most);
            groups
                .iter()
                .map(|group| group.iter().map(|one| one.number).collect())
                .collect()
        };
        assert_eq!(numbers(5), [vec![1, 2, 3], vec![4], vec![5], vec![6]]);
        assert_eq!(numbers(2), [vec![1, 2], vec![3], vec![4], vec![5], vec![6]]);
    }
}
