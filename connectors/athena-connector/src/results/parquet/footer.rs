//! Whether a part's footer is made of what footers are made of, and the schema in it can be what it claims. The `parquet` crate
//! takes room for as many children as an element claims to have, and follows them as deep as they lie; both end the process
//! where they go too far. They are bounded here, before it sees the footer.
//!
//! <https://parquet.apache.org/docs/file-format/metadata/>

use parquet::file::reader::ChunkReader;

use super::PartError;
use super::compact::{Compact, DEEPEST, of_type};
use super::definitions::{FILE_META_DATA, SCHEMA_ELEMENT};

/// The length of the footer, as 4 bytes, and the magic number.
const TAIL: u64 = 8;
const MAGIC: &[u8] = b"PAR1";
/// The longest footer. One has some hundred bytes for each column of a group of rows, and readers take many times that.
const LONGEST: u64 = 64 << 20;
/// `FileMetaData.schema`, a list of `SchemaElement`, which is the tree of columns, each parent before its children.
const SCHEMA: i16 = 2;
/// `SchemaElement.num_children`.
const CHILDREN: i16 = 5;

/// Looks at the schema. What is no Parquet at all is left to the `parquet` crate to tell.
///
/// # Errors
/// A footer of other fields than Parquet's, a schema that is no tree, or too deep, and whatever the file says.
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
    if u64::from(length) > LONGEST {
        return Err(PartError::damaged(format!("its footer has {length} bytes")));
    }
    let footer = source.get_bytes(start, length as usize)?;
    let seen = self::footer(Compact::of(&footer));
    seen.ok_or_else(|| PartError::damaged("its footer is not one"))
}

fn footer(mut compact: Compact<'_>) -> Option<()> {
    let (mut id, mut seen) = (0, false);
    while let Some(kind) = compact.field(&mut id)? {
        if (id, kind) == (SCHEMA, of_type::LIST) && !seen {
            seen = true;
            schema(&mut compact)?;
        } else if id == SCHEMA {
            return None;
        } else {
            compact.one_of(FILE_META_DATA, id, kind)?;
        }
    }
    Some(())
}

fn schema(compact: &mut Compact<'_>) -> Option<()> {
    let elements = compact.structs()?;
    // Of each group that an element is in, how many children are still to come.
    let mut groups: Vec<usize> = Vec::new();
    for left in (0..elements).rev() {
        while groups.last() == Some(&0) {
            groups.pop();
        }
        if let Some(children) = groups.last_mut() {
            *children -= 1;
        }
        let children = children(compact)?;
        if children > left || groups.len() == DEEPEST {
            return None;
        }
        groups.push(children);
    }
    Some(())
}

/// Of an element of the schema, how many children it has.
fn children(compact: &mut Compact<'_>) -> Option<usize> {
    let (mut id, mut children) = (0, 0);
    while let Some(kind) = compact.field(&mut id)? {
        if (id, kind) == (CHILDREN, of_type::I32) {
            children = compact.zigzag()?.try_into().ok()?;
        } else {
            compact.one_of(SCHEMA_ELEMENT, id, kind)?;
        }
    }
    Some(children)
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
    fn children_do_not_hide_in_what_says_to_be_a_text() {
        // Field 10, a union of field 5, which is a struct of two numbers and says to be a text of 21 bytes. Who reads the struct
        // finds both numbers, two ends, and field 5 of the element: 2^31 - 1 children.
        let hidden = [
            2, 0x15, 2, 0, 0, 5, 10, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let front = [0x15, 2, 0x19, 0x1c, 0x48, 1, b'a', 0x6c, 0x58, hidden.len() as u8];
        let footer = [&front[..], &hidden, &[0, 0, 0]].concat();
        let length = (footer.len() as u32).to_le_bytes();
        assert!(check(&Bytes::from([&footer, &length[..], MAGIC].concat())).is_err());
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
