//! A table of `(id, part)` rows in a folder of its own, written and read back; and a storage that fails on demand.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::ledger::{Audit, InputCounts, InputEntry};
use crate::log::Mode;
use crate::storage::{LakeStorage, LocalStorage, StoredFile, Unfinished, Upload};
use crate::writer::{PartitionedWriter, WriteOutcome, WriterConfig};
use crate::{CommitRequest, LakeError, PendingFile, Table, TableLocation};

/// A row: an id, and the value of the partition column.
pub(super) type Row = (i64, Option<&'static str>);

/// A lake in a temporary folder, or in a bucket in memory.
pub(super) struct TestLake {
    pub(super) folder: tempfile::TempDir,
    url: Option<String>,
}

impl TestLake {
    pub(super) fn new() -> Self {
        TestLake {
            folder: tempfile::tempdir().unwrap(),
            url: None,
        }
    }

    /// A lake in memory where there is such a folder: tests of many commits need not wait for the disk.
    pub(super) fn in_memory() -> Self {
        match tempfile::tempdir_in("/dev/shm") {
            Ok(folder) => TestLake { folder, url: None },
            Err(_) => TestLake::new(),
        }
    }

    /// A lake in a bucket in memory of its own.
    pub(super) fn in_bucket() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test-lake-{}", COUNT.fetch_add(1, Ordering::SeqCst));
        headworks_stores::memory::mount(&name);
        TestLake {
            url: Some(format!("s3://{name}/lake")),
            ..TestLake::new()
        }
    }

    pub(super) fn path(&self) -> &str {
        match &self.url {
            Some(url) => url,
            None => self.folder.path().to_str().unwrap(),
        }
    }

    pub(super) fn location(&self) -> TableLocation {
        TableLocation::new(self.path(), "t").unwrap()
    }

    pub(super) fn table(&self) -> Table {
        Table::open(self.location())
    }

    pub(super) fn config(&self, attempt: &str) -> WriterConfig {
        let mut config = WriterConfig::new(self.location(), attempt);
        config.partition_by = vec!["part".into()];
        config
    }

    /// Writes rows as one attempt.
    pub(super) fn write(&self, attempt: &str, rows: &[Row]) -> WriteOutcome {
        let mut writer = PartitionedWriter::new(self.config(attempt), schema()).unwrap();
        writer.write(&batch(rows)).unwrap();
        writer.finish().unwrap()
    }

    /// Writes rows and asks to commit them. `id` names commit, attempt and input.
    pub(super) fn request(&self, id: &str, mode: Mode, base: u64, rows: &[Row]) -> CommitRequest {
        request(id, mode, base, self.write(id, rows).files)
    }

    /// The paths of the current version's files in these partitions.
    pub(super) fn files_of(&self, parts: &[&str]) -> Vec<String> {
        let files = self.table().snapshot().unwrap().unwrap().files.into_iter();
        let paths = files.map(|file| file.path);
        paths
            .filter(|path| {
                parts
                    .iter()
                    .any(|part| path.starts_with(&format!("part={part}/")))
            })
            .collect()
    }

    /// All rows of the current version, sorted.
    pub(super) fn rows(&self) -> Vec<(i64, Option<String>)> {
        read_rows(&self.table())
    }

    /// Fails unless the folder is exactly what the log says, with nothing left to do.
    pub(super) fn assert_sound(&self) {
        let report = self.table().verify().unwrap();
        assert_eq!(report.problems, []);
        let Some(snapshot) = self.table().snapshot().unwrap() else {
            return;
        };
        let storage = self.location().storage();
        let manifest = storage.read("_headworks/manifest.json").unwrap().unwrap();
        let manifest: crate::Manifest = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest.version, snapshot.version);
        let listed: Vec<(String, u64)> = manifest
            .entries
            .into_iter()
            .map(|e| (e.url, e.meta.content_length))
            .collect();
        let scheme = if self.url.is_some() { "" } else { "file://" };
        let folder = self.location().folder();
        let expected: Vec<(String, u64)> = snapshot
            .files
            .iter()
            .map(|file| (format!("{scheme}{folder}/{}", file.path), file.bytes))
            .collect();
        assert_eq!(listed, expected);
    }

    /// The files that are neither completed nor given up.
    pub(super) fn temporaries(&self) -> Vec<String> {
        let files = self.location().storage().unfinished().unwrap();
        files.into_iter().map(|file| file.place).collect()
    }
}

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("part", DataType::Utf8, true),
    ]))
}

pub(super) fn batch(rows: &[Row]) -> RecordBatch {
    let ids: Int64Array = rows.iter().map(|(id, _)| *id).collect();
    let parts: StringArray = rows.iter().map(|(_, part)| *part).collect();
    RecordBatch::try_new(schema(), vec![Arc::new(ids), Arc::new(parts)]).unwrap()
}

pub(super) fn request(id: &str, mode: Mode, base: u64, files: Vec<PendingFile>) -> CommitRequest {
    let rows = files.iter().map(|file| file.rows).sum();
    CommitRequest {
        commit_id: id.into(),
        job_id: format!("job-{id}"),
        at_unix_ms: 1_700_000_000_123,
        mode,
        base,
        remove: Vec::new(),
        schema: schema(),
        partition_by: vec!["part".into()],
        partition_columns_in_files: false,
        files,
        inputs: vec![input(id, rows)],
        audit: Audit::Records,
        job_failed: false,
        checked: None,
    }
}

pub(super) fn input(path: &str, rows: u64) -> InputEntry {
    let counts = InputCounts {
        read: rows,
        written: rows,
        ..InputCounts::default()
    };
    InputEntry {
        path: path.into(),
        size: 7,
        etag: None,
        bytes_covered: 7,
        counts,
        rows,
    }
}

/// Rows as [`TestLake::rows`] gives them.
pub(super) fn sorted(rows: &[Row]) -> Vec<(i64, Option<String>)> {
    let mut rows: Vec<_> = rows
        .iter()
        .map(|(id, part)| (*id, part.map(str::to_string)))
        .collect();
    rows.sort();
    rows
}

/// All rows of the current version with their partition, sorted. A reader that was overtaken begins anew.
pub(super) fn read_rows(table: &Table) -> Vec<(i64, Option<String>)> {
    loop {
        if let Some(rows) = try_read_rows(table) {
            return rows;
        }
    }
}

/// `None` when a file of the snapshot is gone, which is only right if there is a newer version.
fn try_read_rows(table: &Table) -> Option<Vec<(i64, Option<String>)>> {
    let mut rows = Vec::new();
    let Some(snapshot) = table.snapshot().unwrap() else {
        return Some(rows);
    };
    for file in &snapshot.files {
        let Some(content) = table.storage.read(&file.path).unwrap() else {
            let newest = table.recover().unwrap();
            assert!(newest > snapshot.version, "{} is gone", file.path);
            return None;
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(content))
            .unwrap()
            .build()
            .unwrap();
        for batch in reader {
            let batch = batch.unwrap();
            let ids = batch
                .column_by_name("id")
                .unwrap()
                .as_primitive::<Int64Type>();
            rows.extend(
                ids.values()
                    .iter()
                    .map(|id| (*id, file.partition["part"].clone())),
            );
        }
    }
    rows.sort();
    Some(rows)
}

/// What a [`FaultyStorage`] does with a call.
pub(super) enum Fault {
    /// Nothing.
    None,
    /// Fails without doing it.
    Before(io::ErrorKind),
    /// Does it, and then says that it failed.
    After(io::ErrorKind),
}

type Faults = dyn FnMut(&str, &str) -> Fault + Send;

/// A disk that asks, for each call, whether to fail. Data files have the calls `create`, `fill` and `finish`.
#[derive(Clone)]
pub(super) struct FaultyStorage {
    disk: Arc<LocalStorage>,
    faults: Arc<Mutex<Box<Faults>>>,
}

impl FaultyStorage {
    /// `faults` gets the call's name and the path.
    pub(super) fn new(
        location: &TableLocation,
        faults: impl FnMut(&str, &str) -> Fault + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(FaultyStorage {
            disk: Arc::new(LocalStorage::new(location.root())),
            faults: Arc::new(Mutex::new(Box::new(faults))),
        })
    }

    fn call<T>(
        &self,
        name: &'static str,
        path: &str,
        action: impl FnOnce() -> Result<T, LakeError>,
    ) -> Result<T, LakeError> {
        let fault = (self.faults.lock().unwrap())(name, path);
        match fault {
            Fault::None => action(),
            Fault::Before(kind) => Err(LakeError::storage(name, path, kind.into())),
            Fault::After(kind) => {
                action()?;
                Err(LakeError::storage(name, path, kind.into()))
            }
        }
    }
}

impl std::fmt::Debug for FaultyStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FaultyStorage")
    }
}

impl LakeStorage for FaultyStorage {
    fn url(&self, path: &str) -> String {
        self.disk.url(path)
    }

    fn create(&self, name: &str, path: &str) -> Result<Box<dyn Upload>, LakeError> {
        let upload = self.call("create", path, || self.disk.create(name, path))?;
        Ok(Box::new(FaultyUpload {
            upload,
            storage: self.clone(),
            path: path.to_string(),
        }))
    }

    fn complete(&self, token: &str, path: &str, bytes: u64) -> Result<(), LakeError> {
        self.call("complete", path, || self.disk.complete(token, path, bytes))
    }

    fn abort(&self, token: &str) -> Result<(), LakeError> {
        self.call("abort", token, || self.disk.abort(token))
    }

    fn pending_bytes(&self, token: &str) -> Result<Option<u64>, LakeError> {
        self.disk.pending_bytes(token)
    }

    fn unfinished(&self) -> Result<Vec<Unfinished>, LakeError> {
        self.disk.unfinished()
    }

    fn pending_path(&self, token: &str) -> Result<String, LakeError> {
        self.disk.pending_path(token)
    }

    fn persist(&self, paths: &[&str]) -> Result<(), LakeError> {
        self.call("persist", paths.first().unwrap_or(&""), || {
            self.disk.persist(paths)
        })
    }

    fn put_if_absent(&self, path: &str, content: &[u8]) -> Result<bool, LakeError> {
        self.call("put_if_absent", path, || {
            self.disk.put_if_absent(path, content)
        })
    }

    fn put_if_unchanged(
        &self,
        path: &str,
        expected: Option<&[u8]>,
        content: &[u8],
    ) -> Result<bool, LakeError> {
        let action = || self.disk.put_if_unchanged(path, expected, content);
        self.call("put_if_unchanged", path, action)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, LakeError> {
        self.call("read", path, || self.disk.read(path))
    }

    fn read_range(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>, LakeError> {
        self.call("read_range", path, || self.disk.read_range(path, range))
    }

    fn bytes(&self, path: &str) -> Result<Option<u64>, LakeError> {
        self.disk.bytes(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<StoredFile>, LakeError> {
        self.call("list", folder, || self.disk.list(folder))
    }

    fn delete(&self, path: &str) -> Result<(), LakeError> {
        self.call("delete", path, || self.disk.delete(path))
    }
}

struct FaultyUpload {
    upload: Box<dyn Upload>,
    storage: FaultyStorage,
    path: String,
}

impl Write for FaultyUpload {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let fault = (self.storage.faults.lock().unwrap())("fill", &self.path);
        match fault {
            Fault::None => self.upload.write(content),
            Fault::Before(kind) | Fault::After(kind) => Err(kind.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.upload.flush()
    }
}

impl Upload for FaultyUpload {
    fn finish(self: Box<Self>) -> Result<String, LakeError> {
        let FaultyUpload {
            upload,
            storage,
            path,
        } = *self;
        storage.call("finish", &path, || upload.finish())
    }
}
