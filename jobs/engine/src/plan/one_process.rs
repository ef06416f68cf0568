//! What a plan takes for granted within one process, and what does not hold between tasks.
//!
//! Each partition of a stage is a task of its own here, of a plan that was sent to it, and a stage knows of its input no
//! more than the schema. So before a plan is cut into stages:
//!
//! | What the planner relies on | What is done |
//! | --- | --- |
//! | a join whose left side is held whole notes in memory which rows of it found a partner, for all partitions of the right side | the right side becomes one partition |
//! | such a join, a cross join too, may read nothing of its right side if the left one is empty, so that a scan there would not end | the right side is shuffled, so its scans are in a stage of their own |
//! | rows are in order because of what is known from before a shuffle: that a column is constant, that they came from one partition | a window's input is sorted by all that it needs |

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode,
};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, InputOrderMode, WindowExpr,
    replace_children_if_necessary,
};

use super::physical::shuffle_by;

/// Makes a plan right for tasks that know nothing of one another. `partitions`: of a shuffle.
///
/// # Errors
/// The planner's.
pub(super) fn leave(
    plan: Arc<dyn ExecutionPlan>,
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if let Some(window) = sorted_window(&node)? {
            return Ok(Transformed::yes(window));
        }
        let right = match right_side(&node) {
            Right::Any => return Ok(Transformed::no(node)),
            Right::Whole(right) => one_partition(right),
            Right::Apart(right) => apart(right, partitions)?,
        };
        let left = node.children().first().copied().cloned();
        let children = left.into_iter().chain([right]).collect();
        Ok(Transformed::yes(replace_children_if_necessary(
            node, children,
        )?))
    })
    .data()
}

/// How the right side of a join must come.
enum Right {
    /// As it is, or the node is no such join.
    Any,
    /// All of it to one task.
    Whole(Arc<dyn ExecutionPlan>),
    /// From a stage of its own.
    Apart(Arc<dyn ExecutionPlan>),
}

fn right_side(node: &Arc<dyn ExecutionPlan>) -> Right {
    if let Some(join) = node.downcast_ref::<CrossJoinExec>() {
        return Right::Apart(Arc::clone(join.right()));
    }
    let (join_type, right) = if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        (*join.join_type(), join.right())
    } else if let Some(join) = node.downcast_ref::<HashJoinExec>()
        && *join.partition_mode() == PartitionMode::CollectLeft
    {
        (*join.join_type(), join.right())
    } else {
        return Right::Any;
    };
    match join_type {
        JoinType::Left
        | JoinType::Full
        | JoinType::LeftSemi
        | JoinType::LeftAnti
        | JoinType::LeftMark => Right::Whole(Arc::clone(right)),
        JoinType::Inner
        | JoinType::Right
        | JoinType::RightSemi
        | JoinType::RightAnti
        | JoinType::RightMark => Right::Apart(Arc::clone(right)),
    }
}

/// All rows in one partition. A limit of all rows asks for that, and has the planner of the stages leave it so: a mere
/// coalescing, which nothing asks for, is taken out there.
fn one_partition(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let whole = Arc::new(CoalescePartitionsExec::new(plan));
    Arc::new(GlobalLimitExec::new(whole, 0, None))
}

/// The same rows, shuffled by what can be hashed of them.
fn apart(plan: Arc<dyn ExecutionPlan>, partitions: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = plan.schema();
    let fields = schema.fields().iter();
    let columns: Vec<String> = fields
        .filter(|field| !field.data_type().is_nested())
        .map(|field| field.name().clone())
        .collect();
    let is_named_once = |name: &String| columns.iter().filter(|other| *other == name).count() == 1;
    let columns: Vec<String> = columns
        .iter()
        .filter(|c| is_named_once(c))
        .cloned()
        .collect();
    match columns.is_empty() {
        true => Ok(one_partition(plan)),
        false => shuffle_by(plan, &columns, partitions),
    }
}

/// A window over an input that is sorted by its partitions and its order; `None` if it is already, or the node is none.
fn sorted_window(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let (window, input) = if let Some(window) = node.downcast_ref::<BoundedWindowAggExec>() {
        (window.window_expr(), window.input())
    } else if let Some(window) = node.downcast_ref::<WindowAggExec>() {
        (window.window_expr(), window.input())
    } else {
        return Ok(None);
    };
    let Some(first) = window.first() else {
        return Ok(None);
    };
    let Some(needed) = needed_order(first.as_ref()) else {
        return Ok(None);
    };
    if sorted_by(input).is_some_and(|order| serves(order, first.as_ref())) {
        return Ok(None);
    }
    // A sort that does not do is for nothing.
    let unsorted = match input.downcast_ref::<SortExec>() {
        Some(sort) if sort.fetch().is_none() => Arc::clone(sort.input()),
        _ => Arc::clone(input),
    };
    let many = unsorted.output_partitioning().partition_count() > 1;
    let sorted = Arc::new(SortExec::new(needed, unsorted).with_preserve_partitioning(many));
    let exprs = window.to_vec();
    Ok(Some(match node.downcast_ref::<BoundedWindowAggExec>() {
        Some(window) => {
            let can_repartition = !window.partition_keys().is_empty();
            let mode = InputOrderMode::Sorted;
            Arc::new(BoundedWindowAggExec::try_new(
                exprs,
                sorted,
                mode,
                can_repartition,
            )?)
        }
        None => replace_children_if_necessary(Arc::clone(node), vec![sorted])?,
    }))
}

/// A window's partitions, then its order; `None` if it has neither.
fn needed_order(window: &dyn WindowExpr) -> Option<LexOrdering> {
    let partitions = window
        .partition_by()
        .iter()
        .map(|expr| PhysicalSortExpr::new(Arc::clone(expr), SortOptions::new(false, false)));
    LexOrdering::new(partitions.chain(window.order_by().iter().cloned()))
}

/// By what the rows of each partition are sorted, as far as that is to be seen in the plan of their own stage.
fn sorted_by(plan: &Arc<dyn ExecutionPlan>) -> Option<&LexOrdering> {
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        return Some(sort.expr());
    }
    if let Some(window) = plan.downcast_ref::<BoundedWindowAggExec>() {
        return sorted_by(window.input());
    }
    if let Some(window) = plan.downcast_ref::<WindowAggExec>() {
        return sorted_by(window.input());
    }
    None
}

/// Whether rows in this order do for a window: its partitions first, in any order, then its own.
fn serves(order: &LexOrdering, window: &dyn WindowExpr) -> bool {
    let mut order = order.iter().peekable();
    let mut partitions: Vec<_> = window.partition_by().iter().collect();
    while let Some(next) = order.peek().map(|next| &next.expr)
        && let Some(at) = partitions.iter().position(|expr| *expr == next)
    {
        let found = partitions.swap_remove(at);
        partitions.retain(|expr| *expr != found);
        order.next();
    }
    // What is the same for a whole partition orders nothing in it.
    let is_partition = |expr: &&PhysicalSortExpr| window.partition_by().contains(&expr.expr);
    let mut wanted = window.order_by().iter().filter(|expr| !is_partition(expr));
    partitions.is_empty() && wanted.all(|wanted| order.next() == Some(wanted))
}
