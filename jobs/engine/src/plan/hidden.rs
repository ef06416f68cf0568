//! Columns that every source offers beside those of its records (`_hw_file`, ...).
//!
//! A query that names none of them reads sources as if they had none: no wildcard, NATURAL JOIN or list of columns behind
//! an alias means them, and no error lists them. In a query that names one, [`Names`](super::names::Names) narrows the
//! wildcards.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Column, TableReference};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use headworks_sources::META_COLUMNS;

/// What all names of such columns begin with.
const PREFIX: &str = "_hw_";

/// Whether a query may name a hidden column. (A text may hold such a name, too; then the query is planned the other way.)
pub(super) fn are_named(sql: &str) -> bool {
    sql.to_ascii_lowercase().contains(PREFIX)
}

/// The table without its hidden columns.
///
/// # Errors
/// DataFusion's, which would be our own mistake.
pub(super) fn without_hidden(
    name: &str,
    table: Arc<dyn TableProvider>,
) -> Result<Arc<dyn TableProvider>> {
    let schema = table.schema();
    let is_shown = |name: &str| !META_COLUMNS.contains(&name);
    if schema.fields().iter().all(|field| is_shown(field.name())) {
        return Ok(table);
    }
    let name = TableReference::bare(name);
    let shown = schema
        .fields()
        .iter()
        .filter(|field| is_shown(field.name()));
    let shown = shown.map(|field| Expr::Column(Column::new(Some(name.clone()), field.name())));
    let shown: Vec<Expr> = shown.collect();
    let plan = LogicalPlanBuilder::scan(name, provider_as_source(table), None)?
        .project(shown)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}
