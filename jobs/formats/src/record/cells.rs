//! Many records at once, column by column.
//!
//! To find the column of each value, and what kind of column it is, costs more than to read the value. So the values of
//! some records are dealt out to the columns by their places alone, and then each column takes all of its values in one
//! loop that knows its type. What a list holds, and what is put together from several texts, is read as it comes.
//!
//! It is an economy, and no more: a block in which anything does not fit leaves no trace, and its records are to be added
//! one by one.

use super::block::{Block, RECORDS_MAX};
use super::column::{Column, DoesNotFit};
use super::columns::{Columns, RecordAt};
use super::drift::{Drift, cut_text};
use super::flat::Text;
use super::nodes::{NodeId, Nodes, ROOT};
use super::proof::Proof;
use super::tape::{Encoded, Entry, Op, Tape};
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

/// Where a node's values go.
#[derive(Debug, Clone, Copy)]
struct Target {
    used: Use,
    /// Which of the rows of cells is its own; [`NO_ROW`] until it has had a value.
    cells: u32,
}

const NO_ROW: u32 = u32::MAX;

/// A value that was dealt out: where its text stands. Places count through the buffer, and on through the decoded texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    start: u32,
    length: u32,
}

impl Cell {
    const ABSENT: Self = Self {
        start: 0,
        length: u32::MAX,
    };
    const NULL: Self = Self {
        start: 0,
        length: u32::MAX - 1,
    };
    /// Of a struct.
    const THERE: Self = Self {
        start: 0,
        length: 0,
    };

    /// Its text, if that stands in the buffer.
    fn text(self, buffer: &[u8]) -> &[u8] {
        let from = self.start as usize;
        let text = buffer.get(from..from + self.length as usize);
        text.unwrap_or_default()
    }
}

/// The values of a block: a row of cells for each node, one cell for each record.
#[derive(Debug, Default)]
pub(super) struct Cells {
    targets: Vec<Target>,
    rows: Vec<Row>,
    decoded: Vec<u8>,
    scratch: Vec<u8>,
    /// What the schema lacks: the record, and the entry.
    unknown: Vec<(usize, Entry)>,
}

#[derive(Debug)]
struct Row {
    node: NodeId,
    cells: [Cell; RECORDS_MAX],
    /// None of the cells from here on is filled.
    end: usize,
}

impl Cells {
    pub(super) fn new<N: Nodes>(
        columns: &[Option<Column>],
        names: &N,
        proof: Option<&Proof>,
    ) -> Self {
        let targets = columns.iter().enumerate().map(|(node, column)| {
            let node = node as NodeId;
            let used = match column {
                Some(column) if column.list.is_some() || names.joins(node) => Use::AsTheyCome,
                Some(column) if column.is_struct() => Use::Struct,
                Some(_) if proof.is_some_and(|proof| proof.asks(node)) => Use::Asked,
                Some(_) => Use::Once,
                None => Use::Unread,
            };
            Target {
                used,
                cells: NO_ROW,
            }
        });
        Self {
            targets: targets.collect(),
            ..Self::default()
        }
    }

    fn clear(&mut self) {
        for row in &mut self.rows {
            if let Some(filled) = row.cells.get_mut(..row.end) {
                filled.fill(Cell::ABSENT);
            }
            row.end = 0;
        }
        self.decoded.clear();
        self.unknown.clear();
    }

    #[inline(always)]
    fn target(&self, node: NodeId) -> Target {
        let unread = Target {
            used: Use::Unread,
            cells: NO_ROW,
        };
        self.targets.get(node as usize).copied().unwrap_or(unread)
    }

    /// Fills the cell of a record.
    ///
    /// # Errors
    /// It is filled: the record has two values.
    #[inline(always)]
    fn fill(
        &mut self,
        node: NodeId,
        target: Target,
        record: usize,
        cell: Cell,
    ) -> Result<(), DoesNotFit> {
        if target.cells == NO_ROW {
            return self.begin_row(node, record, cell);
        }
        let row = self.rows.get_mut(target.cells as usize);
        let row = row.ok_or(DoesNotFit)?;
        let place = row.cells.get_mut(record).ok_or(DoesNotFit)?;
        if *place != Cell::ABSENT {
            return Err(DoesNotFit);
        }
        *place = cell;
        row.end = record + 1;
        Ok(())
    }

    #[cold]
    fn begin_row(&mut self, node: NodeId, record: usize, cell: Cell) -> Result<(), DoesNotFit> {
        let target = self.targets.get_mut(node as usize).ok_or(DoesNotFit)?;
        target.cells = self.rows.len() as u32;
        self.rows.push(Row {
            node,
            cells: [Cell::ABSENT; RECORDS_MAX],
            end: 0,
        });
        let target = *target;
        self.fill(node, target, record, cell)
    }

    /// Keeps a decoded text; it stands behind a buffer of this length, and a byte.
    fn keep_decoded(&mut self, text: &[u8], buffer: usize) -> Result<Cell, DoesNotFit> {
        let start = buffer + 1 + self.decoded.len();
        self.decoded.extend_from_slice(text);
        Ok(Cell {
            start: u32::try_from(start).map_err(|_| DoesNotFit)?,
            length: text.len() as u32,
        })
    }
}

/// The texts of a row of cells, `None` for each record without one.
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
        if cell.length >= Cell::NULL.length {
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
        let plain_is_text = tape.rules.table.is_none();
        let mut at = 0;
        for (index, record) in block.records.iter().enumerate() {
            let entries = tape.entries.get(..record.entries).unwrap_or_default();
            let start = u32::try_from(record.start).map_err(|_| DoesNotFit)?;
            while let Some(entry) = entries.get(at) {
                at += 1;
                let target = cells.target(entry.node);
                let is_value = matches!(target.used, Use::Once | Use::Asked);
                let is_text = plain_is_text
                    && matches!(entry.op, Op::Value | Op::Text)
                    && entry.encoded == Encoded::Plain;
                if is_value && is_text {
                    let cell = Cell {
                        start: start + entry.start,
                        length: entry.end - entry.start,
                    };
                    if target.used == Use::Asked && !self.bears_out(entry, cell.text(buffer)) {
                        return Err(DoesNotFit);
                    }
                    cells.fill(entry.node, target, index, cell)?;
                } else if is_value && entry.op == Op::Null {
                    cells.fill(entry.node, target, index, Cell::NULL)?;
                } else if entry.op != Op::Leave {
                    let record = RecordOf {
                        index,
                        at: record.at,
                        bytes: buffer.get(record.start..record.end).unwrap_or_default(),
                        buffer: buffer.len(),
                    };
                    at = self.deal_other(names, tape, (entries, at), record, cells)?;
                }
            }
        }
        Ok(())
    }

    /// Deals out the entry before `at`, unless it is plain text or NULL of a column; gives the place of the one that comes next.
    fn deal_other<N: Nodes>(
        &mut self,
        names: &N,
        tape: &Tape,
        (entries, at): (&[Entry], usize),
        record: RecordOf<'_>,
        cells: &mut Cells,
    ) -> Result<usize, DoesNotFit> {
        let entry = entries.get(at - 1).ok_or(DoesNotFit)?;
        let target = cells.target(entry.node);
        let cell = match (target.used, entry.op) {
            (_, Op::Leave) => return Ok(at),
            (_, Op::Enter) if entry.node == ROOT => return Ok(at),
            (_, Op::Unknown) if self.is_proving() => return Err(DoesNotFit),
            (_, Op::Unknown) => {
                if self.counts_unknown() {
                    cells.unknown.push((record.index, *entry));
                }
                return Ok(at);
            }
            (Use::Unread, Op::Enter) => return Ok(behind(entries, at)),
            (Use::Unread, _) => return Ok(at),
            (Use::AsTheyCome, op) => {
                let end = if op == Op::Enter {
                    behind(entries, at)
                } else {
                    at
                };
                let own = (tape, entries.get(at - 1..end).unwrap_or_default());
                let row = self.rows() + record.index;
                let done = self.append_entries(names, own, record.bytes, record.at, row);
                if done.is_err() || !self.take_noted(record.index, &mut cells.unknown) {
                    return Err(DoesNotFit);
                }
                return Ok(end);
            }
            // A list without items is no value of a column that is none.
            (_, Op::Empty) => return Ok(at),
            (_, Op::Null) => Cell::NULL,
            // That it is there is all that a struct has of its own.
            (Use::Struct, Op::Enter) => Cell::THERE,
            (Use::Struct, _) | (_, Op::Enter) => return Err(DoesNotFit),
            (Use::Once | Use::Asked, _) => self.decode_cell(tape, entry, record, cells)?,
        };
        cells.fill(entry.node, target, record.index, cell)?;
        Ok(at)
    }

    /// Decodes the text of an entry.
    fn decode_cell(
        &mut self,
        tape: &Tape,
        entry: &Entry,
        record: RecordOf<'_>,
        cells: &mut Cells,
    ) -> Result<Cell, DoesNotFit> {
        if self.is_proving() && entry.encoded == Encoded::Container {
            return Err(DoesNotFit);
        }
        let is_asked = cells.target(entry.node).used == Use::Asked;
        let mut scratch = std::mem::take(&mut cells.scratch);
        let text = tape.text(entry, record.bytes, &mut scratch);
        if is_asked && !self.bears_out(entry, text) {
            return Err(DoesNotFit);
        }
        let cell = cells.keep_decoded(text, record.buffer);
        cells.scratch = scratch;
        cell
    }

    /// Appends what was dealt out, column by column.
    fn take_cells(&mut self, cells: &Cells, buffer: &[u8]) -> Result<(), DoesNotFit> {
        let rows = self.rows();
        for row in &cells.rows {
            let (column, cleaner) = self.flat(row.node);
            let own = row.cells.get(..row.end).unwrap_or_default();
            let Some(column) = column.filter(|_| !own.is_empty()) else {
                continue;
            };
            // An object has no text that could be one for NULL.
            let cleaner = if column.is_struct() {
                &Cleaner::Keeps
            } else {
                cleaner
            };
            let texts = Texts {
                cells: own.iter(),
                buffer,
                decoded: &cells.decoded,
                cleaner,
            };
            column.push_all(rows, texts)?;
        }
        Ok(())
    }
}

/// A record of a block.
#[derive(Clone, Copy)]
struct RecordOf<'a> {
    /// Which of the block's.
    index: usize,
    at: RecordAt,
    bytes: &'a [u8],
    /// The length of the buffer that it stands in.
    buffer: usize,
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
