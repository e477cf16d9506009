//! One thing at a time: the organization, an account, a unit, a parent.

use serde_json::{Value, json};

use super::required;
use crate::estate::{Account, Unit};
use crate::failure::Failure;
use crate::world::World;

pub(super) fn organization(world: &World) -> Value {
    let estate = &world.estate;
    let (id, master) = (estate.organization_id(), &estate.management);
    let email = estate.accounts.get(master).map_or("", |account| &account.email);
    json!({"Organization": {
        "Id": id,
        "Arn": format!("arn:aws:organizations::{master}:organization/{id}"),
        "FeatureSet": "ALL",
        "MasterAccountId": master,
        "MasterAccountArn": format!("arn:aws:organizations::{master}:account/{id}/{master}"),
        "MasterAccountEmail": email,
        "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
    }})
}

pub(super) fn account(world: &World, input: &Value) -> Result<Value, Failure> {
    let id = required(input, "AccountId")?;
    let account = world
        .estate
        .accounts
        .get(id)
        .filter(|account| world.estate.parents.contains_key(&account.id));
    let account = account.ok_or_else(|| {
        Failure::new(
            400,
            "AccountNotFoundException",
            "You specified an account that doesn't exist.",
        )
    })?;
    Ok(json!({"Account": account_json(world, account)}))
}

pub(super) fn unit(world: &World, input: &Value) -> Result<Value, Failure> {
    let id = required(input, "OrganizationalUnitId")?;
    let unit = world.estate.units.iter().find(|unit| unit.id == id).ok_or_else(|| {
        let message = "You specified an organizational unit that doesn't exist.";
        Failure::new(400, "OrganizationalUnitNotFoundException", message)
    })?;
    Ok(json!({"OrganizationalUnit": unit_json(world, unit)}))
}

pub(super) fn parents(world: &World, input: &Value) -> Result<Value, Failure> {
    let child = required(input, "ChildId")?;
    let of_unit = world
        .estate
        .units
        .iter()
        .find(|unit| unit.id == child)
        .map(|unit| &unit.parent);
    let parent = of_unit.or_else(|| world.estate.parents.get(child)).ok_or_else(|| {
        let message = "You specified an organizational unit (OU) or account that doesn't exist.";
        Failure::new(400, "ChildNotFoundException", message)
    })?;
    let kind = if parent.starts_with("r-") {
        "ROOT"
    } else {
        "ORGANIZATIONAL_UNIT"
    };
    Ok(json!({"Parents": [{"Id": parent, "Type": kind}]}))
}

pub(super) fn account_json(world: &World, account: &Account) -> Value {
    let estate = &world.estate;
    let (organization, master) = (estate.organization_id(), &estate.management);
    let parent = estate.parents.get(&account.id).map_or("", String::as_str);
    let mut value = json!({
        "Id": account.id,
        "Arn": format!("arn:aws:organizations::{master}:account/{organization}/{}", account.id),
        "Email": account.email,
        "Name": account.name,
        "Status": account.state.legacy_name(),
        "JoinedMethod": if account.created { "CREATED" } else { "INVITED" },
        "JoinedTimestamp": account.joined as f64 + 0.123,
        "Paths": [format!("{}{}/", path(world, parent), account.id)],
    });
    if account.state_reported {
        value["State"] = account.state.name().into();
    }
    value
}

pub(super) fn unit_json(world: &World, unit: &Unit) -> Value {
    let (organization, master) = (world.estate.organization_id(), &world.estate.management);
    json!({
        "Id": unit.id,
        "Arn": format!("arn:aws:organizations::{master}:ou/{organization}/{}", unit.id),
        "Name": unit.name,
        "Path": path(world, &unit.id),
    })
}

/// `o-…/r-…/ou-…/`, from the organization down to the unit.
fn path(world: &World, unit: &str) -> String {
    match world.estate.units.iter().find(|known| known.id == unit) {
        Some(known) => format!("{}{unit}/", path(world, &known.parent)),
        None => format!("{}/{}/", world.estate.organization_id(), world.estate.root),
    }
}
