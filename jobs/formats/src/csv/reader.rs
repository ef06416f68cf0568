//! [`CsvReader`]: one split of one CSV file to record batches.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::config::CsvConfig;
use super::head::CsvHead;
use super::lines::Buffer;
use super::names::Names;
use super::scanner::{Scanner, Step};
use crate::record::columns::RecordAt;
use crate::record::flat::{FlatBlock, FlatRecord};
use crate::record::rows::Rows;
use crate::record::tape::Entry;
use crate::record::{BadReason, BadRecord, Fed, FedState, ReadFailure, Split, SplitReport};

/// Reads one split.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow::datatypes::{DataType, Field, Schema};
/// # use headworks_formats::{CsvConfig, CsvOptions, CsvReader, FedState, Split};
/// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
/// let config = CsvConfig::new(CsvOptions::default(), schema.clone(), schema)?;
/// let mut reader = CsvReader::new(Arc::new(config), Split::whole());
/// let fed = reader.feed(b"a\n1\n2\n", true)?;
/// assert_eq!(fed.state, FedState::Done);
/// assert_eq!(reader.take_batch()?.map(|batch| batch.num_rows()), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CsvReader {
    scanner: Scanner,
    names: Names,
    rows: Rows,
    /// Records of the buffer at hand that are to become rows together.
    waiting: Vec<FlatRecord>,
    waiting_bytes: usize,
}

/// How many records become rows together: as many as stay near the processor.
const WAITING_MAX: usize = 64;
/// How many values they may have together, and those of the last one.
const WAITING_VALUES_MAX: usize = 1 << 16;

impl CsvReader {
    /// A reader that stands at the split's start.
    pub fn new(config: Arc<CsvConfig>, split: Split) -> Self {
        let names = Names::of_schema(&config);
        let rows = Rows::new(config.record(), &names);
        let mut scanner = Scanner::new(config.options(), split);
        scanner.plan.collects = !rows.are_judged();
        Self {
            scanner,
            rows,
            names,
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    /// Says how the file begins of which the split is a part, before the first bytes are presented. Without it, a split
    /// that begins with the file is looked at for its head; any other can be read only where the options name the
    /// columns. With the head of a file that is to be transcoded, the bytes presented are to be those that a
    /// [`Transcoder`](crate::Transcoder) made.
    pub fn set_head(&mut self, head: CsvHead) {
        self.scanner.set_head(head);
    }

    /// Goes on with another split, of the same file or of another. Rows that were not taken yet are kept: the next
    /// batch begins with them, so that many small files make few batches. Counts begin anew, the head is forgotten; bad
    /// records that were not taken are lost.
    pub fn next_split(&mut self, split: Split) {
        self.scanner.restart(split);
        self.rows.next_split();
    }

    /// The last byte of each line end.
    pub fn line_end(&self) -> u8 {
        self.scanner.line_end()
    }

    /// How many rows the next batch has so far.
    pub fn pending_rows(&self) -> usize {
        self.rows.pending()
    }

    /// Offset, in decompressed bytes, with which the next buffer must begin.
    pub fn position(&self) -> u64 {
        self.scanner.position()
    }

    /// Reads as much of the buffer as it can. `buf` begins at [`CsvReader::position`]; `eof` says that the file ends
    /// with it. Past the split's end the reader goes on to the next line between records, so bytes are to be presented
    /// until it is [`FedState::Done`].
    ///
    /// # Errors
    /// [`ReadFailure`]; the reader is of no use after one.
    pub fn feed(&mut self, buf: &[u8], eof: bool) -> Result<Fed, ReadFailure> {
        let base = self.scanner.position();
        let buffer = Buffer {
            bytes: buf,
            base,
            eof,
        };
        let state = loop {
            if self
                .rows
                .are_full_with(self.waiting.len(), self.waiting_bytes)
            {
                self.add_waiting(buffer)?;
                if self.rows.are_full() {
                    break FedState::BatchReady;
                }
            }
            let step = match self.scanner.next(&mut self.names, buffer) {
                Ok(Step::Record { at, start, end }) if self.scanner.plan.is_flat() => {
                    self.waiting.push(FlatRecord { at, start, end });
                    self.waiting_bytes += end - start;
                    let values = self.scanner.plan.tape.entries.len();
                    if self.waiting.len() == WAITING_MAX || values >= WAITING_VALUES_MAX {
                        self.add_waiting(buffer)?;
                    }
                    continue;
                }
                step => step,
            };
            // What comes after a record is not to be seen before it.
            self.add_waiting(buffer)?;
            match step? {
                Step::NeedInput(at_least) => break FedState::NeedInput { at_least },
                Step::Done => break FedState::Done,
                Step::Bad(bad) => self.rows.hold(*bad),
                Step::Kept { at, bad } => self.rows.keep(at, &bad),
                Step::Record { at, start, end } => {
                    let record = buf.get(start..end).unwrap_or_default();
                    let (guesses, tape) = (self.scanner.guesses(), &self.scanner.plan.tape);
                    let refused = self.rows.add(&self.names, tape, record, at, guesses)?;
                    self.refuse(refused, at, record, buffer)?;
                }
            }
        };
        self.scanner.count_lines(buffer);
        Ok(Fed {
            consumed: (self.scanner.position() - base) as usize,
            state,
        })
    }

    /// Makes rows of the records that wait.
    fn add_waiting(&mut self, buffer: Buffer<'_>) -> Result<(), ReadFailure> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut tape = std::mem::take(&mut self.scanner.plan.tape);
        let records = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let block = FlatBlock {
            records: &records,
            tape: &tape,
            buffer: buffer.bytes,
        };
        if !self.rows.add_flat(block) {
            let entries: Vec<Vec<Entry>> = (0..records.len())
                .map(|record| block.entries(record).to_vec())
                .collect();
            for (record, entries) in records.iter().zip(entries) {
                tape.entries = entries;
                let (at, range) = (record.at, record.start..record.end);
                let record = buffer.bytes.get(range).unwrap_or_default();
                let guesses = self.scanner.guesses();
                let refused = self.rows.add(&self.names, &tape, record, at, guesses)?;
                self.refuse(refused, at, record, buffer)?;
            }
        }
        tape.clear();
        self.scanner.plan.tape = tape;
        self.waiting = records;
        self.waiting.clear();
        Ok(())
    }

    /// Does with a record what is to be done if it was refused for a reason.
    fn refuse(
        &mut self,
        reason: Option<BadReason>,
        at: RecordAt,
        record: &[u8],
        buffer: Buffer<'_>,
    ) -> Result<(), ReadFailure> {
        let Some(reason) = reason else {
            return Ok(());
        };
        match self.scanner.refuse(at, record, reason, buffer)? {
            Some(Step::Bad(bad)) => self.rows.hold(*bad),
            Some(Step::Kept { at, bad }) => self.rows.keep(at, &bad),
            _ => {}
        }
        Ok(())
    }

    /// The rows read so far, if there are any; columns as in the configuration's output schema. To be called when a
    /// batch is ready and when the split is done; earlier, it ends the batch early.
    ///
    /// # Errors
    /// [`ReadFailure::Arrow`]
    pub fn take_batch(&mut self) -> Result<Option<RecordBatch>, ReadFailure> {
        self.rows.take_batch()
    }

    /// The bad records found since the last call. To be called whenever a batch is ready, too.
    pub fn take_bad(&mut self) -> Vec<BadRecord> {
        self.rows.take_bad()
    }

    /// The counts so far; final once [`FedState::Done`] was returned.
    pub fn report(&self) -> SplitReport {
        self.rows.report(&self.names, &self.scanner.report)
    }
}
