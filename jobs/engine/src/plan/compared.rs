//! Values that are compared, brought to one type in which nothing is lost.
//!
//! | Beside | Stands | The planner would | Here |
//! | --- | --- | --- | --- |
//! | a float | a decimal, such as `0.5` in SQL | make a decimal of 15 places of the float, or fail if it is large | the decimal becomes a float |
//! | a date, or a moment in microseconds | a moment in nanoseconds, such as `TIMESTAMP '...'` and `now()` | make nanoseconds of both, and fail for years before 1677 and after 2262 | both become moments in microseconds |

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, cast};

/// Functions whose arguments become one type.
const OF_ONE_TYPE: [&str; 6] = ["coalesce", "greatest", "ifnull", "least", "nullif", "nvl"];

/// Brings values in a query that was not analysed yet to types in which they can be compared.
///
/// # Errors
/// The planner's.
pub(super) fn in_one_type(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        for input in node.inputs() {
            schema.merge(input.schema());
        }
        let names = NamePreserver::new(&node);
        let changed = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let changed = expr.transform_up(|part| Ok(in_part(part, &schema)))?;
            Ok(changed.update_data(|expr| name.restore(expr)))
        })?;
        match changed.transformed {
            true => changed.map_data(LogicalPlan::recompute_schema),
            false => Ok(changed),
        }
    })
    .data()
}

fn in_part(mut part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let changed = match &mut part {
        Expr::BinaryExpr(binary) if takes_one_type(binary.op) => {
            bring(vec![&mut binary.left, &mut binary.right], schema)
        }
        Expr::Between(between) => bring(
            vec![&mut between.expr, &mut between.low, &mut between.high],
            schema,
        ),
        Expr::InList(list) => {
            let values = list.list.iter_mut();
            bring(
                std::iter::once(&mut *list.expr).chain(values).collect(),
                schema,
            )
        }
        Expr::Case(case) => {
            let (mut compared, mut given) = (Vec::new(), Vec::new());
            for (when, then) in &mut case.when_then_expr {
                compared.push(when.as_mut());
                given.push(then.as_mut());
            }
            given.extend(case.else_expr.as_deref_mut());
            let given = bring(given, schema);
            match case.expr.as_deref_mut() {
                Some(expr) => {
                    compared.push(expr);
                    bring(compared, schema) | given
                }
                None => given,
            }
        }
        Expr::ScalarFunction(call) if OF_ONE_TYPE.contains(&call.name()) => {
            bring(call.args.iter_mut().collect(), schema)
        }
        _ => false,
    };
    match changed {
        true => Transformed::yes(part),
        false => Transformed::no(part),
    }
}

fn takes_one_type(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// Casts those of the values that would have others changed; whether there are any.
fn bring(values: Vec<&mut Expr>, schema: &DFSchema) -> bool {
    // What has no type yet is none of those that are cast.
    let types: Vec<DataType> = values
        .iter()
        .map(|value| value.get_type(schema).unwrap_or(DataType::Null))
        .collect();
    let has_float = types.iter().any(DataType::is_floating);
    let zone = types.iter().find_map(|data_type| match data_type {
        DataType::Timestamp(_, zone) => Some(zone.clone()),
        _ => None,
    });
    let has_coarse = types.iter().any(|data_type| {
        use TimeUnit::{Microsecond, Millisecond, Second};
        matches!(
            data_type,
            DataType::Date32 | DataType::Timestamp(Microsecond | Millisecond | Second, _)
        )
    });
    let mut changed = false;
    for (value, data_type) in values.into_iter().zip(types) {
        let wanted = match data_type {
            DataType::Decimal128(..) | DataType::Decimal256(..) if has_float => DataType::Float64,
            DataType::Timestamp(TimeUnit::Nanosecond, zone) if has_coarse => {
                DataType::Timestamp(TimeUnit::Microsecond, zone)
            }
            DataType::Date32 if let Some(zone) = &zone => {
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
            }
            _ => continue,
        };
        *value = cast(std::mem::take(value), wanted);
        changed = true;
    }
    changed
}
