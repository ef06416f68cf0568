//! The acts that a driver waits for, as futures: what is asked of the engine,
//! and the event that comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use headworks_engine::api::{
    CheckRequest, Engine, EngineError, MergeInput, ModelRequest, SettledSource, Wave, WaveDiscard,
    WaveOutcome, WaveProgress,
};
use headworks_lake::{PendingFile, Snapshot};
use headworks_spec::{JobSpec, SourceSpec};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::action::ModelWork;
use super::check_acts::CheckContext;
use super::event::Event;
use super::quarantine::all_files;
use super::state::ErrorClass;
use super::tables::{self, TableLocks};

/// How often to look whether an executor is gone.
const LOSS_LOOK_INTERVAL_MS: u64 = 200;

/// An act that is under way; with some events comes the request that they answer.
pub(super) type Act = BoxFuture<'static, (Event, Option<Asked>)>;

/// What the engine was asked, for the acts that follow.
pub(super) enum Asked {
    /// To plan a model.
    Plan(Arc<ModelRequest>),
    /// To look at a table.
    Check(Arc<CheckRequest>),
}

/// Settles a source.
pub(super) fn settle(engine: Arc<dyn Engine>, spec: SourceSpec) -> Act {
    async move { (settled(engine.settle_by_sample(&spec).await), None) }.boxed()
}

/// Settles a source by all of its records.
pub(super) fn settle_again(engine: Arc<dyn Engine>, source: Arc<SettledSource>) -> Act {
    async move { (settled(engine.settle_again(&source).await), None) }.boxed()
}

fn settled(done: Result<SettledSource, EngineError>) -> Event {
    match done {
        Ok(settled) => Event::Settled(Box::new(settled)),
        Err(error) => failed(&error),
    }
}

/// What planning a model takes.
pub(super) struct PlanContext {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) locks: TableLocks,
    pub(super) spec: Arc<JobSpec>,
    pub(super) job_id: String,
    /// The settled sources, by name.
    pub(super) settled: BTreeMap<String, Arc<SettledSource>>,
}

/// Plans a model over the files of its work and the tables that it reads.
pub(super) fn plan(context: PlanContext, work: ModelWork) -> Act {
    async move {
        let spec = &context.spec;
        let model = spec.models[work.model].clone();
        let found = tables::snapshots(&context.locks, &spec.lake, &model.reads_models).await;
        let tables = match found {
            Ok(tables) => tables,
            Err((class, error)) => return (Event::Failed { class, error }, None),
        };
        let mut sources = BTreeMap::new();
        for (name, files) in work.inputs {
            if let Some(source) = context.settled.get(&name) {
                let source = SettledSource {
                    files,
                    ..source.as_ref().clone()
                };
                sources.insert(name, source);
            }
        }
        let request = Arc::new(ModelRequest {
            job_id: context.job_id,
            lake: spec.lake.clone(),
            model,
            sources,
            tables,
            tuning: spec.tuning.clone(),
            revisits: work.revisits,
            merge: None,
        });
        match context.engine.plan(Arc::clone(&request)).await {
            Ok(plan) => {
                let checks = CheckContext {
                    engine: context.engine,
                    locks: context.locks,
                    spec: context.spec,
                    job_id: request.job_id.clone(),
                    model: work.model,
                    schema: plan.schema.clone(),
                };
                match checks.plan(&request).await {
                    Ok(()) => (Event::Planned(Box::new(plan)), Some(Asked::Plan(request))),
                    Err(event) => (event, None),
                }
            }
            Err(error) => (failed(&error), None),
        }
    }
    .boxed()
}

/// Makes the rows of an upsert readable; with the event comes the request of the waves that merge them.
pub(super) fn stage(
    locks: TableLocks,
    request: Arc<ModelRequest>,
    current: Option<Arc<Snapshot>>,
    schema: serde_json::Value,
    staged: Vec<PendingFile>,
) -> Act {
    async move {
        let (lake, table) = (&request.lake, &request.model.name);
        let done = match tables::arrow_schema(&schema) {
            Ok(schema) => tables::stage(&locks, lake, table, staged.clone())
                .await
                .map(|()| schema),
            Err(error) => Err((ErrorClass::Engine, error.to_string())),
        };
        match done {
            Ok(schema) => {
                let mut request = request.as_ref().clone();
                request.merge = Some(MergeInput {
                    current,
                    staged,
                    schema,
                });
                (Event::Staged, Some(Asked::Plan(Arc::new(request))))
            }
            Err((class, error)) => (Event::Failed { class, error }, None),
        }
    }
    .boxed()
}

pub(super) fn failed(error: &EngineError) -> Event {
    Event::Failed {
        class: ErrorClass::from(error),
        error: error.to_string(),
    }
}

/// What running a wave or a check takes, beside the work itself.
pub(super) struct WaveContext {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) progress: mpsc::UnboundedSender<WaveProgress>,
    /// How long a loss is waited for after a failure of the engine.
    pub(super) loss_wait: Duration,
    /// Becomes true when the job is to stop.
    pub(super) stopping: watch::Receiver<bool>,
}

/// Runs an attempt at a wave.
pub(super) fn run_wave(
    context: WaveContext,
    request: Arc<ModelRequest>,
    wave: Wave,
    attempt: u32,
) -> Act {
    async move {
        let engine = Arc::clone(&context.engine);
        let progress = context.progress.clone();
        let run = async move { engine.run_wave(request, wave, attempt, progress).await };
        let is_engines = |outcome: &WaveOutcome| {
            matches!(
                outcome,
                WaveOutcome::Failed { class, .. } if ErrorClass::parse(class) == ErrorClass::Engine
            )
        };
        let (outcome, executor_lost) = watch_losses(context, run, is_engines).await;
        (
            Event::WaveEnded {
                outcome,
                executor_lost,
            },
            None,
        )
    }
    .boxed()
}

/// Runs something to its end; when its outcome is a failure of the engine's,
/// says whether an executor was lost.
pub(super) async fn watch_losses<T>(
    mut context: WaveContext,
    run: impl Future<Output = T>,
    is_engines: impl Fn(&T) -> bool,
) -> (T, bool) {
    let engine = context.engine.as_ref();
    let before = executor_ids(engine).await;
    let outcome = run.await;
    let executor_lost = is_engines(&outcome)
        && tokio::select! {
            lost = lost_executor(engine, &before, context.loss_wait) => lost,
            _ = context.stopping.wait_for(|stopping| *stopping) => false,
        };
    (outcome, executor_lost)
}

/// All files of a wave that ended when nobody wanted it any more.
pub(super) fn unused_files(outcome: WaveOutcome) -> WaveDiscard {
    match outcome {
        WaveOutcome::Accepted(result) => all_files(&result),
        WaveOutcome::RunAgain { discard, .. }
        | WaveOutcome::Failed { discard, .. }
        | WaveOutcome::Cancelled { discard } => discard,
    }
}

async fn executor_ids(engine: &dyn Engine) -> BTreeSet<String> {
    engine
        .executors()
        .await
        .into_iter()
        .map(|executor| executor.id)
        .collect()
}

/// Whether one of these executors is gone, or goes within `wait`.
async fn lost_executor(engine: &dyn Engine, before: &BTreeSet<String>, wait: Duration) -> bool {
    let until = Instant::now() + wait;
    loop {
        if !executor_ids(engine).await.is_superset(before) {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(LOSS_LOOK_INTERVAL_MS)).await;
    }
}
