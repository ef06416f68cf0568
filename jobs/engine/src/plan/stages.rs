//! The stages that a plan would run in, cut where Ballista would cut it: for users, who want to see where rows go
//! over the network.

use std::sync::Arc;

use ballista_core::JobId;
use ballista_core::execution_plans::UnresolvedShuffleExec;
use ballista_scheduler::planner::{DefaultDistributedPlanner, DistributedPlanner};
use datafusion::error::Result;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::prelude::SessionContext;

use crate::api::PlannedStage;

/// Cuts a plan.
///
/// # Errors
/// If Ballista cannot.
pub(super) fn cut(ctx: &SessionContext, plan: Arc<dyn ExecutionPlan>) -> Result<Vec<PlannedStage>> {
    let config = ctx.copied_config();
    let mut planner = DefaultDistributedPlanner::new();
    let job = JobId::from("plan".to_owned());
    let writers = planner
        .plan_query_stages(&job, plan, config.options())
        .map_err(|e| datafusion::error::DataFusionError::Plan(e.to_string()))?;
    let mut stages = Vec::with_capacity(writers.len());
    for writer in writers {
        // The node that hands rows on says nothing that the numbers do not.
        let inner = writer.children().into_iter().next().cloned();
        let inner: Arc<dyn ExecutionPlan> = match inner {
            Some(inner) => inner,
            None => continue,
        };
        let mut reads = Vec::new();
        find_reads(&inner, &mut reads);
        reads.sort_unstable();
        stages.push(PlannedStage {
            stage: number(writer.stage_id()),
            tasks: number(writer.input_partition_count()),
            reads,
            plan: displayable(inner.as_ref()).indent(false).to_string(),
        });
    }
    Ok(stages)
}

/// The stages whose rows a plan reads.
fn find_reads(plan: &Arc<dyn ExecutionPlan>, found: &mut Vec<u32>) {
    if let Some(shuffle) = plan.downcast_ref::<UnresolvedShuffleExec>() {
        found.push(number(shuffle.stage_id));
    }
    for child in plan.children() {
        find_reads(child, found);
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
