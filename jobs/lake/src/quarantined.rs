//! Which bad records a job has put into quarantine already.
//!
//! Two models of a job may read the same files, each the columns that it needs: a record can be bad for the second that
//! was good for the first. A task of the second therefore asks here what stands in quarantine, and adds what does not.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};
use serde_json::Value;

use crate::error::LakeError;
use crate::location::TableLocation;
use crate::snapshot::{DataFile, Snapshot};
use crate::storage::LakeStorage;
use crate::table::Table;
use crate::verify::read_footer;

/// The columns that say which record it is, and whose.
const COLUMNS: [&str; 3] = ["file", "offset", "job_id"];

/// Bad records of a job in one source's quarantine, by their files.
#[derive(Debug, Default)]
pub struct Quarantined {
    offsets: HashMap<String, HashSet<i64>>,
}

impl Quarantined {
    /// What stands in the quarantine of `source` from this job and these files. Of its data files that may hold such
    /// records, three columns are read.
    ///
    /// # Errors
    /// [`LakeError::Storage`] when the store refuses; [`LakeError::Corrupt`] when a file is not what the log says;
    /// [`LakeError::Invalid`] when the source's name cannot be a folder.
    pub fn read(
        lake: &str,
        source: &str,
        job_id: &str,
        files: &BTreeSet<String>,
    ) -> Result<Self, LakeError> {
        let table = Table::open(TableLocation::quarantine(lake, source)?);
        let mut snapshot = table.snapshot()?;
        loop {
            let Some(now) = &snapshot else {
                return Ok(Self::default());
            };
            match Self::in_snapshot(&table, now, job_id, files) {
                Ok(found) => return Ok(found),
                Err(error) => {
                    // Compaction may have taken a file away.
                    let then = table.snapshot()?;
                    if then.as_ref().map(|then| then.version) == Some(now.version) {
                        return Err(error);
                    }
                    snapshot = then;
                }
            }
        }
    }

    /// Whether the record of this file that begins at `offset` is there.
    pub fn has(&self, file: &str, offset: i64) -> bool {
        let offsets = self.offsets.get(file);
        offsets.is_some_and(|offsets| offsets.contains(&offset))
    }

    fn in_snapshot(
        table: &Table,
        snapshot: &Snapshot,
        job_id: &str,
        files: &BTreeSet<String>,
    ) -> Result<Self, LakeError> {
        let mut found = Self::default();
        for data in &snapshot.files {
            if may_hold(data, "job_id", [job_id])
                && may_hold(data, "file", files.iter().map(String::as_str))
            {
                found.add_file(table.storage.as_ref(), data, job_id, files)?;
            }
        }
        Ok(found)
    }

    fn add_file(
        &mut self,
        storage: &dyn LakeStorage,
        data: &DataFile,
        job_id: &str,
        files: &BTreeSet<String>,
    ) -> Result<(), LakeError> {
        let broken = |what: String| {
            LakeError::corrupt(
                storage.url(&data.path),
                what,
                "see what `lake verify` says of the quarantine",
            )
        };
        let footer = read_footer(storage, data).map_err(broken)?;
        let mut parts = Parts::default();
        for column in footer.row_groups().iter().flat_map(|group| group.columns()) {
            if COLUMNS.contains(&column.column_path().string().as_str()) {
                let (start, length) = column.byte_range();
                let bytes = storage.read_range(&data.path, start..start + length)?;
                parts.0.push((start, Bytes::from(bytes)));
            }
        }
        let batches = batches(parts, footer).map_err(|error| broken(error.to_string()))?;
        for batch in batches {
            let batch = batch.map_err(|error| broken(error.to_string()))?;
            self.add_rows(&batch, job_id, files)
                .ok_or_else(|| broken("it lacks a column of a quarantine".to_string()))?;
        }
        Ok(())
    }

    /// Adds those rows that are of this job and these files; `None` if a column is missing.
    fn add_rows(
        &mut self,
        batch: &RecordBatch,
        job_id: &str,
        files: &BTreeSet<String>,
    ) -> Option<()> {
        let [of_file, offsets, of_job] = COLUMNS.map(|name| batch.column_by_name(name));
        let (of_file, of_job) = (
            of_file?.as_string_opt::<i32>()?,
            of_job?.as_string_opt::<i32>()?,
        );
        let offsets = offsets?.as_primitive_opt::<Int64Type>()?;
        for row in 0..batch.num_rows() {
            let file = of_file.value(row);
            if of_job.value(row) != job_id || !files.contains(file) {
                continue;
            }
            match self.offsets.get_mut(file) {
                Some(known) => known.insert(offsets.value(row)),
                None => {
                    let known = HashSet::from([offsets.value(row)]);
                    self.offsets.insert(file.to_owned(), known).is_none()
                }
            };
        }
        Some(())
    }
}

/// The rows of a file of which no more than [`COLUMNS`] is at hand.
fn batches(
    parts: Parts,
    footer: ParquetMetaData,
) -> Result<ParquetRecordBatchReader, ParquetError> {
    let columns = ProjectionMask::columns(footer.file_metadata().schema_descr(), COLUMNS);
    let footer = ArrowReaderMetadata::try_new(Arc::new(footer), ArrowReaderOptions::new())?;
    ParquetRecordBatchReaderBuilder::new_with_metadata(parts, footer)
        .with_projection(columns)
        .build()
}

/// Whether a column of a file may hold one of these texts, by its statistics.
fn may_hold<'a>(data: &DataFile, column: &str, texts: impl IntoIterator<Item = &'a str>) -> bool {
    let stats = data.stats.get(column);
    let bounds = stats.and_then(|stats| Some((stats.min.as_ref()?, stats.max.as_ref()?)));
    let Some((Value::String(min), Value::String(max))) = bounds else {
        return true;
    };
    let mut texts = texts.into_iter();
    texts.any(|text| min.as_str() <= text && text <= max.as_str())
}

/// Parts of a file, each with the place at which it begins.
#[derive(Default)]
struct Parts(Vec<(u64, Bytes)>);

impl Parts {
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let found = self.0.iter().find_map(|(begin, bytes)| {
            let at = usize::try_from(start.checked_sub(*begin)?).ok()?;
            (at < bytes.len()).then(|| bytes.slice(at..))
        });
        found.ok_or_else(|| ParquetError::General(format!("byte {start} was not read")))
    }
}

impl Length for Parts {
    fn len(&self) -> u64 {
        let ends = self
            .0
            .iter()
            .map(|(start, bytes)| start + bytes.len() as u64);
        ends.max().unwrap_or(0)
    }
}

impl ChunkReader for Parts {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!(
                "{length} bytes from {start} on were not read"
            )));
        }
        Ok(bytes.slice(..length))
    }
}
