//! From tapes to cells, and from cells to columns: many records at once.
//!
//! It is an economy, and no more: a block in which anything does not fit leaves no trace, and its records are to be added
//! one by one.

use super::block::Block;
use super::cells::{Cell, Cells, PLACE_LAST, Row, Unknown, Use};
use super::column::DoesNotFit;
use super::columns::{Columns, RecordAt};
use super::drift::{Drift, cut_text};
use super::flat::Text;
use super::nodes::{Nodes, ROOT};
use super::tape::{Encoded, Entry, Op, Tape};
use crate::values::Cleaner;

/// A record whose values are dealt out.
#[derive(Clone, Copy)]
struct Dealt<'a> {
    at: RecordAt,
    bytes: &'a [u8],
    tape: &'a Tape,
    /// The length of the buffer that it stands in.
    buffer: usize,
}

impl Columns {
    /// Deals out what stands on the tape of the next record of a block, and appends what is read as it comes. `range` is
    /// where the record stands in the buffer.
    ///
    /// # Errors
    /// Something does not fit; then the block is to be [given up](Columns::give_block_up).
    pub(crate) fn deal_out<N: Nodes>(
        &mut self,
        names: &N,
        tape: &Tape,
        cells: &mut Cells,
        at: RecordAt,
        range: (usize, usize),
        buffer: &[u8],
    ) -> Result<(), DoesNotFit> {
        if cells.record == 0 {
            self.begin_block();
        }
        let start = range.0 as u32;
        if range.0 > PLACE_LAST {
            return Err(DoesNotFit);
        }
        let record = Dealt {
            at,
            bytes: buffer.get(range.0..range.1).unwrap_or_default(),
            tape,
            buffer: buffer.len(),
        };
        let plain_is_text = tape.rules.table.is_none();
        let entries = tape.entries.as_slice();
        let mut next = 0;
        while let Some(entry) = entries.get(next) {
            next += 1;
            let is_once = cells.used(entry.node) == Use::Once;
            let is_text = plain_is_text
                && matches!(entry.op, Op::Value | Op::Text)
                && entry.encoded == Encoded::Plain;
            if is_once && is_text {
                cells.fill_with_text(entry, start + entry.start)?;
            } else if entry.op != Op::Leave {
                next = self.deal_other(names, record, next, cells)?;
            }
        }
        Ok(())
    }

    /// Deals out the entry before `next`, and gives the place of the one that comes then.
    fn deal_other<N: Nodes>(
        &mut self,
        names: &N,
        record: Dealt<'_>,
        next: usize,
        cells: &mut Cells,
    ) -> Result<usize, DoesNotFit> {
        let entries = record.tape.entries.as_slice();
        let entry = entries.get(next - 1).ok_or(DoesNotFit)?;
        let cell = match (cells.used(entry.node), entry.op) {
            (_, Op::Leave) => return Ok(next),
            (_, Op::Enter) if entry.node == ROOT => return Ok(next),
            (_, Op::Unknown) if self.is_proving() => return Err(DoesNotFit),
            (_, Op::Unknown) => {
                if self.counts_unknown() {
                    let unknown = unknown(cells, record.tape, *entry);
                    cells.unknown.push(unknown);
                }
                return Ok(next);
            }
            (Use::Unread, Op::Enter) => return Ok(behind(entries, next)),
            (Use::Unread, _) => return Ok(next),
            (Use::AsTheyCome, op) => {
                let end = if op == Op::Enter {
                    behind(entries, next)
                } else {
                    next
                };
                let own = entries.get(next - 1..end).unwrap_or_default();
                let row = self.rows() + cells.record;
                let own = (record.tape, own);
                self.append_entries(names, own, record.bytes, record.at, row)
                    .map_err(|_| DoesNotFit)?;
                for (entry, is_bad_value) in self.take_noted() {
                    if is_bad_value {
                        return Err(DoesNotFit);
                    }
                    let unknown = unknown(cells, record.tape, entry);
                    cells.unknown.push(unknown);
                }
                return Ok(end);
            }
            // A list without items is no value of a column that is none.
            (_, Op::Empty) => return Ok(next),
            (_, Op::Null) => Cell::NULL,
            // That it is there is all that a struct has of its own.
            (Use::Struct, Op::Enter) => Cell::THERE,
            (Use::Struct, _) | (_, Op::Enter) => return Err(DoesNotFit),
            (Use::Once, _) if self.is_proving() && entry.encoded == Encoded::Container => {
                return Err(DoesNotFit);
            }
            (Use::Once, _) => {
                let mut scratch = std::mem::take(&mut cells.scratch);
                let text = record.tape.text(entry, record.bytes, &mut scratch);
                let cell = cells.keep_decoded(text, record.buffer);
                cells.scratch = scratch;
                cell?
            }
        };
        cells.fill(entry.node, cell, entry.op == Op::Text)?;
        Ok(next)
    }

    /// Appends the records of a block, which were dealt out, as rows. `tape` is any of its buffer's.
    ///
    /// # Errors
    /// Something does not fit; then the block is to be [given up](Columns::give_block_up).
    pub(crate) fn append_block(
        &mut self,
        block: &Block,
        cells: &Cells,
        tape: &Tape,
        buffer: &[u8],
        drift: &mut Drift,
    ) -> Result<(), DoesNotFit> {
        for row in &cells.rows {
            self.take_row(row, &cells.decoded, buffer)?;
        }
        for record in &block.records {
            let length = record.end - record.start;
            self.end_row(length + record.expanded_bytes, record.at);
        }
        let mut scratch = Vec::new();
        for unknown in &cells.unknown {
            if let Some(record) = block.records.get(unknown.record) {
                let bytes = buffer.get(record.start..record.end).unwrap_or_default();
                drift.count(unknown.entry.node, false, record.at.offset, || {
                    cut_text(match &unknown.text {
                        Some(text) => text,
                        None => tape.text(&unknown.entry, bytes, &mut scratch),
                    })
                });
            }
        }
        Ok(())
    }

    /// Appends the values of a node to its column.
    fn take_row(&mut self, row: &Row, decoded: &[u8], buffer: &[u8]) -> Result<(), DoesNotFit> {
        let rows = self.rows();
        let (column, cleaner, proof) = self.flat(row.node);
        let Some(column) = column.filter(|_| !row.cells().is_empty()) else {
            return Ok(());
        };
        let mut texts = Texts {
            cells: row.cells().iter(),
            buffer,
            decoded,
            cleaner,
        };
        if column.is_struct() {
            // An object has no text that could be one for NULL.
            texts.cleaner = &Cleaner::Keeps;
        } else if let Some(told) = proof.and_then(|proof| proof.told(row.node)) {
            let mut texts = texts.clone().enumerate();
            let holds = texts.all(|(record, text)| {
                let is_text = row.texts >> record & 1 == 1;
                text.is_none_or(|text| told.holds(is_text, text.bytes()))
            });
            if !holds {
                return Err(DoesNotFit);
            }
        }
        column.push_all(rows, texts)
    }
}

/// A value that the schema lacks, in the record at hand.
fn unknown(cells: &Cells, tape: &Tape, entry: Entry) -> Unknown {
    let is_joined = entry.encoded == Encoded::Joined;
    Unknown {
        record: cells.record,
        entry,
        text: is_joined.then(|| tape.text(&entry, &[], &mut Vec::new()).to_vec()),
    }
}

/// The texts of a row of cells, `None` for each record without one.
#[derive(Clone)]
struct Texts<'a> {
    cells: std::slice::Iter<'a, Cell>,
    buffer: &'a [u8],
    decoded: &'a [u8],
    cleaner: &'a Cleaner,
}

impl<'a> Iterator for Texts<'a> {
    type Item = Option<Text<'a>>;

    #[inline(always)]
    fn next(&mut self) -> Option<Option<Text<'a>>> {
        let cell = self.cells.next()?;
        if cell.is_null() {
            return Some(None);
        }
        let start = cell.start as usize;
        let rest = match start.checked_sub(self.buffer.len() + 1) {
            None => self.buffer.get(start..),
            Some(start) => self.decoded.get(start..),
        };
        let rest = rest.unwrap_or_default();
        let text = Text {
            rest,
            length: cell.length as usize,
        };
        Some(match self.cleaner {
            Cleaner::Keeps => Some(text),
            cleaner => cleaner.clean(text.bytes()).map(Text::of),
        })
    }
}

/// The place behind the `Leave` of the value that was entered before `at`.
fn behind(entries: &[Entry], mut at: usize) -> usize {
    let mut depth = 1_usize;
    while depth > 0
        && let Some(entry) = entries.get(at)
    {
        at += 1;
        match entry.op {
            Op::Enter => depth += 1,
            Op::Leave => depth -= 1,
            _ => {}
        }
    }
    at
}
