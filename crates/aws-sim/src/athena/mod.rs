//! Amazon Athena. <https://docs.aws.amazon.com/athena/latest/APIReference/>

use crate::credentials::Identity;
use crate::failure::Failure;
use crate::protocol::Service;
use crate::world::World;

/// An operation of Athena on behalf of a caller.
pub(crate) fn call(
    _world: &World,
    _caller: &Identity,
    _region: &str,
    operation: &str,
    _body: &[u8],
) -> Result<String, Failure> {
    Err(Service::Athena.no_such_operation(operation))
}
