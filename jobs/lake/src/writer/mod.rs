//! The executor's side of the lake: record batches become Parquet files that nobody sees before the driver
//! commits them.
//!
//! A [`PartitionedWriter`] has one open file for each partition value it meets, with three bounds: the number of
//! open files, the memory they take together, and the size at which one is closed. Each file is durable before
//! [`PartitionedWriter::finish`] reports it, so that a log entry never names a file that a power failure can take:
//! closed files are synced by threads of their own while the writer goes on. A writer that is dropped before it
//! has finished removes what it wrote.

mod columns;
mod config;
mod dictionaries;
mod one;
mod open_file;
mod route;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::LakeError;
use crate::pending::PendingFile;
use crate::storage::LakeStorage;
use columns::Columns;
use open_file::{ClosedFile, OpenFile};
use route::Router;

pub use columns::table_schema;
pub use config::{
    ATTEMPT_BYTES_MAX, BUFFER_BYTES_MAX, Compression, DICTIONARY_BYTES_MAX, OPEN_WRITERS_MAX,
    ROW_GROUP_BYTES_MAX, ROW_GROUP_ROWS_MAX, SortColumn, TARGET_FILE_BYTES, WriterConfig,
    ZSTD_LEVEL, sanitised_attempt, writer_properties,
};
pub(crate) use one::write_one;

/// The number of closed files that one writer syncs at the same time.
pub const SYNCS_MAX: usize = 4;

/// What a writer has written.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct WriteOutcome {
    /// The files, in the order in which they were closed. All are durable.
    pub files: Vec<PendingFile>,
    /// Rows by the value of the split column; empty when there is none.
    pub rows_by_split: BTreeMap<i32, u64>,
    /// All rows.
    pub rows: u64,
}

/// Writes the batches of one attempt at one task.
pub struct PartitionedWriter {
    config: WriterConfig,
    storage: Arc<dyn LakeStorage>,
    columns: Columns,
    router: Router,
    name: String,
    /// By folder.
    open: HashMap<Arc<str>, OpenFile>,
    syncing: VecDeque<JoinHandle<Result<PendingFile, LakeError>>>,
    files_started: usize,
    batches: u64,
    outcome: WriteOutcome,
}

impl PartitionedWriter {
    /// A writer of batches with the schema `input`. Nothing is created before the first row.
    ///
    /// # Errors
    /// [`LakeError::Invalid`] when a partition or split column is missing or of the wrong type, or when no column
    /// would be left in the files.
    pub fn new(config: WriterConfig, input: SchemaRef) -> Result<Self, LakeError> {
        let storage = config.table.storage();
        Self::with_storage(config, input, storage)
    }

    /// The same over another storage.
    pub(crate) fn with_storage(
        config: WriterConfig,
        input: SchemaRef,
        storage: Arc<dyn LakeStorage>,
    ) -> Result<Self, LakeError> {
        let columns = Columns::new(&config, &input)?;
        Ok(PartitionedWriter {
            router: Router::new(&input, &columns.partition)?,
            name: sanitised_attempt(&config.attempt),
            columns,
            config,
            storage,
            open: HashMap::new(),
            syncing: VecDeque::new(),
            files_started: 0,
            batches: 0,
            outcome: WriteOutcome::default(),
        })
    }

    /// Writes a batch. Blocks on the disk.
    ///
    /// # Errors
    /// [`LakeError::Storage`] when the disk is full or not writable; [`LakeError::Encode`] when a value cannot be
    /// encoded. The table is as it was; the writer should be dropped.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.batches += 1;
        self.columns
            .count_splits(batch, &mut self.outcome.rows_by_split)?;
        let data = batch.project(&self.columns.file).map_err(|error| {
            LakeError::invalid(
                format!("a batch does not have the writer's columns: {error}"),
                "this is a defect of Headworks: please report it",
            )
        })?;
        for (partition, part) in self.router.route(batch, &data)? {
            let folder = Arc::clone(&partition.folder);
            if !self.open.contains_key(&folder) {
                self.make_room()?;
                let name = format!("{}-{:05}", self.name, self.files_started);
                self.files_started += 1;
                let file = OpenFile::create(
                    self.storage.as_ref(),
                    &self.config,
                    &self.columns.file_schema,
                    partition,
                    &name,
                    &part,
                )?;
                self.open.insert(Arc::clone(&folder), file);
            }
            let Some(file) = self.open.get_mut(&folder) else {
                continue;
            };
            file.write(&part)?;
            file.last_used = self.batches;
            if file.encoded_bytes() >= self.config.target_file_bytes {
                self.close(&folder)?;
            }
            self.outcome.rows += part.num_rows() as u64;
            self.flush_largest()?;
        }
        Ok(())
    }

    /// The memory in bytes that the open files take, nearly.
    pub fn memory_bytes(&self) -> usize {
        let files = self.open.values();
        files
            .map(|file| file.memory_bytes + file.buffered_bytes())
            .sum()
    }

    /// The number of open files.
    #[cfg(test)]
    pub(crate) fn open_files(&self) -> usize {
        self.open.len()
    }

    /// Closes all files, which threads of their own make durable. What is left to [`PartitionedWriter::finish`] is to wait
    /// for these.
    ///
    /// # Errors
    /// As [`PartitionedWriter::write`].
    pub fn close_all(&mut self) -> Result<(), LakeError> {
        let mut folders: Vec<Arc<str>> = self.open.keys().cloned().collect();
        folders.sort();
        for folder in folders {
            self.close(&folder)?;
        }
        Ok(())
    }

    /// Closes all files and waits until they are durable.
    ///
    /// # Errors
    /// As [`PartitionedWriter::write`]; then everything that was written is removed.
    pub fn finish(mut self) -> Result<WriteOutcome, LakeError> {
        self.close_all()?;
        while !self.syncing.is_empty() {
            self.join_oldest()?;
        }
        Ok(std::mem::take(&mut self.outcome))
    }

    /// Removes everything that was written, as dropping the writer does.
    pub fn abort(self) {}

    /// Closes the file that was written to the longest time ago (the largest of several) if no more may be open.
    fn make_room(&mut self) -> Result<(), LakeError> {
        while self.open.len() >= self.config.open_writers_max.max(1) {
            let idle = self
                .open
                .iter()
                .min_by_key(|(_, file)| (file.last_used, std::cmp::Reverse(file.encoded_bytes())))
                .map(|(folder, _)| Arc::clone(folder));
            match idle {
                Some(folder) => self.close(&folder)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Writes row groups out, the largest first, until the open files fit their memory again. What is written but
    /// cannot be sent before there is more of it is freed by closing its file.
    fn flush_largest(&mut self) -> Result<(), LakeError> {
        while self.memory_bytes() > self.config.buffer_bytes_max {
            match self.open.values_mut().max_by_key(|file| file.memory_bytes) {
                Some(file) if file.memory_bytes > 0 => {
                    file.flush()?;
                    continue;
                }
                _ => {}
            }
            let fullest = self
                .open
                .iter()
                .max_by_key(|(_, file)| file.buffered_bytes());
            match fullest {
                Some((folder, file)) if file.buffered_bytes() > 0 => {
                    let folder = Arc::clone(folder);
                    self.close(&folder)?;
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn close(&mut self, folder: &Arc<str>) -> Result<(), LakeError> {
        let Some(file) = self.open.remove(folder) else {
            return Ok(());
        };
        let closed = file.close()?;
        while self.syncing.len() >= SYNCS_MAX {
            self.join_oldest()?;
        }
        let thread = std::thread::Builder::new()
            .name("lake-sync".to_string())
            .spawn(move || ClosedFile::sync(closed))
            .map_err(|error| LakeError::storage("start a thread to sync", &*self.name, error))?;
        self.syncing.push_back(thread);
        Ok(())
    }

    fn join_oldest(&mut self) -> Result<(), LakeError> {
        let Some(thread) = self.syncing.pop_front() else {
            return Ok(());
        };
        match thread.join() {
            Ok(file) => self.outcome.files.push(file?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(())
    }
}

impl Drop for PartitionedWriter {
    fn drop(&mut self) {
        // An open file removes itself.
        self.open.clear();
        let mut finished = std::mem::take(&mut self.outcome.files);
        for thread in self.syncing.drain(..) {
            finished.extend(thread.join().ok().and_then(Result::ok));
        }
        for file in finished {
            if let Err(error) = self.storage.abort(&file.temp) {
                tracing::warn!(%error, "a file that nobody commits is left for `lake gc`");
            }
        }
    }
}

impl std::fmt::Debug for PartitionedWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartitionedWriter")
            .field("config", &self.config)
            .field("open", &self.open.len())
            .field("rows", &self.outcome.rows)
            .finish_non_exhaustive()
    }
}
