//! The pages of a part, each looked at before it is decoded. The `parquet` crate takes room for as many texts as the head of
//! a page of [`Encoding::DELTA_LENGTH_BYTE_ARRAY`] says, up to more than there is, which ends the process.
//!
//! UNLOAD is Trino's writer: plain values, dictionaries and that encoding.
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>

use std::sync::Arc;

use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescPtr;

use super::compact::{Compact, of_type};
use super::definitions::PAGE_HEADER;

/// Bytes that the head of a page mostly has.
const HEAD: u64 = 256;
/// Texts that a page may have, of 4 bytes each before any is read. Writers end a page after some ten thousand.
const MOST_TEXTS: u64 = 1 << 24;
/// `PageHeader.uncompressed_page_size`.
const UNCOMPRESSED_SIZE: i16 = 2;
/// `PageHeader.compressed_page_size`.
const COMPRESSED_SIZE: i16 = 3;
/// Bytes of a page that is read, uncompressed. Trino's writer ends a page after 1 MB, but for a value that is larger; and a row
/// of Athena has 32 MB at most.
/// <https://docs.aws.amazon.com/athena/latest/ug/other-notable-limitations.html>
const LARGEST_PAGE: u64 = 64 << 20;

/// All pages of a part.
pub(super) struct Pages<T> {
    pub(super) source: Arc<T>,
    pub(super) metadata: Arc<ParquetMetaData>,
}

impl<T: ChunkReader + 'static> RowGroups for Pages<T> {
    fn num_rows(&self) -> usize {
        self.row_groups().map(rows).sum()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        Ok(Box::new(Chunks {
            source: Arc::clone(&self.source),
            metadata: Arc::clone(&self.metadata),
            column,
            next: 0,
        }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

fn rows(group: &RowGroupMetaData) -> usize {
    usize::try_from(group.num_rows()).unwrap_or(0)
}

/// The chunks of one column, a group of rows each.
struct Chunks<T> {
    source: Arc<T>,
    metadata: Arc<ParquetMetaData>,
    column: usize,
    next: usize,
}

impl<T: ChunkReader + 'static> Iterator for Chunks<T> {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let group = self.metadata.row_groups().get(self.next)?;
        self.next += 1;
        let chunk = group.column(self.column);
        let pages = heads(&*self.source, chunk)
            .and_then(|()| SerializedPageReader::new(Arc::clone(&self.source), chunk, rows(group), None));
        Some(pages.map(|pages| {
            let column = chunk.column_descr_ptr();
            Box::new(Checked { pages, column }) as Box<dyn PageReader>
        }))
    }
}

impl<T: ChunkReader + 'static> PageIterator for Chunks<T> {}

/// Looks at the heads of all pages of a chunk: one may have lists of billions, of which none takes a byte, for the `parquet`
/// crate to walk through.
fn heads(source: &impl ChunkReader, chunk: &ColumnChunkMetaData) -> Result<()> {
    let (mut at, mut left) = chunk.byte_range();
    while left > 0 {
        let page = page_at(source, at, left)?;
        at += page;
        left -= page;
    }
    Ok(())
}

/// The length of a page, its head included, of which no more than `left` bytes are there.
fn page_at(source: &impl ChunkReader, at: u64, left: u64) -> Result<u64> {
    let mut window = left.min(HEAD);
    loop {
        let bytes = source.get_bytes(at, usize::try_from(window)?)?;
        match head(&bytes) {
            Some(Head { uncompressed, .. }) if uncompressed > LARGEST_PAGE => {
                let why = format!("a page of {uncompressed} bytes, and none may have more than {LARGEST_PAGE}");
                return Err(ParquetError::General(why));
            }
            Some(Head { head, page, .. }) if head + page <= left => return Ok(head + page),
            None if window < left => window = left.min(window * 8),
            _ => return Err(ParquetError::General("a page's head is not one".to_owned())),
        }
    }
}

/// What the head of a page says. In bytes.
struct Head {
    /// The length of the head.
    head: u64,
    /// That of what follows.
    page: u64,
    /// That of what comes of it.
    uncompressed: u64,
}

fn head(bytes: &[u8]) -> Option<Head> {
    let (mut compact, mut id, mut page, mut uncompressed) = (Compact::of(bytes), 0, 0, 0);
    while let Some(kind) = compact.field(&mut id)? {
        match (id, kind) {
            (COMPRESSED_SIZE, of_type::I32) => page = compact.zigzag()?,
            (UNCOMPRESSED_SIZE, of_type::I32) => uncompressed = compact.zigzag()?,
            _ => compact.one_of(PAGE_HEADER, id, kind)?,
        }
    }
    Some(Head {
        head: (bytes.len() - compact.left()) as u64,
        page: u64::from(u32::try_from(page).ok()?),
        uncompressed: u64::from(u32::try_from(uncompressed).ok()?),
    })
}

/// The pages of one chunk.
struct Checked<T: ChunkReader> {
    pages: SerializedPageReader<T>,
    column: ColumnDescPtr,
}

impl<T: ChunkReader + 'static> Iterator for Checked<T> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<T: ChunkReader + 'static> PageReader for Checked<T> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            check(page, &self.column)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.pages.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        self.pages.take_deferred_dictionary()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

fn check(page: &Page, column: &ColumnDescPtr) -> Result<()> {
    match page.encoding() {
        // Its second head lies behind all that the first one counts.
        Encoding::DELTA_BYTE_ARRAY => Err(ParquetError::General(format!(
            "column {} has encoding {}, which UNLOAD does not write",
            column.name(),
            page.encoding()
        ))),
        Encoding::DELTA_LENGTH_BYTE_ARRAY => {
            let most = MOST_TEXTS.min(page.num_values().into());
            let texts = values(page, column).and_then(counted);
            match texts.is_some_and(|texts| texts <= most) {
                true => Ok(()),
                false => Err(ParquetError::General(format!(
                    "a page of column {} counts other texts than it has",
                    column.name()
                ))),
            }
        }
        _ => Ok(()),
    }
}

/// What stands behind the levels.
fn values<'a>(page: &'a Page, column: &ColumnDescPtr) -> Option<&'a [u8]> {
    match page {
        Page::DataPage {
            buf,
            num_values,
            rep_level_encoding,
            def_level_encoding,
            ..
        } => {
            let mut rest = &buf[..];
            for (most, encoding) in [
                (column.max_rep_level(), rep_level_encoding),
                (column.max_def_level(), def_level_encoding),
            ] {
                if most > 0 {
                    rest = behind_levels(rest, most.unsigned_abs(), *encoding, *num_values)?;
                }
            }
            Some(rest)
        }
        Page::DataPageV2 {
            buf,
            rep_levels_byte_len,
            def_levels_byte_len,
            ..
        } => buf.get(rep_levels_byte_len.checked_add(*def_levels_byte_len)? as usize..),
        Page::DictionaryPage { buf, .. } => Some(buf),
    }
}

fn behind_levels(levels: &[u8], most: u16, encoding: Encoding, count: u32) -> Option<&[u8]> {
    if encoding == Encoding::RLE {
        let (length, rest) = levels.split_at_checked(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?);
        return rest.get(length as usize..);
    }
    // Packed: so many bits each.
    let bits = u64::from(u16::BITS - most.leading_zeros());
    let bytes = (u64::from(count) * bits).div_ceil(8);
    levels.get(usize::try_from(bytes).ok()?..)
}

/// How many lengths there are: behind the size of a block and the number of its parts, in the form of Thrift's numbers.
fn counted(values: &[u8]) -> Option<u64> {
    let mut numbers = Compact::of(values);
    let (_block, _parts) = (numbers.varint()?, numbers.varint()?);
    numbers.varint()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_count_stands_third() {
        assert_eq!(counted(&[0x80, 1, 4, 0xff, 0xff, 3, 0]), Some(0xffff));
        for cut in [&[][..], &[0x80], &[0x80, 1, 4], &[0x80, 1, 4, 0xff]] {
            assert_eq!(counted(cut), None);
        }
        assert_eq!(counted(&[0xff; 40]), None);
    }

    #[test]
    fn a_head_ends_where_it_says() {
        let head = |bytes: &[u8]| super::head(bytes).map(|head| (head.head, head.page));
        // Type 0, sizes of 5 and 3 bytes, and a list of two numbers that nobody knows.
        let known = [0x15, 0, 0x15, 10, 0x15, 6];
        let whole = [&known[..], &[0x69, 0x25, 1, 1, 0]].concat();
        assert_eq!(head(&[&whole[..], b"abc"].concat()), Some((11, 3)));
        for length in 0..whole.len() {
            assert_eq!(head(&whole[..length]), None, "{length}");
        }
        // A list of many truths, which take no bytes or one each; and a page of less than nothing.
        let truths = [&known[..], &[0x69, 0xf1, 0xff, 0xff, 0xff, 0xff, 7, 0]].concat();
        assert_eq!(head(&truths), None);
        assert_eq!(head(&[0x15, 0, 0x15, 10, 0x15, 5, 0]), None);
        // A checksum that says to be a text.
        assert_eq!(head(&[&known[..], &[0x15, 1, 0]].concat()), Some((9, 3)));
        assert_eq!(head(&[&known[..], &[0x18, 1, b'a', 0]].concat()), None);
    }

    #[test]
    fn values_stand_behind_levels() {
        let rle = [2, 0, 0, 0, 8, 8, b'v'];
        assert_eq!(behind_levels(&rle, 1, Encoding::RLE, 9).unwrap(), b"v");
        assert_eq!(behind_levels(&[9, 0, 0, 0, 1], 1, Encoding::RLE, 9), None);
        #[expect(deprecated, reason = "old files have it")]
        let packed = Encoding::BIT_PACKED;
        assert_eq!(behind_levels(&[1, 2, 3, b'v'], 3, packed, 9).unwrap(), b"v");
        assert_eq!(behind_levels(&[1, 2], 3, packed, 9), None);
    }

    #[test]
    fn a_page_that_claims_too_much_is_refused() {
        use bytes::Bytes;
        // Type 0, this many bytes uncompressed, and 3 bytes that follow.
        let page = |uncompressed: u64| {
            let mut bytes = vec![0x15, 0, 0x15];
            let mut zigzag = uncompressed * 2;
            while zigzag >= 0x80 {
                bytes.push((zigzag & 0x7f) as u8 | 0x80);
                zigzag >>= 7;
            }
            bytes.push(zigzag as u8);
            bytes.extend([0x15, 6, 0]);
            bytes.extend(b"abc");
            Bytes::from(bytes)
        };
        for (uncompressed, fine) in [
            (10, true),
            (LARGEST_PAGE, true),
            (LARGEST_PAGE + 1, false),
            (1 << 30, false),
        ] {
            let page = page(uncompressed);
            let found = page_at(&page, 0, page.len() as u64);
            assert_eq!(found.is_ok(), fine, "{uncompressed}: {found:?}");
        }
    }
}
