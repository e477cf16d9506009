//! Athena: queries that take their time by the simulator's clock, run by SQLite or answered from what the estate gives,
//! with their results in S3. <https://docs.aws.amazon.com/athena/latest/APIReference/>

mod answers;
mod catalog;
mod engine;
mod executions;
mod input;
mod metadata;
mod observe;
mod parquet;
mod query;
pub(crate) mod read;
mod result;
mod results;
mod run;
mod start;
mod state;
mod statement;
pub(crate) mod types;
mod unload;
pub(crate) mod value;
mod workgroups;

use std::sync::{Arc, MutexGuard};

use serde_json::Value as Json;

use crate::credentials::Identity;
use crate::estate::matches;
use crate::failure::Failure;
use crate::locked;
use crate::protocol::Service;
use crate::world::World;

pub use query::{QueryState, QueryView};
pub(crate) use state::Athena;
use state::State;

/// A call of Athena, and where it goes to.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) world: &'a World,
    pub(crate) caller: &'a Arc<Identity>,
    pub(crate) region: &'a str,
}

impl<'a> Call<'a> {
    fn state(&self) -> MutexGuard<'a, State> {
        locked(&self.world.athena.0)
    }
}

/// An operation of Athena on behalf of a caller.
pub(crate) fn call(
    world: &World,
    caller: &Arc<Identity>,
    region: &str,
    operation: &str,
    body: &[u8],
) -> Result<String, Failure> {
    let call = Call { world, caller, region };
    let value: Json = serde_json::from_slice(body).map_err(|_| Failure::new(400, "SerializationException", ""))?;
    authorize(&call, operation, &value)?;
    within_quota(&call, operation)?;
    let input = input::Input::of(&value)?;
    call.state().settle(world);
    let answer = match operation {
        "StartQueryExecution" => start::start(&call, input),
        "GetQueryExecution" => executions::get(&call, input),
        "BatchGetQueryExecution" => executions::batch(&call, input),
        "ListQueryExecutions" => executions::list(&call, input),
        "StopQueryExecution" => executions::stop(&call, input),
        "GetQueryResults" => results::get(&call, input),
        "GetWorkGroup" => workgroups::get(&call, input),
        "ListWorkGroups" => workgroups::list(&call, input),
        "GetNamedQuery" => catalog::named_query(&call, input),
        "GetPreparedStatement" => catalog::prepared_statement(&call, input),
        "GetDataCatalog" => catalog::data_catalog(input),
        "GetDatabase" => catalog::database(&call, input),
        _ => Err(Service::Athena.no_such_operation(operation)),
    };
    answer.map(|answer| answer.to_string())
}

/// The region must be enabled in the account, and no policy may be in the way.
fn authorize(call: &Call<'_>, operation: &str, input: &Json) -> Result<(), Failure> {
    let (estate, caller) = (&call.world.estate, call.caller);
    if !estate.region_enabled(&caller.account, call.region) {
        let message = "The security token included in the request is invalid.";
        return Err(Failure::new(400, "UnrecognizedClientException", message));
    }
    let action = format!("athena:{operation}");
    let refused = |why: &str| {
        let workgroup = input.get("WorkGroup").and_then(Json::as_str).unwrap_or("primary");
        let message = format!(
            "User: {} is not authorized to perform: {action} on resource: arn:aws:athena:{}:{}:workgroup/{workgroup} {why}",
            caller.arn, call.region, caller.account
        );
        Failure::new(400, "AccessDeniedException", message)
    };
    let scps = estate
        .accounts
        .get(&caller.account)
        .map_or(&[][..], |account| &account.scps);
    let denies = |scp: &crate::estate::Scp| {
        let here = |regions: &Vec<String>| regions.iter().any(|region| region == call.region);
        matches(&scp.action, &action) && scp.regions.as_ref().is_none_or(here)
    };
    if caller.account != estate.management && scps.iter().any(denies) {
        return Err(refused("with an explicit deny in a service control policy"));
    }
    if caller.lacks(&action) {
        return Err(refused(&format!(
            "because no identity-based policy allows the {action} action"
        )));
    }
    Ok(())
}

/// Calls per second, where the estate limits them. Two operations model the error of their own.
fn within_quota(call: &Call<'_>, operation: &str) -> Result<(), Failure> {
    let quotas = call.world.estate.athena.quotas.iter();
    let Some((pattern, quota)) = quotas.clone().find(|(pattern, _)| matches(pattern, operation)) else {
        return Ok(());
    };
    // A quota of its own belongs to one operation; a pattern is shared by all that it matches.
    let key = format!("athena {} {} {pattern}", call.caller.account, call.region);
    if call.world.buckets.take(key, *quota, call.world.clock.now()) {
        return Ok(());
    }
    let code = match operation {
        "StartQueryExecution" | "GetQueryResults" => "TooManyRequestsException",
        _ => "ThrottlingException",
    };
    Err(Failure::new(400, code, "Rate exceeded"))
}
