//! AWS Organizations: the tree of units and its accounts, in pages.
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/>

mod describe;
mod list;

use serde_json::Value;

use crate::credentials::Identity;
use crate::estate::matches;
use crate::failure::Failure;
use crate::protocol::Service;
use crate::world::World;

/// An operation of Organizations on behalf of a caller.
pub(crate) fn call(world: &World, caller: &Identity, operation: &str, body: &[u8]) -> Result<String, Failure> {
    let input: Value = match body {
        [] => Value::Object(serde_json::Map::new()),
        body => serde_json::from_slice(body).map_err(|_| Failure::new(400, "SerializationException", ""))?,
    };
    authorize(world, caller, operation)?;
    let result = match operation {
        "DescribeOrganization" => Ok(describe::organization(world)),
        "DescribeAccount" => describe::account(world, &input),
        "DescribeOrganizationalUnit" => describe::unit(world, &input),
        "ListParents" => describe::parents(world, &input),
        "ListRoots" => list::roots(world, caller, &input),
        "ListAccounts" => list::accounts(world, caller, &input),
        "ListAccountsForParent" => list::accounts_for_parent(world, caller, &input),
        "ListOrganizationalUnitsForParent" => list::units_for_parent(world, caller, &input),
        _ => Err(Service::Organizations.no_such_operation(operation)),
    };
    result.map(|result| result.to_string())
}

/// The organization belongs to its management account and to those it has delegated to; members may only ask which
/// organization they are in.
fn authorize(world: &World, caller: &Identity, operation: &str) -> Result<(), Failure> {
    let estate = &world.estate;
    if !estate.in_use || !estate.parents.contains_key(&caller.account) {
        let message = "Your account is not a member of an organization.";
        return Err(Failure::new(400, "AWSOrganizationsNotInUseException", message));
    }
    let action = format!("organizations:{operation}");
    if caller.lacks(&action) {
        let message = format!(
            "User: {} is not authorized to perform: {action} because no identity-based policy allows the {action} action",
            caller.arn
        );
        return Err(Failure::new(400, "AccessDeniedException", message));
    }
    let management = caller.account == estate.management;
    let scps = estate
        .accounts
        .get(&caller.account)
        .map_or(&[][..], |account| &account.scps);
    if !management && scps.iter().any(|scp| matches(&scp.action, &action)) {
        let message = format!(
            "User: {} is not authorized to perform: {action} with an explicit deny in a service control policy",
            caller.arn
        );
        return Err(Failure::new(400, "AccessDeniedException", message));
    }
    if !management && !estate.delegated.contains(&caller.account) && operation != "DescribeOrganization" {
        let message = "You don't have permissions to access this resource.";
        return Err(Failure::new(400, "AccessDeniedException", message));
    }
    Ok(())
}

/// A text member of the input.
fn text<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name).and_then(Value::as_str)
}

/// A text member that must be there.
fn required<'a>(input: &'a Value, name: &str) -> Result<&'a str, Failure> {
    text(input, name).ok_or_else(|| {
        let message = "You provided invalid values for one or more of the request parameters.";
        Failure::new(400, "InvalidInputException", message).with_reason("INPUT_REQUIRED")
    })
}

/// Refuses an id that is neither the root nor a unit.
fn known_parent<'a>(world: &World, input: &'a Value) -> Result<&'a str, Failure> {
    let parent = required(input, "ParentId")?;
    if !parent.starts_with("r-") && !parent.starts_with("ou-") {
        let message = "You provided a value that does not match the required pattern.";
        return Err(Failure::new(400, "InvalidInputException", message).with_reason("INVALID_PATTERN"));
    }
    let known = parent == world.estate.root || world.estate.units.iter().any(|unit| unit.id == parent);
    if known {
        return Ok(parent);
    }
    let message = "You specified parent that doesn't exist.";
    Err(Failure::new(400, "ParentNotFoundException", message))
}
