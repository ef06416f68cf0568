//! [`CsvReader`]: one split of one CSV file to record batches.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::config::CsvConfig;
use super::head::CsvHead;
use super::names::Names;
use super::scanner::{Buffer, Scanner, Step};
use crate::record::rows::Rows;
use crate::record::{BadRecord, Fed, FedState, ReadFailure, Split, SplitReport};

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
}

impl CsvReader {
    /// A reader that stands at the split's start.
    pub fn new(config: Arc<CsvConfig>, split: Split) -> Self {
        let names = Names::of_schema(&config);
        Self {
            scanner: Scanner::new(config.options(), split),
            rows: Rows::new(config.record(), &names),
            names,
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
            if self.rows.are_full() {
                break FedState::BatchReady;
            }
            match self.scanner.next(&mut self.names, buffer)? {
                Step::NeedInput(at_least) => break FedState::NeedInput { at_least },
                Step::Done => break FedState::Done,
                Step::Bad(bad) => self.rows.hold(bad),
                Step::Kept { at, bad } => self.rows.keep(at, &bad),
                Step::Record { at, start, end } => {
                    let record = buf.get(start..end).unwrap_or_default();
                    let guesses = self.scanner.guesses();
                    let tape = &self.scanner.tape;
                    let Some(reason) = self.rows.add(&self.names, tape, record, at, guesses)?
                    else {
                        continue;
                    };
                    match self.scanner.refuse(at, record, reason, buffer)? {
                        Some(Step::Bad(bad)) => self.rows.hold(bad),
                        Some(Step::Kept { at, bad }) => self.rows.keep(at, &bad),
                        _ => {}
                    }
                }
            }
        };
        let position = self.scanner.position();
        self.scanner.count_lines(buffer, position);
        Ok(Fed {
            consumed: (position - base) as usize,
            state,
        })
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
