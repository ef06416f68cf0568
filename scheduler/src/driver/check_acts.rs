//! The acts of checking: to see, when a model is planned, that its checks can
//! be made; and to make one, over the table as it will be.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use headworks_engine::api::{CheckOutcome, CheckRequest, Engine, EngineError, ModelRequest};
use headworks_lake::{Audit, Snapshot};
use headworks_spec::JobSpec;

use super::action::CommitWork;
use super::acts::{Act, Asked, WaveContext, failed, watch_losses};
use super::event::Event;
use super::state::{ErrorClass, commit_id};
use super::tables::{self, CommitContext, TableLocks};

/// What checking a model takes.
pub(super) struct CheckContext {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) locks: TableLocks,
    pub(super) spec: Arc<JobSpec>,
    pub(super) job_id: String,
    /// The model's index.
    pub(super) model: usize,
    /// Its rows' schema, as the plan has it.
    pub(super) schema: serde_json::Value,
}

impl CheckContext {
    /// The table as `work` would make it, and those that the checks read.
    async fn request(&self, work: CommitWork) -> Result<CheckRequest, Event> {
        let model = self.spec.models[self.model].clone();
        let commit = CommitContext {
            lake: self.spec.lake.clone(),
            job_id: self.job_id.clone(),
            model: model.clone(),
            schema: self.schema.clone(),
        };
        let candidate = tables::candidate(self.locks.clone(), commit, work).await?;
        Ok(CheckRequest {
            job_id: self.job_id.clone(),
            lake: self.spec.lake.clone(),
            candidate: Arc::new(candidate),
            tables: self.tables(&model.name, &model.check_tables()).await?,
            model,
            tuning: self.spec.tuning.clone(),
        })
    }

    async fn tables(
        &self,
        model: &str,
        names: &[String],
    ) -> Result<BTreeMap<String, Arc<Snapshot>>, Event> {
        let mut found = BTreeMap::new();
        for name in names {
            let snapshot = tables::snapshot(&self.locks, &self.spec.lake, name).await;
            let snapshot = snapshot.map_err(|(class, error)| Event::Failed { class, error })?;
            let Some(snapshot) = snapshot else {
                let error = format!(
                    "a check of model `{model}` reads table `{name}`, which lake {} does not have; name a model of the \
                     job, or a table that is there",
                    self.spec.lake
                );
                let class = ErrorClass::Configuration;
                return Err(Event::Failed { class, error });
            };
            found.insert(name.clone(), Arc::new(snapshot));
        }
        Ok(found)
    }

    /// Sees that the checks of a model that has just been planned can be made,
    /// over its table as it is and the columns that it will have.
    pub(super) async fn plan(self, request: &ModelRequest) -> Result<(), Event> {
        if request.model.checks.is_empty() {
            return Ok(());
        }
        let work = CommitWork {
            model: self.model,
            quarantine_of: None,
            commit_id: commit_id(&self.job_id, self.model, None),
            at_ms: 0,
            files: Vec::new(),
            remove: Vec::new(),
            inputs: Vec::new(),
            audit: Audit::Coverage,
            base: None,
            failed: false,
            checked: None,
        };
        let request = Arc::new(self.request(work).await?);
        let planned = self.engine.plan_checks(request).await;
        planned.map_err(|error: EngineError| failed(&error))
    }
}

/// One attempt at a check.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckAttempt {
    /// The check's index.
    pub(super) check: usize,
    /// Which attempt.
    pub(super) attempt: u32,
}

/// Makes an attempt at a check: over the outcome of `work`, or over what was
/// `asked` for the check before.
pub(super) fn run_check(
    context: CheckContext,
    wave: WaveContext,
    work: Option<CommitWork>,
    asked: Option<Arc<CheckRequest>>,
    CheckAttempt { check, attempt }: CheckAttempt,
) -> Act {
    async move {
        let request = match (work, asked) {
            (Some(work), _) => match context.request(work).await {
                Ok(request) => Arc::new(request),
                Err(event) => return (event, None),
            },
            (None, Some(asked)) => asked,
            (None, None) => {
                let error = "a check without a table to look at".to_owned();
                let class = ErrorClass::Engine;
                return (Event::Failed { class, error }, None);
            }
        };
        let looked_at = request.candidate.version.saturating_sub(1);
        let engine = Arc::clone(&wave.engine);
        let progress = wave.progress.clone();
        let own = Arc::clone(&request);
        let run = async move { engine.run_check(own, check, attempt, progress).await };
        let is_engines = |outcome: &CheckOutcome| {
            matches!(
                outcome,
                CheckOutcome::Failed { class, .. } if ErrorClass::parse(class) == ErrorClass::Engine
            )
        };
        let (outcome, executor_lost) = watch_losses(wave, run, is_engines).await;
        let event = Event::CheckEnded {
            outcome,
            looked_at,
            executor_lost,
        };
        (event, Some(Asked::Check(request)))
    }
    .boxed()
}
