//! `headworks sql "SELECT ..."`: a query over the committed tables of a lake,
//! within this process.

use super::lake::check_place;
use crate::cli::Sql;
use crate::connect::engine_failure;
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::rows::RowPrinter;

/// Runs a query and prints its rows as they come.
///
/// # Errors
/// When the query does not plan, a table is not there, or reading fails.
pub(crate) async fn run(context: &Context, args: Sql) -> Result<Exit, Failure> {
    check_place(&args.lake.lake)?;
    let mut rows = headworks_engine::sql::query(&args.lake.lake, &args.query)
        .await
        .map_err(engine_failure)?;
    let schema = rows.schema.clone();
    let mut printer = RowPrinter::new(context.output);
    let unprintable =
        |e: arrow::error::ArrowError| Failure::failed(format!("a value cannot be printed: {e}"));
    output::data(&printer.begin(&schema))?;
    while let Some(batch) = rows.next().await.map_err(engine_failure)? {
        output::data(&printer.batch(&batch).map_err(unprintable)?)?;
    }
    output::data(&printer.end(&schema))?;
    Ok(Exit::Done)
}
