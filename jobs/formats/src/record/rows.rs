//! From a record's tape to a row of a batch, or to what is said of it instead: the part of a reader behind its scanner.

use arrow::array::RecordBatch;

use super::block::{Block, Waiting};
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
    pub(crate) fn wait(
        &mut self,
        tape: &Tape,
        at: RecordAt,
        line: u64,
        range: (usize, usize),
    ) -> bool {
        if self.gate.is_some() {
            return false;
        }
        self.block.push(tape, at, line, range);
        true
    }

    /// Whether no more records are to wait.
    pub(crate) fn is_enough_waiting(&self) -> bool {
        self.block.is_full()
    }

    /// Makes rows of the records that wait, at once, or one by one if a value of any does not fit: then `refuse` says what
    /// becomes of its record. To be called before the buffer goes, and before anything that comes behind them is looked
    /// at.
    ///
    /// # Errors
    /// As [`Rows::add`], and those of `refuse`.
    #[inline]
    pub(crate) fn add_waiting<N: Nodes>(
        &mut self,
        names: &N,
        buffer: &[u8],
        guesses: bool,
        refuse: impl FnMut(Waiting, &[u8], BadReason) -> Result<Settled, ReadFailure>,
    ) -> Result<(), ReadFailure> {
        if self.block.len() == 0 {
            return Ok(());
        }
        let (block, drift) = (&self.block, &mut self.drift);
        if self
            .columns
            .append_block(names, block, buffer, drift)
            .is_ok()
        {
            self.counts.emitted += self.block.len() as u64;
            self.block.clear();
            return Ok(());
        }
        self.add_one_by_one(names, buffer, guesses, refuse)
    }

    #[cold]
    fn add_one_by_one<N: Nodes>(
        &mut self,
        names: &N,
        buffer: &[u8],
        guesses: bool,
        mut refuse: impl FnMut(Waiting, &[u8], BadReason) -> Result<Settled, ReadFailure>,
    ) -> Result<(), ReadFailure> {
        for (waiting, tape) in self.block.one_by_one() {
            let record = buffer.get(waiting.start..waiting.end).unwrap_or_default();
            if let Some(reason) = self.add(names, &tape, record, waiting.at, guesses)? {
                self.settle(refuse(waiting, record, reason)?);
            }
        }
        Ok(())
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
