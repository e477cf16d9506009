//! Writes XML straight into one string: a page of 1000 instances is 5 MB, and a tree of it would cost more than the
//! answer.

use crate::stamp;

/// An XML document in the making.
pub(crate) struct Xml(String);

impl Xml {
    /// Room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(String::with_capacity(capacity))
    }

    /// The text so far, as the whole document.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    /// Markup as it stands.
    pub(crate) fn markup(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    pub(crate) fn open(&mut self, tag: &str) {
        self.0.push('<');
        self.0.push_str(tag);
        self.0.push('>');
    }

    pub(crate) fn close(&mut self, tag: &str) {
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// An element around whatever `inside` writes.
    pub(crate) fn element(&mut self, tag: &str, inside: impl FnOnce(&mut Self)) {
        self.open(tag);
        inside(self);
        self.close(tag);
    }

    /// `<tag/>`
    pub(crate) fn empty(&mut self, tag: &str) {
        self.0.push('<');
        self.0.push_str(tag);
        self.0.push_str("/>");
    }

    /// A text that may hold anything.
    pub(crate) fn text(&mut self, tag: &str, text: &str) {
        self.element(tag, |xml| xml.escaped(text));
    }

    /// A text that is known to need no escaping.
    pub(crate) fn plain(&mut self, tag: &str, text: &str) {
        self.element(tag, |xml| xml.markup(text));
    }

    pub(crate) fn number(&mut self, tag: &str, number: u64) {
        self.element(tag, |xml| xml.digits(number));
    }

    pub(crate) fn flag(&mut self, tag: &str, value: bool) {
        self.plain(tag, if value { "true" } else { "false" });
    }

    /// A time in EC2's form.
    pub(crate) fn time(&mut self, tag: &str, unix: i64) {
        self.element(tag, |xml| stamp::push_millis(&mut xml.0, unix));
    }

    /// `prefix` followed by 17 hexadecimal digits, as the identifiers of EC2 are.
    pub(crate) fn id(&mut self, tag: &str, prefix: &str, id: u64) {
        self.element(tag, |xml| {
            xml.markup(prefix);
            xml.0.push('0');
            xml.hex(id, 16);
        });
    }

    /// The lowest `digits` hexadecimal digits.
    pub(crate) fn hex(&mut self, value: u64, digits: u32) {
        push_hex(&mut self.0, value, digits);
    }

    pub(crate) fn digits(&mut self, number: u64) {
        let mut buffer = [0_u8; 20];
        let mut at = buffer.len();
        let mut rest = number;
        loop {
            at -= 1;
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        for digit in &buffer[at..] {
            self.0.push(char::from(*digit));
        }
    }

    /// Carriage returns are written as references, or a reader would turn them into line feeds. Control characters that
    /// XML 1.0 cannot hold at all are replaced, as AWS refuses them on the way in.
    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.markup("&amp;"),
                '<' => self.markup("&lt;"),
                '>' => self.markup("&gt;"),
                '"' => self.markup("&quot;"),
                '\r' => self.markup("&#13;"),
                '\t' | '\n' => self.0.push(c),
                c if (c as u32) < 0x20 || matches!(c, '\u{fffe}' | '\u{ffff}') => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
    }
}

/// The text behind XML's references; `None` where one of them is none.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('&');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (name, rest) = part.split_once(';')?;
        let number = |digits: &str, base| char::from_u32(u32::from_str_radix(digits, base).ok()?);
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => match name.strip_prefix("#x") {
                Some(digits) => number(digits, 16)?,
                None => number(name.strip_prefix('#')?, 10)?,
            },
        });
        out.push_str(rest);
    }
    Some(out)
}

/// Appends the lowest `digits` hexadecimal digits of a value.
pub(crate) fn push_hex(out: &mut String, value: u64, digits: u32) {
    for place in (0..digits).rev() {
        out.push(char::from(b"0123456789abcdef"[(value >> (4 * place) & 0xf) as usize]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read() {
        assert_eq!(
            unescape("a&amp;b&lt;&gt;&quot;&apos;&#10;&#xfc;").as_deref(),
            Some("a&b<>\"'\n\u{fc}")
        );
        for broken in ["&nbsp;", "&amp", "&#x110000;", "&#;"] {
            assert_eq!(unescape(broken), None, "{broken}");
        }
    }

    #[test]
    fn texts_are_escaped_and_numbers_are_not_padded() {
        let mut xml = Xml::with_capacity(64);
        xml.text("a", "<\"&\r\n\u{9b}>");
        xml.number("n", 0);
        xml.number("n", 1050);
        xml.id("i", "vol-", 0xabc);
        xml.empty("e");
        assert_eq!(
            xml.finish(),
            "<a>&lt;&quot;&amp;&#13;\n\u{9b}&gt;</a><n>0</n><n>1050</n><i>vol-00000000000000abc</i><e/>"
        );
    }
}
