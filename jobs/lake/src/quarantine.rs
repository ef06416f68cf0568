//! The quarantine: bad records as rows of a table of their own, so that none vanishes.
//!
//! One table for each source, `_quarantine/<source>`, with the columns of [`quarantine_schema`]. It is written and
//! committed as any other table, with the job's models; a job that fails commits it alone, marked as failed.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::error::LakeError;
use crate::location::TableLocation;
use crate::writer::{PartitionedWriter, WriteOutcome, WriterConfig};

/// The raw text in bytes after which buffered records are passed on to the file.
pub const QUARANTINE_BUFFER_BYTES_MAX: usize = 4 << 20;

/// A record that could not be read.
#[derive(Debug, Clone, Copy)]
pub struct BadRecord<'a> {
    /// The file, as the source lists it.
    pub file: &'a str,
    /// The offset of the record's first byte in the decompressed file.
    pub offset: i64,
    /// Its line, from 1, when it is known.
    pub line: Option<i64>,
    /// Why it could not be read.
    pub reason: &'a str,
    /// Its text, cut by the reader. Bytes that are not UTF-8 become U+FFFD.
    pub raw: &'a [u8],
    /// Its length in bytes before the cut.
    pub raw_bytes: i64,
}

/// Writes the bad records of one attempt at one task.
#[derive(Debug)]
pub struct QuarantineWriter {
    writer: PartitionedWriter,
    schema: SchemaRef,
    job_id: String,
    file: StringBuilder,
    offset: Int64Builder,
    line: Int64Builder,
    reason: StringBuilder,
    raw: StringBuilder,
    raw_bytes: Int64Builder,
    buffered_rows: usize,
    buffered_bytes: usize,
}

impl QuarantineWriter {
    /// A writer to the table of `source`. Nothing is created before the first record. `attempt` is unique, as in
    /// [`WriterConfig`].
    ///
    /// # Errors
    /// [`LakeError::Invalid`] when the source's name cannot be a folder, or the lake is not supported.
    pub fn new(lake: &str, source: &str, attempt: &str, job_id: &str) -> Result<Self, LakeError> {
        let config = WriterConfig::new(TableLocation::quarantine(lake, source)?, attempt);
        let schema = quarantine_schema();
        Ok(QuarantineWriter {
            writer: PartitionedWriter::new(config, Arc::clone(&schema))?,
            schema,
            job_id: job_id.to_string(),
            file: StringBuilder::new(),
            offset: Int64Builder::new(),
            line: Int64Builder::new(),
            reason: StringBuilder::new(),
            raw: StringBuilder::new(),
            raw_bytes: Int64Builder::new(),
            buffered_rows: 0,
            buffered_bytes: 0,
        })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// As [`PartitionedWriter::write`].
    pub fn write(&mut self, record: &BadRecord<'_>) -> Result<(), LakeError> {
        self.file.append_value(record.file);
        self.offset.append_value(record.offset);
        self.line.append_option(record.line);
        self.reason.append_value(record.reason);
        self.raw.append_value(String::from_utf8_lossy(record.raw));
        self.raw_bytes.append_value(record.raw_bytes);
        self.buffered_rows += 1;
        self.buffered_bytes += record.raw.len() + record.file.len() + record.reason.len();
        if self.buffered_bytes >= QUARANTINE_BUFFER_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// Closes the file, if there was a record, and waits until it is durable.
    ///
    /// # Errors
    /// As [`PartitionedWriter::finish`].
    pub fn finish(mut self) -> Result<WriteOutcome, LakeError> {
        self.flush()?;
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), LakeError> {
        if self.buffered_rows == 0 {
            return Ok(());
        }
        let mut job_id = StringBuilder::new();
        for _ in 0..self.buffered_rows {
            job_id.append_value(&self.job_id);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.file.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.line.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.raw.finish()),
            Arc::new(self.raw_bytes.finish()),
            Arc::new(job_id.finish()),
        ];
        self.buffered_rows = 0;
        self.buffered_bytes = 0;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| {
            LakeError::invalid(
                format!("the quarantine's batch is not whole: {error}"),
                "this is a defect of Headworks: please report it",
            )
        })?;
        self.writer.write(&batch)
    }
}

/// The columns of a quarantine table: `file`, `offset`, `line` (nullable), `reason`, `raw`, `raw_bytes`, `job_id`.
pub fn quarantine_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("file", DataType::Utf8, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("line", DataType::Int64, true),
        Field::new("reason", DataType::Utf8, false),
        Field::new("raw", DataType::Utf8, false),
        Field::new("raw_bytes", DataType::Int64, false),
        Field::new("job_id", DataType::Utf8, false),
    ]))
}
