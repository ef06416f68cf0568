//! [`XmlReader`]: one split of one XML file to record batches.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::scanner::{Scanner, Step};
use super::shape::Shape;
use super::{Head, XmlConfig};
use crate::record::columns::{Columns, RecordAt};
use crate::record::drift::Drift;
use crate::record::gate::{Gate, Unknown, Verdict};
use crate::record::read::BAD_BYTES_MAX;
use crate::record::{BadRecord, Fed, FedState, ReadFailure, Split, SplitReport};

/// Reads one split.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow::datatypes::{DataType, Field, Schema};
/// # use headworks_formats::{FedState, Split, XmlConfig, XmlOptions, XmlReader};
/// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
/// let config = XmlConfig::new(XmlOptions::new(&["row"])?, schema.clone(), schema)?;
/// let mut reader = XmlReader::new(Arc::new(config), Split::whole());
/// let fed = reader.feed(b"<rows><row><a>1</a></row></rows>", true)?;
/// assert_eq!(fed.state, FedState::Done);
/// assert_eq!(reader.take_batch()?.map(|batch| batch.num_rows()), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct XmlReader {
    scanner: Scanner,
    shape: Shape,
    columns: Columns,
    gate: Option<Box<Gate>>,
    drift: Drift,
    bad: Vec<BadRecord>,
    bad_bytes: usize,
    counts: Counts,
}

/// What became of the records that were not simply bad.
#[derive(Debug, Default)]
struct Counts {
    emitted: u64,
    kept_bad: u64,
    filtered: u64,
    discarded_rows: u64,
}

impl XmlReader {
    /// A reader that stands at the split's start.
    pub fn new(config: Arc<XmlConfig>, split: Split) -> Self {
        let shape = Shape::of_schema(&config);
        Self {
            scanner: Scanner::new(config.options(), split),
            columns: Columns::new(config.record(), &shape),
            gate: Gate::new(config.record(), &shape),
            shape,
            drift: Drift::default(),
            bad: Vec::new(),
            bad_bytes: 0,
            counts: Counts::default(),
        }
    }

    /// Says how the file begins of which the split is a part, before the first bytes are presented. Without it, a split
    /// that begins with the file is looked at for its head; any other is taken to be of a file that says nothing: in
    /// UTF-8, or the encoding of the options, and without entities. With the head of a file that is to be transcoded,
    /// the bytes presented are to be those that a [`Transcoder`](crate::Transcoder) made.
    pub fn set_head(&mut self, head: Head) {
        self.scanner.set_head(head);
    }

    /// Goes on with another split, of the same file or of another. What was learned of the order of names is kept, and
    /// so are rows that were not taken yet: the next batch begins with them, so that many small files make few
    /// batches. Counts begin anew, the head is forgotten; bad records that were not taken are lost.
    ///
    /// This is for packs of small files: making a reader costs as much as reading some 100 KB.
    pub fn next_split(&mut self, split: Split) {
        self.scanner.restart(split);
        self.drift = Drift::default();
        self.take_bad();
        self.counts = Counts::default();
    }

    /// How many rows the next batch has so far.
    pub fn pending_rows(&self) -> usize {
        self.columns.rows()
    }

    /// Offset, in decompressed bytes, with which the next buffer must begin.
    pub fn position(&self) -> u64 {
        self.scanner.position()
    }

    /// Reads as much of the buffer as it can. `buf` begins at [`XmlReader::position`]; `eof` says that the file ends
    /// with it. Past the split's end the reader goes on to the next record or a little further, so bytes are to be
    /// presented until it is [`FedState::Done`].
    ///
    /// # Errors
    /// [`ReadFailure`]; the reader is of no use after one.
    pub fn feed(&mut self, buf: &[u8], eof: bool) -> Result<Fed, ReadFailure> {
        let base = self.scanner.position();
        let state = loop {
            if self.columns.is_full() || self.bad_bytes >= BAD_BYTES_MAX {
                break FedState::BatchReady;
            }
            match self.scanner.next(&mut self.shape, buf, base, eof)? {
                Step::NeedInput(at_least) => break FedState::NeedInput { at_least },
                Step::Done => break FedState::Done,
                Step::Bad(bad) => self.hold(bad),
                Step::Kept { at, bad } => self.keep(at, &bad),
                Step::Record { at, start, end } => {
                    let record = buf.get(start..end).unwrap_or_default();
                    if self.gate.is_some() && !self.judge(record, at)? {
                        continue;
                    }
                    let tape = self.scanner.tape();
                    match self
                        .columns
                        .append(&self.shape, tape, record, at, &mut self.drift)
                    {
                        Ok(()) => self.counts.emitted += 1,
                        Err(reason) => match self.scanner.refuse(at, record, reason)? {
                            Some(Step::Bad(bad)) => self.hold(bad),
                            Some(Step::Kept { at, bad }) => self.keep(at, &bad),
                            _ => {}
                        },
                    }
                }
            }
        };
        Ok(Fed {
            consumed: (self.scanner.position() - base) as usize,
            state,
        })
    }

    /// The rows read so far, if there are any; columns as in the configuration's output schema. To be called when a
    /// batch is ready and when the split is done; earlier, it ends the batch early.
    ///
    /// # Errors
    /// [`ReadFailure::Arrow`]
    pub fn take_batch(&mut self) -> Result<Option<RecordBatch>, ReadFailure> {
        Ok(self.columns.finish()?)
    }

    /// The bad records found since the last call. To be called whenever a batch is ready, too.
    pub fn take_bad(&mut self) -> Vec<BadRecord> {
        self.bad_bytes = 0;
        std::mem::take(&mut self.bad)
    }

    /// The counts so far; final once [`FedState::Done`] was returned.
    pub fn report(&self) -> SplitReport {
        SplitReport {
            emitted: self.counts.emitted,
            kept_bad: self.counts.kept_bad,
            filtered: self.counts.filtered,
            discarded_rows: self.counts.discarded_rows,
            bad_values: self.drift.bad_values(&self.shape),
            unknown: self.drift.unknown(&self.shape),
            unknown_more: self.drift.unknown_more,
            ..self.scanner.report.clone()
        }
    }

    /// The template of its records, for tests.
    #[cfg(test)]
    pub(crate) fn template(&mut self) -> &mut super::trace::Template {
        self.scanner.template()
    }

    /// Whether a record goes on to the columns; counts it if not.
    fn judge(&mut self, record: &[u8], at: RecordAt) -> Result<bool, ReadFailure> {
        let Some(gate) = &mut self.gate else {
            return Ok(true);
        };
        let guesses = self.scanner.guesses();
        let tape = self.scanner.tape();
        match gate.judge(&self.shape, tape, record, at, guesses, &mut self.drift) {
            Verdict::Pass => return Ok(true),
            Verdict::Filtered => self.counts.filtered += 1,
            Verdict::Discarded => {
                self.counts.discarded_rows += 1;
                self.scanner.report.dropped += 1;
            }
            Verdict::Frozen(Unknown { at, path, example }) => {
                return Err(ReadFailure::Unknown { at, path, example });
            }
        }
        Ok(false)
    }

    /// A bad record becomes a row, unless the filter leaves out a row of NULLs.
    fn keep(&mut self, at: RecordAt, bad: &BadRecord) {
        if self.gate.as_ref().is_some_and(|gate| !gate.passes_nulls()) {
            self.counts.filtered += 1;
            return;
        }
        self.columns.append_raw(&bad.raw, at);
        self.counts.emitted += 1;
        self.counts.kept_bad += 1;
    }

    fn hold(&mut self, bad: BadRecord) {
        self.bad_bytes += bad.raw.len() + std::mem::size_of::<BadRecord>();
        self.bad.push(bad);
    }
}
