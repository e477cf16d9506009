//! DescribeInstances: reservations with their instances, in pages.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

use super::fleet::Fleet;
use super::traits::Traits;
use super::{Ec2Call, envelope, filters, instance_xml};
use crate::failure::Failure;
use crate::pages::Position;

pub(super) const PARAMETERS: &[&str] = &["InstanceId", "MaxResults", "NextToken", "DryRun", "Filter"];

/// What an instance takes on the wire, about.
const BYTES: usize = 5_600;

pub(super) fn call(call: &Ec2Call<'_>) -> Result<String, Failure> {
    let (world, params) = (call.world, call.params);
    let fleet = Fleet::of(&world.estate, &call.caller.account, call.region);
    let ids = params.list("InstanceId");
    let states = wanted_states(call)?;
    if !ids.is_empty() {
        return named(call, &fleet, &ids, &states);
    }
    let size = match params.get("MaxResults") {
        None => world.estate.pages.instances,
        Some(text) => Some(max_results(text)?),
    };
    let binding = format!(
        "DescribeInstances {} {} {}",
        call.caller.account,
        call.region,
        params.fingerprint()
    );
    let position = match params.get("NextToken") {
        None => Position::default(),
        Some(token) => world.tokens.open(&binding, token).ok_or_else(|| wrong_token(token))?,
    };
    if size.is_some() && fleet.count() > 0 && position.empty_is_due(world.estate.pages.empty_every) {
        let token = world.tokens.seal(&binding, position.after_empty());
        return Ok(envelope(call, "DescribeInstances", 256, |xml| {
            xml.empty("reservationSet");
            xml.text("nextToken", &token);
        }));
    }

    let start = u32::try_from(position.at).unwrap_or(u32::MAX).min(fleet.count());
    let size = u32::try_from(size.unwrap_or(usize::MAX)).unwrap_or(u32::MAX);
    let end = fleet.page_end(start, size);
    Ok(envelope(
        call,
        "DescribeInstances",
        (end - start) as usize * BYTES,
        |xml| {
            xml.element("reservationSet", |xml| {
                let mut at = start;
                while at < end {
                    let after = fleet.reservation_end(at);
                    let members = (at..after).filter(|index| states.is_empty() || shows(&fleet, *index, &states));
                    instance_xml::reservation(xml, &fleet, at, members);
                    at = after;
                }
            });
            if end < fleet.count() {
                xml.text(
                    "nextToken",
                    &world.tokens.seal(&binding, position.after_page(u64::from(end))),
                );
            }
        },
    ))
}

fn wrong_token(token: &str) -> Failure {
    let message = format!("Value ( {token} ) for parameter nextToken is invalid. The token is invalid.");
    Failure::new(400, "InvalidParameterValue", message)
}

fn max_results(text: &str) -> Result<usize, Failure> {
    let wrong = |what: &str| {
        let message = format!("Value ( {text} ) for parameter maxResults is invalid. {what}");
        Err(Failure::new(400, "InvalidParameterValue", message))
    };
    match text.parse::<i64>() {
        Ok(count @ 5..=1000) => Ok(count as usize),
        Ok(count) if count < 5 => wrong("Expecting a value greater than 5."),
        Ok(_) => wrong("Expecting a value less than 1000."),
        Err(_) => wrong("Expecting an integer."),
    }
}

/// The only filter that is simulated.
fn wanted_states<'a>(call: &Ec2Call<'a>) -> Result<Vec<&'a str>, Failure> {
    let filters = filters(call.params, &["instance-state-name"])?;
    Ok(filters.into_iter().flat_map(|(_, values)| values).collect())
}

fn shows(fleet: &Fleet, index: u32, states: &[&str]) -> bool {
    states.contains(&Traits::of(fleet, index).state.name())
}

/// Instances by their ids: all at once, without pages.
fn named(call: &Ec2Call<'_>, fleet: &Fleet, ids: &[&str], states: &[&str]) -> Result<String, Failure> {
    if call.params.get("MaxResults").is_some() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(Failure::new(400, "InvalidParameterCombination", message));
    }
    let mut indexes = Vec::with_capacity(ids.len());
    let mut missing = Vec::new();
    for id in ids {
        let hex = id
            .strip_prefix("i-")
            .filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(hex) = hex.filter(|hex| matches!(hex.len(), 8 | 17)) else {
            let message = format!("Invalid id: \"{id}\"");
            return Err(Failure::new(400, "InvalidInstanceID.Malformed", message));
        };
        match u64::from_str_radix(hex, 16).ok().and_then(|id| fleet.index_of(id)) {
            Some(index) => indexes.push(index),
            None => missing.push(*id),
        }
    }
    if !missing.is_empty() {
        let (noun, verb) = if missing.len() == 1 {
            ("ID", "does")
        } else {
            ("IDs", "do")
        };
        let message = format!("The instance {noun} '{}' {verb} not exist", missing.join(", "));
        return Err(Failure::new(400, "InvalidInstanceID.NotFound", message));
    }
    indexes.sort_unstable();
    indexes.dedup();
    indexes.retain(|index| states.is_empty() || shows(fleet, *index, states));
    Ok(envelope(call, "DescribeInstances", indexes.len() * BYTES, |xml| {
        xml.element("reservationSet", |xml| {
            for together in indexes.chunk_by(|a, b| fleet.reservation_start(*a) == fleet.reservation_start(*b)) {
                let start = fleet.reservation_start(together[0]);
                instance_xml::reservation(xml, fleet, start, together.iter().copied());
            }
        });
    }))
}
