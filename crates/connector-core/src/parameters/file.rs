//! The text of a parameter file: JSON, TOML or YAML, which say the same.

use serde_json::Value as Json;

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
        _ => serde_json::from_str(text).map_err(|error| {
            let what = if error.is_eof() {
                "it ends too early"
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
