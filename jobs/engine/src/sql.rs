//! Queries over the lake's committed tables, inside the caller's process.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use headworks_lake::{Table, tables};

use crate::api::EngineError;
use crate::plan::{LakeTable, Names, logical_plan, plain, register};
use crate::session;

/// The rows of a query, as they come.
pub struct QueryRows {
    /// Their columns.
    pub schema: SchemaRef,
    stream: SendableRecordBatchStream,
}

impl QueryRows {
    /// The next rows, or `None` at the end.
    ///
    /// # Errors
    /// `Engine`, with the engine's words.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, EngineError> {
        use futures::StreamExt;
        self.stream
            .next()
            .await
            .transpose()
            .map_err(|e| EngineError::Engine(e.strip_backtrace()))
    }
}

/// Runs `sql` over the current versions of the tables of `lake`.
///
/// # Errors
/// `Lake` if it cannot be read, `Configuration` for SQL that does not plan.
pub async fn query(lake: &str, sql: &str) -> Result<QueryRows, EngineError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let engine = |e: datafusion::error::DataFusionError| EngineError::Engine(e.strip_backtrace());
    let ctx = session::planner(cores).map_err(engine)?;
    let mut names = Names::default();
    let owned = lake.to_owned();
    let found = tokio::task::spawn_blocking(move || {
        let mut found = Vec::new();
        for location in tables(&owned)? {
            if let Some(snapshot) = Table::open(location.clone()).snapshot()? {
                found.push((location, snapshot));
            }
        }
        Ok::<_, headworks_lake::LakeError>(found)
    })
    .await
    .map_err(|e| EngineError::Engine(e.to_string()))?
    .map_err(|e| EngineError::Lake(e.to_string()))?;
    let mut known = Vec::new();
    for (location, snapshot) in found {
        let table = LakeTable::new(&location, Arc::new(snapshot));
        names.add_table(
            location.table(),
            &datafusion::catalog::TableProvider::schema(&table),
            false,
        );
        known.push(location.table().to_owned());
        register(&ctx, location.table(), Arc::new(table)).map_err(engine)?;
    }
    let logical = logical_plan(&ctx, sql, names).await.map_err(|e| {
        let tables = if known.is_empty() {
            "no table yet".to_owned()
        } else {
            known.join(", ")
        };
        EngineError::Configuration(format!("{e}\n(the lake {lake} has: {tables})"))
    })?;
    let state = ctx.state();
    let physical = state
        .create_physical_plan(&logical)
        .await
        .map_err(|e| EngineError::Configuration(plain(&e)))?;
    let stream = execute_stream(physical, ctx.task_ctx()).map_err(engine)?;
    Ok(QueryRows {
        schema: stream.schema(),
        stream,
    })
}
