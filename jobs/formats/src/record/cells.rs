//! The values of some records, by column.
//!
//! To find the column of each value, and what kind of column it is, costs more than to read the value. So the values of
//! some records are put into a row of cells for each node, by their places alone, and then each column takes all of its
//! values in one loop that knows its type ([`deal`](super::deal)). Values of records that are replayed are put here as
//! they are met; of others they come by way of the tape.

use super::block::RECORDS_MAX;
use super::column::{Column, DoesNotFit};
use super::nodes::{NodeId, Nodes, ROOT};
use super::options::RECORD_BYTES_LARGEST;
use super::tape::{Encoded, Entry, Op};

/// How a node's entries are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It has no column: they are passed over, with all that is inside.
    Unread,
    /// It has one value at most in each record.
    Once,
    /// It is there at most once in each record, and has fields.
    Struct,
    /// What a list holds, and what is put together from several texts: as they come.
    AsTheyCome,
}

/// Where a node's values go.
#[derive(Debug, Clone, Copy)]
struct Target {
    used: Use,
    /// Which of the rows of cells is its own, if it is there once.
    row: u32,
}

/// A value: where its text stands. Places count through the buffer, and on through the decoded texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) start: u32,
    pub(super) length: u32,
}

impl Cell {
    const ABSENT: Self = Self {
        start: 0,
        length: u32::MAX,
    };
    pub(super) const NULL: Self = Self {
        start: 0,
        length: u32::MAX - 1,
    };
    /// Of a struct.
    pub(super) const THERE: Self = Self {
        start: 0,
        length: 0,
    };

    /// Whether there is no text.
    #[inline(always)]
    pub(super) fn is_null(self) -> bool {
        self.length >= Self::NULL.length
    }
}

/// The cells of a node, one for each record.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) node: NodeId,
    cells: [Cell; RECORDS_MAX],
    /// None of the cells from here on is filled.
    end: usize,
    /// A bit for each record: whether the value [is text](Op::Text), whatever it looks like.
    pub(super) texts: u64,
}

impl Row {
    pub(super) fn cells(&self) -> &[Cell] {
        self.cells.get(..self.end).unwrap_or_default()
    }
}

/// The values of a block of records.
#[derive(Debug)]
pub(crate) struct Cells {
    targets: Vec<Target>,
    pub(super) rows: Vec<Row>,
    pub(super) decoded: Vec<u8>,
    /// Which record is at hand.
    pub(super) record: usize,
    /// Where a record that is replayed stands in the buffer.
    start: u32,
    /// How many values are open around what comes next, if it is inside of one that is read as it comes.
    depth: usize,
    /// What the schema lacks.
    pub(super) unknown: Vec<Unknown>,
    pub(super) scratch: Vec<u8>,
}

/// A value that the schema lacks.
#[derive(Debug)]
pub(super) struct Unknown {
    /// Which record has it.
    pub(super) record: usize,
    pub(super) entry: Entry,
    /// Its text, if it stands nowhere in the record.
    pub(super) text: Option<Vec<u8>>,
}

impl Cells {
    pub(super) fn new<N: Nodes>(columns: &[Option<Column>], names: &N) -> Self {
        let mut rows = Vec::new();
        let targets = columns.iter().enumerate().map(|(node, column)| {
            let node = node as NodeId;
            let used = match column {
                Some(column) if column.list.is_some() || names.joins(node) => Use::AsTheyCome,
                Some(column) if column.is_struct() => Use::Struct,
                Some(_) => Use::Once,
                None => Use::Unread,
            };
            let row = rows.len() as u32;
            if matches!(used, Use::Once | Use::Struct) {
                rows.push(Row {
                    node,
                    cells: [Cell::ABSENT; RECORDS_MAX],
                    end: 0,
                    texts: 0,
                });
            }
            Target { used, row }
        });
        Self {
            targets: targets.collect(),
            rows,
            decoded: Vec::new(),
            record: 0,
            start: 0,
            depth: 0,
            unknown: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Empties all cells.
    pub(super) fn clear(&mut self) {
        for row in &mut self.rows {
            if let Some(filled) = row.cells.get_mut(..row.end) {
                filled.fill(Cell::ABSENT);
            }
            (row.end, row.texts) = (0, 0);
        }
        self.decoded.clear();
        self.unknown.clear();
        (self.record, self.depth) = (0, 0);
    }

    /// Begins a record whose values are [taken](Cells::takes), at this place of the buffer. `false`: it lies too far.
    #[inline]
    pub(super) fn begin(&mut self, at: usize) -> bool {
        self.start = at as u32;
        self.depth = 0;
        at <= PLACE_LAST
    }

    /// The record at hand is to stay.
    pub(super) fn next_record(&mut self) {
        self.record += 1;
    }

    /// Empties the cells of the record at hand.
    #[cold]
    pub(super) fn undo(&mut self) {
        for row in &mut self.rows {
            if row.end > self.record
                && let Some(cell) = row.cells.get_mut(self.record)
            {
                *cell = Cell::ABSENT;
                row.end = self.record;
                row.texts &= !(1 << self.record);
            }
        }
    }

    /// Puts what an entry of a record that is replayed says into its cell. `false`: it is to stand on the tape.
    #[inline(always)]
    pub(super) fn takes(&mut self, entry: &Entry) -> bool {
        if self.depth > 0 {
            match entry.op {
                Op::Enter => self.depth += 1,
                Op::Leave => self.depth -= 1,
                _ => {}
            }
            return false;
        }
        let used = self.used(entry.node);
        match entry.op {
            Op::Value | Op::Text if used == Use::Once && entry.encoded == Encoded::Plain => {
                let start = self.start + entry.start;
                self.fill_with_text(entry, start).is_ok()
            }
            Op::Null if used == Use::Once => self.fill(entry.node, Cell::NULL, false).is_ok(),
            Op::Enter if used == Use::Struct => self.fill(entry.node, Cell::THERE, false).is_ok(),
            Op::Enter if entry.node == ROOT => true,
            Op::Enter => {
                self.depth = 1;
                false
            }
            // All that were entered outside of what is read as it comes are in cells.
            Op::Leave => true,
            _ => false,
        }
    }

    #[inline(always)]
    pub(super) fn used(&self, node: NodeId) -> Use {
        let target = self.targets.get(node as usize);
        target.map_or(Use::Unread, |target| target.used)
    }

    /// Fills the cell of a node with the text of an entry, which stands at `start`.
    ///
    /// # Errors
    /// As [`Cells::fill`].
    #[inline(always)]
    pub(super) fn fill_with_text(&mut self, entry: &Entry, start: u32) -> Result<(), DoesNotFit> {
        let cell = Cell {
            start,
            length: entry.end - entry.start,
        };
        self.fill(entry.node, cell, entry.op == Op::Text)
    }

    /// Fills the cell of a node in the record at hand.
    ///
    /// # Errors
    /// It is filled: the record has two values.
    #[inline(always)]
    pub(super) fn fill(
        &mut self,
        node: NodeId,
        cell: Cell,
        is_text: bool,
    ) -> Result<(), DoesNotFit> {
        let target = self.targets.get(node as usize).ok_or(DoesNotFit)?;
        let row = self.rows.get_mut(target.row as usize).ok_or(DoesNotFit)?;
        let place = row.cells.get_mut(self.record).ok_or(DoesNotFit)?;
        if *place != Cell::ABSENT {
            return Err(DoesNotFit);
        }
        *place = cell;
        row.end = self.record + 1;
        row.texts |= u64::from(is_text) << self.record;
        Ok(())
    }

    /// Keeps a decoded text; it stands behind a buffer of this length, and a byte.
    ///
    /// # Errors
    /// There is no room.
    pub(super) fn keep_decoded(&mut self, text: &[u8], buffer: usize) -> Result<Cell, DoesNotFit> {
        let start = buffer + 1 + self.decoded.len();
        self.decoded.extend_from_slice(text);
        Ok(Cell {
            start: u32::try_from(start).map_err(|_| DoesNotFit)?,
            length: text.len() as u32,
        })
    }
}

/// The last place of a buffer at which a record may begin whose values are in cells.
pub(super) const PLACE_LAST: usize = u32::MAX as usize - RECORD_BYTES_LARGEST;
