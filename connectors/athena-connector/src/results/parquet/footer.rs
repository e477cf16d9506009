//! Whether the schema in a part's footer can be what it claims. The `parquet` crate takes room for as many children as an
//! element claims to have, and follows them as deep as they lie; both end the process where they go too far. They are bounded
//! here, before it sees the footer.
//!
//! The footer (<https://parquet.apache.org/docs/file-format/metadata/>) is a struct in Thrift's compact protocol
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>).

use parquet::file::reader::ChunkReader;

use super::PartError;

/// The length of the footer, as 4 bytes, and the magic number.
const TAIL: u64 = 8;
const MAGIC: &[u8] = b"PAR1";
/// `FileMetaData.schema`, a list of `SchemaElement`, which is the tree of columns, each parent before its children.
const SCHEMA: i64 = 2;
/// `SchemaElement.num_children`.
const CHILDREN: i64 = 5;
/// Elements may lie so deep: an array of rows takes three levels.
const DEEPEST: usize = 128;

/// Types of the compact protocol.
mod of_type {
    pub(super) const STOP: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(super) const I32: u8 = 5;
    pub(super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const SET: u8 = 10;
    pub(super) const MAP: u8 = 11;
    pub(super) const STRUCT: u8 = 12;
    pub(super) const UUID: u8 = 13;
}

/// Looks at the schema. What is no Parquet at all is left to the `parquet` crate to tell.
///
/// # Errors
/// A schema that is no tree, or too deep, and whatever the file says.
pub(super) fn check(source: &impl ChunkReader) -> Result<(), PartError> {
    let Some(end) = source.len().checked_sub(TAIL) else {
        return Ok(());
    };
    let tail = source.get_bytes(end, TAIL as usize)?;
    let (length, magic) = tail.split_at(4);
    let length = length.try_into().map_or(0, u32::from_le_bytes);
    let Some(start) = end.checked_sub(u64::from(length)) else {
        return Ok(());
    };
    if magic != MAGIC {
        return Ok(());
    }
    let footer = source.get_bytes(start, length as usize)?;
    let seen = Compact { rest: &footer }.footer();
    seen.ok_or_else(|| PartError::damaged("its schema is not one"))
}

/// What is left to be read. `None` from its methods: it is not what it should be.
struct Compact<'a> {
    rest: &'a [u8],
}

impl<'a> Compact<'a> {
    fn footer(mut self) -> Option<()> {
        let (mut id, mut seen) = (0, false);
        while let Some(field) = self.field(&mut id)? {
            if id == SCHEMA {
                if seen || field != of_type::LIST {
                    return None;
                }
                seen = true;
                self.schema()?;
            } else {
                self.skip(field, 0)?;
            }
        }
        Some(())
    }

    fn schema(&mut self) -> Option<()> {
        let (kind, elements) = self.list()?;
        if kind != of_type::STRUCT {
            return None;
        }
        // Of each group that an element is in, how many children are still to come.
        let mut groups: Vec<usize> = Vec::new();
        for left in (0..elements).rev() {
            while groups.last() == Some(&0) {
                groups.pop();
            }
            if let Some(children) = groups.last_mut() {
                *children -= 1;
            }
            let children = self.children()?;
            if children > left || groups.len() == DEEPEST {
                return None;
            }
            groups.push(children);
        }
        Some(())
    }

    /// Of an element of the schema, how many children it has.
    fn children(&mut self) -> Option<usize> {
        let (mut id, mut children) = (0, 0);
        while let Some(field) = self.field(&mut id)? {
            if (id, field) == (CHILDREN, of_type::I32) {
                children = self.zigzag()?.try_into().ok()?;
            } else {
                self.skip(field, 0)?;
            }
        }
        Some(children)
    }

    /// The type of the next field of a struct, and in `id` its number; `Some(None)` at the end.
    fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
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
    fn list(&mut self) -> Option<(u8, usize)> {
        let head = self.byte()?;
        let elements = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        let elements = usize::try_from(elements).ok()?;
        (elements <= self.rest.len()).then_some((head & 0xf, elements))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
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
                    self.skip(field, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn skip_element(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            of_type::TRUE | of_type::FALSE => self.byte().map(drop),
            kind => self.skip(kind, depth + 1),
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

    fn varint(&mut self) -> Option<u64> {
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

    fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;

    use super::*;

    /// A file of nothing but a footer that has a schema of groups with so many children.
    fn file(children: &[u8]) -> Bytes {
        // Field 1, the version; field 2, the schema.
        let mut footer = vec![0x15, 2, 0x19, 0xfc];
        assert!(children.len() < 128);
        footer.push(children.len() as u8);
        for count in children {
            // Field 4, the name `a`, and field 5.
            footer.extend([0x48, 1, b'a', 0x15, count << 1, 0]);
        }
        footer.push(0);
        let length = (footer.len() as u32).to_le_bytes();
        [&footer, &length[..], MAGIC].concat().into()
    }

    #[test]
    fn a_schema_is_a_tree() {
        for (children, is_tree) in [
            (&[0][..], true),
            (&[2, 1, 0, 0], true),
            (&[3, 0, 0, 0], true),
            (&[1], false),
            (&[2, 0, 1], false),
            (&[63, 0], false),
            (&[1; 127], false),
        ] {
            assert_eq!(check(&file(children)).is_ok(), is_tree, "{children:?}");
        }
        let mut deep = [1; 127];
        deep[126] = 0;
        assert!(check(&file(&deep)).is_ok());
    }

    #[test]
    fn what_is_no_parquet_is_left_to_be_told() {
        for bytes in [&b""[..], b"PAR1", b"\xff\xff\xff\xffPAR1", b"\0\0\0\0PARE"] {
            assert!(check(&Bytes::copy_from_slice(bytes)).is_ok(), "{bytes:?}");
        }
        let whole = file(&[1, 0]);
        for length in 1..whole.len() as u32 - 8 {
            let cut = [&whole[..length as usize], &length.to_le_bytes(), MAGIC].concat();
            assert!(check(&Bytes::from(cut)).is_err(), "{length}");
        }
    }
}
