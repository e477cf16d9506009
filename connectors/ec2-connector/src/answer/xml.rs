//! Elements of an answer into values, front to back. What can be borrowed from the answer is not copied.

use std::borrow::Cow;
use std::fmt;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::primitive::Parse;
use memchr::memchr;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// What is made of an element.
pub(crate) trait Read<'x>: Sized {
    /// Reads the element that has begun to its end.
    ///
    /// # Errors
    /// What cannot be read.
    fn read(xml: &mut Xml<'x>) -> Result<Self, Unreadable>;
}

/// Where an answer cannot be read, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub(super) why: &'static str,
    /// In bytes.
    pub(super) offset: u64,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unreadable { why, offset } = self;
        write!(f, "the answer cannot be read: {why} at byte {offset}")
    }
}

impl std::error::Error for Unreadable {}

/// What is no XML.
const ILL_FORMED: &str = "ill-formed XML";

/// The start tag of an element within another.
pub(crate) struct Child<'x> {
    start: BytesStart<'x>,
    /// Bytes of the name that name its name space.
    prefix: usize,
}

impl Child<'_> {
    /// Its name, without a name space.
    pub(crate) fn name(&self) -> &str {
        &self.start.name().into_inner()[self.prefix..]
    }
}

/// The rest of a document.
pub(crate) struct Xml<'x> {
    reader: Reader<&'x [u8]>,
    /// Items of all lists so far.
    items: usize,
}

/// Items of a list at most. AWS gives 1000 instances at a time, and fewer of all else.
const MOST_OF_A_LIST: usize = 10_000;
/// Items of all lists of an answer: 1000 instances have some ten thousand.
const MOST_OF_AN_ANSWER: usize = 1_000_000;

impl<'x> Xml<'x> {
    /// The inside of a document whose root has this name, as the SDK has it: a name space does not matter.
    pub(super) fn of(root: &str, document: &'x [u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::from_reader(document);
        reader.config_mut().expand_empty_elements = true;
        let mut xml = Xml { reader, items: 0 };
        match xml.outside()? {
            Some(start) if start.local_name().into_inner() == root => Ok(xml),
            _ => Err(xml.unreadable("another document than AWS's")),
        }
    }

    /// The document ends here.
    pub(super) fn end(mut self) -> Result<(), Unreadable> {
        match self.outside()? {
            None => Ok(()),
            Some(_) => Err(self.unreadable(ILL_FORMED)),
        }
    }

    /// The next element outside of all; `None` at the end.
    fn outside(&mut self) -> Result<Option<BytesStart<'x>>, Unreadable> {
        loop {
            match self.next()? {
                Event::Start(start) => {
                    self.check_name(&start)?;
                    return Ok(Some(start));
                }
                Event::Eof => return Ok(None),
                Event::Decl(_) | Event::Comment(_) => {}
                Event::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
                _ => return Err(self.unreadable(ILL_FORMED)),
            }
        }
    }

    pub(super) fn unreadable(&self, why: &'static str) -> Unreadable {
        let offset = self.reader.buffer_position();
        Unreadable { why, offset }
    }

    /// Counts an item of a list.
    fn count_item(&mut self) -> Result<(), Unreadable> {
        self.items += 1;
        match self.items > MOST_OF_AN_ANSWER {
            true => Err(self.unreadable("more than 1000000 items, which AWS never gives at a time")),
            false => Ok(()),
        }
    }

    fn next(&mut self) -> Result<Event<'x>, Unreadable> {
        let event = self.reader.read_event().map_err(|_| self.unreadable(ILL_FORMED))?;
        let is_well_formed = match &event {
            Event::Start(start) => {
                let raw = start.attributes_raw();
                let is_sound = |value: &str| !value.contains('<');
                raw.is_empty()
                    || start
                        .attributes()
                        .all(|attribute| attribute.is_ok_and(|attribute| is_sound(&attribute.value)))
            }
            Event::Text(text) => memchr(b'>', text.as_bytes()).is_none() || !text.contains("]]>"),
            _ => true,
        };
        match is_well_formed {
            true => Ok(event),
            false => Err(self.unreadable(ILL_FORMED)),
        }
    }

    /// Whether a start tag is one, of which the reader only looks for the end. AWS's names are of these characters. A name that
    /// is a known one, without a prefix, needs no look.
    fn check_name(&self, start: &BytesStart<'_>) -> Result<(), Unreadable> {
        let is_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
        match start.name().as_ref().bytes().all(is_of_a_name) {
            true => Ok(()),
            false => Err(self.unreadable(ILL_FORMED)),
        }
    }

    /// The next child of the element that is being read; `None` at its end. What stands between is not looked at.
    pub(crate) fn child(&mut self) -> Result<Option<Child<'x>>, Unreadable> {
        loop {
            match self.next()? {
                Event::Start(start) => {
                    let prefix = memchr(b':', start.name().as_ref().as_bytes()).map_or(0, |colon| colon + 1);
                    if prefix > 0 {
                        self.check_name(&start)?;
                    }
                    return Ok(Some(Child { start, prefix }));
                }
                Event::End(_) => return Ok(None),
                Event::Text(_) | Event::GeneralRef(_) | Event::Comment(_) => {}
                _ => return Err(self.unreadable(ILL_FORMED)),
            }
        }
    }

    /// Reads a child that nobody knows to its end.
    pub(crate) fn skip(&mut self, child: &Child<'_>) -> Result<(), Unreadable> {
        self.check_name(&child.start)?;
        let mut depth = 1_u32;
        while depth > 0 {
            match self.next()? {
                Event::Start(start) => {
                    self.check_name(&start)?;
                    depth += 1;
                }
                Event::End(_) => depth -= 1,
                Event::Eof => return Err(self.unreadable(ILL_FORMED)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The text of an element that has no others.
    fn text(&mut self) -> Result<Cow<'x, str>, Unreadable> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.next()? {
                Event::End(_) => return Ok(text),
                Event::Text(more) if text.is_empty() => text = more.into_inner(),
                Event::Text(more) => text.to_mut().push_str(&more),
                Event::GeneralRef(reference) => {
                    let unknown = || self.unreadable("an unknown entity");
                    match reference.resolve_char_ref().map_err(|_| unknown())? {
                        Some(character) => text.to_mut().push(character),
                        None => {
                            let entity = resolve_predefined_entity(&reference).ok_or_else(unknown)?;
                            text.to_mut().push_str(entity);
                        }
                    }
                }
                _ => return Err(self.unreadable("no text")),
            }
        }
    }
}

/// A text, or a value of an enumeration, also one that the SDK does not know.
impl<'a, 'x: 'a> Read<'x> for Cow<'a, str> {
    fn read(xml: &mut Xml<'x>) -> Result<Self, Unreadable> {
        xml.text()
    }
}

impl Read<'_> for i32 {
    fn read(xml: &mut Xml<'_>) -> Result<Self, Unreadable> {
        i32::parse_smithy_primitive(&xml.text()?).map_err(|_| xml.unreadable("no number"))
    }
}

impl Read<'_> for bool {
    fn read(xml: &mut Xml<'_>) -> Result<Self, Unreadable> {
        bool::parse_smithy_primitive(&xml.text()?).map_err(|_| xml.unreadable("neither true nor false"))
    }
}

impl Read<'_> for DateTime {
    fn read(xml: &mut Xml<'_>) -> Result<Self, Unreadable> {
        DateTime::from_str(&xml.text()?, Format::DateTimeWithOffset).map_err(|_| xml.unreadable("no time"))
    }
}

impl<'x, T: Read<'x>> Read<'x> for Option<T> {
    fn read(xml: &mut Xml<'x>) -> Result<Self, Unreadable> {
        T::read(xml).map(Some)
    }
}

/// The elements named `item`, in their order.
impl<'x, T: Read<'x>> Read<'x> for Vec<T> {
    fn read(xml: &mut Xml<'x>) -> Result<Self, Unreadable> {
        let mut items = Vec::new();
        while let Some(child) = xml.child()? {
            match child.name() {
                "item" if items.len() == MOST_OF_A_LIST => {
                    return Err(xml.unreadable("a list of more than 10000 items, which AWS never gives at a time"));
                }
                "item" => {
                    xml.count_item()?;
                    items.push(T::read(xml)?);
                }
                _ => xml.skip(&child)?,
            }
        }
        Ok(items)
    }
}
