//! The order that a node wants its input in. It has to say so: Ballista looks at each stage once more, and takes a
//! sort away that nobody asked for.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::Schema;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    LexOrdering, LexRequirement, OrderingRequirements, PhysicalSortExpr,
};
use headworks_lake::SortColumn;

use super::unary::index_of;

/// The order by these columns; none without columns.
///
/// # Errors
/// If one of them is not there.
pub(crate) fn ordering(columns: &[SortColumn], schema: &Schema) -> Result<Option<LexOrdering>> {
    let mut exprs = Vec::with_capacity(columns.len());
    for column in columns {
        let index = index_of(schema, &column.name)?;
        let options = SortOptions {
            descending: column.descending,
            nulls_first: !column.descending,
        };
        let expr = Arc::new(Column::new(&column.name, index));
        exprs.push(PhysicalSortExpr::new(expr, options));
    }
    Ok(LexOrdering::new(exprs))
}

/// The same as a requirement; none where the planner did not promise these columns.
pub(super) fn required(columns: &[SortColumn], schema: &Schema) -> Option<OrderingRequirements> {
    let ordering = ordering(columns, schema).ok()??;
    Some(OrderingRequirements::new(LexRequirement::from(ordering)))
}
