//! `headworks plan JOB.yaml`: what a job would do, in the order in which it
//! would. Files are listed and schemas inferred, or compared with what some of
//! the files hold; nothing is written.

mod drift;
mod render;
mod written;

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_engine::Engine;
use headworks_engine::api::{ModelPlan, ModelRequest, SettledSource};
use headworks_lake::Snapshot;
use headworks_lake::schema::SchemaEntry;
use headworks_spec::{JobSpec, ModelSpec};

use super::lake::failure;
use super::run::load;
use crate::cli::JobFile;
use crate::connect::{ask_engine, engine_failure};
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use drift::Drift;
use written::Written;

/// The id that a planned job has: it is never journaled, no file bears it.
const PLANNED_JOB_ID: &str = "plan";

/// All that a job would do.
struct Planned {
    spec: JobSpec,
    sources: BTreeMap<String, SettledSource>,
    /// Of the sources whose schema is pinned.
    drifts: BTreeMap<String, Drift>,
    /// In the order in which they would run.
    models: Vec<(ModelPlan, Written)>,
}

/// Prints the plan of a job.
///
/// # Errors
/// When the job file is not right, its files cannot be read, or a model does
/// not plan.
pub(crate) async fn run(context: &Context, args: &JobFile) -> Result<Exit, Failure> {
    let spec = load(args)?;
    let planned = ask_engine(context, async |engine| plan(engine, spec).await).await?;
    if context.json() {
        output::json(&render::json(&planned))?;
    } else {
        output::data(&render::text(&planned))?;
    }
    Ok(Exit::Done)
}

async fn plan(engine: Arc<dyn Engine>, spec: JobSpec) -> Result<Planned, Failure> {
    let (mut sources, mut drifts) = (BTreeMap::new(), BTreeMap::new());
    for source in &spec.sources {
        let settled = engine.settle(source).await.map_err(engine_failure)?;
        if let Some(drift) = Drift::of(engine.as_ref(), &settled).await? {
            drifts.insert(source.name.clone(), drift);
        }
        sources.insert(source.name.clone(), settled);
    }
    let mut models = Vec::new();
    // Tables that models of this job would write, as they would be: no file of them is there yet.
    let mut tables: BTreeMap<String, Arc<Snapshot>> = BTreeMap::new();
    for model in &spec.models {
        let read = pick(&sources, &model.reads_sources);
        let written = Written::of(&spec, model, &read).await?;
        let request = ModelRequest {
            job_id: PLANNED_JOB_ID.to_owned(),
            lake: spec.lake.clone(),
            model: model.clone(),
            sources: written.reads(read),
            tables: pick(&tables, &model.reads_models),
            tuning: spec.tuning.clone(),
            revisits: Vec::new(),
            merge: None,
        };
        let plan = engine
            .plan(Arc::new(request))
            .await
            .map_err(engine_failure)?;
        tables.insert(model.name.clone(), Arc::new(empty_table(model, &plan)?));
        models.push((plan, written));
    }
    Ok(Planned {
        spec,
        sources,
        drifts,
        models,
    })
}

fn pick<T: Clone>(from: &BTreeMap<String, T>, names: &[String]) -> BTreeMap<String, T> {
    names
        .iter()
        .filter_map(|name| Some((name.clone(), from.get(name)?.clone())))
        .collect()
}

fn empty_table(model: &ModelSpec, plan: &ModelPlan) -> Result<Snapshot, Failure> {
    let schema: SchemaEntry = serde_json::from_value(plan.schema.clone()).map_err(|e| {
        Failure::failed(format!(
            "the schema of model `{}` cannot be read: {e}; please report this",
            model.name
        ))
    })?;
    Ok(Snapshot {
        version: 0,
        schema: schema.to_arrow().map_err(failure)?,
        partition_by: model.options.partition_by.clone(),
        partition_columns_in_files: model.options.partition_columns_in_files,
        files: Vec::new(),
        inputs: Default::default(),
        history: Default::default(),
    })
}
