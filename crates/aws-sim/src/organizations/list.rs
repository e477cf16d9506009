//! Listings in pages. A page may be empty and still have a successor.

use serde_json::{Value, json};

use super::describe::{account_json, unit_json};
use super::{known_parent, text};
use crate::credentials::Identity;
use crate::failure::Failure;
use crate::pages::Position;
use crate::world::World;

pub(super) fn roots(world: &World, caller: &Identity, input: &Value) -> Result<Value, Failure> {
    let (organization, master, root) = (
        world.estate.organization_id(),
        &world.estate.management,
        &world.estate.root,
    );
    let value = json!({
        "Id": root,
        "Arn": format!("arn:aws:organizations::{master}:root/{organization}/{root}"),
        "Name": "Root",
        "PolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
    });
    page(world, caller, input, "ListRoots", "Roots", &[value], Value::clone)
}

pub(super) fn accounts(world: &World, caller: &Identity, input: &Value) -> Result<Value, Failure> {
    let estate = &world.estate;
    let members: Vec<_> = estate
        .accounts
        .values()
        .filter(|account| estate.parents.contains_key(&account.id))
        .collect();
    page(world, caller, input, "ListAccounts", "Accounts", &members, |account| {
        account_json(world, account)
    })
}

pub(super) fn accounts_for_parent(world: &World, caller: &Identity, input: &Value) -> Result<Value, Failure> {
    let (parent, estate) = (known_parent(world, input)?, &world.estate);
    let below = |id: &str| estate.parents.get(id).is_some_and(|of| of == parent);
    let members: Vec<_> = estate.accounts.values().filter(|account| below(&account.id)).collect();
    page(
        world,
        caller,
        input,
        "ListAccountsForParent",
        "Accounts",
        &members,
        |account| account_json(world, account),
    )
}

pub(super) fn units_for_parent(world: &World, caller: &Identity, input: &Value) -> Result<Value, Failure> {
    let parent = known_parent(world, input)?;
    let units: Vec<_> = world.estate.units.iter().filter(|unit| unit.parent == parent).collect();
    page(
        world,
        caller,
        input,
        "ListOrganizationalUnitsForParent",
        "OrganizationalUnits",
        &units,
        |unit| unit_json(world, unit),
    )
}

fn page<T>(
    world: &World,
    caller: &Identity,
    input: &Value,
    operation: &str,
    member: &str,
    entries: &[T],
    write: impl Fn(&T) -> Value,
) -> Result<Value, Failure> {
    let invalid = |reason| {
        let message = "You provided invalid values for one or more of the request parameters.";
        Failure::new(400, "InvalidInputException", message).with_reason(reason)
    };
    let asked = match input.get("MaxResults") {
        None | Some(Value::Null) => 20,
        Some(value) => match value.as_i64() {
            Some(count @ 1..=20) => count as usize,
            Some(count) if count < 1 => return Err(invalid("MIN_VALUE_EXCEEDED")),
            Some(_) => return Err(invalid("MAX_VALUE_EXCEEDED")),
            None => return Err(Failure::new(400, "SerializationException", "")),
        },
    };
    let size = asked.min(world.estate.pages.organizations).max(1);
    let binding = format!(
        "{operation} {} {}",
        caller.account,
        text(input, "ParentId").unwrap_or_default()
    );
    let position = match text(input, "NextToken") {
        None => Position::default(),
        Some(token) => world
            .tokens
            .open(&binding, token)
            .ok_or_else(|| invalid("INVALID_NEXT_TOKEN"))?,
    };
    if position.empty_is_due(&world.estate.pages) {
        let token = world.tokens.seal(&binding, position.after_empty());
        return Ok(json!({member: [], "NextToken": token}));
    }
    let start = usize::try_from(position.at).unwrap_or(usize::MAX).min(entries.len());
    let end = (start + size).min(entries.len());
    let mut answer = json!({member: entries[start..end].iter().map(write).collect::<Vec<_>>()});
    if end < entries.len() {
        answer["NextToken"] = world.tokens.seal(&binding, position.after_page(end as u64)).into();
    }
    Ok(answer)
}
