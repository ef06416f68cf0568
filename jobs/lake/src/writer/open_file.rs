//! One data file that is being written: Parquet over an upload, and its way to a pending file.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::config::WriterConfig;
use super::route::Partition;
use crate::encode::FileEncoder;
use crate::error::LakeError;
use crate::pending::{PendingCopy, PendingFile};
use crate::staged::staged_path;
use crate::stats::from_footer;
use crate::storage::{LakeStorage, Upload};

/// An open file.
pub(super) struct OpenFile {
    writer: FileEncoder<Slot>,
    /// The final path, relative to the table's folder.
    path: String,
    /// That of its copy, if it is written twice.
    copy_path: Option<String>,
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
    upload: Twice,
    pending: PendingFile,
}

impl OpenFile {
    /// Starts the file `<folder>/<name>.parquet`, whose first rows are these; they are not written yet.
    pub(super) fn create(
        storage: &dyn LakeStorage,
        config: &WriterConfig,
        schema: &SchemaRef,
        partition: Arc<Partition>,
        name: &str,
        first: &RecordBatch,
    ) -> Result<Self, LakeError> {
        let path = match (config.staged, partition.folder.as_ref()) {
            (true, _) => staged_path(name),
            (false, "") => format!("{name}.parquet"),
            (false, folder) => format!("{folder}/{name}.parquet"),
        };
        let copy_path = config.with_copies.then(|| staged_path(name));
        let upload = Twice {
            first: storage.create(name, &path)?,
            copy: match &copy_path {
                Some(copy) => Some(storage.create(&format!("{name}-copy"), copy)?),
                None => None,
            },
        };
        let writer = FileEncoder::try_new(
            Slot(Some(upload)),
            schema.clone(),
            config.properties(schema, first),
        )
        .map_err(|error| LakeError::encode(&path, error))?;
        let schema = schema.clone();
        Ok(OpenFile {
            writer,
            path,
            copy_path,
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
        self.memory_bytes = self.writer.memory_bytes();
        Ok(())
    }

    /// Writes the row group in progress out, and so gives its memory back.
    pub(super) fn flush(&mut self) -> Result<(), LakeError> {
        self.writer
            .flush()
            .map_err(|error| LakeError::encode(&self.path, error))?;
        self.memory_bytes = self.writer.memory_bytes();
        Ok(())
    }

    /// The memory in bytes of what is encoded but too little to be sent; closing the file alone frees it.
    pub(super) fn buffered_bytes(&self) -> usize {
        let upload = self.writer.inner().0.as_ref();
        upload.map_or(0, |upload| upload.buffered_bytes())
    }

    /// The size in bytes that the file would have if it were closed now, nearly.
    pub(super) fn encoded_bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_bytes()) as u64
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
            copy: self.copy_path.map(|path| PendingCopy {
                temp: String::new(),
                path,
            }),
        };
        Ok(ClosedFile { upload, pending })
    }
}

impl ClosedFile {
    /// Waits until the file is durable.
    pub(super) fn sync(self) -> Result<PendingFile, LakeError> {
        let mut pending = self.pending;
        pending.temp = self.upload.first.finish()?;
        if let (Some(copy), Some(upload)) = (&mut pending.copy, self.upload.copy) {
            copy.temp = upload.finish()?;
        }
        Ok(pending)
    }
}

/// A file, and its copy if it has one.
struct Twice {
    first: Box<dyn Upload>,
    copy: Option<Box<dyn Upload>>,
}

impl Twice {
    fn buffered_bytes(&self) -> usize {
        let copy = self.copy.as_ref().map_or(0, |copy| copy.buffered_bytes());
        self.first.buffered_bytes() + copy
    }
}

/// Holds the upload so that it can be taken out of the encoder after the footer is written.
struct Slot(Option<Twice>);

impl Slot {
    fn upload(&mut self) -> io::Result<&mut Twice> {
        self.0
            .as_mut()
            .ok_or_else(|| io::Error::other("the file is closed"))
    }
}

impl Write for Slot {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let upload = self.upload()?;
        if let Some(copy) = &mut upload.copy {
            copy.write_all(content)?;
        }
        upload.first.write_all(content)?;
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let upload = self.upload()?;
        if let Some(copy) = &mut upload.copy {
            copy.flush()?;
        }
        upload.first.flush()
    }
}
