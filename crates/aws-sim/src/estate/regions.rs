//! AWS's commercial regions, and which of them an account must opt in to.

use crate::facts;

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

/// All of them.
pub(super) fn all() -> Vec<Region> {
    let standard = facts::default_regions().into_iter().map(Region::new);
    let opt_in = facts::opt_in_regions().into_iter().map(Region::opt_in);
    standard.chain(opt_in).collect()
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
    let mut rest = facts::default_regions();
    rest.retain(|name| !names.contains(name));
    names.extend(rest);
    let standard = names.into_iter().map(Region::new);
    standard
        .chain(facts::opt_in_regions().into_iter().map(Region::opt_in))
        .take(count)
        .collect()
}
