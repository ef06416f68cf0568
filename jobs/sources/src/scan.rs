//! Reads splits inside a task: DataFusion's `FileSource` over the pure parser.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_datasource::projection::{ProjectionOpener, SplitProjection};
use futures::StreamExt;
use futures::stream::try_unfold;
use headworks_formats::xml::{BadRecord, FedState, SplitReport, XmlConfig, XmlOptions, XmlReader};
use object_store::ObjectStore;
use serde::{Deserialize, Serialize};

use crate::chunks::Chunks;
use crate::error::{ErrorClass, TaskError};
use crate::schema::SourceSchema;
use crate::split::SplitSpec;
use crate::{FILE_COLUMN, OFFSET_COLUMN, ROW_TAG_COLUMN, SPLIT_COLUMN};

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
    pub options: XmlOptions,
    /// The full schema of a record.
    pub schema: SourceSchema,
    /// Splits, by id, that begin elsewhere than at their range's start.
    #[serde(default)]
    pub known_starts: BTreeMap<i32, u64>,
    /// Where bad records go: the lake's root and the job's id, or nowhere (the
    /// source is quarantined by an earlier model, or drops them).
    pub quarantine: Option<QuarantineTarget>,
}

/// Where a scan puts the records that it could not read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuarantineTarget {
    /// The lake's root.
    pub lake: String,
    /// The job's id, a column of the quarantine table.
    pub job_id: String,
    /// Part of the file's names: unique for each attempt at a wave.
    pub attempt: String,
}

/// XML files as a `FileSource`.
///
/// Table schema: the record's columns, then [`OFFSET_COLUMN`] and
/// [`ROW_TAG_COLUMN`], which the parser fills, then [`FILE_COLUMN`] and
/// [`SPLIT_COLUMN`], constant for each split.
#[derive(Debug, Clone)]
pub struct XmlSource {
    spec: Arc<ScanSpec>,
    table: TableSchema,
    projection: SplitProjection,
    batch_rows: usize,
    metrics: ExecutionPlanMetricsSet,
    observer: Option<Arc<dyn ScanObserver>>,
}

/// Rows of a batch, unless the session says otherwise.
const BATCH_ROWS: usize = 8192;

impl XmlSource {
    /// A source that reads all columns.
    ///
    /// # Errors
    /// If the schema in `spec` cannot be read.
    pub fn try_new(spec: ScanSpec) -> Result<Self> {
        let record = spec.schema.arrow().map_err(|e| DataFusionError::Plan(e.to_string()))?;
        let table = table_schema(&record);
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
        Self { observer: Some(observer), ..self.clone() }
    }

    fn split_of(&self, file: &PartitionedFile) -> Result<SplitSpec> {
        let (Some(ScalarValue::Utf8(Some(path))), Some(ScalarValue::Int32(Some(id))), Some(range)) =
            (file.partition_values.first(), file.partition_values.get(1), &file.range)
        else {
            return Err(DataFusionError::Internal("a split without path, id or range".into()));
        };
        Ok(SplitSpec {
            id: *id,
            path: path.clone(),
            file_size: file.object_meta.size,
            start: u64::try_from(range.start).unwrap_or(0),
            end: u64::try_from(range.end).unwrap_or(0),
            known_start: self.spec.known_starts.get(id).copied(),
            pack: 0,
        })
    }
}

fn table_schema(record: &Schema) -> TableSchema {
    let mut fields: Vec<FieldRef> = record.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(OFFSET_COLUMN, DataType::Int64, false)));
    fields.push(Arc::new(Field::new(ROW_TAG_COLUMN, DataType::Utf8, false)));
    let constant = vec![
        Arc::new(Field::new(FILE_COLUMN, DataType::Utf8, false)),
        Arc::new(Field::new(SPLIT_COLUMN, DataType::Int32, false)),
    ];
    TableSchema::new(Arc::new(Schema::new(fields)), constant)
}

impl FileSource for XmlSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        _base_config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let output = Arc::new(self.table.file_schema().project(&self.projection.file_indices)?);
        let record = self.spec.schema.arrow().map_err(|e| DataFusionError::Plan(e.to_string()))?;
        let mut options = self.spec.options.clone();
        options.limits.batch_rows_max = self.batch_rows;
        let config = XmlConfig::new(options, record, output)
            .map_err(|e| DataFusionError::Plan(format!("source `{}`: {e}", self.spec.source)))?;
        let opener = XmlOpener { source: self.clone(), config: Arc::new(config), store: object_store };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.table.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_rows: batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        "xml"
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

#[derive(Clone)]
struct XmlOpener {
    source: XmlSource,
    config: Arc<XmlConfig>,
    store: Arc<dyn ObjectStore>,
}

impl FileOpener for XmlOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let split = self.source.split_of(&file)?;
        let reader = XmlReader::new(Arc::clone(&self.config), headworks_formats::xml::Split {
            start: split.reader_start(),
            end: if split.is_last() { u64::MAX } else { split.end },
        });
        let chunks =
            Chunks::new(Arc::clone(&self.store), file.object_meta.location.clone(), &split, reader.position());
        let scan = SplitScan {
            reader,
            chunks,
            buffer: Vec::new(),
            consumed: 0,
            end: false,
            done: false,
            base_line: None,
            split,
            store: Arc::clone(&self.store),
            location: file.object_meta.location,
            observer: self.source.observer.clone(),
        };
        let stream = try_unfold(scan, |mut scan| async move {
            Ok::<_, DataFusionError>(scan.next_batch().await?.map(|batch| (batch, scan)))
        });
        Ok(Box::pin(async move { Ok(stream.boxed()) }))
    }
}

/// One split being read.
struct SplitScan {
    reader: XmlReader,
    chunks: Chunks,
    buffer: Vec<u8>,
    /// Bytes at the buffer's start that the reader is done with.
    consumed: usize,
    end: bool,
    done: bool,
    /// Lines before the split's first byte; known once a bad record asks.
    base_line: Option<u64>,
    split: SplitSpec,
    store: Arc<dyn ObjectStore>,
    location: object_store::path::Path,
    observer: Option<Arc<dyn ScanObserver>>,
}

impl SplitScan {
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.done {
                return Ok(None);
            }
            let fed = self
                .reader
                .feed(&self.buffer[self.consumed..], self.end)
                .map_err(|e| TaskError::new(ErrorClass::Input, format!("{}: {e}", self.split.path)).into_datafusion())?;
            self.consumed += fed.consumed;
            match fed.state {
                FedState::BatchReady => {
                    self.pass_on_bad_records().await?;
                    if let Some(batch) = self.take_batch()? {
                        return Ok(Some(batch));
                    }
                }
                FedState::NeedInput { at_least } => self.fill(at_least).await?,
                FedState::Done => {
                    self.done = true;
                    self.pass_on_bad_records().await?;
                    if let Some(observer) = &self.observer {
                        observer.split_done(&self.split, self.reader.report());
                    }
                    return self.take_batch();
                }
            }
        }
    }

    fn take_batch(&mut self) -> Result<Option<RecordBatch>> {
        self.reader.take_batch().map_err(|e| DataFusionError::Internal(format!("{}: {e}", self.split.path)))
    }

    /// Makes at least `at_least` bytes follow what is consumed, unless the file ends.
    async fn fill(&mut self, at_least: usize) -> Result<()> {
        if self.end {
            return Err(DataFusionError::Internal(format!("{}: the parser wants bytes behind the end", self.split.path)));
        }
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        while self.buffer.len() < at_least && !self.end {
            match self.chunks.next().await? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => self.end = true,
            }
        }
        Ok(())
    }

    async fn pass_on_bad_records(&mut self) -> Result<()> {
        let mut records = self.reader.take_bad();
        let (false, Some(observer)) = (records.is_empty(), self.observer.clone()) else { return Ok(()) };
        let base = match self.base_line {
            Some(base) => base,
            None => lines_before(Arc::clone(&self.store), self.location.clone(), &self.split).await?,
        };
        self.base_line = Some(base);
        for record in &mut records {
            record.line_in_split += base + 1; // from here on: the line in the file
        }
        observer.bad_records(&self.split, records)
    }
}

/// Counts the lines before a split's first byte: only done when a bad record
/// of a split inside a file wants its line's number.
async fn lines_before(store: Arc<dyn ObjectStore>, location: object_store::path::Path, split: &SplitSpec) -> Result<u64> {
    let from = split.reader_start().offset();
    let head = SplitSpec { start: 0, end: from, known_start: None, file_size: from, ..split.clone() };
    let mut chunks = Chunks::new(store, location, &head, 0);
    let mut lines = 0;
    while let Some(bytes) = chunks.next().await? {
        lines += memchr::memchr_iter(b'\n', &bytes).count() as u64;
    }
    Ok(lines)
}

/// The schema that a scan of `record` offers, for planning.
#[must_use]
pub fn offered_schema(record: &Schema) -> SchemaRef {
    Arc::clone(table_schema(record).table_schema())
}
