//! An execution engine whose tasks have [turns](crate::turns), and end when Ballista gives them up (B4, B5).

use std::fmt;
use std::sync::Arc;

use ballista_core::JobId;
use ballista_core::serde::protobuf::{
    RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats, WindowStateReport,
};
use ballista_executor::execution_engine::{
    DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::TaskContext;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};
use datafusion::prelude::SessionConfig;
use tokio::sync::watch;

use super::value_fault;
use crate::api::TaskReport;
use crate::guards::Guards;
use crate::nodes::StopExec;
use crate::report::{TaskId, TaskServices};
use crate::turns::{Turn, Turns};

/// Ballista's engine, with a [`StopExec`] under each task's shuffle writer.
pub(super) struct StoppableEngine {
    inner: DefaultExecutionEngine,
    guards: Guards,
    turns: Arc<Turns>,
}

impl StoppableEngine {
    /// Of an executor with so many cores.
    pub(super) fn new(guards: Guards, cores: usize) -> Self {
        Self {
            inner: DefaultExecutionEngine::new(),
            guards,
            turns: Arc::new(Turns::new(cores)),
        }
    }
}

impl ExecutionEngine for StoppableEngine {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        stage_id: usize,
        task_id: usize,
        global_output_partition_ids: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        work_dir: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        let (stop, stopped) = watch::channel(false);
        let guarded = self.guards.b4_stop_cancelled_tasks && self.guards.b5_stop_abandoned_shuffles;
        let plan = if guarded {
            let input = plan.children().first().copied().cloned().ok_or_else(|| {
                DataFusionError::Internal("a stage without a plan under its shuffle writer".into())
            })?;
            let input: Arc<dyn ExecutionPlan> = Arc::new(StopExec::new(input, stopped));
            plan.replace_children(
                vec![input],
                ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
            )?
        } else {
            plan
        };
        let inner = self.inner.create_query_stage_exec(
            job_id,
            stage_id,
            task_id,
            global_output_partition_ids,
            plan,
            work_dir,
            config,
        )?;
        Ok(Arc::new(StoppableStage {
            inner,
            stop,
            turns: Arc::clone(&self.turns),
        }))
    }
}

/// One task; its streams end when the future that runs it is dropped.
struct StoppableStage {
    inner: Arc<dyn QueryStageExecutor>,
    stop: watch::Sender<bool>,
    turns: Arc<Turns>,
}

/// Says stop when dropped, unless the task had ended.
struct StopOnDrop<'a>(&'a watch::Sender<bool>);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

#[async_trait::async_trait]
impl QueryStageExecutor for StoppableStage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        // Ended or dropped: either way nothing of this task should go on.
        let _stop = StopOnDrop(&self.stop);
        let teller = TaskId::of(&context).and_then(|task| Ok((task, TaskServices::of(&context)?)));
        let context = Arc::new(self.turns.begin(&context).await);
        // Something of the task may live on for a moment, with its context.
        let turn = Turn::of(&context).map(Turn::guard);
        let done = self.inner.execute_query_stage(task_id, context).await;
        drop(turn);
        // Ballista says so only once, and the message may be lost (B8).
        if let Ok((task, services)) = teller
            && let Err(error) = services.reporter.report(&task, TaskReport::Ended).await
        {
            tracing::warn!("the end of a task is not told: {error}");
        }
        done.map_err(value_fault::told)
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        self.inner.collect_plan_metrics()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.inner.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.inner.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.inner.collect_column_stats()
    }
}

impl fmt::Debug for StoppableStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoppableStage({:?})", self.inner)
    }
}

impl fmt::Display for StoppableStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoppableStage: {}", self.inner)
    }
}
