//! From a model's SQL to waves, and from a wave to the plan that runs.

mod alike;
mod check;
mod checks;
mod column;
mod compared;
mod dedupe;
mod hidden;
mod joins;
mod lake_table;
mod merge;
mod names;
mod one_process;
mod options;
mod output;
mod physical;
mod rowwise;
mod settle;
mod stages;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::parser::ParserError;
use headworks_lake::TableLocation;
use headworks_sources::cut::{CutOptions, SPLIT_BYTES_MIN, cut};
use headworks_sources::parquet::ParquetTable;
use headworks_sources::scan::QuarantineTarget;
use headworks_sources::{SPLIT_COLUMN, ScanSpec, SourceError, SourceTable, SplitSpec, heads};
use headworks_spec::WriteMode;

use crate::api::{EngineError, ModelPlan, ModelRequest, SettledSource, Wave};
use crate::session;

pub use checks::{check_plan, found_in_log, plan_checks};
#[cfg(test)]
pub(crate) use dedupe::keep_first_rows;
pub(crate) use joins::HashSmallSides;
pub use lake_table::LakeTable;
pub use names::Names;
use options::{format_options, rename};
pub use settle::{Look, settle, settle_again};

/// Shuffle partitions for each slot of the cluster, unless the job says otherwise.
const SHUFFLE_PARTITIONS_PER_SLOT: u32 = 2;

/// Plans a model and cuts it into waves.
///
/// # Errors
/// See [`crate::api::Engine::plan`].
pub async fn plan_model(request: &ModelRequest, slots: u32) -> Result<ModelPlan, EngineError> {
    let empty = BTreeMap::new();
    let planned = Planned::new(request, &empty, slots).await?;
    let request = &with_small_heads(request).await?;
    let waves = cut_waves(request, planned.row_wise, slots);
    let (row_wise, schema) = (planned.row_wise, planned.schema.clone());
    let first = match waves.first() {
        Some(wave) => Planned::new(request, &wave.splits, slots).await?,
        None => planned,
    };
    let in_model = |e: DataFusionError| {
        EngineError::Engine(format!("model `{}`: {}", request.model.name, plain(&e)))
    };
    let merge_stages = match request.model.options.mode {
        WriteMode::Upsert => {
            let (ctx, merged) = merge::outline(request, &first.schema, slots).await?;
            stages::cut(&ctx, merged).map_err(in_model)?
        }
        _ => Vec::new(),
    };
    let explain = displayable(first.physical.as_ref())
        .indent(false)
        .to_string();
    Ok(ModelPlan {
        row_wise,
        schema,
        waves,
        explain,
        stages: stages::cut(&first.ctx, first.physical).map_err(in_model)?,
        merge_stages,
    })
}

/// The plan of a wave, and the session to run it in.
///
/// # Errors
/// `Configuration` or `Engine`.
pub async fn wave_plan(
    request: &ModelRequest,
    wave: &Wave,
    slots: u32,
) -> Result<(Arc<SessionContext>, Arc<dyn ExecutionPlan>), EngineError> {
    if let Some(step) = &wave.merge {
        let (ctx, physical) = merge::plan(request, step, slots).await?;
        return Ok((Arc::new(ctx), physical));
    }
    let planned = Planned::new(request, &wave.splits, slots).await?;
    Ok((Arc::new(planned.ctx), planned.physical))
}

/// How many partitions a shuffle makes.
fn shuffle_partitions(request: &ModelRequest, slots: u32) -> u32 {
    let asked = request.tuning.shuffle_partitions;
    asked.unwrap_or(slots * SHUFFLE_PARTITIONS_PER_SLOT).max(1)
}

/// The same request, if the job asks for splits so small that files are cut
/// whose heads were not looked at when they were listed: with these looked at.
async fn with_small_heads(request: &ModelRequest) -> Result<ModelRequest, EngineError> {
    let mut request = request.clone();
    let Some(size) = request.tuning.split_size.map(|size| size.bytes()) else {
        return Ok(request);
    };
    if size >= SPLIT_BYTES_MIN {
        return Ok(request);
    }
    for source in request.sources.values_mut() {
        if let Some(options) = format_options(&source.spec)? {
            let looked = heads::look_for_seams(&mut source.files, size, &options).await;
            looked.map_err(source_error)?;
        }
    }
    Ok(request)
}

fn cut_waves(request: &ModelRequest, row_wise: bool, slots: u32) -> Vec<Wave> {
    let options = CutOptions {
        split_bytes: request.tuning.split_size.map(|size| size.bytes()),
        wave_bytes: if row_wise {
            request.tuning.wave_size.bytes()
        } else {
            u64::MAX
        },
        slots: u64::from(slots),
    };
    let bytes = |splits: &[SplitSpec]| splits.iter().map(SplitSpec::bytes).sum::<u64>();
    if row_wise {
        let Some((name, source)) = request.record_sources().next() else {
            return Vec::new();
        };
        let waves = cut(&source.files, options).into_iter().zip(0u32..);
        return waves
            .map(|(splits, index)| Wave {
                index,
                bytes: bytes(&splits),
                splits: BTreeMap::from([(name.clone(), splits)]),
                merge: None,
            })
            .collect();
    }
    // One wave over everything; ids stay unique in it.
    let mut splits = BTreeMap::new();
    let mut next_id = 0;
    for (name, source) in request.record_sources() {
        let mut own: Vec<SplitSpec> = cut(&source.files, options).concat();
        for split in &mut own {
            split.id = next_id;
            next_id += 1;
        }
        splits.insert(name.clone(), own);
    }
    vec![Wave {
        index: 0,
        bytes: splits.values().map(|s| bytes(s)).sum(),
        splits,
        merge: None,
    }]
}

/// A model, planned over some of its sources' splits.
struct Planned {
    ctx: SessionContext,
    physical: Arc<dyn ExecutionPlan>,
    row_wise: bool,
    schema: serde_json::Value,
}

impl Planned {
    async fn new(
        request: &ModelRequest,
        splits: &BTreeMap<String, Vec<SplitSpec>>,
        slots: u32,
    ) -> Result<Self, EngineError> {
        let model = &request.model;
        let in_model = |e: &dyn std::fmt::Display| {
            EngineError::Configuration(format!("model `{}` ({}): {e}", model.name, model.sql.path))
        };
        let partitions = shuffle_partitions(request, slots);
        let ctx = session::planner(partitions as usize)
            .map_err(|e| EngineError::Engine(e.to_string()))?;
        let mut names = Names::default();
        let hidden_are_named = hidden::are_named(&model.sql.text);
        for (name, source) in &request.sources {
            let own = splits.get(name).cloned().unwrap_or_default();
            let mut table = source_table(request, name, source, own).map_err(|e| in_model(&e))?;
            if !hidden_are_named {
                table = hidden::without_hidden(name, table).map_err(|e| in_model(&plain(&e)))?;
            }
            names.add_table(name, &table.schema(), true);
            register(&ctx, name, table).map_err(|e| in_model(&e))?;
        }
        for (name, snapshot) in &request.tables {
            let location = TableLocation::new(&request.lake, name)
                .map_err(|e| EngineError::Lake(e.to_string()))?;
            let table = LakeTable::new(&location, Arc::clone(snapshot));
            names.add_table(name, &TableProvider::schema(&table), false);
            register(&ctx, name, Arc::new(table)).map_err(|e| in_model(&e))?;
        }

        let logical = logical_plan(&ctx, &model.sql.text, names)
            .await
            .map_err(|e| in_model(&e))?;
        let is_source = |name: &str| request.record_sources().any(|(source, _)| source == name);
        check::check_limits(&logical, &is_source).map_err(|e| in_model(&e))?;
        check::check_names(&logical).map_err(|e| in_model(&e))?;
        let carried = match request.sources.len() {
            1 if request.tables.is_empty() => rowwise::carry_split_column(&logical, &is_source)
                .map_err(|e| in_model(&plain(&e)))?,
            _ => None,
        };
        let row_wise = carried.is_some();
        let logical = carried.unwrap_or(logical);

        let state = ctx.state();
        let optimized = state.optimize(&logical).map_err(|e| in_model(&plain(&e)))?;
        let physical = state
            .query_planner()
            .create_physical_plan(&optimized, &state)
            .await
            .and_then(|physical| one_process::leave(physical, partitions as usize))
            .map_err(|e| in_model(&plain(&e)))?;
        check::check_leaves(&physical).map_err(|e| in_model(&e))?;
        let sources = request.record_sources().map(|(name, _)| name);
        check::check_scans(&physical, sources).map_err(|e| in_model(&e))?;
        let physical = dedupe::keep_first_rows(physical)
            .and_then(physical::push_filters)
            .and_then(alike::read_alike)
            .and_then(|physical| physical::add_counters(physical, row_wise))
            .map_err(|e| in_model(&plain(&e)))?;
        let schema = without_split_column(&physical.schema());
        output::check_columns(&model.options, &schema).map_err(|e| in_model(&e))?;
        checks::check_columns(model, schema.fields()).map_err(|e| in_model(&e))?;
        let entry =
            headworks_lake::schema::SchemaEntry::from_arrow(&schema).map_err(|e| in_model(&e))?;
        let physical = match model.options.mode {
            // Merged with the table's rows by later waves.
            WriteMode::Upsert => output::stage(physical, request, row_wise)?,
            _ => output::write(physical, request, partitions, row_wise)?,
        };
        let schema = serde_json::to_value(entry).map_err(|e| EngineError::Engine(e.to_string()))?;
        Ok(Self {
            ctx,
            physical,
            row_wise,
            schema,
        })
    }
}

/// A source as SQL sees it: the splits of a wave, or all files of a look-up table.
fn source_table(
    request: &ModelRequest,
    name: &str,
    source: &SettledSource,
    splits: Vec<SplitSpec>,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    if let Some(scan) = scan_spec(request, name, source)? {
        let table = SourceTable::try_new(scan, splits);
        let table = table.map_err(|e| EngineError::Configuration(plain(&e)))?;
        return Ok(Arc::new(table));
    }
    let schema = source.schema.arrow().map_err(source_error)?;
    let table = ParquetTable::try_new(name, &source.files, &schema).map_err(source_error)?;
    Ok(Arc::new(table))
}

/// How a source's records are read; `None` for a look-up table, which has none.
fn scan_spec(
    request: &ModelRequest,
    name: &str,
    source: &SettledSource,
) -> Result<Option<ScanSpec>, EngineError> {
    let Some(options) = format_options(&source.spec)? else {
        return Ok(None);
    };
    let quarantine = QuarantineTarget {
        lake: request.lake.clone(),
        job_id: request.job_id.clone(),
        revisits: request.revisits.iter().any(|source| source == name),
    };
    Ok(Some(ScanSpec {
        source: name.to_owned(),
        options,
        schema: source.schema.clone(),
        rename: rename(&source.spec),
        known_starts: BTreeMap::new(),
        members: BTreeMap::new(),
        contents: BTreeMap::new(),
        filter: Vec::new(),
        sampled: source.sampled.clone(),
        also: BTreeSet::new(),
        quarantine: Some(quarantine),
    }))
}

/// Registers a table under exactly this name.
pub(crate) fn register(
    ctx: &SessionContext,
    name: &str,
    table: Arc<dyn datafusion::catalog::TableProvider>,
) -> Result<(), DataFusionError> {
    ctx.register_table(datafusion::common::TableReference::bare(name), table)
        .map(drop)
}

/// Plans SQL whose names mean what [`Names`] says.
///
/// # Errors
/// As text for users.
pub(crate) async fn logical_plan(
    ctx: &SessionContext,
    sql: &str,
    names: Names,
) -> Result<LogicalPlan, String> {
    let state = ctx.state();
    let dialect = state.config().options().sql_parser.dialect;
    let mut statement = state
        .sql_to_statement(sql, &dialect)
        .map_err(|e| plain(&e))?;
    if let DfStatement::Statement(inner) = &mut statement {
        names.resolve(inner)?;
    }
    let planned = state.statement_to_plan(statement).await;
    let plan = planned.map_err(|e| at_its_place(&e))?;
    match plan {
        LogicalPlan::Ddl(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::Statement(_) => Err(
            "only queries are run here (SELECT, WITH, EXPLAIN): tables are written by jobs"
                .to_owned(),
        ),
        plan => {
            check::check_values(&plan)?;
            check::check_memberships(&plan)?;
            compared::in_one_type(plan).map_err(|e| plain(&e))
        }
    }
}

/// The message, after the place in the SQL that it is about, if that is known.
fn at_its_place(error: &DataFusionError) -> String {
    let place = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let text = plain(error);
    match place {
        Some(place) => format!(
            "line {}, column {} of the SQL: {text}",
            place.start.line, place.start.column
        ),
        None => text,
    }
}

/// DataFusion's message without its own names for its layers.
pub(crate) fn plain(error: &DataFusionError) -> String {
    let root = error.find_root();
    if let DataFusionError::SQL(fault, _) = root
        && let ParserError::TokenizerError(text) | ParserError::ParserError(text) = fault.as_ref()
    {
        return text.clone();
    }
    let text = root.strip_backtrace();
    let text = text.replace("datafusion.public.", "");
    [
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ",
        "This feature is not implemented: ",
    ]
    .iter()
    .find_map(|layer| text.strip_prefix(layer))
    .unwrap_or(&text)
    .to_owned()
}

fn without_split_column(schema: &SchemaRef) -> Schema {
    Schema::new(
        schema
            .fields()
            .iter()
            .filter(|f| f.name() != SPLIT_COLUMN)
            .cloned()
            .collect::<Vec<_>>(),
    )
}

fn source_error(error: SourceError) -> EngineError {
    match error {
        SourceError::Configuration(text) => EngineError::Configuration(text),
        SourceError::Engine(text) => EngineError::Engine(text),
        other @ SourceError::Input { .. } => EngineError::Input(other.to_string()),
    }
}
