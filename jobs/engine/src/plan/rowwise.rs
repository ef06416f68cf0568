//! Row-wise models: one source; projection, filter, unnest only. Each record
//! goes its own way through such a plan, so it can run in waves, and the hidden
//! column of split ids can be carried along for the ledger.

use datafusion::common::Column;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use headworks_sources::SPLIT_COLUMN;

/// The same plan with [`SPLIT_COLUMN`] as its last column, if it is row-wise.
///
/// `sources` says which tables are sources.
///
/// # Errors
/// If a rewritten node does not fit its new input: a mistake of ours.
pub(super) fn carry_split_column(
    plan: &LogicalPlan,
    sources: &dyn Fn(&str) -> bool,
) -> Result<Option<LogicalPlan>> {
    let mut unnests = 0;
    let carried = carry(plan, sources, &mut unnests)?;
    // Two unnests would need a ledger for each: such a model runs as one plan.
    Ok(carried.filter(|_| unnests <= 1))
}

fn carry(
    plan: &LogicalPlan,
    sources: &dyn Fn(&str) -> bool,
    unnests: &mut usize,
) -> Result<Option<LogicalPlan>> {
    if plan.expressions().iter().any(has_subquery) {
        return Ok(None);
    }
    match plan {
        LogicalPlan::TableScan(scan) => {
            let carried = sources(scan.table_name.table()) && scan.fetch.is_none();
            Ok(carried.then(|| plan.clone()))
        }
        LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Unnest(_) => {
            *unnests += usize::from(matches!(plan, LogicalPlan::Unnest(_)));
            let Some(input) = carry(plan.inputs()[0], sources, unnests)? else {
                return Ok(None);
            };
            Ok(Some(plan.with_new_exprs(plan.expressions(), vec![input])?))
        }
        LogicalPlan::Projection(projection) => {
            let Some(input) = carry(&projection.input, sources, unnests)? else {
                return Ok(None);
            };
            let split = input
                .schema()
                .iter()
                .find(|(_, field)| field.name() == SPLIT_COLUMN);
            let Some((qualifier, field)) = split else {
                return Ok(None);
            };
            let mut exprs = projection.expr.clone();
            if !exprs
                .iter()
                .any(|e| e.schema_name().to_string().ends_with(SPLIT_COLUMN))
            {
                exprs.push(Expr::Column(Column::from((qualifier, field))));
            }
            Ok(Some(LogicalPlan::Projection(Projection::try_new(
                exprs,
                input.into(),
            )?)))
        }
        _ => Ok(None),
    }
}

fn has_subquery(expr: &Expr) -> bool {
    let found = expr.exists(|e| {
        Ok(matches!(
            e,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
        ))
    });
    found.unwrap_or(true)
}
