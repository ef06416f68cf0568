//! The shell around the decisions: one task for each job. It performs the
//! actions through the engine, the journal and the lake, feeds what happened
//! back to [`step`], and publishes the job's view.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use headworks_engine::api::{CheckRequest, Engine, ModelRequest, Wave, WaveOutcome, WaveProgress};
use headworks_lake::PendingFile;
use headworks_lake::schema::SchemaEntry;
use headworks_proto::v1;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::action::{Action, CommitWork, Record};
use super::acts::{self, Act, Asked, PlanContext, WaveContext};
use super::check_acts::{self, CheckAttempt, CheckContext};
use super::event::Event;
use super::progress::Progress;
use super::state::{JobState, Phase};
use super::step::step;
use super::tables::{self, CommitContext, TableLocks};
use super::view::{INTERRUPTED_TEXT, job_view};
use crate::journal::Journal;

/// Bounds and waits of a driver.
#[derive(Debug, Clone)]
pub struct DriverOptions {
    /// A stopped job waits so long for its wave to end; then it ends without,
    /// and the wave's files are removed when it does.
    pub cancel_wait: Duration,
    /// After a failure of the engine, an executor's loss is waited for so
    /// long. An engine that judges losses itself needs no wait.
    pub loss_wait: Duration,
    /// Progress is published at most this often.
    pub publish_interval: Duration,
    /// For tests.
    #[doc(hidden)]
    pub faults: Faults,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self {
            cancel_wait: Duration::from_millis(2_000),
            loss_wait: Duration::ZERO,
            publish_interval: Duration::from_millis(100),
            faults: Faults::default(),
        }
    }
}

/// Faults that tests inject.
#[doc(hidden)]
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Takes one row out of the counts of the first accepted wave.
    pub lose_one_row: bool,
}

/// What a driver works with.
#[derive(Clone)]
pub struct DriverContext {
    /// The cluster.
    pub engine: Arc<dyn Engine>,
    /// The journal.
    pub journal: Arc<Journal>,
    /// The locks of this process's tables.
    pub locks: TableLocks,
    /// Bounds and waits.
    pub options: DriverOptions,
}

/// What a driver is told from outside.
#[derive(Debug)]
pub enum Command {
    /// Stop the job, and say why.
    Cancel(String),
    /// Let go of the job: the scheduler stops. It stays unfinished in the journal.
    Interrupt,
}

/// Drives a job to its end. The views that it publishes end with the final one.
pub async fn drive(
    context: DriverContext,
    state: JobState,
    mut commands: mpsc::UnboundedReceiver<Command>,
    views: watch::Sender<v1::JobView>,
) {
    let (stopping, _) = watch::channel(false);
    let faults = context.options.faults.clone();
    let mut driver = Driver {
        context,
        state,
        views,
        progress: Progress::default(),
        act: None,
        act_is_wave: false,
        request: None,
        check_request: None,
        heard: None,
        stopping,
        overdue_at: None,
        is_stale: false,
        faults,
    };
    driver.run(&mut commands).await;
}

struct Driver {
    context: DriverContext,
    state: JobState,
    views: watch::Sender<v1::JobView>,
    progress: Progress,
    act: Option<Act>,
    /// Whether the act in hand is a wave or a check, which runs on when it is let go of.
    act_is_wave: bool,
    request: Option<Arc<ModelRequest>>,
    /// What the last check looked at.
    check_request: Option<Arc<CheckRequest>>,
    /// What the attempt in hand says while it runs.
    heard: Option<mpsc::UnboundedReceiver<WaveProgress>>,
    /// Tells acts that wait to stop waiting.
    stopping: watch::Sender<bool>,
    overdue_at: Option<Instant>,
    /// Whether the published view is behind.
    is_stale: bool,
    faults: Faults,
}

/// What woke the driver.
enum Wake {
    Event(Event),
    Progress(WaveProgress),
    Command(Option<Command>),
    Publish,
}

impl Driver {
    async fn run(&mut self, commands: &mut mpsc::UnboundedReceiver<Command>) {
        self.handle(Event::Start).await;
        let mut publish = tokio::time::interval(self.context.options.publish_interval);
        publish.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_commands = true;
        while self.state.outcome().is_none() {
            let overdue_at = self.overdue_at;
            let wake = tokio::select! {
                // Progress first: a wave's reports come before its end.
                biased;
                progress = next_heard(&mut self.heard) => Wake::Progress(progress),
                command = commands.recv(), if has_commands => Wake::Command(command),
                (event, asked) = next_act(&mut self.act) => {
                    match asked {
                        Some(Asked::Plan(request)) => self.request = Some(request),
                        Some(Asked::Check(request)) => self.check_request = Some(request),
                        None => {}
                    }
                    Wake::Event(event)
                }
                () = sleep_until(overdue_at) => {
                    self.overdue_at = None;
                    Wake::Event(Event::CancelOverdue)
                }
                _ = publish.tick(), if self.is_stale => Wake::Publish,
            };
            match wake {
                Wake::Event(event) => self.handle(event).await,
                Wake::Progress(progress) => self.hear(progress).await,
                Wake::Command(Some(Command::Cancel(reason))) => {
                    let wait = self.context.options.cancel_wait;
                    self.overdue_at.get_or_insert_with(|| Instant::now() + wait);
                    self.stopping.send_replace(true);
                    self.handle(Event::Cancel(reason)).await;
                }
                Wake::Command(Some(Command::Interrupt)) => return self.interrupt().await,
                Wake::Command(None) => has_commands = false,
                Wake::Publish => self.publish(),
            }
        }
        self.publish();
    }

    /// Decides on an event, performs what follows, and what follows from that.
    async fn handle(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(mut event) = events.pop_front() {
            if let Event::CheckEnded { .. } = &event {
                self.heard = None;
            }
            if let Event::WaveEnded { outcome, .. } = &mut event {
                self.heard = None;
                self.inject_faults(outcome);
                self.see_executors().await;
            }
            let actions = step(&mut self.state, event, now_ms());
            self.note_progress(&actions);
            if let Err(error) = self.perform(actions).await {
                events.push_back(Event::JournalFailed(error));
            }
        }
        self.publish();
    }

    async fn hear(&mut self, progress: WaveProgress) {
        self.progress.hear(
            &progress,
            now_ms().saturating_sub(self.state.submitted_at_ms),
        );
        self.is_stale = true;
        if let WaveProgress::Submitted { engine_job, .. } = progress
            && matches!(
                self.state.phase,
                Phase::Running { .. } | Phase::Checking { .. }
            )
        {
            self.handle(Event::WaveSubmitted(engine_job)).await;
        }
    }

    /// Performs a batch in its order.
    ///
    /// # Errors
    /// If the journal refused a record; what stood behind it was not done.
    async fn perform(&mut self, actions: Vec<Action>) -> Result<(), String> {
        let mut records = Vec::new();
        for action in actions {
            if let Action::Journal(record) = action {
                records.push(record);
                continue;
            }
            self.write(std::mem::take(&mut records)).await?;
            self.act_on(action).await;
        }
        self.write(records).await
    }

    async fn act_on(&mut self, action: Action) {
        let awaited = matches!(
            action,
            Action::Settle(_)
                | Action::SettleAgain(_)
                | Action::Open(_)
                | Action::Plan(_)
                | Action::RunWave { .. }
                | Action::Check { .. }
                | Action::Stage { .. }
                | Action::Commit(_)
        );
        if awaited {
            debug_assert!(self.act.is_none(), "two acts in flight");
            self.act_is_wave = matches!(action, Action::RunWave { .. } | Action::Check { .. });
        }
        let locks = self.context.locks.clone();
        let lake = self.state.spec.lake.clone();
        match action {
            Action::Journal(_) => {}
            Action::Settle(source) => {
                let spec = self.state.spec.sources[source].clone();
                self.act = Some(acts::settle(Arc::clone(&self.context.engine), spec));
            }
            Action::SettleAgain(source) => {
                let name = &self.state.spec.sources[source].name;
                self.act = self.state.sources.get(name).map(|source| {
                    acts::settle_again(Arc::clone(&self.context.engine), Arc::clone(source))
                });
            }
            Action::Open(model) => {
                let table = self.state.spec.models[model].name.clone();
                self.act = Some(
                    tables::open(locks, lake, table)
                        .map(|event| (event, None))
                        .boxed(),
                );
            }
            Action::Plan(work) => {
                let plan = PlanContext {
                    engine: Arc::clone(&self.context.engine),
                    locks,
                    spec: Arc::clone(&self.state.spec),
                    job_id: self.state.job_id.clone(),
                    settled: self.state.sources.clone(),
                };
                self.act = Some(acts::plan(plan, work));
            }
            Action::RunWave { wave, attempt } => self.act = self.run_wave(wave, attempt),
            Action::Check {
                candidate,
                model,
                check,
                attempt,
            } => {
                let attempt = CheckAttempt { check, attempt };
                self.act = Some(self.check(model, candidate.map(|work| *work), attempt));
            }
            Action::Stage { model: _, files } => self.act = self.stage(files),
            Action::CancelWave(engine_job) => self.context.engine.cancel(&engine_job).await,
            Action::Abandon => self.abandon(),
            Action::Commit(work) => self.act = Some(self.commit(*work)),
            Action::Discard { model, files } => {
                let table = self.state.spec.models[model].name.clone();
                for problem in tables::discard(locks, lake, table, files).await {
                    tracing::warn!(job = %self.state.job_id, "{problem}");
                }
            }
            Action::End(outcome) => {
                // A wave that was given up on is reaped.
                self.abandon();
                tracing::info!(job = %self.state.job_id, ?outcome, "ended");
            }
        }
    }

    fn run_wave(&mut self, wave: Wave, attempt: u32) -> Option<Act> {
        let request = Arc::clone(self.request.as_ref()?);
        let context = self.wave_context();
        Some(acts::run_wave(context, request, wave, attempt))
    }

    fn wave_context(&mut self) -> WaveContext {
        // A channel of its own: what a former attempt still says is not heard.
        let (progress, heard) = mpsc::unbounded_channel();
        self.heard = Some(heard);
        WaveContext {
            engine: Arc::clone(&self.context.engine),
            progress,
            loss_wait: self.context.options.loss_wait,
            stopping: self.stopping.subscribe(),
        }
    }

    fn check(&mut self, model: usize, work: Option<CommitWork>, attempt: CheckAttempt) -> Act {
        let context = CheckContext {
            engine: Arc::clone(&self.context.engine),
            locks: self.context.locks.clone(),
            spec: Arc::clone(&self.state.spec),
            job_id: self.state.job_id.clone(),
            model,
            schema: self.planned_schema(),
        };
        let asked = self.check_request.clone();
        check_acts::run_check(context, self.wave_context(), work, asked, attempt)
    }

    /// The schema of the rows that the model in hand writes.
    fn planned_schema(&self) -> serde_json::Value {
        let merge = self.request.as_ref().and_then(|r| r.merge.as_ref());
        match merge {
            // Files of a merge have all columns of the table; a merge that ran has found them to go together.
            Some(merge) => merge
                .table_schema()
                .and_then(|schema| SchemaEntry::from_arrow(&schema))
                .map(|entry| serde_json::json!(entry))
                .unwrap_or_default(),
            None => {
                let run = self.state.run.as_ref();
                run.map(|run| run.plan.schema.clone()).unwrap_or_default()
            }
        }
    }

    fn stage(&self, files: Vec<PendingFile>) -> Option<Act> {
        let (request, run) = (self.request.as_ref()?, self.state.run.as_ref()?);
        Some(acts::stage(
            self.context.locks.clone(),
            Arc::clone(request),
            run.current.clone(),
            run.plan.schema.clone(),
            files,
        ))
    }

    fn commit(&self, work: CommitWork) -> Act {
        let context = CommitContext {
            lake: self.state.spec.lake.clone(),
            job_id: self.state.job_id.clone(),
            model: self.state.spec.models[work.model].clone(),
            schema: self.planned_schema(),
        };
        let locks = self.context.locks.clone();
        // The commit goes on though the job's task be dropped.
        let commit = tokio::spawn(tables::commit(locks, context, work));
        async move {
            let event = commit
                .await
                .unwrap_or_else(|error| Event::CommitUnknown(error.to_string()));
            (event, None)
        }
        .boxed()
    }

    /// Lets go of the act in hand. A wave runs on until the engine has stopped
    /// it; then its files are removed.
    fn abandon(&mut self) {
        let (Some(act), true) = (self.act.take(), self.act_is_wave) else {
            return;
        };
        let Some(request) = self.request.clone() else {
            return;
        };
        let locks = self.context.locks.clone();
        tokio::spawn(async move {
            if let (Event::WaveEnded { outcome, .. }, _) = act.await {
                let (lake, table) = (request.lake.clone(), request.model.name.clone());
                tables::discard(locks, lake, table, acts::unused_files(outcome)).await;
            }
        });
    }

    /// The scheduler stops: a commit is brought to its end, all else is left
    /// as the journal has it.
    async fn interrupt(&mut self) {
        while matches!(
            self.state.phase,
            Phase::Committing { .. } | Phase::Quarantining { .. }
        ) && let Some(act) = self.act.take()
        {
            let (event, _) = act.await;
            self.handle(event).await;
        }
        if let Some(engine_job) = self
            .state
            .run
            .as_ref()
            .and_then(|run| run.engine_job.clone())
        {
            self.context.engine.cancel(&engine_job).await;
        }
        if self.state.outcome().is_none() {
            let (journal, job_id) = (Arc::clone(&self.context.journal), self.state.job_id.clone());
            let done =
                tokio::task::spawn_blocking(move || journal.interrupt(&job_id, now_ms())).await;
            if let Ok(Err(error)) = done {
                tracing::warn!(job = %self.state.job_id, "{error}");
            }
            let mut view = job_view(&self.state, &self.progress);
            view.set_state(v1::JobState::Interrupted);
            view.error = INTERRUPTED_TEXT.to_owned();
            self.views.send_replace(view);
        } else {
            self.publish();
        }
    }

    /// Writes records down.
    async fn write(&mut self, records: Vec<Record>) -> Result<(), String> {
        if records.is_empty() {
            return Ok(());
        }
        let is_vital = records.iter().any(Record::is_vital);
        let view = job_view(&self.state, &self.progress);
        let (journal, job_id) = (Arc::clone(&self.context.journal), self.state.job_id.clone());
        let work = move || journal.append(&job_id, &records, &view, now_ms());
        let error = match tokio::task::spawn_blocking(work).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(error) => format!("a write to the journal broke off: {error}"),
        };
        tracing::error!(job = %self.state.job_id, "{error}");
        if is_vital { Err(error) } else { Ok(()) }
    }

    fn note_progress(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Journal(Record::ModelPlanned { plan, .. }) => {
                    self.progress
                        .begin_model(plan.waves.iter().map(|wave| wave.bytes).sum());
                }
                Action::Journal(Record::WaveAccepted { result, .. }) => {
                    self.progress
                        .wave_accepted(result, now_ms().saturating_sub(self.state.submitted_at_ms));
                }
                Action::RunWave { .. } => self.progress.begin_wave(),
                _ => {}
            }
        }
    }

    async fn see_executors(&mut self) {
        let executors = self.context.engine.executors().await;
        self.progress.see_executors(&executors);
    }

    fn publish(&mut self) {
        self.is_stale = false;
        self.views
            .send_replace(job_view(&self.state, &self.progress));
    }

    fn inject_faults(&mut self, outcome: &mut WaveOutcome) {
        if let (true, WaveOutcome::Accepted(result)) = (self.faults.lose_one_row, outcome)
            && let Some(written) = result.written.values_mut().find(|rows| **rows > 0)
        {
            *written -= 1;
            self.faults.lose_one_row = false;
        }
    }
}

/// The act in hand, or never.
async fn next_act(act: &mut Option<Act>) -> (Event, Option<Asked>) {
    match act {
        Some(running) => {
            let done = running.await;
            *act = None;
            done
        }
        None => std::future::pending().await,
    }
}

/// What the attempt in hand says next, or never.
async fn next_heard(heard: &mut Option<mpsc::UnboundedReceiver<WaveProgress>>) -> WaveProgress {
    if let Some(receiver) = heard {
        if let Some(progress) = receiver.recv().await {
            return progress;
        }
        *heard = None;
    }
    std::future::pending().await
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Milliseconds since 1970. The only clock of the driver.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
