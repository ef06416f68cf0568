//! One file of one partition, for who has its rows together already.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::config::WriterConfig;
use super::open_file::OpenFile;
use super::route::Partition;
use crate::error::LakeError;
use crate::partition::{PartitionValues, folder};
use crate::pending::PendingFile;
use crate::storage::LakeStorage;

/// Writes batches of the schema `file` as the file `<folder of values>/<name>.parquet`, which is durable and not
/// visible when this returns.
///
/// # Errors
/// As [`PartitionedWriter::write`](super::PartitionedWriter::write), and those of the batches; then nothing is left.
pub(crate) fn write_one(
    storage: &dyn LakeStorage,
    config: &WriterConfig,
    file: &SchemaRef,
    values: PartitionValues,
    name: &str,
    mut batches: impl Iterator<Item = Result<RecordBatch, LakeError>>,
) -> Result<PendingFile, LakeError> {
    let partition = Arc::new(Partition {
        folder: folder(&values)?.into(),
        values,
    });
    let first = batches.next().transpose()?;
    let first = first.unwrap_or_else(|| RecordBatch::new_empty(file.clone()));
    let mut open = OpenFile::create(storage, config, file, partition, name, &first)?;
    open.write(&first)?;
    for batch in batches {
        open.write(&batch?)?;
    }
    open.close()?.sync()
}
