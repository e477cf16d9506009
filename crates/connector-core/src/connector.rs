//! What a connector is: what it says of itself, its parameters, and how one slice is collected. All else is shared.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use auth_core::Host;
use serde_json::{Map, Value as Json};

use crate::parameters::catalog::SHARED;
use crate::parameters::{Parameter, Problem, Values};
use crate::rows::SliceRows;
use crate::slice::{Slice, SliceError, Step};
use crate::table::Heading;

/// What a connector says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The program's name.
    pub name: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// One line for `--help`.
    pub summary: &'static str,
    /// The table's name, snake_case.
    pub table: &'static str,
    /// The calls of a slice, for the `plan` verb.
    pub calls: &'static str,
    /// The leading columns of a row, of those in [`crate::rows::LEADING_COLUMNS`], where nobody says otherwise.
    pub leading: &'static [&'static str],
    /// Where it collects when no regions are named.
    pub regions: DefaultRegions,
    /// A slice's time where nobody says otherwise; `None`: the connector bounds its work itself.
    pub slice_timeout: Option<Duration>,
    /// Slices at work at once. `None`: somewhat more than calls in flight. More where slices mostly wait for AWS.
    pub slices_at_once: Option<usize>,
}

/// The regions that are collected when none are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultRegions {
    /// Every region that is enabled in the account.
    Enabled,
    /// The one of the environment or profile.
    Home,
}

/// The columns of a connector's rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Columns {
    /// Always the same.
    Fixed(Vec<Heading>),
    /// Known when a slice has been collected; in words, where they come from.
    OfTheResult(&'static str),
}

/// Actions that a slice needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// In IAM's words, such as `ec2:DescribeInstances`.
    pub actions: Vec<&'static str>,
    /// ARNs, with `*` for what is not known; `{partition}`, `{region}` and `{accountId}` are filled in.
    pub resources: Vec<String>,
}

impl Permission {
    /// On whatever there is.
    pub fn on_all(actions: Vec<&'static str>) -> Self {
        Permission {
            actions,
            resources: vec!["*".to_owned()],
        }
    }
}

/// A page of the reference: its name, and what writes its Markdown.
pub type Page = (&'static str, fn() -> String);

/// A connector: what it is, before anything is asked of it.
pub trait Connector: Send + Sync + 'static {
    /// What collects.
    type Collector: Collector;

    /// What the connector says of itself.
    fn about(&self) -> &'static About;

    /// The columns behind the leading ones.
    fn columns(&self) -> Columns;

    /// The connector's own parameters.
    fn parameters(&self) -> &'static [&'static Parameter] {
        &[]
    }

    /// Pages of its reference beyond parameters and columns.
    fn pages(&self) -> &'static [Page] {
        &[]
    }

    /// The IAM actions that a slice needs with these parameters, such as `ec2:DescribeInstances`.
    fn actions(&self, parameters: &Values) -> Vec<&'static str>;

    /// The same with the resources that they are needed on, where the parameters name any: every action once.
    fn permissions(&self, parameters: &Values) -> Vec<Permission> {
        vec![Permission::on_all(self.actions(parameters))]
    }

    /// A line for the end of a run, from the totals of the ledger.
    fn closing(&self, _totals: &Map<String, Json>) -> Option<String> {
        None
    }

    /// Checks the connector's own rules, and makes what collects. `host` has the clock. Makes no call.
    ///
    /// # Errors
    /// All problems, each with the parameter's name and what to change.
    fn collector(&self, parameters: &Values, host: &Host) -> Result<Self::Collector, Vec<Problem>>;

    /// The same for verbs that collect nothing, such as `check`: what only collecting needs may be missing.
    ///
    /// # Errors
    /// All problems, each with the parameter's name and what to change.
    fn prober(&self, parameters: &Values, host: &Host) -> Result<Self::Collector, Vec<Problem>> {
        self.collector(parameters, host)
    }
}

/// Collects the slices of one run.
#[async_trait]
pub trait Collector: Send + Sync + 'static {
    /// Collects the rows of one slice. They are thrown away when this fails.
    ///
    /// # Errors
    /// The failed call.
    async fn collect(&self, slice: &Slice, rows: &mut SliceRows) -> Result<(), SliceError>;

    /// What became of the slice is kept, its rows or its failure: a run that goes on with this one does not need any more
    /// what was needed at AWS for this try. Warnings go to the slice's facts.
    async fn concluded(&self, _slice: &Slice) {}

    /// Whether the slice could be collected, by a call that needs the same permission, and changes and costs nothing: for
    /// `check`. Without one, `check` ends at the account's session.
    ///
    /// # Errors
    /// What would fail.
    async fn probe(&self, _slice: &Slice) -> Result<(), SliceError> {
        Ok(())
    }

    /// What the work is beyond its parameters, such as a digest of the file that a parameter names: an unfinished run is gone
    /// on with only where it is the same.
    fn work(&self) -> String {
        String::new()
    }

    /// What a run that resumes does with a slice that has these steps behind it, in words.
    fn resuming(&self, steps: &BTreeMap<u32, Step>) -> Vec<String> {
        steps
            .iter()
            .map(|(number, step)| format!("step {number} {step}"))
            .collect()
    }

    /// Stops what runs at AWS for a slice whose time is up, or whose task has panicked; its collection was dropped.
    async fn abandon(&self, _slice: &Slice) {}

    /// How much runs at AWS that [`stop`](Self::stop) would have to stop: its time follows that.
    fn running(&self) -> usize {
        0
    }

    /// Stops what still runs at AWS, and lets nothing else be started. Called once, at the end of a run and when it is
    /// interrupted, when all slices have ended or are cancelled; dropped when its time is over.
    async fn stop(&self) {}

    /// What may still run at AWS, each in a sentence that says what to do about it. Asked for when [`stop`](Self::stop) has
    /// ended, or its time is over.
    fn left_running(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The shared parameters and the connector's own.
pub fn parameters_of<C: Connector>(connector: &C) -> Vec<&'static Parameter> {
    SHARED.iter().chain(connector.parameters()).copied().collect()
}
