//! Account ids and role ARNs, with the `{accountId}` placeholder of sub-account chains.

use std::fmt;

/// A 12-digit AWS account id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct AccountId(String);

impl AccountId {
    /// Parses exactly twelve ASCII digits.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(AccountId(text.to_owned()));
        }
        Err(format!(
            "`{text}` is not an account id: an account id has exactly 12 digits"
        ))
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands for the account's id in a sub-account chain.
pub const ACCOUNT_PLACEHOLDER: &str = "{accountId}";

/// The ARN of an IAM role, possibly with `{accountId}` in it.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleTemplate(String);

impl RoleTemplate {
    /// Parses `arn:<partition>:iam::<account>:role/<path and name>`; the account is twelve digits or `{accountId}`.
    ///
    /// # Errors
    /// Says which part of the ARN is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{text}` is not a role ARN: {why}"));
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts[..] else {
            return wrong("it has the form arn:aws:iam::123456789012:role/name");
        };
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
        let partition_is_legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if arn != "arn"
            || !partition.starts_with("aws")
            || !partition.chars().all(partition_is_legal)
            || service != "iam"
            || !region.is_empty()
        {
            return wrong("it has the form arn:aws:iam::123456789012:role/name");
        }
        if account != ACCOUNT_PLACEHOLDER && AccountId::parse(account).is_err() {
            return wrong(&format!(
                "its account is {ACCOUNT_PLACEHOLDER} or has exactly 12 digits"
            ));
        }
        let Some(path) = resource.strip_prefix("role/") else {
            return wrong("its last part begins with role/");
        };
        let literal = path.replace(ACCOUNT_PLACEHOLDER, "");
        let name = path.rsplit('/').next().unwrap_or_default();
        // https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
        let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
        if name.is_empty() {
            return wrong("the role's name is missing");
        }
        if let Some(bad) = literal.chars().find(|c| !legal(*c)) {
            return wrong(&format!("a role's path and name cannot contain {bad:?}"));
        }
        Ok(RoleTemplate(text.to_owned()))
    }

    /// Parses a chain that is written as one text: entries are separated by white space, `;`, or a comma that is
    /// followed by `arn:` (a comma is also a legal character of a role's name).
    ///
    /// # Errors
    /// The first entry that is not a role ARN.
    pub fn parse_chain(text: &str) -> Result<Vec<Self>, String> {
        split_chain(text).into_iter().map(Self::parse).collect()
    }

    /// Whether the ARN differs from account to account.
    pub fn has_placeholder(&self) -> bool {
        self.0.contains(ACCOUNT_PLACEHOLDER)
    }

    /// The ARN for one account.
    pub fn resolve(&self, account: &AccountId) -> String {
        self.0.replace(ACCOUNT_PLACEHOLDER, account.as_str())
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `aws`, `aws-cn`, `aws-us-gov` …
    pub fn partition(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or("aws")
    }
}

impl fmt::Display for RoleTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The entries of a chain that is written as one text.
pub fn split_chain(text: &str) -> Vec<&str> {
    let mut entries = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let separates = match c {
            ';' => true,
            ',' => text[at + 1..].trim_start().starts_with("arn:"),
            c => c.is_whitespace(),
        };
        if separates {
            entries.push(text[start..at].trim());
            start = at + c.len_utf8();
        }
    }
    entries.push(text[start..].trim());
    entries.retain(|entry| !entry.is_empty());
    entries
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_chain_in_one_text_is_split_where_an_entry_ends_and_nowhere_else() {
        let a = "arn:aws:iam::111111111111:role/a";
        let comma = "arn:aws:iam::{accountId}:role/with,comma";
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  \n ", &[]),
            (a, &[a]),
            (&format!("{a} {comma}"), &[a, comma]),
            (&format!("{a};{comma}"), &[a, comma]),
            (&format!("{a},{comma}"), &[a, comma]),
            (&format!("{a},\n  {comma};"), &[a, comma]),
            (&format!("{comma},{a}"), &[comma, a]),
            (&format!("{comma}\t{comma}"), &[comma, comma]),
        ];
        for (text, expected) in cases {
            assert_eq!(split_chain(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn role_arns_are_checked_part_by_part() {
        for good in [
            "arn:aws:iam::111111111111:role/a",
            "arn:aws-cn:iam::111111111111:role/path/to/a",
            "arn:aws:iam::{accountId}:role/x-{accountId}",
            "arn:aws-us-gov:iam::111111111111:role/a,b+c=d.e@f-g_h",
        ] {
            assert_eq!(RoleTemplate::parse(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("role/a", "form"),
            ("arn:aws:sts::111111111111:role/a", "form"),
            ("arn:aws cn:iam::111111111111:role/a", "form"),
            ("arn:aws{accountId}:iam::111111111111:role/a", "form"),
            ("arn:aws:iam::1111:role/a", "12 digits"),
            ("arn:aws:iam::111111111111:user/a", "role/"),
            ("arn:aws:iam::111111111111:role/", "name"),
            ("arn:aws:iam::111111111111:role/a b", "cannot contain"),
            ("arn:aws:iam::111111111111:role/{accountid}", "cannot contain"),
        ] {
            let message = RoleTemplate::parse(bad).unwrap_err();
            assert!(message.contains(why), "{bad}: {message}");
        }
    }

    #[test]
    fn the_placeholder_is_replaced_wherever_it_stands() {
        let account = AccountId::parse("123456789012").unwrap();
        let role = RoleTemplate::parse("arn:aws:iam::{accountId}:role/x-{accountId}").unwrap();
        assert_eq!(role.resolve(&account), "arn:aws:iam::123456789012:role/x-123456789012");
    }

    proptest::proptest! {
        #[test]
        fn splitting_never_panics_and_loses_only_separators(text in "[a-z:,; \\n\u{e9}]{0,60}") {
            let kept: usize = split_chain(&text).iter().map(|entry| entry.chars().filter(|c| c.is_alphabetic()).count()).sum();
            proptest::prop_assert_eq!(kept, text.chars().filter(|c| c.is_alphabetic()).count());
        }

        #[test]
        // A name that ends in a comma cannot be told from a separator, by rule.
        fn joined_chains_come_apart_again(names in proptest::collection::vec("[a-z,.@=+-]{0,11}[a-z]", 0..6), separator in "[ ;\n]|, |,") {
            let arns: Vec<String> = names.iter().map(|name| format!("arn:aws:iam::111111111111:role/{name}")).collect();
            let joined = arns.join(&separator);
            proptest::prop_assert_eq!(split_chain(&joined), arns);
        }
    }
}
