//! Which accounts: the master's alone, those of AWS Organizations, or an explicit list.

use std::collections::{BTreeMap, HashSet};
use std::error::Error as StdError;

use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::ParentType;
use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use crate::access::AccountAccess;
use crate::arn::AccountId;
use crate::error::{AuthError, AwsError, Cause, Step};
use crate::pages;
use crate::settings::{AuthSettings, Scope};

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

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name in AWS Organizations, where that was asked.
    pub name: Option<String>,
    /// Names from the root down, `/Root/Engineering/Platform`; where AWS Organizations was asked.
    pub organizational_unit_path: Option<String>,
    /// `ACTIVE`, `SUSPENDED` …, as AWS Organizations has it; `None` where it was not asked.
    pub state: Option<String>,
    /// Whether this is the account of the master chain, and reached by that.
    pub master: bool,
}

impl Account {
    fn unnamed(id: AccountId, master: bool) -> Self {
        Account {
            id,
            name: None,
            organizational_unit_path: None,
            state: None,
            master,
        }
    }
}

/// An account that is not collected, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The account.
    pub account: Account,
    /// `the account's state is SUSPENDED`, `named in exclude_accounts` …
    pub reason: String,
}

/// The resolved accounts, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountList {
    /// Those to collect.
    pub accounts: Vec<Account>,
    /// Those that are known but not collected.
    pub skipped: Vec<Skipped>,
    /// What the user should know, such as an excluded account that does not exist.
    pub warnings: Vec<String>,
}

/// The accounts that `settings` mean. With an explicit list no call is made.
///
/// `master` is the end of the master chain; it is not needed for an explicit list.
///
/// # Errors
/// A listing that could not be completed: half a list is none.
pub async fn resolve(settings: &AuthSettings, master: Option<&AccountAccess>) -> Result<AccountList, AuthError> {
    match (&settings.scope, master) {
        (Scope::Listed { accounts, .. }, _) => {
            let mut ids = accounts.clone();
            ids.sort();
            ids.dedup();
            let accounts = ids.into_iter().map(|id| Account::unnamed(id, false)).collect();
            Ok(AccountList {
                accounts,
                ..AccountList::default()
            })
        }
        (_, None) => Err(AuthError::new(
            Step::Listing,
            Cause::Invalid("the master account has not been reached".to_owned()),
        )),
        (Scope::MasterOnly, Some(master)) => {
            let accounts = vec![Account::unnamed(master.caller().account.clone(), true)];
            Ok(AccountList {
                accounts,
                ..AccountList::default()
            })
        }
        (
            Scope::Organization {
                organizational_units,
                exclude,
                ..
            },
            Some(master),
        ) => {
            let listing = Listing::new(master, settings.listing_page_size);
            let found = listing
                .accounts(organizational_units)
                .await
                .map_err(|error| AuthError::new(Step::Listing, Cause::Aws(error)))?;
            Ok(select(
                found,
                &master.caller().account,
                organizational_units.is_empty(),
                exclude,
            ))
        }
    }
}

/// Sorts what the listing found into accounts to collect and accounts to skip. Pure.
///
/// With the whole organization, the master account is collected even where the listing does not name it. With chosen
/// units it is collected if it lies in one of them.
fn select(
    found: BTreeMap<AccountId, Account>,
    master: &AccountId,
    whole_organization: bool,
    exclude: &[AccountId],
) -> AccountList {
    let mut list = AccountList::default();
    let mut found = found;
    if whole_organization {
        found
            .entry(master.clone())
            .or_insert_with(|| Account::unnamed(master.clone(), true));
    }
    for id in exclude.iter().filter(|id| !found.contains_key(*id)) {
        list.warnings.push(format!(
            "exclude_accounts names {id}, which is not among the listed accounts"
        ));
    }
    for (id, mut account) in found {
        account.master = id == *master;
        let reason = if exclude.contains(&id) {
            Some("named in exclude_accounts".to_owned())
        } else {
            // The master account has just answered: whatever the listing says, it is alive.
            account
                .state
                .as_deref()
                .filter(|state| *state != "ACTIVE" && !account.master)
                .map(|state| format!("the account's state is {state}"))
        };
        match reason {
            Some(reason) => list.skipped.push(Skipped { account, reason }),
            None => list.accounts.push(account),
        }
    }
    list
}

/// A root or an organizational unit, and the path to it.
#[derive(Clone, Debug)]
struct Unit {
    id: String,
    path: String,
    depth: usize,
}

struct Listing {
    client: Client,
    page_size: Option<i32>,
}

impl Listing {
    fn new(master: &AccountAccess, page_size: Option<i32>) -> Self {
        let access = master.in_region(signing_region(master.home_region()));
        let config = aws_sdk_organizations::config::Builder::from(access.sdk_config())
            .retry_partition(access.retry_partition())
            .build();
        Listing {
            client: Client::from_conf(config),
            page_size,
        }
    }

    /// Walks from the top down: two calls per organizational unit, none per account.
    async fn accounts(&self, units: &[String]) -> Result<BTreeMap<AccountId, Account>, AwsError> {
        let mut level = if units.is_empty() {
            self.roots().await?
        } else {
            self.named(units).await?
        };
        let mut found = BTreeMap::new();
        let mut seen: HashSet<String> = HashSet::new();
        while !level.is_empty() {
            // Chosen units may lie inside one another.
            level.retain(|unit| seen.insert(unit.id.clone()));
            if seen.len() > MOST_UNITS {
                let why = format!("there are more than {MOST_UNITS} organizational units: they have no end");
                return Err(AwsError::answer(
                    "organizations",
                    "ListOrganizationalUnitsForParent",
                    why,
                ));
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
                found.extend(accounts.into_iter().map(|account| (account.id.clone(), account)));
                level.extend(units);
            }
        }
        Ok(found)
    }

    async fn roots(&self) -> Result<Vec<Unit>, AwsError> {
        let pages = self
            .client
            .list_roots()
            .set_max_results(self.page_size)
            .into_paginator()
            .send();
        let pages = collect("ListRoots", pages, |page| page.next_token.as_deref()).await?;
        Ok(pages
            .into_iter()
            .flat_map(|page| page.roots.unwrap_or_default())
            .filter_map(|root| {
                Some(Unit {
                    id: root.id?,
                    path: format!("/{}", root.name?),
                    depth: 0,
                })
            })
            .collect())
    }

    /// The chosen units with their paths. One walk upwards per unit that the user has named.
    async fn named(&self, ids: &[String]) -> Result<Vec<Unit>, AwsError> {
        let roots = self.roots().await?;
        let mut units = Vec::new();
        for id in ids {
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
                        "organizations",
                        "ListParents",
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

    async fn name_of(&self, unit: &str) -> Result<String, AwsError> {
        let answer = self
            .client
            .describe_organizational_unit()
            .organizational_unit_id(unit)
            .send()
            .await
            .map_err(AwsError::of("organizations", "DescribeOrganizationalUnit"))?;
        Ok(answer
            .organizational_unit
            .and_then(|unit| unit.name)
            .unwrap_or_else(|| unit.to_owned()))
    }

    async fn parent_of(&self, unit: &str) -> Result<String, AwsError> {
        let pages = self.client.list_parents().child_id(unit).into_paginator().send();
        let pages = collect("ListParents", pages, |page| page.next_token.as_deref()).await?;
        pages
            .into_iter()
            .flat_map(|page| page.parents.unwrap_or_default())
            .find(|parent| matches!(parent.r#type, Some(ParentType::OrganizationalUnit | ParentType::Root)))
            .and_then(|parent| parent.id)
            .ok_or_else(|| AwsError::answer("organizations", "ListParents", format!("{unit} has no parent")))
    }

    async fn units_of(&self, parent: &Unit) -> Result<Vec<Unit>, AwsError> {
        if parent.depth > DEEPEST_UNIT {
            let why = format!("{} lies deeper than AWS allows", parent.path);
            return Err(AwsError::answer(
                "organizations",
                "ListOrganizationalUnitsForParent",
                why,
            ));
        }
        let pages = self
            .client
            .list_organizational_units_for_parent()
            .parent_id(&parent.id)
            .set_max_results(self.page_size)
            .into_paginator()
            .send();
        let pages = collect("ListOrganizationalUnitsForParent", pages, |page| {
            page.next_token.as_deref()
        });
        let pages = pages.await?;
        Ok(pages
            .into_iter()
            .flat_map(|page| page.organizational_units.unwrap_or_default())
            .filter_map(|unit| {
                let path = format!("{}/{}", parent.path, unit.name?);
                Some(Unit {
                    id: unit.id?,
                    path,
                    depth: parent.depth + 1,
                })
            })
            .collect())
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
        let pages = collect(operation, pages, |page| page.next_token.as_deref()).await?;
        pages
            .into_iter()
            .flat_map(|page| page.accounts.unwrap_or_default())
            .map(|account| {
                let id = account.id.as_deref().unwrap_or_default();
                let id = AccountId::parse(id).map_err(|why| AwsError::answer("organizations", operation, why))?;
                Ok(Account {
                    id,
                    state: Some(state_of(&account)),
                    name: account.name,
                    organizational_unit_path: Some(parent.path.clone()),
                    master: false,
                })
            })
            .collect()
    }
}

/// AWS Organizations is one service per partition, and its requests are signed for one region.
/// <https://docs.aws.amazon.com/general/latest/gr/ao.html>
fn signing_region(home: &str) -> &str {
    match home {
        _ if home.starts_with("cn-") => "cn-northwest-1",
        _ if home.starts_with("us-gov-") => "us-gov-west-1",
        _ if home.contains("-iso") => home,
        _ => "us-east-1",
    }
}

async fn collect<T, E>(
    operation: &'static str,
    stream: PaginationStream<Result<T, SdkError<E, HttpResponse>>>,
    token: impl Fn(&T) -> Option<&str>,
) -> Result<Vec<T>, AwsError>
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    pages::collect(MOST_PAGES, "organizations", operation, stream, token).await
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

    fn id(digit: char) -> AccountId {
        AccountId::parse(&digit.to_string().repeat(12)).unwrap()
    }

    fn found(accounts: &[(char, &str)]) -> BTreeMap<AccountId, Account> {
        accounts
            .iter()
            .map(|(digit, state)| {
                let account = Account {
                    state: Some((*state).to_owned()),
                    ..Account::unnamed(id(*digit), false)
                };
                (id(*digit), account)
            })
            .collect()
    }

    #[test]
    fn only_active_accounts_are_collected_and_the_others_are_named_with_their_state() {
        let list = select(
            found(&[
                ('1', "ACTIVE"),
                ('2', "SUSPENDED"),
                ('3', "PENDING_CLOSURE"),
                ('4', "SOMETHING_NEW"),
                ('5', "ACTIVE"),
            ]),
            &id('1'),
            true,
            &[id('5'), id('9')],
        );
        assert_eq!(
            list.accounts.iter().map(|account| &account.id).collect::<Vec<_>>(),
            [&id('1')]
        );
        assert!(list.accounts[0].master);
        let reasons: Vec<_> = list.skipped.iter().map(|skipped| skipped.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "the account's state is SUSPENDED",
                "the account's state is PENDING_CLOSURE",
                "the account's state is SOMETHING_NEW",
                "named in exclude_accounts"
            ]
        );
        assert_eq!(list.warnings.len(), 1, "{:?}", list.warnings);
    }

    #[test]
    fn the_master_account_belongs_to_the_whole_organization_but_not_to_every_unit() {
        let whole = select(found(&[('2', "ACTIVE")]), &id('1'), true, &[]);
        assert_eq!(whole.accounts.len(), 2);
        assert!(whole.accounts[0].master && !whole.accounts[1].master);
        let unit = select(found(&[('2', "ACTIVE")]), &id('1'), false, &[]);
        assert_eq!(unit.accounts.len(), 1);
        assert!(!unit.accounts[0].master);
    }

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
}
