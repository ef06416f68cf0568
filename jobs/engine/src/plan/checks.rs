//! The query of a check: over the table as it will be, and giving what breaks the rule.
//!
//! | Check | Its query gives |
//! | --- | --- |
//! | `not_null` | the rows with a NULL |
//! | `unique` | each key that several rows have, and how many |
//! | `accepted_values` | each other value, and how many rows have it |
//! | `relationships` | each value that the other table lacks, and how many rows have it |
//! | `sql` | what it says |
//!
//! They run as waves do, under the same guards; a plan that the engine would run wrongly is refused as for a model.
//! Values are looked up by an aggregate over both tables and not by a join: it spills, and needs no side in memory.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::functions_aggregate::count::count_all;
use datafusion::functions_aggregate::expr_fn::{max, sum};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{Expr, LogicalPlan, cast, ident, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{DataFrame, SessionContext};
use headworks_lake::{Snapshot, TableLocation};
use headworks_spec::{CheckRule, CheckSpec, ModelSpec, WriteMode};

use super::column::{FoundColumn, find_column};
use super::one_process;
use super::{LakeTable, Names, SHUFFLE_PARTITIONS_PER_SLOT, check, logical_plan, plain, register};
use crate::api::{CheckFindings, CheckRequest, EngineError};
use crate::nodes::CheckReportExec;
use crate::session;

/// The column that says how many rows a value stands for.
const ROWS: &str = "_hw_rows";
/// A value that a check looks for, and where it was found, while it does.
const VALUE: &str = "_hw_value";
const THERE: &str = "_hw_there";
/// So many columns show which row holds a NULL.
const SHOWN_COLUMNS_MAX: usize = 8;

/// Plans each check of a model, to see that it can be made.
///
/// # Errors
/// See [`crate::api::Engine::plan_checks`].
pub async fn plan_checks(request: &CheckRequest, slots: u32) -> Result<(), EngineError> {
    for check in 0..request.model.checks.len() {
        check_plan(request, check, slots).await?;
    }
    Ok(())
}

/// Refuses checks of columns that the table will not have, before its query runs: where that writes the table anew, its
/// columns `fields` are the table's. All else is found when the check is planned.
///
/// # Errors
/// The rest of a sentence about the model.
pub(super) fn check_columns(model: &ModelSpec, fields: &Fields) -> Result<(), String> {
    if model.options.mode != WriteMode::Overwrite {
        return Ok(());
    }
    for check in &model.checks {
        let (columns, values) = match &check.rule {
            CheckRule::NotNull { columns } | CheckRule::Unique { columns } => {
                (columns.as_slice(), [].as_slice())
            }
            CheckRule::AcceptedValues { column, values } => {
                (std::slice::from_ref(column), values.as_slice())
            }
            CheckRule::Relationships { column, .. } => {
                (std::slice::from_ref(column), [].as_slice())
            }
            CheckRule::RowCount { .. } | CheckRule::Sql { .. } => continue,
        };
        let fits = |column: &String| {
            let found = find_column(&model.name, fields, column)?;
            values
                .iter()
                .try_for_each(|value| accepted_value(&found, value).map(|_| ()))
        };
        let fit: Result<(), String> = columns.iter().try_for_each(fits);
        fit.map_err(|e| format!("check `{}`: {e}", check.name))?;
    }
    Ok(())
}

/// What the log alone says of a check, if it does: row counts, columns without a NULL, tables without a row.
#[must_use]
pub fn found_in_log(request: &CheckRequest, check: usize) -> Option<CheckFindings> {
    let candidate = &request.candidate;
    let rows = candidate.rows();
    let passes = match &request.model.checks.get(check)?.rule {
        CheckRule::RowCount { min, max } => {
            let missing = min.map_or(0, |min| min.saturating_sub(rows));
            let too_many = max.map_or(0, |max| rows.saturating_sub(max));
            let failing_rows = missing + too_many;
            let examples = (failing_rows > 0).then(|| format!("{{\"rows\":{rows}}}"));
            return Some(CheckFindings {
                failing_rows,
                examples: examples.into_iter().collect(),
            });
        }
        CheckRule::NotNull { columns } => {
            let none = |name: &String| {
                let found = find_column("", candidate.schema.fields(), name).ok();
                found.is_some_and(|column| candidate.null_count(&column.name) == Some(0))
            };
            rows == 0 || columns.iter().all(none)
        }
        CheckRule::Sql { .. } => false,
        _ => rows == 0,
    };
    // A column that has NULLs is asked for the rows, as examples.
    passes.then(CheckFindings::default)
}

/// Whether a model has checks that look at rows, and not at the log alone.
pub(super) fn read_rows(model: &ModelSpec) -> bool {
    let reads = |check: &CheckSpec| !matches!(check.rule, CheckRule::RowCount { .. });
    model.checks.iter().any(reads)
}

/// The plan of a check, and the session to run it in.
///
/// # Errors
/// `Configuration`, naming the check; `Engine`.
pub async fn check_plan(
    request: &CheckRequest,
    check: usize,
    slots: u32,
) -> Result<(Arc<SessionContext>, Arc<dyn ExecutionPlan>), EngineError> {
    let model = &request.model;
    let Some(spec) = model.checks.get(check) else {
        let text = format!("model `{}` has no check {check}", model.name);
        return Err(EngineError::Engine(text));
    };
    let partitions = request
        .tuning
        .shuffle_partitions
        .unwrap_or(slots * SHUFFLE_PARTITIONS_PER_SLOT)
        .max(1);
    let ctx =
        session::planner(partitions as usize).map_err(|e| EngineError::Engine(e.to_string()))?;
    let planned = Checked {
        ctx: &ctx,
        request,
        spec,
    }
    .plan()
    .await;
    let physical = planned.map_err(|e| {
        let place = match &spec.rule {
            CheckRule::Sql { sql } => format!(" ({})", sql.path),
            _ => String::new(),
        };
        EngineError::Configuration(format!(
            "model `{}`, check `{}`{place}: {e}",
            model.name, spec.name
        ))
    })?;
    Ok((Arc::new(ctx), physical))
}

/// A check that is being planned. Its errors are the rest of a sentence about it.
struct Checked<'a> {
    ctx: &'a SessionContext,
    request: &'a CheckRequest,
    spec: &'a CheckSpec,
}

impl Checked<'_> {
    async fn plan(&self) -> Result<Arc<dyn ExecutionPlan>, String> {
        let mut names = Names::default();
        self.add_table(
            &mut names,
            &self.request.model.name,
            &self.request.candidate,
        )?;
        for name in &self.spec.reads {
            let table = self.request.tables.get(name);
            let table = table.ok_or_else(|| format!("the lake has no table `{name}`"))?;
            self.add_table(&mut names, name, table)?;
        }
        let (logical, count_column) = match &self.spec.rule {
            CheckRule::Sql { sql } => (logical_plan(self.ctx, &sql.text, names).await?, None),
            rule => {
                let (rows, counted) = self.query(rule).await?;
                (
                    rows.into_unoptimized_plan(),
                    counted.then(|| ROWS.to_owned()),
                )
            }
        };
        let physical = self.physical(&logical).await.map_err(|e| plain(&e))?;
        check::check_leaves(&physical).map_err(|e| e.to_string())?;
        Ok(Arc::new(CheckReportExec::new(physical, count_column)))
    }

    fn add_table(
        &self,
        names: &mut Names,
        name: &str,
        snapshot: &Arc<Snapshot>,
    ) -> Result<(), String> {
        let location = TableLocation::new(&self.request.lake, name).map_err(|e| e.to_string())?;
        let table = LakeTable::new(&location, Arc::clone(snapshot));
        names.add_table(name, &table.schema(), false);
        register(self.ctx, name, Arc::new(table)).map_err(|e| plain(&e))
    }

    async fn physical(
        &self,
        logical: &LogicalPlan,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let state = self.ctx.state();
        let optimized = state.optimize(logical)?;
        let physical = state
            .query_planner()
            .create_physical_plan(&optimized, &state)
            .await?;
        one_process::leave(physical, state.config().target_partitions())
    }

    /// The query of a rule, and whether its rows stand for several.
    async fn query(&self, rule: &CheckRule) -> Result<(DataFrame, bool), String> {
        let counted = |rows: DataFrame| Ok((rows, true));
        let failed = |e: DataFusionError| plain(&e);
        match rule {
            CheckRule::NotNull { columns } => {
                let found = self.columns(columns)?;
                let nulls = found.iter().map(|column| column.expr.clone().is_null());
                let nulls = nulls.reduce(Expr::or).unwrap_or_else(|| lit(false));
                let rows = self.candidate().await?.filter(nulls).map_err(failed)?;
                let rows = rows.select(self.shown(&found)).map_err(failed)?;
                Ok((rows, false))
            }
            CheckRule::Unique { columns } => {
                let found = self.columns(columns)?;
                let rows = grouped(self.candidate().await?, &found).map_err(failed)?;
                counted(rows.filter(ident(ROWS).gt(lit(1_i64))).map_err(failed)?)
            }
            CheckRule::AcceptedValues { column, values } => {
                let found = self.column(column)?;
                let accepted = values
                    .iter()
                    .map(|value| accepted_value(&found, value))
                    .collect::<Result<Vec<_>, _>>()?;
                let rows = self.candidate().await?;
                let others = found.expr.clone().in_list(accepted, true);
                let rows = rows.filter(others).map_err(failed)?;
                counted(grouped(rows, &[found]).map_err(failed)?)
            }
            CheckRule::Relationships { column, to, field } => {
                let found = self.column(column)?;
                let there = find_column(to, &self.fields(to)?, field)?;
                let data_type = comparable(&found, to, &there)?;
                let ours = self.candidate().await?;
                let theirs = self.table(to).await?;
                let rows = lacking(ours, &found, theirs, &there, &data_type);
                counted(rows.map_err(failed)?)
            }
            CheckRule::RowCount { .. } => {
                // The log says it; where it does not, nothing breaks it.
                let rows = self.candidate().await?.filter(lit(false)).map_err(failed)?;
                Ok((rows, false))
            }
            CheckRule::Sql { .. } => Err("SQL is planned as it is".to_owned()),
        }
    }

    async fn candidate(&self) -> Result<DataFrame, String> {
        self.table(&self.request.model.name).await
    }

    async fn table(&self, name: &str) -> Result<DataFrame, String> {
        let table = datafusion::common::TableReference::bare(name);
        self.ctx.table(table).await.map_err(|e| plain(&e))
    }

    fn fields(&self, table: &str) -> Result<Fields, String> {
        let snapshot = match table == self.request.model.name {
            true => Some(&self.request.candidate),
            false => self.request.tables.get(table),
        };
        let snapshot = snapshot.ok_or_else(|| format!("the lake has no table `{table}`"))?;
        Ok(snapshot.schema.fields().clone())
    }

    fn column(&self, name: &str) -> Result<FoundColumn, String> {
        let table = &self.request.model.name;
        find_column(table, &self.fields(table)?, name)
    }

    fn columns(&self, names: &[String]) -> Result<Vec<FoundColumn>, String> {
        names.iter().map(|name| self.column(name)).collect()
    }

    /// The columns that show a row: those that are checked, and the first ones that are short.
    fn shown(&self, checked: &[FoundColumn]) -> Vec<Expr> {
        let mut shown: Vec<Expr> = checked.iter().map(named).collect();
        for field in self.request.candidate.schema.fields() {
            let is_checked = checked.iter().any(|column| column.name == *field.name());
            if shown.len() < SHOWN_COLUMNS_MAX && !is_checked && !field.data_type().is_nested() {
                shown.push(ident(field.name()));
            }
        }
        shown
    }
}

/// A column under the name that the table has for it.
fn named(column: &FoundColumn) -> Expr {
    column.expr.clone().alias(&column.name)
}

/// Each value of the columns, taken together and without NULLs, and how many rows have it.
fn grouped(rows: DataFrame, columns: &[FoundColumn]) -> Result<DataFrame, DataFusionError> {
    let present = columns
        .iter()
        .map(|column| column.expr.clone().is_not_null());
    let present = present.reduce(Expr::and).unwrap_or_else(|| lit(true));
    rows.filter(present)?.aggregate(
        columns.iter().map(named).collect(),
        vec![count_all().alias(ROWS)],
    )
}

/// An accepted value as one of the column's type.
fn accepted_value(column: &FoundColumn, value: &str) -> Result<Expr, String> {
    match ScalarValue::try_from_string(value.to_owned(), &column.data_type) {
        Ok(scalar) if !scalar.is_null() => Ok(lit(scalar)),
        _ => Err(format!(
            "column `{}` is {}, and `{value}` is no such value",
            column.name, column.data_type
        )),
    }
}

/// The type in which values of both columns are the same when they are equal.
fn comparable(ours: &FoundColumn, to: &str, theirs: &FoundColumn) -> Result<DataType, String> {
    // Text is never taken for a number, nor the other way round.
    let is_text = |column: &FoundColumn| column.data_type.is_string();
    let common = comparison_coercion(&ours.data_type, &theirs.data_type)
        .filter(|_| is_text(ours) == is_text(theirs));
    common.ok_or_else(|| {
        format!(
            "column `{}` is {}, and `{}` of table `{to}` is {}: they cannot be compared; CAST one of them in its model",
            ours.name, ours.data_type, theirs.name, theirs.data_type
        )
    })
}

/// The values of one column that another lacks, and how many rows have each.
fn lacking(
    ours: DataFrame,
    column: &FoundColumn,
    theirs: DataFrame,
    field: &FoundColumn,
    data_type: &DataType,
) -> Result<DataFrame, DataFusionError> {
    let values = |rows: DataFrame, column: &FoundColumn, is_theirs: bool| {
        let value = FoundColumn {
            expr: cast(column.expr.clone(), data_type.clone()),
            data_type: data_type.clone(),
            name: VALUE.to_owned(),
        };
        let there = i64::from(is_theirs);
        let rows_of_it = match is_theirs {
            true => lit(0_i64),
            false => ident(ROWS),
        };
        grouped(rows, &[value])?.select(vec![
            ident(VALUE),
            rows_of_it.alias(ROWS),
            lit(there).alias(THERE),
        ])
    };
    values(ours, column, false)?
        .union(values(theirs, field, true)?)?
        .aggregate(
            vec![ident(VALUE)],
            vec![sum(ident(ROWS)).alias(ROWS), max(ident(THERE)).alias(THERE)],
        )?
        .filter(ident(THERE).eq(lit(0_i64)))?
        .select(vec![ident(VALUE).alias(&column.name), ident(ROWS)])
}
