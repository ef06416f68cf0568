//! Parquet files as a table that SQL can name.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::{FileRange, PartitionedFile};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

use crate::FILE_COLUMN;
use crate::error::SourceError;
use crate::places::{object_path, store_url};
use crate::split::InputFile;

/// A task reads at least this many bytes of Parquet, if there are as many.
const SCAN_BYTES_MIN: u64 = 1024 * 1024;
/// A task reads at most this many bytes of Parquet, unless a row group is larger.
const SCAN_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The files of a look-up table. Columns: those of the schema, then [`FILE_COLUMN`].
#[derive(Debug)]
pub struct ParquetTable {
    files: Vec<InputFile>,
    store: ObjectStoreUrl,
    table: TableSchema,
}

impl ParquetTable {
    /// A table over `files`, whose settled schema is `schema`.
    ///
    /// # Errors
    /// [`SourceError::Configuration`], if the files lie in several stores.
    pub fn try_new(
        source: &str,
        files: &[InputFile],
        schema: &SchemaRef,
    ) -> std::result::Result<Self, SourceError> {
        let file = Arc::new(Field::new(FILE_COLUMN, DataType::Utf8, false));
        Ok(Self {
            store: store_url(source, files.iter().map(|file| file.path.as_str()))?,
            files: files.to_vec(),
            table: TableSchema::builder(Arc::new(Schema::clone(schema)))
                .with_table_partition_cols(vec![file])
                .build(),
        })
    }
}

/// What a scan of a table is asked for: the columns, by their places in the schema, and how many rows are enough.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// `None`: all.
    pub projection: Option<&'a Vec<usize>>,
    /// `None`: all.
    pub limit: Option<usize>,
}

/// A scan of these files of one store, cut into about as many tasks as the session wants.
///
/// # Errors
/// A column that the table does not have, which would be the planner's mistake.
pub fn scan(
    state: &dyn Session,
    store: ObjectStoreUrl,
    table: &TableSchema,
    files: Vec<PartitionedFile>,
    wanted: Wanted<'_>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let source = Arc::new(ParquetSource::new(table.clone()));
    let config = FileScanConfigBuilder::new(store, source)
        .with_file_groups(groups(files, state.config().target_partitions()))
        .with_projection_indices(wanted.projection.cloned())?
        .with_limit(wanted.limit)
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// Ranges of Parquet files in groups of about the same bytes, about `wanted` of them: one a task. There is at least one
/// group.
fn groups(files: Vec<PartitionedFile>, wanted: usize) -> Vec<FileGroup> {
    let total: u64 = files.iter().map(|file| file.object_meta.size).sum();
    let target = (total / wanted.max(1) as u64).clamp(SCAN_BYTES_MIN, SCAN_BYTES_MAX);
    let mut groups: Vec<FileGroup> = Vec::new();
    let (mut group, mut bytes) = (Vec::new(), 0u64);
    for file in files {
        let size = file.object_meta.size;
        let parts = size.div_ceil(target).max(1);
        for part in 0..parts {
            let mut piece = file.clone();
            let at = |i: u64| i64::try_from(size * i / parts).unwrap_or(i64::MAX);
            if parts > 1 {
                piece.range = Some(FileRange {
                    start: at(part),
                    end: at(part + 1),
                });
            }
            group.push(piece);
            bytes += size / parts;
            if bytes >= target {
                groups.push(FileGroup::new(std::mem::take(&mut group)));
                bytes = 0;
            }
        }
    }
    if !group.is_empty() || groups.is_empty() {
        groups.push(FileGroup::new(group));
    }
    groups
}

#[async_trait]
impl TableProvider for ParquetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.table.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.files.iter().map(|file| {
            let mut listed = PartitionedFile::new(String::new(), file.size);
            listed.object_meta.location = object_path(&file.path);
            listed.partition_values = vec![ScalarValue::Utf8(Some(file.path.clone()))];
            listed
        });
        let (store, wanted) = (self.store.clone(), Wanted { projection, limit });
        scan(state, store, &self.table, files.collect(), wanted)
    }
}
