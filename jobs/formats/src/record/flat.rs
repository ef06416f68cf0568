//! Many flat records at once, column by column.
//!
//! A record without structs and lists whose fields are always the same needs no tape of its own: the entries of many
//! stand on one tape, as many of each record, and each column takes its values of all of them in one loop. That saves
//! what finding the column costs for each value, and half of the time. Where a value does not fit, nothing is appended,
//! and the records are to be appended one by one.

use arrow::array::{BooleanBufferBuilder, NullBufferBuilder};

use super::column::DoesNotFit;
use super::columns::{Columns, RecordAt};
use super::tape::{Encoded, Entry, Op, Tape};
use crate::values::Cleaner;

/// A record on a tape of many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlatRecord {
    pub(crate) at: RecordAt,
    /// Where it stands in the buffer.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Records, their tape, and the buffer that they stand in.
#[derive(Clone, Copy)]
pub(crate) struct FlatBlock<'a> {
    pub(crate) records: &'a [FlatRecord],
    /// Of each record the same number of entries, `Value` or `Null`, of the same nodes in the same order, whose texts
    /// are plain UTF-8 or joined.
    pub(crate) tape: &'a Tape,
    pub(crate) buffer: &'a [u8],
}

impl<'a> FlatBlock<'a> {
    /// Entries of each record.
    fn width(&self) -> usize {
        self.tape.entries.len() / self.records.len().max(1)
    }

    /// The entries of one record.
    pub(crate) fn entries(&self, record: usize) -> &'a [Entry] {
        let width = self.width();
        let entries = self.tape.entries.get(record * width..);
        entries
            .and_then(|entries| entries.get(..width))
            .unwrap_or_default()
    }

    /// The text of an entry of a record.
    #[inline(always)]
    fn text(&self, record: &FlatRecord, entry: &Entry) -> Text<'a> {
        let (start, end) = (entry.start as usize, entry.end as usize);
        let (bytes, start) = if entry.encoded == Encoded::Joined {
            (self.tape.joined.as_slice(), start)
        } else {
            (self.buffer, record.start + start)
        };
        Text {
            rest: bytes.get(start..).unwrap_or_default(),
            length: end - entry.start as usize,
        }
    }
}

/// The values of one of a record's entries in all records of a block; NULL is nothing.
struct Values<'a> {
    block: FlatBlock<'a>,
    cleaner: &'a Cleaner,
    width: usize,
    record: usize,
    entry: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = Option<Text<'a>>;

    #[inline(always)]
    fn next(&mut self) -> Option<Option<Text<'a>>> {
        let record = self.block.records.get(self.record)?;
        let entry = self.block.tape.entries.get(self.entry)?;
        self.record += 1;
        self.entry += self.width;
        if entry.op == Op::Null {
            return Some(None);
        }
        let text = self.block.text(record, entry);
        Some(match self.cleaner {
            Cleaner::Keeps => Some(text),
            cleaner => cleaner.clean(text.bytes()).map(Text::of),
        })
    }
}

impl Columns {
    /// Appends records as rows.
    ///
    /// # Errors
    /// A value does not fit; then the columns are as they were.
    pub(crate) fn append_flat(&mut self, block: FlatBlock<'_>) -> Result<(), DoesNotFit> {
        let rows = self.rows();
        for (index, entry) in block.entries(0).iter().enumerate() {
            let (column, cleaner, _) = self.flat(entry.node);
            let Some(column) = column else {
                continue;
            };
            let values = Values {
                block,
                cleaner,
                width: block.width(),
                record: 0,
                entry: index,
            };
            if let Err(error) = column.push_all(rows, values) {
                self.truncate_to(rows);
                return Err(error);
            }
        }
        for record in block.records {
            self.end_row(record.end - record.start, record.at);
        }
        Ok(())
    }
}

/// Appends texts as values.
#[inline(always)]
pub(super) fn push_parsed<'a, T: Default>(
    texts: impl Iterator<Item = Option<Text<'a>>>,
    values: &mut impl Push<T>,
    valid: &mut Run<'_>,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<(), DoesNotFit> {
    for text in texts {
        match text {
            None | Some(Text { length: 0, .. }) => {
                values.push_one(T::default());
                valid.push(false);
            }
            Some(text) => {
                values.push_one(read(text.bytes()).ok_or(DoesNotFit)?);
                valid.push(true);
            }
        }
    }
    Ok(())
}

/// What values can be appended to.
pub(super) trait Push<T> {
    fn push_one(&mut self, value: T);
}

impl<T> Push<T> for Vec<T> {
    #[inline(always)]
    fn push_one(&mut self, value: T) {
        self.push(value);
    }
}

impl Push<bool> for BooleanBufferBuilder {
    #[inline(always)]
    fn push_one(&mut self, value: bool) {
        self.append(value);
    }
}

/// A text, and what stands after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) rest: &'a [u8],
    pub(super) length: usize,
}

impl<'a> Text<'a> {
    /// A text after which nothing stands.
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self {
            rest: text,
            length: text.len(),
        }
    }

    #[inline(always)]
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.rest.get(..self.length).unwrap_or(self.rest)
    }

    /// Appends it to other texts. Most are short, and to copy a fixed length costs less than a call.
    #[inline(always)]
    pub(super) fn append_to(&self, bytes: &mut Vec<u8>) {
        const SHORT: usize = 16;
        match self.rest.first_chunk::<SHORT>() {
            Some(chunk) if self.length <= SHORT => {
                let end = bytes.len() + self.length;
                bytes.extend_from_slice(chunk);
                bytes.truncate(end);
            }
            _ => bytes.extend_from_slice(self.bytes()),
        }
    }
}

/// Validity, of which runs are noted at once.
pub(super) struct Run<'a> {
    valid: &'a mut NullBufferBuilder,
    run: usize,
    len: usize,
}

impl<'a> Run<'a> {
    /// After so many values.
    pub(super) fn new(valid: &'a mut NullBufferBuilder, len: usize) -> Self {
        Self { valid, run: 0, len }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, is_valid: bool) {
        self.len += 1;
        if is_valid {
            self.run += 1;
            return;
        }
        self.valid.append_n_non_nulls(self.run);
        self.valid.append_null();
        self.run = 0;
    }

    /// Notes the last run, and says how many values there are.
    pub(super) fn end(self) -> usize {
        self.valid.append_n_non_nulls(self.run);
        self.len
    }
}
