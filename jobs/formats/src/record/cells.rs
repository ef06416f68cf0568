//! Many records at once, column by column.
//!
//! To find the column of each value, and what kind of column it is, costs more than to read the value. So the values of
//! some records are dealt out to the columns by their places alone, and then each column takes all of its values in one
//! loop that knows its type. What a list holds, and what is put together from several texts, is read as it comes.
//!
//! It is an economy, and no more: a block in which anything does not fit leaves no trace, and its records are to be added
//! one by one.

use std::cell::Cell as Flag;

use super::block::{Block, RECORDS_MAX};
use super::column::{Column, DoesNotFit};
use super::columns::Columns;
use super::drift::{Drift, cut_text};
use super::flat::Text;
use super::nodes::{NodeId, Nodes, ROOT};
use super::proof::Proof;
use super::tape::{Encoded, Entry, Op};
use crate::values::Cleaner;

/// How a node's entries are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It has no column: they are passed over, with all that is inside.
    Unread,
    /// It has one value at most in each record.
    Once,
    /// The same, and each value is to bear out a sample.
    Asked,
    /// It is there at most once in each record, and has fields.
    Struct,
    /// As they come.
    AsTheyCome,
}

/// A value that was dealt out.
#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Of the block.
    row: u32,
    start: u32,
    end: u32,
    stands: Stands,
}

/// Where its text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// In the buffer.
    Buffer,
    /// Among the decoded texts.
    Decoded,
    /// Nowhere: it is NULL.
    Nowhere,
}

/// The values of a block, by node.
#[derive(Debug, Default)]
pub(super) struct Cells {
    uses: Vec<Use>,
    by_node: Vec<Vec<Cell>>,
    /// The nodes with cells that have been met so far, in any block.
    met: Vec<NodeId>,
    decoded: Vec<u8>,
    /// What the schema lacks: the record, and the entry.
    unknown: Vec<(usize, Entry)>,
}

impl Cells {
    pub(super) fn new<N: Nodes>(
        columns: &[Option<Column>],
        names: &N,
        proof: Option<&Proof>,
    ) -> Self {
        let uses = columns.iter().enumerate().map(|(node, column)| {
            let node = node as NodeId;
            match column {
                Some(column) if column.list.is_some() || names.joins(node) => Use::AsTheyCome,
                Some(column) if column.is_struct() => Use::Struct,
                Some(_) if proof.is_some_and(|proof| proof.asks(node)) => Use::Asked,
                Some(_) => Use::Once,
                None => Use::Unread,
            }
        });
        Self {
            uses: uses.collect(),
            by_node: vec![Vec::new(); columns.len()],
            ..Self::default()
        }
    }

    fn clear(&mut self) {
        for node in &self.met {
            if let Some(cells) = self.by_node.get_mut(*node as usize) {
                cells.clear();
            }
        }
        self.decoded.clear();
        self.unknown.clear();
    }

    fn push(&mut self, node: NodeId, cell: Cell) {
        if let Some(cells) = self.by_node.get_mut(node as usize) {
            if cells.capacity() == 0 {
                cells.reserve(RECORDS_MAX);
                self.met.push(node);
            }
            cells.push(cell);
        }
    }
}

/// The texts of a column from one row on, `None` for each row without one.
struct Texts<'a> {
    cells: std::slice::Iter<'a, Cell>,
    /// The cell that comes next, if its row has not come yet.
    ahead: Option<Cell>,
    row: u32,
    buffer: &'a [u8],
    decoded: &'a [u8],
    cleaner: &'a Cleaner,
    /// Whether a record had two values.
    repeats: &'a Flag<bool>,
}

impl<'a> Iterator for Texts<'a> {
    type Item = Option<Text<'a>>;

    #[inline(always)]
    fn next(&mut self) -> Option<Option<Text<'a>>> {
        let cell = match self.ahead {
            Some(cell) => cell,
            None => *self.cells.next()?,
        };
        if cell.row != self.row {
            if cell.row < self.row {
                self.repeats.set(true);
                return None;
            }
            self.ahead = Some(cell);
            self.row += 1;
            return Some(None);
        }
        self.ahead = None;
        self.row += 1;
        let bytes = match cell.stands {
            Stands::Buffer => self.buffer,
            Stands::Decoded => self.decoded,
            Stands::Nowhere => return Some(None),
        };
        let text = Text {
            rest: bytes.get(cell.start as usize..).unwrap_or_default(),
            length: (cell.end - cell.start) as usize,
        };
        Some(match self.cleaner {
            Cleaner::Keeps => Some(text),
            cleaner => cleaner.clean(text.bytes()).map(Text::of),
        })
    }
}

impl Columns {
    /// Appends the records of a block as rows.
    ///
    /// # Errors
    /// Something does not fit; then the columns are as they were.
    pub(crate) fn append_block<N: Nodes>(
        &mut self,
        names: &N,
        block: &Block,
        buffer: &[u8],
        drift: &mut Drift,
    ) -> Result<(), DoesNotFit> {
        let (rows, bytes) = (self.rows(), self.bytes());
        let mut cells = std::mem::take(self.cells());
        cells.clear();
        self.forget_noted();
        let done = self
            .deal_out(names, block, buffer, &mut cells)
            .and_then(|()| self.take_cells(&cells, buffer));
        let unknown = std::mem::take(&mut cells.unknown);
        *self.cells() = cells;
        if done.is_err() {
            self.truncate_to(rows);
            self.set_bytes(bytes);
            return done;
        }
        for record in &block.records {
            let length = record.end - record.start;
            self.end_row(length + record.expanded_bytes, record.at);
        }
        let mut scratch = Vec::new();
        for (record, entry) in unknown {
            if let Some(record) = block.records.get(record) {
                let bytes = buffer.get(record.start..record.end).unwrap_or_default();
                drift.count(entry.node, false, record.at.offset, || {
                    cut_text(block.tape.text(&entry, bytes, &mut scratch))
                });
            }
        }
        Ok(())
    }

    /// Deals the values of a block out, and appends what is read as it comes.
    fn deal_out<N: Nodes>(
        &mut self,
        names: &N,
        block: &Block,
        buffer: &[u8],
        cells: &mut Cells,
    ) -> Result<(), DoesNotFit> {
        let tape = &block.tape;
        let (rows, proves) = (self.rows(), self.is_proving());
        let mut scratch = Vec::new();
        let mut at = 0;
        for (row, record) in block.records.iter().enumerate() {
            let entries = tape.entries.get(..record.entries).unwrap_or_default();
            let bytes = buffer.get(record.start..record.end).unwrap_or_default();
            while let Some(entry) = entries.get(at) {
                at += 1;
                match entry.op {
                    Op::Leave => continue,
                    Op::Unknown if proves => return Err(DoesNotFit),
                    Op::Unknown => {
                        if self.counts_unknown() {
                            cells.unknown.push((row, *entry));
                        }
                        continue;
                    }
                    Op::Enter if entry.node == ROOT => continue,
                    _ => {}
                }
                let used = cells.uses.get(entry.node as usize).copied();
                let used = used.unwrap_or(Use::Unread);
                match used {
                    Use::Once | Use::Asked if entry.op != Op::Enter => {}
                    Use::Struct if matches!(entry.op, Op::Enter | Op::Null | Op::Empty) => {}
                    Use::Once | Use::Asked | Use::Struct => return Err(DoesNotFit),
                    Use::Unread => {
                        if entry.op == Op::Enter {
                            at = behind(entries, at);
                        }
                        continue;
                    }
                    Use::AsTheyCome => {
                        let from = at - 1;
                        if entry.op == Op::Enter {
                            at = behind(entries, at);
                        }
                        let own = entries.get(from..at).unwrap_or_default();
                        let done =
                            self.append_entries(names, (tape, own), bytes, record.at, rows + row);
                        if done.is_err() || !self.take_noted(row, &mut cells.unknown) {
                            return Err(DoesNotFit);
                        }
                        continue;
                    }
                }
                let mut cell = Cell {
                    row: row as u32,
                    start: 0,
                    end: 0,
                    stands: Stands::Nowhere,
                };
                match (entry.op, entry.encoded) {
                    // A list without items is no value of a column that is none.
                    (Op::Empty, _) => continue,
                    (Op::Null, _) => {}
                    // That it is there is all that a struct has of its own.
                    (Op::Enter, _) => cell.stands = Stands::Buffer,
                    (_, Encoded::Plain) if tape.rules.table.is_none() => {
                        cell.stands = Stands::Buffer;
                        cell.start = record.start as u32 + entry.start;
                        cell.end = record.start as u32 + entry.end;
                    }
                    _ => {
                        cell.stands = Stands::Decoded;
                        cell.start = cells.decoded.len() as u32;
                        let text = tape.text(entry, bytes, &mut scratch);
                        cells.decoded.extend_from_slice(text);
                        cell.end = cells.decoded.len() as u32;
                    }
                }
                if proves && entry.encoded == Encoded::Container {
                    return Err(DoesNotFit);
                }
                if used == Use::Asked && entry.op != Op::Null {
                    let text = match cell.stands {
                        Stands::Buffer => buffer.get(cell.start as usize..cell.end as usize),
                        _ => cells.decoded.get(cell.start as usize..),
                    };
                    if !self.bears_out(entry, text.unwrap_or_default()) {
                        return Err(DoesNotFit);
                    }
                }
                cells.push(entry.node, cell);
            }
        }
        Ok(())
    }

    /// Appends what was dealt out, column by column.
    fn take_cells(&mut self, cells: &Cells, buffer: &[u8]) -> Result<(), DoesNotFit> {
        let rows = self.rows();
        for node in &cells.met {
            let (column, cleaner) = self.flat(*node);
            let (Some(column), Some(own)) = (column, cells.by_node.get(*node as usize)) else {
                continue;
            };
            if own.is_empty() {
                continue;
            }
            // An object has no text that could be one for NULL.
            let cleaner = if column.is_struct() {
                &Cleaner::Keeps
            } else {
                cleaner
            };
            let repeats = Flag::new(false);
            let texts = Texts {
                cells: own.iter(),
                ahead: None,
                row: 0,
                buffer,
                decoded: &cells.decoded,
                cleaner,
                repeats: &repeats,
            };
            column.push_all(rows, texts)?;
            if repeats.get() {
                return Err(DoesNotFit);
            }
        }
        Ok(())
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
