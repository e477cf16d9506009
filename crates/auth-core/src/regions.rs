//! Which regions of an account: the configured ones, or those that are enabled there.

use aws_sdk_ec2::Client;

use crate::access::AccountAccess;
use crate::error::{AwsError, ErrorKind};
use crate::last::LastAnswer;
use crate::partition::Partition;
use crate::settings::RegionChoice;

/// Asked in turn while DescribeRegions is denied: a policy may block single regions. In other partitions than `aws` there are
/// not many, and all are asked.
const ASKED_REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "us-west-2"];

/// The regions of one account.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    /// Those to collect, by name.
    pub collect: Vec<String>,
    /// Those that are known but not collected, and why.
    pub skipped: Vec<(String, &'static str)>,
    /// Why the account could not say which regions it has enabled; `collect` is then those that every account of the
    /// partition has, and regions that the account has opted in to are missing.
    pub fallback: Option<AwsError>,
}

/// Why a region is not collected.
pub const NOT_ENABLED: &str = "the region is not enabled in this account";
/// Why a region is not collected.
pub const EXCLUDED: &str = "named in exclude_regions";

/// The regions of the account that `access` has reached. One call where none are configured, else no call.
///
/// # Errors
/// An account that does not answer at all. A denial is not an error: see [`Regions::fallback`].
pub async fn resolve(access: &AccountAccess, choice: &RegionChoice) -> Result<Regions, AwsError> {
    if !choice.include.is_empty() {
        return Ok(select(
            choice.include.iter().map(|name| (name.clone(), true)),
            &choice.exclude,
        ));
    }
    let home = access.home_region();
    let partition = Partition::of_region(home);
    let mut denial = None;
    let others = match partition.name {
        "aws" => &ASKED_REGIONS,
        _ => partition.regions,
    };
    let others = others.iter().copied().filter(|region| *region != home);
    for region in std::iter::once(home).chain(others) {
        match enabled(access, region).await {
            Ok(regions) => return Ok(select(regions, &choice.exclude)),
            Err(error) if error.kind == ErrorKind::Denied => denial = denial.or(Some(error)),
            // A region that is not the account's own to ask does not answer for the ones that are.
            Err(_) if denial.is_some() => {}
            Err(error) => return Err(error),
        }
    }
    let known = partition.regions.iter().map(|name| ((*name).to_owned(), true));
    Ok(Regions {
        fallback: denial,
        ..select(known, &choice.exclude)
    })
}

/// Every region with whether it is enabled in the account.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html>
///
/// # Errors
/// The failed call, and an answer that cannot be the whole list.
pub async fn enabled(access: &AccountAccess, ask_in: &str) -> Result<Vec<(String, bool)>, AwsError> {
    let access = access.in_region(ask_in);
    let config = aws_sdk_ec2::config::Builder::from(access.sdk_config())
        .retry_partition(access.retry_partition())
        .interceptor(LastAnswer)
        .build();
    let answer = Client::from_conf(config)
        .describe_regions()
        .all_regions(true)
        .send()
        .await
        .map_err(AwsError::of("ec2", "DescribeRegions"))?;
    let missing = |member| AwsError::missing("ec2", "DescribeRegions", member);
    let regions = answer.regions.ok_or_else(|| missing("regionInfo"))?.into_iter();
    let regions = regions.map(|region| {
        let enabled = region.opt_in_status.as_deref() != Some("not-opted-in");
        let name = region.region_name.ok_or_else(|| missing("regionName of a region"))?;
        Ok((name, enabled))
    });
    let regions = regions.collect::<Result<Vec<(String, bool)>, _>>()?;
    // With AllRegions the region that has answered is among them.
    if !regions.iter().any(|(name, _)| name == ask_in) {
        return Err(missing(&format!("region {ask_in}, which was asked")));
    }
    // Names of regions become parts of host names and of the output's path.
    match regions.iter().find(|(name, _)| !is_region(name)) {
        Some((name, _)) => {
            let why = format!("the answer names `{name}`, which is not the name of a region");
            Err(AwsError::answer("ec2", "DescribeRegions", why))
        }
        None => Ok(regions),
    }
}

/// Whether `name` is in the form of a region's name, such as `eu-west-1` or `us-gov-east-1`.
pub fn is_region(name: &str) -> bool {
    let Some((words, number)) = name.rsplit_once('-') else {
        return false;
    };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    words.contains('-')
        && words.split('-').all(is_word)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn select(regions: impl IntoIterator<Item = (String, bool)>, exclude: &[String]) -> Regions {
    let mut found = Regions::default();
    for (name, enabled) in regions {
        match (enabled, exclude.contains(&name)) {
            (false, _) => found.skipped.push((name, NOT_ENABLED)),
            (true, true) => found.skipped.push((name, EXCLUDED)),
            (true, false) => found.collect.push(name),
        }
    }
    found.collect.sort();
    found.collect.dedup();
    found.skipped.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_of_a_region_is_none() {
        for name in ["eu-west-1", "us-gov-east-1", "eusc-de-east-1", "ap-southeast-12"] {
            assert!(is_region(name), "{name}");
        }
        for name in [
            "",
            "eu",
            "eu-1",
            "eu-west-",
            "eu--west-1",
            "EU-west-1",
            "eu-west-1/../x",
            "../eu-west-1",
            "eu-west-1\n",
            "eu-west-1.evil",
            "eu-west-\u{661}",
        ] {
            assert!(!is_region(name), "{name}");
        }
    }

    #[test]
    fn regions_are_collected_once_in_order_and_the_others_are_named_with_the_reason() {
        let all = [("b", true), ("a", true), ("c", false), ("d", true), ("a", true)];
        let found = select(
            all.map(|(name, enabled)| (name.to_owned(), enabled)),
            &["d".to_owned(), "c".to_owned()],
        );
        assert_eq!(found.collect, ["a", "b"]);
        assert_eq!(
            found.skipped,
            [("c".to_owned(), NOT_ENABLED), ("d".to_owned(), EXCLUDED)]
        );
    }
}
