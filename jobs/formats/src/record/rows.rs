//! From a record's tape to a row of a batch, or to what is said of it instead: the part of a reader behind its scanner.

use arrow::array::RecordBatch;

use super::block::{Block, Waiting};
use super::cells::Cells;
use super::columns::{Columns, RecordAt};
use super::config::RecordConfig;
use super::drift::Drift;
use super::flat::FlatBlock;
use super::gate::{Gate, Unknown, Verdict};
use super::nodes::Nodes;
use super::progress::Settled;
use super::read::BAD_BYTES_MAX;
use super::tape::Tape;
use super::{BadReason, BadRecord, ReadFailure, SplitReport};

/// The rows and bad records that were not taken yet, and the counts of the split at hand.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: Columns,
    gate: Option<Box<Gate>>,
    drift: Drift,
    bad: Vec<BadRecord>,
    bad_bytes: usize,
    counts: Counts,
    /// Records of the buffer at hand that are to become rows together.
    block: Block,
}

/// What became of the records that were not simply bad.
#[derive(Debug, Default)]
struct Counts {
    emitted: u64,
    kept_bad: u64,
    filtered: u64,
    discarded_rows: u64,
}

impl Rows {
    pub(crate) fn new<N: Nodes>(config: &RecordConfig, names: &N) -> Self {
        Self {
            columns: Columns::new(config, names),
            gate: Gate::new(config, names),
            drift: Drift::default(),
            bad: Vec::new(),
            bad_bytes: 0,
            counts: Counts::default(),
            block: Block::default(),
        }
    }

    /// Where the values of replayed records may go, if nobody judges records.
    pub(crate) fn cells<N: Nodes>(&self, names: &N) -> Option<Box<Cells>> {
        let is_judged = self.gate.is_some();
        (!is_judged).then(|| Box::new(self.columns.cells(names)))
    }

    /// Begins another split: rows stay, counts and bad records go.
    pub(crate) fn next_split(&mut self) {
        self.drift = Drift::default();
        self.take_bad();
        self.counts = Counts::default();
    }

    /// Whether batch and bad records are to be taken before anything else is added.
    pub(crate) fn are_full(&self) -> bool {
        self.columns.is_full() || self.bad_bytes >= BAD_BYTES_MAX
    }

    /// The same, with so many more records of so many bytes.
    pub(crate) fn are_full_with(&self, records: usize, bytes: usize) -> bool {
        self.columns.is_full_with(records, bytes) || self.bad_bytes >= BAD_BYTES_MAX
    }

    /// Whether contract or filter look at every record.
    pub(crate) fn are_judged(&self) -> bool {
        self.gate.is_some()
    }

    /// How many rows the next batch has so far.
    pub(crate) fn pending(&self) -> usize {
        self.columns.rows()
    }

    /// Makes a row of a well-formed record, unless contract or filter leave it out. `guesses` says that it may be no
    /// record at all. A value that does not fit leaves no trace: the record is bad, for the reason given back.
    ///
    /// # Errors
    /// [`ReadFailure::Unknown`], [`ReadFailure::Surprise`]
    #[inline]
    pub(crate) fn add<N: Nodes>(
        &mut self,
        names: &N,
        tape: &Tape,
        record: &[u8],
        at: RecordAt,
        guesses: bool,
    ) -> Result<Option<BadReason>, ReadFailure> {
        if let Some(gate) = &mut self.gate {
            match gate.judge(names, tape, record, at, guesses, &mut self.drift) {
                Verdict::Pass => {}
                Verdict::Filtered => {
                    self.counts.filtered += 1;
                    return Ok(None);
                }
                Verdict::Discarded => {
                    self.counts.discarded_rows += 1;
                    return Ok(None);
                }
                Verdict::Frozen(Unknown { at, path, example }) => {
                    return Err(ReadFailure::Unknown { at, path, example });
                }
            }
        }
        let drift = &mut self.drift;
        if let Err(reason) = self.columns.append(names, tape, record, at, drift) {
            // Any value that does not fit refutes the schema of a sample.
            if self.columns.is_proving() {
                return Err(surprise(reason));
            }
            return Ok(Some(reason));
        }
        self.counts.emitted += 1;
        Ok(None)
    }

    /// Makes rows of many flat records, which nobody judges, at once. `false`: a value does not fit, and there are no new
    /// rows; the records are to be added one by one.
    pub(crate) fn add_flat(&mut self, block: FlatBlock<'_>) -> bool {
        let added = self.columns.append_flat(block).is_ok();
        if added {
            self.counts.emitted += block.records.len() as u64;
        }
        added
    }

    /// Whether batch and bad records are to be taken once the records that wait are added.
    pub(crate) fn are_full_with_waiting(&self) -> bool {
        self.are_full_with(self.block.len(), self.block.bytes())
    }

    /// Lets a well-formed record of the buffer at hand wait, to become a row with others, if nobody judges records.
    /// `line` is how many line feeds of the split stand before it. `false`: it is to be [added](Rows::add).
    #[inline]
    pub(crate) fn wait<N: Nodes>(
        &mut self,
        names: &N,
        tape: &mut Tape,
        buffer: &[u8],
        (at, line): (RecordAt, u64),
        range: (usize, usize),
    ) -> bool {
        let Some(mut cells) = tape.cells.take() else {
            return false;
        };
        if self.block.fits {
            let dealt = self
                .columns
                .deal_out(names, tape, &mut cells, at, range, buffer);
            self.block.fits = dealt.is_ok();
        }
        cells.next_record();
        self.block.push(tape, at, line, range);
        tape.deals = false;
        tape.cells = Some(cells);
        true
    }

    /// Whether no more records are to wait.
    pub(crate) fn is_enough_waiting(&self) -> bool {
        self.block.is_full()
    }

    /// Makes rows of the records that wait, at once; `tape` is that of the record at hand. To be called before the buffer
    /// goes, and before anything that comes behind them is looked at. `false`: a value does not fit, and they are to be
    /// [taken](Rows::take_waiting) and added one by one.
    #[inline]
    pub(crate) fn add_waiting(&mut self, tape: &mut Tape, buffer: &[u8]) -> bool {
        if self.block.len() == 0 {
            return true;
        }
        tape.take_back();
        let Some(mut cells) = tape.cells.take() else {
            return false;
        };
        let (block, columns, drift) = (&self.block, &mut self.columns, &mut self.drift);
        let fits = block.fits
            && columns
                .append_block(block, &cells, tape, buffer, drift)
                .is_ok();
        if fits {
            self.counts.emitted += self.block.len() as u64;
            self.block.clear();
        } else {
            columns.give_block_up();
        }
        cells.clear();
        tape.cells = Some(cells);
        fits
    }

    /// Takes the records that wait one by one; without a tape those that left most of it in cells.
    pub(crate) fn take_waiting(&mut self) -> impl Iterator<Item = (Waiting, Option<Tape>)> + use<> {
        self.block.take()
    }

    /// Does with a bad record what is to be done.
    pub(crate) fn settle(&mut self, settled: Settled) {
        match settled {
            Settled::Bad(bad) => self.hold(bad),
            Settled::Kept { at, bad } => self.keep(at, &bad),
            Settled::Dropped => {}
        }
    }

    /// Makes a row of a bad record, unless the filter leaves out a row of NULLs.
    pub(crate) fn keep(&mut self, at: RecordAt, bad: &BadRecord) {
        if self.gate.as_ref().is_some_and(|gate| !gate.passes_nulls()) {
            self.counts.filtered += 1;
            return;
        }
        self.columns.append_raw(&bad.raw, at);
        self.counts.emitted += 1;
        self.counts.kept_bad += 1;
    }

    /// Holds a bad record until it is taken.
    pub(crate) fn hold(&mut self, bad: BadRecord) {
        self.bad_bytes += bad.raw.len() + std::mem::size_of::<BadRecord>();
        self.bad.push(bad);
    }

    /// The rows so far as a batch, if there are any.
    ///
    /// # Errors
    /// [`ReadFailure::Arrow`]
    pub(crate) fn take_batch(&mut self) -> Result<Option<RecordBatch>, ReadFailure> {
        Ok(self.columns.finish()?)
    }

    /// The bad records since the last call.
    pub(crate) fn take_bad(&mut self) -> Vec<BadRecord> {
        self.bad_bytes = 0;
        std::mem::take(&mut self.bad)
    }

    /// The scanner's counts, with those of the rows.
    pub(crate) fn report<N: Nodes>(&self, names: &N, scanned: &SplitReport) -> SplitReport {
        SplitReport {
            emitted: self.counts.emitted,
            kept_bad: self.counts.kept_bad,
            filtered: self.counts.filtered,
            discarded_rows: self.counts.discarded_rows,
            dropped: scanned.dropped + self.counts.discarded_rows,
            bad_values: self.drift.bad_values(names),
            unknown: self.drift.unknown(names),
            unknown_more: self.drift.unknown_more,
            ..scanned.clone()
        }
    }
}

/// What the reader of a sample's schema stops with.
#[cold]
fn surprise(reason: BadReason) -> ReadFailure {
    let (at, path, example) = match reason {
        BadReason::Value {
            at, path, found, ..
        } => (at, path, found),
        BadReason::Repeated { at, path } => (at, path, String::new()),
        other => (0, String::new(), other.to_string()),
    };
    ReadFailure::Surprise { at, path, example }
}
