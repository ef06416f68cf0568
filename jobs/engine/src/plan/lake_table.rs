//! A committed table of the lake, as SQL sees it: exactly the files of one version.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use headworks_lake::{DataFile, Snapshot, TableLocation};
use headworks_sources::parquet::{Wanted, scan};
use headworks_sources::places::{object_path, store_url};

use crate::nodes::DATA_FILE_COLUMN;

/// One version of a table.
#[derive(Debug)]
pub struct LakeTable {
    /// Absolute, or `s3://bucket/...`.
    folder: String,
    snapshot: Arc<Snapshot>,
    table: TableSchema,
    /// For a scan of some of the files that says which of them a row is of: their places in the snapshot.
    numbered: Option<BTreeSet<u32>>,
}

impl LakeTable {
    /// The version that `snapshot` describes, of the table in this place.
    #[must_use]
    pub fn new(location: &TableLocation, snapshot: Arc<Snapshot>) -> Self {
        let partition_by = |name: &String| {
            !snapshot.partition_columns_in_files && snapshot.partition_by.contains(name)
        };
        let (from_folders, in_files): (Vec<FieldRef>, Vec<FieldRef>) = snapshot
            .schema
            .fields()
            .iter()
            .cloned()
            .partition(|field| partition_by(field.name()));
        // Folder order, not schema order.
        let mut ordered: Vec<FieldRef> = Vec::new();
        for name in &snapshot.partition_by {
            ordered.extend(from_folders.iter().find(|f| f.name() == name).cloned());
        }
        let table = TableSchema::builder(Arc::new(Schema::new(in_files)))
            .with_table_partition_cols(ordered)
            .build();
        Self {
            folder: location.folder(),
            snapshot,
            table,
            numbered: None,
        }
    }

    /// The same, of the files at these places in the snapshot alone, and with the place of a row's file in the column
    /// [`DATA_FILE_COLUMN`].
    #[must_use]
    pub fn numbered(mut self, files: BTreeSet<u32>) -> Self {
        let folders = self.table.table_partition_cols().iter().cloned();
        let number = Field::new(DATA_FILE_COLUMN, DataType::UInt32, false);
        let constant: Vec<FieldRef> = folders.chain([Arc::new(number)]).collect();
        self.table = TableSchema::builder(Arc::clone(self.table.file_schema()))
            .with_table_partition_cols(constant)
            .build();
        self.numbered = Some(files);
        self
    }

    /// The files that are scanned, with their places in the snapshot.
    fn files(&self) -> impl Iterator<Item = (u32, &DataFile)> {
        let all = (0u32..).zip(&self.snapshot.files);
        all.filter(|(place, _)| {
            let numbered = self.numbered.as_ref();
            numbered.is_none_or(|numbered| numbered.contains(place))
        })
    }

    fn partitioned(&self, place: u32, file: &DataFile) -> Result<PartitionedFile> {
        let mut partitioned = PartitionedFile::new(String::new(), file.bytes);
        partitioned.object_meta.location = object_path(&format!("{}/{}", self.folder, file.path));
        let value = |field: &Field| match file.partition.get(field.name()).and_then(Option::as_ref)
        {
            Some(text) => ScalarValue::try_from_string(text.clone(), field.data_type()),
            None => ScalarValue::try_from(field.data_type()),
        };
        partitioned.partition_values = self
            .table
            .table_partition_cols()
            .iter()
            .map(|field| match field.name().as_str() {
                DATA_FILE_COLUMN => Ok(ScalarValue::UInt32(Some(place))),
                _ => value(field),
            })
            .collect::<Result<_>>()?;
        Ok(partitioned)
    }
}

#[async_trait]
impl TableProvider for LakeTable {
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
        let files = self.files();
        let files = files
            .map(|(place, file)| self.partitioned(place, file))
            .collect::<Result<_>>()?;
        let store = store_url("lake", std::iter::once(self.folder.as_str()))
            .map_err(|error| DataFusionError::Plan(error.to_string()))?;
        scan(
            state,
            store,
            &self.table,
            files,
            Wanted { projection, limit },
        )
    }
}
