//! What tests see of Athena's queries.

use super::query::{QueryState, QueryView};
use crate::locked;
use crate::sim::Sim;

impl Sim {
    /// All queries of Athena so far, in the order of their starts, with their states by the simulator's clock.
    #[must_use]
    pub fn queries(&self) -> Vec<QueryView> {
        let mut state = locked(&self.world.athena.0);
        state.settle(&self.world);
        let now = self.world.clock.now();
        state.all().map(|query| query.view(now)).collect()
    }

    /// Those of them that are queued or running.
    #[must_use]
    pub fn running_queries(&self) -> Vec<QueryView> {
        let mut all = self.queries();
        all.retain(|query| matches!(query.state, QueryState::Queued | QueryState::Running));
        all
    }
}
