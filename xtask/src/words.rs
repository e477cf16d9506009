//! How numbers and command lines are written.

/// With separators between the thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A word as it is typed in a shell.
pub(crate) fn quoted(word: &str) -> String {
    if word.contains(|c: char| c.is_whitespace() || "'\"$&;|<>(){}*?\\".contains(c)) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        let words = ["plain-word", "{accountId}", "it's"].map(quoted);
        assert_eq!(words, ["plain-word", "'{accountId}'", r"'it'\''s'"]);
    }
}
