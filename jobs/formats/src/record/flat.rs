//! Many flat records at once, column by column.
//!
//! A record without structs and lists whose fields are always the same needs no tape of its own: the entries of many
//! stand on one tape, as many of each record, and each column takes its values of all of them in one loop. That saves
//! what finding the column costs for each value, and half of the time. Where a value does not fit, nothing is appended,
//! and the records are to be appended one by one.

use super::column::{Column, DoesNotFit};
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
    fn text(&self, record: &FlatRecord, entry: &Entry) -> &'a [u8] {
        let (start, end) = (entry.start as usize, entry.end as usize);
        if entry.encoded == Encoded::Joined {
            return self.tape.joined.get(start..end).unwrap_or_default();
        }
        let from = record.start;
        self.buffer
            .get(from + start..from + end)
            .unwrap_or_default()
    }

    /// The values of one of a record's entries in all of the records; NULL is nothing.
    #[inline(always)]
    fn values(self, column: usize, cleaner: &'a Cleaner) -> impl Iterator<Item = Option<&'a [u8]>> {
        let entries = self.tape.entries.get(column..).unwrap_or_default();
        let entries = entries.iter().step_by(self.width().max(1));
        self.records
            .iter()
            .zip(entries)
            .map(move |(record, entry)| {
                if entry.op == Op::Null {
                    return None;
                }
                cleaner.clean(self.text(record, entry))
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
            let (column, cleaner) = self.flat(entry.node);
            let Some(column) = column else {
                continue;
            };
            if let Err(error) = append(column, rows, block, index, cleaner) {
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

fn append(
    column: &mut Column,
    rows: usize,
    block: FlatBlock<'_>,
    index: usize,
    cleaner: &Cleaner,
) -> Result<(), DoesNotFit> {
    // By far the most common way to read texts gets a loop of its own.
    match cleaner {
        Cleaner::Keeps => column.push_all(rows, block.values(index, &Cleaner::Keeps)),
        cleaner => column.push_all(rows, block.values(index, cleaner)),
    }
}
