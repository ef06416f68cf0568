//! `row_number() OVER (PARTITION BY ... ORDER BY ...) = 1`, without a window.
//!
//! The filter stays where it is. Beneath it stands a node that keeps the first row of each key, and a constant in the
//! place of the number: all rows that the filter would have kept, with the number that they would have had.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_expr::window::StandardWindowExpr;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowUDFExpr};
use datafusion::physical_plan::{
    ExecutionPlan, InputOrderMode, PhysicalExpr, replace_children_if_necessary,
};

use crate::nodes::{FirstOfKeyExec, FirstOfKeySpec, SortedColumn};

/// The same plan, with each such window replaced whose key and order are columns.
pub(crate) fn keep_first_rows(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        Ok(match node.downcast_ref::<FilterExec>() {
            Some(filter) => match replaced(filter)? {
                Some(input) => Transformed::yes(replace_children_if_necessary(node, vec![input])?),
                None => Transformed::no(node),
            },
            None => Transformed::no(node),
        })
    })
    .data()
}

/// The filter's input without its window; `None` if it has none that can be replaced.
fn replaced(filter: &FilterExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let input = filter.input();
    let mut number = split_conjunction(filter.predicate())
        .into_iter()
        .find_map(is_one);
    // A projection between the two may have moved the column.
    let projection = input.downcast_ref::<ProjectionExec>();
    if let Some(projection) = projection {
        number = number.and_then(|index| {
            let expr = &projection.expr().get(index)?.expr;
            Some(expr.downcast_ref::<Column>()?.index())
        });
    }
    let below = projection.map_or(input, |projection| projection.input());
    let (Some(number), Some(window)) = (number, below.downcast_ref::<BoundedWindowAggExec>())
    else {
        return Ok(None);
    };
    let Some(first) = first_rows(window, number) else {
        return Ok(None);
    };
    Ok(Some(match projection {
        Some(_) => replace_children_if_necessary(Arc::clone(input), vec![first])?,
        None => first,
    }))
}

/// The index of the column that an expression says to be 1.
fn is_one(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    let equal = expr.downcast_ref::<BinaryExpr>()?;
    let one = |side: &Arc<dyn PhysicalExpr>| {
        let literal = side.downcast_ref::<Literal>();
        literal.is_some_and(|l| *l.value() == ScalarValue::UInt64(Some(1)))
    };
    let column = |side: &Arc<dyn PhysicalExpr>| Some(side.downcast_ref::<Column>()?.index());
    match (equal.op(), one(equal.left()), one(equal.right())) {
        (Operator::Eq, false, true) => column(equal.left()),
        (Operator::Eq, true, false) => column(equal.right()),
        _ => None,
    }
}

/// The first row of each key of a window that does nothing but number rows, in column `number`, and a 1 for each.
fn first_rows(window: &BoundedWindowAggExec, number: usize) -> Option<Arc<dyn ExecutionPlan>> {
    let input = window.input();
    let schema = window.schema();
    let [expr] = window.window_expr() else {
        return None;
    };
    let is_last_column = number == input.schema().fields().len();
    if !is_last_column || window.input_order_mode != InputOrderMode::Sorted {
        return None;
    }
    let function = expr.as_any().downcast_ref::<StandardWindowExpr>()?;
    let function = function.get_standard_func_expr();
    if function
        .as_any()
        .downcast_ref::<WindowUDFExpr>()?
        .fun()
        .name()
        != "row_number"
    {
        return None;
    }
    let name_of = |expr: &Arc<dyn PhysicalExpr>| {
        let column = expr.downcast_ref::<Column>()?;
        // Names must tell the columns apart: the node finds them by name.
        let of_that_name = input
            .schema()
            .fields()
            .iter()
            .filter(|f| f.name() == column.name())
            .count();
        (of_that_name == 1).then(|| column.name().to_owned())
    };
    // The input is sorted by the key in some order, and in some direction: as it says itself.
    let sorted = input.properties().output_ordering()?.clone();
    let keys: Vec<String> = expr
        .partition_by()
        .iter()
        .map(name_of)
        .collect::<Option<_>>()?;
    if keys.is_empty() {
        return None;
    }
    let orders = expr.order_by();
    let wanted = keys.len() + orders.len();
    let mut sorted_by = Vec::with_capacity(wanted);
    for (at, sort) in sorted.iter().take(wanted).enumerate() {
        let name = name_of(&sort.expr)?;
        let fits = match at.checked_sub(keys.len()) {
            None => keys.contains(&name),
            Some(at) => orders[at].expr.eq(&sort.expr) && orders[at].options == sort.options,
        };
        if !fits {
            return None;
        }
        sorted_by.push(SortedColumn {
            name,
            descending: sort.options.descending,
            nulls_first: sort.options.nulls_first,
        });
    }
    if sorted_by.len() < wanted {
        return None;
    }
    let spec = FirstOfKeySpec {
        sorted_by,
        key_columns: keys.len(),
    };
    let first = Arc::new(FirstOfKeyExec::new(Arc::clone(input), Arc::new(spec)));
    let passed = input.schema();
    let columns = passed.fields().iter().enumerate().map(|(index, field)| {
        let expr = Arc::new(Column::new(field.name(), index)) as Arc<dyn PhysicalExpr>;
        (expr, field.name().clone())
    });
    let one = Arc::new(Literal::new(ScalarValue::UInt64(Some(1)))) as Arc<dyn PhysicalExpr>;
    let columns = columns.chain([(one, schema.field(number).name().clone())]);
    let exprs = columns.map(|(expr, alias)| ProjectionExpr { expr, alias });
    let projected = ProjectionExec::try_new(exprs.collect::<Vec<_>>(), first).ok()?;
    Some(Arc::new(projected))
}
