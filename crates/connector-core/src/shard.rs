//! Shards: parts of one run that machines collect side by side. Which account belongs to which, its id alone says.

use std::fmt;

use auth_core::{Account, AccountList};
use sha2::{Digest as _, Sha256};

use crate::parameters::Problem;

/// The largest array job of AWS Batch:
/// <https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html>
const MOST_SHARDS: u32 = 10_000;
/// The index of a child of an array job, and the size of the array:
/// <https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html>
const BATCH_INDEX: &str = "AWS_BATCH_JOB_ARRAY_INDEX";
const BATCH_SIZE: &str = "AWS_BATCH_JOB_ARRAY_SIZE";
/// The index of a pod of an Indexed Job; Kubernetes does not say of how many:
/// <https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode>
const KUBERNETES_INDEX: &str = "JOB_COMPLETION_INDEX";

/// What stands for the shard's index in the paths of output and ledger.
pub(crate) const SHARD_PLACEHOLDER: &str = "{shard}";

/// One shard of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    /// Which, from 0.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// Reads `i/n`, `auto/n` or `auto`; the variables of `environment` say what is left to them.
    ///
    /// # Errors
    /// A text that is none of these, a shard that does not exist, and variables that are missing or say something else.
    pub fn parse(text: &str, environment: &[(String, String)]) -> Result<Self, Problem> {
        let wrong = |why: String| Problem(format!("shard: `{text}` {why}"));
        let (index, count) = match text.split_once('/') {
            Some((index, count)) => (index, Some(count)),
            None => (text, None),
        };
        let form = || {
            wrong(
                "is not i/n, such as 0/8 for the first of eight shards, nor auto/n or auto in an array job or indexed job"
                    .to_owned(),
            )
        };
        let count = count.map(|count| number(count).ok_or_else(form)).transpose()?;
        let shard = match (index, count) {
            ("auto", count) => automatic(count, environment).map_err(wrong)?,
            (index, Some(count)) => Shard {
                index: number(index).ok_or_else(form)?,
                count,
            },
            (_, None) => return Err(form()),
        };
        if shard.count == 0 {
            return Err(wrong(
                "means no shards at all: the number behind the / is at least 1".to_owned(),
            ));
        }
        if shard.count > MOST_SHARDS {
            return Err(wrong(format!("means more than {MOST_SHARDS} shards")));
        }
        if shard.index >= shard.count {
            let last = shard.count - 1;
            return Err(wrong(format!(
                "means shard {shard}: shards are counted from 0, the last one is {last}/{}",
                shard.count
            )));
        }
        Ok(shard)
    }

    /// Reads `i/n` as [`Shard`] shows it.
    pub(crate) fn parse_shown(text: &str) -> Option<Self> {
        Shard::parse(text, &[]).ok()
    }

    /// Whether the account is one of this shard: the first 8 bytes of the SHA-256 of its 12 digits, as a big-endian
    /// number, modulo the number of shards. Stable between versions: shards of an earlier run stand in for later ones.
    pub fn has(&self, account: &str) -> bool {
        let digest = Sha256::digest(account.as_bytes());
        let number = digest
            .iter()
            .take(8)
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        number % u64::from(self.count) == u64::from(self.index)
    }

    /// Leaves the accounts of other shards out, as if nobody had listed them. Says how many there are in all.
    pub(crate) fn narrow(&self, list: &mut AccountList) -> usize {
        let all = list.accounts.len();
        let mine = |account: &Account| self.has(account.id.as_str());
        list.accounts.retain(mine);
        list.skipped.retain(|skipped| mine(&skipped.account));
        all
    }
}

/// Digits alone.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The index of the job that this process is; with the array's size where nobody has said it.
fn automatic(count: Option<u32>, environment: &[(String, String)]) -> Result<Shard, String> {
    let variable = |name: &str| {
        let mut found = environment
            .iter()
            .filter(|(known, value)| known == name && !value.is_empty());
        let Some((_, value)) = found.next() else {
            return Ok(None);
        };
        let number = number(value);
        number
            .map(Some)
            .ok_or_else(|| format!("takes its index from the environment, where {name} is `{value}`"))
    };
    let (batch, kubernetes) = (variable(BATCH_INDEX)?, variable(KUBERNETES_INDEX)?);
    let size = variable(BATCH_SIZE)?;
    match (batch, kubernetes) {
        (Some(_), Some(_)) => Err(format!(
            "takes its index from the environment, where {BATCH_INDEX} and {KUBERNETES_INDEX} are both set: write i/n"
        )),
        (None, None) => Err(format!(
            "takes its index from the environment, where neither {BATCH_INDEX} nor {KUBERNETES_INDEX} is set: outside of an \
             array job of AWS Batch or an Indexed Job of Kubernetes write i/n"
        )),
        (Some(index), None) => match (count, size) {
            (Some(count), Some(size)) if count != size => Err(format!(
                "means {count} shards, but {BATCH_SIZE} is {size}: make them the same, or write auto"
            )),
            (Some(count), _) | (None, Some(count)) => Ok(Shard { index, count }),
            (None, None) => Err(format!(
                "takes the number of shards from {BATCH_SIZE}, which is not set: write auto/n"
            )),
        },
        (None, Some(index)) => match count {
            Some(count) => Ok(Shard { index, count }),
            None => Err(
                "does not say how many shards there are, and Kubernetes does not either: write auto/n with the Job's \
                         completions for n"
                    .to_owned(),
            ),
        },
    }
}

/// The variable of an array job that is set although nobody has asked for shards.
pub(crate) fn unused_index(environment: &[(String, String)]) -> Option<&str> {
    let is_index = |name: &str| [BATCH_INDEX, KUBERNETES_INDEX].contains(&name);
    let mut names = environment.iter().map(|(name, _)| name.as_str());
    names.find(|name| is_index(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        variables.iter().map(owned).collect()
    }

    fn shard_of(account: &str, count: u32) -> u32 {
        let of = |index: &u32| Shard { index: *index, count }.has(account);
        (0..count).find(of).unwrap()
    }

    /// Computed by `sha256sum`: the first 16 hexadecimal digits, modulo 8, 64 and 1000.
    #[test]
    fn accounts_are_where_they_were() {
        for (account, of_8, of_64, of_1000) in VECTORS {
            let found = [8, 64, 1000].map(|count| shard_of(account, count));
            assert_eq!(found, [of_8, of_64, of_1000], "{account}");
        }
    }

    const VECTORS: [(&str, u32, u32, u32); 6] = [
        ("000000000000", 3, 3, 819),
        ("123456789012", 2, 10, 834),
        ("200000000001", 2, 10, 818),
        ("200000000002", 4, 44, 540),
        ("999999999999", 4, 52, 132),
        ("300000000001", 6, 30, 838),
    ];

    /// Ids of accounts that were created one after another, and ids far apart: no shard has a fifth more than its part.
    #[test]
    fn shards_are_alike() {
        for step in [1, 1000, 99_999_989] {
            let mut sizes = [0_u32; 16];
            for number in 0..8000_u64 {
                let account = format!("{:012}", (200_000_000_000 + number * step) % 1_000_000_000_000);
                sizes[shard_of(&account, 16) as usize] += 1;
            }
            // 500 are meant; the standard deviation is 22.
            assert!(
                sizes.iter().all(|size| (400..600).contains(size)),
                "step {step}: {sizes:?}"
            );
        }
    }

    #[test]
    fn a_shard_is_named_or_left_to_the_job() {
        let batch = [(BATCH_INDEX, "3"), (BATCH_SIZE, "8")];
        let kubernetes = [(KUBERNETES_INDEX, "5")];
        for (text, variables, expected) in [
            ("0/1", &[][..], (0, 1)),
            ("7/8", &[], (7, 8)),
            ("1/2", &batch, (1, 2)),
            ("9999/10000", &[], (9999, 10_000)),
            ("auto", &batch, (3, 8)),
            ("auto/8", &batch, (3, 8)),
            ("auto/6", &batch[..1], (3, 6)),
            ("auto/6", &kubernetes, (5, 6)),
        ] {
            let shard = Shard::parse(text, &environment(variables)).unwrap();
            assert_eq!((shard.index, shard.count), expected, "{text}");
            assert_eq!(Shard::parse_shown(&shard.to_string()), Some(shard));
        }
    }

    #[test]
    fn half_a_configuration_is_none() {
        let batch = [(BATCH_INDEX, "3"), (BATCH_SIZE, "8")];
        let kubernetes = [(KUBERNETES_INDEX, "5")];
        let form = "is not i/n";
        for (text, variables, why) in [
            ("8/8", &[][..], "the last one is 7/8"),
            ("0/0", &[], "at least 1"),
            ("0/10001", &[], "more than 10000 shards"),
            ("3", &[], form),
            ("/", &[], form),
            ("1/", &[], form),
            ("/8", &[], form),
            ("-1/8", &[], form),
            ("+1/8", &[], form),
            ("1 / 8", &[], form),
            ("1/8/2", &[], form),
            ("a/8", &[], form),
            ("4294967296/8", &[], form),
            ("Auto/8", &batch, form),
            ("auto/x", &batch, form),
            (
                "auto",
                &[],
                "neither AWS_BATCH_JOB_ARRAY_INDEX nor JOB_COMPLETION_INDEX is set",
            ),
            ("auto/8", &[], "neither"),
            ("auto/8", &[(KUBERNETES_INDEX, "")], "neither"),
            ("auto", &kubernetes, "write auto/n"),
            ("auto", &batch[..1], "AWS_BATCH_JOB_ARRAY_SIZE, which is not set"),
            ("auto/5", &kubernetes, "means shard 5/5"),
            ("auto/4", &batch, "means 4 shards, but AWS_BATCH_JOB_ARRAY_SIZE is 8"),
            ("auto/8", &[(KUBERNETES_INDEX, "x")], "JOB_COMPLETION_INDEX is `x`"),
            ("auto/8", &[(BATCH_INDEX, "1"), (KUBERNETES_INDEX, "1")], "both set"),
        ] {
            let Problem(said) = Shard::parse(text, &environment(variables)).unwrap_err();
            assert!(
                said.starts_with(&format!("shard: `{text}` ")) && said.contains(why),
                "{text}: {said}"
            );
        }
    }

    proptest! {
        /// No account is lost, and none is there twice.
        #[test]
        fn every_account_has_one_shard(account in "[0-9]{12}", count in 1_u32..200) {
            let of = |index: &u32| Shard { index: *index, count }.has(&account);
            prop_assert_eq!((0..count).filter(of).count(), 1);
        }
    }
}
