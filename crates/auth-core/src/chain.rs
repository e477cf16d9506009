//! Plans role chains. Pure: which roles, in which order, with what, and which hops accounts share.

use std::time::Duration;

use crate::arn::{AccountId, RoleTemplate};
use crate::settings::RoleOptions;

/// The longest session that role chaining gives; asking for more fails, it is not clamped.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub const LONGEST_CHAINED_SESSION: Duration = Duration::from_secs(3600);

/// One AssumeRole of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hop {
    /// Whose turn it is, from 1.
    pub number: usize,
    /// How many hops the chain has.
    pub of: usize,
    /// The role, without placeholders.
    pub role_arn: String,
    /// `DurationSeconds`.
    pub duration: Duration,
    /// `ExternalId`.
    pub external_id: Option<String>,
    /// `SourceIdentity`: on the first hop only, AWS hands it on.
    pub source_identity: Option<String>,
    /// Whether the hop is the same for all accounts: then it is walked once and its session shared.
    pub shared: bool,
}

/// The hops of `chain` for `account` (`None`: a chain without placeholders, to the master account).
///
/// Every hop asks for at most 3600 s, the first one too: whether initial credentials are themselves temporary, and the
/// hop thus chained, is not always visible (a profile, a container).
///
/// # Errors
/// A placeholder where there is no account to put in.
pub fn plan(chain: &[RoleTemplate], account: Option<&AccountId>, options: &RoleOptions) -> Result<Vec<Hop>, String> {
    let mut shared = true;
    chain
        .iter()
        .enumerate()
        .map(|(index, role)| {
            shared &= !role.has_placeholder();
            let role_arn = match account {
                Some(account) => role.resolve(account),
                None if role.has_placeholder() => {
                    return Err(format!(
                        "{role}: `{{accountId}}` has a meaning in the sub-account chain only"
                    ));
                }
                None => role.as_str().to_owned(),
            };
            Ok(Hop {
                number: index + 1,
                of: chain.len(),
                role_arn,
                duration: options.duration.min(LONGEST_CHAINED_SESSION),
                external_id: options.external_id.clone(),
                source_identity: options.source_identity.clone().filter(|_| index == 0),
                shared,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn options() -> RoleOptions {
        RoleOptions {
            session_name: "connector".into(),
            external_id: Some("external".into()),
            source_identity: Some("hub".into()),
            duration: Duration::from_secs(7200),
        }
    }

    /// Chain, account, and what is expected of each hop: ARN and whether it is shared.
    type Case<'a> = (&'a [&'a str], Option<&'a str>, Result<&'a [(&'a str, bool)], &'a str>);

    const CASES: &[Case<'_>] = &[
        (&[], None, Ok(&[])),
        (&[], Some("222222222222"), Ok(&[])),
        (
            &["arn:aws:iam::111111111111:role/a"],
            None,
            Ok(&[("arn:aws:iam::111111111111:role/a", true)]),
        ),
        (
            &["arn:aws:iam::111111111111:role/a", "arn:aws:iam::111111111111:role/b"],
            None,
            Ok(&[
                ("arn:aws:iam::111111111111:role/a", true),
                ("arn:aws:iam::111111111111:role/b", true),
            ]),
        ),
        (
            &["arn:aws:iam::{accountId}:role/a"],
            Some("222222222222"),
            Ok(&[("arn:aws:iam::222222222222:role/a", false)]),
        ),
        // The hops before the first placeholder are the same for all accounts; those after it are not, even where
        // their text is.
        (
            &[
                "arn:aws:iam::111111111111:role/hub",
                "arn:aws:iam::{accountId}:role/entry",
                "arn:aws:iam::111111111111:role/back",
            ],
            Some("222222222222"),
            Ok(&[
                ("arn:aws:iam::111111111111:role/hub", true),
                ("arn:aws:iam::222222222222:role/entry", false),
                ("arn:aws:iam::111111111111:role/back", false),
            ]),
        ),
        (
            &["arn:aws:iam::{accountId}:role/a"],
            None,
            Err("sub-account chain only"),
        ),
    ];

    #[test]
    fn chains_are_planned_as_the_table_says() {
        for (chain, account, expected) in CASES {
            let chain: Vec<_> = chain.iter().map(|text| RoleTemplate::parse(text).unwrap()).collect();
            let account = account.map(|id| AccountId::parse(id).unwrap());
            match (plan(&chain, account.as_ref(), &options()), expected) {
                (Ok(hops), Ok(expected)) => {
                    let found: Vec<_> = hops.iter().map(|hop| (hop.role_arn.as_str(), hop.shared)).collect();
                    assert_eq!(found, *expected);
                }
                (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
                (found, expected) => panic!("{found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn every_hop_has_the_external_id_and_the_clamped_duration_and_only_the_first_the_source_identity() {
        let chain =
            RoleTemplate::parse_chain("arn:aws:iam::111111111111:role/a arn:aws:iam::{accountId}:role/b").unwrap();
        let account = AccountId::parse("222222222222").unwrap();
        let hops = plan(&chain, Some(&account), &options()).unwrap();
        for hop in &hops {
            assert_eq!(hop.external_id.as_deref(), Some("external"));
            assert_eq!(hop.duration, LONGEST_CHAINED_SESSION);
            assert_eq!(hop.of, 2);
        }
        assert_eq!(hops[0].source_identity.as_deref(), Some("hub"));
        assert_eq!(hops[1].source_identity, None);
        let shorter = RoleOptions {
            duration: Duration::from_secs(900),
            ..options()
        };
        assert_eq!(
            plan(&chain, Some(&account), &shorter).unwrap()[1].duration,
            Duration::from_secs(900)
        );
    }
}
