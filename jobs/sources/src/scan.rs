//! Reads splits inside a task: DataFusion's `FileSource` over the pure parser.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_datasource::projection::SplitProjection;
use futures::StreamExt;
use futures::stream::BoxStream;
use headworks_formats::{
    BadRecord, FormatConfig, FormatOptions, LeafPredicate, OnBadRecord, OnBadValue, Sampled,
    SplitReport,
};
use object_store::ObjectStore;
use serde::{Deserialize, Serialize};

use crate::archive::Member;
use crate::filters::leaf_predicates;
use crate::leaves::{leaf_paths, narrowed};
use crate::pack::{Pack, read_pack};
use crate::rename::Rename;
use crate::schema::SourceSchema;
use crate::split::{Content, SplitSpec};
use crate::{FILE_COLUMN, SPLIT_COLUMN};

/// Hears what a scan counts. Called from the task's threads, in the order of
/// the task's splits.
pub trait ScanObserver: Send + Sync + fmt::Debug {
    /// Records that could not be read; `line_in_split` in each has become the
    /// line in the file, counted from 1.
    ///
    /// # Errors
    /// If they cannot be kept: the task fails then.
    fn bad_records(&self, split: &SplitSpec, records: Vec<BadRecord>) -> Result<()>;

    /// A split was read to its end.
    fn split_done(&self, split: &SplitSpec, report: SplitReport);
}

/// What a scan needs beside its files: travels in the plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScanSpec {
    /// The source's name.
    pub source: String,
    /// The parser's options.
    pub options: FormatOptions,
    /// The full schema of a record, its columns' names those that queries use.
    pub schema: SourceSchema,
    /// Columns that have another name in the files.
    #[serde(default, skip_serializing_if = "Rename::is_empty")]
    pub rename: Rename,
    /// Splits, by id, that begin elsewhere than at their range's start.
    #[serde(default)]
    pub known_starts: BTreeMap<i32, u64>,
    /// Splits, by id, that lie in an archive.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<i32, Member>,
    /// What each split's file is to hold, by the split's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<i32, Content>,
    /// What records must fulfil, by their names in the files; others are left out by the parser.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<LeafPredicate>,
    /// If the schema was inferred from a sample, what that leaves open, by the columns' names in the files: the scan
    /// fails at the first record that refutes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
    /// What the parser reads beside what is projected, by the columns' names: a record is bad for all scans of a query
    /// then, or for none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub also: BTreeSet<Vec<String>>,
    /// Where bad records go, if anywhere.
    pub quarantine: Option<QuarantineTarget>,
}

impl ScanSpec {
    /// Forgets what concerns other splits than those that `is_here` accepts.
    pub fn retain_splits(&mut self, is_here: impl Fn(&i32) -> bool) {
        self.known_starts.retain(|id, _| is_here(id));
        self.members.retain(|id, _| is_here(id));
        self.contents.retain(|id, _| is_here(id));
    }
}

/// Where a scan puts the records that it could not read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuarantineTarget {
    /// The lake's root.
    pub lake: String,
    /// The job's id, a column of the quarantine table.
    pub job_id: String,
    /// Whether an earlier model of the job has read some of the same files: what it put into quarantine is not put there
    /// again.
    #[serde(default)]
    pub revisits: bool,
}

/// Files of records as a `FileSource`, in any format that has a reader of ours.
///
/// Table schema: the record's columns, then those that the parser fills
/// (`_hw_offset`, and for XML `_hw_row_tag`), then [`FILE_COLUMN`] and
/// [`SPLIT_COLUMN`], constant for each split.
#[derive(Debug, Clone)]
pub struct RecordSource {
    spec: Arc<ScanSpec>,
    table: TableSchema,
    projection: SplitProjection,
    batch_rows: usize,
    metrics: ExecutionPlanMetricsSet,
    observer: Option<Arc<dyn ScanObserver>>,
}

/// Rows of a batch, unless the session says otherwise.
const BATCH_ROWS: usize = 8192;

impl RecordSource {
    /// A source that reads all columns.
    ///
    /// # Errors
    /// If the schema in `spec` cannot be read.
    pub fn try_new(spec: ScanSpec) -> Result<Self> {
        let record = spec
            .schema
            .arrow()
            .map_err(|e| DataFusionError::Plan(e.to_string()))?;
        let table = table_schema(&record, &spec.options);
        Ok(Self {
            projection: SplitProjection::unprojected(&table),
            spec: Arc::new(spec),
            table,
            batch_rows: BATCH_ROWS,
            metrics: ExecutionPlanMetricsSet::new(),
            observer: None,
        })
    }

    /// What travels in the plan.
    #[must_use]
    pub fn spec(&self) -> &ScanSpec {
        &self.spec
    }

    /// The table's schema.
    #[must_use]
    pub fn table(&self) -> &TableSchema {
        &self.table
    }

    /// The same source, its counts told to `observer`.
    #[must_use]
    pub fn with_observer(&self, observer: Arc<dyn ScanObserver>) -> Self {
        Self {
            observer: Some(observer),
            ..self.clone()
        }
    }

    pub(crate) fn observer(&self) -> Option<Arc<dyn ScanObserver>> {
        self.observer.clone()
    }

    pub(crate) fn projection_exprs(&self) -> &ProjectionExprs {
        &self.projection.source
    }

    /// The same source, with the parser leaving out records for which `filter`, a filter over the scan's output, is not
    /// true. `None` if it can apply no part of it. The filter is to stay above the scan: a part of it may be left.
    ///
    /// Only where a value that does not fit its column costs no record: a record that a filter left out would else be
    /// missing in quarantine, or not, depending on the query. And not where all records are to bear out a sample.
    #[must_use]
    pub fn with_filter(&self, filter: &Arc<dyn PhysicalExpr>) -> Option<Self> {
        let options = &self.spec.options;
        let records_stay = options.on_bad_value() == OnBadValue::Null
            && matches!(
                options.on_bad_record(),
                OnBadRecord::Quarantine | OnBadRecord::Drop
            );
        let is_proved = self.spec.sampled.is_some();
        if !records_stay || is_proved || !self.spec.filter.is_empty() {
            return None;
        }
        let filter = self.projection.source.unproject_expr(filter).ok()?;
        let record = self.spec.schema.arrow().ok()?;
        let mut filter = leaf_predicates(&filter, &record);
        if filter.is_empty() {
            return None;
        }
        for name in filter.iter_mut().filter_map(|leaf| leaf.path.first_mut()) {
            *name = self.spec.rename.in_file(name).to_owned();
        }
        let spec = Arc::new(ScanSpec {
            filter,
            ..self.spec.as_ref().clone()
        });
        let filtered = Self {
            spec,
            ..self.clone()
        };
        filtered.config().is_ok().then_some(filtered)
    }

    /// The columns and fields that its output looks at, each by its path of names.
    #[must_use]
    pub fn looks_at(&self) -> BTreeSet<Vec<String>> {
        leaf_paths(self.projection.source.iter().map(|p| &p.expr))
    }

    /// The same source, with a parser that reads these columns and fields, too.
    #[must_use]
    pub fn reading_also(&self, also: BTreeSet<Vec<String>>) -> Self {
        let spec = Arc::new(ScanSpec {
            also,
            ..self.spec.as_ref().clone()
        });
        Self {
            spec,
            ..self.clone()
        }
    }

    /// What the parser builds, by the columns' names: the projected columns, each struct with those fields alone that
    /// are looked at; and what it [reads also](Self::reading_also).
    ///
    /// # Errors
    /// If a projected column is not there.
    pub fn reads(&self) -> Result<SchemaRef> {
        let columns = self.table.file_schema();
        let mut indices = self.projection.file_indices.clone();
        for name in self.spec.also.iter().filter_map(|path| path.first()) {
            // The others are constant for a split.
            if let Ok(index) = columns.index_of(name)
                && !indices.contains(&index)
            {
                indices.push(index);
            }
        }
        let paths = self.looks_at();
        let paths = paths.iter().chain(&self.spec.also);
        Ok(Arc::new(narrowed(&columns.project(&indices)?, paths)))
    }

    /// The parser's configuration for what is projected.
    pub(crate) fn config(&self) -> Result<FormatConfig> {
        let ScanSpec { schema, rename, .. } = self.spec.as_ref();
        let output = Arc::new(rename.schema_in_file(self.reads()?.as_ref()));
        let record = schema
            .arrow()
            .map_err(|e| DataFusionError::Plan(e.to_string()))?;
        let record = Arc::new(rename.schema_in_file(&record));
        let mut options = self.spec.options.clone();
        options.limits_mut().batch_rows_max = self.batch_rows;
        let (filter, sampled) = (self.spec.filter.clone(), self.spec.sampled.clone());
        FormatConfig::new(options, record, output, filter, sampled)
            .map_err(|e| DataFusionError::Plan(format!("source `{}`: {e}", self.spec.source)))
    }

    /// The paths of the files of which a partition of its scan reads splits.
    ///
    /// # Errors
    /// If the scan is none of ours.
    pub fn paths(&self, scan: &FileScanConfig, partition: usize) -> Result<BTreeSet<String>> {
        let group = scan.file_groups.get(partition);
        let files = group.map(FileGroup::files).unwrap_or_default();
        let paths = files.iter().map(|file| Ok(self.split_of(file)?.path));
        paths.collect()
    }

    fn split_of(&self, file: &PartitionedFile) -> Result<SplitSpec> {
        let (Some(ScalarValue::Utf8(Some(path))), Some(ScalarValue::Int32(Some(id))), Some(range)) = (
            file.partition_values.first(),
            file.partition_values.get(1),
            &file.range,
        ) else {
            return Err(DataFusionError::Internal(
                "a split without path, id or range".into(),
            ));
        };
        Ok(SplitSpec {
            id: *id,
            path: path.clone(),
            file_size: file.object_meta.size,
            start: u64::try_from(range.start).unwrap_or(0),
            end: u64::try_from(range.end).unwrap_or(0),
            known_start: self.spec.known_starts.get(id).copied(),
            pack: 0,
            member: self.spec.members.get(id).cloned(),
            content: self.spec.contents.get(id).cloned(),
        })
    }
}

fn table_schema(record: &Schema, options: &FormatOptions) -> TableSchema {
    let mut fields: Vec<FieldRef> = record.fields().iter().cloned().collect();
    fields.extend(options.meta_columns().into_iter().map(Arc::new));
    let constant = vec![
        Arc::new(Field::new(FILE_COLUMN, DataType::Utf8, false)),
        Arc::new(Field::new(SPLIT_COLUMN, DataType::Int32, false)),
    ];
    TableSchema::builder(Arc::new(Schema::new(fields)))
        .with_table_partition_cols(constant)
        .build()
}

impl FileSource for RecordSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        _base_config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let opener = RecordOpener {
            source: self.clone(),
            store: object_store,
        };
        Ok(Arc::new(opener))
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self {
            batch_rows: batch_size,
            ..self.clone()
        })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table.file_schema(), &merged);
        Ok(Some(Arc::new(Self {
            projection,
            ..self.clone()
        })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.spec.options.word()
    }

    fn supports_repartitioning(&self) -> bool {
        false // splits are planned by `cut`, and their ids are the ledger's
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut recursion = TreeNodeRecursion::Continue;
        for projected in self.projection.source.iter() {
            recursion = f(&projected.expr)?;
            if recursion == TreeNodeRecursion::Stop {
                break;
            }
        }
        Ok(recursion)
    }
}

/// Opens single files: for plans that run outside a cluster's tasks.
struct RecordOpener {
    source: RecordSource,
    store: Arc<dyn ObjectStore>,
}

impl FileOpener for RecordOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let pack = Pack::from([(
            self.source.split_of(&file)?,
            file.object_meta.location.clone(),
        )]);
        let stream = read_pack(&self.source, Arc::clone(&self.store), pack)?;
        Ok(Box::pin(async move { Ok(stream.boxed()) }))
    }
}

/// Reads the splits of one partition of a scan as one pack, which is what a
/// cluster's task does; the rows are those of the scan's own execution.
///
/// # Errors
/// If the scan cannot be set up; the stream yields errors of reading.
pub fn read_partition(
    scan: &FileScanConfig,
    source: &RecordSource,
    partition: usize,
    context: &TaskContext,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let store = context.runtime_env().object_store(&scan.object_store_url)?;
    let source = RecordSource {
        batch_rows: context.session_config().batch_size(),
        ..source.clone()
    };
    let files = scan
        .file_groups
        .get(partition)
        .map(FileGroup::files)
        .unwrap_or_default();
    let pack = files
        .iter()
        .map(|file| Ok((source.split_of(file)?, file.object_meta.location.clone())));
    Ok(read_pack(&source, store, pack.collect::<Result<_>>()?)?.boxed())
}
