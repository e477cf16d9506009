//! The accounts of AWS Organizations: a walk through the units from the top down, until two walks agree.

use std::collections::{BTreeMap, HashSet};
use std::error::Error as StdError;

use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::ParentType;
use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Account;
use crate::access::AccountAccess;
use crate::arn::AccountId;
use crate::error::AwsError;
use crate::last::LastAnswer;
use crate::pages;
use crate::partition::Partition;

/// Concurrent calls while organizational units are walked. The quotas of AWS Organizations are low:
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html#throttling-limits>
const CONCURRENT_PARENTS: usize = 4;
/// An organizational unit lies at most five levels below the root; more means that the answers go round in circles.
const DEEPEST_UNIT: usize = 32;
/// An organization has some thousand units at most; more have no end.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const MOST_UNITS: usize = 100_000;
/// Pages of one listing, of up to 20 accounts or units each.
const MOST_PAGES: usize = 10_000;
/// Walks through an organization that changes during each of them.
const MOST_WALKS: usize = 5;

/// A root or an organizational unit, and the path to it.
#[derive(Clone, Debug)]
struct Unit {
    id: String,
    path: String,
    depth: usize,
}

pub(super) struct Listing {
    client: Client,
    page_size: Option<i32>,
}

impl Listing {
    pub(super) fn new(master: &AccountAccess, page_size: Option<i32>) -> Self {
        // One service per partition. <https://docs.aws.amazon.com/general/latest/gr/ao.html>
        let access = master.in_region(Partition::of_region(master.home_region()).global_region);
        let config = aws_sdk_organizations::config::Builder::from(access.sdk_config())
            .retry_partition(access.retry_partition())
            .interceptor(LastAnswer)
            .build();
        Listing {
            client: Client::from_conf(config),
            page_size,
        }
    }

    /// The accounts of the chosen units, or of all, and what a person should know of accounts that moved meanwhile.
    ///
    /// An account that moves from a unit that the walk has yet to visit into one that it has visited is in none of the
    /// answers. So the walk is repeated until two in a row find every account in the same place.
    pub(super) async fn accounts(
        &self,
        units: &[String],
    ) -> Result<(BTreeMap<AccountId, Account>, Vec<String>), AwsError> {
        let top = if units.is_empty() {
            self.roots().await?
        } else {
            self.named(units).await?
        };
        let mut walks = Walks::default();
        while walks.count < MOST_WALKS && !walks.agree {
            walks.add(self.walk(top.clone()).await?);
        }
        Ok(walks.end())
    }

    /// Walks from the top down: two calls per organizational unit, none per account. An account that moves may be found
    /// twice.
    async fn walk(&self, mut level: Vec<Unit>) -> Result<Vec<Account>, AwsError> {
        let mut found = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        while !level.is_empty() {
            // Chosen units may lie inside one another.
            level.retain(|unit| seen.insert(unit.id.clone()));
            if seen.len() > MOST_UNITS {
                let why = format!("there are more than {MOST_UNITS} organizational units: they have no end");
                return Err(AwsError::answer(SERVICE, LIST_UNITS, why));
            }
            let answers: Vec<(Vec<Account>, Vec<Unit>)> =
                stream::iter(level)
                    .map(|unit| async move {
                        Ok::<_, AwsError>((self.accounts_of(&unit).await?, self.units_of(&unit).await?))
                    })
                    .buffered(CONCURRENT_PARENTS)
                    .try_collect()
                    .await?;
            level = Vec::new();
            for (accounts, units) in answers {
                found.extend(accounts);
                level.extend(units);
            }
        }
        Ok(found)
    }

    async fn roots(&self) -> Result<Vec<Unit>, AwsError> {
        let operation = "ListRoots";
        let pages = self
            .client
            .list_roots()
            .set_max_results(self.page_size)
            .into_paginator()
            .send();
        let roots = collect(operation, "Roots", pages, |page| (page.roots, page.next_token)).await?;
        // An organization has one.
        if roots.is_empty() {
            return Err(missing(operation, "root"));
        }
        let units = roots.into_iter().map(|root| {
            let name = root.name.ok_or_else(|| missing(operation, "Name of a root"))?;
            Ok(Unit {
                id: root.id.ok_or_else(|| missing(operation, "Id of a root"))?,
                path: format!("/{name}"),
                depth: 0,
            })
        });
        units.collect()
    }

    /// The chosen units with their paths. One walk upwards for each that the user has named by id, one downwards for each by
    /// path.
    async fn named(&self, names: &[String]) -> Result<Vec<Unit>, AwsError> {
        let roots = self.roots().await?;
        let mut units = Vec::new();
        for id in names {
            if id.starts_with('/') {
                units.push(self.at(id, &roots).await?);
                continue;
            }
            let mut names = Vec::new();
            let mut at = id.clone();
            let path = loop {
                if let Some(root) = roots.iter().find(|root| root.id == at) {
                    break names
                        .iter()
                        .rev()
                        .fold(root.path.clone(), |path, name| format!("{path}/{name}"));
                }
                names.push(self.name_of(&at).await?);
                at = self.parent_of(&at).await?;
                if names.len() > DEEPEST_UNIT {
                    return Err(AwsError::answer(
                        SERVICE,
                        LIST_PARENTS,
                        format!("{id} has no root above it"),
                    ));
                }
            };
            units.push(Unit {
                id: id.clone(),
                path,
                depth: names.len(),
            });
        }
        Ok(units)
    }

    /// The unit at `path`. A slash may also be part of a name.
    async fn at(&self, path: &str, roots: &[Unit]) -> Result<Unit, AwsError> {
        let path = path.trim_end_matches('/');
        let leads_to = |unit: &Unit| {
            let rest = path.strip_prefix(&unit.path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut found = Vec::new();
        let mut level = roots.to_vec();
        // What there is where the path ends too early.
        let mut there = level.clone();
        loop {
            level.retain(leads_to);
            let (ends, ways): (Vec<Unit>, Vec<Unit>) = level.into_iter().partition(|unit| unit.path == path);
            found.extend(ends);
            level = Vec::new();
            for way in &ways {
                level.extend(self.units_of(way).await?);
            }
            if level.is_empty() {
                break;
            }
            there.clone_from(&level);
        }
        let wrong = |why| {
            Err(AwsError::answer(
                SERVICE,
                LIST_UNITS,
                format!("organizational_units: {why}"),
            ))
        };
        match &found[..] {
            [unit] => Ok(unit.clone()),
            [] => {
                let mut paths: Vec<&str> = there.iter().map(|unit| unit.path.as_str()).collect();
                paths.sort_unstable();
                let more = if paths.len() > MOST_NAMED { " and others" } else { "" };
                paths.truncate(MOST_NAMED);
                wrong(format!("there is no unit {path}; there are {}{more}", paths.join(", ")))
            }
            several => {
                let ids: Vec<&str> = several.iter().map(|unit| unit.id.as_str()).collect();
                wrong(format!(
                    "{path} may be each of {}: name the unit by its id",
                    ids.join(", ")
                ))
            }
        }
    }

    async fn name_of(&self, unit: &str) -> Result<String, AwsError> {
        let operation = "DescribeOrganizationalUnit";
        let answer = self
            .client
            .describe_organizational_unit()
            .organizational_unit_id(unit)
            .send()
            .await
            .map_err(AwsError::of(SERVICE, operation))?;
        let name = answer.organizational_unit.and_then(|unit| unit.name);
        name.ok_or_else(|| missing(operation, "Name of the unit"))
    }

    async fn parent_of(&self, unit: &str) -> Result<String, AwsError> {
        let pages = self.client.list_parents().child_id(unit).into_paginator().send();
        let parents = collect(LIST_PARENTS, "Parents", pages, |page| (page.parents, page.next_token)).await?;
        parents
            .into_iter()
            .find(|parent| matches!(parent.r#type, Some(ParentType::OrganizationalUnit | ParentType::Root)))
            .and_then(|parent| parent.id)
            .ok_or_else(|| AwsError::answer(SERVICE, LIST_PARENTS, format!("{unit} has no parent")))
    }

    async fn units_of(&self, parent: &Unit) -> Result<Vec<Unit>, AwsError> {
        if parent.depth > DEEPEST_UNIT {
            let why = format!("{} lies deeper than AWS allows", parent.path);
            return Err(AwsError::answer(SERVICE, LIST_UNITS, why));
        }
        let pages = self
            .client
            .list_organizational_units_for_parent()
            .parent_id(&parent.id)
            .set_max_results(self.page_size)
            .into_paginator()
            .send();
        let units = collect(LIST_UNITS, "OrganizationalUnits", pages, |page| {
            (page.organizational_units, page.next_token)
        });
        let units = units.await?.into_iter().map(|unit| {
            let name = unit.name.ok_or_else(|| missing(LIST_UNITS, "Name of a unit"))?;
            Ok(Unit {
                id: unit.id.ok_or_else(|| missing(LIST_UNITS, "Id of a unit"))?,
                path: format!("{}/{name}", parent.path),
                depth: parent.depth + 1,
            })
        });
        units.collect()
    }

    async fn accounts_of(&self, parent: &Unit) -> Result<Vec<Account>, AwsError> {
        let operation = "ListAccountsForParent";
        let pages = self
            .client
            .list_accounts_for_parent()
            .parent_id(&parent.id)
            .set_max_results(self.page_size)
            .into_paginator()
            .send();
        let accounts = collect(operation, "Accounts", pages, |page| (page.accounts, page.next_token)).await?;
        let accounts = accounts.into_iter().map(|account| {
            let id = account
                .id
                .as_deref()
                .ok_or_else(|| missing(operation, "Id of an account"))?;
            let id = AccountId::parse(id).map_err(|why| AwsError::answer(SERVICE, operation, why))?;
            Ok(Account {
                id,
                state: Some(state_of(&account)),
                name: account.name,
                organizational_unit_id: Some(parent.id.clone()),
                organizational_unit_path: Some(parent.path.clone()),
                master: false,
            })
        });
        accounts.collect()
    }
}

/// What walks through an organization have found.
#[derive(Default)]
struct Walks {
    count: usize,
    /// The last two found the same accounts in the same places.
    agree: bool,
    /// What was found last of each account.
    found: BTreeMap<AccountId, Account>,
    /// The first walk that found an account, and its places in the order of time.
    seen: BTreeMap<AccountId, (usize, Vec<String>)>,
    /// Where the last walk found the accounts.
    last: BTreeMap<AccountId, String>,
}

impl Walks {
    /// Adds the accounts that the next walk has found, in the order of time.
    fn add(&mut self, walk: Vec<Account>) {
        let mut places = BTreeMap::new();
        for account in walk {
            let place = account.organizational_unit_path.clone().unwrap_or_default();
            let (_, before) = self.seen.entry(account.id.clone()).or_insert((self.count, Vec::new()));
            if before.last() != Some(&place) {
                before.push(place.clone());
            }
            places.insert(account.id.clone(), place);
            self.found.insert(account.id.clone(), account);
        }
        self.agree = self.count > 0 && places == self.last;
        self.last = places;
        self.count += 1;
    }

    /// The accounts that the last two walks agree on, or those of all walks where they do not; and warnings: of every account
    /// that was not in one place all the time, where it was seen.
    fn end(mut self) -> (BTreeMap<AccountId, Account>, Vec<String>) {
        let mut warnings = Vec::new();
        if !self.agree {
            warnings.push(format!(
                "the organization changed during each of {} listings: the accounts of all of them are taken",
                self.count
            ));
        }
        for (id, (first, places)) in &self.seen {
            let way = places.join(", then in ");
            if !self.last.contains_key(id) {
                let what = if self.agree {
                    "it is not collected"
                } else {
                    "it is collected all the same"
                };
                warnings.push(format!(
                    "account {id} was in {way} when the accounts were listed, and then in none of the listed units: {what}"
                ));
            } else if places.len() > 1 {
                warnings.push(format!(
                    "account {id} moved while the accounts were listed: it was in {way}"
                ));
            } else if *first > 0 {
                warnings.push(format!(
                    "account {id} was not in the first listing of the accounts, and then in {way}: it moved, or is new"
                ));
            }
        }
        if self.agree {
            self.found.retain(|id, _| self.last.contains_key(id));
        }
        (self.found, warnings)
    }
}

/// Units that a message names.
const MOST_NAMED: usize = 20;

const SERVICE: &str = "organizations";
const LIST_UNITS: &str = "ListOrganizationalUnitsForParent";
const LIST_PARENTS: &str = "ListParents";

fn missing(operation: &'static str, member: &str) -> AwsError {
    AwsError::missing(SERVICE, operation, member)
}

/// The entries of all pages. `split` tells a page's own, which stand in `member`, and its token.
async fn collect<P, T, E>(
    operation: &'static str,
    member: &str,
    pages: PaginationStream<Result<P, SdkError<E, HttpResponse>>>,
    split: impl Fn(P) -> (Option<Vec<T>>, Option<String>),
) -> Result<Vec<T>, AwsError>
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    pages::collect(MOST_PAGES, SERVICE, operation, member, pages, split).await
}

/// `State` takes the place of `Status`; older endpoints know `Status` only. Unknown values are handed on as they are.
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html>
fn state_of(account: &aws_sdk_organizations::types::Account) -> String {
    let status = account.status.as_ref().map(|status| status.as_str());
    let state = account.state.as_ref().map(|state| state.as_str());
    state.or(status).unwrap_or("UNKNOWN").to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn state_is_preferred_to_status() {
        use aws_sdk_organizations::types::{Account as A, AccountState, AccountStatus};
        let old = A::builder().status(AccountStatus::Suspended);
        assert_eq!(state_of(&old.clone().build()), "SUSPENDED");
        assert_eq!(
            state_of(&old.state(AccountState::PendingClosure).build()),
            "PENDING_CLOSURE"
        );
        assert_eq!(state_of(&A::builder().build()), "UNKNOWN");
    }

    fn walk(accounts: &[(char, &str)]) -> Vec<Account> {
        let account = |(digit, place): &(char, &str)| Account {
            organizational_unit_path: Some((*place).to_owned()),
            ..Account::unnamed(AccountId::parse(&digit.to_string().repeat(12)).unwrap(), false)
        };
        accounts.iter().map(account).collect()
    }

    /// What is collected and where, and the warnings, after these walks and no more than are needed.
    fn after(all: &[&[(char, &str)]]) -> (Vec<(char, String)>, Vec<String>, usize) {
        let mut walks = Walks::default();
        for one in all {
            if walks.agree {
                break;
            }
            walks.add(walk(one));
        }
        let count = walks.count;
        let (found, warnings) = walks.end();
        let place = |account: &Account| {
            let digit = account.id.as_str().chars().next().unwrap();
            (digit, account.organizational_unit_path.clone().unwrap())
        };
        (found.values().map(place).collect(), warnings, count)
    }

    fn places(accounts: &[(char, &str)]) -> Vec<(char, String)> {
        accounts
            .iter()
            .map(|(digit, place)| (*digit, (*place).to_owned()))
            .collect()
    }

    #[test]
    fn no_account_is_lost_that_moves_while_the_organization_is_walked() {
        const CALM: &[(char, &str)] = &[('1', "/R/a"), ('2', "/R/b")];
        let (found, warnings, walks) = after(&[CALM, CALM, &[]]);
        assert_eq!((found, warnings, walks), (places(CALM), Vec::new(), 2));
        // Out of a unit that has not been visited into one that has.
        const LOST: &[(char, &str)] = &[('1', "/R/a")];
        const MOVED: &[(char, &str)] = &[('1', "/R/a"), ('2', "/R/a")];
        let (found, warnings, walks) = after(&[LOST, MOVED, MOVED]);
        assert_eq!((found, walks), (places(MOVED), 3));
        assert_eq!(
            warnings,
            [
                "account 222222222222 was not in the first listing of the accounts, and then in /R/a: it moved, or is new"
            ]
        );
        // The other way round: it is found twice.
        let (found, warnings, walks) = after(&[&[('1', "/R/a"), ('2', "/R/b"), ('2', "/R/a")], MOVED]);
        assert_eq!((found, walks), (places(MOVED), 2));
        assert_eq!(
            warnings,
            ["account 222222222222 moved while the accounts were listed: it was in /R/b, then in /R/a"]
        );
        // Between two walks, or out of the units.
        let (found, warnings, _) = after(&[CALM, LOST, LOST]);
        assert_eq!(found, places(LOST));
        assert_eq!(
            warnings,
            [
                "account 222222222222 was in /R/b when the accounts were listed, and then in none of the listed units: \
              it is not collected"
            ]
        );
    }

    #[test]
    fn of_an_organization_that_never_rests_all_accounts_are_taken() {
        let (found, warnings, walks) = after(&[
            &[('1', "/R/a"), ('2', "/R/b")],
            &[('1', "/R/a")],
            &[('1', "/R/a"), ('3', "/R/a")],
        ]);
        assert_eq!(found, places(&[('1', "/R/a"), ('2', "/R/b"), ('3', "/R/a")]));
        assert_eq!(walks, 3);
        assert_eq!(
            warnings[0],
            "the organization changed during each of 3 listings: the accounts of all of them are taken"
        );
        assert!(
            warnings[1].ends_with("none of the listed units: it is collected all the same"),
            "{warnings:?}"
        );
    }
}
