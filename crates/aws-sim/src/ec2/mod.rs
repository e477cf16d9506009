//! EC2: the regions of an account, its instances, their images and their tags. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/>

mod describe_instances;
mod describe_regions;
mod describe_tags;
pub(crate) mod fleet;
mod image_metadata;
mod instance_xml;
mod network_xml;
mod selection;
pub(crate) mod tags;
pub(crate) mod traits;

use crate::chance;
use crate::credentials::Identity;
use crate::estate::matches;
use crate::failure::Failure;
use crate::params::Params;
use crate::protocol::{Service, ec2_auth_failure};
use crate::world::World;
use crate::xml::Xml;

const VERSION: &str = "2016-11-15";

/// A call of EC2, and where it goes to.
pub(crate) struct Ec2Call<'a> {
    pub(crate) world: &'a World,
    pub(crate) caller: &'a Identity,
    pub(crate) region: &'a str,
    pub(crate) params: &'a Params,
    pub(crate) request_id: &'a str,
}

/// What runs an operation.
type Run = fn(&Ec2Call<'_>) -> Result<String, Failure>;

/// An operation of EC2 on behalf of a caller.
pub(crate) fn call(call: &Ec2Call<'_>, operation: &str) -> Result<String, Failure> {
    if call.params.get("Version").is_some_and(|version| version != VERSION) {
        return Err(Service::Ec2.no_such_operation(operation));
    }
    let (known, run): (&[&str], Run) = match operation {
        "DescribeInstances" => (describe_instances::PARAMETERS, describe_instances::call),
        "DescribeInstanceImageMetadata" => (image_metadata::PARAMETERS, image_metadata::call),
        "DescribeRegions" => (describe_regions::PARAMETERS, describe_regions::call),
        "DescribeTags" => (describe_tags::PARAMETERS, describe_tags::call),
        _ => return Err(Service::Ec2.no_such_operation(operation)),
    };
    authorize(call, operation)?;
    if let Some(unknown) = call.params.unknown(known) {
        let message = format!("The parameter {unknown} is not recognized");
        return Err(Failure::new(400, "UnknownParameter", message));
    }
    if call.params.get("DryRun") == Some("true") {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(Failure::new(412, "DryRunOperation", message));
    }
    run(call)
}

/// The region must be enabled in the account, and no policy may be in the way.
fn authorize(call: &Ec2Call<'_>, operation: &str) -> Result<(), Failure> {
    let (estate, caller) = (&call.world.estate, call.caller);
    if !estate.region_enabled(&caller.account, call.region) {
        return Err(ec2_auth_failure());
    }
    let action = format!("ec2:{operation}");
    let refused = |why: &str, encoded: bool| {
        let mut message = format!(
            "You are not authorized to perform this operation. User: {} is not authorized to perform: {action} {why}",
            caller.arn
        );
        if encoded {
            let text = chance::letters(chance::of_text(estate.seed, &message), 480, chance::BASE64);
            message.push_str(". Encoded authorization failure message: ");
            message.push_str(&text.replace('/', "_").replace('+', "-"));
        }
        Failure::new(403, "UnauthorizedOperation", message)
    };
    let scps = estate
        .accounts
        .get(&caller.account)
        .map_or(&[][..], |account| &account.scps);
    let denies = |scp: &&crate::estate::Scp| {
        let here = |regions: &Vec<String>| regions.iter().any(|region| region == call.region);
        matches(&scp.action, &action) && scp.regions.as_ref().is_none_or(here)
    };
    if let Some(scp) = scps.iter().find(denies).filter(|_| caller.account != estate.management) {
        return Err(refused(
            "with an explicit deny in a service control policy",
            scp.encoded,
        ));
    }
    if caller.lacks(&action) {
        return Err(refused(
            &format!("because no identity-based policy allows the {action} action"),
            false,
        ));
    }
    Ok(())
}

/// The envelope of an answer.
fn envelope(call: &Ec2Call<'_>, operation: &str, capacity: usize, inside: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::with_capacity(capacity + 256);
    xml.markup("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<");
    xml.markup(operation);
    xml.markup("Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">");
    xml.text("requestId", call.request_id);
    inside(&mut xml);
    xml.markup("</");
    xml.markup(operation);
    xml.markup("Response>");
    xml.finish()
}

/// The filters of a call. Those that are not simulated are refused rather than ignored.
fn filters<'a>(params: &'a Params, known: &[&str]) -> Result<Vec<(&'a str, Vec<&'a str>)>, Failure> {
    let named = (1..=200).map_while(|number| Some((number, params.get(&format!("Filter.{number}.Name"))?)));
    named
        .map(|(number, name)| {
            if known.contains(&name) {
                Ok((name, params.list(&format!("Filter.{number}.Value"))))
            } else {
                Err(Failure::new(
                    400,
                    "InvalidParameterValue",
                    format!("The filter '{name}' is invalid"),
                ))
            }
        })
        .collect()
}
