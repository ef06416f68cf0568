//! The jobs of this scheduler: takes them in, starts their drivers, answers
//! for them, for those of before a restart too.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use headworks_engine::api::Engine;
use headworks_proto::v1;
use headworks_spec::JobSpec;
use thiserror::Error;
use tokio::sync::{mpsc, watch};

use crate::driver::{
    self, Command, DriverContext, DriverOptions, ErrorClass, Failure, JobState, Outcome, Record,
    TableLocks, drive,
};
use crate::journal::{Journal, JournalError, NewJob, Submitted};

/// How long a scheduler that stops waits for its jobs to let go.
const SHUTDOWN_WAIT_MS_MAX: u64 = 10_000;
/// A job's spec is at most this long; schema files and SQL are inside.
pub const SPEC_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a request about a job was refused.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The job cannot be run: change it, then submit again.
    #[error("{0}")]
    Invalid(String),
    /// The scheduler is starting or stopping: try again.
    #[error("the scheduler is {0}; try again in a moment")]
    NotReady(&'static str),
    /// There is no such job.
    #[error("there is no job `{0}`; `headworks jobs list` shows the jobs that there are")]
    Unknown(String),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A call broke off.
    #[error("{0}; please report it")]
    Broken(String),
}

/// A job that is being watched.
#[derive(Debug)]
pub enum Watched {
    /// It runs; the last view, once the sender is gone, is the final one.
    Live(watch::Receiver<v1::JobView>),
    /// It is not driven here: it has ended, or another scheduler that shares
    /// the state folder drives it. The journal has its view.
    Journaled(Box<v1::JobView>),
}

/// The jobs of a scheduler. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    journal: Arc<Journal>,
    /// Set once the engine has started; it needs this registry's service first.
    engine: OnceLock<Arc<dyn Engine>>,
    live: Mutex<Live>,
    locks: TableLocks,
    options: DriverOptions,
}

#[derive(Default)]
struct Live {
    jobs: HashMap<String, LiveJob>,
    is_stopping: bool,
}

struct LiveJob {
    commands: mpsc::UnboundedSender<Command>,
    views: watch::Receiver<v1::JobView>,
}

impl Registry {
    /// A registry without an engine: it answers, but takes no job yet.
    #[must_use]
    pub fn new(journal: Arc<Journal>, locks: TableLocks, options: DriverOptions) -> Self {
        let inner = Inner {
            journal,
            engine: OnceLock::new(),
            live: Mutex::default(),
            locks,
            options,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Gives it the engine that its jobs run on. A second call changes nothing.
    pub fn set_engine(&self, engine: Arc<dyn Engine>) {
        let _ = self.inner.engine.set(engine);
    }

    /// Takes a job in, unless `request_id` (if not empty) made one before.
    /// Returns its id. It is in the journal when this returns.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub async fn submit(
        &self,
        spec_json: String,
        request_id: String,
    ) -> Result<String, RegistryError> {
        let spec = parse(&spec_json)?;
        let engine = self
            .inner
            .engine
            .get()
            .cloned()
            .ok_or(RegistryError::NotReady("starting"))?;
        let job_id = uuid::Uuid::now_v7().simple().to_string();
        let state = JobState::new(job_id.clone(), Arc::new(spec), driver::now_ms());
        let view = driver::job_view(&state, &driver::Progress::default());
        let (commands, command_receiver) = mpsc::unbounded_channel();
        let (views, view_receiver) = watch::channel(view.clone());
        {
            // Known before it is journaled, so that nobody who finds it in the
            // journal takes it for one that is not driven.
            let mut live = self.live();
            if live.is_stopping {
                return Err(RegistryError::NotReady("stopping"));
            }
            live.jobs.insert(
                job_id.clone(),
                LiveJob {
                    commands,
                    views: view_receiver,
                },
            );
        }
        let models: Vec<String> = state
            .spec
            .models
            .iter()
            .map(|model| model.name.clone())
            .collect();
        let id = job_id.clone();
        let journaled = self.journal_call(move |journal| {
            let job = NewJob {
                job_id: &id,
                spec_json: &spec_json,
                models: &models,
                request_id: &request_id,
                view: &view,
            };
            journal.submit(&job)
        });
        match journaled.await {
            Ok(Submitted::New) => {
                self.start(engine, state, command_receiver, views);
                Ok(job_id)
            }
            other => {
                self.live().jobs.remove(&job_id);
                match other? {
                    Submitted::Before(before) => Ok(before),
                    Submitted::New => Ok(job_id),
                }
            }
        }
    }

    /// A job's view.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], or the journal's.
    pub async fn view(&self, job_id: &str) -> Result<v1::JobView, RegistryError> {
        if let Some(job) = self.live().jobs.get(job_id) {
            return Ok(job.views.borrow().clone());
        }
        let id = job_id.to_owned();
        let found = self.journal_call(move |journal| journal.view(&id)).await?;
        found.ok_or_else(|| RegistryError::Unknown(job_id.to_owned()))
    }

    /// The newest jobs first, at most `limit`.
    ///
    /// # Errors
    /// The journal's.
    pub async fn list(&self, limit: u32) -> Result<Vec<v1::JobView>, RegistryError> {
        let mut views = self
            .journal_call(move |journal| journal.list(limit))
            .await?;
        let live = self.live();
        for view in &mut views {
            if let Some(job) = live.jobs.get(&view.job_id) {
                view.clone_from(&job.views.borrow());
            }
        }
        Ok(views)
    }

    /// Follows a job.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], or the journal's.
    pub async fn watch(&self, job_id: &str) -> Result<Watched, RegistryError> {
        if let Some(job) = self.live().jobs.get(job_id) {
            return Ok(Watched::Live(job.views.clone()));
        }
        Ok(Watched::Journaled(Box::new(self.view(job_id).await?)))
    }

    /// Asks a job to stop. Returns whether it was still running.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], or the journal's.
    pub async fn cancel(&self, job_id: &str, reason: &str) -> Result<bool, RegistryError> {
        if let Some(job) = self.live().jobs.get(job_id) {
            let reason = if reason.is_empty() {
                "stopped on request"
            } else {
                reason
            };
            return Ok(job
                .commands
                .send(Command::Cancel(reason.to_owned()))
                .is_ok());
        }
        self.view(job_id).await.map(|_| false)
    }

    /// Lets go of all jobs: they stay in the journal as interrupted. Returns
    /// when they have, or after a bounded wait.
    pub async fn shutdown(&self) {
        {
            let mut live = self.live();
            live.is_stopping = true;
            for job in live.jobs.values() {
                let _ = job.commands.send(Command::Interrupt);
            }
        }
        let empty = async {
            while !self.live().jobs.is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_millis(SHUTDOWN_WAIT_MS_MAX), empty)
            .await
            .is_err()
        {
            tracing::warn!(
                "some jobs did not let go in time; the next scheduler finds them interrupted"
            );
        }
    }

    fn start(
        &self,
        engine: Arc<dyn Engine>,
        state: JobState,
        commands: mpsc::UnboundedReceiver<Command>,
        views: watch::Sender<v1::JobView>,
    ) {
        let context = DriverContext {
            engine,
            journal: Arc::clone(&self.inner.journal),
            locks: self.inner.locks.clone(),
            options: self.inner.options.clone(),
        };
        let job_id = state.job_id.clone();
        let registry = self.clone();
        let driving = tokio::spawn(drive(context, state, commands, views.clone()));
        tokio::spawn(async move {
            if let Err(error) = driving.await {
                registry.bury(&job_id, &error.to_string(), &views).await;
            }
            registry.live().jobs.remove(&job_id);
        });
    }

    /// Ends a job whose driver broke: nobody must wait for it for ever.
    async fn bury(&self, job_id: &str, error: &str, views: &watch::Sender<v1::JobView>) {
        let mut view = views.borrow().clone();
        let failure = Failure {
            class: Some(ErrorClass::Engine),
            error: format!(
                "the job's driver broke: {error}; a defect of Headworks, please report it"
            ),
        };
        view.set_state(v1::JobState::Failed);
        view.error.clone_from(&failure.error);
        view.error_class = ErrorClass::Engine.as_str().to_owned();
        view.finished_at_ms = driver::now_ms();
        let (id, ended) = (job_id.to_owned(), view.clone());
        let record = Record::Ended {
            outcome: Outcome::Failed,
            failure: Some(failure),
        };
        let done = self
            .journal_call(move |journal| journal.append(&id, &[record], &ended, driver::now_ms()))
            .await;
        if let Err(error) = done {
            tracing::error!(job = %job_id, "{error}");
        }
        views.send_replace(view);
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.inner
            .live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn journal_call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Journal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let journal = Arc::clone(&self.inner.journal);
        match tokio::task::spawn_blocking(move || call(&journal)).await {
            Ok(done) => Ok(done?),
            Err(error) => Err(RegistryError::Broken(format!(
                "a call of the journal broke off: {error}"
            ))),
        }
    }
}

/// Reads a job's spec, and checks what a client of ours would have checked.
fn parse(spec_json: &str) -> Result<JobSpec, RegistryError> {
    if spec_json.len() > SPEC_BYTES_MAX {
        return Err(RegistryError::Invalid(format!(
            "the job is {} bytes long, at most {SPEC_BYTES_MAX} are taken; shorten its schema files",
            spec_json.len()
        )));
    }
    let spec =
        JobSpec::from_json(spec_json).map_err(|error| RegistryError::Invalid(error.to_string()))?;
    if spec.models.is_empty() {
        return Err(RegistryError::Invalid(format!(
            "job `{}` has no model; add one under `models:`",
            spec.job
        )));
    }
    let mut models = BTreeSet::new();
    for model in &spec.models {
        if let Some(missing) = model
            .reads_sources
            .iter()
            .find(|name| spec.source(name).is_none())
        {
            return Err(RegistryError::Invalid(format!(
                "model `{}` reads `{missing}`, which is no source",
                model.name
            )));
        }
        if let Some(later) = model
            .reads_models
            .iter()
            .find(|name| !models.contains(*name))
        {
            return Err(RegistryError::Invalid(format!(
                "model `{}` reads `{later}`, which no model before it makes",
                model.name
            )));
        }
        if !models.insert(model.name.clone()) {
            return Err(RegistryError::Invalid(format!(
                "two models are named `{}`",
                model.name
            )));
        }
    }
    Ok(spec)
}
