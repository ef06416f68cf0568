//! The files of a group, each as a run of batches by the table's newest schema.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use crate::error::LakeError;
use crate::schema::adapt;
use crate::snapshot::DataFile;
use crate::storage::{LakeStorage, for_each};
use crate::verify::check_footer;
use crate::writer::SortColumn;

/// The rows of a batch.
const BATCH_ROWS: usize = 8192;

/// A file that is being read.
pub(super) struct Run {
    path: String,
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
    /// How its footer says that its rows are sorted; empty if it says nothing.
    pub(super) sorted_by: Vec<SortColumn>,
}

impl Run {
    /// The next rows.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        match self.reader.next() {
            None => Ok(None),
            Some(Ok(batch)) => adapt(&batch, &self.schema).map(Some),
            Some(Err(error)) => Err(broken(&self.path, &error.to_string())),
        }
    }

    /// This file is not what its footer says.
    pub(super) fn broken(&self, what: &str) -> LakeError {
        broken(&self.path, what)
    }
}

fn broken(path: &str, what: &str) -> LakeError {
    LakeError::corrupt(
        path,
        what,
        "see what `lake verify` says, and overwrite the table",
    )
}

/// Opens the files of a group, whole: they are small. Each is what the log says, rows and statistics.
pub(super) fn open(
    storage: &dyn LakeStorage,
    group: &[&DataFile],
    schema: &SchemaRef,
) -> Result<Vec<Run>, LakeError> {
    for_each(storage, group, |file| {
        let content = storage.read_range(&file.path, 0..file.bytes)?;
        let url = storage.url(&file.path);
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(content))
            .map_err(|error| broken(&url, &error.to_string()))?;
        let footer = Arc::clone(reader.metadata());
        if let Some(what) = check_footer(&footer, file).first() {
            return Err(broken(&url, what));
        }
        let reader = reader.with_batch_size(BATCH_ROWS).build();
        Ok(Run {
            sorted_by: order(&footer),
            reader: reader.map_err(|error: ParquetError| broken(&url, &error.to_string()))?,
            path: url,
            schema: Arc::clone(schema),
        })
    })
}

/// The order that all files have, as far as they agree from the first column on.
pub(super) fn common_order(runs: &[Run]) -> Vec<SortColumn> {
    let mut runs = runs.iter();
    let mut common = runs
        .next()
        .map_or_else(Vec::new, |run| run.sorted_by.clone());
    for run in runs {
        let same = common
            .iter()
            .zip(&run.sorted_by)
            .take_while(|(a, b)| a == b);
        let same = same.count();
        common.truncate(same);
    }
    common
}

/// The order that a footer gives to all its row groups, by columns that are no part of another.
fn order(footer: &ParquetMetaData) -> Vec<SortColumn> {
    let mut groups = footer
        .row_groups()
        .iter()
        .map(|group| group.sorting_columns());
    let Some(Some(first)) = groups.next() else {
        return Vec::new();
    };
    if groups.any(|other| other != Some(first)) {
        return Vec::new();
    }
    let leaves = footer.file_metadata().schema_descr();
    let mut sorted = Vec::new();
    for column in first {
        let leaf = usize::try_from(column.column_idx).ok();
        let leaf = leaf.filter(|index| *index < leaves.num_columns());
        let path = leaf.map(|index| leaves.column(index).path().parts().to_vec());
        // NULLs stand where a writer of ours puts them, or the order is none that we know.
        match path.as_deref() {
            Some([name]) if column.nulls_first != column.descending => sorted.push(SortColumn {
                name: name.clone(),
                descending: column.descending,
            }),
            _ => break,
        }
    }
    sorted
}
