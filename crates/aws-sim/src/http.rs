//! Requests and answers as the services see them: whole, and free of the HTTP library's body types.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::HeaderMap;

/// A request with its body read.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// The text of a header, if it is there and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer to write. The body is a handle: an answer of a gigabyte costs no more than an empty one.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Empty where there is no content.
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: impl Into<Cow<'static, str>>, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: content_type.into(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Without content.
    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, "", Bytes::new())
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// How an answer leaves the machine.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    /// With its head, and with as much of its body as the manner grants.
    Answer(Answer, Manner),
    /// No answer: the connection is reset.
    Reset,
}

/// How a body is sent. By default: whole, and as fast as the connection takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// In real time.
    pub(crate) bytes_per_second: Option<u64>,
    /// The length that was promised is not sent.
    pub(crate) broken: Option<(After, Break)>,
    /// Nothing is sent at all: the connection is reset, although the call was served.
    pub(crate) lost: bool,
}

/// Where a body breaks off. One that is not that long does not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Half,
    Bytes(u64),
}

/// How a body breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// The connection stays open, and nothing comes any more.
    Hang,
}

/// The fields of a form, decoded, in their order.
pub(crate) fn form_fields(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decode(name), form_decode(value))
        })
        .collect()
}

/// Decodes one `application/x-www-form-urlencoded` text.
pub(crate) fn form_decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        let fields = form_fields("a=1%202&b=x+y&c&d=%2B");
        let expected = [("a", "1 2"), ("b", "x y"), ("c", ""), ("d", "+")];
        assert_eq!(
            fields,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
