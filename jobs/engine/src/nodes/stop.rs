//! Ends a task's streams when the task is given up.
//!
//! Ballista's cancel drops the outer future of a task only; what its shuffle
//! writer has spawned runs on, and writes its files (B4), which may be those
//! of the task's next try (B5). This node sits under the shuffle writer, sees
//! the word to stop, and ends the stream with an error, so that writers above
//! discard what they have.

use datafusion::error::DataFusionError;
use futures::StreamExt;
use futures::stream::unfold;
use tokio::sync::watch;

use super::unary::prelude::*;

/// Passes its input on until told to stop. Lives on executors only: it is put
/// into the plan there and never encoded.
#[derive(Debug, Clone)]
pub struct StopExec {
    input: Arc<dyn ExecutionPlan>,
    stop: watch::Receiver<bool>,
    properties: Arc<PlanProperties>,
}

impl StopExec {
    /// Stops when `stop` says true, or its sender is gone.
    #[must_use]
    pub fn new(input: Arc<dyn ExecutionPlan>, stop: watch::Receiver<bool>) -> Self {
        Self {
            properties: Arc::clone(input.properties()),
            input,
            stop,
        }
    }

    fn with_input(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(input, self.stop.clone())
    }
}

impl DisplayAs for StopExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "StopExec")
    }
}

impl ExecutionPlan for StopExec {
    unary_node!("StopExec", no expressions);

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let state = Some((input, self.stop.clone()));
        let stream = unfold(state, |state| async move {
            let (mut input, mut stop) = state?;
            let next = tokio::select! {
                biased;
                // An error means that the sender is gone: the task as well.
                _ = stop.wait_for(|stopped| *stopped) => None,
                batch = input.next() => Some(batch),
            };
            match next {
                None => Some((
                    Err(DataFusionError::Execution("the task was stopped".into())),
                    None,
                )),
                Some(batch) => batch.map(|batch| (batch, Some((input, stop)))),
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            stream,
        )))
    }
}
