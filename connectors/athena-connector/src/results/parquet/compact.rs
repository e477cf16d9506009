//! Thrift's compact protocol, in which Parquet has its footer and the heads of its pages: as much of it as tells where things
//! end. What is skipped ends where it says, and takes no longer than its bytes.
//!
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Structs may lie so deep in one another: an array of rows takes three levels.
pub(super) const DEEPEST: usize = 128;

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
    pub(super) fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let head = self.byte()?;
        let (step, kind) = (head >> 4, head & 0xf);
        if kind == of_type::STOP {
            return Some(None);
        }
        *id = match step {
            0 => self.zigzag()?,
            step => id.checked_add(i64::from(step))?,
        };
        Some(Some(kind))
    }

    /// The type and number of the elements of a list. Each takes a byte at least.
    pub(super) fn list(&mut self) -> Option<(u8, usize)> {
        let head = self.byte()?;
        let elements = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        let elements = usize::try_from(elements).ok()?;
        (elements <= self.rest.len()).then_some((head & 0xf, elements))
    }

    /// Skips a field of this type.
    pub(super) fn skip(&mut self, kind: u8) -> Option<()> {
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
            of_type::BINARY => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.bytes(length).map(drop)
            }
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
