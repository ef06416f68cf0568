//! One column chunk.

use std::ops::Range;

use arrow::buffer::NullBuffer;
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnDescPtr;

use super::codec::Codec;
use super::dictionary::{Dictionary, Found};
use super::hybrid::{encode, width};
use super::kinds::Kind;
use super::levels::add_levels;
use super::pages::{Pages, join};

/// The values of one row group's column, in pages of version 1. They go by a dictionary until it is full, if the column
/// has one, and as they are from then on.
pub(super) struct Chunk<K: Kind> {
    column: ColumnDescPtr,
    /// The level of a row that has a value.
    there: u8,
    limits: Limits,
    dictionary: Option<Dictionary>,
    /// Whether values still go by the dictionary.
    by_dictionary: bool,
    bounds: K::Bounds,
    /// The page in progress: a level for each row, and an index for each value, or the values themselves.
    levels: Vec<u8>,
    indices: Vec<u32>,
    plain: Vec<u8>,
    pages: Pages,
    rows: usize,
    null_count: usize,
    /// Of all values, their lengths left out.
    value_bytes: usize,
    /// What a page is put together in.
    page: Vec<u8>,
}

struct Limits {
    page_rows: usize,
    page_bytes: usize,
    statistics_bytes: Option<usize>,
}

impl<K: Kind> Chunk<K> {
    /// # Errors
    /// The column lies too deep.
    pub(super) fn new(column: ColumnDescPtr, properties: &WriterProperties) -> Result<Self> {
        let path = column.path();
        let levels = column.max_def_level();
        let there = u8::try_from(levels).map_err(|_| {
            ParquetError::NYI(format!("{levels} fields around {path} that may be NULL"))
        })?;
        let dictionary = properties
            .dictionary_enabled(path)
            .then(|| Dictionary::new(properties.column_dictionary_page_size_limit(path)));
        let limits = Limits {
            page_rows: properties.data_page_row_count_limit().max(1),
            page_bytes: properties.column_data_page_size_limit(path),
            statistics_bytes: properties.statistics_truncate_length(),
        };
        Ok(Chunk {
            by_dictionary: dictionary.is_some(),
            column,
            there,
            limits,
            dictionary,
            bounds: K::Bounds::default(),
            levels: Vec::new(),
            indices: Vec::new(),
            plain: Vec::new(),
            pages: Pages::new(),
            rows: 0,
            null_count: 0,
            value_bytes: 0,
            page: Vec::new(),
        })
    }

    /// Adds so many rows; `value` gives that of a row. `nulls` are the fields from the column down to the values that may
    /// be NULL.
    pub(super) fn write<'a>(
        &mut self,
        rows: usize,
        nulls: &[Option<NullBuffer>],
        value: impl Fn(usize) -> K::Value<'a> + Copy,
        codec: &mut Codec,
    ) -> Result<()> {
        if nulls.len() != usize::from(self.there) {
            return Err(ParquetError::General(format!(
                "column {} may be NULL at {} levels, not {}",
                self.column.path(),
                self.there,
                nulls.len()
            )));
        }
        let mut from = 0;
        while from < rows {
            let room = self.limits.page_rows - self.levels.len();
            let part = from..rows.min(from + room);
            let begun = self.levels.len();
            add_levels(nulls, part.clone(), &mut self.levels);
            let done = if self.by_dictionary {
                self.add_indices(value, part, begun)
            } else {
                self.add_plain(value, part, begun)
            };
            self.levels.truncate(begun + done);
            from += done;
            if self.page_is_full() {
                self.end_page(codec)?;
            }
        }
        Ok(())
    }

    fn page_is_full(&self) -> bool {
        let dictionary = self.dictionary.as_ref().filter(|_| self.by_dictionary);
        self.levels.len() >= self.limits.page_rows
            || self.plain.len() >= self.limits.page_bytes
            || dictionary.is_some_and(Dictionary::is_full)
    }

    /// Adds values by their indices, and returns how many rows that are: fewer if the dictionary is full then. `begun` is
    /// the place of the first row's level.
    fn add_indices<'a>(
        &mut self,
        value: impl Fn(usize) -> K::Value<'a>,
        rows: Range<usize>,
        begun: usize,
    ) -> usize {
        let Some(dictionary) = &mut self.dictionary else {
            return 0;
        };
        self.indices.reserve(rows.len());
        for (done, row) in rows.clone().enumerate() {
            if self.levels[begun + done] != self.there {
                continue;
            }
            let value = value(row);
            self.value_bytes += K::bytes(value);
            match dictionary.index::<K>(value) {
                Found::Old(index) => self.indices.push(index),
                Found::New(index) => {
                    self.indices.push(index);
                    K::widen(&mut self.bounds, value);
                    if dictionary.is_full() {
                        return done + 1;
                    }
                }
            }
        }
        rows.len()
    }

    /// Adds values as they are, and returns how many rows that are: fewer if the page is full then.
    fn add_plain<'a>(
        &mut self,
        value: impl Fn(usize) -> K::Value<'a>,
        rows: Range<usize>,
        begun: usize,
    ) -> usize {
        for (done, row) in rows.clone().enumerate() {
            if self.levels[begun + done] != self.there {
                continue;
            }
            let value = value(row);
            self.value_bytes += K::bytes(value);
            K::widen(&mut self.bounds, value);
            K::push(value, &mut self.plain);
            if self.plain.len() >= self.limits.page_bytes {
                return done + 1;
            }
        }
        rows.len()
    }

    /// Ends the page in progress, and the use of the dictionary if it is full.
    fn end_page(&mut self, codec: &mut Codec) -> Result<()> {
        let rows = self.levels.len();
        if rows == 0 {
            return Ok(());
        }
        self.page.clear();
        if self.there > 0 {
            self.page.extend_from_slice(&[0; 4]);
            encode(&self.levels, width(u32::from(self.there)), &mut self.page);
            let bytes = (self.page.len() - 4) as u32;
            self.page[..4].copy_from_slice(&bytes.to_le_bytes());
        }
        self.rows += rows;
        let there = self.levels.iter().filter(|level| **level == self.there);
        self.null_count += rows - there.count();
        self.levels.clear();
        let mut encoding = Encoding::PLAIN;
        if let Some(dictionary) = self.dictionary.as_ref().filter(|_| self.by_dictionary) {
            encoding = Encoding::RLE_DICTIONARY;
            let width = width(dictionary.len().saturating_sub(1) as u32);
            self.page.push(width as u8);
            encode(&self.indices, width, &mut self.page);
            self.indices.clear();
            if dictionary.is_full() {
                self.by_dictionary = false;
                self.indices = Vec::new();
            }
        } else {
            self.page.extend_from_slice(&self.plain);
            self.plain.clear();
        }
        self.pages.add_data(&self.page, rows, encoding, codec)
    }

    /// The memory in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let dictionary = self.dictionary.as_ref().map_or(0, Dictionary::memory_bytes);
        let page = self.levels.capacity()
            + self.indices.capacity() * size_of::<u32>()
            + self.plain.capacity()
            + self.page.capacity();
        dictionary + page + self.pages.memory_bytes()
    }

    /// The bytes that the chunk would have if it ended now, nearly.
    pub(super) fn encoded_bytes(&self) -> usize {
        let dictionary = self.dictionary.as_ref();
        let indices = dictionary.map_or(0, |dictionary| {
            self.indices.len() * width(dictionary.len() as u32) as usize / 8
        });
        let dictionary = dictionary.map_or(0, |dictionary| dictionary.page().len());
        self.pages.len() + dictionary + indices + self.plain.len()
    }

    /// The chunk's bytes, and what the footer says of it.
    pub(super) fn close(mut self, codec: &mut Codec) -> Result<(Bytes, ColumnCloseResult)> {
        self.end_page(codec)?;
        let dictionary = match &self.dictionary {
            Some(dictionary) => {
                let mut page = Pages::new();
                page.add_dictionary(dictionary.page(), dictionary.len(), codec)?;
                Some(page)
            }
            None => None,
        };
        let statistics_bytes = self.limits.statistics_bytes;
        let statistics = K::statistics(self.bounds, self.null_count as u64, statistics_bytes);
        let metadata = ColumnChunkMetaData::builder(self.column)
            .set_compression(codec.name())
            .set_num_values(self.rows as i64)
            .set_statistics(statistics)
            .set_unencoded_byte_array_data_bytes(K::HAS_LENGTHS.then_some(self.value_bytes as i64));
        let (bytes, index, metadata) = join(dictionary, self.pages, metadata);
        let closed = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(index),
        };
        Ok((bytes, closed))
    }
}
