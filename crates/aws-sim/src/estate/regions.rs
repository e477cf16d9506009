//! AWS's commercial regions, and which of them an account must opt in to.

/// A region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    pub(crate) name: String,
    pub(crate) opt_in: bool,
}

impl Region {
    /// A region that every account has.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            opt_in: false,
        }
    }

    /// A region that an account must enable first.
    #[must_use]
    pub fn opt_in(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            opt_in: true,
        }
    }

    /// The region's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Regions that every account has.
const STANDARD: [&str; 17] = [
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
];

/// Regions to opt in to.
const OPT_IN: [&str; 17] = [
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
];

/// All of them.
pub(super) fn all() -> Vec<Region> {
    STANDARD
        .iter()
        .map(|name| Region::new(name))
        .chain(OPT_IN.iter().map(|name| Region::opt_in(name)))
        .collect()
}

/// The first `count`, those that every account has first, the usual ones at the front.
pub(super) fn first(count: usize) -> Vec<Region> {
    let mut names = vec![
        "eu-central-1",
        "us-east-1",
        "eu-west-1",
        "us-west-2",
        "ap-southeast-1",
        "us-east-2",
    ];
    let rest: Vec<&str> = STANDARD.iter().filter(|name| !names.contains(name)).copied().collect();
    names.extend(rest);
    let standard = names.into_iter().map(Region::new);
    standard
        .chain(OPT_IN.iter().map(|name| Region::opt_in(name)))
        .take(count)
        .collect()
}
