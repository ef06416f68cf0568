//! Counts what goes into an unnest and what comes out of it, by split: an
//! unnest makes several rows of a record, or none, so records and rows have
//! ledgers of their own.

use std::collections::BTreeMap;

use datafusion::error::DataFusionError;
use futures::StreamExt;
use futures::stream::try_unfold;

use super::unary::prelude::*;
use super::unary::{count_by_split, index_of};
use crate::api::TaskReport;
use crate::report::{TaskId, TaskServices};

/// Which side of the unnest a counter stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnnestSide {
    /// Below: records.
    In,
    /// Above: rows.
    Out,
}

/// Passes rows on and counts them.
#[derive(Debug, Clone)]
pub struct UnnestReportExec {
    input: Arc<dyn ExecutionPlan>,
    split_column: String,
    side: UnnestSide,
    properties: Arc<PlanProperties>,
}

impl UnnestReportExec {
    /// Counts the rows of `input` by its column `split_column`.
    #[must_use]
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        split_column: impl Into<String>,
        side: UnnestSide,
    ) -> Self {
        Self {
            properties: Arc::clone(input.properties()),
            input,
            split_column: split_column.into(),
            side,
        }
    }

    /// The column of split ids.
    #[must_use]
    pub fn split_column(&self) -> &str {
        &self.split_column
    }

    /// Which side it counts.
    #[must_use]
    pub fn side(&self) -> UnnestSide {
        self.side
    }

    fn with_input(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(input, self.split_column.clone(), self.side)
    }
}

impl DisplayAs for UnnestReportExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "UnnestReportExec: {:?}", self.side)
    }
}

impl ExecutionPlan for UnnestReportExec {
    unary_node!("UnnestReportExec", no expressions);

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (task, services) = (TaskId::of(&context)?, TaskServices::of(&context)?);
        let column = index_of(&self.schema(), &self.split_column)?;
        let side = self.side;
        let input = self.input.execute(partition, context)?;
        let stream = try_unfold((input, BTreeMap::new()), move |(mut input, mut counts)| {
            let (task, services) = (task.clone(), Arc::clone(&services));
            async move {
                let Some(batch) = input.next().await.transpose()? else {
                    let report = match side {
                        UnnestSide::In => TaskReport::Unnest {
                            records_in: counts,
                            rows_out: BTreeMap::new(),
                        },
                        UnnestSide::Out => TaskReport::Unnest {
                            records_in: BTreeMap::new(),
                            rows_out: counts,
                        },
                    };
                    services.reporter.report(&task, report).await?;
                    return Ok(None);
                };
                count_by_split(&batch, column, &mut counts);
                Ok::<_, DataFusionError>(Some((batch, (input, counts))))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            stream,
        )))
    }
}
