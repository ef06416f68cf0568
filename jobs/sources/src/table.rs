//! A wave of a source, as a table that SQL can name.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::{FileRange, PartitionedFile};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;

use crate::places::{object_path, store_url};
use crate::scan::{RecordSource, ScanSpec};
use crate::split::SplitSpec;

/// The splits of one wave of one source.
#[derive(Debug)]
pub struct SourceTable {
    source: RecordSource,
    store: ObjectStoreUrl,
    splits: Vec<SplitSpec>,
}

impl SourceTable {
    /// A table over `splits` as `scan` says.
    ///
    /// # Errors
    /// If the schema in `scan` cannot be read.
    pub fn try_new(scan: ScanSpec, splits: Vec<SplitSpec>) -> Result<Self> {
        let store = store_url(&scan.source, splits.iter().map(SplitSpec::stored_path))
            .map_err(|e| DataFusionError::Plan(e.to_string()))?;
        let source = RecordSource::try_new(ScanSpec {
            known_starts: by_id(&splits, |split| split.known_start),
            members: by_id(&splits, |split| split.member.clone()),
            contents: by_id(&splits, |split| split.content.clone()),
            ..scan
        })?;
        Ok(Self {
            source,
            store,
            splits,
        })
    }

    /// One group of files for each pack.
    fn file_groups(&self) -> Vec<FileGroup> {
        let mut groups: BTreeMap<u32, Vec<PartitionedFile>> = BTreeMap::new();
        for split in &self.splits {
            let mut file = PartitionedFile::new(String::new(), split.file_size);
            file.object_meta.location = object_path(split.stored_path());
            file.range = Some(FileRange {
                start: signed(split.start),
                end: signed(split.end),
            });
            file.partition_values = vec![
                ScalarValue::Utf8(Some(split.path.clone())),
                ScalarValue::Int32(Some(split.id)),
            ];
            groups.entry(split.pack).or_default().push(file);
        }
        // A scan without partitions would be no plan at all.
        if groups.is_empty() {
            groups.insert(0, Vec::new());
        }
        groups.into_values().map(FileGroup::new).collect()
    }
}

/// What some splits have, by their ids.
fn by_id<T>(splits: &[SplitSpec], of: impl Fn(&SplitSpec) -> Option<T>) -> BTreeMap<i32, T> {
    let told = splits
        .iter()
        .filter_map(|split| Some((split.id, of(split)?)));
    told.collect()
}

fn signed(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.source.table().table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(self.source.clone()))
            .with_file_groups(self.file_groups())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
