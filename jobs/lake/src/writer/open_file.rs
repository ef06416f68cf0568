//! One data file that is being written: Parquet over an upload, and its way to a pending file.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;

use super::config::WriterConfig;
use super::route::Partition;
use crate::error::LakeError;
use crate::pending::PendingFile;
use crate::staged::staged_path;
use crate::stats::from_footer;
use crate::storage::{LakeStorage, Upload};

/// An open file.
pub(super) struct OpenFile {
    writer: ArrowWriter<Slot>,
    /// The final path, relative to the table's folder.
    path: String,
    partition: Arc<Partition>,
    schema: SchemaRef,
    rows: u64,
    /// The memory in bytes of the row group in progress, as of the last write.
    pub(super) memory_bytes: usize,
    /// The writer's count of batches when this file was last written to.
    pub(super) last_used: u64,
}

/// A file that is whole, but perhaps not durable yet.
pub(super) struct ClosedFile {
    upload: Box<dyn Upload>,
    pending: PendingFile,
}

impl OpenFile {
    /// Starts the file `<folder>/<name>.parquet`.
    pub(super) fn create(
        storage: &dyn LakeStorage,
        config: &WriterConfig,
        schema: &SchemaRef,
        partition: Arc<Partition>,
        name: &str,
    ) -> Result<Self, LakeError> {
        let path = match (config.staged, partition.folder.as_ref()) {
            (true, _) => staged_path(name),
            (false, "") => format!("{name}.parquet"),
            (false, folder) => format!("{folder}/{name}.parquet"),
        };
        let upload = storage.create(name, &path)?;
        let writer = ArrowWriter::try_new(
            Slot(Some(upload)),
            schema.clone(),
            Some(config.properties(schema)),
        )
        .map_err(|error| LakeError::encode(&path, error))?;
        let schema = schema.clone();
        Ok(OpenFile {
            writer,
            path,
            partition,
            schema,
            rows: 0,
            memory_bytes: 0,
            last_used: 0,
        })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.writer
            .write(batch)
            .map_err(|error| LakeError::encode(&self.path, error))?;
        self.rows += batch.num_rows() as u64;
        self.memory_bytes = self.writer.memory_size();
        Ok(())
    }

    /// Writes the row group in progress out, and so gives its memory back.
    pub(super) fn flush(&mut self) -> Result<(), LakeError> {
        self.writer
            .flush()
            .map_err(|error| LakeError::encode(&self.path, error))?;
        self.memory_bytes = self.writer.memory_size();
        Ok(())
    }

    /// The memory in bytes of what is encoded but too little to be sent; closing the file alone frees it.
    pub(super) fn buffered_bytes(&self) -> usize {
        let upload = self.writer.inner().0.as_ref();
        upload.map_or(0, |upload| upload.buffered_bytes())
    }

    /// The size in bytes that the file would have if it were closed now, nearly.
    pub(super) fn encoded_bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    /// Writes the footer.
    pub(super) fn close(mut self) -> Result<ClosedFile, LakeError> {
        let footer = self
            .writer
            .finish()
            .map_err(|error| LakeError::encode(&self.path, error))?;
        let bytes = self.writer.bytes_written() as u64;
        let rows = footer.file_metadata().num_rows() as u64;
        assert_eq!(
            rows, self.rows,
            "the encoder counts as many rows as it was given"
        );
        let upload = self.writer.inner_mut().0.take();
        let upload = upload.unwrap_or_else(|| unreachable!("an open file has its upload"));
        let pending = PendingFile {
            temp: String::new(),
            path: self.path,
            rows,
            bytes,
            partition: self.partition.values.clone(),
            stats: from_footer(&footer, &self.schema),
        };
        Ok(ClosedFile { upload, pending })
    }
}

impl ClosedFile {
    /// Waits until the file is durable.
    pub(super) fn sync(self) -> Result<PendingFile, LakeError> {
        let mut pending = self.pending;
        pending.temp = self.upload.finish()?;
        Ok(pending)
    }
}

/// Holds the upload so that it can be taken out of the encoder after the footer is written.
struct Slot(Option<Box<dyn Upload>>);

impl Slot {
    fn upload(&mut self) -> io::Result<&mut Box<dyn Upload>> {
        self.0
            .as_mut()
            .ok_or_else(|| io::Error::other("the file is closed"))
    }
}

impl Write for Slot {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        self.upload()?.write(content)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.upload()?.flush()
    }
}
