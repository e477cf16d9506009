//! DescribeRegions. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html>

use super::{Ec2Call, envelope, filters};
use crate::estate::{Account, Region};
use crate::failure::Failure;

pub(super) const PARAMETERS: &[&str] = &["RegionName", "AllRegions", "DryRun", "Filter"];

pub(super) fn call(call: &Ec2Call<'_>) -> Result<String, Failure> {
    let estate = &call.world.estate;
    let account = estate.accounts.get(&call.caller.account);
    let enabled = |region: &Region| account.is_some_and(|account| account.enabled(region));
    let all = call.params.get("AllRegions") == Some("true");
    let names = call.params.list("RegionName");
    let unknown: Vec<&str> = names
        .iter()
        .filter(|name| {
            !estate
                .regions
                .iter()
                .any(|region| region.name == **name && (all || enabled(region)))
        })
        .copied()
        .collect();
    if !unknown.is_empty() {
        let message = format!("Invalid region names: {}", unknown.join(", "));
        return Err(Failure::new(400, "InvalidParameterValue", message));
    }
    let filters = filters(call.params, &["region-name", "opt-in-status", "endpoint"])?;
    let passes = |region: &Region| {
        filters.iter().all(|(name, values)| match *name {
            "region-name" => values.contains(&region.name.as_str()),
            "opt-in-status" => values.contains(&status(account, region)),
            _ => values.contains(&endpoint(region).as_str()),
        })
    };
    let wanted = |region: &&Region| {
        (all || enabled(region)) && (names.is_empty() || names.contains(&region.name.as_str())) && passes(region)
    };
    Ok(envelope(call, "DescribeRegions", 8192, |xml| {
        xml.element("regionInfo", |xml| {
            for region in estate.regions.iter().filter(wanted) {
                xml.element("item", |xml| {
                    xml.text("regionName", &region.name);
                    xml.text("regionEndpoint", &endpoint(region));
                    xml.plain("optInStatus", status(account, region));
                });
            }
        });
    }))
}

fn status(account: Option<&Account>, region: &Region) -> &'static str {
    match (region.opt_in, account.is_some_and(|account| account.enabled(region))) {
        (false, _) => "opt-in-not-required",
        (true, true) => "opted-in",
        (true, false) => "not-opted-in",
    }
}

fn endpoint(region: &Region) -> String {
    format!("ec2.{}.amazonaws.com", region.name)
}
