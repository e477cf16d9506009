//! Which accounts: the master's alone, those of AWS Organizations, or an explicit list.

mod listing;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::access::AccountAccess;
use crate::arn::AccountId;
use crate::error::{AuthError, Cause, Step};
use crate::settings::{AuthSettings, Scope};

use self::listing::Listing;

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name in AWS Organizations, where that was asked.
    pub name: Option<String>,
    /// The id of its organizational unit or root; where AWS Organizations was asked.
    pub organizational_unit_id: Option<String>,
    /// Names from the root down, `/Root/Engineering/Platform`; where AWS Organizations was asked.
    pub organizational_unit_path: Option<String>,
    /// `ACTIVE`, `SUSPENDED` …, as AWS Organizations has it; `None` where it was not asked.
    pub state: Option<String>,
    /// Whether this is the account of the master chain, and reached by that.
    pub master: bool,
}

impl Account {
    /// An account of which nothing but its id is known.
    pub fn unnamed(id: AccountId, master: bool) -> Self {
        Account {
            id,
            name: None,
            organizational_unit_id: None,
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
            let (found, moves) = listing
                .accounts(organizational_units)
                .await
                .map_err(|error| AuthError::new(Step::Listing, Cause::Aws(error)))?;
            let mut list = select(
                found,
                &master.caller().account,
                organizational_units.is_empty(),
                exclude,
            );
            list.warnings.extend(moves);
            Ok(list)
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
}
