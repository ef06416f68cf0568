//! Writes each partition of its input to Parquet files that no reader can see
//! yet, and reports their manifest rows. It never commits.

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements};
use datafusion::physical_plan::Partitioning;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use futures::StreamExt;
use futures::stream::once;
use headworks_lake::{Compression, PartitionedWriter, SortColumn, TableLocation, WriterConfig};
use serde::{Deserialize, Serialize};

use super::scan_report::lake_error;
use super::sorted::required;
use super::unary::prelude::*;
use crate::api::TaskReport;
use crate::report::{Point, TaskId, TaskServices};
use crate::turns::Turn;

/// What a writer is told: travels in the plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WriteSpec {
    /// The table.
    pub table: TableLocation,
    /// Columns whose values name the folders.
    pub partition_by: Vec<String>,
    /// Whether those columns are in the files as well.
    pub partition_columns_in_files: bool,
    /// A file is closed at about this size, in bytes.
    pub target_file_bytes: u64,
    /// How pages are compressed.
    pub compression: Compression,
    /// At most so many files are open in one task.
    pub open_writers_max: usize,
    /// The column of split ids, if the model is row-wise; not written.
    pub split_column: Option<String>,
    /// How the rows of each partition come sorted.
    pub sorted_by: Vec<SortColumn>,
    /// Whether the rows are on their way to a later wave of the model, not to the table.
    pub staged: bool,
    /// Whether each file is written twice, so that checks can read it before the commit.
    pub with_copies: bool,
}

impl WriteSpec {
    /// How the rows come sorted: partition by partition, so that a file once closed is not begun again.
    #[must_use]
    pub fn input_order(&self) -> Vec<SortColumn> {
        if self.sorted_by.is_empty() {
            return Vec::new();
        }
        let folders = self.partition_by.iter().map(|name| SortColumn {
            name: name.clone(),
            descending: false,
        });
        let within = self.sorted_by.iter();
        let within = within.filter(|column| !self.partition_by.contains(&column.name));
        folders.chain(within.cloned()).collect()
    }
}

/// Writes its input; yields one row for each partition: the writer's name and
/// how many rows it wrote. The manifest rows go the way of reports.
#[derive(Debug, Clone)]
pub struct LakeWriteExec {
    input: Arc<dyn ExecutionPlan>,
    spec: Arc<WriteSpec>,
    properties: Arc<PlanProperties>,
}

fn output_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("writer", DataType::Utf8, false),
        Field::new("rows", DataType::UInt64, false),
    ]))
}

impl LakeWriteExec {
    /// Writes `input` as `spec` says.
    #[must_use]
    pub fn new(input: Arc<dyn ExecutionPlan>, spec: Arc<WriteSpec>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(output_schema()),
            Partitioning::UnknownPartitioning(input.properties().partitioning.partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            input,
            spec,
            properties: Arc::new(properties),
        }
    }

    /// What it was told.
    #[must_use]
    pub fn spec(&self) -> &WriteSpec {
        &self.spec
    }

    fn with_input(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(input, Arc::clone(&self.spec))
    }
}

impl DisplayAs for LakeWriteExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(
            f,
            "LakeWriteExec: table={}, partition_by={:?}",
            self.spec.table.table(),
            self.spec.partition_by
        )
    }
}

impl ExecutionPlan for LakeWriteExec {
    unary_node!("LakeWriteExec", no expressions);

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![required(&self.spec.input_order(), &self.input.schema())]
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (task, services) = (TaskId::of(&context)?, TaskServices::of(&context)?);
        let (spec, input_schema) = (Arc::clone(&self.spec), self.input.schema());
        let turn = Turn::of(&context);
        let mut input = self.input.execute(partition, context)?;
        let stream = once(async move {
            let attempt = task.file_stem(partition);
            let config = WriterConfig {
                partition_by: spec.partition_by.clone(),
                partition_columns_in_files: spec.partition_columns_in_files,
                target_file_bytes: spec.target_file_bytes,
                compression: spec.compression,
                open_writers_max: spec.open_writers_max,
                split_column: spec.split_column.clone(),
                sorted_by: spec.sorted_by.clone(),
                staged: spec.staged,
                with_copies: spec.with_copies,
                ..WriterConfig::new(spec.table.clone(), attempt.clone())
            };
            // Dropped before `finish`, the writer removes what it wrote.
            let mut writer = PartitionedWriter::new(config, input_schema).map_err(lake_error)?;
            while let Some(batch) = input.next().await.transpose()? {
                services.pass(&task, Point::Writing).await?;
                writer.write(&batch).map_err(lake_error)?;
                // Whoever waited for the disk is to go on soon, and this task never waits for anybody.
                tokio::task::yield_now().await;
            }
            writer.close_all().map_err(lake_error)?;
            if let Some(turn) = turn {
                turn.end();
            }
            services.pass(&task, Point::Written).await?;
            let finished = tokio::task::spawn_blocking(move || writer.finish()).await;
            let outcome = finished
                .map_err(|e| DataFusionError::External(Box::new(e)))?
                .map_err(lake_error)?;
            let rows = outcome.rows;
            services
                .reporter
                .report(&task, TaskReport::Write(outcome))
                .await?;
            let columns: Vec<ArrayRef> = vec![
                Arc::new(StringArray::from(vec![attempt])),
                Arc::new(UInt64Array::from(vec![rows])),
            ];
            Ok::<_, DataFusionError>(RecordBatch::try_new(output_schema(), columns)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            output_schema(),
            stream,
        )))
    }
}
