//! The columns that rows begin with: what is the same for all rows of a slice.

use auth_core::Account;

use crate::table::{Heading, Kind};

/// The leading column with the time of collection.
pub(crate) const COLLECTED_AT: &str = "collected_at";

/// Name, whether it is part of the key, and meaning.
pub const LEADING: [(&str, bool, &str); 5] = [
    ("account_id", true, "The account that the row was collected in."),
    (
        "account_name",
        false,
        "The account's name in AWS Organizations; NULL where the organization was not listed.",
    ),
    (
        "organizational_unit_path",
        false,
        "Names of the organizational units from the root down; NULL where the organization was not listed.",
    ),
    ("region", true, "The region that the row was collected in."),
    (
        COLLECTED_AT,
        false,
        "When collecting the row's slice began, RFC 3339 in UTC. It differs from run to run; only where it is asked for, and with \
         keep_last_good.",
    ),
];

/// The chosen ones of them, in the order of [`LEADING`].
pub(crate) fn headings(chosen: &[String]) -> Vec<Heading> {
    let chosen = LEADING.iter().filter(|(name, ..)| chosen.iter().any(|c| c == name));
    chosen
        .map(|(name, key, meaning)| Heading {
            name: (*name).to_owned(),
            kind: Kind::Text,
            key: *key,
            meaning,
        })
        .collect()
}

/// The value of the leading column `name`.
pub(super) fn value<'a>(name: &str, account: &'a Account, region: &'a str, now: &'a str) -> Option<&'a str> {
    match name {
        "account_id" => Some(account.id.as_str()),
        "account_name" => account.name.as_deref(),
        "organizational_unit_path" => account.organizational_unit_path.as_deref(),
        COLLECTED_AT => Some(now),
        _ => Some(region),
    }
}

/// Gives every column a name of its own, as the keys of an object must have: the second `a` becomes `a_2`. Says which
/// were renamed.
pub(super) fn distinct(leading: &[Heading], columns: &mut [Heading]) -> Vec<(String, String)> {
    let mut taken: std::collections::HashSet<String> = leading.iter().map(|column| column.name.clone()).collect();
    let given: std::collections::HashSet<String> = columns.iter().map(|column| column.name.clone()).collect();
    let mut renamed = Vec::new();
    // The number to try next, by name: of a hundred thousand columns of one name none is tried twice.
    let mut numbers: std::collections::HashMap<String, u32> = std::collections::HashMap::new();
    for column in columns {
        let mut name = column.name.clone();
        while taken.contains(&name) || (name != column.name && given.contains(&name)) {
            let number = numbers.entry(column.name.clone()).or_insert(2);
            name = format!("{}_{number}", column.name);
            *number += 1;
        }
        if name != column.name {
            renamed.push((std::mem::replace(&mut column.name, name.clone()), name.clone()));
        }
        taken.insert(name);
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_gets_a_name_of_its_own() {
        let names = |names: &[&str]| -> Vec<Heading> { names.iter().map(|n| Heading::new(*n, Kind::Text)).collect() };
        let leading = names(&["account_id", "region"]);
        let mut columns = names(&["a", "region", "a", "a_2", "a"]);
        let renamed = distinct(&leading, &mut columns);
        let now: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(now, ["a", "region_2", "a_3", "a_2", "a_4"]);
        assert_eq!(renamed.len(), 3);
        assert_eq!(renamed[0], ("region".to_owned(), "region_2".to_owned()));
        // So many that trying each number for each of them would not come to an end here.
        let mut alike = names(&vec!["a"; 100_000]);
        assert_eq!(distinct(&[], &mut alike).len(), 99_999);
        assert_eq!(alike[99_999].name, "a_100000");
    }
}
