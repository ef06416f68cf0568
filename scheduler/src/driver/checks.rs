//! The checks of a model, between its audit and its commit: one after the
//! other over the table as it will be. All of them are made before the verdict,
//! so that one run tells of everything that is wrong.
//!
//! A check that fails with severity `error` leaves the table as it was. The
//! commit says over which version it was checked; if another one has come in
//! between, the lake refuses it and the checks are made again.

use std::sync::Arc;

use headworks_engine::api::{CheckFindings, CheckOutcome, STALE};
use headworks_spec::{CheckRule, CheckSpec, Severity, WriteMode};

use super::action::{Action, CommitWork, Record};
use super::model::{overtaken, start_commit};
use super::state::{CheckRun, CheckState, ErrorClass, JobState, Phase};
use super::step::{end_cancelled, fail};

/// So often may a model be checked again because its table moved on before it
/// could commit.
pub(super) const CHECKS_AGAIN_MAX: u32 = 10;
/// So many examples stand in an error message.
const EXAMPLES_SHOWN_MAX: usize = 3;

/// The audit has passed: the model's checks, or at once its commit.
pub(super) fn begin_checks(
    state: &mut JobState,
    model: usize,
    work: CommitWork,
    now_ms: u64,
) -> Vec<Action> {
    let Some(run) = &mut state.run else {
        return Vec::new();
    };
    if state.spec.models[model].checks.is_empty() {
        return start_commit(state, model, work, now_ms);
    }
    run.checks = Some(CheckRun {
        work,
        attempt: 0,
        retries: 0,
        rounds: 0,
        looked_at: 0,
    });
    start_check(state, model, 0)
}

/// Begins an attempt at a check.
fn start_check(state: &mut JobState, model: usize, check: usize) -> Vec<Action> {
    if check == 0 {
        let table = &state.spec.models[model].name;
        state.checks.retain(|made| made.model != *table);
    }
    let next = state.models[model]
        .next_check_attempt
        .entry(check)
        .or_default();
    let attempt = *next;
    *next += 1;
    state.become_phase(Phase::Checking { model, check });
    let Some(run) = &mut state.run else {
        return Vec::new();
    };
    run.engine_job = None;
    let Some(checks) = &mut run.checks else {
        return Vec::new();
    };
    checks.attempt = attempt;
    vec![
        Action::Journal(Record::CheckStarted {
            model,
            check,
            attempt,
        }),
        Action::Check {
            // Later ones look at the same as the first.
            candidate: (check == 0).then(|| Box::new(checks.work.clone())),
            model,
            check,
            attempt,
        },
    ]
}

/// The engine has given the attempt an id.
pub(super) fn check_submitted(state: &mut JobState, engine_job: String) -> Vec<Action> {
    let stopping = state.stop.is_some();
    if let Some(run) = &mut state.run {
        run.engine_job = Some(engine_job.clone());
    }
    match stopping {
        true => vec![Action::CancelWave(engine_job)],
        false => Vec::new(),
    }
}

/// An attempt at a check has ended, over version `looked_at` of the table.
pub(super) fn check_ended(
    state: &mut JobState,
    (model, check): (usize, usize),
    outcome: CheckOutcome,
    looked_at: u64,
    executor_lost: bool,
    now_ms: u64,
) -> Vec<Action> {
    if let Some(run) = &mut state.run {
        run.engine_job = None;
    }
    let again = match outcome {
        CheckOutcome::Found(found) if state.stop.is_none() => {
            return found_out(state, (model, check), found, looked_at, now_ms);
        }
        CheckOutcome::Found(_) => "the job is stopped".to_owned(),
        CheckOutcome::RunAgain { reason } => reason,
        CheckOutcome::Cancelled => "the engine stopped it".to_owned(),
        CheckOutcome::Failed { class, error } => {
            let is_engines = ErrorClass::parse(&class) == ErrorClass::Engine && class != STALE;
            if is_engines && executor_lost {
                format!("an executor was lost: {error}")
            } else if state.stop.is_some() {
                error
            } else {
                let mut actions = discard_attempt(state, (model, check), &error);
                actions.extend(match class == STALE {
                    true => overtaken(state, model, error, now_ms),
                    false => fail(state, ErrorClass::parse(&class), error, now_ms),
                });
                return actions;
            }
        }
    };
    let mut actions = discard_attempt(state, (model, check), &again);
    if state.stop.is_some() {
        actions.extend(end_cancelled(state, now_ms));
        return actions;
    }
    let retries_max = state.spec.tuning.wave_retries_max;
    let retries = match state.run.as_mut().and_then(|run| run.checks.as_mut()) {
        Some(checks) => {
            checks.retries += 1;
            checks.retries
        }
        None => return actions,
    };
    actions.extend(match retries > retries_max {
        true => {
            let error = format!(
                "check `{}` of model `{}` was made {retries} times and never came to a result that can be believed; \
                 the last time: {again}; the table is unchanged; see whether executors keep dying (memory?), then run \
                 the job again",
                state.spec.models[model].checks[check].name, state.spec.models[model].name
            );
            fail(state, ErrorClass::Engine, error, now_ms)
        }
        false => start_check(state, model, check),
    });
    actions
}

/// Writes down that an attempt came to nothing.
fn discard_attempt(state: &JobState, (model, check): (usize, usize), reason: &str) -> Vec<Action> {
    let checks = state.run.as_ref().and_then(|run| run.checks.as_ref());
    let attempt = checks.map_or(0, |checks| checks.attempt);
    vec![Action::Journal(Record::CheckDiscarded {
        model,
        check,
        attempt,
        reason: reason.to_owned(),
    })]
}

/// What a check found is believed: the next one, or the verdict.
fn found_out(
    state: &mut JobState,
    (model, check): (usize, usize),
    found: CheckFindings,
    looked_at: u64,
    now_ms: u64,
) -> Vec<Action> {
    let spec = Arc::clone(&state.spec);
    let spec = &spec.models[model];
    let Some(checks) = state.run.as_mut().and_then(|run| run.checks.as_mut()) else {
        return Vec::new();
    };
    checks.retries = 0;
    if check == 0 {
        checks.looked_at = looked_at;
    }
    let mut actions = vec![Action::Journal(Record::CheckFound {
        model,
        check,
        attempt: checks.attempt,
        found: found.clone(),
    })];
    let CheckSpec { name, severity, .. } = &spec.checks[check];
    state.checks.push(CheckState {
        model: spec.name.clone(),
        name: name.clone(),
        severity: *severity,
        found,
    });
    actions.extend(match check + 1 < spec.checks.len() {
        true => start_check(state, model, check + 1),
        false => verdict(state, model, now_ms),
    });
    actions
}

/// All checks of a model have been made: its commit, or its end.
fn verdict(state: &mut JobState, model: usize, now_ms: u64) -> Vec<Action> {
    let spec = Arc::clone(&state.spec);
    let spec = &spec.models[model];
    let made = state.checks.iter().filter(|made| made.model == spec.name);
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for (check, made) in spec.checks.iter().zip(made) {
        if !made.found.passed() {
            let line = describe(check, &made.found);
            match check.severity {
                Severity::Error => errors.push(line),
                Severity::Warn => warnings.push(format!("model `{}`: {line}", spec.name)),
            }
        }
    }
    for line in warnings {
        state.warnings.note(line);
    }
    if !errors.is_empty() {
        let error = format!(
            "model `{}` is not committed: {}; the table is unchanged; mend the data or the model's SQL, or say \
             `severity: warn` to let such rows in, then run the job again",
            spec.name,
            errors.join("; ")
        );
        return fail(state, ErrorClass::Check, error, now_ms);
    }
    let Some(checks) = state.run.as_ref().and_then(|run| run.checks.as_ref()) else {
        return Vec::new();
    };
    let mut work = checks.work.clone();
    // Nothing of the table that is there goes into the one that was looked at.
    let keeps_rows = spec.options.mode != WriteMode::Overwrite;
    work.checked = keeps_rows.then_some(checks.looked_at);
    start_commit(state, model, work, now_ms)
}

/// The table has moved on since it was looked at.
pub(super) fn moved_on(
    state: &mut JobState,
    model: usize,
    reason: String,
    now_ms: u64,
) -> Vec<Action> {
    let rounds = match state.run.as_mut().and_then(|run| run.checks.as_mut()) {
        Some(checks) => {
            checks.rounds += 1;
            checks.rounds
        }
        None => CHECKS_AGAIN_MAX + 1,
    };
    if rounds > CHECKS_AGAIN_MAX {
        let error = format!(
            "model `{}` was checked {rounds} times, and each time another job committed before it: {reason}",
            state.spec.models[model].name
        );
        return fail(state, ErrorClass::Lake, error, now_ms);
    }
    let mut actions = vec![Action::Journal(Record::Note(format!(
        "model `{}`: checked again: {reason}",
        state.spec.models[model].name
    )))];
    if state.stop.is_some() {
        actions.extend(end_cancelled(state, now_ms));
    } else {
        actions.extend(start_check(state, model, 0));
    }
    actions
}

/// What a check that failed found.
fn describe(check: &CheckSpec, found: &CheckFindings) -> String {
    let name = &check.name;
    let rows = found.failing_rows;
    if let CheckRule::RowCount { min, max } = check.rule {
        let bound = |what, bound: Option<u64>| bound.map(|rows| format!("{what} {rows}"));
        let wanted = [bound("at least", min), bound("at most", max)];
        let wanted: Vec<String> = wanted.into_iter().flatten().collect();
        let has = found
            .examples
            .first()
            .map_or("another number", String::as_str);
        return format!(
            "check `{name}` failed: the table must have {} rows, and would have {has}",
            wanted.join(" and ")
        );
    }
    let shown = &found.examples[..found.examples.len().min(EXAMPLES_SHOWN_MAX)];
    let such_as = match shown {
        [] => String::new(),
        shown => format!(", such as {}", shown.join(", ")),
    };
    let noun = if rows == 1 { "row" } else { "rows" };
    format!("check `{name}` failed for {rows} {noun}{such_as}")
}
