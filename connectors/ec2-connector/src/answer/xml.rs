//! Elements of an answer into values, front to back, without a copy of what they are read from.
//!
//! `None` from all of it: it is not well-formed, or not what it should be.

use std::borrow::Cow;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::primitive::Parse;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// What is made of an element's children.
pub(super) trait Element: Sized {
    /// Without any.
    fn new() -> Self;

    /// Reads the child of this name to its end.
    fn member(&mut self, name: &str, xml: &mut Xml<'_>) -> Option<()>;
}

/// The rest of a document.
pub(super) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
}

/// A document whose root has this name, as the SDK has it: a name space does not matter.
pub(super) fn document<T: Element>(root: &str, text: &str) -> Option<T> {
    let mut xml = Xml {
        reader: Reader::from_str(text),
    };
    xml.reader.config_mut().expand_empty_elements = true;
    let start = loop {
        match xml.next()? {
            Event::Start(start) => break start,
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Text(text) if is_blank(&text) => {}
            _ => return None,
        }
    };
    if start.local_name().into_inner() != root {
        return None;
    }
    let value = part(&mut xml)?;
    loop {
        match xml.next()? {
            Event::Eof => return Some(value),
            Event::Comment(_) => {}
            Event::Text(text) if is_blank(&text) => {}
            _ => return None,
        }
    }
}

/// Whether a start tag is one, of which the reader only looks for the end. AWS's names are of these characters.
fn is_start(start: &BytesStart<'_>) -> bool {
    let is_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    start.name().as_ref().bytes().all(is_of_a_name)
        && start
            .attributes()
            .all(|attribute| attribute.is_ok_and(|attribute| !attribute.value.contains('<')))
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// An element that has others.
pub(super) fn part<T: Element>(xml: &mut Xml<'_>) -> Option<T> {
    let mut value = T::new();
    while let Some(child) = xml.child()? {
        value.member(child.local_name().into_inner(), xml)?;
    }
    Some(value)
}

/// The elements named `item`.
pub(super) fn list<T: Element>(xml: &mut Xml<'_>) -> Option<Vec<T>> {
    let mut values = Vec::new();
    while let Some(child) = xml.child()? {
        match child.local_name().into_inner() {
            "item" => values.push(part(xml)?),
            _ => xml.skip()?,
        }
    }
    Some(values)
}

/// A text, or a value of an enumeration, also one that the SDK does not know.
pub(super) fn text<T: for<'t> From<&'t str>>(xml: &mut Xml<'_>) -> Option<T> {
    Some(T::from(&xml.text()?))
}

pub(super) fn number(xml: &mut Xml<'_>) -> Option<i32> {
    i32::parse_smithy_primitive(&xml.text()?).ok()
}

pub(super) fn truth(xml: &mut Xml<'_>) -> Option<bool> {
    bool::parse_smithy_primitive(&xml.text()?).ok()
}

pub(super) fn time(xml: &mut Xml<'_>) -> Option<DateTime> {
    DateTime::from_str(&xml.text()?, Format::DateTimeWithOffset).ok()
}

impl<'a> Xml<'a> {
    fn next(&mut self) -> Option<Event<'a>> {
        let event = self.reader.read_event().ok()?;
        let is_well_formed = match &event {
            Event::Start(start) => is_start(start),
            Event::Text(text) => !text.contains('>') || !text.contains("]]>"),
            _ => true,
        };
        is_well_formed.then_some(event)
    }

    /// The next child of the element that is being read; `Some(None)` at its end. What stands between is not looked at.
    fn child(&mut self) -> Option<Option<BytesStart<'a>>> {
        loop {
            match self.next()? {
                Event::Start(child) => return Some(Some(child)),
                Event::End(_) => return Some(None),
                Event::Text(_) | Event::GeneralRef(_) | Event::Comment(_) => {}
                _ => return None,
            }
        }
    }

    /// The text of an element that has no others.
    fn text(&mut self) -> Option<Cow<'a, str>> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.next()? {
                Event::End(_) => return Some(text),
                Event::Text(more) if text.is_empty() => text = more.into_inner(),
                Event::Text(more) => text.to_mut().push_str(&more),
                Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                    Some(character) => text.to_mut().push(character),
                    None => text.to_mut().push_str(resolve_predefined_entity(&reference)?),
                },
                _ => return None,
            }
        }
    }

    /// Reads an element to its end.
    pub(super) fn skip(&mut self) -> Option<()> {
        let mut depth = 1_u32;
        while depth > 0 {
            match self.next()? {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                Event::Eof => return None,
                _ => {}
            }
        }
        Some(())
    }
}
