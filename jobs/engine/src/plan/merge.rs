//! The waves of an upsert that merge its staged rows with the table's.
//!
//! The first finds the files of the table that hold one of their keys, by a semi join over the key's columns alone;
//! files whose statistics show that they hold none are not opened. The second brings the staged rows and those of
//! these files together by key, keeps of each key what is to stay ([`UpsertExec`]), and writes. Both read nothing but
//! Parquet files that do not change, so they give the same however often they run.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::{JoinType, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, cast, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionContext, ident};
use headworks_lake::schema::SchemaEntry;
use headworks_lake::{DataFile, KeyRange, PendingFile, Snapshot, TableLocation};

use serde::Deserialize;

use super::output;
use super::{LakeTable, check, physical, plain, shuffle_partitions};
use crate::api::{EngineError, MergeInput, MergeStep, ModelRequest};
use crate::nodes::{
    DATA_FILE_COLUMN, FROM_QUERY, FROM_TABLE, ORIGIN_COLUMN, TouchedFilesExec, UpsertExec,
    UpsertSpec,
};
use crate::session;

/// The plan of a step, and the session to run it in.
///
/// # Errors
/// `Configuration` when the rows do not go with the table's columns, else `Engine`.
pub(super) async fn plan(
    request: &ModelRequest,
    step: &MergeStep,
    slots: u32,
) -> std::result::Result<(SessionContext, Arc<dyn ExecutionPlan>), EngineError> {
    let partitions = shuffle_partitions(request, slots);
    let engine = |e: datafusion::error::DataFusionError| {
        EngineError::Engine(format!("model `{}`: {}", request.model.name, plain(&e)))
    };
    let ctx = session::planner(partitions as usize).map_err(engine)?;
    let merge = Merge::new(request)?;
    let physical = match step {
        MergeStep::Find => merge.find(&ctx).await.map_err(engine)?,
        MergeStep::Rewrite { files } => {
            let merged = merge.rewrite(&ctx, files, partitions).await;
            output::write(merged.map_err(engine)?, request, partitions, false)?
        }
    };
    Ok((ctx, physical))
}

/// The plan of a merge as long as nothing is known of its rows: for those who want to see it.
///
/// # Errors
/// As [`plan`].
pub(super) async fn outline(
    request: &ModelRequest,
    schema: &serde_json::Value,
    slots: u32,
) -> std::result::Result<(SessionContext, Arc<dyn ExecutionPlan>), EngineError> {
    let schema = SchemaEntry::deserialize(schema)
        .map_err(|e| e.to_string())
        .and_then(|entry| entry.to_arrow().map_err(|e| e.to_string()))
        .map_err(EngineError::Engine)?;
    let mut request = request.clone();
    request.merge = Some(MergeInput {
        current: None,
        staged: Vec::new(),
        schema,
    });
    let step = MergeStep::Rewrite {
        files: BTreeSet::new(),
    };
    plan(&request, &step, slots).await
}

/// An upsert's two kinds of rows.
struct Merge<'a> {
    request: &'a ModelRequest,
    location: TableLocation,
    input: &'a MergeInput,
    /// The table's columns after the merge.
    schema: SchemaRef,
}

impl<'a> Merge<'a> {
    fn new(request: &'a ModelRequest) -> std::result::Result<Self, EngineError> {
        let name = &request.model.name;
        let input = request.merge.as_ref().ok_or_else(|| {
            EngineError::Engine(format!("model `{name}` has nothing to merge yet"))
        })?;
        let location = TableLocation::new(&request.lake, name)
            .map_err(|e| EngineError::Configuration(e.to_string()))?;
        let schema = input
            .table_schema()
            .map_err(|e| EngineError::Configuration(format!("model `{name}`: {e}")))?;
        Ok(Self {
            request,
            location,
            input,
            schema,
        })
    }

    fn key(&self) -> &[String] {
        &self.request.model.options.key
    }

    /// The staged rows, as a table.
    fn staged(&self) -> Arc<dyn TableProvider> {
        let files = self.input.staged.iter();
        let files = files.map(|file| staged_file(file, &self.input.schema));
        let snapshot = Snapshot {
            version: 0,
            schema: Arc::clone(&self.input.schema),
            partition_by: Vec::new(),
            partition_columns_in_files: false,
            files: files.collect(),
            inputs: Default::default(),
            history: Default::default(),
        };
        let table = LakeTable::new(&self.location, Arc::new(snapshot));
        Arc::new(table)
    }

    /// The rows of these files of the table.
    fn current(&self, current: &Arc<Snapshot>, files: BTreeSet<u32>) -> Arc<dyn TableProvider> {
        let table = LakeTable::new(&self.location, Arc::clone(current));
        Arc::new(table.numbered(files))
    }

    /// The files that may hold one of the keys, by their statistics.
    fn candidates(&self, current: &Snapshot) -> BTreeSet<u32> {
        let ranges: Vec<KeyRange> = self
            .key()
            .iter()
            .filter_map(|column| {
                let field = self.schema.field_with_name(column).ok()?;
                KeyRange::of(column, field.data_type(), &self.input.staged)
            })
            .collect();
        let may_hold = |file: &DataFile| ranges.iter().all(|range| range.may_be_in(file));
        let places = (0u32..).zip(&current.files);
        places
            .filter(|(_, file)| may_hold(file))
            .map(|(place, _)| place)
            .collect()
    }

    /// Reports the files that hold one of the keys.
    async fn find(&self, ctx: &SessionContext) -> Result<Arc<dyn ExecutionPlan>> {
        let absent =
            || datafusion::error::DataFusionError::Internal("no table to look into".into());
        let current = self.input.current.as_ref().ok_or_else(absent)?;
        let here = self.candidates(current);
        let staged = ctx.read_table(self.staged())?;
        let current = ctx.read_table(self.current(current, here))?;
        let names = |side: &str| -> Vec<String> {
            let numbers = 0..self.key().len();
            numbers.map(|number| format!("{side}{number}")).collect()
        };
        let (ours, theirs) = (names("staged"), names("current"));
        let staged = staged.clone().select(self.keys(&staged, &ours))?;
        let mut columns = self.keys(&current, &theirs);
        columns.push(ident(DATA_FILE_COLUMN));
        let current = current.select(columns)?;
        fn on(names: &[String]) -> Vec<&str> {
            names.iter().map(String::as_str).collect()
        }
        // The staged keys are the side that is held in memory: a delta is mostly the smaller one.
        let touched = staged
            .distinct()?
            .join(current, JoinType::RightSemi, &on(&ours), &on(&theirs), None)?
            .select(vec![ident(DATA_FILE_COLUMN)])?;
        let physical = physical_plan(touched).await?;
        Ok(Arc::new(TouchedFilesExec::new(physical)))
    }

    /// The columns of the key under other names, in the types of the merged table.
    fn keys(&self, frame: &DataFrame, names: &[String]) -> Vec<Expr> {
        let columns = self.key().iter().zip(names);
        columns
            .map(|(column, name)| self.column(frame, column).alias(name))
            .collect()
    }

    /// A column in its type of the merged table; NULL where the rows are from before it was there.
    fn column(&self, frame: &DataFrame, name: &str) -> Expr {
        let data_type = match self.schema.field_with_name(name) {
            Ok(field) => field.data_type().clone(),
            Err(_) => return ident(name),
        };
        match frame.schema().field_with_unqualified_name(name) {
            Ok(field) if *field.data_type() == data_type => ident(name),
            Ok(_) => cast(ident(name), data_type),
            Err(_) => cast(lit(ScalarValue::Null), data_type),
        }
    }

    /// All columns of the merged table, and where the rows are from.
    fn with_origin(&self, frame: DataFrame, origin: i8) -> Result<DataFrame> {
        let mut columns: Vec<Expr> = self
            .schema
            .fields()
            .iter()
            .map(|field| self.column(&frame, field.name()).alias(field.name()))
            .collect();
        columns.push(lit(origin).alias(ORIGIN_COLUMN));
        frame.select(columns)
    }

    /// The staged rows and those of `files`, each key once.
    async fn rewrite(
        &self,
        ctx: &SessionContext,
        files: &BTreeSet<u32>,
        partitions: u32,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut rows = self.with_origin(ctx.read_table(self.staged())?, FROM_QUERY)?;
        if let (Some(current), false) = (&self.input.current, files.is_empty()) {
            let current = ctx.read_table(self.current(current, files.clone()))?;
            rows = rows.union(self.with_origin(current, FROM_TABLE)?)?;
        }
        let options = &self.request.model.options;
        let is_folder_text = |name: &&String| {
            let field = self.schema.field_with_name(name);
            options.partition_by.contains(name)
                && !options.partition_columns_in_files
                && field.is_ok_and(|field| output::is_text(field.data_type()))
        };
        let spec = UpsertSpec {
            model: self.request.model.name.clone(),
            key: self.key().to_vec(),
            folder_texts: self.key().iter().filter(is_folder_text).cloned().collect(),
            order_by: output::sort_columns(&options.order_by),
        };
        let rows = physical_plan(rows).await?;
        let together = physical::shuffle_by(rows, self.key(), partitions as usize)?;
        let sorted = physical::sort_within(together, &spec.input_order())?;
        Ok(Arc::new(UpsertExec::new(sorted, Arc::new(spec))))
    }
}

/// A staged file as a table's scan sees it.
fn staged_file(file: &PendingFile, schema: &SchemaRef) -> DataFile {
    DataFile {
        path: file.path.clone(),
        rows: file.rows,
        bytes: file.bytes,
        partition: file.partition.clone(),
        stats: file.stats.clone(),
        added_in: 0,
        schema: Arc::clone(schema),
    }
}

async fn physical_plan(frame: DataFrame) -> Result<Arc<dyn ExecutionPlan>> {
    let physical = frame.create_physical_plan().await?;
    check::check_leaves(&physical)
        .map_err(|e| datafusion::error::DataFusionError::Internal(e.to_string()))?;
    Ok(physical)
}
