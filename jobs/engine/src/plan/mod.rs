//! From a model's SQL to waves, and from a wave to the plan that runs.

mod check;
mod lake_table;
mod merge;
mod names;
mod output;
mod physical;
mod rowwise;
mod stages;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DfStatement;
use headworks_formats::infer::{InferOptions, SampleRatio, SchemaError, evolve};
use headworks_formats::values::Pattern;
use headworks_formats::xml::{OnBadRecord, OnBadValue, OnUnknown, XmlOptions};
use headworks_lake::TableLocation;
use headworks_sources::cut::{CutOptions, SPLIT_BYTES_MIN, cut};
use headworks_sources::scan::QuarantineTarget;
use headworks_sources::{
    InputFile, SPLIT_COLUMN, ScanSpec, SourceError, SourceSchema, SourceTable, SplitSpec, discover,
    heads, infer,
};
use headworks_spec::{Format, SourceSpec, WriteMode};

use crate::api::{EngineError, ModelPlan, ModelRequest, SettledSource, Wave};
use crate::session;

pub use lake_table::LakeTable;
pub use names::Names;

/// Shuffle partitions for each slot of the cluster, unless the job says otherwise.
const SHUFFLE_PARTITIONS_PER_SLOT: u32 = 2;

/// Lists a source's files and settles its schema.
///
/// # Errors
/// See [`crate::api::Engine::settle`].
pub async fn settle(spec: SourceSpec) -> Result<SettledSource, EngineError> {
    let settled = tokio::task::spawn_blocking(move || settle_blocking(spec)).await;
    settled.map_err(|e| EngineError::Engine(format!("listing a source failed: {e}")))?
}

fn settle_blocking(spec: SourceSpec) -> Result<SettledSource, EngineError> {
    if spec.options.format != Format::Xml {
        return Err(EngineError::Configuration(format!(
            "source `{}`: only `format: xml` can be read yet",
            spec.name
        )));
    }
    let mut files = discover(&spec.name, &spec.options.path).map_err(source_error)?;
    let options = xml_options(&spec)?;
    heads::mark_whole(&mut files, SPLIT_BYTES_MIN, options.encoding.as_deref())
        .map_err(source_error)?;
    let schema = match &spec.schema_file {
        Some(file) => {
            let pinned =
                SourceSchema::from_yaml(&file.path, file.text.as_str()).map_err(source_error)?;
            let written = pinned.arrow().map_err(source_error)?;
            let mut schema = options.complete_schema(&written);
            if options.on_unknown == OnUnknown::Evolve {
                match inferred_schema(&spec, &files, &options)? {
                    Ok(inferred) => schema = evolve(&schema, &inferred).0,
                    // Nothing was found that the schema could lack.
                    Err(SchemaError::NoRecords) => {}
                    Err(e) => return Err(not_inferred(&spec, &e)),
                }
            }
            if schema == *written {
                pinned
            } else {
                SourceSchema::from_arrow(&Arc::new(schema)).map_err(source_error)?
            }
        }
        None => {
            let schema = inferred_schema(&spec, &files, &options)?;
            let schema = schema.map_err(|e| not_inferred(&spec, &e))?;
            SourceSchema::from_arrow(&Arc::new(schema)).map_err(source_error)?
        }
    };
    Ok(SettledSource {
        spec,
        files,
        schema,
    })
}

/// The schema that the files, or a sample of them, have.
fn inferred_schema(
    spec: &SourceSpec,
    files: &[InputFile],
    options: &XmlOptions,
) -> Result<Result<Schema, SchemaError>, EngineError> {
    let tree = infer::infer(files, options, spec.options.sample_files).map_err(source_error)?;
    Ok(tree.to_schema(&InferOptions::from(options)))
}

fn not_inferred(spec: &SourceSpec, error: &SchemaError) -> EngineError {
    EngineError::Configuration(format!(
        "source `{}`: no schema can be inferred: {error}",
        spec.name
    ))
}

/// The parser's options, from the job file's words.
fn xml_options(spec: &SourceSpec) -> Result<XmlOptions, EngineError> {
    let own = &spec.options;
    let failed = |what: &dyn std::fmt::Display| {
        EngineError::Configuration(format!("source `{}`: {what}", spec.name))
    };
    let pattern = |option: &str, text: &Option<String>| {
        let pattern = text.as_deref().map(Pattern::new).transpose();
        pattern.map_err(|e| failed(&format!("{option}: {e}")))
    };
    let mut options = XmlOptions::new(&own.row_tag).map_err(|e| failed(&e))?;
    options.attribute_prefix.clone_from(&own.attribute_prefix);
    options.value_tag.clone_from(&own.value_tag);
    options.on_bad_record = match own.on_bad_record {
        headworks_spec::OnBadRecord::Quarantine => OnBadRecord::Quarantine,
        headworks_spec::OnBadRecord::Drop => OnBadRecord::Drop,
        headworks_spec::OnBadRecord::Fail => OnBadRecord::Fail,
        headworks_spec::OnBadRecord::Keep => OnBadRecord::Keep,
    };
    options.on_bad_value = match own.on_bad_value {
        headworks_spec::OnBadValue::Quarantine => OnBadValue::Quarantine,
        headworks_spec::OnBadValue::Null => OnBadValue::Null,
    };
    options.on_unknown = match own.on_unknown {
        headworks_spec::OnUnknown::DiscardValue => OnUnknown::DiscardValue,
        headworks_spec::OnUnknown::DiscardRow => OnUnknown::DiscardRow,
        headworks_spec::OnUnknown::Freeze => OnUnknown::Freeze,
        headworks_spec::OnUnknown::Evolve => OnUnknown::Evolve,
    };
    options.exclude_attributes = own.exclude_attributes;
    options.ignore_namespaces = own.ignore_namespaces;
    options.trim = own.ignore_surrounding_spaces;
    options.null_values.clone_from(&own.null_values);
    options.date_format = pattern("date_format", &own.date_format)?;
    options.timestamp_format = pattern("timestamp_format", &own.timestamp_format)?;
    if let Some(ratio) = own.sample_ratio {
        options.sample_ratio = SampleRatio::new(ratio).map_err(|e| failed(&e))?;
    }
    options
        .corrupt_record_column
        .clone_from(&own.corrupt_record_column);
    options.wildcard_column.clone_from(&own.wildcard_column);
    options.encoding.clone_from(&own.encoding);
    let size = |size: headworks_spec::ByteSize| usize::try_from(size.bytes()).unwrap_or(usize::MAX);
    options.limits.record_bytes_max = size(own.record_bytes_max);
    options.limits.recovery_bytes_max = options
        .limits
        .recovery_bytes_max
        .min(options.limits.record_bytes_max);
    options.limits.raw_bytes_max = size(own.raw_bytes_max);
    options.validate().map_err(|e| failed(&e))?;
    Ok(options)
}

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
    let looked = tokio::task::spawn_blocking(move || {
        for source in request.sources.values_mut() {
            let options = xml_options(&source.spec)?;
            heads::mark_whole(&mut source.files, size, options.encoding.as_deref())
                .map_err(source_error)?;
        }
        Ok(request)
    });
    looked
        .await
        .map_err(|e| EngineError::Engine(format!("looking at files failed: {e}")))?
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
        let Some((name, source)) = request.sources.iter().next() else {
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
    for (name, source) in &request.sources {
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
        for (name, source) in &request.sources {
            let own = splits.get(name).cloned().unwrap_or_default();
            let table = SourceTable::try_new(scan_spec(request, name, source)?, own)
                .map_err(|e| in_model(&e))?;
            let schema = datafusion::catalog::TableProvider::schema(&table);
            names.add_table(name, &schema, true);
            register(&ctx, name, Arc::new(table)).map_err(|e| in_model(&e))?;
        }
        for (name, snapshot) in &request.tables {
            let location = TableLocation::new(&request.lake, name)
                .map_err(|e| EngineError::Lake(e.to_string()))?;
            let table = LakeTable::new(&location.root(), Arc::clone(snapshot));
            names.add_table(
                name,
                &datafusion::catalog::TableProvider::schema(&table),
                false,
            );
            register(&ctx, name, Arc::new(table)).map_err(|e| in_model(&e))?;
        }

        let logical = logical_plan(&ctx, &model.sql.text, names)
            .await
            .map_err(|e| in_model(&e))?;
        let is_source = |name: &str| request.sources.contains_key(name);
        check::check_limits(&logical, &is_source).map_err(|e| in_model(&e))?;
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
            .map_err(|e| in_model(&plain(&e)))?;
        check::check_leaves(&physical).map_err(|e| in_model(&e))?;
        let physical = physical::push_filters(physical)
            .and_then(|physical| physical::add_counters(physical, row_wise))
            .map_err(|e| in_model(&plain(&e)))?;
        let schema = without_split_column(&physical.schema());
        output::check_columns(&model.options, &schema).map_err(|e| in_model(&e))?;
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

fn scan_spec(
    request: &ModelRequest,
    name: &str,
    source: &SettledSource,
) -> Result<ScanSpec, EngineError> {
    let quarantine = request
        .quarantines
        .iter()
        .any(|q| q == name)
        .then(|| QuarantineTarget {
            lake: request.lake.clone(),
            job_id: request.job_id.clone(),
        });
    Ok(ScanSpec {
        source: name.to_owned(),
        options: xml_options(&source.spec)?,
        schema: source.schema.clone(),
        known_starts: BTreeMap::new(),
        members: BTreeMap::new(),
        filter: Vec::new(),
        quarantine,
    })
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
    state
        .statement_to_plan(statement)
        .await
        .map_err(|e| plain(&e))
}

/// DataFusion's message without its own names for its layers.
pub(crate) fn plain(error: &DataFusionError) -> String {
    let text = error.find_root().strip_backtrace();
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
        other @ SourceError::Input { .. } => EngineError::Input(other.to_string()),
    }
}
