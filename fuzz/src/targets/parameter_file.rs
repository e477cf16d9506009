//! Parameter files.

use crate::parameters::catalog::SHARED;
use crate::parameters::file::entries;
use crate::parameters::values::{Problem, Source, Values};

/// Which form, and the file.
pub fn parameter_file(data: &[u8]) {
    let Some((form, data)) = data.split_first() else { return };
    let ending = ["json", "toml", "yaml"][usize::from(form % 3)];
    let text = String::from_utf8_lossy(data);
    let entries = match entries(&text, ending) {
        Ok(entries) => entries,
        Err(why) => {
            // Nothing of the file is quoted: a place at most.
            let without_numbers = why.replace(|c: char| c.is_ascii_digit(), "");
            let known = [
                ": line , column : it ends too early",
                ": line , column : not valid JSON",
                ": line : not valid TOML",
                ": line : not valid YAML",
                ": not valid YAML",
                " must hold one object of names and values",
            ];
            assert!(known.contains(&without_numbers.as_str()), "{why}");
            return;
        }
    };
    let source = Source::File(String::new());
    let mut all = Values::default();
    for (key, value) in &entries {
        let _ = all.set(SHARED, key, value, &source);
        let mut alone = Values::default();
        let set = alone.set(SHARED, key, value, &source);
        let secret = SHARED
            .iter()
            .any(|parameter| parameter.is_secret() && parameter.name == key);
        if !secret {
            continue;
        }
        // Texts that are long enough not to be in a message by chance.
        let hidden = value.to_string();
        let hidden = hidden.trim_matches('"');
        let shown = match set {
            Ok(()) => format!("{alone:?} {:?}", alone.redacted()),
            Err(Problem(message)) => message,
        };
        assert!(
            hidden.len() < 8 || !shown.replace(key.as_str(), "").contains(hidden),
            "{shown}"
        );
    }
    for parameter in SHARED {
        let _ = (
            all.text(parameter),
            all.integer(parameter),
            all.number(parameter),
            all.boolean(parameter),
        );
        assert!(all.list(parameter).iter().all(|entry| !entry.is_empty()));
        let _ = all.map(parameter);
    }
    let _ = all.shaping(SHARED);
}
