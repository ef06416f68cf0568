//! What the nodes share: unary, row order kept, partitions kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int32Type, Schema};
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::ExecutionPlan;

/// The one child that a unary node is given.
pub(super) fn only_child(
    mut children: Vec<Arc<dyn ExecutionPlan>>,
    node: &str,
) -> Result<Arc<dyn ExecutionPlan>> {
    match (children.pop(), children.is_empty()) {
        (Some(child), true) => Ok(child),
        _ => Err(DataFusionError::Internal(format!("{node} takes one child"))),
    }
}

/// Adds the batch's rows to `counts` by the value of its split column.
pub(super) fn count_by_split(batch: &RecordBatch, column: usize, counts: &mut BTreeMap<i32, u64>) {
    let ids = batch.column(column).as_primitive::<Int32Type>();
    let mut at = 0;
    // Rows of one split come together: count runs.
    while at < ids.len() {
        let id = ids.value(at);
        let run = ids.values()[at..].iter().take_while(|v| **v == id).count();
        *counts.entry(id).or_default() += run as u64;
        at += run;
    }
}

/// The index of a column that the planner promised.
pub(super) fn index_of(schema: &Schema, column: &str) -> Result<usize> {
    schema
        .index_of(column)
        .map_err(|_| DataFusionError::Internal(format!("no column {column} in the node's input")))
}

/// Implements the parts of `ExecutionPlan` that unary pass-through nodes share;
/// the node has `input`, `properties` and `fn with_input(&self, input)`.
/// `no expressions`: nor does it evaluate any. `nothing below`: no other node, such as a sort, may come between it and its
/// input.
macro_rules! unary_node {
    ($name:literal, no expressions) => {
        unary_node!($name, no expressions, true);
    };
    ($name:literal, nothing below) => {
        unary_node!($name, no expressions, false);
    };
    ($name:literal) => {
        unary_node!($name, true);
    };
    ($name:literal, no expressions, $keeps_order:literal) => {
        unary_node!($name, $keeps_order);

        fn apply_expressions(
            &self,
            _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
        ) -> Result<TreeNodeRecursion> {
            Ok(TreeNodeRecursion::Continue)
        }
    };
    ($name:literal, $keeps_order:literal) => {
        fn name(&self) -> &str {
            $name
        }

        fn properties(&self) -> &Arc<PlanProperties> {
            &self.properties
        }

        fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
            vec![&self.input]
        }

        fn maintains_input_order(&self) -> Vec<bool> {
            vec![$keeps_order]
        }

        fn benefits_from_input_partitioning(&self) -> Vec<bool> {
            vec![false]
        }

        fn replace_children(
            self: Arc<Self>,
            children: Vec<Arc<dyn ExecutionPlan>>,
            _options: ReplaceChildrenOptions,
        ) -> Result<Arc<dyn ExecutionPlan>> {
            Ok(Arc::new(self.with_input(only_child(children, $name)?)))
        }

        fn with_new_children(
            self: Arc<Self>,
            children: Vec<Arc<dyn ExecutionPlan>>,
        ) -> Result<Arc<dyn ExecutionPlan>> {
            Ok(Arc::new(self.with_input(only_child(children, $name)?)))
        }
    };
}
pub(super) use unary_node;

/// What each node's file imports for [`unary_node`].
pub(super) mod prelude {
    pub(in crate::nodes) use super::{only_child, unary_node};
    pub(in crate::nodes) use datafusion::common::tree_node::TreeNodeRecursion;
    pub(in crate::nodes) use datafusion::error::Result;
    pub(in crate::nodes) use datafusion::execution::{SendableRecordBatchStream, TaskContext};
    pub(in crate::nodes) use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    pub(in crate::nodes) use datafusion::physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
        ReplaceChildrenOptions,
    };
    pub(in crate::nodes) use std::sync::Arc;
}
