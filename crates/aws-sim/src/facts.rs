//! What AWS itself says of partitions, regions, parameters and permissions, for tests that must not take it from what they
//! test. `tests/python/aws_facts.py` makes `facts.json` of AWS's own files, which it names.

use std::sync::LazyLock;

use serde_json::Value;

static FACTS: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("facts.json")).unwrap_or_default());

fn texts(list: &'static Value) -> Vec<&'static str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// A partition: regions with accounts of their own.
#[derive(Clone, Debug)]
pub struct Partition {
    /// `aws`, `aws-cn` …
    pub id: &'static str,
    /// Where its global services are, such as AWS Organizations.
    pub global_region: &'static str,
    /// All its regions, by name.
    pub regions: Vec<&'static str>,
}

/// All partitions.
#[must_use]
pub fn partitions() -> Vec<Partition> {
    let all = FACTS["partitions"].as_object().into_iter().flatten();
    let partition = |(id, of): (&'static String, &'static Value)| Partition {
        id,
        global_region: of["global_region"].as_str().unwrap_or_default(),
        regions: texts(&of["regions"]),
    };
    all.map(partition).collect()
}

/// The regions of the partition `aws` that every account has, by name.
#[must_use]
pub fn default_regions() -> Vec<&'static str> {
    texts(&FACTS["enabled_by_default"])
}

/// Those that an account must enable, by name.
#[must_use]
pub fn opt_in_regions() -> Vec<&'static str> {
    let mut regions = texts(&FACTS["partitions"]["aws"]["regions"]);
    let default = default_regions();
    regions.retain(|name| !default.contains(name));
    regions
}

/// The switches among the parameters of a call (`ec2:DescribeRegions`), but for `DryRun`: what is left out of its answer may hang
/// on one. Empty also for a call that the connectors do not make.
#[must_use]
pub fn switches(call: &str) -> Vec<&'static str> {
    let mut switches = texts(&FACTS["flags"][call]);
    switches.retain(|name| *name != "DryRun");
    switches
}

/// What AWS's policy `AmazonAthenaFullAccess` allows on the catalog.
#[must_use]
pub fn athena_catalog_actions() -> Vec<&'static str> {
    texts(&FACTS["AmazonAthenaFullAccess"]["catalog"])
}

/// What AWS's policy `AmazonAthenaFullAccess` allows on the bucket of the results.
#[must_use]
pub fn athena_result_actions() -> Vec<&'static str> {
    texts(&FACTS["AmazonAthenaFullAccess"]["results"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_there() {
        assert_eq!(default_regions().len(), 17);
        assert!(opt_in_regions().contains(&"ap-east-1"));
        assert!(partitions().iter().all(|one| one.regions.contains(&one.global_region)));
        assert!(partitions().len() >= 8);
        assert_eq!(switches("ec2:DescribeRegions"), ["AllRegions"]);
        assert!(athena_catalog_actions().contains(&"glue:GetTable"));
        assert!(athena_result_actions().contains(&"s3:PutObject"));
    }
}
