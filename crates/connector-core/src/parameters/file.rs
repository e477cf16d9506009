//! The text of a parameter file: JSON, TOML or YAML, which say the same.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

/// Values that the aliases of a YAML file may stand for, all together.
const MOST_ALIASED: usize = 100_000;

/// The names and values of a file whose name has this ending: TOML, YAML, or else JSON.
///
/// # Errors
/// What is wrong, to stand behind the file's name. A parser's message may quote the line that it stumbles over, and that
/// line may hold a secret: place and reason only.
pub(crate) fn entries(text: &str, ending: &str) -> Result<Vec<(String, Json)>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parsed: Result<Json, String> = match ending.to_ascii_lowercase().as_str() {
        "toml" => toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error
                .span()
                .map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            format!("line {line}: not valid TOML")
        }),
        "yaml" | "yml" => serde_saphyr::from_str_with_options(text, yaml()).map_err(|error: serde_saphyr::Error| {
            error.location().map_or("not valid YAML".to_owned(), |at| {
                format!("line {}: not valid YAML", at.line())
            })
        }),
        _ => serde_json::from_str(text).map(|Unique(json)| json).map_err(|error| {
            let what = if error.is_eof() {
                "it ends too early"
            } else if error.is_data() {
                TWICE
            } else {
                "not valid JSON"
            };
            format!("line {}, column {}: {what}", error.line(), error.column())
        }),
    };
    match parsed {
        Ok(Json::Object(entries)) => Ok(entries.into_iter().collect()),
        Ok(_) => Err(" must hold one object of names and values".to_owned()),
        Err(why) => Err(format!(": {why}")),
    }
}

const TWICE: &str = "a name is given twice; keep one";

/// JSON in which no name is given twice. The format leaves open what that means, so a person may have meant either.
struct Unique(Json);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique(Json::Null))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Unique, E> {
        Ok(Unique(truth.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Unique, E> {
        Ok(Unique(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Unique, E> {
        Ok(Unique(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Unique, E> {
        Ok(Unique(number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Unique, E> {
        Ok(Unique(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        let mut all = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Unique(all.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unique, A::Error> {
        let mut all = Map::new();
        while let Some((name, Unique(value))) = entries.next_entry::<String, Unique>()? {
            if all.insert(name, value).is_some() {
                return Err(de::Error::custom(TWICE));
            }
        }
        Ok(Unique(all.into()))
    }
}

/// A number of a list that is not written as it is read, such as an account id that begins with a zero: how it is read, and how
/// it is written.
pub(crate) fn changed_number(text: &str, value: &Json) -> Option<(String, String)> {
    let numbers = value.as_array()?.iter().filter(|item| item.is_number());
    let is_of_a_number = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_');
    for number in numbers {
        let read = number.to_string();
        let mut words = text.split(|c| !is_of_a_number(c));
        if words.clone().any(|word| word == read) {
            continue;
        }
        let written = words.find(|word| {
            word.parse::<f64>()
                .ok()
                .is_some_and(|word| Some(word) == number.as_f64())
        });
        if let Some(written) = written {
            return Some((read, written.to_owned()));
        }
    }
    None
}

/// Aliases of aliases make millions of values of a few lines.
fn yaml() -> serde_saphyr::Options {
    serde_saphyr::options! {
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_ALIASED },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn aliases_stand_for_values_but_not_for_millions() {
        let named = "a: &a ['1', '2']\nb: *a\n";
        assert_eq!(entries(named, "yaml").unwrap()[1].1, serde_json::json!(["1", "2"]));
        let nine = |item: &str| [item; 9].join(",");
        let mut bomb = format!("x0: &x0 [{}]\n", nine("x"));
        for level in 1..6 {
            bomb.push_str(&format!(
                "x{level}: &x{level} [{}]\n",
                nine(&format!("*x{}", level - 1))
            ));
        }
        assert!(entries(&bomb, "yaml").unwrap_err().ends_with("not valid YAML"));
    }

    #[test]
    fn a_name_that_is_given_twice_is_refused_in_every_form() {
        for (text, ending) in [
            ("{\"a\": 1, \"b\": 2, \"a\": 3}", "json"),
            ("{\"m\": {\"a\": 1, \"a\": 1}}", "json"),
            ("a: 1\na: 2\n", "yaml"),
            ("a = 1\na = 2\n", "toml"),
        ] {
            assert!(entries(text, ending).is_err(), "{text}");
        }
        let why = entries("{\"a\": 1,\n \"a\": 3}", "json").unwrap_err();
        assert!(why.starts_with(": line 2, column ") && why.ends_with(TWICE), "{why}");
    }

    #[test]
    fn a_number_is_told_as_it_is_written() {
        let told = |text: &str| {
            let entries = entries(text, "yaml").unwrap();
            changed_number(text, &entries[0].1).map(|(_, written)| written)
        };
        assert_eq!(told("a: [012345678901]").as_deref(), Some("012345678901"));
        assert_eq!(
            told("a:\n- '012345678901'\n- 000000000001\n").as_deref(),
            Some("000000000001")
        );
        assert_eq!(told("a: [123456789012]"), None);
        assert_eq!(told("a: ['012345678901']"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// Any text is read or refused, and what is said of it has nothing of it.
        #[test]
        fn nothing_of_a_file_is_quoted(
            text in "([a-z0-9]|[\\[\\]{}\"'=:,.#&*!|>?~\n\t -]|\\PC){0,60}",
            deep in 0usize..3000,
            opening in prop::sample::select(vec!["", "[", "{a: ", "{\"a\":", "- ", "a."]),
        ) {
            let text = format!("{}{text}", opening.repeat(deep));
            for ending in ["json", "TOML", "yaml", "yml", ""] {
                let Err(why) = entries(&text, ending) else { continue };
                let words = why.replace(|c: char| c.is_ascii_digit(), "");
                let known = [
                    ": line , column : it ends too early",
                    ": line , column : not valid JSON",
                    ": line , column : a name is given twice; keep one",
                    ": line : not valid TOML",
                    ": line : not valid YAML",
                    ": not valid YAML",
                    " must hold one object of names and values",
                ];
                prop_assert!(known.contains(&words.as_str()), "{}", why);
            }
        }

        /// What serde_json writes is the same in YAML, of which JSON is a part.
        #[test]
        fn json_is_yaml_too(names in prop::collection::btree_map("[a-z]{1,8}", "\\PC{0,20}", 0..5)) {
            let text = serde_json::to_string(&names).unwrap();
            let expected: Vec<_> = names.into_iter().map(|(name, value)| (name, Json::from(value))).collect();
            prop_assert_eq!(entries(&text, "json"), Ok(expected.clone()));
            prop_assert_eq!(entries(&text, "yaml"), Ok(expected));
        }
    }
}
