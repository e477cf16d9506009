//! Which instances a call is about: those it names, or the next page of all.

use super::Ec2Call;
use super::fleet::Fleet;
use super::traits::Traits;
use crate::failure::Failure;
use crate::pages::Position;

/// The instances of an answer, by their indexes in order, and the token of what comes after.
pub(super) struct Selection {
    pub(super) indexes: Vec<u32>,
    pub(super) next: Option<String>,
}

/// Selects for an operation that pages.
pub(super) fn select(call: &Ec2Call<'_>, operation: &str, fleet: &Fleet) -> Result<Selection, Failure> {
    let states = wanted_states(call)?;
    let ids = call.params.list("InstanceId");
    let mut selection = if ids.is_empty() {
        page(call, operation, fleet)?
    } else {
        named(call, fleet, &ids)?
    };
    if !states.is_empty() {
        selection
            .indexes
            .retain(|index| states.contains(&Traits::of(fleet, *index).state.name()));
    }
    Ok(selection)
}

fn page(call: &Ec2Call<'_>, operation: &str, fleet: &Fleet) -> Result<Selection, Failure> {
    let (world, params) = (call.world, call.params);
    let size = match params.get("MaxResults") {
        None => world.estate.pages.instances,
        Some(text) => Some(max_results(text)?),
    };
    let binding = format!(
        "{operation} {} {} {}",
        call.caller.account,
        call.region,
        params.fingerprint()
    );
    let position = match params.get("NextToken") {
        None => Position::default(),
        Some(token) => world.tokens.open(&binding, token).ok_or_else(|| wrong_token(token))?,
    };
    if size.is_some() && fleet.count() > 0 && position.empty_is_due(&world.estate.pages) {
        let next = Some(world.tokens.seal(&binding, position.after_empty()));
        return Ok(Selection {
            indexes: Vec::new(),
            next,
        });
    }
    let start = u32::try_from(position.at).unwrap_or(u32::MAX).min(fleet.count());
    let size = u32::try_from(size.unwrap_or(usize::MAX)).unwrap_or(u32::MAX);
    let end = fleet.page_end(start, size);
    let more = end < fleet.count();
    let next = more.then(|| world.tokens.seal(&binding, position.after_page(u64::from(end))));
    Ok(Selection {
        indexes: (start..end).collect(),
        next,
    })
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
    let filters = super::filters(call.params, &["instance-state-name"])?;
    Ok(filters.into_iter().flat_map(|(_, values)| values).collect())
}

/// Instances by their ids: all at once, without pages.
fn named(call: &Ec2Call<'_>, fleet: &Fleet, ids: &[&str]) -> Result<Selection, Failure> {
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
    Ok(Selection { indexes, next: None })
}
