//! Tags as people write them: everything that breaks a careless CSV, spreadsheet or terminal.

use super::traits::Traits;
use crate::chance::mix;
use crate::xml::Xml;

/// Values that are trouble somewhere. XML 1.0 cannot hold ESC (U+001B); U+009B, which the C1 set calls "control sequence
/// introducer", does the same to a terminal and is allowed.
const AWKWARD: [&str; 20] = [
    "",
    "=1+1",
    "@SUM(A1)",
    "+49 711 1234",
    "-5",
    "a,b;c",
    "say \"hello\"",
    "it's",
    "line one\nline two",
    "dos\r\nline",
    "Zürich–東京 🚀",
    "\u{9b}31mred\u{9b}0m",
    "\u{7f}\u{202e}abc",
    " blanks around ",
    "<b>&amp;</b>",
    "tab\there",
    "null",
    "00123",
    "1E5",
    "{\"json\": [1, 2]}",
];

const ENVIRONMENTS: [&str; 4] = ["production", "staging", "test", "development"];
const OWNERS: [&str; 4] = ["team-shop", "team-data", "plattform@example.com", "Ünal, Jörg"];

/// Calls `write` for every tag, in the order in which the answer has them.
pub(crate) fn each(traits: &Traits, mut write: impl FnMut(&str, &str)) {
    let number = mix(traits.id ^ 0x7a6);
    let part = |shift: u32, bound: usize| (number >> shift) as usize % bound;
    // One in ten has no tags at all.
    if part(0, 10) == 0 {
        return;
    }
    if part(4, 5) != 0 {
        let name = format!(
            "{}-{:05}",
            ["web", "worker", "db", "build", "bastion"][part(8, 5)],
            traits.index
        );
        write("Name", &name);
    }
    if part(12, 3) != 0 {
        write("Environment", ENVIRONMENTS[part(16, 4)]);
    }
    if part(20, 4) == 0 {
        write("Note", AWKWARD[part(24, AWKWARD.len())]);
    }
    if part(32, 2) == 0 {
        write("Owner", OWNERS[part(36, 4)]);
    }
    if part(40, 6) == 0 {
        write("aws:autoscaling:groupName", "asg-web");
    }
    if part(44, 12) == 0 {
        write("kosten,stelle \"neu\"", AWKWARD[part(48, AWKWARD.len())]);
    }
}

/// Key and value of a tag.
pub(super) fn pair(xml: &mut Xml, key: &str, value: &str) {
    xml.text("key", key);
    match value {
        "" => xml.empty("value"),
        value => xml.text("value", value),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ec2::fleet::Fleet;
    use crate::estate::{Account, Estate};

    #[test]
    fn every_awkward_value_comes_up_and_some_instances_have_no_tags() {
        let estate = Estate::new(Account::new("111122223333").instances("eu-west-1", 3_000));
        let fleet = Fleet::of(&estate, "111122223333", "eu-west-1");
        let (mut notes, mut untagged) = (BTreeSet::new(), 0);
        for index in 0..3_000 {
            let mut count = 0;
            each(&Traits::of(&fleet, index), |key, value| {
                count += 1;
                if key == "Note" {
                    notes.insert(value.to_owned());
                }
            });
            untagged += usize::from(count == 0);
        }
        assert_eq!(notes.len(), AWKWARD.len());
        assert!(untagged > 200);
    }
}
