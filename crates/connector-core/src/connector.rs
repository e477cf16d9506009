//! What a connector is: a table, its parameters, and how one slice of it is collected. All else is shared.

use async_trait::async_trait;

use crate::parameters::catalog::SHARED;
use crate::parameters::{Parameter, Values};
use crate::rows::RowWriter;
use crate::slice::{Slice, SliceError};
use crate::table::Column;

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
    /// The IAM actions that a slice needs, such as `ec2:DescribeInstances`.
    pub actions: &'static [&'static str],
    /// The calls of a slice, for the `plan` verb.
    pub calls: &'static str,
    /// Whether rows of a slice are sorted by the key, or stay in the order in which they came.
    pub order: Order,
}

/// The order of the rows of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By the key's columns.
    ByKey,
    /// As they were pushed.
    AsGiven,
}

/// A connector.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// What a row is made from.
    type Record: Send + Sync + 'static;

    /// What the connector says of itself.
    fn about(&self) -> &'static About;

    /// The columns behind `account_id`, `account_name`, `organizational_unit_path` and `region`, which every table has.
    fn columns(&self) -> &'static [Column<Self::Record>];

    /// The connector's own parameters.
    fn parameters(&self) -> &'static [&'static Parameter] {
        &[]
    }

    /// Pushes the rows of one slice. What has been pushed is thrown away when this fails.
    ///
    /// # Errors
    /// The failed call.
    async fn collect(
        &self,
        slice: &Slice,
        parameters: &Values,
        rows: &mut RowWriter<Self::Record>,
    ) -> Result<(), SliceError>;
}

/// The shared parameters and the connector's own.
pub fn parameters_of<C: Connector>(connector: &C) -> Vec<&'static Parameter> {
    SHARED.iter().chain(connector.parameters()).copied().collect()
}
