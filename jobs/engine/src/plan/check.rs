//! What the engine would run wrongly is refused before it runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::displayable;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use headworks_sources::{FILE_COLUMN, OFFSET_COLUMN, SPLIT_COLUMN};

use crate::api::EngineError;
use crate::nodes::source_of;

/// Refuses a plan with a leaf that is not sliced over tasks: each task would
/// read it whole, and its rows would be multiplied.
///
/// # Errors
/// `Configuration`, naming the leaf.
pub(super) fn check_leaves(plan: &Arc<dyn ExecutionPlan>) -> Result<(), EngineError> {
    let children = plan.children();
    if plan.is::<UnionExec>()
        && plan
            .exists(|node| Ok(node.is::<PlaceholderRowExec>()))
            .unwrap_or(true)
    {
        return Err(EngineError::Configuration(
            "a SELECT without FROM is a part of a UNION here, and cannot be cut into tasks; write `VALUES (1, 'a')` in place \
             of `SELECT 1, 'a'`"
                .to_owned(),
        ));
    }
    if children.is_empty() && !is_sliced(plan) {
        let leaf = displayable(plan.as_ref()).one_line().to_string();
        return Err(EngineError::Configuration(format!(
            "the query reads from `{}`, which cannot be cut into tasks: every task would read all of it and its rows \
             would be multiplied; read it from files (a source, or another model) instead",
            leaf.trim()
        )));
    }
    children.into_iter().try_for_each(check_leaves)
}

fn is_sliced(leaf: &Arc<dyn ExecutionPlan>) -> bool {
    let one_partition = leaf.output_partitioning().partition_count() == 1;
    if leaf.is::<EmptyExec>() || leaf.is::<PlaceholderRowExec>() {
        return one_partition;
    }
    leaf.downcast_ref::<DataSourceExec>().is_some_and(|exec| {
        let source = exec.data_source();
        source.downcast_ref::<FileScanConfig>().is_some()
            || source.downcast_ref::<MemorySourceConfig>().is_some()
    })
}

/// Refuses a LIMIT that stops reading a source early: its bytes would stay
/// unread, and the ledger could not close.
///
/// # Errors
/// `Configuration`.
pub(super) fn check_limits(
    plan: &LogicalPlan,
    sources: &dyn Fn(&str) -> bool,
) -> Result<(), EngineError> {
    if matches!(plan, LogicalPlan::Limit(_)) && streams_from_source(plan, sources) {
        return Err(EngineError::Configuration(
            "LIMIT without ORDER BY over a source stops reading early, so the job could not prove that it read every \
             record; put the LIMIT on a query over the finished model (`headworks sql`), or add ORDER BY"
                .into(),
        ));
    }
    plan.inputs()
        .into_iter()
        .try_for_each(|input| check_limits(input, sources))
}

/// Refuses a query of which the optimizer found that it needs nothing of a source: its files would stay unread, and the
/// ledger could not close.
///
/// # Errors
/// `Configuration`, naming the source.
pub(super) fn check_scans<'a>(
    plan: &Arc<dyn ExecutionPlan>,
    sources: impl IntoIterator<Item = &'a String>,
) -> Result<(), EngineError> {
    let mut scanned = BTreeSet::new();
    let looked = plan.apply(|node| {
        if let Some((_, source)) = source_of(node.as_ref()) {
            scanned.insert(source.spec().source.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    looked.map_err(|e| EngineError::Engine(e.to_string()))?;
    match sources
        .into_iter()
        .find(|source| !scanned.contains(*source))
    {
        None => Ok(()),
        Some(source) => Err(EngineError::Configuration(format!(
            "the query needs no record of source `{source}`, so the job could not prove that it read every one: look \
             for a condition that is never true (`WHERE false`, `= NULL`), LIMIT 0, or a join of which nothing is used"
        ))),
    }
}

/// Refuses a subquery in place of a value that may give several rows: each of them would multiply the query's own.
///
/// # Errors
/// As text for users.
pub(super) fn check_values(plan: &LogicalPlan) -> Result<(), String> {
    let mut is_sure = true;
    let looked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let Expr::ScalarSubquery(query) = part {
                    is_sure &= query.subquery.max_rows().is_some_and(|rows| rows <= 1);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    looked.map_err(|e| e.to_string())?;
    if is_sure {
        return Ok(());
    }
    Err(
        "a subquery that stands for a value may give several rows; make sure of one with an aggregate (`max(...)`), or \
         with ORDER BY and LIMIT 1"
            .to_owned(),
    )
}

/// Refuses `NOT IN (SELECT ...)` where the planner would not heed NULLs, which is under OR and the like; and subqueries that
/// say yes or no where it has no plan for them, which is outside of conditions.
///
/// # Errors
/// As text for users.
pub(super) fn check_memberships(plan: &LogicalPlan) -> Result<(), String> {
    let is_membership = |expr: &Expr| matches!(expr, Expr::InSubquery(_) | Expr::Exists(_));
    let is_negated = |expr: &Expr| match expr {
        Expr::InSubquery(query) => query.negated,
        Expr::Not(inner) => matches!(**inner, Expr::InSubquery(_)),
        _ => false,
    };
    let (mut ignores_null, mut misplaced) = (false, false);
    let looked = plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::Filter(filter) => {
                for condition in split_conjunction(&filter.predicate) {
                    ignores_null |= !is_membership(condition)
                        && condition.exists(|part| Ok(is_negated(part)))?;
                }
            }
            LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Sort(_) => {
                node.apply_expressions(|expr| {
                    misplaced |= expr.exists(|part| Ok(is_membership(part)))?;
                    Ok(TreeNodeRecursion::Continue)
                })?;
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    looked.map_err(|e| e.to_string())?;
    if misplaced {
        return Err(
            "IN (SELECT ...) and EXISTS can stand in WHERE and HAVING alone; for a column that says yes or no, LEFT JOIN the \
             subquery's distinct values, and ask whether there was one (IS NOT NULL)"
                .to_owned(),
        );
    }
    if ignores_null {
        return Err(
            "NOT IN (SELECT ...) under OR, NOT or CASE would take NULL for a value that is not there; write NOT EXISTS \
             (SELECT 1 FROM ... WHERE ... = ...), or let it be a condition of its own, joined by AND"
                .to_owned(),
        );
    }
    Ok(())
}

/// Refuses a query that names [`SPLIT_COLUMN`]: how files are cut is nothing that a table may depend on.
///
/// # Errors
/// `Configuration`.
pub(super) fn check_names(plan: &LogicalPlan) -> Result<(), EngineError> {
    let is_internal =
        |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == SPLIT_COLUMN);
    let mut is_named = plan
        .schema()
        .fields()
        .iter()
        .any(|field| field.name() == SPLIT_COLUMN);
    let looked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            is_named |= expr.exists(|part| Ok(is_internal(part)))?;
            Ok(TreeNodeRecursion::Continue)
        })
    });
    looked.map_err(|e| EngineError::Engine(e.to_string()))?;
    if is_named {
        return Err(EngineError::Configuration(format!(
            "`{SPLIT_COLUMN}` is a name of Headworks' own: it says how files are cut, which differs from run to run; \
             `{FILE_COLUMN}` and `{OFFSET_COLUMN}` say where a record stands"
        )));
    }
    Ok(())
}

fn streams_from_source(plan: &LogicalPlan, sources: &dyn Fn(&str) -> bool) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => sources(scan.table_name.table()),
        // The limit is handed down into all others, which stop when they have as many rows.
        LogicalPlan::Sort(_) => false,
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => false,
        _ => plan
            .inputs()
            .into_iter()
            .any(|input| streams_from_source(input, sources)),
    }
}
