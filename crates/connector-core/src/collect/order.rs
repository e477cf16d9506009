//! What is collected first: what took longest in the run before, so that a run's end does not wait for a long slice that
//! began late. It changes nothing about the rows.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use auth_core::Account;
use serde::Deserialize;

/// How long slices took, in seconds, as the ledger of the run before has it.
#[derive(Debug, Default)]
pub(crate) struct Order {
    slices: HashMap<(String, String), f64>,
    /// The longest slice of each account.
    accounts: HashMap<String, f64>,
}

#[derive(Deserialize)]
struct Ledger {
    slices: Vec<Slice>,
}

#[derive(Deserialize)]
struct Slice {
    account_id: String,
    region: Option<String>,
    duration_seconds: f64,
}

impl Order {
    /// By the ledger at `path`. Without one, or with one that cannot be read, everything keeps the order that it has.
    pub(crate) fn of_ledger(path: Option<&Path>) -> Self {
        // Not read into memory first: that of a large run has tens of megabytes.
        let file = path.and_then(|path| File::open(path).ok());
        let ledger = file.and_then(|file| serde_json::from_reader(BufReader::new(file)).ok());
        ledger.map_or_else(Self::default, Self::of)
    }

    fn of(ledger: Ledger) -> Self {
        let mut order = Order::default();
        for slice in ledger.slices {
            let longest = order.accounts.entry(slice.account_id.clone()).or_default();
            *longest = longest.max(slice.duration_seconds);
            if let Some(region) = slice.region {
                order.slices.insert((slice.account_id, region), slice.duration_seconds);
            }
        }
        order
    }

    /// Accounts with the longest slices first; new ones before all, since they may take any time.
    pub(crate) fn accounts(&self, accounts: &mut [Account]) {
        longest_first(accounts, |account| self.accounts.get(account.id.as_str()));
    }

    /// An account's regions, alike.
    pub(crate) fn regions(&self, account: &Account, regions: &mut [String]) {
        let account = account.id.to_string();
        longest_first(regions, |region| self.slices.get(&(account.clone(), region.clone())));
    }
}

/// Things of the same length keep their order.
fn longest_first<'a, T>(things: &mut [T], length: impl Fn(&T) -> Option<&'a f64>) {
    let length = |thing: &T| length(thing).copied().unwrap_or(f64::INFINITY);
    things.sort_by(|a, b| length(b).total_cmp(&length(a)));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use auth_core::AccountId;

    use super::*;

    const LEDGER: &str = r#"{"slices": [
        {"account_id": "111111111111", "region": "a", "duration_seconds": 1.5},
        {"account_id": "111111111111", "region": "b", "duration_seconds": 3},
        {"account_id": "111111111111", "region": "c", "duration_seconds": 2, "rows": 7},
        {"account_id": "222222222222", "region": null, "duration_seconds": 0.1},
        {"account_id": "333333333333", "region": "a", "duration_seconds": 30.5}
    ]}"#;

    fn account(digit: char) -> Account {
        Account::unnamed(AccountId::parse(&digit.to_string().repeat(12)).unwrap(), false)
    }

    fn regions(order: &Order) -> String {
        let account = account('1');
        let mut regions = ["a", "b", "c", "d"].map(str::to_owned);
        order.regions(&account, &mut regions);
        regions.concat()
    }

    fn accounts(order: &Order) -> String {
        let mut accounts: Vec<Account> = "12345".chars().map(account).collect();
        order.accounts(&mut accounts);
        accounts.iter().map(|account| &account.id.as_str()[..1]).collect()
    }

    #[test]
    fn what_is_new_comes_first_and_then_what_took_longest() {
        let order = Order::of(serde_json::from_str(LEDGER).unwrap());
        assert_eq!(accounts(&order), "45312");
        assert_eq!(regions(&order), "dbca");
    }

    #[test]
    fn without_a_ledger_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path().join("ledger");
        std::fs::write(&broken, "{\"slices\": 5}").unwrap();
        for path in [None, Some(Path::new("/nowhere/ledger")), Some(&broken)] {
            let order = Order::of_ledger(path);
            assert_eq!((accounts(&order), regions(&order)), ("12345".into(), "abcd".into()));
        }
    }
}
