//! A filter that counts what it removes, by split.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{filter_record_batch, prep_null_mask_filter};
use datafusion::common::cast::as_boolean_array;
use datafusion::error::DataFusionError;
use futures::StreamExt;
use futures::stream::try_unfold;

use super::unary::prelude::*;
use super::unary::{count_by_split, index_of};
use crate::api::TaskReport;
use crate::report::{TaskId, TaskServices};

/// Keeps the rows for which the predicate is true; reports how many it removed.
#[derive(Debug, Clone)]
pub struct LedgerFilterExec {
    input: Arc<dyn ExecutionPlan>,
    predicate: Arc<dyn PhysicalExpr>,
    split_column: String,
    properties: Arc<PlanProperties>,
}

impl LedgerFilterExec {
    /// Filters `input`, whose column `split_column` holds split ids.
    #[must_use]
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        predicate: Arc<dyn PhysicalExpr>,
        split_column: impl Into<String>,
    ) -> Self {
        let properties = Arc::clone(input.properties());
        Self {
            input,
            predicate,
            split_column: split_column.into(),
            properties,
        }
    }

    /// The predicate, over the input's columns.
    #[must_use]
    pub fn predicate(&self) -> &Arc<dyn PhysicalExpr> {
        &self.predicate
    }

    /// The column of split ids.
    #[must_use]
    pub fn split_column(&self) -> &str {
        &self.split_column
    }

    fn with_input(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(
            input,
            Arc::clone(&self.predicate),
            self.split_column.clone(),
        )
    }
}

impl DisplayAs for LedgerFilterExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "LedgerFilterExec: {}", self.predicate)
    }
}

impl ExecutionPlan for LedgerFilterExec {
    unary_node!("LedgerFilterExec");

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        f(&self.predicate)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (task, services) = (TaskId::of(&context)?, TaskServices::of(&context)?);
        let split_column = index_of(&self.schema(), &self.split_column)?;
        let predicate = Arc::clone(&self.predicate);
        let input = self.input.execute(partition, context)?;
        let stream = try_unfold((input, BTreeMap::new()), move |(mut input, mut removed)| {
            let (task, services, predicate) =
                (task.clone(), Arc::clone(&services), Arc::clone(&predicate));
            async move {
                let Some(batch) = input.next().await.transpose()? else {
                    services
                        .reporter
                        .report(&task, TaskReport::Filter(removed))
                        .await?;
                    return Ok(None);
                };
                let kept = filter(&batch, &predicate, split_column, &mut removed)?;
                Ok::<_, DataFusionError>(Some((kept, (input, removed))))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            stream,
        )))
    }
}

fn filter(
    batch: &RecordBatch,
    predicate: &Arc<dyn PhysicalExpr>,
    split_column: usize,
    removed: &mut BTreeMap<i32, u64>,
) -> Result<RecordBatch> {
    let mask = predicate.evaluate(batch)?.into_array(batch.num_rows())?;
    let mask = as_boolean_array(&mask)?;
    let keep = if mask.null_count() > 0 {
        prep_null_mask_filter(mask)
    } else {
        mask.clone()
    };
    let drop = BooleanArray::new(!keep.values(), None);
    if drop.true_count() > 0 {
        let split = batch.project(&[split_column])?;
        count_by_split(&filter_record_batch(&split, &drop)?, 0, removed);
    }
    Ok(filter_record_batch(batch, &keep)?)
}
