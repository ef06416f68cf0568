//! Tells which data files hold rows that an upsert touches: its input names the file of each such row.

use std::collections::BTreeSet;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::UInt32Type;
use datafusion::error::DataFusionError;
use futures::StreamExt;
use futures::stream::once;

use super::unary::index_of;
use super::unary::prelude::*;
use crate::api::TaskReport;
use crate::report::{TaskId, TaskServices};

/// The column of a table's scan that holds the place of each row's file among those of the table's snapshot.
pub const DATA_FILE_COLUMN: &str = "_hw_data_file";

/// Collects the values of [`DATA_FILE_COLUMN`] and reports them; yields no rows.
#[derive(Debug, Clone)]
pub struct TouchedFilesExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl TouchedFilesExec {
    /// Collects those of `input`.
    #[must_use]
    pub fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        Self {
            properties: Arc::clone(input.properties()),
            input,
        }
    }

    fn with_input(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(input)
    }
}

impl DisplayAs for TouchedFilesExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "TouchedFilesExec")
    }
}

impl ExecutionPlan for TouchedFilesExec {
    unary_node!("TouchedFilesExec", no expressions);

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (task, services) = (TaskId::of(&context)?, TaskServices::of(&context)?);
        let column = index_of(&self.schema(), DATA_FILE_COLUMN)?;
        let mut input = self.input.execute(partition, context)?;
        let stream = once(async move {
            let mut touched = BTreeSet::new();
            while let Some(batch) = input.next().await.transpose()? {
                let files = batch.column(column).as_primitive::<UInt32Type>();
                touched.extend(files.iter().flatten());
            }
            let report = TaskReport::Touched(touched);
            services.reporter.report(&task, report).await?;
            Ok::<_, DataFusionError>(())
        })
        .filter_map(async |done| done.err().map(Err));
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            stream,
        )))
    }
}
