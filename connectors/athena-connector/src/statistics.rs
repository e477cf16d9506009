//! What the ledger says of each query: its id and state from the moment that AWS has it, its times, bytes and cost.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_athena::types::{QueryExecution, QueryExecutionState, StatementType};
use connector_core::slice::Facts;
use serde_json::{Map, Value as Json, json};

/// Bytes that are billed at least, and bytes to which is rounded up.
/// <https://aws.amazon.com/athena/pricing/>
const LEAST_BILLED: u64 = 10 * MEGABYTE;
const MEGABYTE: u64 = 1024 * 1024;
const TERABYTE: f64 = (1_u64 << 40) as f64;

/// The queries of one slice.
#[derive(Clone, Debug)]
pub(crate) struct Notes {
    facts: Facts,
    price_per_tb: f64,
    queries: Arc<Mutex<Vec<Told>>>,
}

#[derive(Debug)]
struct Told {
    facts: Map<String, Json>,
    /// Whether it is in the sums.
    counted: bool,
}

/// One query of a slice.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    notes: Notes,
    index: usize,
}

impl Notes {
    pub(crate) fn new(facts: &Facts, price_per_tb: f64) -> Self {
        Notes {
            facts: facts.clone(),
            price_per_tb,
            queries: Arc::default(),
        }
    }

    /// What the user should know.
    pub(crate) fn warn(&self, warning: impl Into<String>) {
        self.facts.warn(warning);
    }

    /// Adds to a sum over all slices.
    pub(crate) fn add(&self, name: &str, amount: u64) {
        self.facts.add(name, amount);
    }

    /// A query is about to be started.
    pub(crate) fn begin(&self, statement: u32, workgroup: &str) -> Note {
        let index = self.change(|queries| {
            queries.push(Told {
                facts: Map::from_iter([
                    ("statement".to_owned(), json!(statement)),
                    ("workgroup".to_owned(), json!(workgroup)),
                ]),
                counted: false,
            });
            queries.len() - 1
        });
        Note {
            notes: self.clone(),
            index,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Told>) -> T) -> T {
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut queries);
        // Each time: what has been told stands in the ledger also of a slice that is interrupted.
        let told = queries
            .iter()
            .map(|query| &query.facts)
            .filter(|facts| facts.contains_key("id") || facts.contains_key("client_request_token"));
        self.facts
            .set("queries", told.cloned().map(Json::Object).collect::<Vec<_>>());
        result
    }
}

impl Note {
    /// Something about the query.
    pub(crate) fn set(&self, name: &str, value: impl Into<Json>) {
        let value = value.into();
        self.notes
            .change(|queries| queries[self.index].facts.insert(name.to_owned(), value));
    }

    /// What AWS says of the query. Counted once, when it has ended.
    pub(crate) fn execution(&self, execution: &QueryExecution) {
        let status = execution.status();
        let state = status.and_then(|status| status.state());
        let statistics = execution.statistics();
        let reused = is_reused(execution);
        let scanned = scanned(execution);
        let cost = cost(execution, self.notes.price_per_tb);
        let millis = |value: Option<i64>| value.map_or(Json::Null, Json::from);
        let text = |text: Option<&str>| text.map_or(Json::Null, Json::from);
        let engine = execution.engine_version();
        let facts = [
            ("state", text(state.map(QueryExecutionState::as_str))),
            ("reason", text(status.and_then(|status| status.state_change_reason()))),
            (
                "statement_type",
                text(execution.statement_type().map(StatementType::as_str)),
            ),
            ("substatement_type", text(execution.substatement_type())),
            (
                "engine_version",
                text(engine.and_then(|engine| engine.effective_engine_version())),
            ),
            (
                "output_location",
                text(
                    execution
                        .result_configuration()
                        .and_then(|results| results.output_location()),
                ),
            ),
            ("reused", Json::from(reused)),
            ("scanned_bytes", Json::from(scanned)),
            ("cost", Json::from(cost)),
            (
                "queue_ms",
                millis(statistics.and_then(|times| times.query_queue_time_in_millis())),
            ),
            (
                "planning_ms",
                millis(statistics.and_then(|times| times.query_planning_time_in_millis())),
            ),
            (
                "engine_ms",
                millis(statistics.and_then(|times| times.engine_execution_time_in_millis())),
            ),
            (
                "total_ms",
                millis(statistics.and_then(|times| times.total_execution_time_in_millis())),
            ),
        ];
        let counted = self.notes.change(|queries| {
            let query = &mut queries[self.index];
            let known = facts.into_iter().filter(|(_, fact)| !fact.is_null());
            query.facts.extend(known.map(|(name, fact)| (name.to_owned(), fact)));
            let ended = state.is_some_and(is_final);
            let first = ended && !query.counted;
            query.counted |= ended;
            first
        });
        if counted {
            let sums = &self.notes.facts;
            sums.add("queries", 1);
            sums.add("scanned_bytes", scanned);
            sums.add("cost", cost);
            let total = statistics.and_then(|times| times.total_execution_time_in_millis());
            sums.add("query_ms", total.unwrap_or_default().unsigned_abs());
        }
    }
}

/// Whether the query has ended.
pub(crate) fn is_final(state: &QueryExecutionState) -> bool {
    matches!(
        state,
        QueryExecutionState::Succeeded | QueryExecutionState::Failed | QueryExecutionState::Cancelled
    )
}

/// Bytes scanned so far.
pub(crate) fn scanned(execution: &QueryExecution) -> u64 {
    let statistics = execution.statistics();
    let scanned = statistics.and_then(|statistics| statistics.data_scanned_in_bytes());
    scanned.unwrap_or_default().unsigned_abs()
}

/// Whether the result is that of an earlier query.
pub(crate) fn is_reused(execution: &QueryExecution) -> bool {
    let reuse = execution
        .statistics()
        .and_then(|statistics| statistics.result_reuse_information());
    reuse.is_some_and(|reuse| reuse.reused_previous_result())
}

/// What the scan costs: nothing for DDL, failed queries and reused results; a query that was stopped costs what it has
/// scanned.
fn cost(execution: &QueryExecution, price_per_tb: f64) -> f64 {
    let state = execution.status().and_then(|status| status.state());
    let free = execution.statement_type() == Some(&StatementType::Ddl)
        || state == Some(&QueryExecutionState::Failed)
        || is_reused(execution);
    let scanned = scanned(execution);
    if free || scanned == 0 {
        return 0.0;
    }
    let billed = scanned.div_ceil(MEGABYTE) * MEGABYTE;
    billed.max(LEAST_BILLED) as f64 / TERABYTE * price_per_tb
}

#[cfg(test)]
mod tests {
    use aws_sdk_athena::types::{QueryExecutionStatistics, QueryExecutionStatus, ResultReuseInformation};

    use super::*;

    fn execution(scanned: i64, statement: StatementType, state: QueryExecutionState, reused: bool) -> QueryExecution {
        let reuse = ResultReuseInformation::builder().reused_previous_result(reused).build();
        QueryExecution::builder()
            .statement_type(statement)
            .status(QueryExecutionStatus::builder().state(state).build())
            .statistics(
                QueryExecutionStatistics::builder()
                    .data_scanned_in_bytes(scanned)
                    .set_result_reuse_information(Some(reuse))
                    .build(),
            )
            .build()
    }

    #[test]
    fn costs_follow_the_price_list() {
        use QueryExecutionState::{Cancelled, Failed, Succeeded};
        use StatementType::{Ddl, Dml};
        let least = 5.0 * 10.0 / 1024.0 / 1024.0;
        for (scanned, statement, state, reused, expected) in [
            (1_i64 << 40, Dml, Succeeded, false, 5.0),
            (1, Dml, Succeeded, false, least),
            (1, Dml, Cancelled, false, least),
            ((10 << 20) + 1, Dml, Succeeded, false, least * 1.1),
            (1 << 40, Dml, Failed, false, 0.0),
            (1 << 40, Dml, Succeeded, true, 0.0),
            (1 << 40, Ddl, Succeeded, false, 0.0),
            (0, Dml, Succeeded, false, 0.0),
        ] {
            let cost = cost(&execution(scanned, statement, state.clone(), reused), 5.0);
            assert!(
                (cost - expected).abs() < 1e-12,
                "{scanned} {state:?}: {cost} instead of {expected}"
            );
        }
    }

    #[test]
    fn an_ended_query_is_counted_once() {
        let facts = Facts::default();
        let note = Notes::new(&facts, 5.0).begin(1, "primary");
        note.set("id", "q-1");
        let ended = execution(7, StatementType::Dml, QueryExecutionState::Succeeded, false);
        note.execution(&execution(3, StatementType::Dml, QueryExecutionState::Running, false));
        note.execution(&ended);
        note.execution(&ended);
        let told = facts.told();
        assert_eq!(
            (&told.sums["queries"], &told.sums["scanned_bytes"]),
            (&json!(1), &json!(7))
        );
        assert_eq!(told.details["queries"][0]["id"], "q-1");
    }
}
