//! A job as the wire shows it.

use headworks_proto::v1;

use super::progress::Progress;
use super::state::{JobState, Outcome, Phase, SourceCounts};

/// The view of a job.
#[must_use]
pub fn job_view(state: &JobState, progress: &Progress) -> v1::JobView {
    let failure = state
        .failure
        .as_ref()
        .filter(|_| state.outcome() != Some(Outcome::Done));
    let counts = progress.counts();
    v1::JobView {
        job_id: state.job_id.clone(),
        name: state.spec.job.clone(),
        state: wire_state(state.phase).into(),
        error: failure.map(|f| f.error.clone()).unwrap_or_default(),
        error_class: failure
            .and_then(|f| f.class)
            .map(|c| c.as_str().to_owned())
            .unwrap_or_default(),
        submitted_at_ms: state.submitted_at_ms,
        finished_at_ms: state.finished_at_ms,
        models: models(state),
        sources: sources(state),
        waves_run: state.waves_run,
        waves_rerun: state.waves_rerun,
        progress: Some(v1::Progress {
            bytes_total: progress.bytes_total,
            bytes_done: counts.bytes,
            records: counts.records,
            bad_records: counts.bad_records,
            tasks_done: counts.tasks,
            tasks_total: progress.tasks_total,
        }),
        executors: state
            .tasks
            .iter()
            .map(|(id, &tasks)| v1::ExecutorTasks {
                id: id.clone(),
                pid: progress.pids.get(id).copied().unwrap_or(0),
                tasks,
            })
            .collect(),
        first_task_ms: progress.first_task_ms,
        total_ms: state.finished_at_ms.saturating_sub(state.submitted_at_ms),
        warnings: state.warnings.lines(),
        checks: state
            .checks
            .iter()
            .map(|check| v1::CheckView {
                model: check.model.clone(),
                name: check.name.clone(),
                severity: check.severity.as_str().to_owned(),
                passed: check.found.passed(),
                failing_rows: check.found.failing_rows,
                examples: check.found.examples.clone(),
            })
            .collect(),
    }
}

/// What the user reads of a job whose scheduler stopped while it ran.
pub(crate) const INTERRUPTED_TEXT: &str = "its scheduler stopped while it ran; tables that it has \
    committed are complete, the others are as they were; run it again";

/// A job's state in words, as the client and the journal have it.
#[must_use]
pub fn state_text(state: v1::JobState) -> &'static str {
    match state {
        v1::JobState::Unspecified => "unknown",
        v1::JobState::Queued => "queued",
        v1::JobState::Discovering => "discovering",
        v1::JobState::Running => "running",
        v1::JobState::Committing => "committing",
        v1::JobState::Done => "done",
        v1::JobState::Failed => "failed",
        v1::JobState::Cancelled => "cancelled",
        v1::JobState::Interrupted => "interrupted",
    }
}

/// Whether a job in this state has ended.
#[must_use]
pub fn has_ended(state: v1::JobState) -> bool {
    use v1::JobState::{Cancelled, Done, Failed, Interrupted};
    matches!(state, Done | Failed | Cancelled | Interrupted)
}

fn wire_state(phase: Phase) -> v1::JobState {
    match phase {
        Phase::Queued => v1::JobState::Queued,
        Phase::Settling { .. } | Phase::Resettling { .. } => v1::JobState::Discovering,
        Phase::Opening { .. }
        | Phase::Planning { .. }
        | Phase::Running { .. }
        | Phase::Staging { .. }
        | Phase::Checking { .. } => v1::JobState::Running,
        Phase::Committing { .. } | Phase::Quarantining { .. } => v1::JobState::Committing,
        Phase::Ended(Outcome::Done) => v1::JobState::Done,
        Phase::Ended(Outcome::Failed) => v1::JobState::Failed,
        Phase::Ended(Outcome::Cancelled) => v1::JobState::Cancelled,
    }
}

fn models(state: &JobState) -> Vec<v1::ModelView> {
    let models = state.spec.models.iter().zip(&state.models);
    models
        .map(|(spec, model)| v1::ModelView {
            table: spec.name.clone(),
            state: model.status.as_str().to_owned(),
            version: model.version,
            rows: model.rows,
            files: model.files,
            bytes: model.bytes,
        })
        .collect()
}

/// Until a model has committed, a source shows what was found; then, what
/// became of it.
fn sources(state: &JobState) -> Vec<v1::SourceView> {
    let mut views = Vec::new();
    for spec in &state.spec.sources {
        let found = || {
            let files = state
                .sources
                .get(&spec.name)
                .map(|source| source.files.as_slice())
                .unwrap_or_default();
            SourceCounts {
                files: files.len() as u64,
                bytes: files.iter().map(|file| file.size).sum(),
                ..SourceCounts::default()
            }
        };
        let counts = state
            .source_counts
            .get(&spec.name)
            .copied()
            .unwrap_or_else(found);
        views.push(v1::SourceView {
            name: spec.name.clone(),
            files: counts.files,
            bytes: counts.bytes,
            read: counts.read,
            written: counts.written,
            filtered: counts.filtered,
            dropped: counts.dropped,
            quarantined: counts.quarantined,
        });
    }
    views
}
