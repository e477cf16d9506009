//! Thrift's compact protocol, in which Parquet has its footer and the heads of its pages: as much of it as tells where things
//! end. What is read or skipped ends where it says, and takes no longer than its bytes.
//!
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

use super::definitions::{Fields, Type};

/// Structs may lie so deep in one another: an array of rows takes three levels.
pub(super) const DEEPEST: usize = 128;
/// The least bytes of a struct in a list, for there is none without a field that must be there: the field's head, its value,
/// and the end. A reader takes room for many times that.
const LEAST_STRUCT: usize = 3;

/// Types of the compact protocol.
pub(super) mod of_type {
    pub(in super::super) const STOP: u8 = 0;
    pub(in super::super) const TRUE: u8 = 1;
    pub(in super::super) const FALSE: u8 = 2;
    pub(in super::super) const BYTE: u8 = 3;
    pub(in super::super) const I16: u8 = 4;
    pub(in super::super) const I32: u8 = 5;
    pub(in super::super) const I64: u8 = 6;
    pub(in super::super) const DOUBLE: u8 = 7;
    pub(in super::super) const BINARY: u8 = 8;
    pub(in super::super) const LIST: u8 = 9;
    pub(in super::super) const SET: u8 = 10;
    pub(in super::super) const MAP: u8 = 11;
    pub(in super::super) const STRUCT: u8 = 12;
    pub(in super::super) const UUID: u8 = 13;
}

impl Type {
    /// Whether bytes of this type are one.
    fn is(&self, kind: u8) -> bool {
        match self {
            Type::Bool => matches!(kind, of_type::TRUE | of_type::FALSE),
            Type::I8 => kind == of_type::BYTE,
            Type::I16 => kind == of_type::I16,
            Type::I32 => kind == of_type::I32,
            Type::I64 => kind == of_type::I64,
            Type::Double => kind == of_type::DOUBLE,
            Type::Binary => kind == of_type::BINARY,
            Type::List(_) => kind == of_type::LIST,
            Type::Struct(_) => kind == of_type::STRUCT,
        }
    }
}

/// What is left to be read. `None` from its methods: it is not what it should be.
pub(super) struct Compact<'a> {
    rest: &'a [u8],
}

impl<'a> Compact<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Compact { rest: bytes }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The type of the next field of a struct, and in `id` its number; `Some(None)` at the end.
    pub(super) fn field(&mut self, id: &mut i16) -> Option<Option<u8>> {
        let head = self.byte()?;
        let (step, kind) = (head >> 4, head & 0xf);
        if kind == of_type::STOP {
            return Some(None);
        }
        *id = match step {
            0 => self.zigzag()?.try_into().ok()?,
            step => id.checked_add(i16::from(step))?,
        };
        (*id >= 0).then_some(Some(kind))
    }

    /// The type and number of the elements of a list. Each takes a byte at least.
    fn list(&mut self) -> Option<(u8, usize)> {
        let head = self.byte()?;
        let elements = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        let elements = usize::try_from(elements).ok()?;
        (elements <= self.rest.len()).then_some((head & 0xf, elements))
    }

    /// The number of the elements of a list of structs.
    pub(super) fn structs(&mut self) -> Option<usize> {
        let (kind, elements) = self.list()?;
        let room = elements <= self.rest.len() / LEAST_STRUCT;
        (room && (elements == 0 || kind == of_type::STRUCT)).then_some(elements)
    }

    /// Reads a field as what it is among these; one that is not known is skipped.
    pub(super) fn one_of(&mut self, fields: Fields, id: i16, kind: u8) -> Option<()> {
        match fields.iter().find(|(known, _)| *known == id) {
            Some((_, expected)) if expected.is(kind) => self.value(expected),
            Some(_) => None,
            None => self.skip(kind),
        }
    }

    fn value(&mut self, expected: &Type) -> Option<()> {
        match expected {
            // Of a field, its type is its value.
            Type::Bool => Some(()),
            Type::I8 => self.byte().map(drop),
            Type::I16 | Type::I32 | Type::I64 => self.varint().map(drop),
            Type::Double => self.bytes(8).map(drop),
            Type::Binary => self.binary(),
            Type::List(element @ Type::Struct(_)) => (0..self.structs()?).try_for_each(|_| self.value(element)),
            Type::List(element) => {
                let (kind, elements) = self.list()?;
                if elements > 0 && !element.is(kind) {
                    return None;
                }
                (0..elements).try_for_each(|_| self.value(element))
            }
            Type::Struct(fields) => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.one_of(fields, id, kind)?;
                }
                Some(())
            }
        }
    }

    /// Skips a field of this type.
    fn skip(&mut self, kind: u8) -> Option<()> {
        self.skip_at(kind, 0)
    }

    fn skip_at(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth == DEEPEST {
            return None;
        }
        match kind {
            // Of a field, its type is its value.
            of_type::TRUE | of_type::FALSE => Some(()),
            of_type::BYTE => self.byte().map(drop),
            of_type::I16 | of_type::I32 | of_type::I64 => self.varint().map(drop),
            of_type::DOUBLE => self.bytes(8).map(drop),
            of_type::UUID => self.bytes(16).map(drop),
            of_type::BINARY => self.binary(),
            of_type::LIST | of_type::SET => {
                let (kind, elements) = self.list()?;
                (0..elements).try_for_each(|_| self.skip_element(kind, depth))
            }
            of_type::MAP => {
                let pairs = self.varint()?;
                if pairs == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                (0..pairs).try_for_each(|_| {
                    self.skip_element(kinds >> 4, depth)?;
                    self.skip_element(kinds & 0xf, depth)
                })
            }
            of_type::STRUCT => {
                let mut id = 0;
                while let Some(field) = self.field(&mut id)? {
                    self.skip_at(field, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn skip_element(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            // Readers differ in whether those take a byte, and Parquet has none where something is skipped.
            of_type::TRUE | of_type::FALSE => None,
            kind => self.skip_at(kind, depth + 1),
        }
    }

    fn binary(&mut self) -> Option<()> {
        let length = usize::try_from(self.varint()?).ok()?;
        self.bytes(length).map(drop)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::super::definitions::{FILE_META_DATA, PAGE_HEADER};
    use super::*;

    /// A value, and the type that a field of it says to be of.
    fn sample(of: &Type) -> (u8, Vec<u8>) {
        match of {
            Type::Bool => (of_type::TRUE, vec![]),
            Type::I8 => (of_type::BYTE, vec![7]),
            Type::I16 => (of_type::I16, vec![1]),
            Type::I32 => (of_type::I32, vec![1]),
            Type::I64 => (of_type::I64, vec![0x80, 1]),
            Type::Double => (of_type::DOUBLE, vec![7; 8]),
            Type::Binary => (of_type::BINARY, vec![1, b'a']),
            Type::List(element) => {
                let (kind, value) = sample(element);
                (of_type::LIST, [&[0x10 | kind][..], &value].concat())
            }
            Type::Struct(fields) => {
                let heads = fields.iter().map(|(id, of)| {
                    let (kind, value) = sample(of);
                    // The number is written out, which any field's may be.
                    [&[kind, (id << 1) as u8][..], &value].concat()
                });
                // One that nobody knows, so that there is one.
                let unknown = vec![of_type::BINARY, 60 << 1, 0];
                let mut value = heads.chain([unknown]).collect::<Vec<_>>().concat();
                value.push(of_type::STOP);
                (of_type::STRUCT, value)
            }
        }
    }

    fn each_is_of_its_type(fields: Fields) {
        for (id, of) in fields {
            let (right, value) = sample(of);
            for kind in 1..=13 {
                let mut compact = Compact::of(&value);
                let read = compact.one_of(fields, *id, kind).is_some();
                let is_right = kind == right || (right, kind) == (of_type::TRUE, of_type::FALSE);
                assert_eq!(read, is_right, "{id}: {of:?} as {kind}");
                assert!(!read || compact.left() == 0, "{id}: {of:?}");
            }
            if let Type::Struct(inner) | Type::List(Type::Struct(inner)) = of {
                each_is_of_its_type(inner);
            }
        }
    }

    #[test]
    fn a_known_field_is_of_its_type() {
        each_is_of_its_type(FILE_META_DATA);
        each_is_of_its_type(PAGE_HEADER);
    }

    #[test]
    fn elements_are_of_their_type_too() {
        const FIELDS: Fields = &[(1, Type::List(&Type::I64)), (2, Type::List(&Type::Struct(&[])))];
        for (id, list, is_right) in [
            (1, &[0x26, 1, 1][..], true),
            (1, &[0x26, 1], false),
            (1, &[0x28, 0, 0], false),
            (1, &[0], true),
            (2, &[0], true),
            (2, &[0x1c, 0x18, 0, 0], true),
            // So many do not fit, however short each is.
            (2, &[0x2c, 0, 0], false),
            (2, &[0x16, 1, 1, 1], false),
        ] {
            let read = Compact::of(list).one_of(FIELDS, id, of_type::LIST);
            assert_eq!(read.is_some(), is_right, "{list:?}");
        }
    }

    #[test]
    fn numbers_of_fields_are_what_they_can_be() {
        for (head, id) in [
            (&[0x15][..], Some(1)),
            (&[5, 4], Some(2)),
            (&[5, 3], None),
            (&[5, 0x80, 0x80, 4], None),
        ] {
            let mut found = 0;
            let kind = Compact::of(head).field(&mut found);
            assert_eq!(kind.map(|_| found), id, "{head:?}");
        }
    }
}
