//! Runs one attempt at a wave as a job of Ballista's, to its end and its verdict.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::JobId;
use ballista_core::serde::protobuf::JobStatus;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_scheduler::cluster::JobState;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use headworks_sources::{ErrorClass, TaskError};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, UnboundedSender, channel};
use tokio::time::{Instant, sleep, timeout};

use super::Server;
use super::judge::{StageFacts, judge};
use super::reports::{ReportStore, Reported, files_of};
use super::slots::Slots;
use super::watchdog::{not_heard, running_tasks};
use crate::api::{ExecutorInfo, STALE, WaveOutcome, WaveProgress, WaveResult};
use crate::guards::Guards;
use crate::report::TaskId;

/// Status updates of a job that may wait to be read.
const STATUS_UPDATES_MAX: usize = 4096;
/// Updates are dropped when the channel is full: so look, too.
const LOOK_INTERVAL_MS: u64 = 500;
/// How long a finished job's graph may take to appear: subscribers hear of a
/// success before it is stored.
const GRAPH_WAIT_MS_MAX: u64 = 2_000;
/// How long a cancelled job may take to say so.
const CANCEL_WAIT_MS_MAX: u64 = 1_500;
/// How long an executor may take to accept a connection before it counts as lost.
const PROBE_MS_MAX: u64 = 1_000;

/// What running a wave needs.
pub(super) struct WaveRunner {
    pub(super) server: Server,
    pub(super) job_state: Arc<dyn JobState>,
    pub(super) reports: Arc<ReportStore>,
    pub(super) slots: Slots,
    pub(super) cancelled: Arc<Mutex<HashSet<String>>>,
    pub(super) guards: Guards,
    pub(super) before_verdict: Option<super::BeforeVerdict>,
    /// How long the engine may take to hear of a task's end.
    pub(super) end_heard_within: Duration,
}

/// How a job of Ballista's ended.
enum Ended {
    Succeeded,
    Failed(String),
    Cancelled,
    /// The engine did not hear of this task's end, and waits for it.
    NotHeard(TaskId),
}

impl WaveRunner {
    /// Submits `plan`, waits for its end, judges it. Beside the outcome: the
    /// files of an accepted wave's tasks that do not count, for the caller to
    /// discard.
    pub(super) async fn run(
        &self,
        name: &str,
        ctx: Arc<SessionContext>,
        plan: Arc<dyn ExecutionPlan>,
        tasks_total: u32,
        progress: UnboundedSender<WaveProgress>,
    ) -> (WaveOutcome, Option<crate::api::WaveDiscard>) {
        let before = self.slots.executors().await;
        let (status, mut updates) = channel(STATUS_UPDATES_MAX);
        let job = match self
            .server
            .submit_physical_plan(name, ctx, plan, Some(status))
            .await
        {
            Ok(job) => job,
            Err(e) => {
                let error = format!("the engine did not take the wave: {e}");
                return (failed("engine", error), None);
            }
        };
        let engine_job = job.to_string();
        // Nobody need listen.
        let _ = progress.send(WaveProgress::Submitted {
            engine_job: engine_job.clone(),
            tasks_total,
        });
        self.reports.listen(&engine_job, progress);
        let ended = self.wait(&job, &mut updates).await;
        let outcome = self.conclude(&job, ended, &before).await;
        self.cancelled.lock().remove(&engine_job);
        outcome
    }

    async fn wait(&self, job: &JobId, updates: &mut Receiver<JobStatus>) -> Ended {
        let mut cancelled_at: Option<Instant> = None;
        let mut looked_at = Instant::now();
        loop {
            let status =
                match timeout(Duration::from_millis(LOOK_INTERVAL_MS), updates.recv()).await {
                    Ok(Some(status)) => Some(status),
                    // Nothing heard, or nobody to hear from: look.
                    Ok(None) => {
                        sleep(Duration::from_millis(10)).await;
                        self.job_state.get_job_status(job).await.ok().flatten()
                    }
                    Err(_) => self.job_state.get_job_status(job).await.ok().flatten(),
                };
            let cancelled = self.cancelled.lock().contains(job.as_str());
            match status.and_then(|s| s.status) {
                Some(Status::Successful(_)) => return Ended::Succeeded,
                Some(Status::Failed(_)) if cancelled => return Ended::Cancelled,
                Some(Status::Failed(failed)) => return Ended::Failed(failed.error),
                _ => {}
            }
            if looked_at.elapsed() >= Duration::from_millis(LOOK_INTERVAL_MS) {
                looked_at = Instant::now();
                if let Some(task) = self.not_heard(job, looked_at).await {
                    return Ended::NotHeard(task);
                }
            }
            if cancelled {
                let since = *cancelled_at.get_or_insert_with(Instant::now);
                if since.elapsed() > Duration::from_millis(CANCEL_WAIT_MS_MAX) {
                    return Ended::Cancelled;
                }
            }
        }
    }

    /// A task whose end the engine has not heard of.
    async fn not_heard(&self, job: &JobId, now: Instant) -> Option<TaskId> {
        if !self.guards.b8_run_again_when_an_end_is_not_heard {
            return None;
        }
        let active = self.server.state.task_manager.get_running_job_cache();
        let graph = active.get(job)?.execution_graph.read().await;
        let running = running_tasks(job, graph.as_ref());
        let within = self.end_heard_within;
        self.reports
            .with_ended(job.as_str(), |ended| {
                not_heard(&running, ended, now, within).cloned()
            })
            .flatten()
    }

    async fn conclude(
        &self,
        job: &JobId,
        ended: Ended,
        before: &[ExecutorInfo],
    ) -> (WaveOutcome, Option<crate::api::WaveDiscard>) {
        if let Some(hook) = &self.before_verdict {
            hook().await;
        }
        match ended {
            Ended::Succeeded => {
                let facts = self.facts(job).await;
                let mut reports = self.reports.close(job.as_str());
                if !self.guards.b7_keep_reports_of_lost_executors {
                    let here: HashSet<String> = self
                        .slots
                        .executors()
                        .await
                        .into_iter()
                        .map(|e| e.id)
                        .collect();
                    reports.retain(|r| here.contains(&r.executor_id));
                }
                let verdict = match &facts {
                    Some(facts) => judge(job.as_str(), facts, &reports, self.guards),
                    None => Err("its graph was not found after it had ended".to_owned()),
                };
                match verdict {
                    Ok(verdict) => {
                        let losers = files_of(verdict.losers.into_iter());
                        (
                            WaveOutcome::Accepted(Box::<WaveResult>::new(verdict.result)),
                            Some(losers),
                        )
                    }
                    Err(reason) => (run_again(reason, &reports), None),
                }
            }
            Ended::NotHeard(task) => {
                if let Err(error) = self.server.cancel_job(job.clone()).await {
                    tracing::warn!("the engine did not take the cancellation of {job}: {error}");
                }
                let reports = self.reports.close(job.as_str());
                let reason = format!(
                    "the engine never heard that task {} of stage {} had ended",
                    task.slot, task.stage
                );
                (run_again(reason, &reports), None)
            }
            Ended::Cancelled => {
                let reports = self.reports.close(job.as_str());
                (
                    WaveOutcome::Cancelled {
                        discard: files_of(reports.iter()),
                    },
                    None,
                )
            }
            Ended::Failed(error) => {
                let outcome = match TaskError::find_in(&error) {
                    Some(typed) if typed.class != ErrorClass::Engine => {
                        Err((typed.class.word(), typed.message))
                    }
                    None if is_stale(&error) => Err((STALE, error)),
                    _ if self.guards.b6_run_again_after_loss && self.lost_one(before).await => {
                        Ok(error)
                    }
                    _ => Err(("engine", error)),
                };
                let reports = self.reports.close(job.as_str());
                let outcome = match outcome {
                    Ok(error) => run_again(format!("an executor was lost: {error}"), &reports),
                    Err((class, error)) => WaveOutcome::Failed {
                        class: class.to_owned(),
                        error,
                        discard: files_of(reports.iter()),
                    },
                };
                (outcome, None)
            }
        }
    }

    /// What the finished job's graph says; `None` if there is none. That never
    /// means that nothing was tried again.
    async fn facts(&self, job: &JobId) -> Option<Vec<StageFacts>> {
        let until = Instant::now() + Duration::from_millis(GRAPH_WAIT_MS_MAX);
        loop {
            if let Ok(Some(graph)) = self.job_state.get_execution_graph(job).await {
                return Some(
                    graph
                        .stages()
                        .iter()
                        .map(|(id, stage)| StageFacts::of(*id, stage))
                        .collect(),
                );
            }
            if Instant::now() >= until {
                return None;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether an executor of those before is gone, or does not answer: its
    /// loss may be noticed only later than the failure that it caused (B6).
    async fn lost_one(&self, before: &[ExecutorInfo]) -> bool {
        let now: HashSet<String> = self
            .slots
            .executors()
            .await
            .into_iter()
            .map(|e| e.id)
            .collect();
        for executor in before {
            if !now.contains(&executor.id) {
                return true;
            }
            let probe = timeout(
                Duration::from_millis(PROBE_MS_MAX),
                TcpStream::connect(&executor.address),
            )
            .await;
            if !matches!(probe, Ok(Ok(_))) {
                return true;
            }
        }
        false
    }
}

/// Whether a data file of the lake was gone when a task came to read it: its
/// table was overwritten after the wave was planned.
fn is_stale(error: &str) -> bool {
    let gone = ["not found", "NotFound", "No such file"]
        .iter()
        .any(|word| error.contains(word));
    gone && error.contains(".parquet")
}

fn failed(class: &str, error: String) -> WaveOutcome {
    WaveOutcome::Failed {
        class: class.to_owned(),
        error,
        discard: crate::api::WaveDiscard::default(),
    }
}

fn run_again(reason: String, reports: &[Reported]) -> WaveOutcome {
    WaveOutcome::RunAgain {
        reason,
        discard: files_of(reports.iter()),
    }
}
