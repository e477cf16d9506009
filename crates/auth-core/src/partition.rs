//! AWS's partitions: groups of regions that have accounts, roles and endpoints of their own. One table for all that depends on
//! the partition.

/// One partition.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// As in ARNs: `aws`, `aws-cn` …
    pub name: &'static str,
    /// What the names of its regions begin with; none for `aws`, which has every region that is in no other partition.
    prefix: &'static str,
    /// Where its global services are, such as AWS Organizations.
    pub global_region: &'static str,
    /// The regions that each of its accounts has without opting in, by name.
    pub regions: &'static [&'static str],
    /// Those that an account must opt in to, as far as this version knows them; by name.
    pub opt_in: &'static [&'static str],
}

/// The first is what a region belongs to that no other one has, as the SDKs decide too. Names and global regions are those of
/// the SDKs' own table of partitions. Regions that need no opt-in:
/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>
static PARTITIONS: [Partition; 8] = [
    Partition {
        name: "aws",
        prefix: "",
        global_region: "us-east-1",
        regions: &[
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-southeast-1",
            "ap-southeast-2",
            "ca-central-1",
            "eu-central-1",
            "eu-north-1",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "sa-east-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ],
        opt_in: &[
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-south-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-west-1",
            "eu-central-2",
            "eu-south-1",
            "eu-south-2",
            "il-central-1",
            "me-central-1",
            "me-south-1",
            "mx-central-1",
        ],
    },
    Partition {
        name: "aws-cn",
        prefix: "cn-",
        global_region: "cn-northwest-1",
        regions: &["cn-north-1", "cn-northwest-1"],
        opt_in: &[],
    },
    Partition {
        name: "aws-eusc",
        prefix: "eusc-",
        global_region: "eusc-de-east-1",
        regions: &["eusc-de-east-1"],
        opt_in: &[],
    },
    Partition {
        name: "aws-iso",
        prefix: "us-iso-",
        global_region: "us-iso-east-1",
        regions: &["us-iso-east-1", "us-iso-west-1"],
        opt_in: &[],
    },
    Partition {
        name: "aws-iso-b",
        prefix: "us-isob-",
        global_region: "us-isob-east-1",
        regions: &["us-isob-east-1", "us-isob-west-1"],
        opt_in: &[],
    },
    Partition {
        name: "aws-iso-e",
        prefix: "eu-isoe-",
        global_region: "eu-isoe-west-1",
        regions: &["eu-isoe-west-1"],
        opt_in: &[],
    },
    Partition {
        name: "aws-iso-f",
        prefix: "us-isof-",
        global_region: "us-isof-south-1",
        regions: &["us-isof-east-1", "us-isof-south-1"],
        opt_in: &[],
    },
    Partition {
        name: "aws-us-gov",
        prefix: "us-gov-",
        global_region: "us-gov-west-1",
        regions: &["us-gov-east-1", "us-gov-west-1"],
        opt_in: &[],
    },
];

impl Partition {
    /// All partitions.
    pub fn all() -> &'static [Partition] {
        &PARTITIONS
    }

    /// The partition of a name as in ARNs.
    pub fn named(name: &str) -> Option<&'static Partition> {
        PARTITIONS.iter().find(|partition| partition.name == name)
    }

    /// Every region that this version knows. AWS has others by now, perhaps.
    pub fn known_regions() -> impl Iterator<Item = &'static str> {
        let regions = PARTITIONS.iter().flat_map(|one| one.regions.iter().chain(one.opt_in));
        regions.copied()
    }

    /// The partition of a region.
    pub fn of_region(region: &str) -> &'static Partition {
        let [aws, others @ ..] = &PARTITIONS;
        others
            .iter()
            .find(|partition| region.starts_with(partition.prefix))
            .unwrap_or(aws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_is_of_its_partition() {
        for partition in Partition::all() {
            assert_eq!(Partition::named(partition.name), Some(partition));
            assert!(partition.regions.contains(&partition.global_region));
            assert!(partition.regions.is_sorted());
            for region in partition.regions {
                assert_eq!(Partition::of_region(region), partition, "{region}");
            }
        }
        assert_eq!(Partition::named("aws-moon"), None);
        assert_eq!(Partition::of_region("mx-central-1").name, "aws");
    }
}
