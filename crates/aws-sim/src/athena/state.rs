//! Everything of Athena that changes while the simulator runs. A query is carried out when its time has come and
//! somebody looks, in the order in which queries end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::SystemTime;

use super::Call;
use super::engine::Engine;
use super::query::{End, Query, QueryState};
use super::run;
use crate::world::World;

/// The state behind its lock.
#[derive(Default)]
pub(crate) struct Athena(pub(super) Mutex<State>);

/// What a client token stands for.
pub(super) struct Token {
    pub(super) fingerprint: String,
    pub(super) id: String,
}

#[derive(Default)]
pub(crate) struct State {
    queries: HashMap<String, Query>,
    /// In the order of their starts.
    order: Vec<String>,
    /// Those that have not ended, by when they end.
    active: BTreeSet<(SystemTime, String)>,
    /// By account, region and token.
    pub(super) tokens: HashMap<(String, String, String), Token>,
    /// By account and region.
    engines: HashMap<(String, String), Engine>,
    /// How many starts each rule of the estate has let fail.
    pub(super) failed: BTreeMap<usize, u32>,
    /// The same of those that have a time for their first starts.
    pub(super) slowed: BTreeMap<usize, u32>,
    /// Statements that clients have prepared, by account, region, workgroup and name.
    pub(super) prepared: HashMap<(String, String, String, String), String>,
}

impl State {
    pub(super) fn insert(&mut self, query: Query) {
        self.active.insert((query.due(), query.id.clone()));
        self.order.push(query.id.clone());
        self.queries.insert(query.id.clone(), query);
    }

    /// A query of an account in a region; ids of others are not known there.
    pub(super) fn query(&self, call: &Call<'_>, id: &str) -> Option<&Query> {
        let query = self.queries.get(id)?;
        (query.account == call.caller.account && query.region == call.region).then_some(query)
    }

    /// All queries, in the order of their starts.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Query> {
        self.order.iter().filter_map(|id| self.queries.get(id))
    }

    /// How many DML queries of an account and region are queued or running.
    pub(super) fn active_in(&self, account: &str, region: &str) -> usize {
        let ids = self.active.iter().filter_map(|(_, id)| self.queries.get(id));
        ids.filter(|query| query.account == account && query.region == region && query.statement.is_dml())
            .count()
    }

    /// The tables of an account in a region.
    pub(super) fn engine(&mut self, world: &World, account: &str, region: &str) -> &mut Engine {
        let key = (account.to_owned(), region.to_owned());
        self.engines
            .entry(key)
            .or_insert_with(|| Engine::new(&world.estate.athena.tables, account, region))
    }

    /// The text of a prepared statement.
    pub(super) fn prepared(&self, call: &Call<'_>, workgroup: &str, name: &str) -> Option<String> {
        self.prepared_in(call.world, &call.caller.account, call.region, workgroup, name)
    }

    pub(super) fn prepared_in(
        &self,
        world: &World,
        account: &str,
        region: &str,
        workgroup: &str,
        name: &str,
    ) -> Option<String> {
        let key = [account, region, workgroup, name].map(str::to_owned);
        if let Some(text) = self.prepared.get(&key.into()) {
            return Some(text.clone());
        }
        let given = world.estate.athena.prepared.iter();
        given
            .filter(|prepared| prepared.workgroup == workgroup && prepared.scope.covers(account, region))
            .find(|prepared| prepared.name == name)
            .map(|prepared| prepared.text.clone())
    }

    /// Carries out every query whose time has come.
    pub(super) fn settle(&mut self, world: &World) {
        let now = world.clock.now();
        while let Some((due, id)) = self.active.first().cloned()
            && due <= now
        {
            self.active.pop_first();
            if let Some(mut query) = self.queries.remove(&id) {
                let end = run::carry_out(world, self, &query, due);
                query.end = Some(end);
                self.queries.insert(id, query);
            }
        }
    }

    /// Cancels a query, unless it has ended.
    pub(super) fn cancel(&mut self, id: &str, now: SystemTime) {
        let Some(query) = self.queries.get_mut(id) else {
            return;
        };
        if query.end.is_some() {
            return;
        }
        self.active.remove(&(query.due(), id.to_owned()));
        query.end = Some(End {
            at: now,
            state: QueryState::Cancelled,
            reason: Some("Query cancelled by user".to_owned()),
            error: None,
            result: None,
            manifest: None,
            parts: Vec::new(),
            scanned: query.scanned(now),
        });
    }
}
