//! The pages of a column chunk that are done.

use std::io::Write;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaDataBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};

use super::codec::Codec;

/// Compressed pages of one kind, one after the other.
pub(super) struct Pages {
    bytes: Vec<u8>,
    /// Their sizes before they were compressed, headers included.
    uncompressed_bytes: usize,
    index: OffsetIndexBuilder,
    encodings: Vec<PageEncodingStats>,
}

impl Pages {
    pub(super) fn new() -> Self {
        Pages {
            bytes: Vec::new(),
            uncompressed_bytes: 0,
            index: OffsetIndexBuilder::new(),
            encodings: Vec::new(),
        }
    }

    /// The bytes of all pages.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The memory in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds a data page of so many rows: levels and values, not compressed yet.
    pub(super) fn add_data(
        &mut self,
        plain: &[u8],
        rows: usize,
        encoding: Encoding,
        codec: &mut Codec,
    ) -> Result<()> {
        let page = Page::DataPage {
            buf: Bytes::from(codec.compress(plain)?),
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let begun = self.len();
        self.add(page, plain.len(), encoding)?;
        let size = (self.len() - begun) as i32;
        self.index.append_row_count(rows as i64);
        self.index.append_offset_and_size(begun as i64, size);
        Ok(())
    }

    /// Adds the dictionary page, of so many values.
    pub(super) fn add_dictionary(
        &mut self,
        plain: &[u8],
        values: usize,
        codec: &mut Codec,
    ) -> Result<()> {
        let page = Page::DictionaryPage {
            buf: Bytes::from(codec.compress(plain)?),
            num_values: values as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.add(page, plain.len(), Encoding::PLAIN)
    }

    fn add(&mut self, page: Page, plain_bytes: usize, encoding: Encoding) -> Result<()> {
        if i32::try_from(plain_bytes).is_err() {
            return Err(ParquetError::General(format!(
                "a page of {plain_bytes} bytes: a text and what shares its page must be below 2 GiB"
            )));
        }
        let page_type = page.page_type();
        let page = CompressedPage::new(page, plain_bytes);
        let mut out = TrackedWrite::new(&mut self.bytes);
        let written = SerializedPageWriter::new(&mut out).write_page(page)?;
        out.flush()?;
        self.uncompressed_bytes += written.uncompressed_size;
        match self.encodings.last_mut() {
            Some(last) if last.encoding == encoding => last.count += 1,
            _ => self.encodings.push(PageEncodingStats {
                page_type,
                encoding,
                count: 1,
            }),
        }
        Ok(())
    }
}

/// The bytes of a column chunk, its pages' places in them, and what its footer says of them.
pub(super) fn join(
    dictionary: Option<Pages>,
    data: Pages,
    metadata: ColumnChunkMetaDataBuilder,
) -> (Bytes, OffsetIndexMetaData, ColumnChunkMetaDataBuilder) {
    let mut uncompressed = data.uncompressed_bytes;
    let mut stats = data.encodings;
    let mut index = data.index.build();
    let mut bytes = data.bytes;
    let before = dictionary.as_ref().map_or(0, Pages::len);
    let has_dictionary = dictionary.is_some();
    if let Some(dictionary) = dictionary {
        uncompressed += dictionary.uncompressed_bytes;
        stats.splice(0..0, dictionary.encodings);
        bytes.splice(0..0, dictionary.bytes);
    }
    for page in &mut index.page_locations {
        page.offset += before as i64;
    }
    let mut encodings = vec![Encoding::RLE];
    encodings.extend(stats.iter().map(|stats| stats.encoding));
    let metadata = metadata
        .set_encodings(encodings)
        .set_page_encoding_stats(stats)
        .set_total_compressed_size(bytes.len() as i64)
        .set_total_uncompressed_size(uncompressed as i64)
        .set_dictionary_page_offset(has_dictionary.then_some(0))
        .set_data_page_offset(before as i64);
    (Bytes::from(bytes), index, metadata)
}
