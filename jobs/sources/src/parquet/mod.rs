//! Parquet files as look-up tables. They are read by DataFusion's own reader, under the one kind of leaf that is sliced
//! over tasks, and not counted: they have no records that could be bad.
//!
//! The footers of all files are read when the source is settled. Types are brought to those that records have
//! (`types`), and those of one column must be one, or widen to one.

mod table;
mod types;

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::error::DataFusionError;
use futures::{StreamExt, TryStreamExt, stream};

use crate::error::SourceError;
use crate::places;
use crate::split::InputFile;
pub use table::{ParquetTable, Wanted, scan};

/// Footers that are read at the same time.
const FOOTERS_MAX: usize = 32;

/// The schema that all files fit, sorted by path: the columns of the first, then what the next ones have beyond it.
/// Every column may be NULL.
///
/// # Errors
/// [`SourceError::Input`] for a file that is no Parquet, has a column of a type that is not read, or one that does not
/// fit the files before it.
pub async fn schema(files: &[InputFile]) -> Result<SchemaRef, SourceError> {
    let footers = stream::iter(files.to_vec())
        .map(|file| async move {
            let schema = footer(&file).await?;
            let schema = types::of_records(&schema)
                .map_err(|fault| SourceError::input(&file.path, &fault))?;
            Ok::<_, SourceError>((file.path, schema))
        })
        .buffered(FOOTERS_MAX);
    let merged = footers.try_fold(None, |merged: Option<Schema>, (path, schema)| async move {
        let Some(merged) = merged else {
            return Ok(Some(schema));
        };
        let merged = types::merged(&merged, &schema);
        merged
            .map(Some)
            .map_err(|fault| SourceError::input(&path, &fault))
    });
    let merged = merged.await?.unwrap_or_else(Schema::empty);
    Ok(Arc::new(merged))
}

/// A file's own schema.
async fn footer(file: &InputFile) -> Result<Schema, SourceError> {
    let path = file.path.as_str();
    if file.member.is_some() {
        return Err(SourceError::input(
            path,
            &"Parquet is not read inside an archive; unpack it",
        ));
    }
    let (store, location) = places::open(path)?;
    let mut object = PartitionedFile::new(String::new(), file.size).object_meta;
    object.location = location;
    let footer = DFParquetMetadata::new(store.as_ref(), &object);
    footer.fetch_schema().await.map_err(|error| match error {
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
            SourceError::input(path, &format!("cannot be read: {error}"))
        }
        _ => SourceError::input(
            path,
            &format!("is no Parquet file: {error}; leave it out of the source's path"),
        ),
    })
}

#[cfg(test)]
mod tests;
