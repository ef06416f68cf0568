//! From the optimized physical plan to the plan of a wave: counters on scans,
//! filters and unnests, rows brought together by partition, the writer on top.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::physical_plan::FileScanConfigBuilder;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, Partitioning, PhysicalExpr,
    replace_children_if_necessary,
};
use headworks_lake::SortColumn;
use headworks_sources::SPLIT_COLUMN;

use crate::nodes::{
    LakeWriteExec, LedgerFilterExec, ScanReportExec, UnnestReportExec, UnnestSide, WriteSpec,
    ordering, source_of,
};

/// Hands filters that stand right above a scan down to the parser, as far as it
/// can apply them. They stay where they are, too.
pub(super) fn push_filters(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let Some(filter) = node.downcast_ref::<FilterExec>() else {
            return Ok(Transformed::no(node));
        };
        let Some((config, source)) = source_of(filter.input().as_ref()) else {
            return Ok(Transformed::no(node));
        };
        let Some(filtered) = source.with_filter(filter.predicate()) else {
            return Ok(Transformed::no(node));
        };
        let config = FileScanConfigBuilder::from(config.clone())
            .with_source(Arc::new(filtered))
            .build();
        let scan = DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>;
        Ok(Transformed::yes(replace_children_if_necessary(
            node,
            vec![scan],
        )?))
    })
    .data()
}

/// Puts a [`ScanReportExec`] on every scan of a source, and, in a row-wise
/// plan, counters on its filters and its unnest.
pub(super) fn add_counters(
    plan: Arc<dyn ExecutionPlan>,
    row_wise: bool,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if source_of(node.as_ref()).is_some() {
            return Ok(Transformed::yes(
                Arc::new(ScanReportExec::new(node)) as Arc<dyn ExecutionPlan>
            ));
        }
        if !row_wise {
            return Ok(Transformed::no(node));
        }
        if let Some(filter) = node.downcast_ref::<FilterExec>() {
            // Before an unnest it removes records, behind it rows: the audit
            // has one equation for both.
            return Ok(Transformed::yes(counted_filter(filter)?));
        }
        if node.is::<UnnestExec>() {
            let records = Arc::clone(node.children()[0]);
            let records = Arc::new(UnnestReportExec::new(records, SPLIT_COLUMN, UnnestSide::In));
            let unnest = replace_children_if_necessary(node, vec![records])?;
            let rows = UnnestReportExec::new(unnest, SPLIT_COLUMN, UnnestSide::Out);
            return Ok(Transformed::yes(Arc::new(rows) as Arc<dyn ExecutionPlan>));
        }
        Ok(Transformed::no(node))
    })
    .data()
}

fn counted_filter(filter: &FilterExec) -> Result<Arc<dyn ExecutionPlan>> {
    let input = Arc::clone(filter.input());
    let schema = input.schema();
    let counted: Arc<dyn ExecutionPlan> = Arc::new(LedgerFilterExec::new(
        input,
        Arc::clone(filter.predicate()),
        SPLIT_COLUMN,
    ));
    let Some(projection) = filter.projection().as_ref() else {
        return Ok(counted);
    };
    let columns = projection.iter().map(|index| {
        let name = schema.field(*index).name();
        ProjectionExpr {
            expr: Arc::new(Column::new(name, *index)) as _,
            alias: name.clone(),
        }
    });
    Ok(Arc::new(ProjectionExec::try_new(
        columns.collect::<Vec<_>>(),
        counted,
    )?))
}

/// Brings rows of one partition value together, so that tasks' shares of them
/// do not become many small files.
///
/// # Errors
/// If a column is not in the plan's output.
pub(super) fn shuffle_by(
    plan: Arc<dyn ExecutionPlan>,
    columns: &[String],
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = plan.schema();
    let keys = columns.iter().map(|name| {
        Ok(Arc::new(Column::new(name, schema.index_of(name)?)) as Arc<dyn PhysicalExpr>)
    });
    let keys = keys.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(RepartitionExec::try_new(
        plan,
        Partitioning::Hash(keys, partitions.max(1)),
    )?))
}

/// Sorts the rows of each partition of the plan; what does not fit into memory goes to the disk.
///
/// # Errors
/// If a column is not in the plan's output.
pub(super) fn sort_within(
    plan: Arc<dyn ExecutionPlan>,
    columns: &[SortColumn],
) -> Result<Arc<dyn ExecutionPlan>> {
    Ok(match ordering(columns, &plan.schema())? {
        Some(ordering) => Arc::new(SortExec::new(ordering, plan).with_preserve_partitioning(true)),
        None => plan,
    })
}

/// Whether tasks' shares of a partitioned model would make small files.
#[must_use]
pub(super) fn would_scatter(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.output_partitioning().partition_count() > 1
}

/// The writer on top.
#[must_use]
pub(super) fn write(plan: Arc<dyn ExecutionPlan>, spec: WriteSpec) -> Arc<dyn ExecutionPlan> {
    Arc::new(LakeWriteExec::new(plan, Arc::new(spec)))
}
