//! One wave after the other: attempts that are believed, run again, thrown
//! away or given up.

use std::sync::Arc;

use headworks_engine::api::{SAMPLE, STALE, Wave, WaveDiscard, WaveOutcome, WaveResult};

use super::action::{Action, Record};
use super::audit;
use super::chain::{self, Verdict};
use super::merge;
use super::model::{self, check_failed, commit};
use super::quarantine;
use super::sample;
use super::state::{ErrorClass, JobState, Phase};
use super::step::{end_cancelled, fail, is_empty};

/// How a model begins anew: which one, why, when.
type Anew = fn(&mut JobState, usize, String, u64) -> Vec<Action>;

/// Starts the next attempt at a wave.
pub(super) fn start_wave(state: &mut JobState, model: usize, wave: Wave) -> Vec<Action> {
    state.become_phase(Phase::Running {
        model,
        wave: wave.index,
    });
    let next = state.models[model]
        .next_attempt
        .entry(wave.index)
        .or_default();
    let attempt = *next;
    *next += 1;
    if let Some(run) = &mut state.run {
        run.wave = wave.clone();
        run.attempt = attempt;
        run.engine_job = None;
    }
    vec![
        Action::Journal(Record::WaveStarted {
            model,
            wave: wave.clone(),
            attempt,
        }),
        Action::RunWave { wave, attempt },
    ]
}

/// The engine has given the attempt an id.
pub(super) fn wave_submitted(state: &mut JobState, engine_job: String) -> Vec<Action> {
    let stopping = state.stop.is_some();
    let (Some(model), Some(run)) = (state.model_in_hand(), &mut state.run) else {
        return Vec::new();
    };
    run.engine_job = Some(engine_job.clone());
    let mut actions = vec![Action::Journal(Record::WaveSubmitted {
        model,
        wave: run.wave.index,
        attempt: run.attempt,
        engine_job: engine_job.clone(),
    })];
    if stopping {
        actions.push(Action::CancelWave(engine_job));
    }
    actions
}

/// An attempt has ended.
pub(super) fn wave_ended(
    state: &mut JobState,
    outcome: WaveOutcome,
    executor_lost: bool,
    now_ms: u64,
) -> Vec<Action> {
    state.waves_run += 1;
    if let Some(run) = &mut state.run {
        run.engine_job = None;
        if run.retries + run.restarts > 0 {
            state.waves_rerun += 1;
        }
    }
    match outcome {
        WaveOutcome::Accepted(result) => wave_accepted(state, *result, now_ms),
        WaveOutcome::RunAgain { reason, discard } => run_again(state, &reason, discard, now_ms),
        WaveOutcome::Cancelled { discard } => {
            run_again(state, "the engine stopped it", discard, now_ms)
        }
        WaveOutcome::Failed {
            class,
            error,
            discard,
        } => {
            if let (None, Some(model)) = (&state.stop, state.model_in_hand()) {
                let anew = match class.as_str() {
                    STALE => Some(model::overtaken as Anew),
                    SAMPLE if sample::reads_sampled(state, model) => Some(sample::refuted as Anew),
                    _ => None,
                };
                if let Some(anew) = anew {
                    let mut actions = discard_attempt(state, discard, &error);
                    actions.extend(anew(state, model, error, now_ms));
                    return actions;
                }
            }
            let class = ErrorClass::parse(&class);
            if class == ErrorClass::Engine && executor_lost {
                return run_again(
                    state,
                    &format!("an executor was lost: {error}"),
                    discard,
                    now_ms,
                );
            }
            let mut actions = discard_attempt(state, discard, &error);
            if state.stop.is_some() {
                actions.extend(end_cancelled(state, now_ms));
            } else {
                actions.extend(fail(state, class, error, now_ms));
            }
            actions
        }
    }
}

/// Writes down that the attempt in hand came to nothing, and removes its files.
pub(super) fn discard_attempt(state: &JobState, discard: WaveDiscard, reason: &str) -> Vec<Action> {
    let (Some(model), Some(run)) = (state.model_in_hand(), &state.run) else {
        return Vec::new();
    };
    let mut actions = vec![Action::Journal(Record::WaveDiscarded {
        model,
        wave: run.wave.index,
        attempt: run.attempt,
        reason: reason.to_owned(),
    })];
    if !is_empty(&discard) {
        actions.push(Action::Discard {
            model,
            files: discard,
        });
    }
    actions
}

/// Runs the wave again, a bounded number of times: nothing of it was visible.
fn run_again(state: &mut JobState, reason: &str, discard: WaveDiscard, now_ms: u64) -> Vec<Action> {
    let mut actions = discard_attempt(state, discard, reason);
    if state.stop.is_some() {
        actions.extend(end_cancelled(state, now_ms));
        return actions;
    }
    let retries_max = state.spec.tuning.wave_retries_max;
    let (Some(model), Some(run)) = (state.model_in_hand(), &mut state.run) else {
        return actions;
    };
    run.retries += 1;
    let (wave, retries) = (run.wave.clone(), run.retries);
    if retries > retries_max {
        let error = format!(
            "wave {} of model `{}` was run {retries} times and never came to a result that can be believed; the last \
             time: {reason}; the table is unchanged; see whether executors keep dying (memory?), then run the job again",
            wave.index, state.spec.models[model].name
        );
        actions.extend(fail(state, ErrorClass::Engine, error, now_ms));
    } else {
        actions.extend(start_wave(state, model, wave));
    }
    actions
}

fn wave_accepted(state: &mut JobState, result: WaveResult, now_ms: u64) -> Vec<Action> {
    if state.stop.is_some() {
        let mut actions =
            discard_attempt(state, quarantine::all_files(&result), "the job is stopped");
        actions.extend(end_cancelled(state, now_ms));
        return actions;
    }
    let (Some(model), Some(run)) = (state.model_in_hand(), &mut state.run) else {
        return Vec::new();
    };
    if let Some(step) = run.wave.merge.clone() {
        return merge::wave_accepted(state, model, &step, result, now_ms);
    }
    let (scans, repeated) = audit::one_scan_a_split(&result);
    let verdict = chain::judge(&run.wave, &run.accounts, &scans, run.restarts);
    let verdict = match verdict {
        Ok(Verdict::Verified) => audit::add_wave(
            &mut run.accounts,
            &run.wave,
            &result,
            &scans,
            run.counts_records,
        )
        .map(|()| None),
        Ok(Verdict::Restart { wave, reason }) => Ok(Some((wave, reason))),
        Err(failure) => Err(failure),
    };
    match verdict {
        Err(failure) => {
            let error = check_failed(state, model, &failure);
            let mut actions = discard_attempt(state, quarantine::all_files(&result), &error);
            actions.extend(fail(state, ErrorClass::Check, error, now_ms));
            actions
        }
        Ok(Some((wave, reason))) => {
            run.restarts += 1;
            let mut actions = discard_attempt(state, quarantine::all_files(&result), &reason);
            actions.extend(start_wave(state, model, wave));
            actions
        }
        Ok(None) => {
            quarantine::sort_wave(run, &scans, &repeated);
            for scan in scans.values() {
                run.warnings
                    .add_report(&scan.source, &scan.split.path, &scan.report);
            }
            run.files.extend(result.files.iter().cloned());
            run.rows += result.rows;
            run.unnests |= !result.unnest_in.is_empty();
            (run.retries, run.restarts) = (0, 0);
            for (executor, tasks) in &result.tasks {
                *state.tasks.entry(executor.clone()).or_default() += tasks;
            }
            let (wave, attempt) = (run.wave.index, run.attempt);
            let next = run.plan.waves.iter().find(|w| w.index == wave + 1).cloned();
            let mut actions = vec![Action::Journal(Record::WaveAccepted {
                model,
                wave,
                attempt,
                result: Arc::new(result),
            })];
            actions.extend(match next {
                Some(next) => start_wave(state, model, next),
                None => commit(state, model, now_ms),
            });
            actions
        }
    }
}
