//! The decisions of a job's driver: one event in, the actions out.
//!
//! This file holds what concerns the job: its start, its sources, stopping,
//! failing, ending. `model` holds the way of one model from its table's
//! opening to its commit, `wave` that of its waves.

use std::collections::VecDeque;
use std::sync::Arc;

use headworks_engine::api::{SettledSource, WaveDiscard};
use headworks_lake::{Audit, PendingFile};

use super::action::{Action, CommitWork, Record};
use super::checks;
use super::event::Event;
use super::merge;
use super::model;
use super::sample;
use super::state::{ErrorClass, Failure, JobState, ModelStatus, Outcome, Phase};
use super::wave;

/// Decides what follows from an event. Changes `state`, and returns what is
/// to be done, in this order; the last action is the one that is awaited.
///
/// # Panics
/// On a transition that [`Phase::may_become`] forbids: a defect of the driver.
pub fn step(state: &mut JobState, event: Event, now_ms: u64) -> Vec<Action> {
    let mut actions = decide(state, event, now_ms);
    if state.journal_failed {
        actions.retain(|action| !matches!(action, Action::Journal(_)));
    }
    actions
}

fn decide(state: &mut JobState, event: Event, now_ms: u64) -> Vec<Action> {
    match (state.phase, event) {
        (Phase::Ended(_), _) => Vec::new(),
        (_, Event::Cancel(reason)) => cancel(state, reason, now_ms),
        (_, Event::JournalFailed(error)) => journal_failed(state, &error, now_ms),
        (Phase::Running { .. } | Phase::Checking { .. }, Event::CancelOverdue)
            if state.stop.is_some() =>
        {
            let mut actions = vec![Action::Abandon];
            actions.extend(end_cancelled(state, now_ms));
            actions
        }
        (_, Event::CancelOverdue) => Vec::new(),
        (Phase::Queued, Event::Start) => {
            let mut actions = vec![Action::Journal(Record::Started)];
            actions.extend(settle_next(state, 0, now_ms));
            actions
        }
        (Phase::Settling { source }, Event::Settled(settled)) => {
            settled_source(state, source, *settled, now_ms)
        }
        (Phase::Resettling { model, .. }, Event::Settled(settled)) => {
            sample::settled_again(state, model, *settled, now_ms)
        }
        (Phase::Opening { model }, Event::Opened(table)) => {
            model::opened(state, model, table.as_ref(), now_ms)
        }
        (Phase::Planning { model }, Event::Planned(plan)) => {
            model::planned(state, model, *plan, now_ms)
        }
        (Phase::Running { .. }, Event::WaveSubmitted(engine_job)) => {
            wave::wave_submitted(state, engine_job)
        }
        (
            Phase::Running { .. },
            Event::WaveEnded {
                outcome,
                executor_lost,
            },
        ) => wave::wave_ended(state, outcome, executor_lost, now_ms),
        (Phase::Staging { model }, Event::Staged) => merge::staged(state, model),
        (Phase::Checking { .. }, Event::WaveSubmitted(engine_job)) => {
            checks::check_submitted(state, engine_job)
        }
        (
            Phase::Checking { model, check },
            Event::CheckEnded {
                outcome,
                looked_at,
                executor_lost,
            },
        ) => checks::check_ended(
            state,
            (model, check),
            outcome,
            looked_at,
            executor_lost,
            now_ms,
        ),
        (Phase::Checking { .. }, Event::Overtaken(_) | Event::Failed { .. })
            if state.stop.is_some() =>
        {
            end_cancelled(state, now_ms)
        }
        (Phase::Committing { model }, Event::MovedOn(reason)) => {
            checks::moved_on(state, model, reason, now_ms)
        }
        (Phase::Committing { model }, Event::Committed { version, unsettled }) => {
            model::committed(state, model, version, unsettled, now_ms)
        }
        (Phase::Checking { model, .. } | Phase::Committing { model }, Event::Overtaken(reason)) => {
            model::overtaken(state, model, reason, now_ms)
        }
        (Phase::Committing { .. }, Event::CommitUnknown(error)) => {
            // The log may name these files: they are left to the lake.
            if let Some(run) = &mut state.run {
                run.files.clear();
            }
            fail(state, ErrorClass::Lake, error, now_ms)
        }
        (Phase::Quarantining { model, at }, Event::Committed { version, unsettled }) => {
            quarantined(state, (model, at), version, unsettled, now_ms)
        }
        (Phase::Quarantining { model, at }, Event::CommitUnknown(error)) => {
            // The log may name these files: they are left to the lake.
            let in_hand = state.quarantine_queue.pop_front();
            let source = in_hand.map(|(source, _)| source).unwrap_or_default();
            quarantine_failed(state, (model, at), &source, &error, now_ms)
        }
        (
            Phase::Quarantining { model, at },
            Event::Failed { error, .. } | Event::Overtaken(error) | Event::MovedOn(error),
        ) => {
            let (source, mut files) = state.quarantine_queue.pop_front().unwrap_or_default();
            if let Some(run) = &mut state.run {
                let surplus = run.quarantine_surplus.entry(source.clone());
                surplus.or_default().append(&mut files);
            }
            quarantine_failed(state, (model, at), &source, &error, now_ms)
        }
        (
            Phase::Settling { .. }
            | Phase::Resettling { .. }
            | Phase::Opening { .. }
            | Phase::Planning { .. }
            | Phase::Checking { .. }
            | Phase::Staging { .. }
            | Phase::Committing { .. },
            Event::Failed { class, error },
        ) => fail(state, class, error, now_ms),
        // A commit in flight must not be pulled the ground from under.
        (Phase::Committing { .. } | Phase::Quarantining { .. }, event) => {
            vec![Action::Journal(Record::Note(format!(
                "heard `{}` during a commit; ignored",
                event.name()
            )))]
        }
        (phase, event) => {
            let error = format!(
                "the driver heard `{}` in phase {phase:?}: a defect of Headworks; please report it with the job's log",
                event.name()
            );
            let mut actions = stop_wave(state);
            actions.extend(fail(state, ErrorClass::Engine, error, now_ms));
            actions
        }
    }
}

fn settle_next(state: &mut JobState, source: usize, now_ms: u64) -> Vec<Action> {
    if source < state.spec.sources.len() {
        state.become_phase(Phase::Settling { source });
        vec![Action::Settle(source)]
    } else {
        begin_model(state, 0, now_ms)
    }
}

fn settled_source(
    state: &mut JobState,
    source: usize,
    settled: SettledSource,
    now_ms: u64,
) -> Vec<Action> {
    let settled = Arc::new(settled);
    state
        .sources
        .insert(settled.spec.name.clone(), Arc::clone(&settled));
    let mut actions = vec![Action::Journal(Record::SourceSettled(settled))];
    actions.extend(settle_next(state, source + 1, now_ms));
    actions
}

/// Begins a model, or ends the job when there is none left.
pub(super) fn begin_model(state: &mut JobState, model: usize, now_ms: u64) -> Vec<Action> {
    if model >= state.models.len() {
        return end(state, Outcome::Done, now_ms);
    }
    if state.stop.is_some() {
        return end_cancelled(state, now_ms);
    }
    state.become_phase(Phase::Opening { model });
    state.models[model].status = ModelStatus::Running;
    vec![Action::Open(model)]
}

/// Commits the quarantine of the next source in the queue; behind the last
/// one, the model's table, or the job ends if it has failed.
pub(super) fn next_quarantine(
    state: &mut JobState,
    model: usize,
    at: usize,
    now_ms: u64,
) -> Vec<Action> {
    if state.stop.is_some() && state.failure.is_none() {
        return end_cancelled(state, now_ms);
    }
    let Some((source, files)) = state.quarantine_queue.front().cloned() else {
        return match state.failure {
            Some(_) => end(state, Outcome::Failed, now_ms),
            None => model::commit_table(state, model, now_ms),
        };
    };
    state.become_phase(Phase::Quarantining { model, at });
    let commit_id = state.quarantine_commit_id(model, &source);
    let failed = state.failure.is_some();
    vec![
        Action::Journal(Record::CommitIntended {
            model,
            quarantine_of: Some(source.clone()),
            commit_id: commit_id.clone(),
            failed,
        }),
        Action::Commit(Box::new(CommitWork {
            model,
            quarantine_of: Some(source),
            commit_id,
            at_ms: now_ms,
            files,
            remove: Vec::new(),
            inputs: Vec::new(),
            audit: Audit::Coverage,
            base: Some(0),
            failed,
            checked: None,
        })),
    ]
}

/// The quarantine of a source has its log entry.
fn quarantined(
    state: &mut JobState,
    (model, at): (usize, usize),
    version: u64,
    unsettled: Option<String>,
    now_ms: u64,
) -> Vec<Action> {
    let (source, files) = state.quarantine_queue.pop_front().unwrap_or_default();
    let commit_id = state.quarantine_commit_id(model, &source);
    let mut actions = vec![Action::Journal(Record::Committed {
        model,
        quarantine_of: Some(source.clone()),
        commit_id,
        version,
    })];
    let done = state.models[model].quarantined.entry(source).or_default();
    done.commits += 1;
    done.records += files.iter().map(|file| file.rows).sum::<u64>();
    if let Some(line) = unsettled {
        state.warnings.note(line);
    }
    actions.extend(next_quarantine(state, model, at + 1, now_ms));
    actions
}

/// The quarantine of a source could not be committed. Unless the job has
/// failed before, its model is given up: its table is unchanged, so a job that
/// runs again reads these records again.
fn quarantine_failed(
    state: &mut JobState,
    (model, at): (usize, usize),
    source: &str,
    error: &str,
    now_ms: u64,
) -> Vec<Action> {
    let error =
        format!("the bad records of source `{source}` could not be put into quarantine: {error}");
    if state.failure.is_none() && state.stop.is_none() {
        let table = &state.spec.models[model].name;
        let error = format!(
            "{error}; table `{table}` is unchanged; run the job again once the cause is mended"
        );
        return fail(state, ErrorClass::Lake, error, now_ms);
    }
    let mut actions = vec![Action::Journal(Record::Note(error.clone()))];
    state.warnings.note(error);
    actions.extend(next_quarantine(state, model, at + 1, now_ms));
    actions
}

/// Fails the job: what its model wrote is discarded, the quarantine is kept.
pub(super) fn fail(
    state: &mut JobState,
    class: ErrorClass,
    error: String,
    now_ms: u64,
) -> Vec<Action> {
    let mut actions = vec![Action::Journal(Record::Note(format!("failed: {error}")))];
    // What failed first is the cause.
    if state.failure.is_none() {
        state.failure = Some(Failure {
            class: Some(class),
            error,
        });
    }
    let (dropped, queue) = drop_run(state);
    actions.extend(dropped);
    if let (false, Some(model)) = (
        queue.is_empty() || state.journal_failed,
        state.model_in_hand(),
    ) {
        let at = match state.phase {
            Phase::Quarantining { at, .. } => at + 1,
            _ => 0,
        };
        state.quarantine_queue = queue;
        actions.extend(next_quarantine(state, model, at, now_ms));
    } else {
        actions.extend(end(state, Outcome::Failed, now_ms));
    }
    actions
}

/// The quarantine files of a model that did not commit, by source.
type QuarantineQueue = VecDeque<(String, Vec<PendingFile>)>;

/// Gives the model in hand up, if it has not committed: discards what it
/// wrote. Returns its quarantine, as far as that is not committed.
fn drop_run(state: &mut JobState) -> (Vec<Action>, QuarantineQueue) {
    let mut queue = std::mem::take(&mut state.quarantine_queue);
    let Some(model) = state.model_in_hand() else {
        return (Vec::new(), queue);
    };
    if state.models[model].status != ModelStatus::Running {
        return (Vec::new(), queue);
    }
    state.models[model].status = ModelStatus::Failed;
    let mut actions = vec![Action::Journal(Record::ModelFailed { model })];
    let Some(mut run) = state.run.take() else {
        return (actions, queue);
    };
    let files = run.take_files();
    if !is_empty(&files) {
        actions.push(Action::Discard { model, files });
    }
    state.warnings.merge(std::mem::take(&mut run.warnings));
    queue.extend(run.quarantine);
    (actions, queue)
}

fn cancel(state: &mut JobState, reason: String, now_ms: u64) -> Vec<Action> {
    if state.stop.is_some() || state.failure.is_some() {
        return Vec::new();
    }
    let mut actions = vec![Action::Journal(Record::Note(format!(
        "asked to stop: {reason}"
    )))];
    state.stop = Some(reason);
    match state.phase {
        Phase::Queued => actions.extend(end_cancelled(state, now_ms)),
        Phase::Settling { .. }
        | Phase::Resettling { .. }
        | Phase::Opening { .. }
        | Phase::Planning { .. }
        | Phase::Staging { .. } => {
            actions.push(Action::Abandon);
            actions.extend(end_cancelled(state, now_ms));
        }
        Phase::Running { .. } | Phase::Checking { .. } => {
            // Not yet submitted: it is stopped as soon as it is.
            if let Some(engine_job) = state.run.as_ref().and_then(|run| run.engine_job.clone()) {
                actions.push(Action::CancelWave(engine_job));
            }
        }
        // A commit is short and cannot be stopped half-way; the job ends behind it.
        Phase::Committing { .. } | Phase::Quarantining { .. } | Phase::Ended(_) => {}
    }
    actions
}

/// Ends a job that was asked to stop: all that it has not committed goes.
pub(super) fn end_cancelled(state: &mut JobState, now_ms: u64) -> Vec<Action> {
    let model = state.model_in_hand();
    let (mut actions, queue) = drop_run(state);
    if let (false, Some(model)) = (queue.is_empty(), model) {
        let files = WaveDiscard {
            files: Vec::new(),
            quarantine: queue.into_iter().collect(),
        };
        actions.push(Action::Discard { model, files });
    }
    let error = state.stop.clone().unwrap_or_default();
    state.failure = Some(Failure { class: None, error });
    actions.extend(end(state, Outcome::Cancelled, now_ms));
    actions
}

/// Without a journal nothing more may be begun: the job ends here.
fn journal_failed(state: &mut JobState, error: &str, now_ms: u64) -> Vec<Action> {
    state.journal_failed = true;
    let error = format!(
        "the journal cannot be written: {error}; free or mend the disk that holds the state folder, then run the job \
         again (tables that it has committed are complete)"
    );
    let mut actions = stop_wave(state);
    if let Some(run) = &mut state.run {
        // Nothing can be committed without a journal, quarantine neither.
        let queue = std::mem::take(&mut state.quarantine_queue);
        for (source, mut files) in std::mem::take(&mut run.quarantine).into_iter().chain(queue) {
            run.quarantine_surplus
                .entry(source)
                .or_default()
                .append(&mut files);
        }
    }
    actions.extend(fail(state, ErrorClass::Engine, error, now_ms));
    actions
}

/// Leaves a wave that may still be running: it is stopped, and what it wrote
/// is discarded when it ends.
fn stop_wave(state: &JobState) -> Vec<Action> {
    let mut actions = Vec::new();
    if let Some(engine_job) = state.run.as_ref().and_then(|run| run.engine_job.clone()) {
        actions.push(Action::CancelWave(engine_job));
    }
    actions.push(Action::Abandon);
    actions
}

fn end(state: &mut JobState, outcome: Outcome, now_ms: u64) -> Vec<Action> {
    state.become_phase(Phase::Ended(outcome));
    state.finished_at_ms = now_ms;
    vec![
        Action::Journal(Record::Ended {
            outcome,
            failure: state.failure.clone(),
        }),
        Action::End(outcome),
    ]
}

/// Whether there is nothing to discard.
pub(super) fn is_empty(discard: &WaveDiscard) -> bool {
    discard.files.is_empty() && discard.quarantine.values().all(Vec::is_empty)
}
