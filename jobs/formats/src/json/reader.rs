//! [`JsonReader`]: one split of one JSON file to record batches.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::JsonConfig;
use super::head::JsonHead;
use super::scanner::Scanner;
use super::shape::Shape;
use crate::record::rows::Rows;
use crate::record::scan::{self, Scan};
use crate::record::{BadRecord, Fed, ReadFailure, Split, SplitReport};

/// Reads one split.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow::datatypes::{DataType, Field, Schema};
/// # use headworks_formats::json::{JsonConfig, JsonOptions, JsonReader};
/// # use headworks_formats::{FedState, Split};
/// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
/// let config = JsonConfig::new(JsonOptions::default(), schema.clone(), schema)?;
/// let mut reader = JsonReader::new(Arc::new(config), Split::whole());
/// let fed = reader.feed(b"{\"a\":1}\n{\"a\":2}\n", true)?;
/// assert_eq!(fed.state, FedState::Done);
/// assert_eq!(reader.take_batch()?.map(|batch| batch.num_rows()), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonReader {
    scanner: Scanner,
    shape: Shape,
    rows: Rows,
}

impl JsonReader {
    /// A reader that stands at the split's start. Only files whose head says so may be cut; of others the split is
    /// [`Split::whole`].
    pub fn new(config: Arc<JsonConfig>, split: Split) -> Self {
        let shape = Shape::of_schema(&config);
        let rows = Rows::new(config.record(), &shape);
        let mut scanner = Scanner::new(config.options(), split);
        scanner.tape_mut().cells = rows.cells(&shape);
        Self {
            scanner,
            shape,
            rows,
        }
    }

    /// Says how the file begins of which the split is a part, before the first bytes are presented. Without it, a split
    /// that begins with the file is looked at for its head; any other is taken to be of a file with a record a line.
    /// With the head of a file that is to be transcoded, the bytes presented are to be those that
    /// [`JsonHead::transcoder`] made.
    pub fn set_head(&mut self, head: JsonHead) {
        self.scanner.set_head(head);
    }

    /// Goes on with another split, of the same file or of another. What was learned of the order of names is kept, and
    /// so are rows that were not taken yet: the next batch begins with them, so that many small files make few batches.
    /// Counts begin anew, the head is forgotten; bad records that were not taken are lost.
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

    /// Reads as much of the buffer as it can. `buf` begins at [`JsonReader::position`]; `eof` says that the file ends
    /// with it. Past the split's end the reader goes on to the end of a line, so bytes are to be presented until it is
    /// [`FedState::Done`](crate::FedState::Done).
    ///
    /// # Errors
    /// [`ReadFailure`]; the reader is of no use after one.
    pub fn feed(&mut self, buf: &[u8], eof: bool) -> Result<Fed, ReadFailure> {
        scan::read(&mut self.scanner, &mut self.shape, &mut self.rows, buf, eof)
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

    /// The counts so far; final once [`FedState::Done`](crate::FedState::Done) was returned.
    pub fn report(&self) -> SplitReport {
        self.rows.report(&self.shape, self.scanner.report())
    }

    /// The template of its records, for tests.
    #[cfg(test)]
    pub(crate) fn template(&mut self) -> &mut super::trace::Template {
        self.scanner.template()
    }
}
